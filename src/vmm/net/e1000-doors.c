/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The doors to the registers: memory and ports, and what a write does.  8254x manual, chapter 13.
 */
#define G_LOG_DOMAIN "e1000"

#include "net/e1000-private.h"

#include <string.h>

/* In the I/O BAR, 13.2.2. */
enum
{
  PORT_ADDRESS = 0,
  PORT_DATA = 4,
};

/* -- Statistics ---------------------------------------------------------------------------------------- */

void
e1000_count (E1000 *e, unsigned counter)
{
  if (e1000_get (e, counter) != G_MAXUINT32)
    e1000_set (e, counter, e1000_get (e, counter) + 1);
}

void
e1000_count_bytes (E1000 *e, unsigned low, size_t length)
{
  const uint64_t before = e1000_get (e, low) | (uint64_t)e1000_get (e, low + 4) << 32;
  const uint64_t sum = before + length < before ? G_MAXUINT64 : before + length;

  e1000_set (e, low, (uint32_t)sum);
  e1000_set (e, low + 4, (uint32_t)(sum >> 32));
}

void
e1000_count_size (E1000 *e, unsigned first, size_t length)
{
  unsigned n = 0;

  for (size_t most = 64; n < 5 && length > most; n++)
    most = most == 64 ? 127 : 2 * most + 1;
  e1000_count (e, first + 4 * n);
}

/* Counters are cleared as they are read, pairs with their upper half. */
static uint32_t
read_statistic (E1000 *e, unsigned offset)
{
  const uint32_t value = e1000_get (e, offset);

  switch (offset)
    {
    case E1000_GORCL:
    case E1000_GOTCL:
    case E1000_TORL:
    case E1000_TOTL:
      break;
    case E1000_GORCH:
    case E1000_GOTCH:
    case E1000_TORH:
    case E1000_TOTH:
      e1000_set (e, offset - 4, 0);
      e1000_set (e, offset, 0);
      break;
    default:
      e1000_set (e, offset, 0);
      break;
    }
  return value;
}

/* KiB of the memory for packets that the receiver has, and in the upper half what is left for the transmitter, which is read only. */
static void
write_pba (E1000 *e, uint32_t value)
{
  const uint32_t all = e->modern ? 40 : 64, receive = value & 0xffff;

  e1000_set (e, E1000_PBA, (all > receive ? all - receive : 0) << 16 | receive);
}

/* -- Reset --------------------------------------------------------------------------------------------- */

void
e1000_reset_registers (E1000 *e)
{
  e1000_interrupt_cancel (e);
  vm_timer_cancel (&e->work);
  memset (e->reg, 0, sizeof e->reg);
  e->next_interrupt = e->next_work = 0;
  memset (e->queues, 0, sizeof e->queues);
  e->wire = (Microwire){ 0 };
  e1000_set (e, E1000_CTRL, CTRL_FD | CTRL_SPEED_1000);
  e1000_set (e, E1000_EECD, EECD_PRES | EECD_DO);
  write_pba (e, e->modern ? 20 : 48);
  e1000_set (e, E1000_LEDCTL, 0x07068302);
  e1000_set (e, E1000_RDTR, 0);
  e1000_rom_load (e);
  if (e->modern)
    e1000_modern_reset (e);
  e1000_link_update (e);
  e1000_set (e, E1000_ICR, 0);
  e1000_interrupt_update (e);
}

/* -- Registers ------------------------------------------------------------------------------------------- */

static void
write_ctrl (E1000 *e, uint32_t value)
{
  const uint32_t old = e1000_get (e, E1000_CTRL);

  if (value & CTRL_RST)
    {
      e1000_reset_registers (e);
      return;
    }
  e1000_set (e, E1000_CTRL, value & ~(uint32_t)(CTRL_RST | CTRL_PHY_RST));
  if ((value & CTRL_PHY_RST) && !(old & CTRL_PHY_RST))
    {
      e1000_phy_reset (e);
      e1000_phy_restart (e);
    }
  e1000_link_update (e);
}

/* The bits that a plain register keeps; none: it isn't there, or can't be written. */
static uint32_t
bits_of (unsigned offset)
{
  switch (offset)
    {
    case E1000_CTRL_EXT:
    case E1000_FCAL:
    case E1000_TXCW:
    case E1000_TIPG:
    case E1000_LEDCTL:
    case E1000_RDBAH:
    case E1000_TDBAH:
    case E1000_RXDCTL:
    case E1000_TXDCTL:
    case E1000_TSPMT:
    case E1000_RXCSUM:
    case E1000_RCTL:
    case E1000_TCTL:
    case E1000_MANC:
    case E1000_IPAV:
      return G_MAXUINT32;
    case E1000_RDBAL:
    case E1000_TDBAL:
      return ~15u;
    case E1000_RDLEN:
    case E1000_TDLEN:
      return 0xfff80;
    case E1000_FCAH:
    case E1000_FCT:
    case E1000_VET:
    case E1000_FCTTV:
    case E1000_ITR:
    case E1000_AIT:
    case E1000_RDH:
    case E1000_RDT:
    case E1000_TDH:
    case E1000_TDT:
    case E1000_RADV:
    case E1000_TADV:
    case E1000_RDTR:
    case E1000_TIDV:
    case E1000_RSRPD:
      return 0xffff;
    case E1000_FCRTL:
    case E1000_FCRTH:
      return 0x8000fff8;
    case E1000_WUC:
      return WUC_APME | WUC_PME_ENABLE | 1 << 3;
    case E1000_WUFC:
      return WUFC_ALL;
    case E1000_MTA ... E1000_MTA + 4 * E1000_N_MTA - 1:
    case E1000_VFTA ... E1000_VFTA + 4 * E1000_N_VFTA - 1:
    case E1000_IP4AT ... E1000_IP4AT + 31:
    case E1000_IP6AT ... E1000_IP6AT + 15:
      return G_MAXUINT32;
    case E1000_RAL ... E1000_RAL + 8 * E1000_N_ADDRESSES - 1:
      return offset & 4 ? RAH_VALID | 0x3ffff : G_MAXUINT32;
    default:
      return 0;
    }
}

