/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * All opcodes of user mode that the software processor's CPUID announces, and which flags the manuals leave undefined
 * (Intel SDM volume 2, "Flags Affected" of each instruction).
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/soft/host.h"
#include "cpu/soft/vex.h"

#define CF FUZZ_CF
#define PF FUZZ_PF
#define AF FUZZ_AF
#define ZF FUZZ_ZF
#define SF FUZZ_SF
#define OF FUZZ_OF

typedef struct
{
  const char *name;
  const char *opcodes; /* "00 08-0f" */
  uint8_t klass, map, prefix;
  int8_t digit;
  uint8_t imm, values;
  uint16_t size;
  uint32_t attributes, undefined;
  uint32_t needs;
} Row;

#define MR  A_MODRM
#define MRV (A_MODRM | A_OSIZE)
#define MRB (A_MODRM | A_BYTE)

static const Row rows[] = {
  /* Arithmetic: ADD OR ADC SBB AND SUB XOR CMP.  AND, OR, XOR and TEST leave AF undefined. */
  { "alu rm8,r8", "00 10 18 28", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, MRB | A_LOCK, 0 },
  { "alu rm,r", "01 11 19 29", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, MRV | A_LOCK, 0 },
  { "cmp rm8,r8", "38 3a", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, MRB, 0 },
  { "cmp rm,r", "39 3b", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, MRV, 0 },
  { "logic rm8,r8", "08 20 30", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, MRB | A_LOCK, AF },
  { "logic rm,r", "09 21 31", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, MRV | A_LOCK, AF },
  { "alu r8,rm8", "02 12 1a 2a", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, MRB, 0 },
  { "alu r,rm", "03 13 1b 2b", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, MRV, 0 },
  { "logic r8,rm8", "0a 22 32 84", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, MRB, AF },
  { "logic r,rm", "0b 23 33 85", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, MRV, AF },
  { "alu al,ib", "04 14 1c 2c 3c", FUZZ_CLASS_ALU, 0, 0, -1, I_8, 0, 0, 0, 0 },
  { "alu ax,iz", "05 15 1d 2d 3d", FUZZ_CLASS_ALU, 0, 0, -1, I_Z, 0, 0, A_OSIZE, 0 },
  { "logic al,ib", "0c 24 34 a8", FUZZ_CLASS_ALU, 0, 0, -1, I_8, 0, 0, 0, AF },
  { "logic ax,iz", "0d 25 35 a9", FUZZ_CLASS_ALU, 0, 0, -1, I_Z, 0, 0, A_OSIZE, AF },
  { "add rm8,ib", "80", FUZZ_CLASS_ALU, 0, 0, 0, I_8, 0, 0, MRB | A_LOCK, 0 },
  { "or rm8,ib", "80", FUZZ_CLASS_ALU, 0, 0, 1, I_8, 0, 0, MRB | A_LOCK, AF },
  { "adc rm8,ib", "80", FUZZ_CLASS_ALU, 0, 0, 2, I_8, 0, 0, MRB | A_LOCK, 0 },
  { "sbb rm8,ib", "80", FUZZ_CLASS_ALU, 0, 0, 3, I_8, 0, 0, MRB | A_LOCK, 0 },
  { "and rm8,ib", "80", FUZZ_CLASS_ALU, 0, 0, 4, I_8, 0, 0, MRB | A_LOCK, AF },
  { "sub rm8,ib", "80", FUZZ_CLASS_ALU, 0, 0, 5, I_8, 0, 0, MRB | A_LOCK, 0 },
  { "xor rm8,ib", "80", FUZZ_CLASS_ALU, 0, 0, 6, I_8, 0, 0, MRB | A_LOCK, AF },
  { "cmp rm8,ib", "80", FUZZ_CLASS_ALU, 0, 0, 7, I_8, 0, 0, MRB, 0 },
  { "add rm8,ib", "82", FUZZ_CLASS_ALU, 0, 0, 0, I_8, 0, 0, MRB | A_32, 0 },
  { "sbb rm8,ib", "82", FUZZ_CLASS_ALU, 0, 0, 3, I_8, 0, 0, MRB | A_32, 0 },
  { "add rm,iz", "81", FUZZ_CLASS_ALU, 0, 0, 0, I_Z, 0, 0, MRV | A_LOCK, 0 },
  { "or rm,iz", "81", FUZZ_CLASS_ALU, 0, 0, 1, I_Z, 0, 0, MRV | A_LOCK, AF },
  { "adc rm,iz", "81", FUZZ_CLASS_ALU, 0, 0, 2, I_Z, 0, 0, MRV | A_LOCK, 0 },
  { "sbb rm,iz", "81", FUZZ_CLASS_ALU, 0, 0, 3, I_Z, 0, 0, MRV | A_LOCK, 0 },
  { "and rm,iz", "81", FUZZ_CLASS_ALU, 0, 0, 4, I_Z, 0, 0, MRV | A_LOCK, AF },
  { "sub rm,iz", "81", FUZZ_CLASS_ALU, 0, 0, 5, I_Z, 0, 0, MRV | A_LOCK, 0 },
  { "xor rm,iz", "81", FUZZ_CLASS_ALU, 0, 0, 6, I_Z, 0, 0, MRV | A_LOCK, AF },
  { "cmp rm,iz", "81", FUZZ_CLASS_ALU, 0, 0, 7, I_Z, 0, 0, MRV, 0 },
  { "add rm,ib", "83", FUZZ_CLASS_ALU, 0, 0, 0, I_8, 0, 0, MRV | A_LOCK, 0 },
  { "or rm,ib", "83", FUZZ_CLASS_ALU, 0, 0, 1, I_8, 0, 0, MRV | A_LOCK, AF },
  { "adc rm,ib", "83", FUZZ_CLASS_ALU, 0, 0, 2, I_8, 0, 0, MRV | A_LOCK, 0 },
  { "sbb rm,ib", "83", FUZZ_CLASS_ALU, 0, 0, 3, I_8, 0, 0, MRV | A_LOCK, 0 },
  { "and rm,ib", "83", FUZZ_CLASS_ALU, 0, 0, 4, I_8, 0, 0, MRV | A_LOCK, AF },
  { "sub rm,ib", "83", FUZZ_CLASS_ALU, 0, 0, 5, I_8, 0, 0, MRV | A_LOCK, 0 },
  { "xor rm,ib", "83", FUZZ_CLASS_ALU, 0, 0, 6, I_8, 0, 0, MRV | A_LOCK, AF },
  { "cmp rm,ib", "83", FUZZ_CLASS_ALU, 0, 0, 7, I_8, 0, 0, MRV, 0 },
  { "inc/dec rm8", "fe", FUZZ_CLASS_ALU, 0, 0, 0, 0, 0, 0, MRB | A_LOCK, 0 },
  { "inc/dec rm8", "fe", FUZZ_CLASS_ALU, 0, 0, 1, 0, 0, 0, MRB | A_LOCK, 0 },
  { "inc rm", "ff", FUZZ_CLASS_ALU, 0, 0, 0, 0, 0, 0, MRV | A_LOCK, 0 },
  { "dec rm", "ff", FUZZ_CLASS_ALU, 0, 0, 1, 0, 0, 0, MRV | A_LOCK, 0 },
  { "inc/dec r", "40-4f", FUZZ_CLASS_ALU, 0, 0, -1, 0, 0, 0, A_OSIZE | A_32, 0 },
  { "test rm8,ib", "f6", FUZZ_CLASS_ALU, 0, 0, 0, I_8, 0, 0, MRB, AF },
  { "test rm8,ib", "f6", FUZZ_CLASS_ALU, 0, 0, 1, I_8, 0, 0, MRB, AF },
  { "not rm8", "f6", FUZZ_CLASS_ALU, 0, 0, 2, 0, 0, 0, MRB | A_LOCK, 0 },
  { "neg rm8", "f6", FUZZ_CLASS_ALU, 0, 0, 3, 0, 0, 0, MRB | A_LOCK, 0 },
  { "test rm,iz", "f7", FUZZ_CLASS_ALU, 0, 0, 0, I_Z, 0, 0, MRV, AF },
  { "test rm,iz", "f7", FUZZ_CLASS_ALU, 0, 0, 1, I_Z, 0, 0, MRV, AF },
  { "not rm", "f7", FUZZ_CLASS_ALU, 0, 0, 2, 0, 0, 0, MRV | A_LOCK, 0 },
  { "neg rm", "f7", FUZZ_CLASS_ALU, 0, 0, 3, 0, 0, 0, MRV | A_LOCK, 0 },

/* Shifts; what is undefined depends on the count: shift_undefined() in generate.c. */
#define SHIFTS(d)                                                                  \
  { "shift rm8,ib", "c0", FUZZ_CLASS_SHIFT, 0, 0, d, I_8, 0, 0, MRB, 0 },          \
      { "shift rm,ib", "c1", FUZZ_CLASS_SHIFT, 0, 0, d, I_8, 0, 0, MRV, 0 },       \
      { "shift rm8,1", "d0", FUZZ_CLASS_SHIFT, 0, 0, d, 0, 0, 0, MRB | A_ONE, 0 }, \
      { "shift rm,1", "d1", FUZZ_CLASS_SHIFT, 0, 0, d, 0, 0, 0, MRV | A_ONE, 0 },  \
      { "shift rm8,cl", "d2", FUZZ_CLASS_SHIFT, 0, 0, d, 0, 0, 0, MRB | A_CL, 0 }, \
  {                                                                                \
    "shift rm,cl", "d3", FUZZ_CLASS_SHIFT, 0, 0, d, 0, 0, 0, MRV | A_CL, 0         \
  }
  SHIFTS (0),
  SHIFTS (1),
  SHIFTS (2),
  SHIFTS (3),
  SHIFTS (4),
  SHIFTS (5),
  SHIFTS (6),
  SHIFTS (7),
  { "shld/shrd ib", "a4 ac", FUZZ_CLASS_SHIFT, 1, 0, -1, I_8, 0, 0, MRV, 0 },
  { "shld/shrd cl", "a5 ad", FUZZ_CLASS_SHIFT, 1, 0, -1, 0, 0, 0, MRV | A_CL, 0 },

  { "mul rm8", "f6", FUZZ_CLASS_MULDIV, 0, 0, 4, 0, 0, 0, MRB, SF | ZF | AF | PF },
  { "imul rm8", "f6", FUZZ_CLASS_MULDIV, 0, 0, 5, 0, 0, 0, MRB, SF | ZF | AF | PF },
  { "div rm8", "f6", FUZZ_CLASS_MULDIV, 0, 0, 6, 0, 0, 0, MRB, CF | OF | SF | ZF | AF | PF },
  { "idiv rm8", "f6", FUZZ_CLASS_MULDIV, 0, 0, 7, 0, 0, 0, MRB, CF | OF | SF | ZF | AF | PF },
  { "mul rm", "f7", FUZZ_CLASS_MULDIV, 0, 0, 4, 0, 0, 0, MRV, SF | ZF | AF | PF },
  { "imul rm", "f7", FUZZ_CLASS_MULDIV, 0, 0, 5, 0, 0, 0, MRV, SF | ZF | AF | PF },
  { "div rm", "f7", FUZZ_CLASS_MULDIV, 0, 0, 6, 0, 0, 0, MRV, CF | OF | SF | ZF | AF | PF },
  { "idiv rm", "f7", FUZZ_CLASS_MULDIV, 0, 0, 7, 0, 0, 0, MRV, CF | OF | SF | ZF | AF | PF },
  { "imul r,rm", "af", FUZZ_CLASS_MULDIV, 1, 0, -1, 0, 0, 0, MRV, SF | ZF | AF | PF },
  { "imul r,rm,iz", "69", FUZZ_CLASS_MULDIV, 0, 0, -1, I_Z, 0, 0, MRV, SF | ZF | AF | PF },
  { "imul r,rm,ib", "6b", FUZZ_CLASS_MULDIV, 0, 0, -1, I_8, 0, 0, MRV, SF | ZF | AF | PF },

  { "bt rm,r", "a3", FUZZ_CLASS_BIT, 1, 0, -1, 0, 0, 0, MRV | A_BITREG, OF | SF | AF | PF },
  { "bts/r/c rm,r", "ab b3 bb", FUZZ_CLASS_BIT, 1, 0, -1, 0, 0, 0, MRV | A_BITREG | A_LOCK,
    OF | SF | AF | PF },
  { "bt rm,ib", "ba", FUZZ_CLASS_BIT, 1, 0, 4, I_8, 0, 0, MRV, OF | SF | AF | PF },
  { "bts rm,ib", "ba", FUZZ_CLASS_BIT, 1, 0, 5, I_8, 0, 0, MRV | A_LOCK, OF | SF | AF | PF },
  { "btr rm,ib", "ba", FUZZ_CLASS_BIT, 1, 0, 6, I_8, 0, 0, MRV | A_LOCK, OF | SF | AF | PF },
  { "btc rm,ib", "ba", FUZZ_CLASS_BIT, 1, 0, 7, I_8, 0, 0, MRV | A_LOCK, OF | SF | AF | PF },
  { "bsf/bsr", "bc bd", FUZZ_CLASS_BIT, 1, 0, -1, 0, 0, 0, MRV, CF | OF | SF | AF | PF },
  { "bswap", "c8-cf", FUZZ_CLASS_BIT, 1, 0, -1, 0, 0, 4, 0, 0 },
  { "popcnt", "b8", FUZZ_CLASS_BIT, 1, 0xf3, -1, 0, 0, 0, MRV, 0 },
  { "crc32 rm8", "f0", FUZZ_CLASS_BIT, 2, 0xf2, -1, 0, 0, 0, MRB, 0 },
  { "crc32 rm", "f1", FUZZ_CLASS_BIT, 2, 0xf2, -1, 0, 0, 0, MRV, 0 },

  { "string b", "a4 a6 aa ac ae", FUZZ_CLASS_STRING, 0, 0, -1, 0, 0, 0, A_STRING | A_REP | A_BYTE, 0 },
  { "string v", "a5 a7 ab ad af", FUZZ_CLASS_STRING, 0, 0, -1, 0, 0, 0, A_STRING | A_REP | A_OSIZE, 0 },

  { "push/pop r", "50-5f", FUZZ_CLASS_STACK, 0, 0, -1, 0, 0, 0, A_STACK | A_OSIZE, 0 },
  { "push iz", "68", FUZZ_CLASS_STACK, 0, 0, -1, I_Z, 0, 0, A_STACK | A_OSIZE, 0 },
  { "push ib", "6a", FUZZ_CLASS_STACK, 0, 0, -1, I_8, 0, 0, A_STACK | A_OSIZE, 0 },
  { "pop rm", "8f", FUZZ_CLASS_STACK, 0, 0, 0, 0, 0, 0, A_STACK | MRV, 0 },
  { "push rm", "ff", FUZZ_CLASS_STACK, 0, 0, 6, 0, 0, 0, A_STACK | MRV, 0 },
  { "enter", "c8", FUZZ_CLASS_STACK, 0, 0, -1, I_16_8, 0, 0, A_STACK | A_OSIZE, 0 },
  { "leave", "c9", FUZZ_CLASS_STACK, 0, 0, -1, 0, 0, 0, A_STACK | A_OSIZE, 0 },
  { "pusha/popa", "60-61", FUZZ_CLASS_STACK, 0, 0, -1, 0, 0, 0, A_STACK | A_OSIZE | A_32, 0 },
  { "pushf/popf", "9c-9d", FUZZ_CLASS_STACK, 0, 0, -1, 0, 0, 0, A_STACK | A_OSIZE, 0 },
  { "push seg", "06 0e 16 1e", FUZZ_CLASS_STACK, 0, 0, -1, 0, 0, 0, A_STACK | A_OSIZE | A_32, 0 },
  { "push fs/gs", "a0 a8", FUZZ_CLASS_STACK, 1, 0, -1, 0, 0, 0, A_STACK | A_OSIZE, 0 },

  { "jcc rel8", "70-7f", FUZZ_CLASS_BRANCH, 0, 0, -1, I_REL8, 0, 0, A_BRANCH, 0 },
  { "jcc relz", "80-8f", FUZZ_CLASS_BRANCH, 1, 0, -1, I_RELZ, 0, 0, A_BRANCH, 0 },
  { "loop/jcxz", "e0-e3", FUZZ_CLASS_BRANCH, 0, 0, -1, I_REL8, 0, 0, A_BRANCH, 0 },
  { "call/jmp rel", "e8 e9", FUZZ_CLASS_BRANCH, 0, 0, -1, I_RELZ, 0, 0, A_BRANCH, 0 },
  { "jmp rel8", "eb", FUZZ_CLASS_BRANCH, 0, 0, -1, I_REL8, 0, 0, A_BRANCH, 0 },
  { "call rm", "ff", FUZZ_CLASS_BRANCH, 0, 0, 2, 0, 0, 0, A_BRANCH | A_MODRM, 0 },
  { "jmp rm", "ff", FUZZ_CLASS_BRANCH, 0, 0, 4, 0, 0, 0, A_BRANCH | A_MODRM, 0 },
  { "ret", "c3", FUZZ_CLASS_BRANCH, 0, 0, -1, 0, 0, 0, A_BRANCH, 0 },
  { "ret iw", "c2", FUZZ_CLASS_BRANCH, 0, 0, -1, I_16, 0, 0, A_BRANCH, 0 },

  { "carry, direction", "f5 f8 f9 fc fd", FUZZ_CLASS_FLAGS, 0, 0, -1, 0, 0, 0, 0, 0 },
  { "cli/sti", "fa fb", FUZZ_CLASS_FLAGS, 0, 0, -1, 0, 0, 0, 0, 0 },
  { "sahf/lahf", "9e 9f", FUZZ_CLASS_FLAGS, 0, 0, -1, 0, 0, 0, 0, 0 },
  { "setcc", "90-9f", FUZZ_CLASS_FLAGS, 1, 0, -1, 0, 0, 0, MRB, 0 },
  { "salc", "d6", FUZZ_CLASS_FLAGS, 0, 0, -1, 0, 0, 0, A_32, 0 },

  { "mov rm8", "88 8a", FUZZ_CLASS_MOVE, 0, 0, -1, 0, 0, 0, MRB, 0 },
  { "mov rm", "89 8b", FUZZ_CLASS_MOVE, 0, 0, -1, 0, 0, 0, MRV, 0 },
  { "mov rm8,ib", "c6", FUZZ_CLASS_MOVE, 0, 0, 0, I_8, 0, 0, MRB, 0 },
  { "mov rm,iz", "c7", FUZZ_CLASS_MOVE, 0, 0, 0, I_Z, 0, 0, MRV, 0 },
  { "mov r8,ib", "b0-b7", FUZZ_CLASS_MOVE, 0, 0, -1, I_8, 0, 0, 0, 0 },
  { "mov r,iv", "b8-bf", FUZZ_CLASS_MOVE, 0, 0, -1, I_V, 0, 0, A_OSIZE, 0 },
  { "mov moffs8", "a0 a2", FUZZ_CLASS_MOVE, 0, 0, -1, I_MOFFS, 0, 0, A_BYTE, 0 },
  { "mov moffs", "a1 a3", FUZZ_CLASS_MOVE, 0, 0, -1, I_MOFFS, 0, 0, A_OSIZE, 0 },
  { "lea", "8d", FUZZ_CLASS_MOVE, 0, 0, -1, 0, 0, 0, MRV | A_MEM, 0 },
  { "movzx/sx rm8", "b6 be", FUZZ_CLASS_MOVE, 1, 0, -1, 0, 0, 1, MRV, 0 },
  { "movzx/sx rm16", "b7 bf", FUZZ_CLASS_MOVE, 1, 0, -1, 0, 0, 2, MRV, 0 },
  { "movsxd/arpl", "63", FUZZ_CLASS_MOVE, 0, 0, -1, 0, 0, 4, MRV, 0 },
  { "cbw/cwd", "98 99", FUZZ_CLASS_MOVE, 0, 0, -1, 0, 0, 0, A_OSIZE, 0 },
  { "xchg rm8", "86", FUZZ_CLASS_MOVE, 0, 0, -1, 0, 0, 0, MRB | A_LOCK, 0 },
  { "xchg rm", "87", FUZZ_CLASS_MOVE, 0, 0, -1, 0, 0, 0, MRV | A_LOCK, 0 },
  { "xchg ax,r", "90-97", FUZZ_CLASS_MOVE, 0, 0, -1, 0, 0, 0, A_OSIZE, 0 },
  { "xlat", "d7", FUZZ_CLASS_MOVE, 0, 0, -1, 0, 0, 0, A_BYTE, 0 },
  { "mov rm,sreg", "8c", FUZZ_CLASS_MOVE, 0, 0, -1, 0, 0, 2, MRV, 0 },
  { "cmovcc", "40-4f", FUZZ_CLASS_MOVE, 1, 0, -1, 0, 0, 0, MRV, 0 },
  { "movbe", "f0 f1", FUZZ_CLASS_MOVE, 2, 0, -1, 0, 0, 0, MRV | A_MEM, 0 },
  { "rdfsbase", "ae", FUZZ_CLASS_MOVE, 1, 0xf3, 0, 0, 0, 8, MR | A_REG | A_64, 0 },
  { "rdgsbase", "ae", FUZZ_CLASS_MOVE, 1, 0xf3, 1, 0, 0, 8, MR | A_REG | A_64, 0 },
  { "wrfsbase", "ae", FUZZ_CLASS_MOVE, 1, 0xf3, 2, 0, 0, 8, MR | A_REG | A_64, 0 },
  { "wrgsbase", "ae", FUZZ_CLASS_MOVE, 1, 0xf3, 3, 0, 0, 8, MR | A_REG | A_64, 0 },
  { "movnti", "c3", FUZZ_CLASS_MOVE, 1, 0, -1, 0, 0, 0, A_MODRM | A_MEM, 0 },

  { "cmpxchg rm8", "b0", FUZZ_CLASS_ATOMIC, 1, 0, -1, 0, 0, 0, MRB | A_LOCK, 0 },
  { "cmpxchg rm", "b1", FUZZ_CLASS_ATOMIC, 1, 0, -1, 0, 0, 0, MRV | A_LOCK, 0 },
  { "xadd rm8", "c0", FUZZ_CLASS_ATOMIC, 1, 0, -1, 0, 0, 0, MRB | A_LOCK, 0 },
  { "xadd rm", "c1", FUZZ_CLASS_ATOMIC, 1, 0, -1, 0, 0, 0, MRV | A_LOCK, 0 },
  { "cmpxchg8b/16b", "c7", FUZZ_CLASS_ATOMIC, 1, 0, 1, 0, 0, 16, A_MODRM | A_MEM | A_LOCK | A_ALIGNED, 0 },

  { "daa/das", "27 2f", FUZZ_CLASS_BCD, 0, 0, -1, 0, 0, 0, A_32, OF },
  { "aaa/aas", "37 3f", FUZZ_CLASS_BCD, 0, 0, -1, 0, 0, 0, A_32, OF | SF | ZF | PF },
  { "aam/aad", "d4 d5", FUZZ_CLASS_BCD, 0, 0, -1, I_8, 0, 0, A_32, OF | AF | CF },

  { "ud", "0b b9 ff", FUZZ_CLASS_MISC, 1, 0, -1, 0, 0, 0, A_MODRM, 0 },
  { "nop rm", "1f", FUZZ_CLASS_MISC, 1, 0, -1, 0, 0, 0, MRV, 0 },
  { "prefetch", "18", FUZZ_CLASS_MISC, 1, 0, -1, 0, 0, 0, A_MODRM | A_MEM, 0 },
  { "hlt", "f4", FUZZ_CLASS_MISC, 0, 0, -1, 0, 0, 0, 0, 0 },
  { "int3", "cc", FUZZ_CLASS_MISC, 0, 0, -1, 0, 0, 0, 0, 0 },
  { "into", "ce", FUZZ_CLASS_MISC, 0, 0, -1, 0, 0, 0, A_32, 0 },
  { "bound", "62", FUZZ_CLASS_MISC, 0, 0, -1, 0, 0, 8, MRV | A_MEM | A_32, 0 },
  { "in/out", "e4-e7", FUZZ_CLASS_MISC, 0, 0, -1, I_8, 0, 0, 0, 0 },
  { "in/out dx", "ec-ef 6c-6f", FUZZ_CLASS_MISC, 0, 0, -1, 0, 0, 0, 0, 0 },
  { "fwait", "9b", FUZZ_CLASS_X87, 0, 0, -1, 0, V_X87, 0, 0, 0 },

#define X87(op)                                                                    \
  { "x87 mem", op, FUZZ_CLASS_X87, 0, 0, 0, 0, V_X87, 4, A_MODRM | A_MEM, 0 },     \
      { "x87 mem", op, FUZZ_CLASS_X87, 0, 0, 1, 0, V_X87, 4, A_MODRM | A_MEM, 0 }, \
      { "x87 mem", op, FUZZ_CLASS_X87, 0, 0, 2, 0, V_X87, 4, A_MODRM | A_MEM, 0 }, \
      { "x87 mem", op, FUZZ_CLASS_X87, 0, 0, 3, 0, V_X87, 4, A_MODRM | A_MEM, 0 }, \
      { "x87 mem", op, FUZZ_CLASS_X87, 0, 0, 4, 0, V_X87, 4, A_MODRM | A_MEM, 0 }, \
      { "x87 mem", op, FUZZ_CLASS_X87, 0, 0, 5, 0, V_X87, 4, A_MODRM | A_MEM, 0 }, \
      { "x87 mem", op, FUZZ_CLASS_X87, 0, 0, 6, 0, V_X87, 4, A_MODRM | A_MEM, 0 }, \
      { "x87 mem", op, FUZZ_CLASS_X87, 0, 0, 7, 0, V_X87, 4, A_MODRM | A_MEM, 0 }, \
      { "x87 reg", op, FUZZ_CLASS_X87, 0, 0, 0, 0, V_X87, 4, A_MODRM | A_REG, 0 }, \
      { "x87 reg", op, FUZZ_CLASS_X87, 0, 0, 1, 0, V_X87, 4, A_MODRM | A_REG, 0 }, \
      { "x87 reg", op, FUZZ_CLASS_X87, 0, 0, 2, 0, V_X87, 4, A_MODRM | A_REG, 0 }, \
      { "x87 reg", op, FUZZ_CLASS_X87, 0, 0, 3, 0, V_X87, 4, A_MODRM | A_REG, 0 }, \
      { "x87 reg", op, FUZZ_CLASS_X87, 0, 0, 4, 0, V_X87, 4, A_MODRM | A_REG, 0 }, \
      { "x87 reg", op, FUZZ_CLASS_X87, 0, 0, 5, 0, V_X87, 4, A_MODRM | A_REG, 0 }, \
      { "x87 reg", op, FUZZ_CLASS_X87, 0, 0, 6, 0, V_X87, 4, A_MODRM | A_REG, 0 }, \
  {                                                                                \
    "x87 reg", op, FUZZ_CLASS_X87, 0, 0, 7, 0, V_X87, 4, A_MODRM | A_REG, 0        \
  }
  X87 ("d8-df"),

  { "mmx", "60-6b 74-76 d1-d3 d5 d8-d9 db-dd df e1-e2 e5 e8-e9 eb-ed ef f1-f3 f5 f8-fa fc-fe", FUZZ_CLASS_MMX,
    1, 0, -1, 0, 0, 8, MR, 0 },
  { "mmx move", "6e 6f 7e 7f", FUZZ_CLASS_MMX, 1, 0, -1, 0, 0, 8, MR, 0 },
#define SHIFT_IMM(k, p, w)                                       \
  { "psrl", "71-73", k, 1, p, 2, I_8, 0, 8, MR | A_REG, 0 },     \
      { "psra", "71-72", k, 1, p, 4, I_8, 0, 8, MR | A_REG, 0 }, \
  {                                                              \
    "psll", "71-73", k, 1, p, 6, I_8, 0, 8, MR | A_REG, 0        \
  }
  SHIFT_IMM (FUZZ_CLASS_MMX, 0, 8),
  { "emms", "77", FUZZ_CLASS_MMX, 1, 0, -1, 0, 0, 0, 0, 0 },
  { "mmx sse", "da de e0 e3 e4 ea ee f6", FUZZ_CLASS_SSE, 1, 0, -1, 0, 0, 8, MR, 0 },
  { "mmx sse2", "d4 f4 fb", FUZZ_CLASS_SSE2, 1, 0, -1, 0, 0, 8, MR, 0 },
  { "pshufw", "70", FUZZ_CLASS_SSE, 1, 0, -1, I_8, 0, 8, MR, 0 },
  { "pinsrw mm", "c4", FUZZ_CLASS_SSE, 1, 0, -1, I_8, 0, 2, MR, 0 },
  { "pextrw mm", "c5", FUZZ_CLASS_SSE, 1, 0, -1, I_8, 0, 2, MR | A_REG, 0 },
  { "pmovmskb mm", "d7", FUZZ_CLASS_SSE, 1, 0, -1, 0, 0, 8, MR | A_REG, 0 },
  { "maskmovq", "f7", FUZZ_CLASS_SSE, 1, 0, -1, 0, 0, 8, MR | A_REG | A_STRING, 0 },
  { "movntq", "e7", FUZZ_CLASS_SSE, 1, 0, -1, 0, 0, 8, MR | A_MEM, 0 },

  { "sse move", "10 11", FUZZ_CLASS_SSE, 1, 0, -1, 0, V_F32, 16, MR, 0 },
  { "sse move half", "12 13 16 17", FUZZ_CLASS_SSE, 1, 0, -1, 0, V_F32, 8, MR, 0 },
  { "sse move al", "28 29", FUZZ_CLASS_SSE, 1, 0, -1, 0, V_F32, 16, MR | A_ALIGNED, 0 },
  { "movntps", "2b", FUZZ_CLASS_SSE, 1, 0, -1, 0, V_F32, 16, MR | A_MEM | A_ALIGNED, 0 },
  { "sse ps", "14 15 51-59 5c-5f", FUZZ_CLASS_SSE, 1, 0, -1, 0, V_F32, 16, MR | A_ALIGNED, 0 },
  { "sse ps ib", "c2 c6", FUZZ_CLASS_SSE, 1, 0, -1, I_8, V_F32, 16, MR | A_ALIGNED, 0 },
  { "cvtpi2ps", "2a", FUZZ_CLASS_SSE, 1, 0, -1, 0, V_INT, 8, MR, 0 },
  { "cvtps2pi", "2c 2d", FUZZ_CLASS_SSE, 1, 0, -1, 0, V_F32, 8, MR, 0 },
  { "comiss", "2e 2f", FUZZ_CLASS_SSE, 1, 0, -1, 0, V_F32, 4, MR, 0 },
  { "movmskps", "50", FUZZ_CLASS_SSE, 1, 0, -1, 0, V_F32, 4, MR | A_REG, 0 },
  { "sse ss", "10-11 51-53 58-59 5c-5f", FUZZ_CLASS_SSE, 1, 0xf3, -1, 0, V_F32, 4, MR, 0 },
  { "cmpss", "c2", FUZZ_CLASS_SSE, 1, 0xf3, -1, I_8, V_F32, 4, MR, 0 },
  { "cvtsi2ss", "2a", FUZZ_CLASS_SSE, 1, 0xf3, -1, 0, V_INT, 8, MR, 0 },
  { "cvtss2si", "2c 2d", FUZZ_CLASS_SSE, 1, 0xf3, -1, 0, V_F32, 4, MR, 0 },

  { "sse2 move", "10 11", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_F64, 16, MR, 0 },
  { "sse2 move half", "12 13 16 17", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_F64, 8, MR | A_MEM, 0 },
  { "sse2 move al", "28 29 6f 7f", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_F64, 16, MR | A_ALIGNED, 0 },
  { "sse2 stream", "2b e7", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_F64, 16, MR | A_MEM | A_ALIGNED, 0 },
  { "sse2 pd", "14 15 51 54-5a 5c-5f e6", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_F64, 16, MR | A_ALIGNED, 0 },
  { "sse2 pd ib", "c2 c6", FUZZ_CLASS_SSE2, 1, 0x66, -1, I_8, V_F64, 16, MR | A_ALIGNED, 0 },
  { "cvtpi2pd", "2a", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_INT, 8, MR, 0 },
  { "cvtpd2pi", "2c 2d", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_F64, 16, MR | A_ALIGNED, 0 },
  { "comisd", "2e 2f", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_F64, 8, MR, 0 },
  { "movmskpd", "50", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_F64, 8, MR | A_REG, 0 },
  { "sse2 sd", "10-11 51 58-5a 5c-5f", FUZZ_CLASS_SSE2, 1, 0xf2, -1, 0, V_F64, 8, MR, 0 },
  { "cmpsd", "c2", FUZZ_CLASS_SSE2, 1, 0xf2, -1, I_8, V_F64, 8, MR, 0 },
  { "cvtsi2sd", "2a", FUZZ_CLASS_SSE2, 1, 0xf2, -1, 0, V_INT, 8, MR, 0 },
  { "cvtsd2si", "2c 2d", FUZZ_CLASS_SSE2, 1, 0xf2, -1, 0, V_F64, 8, MR, 0 },
  { "cvtss2sd", "5a", FUZZ_CLASS_SSE2, 1, 0xf3, -1, 0, V_F32, 4, MR, 0 },
  { "cvtps2pd", "5a", FUZZ_CLASS_SSE2, 1, 0, -1, 0, V_F32, 8, MR, 0 },
  { "cvtdq2ps", "5b", FUZZ_CLASS_SSE2, 1, 0, -1, 0, V_INT, 16, MR | A_ALIGNED, 0 },
  { "cvtps2dq", "5b", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_F32, 16, MR | A_ALIGNED, 0 },
  { "cvttps2dq", "5b", FUZZ_CLASS_SSE2, 1, 0xf3, -1, 0, V_F32, 16, MR | A_ALIGNED, 0 },
  { "cvtdq2pd", "e6", FUZZ_CLASS_SSE2, 1, 0xf3, -1, 0, V_INT, 8, MR, 0 },
  { "cvtpd2dq", "e6", FUZZ_CLASS_SSE2, 1, 0xf2, -1, 0, V_F64, 16, MR | A_ALIGNED, 0 },
  { "sse2 int", "60-6d 74-76 d1-d5 d8-df e0-e5 e8-ef f1-f6 f8-fe", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_INT, 16,
    MR | A_ALIGNED, 0 },
  { "movd", "6e 7e", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_INT, 8, MR, 0 },
  { "movq", "d6", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_INT, 8, MR, 0 },
  { "movq", "7e", FUZZ_CLASS_SSE2, 1, 0xf3, -1, 0, V_INT, 8, MR, 0 },
  { "movdqu", "6f 7f", FUZZ_CLASS_SSE2, 1, 0xf3, -1, 0, V_INT, 16, MR, 0 },
  { "movq2dq", "d6", FUZZ_CLASS_SSE2, 1, 0xf3, -1, 0, V_INT, 8, MR | A_REG, 0 },
  { "movdq2q", "d6", FUZZ_CLASS_SSE2, 1, 0xf2, -1, 0, V_INT, 8, MR | A_REG, 0 },
  { "pshuf", "70", FUZZ_CLASS_SSE2, 1, 0x66, -1, I_8, V_INT, 16, MR | A_ALIGNED, 0 },
  { "pshuf", "70", FUZZ_CLASS_SSE2, 1, 0xf2, -1, I_8, V_INT, 16, MR | A_ALIGNED, 0 },
  { "pshuf", "70", FUZZ_CLASS_SSE2, 1, 0xf3, -1, I_8, V_INT, 16, MR | A_ALIGNED, 0 },
  SHIFT_IMM (FUZZ_CLASS_SSE2, 0x66, 16),
  { "psrldq", "73", FUZZ_CLASS_SSE2, 1, 0x66, 3, I_8, V_INT, 16, MR | A_REG, 0 },
  { "pslldq", "73", FUZZ_CLASS_SSE2, 1, 0x66, 7, I_8, V_INT, 16, MR | A_REG, 0 },
  { "pinsrw", "c4", FUZZ_CLASS_SSE2, 1, 0x66, -1, I_8, V_INT, 2, MR, 0 },
  { "pextrw", "c5", FUZZ_CLASS_SSE2, 1, 0x66, -1, I_8, V_INT, 2, MR | A_REG, 0 },
  { "pmovmskb", "d7", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_INT, 2, MR | A_REG, 0 },
  { "maskmovdqu", "f7", FUZZ_CLASS_SSE2, 1, 0x66, -1, 0, V_INT, 16, MR | A_REG | A_STRING, 0 },

  { "movddup", "12", FUZZ_CLASS_SSE3, 1, 0xf2, -1, 0, V_F64, 8, MR, 0 },
  { "movs[lh]dup", "12 16", FUZZ_CLASS_SSE3, 1, 0xf3, -1, 0, V_F32, 16, MR | A_ALIGNED, 0 },
  { "haddpd", "7c 7d d0", FUZZ_CLASS_SSE3, 1, 0x66, -1, 0, V_F64, 16, MR | A_ALIGNED, 0 },
  { "haddps", "7c 7d d0", FUZZ_CLASS_SSE3, 1, 0xf2, -1, 0, V_F32, 16, MR | A_ALIGNED, 0 },
  { "lddqu", "f0", FUZZ_CLASS_SSE3, 1, 0xf2, -1, 0, V_INT, 16, MR | A_MEM, 0 },

  { "ssse3 mm", "00-0b 1c-1e", FUZZ_CLASS_SSSE3, 2, 0, -1, 0, V_INT, 8, MR, 0 },
  { "ssse3", "00-0b 1c-1e", FUZZ_CLASS_SSSE3, 2, 0x66, -1, 0, V_INT, 16, MR | A_ALIGNED, 0 },
  { "palignr mm", "0f", FUZZ_CLASS_SSSE3, 3, 0, -1, I_8, V_INT, 8, MR, 0 },
  { "palignr", "0f", FUZZ_CLASS_SSSE3, 3, 0x66, -1, I_8, V_INT, 16, MR | A_ALIGNED, 0 },

  { "sse4.1", "10 14 15 17 28 29 2b 38-41", FUZZ_CLASS_SSE41, 2, 0x66, -1, 0, V_INT, 16, MR | A_ALIGNED, 0 },
  { "movntdqa", "2a", FUZZ_CLASS_SSE41, 2, 0x66, -1, 0, V_INT, 16, MR | A_MEM | A_ALIGNED, 0 },
  { "pmovsx/zx", "20-25 30-35", FUZZ_CLASS_SSE41, 2, 0x66, -1, 0, V_INT, 8, MR, 0 },
  { "round/dp ps", "08 40", FUZZ_CLASS_SSE41, 3, 0x66, -1, I_8, V_F32, 16, MR | A_ALIGNED, 0 },
  { "round/dp pd", "09 41", FUZZ_CLASS_SSE41, 3, 0x66, -1, I_8, V_F64, 16, MR | A_ALIGNED, 0 },
  { "roundss", "0a", FUZZ_CLASS_SSE41, 3, 0x66, -1, I_8, V_F32, 4, MR, 0 },
  { "roundsd", "0b", FUZZ_CLASS_SSE41, 3, 0x66, -1, I_8, V_F64, 8, MR, 0 },
  { "blend/mpsadbw", "0c-0e 42", FUZZ_CLASS_SSE41, 3, 0x66, -1, I_8, V_INT, 16, MR | A_ALIGNED, 0 },
  { "pextr", "14-17", FUZZ_CLASS_SSE41, 3, 0x66, -1, I_8, V_INT, 8, MR, 0 },
  { "pinsr", "20-22", FUZZ_CLASS_SSE41, 3, 0x66, -1, I_8, V_INT, 8, MR, 0 },
  { "pcmpgtq", "37", FUZZ_CLASS_SSE42, 2, 0x66, -1, 0, V_INT, 16, MR | A_ALIGNED, 0 },
  { "pcmpstr", "60-63", FUZZ_CLASS_SSE42, 3, 0x66, -1, I_8, V_INT, 16, MR, 0 },

  { "fxsave", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 0, 0, V_INT, 512, MR | A_MEM | A_ALIGNED, 0 },
  { "fxrstor", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 1, 0, V_FXSAVE, 512, MR | A_MEM | A_ALIGNED, 0 },
  { "ldmxcsr", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 2, 0, V_MXCSR, 4, MR | A_MEM, 0 },
  { "stmxcsr", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 3, 0, V_MXCSR, 4, MR | A_MEM, 0 },
  { "xsave", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 4, 0, V_XSAVE, 832, MR | A_MEM | A_ALIGNED, 0 },
  { "xrstor", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 5, 0, V_XSAVE, 832, MR | A_MEM | A_ALIGNED, 0 },
  { "xsaveopt", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 6, 0, V_XSAVE, 832, MR | A_MEM | A_ALIGNED, 0 },
  { "xsavec", "c7", FUZZ_CLASS_FXSAVE, 1, 0, 4, 0, V_XSAVE, 832, MR | A_MEM | A_ALIGNED, 0 },
  { "lfence", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 5, 0, V_INT, 1, MR | A_REG, 0 },
  { "mfence", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 6, 0, V_INT, 1, MR | A_REG, 0 },
  { "sfence", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 7, 0, V_INT, 1, MR | A_REG, 0 },
  { "clflush", "ae", FUZZ_CLASS_FXSAVE, 1, 0, 7, 0, V_INT, 1, MR | A_MEM, 0 },

#define VMAP(n) (FUZZ_VEX + (n))
  { "tzcnt", "bc", FUZZ_CLASS_BMI, 1, 0xf3, -1, 0, 0, 0, MRV, 0, SOFT_HOST_BMI1 },
  { "lzcnt", "bd", FUZZ_CLASS_BMI, 1, 0xf3, -1, 0, 0, 0, MRV, 0, SOFT_HOST_LZCNT },
  { "adcx", "f6", FUZZ_CLASS_BMI, 2, 0x66, -1, 0, 0, 8, MR, 0, SOFT_HOST_BMI2 },
  { "adox", "f6", FUZZ_CLASS_BMI, 2, 0xf3, -1, 0, 0, 8, MR, 0, SOFT_HOST_BMI2 },
  { "andn", "f2", FUZZ_CLASS_BMI, VMAP (2), 0, -1, 0, 0, 8, MR | A_L0 | A_BY_W, 0, SOFT_HOST_BMI1 },
  { "bls", "f3", FUZZ_CLASS_BMI, VMAP (2), 0, -1, 0, 0, 8, MR | A_L0 | A_BY_W, 0, SOFT_HOST_BMI1 },
  { "bextr", "f7", FUZZ_CLASS_BMI, VMAP (2), 0, -1, 0, 0, 8, MR | A_L0 | A_BY_W, 0, SOFT_HOST_BMI1 },
  { "bzhi", "f5", FUZZ_CLASS_BMI, VMAP (2), 0, -1, 0, 0, 8, MR | A_L0 | A_BY_W, 0, SOFT_HOST_BMI2 },
  { "pext", "f5", FUZZ_CLASS_BMI, VMAP (2), 0xf3, -1, 0, 0, 8, MR | A_L0 | A_BY_W, 0, SOFT_HOST_BMI2 },
  { "pdep/mulx", "f5 f6", FUZZ_CLASS_BMI, VMAP (2), 0xf2, -1, 0, 0, 8, MR | A_L0 | A_BY_W, 0,
    SOFT_HOST_BMI2 },
  { "shlx", "f7", FUZZ_CLASS_BMI, VMAP (2), 0x66, -1, 0, 0, 8, MR | A_L0 | A_BY_W, 0, SOFT_HOST_BMI2 },
  { "sarx", "f7", FUZZ_CLASS_BMI, VMAP (2), 0xf3, -1, 0, 0, 8, MR | A_L0 | A_BY_W, 0, SOFT_HOST_BMI2 },
  { "shrx", "f7", FUZZ_CLASS_BMI, VMAP (2), 0xf2, -1, 0, 0, 8, MR | A_L0 | A_BY_W, 0, SOFT_HOST_BMI2 },
  { "rorx", "f0", FUZZ_CLASS_BMI, VMAP (3), 0xf2, -1, I_8, 0, 8, MR | A_L0 | A_BY_W | A_NO_V, 0,
    SOFT_HOST_BMI2 },

  { "aes", "db-df", FUZZ_CLASS_CRYPTO, 2, 0x66, -1, 0, V_INT, 16, MR | A_ALIGNED, 0, SOFT_HOST_AES },
  { "aeskeygenassist", "df", FUZZ_CLASS_CRYPTO, 3, 0x66, -1, I_8, V_INT, 16, MR | A_ALIGNED, 0,
    SOFT_HOST_AES },
  { "pclmulqdq", "44", FUZZ_CLASS_CRYPTO, 3, 0x66, -1, I_8, V_INT, 16, MR | A_ALIGNED, 0, SOFT_HOST_PCLMUL },
  { "sha", "c8-cd", FUZZ_CLASS_CRYPTO, 2, 0, -1, 0, V_INT, 16, MR | A_ALIGNED, 0, SOFT_HOST_SHA },
  { "sha1rnds4", "cc", FUZZ_CLASS_CRYPTO, 3, 0, -1, I_8, V_INT, 16, MR | A_ALIGNED, 0, SOFT_HOST_SHA },

  { "vzeroupper", "77", FUZZ_CLASS_AVX, VMAP (1), 0, -1, 0, V_INT, 0, A_NO_V, 0, SOFT_HOST_AVX },
  { "vector shift", "71-73", FUZZ_CLASS_AVX2, VMAP (1), 0x66, -1, I_8, V_INT, 16, MR | A_REG, 0,
    SOFT_HOST_AVX },
  { "vmxcsr", "ae", FUZZ_CLASS_AVX, VMAP (1), 0, 2, 0, V_MXCSR, 4, MR | A_MEM | A_L0 | A_NO_V, 0,
    SOFT_HOST_AVX },
  { "vmxcsr", "ae", FUZZ_CLASS_AVX, VMAP (1), 0, 3, 0, V_MXCSR, 4, MR | A_MEM | A_L0 | A_NO_V, 0,
    SOFT_HOST_AVX },
  { "vmaskmovdqu", "f7", FUZZ_CLASS_AVX, VMAP (1), 0x66, -1, 0, V_INT, 16,
    MR | A_REG | A_STRING | A_L0 | A_NO_V, 0, SOFT_HOST_AVX },
  { "vbroadcast128", "1a 5a", FUZZ_CLASS_AVX, VMAP (2), 0x66, -1, 0, V_INT, 16,
    MR | A_MEM | A_L1 | A_W0 | A_NO_V, 0, SOFT_HOST_AVX },
  { "vmaskmovp", "2c-2f", FUZZ_CLASS_AVX, VMAP (2), 0x66, -1, 0, V_INT, 16, MR | A_MEM | A_W0 | A_TWICE, 0,
    SOFT_HOST_AVX },
  { "vpmaskmov", "8c 8e", FUZZ_CLASS_AVX2, VMAP (2), 0x66, -1, 0, V_INT, 16, MR | A_MEM | A_TWICE, 0,
    SOFT_HOST_AVX },
  { "gather", "90-93", FUZZ_CLASS_AVX2, VMAP (2), 0x66, -1, 0, V_INT, 4, MR | A_MEM | A_GATHER, 0,
    SOFT_HOST_AVX },
  { "vpcmpstr", "60-63", FUZZ_CLASS_AVX, VMAP (3), 0x66, -1, I_8, V_INT, 16, MR | A_L0 | A_NO_V, 0,
    SOFT_HOST_AVX },
  { "any vex", "00-ff", FUZZ_CLASS_DECODE, VMAP (1), 0, -1, 0, V_INT, 16, MR, 0, SOFT_HOST_AVX },
  { "any vex", "00-ff", FUZZ_CLASS_DECODE, VMAP (2), 0, -1, 0, V_INT, 16, MR, 0, SOFT_HOST_AVX },
  { "any vex", "00-ff", FUZZ_CLASS_DECODE, VMAP (3), 0, -1, I_8, V_INT, 16, MR, 0, SOFT_HOST_AVX },
  { "any bytes", "00", FUZZ_CLASS_DECODE, 0, 0, -1, 0, V_INT, 0, MR | A_STRING, CF | PF | AF | ZF | SF | OF },
};

