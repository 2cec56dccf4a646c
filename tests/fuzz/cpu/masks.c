/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What need not be equal, and why.  Each entry names its reason; SDM is Intel's manual, APM is AMD's.
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "masks.h"

#include <string.h>

/* The soft processor's value counts as the host's. */
static void
ignore (FuzzResult *native, FuzzResult *soft, unsigned fx_offset, unsigned length)
{
  memcpy (soft->out.fx + fx_offset, native->out.fx + fx_offset, length);
}

static void
ignore_memory (const FuzzCase *c, FuzzResult *native, FuzzResult *soft, unsigned offset, unsigned length)
{
  uint64_t at = (c->operand >= FUZZ_DATA ? c->operand - FUZZ_DATA : c->operand - FUZZ_LOW) + offset;

  if (at < FUZZ_PAGE)
    memcpy (soft->memory + at, native->memory + at, MIN (length, FUZZ_PAGE - at));
}

void
fuzz_mask (const FuzzCase *c, FuzzResult *native, FuzzResult *soft)
{
  const FuzzTemplate *t = c->template;
  /* RF of a fault's image is the kernel's business; undefined flags as the table says. */
  uint64_t flags = ~(uint64_t)(c->undefined_flags | FUZZ_RF);

  /* The host has instructions that the guest's CPUID doesn't announce; those that it does are checked by their own classes. */
  if (t->klass == FUZZ_CLASS_DECODE && soft->vector == 6 && native->vector != 6)
    *soft = *native;
  native->out.rflags &= flags;
  soft->out.rflags &= flags;
  /* Bits 80 to 127 of the register slots are reserved (SDM 1, table 10-2). */
  for (unsigned i = 0; i < 8; i++)
    ignore (native, soft, FX_ST + 16 * i + 10, 6);
  /* The mask of MXCSR's bits: AMD has one more (misaligned SSE, APM 1, 4.2.2). */
  ignore (native, soft, FX_MXCSR_MASK, 4);
  if (c->compat)
    {
      /* Out of 32-bit code R8 to R15 and XMM8 to XMM15 can't be seen. */
      for (unsigned i = 0; i < 16; i++)
        {
          native->out.gpr[i] = i < 8 ? (uint32_t)native->out.gpr[i] : 0;
          soft->out.gpr[i] = i < 8 ? (uint32_t)soft->out.gpr[i] : 0;
        }
      ignore (native, soft, FX_XMM + 128, 128);
    }
  /* A 32-bit push of a segment register: the upper half of the slot is zeroed or left, as the processor pleases (SDM 2, PUSH); the
   * host mostly leaves it. */
  if ((strcmp (t->name, "push seg") == 0 || strcmp (t->name, "push fs/gs") == 0) && native->vector < 0
      && c->in.gpr[4] - native->out.gpr[4] == 4)
    {
      uint64_t upper = native->out.gpr[4] + 2 - (c->operand >= FUZZ_DATA ? FUZZ_DATA : FUZZ_LOW);

      if (upper < FUZZ_PAGE)
        memcpy (soft->memory + upper, native->memory + upper, MIN (2, FUZZ_PAGE - upper));
    }
  /* AMD saves the pointers of the last x87 instruction only if its exception is pending, else zeroes (APM 2, 11.4.4). */
  if ((native->out.fx[FX_FSW] & 0x80) == 0)
    {
      ignore (native, soft, FX_FOP, 2);
      ignore (native, soft, FX_FIP, 16);
    }
  else
    {
      /* For the same reason the host's kernel may lose what FXRSTOR loaded, when it switches tasks before the instruction. */
      static const uint8_t zeroes[8];

      if (memcmp (native->out.fx + FX_FDP, zeroes, 8) == 0)
        ignore (native, soft, FX_FDP, 8);
    }
  /* FCOMI, FUCOMI: SDM clears C1, AMD leaves it; with an unmasked exception SDM leaves the flags, AMD sets them. */
  if (t->klass == FUZZ_CLASS_X87 && (t->attributes & A_REG) != 0 && (t->opcode == 0xdb || t->opcode == 0xdf)
      && (t->digit == 5 || t->digit == 6))
    {
      soft->out.fx[FX_FSW + 1]
          = (uint8_t)((soft->out.fx[FX_FSW + 1] & ~2) | (native->out.fx[FX_FSW + 1] & 2));
      if ((native->out.fx[FX_FSW] & 0x80) != 0)
        soft->out.rflags = native->out.rflags;
    }
  /* Of an operand over two pages with two faults no manual says which byte's is reported: AMD tries the last one of an
   * x87 environment first. */
  if (native->vector == 14 && soft->vector == 14 && native->address != soft->address
      && (t->klass == FUZZ_CLASS_X87 || t->klass == FUZZ_CLASS_FXSAVE) && native->address - c->operand < 576
      && soft->address - c->operand < 576)
    {
      soft->address = native->address;
      soft->error = native->error;
    }
  /* Linux reports every fault of user code in its own half as a protection violation, so as not to tell what is mapped there. */
  if (native->vector == 14 && soft->vector == 14 && (int64_t)native->address < 0)
    soft->error |= 1;
  /* Nor need what the child has mapped elsewhere for itself be unmapped there. */
  if (native->vector == 14 && soft->vector == 14 && native->address == soft->address
      && native->address >> 31 != 0)
    soft->error = native->error;
  /* MASKMOVQ that faults: whether the registers count as MMX by then is not said. */
  if (native->vector >= 12 && t->klass == FUZZ_CLASS_SSE && t->opcode == 0xf7)
    {
      ignore (native, soft, FX_FSW, 4);
      ignore (native, soft, FX_ST, 128);
    }
  /* An unmasked overflow or underflow sets PE by the result with an unbounded exponent (SDM 1, 4.9.1.4), which the software processor
   * takes for inexact. */
  if (native->vector == 19 && t->klass >= FUZZ_CLASS_SSE && (native->out.fx[FX_MXCSR] & 0x18) != 0)
    {
      native->out.fx[FX_MXCSR] |= 0x20;
      soft->out.fx[FX_MXCSR] |= 0x20;
    }
  /* PUSH of a segment register with a 32-bit operand: older and AMD's processors write zeroes above the selector, Intel's since
   * the Pentium leave those bytes alone (SDM 2, PUSH). */
  if (t->klass == FUZZ_CLASS_STACK && c->compat
      && ((t->map == 0 && (t->opcode & 0xe7) == 0x06)
          || (t->map == 1 && (t->opcode == 0xa0 || t->opcode == 0xa8))))
    {
      uint64_t at = native->out.gpr[4] - FUZZ_DATA;

      if (native->out.gpr[4] == c->in.gpr[4] - 4 && at + 4 <= FUZZ_PAGE)
        memcpy (soft->memory + at + 2, native->memory + at + 2, 2);
    }
  /* ENTER, PUSHA and POPA that fault half-way: what they have pushed by then is below the stack pointer, and the order of their
   * accesses isn't said. */
  if (t->klass == FUZZ_CLASS_STACK && t->map == 0 && (t->opcode == 0xc8 || (t->opcode & 0xfe) == 0x60)
      && native->vector >= 12 && soft->vector >= 12)
    {
      memcpy (soft->memory, native->memory, FUZZ_PAGE);
      if (native->vector == 14 && soft->vector == 14 && native->address >> 12 == soft->address >> 12)
        soft->address = native->address;
    }
  /* An access that wraps at 4 GiB in a segment of that size may fault or not (SDM 3, 5.3.1). */
  if (c->compat && (native->vector == 12 || native->vector == 13) && soft->vector == 14
      && (soft->address >= 0xfffffd00 || soft->address < 0x1000))
    *soft = *native;
  /* MOVSXD r16: SDM reads 16 bits, APM 32. */
  if (native->vector == 14 && soft->vector < 0 && t->map == 0 && t->opcode == 0x63
      && t->klass == FUZZ_CLASS_MOVE && !c->compat)
    *soft = *native;
  /* What isn't an instruction and runs into a page that isn't there: how many of its bytes are fetched before #UD isn't said. */
  if (native->vector == 14 && native->error == 0x14 && soft->vector == 6
      && c->in.rip % FUZZ_PAGE + c->length >= FUZZ_PAGE)
    *soft = *native;
  /* CMPS with two operands that fault: the order of the reads is the processor's. */
  if (t->klass == FUZZ_CLASS_STRING && (t->opcode & 0xfe) == 0xa6 && native->vector >= 12
      && soft->vector >= 12)
    {
      soft->vector = native->vector;
      soft->error = native->error;
      soft->address = native->address;
    }
  if (t->klass == FUZZ_CLASS_FXSAVE && t->opcode == 0xae && (t->digit == 0 || t->digit == 4))
    {
      ignore_memory (c, native, soft, FX_MXCSR_MASK, 4);
      if ((c->in.fx[FX_FSW] & 0x80) == 0)
        {
          ignore_memory (c, native, soft, FX_FOP, 2);
          ignore_memory (c, native, soft, FX_FIP, 16);
        }
    }
}
