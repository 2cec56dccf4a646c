/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Key chords as people write them.
 */
#define G_LOG_DOMAIN "viv-input"

#include "display/input.h"
#include "display/keymap.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <linux/input-event-codes.h>
#include <string.h>

#define CHORD_MAX 8

static gboolean
chord_push (uint16_t *codes, unsigned *n, uint16_t code, const char *text, GError **error)
{
  for (unsigned i = 0; i < *n; i++)
    if (codes[i] == code)
      return TRUE;
  if (*n == CHORD_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, _ ("“%s” has more than %d keys"), text,
                   CHORD_MAX);
      return FALSE;
    }
  codes[(*n)++] = code;
  return TRUE;
}

gboolean
input_parse_chord (const char *text, uint16_t *codes, unsigned *n, GError **error)
{
  const char *p = text;

  *n = 0;
  if (!g_utf8_validate (text, -1, NULL))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           _ ("the key's name is not valid UTF-8"));
      return FALSE;
    }
  while (*p)
    {
      /* A separator that stands where a key should is the key: "-", "ctrl--", "ctrl-+". */
      const char *end = p + 1;
      g_autofree char *word = NULL;
      gboolean shift = FALSE;
      uint16_t code;

      while (*end && *end != '-' && *end != '+')
        end++;
      word = g_strndup (p, end - p);
      code = keymap_name_to_evdev (word);
      if (code == 0 && g_utf8_strlen (word, -1) == 1)
        code = keymap_unichar_to_evdev (g_utf8_get_char (word), &shift);
      if (code == 0)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       _ ("“%s” is not a key that Vivarium knows"), word);
          return FALSE;
        }
      if (shift && !chord_push (codes, n, KEY_LEFTSHIFT, text, error))
        return FALSE;
      if (!chord_push (codes, n, code, text, error))
        return FALSE;
      if (*end == 0)
        return TRUE;
      p = end + 1;
      if (*p == 0)
        break;
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               *text ? _ ("“%s” ends where a key should follow") : _ ("no key was given"), text);
  return FALSE;
}

gboolean
input_event_check (InputEvent *event, unsigned n_screens)
{
  switch (event->type)
    {
    case INPUT_EVENT_KEY:
    case INPUT_EVENT_BUTTON:
      event->value = event->value != 0;
      return TRUE;
    case INPUT_EVENT_ABSOLUTE:
      if (event->value < 0 || (unsigned)event->value >= MAX (n_screens, 1))
        return FALSE;
      event->x = CLAMP (event->x, 0, INPUT_ABSOLUTE_MAX);
      event->y = CLAMP (event->y, 0, INPUT_ABSOLUTE_MAX);
      return TRUE;
    case INPUT_EVENT_TOUCH:
      if (event->code >= INPUT_FINGERS)
        return FALSE;
      event->value = event->value != 0;
      event->x = CLAMP (event->x, 0, INPUT_ABSOLUTE_MAX);
      event->y = CLAMP (event->y, 0, INPUT_ABSOLUTE_MAX);
      return TRUE;
    case INPUT_EVENT_RELATIVE:
    case INPUT_EVENT_WHEEL:
      event->x = CLAMP (event->x, -INPUT_ABSOLUTE_MAX, INPUT_ABSOLUTE_MAX);
      event->y = CLAMP (event->y, -INPUT_ABSOLUTE_MAX, INPUT_ABSOLUTE_MAX);
      return TRUE;
    default:
      return FALSE;
    }
}
