/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Programs of segmented code, and their memory.
 */
#include "segments.h"

#include <string.h>

#include "cpu/soft/engine-soft.h"

enum
{
  GDT = 0x800,
  IDT = 0x1000,
  TSS = 0x2000,
  HANDLERS = 0x3000, /* 4 bytes a vector */
  STACK = 0x6000,    /* of ring 0, where programs are in ring 3 */
  DIRECTORY = 0x8000,
  TABLE = 0x9000,
  CODE = 0x10000, /* 64 KiB */
  DATA = SEGMENTS_DATA,

  KERNEL_CS = 0x08,
  KERNEL_SS = 0x10,
  TSS_SELECTOR = 0x18,
  OWN = 0x80, /* 6 of them */
};

/* -- Segments ----------------------------------------------------------------------------------------------------- */

enum
{
  DATA_TYPE = 0x93,
  CODE_TYPE = 0x9b,
  BIG = 0x400,
  PAGES = 0x800,
};

static CpuSegment
real_segment (uint32_t base, unsigned type)
{
  return (CpuSegment){
    .selector = (uint16_t)(base / 16), .base = base, .limit = 0xffff, .attributes = (uint16_t)type
  };
}

static void
set_limit (CpuSegment *s, uint32_t limit)
{
  s->limit = limit;
  if (limit > 0xfffff)
    {
      s->limit |= 0xfff;
      s->attributes |= PAGES;
    }
}

static CpuSegment
data_segment (SegmentsProgram *p, uint16_t selector)
{
  CpuSegment s = { .selector = (uint16_t)(selector + (p->ring3 ? 3 : 0)),
                   .attributes = (uint16_t)(DATA_TYPE | (p->ring3 ? 0x60 : 0)) };
  unsigned kind = below (p, 16);

  s.base = DATA + below (p, 0x8000) + (one_in (p, 2) ? 0 : below (p, 16));
  set_limit (&s, kind < 4 ? 0xffffffff : kind < 13 ? 0xffff : 0x400 + below (p, 0x400));
  if (kind < 3)
    s.base = 0;
  if (kind == 13 || kind == 14)
    {
      /* Grows down: what is up to the limit isn't in it. */
      s.attributes |= 4;
      if (one_in (p, 2))
        s.attributes |= BIG;
      set_limit (&s, one_in (p, 2) ? below (p, 0x300) : 0x100);
    }
  if (one_in (p, 16))
    s.attributes &= ~2;
  return s;
}

static void
build_segments (SegmentsProgram *p, gboolean near_end)
{
  unsigned type = CODE_TYPE | (p->ring3 ? 0x60 : 0);
  CpuSegment *cs = &p->segment[CPU_CS];

  /* What comes last is a HLT, and more than 32 bytes are beyond it, or not. */
  p->rip = near_end ? 0x10000 - p->length - below (p, 700) : 0x100 + below (p, 0x7000);
  p->linear = CODE + 0x7800 + below (p, 0x800);
  if (!is_protected (p))
    {
      const unsigned data = p->mode == SEGMENTS_V86 ? 0xf3 : DATA_TYPE;

      p->linear = (p->linear & ~15u) | (p->rip & 15);
      for (unsigned i = 0; i < 6; i++)
        p->segment[i] = real_segment (DATA + below (p, 0x800) * 16, data);
      *cs = real_segment (p->linear - p->rip + (near_end ? CODE : 0), data);
      p->linear = (uint32_t)cs->base + p->rip;
      if (p->mode == SEGMENTS_REAL && one_in (p, 6))
        set_limit (&p->segment[one_in (p, 2) ? CPU_DS : CPU_ES], 0xffffffff);
      if (one_in (p, 12))
        p->segment[CPU_ES] = *cs; /* to be written to */
      if (one_in (p, 6))
        p->segment[CPU_SS] = p->segment[CPU_DS];
      return;
    }
  for (unsigned i = 0; i < 6; i++)
    p->segment[i] = data_segment (p, (uint16_t)(OWN + i * 8));
  for (unsigned i = 0; i < 8; i++)
    p->loadable[i] = data_segment (p, (uint16_t)(SEGMENTS_LOADABLE + i * 8));
  if (one_in (p, 4))
    p->loadable[below (p, 8)].attributes &= ~0x80;
  if (one_in (p, 4))
    for (unsigned i = 0; i < 6; i++)
      {
        p->segment[i].base = 0;
        p->segment[i].attributes = (uint16_t)(DATA_TYPE | (p->ring3 ? 0x60 : 0));
        set_limit (&p->segment[i], 0xffffffff);
      }
  p->segment[CPU_SS].attributes |= 2;
  if (p->stack32)
    p->segment[CPU_SS].attributes |= BIG;
  else
    p->segment[CPU_SS].attributes &= ~BIG;
  if (one_in (p, 16))
    p->segment[CPU_ES] = (CpuSegment){ 0 };
  *cs = (CpuSegment){ .selector = (uint16_t)(OWN + CPU_CS * 8 + (p->ring3 ? 3 : 0)),
                      .attributes = (uint16_t)type };
  cs->base = p->linear - p->rip + (near_end ? CODE : 0);
  if (one_in (p, 6))
    {
      p->linear = p->rip = CODE + below (p, 0x8000);
      if (p->mode == SEGMENTS_16)
        p->rip = 0x8000 + below (p, 0x400);
      cs->base = p->linear - p->rip;
    }
  p->linear = (uint32_t)cs->base + p->rip;
  if (p->mode == SEGMENTS_32)
    cs->attributes |= BIG;
  if (one_in (p, 8))
    set_limit (cs, p->rip + p->length - 1 + (one_in (p, 2) ? 0 : below (p, 600)));
  else
    set_limit (cs, p->mode == SEGMENTS_32 || one_in (p, 8) ? 0xffffffff : 0xffff);
  if (one_in (p, 10))
    cs->attributes &= ~2; /* not readable */
}

