/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Integer instructions that compute flags: group 1 and TEST, group 3, INC and DEC, shifts, multiplication, bits.
 */
#include "cpu/soft/translate/integer-private.h"

/* -- Group 1, TEST --------------------------------------------------------------------------------------------- */

static void
alu_flags (Gen *g, unsigned op)
{
  if (op == ALU_ADC || op == ALU_SBB)
    gen_flags_load (g);
  gen_flags_set (g);
}

/* Register `a` op= src; `src` is a register or memory. */
static void
alu_to_reg (Gen *g, unsigned op, unsigned size, unsigned a, EmitRm src)
{
  Emit *e = &g->e;
  EmitRm dst = gen_reg_operand (g, a, size);
  unsigned opcode = op == ALU_TEST ? 0x84 : op << 3;
  gboolean writes = op < ALU_CMP;

  if (size == 1)
    {
      if (op == ALU_TEST)
        {
          /* It has one form only. */
          src = gen_byte_source (g, dst, src);
          alu_flags (g, op);
          if (src.is_memory)
            emit_rm (e, 1, 0x84, dst.reg, src);
          else
            emit_rm (e, 1, 0x84, src.reg, dst);
          return;
        }
      src = gen_byte_source (g, dst, src);
      alu_flags (g, op);
      gen_byte_pair (g, opcode, dst, src);
      if (writes)
        gen_byte_written (g, a);
      return;
    }
  alu_flags (g, op);
  if (!dst.is_memory)
    {
      if (op == ALU_TEST)
        emit_rm (e, size, 0x85, dst.reg, src);
      else
        emit_rm (e, size, opcode + 3, dst.reg, src);
    }
  else if (!src.is_memory && (size != 4 || !writes))
    emit_rm (e, size, opcode + 1, src.reg, dst);
  else
    {
      emit_load (e, 8, HOST_RSI, dst);
      if (op == ALU_TEST)
        emit_rm (e, size, 0x85, HOST_RSI, src);
      else
        emit_rm (e, size, opcode + 3, HOST_RSI, src);
      if (writes)
        emit_store (e, 8, dst, HOST_RSI);
    }
}

static void
alu_imm (Gen *g, unsigned op, unsigned size, EmitRm dst, uint64_t imm)
{
  alu_flags (g, op);
  if (op == ALU_TEST)
    {
      emit_digit (&g->e, size, size == 1 ? 0xf6 : 0xf7, 0, dst);
      emit_imm (&g->e, size, imm);
    }
  else
    emit_alu_imm (&g->e, size, op, dst, size == 2 ? (int16_t)imm : (int32_t)imm);
}

static void
alu_reg_imm (Gen *g, unsigned op, unsigned size, unsigned a, uint64_t imm)
{
  EmitRm dst = gen_reg_operand (g, a, size);

  if (dst.is_memory && size == 4 && op < ALU_CMP)
    {
      emit_load (&g->e, 8, HOST_RSI, dst);
      alu_imm (g, op, 4, emit_reg (HOST_RSI), imm);
      emit_store (&g->e, 8, dst, HOST_RSI);
      return;
    }
  alu_imm (g, op, size, dst, imm);
  if (size == 1 && op < ALU_CMP)
    gen_byte_written (g, a);
}

/* Memory op= register `b`. */
static void
alu_to_memory (Gen *g, unsigned op, unsigned size, EmitRm dst, unsigned b)
{
  EmitRm src = gen_reg_operand (g, b, size);

  if (size == 1)
    src = gen_byte_source (g, dst, src);
  else if (src.is_memory)
    {
      emit_load (&g->e, 8, HOST_RSI, src);
      src = emit_reg (HOST_RSI);
    }
  alu_flags (g, op);
  gen_lock (g);
  emit_rm (&g->e, size, (op == ALU_TEST ? 0x84u : op << 3) + (size > 1), src.reg, dst);
}

gboolean
gen_alu (Gen *g, unsigned op, unsigned form)
{
  const SoftInsn *insn = g->insn;

  if (insn->mem && form < 4 && !gen_can_access (g))
    return FALSE;
  if (form >= 4)
    {
      alu_reg_imm (g, op, insn->size, 0, insn->imm);
      gen_flags_recipe_imm (g, op, insn->size, 0, insn->imm);
    }
  else if (!insn->mem)
    {
      alu_to_reg (g, op, insn->size, insn->a, gen_reg_operand (g, insn->b, insn->size));
      gen_flags_recipe (g, op, insn->size, insn->a, insn->b);
    }
  else if (form >= 2)
    alu_to_reg (g, op, insn->size, insn->a, gen_access (g, insn->size, 0));
  else
    alu_to_memory (g, op, insn->size, gen_access (g, insn->size, op < ALU_CMP ? SOFT_ACCESS_WRITE : 0),
                   insn->b);
  return TRUE;
}

