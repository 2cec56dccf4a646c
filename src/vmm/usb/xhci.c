/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The xHCI's registers and life.  5.3 (capabilities), 5.4 (operational), 5.5 (runtime), 5.6 (doorbells).
 */
#define G_LOG_DOMAIN "usb-xhci"

#include "usb/xhci-private.h"

#include "pci/express.h"
#include "pci/msix.h"
#include "pci/pm.h"

#include <gio/gio.h>
#include <string.h>

#define STEPS_A_TURN    32u
#define COMMANDS_A_TURN (STEPS_A_TURN / 2)
#define MFINDEX_NS      125000

/* -- State ------------------------------------------------------------------------------------------------ */

static const StateField interrupter_state[] = {
  STATE_U32_MAX (XhciInterrupter, iman, 3),
  STATE_U32 (XhciInterrupter, imod),
  STATE_U32_MAX (XhciInterrupter, erstsz, 0xffff),
  STATE_U64 (XhciInterrupter, erstba),
  STATE_U64 (XhciInterrupter, erdp),
  STATE_U64 (XhciInterrupter, ring),
  STATE_U32_MAX (XhciInterrupter, ring_size, 4096),
  STATE_U32_MAX (XhciInterrupter, enqueue, 4095),
  STATE_U8_MAX (XhciInterrupter, cycle, 1),
  STATE_U8_MAX (XhciInterrupter, full, 1),
  STATE_U32_MAX (XhciInterrupter, first, XHCI_QUEUE - 1),
  STATE_U32_MAX (XhciInterrupter, n, XHCI_QUEUE),
  STATE_U64_ARRAY (XhciInterrupter, queue),
  STATE_END,
};

static const StateField endpoint_state[] = {
  STATE_U8_MAX (XhciEndpoint, state, EP_ERROR),
  STATE_U8_MAX (XhciEndpoint, type, 7),
  STATE_U8_MAX (XhciEndpoint, cycle, 1),
  STATE_U8 (XhciEndpoint, pid),
  STATE_U8_MAX (XhciEndpoint, in_td, 1),
  STATE_U8_MAX (XhciEndpoint, parked, 1),
  STATE_U16 (XhciEndpoint, max_packet),
  STATE_U32_MAX (XhciEndpoint, offset, TRB_LENGTH),
  STATE_U32 (XhciEndpoint, moved),
  STATE_U64 (XhciEndpoint, dequeue),
  STATE_ADDED,
  STATE_U8_MAX (XhciEndpoint, streams, XHCI_STREAMS),
  STATE_U8 (XhciEndpoint, stream),
  STATE_U16 (XhciEndpoint, ready),
  STATE_U64 (XhciEndpoint, stream_contexts),
  STATE_END,
};

static const StateField slot_state[] = {
  STATE_BOOL (XhciSlot, enabled),
  STATE_U8_MAX (XhciSlot, state, SLOT_CONFIGURED),
  STATE_U8_MAX (XhciSlot, port, XHCI_N_REGS - 1),
  STATE_U32 (XhciSlot, route),
  STATE_U64 (XhciSlot, context),
  STATE_U32 (XhciSlot, pending),
  STATE_STRUCTS (XhciSlot, endpoints, XhciEndpoint, endpoint_state),
  STATE_END,
};

static const StateField xhci_state[] = {
  STATE_STRUCT (Xhci, pci, pci_device_state),
  STATE_TIMER (Xhci, work),
  STATE_U32 (Xhci, usbcmd),
  STATE_U32 (Xhci, usbsts),
  STATE_U32 (Xhci, dnctrl),
  STATE_U32 (Xhci, config),
  STATE_U64 (Xhci, dcbaap),
  STATE_U64 (Xhci, crcr),
  STATE_U64 (Xhci, command_dequeue),
  STATE_U8_MAX (Xhci, command_cycle, 1),
  STATE_U8_MAX (Xhci, command_running, 1),
  STATE_U8_MAX (Xhci, commands_waiting, 1),
  STATE_U32_ARRAY (Xhci, portsc),
  STATE_STRUCTS (Xhci, interrupters, XhciInterrupter, interrupter_state),
  STATE_STRUCTS (Xhci, slots, XhciSlot, slot_state),
  STATE_END,
};

