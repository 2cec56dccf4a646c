/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files that somebody names and that are read whole: firmware, kernels, passwords, definitions.  The name may lead to anything, so
 * nothing but a regular file is opened, no open and no read waits for somebody else, and no more is read than the size that was
 * checked.
 */
#pragma once

#include <gio/gio.h>
#include <stdint.h>

G_BEGIN_DECLS

/* A descriptor for reading, and the size.  -1: it is no regular file, empty (as files in /proc say they are), or larger than `max`
 * bytes.  Errors are sentences that name the file. */
int regular_file_open (const char *path, uint64_t max, uint64_t *size, GError **error);
/* The content with a NUL behind it, to be freed with g_free(). */
gboolean regular_file_read (const char *path, uint64_t max, char **data, gsize *length, GError **error);

G_END_DECLS
