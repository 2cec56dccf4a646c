/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fuzz-cpu-sequences: short programs on the interpreter and on the translator, and compared to the last bit.
 *
 *   fuzz-cpu-sequences [--seconds N] [--count N] [--seed S] [--first N] [--length N] [--verbose]
 *
 * What single instructions can't show: flags that are made here, kept there and asked for later, over memory operands that fault or not;
 * registers that share a base; XMM registers and MXCSR that are the host's here and in memory there; units that are linked, run again and overwritten.  There is no native half: what each instruction does is
 * compared by fuzz-cpu.  Ends with 0 if there was no difference, 1 if there was one, 77 (skipped) where nothing is translated.
 */
#define G_LOG_DOMAIN "fuzz-cpu"

#include "fuzz.h"
#include "sequence-vex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/host.h"

static gint64 seconds = 0, count = 0, first = 0, seed = 1, longest = 30;
static gboolean verbose;

static const GOptionEntry entries[] = {
  { "seconds", 0, 0, G_OPTION_ARG_INT64, &seconds, "Run for this long", "N" },
  { "count", 0, 0, G_OPTION_ARG_INT64, &count, "Run this many programs", "N" },
  { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "Seed of the run", "S" },
  { "first", 0, 0, G_OPTION_ARG_INT64, &first, "Number of the first program", "N" },
  { "length", 0, 0, G_OPTION_ARG_INT64, &longest, "Instructions at most", "N" },
  { "verbose", 0, 0, G_OPTION_ARG_NONE, &verbose, "Print each program", NULL },
  { NULL },
};

typedef struct
{
  uint64_t random;
  gboolean compat;
  gboolean
      biased; /* to one base or two for most operands in memory, and to flags that live across accesses */
  unsigned base, other; /* those bases */
  gboolean kernel;
  gboolean sse;  /* mostly such instructions, and changes of MXCSR */
  gboolean vex;  /* half of them with such a prefix */
  uint32_t data; /* where the data page is */
  uint8_t code[FUZZ_PAGE];
  unsigned at;
  unsigned starts[64], n; /* of the instructions */
} Program;

