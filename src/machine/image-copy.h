/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The content of an image into a new file: holes stay holes, and where the file system can share the blocks nothing is read.  For long
 * work on a thread of its own.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* 0 to 1, on the thread that copies, at most once a percent. */
typedef void (*ImageCopyFunc) (double fraction, gpointer data);

/* `to` is an empty file that can be written; on success all is on the disk, on error its content is of no use.  `from` must be a regular file.
 * Errors are sentences that name the file. */
gboolean image_copy (const char *from, int to, GCancellable *cancellable, ImageCopyFunc progress,
                     gpointer data, GError **error);

G_END_DECLS
