/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Root ports: 4.19, 5.4.8.  Each of ours is two of the guest's, one for devices of up to high speed, one for those of super speed.
 */
#define G_LOG_DOMAIN "usb-xhci"

#include "usb/xhci-private.h"

static unsigned
reg_of (const UsbPort *port)
{
  return port->number + (port->device != NULL && port->device->speed == USB_SPEED_SUPER ? XHCI_N_PORTS : 0);
}

static gboolean
is_super (unsigned reg)
{
  return reg >= XHCI_N_PORTS;
}

/* The device in the port that this register speaks of. */
static UsbPort *
port_of (Xhci *x, unsigned reg)
{
  UsbPort *port = &x->ports[reg % XHCI_N_PORTS];

  return port->device != NULL && reg_of (port) == reg ? port : NULL;
}

void
xhci_ports_update (Xhci *x)
{
  for (unsigned i = 0; i < XHCI_N_PORTS; i++)
    x->ports[i].enabled = x->ports[i].device != NULL && (x->portsc[reg_of (&x->ports[i])] & PORTSC_PED) != 0;
}

static unsigned
link_state (const Xhci *x, unsigned reg)
{
  return (x->portsc[reg] & PORTSC_PLS) >> PORTSC_PLS_SHIFT;
}

static void
set_link_state (Xhci *x, unsigned reg, unsigned state)
{
  x->portsc[reg] = (x->portsc[reg] & ~PORTSC_PLS) | state << PORTSC_PLS_SHIFT;
}

/* 4.19.2: an event when the first of the changes comes. */
static void
changed (Xhci *x, unsigned reg, uint32_t changes)
{
  const gboolean known = (x->portsc[reg] & changes) == changes;
  const XhciEvent event = { .parameter = (reg + 1) << 24,
                            .status = (uint32_t)CC_SUCCESS << 24,
                            .control = (uint32_t)TRB_EVENT_PORT << TRB_TYPE_SHIFT };

  x->portsc[reg] |= changes;
  if (known || !xhci_running (x))
    return;
  x->usbsts |= USBSTS_PCD;
  xhci_event (x, 0, &event, FALSE);
}

/* As it is when power comes, or a device does. */
static void
settle (Xhci *x, unsigned reg)
{
  static const uint8_t speeds[USB_N_SPEEDS]
      = { [USB_SPEED_LOW] = 2, [USB_SPEED_FULL] = 1, [USB_SPEED_HIGH] = 3, [USB_SPEED_SUPER] = 4 };
  UsbPort *port = port_of (x, reg);

  x->portsc[reg] = PORTSC_PP | (x->portsc[reg] & (PORTSC_CHANGES | PORTSC_WAKES | PORTSC_PIC));
  if (port == NULL)
    {
      set_link_state (x, reg, PLS_RX_DETECT);
      return;
    }
  x->portsc[reg] |= PORTSC_CCS | (uint32_t)speeds[port->device->speed] << PORTSC_SPEED;
  set_link_state (x, reg, is_super (reg) ? PLS_U0 : PLS_POLLING);
  if (is_super (reg)) /* its link trains by itself */
    x->portsc[reg] |= PORTSC_PED;
}

void
xhci_ports_reset (Xhci *x)
{
  for (unsigned reg = 0; reg < XHCI_N_REGS; reg++)
    {
      x->portsc[reg] = 0;
      settle (x, reg);
      if (port_of (x, reg) != NULL)
        {
          usb_port_reset (port_of (x, reg));
          x->portsc[reg] |= PORTSC_CSC;
        }
    }
  xhci_ports_update (x);
}

/* 4.19.5 */
static void
reset_port (Xhci *x, unsigned reg, gboolean warm)
{
  UsbPort *port = port_of (x, reg);

  if (port == NULL)
    return;
  usb_port_reset (port);
  x->portsc[reg] |= PORTSC_PED;
  set_link_state (x, reg, PLS_U0);
  xhci_ports_update (x);
  changed (x, reg, PORTSC_PRC | (warm ? PORTSC_WRC : 0));
}

