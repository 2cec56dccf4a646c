/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * x87 instructions that take long: roots, remainders, scaling, trigonometric and logarithmic functions.  SDM volume 1, 8.3.6 and 8.3.7.
 *
 * How many values an instruction that pushes or pops leaves on the host's stack depends on its exceptions; then the stack is
 * cleared by FNINIT, and what happened is read off the status word.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/fpu-stack.h"

/* Status after the instruction; result[0] is the new top, result[1] what is below it. */
#define HOST_LONG(name, load, op)                                                                  \
  static uint16_t host_##name (uint16_t cw, const SoftX87 *a, const SoftX87 *b, SoftX87 result[2]) \
  {                                                                                                \
    uint16_t sw;                                                                                   \
    __asm__ volatile("fldcw %[cw]\n\t" load op                                                     \
                     "\n\tfnstsw %%ax\n\tfnclex\n\tfstpt %[r0]\n\tfstpt %[r1]\n\tfninit"           \
                     : "=a"(sw), [r0] "=m"(result[0]), [r1] "=m"(result[1])                        \
                     : [cw] "m"(cw), [a] "m"(*a), [b] "m"(*b)                                      \
                     : "cc", "st", "st(1)", "st(2)", "st(3)");                                     \
    return sw;                                                                                     \
  }
/* The same for those that leave as many values as they find. */
#define HOST_SAME(name, load, op, drop)                                                            \
  static uint16_t host_##name (uint16_t cw, const SoftX87 *a, const SoftX87 *b, SoftX87 result[2]) \
  {                                                                                                \
    uint16_t sw;                                                                                   \
    soft_host_cw (cw);                                                                             \
    __asm__ volatile(load op "\n\t" SOFT_HOST_STATUS "fstpt %[r0]" drop                            \
                     : "=a"(sw), [r0] "=m"(result[0])                                              \
                     : [a] "m"(*a), [b] "m"(*b)                                                    \
                     : "cc", "st", "st(1)", "st(2)", "st(3)");                                     \
    soft_host_cw_end (cw);                                                                         \
    return sw;                                                                                     \
  }
#define ONE  "fldt %[a]\n\t"
#define BOTH "fldt %[b]\n\tfldt %[a]\n\t"
HOST_SAME (fsqrt, ONE, "fsqrt", "")
HOST_SAME (frndint, ONE, "frndint", "")
HOST_SAME (f2xm1, ONE, "f2xm1", "")
HOST_SAME (fsin, ONE, "fsin", "")
HOST_SAME (fcos, ONE, "fcos", "")
HOST_LONG (fptan, ONE, "fptan")
HOST_LONG (fsincos, ONE, "fsincos")
HOST_LONG (fxtract, ONE, "fxtract")
HOST_SAME (fscale, BOTH, "fscale", "\n\tfstp %%st(0)")
HOST_SAME (fprem, BOTH, "fprem", "\n\tfstp %%st(0)")
HOST_SAME (fprem1, BOTH, "fprem1", "\n\tfstp %%st(0)")
HOST_LONG (fyl2x, BOTH, "fyl2x")
HOST_LONG (fyl2xp1, BOTH, "fyl2xp1")
HOST_LONG (fpatan, BOTH, "fpatan")

typedef uint16_t (*HostLong) (uint16_t cw, const SoftX87 *a, const SoftX87 *b, SoftX87 result[2]);

/* Top from top, or from top and ST(1): `two`. */
static inline void
replace_top (SoftCpu *cpu, const SoftInsn *insn, HostLong host, gboolean two, uint16_t condition)
{
  SoftX87 result[2];
  uint16_t sw;

  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  if (G_UNLIKELY (soft_st_empty (cpu, 0) || (two && soft_st_empty (cpu, 1))))
    {
      cpu->fsw &= (uint16_t) ~(condition & FSW_C2);
      if (soft_fpu_stack_fault (cpu, FALSE))
        soft_st_set (cpu, 0, &soft_fpu_indefinite);
      return;
    }
  sw = host (cpu->fcw, soft_st (cpu, 0), soft_st (cpu, 1), result);
  if (G_UNLIKELY ((sw & FSW_IE) != 0 || soft_fpu_stopped (cpu, sw)
                  || ((result[0].bytes[9] & 0x7f) == 0x7f && result[0].bytes[8] == 0xff)))
    {
      /* Not a number, so no quotient: C0 and C3 stay. */
      cpu->fsw &= (uint16_t) ~(condition & FSW_C2);
      condition = 0;
    }
  soft_fpu_flags (cpu, sw, FSW_C1 | condition);
  if (!soft_fpu_stopped (cpu, sw))
    soft_st_set (cpu, 0, &result[0]);
}

