/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Operands of integer instructions in registers, above all bytes, which the host may be unable to name or to combine.
 */
#include "cpu/soft/translate/integer-private.h"
#include "cpu/soft/translate/layout.h"

/* The guest's BH has no name as a byte: its register goes to memory for the instruction. */
#define BYTE_BH (CPU_RBX * 8 + 1)

EmitRm
gen_byte_operand (Gen *g, unsigned a)
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

void
gen_byte_written (Gen *g, unsigned a)
{
  if (a == BYTE_BH)
    emit_load (&g->e, 8, HOST_RBP, gen_frame (CPU_RBX * 8));
}

static inline gboolean
wants_rex (EmitRm rm)
{
  return !rm.is_memory && (rm.reg & HOST_HIGH) == 0 && rm.reg >= 4;
}

/* Makes `src` something that one instruction can take together with `dst`; RSI may be used. */
EmitRm
gen_byte_source (Gen *g, EmitRm dst, EmitRm src)
{
  Emit *e = &g->e;

  if ((gen_is_high (dst) && wants_rex (src)) || (wants_rex (dst) && gen_is_high (src)))
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
void
gen_byte_pair (Gen *g, unsigned opcode, EmitRm dst, EmitRm src)
{
  src = gen_byte_source (g, dst, src);
  if (src.is_memory)
    emit_rm (&g->e, 1, opcode + 2, dst.reg, src);
  else
    emit_rm (&g->e, 1, opcode, src.reg, dst);
}

EmitRm
gen_reg_operand (Gen *g, unsigned a, unsigned size)
{
  return size == 1 ? gen_byte_operand (g, a) : gen_reg (a);
}
