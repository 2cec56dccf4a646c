/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One VNC client: a thread of its own with a libvncserver screen of its own.
 *
 * libvncserver reads and writes sockets by waiting, and its screens share a pointer owner and a cursor among clients.  With a
 * thread and a screen for each, a client that stalls stalls nobody, least of all the VMM.  The client's picture is a private
 * copy: the main loop copies damage into it only while the client waits for an update ("lent"), so nothing is copied for a client that
 * doesn't read, the encoder never sees pixels change under it, and the newest frame wins.
 */
#pragma once

#include "display/output.h"

G_BEGIN_DECLS

typedef struct VncPeer VncPeer;

typedef enum
{
  VNC_PEER_READY, /* past the password */
  VNC_PEER_WRONG_PASSWORD,
  VNC_PEER_NOTE,      /* text: for the log */
  VNC_PEER_KEY,       /* down, keysym, qnum (0: none sent) */
  VNC_PEER_POINTER,   /* mask, x, y; relative: x and y are deltas */
  VNC_PEER_CLIPBOARD, /* text */
  VNC_PEER_RESIZE,    /* x: width, y: height */
  VNC_PEER_WANT,      /* can take the damage that was held back */
  VNC_PEER_GONE,
} VncPeerEventType;

typedef struct
{
  VncPeerEventType type;
  gboolean down, relative;
  uint32_t keysym, qnum;
  unsigned mask;
  int x, y;
  char *text;
} VncPeerEvent;

typedef struct
{
  const char *name;
  const char *password; /* NULL: none */
  gboolean view_only, absolute;
  uint32_t width, height; /* of the picture that the client is greeted with */
  gint64 delay;           /* before it is greeted; µs */
  gint64 handshake;       /* in which the owner expects it to be ready after that; µs */
} VncPeerConfig;

/* Takes `fd`.  `event` is called on the thread's default context of the caller. */
VncPeer *vnc_peer_new (int fd, const VncPeerConfig *config,
                       void (*event) (VncPeer *peer, const VncPeerEvent *event, void *opaque), void *opaque);
/* Hangs up and waits for the thread. Not from inside `event`. */
void vnc_peer_free (VncPeer *peer);

/* Ends the connection, whatever the thread is at; VNC_PEER_GONE follows. */
void vnc_peer_hang_up (VncPeer *peer);

/* Main loop.  `fb` NULL: black. */
void vnc_peer_damage (VncPeer *peer, const Framebuffer *fb, const Damage *damage);
/* Copies what was held back, if the client waits now. */
void vnc_peer_flush (VncPeer *peer, const Framebuffer *fb);
void vnc_peer_damage_all (VncPeer *peer);
void vnc_peer_cursor (VncPeer *peer, const DisplayCursor *cursor);
void vnc_peer_clipboard (VncPeer *peer, const char *text);
void vnc_peer_set_absolute (VncPeer *peer, gboolean absolute);
/* Of the guest's keyboard: bit 0 scroll, 1 num, 2 caps lock. */
void vnc_peer_set_leds (VncPeer *peer, uint8_t leds);
/* The size of the client's picture. */
void vnc_peer_get_size (VncPeer *peer, uint32_t *width, uint32_t *height);

/* Has libvncserver, and the libraries that make its challenges, open what they open at their first use. */
void vnc_peer_warm_up (void);

G_END_DECLS
