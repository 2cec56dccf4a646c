/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From the network to the receive ring: filters, VLAN, checksums, descriptors, and waking up.  8254x manual, 3.2, 13.4.22, 13.5, 13.6.
 */
#define G_LOG_DOMAIN "e1000"

#include "net/e1000-private.h"

#include "net/frame.h"
#include "net/packet.h"
#include "pci/pm.h"

#include <string.h>

#define LONGEST      1518u  /* with CRC, without a tag */
#define LONGEST_LONG 16384u /* RCTL.LPE */
#define VLAN_TAG     4u

/* -- Filters ------------------------------------------------------------------------------------------- */

static gboolean
is_broadcast (const uint8_t *packet)
{
  return (packet[0] & packet[1] & packet[2] & packet[3] & packet[4] & packet[5]) == 0xff;
}

static gboolean
is_tagged (const E1000 *e, const uint8_t *packet)
{
  return net_get16 (packet + 12) == (e1000_get (e, E1000_VET) & 0xffff);
}

static gboolean
is_exact (const E1000 *e, const uint8_t *packet)
{
  const uint32_t low
      = packet[0] | (uint32_t)packet[1] << 8 | (uint32_t)packet[2] << 16 | (uint32_t)packet[3] << 24;
  const uint32_t high = packet[4] | (uint32_t)packet[5] << 8;

  for (unsigned i = 0; i < E1000_N_ADDRESSES; i++)
    {
      const uint32_t rah = e1000_get (e, E1000_RAL + 8 * i + 4);

      /* Address select 0 is the destination; the source is compared in a mode for tests. */
      if ((rah & RAH_VALID) && (rah >> 16 & 3) == 0 && (rah & 0xffff) == high
          && e1000_get (e, E1000_RAL + 8 * i) == low)
        return TRUE;
    }
  return FALSE;
}

/* 13.5.1: twelve of the address's upper bits, which ones RCTL.MO says. */
static gboolean
is_in_multicast_table (const E1000 *e, const uint8_t *packet)
{
  static const uint8_t shifts[4] = { 4, 3, 2, 0 };
  const unsigned shift = shifts[e1000_get (e, E1000_RCTL) >> RCTL_MO_SHIFT & 3];
  const unsigned hash = ((unsigned)(packet[5] << 8 | packet[4]) >> shift) & 0xfff;

  return e1000_get (e, E1000_MTA + 4 * (hash >> 5)) >> (hash & 31) & 1;
}

static gboolean
passes_vlan (const E1000 *e, const uint8_t *packet, size_t length)
{
  const uint32_t rctl = e1000_get (e, E1000_RCTL);
  unsigned id;

  if (!(rctl & RCTL_VFE) || length < NET_ETHER_HEADER + VLAN_TAG || !is_tagged (e, packet))
    return TRUE;
  id = net_get16 (packet + 14);
  if ((rctl & RCTL_CFIEN) && (id >> 12 & 1) != (rctl & RCTL_CFI ? 1 : 0))
    return FALSE;
  return e1000_get (e, E1000_VFTA + 4 * (id >> 5 & (E1000_N_VFTA - 1))) >> (id & 31) & 1;
}

static gboolean
passes (const E1000 *e, const uint8_t *packet, size_t length, gboolean *promiscuous)
{
  const uint32_t rctl = e1000_get (e, E1000_RCTL);

  *promiscuous = FALSE;
  if (!passes_vlan (e, packet, length))
    return FALSE;
  if (is_broadcast (packet) && (rctl & RCTL_BAM))
    return TRUE;
  if (is_exact (e, packet) || (net_is_multicast (packet) && is_in_multicast_table (e, packet)))
    return TRUE;
  *promiscuous = (rctl & (net_is_multicast (packet) ? RCTL_MPE : RCTL_UPE)) != 0;
  return *promiscuous;
}

/* -- Descriptors --------------------------------------------------------------------------------------- */

/* Of one packet: what goes into the last descriptor, and where the bytes are. */
typedef struct
{
  const uint8_t *head, *tail; /* without a tag that was taken out: 12 bytes, and the rest */
  size_t head_length, tail_length;
  size_t length; /* with padding and CRC */
  uint8_t status, errors;
  uint16_t sum, special;
  uint8_t end[NET_SHORTEST + E1000_CRC]; /* padding and CRC */
  size_t end_length;
} Frame;

