/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A VNC server and the screen that it serves in one process, on one main loop: what vivarium-vnc and a monitor are, without the messages between them.
 */
#pragma once

#include "display/vnc-listen.h"
#include "vnc/vnc-server.h"

#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  DisplayOutput *output;
  ShmServer *share;
  VncServer *server;
  char *address;
  VncServerFuncs funcs; /* the test's */
  void *opaque;
} VncLocal;

static inline void
vnc_local_input (void *opaque, const InputEvent *event)
{
  VncLocal *local = opaque;

  if (local->funcs.input)
    local->funcs.input (local->opaque, event);
}

static inline void
vnc_local_clipboard (void *opaque, const char *text)
{
  VncLocal *local = opaque;

  if (local->funcs.clipboard)
    local->funcs.clipboard (local->opaque, text);
}

static inline void
vnc_local_clients (void *opaque, unsigned n)
{
  VncLocal *local = opaque;

  if (local->funcs.clients_changed)
    local->funcs.clients_changed (local->opaque, n);
}

static inline void
vnc_local_look (void *opaque)
{
  VncLocal *local = opaque;
  const Framebuffer *fb = display_output_snapshot (local->output);

  vnc_server_greet (local->server, fb ? fb->width : 0, fb ? fb->height : 0);
}

static inline void
vnc_local_closed (ShmServer *share, void *opaque)
{
  ((VncLocal *)opaque)->share = NULL;
}

/* `config` but for its sockets; of `funcs` not look() and screen_closed(). */
static inline void
vnc_local_begin (VncLocal *local, DisplayOutput *output, const char *address, const VncServerConfig *config,
                 const VncServerFuncs *funcs, void *opaque)
{
  static const VncServerFuncs own
      = { vnc_local_input, vnc_local_clipboard, vnc_local_clients, vnc_local_look, NULL };
  VncServerConfig whole = *config;
  g_auto (VncListeners) listeners = { 0 };
  g_autoptr (GError) error = NULL;
  int sockets[2];

  *local = (VncLocal){ .output = output, .funcs = *funcs, .opaque = opaque };
  if (!vnc_listen (address, 1, config->password != NULL, &listeners, &error))
    g_error ("%s", error->message);
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) != 0)
    g_error ("no sockets");
  local->address = g_strdup (listeners.addresses[0]);
  local->share = shm_server_new (output, sockets[0], vnc_local_closed, local);
  whole.listener = listeners.fds[--listeners.n];
  whole.screen_socket = sockets[1];
  local->server = vnc_server_new (&whole, &own, local, &error);
  if (local->server == NULL)
    g_error ("%s", error->message);
}

/* Before the output goes. */
static inline void
vnc_local_end (VncLocal *local)
{
  g_clear_pointer (&local->server, vnc_server_free);
  g_clear_pointer (&local->share, shm_server_free);
  if (local->address)
    vnc_listen_tidy (local->address);
  g_clear_pointer (&local->address, g_free);
}
