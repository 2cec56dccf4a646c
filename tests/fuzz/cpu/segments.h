/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Programs for fuzz-cpu-segments, and the machine that they see: descriptors, handlers that halt, page tables one to one.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "cpu/engine.h"

#define SEGMENTS_RAM  0x120000u
#define SEGMENTS_USED 0x50000u /* what programs most often reach, and what is compared */

typedef enum
{
  SEGMENTS_REAL,
  SEGMENTS_V86,
  SEGMENTS_16,
  SEGMENTS_32,
  SEGMENTS_N_MODES
} SegmentsMode;

typedef struct
{
  uint64_t random;
  SegmentsMode mode;
  gboolean ring3, paging, stack32;
  uint32_t linear; /* where the program is */
  uint32_t rip;
  CpuSegment segment[6], loadable[8]; /* as they are at first, and what else there are selectors for */
  uint8_t code[600];
  unsigned length;
  uint32_t data; /* seed of memory */
} SegmentsProgram;

/* -- For the program's makers ------------------------------------------------------------------------ */
static inline uint64_t
rnd (SegmentsProgram *p)
{
  uint64_t z = p->random += 0x9e3779b97f4a7c15;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static inline unsigned
below (SegmentsProgram *p, unsigned n)
{
  return (unsigned)((rnd (p) >> 32) * n >> 32);
}

static inline gboolean
one_in (SegmentsProgram *p, unsigned n)
{
  return below (p, n) == 0;
}

static inline gboolean
is_protected (const SegmentsProgram *p)
{
  return p->mode >= SEGMENTS_16;
}

static inline unsigned
natural (const SegmentsProgram *p)
{
  return p->mode == SEGMENTS_32 ? 4 : 2;
}

/* Selectors that the program may load. */
#define SEGMENTS_LOADABLE 0x40 /* 8 of them */
#define SEGMENTS_DATA     0x20000u

/* segments-code.c: what its instructions are; the same from the same random number. */
void segments_code (SegmentsProgram *p, unsigned instructions);

/* -- The program and what it sees -------------------------------------------------------------------- */
void segments_build (SegmentsProgram *p, uint64_t random, unsigned longest);
/* What memory holds before the program runs. */
void segments_memory (const SegmentsProgram *p, uint8_t memory[SEGMENTS_RAM]);
/* The program has not written into page tables that it runs by.  One that has can't be compared: what it told nobody (INVLPG) may be heeded or not. */
gboolean segments_tables_kept (const SegmentsProgram *p, const uint8_t *made, const uint8_t *now);
/* Registers for its next run; all but those that the program has a say in stay. */
void segments_start (SegmentsProgram *p, CpuState *state);
const char *segments_mode_name (const SegmentsProgram *p);