/* What else a plain register does when it is written. */
static void
written (E1000 *e, unsigned offset, uint32_t value)
{
  switch (offset)
    {
    case E1000_CTRL_EXT:
      e1000_set (e, offset, value & ~(uint32_t)CTRL_EXT_EE_RST);
      if (value & CTRL_EXT_EE_RST)
        e1000_rom_load (e);
      break;
    case E1000_ITR:
      e1000_interrupt_update (e);
      break;
    case E1000_RDTR:
      if ((value & DELAY_FLUSH) && vm_timer_armed (&e->rdtr))
        e1000_flush_receive (e);
      break;
    case E1000_TIDV:
      if ((value & DELAY_FLUSH) && vm_timer_armed (&e->tidv))
        e1000_flush_transmit (e);
      break;
    case E1000_RDT:
    case E1000_RDH:
    case E1000_RDLEN:
    case E1000_RCTL:
      e1000_listen (e);
      break;
    case E1000_TDT:
    case E1000_TDLEN:
    case E1000_TCTL:
      e1000_kick (e);
      break;
    case E1000_WUC:
      if (value & WUC_PME_STATUS)
        e1000_set (e, E1000_WUC, e1000_get (e, E1000_WUC) & ~(uint32_t)WUC_PME_STATUS);
      break;
    default:
      break;
    }
}

static uint32_t
all_causes (const E1000 *e)
{
  return e->modern ? (uint32_t)E1000E_ICR_ALL : (uint32_t)ICR_ALL;
}

static void
registers_write (void *opaque, uint64_t addr, uint64_t wide, unsigned size)
{
  E1000 *e = opaque;
  const unsigned offset = (unsigned)addr & ~3u;
  const uint32_t value = (uint32_t)wide;
  uint32_t bits;

  if (e->modern && e1000_modern_write (e, offset, value))
    return;
  switch (offset)
    {
    case E1000_CTRL:
    case E1000_CTRL_COPY:
      write_ctrl (e, value);
      return;
    case E1000_EECD:
      e1000_eecd_write (e, value);
      return;
    case E1000_EERD:
      e1000_eerd_write (e, value);
      return;
    case E1000_MDIC:
      e1000_mdic_write (e, value);
      return;
    case E1000_ICR:
      e1000_set (e, E1000_ICR, e1000_get (e, E1000_ICR) & ~value);
      e1000_interrupt_update (e);
      return;
    case E1000_ICS:
      e1000_interrupt (e, value & all_causes (e));
      return;
    case E1000_IMS:
      e1000_set (e, E1000_IMS, e1000_get (e, E1000_IMS) | (value & all_causes (e)));
      e1000_interrupt_update (e);
      return;
    case E1000_IMC:
      e1000_set (e, E1000_IMS, e1000_get (e, E1000_IMS) & ~value);
      e1000_interrupt_update (e);
      return;
    case E1000_PBA:
      write_pba (e, value);
      return;
    case E1000_WUS:
      e1000_set (e, E1000_WUS, e1000_get (e, E1000_WUS) & ~value);
      return;
    default:
      break;
    }
  bits = bits_of (offset);
  if (bits == 0)
    return;
  /* Status bits stay. */
  e1000_set (e, offset, (value & bits) | (offset == E1000_WUC ? e1000_get (e, offset) & WUC_PME_STATUS : 0));
  written (e, offset, value);
}

static uint64_t
registers_read (void *opaque, uint64_t addr, unsigned size)
{
  E1000 *e = opaque;
  const unsigned offset = (unsigned)addr & ~3u;
  uint32_t value;

  if (e->modern && e1000_modern_read (e, offset, &value))
    return value;
  switch (offset)
    {
    case E1000_CTRL_COPY:
      return e1000_get (e, E1000_CTRL);
    case E1000_ICR:
      value = e1000_get (e, E1000_ICR);
      e1000_set (e, E1000_ICR, 0);
      e1000_interrupt_update (e);
      return value;
    case E1000_ICS:
      return e1000_get (e, E1000_ICR);
    case E1000_IMC:
      return 0;
    case E1000_STATISTICS ... E1000_STATISTICS_END - 1:
      return read_statistic (e, offset);
    default:
      return offset < E1000_END ? e1000_get (e, offset) : 0;
    }
}

const IoOps e1000_registers_ops
    = { .read = registers_read, .write = registers_write, .impl_min = 4, .impl_max = 4, .valid_min = 4 };

/* A window of one register, which counts from 0 to the end of the memory BAR. */
static uint64_t
ports_read (void *opaque, uint64_t addr, unsigned size)
{
  E1000 *e = opaque;

  switch (addr & ~3ull)
    {
    case PORT_ADDRESS:
      return e->port_address;
    case PORT_DATA:
      return e->port_address < E1000_REGISTERS_SIZE ? registers_read (e, e->port_address, 4) : 0;
    default:
      return 0;
    }
}

static void
ports_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  E1000 *e = opaque;

  switch (addr & ~3ull)
    {
    case PORT_ADDRESS:
      e->port_address = (uint32_t)value;
      break;
    case PORT_DATA:
      if (e->port_address < E1000_REGISTERS_SIZE)
        registers_write (e, e->port_address, value, 4);
      break;
    default:
      break;
    }
}

const IoOps e1000_ports_ops
    = { .read = ports_read, .write = ports_write, .impl_min = 4, .impl_max = 4, .valid_min = 4 };
