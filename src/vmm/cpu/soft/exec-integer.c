/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Integer instructions that are too rare, or too long, for a handler of each size.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/ops.h"

#define HANDLER(name) void name (SoftCpu *cpu, const SoftInsn *insn)

HANDLER (soft_op_ud)
{
  soft_raise (cpu, insn, EXC_UD);
}

HANDLER (soft_op_cmov_mem)
{
  /* Read whether or not it is moved: faults count; and a 32-bit destination is always cleared above. */
  uint64_t value = soft_rm_read (cpu, insn);
  if (soft_condition (cpu, insn->opcode))
    soft_set_reg (cpu, insn->a, insn->size, value);
  else if (insn->size == 4)
    cpu->reg[insn->a] = (uint32_t)cpu->reg[insn->a];
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_setcc_mem)
{
  soft_rm_write (cpu, insn, soft_condition (cpu, insn->opcode));
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_cbw)
{
  if (insn->size == 2)
    SOFT_R16 (cpu, CPU_RAX) = (uint16_t)(int8_t)cpu->reg[CPU_RAX];
  else if (insn->size == 4)
    cpu->reg[CPU_RAX] = (uint32_t)(int16_t)cpu->reg[CPU_RAX];
  else
    cpu->reg[CPU_RAX] = (uint64_t)(int32_t)cpu->reg[CPU_RAX];
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_cwd)
{
  if (insn->size == 2)
    SOFT_R16 (cpu, CPU_RDX) = (uint16_t)((int16_t)cpu->reg[CPU_RAX] >> 15);
  else if (insn->size == 4)
    cpu->reg[CPU_RDX] = (uint32_t)((int32_t)cpu->reg[CPU_RAX] >> 31);
  else
    cpu->reg[CPU_RDX] = (uint64_t)((int64_t)cpu->reg[CPU_RAX] >> 63);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_bswap)
{
  if (insn->size == 8)
    cpu->reg[insn->a] = GUINT64_SWAP_LE_BE (cpu->reg[insn->a]);
  else if (insn->size == 4)
    cpu->reg[insn->a] = GUINT32_SWAP_LE_BE ((uint32_t)cpu->reg[insn->a]);
  else
    SOFT_R16 (cpu, insn->a) = 0; /* undefined; this is what processors do */
  SOFT_NEXT (cpu, insn);
}

/* -- Multiplication and division ------------------------------------------------------------------------------ */

/* Some flags are undefined, and kept by some processors: the guest's go in.  They come in EAX as LAHF and SETO left them. */
#define FLAGS_IN  "addb $127, %%al\n\tsahf\n\t"
#define FLAGS_OUT "\n\tlahf\n\tseto %%al"

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

/* -- Read, change, write back ------------------------------------------------------------------------------------ */

/* Apart from its handler: a local whose address is taken would rule out the sibling call. */
static G_GNUC_NO_INLINE void
shift_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = soft_rm_modify (cpu, insn);
  uint8_t count = insn->rep ? SOFT_R8 (cpu, CPU_RCX * 8) : (uint8_t)insn->imm;
  uint16_t af = cpu->af;

  value = soft_shift_value (insn->a, insn->size, value, count, &af);
  soft_rm_write (cpu, insn, value);
  cpu->af = af;
}

HANDLER (soft_op_shift_mem)
{
  shift_mem (cpu, insn);
  SOFT_NEXT (cpu, insn);
}

static G_GNUC_NO_INLINE void
incdec_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = soft_rm_modify (cpu, insn);
  uint16_t af = cpu->af;

  value = soft_alu_value (insn->a, insn->size, value, 0, &af);
  soft_rm_write (cpu, insn, value);
  cpu->af = af;
}

HANDLER (soft_op_incdec_mem)
{
  incdec_mem (cpu, insn);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_not_mem)
{
  soft_rm_write (cpu, insn, ~soft_rm_modify (cpu, insn));
  SOFT_NEXT (cpu, insn);
}

static G_GNUC_NO_INLINE void
neg_mem (SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t value = soft_rm_modify (cpu, insn);
  uint16_t af;

  value = soft_alu_value (5, insn->size, 0, value, &af);
  soft_rm_write (cpu, insn, value);
  cpu->af = af;
}

