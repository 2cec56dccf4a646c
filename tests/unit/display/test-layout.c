/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text to keys: layouts, Caps Lock, dead keys, what can't be typed.
 */
#include "display/layout.h"

#include <linux/input-event-codes.h>
#include <locale.h>
#include <string.h>

static char *
typed (KeyLayout *layout, const char *text, gboolean caps)
{
  g_autoptr (GArray) strokes = g_array_new (FALSE, FALSE, sizeof (KeyStroke));
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) out = g_string_new (NULL);

  g_assert_true (key_layout_type (layout, text, caps, strokes, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < strokes->len; i++)
    {
      KeyStroke s = g_array_index (strokes, KeyStroke, i);
      g_string_append_printf (out, "%s%c%u", i > 0 ? " " : "", s.down ? '+' : '-', s.code);
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

#define CHECK(layout, text, caps, expected)               \
  do                                                      \
    {                                                     \
      g_autofree char *got_ = typed (layout, text, caps); \
      g_assert_cmpstr (got_, ==, expected);               \
    }                                                     \
  while (0)

static KeyLayout *
open_layout (const char *name)
{
  g_autoptr (GError) error = NULL;
  KeyLayout *layout = key_layout_new (name, &error);

  g_assert_no_error (error);
  return layout;
}

static void
test_us (void)
{
  g_autoptr (KeyLayout) us = open_layout ("us");
  g_autoptr (GArray) strokes = g_array_new (FALSE, FALSE, sizeof (KeyStroke));
  g_autoptr (GError) error = NULL;

  CHECK (us, "aB\n", FALSE, "+30 -30 +42 +48 -48 -42 +28 -28");
  CHECK (us, "a\r\nb", FALSE, "+30 -30 +28 -28 +48 -48");
  CHECK (us, "\t\033\b ", FALSE, "+15 -15 +1 -1 +14 -14 +57 -57");
  /* The main row and not the keypad. */
  CHECK (us, "7*-+/", FALSE, "+8 -8 +42 +9 -9 -42 +12 -12 +42 +13 -13 -42 +53 -53");
  /* With Caps Lock letters turn, digits don't. */
  CHECK (us, "aB1!", TRUE, "+42 +30 -30 -42 +48 -48 +2 -2 +42 +2 -2 -42");
  CHECK (us, "", FALSE, "");
  for (unsigned c = 0x20; c < 0x7f; c++)
    {
      char text[2] = { (char)c, 0 };
      g_assert_true (key_layout_type (us, text, FALSE, strokes, &error));
      g_assert_true (key_layout_type (us, text, TRUE, strokes, &error));
    }
  g_array_set_size (strokes, 0);
  /* All or nothing. */
  g_assert_false (key_layout_type (us,
                                   "ab\xe2\x82\xac"
                                   "c\xc3\xa4\xe2\x82\xac",
                                   FALSE, strokes, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  g_assert_nonnull (strstr (error->message, "\xe2\x82\xac\xc3\xa4"));
  g_assert_cmpuint (strokes->len, ==, 0);
}

static void
test_de (void)
{
  g_autoptr (KeyLayout) de = open_layout ("de"), plain = open_layout ("de(nodeadkeys)");

  /* ä z y € { @ ß */
  CHECK (de, "\xc3\xa4zy", FALSE, "+40 -40 +21 -21 +44 -44");
  CHECK (de, "\xe2\x82\xac", FALSE, "+100 +18 -18 -100");
  CHECK (de, "{@", FALSE, "+100 +8 -8 +16 -16 -100");
  CHECK (de, "\xc3\x84", TRUE, "+40 -40");
  CHECK (de, "\xc3\xa4", TRUE, "+42 +40 -40 -42");
  /* Dead acute, then e; é as two characters in the text; circumflex alone; ê. */
  CHECK (de, "\xc3\xa9", FALSE, "+13 -13 +18 -18");
  CHECK (de, "e\xcc\x81", FALSE, "+13 -13 +18 -18");
  CHECK (de, "^", FALSE, "+41 -41 +57 -57");
  CHECK (de, "\xc3\xaa", FALSE, "+41 -41 +18 -18");
  CHECK (de, "\xc3\x89", FALSE, "+13 -13 +42 +18 -18 -42");
  CHECK (plain, "^", FALSE, "+41 -41");
}

static void
test_others (void)
{
  static const char *const layouts[] = { "fr", "es", "gb", "ch(fr)", "br", "jp", "cz", "se", "us(intl)" };
  static const char *const bad[]
      = { "", "nosuchlayout", "de(", "de(nosuchvariant)", "../../x", "de,us", "a b" };

  for (unsigned i = 0; i < G_N_ELEMENTS (layouts); i++)
    {
      g_autoptr (KeyLayout) layout = open_layout (layouts[i]);
      g_autoptr (GArray) strokes = g_array_new (FALSE, FALSE, sizeof (KeyStroke));
      g_autoptr (GError) error = NULL;
      unsigned down = 0;
      key_layout_type (layout, "dir /w C:\\*.exe | more > \"x_y~1.txt\" & echo {[(a@b)]} $1 #2 %3 ^ ` '",
                       FALSE, strokes, &error);
      g_assert_no_error (error);
      for (guint k = 0; k < strokes->len; k++)
        down += g_array_index (strokes, KeyStroke, k).down ? 1 : -1;
      g_assert_cmpuint (down, ==, 0);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (key_layout_new (bad[i], &error));
      g_assert_nonnull (error);
    }
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/layout/us", test_us);
  g_test_add_func ("/layout/de", test_de);
  g_test_add_func ("/layout/others", test_others);
  return g_test_run ();
}
