/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes between a serial port and a descriptor.
 */
#define G_LOG_DOMAIN "serial"

#include "serial/far-end.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE      4096
#define MOST_BYTES (4ull << 30) /* that one run of the machine adds to a file */
#define LAST_MS    1000         /* for what is left at the end */

struct SerialFarEnd
{
  int client, fd, wake; /* `wake`: it ends */
  char *name;
  gboolean file;
  uint64_t written;
  GThread *thread;
};

/* FALSE: it ends, or the descriptor is good for nothing any more. */
static gboolean
wait_for (SerialFarEnd *end, int fd, short events, gboolean last)
{
  struct pollfd pollers[] = { { fd, events, 0 }, { end->wake, POLLIN, 0 } };
  int n;

  do
    n = poll (pollers, last ? 1 : 2, last ? LAST_MS : -1);
  while (n < 0 && errno == EINTR);
  return n > 0 && pollers[0].revents != 0;
}

/* All, or as long as somebody takes it. */
static gboolean
carry (SerialFarEnd *end, int from, int to)
{
  uint8_t piece[PIECE];
  ssize_t n = read (from, piece, sizeof piece);
  size_t done = 0;

  if (n < 0 && (errno == EINTR || errno == EAGAIN))
    return TRUE;
  if (n <= 0)
    return FALSE;
  while (done < (size_t)n)
    {
      const ssize_t sent = write (to, piece + done, (size_t)n - done);

      if (sent > 0)
        done += (size_t)sent;
      else if (sent < 0 && errno == EAGAIN)
        {
          if (!wait_for (end, to, POLLOUT, FALSE) && !wait_for (end, to, POLLOUT, TRUE))
            return FALSE;
        }
      else if (sent == 0 || errno != EINTR)
        {
          g_message ("%s: the serial port's other end is gone: %s", end->name, g_strerror (errno));
          return FALSE;
        }
    }
  end->written += (uint64_t)n;
  if (!end->file || end->written < MOST_BYTES)
    return TRUE;
  g_message ("%s: the serial port has written as much as it may", end->name);
  return FALSE;
}

static gpointer
carry_all (gpointer data)
{
  SerialFarEnd *end = data;
  /* A file has nothing to say. */
  const int host = end->file ? -1 : end->fd;
  gboolean going = TRUE;

  while (going)
    {
      struct pollfd pollers[] = { { end->client, POLLIN, 0 }, { end->wake, POLLIN, 0 }, { host, POLLIN, 0 } };

      if (poll (pollers, G_N_ELEMENTS (pollers), -1) < 0 && errno != EINTR)
        break;
      if ((pollers[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        going = carry (end, end->client, end->fd);
      else if (pollers[1].revents != 0)
        break; /* nothing is left */
      if (going && (pollers[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        going = carry (end, end->fd, end->client);
    }
  /* The port hears that it is gone, and the guest waits for it no longer. */
  if (!going && shutdown (end->client, SHUT_RDWR) != 0)
    g_debug ("%s: %s", end->name, g_strerror (errno));
  return NULL;
}

SerialFarEnd *
serial_far_end_new (SerialPort *port, int fd, const char *name, GError **error)
{
  SerialFarEnd *end = g_new0 (SerialFarEnd, 1);
  struct stat info;

  end->fd = fd;
  end->wake = -1;
  end->name = g_strdup (name);
  end->file = fstat (fd, &info) == 0 && S_ISREG (info.st_mode);
  if (end->file && lseek (fd, 0, SEEK_END) < 0)
    g_debug ("%s: %s", name, g_strerror (errno));
  end->client = serial_port_attach (port, FALSE, error);
  if (end->client < 0)
    {
      serial_far_end_free (end);
      return NULL;
    }
  end->wake = eventfd (0, EFD_CLOEXEC);
  end->thread = g_thread_new ("serial", carry_all, end);
  return end;
}

void
serial_far_end_free (SerialFarEnd *end)
{
  const uint64_t one = 1;

  if (end == NULL)
    return;
  if (end->wake >= 0 && write (end->wake, &one, sizeof one) < 0)
    g_debug ("%s: %s", end->name, g_strerror (errno));
  if (end->thread != NULL)
    g_thread_join (end->thread);
  if (end->client >= 0)
    close (end->client);
  if (end->wake >= 0)
    close (end->wake);
  close (end->fd);
  g_free (end->name);
  g_free (end);
}
