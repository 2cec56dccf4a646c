/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes between a serial port and a descriptor.  Each way has a piece on its way, and is read again when that is gone: so neither holds up the other, and
 * who doesn't read is waited for by nobody but who sends to it.
 */
#define G_LOG_DOMAIN "serial"

#include "serial/far-end.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE      4096
#define MOST_BYTES (4ull << 30) /* that one run of the machine adds to a file */
#define MOST_TOLD  32
#define NOBODY     "nobody is at the serial port's other end yet"
#define LAST_US    (1 * G_USEC_PER_SEC) /* for what is left at the end */
#define AGAIN_MS   1000                 /* between two calls, doubled while nobody answers… */
#define LONGEST_MS 16000                /* …up to this */

typedef struct
{
  uint8_t data[PIECE];
  size_t start, n;
} Way;

struct SerialFarEnd
{
  SerialEndKind kind;
  int (*again) (void *opaque);
  void *opaque;
  int client, wake; /* `wake`: it ends */
  int listener;     /* -1: none */
  int host;         /* -1: nobody is there */
  int opened;       /* of a PTY: something happens at its other end, which nobody has open; -1 */
  gboolean connecting;
  gboolean hung;   /* of a PTY: nobody has its other end open */
  unsigned n_told; /* lines of the log: a peer that comes and goes has no more than a few */
  gboolean told;   /* the log knows that nobody is there */
  unsigned again_ms;
  gint64 again_at; /* monotonic µs */
  char *name;
  uint64_t written;
  Way out, in; /* of the guest; to it */
  GThread *thread;
};

static gboolean
is_pty (const SerialFarEnd *end)
{
  return end->kind == SERIAL_END_PTY;
}

/* -- Who is there ---------------------------------------------------------------------------------- */

static void
tell (SerialFarEnd *end, const char *what, int code)
{
  if (end->n_told++ < MOST_TOLD)
    g_message ("%s: %s%s%s", end->name, what, code != 0 ? ": " : "", code != 0 ? g_strerror (code) : "");
}

static void
call_later (SerialFarEnd *end)
{
  end->again_at = g_get_monotonic_time () + (gint64)end->again_ms * 1000;
  end->again_ms = MIN (end->again_ms * 2, LONGEST_MS);
}

/* What was on its way to it goes nowhere. */
static void
hang_up (SerialFarEnd *end, int code)
{
  if (!end->told)
    tell (end, end->connecting ? NOBODY : "the serial port's other end is gone", code);
  end->told = TRUE;
  close (end->host);
  end->host = -1;
  end->connecting = FALSE;
  end->out.n = 0;
  if (end->kind == SERIAL_END_CALL)
    call_later (end);
}

/* FALSE: for good. */
static gboolean
lost (SerialFarEnd *end, int code)
{
  if (is_pty (end))
    {
      end->hung = TRUE;
      end->out.n = 0;
      return TRUE;
    }
  hang_up (end, code);
  return end->kind != SERIAL_END_FILE;
}

static void
is_there (SerialFarEnd *end)
{
  end->connecting = FALSE;
  end->again_ms = AGAIN_MS;
  if (end->told)
    tell (end, "the serial port's other end is there", 0);
  end->told = FALSE;
}

