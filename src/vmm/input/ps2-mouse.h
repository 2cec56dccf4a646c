/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A PS/2 mouse: standard, IntelliMouse (wheel, id 3) and IntelliMouse Explorer (five buttons, id 4) as the driver's
 * sample-rate knocks choose.  IBM PS/2 Hardware Interface Technical Reference, "Auxiliary devices, mouse".
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
  VmTimer bat_timer;
  VmTimer sample_timer; /* the next packet may go */

  Ps2Queue packets;
  Ps2Queue replies;
  uint8_t last_sent;
  uint8_t command; /* that waits for its argument */
  uint8_t id;      /* 0, 3, 4 */
  uint8_t rate;    /* samples a second */
  uint8_t resolution;
  uint8_t knock[3]; /* the last sample rates, newest last */
  gboolean scaling; /* 2:1 */
  gboolean reporting;
  gboolean remote;
  gboolean wrap;
  uint8_t buttons;      /* bit 0 left, 1 right, 2 middle, 3 side, 4 extra */
  uint8_t sent_buttons; /* as in the last packet */
  uint32_t dx, dy, dz;  /* int32_t bit by bit: movement not yet reported; y is up */
} Ps2Mouse;

extern const StateField ps2_mouse_state[];

void ps2_mouse_init (Ps2Mouse *mouse, VmClock *clock, InputRouter *router, const Ps2Wire *wire);
void ps2_mouse_exit (Ps2Mouse *mouse);
void ps2_mouse_reset (Ps2Mouse *mouse);
gboolean ps2_mouse_post_load (Ps2Mouse *mouse, GError **error);
void ps2_mouse_write (Ps2Mouse *mouse, uint8_t value);
gboolean ps2_mouse_read (Ps2Mouse *mouse, uint8_t *value);
void ps2_mouse_refill (Ps2Mouse *mouse);
gboolean ps2_mouse_pending (const Ps2Mouse *mouse);

G_END_DECLS
