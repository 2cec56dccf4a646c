/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SSE arithmetic, comparison and conversion in floating point: what obeys MXCSR.  SDM volume 1, chapters 10, 11.5.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/sse.h"

void
soft_float_finish (SoftCpu *cpu, const SoftInsn *insn, uint32_t flags)
{
  uint32_t enabled = ~(cpu->mxcsr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
  uint32_t before = flags & (MXCSR_IE | MXCSR_DE | MXCSR_ZE);

  /* What stops an element before its computation hides what another's result would have raised. */
  if ((before & enabled) != 0)
    flags = before;
  cpu->mxcsr |= flags;
  if ((flags & enabled) != 0)
    soft_raise (cpu, insn, (cpu->cr4 & CR4_OSXMMEXCPT) != 0 ? EXC_XM : EXC_UD);
}

/* xmm = op (xmm, xmm/mem) */
#define FLOAT(name, load)                                                               \
  static inline void name##_values (SoftCpu *cpu, const SoftInsn *insn, __m128i source) \
  {                                                                                     \
    __m128i value;                                                                      \
    SSE_FLOAT (cpu, insn, {                                                             \
      value = soft_xmm (cpu, insn->a);                                                  \
      __asm__ volatile(#name " %1, %0" : "+x"(value) : "x"(source));                    \
    });                                                                                 \
    soft_set_xmm (cpu, insn->a, value);                                                 \
  }                                                                                     \
  static void op_##name##_reg (SoftCpu *cpu, const SoftInsn *insn)                      \
  {                                                                                     \
    soft_sse_check (cpu, insn);                                                         \
    name##_values (cpu, insn, soft_xmm (cpu, insn->b));                                 \
  }                                                                                     \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn)                      \
  {                                                                                     \
    soft_sse_check (cpu, insn);                                                         \
    name##_values (cpu, insn, load (cpu, insn));                                        \
  }

#define ARITHMETIC_LIST(X) \
  X (sqrt, 0x51) X (add, 0x58) X (mul, 0x59) X (sub, 0x5c) X (min, 0x5d) X (div, 0x5e) X (max, 0x5f)
#define DEFINE(name, opcode)      \
  FLOAT (name##ps, SSE_LOAD_A128) \
  FLOAT (name##pd, SSE_LOAD_A128) FLOAT (name##ss, SSE_LOAD_32) FLOAT (name##sd, SSE_LOAD_64)
ARITHMETIC_LIST (DEFINE)
FLOAT (rsqrtps, SSE_LOAD_A128)
FLOAT (rsqrtss, SSE_LOAD_32)
FLOAT (rcpps, SSE_LOAD_A128)
FLOAT (rcpss, SSE_LOAD_32)
FLOAT (cvtps2pd, SSE_LOAD_64)
FLOAT (cvtpd2ps, SSE_LOAD_A128)
FLOAT (cvtss2sd, SSE_LOAD_32)
FLOAT (cvtsd2ss, SSE_LOAD_64)
FLOAT (cvtdq2ps, SSE_LOAD_A128)
FLOAT (cvtps2dq, SSE_LOAD_A128)
FLOAT (cvttps2dq, SSE_LOAD_A128)
FLOAT (cvttpd2dq, SSE_LOAD_A128)
FLOAT (cvtpd2dq, SSE_LOAD_A128)
FLOAT (cvtdq2pd, SSE_LOAD_64)
FLOAT (haddpd, SSE_LOAD_A128)
FLOAT (hsubpd, SSE_LOAD_A128)
FLOAT (addsubpd, SSE_LOAD_A128)
FLOAT (haddps, SSE_LOAD_A128)
FLOAT (hsubps, SSE_LOAD_A128)
FLOAT (addsubps, SSE_LOAD_A128)

/* -- Comparison to EFLAGS -------------------------------------------------------------------------- */

#define COMPARE(name, load)                                                                              \
  static inline void name##_values (SoftCpu *cpu, const SoftInsn *insn, __m128i source)                  \
  {                                                                                                      \
    __m128i value = soft_xmm (cpu, insn->a);                                                             \
    gboolean zero, parity, carry;                                                                        \
    SSE_FLOAT (cpu, insn, {                                                                              \
      __asm__ volatile(#name " %4, %3"                                                                   \
                       : "=@ccz"(zero), "=@ccp"(parity), "=@ccc"(carry)                                  \
                       : "x"(value), "x"(source));                                                       \
    });                                                                                                  \
    cpu->af = soft_eflags_to_af ((zero ? FLAG_ZF : 0) | (parity ? FLAG_PF : 0) | (carry ? FLAG_CF : 0)); \
  }                                                                                                      \
  static void op_##name##_reg (SoftCpu *cpu, const SoftInsn *insn)                                       \
  {                                                                                                      \
    soft_sse_check (cpu, insn);                                                                          \
    name##_values (cpu, insn, soft_xmm (cpu, insn->b));                                                  \
  }                                                                                                      \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn)                                       \
  {                                                                                                      \
    soft_sse_check (cpu, insn);                                                                          \
    name##_values (cpu, insn, load (cpu, insn));                                                         \
  }
COMPARE (ucomiss, SSE_LOAD_32)
COMPARE (comiss, SSE_LOAD_32)
COMPARE (ucomisd, SSE_LOAD_64)
COMPARE (comisd, SSE_LOAD_64)

/* -- To and from general registers ----------------------------------------------------------------- */

#define FROM_INTEGER(name, bits)                                                              \
  static inline void name##bits##_value (SoftCpu *cpu, const SoftInsn *insn, uint64_t source) \
  {                                                                                           \
    __m128i value;                                                                            \
    SSE_FLOAT (cpu, insn, {                                                                   \
      value = soft_xmm (cpu, insn->a);                                                        \
      __asm__ volatile(FROM_##bits (name) : "+x"(value) : "r"(source));                       \
    });                                                                                       \
    soft_set_xmm (cpu, insn->a, value);                                                       \
  }
#define FROM_32(name) #name "l %k1, %0"
#define FROM_64(name) #name "q %1, %0"
FROM_INTEGER (cvtsi2ss, 32)
FROM_INTEGER (cvtsi2ss, 64)
FROM_INTEGER (cvtsi2sd, 32)
FROM_INTEGER (cvtsi2sd, 64)

#define OP_FROM_INTEGER(name)                                                             \
  static void op_##name##_reg (SoftCpu *cpu, const SoftInsn *insn)                        \
  {                                                                                       \
    soft_sse_check (cpu, insn);                                                           \
    if (insn->size == 8)                                                                  \
      name##64_value(cpu, insn, cpu->reg[insn->b]);                                       \
    else                                                                                  \
      name##32_value(cpu, insn, cpu->reg[insn->b]);                                       \
  }                                                                                       \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn)                        \
  {                                                                                       \
    soft_sse_check (cpu, insn);                                                           \
    if (insn->size == 8)                                                                  \
      name##64_value(cpu, insn, soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn))); \
    else                                                                                  \
      name##32_value(cpu, insn, soft_load32 (cpu, insn, insn->seg, soft_ea (cpu, insn))); \
  }
OP_FROM_INTEGER (cvtsi2ss)
OP_FROM_INTEGER (cvtsi2sd)

#define TO_INTEGER(name, load)                                                         \
  static inline void name##_value (SoftCpu *cpu, const SoftInsn *insn, __m128i source) \
  {                                                                                    \
    uint64_t value;                                                                    \
    SSE_FLOAT (cpu, insn, {                                                            \
      if (insn->size == 8)                                                             \
        __asm__ volatile(#name " %1, %0" : "=r"(value) : "x"(source));                 \
      else                                                                             \
        __asm__ volatile(#name " %1, %k0" : "=r"(value) : "x"(source));                \
    });                                                                                \
    soft_set_gpr (cpu, insn, insn->a, value);                                          \
  }                                                                                    \
  static void op_##name##_reg (SoftCpu *cpu, const SoftInsn *insn)                     \
  {                                                                                    \
    soft_sse_check (cpu, insn);                                                        \
    name##_value (cpu, insn, soft_xmm (cpu, insn->b));                                 \
  }                                                                                    \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn)                     \
  {                                                                                    \
    soft_sse_check (cpu, insn);                                                        \
    name##_value (cpu, insn, load (cpu, insn));                                        \
  }
TO_INTEGER (cvtss2si, SSE_LOAD_32)
TO_INTEGER (cvttss2si, SSE_LOAD_32)
TO_INTEGER (cvtsd2si, SSE_LOAD_64)
TO_INTEGER (cvttsd2si, SSE_LOAD_64)

/* -- To and from MMX registers --------------------------------------------------------------------- */

/* CVTPI2PS keeps the upper half of the register.  From memory neither it nor CVTPI2PD has to do with MMX (APM volume 4;
 * the SDM says so of the latter only). */
static void
op_cvtpi2ps_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  __m128i value, source;

  soft_sse_check (cpu, insn);
  soft_mmx_begin (cpu, insn);
  source = _mm_cvtsi64_si128 ((long long)soft_mm (cpu, insn->b));
  soft_mmx_enter (cpu);
  SSE_FLOAT (cpu, insn, { __asm__ volatile("cvtdq2ps %1, %0" : "=x"(value) : "x"(source)); });
  cpu->xmm[insn->a].u64[0] = (uint64_t)_mm_cvtsi128_si64 (value);
}

static void
op_cvtpi2ps_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  __m128i value, source;

  soft_sse_check (cpu, insn);
  source = soft_mem64 (cpu, insn);
  SSE_FLOAT (cpu, insn, { __asm__ volatile("cvtdq2ps %1, %0" : "=x"(value) : "x"(source)); });
  cpu->xmm[insn->a].u64[0] = (uint64_t)_mm_cvtsi128_si64 (value);
}

static void
op_cvtpi2pd_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  __m128i value, source;

  soft_sse_check (cpu, insn);
  soft_mmx_begin (cpu, insn);
  source = _mm_cvtsi64_si128 ((long long)soft_mm (cpu, insn->b));
  soft_mmx_enter (cpu);
  __asm__("cvtdq2pd %1, %0" : "=x"(value) : "x"(source));
  soft_set_xmm (cpu, insn->a, value);
}

