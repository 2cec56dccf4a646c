/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Descriptors and segment registers (SDM volume 3, chapters 3 and 5).
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/ops.h"

uint64_t
soft_descriptor_address (SoftCpu *cpu, uint16_t selector)
{
  return ((selector & 4) != 0 ? cpu->segment[CPU_LDTR].base : cpu->gdt_base) + (selector & ~7u);
}

gboolean
soft_read_descriptor (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, SoftDescriptor *d)
{
  uint32_t limit = cpu->gdt_limit;
  uint64_t raw;

  if (selector & 4)
    {
      if ((cpu->segment[CPU_LDTR].attributes & SEG_P) == 0)
        return FALSE;
      limit = cpu->segment[CPU_LDTR].limit;
    }
  if ((selector & ~7u) + 7 > limit)
    return FALSE;
  raw = soft_system_read (cpu, insn, soft_descriptor_address (cpu, selector), 8);
  d->low = (uint32_t)raw;
  d->high = (uint32_t)(raw >> 32);
  return TRUE;
}

void
soft_parse_descriptor (const SoftDescriptor *d, uint16_t selector, CpuSegment *segment)
{
  segment->selector = selector;
  segment->base = (d->low >> 16) | (d->high & 0xff) << 16 | (d->high & 0xff000000);
  segment->attributes = (uint16_t)(((d->high >> 8) & 0xff) | ((d->high >> 12) & 0xf00));
  segment->limit = (d->low & 0xffff) | (d->high & 0xf0000);
  if (segment->attributes & SEG_G)
    segment->limit = segment->limit << 12 | 0xfff;
}

void
soft_mark_accessed (SoftCpu *cpu, const SoftInsn *insn, CpuSegment *segment)
{
  if ((segment->attributes & SEG_ACCESSED) == 0)
    {
      segment->attributes |= SEG_ACCESSED;
      soft_system_change_bits (cpu, insn, soft_descriptor_address (cpu, segment->selector) + 5, 0,
                               SEG_ACCESSED);
    }
}

void
soft_load_real_segment (SoftCpu *cpu, unsigned seg, uint16_t selector)
{
  CpuSegment *segment = &cpu->segment[seg];

  segment->selector = selector;
  segment->base = (uint32_t)selector << 4;
  if (cpu->eflags & FLAG_VM)
    {
      segment->limit = 0xffff;
      segment->attributes = 0xf3;
    }
  else
    {
      /* Real mode keeps limit and size of what was loaded in protected mode ("unreal" mode). */
      if ((segment->attributes & SEG_P) == 0)
        segment->limit = 0xffff;
      segment->attributes = (uint16_t)((segment->attributes & (SEG_DB | SEG_G)) | 0x93);
    }
}

void
soft_check_stack_segment (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, unsigned cpl,
                          unsigned vector, CpuSegment *segment)
{
  SoftDescriptor d;
  uint32_t error = selector & 0xfffc;

  if ((selector & 0xfffc) == 0 || !soft_read_descriptor (cpu, insn, selector, &d))
    soft_raise_error (cpu, insn, vector, error);
  soft_parse_descriptor (&d, selector, segment);
  if ((selector & 3) != cpl || soft_dpl (segment->attributes) != cpl
      || (segment->attributes & (SEG_S | SEG_CODE | SEG_WRITABLE)) != (SEG_S | SEG_WRITABLE))
    soft_raise_error (cpu, insn, vector, error);
  if ((segment->attributes & SEG_P) == 0)
    soft_raise_error (cpu, insn, EXC_SS, error);
}

static void
update (SoftCpu *cpu, unsigned seg)
{
  if (seg == CPU_SS)
    soft_update_mode (cpu);
  else
    soft_update_segment (cpu, seg);
}

