/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of an NE2000.  For tests and fuzzers.
 */
#pragma once

#include "card-driver.h"

#define NE_START 0x46u /* pages: the ring, */
#define NE_STOP  0x80u
#define NE_TX    0x40u /* and a packet to send */
#define NE_DATA  0x10u
#define NE_RESET 0x1fu

enum
{
  NE_STP = 1,
  NE_STA = 2,
  NE_TXP = 4,
  NE_READ = 1 << 3,
  NE_WRITE = 2 << 3,
  NE_SEND = 3 << 3,
  NE_ABORT = 4 << 3,
  NE_PRX = 1,
  NE_PTX = 2,
  NE_RDC = 0x40,
  NE_RST = 0x80,
  NE_WTS = 1,
};

static inline void
ne_out (Card *c, unsigned n, unsigned value)
{
  card_out (c, n, value, 1);
}

static inline unsigned
ne_in (Card *c, unsigned n)
{
  return card_in (c, n, 1);
}

static inline unsigned
ne_page1 (Card *c, unsigned n)
{
  unsigned value;

  ne_out (c, 0, 0x40 | NE_STA | NE_ABORT);
  value = ne_in (c, n);
  ne_out (c, 0, NE_STA | NE_ABORT);
  return value;
}

static inline void
ne_remote (Card *c, unsigned address, unsigned length, unsigned command)
{
  ne_out (c, 0, NE_STA | NE_ABORT);
  ne_out (c, 7, NE_RDC);
  ne_out (c, 8, address & 0xff);
  ne_out (c, 9, address >> 8);
  ne_out (c, 10, length & 0xff);
  ne_out (c, 11, length >> 8);
  ne_out (c, 0, NE_STA | command);
}

static inline void
ne_read (Card *c, unsigned address, void *to, unsigned length, unsigned width)
{
  ne_remote (c, address, length, NE_READ);
  for (unsigned i = 0; i < length; i += width)
    {
      const uint32_t value = card_in (c, NE_DATA, width);

      memcpy ((uint8_t *)to + i, &value, MIN (width, length - i));
    }
}

static inline void
ne_write (Card *c, unsigned address, const void *from, unsigned length, unsigned width)
{
  ne_remote (c, address, length, NE_WRITE);
  for (unsigned i = 0; i < length; i += width)
    {
      uint32_t value = 0;

      memcpy (&value, (const uint8_t *)from + i, MIN (width, length - i));
      card_out (c, NE_DATA, value, width);
    }
}

/* As 8390 drivers do: BNRY one page behind the next packet. */
static inline void
ne_start (Card *c, unsigned rcr, unsigned dcr)
{
  static const uint8_t own[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

  ne_out (c, 0, NE_STP | NE_ABORT);
  ne_out (c, 14, dcr);
  ne_out (c, 12, rcr);
  ne_out (c, 13, 0);
  ne_out (c, 1, NE_START);
  ne_out (c, 2, NE_STOP);
  ne_out (c, 3, NE_START);
  ne_out (c, 7, 0xff);
  ne_out (c, 0, 0x40 | NE_STP | NE_ABORT);
  for (unsigned i = 0; i < 6; i++)
    ne_out (c, 1 + i, own[i]);
  for (unsigned i = 0; i < 8; i++)
    ne_out (c, 8 + i, 0);
  ne_out (c, 7, NE_START + 1);
  ne_out (c, 0, NE_STA | NE_ABORT);
}

static inline void
ne_send (Card *c, unsigned length)
{
  ne_out (c, 4, NE_TX);
  ne_out (c, 5, length & 0xff);
  ne_out (c, 6, length >> 8);
  ne_out (c, 0, NE_STA | NE_TXP | NE_ABORT);
  card_pump ();
}
