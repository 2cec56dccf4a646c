/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who a monitor is.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/monitor-peer.h"

#include "machine/folder-lock.h"
#include "machine/monitor-guard.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD /* Linux 6.5; older headers */
#define SO_PEERPIDFD 77
#endif

int
viv_monitor_peer (GDBusConnection *connection, pid_t *pid)
{
  GIOStream *stream = g_dbus_connection_get_stream (connection);
  GSocket *socket = viv_monitor_guard_socket (connection);
  struct ucred peer = { 0 };
  socklen_t length = sizeof (peer);

  *pid = 0;
  if (socket == NULL && G_IS_SOCKET_CONNECTION (stream))
    socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream));
  if (socket == NULL)
    return -1;
  int fd = g_socket_get_fd (socket);
  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.pid <= 0
      || peer.uid != geteuid ())
    return -1;
  *pid = peer.pid;
  int peer_fd = -1;
  length = sizeof (peer_fd);
  if (getsockopt (fd, SOL_SOCKET, SO_PEERPIDFD, &peer_fd, &length) == 0)
    return peer_fd;
  /* A peer that has ended is none; its number may be another's by now. */
  if (errno != ENOPROTOOPT)
    return -1;
  peer_fd = syscall (SYS_pidfd_open, peer.pid, 0);
  /* The number is the broker's, who made the socket; the monitor at the other end dies with it.  One that is still there says that the broker was, too, and that
   * the descriptor stands for nobody who has got the number since. */
  struct pollfd end = { .fd = fd, .events = POLLRDHUP };
  if (peer_fd >= 0 && poll (&end, 1, 0) != 0)
    {
      close (peer_fd);
      peer_fd = -1;
    }
  return peer_fd;
}

/* Who made the socket, found without his help: the kernel answers for a process that is stopped, too.  0: nobody. */
static pid_t
find_socket_peer (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct ucred peer = { 0 };
  socklen_t length = sizeof (peer);

  if (path == NULL || strlen (path) >= sizeof (address.sun_path))
    return 0;
  strcpy (address.sun_path, path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  gboolean known = fd >= 0 && connect (fd, (struct sockaddr *)&address, sizeof (address)) == 0
                   && getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid ();
  if (fd >= 0)
    close (fd);
  return known ? peer.pid : 0;
}

int
viv_monitor_find (const char *folder, const char *path, pid_t *pid)
{
  for (unsigned way = 0; way < 2; way++)
    {
      pid_t found = way == 0 ? find_socket_peer (path) : viv_folder_find_monitor (folder);
      int fd = found > 0 && found != getpid () ? syscall (SYS_pidfd_open, found, 0) : -1;
      if (fd < 0)
        continue;
      /* Looked up again now that the descriptor stands for it. */
      if (found == (way == 0 ? find_socket_peer (path) : viv_folder_find_monitor (folder)))
        {
          *pid = found;
          return fd;
        }
      close (fd);
    }
  return -1;
}