HANDLER (soft_op_neg_mem)
{
  neg_mem (cpu, insn);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_xchg_mem)
{
  uint64_t value = soft_rm_modify (cpu, insn);

  soft_rm_write (cpu, insn, soft_get_reg (cpu, insn->a, insn->size));
  soft_set_reg (cpu, insn->a, insn->size, value);
  SOFT_NEXT (cpu, insn);
}

#define SHIFTD(op, T, sfx)                                                              \
  do                                                                                    \
    {                                                                                   \
      T dst_ = (T)dst;                                                                  \
      __asm__("addb $127, %%al\n\tsahf\n\t" op sfx " %%cl, %2, %0\n\tlahf\n\tseto %%al" \
              : "+r"(dst_), "+&a"(flags)                                                \
              : "r"((T)src), "c"(count)                                                 \
              : "cc");                                                                  \
      dst = dst_;                                                                       \
    }                                                                                   \
  while (0)

HANDLER (soft_op_shiftd)
{
  uint64_t dst = soft_rm_modify (cpu, insn), src = soft_get_reg (cpu, insn->a, insn->size);
  uint8_t count = (insn->opcode & 1) != 0 ? SOFT_R8 (cpu, CPU_RCX * 8) : (uint8_t)insn->imm;
  uint32_t flags = cpu->af;

  if ((insn->opcode & 8) == 0)
    {
      if (insn->size == 2)
        SHIFTD ("shld", uint16_t, "w");
      else if (insn->size == 4)
        SHIFTD ("shld", uint32_t, "l");
      else
        SHIFTD ("shld", uint64_t, "q");
    }
  else
    {
      if (insn->size == 2)
        SHIFTD ("shrd", uint16_t, "w");
      else if (insn->size == 4)
        SHIFTD ("shrd", uint32_t, "l");
      else
        SHIFTD ("shrd", uint64_t, "q");
    }
  soft_rm_write (cpu, insn, dst);
  cpu->af = (uint16_t)flags;
  SOFT_NEXT (cpu, insn);
}

/* -- Bits ------------------------------------------------------------------------------------------------------------ */

static inline uint64_t
change_bit (unsigned op, uint64_t value, uint64_t bit)
{
  switch (op)
    {
    case 1:
      return value | bit;
    case 2:
      return value & ~bit;
    case 3:
      return value ^ bit;
    default:
      return value;
    }
}

static inline void
set_carry (SoftCpu *cpu, gboolean carry)
{
  cpu->af = (uint16_t)((cpu->af & ~0x100) | (carry ? 0x100 : 0));
}

