/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a monitor says of the setting that it could not start with, and what it may not say.
 */
#include "machine/start-blame.h"

static void
test_message (void)
{
  g_autofree char *none = viv_start_blame_message ();
  g_autofree char *some = NULL;
  g_autofree char *key = NULL;

  g_assert_null (none);
  viv_start_blame ("disk0", "path");
  viv_start_blame ("machine", "memory");
  some = viv_start_blame_message ();
  g_assert_cmpstr (some, ==, "blame disk0.path\n");
  key = viv_start_blame_parse (some);
  g_assert_cmpstr (key, ==, "disk0.path");
}

static void
test_hostile (void)
{
  static const char *const texts[]
      = { "",
          "ready\n",
          "blame ",
          "blame disk0.path",
          "blame \n",
          "blame .path\n",
          "blame disk0.\n",
          "blame a.b.c\n",
          "blame disk0 path\n",
          "blame Disk0.path\n",
          "blame <b>.path\n",
          "blame disk0.p\033[2J\n",
          "blame aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b\n" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *key = viv_start_blame_parse (texts[i]);

      g_assert_null (key);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/start-blame/message", test_message);
  g_test_add_func ("/start-blame/hostile", test_hostile);
  return g_test_run ();
}