/* Bytes [from, from + length) of the frame.  FALSE: there is no memory. */
static gboolean
write_bytes (E1000 *e, const Frame *frame, size_t from, uint64_t address, size_t length)
{
  const struct
  {
    const uint8_t *bytes;
    size_t length;
  } parts[3] = { { frame->head, frame->head_length },
                 { frame->tail, frame->tail_length },
                 { frame->end, frame->end_length } };

  for (unsigned i = 0; i < G_N_ELEMENTS (parts) && length > 0; i++)
    {
      if (from >= parts[i].length)
        {
          from -= parts[i].length;
          continue;
        }
      const size_t n = MIN (length, parts[i].length - from);

      if (!dma_write (&e->pci.dma, address, parts[i].bytes + from, n))
        return FALSE;
      address += n;
      length -= n;
      from = 0;
    }
  return TRUE;
}

static unsigned
buffer_size (const E1000 *e)
{
  const uint32_t rctl = e1000_get (e, E1000_RCTL);
  const unsigned code = rctl >> RCTL_BSIZE_SHIFT & 3;

  if (rctl & RCTL_BSEX)
    return code == 0 ? 2048 : 32768u >> code;
  return 2048u >> code;
}

/* 16 bits, as words of the host. */
static uint32_t
part_sum (const uint8_t *bytes, size_t length, size_t from)
{
  return from < length ? (uint16_t)~net_checksum_fold (net_checksum_add (0, bytes + from, length - from)) : 0;
}

/* The frame's sums, as RXCSUM asks for them. */
static void
look_at_sums (E1000 *e, Frame *frame, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  const uint32_t rxcsum = e1000_get (e, E1000_RXCSUM), start = rxcsum & RXCSUM_START;
  uint32_t sum = 0;
  NetSums sums;

  sum = part_sum (frame->tail, frame->tail_length,
                  start > frame->head_length ? start - frame->head_length : 0);
  if (start < frame->head_length && (frame->head_length - start) & 1)
    sum = GUINT16_SWAP_LE_BE ((uint16_t)sum); /* what follows an odd byte counts in its other half */
  sum += part_sum (frame->head, frame->head_length, start);
  frame->sum = GUINT16_FROM_BE ((uint16_t)~net_checksum_fold (sum));

  if (!(rxcsum & (RXCSUM_IP | RXCSUM_TCP_UDP)))
    {
      frame->status |= RX_STATUS_IXSM;
      return;
    }
  net_look_at_sums (packet, length, &sums);
  if (offload->flags & NET_CHECKSUM_GOOD)
    sums.l4_good = sums.l4_checked;
  if ((rxcsum & RXCSUM_IP) && sums.ip4 && sums.ip_checked)
    {
      frame->status |= RX_STATUS_IPCS;
      frame->errors |= sums.ip_good ? 0 : RX_ERROR_IPE;
    }
  if ((rxcsum & RXCSUM_TCP_UDP) && sums.l4_checked && (sums.ip4 || (rxcsum & RXCSUM_IP6)))
    {
      frame->status |= RX_STATUS_TCPCS;
      frame->errors |= sums.l4_good ? 0 : RX_ERROR_TCPE;
    }
}

static void
frame_prepare (E1000 *e, Frame *frame, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  const gboolean strip = (e1000_get (e, E1000_CTRL) & CTRL_VME) && length >= NET_ETHER_HEADER + VLAN_TAG
                         && is_tagged (e, packet);

  *frame = (Frame){ .head = packet, .head_length = strip ? 12 : length, .tail = packet };
  if (strip)
    {
      frame->special = net_get16 (packet + 14);
      frame->status |= RX_STATUS_VP;
      frame->tail = packet + 12 + VLAN_TAG;
      frame->tail_length = length - 12 - VLAN_TAG;
    }
  look_at_sums (e, frame, offload, packet, length);
  if (length < NET_SHORTEST)
    frame->end_length = NET_SHORTEST - length;
  if (!(e1000_get (e, E1000_RCTL) & RCTL_SECRC))
    {
      uint32_t crc = GUINT32_TO_LE (net_frame_crc (packet, length, frame->end_length));

      memcpy (frame->end + frame->end_length, &crc, sizeof crc);
      frame->end_length += E1000_CRC;
    }
  frame->length = frame->head_length + frame->tail_length + frame->end_length;
}

/* How the ring is to be read: what a descriptor has of buffers. */
typedef struct
{
  unsigned size;      /* bytes of a descriptor */
  unsigned n_buffers; /* of one */
  size_t buffers[4], room;
  gboolean extended; /* 82574, 7.1.5: the status has another shape */
  unsigned ring;     /* descriptors */
  unsigned step;     /* of head and tail, which count in 16 bytes, from one to the next */
} Layout;

