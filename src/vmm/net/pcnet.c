/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * AMD Am79C970A: the function on PCI and its registers.  See pcnet-private.h.
 */
#define G_LOG_DOMAIN "pcnet"

#include "net/pcnet.h"

#include "net/pcnet-private.h"

#include <string.h>

#define PORTS_BAR     0
#define REGISTERS_BAR 1
#define SIZE          32u
#define CHIP_ID       0x02621003u /* Am79C970A */

static const PciIdentity identity
    = { .vendor = 0x1022, .device = 0x2000, .class_code = 0x020000, .revision = 0x16, .interrupt_pin = 1 };

/* Doors, in 16-bit and in 32-bit mode. */
enum
{
  DOOR_PROM_END = 0x10,
  DOOR_RDP,
  DOOR_RAP,
  DOOR_RESET,
  DOOR_BDP,
};

static const StateField pcnet_state[] = {
  STATE_STRUCT (Pcnet, pci, pci_device_state),
  STATE_U16_ARRAY (Pcnet, csr),
  STATE_U16_ARRAY (Pcnet, bcr),
  STATE_U16_MAX (Pcnet, rap, PCNET_N_CSR - 1),
  STATE_U16 (Pcnet, rx_position),
  STATE_U16 (Pcnet, tx_position),
  STATE_TIMER (Pcnet, work),
  STATE_U64 (Pcnet, next_work),
  STATE_TIMER (Pcnet, retry),
  STATE_END,
};

/* -- Interrupts ------------------------------------------------------------------------------------------------ */

static void
update_interrupt (Pcnet *p)
{
  const unsigned csr4 = p->csr[4];
  gboolean intr = (p->csr[0] & CSR0_CAUSES & ~(p->csr[3] & CSR3_MASKS)) != 0;

  /* In CSR4 a cause's mask is the bit below it; what the driver itself raises has none. */
  intr |= (csr4 & CSR4_CAUSES & ~CSR4_UINT & ~(csr4 << 1)) != 0 || (csr4 & CSR4_UINT);
  p->csr[0] &= (uint16_t) ~(CSR0_INTR | CSR0_ERR);
  p->csr[0] |= (uint16_t)((intr ? CSR0_INTR : 0) | (p->csr[0] & CSR0_ERRORS ? CSR0_ERR : 0));
  pci_device_intx (&p->pci, intr && (p->csr[0] & CSR0_IENA));
}

void
pcnet_interrupt (Pcnet *p, unsigned causes)
{
  p->csr[0] |= (uint16_t)causes;
  update_interrupt (p);
}

static void
on_retry (void *opaque)
{
  net_port_listen (((Pcnet *)opaque)->port);
}

/* -- Reset ------------------------------------------------------------------------------------------------------- */

static void
stop (Pcnet *p)
{
  vm_timer_cancel (&p->work);
  vm_timer_cancel (&p->retry);
  p->csr[0] = CSR0_STOP;
  p->csr[4] &= (uint16_t)~CSR4_CAUSES;
  p->csr[5] &= (uint16_t)~CSR5_SPND;
  update_interrupt (p);
  net_port_listen (p->port);
}

/* By a read of the register for it: all but the BCRs. */
static void
soft_reset (Pcnet *p)
{
  memset (p->csr, 0, sizeof p->csr);
  p->csr[4] = 0x0115;
  for (unsigned i = 0; i < 3; i++)
    p->csr[CSR_PADR + i] = pci_get16 (p->prom + 2 * i);
  p->csr[CSR_ID] = CHIP_ID & 0xffff;
  p->csr[CSR_ID + 1] = CHIP_ID >> 16;
  p->csr[CSR_STYLE] = p->bcr[BCR_STYLE];
  p->csr[80] = 0x1410;
  p->rx_position = p->tx_position = 0;
  p->rap = 0;
  stop (p);
}

static void
pcnet_reset (Device *device)
{
  static const uint16_t defaults[PCNET_N_BCR]
      = { [0] = 0x0005, [1] = 0x0005,  [2] = 0x0002,  [4] = 0x00c0,  [5] = 0x0084, [6] = 0x0088,
          [7] = 0x0090, [18] = 0x9001, [19] = 0x0002, [20] = 0x0200, [22] = 0xff06 };
  Pcnet *p = (Pcnet *)device;

  pci_device_reset (&p->pci);
  memcpy (p->bcr, defaults, sizeof p->bcr);
  p->next_work = 0;
  soft_reset (p);
}

/* -- Registers ------------------------------------------------------------------------------------------------------ */

