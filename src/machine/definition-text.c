/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The texts of which a definition is made: sizes, names, paths, addresses.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/definition.h"

#include <glib/gi18n.h>
#include <string.h>

/* -- Sizes -- */

gboolean
definition_parse_size (const char *text, uint64_t *bytes, GError **error)
{
  static const char suffixes[] = "KMGT";
  char *end;
  double number;
  unsigned shift = 20;

  /* g_ascii_strtod() knows signs, "inf", "nan" and hexadecimal; a size is digits with at most one point. */
  size_t digits = strspn (text, "0123456789.");
  if (digits == 0 || digits > 20 || !g_ascii_isdigit (text[0]))
    goto bad;
  number = g_ascii_strtod (text, &end);
  if (end != text + digits)
    goto bad;
  while (*end == ' ')
    end++;
  if (*end != '\0')
    {
      const char *suffix = strchr (suffixes, g_ascii_toupper (*end));
      if (g_ascii_toupper (*end) == 'B' && end[1] == '\0')
        {
          shift = 0;
          end++;
        }
      else if (suffix == NULL)
        goto bad;
      else
        {
          shift = 10 * (suffix - suffixes + 1);
          end++;
          if (g_ascii_strcasecmp (end, "iB") == 0 || g_ascii_strcasecmp (end, "B") == 0)
            end = strchr (end, '\0');
        }
      if (*end != '\0')
        goto bad;
    }
  number *= (double)(1ull << shift);
  if (number >= 9.2e18)
    goto bad;
  *bytes = (uint64_t)number;
  return TRUE;

bad:
  g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX,
               _ ("“%s” is not a size; give a number with K, M, G or T, such as 512M or 2G"), text);
  return FALSE;
}

char *
definition_format_size (uint64_t bytes)
{
  static const char suffixes[] = "TGMK";

  for (unsigned i = 0; i < 4; i++)
    {
      unsigned shift = 40 - 10 * i;
      if (bytes >= 1ull << shift && bytes % (1ull << shift) == 0)
        return g_strdup_printf ("%" G_GUINT64_FORMAT "%c", bytes >> shift, suffixes[i]);
    }
  return g_strdup_printf ("%" G_GUINT64_FORMAT "B", bytes);
}

gboolean
definition_check_name (const char *name, GError **error)
{
  size_t length = name != NULL ? strlen (name) : 0;
  gboolean good = length >= 1 && length <= DEFINITION_MAX_NAME && g_utf8_validate (name, length, NULL)
                  && !g_unichar_isspace (g_utf8_get_char (name))
                  && !g_unichar_isspace (g_utf8_get_char (g_utf8_prev_char (name + length)));

  for (const char *p = name; good && *p != '\0'; p = g_utf8_next_char (p))
    {
      GUnicodeType type = g_unichar_type (g_utf8_get_char (p));
      good = type != G_UNICODE_CONTROL && type != G_UNICODE_LINE_SEPARATOR
             && type != G_UNICODE_PARAGRAPH_SEPARATOR;
    }
  if (!good)
    {
      g_autofree char *shown = g_utf8_make_valid (name != NULL ? name : "", -1);
      g_set_error (
          error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX,
          _ ("“%s” can't be a machine's name: give 1 to 128 bytes of text in one line, without a blank "
             "at either end"),
          shown);
    }
  return good;
}

/* -- Paths ------------------------------------------------------------------------------------------ */

#define URI_SCHEME "file:"

char *
definition_path_to_text (const char *path)
{
  if (path == NULL || (g_utf8_validate (path, -1, NULL) && !g_str_has_prefix (path, URI_SCHEME)))
    return g_strdup (path);
  g_autofree char *escaped = g_uri_escape_string (path, "/", FALSE);
  return g_strconcat (URI_SCHEME, path[0] == '/' ? "//" : "", escaped, NULL);
}

char *
definition_path_from_text (const char *text)
{
  if (text == NULL || !g_str_has_prefix (text, URI_SCHEME))
    return g_strdup (text);
  text += strlen (URI_SCHEME);
  g_autofree char *path = g_uri_unescape_string (g_str_has_prefix (text, "///") ? text + 2 : text, NULL);

  return path != NULL ? g_steal_pointer (&path) : g_strdup (text);
}

char *
definition_mac (const MachineDefinition *definition, const MachineDevice *net)
{
  const char *set = machine_device_text (net, "mac"), *uuid = definition_text (definition, "machine.uuid");

  if (set != NULL && *set != '\0')
    return g_strdup (set);
  g_autofree char *lower = g_ascii_strdown (uuid != NULL ? uuid : "", -1);
  g_autofree char *words = g_strdup_printf ("%s %s", lower, net->id);
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, words, -1);

  return g_strdup_printf ("02:56:%.2s:%.2s:%.2s:%.2s", digest, digest + 2, digest + 4, digest + 6);
}
