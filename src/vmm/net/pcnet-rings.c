/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The initialization block and the two rings, in each of their shapes (BCR20.SWSTYLE).
 */
#define G_LOG_DOMAIN "pcnet"

#include "net/pcnet-private.h"

#include "net/frame.h"
#include "net/packet.h"

#include <string.h>

#define PIECE            256u                /* packets */
#define MOST_DESCRIPTORS 64u                 /* of a packet */
#define REST             (20 * 1000ll)       /* ns */
#define RETRY            (2 * 1000 * 1000ll) /* ns */
#define MOST_LENGTH      512u                /* of a ring that the initialization block names */

/* In the word with the ownership, as in the 32-bit shapes. */
enum
{
  D_BCNT = 0xfff,
  D_BAM = 1 << 20,
  D_LAFM = 1 << 21,
  D_PAM = 1 << 22,
  D_ENP = 1 << 24,
  D_STP = 1 << 25,
  D_LTINT = 1 << 28,
};
#define D_OWN   (1u << 31)
#define D_FLAGS 0xff000000u
#define D_ONES  0xf000u /* the upper bits of a byte count */

/* One descriptor in the shape of style 2, whatever its own. */
typedef struct
{
  uint64_t at;
  uint32_t address, flags, more;
} Descriptor;

/* -- Shapes ----------------------------------------------------------------------------------------------- */

static unsigned
style_of (const Pcnet *p)
{
  return p->bcr[BCR_STYLE] & 0xff;
}

static unsigned
descriptor_size (const Pcnet *p)
{
  return pcnet_is_wide (p) ? 16 : 8;
}

/* Lengths are the two's complement of numbers of descriptors. */
static unsigned
ring_length (const Pcnet *p, unsigned csr)
{
  return p->csr[csr] == 0 ? 65536 : 65536u - p->csr[csr];
}

static uint64_t
ring_base (const Pcnet *p, unsigned csr)
{
  return p->csr[csr] | (uint64_t)p->csr[csr + 1] << 16;
}

/* Addresses have 24 bits in the 16-bit shape; the rest stands in CSR2. */
static uint32_t
upper_byte (const Pcnet *p)
{
  return (uint32_t)(p->csr[2] & 0xff00) << 16;
}

static gboolean
descriptor_read (Pcnet *p, uint64_t base, unsigned n, Descriptor *d)
{
  uint8_t bytes[16];

  d->at = base + (uint64_t)descriptor_size (p) * n;
  if (!dma_read (&p->pci.dma, d->at, bytes, descriptor_size (p)))
    return FALSE;
  if (!pcnet_is_wide (p))
    {
      d->flags = (uint32_t)(pci_get16 (bytes + 2) & 0xff00) << 16 | pci_get16 (bytes + 4);
      d->address = pci_get16 (bytes) | (uint32_t)bytes[2] << 16 | upper_byte (p);
      d->more = pci_get16 (bytes + 6);
      return TRUE;
    }
  d->address = pci_get32 (bytes + (style_of (p) == 3 ? 8 : 0));
  d->flags = pci_get32 (bytes + 4);
  d->more = pci_get32 (bytes + (style_of (p) == 3 ? 0 : 8));
  return TRUE;
}

/* Status goes back, the ownership last. */
static void
descriptor_write (Pcnet *p, const Descriptor *d)
{
  if (!pcnet_is_wide (p))
    {
      dma_write16 (&p->pci.dma, d->at + 6, (uint16_t)d->more);
      dma_write16 (&p->pci.dma, d->at + 2,
                   (uint16_t)((d->flags & D_FLAGS) >> 16 | (d->address >> 16 & 0xff)));
      return;
    }
  dma_write32 (&p->pci.dma, d->at + (style_of (p) == 3 ? 0 : 8), d->more);
  dma_write32 (&p->pci.dma, d->at + 4, d->flags);
}

static size_t
buffer_length (const Descriptor *d)
{
  return 4096 - (d->flags & D_BCNT);
}

/* -- Initialization ----------------------------------------------------------------------------------------- */

static void
set_ring (Pcnet *p, unsigned base, uint32_t address, unsigned length, unsigned code)
{
  p->csr[base] = (uint16_t)(address & (pcnet_is_wide (p) ? ~15u : ~7u));
  p->csr[base + 1] = (uint16_t)(address >> 16);
  p->csr[length] = (uint16_t)-MIN (1u << code, MOST_LENGTH);
}

