/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From the transmit ring to the network.  8254x manual, 3.3-3.5.
 *
 * A packet is taken when its last descriptor is there: so nothing of one is ever half way, and the head stands at its first one until the network has it.  What
 * has more descriptors or bytes than any packet is skipped up to its end.  The ring is worked on in pieces, with a rest between them for what else happens on
 * the device loop.
 */
#define G_LOG_DOMAIN "e1000"

#include "net/e1000-private.h"

#include "net/packet.h"

#include <string.h>

#define MOST_DESCRIPTORS 256u /* of a packet */
#define PIECE            512u /* descriptors */
#define PIECE_BYTES      (4u * NET_MAX_PACKET)
#define REST             (20 * 1000ll) /* ns */
#define VLAN_TAG         4u

typedef struct
{
  uint64_t address;
  uint32_t low, high;
} Descriptor;

/* Of one packet: what its descriptors say. */
typedef struct
{
  unsigned queue;
  unsigned n;    /* descriptors */
  size_t length; /* bytes in E1000.packet, behind room for a tag */
  gboolean data; /* the first one was a data descriptor, not a legacy one */
  gboolean segments, insert_ip, insert_l4, tag, good;
  uint16_t special;
  uint8_t start, offset; /* legacy: where the sum begins, where it goes */
  gboolean insert;
} Packet;

typedef enum
{
  GOT_NONE, /* it isn't all there */
  GOT_CONTEXT,
  GOT_PACKET,
  GOT_SKIPPED,
} Got;

static Descriptor
descriptor_read (E1000 *e, unsigned queue, unsigned n)
{
  uint32_t words[4];

  dma_read (&e->pci.dma, e1000_ring_base (e, E1000_TDBAL + E1000_QUEUE * queue) + 16ull * n, words,
            sizeof words);
  return (Descriptor){
    .address = GUINT32_FROM_LE (words[0]) | (uint64_t)GUINT32_FROM_LE (words[1]) << 32,
    .low = GUINT32_FROM_LE (words[2]),
    .high = GUINT32_FROM_LE (words[3]),
  };
}

static gboolean
is_context (const Descriptor *d)
{
  return (d->low & TX_DEXT) && !(d->low & TX_TYPE_DATA);
}

static unsigned
next_of (unsigned n, unsigned size)
{
  return n + 1 < size ? n + 1 : 0;
}

static void
take_context (E1000Queue *queue, const Descriptor *d)
{
  E1000Context *context = d->low & TX_TSE ? &queue->segments : &queue->sums;

  *context = (E1000Context){ .ip = (uint32_t)d->address,
                             .l4 = (uint32_t)(d->address >> 32),
                             .length = d->low,
                             .more = d->high,
                             .valid = TRUE };
}

/* -- Gathering ----------------------------------------------------------------------------------------- */

static void
add_options (Packet *packet, const Descriptor *d)
{
  const gboolean data = (d->low & TX_DEXT) != 0;

  if (packet->n == 0)
    {
      packet->data = data;
      packet->segments = data && (d->low & TX_TSE);
      packet->insert_ip = data && (d->high & TX_POPTS_IXSM);
      packet->insert_l4 = data && (d->high & TX_POPTS_TXSM);
    }
  if (!data && (d->low & TX_IC))
    {
      packet->insert = TRUE;
      packet->offset = (uint8_t)(d->low >> TX_CSO_SHIFT);
      packet->start = (uint8_t)(d->high >> TX_CSS_SHIFT);
    }
  if (d->low & TX_VLE)
    {
      packet->tag = TRUE;
      packet->special = (uint16_t)(d->high >> TX_SPECIAL_SHIFT);
    }
}

static void
add_bytes (E1000 *e, Packet *packet, const Descriptor *d)
{
  const size_t length = d->low & (d->low & TX_DEXT ? TX_LENGTH : TX_LENGTH_LEGACY);

  if (!packet->good || length > sizeof e->packet - VLAN_TAG - packet->length)
    packet->good = FALSE;
  else if (!dma_read (&e->pci.dma, d->address, e->packet + VLAN_TAG + packet->length, length))
    packet->good = FALSE;
  else
    packet->length += length;
}

