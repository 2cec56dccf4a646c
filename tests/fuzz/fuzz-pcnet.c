/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of pcnet that does as it likes.  See fuzz-card.h.
 */
#include "fuzz-card.h"

#include "../unit/net/pcnet-driver.h"

#include "net/pcnet.h"

static Device *
make_card (Card *c)
{
  return pcnet_new (c->vm, "net0", pci_root_bus (c->root), CARD_DEVFN, c->net.port, NULL);
}

static void
start (Card *c, unsigned small, uint32_t value)
{
  pcn_start (c, small >> 2 & 1, small & 3, value & 0xffff, value * 0x10001ull);
}

/* A register, or a descriptor; the doors' width is the input's. */
static void
step (Card *c, unsigned small, unsigned middle, uint32_t value)
{
  static const uint32_t places[4] = { PCN_TX_AT, CARD_RAM - 64, CARD_BAR, PCN_TX };
  const gboolean dwio = small >> 2 & 1;

  if (small & 0x80)
    pcn_csr (c, dwio, middle, value & 0xffff);
  else if (small & 0x40)
    pcn_bcr (c, dwio, middle, value & 0xffff);
  else
    pcn_describe (c, small & 3, small & 8 ? PCN_TX : PCN_RX, middle % PCN_N, places[middle >> 8 & 3],
                  value & 0xff000000, value & 0xfff);
  if (small & 0x10)
    pcn_send (c, dwio);
}

static const FuzzCard target = { make_card, 1, 0, 32, 32, start, step };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  fuzz_card (&target, data, length);
  return 0;
}

static void
make (void)
{
  static const uint8_t narrow[] = { STEP (CARD_START, 0, 0, 0),
                                    STEP (CARD_STEP, 0x08, 0, PCN_OWN | PCN_STP | 40),
                                    STEP (CARD_STEP, 0x18, 1, PCN_OWN | PCN_ENP | 60),
                                    STEP (CARD_OFFER, 1, 100, 0),
                                    STEP (CARD_OFFER, 0, 1514, 3),
                                    STEP (CARD_READ, 1, 0x10, 0),
                                    STEP (CARD_LOAD, 0, 0, 0),
                                    STEP (CARD_READ, 1, 0x14, 0) };
  static const uint8_t wide[]
      = { STEP (CARD_START, 7, 0, 0x8000),       STEP (CARD_STEP, 0x1f, 0, PCN_OWN | PCN_STP | PCN_ENP | 100),
          STEP (CARD_STEP, 7, 0, PCN_OWN | 600), STEP (CARD_STEP, 7, 1, PCN_OWN | 600),
          STEP (CARD_STEP, 7, 2, PCN_OWN | 600), STEP (CARD_OFFER, 2, 1514, 0),
          STEP (CARD_STEP, 0x84, 5, 1),          STEP (CARD_OFFER, 0, 60, 0),
          STEP (CARD_STEP, 0x84, 5, 0),          STEP (CARD_STEP, 0x84, 4, 0x80),
          STEP (CARD_STEP, 0x84, 0, CSR0_STOP),  STEP (CARD_STEP, 0x84, CSR_RCVRL, 1),
          STEP (CARD_STEP, 0x84, 0, CSR0_STRT),  STEP (CARD_OFFER, 0, 1514, 0),
          STEP (CARD_STEP, 0x44, 18, 0),         STEP (CARD_ADVANCE, 10, 0xffff, 0) };
  static const uint8_t loops[] = { STEP (CARD_START, 2, 0, MODE_LOOP | MODE_PROM),
                                   STEP (CARD_STEP, 0x1a, 0, PCN_OWN | PCN_STP | PCN_ENP | 100),
                                   STEP (CARD_FULL, 1, 0, 0),
                                   STEP (CARD_START, 2, 0, 0),
                                   STEP (CARD_STEP, 0x1a, 0, PCN_OWN | PCN_STP | PCN_ENP | 100),
                                   STEP (CARD_FULL, 0, 0, 0),
                                   STEP (CARD_RESET, 0, 0, 0) };

  fuzz_seed (narrow, sizeof narrow);
  fuzz_seed (wide, sizeof wide);
  fuzz_seed (loops, sizeof loops);
}

const FuzzTarget fuzz_target = { "vmm/net/pcnet.c vmm/net/pcnet-rings.c", 800, make };