void
segments_build (SegmentsProgram *p, uint64_t random, unsigned longest)
{
  uint64_t again;
  unsigned instructions;
  gboolean near_end;

  memset (p, 0, sizeof *p);
  p->random = random;
  p->mode = (SegmentsMode)below (p, SEGMENTS_N_MODES);
  p->ring3 = p->mode == SEGMENTS_V86 || (is_protected (p) && one_in (p, 2));
  p->paging = p->mode != SEGMENTS_REAL && one_in (p, 3);
  p->stack32 = p->mode == SEGMENTS_32 ? !one_in (p, 3) : p->mode == SEGMENTS_16 && one_in (p, 4);
  instructions = 2 + below (p, longest - 1);
  near_end = p->mode != SEGMENTS_32 && one_in (p, 8);
  p->data = (uint32_t)rnd (p);
  /* Its length says where it can be, and that says what its jumps are. */
  again = p->random;
  segments_code (p, instructions);
  build_segments (p, near_end);
  {
    const uint64_t behind = p->random;

    p->random = again;
    segments_code (p, instructions);
    p->random = behind;
  }
}

/* -- What they see -------------------------------------------------------------------------------------------------- */

static void
put64 (uint8_t *memory, uint32_t at, uint64_t value)
{
  memcpy (memory + at, &value, 8);
}

static void
put32 (uint8_t *memory, uint32_t at, uint32_t value)
{
  memcpy (memory + at, &value, 4);
}

static void
put_descriptor (uint8_t *memory, uint16_t selector, const CpuSegment *s)
{
  const uint32_t limit = (s->attributes & PAGES) != 0 ? s->limit >> 12 : s->limit, base = (uint32_t)s->base;

  put32 (memory, GDT + (selector & 0xfff8u), (limit & 0xffff) | base << 16);
  put32 (memory, GDT + (selector & 0xfff8u) + 4,
         (base >> 16 & 0xff) | (s->attributes & 0xffu) << 8 | (limit & 0xf0000)
             | (s->attributes & 0xf00u) << 12 | (base & 0xff000000));
}

