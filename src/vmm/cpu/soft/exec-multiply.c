/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Multiplication and division.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/exec-integer-private.h"

/* The one-operand form works on RAX, where the flags come and go: the product is moved out of the way in between. */
#define MULTIPLY(op, sfx, T, low, high, src)                                                \
  __asm__(FLAGS_IN "mov" sfx " %[l], %%" A_##T "\n\t" op sfx " %[s]\n\tmov" sfx " %%" A_##T \
          ", %[l]" FLAGS_OUT                                                                \
          : "+a"(flags), [l] "+r"(low), "=&d"(high)                                         \
          : [s] "r"((T)(src))                                                               \
          : "cc")
#define A_uint16_t "ax"
#define A_uint32_t "eax"
#define A_uint64_t "rax"

static void
multiply (SoftCpu *cpu, const SoftInsn *insn, gboolean is_signed)
{
  uint64_t src = soft_rm_read (cpu, insn), flags = cpu->af;

  switch (insn->size)
    {
    case 1:
      {
        uint16_t dst = (uint16_t)cpu->reg[CPU_RAX];

        if (is_signed)
          __asm__(FLAGS_IN "movw %0, %%ax\n\timulb %b2\n\tmovw %%ax, %0" FLAGS_OUT
                  : "+r"(dst), "+&a"(flags)
                  : "q"((uint8_t)src)
                  : "cc");
        else
          __asm__(FLAGS_IN "movw %0, %%ax\n\tmulb %b2\n\tmovw %%ax, %0" FLAGS_OUT
                  : "+r"(dst), "+&a"(flags)
                  : "q"((uint8_t)src)
                  : "cc");
        SOFT_R16 (cpu, CPU_RAX) = dst;
        break;
      }
    case 2:
      {
        uint16_t low = (uint16_t)cpu->reg[CPU_RAX], high;

        if (is_signed)
          MULTIPLY ("imul", "w", uint16_t, low, high, src);
        else
          MULTIPLY ("mul", "w", uint16_t, low, high, src);
        SOFT_R16 (cpu, CPU_RAX) = low;
        SOFT_R16 (cpu, CPU_RDX) = high;
        break;
      }
    case 4:
      {
        uint32_t low = (uint32_t)cpu->reg[CPU_RAX], high;

        if (is_signed)
          MULTIPLY ("imul", "l", uint32_t, low, high, src);
        else
          MULTIPLY ("mul", "l", uint32_t, low, high, src);
        cpu->reg[CPU_RAX] = low;
        cpu->reg[CPU_RDX] = high;
        break;
      }
    default:
      {
        uint64_t low = cpu->reg[CPU_RAX], high;

        if (is_signed)
          MULTIPLY ("imul", "q", uint64_t, low, high, src);
        else
          MULTIPLY ("mul", "q", uint64_t, low, high, src);
        cpu->reg[CPU_RAX] = low;
        cpu->reg[CPU_RDX] = high;
        break;
      }
    }
  cpu->af = (uint16_t)flags;
}

HANDLER (soft_op_mul)
{
  multiply (cpu, insn, FALSE);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_imul1)
{
  multiply (cpu, insn, TRUE);
  SOFT_NEXT (cpu, insn);
}

static uint64_t
signed_product (SoftCpu *cpu, unsigned size, uint64_t a, uint64_t b)
{
  uint32_t flags = cpu->af;

  switch (size)
    {
    case 2:
      {
        uint16_t dst = (uint16_t)a;
        __asm__(FLAGS_IN "imulw %2, %0" FLAGS_OUT : "+r"(dst), "+&a"(flags) : "r"((uint16_t)b) : "cc");
        a = dst;
        break;
      }
    case 4:
      {
        uint32_t dst = (uint32_t)a;
        __asm__(FLAGS_IN "imull %2, %0" FLAGS_OUT : "+r"(dst), "+&a"(flags) : "r"((uint32_t)b) : "cc");
        a = dst;
        break;
      }
    default:
      __asm__(FLAGS_IN "imulq %2, %0" FLAGS_OUT : "+r"(a), "+&a"(flags) : "r"(b) : "cc");
      break;
    }
  cpu->af = (uint16_t)flags;
  return a;
}