gboolean
gen_alu_immediate (Gen *g, unsigned op)
{
  const SoftInsn *insn = g->insn;

  if (!insn->mem)
    {
      alu_reg_imm (g, op, insn->size, insn->a, insn->imm);
      gen_flags_recipe_imm (g, op, insn->size, insn->a, insn->imm);
    }
  else if (gen_can_access (g))
    {
      EmitRm dst = gen_access (g, insn->size, op < ALU_CMP ? SOFT_ACCESS_WRITE : 0);

      /* Flags first: the prefix is the next instruction's. */
      alu_flags (g, op);
      gen_lock (g);
      alu_imm (g, op, insn->size, dst, insn->imm);
    }
  else
    return FALSE;
  return TRUE;
}

/* -- Flags once more ------------------------------------------------------------------------------------------- */

void
gen_recipe (Gen *g, const GenRecipe *r)
{
  Emit *e = &g->e;

  if (r->kind == RECIPE_RESULT)
    alu_to_reg (g, ALU_TEST, r->size, r->a, gen_reg_operand (g, r->a, r->size));
  else if (r->kind == RECIPE_COMPARE && r->immediate)
    alu_reg_imm (g, r->op, r->size, r->a, r->imm);
  else if (r->kind == RECIPE_COMPARE)
    alu_to_reg (g, r->op, r->size, r->a, gen_reg_operand (g, r->b, r->size));
  else
    {
      /* Back to the first operand, then again. */
      emit_load (e, 8, HOST_RSI, gen_reg (r->a));
      for (unsigned i = 0; i < 2; i++)
        {
          unsigned op = (i == 0) == (r->op == ALU_ADD) ? ALU_SUB : ALU_ADD;

          if (r->op == ALU_NEG)
            emit_digit (e, r->size, 0xf7, 3, emit_reg (HOST_RSI));
          else if (r->immediate)
            emit_alu_imm (e, r->size, op, emit_reg (HOST_RSI),
                          r->size == 2 ? (int16_t)r->imm : (int32_t)r->imm);
          else
            emit_rm (e, r->size, (op << 3) + 3, HOST_RSI, gen_reg (r->b));
        }
    }
}

/* -- One operand ----------------------------------------------------------------------------------------------- */

/* Opcode (of the byte form) and digit, on register `a`. */
static void
unary_reg (Gen *g, unsigned opcode, unsigned digit, unsigned size, unsigned a)
{
  EmitRm dst = gen_reg_operand (g, a, size);

  opcode += size > 1;
  if (dst.is_memory && size == 4)
    {
      emit_load (&g->e, 8, HOST_RSI, dst);
      emit_digit (&g->e, 4, opcode, digit, emit_reg (HOST_RSI));
      emit_store (&g->e, 8, dst, HOST_RSI);
      return;
    }
  emit_digit (&g->e, size, opcode, digit, dst);
  if (size == 1)
    gen_byte_written (g, a);
}

static gboolean
gen_unary (Gen *g, unsigned opcode, unsigned digit, unsigned flags)
{
  const SoftInsn *insn = g->insn;
  EmitRm rm = { 0 };

  if (insn->mem)
    {
      if (!gen_can_access (g))
        return FALSE;
      rm = gen_access (g, insn->size, SOFT_ACCESS_WRITE);
    }
  if (flags != 0)
    gen_flags_load (g);
  if (insn->mem)
    {
      gen_lock (g);
      emit_digit (&g->e, insn->size, opcode + (insn->size > 1), digit, rm);
    }
  else
    unary_reg (g, opcode, digit, insn->size, insn->b);
  return TRUE;
}

gboolean
gen_incdec (Gen *g, unsigned digit)
{
  if (!gen_unary (g, 0xfe, digit, 1))
    return FALSE;
  gen_flags_set (g);
  return TRUE;
}

/* MUL and IMUL with RAX: it lies in RBX, and RAX is free as all flags are set. */
static gboolean
gen_multiply (Gen *g, unsigned digit)
{
  const SoftInsn *insn = g->insn;
  EmitRm rm;

  if (insn->mem)
    {
      if (!gen_can_access (g))
        return FALSE;
      rm = gen_access (g, insn->size, 0);
    }
  else
    rm = gen_reg_operand (g, insn->b, insn->size);
  /* Some flags are undefined, and kept by some processors. */
  gen_flags_load (g);
  gen_flags_set (g);
  emit_load (&g->e, 8, HOST_RAX, emit_reg (HOST_RBX));
  emit_digit (&g->e, insn->size, insn->size == 1 ? 0xf6 : 0xf7, digit, rm);
  emit_store (&g->e, insn->size == 1 ? 2 : insn->size, emit_reg (HOST_RBX), HOST_RAX);
  return TRUE;
}

