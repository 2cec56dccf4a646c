/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The area of FXSAVE and XSAVE (SDM volume 1, 10.5.1 and 13.4): what sse-state.c and xsave.c share.
 */
#pragma once

#include "cpu/soft/sse.h"

G_BEGIN_DECLS

enum
{
  AREA_MXCSR = 24,
  AREA_MXCSR_MASK = 28,
  AREA_ST = 32,
  AREA_XMM = 160,
  AREA_LEGACY = 512,
  AREA_XSTATE_BV = 512,
  AREA_XCOMP_BV = 520,
  AREA_HEADER_END = 576,
  AREA_YMM = 576, /* in both formats, as there is nothing else that could come before it */
  AREA_YMM_SIZE = 256,
  AREA_END = AREA_YMM + AREA_YMM_SIZE,
};

/* Vector registers that the running code has. */
static inline unsigned
soft_n_xmm (const SoftCpu *cpu)
{
  return (cpu->key & SOFT_KEY_SIZE) == SOFT_KEY_64 ? 16 : 8;
}

static inline void
soft_put_sse (const SoftCpu *cpu, uint8_t *area)
{
  memcpy (area + AREA_XMM, cpu->xmm, 16 * soft_n_xmm (cpu));
}

static inline void
soft_put_mxcsr (const SoftCpu *cpu, uint8_t *area)
{
  const uint32_t mask = MXCSR_DEFINED;

  memcpy (area + AREA_MXCSR, &cpu->mxcsr, 4);
  memcpy (area + AREA_MXCSR_MASK, &mask, 4);
}

static inline uint32_t
soft_area32 (const uint8_t *p)
{
  uint32_t v;

  memcpy (&v, p, 4);
  return v;
}

static inline uint64_t
soft_area64 (const uint8_t *p)
{
  uint64_t v;

  memcpy (&v, p, 8);
  return v;
}

/* xsave.c */
void soft_do_xsave (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_xsaveopt (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_xsavec (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_xrstor (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_xgetbv (SoftCpu *cpu, const SoftInsn *insn);
void soft_do_xsetbv (SoftCpu *cpu, const SoftInsn *insn);

G_END_DECLS
