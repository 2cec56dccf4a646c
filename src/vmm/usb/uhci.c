/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The UHCI's registers (design guide, 2), its pace, ports and life.
 */
#define G_LOG_DOMAIN "usb-uhci"

#include "usb/uhci-private.h"

#define FRAME_NS  1000000LL
#define BUSY      8u  /* turns without anything to do after which it is looked at more seldom… */
#define LONGEST   32u /* …in milliseconds */
#define MOST_LATE 64u /* frames that are made up for */
#define REGISTERS 0x20u

static const StateField uhci_state[] = {
  STATE_STRUCT (Uhci, pci, pci_device_state),
  STATE_TIMER (Uhci, work),
  STATE_U16 (Uhci, usbcmd),
  STATE_U16 (Uhci, usbsts),
  STATE_U16 (Uhci, usbintr),
  STATE_U8_MAX (Uhci, causes, 3),
  STATE_U8 (Uhci, sofmod),
  STATE_U32 (Uhci, frame_base),
  STATE_U32 (Uhci, frame),
  STATE_U32_MAX (Uhci, first, 0x7ff),
  STATE_U64 (Uhci, started),
  STATE_U32 (Uhci, quiet),
  STATE_U16_ARRAY (Uhci, portsc),
  STATE_END,
};

/* 2.1.2, 2.1.3 */
void
uhci_update_line (Uhci *u)
{
  const gboolean level = ((u->causes & 1) && (u->usbintr & USBINTR_IOC))
                         || ((u->causes & 2) && (u->usbintr & USBINTR_SHORT))
                         || ((u->usbsts & USBSTS_ERROR) && (u->usbintr & USBINTR_ERROR))
                         || ((u->usbsts & USBSTS_RESUME) && (u->usbintr & USBINTR_RESUME))
                         || (u->usbsts & (USBSTS_HSE | USBSTS_HCPE));

  pci_device_intx (&u->pci, level);
}

/* -- Frames ------------------------------------------------------------------------------------------------ */

/* Frames that have begun since it started. */
static uint32_t
now_frame (const Uhci *u)
{
  const int64_t elapsed = vm_clock_now (u->pci.device.vm->clock) - u->started;

  return elapsed > 0 ? (uint32_t)(elapsed / FRAME_NS) : 0;
}

static gboolean
is_running (const Uhci *u)
{
  return !(u->usbsts & USBSTS_HALTED);
}

void
uhci_halt (Uhci *u, unsigned status)
{
  device_log (&u->pci.device, "%s; the controller stops",
              status & USBSTS_HSE ? "the schedule isn't in memory" : "a transfer descriptor makes no sense");
  u->first = (u->first + now_frame (u)) & 0x7ff;
  u->usbsts |= (uint16_t)(status | USBSTS_HALTED);
  u->usbcmd &= (uint16_t)~USBCMD_RS;
  vm_timer_cancel (&u->work);
}

static void
arm (Uhci *u, unsigned frames)
{
  const int64_t at = u->started + FRAME_NS * ((int64_t)now_frame (u) + frames);

  if (!vm_timer_armed (&u->work) || u->work.deadline > at)
    vm_timer_arm (&u->work, at);
}

/* Something may have come. */
static void
kick (Uhci *u)
{
  u->quiet = 0;
  if (is_running (u))
    arm (u, 1);
}

static void
on_work (void *opaque)
{
  Uhci *u = opaque;
  const uint32_t now = now_frame (u);
  gboolean moved = FALSE;

  u->turns++;
  if ((int32_t)(now - u->frame) > (int32_t)MOST_LATE)
    u->frame = now - MOST_LATE;
  while (is_running (u) && (int32_t)(now - u->frame) >= 0)
    moved |= uhci_frame (u, u->first + u->frame++);
  uhci_update_line (u);
  if (!is_running (u))
    return;
  u->quiet = moved ? 0 : MIN (u->quiet + 1, BUSY + 8);
  arm (u, u->quiet < BUSY ? 1 : MIN (2u << (u->quiet - BUSY), LONGEST));
}

