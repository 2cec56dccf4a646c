/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What has a VEX prefix.  A vector instruction becomes itself once more: YMM registers are the host's of the same number while SoftCpu.sse_live is 2, and
 * the decoder's table says what its operands are.  Exceptions that aren't masked are the interpreter's (SOFT_UNIT_KEY_AVX), as are masked moves, gathers
 * and what else names registers by itself.
 */
#include "cpu/soft/vex.h"
#include "cpu/soft/ops.h"
#include "cpu/soft/translate/generate.h"

static EmitVex
prefix_of (const SoftDecode *d, unsigned v)
{
  return (EmitVex){ .map = (uint8_t)(d->map - SOFT_MAP_VEX),
                    .pp = d->vex_pp,
                    .l = (d->vex_wide & SOFT_VEX_L) != 0,
                    .w = (d->vex_wide & SOFT_VEX_W) != 0,
                    .v = (uint8_t)v,
                    .opcode = d->opcode };
}

/* The byte behind the operands. */
static unsigned
immediate (const SoftDecode *d)
{
  return d->bytes[d->position - 1];
}

/* -- Vectors ----------------------------------------------------------------------------------------------------- */

/* Those that aren't in the table, and go as they are. */
static gboolean
is_special (const Gen *g)
{
  const SoftDecode *d = g->d;

  if (d->map == SOFT_MAP_VEX + 1)
    /* VZEROUPPER and VZEROALL leave registers that 32-bit code hasn't. */
    return d->opcode == 0x77 ? g->mode64 : d->opcode >= 0x71 && d->opcode <= 0x73;
  return d->map == SOFT_MAP_VEX + 2 && (d->opcode == 0x1a || d->opcode == 0x5a);
}

/* FALSE: the interpreter's.  `row` is NULL for a special one. */
static gboolean
find (const Gen *g, const SoftVexRow **row)
{
  const SoftInsn *insn = g->insn;

  if ((g->unit->key & SOFT_UNIT_KEY_AVX) == 0 || insn->handler != soft_op_call || g->d->map <= SOFT_MAP_VEX)
    return FALSE;
  *row = soft_vex_find (g->d);
  if (*row == NULL && !is_special (g))
    return FALSE;
  return !insn->mem || gen_can_access (g);
}

static unsigned
memory_size (const Gen *g, const SoftVexRow *row)
{
  return row == NULL ? 16 : g->insn->size;
}

static gboolean
stores (const SoftVexRow *row)
{
  static const uint32_t forms = 1u << VEX_MR | 1u << VEX_TO_HALF | 1u << VEX_STORE_GPR
                                | 1u << VEX_STORE_SCALAR | 1u << VEX_STORE_ALL | 1u << VEX_STORE_LOW
                                | 1u << VEX_STORE_HIGH;

  return row != NULL && (forms >> row->form & 1) != 0;
}

static gboolean
sets_gpr (const SoftVexRow *row)
{
  return row != NULL && (row->form == VEX_TO_GPR || row->form == VEX_MASK);
}

static gboolean
sets_flags (const SoftVexRow *row)
{
  return row != NULL && row->form == VEX_FLAGS;
}

static EmitRm
memory_operand (Gen *g, const SoftVexRow *row)
{
  unsigned size = memory_size (g, row), access = stores (row) ? SOFT_ACCESS_WRITE : 0;
  gboolean aligned = row != NULL && (row->flags & VEX_ALIGNED) != 0;
  EmitRm rm;

  /* In RAX, as the interpreter may have to do it after all. */
  if (aligned)
    gen_flags_clobber (g);
  rm = gen_access (g, size,
                   access | (aligned ? SOFT_ACCESS_ALIGNED : 0) | (size == 32 ? SOFT_ACCESS_WHOLE : 0));
  return aligned ? gen_aligned_to (g, rm, size) : rm;
}

/* The instruction with its immediate. */
static void
emit_whole (Gen *g, const SoftVexRow *row, EmitVex vex, unsigned reg, EmitRm rm)
{
  emit_vex (&g->e, vex, reg, rm);
  if (row == NULL ? vex.map == 1 : row->imm != 0)
    /* Of a register's number 32-bit code ignores the highest bit. */
    emit8 (&g->e, immediate (g->d) & (row != NULL && row->form == VEX_BLEND && !g->mode64 ? 0x7f : 0xff));
}

/* One whose ModRM.rm is a general register, or that sets one. */
static void
emit_with_gpr (Gen *g, const SoftVexRow *row, EmitVex vex, EmitRm rm)
{
  const SoftInsn *insn = g->insn;
  unsigned size = vex.w ? 8 : 4, target = insn->a;

  if (sets_gpr (row))
    {
      target = gen_reg (insn->a).is_memory ? HOST_RSI : gen_reg (insn->a).reg;
      emit_whole (g, row, vex, target, rm);
      if (target == HOST_RSI)
        gen_set_reg (g, insn->a, row->form == VEX_MASK ? 4 : size, HOST_RSI);
      return;
    }
  if (insn->mem || row->form == VEX_FROM_GPR)
    {
      emit_whole (g, row, vex, target, insn->mem ? rm : gen_reg (insn->b));
      return;
    }
  rm = gen_reg (insn->b).is_memory ? emit_reg (HOST_RSI) : gen_reg (insn->b);
  emit_whole (g, row, vex, target, rm);
  if (rm.reg == HOST_RSI)
    gen_set_reg (g, insn->b, size, HOST_RSI);
}

