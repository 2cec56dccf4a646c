/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of Intel's gigabit cards, as far as their rings are alike.  For tests and fuzzers.
 */
#pragma once

#include "card-driver.h"
#include "sums.h"

#include "net/e1000-registers.h"

/* For the fuzz targets: the files that they are there for. */
#define GIG_ROOM                                                                                                    \
  "vmm/net/e1000.c vmm/net/e1000-doors.c vmm/net/e1000-interrupt.c vmm/net/e1000-modern.c vmm/net/e1000-receive.c " \
  "vmm/net/e1000-rom.c vmm/net/e1000-transmit.c"

#define RING_TX     0x10000u
#define RING_RX     0x20000u
#define RING_SIZE   16u
#define BUFFERS_TX  0x100000u
#define BUFFERS_RX  0x200000u
#define BUFFER_SIZE 0x4000u /* between two */

static inline void
gig_write (Card *c, unsigned offset, uint32_t value)
{
  card_write (c, offset, value, 4);
}

static inline uint32_t
gig_read (Card *c, unsigned offset)
{
  return card_read (c, offset, 4);
}

static inline void
gig_set (Card *c, unsigned offset, uint32_t bits)
{
  gig_write (c, offset, gig_read (c, offset) | bits);
}

/* Link, rings, addresses; the rings are empty to the card's mind, buffers are given. */
static inline void
gig_start (Card *c, uint32_t rctl)
{
  memset (card_ram (c, RING_TX), 0, 16 * RING_SIZE);
  memset (card_ram (c, RING_RX), 0, 16 * RING_SIZE);
  gig_set (c, E1000_CTRL, CTRL_SLU);
  gig_write (c, E1000_TDBAL, RING_TX);
  gig_write (c, E1000_TDBAH, 0);
  gig_write (c, E1000_TDLEN, 16 * RING_SIZE);
  gig_write (c, E1000_TDH, 0);
  gig_write (c, E1000_TDT, 0);
  gig_write (c, E1000_TCTL, TCTL_EN | TCTL_PSP);
  for (unsigned i = 0; i < RING_SIZE; i++)
    card_put (c, RING_RX + 16 * i, BUFFERS_RX + BUFFER_SIZE * i, 8);
  gig_write (c, E1000_RDBAL, RING_RX);
  gig_write (c, E1000_RDBAH, 0);
  gig_write (c, E1000_RDLEN, 16 * RING_SIZE);
  gig_write (c, E1000_RDH, 0);
  gig_write (c, E1000_RDT, RING_SIZE - 1);
  gig_write (c, E1000_RCTL, RCTL_EN | rctl);
}

/* The n-th transmit descriptor. */
static inline void
gig_describe (Card *c, unsigned n, uint64_t address, uint32_t low, uint32_t high)
{
  card_put (c, RING_TX + 16 * n, address, 8);
  card_put (c, RING_TX + 16 * n + 8, low, 4);
  card_put (c, RING_TX + 16 * n + 12, high, 4);
}

static inline void
gig_context (Card *c, unsigned n, unsigned l3, unsigned l4, unsigned sum, uint32_t bits, unsigned header,
             unsigned size)
{
  gig_describe (c, n, l3 | (l3 + 10) << 8 | (l4 - 1) << 16 | (uint64_t)(l4 | sum << 8) << 32, TX_DEXT | bits,
                header << TX_HDRLEN_SHIFT | size << TX_MSS_SHIFT);
}

/* Up to, and without, descriptor `tail`. */
static inline void
gig_send (Card *c, unsigned tail)
{
  gig_write (c, E1000_TDT, tail);
  card_advance (c, 1000 * 1000);
}

static inline uint8_t *
gig_rx_buffer (Card *c, unsigned n)
{
  return card_ram (c, BUFFERS_RX + BUFFER_SIZE * n);
}

static inline unsigned
gig_rx_length (Card *c, unsigned n)
{
  return (unsigned)card_get (c, RING_RX + 16 * n + 8, 2);
}

static inline unsigned
gig_rx_status (Card *c, unsigned n)
{
  return (unsigned)card_get (c, RING_RX + 16 * n + 12, 1);
}

static inline unsigned
gig_rx_errors (Card *c, unsigned n)
{
  return (unsigned)card_get (c, RING_RX + 16 * n + 13, 1);
}
