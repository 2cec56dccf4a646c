/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Realtek RTL8139C+: the function on PCI and its registers, which drivers read and write in bytes, words and double words.  See rtl8139-private.h for the other
 * files.
 */
#define G_LOG_DOMAIN "rtl8139"

#include "net/rtl8139.h"

#include "net/rtl8139-private.h"
#include "pci/pm.h"

#include <string.h>

#define PORTS_BAR     0
#define REGISTERS_BAR 1
#define TICKS_PER_US  33 /* of TCTR: PCI's clock */
#define COUNTERS_SIZE 64u
#define DUMP          (1u << 3)

static const PciIdentity identity = { .vendor = 0x10ec,
                                      .device = 0x8139,
                                      .subsystem_vendor = 0x10ec,
                                      .subsystem = 0x8139,
                                      .class_code = 0x020000,
                                      .revision = 0x20, /* C+ */
                                      .interrupt_pin = 1 };

/* 9346CR */
enum
{
  ROM_DO = 1 << 0,
  ROM_DI = 1 << 1,
  ROM_SK = 1 << 2,
  ROM_CS = 1 << 3,
  ROM_MODE = 3 << 6,
  ROM_MODE_LOAD = 1 << 6,
  ROM_MODE_CONFIG = 3 << 6, /* CONFIG… may be written */
};
/* Words of the EEPROM, RTL8139C+ data sheet, 6.1. */
enum
{
  ROM_SIGNATURE = 0,
  ROM_VENDOR = 1,
  ROM_DEVICE = 2,
  ROM_SUBSYSTEM_VENDOR = 3,
  ROM_SUBSYSTEM = 4,
  ROM_ADDRESS = 7,

  ROM_SIGNATURE_VALUE = 0x8129,
};

static const StateField counters_state[] = {
  STATE_U64 (RtlCounters, sent),
  STATE_U64 (RtlCounters, received),
  STATE_U64 (RtlCounters, unicast),
  STATE_U64 (RtlCounters, broadcast),
  STATE_U32 (RtlCounters, multicast),
  STATE_U32 (RtlCounters, missed),
  STATE_END,
};

static const StateField rtl_state[] = {
  STATE_STRUCT (Rtl8139, pci, pci_device_state),
  STATE_U8_ARRAY (Rtl8139, reg),
  STATE_STRUCT (Rtl8139, wire, microwire_state),
  STATE_TIMER (Rtl8139, timer),
  STATE_U64 (Rtl8139, timer_base),
  STATE_STRUCT (Rtl8139, counters, counters_state),
  STATE_TIMER (Rtl8139, work),
  STATE_U64 (Rtl8139, next_work),
  STATE_U8_MAX (Rtl8139, started, (1 << RTL_N_TX) - 1),
  STATE_U8_MAX (Rtl8139, next_tx, RTL_N_TX - 1),
  STATE_U8_MAX (Rtl8139, polled, (1 << RTL_QUEUES) - 1),
  STATE_U32_ARRAY (Rtl8139, position),
  STATE_U32 (Rtl8139, rx_position),
  STATE_TIMER (Rtl8139, retry),
  STATE_END,
};

/* -- Interrupts and timer --------------------------------------------------------------------------------- */

static void
update_interrupt (Rtl8139 *r)
{
  pci_device_intx (&r->pci, (rtl_get16 (r, RTL_ISR) & rtl_get16 (r, RTL_IMR)) != 0);
}

void
rtl_interrupt (Rtl8139 *r, unsigned causes)
{
  rtl_set16 (r, RTL_ISR, rtl_get16 (r, RTL_ISR) | causes);
  update_interrupt (r);
}

static uint32_t
ticks (const Rtl8139 *r)
{
  const int64_t passed = rtl_now (r) - r->timer_base;

  return (uint32_t)clock_muldiv (MAX (passed, 0), TICKS_PER_US, 1000);
}

/* It tells when TCTR comes to TimerInt, each time. */
static void
arm_timer (Rtl8139 *r)
{
  const uint32_t at = rtl_get32 (r, RTL_TIMER_INT);
  uint32_t left;

  vm_timer_cancel (&r->timer);
  if (at == 0)
    return;
  left = at - ticks (r);
  vm_timer_arm (&r->timer, rtl_now (r) + clock_muldiv (left == 0 ? 1ll << 32 : left, 1000, TICKS_PER_US) + 1);
}

