/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A 101/102-key PS/2 keyboard: scan code sets 1, 2 and 3, typematic by its own clock, lights.
 * IBM PS/2 Hardware Interface Technical Reference, "Keyboard (101- and 102-key)".
 */
#pragma once

#include "input/ps2.h"
#include "input/router.h"

G_BEGIN_DECLS

typedef struct
{
  Ps2Wire wire;
  InputRouter *router;
  InputSink sink;
  VmTimer bat_timer;       /* end of the self test */
  VmTimer typematic_timer; /* next repeat */

  Ps2Queue scans;   /* what keys say */
  Ps2Queue replies; /* what commands are answered; goes first */
  uint8_t last_sent;
  uint8_t command; /* that waits for its argument, 0: none */
  uint8_t set;     /* 1 to 3 */
  uint8_t rate;    /* typematic byte: bits 0-4 rate, 5-6 delay */
  uint8_t leds;
  gboolean scanning;
  gboolean overrun;   /* the overrun code is the last in `scans` */
  uint16_t repeating; /* evdev code, 0: none */
  uint8_t held[96];   /* bitmap of evdev codes below 768 */
  uint8_t type3[96];  /* per evdev code: set 3 sends no break */
  uint8_t once3[96];  /* per evdev code: set 3 doesn't repeat */
} Ps2Keyboard;

extern const StateField ps2_keyboard_state[];

void ps2_keyboard_init (Ps2Keyboard *keyboard, VmClock *clock, InputRouter *router, const Ps2Wire *wire);
void ps2_keyboard_exit (Ps2Keyboard *keyboard);
void ps2_keyboard_reset (Ps2Keyboard *keyboard);
gboolean ps2_keyboard_post_load (Ps2Keyboard *keyboard, GError **error);
/* A byte from the host. */
void ps2_keyboard_write (Ps2Keyboard *keyboard, uint8_t value);
/* The next byte to the host; FALSE if there is none. */
gboolean ps2_keyboard_read (Ps2Keyboard *keyboard, uint8_t *value);
/* Takes what waits at the router, as far as there is room. */
void ps2_keyboard_refill (Ps2Keyboard *keyboard);
gboolean ps2_keyboard_pending (const Ps2Keyboard *keyboard);

G_END_DECLS
