/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "ne2000"

#include "net/dp8390.h"

#include "net/frame.h"

#include <string.h>

#define PAGE        256u
#define RAM_BASE    0x4000u
#define HEADER      4u
#define LONGEST     0x1000u
#define DATA_PORT   0x10u
#define RESET_PORT  0x18u
#define PAGE_OF(cr) ((cr) >> 6)

/* 10.3: the registers, by page. */
enum
{
  COMMAND = 0x00,
  P0_CLDA1 = 0x02,
  P0_BNRY = 0x03,
  P0_TSR = 0x04,
  P0_TBCR0 = 0x05,
  P0_TBCR1 = 0x06,
  P0_ISR = 0x07,
  P0_CRDA0 = 0x08,
  P0_CRDA1 = 0x09,
  P0_RBCR0 = 0x0a,
  P0_RBCR1 = 0x0b,
  P0_RCR = 0x0c,
  P0_TCR = 0x0d,
  P0_DCR = 0x0e,
  P0_IMR = 0x0f,
  P1_CURR = 7,
  P1_MAR = 8,
};
enum
{
  CR_STP = 1 << 0,
  CR_STA = 1 << 1,
  CR_TXP = 1 << 2,
  CR_REMOTE = 7 << 3,
  REMOTE_READ = 1 << 3,
  REMOTE_WRITE = 2 << 3,
  REMOTE_SEND = 3 << 3,

  ISR_PRX = 1 << 0,
  ISR_PTX = 1 << 1,
  ISR_RDC = 1 << 6,
  ISR_RST = 1 << 7,

  DCR_WTS = 1 << 0,
  TCR_LOOP = 3 << 1,

  RCR_AB = 1 << 2,
  RCR_AM = 1 << 3,
  RCR_PRO = 1 << 4,
  RCR_MON = 1 << 5,

  RSR_PRX = 1 << 0,
  RSR_PHY = 1 << 5, /* not to this address alone */
  TSR_PTX = 1 << 0,
};

const StateField dp8390_state[] = {
  STATE_U8_ARRAY (Dp8390, ram),
  STATE_U8 (Dp8390, command),
  STATE_U8 (Dp8390, start),
  STATE_U8 (Dp8390, stop),
  STATE_U8 (Dp8390, boundary),
  STATE_U8 (Dp8390, current),
  STATE_U8 (Dp8390, transmit_page),
  STATE_U8 (Dp8390, transmit_status),
  STATE_U8 (Dp8390, receive_status),
  STATE_U8 (Dp8390, isr),
  STATE_U8 (Dp8390, imr),
  STATE_U8 (Dp8390, rcr),
  STATE_U8 (Dp8390, tcr),
  STATE_U8 (Dp8390, dcr),
  STATE_U8_ARRAY (Dp8390, address),
  STATE_U8_ARRAY (Dp8390, multicast),
  STATE_U8 (Dp8390, missed),
  STATE_U16 (Dp8390, transmit_count),
  STATE_U16 (Dp8390, remote_address),
  STATE_U16 (Dp8390, remote_count),
  STATE_U16 (Dp8390, remote_left),
  STATE_END,
};

static void
update_interrupt (Dp8390 *d)
{
  d->interrupt (d->opaque, (d->isr & d->imr & 0x7f) != 0);
}

static void
raise_cause (Dp8390 *d, unsigned causes)
{
  d->isr |= (uint8_t)causes;
  update_interrupt (d);
}

/* -- Memory ------------------------------------------------------------------------------------------------ */

static uint8_t
memory_read (const Dp8390 *d, uint16_t address)
{
  if (address < sizeof d->prom)
    return d->prom[address];
  return address - RAM_BASE < DP8390_RAM ? d->ram[address - RAM_BASE] : 0xff;
}

static void
memory_write (Dp8390 *d, uint16_t address, uint8_t value)
{
  if (address - RAM_BASE < DP8390_RAM)
    d->ram[address - RAM_BASE] = value;
}

/* -- Transmission ------------------------------------------------------------------------------------------- */

/* Where the network has no room TXP stays, and it is tried again. */
static void
transmit (Dp8390 *d)
{
  const NetOffload offload = { 0 };
  const unsigned length = MIN (d->transmit_count, LONGEST);
  uint8_t packet[LONGEST];
  const struct iovec piece = { packet, length };

  if (!(d->command & CR_TXP) || !(d->command & CR_STA))
    return;
  for (unsigned i = 0; i < length; i++)
    packet[i] = memory_read (d, (uint16_t)(d->transmit_page * PAGE + i));
  if (!(d->tcr & TCR_LOOP) && !net_port_send (d->port, &offload, &piece, 1))
    return;
  d->command &= (uint8_t)~CR_TXP;
  d->transmit_status = TSR_PTX;
  raise_cause (d, ISR_PTX);
}