/* Several bits may be set at once; they count in this order. */
static void
write_csr0 (Pcnet *p, unsigned value)
{
  p->csr[0] &= (uint16_t) ~(value & CSR0_CAUSES);
  p->csr[0] = (uint16_t)((p->csr[0] & ~CSR0_IENA) | (value & CSR0_IENA));
  if (value & CSR0_STOP)
    {
      stop (p);
      return;
    }
  if ((value & CSR0_INIT) && !(p->csr[0] & CSR0_INIT))
    {
      pcnet_initialize (p);
      p->csr[0] &= (uint16_t)~CSR0_STOP;
      p->csr[0] |= CSR0_INIT | CSR0_IDON;
    }
  if ((value & CSR0_STRT) && !(p->csr[0] & CSR0_STRT))
    {
      p->csr[0] &= (uint16_t)~CSR0_STOP;
      p->csr[0] |= CSR0_STRT;
      p->csr[0] |= p->csr[CSR_MODE] & MODE_DTX ? 0 : CSR0_TXON;
      p->csr[0] |= p->csr[CSR_MODE] & MODE_DRX ? 0 : CSR0_RXON;
    }
  update_interrupt (p);
  net_port_listen (p->port);
  if (value & (CSR0_TDMD | CSR0_STRT))
    pcnet_kick (p);
}

static void
write_style (Pcnet *p, unsigned value)
{
  p->bcr[BCR_STYLE] = (uint16_t)((value & 0xff) <= 3 ? value & 3 : 0);
  if (p->bcr[BCR_STYLE] != 0)
    p->bcr[BCR_STYLE] |= STYLE_SSIZE32;
  p->bcr[BCR_STYLE] |= 0x0200;
  p->csr[CSR_STYLE] = p->bcr[BCR_STYLE];
}

static void
csr_write (Pcnet *p, unsigned value)
{
  const unsigned n = p->rap;
  const gboolean stands = (p->csr[0] & CSR0_STOP) || (p->csr[5] & CSR5_SPND);

  switch (n)
    {
    case 0:
      write_csr0 (p, value);
      break;
    case 3:
      p->csr[3] = (uint16_t)value;
      update_interrupt (p);
      break;
    case 4:
      p->csr[4] = (uint16_t)((value & ~(CSR4_CAUSES | CSR4_UINTCMD)) | (p->csr[4] & CSR4_CAUSES & ~value));
      if (value & CSR4_UINTCMD)
        p->csr[4] |= CSR4_UINT;
      update_interrupt (p);
      break;
    case 5:
      /* Bits 4, 7, 9 and 11 tell of what doesn't happen here. */
      p->csr[5] = (uint16_t)(value & ~0x0a90u);
      net_port_listen (p->port);
      pcnet_kick (p);
      break;
    case 16 ... 17:
      if (stands)
        p->csr[n - 15] = (uint16_t)value;
      break;
    case CSR_STYLE:
      if (stands)
        write_style (p, value);
      break;
    case CSR_ID ... CSR_ID + 1:
      break;
    case 1 ... 2:
    case CSR_LADRF ... CSR_MODE:
    case 18 ... CSR_STYLE - 1:
    case CSR_STYLE + 1 ... CSR_ID - 1:
    case CSR_MISSED ... 124:
      if (stands)
        p->csr[n] = (uint16_t)value;
      break;
    default:
      break;
    }
}

static unsigned
csr_read (const Pcnet *p)
{
  return p->rap >= 16 && p->rap <= 17 ? p->csr[p->rap - 15] : p->csr[p->rap];
}

static void
bcr_write (Pcnet *p, unsigned value)
{
  switch (p->rap)
    {
    case BCR_STYLE:
      if ((p->csr[0] & CSR0_STOP) || (p->csr[5] & CSR5_SPND))
        write_style (p, value);
      break;
    case BCR_BUS:
      p->bcr[BCR_BUS] = (uint16_t)((value & ~BUS_DWIO) | (p->bcr[BCR_BUS] & BUS_DWIO));
      break;
    case BCR_MISC:
    case BCR_LINK ... 7:
    case 9:
    case 22:
      p->bcr[p->rap] = (uint16_t)value;
      break;
    default:
      break;
    }
}

/* The first LED shows the link unless it is told otherwise; the uppermost bit is the LED. */
static unsigned
bcr_read (const Pcnet *p)
{
  if (p->rap >= PCNET_N_BCR)
    return 0;
  if (p->rap == BCR_LINK)
    return (p->bcr[BCR_LINK] & 0x7fffu)
           | ((p->bcr[BCR_LINK] & 0x40) && net_port_link (p->port) ? 1u << 15 : 0);
  return p->bcr[p->rap];
}

static gboolean
is_wide_mode (const Pcnet *p)
{
  return (p->bcr[BCR_BUS] & BUS_DWIO) != 0;
}

/* 0: nothing is there. */
static unsigned
door_of (const Pcnet *p, unsigned offset, unsigned size)
{
  const unsigned width = is_wide_mode (p) ? 4 : 2;

  if (size != width || (offset - DOOR_PROM_END) % width != 0 || offset >= DOOR_PROM_END + 4 * width)
    return 0;
  return DOOR_RDP + (offset - DOOR_PROM_END) / width;
}

static void
registers_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Pcnet *p = opaque;

  /* A double word to the first door switches the width, for good. */
  if (addr == DOOR_PROM_END && size == 4 && !is_wide_mode (p))
    p->bcr[BCR_BUS] |= BUS_DWIO;
  if (addr < DOOR_PROM_END)
    return;
  value &= 0xffff;
  switch (door_of (p, (unsigned)addr, size))
    {
    case DOOR_RDP:
      csr_write (p, (unsigned)value);
      break;
    case DOOR_RAP:
      p->rap = (uint16_t)(value & (PCNET_N_CSR - 1));
      break;
    case DOOR_BDP:
      bcr_write (p, (unsigned)value);
      break;
    default:
      break;
    }
}

