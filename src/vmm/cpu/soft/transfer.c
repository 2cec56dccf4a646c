/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Far jumps, calls and returns, call gates, IRET (SDM volume 2, JMP, CALL, RET, IRET; volume 3, 5.8).
 * Each checks all that can fault before it changes a register.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/ops.h"
#include "cpu/soft/stack.h"

void
soft_set_cpl (SoftCpu *cpu, unsigned cpl)
{
  cpu->cpl = (uint8_t)cpl;
}

void
soft_check_rip (SoftCpu *cpu, const SoftInsn *insn, const CpuSegment *cs, uint64_t rip)
{
  if (soft_in_long (cpu) && (cs->attributes & SEG_L) != 0)
    {
      if (!soft_is_canonical (rip))
        soft_raise_error (cpu, insn, EXC_GP, 0);
    }
  else if ((uint32_t)rip > cs->limit)
    soft_raise_error (cpu, insn, EXC_GP, 0);
}

/* -- Stacks -------------------------------------------------------------------------------------------------- */

void
soft_stack_present (SoftCpu *cpu, const SoftInsn *insn, SoftStack *stack)
{
  stack->cpu = cpu;
  stack->insn = insn;
  stack->segment = cpu->segment[CPU_SS];
  stack->sp = cpu->reg[CPU_RSP];
  stack->mask = cpu->stack_mask;
  stack->cpl = cpu->cpl;
  stack->is64 = soft_in_64 (cpu);
  stack->error = 0;
}

static uint64_t
stack_linear (SoftStack *stack, uint64_t offset, unsigned size)
{
  const CpuSegment *ss = &stack->segment;

  if (stack->is64)
    return offset;
  if ((ss->attributes & (SEG_CODE | SEG_DOWN)) == SEG_DOWN && soft_in_protected (stack->cpu))
    {
      uint64_t high = (ss->attributes & SEG_DB) != 0 ? 0xffffffffu : 0xffffu;
      if (offset <= ss->limit || offset + size - 1 > high)
        soft_raise_error (stack->cpu, stack->insn, EXC_SS, stack->error);
    }
  else if (offset + size - 1 > ss->limit)
    soft_raise_error (stack->cpu, stack->insn, EXC_SS, stack->error);
  return (uint32_t)(ss->base + offset);
}

void
soft_stack_push (SoftStack *stack, uint64_t value, unsigned size)
{
  uint64_t at = (stack->sp - size) & stack->mask;

  if (stack->is64 && !soft_is_canonical (at))
    soft_raise_error (stack->cpu, stack->insn, EXC_SS, stack->error);
  soft_write_cpl (stack->cpu, stack->insn, stack_linear (stack, at, size), value, size, stack->cpl);
  stack->sp = (stack->sp & ~stack->mask) | at;
}

uint64_t
soft_stack_pop (SoftStack *stack, unsigned size)
{
  uint64_t at = stack->sp & stack->mask;
  uint64_t value = soft_read_cpl (stack->cpu, stack->insn, stack_linear (stack, at, size), size, stack->cpl);

  stack->sp = (stack->sp & ~stack->mask) | ((at + size) & stack->mask);
  return value;
}

void
soft_stack_commit (SoftStack *stack)
{
  if (stack->mask == 0xffff)
    SOFT_R16 (stack->cpu, CPU_RSP) = (uint16_t)stack->sp;
  else
    stack->cpu->reg[CPU_RSP] = stack->sp & stack->mask;
}

void
soft_tss_stack (SoftCpu *cpu, const SoftInsn *insn, unsigned level, uint16_t *ss, uint64_t *sp)
{
  const CpuSegment *tr = &cpu->segment[CPU_TR];
  unsigned type = tr->attributes & SEG_TYPE;

  if (type == SYS_TSS16_BUSY || type == SYS_TSS16)
    {
      if (level * 4 + 2 + 3 > tr->limit)
        soft_raise_error (cpu, insn, EXC_TS, tr->selector & 0xfffc);
      *sp = soft_system_read (cpu, insn, tr->base + level * 4 + 2, 2);
      *ss = (uint16_t)soft_system_read (cpu, insn, tr->base + level * 4 + 4, 2);
    }
  else
    {
      if (level * 8 + 4 + 5 > tr->limit)
        soft_raise_error (cpu, insn, EXC_TS, tr->selector & 0xfffc);
      *sp = soft_system_read (cpu, insn, tr->base + level * 8 + 4, 4);
      *ss = (uint16_t)soft_system_read (cpu, insn, tr->base + level * 8 + 8, 2);
    }
}

