/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Integer instructions.
 */
#include "cpu/soft/ops.h"
#include "cpu/soft/translate/generate.h"
#include "cpu/soft/translate/layout.h"

/* -- Byte operands ------------------------------------------------------------------------------------------------- */

/* The guest's BH has no name as a byte: its register goes to memory for the instruction. */
#define BYTE_BH (CPU_RBX * 8 + 1)

static EmitRm
byte_operand (Gen *g, unsigned a)
{
  static const uint8_t high[4] = { HOST_HIGH | 7, HOST_HIGH | 5, HOST_HIGH | 6, 0 };
  unsigned host = soft_host_reg[a / 8];

  if (host == HOST_NONE)
    return gen_frame (a);
  if ((a & 1) == 0)
    return emit_reg (host);
  if (a != BYTE_BH)
    return emit_reg (high[a / 8]);
  emit_store (&g->e, 8, gen_frame (CPU_RBX * 8), HOST_RBP);
  return gen_frame (a);
}

static void
byte_written (Gen *g, unsigned a)
{
  if (a == BYTE_BH)
    emit_load (&g->e, 8, HOST_RBP, gen_frame (CPU_RBX * 8));
}

static inline gboolean
is_high (EmitRm rm)
{
  return !rm.is_memory && (rm.reg & HOST_HIGH) != 0;
}

static inline gboolean
wants_rex (EmitRm rm)
{
  return !rm.is_memory && (rm.reg & HOST_HIGH) == 0 && rm.reg >= 4;
}

/* Makes `src` something that one instruction can take together with `dst`; RSI may be used. */
static EmitRm
byte_source (Gen *g, EmitRm dst, EmitRm src)
{
  Emit *e = &g->e;

  if ((is_high (dst) && wants_rex (src)) || (wants_rex (dst) && is_high (src)))
    {
      emit_rm (e, 1, 0x88, src.reg, gen_frame (FRAME_TEMP));
      return gen_frame (FRAME_TEMP);
    }
  if (dst.is_memory && src.is_memory)
    {
      emit_full (e, 0x0fb6, HOST_RSI, 4, src, 1);
      return emit_reg (HOST_RSI);
    }
  return src;
}

/* `opcode`: of r/m8, r8; that of r8, r/m8 is two more. */
static void
byte_pair (Gen *g, unsigned opcode, EmitRm dst, EmitRm src)
{
  src = byte_source (g, dst, src);
  if (src.is_memory)
    emit_rm (&g->e, 1, opcode + 2, dst.reg, src);
  else
    emit_rm (&g->e, 1, opcode, src.reg, dst);
}

static EmitRm
operand (Gen *g, unsigned a, unsigned size)
{
  return size == 1 ? byte_operand (g, a) : gen_reg (a);
}

/* -- Group 1, TEST --------------------------------------------------------------------------------------------------- */

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
};

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
  EmitRm dst = operand (g, a, size);
  unsigned opcode = op == ALU_TEST ? 0x84 : op << 3;
  gboolean writes = op < ALU_CMP;

  if (size == 1)
    {
      if (op == ALU_TEST)
        {
          /* It has one form only. */
          src = byte_source (g, dst, src);
          alu_flags (g, op);
          if (src.is_memory)
            emit_rm (e, 1, 0x84, dst.reg, src);
          else
            emit_rm (e, 1, 0x84, src.reg, dst);
          return;
        }
      src = byte_source (g, dst, src);
      alu_flags (g, op);
      byte_pair (g, opcode, dst, src);
      if (writes)
        byte_written (g, a);
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
  EmitRm dst = operand (g, a, size);

  if (dst.is_memory && size == 4 && op < ALU_CMP)
    {
      emit_load (&g->e, 8, HOST_RSI, dst);
      alu_imm (g, op, 4, emit_reg (HOST_RSI), imm);
      emit_store (&g->e, 8, dst, HOST_RSI);
      return;
    }
  alu_imm (g, op, size, dst, imm);
  if (size == 1 && op < ALU_CMP)
    byte_written (g, a);
}

