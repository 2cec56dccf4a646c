/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's one clock: nanoseconds of guest time since power-on.  It stops while the machine is paused.
 * Timers run on the device loop (core/vm.h) with the VM lock held.  What has no word on threads may be called from any.
 */
#pragma once

#include "core/lock.h"

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct VmClock VmClock;

#define NS_PER_SECOND 1000000000LL

typedef void (*VmTimerFunc) (void *opaque);

/* Embedded in its owner.  `deadline` is -1 while not armed. */
typedef struct VmTimer
{
  VmClock *clock;
  VmTimerFunc func;
  void *opaque;
  int64_t deadline; /* ns of guest time */
  struct VmTimer *next;
} VmTimer;

/* A clock that follows CLOCK_MONOTONIC and fires on `context`, taking the machine's lock.  Starts stopped at 0. */
VmClock *vm_clock_new (VmLock *lock, GMainContext *context);
/* For tests and the engine without a processor: time moves by vm_clock_advance() only. */
VmClock *vm_clock_new_manual (void);
gboolean vm_clock_is_manual (const VmClock *clock);
void vm_clock_free (VmClock *clock);

/* ns; from any thread. */
int64_t vm_clock_now (VmClock *clock);
/* Wall time of the host in ns since 1970 UTC, shifted by what vm_clock_advance() added (RTC base). */
int64_t vm_clock_wall (VmClock *clock);
/* ns of wall time since it stopped, in this process or in that which saved the machine; 0: none, or not known. */
int64_t vm_clock_start (VmClock *clock);
/* Timers that are due by then run first: none is pending in the past of a clock that stands.  VM lock held, processors paused. */
void vm_clock_stop (VmClock *clock);
gboolean vm_clock_running (VmClock *clock);
/* vm_clock_wall() when it stopped; -1: not known. */
int64_t vm_clock_stopped_at (VmClock *clock);
/* Only while stopped (load of a saved machine). */
void vm_clock_set (VmClock *clock, int64_t now, int64_t stopped_at);
/* Manual clocks: moves time by `ns`, running timers in order at their deadlines. */
void vm_clock_advance (VmClock *clock, int64_t ns);
/* Manual clocks: the host's wall time goes on by `ns`, the machine's doesn't. */
void vm_clock_skip (VmClock *clock, int64_t ns);
/* Deadline of the earliest timer, or -1. */
int64_t vm_clock_next_deadline (VmClock *clock);

void vm_timer_init (VmTimer *timer, VmClock *clock, VmTimerFunc func, void *opaque);
/* Absolute guest time in ns; replaces an earlier deadline.  A deadline that has passed fires on the next turn of the loop. */
void vm_timer_arm (VmTimer *timer, int64_t deadline);
void vm_timer_cancel (VmTimer *timer);
static inline gboolean
vm_timer_armed (const VmTimer *timer)
{
  return timer->deadline >= 0;
}

/* value * mul / div without overflow, rounded down.  `div` > 0, value >= 0. */
static inline int64_t
clock_muldiv (int64_t value, uint64_t mul, uint64_t div)
{
  return (int64_t)((unsigned __int128)(uint64_t)value * mul / div);
}

G_END_DECLS
