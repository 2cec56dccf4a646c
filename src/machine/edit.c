/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Changes of a definition: read again, apply, save, under the folder's lock.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/edit.h"

#include "machine/folder-lock.h"
#include "machine/output-file.h"

#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

/* "disk+.path" → "disk2.path" where disk2 is the drive that this edit adds.  NULL and an error: there is no room for one more. */
static char *
resolve_key (MachineDefinition *definition, const char *key, char *added[3], GError **error)
{
  const char *plus = strstr (key, "+.");
  g_autofree char *group = plus != NULL ? g_strndup (key, plus - key) : NULL;

  if (plus == NULL)
    return g_strdup (key);
  for (unsigned kind = DRIVE_DISK; kind <= DRIVE_FLOPPY; kind++)
    {
      if (!g_str_equal (group, drive_kind_name (kind)))
        continue;
      if (added[kind] == NULL)
        {
          MachineDrive *drive = definition_add_drive (definition, kind, NULL);
          if (drive == NULL)
            {
              g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                           _ ("the machine has as many drives of the kind “%s” as it can have"), group);
              return NULL;
            }
          added[kind] = g_strdup (drive->id);
        }
      return g_strconcat (added[kind], plus + 1, NULL);
    }
  g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN, _ ("there is no kind of drive “%s”"),
               group);
  return NULL;
}

static gboolean
apply (MachineDefinition *definition, const VivChange *changes, unsigned n, GError **error)
{
  char *added[3] = { NULL };
  gboolean done = TRUE;

  for (unsigned i = 0; i < n && done; i++)
    {
      const char *value = changes[i].value != NULL ? changes[i].value : "";
      if (strchr (changes[i].key, '.') == NULL && *value == '\0')
        {
          done = definition_remove_drive (definition, changes[i].key);
          if (!done)
            g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN, _ ("the machine has no %s"),
                         changes[i].key);
          continue;
        }
      g_autofree char *key = resolve_key (definition, changes[i].key, added, error);
      done = key != NULL && definition_set (definition, key, value, error);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (added); i++)
    g_free (added[i]);
  return done;
}

static gboolean
edit_locked (const char *folder, const VivChange *changes, unsigned n, GError **error)
{
  g_autofree char *file = g_build_filename (folder, "machine.ini", NULL);
  g_autoptr (MachineDefinition) definition = definition_load (file, error);
  g_autofree char *uuid = definition != NULL ? g_strdup (definition->uuid) : NULL;

  if (definition == NULL || !apply (definition, changes, n, error))
    return FALSE;
  if (g_ascii_strcasecmp (uuid, definition->uuid) != 0 && viv_folder_is_running (folder))
    {
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING,
                   _ ("“%s” runs, and keeps its UUID until it is off"), definition->name);
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
  if (!viv_folder_edit (viv_machine_get_folder (machine), FALSE, changes, n, error))
    return FALSE;
  viv_machine_reload (machine);
  return TRUE;
}