HANDLER (soft_op_bt_reg)
{
  uint64_t bit = 1ULL << (cpu->reg[insn->a] & (insn->size * 8 - 1));
  uint64_t value = cpu->reg[insn->b];

  if (insn->opcode != 0)
    soft_set_reg (cpu, insn->b, insn->size, change_bit (insn->opcode, value, bit));
  set_carry (cpu, (value & bit) != 0);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_bt_mem)
{
  /* A signed bit number reaches beyond the operand. */
  int64_t n = insn->size == 8   ? (int64_t)cpu->reg[insn->a]
              : insn->size == 4 ? (int32_t)cpu->reg[insn->a]
                                : (int16_t)cpu->reg[insn->a];
  unsigned shift = insn->size == 8 ? 6 : insn->size == 4 ? 5 : 4;
  uint64_t offset = soft_ea (cpu, insn) + (uint64_t)((n >> shift) * insn->size);
  uint64_t bit = 1ULL << (n & (insn->size * 8 - 1)), value, linear;

  if (insn->address == 4)
    offset = (uint32_t)offset;
  else if (insn->address == 2)
    offset = (uint16_t)offset;
  linear = soft_linear (cpu, insn, insn->seg, offset, insn->size, insn->opcode != 0);
  if (insn->opcode == 0)
    value = soft_read (cpu, insn, linear, insn->size);
  else
    {
      if (soft_tlb_entry (cpu, linear)->write != ((linear + insn->size - 1) & SOFT_PAGE_MASK))
        soft_probe_write (cpu, insn, linear, insn->size);
      value = soft_read (cpu, insn, linear, insn->size);
      soft_write (cpu, insn, linear, change_bit (insn->opcode, value, bit), insn->size);
    }
  set_carry (cpu, (value & bit) != 0);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_bt_imm)
{
  uint64_t bit = 1ULL << (insn->imm & (insn->size * 8 - 1)), value;

  if (insn->opcode == 0)
    value = soft_rm_read (cpu, insn);
  else
    {
      value = soft_rm_modify (cpu, insn);
      soft_rm_write (cpu, insn, change_bit (insn->opcode, value, bit));
    }
  set_carry (cpu, (value & bit) != 0);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_bsf)
{
  uint64_t value = soft_rm_read (cpu, insn), n = 0;
  uint32_t flags = cpu->af;

  if (insn->size == 4)
    {
      uint32_t n32 = 0;
      __asm__(FLAGS_IN "bsfl %2, %0" FLAGS_OUT : "+r"(n32), "+&a"(flags) : "r"((uint32_t)value) : "cc");
      n = n32;
    }
  else if (insn->size == 2)
    {
      uint16_t n16 = 0;
      __asm__(FLAGS_IN "bsfw %2, %0" FLAGS_OUT : "+r"(n16), "+&a"(flags) : "r"((uint16_t)value) : "cc");
      n = n16;
    }
  else
    __asm__(FLAGS_IN "bsfq %2, %0" FLAGS_OUT : "+r"(n), "+&a"(flags) : "r"(value) : "cc");
  cpu->af = (uint16_t)flags;
  if (value != 0)
    soft_set_reg (cpu, insn->a, insn->size, n);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_bsr)
{
  uint64_t value = soft_rm_read (cpu, insn), n = 0;
  uint32_t flags = cpu->af;

  if (insn->size == 4)
    {
      uint32_t n32 = 0;
      __asm__(FLAGS_IN "bsrl %2, %0" FLAGS_OUT : "+r"(n32), "+&a"(flags) : "r"((uint32_t)value) : "cc");
      n = n32;
    }
  else if (insn->size == 2)
    {
      uint16_t n16 = 0;
      __asm__(FLAGS_IN "bsrw %2, %0" FLAGS_OUT : "+r"(n16), "+&a"(flags) : "r"((uint16_t)value) : "cc");
      n = n16;
    }
  else
    __asm__(FLAGS_IN "bsrq %2, %0" FLAGS_OUT : "+r"(n), "+&a"(flags) : "r"(value) : "cc");
  cpu->af = (uint16_t)flags;
  if (value != 0)
    soft_set_reg (cpu, insn->a, insn->size, n);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_popcnt)
{
  uint64_t value = soft_rm_read (cpu, insn);

  soft_set_reg (cpu, insn->a, insn->size, (uint64_t)__builtin_popcountll (value));
  cpu->af = soft_eflags_to_af (value == 0 ? FLAG_ZF : 0);
  SOFT_NEXT (cpu, insn);
}

/* Castagnoli's polynomial, reflected: 0x82f63b78. */
HANDLER (soft_op_crc32)
{
  uint64_t value = soft_rm_read (cpu, insn);
  uint32_t crc = (uint32_t)cpu->reg[insn->a];

  for (unsigned i = 0; i < insn->size; i++)
    {
      crc ^= (uint8_t)(value >> (8 * i));
      for (unsigned k = 0; k < 8; k++)
        crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    }
  cpu->reg[insn->a] = crc;
  SOFT_NEXT (cpu, insn);
}

static uint64_t
swap_bytes (uint64_t value, unsigned size)
{
  return GUINT64_SWAP_LE_BE (value) >> (64 - 8 * size);
}

HANDLER (soft_op_movbe_load)
{
  soft_set_reg (cpu, insn->a, insn->size, swap_bytes (soft_rm_read (cpu, insn), insn->size));
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_movbe_store)
{
  soft_rm_write (cpu, insn, swap_bytes (soft_get_reg (cpu, insn->a, insn->size), insn->size));
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_xlat)
{
  uint64_t offset = cpu->reg[CPU_RBX] + (uint8_t)cpu->reg[CPU_RAX];

  if (insn->address == 4)
    offset = (uint32_t)offset;
  else if (insn->address == 2)
    offset = (uint16_t)offset;
  SOFT_R8 (cpu, CPU_RAX * 8) = soft_load8 (cpu, insn, insn->seg, offset);
  SOFT_NEXT (cpu, insn);
}

HANDLER (soft_op_mov_moffs)
{
  if (insn->a == 0)
    soft_set_reg (cpu, 0, insn->size, soft_load (cpu, insn, insn->seg, insn->imm, insn->size));
  else
    soft_store (cpu, insn, insn->seg, insn->imm, soft_get_reg (cpu, 0, insn->size), insn->size);
  SOFT_NEXT (cpu, insn);
}

