/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One message with its descriptors over a SOCK_SEQPACKET socket.
 */
#define G_LOG_DOMAIN "viv-shm"

#include "display/shm-socket.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHM_REST_US 1000
#define REST        4
#define WATCHED     (G_IO_IN | G_IO_HUP | G_IO_ERR)

ShmSocketResult
shm_socket_send (int socket, const ShmMessage *message, const int *fds, unsigned n_fds)
{
  union
  {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int) * SHM_MAX_FDS)];
  } control = { 0 };
  struct iovec iov = { (void *)message, sizeof *message };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
  ssize_t n;

  if (n_fds > 0)
    {
      struct cmsghdr *cmsg;

      msg.msg_control = control.space;
      msg.msg_controllen = CMSG_SPACE (sizeof (int) * n_fds);
      cmsg = CMSG_FIRSTHDR (&msg);
      cmsg->cmsg_level = SOL_SOCKET;
      cmsg->cmsg_type = SCM_RIGHTS;
      cmsg->cmsg_len = CMSG_LEN (sizeof (int) * n_fds);
      memcpy (CMSG_DATA (cmsg), fds, sizeof (int) * n_fds);
    }
  do
    n = sendmsg (socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n == sizeof *message)
    return SHM_SOCKET_OK;
  if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
    return SHM_SOCKET_AGAIN;
  return SHM_SOCKET_CLOSED;
}

ShmSocketResult
shm_socket_receive (int socket, ShmMessage *message, int fds[SHM_MAX_FDS], unsigned *n_fds)
{
  union
  {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int) * SHM_MAX_FDS)];
  } control;
  struct iovec iov = { message, sizeof *message };
  struct msghdr msg
      = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control };
  gboolean good;
  ssize_t n;

  *n_fds = 0;
  do
    n = recvmsg (socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return errno == EAGAIN ? SHM_SOCKET_AGAIN : SHM_SOCKET_CLOSED;
  if (n == 0)
    return SHM_SOCKET_CLOSED;
  for (struct cmsghdr *cmsg = CMSG_FIRSTHDR (&msg); cmsg; cmsg = CMSG_NXTHDR (&msg, cmsg))
    if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
      for (size_t at = 0; at + sizeof (int) <= cmsg->cmsg_len - CMSG_LEN (0); at += sizeof (int))
        {
          int fd;

          memcpy (&fd, CMSG_DATA (cmsg) + at, sizeof fd);
          if (*n_fds < SHM_MAX_FDS)
            fds[(*n_fds)++] = fd;
          else
            close (fd);
        }
  good = n == sizeof *message && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
  while (!good && *n_fds > 0)
    close (fds[--*n_fds]);
  return good ? SHM_SOCKET_OK : SHM_SOCKET_BAD;
}

/* -- Watching -- */

typedef struct
{
  GSource source;
  int fd;
  gpointer tag;        /* NULL: resting */
  gboolean woken;      /* by the owner */
  int64_t last, spent; /* when the last turn ended, and how long it took: µs */
} Watch;

/* A peer that always has something to say must not have the main loop to itself, whatever its priority: a turn that follows closely
 * on another is followed by a rest of REST times its length. */
static gboolean
watch_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  Watch *watch = (Watch *)source;
  int64_t start = g_get_monotonic_time ();
  gboolean hurried = start - watch->last < MAX (watch->spent, SHM_REST_US);
  GIOCondition condition = 0;

  g_source_set_ready_time (source, -1);
  if (watch->tag != NULL)
    condition = g_source_query_unix_fd (source, watch->tag);
  else
    watch->tag = g_source_add_unix_fd (source, watch->fd, WATCHED);
  if (condition == 0 && !watch->woken)
    return G_SOURCE_CONTINUE;
  watch->woken = FALSE;
  if (!((GUnixFDSourceFunc)(void (*) (void))callback) (watch->fd, condition, data))
    return G_SOURCE_REMOVE;
  if (g_source_is_destroyed (source))
    return G_SOURCE_REMOVE;
  watch->last = g_get_monotonic_time ();
  watch->spent = watch->last - start;
  if (hurried)
    {
      g_source_remove_unix_fd (source, watch->tag);
      watch->tag = NULL;
      watch->last += MAX (REST * watch->spent, SHM_REST_US);
      g_source_set_ready_time (source, watch->last);
    }
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs watch_funcs = { .dispatch = watch_dispatch };

void
shm_socket_watch_wake (GSource *watch)
{
  ((Watch *)watch)->woken = TRUE;
  g_source_set_ready_time (watch, 0);
}

GSource *
shm_socket_watch (int fd, int priority, GUnixFDSourceFunc func, void *data)
{
  GSource *source = g_source_new (&watch_funcs, sizeof (Watch));
  Watch *watch = (Watch *)source;
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  watch->fd = fd;
  watch->last = -SHM_REST_US;
  watch->tag = g_source_add_unix_fd (source, fd, WATCHED);
  g_source_set_static_name (source, "shared screen");
  g_source_set_priority (source, priority);
  g_source_set_callback (source, G_SOURCE_FUNC (func), data, NULL);
  g_source_attach (source, context);
  return source;
}
