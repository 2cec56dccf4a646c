/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Interrupts and exceptions through the vector table and the IDT (SDM volume 3, chapter 6 and 20.2), INT n, INT3, INTO.
 * All that can fault is done before a register changes; RIP is still the interrupted instruction's then.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/ops.h"
#include "cpu/soft/stack.h"

/* -- Real mode, and virtual-8086 mode with redirection ------------------------------------------------------------ */

static void
real_interrupt (SoftCpu *cpu, unsigned vector, uint64_t table, uint32_t pushed, uint32_t clear, uint64_t rip)
{
  uint32_t entry;
  SoftStack stack;

  if ((cpu->eflags & FLAG_VM) == 0 && vector * 4 + 3 > cpu->idt_limit)
    soft_raise_error (cpu, NULL, EXC_GP, vector * 8 + 2);
  entry = (uint32_t)soft_system_read (cpu, NULL, table + vector * 4, 4);
  soft_stack_present (cpu, NULL, &stack);
  soft_stack_push (&stack, pushed & 0xffff, 2);
  soft_stack_push (&stack, cpu->segment[CPU_CS].selector, 2);
  soft_stack_push (&stack, rip & 0xffff, 2);
  soft_stack_commit (&stack);
  cpu->eflags &= ~clear;
  soft_load_real_segment (cpu, CPU_CS, (uint16_t)(entry >> 16));
  cpu->reg[SOFT_REG_RIP] = entry & 0xffff;
  cpu->block = NULL;
  soft_update_mode (cpu);
}

/* -- Protected mode ------------------------------------------------------------------------------------------------- */

/* Faults push EFLAGS with RF, so that the instruction isn't stopped by its breakpoint again (SDM volume 3, 17.3.1.1). */
static uint32_t
pushed_flags (SoftCpu *cpu, unsigned vector, SoftEvent event)
{
  uint32_t flags = soft_get_eflags (cpu);

  if (event == SOFT_EVENT_EXCEPTION && vector != EXC_DB && vector != EXC_BP && vector != EXC_OF)
    flags |= FLAG_RF;
  if (event == SOFT_EVENT_EXTERNAL && cpu->rep_stopped)
    flags |= FLAG_RF;
  return flags;
}

