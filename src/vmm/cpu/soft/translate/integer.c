/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Integer instructions: which opcode is what.
 */
#include "cpu/soft/ops.h"
#include "cpu/soft/translate/integer-private.h"

gboolean
gen_integer (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode;

  if (op < 0x40 && (op & 7) < 6)
    return gen_alu (g, op >> 3, op & 7);
  switch (op)
    {
    case 0x40 ... 0x4f:
      return gen_incdec (g, op >= 0x48);
    case 0x63:
      if (!g->mode64)
        return FALSE;
      if (insn->size == 8)
        return gen_extend (g, 0x63, 4, 8);
      /* With 16 bits to write it still reads 32 from memory, as AMD's processors do: left to the interpreter. */
      return insn->size == 4 && gen_move (g, FALSE);
    case 0x69:
    case 0x6b:
      return gen_imul (g, TRUE);
    case 0x80 ... 0x83:
      return gen_alu_immediate (g, insn->modrm >> 3 & 7);
    case 0x84:
    case 0x85:
      return gen_alu (g, ALU_TEST, op & 1);
    case 0x86:
    case 0x87:
    case 0x91 ... 0x97:
      return gen_exchange (g);
    case 0x90:
      return insn->handler != soft_op_call_end && gen_exchange (g);
    case 0x88:
    case 0x89:
      return gen_move (g, TRUE);
    case 0x8a:
    case 0x8b:
      return gen_move (g, FALSE);
    case 0x8d:
      return gen_lea (g);
    case 0x98:
      return gen_sign (g, FALSE);
    case 0x99:
      return gen_sign (g, TRUE);
    case 0x9e:
      /* SAHF: what LAHF would give. */
      gen_flags_clobber (g);
      g->recipe.kind = RECIPE_NONE;
      emit8 (&g->e, 0x88);
      emit8 (&g->e, 0xfc); /* mov ah, bh */
      emit_digit (&g->e, 1, 0x80, 4, emit_reg (HOST_HIGH | 4));
      emit8 (&g->e, 0xd7);
      emit_digit (&g->e, 1, 0x80, 1, emit_reg (HOST_HIGH | 4));
      emit8 (&g->e, 0x02);
      return TRUE;
    case 0x9f:
      gen_flags_save (g);
      emit8 (&g->e, 0x88);
      emit8 (&g->e, 0xe7); /* mov bh, ah */
      return TRUE;
    case 0xa0 ... 0xa3:
      return gen_moffs (g);
    case 0xa8:
    case 0xa9:
      return gen_alu (g, ALU_TEST, 4 | (op & 1));
    case 0xb0 ... 0xb7:
      gen_load_immediate (g, insn->a, 1, insn->imm);
      return TRUE;
    case 0xb8 ... 0xbf:
      gen_load_immediate (g, insn->a, insn->size, insn->imm);
      return TRUE;
    case 0xc0:
    case 0xc1:
    case 0xd0 ... 0xd3:
      return gen_shift (g);
    case 0xc6:
    case 0xc7:
      return gen_move_immediate (g);
    case 0xf5:
    case 0xf8:
    case 0xf9:
      gen_flags_load (g);
      gen_flags_set (g);
      emit8 (&g->e, op);
      return TRUE;
    case 0xfc:
    case 0xfd:
      gen_flags_clobber (g);
      emit_digit (&g->e, 4, 0x81, op == 0xfc ? ALU_AND : ALU_OR, GEN_FIELD (eflags));
      emit32 (&g->e, op == 0xfc ? ~(uint32_t)FLAG_DF : FLAG_DF);
      return TRUE;
    case 0xf6:
    case 0xf7:
      return gen_group3 (g);
    case 0xfe:
      return gen_incdec (g, insn->modrm >> 3 & 7);
    case 0xff:
      if ((insn->modrm & 0x38) <= 8)
        return gen_incdec (g, insn->modrm >> 3 & 7);
      return FALSE;
    default:
      return FALSE;
    }
}

gboolean
gen_integer_two (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode;

  switch (op)
    {
    case 0x40 ... 0x4f:
      return gen_cmov (g, op & 15);
    case 0x90 ... 0x9f:
      return gen_setcc (g, op & 15);
    case 0xa3:
    case 0xab:
    case 0xb3:
    case 0xbb:
      return gen_bit_test (g, FALSE);
    case 0xba:
      return gen_bit_test (g, TRUE);
    case 0xa4:
    case 0xa5:
    case 0xac:
    case 0xad:
      return gen_double_shift (g);
    case 0xaf:
      return gen_imul (g, FALSE);
    case 0xb0:
    case 0xb1:
      return gen_cmpxchg (g);
    case 0xb6:
    case 0xb7:
    case 0xbe:
    case 0xbf:
      return gen_extend (g, 0x0f00u | op, (op & 1) == 0 ? 1 : 2, g->d->operand_size);
    case 0xb8:
      return gen_scan (g, EMIT_F3 | 0x0fb8, FALSE);
    case 0xbc:
    case 0xbd:
      if (insn->handler == soft_op_tzcnt || insn->handler == soft_op_lzcnt)
        return gen_scan (g, EMIT_F3 | 0x0f00u | op, TRUE);
      return gen_scan (g, 0x0f00u | op, TRUE);
    case 0xc1:
      return gen_xadd (g);
    case 0xc7:
      return gen_cmpxchg_pair (g);
    case 0xc8 ... 0xcf:
      return insn->size >= 4 && gen_bswap (g);
    default:
      return FALSE;
    }
}
