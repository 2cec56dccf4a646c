/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SSE instructions whose immediate is part of their work: shuffles, blends, comparisons, rounding, dot products, strings.
 *
 * The immediate of the host's instruction is fixed when this is built, so each has a row of all its forms in assembly, 16 bytes
 * apart: functions of two vectors.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/host.h"
#include "cpu/soft/sse.h"

#define STUB_SIZE 16

/* The first operand is in XMM0, as is the result; the second in XMM1. */
#define STUBS(name, count)                                                         \
  extern const uint8_t soft_stub_##name[] __attribute__ ((visibility ("hidden"))); \
  __asm__(".pushsection .text\n"                                                   \
          ".balign 16\n"                                                           \
          ".globl soft_stub_" #name "\n"                                           \
          ".hidden soft_stub_" #name "\n"                                          \
          "soft_stub_" #name ":\n"                                                 \
          ".set soft_i, 0\n"                                                       \
          ".rept " #count "\n"                                                     \
          "  " #name " $soft_i, %xmm1, %xmm0\n"                                    \
          "  ret\n"                                                                \
          "  .balign 16\n"                                                         \
          "  .set soft_i, soft_i + 1\n"                                            \
          ".endr\n"                                                                \
          ".popsection\n")

typedef __m128i (*Stub) (__m128i a, __m128i b);

static inline Stub
stub (const uint8_t *row, unsigned imm)
{
  return (Stub)(uintptr_t)(row + imm * STUB_SIZE);
}