/* What stands at the head: a context, or a packet. */
static Got
gather (E1000 *e, unsigned n, unsigned head, unsigned tail, unsigned size, Packet *packet)
{
  E1000Queue *queue = &e->queues[n];

  *packet = (Packet){ .queue = n, .good = TRUE };
  for (unsigned at = head; at != tail; at = next_of (at, size))
    {
      const Descriptor d = descriptor_read (e, n, at);

      if (is_context (&d) && packet->n == 0)
        {
          take_context (queue, &d);
          packet->n = 1;
          return GOT_CONTEXT;
        }
      if (is_context (&d))
        {
          /* Between two parts of a packet there is none; the packet comes to nothing. */
          packet->good = FALSE;
        }
      else
        {
          add_options (packet, &d);
          if (!queue->skip)
            add_bytes (e, packet, &d);
        }
      packet->n++;
      if (!is_context (&d) && (d.low & TX_EOP))
        {
          const gboolean skipped = queue->skip;

          queue->skip = FALSE;
          return skipped || !packet->good ? GOT_SKIPPED : GOT_PACKET;
        }
      if (packet->n == MOST_DESCRIPTORS)
        {
          queue->skip = TRUE;
          return GOT_SKIPPED;
        }
    }
  return GOT_NONE;
}

/* -- Offloads ------------------------------------------------------------------------------------------ */

/* The sum over [start, end] goes to `at`; `end` 0: to the end of the packet.  What lies outside is left alone. */
static void
insert_sum (uint8_t *frame, size_t length, unsigned start, unsigned at, unsigned end)
{
  uint16_t sum;

  if (end == 0 || end >= length)
    end = (unsigned)length - 1;
  if (start > end || at + 2 > length)
    return;
  sum = net_checksum_fold (net_checksum_add (0, frame + start, end - start + 1));
  memcpy (frame + at, &sum, sizeof sum);
}

/* A sum over a UDP packet of 0 would say that there is none. */
static void
insert_l4 (uint8_t *frame, size_t length, const E1000Context *c)
{
  const unsigned start = c->l4 & 0xff, at = c->l4 >> 8 & 0xff;

  insert_sum (frame, length, start, at, c->l4 >> 16);
  if (!(c->length & TX_CONTEXT_TCP) && at + 2 <= length && net_get16 (frame + at) == 0)
    net_put16 (frame + at, 0xffff);
}

/* As in the headers that the network cuts for its segments, lengths are filled in: the card's driver leaves them to the card (3.5.7). */
static gboolean
prepare_segments (E1000 *e, const Packet *packet, uint8_t *frame, NetOffload *offload)
{
  const size_t length = packet->length;
  const E1000Context *c = &e->queues[packet->queue].segments;
  const unsigned ip = c->ip & 0xff, l4 = c->l4 & 0xff, sum = c->l4 >> 8 & 0xff;
  const unsigned header = c->more >> TX_HDRLEN_SHIFT & 0xff, size = c->more >> TX_MSS_SHIFT;
  const gboolean ip4 = (c->length & TX_CONTEXT_IP4) != 0;

  if (!c->valid || !(c->length & TX_CONTEXT_TCP) || size == 0 || header >= length)
    return FALSE;
  if (ip < NET_ETHER_HEADER || l4 < ip + (ip4 ? NET_IP4_HEADER : NET_IP6_HEADER) || sum != l4 + NET_TCP_SUM
      || header < l4 + NET_TCP_HEADER || length - ip > G_MAXUINT16)
    return FALSE;
  if (ip4)
    {
      net_put16 (frame + ip + NET_IP4_LENGTH, (unsigned)(length - ip));
      if (packet->insert_ip)
        {
          net_put16 (frame + ip + NET_IP4_SUM, 0);
          insert_sum (frame, length, ip, ip + NET_IP4_SUM, l4 - 1);
        }
    }
  else
    {
      net_put16 (frame + ip + NET_IP6_LENGTH, (unsigned)(length - ip - NET_IP6_HEADER));
    }
  const uint16_t pseudo
      = (uint16_t)~net_checksum_fold (net_checksum_pseudo (frame + ip, !ip4, NET_PROTOCOL_TCP, length - l4));

  memcpy (frame + sum, &pseudo, sizeof pseudo);
  *offload = (NetOffload){ .flags = NET_NEEDS_CHECKSUM,
                           .gso_type = ip4 ? NET_GSO_TCP4 : NET_GSO_TCP6,
                           .header_length = (uint16_t)header,
                           .gso_size = (uint16_t)size,
                           .checksum_start = (uint16_t)l4,
                           .checksum_offset = NET_TCP_SUM };
  return TRUE;
}

