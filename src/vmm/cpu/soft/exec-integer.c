/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Integer instructions that are too rare, or too long, for a handler of each size: moves, what is read, changed and written back, exchanges.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/exec-integer-private.h"

HANDLER (soft_op_ud)
{
  soft_raise (cpu, insn, EXC_UD);
}

HANDLER (soft_op_cmov_mem)
{
  /* Read whether or not it is moved: faults count; and a 32-bit destination is always cleared above. */
  uint64_t value = soft_rm_read (cpu, insn);
  if (soft_condition (cpu, insn->opcode))
    soft_set_reg (cpu, insn->a, insn->size, value);
  else if (insn->size == 4)
    cpu->reg[insn->a] = (uint32_t)cpu->reg[insn->a];
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_setcc_mem)
{
  soft_rm_write (cpu, insn, soft_condition (cpu, insn->opcode));
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_cbw)
{
  if (insn->size == 2)
    SOFT_R16 (cpu, CPU_RAX) = (uint16_t)(int8_t)cpu->reg[CPU_RAX];
  else if (insn->size == 4)
    cpu->reg[CPU_RAX] = (uint32_t)(int16_t)cpu->reg[CPU_RAX];
  else
    cpu->reg[CPU_RAX] = (uint64_t)(int32_t)cpu->reg[CPU_RAX];
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_cwd)
{
  if (insn->size == 2)
    SOFT_R16 (cpu, CPU_RDX) = (uint16_t)((int16_t)cpu->reg[CPU_RAX] >> 15);
  else if (insn->size == 4)
    cpu->reg[CPU_RDX] = (uint32_t)((int32_t)cpu->reg[CPU_RAX] >> 31);
  else
    cpu->reg[CPU_RDX] = (uint64_t)((int64_t)cpu->reg[CPU_RAX] >> 63);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_bswap)
{
  if (insn->size == 8)
    cpu->reg[insn->a] = GUINT64_SWAP_LE_BE (cpu->reg[insn->a]);
  else if (insn->size == 4)
    cpu->reg[insn->a] = GUINT32_SWAP_LE_BE ((uint32_t)cpu->reg[insn->a]);
  else
    SOFT_R16 (cpu, insn->a) = 0; /* undefined; this is what processors do */
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_xlat)
{
  uint64_t offset = cpu->reg[CPU_RBX] + (uint8_t)cpu->reg[CPU_RAX];

  if (insn->address == 4)
    offset = (uint32_t)offset;
  else if (insn->address == 2)
    offset = (uint16_t)offset;
  SOFT_R8 (cpu, CPU_RAX * 8) = soft_load8 (cpu, insn, insn->seg, offset);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_mov_moffs)
{
  if (insn->a == 0)
    soft_set_reg (cpu, 0, insn->size, soft_load (cpu, insn, insn->seg, insn->imm, insn->size));
  else
    soft_store (cpu, insn, insn->seg, insn->imm, soft_get_reg (cpu, 0, insn->size), insn->size);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_do_bound)
{
  uint64_t ea = soft_ea (cpu, insn);
  int64_t index, low, high;

  if (insn->size == 2)
    {
      index = (int16_t)cpu->reg[insn->a];
      low = (int16_t)soft_load16 (cpu, insn, insn->seg, ea);
      high = (int16_t)soft_load16 (cpu, insn, insn->seg,
                                   insn->address == 2 ? (uint16_t)(ea + 2) : (uint32_t)(ea + 2));
    }
  else
    {
      index = (int32_t)cpu->reg[insn->a];
      low = (int32_t)soft_load32 (cpu, insn, insn->seg, ea);
      high = (int32_t)soft_load32 (cpu, insn, insn->seg,
                                   insn->address == 2 ? (uint16_t)(ea + 4) : (uint32_t)(ea + 4));
    }
  if (index < low || index > high)
    soft_raise (cpu, insn, EXC_BR);
}

/* Its operand has 32 bits whatever the operand size (APM 3, MOVSXD), of which a 16-bit register takes half. */
void
soft_do_movsxd_16 (SoftCpu *cpu, const SoftInsn *insn)
{
  SOFT_R16 (cpu, insn->a) = (uint16_t)soft_load32 (cpu, insn, insn->seg, soft_ea (cpu, insn));
}

/* -- Read, change, write back ------------------------------------------------------------------------------------ */

/* Apart from its handler: a local whose address is taken would rule out the sibling call. */
static G_GNUC_NO_INLINE void
shift_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = soft_rm_modify (cpu, insn);
  uint8_t count = insn->rep ? SOFT_R8 (cpu, CPU_RCX * 8) : (uint8_t)insn->imm;
  uint16_t af = cpu->af;

  value = soft_shift_value (insn->a, insn->size, value, count, &af);
  soft_rm_write (cpu, insn, value);
  cpu->af = af;
}

HANDLER (soft_op_shift_mem)
{
  shift_mem (cpu, insn);
  SOFT_NEXT (cpu, insn);
}

static G_GNUC_NO_INLINE void
incdec_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = soft_rm_modify (cpu, insn);
  uint16_t af = cpu->af;

  value = soft_alu_value (insn->a, insn->size, value, 0, &af);
  soft_rm_write (cpu, insn, value);
  cpu->af = af;
}

HANDLER (soft_op_incdec_mem)
{
  incdec_mem (cpu, insn);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_not_mem)
{
  soft_rm_write (cpu, insn, ~soft_rm_modify (cpu, insn));
  SOFT_NEXT (cpu, insn);
}

