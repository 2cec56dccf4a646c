/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The local APIC's registers, in memory and as MSRs, and its saved state, which is a page of them.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/apic-private.h"

#define VERSION      0x00060014u /* seven LVT entries, version 0x14 */
#define ICR_RESERVED 0xfff32000u

/* -- By number (offset / 16) ----------------------------------------------------------------------------------- */

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
  if (apic_is_x2 (apic))
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
      *value = apic_is_x2 (apic) ? apic_identity (apic) : apic_identity (apic) << 24;
      return TRUE;
    case APIC_VERSION:
      *value = VERSION;
      return TRUE;
    case APIC_TPR:
      *value = apic->tpr;
      return TRUE;
    case APIC_APR:
      *value = soft_apic_priority (apic);
      return !apic_is_x2 (apic);
    case APIC_PPR:
      *value = soft_apic_priority (apic);
      return TRUE;
    case APIC_EOI:
      return !apic_is_x2 (apic);
    case APIC_LDR:
      *value = logical_id (apic);
      return TRUE;
    case APIC_DFR:
      *value = apic->dfr;
      return !apic_is_x2 (apic);
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
      soft_apic_collect (apic);
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
      return !apic_is_x2 (apic);
    case APIC_INITIAL:
      *value = apic->initial_count;
      return TRUE;
    case APIC_CURRENT:
      *value = soft_apic_timer_current (apic);
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
  value &= lvt_mask[n];
  if ((apic->svr & SVR_ENABLED) == 0)
    value |= LVT_MASKED;
  if (n == LVT_TIMER)
    soft_apic_timer_write_lvt (apic, value);
  else
    apic_set (&apic->lvt[n], value);
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
      if (apic_is_x2 (apic))
        return FALSE;
      apic_set (&apic->id, value >> 24);
      return TRUE;
    case APIC_TPR:
      soft_apic_set_tpr (apic->cpu, value);
      return TRUE;
    case APIC_EOI:
      soft_apic_end_of_interrupt (apic);
      return TRUE;
    case APIC_LDR:
      if (apic_is_x2 (apic))
        return FALSE;
      apic_set (&apic->ldr, value & 0xff000000);
      return TRUE;
    case APIC_DFR:
      if (apic_is_x2 (apic))
        return FALSE;
      apic_set (&apic->dfr, value | 0x0fffffff);
      return TRUE;
    case APIC_SVR:
      apic_set (&apic->svr, value & 0x3ff);
      if ((value & SVR_ENABLED) == 0)
        for (unsigned i = 0; i < 7; i++)
          apic_set (&apic->lvt[i], apic->lvt[i] | LVT_MASKED);
      return TRUE;
    case APIC_ESR:
      apic->esr = apic->esr_shadow;
      apic->esr_shadow = 0;
      return TRUE;
    case APIC_ICR:
      apic->icr = (apic->icr & 0xffffffff00000000ULL) | (value & 0xccfff);
      soft_apic_send_ipi (apic);
      return TRUE;
    case APIC_ICR2:
      if (apic_is_x2 (apic))
        return FALSE;
      apic->icr = (apic->icr & 0xffffffff) | (uint64_t)(value & 0xff000000) << 32;
      return TRUE;
    case APIC_INITIAL:
      soft_apic_timer_write_count (apic, value);
      return TRUE;
    case APIC_DIVIDE:
      soft_apic_timer_write_divide (apic, value);
      return TRUE;
    case APIC_SELF_IPI:
      if (!apic_is_x2 (apic))
        return FALSE;
      soft_apic_request (apic, value & 0xff, FALSE);
      return TRUE;
    default:
      return FALSE;
    }
}

/* -- In memory, and as MSRs ------------------------------------------------------------------------------------ */

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
  uint32_t present;

  /* Only aligned words are defined. */
  if ((offset & 15) != 0 || size < 4)
    return;
  /* A register that can only be read is none that isn't there (SDM volume 3, 11.5.3). */
  if (!register_write (cpu->apic, offset >> 4, value) && !register_read (cpu->apic, offset >> 4, &present))
    cpu->apic->esr_shadow |= ESR_ILLEGAL_REGISTER;
}

gboolean
soft_apic_msr_read (SoftCpu *cpu, uint32_t index, uint64_t *value)
{
  uint32_t low;

  if (!apic_is_x2 (cpu->apic))
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

  if (!apic_is_x2 (apic))
    return FALSE;
  if (index - 0x800 == APIC_ICR)
    {
      if ((value & ICR_RESERVED) != 0)
        return FALSE;
      apic->icr = value & 0xffffffff000ccfffULL;
      soft_apic_send_ipi (apic);
      return TRUE;
    }
  if ((value & (0xffffffff00000000ULL | reserved_bits (index - 0x800))) != 0)
    return FALSE;
  return register_write (apic, index - 0x800, (uint32_t)value);
}

/* -- Saved state: a register every 16 bytes ---------------------------------------------------------------- */

void
soft_apic_save (SoftCpu *cpu, uint8_t *page)
{
  SoftApic *apic = cpu->apic;

  soft_apic_collect (apic);
  for (unsigned reg = 0; reg < 64; reg++)
    {
      uint32_t value = 0;

      if (reg != APIC_EOI)
        register_read (apic, reg, &value);
      if (reg == APIC_ICR2)
        value = (uint32_t)(apic->icr >> 32);
      /* An expiry that the device loop has not come to yet is still to come; zero would mean that it was. */
      if (reg == APIC_CURRENT && apic->due >= 0 && !apic_deadline_mode (apic))
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
  apic_set (&apic->id, apic_is_x2 (apic) ? cpu->n : value[APIC_ID] >> 24);
  apic_set (&apic->tpr, value[APIC_TPR] & 0xff);
  apic_set (&apic->ldr, value[APIC_LDR] & 0xff000000);
  apic_set (&apic->dfr, value[APIC_DFR] | 0x0fffffff);
  apic_set (&apic->svr, value[APIC_SVR] & 0x3ff);
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
      apic_set (&apic->lvt[lvt_of (reg)], value[reg] & 0x7f7ff);
  apic->divide = value[APIC_DIVIDE] & 0xb;
  apic->initial_count = value[APIC_INITIAL];
  /* As far into the count as it was. */
  if (!apic_deadline_mode (apic))
    soft_apic_timer_count (apic, MIN (value[APIC_CURRENT], apic->initial_count));
  g_mutex_unlock (&apic->lock);
}
