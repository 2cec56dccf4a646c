/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A debugger at the machine, and the prompt that looks into it (debug/commands.h).
 *
 * The monitor opens nothing for it: whoever wants to debug listens somewhere, and hands over the socket of who came.  One debugger at a time.  While one is there the machine
 * stands and goes by its word; when it leaves, whichever way, its breakpoints go and a machine that ran before, or that it let run, runs on.
 *
 * Threads: made before the device loop runs, and freed when it has stopped; the rest from the control loop.  All of the work is done on the device loop.
 */
#pragma once

#include "core/vm.h"
#include "debug/core-file.h"
#include "debug/view.h"

G_BEGIN_DECLS

typedef struct DebugServer DebugServer;
typedef struct Engine Engine; /* cpu/engine.h */

DebugServer *debug_server_new (Vm *vm, Engine *engine);
void debug_server_free (DebugServer *server);
/* More commands for the prompt (debug/view.h), before the machine runs. */
void debug_server_set_views (DebugServer *server, const DebugView *views, void *opaque);

/* For core files (debug/core-file.h), before the machine runs. */
void debug_server_set_core_note (DebugServer *server, CoreNoteFunc note, void *opaque);

/* A stream socket on which somebody speaks GDB's protocol; it is taken.  `bits`: 32 or 64, which of the two descriptions he gets; 0: as
 * the machine is.  `done` comes on the control loop: G_IO_ERROR_BUSY when there is a debugger already. */
void debug_server_attach (DebugServer *server, int fd, unsigned bits, VmDoneFunc done, void *opaque);

/* A line for the prompt.  The answer is text, or JSON.  `done` comes once, on the control loop. */
typedef void (*DebugAnswerFunc) (const char *answer, const GError *error, void *opaque);
void debug_server_command (DebugServer *server, const char *line, gboolean json, DebugAnswerFunc done,
                           void *opaque);

/* Memory and processors as an ELF core file (debug/core-file.h) to `fd`, a regular file that is empty and stays the caller's, until `done`; as vm_save_async(), but
 * a machine that ran runs on. */
void debug_server_dump (DebugServer *server, int fd, VmProgressFunc progress, VmDoneFunc done, void *opaque);

G_END_DECLS
