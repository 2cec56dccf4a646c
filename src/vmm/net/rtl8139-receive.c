/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reception: filters, the ring of bytes (RTL8139C data sheet, 7.1), the ring of descriptors (RTL8139C+ data sheet, 9.3), waking up.
 */
#define G_LOG_DOMAIN "rtl8139"

#include "net/rtl8139-private.h"

#include "net/frame.h"
#include "net/packet.h"
#include "pci/pm.h"

#include <string.h>

#define RING_HEADER 4u  /* before each packet: status, length */
#define CAPR_OFFSET 16u /* CAPR is that much behind where the driver reads */
#define RING        64u /* descriptors, unless one says that it is the last */
#define VLAN_TAG    4u
#define LONGEST     4096u               /* a frame with CRC */
#define RETRY       (2 * 1000 * 1000ll) /* ns */

/* Status before a packet. */
enum
{
  STATUS_ROK = 1 << 0,
  STATUS_BAR = 1 << 13,
  STATUS_PAM = 1 << 14,
  STATUS_MAR = 1 << 15,
};
/* Descriptor, first word: what it was given with, and status. */
enum
{
  RX_SIZE = 0x1fff,
  RX_END = 1 << 30,
  RX_TCP_WRONG = 1 << 14,
  RX_UDP_WRONG = 1 << 15,
  RX_IP_WRONG = 1 << 16,
  RX_TCP = 1 << 17,
  RX_UDP = 2 << 17,
  RX_IP = 3 << 17,
  RX_BAR = 1 << 25,
  RX_PAM = 1 << 26,
  RX_MAR = 1 << 27,
  RX_LAST = 1 << 28,
  RX_FIRST = 1 << 29,
  RX_TAG = 1 << 16, /* second word */
};
#define RX_OWN (1u << 31)

static gboolean
is_broadcast (const uint8_t *packet)
{
  return (packet[0] & packet[1] & packet[2] & packet[3] & packet[4] & packet[5]) == 0xff;
}

static gboolean
is_own (const Rtl8139 *r, const uint8_t *packet)
{
  return memcmp (packet, r->reg + RTL_IDR, 6) == 0;
}

/* The status bit for whom it is for; FALSE: it isn't for this card. */
static gboolean
passes (const Rtl8139 *r, const uint8_t *packet, unsigned *status)
{
  const uint32_t rcr = rtl_get32 (r, RTL_RCR);
  unsigned hash;

  *status = 0;
  if (is_broadcast (packet))
    {
      *status = STATUS_BAR;
      return (rcr & (RCR_AB | RCR_AAP)) != 0;
    }
  if (net_is_multicast (packet))
    {
      *status = STATUS_MAR;
      hash = net_crc_address (packet, TRUE) >> 26;
      return (rcr & RCR_AAP) || ((rcr & RCR_AM) && (r->reg[RTL_MAR + hash / 8] >> hash % 8 & 1));
    }
  if (is_own (r, packet))
    {
      *status = STATUS_PAM;
      return (rcr & (RCR_APM | RCR_AAP)) != 0;
    }
  return (rcr & RCR_AAP) != 0;
}

/* -- The ring of bytes ------------------------------------------------------------------------------------ */

static uint32_t
ring_size (const Rtl8139 *r)
{
  return 8192u << (rtl_get32 (r, RTL_RCR) >> RCR_LENGTH_SHIFT & 3);
}

static uint32_t
ring_used (const Rtl8139 *r)
{
  const uint32_t size = ring_size (r), from = rtl_get16 (r, RTL_CAPR) + CAPR_OFFSET;

  return (rtl_get16 (r, RTL_CBR) - from) % size;
}

gboolean
rtl_is_empty (const Rtl8139 *r)
{
  return ring_used (r) == 0;
}

