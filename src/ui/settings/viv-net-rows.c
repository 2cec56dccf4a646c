/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "ui/settings/viv-net-rows.h"

#include <string.h>

gboolean
viv_net_row_counts (const MachineDefinition *definition, const char *key)
{
  static const struct
  {
    const char *key, *kinds;
  } limited[] = {
    { "network", "private|multicast" },
    { "remote", "udp|tcp" },
    { "local", "udp|tcp" },
    { "tap", "tap" },
    { "bridge", "bridge" },
    { "forward", "user|passt" },
    { "restrict", "user" },
    { "tftp", "user" },
    { "bootfile", "user" },
  };
  const char *dot = strchr (key, '.');
  g_autofree char *id = dot ? g_strndup (key, (gsize)(dot - key)) : NULL;
  const MachineDevice *device = id ? definition_find (definition, id) : NULL;

  if (!device || !g_str_equal (device->kind->name, "net"))
    return TRUE;
  for (unsigned i = 0; i < G_N_ELEMENTS (limited); i++)
    if (g_str_equal (limited[i].key, dot + 1))
      {
        g_auto (GStrv) kinds = g_strsplit (limited[i].kinds, "|", -1);

        return g_strv_contains ((const char *const *)kinds, machine_device_text (device, "kind"));
      }
  return TRUE;
}

gboolean
viv_net_row_is_live (const char *key)
{
  const char *dot = strchr (key, '.');
  g_autofree char *id = dot ? g_strndup (key, (gsize)(dot - key)) : NULL;
  const DefinitionKey *entry = id && g_str_has_prefix (id, "net") ? definition_find_key (id, dot + 1) : NULL;

  return entry && entry->live;
}
