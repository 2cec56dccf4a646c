/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

gboolean
message_stream_pair (int ends[2])
{
  return socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
}

gboolean
message_pair (int ends[2])
{
  return socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
}

void
message_close_fds (int fds[MESSAGE_MAX_FDS])
{
  for (unsigned i = 0; i < MESSAGE_MAX_FDS; i++)
    {
      if (fds[i] >= 0)
        close (fds[i]);
      fds[i] = -1;
    }
}

/* 0 if there is something to do, else -errno.  The deadline is in µs; 0: none. */
static int
wait_for (int socket, short events, gint64 deadline)
{
  struct pollfd wait = { .fd = socket, .events = events };

  for (;;)
    {
      gint64 left = deadline == 0 ? 0 : MAX (deadline - g_get_monotonic_time (), 0);
      int n = poll (&wait, 1, deadline == 0 ? -1 : (int)((left + 999) / 1000));

      if (n > 0)
        return 0;
      if (n == 0)
        return -ETIMEDOUT;
      if (errno != EINTR)
        return -errno;
    }
}

static gint64
deadline_of (int timeout_ms)
{
  return timeout_ms < 0 ? 0 : g_get_monotonic_time () + (gint64)timeout_ms * 1000;
}

int
message_send (int socket, const Message *message, const int *fds, int timeout_ms)
{
  struct iovec bytes = { .iov_base = (void *)message, .iov_len = sizeof *message };
  union
  {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int) * MESSAGE_MAX_FDS)];
  } control = { 0 };
  struct msghdr header = { .msg_iov = &bytes, .msg_iovlen = 1 };
  gint64 deadline = deadline_of (timeout_ms);

  g_return_val_if_fail (message->n_fds <= MESSAGE_MAX_FDS, -EINVAL);
  if (message->n_fds > 0)
    {
      size_t length = sizeof (int) * message->n_fds;

      header.msg_control = control.space;
      header.msg_controllen = CMSG_SPACE (length);
      struct cmsghdr *part = CMSG_FIRSTHDR (&header);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN (length);
      memcpy (CMSG_DATA (part), fds, length);
    }
  for (;;)
    {
      /* O_NONBLOCK would be the other side's to clear. */
      ssize_t n = sendmsg (socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);

      if (n == (ssize_t)sizeof *message)
        return 0;
      if (n >= 0)
        return -EPROTO;
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN)
        return -errno;
      int code = wait_for (socket, POLLOUT, deadline);
      if (code != 0)
        return code;
    }
}

/* Moves what came with the message; how many there were, even those that there is no room for. */
static unsigned
take_fds (struct msghdr *header, int fds[MESSAGE_MAX_FDS])
{
  unsigned n = 0;

  for (struct cmsghdr *part = CMSG_FIRSTHDR (header); part != NULL; part = CMSG_NXTHDR (header, part))
    {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        continue;
      unsigned count = (unsigned)((part->cmsg_len - CMSG_LEN (0)) / sizeof (int));
      for (unsigned i = 0; i < count; i++)
        {
          int fd;

          memcpy (&fd, CMSG_DATA (part) + i * sizeof (int), sizeof fd);
          if (n < MESSAGE_MAX_FDS)
            fds[n] = fd;
          else
            close (fd);
          n++;
        }
    }
  return n;
}

int
message_receive (int socket, Message *message, int fds[MESSAGE_MAX_FDS], int timeout_ms)
{
  /* One byte more than a message has, to see that it has more. */
  char bytes[sizeof *message + 1] = { 0 };
  struct iovec part = { .iov_base = bytes, .iov_len = sizeof bytes };
  union
  {
    struct cmsghdr align;
    char space[CMSG_SPACE (sizeof (int) * MESSAGE_MAX_FDS)];
  } control;
  gint64 deadline = deadline_of (timeout_ms);
  ssize_t n;

  for (unsigned i = 0; i < MESSAGE_MAX_FDS; i++)
    fds[i] = -1;
  for (;;)
    {
      struct msghdr header = { .msg_iov = &part,
                               .msg_iovlen = 1,
                               .msg_control = control.space,
                               .msg_controllen = sizeof control.space };

      n = recvmsg (socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
      if (n >= 0)
        {
          unsigned n_fds = take_fds (&header, fds);

          /* An empty message, which nobody sends, looks the same. */
          if (n == 0 && n_fds == 0)
            return 0;
          memcpy (message, bytes, MIN ((size_t)n, sizeof *message));
          if (n == (ssize_t)sizeof *message && (header.msg_flags & MSG_CTRUNC) == 0 && n_fds == message->n_fds
              && memchr (message->text, '\0', sizeof message->text) != NULL)
            return 1;
          message_close_fds (fds);
          return -EPROTO;
        }
      if (errno == EINTR)
        continue;
      if (errno == ECONNRESET)
        return 0;
      if (errno != EAGAIN)
        return -errno;
      int code = wait_for (socket, POLLIN, deadline);
      if (code != 0)
        return code;
    }
}

void
message_set_text (Message *message, const char *from)
{
  size_t length = strlen (from);
  const char *start = from + (length < MESSAGE_TEXT ? 0 : length - (MESSAGE_TEXT - 1));

  /* Not from the middle of a character. */
  while (start != from && ((unsigned char)*start & 0xc0) == 0x80)
    start++;
  memset (message->text, 0, sizeof message->text);
  memcpy (message->text, start, strlen (start));
}
