/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The local APIC's timer (SDM volume 3, 10.5.4).
 *
 * `due` is when the count reaches zero (guest time), or -1: it stands at zero.  A change of mode or divider thus leaves the
 * count where it is. All of it under the lock.  An expiry that the device loop had already taken when the processor cancelled or
 * moved it finds `due` in the future or gone, and does nothing.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/apic-private.h"

static unsigned
divider (const SoftApic *apic)
{
  unsigned code = (apic->divide & 3) | ((apic->divide >> 1) & 4);
  return code == 7 ? 1 : 2u << code;
}

void
soft_apic_timer_set (SoftApic *apic, int64_t due)
{
  apic->due = due;
  if (due < 0)
    vm_timer_cancel (&apic->timer);
  else
    vm_timer_arm (&apic->timer, due);
}

void
soft_apic_timer_count (SoftApic *apic, uint32_t count)
{
  soft_apic_timer_set (apic, count == 0 ? -1 : apic_now (apic) + (int64_t)count * divider (apic));
}

static uint32_t
current (const SoftApic *apic)
{
  int64_t left;

  if (apic->due < 0 || apic->initial_count == 0 || apic_deadline_mode (apic))
    return 0;
  left = apic->due - apic_now (apic);
  if (left > 0)
    return (uint32_t)MIN ((left - 1) / divider (apic) + 1, (int64_t)apic->initial_count);
  /* Over, and the device loop has not come to it yet. */
  if (apic_get (&apic->lvt[LVT_TIMER]) & TIMER_PERIODIC)
    return apic->initial_count - (uint32_t)((uint64_t)-left / divider (apic) % apic->initial_count);
  return 0;
}

/* Device loop's thread. */
static void
on_timer (void *opaque)
{
  SoftApic *apic = opaque;
  uint32_t lvt;
  int64_t time = apic_now (apic);

  g_mutex_lock (&apic->lock);
  if (apic->due < 0 || apic->due > time)
    {
      g_mutex_unlock (&apic->lock);
      return;
    }
  lvt = apic_get (&apic->lvt[LVT_TIMER]);
  if ((lvt & TIMER_PERIODIC) != 0 && apic->initial_count != 0)
    {
      int64_t period = (int64_t)apic->initial_count * divider (apic), next = apic->due + period;

      /* Late by more than a period: what was missed is lost, as one bit of IRR holds only one. */
      if (period < 20000)
        next = MAX (next, time + 20000);
      if (next <= time)
        next += (time - next) / period * period + period;
      soft_apic_timer_set (apic, next);
    }
  else
    {
      apic->due = -1;
      apic->tsc_deadline = 0;
    }
  g_mutex_unlock (&apic->lock);
  if ((lvt & LVT_MASKED) == 0)
    soft_apic_request (apic, lvt & 0xff, FALSE);
}

void
soft_apic_timer_init (SoftApic *apic)
{
  apic->due = -1;
  vm_timer_init (&apic->timer, apic->cpu->vm->clock, on_timer, apic);
}

/* -- Registers ------------------------------------------------------------------------------------------------- */

uint32_t
soft_apic_timer_current (SoftApic *apic)
{
  uint32_t value;

  g_mutex_lock (&apic->lock);
  value = current (apic);
  g_mutex_unlock (&apic->lock);
  return value;
}

void
soft_apic_timer_write_lvt (SoftApic *apic, uint32_t value)
{
  uint32_t old = apic->lvt[LVT_TIMER];
  gboolean over;

  g_mutex_lock (&apic->lock);
  /* One shot that is over ends as that, though the loop has not come to it yet. */
  over = (old & (TIMER_PERIODIC | TIMER_DEADLINE)) == 0 && apic->due >= 0 && apic->due <= apic_now (apic);
  if (over)
    soft_apic_timer_set (apic, -1);
  apic_set (&apic->lvt[LVT_TIMER], value);
  /* Between one-shot and periodic the count goes on; from or to the deadline it ends (SDM volume 3, 10.5.4.1). */
  if ((old ^ value) & TIMER_DEADLINE)
    {
      soft_apic_timer_set (apic, -1);
      apic->tsc_deadline = 0;
      apic->initial_count = 0;
    }
  g_mutex_unlock (&apic->lock);
  if (over && (old & LVT_MASKED) == 0)
    soft_apic_request (apic, old & 0xff, FALSE);
}

void
soft_apic_timer_write_count (SoftApic *apic, uint32_t value)
{
  if (apic_deadline_mode (apic))
    return;
  g_mutex_lock (&apic->lock);
  apic->initial_count = value;
  soft_apic_timer_count (apic, value);
  g_mutex_unlock (&apic->lock);
}

void
soft_apic_timer_write_divide (SoftApic *apic, uint32_t value)
{
  uint32_t left;

  g_mutex_lock (&apic->lock);
  left = current (apic);
  apic->divide = value & 0xb;
  if (left != 0)
    soft_apic_timer_count (apic, left);
  g_mutex_unlock (&apic->lock);
}

/* -- The deadline ---------------------------------------------------------------------------------------------- */

/* One that is past is an interrupt at once (SDM volume 3, 10.5.4.1). */
static void
set_deadline (SoftApic *apic, uint64_t tsc)
{
  SoftCpu *cpu = apic->cpu;
  uint32_t lvt = apic_get (&apic->lvt[LVT_TIMER]);
  int64_t left = (int64_t)(tsc - soft_tsc (cpu));
  gboolean past = tsc != 0 && left <= 0;

  if ((lvt & TIMER_DEADLINE) == 0)
    return;
  g_mutex_lock (&apic->lock);
  apic->tsc_deadline = past ? 0 : tsc;
  if (tsc == 0 || past)
    soft_apic_timer_set (apic, -1);
  else
    soft_apic_timer_set (
        apic, apic_now (apic) + clock_muldiv (MIN (left, INT64_MAX / 4), NS_PER_SECOND, cpu->engine->tsc_hz));
  g_mutex_unlock (&apic->lock);
  if (past && (lvt & LVT_MASKED) == 0)
    soft_apic_request (apic, lvt & 0xff, FALSE);
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
