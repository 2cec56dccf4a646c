/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * x87 arithmetic and comparison, in all forms of operands.  SDM volume 1, 8.3.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/fpu-stack.h"

typedef uint16_t (*HostBinary) (const SoftX87 *a, const void *b, SoftX87 *result);

/* a = a op b, where b is a register or memory operand of the host's instruction. */
#define HOST_BINARY(name, type, load, op)                                                     \
  static inline uint16_t host_##name (const SoftX87 *a, const void *operand, SoftX87 *result) \
  {                                                                                           \
    const type *b = operand;                                                                  \
    uint16_t sw;                                                                              \
    __asm__ volatile(load op SOFT_HOST_STATUS "fstpt %[r]"                                    \
                     : "=a"(sw), [r] "=m"(*result)                                            \
                     : [a] "m"(*a), [b] "m"(*b)                                               \
                     : SOFT_HOST_CLOBBERS);                                                   \
    return sw;                                                                                \
  }

#define HOST_REGISTER(name, op)                                                                    \
  static inline uint16_t host_##name##_st (const SoftX87 *a, const void *operand, SoftX87 *result) \
  {                                                                                                \
    const SoftX87 *b = operand;                                                                    \
    uint16_t sw;                                                                                   \
    __asm__ volatile("fldt %[b]\n\tfldt %[a]\n\t" op "\t%%st(1), %%st\n\t" SOFT_HOST_STATUS        \
                     "fstpt %[r]\n\tfstp %%st(0)"                                                  \
                     : "=a"(sw), [r] "=m"(*result)                                                 \
                     : [a] "m"(*a), [b] "m"(*b)                                                    \
                     : SOFT_HOST_CLOBBERS);                                                        \
    return sw;                                                                                     \
  }

