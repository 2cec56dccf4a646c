/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The EHCI's registers (EHCI 1.0, 2), its pace, who has which port (4.2), and life.
 */
#define G_LOG_DOMAIN "usb-ehci"

#include "usb/ehci-private.h"

#include "pci/pm.h"
#include "usb/uhci.h"

#define MICROFRAME_NS 125000LL
#define FRAME_NS      1000000LL
#define EAGER         8u  /* turns without anything to do in microframes; so many more in frames, then… */
#define LONGEST       32u /* …more and more seldom, in milliseconds at most */
#define MOST_LATE     64u /* frames that are made up for */
#define REGISTERS     0x1000u
#define OPERATIONAL   0x20u
#define PORTS         0x44u

static const StateField ehci_state[] = {
  STATE_STRUCT (Ehci, pci, pci_device_state),
  STATE_TIMER (Ehci, work),
  STATE_U32 (Ehci, usbcmd),
  STATE_U32 (Ehci, usbsts),
  STATE_U32 (Ehci, usbintr),
  STATE_U32 (Ehci, periodic_base),
  STATE_U32 (Ehci, async_base),
  STATE_U32_MAX (Ehci, config_flag, 1),
  STATE_U32_MAX (Ehci, first, 0x3fff),
  STATE_U32 (Ehci, frame),
  STATE_U64 (Ehci, started),
  STATE_U32 (Ehci, quiet),
  STATE_U32_ARRAY (Ehci, portsc),
  STATE_END,
};

static void
update_line (Ehci *e)
{
  pci_device_intx (&e->pci, (e->usbsts & e->usbintr & USBSTS_CAUSES) != 0);
}

static gboolean
is_running (const Ehci *e)
{
  return !(e->usbsts & USBSTS_HALTED);
}

static int64_t
elapsed (const Ehci *e)
{
  return MAX (vm_clock_now (e->pci.device.vm->clock) - e->started, 0);
}

static uint32_t
frame_index (const Ehci *e)
{
  return (e->first + (is_running (e) ? (uint32_t)(elapsed (e) / MICROFRAME_NS) : 0)) & 0x3fff;
}

/* -- Schedules ---------------------------------------------------------------------------------------------- */

void
ehci_halt (Ehci *e)
{
  device_log (&e->pci.device, "a schedule isn't in memory; the controller stops");
  e->first = frame_index (e);
  e->usbsts = (e->usbsts & ~(uint32_t)(USBSTS_PERIODIC | USBSTS_ASYNC)) | USBSTS_HSE | USBSTS_HALTED;
  e->usbcmd &= ~(uint32_t)USBCMD_RS;
  vm_timer_cancel (&e->work);
}

/* In microframes from now on. */
static void
arm (Ehci *e, unsigned microframes)
{
  const int64_t at = e->started + MICROFRAME_NS * (elapsed (e) / MICROFRAME_NS + microframes);

  if (!vm_timer_armed (&e->work) || e->work.deadline > at)
    vm_timer_arm (&e->work, at);
}

static gboolean
has_work (const Ehci *e)
{
  return is_running (e) && ((e->usbsts & (USBSTS_PERIODIC | USBSTS_ASYNC)) || (e->usbcmd & USBCMD_DOORBELL));
}

static void
kick (Ehci *e)
{
  e->quiet = 0;
  if (has_work (e))
    arm (e, 1);
}

static unsigned
pace (unsigned quiet)
{
  if (quiet < EAGER)
    return 1;
  return quiet < 2 * EAGER ? 8 : 8 * MIN (2u << (quiet - 2 * EAGER), LONGEST);
}

static void
on_work (void *opaque)
{
  Ehci *e = opaque;
  const uint32_t now = (uint32_t)(elapsed (e) / FRAME_NS);
  gboolean moved = FALSE;

  e->turns++;
  if ((int32_t)(now - e->frame) > (int32_t)MOST_LATE)
    e->frame = now - MOST_LATE;
  for (; is_running (e) && (int32_t)(now - e->frame) >= 0; e->frame++)
    if (e->usbsts & USBSTS_PERIODIC)
      moved |= ehci_periodic (e, (e->first >> 3) + e->frame);
  if (is_running (e) && (e->usbsts & USBSTS_ASYNC))
    moved |= ehci_async (e);
  /* 4.8.2: nothing is kept from one look to the next. */
  if (e->usbcmd & USBCMD_DOORBELL)
    {
      e->usbcmd &= ~(uint32_t)USBCMD_DOORBELL;
      e->usbsts |= USBSTS_ADVANCE;
    }
  update_line (e);
  e->quiet = moved ? 0 : MIN (e->quiet + 1, 2 * EAGER + 8);
  if (has_work (e))
    arm (e, pace (e->quiet));
}

