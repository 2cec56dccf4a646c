/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Transmission: four registers in turn, or rings of descriptors (RTL8139C+ data sheet, 9.2), in pieces with a rest between them.
 */
#define G_LOG_DOMAIN "rtl8139"

#include "net/rtl8139-private.h"

#include "net/packet.h"

#include <string.h>

#define PIECE            256u          /* descriptors */
#define MOST_DESCRIPTORS 64u           /* of a packet */
#define RING             64u           /* descriptors, unless one says that it is the last */
#define REST             (20 * 1000ll) /* ns */
#define VLAN_TAG         4u

/* Descriptor, first and second word. */
enum
{
  TX_SIZE = 0xffff,
  TX_TCP = 1 << 16,
  TX_UDP = 1 << 17,
  TX_IP = 1 << 18,
  TX_MSS_SHIFT = 16,
  TX_MSS = 0x7ff,
  TX_LARGE = 1 << 27,
  TX_LAST = 1 << 28,
  TX_FIRST = 1 << 29,
  TX_END = 1 << 30,
  TX_TAG = 1 << 17,
};
#define TX_OWN (1u << 31)

typedef struct
{
  uint32_t options, vlan;
  uint64_t address;
} Descriptor;

static gboolean
loops (const Rtl8139 *r)
{
  return (rtl_get32 (r, RTL_TCR) & TCR_LOOPBACK) == TCR_LOOPBACK;
}

/* FALSE: the network has no room. */
static gboolean
send_frame (Rtl8139 *r, const NetOffload *offload, uint8_t *frame, size_t length)
{
  const struct iovec piece = { frame, length };

  if (loops (r))
    {
      if (offload->flags == 0)
        rtl_receive (r, offload, frame, length);
    }
  else if (!net_port_send (r->port, offload, &piece, 1))
    return FALSE;
  r->counters.sent++;
  return TRUE;
}

/* -- Registers ------------------------------------------------------------------------------------------ */

static gboolean
send_registers (Rtl8139 *r)
{
  while (r->started >> r->next_tx & 1)
    {
      const unsigned tsd = RTL_TSD + 4u * r->next_tx;
      const uint32_t value = rtl_get32 (r, tsd);
      const size_t length = value & TSD_SIZE;
      const NetOffload offload = { 0 };

      if (dma_read (&r->pci.dma, rtl_get32 (r, RTL_TSAD + 4u * r->next_tx), r->packet, length)
          && !send_frame (r, &offload, r->packet, length))
        return FALSE;
      rtl_set32 (r, tsd, value | TSD_OWN | TSD_TOK);
      r->started &= (uint8_t) ~(1u << r->next_tx);
      r->next_tx = (r->next_tx + 1) % RTL_N_TX;
      rtl_interrupt (r, ISR_TOK);
    }
  return TRUE;
}

/* -- Descriptors ---------------------------------------------------------------------------------------- */

static uint64_t
ring_of (const Rtl8139 *r, unsigned queue)
{
  return rtl_address (r, RTL_TSAD + 8 * queue) & ~255ull;
}

static Descriptor
descriptor_read (Rtl8139 *r, unsigned queue, unsigned n)
{
  uint32_t words[4];

  if (!dma_read (&r->pci.dma, ring_of (r, queue) + 16ull * n, words, sizeof words))
    return (Descriptor){ 0 };
  return (Descriptor){ .options = GUINT32_FROM_LE (words[0]),
                       .vlan = GUINT32_FROM_LE (words[1]),
                       .address = GUINT32_FROM_LE (words[2]) | (uint64_t)GUINT32_FROM_LE (words[3]) << 32 };
}

static unsigned
next_of (const Descriptor *d, unsigned n)
{
  return d->options & TX_END || n + 1 >= RING ? 0 : n + 1;
}

/* The sums that the first descriptor asks for, and segments.  FALSE: it makes no sense. */
static gboolean
do_offloads (uint8_t *frame, size_t length, uint32_t options, NetOffload *offload)
{
  unsigned type, l3 = net_ether_payload (frame, length, &type), l4;
  const gboolean large = (options & TX_LARGE) != 0;
  uint16_t sum;

  if (!large && !(options & (TX_IP | TX_TCP | TX_UDP)))
    return TRUE;
  if (type != NET_TYPE_IP4 || length < l3 + NET_IP4_HEADER)
    return !large;
  l4 = l3 + (frame[l3] & 15u) * 4u;
  if (l4 < l3 + NET_IP4_HEADER || l4 >= length || length - l3 > G_MAXUINT16)
    return !large;
  if (large || (options & TX_IP))
    {
      net_put16 (frame + l3 + NET_IP4_SUM, 0);
      sum = net_checksum_fold (net_checksum_add (0, frame + l3, l4 - l3));
      memcpy (frame + l3 + NET_IP4_SUM, &sum, sizeof sum);
    }
  const gboolean tcp = large || (options & TX_TCP);
  const uint8_t protocol = tcp ? NET_PROTOCOL_TCP : NET_PROTOCOL_UDP;
  const unsigned at = l4 + (tcp ? (unsigned)NET_TCP_SUM : (unsigned)NET_UDP_SUM);

  if (!large && !(options & (TX_TCP | TX_UDP)))
    return TRUE;
  if (length < l4 + (tcp ? NET_TCP_HEADER : NET_UDP_HEADER))
    return !large;
  sum = (uint16_t)~net_checksum_fold (net_checksum_pseudo (frame + l3, FALSE, protocol, length - l4));
  memcpy (frame + at, &sum, sizeof sum);
  if (!large)
    {
      sum = net_checksum_fold (net_checksum_add (0, frame + l4, length - l4));
      sum = sum == 0 && !tcp ? 0xffff : sum;
      memcpy (frame + at, &sum, sizeof sum);
      return TRUE;
    }
  *offload = (NetOffload){ .flags = NET_NEEDS_CHECKSUM,
                           .gso_type = NET_GSO_TCP4,
                           .header_length = (uint16_t)(l4 + (frame[l4 + NET_TCP_OFFSET] >> 4) * 4u),
                           .gso_size = (uint16_t)(options >> TX_MSS_SHIFT & TX_MSS),
                           .checksum_start = (uint16_t)l4,
                           .checksum_offset = NET_TCP_SUM };
  return offload->gso_size > 0 && offload->header_length < length;
}