void
pcnet_initialize (Pcnet *p)
{
  const uint64_t at = p->csr[1] | (uint64_t)p->csr[2] << 16;
  uint8_t block[28] = { 0 };
  const uint8_t *filter = block + (pcnet_is_wide (p) ? 12 : 8),
                *address = block + (pcnet_is_wide (p) ? 4 : 2);

  dma_read (&p->pci.dma, at, block, pcnet_is_wide (p) ? 28 : 24);
  p->csr[CSR_MODE] = pci_get16 (block);
  for (unsigned i = 0; i < 3; i++)
    p->csr[CSR_PADR + i] = pci_get16 (address + 2 * i);
  for (unsigned i = 0; i < 4; i++)
    p->csr[CSR_LADRF + i] = pci_get16 (filter + 2 * i);
  if (pcnet_is_wide (p))
    {
      set_ring (p, CSR_BADR, pci_get32 (block + 20), CSR_RCVRL, block[2] >> 4);
      set_ring (p, CSR_BADX, pci_get32 (block + 24), CSR_XMTRL, block[3] >> 4);
    }
  else
    {
      set_ring (p, CSR_BADR, (pci_get32 (block + 16) & 0xffffff) | upper_byte (p), CSR_RCVRL, block[19] >> 5);
      set_ring (p, CSR_BADX, (pci_get32 (block + 20) & 0xffffff) | upper_byte (p), CSR_XMTRL, block[23] >> 5);
    }
  p->rx_position = p->tx_position = 0;
}

/* -- Transmission ---------------------------------------------------------------------------------------------- */

/* How many descriptors the packet at the ring's position has; 0: it isn't all there. */
static unsigned
gather (Pcnet *p, size_t *length, gboolean *good)
{
  const unsigned ring = ring_length (p, CSR_XMTRL);
  Descriptor d;

  *length = 0;
  *good = TRUE;
  for (unsigned count = 0; count < MIN (MOST_DESCRIPTORS, ring); count++)
    {
      size_t n;

      if (!descriptor_read (p, ring_base (p, CSR_BADX), (p->tx_position + count) % ring, &d)
          || !(d.flags & D_OWN))
        return 0;
      /* What doesn't begin a packet is passed over, one by one. */
      if (count == 0 && !(d.flags & D_STP))
        {
          *good = FALSE;
          return 1;
        }
      n = buffer_length (&d);
      *good = *good && n <= sizeof p->packet - *length
              && dma_read (&p->pci.dma, d.address, p->packet + *length, n);
      *length += *good ? n : 0;
      if (d.flags & D_ENP)
        return count + 1;
    }
  *good = FALSE;
  return MIN (MOST_DESCRIPTORS, ring);
}

/* TINT is wanted of it. */
static gboolean
tells (const Pcnet *p, const Descriptor *d)
{
  if (p->csr[5] & CSR5_TOKINTD)
    return FALSE;
  return !(p->csr[5] & CSR5_LTINTEN) || (d->flags & D_LTINT);
}

static void
give_back (Pcnet *p, unsigned count)
{
  const unsigned ring = ring_length (p, CSR_XMTRL);

  for (; count > 0; count--)
    {
      Descriptor d;

      if (descriptor_read (p, ring_base (p, CSR_BADX), p->tx_position % ring, &d))
        {
          const gboolean tell = count == 1 && tells (p, &d);

          d.flags &= ~(D_OWN | 1u << 30 | 1u << 28 | 1u << 27 | 1u << 26);
          d.more = 0;
          descriptor_write (p, &d);
          if (tell)
            pcnet_interrupt (p, CSR0_TINT);
        }
      p->tx_position = (uint16_t)((p->tx_position + 1u) % ring);
    }
}

static gboolean
send_packet (Pcnet *p, size_t length)
{
  const NetOffload offload = { 0 };
  const struct iovec piece = { p->packet, MAX (length, NET_SHORTEST) };

  if (length < NET_SHORTEST)
    memset (p->packet + length, 0, NET_SHORTEST - length);
  if (p->csr[CSR_MODE] & MODE_LOOP)
    {
      pcnet_receive (p, &offload, piece.iov_base, piece.iov_len);
      return TRUE;
    }
  return net_port_send (p->port, &offload, &piece, 1);
}

static gboolean
may_send (const Pcnet *p)
{
  return (p->csr[0] & CSR0_TXON) && !(p->csr[5] & CSR5_SPND) && dma_enabled (&p->pci.dma);
}

void
pcnet_on_work (void *opaque)
{
  Pcnet *p = opaque;

  p->next_work = pcnet_now (p) + REST;
  for (unsigned n = 0; n < PIECE; n++)
    {
      gboolean good;
      size_t length;
      unsigned count;

      if (!may_send (p))
        return;
      count = gather (p, &length, &good);
      if (count == 0 || (good && length >= NET_ETHER_HEADER && !send_packet (p, length)))
        return;
      give_back (p, count);
    }
  vm_timer_arm (&p->work, p->next_work);
}

