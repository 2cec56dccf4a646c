/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See pirq.h.
 */
#define G_LOG_DOMAIN "pirq"

#include "chipset/pirq.h"

/* 3-7, 9-12, 14, 15. */
#define ROUTABLE 0xdef8u

void
pirq_init (PirqRouter *pirq, Device *gsi)
{
  for (unsigned irq = 0; irq < PIRQ_N_ISA; irq++)
    if (ROUTABLE >> irq & 1)
      pirq->isa[irq] = gsi_line (gsi, irq);
}

void
pirq_update (PirqRouter *pirq)
{
  uint32_t now = 0;

  for (unsigned n = 0; n < PIRQ_MOST; n++)
    if ((pirq->level >> n & 1) && !(pirq->route[n] & PIRQ_DISABLE))
      now |= 1u << (pirq->route[n] & PIRQ_IRQ) & ROUTABLE;
  for (unsigned irq = 0; irq < PIRQ_N_ISA; irq++)
    if ((now ^ pirq->asserted) >> irq & 1)
      {
        pirq->asserted ^= 1u << irq;
        irq_set (&pirq->isa[irq], now >> irq & 1);
      }
}

void
pirq_set (PirqRouter *pirq, unsigned n, gboolean level)
{
  pirq->level = (uint8_t)(level ? pirq->level | 1u << n : pirq->level & ~(1u << n));
  pirq_update (pirq);
}

void
pirq_loaded (PirqRouter *pirq)
{
  for (unsigned irq = 0; irq < PIRQ_N_ISA; irq++)
    irq_set (&pirq->isa[irq], pirq->asserted >> irq & 1);
}
