/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of integer instructions share: integer.c (which opcode is what), integer-byte.c, integer-arith.c, integer-move.c.
 *
 * As in generate.h: each gen_…() that returns a gboolean translates g->insn; FALSE: there is no translation, and nothing was emitted.
 */
#pragma once

#include "cpu/soft/translate/generate.h"

G_BEGIN_DECLS

enum
{
  ALU_ADD,
  ALU_OR,
  ALU_ADC,
  ALU_SBB,
  ALU_AND,
  ALU_SUB,
  ALU_XOR,
  ALU_CMP,
  ALU_TEST,
  ALU_NEG, /* for recipes */
};

/* -- integer-byte.c -------------------------------------------------------------------------------- */
/* Register `a` as SoftInsn has it, for an instruction of that size.  A byte that was written is to be followed by gen_byte_written(). */
EmitRm gen_reg_operand (Gen *g, unsigned a, unsigned size);
EmitRm gen_byte_operand (Gen *g, unsigned a);
void gen_byte_written (Gen *g, unsigned a);
/* Makes `src` something that one instruction can take together with `dst`; RSI may be used. */
EmitRm gen_byte_source (Gen *g, EmitRm dst, EmitRm src);
/* `opcode`: of r/m8, r8; that of r8, r/m8 is two more. */
void gen_byte_pair (Gen *g, unsigned opcode, EmitRm dst, EmitRm src);

static inline gboolean
gen_is_high (EmitRm rm)
{
  return !rm.is_memory && (rm.reg & HOST_HIGH) != 0;
}

/* -- integer-arith.c ------------------------------------------------------------------------------- */
/* `form`: 0 and 1 to r/m, 2 and 3 to a register, 4 and 5 an immediate to AL or eAX: as the lowest bits of ADD to CMP (SDM volume 2, table A-2). */
gboolean gen_alu (Gen *g, unsigned op, unsigned form);
gboolean gen_alu_immediate (Gen *g, unsigned op);
/* Does what a recipe says: its flags, and nothing else but RSI. */
void gen_recipe (Gen *g, const GenRecipe *recipe);
gboolean gen_incdec (Gen *g, unsigned digit); /* 0: INC, 1: DEC */
gboolean gen_group3 (Gen *g);
gboolean gen_shift (Gen *g);
gboolean gen_double_shift (Gen *g);
gboolean gen_imul (Gen *g, gboolean immediate);
/* BT, BTS, BTR, BTC. */
gboolean gen_bit_test (Gen *g, gboolean immediate);
/* BSF, BSR, POPCNT.  `keeps`: some flags may stay as they were. */
gboolean gen_scan (Gen *g, uint32_t opcode, gboolean keeps);

/* -- integer-move.c -------------------------------------------------------------------------------- */
gboolean gen_move (Gen *g, gboolean store);
gboolean gen_move_immediate (Gen *g);
void gen_load_immediate (Gen *g, unsigned a, unsigned size, uint64_t imm);
gboolean gen_moffs (Gen *g);
/* MOVZX, MOVSX, MOVSXD: `to` bytes in register `a`. */
gboolean gen_extend (Gen *g, uint32_t opcode, unsigned from, unsigned to);
/* CBW and its kin; `wide`: CWD and its kin. */
gboolean gen_sign (Gen *g, gboolean wide);
gboolean gen_lea (Gen *g);
gboolean gen_bswap (Gen *g);
gboolean gen_setcc (Gen *g, unsigned condition);
gboolean gen_cmov (Gen *g, unsigned condition);
gboolean gen_exchange (Gen *g);
gboolean gen_cmpxchg (Gen *g);
gboolean gen_xadd (Gen *g);
gboolean gen_cmpxchg_pair (Gen *g);

G_END_DECLS
