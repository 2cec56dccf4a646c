/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of e1000e that does as it likes.  See fuzz-card.h.
 */
#include "fuzz-e1000.h"

static Device *
make_card (Card *c)
{
  return e1000e_new (c->vm, "net0", pci_root_bus (c->root), CARD_DEVFN, c->net.port, NULL);
}

static void
make (void)
{
  static const uint8_t talk[] = { STEP (CARD_START, 0, 0, RCTL_BAM | RCTL_LPE),
                                  STEP (CARD_MEMORY, 2, E1000E_RFCTL, E1000E_RFCTL_EXTENDED),
                                  STEP (CARD_MEMORY, 2, E1000_IMS, E1000E_ICR_ALL),
                                  STEP (CARD_OFFER, 1, 100, 0),
                                  STEP (CARD_OFFER, 0, 5000, 3),
                                  STEP (CARD_READ, 2, E1000_ICR, 0),
                                  STEP (CARD_LOAD, 0, 0, 0),
                                  STEP (CARD_STEP, 0x41, 0, 100 | TX_EOP | TX_RS) };
  static const uint8_t split[] = { STEP (CARD_START, 0, 0, RCTL_UPE | RCTL_LPE | E1000E_RCTL_SPLIT_ON),
                                   STEP (CARD_MEMORY, 2, E1000E_RFCTL, E1000E_RFCTL_EXTENDED),
                                   STEP (CARD_MEMORY, 2, E1000E_PSRCTL, 0x04040402),
                                   STEP (CARD_OFFER, 0, 9000, 0),
                                   STEP (CARD_OFFER, 20, 61, 0),
                                   STEP (CARD_MEMORY, 2, E1000E_PSRCTL, 1),
                                   STEP (CARD_OFFER, 0, 1000, 0) };
  static const uint8_t messages[] = { STEP (CARD_MEMORY, 2, E1000E_IVAR, 0x800a0908),
                                      STEP (CARD_MEMORY, 2, E1000E_EIAC, 0x1f00000),
                                      STEP (CARD_CONFIG, 1, 0xa2, 0x8000),
                                      STEP (CARD_CONFIG, 1, 0x4a, 1),
                                      STEP (CARD_MEMORY, 2, E1000_CTRL_EXT, E1000E_CTRL_EXT_IAME),
                                      STEP (CARD_MEMORY, 2, E1000E_EITR, 100),
                                      STEP (CARD_START, 0, 0, RCTL_UPE),
                                      STEP (CARD_MEMORY, 2, E1000_IMS, E1000E_ICR_ALL),
                                      STEP (CARD_OFFER, 0, 60, 0),
                                      STEP (CARD_MEMORY, 2, E1000_ICR, E1000E_ICR_OTHER),
                                      STEP (CARD_ADVANCE, 10, 0xffff, 0),
                                      STEP (CARD_READ, 2, E1000E_SWSM, 0) };
  static const uint8_t second[] = { STEP (CARD_START, 0, 0, 0),
                                    STEP (CARD_STEP, 0, 0, 100 | TX_EOP | TX_RS),
                                    STEP (CARD_MEMORY, 2, E1000_TDBAL + 0x100, RING_TX),
                                    STEP (CARD_MEMORY, 2, E1000_TDLEN + 0x100, 256),
                                    STEP (CARD_MEMORY, 2, E1000_TDT + 0x100, 1),
                                    STEP (CARD_ADVANCE, 10, 0xffff, 0) };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (split, sizeof split);
  fuzz_seed (messages, sizeof messages);
  fuzz_seed (second, sizeof second);
}

const FuzzTarget fuzz_target = { GIG_ROOM, 800, make };
