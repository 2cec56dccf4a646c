/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How a bridge leads PCI's interrupts (PIRQA# and on) to ISA's: PIIX3 data sheet, chapter 2 (PIRQRC); ICH9 data sheet, chapter 13.1 (PIRQn_ROUT).  A register a
 * PIRQ: bit 7 disconnects it, bits 3 to 0 are the ISA interrupt; others than 3-7, 9-12, 14 and 15 are reserved and lead nowhere.
 *
 * Its owner has a lock, which is held in all but pirq_init(): any thread sets interrupts.
 */
#pragma once

#include "chipset/gsi.h"

G_BEGIN_DECLS

#define PIRQ_MOST    8
#define PIRQ_DISABLE (1 << 7)
#define PIRQ_IRQ     15 /* mask */
#define PIRQ_N_ISA   16

typedef struct
{
  uint8_t route[PIRQ_MOST]; /* the registers */
  uint8_t level;            /* a bit a PIRQ */
  uint32_t asserted;        /* ISA interrupts that are high because of them */
  IrqLine isa[PIRQ_N_ISA];
} PirqRouter;

/* What is saved of one, under the names that bridges have saved it by; of its `most` PIRQs. */
#define PIRQ_STATE(T, f, most)                                                                               \
  { .name = "pirq",                                                                                          \
    .type = STATE_TYPE_U8,                                                                                   \
    .offset = offsetof (T, f.level),                                                                         \
    .count = 1,                                                                                              \
    .stride = 1,                                                                                             \
    .max = (1u << (most)) - 1 },                                                                             \
  {                                                                                                          \
    .name = "asserted", .type = STATE_TYPE_U32, .offset = offsetof (T, f.asserted), .count = 1, .stride = 4, \
    .max = (1u << PIRQ_N_ISA) - 1                                                                            \
  }

/* Takes its lines of `gsi`. */
void pirq_init (PirqRouter *pirq, Device *gsi);
void pirq_set (PirqRouter *pirq, unsigned n, gboolean level);
/* The registers, of which `route` is a copy, have changed. */
void pirq_update (PirqRouter *pirq);
/* Behind a load: the lines are as they were.  pirq_update() comes next. */
void pirq_loaded (PirqRouter *pirq);

G_END_DECLS
