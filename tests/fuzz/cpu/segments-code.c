/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Instructions of programs in segments.
 */
#include "segments.h"

#include <string.h>

static void
put (SegmentsProgram *p, unsigned byte)
{
  p->code[p->length++] = (uint8_t)byte;
}

static void
put_value (SegmentsProgram *p, uint32_t value, unsigned size)
{
  memcpy (p->code + p->length, &value, size);
  p->length += size;
}

/* -- Instructions ----------------------------------------------------------------------------------------------- */

enum
{
  BYTE = 0x100, /* of one byte; else of the operand's size */
  IMM8 = 0x200,
  IMM = 0x400,    /* of the operand's size */
  MEMORY = 0x800, /* only memory */
  REGISTER = 0x1000,
  MAP_0F = 0x2000,
  DIGIT = 0x4000,   /* bits 16 to 18 instead of a register */
  NO_SIZE = 0x8000, /* no prefix */
};
#define D(n) (DIGIT | (unsigned)(n) << 16)

static const uint32_t kinds[] = {
  0x00 | BYTE,
  0x01,
  0x02 | BYTE,
  0x03,
  0x09,
  0x11,
  0x13,
  0x1b,
  0x21,
  0x23,
  0x29,
  0x2b,
  0x28 | BYTE,
  0x31,
  0x33,
  0x38 | BYTE,
  0x39,
  0x3a | BYTE,
  0x3b,
  0x84 | BYTE,
  0x85,
  0x86 | BYTE,
  0x87,
  0x88 | BYTE,
  0x89,
  0x8a | BYTE,
  0x8b,
  0x88 | BYTE | MEMORY,
  0x89 | MEMORY,
  0x8a | BYTE | MEMORY,
  0x8b | MEMORY,
  0x89 | MEMORY,
  0x8b | MEMORY,
  0x8d | MEMORY,
  0x8d | MEMORY,
  0x69 | IMM,
  0x6b | IMM8,
  0x80 | BYTE | IMM8 | D (0),
  0x80 | BYTE | IMM8 | D (7),
  0x81 | IMM | D (0),
  0x81 | IMM | D (2),
  0x81 | IMM | D (7),
  0x83 | IMM8 | D (3),
  0x83 | IMM8 | D (5),
  0x83 | IMM8 | D (7),
  0xc0 | BYTE | IMM8 | D (4),
  0xc1 | IMM8 | D (0),
  0xc1 | IMM8 | D (4),
  0xc1 | IMM8 | D (5),
  0xc1 | IMM8 | D (7),
  0xd1 | D (2),
  0xd1 | D (4),
  0xd3 | D (4),
  0xd3 | D (0),
  0xd2 | BYTE | D (5),
  0xf6 | BYTE | IMM | D (0),
  0xf7 | IMM | D (0),
  0xf7 | D (2),
  0xf7 | D (3),
  0xf7 | D (4),
  0xf7 | D (5),
  0xf6 | BYTE | D (4),
  0xf6 | BYTE | D (6),
  0xf7 | D (6),
  0xf7 | D (7),
  0xfe | BYTE | D (0),
  0xfe | BYTE | D (1),
  0xff | D (0),
  0xff | D (1),
  0xff | D (6),
  0xff | D (6) | MEMORY,
  0xc6 | BYTE | IMM | D (0),
  0xc7 | IMM | D (0),
  0xc7 | IMM | D (0) | MEMORY,
  0x8c | D (0),
  0x8c | D (2),
  0x8c | D (3),
  0x8f | D (0),
  0x8f | D (0) | MEMORY,
  0x44 | MAP_0F,
  0x42 | MAP_0F,
  0x94 | MAP_0F | BYTE | D (0),
  0x92 | MAP_0F | BYTE | D (0),
  0xa3 | MAP_0F | REGISTER,
  0xab | MAP_0F | REGISTER,
  0xba | MAP_0F | IMM8 | D (4),
  0xba | MAP_0F | IMM8 | D (5),
  0xa4 | MAP_0F | IMM8,
  0xad | MAP_0F,
  0xaf | MAP_0F,
  0xb1 | MAP_0F,
  0xc1 | MAP_0F,
  0xb6 | MAP_0F | BYTE,
  0xb7 | MAP_0F,
  0xbe | MAP_0F | BYTE,
  0xbf | MAP_0F,
  0xbc | MAP_0F,
  0xbd | MAP_0F,
  0xc7 | MAP_0F | D (1) | MEMORY,
  0x6f | MAP_0F | NO_SIZE,
  0x10 | MAP_0F | NO_SIZE,
  0x11 | MAP_0F | NO_SIZE,
};

/* Displacements are small, most often, as are the registers. */
static uint32_t
displacement (SegmentsProgram *p)
{
  if (one_in (p, 16))
    return (uint32_t)rnd (p);
  return one_in (p, 6) ? 0xfff0 + below (p, 32) : below (p, 0x600);
}

