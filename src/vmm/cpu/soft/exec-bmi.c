/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * BMI1, BMI2, LZCNT, ADX, RDRAND, RDSEED, RDPID: integer instructions of the time of AVX.  SDM volume 2; insn->v is VEX.vvvv.
 *
 * The host's own instruction computes flags and result, and the guest's flags go in, as elsewhere.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/exec-integer-private.h"

/* reg = rm op v, flags */
#define THREE_OPERANDS(name, first, second)                                \
  HANDLER (soft_op_##name)                                                 \
  {                                                                        \
    uint64_t rm = soft_rm_read (cpu, insn), v = cpu->reg[insn->v], result; \
    uint32_t flags = cpu->af;                                              \
    if (insn->size == 8)                                                   \
      __asm__(FLAGS_IN #name " %" first ", %" second ", %0" FLAGS_OUT      \
              : "=&r"(result), "+&a"(flags)                                \
              : "r"(rm), "r"(v)                                            \
              : "cc");                                                     \
    else                                                                   \
      __asm__(FLAGS_IN #name " %k" first ", %k" second ", %k0" FLAGS_OUT   \
              : "=&r"(result), "+&a"(flags)                                \
              : "r"(rm), "r"(v)                                            \
              : "cc");                                                     \
    cpu->af = (uint16_t)flags;                                             \
    soft_set_reg (cpu, insn->a, insn->size, result);                       \
    SOFT_NEXT (cpu, insn);                                                 \
  }
THREE_OPERANDS (andn, "2", "3")
THREE_OPERANDS (bextr, "3", "2")
THREE_OPERANDS (bzhi, "3", "2")
/* These two leave the flags, which costs nothing to do in the same way. */
THREE_OPERANDS (pdep, "2", "3")
THREE_OPERANDS (pext, "2", "3")

/* v = op rm, flags */
#define TWO_OPERANDS(name)                                                                          \
  HANDLER (soft_op_##name)                                                                          \
  {                                                                                                 \
    uint64_t rm = soft_rm_read (cpu, insn), result;                                                 \
    uint32_t flags = cpu->af;                                                                       \
    if (insn->size == 8)                                                                            \
      __asm__(FLAGS_IN #name " %2, %0" FLAGS_OUT : "=&r"(result), "+&a"(flags) : "r"(rm) : "cc");   \
    else                                                                                            \
      __asm__(FLAGS_IN #name " %k2, %k0" FLAGS_OUT : "=&r"(result), "+&a"(flags) : "r"(rm) : "cc"); \
    cpu->af = (uint16_t)flags;                                                                      \
    soft_set_reg (cpu, insn->v, insn->size, result);                                                \
    SOFT_NEXT (cpu, insn);                                                                          \
  }
TWO_OPERANDS (blsr)
TWO_OPERANDS (blsmsk)
TWO_OPERANDS (blsi)

#define COUNT(name)                                                                                 \
  HANDLER (soft_op_##name)                                                                          \
  {                                                                                                 \
    uint64_t rm = soft_rm_read (cpu, insn), result;                                                 \
    uint32_t flags = cpu->af;                                                                       \
    if (insn->size == 8)                                                                            \
      __asm__(FLAGS_IN #name " %2, %0" FLAGS_OUT : "=&r"(result), "+&a"(flags) : "r"(rm) : "cc");   \
    else if (insn->size == 4)                                                                       \
      __asm__(FLAGS_IN #name " %k2, %k0" FLAGS_OUT : "=&r"(result), "+&a"(flags) : "r"(rm) : "cc"); \
    else                                                                                            \
      __asm__(FLAGS_IN #name " %w2, %w0" FLAGS_OUT : "=&r"(result), "+&a"(flags) : "r"(rm) : "cc"); \
    cpu->af = (uint16_t)flags;                                                                      \
    soft_set_reg (cpu, insn->a, insn->size, result);                                                \
    SOFT_NEXT (cpu, insn);                                                                          \
  }
COUNT (tzcnt)
COUNT (lzcnt)

HANDLER (soft_op_mulx)
{
  uint64_t rm = soft_rm_read (cpu, insn), low, high;

  if (insn->size == 8)
    {
      unsigned __int128 product = (unsigned __int128)cpu->reg[CPU_RDX] * rm;

      low = (uint64_t)product;
      high = (uint64_t)(product >> 64);
    }
  else
    {
      low = (uint64_t)(uint32_t)cpu->reg[CPU_RDX] * (uint32_t)rm;
      high = low >> 32;
    }
  /* The high half stays where both go to one register. */
  soft_set_reg (cpu, insn->v, insn->size, low);
  soft_set_reg (cpu, insn->a, insn->size, high);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_rorx)
{
  uint64_t rm = soft_rm_read (cpu, insn);
  unsigned bits = insn->size * 8, count = (unsigned)insn->imm & (bits - 1);

  if (count != 0)
    rm = rm >> count | rm << (bits - count);
  soft_set_reg (cpu, insn->a, insn->size, rm);
  SOFT_NEXT (cpu, insn);
}

/* SARX, SHLX, SHRX by their mandatory prefix, which is in imm. */
HANDLER (soft_op_shiftx)
{
  uint64_t rm = soft_rm_read (cpu, insn);
  unsigned count = (unsigned)cpu->reg[insn->v] & (insn->size * 8 - 1);

  if (insn->imm == 1)
    rm <<= count;
  else if (insn->imm == 3)
    rm >>= count;
  else
    rm = insn->size == 8 ? (uint64_t)((int64_t)rm >> count) : (uint64_t)(int64_t)((int32_t)rm >> count);
  soft_set_reg (cpu, insn->a, insn->size, rm);
  SOFT_NEXT (cpu, insn);
}

static uint64_t
add_with (uint64_t a, uint64_t b, unsigned size, gboolean *carry)
{
  uint64_t sum;
  gboolean first;

  if (size == 4)
    {
      sum = (uint64_t)(uint32_t)a + (uint32_t)b + (*carry ? 1 : 0);
      *carry = sum >> 32 != 0;
      return sum;
    }
  first = __builtin_add_overflow (a, b, &sum);
  *carry = __builtin_add_overflow (sum, (uint64_t)(*carry ? 1 : 0), &sum) | first;
  return sum;
}

/* ADCX, and ADOX where imm says so: the carry is in CF, or in OF.  No other flag is touched. */
void
soft_do_adx (SoftCpu *cpu, const SoftInsn *insn)
{
  uint16_t bit = insn->imm != 0 ? 1 : 0x100;
  gboolean carry = (cpu->af & bit) != 0;
  uint64_t sum = add_with (cpu->reg[insn->a], soft_rm_read (cpu, insn), insn->size, &carry);

  soft_set_reg (cpu, insn->a, insn->size, sum);
  cpu->af = (uint16_t)((cpu->af & ~bit) | (carry ? bit : 0));
}

/* RDRAND, and RDSEED where imm says so.  There may be no number: CF is clear and the register 0. */
void
soft_do_rdrand (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = 0;
  gboolean carry;

  if (insn->imm != 0)
    __asm__ volatile("rdseed %0" : "=r"(value), "=@ccc"(carry));
  else
    __asm__ volatile("rdrand %0" : "=r"(value), "=@ccc"(carry));
  soft_set_reg (cpu, insn->b, insn->size, carry ? value : 0);
  cpu->af = soft_eflags_to_af (carry ? FLAG_CF : 0);
}

void
soft_do_rdpid (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_set_reg (cpu, insn->b, insn->size, (uint32_t)cpu->msr.tsc_aux);
}
