/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The two buses of an NE2000.  See ne2000.h and dp8390.h.
 */
#define G_LOG_DOMAIN "ne2000"

#include "net/ne2000.h"

#include "net/dp8390.h"

#include <string.h>

#define PORTS_BAR 0

static const PciIdentity identity = { .vendor = 0x10ec,
                                      .device = 0x8029,
                                      .subsystem_vendor = 0x10ec,
                                      .subsystem = 0x8029,
                                      .class_code = 0x020000,
                                      .interrupt_pin = 1 };

static uint64_t
ports_read (void *opaque, uint64_t addr, unsigned size)
{
  return dp8390_read (opaque, (unsigned)addr, size);
}

static void
ports_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  dp8390_write (opaque, (unsigned)addr, (uint32_t)value, size);
}

static const IoOps ports_ops
    = { .read = ports_read, .write = ports_write, .impl_min = 1, .impl_max = 4, .valid_max = 4 };

/* -- PCI -------------------------------------------------------------------------------------------------------------- */

typedef struct
{
  PciDevice pci;
  Dp8390 chip;
  NetPort *port;
  Region *ports;
} Ne2000;

static const StateField ne2000_state[] = {
  STATE_STRUCT (Ne2000, pci, pci_device_state),
  STATE_STRUCT (Ne2000, chip, dp8390_state),
  STATE_END,
};

static void
on_pci_interrupt (void *opaque, gboolean level)
{
  pci_device_intx (opaque, level);
}

static gboolean
ne2000_realize (Device *device, GError **error)
{
  Ne2000 *ne = (Ne2000 *)device;
  PciDevice *pci = &ne->pci;

  if (!pci_device_init (pci, pci->bus, pci->devfn, &identity, error))
    return FALSE;
  ne->chip.interrupt = on_pci_interrupt;
  ne->chip.opaque = pci;
  ne->chip.identity = TRUE;
  ne->ports = region_new_io ("ne2000", DP8390_PORTS, &ports_ops, &ne->chip);
  pci_device_add_bar (pci, PORTS_BAR, ne->ports, PCI_BAR_IO);
  dp8390_init (&ne->chip, device->vm, ne->port);
  return TRUE;
}

static void
ne2000_reset (Device *device)
{
  Ne2000 *ne = (Ne2000 *)device;

  pci_device_reset (&ne->pci);
  dp8390_reset (&ne->chip);
}

static gboolean
ne2000_post_load (Device *device, GError **error)
{
  Ne2000 *ne = (Ne2000 *)device;

  if (!pci_device_post_load (&ne->pci, error))
    return FALSE;
  dp8390_post_load (&ne->chip);
  return TRUE;
}

static void
ne2000_unrealize (Device *device)
{
  Ne2000 *ne = (Ne2000 *)device;

  if (ne->ports != NULL)
    net_port_detach (ne->port);
  pci_device_exit (&ne->pci);
  g_clear_pointer (&ne->ports, region_unref);
}

static const DeviceClass ne2000_class = {
  .name = "ne2000",
  .instance_size = sizeof (Ne2000),
  .optional = TRUE, /* definitions of older versions have an address, and their saved machines no card */
  .state = ne2000_state,
  .realize = ne2000_realize,
  .reset = ne2000_reset,
  .post_load = ne2000_post_load,
  .unrealize = ne2000_unrealize,
};

Device *
ne2000_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error)
{
  Ne2000 *ne = device_new (vm, &ne2000_class, id);

  ne->pci.bus = bus;
  ne->pci.devfn = (uint8_t)devfn;
  ne->port = port;
  if (device_realize (&ne->pci.device, error))
    return &ne->pci.device;
  device_free (&ne->pci.device);
  return NULL;
}

/* -- ISA -------------------------------------------------------------------------------------------------------------- */

typedef struct
{
  Device device;
  Dp8390 chip;
  NetPort *port;
  IrqLine irq;
  Mapping *ports;
} Ne2000Isa;

static const StateField isa_state[] = {
  STATE_STRUCT (Ne2000Isa, chip, dp8390_state),
  STATE_END,
};

static void
on_isa_interrupt (void *opaque, gboolean level)
{
  irq_set (&((Ne2000Isa *)opaque)->irq, level);
}

static gboolean
isa_realize (Device *device, GError **error)
{
  Ne2000Isa *ne = (Ne2000Isa *)device;
  g_autoptr (Region) region = region_new_io ("ne2000", DP8390_PORTS, &ports_ops, &ne->chip);

  ne->chip.interrupt = on_isa_interrupt;
  ne->chip.opaque = ne;
  ne->ports = address_space_map (device->vm->ports, region, NE2000_ISA_PORT, 0, DP8390_PORTS, 0);
  dp8390_init (&ne->chip, device->vm, ne->port);
  return TRUE;
}

static void
isa_reset (Device *device)
{
  dp8390_reset (&((Ne2000Isa *)device)->chip);
}

static gboolean
isa_post_load (Device *device, GError **error)
{
  dp8390_post_load (&((Ne2000Isa *)device)->chip);
  return TRUE;
}

static void
isa_unrealize (Device *device)
{
  Ne2000Isa *ne = (Ne2000Isa *)device;

  if (ne->ports == NULL)
    return;
  net_port_detach (ne->port);
  g_clear_pointer (&ne->ports, mapping_remove);
}

static const DeviceClass isa_class = {
  .name = "ne2000-isa",
  .instance_size = sizeof (Ne2000Isa),
  .optional = TRUE,
  .state = isa_state,
  .realize = isa_realize,
  .reset = isa_reset,
  .post_load = isa_post_load,
  .unrealize = isa_unrealize,
};

Device *
ne2000_isa_new (Vm *vm, const char *id, IrqLine irq, NetPort *port, GError **error)
{
  Ne2000Isa *ne = device_new (vm, &isa_class, id);

  ne->irq = irq;
  ne->port = port;
  if (device_realize (&ne->device, error))
    return &ne->device;
  device_free (&ne->device);
  return NULL;
}
