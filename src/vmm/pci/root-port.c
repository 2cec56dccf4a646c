/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Root port.  See root-port.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/root-port.h"
#include "pci/bridge.h"
#include "pci/express.h"
#include "pci/msi.h"
#include "pci/pci-private.h"
#include "pci/pm.h"

#include <string.h>

enum
{
  FLAGS_SLOT = 1 << 8,

  LINK_ACTIVE_REPORTING = 1 << 20,

  SLOT_BUTTON = 1 << 0,
  SLOT_POWER_CONTROLLER = 1 << 1,
  SLOT_ATTENTION_INDICATOR = 1 << 3,
  SLOT_POWER_INDICATOR = 1 << 4,
  SLOT_SURPRISE = 1 << 5,
  SLOT_HOT_PLUG = 1 << 6,
  SLOT_NUMBER_SHIFT = 19,

  /* Control; the first five have the place of the event in the status that they are for. */
  CONTROL_EVENTS = 0x1f,
  CONTROL_INTERRUPT = 1 << 5,
  CONTROL_ATTENTION = 3 << 6,
  CONTROL_INDICATOR = 3 << 8,
  INDICATOR_ON = 1 << 8,
  INDICATOR_OFF = 3 << 8,
  CONTROL_POWER_OFF = 1 << 10,
  CONTROL_LINK = 1 << 12,

  STATUS_BUTTON = 1 << 0,
  STATUS_PRESENCE_CHANGED = 1 << 3,
  STATUS_COMPLETED = 1 << 4,
  STATUS_PRESENT = 1 << 6,
  STATUS_LINK_CHANGED = 1 << 8,
};

typedef struct
{
  PciDevice pci;
  uint32_t slot;
  gboolean told;           /* the interrupt's condition, as it was when the last message was sent */
  gboolean leaving;        /* the guest was asked to let the device go, and has not yet */
  PciUnplugRequest *asked; /* who waits for that; NULL: nobody, as in a machine that was saved meanwhile */
} RootPort;

static const StateField root_port_state[] = {
  STATE_STRUCT (RootPort, pci, pci_device_state),
  STATE_BOOL (RootPort, told),
  STATE_BOOL (RootPort, leaving),
  STATE_END,
};

static uint8_t *
reg (RootPort *port, unsigned offset)
{
  return port->pci.config + port->pci.express_cap + offset;
}

static uint16_t
control (RootPort *port)
{
  return pci_get16 (reg (port, PCI_EXPRESS_SLOT_CONTROL));
}

static void
set_bits (RootPort *port, unsigned offset, uint16_t bits, gboolean on)
{
  uint16_t value = pci_get16 (reg (port, offset));

  pci_set16 (reg (port, offset), (uint16_t)(on ? value | bits : value & ~bits));
}

static gboolean
powered (RootPort *port)
{
  return !(control (port) & CONTROL_POWER_OFF);
}

PciDevice *
pci_root_port_occupant (Device *device)
{
  PciBus *bus = ((RootPort *)device)->pci.secondary;

  return bus != NULL ? pci_bus_device (bus, 0) : NULL;
}

/* A message each time that the condition comes about (6.7.3.4), a level as long as it stands. */
static void
update_interrupt (RootPort *port)
{
  uint16_t wanted = control (port), status = pci_get16 (reg (port, PCI_EXPRESS_SLOT_STATUS));
  gboolean on = (wanted & CONTROL_INTERRUPT)
                && ((wanted & status & CONTROL_EVENTS)
                    || ((wanted & CONTROL_LINK) && (status & STATUS_LINK_CHANGED)));
  gboolean by_message = pci_msi_enabled (&port->pci);

  pci_device_intx (&port->pci, on && !by_message);
  if (on && by_message && !port->told)
    pci_msi_notify (&port->pci, 0);
  port->told = on && by_message;
}

static void
event (RootPort *port, uint16_t bits)
{
  set_bits (port, PCI_EXPRESS_SLOT_STATUS, bits, TRUE);
  update_interrupt (port);
}

