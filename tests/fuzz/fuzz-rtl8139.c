/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of rtl8139 that does as it likes.  See fuzz-card.h.
 */
#include "fuzz-card.h"

#include "../unit/net/rtl8139-driver.h"

#include "net/rtl8139.h"

static Device *
make_card (Card *c)
{
  return rtl8139_new (c->vm, "net0", pci_root_bus (c->root), CARD_DEVFN, c->net.port, NULL);
}

static void
start (Card *c, unsigned small, uint32_t value)
{
  if (small & 1)
    rtl_start_plus (c, value, small);
  else
    rtl_start (c, value);
}

static void
step (Card *c, unsigned small, unsigned middle, uint32_t value)
{
  static const uint64_t places[4] = { RTL_TX_DATA, CARD_RAM - 64, CARD_BAR, RTL_C_TX };
  static const uint32_t rings[3] = { RTL_C_TX, RTL_C_HIGH, RTL_C_RX };

  if (small & 0x80)
    {
      rtl_send (c, small % 4, value & 0x3fff);
      return;
    }
  rtl_describe (c, rings[(small >> 3 & 3) % 3], small % RTL_N, value, small & 0x40 ? 1 << 17 | middle : 0,
                places[middle & 3]);
  if (small & 0x20)
    rtl_poll (c, POLL_NORMAL | POLL_HIGH);
}

static const FuzzCard target = { make_card, 1, 0, RTL_SIZE, RTL_SIZE, start, step };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  fuzz_card (&target, data, length);
  return 0;
}

static void
make (void)
{
  static const uint8_t talk[] = { STEP (CARD_START, 0, 0, RCR_AB | RCR_WRAP),
                                  STEP (CARD_PORT, 1, RTL_IMR, 0xffff),
                                  STEP (CARD_STEP, 0x80, 0, 60),
                                  STEP (CARD_OFFER, 1, 100, 0),
                                  STEP (CARD_OFFER, 0, 1514, 3),
                                  STEP (CARD_READ, 0, RTL_CR, 0),
                                  STEP (CARD_PORT, 1, RTL_CAPR, 0x100),
                                  STEP (CARD_LOAD, 0, 0, 0),
                                  STEP (CARD_OFFER, 0, 1514, 3),
                                  STEP (CARD_STEP, 0x81, 0, 0x1fff) };
  static const uint8_t plus[]
      = { STEP (CARD_START, 0x61, 0, RCR_AB),
          STEP (CARD_STEP, 0x00, 0, C_OWN | C_FIRST | 7 << 16 | 33),
          STEP (CARD_STEP, 0x21, 0, C_OWN | C_LAST | 68),
          STEP (CARD_STEP, 0x68, 0, C_OWN | C_FIRST | C_LAST | 100),
          STEP (CARD_STEP, 0x22, 0, C_OWN | C_FIRST | C_LAST | C_LARGE | 100 << 16 | 4000),
          STEP (CARD_OFFER, 20, 61, 0),
          STEP (CARD_OFFER, 12, 100, 0),
          STEP (CARD_PORT, 2, RTL_TSD, 0x30008),
          STEP (CARD_LOAD, 0, 0, 0),
          STEP (CARD_READ, 0, RTL_TSAD_ALL, 0) };
  static const uint8_t rest[] = { STEP (CARD_PORT, 0, RTL_9346CR, 0x88),
                                  STEP (CARD_PORT, 0, RTL_9346CR, 0x8e),
                                  STEP (CARD_PORT, 0, RTL_9346CR, 0x40),
                                  STEP (CARD_PORT, 0, RTL_9346CR, 0xc0),
                                  STEP (CARD_PORT, 0, RTL_CONFIG3, 0x20),
                                  STEP (CARD_PORT, 2, RTL_TIMER_INT, 33),
                                  STEP (CARD_PORT, 2, RTL_TCTR, 0),
                                  STEP (CARD_ADVANCE, 15, 0xffff, 0),
                                  STEP (CARD_READ, 2, RTL_TCTR, 0),
                                  STEP (CARD_LINK, 0, 0, 0),
                                  STEP (CARD_READ, 1, RTL_BMSR, 0),
                                  STEP (CARD_READ, 1, RTL_ANLPAR, 0),
                                  STEP (CARD_LINK, 1, 0, 0),
                                  STEP (CARD_RESET, 0, 0, 0),
                                  STEP (CARD_FULL, 1, 0, 0),
                                  STEP (CARD_START, 0, 0, 1u << 17),
                                  STEP (CARD_STEP, 0x80, 0, 60),
                                  STEP (CARD_FULL, 0, 0, 0) };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (plus, sizeof plus);
  fuzz_seed (rest, sizeof rest);
}

const FuzzTarget fuzz_target
    = { "vmm/net/rtl8139.c vmm/net/rtl8139-receive.c vmm/net/rtl8139-transmit.c vmm/net/microwire.c", 800,
        make };