#define HOST_ARITHMETIC(name)                                                  \
  HOST_REGISTER (name, "f" #name)                                              \
  HOST_BINARY (name##_m32, uint32_t, "fldt %[a]\n\t", "f" #name "s %[b]\n\t")  \
  HOST_BINARY (name##_m64, uint64_t, "fldt %[a]\n\t", "f" #name "l %[b]\n\t")  \
  HOST_BINARY (name##_i32, uint32_t, "fldt %[a]\n\t", "fi" #name "l %[b]\n\t") \
  HOST_BINARY (name##_i16, uint16_t, "fldt %[a]\n\t", "fi" #name "s %[b]\n\t")

HOST_ARITHMETIC (add)
HOST_ARITHMETIC (mul)
HOST_ARITHMETIC (sub)
HOST_ARITHMETIC (subr)
HOST_ARITHMETIC (div)
HOST_ARITHMETIC (divr)

/* The end of an operation with `destination`, ST(i). */
static inline void
finish (SoftCpu *cpu, unsigned destination, uint16_t sw, const SoftX87 *result, gboolean pop)
{
  soft_fpu_flags (cpu, sw, FSW_C1);
  if (G_UNLIKELY (soft_fpu_stopped (cpu, sw)))
    return;
  memcpy (soft_st (cpu, destination)->bytes, result->bytes, 10);
  if (pop)
    soft_fpu_pop (cpu);
}

static void
underflow (SoftCpu *cpu, unsigned destination, gboolean pop)
{
  if (!soft_fpu_stack_fault (cpu, FALSE))
    return;
  soft_st_set (cpu, destination, &soft_fpu_indefinite);
  if (pop)
    soft_fpu_pop (cpu);
}

static inline void
arithmetic_register (SoftCpu *cpu, const SoftInsn *insn, HostBinary host, gboolean to_sti, gboolean pop)
{
  unsigned i = insn->modrm & 7, destination = to_sti ? i : 0, other = to_sti ? 0 : i;
  SoftX87 result;
  uint16_t sw;

  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  if (G_UNLIKELY (soft_st_empty (cpu, 0) || soft_st_empty (cpu, i)))
    {
      underflow (cpu, destination, pop);
      return;
    }
  soft_host_cw (cpu->fcw);
  sw = host (soft_st (cpu, destination), soft_st (cpu, other), &result);
  soft_host_cw_end (cpu->fcw);
  finish (cpu, destination, sw, &result, pop);
}

static inline void
arithmetic_memory (SoftCpu *cpu, const SoftInsn *insn, HostBinary host, const void *operand, uint64_t ea)
{
  SoftX87 result;
  uint16_t sw;

  soft_fpu_pointers (cpu, insn);
  soft_fpu_data_pointer (cpu, insn, ea);
  if (G_UNLIKELY (soft_st_empty (cpu, 0)))
    {
      underflow (cpu, 0, FALSE);
      return;
    }
  soft_host_cw (cpu->fcw);
  sw = host (soft_st (cpu, 0), operand, &result);
  soft_host_cw_end (cpu->fcw);
  finish (cpu, 0, sw, &result, FALSE);
}

#define OP_MEMORY(name, suffix, bits)                                   \
  static void op_##name##_##suffix (SoftCpu *cpu, const SoftInsn *insn) \
  {                                                                     \
    uint64_t ea;                                                        \
    uint##bits##_t value;                                               \
    soft_fpu_begin (cpu, insn);                                         \
    ea = soft_ea (cpu, insn);                                           \
    value = soft_load##bits (cpu, insn, insn->seg, ea);                 \
    arithmetic_memory (cpu, insn, host_##name##_##suffix, &value, ea);  \
  }

#define OP(name)                                                     \
  static void op_##name##_st0 (SoftCpu *cpu, const SoftInsn *insn)   \
  {                                                                  \
    arithmetic_register (cpu, insn, host_##name##_st, FALSE, FALSE); \
  }                                                                  \
  static void op_##name##_sti (SoftCpu *cpu, const SoftInsn *insn)   \
  {                                                                  \
    arithmetic_register (cpu, insn, host_##name##_st, TRUE, FALSE);  \
  }                                                                  \
  static void op_##name##_pop (SoftCpu *cpu, const SoftInsn *insn)   \
  {                                                                  \
    arithmetic_register (cpu, insn, host_##name##_st, TRUE, TRUE);   \
  }                                                                  \
  OP_MEMORY (name, m32, 32) OP_MEMORY (name, m64, 64) OP_MEMORY (name, i32, 32) OP_MEMORY (name, i16, 16)

OP (add)
OP (mul)
OP (sub)
OP (subr)
OP (div)
OP (divr)

/* -- Comparison ------------------------------------------------------------------------------------ */

#define HOST_COMPARE(name, type, load, op, drop)                             \
  static inline uint16_t host_##name (const SoftX87 *a, const void *operand) \
  {                                                                          \
    const type *b = operand;                                                 \
    uint16_t sw;                                                             \
    __asm__ volatile(load op SOFT_HOST_STATUS drop                           \
                     : "=a"(sw)                                              \
                     : [a] "m"(*a), [b] "m"(*b)                              \
                     : SOFT_HOST_CLOBBERS);                                  \
    return sw;                                                               \
  }

#define LOAD_BOTH "fldt %[b]\n\tfldt %[a]\n\t"
#define DROP_ONE  "fstp %%st(0)"
#define DROP_BOTH "fstp %%st(0)\n\tfstp %%st(0)"
HOST_COMPARE (com_st, SoftX87, LOAD_BOTH, "fcom %%st(1)\n\t", DROP_BOTH)
HOST_COMPARE (ucom_st, SoftX87, LOAD_BOTH, "fucom %%st(1)\n\t", DROP_BOTH)
HOST_COMPARE (com_m32, uint32_t, "fldt %[a]\n\t", "fcoms %[b]\n\t", DROP_ONE)
HOST_COMPARE (com_m64, uint64_t, "fldt %[a]\n\t", "fcoml %[b]\n\t", DROP_ONE)
HOST_COMPARE (com_i32, uint32_t, "fldt %[a]\n\t", "ficoml %[b]\n\t", DROP_ONE)
HOST_COMPARE (com_i16, uint16_t, "fldt %[a]\n\t", "ficoms %[b]\n\t", DROP_ONE)
HOST_COMPARE (tst, SoftX87, "fldt %[a]\n\t", "ftst\n\t", DROP_ONE)

typedef uint16_t (*HostCompare) (const SoftX87 *a, const void *b);

/* Comparisons run with all exceptions masked, so that the condition is always there; it is dropped if the guest doesn't mask. */
static inline void
compare (SoftCpu *cpu, HostCompare host, unsigned i, const void *operand, unsigned pops)
{
  uint16_t sw;

  if (G_UNLIKELY (soft_st_empty (cpu, 0) || (operand == NULL && soft_st_empty (cpu, i))))
    sw = FSW_IE | FSW_SF | FSW_C0 | FSW_C2 | FSW_C3;
  else
    sw = host (soft_st (cpu, 0), operand != NULL ? operand : soft_st (cpu, i)) & ~FSW_C1;
  soft_fpu_flags (cpu, sw, FSW_CONDITION);
  if (G_UNLIKELY (soft_fpu_stopped (cpu, sw)))
    return;
  while (pops-- > 0)
    soft_fpu_pop (cpu);
}

#define OP_COMPARE(name, host, pops)                         \
  static void op_##name (SoftCpu *cpu, const SoftInsn *insn) \
  {                                                          \
    soft_fpu_begin (cpu, insn);                              \
    soft_fpu_pointers (cpu, insn);                           \
    compare (cpu, host, insn->modrm & 7, NULL, pops);        \
  }
OP_COMPARE (com_st, host_com_st, 0)
OP_COMPARE (comp_st, host_com_st, 1)
OP_COMPARE (compp, host_com_st, 2)
OP_COMPARE (ucom_st, host_ucom_st, 0)
OP_COMPARE (ucomp_st, host_ucom_st, 1)
OP_COMPARE (ucompp, host_ucom_st, 2)

static void
op_tst (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  compare (cpu, host_tst, 0, NULL, 0);
}

#define OP_COMPARE_MEMORY(name, bits, pops)                              \
  static void op_com##pops##_##name (SoftCpu *cpu, const SoftInsn *insn) \
  {                                                                      \
    uint64_t ea;                                                         \
    uint##bits##_t value;                                                \
    soft_fpu_begin (cpu, insn);                                          \
    ea = soft_ea (cpu, insn);                                            \
    value = soft_load##bits (cpu, insn, insn->seg, ea);                  \
    soft_fpu_pointers (cpu, insn);                                       \
    soft_fpu_data_pointer (cpu, insn, ea);                               \
    compare (cpu, host_com_##name, 0, &value, pops);                     \
  }
OP_COMPARE_MEMORY (m32, 32, 0)
OP_COMPARE_MEMORY (m32, 32, 1)
OP_COMPARE_MEMORY (m64, 64, 0)
OP_COMPARE_MEMORY (m64, 64, 1)
OP_COMPARE_MEMORY (i32, 32, 0)
OP_COMPARE_MEMORY (i32, 32, 1)
OP_COMPARE_MEMORY (i16, 16, 0)
OP_COMPARE_MEMORY (i16, 16, 1)

/* FCOMI, FUCOMI: the result goes to ZF, PF and CF.  As AMD's processors do it: with an exception that isn't masked, too, and C1
 * is left as it was but by a stack fault (SDM: it is cleared, and the flags are left). */
static inline void
compare_flags (SoftCpu *cpu, const SoftInsn *insn, HostCompare host, gboolean pop)
{
  unsigned i = insn->modrm & 7;
  uint32_t eflags = 0;
  uint16_t sw;

  soft_fpu_begin (cpu, insn);
  soft_fpu_pointers (cpu, insn);
  if (G_UNLIKELY (soft_st_empty (cpu, 0) || soft_st_empty (cpu, i)))
    {
      sw = FSW_IE | FSW_SF | FSW_C0 | FSW_C2 | FSW_C3;
      cpu->fsw &= (uint16_t)~FSW_C1;
    }
  else
    sw = host (soft_st (cpu, 0), soft_st (cpu, i));
  soft_fpu_flags (cpu, sw, 0);
  if ((sw & FSW_C0) != 0)
    eflags |= FLAG_CF;
  if ((sw & FSW_C2) != 0)
    eflags |= FLAG_PF;
  if ((sw & FSW_C3) != 0)
    eflags |= FLAG_ZF;
  cpu->af = soft_eflags_to_af (eflags);
  if (pop && !soft_fpu_stopped (cpu, sw))
    soft_fpu_pop (cpu);
}

static void
op_comi (SoftCpu *cpu, const SoftInsn *insn)
{
  compare_flags (cpu, insn, host_com_st, FALSE);
}

static void
op_comip (SoftCpu *cpu, const SoftInsn *insn)
{
  compare_flags (cpu, insn, host_com_st, TRUE);
}

static void
op_ucomi (SoftCpu *cpu, const SoftInsn *insn)
{
  compare_flags (cpu, insn, host_ucom_st, FALSE);
}

static void
op_ucomip (SoftCpu *cpu, const SoftInsn *insn)
{
  compare_flags (cpu, insn, host_ucom_st, TRUE);
}

SoftHelper
soft_fpu_find_arithmetic (unsigned op, unsigned reg, gboolean memory)
{
#define ROW_MEMORY(t)                                                                                  \
  {                                                                                                    \
    op_add_##t, op_mul_##t, op_com0_##t, op_com1_##t, op_sub_##t, op_subr_##t, op_div_##t, op_divr_##t \
  }
  static const SoftHelper memory_table[4][8]
      = { ROW_MEMORY (m32), ROW_MEMORY (i32), ROW_MEMORY (m64), ROW_MEMORY (i16) };
  static const SoftHelper st0[8]
      = { op_add_st0, op_mul_st0, op_com_st, op_comp_st, op_sub_st0, op_subr_st0, op_div_st0, op_divr_st0 };
  /* With ST(i) as destination the sense of the reversed forms is swapped (SDM volume 2, appendix B.17). */
  static const SoftHelper sti[8]
      = { op_add_sti, op_mul_sti, op_com_st, op_comp_st, op_subr_sti, op_sub_sti, op_divr_sti, op_div_sti };
  static const SoftHelper pop[8]
      = { op_add_pop, op_mul_pop, op_comp_st, NULL, op_subr_pop, op_sub_pop, op_divr_pop, op_div_pop };

  if (memory)
    return (op & 1) == 0 ? memory_table[op >> 1][reg] : NULL;
  switch (op)
    {
    case 0:
      return st0[reg];
    case 4:
      return sti[reg];
    case 6:
      return pop[reg];
    case 3:
      return reg == 5 ? op_ucomi : reg == 6 ? op_comi : NULL;
    case 5:
      return reg == 4 ? op_ucom_st : reg == 5 ? op_ucomp_st : NULL;
    case 7:
      return reg == 5 ? op_ucomip : reg == 6 ? op_comip : NULL;
    default:
      return NULL;
    }
}

/* Those that name no register. */
SoftHelper
soft_fpu_find_compare (unsigned op, unsigned modrm)
{
  if (op == 6 && modrm == 0xd9)
    return op_compp;
  if (op == 2 && modrm == 0xe9)
    return op_ucompp;
  if (op == 1 && modrm == 0xe4)
    return op_tst;
  return NULL;
}
