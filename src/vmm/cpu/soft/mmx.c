/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * MMX, and what SSE to SSSE3 added to it.  SDM volume 1, chapter 9.
 *
 * The host's own MMX instructions do the work; EMMS follows at once, so that the host's x87 is always empty.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/sse.h"

#define MMX_CLOBBERS "mm0", "mm1", "st"

/* mm = mm op mm/mem */
#define MMX(name, bits)                                                                     \
  static inline void name##_values (SoftCpu *cpu, const SoftInsn *insn, uint64_t source)    \
  {                                                                                         \
    uint64_t value = soft_mm (cpu, insn->a);                                                \
    __asm__ volatile("movq %[s], %%mm1\n\tmovq %[v], %%mm0\n\t" #name                       \
                     " %%mm1, %%mm0\n\tmovq %%mm0, %[v]\n\temms"                            \
                     : [v] "+r"(value)                                                      \
                     : [s] "r"(source)                                                      \
                     : MMX_CLOBBERS);                                                       \
    soft_mmx_enter (cpu);                                                                   \
    soft_set_mm (cpu, insn->a, value);                                                      \
  }                                                                                         \
  static void op_##name##_reg (SoftCpu *cpu, const SoftInsn *insn)                          \
  {                                                                                         \
    soft_mmx_begin (cpu, insn);                                                             \
    name##_values (cpu, insn, soft_mm (cpu, insn->b));                                      \
  }                                                                                         \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn)                          \
  {                                                                                         \
    soft_mmx_begin (cpu, insn);                                                             \
    name##_values (cpu, insn, soft_load##bits (cpu, insn, insn->seg, soft_ea (cpu, insn))); \
  }

/* The formatter never comes to an end with such a list. */
/* clang-format off */
#define MMX_LIST(X)                                                                                     \
  X (packsswb, 0x63) X (pcmpgtb, 0x64) X (pcmpgtw, 0x65) X (pcmpgtd, 0x66) X (packuswb, 0x67)           \
  X (punpckhbw, 0x68) X (punpckhwd, 0x69) X (punpckhdq, 0x6a) X (packssdw, 0x6b)                        \
  X (pcmpeqb, 0x74) X (pcmpeqw, 0x75) X (pcmpeqd, 0x76) X (psrlw, 0xd1) X (psrld, 0xd2)                 \
  X (psrlq, 0xd3) X (paddq, 0xd4) X (pmullw, 0xd5) X (psubusb, 0xd8) X (psubusw, 0xd9)                  \
  X (pminub, 0xda) X (pand, 0xdb) X (paddusb, 0xdc) X (paddusw, 0xdd) X (pmaxub, 0xde)                  \
  X (pandn, 0xdf) X (pavgb, 0xe0) X (psraw, 0xe1) X (psrad, 0xe2) X (pavgw, 0xe3)                       \
  X (pmulhuw, 0xe4) X (pmulhw, 0xe5) X (psubsb, 0xe8) X (psubsw, 0xe9) X (pminsw, 0xea)                 \
  X (por, 0xeb) X (paddsb, 0xec) X (paddsw, 0xed) X (pmaxsw, 0xee) X (pxor, 0xef) X (psllw, 0xf1)       \
  X (pslld, 0xf2) X (psllq, 0xf3) X (pmuludq, 0xf4) X (pmaddwd, 0xf5) X (psadbw, 0xf6)                  \
  X (psubb, 0xf8) X (psubw, 0xf9) X (psubd, 0xfa) X (psubq, 0xfb) X (paddb, 0xfc) X (paddw, 0xfd)       \
  X (paddd, 0xfe)
/* clang-format on */
#define MMX_LOW_LIST(X) X (punpcklbw, 0x60) X (punpcklwd, 0x61) X (punpckldq, 0x62)
/* The formatter never comes to an end with such a list. */
/* clang-format off */
#define SSSE3_LIST(X)                                                                                   \
  X (pshufb, 0x00) X (phaddw, 0x01) X (phaddd, 0x02) X (phaddsw, 0x03) X (pmaddubsw, 0x04)              \
  X (phsubw, 0x05) X (phsubd, 0x06) X (phsubsw, 0x07) X (psignb, 0x08) X (psignw, 0x09)                 \
  X (psignd, 0x0a) X (pmulhrsw, 0x0b) X (pabsb, 0x1c) X (pabsw, 0x1d) X (pabsd, 0x1e)
