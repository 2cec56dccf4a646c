/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * GDB's remote serial protocol ("Debugging with GDB", appendix E) for a machine: processors are threads 1, 2, …, all stop and go together.
 *
 * Supported: ? g G p P m M X H T c s C S vCont D k vKill Z z (0 to 4) qSupported qXfer:features:read qC qfThreadInfo qThreadExtraInfo qAttached qRcmd
 * QStartNoAckMode, and Qvivarium.PhysicalMemory:0|1, behind which m, M and X take physical addresses.  Everything else is answered as not supported.
 *
 * While the machine runs no packet is read but an interrupt: packets wait.
 *
 * Threads: the device loop, VM lock NOT held.
 */
#pragma once

#include "cpu/engine-debug.h"
#include "debug/gdb-packet.h"
#include "debug/gdb-registers.h"

G_BEGIN_DECLS

/* The machine, which stands while anything but `interrupt` is called. */
typedef struct
{
  gboolean (*get_state) (void *opaque, unsigned cpu, CpuState *state);
  /* FALSE: no processor can be in that state. */
  gboolean (*set_registers) (void *opaque, unsigned cpu, const CpuState *state);
  /* How many of the bytes from `address` on could be had, without effects on registers of devices; `state` says by which page tables, NULL: physical. */
  size_t (*read) (void *opaque, const CpuState *state, uint64_t address, void *buffer, size_t length);
  gboolean (*write) (void *opaque, const CpuState *state, uint64_t address, const void *data, size_t length);
  /* FALSE with words: the engine can't. */
  gboolean (*set_debug) (void *opaque, const EngineDebug *debug, GError **error);
  void (*resume) (void *opaque);
  void (*interrupt) (void *opaque);
  /* What a person typed behind “monitor”; the answer, in lines.  `cpu` is what the debugger looks at. */
  char *(*command) (void *opaque, unsigned cpu, const char *line);
} GdbTarget;

typedef enum
{
  GDB_SIGNAL_INT = 2,
  GDB_SIGNAL_TRAP = 5,
  GDB_SIGNAL_ABORT = 6,
  GDB_SIGNAL_SEGMENT = 11,
} GdbSignal;

typedef struct GdbStub GdbStub;

/* The machine is on its way to stand: the first gdb_stub_stopped() tells so. */
GdbStub *gdb_stub_new (const GdbTarget *target, void *opaque, unsigned n_cpus, GdbBits bits);
void gdb_stub_free (GdbStub *stub);
GdbLink *gdb_stub_link (GdbStub *stub);
/* Works off what has come (gdb_link_feed()).  FALSE: the debugger has taken its leave. */
gboolean gdb_stub_work (GdbStub *stub);
/* The machine stands: because of `stop`, or of none (NULL) and by `signal`.  `words` (may be NULL) are shown to the person. */
void gdb_stub_stopped (GdbStub *stub, const EngineStop *stop, GdbSignal signal, const char *words);
/* Somebody else lets it run: the debugger goes on thinking that it stands, and it will when the debugger asks for anything. */
void gdb_stub_resumed (GdbStub *stub);
/* It is off. */
void gdb_stub_ended (GdbStub *stub);
/* The machine runs, as far as the debugger knows. */
gboolean gdb_stub_waits (const GdbStub *stub);
/* What the machine is to stop at, with nothing that steps or stands: for whoever lets it run without the debugger. */
void gdb_stub_points (const GdbStub *stub, EngineDebug *debug);
gboolean gdb_stub_has_run (const GdbStub *stub); /* the debugger has let it run */
/* The person's wish about triple faults. */
void gdb_stub_catch_triple_fault (GdbStub *stub, gboolean on);

G_END_DECLS