/* At CBR, which is beyond the end where the ring's WRAP leaves packets whole: the driver has room for one there. */
static void
ring_write (Rtl8139 *r, uint32_t *at, const void *bytes, size_t length)
{
  const uint32_t size = ring_size (r);
  const gboolean whole = (rtl_get32 (r, RTL_RCR) & RCR_WRAP) && size < 65536;
  const uint64_t base = rtl_get32 (r, RTL_RBSTART);
  size_t n = length;

  if (!whole && n > size - *at)
    n = size - *at;
  dma_write (&r->pci.dma, base + *at, bytes, n);
  *at += n;
  if (!whole && *at == size)
    *at = 0;
  if (n < length)
    {
      dma_write (&r->pci.dma, base, (const uint8_t *)bytes + n, length - n);
      *at = length - n;
    }
}

static gboolean
receive_bytes (Rtl8139 *r, const uint8_t *packet, size_t length, unsigned status)
{
  static const uint8_t zeroes[NET_SHORTEST];
  const size_t filled = MAX (length, NET_SHORTEST);
  const size_t needed = RING_HEADER + ((filled + RTL_CRC + 3) & ~(size_t)3);
  const uint32_t size = ring_size (r), crc = GUINT32_TO_LE (net_frame_crc (packet, length, filled - length));
  uint32_t at = rtl_get16 (r, RTL_CBR) % size;
  uint8_t header[RING_HEADER];

  /* A full ring would look like an empty one. */
  if (ring_used (r) + needed + CAPR_OFFSET > size)
    {
      /* The chip would say that it has lost one.  Here the packet waits; but what lies there may have been acknowledged unseen, and then it is said again. */
      if (!(rtl_get16 (r, RTL_ISR) & ISR_ROK))
        rtl_interrupt (r, ISR_ROK);
      return FALSE;
    }
  pci_set16 (header, (uint16_t)(STATUS_ROK | status));
  pci_set16 (header + 2, (uint16_t)(filled + RTL_CRC));
  ring_write (r, &at, header, sizeof header);
  ring_write (r, &at, packet, length);
  ring_write (r, &at, zeroes, filled - length);
  ring_write (r, &at, &crc, sizeof crc);
  rtl_set16 (r, RTL_CBR, ((rtl_get16 (r, RTL_CBR) % size) + needed) % size);
  return TRUE;
}

/* -- The ring of descriptors ------------------------------------------------------------------------------- */

static uint32_t
sums_of (const NetOffload *offload, const uint8_t *packet, size_t length)
{
  uint32_t status;
  NetSums sums;

  net_look_at_sums (packet, length, &sums);
  if (!sums.ip4)
    return 0;
  if (offload->flags & NET_CHECKSUM_GOOD)
    sums.l4_good = sums.l4_checked;
  status = sums.tcp ? RX_TCP : sums.udp ? RX_UDP : RX_IP;
  if (sums.ip_checked && !sums.ip_good)
    status |= RX_IP_WRONG;
  if (sums.l4_checked && !sums.l4_good)
    status |= sums.tcp ? RX_TCP_WRONG : RX_UDP_WRONG;
  return status;
}