#define INTEGER(name, count, load)                                                                           \
  STUBS (name, count);                                                                                       \
  static void op_##name##_reg (SoftCpu *cpu, const SoftInsn *insn)                                           \
  {                                                                                                          \
    soft_sse_check (cpu, insn);                                                                              \
    soft_set_xmm (                                                                                           \
        cpu, insn->a,                                                                                        \
        stub (soft_stub_##name, insn->imm &(count - 1)) (soft_xmm (cpu, insn->a), soft_xmm (cpu, insn->b))); \
  }                                                                                                          \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn)                                           \
  {                                                                                                          \
    __m128i source;                                                                                          \
    soft_sse_check (cpu, insn);                                                                              \
    source = load (cpu, insn);                                                                               \
    soft_set_xmm (cpu, insn->a,                                                                              \
                  stub (soft_stub_##name, insn->imm &(count - 1)) (soft_xmm (cpu, insn->a), source));        \
  }
INTEGER (pshufd, 256, SSE_LOAD_A128)
INTEGER (pshufhw, 256, SSE_LOAD_A128)
INTEGER (pshuflw, 256, SSE_LOAD_A128)
INTEGER (shufps, 256, SSE_LOAD_A128)
INTEGER (shufpd, 4, SSE_LOAD_A128)
INTEGER (palignr, 256, SSE_LOAD_A128)
INTEGER (pblendw, 256, SSE_LOAD_A128)
INTEGER (blendps, 16, SSE_LOAD_A128)
INTEGER (blendpd, 4, SSE_LOAD_A128)
INTEGER (mpsadbw, 8, SSE_LOAD_A128)
INTEGER (pclmulqdq, 256, SSE_LOAD_A128)
INTEGER (aeskeygenassist, 256, SSE_LOAD_A128)
INTEGER (sha1rnds4, 4, SSE_LOAD_U128)

/* The call is a statement that the compiler can't move over the changes of MXCSR, which are volatile. */
#define FLOAT(name, count, load)                                                        \
  STUBS (name, count);                                                                  \
  static inline void name##_values (SoftCpu *cpu, const SoftInsn *insn, __m128i source) \
  {                                                                                     \
    Stub function = stub (soft_stub_##name, insn->imm & (count - 1));                   \
    __m128i value;                                                                      \
    SSE_FLOAT (cpu, insn, {                                                             \
      value = soft_xmm (cpu, insn->a);                                                  \
      value = function (value, source);                                                 \
      __asm__ volatile("" : "+x"(value));                                               \
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
FLOAT (cmpps, 8, SSE_LOAD_A128)
FLOAT (cmppd, 8, SSE_LOAD_A128)
FLOAT (cmpss, 8, SSE_LOAD_32)
FLOAT (cmpsd, 8, SSE_LOAD_64)
FLOAT (roundps, 16, SSE_LOAD_A128)
FLOAT (roundpd, 16, SSE_LOAD_A128)
FLOAT (roundss, 16, SSE_LOAD_32)
FLOAT (roundsd, 16, SSE_LOAD_64)

/* Dot products are several roundings one after the other.  If the guest wants an exception, they are done one by one, so that one which
 * comes later does not show. */
static void
dot_stages (SoftCpu *cpu, const SoftInsn *insn, __m128i source, gboolean wide)
{
  unsigned select = insn->imm >> 4 & 15;
  __m128i value = soft_xmm (cpu, insn->a), mask, product, sum;

  if (wide)
    mask = _mm_set_epi64x (-(long long)(select >> 1 & 1), -(long long)(select & 1));
  else
    mask = _mm_set_epi32 (-(int)(select >> 3 & 1), -(int)(select >> 2 & 1), -(int)(select >> 1 & 1),
                          -(int)(select & 1));
  value = _mm_and_si128 (value, mask);
  source = _mm_and_si128 (source, mask);
  SSE_FLOAT (cpu, insn, {
    product = value;
    if (wide)
      __asm__ volatile("mulpd %1, %0" : "+x"(product) : "x"(source));
    else
      __asm__ volatile("mulps %1, %0" : "+x"(product) : "x"(source));
  });
  for (unsigned stage = wide ? 1 : 0; stage < 2; stage++)
    {
      SSE_FLOAT (cpu, insn, {
        sum = product;
        if (wide)
          __asm__ volatile("haddpd %1, %0" : "+x"(sum) : "x"(product));
        else
          __asm__ volatile("haddps %1, %0" : "+x"(sum) : "x"(product));
      });
      product = sum;
    }
}

#define DOT(name, wide)                                                                 \
  STUBS (name, 256);                                                                    \
  static inline void name##_values (SoftCpu *cpu, const SoftInsn *insn, __m128i source) \
  {                                                                                     \
    Stub function = stub (soft_stub_##name, insn->imm & 0xff);                          \
    __m128i value;                                                                      \
    if (G_UNLIKELY ((cpu->mxcsr & MXCSR_MASKS) != MXCSR_MASKS))                         \
      dot_stages (cpu, insn, source, wide);                                             \
    SSE_FLOAT (cpu, insn, {                                                             \
      value = soft_xmm (cpu, insn->a);                                                  \
      value = function (value, source);                                                 \
      __asm__ volatile("" : "+x"(value));                                               \
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
    name##_values (cpu, insn, SSE_LOAD_A128 (cpu, insn));                               \
  }
DOT (dpps, FALSE)
DOT (dppd, TRUE)

/* INSERTPS takes its element from the whole register or from the only one in memory. */
STUBS (insertps, 256);

static void
op_insertps_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_set_xmm (
      cpu, insn->a,
      stub (soft_stub_insertps, insn->imm & 0xff) (soft_xmm (cpu, insn->a), soft_xmm (cpu, insn->b)));
}

static void
op_insertps_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  __m128i source;

  soft_sse_check (cpu, insn);
  source = soft_mem32 (cpu, insn);
  soft_set_xmm (cpu, insn->a, stub (soft_stub_insertps, insn->imm & 0x3f) (soft_xmm (cpu, insn->a), source));
}

/* -- Elements -------------------------------------------------------------------------------------- */

static void
op_pinsrb_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->a].u8[insn->imm & 15] = (uint8_t)cpu->reg[insn->b];
}

static void
op_pinsrb_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->a].u8[insn->imm & 15] = soft_load8 (cpu, insn, insn->seg, soft_ea (cpu, insn));
}

static void
op_pinsrw_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->a].u16[insn->imm & 7] = (uint16_t)cpu->reg[insn->b];
}

static void
op_pinsrw_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->xmm[insn->a].u16[insn->imm & 7] = soft_load16 (cpu, insn, insn->seg, soft_ea (cpu, insn));
}

static void
op_pinsrd_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  if (insn->size == 8)
    cpu->xmm[insn->a].u64[insn->imm & 1] = cpu->reg[insn->b];
  else
    cpu->xmm[insn->a].u32[insn->imm & 3] = (uint32_t)cpu->reg[insn->b];
}

