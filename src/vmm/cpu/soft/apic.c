/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The local APIC (SDM volume 3, chapter 10), xAPIC and x2APIC.
 *
 * Requests come from any thread and wait in atomic words; the processor's thread alone moves them to IRR and changes the
 * rest.  What routing looks at from other threads (id, mode, logical id, spurious vector, LVT) it stores atomically.  The
 * timer expires on the main loop and has a lock (SoftApic.lock).  Its rate is 1 GHz before its divider.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"

enum
{
  APIC_ID = 0x02,
  APIC_VERSION = 0x03,
  APIC_TPR = 0x08,
  APIC_APR = 0x09,
  APIC_PPR = 0x0a,
  APIC_EOI = 0x0b,
  APIC_LDR = 0x0d,
  APIC_DFR = 0x0e,
  APIC_SVR = 0x0f,
  APIC_ISR = 0x10,
  APIC_TMR = 0x18,
  APIC_IRR = 0x20,
  APIC_ESR = 0x28,
  APIC_LVT_CMCI = 0x2f,
  APIC_ICR = 0x30,
  APIC_ICR2 = 0x31,
  APIC_LVT_TIMER = 0x32,
  APIC_LVT_THERMAL = 0x33,
  APIC_LVT_PERFORMANCE = 0x34,
  APIC_LVT_LINT0 = 0x35,
  APIC_LVT_LINT1 = 0x36,
  APIC_LVT_ERROR = 0x37,
  APIC_INITIAL = 0x38,
  APIC_CURRENT = 0x39,
  APIC_DIVIDE = 0x3e,
  APIC_SELF_IPI = 0x3f,
};
enum
{
  LVT_CMCI,
  LVT_TIMER,
  LVT_THERMAL,
  LVT_PERFORMANCE,
  LVT_LINT0,
  LVT_LINT1,
  LVT_ERROR
};
enum
{
  LVT_MASKED = 1 << 16,
  TIMER_PERIODIC = 1 << 17,
  TIMER_DEADLINE = 1 << 18,
  SVR_ENABLED = 1 << 8,
  ESR_ILLEGAL_VECTOR = 1 << 6,
  ESR_ILLEGAL_REGISTER = 1 << 7,
  BASE_X2APIC = 1 << 10,
  BASE_ENABLED = 1 << 11,
};
enum
{
  DELIVER_FIXED,
  DELIVER_LOWEST,
  DELIVER_SMI,
  DELIVER_RESERVED,
  DELIVER_NMI,
  DELIVER_INIT,
  DELIVER_SIPI,
  DELIVER_EXTINT
};
#define VERSION 0x00060014u /* seven LVT entries, version 0x14 */

/* Registers that other threads look at. */
static inline uint32_t
get (const uint32_t *reg)
{
  return __atomic_load_n (reg, __ATOMIC_RELAXED);
}

static inline void
set (uint32_t *reg, uint32_t value)
{
  __atomic_store_n (reg, value, __ATOMIC_RELAXED);
}

static inline uint64_t
base (const SoftApic *apic)
{
  return __atomic_load_n (&apic->cpu->msr.apic_base, __ATOMIC_RELAXED);
}

static inline gboolean
x2apic (const SoftApic *apic)
{
  return (base (apic) & (BASE_X2APIC | BASE_ENABLED)) == (BASE_X2APIC | BASE_ENABLED);
}

static inline gboolean
hardware_enabled (const SoftApic *apic)
{
  return (base (apic) & BASE_ENABLED) != 0;
}

static inline gboolean
accepting (const SoftApic *apic)
{
  return hardware_enabled (apic) && (get (&apic->svr) & SVR_ENABLED) != 0;
}

/* The x2APIC id is hard-wired; the xAPIC's is a register. */
static inline uint32_t
identity (const SoftApic *apic)
{
  return x2apic (apic) ? apic->cpu->n : get (&apic->id);
}

static int
highest (const uint32_t bits[8])
{
  for (int i = 7; i >= 0; i--)
    if (bits[i] != 0)
      return i * 32 + 31 - __builtin_clz (bits[i]);
  return -1;
}

/* -- Timer ------------------------------------------------------------------------------------------------------
 * `due` is when the count reaches zero (guest time), or -1: it stands at zero.  A change of mode or divider thus leaves the
 * count where it is. All of it under the lock.  An expiry that the main loop had already taken when the processor cancelled or
 * moved it finds `due` in the future or gone, and does nothing. */

