/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lookups in the key table.  Small direct tables are built once for what runs on each key press.
 */
#define G_LOG_DOMAIN "viv-keymap"

#include "display/keymap.h"

#include <linux/input-event-codes.h>
#include <string.h>

typedef struct
{
  uint16_t code, set1, set2, set3;
  uint8_t usb, qnum;
  uint32_t keysym[2]; /* plain, with Shift */
  const char *name;
  const char *evdev_name;
} KeyRow;

static const KeyRow rows[] = {
#define KEY_ROW(code, set1, set2, set3, usb, qnum, plain, shifted, name) \
  { code, set1, set2, set3, usb, qnum, { plain, shifted }, name, #code },
#include "display/keymap-table.h"
#undef KEY_ROW
};

/* Other words people use for the same keys. */
static const struct
{
  const char *name;
  uint16_t code;
} names[] = {
  { "escape", KEY_ESC },
  { "enter", KEY_ENTER },
  { "return", KEY_ENTER },
  { "space", KEY_SPACE },
  { "del", KEY_DELETE },
  { "ins", KEY_INSERT },
  { "bs", KEY_BACKSPACE },
  { "pageup", KEY_PAGEUP },
  { "pagedown", KEY_PAGEDOWN },
  { "page_up", KEY_PAGEUP },
  { "page_down", KEY_PAGEDOWN },
  { "control", KEY_LEFTCTRL },
  { "ctrl_l", KEY_LEFTCTRL },
  { "control_l", KEY_LEFTCTRL },
  { "control_r", KEY_RIGHTCTRL },
  { "shift_l", KEY_LEFTSHIFT },
  { "alt_l", KEY_LEFTALT },
  { "altgr", KEY_RIGHTALT },
  { "super", KEY_LEFTMETA },
  { "super_l", KEY_LEFTMETA },
  { "super_r", KEY_RIGHTMETA },
  { "win", KEY_LEFTMETA },
  { "meta", KEY_LEFTMETA },
  { "compose", KEY_COMPOSE },
  { "capslock", KEY_CAPSLOCK },
  { "numlock", KEY_NUMLOCK },
  { "scrolllock", KEY_SCROLLLOCK },
  { "sysrq", KEY_SYSRQ },
  { "print_screen", KEY_SYSRQ },
  { "prtsc", KEY_SYSRQ },
  { "grave", KEY_GRAVE },
  { "period", KEY_DOT },
  { "equals", KEY_EQUAL },
  { "quote", KEY_APOSTROPHE },
  { "leftbracket", KEY_LEFTBRACE },
  { "rightbracket", KEY_RIGHTBRACE },
  { "break", KEY_PAUSE },
  { "henkan_mode", KEY_HENKAN },
  { "hangul", KEY_HANGEUL },
  { "KEY_HANGUEL", KEY_HANGEUL },
  { "kp_delete", KEY_KPDOT },
};

/* Keysyms that no row owns. */
static const struct
{
  uint32_t keysym;
  uint16_t code;
} keysyms[] = {
  { 0xfe03, KEY_RIGHTALT },       /* ISO_Level3_Shift */
  { 0xff7e, KEY_RIGHTALT },       /* Mode_switch */
  { 0xff20, KEY_COMPOSE },        /* Multi_key */
  { 0xffe7, KEY_LEFTMETA },       /* Meta_L */
  { 0xffe8, KEY_RIGHTMETA },      /* Meta_R */
  { 0xffe6, KEY_CAPSLOCK },       /* Shift_Lock */
  { 0xff0a, KEY_ENTER },          /* Linefeed */
  { 0xff80, KEY_SPACE },          /* KP_Space */
  { 0xff89, KEY_TAB },            /* KP_Tab */
  { 0xff21, KEY_HENKAN },         /* Kanji */
  { 0xff28, KEY_ZENKAKUHANKAKU }, /* Zenkaku */
  { 0xff29, KEY_ZENKAKUHANKAKU }, /* Hankaku */
  { 0x1008ff31, KEY_PLAYPAUSE },  /* XF86AudioPause */
};

static uint8_t code_to_row[KEY_CNT];  /* row + 1 */
static uint8_t set1_to_row[2][0x100]; /* [prefixed][low byte] */
static uint8_t usb_to_row[0x100];
static uint8_t qnum_to_row[0x100];
static GHashTable *keysym_to_row; /* value: (row + 1) << 1 | shifted */

G_STATIC_ASSERT (G_N_ELEMENTS (rows) < 0xff);

static void
claim (uint8_t *slot, unsigned row)
{
  if (*slot == 0)
    *slot = row + 1;
}

static void
build_tables (void)
{
  static gsize once;

  if (!g_once_init_enter (&once))
    return;
  keysym_to_row = g_hash_table_new (NULL, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const KeyRow *row = &rows[i];

      claim (&code_to_row[row->code], i);
      if (row->set1 && row->set1 >> 8 != 0xe1)
        claim (&set1_to_row[row->set1 >> 8 == 0xe0][row->set1 & 0xff], i);
      if (row->usb)
        claim (&usb_to_row[row->usb], i);
      if (row->qnum)
        claim (&qnum_to_row[row->qnum], i);
      for (unsigned shifted = 0; shifted < 2; shifted++)
        if (row->keysym[shifted]
            && !g_hash_table_contains (keysym_to_row, GUINT_TO_POINTER (row->keysym[shifted])))
          g_hash_table_insert (keysym_to_row, GUINT_TO_POINTER (row->keysym[shifted]),
                               GUINT_TO_POINTER ((i + 1) << 1 | shifted));
    }
  g_once_init_leave (&once, 1);
}

static const KeyRow *
find_code (uint16_t code)
{
  build_tables ();
  if (code >= KEY_CNT || code_to_row[code] == 0)
    return NULL;
  return &rows[code_to_row[code] - 1];
}

uint16_t
keymap_evdev_to_set1 (uint16_t code)
{
  const KeyRow *row = find_code (code);

  return row ? row->set1 : 0;
}

uint16_t
keymap_evdev_to_set2 (uint16_t code)
{
  const KeyRow *row = find_code (code);

  return row ? row->set2 : 0;
}

uint16_t
keymap_evdev_to_set3 (uint16_t code)
{
  const KeyRow *row = find_code (code);

  return row ? row->set3 : 0;
}

uint8_t
keymap_evdev_to_usb (uint16_t code)
{
  const KeyRow *row = find_code (code);

  return row ? row->usb : 0;
}

uint32_t
keymap_evdev_to_qnum (uint16_t code)
{
  const KeyRow *row = find_code (code);

  return row ? row->qnum : 0;
}

static uint16_t
row_code (uint8_t slot)
{
  return slot ? rows[slot - 1].code : 0;
}

uint16_t
keymap_set1_to_evdev (uint16_t scan)
{
  build_tables ();
  switch (scan >> 8)
    {
    case 0x00:
      if (scan == 0x54) /* Alt + Print Screen makes a code of its own */
        return KEY_SYSRQ;
      return row_code (set1_to_row[0][scan]);
    case 0xe0:
      if (scan == 0xe046) /* Ctrl + Pause likewise */
        return KEY_PAUSE;
      return row_code (set1_to_row[1][scan & 0xff]);
    case 0xe1:
      return scan == 0xe11d || scan == 0xe100 || scan == 0xe145 ? KEY_PAUSE : 0;
    default:
      return 0;
    }
}

uint16_t
keymap_usb_to_evdev (uint8_t usage)
{
  build_tables ();
  if (usage == 0x32) /* "Non-US # and ~": in the place of the backslash on ISO keyboards */
    return KEY_BACKSLASH;
  if (usage == 0x94) /* LANG5; a Japanese keyboard sends Grave's usage */
    return KEY_ZENKAKUHANKAKU;
  return row_code (usb_to_row[usage]);
}

uint16_t
keymap_qnum_to_evdev (uint32_t qnum)
{
  build_tables ();
  if (qnum > 0xff)
    return 0;
  if (qnum == 0xb7) /* some clients send Print's scan code, not QEMU's number for it */
    return KEY_SYSRQ;
  return row_code (qnum_to_row[qnum]);
}

static uint16_t
plain_keysym (uint32_t keysym, gboolean *shift)
{
  unsigned value;
  const KeyRow *row;

  *shift = FALSE;
  for (unsigned i = 0; i < G_N_ELEMENTS (keysyms); i++)
    if (keysyms[i].keysym == keysym)
      return keysyms[i].code;
  build_tables ();
  value = GPOINTER_TO_UINT (g_hash_table_lookup (keysym_to_row, GUINT_TO_POINTER (keysym)));
  if (value == 0)
    return 0;
  row = &rows[(value >> 1) - 1];
  /* Shift makes a character only of the typewriter's keys; a keypad's second keysym is the state of Num Lock. */
  *shift = (value & 1) && keysym < 0x100;
  return row->code;
}

uint16_t
keymap_keysym_to_evdev (uint32_t keysym, gboolean *shift)
{
  gboolean dummy;

  if (shift == NULL)
    shift = &dummy;
  /* X11 protocol, appendix A: Unicode keysyms. */
  if (keysym >= 0x01000000 && keysym <= 0x0110ffff)
    return keymap_unichar_to_evdev (keysym - 0x01000000, shift);
  return plain_keysym (keysym, shift);
}

uint16_t
keymap_unichar_to_evdev (gunichar c, gboolean *shift)
{
  gboolean dummy;

  if (shift == NULL)
    shift = &dummy;
  *shift = FALSE;
  switch (c)
    {
    case '\n':
    case '\r':
      return KEY_ENTER;
    case '\t':
      return KEY_TAB;
    case '\b':
      return KEY_BACKSPACE;
    case 0x1b:
      return KEY_ESC;
    case 0x7f:
      return KEY_DELETE;
    default:
      return c >= 0x20 && c < 0x7f ? plain_keysym (c, shift) : 0;
    }
}

uint32_t
keymap_evdev_to_keysym (uint16_t code, gboolean shift)
{
  const KeyRow *row = find_code (code);

  return row ? row->keysym[shift ? 1 : 0] : 0;
}

uint16_t
keymap_name_to_evdev (const char *name)
{
  if (name == NULL || *name == 0)
    return 0;
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_ascii_strcasecmp (name, rows[i].name) == 0 || g_ascii_strcasecmp (name, rows[i].evdev_name) == 0)
      return rows[i].code;
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_ascii_strcasecmp (name, names[i].name) == 0)
      return names[i].code;
  return 0;
}

const char *
keymap_evdev_to_name (uint16_t code)
{
  const KeyRow *row = find_code (code);

  return row ? row->name : NULL;
}
