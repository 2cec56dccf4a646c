/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SSE to SSE3: moves between registers and memory.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/sse.h"

/* Whole registers; the destination is ModRM.reg for `load`, ModRM.rm for `store`. */
#define MOVE(name, aligned)                                                                 \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn)                          \
  {                                                                                         \
    soft_sse_check (cpu, insn);                                                             \
    soft_set_xmm (cpu, insn->a, soft_mem128 (cpu, insn, aligned));                          \
  }                                                                                         \
  static void op_##name##_store_mem (SoftCpu *cpu, const SoftInsn *insn)                    \
  {                                                                                         \
    soft_sse_check (cpu, insn);                                                             \
    soft_store128 (cpu, insn, insn->seg, soft_ea (cpu, insn), &cpu->xmm[insn->a], aligned); \
  }
MOVE (mova, TRUE)
MOVE (movu, FALSE)

static void
op_mov_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_xmm (cpu, insn->a, soft_xmm (cpu, insn->b));
}

static void
op_mov_store_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_xmm (cpu, insn->b, soft_xmm (cpu, insn->a));
}

/* MOVSS, MOVSD: between registers they merge, from memory they clear the rest. */
static void
op_movss_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->a].u32[0] = cpu->xmm[insn->b].u32[0];
}

static void
op_movss_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_xmm (cpu, insn->a, soft_mem32 (cpu, insn));
}

static void
op_movss_store_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->b].u32[0] = cpu->xmm[insn->a].u32[0];
}

static void
op_movss_store_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_store32 (cpu, insn, insn->seg, soft_ea (cpu, insn), cpu->xmm[insn->a].u32[0]);
}

static void
op_movsd_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->a].u64[0] = cpu->xmm[insn->b].u64[0];
}

/* MOVSD, MOVQ */
static void
op_movsd_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_xmm (cpu, insn->a, soft_mem64 (cpu, insn));
}

static void
op_movsd_store_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->b].u64[0] = cpu->xmm[insn->a].u64[0];
}

/* MOVSD, MOVQ, MOVLPS, MOVLPD */
static void
op_store_low (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_store64 (cpu, insn, insn->seg, soft_ea (cpu, insn), cpu->xmm[insn->a].u64[0]);
}

static void
op_store_high (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_store64 (cpu, insn, insn->seg, soft_ea (cpu, insn), cpu->xmm[insn->a].u64[1]);
}

static void
op_load_low (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->a].u64[0] = soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn));
}

static void
op_load_high (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->a].u64[1] = soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn));
}

static void
op_movhlps (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->a].u64[0] = cpu->xmm[insn->b].u64[1];
}

static void
op_movlhps (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->a].u64[1] = cpu->xmm[insn->b].u64[0];
}

/* MOVQ between registers clears the upper half. */
static void
op_movq_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_xmm (cpu, insn->a, _mm_move_epi64 (soft_xmm (cpu, insn->b)));
}

static void
op_movq_store_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_xmm (cpu, insn->b, _mm_move_epi64 (soft_xmm (cpu, insn->a)));
}

/* MOVD, MOVQ with general registers. */
static void
op_movd_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = cpu->reg[insn->b];

  soft_sse_check (cpu, insn);
  soft_set_xmm (cpu, insn->a, _mm_cvtsi64_si128 ((long long)(insn->size == 8 ? value : (uint32_t)value)));
}

static void
op_movd_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_xmm (cpu, insn->a, insn->size == 8 ? soft_mem64 (cpu, insn) : soft_mem32 (cpu, insn));
}

static void
op_movd_store_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_gpr (cpu, insn, insn->b, cpu->xmm[insn->a].u64[0]);
}

static void
op_movd_store_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  if (insn->size == 8)
    soft_store64 (cpu, insn, insn->seg, soft_ea (cpu, insn), cpu->xmm[insn->a].u64[0]);
  else
    soft_store32 (cpu, insn, insn->seg, soft_ea (cpu, insn), cpu->xmm[insn->a].u32[0]);
}

/* An integer instruction that came with SSE2: no #NM, no CR4.OSFXSR. */
static void
op_movnti (SoftCpu *cpu, const SoftInsn *insn)
{
  if (insn->size == 8)
    soft_store64 (cpu, insn, insn->seg, soft_ea (cpu, insn), cpu->reg[insn->a]);
  else
    soft_store32 (cpu, insn, insn->seg, soft_ea (cpu, insn), (uint32_t)cpu->reg[insn->a]);
}

/* -- SSE3 ------------------------------------------------------------------------------------------ */

static inline void
set_words (SoftCpu *cpu, const SoftInsn *insn, uint32_t a, uint32_t b)
{
  soft_set_xmm (cpu, insn->a, _mm_set_epi32 ((int)b, (int)b, (int)a, (int)a));
}

static void
op_movsldup_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  set_words (cpu, insn, cpu->xmm[insn->b].u32[0], cpu->xmm[insn->b].u32[2]);
}

static void
op_movsldup_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftXmm value;

  soft_sse_check (cpu, insn);
  soft_load128 (cpu, insn, insn->seg, soft_ea (cpu, insn), &value, TRUE);
  set_words (cpu, insn, value.u32[0], value.u32[2]);
}

static void
op_movshdup_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  set_words (cpu, insn, cpu->xmm[insn->b].u32[1], cpu->xmm[insn->b].u32[3]);
}