void
soft_interrupt (SoftCpu *cpu, unsigned vector, SoftEvent event, gboolean has_error, uint32_t error,
                uint64_t rip)
{
  gboolean in_long = soft_in_long (cpu), vm86 = (cpu->eflags & FLAG_VM) != 0;
  uint32_t ext = event == SOFT_EVENT_SOFTWARE ? 0 : 1;
  uint32_t gate_error = vector * 8 + 2 + ext, cs_error, flags;
  uint64_t at, raw, upper = 0, offset;
  unsigned type, size, dpl, ist, cpl;
  SoftDescriptor d, code;
  CpuSegment cs;
  SoftStack stack;
  uint16_t selector, old_cs = cpu->segment[CPU_CS].selector, old_ss = cpu->segment[CPU_SS].selector;
  uint64_t old_sp = cpu->reg[CPU_RSP];

  /* The handler's first instruction isn't stepped over. */
  cpu->step_db = FALSE;
  if ((cpu->cr0 & CR0_PE) == 0)
    {
      real_interrupt (cpu, vector, cpu->idt_base, soft_get_eflags (cpu),
                      FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF, rip);
      return;
    }

  /* The gate. */
  at = cpu->idt_base + vector * (in_long ? 16u : 8u);
  if (vector * (in_long ? 16u : 8u) + (in_long ? 15u : 7u) > cpu->idt_limit)
    soft_raise_error (cpu, NULL, EXC_GP, gate_error);
  raw = soft_system_read (cpu, NULL, at, 8);
  if (in_long)
    upper = soft_system_read (cpu, NULL, at + 8, 8);
  d.low = (uint32_t)raw;
  d.high = (uint32_t)(raw >> 32);
  type = (d.high >> 8) & 0x1f;
  dpl = (d.high >> 13) & 3;
  if (type != SYS_INT && type != SYS_TRAP
      && (in_long || (type != SYS_INT16 && type != SYS_TRAP16 && type != SYS_TASK)))
    soft_raise_error (cpu, NULL, EXC_GP, gate_error);
  if (event == SOFT_EVENT_SOFTWARE && dpl < cpu->cpl)
    soft_raise_error (cpu, NULL, EXC_GP, gate_error);
  if ((d.high & 0x8000) == 0)
    soft_raise_error (cpu, NULL, EXC_NP, gate_error);
  selector = (uint16_t)(d.low >> 16);
  if (type == SYS_TASK)
    {
      gboolean wide;

      /* The old task's EFLAGS are saved as a frame would have them. */
      cpu->eflags |= pushed_flags (cpu, vector, event) & FLAG_RF;
      soft_task_switch (cpu, NULL, selector, SOFT_TASK_CALL, rip);
      cpu->rip_set = FALSE;
      if (has_error)
        {
          wide = (cpu->segment[CPU_TR].attributes & 8) != 0;
          soft_stack_present (cpu, NULL, &stack);
          soft_stack_push (&stack, error, wide ? 4 : 2);
          soft_stack_commit (&stack);
        }
      return;
    }
  size = in_long ? 8 : type == SYS_INT || type == SYS_TRAP ? 4 : 2;
  offset = (d.low & 0xffff) | (size > 2 ? d.high & 0xffff0000 : 0) | (in_long ? upper << 32 : 0);
  ist = in_long ? d.high & 7 : 0;

  /* Its code segment. */
  cs_error = (selector & 0xfffcu) | ext;
  if ((selector & 0xfffc) == 0)
    soft_raise_error (cpu, NULL, EXC_GP, ext);
  if (!soft_read_descriptor (cpu, NULL, selector, &code))
    soft_raise_error (cpu, NULL, EXC_GP, cs_error);
  soft_parse_descriptor (&code, selector, &cs);
  dpl = soft_dpl (cs.attributes);
  if ((cs.attributes & (SEG_S | SEG_CODE)) != (SEG_S | SEG_CODE) || dpl > cpu->cpl)
    soft_raise_error (cpu, NULL, EXC_GP, cs_error);
  if (in_long && (cs.attributes & (SEG_L | SEG_DB)) != SEG_L)
    soft_raise_error (cpu, NULL, EXC_GP, cs_error);
  if ((cs.attributes & SEG_P) == 0)
    soft_raise_error (cpu, NULL, EXC_NP, cs_error);
  cpl = (cs.attributes & SEG_DOWN) != 0 ? cpu->cpl : dpl;
  if (vm86 && cpl != 0)
    soft_raise_error (cpu, NULL, EXC_GP, cs_error);
  cs.selector = (uint16_t)((selector & ~3u) | cpl);

  /* The stack. */
  flags = pushed_flags (cpu, vector, event);
  if (in_long)
    {
      soft_stack_present (cpu, NULL, &stack);
      if (ist != 0 || cpl < cpu->cpl)
        {
          stack.sp = soft_tss64_stack (cpu, NULL, ist != 0 ? 3 + ist : cpl);
          if (cpl < cpu->cpl)
            stack.segment = (CpuSegment){ .selector = (uint16_t)cpl, .attributes = (uint16_t)(cpl << 5) };
        }
      stack.is64 = TRUE;
      stack.mask = ~(uint64_t)0;
      stack.cpl = cpl;
      stack.sp &= ~(uint64_t)15;
      soft_stack_push (&stack, old_ss, 8);
      soft_stack_push (&stack, old_sp, 8);
    }
  else if (cpl < cpu->cpl || vm86)
    {
      soft_stack_inner (cpu, NULL, cpl, ext, &stack);
      if (vm86)
        {
          soft_stack_push (&stack, cpu->segment[CPU_GS].selector, size);
          soft_stack_push (&stack, cpu->segment[CPU_FS].selector, size);
          soft_stack_push (&stack, cpu->segment[CPU_DS].selector, size);
          soft_stack_push (&stack, cpu->segment[CPU_ES].selector, size);
        }
      soft_stack_push (&stack, old_ss, size);
      soft_stack_push (&stack, old_sp, size);
      soft_mark_accessed (cpu, NULL, &stack.segment);
    }
  else
    {
      soft_stack_present (cpu, NULL, &stack);
      stack.error = ext;
    }
  soft_check_rip (cpu, NULL, &cs, offset);
  soft_stack_push (&stack, flags, size);
  soft_stack_push (&stack, old_cs, size);
  soft_stack_push (&stack, rip, size);
  if (has_error)
    soft_stack_push (&stack, error, size);
  soft_mark_accessed (cpu, NULL, &cs);

  /* Nothing can fault any more. */
  if (vm86)
    {
      static const uint8_t dropped[] = { CPU_ES, CPU_DS, CPU_FS, CPU_GS };
      for (unsigned i = 0; i < G_N_ELEMENTS (dropped); i++)
        cpu->segment[dropped[i]] = (CpuSegment){ 0 };
    }
  cpu->segment[CPU_CS] = cs;
  cpu->segment[CPU_SS] = stack.segment;
  soft_set_cpl (cpu, cpl);
  cpu->eflags &= ~(uint32_t)(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
  if (type == SYS_INT || type == SYS_INT16)
    cpu->eflags &= ~(uint32_t)FLAG_IF;
  if (stack.mask == 0xffff)
    SOFT_R16 (cpu, CPU_RSP) = (uint16_t)stack.sp;
  else
    cpu->reg[CPU_RSP] = stack.sp & stack.mask;
  cpu->reg[SOFT_REG_RIP] = offset;
  cpu->block = NULL;
  soft_update_mode (cpu);
}

/* -- Instructions ------------------------------------------------------------------------------------------------------ */

static void
software_interrupt (SoftCpu *cpu, const SoftInsn *insn, unsigned vector, SoftEvent event)
{
  uint64_t next = (soft_rip (cpu, insn) + insn->length) & cpu->rip_mask;

  /* A fault on the way is the INT instruction's. */
  soft_set_rip (cpu, soft_rip (cpu, insn));
  soft_interrupt (cpu, vector, event, FALSE, 0, next);
  cpu->rip_set = TRUE;
}

/* VME: is INT n to go to the program's own table?  SDM volume 3, 20.3.3, methods 2 to 6. */
static gboolean
redirected (SoftCpu *cpu, const SoftInsn *insn, unsigned vector)
{
  const CpuSegment *tr = &cpu->segment[CPU_TR];
  uint32_t map, at;

  if ((cpu->cr4 & CR4_VME) == 0 || tr->limit < 0x67)
    return FALSE;
  map = (uint32_t)soft_system_read (cpu, insn, tr->base + 0x66, 2);
  at = map - 32 + vector / 8;
  if (map < 32 || at > tr->limit)
    return FALSE;
  return ((soft_system_read (cpu, insn, tr->base + at, 1) >> (vector & 7)) & 1) == 0;
}

void
soft_do_int (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned vector = (unsigned)insn->imm & 0xff;

  if (cpu->eflags & FLAG_VM)
    {
      gboolean iopl3 = (cpu->eflags & FLAG_IOPL) == FLAG_IOPL;

      if (redirected (cpu, insn, vector))
        {
          uint64_t next = (soft_rip (cpu, insn) + insn->length) & cpu->rip_mask;
          uint32_t flags = soft_get_eflags (cpu);

          soft_set_rip (cpu, soft_rip (cpu, insn));
          if (iopl3)
            real_interrupt (cpu, vector, 0, flags, FLAG_IF | FLAG_TF, next);
          else
            {
              flags = (flags & ~(uint32_t)FLAG_IF) | FLAG_IOPL | ((flags & FLAG_VIF) != 0 ? FLAG_IF : 0);
              real_interrupt (cpu, vector, 0, flags, FLAG_VIF | FLAG_TF, next);
            }
          cpu->rip_set = TRUE;
          return;
        }
      if (!iopl3)
        soft_raise_error (cpu, insn, EXC_GP, 0);
    }
  software_interrupt (cpu, insn, vector, SOFT_EVENT_SOFTWARE);
}

void
soft_do_int3 (SoftCpu *cpu, const SoftInsn *insn)
{
  software_interrupt (cpu, insn, EXC_BP, SOFT_EVENT_SOFTWARE);
}

void
soft_do_into (SoftCpu *cpu, const SoftInsn *insn)
{
  if (soft_af_to_eflags (cpu->af) & FLAG_OF)
    software_interrupt (cpu, insn, EXC_OF, SOFT_EVENT_SOFTWARE);
}

/* A data breakpoint that MOV SS held back joins ICEBP's own #DB (SDM volume 3, 6.8.3). */
void
soft_do_int1 (SoftCpu *cpu, const SoftInsn *insn)
{
  software_interrupt (cpu, insn, EXC_DB, SOFT_EVENT_ICEBP);
  cpu->dr[6] |= cpu->pending_db;
  cpu->dr[7] &= ~(uint64_t)(1u << 13); /* GD, as for every #DB */
  cpu->pending_db = 0;
}
