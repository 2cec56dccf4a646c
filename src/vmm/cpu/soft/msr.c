/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Model specific registers (SDM volume 4; AMD APM volume 2, appendix A).
 *
 * Policy for the unknown: a register that operating systems are known to touch on such a processor without asking CPUID
 * first (the tolerance list) reads as 0 and ignores writes; any other raises #GP as the hardware does.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"

enum
{
  MSR_TSC = 0x10,
  MSR_PLATFORM_ID = 0x17,
  MSR_APIC_BASE = 0x1b,
  MSR_TSC_ADJUST = 0x3b,
  MSR_BIOS_UPDATE = 0x79,
  MSR_BIOS_SIGN = 0x8b,
  MSR_MTRRCAP = 0xfe,
  MSR_SYSENTER_CS = 0x174,
  MSR_SYSENTER_ESP = 0x175,
  MSR_SYSENTER_EIP = 0x176,
  MSR_MCG_CAP = 0x179,
  MSR_MCG_STATUS = 0x17a,
  MSR_MCG_CTL = 0x17b,
  MSR_MISC_ENABLE = 0x1a0,
  MSR_DEBUGCTL = 0x1d9,
  MSR_MTRR_PHYS_FIRST = 0x200,
  MSR_MTRR_PHYS_LAST = 0x20f,
  MSR_MTRR_FIX64K = 0x250,
  MSR_PAT = 0x277,
  MSR_MTRR_DEF_TYPE = 0x2ff,
  MSR_MC_FIRST = 0x400,
  MSR_MC_LAST = 0x40f,
  MSR_TSC_DEADLINE = 0x6e0,
  MSR_X2APIC_FIRST = 0x800,
  MSR_X2APIC_LAST = 0x8ff,
};
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_FMASK          0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX        0xc0000103u

/* Eight variable ranges, the fixed ones, write-combining. */
#define MTRRCAP 0x508u
/* Four banks, a control register. */
#define MCG_CAP 0x104u

static const struct
{
  uint32_t first, last;
} tolerated[] = {
  { 0x0, 0x1 },   /* machine check address and type of the Pentium */
  { 0x11, 0x12 }, /* older paravirtual clocks */
  { 0x2a, 0x2a }, /* EBL_CR_POWERON */
  { 0x3a, 0x3a }, /* FEATURE_CONTROL */
  { 0x9b, 0x9b },
  { 0xc1, 0xc8 },
  { 0xce, 0xce }, /* PLATFORM_INFO */
  { 0xe2, 0xe2 },
  { 0xe7, 0xe8 },
  { 0x10a, 0x10a }, /* ARCH_CAPABILITIES */
  { 0x119, 0x11e },
  { 0x140, 0x140 },
  { 0x186, 0x18d },
  { 0x198, 0x19d },
  { 0x1a2, 0x1a2 },
  { 0x1ad, 0x1ad },
  { 0x1b0, 0x1b1 },
  { 0x1db, 0x1de },
  { 0x1fc, 0x1fc },
  { 0x309, 0x30b },
  { 0x345, 0x345 },
  { 0x38d, 0x390 },
  { 0x600, 0x61e },
  { 0x639, 0x641 },
  { 0xc80, 0xc80 },           /* IA32_DEBUG_INTERFACE: OpenBSD reads it early */
  { 0xc0010000, 0xc0010020 }, /* performance counters, SYSCFG, HWCR, IORR, TOP_MEM, NB_CFG, patch loader */
  { 0xc0010030, 0xc0010035 },
  { 0xc001003e, 0xc0010045 },
  { 0xc0010050, 0xc0010074 }, /* C1E and interrupt pending messages, P states */
  { 0xc0010111, 0xc001011b },
  { 0xc0010140, 0xc0010141 },
  { 0xc0010200, 0xc001020b },
  { 0xc0010299, 0xc001029b },
  { 0xc0011000, 0xc0011048 }, /* bits of the load-store, instruction and data units */
};

uint64_t
soft_tsc (SoftCpu *cpu)
{
  int64_t now = vm_clock_now (cpu->vm->clock);
  /* The count wraps: a guest may set it to anything. */
  return (uint64_t)clock_muldiv (now, cpu->engine->tsc_hz, NS_PER_SECOND) + (uint64_t)cpu->tsc_offset;
}

static gboolean
is_tolerated (uint32_t index)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (tolerated); i++)
    if (index >= tolerated[i].first && index <= tolerated[i].last)
      return TRUE;
  return FALSE;
}