/* -- Ports ---------------------------------------------------------------------------------------------------- */

static void
update_port (Uhci *u, unsigned n)
{
  UsbPort *port = &u->ports[n];

  port->enabled = (u->portsc[n] & PORT_ENABLED) && !(u->portsc[n] & PORT_RESET);
  usb_port_suspend (port, (u->portsc[n] & PORT_SUSPEND) || (u->usbcmd & USBCMD_EGSM));
}

static void
tell_resume (Uhci *u)
{
  u->usbsts |= USBSTS_RESUME;
  uhci_update_line (u);
}

static void
on_attach (UsbPort *port)
{
  Uhci *u = port->opaque;

  u->portsc[port->number] &= (uint16_t) ~(PORT_ENABLED | PORT_SUSPEND | PORT_LOW_SPEED | PORT_RESUME);
  u->portsc[port->number] |= PORT_CCS | PORT_CSC;
  if (port->device->speed == USB_SPEED_LOW)
    u->portsc[port->number] |= PORT_LOW_SPEED;
  update_port (u, port->number);
  if (u->usbcmd & USBCMD_EGSM)
    tell_resume (u);
}

static void
on_detach (UsbPort *port)
{
  Uhci *u = port->opaque;
  uint16_t *portsc = &u->portsc[port->number];

  if (*portsc & PORT_ENABLED)
    *portsc |= PORT_PEC;
  *portsc &= (uint16_t) ~(PORT_CCS | PORT_ENABLED | PORT_SUSPEND | PORT_LOW_SPEED | PORT_RESUME);
  *portsc |= PORT_CSC;
  port->enabled = FALSE;
  if (u->usbcmd & USBCMD_EGSM)
    tell_resume (u);
  kick (u);
}

static void
on_wake (UsbPort *port, UsbDevice *device, unsigned endpoint)
{
  kick (port->opaque);
}

static void
on_resume (UsbPort *port)
{
  Uhci *u = port->opaque;

  if (!(u->portsc[port->number] & PORT_ENABLED))
    return;
  u->portsc[port->number] |= PORT_RESUME;
  tell_resume (u);
}

static const UsbPortOps port_ops
    = { .attach = on_attach, .detach = on_detach, .wake = on_wake, .resume = on_resume };

/* 2.1.7 */
static void
write_port (Uhci *u, unsigned n, unsigned value)
{
  const unsigned kept = PORT_ENABLED | PORT_RESUME | PORT_RESET | PORT_SUSPEND;
  uint16_t *portsc = &u->portsc[n];
  const unsigned before = *portsc;

  *portsc &= (uint16_t) ~(value & (PORT_CSC | PORT_PEC));
  if (u->ports[n].device == NULL)
    value &= ~(unsigned)(PORT_ENABLED | PORT_SUSPEND | PORT_RESUME);
  *portsc = (uint16_t)((*portsc & ~kept) | (value & kept));
  if ((before & PORT_RESET) && !(value & PORT_RESET))
    usb_port_reset (&u->ports[n]);
  if (value & PORT_RESET)
    *portsc &= (uint16_t) ~(PORT_ENABLED | PORT_SUSPEND | PORT_RESUME);
  /* The end of resume signalling is the end of the suspension. */
  if ((before & PORT_RESUME) && !(value & PORT_RESUME))
    *portsc &= (uint16_t)~PORT_SUSPEND;
  update_port (u, n);
  kick (u);
}

static unsigned
read_port (const Uhci *u, unsigned n)
{
  const UsbPort *port = &u->ports[n];
  unsigned lines = 0;

  /* D+ of a full speed device is up, D- of a slow one. */
  if (port->device != NULL)
    lines = port->device->speed == USB_SPEED_LOW ? 2u << 4 : 1u << 4;
  return (u->portsc[n] & ~(unsigned)PORT_LINES) | lines | PORT_ONE;
}

/* -- Registers ---------------------------------------------------------------------------------------------------- */