void
soft_load_segment (SoftCpu *cpu, const SoftInsn *insn, unsigned seg, uint16_t selector)
{
  CpuSegment segment;
  SoftDescriptor d;
  uint32_t error = selector & 0xfffc;

  if (!soft_in_protected (cpu))
    {
      soft_load_real_segment (cpu, seg, selector);
      update (cpu, seg);
      return;
    }
  if (seg == CPU_SS)
    {
      if ((selector & 0xfffc) == 0)
        {
          if (!soft_in_64 (cpu) || cpu->cpl == 3 || (selector & 3) != cpu->cpl)
            soft_raise_error (cpu, insn, EXC_GP, 0);
          cpu->segment[CPU_SS]
              = (CpuSegment){ .selector = selector, .attributes = (uint16_t)(cpu->cpl << 5) };
          soft_update_mode (cpu);
          return;
        }
      soft_check_stack_segment (cpu, insn, selector, cpu->cpl, EXC_GP, &segment);
      soft_mark_accessed (cpu, insn, &segment);
      cpu->segment[CPU_SS] = segment;
      soft_update_mode (cpu);
      return;
    }
  if ((selector & 0xfffc) == 0)
    {
      cpu->segment[seg] = (CpuSegment){ .selector = selector };
      update (cpu, seg);
      return;
    }
  if (!soft_read_descriptor (cpu, insn, selector, &d))
    soft_raise_error (cpu, insn, EXC_GP, error);
  soft_parse_descriptor (&d, selector, &segment);
  if ((segment.attributes & SEG_S) == 0 || (segment.attributes & (SEG_CODE | SEG_WRITABLE)) == SEG_CODE)
    soft_raise_error (cpu, insn, EXC_GP, error);
  if ((segment.attributes & (SEG_CODE | SEG_DOWN)) != (SEG_CODE | SEG_DOWN)
      && (soft_dpl (segment.attributes) < (selector & 3u) || soft_dpl (segment.attributes) < cpu->cpl))
    soft_raise_error (cpu, insn, EXC_GP, error);
  if ((segment.attributes & SEG_P) == 0)
    soft_raise_error (cpu, insn, EXC_NP, error);
  soft_mark_accessed (cpu, insn, &segment);
  cpu->segment[seg] = segment;
  update (cpu, seg);
}

void
soft_drop_inner_segments (SoftCpu *cpu)
{
  static const uint8_t data[] = { CPU_ES, CPU_DS, CPU_FS, CPU_GS };

  for (unsigned i = 0; i < G_N_ELEMENTS (data); i++)
    {
      CpuSegment *segment = &cpu->segment[data[i]];
      gboolean conforming = (segment->attributes & (SEG_CODE | SEG_DOWN)) == (SEG_CODE | SEG_DOWN);

      if ((segment->attributes & SEG_P) != 0 && !conforming && soft_dpl (segment->attributes) < cpu->cpl)
        *segment = (CpuSegment){ .selector = 0, .base = soft_in_long (cpu) ? segment->base : 0 };
    }
}

/* System descriptors are twice as long in long mode. */
static uint64_t
high_base (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector)
{
  uint64_t base = soft_system_read (cpu, insn, soft_descriptor_address (cpu, selector) + 8, 4);
  return base << 32;
}

void
soft_load_ldtr (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector)
{
  CpuSegment segment;
  SoftDescriptor d;
  uint32_t error = selector & 0xfffc;

  if ((selector & 0xfffc) == 0)
    {
      cpu->segment[CPU_LDTR] = (CpuSegment){ .selector = selector };
      return;
    }
  if ((selector & 4) != 0 || !soft_read_descriptor (cpu, insn, selector, &d))
    soft_raise_error (cpu, insn, EXC_GP, error);
  soft_parse_descriptor (&d, selector, &segment);
  if ((segment.attributes & (SEG_S | SEG_TYPE)) != SYS_LDT)
    soft_raise_error (cpu, insn, EXC_GP, error);
  if ((segment.attributes & SEG_P) == 0)
    soft_raise_error (cpu, insn, EXC_NP, error);
  if (soft_in_long (cpu))
    {
      segment.base |= high_base (cpu, insn, selector);
      if (!soft_is_canonical (segment.base))
        soft_raise_error (cpu, insn, EXC_GP, error);
    }
  cpu->segment[CPU_LDTR] = segment;
}