static void
op_pinsrd_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  if (insn->size == 8)
    cpu->xmm[insn->a].u64[insn->imm & 1] = soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn));
  else
    cpu->xmm[insn->a].u32[insn->imm & 3] = soft_load32 (cpu, insn, insn->seg, soft_ea (cpu, insn));
}

/* PEXTRW of SSE2: the destination is ModRM.reg. */
static void
op_pextrw_sse2 (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  cpu->reg[insn->a] = cpu->xmm[insn->b].u16[insn->imm & 7];
}

#define PEXTR(name, bits)                                                        \
  static void op_##name##_reg (SoftCpu *cpu, const SoftInsn *insn)               \
  {                                                                              \
    soft_sse_check (cpu, insn);                                                  \
    cpu->reg[insn->b] = cpu->xmm[insn->a].u##bits[insn->imm & (128 / bits - 1)]; \
  }                                                                              \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn)               \
  {                                                                              \
    soft_sse_check (cpu, insn);                                                  \
    soft_store##bits (cpu, insn, insn->seg, soft_ea (cpu, insn),                 \
                      cpu->xmm[insn->a].u##bits[insn->imm & (128 / bits - 1)]);  \
  }
PEXTR (pextrb, 8)
PEXTR (pextrw, 16)
PEXTR (extractps, 32)
PEXTR (pextrq, 64)

static void
op_pextrd_reg (SoftCpu *cpu, const SoftInsn *insn)
{
  if (insn->size == 8)
    op_pextrq_reg (cpu, insn);
  else
    op_extractps_reg (cpu, insn);
}

static void
op_pextrd_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  if (insn->size == 8)
    op_pextrq_mem (cpu, insn);
  else
    op_extractps_mem (cpu, insn);
}

/* -- Strings (SSE4.2) ------------------------------------------------------------------------------ */

STUBS (pcmpestrm, 256);
STUBS (pcmpestri, 256);
STUBS (pcmpistrm, 256);
STUBS (pcmpistri, 256);

/* A length in RAX or RDX; more than 16 in magnitude counts as 16. */
static inline uint32_t
string_length (const SoftInsn *insn, uint64_t reg)
{
  int64_t length = insn->size == 8 ? (int64_t)reg : (int32_t)reg;

  return (uint32_t)CLAMP (length, -16, 16);
}

/* Calls a form; the red zone must not be overwritten. */
static inline void
compare_strings (SoftCpu *cpu, const SoftInsn *insn, __m128i source, const uint8_t *row, gboolean index)
{
  uint64_t eax = string_length (insn, cpu->reg[CPU_RAX]), edx = string_length (insn, cpu->reg[CPU_RDX]),
           ecx = 0, eflags;
  const uint8_t *form = row + (insn->imm & 0xff) * STUB_SIZE;
  __m128i first = soft_xmm (cpu, insn->a);
  /* Last: a call between here and the form, be it one that a sanitizer adds to a load, may use these registers. */
  register __m128i a __asm__("xmm0") = first;
  register __m128i b __asm__("xmm1") = source;

  __asm__ volatile("lea -128(%%rsp), %%rsp\n\tcall *%[f]\n\tpushfq\n\tpopq %[flags]\n\tlea 128(%%rsp), %%rsp"
                   : "+x"(a), [flags] "=&r"(eflags), "+c"(ecx)
                   : "x"(b), "a"(eax), "d"(edx), [f] "r"(form)
                   : "cc", "memory");
  if (index)
    cpu->reg[CPU_RCX] = (uint32_t)ecx;
  else
    soft_set_xmm (cpu, 0, a);
  cpu->af = soft_eflags_to_af ((uint32_t)eflags & FLAGS_ARITHMETIC);
}