static uint64_t
registers_read (void *opaque, uint64_t addr, unsigned size)
{
  Pcnet *p = opaque;
  uint32_t value = 0;

  if (addr + size <= DOOR_PROM_END)
    {
      for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)p->prom[addr + i] << 8 * i;
      return value;
    }
  if (addr < DOOR_PROM_END)
    return G_MAXUINT32;
  switch (door_of (p, (unsigned)addr, size))
    {
    case DOOR_RDP:
      return csr_read (p);
    case DOOR_RAP:
      return p->rap;
    case DOOR_RESET:
      soft_reset (p);
      return 0;
    case DOOR_BDP:
      return bcr_read (p);
    default:
      return G_MAXUINT32;
    }
}

static const IoOps registers_ops
    = { .read = registers_read, .write = registers_write, .impl_min = 1, .impl_max = 4, .valid_max = 4 };

/* -- The network's side: device loop ------------------------------------------------------------------------------- */

static gboolean
on_receive (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  Pcnet *p = opaque;
  Vm *vm = p->pci.device.vm;
  gboolean taken;

  vm_lock (vm);
  taken = pcnet_receive (p, offload, packet, length);
  vm_unlock (vm);
  return taken;
}

static void
on_room (void *opaque)
{
  Pcnet *p = opaque;
  Vm *vm = p->pci.device.vm;

  vm_lock (vm);
  pcnet_kick (p);
  vm_unlock (vm);
}

static const NetCard card = { .receive = on_receive, .room = on_room };

/* -- Life ---------------------------------------------------------------------------------------------------------- */

static void
on_config (PciDevice *pci, unsigned offset, unsigned size)
{
  Pcnet *p = (Pcnet *)pci;

  if (offset <= PCI_COMMAND + 1 && offset + size > PCI_COMMAND && dma_enabled (&pci->dma))
    {
      net_port_listen (p->port);
      pcnet_kick (p);
    }
}

static void
fill_prom (Pcnet *p)
{
  const NetMac mac = net_port_mac (p->port);
  unsigned sum = 0;

  memset (p->prom, 0, sizeof p->prom);
  memcpy (p->prom, mac.bytes, sizeof mac.bytes);
  p->prom[9] = 0x11;               /* a card on PCI */
  p->prom[14] = p->prom[15] = 'W'; /* what the maker's drivers look for */
  for (unsigned i = 0; i < sizeof p->prom; i++)
    sum += p->prom[i];
  pci_set16 (p->prom + 12, (uint16_t)sum);
}

static gboolean
pcnet_realize (Device *device, GError **error)
{
  Pcnet *p = (Pcnet *)device;
  PciDevice *pci = &p->pci;

  if (!pci_device_init (pci, pci->bus, pci->devfn, &identity, error))
    return FALSE;
  p->ports = region_new_io ("pcnet-ports", SIZE, &registers_ops, p);
  p->registers = region_new_io ("pcnet-registers", SIZE, &registers_ops, p);
  pci_device_add_bar (pci, PORTS_BAR, p->ports, PCI_BAR_IO);
  pci_device_add_bar (pci, REGISTERS_BAR, p->registers, PCI_BAR_MEMORY32);
  pci->config_written = on_config;
  vm_timer_init (&p->work, device->vm->clock, pcnet_on_work, p);
  vm_timer_init (&p->retry, device->vm->clock, on_retry, p);
  fill_prom (p);
  net_port_attach (p->port, &card, p);
  return TRUE;
}

static void
pcnet_unrealize (Device *device)
{
  Pcnet *p = (Pcnet *)device;

  if (p->registers != NULL)
    net_port_detach (p->port);
  vm_timer_cancel (&p->work);
  vm_timer_cancel (&p->retry);
  pci_device_exit (&p->pci);
  g_clear_pointer (&p->registers, region_unref);
  g_clear_pointer (&p->ports, region_unref);
}

static gboolean
pcnet_post_load (Device *device, GError **error)
{
  Pcnet *p = (Pcnet *)device;

  if (!pci_device_post_load (&p->pci, error))
    return FALSE;
  update_interrupt (p);
  net_port_listen (p->port);
  pcnet_kick (p);
  return TRUE;
}

static const DeviceClass pcnet_class = {
  .name = "pcnet",
  .instance_size = sizeof (Pcnet),
  .optional = TRUE, /* definitions of older versions have an address, and their saved machines no card */
  .state = pcnet_state,
  .realize = pcnet_realize,
  .reset = pcnet_reset,
  .post_load = pcnet_post_load,
  .unrealize = pcnet_unrealize,
};

Device *
pcnet_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error)
{
  Pcnet *p = device_new (vm, &pcnet_class, id);

  p->pci.bus = bus;
  p->pci.devfn = (uint8_t)devfn;
  p->port = port;
  if (device_realize (&p->pci.device, error))
    return &p->pci.device;
  device_free (&p->pci.device);
  return NULL;
}