static unsigned
divider (const SoftApic *apic)
{
  unsigned code = (apic->divide & 3) | ((apic->divide >> 1) & 4);
  return code == 7 ? 1 : 2u << code;
}

static inline int64_t
now (const SoftApic *apic)
{
  return vm_clock_now (apic->cpu->vm->clock);
}

static inline gboolean
deadline_mode (const SoftApic *apic)
{
  return (get (&apic->lvt[LVT_TIMER]) & TIMER_DEADLINE) != 0;
}

static void request (SoftApic *apic, unsigned vector, gboolean level);

static void
timer_set (SoftApic *apic, int64_t due)
{
  apic->due = due;
  if (due < 0)
    vm_timer_cancel (&apic->timer);
  else
    vm_timer_arm (&apic->timer, due);
}

/* `count` as what is left of it; 0 stops. */
static void
timer_count (SoftApic *apic, uint32_t count)
{
  timer_set (apic, count == 0 ? -1 : now (apic) + (int64_t)count * divider (apic));
}

static uint32_t
timer_current (const SoftApic *apic)
{
  int64_t left;

  if (apic->due < 0 || apic->initial_count == 0 || deadline_mode (apic))
    return 0;
  left = apic->due - now (apic);
  if (left > 0)
    return (uint32_t)MIN ((left - 1) / divider (apic) + 1, (int64_t)apic->initial_count);
  /* Over, and the main loop has not come to it yet. */
  if (get (&apic->lvt[LVT_TIMER]) & TIMER_PERIODIC)
    return apic->initial_count - (uint32_t)((uint64_t)-left / divider (apic) % apic->initial_count);
  return 0;
}

/* Main loop's thread. */
static void
on_timer (void *opaque)
{
  SoftApic *apic = opaque;
  uint32_t lvt;
  int64_t time = now (apic);

  g_mutex_lock (&apic->lock);
  if (apic->due < 0 || apic->due > time)
    {
      g_mutex_unlock (&apic->lock);
      return;
    }
  lvt = get (&apic->lvt[LVT_TIMER]);
  if ((lvt & TIMER_PERIODIC) != 0 && apic->initial_count != 0)
    {
      int64_t period = (int64_t)apic->initial_count * divider (apic), next = apic->due + period;

      /* Late by more than a period: what was missed is lost, as one bit of IRR holds only one. */
      if (period < 20000)
        next = MAX (next, time + 20000);
      if (next <= time)
        next += (time - next) / period * period + period;
      timer_set (apic, next);
    }
  else
    {
      apic->due = -1;
      apic->tsc_deadline = 0;
    }
  g_mutex_unlock (&apic->lock);
  if ((lvt & LVT_MASKED) == 0)
    request (apic, lvt & 0xff, FALSE);
}

/* One that is past is an interrupt at once (SDM volume 3, 10.5.4.1). */
static void
set_deadline (SoftApic *apic, uint64_t tsc)
{
  SoftCpu *cpu = apic->cpu;
  uint32_t lvt = get (&apic->lvt[LVT_TIMER]);
  int64_t left = (int64_t)(tsc - soft_tsc (cpu));
  gboolean past = tsc != 0 && left <= 0;

  if ((lvt & TIMER_DEADLINE) == 0)
    return;
  g_mutex_lock (&apic->lock);
  apic->tsc_deadline = past ? 0 : tsc;
  if (tsc == 0 || past)
    timer_set (apic, -1);
  else
    timer_set (apic,
               now (apic) + clock_muldiv (MIN (left, INT64_MAX / 4), NS_PER_SECOND, cpu->engine->tsc_hz));
  g_mutex_unlock (&apic->lock);
  if (past && (lvt & LVT_MASKED) == 0)
    request (apic, lvt & 0xff, FALSE);
}

void
soft_apic_set_deadline (SoftCpu *cpu, uint64_t tsc)
{
  set_deadline (cpu->apic, tsc);
}

void
soft_apic_tsc_changed (SoftCpu *cpu)
{
  set_deadline (cpu->apic, soft_apic_get_deadline (cpu));
}

uint64_t
soft_apic_get_deadline (SoftCpu *cpu)
{
  uint64_t tsc;

  g_mutex_lock (&cpu->apic->lock);
  tsc = cpu->apic->tsc_deadline;
  g_mutex_unlock (&cpu->apic->lock);
  return tsc;
}