/* 4.15 */
static void
write_link_state (Xhci *x, unsigned reg, unsigned state)
{
  const unsigned before = link_state (x, reg);
  UsbPort *port = port_of (x, reg);

  if (port == NULL || !(x->portsc[reg] & PORTSC_PED))
    return;
  switch (state)
    {
    case PLS_U0:
      usb_port_suspend (port, FALSE);
      set_link_state (x, reg, PLS_U0);
      if (before == PLS_U3 || before == PLS_RESUME)
        changed (x, reg, PORTSC_PLC);
      break;
    case PLS_U3:
      set_link_state (x, reg, PLS_U3);
      usb_port_suspend (port, TRUE);
      break;
    case PLS_RESUME:
      if (before == PLS_U3 && !is_super (reg))
        set_link_state (x, reg, PLS_RESUME);
      break;
    default:
      break;
    }
}

void
xhci_port_write (Xhci *x, unsigned reg, uint32_t value)
{
  uint32_t *portsc = &x->portsc[reg];

  *portsc &= ~(value & PORTSC_CHANGES);
  *portsc = (*portsc & ~(PORTSC_WAKES | PORTSC_PIC)) | (value & (PORTSC_WAKES | PORTSC_PIC));
  if (is_super (reg) && (value & PORTSC_WPR))
    {
      reset_port (x, reg, TRUE);
      return;
    }
  if (value & PORTSC_PR)
    {
      reset_port (x, reg, FALSE);
      return;
    }
  if (value & PORTSC_PED & *portsc)
    {
      *portsc &= ~PORTSC_PED;
      xhci_ports_update (x);
    }
  if (value & PORTSC_LWS)
    write_link_state (x, reg, (value & PORTSC_PLS) >> PORTSC_PLS_SHIFT);
}

/* -- What devices do ------------------------------------------------------------------------------------- */

static void
on_attach (UsbPort *port)
{
  Xhci *x = port->opaque;
  const unsigned reg = reg_of (port);

  settle (x, reg);
  xhci_ports_update (x);
  changed (x, reg, PORTSC_CSC);
}

/* Whatever it was asked for fails now. */
static void
on_detach (UsbPort *port)
{
  Xhci *x = port->opaque;
  const unsigned reg = reg_of (port);

  for (unsigned i = 0; i < XHCI_SLOTS; i++)
    if (x->slots[i].enabled && x->slots[i].port == reg)
      x->slots[i].pending = ~1u;
  xhci_kick (x);
  x->portsc[reg] &= ~(PORTSC_CCS | PORTSC_PED | PORTSC_PLS | 0xfu << PORTSC_SPEED);
  set_link_state (x, reg, PLS_RX_DETECT);
  port->enabled = FALSE;
  changed (x, reg, PORTSC_CSC);
}

static void
on_wake (UsbPort *port, UsbDevice *device, unsigned endpoint)
{
  Xhci *x = port->opaque;
  const unsigned dci = 2 * (endpoint & 0xf) + (endpoint & USB_DIR_IN ? 1 : 0);

  for (unsigned i = 0; i < XHCI_SLOTS && dci > 0; i++)
    {
      XhciSlot *slot = &x->slots[i];

      if (!slot->enabled || slot->endpoints[dci - 1].state != EP_RUNNING
          || xhci_slot_device (x, slot) != device)
        continue;
      slot->pending |= 1u << dci;
      xhci_kick (x);
    }
}

static void
on_resume (UsbPort *port)
{
  Xhci *x = port->opaque;
  const unsigned reg = reg_of (port);

  if (link_state (x, reg) != PLS_U3)
    return;
  set_link_state (x, reg, is_super (reg) ? PLS_U0 : PLS_RESUME);
  if (is_super (reg))
    usb_port_suspend (port, FALSE);
  changed (x, reg, PORTSC_PLC);
}

const UsbPortOps xhci_port_ops
    = { .attach = on_attach, .detach = on_detach, .wake = on_wake, .resume = on_resume };
