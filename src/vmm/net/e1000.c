/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Intel 82540EM and 82574L: the functions on PCI.  See e1000-private.h for the other files.
 */
#define G_LOG_DOMAIN "e1000"

#include "net/e1000.h"

#include "net/e1000-private.h"
#include "pci/express.h"
#include "pci/msi.h"
#include "pci/msix.h"
#include "pci/pm.h"

#include <string.h>

#define REGISTERS_BAR 0
#define PORTS_BAR     2 /* BAR 1 would be the flash */
#define MSIX_BAR      3
#define PORTS_SIZE    64u
#define MODERN_PORTS  32u

/* 4.1 */
static const PciIdentity old_identity = { .vendor = 0x8086,
                                          .device = 0x100e,
                                          .subsystem_vendor = 0x8086,
                                          .subsystem = 0x001e,
                                          .class_code = 0x020000,
                                          .revision = 3,
                                          .interrupt_pin = 1 };
/* 82574, 9.1 */
static const PciIdentity modern_identity = { .vendor = 0x8086,
                                             .device = 0x10d3,
                                             .subsystem_vendor = 0x8086,
                                             .subsystem = 0xa01f,
                                             .class_code = 0x020000,
                                             .revision = 0,
                                             .interrupt_pin = 1 };

static const StateField context_state[] = {
  STATE_U32 (E1000Context, ip),   STATE_U32 (E1000Context, l4),     STATE_U32 (E1000Context, length),
  STATE_U32 (E1000Context, more), STATE_BOOL (E1000Context, valid), STATE_END,
};

static const StateField queue_state[] = {
  STATE_STRUCT (E1000Queue, sums, context_state),
  STATE_STRUCT (E1000Queue, segments, context_state),
  STATE_BOOL (E1000Queue, skip),
  STATE_END,
};

static const StateField e1000_state[] = {
  STATE_STRUCT (E1000, pci, pci_device_state),
  STATE_U32_ARRAY (E1000, reg),
  STATE_U32 (E1000, port_address),
  STATE_U16_ARRAY (E1000, phy),
  STATE_STRUCT (E1000, wire, microwire_state),
  STATE_TIMER (E1000, negotiation),
  STATE_TIMER (E1000, quiet),
  STATE_TIMER (E1000, rdtr),
  STATE_TIMER (E1000, radv),
  STATE_TIMER (E1000, tidv),
  STATE_TIMER (E1000, tadv),
  STATE_U64 (E1000, next_interrupt),
  STATE_TIMER (E1000, work),
  STATE_U64 (E1000, next_work),
  STATE_STRUCTS (E1000, queues, E1000Queue, queue_state),
  STATE_BOOL (E1000, asserted),
  STATE_U32_MAX (E1000, sent, E1000E_ICR_TXQ0 | E1000E_ICR_TXQ1),
  STATE_U32 (E1000, told),
  STATE_TIMER (E1000, throttle[0]),
  STATE_TIMER (E1000, throttle[1]),
  STATE_TIMER (E1000, throttle[2]),
  STATE_TIMER (E1000, throttle[3]),
  STATE_TIMER (E1000, throttle[4]),
  STATE_U64_ARRAY (E1000, next_message),
  STATE_END,
};

/* -- The network's side: device loop -------------------------------------------------------------------- */

static gboolean
on_receive (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  E1000 *e = opaque;
  Vm *vm = e->pci.device.vm;
  gboolean taken;

  vm_lock (vm);
  taken = e1000_receive_frame (e, offload, packet, length);
  vm_unlock (vm);
  return taken;
}

static void
on_room (void *opaque)
{
  E1000 *e = opaque;
  Vm *vm = e->pci.device.vm;

  vm_lock (vm);
  e1000_kick (e);
  vm_unlock (vm);
}

static void
on_link (void *opaque)
{
  E1000 *e = opaque;

  if (net_port_link (e->port) && (e->phy[PHY_CONTROL] & PHY_CONTROL_AUTO))
    e1000_phy_restart (e);
  else
    e1000_link_update (e);
}

static const NetCard card = { .receive = on_receive, .room = on_room, .link = on_link };

/* -- Life --------------------------------------------------------------------------------------------- */

/* Bus mastering, too, lets packets go their way. */
static void
on_config (PciDevice *pci, unsigned offset, unsigned size)
{
  E1000 *e = (E1000 *)pci;

  if (offset <= PCI_COMMAND + 1 && offset + size > PCI_COMMAND && dma_enabled (&pci->dma))
    {
      e1000_listen (e);
      e1000_kick (e);
    }
}

