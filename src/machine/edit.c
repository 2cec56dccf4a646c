/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Changes of a definition: read again, apply, save, under the folder's lock.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/edit.h"

#include "machine/folder-lock.h"
#include "machine/machine-private.h"
#include "machine/output-file.h"

#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

/* "disk+.path" → "disk2.path" where disk2 is the device that this edit adds; `added` has the ids of those by kind.  NULL and an error: there
 * is no room for one more. */
static char *
resolve_key (MachineDefinition *definition, const char *key, GHashTable *added, GError **error)
{
  const char *plus = strchr (key, '+');

  if (plus == NULL || (plus[1] != '.' && plus[1] != '\0'))
    return g_strdup (key);
  g_autofree char *name = g_strndup (key, plus - key);
  const DeviceKind *kind = device_kind_find (name);
  if (kind == NULL || kind->most == 0)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN, _ ("there is no kind of device “%s”"),
                   name);
      return NULL;
    }
  const char *id = g_hash_table_lookup (added, kind);
  MachineDevice *device = id != NULL ? definition_find (definition, id) : NULL;
  if (device == NULL)
    device = definition_add (definition, kind);
  if (device == NULL)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                   _ ("the machine has as many devices of the kind “%s” as it can have: %u"), name,
                   kind->most);
      return NULL;
    }
  g_hash_table_insert (added, (gpointer)kind, g_strdup (device->id));
  return g_strconcat (device->id, plus + 1, NULL);
}

gboolean
viv_definition_apply (MachineDefinition *definition, const VivChange *changes, unsigned n, GError **error)
{
  g_autoptr (GHashTable) added = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  gboolean done = TRUE;

  for (unsigned i = 0; i < n && done; i++)
    {
      const char *value = changes[i].value != NULL ? changes[i].value : "";
      g_autofree char *key = resolve_key (definition, changes[i].key, added, error);
      if (key == NULL)
        done = FALSE;
      else if (strchr (key, '.') != NULL || *value != '\0')
        done = definition_set (definition, key, value, error);
      else if (!g_str_has_suffix (changes[i].key, "+"))
        done = definition_remove (definition, key, error);
    }
  return done && definition_place (definition, error);
}

static gboolean
edit_locked (const char *folder, const VivChange *changes, unsigned n, GError **error)
{
  g_autofree char *file = g_build_filename (folder, "machine.ini", NULL);
  g_autoptr (MachineDefinition) definition = definition_load (file, error);
  g_autofree char *uuid = definition != NULL ? g_strdup (definition_text (definition, "machine.uuid")) : NULL;

  if (definition == NULL || !viv_definition_apply (definition, changes, n, error))
    return FALSE;
  if (g_ascii_strcasecmp (uuid, definition_text (definition, "machine.uuid")) != 0
      && viv_folder_is_running (folder))
    {
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING,
                   _ ("“%s” runs, and keeps its UUID until it is off"),
                   definition_text (definition, "machine.name"));
      return FALSE;
    }
  /* With the lock held nobody writes: what looks like a writer's temporary file is one that was killed. */
  viv_sweep_leftovers (folder, "machine.ini", 0);
  return definition_save (definition, file, error);
}

gboolean
viv_folder_edit (const char *folder, gboolean locked, const VivChange *changes, unsigned n, GError **error)
{
  int lock = locked ? -1 : viv_folder_lock (folder, VIV_LOCK_DEFINITION, error);

  if (!locked && lock < 0)
    return FALSE;
  gboolean done = edit_locked (folder, changes, n, error);
  viv_folder_unlock (lock);
  return done;
}

gboolean
viv_machine_edit (VivMachine *machine, const VivChange *changes, unsigned n, GError **error)
{
  g_return_val_if_fail (VIV_IS_MACHINE (machine), FALSE);

  for (unsigned i = 0; i < n; i++)
    if (g_str_equal (changes[i].key, "machine.name")
        && g_strcmp0 (changes[i].value, viv_machine_get_name (machine)) != 0)
      {
        g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_BROKEN,
                     _ ("a machine is renamed in the library, with its folder"));
        return FALSE;
      }
  if (VIV_MACHINE_GET_CLASS (machine)->edit != NULL)
    return VIV_MACHINE_GET_CLASS (machine)->edit (machine, changes, n, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               _ ("the settings of “%s” can't be changed from here"), viv_machine_get_name (machine));
  return FALSE;
}
