/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A screen over VNC (RFB 3.8), on libvncserver.  The server is a viewer of the screen, as any other process that looks at a machine.  Several clients, each served by a thread of its own so that a slow
 * one stalls nobody; the callbacks come on the main loop.
 *
 * Clients that have not given the password yet have a deadline and few places, which the newest gets; each wrong password makes the
 * next try from that address wait longer; the log has a limit (vnc-guard.h).  A client's cut text above 1 MiB is cut.
 */
#pragma once

#include "display/input.h"
#include "display/shm.h"

G_BEGIN_DECLS

typedef struct VncServer VncServer;

typedef struct
{
  int listener;         /* listens; taken */
  int screen_socket;    /* where the screen comes (display/shm.h); taken */
  const char *password; /* at most 8 bytes count (VNC authentication); NULL: none */
  const char *name;     /* of the desktop */
  gboolean view_only;
  unsigned screen;       /* its id, in absolute events */
  unsigned handshake_ms; /* how long a client may take to give the password; 0: a minute */
} VncServerConfig;

typedef struct
{
  void (*input) (void *opaque, const InputEvent *event);
  void (*clipboard) (void *opaque, const char *text); /* UTF-8, from a client; may be NULL */
  void (*clients_changed) (void *opaque, unsigned n); /* may be NULL */
  /* A client is about to be greeted, with the size that the screen has now: it is to be brought up to date, and vnc_server_greet() called. */
  void (*look) (void *opaque);
  void (*screen_closed) (void *opaque, const GError *error); /* the screen's other end; may be NULL */
} VncServerFuncs;

/* NULL: that is no screen's socket. */
VncServer *vnc_server_new (const VncServerConfig *config, const VncServerFuncs *funcs, void *opaque,
                           GError **error);
void vnc_server_free (VncServer *server);
/* Answers look(), once each; 0 × 0: the screen is off. */
void vnc_server_greet (VncServer *server, uint32_t width, uint32_t height);
unsigned vnc_server_n_clients (VncServer *server);
/* FALSE: the guest's pointer wants movements, so moves become relative events. TRUE at first. */
void vnc_server_set_absolute (VncServer *server, gboolean absolute);
/* What the guest's keyboard shows, bit 0 scroll, 1 num, 2 caps lock: told to clients, and what keysyms are typed by. */
void vnc_server_set_leds (VncServer *server, unsigned leds);
void vnc_server_send_clipboard (VncServer *server, const char *text);

G_END_DECLS