static void
reset_ports (Uhci *u)
{
  for (unsigned i = 0; i < UHCI_N_PORTS; i++)
    {
      u->portsc[i] = 0;
      usb_port_reset (&u->ports[i]);
      if (u->ports[i].device != NULL)
        on_attach (&u->ports[i]);
      update_port (u, i);
    }
}

static void
reset_registers (Uhci *u)
{
  vm_timer_cancel (&u->work);
  u->usbcmd = u->usbintr = 0;
  u->usbsts = USBSTS_HALTED;
  u->causes = 0;
  u->sofmod = 64;
  u->frame_base = u->frame = u->first = u->quiet = 0;
  u->started = 0;
  reset_ports (u);
  uhci_update_line (u);
}

/* 2.1.1 */
static void
write_command (Uhci *u, unsigned value)
{
  const unsigned before = u->usbcmd;

  if (value & USBCMD_HCRESET)
    {
      reset_registers (u);
      return;
    }
  if ((before & USBCMD_GRESET) && !(value & USBCMD_GRESET))
    reset_ports (u);
  u->usbcmd = value & 0xff;
  if ((value & USBCMD_RS) && !is_running (u))
    {
      u->usbsts &= (uint16_t)~USBSTS_HALTED;
      u->started = vm_clock_now (u->pci.device.vm->clock);
      u->frame = 0;
      kick (u);
    }
  else if (!(value & USBCMD_RS) && is_running (u))
    {
      u->first = (u->first + now_frame (u)) & 0x7ff;
      u->usbsts |= USBSTS_HALTED;
      vm_timer_cancel (&u->work);
    }
  if ((before ^ value) & USBCMD_EGSM)
    for (unsigned i = 0; i < UHCI_N_PORTS; i++)
      update_port (u, i);
  uhci_update_line (u);
}

static void
registers_write (void *opaque, uint64_t addr, uint64_t wide, unsigned size)
{
  Uhci *u = opaque;
  const unsigned value = (unsigned)wide;

  switch (addr)
    {
    case 0x00:
      write_command (u, value);
      break;
    case 0x02:
      u->usbsts &= (uint16_t) ~(value & 0x1f);
      if (value & USBSTS_USBINT)
        u->causes = 0;
      uhci_update_line (u);
      break;
    case 0x04:
      u->usbintr = value & 0xf;
      uhci_update_line (u);
      break;
    case 0x06:
      if (!is_running (u))
        u->first = value & 0x7ff;
      break;
    case 0x08:
      u->frame_base = (u->frame_base & 0xffff0000u) | (value & 0xf000);
      break;
    case 0x0a:
      u->frame_base = (u->frame_base & 0xffffu) | value << 16;
      break;
    case 0x0c:
      u->sofmod = value & 0x7f;
      break;
    case 0x10:
    case 0x12:
      write_port (u, (unsigned)(addr - 0x10) / 2, value);
      break;
    default:
      break;
    }
}

static uint64_t
registers_read (void *opaque, uint64_t addr, unsigned size)
{
  Uhci *u = opaque;

  switch (addr)
    {
    case 0x00:
      return u->usbcmd;
    case 0x02:
      return u->usbsts;
    case 0x04:
      return u->usbintr;
    case 0x06:
      return (u->first + (is_running (u) ? now_frame (u) : 0)) & 0x7ff;
    case 0x08:
      return u->frame_base & 0xffff;
    case 0x0a:
      return u->frame_base >> 16;
    case 0x0c:
      return u->sofmod;
    case 0x10:
    case 0x12:
      return read_port (u, (unsigned)(addr - 0x10) / 2);
    default: /* no more ports: bit 7 is not set */
      return 0;
    }
}

static const IoOps registers_ops
    = { .read = registers_read, .write = registers_write, .impl_min = 2, .impl_max = 2 };

/* -- Life ------------------------------------------------------------------------------------------------------------ */

static void
uhci_reset (Device *device)
{
  Uhci *u = (Uhci *)device;

  pci_device_reset (&u->pci);
  reset_registers (u);
}

static void
uhci_resume (Device *device)
{
  kick ((Uhci *)device);
}