static void
on_timer (void *opaque)
{
  Rtl8139 *r = opaque;

  rtl_interrupt (r, ISR_TIMEOUT);
  arm_timer (r);
}

static void
on_retry (void *opaque)
{
  net_port_listen (((Rtl8139 *)opaque)->port);
}

/* -- Reset ------------------------------------------------------------------------------------------------- */

static void
load_rom (Rtl8139 *r)
{
  for (unsigned i = 0; i < 3; i++)
    rtl_set16 (r, RTL_IDR + 2 * i, r->rom[ROM_ADDRESS + i]);
}

/* By CR.RST: what the driver has begun; addresses and filters stay. */
static void
reset_traffic (Rtl8139 *r)
{
  vm_timer_cancel (&r->work);
  vm_timer_cancel (&r->retry);
  vm_timer_cancel (&r->timer);
  r->started = r->next_tx = r->polled = 0;
  memset (r->position, 0, sizeof r->position);
  r->rx_position = 0;
  r->timer_base = rtl_now (r);
  memset (r->reg + RTL_TSD, 0, RTL_CR - RTL_TSD);
  for (unsigned i = 0; i < RTL_N_TX; i++)
    rtl_set32 (r, RTL_TSD + 4 * i, TSD_OWN);
  r->reg[RTL_CR] = 0;
  rtl_set16 (r, RTL_CAPR, 0xfff0);
  rtl_set16 (r, RTL_CBR, 0);
  rtl_set16 (r, RTL_IMR, 0);
  rtl_set16 (r, RTL_ISR, 0);
  rtl_set32 (r, RTL_TCR, TCR_VERSION | 0x03000000);
  rtl_set32 (r, RTL_RCR, 0);
  rtl_set32 (r, RTL_TIMER_INT, 0);
  rtl_set16 (r, RTL_CPCR, 0);
  update_interrupt (r);
}

static void
rtl_reset (Device *device)
{
  Rtl8139 *r = (Rtl8139 *)device;

  pci_device_reset (&r->pci);
  memset (r->reg, 0, sizeof r->reg);
  memset (&r->counters, 0, sizeof r->counters);
  r->wire = (Microwire){ 0 };
  r->next_work = 0;
  load_rom (r);
  r->reg[RTL_CONFIG1] = 0x0c; /* I/O and memory are mapped */
  rtl_set16 (r, RTL_BMCR, BMCR_AUTO | 1 << 13 | 1 << 8);
  rtl_set16 (r, RTL_ANAR, 0x05e1);
  rtl_set16 (r, RTL_CSCR, 0x03c8);
  reset_traffic (r);
}

/* -- Registers ----------------------------------------------------------------------------------------------- */

static gboolean
touches (unsigned offset, unsigned size, unsigned first, unsigned length)
{
  return offset < first + length && first < offset + size;
}

static gboolean
has_link (const Rtl8139 *r)
{
  return net_port_link (r->port) && !(rtl_get16 (r, RTL_BMCR) & BMCR_POWER_DOWN);
}

/* TSAD, the short status of all transmit registers: OWN in bits 0-3, TOK in bits 12-15. */
static unsigned
all_transmit (const Rtl8139 *r)
{
  unsigned value = 0;

  for (unsigned i = 0; i < RTL_N_TX; i++)
    {
      const uint32_t tsd = rtl_get32 (r, RTL_TSD + 4 * i);

      value |= (tsd & TSD_OWN ? 1u << i : 0) | (tsd & TSD_TOK ? 1u << (12 + i) : 0);
    }
  return value;
}

/* What isn't kept but found out. */
static void
refresh (Rtl8139 *r, unsigned offset, unsigned size)
{
  const gboolean link = has_link (r);

  if (touches (offset, size, RTL_CR, 1))
    r->reg[RTL_CR] = (uint8_t)((r->reg[RTL_CR] & ~CR_EMPTY) | (rtl_is_empty (r) ? CR_EMPTY : 0));
  if (touches (offset, size, RTL_TCTR, 4))
    rtl_set32 (r, RTL_TCTR, ticks (r));
  if (touches (offset, size, RTL_MSR, 1))
    r->reg[RTL_MSR] = link ? 0 : 1 << 2; /* 100 MBit/s; the bit says that the link has failed */
  if (touches (offset, size, RTL_TSAD_ALL, 2))
    rtl_set16 (r, RTL_TSAD_ALL, all_transmit (r));
  if (touches (offset, size, RTL_BMSR, 2))
    rtl_set16 (r, RTL_BMSR, 0x7809 | (link ? 1 << 2 | 1 << 5 : 0));
  /* PUN and LinkChg are one cause; which of them it is 8139too reads in a bit of CSCR that the data sheet doesn't name. */
  if (touches (offset, size, RTL_CSCR, 2))
    rtl_set16 (r, RTL_CSCR,
               (rtl_get16 (r, RTL_CSCR) & (unsigned)~(CSCR_LINK | CSCR_LINK_OK | CSCR_LINK_CHANGED))
                   | (link ? CSCR_LINK | CSCR_LINK_OK : 0u)
                   | (rtl_get16 (r, RTL_ISR) & ISR_LINK ? CSCR_LINK_CHANGED : 0u));
  if (touches (offset, size, RTL_ANLPAR, 4))
    {
      rtl_set16 (r, RTL_ANLPAR, link ? 0x45e1 : 0);
      rtl_set16 (r, RTL_ANER, link ? 1 : 0);
    }
}