/* The fixed-range registers are scattered. */
static int
fixed_mtrr (uint32_t index)
{
  switch (index)
    {
    case 0x250:
      return 0;
    case 0x258:
    case 0x259:
      return (int)(1 + index - 0x258);
    case 0x268 ... 0x26f:
      return (int)(3 + index - 0x268);
    default:
      return -1;
    }
}

static uint64_t *
machine_check (SoftCpu *cpu, uint32_t index)
{
  unsigned bank = (index - MSR_MC_FIRST) / 4;

  switch (index & 3)
    {
    case 0:
      return &cpu->msr.mc_ctl[bank];
    case 1:
      return &cpu->msr.mc_status[bank];
    case 2:
      return &cpu->msr.mc_addr[bank];
    default:
      return &cpu->msr.mc_misc[bank];
    }
}

/* Registers that hold what is written. */
static uint64_t *
plain (SoftCpu *cpu, uint32_t index)
{
  switch (index)
    {
    case MSR_SYSENTER_CS:
      return &cpu->msr.sysenter_cs;
    case MSR_MISC_ENABLE:
      return &cpu->msr.misc_enable;
    case MSR_MCG_STATUS:
      return &cpu->msr.mcg_status;
    case MSR_MCG_CTL:
      return &cpu->msr.mcg_ctl;
    case MSR_DEBUGCTL:
      return &cpu->msr.debugctl;
    case MSR_STAR:
      return &cpu->msr.star;
    case MSR_FMASK:
      return &cpu->msr.fmask;
    case MSR_BIOS_SIGN:
      return &cpu->msr.bios_sign;
    case MSR_MTRR_DEF_TYPE:
      return &cpu->msr.mtrr_def_type;
    default:
      return NULL;
    }
}

/* Registers that hold an address. */
static uint64_t *
canonical (SoftCpu *cpu, uint32_t index)
{
  switch (index)
    {
    case MSR_SYSENTER_ESP:
      return &cpu->msr.sysenter_esp;
    case MSR_SYSENTER_EIP:
      return &cpu->msr.sysenter_eip;
    case MSR_LSTAR:
      return &cpu->msr.lstar;
    case MSR_CSTAR:
      return &cpu->msr.cstar;
    case MSR_KERNEL_GS_BASE:
      return &cpu->msr.kernel_gs_base;
    case MSR_FS_BASE:
      return &cpu->segment[CPU_FS].base;
    case MSR_GS_BASE:
      return &cpu->segment[CPU_GS].base;
    default:
      return NULL;
    }
}

gboolean
soft_msr_read (SoftCpu *cpu, uint32_t index, uint64_t *value)
{
  const uint64_t *p = plain (cpu, index);

  if (p == NULL)
    p = canonical (cpu, index);
  if (p != NULL)
    {
      *value = *p;
      return TRUE;
    }
  if (index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST)
    return soft_apic_msr_read (cpu, index, value);
  if (index >= MSR_MC_FIRST && index <= MSR_MC_LAST)
    {
      *value = *machine_check (cpu, index);
      return TRUE;
    }
  if (index >= MSR_MTRR_PHYS_FIRST && index <= MSR_MTRR_PHYS_LAST)
    {
      unsigned n = (index - MSR_MTRR_PHYS_FIRST) / 2;
      *value = (index & 1) != 0 ? cpu->msr.mtrr_mask[n] : cpu->msr.mtrr_base[n];
      return TRUE;
    }
  if (fixed_mtrr (index) >= 0)
    {
      *value = cpu->msr.mtrr_fixed[fixed_mtrr (index)];
      return TRUE;
    }
  switch (index)
    {
    case MSR_TSC:
      *value = soft_tsc (cpu);
      return TRUE;
    case MSR_PLATFORM_ID:
    case MSR_BIOS_UPDATE:
      *value = 0;
      return TRUE;
    case MSR_APIC_BASE:
      *value = cpu->msr.apic_base;
      return TRUE;
    case MSR_TSC_ADJUST:
      *value = cpu->msr.tsc_adjust;
      return TRUE;
    case MSR_MTRRCAP:
      *value = MTRRCAP;
      return TRUE;
    case MSR_MCG_CAP:
      *value = MCG_CAP;
      return TRUE;
    case MSR_PAT:
      *value = cpu->msr.pat;
      return TRUE;
    case MSR_TSC_DEADLINE:
      *value = soft_apic_get_deadline (cpu);
      return TRUE;
    case MSR_EFER:
      *value = cpu->efer;
      return TRUE;
    case MSR_TSC_AUX:
      *value = cpu->msr.tsc_aux;
      return TRUE;
    default:
      *value = 0;
      return is_tolerated (index);
    }
}

