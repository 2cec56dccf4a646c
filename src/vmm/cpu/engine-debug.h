/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a debugger asks of the processors, and what they tell it.  Nothing of it is in the guest's registers or memory, nor in a saved machine.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define ENGINE_MAX_POINTS 64

typedef enum
{
  ENGINE_POINT_EXECUTE, /* before an instruction that begins there; `length` means nothing */
  ENGINE_POINT_WRITE,   /* behind an instruction that wrote any of the bytes */
  ENGINE_POINT_ACCESS,  /* the same for reads, too */
} EnginePointKind;

typedef struct
{
  uint64_t address; /* linear */
  unsigned length;  /* bytes, 1 to 64 */
  EnginePointKind kind;
} EnginePoint;

typedef struct
{
  gboolean on; /* a debugger is there */
  unsigned n_points;
  EnginePoint points[ENGINE_MAX_POINTS];
  uint64_t
      steps; /* a bit a processor: it stops behind its next instruction, before which it takes no interrupt */
  uint64_t stands; /* the same: it doesn't run */
  gboolean catch_triple_fault;
} EngineDebug;

typedef enum
{
  ENGINE_STOP_NONE,
  ENGINE_STOP_POINT,
  ENGINE_STOP_STEP,
  ENGINE_STOP_TRIPLE_FAULT, /* the processor stands at the instruction that can't be carried out; INIT has not been asked for */
} EngineStopKind;

typedef struct
{
  EngineStopKind kind;
  unsigned cpu;
  EnginePointKind point;
  uint64_t address; /* of the point that was met: as the debugger gave it */
} EngineStop;

G_END_DECLS