/* Bits of a byte that a driver may set. */
static uint8_t
mask_of (const Rtl8139 *r, unsigned offset)
{
  switch (offset)
    {
    case RTL_IDR ... RTL_IDR + 5:
    case RTL_MAR ... RTL_MAR + 7:
    case RTL_TSD ... RTL_RBSTART + 3:
    case RTL_CAPR ... RTL_CAPR + 1:
    case RTL_IMR ... RTL_IMR + 1:
    case RTL_RCR ... RTL_RCR + 3:
    case RTL_TIMER_INT ... RTL_TIMER_INT + 3:
    case RTL_RDSAR ... RTL_RDSAR + 7:
    case RTL_ANAR ... RTL_ANAR + 1:
    case RTL_CSCR ... RTL_CSCR + 1:
      return 0xff;
    case RTL_CR:
      return CR_TE | CR_RE;
    case RTL_TCR ... RTL_TCR + 3:
      return (uint8_t)(TCR_GUEST >> 8 * (offset - RTL_TCR));
    case RTL_9346CR:
      return 0xfe;
    case RTL_BMCR:
      return 0;
    case RTL_BMCR + 1:
      return 0x39; /* speed, negotiation, power down, duplex; reset and restart end at once */
    case RTL_CPCR:
      return 0x7b;
    case RTL_CONFIG1:
      return (r->reg[RTL_9346CR] & ROM_MODE) == ROM_MODE_CONFIG ? 0xf3 : 0;
    case RTL_CONFIG3:
      return (r->reg[RTL_9346CR] & ROM_MODE) == ROM_MODE_CONFIG ? 0x71 : 0;
    case RTL_CONFIG4:
      return (r->reg[RTL_9346CR] & ROM_MODE) == ROM_MODE_CONFIG ? 0xff : 0;
    case RTL_CONFIG5:
      return (r->reg[RTL_9346CR] & ROM_MODE) == ROM_MODE_CONFIG ? 0x7f : 0;
    default:
      return 0;
    }
}

static void
dump_counters (Rtl8139 *r)
{
  const uint64_t address = rtl_address (r, RTL_TSD) & ~63ull;
  uint8_t out[COUNTERS_SIZE] = { 0 };
  const uint64_t first[2] = { GUINT64_TO_LE (r->counters.sent), GUINT64_TO_LE (r->counters.received) };
  const uint64_t good[2] = { GUINT64_TO_LE (r->counters.unicast), GUINT64_TO_LE (r->counters.broadcast) };

  memcpy (out, first, sizeof first);
  pci_set16 (out + 28, (uint16_t)r->counters.missed);
  memcpy (out + 40, good, sizeof good);
  pci_set32 (out + 56, r->counters.multicast);
  dma_write (&r->pci.dma, address, out, sizeof out);
  rtl_set32 (r, RTL_TSD, rtl_get32 (r, RTL_TSD) & ~DUMP);
}

/* The C+'s meaning of 0x10-0x2f is others' where its transmitter is on. */
static void
written_transmit (Rtl8139 *r, unsigned offset, unsigned size)
{
  if (rtl_get16 (r, RTL_CPCR) & (CPCR_TX | CPCR_RX))
    {
      if (touches (offset, size, RTL_TSD, 4) && (rtl_get32 (r, RTL_TSD) & DUMP))
        dump_counters (r);
      for (unsigned i = 0; i < RTL_QUEUES; i++)
        if (touches (offset, size, RTL_TSAD + 8 * i, 8))
          r->position[i] = 0;
      return;
    }
  for (unsigned i = 0; i < RTL_N_TX; i++)
    if (touches (offset, size, RTL_TSD + 4 * i, 4) && !(rtl_get32 (r, RTL_TSD + 4 * i) & TSD_OWN))
      {
        rtl_set32 (r, RTL_TSD + 4 * i, rtl_get32 (r, RTL_TSD + 4 * i) & ~(uint32_t)TSD_TOK);
        r->started |= (uint8_t)(1u << i);
      }
  rtl_kick (r);
}