/* The link is up if there is power and somebody at its other end.  Returns the event, or 0. */
static uint16_t
update_link (RootPort *port)
{
  gboolean up = powered (port) && pci_root_port_occupant (&port->pci.device) != NULL;
  gboolean was = (pci_get16 (reg (port, PCI_EXPRESS_LINK_STATUS)) & PCI_EXPRESS_LINK_ACTIVE) != 0;

  set_bits (port, PCI_EXPRESS_LINK_STATUS, PCI_EXPRESS_LINK_ACTIVE, up);
  return up != was ? STATUS_LINK_CHANGED : 0;
}

/* What the registers say of the slot, without an event: after a reset and a load. */
static void
settle (RootPort *port)
{
  set_bits (port, PCI_EXPRESS_SLOT_STATUS, STATUS_PRESENT,
            pci_root_port_occupant (&port->pci.device) != NULL);
  update_link (port);
  port->pci.secondary->down = !powered (port);
  pci_device_update (&port->pci);
  for (unsigned i = 0; i < port->pci.secondary->present->len; i++)
    pci_device_update (g_ptr_array_index (port->pci.secondary->present, i));
}

/* -- Plugging ------------------------------------------------------------------------------------- */

void
pci_root_port_plugged (Device *device)
{
  RootPort *port = (RootPort *)device;

  set_bits (port, PCI_EXPRESS_SLOT_STATUS, STATUS_PRESENT, TRUE);
  /* Whoever puts a card into a slot without power presses the button: Linux listens to that alone where there is one. */
  event (port, STATUS_PRESENCE_CHANGED | (powered (port) ? 0 : STATUS_BUTTON) | update_link (port));
}

gboolean
pci_root_port_ask (Device *device, PciUnplugRequest *request)
{
  RootPort *port = (RootPort *)device;

  if (port->asked != NULL)
    return FALSE;
  if (!powered (port))
    {
      pci_root_port_pull (device, request);
      return TRUE;
    }
  port->asked = request;
  if (port->leaving) /* pressing the button again would call it off */
    return TRUE;
  port->leaving = TRUE;
  event (port, STATUS_BUTTON);
  return TRUE;
}

void
pci_root_port_pull (Device *device, PciUnplugRequest *request)
{
  RootPort *port = (RootPort *)device;
  PciDevice *occupant = pci_root_port_occupant (device);

  port->leaving = FALSE;
  if (port->asked != NULL)
    request = pci_unplug_request_join (g_steal_pointer (&port->asked), request);
  pci_device_leave (occupant);
  set_bits (port, PCI_EXPRESS_SLOT_STATUS, STATUS_PRESENT, FALSE);
  event (port, STATUS_PRESENCE_CHANGED | update_link (port));
  pci_unplug_request_start (port->pci.bus->root, occupant, request);
}

/* With the power indicator off a person may take the device out (6.7.1.1.2), so that is when it goes. */
static void
let_go (RootPort *port)
{
  uint16_t now = control (port);

  if (!port->leaving)
    return;
  if (pci_root_port_occupant (&port->pci.device) != NULL && (now & CONTROL_POWER_OFF)
      && (now & CONTROL_INDICATOR) == INDICATOR_OFF)
    pci_root_port_pull (&port->pci.device, NULL);
}

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  RootPort *port = (RootPort *)pci;

  if (pci_touches (offset, size, pci->express_cap + PCI_EXPRESS_SLOT_CONTROL, 2))
    {
      uint16_t link;

      pci_bridge_set_link (pci, powered (port));
      link = update_link (port);
      event (port, STATUS_COMPLETED | link);
      let_go (port);
    }
  else if (pci_touches (offset, size, pci->express_cap + PCI_EXPRESS_SLOT_STATUS, 2)
           || pci_touches (offset, size, pci->msi_cap, PCI_MSI_MAX_SIZE))
    {
      update_interrupt (port);
    }
}

/* -- Life ----------------------------------------------------------------------------------------- */

static void
root_port_reset (Device *device)
{
  RootPort *port = (RootPort *)device;
  gboolean occupied;

  /* Whoever asked for it gets it now: the guest that didn't answer is gone. */
  if (port->leaving && pci_root_port_occupant (device) != NULL)
    pci_root_port_pull (device, NULL);
  pci_device_reset (&port->pci);
  occupied = pci_root_port_occupant (device) != NULL;
  pci_set16 (reg (port, PCI_EXPRESS_SLOT_CONTROL),
             (uint16_t)(CONTROL_ATTENTION | (occupied ? INDICATOR_ON : INDICATOR_OFF | CONTROL_POWER_OFF)));
  port->told = FALSE;
  settle (port);
  update_interrupt (port);
}

