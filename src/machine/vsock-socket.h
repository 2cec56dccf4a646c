/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The host's end of a machine's vsock, beside its control socket: PATH.vsock is where a client says "CONNECT PORT\n" and is answered "OK PORT\n" when the guest has taken it;
 * who wants to be reached by the guest listens on PATH.vsock_PORT.  The directory is the user's alone.
 *
 * Any thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Of the machine whose control socket is at `control`.  Transfer full. */
char *vsock_socket_path (const char *control);
/* …where the guest finds its `port`.  Transfer full. */
char *vsock_socket_port_path (const char *path, unsigned port);
/* A listener at `path`, close-on-exec and non-blocking, in place of one that nobody has any more; -1 and an error. */
int vsock_socket_listen (const char *path, GError **error);
/* A connection (likewise) to who listens there; -1 and errno.  Never waits. */
int vsock_socket_connect (const char *path);

G_END_DECLS