/* Memory op= register `b`. */
static void
alu_to_memory (Gen *g, unsigned op, unsigned size, EmitRm dst, unsigned b)
{
  EmitRm src = operand (g, b, size);

  if (size == 1)
    src = byte_source (g, dst, src);
  else if (src.is_memory)
    {
      emit_load (&g->e, 8, HOST_RSI, src);
      src = emit_reg (HOST_RSI);
    }
  alu_flags (g, op);
  emit_rm (&g->e, size, (op == ALU_TEST ? 0x84u : op << 3) + (size > 1), src.reg, dst);
}

static gboolean
gen_alu (Gen *g, unsigned op, unsigned form)
{
  const SoftInsn *insn = g->insn;

  if (insn->mem && form < 4 && !gen_can_access (g))
    return FALSE;
  if (form >= 4)
    alu_reg_imm (g, op, insn->size, 0, insn->imm);
  else if (!insn->mem)
    alu_to_reg (g, op, insn->size, insn->a, operand (g, insn->b, insn->size));
  else if (form >= 2)
    alu_to_reg (g, op, insn->size, insn->a, gen_access (g, insn->size, 0));
  else
    alu_to_memory (g, op, insn->size, gen_access (g, insn->size, op < ALU_CMP ? SOFT_ACCESS_WRITE : 0),
                   insn->b);
  return TRUE;
}

static gboolean
gen_alu_immediate (Gen *g, unsigned op)
{
  const SoftInsn *insn = g->insn;

  if (!insn->mem)
    alu_reg_imm (g, op, insn->size, insn->a, insn->imm);
  else if (gen_can_access (g))
    alu_imm (g, op, insn->size, gen_access (g, insn->size, op < ALU_CMP ? SOFT_ACCESS_WRITE : 0), insn->imm);
  else
    return FALSE;
  return TRUE;
}

/* -- One operand ----------------------------------------------------------------------------------------------------- */

/* Opcode (of the byte form) and digit, on register `a`. */
static void
unary_reg (Gen *g, unsigned opcode, unsigned digit, unsigned size, unsigned a)
{
  EmitRm dst = operand (g, a, size);

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
    byte_written (g, a);
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
    emit_digit (&g->e, insn->size, opcode + (insn->size > 1), digit, rm);
  else
    unary_reg (g, opcode, digit, insn->size, insn->b);
  return TRUE;
}

static gboolean
gen_incdec (Gen *g, unsigned digit)
{
  if (!gen_unary (g, 0xfe, digit, 1))
    return FALSE;
  gen_flags_changed (g);
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
    rm = operand (g, insn->b, insn->size);
  /* Some flags are undefined, and kept by some processors. */
  gen_flags_load (g);
  gen_flags_changed (g);
  emit_load (&g->e, 8, HOST_RAX, emit_reg (HOST_RBX));
  emit_digit (&g->e, insn->size, insn->size == 1 ? 0xf6 : 0xf7, digit, rm);
  emit_store (&g->e, insn->size == 1 ? 2 : insn->size, emit_reg (HOST_RBX), HOST_RAX);
  return TRUE;
}

static gboolean
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
            emit_digit (&g->e, insn->size, insn->size == 1 ? 0xf6 : 0xf7, 3, rm);
          }
        else
          {
            gen_flags_set (g);
            unary_reg (g, 0xf6, 3, insn->size, insn->b);
          }
        return TRUE;
      }
    case 4:
    case 5:
      return gen_multiply (g, digit);
    default:
      return FALSE;
    }
}

/* -- Shifts ------------------------------------------------------------------------------------------------------------ */

static gboolean
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
    dst = operand (g, insn->b, insn->size);
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
        byte_written (g, insn->b);
    }
  return TRUE;
}

