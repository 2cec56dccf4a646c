/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The file with a VNC password: its first line, of which 8 bytes count (RFC 6143, 7.2.2).
 *
 * Who switches VNC on opens it by its name; who serves reads it from the descriptor, which anybody may have made.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define VNC_PASSWORD_BYTES 8

/* For reading, close-on-exec.  -1: no regular file, too large, or without a password in its first line; the error names the file. */
int vnc_password_open (const char *path, GError **error);
/* To be wiped and freed; NULL: the file has none, or is no regular file.  Does not move the file's position. */
char *vnc_password_read (int fd);

G_END_DECLS
