/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One message with its descriptors over a SOCK_SEQPACKET socket.
 */
#pragma once

#include "display/shm-protocol.h"

#include <glib-unix.h>

G_BEGIN_DECLS

#define SHM_MAX_FDS 2

typedef enum
{
  SHM_SOCKET_OK,
  SHM_SOCKET_AGAIN, /* nothing there, or no room */
  SHM_SOCKET_CLOSED,
  SHM_SOCKET_BAD, /* truncated, or something that is no message */
} ShmSocketResult;

/* Never blocks.  The descriptors stay the caller's. */
ShmSocketResult shm_socket_send (int socket, const ShmMessage *message, const int *fds, unsigned n_fds);
/* Never blocks.  The descriptors become the caller's; with any result but OK there are none. */
ShmSocketResult shm_socket_receive (int socket, ShmMessage *message, int fds[SHM_MAX_FDS], unsigned *n_fds);
/* A watch on the thread's default context.  However much the peer has to say, it gets half of the loop's time at most. */
GSource *shm_socket_watch (int fd, int priority, GUnixFDSourceFunc func, void *data);
/* Has `func` called soon, though the peer says nothing; its condition is 0 then. */
void shm_socket_watch_wake (GSource *watch);

G_END_DECLS
