/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The place of a running machine's control socket, which the broker makes and hands to the monitor.  Its directory must be ours with mode 0700; the
 * socket is made with mode 0600.  A lock file beside it (PATH.lock) keeps a second monitor of the same machine out; a socket that a dead
 * one left is replaced.
 *
 * One thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct ControlSocket ControlSocket;

/* Listens from here on.  NULL and an error (G_IO_ERROR_BUSY: the machine runs already). */
ControlSocket *control_socket_new (const char *path, GError **error);
/* The listener, which stays its own. */
int control_socket_fd (const ControlSocket *place);
/* Removes socket and lock.  NULL is nothing. */
void control_socket_free (ControlSocket *place);

G_END_DECLS
