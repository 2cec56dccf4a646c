/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The monitor's end of its broker (base/family.h): files by name are those of a table that both have.
 *
 * The process has one.  Any thread; a question keeps its thread until it is answered, which takes as long as the host needs to open a file.
 */
#pragma once

#include "base/family.h"

#include <stdint.h>

G_BEGIN_DECLS

/* From here on host_file_open() and its like ask the broker at the other end of `socket`. */
void broker_link_begin (int socket);
/* Adds a file to the table; its number must be the broker's (FamilyFile, or in the order of definition_files()).  Paths are as given to
 * host_file_open(). */
void broker_link_add_file (unsigned number, const char *path, gboolean write);

gboolean broker_link_is_up (void);
/* A descriptor, or -1 and errno. */
int broker_link_open (unsigned number);
void broker_link_blame (const char *key);
void broker_link_ready (void);
/* The socket to a helper that was started, and the number that it has for the call below; -1 and an error. */
int broker_link_helper (FamilyHelper helper, unsigned index, unsigned *number, GError **error);
/* Kills it, if it is there. */
void broker_link_end_helper (unsigned number);
/* A connection to who listens at the host for `port` of vsock0; -1 and errno. */
int broker_link_connect (unsigned port);
/* A file of a snapshot, empty, to read and write up to `size` bytes; its number is for the two calls below.  `disk`: 0 where it is no disk's.  -1 and
 * errno (ENOSPC: the host has no room). */
int broker_link_new_file (FamilyNew kind, unsigned disk, uint64_t size, unsigned *number);
/* It is whole: it gets its name.  An errno, or 0. */
int broker_link_keep_file (unsigned number, unsigned serial);
int broker_link_drop_file (unsigned number);
/* What a disk's image lies on, to read; `name` as the image says it.  -1 and errno. */
int broker_link_open_backing (unsigned disk, unsigned depth, const char *name);

G_END_DECLS