/* A packet's bytes from descriptor `n` on go to r->packet behind room for a tag; how many descriptors it has, or 0: it isn't all there. */
static unsigned
gather (Rtl8139 *r, unsigned queue, unsigned n, Descriptor *first, size_t *length, gboolean *good)
{
  *length = 0;
  *good = TRUE;
  for (unsigned count = 1; count <= MOST_DESCRIPTORS; count++)
    {
      const Descriptor d = descriptor_read (r, queue, n);
      const size_t size = d.options & TX_SIZE;

      if (!(d.options & TX_OWN))
        return 0;
      if (count == 1)
        *first = d;
      *good &= size <= sizeof r->packet - VLAN_TAG - *length
               && dma_read (&r->pci.dma, d.address, r->packet + VLAN_TAG + *length, size);
      *length += *good ? size : 0;
      if (d.options & TX_LAST)
        return count;
      n = next_of (&d, n);
    }
  *good = FALSE;
  return MOST_DESCRIPTORS;
}

static void
give_back (Rtl8139 *r, unsigned queue, unsigned count)
{
  for (; count > 0; count--)
    {
      const unsigned n = r->position[queue];
      const Descriptor d = descriptor_read (r, queue, n);

      dma_write32 (&r->pci.dma, ring_of (r, queue) + 16ull * n, d.options & ~TX_OWN);
      r->position[queue] = next_of (&d, n);
    }
}

/* One packet; FALSE: there is none, or no room in the network. */
static gboolean
send_descriptors (Rtl8139 *r, unsigned queue, unsigned *count)
{
  uint8_t *frame = r->packet + VLAN_TAG;
  NetOffload offload = { 0 };
  Descriptor first;
  gboolean good;
  size_t length;

  *count = gather (r, queue, r->position[queue], &first, &length, &good);
  if (*count == 0)
    {
      r->polled &= (uint8_t) ~(1u << queue);
      rtl_interrupt (r, ISR_NO_DESCRIPTOR);
      return FALSE;
    }
  good = good && length >= NET_ETHER_HEADER && do_offloads (frame, length, first.options, &offload);
  if (good && (first.vlan & TX_TAG))
    {
      memmove (r->packet, frame, 12);
      frame = r->packet;
      net_put16 (frame + 12, NET_TYPE_VLAN);
      net_put16 (frame + 14, GUINT16_SWAP_LE_BE ((uint16_t)first.vlan));
      length += VLAN_TAG;
      offload.checksum_start += offload.flags & NET_NEEDS_CHECKSUM ? VLAN_TAG : 0;
      offload.header_length += offload.gso_type != NET_GSO_NONE ? VLAN_TAG : 0;
    }
  if (good && !send_frame (r, &offload, frame, length))
    return FALSE;
  give_back (r, queue, *count);
  rtl_interrupt (r, ISR_TOK);
  return TRUE;
}

/* -- Work ------------------------------------------------------------------------------------------------ */

static gboolean
may_send (const Rtl8139 *r)
{
  return (r->reg[RTL_CR] & CR_TE) && dma_enabled (&r->pci.dma);
}

void
rtl_on_work (void *opaque)
{
  Rtl8139 *r = opaque;
  gboolean more = TRUE;
  unsigned count;

  r->next_work = rtl_now (r) + REST;
  if (!may_send (r))
    return;
  if (!(rtl_get16 (r, RTL_CPCR) & CPCR_TX))
    {
      send_registers (r);
      return;
    }
  for (unsigned n = 0; n < PIECE && more; n += count)
    {
      const unsigned queue = r->polled & 2 ? 1 : 0; /* high priority first */

      count = 1;
      if (!(r->polled & 3))
        return;
      more = send_descriptors (r, queue, &count) || !(r->polled >> queue & 1);
    }
  if (more && (r->polled & 3))
    vm_timer_arm (&r->work, r->next_work);
}

void
rtl_kick (Rtl8139 *r)
{
  int64_t now;

  if (!may_send (r) || !(r->started || r->polled) || vm_timer_armed (&r->work))
    return;
  /* A saved state may name any time: no more than a rest counts. */
  now = rtl_now (r);
  vm_timer_arm (&r->work, now < r->next_work && r->next_work - now <= REST ? r->next_work : now);
}