static void
written_rom (Rtl8139 *r)
{
  const uint8_t value = r->reg[RTL_9346CR];

  if ((value & ROM_MODE) == ROM_MODE_LOAD)
    {
      load_rom (r);
      r->reg[RTL_9346CR] = 0;
      return;
    }
  microwire_set (&r->wire, r->rom, (value & ROM_CS) != 0, (value & ROM_SK) != 0, (value & ROM_DI) != 0);
  r->reg[RTL_9346CR] = (uint8_t)((value & ~ROM_DO) | (microwire_out (&r->wire) ? ROM_DO : 0));
}

static void
written_command (Rtl8139 *r, uint8_t value)
{
  if (value & CR_RST)
    {
      reset_traffic (r);
      return;
    }
  if (!(value & CR_TE))
    r->started = r->next_tx = r->polled = 0;
  if (!(value & CR_RE))
    r->rx_position = 0;
  net_port_listen (r->port);
  rtl_kick (r);
}

/* What a write does beyond what is kept.  `bytes` are those that were written. */
static void
written (Rtl8139 *r, unsigned offset, unsigned size, const uint8_t *bytes)
{
  if (touches (offset, size, RTL_CR, 1))
    written_command (r, bytes[RTL_CR - offset]);
  if (touches (offset, size, RTL_TSD, RTL_RBSTART - RTL_TSD))
    written_transmit (r, offset, size);
  if (touches (offset, size, RTL_9346CR, 1))
    written_rom (r);
  if (touches (offset, size, RTL_TCTR, 4))
    r->timer_base = rtl_now (r);
  if (touches (offset, size, RTL_TCTR, 4) || touches (offset, size, RTL_TIMER_INT, 4))
    arm_timer (r);
  if (touches (offset, size, RTL_MPC, 4))
    r->counters.missed = 0;
  if (touches (offset, size, RTL_RDSAR, 8))
    r->rx_position = 0;
  if (touches (offset, size, RTL_TPPOLL, 1))
    {
      const uint8_t poll = bytes[RTL_TPPOLL - offset];

      r->polled |= (poll & POLL_NORMAL ? 1 : 0) | (poll & POLL_HIGH ? 2 : 0);
      if (poll & POLL_SOFTWARE)
        rtl_interrupt (r, ISR_SOFTWARE);
      rtl_kick (r);
    }
  /* Who reads packets, or is about to sleep until the next one, may have made room. */
  if (touches (offset, size, RTL_CAPR, 2) || touches (offset, size, RTL_IMR, 4)
      || touches (offset, size, RTL_ISR, 2) || touches (offset, size, RTL_RCR, 4)
      || touches (offset, size, RTL_CPCR, 2))
    net_port_listen (r->port);
  if (touches (offset, size, RTL_IMR, 4))
    update_interrupt (r);
}

static void
registers_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Rtl8139 *r = opaque;
  const unsigned offset = (unsigned)addr;
  uint8_t bytes[8];

  for (unsigned i = 0; i < size; i++)
    {
      const uint8_t mask = mask_of (r, offset + i);
      uint8_t *to = &r->reg[offset + i];

      bytes[i] = (uint8_t)(value >> 8 * i);
      *to = (uint8_t)((*to & ~mask) | (bytes[i] & mask));
      if (offset + i == RTL_ISR || offset + i == RTL_ISR + 1)
        *to &= (uint8_t)~bytes[i];
    }
  written (r, offset, size, bytes);
}

static uint64_t
registers_read (void *opaque, uint64_t addr, unsigned size)
{
  Rtl8139 *r = opaque;
  const unsigned offset = (unsigned)addr;
  uint32_t value = 0;

  refresh (r, offset, size);
  for (unsigned i = 0; i < size; i++)
    value |= (uint32_t)r->reg[offset + i] << 8 * i;
  return value;
}

static const IoOps registers_ops
    = { .read = registers_read, .write = registers_write, .impl_min = 1, .impl_max = 4, .valid_max = 4 };

