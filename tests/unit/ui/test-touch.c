/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Fingers on the picture: their numbers, movement, more of them than a guest knows, and those that are lifted for the person.
 */
#include "ui/console/viv-touch.h"

static char touches[INPUT_FINGERS + 2];

static void
assert_sent (VivTouch *self, VivTouchPhase phase, unsigned touch, int x, int y, unsigned finger)
{
  InputEvent event = { 0 };

  g_assert_true (viv_touch_event (self, phase, &touches[touch], x, y, &event));
  g_assert_cmpuint (event.type, ==, INPUT_EVENT_TOUCH);
  g_assert_cmpuint (event.code, ==, finger);
  g_assert_cmpint (event.value, ==, phase != VIV_TOUCH_END);
  g_assert_cmpint (event.x, ==, x);
  g_assert_cmpint (event.y, ==, y);
}

static void
assert_quiet (VivTouch *self, VivTouchPhase phase, unsigned touch, int x, int y)
{
  InputEvent event;

  g_assert_false (viv_touch_event (self, phase, &touches[touch], x, y, &event));
}

static void
test_fingers (void)
{
  VivTouch self = { 0 };

  assert_sent (&self, VIV_TOUCH_BEGIN, 5, 100, 200, 0);
  assert_sent (&self, VIV_TOUCH_BEGIN, 3, 300, 400, 1);
  assert_sent (&self, VIV_TOUCH_MOVE, 5, 101, 200, 0);
  assert_quiet (&self, VIV_TOUCH_MOVE, 5, 101, 200);
  assert_sent (&self, VIV_TOUCH_MOVE, 3, 301, 400, 1);
  /* The number that is free is the next one's, the other's stays. */
  assert_sent (&self, VIV_TOUCH_END, 5, 101, 200, 0);
  assert_sent (&self, VIV_TOUCH_BEGIN, 7, 1, 2, 0);
  assert_sent (&self, VIV_TOUCH_MOVE, 3, 302, 400, 1);
  assert_sent (&self, VIV_TOUCH_END, 3, 0, 0, 1);
  assert_sent (&self, VIV_TOUCH_END, 7, 1, 2, 0);
}

static void
test_unknown (void)
{
  VivTouch self = { 0 };

  assert_quiet (&self, VIV_TOUCH_MOVE, 1, 5, 5);
  assert_quiet (&self, VIV_TOUCH_END, 1, 5, 5);
  for (unsigned i = 0; i < INPUT_FINGERS; i++)
    assert_sent (&self, VIV_TOUCH_BEGIN, i, (int)i, 0, i);
  assert_quiet (&self, VIV_TOUCH_BEGIN, INPUT_FINGERS, 9, 9);
  assert_quiet (&self, VIV_TOUCH_MOVE, INPUT_FINGERS, 10, 9);
  assert_quiet (&self, VIV_TOUCH_END, INPUT_FINGERS, 10, 9);
  assert_sent (&self, VIV_TOUCH_END, 4, 4, 0, 4);
  assert_sent (&self, VIV_TOUCH_BEGIN, INPUT_FINGERS, 9, 9, 4);
}

static void
test_lift (void)
{
  VivTouch self = { 0 };
  InputEvent event;

  g_assert_false (viv_touch_lift (&self, &event));
  assert_sent (&self, VIV_TOUCH_BEGIN, 0, 10, 20, 0);
  assert_sent (&self, VIV_TOUCH_BEGIN, 1, 30, 40, 1);
  assert_sent (&self, VIV_TOUCH_MOVE, 1, 31, 41, 1);
  for (unsigned i = 0; i < 2; i++)
    {
      g_assert_true (viv_touch_lift (&self, &event));
      g_assert_cmpuint (event.code, ==, i);
      g_assert_cmpint (event.value, ==, 0);
      g_assert_cmpint (event.x, ==, i == 0 ? 10 : 31);
    }
  g_assert_false (viv_touch_lift (&self, &event));
  /* What the person does with them from now on is nothing to the guest. */
  assert_quiet (&self, VIV_TOUCH_MOVE, 0, 50, 60);
  assert_quiet (&self, VIV_TOUCH_END, 0, 50, 60);
  assert_sent (&self, VIV_TOUCH_BEGIN, 0, 50, 60, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/touch/fingers", test_fingers);
  g_test_add_func ("/touch/unknown", test_unknown);
  g_test_add_func ("/touch/lift", test_lift);
  return g_test_run ();
}
