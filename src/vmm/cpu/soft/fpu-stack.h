/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The x87 register stack, and how the exceptions of an instruction end it.  SDM volume 1, chapter 8.
 *
 * An instruction runs on the host's x87 with the guest's own control word.  That needs no care for traps: the x87 reports an unmasked
 * exception only at the next instruction that waits, and FNSTSW and FNCLEX, which don't, come before that.
 */
#pragma once

#include "cpu/soft/fpu-check.h"

G_BEGIN_DECLS

/* Status word. */
enum
{
  FSW_IE = 1 << 0,
  FSW_DE = 1 << 1,
  FSW_ZE = 1 << 2,
  FSW_OE = 1 << 3,
  FSW_UE = 1 << 4,
  FSW_PE = 1 << 5,
  FSW_EXCEPTIONS = 0x3f,
  FSW_SF = 1 << 6,
  FSW_ES = 1 << 7,
  FSW_C0 = 1 << 8,
  FSW_C1 = 1 << 9,
  FSW_C2 = 1 << 10,
  FSW_TOP_SHIFT = 11,
  FSW_TOP = 7 << FSW_TOP_SHIFT,
  FSW_C3 = 1 << 14,
  FSW_B = 1 << 15,
  FSW_CONDITION = FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3,
};

enum
{
  FCW_INIT = 0x37f,
  FCW_MASKS = 0x3f,
  FCW_ONE = 1 << 6, /* reads as one */
  FCW_DEFINED = 0x1f7f,
};

/* What stops an instruction before it has done anything. */
#define FSW_BEFORE (FSW_IE | FSW_DE | FSW_ZE)

static inline unsigned
soft_fpu_top (const SoftCpu *cpu)
{
  return (cpu->fsw >> FSW_TOP_SHIFT) & 7;
}

static inline unsigned
soft_fpu_phys (const SoftCpu *cpu, unsigned i)
{
  return (soft_fpu_top (cpu) + i) & 7;
}

static inline SoftX87 *
soft_st (SoftCpu *cpu, unsigned i)
{
  return &cpu->x87[soft_fpu_phys (cpu, i)];
}

/* Registers are copied as FLD and FSTP of 80 bits access them, 8 bytes and 2: a wider load would wait for the store before it. */
static inline void
soft_x87_copy (SoftX87 *to, const SoftX87 *from)
{
  uint64_t significand;
  uint16_t exponent;

  memcpy (&significand, from->bytes, 8);
  memcpy (&exponent, from->bytes + 8, 2);
  memcpy (to->bytes, &significand, 8);
  memcpy (to->bytes + 8, &exponent, 2);
}

static inline gboolean
soft_st_empty (const SoftCpu *cpu, unsigned i)
{
  return ((cpu->ftw >> soft_fpu_phys (cpu, i)) & 1) == 0;
}

static inline void
soft_fpu_set_top (SoftCpu *cpu, unsigned top)
{
  cpu->fsw = (uint16_t)((cpu->fsw & ~FSW_TOP) | ((top & 7) << FSW_TOP_SHIFT));
}

static inline void
soft_fpu_pop (SoftCpu *cpu)
{
  unsigned top = soft_fpu_top (cpu);

  cpu->ftw &= (uint8_t) ~(1u << top);
  soft_fpu_set_top (cpu, top + 1);
}

/* Makes room for a value; the caller has seen that the place is empty, or answers an overflow. */
static inline SoftX87 *
soft_fpu_push (SoftCpu *cpu)
{
  unsigned top = (soft_fpu_top (cpu) - 1) & 7;

  soft_fpu_set_top (cpu, top);
  cpu->ftw |= (uint8_t)(1u << top);
  return &cpu->x87[top];
}

static inline void
soft_st_set (SoftCpu *cpu, unsigned i, const SoftX87 *value)
{
  unsigned phys = soft_fpu_phys (cpu, i);

  memcpy (cpu->x87[phys].bytes, value->bytes, 10);
  cpu->ftw |= (uint8_t)(1u << phys);
}

