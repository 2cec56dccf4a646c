/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Integer instructions that move: to and from memory, widened, exchanged, by condition; LEA.
 */
#include "cpu/soft/translate/integer-private.h"

static void
load_reg (Gen *g, unsigned a, unsigned size, EmitRm src)
{
  Emit *e = &g->e;
  EmitRm dst = gen_reg_operand (g, a, size);

  if (size == 1)
    {
      gen_byte_pair (g, 0x88, dst, src);
      gen_byte_written (g, a);
    }
  else if (!dst.is_memory)
    emit_rm (e, size, 0x8b, dst.reg, src);
  else if (!src.is_memory && size != 4)
    emit_rm (e, size, 0x89, src.reg, dst);
  else
    {
      if (size == 2)
        emit_full (e, 0x0fb7, HOST_RSI, 4, src, 2);
      else
        emit_load (e, size, HOST_RSI, src);
      emit_store (e, size == 4 ? 8 : size, dst, HOST_RSI);
    }
}

static void
store_reg (Gen *g, EmitRm dst, unsigned b, unsigned size)
{
  EmitRm src = gen_reg_operand (g, b, size);

  if (size == 1)
    {
      gen_byte_pair (g, 0x88, dst, src);
      return;
    }
  emit_rm (&g->e, size, 0x89, src.is_memory ? gen_reg_in (g, b, HOST_RSI) : src.reg, dst);
}

gboolean
gen_move (Gen *g, gboolean store)
{
  const SoftInsn *insn = g->insn;

  if (!insn->mem)
    load_reg (g, insn->a, insn->size, gen_reg_operand (g, insn->b, insn->size));
  else if (!gen_can_access (g))
    return FALSE;
  else if (store)
    store_reg (g, gen_access (g, insn->size, SOFT_ACCESS_WRITE), insn->b, insn->size);
  else
    load_reg (g, insn->a, insn->size, gen_access (g, insn->size, 0));
  return TRUE;
}

void
gen_load_immediate (Gen *g, unsigned a, unsigned size, uint64_t imm)
{
  EmitRm dst = gen_reg_operand (g, a, size);
  Emit *e = &g->e;

  if (size >= 4)
    {
      if (size == 4)
        imm = (uint32_t)imm;
      if (!dst.is_memory)
        emit_constant (e, dst.reg, imm);
      else if ((int64_t)imm == (int32_t)imm)
        {
          emit_digit (e, 8, 0xc7, 0, dst);
          emit32 (e, (uint32_t)imm);
        }
      else
        {
          emit_constant (e, HOST_RSI, imm);
          emit_store (e, 8, dst, HOST_RSI);
        }
      return;
    }
  emit_digit (e, size, size == 1 ? 0xc6 : 0xc7, 0, dst);
  emit_imm (e, size, imm);
  if (size == 1)
    gen_byte_written (g, a);
}

gboolean
gen_move_immediate (Gen *g)
{
  const SoftInsn *insn = g->insn;
  EmitRm dst;

  if (!insn->mem)
    {
      gen_load_immediate (g, insn->a, insn->size, insn->imm);
      return TRUE;
    }
  if (!gen_can_access (g))
    return FALSE;
  dst = gen_access (g, insn->size, SOFT_ACCESS_WRITE);
  emit_digit (&g->e, insn->size, insn->size == 1 ? 0xc6 : 0xc7, 0, dst);
  emit_imm (&g->e, insn->size, insn->imm);
  return TRUE;
}

gboolean
gen_moffs (Gen *g)
{
  const SoftInsn *insn = g->insn;
  GenAddress a = { .constant = TRUE, .value = insn->imm, .size = insn->address };

  if (!gen_can_access (g))
    return FALSE;
  a.segment = gen_segment (g, insn->seg);
  if (insn->a == 0)
    load_reg (g, 0, insn->size, gen_access_to (g, &a, insn->size, 0));
  else
    store_reg (g, gen_access_to (g, &a, insn->size, SOFT_ACCESS_WRITE), 0, insn->size);
  return TRUE;
}