/* -- Work: device loop -------------------------------------------------------------------------------------- */

void
xhci_kick (Xhci *x)
{
  if (xhci_running (x) && !vm_timer_armed (&x->work))
    vm_timer_arm (&x->work, vm_clock_now (x->pci.device.vm->clock));
}

void
xhci_die (Xhci *x, const char *what)
{
  device_log (&x->pci.device, "%s isn't in memory; the controller stands still", what);
  x->usbsts |= USBSTS_HSE | USBSTS_HALTED;
  x->usbcmd &= ~(uint32_t)USBCMD_RUN;
  x->command_running = FALSE;
}

gboolean
xhci_read_trb (Xhci *x, uint64_t address, XhciTrb *trb)
{
  uint8_t bytes[XHCI_TRB_SIZE];

  if (!dma_read (&x->pci.dma, address, bytes, sizeof bytes))
    return FALSE;
  trb->address = address;
  trb->parameter = pci_get32 (bytes) | (uint64_t)pci_get32 (bytes + 4) << 32;
  trb->status = pci_get32 (bytes + 8);
  trb->control = pci_get32 (bytes + 12);
  return TRUE;
}

/* 8.9: four bits a hub on the way. */
UsbDevice *
xhci_slot_device (Xhci *x, const XhciSlot *slot)
{
  UsbPort *port = &x->ports[slot->port % XHCI_N_PORTS];
  uint32_t route = slot->route;
  UsbDevice *device = NULL;

  for (unsigned depth = 0; depth <= USB_MAX_DEPTH; depth++)
    {
      device = port->enabled ? port->device : NULL;
      if (device == NULL
          || (depth == 0 && (device->speed == USB_SPEED_SUPER) != (slot->port >= XHCI_N_PORTS)))
        return NULL;
      if ((route & 0xf) == 0)
        return device;
      port = device->model->port != NULL ? device->model->port (device, (route & 0xf) - 1) : NULL;
      if (port == NULL)
        return NULL;
      route >>= 4;
    }
  return NULL;
}

/* `x->turn` is the first endpoint from there on that has something to look at: the rest of its slot, the others, and its slot from the beginning.  FALSE: none has. */
static gboolean
find_pending (Xhci *x)
{
  for (unsigned i = 0; i <= XHCI_SLOTS; i++)
    {
      const unsigned slot = (x->turn / 32 + i) % XHCI_SLOTS;
      const uint32_t pending = x->slots[slot].pending & (i == 0 ? ~0u << x->turn % 32 : ~0u);

      if (pending != 0)
        {
          x->turn = slot * 32 + (unsigned)g_bit_nth_lsf (pending, -1);
          return TRUE;
        }
    }
  return FALSE;
}

static void
step (Xhci *x, unsigned slot, unsigned dci)
{
  x->slots[slot].pending &= ~(1u << dci);
  if (dci != 0 && xhci_transfer (x, slot, dci) == XHCI_STEP_MORE)
    x->slots[slot].pending |= 1u << dci;
}

/* A bounded piece of what there is.  Each endpoint that has something gets a step before another gets its second, and commands leave half of them. */
static void
on_work (void *opaque)
{
  Xhci *x = opaque;
  unsigned steps = 0;

  x->turns++;
  for (; steps < COMMANDS_A_TURN && xhci_running (x) && x->commands_waiting && !xhci_gated (x); steps++)
    x->commands_waiting = xhci_command (x);
  for (; steps < STEPS_A_TURN && xhci_running (x) && !xhci_gated (x) && find_pending (x); steps++)
    {
      const unsigned slot = x->turn / 32, dci = x->turn % 32;

      x->turn = (x->turn + 1) % (32 * XHCI_SLOTS);
      step (x, slot, dci);
    }
  if ((x->commands_waiting || find_pending (x)) && !xhci_gated (x))
    xhci_kick (x);
}

