/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When the header bar of a full screen is to be seen.  Pure C, no GTK.
 *
 * There must always be a visible way out: while the machine doesn't have the keyboard the bar stays, so it is there after
 * the keys that give the keyboard back, in a pause and when the machine is off.  While the machine has it, the upper edge brings the
 * bar, and leaving the bar takes it away.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  VIV_REVEAL_SHOW,
  VIV_REVEAL_HIDE,
  VIV_REVEAL_SOON, /* show it if the pointer stays: it may be on the way to something of the guest's */
  VIV_REVEAL_KEEP, /* as it is */
} VivReveal;

typedef struct
{
  gboolean fullscreen;
  gboolean grabbed;   /* the machine has the keyboard */
  gboolean menu_open; /* a menu of the bar */
  gboolean shown;     /* the bar is there */
  gboolean pointer;   /* y is known */
  double y; /* of the pointer from the upper edge of the picture's room; above it (a frame) is negative */
} VivRevealState;

VivReveal viv_reveal (const VivRevealState *state);

G_END_DECLS