static gboolean
uhci_post_load (Device *device, GError **error)
{
  Uhci *u = (Uhci *)device;

  u->frame_base &= ~0xfffu;
  /* A frame that is to come can't be long ago, nor in the future. */
  u->started = CLAMP (u->started, 0, vm_clock_now (device->vm->clock));
  if (u->frame > now_frame (u) + 1)
    u->frame = now_frame (u);
  for (unsigned i = 0; i < UHCI_N_PORTS; i++)
    update_port (u, i);
  return pci_device_post_load (&u->pci, error);
}

static gboolean
uhci_realize (Device *device, GError **error)
{
  static const struct
  {
    uint16_t device;
    uint8_t pin;
  } models[] = { [UHCI_PIIX3] = { 0x7020, 4 },
                 [UHCI_ICH9_1] = { 0x2934, 1 },
                 [UHCI_ICH9_2] = { 0x2935, 2 },
                 [UHCI_ICH9_3] = { 0x2936, 3 } };
  Uhci *u = (Uhci *)device;
  const PciIdentity identity = { .vendor = 0x8086,
                                 .device = models[u->model].device,
                                 .subsystem_vendor = 0x1af4,
                                 .subsystem = 0x1100,
                                 .class_code = 0x0c0300,
                                 .revision = u->model == UHCI_PIIX3 ? 1 : 3,
                                 .interrupt_pin = u->model == UHCI_PIIX3 ? 1 : models[u->model].pin };

  if (!pci_device_init (&u->pci, u->pci.bus, u->pci.devfn, &identity, error))
    return FALSE;
  if (u->model == UHCI_ICH9_1) /* the others, and the EHCI, are functions of the same slot */
    u->pci.config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
  u->pci.config[0x60] = 0x10; /* release of USB: 2.2.3 */
  /* 5.2.1: keyboard emulation that there isn't; what the guest writes there stays. */
  pci_set16 (u->pci.reset_config + 0xc0, 0x2000);
  pci_set16 (u->pci.config + 0xc0, 0x2000);
  pci_set16 (u->pci.write_mask + 0xc0, 0x20ff);
  u->registers = region_new_io ("usb-uhci", REGISTERS, &registers_ops, u);
  pci_device_add_bar (&u->pci, 4, u->registers, PCI_BAR_IO);
  vm_timer_init (&u->work, device->vm->clock, on_work, u);
  for (unsigned i = 0; i < UHCI_N_PORTS; i++)
    u->ports[i] = (UsbPort){
      .ops = &port_ops, .opaque = u, .number = i, .speeds = 1u << USB_SPEED_LOW | 1u << USB_SPEED_FULL
    };
  reset_registers (u);
  return TRUE;
}

static void
uhci_unrealize (Device *device)
{
  Uhci *u = (Uhci *)device;

  for (unsigned i = 0; i < UHCI_N_PORTS; i++)
    if (u->ports[i].device != NULL)
      usb_device_detach (u->ports[i].device);
  vm_timer_cancel (&u->work);
  pci_device_exit (&u->pci);
  region_unref (u->registers);
}

static const DeviceClass uhci_class = {
  .name = "usb-uhci",
  .instance_size = sizeof (Uhci),
  .state = uhci_state,
  .realize = uhci_realize,
  .reset = uhci_reset,
  .resume = uhci_resume,
  .post_load = uhci_post_load,
  .unrealize = uhci_unrealize,
};

Device *
uhci_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, UhciModel model, GError **error)
{
  Uhci *u = device_new (vm, &uhci_class, id);

  u->pci.bus = bus;
  u->pci.devfn = (uint8_t)devfn;
  u->model = model;
  if (device_realize (&u->pci.device, error))
    return &u->pci.device;
  device_free (&u->pci.device);
  return NULL;
}

UsbPort *
uhci_port (Device *device, unsigned n)
{
  return n < UHCI_N_PORTS ? &((Uhci *)device)->ports[n] : NULL;
}

uint64_t
uhci_turns (const Device *device)
{
  return ((const Uhci *)device)->turns;
}