static void
on_room (void *opaque)
{
  Dp8390 *d = opaque;

  vm_lock (d->vm);
  transmit (d);
  vm_unlock (d->vm);
}

/* -- Reception ------------------------------------------------------------------------------------------------ */

static gboolean
passes (const Dp8390 *d, const uint8_t *packet)
{
  static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  unsigned hash;

  if (memcmp (packet, broadcast, sizeof broadcast) == 0)
    return (d->rcr & RCR_AB) != 0;
  if (net_is_multicast (packet))
    {
      hash = net_crc_address (packet, TRUE) >> 26;
      return (d->rcr & RCR_AM) && (d->multicast[hash / 8] >> hash % 8 & 1);
    }
  return (d->rcr & RCR_PRO) || memcmp (packet, d->address, sizeof d->address) == 0;
}

static unsigned
next_page (const Dp8390 *d, unsigned page)
{
  return page + 1 >= d->stop ? d->start : page + 1;
}

/* Into the ring from `at` on, page by page. */
static void
ring_write (Dp8390 *d, unsigned *page, unsigned *offset, const uint8_t *bytes, size_t length)
{
  for (size_t i = 0; i < length; i++)
    {
      if (*offset == PAGE)
        {
          *page = next_page (d, *page);
          *offset = 0;
        }
      memory_write (d, (uint16_t)(*page * PAGE + (*offset)++), bytes[i]);
    }
}

static gboolean
receive (Dp8390 *d, const uint8_t *packet, size_t length)
{
  static const uint8_t zeroes[NET_SHORTEST];
  const size_t filled = MAX (length, NET_SHORTEST);
  const unsigned count = (unsigned)filled + NET_FRAME_CRC, needed = (count + HEADER + PAGE - 1) / PAGE;
  const uint32_t crc = GUINT32_TO_LE (net_frame_crc (packet, length, filled - length));
  unsigned page = d->current, offset = 0, next = page, there, boundary;
  uint8_t header[HEADER];

  if ((d->command & CR_STP) || !(d->command & CR_STA) || (d->tcr & TCR_LOOP) || length < NET_ETHER_HEADER
      || !passes (d, packet))
    return TRUE;
  if ((d->rcr & RCR_MON) || count > LONGEST || d->start >= d->stop || page < d->start || page >= d->stop)
    {
      d->missed += d->missed < 255;
      return TRUE;
    }
  /* One page before the ring's first, as Linux's driver counts, is its last. */
  boundary = d->boundary >= d->start && d->boundary < d->stop ? d->boundary : d->stop - 1u;
  there = boundary > page ? boundary - page : (unsigned)(d->stop - d->start) - (page - boundary);
  if (needed >= (unsigned)(d->stop - d->start))
    {
      d->missed += d->missed < 255;
      return TRUE;
    }
  if (needed >= there)
    {
      /* The chip would say that it has lost one (OVW).  Here the packet waits; but what lies there may have been acknowledged unseen, and then it is said again. */
      if (!(d->isr & ISR_PRX))
        raise_cause (d, ISR_PRX);
      return FALSE;
    }
  for (unsigned i = 0; i < needed; i++)
    next = next_page (d, next);
  d->receive_status = (uint8_t)(RSR_PRX | (net_is_multicast (packet) ? RSR_PHY : 0));
  header[0] = d->receive_status;
  header[1] = (uint8_t)next;
  header[2] = (uint8_t)count;
  header[3] = (uint8_t)(count >> 8);
  ring_write (d, &page, &offset, header, sizeof header);
  ring_write (d, &page, &offset, packet, length);
  ring_write (d, &page, &offset, zeroes, filled - length);
  ring_write (d, &page, &offset, (const uint8_t *)&crc, sizeof crc);
  d->current = (uint8_t)next;
  raise_cause (d, ISR_PRX);
  return TRUE;
}

static gboolean
on_receive (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  Dp8390 *d = opaque;
  gboolean taken;

  vm_lock (d->vm);
  taken = receive (d, packet, length);
  vm_unlock (d->vm);
  return taken;
}

/* -- Remote DMA: the data port ----------------------------------------------------------------------------------- */

