/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Stack and near branches through segments with limits, and in sizes that are rare.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/ops.h"

void
soft_set_sp (SoftCpu *cpu, uint64_t sp)
{
  if (cpu->stack_mask == 0xffff)
    SOFT_R16 (cpu, CPU_RSP) = (uint16_t)sp;
  else
    cpu->reg[CPU_RSP] = sp & cpu->stack_mask;
}

void
soft_push (SoftCpu *cpu, const SoftInsn *insn, uint64_t value, unsigned size)
{
  uint64_t sp = (cpu->reg[CPU_RSP] - size) & cpu->stack_mask;

  soft_store (cpu, insn, CPU_SS, sp, value, size);
  soft_set_sp (cpu, sp);
}

uint64_t
soft_pop (SoftCpu *cpu, const SoftInsn *insn, unsigned size)
{
  uint64_t sp = cpu->reg[CPU_RSP] & cpu->stack_mask;
  uint64_t value = soft_load (cpu, insn, CPU_SS, sp, size);

  soft_set_sp (cpu, sp + size);
  return value;
}

void
soft_op_push (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_push (cpu, insn, soft_rm_read (cpu, insn), insn->size);
  SOFT_NEXT (cpu, insn);
}

void
soft_op_push_imm (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_push (cpu, insn, insn->imm, insn->size);
  SOFT_NEXT (cpu, insn);
}

void
soft_op_pop (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t sp = cpu->reg[CPU_RSP] & cpu->stack_mask;
  uint64_t value = soft_load (cpu, insn, CPU_SS, sp, insn->size);

  if (insn->mem)
    {
      soft_rm_write (cpu, insn, value);
      soft_set_sp (cpu, sp + insn->size);
    }
  else
    {
      soft_set_sp (cpu, sp + insn->size);
      soft_set_reg (cpu, insn->b, insn->size, value);
    }
  SOFT_NEXT (cpu, insn);
}

void
soft_op_leave (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t sp = cpu->reg[CPU_RBP] & cpu->stack_mask;
  uint64_t value = soft_load (cpu, insn, CPU_SS, sp, insn->size);

  soft_set_sp (cpu, sp + insn->size);
  soft_set_reg (cpu, CPU_RBP, insn->size, value);
  SOFT_NEXT (cpu, insn);
}

static inline uint64_t
next_rip (SoftCpu *cpu, const SoftInsn *insn)
{
  return (cpu->reg[SOFT_REG_RIP] + insn->offset + insn->length) & cpu->rip_mask;
}

static inline void
check_target (SoftCpu *cpu, const SoftInsn *insn, uint64_t rip)
{
  if (soft_in_64 (cpu) ? !soft_is_canonical (rip) : rip > cpu->segment[CPU_CS].limit)
    soft_raise_error (cpu, insn, EXC_GP, 0);
}

/* The push of a call faults before its target does. */
static void
probe_push (SoftCpu *cpu, const SoftInsn *insn, unsigned size)
{
  uint64_t sp = (cpu->reg[CPU_RSP] - size) & cpu->stack_mask;

  soft_probe_write (cpu, insn, soft_linear (cpu, insn, CPU_SS, sp, size, TRUE), size);
}

void
soft_op_call_any (SoftCpu *cpu, const SoftInsn *insn)
{
  probe_push (cpu, insn, insn->size);
  check_target (cpu, insn, (cpu->reg[SOFT_REG_RIP] + insn->imm) & cpu->branch_mask);
  soft_push (cpu, insn, next_rip (cpu, insn), insn->size);
  SOFT_BRANCH (cpu, insn);
}

void
soft_op_ret_any (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t sp = cpu->reg[CPU_RSP] & cpu->stack_mask;
  uint64_t rip = soft_load (cpu, insn, CPU_SS, sp, insn->size);

  check_target (cpu, insn, rip);
  soft_set_sp (cpu, sp + insn->size + insn->imm);
  SOFT_JUMP_TO (cpu, rip);
}

void
soft_op_jmp_indirect_any (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t rip = soft_rm_read (cpu, insn);

  check_target (cpu, insn, rip);
  SOFT_JUMP_TO (cpu, rip);
}

void
soft_op_call_indirect_any (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t rip = soft_rm_read (cpu, insn);

  probe_push (cpu, insn, insn->size);
  check_target (cpu, insn, rip);
  soft_push (cpu, insn, next_rip (cpu, insn), insn->size);
  SOFT_JUMP_TO (cpu, rip);
}

