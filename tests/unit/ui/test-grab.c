/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The grab: what frees the keyboard and what does not; keys held; key, button and wheel translation.
 */
#include "ui/console/viv-grab.h"

typedef struct
{
  int code; /* negative: released; 0: a button of the pointer */
  VivGrabAction action;
} Step;

#define F VIV_GRAB_FORWARD
#define R VIV_GRAB_FORWARD_RELEASE
#define I VIV_GRAB_IGNORE

static const struct
{
  const char *name;
  VivChord chord;
  Step steps[12];
} sequences[] = {
  { "ctrl alt frees on the first release",
    VIV_CHORD_CTRL_ALT,
    { { KEY_LEFTCTRL, F }, { KEY_LEFTALT, F }, { -KEY_LEFTALT, R } } },
  { "either order, either side",
    VIV_CHORD_CTRL_ALT,
    { { KEY_RIGHTALT, F }, { KEY_LEFTCTRL, F }, { -KEY_RIGHTALT, R } } },
  { "ctrl alt delete is the guest's",
    VIV_CHORD_CTRL_ALT,
    { { KEY_LEFTCTRL, F },
      { KEY_LEFTALT, F },
      { KEY_DELETE, F },
      { -KEY_DELETE, F },
      { -KEY_LEFTALT, F },
      { -KEY_LEFTCTRL, F } } },
  { "a key between the two",
    VIV_CHORD_CTRL_ALT,
    { { KEY_LEFTCTRL, F },
      { KEY_C, F },
      { -KEY_C, F },
      { KEY_LEFTALT, F },
      { -KEY_LEFTALT, F },
      { -KEY_LEFTCTRL, F } } },
  { "a key that was down before",
    VIV_CHORD_CTRL_ALT,
    { { KEY_A, F },
      { KEY_LEFTCTRL, F },
      { KEY_LEFTALT, F },
      { -KEY_LEFTALT, F },
      { -KEY_LEFTCTRL, F },
      { -KEY_A, F } } },

  { "spoiled once, whole again after all are up",
    VIV_CHORD_CTRL_ALT,
    { { KEY_LEFTCTRL, F },
      { KEY_LEFTALT, F },
      { KEY_F1, F },
      { -KEY_F1, F },
      { -KEY_LEFTALT, F },
      { -KEY_LEFTCTRL, F },
      { KEY_LEFTCTRL, F },
      { KEY_LEFTALT, F },
      { -KEY_LEFTCTRL, R } } },
  { "ctrl alone is the guest's",
    VIV_CHORD_CTRL_ALT,
    { { KEY_LEFTCTRL, F }, { -KEY_LEFTCTRL, F }, { KEY_LEFTALT, F }, { -KEY_LEFTALT, F } } },
  { "both ctrls are not the chord",
    VIV_CHORD_CTRL_ALT,
    { { KEY_LEFTCTRL, F }, { KEY_RIGHTCTRL, F }, { -KEY_LEFTCTRL, F } } },
  { "repeats are swallowed",
    VIV_CHORD_CTRL_ALT,
    { { KEY_A, F }, { KEY_A, I }, { KEY_A, I }, { -KEY_A, F }, { -KEY_A, I } } },
  { "a release of a key that went down elsewhere",
    VIV_CHORD_CTRL_ALT,
    { { -KEY_ENTER, I }, { KEY_ENTER, F } } },
  { "right ctrl",
    VIV_CHORD_RIGHT_CTRL,
    { { KEY_LEFTCTRL, F }, { -KEY_LEFTCTRL, F }, { KEY_RIGHTCTRL, F }, { -KEY_RIGHTCTRL, R } } },
  { "right ctrl as a modifier",
    VIV_CHORD_RIGHT_CTRL,
    { { KEY_RIGHTCTRL, F }, { KEY_C, F }, { -KEY_C, F }, { -KEY_RIGHTCTRL, F } } },
  { "ctrl shift",
    VIV_CHORD_CTRL_SHIFT,
    { { KEY_LEFTSHIFT, F }, { KEY_RIGHTCTRL, F }, { -KEY_RIGHTCTRL, R } } },
  { "ctrl super", VIV_CHORD_CTRL_SUPER, { { KEY_LEFTCTRL, F }, { KEY_LEFTMETA, F }, { -KEY_LEFTCTRL, R } } },
  { "no key, no code beyond", VIV_CHORD_CTRL_ALT, { { KEY_CNT, I }, { 0xffff, I } } },
};

