/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text from outside, made harmless.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/plain-text.h"

#include <string.h>

#define REPLACEMENT  "\357\277\275" /* U+FFFD */
#define ELLIPSIS     "\342\200\246"
#define MOST_MEMBERS 1024

/* Unicode 15, UAX #9, 2.1 to 2.3: embeddings, overrides and isolates; and the line and paragraph separators.  The marks stay, as
 * they turn nothing but what has no direction. */
static gboolean
turns_text (gunichar c)
{
  return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

static gboolean
is_harmless (gunichar c, VivPlainFlags flags)
{
  if (c == '\n' || c == '\t')
    return TRUE;
  return !g_unichar_iscntrl (c) && ((flags & VIV_PLAIN_KEEP_BYTES) != 0 || !turns_text (c));
}

char *
viv_plain_text (const char *text, gssize length, gsize most, VivPlainFlags flags)
{
  if (text == NULL)
    return NULL;
  const char *end = text + (length < 0 ? strlen (text) : (gsize)length);
  GString *out = g_string_new (NULL);
  gsize room = 0; /* where it can be cut so that there is room for the ellipsis */

  for (const char *p = text; p < end;)
    {
      gunichar c = g_utf8_get_char_validated (p, end - p);
      gboolean valid = c != (gunichar)-1 && c != (gunichar)-2;
      const char *part = p;
      gsize n = valid ? g_utf8_next_char (p) - p : 1;

      p += n;
      if (c == '\r' && p < end && *p == '\n')
        continue;
      if ((flags & VIV_PLAIN_LINE) && (c == '\n' || c == '\t'))
        part = " ";
      if (valid ? !is_harmless (c, flags) : (flags & VIV_PLAIN_KEEP_BYTES) == 0)
        {
          part = REPLACEMENT;
          n = strlen (REPLACEMENT);
        }
      if (out->len + n > most)
        {
          g_string_truncate (out, room);
          if (room + strlen (ELLIPSIS) <= most)
            g_string_append (out, ELLIPSIS);
          break;
        }
      g_string_append_len (out, part, n);
      if (out->len + strlen (ELLIPSIS) <= most)
        room = out->len;
    }
  return g_string_free (out, FALSE);
}

GVariant *
viv_plain_variant (GVariant *value, gsize most, VivPlainFlags flags)
{
  g_autoptr (GPtrArray) members = NULL;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    {
      gsize length;
      const char *text = g_variant_get_string (value, &length);
      return g_variant_ref_sink (g_variant_new_take_string (viv_plain_text (text, length, most, flags)));
    }
  if (!g_variant_is_container (value))
    return g_variant_ref (value);
  members = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  for (gsize i = 0; i < MIN (g_variant_n_children (value), MOST_MEMBERS); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
      g_ptr_array_add (members, viv_plain_variant (child, most, flags));
    }
  GVariant *const *children = (GVariant *const *)members->pdata;
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_VARIANT:
      return g_variant_ref_sink (g_variant_new_variant (children[0]));
    case G_VARIANT_CLASS_ARRAY:
      return g_variant_ref_sink (
          g_variant_new_array (g_variant_type_element (g_variant_get_type (value)), children, members->len));
    case G_VARIANT_CLASS_DICT_ENTRY:
      return g_variant_ref_sink (g_variant_new_dict_entry (children[0], children[1]));
    case G_VARIANT_CLASS_TUPLE:
      return g_variant_ref_sink (g_variant_new_tuple (children, members->len));
    default: /* D-Bus has no maybe */
      return g_variant_ref (value);
    }
}

void
viv_plain_error (GError *error)
{
  if (error == NULL)
    return;
  char *plain = viv_plain_text (error->message, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
  g_free (error->message);
  error->message = plain;
}
