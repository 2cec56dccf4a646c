/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * XSAVE and its kin, XCR0; and the same area as the engine's form of x87, SSE and AVX.  SDM volume 1, chapter 13.
 *
 * Of x87 and SSE nothing is known to be in its initial state, which is allowed; the upper halves of YMM are if they are zero.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/xsave.h"

#include "cpu/soft/exec.h"
#include "cpu/soft/fpu.h"
#include "cpu/soft/host.h"

#define XCOMP_COMPACT ((uint64_t)1 << 63)

G_STATIC_ASSERT (AREA_YMM_SIZE == sizeof ((SoftCpu *)NULL)->ymm_high);

uint64_t
soft_xcr0_known (void)
{
  return XCR0_X87 | XCR0_SSE | (soft_host_has (SOFT_HOST_AVX) ? XCR0_AVX : 0);
}

/* Components that aren't in their initial state. */
static uint64_t
in_use (const SoftCpu *cpu)
{
  for (unsigned i = 0; i < 16; i++)
    if ((cpu->ymm_high[i].u64[0] | cpu->ymm_high[i].u64[1]) != 0)
      return XCR0_X87 | XCR0_SSE | XCR0_AVX;
  return XCR0_X87 | XCR0_SSE;
}

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

static unsigned
area_length (uint64_t components)
{
  return (components & XCR0_AVX) != 0 ? AREA_END : AREA_HEADER_END;
}

