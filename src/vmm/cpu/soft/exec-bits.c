/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bits and bytes within an operand: tests, scans, counts, CRC32, MOVBE.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/exec-integer-private.h"

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

HANDLER (soft_op_bt_reg)
{
  uint64_t bit = 1ULL << (cpu->reg[insn->a] & (insn->size * 8 - 1));
  uint64_t value = cpu->reg[insn->b];

  if (insn->opcode != 0)
    soft_set_reg (cpu, insn->b, insn->size, change_bit (insn->opcode, value, bit));
  soft_set_carry (cpu, (value & bit) != 0);
  SOFT_NEXT (cpu, insn);
}

uint64_t
soft_bit_offset (SoftCpu *cpu, const SoftInsn *insn)
{
  /* A signed bit number reaches beyond the operand. */
  int64_t n = insn->size == 8   ? (int64_t)cpu->reg[insn->a]
              : insn->size == 4 ? (int32_t)cpu->reg[insn->a]
                                : (int16_t)cpu->reg[insn->a];
  unsigned shift = insn->size == 8 ? 6 : insn->size == 4 ? 5 : 4;
  uint64_t offset = soft_ea (cpu, insn) + (uint64_t)((n >> shift) * insn->size);

  return insn->address == 4 ? (uint32_t)offset : insn->address == 2 ? (uint16_t)offset : offset;
}

HANDLER (soft_op_bt_mem)
{
  uint64_t offset = soft_bit_offset (cpu, insn);
  uint64_t bit = 1ULL << (cpu->reg[insn->a] & (insn->size * 8 - 1)), value, linear;

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
  soft_set_carry (cpu, (value & bit) != 0);
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
  soft_set_carry (cpu, (value & bit) != 0);
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
