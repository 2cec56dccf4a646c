/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Fingers on the picture, as the guest's touchscreen numbers them: each touch has the lowest number that is free when it comes, and keeps it until it leaves.  No GTK,
 * so that it is tested without a screen that can be touched.
 */
#pragma once

#include "display/input.h"

G_BEGIN_DECLS

typedef enum
{
  VIV_TOUCH_BEGIN,
  VIV_TOUCH_MOVE,
  VIV_TOUCH_END,
} VivTouchPhase;

typedef struct
{
  gconstpointer touches[INPUT_FINGERS]; /* which one a finger is, NULL: none.  Compared, and nothing else */
  InputEvent last[INPUT_FINGERS];
} VivTouch;

/* `touch`, not NULL, tells those apart that are there at the same time; x, y: 0 to INPUT_ABSOLUTE_MAX.  TRUE: the guest is to get `event`.  FALSE: nothing
 * is new, there are more fingers than it knows, or this one was lifted by viv_touch_lift() or never came. */
gboolean viv_touch_event (VivTouch *self, VivTouchPhase phase, gconstpointer touch, int x, int y,
                          InputEvent *event);
/* One of those that are there leaves, for the guest; FALSE: none is there. */
gboolean viv_touch_lift (VivTouch *self, InputEvent *event);

G_END_DECLS
