/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vsock"

#include "vsock-host.h"

#include "confine/broker-link.h"
#include "machine/vsock-socket.h"

/* Connections that a guest may ask the broker for: fewer than the questions that it answers (FAMILY_QUESTIONS_PER_SECOND). */
#define AT_ONCE    40.0
#define PER_SECOND 8.0

typedef struct
{
  char *path; /* without a broker */
  double budget;
  gint64 filled;
} Host;

static gboolean
may_ask (Host *host)
{
  const gint64 now = g_get_monotonic_time ();

  host->budget = MIN (host->budget + (double)(now - host->filled) * PER_SECOND / G_USEC_PER_SEC, AT_ONCE);
  host->filled = now;
  if (host->budget < 1)
    return FALSE;
  host->budget -= 1;
  return TRUE;
}

static int
on_connect (void *opaque, uint32_t port)
{
  Host *host = opaque;

  if (!may_ask (host))
    return -1;
  if (broker_link_is_up ())
    return broker_link_connect (port);
  if (host->path == NULL)
    return -1;
  g_autofree char *path = vsock_socket_port_path (host->path, port);
  return vsock_socket_connect (path);
}

void
vsock_host_init (Board *board, const char *control)
{
  static Host host; /* as long as the process, as its board */
  g_autoptr (GError) error = NULL;
  int listener = -1;

  if (board->vsock == NULL)
    return;
  host = (Host){ .budget = AT_ONCE, .filled = g_get_monotonic_time () };
  if (broker_link_is_up ())
    listener = broker_link_open (FAMILY_FILE_VSOCK);
  else if (control != NULL)
    {
      host.path = vsock_socket_path (control);
      listener = vsock_socket_listen (host.path, &error);
      if (listener < 0)
        g_message ("%s", error->message);
    }
  board->vsock_host = (BoardVsock){ on_connect, &host };
  if (listener >= 0)
    board_serve_vsock (board, listener);
}
