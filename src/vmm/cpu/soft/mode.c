/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What follows from control registers, segments and EFLAGS: the decoder's key, the translation buffer in use, the
 * limits that accesses are checked against.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#ifdef SOFT_TRANSLATOR
#include "cpu/soft/sse.h"
#include "cpu/soft/translate/translate.h"
#endif

static void
update_check (SoftCpu *cpu, unsigned n, gboolean in64)
{
  SoftSegmentCheck *check = &cpu->check[n];
  const CpuSegment *segment = &cpu->segment[n];
  unsigned type = segment->attributes & SEG_TYPE;
  gboolean readable, writable;

  if (in64)
    {
      check->base = n >= CPU_FS ? segment->base : 0;
      check->low[0] = check->low[1] = 0;
      check->high[0] = check->high[1] = ~(uint64_t)0;
      check->top[0] = check->top[1] = 0;
      return;
    }
  check->base = segment->base;
  if ((segment->attributes & SEG_P) == 0)
    readable = writable = FALSE;
  else if (!soft_in_protected (cpu))
    readable = writable = TRUE;
  else
    {
      readable = (type & SEG_CODE) == 0 || (type & SEG_WRITABLE) != 0;
      writable = (type & (SEG_CODE | SEG_WRITABLE)) == SEG_WRITABLE;
    }
  if ((type & (SEG_CODE | SEG_DOWN)) == SEG_DOWN)
    {
      check->low[0] = (uint64_t)segment->limit + 1;
      check->high[0] = (segment->attributes & SEG_DB) != 0 ? 0xffffffffu : 0xffffu;
    }
  else
    {
      check->low[0] = 0;
      check->high[0] = segment->limit;
    }
  check->low[1] = check->low[0];
  check->high[1] = check->high[0];
  if (!readable)
    {
      check->low[0] = ~(uint64_t)0;
      check->high[0] = 0;
    }
  if (!writable)
    {
      check->low[1] = ~(uint64_t)0;
      check->high[1] = 0;
    }
  for (unsigned w = 0; w < 2; w++)
    check->top[w] = check->low[w] == 0 ? check->high[w] + 1 : 0;
}

static gboolean
is_flat (const SoftCpu *cpu, unsigned n)
{
  const SoftSegmentCheck *check = &cpu->check[n];
  return check->base == 0 && check->low[0] == 0 && check->low[1] == 0 && check->high[0] == 0xffffffffu
         && check->high[1] == 0xffffffffu;
}

/* What translated code depends on. */
void
soft_update_unit_key (SoftCpu *cpu)
{
#ifdef SOFT_TRANSLATOR
  const uint64_t avx = XCR0_SSE | XCR0_AVX;
  const CpuSegment *cs = &cpu->segment[CPU_CS];
  uint32_t key = SOFT_UNIT_KEY_NONE;

  if (cpu->translator != NULL)
    {
      key = cpu->key | (uint32_t)cpu->mmu << SOFT_UNIT_KEY_MMU_SHIFT;
      if ((cpu->key & SOFT_KEY_SIZE) != SOFT_KEY_64 && (cs->base != 0 || cs->limit != 0xffffffffu))
        key |= SOFT_UNIT_KEY_CS;
      if (cpu->counting)
        key |= SOFT_UNIT_KEY_COUNT;
      if ((cpu->cr0 & (CR0_EM | CR0_TS)) == 0 && (cpu->cr4 & CR4_OSFXSR) != 0
          && (cpu->mxcsr & MXCSR_MASKS) == MXCSR_MASKS)
        key |= SOFT_UNIT_KEY_SSE;
      if ((cpu->cr0 & CR0_TS) == 0 && (cpu->cr4 & CR4_OSXSAVE) != 0 && (cpu->xcr0 & avx) == avx
          && (cpu->mxcsr & MXCSR_MASKS) == MXCSR_MASKS)
        key |= SOFT_UNIT_KEY_AVX;
    }
  if (key != cpu->unit_key)
    {
      cpu->unit_key = key;
      cpu->unit_class = -1;
    }
#endif
}

