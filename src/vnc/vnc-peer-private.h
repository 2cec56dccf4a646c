/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to vnc-peer.c (the thread and the main loop's side), vnc-peer-screen.c and vnc-peer-text.c.
 */
#pragma once

#include "vnc/vnc-peer.h"

#include <rfb/rfb.h>

G_BEGIN_DECLS

#define VNC_PEER_IO_MS 10000 /* what a write or a read may take */

struct VncPeer
{
  GThread *thread;
  int fd;       /* given to libvncserver */
  int alarm_fd; /* a duplicate: to shut the connection down whatever the thread is at */
  int wake_fd;
  char *name;
  char password[9];
  gboolean has_password, view_only;
  gint64 delay, handshake;
  void (*event) (VncPeer *peer, const VncPeerEvent *event, void *opaque);
  void *opaque;
  GSource *mail_source;

  /* The main loop's. */
  Damage held;
  gboolean all_held;

  GMutex lock; /* of what follows; never held over I/O */
  GCond stopped;
  GQueue mail;
  gsize mail_text; /* bytes */
  gboolean stop, lent, resizable;
  gboolean main_waits, told_main; /* the main loop holds pixels back; it was told that it can deliver them */
  uint8_t *buffer;                /* the main loop writes to it only while it is lent */
  uint32_t width, height;
  uint8_t *next_buffer;
  uint32_t next_width, next_height;
  Damage fresh;
  DisplayCursor *next_cursor;
  char *next_clipboard;
  gboolean absolute;
  uint8_t leds;

  /* The thread's. */
  rfbScreenInfo *screen;
  rfbClientRec *client;
  gboolean authenticated, ready;
  gboolean want_key_ack, motion_change, motion_told, told_absolute;
  gboolean led_state, leds_told;
  uint8_t told_leds;
};

/* -- vnc-peer.c; the client's thread -- */
VncPeer *vnc_peer_of (rfbClientRec *client);
/* To the main loop; takes `text`. */
void vnc_peer_post (VncPeer *peer, const VncPeerEvent *event);
/* Waits so long, or until the owner wants no more. */
void vnc_peer_pause (VncPeer *peer, gint64 us);
/* TRUE if the owner wants no more.  `*full`: the main loop has enough to read, no more is to be taken from the client. */
gboolean vnc_peer_stopping (VncPeer *peer, gboolean *full);

/* -- vnc-peer-screen.c -- */
rfbScreenInfo *vnc_peer_screen_new (VncPeer *peer); /* NULL: no memory */
void vnc_peer_screen_free (rfbScreenInfo *screen);
rfbCursor *vnc_peer_cursor_new (const DisplayCursor *cursor);
/* The screen shows `peer->buffer` from now on. */
void vnc_peer_use_buffer (VncPeer *peer);
/* What extensions of the protocol are to be told. */
void vnc_peer_send_answers (VncPeer *peer);

/* -- vnc-peer-text.c -- */
void vnc_peer_on_cut_text (char *text, int len, rfbClientRec *client);
void vnc_peer_on_cut_text_utf8 (char *text, int len, rfbClientRec *client);
/* A text at the connection's head that libvncserver would hang up on, as it does on more than 1 MiB.  TRUE: it was such a message, and
 * is done with. */
gboolean vnc_peer_take_long_text (VncPeer *peer);
/* May shorten `text`. */
void vnc_peer_send_text (VncPeer *peer, char *text);

G_END_DECLS
