/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whether a name is free for a listening UNIX socket.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  SOCKET_PLACE_FREE,  /* no socket there */
  SOCKET_PLACE_STALE, /* one that nobody has and that refuses connections: of a process that was killed */
  SOCKET_PLACE_TAKEN, /* by who listens there, or has it otherwise; or that can't be said */
} SocketPlace;

/* Asks the kernel's table of sockets first, not the socket, so that nobody hears of it.  Sockets of another network namespace are not in there: they
 * are tried. */
SocketPlace socket_place_look (const char *path);

/* bind() and listen(), the socket being the user's alone from its first moment.  For a moment, files that other threads make are, too. */
gboolean socket_place_listen (int fd, const char *path, int backlog);

G_END_DECLS