/* ES and B follow the flags and masks. */
static inline void
soft_fpu_summary (SoftCpu *cpu)
{
  if ((cpu->fsw & ~cpu->fcw & FSW_EXCEPTIONS) != 0)
    cpu->fsw |= FSW_ES | FSW_B;
  else
    cpu->fsw &= (uint16_t) ~(FSW_ES | FSW_B);
}

/* Takes over flags of `sw` (exceptions, SF) and the condition bits in `condition`. */
static inline void
soft_fpu_flags (SoftCpu *cpu, uint16_t sw, uint16_t condition)
{
  cpu->fsw = (uint16_t)((cpu->fsw & ~condition) | (sw & (condition | FSW_EXCEPTIONS | FSW_SF)));
  if (G_UNLIKELY ((cpu->fsw & ~cpu->fcw & FSW_EXCEPTIONS) != 0))
    cpu->fsw |= FSW_ES | FSW_B;
}

/* An exception that isn't masked and leaves operands as they were. */
static inline gboolean
soft_fpu_stopped (const SoftCpu *cpu, uint16_t sw)
{
  return (sw & ~cpu->fcw & FSW_BEFORE) != 0;
}

/* Stack fault; returns TRUE if it is masked, so that the answer is the default NaN. */
static inline gboolean
soft_fpu_stack_fault (SoftCpu *cpu, gboolean overflow)
{
  soft_fpu_flags (cpu, FSW_IE | FSW_SF | (overflow ? FSW_C1 : 0), FSW_C1);
  return (cpu->fcw & FSW_IE) != 0;
}

/* A pending exception is reported to an instruction that waits. */
void soft_fpu_pending (SoftCpu *cpu, const SoftInsn *insn);

/* Start of all x87 instructions that wait. */
static inline void
soft_fpu_begin (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_check (cpu, insn);
  if (G_UNLIKELY ((cpu->fsw & FSW_ES) != 0))
    soft_fpu_pending (cpu, insn);
}

/* Where the last instruction was that isn't a control instruction. */
static inline void
soft_fpu_pointers (SoftCpu *cpu, const SoftInsn *insn)
{
  cpu->fip = soft_rip (cpu, insn);
  cpu->fcs = cpu->segment[CPU_CS].selector;
  cpu->fop = insn->opcode;
}

static inline void
soft_fpu_data_pointer (SoftCpu *cpu, const SoftInsn *insn, uint64_t ea)
{
  cpu->fdp = ea;
  cpu->fds = cpu->segment[insn->seg].selector;
}

extern const SoftX87 soft_fpu_indefinite;

/* fpu-arith.c, fpu-trans.c: their parts of the opcode space; NULL for what they don't have.  `op` is opcode - D8, `reg` and `rm` ModRM. */
SoftHelper soft_fpu_find_arithmetic (unsigned op, unsigned reg, gboolean memory);
SoftHelper soft_fpu_find_move (unsigned op, unsigned reg, unsigned rm, gboolean memory);
SoftHelper soft_fpu_find_compare (unsigned op, unsigned modrm);
SoftHelper soft_fpu_find_transcendental (unsigned modrm); /* of D9 E0 to FF */
/* FXSAVE image without MXCSR and XMM registers; `wide` has 64-bit pointers. */
void soft_fpu_put_fx (const SoftCpu *cpu, uint8_t *area, gboolean wide);
void soft_fpu_get_fx (SoftCpu *cpu, const uint8_t *area, gboolean wide);

/* The guest's control word on the host's x87. */
static inline void
soft_host_cw (uint16_t cw)
{
  if (G_UNLIKELY (cw != FCW_INIT))
    __asm__ volatile("fldcw %0" : : "m"(cw));
}

static inline void
soft_host_cw_end (uint16_t cw)
{
  static const uint16_t init = FCW_INIT;

  if (G_UNLIKELY (cw != FCW_INIT))
    __asm__ volatile("fldcw %0" : : "m"(init));
}

/* After an instruction: the status to AX, no exception left. */
#define SOFT_HOST_STATUS   "fnstsw %%ax\n\ttestb $0x7f, %%al\n\tjz 1f\n\tfnclex\n1:\t"
#define SOFT_HOST_CLOBBERS "cc", "st", "st(1)", "st(2)"

G_END_DECLS
