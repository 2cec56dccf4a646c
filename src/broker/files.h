/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a broker opens for its monitor: a table of files, made once from what the user has named.
 */
#pragma once

#include "base/family.h"
#include "machine/definition.h"

G_BEGIN_DECLS

typedef struct BrokerFiles BrokerFiles;

/* `path`, made absolute, is machine.ini; it is read here and now, and the monitor gets these bytes whatever becomes of the file.  `folder` NULL: the
 * file's own.  `state` may be NULL. */
BrokerFiles *broker_files_new (const char *path, const char *folder, const char *state, GError **error);
const MachineDefinition *broker_files_definition (BrokerFiles *files);
/* Something that is open: FAMILY_FILE_LISTENER and what follows it.  Takes the descriptor. */
void broker_files_add (BrokerFiles *files, unsigned file, int fd);
void broker_files_free (BrokerFiles *files);

/* The number comes from the monitor.  0 and a descriptor of the caller's, or an errno. */
int broker_files_open (BrokerFiles *files, unsigned file, gboolean write, int *fd);
/* What disk `disk` lies on, to read: the definition says which file that is, and `name`, the end of what the image says, is for words only.  ENOENT:
 * it lists none, and the log has said so. */
int broker_files_open_backing (BrokerFiles *files, unsigned disk, unsigned depth, const char *name, int *fd);
/* 0 and what stat(2) says, or an errno. */
int broker_files_look (BrokerFiles *files, unsigned file, uint32_t *mode, uint64_t *size);
/* 0 and a descriptor to read words from, or an errno. */
int broker_files_explain (BrokerFiles *files, unsigned file, int *fd);

G_END_DECLS
