/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of rare integer instructions share: exec-integer.c, exec-multiply.c, exec-bits.c, exec-decimal.c.
 */
#pragma once

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/ops.h"

G_BEGIN_DECLS

#define HANDLER(name) void name (SoftCpu *cpu, const SoftInsn *insn)

/* Some flags are undefined, and kept by some processors: the guest's go in.  They come in EAX as LAHF and SETO left them. */
#define FLAGS_IN  "addb $127, %%al\n\tsahf\n\t"
#define FLAGS_OUT "\n\tlahf\n\tseto %%al"

static inline void
soft_set_carry (SoftCpu *cpu, gboolean carry)
{
  cpu->af = (uint16_t)((cpu->af & ~0x100) | (carry ? 0x100 : 0));
}

/* Where the operand of a bit instruction lies whose number is in a register. */
uint64_t soft_bit_offset (SoftCpu *cpu, const SoftInsn *insn);

G_END_DECLS