/* DIV and IDIV, where it is certain that they don't fault; flags stay as they are, as on AMD's processors. */
static gboolean
gen_divide (Gen *g, gboolean is_signed)
{
  const SoftInsn *insn = g->insn;
  unsigned size = insn->size;
  Emit *e = &g->e;
  EmitRm rm;

  if (size == 1 || (size == 2 && is_signed) || (insn->mem && !gen_can_access (g)))
    return FALSE;
  gen_flags_clobber (g);
  rm = insn->mem ? gen_access (g, size, SOFT_ACCESS_WHOLE) : gen_reg (insn->b);
  if (size == 2)
    emit_full (e, 0x0fb7, HOST_R14, 4, rm, 2);
  else
    emit_load (e, size, HOST_R14, rm);
  if (!is_signed)
    {
      emit_rm (e, size, 0x3b, HOST_RDX, emit_reg (HOST_R14));
      gen_run_if (g, CC_AE);
    }
  else
    {
      /* The dividend is one number, sign-extended, and the divisor neither 0 nor -1. */
      emit_load (e, size, HOST_RSI, emit_reg (HOST_RBX));
      emit_digit (e, size, 0xc1, 7, emit_reg (HOST_RSI));
      emit8 (e, size * 8 - 1);
      emit_rm (e, size, 0x3b, HOST_RSI, emit_reg (HOST_RDX));
      gen_run_if (g, CC_NE);
      emit_lea (e, size, HOST_RSI, emit_at (HOST_R14, 1));
      emit_alu_imm (e, size, ALU_CMP, emit_reg (HOST_RSI), 1);
      gen_run_if (g, CC_BE);
    }
  emit_load (e, 4, HOST_RDI, emit_reg (HOST_RAX));
  emit_load (e, 8, HOST_RAX, emit_reg (HOST_RBX));
  emit_digit (e, size, 0xf7, is_signed ? 7 : 6, emit_reg (HOST_R14));
  emit_store (e, size, emit_reg (HOST_RBX), HOST_RAX);
  emit_load (e, 4, HOST_RAX, emit_reg (HOST_RDI));
  return TRUE;
}

gboolean
gen_group3 (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned digit = insn->modrm >> 3 & 7;

  switch (digit)
    {
    case 0:
    case 1:
      return gen_alu_immediate (g, ALU_TEST);
    case 2:
      return gen_unary (g, 0xf6, 2, 0);
    case 3:
      {
        if (insn->mem && !gen_can_access (g))
          return FALSE;
        if (insn->mem)
          {
            EmitRm rm = gen_access (g, insn->size, SOFT_ACCESS_WRITE);
            gen_flags_set (g);
            gen_lock (g);
            emit_digit (&g->e, insn->size, insn->size == 1 ? 0xf6 : 0xf7, 3, rm);
          }
        else
          {
            gen_flags_set (g);
            unary_reg (g, 0xf6, 3, insn->size, insn->b);
            gen_flags_recipe (g, ALU_NEG, insn->size, insn->b, insn->b);
          }
        return TRUE;
      }
    case 4:
    case 5:
      return gen_multiply (g, digit);
    default:
      return gen_divide (g, digit == 7);
    }
}

/* -- Shifts ---------------------------------------------------------------------------------------------------- */

gboolean
gen_shift (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned op = insn->modrm >> 3 & 7, count = (unsigned)insn->imm & (insn->size == 8 ? 63 : 31);
  gboolean by_cl = g->d->opcode >= 0xd2;
  unsigned opcode = by_cl ? 0xd2 : 0xc0;
  EmitRm dst;

  if (op == 6)
    op = 4;
  if (!by_cl && count == 0)
    return FALSE;
  if (insn->mem)
    {
      if (!gen_can_access (g))
        return FALSE;
      dst = gen_access (g, insn->size, SOFT_ACCESS_WRITE);
    }
  else
    dst = gen_reg_operand (g, insn->b, insn->size);
  opcode += insn->size > 1;
  if (!insn->mem && dst.is_memory && insn->size == 4)
    {
      emit_load (&g->e, 8, HOST_RSI, dst);
      dst = emit_reg (HOST_RSI);
    }
  /* Rotates keep some flags; a count of zero keeps all. */
  if (by_cl || op < 4)
    gen_flags_load (g);
  gen_flags_set (g);
  if (!by_cl && count == 1)
    emit_digit (&g->e, insn->size, 0xd0 + (insn->size > 1), op, dst);
  else
    {
      emit_digit (&g->e, insn->size, opcode, op, dst);
      if (!by_cl)
        emit8 (&g->e, count);
    }
  if (!insn->mem)
    {
      if (!dst.is_memory && dst.reg == HOST_RSI)
        emit_store (&g->e, 8, gen_reg (insn->b), HOST_RSI);
      else if (insn->size == 1)
        gen_byte_written (g, insn->b);
    }
  return TRUE;
}

