/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Arithmetic and logic.  The host's own instruction computes result and flags; LAHF and SETO keep the flags, which is
 * cheaper than to note operands for later, and right for the undefined ones too.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/exec.h"

/* -- One operation on host registers ----------------------------------------------------------------------- */

#define KEEP "\n\tlahf\n\tseto %%al"

#define DEFINE_PLAIN(op, T, bits, sfx)                                       \
  static inline T op##bits (T dst, T src, uint16_t *af)                      \
  {                                                                          \
    uint32_t a;                                                              \
    __asm__(#op sfx " %2, %0" KEEP : "+q"(dst), "=&a"(a) : "q"(src) : "cc"); \
    *af = (uint16_t)a;                                                       \
    return dst;                                                              \
  }
/* CF comes in. */
#define DEFINE_CARRY(op, T, bits, sfx)                                                        \
  static inline T op##bits (T dst, T src, uint16_t *af)                                       \
  {                                                                                           \
    uint32_t a = *af;                                                                         \
    __asm__("btl $8, %1\n\t" #op sfx " %2, %0" KEEP : "+q"(dst), "+&a"(a) : "q"(src) : "cc"); \
    *af = (uint16_t)a;                                                                        \
    return dst;                                                                               \
  }
#define DEFINE_UNARY_CARRY(op, T, bits, sfx)                                     \
  static inline T op##bits (T dst, uint16_t *af)                                 \
  {                                                                              \
    uint32_t a = *af;                                                            \
    __asm__("btl $8, %1\n\t" #op sfx " %0" KEEP : "+q"(dst), "+&a"(a) : : "cc"); \
    *af = (uint16_t)a;                                                           \
    return dst;                                                                  \
  }
/* All flags come in: a count of zero changes none. */
#define DEFINE_SHIFT(op, T, bits, sfx)                             \
  static inline T op##bits (T dst, uint8_t count, uint16_t *af)    \
  {                                                                \
    uint32_t a = *af;                                              \
    __asm__("addb $127, %%al\n\tsahf\n\t" #op sfx " %%cl, %0" KEEP \
            : "+q"(dst), "+&a"(a)                                  \
            : "c"(count)                                           \
            : "cc");                                               \
    *af = (uint16_t)a;                                             \
    return dst;                                                    \
  }
#define DEFINE_CMP(op, T, bits, sfx)                                        \
  static inline void op##bits##_flags (T dst, T src, uint16_t *af)          \
  {                                                                         \
    uint32_t a;                                                             \
    __asm__(#op sfx " %2, %1" KEEP : "=&a"(a) : "q"(dst), "q"(src) : "cc"); \
    *af = (uint16_t)a;                                                      \
  }

#define SIZES(M, op) \
  M (op, uint8_t, 8, "b") M (op, uint16_t, 16, "w") M (op, uint32_t, 32, "l") M (op, uint64_t, 64, "q")

SIZES (DEFINE_PLAIN, add)
SIZES (DEFINE_PLAIN, or)
SIZES (DEFINE_CARRY, adc)
SIZES (DEFINE_CARRY, sbb)
SIZES (DEFINE_PLAIN, and)
SIZES (DEFINE_PLAIN, sub)
SIZES (DEFINE_PLAIN, xor)
SIZES (DEFINE_CMP, cmp)
SIZES (DEFINE_CMP, test)
SIZES (DEFINE_UNARY_CARRY, inc)
SIZES (DEFINE_UNARY_CARRY, dec)
SIZES (DEFINE_SHIFT, rol)
SIZES (DEFINE_SHIFT, ror)
SIZES (DEFINE_SHIFT, rcl)
SIZES (DEFINE_SHIFT, rcr)
SIZES (DEFINE_SHIFT, shl)
SIZES (DEFINE_SHIFT, shr)
SIZES (DEFINE_SHIFT, sar)

/* -- Handlers -------------------------------------------------------------------------------------------------- */

#define T8  uint8_t
#define T16 uint16_t
#define T32 uint32_t
#define T64 uint64_t

/* A 32-bit result clears the upper half. */
#define SET8(cpu, n, v)  (SOFT_R8 (cpu, n) = (v))
#define SET16(cpu, n, v) (SOFT_R16 (cpu, n) = (v))
#define SET32(cpu, n, v) (SOFT_R64 (cpu, n) = (uint32_t)(v))
#define SET64(cpu, n, v) (SOFT_R64 (cpu, n) = (v))

/* TEST has no form with memory as the second operand. */
#define HANDLER(name) G_GNUC_UNUSED static void name (SoftCpu *cpu, const SoftInsn *insn)

#define DEFINE_RR(op, bits)                                                                                  \
  HANDLER (op##_rr_##bits)                                                                                   \
  {                                                                                                          \
    SET##bits (cpu, insn->a, op##bits (SOFT_R##bits (cpu, insn->a), SOFT_R##bits (cpu, insn->b), &cpu->af)); \
    SOFT_NEXT (cpu, insn);                                                                                   \
  }                                                                                                          \
  HANDLER (op##_ri_##bits)                                                                                   \
  {                                                                                                          \
    SET##bits (cpu, insn->a, op##bits (SOFT_R##bits (cpu, insn->a), (T##bits)insn->imm, &cpu->af));          \
    SOFT_NEXT (cpu, insn);                                                                                   \
  }
#define DEFINE_MEMORY_ANY(op, bits, v)                                                       \
  HANDLER (op##_rm_##bits##_##v)                                                             \
  {                                                                                          \
    T##bits src = soft_read##bits (cpu, insn, SOFT_LINEAR_##v (cpu, insn, bits / 8, FALSE)); \
    SET##bits (cpu, insn->a, op##bits (SOFT_R##bits (cpu, insn->a), src, &cpu->af));         \
    SOFT_NEXT (cpu, insn);                                                                   \
  }                                                                                          \
  HANDLER (op##_mr_##bits##_##v)                                                             \
  {                                                                                          \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, TRUE);                           \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                                \
    if (G_LIKELY (entry->write == ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))               \
      {                                                                                      \
        T##bits *p = (T##bits *)(entry->addend + linear);                                    \
        *p = op##bits (*p, SOFT_R##bits (cpu, insn->b), &cpu->af);                           \
      }                                                                                      \
    else                                                                                     \
      {                                                                                      \
        soft_probe_write (cpu, insn, linear, bits / 8);                                      \
        T##bits value = soft_read##bits (cpu, insn, linear);                                 \
        uint16_t af = cpu->af;                                                               \
        value = op##bits (value, SOFT_R##bits (cpu, insn->b), &af);                          \
        soft_write##bits (cpu, insn, linear, value);                                         \
        cpu->af = af;                                                                        \
      }                                                                                      \
    SOFT_NEXT (cpu, insn);                                                                   \
  }                                                                                          \
  HANDLER (op##_mi_##bits##_##v)                                                             \
  {                                                                                          \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, TRUE);                           \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                                \
    if (G_LIKELY (entry->write == ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))               \
      {                                                                                      \
        T##bits *p = (T##bits *)(entry->addend + linear);                                    \
        *p = op##bits (*p, (T##bits)insn->imm, &cpu->af);                                    \
      }                                                                                      \
    else                                                                                     \
      {                                                                                      \
        soft_probe_write (cpu, insn, linear, bits / 8);                                      \
        T##bits value = soft_read##bits (cpu, insn, linear);                                 \
        uint16_t af = cpu->af;                                                               \
        value = op##bits (value, (T##bits)insn->imm, &af);                                   \
        soft_write##bits (cpu, insn, linear, value);                                         \
        cpu->af = af;                                                                        \
      }                                                                                      \
    SOFT_NEXT (cpu, insn);                                                                   \
  }

/* The common effective addresses; what isn't in the translation buffer goes the general way. */
#define DEFINE_MEMORY(op, bits, v)                                                                     \
  HANDLER (op##_rm_##bits##_##v)                                                                       \
  {                                                                                                    \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, FALSE);                                    \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                                          \
    if (G_UNLIKELY (entry->read != ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))                        \
      return op##_rm_##bits##_4 (cpu, insn);                                                           \
    SET##bits (                                                                                        \
        cpu, insn->a,                                                                                  \
        op##bits (SOFT_R##bits (cpu, insn->a), *(const T##bits *)(entry->addend + linear), &cpu->af)); \
    SOFT_NEXT (cpu, insn);                                                                             \
  }                                                                                                    \
  HANDLER (op##_mr_##bits##_##v)                                                                       \
  {                                                                                                    \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, TRUE);                                     \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                                          \
    T##bits *p = (T##bits *)(entry->addend + linear);                                                  \
    if (G_UNLIKELY (entry->write != ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))                       \
      return op##_mr_##bits##_4 (cpu, insn);                                                           \
    *p = op##bits (*p, SOFT_R##bits (cpu, insn->b), &cpu->af);                                         \
    SOFT_NEXT (cpu, insn);                                                                             \
  }                                                                                                    \
  HANDLER (op##_mi_##bits##_##v)                                                                       \
  {                                                                                                    \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, TRUE);                                     \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                                          \
    T##bits *p = (T##bits *)(entry->addend + linear);                                                  \
    if (G_UNLIKELY (entry->write != ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))                       \
      return op##_mi_##bits##_4 (cpu, insn);                                                           \
    *p = op##bits (*p, (T##bits)insn->imm, &cpu->af);                                                  \
    SOFT_NEXT (cpu, insn);                                                                             \
  }

/* CMP and TEST write flags only. */
#define DEFINE_COMPARE_RR(op, bits)                                                        \
  HANDLER (op##_rr_##bits)                                                                 \
  {                                                                                        \
    op##bits##_flags (SOFT_R##bits (cpu, insn->a), SOFT_R##bits (cpu, insn->b), &cpu->af); \
    SOFT_NEXT (cpu, insn);                                                                 \
  }                                                                                        \
  HANDLER (op##_ri_##bits)                                                                 \
  {                                                                                        \
    op##bits##_flags (SOFT_R##bits (cpu, insn->a), (T##bits)insn->imm, &cpu->af);          \
    SOFT_NEXT (cpu, insn);                                                                 \
  }
#define DEFINE_COMPARE_MEMORY_ANY(op, bits, v)                                               \
  HANDLER (op##_rm_##bits##_##v)                                                             \
  {                                                                                          \
    T##bits src = soft_read##bits (cpu, insn, SOFT_LINEAR_##v (cpu, insn, bits / 8, FALSE)); \
    op##bits##_flags (SOFT_R##bits (cpu, insn->a), src, &cpu->af);                           \
    SOFT_NEXT (cpu, insn);                                                                   \
  }                                                                                          \
  HANDLER (op##_mr_##bits##_##v)                                                             \
  {                                                                                          \
    T##bits dst = soft_read##bits (cpu, insn, SOFT_LINEAR_##v (cpu, insn, bits / 8, FALSE)); \
    op##bits##_flags (dst, SOFT_R##bits (cpu, insn->b), &cpu->af);                           \
    SOFT_NEXT (cpu, insn);                                                                   \
  }                                                                                          \
  HANDLER (op##_mi_##bits##_##v)                                                             \
  {                                                                                          \
    T##bits dst = soft_read##bits (cpu, insn, SOFT_LINEAR_##v (cpu, insn, bits / 8, FALSE)); \
    op##bits##_flags (dst, (T##bits)insn->imm, &cpu->af);                                    \
    SOFT_NEXT (cpu, insn);                                                                   \
  }

#define DEFINE_COMPARE_MEMORY(op, bits, v)                                                                \
  HANDLER (op##_rm_##bits##_##v)                                                                          \
  {                                                                                                       \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, FALSE);                                       \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                                             \
    if (G_UNLIKELY (entry->read != ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))                           \
      return op##_rm_##bits##_4 (cpu, insn);                                                              \
    op##bits##_flags (SOFT_R##bits (cpu, insn->a), *(const T##bits *)(entry->addend + linear), &cpu->af); \
    SOFT_NEXT (cpu, insn);                                                                                \
  }                                                                                                       \
  HANDLER (op##_mr_##bits##_##v)                                                                          \
  {                                                                                                       \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, FALSE);                                       \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                                             \
    if (G_UNLIKELY (entry->read != ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))                           \
      return op##_mr_##bits##_4 (cpu, insn);                                                              \
    op##bits##_flags (*(const T##bits *)(entry->addend + linear), SOFT_R##bits (cpu, insn->b), &cpu->af); \
    SOFT_NEXT (cpu, insn);                                                                                \
  }                                                                                                       \
  HANDLER (op##_mi_##bits##_##v)                                                                          \
  {                                                                                                       \
    uint64_t linear = SOFT_LINEAR_##v (cpu, insn, bits / 8, FALSE);                                       \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                                             \
    if (G_UNLIKELY (entry->read != ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))                           \
      return op##_mi_##bits##_4 (cpu, insn);                                                              \
    op##bits##_flags (*(const T##bits *)(entry->addend + linear), (T##bits)insn->imm, &cpu->af);          \
    SOFT_NEXT (cpu, insn);                                                                                \
  }

#define ALL_BITS(M, op)    M (op, 8) M (op, 16) M (op, 32) M (op, 64)
#define ALL_EA(M, op, b)   M##_ANY (op, b, 4) M (op, b, 0) M (op, b, 1) M (op, b, 2) M (op, b, 3)
#define ALL_MEMORY(op, b)  ALL_EA (DEFINE_MEMORY, op, b)
#define ALL_COMPARE(op, b) ALL_EA (DEFINE_COMPARE_MEMORY, op, b)
#define DEFINE_OPERATION(op) \
  ALL_BITS (DEFINE_RR, op)   \
  ALL_MEMORY (op, 8) ALL_MEMORY (op, 16) ALL_MEMORY (op, 32) ALL_MEMORY (op, 64)
#define DEFINE_COMPARISON(op)      \
  ALL_BITS (DEFINE_COMPARE_RR, op) \
  ALL_COMPARE (op, 8) ALL_COMPARE (op, 16) ALL_COMPARE (op, 32) ALL_COMPARE (op, 64)

DEFINE_OPERATION (add)
DEFINE_OPERATION (or)
DEFINE_OPERATION (adc)
DEFINE_OPERATION (sbb)
DEFINE_OPERATION (and)
DEFINE_OPERATION (sub)
DEFINE_OPERATION (xor)
DEFINE_COMPARISON (cmp)
DEFINE_COMPARISON (test)

#define ROW(op, form)                                                     \
  {                                                                       \
    op##_##form##_8, op##_##form##_16, op##_##form##_32, op##_##form##_64 \
  }
#define EAS(op, form, bits)                                                                                 \
  {                                                                                                         \
    op##_##form##_##bits##_0, op##_##form##_##bits##_1, op##_##form##_##bits##_2, op##_##form##_##bits##_3, \
        op##_##form##_##bits##_4                                                                            \
  }
#define MATRIX(op, form)                                                          \
  {                                                                               \
    EAS (op, form, 8), EAS (op, form, 16), EAS (op, form, 32), EAS (op, form, 64) \
  }
#define TABLE(X, form)                                                                                      \
  {                                                                                                         \
    X (add, form), X (or, form), X (adc, form), X (sbb, form), X (and, form), X (sub, form), X (xor, form), \
        X (cmp, form)                                                                                       \
  }

const SoftHandler soft_alu_rr[8][4] = TABLE (ROW, rr);
const SoftHandler soft_alu_ri[8][4] = TABLE (ROW, ri);
const SoftHandler soft_alu_rm[8][4][SOFT_N_EA] = TABLE (MATRIX, rm);
const SoftHandler soft_alu_mr[8][4][SOFT_N_EA] = TABLE (MATRIX, mr);
const SoftHandler soft_alu_mi[8][4][SOFT_N_EA] = TABLE (MATRIX, mi);
const SoftHandler soft_test_rr[4] = ROW (test, rr);
const SoftHandler soft_test_ri[4] = ROW (test, ri);
const SoftHandler soft_test_mr[4][SOFT_N_EA] = MATRIX (test, mr);
const SoftHandler soft_test_mi[4][SOFT_N_EA] = MATRIX (test, mi);

/* -- One operand ------------------------------------------------------------------------------------------------- */

#define DEFINE_UNARY(op, bits)                                                  \
  HANDLER (op##_r_##bits)                                                       \
  {                                                                             \
    SET##bits (cpu, insn->b, op##bits (SOFT_R##bits (cpu, insn->b), &cpu->af)); \
    SOFT_NEXT (cpu, insn);                                                      \
  }
ALL_BITS (DEFINE_UNARY, inc)
ALL_BITS (DEFINE_UNARY, dec)
#define DEFINE_NEG(op, bits)                                                        \
  HANDLER (neg_r_##bits)                                                            \
  {                                                                                 \
    SET##bits (cpu, insn->b, sub##bits (0, SOFT_R##bits (cpu, insn->b), &cpu->af)); \
    SOFT_NEXT (cpu, insn);                                                          \
  }                                                                                 \
  HANDLER (not_r_##bits)                                                            \
  {                                                                                 \
    SET##bits (cpu, insn->b, (T##bits) ~SOFT_R##bits (cpu, insn->b));               \
    SOFT_NEXT (cpu, insn);                                                          \
  }
ALL_BITS (DEFINE_NEG, neg)
const SoftHandler soft_inc_r[4] = ROW (inc, r);
const SoftHandler soft_dec_r[4] = ROW (dec, r);
const SoftHandler soft_neg_r[4] = ROW (neg, r);
const SoftHandler soft_not_r[4] = ROW (not, r);

/* -- Shifts and rotates of registers ------------------------------------------------------------------------------- */

#define DEFINE_SHIFT_R(op, bits)                                                                            \
  HANDLER (op##_i_##bits)                                                                                   \
  {                                                                                                         \
    SET##bits (cpu, insn->b, op##bits (SOFT_R##bits (cpu, insn->b), (uint8_t)insn->imm, &cpu->af));         \
    SOFT_NEXT (cpu, insn);                                                                                  \
  }                                                                                                         \
  HANDLER (op##_cl_##bits)                                                                                  \
  {                                                                                                         \
    SET##bits (cpu, insn->b, op##bits (SOFT_R##bits (cpu, insn->b), SOFT_R8 (cpu, CPU_RCX * 8), &cpu->af)); \
    SOFT_NEXT (cpu, insn);                                                                                  \
  }
ALL_BITS (DEFINE_SHIFT_R, rol)
ALL_BITS (DEFINE_SHIFT_R, ror)
ALL_BITS (DEFINE_SHIFT_R, rcl)
ALL_BITS (DEFINE_SHIFT_R, rcr)
ALL_BITS (DEFINE_SHIFT_R, shl)
ALL_BITS (DEFINE_SHIFT_R, shr)
ALL_BITS (DEFINE_SHIFT_R, sar)
#define SHIFTS(form)                                                                                      \
  {                                                                                                       \
    ROW (rol, form), ROW (ror, form), ROW (rcl, form), ROW (rcr, form), ROW (shl, form), ROW (shr, form), \
        ROW (shl, form), ROW (sar, form)                                                                  \
  }
const SoftHandler soft_shift_i[8][4] = SHIFTS (i);
const SoftHandler soft_shift_cl[8][4] = SHIFTS (cl);

/* Group 2 in memory, and groups 3 to 5 in memory: out of the way. */
uint64_t
soft_shift_value (unsigned op, unsigned size, uint64_t value, uint8_t count, uint16_t *af)
{
#define CASES(bits)                                 \
  switch (op)                                       \
    {                                               \
    case 0:                                         \
      return rol##bits ((T##bits)value, count, af); \
    case 1:                                         \
      return ror##bits ((T##bits)value, count, af); \
    case 2:                                         \
      return rcl##bits ((T##bits)value, count, af); \
    case 3:                                         \
      return rcr##bits ((T##bits)value, count, af); \
    case 5:                                         \
      return shr##bits ((T##bits)value, count, af); \
    case 7:                                         \
      return sar##bits ((T##bits)value, count, af); \
    default:                                        \
      return shl##bits ((T##bits)value, count, af); \
    }
  switch (size)
    {
    case 1:
      CASES (8)
    case 2:
      CASES (16)
    case 4:
      CASES (32)
    default:
      CASES (64)
    }
}

uint64_t
soft_alu_value (unsigned op, unsigned size, uint64_t dst, uint64_t src, uint16_t *af)
{
#define ALU_CASES(bits)                                   \
  switch (op)                                             \
    {                                                     \
    case 0:                                               \
      return add##bits ((T##bits)dst, (T##bits)src, af);  \
    case 1:                                               \
      return or ##bits ((T##bits)dst, (T##bits)src, af);  \
    case 2:                                               \
      return adc##bits ((T##bits)dst, (T##bits)src, af);  \
    case 3:                                               \
      return sbb##bits ((T##bits)dst, (T##bits)src, af);  \
    case 4:                                               \
      return and##bits ((T##bits)dst, (T##bits)src, af);  \
    case 5:                                               \
      return sub##bits ((T##bits)dst, (T##bits)src, af);  \
    case 6:                                               \
      return xor##bits ((T##bits)dst, (T##bits)src, af);  \
    case 8:                                               \
      return inc##bits ((T##bits)dst, af);                \
    case 9:                                               \
      return dec##bits ((T##bits)dst, af);                \
    default:                                              \
      cmp##bits##_flags ((T##bits)dst, (T##bits)src, af); \
      return dst;                                         \
    }
  switch (size)
    {
    case 1:
      ALU_CASES (8)
    case 2:
      ALU_CASES (16)
    case 4:
      ALU_CASES (32)
    default:
      ALU_CASES (64)
    }
}

/* -- Multiplication to a register ----------------------------------------------------------------------------------- */

#define DEFINE_IMUL(bits, T, sfx)                                \
  HANDLER (imul_rr_##bits)                                       \
  {                                                              \
    T dst = SOFT_R##bits (cpu, insn->a);                         \
    uint32_t a = cpu->af;                                        \
    __asm__("addb $127, %%al\n\tsahf\n\timul" sfx " %2, %0" KEEP \
            : "+r"(dst), "+&a"(a)                                \
            : "r"(SOFT_R##bits (cpu, insn->b))                   \
            : "cc");                                             \
    cpu->af = (uint16_t)a;                                       \
    SET##bits (cpu, insn->a, dst);                               \
    SOFT_NEXT (cpu, insn);                                       \
  }
DEFINE_IMUL (16, uint16_t, "w")
DEFINE_IMUL (32, uint32_t, "l")
DEFINE_IMUL (64, uint64_t, "q")
const SoftHandler soft_imul_rr[4] = { NULL, imul_rr_16, imul_rr_32, imul_rr_64 };

/* BT of a register with an immediate: the compilers' bit test. */
#define DEFINE_BT(bits)                                                           \
  HANDLER (bt_ri_##bits)                                                          \
  {                                                                               \
    unsigned bit = (SOFT_R##bits (cpu, insn->b) >> (insn->imm & (bits - 1))) & 1; \
    cpu->af = (uint16_t)((cpu->af & ~0x100) | bit << 8);                          \
    SOFT_NEXT (cpu, insn);                                                        \
  }
DEFINE_BT (16)
DEFINE_BT (32)
DEFINE_BT (64)
const SoftHandler soft_bt_ri[4] = { NULL, bt_ri_16, bt_ri_32, bt_ri_64 };

/* -- Comparison and branch in one ---------------------------------------------------------------------------------------- */

/* The formatter never comes to an end with such a list. */
/* clang-format off */
#define CONDITIONS(M, ...)                                                                              \
  M (o, __VA_ARGS__) M (no, __VA_ARGS__) M (b, __VA_ARGS__) M (ae, __VA_ARGS__)                         \
  M (e, __VA_ARGS__) M (ne, __VA_ARGS__) M (be, __VA_ARGS__) M (a, __VA_ARGS__)                         \
  M (s, __VA_ARGS__) M (ns, __VA_ARGS__) M (p, __VA_ARGS__) M (np, __VA_ARGS__)                         \
  M (l, __VA_ARGS__) M (ge, __VA_ARGS__) M (le, __VA_ARGS__) M (g, __VA_ARGS__)
/* clang-format on */

#define DEFINE_FUSED_(cc, op, bits, sfx, form, second)                    \
  HANDLER (fused_##op##_##form##_##bits##_##cc)                           \
  {                                                                       \
    uint32_t a;                                                           \
    gboolean taken;                                                       \
    __asm__(#op sfx " %3, %2" KEEP                                        \
            : "=&a"(a), "=@cc" #cc (taken)                                \
            : "q"(SOFT_R##bits (cpu, insn->a)), "q"((T##bits) (second))); \
    cpu->af = (uint16_t)a;                                                \
    if (taken)                                                            \
      SOFT_BRANCH (cpu, insn + 1);                                        \
    SOFT_BRANCH (cpu, insn + 2);                                          \
  }
#define DEFINE_FUSED(op, bits, sfx)                                          \
  CONDITIONS (DEFINE_FUSED_, op, bits, sfx, rr, SOFT_R##bits (cpu, insn->b)) \
  CONDITIONS (DEFINE_FUSED_, op, bits, sfx, ri, insn->imm)
DEFINE_FUSED (cmp, 8, "b")
DEFINE_FUSED (cmp, 16, "w")
DEFINE_FUSED (cmp, 32, "l")
DEFINE_FUSED (cmp, 64, "q")
DEFINE_FUSED (test, 8, "b")
DEFINE_FUSED (test, 16, "w")
DEFINE_FUSED (test, 32, "l")
DEFINE_FUSED (test, 64, "q")

#define DEFINE_FUSED_DEC_(cc, bits, sfx)                                                     \
  HANDLER (fused_dec_r_##bits##_##cc)                                                        \
  {                                                                                          \
    uint32_t a = cpu->af;                                                                    \
    T##bits value = SOFT_R##bits (cpu, insn->b);                                             \
    gboolean taken;                                                                          \
    __asm__("btl $8, %0\n\tdec" sfx " %2" KEEP : "+&a"(a), "=@cc" #cc (taken), "+q"(value)); \
    cpu->af = (uint16_t)a;                                                                   \
    SET##bits (cpu, insn->b, value);                                                         \
    if (taken)                                                                               \
      SOFT_BRANCH (cpu, insn + 1);                                                           \
    SOFT_BRANCH (cpu, insn + 2);                                                             \
  }
CONDITIONS (DEFINE_FUSED_DEC_, 8, "b")
CONDITIONS (DEFINE_FUSED_DEC_, 16, "w")
CONDITIONS (DEFINE_FUSED_DEC_, 32, "l")
CONDITIONS (DEFINE_FUSED_DEC_, 64, "q")

#define FUSED_ENTRY(cc, prefix, bits) prefix##_##bits##_##cc,
#define FUSED_ROW(prefix, bits)            \
  {                                        \
    CONDITIONS (FUSED_ENTRY, prefix, bits) \
  }
#define FUSED_TABLE(prefix)                                                                       \
  {                                                                                               \
    FUSED_ROW (prefix, 8), FUSED_ROW (prefix, 16), FUSED_ROW (prefix, 32), FUSED_ROW (prefix, 64) \
  }
const SoftHandler soft_fused_cmp_rr[4][16] = FUSED_TABLE (fused_cmp_rr);
const SoftHandler soft_fused_cmp_ri[4][16] = FUSED_TABLE (fused_cmp_ri);
const SoftHandler soft_fused_test_rr[4][16] = FUSED_TABLE (fused_test_rr);
const SoftHandler soft_fused_test_ri[4][16] = FUSED_TABLE (fused_test_ri);
const SoftHandler soft_fused_dec[4][16] = FUSED_TABLE (fused_dec_r);
