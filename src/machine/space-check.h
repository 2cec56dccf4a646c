/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Is there room where a machine writes?  A sparse image grows until its file system is full, and then the machine has to stop.
 */
#pragma once

#include "machine/definition.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* `low`: a sentence for the fullest one; NULL: there is room.  On the main context of who asked, unless `machine` has gone. */
typedef void (*VivSpaceCheckFunc) (GObject *machine, const char *low);
/* Looks on a thread of its own, which a dead server may hold for ever, at the disks of `definition` that can grow. */
void viv_space_check (GObject *machine, const MachineDefinition *definition, VivSpaceCheckFunc func);
/* Of so many bytes so many are left: a fiftieth, but no less than 512 MiB and no more than 4 GiB, are few. */
gboolean viv_space_is_low (guint64 left, guint64 size);

/* What is left where `path` is, for tests to replace before there are threads.  FALSE: not known. */
extern gboolean (*viv_space_left) (const char *path, guint64 *left, guint64 *size);

G_END_DECLS
