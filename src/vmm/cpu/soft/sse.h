/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Common parts of soft/sse*.c and soft/mmx.c.
 *
 * An instruction is carried out by itself, on the host, in a line of assembly: intrinsics would let the compiler swap operands, on which
 * the choice between two NaNs depends, and move arithmetic across a change of MXCSR.  Each opcode has a function for a register and one
 * for a memory operand.
 */
#pragma once

#include <emmintrin.h>

#include "cpu/soft/fpu-stack.h"

G_BEGIN_DECLS

enum
{
  MXCSR_IE = 1 << 0,
  MXCSR_DE = 1 << 1,
  MXCSR_ZE = 1 << 2,
  MXCSR_OE = 1 << 3,
  MXCSR_UE = 1 << 4,
  MXCSR_PE = 1 << 5,
  MXCSR_FLAGS = 0x3f,
  MXCSR_DAZ = 1 << 6,
  MXCSR_MASK_SHIFT = 7,
  MXCSR_MASKS = 0x3f << MXCSR_MASK_SHIFT,
  MXCSR_UM = MXCSR_UE << MXCSR_MASK_SHIFT,
  MXCSR_FZ = 1 << 15,
  MXCSR_CONTROL = 0xffc0,
  MXCSR_INIT = 0x1f80,
  MXCSR_DEFINED = 0xffff,
};

/* Mandatory prefix. */
enum
{
  SSE_NP,
  SSE_66,
  SSE_F3,
  SSE_F2,
};

enum
{
  SSE_IMM8 = 1 << 0,
};
/* In a table's flags: there only where the host has SOFT_HOST_…. */
#define SSE_NEEDS(feature) ((feature) << 8)

typedef struct
{
  uint8_t map, prefix, opcode;
  int8_t digit;        /* ModRM.reg, or -1 */
  SoftHelper reg, mem; /* NULL: #UD */
  unsigned flags;
} SoftSseEntry;

#define SSE_BOTH(map, prefix, opcode, name)                      \
  {                                                              \
    map, prefix, opcode, -1, op_##name##_reg, op_##name##_mem, 0 \
  }
#define SSE_BOTH_IMM(map, prefix, opcode, name)                         \
  {                                                                     \
    map, prefix, opcode, -1, op_##name##_reg, op_##name##_mem, SSE_IMM8 \
  }
#define SSE_REG(map, prefix, opcode, name)      \
  {                                             \
    map, prefix, opcode, -1, op_##name, NULL, 0 \
  }
#define SSE_MEM(map, prefix, opcode, name)      \
  {                                             \
    map, prefix, opcode, -1, NULL, op_##name, 0 \
  }

/* Each ends with an entry without functions. */
extern const SoftSseEntry soft_sse_move_table[];
extern const SoftSseEntry soft_sse_integer_table[];
extern const SoftSseEntry soft_sse_float_table[];
extern const SoftSseEntry soft_sse_immediate_table[];
extern const SoftSseEntry soft_mmx_table[];
extern const SoftSseEntry soft_sse_state_table[];

/* -- Operands -------------------------------------------------------------------------------------- */

static inline __m128i
soft_xmm (const SoftCpu *cpu, unsigned n)
{
  return _mm_load_si128 ((const __m128i *)&cpu->xmm[n]);
}

static inline void
soft_set_xmm (SoftCpu *cpu, unsigned n, __m128i value)
{
  _mm_store_si128 ((__m128i *)&cpu->xmm[n], value);
}

static inline __m128i
soft_mem128 (SoftCpu *cpu, const SoftInsn *insn, gboolean aligned)
{
  SoftXmm value;

  soft_load128 (cpu, insn, insn->seg, soft_ea (cpu, insn), &value, aligned);
  return _mm_load_si128 ((const __m128i *)&value);
}

static inline __m128i
soft_mem64 (SoftCpu *cpu, const SoftInsn *insn)
{
  return _mm_cvtsi64_si128 ((long long)soft_load64 (cpu, insn, insn->seg, soft_ea (cpu, insn)));
}

static inline __m128i
soft_mem32 (SoftCpu *cpu, const SoftInsn *insn)
{
  return _mm_cvtsi32_si128 ((int)soft_load32 (cpu, insn, insn->seg, soft_ea (cpu, insn)));
}

static inline __m128i
soft_mem16 (SoftCpu *cpu, const SoftInsn *insn)
{
  return _mm_cvtsi32_si128 ((int)soft_load16 (cpu, insn, insn->seg, soft_ea (cpu, insn)));
}

#define SSE_LOAD_A128(cpu, insn) soft_mem128 (cpu, insn, TRUE)
#define SSE_LOAD_U128(cpu, insn) soft_mem128 (cpu, insn, FALSE)
#define SSE_LOAD_64(cpu, insn)   soft_mem64 (cpu, insn)
#define SSE_LOAD_32(cpu, insn)   soft_mem32 (cpu, insn)
#define SSE_LOAD_16(cpu, insn)   soft_mem16 (cpu, insn)