/* -- Compare and exchange ------------------------------------------------------------------------------------------------ */

HANDLER (soft_do_cmpxchg)
{
  uint64_t dst = soft_rm_modify (cpu, insn), acc = soft_get_reg (cpu, 0, insn->size);
  uint16_t af;

  soft_alu_value (7, insn->size, acc, dst, &af);
  if (acc == dst)
    soft_rm_write (cpu, insn, soft_get_reg (cpu, insn->a, insn->size));
  else
    {
      /* Written either way; a 32-bit register operand is cleared above. */
      if (insn->mem)
        soft_rm_write (cpu, insn, dst);
      soft_set_reg (cpu, 0, insn->size, dst);
    }
  cpu->af = af;
}

HANDLER (soft_do_cmpxchg8b)
{
  uint64_t linear = soft_linear (cpu, insn, insn->seg, soft_ea (cpu, insn), 8, TRUE), value;
  uint64_t want = cpu->reg[CPU_RDX] << 32 | (uint32_t)cpu->reg[CPU_RAX];

  soft_probe_write (cpu, insn, linear, 8);
  value = soft_read64 (cpu, insn, linear);
  if (value == want)
    {
      soft_write64 (cpu, insn, linear, cpu->reg[CPU_RCX] << 32 | (uint32_t)cpu->reg[CPU_RBX]);
      soft_set_flags (cpu, FLAG_ZF, FLAG_ZF);
    }
  else
    {
      soft_write64 (cpu, insn, linear, value);
      cpu->reg[CPU_RAX] = (uint32_t)value;
      cpu->reg[CPU_RDX] = value >> 32;
      soft_set_flags (cpu, FLAG_ZF, 0);
    }
}

