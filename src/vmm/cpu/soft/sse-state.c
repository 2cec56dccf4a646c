/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * FXSAVE and FXRSTOR, MXCSR, fences.  SDM volume 1, 10.5.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/fpu.h"
#include "cpu/soft/xsave.h"

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
  soft_put_mxcsr (cpu, area);
  soft_put_sse (cpu, area);
  soft_write_bytes (cpu, insn, linear, area, AREA_XMM + 16 * soft_n_xmm (cpu));
}

static void
op_fxrstor (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t linear = begin_state (cpu, insn, 16, AREA_LEGACY, FALSE);
  uint8_t area[AREA_LEGACY];
  uint32_t mxcsr;

  soft_read_bytes (cpu, insn, linear, area, AREA_LEGACY);
  mxcsr = soft_area32 (area + AREA_MXCSR);
  if ((mxcsr & ~(uint32_t)MXCSR_DEFINED) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  soft_fpu_get_fx (cpu, area, insn->size == 8);
  soft_set_mxcsr (cpu, mxcsr);
  memcpy (cpu->xmm, area + AREA_XMM, 16 * soft_n_xmm (cpu));
}

void
soft_do_ldmxcsr (SoftCpu *cpu, const SoftInsn *insn)
{
  uint32_t mxcsr = soft_load32 (cpu, insn, insn->seg, soft_ea (cpu, insn));

  if ((mxcsr & ~(uint32_t)MXCSR_DEFINED) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  soft_set_mxcsr (cpu, mxcsr);
}

void
soft_do_stmxcsr (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_store32 (cpu, insn, insn->seg, soft_ea (cpu, insn), cpu->mxcsr);
}

static void
op_ldmxcsr (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_do_ldmxcsr (cpu, insn);
}

static void
op_stmxcsr (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_sse_check (cpu, insn);
  soft_do_stmxcsr (cpu, insn);
}

/* -- Fences, cache ---------------------------------------------------------------------------------- */

/* Other processors and devices have threads of their own.  LFENCE and SFENCE have more to do only where stores go past caches. */
static void
op_fence (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fence ();
}

static void
op_clflush (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_load8 (cpu, insn, insn->seg, soft_ea (cpu, insn));
}

const SoftSseEntry soft_sse_state_table[] = {
  { 1, SSE_NP, 0xae, 0, NULL, op_fxsave, 0 },
  { 1, SSE_NP, 0xae, 1, NULL, op_fxrstor, 0 },
  { 1, SSE_NP, 0xae, 2, NULL, op_ldmxcsr, 0 },
  { 1, SSE_NP, 0xae, 3, NULL, op_stmxcsr, 0 },
  { 1, SSE_NP, 0xae, 4, NULL, soft_do_xsave, 0 },
  { 1, SSE_NP, 0xae, 5, op_fence, soft_do_xrstor, 0 },
  { 1, SSE_NP, 0xae, 6, op_fence, soft_do_xsaveopt, 0 },
  { 1, SSE_NP, 0xae, 7, op_fence, op_clflush, 0 },
  { 1, SSE_NP, 0x01, 2, soft_do_xgetbv, NULL, 0 }, /* D0, D1: see the decoder */
  { 1, SSE_NP, 0x01, 3, soft_do_xsetbv, NULL, 0 },
  { 0 },
};
