/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of the local APIC share: apic.c (priorities, life), apic-registers.c, apic-message.c, apic-timer.c.
 */
#pragma once

#include "cpu/soft/engine-soft.h"

G_BEGIN_DECLS

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

/* Registers that other threads look at. */
static inline uint32_t
apic_get (const uint32_t *reg)
{
  return __atomic_load_n (reg, __ATOMIC_RELAXED);
}

static inline void
apic_set (uint32_t *reg, uint32_t value)
{
  __atomic_store_n (reg, value, __ATOMIC_RELAXED);
}

static inline uint64_t
apic_base (const SoftApic *apic)
{
  return __atomic_load_n (&apic->cpu->msr.apic_base, __ATOMIC_RELAXED);
}

static inline gboolean
apic_is_x2 (const SoftApic *apic)
{
  return (apic_base (apic) & (BASE_X2APIC | BASE_ENABLED)) == (BASE_X2APIC | BASE_ENABLED);
}

static inline gboolean
apic_hardware_enabled (const SoftApic *apic)
{
  return (apic_base (apic) & BASE_ENABLED) != 0;
}

static inline gboolean
apic_accepting (const SoftApic *apic)
{
  return apic_hardware_enabled (apic) && (apic_get (&apic->svr) & SVR_ENABLED) != 0;
}

/* The x2APIC id is hard-wired; the xAPIC's is a register. */
static inline uint32_t
apic_identity (const SoftApic *apic)
{
  return apic_is_x2 (apic) ? apic->cpu->n : apic_get (&apic->id);
}

static inline int64_t
apic_now (const SoftApic *apic)
{
  return vm_clock_now (apic->cpu->vm->clock);
}

static inline gboolean
apic_deadline_mode (const SoftApic *apic)
{
  return (apic_get (&apic->lvt[LVT_TIMER]) & TIMER_DEADLINE) != 0;
}

/* -- apic.c ----------------------------------------------------------------------------------------------------- */
/* What the task and what is in service keep out. */
unsigned soft_apic_priority (const SoftApic *apic);
/* Moves what other threads have asked for to IRR.  The processor's thread. */
void soft_apic_collect (SoftApic *apic);
void soft_apic_end_of_interrupt (SoftApic *apic);

/* -- apic-message.c --------------------------------------------------------------------------------------------- */
/* A fixed vector; any thread. */
void soft_apic_request (SoftApic *apic, unsigned vector, gboolean level);
/* What ICR says. */
void soft_apic_send_ipi (SoftApic *apic);

/* -- apic-timer.c ----------------------------------------------------------------------------------------------- */
void soft_apic_timer_init (SoftApic *apic);
/* Registers: they take the lock. */
void soft_apic_timer_write_lvt (SoftApic *apic, uint32_t value);
void soft_apic_timer_write_count (SoftApic *apic, uint32_t value);
void soft_apic_timer_write_divide (SoftApic *apic, uint32_t value);
uint32_t soft_apic_timer_current (SoftApic *apic);
/* The lock is held.  When it expires; -1: not. */
void soft_apic_timer_set (SoftApic *apic, int64_t due);
/* The lock is held.  `count` as what is left of it; 0 stops. */
void soft_apic_timer_count (SoftApic *apic, uint32_t count);

G_END_DECLS
