/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * machine.ini: from text to MachineDefinition and back.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "block/regular-file.h"
#include "machine/definition-private.h"
#include "machine/output-file.h"

#include <glib/gi18n.h>
#include <string.h>

/* A definition is a page of text; a file of this size is something else. */
#define MAX_FILE_SIZE (1024 * 1024)

/* -- From text -- */

static gboolean
load_device (MachineDefinition *definition, const char *group, GError **error)
{
  g_auto (GStrv) names = NULL;
  MachineDevice *device;

  if (device_kind_of (group, NULL) == NULL)
    return TRUE; /* somebody else's; kept as it is */
  names = g_key_file_get_keys (definition->file, group, NULL, error);
  if (names == NULL)
    return FALSE;
  device = definition_ensure (definition, group);
  for (char **name = names; *name != NULL; name++)
    {
      const DefinitionKey *key = device_kind_key (device->kind, *name);

      /* A key's new name wins over its old one. */
      if (key == NULL
          || (!g_str_equal (key->name, *name)
              && g_key_file_has_key (definition->file, group, key->name, NULL)))
        continue;
      g_autofree char *text = g_key_file_get_string (definition->file, group, *name, error);
      if (text == NULL || !machine_device_set (device, key, text, error))
        {
          g_prefix_error (error, "[%s] %s: ", group, *name);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
load_devices (MachineDefinition *definition, GError **error)
{
  g_auto (GStrv) groups = g_key_file_get_groups (definition->file, NULL);

  for (char **group = groups; *group != NULL; group++)
    if (!load_device (definition, *group, error))
      return FALSE;
  return TRUE;
}

/* What GKeyFile would keep and yet read otherwise the next time is taken out.  Of a key that stands in a group twice the last
 * counts: the others' lines would stay, and count again when the last goes.  Carriage returns at a line's end are the file's, not
 * the value's (one within a value is written \r): of several, each writing would drop one. */
static char *
settled_text (const char *text, gsize size)
{
  g_autofree char *copy = g_strndup (text, size), *group = g_strdup ("");
  g_auto (GStrv) lines = g_strsplit (copy, "\n", -1);
  g_autoptr (GHashTable) last = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GString *kept = g_string_sized_new (size + 1);
  unsigned n = g_strv_length (lines);
  g_autofree char **names = g_new0 (char *, n + 1); /* borrowed of `last`; NULL: no key */

  for (unsigned i = 0; i < n; i++)
    {
      for (gsize end = strlen (lines[i]); end > 0 && lines[i][end - 1] == '\r'; end--)
        lines[i][end - 1] = '\0';
      g_autofree char *line = g_strstrip (g_strdup (lines[i]));
      char *equals = strchr (line, '=');

      if (line[0] == '[')
        {
          /* What GKeyFile bears behind it is no part of the name. */
          line[strcspn (line, "]")] = '\0';
          g_free (group);
          group = g_steal_pointer (&line);
        }
      else if (line[0] != '#' && equals != NULL)
        {
          *equals = '\0';
          char *name = g_strconcat (group, "\n", g_strchomp (line), NULL);
          gpointer known = NULL;

          names[i] = g_hash_table_lookup_extended (last, name, &known, NULL) ? known : name;
          g_hash_table_insert (last, name, GUINT_TO_POINTER (i)); /* keeps the first's `name` */
        }
    }
  for (unsigned i = 0; i < n; i++)
    if (names[i] == NULL || GPOINTER_TO_UINT (g_hash_table_lookup (last, names[i])) == i)
      g_string_append_printf (kept, "%s%s", i > 0 ? "\n" : "", lines[i]);
  return g_string_free (kept, FALSE);
}

MachineDefinition *
definition_parse (const char *text, gssize length, const char *path, GError **error)
{
  g_autoptr (MachineDefinition) definition = definition_new_empty ();
  gsize size = length < 0 ? strlen (text) : (gsize)length;
  g_autofree char *settled = NULL;

  if (path != NULL)
    {
      g_autofree char *absolute = g_canonicalize_filename (path, NULL);
      definition->folder = g_path_get_dirname (absolute);
    }
  if (size > MAX_FILE_SIZE || memchr (text, '\0', size) != NULL)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX, _ ("this is not a machine definition"));
      goto fail;
    }
  settled = settled_text (text, size);
  if (!g_key_file_load_from_data (definition->file, settled, -1, G_KEY_FILE_KEEP_COMMENTS, error)
      || !load_devices (definition, error))
    goto fail;
  if (definition_text (definition, "machine.name") == NULL)
    {
      /* The folder's name is as good a name as any. */
      g_autofree char *base = definition->folder != NULL ? g_path_get_basename (definition->folder) : NULL;
      if (base == NULL || !definition_check_name (base, NULL))
        {
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX,
                       _ ("[machine] name: the key is missing"));
          goto fail;
        }
      definition_put (definition, "machine.name", base);
    }
  if (definition_text (definition, "machine.uuid") == NULL)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX,
                   _ ("[machine] uuid: the key is missing"));
      goto fail;
    }
  definition_place (definition, NULL);
  return g_steal_pointer (&definition);