static void
op_movshdup_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftXmm value;

  soft_sse_check (cpu, insn);
  soft_load128 (cpu, insn, insn->seg, soft_ea (cpu, insn), &value, TRUE);
  set_words (cpu, insn, value.u32[1], value.u32[3]);
}

static void
op_movddup_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_xmm (cpu, insn->a, _mm_set1_epi64x ((long long)cpu->xmm[insn->b].u64[0]));
}

static void
op_movddup_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_xmm (cpu, insn->a,
                _mm_set1_epi64x ((long long)soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn))));
}

/* -- MASKMOVDQU, and MMX to XMM -------------------------------------------------------------------- */

void
soft_do_maskmovdqu (SoftCpu *cpu, const SoftInsn *insn)
{
  const uint8_t *value = cpu->xmm[insn->a].u8, *mask = cpu->xmm[insn->b].u8;
  uint64_t ea = insn->address == 8   ? cpu->reg[CPU_RDI]
                : insn->address == 4 ? (uint32_t)cpu->reg[CPU_RDI]
                                     : (uint16_t)cpu->reg[CPU_RDI];
  uint64_t linear;

  /* Both halves, whatever the mask, as the manuals allow; the first one's page before the second one's segment. */
  linear = soft_linear (cpu, insn, insn->seg, ea, 8, TRUE);
  soft_probe_write (cpu, insn, linear, 8);
  soft_probe_write (cpu, insn, soft_linear (cpu, insn, insn->seg, ea + 8, 8, TRUE), 8);
  for (unsigned i = 0; i < 16; i++)
    if ((mask[i] & 0x80) != 0)
      soft_write8 (cpu, insn, (linear + i) & cpu->linear_mask, value[i]);
}

static void
op_maskmovdqu (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_do_maskmovdqu (cpu, insn);
}

static void
op_movq2dq (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_mmx_begin (cpu, insn);
  soft_set_xmm (cpu, insn->a, _mm_cvtsi64_si128 ((long long)soft_mm (cpu, insn->b)));
  soft_mmx_enter (cpu);
}

static void
op_movdq2q (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_mmx_begin (cpu, insn);
  soft_mmx_enter (cpu);
  soft_set_mm (cpu, insn->a, cpu->xmm[insn->b].u64[0]);
}

#define LOAD(map, prefix, opcode, kind)                                       \
  { map, prefix, opcode, -1, op_mov_reg, op_##kind##_mem, 0 },                \
  {                                                                           \
    map, prefix, (opcode) + 1, -1, op_mov_store_reg, op_##kind##_store_mem, 0 \
  }

const SoftSseEntry soft_sse_move_table[] = {
  LOAD (1, SSE_NP, 0x10, movu),
  LOAD (1, SSE_66, 0x10, movu),
  LOAD (1, SSE_NP, 0x28, mova),
  LOAD (1, SSE_66, 0x28, mova),
  { 1, SSE_66, 0x6f, -1, op_mov_reg, op_mova_mem, 0 },
  { 1, SSE_66, 0x7f, -1, op_mov_store_reg, op_mova_store_mem, 0 },
  { 1, SSE_F3, 0x6f, -1, op_mov_reg, op_movu_mem, 0 },
  { 1, SSE_F3, 0x7f, -1, op_mov_store_reg, op_movu_store_mem, 0 },
  SSE_MEM (1, SSE_NP, 0x2b, mova_store_mem),
  SSE_MEM (1, SSE_66, 0x2b, mova_store_mem),
  SSE_MEM (1, SSE_66, 0xe7, mova_store_mem),
  SSE_MEM (1, SSE_F2, 0xf0, movu_mem),
  SSE_MEM (2, SSE_66, 0x2a, mova_mem),
  SSE_BOTH (1, SSE_F3, 0x10, movss),
  SSE_BOTH (1, SSE_F3, 0x11, movss_store),
  SSE_BOTH (1, SSE_F2, 0x10, movsd),
  { 1, SSE_F2, 0x11, -1, op_movsd_store_reg, op_store_low, 0 },
  { 1, SSE_NP, 0x12, -1, op_movhlps, op_load_low, 0 },
  { 1, SSE_NP, 0x16, -1, op_movlhps, op_load_high, 0 },
  SSE_MEM (1, SSE_66, 0x12, load_low),
  SSE_MEM (1, SSE_66, 0x16, load_high),
  SSE_MEM (1, SSE_NP, 0x13, store_low),
  SSE_MEM (1, SSE_66, 0x13, store_low),
  SSE_MEM (1, SSE_NP, 0x17, store_high),
  SSE_MEM (1, SSE_66, 0x17, store_high),
  SSE_BOTH (1, SSE_F3, 0x12, movsldup),
  SSE_BOTH (1, SSE_F3, 0x16, movshdup),
  SSE_BOTH (1, SSE_F2, 0x12, movddup),
  SSE_BOTH (1, SSE_66, 0x6e, movd),
  SSE_BOTH (1, SSE_66, 0x7e, movd_store),
  { 1, SSE_F3, 0x7e, -1, op_movq_reg, op_movsd_mem, 0 },
  { 1, SSE_66, 0xd6, -1, op_movq_store_reg, op_store_low, 0 },
  SSE_REG (1, SSE_F3, 0xd6, movq2dq),
  SSE_REG (1, SSE_F2, 0xd6, movdq2q),
  SSE_REG (1, SSE_66, 0xf7, maskmovdqu),
  SSE_MEM (1, SSE_NP, 0xc3, movnti),
  { 0 },
};
