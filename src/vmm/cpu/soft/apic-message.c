/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Messages between local APICs and from the machine to them: requests, routing, arbitration (SDM volume 3, 10.6).
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/apic-private.h"

void
soft_apic_request (SoftApic *apic, unsigned vector, gboolean level)
{
  if (vector < 16)
    return;
  /* How it was triggered last; noted before the request, so that it is there when the request is. */
  if (level)
    g_atomic_int_or ((guint *)&apic->pending_level[vector / 32], 1u << (vector & 31));
  else
    g_atomic_int_and ((guint *)&apic->pending_level[vector / 32], ~(1u << (vector & 31)));
  g_atomic_int_or ((guint *)&apic->pending[vector / 32], 1u << (vector & 31));
  soft_attend (apic->cpu, SOFT_ATTENTION_INTERRUPT);
}

void
soft_apic_smi (SoftApic *apic)
{
  g_atomic_int_set (&apic->smi, 1);
  soft_attend (apic->cpu, SOFT_ATTENTION_INTERRUPT);
}

static void
deliver (SoftApic *apic, unsigned mode, unsigned vector, gboolean level)
{
  switch (mode)
    {
    case DELIVER_FIXED:
    case DELIVER_LOWEST:
      soft_apic_request (apic, vector, level);
      break;
    case DELIVER_NMI:
      /* A processor takes the first at once, though its turn here may come later, and keeps one more. */
      for (gint n = g_atomic_int_get (&apic->nmi); n < 2; n = g_atomic_int_get (&apic->nmi))
        if (g_atomic_int_compare_and_exchange (&apic->nmi, n, n + 1))
          break;
      soft_attend (apic->cpu, SOFT_ATTENTION_INTERRUPT);
      break;
    case DELIVER_SMI:
      soft_apic_smi (apic);
      break;
    case DELIVER_INIT:
      /* A start-up message that came before it is void; one that comes behind it counts. */
      g_atomic_int_set (&apic->sipi, 0);
      g_atomic_int_set (&apic->init, 1);
      soft_attend (apic->cpu, SOFT_ATTENTION_INTERRUPT);
      break;
    case DELIVER_SIPI:
      g_atomic_int_set (&apic->sipi, (gint)(vector | 0x100));
      soft_attend (apic->cpu, SOFT_ATTENTION_INTERRUPT);
      break;
    case DELIVER_EXTINT:
      g_atomic_int_set (&apic->extint, 1);
      soft_attend (apic->cpu, SOFT_ATTENTION_INTERRUPT);
      break;
    default:
      break;
    }
}

static gboolean
matches (const SoftApic *apic, uint32_t destination, gboolean logical, gboolean wide)
{
  uint32_t ldr;

  if (!apic_hardware_enabled (apic))
    return FALSE;
  if (destination == (wide ? 0xffffffffu : 0xffu))
    return TRUE;
  if (!logical)
    return apic_identity (apic) == destination;
  if (apic_is_x2 (apic))
    {
      uint32_t cluster = apic->cpu->n >> 4, bit = 1u << (apic->cpu->n & 15);

      /* A message of 8 bits can only reach the first cluster's flat set. */
      if (!wide)
        return cluster == 0 && (bit & destination) != 0;
      return destination >> 16 == cluster && (bit & destination & 0xffff) != 0;
    }
  ldr = apic_get (&apic->ldr) >> 24;
  if (apic_get (&apic->dfr) >> 28 == 0xf)
    return (ldr & destination) != 0;
  return ldr >> 4 == (destination >> 4 & 15) && (ldr & destination & 15) != 0;
}

/* Arbitration of lowest priority: the processor whose task priority is lowest; among equals take turns. */
static SoftApic *
deliver_lowest (SoftEngine *engine, uint32_t destination, gboolean logical, gboolean wide, unsigned vector,
                gboolean level)
{
  unsigned n = engine->parent.config.n_cpus, start = (unsigned)g_atomic_int_add (&engine->arbiter, 1);
  SoftApic *best = NULL;

  for (unsigned i = 0; i < n; i++)
    {
      SoftApic *apic = engine->cpus[(start + i) % n]->apic;
      if (matches (apic, destination, logical, wide) && apic_accepting (apic)
          && (best == NULL || (apic_get (&apic->tpr) & 0xf0) < (apic_get (&best->tpr) & 0xf0)))
        best = apic;
    }
  if (best != NULL)
    soft_apic_request (best, vector, level);
  return best;
}

void
soft_apic_message (SoftEngine *engine, uint64_t address, uint32_t data)
{
  uint32_t destination = (address >> 12) & 0xff;
  gboolean logical = (address & 4) != 0, level = (data & 0x8000) != 0;
  unsigned mode = (data >> 8) & 7, vector = data & 0xff;

  if (mode == DELIVER_LOWEST || (mode == DELIVER_FIXED && (address & 8) != 0 && logical))
    {
      deliver_lowest (engine, destination, logical, FALSE, vector, level);
      return;
    }
  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    if (matches (engine->cpus[i]->apic, destination, logical, FALSE))
      deliver (engine->cpus[i]->apic, mode, vector, level);
}

void
soft_apic_nmi (SoftEngine *engine)
{
  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    {
      SoftApic *apic = engine->cpus[i]->apic;
      uint32_t lvt = apic_get (&apic->lvt[LVT_LINT1]);

      if (!apic_hardware_enabled (apic) ? i == 0 : (lvt & LVT_MASKED) == 0 && ((lvt >> 8) & 7) == DELIVER_NMI)
        deliver (apic, DELIVER_NMI, 0, FALSE);
    }
}

/* A message for another processor ends the turn where they share a thread: it waits for the answer more often than not. */
static void
give_way (SoftApic *from, const SoftApic *to)
{
  if (to != from && !from->cpu->beside)
    soft_attend (from->cpu, SOFT_ATTENTION_YIELD);
}

void
soft_apic_send_ipi (SoftApic *apic)
{
  SoftEngine *engine = apic->cpu->engine;
  uint32_t low = (uint32_t)apic->icr, shorthand = (low >> 18) & 3;
  gboolean wide = apic_is_x2 (apic), logical = (low & 0x800) != 0;
  uint32_t destination = wide ? (uint32_t)(apic->icr >> 32) : (uint32_t)(apic->icr >> 56);
  unsigned mode = (low >> 8) & 7, vector = low & 0xff;

  /* INIT level de-assert only sets arbitration ids. */
  if (mode == DELIVER_INIT && (low & 0xc000) == 0x8000)
    return;
  if (mode == DELIVER_FIXED && vector < 16)
    {
      apic->esr_shadow |= 1 << 5; /* send illegal vector */
      return;
    }
  if (shorthand == 0 && mode == DELIVER_LOWEST)
    {
      SoftApic *to = deliver_lowest (engine, destination, logical, wide, vector, FALSE);

      if (to != NULL)
        give_way (apic, to);
      return;
    }
  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    {
      SoftApic *to = engine->cpus[i]->apic;
      gboolean self = to == apic;
      gboolean hit = shorthand == 0   ? matches (to, destination, logical, wide)
                     : shorthand == 1 ? self
                     : shorthand == 2 ? TRUE
                                      : !self;

      if (!hit)
        continue;
      deliver (to, mode, vector, FALSE);
      give_way (apic, to);
    }
}