/* 64-bit TSS: slots 0 to 2 are RSP0 to RSP2, 4 to 10 IST1 to IST7. */
uint64_t
soft_tss64_stack (SoftCpu *cpu, const SoftInsn *insn, unsigned slot)
{
  const CpuSegment *tr = &cpu->segment[CPU_TR];
  uint64_t sp;

  if (slot * 8 + 4 + 7 > tr->limit)
    soft_raise_error (cpu, insn, EXC_TS, tr->selector & 0xfffc);
  sp = soft_system_read (cpu, insn, tr->base + slot * 8 + 4, 8);
  if (!soft_is_canonical (sp))
    soft_raise_error (cpu, insn, EXC_SS, 0);
  return sp;
}

/* A stack of an inner level from the TSS, checked. */
void
soft_stack_inner (SoftCpu *cpu, const SoftInsn *insn, unsigned cpl, uint32_t ext, SoftStack *stack)
{
  uint16_t selector;
  uint64_t sp;
  SoftDescriptor d;

  soft_tss_stack (cpu, insn, cpl, &selector, &sp);
  if ((selector & 0xfffc) == 0)
    soft_raise_error (cpu, insn, EXC_TS, ext);
  if (!soft_read_descriptor (cpu, insn, selector, &d))
    soft_raise_error (cpu, insn, EXC_TS, (selector & 0xfffcu) | ext);
  soft_parse_descriptor (&d, selector, &stack->segment);
  if ((selector & 3u) != cpl || soft_dpl (stack->segment.attributes) != cpl
      || (stack->segment.attributes & (SEG_S | SEG_CODE | SEG_WRITABLE)) != (SEG_S | SEG_WRITABLE))
    soft_raise_error (cpu, insn, EXC_TS, (selector & 0xfffcu) | ext);
  if ((stack->segment.attributes & SEG_P) == 0)
    soft_raise_error (cpu, insn, EXC_SS, (selector & 0xfffcu) | ext);
  stack->cpu = cpu;
  stack->insn = insn;
  stack->sp = sp;
  stack->mask = (stack->segment.attributes & SEG_DB) != 0 ? 0xffffffffu : 0xffffu;
  stack->cpl = cpl;
  stack->is64 = FALSE;
  stack->error = (selector & 0xfffcu) | ext;
}

/* -- Code segments ---------------------------------------------------------------------------------------------- */

/* Reads and checks a code segment as target of a direct far branch; RPL of the result is CPL. */
static void
check_code (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, CpuSegment *cs)
{
  uint32_t error = selector & 0xfffc;

  if ((cs->attributes & SEG_DOWN) != 0)
    {
      if (soft_dpl (cs->attributes) > cpu->cpl)
        soft_raise_error (cpu, insn, EXC_GP, error);
    }
  else if ((selector & 3u) > cpu->cpl || soft_dpl (cs->attributes) != cpu->cpl)
    soft_raise_error (cpu, insn, EXC_GP, error);
  if (soft_in_long (cpu) && (cs->attributes & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB))
    soft_raise_error (cpu, insn, EXC_GP, error);
  if ((cs->attributes & SEG_P) == 0)
    soft_raise_error (cpu, insn, EXC_NP, error);
  cs->selector = (uint16_t)((selector & ~3u) | cpu->cpl);
}

typedef struct
{
  uint16_t selector;
  uint64_t offset;
  unsigned size;  /* of what is pushed: 2, 4, 8 */
  unsigned count; /* parameters */
  CpuSegment cs;
  unsigned cpl; /* of the target */
} Gate;