static gboolean
gen_vector (Gen *g)
{
  const SoftInsn *insn = g->insn;
  const SoftVexRow *row;
  EmitVex vex;
  EmitRm rm;

  if (!find (g, &row))
    return FALSE;
  vex = prefix_of (g->d, insn->v);
  gen_use_vectors (g, 2);
  rm = insn->mem ? memory_operand (g, row) : emit_reg (insn->b);
  if (sets_flags (row))
    gen_flags_set (g);
  if (row == NULL && g->d->opcode == 0x77)
    {
      emit_vex_bare (&g->e, vex);
      return TRUE;
    }
  if (row != NULL && (sets_gpr (row) || row->form == VEX_FROM_GPR || row->form == VEX_STORE_GPR))
    emit_with_gpr (g, row, vex, rm);
  else
    emit_whole (g, row, vex, row == NULL && vex.map == 1 ? insn->modrm >> 3 & 7u : insn->a, rm);
  return TRUE;
}

/* -- Integers ---------------------------------------------------------------------------------------------------- */

/* What BMI1 and BMI2 do to flags: nothing, or they set them all. */
static gboolean
integer_sets_flags (const SoftDecode *d)
{
  return d->map == SOFT_MAP_VEX + 2
         && (d->opcode == 0xf2 || d->opcode == 0xf3 || (d->opcode == 0xf5 && d->vex_pp == 0)
             || (d->opcode == 0xf7 && d->vex_pp == 0));
}

static gboolean
is_integer (const Gen *g)
{
  const SoftDecode *d = g->d;

  return (d->map == SOFT_MAP_VEX + 2 && d->opcode >= 0xf2 && d->opcode <= 0xf7)
         || (d->map == SOFT_MAP_VEX + 3 && d->opcode == 0xf0);
}

/* The register that the result goes to: BLSI and its kin have it in vvvv. */
static unsigned
integer_target (const Gen *g)
{
  return g->d->opcode == 0xf3 ? g->insn->v : g->insn->a;
}

static void
emit_mulx (Gen *g, EmitVex vex, EmitRm rm)
{
  const SoftInsn *insn = g->insn;
  unsigned high = gen_reg (insn->a).is_memory ? HOST_RSI : gen_reg (insn->a).reg;
  unsigned low = gen_reg (insn->v).is_memory ? HOST_RDI : gen_reg (insn->v).reg;

  vex.v = (uint8_t)low;
  emit_vex (&g->e, vex, high, rm);
  /* The high half stays where both go to one register. */
  if (low == HOST_RDI)
    gen_set_reg (g, insn->v, insn->size, HOST_RDI);
  if (high == HOST_RSI)
    gen_set_reg (g, insn->a, insn->size, HOST_RSI);
}

static gboolean
gen_bmi (Gen *g)
{
  const SoftInsn *insn = g->insn;
  const SoftDecode *d = g->d;
  EmitVex vex = prefix_of (d, 0);
  unsigned n = integer_target (g), target;
  EmitRm rm;

  if (insn->mem && !gen_can_access (g))
    return FALSE;
  vex.w = insn->size == 8;
  rm = insn->mem ? gen_access (g, insn->size, 0) : gen_reg (insn->b);
  if (d->opcode == 0xf6)
    {
      emit_mulx (g, vex, rm);
      return TRUE;
    }
  target = gen_reg (n).is_memory ? HOST_RSI : gen_reg (n).reg;
  if (integer_sets_flags (d))
    {
      /* Some may be kept. */
      gen_flags_load (g);
      gen_flags_set (g);
    }
  if (d->opcode == 0xf3)
    {
      vex.v = (uint8_t)target;
      emit_vex (&g->e, vex, insn->modrm >> 3 & 7, rm);
    }
  else
    {
      if (d->opcode != 0xf0)
        vex.v = (uint8_t)gen_reg_in (g, insn->v, HOST_RSI);
      emit_vex (&g->e, vex, target, rm);
      if (d->opcode == 0xf0)
        emit8 (&g->e, immediate (d));
    }
  if (target == HOST_RSI)
    gen_set_reg (g, n, insn->size, HOST_RSI);
  return TRUE;
}

/* -- Both -------------------------------------------------------------------------------------------------------- */

gboolean
gen_vex (Gen *g)
{
  if (g->d->map <= SOFT_MAP_VEX || g->d->map > SOFT_MAP_VEX + 3)
    return FALSE;
  return is_integer (g) ? gen_bmi (g) : gen_vector (g);
}

gboolean
gen_vex_effects (Gen *g, GenEffects *effects)
{
  const SoftInsn *insn = g->insn;
  const SoftVexRow *row = NULL;

  if (g->d->map <= SOFT_MAP_VEX || g->d->map > SOFT_MAP_VEX + 3)
    return FALSE;
  if (is_integer (g))
    {
      if (insn->mem && !gen_can_access (g))
        return FALSE;
      effects->writes = (uint16_t)(1u << integer_target (g) | (g->d->opcode == 0xf6 ? 1u << insn->v : 0));
      effects->flags = integer_sets_flags (g->d) ? EFFECT_USE : EFFECT_NONE;
      effects->size = insn->mem ? insn->size : 0;
    }
  else
    {
      if (!find (g, &row))
        return FALSE;
      effects->writes = 0;
      if (sets_gpr (row))
        effects->writes = (uint16_t)(1u << insn->a);
      else if (row != NULL && row->form == VEX_STORE_GPR && !insn->mem)
        effects->writes = (uint16_t)(1u << insn->b);
      effects->flags = sets_flags (row) ? EFFECT_SET : EFFECT_NONE;
      effects->size = insn->mem ? (uint8_t)memory_size (g, row) : 0;
      effects->write = insn->mem && stores (row);
    }
  effects->calls = FALSE;
  if (insn->mem)
    effects->address = gen_operand (g);
  return TRUE;
}