/* A general register of insn->size bytes as destination; 4 clears the upper half. */
static inline void
soft_set_gpr (SoftCpu *cpu, const SoftInsn *insn, unsigned n, uint64_t value)
{
  cpu->reg[n] = insn->size == 8 ? value : (uint32_t)value;
}

/* -- Floating point -------------------------------------------------------------------------------- */

static inline void
soft_host_set_mxcsr (uint32_t value)
{
  __asm__ volatile("ldmxcsr %0" : : "m"(value));
}

static inline uint32_t
soft_host_mxcsr (void)
{
  uint32_t value;

  __asm__ volatile("stmxcsr %0" : "=m"(value));
  return value;
}

/* By an instruction; translated code is made for exceptions that are all masked. */
static inline void
soft_set_mxcsr (SoftCpu *cpu, uint32_t value)
{
  gboolean masks_change = ((cpu->mxcsr ^ value) & MXCSR_MASKS) != 0;

  cpu->mxcsr = value;
  if (masks_change)
    soft_update_unit_key (cpu);
}

static inline void
soft_float_enter (const SoftCpu *cpu)
{
  /* Translated code and C code leave exceptions of theirs in the host's register. */
  if ((soft_host_mxcsr () & MXCSR_FLAGS & ~cpu->mxcsr) != 0)
    soft_host_set_mxcsr (MXCSR_INIT);
}

static inline void
soft_float_leave (SoftCpu *cpu)
{
  cpu->mxcsr |= soft_host_mxcsr () & MXCSR_FLAGS;
}

/* The guest's flags after an instruction that gave `flags`; raises #XM (or #UD) where one isn't masked. */
void soft_float_finish (SoftCpu *cpu, const SoftInsn *insn, uint32_t flags);

/* Runs STATEMENT, an assembly that may be run twice, under the guest's rounding and denormal modes.
 *
 * Exceptions are masked on the host.  Underflow has two definitions: masked it needs an inexact result, unmasked a tiny one is
 * enough (SDM volume 1, 4.9.1.5).  Flush-to-zero tells tiny results apart, so if the guest wants the exception it runs once more with it. */
#define SSE_FLOAT(cpu, insn, STATEMENT)                                             \
  do                                                                                \
    {                                                                               \
      if (G_LIKELY (((cpu)->mxcsr & MXCSR_CONTROL) == MXCSR_INIT))                  \
        {                                                                           \
          soft_float_enter (cpu);                                                   \
          STATEMENT;                                                                \
          soft_float_leave (cpu);                                                   \
        }                                                                           \
      else                                                                          \
        {                                                                           \
          uint32_t control_ = ((cpu)->mxcsr & MXCSR_CONTROL) | MXCSR_MASKS, flags_; \
          if (((cpu)->mxcsr & MXCSR_UM) == 0)                                       \
            control_ &= ~(uint32_t)MXCSR_FZ; /* it acts on masked underflow only */ \
          soft_host_set_mxcsr (control_);                                           \
          STATEMENT;                                                                \
          flags_ = soft_host_mxcsr () & MXCSR_FLAGS;                                \
          if (((cpu)->mxcsr & MXCSR_UM) == 0 && (flags_ & MXCSR_UE) == 0)           \
            {                                                                       \
              soft_host_set_mxcsr (control_ | MXCSR_FZ);                            \
              STATEMENT;                                                            \
              flags_ |= soft_host_mxcsr () & MXCSR_UE;                              \
            }                                                                       \
          soft_host_set_mxcsr (MXCSR_INIT);                                         \
          soft_float_finish (cpu, insn, flags_);                                    \
        }                                                                           \
    }                                                                               \
  while (0)

/* Without a look at whether they may run: what forms behind VEX share. */
void soft_do_compare_strings (SoftCpu *cpu, const SoftInsn *insn, unsigned opcode);
void soft_do_maskmovdqu (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_ldmxcsr (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_stmxcsr (SoftCpu *cpu, const SoftInsn *insn);

/* -- MMX ------------------------------------------------------------------------------------------- */

/* Start of an MMX instruction. */
static inline void
soft_mmx_begin (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_mmx_check (cpu, insn);
  if (G_UNLIKELY ((cpu->fsw & FSW_ES) != 0))
    soft_fpu_pending (cpu, insn);
}

/* Using the registers as MMX makes all tags valid and TOP zero (SDM volume 1, 9.5.1). */
static inline void
soft_mmx_enter (SoftCpu *cpu)
{
  cpu->ftw = 0xff;
  cpu->fsw &= (uint16_t)~FSW_TOP;
}

static inline uint64_t
soft_mm (const SoftCpu *cpu, unsigned n)
{
  uint64_t value;

  memcpy (&value, cpu->x87[n & 7].bytes, 8);
  return value;
}

static inline void
soft_set_mm (SoftCpu *cpu, unsigned n, uint64_t value)
{
  memcpy (cpu->x87[n & 7].bytes, &value, 8);
  cpu->x87[n & 7].bytes[8] = cpu->x87[n & 7].bytes[9] = 0xff;
}

G_END_DECLS
