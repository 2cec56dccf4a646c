/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of the stub share.
 */
#pragma once

#include "debug/gdb-stub.h"

G_BEGIN_DECLS

/* GDB's numbers are those of Linux. */
enum
{
  ERROR_SYNTAX = 22,
  ERROR_MEMORY = 14,
  ERROR_BUSY = 16,
};

typedef struct
{
  EnginePoint point;
  unsigned type; /* 0 to 4, as in Z */
} Point;

struct GdbStub
{
  const GdbTarget *target;
  void *opaque;
  unsigned n_cpus;
  GdbBits bits;
  GdbLink link;
  GByteArray *packet;
  GString *reply;
  CpuState *state;     /* of processor `state_cpu` */
  unsigned state_cpu;  /* n_cpus: none */
  unsigned cpu;        /* what g, G, p, P, m, … are about */
  unsigned resume_cpu; /* what c and s are about; n_cpus: all */
  GArray *points;      /* Point */
  gboolean physical, catch_triple_fault;
  gboolean running, told_run; /* the machine runs; the debugger knows, and waits for a stop reply */
  gboolean has_run, gone;
  char *stop_reply;
};

void gdb_answer (GdbStub *stub, const char *text);
void gdb_answer_error (GdbStub *stub, unsigned number);
/* "OK", or the error. */
void gdb_answer_done (GdbStub *stub, gboolean done, unsigned number);
/* Its state, kept until the machine goes on or it is changed; NULL: it can't be had. */
CpuState *gdb_state_of (GdbStub *stub, unsigned cpu);

/* gdb-memory.c: `p` is what comes behind the packet's letter. */
/* ADDRESS,LENGTH */
gboolean gdb_read_place (const char **p, uint64_t *address, uint64_t *length);
void gdb_on_read_memory (GdbStub *stub, const char *p);
void gdb_on_write_memory (GdbStub *stub, const char *p, gboolean binary);
void gdb_on_point (GdbStub *stub, const char *p, gboolean set);

G_END_DECLS