static Layout
layout_of (const E1000 *e)
{
  const uint32_t psrctl = e1000_get (e, E1000E_PSRCTL);
  Layout layout = { .size = 16, .n_buffers = 1, .buffers = { buffer_size (e) } };

  layout.extended = e->modern && (e1000_get (e, E1000E_RFCTL) & E1000E_RFCTL_EXTENDED);
  if (layout.extended && (e1000_get (e, E1000_RCTL) & E1000E_RCTL_SPLIT) == E1000E_RCTL_SPLIT_ON)
    {
      /* 7.1.6: the first in 128 bytes, three in 1024 bytes. */
      layout.size = 32;
      layout.n_buffers = 4;
      layout.buffers[0] = (psrctl & 0x7f) * 128;
      for (unsigned i = 1; i < 4; i++)
        layout.buffers[i] = (size_t)(psrctl >> 8 * i & 0x3f) * 1024;
    }
  for (unsigned i = 0; i < layout.n_buffers; i++)
    layout.room += layout.buffers[i];
  layout.step = layout.size / 16;
  layout.ring = e1000_ring_size (e1000_get (e, E1000_RDLEN)) / layout.step;
  return layout;
}

static void
put16 (uint8_t *at, unsigned value)
{
  at[0] = (uint8_t)value;
  at[1] = (uint8_t)(value >> 8);
}

/* The descriptor as the driver finds it; the status stands where it is written with the last bytes. */
static void
write_back (E1000 *e, const Layout *layout, uint64_t descriptor, const Frame *frame, gboolean last,
            const size_t lengths[4])
{
  const uint8_t status = (uint8_t)(RX_STATUS_DD | (last ? RX_STATUS_EOP | frame->status : 0));
  uint8_t back[32] = { 0 };

  if (!layout->extended)
    {
      put16 (back, (unsigned)lengths[0]);
      put16 (back + 2, frame->sum);
      back[4] = status;
      back[5] = last ? frame->errors : 0;
      put16 (back + 6, last ? frame->special : 0);
      dma_write (&e->pci.dma, descriptor + 8, back, 8);
      return;
    }
  put16 (back + 6, frame->sum);
  back[8] = status;
  back[11] = last ? frame->errors : 0;
  put16 (back + 12, (unsigned)lengths[0]);
  put16 (back + 14, last ? frame->special : 0);
  for (unsigned i = 1; i < 4; i++)
    put16 (back + 16 + 2 * i, (unsigned)lengths[i]);
  if (layout->size == 32)
    dma_write (&e->pci.dma, descriptor + 16, back + 16, 16);
  dma_write (&e->pci.dma, descriptor, back, 8);
  dma_write (&e->pci.dma, descriptor + 8, back + 8, 8);
}

/* Into `n` descriptors from the head on, which there are. */
static void
write_frame (E1000 *e, const Layout *layout, const Frame *frame, unsigned n)
{
  unsigned at = e1000_get (e, E1000_RDH) / layout->step;
  size_t from = 0;

  for (; n > 0; n--, at = at + 1 < layout->ring ? at + 1 : 0)
    {
      const uint64_t descriptor = e1000_ring_base (e, E1000_RDBAL) + (uint64_t)layout->size * at;
      size_t lengths[4] = { 0 };
      uint64_t addresses[4];

      dma_read (&e->pci.dma, descriptor, addresses, 8 * layout->n_buffers);
      for (unsigned i = 0; i < layout->n_buffers; i++)
        {
          const uint64_t address = GUINT64_FROM_LE (addresses[i]);

          lengths[i] = MIN (layout->buffers[i], frame->length - from);
          /* A descriptor may be without a buffer: 3.2. */
          if (address != 0 && lengths[i] > 0 && !write_bytes (e, frame, from, address, lengths[i]))
            device_log (&e->pci.device, "a buffer for packets lies outside of memory");
          from += lengths[i];
        }
      write_back (e, layout, descriptor, frame, n == 1, lengths);
    }
  e1000_set (e, E1000_RDH, at * layout->step);
}

/* -- Waking up ----------------------------------------------------------------------------------------- */

static gboolean
is_magic (const E1000 *e, const uint8_t *packet, size_t length)
{
  const uint32_t low = e1000_get (e, E1000_RAL), high = e1000_get (e, E1000_RAL + 4);
  uint8_t pattern[17 * 6];

  memset (pattern, 0xff, 6);
  for (unsigned i = 1; i < 17; i++)
    for (unsigned k = 0; k < 6; k++)
      pattern[6 * i + k] = (uint8_t)(k < 4 ? low >> 8 * k : high >> 8 * (k - 4));
  return memmem (packet, length, pattern, sizeof pattern) != NULL;
}