/* MOVZX, MOVSX, MOVSXD: `to` bytes in register `a`. */
gboolean
gen_extend (Gen *g, uint32_t opcode, unsigned from, unsigned to)
{
  const SoftInsn *insn = g->insn;
  unsigned host = soft_host_reg[insn->a];
  EmitRm src;

  if (insn->mem)
    {
      if (!gen_can_access (g))
        return FALSE;
      src = gen_access (g, from, 0);
    }
  else
    src = gen_reg_operand (g, insn->b, from);
  if (host != HOST_NONE && !(gen_is_high (src) && host >= 8))
    {
      emit_full (&g->e, opcode, host, to, src, from);
      return TRUE;
    }
  emit_full (&g->e, opcode, HOST_RSI, to == 2 ? 4 : to, src, from);
  gen_set_reg (g, insn->a, to, HOST_RSI);
  return TRUE;
}

/* CBW and CWD with their kin; the host's instructions work on RAX, which has the flags. */
gboolean
gen_sign (Gen *g, gboolean wide)
{
  unsigned size = g->insn->size;
  Emit *e = &g->e;

  if (!wide)
    {
      if (size == 2)
        emit_full (e, 0x0fbe, HOST_RBX, 2, emit_reg (HOST_RBX), 1);
      else if (size == 4)
        emit_full (e, 0x0fbf, HOST_RBX, 4, emit_reg (HOST_RBX), 2);
      else
        emit_full (e, 0x63, HOST_RBX, 8, emit_reg (HOST_RBX), 4);
      return TRUE;
    }
  emit_load (e, 4, HOST_RSI, emit_reg (HOST_RAX));
  emit_load (e, 8, HOST_RAX, emit_reg (HOST_RBX));
  if (size == 2)
    emit8 (e, 0x66);
  else if (size == 8)
    emit8 (e, 0x48);
  emit8 (e, 0x99);
  emit_load (e, 4, HOST_RAX, emit_reg (HOST_RSI));
  return TRUE;
}

gboolean
gen_lea (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned host = soft_host_reg[insn->a];
  GenAddress a = gen_operand (g);

  a.segment = 0;
  if (host != HOST_NONE && insn->size >= 4 && insn->address != 2)
    {
      if (insn->size == 4)
        {
          a.size = 4;
          a.value = (uint32_t)a.value;
        }
      gen_address (g, &a, host);
      return TRUE;
    }
  if (insn->size == 4 && insn->address != 2)
    {
      a.size = 4;
      a.value = (uint32_t)a.value;
    }
  gen_address (g, &a, HOST_RDI);
  gen_set_reg (g, insn->a, insn->size, HOST_RDI);
  return TRUE;
}

gboolean
gen_bswap (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned host = gen_reg_in (g, insn->a, HOST_RSI), rex = (insn->size == 8 ? 8u : 0) | (host >= 8 ? 1u : 0);

  if (rex != 0)
    emit8 (&g->e, 0x40 | rex);
  emit8 (&g->e, 0x0f);
  emit8 (&g->e, 0xc8 | (host & 7));
  if (host == HOST_RSI)
    gen_set_reg (g, insn->a, insn->size, HOST_RSI);
  return TRUE;
}

/* -- By condition ---------------------------------------------------------------------------------------------- */

gboolean
gen_setcc (Gen *g, unsigned condition)
{
  const SoftInsn *insn = g->insn;
  EmitRm dst;

  if (insn->mem)
    {
      if (!gen_can_access (g))
        return FALSE;
      dst = gen_access (g, 1, SOFT_ACCESS_WRITE);
    }
  else
    dst = gen_byte_operand (g, insn->b);
  gen_flags_load (g);
  emit_digit (&g->e, 1, 0x0f90u | condition, 0, dst);
  if (!insn->mem)
    gen_byte_written (g, insn->b);
  return TRUE;
}

gboolean
gen_cmov (Gen *g, unsigned condition)
{
  const SoftInsn *insn = g->insn;
  unsigned host = soft_host_reg[insn->a];
  EmitRm src;

  if (insn->mem)
    {
      if (!gen_can_access (g))
        return FALSE;
      src = gen_access (g, insn->size, 0);
    }
  else
    src = gen_reg (insn->b);
  gen_flags_load (g);
  if (host == HOST_NONE)
    emit_load (&g->e, 8, HOST_RSI, gen_reg (insn->a));
  emit_rm (&g->e, insn->size, 0x0f40u | condition, host == HOST_NONE ? HOST_RSI : host, src);
  if (host == HOST_NONE)
    emit_store (&g->e, 8, gen_reg (insn->a), HOST_RSI);
  return TRUE;
}

