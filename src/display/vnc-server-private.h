/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What vnc-server.c (clients, the screen) and vnc-server-input.c (what clients send) share.
 */
#pragma once

#include "display/vnc-guard.h"
#include "display/vnc-peer.h"
#include "display/vnc-server.h"

#include <linux/input-event-codes.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* A connection, from its first byte on; display/vnc-client.h is the other end. */
typedef struct
{
  VncServer *server;
  VncPeer *peer;
  gboolean ready, leaving, dead; /* past the password; hung up on; its thread has ended */
  char *key;                     /* whom it comes from, see vnc_guard_key() */
  gint64 deadline;               /* to be ready; µs */
  uint8_t held[(KEY_CNT + 7) / 8];
  unsigned buttons;
  gboolean placed; /* x and y are known */
  int x, y;
} VncServerClient;

struct VncServer
{
  unsigned leds; /* of the guest's keyboard */
  DisplayOutput *output;
  DisplayViewer *viewer;
  char *name, *address, *password;
  gboolean view_only, absolute, have_fb, freeing;
  unsigned screen;
  VncServerFuncs funcs;
  void *opaque;
  int socket;
  struct stat file; /* of a UNIX socket, as we made it */
  GSource *watch, *pause, *reaper, *deadline;
  VncGuard *guard;
  gint64 handshake; /* µs */
  GMainContext *context;
  GPtrArray *clients;
  Framebuffer fb;
};

/* vnc-server.c: asks the guest's pointer again what it is, and tells clients if that has changed. */
void vnc_server_update_absolute (VncServer *server);

/* vnc-server-input.c */
void vnc_server_key (VncServerClient *client, const VncPeerEvent *event);
void vnc_server_pointer (VncServerClient *client, const VncPeerEvent *event);
/* The client goes: keys and buttons that it holds are released. */
void vnc_server_release_all (VncServerClient *client);

G_END_DECLS
