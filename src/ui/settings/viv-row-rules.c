/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "ui/settings/viv-row-rules.h"

#include <string.h>

gboolean
viv_row_counts (const MachineDefinition *definition, const char *key)
{
  /* Of a kind of devices: a key, and the choices of another one with which it counts. */
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

        return g_strv_contains ((const char *const *)choices, machine_device_text (device, limited[i].other));
      }
  return TRUE;
}

gboolean
viv_row_is_live (const char *key)
{
  const char *dot = strchr (key, '.');
  g_autofree char *id = dot ? g_strndup (key, (gsize)(dot - key)) : NULL;
  const DefinitionKey *entry = id && g_str_has_prefix (id, "net") ? definition_find_key (id, dot + 1) : NULL;

  return entry && entry->live;
}