/* ST(1) from both, and a pop. */
static inline void
replace_and_pop (SoftCpu *cpu, const SoftInsn *insn, HostLong host)
{
  SoftX87 result[2];
  uint16_t sw;

  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  if (G_UNLIKELY (soft_st_empty (cpu, 0) || soft_st_empty (cpu, 1)))
    {
      if (!soft_fpu_stack_fault (cpu, FALSE))
        return;
      soft_fpu_pop (cpu);
      soft_st_set (cpu, 0, &soft_fpu_indefinite);
      return;
    }
  sw = host (cpu->fcw, soft_st (cpu, 0), soft_st (cpu, 1), result);
  soft_fpu_flags (cpu, sw, FSW_C1);
  if (soft_fpu_stopped (cpu, sw))
    return;
  soft_fpu_pop (cpu);
  soft_st_set (cpu, 0, &result[0]);
}

/* Two values from one. */
static inline void
replace_and_push (SoftCpu *cpu, const SoftInsn *insn, HostLong host, uint16_t condition)
{
  SoftX87 result[2];
  gboolean underflow, overflow;
  uint16_t sw;

  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  underflow = soft_st_empty (cpu, 0);
  overflow = !soft_st_empty (cpu, 7);
  if (G_UNLIKELY (underflow || overflow))
    {
      cpu->fsw &= (uint16_t)~condition;
      if (!soft_fpu_stack_fault (cpu, !underflow))
        return;
      soft_st_set (cpu, 0, &soft_fpu_indefinite);
      memcpy (soft_fpu_push (cpu)->bytes, soft_fpu_indefinite.bytes, 10);
      return;
    }
  sw = host (cpu->fcw, soft_st (cpu, 0), soft_st (cpu, 0), result);
  soft_fpu_flags (cpu, sw, FSW_C1 | condition);
  if (soft_fpu_stopped (cpu, sw) || (sw & condition) != 0)
    return;
  soft_st_set (cpu, 0, &result[1]);
  memcpy (soft_fpu_push (cpu)->bytes, result[0].bytes, 10);
}

#define OP_TOP(name, two, condition)                         \
  static void op_##name (SoftCpu *cpu, const SoftInsn *insn) \
  {                                                          \
    replace_top (cpu, insn, host_##name, two, condition);    \
  }
OP_TOP (fsqrt, FALSE, 0)
OP_TOP (frndint, FALSE, 0)
OP_TOP (f2xm1, FALSE, 0)
OP_TOP (fsin, FALSE, FSW_C2)
OP_TOP (fcos, FALSE, FSW_C2)
OP_TOP (fscale, TRUE, 0)
OP_TOP (fprem, TRUE, FSW_CONDITION)
OP_TOP (fprem1, TRUE, FSW_CONDITION)

#define OP_POP(name)                                         \
  static void op_##name (SoftCpu *cpu, const SoftInsn *insn) \
  {                                                          \
    replace_and_pop (cpu, insn, host_##name);                \
  }
OP_POP (fyl2x)
OP_POP (fyl2xp1)
OP_POP (fpatan)

#define OP_PUSH(name, condition)                             \
  static void op_##name (SoftCpu *cpu, const SoftInsn *insn) \
  {                                                          \
    replace_and_push (cpu, insn, host_##name, condition);    \
  }
OP_PUSH (fptan, FSW_C2)
OP_PUSH (fsincos, FSW_C2)
OP_PUSH (fxtract, 0)

SoftHelper
soft_fpu_find_transcendental (unsigned modrm)
{
  static const SoftHelper table[16]
      = { op_f2xm1, op_fyl2x,   op_fptan, op_fpatan,  op_fxtract, op_fprem1, NULL,    NULL,
          op_fprem, op_fyl2xp1, op_fsqrt, op_fsincos, op_frndint, op_fscale, op_fsin, op_fcos };

  return modrm >= 0xf0 ? table[modrm & 15] : NULL;
}
