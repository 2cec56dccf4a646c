/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "broker"

#include "broker/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define MOST_WAIT_MS 50

gboolean
broker_log_open (BrokerLog *log)
{
  int ends[2];

  log->written = 0;
  log->read_end = log->write_end = -1;
  if (pipe2 (ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return FALSE;
  log->read_end = ends[0];
  log->write_end = ends[1];
  return TRUE;
}

static void
put (BrokerLog *log, const char *bytes, size_t length)
{
  static const char full[] = "\nThe log ends here: it has the size that it may have.\n";

  if (log->written >= BROKER_LOG_MOST)
    return;
  log->written += length;
  if (log->written >= BROKER_LOG_MOST)
    {
      bytes = full;
      length = sizeof full - 1;
    }
  while (length > 0)
    {
      struct pollfd wait = { .fd = STDERR_FILENO, .events = POLLOUT };
      /* A terminal that was stopped, a pipe that nobody reads: the machine doesn't wait for either.  (A pipe that takes some takes a page.) */
      if (poll (&wait, 1, MOST_WAIT_MS) <= 0)
        return;
      ssize_t n = write (STDERR_FILENO, bytes, length);

      if (n < 0 && errno != EINTR)
        return;
      bytes += MAX (n, 0);
      length -= (size_t)MAX (n, 0);
    }
}

static BrokerLog *ours;

static void
print (const char *text)
{
  put (ours, text, strlen (text));
}

void
broker_log_take_ours (BrokerLog *log)
{
  ours = log;
  g_set_printerr_handler (print);
}

gboolean
broker_log_read (BrokerLog *log)
{
  char bytes[4096];
  ssize_t n;

  n = read (log->read_end, bytes, sizeof bytes);
  if (n > 0)
    put (log, bytes, (size_t)n);
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void
broker_log_close (BrokerLog *log)
{
  char bytes[4096];
  ssize_t n;

  while (log->read_end >= 0 && (n = read (log->read_end, bytes, sizeof bytes)) > 0)
    put (log, bytes, (size_t)n);
  if (log->read_end >= 0)
    close (log->read_end);
  if (log->write_end >= 0)
    close (log->write_end);
  log->read_end = log->write_end = -1;
}
