/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The local APIC (SDM volume 3, chapter 10), xAPIC and x2APIC: which interrupt the processor takes, and the APIC's life.
 *
 * Requests come from any thread (apic-message.c) and wait in atomic words; the processor's thread alone moves them to IRR and changes the
 * rest (apic-registers.c).  What routing looks at from other threads (id, mode, logical id, spurious vector, LVT) it stores atomically.  The
 * timer expires on the device loop and has a lock (apic-timer.c).  Its rate is 1 GHz before its divider.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/apic-private.h"

static int
highest (const uint32_t bits[8])
{
  for (int i = 7; i >= 0; i--)
    if (bits[i] != 0)
      return i * 32 + 31 - __builtin_clz (bits[i]);
  return -1;
}

unsigned
soft_apic_priority (const SoftApic *apic)
{
  int in_service = highest (apic->isr);
  unsigned class = in_service < 0 ? 0 : (unsigned)in_service & 0xf0;

  return (apic->tpr & 0xf0) >= class ? apic->tpr : class;
}

void
soft_apic_collect (SoftApic *apic)
{
  for (unsigned i = 0; i < 8; i++)
    if (g_atomic_int_get (&apic->pending[i]) != 0)
      {
        uint32_t bits = g_atomic_int_and ((guint *)&apic->pending[i], 0);
        uint32_t level = (uint32_t)g_atomic_int_get (&apic->pending_level[i]);

        if (!apic_accepting (apic))
          continue;
        apic->irr[i] |= bits;
        apic->tmr[i] = (apic->tmr[i] & ~bits) | (level & bits);
      }
}

/* INTR of the 8259s goes to the first processor through LINT0, or directly while its APIC is off. */
static gboolean
has_extint (SoftApic *apic)
{
  SoftCpu *cpu = apic->cpu;

  if (g_atomic_int_get (&apic->extint) != 0)
    return TRUE;
  if (cpu->n != 0 || g_atomic_int_get (&cpu->engine->intr) == 0)
    return FALSE;
  return !apic_hardware_enabled (apic) || (apic->lvt[LVT_LINT0] & (LVT_MASKED | 0x700)) == 0x700;
}

gboolean
soft_apic_has_interrupt (SoftCpu *cpu)
{
  SoftApic *apic = cpu->apic;
  int vector;

  soft_apic_collect (apic);
  if (has_extint (apic))
    return TRUE;
  if (!apic_accepting (apic))
    return FALSE;
  vector = highest (apic->irr);
  return vector >= 0 && ((unsigned)vector & 0xf0) > (soft_apic_priority (apic) & 0xf0);
}

int
soft_apic_take_interrupt (SoftCpu *cpu)
{
  SoftApic *apic = cpu->apic;
  int vector;

  if (has_extint (apic))
    {
      g_atomic_int_set (&apic->extint, 0);
      if (cpu->vm->intack == NULL)
        return -1;
      vm_lock (cpu->vm);
      vector = cpu->vm->intack (cpu->vm->intack_opaque);
      vm_unlock (cpu->vm);
      return vector < 0 ? -1 : vector & 0xff;
    }
  vector = highest (apic->irr);
  if (vector < 0 || ((unsigned)vector & 0xf0) <= (soft_apic_priority (apic) & 0xf0))
    return -1;
  apic->irr[vector / 32] &= ~(1u << (vector & 31));
  apic->isr[vector / 32] |= 1u << (vector & 31);
  return vector;
}

void
soft_apic_end_of_interrupt (SoftApic *apic)
{
  SoftCpu *cpu = apic->cpu;
  int vector = highest (apic->isr);

  if (vector < 0)
    return;
  apic->isr[vector / 32] &= ~(1u << (vector & 31));
  if (((apic->tmr[vector / 32] | __atomic_load_n (&cpu->vm->eoi_edges[vector / 32], __ATOMIC_RELAXED))
       & 1u << (vector & 31))
          != 0
      && cpu->vm->eoi != NULL)
    {
      if (!cpu->vm_locked)
        vm_lock (cpu->vm);
      cpu->vm->eoi (cpu->vm->eoi_opaque, (unsigned)vector);
      if (!cpu->vm_locked)
        vm_unlock (cpu->vm);
    }
  soft_attend (cpu, SOFT_ATTENTION_INTERRUPT);
}