/* -- Registers ---------------------------------------------------------------------------------------------- */

/* 7.2: which ports are for which protocol. */
static uint32_t
read_protocol (unsigned offset)
{
  const gboolean three = offset >= 0x30;

  switch (offset & 0xf)
    {
    case 0x0:
      return three ? 0x03000002u : 0x02000402u;
    case 0x4:
      return 0x20425355u; /* "USB " */
    case 0x8:
      return XHCI_N_PORTS << 8 | (three ? 1 + XHCI_N_PORTS : 1);
    default:
      return 0;
    }
}

static uint32_t
read_capability (unsigned offset)
{
  switch (offset)
    {
    case 0x00:
      return 0x01000000u | XHCI_OPERATIONAL; /* version 1.0 */
    case 0x04:
      return XHCI_SLOTS | XHCI_INTERRUPTERS << 8 | XHCI_N_REGS << 24;
    case 0x08:
      return 0xf; /* scheduling threshold; one segment an event ring; no scratch pages */
    case 0x10:
      /* Extended capabilities; streams, of one level; 64 bits of address, contexts of 32 bytes. */
      return 0x20u / 4 << 16 | XHCI_STREAMS << 12 | 1u << 7 | 1;
    case 0x14:
      return XHCI_DOORBELLS;
    case 0x18:
      return XHCI_RUNTIME;
    case 0x20 ... 0x3c:
      return read_protocol (offset);
    default:
      return 0;
    }
}

static uint32_t
read_operational (const Xhci *x, unsigned offset)
{
  switch (offset)
    {
    case 0x00:
      return x->usbcmd;
    case 0x04:
      return x->usbsts;
    case 0x08:
      return 1; /* pages of 4 KiB */
    case 0x14:
      return x->dnctrl;
    case 0x18: /* the pointer reads as 0 */
      return x->command_running ? CRCR_RUNNING : 0;
    case 0x30:
      return (uint32_t)x->dcbaap;
    case 0x34:
      return (uint32_t)(x->dcbaap >> 32);
    case 0x38:
      return x->config;
    default:
      return 0;
    }
}

static uint32_t
read_interrupter (const XhciInterrupter *in, unsigned offset)
{
  switch (offset)
    {
    case 0x00:
      return in->iman;
    case 0x04:
      return in->imod;
    case 0x08:
      return in->erstsz;
    case 0x10:
      return (uint32_t)in->erstba;
    case 0x14:
      return (uint32_t)(in->erstba >> 32);
    case 0x18:
      return (uint32_t)in->erdp;
    case 0x1c:
      return (uint32_t)(in->erdp >> 32);
    default:
      return 0;
    }
}

static uint64_t
registers_read (void *opaque, uint64_t addr, unsigned size)
{
  Xhci *x = opaque;
  const unsigned offset = (unsigned)addr;

  if (offset < XHCI_OPERATIONAL)
    return read_capability (offset);
  if (offset < XHCI_PORTS)
    return read_operational (x, offset - XHCI_OPERATIONAL);
  if (offset < XHCI_PORTS + 16 * XHCI_N_REGS)
    return (offset & 0xf) == 0 ? x->portsc[(offset - XHCI_PORTS) / 16] : 0;
  if (offset == XHCI_RUNTIME && xhci_running (x))
    return (uint64_t)(vm_clock_now (x->pci.device.vm->clock) / MFINDEX_NS) & 0x3fff;
  if (offset >= XHCI_RUNTIME + 0x20 && offset < XHCI_RUNTIME + 0x20 + 0x20 * XHCI_INTERRUPTERS)
    return read_interrupter (&x->interrupters[(offset - XHCI_RUNTIME) / 0x20 - 1], offset & 0x1f);
  return 0;
}

