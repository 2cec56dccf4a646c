/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Writing to a file that a person, or we, named.  What is at the name decides how:
 *
 * - nothing, or a regular file: it is replaced in one step by a file that is whole and on stable storage (fsync of file and folder,
 *   so that a power cut leaves the old or the new one), with the old one's mode;
 * - a symbolic link: its target is written in that way, and the link stays;
 * - a FIFO or a device: it is written to, and stays;
 * - anything else (a directory, a socket): an error.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct VivOutputFile VivOutputFile;

/* Nothing is at `path` before viv_output_file_commit().  `mode` is for a file that isn't there yet; umask applies. */
VivOutputFile *viv_output_file_new (const char *path, int mode, GError **error);
/* A regular file, empty and open for reading and writing, which takes the content.  Owned by `file`. */
int viv_output_file_fd (VivOutputFile *file);
/* Puts it in its place.  Blocks: for the disk, or while a FIFO's reader takes its time. */
gboolean viv_output_file_commit (VivOutputFile *file, GError **error);
/* Without a commit before: leaves no trace. */
void viv_output_file_free (VivOutputFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VivOutputFile, viv_output_file_free)

/* All of it in one call. */
gboolean viv_write_file (const char *path, const void *data, gsize length, int mode, GError **error);
/* fsync of a folder: names made, moved or removed in it before are on stable storage.  File systems without it do nothing. */
void viv_sync_folder (const char *folder);
/* TRUE for the name of a temporary file that a writer of `file` (a name without a folder) left when it was killed. */
gboolean viv_is_leftover (const char *name, const char *file);
/* Removes those of `file` in `folder` that are at least so old, in seconds: younger ones may be somebody's work. */
void viv_sweep_leftovers (const char *folder, const char *file, unsigned age);

G_END_DECLS
