/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to vnc-client.c (the connection and the main loop's side), vnc-client-draw.c, vnc-client-input.c and vnc-client-text.c.
 */
#pragma once

#include "display/vnc-client.h"

#include <gio/gio.h>
#include <linux/input-event-codes.h>
#include <rfb/rfbclient.h>

G_BEGIN_DECLS

/* Pixels that the thread writes and the main loop shows. */
typedef struct
{
  Framebuffer fb;
} VncPicture;

typedef enum
{
  EVENT_CONNECTED,
  EVENT_SCANOUT,
  EVENT_CURSOR,
  EVENT_CLIPBOARD,
  EVENT_LEDS,
  EVENT_PASSWORD,
  EVENT_CLOSED,
} EventType;

typedef struct
{
  EventType type;
  char *text;
  VncPicture *picture;
  DisplayCursor cursor;
  unsigned leds;
  GError *error;
} VncClientEvent;

typedef enum
{
  COMMAND_INPUT,
  COMMAND_CLIPBOARD,
  COMMAND_RESIZE,
} CommandType;

typedef struct
{
  CommandType type;
  InputEvent input;
  char *text;
  uint32_t width, height;
} Command;

struct VncClient
{
  gatomicrefcount refs;
  VncClientFuncs funcs;
  void *opaque;
  char *host;
  int port;
  int wake_fd;
  GSource *mail_source; /* the main loop's */
  VncPicture *picture;  /* the main loop's */

  GMutex lock;
  GCond answered;
  gboolean freed, password_given;
  char *password;
  int alarm_fd;              /* a duplicate of the connection, to shut it down */
  GCancellable *cancellable; /* of the look-up, the connecting and the drawing */
  GQueue mail, commands;
  gint64 rested; /* the main loop's next turn is not before; µs */
  Damage damage;
  uint32_t width, height;

  /* The thread's. */
  rfbClient *rfb;
  VncPicture *drawn;
  gboolean too_big, too_much, gave_up, asked;
  uint64_t work; /* pixels of this message */
  GotFillRectProc fill;
  GotCopyRectProc copy;
  GotBitmapProc bitmap;
  gboolean relative;
  unsigned buttons;
  int x, y;
  gboolean shift[2];
  uint32_t pressed[KEY_CNT]; /* the keysym that a held key was pressed as */
};

/* -- vnc-client.c -- */
VncClient *vnc_client_of (rfbClient *rfb);
/* To the main loop; the newest of a kind wins.  Takes what the event holds. */
void vnc_client_post (VncClient *client, const VncClientEvent *event);
/* Damage is there to be looked at. */
void vnc_client_wake_main (VncClient *client);
void vnc_client_hang_up (int fd);
void vnc_picture_unref (VncPicture *picture);

/* -- vnc-client-draw.c: see rfbClient -- */
void vnc_client_on_fill (rfbClient *rfb, int x, int y, int width, int height, uint32_t colour);
void vnc_client_on_copy (rfbClient *rfb, int from_x, int from_y, int width, int height, int x, int y);
void vnc_client_on_bitmap (rfbClient *rfb, const uint8_t *pixels, int x, int y, int width, int height);
rfbBool vnc_client_on_malloc (rfbClient *rfb);
void vnc_client_on_update (rfbClient *rfb, int x, int y, int width, int height);
void vnc_client_on_update_end (rfbClient *rfb);
void vnc_client_on_cursor (rfbClient *rfb, int hot_x, int hot_y, int width, int height, int bytes_per_pixel);

/* -- vnc-client-input.c; FALSE: the connection has broken -- */
gboolean vnc_client_send_input (VncClient *client, const InputEvent *event);

/* -- vnc-client-text.c; FALSE: the connection has broken -- */
/* ServerCutText, whose length libvncclient takes as a reason to hang up. */
gboolean vnc_client_read_cut_text (VncClient *client);
gboolean vnc_client_send_text (VncClient *client, const char *text);

G_END_DECLS