static void
remote_begin (Dp8390 *d)
{
  switch (d->command & CR_REMOTE)
    {
    case REMOTE_READ:
    case REMOTE_WRITE:
      d->remote_left = d->remote_count;
      if (d->remote_left == 0)
        raise_cause (d, ISR_RDC);
      break;
    case REMOTE_SEND:
      /* The packet at the boundary, whose header says how long it is. */
      d->remote_address = (uint16_t)(d->boundary * PAGE);
      d->remote_left = (uint16_t)(memory_read (d, (uint16_t)(d->remote_address + 2))
                                  | memory_read (d, (uint16_t)(d->remote_address + 3)) << 8);
      break;
    default:
      break;
    }
}

static void
remote_next (Dp8390 *d)
{
  d->remote_address++;
  if (d->remote_address == d->stop * PAGE)
    d->remote_address = (uint16_t)(d->start * PAGE);
  if (d->remote_left > 0 && --d->remote_left == 0)
    {
      if ((d->command & CR_REMOTE) == REMOTE_SEND)
        {
          d->boundary = memory_read (d, (uint16_t)(d->boundary * PAGE + 1));
          net_port_listen (d->port);
        }
      raise_cause (d, ISR_RDC);
    }
}

/* Words where DCR says so; a wider access is several, a narrower one is one of which half is lost. */
static unsigned
bytes_of (const Dp8390 *d, unsigned size)
{
  return d->dcr & DCR_WTS ? MAX (size, 2) : size;
}

static uint32_t
data_read (Dp8390 *d, unsigned size)
{
  const unsigned n = bytes_of (d, size);
  uint32_t value = 0;

  for (unsigned i = 0; i < n; i++)
    {
      const uint32_t byte = d->remote_left > 0 ? memory_read (d, d->remote_address) : 0xff;

      value |= i < size ? byte << 8 * i : 0;
      if (d->remote_left > 0)
        remote_next (d);
    }
  return value;
}

static void
data_write (Dp8390 *d, uint32_t value, unsigned size)
{
  const unsigned n = bytes_of (d, size);

  for (unsigned i = 0; i < n && d->remote_left > 0; i++)
    {
      if ((d->command & CR_REMOTE) == REMOTE_WRITE)
        memory_write (d, d->remote_address, (uint8_t)(i < size ? value >> 8 * i : 0));
      remote_next (d);
    }
}

/* -- Registers ------------------------------------------------------------------------------------------------------ */

static void
write_command (Dp8390 *d, uint8_t value)
{
  const uint8_t old = d->command;

  /* TXP ends by itself, or with a reset of the chip; who says neither STA nor STP leaves it as it is. */
  d->command = (uint8_t)(value | (value & CR_STP ? 0 : old & (CR_TXP | CR_STA)));
  if (value & CR_STP)
    {
      d->command &= (uint8_t)~CR_TXP;
      d->isr |= ISR_RST;
      return;
    }
  if (value & CR_STA)
    d->isr &= (uint8_t)~ISR_RST;
  if ((value & CR_REMOTE) != 0 && !(value & 1 << 5))
    remote_begin (d);
  transmit (d);
  net_port_listen (d->port);
}

static void
write_page0 (Dp8390 *d, unsigned n, uint8_t value)
{
  switch (n)
    {
    case 1:
      d->start = value;
      break;
    case 2:
      d->stop = value;
      break;
    case P0_BNRY:
      d->boundary = value;
      net_port_listen (d->port);
      break;
    case 4:
      d->transmit_page = value;
      break;
    case P0_TBCR0:
      d->transmit_count = (uint16_t)((d->transmit_count & 0xff00) | value);
      break;
    case P0_TBCR1:
      d->transmit_count = (uint16_t)((d->transmit_count & 0xff) | value << 8);
      break;
    case P0_ISR:
      d->isr &= (uint8_t) ~(value & 0x7f);
      update_interrupt (d);
      if (value & ISR_PRX)
        net_port_listen (d->port);
      break;
    case P0_CRDA0:
      d->remote_address = (uint16_t)((d->remote_address & 0xff00) | value);
      break;
    case P0_CRDA1:
      d->remote_address = (uint16_t)((d->remote_address & 0xff) | value << 8);
      break;
    case P0_RBCR0:
      d->remote_count = (uint16_t)((d->remote_count & 0xff00) | value);
      break;
    case P0_RBCR1:
      d->remote_count = (uint16_t)((d->remote_count & 0xff) | value << 8);
      break;
    case P0_RCR:
      d->rcr = value;
      net_port_listen (d->port);
      break;
    case P0_TCR:
      d->tcr = value;
      break;
    case P0_DCR:
      d->dcr = value;
      break;
    case P0_IMR:
      d->imr = value;
      update_interrupt (d);
      break;
    default:
      break;
    }
}