static void
take_next (SerialFarEnd *end)
{
  end->host = accept4 (end->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (end->host >= 0)
    is_there (end);
  else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
    call_later (end); /* no descriptors, say: not at once again */
}

static void
call_again (SerialFarEnd *end)
{
  end->host = end->again (end->opaque);
  if (end->host >= 0)
    {
      end->connecting = TRUE;
      return;
    }
  if (!end->told)
    tell (end, NOBODY, errno);
  end->told = TRUE;
  call_later (end);
}

/* A tty is there at once, and is no socket. */
static void
finish_call (SerialFarEnd *end)
{
  int code = 0;
  socklen_t length = sizeof code;

  if (getsockopt (end->host, SOL_SOCKET, SO_ERROR, &code, &length) == 0 && code != 0)
    hang_up (end, code);
  else
    is_there (end);
}

/* Whether a program has the PTY open, or has left something there.  It tells of none that opens it, so this is asked when there is something to bring or to fetch. */
static gboolean
is_open (SerialFarEnd *end)
{
  struct pollfd poller = { end->host, POLLIN, 0 };

  end->hung = poll (&poller, 1, 0) > 0 && (poller.revents & (POLLHUP | POLLIN)) == POLLHUP;
  return !end->hung;
}

/* -- Bytes ----------------------------------------------------------------------------------------- */

/* 0, or an errno; EPIPE: it has ended. */
static int
fill (Way *way, int fd)
{
  const ssize_t n = read (fd, way->data, sizeof way->data);

  if (n < 0)
    return errno == EINTR || errno == EAGAIN ? 0 : errno;
  way->start = 0;
  way->n = (size_t)n;
  return n == 0 ? EPIPE : 0;
}

static int
drain (Way *way, int fd, gboolean is_client)
{
  const ssize_t n = is_client ? send (fd, way->data + way->start, way->n, MSG_NOSIGNAL | MSG_DONTWAIT)
                              : write (fd, way->data + way->start, way->n);

  if (n < 0)
    return errno == EINTR || errno == EAGAIN ? 0 : errno;
  way->start += (size_t)n;
  way->n -= (size_t)n;
  return 0;
}

/* FALSE: the file has had enough. */
static gboolean
count (SerialFarEnd *end, size_t n)
{
  end->written += n;
  if (end->kind != SERIAL_END_FILE || end->written < MOST_BYTES)
    return TRUE;
  g_message ("%s: the serial port has written as much as it may", end->name);
  return FALSE;
}

/* What the guest has sent, if somebody takes it.  FALSE: the port is gone, or the other end is, for good. */
static gboolean
carry_out (SerialFarEnd *end, short client, short host)
{
  int code;

  if (end->out.n == 0 && (client & (POLLIN | POLLHUP | POLLERR)) != 0)
    {
      if (fill (&end->out, end->client) != 0)
        return FALSE;
      if (end->host < 0 || end->connecting || (is_pty (end) && !is_open (end)))
        end->out.n = 0;
      host |= POLLOUT; /* try */
    }
  if (end->out.n == 0 || (host & (POLLOUT | POLLHUP | POLLERR)) == 0)
    return TRUE;
  const size_t before = end->out.n;
  code = drain (&end->out, end->host, FALSE);
  return code != 0 ? lost (end, code) : count (end, before - end->out.n);
}

static gboolean
carry_in (SerialFarEnd *end, short client, short host)
{
  int code;

  if (end->in.n == 0 && end->host >= 0 && !end->hung && (host & (POLLIN | POLLHUP | POLLERR)) != 0)
    {
      code = fill (&end->in, end->host);
      if (code != 0)
        return lost (end, code == EPIPE || (is_pty (end) && code == EIO) ? 0 : code);
      client |= POLLOUT;
    }
  if (end->in.n > 0 && (client & (POLLOUT | POLLHUP | POLLERR)) != 0)
    return drain (&end->in, end->client, TRUE) == 0;
  return TRUE;
}

/* -- The thread ------------------------------------------------------------------------------------ */

enum
{
  CLIENT,
  HOST,
  LISTENER,
  OPENED,
  WAKE,
  N_POLLERS,
};

/* Whether it is time for the next one. */
static gboolean
may_come (const SerialFarEnd *end)
{
  return end->host < 0 && g_get_monotonic_time () >= end->again_at;
}

/* Milliseconds; -1: without end. */
static int
time_left (const SerialFarEnd *end, gint64 last)
{
  const gint64 until = last != 0 ? last : end->again_at;

  if (last == 0 && (end->host >= 0 || (end->listener >= 0 && may_come (end))))
    return -1;
  return (int)((MAX (until - g_get_monotonic_time (), 0) + 999) / 1000);
}

/* Who has nothing to say and is to hear nothing isn't asked, or one that has hung up would be heard of without end. */
static struct pollfd
poller_of (int fd, gboolean in, gboolean out)
{
  return (struct pollfd){ in || out ? fd : -1, (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0)), 0 };
}