/* -- Exchanges ------------------------------------------------------------------------------------------------- */

gboolean
gen_exchange (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned size = insn->size, src;
  Emit *e = &g->e;
  EmitRm rm;

  if (size == 1 || (g->mode64 && size == 2))
    return FALSE;
  if (!insn->mem && size == 2)
    {
      emit_rm (e, 2, 0x87, soft_host_reg[insn->a], gen_reg (insn->b));
      return TRUE;
    }
  if (!insn->mem)
    {
      emit_load (e, 8, HOST_RSI, gen_reg (insn->a));
      src = gen_reg_in (g, insn->b, HOST_RDI);
      if (size == 4)
        {
          /* Through a register that nobody has, so that both upper halves are cleared. */
          emit_load (e, 4, HOST_RSI, emit_reg (HOST_RSI));
          emit_load (e, 4, HOST_RDI, emit_reg (src));
          src = HOST_RDI;
        }
      gen_set_reg (g, insn->a, size, src);
      gen_set_reg (g, insn->b, size, HOST_RSI);
      return TRUE;
    }
  if (!gen_can_access (g))
    return FALSE;
  rm = gen_access (g, size, SOFT_ACCESS_WRITE);
  emit_load (e, 8, HOST_RSI, gen_reg (insn->a));
  emit_rm (e, size, 0x87, HOST_RSI, rm);
  gen_set_reg (g, insn->a, size, HOST_RSI);
  return TRUE;
}

gboolean
gen_cmpxchg (Gen *g)
{
  const SoftInsn *insn = g->insn;
  Emit *e = &g->e;
  EmitRm rm, src;

  if (!insn->mem || !gen_can_access (g))
    return FALSE;
  rm = gen_access (g, insn->size, SOFT_ACCESS_WRITE);
  src = gen_reg_operand (g, insn->a, insn->size);
  if (src.is_memory)
    {
      if (insn->size == 1)
        emit_full (e, 0x0fb6, HOST_R14, 4, src, 1);
      else
        emit_load (e, 8, HOST_R14, src);
      src = emit_reg (HOST_R14);
    }
  gen_flags_set (g);
  emit_load (e, 8, HOST_RAX, emit_reg (HOST_RBX));
  gen_lock (g);
  emit_rm (e, insn->size, insn->size == 1 ? 0x0fb0 : 0x0fb1, src.reg, rm);
  emit_load (e, 8, HOST_RBX, emit_reg (HOST_RAX));
  return TRUE;
}

/* CMPXCHG8B and CMPXCHG16B. */
gboolean
gen_cmpxchg_pair (Gen *g)
{
  const SoftInsn *insn = g->insn;
  gboolean wide = insn->size == 8;
  Emit *e = &g->e;
  EmitRm rm;

  if (!insn->mem || (insn->modrm & 0x38) != 8 || !gen_can_access (g))
    return FALSE;
  gen_flags_clobber (g);
  rm = gen_access (g, wide ? 16 : 8, SOFT_ACCESS_WRITE | (wide ? SOFT_ACCESS_ALIGNED : 0));
  if (wide)
    rm = gen_aligned (g, rm);
  gen_flags_load (g);
  gen_flags_set (g);
  emit_load (e, 8, HOST_RAX, emit_reg (HOST_RBX));
  emit_load (e, 8, HOST_RBX, emit_reg (HOST_RBP));
  gen_lock (g);
  emit_digit (e, wide ? 8 : 4, 0x0fc7, 1, rm);
  emit_load (e, 8, HOST_RBX, emit_reg (HOST_RAX));
  return TRUE;
}

gboolean
gen_xadd (Gen *g)
{
  const SoftInsn *insn = g->insn;
  Emit *e = &g->e;
  EmitRm rm;

  if (!insn->mem || insn->size < 4 || !gen_can_access (g))
    return FALSE;
  rm = gen_access (g, insn->size, SOFT_ACCESS_WRITE);
  emit_load (e, 8, HOST_RSI, gen_reg (insn->a));
  gen_flags_set (g);
  gen_lock (g);
  emit_rm (e, insn->size, 0x0fc1, HOST_RSI, rm);
  gen_set_reg (g, insn->a, insn->size, HOST_RSI);
  return TRUE;
}