static void
reset_registers (Xhci *x)
{
  vm_timer_cancel (&x->work);
  vm_timer_cancel (&x->iso);
  x->usbcmd = x->dnctrl = x->config = 0;
  x->usbsts = USBSTS_HALTED;
  x->dcbaap = x->crcr = x->command_dequeue = 0;
  x->command_cycle = x->command_running = x->commands_waiting = 0;
  x->turn = 0;
  memset (x->interrupters, 0, sizeof x->interrupters);
  for (unsigned i = 0; i < XHCI_INTERRUPTERS; i++)
    x->interrupters[i].imod = 4000;
  memset (x->slots, 0, sizeof x->slots);
  xhci_ports_reset (x);
  xhci_update_line (x);
}

static void
write_command (Xhci *x, uint32_t value)
{
  if (value & USBCMD_RESET)
    {
      reset_registers (x);
      return;
    }
  /* What it had to save is in the guest's contexts or is lost: so who restores has to begin anew. */
  if (value & USBCMD_CSS)
    x->usbsts &= ~(uint32_t)USBSTS_SRE;
  if (value & USBCMD_CRS)
    x->usbsts |= USBSTS_SRE;
  x->usbcmd = value & USBCMD_KEPT;
  if ((value & USBCMD_RUN) && (x->usbsts & USBSTS_HALTED) && !(x->usbsts & USBSTS_HSE))
    {
      x->usbsts &= ~(uint32_t)USBSTS_HALTED;
      for (unsigned i = 0; i < XHCI_SLOTS; i++)
        if (x->slots[i].enabled)
          x->slots[i].pending = ~1u; /* what was parked is asked once more */
      xhci_kick (x);
    }
  else if (!(value & USBCMD_RUN))
    {
      x->usbsts |= USBSTS_HALTED;
      x->command_running = x->commands_waiting = FALSE;
      vm_timer_cancel (&x->work);
    }
  xhci_update_line (x);
}

static void
set_half (uint64_t *value, gboolean high, uint32_t half)
{
  *value = high ? (*value & 0xffffffff) | (uint64_t)half << 32 : (*value & ~0xffffffffull) | half;
}

/* 5.4.5 */
static void
write_command_ring (Xhci *x, gboolean high, uint32_t value)
{
  if (x->command_running)
    {
      if (!high && (value & (CRCR_STOP | CRCR_ABORT)))
        {
          x->command_running = x->commands_waiting = FALSE;
          xhci_command_stopped (x);
        }
      return;
    }
  set_half (&x->crcr, high, value);
  x->command_dequeue = x->crcr & ~0x3full;
  x->command_cycle = x->crcr & CRCR_RCS;
}

static void
write_operational (Xhci *x, unsigned offset, uint32_t value)
{
  switch (offset)
    {
    case 0x00:
      write_command (x, value);
      break;
    case 0x04:
      x->usbsts &= ~(value & USBSTS_CLEAR);
      break;
    case 0x14:
      x->dnctrl = value & 0xffff;
      break;
    case 0x18:
    case 0x1c:
      write_command_ring (x, offset == 0x1c, value);
      break;
    case 0x30:
    case 0x34:
      set_half (&x->dcbaap, offset == 0x34, offset == 0x30 ? value & ~0x3fu : value);
      break;
    case 0x38:
      x->config = value & 0xff;
      break;
    default:
      break;
    }
}

