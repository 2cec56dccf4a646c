/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Buses, and who gets which slot.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/definition.h"

#include <glib/gi18n.h>
#include <string.h>

const DeviceBus device_buses[] = {
  { .name = "pci" }, /* a place each, the board's own */
  { .name = "ide" }, { .name = "floppy" },
  { .name = "isa" }, { .name = "pcie", .plugs = TRUE, .slots = DEVICE_MAX_SLOT },
  { .name = NULL },
};

const DeviceBus *
device_kind_bus (const DeviceKind *kind)
{
  if (kind->bus == NULL)
    return NULL;
  for (const DeviceBus *bus = device_buses; bus->name != NULL; bus++)
    if (g_str_equal (bus->name, kind->bus))
      return bus;
  return NULL;
}

unsigned
machine_device_slot (const MachineDevice *device)
{
  return device_kind_key (device->kind, "slot") != NULL ? (unsigned)machine_device_number (device, "slot")
                                                        : 0;
}

static unsigned
lowest_free (uint64_t taken, unsigned slots)
{
  for (unsigned slot = 1; slot <= slots; slot++)
    if ((taken >> slot & 1) == 0)
      return slot;
  return 0;
}

/* Takes them away from who is second, and notes the others; a kind of another bus that may be in a slot counts, too. */
static gboolean
keep_slots (MachineDefinition *definition, const DeviceBus *bus, uint64_t *taken, GError **error)
{
  gboolean ok = TRUE;

  for (guint i = 0; i < definition->devices->len; i++)
    {
      MachineDevice *device = g_ptr_array_index (definition->devices, i);
      unsigned slot = machine_device_slot (device);

      if (slot == 0)
        continue;
      if (slot <= bus->slots && (*taken >> slot & 1) == 0)
        {
          *taken |= 1ull << slot;
          continue;
        }
      if (ok)
        g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                     _ ("[%s] slot: another device is in slot %u already"), device->id, slot);
      ok = FALSE;
      machine_device_put (device, "slot", NULL);
    }
  return ok;
}

gboolean
definition_place (MachineDefinition *definition, GError **error)
{
  gboolean ok = TRUE;

  for (const DeviceBus *bus = device_buses; bus->name != NULL; bus++)
    {
      uint64_t taken = 0;

      if (bus->slots == 0)
        continue;
      ok = keep_slots (definition, bus, &taken, ok ? error : NULL) && ok;
      for (guint i = 0; i < definition->devices->len; i++)
        {
          MachineDevice *device = g_ptr_array_index (definition->devices, i);
          g_autofree char *text = NULL;
          unsigned slot;

          if (device_kind_bus (device->kind) != bus || machine_device_slot (device) != 0)
            continue;
          slot = lowest_free (taken, bus->slots);
          if (slot == 0)
            {
              if (ok)
                g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                             _ ("[%s] slot: all %u slots are taken"), device->id, bus->slots);
              ok = FALSE;
              break;
            }
          taken |= 1ull << slot;
          text = g_strdup_printf ("%u", slot);
          machine_device_put (device, "slot", text);
        }
    }
  return ok;
}
