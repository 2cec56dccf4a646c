/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of pcnet, in 16 or 32 bits.  For tests and fuzzers.
 */
#pragma once

#include "card-driver.h"

#include "net/pcnet-private.h"

#define PCN_BLOCK 0x30000u
#define PCN_RX    0x40000u
#define PCN_TX    0x48000u
#define PCN_RX_AT 0x100000u /* buffers of 4 KiB */
#define PCN_TX_AT 0x140000u
#define PCN_N     8u

#define PCN_OWN (1u << 31)
#define PCN_STP (1u << 25)
#define PCN_ENP (1u << 24)

/* `dwio`: the doors are double words. */
static inline void
pcn_csr (Card *c, gboolean dwio, unsigned n, unsigned value)
{
  card_out (c, dwio ? 0x14 : 0x12, n, dwio ? 4 : 2);
  card_out (c, 0x10, value, dwio ? 4 : 2);
}

static inline unsigned
pcn_csr_read (Card *c, gboolean dwio, unsigned n)
{
  card_out (c, dwio ? 0x14 : 0x12, n, dwio ? 4 : 2);
  return card_in (c, 0x10, dwio ? 4 : 2);
}

static inline void
pcn_bcr (Card *c, gboolean dwio, unsigned n, unsigned value)
{
  card_out (c, dwio ? 0x14 : 0x12, n, dwio ? 4 : 2);
  card_out (c, dwio ? 0x1c : 0x16, value, dwio ? 4 : 2);
}

static inline unsigned
pcn_bcr_read (Card *c, gboolean dwio, unsigned n)
{
  card_out (c, dwio ? 0x14 : 0x12, n, dwio ? 4 : 2);
  return card_in (c, dwio ? 0x1c : 0x16, dwio ? 4 : 2);
}

static inline void
pcn_describe (Card *c, unsigned style, uint32_t ring, unsigned n, uint32_t address, uint32_t flags,
              unsigned length)
{
  const uint32_t count = -length & 0xfff;

  if (style == 0)
    {
      card_put (c, ring + 8 * n, address, 2);
      card_put (c, ring + 8 * n + 4, 0xf000 | count, 2);
      card_put (c, ring + 8 * n + 6, 0, 2);
      card_put (c, ring + 8 * n + 2, (address >> 16 & 0xff) | (flags >> 16 & 0xff00), 2);
      return;
    }
  card_put (c, ring + 16 * n + (style == 3 ? 8 : 0), address, 4);
  card_put (c, ring + 16 * n + (style == 3 ? 0 : 8), 0, 4);
  card_put (c, ring + 16 * n + 4, flags | 0xf000 | count, 4);
}

static inline uint32_t
pcn_flags (Card *c, unsigned style, uint32_t ring, unsigned n)
{
  return style == 0 ? (uint32_t)(card_get (c, ring + 8 * n + 2, 2) & 0xff00) << 16
                    : (uint32_t)card_get (c, ring + 16 * n + 4, 4);
}

static inline unsigned
pcn_count (Card *c, unsigned style, unsigned n)
{
  return (unsigned)card_get (c, PCN_RX + (style == 0 ? 8 * n + 6 : 16 * n + (style == 3 ? 0 : 8)), 2) & 0xfff;
}

/* Reset, initialization block, rings of PCN_N, on. */
static inline void
pcn_start (Card *c, gboolean dwio, unsigned style, unsigned mode, uint64_t filter)
{
  static const uint8_t own[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

  card_in (c, dwio ? 0x18 : 0x14, dwio ? 4 : 2);
  if (dwio)
    card_out (c, 0x10, 0, 4);
  pcn_bcr (c, dwio, BCR_STYLE, style);
  for (unsigned i = 0; i < PCN_N; i++)
    {
      pcn_describe (c, style, PCN_RX, i, PCN_RX_AT + 0x1000 * i, PCN_OWN, 1536);
      pcn_describe (c, style, PCN_TX, i, 0, 0, 0);
    }
  memset (card_ram (c, PCN_BLOCK), 0, 28);
  card_put (c, PCN_BLOCK, mode, 2);
  if (style == 0)
    {
      memcpy (card_ram (c, PCN_BLOCK + 2), own, 6);
      card_put (c, PCN_BLOCK + 8, filter, 8);
      card_put (c, PCN_BLOCK + 16, PCN_RX | 3u << 29, 4);
      card_put (c, PCN_BLOCK + 20, PCN_TX | 3u << 29, 4);
    }
  else
    {
      card_put (c, PCN_BLOCK + 2, 0x3030, 2);
      memcpy (card_ram (c, PCN_BLOCK + 4), own, 6);
      card_put (c, PCN_BLOCK + 12, filter, 8);
      card_put (c, PCN_BLOCK + 20, PCN_RX, 4);
      card_put (c, PCN_BLOCK + 24, PCN_TX, 4);
    }
  pcn_csr (c, dwio, 1, PCN_BLOCK & 0xffff);
  pcn_csr (c, dwio, 2, PCN_BLOCK >> 16);
  pcn_csr (c, dwio, 0, CSR0_INIT);
  pcn_csr (c, dwio, 0, CSR0_IDON | CSR0_STRT | CSR0_IENA);
}

static inline void
pcn_send (Card *c, gboolean dwio)
{
  pcn_csr (c, dwio, 0, CSR0_TDMD | CSR0_IENA);
  card_advance (c, 1000 * 1000);
}