static gboolean
is_arp (const uint8_t *packet, size_t length)
{
  return length >= NET_ETHER_HEADER && is_broadcast (packet) && net_get16 (packet + 12) == 0x0806;
}

/* 13.6: what wakes the machine.  The packet itself is not kept for the driver. */
static void
look_for_wake (E1000 *e, const uint8_t *packet, size_t length)
{
  const uint32_t wuc = e1000_get (e, E1000_WUC);
  uint32_t wufc = e1000_get (e, E1000_WUFC), found = 0;

  if (wuc & WUC_APME)
    wufc |= WUFC_MAGIC;
  if (!(wuc & (WUC_PME_ENABLE | WUC_APME)) || wufc == 0)
    return;
  if ((wufc & WUFC_MAGIC) && is_magic (e, packet, length))
    found |= WUFC_MAGIC;
  if ((wufc & WUFC_EXACT) && is_exact (e, packet))
    found |= WUFC_EXACT;
  if ((wufc & WUFC_MULTICAST) && net_is_multicast (packet) && !is_broadcast (packet)
      && is_in_multicast_table (e, packet))
    found |= WUFC_MULTICAST;
  if ((wufc & WUFC_BROADCAST) && is_broadcast (packet))
    found |= WUFC_BROADCAST;
  if ((wufc & WUFC_ARP) && is_arp (packet, length))
    found |= WUFC_ARP;
  if (found == 0)
    return;
  e1000_set (e, E1000_WUS, e1000_get (e, E1000_WUS) | found);
  e1000_set (e, E1000_WUC, wuc | WUC_PME_STATUS);
  pci_pm_wake (&e->pci, "a packet came that wakes it");
}

/* -- The ring ------------------------------------------------------------------------------------------ */

static void
count_packet (E1000 *e, const uint8_t *packet, size_t length)
{
  e1000_count (e, E1000_GPRC);
  e1000_count (e, E1000_TPR);
  e1000_count_bytes (e, E1000_GORCL, length);
  e1000_count_bytes (e, E1000_TORL, length);
  e1000_count_size (e, E1000_PRC64, length);
  if (is_broadcast (packet))
    e1000_count (e, E1000_BPRC);
  else if (net_is_multicast (packet))
    e1000_count (e, E1000_MPRC);
}

static gboolean
is_too_long (E1000 *e, const uint8_t *packet, size_t length)
{
  const size_t most = e1000_get (e, E1000_RCTL) & RCTL_LPE ? LONGEST_LONG
                                                           : LONGEST + (is_tagged (e, packet) ? VLAN_TAG : 0);

  if (length + E1000_CRC <= most)
    return FALSE;
  e1000_count (e, E1000_ROC);
  return TRUE;
}

/* As many descriptors are left as RCTL.RDMTS warns at. */
static gboolean
is_low (const E1000 *e, unsigned before, unsigned after, unsigned ring)
{
  const unsigned threshold = ring >> (1 + (e1000_get (e, E1000_RCTL) >> RCTL_RDMTS_SHIFT & 3));

  return before > threshold && after <= threshold;
}

gboolean
e1000_receive_frame (E1000 *e, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  const Layout layout = layout_of (e);
  const unsigned ring = layout.ring;
  const unsigned head = e1000_get (e, E1000_RDH) / layout.step, tail = e1000_get (e, E1000_RDT) / layout.step;
  unsigned there, needed;
  gboolean promiscuous;
  Frame frame;

  if (length < NET_ETHER_HEADER || !e1000_link (e))
    return TRUE;
  look_for_wake (e, packet, length);
  if (!(e1000_get (e, E1000_RCTL) & RCTL_EN) || !dma_enabled (&e->pci.dma) || ring == 0 || layout.room == 0
      || head >= ring || tail >= ring)
    return TRUE;
  if (!passes (e, packet, length, &promiscuous) || is_too_long (e, packet, length))
    return TRUE;

  frame_prepare (e, &frame, offload, packet, length);
  frame.status |= promiscuous ? RX_STATUS_PIF : 0;
  needed = (unsigned)((frame.length + layout.room - 1) / layout.room);
  there = tail >= head ? tail - head : ring - head + tail;
  if (needed > ring - 1)
    {
      e1000_count (e, E1000_MPC);
      return TRUE;
    }
  if (needed > there)
    return FALSE;
  write_frame (e, &layout, &frame, needed);
  count_packet (e, packet, MAX (length, NET_SHORTEST) + E1000_CRC);
  if (is_low (e, there, there - needed, ring))
    e1000_interrupt (e, ICR_RXDMT0);
  e1000_received (e);
  return TRUE;
}

void
e1000_listen (E1000 *e)
{
  net_port_listen (e->port);
}
