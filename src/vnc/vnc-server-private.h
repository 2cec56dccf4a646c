/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What vnc-server.c (clients, the screen) and vnc-server-input.c (what clients send) share.
 */
#pragma once

#include "vnc/vnc-guard.h"
#include "vnc/vnc-peer.h"
#include "vnc/vnc-server.h"

#include <linux/input-event-codes.h>

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
  ShmViewer *viewer;
  char *name, *password;
  gboolean view_only, absolute, have_fb, freeing;
  gboolean looking; /* a client waits until the screen is up to date */
  unsigned screen;
  VncServerFuncs funcs;
  void *opaque;
  int socket;
  GSource *watch, *pause, *reaper, *deadline;
  VncGuard *guard;
  gint64 handshake; /* µs */
  GMainContext *context;
  GPtrArray *clients;
  Framebuffer fb;
  DisplayCursor cursor;
};

/* vnc-server-input.c */
void vnc_server_key (VncServerClient *client, const VncPeerEvent *event);
void vnc_server_pointer (VncServerClient *client, const VncPeerEvent *event);
/* The client goes: keys and buttons that it holds are released. */
void vnc_server_release_all (VncServerClient *client);

G_END_DECLS