uint8_t
soft_apic_get_cr8 (SoftCpu *cpu)
{
  return (uint8_t)(cpu->apic->tpr >> 4);
}

void
soft_apic_set_tpr (SoftCpu *cpu, uint32_t value)
{
  apic_set (&cpu->apic->tpr, value & 0xff);
  soft_attend (cpu, SOFT_ATTENTION_INTERRUPT);
}

/* -- Life ------------------------------------------------------------------------------------------------------ */

gboolean
soft_apic_set_base (SoftCpu *cpu, uint64_t value)
{
  uint64_t old = cpu->msr.apic_base, mode;

  if ((value & ~((((1ULL << SOFT_PHYSICAL_BITS) - 1) & SOFT_PAGE_MASK) | 0xd00)) != 0)
    return FALSE;
  /* SDM volume 3, figure 10-27: x2APIC is entered from xAPIC alone, and left through off. */
  mode = value & (BASE_X2APIC | BASE_ENABLED);
  if (mode == BASE_X2APIC || (mode == BASE_ENABLED && (old & BASE_X2APIC) != 0)
      || (mode == (BASE_X2APIC | BASE_ENABLED) && (old & BASE_ENABLED) == 0))
    return FALSE;
  __atomic_store_n (&cpu->msr.apic_base, value, __ATOMIC_RELAXED);
  if ((old & BASE_X2APIC) != 0 && mode == 0)
    soft_apic_reset (cpu->apic, FALSE);
  /* The page's meaning has changed. */
  soft_tlb_flush (cpu);
  soft_attend (cpu, SOFT_ATTENTION_INTERRUPT);
  return TRUE;
}

SoftApic *
soft_apic_new (SoftCpu *cpu)
{
  SoftApic *apic = g_new0 (SoftApic, 1);

  apic->cpu = cpu;
  g_mutex_init (&apic->lock);
  soft_apic_timer_init (apic);
  return apic;
}

void
soft_apic_free (SoftApic *apic)
{
  vm_timer_cancel (&apic->timer);
  g_mutex_clear (&apic->lock);
  g_free (apic);
}

void
soft_apic_reset (SoftApic *apic, gboolean init)
{
  SoftCpu *cpu = apic->cpu;

  g_mutex_lock (&apic->lock);
  soft_apic_timer_set (apic, -1);
  apic->tsc_deadline = 0;
  apic->initial_count = apic->divide = 0;
  for (unsigned i = 0; i < 7; i++)
    apic_set (&apic->lvt[i], LVT_MASKED);
  /* Firmware of PCs expects the 8259's line to get through before it has set up anything. */
  if (cpu->n == 0)
    apic_set (&apic->lvt[LVT_LINT0], DELIVER_EXTINT << 8);
  g_mutex_unlock (&apic->lock);
  apic->esr = apic->esr_shadow = 0;
  apic_set (&apic->tpr, 0);
  apic_set (&apic->ldr, 0);
  apic_set (&apic->dfr, 0xffffffff);
  apic_set (&apic->svr, 0xff);
  memset (apic->isr, 0, sizeof apic->isr);
  memset (apic->irr, 0, sizeof apic->irr);
  memset (apic->tmr, 0, sizeof apic->tmr);
  apic->icr = 0;
  for (unsigned i = 0; i < 8; i++)
    {
      g_atomic_int_set (&apic->pending[i], 0);
      g_atomic_int_set (&apic->pending_level[i], 0);
    }
  g_atomic_int_set (&apic->extint, 0);
  /* INIT leaves the id as it was set. */
  if (!init)
    apic_set (&apic->id, cpu->n);
}
