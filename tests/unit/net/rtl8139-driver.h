/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of rtl8139, both of its ways.  For tests and fuzzers.
 */
#pragma once

#include "card-driver.h"

#include "net/rtl8139-private.h"

#define RTL_RX_RING 0x40000u
#define RTL_TX_DATA 0x60000u
#define RTL_C_RX    0x80000u /* descriptors */
#define RTL_C_TX    0x81000u
#define RTL_C_HIGH  0x82000u
#define RTL_C_DATA  0x90000u /* buffers of 8 KiB */
#define RTL_N       8u

enum
{
  C_END = 1 << 30,
  C_FIRST = 1 << 29,
  C_LAST = 1 << 28,
  C_LARGE = 1 << 27,
};
#define C_OWN (1u << 31)

static inline void
rtl_out (Card *c, unsigned reg, uint32_t value, unsigned size)
{
  card_out (c, reg, value, size);
}

static inline uint32_t
rtl_in (Card *c, unsigned reg, unsigned size)
{
  return card_in (c, reg, size);
}

/* As for an 8139; `rcr` besides the card's own address. */
static inline void
rtl_start (Card *c, uint32_t rcr)
{
  rtl_out (c, RTL_CR, CR_RST, 1);
  rtl_out (c, RTL_CR, CR_TE | CR_RE, 1);
  rtl_out (c, RTL_RBSTART, RTL_RX_RING, 4);
  rtl_out (c, RTL_RCR, RCR_APM | rcr, 4);
}

static inline void
rtl_send (Card *c, unsigned n, uint32_t length)
{
  rtl_out (c, RTL_TSAD + 4 * n, RTL_TX_DATA + 0x2000 * n, 4);
  rtl_out (c, RTL_TSD + 4 * n, length, 4);
  card_advance (c, 1000 * 1000);
}

static inline void
rtl_describe (Card *c, uint32_t ring, unsigned n, uint32_t options, uint32_t vlan, uint64_t address)
{
  card_put (c, ring + 16 * n + 4, vlan, 4);
  card_put (c, ring + 16 * n + 8, address, 8);
  card_put (c, ring + 16 * n, options | (n + 1 == RTL_N ? C_END : 0), 4);
}

/* As for an 8139C+. */
static inline void
rtl_start_plus (Card *c, uint32_t rcr, uint32_t cpcr)
{
  rtl_out (c, RTL_CR, CR_RST, 1);
  for (unsigned i = 0; i < RTL_N; i++)
    {
      rtl_describe (c, RTL_C_RX, i, C_OWN | 0x1800, 0, RTL_C_DATA + 0x2000 * i);
      rtl_describe (c, RTL_C_TX, i, 0, 0, 0);
    }
  rtl_out (c, RTL_CPCR, CPCR_TX | CPCR_RX | cpcr, 2);
  rtl_out (c, RTL_CR, CR_TE | CR_RE, 1);
  rtl_out (c, RTL_TSAD, RTL_C_TX, 4);
  rtl_out (c, RTL_TSAD + 4, 0, 4);
  rtl_out (c, RTL_TSAD + 8, RTL_C_HIGH, 4);
  rtl_out (c, RTL_TSAD + 12, 0, 4);
  rtl_out (c, RTL_RDSAR, RTL_C_RX, 4);
  rtl_out (c, RTL_RDSAR + 4, 0, 4);
  rtl_out (c, RTL_RCR, RCR_APM | rcr, 4);
}

static inline void
rtl_poll (Card *c, unsigned queues)
{
  rtl_out (c, RTL_TPPOLL, queues, 1);
  card_advance (c, 1000 * 1000);
}