void
soft_update_mode (SoftCpu *cpu)
{
  const CpuSegment *cs = &cpu->segment[CPU_CS];
  uint32_t key;
  gboolean in64 = soft_in_long (cpu) && (cs->attributes & SEG_L) != 0;
  gboolean watching;

  key = in64 ? SOFT_KEY_64 : (cs->attributes & SEG_DB) != 0 ? SOFT_KEY_32 : SOFT_KEY_16;
  for (unsigned i = 0; i < 6; i++)
    update_check (cpu, i, in64);
  cpu->linear_mask = in64 ? ~(uint64_t)0 : 0xffffffffu;
  if (in64)
    {
      key |= SOFT_KEY_STACK32 | SOFT_KEY_FLAT;
      cpu->rip_mask = cpu->branch_mask = cpu->stack_mask = cpu->jump_limit = ~(uint64_t)0;
      cpu->check[CPU_CS].base = 0;
    }
  else
    {
      gboolean stack32 = (cpu->segment[CPU_SS].attributes & SEG_DB) != 0;
      if (stack32)
        key |= SOFT_KEY_STACK32;
      if (is_flat (cpu, CPU_DS) && is_flat (cpu, CPU_ES) && is_flat (cpu, CPU_SS))
        key |= SOFT_KEY_FLAT;
      cpu->stack_mask = stack32 ? 0xffffffffu : 0xffffu;
      cpu->branch_mask = (key & SOFT_KEY_SIZE) == SOFT_KEY_32 ? 0xffffffffu : 0xffffu;
      /* A jump of 32 bits leads there, as in system-management mode, and only one of 16 comes back below. */
      cpu->rip_mask = cs->limit > 0xffff ? 0xffffffffu : cpu->branch_mask;
      /* A block that starts here ends within the limit. */
      cpu->jump_limit = MIN ((uint64_t)cs->limit, cpu->branch_mask);
      cpu->jump_limit = cpu->jump_limit > 512 ? cpu->jump_limit - 512 : 0;
    }
  if (cpu->cpl == 3)
    key |= SOFT_KEY_USER;
  if (soft_in_protected (cpu))
    key |= SOFT_KEY_PROTECTED;
  if (key != cpu->key)
    {
      cpu->key = key;
      cpu->jump_key = (cpu->jump_key & ~(uint64_t)0xffffffff) | key;
    }
  if (cpu->cpl == 3)
    cpu->mmu = SOFT_MMU_USER;
  else if ((cpu->cr4 & CR4_SMAP) != 0 && (cpu->eflags & FLAG_AC) == 0)
    cpu->mmu = SOFT_MMU_SUPERVISOR_SMAP;
  else
    cpu->mmu = SOFT_MMU_SUPERVISOR;
  cpu->tlb = cpu->tlbs[cpu->mmu];
  cpu->gap = cpu->gaps[cpu->mmu];
  soft_update_unit_key (cpu);

  /* Data breakpoints and alignment checks look at each access. */
  watching = cpu->debug.watching;
  if ((cpu->dr[7] & 0xff) != 0)
    for (unsigned i = 0; i < 4; i++)
      if (((cpu->dr[7] >> (2 * i)) & 3) != 0 && ((cpu->dr[7] >> (16 + 4 * i)) & 1) != 0)
        watching = TRUE;
  if (cpu->cpl == 3 && (cpu->cr0 & CR0_AM) != 0 && (cpu->eflags & FLAG_AC) != 0)
    watching = TRUE;
  if (watching != cpu->watching)
    {
      cpu->watching = watching;
      soft_tlb_flush (cpu);
    }
}

void
soft_update_segment (SoftCpu *cpu, unsigned n)
{
  const gboolean in64 = soft_in_64 (cpu), was_flat = (cpu->key & SOFT_KEY_FLAT) != 0;

  update_check (cpu, n, in64);
  if (!in64 && n < CPU_FS
      && was_flat != (is_flat (cpu, CPU_DS) && is_flat (cpu, CPU_ES) && is_flat (cpu, CPU_SS)))
    soft_update_mode (cpu);
}

void
soft_update_code_base (SoftCpu *cpu)
{
  update_check (cpu, CPU_CS, FALSE);
  soft_update_unit_key (cpu);
}

void
soft_set_eflags (SoftCpu *cpu, uint32_t value, uint32_t mask)
{
  uint32_t old = cpu->eflags;

  cpu->af = soft_eflags_to_af ((soft_af_to_eflags (cpu->af) & ~mask) | (value & mask));
  mask &= FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM | FLAG_AC | FLAG_VIF
          | FLAG_VIP | FLAG_ID;
  cpu->eflags = (old & ~mask) | (value & mask);
  /* RF is about the next instruction alone.  Where nothing is armed no one looks at it, and it must not stay for later. */
  if ((cpu->dr[7] & 0xff) == 0)
    cpu->eflags &= ~(uint32_t)FLAG_RF;
  if (((old ^ cpu->eflags) & (FLAG_AC | FLAG_VM)) != 0)
    soft_update_mode (cpu);
}

void
soft_set_rip (SoftCpu *cpu, uint64_t rip)
{
  cpu->reg[SOFT_REG_RIP] = rip;
  cpu->block = NULL;
  cpu->rip_set = TRUE;
}

uint64_t
soft_rip (const SoftCpu *cpu, const SoftInsn *insn)
{
  return (cpu->reg[SOFT_REG_RIP] + insn->offset) & cpu->rip_mask;
}

void
soft_give_back (SoftCpu *cpu, const SoftInsn *insn, unsigned done)
{
  const SoftBlock *block = cpu->block;

  if (block->unit == NULL)
    cpu->budget += block->n_insns - (insn - block->insns) - done;
  else if (cpu->counting)
    cpu->budget += block->n_insns / 2 - insn->unit_place - (int)done;
}

static void
leave_block (SoftCpu *cpu, const SoftInsn *insn)
{
  if (insn != NULL && !cpu->rip_set)
    {
      cpu->reg[SOFT_REG_RIP] = soft_rip (cpu, insn);
      if (cpu->block != NULL)
        soft_give_back (cpu, insn, 1);
    }
  cpu->block = NULL;
}

void
soft_raise (SoftCpu *cpu, const SoftInsn *insn, unsigned vector)
{
  leave_block (cpu, insn);
  cpu->fault_vector = (int)vector;
  cpu->fault_error = 0;
  cpu->fault_has_error = FALSE;
  soft_longjmp (&cpu->recover);
}

void
soft_raise_error (SoftCpu *cpu, const SoftInsn *insn, unsigned vector, uint32_t error_code)
{
  leave_block (cpu, insn);
  cpu->fault_vector = (int)vector;
  cpu->fault_error = error_code;
  cpu->fault_has_error = TRUE;
  soft_longjmp (&cpu->recover);
}

void
soft_segment_fault (SoftCpu *cpu, const SoftInsn *insn, unsigned seg)
{
  soft_raise_error (cpu, insn, seg == CPU_SS ? EXC_SS : EXC_GP, 0);
}