static void
e1000_reset (Device *device)
{
  E1000 *e = (E1000 *)device;

  pci_device_reset (&e->pci);
  e->port_address = 0;
  memset (e->phy, 0, sizeof e->phy);
  e1000_reset_registers (e);
  e1000_phy_reset (e);
}

static gboolean
e1000_realize (Device *device, GError **error)
{
  E1000 *e = (E1000 *)device;
  PciDevice *pci = &e->pci;

  e->modern = device->klass == &e1000e_class;
  if (!pci_device_init (pci, pci->bus, pci->devfn, e->modern ? &modern_identity : &old_identity, error))
    return FALSE;
  e->registers = region_new_io ("e1000-registers", E1000_REGISTERS_SIZE, &e1000_registers_ops, e);
  e->ports = region_new_io ("e1000-ports", e->modern ? MODERN_PORTS : PORTS_SIZE, &e1000_ports_ops, e);
  pci_device_add_bar (pci, REGISTERS_BAR, e->registers, PCI_BAR_MEMORY32);
  pci_device_add_bar (pci, PORTS_BAR, e->ports, PCI_BAR_IO);
  pci_pm_add_wake (pci);
  if (e->modern)
    {
      pci_msi_add (pci, 1, PCI_MSI_64BIT);
      pci_express_add (pci, pci_bus_parent (pci->bus) == NULL ? PCI_EXPRESS_INTEGRATED_ENDPOINT
                                                              : PCI_EXPRESS_ENDPOINT);
      pci_msix_add (pci, E1000_MESSAGES, MSIX_BAR);
    }
  pci->config_written = on_config;
  vm_timer_init (&e->work, device->vm->clock, e1000_on_work, e);
  vm_timer_init (&e->negotiation, device->vm->clock, e1000_on_negotiated, e);
  e1000_interrupt_init (e);
  e1000_modern_init (e);
  e1000_rom_init (e);
  net_port_attach (e->port, &card, e);
  return TRUE;
}

static void
e1000_unrealize (Device *device)
{
  E1000 *e = (E1000 *)device;

  if (e->registers != NULL)
    net_port_detach (e->port);
  e1000_interrupt_cancel (e);
  vm_timer_cancel (&e->work);
  vm_timer_cancel (&e->negotiation);
  pci_device_exit (&e->pci);
  g_clear_pointer (&e->registers, region_unref);
  g_clear_pointer (&e->ports, region_unref);
}

/* What waited for room in the network waits no longer: this network is another one. */
static gboolean
e1000_post_load (Device *device, GError **error)
{
  E1000 *e = (E1000 *)device;

  if (!pci_device_post_load (&e->pci, error))
    return FALSE;
  e1000_link_update (e);
  e1000_listen (e);
  e1000_kick (e);
  return TRUE;
}

static const DeviceClass e1000_class = {
  .name = "e1000",
  .instance_size = sizeof (E1000),
  .optional = TRUE, /* definitions of older versions have an address, and their saved machines no card */
  .state = e1000_state,
  .realize = e1000_realize,
  .reset = e1000_reset,
  .post_load = e1000_post_load,
  .unrealize = e1000_unrealize,
};

const DeviceClass e1000e_class = {
  .name = "e1000e",
  .instance_size = sizeof (E1000),
  .optional = TRUE, /* definitions of older versions have an address, and their saved machines no card */
  .state = e1000_state,
  .realize = e1000_realize,
  .reset = e1000_reset,
  .post_load = e1000_post_load,
  .unrealize = e1000_unrealize,
};

static Device *
new_card (Vm *vm, const DeviceClass *klass, const char *id, PciBus *bus, unsigned devfn, NetPort *port,
          GError **error)
{
  E1000 *e = device_new (vm, klass, id);

  e->pci.bus = bus;
  e->pci.devfn = (uint8_t)devfn;
  e->port = port;
  if (device_realize (&e->pci.device, error))
    return &e->pci.device;
  device_free (&e->pci.device);
  return NULL;
}

void
e1000e_prepare (Device *device, NetPort *port)
{
  ((E1000 *)device)->port = port;
}

Device *
e1000_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error)
{
  return new_card (vm, &e1000_class, id, bus, devfn, port, error);
}

Device *
e1000e_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error)
{
  return new_card (vm, &e1000e_class, id, bus, devfn, port, error);
}