/* Counts down where the instruction does; TRUE if the branch is taken. */
static gboolean
loop_taken (SoftCpu *cpu, const SoftInsn *insn, uint64_t *count)
{
  uint64_t mask = insn->address == 8 ? ~(uint64_t)0 : insn->address == 4 ? 0xffffffffu : 0xffffu;
  gboolean zero = (soft_af_to_eflags (cpu->af) & FLAG_ZF) != 0;

  *count = cpu->reg[CPU_RCX];
  if (insn->a == 3)
    return (*count & mask) == 0;
  if (insn->address == 2)
    *count = (*count & ~(uint64_t)0xffff) | ((*count - 1) & 0xffff);
  else
    *count = (*count - 1) & mask;
  if ((*count & mask) == 0)
    return FALSE;
  return insn->a == 2 || (insn->a == 1 ? zero : !zero);
}

/* Apart from the handler: a local whose address is taken would rule out the sibling call. */
static G_GNUC_NO_INLINE gboolean
count_down (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t count;
  gboolean taken = loop_taken (cpu, insn, &count);

  if (taken)
    check_target (cpu, insn, (cpu->reg[SOFT_REG_RIP] + insn->imm) & cpu->branch_mask);
  cpu->reg[CPU_RCX] = count;
  return taken;
}

void
soft_op_loop (SoftCpu *cpu, const SoftInsn *insn)
{
  if (count_down (cpu, insn))
    SOFT_BRANCH (cpu, insn);
  SOFT_BRANCH (cpu, insn + 1);
}

/* Relative branches whose operand size isn't the code's: the target is cut to it. */
void
soft_do_branch_sized (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t target = cpu->reg[SOFT_REG_RIP] + insn->imm, count = cpu->reg[CPU_RCX];
  uint64_t next = next_rip (cpu, insn);
  gboolean short_code = (cpu->key & SOFT_KEY_SIZE) == SOFT_KEY_16;
  unsigned op = insn->opcode & 0xff;
  gboolean taken = TRUE;

  target &= short_code ? 0xffffffffu : 0xffffu;
  if ((op & 0xf0) == 0x70 || (op & 0xf0) == 0x80)
    taken = soft_condition (cpu, op & 15);
  else if (op >= 0xe0 && op <= 0xe3)
    taken = loop_taken (cpu, insn, &count);
  if (taken)
    check_target (cpu, insn, target);
  if (op == 0xe8)
    soft_push (cpu, insn, next, short_code ? 4 : 2);
  cpu->reg[CPU_RCX] = count;
  soft_set_rip (cpu, taken ? target : next);
}

void
soft_do_enter (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned level = insn->a & 31, size = insn->size;
  uint64_t sp = cpu->reg[CPU_RSP] & cpu->stack_mask, frame, bp = cpu->reg[CPU_RBP];
  uint64_t value = soft_get_reg (cpu, CPU_RBP, size), at, pointer;

  /* All that may fault first, so that a fault half-way is not seen. */
  frame = (sp - size) & cpu->stack_mask;
  /* A small stack cuts addresses only: the frame pointer has ESP's upper half. */
  pointer = (cpu->reg[CPU_RSP] & ~cpu->stack_mask) | frame;
  soft_probe_write (cpu, insn, soft_linear (cpu, insn, CPU_SS, frame, size, TRUE), size);
  for (unsigned i = 1; i <= level; i++)
    {
      if (i < level)
        soft_load (cpu, insn, CPU_SS, (bp - i * size) & cpu->stack_mask, size);
      at = (frame - i * size) & cpu->stack_mask;
      soft_probe_write (cpu, insn, soft_linear (cpu, insn, CPU_SS, at, size, TRUE), size);
    }
  /* The new top must be writable (SDM: "probe"). */
  sp = (frame - level * size - insn->imm) & cpu->stack_mask;
  soft_probe_write (cpu, insn, soft_linear (cpu, insn, CPU_SS, sp, size, TRUE), size);

  /* One after the other: the old frames may lie in the new one. */
  soft_store (cpu, insn, CPU_SS, frame, value, size);
  for (unsigned i = 1; i <= level; i++)
    {
      value = i < level ? soft_load (cpu, insn, CPU_SS, (bp - i * size) & cpu->stack_mask, size) : pointer;
      soft_store (cpu, insn, CPU_SS, (frame - i * size) & cpu->stack_mask, value, size);
    }
  soft_set_reg (cpu, CPU_RBP, size, pointer);
  soft_set_sp (cpu, sp);
}

