/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of e1000 that does as it likes.  See fuzz-card.h.
 */
#include "fuzz-e1000.h"

static Device *
make_card (Card *c)
{
  return e1000_new (c->vm, "net0", pci_root_bus (c->root), CARD_DEVFN, c->net.port, NULL);
}

static void
make (void)
{
  static const uint8_t talk[]
      = { STEP (CARD_START, 0, 0, RCTL_BAM),  STEP (CARD_MEMORY, 2, E1000_IMS, 0xff),
          STEP (CARD_STEP, 0, 0, 40 | TX_RS), STEP (CARD_STEP, 0x41, 0, 100 | TX_EOP | TX_RS),
          STEP (CARD_READ, 2, E1000_ICR, 0),  STEP (CARD_OFFER, 1, 100, 0),
          STEP (CARD_OFFER, 0, 1514, 3),      STEP (CARD_LOAD, 0, 0, 0),
          STEP (CARD_READ, 2, E1000_GPRC, 0) };
  static const uint8_t offloads[]
      = { STEP (CARD_START, 0, 0, 0),
          STEP (CARD_STEP, 0x80, 50 | 54 << 8, TX_CONTEXT_TCP | TX_CONTEXT_IP4 | TX_TSE),
          STEP (CARD_STEP, 1, 3, 54 | TX_DEXT | TX_TYPE_DATA | TX_TSE),
          STEP (CARD_STEP, 0x42, 0, 4000 | TX_DEXT | TX_TYPE_DATA | TX_TSE | TX_EOP | TX_RS),
          STEP (CARD_STEP, 0x83, 40, TX_CONTEXT_IP4),
          STEP (CARD_STEP, 0x44, 3, 101 | TX_DEXT | TX_TYPE_DATA | TX_EOP | TX_VLE),
          STEP (CARD_STEP, 0x45, 20, 101 | TX_EOP | TX_IC | 40u << TX_CSO_SHIFT) };
  static const uint8_t sums[] = { STEP (CARD_START, 0, 0, RCTL_UPE | RCTL_MPE | RCTL_LPE | 3u << 16),
                                  STEP (CARD_MEMORY, 2, E1000_RXCSUM, 0x30f),
                                  STEP (CARD_MEMORY, 2, E1000_VET, 0x8100),
                                  STEP (CARD_MEMORY, 2, E1000_CTRL, 1u << 30 | CTRL_SLU),
                                  STEP (CARD_OFFER, 4 | 16, 61, 0),
                                  STEP (CARD_OFFER, 4 | 8, 9000, 0),
                                  STEP (CARD_OFFER, 2, 3000, 0),
                                  STEP (CARD_MEMORY, 2, E1000_RDT, 3),
                                  STEP (CARD_FULL, 1, 0, 0),
                                  STEP (CARD_STEP, 0x40, 0, 60 | TX_EOP),
                                  STEP (CARD_FULL, 0, 0, 0),
                                  STEP (CARD_LINK, 0, 0, 0),
                                  STEP (CARD_LINK, 1, 0, 0),
                                  STEP (CARD_ADVANCE, 15, 0xffff, 0) };
  static const uint8_t wires[] = { STEP (CARD_MEMORY, 2, E1000_EECD, 2),
                                   STEP (CARD_MEMORY, 2, E1000_EECD, 7),
                                   STEP (CARD_MEMORY, 2, E1000_EECD, 6),
                                   STEP (CARD_MEMORY, 2, E1000_EERD, 0x101),
                                   STEP (CARD_MEMORY, 2, E1000_MDIC, 0x04200000 | 0x9140),
                                   STEP (CARD_MEMORY, 2, E1000_MDIC, 0x28310000),
                                   STEP (CARD_PORT, 2, 0, E1000_CTRL),
                                   STEP (CARD_PORT, 2, 4, CTRL_RST),
                                   STEP (CARD_RESET, 0, 0, 0),
                                   STEP (CARD_CONFIG, 0x81, PCI_COMMAND, 0) };
  static const uint8_t rings[] = { STEP (CARD_START, 0, 0, RCTL_UPE),
                                   STEP (CARD_MEMORY, 2, E1000_TDLEN, 0xfff80),
                                   STEP (CARD_MEMORY, 2, E1000_TDH, 0xfff7),
                                   STEP (CARD_MEMORY, 2, E1000_RDLEN, 0),
                                   STEP (CARD_OFFER, 0, 60, 0),
                                   STEP (CARD_MEMORY, 2, E1000_ITR, 100),
                                   STEP (CARD_MEMORY, 2, E1000_TDT, 5),
                                   STEP (CARD_ADVANCE, 10, 0xffff, 0) };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (offloads, sizeof offloads);
  fuzz_seed (sums, sizeof sums);
  fuzz_seed (wires, sizeof wires);
  fuzz_seed (rings, sizeof rings);
}

const FuzzTarget fuzz_target = { GIG_ROOM, 800, make };
