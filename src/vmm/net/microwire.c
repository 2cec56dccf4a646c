/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/microwire.h"

/* Start bit, two of operation, six of address. */
#define COMMAND 9u
enum
{
  OPERATION_READ = 2,
};
#define WORD_AND_ZERO 17u /* a zero comes first, while the last bit of the address goes in */

const StateField microwire_state[] = {
  STATE_U32 (Microwire, in),     STATE_U8_MAX (Microwire, bits, COMMAND),
  STATE_U16 (Microwire, out),    STATE_U8_MAX (Microwire, left, WORD_AND_ZERO),
  STATE_BOOL (Microwire, clock), STATE_END,
};

static void
on_clock (Microwire *wire, const uint16_t *words, gboolean in)
{
  if (wire->left > 0)
    wire->left--;
  /* Leading zeroes come before the start bit. */
  if ((wire->bits == 0 && !in) || wire->bits >= COMMAND)
    return;
  wire->in = wire->in << 1 | (in ? 1 : 0);
  if (++wire->bits == COMMAND && (wire->in >> 6 & 3) == OPERATION_READ)
    {
      wire->out = words[wire->in & (MICROWIRE_WORDS - 1)];
      wire->left = WORD_AND_ZERO;
    }
}

void
microwire_set (Microwire *wire, const uint16_t *words, gboolean select, gboolean clock, gboolean in)
{
  if (!select)
    wire->in = wire->bits = wire->left = 0;
  else if (clock && !wire->clock)
    on_clock (wire, words, in);
  wire->clock = clock;
}

/* Idle is a one: it also tells who waits for the end of a write. */
gboolean
microwire_out (const Microwire *wire)
{
  if (wire->left == WORD_AND_ZERO)
    return FALSE;
  return wire->left == 0 || (wire->out >> (wire->left - 1) & 1);
}
