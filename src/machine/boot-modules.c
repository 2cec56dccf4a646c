/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Boot modules.  See boot-modules.h.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/boot-modules.h"

#include "machine/definition.h"

#include <glib/gi18n.h>
#include <string.h>

static void
module_free (gpointer data)
{
  BootModule *module = data;

  g_free (module->path);
  g_free (module->string);
  g_free (module);
}

/* The file's name, to the first blank that isn't written "\\ ", and in `*rest` what comes from that blank on. */
static char *
split (const char *word, const char **rest)
{
  GString *path = g_string_new (NULL);
  const char *p = word;

  for (; *p != '\0' && *p != ' '; p++)
    {
      if (p[0] == '\\' && p[1] != '\0')
        p++;
      g_string_append_c (path, *p);
    }
  *rest = p;
  return g_string_free (path, FALSE);
}

GPtrArray *
boot_modules_parse (const char *text, GError **error)
{
  g_autoptr (GPtrArray) modules = g_ptr_array_new_with_free_func (module_free);
  g_auto (GStrv) words = NULL;

  if (text == NULL || *text == '\0')
    return g_steal_pointer (&modules);
  if (!g_shell_parse_argv (text, NULL, &words, error))
    return NULL;
  for (char **word = words; *word != NULL; word++)
    {
      BootModule *module = g_new0 (BootModule, 1);
      const char *rest;

      g_ptr_array_add (modules, module);
      module->path = split (*word, &rest);
      module->string = g_strconcat (module->path, rest, NULL);
      if (*module->path == '\0' || modules->len > BOOT_MODULES_MAX)
        {
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                       *module->path == '\0' ? _ ("a boot module needs a file")
                                             : _ ("at most %d boot modules"),
                       BOOT_MODULES_MAX);
          return NULL;
        }
    }
  return g_steal_pointer (&modules);
}

char *
boot_modules_add (const char *text, const char *module)
{
  const char *rest;
  g_autofree char *path = split (module, &rest);
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autoptr (GString) word = g_string_new (NULL);

  for (const char *p = absolute; *p != '\0'; p++)
    {
      if (*p == ' ' || *p == '\\')
        g_string_append_c (word, '\\');
      g_string_append_c (word, *p);
    }
  g_string_append (word, rest);
  g_autofree char *quoted = g_shell_quote (word->str);
  return text != NULL && *text != '\0' ? g_strconcat (text, " ", quoted, NULL) : g_steal_pointer (&quoted);
}