FuzzTemplate fuzz_templates[FUZZ_MAX_TEMPLATES];
unsigned fuzz_n_templates;

/* -- What the common ones behind VEX have in the software processor's table ---------------------------------------- */

#define VEX_ROW(map, pp, first, last, v, w, imm, form, memory, flags) \
  { map, pp, first, last, v, w, imm, form, memory, flags },
static const SoftVexRow vex_rows[] = { VEX_LIST (VEX_ROW) };

static uint8_t
vex_values (const SoftVexRow *row, unsigned opcode, gboolean w)
{
  if ((row->flags & VEX_FLOAT) == 0)
    return V_INT;
  if (row->map == 1)
    return (row->pp & 1) != 0 ? V_F64 : V_F32;
  if (row->map == 3)
    return opcode == 0x09 || opcode == 0x0b || opcode == 0x41 ? V_F64 : V_F32;
  return w ? V_F64 : V_F32;
}

static uint32_t
vex_attributes (const SoftVexRow *row, gboolean w)
{
  static const struct
  {
    uint32_t flag, attribute;
  } same[] = { { VEX_L0, A_L0 },   { VEX_L1, A_L1 },   { VEX_W0, A_W0 },          { VEX_W1, A_W1 },
               { VEX_MEM, A_MEM }, { VEX_REG, A_REG }, { VEX_ALIGNED, A_ALIGNED } };
  uint32_t a = A_MODRM;

  for (unsigned i = 0; i < G_N_ELEMENTS (same); i++)
    if ((row->flags & same[i].flag) != 0)
      a |= same[i].attribute;
  if (row->w == 2)
    a |= w ? A_W1 : A_W0;
  if (row->v == 15)
    a |= A_NO_V;
  if (row->form == VEX_LOAD_SCALAR || row->form == VEX_STORE_SCALAR)
    a |= A_NO_V_MEM;
  if (row->memory == VEX_M_W)
    a |= A_BY_W;
  else if ((row->memory & VEX_M_L) != 0 || row->form == VEX_RM_DOUBLE)
    a |= A_TWICE;
  return a;
}

