/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Stopping the world: one processor has all others outside of guest code, and may then change what is theirs, or do in several steps what they must
 * not see half of.  It is for what is seldom: the first code in a page, and locked accesses over the end of a cache line.
 *
 * A processor is in the world while it runs (soft_cpu_run()), and leaves it where SOFT_ATTENTION_WORLD is taken, between instructions, and while it waits
 * for its own turn to stop the others.  Being outside it holds no host address that it has found before.  Who waits for a device's lock is in the world, so nobody
 * stops it who has such a lock; the one who stops it has none either.  One that halts or is paused isn't in it.
 */
#pragma once

#include "cpu/soft/engine-soft.h"

G_BEGIN_DECLS

void soft_world_init (SoftWorld *world);
void soft_world_clear (SoftWorld *world);
/* The processor's thread, outside; waits while the world is stopped. */
void soft_world_enter (SoftCpu *cpu);
void soft_world_leave (SoftCpu *cpu);
/* The processor's thread, in the world.  From here to soft_world_go() no other processor is; may be called again in between. */
void soft_world_stop (SoftCpu *cpu);
void soft_world_go (SoftCpu *cpu);
/* The processor's thread, in the world, without the VM lock.  If what the processor has just written has changed the map of memory, waits until all others
 * go by the new one, as they do where it is the processor's bus that changes; then the caller looks at the map itself. */
void soft_world_settle (SoftCpu *cpu);

G_END_DECLS