/* -- The network's side: device loop ------------------------------------------------------------------------ */

static gboolean
on_receive (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  Rtl8139 *r = opaque;
  Vm *vm = r->pci.device.vm;
  gboolean taken;

  vm_lock (vm);
  taken = rtl_receive (r, offload, packet, length);
  vm_unlock (vm);
  return taken;
}

static void
on_room (void *opaque)
{
  Rtl8139 *r = opaque;
  Vm *vm = r->pci.device.vm;

  vm_lock (vm);
  rtl_kick (r);
  vm_unlock (vm);
}

static void
on_link (void *opaque)
{
  rtl_interrupt (opaque, ISR_LINK);
}

static const NetCard card = { .receive = on_receive, .room = on_room, .link = on_link };

/* -- Life ---------------------------------------------------------------------------------------------------- */

static void
on_config (PciDevice *pci, unsigned offset, unsigned size)
{
  Rtl8139 *r = (Rtl8139 *)pci;

  if (touches (offset, size, PCI_COMMAND, 2) && dma_enabled (&pci->dma))
    {
      net_port_listen (r->port);
      rtl_kick (r);
    }
}

static void
fill_rom (Rtl8139 *r)
{
  const NetMac mac = net_port_mac (r->port);

  r->rom[ROM_SIGNATURE] = ROM_SIGNATURE_VALUE;
  r->rom[ROM_VENDOR] = identity.vendor;
  r->rom[ROM_DEVICE] = identity.device;
  r->rom[ROM_SUBSYSTEM_VENDOR] = identity.subsystem_vendor;
  r->rom[ROM_SUBSYSTEM] = identity.subsystem;
  for (unsigned i = 0; i < 3; i++)
    r->rom[ROM_ADDRESS + i] = pci_get16 (mac.bytes + 2 * i);
}

static gboolean
rtl_realize (Device *device, GError **error)
{
  Rtl8139 *r = (Rtl8139 *)device;
  PciDevice *pci = &r->pci;

  if (!pci_device_init (pci, pci->bus, pci->devfn, &identity, error))
    return FALSE;
  r->ports = region_new_io ("rtl8139-ports", RTL_SIZE, &registers_ops, r);
  r->registers = region_new_io ("rtl8139-registers", RTL_SIZE, &registers_ops, r);
  pci_device_add_bar (pci, PORTS_BAR, r->ports, PCI_BAR_IO);
  pci_device_add_bar (pci, REGISTERS_BAR, r->registers, PCI_BAR_MEMORY32);
  pci_pm_add_wake (pci);
  pci->config_written = on_config;
  vm_timer_init (&r->work, device->vm->clock, rtl_on_work, r);
  vm_timer_init (&r->timer, device->vm->clock, on_timer, r);
  vm_timer_init (&r->retry, device->vm->clock, on_retry, r);
  fill_rom (r);
  net_port_attach (r->port, &card, r);
  return TRUE;
}

static void
rtl_unrealize (Device *device)
{
  Rtl8139 *r = (Rtl8139 *)device;

  if (r->registers != NULL)
    net_port_detach (r->port);
  vm_timer_cancel (&r->work);
  vm_timer_cancel (&r->timer);
  vm_timer_cancel (&r->retry);
  pci_device_exit (&r->pci);
  g_clear_pointer (&r->registers, region_unref);
  g_clear_pointer (&r->ports, region_unref);
}

static gboolean
rtl_post_load (Device *device, GError **error)
{
  Rtl8139 *r = (Rtl8139 *)device;

  if (!pci_device_post_load (&r->pci, error))
    return FALSE;
  update_interrupt (r);
  net_port_listen (r->port);
  rtl_kick (r);
  return TRUE;
}

static const DeviceClass rtl_class = {
  .name = "rtl8139",
  .instance_size = sizeof (Rtl8139),
  .optional = TRUE, /* definitions of older versions have an address, and their saved machines no card */
  .state = rtl_state,
  .realize = rtl_realize,
  .reset = rtl_reset,
  .post_load = rtl_post_load,
  .unrealize = rtl_unrealize,
};

Device *
rtl8139_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error)
{
  Rtl8139 *r = device_new (vm, &rtl_class, id);

  r->pci.bus = bus;
  r->pci.devfn = (uint8_t)devfn;
  r->port = port;
  if (device_realize (&r->pci.device, error))
    return &r->pci.device;
  device_free (&r->pci.device);
  return NULL;
}
