/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SSE2 to SSE4.2, AES and SHA on packed integers, and bitwise operations on packed floating point, none of which touch MXCSR.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/host.h"
#include "cpu/soft/sse.h"

/* xmm = xmm op xmm/mem */
#define INTEGER(name, load)                                        \
  static void op_##name##_reg (SoftCpu *cpu, const SoftInsn *insn) \
  {                                                                \
    __m128i value, source;                                         \
    soft_sse_check (cpu, insn);                                    \
    value = soft_xmm (cpu, insn->a);                               \
    source = soft_xmm (cpu, insn->b);                              \
    __asm__(#name " %1, %0" : "+x"(value) : "x"(source));          \
    soft_set_xmm (cpu, insn->a, value);                            \
  }                                                                \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn) \
  {                                                                \
    __m128i value, source;                                         \
    soft_sse_check (cpu, insn);                                    \
    source = load (cpu, insn);                                     \
    value = soft_xmm (cpu, insn->a);                               \
    __asm__(#name " %1, %0" : "+x"(value) : "x"(source));          \
    soft_set_xmm (cpu, insn->a, value);                            \
  }

/* The formatter never comes to an end with such a list. */
/* clang-format off */
#define SSE2_LIST(X)                                                                                    \
  X (punpcklbw, 0x60) X (punpcklwd, 0x61) X (punpckldq, 0x62) X (packsswb, 0x63)                        \
  X (pcmpgtb, 0x64) X (pcmpgtw, 0x65) X (pcmpgtd, 0x66) X (packuswb, 0x67) X (punpckhbw, 0x68)          \
  X (punpckhwd, 0x69) X (punpckhdq, 0x6a) X (packssdw, 0x6b) X (punpcklqdq, 0x6c)                       \
  X (punpckhqdq, 0x6d) X (pcmpeqb, 0x74) X (pcmpeqw, 0x75) X (pcmpeqd, 0x76) X (psrlw, 0xd1)            \
  X (psrld, 0xd2) X (psrlq, 0xd3) X (paddq, 0xd4) X (pmullw, 0xd5) X (psubusb, 0xd8)                    \
  X (psubusw, 0xd9) X (pminub, 0xda) X (pand, 0xdb) X (paddusb, 0xdc) X (paddusw, 0xdd)                 \
  X (pmaxub, 0xde) X (pandn, 0xdf) X (pavgb, 0xe0) X (psraw, 0xe1) X (psrad, 0xe2)                      \
  X (pavgw, 0xe3) X (pmulhuw, 0xe4) X (pmulhw, 0xe5) X (psubsb, 0xe8) X (psubsw, 0xe9)                  \
  X (pminsw, 0xea) X (por, 0xeb) X (paddsb, 0xec) X (paddsw, 0xed) X (pmaxsw, 0xee)                     \
  X (pxor, 0xef) X (psllw, 0xf1) X (pslld, 0xf2) X (psllq, 0xf3) X (pmuludq, 0xf4)                      \
  X (pmaddwd, 0xf5) X (psadbw, 0xf6) X (psubb, 0xf8) X (psubw, 0xf9) X (psubd, 0xfa)                    \
  X (psubq, 0xfb) X (paddb, 0xfc) X (paddw, 0xfd) X (paddd, 0xfe) X (unpcklpd, 0x14)                    \
  X (unpckhpd, 0x15) X (andpd, 0x54) X (andnpd, 0x55) X (orpd, 0x56) X (xorpd, 0x57)
#define SSE_LIST(X)                                                                                     \
  X (unpcklps, 0x14) X (unpckhps, 0x15) X (andps, 0x54) X (andnps, 0x55) X (orps, 0x56)                 \
  X (xorps, 0x57)
#define SSSE3_LIST(X)                                                                                   \
  X (pshufb, 0x00) X (phaddw, 0x01) X (phaddd, 0x02) X (phaddsw, 0x03) X (pmaddubsw, 0x04)              \
  X (phsubw, 0x05) X (phsubd, 0x06) X (phsubsw, 0x07) X (psignb, 0x08) X (psignw, 0x09)                 \
  X (psignd, 0x0a) X (pmulhrsw, 0x0b) X (pabsb, 0x1c) X (pabsw, 0x1d) X (pabsd, 0x1e)                   \
  X (pmuldq, 0x28) X (pcmpeqq, 0x29) X (packusdw, 0x2b) X (pcmpgtq, 0x37) X (pminsb, 0x38)              \
  X (pminsd, 0x39) X (pminuw, 0x3a) X (pminud, 0x3b) X (pmaxsb, 0x3c) X (pmaxsd, 0x3d)                  \
  X (pmaxuw, 0x3e) X (pmaxud, 0x3f) X (pmulld, 0x40) X (phminposuw, 0x41)
#define AES_LIST(X)                                                                                     \
  X (aesimc, 0xdb) X (aesenc, 0xdc) X (aesenclast, 0xdd) X (aesdec, 0xde) X (aesdeclast, 0xdf)
#define SHA_LIST(X)                                                                                     \
  X (sha1nexte, 0xc8) X (sha1msg1, 0xc9) X (sha1msg2, 0xca) X (sha256msg1, 0xcc) X (sha256msg2, 0xcd)
#define EXTEND_LIST(X)                                                                                  \
  X (pmovsxbw, 0x20, SSE_LOAD_64) X (pmovsxbd, 0x21, SSE_LOAD_32) X (pmovsxbq, 0x22, SSE_LOAD_16)       \
  X (pmovsxwd, 0x23, SSE_LOAD_64) X (pmovsxwq, 0x24, SSE_LOAD_32) X (pmovsxdq, 0x25, SSE_LOAD_64)       \
  X (pmovzxbw, 0x30, SSE_LOAD_64) X (pmovzxbd, 0x31, SSE_LOAD_32) X (pmovzxbq, 0x32, SSE_LOAD_16)       \
  X (pmovzxwd, 0x33, SSE_LOAD_64) X (pmovzxwq, 0x34, SSE_LOAD_32) X (pmovzxdq, 0x35, SSE_LOAD_64)
/* clang-format on */

#define DEFINE_ALIGNED(name, opcode) INTEGER (name, SSE_LOAD_A128)
/* AMD's processors take these from anywhere (Intel's raise #GP). */
#define DEFINE_UNALIGNED(name, opcode)    INTEGER (name, SSE_LOAD_U128)
#define DEFINE_EXTEND(name, opcode, load) INTEGER (name, load)
SSE2_LIST (DEFINE_ALIGNED)
SSE_LIST (DEFINE_ALIGNED)
SSSE3_LIST (DEFINE_ALIGNED)
AES_LIST (DEFINE_ALIGNED)
SHA_LIST (DEFINE_UNALIGNED)
EXTEND_LIST (DEFINE_EXTEND)

/* PBLENDVB, BLENDVPS, BLENDVPD: XMM0 selects.  SHA256RNDS2 takes it, too. */
#define BLENDV(name, load)                                                              \
  static inline void name##_values (SoftCpu *cpu, const SoftInsn *insn, __m128i source) \
  {                                                                                     \
    __m128i value = soft_xmm (cpu, insn->a), mask = soft_xmm (cpu, 0);                  \
    __asm__(#name " %%xmm0, %1, %0" : "+x"(value) : "x"(source), "Yz"(mask));           \
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
BLENDV (pblendvb, SSE_LOAD_A128)
BLENDV (blendvps, SSE_LOAD_A128)
BLENDV (blendvpd, SSE_LOAD_A128)
BLENDV (sha256rnds2, SSE_LOAD_U128)

static inline void
ptest (SoftCpu *cpu, const SoftInsn *insn, __m128i source)
{
  __m128i value = soft_xmm (cpu, insn->a);
  gboolean zero, carry;

  __asm__("ptest %3, %2" : "=@ccz"(zero), "=@ccc"(carry) : "x"(value), "x"(source));
  cpu->af = soft_eflags_to_af ((zero ? FLAG_ZF : 0) | (carry ? FLAG_CF : 0));
}

static void
op_ptest_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  ptest (cpu, insn, soft_xmm (cpu, insn->b));
}

static void
op_ptest_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  ptest (cpu, insn, SSE_LOAD_A128 (cpu, insn));
}

/* Shifts by an immediate: the instruction takes a count in a register too. */
#define SHIFT(name)                                                \
  static void op_##name##_imm (SoftCpu *cpu, const SoftInsn *insn) \
  {                                                                \
    __m128i value, count = _mm_cvtsi32_si128 ((int)insn->imm);     \
    soft_sse_check (cpu, insn);                                    \
    value = soft_xmm (cpu, insn->b);                               \
    __asm__(#name " %1, %0" : "+x"(value) : "x"(count));           \
    soft_set_xmm (cpu, insn->b, value);                            \
  }
SHIFT (psrlw)
SHIFT (psrld)
SHIFT (psrlq)
SHIFT (psraw)
SHIFT (psrad)
SHIFT (psllw)
SHIFT (pslld)
SHIFT (psllq)

static void
op_psrldq (SoftCpu *cpu, const SoftInsn *insn)
{
  static const uint8_t zeroes[16];
  uint8_t window[48];
  unsigned count = MIN (insn->imm, 16);

  soft_sse_check (cpu, insn);
  memcpy (window, cpu->xmm[insn->b].u8, 16);
  memcpy (window + 16, zeroes, 16);
  memcpy (cpu->xmm[insn->b].u8, window + count, 16);
}

static void
op_pslldq (SoftCpu *cpu, const SoftInsn *insn)
{
  static const uint8_t zeroes[16];
  uint8_t window[32];
  unsigned count = MIN (insn->imm, 16);

  soft_sse_check (cpu, insn);
  memcpy (window, zeroes, 16);
  memcpy (window + 16, cpu->xmm[insn->b].u8, 16);
  memcpy (cpu->xmm[insn->b].u8, window + 16 - count, 16);
}

/* A mask of sign bits in a general register. */
#define MOVMSK(name)                                                      \
  static void op_##name (SoftCpu *cpu, const SoftInsn *insn)              \
  {                                                                       \
    uint32_t mask;                                                        \
    soft_sse_check (cpu, insn);                                           \
    __asm__(#name " %1, %0" : "=r"(mask) : "x"(soft_xmm (cpu, insn->b))); \
    cpu->reg[insn->a] = mask;                                             \
  }
MOVMSK (movmskps)
MOVMSK (movmskpd)
MOVMSK (pmovmskb)

#define ROW_66(name, opcode) SSE_BOTH (1, SSE_66, opcode, name),
#define ROW_NP(name, opcode) SSE_BOTH (1, SSE_NP, opcode, name),
#define ROW_38(name, opcode) SSE_BOTH (2, SSE_66, opcode, name),
#define ROW_AES(name, opcode)                                                          \
  {                                                                                    \
    2, SSE_66, opcode, -1, op_##name##_reg, op_##name##_mem, SSE_NEEDS (SOFT_HOST_AES) \
  }
#define ROW_SHA(name, opcode)                                                          \
  {                                                                                    \
    2, SSE_NP, opcode, -1, op_##name##_reg, op_##name##_mem, SSE_NEEDS (SOFT_HOST_SHA) \
  }
#define ROW_AES_(name, opcode)         ROW_AES (name, opcode),
#define ROW_SHA_(name, opcode)         ROW_SHA (name, opcode),
#define ROW_EXTEND(name, opcode, load) SSE_BOTH (2, SSE_66, opcode, name),
#define ROW_SHIFT(opcode, digit, name)                  \
  {                                                     \
    1, SSE_66, opcode, digit, op_##name, NULL, SSE_IMM8 \
  }

const SoftSseEntry soft_sse_integer_table[] = {
  SSE2_LIST (ROW_66) SSE_LIST (ROW_NP) SSSE3_LIST (ROW_38) EXTEND_LIST (ROW_EXTEND) AES_LIST (ROW_AES_)
      SHA_LIST (ROW_SHA_) ROW_SHA (sha256rnds2, 0xcb),
  SSE_BOTH (2, SSE_66, 0x10, pblendvb),
  SSE_BOTH (2, SSE_66, 0x14, blendvps),
  SSE_BOTH (2, SSE_66, 0x15, blendvpd),
  SSE_BOTH (2, SSE_66, 0x17, ptest),
  SSE_REG (1, SSE_NP, 0x50, movmskps),
  SSE_REG (1, SSE_66, 0x50, movmskpd),
  SSE_REG (1, SSE_66, 0xd7, pmovmskb),
  ROW_SHIFT (0x71, 2, psrlw_imm),
  ROW_SHIFT (0x71, 4, psraw_imm),
  ROW_SHIFT (0x71, 6, psllw_imm),
  ROW_SHIFT (0x72, 2, psrld_imm),
  ROW_SHIFT (0x72, 4, psrad_imm),
  ROW_SHIFT (0x72, 6, pslld_imm),
  ROW_SHIFT (0x73, 2, psrlq_imm),
  ROW_SHIFT (0x73, 3, psrldq),
  ROW_SHIFT (0x73, 6, psllq_imm),
  ROW_SHIFT (0x73, 7, pslldq),
  { 0 },
};
