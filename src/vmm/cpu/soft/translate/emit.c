/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The encoder.
 */
#include "cpu/soft/translate/emit.h"

static void
emit_modrm (Emit *e, unsigned reg, EmitRm rm)
{
  unsigned mod;

  reg = (reg & 7) << 3;
  if (!rm.is_memory)
    {
      emit8 (e, 0xc0 | reg | (rm.reg & 7));
      return;
    }
  if (rm.base == HOST_NONE)
    {
      /* An absolute address, or index * scale + 32 bits. */
      emit8 (e, reg | 4);
      emit8 (e, rm.index == HOST_NONE ? 0x25 : rm.scale << 6 | (rm.index & 7) << 3 | 5);
      emit32 (e, (uint32_t)rm.disp);
      return;
    }
  mod = rm.disp == 0 && (rm.base & 7) != HOST_RBP ? 0 : rm.disp == (int8_t)rm.disp ? 1 : 2;
  if (rm.index != HOST_NONE || (rm.base & 7) == HOST_RSP)
    {
      emit8 (e, mod << 6 | reg | 4);
      emit8 (e, rm.scale << 6 | (rm.index == HOST_NONE ? 4u : rm.index & 7u) << 3 | (rm.base & 7));
    }
  else
    emit8 (e, mod << 6 | reg | (rm.base & 7));
  if (mod == 1)
    emit8 (e, (uint8_t)rm.disp);
  else if (mod == 2)
    emit32 (e, (uint32_t)rm.disp);
}

static void
emit_opcode (Emit *e, uint32_t opcode, unsigned rex)
{
  if (opcode >> 24 != 0)
    emit8 (e, opcode >> 24);
  if (rex != 0)
    emit8 (e, 0x40 | (rex & 15));
  opcode &= 0xffffff;
  if (opcode > 0xffff)
    emit8 (e, opcode >> 16);
  if (opcode > 0xff)
    emit8 (e, opcode >> 8 & 0xff);
  emit8 (e, opcode & 0xff);
}

/* SPL, BPL, SIL and DIL have names only with a REX. */
static inline unsigned
needs_rex (unsigned reg, unsigned size)
{
  return size == 1 && (reg & HOST_HIGH) == 0 && reg >= 4 && reg < 8 ? 0x40 : 0;
}

static unsigned
rex_of (EmitRm rm)
{
  unsigned rex = 0;

  if (!rm.is_memory)
    return (rm.reg & 8) != 0 ? 1 : 0;
  if (rm.base != HOST_NONE && (rm.base & 8) != 0)
    rex |= 1;
  if (rm.index != HOST_NONE && (rm.index & 8) != 0)
    rex |= 2;
  return rex;
}

void
emit_full (Emit *e, uint32_t opcode, unsigned reg, unsigned reg_size, EmitRm rm, unsigned rm_size)
{
  unsigned rex = rex_of (rm) | ((reg & 8) != 0 ? 4 : 0) | needs_rex (reg, reg_size);

  if (!rm.is_memory)
    rex |= needs_rex (rm.reg, rm_size);
  if (reg_size == 8)
    rex |= 8;
  if (rm.gs)
    emit8 (e, 0x65);
  if (reg_size == 2)
    emit8 (e, 0x66);
  emit_opcode (e, opcode, rex);
  emit_modrm (e, reg & 15, rm);
}

void
emit_digit (Emit *e, unsigned size, uint32_t opcode, unsigned digit, EmitRm rm)
{
  unsigned rex = rex_of (rm) | (size == 8 ? 8 : 0);

  if (!rm.is_memory)
    rex |= needs_rex (rm.reg, size);
  if (rm.gs)
    emit8 (e, 0x65);
  if (size == 2)
    emit8 (e, 0x66);
  emit_opcode (e, opcode, rex);
  emit_modrm (e, digit, rm);
}

/* The shorter form has neither X, B, W nor another map than the first. */
static void
emit_vex_prefix (Emit *e, EmitVex vex, unsigned rex)
{
  unsigned last = (~vex.v & 15u) << 3 | (vex.l ? 4u : 0u) | vex.pp;

  if (vex.map == 1 && !vex.w && (rex & 3) == 0)
    {
      emit8 (e, 0xc5);
      emit8 (e, ((rex & 4) != 0 ? 0u : 0x80u) | last);
    }
  else
    {
      emit8 (e, 0xc4);
      emit8 (e, (~rex & 7u) << 5 | vex.map);
      emit8 (e, (vex.w ? 0x80u : 0u) | last);
    }
  emit8 (e, vex.opcode);
}

void
emit_vex (Emit *e, EmitVex vex, unsigned reg, EmitRm rm)
{
  emit_vex_prefix (e, vex, rex_of (rm) | ((reg & 8) != 0 ? 4 : 0));
  emit_modrm (e, reg & 15, rm);
}

void
emit_vex_bare (Emit *e, EmitVex vex)
{
  emit_vex_prefix (e, vex, 0);
}

void
emit_constant (Emit *e, unsigned reg, uint64_t value)
{
  unsigned rex = (reg & 8) != 0 ? 0x41 : 0;

  if (value >> 32 == 0)
    {
      if (rex != 0)
        emit8 (e, rex);
      emit8 (e, 0xb8 | (reg & 7));
      emit32 (e, (uint32_t)value);
    }
  else if ((int64_t)value == (int32_t)value)
    {
      emit_digit (e, 8, 0xc7, 0, emit_reg (reg));
      emit32 (e, (uint32_t)value);
    }
  else
    {
      emit8 (e, 0x48 | rex);
      emit8 (e, 0xb8 | (reg & 7));
      emit64 (e, value);
    }
}

void
emit_imm (Emit *e, unsigned size, uint64_t imm)
{
  if (size == 1)
    emit8 (e, imm & 0xff);
  else if (size == 2)
    {
      emit8 (e, imm & 0xff);
      emit8 (e, imm >> 8 & 0xff);
    }
  else
    emit32 (e, (uint32_t)imm);
}

void
emit_alu_imm (Emit *e, unsigned size, unsigned op, EmitRm rm, int32_t imm)
{
  if (size == 1)
    {
      emit_digit (e, 1, 0x80, op, rm);
      emit8 (e, (uint8_t)imm);
    }
  else if (imm == (int8_t)imm)
    {
      emit_digit (e, size, 0x83, op, rm);
      emit8 (e, (uint8_t)imm);
    }
  else
    {
      emit_digit (e, size, 0x81, op, rm);
      emit_imm (e, size, (uint32_t)imm);
    }
}

uint32_t
emit_jmp (Emit *e)
{
  emit8 (e, 0xe9);
  emit32 (e, 0);
  return e->at - 4;
}

uint32_t
emit_jcc (Emit *e, unsigned condition)
{
  emit8 (e, 0x0f);
  emit8 (e, 0x80 | condition);
  emit32 (e, 0);
  return e->at - 4;
}

void
emit_patch (Emit *e, uint32_t place, uint32_t target)
{
  uint32_t distance = target - (place + 4);

  memcpy (e->start + place, &distance, 4);
}
