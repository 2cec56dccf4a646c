/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Keyboard layouts.  See layout.h.
 */
#define G_LOG_DOMAIN "viv-layout"

#include "config.h"

#include "display/layout.h"

#include <glib/gi18n.h>
#include <linux/input-event-codes.h>
#include <string.h>
#include <xkbcommon/xkbcommon.h>

/* X11 counts keycodes from 8. */
#define XKB_OFFSET 8
/* Of the typewriter's part, the ISO and Japanese keys too; keypads follow Num Lock and come behind. */
#define LAST_CODE KEY_YEN

#define SHIFT       (1u << 0)
#define ALTGR       (1u << 1)
#define N_MODIFIERS 4u /* combinations */

#define MAX_TOLD 20 /* characters in an error */

/* A key with its modifiers; code 0: none. */
typedef struct
{
  uint8_t code, modifiers;
} Chord;

/* A character is the second chord alone, or a dead key before it. */
typedef struct
{
  Chord dead, key;
} Way;

struct KeyLayout
{
  char *name;
  struct xkb_context *context;
  struct xkb_keymap *keymap;
  GHashTable *ways[2]; /* character → Way, without and with Caps Lock */
};

/* What a dead key puts on a letter, and the character that it makes with a blank where all systems agree on one. */
static const struct
{
  uint32_t keysym;
  gunichar combining, alone;
} dead_keys[] = {
  { 0xfe50, 0x0300, '`' }, /* grave */
  { 0xfe51, 0x0301, 0 },   /* acute */
  { 0xfe52, 0x0302, '^' }, /* circumflex */
  { 0xfe53, 0x0303, '~' }, /* tilde */
  { 0xfe54, 0x0304, 0 },   /* macron */
  { 0xfe55, 0x0306, 0 },   /* breve */
  { 0xfe56, 0x0307, 0 },   /* dot above */
  { 0xfe57, 0x0308, 0 },   /* diaeresis */
  { 0xfe58, 0x030a, 0 },   /* ring above */
  { 0xfe59, 0x030b, 0 },   /* double acute */
  { 0xfe5a, 0x030c, 0 },   /* caron */
  { 0xfe5b, 0x0327, 0 },   /* cedilla */
  { 0xfe5c, 0x0328, 0 },   /* ogonek */
  { 0xfe60, 0x0323, 0 },   /* dot below */
  { 0xfe61, 0x0309, 0 },   /* hook */
  { 0xfe62, 0x031b, 0 },   /* horn */
};

static gboolean
is_keypad (unsigned code)
{
  return (code >= KEY_KP7 && code <= KEY_KPDOT) || code == KEY_KPASTERISK;
}

static void
press (struct xkb_state *state, unsigned code, enum xkb_key_direction direction)
{
  xkb_state_update_key (state, code + XKB_OFFSET, direction);
}

/* The first way to a character stays: fewer modifiers come first. */
static void
add_way (GHashTable *ways, gunichar c, Chord dead, Chord key)
{
  if (c == 0 || g_hash_table_contains (ways, GUINT_TO_POINTER (c)))
    return;
  Way *way = g_new (Way, 1);
  *way = (Way){ dead, key };
  g_hash_table_insert (ways, GUINT_TO_POINTER (c), way);
}

/* Each dead key with each letter that can be typed, and with a blank. */
static void
add_composed (GHashTable *ways, const Chord *dead)
{
  GHashTableIter iter;
  gpointer c, way;
  g_autoptr (GArray) letters = g_array_new (FALSE, FALSE, sizeof (gunichar));

  g_hash_table_iter_init (&iter, ways);
  while (g_hash_table_iter_next (&iter, &c, &way))
    {
      gunichar letter = GPOINTER_TO_UINT (c);
      if (g_unichar_isalpha (letter) && ((Way *)way)->dead.code == 0)
        g_array_append_val (letters, letter);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (dead_keys); i++)
    {
      if (dead[i].code == 0)
        continue;
      const Way *blank = g_hash_table_lookup (ways, GUINT_TO_POINTER (' '));
      if (dead_keys[i].alone != 0 && blank != NULL)
        add_way (ways, dead_keys[i].alone, dead[i], blank->key);
      for (guint k = 0; k < letters->len; k++)
        {
          gunichar letter = g_array_index (letters, gunichar, k), composed;
          const Way *plain = g_hash_table_lookup (ways, GUINT_TO_POINTER (letter));
          if (g_unichar_compose (letter, dead_keys[i].combining, &composed))
            add_way (ways, composed, dead[i], plain->key);
        }
    }
}

