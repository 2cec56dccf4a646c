/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The key table agrees with itself and with what keyboards send.
 */
#include "display/input.h"
#include "display/keymap.h"

#include <linux/input-event-codes.h>

static const uint16_t codes[] = {
#define KEY_ROW(code, ...) code,
#include "display/keymap-table.h"
#undef KEY_ROW
};

static void
test_round_trip (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      uint16_t code = codes[i];
      const char *name = keymap_evdev_to_name (code);
      uint16_t set1 = keymap_evdev_to_set1 (code);

      g_assert_nonnull (name);
      g_assert_cmpuint (keymap_name_to_evdev (name), ==, code);
      if (set1)
        {
          uint16_t back = keymap_set1_to_evdev (set1);

          g_assert_cmpuint (back, !=, 0);
          g_assert_cmphex (keymap_evdev_to_set1 (back), ==, set1);
          g_assert_cmphex (keymap_evdev_to_set2 (code), !=, 0);
          g_assert_cmphex (keymap_evdev_to_qnum (code), !=, 0);
        }
      if (keymap_evdev_to_usb (code))
        {
          uint16_t back = keymap_usb_to_evdev (keymap_evdev_to_usb (code));

          g_assert_cmphex (keymap_evdev_to_usb (back), ==, keymap_evdev_to_usb (code));
        }
      if (keymap_evdev_to_qnum (code))
        {
          uint16_t back = keymap_qnum_to_evdev (keymap_evdev_to_qnum (code));

          g_assert_cmphex (keymap_evdev_to_qnum (back), ==, keymap_evdev_to_qnum (code));
        }
      for (int shift = 0; shift < 2; shift++)
        if (keymap_evdev_to_keysym (code, shift))
          g_assert_cmpuint (keymap_keysym_to_evdev (keymap_evdev_to_keysym (code, shift), NULL), !=, 0);
      for (unsigned j = 0; j < i; j++)
        g_assert_cmpuint (codes[j], !=, code);
    }
}

/* The controller translates set 2 to set 1 by one table of bytes: two keys must never need two answers. */
static void
test_translation (void)
{
  uint8_t table[256] = { 0 };

  for (unsigned i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      uint16_t set1 = keymap_evdev_to_set1 (codes[i]), set2 = keymap_evdev_to_set2 (codes[i]);

      if (set1 == 0)
        continue;
      g_assert_cmphex (set1 >> 8, ==, set2 >> 8);
      if (table[set2 & 0xff])
        g_assert_cmphex (table[set2 & 0xff], ==, set1 & 0xff);
      table[set2 & 0xff] = set1;
    }
}