static void
test_sequences (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (sequences); i++)
    {
      VivGrab grab;

      g_test_message ("%s", sequences[i].name);
      viv_grab_init (&grab, sequences[i].chord);
      viv_grab_begin (&grab);
      for (const Step *step = sequences[i].steps;
           step->code || step->action != VIV_GRAB_IGNORE || step == sequences[i].steps; step++)
        g_assert_cmpint (viv_grab_key (&grab, ABS (step->code), step->code > 0), ==, step->action);
    }
}

static void
test_button (void)
{
  VivGrab grab;

  viv_grab_init (&grab, VIV_CHORD_CTRL_ALT);
  viv_grab_begin (&grab);
  viv_grab_button (&grab);
  g_assert_cmpint (viv_grab_key (&grab, KEY_LEFTCTRL, TRUE), ==, VIV_GRAB_FORWARD);
  g_assert_cmpint (viv_grab_key (&grab, KEY_LEFTALT, TRUE), ==, VIV_GRAB_FORWARD);
  viv_grab_button (&grab);
  g_assert_cmpint (viv_grab_key (&grab, KEY_LEFTALT, FALSE), ==, VIV_GRAB_FORWARD);
}

static void
test_held (void)
{
  uint16_t codes[KEY_CNT];
  VivGrab grab;

  viv_grab_init (&grab, VIV_CHORD_CTRL_ALT);
  g_assert_cmpint (viv_grab_key (&grab, KEY_A, TRUE), ==, VIV_GRAB_IGNORE);
  viv_grab_begin (&grab);
  viv_grab_key (&grab, KEY_LEFTSHIFT, TRUE);
  viv_grab_key (&grab, KEY_A, TRUE);
  viv_grab_key (&grab, KEY_MAX, TRUE);
  viv_grab_key (&grab, KEY_B, TRUE);
  viv_grab_key (&grab, KEY_B, FALSE);
  g_assert_true (viv_grab_holds (&grab, KEY_A));
  g_assert_cmpuint (viv_grab_end (&grab, codes), ==, 3);
  g_assert_cmpuint (codes[0], ==, KEY_A);
  g_assert_cmpuint (codes[1], ==, KEY_LEFTSHIFT);
  g_assert_cmpuint (codes[2], ==, KEY_MAX);
  g_assert_false (grab.grabbed);
  g_assert_cmpuint (viv_grab_end (&grab, codes), ==, 0);
  g_assert_cmpint (viv_grab_key (&grab, KEY_A, FALSE), ==, VIV_GRAB_IGNORE);
}

static void
test_translation (void)
{
  g_assert_cmpuint (viv_key_from_hardware (9), ==, KEY_ESC);
  g_assert_cmpuint (viv_key_from_hardware (36), ==, KEY_ENTER);
  g_assert_cmpuint (viv_key_from_hardware (111), ==, KEY_UP);
  g_assert_cmpuint (viv_key_from_hardware (133), ==, KEY_LEFTMETA);
  g_assert_cmpuint (viv_key_from_hardware (0), ==, 0);
  g_assert_cmpuint (viv_key_from_hardware (8), ==, 0);
  g_assert_cmpuint (viv_key_from_hardware (KEY_MAX + 8), ==, KEY_MAX);
  g_assert_cmpuint (viv_key_from_hardware (KEY_CNT + 8), ==, 0);
  g_assert_cmpuint (viv_key_from_hardware (G_MAXUINT), ==, 0);
  g_assert_cmpuint (viv_button_from_gdk (1), ==, BTN_LEFT);
  g_assert_cmpuint (viv_button_from_gdk (2), ==, BTN_MIDDLE);
  g_assert_cmpuint (viv_button_from_gdk (3), ==, BTN_RIGHT);
  g_assert_cmpuint (viv_button_from_gdk (4), ==, 0);
  g_assert_cmpuint (viv_button_from_gdk (8), ==, BTN_SIDE);
}