static void
operand (SegmentsProgram *p, unsigned reg, unsigned address, gboolean memory)
{
  unsigned mod = memory ? below (p, 3) : 3, rm = below (p, 8);

  put (p, mod << 6 | reg << 3 | rm);
  if (mod == 3)
    return;
  if (address == 4 && rm == 4)
    {
      /* An index of EAX to EDX, which may be anything, is rare. */
      unsigned index = one_in (p, 4) ? below (p, 8) : 4, base = below (p, 8);

      put (p, below (p, 4) << 6 | index << 3 | base);
      if (base == 5 && mod == 0)
        put_value (p, displacement (p), 4);
    }
  if (mod == 1)
    put (p, below (p, 256));
  else if (mod == 2 || (mod == 0 && rm == (address == 2 ? 6 : 5)))
    put_value (p, displacement (p), address);
}

static void
prefixes (SegmentsProgram *p, uint32_t what, unsigned *size, unsigned *address)
{
  static const uint8_t segments[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };

  *size = *address = natural (p);
  if (one_in (p, 5))
    put (p, segments[below (p, 6)]);
  if (one_in (p, 8))
    {
      *address = 6 - *address;
      put (p, 0x67);
    }
  if ((what & (BYTE | NO_SIZE)) == 0 && one_in (p, 4))
    {
      *size = 6 - *size;
      put (p, 0x66);
    }
}

static void
modrm (SegmentsProgram *p, uint32_t what)
{
  gboolean memory = (what & REGISTER) == 0 && ((what & MEMORY) != 0 || below (p, 2) == 0);
  unsigned size, address;

  prefixes (p, what, &size, &address);
  if ((what & MAP_0F) != 0)
    put (p, 0x0f);
  put (p, what & 0xff);
  operand (p, (what & DIGIT) != 0 ? what >> 16 & 7 : below (p, 8), address, memory);
  if ((what & IMM8) != 0 || ((what & IMM) != 0 && (what & BYTE) != 0))
    put (p, below (p, 256));
  else if ((what & IMM) != 0)
    put_value (p, (uint32_t)rnd (p), size);
}

/* A prefix that changes the operand's size, or none; returns it. */
static unsigned
any_size (SegmentsProgram *p)
{
  unsigned size = natural (p);

  if (one_in (p, 5))
    {
      put (p, 0x66);
      size = 6 - size;
    }
  return size;
}

static void
stack_work (SegmentsProgram *p)
{
  static const uint8_t segments[] = { 0x06, 0x0e, 0x16, 0x1e };
  unsigned size;

  switch (below (p, 12))
    {
    case 0 ... 2:
      any_size (p);
      put (p, 0x50 | below (p, 8));
      break;
    case 3 ... 5:
      any_size (p);
      put (p, 0x58 | (one_in (p, 12) ? 4 : below (p, 4)));
      break;
    case 6:
      size = any_size (p);
      put (p, 0x68);
      put_value (p, (uint32_t)rnd (p), size);
      break;
    case 7:
      any_size (p);
      put (p, 0x6a);
      put (p, below (p, 256));
      break;
    case 8:
      any_size (p);
      put (p, segments[below (p, 4)]);
      break;
    case 9:
      any_size (p);
      put (p, 0x60 + below (p, 2));
      break;
    case 10:
      any_size (p);
      if (below (p, 2) == 0)
        {
          put (p, 0xc8);
          put_value (p, below (p, 32), 2);
          put (p, below (p, 3));
        }
      else
        put (p, 0xc9);
      break;
    default:
      any_size (p);
      put (p, 0x9c);
      break;
    }
}

static uint16_t
any_selector (SegmentsProgram *p)
{
  if (!is_protected (p))
    return (uint16_t)(SEGMENTS_DATA / 16 + below (p, 0x800));
  if (one_in (p, 12))
    return (uint16_t)below (p, 4);
  return (uint16_t)(SEGMENTS_LOADABLE + below (p, 8) * 8 + (p->ring3 ? 3 : 0));
}

/* MOV and POP to a segment register: DS, ES, and less often others. */
static void
segment_work (SegmentsProgram *p)
{
  static const uint8_t which[] = { 0, 3, 0, 3, 0, 3, 4, 5, 2 };
  static const uint8_t pops[] = { 0x07, 0x1f };
  unsigned n = which[below (p, sizeof which)], reg = below (p, 4);

  if (one_in (p, 3))
    {
      /* push imm; pop */
      put (p, 0x68);
      put_value (p, any_selector (p), natural (p));
      put (p, pops[below (p, 2)]);
      return;
    }
  /* mov reg16, imm; mov segment, reg16 */
  if (p->mode == SEGMENTS_32)
    put (p, 0x66);
  put (p, 0xb8 | reg);
  put_value (p, any_selector (p), 2);
  put (p, 0x8e);
  put (p, 0xc0 | n << 3 | reg);
}