static GHashTable *
find_ways (KeyLayout *layout, gboolean caps_lock)
{
  GHashTable *ways = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  Chord dead[G_N_ELEMENTS (dead_keys)] = { 0 };

  for (unsigned modifiers = 0; modifiers < N_MODIFIERS; modifiers++)
    {
      struct xkb_state *state = xkb_state_new (layout->keymap);
      if (caps_lock)
        {
          press (state, KEY_CAPSLOCK, XKB_KEY_DOWN);
          press (state, KEY_CAPSLOCK, XKB_KEY_UP);
        }
      if (modifiers & SHIFT)
        press (state, KEY_LEFTSHIFT, XKB_KEY_DOWN);
      if (modifiers & ALTGR)
        press (state, KEY_RIGHTALT, XKB_KEY_DOWN);
      for (unsigned code = KEY_ESC; code <= LAST_CODE; code++)
        {
          Chord chord = { (uint8_t)code, (uint8_t)modifiers };
          if (is_keypad (code))
            continue;
          uint32_t keysym = xkb_state_key_get_one_sym (state, code + XKB_OFFSET);
          add_way (ways, xkb_keysym_to_utf32 (keysym), (Chord){ 0 }, chord);
          for (unsigned i = 0; i < G_N_ELEMENTS (dead_keys); i++)
            if (dead_keys[i].keysym == keysym && dead[i].code == 0)
              dead[i] = chord;
        }
      xkb_state_unref (state);
    }
  add_composed (ways, dead);
  return ways;
}

gboolean
key_layout_check_name (const char *name)
{
  return g_regex_match_simple ("^[A-Za-z][A-Za-z0-9_-]*(\\([A-Za-z0-9_-]+\\))?$", name, 0, 0)
         && strlen (name) <= 64;
}

KeyLayout *
key_layout_new (const char *name, GError **error)
{
  g_autofree char *base = NULL, *variant = NULL;
  const char *bracket = strchr (name, '(');
  KeyLayout *layout;

  if (!key_layout_check_name (name))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _ ("“%s” is no keyboard layout; give one such as us, de or de(nodeadkeys)"), name);
      return NULL;
    }
  base = bracket != NULL ? g_strndup (name, (gsize)(bracket - name)) : g_strdup (name);
  variant = bracket != NULL ? g_strndup (bracket + 1, strlen (bracket) - 2) : NULL;
  layout = g_new0 (KeyLayout, 1);
  layout->name = g_strdup (name);
  layout->context = xkb_context_new (XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
  if (layout->context != NULL)
    {
      const struct xkb_rule_names names
          = { .rules = "evdev", .model = "pc105", .layout = base, .variant = variant, .options = "" };
      xkb_context_set_log_level (layout->context, XKB_LOG_LEVEL_CRITICAL);
      layout->keymap = xkb_keymap_new_from_names (layout->context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
    }
  if (layout->keymap != NULL)
    return layout;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
               _ ("this host has no keyboard layout “%s”; /usr/share/X11/xkb/rules/base.lst lists them"),
               name);
  key_layout_free (layout);
  return NULL;
}

void
key_layout_free (KeyLayout *layout)
{
  if (layout == NULL)
    return;
  for (unsigned i = 0; i < 2; i++)
    g_clear_pointer (&layout->ways[i], g_hash_table_unref);
  xkb_keymap_unref (layout->keymap);
  xkb_context_unref (layout->context);
  g_free (layout->name);
  g_free (layout);
}

static void
stroke (GArray *strokes, unsigned code, gboolean down)
{
  KeyStroke s = { (uint16_t)code, down };
  g_array_append_val (strokes, s);
}

static void
set_modifiers (GArray *strokes, unsigned *held, unsigned wanted)
{
  static const uint16_t codes[] = { KEY_LEFTSHIFT, KEY_RIGHTALT };

  for (unsigned i = 0; i < G_N_ELEMENTS (codes); i++)
    if ((*held ^ wanted) >> i & 1)
      stroke (strokes, codes[i], wanted >> i & 1);
  *held = wanted;
}

static void
tap (GArray *strokes, unsigned *held, Chord chord)
{
  set_modifiers (strokes, held, chord.modifiers);
  stroke (strokes, chord.code, TRUE);
  stroke (strokes, chord.code, FALSE);
}

static void
note_missing (GString *missing, unsigned *n, gunichar c)
{
  char bytes[7] = "";

  g_unichar_to_utf8 (c, bytes);
  if (strstr (missing->str, bytes) != NULL || ++*n > MAX_TOLD)
    return;
  if (g_unichar_isgraph (c))
    g_string_append (missing, bytes);
  else
    g_string_append_printf (missing, "\\u%04x", c);
}

gboolean
key_layout_type (KeyLayout *layout, const char *text, gboolean caps_lock, GArray *strokes, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  /* Base and accent as one character, which is what keys make. */
  g_autofree char *composed = g_utf8_normalize (valid, -1, G_NORMALIZE_NFC);
  g_autoptr (GString) missing = g_string_new (NULL);
  guint before = strokes->len;
  unsigned held = 0, n_missing = 0;

  if (layout->ways[!!caps_lock] == NULL)
    layout->ways[!!caps_lock] = find_ways (layout, caps_lock);
  for (const char *p = composed; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      if (c == '\r' && p[1] == '\n')
        continue;
      const Way *way
          = g_hash_table_lookup (layout->ways[!!caps_lock], GUINT_TO_POINTER (c == '\n' ? '\r' : c));
      if (way == NULL)
        {
          note_missing (missing, &n_missing, c);
          continue;
        }
      if (way->dead.code != 0)
        tap (strokes, &held, way->dead);
      tap (strokes, &held, way->key);
    }
  set_modifiers (strokes, &held, 0);
  if (n_missing == 0)
    return TRUE;
  g_array_set_size (strokes, before);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               _ ("the keyboard layout “%s” has no “%s”%s; nothing was typed"), layout->name, missing->str,
               n_missing > MAX_TOLD ? "…" : "");
  return FALSE;
}
