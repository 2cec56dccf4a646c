/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Moves, the stack, near branches: what most code is made of.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/exec.h"

#define T8               uint8_t
#define T16              uint16_t
#define T32              uint32_t
#define T64              uint64_t
#define SET8(cpu, n, v)  (SOFT_R8 (cpu, n) = (uint8_t)(v))
#define SET16(cpu, n, v) (SOFT_R16 (cpu, n) = (uint16_t)(v))
#define SET32(cpu, n, v) (SOFT_R64 (cpu, n) = (uint32_t)(v))
#define SET64(cpu, n, v) (SOFT_R64 (cpu, n) = (uint64_t)(v))
#define HANDLER(name)    static void name (SoftCpu *cpu, const SoftInsn *insn)

/* -- MOV ------------------------------------------------------------------------------------------------------ */

#define DEFINE_MOV(bits)                                   \
  HANDLER (mov_rr_##bits)                                  \
  {                                                        \
    SET##bits (cpu, insn->a, SOFT_R##bits (cpu, insn->b)); \
    SOFT_NEXT (cpu, insn);                                 \
  }                                                        \
  HANDLER (mov_ri_##bits)                                  \
  {                                                        \
    SET##bits (cpu, insn->a, insn->imm);                   \
    SOFT_NEXT (cpu, insn);                                 \
  }                                                        \
  HANDLER (xchg_rr_##bits)                                 \
  {                                                        \
    T##bits value = SOFT_R##bits (cpu, insn->a);           \
    SET##bits (cpu, insn->a, SOFT_R##bits (cpu, insn->b)); \
    SET##bits (cpu, insn->b, value);                       \
    SOFT_NEXT (cpu, insn);                                 \
  }
DEFINE_MOV (8)
DEFINE_MOV (16)
DEFINE_MOV (32)
DEFINE_MOV (64)

#define DEFINE_MOV_MEMORY_ANY(bits, v)                                                                      \
  HANDLER (mov_rm_##bits##_##v)                                                                             \
  {                                                                                                         \
    SET##bits (cpu, insn->a, soft_read##bits (cpu, insn, SOFT_LINEAR_##v (cpu, insn, bits / 8, FALSE)));    \
    SOFT_NEXT (cpu, insn);                                                                                  \
  }                                                                                                         \
  HANDLER (mov_mr_##bits##_##v)                                                                             \
  {                                                                                                         \
    soft_write##bits (cpu, insn, SOFT_LINEAR_##v (cpu, insn, bits / 8, TRUE), SOFT_R##bits (cpu, insn->b)); \
    SOFT_NEXT (cpu, insn);                                                                                  \
  }                                                                                                         \
  HANDLER (mov_mi_##bits##_##v)                                                                             \
  {                                                                                                         \
    soft_write##bits (cpu, insn, SOFT_LINEAR_##v (cpu, insn, bits / 8, TRUE), (T##bits)insn->imm);          \
    SOFT_NEXT (cpu, insn);                                                                                  \
  }
#define DEFINE_MOV_MEMORY(bits, v)                                               \
  HANDLER (mov_rm_##bits##_##v)                                                  \
  {                                                                              \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, FALSE);              \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                    \
    if (G_UNLIKELY (entry->read != ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))  \
      return mov_rm_##bits##_4 (cpu, insn);                                      \
    SET##bits (cpu, insn->a, *(const T##bits *)(entry->addend + linear));        \
    SOFT_NEXT (cpu, insn);                                                       \
  }                                                                              \
  HANDLER (mov_mr_##bits##_##v)                                                  \
  {                                                                              \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, TRUE);               \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                    \
    if (G_UNLIKELY (entry->write != ((linear + bits / 8 - 1) & SOFT_PAGE_MASK))) \
      return mov_mr_##bits##_4 (cpu, insn);                                      \
    *(T##bits *)(entry->addend + linear) = SOFT_R##bits (cpu, insn->b);          \
    SOFT_NEXT (cpu, insn);                                                       \
  }                                                                              \
  HANDLER (mov_mi_##bits##_##v)                                                  \
  {                                                                              \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, TRUE);               \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                    \
    if (G_UNLIKELY (entry->write != ((linear + bits / 8 - 1) & SOFT_PAGE_MASK))) \
      return mov_mi_##bits##_4 (cpu, insn);                                      \
    *(T##bits *)(entry->addend + linear) = (T##bits)insn->imm;                   \
    SOFT_NEXT (cpu, insn);                                                       \
  }
#define ALL_EA(M, ...) \
  M##_ANY (__VA_ARGS__, 4) M (__VA_ARGS__, 0) M (__VA_ARGS__, 1) M (__VA_ARGS__, 2) M (__VA_ARGS__, 3)
ALL_EA (DEFINE_MOV_MEMORY, 8)
ALL_EA (DEFINE_MOV_MEMORY, 16)
ALL_EA (DEFINE_MOV_MEMORY, 32)
ALL_EA (DEFINE_MOV_MEMORY, 64)

#define ROW(p)                    \
  {                               \
    p##_8, p##_16, p##_32, p##_64 \
  }
#define EAS(p)                        \
  {                                   \
    p##_0, p##_1, p##_2, p##_3, p##_4 \
  }
#define MATRIX(p)                                         \
  {                                                       \
    EAS (p##_8), EAS (p##_16), EAS (p##_32), EAS (p##_64) \
  }
const SoftHandler soft_mov_rr[4] = ROW (mov_rr);
const SoftHandler soft_mov_ri[4] = ROW (mov_ri);
const SoftHandler soft_xchg_rr[4] = ROW (xchg_rr);
const SoftHandler soft_mov_rm[4][SOFT_N_EA] = MATRIX (mov_rm);
const SoftHandler soft_mov_mr[4][SOFT_N_EA] = MATRIX (mov_mr);
const SoftHandler soft_mov_mi[4][SOFT_N_EA] = MATRIX (mov_mi);

/* -- MOVZX, MOVSX, MOVSXD ------------------------------------------------------------------------------------- */

#define DEFINE_MOVX(sign, S, from, bits)                      \
  HANDLER (mov##sign##_rr_##from##_##bits)                    \
  {                                                           \
    SET##bits (cpu, insn->a, (S)SOFT_R##from (cpu, insn->b)); \
    SOFT_NEXT (cpu, insn);                                    \
  }                                                           \
  ALL_EA (DEFINE_MOVX_MEMORY, sign, S, from, bits)
#define DEFINE_MOVX_MEMORY_ANY(sign, S, from, bits, v)                                                      \
  HANDLER (mov##sign##_rm_##from##_##bits##_##v)                                                            \
  {                                                                                                         \
    SET##bits (cpu, insn->a, (S)soft_read##from (cpu, insn, SOFT_LINEAR_##v (cpu, insn, from / 8, FALSE))); \
    SOFT_NEXT (cpu, insn);                                                                                  \
  }
#define DEFINE_MOVX_MEMORY(sign, S, from, bits, v)                              \
  HANDLER (mov##sign##_rm_##from##_##bits##_##v)                                \
  {                                                                             \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, from / 8, FALSE);             \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                   \
    if (G_UNLIKELY (entry->read != ((linear + from / 8 - 1) & SOFT_PAGE_MASK))) \
      return mov##sign##_rm_##from##_##bits##_4 (cpu, insn);                    \
    SET##bits (cpu, insn->a, (S) * (const T##from *)(entry->addend + linear));  \
    SOFT_NEXT (cpu, insn);                                                      \
  }
DEFINE_MOVX (zx, uint8_t, 8, 16)
DEFINE_MOVX (zx, uint8_t, 8, 32)
DEFINE_MOVX (zx, uint8_t, 8, 64)
DEFINE_MOVX (zx, uint16_t, 16, 16)
DEFINE_MOVX (zx, uint16_t, 16, 32)
DEFINE_MOVX (zx, uint16_t, 16, 64)
DEFINE_MOVX (sx, int8_t, 8, 16)
DEFINE_MOVX (sx, int8_t, 8, 32)
DEFINE_MOVX (sx, int8_t, 8, 64)
DEFINE_MOVX (sx, int16_t, 16, 16)
DEFINE_MOVX (sx, int16_t, 16, 32)
DEFINE_MOVX (sx, int16_t, 16, 64)
DEFINE_MOVX (sx, int32_t, 32, 64)

#define MOVX_ROW(p)              \
  {                              \
    NULL, p##_16, p##_32, p##_64 \
  }
#define MOVX_MATRIX(p)                                 \
  {                                                    \
    { NULL }, EAS (p##_16), EAS (p##_32), EAS (p##_64) \
  }
const SoftHandler soft_movx_rr[2][2][4] = { { MOVX_ROW (movzx_rr_8), MOVX_ROW (movzx_rr_16) },
                                            { MOVX_ROW (movsx_rr_8), MOVX_ROW (movsx_rr_16) } };
const SoftHandler soft_movx_rm[2][2][4][SOFT_N_EA]
    = { { MOVX_MATRIX (movzx_rm_8), MOVX_MATRIX (movzx_rm_16) },
        { MOVX_MATRIX (movsx_rm_8), MOVX_MATRIX (movsx_rm_16) } };
const SoftHandler soft_movsxd_rr = movsx_rr_32_64;
const SoftHandler soft_movsxd_rm[SOFT_N_EA] = EAS (movsx_rm_32_64);

/* -- LEA ---------------------------------------------------------------------------------------------------------- */

HANDLER (lea_64)
{
  cpu->reg[insn->a] = SOFT_LINEAR_0 (cpu, insn, 8, FALSE);
  SOFT_NEXT (cpu, insn);
}

HANDLER (lea_64_index)
{
  cpu->reg[insn->a] = SOFT_LINEAR_1 (cpu, insn, 8, FALSE);
  SOFT_NEXT (cpu, insn);
}

HANDLER (lea_32)
{
  cpu->reg[insn->a] = (uint32_t)SOFT_LINEAR_1 (cpu, insn, 4, FALSE);
  SOFT_NEXT (cpu, insn);
}

HANDLER (lea_any)
{
  soft_set_reg (cpu, insn->a, insn->size, soft_ea (cpu, insn));
  SOFT_NEXT (cpu, insn);
}
const SoftHandler soft_lea[4] = { lea_64, lea_64_index, lea_32, lea_any };

/* -- Conditions ------------------------------------------------------------------------------------------------------ */

#define AF_CF   0x0100u
#define AF_PF   0x0400u
#define AF_ZF   0x4000u
#define C_O(f)  (((f)&1) != 0)
#define C_B(f)  (((f)&AF_CF) != 0)
#define C_Z(f)  (((f)&AF_ZF) != 0)
#define C_BE(f) (((f) & (AF_ZF | AF_CF)) != 0)
#define C_S(f)  ((f) >> 15 != 0)
#define C_P(f)  (((f)&AF_PF) != 0)
#define C_L(f)  (((((f) >> 15) ^ (f)) & 1) != 0)
#define C_LE(f) (C_L (f) || C_Z (f))
/* The formatter never comes to an end with such a list. */
/* clang-format off */
#define ALL_CONDITIONS(M, ...)                                                                          \
  M (0, C_O (cpu->af), __VA_ARGS__) M (1, !C_O (cpu->af), __VA_ARGS__)                                  \
  M (2, C_B (cpu->af), __VA_ARGS__) M (3, !C_B (cpu->af), __VA_ARGS__)                                  \
  M (4, C_Z (cpu->af), __VA_ARGS__) M (5, !C_Z (cpu->af), __VA_ARGS__)                                  \
  M (6, C_BE (cpu->af), __VA_ARGS__) M (7, !C_BE (cpu->af), __VA_ARGS__)                                \
  M (8, C_S (cpu->af), __VA_ARGS__) M (9, !C_S (cpu->af), __VA_ARGS__)                                  \
  M (10, C_P (cpu->af), __VA_ARGS__) M (11, !C_P (cpu->af), __VA_ARGS__)                                \
  M (12, C_L (cpu->af), __VA_ARGS__) M (13, !C_L (cpu->af), __VA_ARGS__)                                \
  M (14, C_LE (cpu->af), __VA_ARGS__) M (15, !C_LE (cpu->af), __VA_ARGS__)
/* clang-format on */

gboolean
soft_condition (const SoftCpu *cpu, unsigned n)
{
  switch (n)
    {
#define CASE(n_, c, unused) \
  case n_:                  \
    return c;
      ALL_CONDITIONS (CASE, )
    default:
      return FALSE;
    }
}

#define DEFINE_JCC(n, condition, unused)                                       \
  HANDLER (jcc_##n)                                                            \
  {                                                                            \
    if (condition)                                                             \
      SOFT_BRANCH (cpu, insn);                                                 \
    SOFT_BRANCH (cpu, insn + 1);                                               \
  }                                                                            \
  HANDLER (setcc_##n)                                                          \
  {                                                                            \
    SOFT_R8 (cpu, insn->b) = (condition);                                      \
    SOFT_NEXT (cpu, insn);                                                     \
  }                                                                            \
  HANDLER (cmov_##n##_16)                                                      \
  {                                                                            \
    if (condition)                                                             \
      SOFT_R16 (cpu, insn->a) = SOFT_R16 (cpu, insn->b);                       \
    SOFT_NEXT (cpu, insn);                                                     \
  }                                                                            \
  HANDLER (cmov_##n##_32)                                                      \
  {                                                                            \
    uint32_t value = SOFT_R32 (cpu, insn->a), other = SOFT_R32 (cpu, insn->b); \
    SOFT_R64 (cpu, insn->a) = (condition) ? other : value;                     \
    SOFT_NEXT (cpu, insn);                                                     \
  }                                                                            \
  HANDLER (cmov_##n##_64)                                                      \
  {                                                                            \
    uint64_t value = SOFT_R64 (cpu, insn->a), other = SOFT_R64 (cpu, insn->b); \
    SOFT_R64 (cpu, insn->a) = (condition) ? other : value;                     \
    SOFT_NEXT (cpu, insn);                                                     \
  }
ALL_CONDITIONS (DEFINE_JCC, )
#define JCC_ENTRY(n, c, unused)   jcc_##n,
#define SETCC_ENTRY(n, c, unused) setcc_##n,
#define CMOV_ENTRY(n, c, unused)  { NULL, cmov_##n##_16, cmov_##n##_32, cmov_##n##_64 },
const SoftHandler soft_jcc[16] = { ALL_CONDITIONS (JCC_ENTRY, ) };
const SoftHandler soft_setcc_r[16] = { ALL_CONDITIONS (SETCC_ENTRY, ) };
const SoftHandler soft_cmov_r[16][4] = { ALL_CONDITIONS (CMOV_ENTRY, ) };

/* -- Near branches ------------------------------------------------------------------------------------------------------ */

HANDLER (jmp)
{
  SOFT_BRANCH (cpu, insn);
}
const SoftHandler soft_jmp = jmp;

/* The end of a block that goes on with the next instruction. */
HANDLER (goto_next)
{
  SOFT_BRANCH (cpu, insn);
}
const SoftHandler soft_goto = goto_next;

HANDLER (nop)
{
  SOFT_NEXT (cpu, insn);
}
const SoftHandler soft_nop = nop;

/* The rest of this block was overwritten: decode it again. */
HANDLER (stale)
{
  soft_give_back (cpu, insn, 0);
  cpu->reg[SOFT_REG_RIP] += insn->offset;
  cpu->block = NULL;
  SOFT_EXIT (cpu);
}
const SoftHandler soft_stale = stale;

void
soft_op_call (SoftCpu *cpu, const SoftInsn *insn)
{
  cpu->insn = insn;
  insn->call (cpu, insn);
  SOFT_NEXT (cpu, insn);
}

void
soft_op_call_end (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t before = cpu->reg[SOFT_REG_RIP];

  cpu->insn = insn;
  insn->call (cpu, insn);
  if (!cpu->rip_set)
    cpu->reg[SOFT_REG_RIP] = (before + insn->offset + insn->length) & cpu->rip_mask;
  cpu->rip_set = FALSE;
  cpu->block = NULL;
  /* Serializing instructions are among them: stores have to be seen by other processors. */
  if (cpu->beside)
    soft_fence ();
  SOFT_EXIT (cpu);
}

/* -- Stacks without segment limits: 64-bit mode, and a flat 32-bit segment ------------------------------------- */

/* The fast way is a leaf function; the slow one stands apart so that it stays one. */
#define DEFINE_PUSH(name, bits, T, value)                                    \
  __attribute__ ((noinline)) HANDLER (name##_slow)                           \
  {                                                                          \
    T sp = (T)cpu->reg[CPU_RSP] - bits / 8;                                  \
    soft_write##bits (cpu, insn, sp, (T)(value));                            \
    cpu->reg[CPU_RSP] = sp;                                                  \
    SOFT_NEXT (cpu, insn);                                                   \
  }                                                                          \
  HANDLER (name)                                                             \
  {                                                                          \
    uint64_t sp = (T)(cpu->reg[CPU_RSP] - bits / 8);                         \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, sp);                    \
    if (G_UNLIKELY (entry->write != ((sp + bits / 8 - 1) & SOFT_PAGE_MASK))) \
      return name##_slow (cpu, insn);                                        \
    *(T *)(entry->addend + sp) = (T)(value);                                 \
    cpu->reg[CPU_RSP] = sp;                                                  \
    SOFT_NEXT (cpu, insn);                                                   \
  }
DEFINE_PUSH (push_r_64, 64, uint64_t, cpu->reg[insn->b])
DEFINE_PUSH (push_r_32, 32, uint32_t, cpu->reg[insn->b])
DEFINE_PUSH (push_i_64, 64, uint64_t, insn->imm)
DEFINE_PUSH (push_i_32, 32, uint32_t, insn->imm)

#define DEFINE_POP(name, bits, T)                                           \
  __attribute__ ((noinline)) HANDLER (name##_slow)                          \
  {                                                                         \
    T value = soft_read##bits (cpu, insn, (T)cpu->reg[CPU_RSP]);            \
    cpu->reg[CPU_RSP] = (T)(cpu->reg[CPU_RSP] + bits / 8);                  \
    cpu->reg[insn->b] = value;                                              \
    SOFT_NEXT (cpu, insn);                                                  \
  }                                                                         \
  HANDLER (name)                                                            \
  {                                                                         \
    uint64_t sp = (T)cpu->reg[CPU_RSP];                                     \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, sp);                   \
    if (G_UNLIKELY (entry->read != ((sp + bits / 8 - 1) & SOFT_PAGE_MASK))) \
      return name##_slow (cpu, insn);                                       \
    cpu->reg[CPU_RSP] = (T)(sp + bits / 8);                                 \
    cpu->reg[insn->b] = *(const T *)(entry->addend + sp);                   \
    SOFT_NEXT (cpu, insn);                                                  \
  }
DEFINE_POP (pop_r_64, 64, uint64_t)
DEFINE_POP (pop_r_32, 32, uint32_t)
const SoftHandler soft_push_r[2] = { push_r_64, push_r_32 };
const SoftHandler soft_push_i[2] = { push_i_64, push_i_32 };
const SoftHandler soft_pop_r[2] = { pop_r_64, pop_r_32 };

#define DEFINE_CALL(name, bits, T)                                                               \
  __attribute__ ((noinline)) HANDLER (name##_slow)                                               \
  {                                                                                              \
    T sp = (T)cpu->reg[CPU_RSP] - bits / 8;                                                      \
    uint64_t target = cpu->reg[SOFT_REG_RIP] + insn->imm;                                        \
    if (bits == 32 && (uint32_t)target > cpu->segment[CPU_CS].limit)                             \
      soft_raise_error (cpu, insn, EXC_GP, 0);                                                   \
    if (bits == 64 && (uint64_t)((int64_t)(target << 16) >> 16) != target)                       \
      soft_raise_error (cpu, insn, EXC_GP, 0);                                                   \
    soft_write##bits (cpu, insn, sp, (T)(cpu->reg[SOFT_REG_RIP] + insn->offset + insn->length)); \
    cpu->reg[CPU_RSP] = sp;                                                                      \
    soft_branch_out (cpu, insn);                                                                 \
  }                                                                                              \
  HANDLER (name)                                                                                 \
  {                                                                                              \
    uint64_t sp = (T)(cpu->reg[CPU_RSP] - bits / 8);                                             \
    uint64_t rip = cpu->reg[SOFT_REG_RIP];                                                       \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, sp);                                        \
    if (G_UNLIKELY (entry->write != ((sp + bits / 8 - 1) & SOFT_PAGE_MASK)                       \
                    || rip + insn->imm > cpu->jump_limit))                                       \
      return name##_slow (cpu, insn);                                                            \
    *(T *)(entry->addend + sp) = (T)(rip + insn->offset + insn->length);                         \
    cpu->reg[CPU_RSP] = sp;                                                                      \
    if (insn->chain != NULL)                                                                     \
      SOFT_BRANCH (cpu, insn);                                                                   \
    SOFT_JUMP_TO (cpu, rip + insn->imm);                                                         \
  }
DEFINE_CALL (call_64, 64, uint64_t)
DEFINE_CALL (call_32, 32, uint32_t)
const SoftHandler soft_call[2] = { call_64, call_32 };

HANDLER (ret_64)
{
  uint64_t rip = soft_read64 (cpu, insn, cpu->reg[CPU_RSP]);
  if (G_UNLIKELY ((uint64_t)((int64_t)(rip << 16) >> 16) != rip))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  cpu->reg[CPU_RSP] += 8 + insn->imm;
  SOFT_JUMP_TO (cpu, rip);
}

HANDLER (ret_32)
{
  uint32_t rip = soft_read32 (cpu, insn, (uint32_t)cpu->reg[CPU_RSP]);
  if (G_UNLIKELY (rip > cpu->segment[CPU_CS].limit))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  cpu->reg[CPU_RSP] = (uint32_t)(cpu->reg[CPU_RSP] + 4 + insn->imm);
  SOFT_JUMP_TO (cpu, rip);
}
const SoftHandler soft_ret[2] = { ret_64, ret_32 };

/* Through a register or memory, 64-bit mode. */
HANDLER (jmp_indirect)
{
  uint64_t rip = insn->mem ? soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn)) : cpu->reg[insn->b];
  if (G_UNLIKELY ((uint64_t)((int64_t)(rip << 16) >> 16) != rip))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  SOFT_JUMP_TO (cpu, rip);
}

HANDLER (call_indirect)
{
  uint64_t rip = insn->mem ? soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn)) : cpu->reg[insn->b];
  uint64_t sp = cpu->reg[CPU_RSP] - 8;
  if (G_UNLIKELY ((uint64_t)((int64_t)(rip << 16) >> 16) != rip))
    {
      /* The push faults before the target does. */
      soft_probe_write (cpu, insn, sp, 8);
      soft_raise_error (cpu, insn, EXC_GP, 0);
    }
  soft_write64 (cpu, insn, sp, cpu->reg[SOFT_REG_RIP] + insn->offset + insn->length);
  cpu->reg[CPU_RSP] = sp;
  SOFT_JUMP_TO (cpu, rip);
}
const SoftHandler soft_jmp_indirect = jmp_indirect;
const SoftHandler soft_call_indirect = call_indirect;