static void
op_cvtpi2pd_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  __m128i value, source;

  soft_sse_check (cpu, insn);
  source = soft_mem64 (cpu, insn);
  __asm__("cvtdq2pd %1, %0" : "=x"(value) : "x"(source));
  soft_set_xmm (cpu, insn->a, value);
}

#define TO_MMX(name, op, load)                                                              \
  static inline void name##_value (SoftCpu *cpu, const SoftInsn *insn, __m128i source)      \
  {                                                                                         \
    __m128i value;                                                                          \
    soft_mmx_enter (cpu);                                                                   \
    SSE_FLOAT (cpu, insn, { __asm__ volatile(op " %1, %0" : "=x"(value) : "x"(source)); }); \
    soft_set_mm (cpu, insn->a, (uint64_t)_mm_cvtsi128_si64 (value));                        \
  }                                                                                         \
  static void op_##name##_reg (SoftCpu *cpu, const SoftInsn *insn)                          \
  {                                                                                         \
    soft_sse_check (cpu, insn);                                                             \
    soft_mmx_begin (cpu, insn);                                                             \
    name##_value (cpu, insn, TO_MMX_SOURCE_##load (soft_xmm (cpu, insn->b)));               \
  }                                                                                         \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn)                          \
  {                                                                                         \
    soft_sse_check (cpu, insn);                                                             \
    soft_mmx_begin (cpu, insn);                                                             \
    name##_value (cpu, insn, SSE_LOAD_##load (cpu, insn));                                  \
  }