/* -- Ports: 4.2 -------------------------------------------------------------------------------------------------- */

static UsbPort *
companion_port (Ehci *e, unsigned n)
{
  return uhci_port (e->companions[n / UHCI_N_PORTS], n % UHCI_N_PORTS);
}

static gboolean
is_ours (const Ehci *e, unsigned n)
{
  return e->config_flag && !(e->portsc[n] & PORTSC_OWNER);
}

static void
update_port (Ehci *e, unsigned n)
{
  e->ports[n].enabled = (e->portsc[n] & PORTSC_PED) && !(e->portsc[n] & PORTSC_RESET);
  usb_port_suspend (&e->ports[n], (e->portsc[n] & PORTSC_SUSPEND) != 0);
}

/* The device follows its port's owner. */
static void
route (Ehci *e, unsigned n)
{
  UsbPort *own = &e->ports[n], *other = companion_port (e, n);
  UsbPort *from = is_ours (e, n) ? other : own, *to = is_ours (e, n) ? own : other;
  UsbDevice *device = from->device;

  if (device == NULL)
    return;
  usb_device_detach (device);
  usb_port_attach (to, device, NULL);
}

static void
tell_port (Ehci *e)
{
  e->usbsts |= USBSTS_PORT;
  update_line (e);
}

static void
on_attach (UsbPort *port)
{
  Ehci *e = port->opaque;
  UsbDevice *device = port->device;

  if (!is_ours (e, port->number))
    {
      port->device = NULL;
      device->port = NULL;
      usb_port_attach (companion_port (e, port->number), device, NULL);
      return;
    }
  e->portsc[port->number] &= ~(uint32_t)(PORTSC_PED | PORTSC_SUSPEND | PORTSC_RESUME | PORTSC_LINE_J);
  e->portsc[port->number] |= PORTSC_CCS | PORTSC_CSC;
  if (device->speed != USB_SPEED_HIGH)
    e->portsc[port->number] |= PORTSC_LINE_J;
  update_port (e, port->number);
  tell_port (e);
}

static void
on_detach (UsbPort *port)
{
  Ehci *e = port->opaque;
  uint32_t *portsc = &e->portsc[port->number];

  *portsc &= ~(uint32_t)(PORTSC_CCS | PORTSC_PED | PORTSC_SUSPEND | PORTSC_RESUME | PORTSC_LINE_J);
  *portsc |= PORTSC_CSC;
  port->enabled = FALSE;
  tell_port (e);
  kick (e);
}

/* A queue that had NAK is asked all the time, so it has the answer now. */
static void
on_wake (UsbPort *port, UsbDevice *device, unsigned endpoint)
{
  Ehci *e = port->opaque;

  e->quiet = 0;
  if (has_work (e))
    arm (e, 0);
}

static void
on_resume (UsbPort *port)
{
  Ehci *e = port->opaque;

  if (!(e->portsc[port->number] & PORTSC_SUSPEND))
    return;
  e->portsc[port->number] |= PORTSC_RESUME;
  tell_port (e);
}

static const UsbPortOps port_ops
    = { .attach = on_attach, .detach = on_detach, .wake = on_wake, .resume = on_resume };

/* 2.3.9 */
static void
write_port (Ehci *e, unsigned n, uint32_t value)
{
  uint32_t *portsc = &e->portsc[n];
  const uint32_t before = *portsc;
  UsbPort *port = &e->ports[n];

  *portsc &= ~(value & (PORTSC_CSC | PORTSC_PEDC | PORTSC_OCC));
  *portsc = (*portsc & ~(uint32_t)PORTSC_KEPT) | (value & PORTSC_KEPT);
  if (e->config_flag && (value ^ before) & PORTSC_OWNER)
    {
      if (value & PORTSC_OWNER)
        {
          /* It is gone from here before it comes there. */
          UsbDevice *device = port->device;

          if (device != NULL)
            usb_device_detach (device);
          *portsc |= PORTSC_OWNER;
          if (device != NULL)
            usb_port_attach (companion_port (e, n), device, NULL);
        }
      else
        {
          *portsc &= ~(uint32_t)PORTSC_OWNER;
          route (e, n);
        }
      return;
    }
  if (!(value & PORTSC_PED))
    *portsc &= ~(uint32_t)PORTSC_PED;
  if (value & PORTSC_RESET)
    *portsc = (*portsc & ~(uint32_t)(PORTSC_PED | PORTSC_SUSPEND | PORTSC_RESUME)) | PORTSC_RESET;
  else if (before & PORTSC_RESET)
    {
      *portsc &= ~(uint32_t)PORTSC_RESET;
      usb_port_reset (port);
      /* 4.2.2: one of full speed stays off, and goes to the companion. */
      if (port->device != NULL && port->device->speed == USB_SPEED_HIGH)
        *portsc |= PORTSC_PED;
    }
  if ((value & PORTSC_SUSPEND) && (*portsc & PORTSC_PED) && !(value & PORTSC_RESUME))
    *portsc |= PORTSC_SUSPEND;
  if ((value & PORTSC_RESUME) && (*portsc & PORTSC_SUSPEND))
    *portsc |= PORTSC_RESUME;
  else if (before & PORTSC_RESUME)
    *portsc &= ~(uint32_t)(PORTSC_RESUME | PORTSC_SUSPEND);
  update_port (e, n);
  kick (e);
}