static gboolean
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
  gen_flags_changed (g);
  emit_rm (&g->e, insn->size, 0x0f00u | g->d->opcode, src, dst);
  if ((g->d->opcode & 1) == 0)
    emit8 (&g->e, (unsigned)insn->imm & 0xff);
  if (!insn->mem && !gen_reg (insn->b).is_memory)
    return TRUE;
  if (!insn->mem)
    gen_set_reg (g, insn->b, insn->size == 4 ? 4 : 8, HOST_RSI);
  return TRUE;
}

/* -- Moves ----------------------------------------------------------------------------------------------------------------- */

static void
load_reg (Gen *g, unsigned a, unsigned size, EmitRm src)
{
  Emit *e = &g->e;
  EmitRm dst = operand (g, a, size);

  if (size == 1)
    {
      byte_pair (g, 0x88, dst, src);
      byte_written (g, a);
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
  EmitRm src = operand (g, b, size);

  if (size == 1)
    {
      byte_pair (g, 0x88, dst, src);
      return;
    }
  emit_rm (&g->e, size, 0x89, src.is_memory ? gen_reg_in (g, b, HOST_RSI) : src.reg, dst);
}

static gboolean
gen_move (Gen *g, gboolean store)
{
  const SoftInsn *insn = g->insn;

  if (!insn->mem)
    load_reg (g, insn->a, insn->size, operand (g, insn->b, insn->size));
  else if (!gen_can_access (g))
    return FALSE;
  else if (store)
    store_reg (g, gen_access (g, insn->size, SOFT_ACCESS_WRITE), insn->b, insn->size);
  else
    load_reg (g, insn->a, insn->size, gen_access (g, insn->size, 0));
  return TRUE;
}

static void
load_immediate (Gen *g, unsigned a, unsigned size, uint64_t imm)
{
  EmitRm dst = operand (g, a, size);
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
    byte_written (g, a);
}

static gboolean
gen_move_immediate (Gen *g)
{
  const SoftInsn *insn = g->insn;
  EmitRm dst;

  if (!insn->mem)
    {
      load_immediate (g, insn->a, insn->size, insn->imm);
      return TRUE;
    }
  if (!gen_can_access (g))
    return FALSE;
  dst = gen_access (g, insn->size, SOFT_ACCESS_WRITE);
  emit_digit (&g->e, insn->size, insn->size == 1 ? 0xc6 : 0xc7, 0, dst);
  emit_imm (&g->e, insn->size, insn->imm);
  return TRUE;
}

/* MOVZX, MOVSX, MOVSXD: `to` bytes in register `a`. */
static gboolean
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
    src = operand (g, insn->b, from);
  if (host != HOST_NONE && !(is_high (src) && host >= 8))
    {
      emit_full (&g->e, opcode, host, to, src, from);
      return TRUE;
    }
  emit_full (&g->e, opcode, HOST_RSI, to == 2 ? 4 : to, src, from);
  gen_set_reg (g, insn->a, to, HOST_RSI);
  return TRUE;
}

static gboolean
gen_lea (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned host = soft_host_reg[insn->a];
  GenAddress a = gen_operand (g);

  if (insn->address == 2)
    return FALSE;
  a.segment = 0;
  if (host != HOST_NONE && insn->size >= 4)
    {
      if (insn->size == 4)
        {
          a.size = 4;
          a.value = (uint32_t)a.value;
        }
      gen_address (g, &a, host);
      return TRUE;
    }
  if (insn->size == 4)
    {
      a.size = 4;
      a.value = (uint32_t)a.value;
    }
  gen_address (g, &a, HOST_RDI);
  gen_set_reg (g, insn->a, insn->size, HOST_RDI);
  return TRUE;
}

static gboolean
gen_exchange (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned size = insn->size, src;
  Emit *e = &g->e;
  EmitRm rm;

  if (size < 4)
    return FALSE;
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
  src = gen_reg_in (g, insn->a, HOST_R14);
  emit_load (e, size, HOST_RSI, rm);
  emit_store (e, size, rm, src);
  gen_set_reg (g, insn->a, size, HOST_RSI);
  return TRUE;
}

