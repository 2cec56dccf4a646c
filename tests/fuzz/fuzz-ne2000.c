/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of ne2000 that does as it likes.  See fuzz-card.h.
 */
#include "fuzz-card.h"

#include "../unit/net/ne2000-driver.h"

#include "net/ne2000.h"

static Device *
make_card (Card *c)
{
  return ne2000_new (c->vm, "net0", pci_root_bus (c->root), CARD_DEVFN, c->net.port, NULL);
}

static void
start (Card *c, unsigned small, uint32_t value)
{
  ne_start (c, value & 0x3f, small);
}

static void
step (Card *c, unsigned small, unsigned middle, uint32_t value)
{
  if (small & 1)
    ne_send (c, middle);
  else
    {
      ne_remote (c, middle, value & 0xffff, small & (NE_READ | NE_WRITE));
      for (unsigned i = 0; i < (value >> 16 & 0xff); i++)
        {
          card_out (c, NE_DATA, value + i, 1u << (small >> 5 & 1));
          card_in (c, NE_DATA, 1u << (small >> 6 & 1));
        }
    }
}

static const FuzzCard target = { make_card, -1, 0, 1, 32, start, step };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  fuzz_card (&target, data, length);
  return 0;
}

static void
make (void)
{
  static const uint8_t talk[] = { STEP (CARD_START, 0x49, 0, 4),
                                  STEP (CARD_PORT, 0, 15, 0x7f),
                                  STEP (CARD_STEP, NE_WRITE, 0x4000, 60 | 60u << 16),
                                  STEP (CARD_STEP, 1, 60, 0),
                                  STEP (CARD_OFFER, 1, 100, 0),
                                  STEP (CARD_OFFER, 0, 1514, 3),
                                  STEP (CARD_STEP, NE_READ, 0x4700, 100 | 50u << 16),
                                  STEP (CARD_PORT, 0, 3, 0x47),
                                  STEP (CARD_LOAD, 0, 0, 0),
                                  STEP (CARD_OFFER, 2, 60, 3) };
  static const uint8_t pages[]
      = { STEP (CARD_START, 0x48, 0, 0x1e), STEP (CARD_PORT, 0, 1, 0xff),     STEP (CARD_OFFER, 0, 1514, 3),
          STEP (CARD_PORT, 0, 0, 0x62),     STEP (CARD_PORT, 0, 7, 0xff),     STEP (CARD_READ, 0, 7, 0),
          STEP (CARD_PORT, 0, 0, 0xa2),     STEP (CARD_READ, 0, 13, 0),       STEP (CARD_PORT, 0, 0, 0x1a),
          STEP (CARD_READ, 1, NE_DATA, 0),  STEP (CARD_READ, 0, NE_RESET, 0), STEP (CARD_FULL, 1, 0, 0),
          STEP (CARD_START, 0x48, 0, 0),    STEP (CARD_STEP, 1, 60, 0),       STEP (CARD_FULL, 0, 0, 0),
          STEP (CARD_RESET, 0, 0, 0) };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (pages, sizeof pages);
}

const FuzzTarget fuzz_target = { "vmm/net/dp8390.c vmm/net/ne2000.c", 800, make };