static gboolean
root_port_post_load (Device *device, GError **error)
{
  RootPort *port = (RootPort *)device;

  if (!pci_device_post_load (&port->pci, error))
    return FALSE;
  port->leaving = port->leaving && pci_root_port_occupant (device) != NULL;
  settle (port);
  update_interrupt (port);
  return TRUE;
}

static gboolean
root_port_realize (Device *device, GError **error)
{
  static const PciIdentity identity
      = { .vendor = 0x1b36, .device = 0x000c, .class_code = 0x060400, .interrupt_pin = 1 };
  RootPort *port = (RootPort *)device;
  PciDevice *pci = &port->pci;
  uint8_t *config, *mask;

  if (!pci_device_init (pci, pci->bus, pci->devfn, &identity, error))
    return FALSE;
  pci_bridge_init (pci);
  pci_pm_add (pci);
  pci_msi_add (pci, 1, PCI_MSI_64BIT | PCI_MSI_MASKS);
  pci_express_add (pci, PCI_EXPRESS_ROOT_PORT);
  config = pci->config + pci->express_cap;
  mask = pci->write_mask + pci->express_cap;
  pci_set16 (config + PCI_EXPRESS_FLAGS, (uint16_t)(pci_get16 (config + PCI_EXPRESS_FLAGS) | FLAGS_SLOT));
  pci_set32 (config + PCI_EXPRESS_LINK_CAPABILITIES, pci_get32 (config + PCI_EXPRESS_LINK_CAPABILITIES)
                                                         | LINK_ACTIVE_REPORTING | (port->slot & 0xff) << 24);
  pci_set32 (config + PCI_EXPRESS_SLOT_CAPABILITIES,
             SLOT_BUTTON | SLOT_POWER_CONTROLLER | SLOT_ATTENTION_INDICATOR | SLOT_POWER_INDICATOR
                 | SLOT_SURPRISE | SLOT_HOT_PLUG | port->slot << SLOT_NUMBER_SHIFT);
  pci_set16 (mask + PCI_EXPRESS_SLOT_CONTROL, CONTROL_EVENTS | CONTROL_INTERRUPT | CONTROL_ATTENTION
                                                  | CONTROL_INDICATOR | CONTROL_POWER_OFF | CONTROL_LINK);
  pci_set16 (pci->clear_mask + pci->express_cap + PCI_EXPRESS_SLOT_STATUS,
             CONTROL_EVENTS | STATUS_LINK_CHANGED);
  pci_set16 (mask + PCI_EXPRESS_ROOT_CONTROL, 0x000f);
  memcpy (pci->reset_config + pci->express_cap, config, PCI_EXPRESS_SIZE);
  pci->config_written = config_written;
  return TRUE;
}

static void
root_port_unrealize (Device *device)
{
  RootPort *port = (RootPort *)device;

  if (port->asked != NULL)
    pci_unplug_request_end (g_steal_pointer (&port->asked), FALSE);
  pci_device_exit (&port->pci);
}

static const DeviceProperty root_port_properties[] = {
  { "slot", PROPERTY_U32, G_STRUCT_OFFSET (RootPort, slot), "1", 1, 8191, "Number of the slot" },
  { NULL },
};

const DeviceClass pci_root_port_class = {
  .name = "pcie-root-port",
  .instance_size = sizeof (RootPort),
  .state = root_port_state,
  .properties = root_port_properties,
  .realize = root_port_realize,
  .reset = root_port_reset,
  .post_load = root_port_post_load,
  .unrealize = root_port_unrealize,
};

Device *
pci_root_port_new (Vm *vm, PciBus *bus, unsigned devfn, const char *id, unsigned slot, GError **error)
{
  RootPort *port = device_new (vm, &pci_root_port_class, id);

  g_return_val_if_fail (slot >= 1 && slot <= 8191, NULL);
  port->slot = slot;
  port->pci.bus = bus;
  port->pci.devfn = (uint8_t)devfn;
  if (device_realize (&port->pci.device, error))
    return &port->pci.device;
  device_free (&port->pci.device);
  return NULL;
}

PciBus *
pci_root_port_bus (Device *port)
{
  return ((RootPort *)port)->pci.secondary;
}