void
pcnet_kick (Pcnet *p)
{
  int64_t now;

  if (!may_send (p) || vm_timer_armed (&p->work))
    return;
  /* A saved state may name any time: no more than a rest counts. */
  now = pcnet_now (p);
  vm_timer_arm (&p->work, now < p->next_work && p->next_work - now <= REST ? p->next_work : now);
}

/* -- Reception -------------------------------------------------------------------------------------------------- */

static gboolean
is_broadcast (const uint8_t *packet)
{
  return (packet[0] & packet[1] & packet[2] & packet[3] & packet[4] & packet[5]) == 0xff;
}

static gboolean
is_own (const Pcnet *p, const uint8_t *packet)
{
  for (unsigned i = 0; i < 3; i++)
    if (pci_get16 (packet + 2 * i) != p->csr[CSR_PADR + i])
      return FALSE;
  return TRUE;
}

/* The flag for whom it is for. */
static gboolean
passes (const Pcnet *p, const uint8_t *packet, uint32_t *flag)
{
  const unsigned mode = p->csr[CSR_MODE];
  const gboolean all = (mode & MODE_PROM) != 0;

  *flag = 0;
  if (is_broadcast (packet))
    {
      *flag = D_BAM;
      return all || !(mode & MODE_DRCVBC);
    }
  if (net_is_multicast (packet))
    {
      const unsigned hash = net_crc_address (packet, FALSE) >> 26;
      const gboolean hit = p->csr[CSR_LADRF + hash / 16] >> hash % 16 & 1;

      *flag = hit ? D_LAFM : 0;
      return all || hit;
    }
  if (is_own (p, packet) && !(mode & MODE_DRCVPA))
    {
      *flag = D_PAM;
      return TRUE;
    }
  return all;
}

/* The card's descriptors from the ring's position on have room for so many bytes. */
static unsigned
find_room (Pcnet *p, size_t length, gboolean *never)
{
  const unsigned ring = MIN (ring_length (p, CSR_RCVRL), MOST_DESCRIPTORS),
                 whole = ring_length (p, CSR_RCVRL);
  Descriptor d;

  *never = FALSE;
  for (unsigned count = 0; count < ring; count++)
    {
      if (!descriptor_read (p, ring_base (p, CSR_BADR), (p->rx_position + count) % whole, &d))
        {
          *never = TRUE;
          return 0;
        }
      if (!(d.flags & D_OWN))
        return 0;
      if (buffer_length (&d) >= length)
        return count + 1;
      length -= buffer_length (&d);
    }
  *never = TRUE;
  return 0;
}

/* `frame` has the check sequence behind it. */
static void
write_frame (Pcnet *p, const uint8_t *frame, size_t length, unsigned count, uint32_t flag)
{
  const unsigned ring = ring_length (p, CSR_RCVRL);
  size_t from = 0;

  for (unsigned i = 0; i < count; i++)
    {
      Descriptor d;

      if (descriptor_read (p, ring_base (p, CSR_BADR), p->rx_position % ring, &d))
        {
          const size_t n = MIN (buffer_length (&d), length - from);

          dma_write (&p->pci.dma, d.address, frame + from, n);
          from += n;
          d.flags &= ~D_FLAGS & ~(uint32_t)(D_BAM | D_LAFM | D_PAM);
          d.flags |= (i == 0 ? D_STP : 0) | (i + 1 == count ? D_ENP : 0) | (pcnet_is_wide (p) ? flag : 0);
          d.more = i + 1 == count ? (uint32_t)length : 0;
          descriptor_write (p, &d);
        }
      p->rx_position = (uint16_t)((p->rx_position + 1u) % ring);
    }
}

gboolean
pcnet_receive (Pcnet *p, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  const size_t filled = MAX (length, NET_SHORTEST), all = filled + PCNET_FCS;
  g_autofree uint8_t *frame = NULL;
  gboolean never;
  unsigned count;
  uint32_t flag, crc;

  if (!(p->csr[0] & CSR0_RXON) || !dma_enabled (&p->pci.dma) || length < NET_ETHER_HEADER
      || !passes (p, packet, &flag))
    return TRUE;
  if (p->csr[5] & CSR5_SPND)
    return FALSE;
  count = all <= D_BCNT ? find_room (p, all, &never) : 0;
  if (count == 0 && (all > D_BCNT || never))
    {
      p->csr[CSR_MISSED]++;
      pcnet_interrupt (p, CSR0_MISS);
      return TRUE;
    }
  if (count == 0)
    {
      vm_timer_arm (&p->retry, pcnet_now (p) + RETRY);
      return FALSE;
    }
  frame = g_malloc0 (all);
  memcpy (frame, packet, length);
  crc = GUINT32_TO_LE (net_frame_crc (packet, length, filled - length));
  memcpy (frame + filled, &crc, sizeof crc);
  write_frame (p, frame, all, count, flag);
  pcnet_interrupt (p, CSR0_RINT);
  return TRUE;
}