static void
test_wheel (void)
{
  VivWheel wheel = { 0 };
  int x, y, sum = 0;

  for (int i = 0; i < 10; i++)
    {
      viv_wheel_add (&wheel, 0, 0.25, &x, &y);
      g_assert_cmpint (x, ==, 0);
      sum += y;
    }
  g_assert_cmpint (sum, ==, 2);
  /* A half is left over: it does not have to be scrolled back first. */
  viv_wheel_add (&wheel, 0, -1, &x, &y);
  g_assert_cmpint (y, ==, -1);
  viv_wheel_add (&wheel, 0.9, 0, &x, &y);
  viv_wheel_reset (&wheel);
  viv_wheel_add (&wheel, 0.9, 0, &x, &y);
  g_assert_cmpint (x, ==, 0);
  viv_wheel_add (&wheel, 3e300, -3e300, &x, &y);
  g_assert_cmpint (x, ==, 1000000);
  viv_wheel_add (&wheel, 0, 0, &x, &y);
  g_assert_cmpint (x, ==, 0);
}

static void
test_motion (void)
{
  VivMotion motion = { 0 };
  int x, y, sum = 0;

  for (int i = 0; i < 8; i++)
    {
      viv_motion_add (&motion, -0.5, 0.5, &x, &y);
      sum += y;
      g_assert_cmpint (x, ==, -y);
    }
  g_assert_cmpint (sum, ==, 4);
}

static gboolean
tap (VivGrab *grab, uint16_t code)
{
  g_assert_cmpint (viv_grab_key (grab, code, TRUE), ==, VIV_GRAB_FORWARD);
  return viv_grab_key (grab, code, FALSE) == VIV_GRAB_FORWARD_RELEASE;
}

/* Sticky keys: one at a time. */
static void
test_in_turn (void)
{
  VivGrab grab;
  uint16_t codes[KEY_CNT];

  viv_grab_init (&grab, VIV_CHORD_CTRL_ALT);
  viv_grab_begin (&grab);
  g_assert_false (tap (&grab, KEY_LEFTCTRL));
  g_assert_false (tap (&grab, KEY_LEFTALT)); /* not unless it is wanted */
  viv_grab_set_in_turn (&grab, TRUE);
  g_assert_false (tap (&grab, KEY_LEFTCTRL));
  g_assert_true (tap (&grab, KEY_RIGHTALT));
  viv_grab_end (&grab, codes);
  viv_grab_begin (&grab);
  g_assert_false (tap (&grab, KEY_LEFTALT));
  g_assert_true (tap (&grab, KEY_LEFTCTRL));
  viv_grab_end (&grab, codes);
  viv_grab_begin (&grab);
  g_assert_false (tap (&grab, KEY_LEFTCTRL));
  g_assert_false (tap (&grab, KEY_A)); /* between */
  g_assert_false (tap (&grab, KEY_LEFTALT));
  g_assert_false (tap (&grab, KEY_LEFTALT));
  g_assert_false (tap (&grab, KEY_LEFTALT)); /* one key twice is no chord */
  viv_grab_button (&grab);
  g_assert_false (tap (&grab, KEY_LEFTCTRL)); /* a click between */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ui/grab/sequences", test_sequences);
  g_test_add_func ("/ui/grab/button", test_button);
  g_test_add_func ("/ui/grab/held", test_held);
  g_test_add_func ("/ui/grab/translation", test_translation);
  g_test_add_func ("/ui/grab/wheel", test_wheel);
  g_test_add_func ("/ui/grab/motion", test_motion);
  g_test_add_func ("/grab/in-turn", test_in_turn);
  return g_test_run ();
}