HANDLER (soft_op_imul2)
{
  uint64_t src = soft_rm_read (cpu, insn);
  soft_set_reg (cpu, insn->a, insn->size,
                signed_product (cpu, insn->size, soft_get_reg (cpu, insn->a, insn->size), src));
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_imul3)
{
  uint64_t src = soft_rm_read (cpu, insn);
  soft_set_reg (cpu, insn->a, insn->size, signed_product (cpu, insn->size, src, insn->imm));
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_div)
{
  uint64_t divisor = soft_rm_read (cpu, insn);

  if (divisor == 0)
    soft_raise (cpu, insn, EXC_DE);
  switch (insn->size)
    {
    case 1:
      {
        uint16_t dividend = (uint16_t)cpu->reg[CPU_RAX];
        unsigned quotient = dividend / (unsigned)divisor;
        if (quotient > 0xff)
          soft_raise (cpu, insn, EXC_DE);
        SOFT_R16 (cpu, CPU_RAX) = (uint16_t)(quotient | (dividend % (unsigned)divisor) << 8);
        break;
      }
    case 2:
      {
        uint32_t dividend = (uint32_t)SOFT_R16 (cpu, CPU_RDX) << 16 | SOFT_R16 (cpu, CPU_RAX);
        uint32_t quotient = dividend / (uint32_t)divisor;
        if (quotient > 0xffff)
          soft_raise (cpu, insn, EXC_DE);
        SOFT_R16 (cpu, CPU_RAX) = (uint16_t)quotient;
        SOFT_R16 (cpu, CPU_RDX) = (uint16_t)(dividend % (uint32_t)divisor);
        break;
      }
    case 4:
      {
        uint64_t dividend = cpu->reg[CPU_RDX] << 32 | (uint32_t)cpu->reg[CPU_RAX];
        uint64_t quotient = dividend / divisor;
        if (quotient > 0xffffffffu)
          soft_raise (cpu, insn, EXC_DE);
        cpu->reg[CPU_RAX] = quotient;
        cpu->reg[CPU_RDX] = dividend % divisor;
        break;
      }
    default:
      {
        uint64_t quotient, rest;
        if (cpu->reg[CPU_RDX] >= divisor)
          soft_raise (cpu, insn, EXC_DE);
        __asm__("divq %4"
                : "=a"(quotient), "=d"(rest)
                : "0"(cpu->reg[CPU_RAX]), "1"(cpu->reg[CPU_RDX]), "r"(divisor)
                : "cc");
        cpu->reg[CPU_RAX] = quotient;
        cpu->reg[CPU_RDX] = rest;
        break;
      }
    }
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_idiv)
{
  uint64_t raw = soft_rm_read (cpu, insn);

  switch (insn->size)
    {
    case 1:
      {
        int dividend = (int16_t)cpu->reg[CPU_RAX], divisor = (int8_t)raw;
        int quotient = divisor != 0 ? dividend / divisor : G_MAXINT;
        if (quotient != (int8_t)quotient)
          soft_raise (cpu, insn, EXC_DE);
        SOFT_R16 (cpu, CPU_RAX)
            = (uint16_t)((uint8_t)quotient | (uint16_t)((uint8_t)(dividend % divisor) << 8));
        break;
      }
    case 2:
      {
        int64_t dividend = (int32_t)((uint32_t)SOFT_R16 (cpu, CPU_RDX) << 16 | SOFT_R16 (cpu, CPU_RAX));
        int64_t divisor = (int16_t)raw;
        int64_t quotient = divisor != 0 ? dividend / divisor : G_MAXINT64;
        if (quotient != (int16_t)quotient)
          soft_raise (cpu, insn, EXC_DE);
        SOFT_R16 (cpu, CPU_RAX) = (uint16_t)quotient;
        SOFT_R16 (cpu, CPU_RDX) = (uint16_t)(dividend % divisor);
        break;
      }
    case 4:
      {
        int64_t dividend = (int64_t)(cpu->reg[CPU_RDX] << 32 | (uint32_t)cpu->reg[CPU_RAX]);
        int64_t divisor = (int32_t)raw, quotient = G_MAXINT64;
        if (divisor != 0 && !(divisor == -1 && dividend == INT64_MIN))
          quotient = dividend / divisor;
        if (quotient != (int32_t)quotient)
          soft_raise (cpu, insn, EXC_DE);
        cpu->reg[CPU_RAX] = (uint32_t)quotient;
        cpu->reg[CPU_RDX] = (uint32_t)(dividend % divisor);
        break;
      }
    default:
      {
        __int128 dividend = (__int128)((unsigned __int128)cpu->reg[CPU_RDX] << 64 | cpu->reg[CPU_RAX]);
        int64_t divisor = (int64_t)raw;
        unsigned __int128 magnitude, limit;
        uint64_t by;
        int64_t quotient;

        if (divisor == 0)
          soft_raise (cpu, insn, EXC_DE);
        magnitude = dividend < 0 ? -(unsigned __int128)dividend : (unsigned __int128)dividend;
        by = divisor < 0 ? -(uint64_t)divisor : (uint64_t)divisor;
        limit = magnitude / by;
        if (limit > ((dividend < 0) != (divisor < 0) ? (unsigned __int128)1 << 63
                                                     : ((unsigned __int128)1 << 63) - 1))
          soft_raise (cpu, insn, EXC_DE);
        quotient = (int64_t)((dividend < 0) != (divisor < 0) ? -(uint64_t)limit : (uint64_t)limit);
        cpu->reg[CPU_RDX] = cpu->reg[CPU_RAX] - (uint64_t)quotient * (uint64_t)divisor;
        cpu->reg[CPU_RAX] = (uint64_t)quotient;
        break;
      }
    }
  SOFT_NEXT (cpu, insn);
}
