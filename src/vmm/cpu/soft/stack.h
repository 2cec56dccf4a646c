/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A stack that isn't (or not yet) the processor's: far calls, interrupts and returns work on a copy of SS and RSP and
 * commit it when nothing can fault any more.
 */
#pragma once

#include "cpu/soft/engine-soft.h"

G_BEGIN_DECLS

typedef struct
{
  SoftCpu *cpu;
  const SoftInsn *insn;
  CpuSegment segment;
  uint64_t sp, mask;
  unsigned cpl; /* of the accesses */
  gboolean is64;
  uint32_t error; /* code of #SS */
} SoftStack;

/* SS:RSP as they are. */
void soft_stack_present (SoftCpu *cpu, const SoftInsn *insn, SoftStack *stack);
/* Of inner level `cpl`, from a 16- or 32-bit TSS; raises #TS, #SS with `ext` in the error code. */
void soft_stack_inner (SoftCpu *cpu, const SoftInsn *insn, unsigned cpl, uint32_t ext, SoftStack *stack);
void soft_stack_push (SoftStack *stack, uint64_t value, unsigned size);
uint64_t soft_stack_pop (SoftStack *stack, unsigned size);
/* Sets RSP; SS is the caller's. */
void soft_stack_commit (SoftStack *stack);

G_END_DECLS