void
soft_load_tr (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector)
{
  CpuSegment segment;
  SoftDescriptor d;
  uint32_t error = selector & 0xfffc;
  unsigned type;

  if ((selector & 0xfffc) == 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if ((selector & 4) != 0 || !soft_read_descriptor (cpu, insn, selector, &d))
    soft_raise_error (cpu, insn, EXC_GP, error);
  soft_parse_descriptor (&d, selector, &segment);
  type = segment.attributes & (SEG_S | SEG_TYPE);
  if (type != SYS_TSS && (type != SYS_TSS16 || soft_in_long (cpu)))
    soft_raise_error (cpu, insn, EXC_GP, error);
  if ((segment.attributes & SEG_P) == 0)
    soft_raise_error (cpu, insn, EXC_NP, error);
  if (soft_in_long (cpu))
    {
      segment.base |= high_base (cpu, insn, selector);
      if (!soft_is_canonical (segment.base))
        soft_raise_error (cpu, insn, EXC_GP, error);
    }
  segment.attributes |= SYS_TSS_BIT_BUSY;
  /* Another processor may be loading the same one. */
  if ((soft_system_change_bits (cpu, insn, soft_descriptor_address (cpu, selector) + 5, 0, SYS_TSS_BIT_BUSY)
       & SYS_TSS_BIT_BUSY)
      != 0)
    soft_raise_error (cpu, insn, EXC_GP, error);
  cpu->segment[CPU_TR] = segment;
}

/* -- Instructions ---------------------------------------------------------------------------------------------- */

void
soft_do_mov_from_seg (SoftCpu *cpu, const SoftInsn *insn)
{
  uint16_t selector = cpu->segment[insn->a].selector;

  if (insn->mem)
    soft_store16 (cpu, insn, insn->seg, soft_ea (cpu, insn), selector);
  else
    soft_set_reg (cpu, insn->b, insn->size, selector);
}

void
soft_do_mov_to_seg (SoftCpu *cpu, const SoftInsn *insn)
{
  uint16_t selector = (uint16_t)soft_rm_read (cpu, insn);

  soft_load_segment (cpu, insn, insn->a, selector);
  if (insn->a == CPU_SS)
    cpu->shadow = 2;
}

void
soft_do_load_far_pointer (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t ea = soft_ea (cpu, insn), at = ea + insn->size, offset;
  uint16_t selector;

  if (insn->address == 4)
    at = (uint32_t)at;
  else if (insn->address == 2)
    at = (uint16_t)at;
  offset = soft_load (cpu, insn, insn->seg, ea, insn->size);
  selector = soft_load16 (cpu, insn, insn->seg, at);
  soft_load_segment (cpu, insn, (unsigned)insn->imm, selector);
  soft_set_reg (cpu, insn->a, insn->size, offset);
}

void
soft_do_arpl (SoftCpu *cpu, const SoftInsn *insn)
{
  uint16_t dst = (uint16_t)soft_rm_read (cpu, insn), src = SOFT_R16 (cpu, insn->a);

  if ((dst & 3) < (src & 3))
    {
      soft_rm_write (cpu, insn, (dst & ~3u) | (src & 3));
      soft_set_flags (cpu, FLAG_ZF, FLAG_ZF);
    }
  else
    soft_set_flags (cpu, FLAG_ZF, 0);
}

/* LAR and LSL: may the selector be seen from here? */
static gboolean
visible (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, gboolean limit, CpuSegment *segment,
         SoftDescriptor *d)
{
  unsigned type;

  if ((selector & 0xfffc) == 0 || !soft_read_descriptor (cpu, insn, selector, d))
    return FALSE;
  soft_parse_descriptor (d, selector, segment);
  if ((segment->attributes & SEG_S) == 0)
    {
      gboolean legacy = !soft_in_long (cpu);

      type = segment->attributes & SEG_TYPE;
      switch (type)
        {
        case SYS_TSS16:
        case SYS_TSS16_BUSY:
          if (!legacy)
            return FALSE;
          break;
        case SYS_LDT:
        case SYS_TSS:
        case SYS_TSS_BUSY:
          break;
        case SYS_CALL:
          if (limit)
            return FALSE;
          break;
        case SYS_CALL16:
        case SYS_TASK:
          if (limit || !legacy)
            return FALSE;
          break;
        default:
          return FALSE;
        }
    }
  else if ((segment->attributes & (SEG_CODE | SEG_DOWN)) == (SEG_CODE | SEG_DOWN))
    return TRUE;
  return soft_dpl (segment->attributes) >= cpu->cpl && soft_dpl (segment->attributes) >= (selector & 3u);
}

void
soft_do_lar (SoftCpu *cpu, const SoftInsn *insn)
{
  gboolean limit = (insn->opcode & 1) != 0;
  uint16_t selector
      = insn->mem ? soft_load16 (cpu, insn, insn->seg, soft_ea (cpu, insn)) : SOFT_R16 (cpu, insn->b);
  CpuSegment segment;
  SoftDescriptor d;

  if (!visible (cpu, insn, selector, limit, &segment, &d))
    {
      soft_set_flags (cpu, FLAG_ZF, 0);
      return;
    }
  soft_set_reg (cpu, insn->a, insn->size, limit ? segment.limit : d.high & 0x00ffff00);
  soft_set_flags (cpu, FLAG_ZF, FLAG_ZF);
}

static void
verify (SoftCpu *cpu, const SoftInsn *insn, gboolean write)
{
  uint16_t selector
      = insn->mem ? soft_load16 (cpu, insn, insn->seg, soft_ea (cpu, insn)) : SOFT_R16 (cpu, insn->b);
  CpuSegment segment;
  SoftDescriptor d;
  gboolean ok = FALSE;

  if ((selector & 0xfffc) != 0 && soft_read_descriptor (cpu, insn, selector, &d))
    {
      soft_parse_descriptor (&d, selector, &segment);
      if (segment.attributes & SEG_S)
        {
          gboolean code = (segment.attributes & SEG_CODE) != 0;
          gboolean seen
              = soft_dpl (segment.attributes) >= cpu->cpl && soft_dpl (segment.attributes) >= (selector & 3u);
          if (code && (segment.attributes & SEG_DOWN) != 0)
            seen = TRUE;
          if (write)
            ok = seen && !code && (segment.attributes & SEG_WRITABLE) != 0;
          else
            ok = seen && (!code || (segment.attributes & SEG_WRITABLE) != 0);
        }
    }
  soft_set_flags (cpu, FLAG_ZF, ok ? FLAG_ZF : 0);
}

void
soft_do_group6 (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned op = (insn->modrm >> 3) & 7;
  uint16_t selector;

  switch (op)
    {
    case 0:
    case 1:
      if ((cpu->cr4 & CR4_UMIP) != 0 && cpu->cpl > 0)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      selector = cpu->segment[op == 0 ? CPU_LDTR : CPU_TR].selector;
      if (insn->mem)
        soft_store16 (cpu, insn, insn->seg, soft_ea (cpu, insn), selector);
      else
        soft_set_reg (cpu, insn->b, insn->size, selector);
      return;
    case 2:
    case 3:
      if (cpu->cpl != 0)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      selector
          = insn->mem ? soft_load16 (cpu, insn, insn->seg, soft_ea (cpu, insn)) : SOFT_R16 (cpu, insn->b);
      if (op == 2)
        soft_load_ldtr (cpu, insn, selector);
      else
        soft_load_tr (cpu, insn, selector);
      return;
    default:
      verify (cpu, insn, op == 5);
      return;
    }
}