static void
string_work (SegmentsProgram *p)
{
  static const uint8_t ops[] = { 0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xa6, 0xa7 };

  if (one_in (p, 6))
    put (p, 0xf3);
  if (one_in (p, 6))
    put (p, 0x2e);
  if (one_in (p, 8))
    put (p, 0x67);
  any_size (p);
  put (p, ops[below (p, sizeof ops)]);
}

/* Calls of what is right behind, with its return; jumps by registers and memory. */
static void
branch_work (SegmentsProgram *p)
{
  unsigned n = natural (p), target, reg = below (p, 4);

  switch (below (p, 7))
    {
    case 0:
    case 1:
      /* call 1f; jmp 2f; 1: ret; 2: */
      put (p, 0xe8);
      put_value (p, 2, n);
      put (p, 0xeb);
      put (p, one_in (p, 3) ? 3 : 1);
      if (p->code[p->length - 1] == 1)
        put (p, 0xc3);
      else
        {
          put (p, 0xc2);
          put_value (p, below (p, 3) * 2, 2);
        }
      break;
    case 2:
    case 3:
      /* mov reg, target; jmp or call reg */
      target = p->rip + p->length + 1 + n + 2;
      put (p, 0xb8 | reg);
      put_value (p, target, n);
      put (p, 0xff);
      put (p, (below (p, 2) == 0 ? 0xd0 : 0xe0) | reg);
      break;
    case 4:
      /* mov word [disp], target; jmp or call [disp] */
      {
        uint32_t place = below (p, 0x200);

        target = p->rip + p->length + 2 + n + n + 2 + n;
        put (p, 0xc7);
        put (p, n == 2 ? 0x06 : 0x05);
        put_value (p, place, n);
        put_value (p, target, n);
        put (p, 0xff);
        put (p, (below (p, 2) == 0 ? 0x10 : 0x20) | (n == 2 ? 6 : 5));
        put_value (p, place, n);
      }
      break;
    case 5:
      /* jcxz over nothing much */
      if (one_in (p, 4))
        put (p, 0x67);
      put (p, 0xe0 + below (p, 4));
      put (p, 1);
      put (p, 0x90);
      break;
    default:
      any_size (p);
      put (p, one_in (p, 3) ? 0xc3 : 0x90);
      break;
    }
}

static void
other (SegmentsProgram *p)
{
  static const uint8_t plain[] = { 0x98, 0x99, 0x9e, 0x9f, 0xf5, 0xf8, 0xf9, 0xfc, 0xd7, 0x27, 0x37, 0x90 };
  unsigned size = natural (p), address;

  switch (below (p, 10))
    {
    case 0 ... 3:
      any_size (p);
      put (p, plain[below (p, sizeof plain)]);
      break;
    case 4:
      size = any_size (p);
      put (p, 0xb8 | below (p, 4));
      put_value (p, one_in (p, 2) ? below (p, 0x400) : (uint32_t)rnd (p), size);
      break;
    case 5:
      put (p, 0xb0 | below (p, 8));
      put (p, below (p, 256));
      break;
    case 6:
      any_size (p);
      put (p, 0x40 | below (p, 16));
      break;
    case 7:
      any_size (p);
      put (p, 0x91 + below (p, 3));
      break;
    case 8:
      prefixes (p, 0, &size, &address);
      put (p, 0xa0 + below (p, 4));
      put_value (p, displacement (p), address);
      break;
    default:
      if (one_in (p, 8))
        put (p, one_in (p, 2) ? 0xfa : 0xfb);
      else
        {
          /* LES, LDS: what is loaded is whatever lies there. */
          put (p, one_in (p, 20) ? 0xc4 + below (p, 2) : 0xfc);
          if (p->code[p->length - 1] != 0xfc)
            operand (p, below (p, 4), natural (p), TRUE);
        }
      break;
    }
}

void
segments_code (SegmentsProgram *p, unsigned instructions)
{
  unsigned jump = 0, until = 0;
  gboolean loop = one_in (p, 3);

  p->length = 0;
  for (unsigned n = 0; n < instructions; n++)
    {
      unsigned kind = below (p, 24);

      if (jump != 0 && n >= until)
        {
          p->code[jump] = (uint8_t)(p->length - jump - 1);
          jump = 0;
        }
      if (jump == 0 && one_in (p, 8))
        {
          put (p, one_in (p, 8) ? 0xeb : 0x70 | below (p, 16));
          jump = p->length;
          put (p, 0);
          until = n + 1 + below (p, 3);
        }
      else if (kind < 4)
        stack_work (p);
      else if (kind == 4)
        segment_work (p);
      else if (kind < 7)
        string_work (p);
      else if (kind < 9)
        branch_work (p);
      else if (kind < 12)
        other (p);
      else
        modrm (p, kinds[below (p, G_N_ELEMENTS (kinds))]);
    }
  if (jump != 0)
    p->code[jump] = (uint8_t)(p->length - jump - 1);
  if (loop && p->length < 120)
    {
      put (p, 0xe2);
      put (p, 0xfe - p->length);
    }
  put (p, 0xf4);
}