/* -- Registers ---------------------------------------------------------------------------------------------------- */

static void
reset_registers (Ehci *e)
{
  vm_timer_cancel (&e->work);
  e->usbcmd = 0x00080000;
  e->usbsts = USBSTS_HALTED;
  e->usbintr = e->periodic_base = e->async_base = 0;
  e->first = e->frame = e->quiet = 0;
  e->started = 0;
  e->config_flag = 0;
  for (unsigned i = 0; i < EHCI_N_PORTS; i++)
    {
      route (e, i);
      e->portsc[i] = PORTSC_POWER | PORTSC_OWNER;
      update_port (e, i);
    }
  e->usbsts = USBSTS_HALTED;
  update_line (e);
}

static void
write_command (Ehci *e, uint32_t value)
{
  if (value & USBCMD_RESET)
    {
      reset_registers (e);
      return;
    }
  e->usbcmd = (value & 0x00ff007fu) | (e->usbcmd & USBCMD_DOORBELL);
  if ((value & USBCMD_RS) && !is_running (e))
    {
      e->usbsts &= ~(uint32_t)USBSTS_HALTED;
      e->started = vm_clock_now (e->pci.device.vm->clock);
      e->frame = 0;
    }
  else if (!(value & USBCMD_RS) && is_running (e))
    {
      e->first = frame_index (e);
      e->usbsts |= USBSTS_HALTED;
      vm_timer_cancel (&e->work);
    }
  e->usbsts &= ~(uint32_t)(USBSTS_PERIODIC | USBSTS_ASYNC);
  if (is_running (e))
    e->usbsts |= (value & USBCMD_PERIODIC ? USBSTS_PERIODIC : 0) | (value & USBCMD_ASYNC ? USBSTS_ASYNC : 0);
  kick (e);
}

static void
write_config_flag (Ehci *e, uint32_t value)
{
  if (e->config_flag == (value & 1))
    return;
  e->config_flag = value & 1;
  for (unsigned i = 0; i < EHCI_N_PORTS; i++)
    {
      e->portsc[i] = PORTSC_POWER | (e->config_flag ? 0 : PORTSC_OWNER);
      route (e, i);
      update_port (e, i);
    }
}

static void
registers_write (void *opaque, uint64_t addr, uint64_t wide, unsigned size)
{
  Ehci *e = opaque;
  const uint32_t value = (uint32_t)wide;

  if (addr < OPERATIONAL)
    return;
  switch (addr - OPERATIONAL)
    {
    case 0x00:
      write_command (e, value);
      break;
    case 0x04:
      e->usbsts &= ~(value & USBSTS_CAUSES);
      update_line (e);
      break;
    case 0x08:
      e->usbintr = value & USBSTS_CAUSES;
      update_line (e);
      break;
    case 0x0c:
      if (!is_running (e))
        e->first = value & 0x3fff;
      break;
    case 0x14:
      e->periodic_base = value & ~0xfffu;
      break;
    case 0x18:
      e->async_base = value & ~0x1fu;
      break;
    case 0x40:
      write_config_flag (e, value);
      break;
    case PORTS ... PORTS + 4 * (EHCI_N_PORTS - 1):
      write_port (e, (unsigned)(addr - OPERATIONAL - PORTS) / 4, value);
      break;
    default:
      break;
    }
}

static uint64_t
registers_read (void *opaque, uint64_t addr, unsigned size)
{
  Ehci *e = opaque;

  switch (addr)
    {
    case 0x00:
      return 0x01000000u | OPERATIONAL;
    case 0x04: /* companions, their ports, ours */
      return EHCI_N_COMPANIONS << 12 | UHCI_N_PORTS << 8 | EHCI_N_PORTS;
    case 0x08: /* the frame list's size can be chosen; 32 bits of address */
      return 2;
    case OPERATIONAL + 0x00:
      return e->usbcmd;
    case OPERATIONAL + 0x04:
      return e->usbsts;
    case OPERATIONAL + 0x08:
      return e->usbintr;
    case OPERATIONAL + 0x0c:
      return frame_index (e);
    case OPERATIONAL + 0x14:
      return e->periodic_base;
    case OPERATIONAL + 0x18:
      return e->async_base;
    case OPERATIONAL + 0x40:
      return e->config_flag;
    case OPERATIONAL + PORTS... OPERATIONAL + PORTS + 4 * (EHCI_N_PORTS - 1):
      return e->portsc[(addr - OPERATIONAL - PORTS) / 4];
    default:
      return 0;
    }
}

