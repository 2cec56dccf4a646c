/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tags of machines.
 */
#include "machine/tags.h"

#include <string.h>

static gboolean
same (const char *a, const char *b)
{
  g_autofree char *small_a = g_utf8_casefold (a, -1);
  g_autofree char *small_b = g_utf8_casefold (b, -1);

  return g_str_equal (small_a, small_b);
}

static gboolean
is_tag (const char *text)
{
  if (*text == '\0' || !g_utf8_validate (text, -1, NULL))
    return FALSE;
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    if (!g_unichar_isprint (g_utf8_get_char (p)))
      return FALSE;
  return TRUE;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  int order = g_utf8_collate (*(const char *const *)a, *(const char *const *)b);

  return order != 0 ? order : strcmp (*(const char *const *)a, *(const char *const *)b);
}

gboolean
tags_have (const char *const *tags, const char *tag)
{
  for (; *tags != NULL; tags++)
    if (same (*tags, tag))
      return TRUE;
  return FALSE;
}

static void
add_tag (GPtrArray *tags, const char *tag)
{
  for (guint i = 0; i < tags->len; i++)
    if (same (tags->pdata[i], tag))
      return;
  g_ptr_array_add (tags, g_strdup (tag));
}

static GStrv
finish (GPtrArray *tags)
{
  g_ptr_array_sort (tags, compare);
  g_ptr_array_add (tags, NULL);
  return (GStrv)g_ptr_array_free (tags, FALSE);
}

GStrv
tags_parse (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text != NULL ? text : "", ",", -1);
  GPtrArray *tags = g_ptr_array_new ();

  for (char **part = parts; *part != NULL; part++)
    if (is_tag (g_strstrip (*part)))
      add_tag (tags, *part);
  return finish (tags);
}

char *
tags_to_text (const char *const *tags)
{
  return g_strjoinv (", ", (char **)tags);
}

gboolean
tags_check (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);

  for (char **part = parts; *part != NULL; part++)
    if (!is_tag (g_strstrip (*part)))
      return FALSE;
  return TRUE;
}

char *
tags_change (const char *text, const char *const *add, const char *const *remove)
{
  g_auto (GStrv) old = tags_parse (text);
  g_auto (GStrv) tags = NULL;
  GPtrArray *list = g_ptr_array_new ();

  for (char **tag = old; *tag != NULL; tag++)
    if (!tags_have (remove, *tag))
      add_tag (list, *tag);
  for (; *add != NULL; add++)
    if (is_tag (*add) && strchr (*add, ',') == NULL)
      add_tag (list, *add);
  tags = finish (list);
  return tags_to_text ((const char *const *)tags);
}