static uint64_t
rnd (Program *p)
{
  uint64_t z = p->random += 0x9e3779b97f4a7c15;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static unsigned
below (Program *p, unsigned n)
{
  return (unsigned)((rnd (p) >> 32) * n >> 32);
}

static void
put (Program *p, unsigned byte)
{
  p->code[p->at++] = (uint8_t)byte;
}

static void
put32 (Program *p, uint32_t value)
{
  memcpy (p->code + p->at, &value, 4);
  p->at += 4;
}

/* RBX, RSI, RDI, R12 and R9 point into the data page and RSP into its middle; RCX counts. */
static unsigned
pointer (Program *p)
{
  static const uint8_t all[] = { 3, 6, 7, 12, 9 };

  if (p->biased && below (p, 8) != 0)
    return below (p, 2) == 0 ? p->base : p->other;
  return all[below (p, p->compat ? 3 : 5)];
}

static unsigned
plain (Program *p)
{
  static const uint8_t all[] = { 0, 2, 5, 8, 10, 11, 13, 14, 15, 0, 2 };
  return all[below (p, p->compat ? 3 : 11)];
}

/* A multiple of 16 where operands most often have to be. */
static uint32_t
align (Program *p, uint32_t place)
{
  return p->sse && below (p, 8) != 0 ? place & ~15u : place;
}

/* ModRM of register `reg` and a memory operand, or a register. */
static void
operand (Program *p, unsigned reg, unsigned rex, gboolean memory, unsigned base, unsigned *rex_at)
{
  unsigned kind = below (p, 8);

  if (!memory)
    {
      put (p, 0xc0 | (reg & 7) << 3 | (base & 7));
      return;
    }
  if (kind < 2 || (base & 7) == 4)
    {
      /* With an index of small value: R13, or EDX; most often none. */
      gboolean index = kind == 0 && !p->compat;
      put (p, 0x84 | (reg & 7) << 3);
      put (p, below (p, 4) << 6 | (index ? 5 : 4) << 3 | (base & 7));
      if (index)
        p->code[*rex_at] |= 2;
      put32 (p, align (p, below (p, 64) - 32));
    }
  else if (kind < 6 || (p->biased && below (p, 4) != 0))
    {
      put (p, 0x40 | (reg & 7) << 3 | (base & 7));
      put (p, align (p, below (p, 256)));
    }
  else if (kind == 6)
    {
      /* Up to the page's end, and into the one that can't be written, or isn't there. */
      put (p, 0x80 | (reg & 7) << 3 | (base & 7));
      put32 (p, align (p, below (p, 0x1400) - 0x200));
    }
  else if (p->compat)
    {
      put (p, (reg & 7) << 3 | 5);
      put32 (p, align (p, p->data + below (p, 0x1010)));
    }
  else
    {
      /* Absolute. */
      put (p, (reg & 7) << 3 | 4);
      put (p, 0x25);
      put32 (p, align (p, p->data + below (p, 0x1010)));
    }
}

enum
{
  MAP_0F = 0x100,
  BYTE = 0x200,     /* operands of one byte */
  MEMORY = 0x400,   /* only memory */
  REGISTER = 0x800, /* only registers */
  IMM8 = 0x1000,
  IMM = 0x2000,     /* of the operand's size */
  DIGIT = 0x4000,   /* in bits 16 to 18 */
  NO_SIZE = 0x8000, /* no prefixes of size */
};
#define D(n) (DIGIT | (n) << 16)
#define F3   0x100000
#define P66  0x200000

/* An instruction with ModRM: register `reg` or a digit, and an operand. */
static void
modrm (Program *p, uint32_t what)
{
  unsigned reg = plain (p), rex = 0, size = below (p, 4), rex_at = 0;
  gboolean memory = (what & MEMORY) != 0 || ((what & REGISTER) == 0 && below (p, 2) == 0);
  unsigned base = memory ? pointer (p) : plain (p);

  if ((what & DIGIT) != 0)
    reg = what >> 16 & 7;
  if ((what & P66) != 0)
    put (p, 0x66);
  if ((what & F3) != 0)
    put (p, 0xf3);
  if ((what & (NO_SIZE | BYTE)) == 0 && size == 0)
    put (p, 0x66);
  if (!p->compat)
    {
      if (size == 1 && (what & NO_SIZE) == 0)
        rex |= 8;
      if (reg >= 8 && (what & DIGIT) == 0)
        rex |= 4;
      if (base >= 8)
        rex |= 1;
      /* Half of the byte operations without, for AH to BH. */
      if (rex != 0 || memory || below (p, 2) == 0 || (what & BYTE) == 0)
        {
          rex_at = p->at;
          put (p, 0x40 | rex);
        }
    }
  if ((what & MAP_0F) != 0)
    put (p, 0x0f);
  put (p, what & 0xff);
  if ((what & BYTE) != 0 && rex_at == 0 && below (p, 2) == 0 && (what & DIGIT) == 0)
    reg = below (p, 3) == 0 ? 4 : 6 + below (p, 2); /* AH, DH, BH; a pointer may be lost */
  operand (p, reg, rex, memory, base, &rex_at);
  if ((what & IMM8) != 0)
    put (p, below (p, 256));
  else if ((what & IMM) != 0)
    {
      if (what & BYTE)
        put (p, below (p, 256));
      else if (size == 0)
        {
          put (p, below (p, 256));
          put (p, below (p, 256));
        }
      else
        put32 (p, (uint32_t)rnd (p));
    }
}

static const uint32_t kinds[] = {
  0x00 | BYTE,
  0x01,
  0x02 | BYTE,
  0x03,
  0x09,
  0x0b,
  0x11,
  0x13,
  0x10 | BYTE,
  0x19,
  0x1b,
  0x21,
  0x23,
  0x29,
  0x2b,
  0x28 | BYTE,
  0x31,
  0x33,
  0x30 | BYTE,
  0x32 | BYTE,
  0x39,
  0x3b,
  0x38 | BYTE,
  0x3a | BYTE,
  0x84 | BYTE,
  0x85,
  0x88 | BYTE,
  0x89,
  0x8a | BYTE,
  0x8b,
  0x89,
  0x8b,
  0x8b,
  0x89,
  0x8d | MEMORY,
  0x86 | BYTE,
  0x87,
  0x69 | IMM,
  0x6b | IMM8,
  0x80 | BYTE | IMM8 | D (0),
  0x80 | BYTE | IMM8 | D (7),
  0x81 | IMM | D (0),
  0x81 | IMM | D (2),
  0x81 | IMM | D (4),
  0x81 | IMM | D (7),
  0x83 | IMM8 | D (3),
  0x83 | IMM8 | D (5),
  0x83 | IMM8 | D (7),
  0x83 | IMM8 | D (6),
  0xc0 | BYTE | IMM8 | D (4),
  0xc1 | IMM8 | D (0),
  0xc1 | IMM8 | D (1),
  0xc1 | IMM8 | D (2),
  0xc1 | IMM8 | D (4),
  0xc1 | IMM8 | D (5),
  0xc1 | IMM8 | D (7),
  0xd1 | D (2),
  0xd1 | D (3),
  0xd1 | D (4),
  0xd3 | D (4),
  0xd3 | D (5),
  0xd3 | D (0),
  0xd2 | BYTE | D (7),
  0xf6 | BYTE | D (0) | IMM,
  0xf7 | D (0) | IMM,
  0xf7 | D (2),
  0xf7 | D (3),
  0xf6 | BYTE | D (3),
  0xf7 | D (4),
  0xf7 | D (5),
  0xf6 | BYTE | D (4),
  0xf6 | BYTE | D (5),
  0xf7 | D (6),
  0xf7 | D (7),
  0x8c,
  0xc7 | MAP_0F | D (1) | MEMORY,
  0xfe | BYTE | D (0),
  0xfe | BYTE | D (1),
  0xff | D (0),
  0xff | D (1),
  0xc6 | BYTE | IMM | D (0),
  0xc7 | IMM | D (0),
  0x40 | MAP_0F,
  0x42 | MAP_0F,
  0x44 | MAP_0F,
  0x4c | MAP_0F,
  0x47 | MAP_0F,
  0x90 | MAP_0F | BYTE | D (0),
  0x92 | MAP_0F | BYTE | D (0),
  0x94 | MAP_0F | BYTE | D (0),
  0x9f | MAP_0F | BYTE | D (0),
  0x95 | MAP_0F | BYTE | D (0),
  0xa3 | MAP_0F | REGISTER,
  0xab | MAP_0F | REGISTER,
  0xb3 | MAP_0F | REGISTER,
  0xba | MAP_0F | IMM8 | D (4),
  0xba | MAP_0F | IMM8 | D (5),
  0xba | MAP_0F | IMM8 | D (7),
  0xa4 | MAP_0F | IMM8,
  0xad | MAP_0F,
  0xa5 | MAP_0F,
  0xaf | MAP_0F,
  0xb0 | MAP_0F | BYTE,
  0xb1 | MAP_0F,
  0xc1 | MAP_0F,
  0xc0 | MAP_0F | BYTE,
  0xb6 | MAP_0F | BYTE,
  0xb7 | MAP_0F,
  0xbe | MAP_0F | BYTE,
  0xbf | MAP_0F,
  0xbc | MAP_0F,
  0xbd | MAP_0F,
  0xb8 | MAP_0F | F3,
};

/* SSE, with registers of any number. */
static const uint32_t sse_kinds[] = {
  0x10 | MAP_0F | NO_SIZE,
  0x11 | MAP_0F | NO_SIZE,
  0x28 | MAP_0F | NO_SIZE,
  0x29 | MAP_0F | NO_SIZE,
  0x58 | MAP_0F | NO_SIZE,
  0x59 | MAP_0F | NO_SIZE | P66,
  0x6f | MAP_0F | NO_SIZE | P66,
  0x6f | MAP_0F | NO_SIZE | F3,
  0x7f | MAP_0F | NO_SIZE | F3,
  0xef | MAP_0F | NO_SIZE | P66,
  0xfe | MAP_0F | NO_SIZE | P66,
  0xd4 | MAP_0F | NO_SIZE | P66,
  0x62 | MAP_0F | NO_SIZE | P66,
  0x70 | MAP_0F | NO_SIZE | P66 | IMM8,
  0x6e | MAP_0F | NO_SIZE | P66,
  0x7e | MAP_0F | NO_SIZE | P66,
  0x2a | MAP_0F | NO_SIZE | F3,
  0x2c | MAP_0F | NO_SIZE | F3,
  0x2e | MAP_0F | NO_SIZE,
  0x2f | MAP_0F | NO_SIZE | P66,
  0x5a | MAP_0F | NO_SIZE | F3,
  0xd6 | MAP_0F | NO_SIZE | P66,
  0x7e | MAP_0F | NO_SIZE | F3,
  0x74 | MAP_0F | NO_SIZE | P66,
  0xd7 | MAP_0F | NO_SIZE | P66 | REGISTER,
  0x5e | MAP_0F | NO_SIZE | F3,
  0x51 | MAP_0F | NO_SIZE | F3,
  0x72 | MAP_0F | NO_SIZE | P66 | REGISTER | IMM8 | D (2),
  0x73 | MAP_0F | NO_SIZE | P66 | REGISTER | IMM8 | D (6),
  0xc6 | MAP_0F | NO_SIZE | IMM8,
  0x16 | MAP_0F | NO_SIZE,
  0x12 | MAP_0F | NO_SIZE,
  0x13 | MAP_0F | NO_SIZE | MEMORY,
  0x14 | MAP_0F | NO_SIZE | P66,
  0x54 | MAP_0F | NO_SIZE,
  0xe6 | MAP_0F | NO_SIZE | F3,
  0x5b | MAP_0F | NO_SIZE,
  0xc2 | MAP_0F | NO_SIZE | IMM8,
};

/* What makes flags, moves data, asks for flags: without, between and with accesses. */
static const uint32_t flag_kinds[] = {
  0x01 | REGISTER,
  0x29 | REGISTER,
  0x39 | REGISTER,
  0x85 | REGISTER,
  0x21 | REGISTER,
  0x31 | REGISTER,
  0x0b | REGISTER,
  0x03 | REGISTER,
  0x38 | BYTE | REGISTER,
  0x84 | BYTE | REGISTER,
  0x20 | BYTE | REGISTER,
  0x28 | BYTE | REGISTER,
  0x81 | IMM | D (0) | REGISTER,
  0x81 | IMM | D (5) | REGISTER,
  0x81 | IMM | D (7) | REGISTER,
  0x83 | IMM8 | D (4) | REGISTER,
  0x83 | IMM8 | D (0) | REGISTER,
  0x83 | IMM8 | D (7) | REGISTER,
  0x80 | BYTE | IMM8 | D (7) | REGISTER,
  0xf7 | D (3) | REGISTER,
  0xf7 | D (0) | IMM | REGISTER,
  0xc1 | IMM8 | D (4) | REGISTER,
  0xff | D (0) | REGISTER,
  0xff | D (1) | REGISTER,
  0x8b | MEMORY,
  0x8b | MEMORY,
  0x8b | MEMORY,
  0x89 | MEMORY,
  0x89 | MEMORY,
  0x8a | BYTE | MEMORY,
  0x88 | BYTE | MEMORY,
  0xb6 | MAP_0F | BYTE | MEMORY,
  0xc7 | IMM | D (0) | MEMORY,
  0x03 | MEMORY,
  0x3b | MEMORY,
  0x29 | MEMORY,
  0x89 | REGISTER,
  0x8d | MEMORY,
  0xf7 | D (2) | REGISTER,
  0x11 | REGISTER,
  0x1b | MEMORY,
  0x94 | MAP_0F | BYTE | D (0),
  0x92 | MAP_0F | BYTE | D (0),
  0x9c | MAP_0F | BYTE | D (0),
  0x9a | MAP_0F | BYTE | D (0) | REGISTER,
  0x44 | MAP_0F,
  0x40 | MAP_0F,
  0x4c | MAP_0F,
  0xa5 | MAP_0F,
  0xa3 | MAP_0F | REGISTER,
  0xaf | MAP_0F,
};

/* The base, by a constant. */
static void
move_base (Program *p)
{
  unsigned n = below (p, 2) == 0 ? p->base : p->other, low = n & 7;
  gboolean by_lea = below (p, 3) == 0 && low != 4;

  if (!p->compat)
    put (p, by_lea ? 0x48 | (n >= 8 ? 5 : 0) : 0x48 | (n >= 8));
  if (by_lea)
    {
      put (p, 0x8d);
      put (p, 0x40 | low << 3 | low);
      put (p, below (p, 33) - 16);
    }
  else if (below (p, 2) == 0)
    {
      put (p, 0x83);
      put (p, (below (p, 2) == 0 ? 0xc0 : 0xe8) | low);
      put (p, below (p, 33) - 16);
    }
  else
    {
      put (p, 0xff);
      put (p, (below (p, 2) == 0 ? 0xc0 : 0xc8) | low);
    }
}

/* PUSH and POP, with what lies on the stack read in between. */
static void
stack_work (Program *p)
{
  unsigned n = plain (p);

  switch (below (p, 4))
    {
    case 0:
      if (n >= 8)
        put (p, 0x41);
      put (p, 0x50 | (n & 7));
      break;
    case 1:
      if (n >= 8)
        put (p, 0x41);
      put (p, 0x58 | (n & 7));
      break;
    default:
      /* mov to or from [rsp + 8 * k] */
      if (!p->compat)
        put (p, 0x48 | (n >= 8 ? 4 : 0));
      put (p, below (p, 2) == 0 ? 0x8b : 0x89);
      put (p, 0x44 | (n & 7) << 3);
      put (p, 0x24);
      put (p, below (p, 6) * 8);
      break;
    }
}

/* Flags, segment registers, divisions that most often don't fault, shifts of XMM registers. */
static void
system_work (Program *p)
{
  static const uint8_t shifts[10][2] = { { 0x71, 2 }, { 0x71, 4 }, { 0x71, 6 }, { 0x72, 2 }, { 0x72, 4 },
                                         { 0x72, 6 }, { 0x73, 2 }, { 0x73, 3 }, { 0x73, 6 }, { 0x73, 7 } };
  unsigned kind = below (p, 8), which;

  switch (kind)
    {
    case 0:
    case 1:
      /* In a program they fault. */
      if (p->kernel || below (p, 16) == 0)
        put (p, 0xfa + kind);
      else
        put (p, 0x9c);
      break;
    case 2:
      put (p, 0xf3);
      put (p, 0x90);
      break;
    case 3:
      put (p, 0x9c);
      break;
    case 4:
      /* xor edx, edx; div */
      put (p, 0x31);
      put (p, 0xd2);
      modrm (p, 0xf7 | D (6));
      break;
    case 5:
      /* cdq or cqo; idiv */
      if (!p->compat && below (p, 2) == 0)
        put (p, 0x48);
      put (p, 0x99);
      modrm (p, 0xf7 | D (7));
      break;
    case 6:
      modrm (p, 0x8c | D (below (p, 6)));
      break;
    default:
      which = below (p, 10);
      put (p, 0x66);
      put (p, 0x0f);
      put (p, shifts[which][0]);
      put (p, 0xc0 | shifts[which][1] << 3 | below (p, 8));
      put (p, below (p, 40));
      break;
    }
}

/* Modes of rounding and denormals, flags, and seldom exceptions that aren't masked. */
static uint32_t
any_mxcsr (Program *p)
{
  uint32_t value = 0x1f80;

  if (below (p, 2) == 0)
    value |= (uint32_t)rnd (p) & 0xe07f;
  if (below (p, 6) == 0)
    value &= ~(1u << (7 + below (p, 6)));
  return value;
}

static void
mxcsr_work (Program *p)
{
  if (below (p, 2) == 0)
    {
      /* push imm32; ldmxcsr [rsp]; pop rdx */
      put (p, 0x68);
      put32 (p, any_mxcsr (p));
      put32 (p, 0x2414ae0f);
      put (p, 0x5a);
    }
  else
    {
      /* stmxcsr [rsp - 8] */
      put32 (p, 0x245cae0f);
      put (p, 0xf8);
    }
}

static void
vex_work (Program *p)
{
  p->at += sequence_vex (&p->random, p->compat, pointer (p), p->code + p->at);
}

static void
other (Program *p)
{
  unsigned n = plain (p);

  switch (below (p, 16))
    {
    case 0:
      if (n >= 8)
        put (p, 0x41);
      put (p, 0x50 | (n & 7));
      break;
    case 1:
    case 2:
      if (n >= 8)
        put (p, 0x41);
      put (p, 0x58 | (n & 7));
      break;
    case 3:
      put (p, 0x68);
      put32 (p, (uint32_t)rnd (p));
      break;
    case 4:
      put (p, 0x9c);
      break;
    case 5:
      put (p, 0x9f);
      break;
    case 6:
      put (p, 0x9e);
      break;
    case 7:
      put (p, below (p, 2) == 0 ? 0xf5 : 0xf8 + below (p, 2));
      break;
    case 8:
      put (p, 0x98 + below (p, 2));
      break;
    case 9:
      if (!p->compat)
        put (p, 0x48);
      put (p, 0x98 + below (p, 2));
      break;
    case 10:
      put (p, below (p, 2) == 0 ? 0xa4 : 0xab);
      break;
    case 11:
      put (p, 0xfc + below (p, 2));
      put (p, 0xac);
      put (p, 0xfc);
      break;
    case 12:
      if (!p->compat)
        put (p, 0x49);
      put (p, 0x0f);
      put (p, 0xc8 | (p->compat ? 2 : n & 7));
      break;
    case 13:
      put (p, 0xd9);
      put (p, 0xe8);
      put (p, 0xde);
      put (p, 0xc1);
      break;
    default:
      if (!p->compat)
        put (p, 0x40 | (n >= 8) | (below (p, 2) << 3));
      put (p, 0xb8 | (n & 7));
      if (!p->compat && (p->code[p->at - 2] & 8) != 0)
        put32 (p, (uint32_t)rnd (p));
      put32 (p, (uint32_t)rnd (p));
      break;
    }
}

/* A jump over the next few instructions, to be filled in; or a call and the pop of what it pushed. */
static void
build (Program *p, unsigned length, unsigned start)
{
  unsigned jump = 0, jump_until = 0, top;
  gboolean loop = below (p, 4) == 0;

  memset (p->code, 0xcc, sizeof p->code);
  p->at = start;
  p->n = 0;
  top = p->at;
  while (p->n < length)
    {
      if (jump != 0 && p->n >= jump_until)
        {
          p->code[jump] = (uint8_t)(p->at - jump - 1);
          jump = 0;
        }
      p->starts[p->n++] = p->at;
      if (jump == 0 && below (p, 7) == 0)
        {
          put (p, below (p, 8) == 0 ? 0xeb : 0x70 | below (p, 16));
          jump = p->at;
          put (p, 0);
          jump_until = p->n + 1 + below (p, 3);
        }
      else if (below (p, 24) == 0)
        {
          put (p, 0xe8);
          put32 (p, 0);
        }
      else if (p->vex && below (p, 2) == 0)
        vex_work (p);
      else if (p->sse && below (p, 12) == 0)
        mxcsr_work (p);
      else if (p->sse && below (p, 3) != 0)
        modrm (p, sse_kinds[below (p, G_N_ELEMENTS (sse_kinds))]);
      else if (p->biased && below (p, 10) == 0)
        move_base (p);
      else if (p->biased && below (p, 6) == 0)
        stack_work (p);
      else if (p->biased && below (p, 10) != 0)
        modrm (p, flag_kinds[below (p, G_N_ELEMENTS (flag_kinds))]);
      else if (below (p, 5) == 0)
        other (p);
      else if (below (p, 8) == 0)
        system_work (p);
      else if (below (p, 4) == 0)
        modrm (p, sse_kinds[below (p, G_N_ELEMENTS (sse_kinds))]);
      else
        modrm (p, kinds[below (p, G_N_ELEMENTS (kinds))]);
    }
  if (jump != 0)
    p->code[jump] = (uint8_t)(p->at - jump - 1);
  if (loop)
    {
      /* dec ecx; jnz, or LOOP */
      if (below (p, 2) == 0 && p->at + 2 - top < 128)
        {
          put (p, 0xe2);
          put (p, top - p->at - 1);
        }
      else
        {
          put (p, 0xff);
          put (p, 0xc9);
          put (p, 0x0f);
          put (p, 0x85);
          put32 (p, top - p->at - 4);
        }
    }
}

static void
start_state (Program *p, FuzzCase *c)
{
  uint32_t mxcsr;

  memset (c, 0, sizeof *c);
  for (unsigned i = 0; i < FUZZ_PAGE; i += 8)
    {
      uint64_t value = below (p, 3) == 0 ? rnd (p) & 0xff00ff00ff : rnd (p);
      memcpy (c->memory + i, &value, 8);
    }
  for (unsigned i = 0; i < 16; i++)
    {
      c->in.gpr[i] = below (p, 3) == 0 ? below (p, 3) - 1u : rnd (p);
      if (below (p, 4) == 0)
        c->in.gpr[i] = (uint32_t)c->in.gpr[i];
    }
  c->in.gpr[3] = p->data + 0x100 + below (p, 0x100);
  c->in.gpr[6] = p->data + 0x400 + below (p, 0x800);
  c->in.gpr[7] = p->data + 0x400 + (below (p, 0x80) << 4);
  c->in.gpr[12] = p->data + 0xf80 + below (p, 0x7f);
  c->in.gpr[9] = p->data + below (p, 0xf00);
  if (p->sse)
    for (unsigned i = 3; i < 13; i += 3)
      c->in.gpr[i] &= ~UINT64_C (15);
  if (p->biased && below (p, 3) == 0)
    /* What is near it is partly in the next page, or before the first. */
    c->in.gpr[p->base] = p->data + (below (p, 4) == 0 ? 0x40 : 0xfc0) + below (p, 64);
  c->in.gpr[13] = below (p, 64);
  c->in.gpr[4] = p->data + (below (p, 8) == 0 ? 0x10 : below (p, 8) == 0 ? 0xfa0 : 0x800) + below (p, 64);
  c->in.gpr[1] = 1 + below (p, 20);
  if (p->compat)
    for (unsigned i = 0; i < 16; i++)
      c->in.gpr[i] = i < 8 ? (uint32_t)c->in.gpr[i] : 0;
  c->compat = (uint8_t)p->compat;
  c->in.rflags = 0x202 | (rnd (p) & 0x8d5);
  for (unsigned i = FX_ST; i < FX_END; i += 8)
    {
      uint64_t value = i < FX_XMM ? 0 : below (p, 2) == 0 ? 0x3f8000003ff00000 + below (p, 1000) : rnd (p);
      memcpy (c->in.fx + i, &value, 8);
    }
  for (unsigned i = 0; p->vex && i < sizeof c->in.ymm; i += 8)
    {
      uint64_t value = below (p, 3) == 0 ? 0 : rnd (p);
      memcpy (c->in.ymm + i, &value, 8);
    }
  c->in.fx[FX_FCW] = 0x7f;
  c->in.fx[FX_FCW + 1] = 3;
  mxcsr = p->sse ? any_mxcsr (p) : 0x1f80;
  c->in.fx[FX_MXCSR] = (uint8_t)mxcsr;
  c->in.fx[FX_MXCSR + 1] = (uint8_t)(mxcsr >> 8);
}

static void
print_program (const Program *p, uint64_t number, const FuzzCase *c)
{
  printf ("program %" PRIu64 ", %d bits%s, at %" PRIx64 ":\n ", number, p->compat ? 32 : 64,
          p->kernel ? ", kernel" : "", c->in.rip);
  for (unsigned i = (unsigned)(c->in.rip & 0xfff); i < p->at; i++)
    printf (" %02x", p->code[i]);
  printf ("\n");
}

/* Ends turns of translated code that doesn't count, as some programs never end. */
static gint quit;

static gpointer
clock_thread (gpointer data)
{
  while (g_atomic_int_get (&quit) == 0)
    {
      g_usleep (1000);
      fuzz_soft_yield (1);
    }
  return NULL;
}

static gboolean
same (const Program *p, uint64_t number, const FuzzCase *c, const FuzzResult *a, const FuzzResult *b)
{
  if (a->vector == b->vector && a->error == b->error && a->address == b->address && a->out.rip == b->out.rip
      && a->out.rflags == b->out.rflags && memcmp (a->out.gpr, b->out.gpr, sizeof a->out.gpr) == 0
      && memcmp (a->out.fx, b->out.fx, FX_END) == 0 && memcmp (a->out.ymm, b->out.ymm, sizeof a->out.ymm) == 0
      && memcmp (a->memory, b->memory, FUZZ_PAGE) == 0)
    return TRUE;
  printf ("DIFFERENCE in ");
  print_program (p, number, c);
  printf ("  again: fuzz-cpu-sequences --seed %" PRId64 " --first %" PRIu64 " --count 1 --length %" PRId64
          "\n",
          seed, number, longest);
  printf ("  interpreter: exception %d error %x address %" PRIx64 " rip %" PRIx64 " rflags %" PRIx64 "\n",
          a->vector, a->error, a->address, a->out.rip, a->out.rflags);
  printf ("  translator:  exception %d error %x address %" PRIx64 " rip %" PRIx64 " rflags %" PRIx64 "\n",
          b->vector, b->error, b->address, b->out.rip, b->out.rflags);
  for (unsigned i = 0; i < 16; i++)
    if (a->out.gpr[i] != b->out.gpr[i])
      printf ("  register %u: before %" PRIx64 " interpreter %" PRIx64 " translator %" PRIx64 "\n", i,
              c->in.gpr[i], a->out.gpr[i], b->out.gpr[i]);
  for (unsigned i = 0; i < FX_END; i++)
    if (a->out.fx[i] != b->out.fx[i])
      printf ("  FXSAVE byte %u: interpreter %02x translator %02x\n", i, a->out.fx[i], b->out.fx[i]);
  for (unsigned i = 0; i < sizeof a->out.ymm; i++)
    if (a->out.ymm[i] != b->out.ymm[i])
      printf ("  YMM%u's upper half, byte %u: interpreter %02x translator %02x\n", i / 16, i % 16,
              a->out.ymm[i], b->out.ymm[i]);
  for (unsigned i = 0, shown = 0; i < FUZZ_PAGE && shown < 8; i++)
    if (a->memory[i] != b->memory[i])
      {
        printf ("  memory %x: interpreter %02x translator %02x\n", p->data + i, a->memory[i], b->memory[i]);
        shown++;
      }
  return FALSE;
}

static void
free_both (void)
{
  for (unsigned i = 0; i < 2; i++)
    {
      fuzz_soft_select (i);
      fuzz_soft_free ();
    }
}

int
main (int argc, char **argv)
{
  static const char *const modes[2] = { "interpret", "always" };
  static FuzzResult results[2];
  static FuzzCase c;
  static Program p;
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  uint64_t number, differences = 0, faults = 0, runs = 0, lost = 0;
  GThread *clock;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      fprintf (stderr, "fuzz-cpu-sequences: %s\n", error->message);
      return 2;
    }
  if (seconds == 0 && count == 0)
    count = 20000;
  longest = CLAMP (longest, 2, 60);
  for (unsigned i = 0; i < 2; i++)
    {
      g_setenv ("VIVARIUM_SOFT", modes[i], TRUE);
      fuzz_soft_select (i);
      fuzz_soft_init (FALSE, TRUE);
    }
  if (!fuzz_soft_translates ())
    {
      printf ("this build, or this host, doesn't translate\n");
      free_both ();
      return 77;
    }

  clock = g_thread_new ("clock", clock_thread, NULL);
  for (number = (uint64_t)first;
       (count == 0 || number < (uint64_t)(first + count)) && differences < 10
       && (seconds == 0 || g_get_monotonic_time () - start < seconds * G_USEC_PER_SEC);
       number++)
    {
      unsigned at;

      p.random = (uint64_t)seed * 0xd1342543de82ef95 + number * 0x2545f4914f6cdd1d;
      p.kernel = below (&p, 3) == 0;
      p.data = p.kernel ? FUZZ_KERNEL_DATA : FUZZ_DATA;
      p.compat = !p.kernel && below (&p, 3) == 0;
      p.sse = below (&p, 4) == 0;
      p.vex = below (&p, 3) == 0 && soft_host_has (SOFT_HOST_AVX);
      p.biased = FALSE;
      p.base = pointer (&p);
      p.other = below (&p, 2) == 0 ? p.base : pointer (&p);
      p.biased = below (&p, 2) == 0;
      /* Now and then the page's end is near. */
      at = below (&p, 4) == 0 ? 0x700 + below (&p, 64) : below (&p, 0x400);
      build (&p, 2 + below (&p, (unsigned)longest - 1), at);
      memcpy (p.code + p.at, "\xe9", 1);
      {
        uint32_t distance = p.kernel ? FUZZ_KERNEL_EXIT - (FUZZ_KERNEL_CODE + p.at + 5)
                                     : FUZZ_EXIT - (FUZZ_CODE + p.at + 5);
        memcpy (p.code + p.at + 1, &distance, 4);
      }
      for (unsigned i = 0; i < 2; i++)
        {
          fuzz_soft_select (i);
          fuzz_soft_count (number % 4 == 0);
          fuzz_soft_kernel (p.kernel);
          fuzz_soft_code (0, p.code);
        }
      /* The second time the units are there already, and linked. */
      for (unsigned run = 0; run < 3; run++)
        {
          start_state (&p, &c);
          c.in.rip = (p.kernel ? FUZZ_KERNEL_CODE : FUZZ_CODE) + at;
          c.length = (uint8_t)(p.at - at);
          if (verbose && run == 0)
            print_program (&p, number, &c);
          for (unsigned i = 0; i < 2; i++)
            {
              fuzz_soft_select (i);
              fuzz_soft_run (&c, &results[i]);
            }
          runs++;
          faults += results[0].vector >= 0 && results[0].vector != 1000;
          /* One that doesn't come to its end in time is stopped anywhere. */
          if (results[0].vector == 1000 || results[1].vector == 1000)
            {
              lost++;
              for (unsigned i = 0; i < 2; i++)
                {
                  fuzz_soft_select (i);
                  fuzz_soft_clear ();
                }
              break;
            }
          if (!same (&p, number, &c, &results[0], &results[1]))
            {
              differences++;
              break;
            }
        }
    }
  g_atomic_int_set (&quit, 1);
  g_thread_join (clock);
  printf ("%" PRIu64 " runs, %" PRIu64 " with an exception, %" PRIu64 " without end, %" PRIu64
          " differences\n",
          runs, faults, lost, differences);
  free_both ();
  /* If most have no end, nothing was compared. */
  return differences != 0 || lost > runs / 10 ? 1 : 0;
}