gboolean
gen_double_shift (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned src;
  EmitRm dst;

  if (insn->mem)
    {
      if (!gen_can_access (g))
        return FALSE;
      dst = gen_access (g, insn->size, SOFT_ACCESS_WRITE);
    }
  else
    dst = emit_reg (gen_reg_in (g, insn->b, HOST_RSI));
  src = gen_reg_in (g, insn->a, HOST_R14);
  gen_flags_load (g);
  gen_flags_set (g);
  emit_rm (&g->e, insn->size, 0x0f00u | g->d->opcode, src, dst);
  if ((g->d->opcode & 1) == 0)
    emit8 (&g->e, (unsigned)insn->imm & 0xff);
  if (!insn->mem && !gen_reg (insn->b).is_memory)
    return TRUE;
  if (!insn->mem)
    gen_set_reg (g, insn->b, insn->size == 4 ? 4 : 8, HOST_RSI);
  return TRUE;
}

/* -- IMUL with two and three operands -------------------------------------------------------------------------- */

gboolean
gen_imul (Gen *g, gboolean immediate)
{
  const SoftInsn *insn = g->insn;
  unsigned host = soft_host_reg[insn->a], size = insn->size;
  Emit *e = &g->e;
  EmitRm src;

  if (insn->mem)
    {
      if (!gen_can_access (g))
        return FALSE;
      src = gen_access (g, size, 0);
    }
  else
    src = gen_reg (insn->b);
  gen_flags_load (g);
  gen_flags_set (g);
  if (host == HOST_NONE)
    {
      host = HOST_RSI;
      if (!immediate || size == 2)
        emit_load (e, 8, HOST_RSI, gen_reg (insn->a));
    }
  if (immediate)
    {
      gboolean small = insn->imm == (uint64_t)(int64_t)(int8_t)insn->imm;

      emit_rm (e, size, small ? 0x6b : 0x69, host, src);
      emit_imm (e, small ? 1 : size, insn->imm);
    }
  else
    emit_rm (e, size, 0x0faf, host, src);
  if (host == HOST_RSI)
    emit_store (e, 8, gen_reg (insn->a), HOST_RSI);
  return TRUE;
}

/* -- Bits ------------------------------------------------------------------------------------------------------ */

/* BT, BTS, BTR, BTC: `digit` 4 to 7 with an immediate. */
gboolean
gen_bit_test (Gen *g, gboolean immediate)
{
  const SoftInsn *insn = g->insn;
  unsigned op = insn->opcode & 3, bit = 0;
  EmitRm dst;

  if (insn->mem)
    {
      if (!immediate || !gen_can_access (g))
        return FALSE;
      dst = gen_access (g, insn->size, op != 0 ? SOFT_ACCESS_WRITE : 0);
    }
  else
    dst = emit_reg (gen_reg_in (g, insn->b, HOST_RSI));
  if (!immediate)
    bit = gen_reg_in (g, insn->a, HOST_R14);
  gen_flags_load (g);
  gen_flags_set (g);
  gen_lock (g);
  if (immediate)
    {
      emit_digit (&g->e, insn->size, 0x0fba, 4 + op, dst);
      emit8 (&g->e, (unsigned)insn->imm & (insn->size * 8 - 1));
    }
  else
    emit_rm (&g->e, insn->size, 0x0fa3u | op << 3, bit, dst);
  if (!insn->mem && op != 0 && gen_reg (insn->b).is_memory)
    emit_store (&g->e, 8, gen_reg (insn->b), HOST_RSI);
  return TRUE;
}

/* BSF, BSR, POPCNT. */
gboolean
gen_scan (Gen *g, uint32_t opcode, gboolean keeps)
{
  const SoftInsn *insn = g->insn;
  unsigned host = soft_host_reg[insn->a];
  Emit *e = &g->e;
  EmitRm src;

  if (insn->mem)
    {
      if (!gen_can_access (g))
        return FALSE;
      src = gen_access (g, insn->size, 0);
    }
  else
    src = gen_reg (insn->b);
  if (keeps)
    gen_flags_load (g);
  gen_flags_set (g);
  if (host == HOST_NONE)
    {
      emit_load (e, 8, HOST_RSI, gen_reg (insn->a));
      host = HOST_RSI;
    }
  if (insn->size == 2 && opcode >> 24 != 0)
    {
      /* The operand size comes before the mandatory prefix. */
      emit8 (e, 0x66);
      emit_full (e, opcode, host, 4, src, 4);
    }
  else
    emit_rm (e, insn->size, opcode, host, src);
  if (host == HOST_RSI)
    emit_store (e, 8, gen_reg (insn->a), HOST_RSI);
  return TRUE;
}