static const IoOps registers_ops
    = { .read = registers_read, .write = registers_write, .impl_min = 4, .impl_max = 4 };

/* -- Life ------------------------------------------------------------------------------------------------------------ */

static void
ehci_reset (Device *device)
{
  Ehci *e = (Ehci *)device;

  pci_device_reset (&e->pci);
  reset_registers (e);
}

static void
ehci_resume (Device *device)
{
  kick ((Ehci *)device);
}

static gboolean
ehci_post_load (Device *device, GError **error)
{
  Ehci *e = (Ehci *)device;

  e->periodic_base &= ~0xfffu;
  e->async_base &= ~0x1fu;
  e->started = CLAMP (e->started, 0, vm_clock_now (device->vm->clock));
  if (e->frame > elapsed (e) / FRAME_NS + 1)
    e->frame = (uint32_t)(elapsed (e) / FRAME_NS);
  for (unsigned i = 0; i < EHCI_N_PORTS; i++)
    {
      UsbPort *own = &e->ports[i], *other = companion_port (e, i);

      /* Neither hears of it: what they have to say of it was in the file. */
      usb_port_move (is_ours (e, i) ? other : own, is_ours (e, i) ? own : other);
      update_port (e, i);
    }
  return pci_device_post_load (&e->pci, error);
}

static gboolean
ehci_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x8086,
                                        .device = 0x293a, /* 82801I */
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem = 0x1100,
                                        .class_code = 0x0c0320,
                                        .revision = 3,
                                        .interrupt_pin = 4 };
  Ehci *e = (Ehci *)device;

  if (!pci_device_init (&e->pci, e->pci.bus, e->pci.devfn, &identity, error))
    return FALSE;
  e->pci.config[0x60] = 0x20; /* release of USB: 2.1.4 */
  e->pci.config[0x61] = e->pci.reset_config[0x61] = 0x20;
  e->pci.write_mask[0x61] = 0x3f; /* length of a frame */
  e->registers = region_new_io ("usb-ehci", REGISTERS, &registers_ops, e);
  pci_device_add_bar (&e->pci, 0, e->registers, PCI_BAR_MEMORY32);
  vm_timer_init (&e->work, device->vm->clock, on_work, e);
  for (unsigned i = 0; i < EHCI_N_PORTS; i++)
    e->ports[i] = (UsbPort){ .ops = &port_ops,
                             .opaque = e,
                             .number = i,
                             .speeds = 1u << USB_SPEED_LOW | 1u << USB_SPEED_FULL | 1u << USB_SPEED_HIGH };
  reset_registers (e);
  return TRUE;
}

static void
ehci_unrealize (Device *device)
{
  Ehci *e = (Ehci *)device;

  for (unsigned i = 0; i < EHCI_N_PORTS; i++)
    if (e->ports[i].device != NULL)
      usb_device_detach (e->ports[i].device);
  vm_timer_cancel (&e->work);
  pci_device_exit (&e->pci);
  region_unref (e->registers);
}

static const DeviceClass ehci_class = {
  .name = "usb-ehci",
  .instance_size = sizeof (Ehci),
  .state = ehci_state,
  .realize = ehci_realize,
  .reset = ehci_reset,
  .resume = ehci_resume,
  .post_load = ehci_post_load,
  .unrealize = ehci_unrealize,
};

Device *
ehci_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, Device *const companions[EHCI_N_COMPANIONS],
          GError **error)
{
  Ehci *e = device_new (vm, &ehci_class, id);

  e->pci.bus = bus;
  e->pci.devfn = (uint8_t)devfn;
  for (unsigned i = 0; i < EHCI_N_COMPANIONS; i++)
    e->companions[i] = companions[i];
  if (device_realize (&e->pci.device, error))
    return &e->pci.device;
  device_free (&e->pci.device);
  return NULL;
}

UsbPort *
ehci_free_port (Device *device)
{
  Ehci *e = (Ehci *)device;

  for (unsigned i = 0; i < EHCI_N_PORTS; i++)
    if (e->ports[i].device == NULL && companion_port (e, i)->device == NULL)
      return &e->ports[i];
  return NULL;
}

uint64_t
ehci_turns (const Device *device)
{
  return ((const Ehci *)device)->turns;
}