fail:
  if (path != NULL)
    {
      g_autofree char *shown = g_filename_display_name (path);
      g_prefix_error (error, "%s: ", shown);
    }
  /* GLib's errors quote the file's bytes, whatever they are. */
  if (error != NULL && !g_utf8_validate ((*error)->message, -1, NULL))
    {
      char *valid = g_utf8_make_valid ((*error)->message, -1);

      g_free ((*error)->message);
      (*error)->message = valid;
    }
  return NULL;
}

MachineDefinition *
definition_load (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize length;

  if (!regular_file_read (path, MAX_FILE_SIZE, &text, &length, error))
    return NULL;
  return definition_parse (text, length, path, error);
}

/* -- And back -- */

static void
store_device (GKeyFile *file, const MachineDevice *device)
{
  for (unsigned i = 0; device->kind->keys[i].name != NULL; i++)
    {
      const DefinitionKey *key = &device->kind->keys[i];
      g_autofree char *value = machine_device_get (device, key);
      gboolean renamed
          = key->old_name != NULL && g_key_file_remove_key (file, device->id, key->old_name, NULL),
          present = renamed || g_key_file_has_key (file, device->id, key->name, NULL);

      if (value == NULL || *value == '\0')
        {
          /* An empty drive is said so: its group must not vanish. */
          if (key->spelled)
            g_key_file_set_string (file, device->id, key->name, "");
          else if (present)
            g_key_file_remove_key (file, device->id, key->name, NULL);
          continue;
        }
      /* What is left to the default follows the default of later versions.  What a person sees first is spelled out. */
      if (!present && !key->spelled && g_strcmp0 (value, key->fallback) == 0)
        continue;
      g_autofree char *old = g_key_file_get_string (file, device->id, key->name, NULL);
      if (g_strcmp0 (old, value) != 0)
        g_key_file_set_string (file, device->id, key->name, value);
    }
}

/* A definition that somebody holds never changes: what it becomes is written to a copy of its file. */
static GKeyFile *
store (const MachineDefinition *definition)
{
  g_autofree char *text = g_key_file_to_data (definition->file, NULL, NULL);
  GKeyFile *file = g_key_file_new ();

  g_key_file_load_from_data (file, text, -1, G_KEY_FILE_KEEP_COMMENTS, NULL);
  g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);
  for (char **group = groups; *group != NULL; group++)
    if (device_kind_of (*group, NULL) != NULL && definition_find (definition, *group) == NULL)
      g_key_file_remove_group (file, *group, NULL);
  for (guint i = 0; i < definition->devices->len; i++)
    store_device (file, g_ptr_array_index (definition->devices, i));
  return file;
}

char *
definition_to_text (const MachineDefinition *definition)
{
  g_autoptr (GKeyFile) file = store (definition);

  return g_key_file_to_data (file, NULL, NULL);
}

MachineDefinition *
definition_copy (const MachineDefinition *definition)
{
  g_autofree char *text = definition_to_text (definition);
  g_autoptr (GError) error = NULL;
  MachineDefinition *copy = definition_parse (text, -1, NULL, &error);

  if (copy == NULL)
    {
      /* Somebody set a field past definition_set() to what the parser refuses. */
      g_critical ("definition_copy: %s", error->message);
      return definition_new ("?");
    }
  copy->folder = g_strdup (definition->folder);
  return copy;
}

gboolean
definition_save (const MachineDefinition *definition, const char *path, GError **error)
{
  g_autofree char *text = definition_to_text (definition);

  /* Reads back what it is about to write: a file that can't be loaded again is never put in place of one that can. */
  g_autoptr (MachineDefinition) check = definition_parse (text, -1, path, error);
  if (check == NULL)
    return FALSE;
  return viv_write_file (path, text, strlen (text), 0600, error);
}