/* Whatever goes to another machine on this host need not be summed up. */
static gboolean
leave_sum (E1000 *e, const E1000Context *c, size_t length, NetOffload *offload)
{
  const unsigned start = c->l4 & 0xff, at = c->l4 >> 8 & 0xff;

  if (!(net_port_network_takes (e->port) & NET_CAN_CHECKSUM) || c->l4 >> 16 != 0 || start < NET_ETHER_HEADER
      || at < start || at + 2u > length)
    return FALSE;
  *offload = (NetOffload){ .flags = NET_NEEDS_CHECKSUM,
                           .checksum_start = (uint16_t)start,
                           .checksum_offset = (uint16_t)(at - start) };
  return TRUE;
}

/* Returns where the frame begins in E1000.packet; NULL: there is none. */
static uint8_t *
finish (E1000 *e, Packet *packet, NetOffload *offload)
{
  const E1000Context *sums = &e->queues[packet->queue].sums;
  uint8_t *frame = e->packet + VLAN_TAG;

  *offload = (NetOffload){ 0 };
  if (packet->length < NET_ETHER_HEADER)
    return NULL;
  if (packet->segments)
    {
      if (!prepare_segments (e, packet, frame, offload))
        return NULL;
    }
  else if (packet->data && sums->valid)
    {
      if (packet->insert_ip)
        insert_sum (frame, packet->length, sums->ip & 0xff, sums->ip >> 8 & 0xff, sums->ip >> 16);
      if (packet->insert_l4 && !leave_sum (e, sums, packet->length, offload))
        insert_l4 (frame, packet->length, sums);
    }
  else if (packet->insert)
    {
      insert_sum (frame, packet->length, packet->start, packet->offset, 0);
    }
  if (packet->tag && (e1000_get (e, E1000_CTRL) & CTRL_VME))
    {
      memmove (e->packet, frame, 12);
      frame = e->packet;
      net_put16 (frame + 12, e1000_get (e, E1000_VET) & 0xffff);
      net_put16 (frame + 14, packet->special);
      packet->length += VLAN_TAG;
      if (offload->flags & NET_NEEDS_CHECKSUM)
        offload->checksum_start += VLAN_TAG;
      if (offload->gso_type != NET_GSO_NONE)
        offload->header_length += VLAN_TAG;
    }
  if (packet->length < NET_SHORTEST && (e1000_get (e, E1000_TCTL) & TCTL_PSP))
    {
      memset (frame + packet->length, 0, NET_SHORTEST - packet->length);
      packet->length = NET_SHORTEST;
    }
  return frame;
}

/* -- The ring ------------------------------------------------------------------------------------------ */

static void
count_packet (E1000 *e, const uint8_t *frame, const NetOffload *offload, size_t length)
{
  const gboolean broadcast = (frame[0] & frame[1] & frame[2] & frame[3] & frame[4] & frame[5]) == 0xff;

  if (offload->gso_type != NET_GSO_NONE)
    e1000_count (e, E1000_TSCTC);
  e1000_count (e, E1000_GPTC);
  e1000_count (e, E1000_TPT);
  e1000_count_bytes (e, E1000_GOTCL, length + E1000_CRC);
  e1000_count_bytes (e, E1000_TOTL, length + E1000_CRC);
  e1000_count_size (e, E1000_PTC64, length + E1000_CRC);
  if (broadcast)
    e1000_count (e, E1000_BPTC);
  else if (net_is_multicast (frame))
    e1000_count (e, E1000_MPTC);
}