HANDLER (soft_do_cmpxchg16b)
{
  uint64_t linear = soft_linear (cpu, insn, insn->seg, soft_ea (cpu, insn), 16, TRUE), low, high;

  if ((linear & 15) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  soft_probe_write (cpu, insn, linear, 16);
  low = soft_read64 (cpu, insn, linear);
  high = soft_read64 (cpu, insn, linear + 8);
  if (low == cpu->reg[CPU_RAX] && high == cpu->reg[CPU_RDX])
    {
      soft_write64 (cpu, insn, linear, cpu->reg[CPU_RBX]);
      soft_write64 (cpu, insn, linear + 8, cpu->reg[CPU_RCX]);
      soft_set_flags (cpu, FLAG_ZF, FLAG_ZF);
    }
  else
    {
      cpu->reg[CPU_RAX] = low;
      cpu->reg[CPU_RDX] = high;
      soft_set_flags (cpu, FLAG_ZF, 0);
    }
}

HANDLER (soft_do_xadd)
{
  uint64_t dst = soft_rm_modify (cpu, insn), src = soft_get_reg (cpu, insn->a, insn->size), sum;
  uint16_t af;

  sum = soft_alu_value (0, insn->size, dst, src, &af);
  if (insn->mem)
    {
      soft_rm_write (cpu, insn, sum);
      soft_set_reg (cpu, insn->a, insn->size, dst);
    }
  else
    {
      soft_set_reg (cpu, insn->a, insn->size, dst);
      soft_set_reg (cpu, insn->b, insn->size, sum);
    }
  cpu->af = af;
}

HANDLER (soft_do_bound)
{
  uint64_t ea = soft_ea (cpu, insn);
  int64_t index, low, high;

  if (insn->size == 2)
    {
      index = (int16_t)cpu->reg[insn->a];
      low = (int16_t)soft_load16 (cpu, insn, insn->seg, ea);
      high = (int16_t)soft_load16 (cpu, insn, insn->seg,
                                   insn->address == 2 ? (uint16_t)(ea + 2) : (uint32_t)(ea + 2));
    }
  else
    {
      index = (int32_t)cpu->reg[insn->a];
      low = (int32_t)soft_load32 (cpu, insn, insn->seg, ea);
      high = (int32_t)soft_load32 (cpu, insn, insn->seg,
                                   insn->address == 2 ? (uint16_t)(ea + 4) : (uint32_t)(ea + 4));
    }
  if (index < low || index > high)
    soft_raise (cpu, insn, EXC_BR);
}

/* -- Decimal arithmetic (SDM volume 2, DAA and following) -------------------------------------------------------------------- */

static void
set_szp (SoftCpu *cpu, uint8_t al, uint32_t others)
{
  uint16_t af;

  soft_alu_value (4, 1, al, al, &af);
  cpu->af = soft_eflags_to_af ((soft_af_to_eflags (af) & (FLAG_SF | FLAG_ZF | FLAG_PF)) | others);
}

HANDLER (soft_do_bcd)
{
  uint32_t flags = soft_af_to_eflags (cpu->af), out = 0;
  uint8_t al = (uint8_t)cpu->reg[CPU_RAX], ah = (uint8_t)(cpu->reg[CPU_RAX] >> 8);
  gboolean adjust = (al & 15) > 9 || (flags & FLAG_AF) != 0;
  unsigned op = insn->opcode & 0xff;

  switch (op)
    {
    case 0x27: /* DAA */
    case 0x2f: /* DAS */
      {
        uint8_t old = al;
        if (adjust)
          {
            if (op == 0x2f && old < 6)
              out |= FLAG_CF;
            al = (uint8_t)(op == 0x27 ? al + 6 : al - 6);
            out |= FLAG_AF;
            if (op == 0x27 && old > 0xf9)
              out |= FLAG_CF;
          }
        out |= flags & FLAG_CF;
        if (old > 0x99 || (flags & FLAG_CF) != 0)
          {
            al = (uint8_t)(op == 0x27 ? al + 0x60 : al - 0x60);
            out |= FLAG_CF;
          }
        else if (op == 0x27)
          out &= ~(uint32_t)FLAG_CF;
        SOFT_R8 (cpu, 0) = al;
        set_szp (cpu, al, out);
        return;
      }
    case 0x37: /* AAA */
    case 0x3f: /* AAS */
      if (adjust)
        {
          uint16_t ax = (uint16_t)(al | ah << 8);
          ax = (uint16_t)(op == 0x37 ? ax + 0x106 : ax - 0x106);
          SOFT_R16 (cpu, 0) = ax & 0xff0f;
          out = FLAG_AF | FLAG_CF;
        }
      else
        SOFT_R8 (cpu, 0) = al & 15;
      set_szp (cpu, (uint8_t)cpu->reg[0], out);
      return;
    case 0xd4: /* AAM */
      if ((insn->imm & 0xff) == 0)
        soft_raise (cpu, insn, EXC_DE);
      SOFT_R16 (cpu, 0) = (uint16_t)(al % (uint8_t)insn->imm | (al / (uint8_t)insn->imm) << 8);
      set_szp (cpu, (uint8_t)cpu->reg[0], 0);
      return;
    default: /* AAD */
      SOFT_R16 (cpu, 0) = (uint8_t)(al + ah * (uint8_t)insn->imm);
      set_szp (cpu, (uint8_t)cpu->reg[0], 0);
      return;
    }
}

HANDLER (soft_do_salc)
{
  SOFT_R8 (cpu, 0) = (soft_af_to_eflags (cpu->af) & FLAG_CF) != 0 ? 0xff : 0;
}

HANDLER (soft_do_lahf)
{
  SOFT_R8 (cpu, 1) = (uint8_t)(soft_af_to_eflags (cpu->af) | FLAG_ONE);
}

HANDLER (soft_do_sahf)
{
  soft_set_flags (cpu, FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF, SOFT_R8 (cpu, 1));
}

HANDLER (soft_do_flag)
{
  switch (insn->opcode & 0xff)
    {
    case 0xf5:
      cpu->af ^= 0x100;
      break;
    case 0xf8:
      set_carry (cpu, FALSE);
      break;
    case 0xf9:
      set_carry (cpu, TRUE);
      break;
    case 0xfc:
      cpu->eflags &= ~(uint32_t)FLAG_DF;
      break;
    default:
      cpu->eflags |= FLAG_DF;
      break;
    }
}

/* Its operand has 32 bits whatever the operand size (APM 3, MOVSXD), of which a 16-bit register takes half. */
void
soft_do_movsxd_16 (SoftCpu *cpu, const SoftInsn *insn)
{
  SOFT_R16 (cpu, insn->a) = (uint16_t)soft_load32 (cpu, insn, insn->seg, soft_ea (cpu, insn));
}