/* clang-format on */
#define DEFINE(name, opcode)     MMX (name, 64)
#define DEFINE_LOW(name, opcode) MMX (name, 32) /* reads only the half that it uses */
MMX_LIST (DEFINE)
MMX_LOW_LIST (DEFINE_LOW)
SSSE3_LIST (DEFINE)

#define SHIFT(name)                                                   \
  static void op_##name##_imm (SoftCpu *cpu, const SoftInsn *insn)    \
  {                                                                   \
    uint64_t value, count = insn->imm & 0xff;                         \
    soft_mmx_begin (cpu, insn);                                       \
    value = soft_mm (cpu, insn->b);                                   \
    __asm__ volatile("movq %[s], %%mm1\n\tmovq %[v], %%mm0\n\t" #name \
                     " %%mm1, %%mm0\n\tmovq %%mm0, %[v]\n\temms"      \
                     : [v] "+r"(value)                                \
                     : [s] "r"(count)                                 \
                     : MMX_CLOBBERS);                                 \
    soft_mmx_enter (cpu);                                             \
    soft_set_mm (cpu, insn->b, value);                                \
  }
SHIFT (psrlw)
SHIFT (psrld)
SHIFT (psrlq)
SHIFT (psraw)
SHIFT (psrad)
SHIFT (psllw)
SHIFT (pslld)
SHIFT (psllq)

/* -- Moves ----------------------------------------------------------------------------------------- */

static void
op_movd_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = cpu->reg[insn->b];

  soft_mmx_begin (cpu, insn);
  soft_mmx_enter (cpu);
  soft_set_mm (cpu, insn->a, insn->size == 8 ? value : (uint32_t)value);
}

static void
op_movd_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value;

  soft_mmx_begin (cpu, insn);
  if (insn->size == 8)
    value = soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn));
  else
    value = soft_load32 (cpu, insn, insn->seg, soft_ea (cpu, insn));
  soft_mmx_enter (cpu);
  soft_set_mm (cpu, insn->a, value);
}

static void
op_movd_store_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  soft_mmx_enter (cpu);
  soft_set_gpr (cpu, insn, insn->b, soft_mm (cpu, insn->a));
}

static void
op_movd_store_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  if (insn->size == 8)
    soft_store64 (cpu, insn, insn->seg, soft_ea (cpu, insn), soft_mm (cpu, insn->a));
  else
    soft_store32 (cpu, insn, insn->seg, soft_ea (cpu, insn), (uint32_t)soft_mm (cpu, insn->a));
  soft_mmx_enter (cpu);
}

static void
op_movq_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  soft_mmx_enter (cpu);
  soft_set_mm (cpu, insn->a, soft_mm (cpu, insn->b));
}

static void
op_movq_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value;

  soft_mmx_begin (cpu, insn);
  value = soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn));
  soft_mmx_enter (cpu);
  soft_set_mm (cpu, insn->a, value);
}

static void
op_movq_store_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  soft_mmx_enter (cpu);
  soft_set_mm (cpu, insn->b, soft_mm (cpu, insn->a));
}

static void
op_movq_store_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  soft_store64 (cpu, insn, insn->seg, soft_ea (cpu, insn), soft_mm (cpu, insn->a));
  soft_mmx_enter (cpu);
}

static void
op_emms (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  cpu->ftw = 0;
  cpu->fsw &= (uint16_t)~FSW_TOP;
}

static void
op_maskmovq (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value, mask, linear;
  uint64_t ea = insn->address == 8   ? cpu->reg[CPU_RDI]
                : insn->address == 4 ? (uint32_t)cpu->reg[CPU_RDI]
                                     : (uint16_t)cpu->reg[CPU_RDI];

  soft_mmx_begin (cpu, insn);
  value = soft_mm (cpu, insn->a);
  mask = soft_mm (cpu, insn->b);
  linear = soft_linear (cpu, insn, insn->seg, ea, 8, TRUE);
  soft_probe_write (cpu, insn, linear, 8); /* whatever the mask, as the SDM allows */
  for (unsigned i = 0; i < 8; i++)
    if ((mask >> (8 * i) & 0x80) != 0)
      soft_write8 (cpu, insn, (linear + i) & cpu->linear_mask, (uint8_t)(value >> (8 * i)));
  soft_mmx_enter (cpu);
}

/* -- With an immediate, and to general registers --------------------------------------------------- */

