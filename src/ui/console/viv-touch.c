/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/console/viv-touch.h"

static int
find (const VivTouch *self, gconstpointer touch)
{
  for (unsigned i = 0; i < INPUT_FINGERS; i++)
    if (self->touches[i] == touch)
      return (int)i;
  return -1;
}

gboolean
viv_touch_event (VivTouch *self, VivTouchPhase phase, gconstpointer touch, int x, int y, InputEvent *event)
{
  const int known = find (self, touch),
            finger = known < 0 && phase == VIV_TOUCH_BEGIN ? find (self, NULL) : known;

  if (finger < 0 || touch == NULL)
    return FALSE;
  *event = (InputEvent){
    .type = INPUT_EVENT_TOUCH, .code = (uint16_t)finger, .value = phase != VIV_TOUCH_END, .x = x, .y = y
  };
  /* The panel is finer than the picture. */
  if (known >= 0 && phase != VIV_TOUCH_END && self->last[finger].x == x && self->last[finger].y == y)
    return FALSE;
  self->touches[finger] = phase != VIV_TOUCH_END ? touch : NULL;
  self->last[finger] = *event;
  return TRUE;
}

gboolean
viv_touch_lift (VivTouch *self, InputEvent *event)
{
  for (unsigned i = 0; i < INPUT_FINGERS; i++)
    if (self->touches[i] != NULL)
      {
        self->touches[i] = NULL;
        *event = self->last[i];
        event->value = 0;
        return TRUE;
      }
  return FALSE;
}