/* -- Requests ------------------------------------------------------------------------------------------------------ */

static void
request (SoftApic *apic, unsigned vector, gboolean level)
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

static void
deliver (SoftApic *apic, unsigned mode, unsigned vector, gboolean level)
{
  switch (mode)
    {
    case DELIVER_FIXED:
    case DELIVER_LOWEST:
      request (apic, vector, level);
      break;
    case DELIVER_NMI:
      /* A processor takes the first at once, though its turn here may come later, and keeps one more. */
      for (gint n = g_atomic_int_get (&apic->nmi); n < 2; n = g_atomic_int_get (&apic->nmi))
        if (g_atomic_int_compare_and_exchange (&apic->nmi, n, n + 1))
          break;
      soft_attend (apic->cpu, SOFT_ATTENTION_INTERRUPT);
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

  if (!hardware_enabled (apic))
    return FALSE;
  if (destination == (wide ? 0xffffffffu : 0xffu))
    return TRUE;
  if (!logical)
    return identity (apic) == destination;
  if (x2apic (apic))
    {
      uint32_t cluster = apic->cpu->n >> 4, bit = 1u << (apic->cpu->n & 15);

      /* A message of 8 bits can only reach the first cluster's flat set. */
      if (!wide)
        return cluster == 0 && (bit & destination) != 0;
      return destination >> 16 == cluster && (bit & destination & 0xffff) != 0;
    }
  ldr = get (&apic->ldr) >> 24;
  if (get (&apic->dfr) >> 28 == 0xf)
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
      if (matches (apic, destination, logical, wide) && accepting (apic)
          && (best == NULL || (get (&apic->tpr) & 0xf0) < (get (&best->tpr) & 0xf0)))
        best = apic;
    }
  if (best != NULL)
    request (best, vector, level);
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
      uint32_t lvt = get (&apic->lvt[LVT_LINT1]);

      if (!hardware_enabled (apic) ? i == 0 : (lvt & LVT_MASKED) == 0 && ((lvt >> 8) & 7) == DELIVER_NMI)
        deliver (apic, DELIVER_NMI, 0, FALSE);
    }
}

/* A message for another processor ends the turn: it waits for the answer more often than not, and they share a thread. */
static void
give_way (SoftApic *from, const SoftApic *to)
{
  if (to != from)
    soft_attend (from->cpu, SOFT_ATTENTION_YIELD);
}