void
soft_do_pusha (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned size = insn->size;
  uint64_t sp = cpu->reg[CPU_RSP] & cpu->stack_mask;
  uint64_t last = (sp - 8 * size) & cpu->stack_mask;

  soft_probe_write (cpu, insn, soft_linear (cpu, insn, CPU_SS, (sp - size) & cpu->stack_mask, size, TRUE),
                    size);
  soft_probe_write (cpu, insn, soft_linear (cpu, insn, CPU_SS, last, size, TRUE), size);
  for (unsigned i = 0; i < 8; i++)
    {
      sp = (sp - size) & cpu->stack_mask;
      soft_store (cpu, insn, CPU_SS, sp, cpu->reg[i], size);
    }
  soft_set_sp (cpu, sp);
}

void
soft_do_popa (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned size = insn->size;
  uint64_t sp = cpu->reg[CPU_RSP] & cpu->stack_mask;
  uint64_t values[8];

  for (unsigned i = 0; i < 8; i++)
    values[i] = soft_load (cpu, insn, CPU_SS, (sp + i * size) & cpu->stack_mask, size);
  for (unsigned i = 0; i < 8; i++)
    if (7 - i != CPU_RSP)
      soft_set_reg (cpu, 7 - i, size, values[i]);
  soft_set_sp (cpu, sp + 8 * size);
}

void
soft_do_pushf (SoftCpu *cpu, const SoftInsn *insn)
{
  uint32_t flags = soft_get_eflags (cpu) & ~(uint32_t)(FLAG_VM | FLAG_RF);

  if ((cpu->eflags & FLAG_VM) != 0 && (cpu->eflags & FLAG_IOPL) != FLAG_IOPL)
    {
      /* VME: VIF stands in for IF, IOPL reads as 3 (SDM volume 3, 20.3). */
      if ((cpu->cr4 & CR4_VME) == 0 || insn->size != 2)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      flags = (flags & ~(uint32_t)FLAG_IF) | FLAG_IOPL | ((flags & FLAG_VIF) != 0 ? FLAG_IF : 0);
    }
  soft_push (cpu, insn, flags, insn->size);
}

void
soft_do_popf (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t sp = cpu->reg[CPU_RSP] & cpu->stack_mask;
  uint32_t value = (uint32_t)soft_load (cpu, insn, CPU_SS, sp, insn->size);
  uint32_t mask = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT;
  unsigned iopl = (cpu->eflags >> 12) & 3;

  if (insn->size != 2)
    mask |= FLAG_AC | FLAG_ID | FLAG_RF;
  if (cpu->eflags & FLAG_VM)
    {
      if (iopl == 3)
        mask |= FLAG_IF;
      else if ((cpu->cr4 & CR4_VME) != 0 && insn->size == 2)
        {
          if ((value & FLAG_TF) != 0 || ((value & FLAG_IF) != 0 && (cpu->eflags & FLAG_VIP) != 0))
            soft_raise_error (cpu, insn, EXC_GP, 0);
          mask |= FLAG_VIF;
          value = (value & ~(uint32_t)FLAG_VIF) | ((value & FLAG_IF) != 0 ? FLAG_VIF : 0);
        }
      else
        soft_raise_error (cpu, insn, EXC_GP, 0);
    }
  else
    {
      if (cpu->cpl == 0)
        mask |= FLAG_IOPL | FLAG_IF;
      else if (cpu->cpl <= iopl)
        mask |= FLAG_IF;
      if (cpu->cpl == 0 && insn->size != 2)
        {
          mask |= FLAG_VIF | FLAG_VIP;
          value &= ~(uint32_t)(FLAG_VIF | FLAG_VIP);
        }
    }
  soft_set_sp (cpu, sp + insn->size);
  value &= ~(uint32_t)FLAG_RF;
  soft_set_eflags (cpu, value, mask);
}

void
soft_do_push_seg (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t sp = (cpu->reg[CPU_RSP] - insn->size) & cpu->stack_mask;

  /* With a 32-bit operand only 16 bits are written, as all processors since the Pentium do; the limit is that of the whole. */
  soft_write (cpu, insn, soft_linear (cpu, insn, CPU_SS, sp, insn->size, TRUE),
              cpu->segment[insn->a].selector, insn->size == 4 ? 2 : insn->size);
  soft_set_sp (cpu, sp);
}

void
soft_do_pop_seg (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t sp = cpu->reg[CPU_RSP] & cpu->stack_mask;
  uint16_t selector = (uint16_t)soft_load (cpu, insn, CPU_SS, sp, insn->size == 2 ? 2 : 4);
  uint64_t mask = cpu->stack_mask;

  soft_load_segment (cpu, insn, insn->a, selector);
  /* The stack's size is the old one's. */
  if (mask == 0xffff)
    SOFT_R16 (cpu, CPU_RSP) = (uint16_t)(sp + insn->size);
  else
    cpu->reg[CPU_RSP] = (sp + insn->size) & mask;
  if (insn->a == CPU_SS)
    cpu->shadow = 2;
}