static void
write_page1 (Dp8390 *d, unsigned n, uint8_t value)
{
  if (n >= P1_MAR)
    d->multicast[n - P1_MAR] = value;
  else if (n == P1_CURR)
    d->current = value;
  else
    d->address[n - 1] = value;
}

static uint8_t
read_page0 (Dp8390 *d, unsigned n)
{
  uint8_t value = 0;

  switch (n)
    {
    case P0_CLDA1:
      return d->current;
    case P0_BNRY:
      return d->boundary;
    case P0_TSR:
      return d->transmit_status;
    case P0_ISR:
      return d->isr;
    case P0_CRDA0:
      return (uint8_t)d->remote_address;
    case P0_CRDA1:
      return (uint8_t)(d->remote_address >> 8);
    case P0_RBCR0:
      return d->identity ? 'P' : 0xff;
    case P0_RBCR1:
      return d->identity ? 'C' : 0xff;
    case P0_RCR:
      return d->receive_status;
    case P0_IMR: /* CNTR2; a read clears it */
      value = d->missed;
      d->missed = 0;
      return value;
    default:
      return 0;
    }
}

static uint8_t
read_page1 (const Dp8390 *d, unsigned n)
{
  if (n >= P1_MAR)
    return d->multicast[n - P1_MAR];
  return n == P1_CURR ? d->current : d->address[n - 1];
}

static uint8_t
read_page2 (const Dp8390 *d, unsigned n)
{
  switch (n)
    {
    case 1:
      return d->start;
    case 2:
      return d->stop;
    case 4:
      return d->transmit_page;
    case P0_RCR:
      return d->rcr | 0xc0;
    case P0_TCR:
      return d->tcr | 0xe0;
    case P0_DCR:
      return d->dcr | 0x80;
    case P0_IMR:
      return d->imr | 0x80;
    default:
      return 0;
    }
}

uint32_t
dp8390_read (Dp8390 *d, unsigned offset, unsigned size)
{
  if (offset >= RESET_PORT)
    {
      dp8390_reset (d);
      return 0;
    }
  if (offset >= DATA_PORT)
    return data_read (d, size);
  if (size > 1)
    return G_MAXUINT32;
  if (offset == COMMAND)
    return d->command;
  switch (PAGE_OF (d->command))
    {
    case 0:
      return read_page0 (d, offset);
    case 1:
      return read_page1 (d, offset);
    case 2:
      return read_page2 (d, offset);
    default:
      return 0;
    }
}

void
dp8390_write (Dp8390 *d, unsigned offset, uint32_t value, unsigned size)
{
  if (offset >= RESET_PORT)
    return; /* the reading resets, the writing ends it */
  if (offset >= DATA_PORT)
    {
      data_write (d, value, size);
      return;
    }
  if (size > 1)
    return;
  if (offset == COMMAND)
    write_command (d, (uint8_t)value);
  else if (PAGE_OF (d->command) == 0)
    write_page0 (d, offset, (uint8_t)value);
  else if (PAGE_OF (d->command) == 1)
    write_page1 (d, offset, (uint8_t)value);
}

/* -- Life ------------------------------------------------------------------------------------------------------------- */

static const NetCard card = { .receive = on_receive, .room = on_room };

void
dp8390_init (Dp8390 *d, Vm *vm, NetPort *port)
{
  const NetMac mac = net_port_mac (port);

  d->vm = vm;
  d->port = port;
  for (unsigned i = 0; i < sizeof d->prom; i++)
    d->prom[i] = i / 2 < sizeof mac.bytes ? mac.bytes[i / 2] : i / 2 >= 14 ? 'W' : 0;
  net_port_attach (port, &card, d);
}

void
dp8390_reset (Dp8390 *d)
{
  d->command = CR_STP | 1 << 5;
  d->isr = ISR_RST;
  d->imr = d->rcr = d->tcr = d->dcr = 0;
  d->remote_left = 0;
  d->missed = d->transmit_status = d->receive_status = 0;
  update_interrupt (d);
}

void
dp8390_post_load (Dp8390 *d)
{
  update_interrupt (d);
  net_port_listen (d->port);
  transmit (d); /* what waited for room: this network is another one */
}