static void
write_interrupter (Xhci *x, unsigned n, unsigned offset, uint32_t value)
{
  XhciInterrupter *in = &x->interrupters[n];

  switch (offset)
    {
    case 0x00:
      in->iman = (in->iman & ~(value & IMAN_IP) & IMAN_IP) | (value & IMAN_IE);
      xhci_update_line (x);
      break;
    case 0x04:
      in->imod = value;
      break;
    case 0x08:
      in->erstsz = value & 0xffff;
      break;
    case 0x10:
    case 0x14:
      set_half (&in->erstba, offset == 0x14, offset == 0x10 ? value & ~0x3fu : value);
      xhci_load_ring (x, n);
      break;
    case 0x18: /* the handler's bit is cleared by a one */
      set_half (&in->erdp, FALSE, (value & ~(uint32_t)ERDP_EHB) | ((uint32_t)in->erdp & ERDP_EHB));
      xhci_dequeued (x, n, value);
      break;
    case 0x1c:
      set_half (&in->erdp, TRUE, value);
      xhci_dequeued (x, n, 0);
      break;
    default:
      break;
    }
}

/* 5.6: the target is a device context index, or 0 for commands. */
static void
ring_doorbell (Xhci *x, unsigned n, uint32_t value)
{
  const unsigned dci = value & 0xff;

  if (!xhci_running (x))
    return;
  if (n == 0)
    {
      x->command_running = x->commands_waiting = TRUE;
    }
  else
    {
      XhciSlot *slot = &x->slots[n - 1];

      if (!slot->enabled || dci < 1 || dci > XHCI_ENDPOINTS)
        return;
      if (slot->endpoints[dci - 1].state == EP_STOPPED)
        {
          slot->endpoints[dci - 1].state = EP_RUNNING;
          xhci_write_endpoint (x, slot, dci);
        }
      xhci_stream_ring (&slot->endpoints[dci - 1], value >> 16);
      slot->pending |= 1u << dci;
      /* A step at once, on the processor's thread, spares the loop a turn. */
      const UsbDevice *device = xhci_slot_device (x, slot);
      if (device != NULL && device->model->prompt && !xhci_gated (x))
        step (x, n - 1, dci);
      if (slot->pending == 0)
        return;
    }
  xhci_kick (x);
}

static void
registers_write (void *opaque, uint64_t addr, uint64_t wide, unsigned size)
{
  Xhci *x = opaque;
  const unsigned offset = (unsigned)addr;
  const uint32_t value = (uint32_t)wide;

  if (offset < XHCI_OPERATIONAL)
    return;
  if (offset < XHCI_PORTS)
    write_operational (x, offset - XHCI_OPERATIONAL, value);
  else if (offset < XHCI_PORTS + 16 * XHCI_N_REGS)
    {
      if ((offset & 0xf) == 0)
        xhci_port_write (x, (offset - XHCI_PORTS) / 16, value);
    }
  else if (offset >= XHCI_RUNTIME + 0x20 && offset < XHCI_RUNTIME + 0x20 + 0x20 * XHCI_INTERRUPTERS)
    write_interrupter (x, (offset - XHCI_RUNTIME) / 0x20 - 1, offset & 0x1f, value);
  else if (offset >= XHCI_DOORBELLS && offset < XHCI_DOORBELLS + 4 * (XHCI_SLOTS + 1))
    ring_doorbell (x, (offset - XHCI_DOORBELLS) / 4, value);
}

static const IoOps registers_ops
    = { .read = registers_read, .write = registers_write, .impl_min = 4, .impl_max = 4 };

/* -- Life ------------------------------------------------------------------------------------------------------ */

static void
xhci_reset (Device *device)
{
  Xhci *x = (Xhci *)device;

  pci_device_reset (&x->pci);
  reset_registers (x);
}

/* Devices may have something now, and the file said only that they hadn't. */
static void
xhci_resume (Device *device)
{
  Xhci *x = (Xhci *)device;

  for (unsigned i = 0; i < XHCI_SLOTS; i++)
    for (unsigned e = 0; e < XHCI_ENDPOINTS; e++)
      if (x->slots[i].enabled && (x->slots[i].endpoints[e].parked || xhci_is_iso (&x->slots[i].endpoints[e])))
        x->slots[i].pending |= 2u << e;
  xhci_kick (x);
}

