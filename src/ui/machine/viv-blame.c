/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which setting a failed start is about.  Errors name the file or the key: both are looked for.
 */
#include "ui/machine/viv-blame.h"

#include <string.h>

/* Words in errors that name no file.  In the order in which they are looked for. */
static const struct
{
  const char *word, *key;
} words[] = {
  { "/dev/kvm", "machine.engine" },   { "KVM", "machine.engine" },       { "SeaBIOS", "machine.firmware" },
  { "firmware", "machine.firmware" }, { "VNC", "display0.vnc-address" }, { "memory", "machine.memory" },
};

static gboolean
names (const char *message, const char *text)
{
  return text && *text && strstr (message, text) != NULL;
}

static gboolean
names_file (const MachineDefinition *definition, const char *message, const char *path)
{
  g_autofree char *resolved = definition_resolve (definition, path);

  return names (message, resolved);
}

char *
viv_blame_key (const MachineDefinition *definition, const char *message)
{
  const struct
  {
    const char *path, *key;
  } files[]
      = { { definition_text (definition, "machine.kernel"), "machine.kernel" },
          { definition_text (definition, "machine.initrd"), "machine.initrd" },
          { definition_text (definition, "display0.vnc-password-file"), "display0.vnc-password-file" } };

  for (unsigned i = 0; definition_drive (definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (definition, i);

      if (names_file (definition, message, machine_device_text (drive, "path")) || names (message, drive->id))
        return g_strconcat (drive->id, ".path", NULL);
    }
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    if (names_file (definition, message, files[i].path))
      return g_strdup (files[i].key);
  const char *firmware = definition_text (definition, "machine.firmware");
  if (g_path_is_absolute (firmware) && names (message, firmware))
    return g_strdup ("machine.firmware");
  if (names (message, definition_text (definition, "display0.vnc-address")))
    return g_strdup ("display0.vnc-address");
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (names (message, words[i].word))
      return g_strdup (words[i].key);
  return NULL;
}

gboolean
viv_blame_machine (const char *message, const char *name)
{
  g_autofree char *holder = g_strdup_printf ("is in use by the machine “%s”,", name);

  return names (message, holder);
}
