/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A serial EEPROM of 64 words on a Microwire bus (93C46), which a card's driver drives bit by bit.  What is written there is not kept: the card's address is the
 * machine's to give.
 */
#pragma once

#include "core/state.h"

G_BEGIN_DECLS

#define MICROWIRE_WORDS 64u

typedef struct
{
  uint32_t in;  /* bits that came since the start bit, */
  uint8_t bits; /* so many; 0: no start bit yet */
  uint16_t out; /* what goes out, most significant bit first, */
  uint8_t left; /* so many */
  gboolean clock;
} Microwire;

extern const StateField microwire_state[];

/* The chip's pins: select, clock, data in.  `words` are its MICROWIRE_WORDS. */
void microwire_set (Microwire *wire, const uint16_t *words, gboolean select, gboolean clock, gboolean in);
/* Data out. */
gboolean microwire_out (const Microwire *wire);

G_END_DECLS
