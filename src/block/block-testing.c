/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What of an image a test wants: the words, and which images they are for.  See block-testing.h.
 */
#define G_LOG_DOMAIN "block"

#include "block/block-testing.h"

#include <string.h>

static GHashTable *named; /* base name → words; filled before there are other threads */

char *
block_test_word (const char *list, const char *word)
{
  g_auto (GStrv) words = g_strsplit (list != NULL ? list : "", ",", -1);

  for (char **at = words; *at != NULL; at++)
    {
      size_t n = strlen (word);
      if (strncmp (*at, word, n) == 0 && ((*at)[n] == '=' || (*at)[n] == '\0'))
        return g_strdup ((*at)[n] == '=' ? *at + n + 1 : "");
    }
  return NULL;
}

gboolean
block_testing_name (const char *text, GError **error)
{
  const char *colon = strchr (text, ':');

  if (colon == NULL || colon == text)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "“%s” isn't FILE:WORDS", text);
      return FALSE;
    }
  if (named == NULL)
    named = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_replace (named, g_strndup (text, (gsize)(colon - text)), g_strdup (colon + 1));
  return TRUE;
}

const char *
block_testing_words (const BlockConfig *config)
{
  g_autofree char *base = named != NULL && config->path != NULL ? g_path_get_basename (config->path) : NULL;

  return config->test != NULL || base == NULL ? config->test : g_hash_table_lookup (named, base);
}