static G_GNUC_NO_INLINE void
neg_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = soft_rm_modify (cpu, insn);
  uint16_t af;

  value = soft_alu_value (5, insn->size, 0, value, &af);
  soft_rm_write (cpu, insn, value);
  cpu->af = af;
}

HANDLER (soft_op_neg_mem)
{
  neg_mem (cpu, insn);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_xchg_mem)
{
  uint64_t value = soft_rm_modify (cpu, insn);

  soft_rm_write (cpu, insn, soft_get_reg (cpu, insn->a, insn->size));
  soft_set_reg (cpu, insn->a, insn->size, value);
  SOFT_NEXT (cpu, insn);
}

#define SHIFTD(op, T, sfx)                                                              \
  do                                                                                    \
    {                                                                                   \
      T dst_ = (T)dst;                                                                  \
      __asm__("addb $127, %%al\n\tsahf\n\t" op sfx " %%cl, %2, %0\n\tlahf\n\tseto %%al" \
              : "+r"(dst_), "+&a"(flags)                                                \
              : "r"((T)src), "c"(count)                                                 \
              : "cc");                                                                  \
      dst = dst_;                                                                       \
    }                                                                                   \
  while (0)

HANDLER (soft_op_shiftd)
{
  uint64_t dst = soft_rm_modify (cpu, insn), src = soft_get_reg (cpu, insn->a, insn->size);
  uint8_t count = (insn->opcode & 1) != 0 ? SOFT_R8 (cpu, CPU_RCX * 8) : (uint8_t)insn->imm;
  uint32_t flags = cpu->af;

  if ((insn->opcode & 8) == 0)
    {
      if (insn->size == 2)
        SHIFTD ("shld", uint16_t, "w");
      else if (insn->size == 4)
        SHIFTD ("shld", uint32_t, "l");
      else
        SHIFTD ("shld", uint64_t, "q");
    }
  else
    {
      if (insn->size == 2)
        SHIFTD ("shrd", uint16_t, "w");
      else if (insn->size == 4)
        SHIFTD ("shrd", uint32_t, "l");
      else
        SHIFTD ("shrd", uint64_t, "q");
    }
  soft_rm_write (cpu, insn, dst);
  cpu->af = (uint16_t)flags;
  SOFT_NEXT (cpu, insn);
}

/* -- Compare and exchange ------------------------------------------------------------------------------------------------ */

HANDLER (soft_do_cmpxchg)
{
  uint64_t dst = soft_rm_modify (cpu, insn), acc = soft_get_reg (cpu, 0, insn->size);
  uint16_t af;

  soft_alu_value (7, insn->size, acc, dst, &af);
  if (acc == dst)
    soft_rm_write (cpu, insn, soft_get_reg (cpu, insn->a, insn->size));
  else
    {
      /* Written either way; a 32-bit register operand is cleared above. */
      if (insn->mem)
        soft_rm_write (cpu, insn, dst);
      soft_set_reg (cpu, 0, insn->size, dst);
    }
  cpu->af = af;
}

HANDLER (soft_do_cmpxchg8b)
{
  uint64_t linear = soft_linear (cpu, insn, insn->seg, soft_ea (cpu, insn), 8, TRUE), value;
  uint64_t want = cpu->reg[CPU_RDX] << 32 | (uint32_t)cpu->reg[CPU_RAX];

  soft_probe_write (cpu, insn, linear, 8);
  value = soft_read64 (cpu, insn, linear);
  if (value == want)
    {
      soft_write64 (cpu, insn, linear, cpu->reg[CPU_RCX] << 32 | (uint32_t)cpu->reg[CPU_RBX]);
      soft_set_flags (cpu, FLAG_ZF, FLAG_ZF);
    }
  else
    {
      soft_write64 (cpu, insn, linear, value);
      cpu->reg[CPU_RAX] = (uint32_t)value;
      cpu->reg[CPU_RDX] = value >> 32;
      soft_set_flags (cpu, FLAG_ZF, 0);
    }
}

HANDLER (soft_do_cmpxchg16b)
{
  uint64_t linear = soft_linear (cpu, insn, insn->seg, soft_ea (cpu, insn), 16, TRUE), low, high;

  if ((linear & 15) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  soft_probe_write (cpu, insn, linear, 16);
  low = soft_read64 (cpu, insn, linear);
  high = soft_read64 (cpu, insn, linear + 8);
  if (low == cpu->reg[CPU_RAX] && high == cpu->reg[CPU_RDX])
    {
      soft_write64 (cpu, insn, linear, cpu->reg[CPU_RBX]);
      soft_write64 (cpu, insn, linear + 8, cpu->reg[CPU_RCX]);
      soft_set_flags (cpu, FLAG_ZF, FLAG_ZF);
    }
  else
    {
      cpu->reg[CPU_RAX] = low;
      cpu->reg[CPU_RDX] = high;
      soft_set_flags (cpu, FLAG_ZF, 0);
    }
}

HANDLER (soft_do_xadd)
{
  uint64_t dst = soft_rm_modify (cpu, insn), src = soft_get_reg (cpu, insn->a, insn->size), sum;
  uint16_t af;

  sum = soft_alu_value (0, insn->size, dst, src, &af);
  if (insn->mem)
    {
      soft_rm_write (cpu, insn, sum);
      soft_set_reg (cpu, insn->a, insn->size, dst);
    }
  else
    {
      soft_set_reg (cpu, insn->a, insn->size, dst);
      soft_set_reg (cpu, insn->b, insn->size, sum);
    }
  cpu->af = af;
}