static void
wait_for_all (const SerialFarEnd *end, struct pollfd *pollers, gint64 last)
{
  const gboolean there = end->host >= 0 && !end->hung;
  const gboolean reads = there && !end->connecting && last == 0 && end->kind != SERIAL_END_FILE;

  pollers[CLIENT] = poller_of (end->client, end->out.n == 0, end->in.n > 0);
  pollers[HOST]
      = poller_of (end->host, reads && end->in.n == 0, there && (end->connecting || end->out.n > 0));
  pollers[LISTENER] = poller_of (end->listener, last == 0 && may_come (end), FALSE);
  pollers[OPENED] = poller_of (end->opened, end->hung, FALSE);
  pollers[WAKE] = poller_of (end->wake, last == 0, FALSE);
  (void)poll (pollers, N_POLLERS, time_left (end, last));
}

static gboolean
look_around (SerialFarEnd *end, const struct pollfd *pollers)
{
  struct epoll_event event;

  if (pollers[LISTENER].revents != 0)
    take_next (end);
  if (end->kind == SERIAL_END_CALL && may_come (end))
    call_again (end);
  if (pollers[OPENED].revents != 0 && epoll_wait (end->opened, &event, 1, 0) > 0)
    is_open (end);
  if (end->connecting && pollers[HOST].revents != 0)
    {
      finish_call (end);
      return FALSE; /* what poll() said was of before */
    }
  return TRUE;
}

static gpointer
carry_all (gpointer data)
{
  SerialFarEnd *end = data;
  gboolean going = TRUE;
  gint64 last = 0;

  while (going)
    {
      struct pollfd pollers[N_POLLERS];

      wait_for_all (end, pollers, last);
      /* The port is gone: what it has left is carried, until then. */
      if (pollers[WAKE].revents != 0)
        {
          last = g_get_monotonic_time () + LAST_US;
          end->in.n = 0;
        }
      if (last != 0 && g_get_monotonic_time () >= last)
        break;
      if (last == 0 && !look_around (end, pollers))
        continue;
      going = carry_out (end, pollers[CLIENT].revents, pollers[HOST].revents)
              && (last != 0 || carry_in (end, pollers[CLIENT].revents, pollers[HOST].revents));
    }
  /* The port hears that it is gone, and the guest waits for it no longer. */
  if (shutdown (end->client, SHUT_RDWR) != 0)
    g_debug ("%s: %s", end->name, g_strerror (errno));
  return NULL;
}

/* -- Life ------------------------------------------------------------------------------------------ */

/* Only news of the PTY, as that nobody has its other end open is none. */
static int
watch_opening (int fd)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLET };
  const int watch = epoll_create1 (EPOLL_CLOEXEC);

  if (watch >= 0 && epoll_ctl (watch, EPOLL_CTL_ADD, fd, &event) != 0)
    g_debug ("%s", g_strerror (errno));
  return watch;
}

SerialFarEnd *
serial_far_end_new (SerialPort *port, const SerialFarEndConfig *config, GError **error)
{
  SerialFarEnd *end = g_new0 (SerialFarEnd, 1);
  const gboolean listens = config->kind == SERIAL_END_LISTENER;

  end->kind = config->kind;
  end->again = config->again;
  end->opaque = config->opaque;
  end->host = listens ? -1 : config->fd;
  end->listener = listens ? config->fd : -1;
  end->wake = end->opened = -1;
  end->again_ms = AGAIN_MS;
  end->connecting = end->kind == SERIAL_END_CALL && end->host >= 0;
  end->name = g_strdup (config->name);
  if (end->kind == SERIAL_END_FILE && lseek (end->host, 0, SEEK_END) < 0)
    g_debug ("%s: %s", end->name, g_strerror (errno));
  if (is_pty (end))
    {
      end->opened = watch_opening (end->host);
      is_open (end);
    }
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
  const int fds[] = { end->client, end->wake, end->listener, end->host, end->opened };
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    if (fds[i] >= 0)
      close (fds[i]);
  g_free (end->name);
  g_free (end);
}
