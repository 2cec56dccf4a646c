/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screen over VNC (RFB 3.8), on libvncserver.  Several clients, each served by a thread of its own so that a slow
 * one stalls nobody; the callbacks come on the main loop.
 *
 * Clients that have not given the password yet have a deadline and few places, which the newest gets; each wrong password makes the
 * next try from that address wait longer; the log has a limit (vnc-guard.h).  A client's cut text above 1 MiB is cut.
 */
#pragma once

#include "display/input.h"
#include "display/output.h"

G_BEGIN_DECLS

typedef struct VncServer VncServer;

typedef struct
{
  const char *address;       /* "127.0.0.1:5901", "[::1]:0" (0: any free port), "unix:/path" */
  const char *password_file; /* first line, at most 8 bytes count (VNC authentication); NULL: none */
  const char *name;          /* of the desktop */
  gboolean view_only;
  unsigned screen;       /* its id, in absolute events */
  unsigned handshake_ms; /* how long a client may take to give the password; 0: a minute */
} VncServerConfig;

typedef struct
{
  void (*input) (void *opaque, const InputEvent *event);
  void (*clipboard) (void *opaque, const char *text); /* UTF-8, from a client; may be NULL */
  void (*clients_changed) (void *opaque, unsigned n); /* may be NULL */
  gboolean (*absolute) (void *opaque);                /* FALSE: pointer moves become relative events */
} VncServerFuncs;

/* Refuses an address other than loopback without a password. */
VncServer *vnc_server_new (DisplayOutput *output, const VncServerConfig *config, const VncServerFuncs *funcs,
                           void *opaque, GError **error);
void vnc_server_free (VncServer *server);
/* "127.0.0.1:5901", with the port that was found. */
const char *vnc_server_address (VncServer *server);
unsigned vnc_server_n_clients (VncServer *server);
/* What the guest's keyboard shows, bit 0 scroll, 1 num, 2 caps lock: told to clients, and what keysyms are typed by. */
void vnc_server_set_leds (VncServer *server, unsigned leds);
void vnc_server_send_clipboard (VncServer *server, const char *text);

G_END_DECLS