static gboolean
write_efer (SoftCpu *cpu, uint64_t value)
{
  if ((value & ~(uint64_t)SOFT_EFER_KNOWN) != 0
      || ((cpu->cr0 & CR0_PG) != 0 && ((value ^ cpu->efer) & EFER_LME) != 0))
    return FALSE;
  value = (value & ~(uint64_t)EFER_LMA) | (cpu->efer & EFER_LMA);
  if ((value ^ cpu->efer) & EFER_NXE)
    soft_tlb_flush (cpu);
  cpu->efer = value;
  return TRUE;
}

static gboolean
valid_memory_types (uint64_t value)
{
  for (unsigned i = 0; i < 8; i++)
    {
      unsigned type = (value >> (8 * i)) & 0xff;
      if (type > 7 || type == 2 || type == 3)
        return FALSE;
    }
  return TRUE;
}

gboolean
soft_msr_write (SoftCpu *cpu, uint32_t index, uint64_t value)
{
  uint64_t *p = canonical (cpu, index);

  if (p != NULL)
    {
      if (!soft_is_canonical (value))
        return FALSE;
      *p = value;
      if (index == MSR_FS_BASE || index == MSR_GS_BASE)
        soft_update_mode (cpu);
      return TRUE;
    }
  p = plain (cpu, index);
  if (p != NULL)
    {
      *p = value;
      return TRUE;
    }
  if (index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST)
    return soft_apic_msr_write (cpu, index, value);
  if (index >= MSR_MC_FIRST && index <= MSR_MC_LAST)
    {
      /* MCi_CTL takes none or all, MCi_STATUS can only be cleared (SDM volume 3, 15.3.2.1 and 15.3.2.2). */
      if (((index & 3) == 0 && value != 0 && value != ~(uint64_t)0) || ((index & 3) == 1 && value != 0))
        return FALSE;
      *machine_check (cpu, index) = value;
      return TRUE;
    }
  if (index >= MSR_MTRR_PHYS_FIRST && index <= MSR_MTRR_PHYS_LAST)
    {
      unsigned n = (index - MSR_MTRR_PHYS_FIRST) / 2;
      *((index & 1) != 0 ? &cpu->msr.mtrr_mask[n] : &cpu->msr.mtrr_base[n]) = value;
      return TRUE;
    }
  if (fixed_mtrr (index) >= 0)
    {
      cpu->msr.mtrr_fixed[fixed_mtrr (index)] = value;
      return TRUE;
    }
  switch (index)
    {
    case MSR_TSC:
      cpu->msr.tsc_adjust += value - soft_tsc (cpu);
      cpu->tsc_offset = (int64_t)((uint64_t)cpu->tsc_offset + value - soft_tsc (cpu));
      soft_apic_tsc_changed (cpu);
      return TRUE;
    case MSR_TSC_ADJUST:
      cpu->tsc_offset = (int64_t)((uint64_t)cpu->tsc_offset + value - cpu->msr.tsc_adjust);
      cpu->msr.tsc_adjust = value;
      soft_apic_tsc_changed (cpu);
      return TRUE;
    case MSR_PLATFORM_ID:
    case MSR_BIOS_UPDATE:
      return TRUE;
    case MSR_APIC_BASE:
      return soft_apic_set_base (cpu, value);
    case MSR_MTRRCAP:
    case MSR_MCG_CAP:
      return FALSE;
    case MSR_PAT:
      if (!valid_memory_types (value))
        return FALSE;
      cpu->msr.pat = value;
      return TRUE;
    case MSR_TSC_DEADLINE:
      soft_apic_set_deadline (cpu, value);
      return TRUE;
    case MSR_EFER:
      return write_efer (cpu, value);
    case MSR_TSC_AUX:
      cpu->msr.tsc_aux = (uint32_t)value;
      return TRUE;
    default:
      return is_tolerated (index);
    }
}

void
soft_msr_reset (SoftCpu *cpu)
{
  uint64_t apic_base = 0xfee00000u | 0x800 | (cpu->n == 0 ? 0x100 : 0);

  memset (&cpu->msr, 0, sizeof cpu->msr);
  cpu->msr.apic_base = apic_base;
  cpu->msr.pat = 0x0007040600070406ULL;
  cpu->msr.misc_enable = 1;
  cpu->msr.mcg_ctl = ~(uint64_t)0;
  cpu->tsc_offset = 0;
}