#define STRING(name, index)                                                          \
  static void op_##name##_reg (SoftCpu *cpu, const SoftInsn *insn)                   \
  {                                                                                  \
    soft_sse_check (cpu, insn);                                                      \
    compare_strings (cpu, insn, soft_xmm (cpu, insn->b), soft_stub_##name, index);   \
  }                                                                                  \
  static void op_##name##_mem (SoftCpu *cpu, const SoftInsn *insn)                   \
  {                                                                                  \
    soft_sse_check (cpu, insn);                                                      \
    compare_strings (cpu, insn, SSE_LOAD_U128 (cpu, insn), soft_stub_##name, index); \
  }
STRING (pcmpestrm, FALSE)
STRING (pcmpestri, TRUE)
STRING (pcmpistrm, FALSE)
STRING (pcmpistri, TRUE)

void
soft_do_compare_strings (SoftCpu *cpu, const SoftInsn *insn, unsigned opcode)
{
  static const uint8_t *const rows[4]
      = { soft_stub_pcmpestrm, soft_stub_pcmpestri, soft_stub_pcmpistrm, soft_stub_pcmpistri };

  compare_strings (cpu, insn, insn->mem ? SSE_LOAD_U128 (cpu, insn) : soft_xmm (cpu, insn->b),
                   rows[opcode & 3], (opcode & 1) != 0);
}

const SoftSseEntry soft_sse_immediate_table[] = {
  SSE_BOTH_IMM (1, SSE_66, 0x70, pshufd),
  SSE_BOTH_IMM (1, SSE_F3, 0x70, pshufhw),
  SSE_BOTH_IMM (1, SSE_F2, 0x70, pshuflw),
  SSE_BOTH_IMM (1, SSE_NP, 0xc6, shufps),
  SSE_BOTH_IMM (1, SSE_66, 0xc6, shufpd),
  SSE_BOTH_IMM (1, SSE_NP, 0xc2, cmpps),
  SSE_BOTH_IMM (1, SSE_66, 0xc2, cmppd),
  SSE_BOTH_IMM (1, SSE_F3, 0xc2, cmpss),
  SSE_BOTH_IMM (1, SSE_F2, 0xc2, cmpsd),
  SSE_BOTH_IMM (1, SSE_66, 0xc4, pinsrw),
  { 1, SSE_66, 0xc5, -1, op_pextrw_sse2, NULL, SSE_IMM8 },
  SSE_BOTH_IMM (3, SSE_66, 0x08, roundps),
  SSE_BOTH_IMM (3, SSE_66, 0x09, roundpd),
  SSE_BOTH_IMM (3, SSE_66, 0x0a, roundss),
  SSE_BOTH_IMM (3, SSE_66, 0x0b, roundsd),
  SSE_BOTH_IMM (3, SSE_66, 0x0c, blendps),
  SSE_BOTH_IMM (3, SSE_66, 0x0d, blendpd),
  SSE_BOTH_IMM (3, SSE_66, 0x0e, pblendw),
  SSE_BOTH_IMM (3, SSE_66, 0x0f, palignr),
  SSE_BOTH_IMM (3, SSE_66, 0x14, pextrb),
  SSE_BOTH_IMM (3, SSE_66, 0x15, pextrw),
  SSE_BOTH_IMM (3, SSE_66, 0x16, pextrd),
  SSE_BOTH_IMM (3, SSE_66, 0x17, extractps),
  SSE_BOTH_IMM (3, SSE_66, 0x20, pinsrb),
  SSE_BOTH_IMM (3, SSE_66, 0x21, insertps),
  SSE_BOTH_IMM (3, SSE_66, 0x22, pinsrd),
  SSE_BOTH_IMM (3, SSE_66, 0x40, dpps),
  SSE_BOTH_IMM (3, SSE_66, 0x41, dppd),
  SSE_BOTH_IMM (3, SSE_66, 0x42, mpsadbw),
  SSE_BOTH_IMM (3, SSE_66, 0x60, pcmpestrm),
  SSE_BOTH_IMM (3, SSE_66, 0x61, pcmpestri),
  SSE_BOTH_IMM (3, SSE_66, 0x62, pcmpistrm),
  SSE_BOTH_IMM (3, SSE_66, 0x63, pcmpistri),
  { 3, SSE_66, 0x44, -1, op_pclmulqdq_reg, op_pclmulqdq_mem, SSE_IMM8 | SSE_NEEDS (SOFT_HOST_PCLMUL) },
  { 3, SSE_66, 0xdf, -1, op_aeskeygenassist_reg, op_aeskeygenassist_mem,
    SSE_IMM8 | SSE_NEEDS (SOFT_HOST_AES) },
  { 3, SSE_NP, 0xcc, -1, op_sha1rnds4_reg, op_sha1rnds4_mem, SSE_IMM8 | SSE_NEEDS (SOFT_HOST_SHA) },
  { 0 },
};
