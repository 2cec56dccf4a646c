/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A thread that turns a main context of its own.  The main thread's loop is for control and display; one of these is for devices and timers,
 * and some are for queues of disks; see "Loops" in core/vm.h.
 *
 * Threads: all functions are for the one thread that made it.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct VmLoop VmLoop;

/* No thread yet: sources can be attached, and until vm_loop_start() nothing of them runs. */
VmLoop *vm_loop_new (const char *name);
/* Owned by the loop. */
GMainContext *vm_loop_context (VmLoop *loop);
/* Returns when its thread has the context. */
void vm_loop_start (VmLoop *loop);
/* Returns when its thread is gone, having ended the source that it was at; what is still due stays in the context, which the caller may
 * then turn. */
void vm_loop_stop (VmLoop *loop);
/* Stops.  NULL is nothing. */
void vm_loop_free (VmLoop *loop);

struct Vm;
/* The same for the machine's I/O threads (vm_io_context()): before its engine is freed, which they interrupt, and behind the device loop. */
void vm_stop_io (struct Vm *vm);

G_END_DECLS
