/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * FXSAVE, XSAVE and their kin, MXCSR, fences, XCR0.  SDM volume 1, 10.5 and chapter 13.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/fpu.h"
#include "cpu/soft/sse.h"

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
};

enum
{
  XCR0_X87 = 1,
  XCR0_SSE = 2,
};

static unsigned
n_xmm (const SoftCpu *cpu)
{
  return (cpu->key & SOFT_KEY_SIZE) == SOFT_KEY_64 ? 16 : 8;
}

static void
put_sse (const SoftCpu *cpu, uint8_t *area)
{
  memcpy (area + AREA_XMM, cpu->xmm, 16 * n_xmm (cpu));
}

static void
put_mxcsr (const SoftCpu *cpu, uint8_t *area)
{
  const uint32_t mask = MXCSR_DEFINED;

  memcpy (area + AREA_MXCSR, &cpu->mxcsr, 4);
  memcpy (area + AREA_MXCSR_MASK, &mask, 4);
}

static uint32_t
get32 (const uint8_t *p)
{
  uint32_t v;

  memcpy (&v, p, 4);
  return v;
}

static uint64_t
get64 (const uint8_t *p)
{
  uint64_t v;

  memcpy (&v, p, 8);
  return v;
}

/* Start of the FXSAVE group: EM counts as TS. */
static uint64_t
begin_state (SoftCpu *cpu, const SoftInsn *insn, unsigned alignment, unsigned length, gboolean write)
{
  uint64_t linear;

  if ((cpu->cr0 & (CR0_EM | CR0_TS)) != 0)
    soft_raise (cpu, insn, EXC_NM);
  linear = soft_linear (cpu, insn, insn->seg, soft_ea (cpu, insn), length, write);
  if ((linear & (alignment - 1)) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  return linear;
}

static void
op_fxsave (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t linear = begin_state (cpu, insn, 16, AREA_LEGACY, TRUE);
  uint8_t area[AREA_LEGACY] = { 0 };

  soft_probe_write (cpu, insn, linear, AREA_LEGACY);
  soft_fpu_put_fx (cpu, area, insn->size == 8);
  put_mxcsr (cpu, area);
  put_sse (cpu, area);
  soft_write_bytes (cpu, insn, linear, area, AREA_XMM + 16 * n_xmm (cpu));
}

static void
op_fxrstor (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t linear = begin_state (cpu, insn, 16, AREA_LEGACY, FALSE);
  uint8_t area[AREA_LEGACY];
  uint32_t mxcsr;

  soft_read_bytes (cpu, insn, linear, area, AREA_LEGACY);
  mxcsr = get32 (area + AREA_MXCSR);
  if ((mxcsr & ~(uint32_t)MXCSR_DEFINED) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  soft_fpu_get_fx (cpu, area, insn->size == 8);
  cpu->mxcsr = mxcsr;
  memcpy (cpu->xmm, area + AREA_XMM, 16 * n_xmm (cpu));
}

static void
op_ldmxcsr (SoftCpu *cpu, const SoftInsn *insn)
{
  uint32_t mxcsr;

  soft_sse_check (cpu, insn);
  mxcsr = soft_load32 (cpu, insn, insn->seg, soft_ea (cpu, insn));
  if ((mxcsr & ~(uint32_t)MXCSR_DEFINED) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  cpu->mxcsr = mxcsr;
}

static void
op_stmxcsr (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_store32 (cpu, insn, insn->seg, soft_ea (cpu, insn), cpu->mxcsr);
}

/* -- XSAVE ----------------------------------------------------------------------------------------- */

/* Components that the instruction asks for and XCR0 has on. */
static uint64_t
requested (SoftCpu *cpu, const SoftInsn *insn)
{
  if ((cpu->cr4 & CR4_OSXSAVE) == 0)
    soft_raise (cpu, insn, EXC_UD);
  if ((cpu->cr0 & CR0_TS) != 0)
    soft_raise (cpu, insn, EXC_NM);
  return cpu->xcr0 & ((uint32_t)cpu->reg[CPU_RAX] | cpu->reg[CPU_RDX] << 32);
}

static uint64_t
begin_xstate (SoftCpu *cpu, const SoftInsn *insn, gboolean write)
{
  uint64_t linear = soft_linear (cpu, insn, insn->seg, soft_ea (cpu, insn), AREA_HEADER_END, write);

  if ((linear & 63) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  return linear;
}

static void
op_xsave (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t mask = requested (cpu, insn), linear = begin_xstate (cpu, insn, TRUE), present;
  uint8_t area[AREA_HEADER_END] = { 0 };

  soft_probe_write (cpu, insn, linear, AREA_HEADER_END);
  present = soft_read64 (cpu, insn, linear + AREA_XSTATE_BV);
  soft_fpu_put_fx (cpu, area, insn->size == 8);
  put_mxcsr (cpu, area);
  put_sse (cpu, area);
  if ((mask & XCR0_X87) != 0)
    {
      soft_write_bytes (cpu, insn, linear, area, AREA_MXCSR);
      soft_write_bytes (cpu, insn, linear + AREA_ST, area + AREA_ST, AREA_XMM - AREA_ST);
    }
  if ((mask & XCR0_SSE) != 0)
    {
      soft_write_bytes (cpu, insn, linear + AREA_MXCSR, area + AREA_MXCSR, 8);
      soft_write_bytes (cpu, insn, linear + AREA_XMM, area + AREA_XMM, 16 * n_xmm (cpu));
    }
  soft_write64 (cpu, insn, linear + AREA_XSTATE_BV, (present & ~mask) | (mask & (XCR0_X87 | XCR0_SSE)));
}

static void
op_xrstor (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t mask = requested (cpu, insn), linear = begin_xstate (cpu, insn, FALSE), present;
  uint8_t area[AREA_HEADER_END];
  uint32_t mxcsr;

  soft_read_bytes (cpu, insn, linear, area, AREA_HEADER_END);
  present = get64 (area + AREA_XSTATE_BV);
  mxcsr = get32 (area + AREA_MXCSR);
  if ((present & ~cpu->xcr0) != 0 || get64 (area + AREA_XCOMP_BV) != 0
      || get64 (area + AREA_XCOMP_BV + 8) != 0
      || ((mask & XCR0_SSE) != 0 && (mxcsr & ~(uint32_t)MXCSR_DEFINED) != 0))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if ((mask & XCR0_X87) != 0)
    {
      static const uint8_t initial[AREA_XMM] = { FCW_INIT & 0xff, FCW_INIT >> 8 };

      soft_fpu_get_fx (cpu, (present & XCR0_X87) != 0 ? area : initial, insn->size == 8);
    }
  if ((mask & XCR0_SSE) != 0)
    {
      cpu->mxcsr = mxcsr;
      if ((present & XCR0_SSE) != 0)
        memcpy (cpu->xmm, area + AREA_XMM, 16 * n_xmm (cpu));
      else
        memset (cpu->xmm, 0, 16 * n_xmm (cpu));
    }
}

static void
op_xgetbv (SoftCpu *cpu, const SoftInsn *insn)
{
  if ((cpu->cr4 & CR4_OSXSAVE) == 0)
    soft_raise (cpu, insn, EXC_UD);
  if ((uint32_t)cpu->reg[CPU_RCX] != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  cpu->reg[CPU_RAX] = (uint32_t)cpu->xcr0;
  cpu->reg[CPU_RDX] = cpu->xcr0 >> 32;
}

static void
op_xsetbv (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = (uint32_t)cpu->reg[CPU_RAX] | cpu->reg[CPU_RDX] << 32;

  if ((cpu->cr4 & CR4_OSXSAVE) == 0)
    soft_raise (cpu, insn, EXC_UD);
  if (cpu->cpl != 0 || (uint32_t)cpu->reg[CPU_RCX] != 0 || (value & XCR0_X87) == 0
      || (value & ~(uint64_t)(XCR0_X87 | XCR0_SSE)) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  cpu->xcr0 = value;
}

/* -- Fences, cache ---------------------------------------------------------------------------------- */

/* One thread runs all processors, so that memory is always in order. */
static void
op_fence (SoftCpu *cpu, const SoftInsn *insn)
{
}

static void
op_clflush (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_load8 (cpu, insn, insn->seg, soft_ea (cpu, insn));
}

const SoftSseEntry soft_sse_state_table[] = {
  { 1, SSE_NP, 0xae, 0, NULL, op_fxsave, 0 },  { 1, SSE_NP, 0xae, 1, NULL, op_fxrstor, 0 },
  { 1, SSE_NP, 0xae, 2, NULL, op_ldmxcsr, 0 }, { 1, SSE_NP, 0xae, 3, NULL, op_stmxcsr, 0 },
  { 1, SSE_NP, 0xae, 4, NULL, op_xsave, 0 },   { 1, SSE_NP, 0xae, 5, op_fence, op_xrstor, 0 },
  { 1, SSE_NP, 0xae, 6, op_fence, NULL, 0 },   { 1, SSE_NP, 0xae, 7, op_fence, op_clflush, 0 },
  { 1, SSE_NP, 0x01, 2, op_xgetbv, NULL, 0 }, /* D0, D1: see the decoder */
  { 1, SSE_NP, 0x01, 3, op_xsetbv, NULL, 0 },  { 0 },
};

/* -- For the engine --------------------------------------------------------------------------------- */

void
soft_fpu_save (const SoftCpu *cpu, uint8_t *area)
{
  uint64_t present = XCR0_X87 | XCR0_SSE;

  memset (area, 0, AREA_HEADER_END);
  soft_fpu_put_fx (cpu, area, TRUE);
  put_mxcsr (cpu, area);
  memcpy (area + AREA_XMM, cpu->xmm, sizeof cpu->xmm);
  memcpy (area + AREA_XSTATE_BV, &present, 8);
}

void
soft_fpu_load (SoftCpu *cpu, const uint8_t *area)
{
  uint64_t present = get64 (area + AREA_XSTATE_BV);

  soft_fpu_reset (cpu);
  if ((present & XCR0_X87) != 0)
    soft_fpu_get_fx (cpu, area, TRUE);
  else
    {
      cpu->fcw = FCW_INIT;
      cpu->ftw = 0;
    }
  cpu->mxcsr = get32 (area + AREA_MXCSR) & MXCSR_DEFINED;
  if ((present & XCR0_SSE) != 0)
    memcpy (cpu->xmm, area + AREA_XMM, sizeof cpu->xmm);
}
