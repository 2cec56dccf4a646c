/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The address that a VNC server listens on.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Listens on "127.0.0.1:5901", "[::1]:0", "localhost:5901" or "unix:/path".  Anything but loopback and unix is refused unless
 * `public` is allowed.  Returns a non-blocking socket and what it is bound to (to be freed), -1 with an error. */
int vnc_listen (const char *address, gboolean allow_public, char **actual, GError **error);

G_END_DECLS
