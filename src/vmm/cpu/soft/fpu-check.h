/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whether an instruction of x87, MMX or SSE may run, and the line that x87 exceptions pull.  SDM volume 3, chapters 2.5, 12.1 and 13.1.
 */
#pragma once

#include "cpu/soft/insn.h"

G_BEGIN_DECLS

/* FERR#, wired to IRQ 13: an unmasked x87 exception is pending while CR0.NE is clear. */
void soft_fpu_error_line (SoftCpu *cpu);

/* An x87 instruction may run (but FWAIT: that needs MP and TS both). */
static inline void
soft_fpu_check (SoftCpu *cpu, const SoftInsn *insn)
{
  if (G_UNLIKELY ((cpu->cr0 & (CR0_EM | CR0_TS)) != 0))
    soft_raise (cpu, insn, EXC_NM);
}

/* An MMX instruction may run. */
static inline void
soft_mmx_check (SoftCpu *cpu, const SoftInsn *insn)
{
  if (G_UNLIKELY ((cpu->cr0 & (CR0_EM | CR0_TS)) != 0))
    soft_raise (cpu, insn, (cpu->cr0 & CR0_EM) != 0 ? EXC_UD : EXC_NM);
}

/* An SSE instruction may run. */
static inline void
soft_sse_check (SoftCpu *cpu, const SoftInsn *insn)
{
  if (G_UNLIKELY ((cpu->cr0 & (CR0_EM | CR0_TS)) != 0 || (cpu->cr4 & CR4_OSFXSR) == 0))
    soft_raise (cpu, insn, (cpu->cr0 & CR0_EM) != 0 || (cpu->cr4 & CR4_OSFXSR) == 0 ? EXC_UD : EXC_NM);
}

G_END_DECLS