static gboolean
receive_descriptor (Rtl8139 *r, const NetOffload *offload, const uint8_t *packet, size_t length,
                    unsigned status)
{
  static const uint8_t zeroes[NET_SHORTEST];
  const unsigned cpcr = rtl_get16 (r, RTL_CPCR);
  const uint64_t descriptor = (rtl_address (r, RTL_RDSAR) & ~255ull) + 16ull * (r->rx_position % RING);
  const gboolean tagged = (cpcr & CPCR_RX_VLAN) && length >= NET_ETHER_HEADER + VLAN_TAG
                          && net_get16 (packet + 12) == NET_TYPE_VLAN;
  const size_t head = tagged ? 12 : length, cut = tagged ? VLAN_TAG : 0;
  const size_t filled = MAX (length - cut, NET_SHORTEST), all = filled + RTL_CRC;
  const uint32_t crc = GUINT32_TO_LE (net_frame_crc (packet, length, filled - (length - cut)));
  uint32_t words[4], options, first;
  uint64_t address;

  if (!dma_read (&r->pci.dma, descriptor, words, sizeof words))
    return TRUE;
  options = GUINT32_FROM_LE (words[0]);
  address = GUINT32_FROM_LE (words[2]) | (uint64_t)GUINT32_FROM_LE (words[3]) << 32;
  if (!(options & RX_OWN))
    {
      vm_timer_arm (&r->retry, rtl_now (r) + RETRY);
      return FALSE;
    }
  if (all > (options & RX_SIZE))
    {
      r->counters.missed++;
      return TRUE;
    }
  dma_write (&r->pci.dma, address, packet, head);
  if (tagged)
    dma_write (&r->pci.dma, address + head, packet + head + cut, length - head - cut);
  dma_write (&r->pci.dma, address + length - cut, zeroes, filled - (length - cut));
  dma_write (&r->pci.dma, address + filled, &crc, sizeof crc);

  first = (options & RX_END) | RX_FIRST | RX_LAST | (uint32_t)all;
  first |= status & STATUS_BAR ? RX_BAR : status & STATUS_PAM ? RX_PAM : status & STATUS_MAR ? RX_MAR : 0;
  if (cpcr & CPCR_RX_SUMS)
    first |= sums_of (offload, packet, length);
  dma_write32 (&r->pci.dma, descriptor + 4,
               tagged ? RX_TAG | GUINT16_SWAP_LE_BE ((uint16_t)net_get16 (packet + 14)) : 0);
  dma_write32 (&r->pci.dma, descriptor, first);
  r->rx_position = options & RX_END ? 0 : (r->rx_position + 1) % RING;
  return TRUE;
}

/* -- Waking up ---------------------------------------------------------------------------------------------- */

static gboolean
is_magic (const Rtl8139 *r, const uint8_t *packet, size_t length)
{
  uint8_t pattern[17 * 6];

  memset (pattern, 0xff, 6);
  for (unsigned i = 1; i < 17; i++)
    memcpy (pattern + 6 * i, r->reg + RTL_IDR, 6);
  return memmem (packet, length, pattern, sizeof pattern) != NULL;
}

static void
look_for_wake (Rtl8139 *r, const uint8_t *packet, size_t length)
{
  const unsigned config5 = r->reg[RTL_CONFIG5];

  if (((r->reg[RTL_CONFIG3] & CONFIG3_MAGIC) && is_magic (r, packet, length))
      || ((config5 & CONFIG5_BROADCAST) && is_broadcast (packet))
      || ((config5 & CONFIG5_MULTICAST) && net_is_multicast (packet) && !is_broadcast (packet))
      || ((config5 & CONFIG5_UNICAST) && is_own (r, packet)))
    pci_pm_wake (&r->pci, "a packet came that wakes it");
}

gboolean
rtl_receive (Rtl8139 *r, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  unsigned status;
  gboolean taken;

  if (length < NET_ETHER_HEADER)
    return TRUE;
  look_for_wake (r, packet, length);
  if (!(r->reg[RTL_CR] & CR_RE) || !dma_enabled (&r->pci.dma))
    return TRUE;
  if (!passes (r, packet, &status))
    return TRUE;
  if (length + RTL_CRC > LONGEST)
    {
      r->counters.missed++;
      return TRUE;
    }
  taken = rtl_get16 (r, RTL_CPCR) & CPCR_RX ? receive_descriptor (r, offload, packet, length, status)
                                            : receive_bytes (r, packet, length, status);
  if (!taken)
    return FALSE;
  r->counters.received++;
  if (status & STATUS_BAR)
    r->counters.broadcast++;
  else if (status & STATUS_MAR)
    r->counters.multicast++;
  else
    r->counters.unicast++;
  rtl_interrupt (r, ISR_ROK);
  return TRUE;
}
