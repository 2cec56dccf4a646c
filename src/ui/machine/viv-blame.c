/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whose image it is.
 */
#include "ui/machine/viv-blame.h"

#include <string.h>

static const MachineDevice *
drive_of (const MachineDefinition *definition, const char *key)
{
  const char *dot = strrchr (key, '.');
  g_autofree char *id = dot && g_str_equal (dot, ".path") ? g_strndup (key, dot - key) : NULL;

  return id ? definition_find_drive (definition, id) : NULL;
}

gboolean
viv_blame_shares (const MachineDefinition *definition, const char *key, const MachineDefinition *other)
{
  const MachineDevice *drive = drive_of (definition, key);
  g_autofree char *path = drive ? definition_resolve (definition, machine_device_text (drive, "path")) : NULL;

  for (unsigned i = 0; path && definition_drive (other, i) != NULL; i++)
    {
      const MachineDevice *candidate = definition_drive (other, i);
      g_autofree char *resolved = definition_resolve (other, machine_device_text (candidate, "path"));

      if (g_strcmp0 (resolved, path) == 0)
        return TRUE;
    }
  return FALSE;
}
