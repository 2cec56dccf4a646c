/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The panicking guest's port.
 */
#define G_LOG_DOMAIN "chipset"

#include "chipset/pvpanic.h"
#include "chipset/common.h"

typedef struct
{
  Device device;
  uint32_t told; /* what it said since the last reset */
  GuestAction action;
  GuestEventFunc event;
  void *opaque;
  Mapping *mapping;
} Pvpanic;

static const StateField pvpanic_state[] = {
  STATE_U32_MAX (Pvpanic, told, PVPANIC_PANICKED | PVPANIC_CRASH_LOADED),
  STATE_END,
};

static uint64_t
port_read (void *opaque, uint64_t addr, unsigned size)
{
  return PVPANIC_PANICKED | PVPANIC_CRASH_LOADED;
}

static void
port_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Pvpanic *p = opaque;
  const uint32_t word = (uint32_t)value & (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED) & ~p->told;
  const char *sentence = (word & PVPANIC_PANICKED) != 0
                             ? "the guest's system has panicked"
                             : "the guest's system has panicked, and its crash kernel takes over";

  /* Once each: it could go on saying so. */
  if (word == 0)
    return;
  p->told |= word;
  device_log (&p->device, "%s", sentence);
  if (p->event != NULL)
    p->event (p->opaque, sentence);
  if ((word & PVPANIC_PANICKED) != 0)
    guest_action_do (p->device.vm, p->action, sentence);
}

static const IoOps port_ops = { .read = port_read, .write = port_write, .impl_min = 1, .impl_max = 1 };

static void
pvpanic_reset (Device *device)
{
  ((Pvpanic *)device)->told = 0;
}

static gboolean
pvpanic_realize (Device *device, GError **error)
{
  Pvpanic *p = (Pvpanic *)device;

  p->mapping = chipset_map_io (device->vm->ports, "pvpanic", PVPANIC_PORT, 1, &port_ops, p);
  return TRUE;
}

static void
pvpanic_unrealize (Device *device)
{
  g_clear_pointer (&((Pvpanic *)device)->mapping, mapping_remove);
}

/* By which a guest says that it panics: the identity that Linux and Windows drivers look for. */
static void
pvpanic_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  aml_begin_device (aml, "PEVT");
  aml_name_string (aml, "_HID", "QEMU0001");
  aml_name_number (aml, "_STA", 0x0f);
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, PVPANIC_PORT, 1);
  aml_end (aml);
  aml_end (aml);
}

static const DeviceClass pvpanic_class = {
  .name = "pvpanic",
  .instance_size = sizeof (Pvpanic),
  .state = pvpanic_state,
  .realize = pvpanic_realize,
  .reset = pvpanic_reset,
  .unrealize = pvpanic_unrealize,
  .acpi = pvpanic_acpi,
};

Device *
pvpanic_new (Vm *vm, const char *id, GuestAction action, GuestEventFunc event, void *opaque, GError **error)
{
  Pvpanic *p = device_new (vm, &pvpanic_class, id);

  p->action = action;
  p->event = event;
  p->opaque = opaque;
  return chipset_realize (p, error);
}