static uint32_t
vex_needs (const SoftVexRow *row)
{
  return SOFT_HOST_AVX | ((row->flags & VEX_FMA) != 0 ? SOFT_HOST_FMA : 0)
         | ((row->flags & VEX_F16C) != 0 ? SOFT_HOST_F16C : 0)
         | ((row->flags & VEX_AES) != 0 ? SOFT_HOST_AES | SOFT_HOST_VAES : 0)
         | ((row->flags & VEX_PCLMUL) != 0 ? SOFT_HOST_PCLMUL | SOFT_HOST_VPCLMUL : 0);
}

static FuzzTemplate *
new_template (const char *name, uint8_t klass, uint8_t map, uint8_t prefix, unsigned opcode)
{
  FuzzTemplate *t = &fuzz_templates[fuzz_n_templates];

  g_assert (fuzz_n_templates < G_N_ELEMENTS (fuzz_templates));
  g_strlcpy (t->name, name, sizeof t->name);
  t->klass = klass;
  t->map = map;
  t->prefix = prefix;
  t->opcode = (uint8_t)opcode;
  t->index = fuzz_n_templates++;
  return t;
}

static void
add_vex_row (const SoftVexRow *row, gboolean w)
{
  static const uint8_t prefixes[4] = { 0, 0x66, 0xf3, 0xf2 };
  gboolean integer = row->map == 1 && ((row->first >= 0x60 && row->first <= 0x76) || row->first >= 0xd1);
  uint8_t klass = (row->flags & VEX_FMA) != 0                        ? FUZZ_CLASS_FMA
                  : (row->flags & (VEX_AES | VEX_PCLMUL)) != 0       ? FUZZ_CLASS_CRYPTO
                  : integer || (row->map == 2 && row->first >= 0x10) ? FUZZ_CLASS_AVX2
                                                                     : FUZZ_CLASS_AVX;

  for (unsigned opcode = row->first; opcode <= row->last; opcode++)
    {
      FuzzTemplate *t
          = new_template ("vex", klass, (uint8_t)(FUZZ_VEX + row->map), prefixes[row->pp], opcode);

      t->digit = -1;
      t->imm = row->imm != 0 ? I_8 : 0;
      t->values = vex_values (row, opcode, w);
      t->size = row->memory == VEX_M_W ? 8 : row->form == VEX_RM_DOUBLE ? 16 : row->memory & 0x3f;
      t->attributes = vex_attributes (row, w);
      t->needs = vex_needs (row);
    }
}

void
fuzz_templates_init (void)
{
  if (fuzz_n_templates != 0)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const Row *row = &rows[i];
      const char *p = row->opcodes;

      while (*p != '\0')
        {
          char *end;
          unsigned first = (unsigned)strtoul (p, &end, 16), last = first;

          if (*end == '-')
            last = (unsigned)strtoul (end + 1, &end, 16);
          for (unsigned opcode = first; opcode <= last; opcode++)
            {
              FuzzTemplate *t = new_template (row->name, row->klass, row->map, row->prefix, opcode);

              t->digit = row->digit;
              t->imm = row->imm;
              t->values = row->values;
              t->size = row->size;
              t->attributes = row->attributes;
              t->undefined = row->undefined;
              t->needs = row->needs;
            }
          p = end;
          while (*p == ' ')
            p++;
        }
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (vex_rows); i++)
    for (unsigned w = 0; w < (vex_rows[i].w == 2 ? 2u : 1u); w++)
      add_vex_row (&vex_rows[i], w != 0);
}
