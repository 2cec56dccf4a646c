/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When a full screen's header bar is to be seen.
 */
#include "ui/console/viv-reveal.h"

static const struct
{
  const char *what;
  VivRevealState state;
  VivReveal expected;
} cases[] = {
  { "a window has its bar", { .grabbed = TRUE, .pointer = TRUE, .y = 300 }, VIV_REVEAL_SHOW },
  { "full screen: the machine's alone", { .fullscreen = TRUE, .grabbed = TRUE }, VIV_REVEAL_HIDE },
  { "on the edge: soon", { .fullscreen = TRUE, .grabbed = TRUE, .pointer = TRUE, .y = 0 }, VIV_REVEAL_SOON },
  { "row 2 is the edge", { .fullscreen = TRUE, .grabbed = TRUE, .pointer = TRUE, .y = 2 }, VIV_REVEAL_SOON },
  { "a frame above the picture is too",
    { .fullscreen = TRUE, .grabbed = TRUE, .pointer = TRUE, .y = -5 },
    VIV_REVEAL_SOON },
  { "row 3 is the guest's",
    { .fullscreen = TRUE, .grabbed = TRUE, .pointer = TRUE, .y = 3 },
    VIV_REVEAL_HIDE },
  { "on the bar it stays",
    { .fullscreen = TRUE, .grabbed = TRUE, .shown = TRUE, .pointer = TRUE, .y = 40 },
    VIV_REVEAL_KEEP },
  { "below it goes",
    { .fullscreen = TRUE, .grabbed = TRUE, .shown = TRUE, .pointer = TRUE, .y = 200 },
    VIV_REVEAL_HIDE },
  { "not with an open menu",
    { .fullscreen = TRUE, .grabbed = TRUE, .shown = TRUE, .menu_open = TRUE, .pointer = TRUE, .y = 200 },
    VIV_REVEAL_KEEP },
  { "the keyboard came back: the way out is shown", { .fullscreen = TRUE }, VIV_REVEAL_SHOW },
  { "and is still there when the pointer, let go of, moves",
    { .fullscreen = TRUE, .shown = TRUE, .pointer = TRUE, .y = 500 },
    VIV_REVEAL_SHOW },
};

static void
test_table (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].what);
      g_assert_cmpint (viv_reveal (&cases[i].state), ==, cases[i].expected);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reveal/table", test_table);
  return g_test_run ();
}
