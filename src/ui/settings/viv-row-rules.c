/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "ui/settings/viv-row-rules.h"

#include <string.h>

gboolean
viv_row_counts (const MachineDefinition *definition, const char *key)
{
  /* Of a kind of devices: a key, and the choices of another one, its own or the machine's, with which it counts; all that are here. */
  static const struct
  {
    const char *kind, *key, *other, *choices;
  } limited[] = {
    { "net", "network", "kind", "private|multicast" },
    { "net", "remote", "kind", "udp|tcp" },
    { "net", "local", "kind", "udp|tcp" },
    { "net", "tap", "kind", "tap" },
    { "net", "bridge", "kind", "bridge" },
    { "net", "forward", "kind", "user|passt" },
    { "net", "restrict", "kind", "user" },
    { "net", "tftp", "kind", "user" },
    { "net", "bootfile", "kind", "user" },
    { "net", "queues", "card", "virtio" },
    { "net", "slot", "card", "auto|e1000e|virtio" },
    { "net", "slot", "machine.chipset", "q35" },
    { "serial", "path", "backend", "file|unix|device" },
    { "serial", "mode", "backend", "tcp|unix" },
    { "serial", "address", "backend", "tcp" },
    { "serial", "speed", "backend", "device" },
    { "disk", "queues", "bus", "virtio|scsi|nvme" },
    { "disk", "plugged", "bus", "auto|ahci|usb" }, /* automatic may be AHCI */
    { "disk", "uas", "bus", "usb" },
  };
  const char *dot = strchr (key, '.');
  g_autofree char *id = dot ? g_strndup (key, (gsize)(dot - key)) : NULL;
  const MachineDevice *device = id ? definition_find (definition, id) : NULL;

  for (unsigned i = 0; device && i < G_N_ELEMENTS (limited); i++)
    if (g_str_equal (limited[i].kind, device->kind->name) && g_str_equal (limited[i].key, dot + 1))
      {
        g_auto (GStrv) choices = g_strsplit (limited[i].choices, "|", -1);
        const char *now = strchr (limited[i].other, '.') != NULL
                              ? definition_text (definition, limited[i].other)
                              : machine_device_text (device, limited[i].other);

        if (!g_strv_contains ((const char *const *)choices, now))
          return FALSE;
      }
  /* A card is plugged into a slot. */
  return !device || !g_str_equal (device->kind->name, "net") || !g_str_equal (dot + 1, "plugged")
         || machine_device_slot (device) > 0;
}

gboolean
viv_row_is_live (const char *key)
{
  const char *dot = strchr (key, '.');
  g_autofree char *id = dot ? g_strndup (key, (gsize)(dot - key)) : NULL;
  const DefinitionKey *entry = id && g_str_has_prefix (id, "net") ? definition_find_key (id, dot + 1) : NULL;

  return entry && entry->live;
}