static uint64_t
begin (SoftCpu *cpu, const SoftInsn *insn, unsigned length, gboolean write)
{
  uint64_t linear = soft_linear (cpu, insn, insn->seg, soft_ea (cpu, insn), length, write);

  if ((linear & 63) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  return linear;
}

/* -- Saving ---------------------------------------------------------------------------------------- */

/* All that `which` has, but the header. */
static void
write_components (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint64_t which)
{
  uint8_t area[AREA_HEADER_END] = { 0 };

  soft_fpu_put_fx (cpu, area, insn->size == 8);
  soft_put_mxcsr (cpu, area);
  soft_put_sse (cpu, area);
  if ((which & XCR0_X87) != 0)
    {
      soft_write_bytes (cpu, insn, linear, area, AREA_MXCSR);
      soft_write_bytes (cpu, insn, linear + AREA_ST, area + AREA_ST, AREA_XMM - AREA_ST);
    }
  if ((which & (XCR0_SSE | XCR0_AVX)) != 0)
    soft_write_bytes (cpu, insn, linear + AREA_MXCSR, area + AREA_MXCSR, 8);
  if ((which & XCR0_SSE) != 0)
    soft_write_bytes (cpu, insn, linear + AREA_XMM, area + AREA_XMM, 16 * soft_n_xmm (cpu));
  if ((which & XCR0_AVX) != 0)
    soft_write_bytes (cpu, insn, linear + AREA_YMM, cpu->ymm_high, 16 * soft_n_xmm (cpu));
}

static void
save (SoftCpu *cpu, const SoftInsn *insn, gboolean all)
{
  uint64_t mask = requested (cpu, insn), used = mask & in_use (cpu), linear, present;
  unsigned length = area_length (mask);

  linear = begin (cpu, insn, length, TRUE);
  soft_probe_write (cpu, insn, linear, length);
  present = soft_read64 (cpu, insn, linear + AREA_XSTATE_BV);
  /* MXCSR is saved with AVX, whether that is in use or not. */
  write_components (cpu, insn, linear, all ? mask : used);
  if (!all && (mask & XCR0_AVX) != 0 && (used & (XCR0_SSE | XCR0_AVX)) == 0)
    soft_write32 (cpu, insn, linear + AREA_MXCSR, cpu->mxcsr);
  soft_write64 (cpu, insn, linear + AREA_XSTATE_BV, (present & ~mask) | used);
}

void
soft_do_xsave (SoftCpu *cpu, const SoftInsn *insn)
{
  save (cpu, insn, TRUE);
}

void
soft_do_xsaveopt (SoftCpu *cpu, const SoftInsn *insn)
{
  save (cpu, insn, FALSE);
}

/* The compacted format: of AVX alone behind the header, as in the standard one. */
void
soft_do_xsavec (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t mask = requested (cpu, insn), used = mask & in_use (cpu), linear, header[2];
  unsigned length = area_length (mask);

  linear = begin (cpu, insn, length, TRUE);
  soft_probe_write (cpu, insn, linear, length);
  /* MXCSR belongs to SSE here. */
  write_components (cpu, insn, linear, used & ~(uint64_t)XCR0_AVX);
  if ((used & XCR0_AVX) != 0)
    soft_write_bytes (cpu, insn, linear + AREA_YMM, cpu->ymm_high, 16 * soft_n_xmm (cpu));
  header[0] = used;
  header[1] = mask | XCOMP_COMPACT;
  soft_write_bytes (cpu, insn, linear + AREA_XSTATE_BV, header, sizeof header);
}

/* -- Restoring --------------------------------------------------------------------------------------- */

/* #GP for a header that XRSTOR refuses; whether it is of the compacted format. */
static gboolean
check_header (SoftCpu *cpu, const SoftInsn *insn, const uint8_t *area)
{
  uint64_t present = soft_area64 (area + AREA_XSTATE_BV), compact = soft_area64 (area + AREA_XCOMP_BV),
           rest = 0;
  gboolean bad;

  /* Of the standard format the header's first 24 bytes count, of the other all. */
  rest = soft_area64 (area + AREA_XCOMP_BV + 8);
  if ((compact & XCOMP_COMPACT) == 0)
    bad = (present & ~cpu->xcr0) != 0 || compact != 0 || rest != 0;
  else
    {
      for (unsigned i = AREA_XCOMP_BV + 16; i < AREA_HEADER_END; i += 8)
        rest |= soft_area64 (area + i);
      bad = (compact & ~(cpu->xcr0 | XCOMP_COMPACT)) != 0 || (present & ~compact) != 0
            || (present & XCOMP_COMPACT) != 0 || rest != 0;
    }
  if (bad)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  return (compact & XCOMP_COMPACT) != 0;
}

void
soft_do_xrstor (SoftCpu *cpu, const SoftInsn *insn)
{
  static const uint8_t initial[AREA_XMM] = { FCW_INIT & 0xff, FCW_INIT >> 8 };
  uint64_t mask = requested (cpu, insn), linear = begin (cpu, insn, area_length (mask), FALSE), present;
  uint8_t area[AREA_END];
  gboolean compact, loads_mxcsr;
  uint32_t mxcsr;

  /* All that the components could have, whether they are there or not. */
  soft_read_bytes (cpu, insn, linear, area, area_length (mask));
  compact = check_header (cpu, insn, area);
  present = soft_area64 (area + AREA_XSTATE_BV);
  mxcsr = soft_area32 (area + AREA_MXCSR);
  loads_mxcsr = compact ? (mask & present & XCR0_SSE) != 0 : (mask & (XCR0_SSE | XCR0_AVX)) != 0;
  if (loads_mxcsr && (mxcsr & ~(uint32_t)MXCSR_DEFINED) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);

  if ((mask & XCR0_X87) != 0)
    soft_fpu_get_fx (cpu, (present & XCR0_X87) != 0 ? area : initial, insn->size == 8);
  if (loads_mxcsr)
    soft_set_mxcsr (cpu, mxcsr);
  else if ((mask & XCR0_SSE) != 0)
    soft_set_mxcsr (cpu, MXCSR_INIT);
  if ((mask & XCR0_SSE) != 0)
    {
      if ((present & XCR0_SSE) != 0)
        memcpy (cpu->xmm, area + AREA_XMM, 16 * soft_n_xmm (cpu));
      else
        memset (cpu->xmm, 0, 16 * soft_n_xmm (cpu));
    }
  if ((mask & XCR0_AVX) != 0)
    {
      if ((present & XCR0_AVX) != 0)
        memcpy (cpu->ymm_high, area + AREA_YMM, 16 * soft_n_xmm (cpu));
      else
        memset (cpu->ymm_high, 0, 16 * soft_n_xmm (cpu));
    }
}

/* -- XCR0 -------------------------------------------------------------------------------------------- */

void
soft_do_xgetbv (SoftCpu *cpu, const SoftInsn *insn)
{
  uint32_t which = (uint32_t)cpu->reg[CPU_RCX];
  uint64_t value = cpu->xcr0;

  if ((cpu->cr4 & CR4_OSXSAVE) == 0)
    soft_raise (cpu, insn, EXC_UD);
  if (which > 1)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (which == 1)
    value &= in_use (cpu);
  cpu->reg[CPU_RAX] = (uint32_t)value;
  cpu->reg[CPU_RDX] = value >> 32;
}

void
soft_do_xsetbv (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = (uint32_t)cpu->reg[CPU_RAX] | cpu->reg[CPU_RDX] << 32;

  if ((cpu->cr4 & CR4_OSXSAVE) == 0)
    soft_raise (cpu, insn, EXC_UD);
  if (cpu->cpl != 0 || (uint32_t)cpu->reg[CPU_RCX] != 0 || (value & XCR0_X87) == 0
      || (value & ~soft_xcr0_known ()) != 0 || ((value & XCR0_AVX) != 0 && (value & XCR0_SSE) == 0))
    soft_raise_error (cpu, insn, EXC_GP, 0);
  cpu->xcr0 = value;
  soft_update_mode (cpu);
}

/* -- For the engine --------------------------------------------------------------------------------- */

void
soft_fpu_save (const SoftCpu *cpu, uint8_t *area)
{
  uint64_t present = in_use (cpu);

  memset (area, 0, AREA_END);
  soft_fpu_put_fx (cpu, area, TRUE);
  soft_put_mxcsr (cpu, area);
  memcpy (area + AREA_XMM, cpu->xmm, sizeof cpu->xmm);
  memcpy (area + AREA_YMM, cpu->ymm_high, sizeof cpu->ymm_high);
  memcpy (area + AREA_XSTATE_BV, &present, 8);
}

void
soft_fpu_load (SoftCpu *cpu, const uint8_t *area)
{
  uint64_t present = soft_area64 (area + AREA_XSTATE_BV);

  soft_fpu_reset (cpu);
  if ((present & XCR0_X87) != 0)
    soft_fpu_get_fx (cpu, area, TRUE);
  else
    {
      cpu->fcw = FCW_INIT;
      cpu->ftw = 0;
    }
  cpu->mxcsr = soft_area32 (area + AREA_MXCSR) & MXCSR_DEFINED;
  if ((present & XCR0_SSE) != 0)
    memcpy (cpu->xmm, area + AREA_XMM, sizeof cpu->xmm);
  if ((present & soft_xcr0_known () & XCR0_AVX) != 0)
    memcpy (cpu->ymm_high, area + AREA_YMM, sizeof cpu->ymm_high);
}