static inline void
pshufw (SoftCpu *cpu, const SoftInsn *insn, uint64_t source)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < 4; i++)
    value |= (source >> (16 * (insn->imm >> (2 * i) & 3)) & 0xffff) << (16 * i);
  soft_mmx_enter (cpu);
  soft_set_mm (cpu, insn->a, value);
}

static void
op_pshufw_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  pshufw (cpu, insn, soft_mm (cpu, insn->b));
}

static void
op_pshufw_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  pshufw (cpu, insn, soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn)));
}

static inline void
palignr (SoftCpu *cpu, const SoftInsn *insn, uint64_t source)
{
  uint64_t value = soft_mm (cpu, insn->a);
  unsigned shift = 8 * (unsigned)(insn->imm & 0xff);

  if (shift == 0)
    value = source;
  else if (shift < 64)
    value = source >> shift | value << (64 - shift);
  else
    value = shift < 128 ? value >> (shift - 64) : 0;
  soft_mmx_enter (cpu);
  soft_set_mm (cpu, insn->a, value);
}

static void
op_palignr_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  palignr (cpu, insn, soft_mm (cpu, insn->b));
}

static void
op_palignr_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  palignr (cpu, insn, soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn)));
}

static inline void
pinsrw (SoftCpu *cpu, const SoftInsn *insn, uint16_t source)
{
  unsigned shift = 16 * (insn->imm & 3);
  uint64_t value = soft_mm (cpu, insn->a);

  soft_mmx_enter (cpu);
  soft_set_mm (cpu, insn->a, (value & ~((uint64_t)0xffff << shift)) | (uint64_t)source << shift);
}

static void
op_pinsrw_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  pinsrw (cpu, insn, (uint16_t)cpu->reg[insn->b]);
}

static void
op_pinsrw_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  pinsrw (cpu, insn, soft_load16 (cpu, insn, insn->seg, soft_ea (cpu, insn)));
}

static void
op_pextrw (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  soft_mmx_enter (cpu);
  cpu->reg[insn->a] = soft_mm (cpu, insn->b) >> (16 * (insn->imm & 3)) & 0xffff;
}

static void
op_pmovmskb (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_begin (cpu, insn);
  soft_mmx_enter (cpu);
  cpu->reg[insn->a] = (uint32_t)_mm_movemask_epi8 (_mm_cvtsi64_si128 ((long long)soft_mm (cpu, insn->b)));
}

#define ROW(name, opcode)    SSE_BOTH (1, SSE_NP, opcode, name),
#define ROW_38(name, opcode) SSE_BOTH (2, SSE_NP, opcode, name),
#define ROW_SHIFT(opcode, digit, name)                        \
  {                                                           \
    1, SSE_NP, opcode, digit, op_##name##_imm, NULL, SSE_IMM8 \
  }

const SoftSseEntry soft_mmx_table[] = {
  MMX_LIST (ROW) MMX_LOW_LIST (ROW) SSSE3_LIST (ROW_38) ROW_SHIFT (0x71, 2, psrlw),
  ROW_SHIFT (0x71, 4, psraw),
  ROW_SHIFT (0x71, 6, psllw),
  ROW_SHIFT (0x72, 2, psrld),
  ROW_SHIFT (0x72, 4, psrad),
  ROW_SHIFT (0x72, 6, pslld),
  ROW_SHIFT (0x73, 2, psrlq),
  ROW_SHIFT (0x73, 6, psllq),
  SSE_BOTH (1, SSE_NP, 0x6e, movd),
  SSE_BOTH (1, SSE_NP, 0x7e, movd_store),
  SSE_BOTH (1, SSE_NP, 0x6f, movq),
  SSE_BOTH (1, SSE_NP, 0x7f, movq_store),
  SSE_MEM (1, SSE_NP, 0xe7, movq_store_mem),
  SSE_REG (1, SSE_NP, 0xf7, maskmovq),
  SSE_REG (1, SSE_NP, 0xd7, pmovmskb),
  SSE_BOTH_IMM (1, SSE_NP, 0x70, pshufw),
  SSE_BOTH_IMM (1, SSE_NP, 0xc4, pinsrw),
  { 1, SSE_NP, 0xc5, -1, op_pextrw, NULL, SSE_IMM8 },
  SSE_BOTH_IMM (3, SSE_NP, 0x0f, palignr),
  { 1, SSE_NP, 0x77, -1, op_emms, op_emms, 0 }, /* no ModRM: see the decoder */
  { 0 },
};