static void
send_ipi (SoftApic *apic)
{
  SoftEngine *engine = apic->cpu->engine;
  uint32_t low = (uint32_t)apic->icr, shorthand = (low >> 18) & 3;
  gboolean wide = x2apic (apic), logical = (low & 0x800) != 0;
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

/* -- Priorities ------------------------------------------------------------------------------------------------------ */

static unsigned
priority (const SoftApic *apic)
{
  int in_service = highest (apic->isr);
  unsigned class = in_service < 0 ? 0 : (unsigned)in_service & 0xf0;

  return (apic->tpr & 0xf0) >= class ? apic->tpr : class;
}

static void
collect (SoftApic *apic)
{
  for (unsigned i = 0; i < 8; i++)
    if (g_atomic_int_get (&apic->pending[i]) != 0)
      {
        uint32_t bits = g_atomic_int_and ((guint *)&apic->pending[i], 0);
        uint32_t level = (uint32_t)g_atomic_int_get (&apic->pending_level[i]);

        if (!accepting (apic))
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
  return !hardware_enabled (apic) || (apic->lvt[LVT_LINT0] & (LVT_MASKED | 0x700)) == 0x700;
}

gboolean
soft_apic_has_interrupt (SoftCpu *cpu)
{
  SoftApic *apic = cpu->apic;
  int vector;

  collect (apic);
  if (has_extint (apic))
    return TRUE;
  if (!accepting (apic))
    return FALSE;
  vector = highest (apic->irr);
  return vector >= 0 && ((unsigned)vector & 0xf0) > (priority (apic) & 0xf0);
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
  if (vector < 0 || ((unsigned)vector & 0xf0) <= (priority (apic) & 0xf0))
    return -1;
  apic->irr[vector / 32] &= ~(1u << (vector & 31));
  apic->isr[vector / 32] |= 1u << (vector & 31);
  return vector;
}

static void
end_of_interrupt (SoftApic *apic)
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
  set (&cpu->apic->tpr, value & 0xff);
  soft_attend (cpu, SOFT_ATTENTION_INTERRUPT);
}

/* -- Registers, by number (offset / 16) --------------------------------------------------------------------------------- */

static int
lvt_of (unsigned reg)
{
  if (reg == APIC_LVT_CMCI)
    return LVT_CMCI;
  return reg >= APIC_LVT_TIMER && reg <= APIC_LVT_ERROR ? (int)(LVT_TIMER + reg - APIC_LVT_TIMER) : -1;
}

static uint32_t
logical_id (const SoftApic *apic)
{
  if (x2apic (apic))
    return (apic->cpu->n >> 4) << 16 | 1u << (apic->cpu->n & 15);
  return apic->ldr;
}

static gboolean
register_read (SoftApic *apic, unsigned reg, uint32_t *value)
{
  int lvt = lvt_of (reg);

  *value = 0;
  if (lvt >= 0)
    {
      *value = apic->lvt[lvt];
      return TRUE;
    }
  switch (reg)
    {
    case APIC_ID:
      *value = x2apic (apic) ? identity (apic) : identity (apic) << 24;
      return TRUE;
    case APIC_VERSION:
      *value = VERSION;
      return TRUE;
    case APIC_TPR:
      *value = apic->tpr;
      return TRUE;
    case APIC_APR:
      *value = priority (apic);
      return !x2apic (apic);
    case APIC_PPR:
      *value = priority (apic);
      return TRUE;
    case APIC_EOI:
      return !x2apic (apic);
    case APIC_LDR:
      *value = logical_id (apic);
      return TRUE;
    case APIC_DFR:
      *value = apic->dfr;
      return !x2apic (apic);
    case APIC_SVR:
      *value = apic->svr;
      return TRUE;
    case APIC_ISR ... APIC_ISR + 7:
      *value = apic->isr[reg - APIC_ISR];
      return TRUE;
    case APIC_TMR ... APIC_TMR + 7:
      *value = apic->tmr[reg - APIC_TMR];
      return TRUE;
    case APIC_IRR ... APIC_IRR + 7:
      collect (apic);
      *value = apic->irr[reg - APIC_IRR];
      return TRUE;
    case APIC_ESR:
      *value = apic->esr;
      return TRUE;
    case APIC_ICR:
      *value = (uint32_t)apic->icr;
      return TRUE;
    case APIC_ICR2:
      *value = (uint32_t)(apic->icr >> 32);
      return !x2apic (apic);
    case APIC_INITIAL:
      *value = apic->initial_count;
      return TRUE;
    case APIC_CURRENT:
      g_mutex_lock (&apic->lock);
      *value = timer_current (apic);
      g_mutex_unlock (&apic->lock);
      return TRUE;
    case APIC_DIVIDE:
      *value = apic->divide;
      return TRUE;
    default:
      return FALSE;
    }
}

static const uint32_t lvt_mask[7] = { 0x117ff, 0x700ff, 0x117ff, 0x117ff, 0x1f7ff, 0x1f7ff, 0x100ff };

static void
write_lvt (SoftApic *apic, int n, uint32_t value)
{
  uint32_t old = apic->lvt[n];
  gboolean over = FALSE;

  value &= lvt_mask[n];
  if ((apic->svr & SVR_ENABLED) == 0)
    value |= LVT_MASKED;
  if (n == LVT_TIMER)
    {
      g_mutex_lock (&apic->lock);
      /* One shot that is over ends as that, though the loop has not come to it yet. */
      over = (old & (TIMER_PERIODIC | TIMER_DEADLINE)) == 0 && apic->due >= 0 && apic->due <= now (apic);
      if (over)
        timer_set (apic, -1);
      set (&apic->lvt[n], value);
      /* Between one-shot and periodic the count goes on; from or to the deadline it ends (SDM volume 3, 10.5.4.1). */
      if ((old ^ value) & TIMER_DEADLINE)
        {
          timer_set (apic, -1);
          apic->tsc_deadline = 0;
          apic->initial_count = 0;
        }
      g_mutex_unlock (&apic->lock);
      if (over && (old & LVT_MASKED) == 0)
        request (apic, old & 0xff, FALSE);
    }
  else
    set (&apic->lvt[n], value);
  if (n == LVT_LINT0)
    soft_attend (apic->cpu, SOFT_ATTENTION_INTERRUPT);
}

/* Bits that WRMSR must leave clear; MMIO ignores them (SDM volume 3, 10.12.1.3). */
static uint32_t
reserved_bits (unsigned reg)
{
  int lvt = lvt_of (reg);

  /* Delivery status and remote IRR may be written, and aren't. */
  if (lvt >= 0)
    return ~(lvt_mask[lvt] | 0x5000);
  switch (reg)
    {
    case APIC_TPR:
    case APIC_SELF_IPI:
      return ~0xffu;
    case APIC_SVR:
      return ~0x3ffu;
    case APIC_EOI:
    case APIC_ESR:
      return ~0u;
    case APIC_DIVIDE:
      return ~0xbu;
    default:
      return 0;
    }
}
#define ICR_RESERVED 0xfff32000u

static gboolean
register_write (SoftApic *apic, unsigned reg, uint32_t value)
{
  int lvt = lvt_of (reg);

  if (lvt >= 0)
    {
      write_lvt (apic, lvt, value);
      return TRUE;
    }
  switch (reg)
    {
    case APIC_ID:
      if (x2apic (apic))
        return FALSE;
      set (&apic->id, value >> 24);
      return TRUE;
    case APIC_TPR:
      soft_apic_set_tpr (apic->cpu, value);
      return TRUE;
    case APIC_EOI:
      end_of_interrupt (apic);
      return TRUE;
    case APIC_LDR:
      if (x2apic (apic))
        return FALSE;
      set (&apic->ldr, value & 0xff000000);
      return TRUE;
    case APIC_DFR:
      if (x2apic (apic))
        return FALSE;
      set (&apic->dfr, value | 0x0fffffff);
      return TRUE;
    case APIC_SVR:
      set (&apic->svr, value & 0x3ff);
      if ((value & SVR_ENABLED) == 0)
        for (unsigned i = 0; i < 7; i++)
          set (&apic->lvt[i], apic->lvt[i] | LVT_MASKED);
      return TRUE;
    case APIC_ESR:
      apic->esr = apic->esr_shadow;
      apic->esr_shadow = 0;
      return TRUE;
    case APIC_ICR:
      apic->icr = (apic->icr & 0xffffffff00000000ULL) | (value & 0xccfff);
      send_ipi (apic);
      return TRUE;
    case APIC_ICR2:
      if (x2apic (apic))
        return FALSE;
      apic->icr = (apic->icr & 0xffffffff) | (uint64_t)(value & 0xff000000) << 32;
      return TRUE;
    case APIC_INITIAL:
      if (!deadline_mode (apic))
        {
          g_mutex_lock (&apic->lock);
          apic->initial_count = value;
          timer_count (apic, value);
          g_mutex_unlock (&apic->lock);
        }
      return TRUE;
    case APIC_DIVIDE:
      {
        uint32_t left;

        g_mutex_lock (&apic->lock);
        left = timer_current (apic);
        apic->divide = value & 0xb;
        if (left != 0)
          timer_count (apic, left);
        g_mutex_unlock (&apic->lock);
        return TRUE;
      }
    case APIC_SELF_IPI:
      if (!x2apic (apic))
        return FALSE;
      request (apic, value & 0xff, FALSE);
      return TRUE;
    default:
      return FALSE;
    }
}

uint32_t
soft_apic_mmio_read (SoftCpu *cpu, uint32_t offset, unsigned size)
{
  uint32_t value = 0;

  if (!register_read (cpu->apic, offset >> 4, &value))
    cpu->apic->esr_shadow |= ESR_ILLEGAL_REGISTER;
  if ((offset & 15) > 3)
    return 0;
  value >>= 8 * (offset & 3);
  return size == 1 ? value & 0xff : size == 2 ? value & 0xffff : value;
}

void
soft_apic_mmio_write (SoftCpu *cpu, uint32_t offset, uint32_t value, unsigned size)
{
  /* Only aligned words are defined. */
  if ((offset & 15) != 0 || size < 4)
    return;
  if (!register_write (cpu->apic, offset >> 4, value))
    cpu->apic->esr_shadow |= ESR_ILLEGAL_REGISTER;
}

gboolean
soft_apic_msr_read (SoftCpu *cpu, uint32_t index, uint64_t *value)
{
  uint32_t low;

  if (!x2apic (cpu->apic))
    return FALSE;
  if (index - 0x800 == APIC_ICR)
    {
      *value = cpu->apic->icr;
      return TRUE;
    }
  if (!register_read (cpu->apic, index - 0x800, &low))
    return FALSE;
  *value = low;
  return TRUE;
}

gboolean
soft_apic_msr_write (SoftCpu *cpu, uint32_t index, uint64_t value)
{
  SoftApic *apic = cpu->apic;

  if (!x2apic (apic))
    return FALSE;
  if (index - 0x800 == APIC_ICR)
    {
      if ((value & ICR_RESERVED) != 0)
        return FALSE;
      apic->icr = value & 0xffffffff000ccfffULL;
      send_ipi (apic);
      return TRUE;
    }
  if ((value & (0xffffffff00000000ULL | reserved_bits (index - 0x800))) != 0)
    return FALSE;
  return register_write (apic, index - 0x800, (uint32_t)value);
}

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

/* -- Life ----------------------------------------------------------------------------------------------------------------- */

SoftApic *
soft_apic_new (SoftCpu *cpu)
{
  SoftApic *apic = g_new0 (SoftApic, 1);

  apic->cpu = cpu;
  apic->due = -1;
  g_mutex_init (&apic->lock);
  vm_timer_init (&apic->timer, cpu->vm->clock, on_timer, apic);
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
  timer_set (apic, -1);
  apic->tsc_deadline = 0;
  apic->initial_count = apic->divide = 0;
  for (unsigned i = 0; i < 7; i++)
    set (&apic->lvt[i], LVT_MASKED);
  /* Firmware of PCs expects the 8259's line to get through before it has set up anything. */
  if (cpu->n == 0)
    set (&apic->lvt[LVT_LINT0], DELIVER_EXTINT << 8);
  g_mutex_unlock (&apic->lock);
  apic->esr = apic->esr_shadow = 0;
  set (&apic->tpr, 0);
  set (&apic->ldr, 0);
  set (&apic->dfr, 0xffffffff);
  set (&apic->svr, 0xff);
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
    set (&apic->id, cpu->n);
}

/* -- Saved state: a register every 16 bytes ----------------------------------------------------------------------------- */

void
soft_apic_save (SoftCpu *cpu, uint8_t *page)
{
  SoftApic *apic = cpu->apic;

  collect (apic);
  for (unsigned reg = 0; reg < 64; reg++)
    {
      uint32_t value = 0;

      if (reg != APIC_EOI)
        register_read (apic, reg, &value);
      if (reg == APIC_ICR2)
        value = (uint32_t)(apic->icr >> 32);
      /* An expiry that the main loop has not come to yet is still to come; zero would mean that it was. */
      if (reg == APIC_CURRENT && apic->due >= 0 && !deadline_mode (apic))
        value = MAX (value, 1);
      memcpy (page + reg * 16, &value, 4);
    }
}

void
soft_apic_load (SoftCpu *cpu, const uint8_t *page)
{
  SoftApic *apic = cpu->apic;
  uint32_t value[64];

  for (unsigned reg = 0; reg < 64; reg++)
    memcpy (&value[reg], page + reg * 16, 4);
  soft_apic_reset (apic, FALSE);
  set (&apic->id, x2apic (apic) ? cpu->n : value[APIC_ID] >> 24);
  set (&apic->tpr, value[APIC_TPR] & 0xff);
  set (&apic->ldr, value[APIC_LDR] & 0xff000000);
  set (&apic->dfr, value[APIC_DFR] | 0x0fffffff);
  set (&apic->svr, value[APIC_SVR] & 0x3ff);
  for (unsigned i = 0; i < 8; i++)
    {
      uint32_t mask = i == 0 ? 0xffff0000u : ~0u;
      apic->isr[i] = value[APIC_ISR + i] & mask;
      apic->irr[i] = value[APIC_IRR + i] & mask;
      apic->tmr[i] = value[APIC_TMR + i] & mask;
    }
  apic->esr = value[APIC_ESR];
  apic->icr = value[APIC_ICR] | (uint64_t)value[APIC_ICR2] << 32;
  g_mutex_lock (&apic->lock);
  for (unsigned reg = 0; reg < 64; reg++)
    if (lvt_of (reg) >= 0)
      set (&apic->lvt[lvt_of (reg)], value[reg] & 0x7f7ff);
  apic->divide = value[APIC_DIVIDE] & 0xb;
  apic->initial_count = value[APIC_INITIAL];
  /* As far into the count as it was. */
  if (!deadline_mode (apic))
    timer_count (apic, MIN (value[APIC_CURRENT], apic->initial_count));
  g_mutex_unlock (&apic->lock);
}
