/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a monitor and the process that serves its screens over VNC (vivarium-vnc) say to each other, in the messages of base/message.h over one
 * socketpair.  The pictures don't come this way: each screen has a socket of display/shm.h of its own, where the server is a viewer as any other.
 *
 * First the monitor says what is to be served: NAME, SCREEN for each, PASSWORD if there is to be one, START.  The answer is READY or FAILED.  From then on each
 * says what is new.  Either side hangs up on the other at the first message that makes no sense; when the socket is closed, VNC is off.
 *
 *   monitor to server                                                       with descriptors
 *     NAME        text: a piece of the machine's name; they are strung together, at most VNC_NAME_PIECES
 *     SCREEN      a: its id, counted from 0                                  the screen's socket; one that listens
 *     PASSWORD                                                               the file, see display/vnc-password.h
 *     START       a, b: as INPUT_STATE
 *     INPUT_STATE a: 1 if pointers are absolute; b: the keyboard's lights (bit 0 scroll, 1 num, 2 caps lock).  The next one comes after
 *                 STATE_TAKEN only, so a guest that plays with its lights fills no queue.
 *     SIZE        a: the screen; b: width << 16 | height in pixels, 0: off.  Answers LOOK.
 *   server to monitor
 *     READY
 *     FAILED      a: VncFailure; result: an errno, or 0
 *     STATE_TAKEN
 *     INPUT       an event: a: type; b: code; result: value; size: x in its lower half, y in the upper
 *     LOOK        a: a screen that is to be brought up to date, as a client is about to be greeted with its size.  The next one of
 *                 that screen comes after SIZE only.
 *     CLIENTS     a: the screen; b: how many there are
 */
#pragma once

#include "base/message.h"
#include "display/input.h"

G_BEGIN_DECLS

#define VNC_MAX_SCREENS 16
#define VNC_NAME_PIECES 8
#define VNC_MAX_CLIENTS 16 /* of a screen */

typedef enum
{
  VNC_MESSAGE_NAME = 1,
  VNC_MESSAGE_SCREEN,
  VNC_MESSAGE_PASSWORD,
  VNC_MESSAGE_START,
  VNC_MESSAGE_INPUT_STATE,
  VNC_MESSAGE_SIZE,

  VNC_MESSAGE_READY = 32,
  VNC_MESSAGE_FAILED,
  VNC_MESSAGE_STATE_TAKEN,
  VNC_MESSAGE_INPUT,
  VNC_MESSAGE_LOOK,
  VNC_MESSAGE_CLIENTS,
} VncMessageOp;

typedef enum
{
  VNC_FAILURE_MESSAGE,  /* what the monitor said makes no sense */
  VNC_FAILURE_LISTENER, /* no listening socket */
  VNC_FAILURE_SCREEN,   /* no screen's socket */
  VNC_FAILURE_PASSWORD, /* no password in that file */
  VNC_FAILURE_CONFINE,  /* the walls can't be built */
} VncFailure;

Message vnc_message_of_event (const InputEvent *event);
/* FALSE: it is none.  Of `n_screens`. */
gboolean vnc_message_to_event (const Message *message, unsigned n_screens, InputEvent *event);
Message vnc_message_of_size (unsigned screen, uint32_t width, uint32_t height);

G_END_DECLS
