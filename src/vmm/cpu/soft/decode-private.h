/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the decoder's files share: decode.c (prefixes, ModRM), decode-one.c, decode-two.c and decode-vex.c (the maps of opcodes).  Names are short, as only
 * they include this.
 *
 * A map's function fills `insn` from the opcode on and returns whether decoding goes on behind it, as soft_decode() does.  `lockable` becomes TRUE
 * where a LOCK prefix may stand before an operand in memory.
 */
#pragma once

#include "cpu/soft/exec.h"
#include "cpu/soft/ops.h"

G_BEGIN_DECLS

static inline gboolean
mode64 (const SoftDecode *d)
{
  return d->mode == SOFT_KEY_64;
}

static inline unsigned
size_index (unsigned size)
{
  return size == 1 ? SOFT_SIZE_8 : size == 2 ? SOFT_SIZE_16 : size == 4 ? SOFT_SIZE_32 : SOFT_SIZE_64;
}

/* A byte register is an offset into SoftCpu.reg: AH to BH are the second bytes, unless there is a REX. */
static inline uint8_t
reg8 (const SoftDecode *d, unsigned n)
{
  return (uint8_t)(d->rex == 0 && n >= 4 && n < 8 ? (n - 4) * 8 + 1 : n * 8);
}

static inline uint8_t
reg_of (const SoftDecode *d, unsigned n, unsigned size)
{
  return size == 1 ? reg8 (d, n) : (uint8_t)n;
}

/* ModRM for operands of insn->size: a = reg, b = rm. */
static inline void
operands (SoftDecode *d, SoftInsn *insn)
{
  soft_decode_modrm (d, insn);
  insn->a = reg_of (d, d->reg, insn->size);
  insn->b = reg_of (d, d->rm, insn->size);
}

/* Near operations on the stack take 64 bits in 64-bit mode unless there is a 66 prefix (and no REX.W). */
static inline uint8_t
stack_size (const SoftDecode *d)
{
  return mode64 (d) ? (d->operand_size == 2 ? 2 : 8) : d->operand_size;
}

static inline gboolean
end_call (SoftInsn *insn, SoftHelper call)
{
  insn->handler = soft_op_call_end;
  insn->call = call;
  return FALSE;
}

static inline gboolean
plain_call (SoftInsn *insn, SoftHelper call)
{
  soft_decode_call (insn, call);
  return TRUE;
}

static inline gboolean
undefined (SoftInsn *insn)
{
  insn->handler = soft_op_ud;
  return FALSE;
}

/* decode-one.c: no prefix byte 0F. */
gboolean soft_decode_one (SoftDecode *d, SoftInsn *insn, gboolean *lockable);
gboolean soft_decode_jcc (SoftDecode *d, SoftInsn *insn, gboolean is_short);

/* decode-two.c: 0F; and 0F 38, 0F 3A. */
gboolean soft_decode_two (SoftDecode *d, SoftInsn *insn, gboolean *lockable);
gboolean soft_decode_three (SoftDecode *d, SoftInsn *insn);

/* decode-vex.c: behind C4 or C5. */
gboolean soft_decode_vex (SoftDecode *d, SoftInsn *insn);

G_END_DECLS