static gboolean
xhci_post_load (Device *device, GError **error)
{
  Xhci *x = (Xhci *)device;

  for (unsigned i = 0; i < XHCI_INTERRUPTERS; i++)
    {
      XhciInterrupter *in = &x->interrupters[i];

      if (in->ring_size != 0 && in->enqueue >= in->ring_size)
        {
          g_set_error_literal (error, STATE_ERROR, STATE_ERROR_RANGE, "An event ring is beyond its end");
          return FALSE;
        }
    }
  for (unsigned i = 0; i < XHCI_SLOTS * XHCI_ENDPOINTS; i++)
    if (!xhci_stream_check (&x->slots[i / XHCI_ENDPOINTS].endpoints[i % XHCI_ENDPOINTS]))
      {
        g_set_error_literal (error, STATE_ERROR, STATE_ERROR_RANGE,
                             "A USB endpoint has a stream that isn't there");
        return FALSE;
      }
  x->config &= 0xff;
  xhci_ports_update (x);
  return pci_device_post_load (&x->pci, error);
}

static gboolean
xhci_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x1b36,
                                        .device = 0x000d,
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem = 0x1100,
                                        .class_code = 0x0c0330,
                                        .revision = 1,
                                        .interrupt_pin = 1 };
  Xhci *x = (Xhci *)device;
  PciDevice *pci = &x->pci;

  if (!pci_device_init (pci, pci->bus, pci->devfn, &identity, error))
    return FALSE;
  pci->config[0x60] = 0x30; /* SBRN: 5.2.3 */
  x->registers = region_new_io ("usb-xhci", XHCI_BAR_SIZE, &registers_ops, x);
  pci_device_add_bar (pci, 0, x->registers, PCI_BAR_MEMORY64);
  pci_pm_add (pci);
  pci_msix_add (pci, XHCI_INTERRUPTERS, 2);
  pci_express_add_endpoint (pci);
  vm_timer_init (&x->work, device->vm->clock, on_work, x);
  xhci_iso_init (x);
  x->buffer = g_malloc0 (XHCI_CHUNK);
  for (unsigned i = 0; i < XHCI_N_PORTS; i++)
    x->ports[i]
        = (UsbPort){ .ops = &xhci_port_ops, .opaque = x, .number = i, .speeds = (1u << USB_N_SPEEDS) - 1 };
  reset_registers (x);
  return TRUE;
}

static void
xhci_unrealize (Device *device)
{
  Xhci *x = (Xhci *)device;

  for (unsigned i = 0; i < XHCI_N_PORTS; i++)
    if (x->ports[i].device != NULL)
      usb_device_detach (x->ports[i].device);
  vm_timer_cancel (&x->work);
  vm_timer_cancel (&x->iso);
  pci_device_exit (&x->pci);
  region_unref (x->registers);
  g_free (x->buffer);
}

static const DeviceClass xhci_class = {
  .name = "usb-xhci",
  .instance_size = sizeof (Xhci),
  .state = xhci_state,
  .realize = xhci_realize,
  .reset = xhci_reset,
  .resume = xhci_resume,
  .post_load = xhci_post_load,
  .unrealize = xhci_unrealize,
  .version = 1,
};

Device *
xhci_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, GError **error)
{
  Xhci *x = device_new (vm, &xhci_class, id);

  x->pci.bus = bus;
  x->pci.devfn = (uint8_t)devfn;
  if (device_realize (&x->pci.device, error))
    return &x->pci.device;
  device_free (&x->pci.device);
  return NULL;
}

UsbPort *
xhci_port (Device *device, unsigned n)
{
  return n < XHCI_N_PORTS ? &((Xhci *)device)->ports[n] : NULL;
}

uint64_t
xhci_turns (const Device *device)
{
  return ((const Xhci *)device)->turns;
}