/* A call gate: checks it and its code segment. */
static void
read_gate (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, const SoftDescriptor *d, gboolean call,
           Gate *gate)
{
  unsigned type = (d->high >> 8) & 0x1f, dpl = (d->high >> 13) & 3;
  uint32_t error = selector & 0xfffc;
  SoftDescriptor code;

  if (dpl < cpu->cpl || dpl < (selector & 3u))
    soft_raise_error (cpu, insn, EXC_GP, error);
  if ((d->high & 0x8000) == 0)
    soft_raise_error (cpu, insn, EXC_NP, error);
  gate->selector = (uint16_t)(d->low >> 16);
  gate->offset = (d->low & 0xffff) | (type == SYS_CALL ? d->high & 0xffff0000 : 0);
  gate->size = type == SYS_CALL ? 4 : 2;
  gate->count = d->high & 31;
  if (soft_in_long (cpu))
    {
      uint64_t upper;
      uint32_t limit = (selector & 4) != 0 ? cpu->segment[CPU_LDTR].limit : cpu->gdt_limit;

      if (type != SYS_CALL || (selector & ~7u) + 15 > limit)
        soft_raise_error (cpu, insn, EXC_GP, error);
      upper = soft_system_read (cpu, insn, soft_descriptor_address (cpu, selector) + 8, 8);
      if (((upper >> 40) & 0x1f) != 0)
        soft_raise_error (cpu, insn, EXC_GP, error);
      gate->offset |= upper << 32;
      gate->size = 8;
      gate->count = 0;
    }
  error = gate->selector & 0xfffc;
  if (error == 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (!soft_read_descriptor (cpu, insn, gate->selector, &code))
    soft_raise_error (cpu, insn, EXC_GP, error);
  soft_parse_descriptor (&code, gate->selector, &gate->cs);
  if ((gate->cs.attributes & (SEG_S | SEG_CODE)) != (SEG_S | SEG_CODE)
      || soft_dpl (gate->cs.attributes) > cpu->cpl)
    soft_raise_error (cpu, insn, EXC_GP, error);
  if (soft_in_long (cpu) && (gate->cs.attributes & (SEG_L | SEG_DB)) != SEG_L)
    soft_raise_error (cpu, insn, EXC_GP, error);
  if (!call && (gate->cs.attributes & SEG_DOWN) == 0 && soft_dpl (gate->cs.attributes) != cpu->cpl)
    soft_raise_error (cpu, insn, EXC_GP, error);
  if ((gate->cs.attributes & SEG_P) == 0)
    soft_raise_error (cpu, insn, EXC_NP, error);
  gate->cpl = (gate->cs.attributes & SEG_DOWN) != 0 ? cpu->cpl : soft_dpl (gate->cs.attributes);
  gate->cs.selector = (uint16_t)((gate->selector & ~3u) | gate->cpl);
}

/* What kind of descriptor a far branch meets. */
typedef enum
{
  TARGET_CODE,
  TARGET_CALL_GATE,
  TARGET_TASK, /* `selector` is then the TSS */
} Target;

static Target
read_target (SoftCpu *cpu, const SoftInsn *insn, uint16_t *selector, SoftDescriptor *d, CpuSegment *cs)
{
  uint32_t error = *selector & 0xfffc;
  unsigned type, dpl;

  if (error == 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (!soft_read_descriptor (cpu, insn, *selector, d))
    soft_raise_error (cpu, insn, EXC_GP, error);
  soft_parse_descriptor (d, *selector, cs);
  if (cs->attributes & SEG_S)
    {
      if ((cs->attributes & SEG_CODE) == 0)
        soft_raise_error (cpu, insn, EXC_GP, error);
      return TARGET_CODE;
    }
  type = cs->attributes & SEG_TYPE;
  dpl = soft_dpl (cs->attributes);
  if (type == SYS_CALL || (type == SYS_CALL16 && !soft_in_long (cpu)))
    return TARGET_CALL_GATE;
  if (soft_in_long (cpu))
    soft_raise_error (cpu, insn, EXC_GP, error);
  if (type == SYS_TASK)
    {
      if (dpl < cpu->cpl || dpl < (*selector & 3u))
        soft_raise_error (cpu, insn, EXC_GP, error);
      if ((cs->attributes & SEG_P) == 0)
        soft_raise_error (cpu, insn, EXC_NP, error);
      *selector = (uint16_t)(d->low >> 16);
      return TARGET_TASK;
    }
  if (type == SYS_TSS || type == SYS_TSS16)
    {
      if (dpl < cpu->cpl || dpl < (*selector & 3u))
        soft_raise_error (cpu, insn, EXC_GP, error);
      return TARGET_TASK;
    }
  soft_raise_error (cpu, insn, EXC_GP, error);
}

static void
real_far_branch (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, uint64_t offset)
{
  const CpuSegment old = cpu->segment[CPU_CS];

  if (offset > cpu->segment[CPU_CS].limit)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  soft_load_real_segment (cpu, CPU_CS, selector);
  soft_set_rip (cpu, offset);
  if (cpu->segment[CPU_CS].limit == old.limit && cpu->segment[CPU_CS].attributes == old.attributes)
    soft_update_code_base (cpu);
  else
    soft_update_mode (cpu);
}

static uint64_t
return_address (SoftCpu *cpu, const SoftInsn *insn)
{
  return (cpu->reg[SOFT_REG_RIP] + insn->offset + insn->length) & cpu->rip_mask;
}

void
soft_far_jump (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, uint64_t offset)
{
  SoftDescriptor d;
  CpuSegment cs;
  Gate gate;

  if (!soft_in_protected (cpu))
    {
      real_far_branch (cpu, insn, selector, offset);
      return;
    }
  switch (read_target (cpu, insn, &selector, &d, &cs))
    {
    case TARGET_CODE:
      check_code (cpu, insn, selector, &cs);
      soft_check_rip (cpu, insn, &cs, offset);
      break;
    case TARGET_CALL_GATE:
      read_gate (cpu, insn, selector, &d, FALSE, &gate);
      cs = gate.cs;
      cs.selector = (uint16_t)((cs.selector & ~3u) | cpu->cpl);
      offset = gate.offset;
      soft_check_rip (cpu, insn, &cs, offset);
      break;
    default:
      soft_task_switch (cpu, insn, selector, SOFT_TASK_JUMP, return_address (cpu, insn));
      return;
    }
  soft_mark_accessed (cpu, insn, &cs);
  cpu->segment[CPU_CS] = cs;
  soft_set_rip (cpu, offset);
  soft_update_mode (cpu);
}

static void
call_gate (SoftCpu *cpu, const SoftInsn *insn, Gate *gate)
{
  uint64_t rip = return_address (cpu, insn);
  uint16_t old_cs = cpu->segment[CPU_CS].selector, old_ss = cpu->segment[CPU_SS].selector;
  SoftStack stack;

  if (gate->cpl == cpu->cpl)
    {
      soft_stack_present (cpu, insn, &stack);
      soft_check_rip (cpu, insn, &gate->cs, gate->offset);
      if (gate->size == 8)
        {
          stack.is64 = TRUE;
          stack.mask = ~(uint64_t)0;
        }
      soft_stack_push (&stack, old_cs, gate->size);
      soft_stack_push (&stack, rip, gate->size);
    }
  else
    {
      uint64_t old_sp = cpu->reg[CPU_RSP];

      if (gate->size == 8)
        {
          stack
              = (SoftStack){ .cpu = cpu, .insn = insn, .mask = ~(uint64_t)0, .cpl = gate->cpl, .is64 = TRUE };
          stack.segment
              = (CpuSegment){ .selector = (uint16_t)gate->cpl, .attributes = (uint16_t)(gate->cpl << 5) };
          stack.sp = soft_tss64_stack (cpu, insn, gate->cpl);
        }
      else
        {
          soft_stack_inner (cpu, insn, gate->cpl, 0, &stack);
          soft_mark_accessed (cpu, insn, &stack.segment);
        }
      soft_check_rip (cpu, insn, &gate->cs, gate->offset);
      soft_stack_push (&stack, old_ss, gate->size);
      soft_stack_push (&stack, old_sp, gate->size);
      for (unsigned i = gate->count; i > 0; i--)
        soft_stack_push (
            &stack,
            soft_load (cpu, insn, CPU_SS, (old_sp + (i - 1) * gate->size) & cpu->stack_mask, gate->size),
            gate->size);
      soft_stack_push (&stack, old_cs, gate->size);
      soft_stack_push (&stack, rip, gate->size);
    }
  soft_mark_accessed (cpu, insn, &gate->cs);
  cpu->segment[CPU_SS] = stack.segment;
  cpu->segment[CPU_CS] = gate->cs;
  soft_set_cpl (cpu, gate->cpl);
  soft_stack_commit (&stack);
  soft_set_rip (cpu, gate->offset);
  soft_update_mode (cpu);
}

void
soft_far_call (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, uint64_t offset)
{
  uint64_t rip = return_address (cpu, insn);
  uint16_t old = cpu->segment[CPU_CS].selector;
  SoftDescriptor d;
  SoftStack stack;
  CpuSegment cs;
  Gate gate;

  soft_stack_present (cpu, insn, &stack);
  if (!soft_in_protected (cpu))
    {
      if (offset > cpu->segment[CPU_CS].limit)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      soft_stack_push (&stack, old, insn->size);
      soft_stack_push (&stack, rip, insn->size);
      soft_stack_commit (&stack);
      real_far_branch (cpu, insn, selector, offset);
      return;
    }
  switch (read_target (cpu, insn, &selector, &d, &cs))
    {
    case TARGET_CODE:
      check_code (cpu, insn, selector, &cs);
      soft_check_rip (cpu, insn, &cs, offset);
      soft_stack_push (&stack, old, insn->size);
      soft_stack_push (&stack, rip, insn->size);
      soft_mark_accessed (cpu, insn, &cs);
      soft_stack_commit (&stack);
      cpu->segment[CPU_CS] = cs;
      soft_set_rip (cpu, offset);
      soft_update_mode (cpu);
      return;
    case TARGET_CALL_GATE:
      read_gate (cpu, insn, selector, &d, TRUE, &gate);
      call_gate (cpu, insn, &gate);
      return;
    default:
      soft_task_switch (cpu, insn, selector, SOFT_TASK_CALL, rip);
      return;
    }
}

/* CS of a return: checks for privilege `rpl` of the selector. */
static void
check_return_code (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, CpuSegment *cs)
{
  SoftDescriptor d;
  uint32_t error = selector & 0xfffc;
  unsigned rpl = selector & 3;

  if (error == 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (!soft_read_descriptor (cpu, insn, selector, &d))
    soft_raise_error (cpu, insn, EXC_GP, error);
  soft_parse_descriptor (&d, selector, cs);
  if ((cs->attributes & (SEG_S | SEG_CODE)) != (SEG_S | SEG_CODE) || rpl < cpu->cpl)
    soft_raise_error (cpu, insn, EXC_GP, error);
  if ((cs->attributes & SEG_DOWN) != 0 ? soft_dpl (cs->attributes) > rpl : soft_dpl (cs->attributes) != rpl)
    soft_raise_error (cpu, insn, EXC_GP, error);
  if (soft_in_long (cpu) && (cs->attributes & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB))
    soft_raise_error (cpu, insn, EXC_GP, error);
  if ((cs->attributes & SEG_P) == 0)
    soft_raise_error (cpu, insn, EXC_NP, error);
}

/* SS of a return to an outer level, or any level in 64-bit mode. */
static void
check_return_stack (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, const CpuSegment *cs, unsigned cpl,
                    CpuSegment *ss)
{
  if ((selector & 0xfffc) == 0)
    {
      if (!soft_in_long (cpu) || (cs->attributes & SEG_L) == 0 || cpl == 3 || (selector & 3u) != cpl)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      *ss = (CpuSegment){ .selector = selector, .attributes = (uint16_t)(cpl << 5) };
      return;
    }
  soft_check_stack_segment (cpu, insn, selector, cpl, EXC_GP, ss);
  soft_mark_accessed (cpu, insn, ss);
}

void
soft_far_return (SoftCpu *cpu, const SoftInsn *insn, unsigned release)
{
  unsigned size = insn->size;
  SoftStack stack;
  CpuSegment cs, ss;
  uint16_t selector;
  uint64_t rip;

  soft_stack_present (cpu, insn, &stack);
  rip = soft_stack_pop (&stack, size);
  selector = (uint16_t)soft_stack_pop (&stack, size);
  if (!soft_in_protected (cpu))
    {
      if (rip > cpu->segment[CPU_CS].limit)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      stack.sp += release;
      soft_stack_commit (&stack);
      real_far_branch (cpu, insn, selector, rip);
      return;
    }
  check_return_code (cpu, insn, selector, &cs);
  stack.sp += release;
  if ((selector & 3u) == cpu->cpl)
    {
      soft_check_rip (cpu, insn, &cs, rip);
      soft_mark_accessed (cpu, insn, &cs);
      soft_stack_commit (&stack);
      cpu->segment[CPU_CS] = cs;
      soft_set_rip (cpu, rip);
      soft_update_mode (cpu);
      return;
    }
  {
    unsigned cpl = selector & 3;
    uint64_t sp = soft_stack_pop (&stack, size);
    uint16_t ss_selector = (uint16_t)soft_stack_pop (&stack, size);

    check_return_stack (cpu, insn, ss_selector, &cs, cpl, &ss);
    soft_check_rip (cpu, insn, &cs, rip);
    soft_mark_accessed (cpu, insn, &cs);
    cpu->segment[CPU_CS] = cs;
    cpu->segment[CPU_SS] = ss;
    soft_set_cpl (cpu, cpl);
    soft_drop_inner_segments (cpu);
    soft_set_rip (cpu, rip);
    soft_update_mode (cpu);
    soft_set_sp (cpu, sp + release);
  }
}

/* -- IRET ---------------------------------------------------------------------------------------------------------- */

static void
iret_real (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned size = insn->size;
  gboolean vm86 = (cpu->eflags & FLAG_VM) != 0, virtual_if = FALSE;
  uint32_t mask = FLAGS_ARITHMETIC | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_NT, flags;
  SoftStack stack;
  uint16_t selector;
  uint64_t rip;

  if (vm86 && (cpu->eflags & FLAG_IOPL) != FLAG_IOPL)
    {
      if ((cpu->cr4 & CR4_VME) == 0 || size != 2)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      virtual_if = TRUE;
    }
  soft_stack_present (cpu, insn, &stack);
  rip = soft_stack_pop (&stack, size);
  selector = (uint16_t)soft_stack_pop (&stack, size);
  flags = (uint32_t)soft_stack_pop (&stack, size);
  if (rip > cpu->segment[CPU_CS].limit)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (virtual_if)
    {
      if ((flags & FLAG_TF) != 0 || ((flags & FLAG_IF) != 0 && (cpu->eflags & FLAG_VIP) != 0))
        soft_raise_error (cpu, insn, EXC_GP, 0);
      mask = (mask & ~(uint32_t)FLAG_IF) | FLAG_VIF;
      flags = (flags & ~(uint32_t)FLAG_VIF) | ((flags & FLAG_IF) != 0 ? FLAG_VIF : 0);
    }
  if (!vm86)
    mask |= FLAG_IOPL;
  if (size == 4)
    mask |= FLAG_AC | FLAG_ID | FLAG_RF;
  soft_stack_commit (&stack);
  real_far_branch (cpu, insn, selector, rip);
  soft_set_eflags (cpu, flags, mask);
}

static void
iret_to_v86 (SoftCpu *cpu, const SoftInsn *insn, SoftStack *stack, uint16_t selector, uint64_t rip,
             uint32_t flags)
{
  uint16_t es, ds, fs, gs, ss;
  uint64_t sp;

  sp = soft_stack_pop (stack, 4);
  ss = (uint16_t)soft_stack_pop (stack, 4);
  es = (uint16_t)soft_stack_pop (stack, 4);
  ds = (uint16_t)soft_stack_pop (stack, 4);
  fs = (uint16_t)soft_stack_pop (stack, 4);
  gs = (uint16_t)soft_stack_pop (stack, 4);
  if (rip > 0xffff)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  soft_set_eflags (cpu, flags, ~(uint32_t)0);
  soft_load_real_segment (cpu, CPU_CS, selector);
  soft_load_real_segment (cpu, CPU_SS, ss);
  soft_load_real_segment (cpu, CPU_ES, es);
  soft_load_real_segment (cpu, CPU_DS, ds);
  soft_load_real_segment (cpu, CPU_FS, fs);
  soft_load_real_segment (cpu, CPU_GS, gs);
  soft_set_cpl (cpu, 3);
  cpu->reg[CPU_RSP] = (uint32_t)sp;
  soft_set_rip (cpu, rip);
  soft_update_mode (cpu);
}

void
soft_iret (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned size = insn->size, cpl;
  uint32_t flags, mask;
  SoftStack stack;
  CpuSegment cs, ss;
  uint16_t selector;
  uint64_t rip, sp = 0;
  gboolean new_stack;

  if (!soft_in_protected (cpu))
    {
      iret_real (cpu, insn);
      return;
    }
  if (cpu->eflags & FLAG_NT)
    {
      uint16_t link;

      if (soft_in_long (cpu))
        soft_raise_error (cpu, insn, EXC_GP, 0);
      link = (uint16_t)soft_system_read (cpu, insn, cpu->segment[CPU_TR].base, 2);
      soft_task_switch (cpu, insn, link, SOFT_TASK_IRET, return_address (cpu, insn));
      return;
    }
  soft_stack_present (cpu, insn, &stack);
  rip = soft_stack_pop (&stack, size);
  selector = (uint16_t)soft_stack_pop (&stack, size);
  flags = (uint32_t)soft_stack_pop (&stack, size);
  if ((flags & FLAG_VM) != 0 && size == 4 && cpu->cpl == 0 && !soft_in_long (cpu))
    {
      iret_to_v86 (cpu, insn, &stack, selector, rip, flags);
      return;
    }
  check_return_code (cpu, insn, selector, &cs);
  cpl = selector & 3;
  /* 64-bit mode always pops SS:RSP. */
  new_stack = cpl != cpu->cpl || soft_in_64 (cpu);
  if (new_stack)
    {
      sp = soft_stack_pop (&stack, size);
      check_return_stack (cpu, insn, (uint16_t)soft_stack_pop (&stack, size), &cs, cpl, &ss);
    }
  soft_check_rip (cpu, insn, &cs, rip);

  mask = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT;
  if (size != 2)
    mask |= FLAG_RF | FLAG_AC | FLAG_ID;
  if (cpu->cpl <= ((cpu->eflags >> 12) & 3))
    mask |= FLAG_IF;
  if (cpu->cpl == 0)
    {
      mask |= FLAG_IOPL;
      if (size != 2)
        mask |= FLAG_VIF | FLAG_VIP;
    }
  soft_mark_accessed (cpu, insn, &cs);
  cpu->segment[CPU_CS] = cs;
  if (new_stack)
    {
      cpu->segment[CPU_SS] = ss;
      if (cpl != cpu->cpl)
        {
          soft_set_cpl (cpu, cpl);
          soft_drop_inner_segments (cpu);
        }
      soft_set_rip (cpu, rip);
      soft_update_mode (cpu);
      soft_set_sp (cpu, sp);
    }
  else
    {
      soft_stack_commit (&stack);
      soft_set_rip (cpu, rip);
      soft_update_mode (cpu);
    }
  soft_set_eflags (cpu, flags, mask);
}

/* -- Instructions ------------------------------------------------------------------------------------------------------ */

void
soft_do_far_jump (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_far_jump (cpu, insn, (uint16_t)insn->disp, insn->imm);
}

void
soft_do_far_call (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_far_call (cpu, insn, (uint16_t)insn->disp, insn->imm);
}

static void
load_pointer (SoftCpu *cpu, const SoftInsn *insn, uint16_t *selector, uint64_t *offset)
{
  uint64_t ea = soft_ea (cpu, insn), at = ea + insn->size;

  if (insn->address == 4)
    at = (uint32_t)at;
  else if (insn->address == 2)
    at = (uint16_t)at;
  *offset = soft_load (cpu, insn, insn->seg, ea, insn->size);
  *selector = soft_load16 (cpu, insn, insn->seg, at);
}

void
soft_do_far_jump_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  uint16_t selector;
  uint64_t offset;

  load_pointer (cpu, insn, &selector, &offset);
  soft_far_jump (cpu, insn, selector, offset);
}

void
soft_do_far_call_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  uint16_t selector;
  uint64_t offset;

  load_pointer (cpu, insn, &selector, &offset);
  soft_far_call (cpu, insn, selector, offset);
}

void
soft_do_far_return (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_far_return (cpu, insn, (unsigned)insn->imm);
}

void
soft_do_iret (SoftCpu *cpu, const SoftInsn *insn)
{
  /* IRET unblocks NMI even if it faults on its way (SDM volume 3, 6.7.1). */
  if (cpu->nmi_masked)
    {
      cpu->nmi_masked = FALSE;
      /* However many came meanwhile, one was kept. */
      if (g_atomic_int_get (&cpu->apic->nmi) > 1)
        g_atomic_int_set (&cpu->apic->nmi, 1);
    }
  soft_iret (cpu, insn);
}