void
segments_memory (const SegmentsProgram *p, uint8_t memory[SEGMENTS_RAM])
{
  SegmentsProgram r = { .random = p->data };

  memset (memory, 0, CODE);
  memset (memory + SEGMENTS_USED, 0, SEGMENTS_RAM - SEGMENTS_USED);
  for (unsigned i = CODE; i < SEGMENTS_USED; i += 8)
    put64 (memory, i, i < DATA ? 0xf4f4f4f4f4f4f4f4 : rnd (&r));
  memcpy (memory + p->linear, p->code, p->length);
  for (unsigned v = 0; v < 256; v++)
    memory[HANDLERS + 4 * v] = 0xf4;
  if (p->mode == SEGMENTS_REAL)
    {
      for (unsigned v = 0; v < 256; v++)
        put32 (memory, v * 4, HANDLERS + 4 * v);
      return;
    }
  put64 (memory, GDT + KERNEL_CS, 0x00cf9b000000ffff);
  put64 (memory, GDT + KERNEL_SS, 0x00cf93000000ffff);
  put64 (memory, GDT + TSS_SELECTOR, 0x00008b0000000067 | (uint64_t)TSS << 16);
  for (unsigned i = 0; i < 6 && is_protected (p); i++)
    put_descriptor (memory, (uint16_t)(OWN + i * 8), &p->segment[i]);
  for (unsigned i = 0; i < 8 && is_protected (p); i++)
    put_descriptor (memory, (uint16_t)(SEGMENTS_LOADABLE + i * 8), &p->loadable[i]);
  put32 (memory, TSS + 4, STACK);
  put32 (memory, TSS + 8, KERNEL_SS);
  memory[TSS + 102] = 0x68;
  for (unsigned v = 0; v < 256; v++)
    put64 (memory, IDT + v * 8,
           (uint64_t)(HANDLERS + 4 * v) | (uint64_t)KERNEL_CS << 16 | (uint64_t)0xee00 << 32);
  put32 (memory, DIRECTORY, TABLE | 7);
  for (unsigned i = 0; i < SEGMENTS_RAM / 4096; i++)
    {
      unsigned bits = 7;

      if (i >= DATA / 4096 && one_in (&r, 10))
        bits = below (&r, 8);
      put32 (memory, TABLE + i * 4, i * 4096 | bits);
    }
}

gboolean
segments_tables_kept (const SegmentsProgram *p, const uint8_t *made, const uint8_t *now)
{
  const uint32_t marks = 0x60; /* A and D */

  for (uint32_t at = DIRECTORY; p->paging && at < TABLE + 0x1000; at += 4)
    {
      uint32_t before, after;

      memcpy (&before, made + at, 4);
      memcpy (&after, now + at, 4);
      if (((before ^ after) & ~marks) != 0)
        return FALSE;
    }
  return TRUE;
}

void
segments_start (SegmentsProgram *p, CpuState *s)
{
  for (unsigned i = 0; i < 8; i++)
    {
      s->gpr[i] = one_in (p, 4) ? (uint32_t)rnd (p) : below (p, 0x500);
      if (one_in (p, 12))
        s->gpr[i] = 0xfff8 + below (p, 16);
    }
  s->gpr[CPU_RCX] = 1 + below (p, 20) + (one_in (p, 4) ? (uint32_t)rnd (p) & 0xffff0000 : 0);
  s->gpr[CPU_RSP] = one_in (p, 16) ? below (p, 16) : 0x300 + below (p, 0x400);
  if (!p->stack32 && one_in (p, 2))
    s->gpr[CPU_RSP] |= (uint32_t)rnd (p) & 0xffff0000;
  s->rip = p->rip;
  s->rflags = 2 | (rnd (p) & 0x8d5);
  s->cr0 = CR0_ET | CR0_NE;
  s->cr4 = CR4_OSFXSR;
  if (p->mode != SEGMENTS_REAL)
    s->cr0 |= CR0_PE;
  if (p->mode == SEGMENTS_V86)
    s->rflags |= FLAG_VM | (one_in (p, 2) ? FLAG_IOPL : 0);
  if (p->paging)
    s->cr0 |= CR0_PG | (one_in (p, 2) ? CR0_WP : 0);
  s->cr3 = DIRECTORY;
  s->cr2 = 0;
  s->gdt_base = GDT;
  s->gdt_limit = 0xff;
  s->idt_base = p->mode == SEGMENTS_REAL ? 0 : IDT;
  s->idt_limit = p->mode == SEGMENTS_REAL ? 0x3ff : 0x7ff;
  memcpy (s->segment, p->segment, sizeof p->segment);
  s->segment[CPU_LDTR] = (CpuSegment){ 0 };
  s->segment[CPU_TR]
      = (CpuSegment){ .selector = TSS_SELECTOR, .attributes = 0x8b, .base = TSS, .limit = 0x67 };
}

const char *
segments_mode_name (const SegmentsProgram *p)
{
  static const char *const names[] = { "real mode", "virtual-8086 mode", "16 bits", "32 bits" };

  return names[p->mode];
}
