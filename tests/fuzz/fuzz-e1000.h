/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the drivers of e1000 and e1000e that do as they like have in common.  Whoever includes it has make_card().
 */
#pragma once

#include "fuzz-card.h"

#include "../unit/net/e1000-driver.h"

#include "net/e1000.h"

static Device *make_card (Card *c);

static void
start (Card *c, unsigned small, uint32_t value)
{
  gig_start (c, value);
}

/* A descriptor, and on with it. */
static void
step (Card *c, unsigned small, unsigned middle, uint32_t value)
{
  static const uint64_t places[4] = { BUFFERS_TX, CARD_RAM - 64, CARD_BAR, RING_TX };
  const unsigned n = small % RING_SIZE;

  if (small & 0x80)
    gig_context (c, n, 14, 34, middle & 0xff, value & ~TX_LENGTH, middle >> 8, 100 + (value & 0xfff));
  else
    gig_describe (c, n, places[small >> 4 & 3], value, (uint32_t)middle << 8);
  if (small & 0x40)
    gig_send (c, (n + 1) % RING_SIZE);
}

static const FuzzCard target = { make_card, 0, 2, 0x20000, 64, start, step };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  fuzz_card (&target, data, length);
  return 0;
}