static void
test_golden (void)
{
  gboolean shift;

  g_assert_cmphex (keymap_evdev_to_set1 (KEY_ESC), ==, 0x01);
  g_assert_cmphex (keymap_evdev_to_set2 (KEY_ESC), ==, 0x76);
  g_assert_cmphex (keymap_evdev_to_set3 (KEY_ESC), ==, 0x08);
  g_assert_cmphex (keymap_evdev_to_set2 (KEY_F7), ==, 0x83);
  g_assert_cmphex (keymap_evdev_to_set1 (KEY_RIGHTCTRL), ==, 0xe01d);
  g_assert_cmphex (keymap_evdev_to_set2 (KEY_RIGHTALT), ==, 0xe011);
  g_assert_cmphex (keymap_evdev_to_set1 (KEY_PAUSE), ==, 0xe11d);
  g_assert_cmphex (keymap_evdev_to_set2 (KEY_KPENTER), ==, 0xe05a);
  g_assert_cmphex (keymap_evdev_to_set2 (KEY_LEFTMETA), ==, 0xe01f);
  g_assert_cmphex (keymap_evdev_to_usb (KEY_A), ==, 4);
  g_assert_cmphex (keymap_evdev_to_usb (KEY_0), ==, 0x27);
  g_assert_cmphex (keymap_evdev_to_usb (KEY_RIGHTMETA), ==, 0xe7);
  g_assert_cmphex (keymap_evdev_to_usb (KEY_RO), ==, 0x87);
  g_assert_cmphex (keymap_evdev_to_qnum (KEY_UP), ==, 0xc8);
  g_assert_cmphex (keymap_evdev_to_qnum (KEY_PAUSE), ==, 0xc6);
  g_assert_cmpuint (keymap_qnum_to_evdev (0xb7), ==, KEY_SYSRQ);
  g_assert_cmpuint (keymap_qnum_to_evdev (0x54), ==, KEY_SYSRQ);
  g_assert_cmpuint (keymap_qnum_to_evdev (0x56), ==, KEY_102ND);
  g_assert_cmpuint (keymap_qnum_to_evdev (0x70), ==, KEY_KATAKANAHIRAGANA);
  g_assert_cmpuint (keymap_qnum_to_evdev (0x72), ==, KEY_HANGEUL);
  g_assert_cmpuint (keymap_qnum_to_evdev (0xffffffff), ==, 0);
  g_assert_cmpuint (keymap_usb_to_evdev (0x32), ==, KEY_BACKSLASH);
  g_assert_cmpuint (keymap_usb_to_evdev (0xff), ==, 0);
  g_assert_cmpuint (keymap_set1_to_evdev (0xe038), ==, KEY_RIGHTALT);
  g_assert_cmpuint (keymap_set1_to_evdev (0xffff), ==, 0);
  g_assert_cmpuint (keymap_evdev_to_set1 (0xffff), ==, 0);
  g_assert_cmpuint (keymap_evdev_to_set1 (KEY_MAX), ==, 0);

  g_assert_cmpuint (keymap_keysym_to_evdev ('A', &shift), ==, KEY_A);
  g_assert_true (shift);
  g_assert_cmpuint (keymap_keysym_to_evdev ('a', &shift), ==, KEY_A);
  g_assert_false (shift);
  g_assert_cmpuint (keymap_keysym_to_evdev ('<', &shift), ==, KEY_COMMA);
  g_assert_true (shift);
  g_assert_cmpuint (keymap_keysym_to_evdev (0xff95, &shift), ==, KEY_KP7);
  g_assert_false (shift);
  g_assert_cmpuint (keymap_keysym_to_evdev (0x0100007c, &shift), ==, KEY_BACKSLASH);
  g_assert_true (shift);
  g_assert_cmpuint (keymap_keysym_to_evdev (0xfe20, &shift), ==, KEY_TAB);
  g_assert_false (shift);
  g_assert_cmpuint (keymap_keysym_to_evdev (0x010020ac, NULL), ==, 0);
  g_assert_cmphex (keymap_evdev_to_keysym (KEY_2, TRUE), ==, '@');

  g_assert_cmpuint (keymap_unichar_to_evdev ('\n', &shift), ==, KEY_ENTER);
  g_assert_cmpuint (keymap_unichar_to_evdev (0x20ac, NULL), ==, 0);
  for (gunichar c = 0x20; c < 0x7f; c++)
    {
      uint16_t code = keymap_unichar_to_evdev (c, &shift);

      g_assert_cmpuint (code, !=, 0);
      g_assert_cmphex (keymap_evdev_to_keysym (code, shift), ==, c);
    }
  g_assert_cmpuint (keymap_name_to_evdev ("KEY_ESC"), ==, KEY_ESC);
  g_assert_cmpuint (keymap_name_to_evdev ("meta_l"), ==, KEY_LEFTMETA);
  g_assert_cmpuint (keymap_name_to_evdev ("no such key"), ==, 0);
  g_assert_cmpuint (keymap_name_to_evdev (NULL), ==, 0);
}

static void
check_chord (const char *text, unsigned n, const uint16_t *want)
{
  g_autoptr (GError) error = NULL;
  uint16_t got[8];
  unsigned got_n;

  g_assert_true (input_parse_chord (text, got, &got_n, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (got, got_n * 2, want, n * 2);
}

static void
test_chord (void)
{
  static const char *const bad[]
      = { "", "ctrl-", "nosuch", "ctrl-alt-nosuch", "a-b-c-d-e-f-g-h-i", "é", "\xff", "ctrl-\xc3" };

  check_chord ("ctrl-alt-delete", 3, (uint16_t[]){ KEY_LEFTCTRL, KEY_LEFTALT, KEY_DELETE });
  check_chord ("Ctrl+Alt+F1", 3, (uint16_t[]){ KEY_LEFTCTRL, KEY_LEFTALT, KEY_F1 });
  check_chord ("a", 1, (uint16_t[]){ KEY_A });
  check_chord ("shift-f10", 2, (uint16_t[]){ KEY_LEFTSHIFT, KEY_F10 });
  check_chord ("ret", 1, (uint16_t[]){ KEY_ENTER });
  check_chord ("-", 1, (uint16_t[]){ KEY_MINUS });
  check_chord ("ctrl--", 2, (uint16_t[]){ KEY_LEFTCTRL, KEY_MINUS });
  check_chord ("+", 2, (uint16_t[]){ KEY_LEFTSHIFT, KEY_EQUAL });
  check_chord ("ctrl-!", 3, (uint16_t[]){ KEY_LEFTCTRL, KEY_LEFTSHIFT, KEY_1 });
  check_chord ("a-b-c-d-e-f-g-h", 8, (uint16_t[]){ KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G, KEY_H });
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      uint16_t got[8];
      unsigned n;

      g_assert_false (input_parse_chord (bad[i], got, &n, &error));
      g_assert_nonnull (error);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/display/keymap/round-trip", test_round_trip);
  g_test_add_func ("/display/keymap/translation", test_translation);
  g_test_add_func ("/display/keymap/golden", test_golden);
  g_test_add_func ("/display/keymap/chord", test_chord);
  return g_test_run ();
}