/* FALSE: the network has no room. */
static gboolean
send_packet (E1000 *e, Packet *packet)
{
  NetOffload offload;
  uint8_t *frame = finish (e, packet, &offload);
  const gboolean back = e1000_phy_loops (e) || (e1000_get (e, E1000_RCTL) & RCTL_LBM);

  if (frame == NULL)
    {
      device_log (&e->pci.device,
                  "a packet of %zu bytes was dropped: what its descriptors say makes no sense",
                  packet->length);
      return TRUE;
    }
  if (back && offload.flags == 0)
    {
      e1000_receive_frame (e, &offload, frame, packet->length);
    }
  else if (!back)
    {
      const struct iovec piece = { frame, packet->length };

      if (!net_port_send (e->port, &offload, &piece, 1))
        return FALSE;
    }
  count_packet (e, frame, &offload, packet->length);
  return TRUE;
}

/* Status of the descriptors from the head on, which moves behind them. */
static void
complete (E1000 *e, unsigned queue, unsigned n, unsigned size)
{
  const uint64_t base = e1000_ring_base (e, E1000_TDBAL + E1000_QUEUE * queue);
  unsigned at = e1000_get (e, E1000_TDH + E1000_QUEUE * queue);
  gboolean told = FALSE, delayed = TRUE;

  for (; n > 0; n--, at = next_of (at, size))
    {
      const Descriptor d = descriptor_read (e, queue, at);

      if (!(d.low & TX_RS))
        continue;
      dma_write32 (&e->pci.dma, base + 16ull * at + 12, d.high | TX_STATUS_DD);
      if (is_context (&d))
        continue;
      told = TRUE;
      delayed &= (d.low & TX_IDE) != 0;
    }
  e1000_set (e, E1000_TDH + E1000_QUEUE * queue, at);
  if (told)
    e1000_transmitted (e, queue, delayed);
}

static gboolean
may_send (const E1000 *e)
{
  return (e1000_get (e, E1000_TCTL) & TCTL_EN) && e1000_link (e) && dma_enabled (&e->pci.dma);
}

static gboolean
waits (const E1000 *e, unsigned queue)
{
  return e1000_get (e, E1000_TDH + E1000_QUEUE * queue) != e1000_get (e, E1000_TDT + E1000_QUEUE * queue);
}

/* A piece of one queue; TRUE: there may be more. */
static gboolean
work_on (E1000 *e, unsigned queue)
{
  const unsigned first = E1000_QUEUE * queue;
  const unsigned size = e1000_ring_size (e1000_get (e, E1000_TDLEN + first));
  size_t bytes = 0;
  gboolean sent = FALSE, more = TRUE;

  for (unsigned n = 0; n < PIECE && bytes < PIECE_BYTES;)
    {
      const unsigned head = e1000_get (e, E1000_TDH + first), tail = e1000_get (e, E1000_TDT + first);
      Packet packet;
      Got got;

      more = may_send (e) && head != tail && head < size && tail < size;
      if (!more)
        break;
      got = gather (e, queue, head, tail, size, &packet);
      more = got != GOT_NONE && (got != GOT_PACKET || send_packet (e, &packet));
      if (!more)
        break;
      complete (e, queue, packet.n, size);
      n += packet.n;
      bytes += packet.length;
      sent = TRUE;
    }
  if (sent && !waits (e, queue))
    e1000_interrupt (e, ICR_TXQE);
  return more;
}

void
e1000_on_work (void *opaque)
{
  E1000 *e = opaque;
  gboolean more = FALSE;

  for (unsigned queue = 0; queue < (e->modern ? E1000_QUEUES : 1); queue++)
    more |= work_on (e, queue);
  e->next_work = e1000_now (e) + REST;
  if (more)
    vm_timer_arm (&e->work, e->next_work);
}

void
e1000_kick (E1000 *e)
{
  int64_t now;

  if (!(waits (e, 0) || (e->modern && waits (e, 1))) || !may_send (e) || vm_timer_armed (&e->work))
    return;
  /* A saved state may name any time: no more than a rest counts. */
  now = e1000_now (e);
  vm_timer_arm (&e->work, now < e->next_work && e->next_work - now <= REST ? e->next_work : now);
}
