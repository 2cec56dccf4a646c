/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vmm"

#include "vnc-host.h"

#include "base/child.h"
#include "confine/broker-link.h"
#include "machine/paths.h"
#include "machine/start-blame.h"
#include "machine/vnc-start.h"

#include <unistd.h>

/* -- Listeners ------------------------------------------------------------------------------------- */

/* The broker has made them. */
static void
take (VncHost *host, const Board *board)
{
  VncListeners *listeners = &host->listeners;
  const unsigned most = MIN (MAX (board->outputs->len, 1), FAMILY_FILE_VNC_LAST - FAMILY_FILE_VNC + 1);
  int fd;

  listeners->fds = g_new0 (int, most);
  listeners->addresses = g_new0 (char *, most + 1);
  while (listeners->n < most && (fd = broker_link_open (FAMILY_FILE_VNC + listeners->n)) >= 0)
    {
      listeners->addresses[listeners->n] = vnc_listen_describe (fd);
      listeners->fds[listeners->n++] = fd;
    }
  host->password = broker_link_open (FAMILY_FILE_PASSWORD);
}

gboolean
vnc_host_prepare (VncHost *host, Board *board, const char *control_socket, const char *address,
                  const char *password_file, GError **error)
{
  if (broker_link_is_up ())
    {
      take (host, board);
      return TRUE;
    }
  if (control_socket == NULL
      || viv_vnc_prepare (board->definition, address, password_file, MAX (board->outputs->len, 1),
                          &host->listeners, &host->password, error))
    return TRUE;
  if (address == NULL)
    viv_start_blame ("display0", "vnc-address");
  return FALSE;
}

static void
on_served (const GError *error, void *opaque)
{
  VncHost *host = opaque;

  if (error == NULL)
    return;
  g_message ("%s", error->message);
  control_service_notice (host->control, error->message);
}

void
vnc_host_serve (VncHost *host, ControlService *control)
{
  host->control = control;
  if (host->listeners.n > 0)
    control_service_vnc_serve (control, (const char *const *)host->listeners.addresses, host->listeners.fds,
                               host->listeners.n, host->password, on_served, host);
  vnc_listeners_clear (&host->listeners);
  if (host->password >= 0)
    close (host->password);
  host->password = -1;
}

/* -- The process ----------------------------------------------------------------------------------- */

static void
on_ended (GPid pid, int status, gpointer data)
{
}

int
vnc_host_start_helper (unsigned *number, GError **error)
{
  g_autofree char *program = NULL;
  pid_t pid;

  if (broker_link_is_up ())
    return broker_link_helper (FAMILY_HELPER_VNC, 0, number, error);
  program = viv_find_program ("vivarium-vnc", error);
  int socket = program != NULL ? child_start_helper (program, &pid, error) : -1;
  if (socket >= 0)
    g_child_watch_add (pid, on_ended, NULL); /* nobody else waits for it */
  return socket;
}

void
vnc_host_end_helper (unsigned number)
{
  if (broker_link_is_up ())
    broker_link_end_helper (number);
}