/* Of a packed single source only the low half counts. */
#define TO_MMX_SOURCE_64(value)   _mm_move_epi64 (value)
#define TO_MMX_SOURCE_A128(value) (value)
TO_MMX (cvtps2pi, "cvtps2dq", 64)
TO_MMX (cvttps2pi, "cvttps2dq", 64)
TO_MMX (cvtpd2pi, "cvtpd2dq", A128)
TO_MMX (cvttpd2pi, "cvttpd2dq", A128)

#define ROWS(name, opcode)                                                        \
  SSE_BOTH (1, SSE_NP, opcode, name##ps), SSE_BOTH (1, SSE_66, opcode, name##pd), \
      SSE_BOTH (1, SSE_F3, opcode, name##ss), SSE_BOTH (1, SSE_F2, opcode, name##sd),

const SoftSseEntry soft_sse_float_table[] = {
  ARITHMETIC_LIST (ROWS) SSE_BOTH (1, SSE_NP, 0x52, rsqrtps),
  SSE_BOTH (1, SSE_F3, 0x52, rsqrtss),
  SSE_BOTH (1, SSE_NP, 0x53, rcpps),
  SSE_BOTH (1, SSE_F3, 0x53, rcpss),
  SSE_BOTH (1, SSE_NP, 0x5a, cvtps2pd),
  SSE_BOTH (1, SSE_66, 0x5a, cvtpd2ps),
  SSE_BOTH (1, SSE_F3, 0x5a, cvtss2sd),
  SSE_BOTH (1, SSE_F2, 0x5a, cvtsd2ss),
  SSE_BOTH (1, SSE_NP, 0x5b, cvtdq2ps),
  SSE_BOTH (1, SSE_66, 0x5b, cvtps2dq),
  SSE_BOTH (1, SSE_F3, 0x5b, cvttps2dq),
  SSE_BOTH (1, SSE_66, 0xe6, cvttpd2dq),
  SSE_BOTH (1, SSE_F2, 0xe6, cvtpd2dq),
  SSE_BOTH (1, SSE_F3, 0xe6, cvtdq2pd),
  SSE_BOTH (1, SSE_66, 0x7c, haddpd),
  SSE_BOTH (1, SSE_66, 0x7d, hsubpd),
  SSE_BOTH (1, SSE_66, 0xd0, addsubpd),
  SSE_BOTH (1, SSE_F2, 0x7c, haddps),
  SSE_BOTH (1, SSE_F2, 0x7d, hsubps),
  SSE_BOTH (1, SSE_F2, 0xd0, addsubps),
  SSE_BOTH (1, SSE_NP, 0x2e, ucomiss),
  SSE_BOTH (1, SSE_NP, 0x2f, comiss),
  SSE_BOTH (1, SSE_66, 0x2e, ucomisd),
  SSE_BOTH (1, SSE_66, 0x2f, comisd),
  SSE_BOTH (1, SSE_F3, 0x2a, cvtsi2ss),
  SSE_BOTH (1, SSE_F2, 0x2a, cvtsi2sd),
  SSE_BOTH (1, SSE_F3, 0x2c, cvttss2si),
  SSE_BOTH (1, SSE_F3, 0x2d, cvtss2si),
  SSE_BOTH (1, SSE_F2, 0x2c, cvttsd2si),
  SSE_BOTH (1, SSE_F2, 0x2d, cvtsd2si),
  SSE_BOTH (1, SSE_NP, 0x2a, cvtpi2ps),
  SSE_BOTH (1, SSE_66, 0x2a, cvtpi2pd),
  SSE_BOTH (1, SSE_NP, 0x2c, cvttps2pi),
  SSE_BOTH (1, SSE_NP, 0x2d, cvtps2pi),
  SSE_BOTH (1, SSE_66, 0x2c, cvttpd2pi),
  SSE_BOTH (1, SSE_66, 0x2d, cvtpd2pi),
  { 0 },
};