/* CBW and CWD with their kin; the host's instructions work on RAX, which has the flags. */
static gboolean
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

static gboolean
gen_moffs (Gen *g)
{
  const SoftInsn *insn = g->insn;
  GenAddress a = { .constant = TRUE, .value = insn->imm, .size = insn->address };

  if (!gen_can_access (g))
    return FALSE;
  if (g->mode64 && insn->seg >= CPU_FS)
    a.segment = insn->seg;
  if (insn->a == 0)
    load_reg (g, 0, insn->size, gen_access_to (g, &a, insn->size, 0));
  else
    store_reg (g, gen_access_to (g, &a, insn->size, SOFT_ACCESS_WRITE), 0, insn->size);
  return TRUE;
}

/* -- IMUL with two and three operands --------------------------------------------------------------------------------------- */

static gboolean
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
  gen_flags_changed (g);
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

/* -- One-byte opcodes ---------------------------------------------------------------------------------------------------------- */

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
      if (insn->mem && !gen_can_access (g))
        return FALSE;
      if (insn->mem)
        alu_to_memory (g, ALU_TEST, insn->size, gen_access (g, insn->size, 0), insn->b);
      else
        alu_to_reg (g, ALU_TEST, insn->size, insn->a, operand (g, insn->b, insn->size));
      return TRUE;
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
      alu_reg_imm (g, ALU_TEST, insn->size, 0, insn->imm);
      return TRUE;
    case 0xb0 ... 0xb7:
      load_immediate (g, insn->a, 1, insn->imm);
      return TRUE;
    case 0xb8 ... 0xbf:
      load_immediate (g, insn->a, insn->size, insn->imm);
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
      gen_flags_changed (g);
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

/* -- 0F ------------------------------------------------------------------------------------------------------------------------------- */

static gboolean
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
    dst = byte_operand (g, insn->b);
  gen_flags_load (g);
  emit_digit (&g->e, 1, 0x0f90u | condition, 0, dst);
  if (!insn->mem)
    byte_written (g, insn->b);
  return TRUE;
}

static gboolean
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

/* BT, BTS, BTR, BTC: `digit` 4 to 7 with an immediate. */
static gboolean
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
  gen_flags_changed (g);
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
static gboolean
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

static gboolean
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

static gboolean
gen_cmpxchg (Gen *g)
{
  const SoftInsn *insn = g->insn;
  Emit *e = &g->e;
  EmitRm rm, src;

  if (!insn->mem || !gen_can_access (g))
    return FALSE;
  rm = gen_access (g, insn->size, SOFT_ACCESS_WRITE);
  src = operand (g, insn->a, insn->size);
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
  emit_rm (e, insn->size, insn->size == 1 ? 0x0fb0 : 0x0fb1, src.reg, rm);
  emit_load (e, 8, HOST_RBX, emit_reg (HOST_RAX));
  return TRUE;
}

static gboolean
gen_xadd (Gen *g)
{
  const SoftInsn *insn = g->insn;
  Emit *e = &g->e;
  unsigned src;
  EmitRm rm;

  if (!insn->mem || insn->size < 4 || !gen_can_access (g))
    return FALSE;
  rm = gen_access (g, insn->size, SOFT_ACCESS_WRITE);
  src = gen_reg_in (g, insn->a, HOST_R14);
  emit_load (e, insn->size, HOST_RSI, rm);
  gen_flags_set (g);
  emit_rm (e, insn->size, 0x01, src, rm);
  gen_set_reg (g, insn->a, insn->size, HOST_RSI);
  return TRUE;
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
      return gen_scan (g, 0x0f00u | op, TRUE);
    case 0xc1:
      return gen_xadd (g);
    case 0xc8 ... 0xcf:
      return insn->size >= 4 && gen_bswap (g);
    default:
      return FALSE;
    }
}
