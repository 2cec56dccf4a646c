/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's clock and its timers.
 */
#define G_LOG_DOMAIN "clock"

#include "core/clock.h"

#include "base/ready-source.h"

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Wall time of manual clocks at guest time 0: 2024-01-01 00:00 UTC, a Monday. */
#define MANUAL_WALL_BASE (1704067200LL * NS_PER_SECOND)

/* Timers that always re-arm in the past may not keep the main loop for ever. */
#define MAX_TIMERS_A_TURN 256
#define MAX_TURNS_AT_STOP 64

struct VmClock
{
  VmLock *lock;
  GMutex mutex; /* protects what follows */
  gboolean manual, running;
  int64_t base;       /* guest time at `started`, or the time while stopped */
  int64_t started;    /* CLOCK_MONOTONIC */
  int64_t stopped_at; /* wall time, -1: not known */
  int64_t skipped;    /* manual: wall time that the machine has not seen */
  VmTimer *timers;    /* by deadline */
  int64_t programmed; /* guest time for which timerfd is set, -1: none */
  int fd;
  GSource *source;
};

typedef struct
{
  GSource source;
  VmClock *clock;
} ClockSource;

static int64_t
monotonic_ns (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

static int64_t
now_unlocked (VmClock *clock)
{
  return clock->running && !clock->manual ? clock->base + (monotonic_ns () - clock->started) : clock->base;
}

int64_t
vm_clock_now (VmClock *clock)
{
  int64_t now;

  g_mutex_lock (&clock->mutex);
  now = now_unlocked (clock);
  g_mutex_unlock (&clock->mutex);
  return now;
}

int64_t
vm_clock_wall (VmClock *clock)
{
  struct timespec ts;

  if (clock->manual)
    return MANUAL_WALL_BASE + vm_clock_now (clock) + clock->skipped;
  clock_gettime (CLOCK_REALTIME, &ts);
  return ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

/* Sets the timerfd for the first timer unless it will fire early enough anyway: a late timer costs one spurious wake-up, a
 * system call for each change would cost more. */
static void
program (VmClock *clock, gboolean force)
{
  struct itimerspec spec = { 0 };
  int64_t at;

  if (clock->manual || clock->fd < 0)
    return;
  if (!clock->running || clock->timers == NULL)
    {
      if (!clock->running && clock->programmed >= 0)
        {
          timerfd_settime (clock->fd, TFD_TIMER_ABSTIME, &spec, NULL);
          clock->programmed = -1;
        }
      return;
    }
  if (!force && clock->programmed >= 0 && clock->programmed <= clock->timers->deadline)
    return;
  /* A saved state may name any deadline. */
  if (__builtin_add_overflow (clock->started, clock->timers->deadline - clock->base, &at))
    at = G_MAXINT64;
  at = MAX (at, 1);
  spec.it_value.tv_sec = at / NS_PER_SECOND;
  spec.it_value.tv_nsec = at % NS_PER_SECOND;
  timerfd_settime (clock->fd, TFD_TIMER_ABSTIME, &spec, NULL);
  clock->programmed = clock->timers->deadline;
}

/* Runs what is due; VM lock held, mutex not. */
static void
run_timers (VmClock *clock, int64_t limit)
{
  for (unsigned i = 0; i < MAX_TIMERS_A_TURN; i++)
    {
      VmTimer *timer;

      g_mutex_lock (&clock->mutex);
      timer = clock->timers;
      if (timer == NULL || timer->deadline > limit)
        {
          g_mutex_unlock (&clock->mutex);
          return;
        }
      clock->timers = timer->next;
      timer->next = NULL;
      if (clock->manual)
        clock->base = MAX (clock->base, timer->deadline);
      timer->deadline = -1;
      g_mutex_unlock (&clock->mutex);
      timer->func (timer->opaque);
    }
}

static gboolean
clock_source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  VmClock *clock = ((ClockSource *)source)->clock;
  uint64_t expirations;
  ssize_t n = read (clock->fd, &expirations, sizeof expirations);

  (void)n;
  vm_lock_take (clock->lock);
  if (vm_clock_running (clock))
    run_timers (clock, vm_clock_now (clock));
  vm_lock_leave (clock->lock);
  g_mutex_lock (&clock->mutex);
  clock->programmed = -1;
  program (clock, TRUE);
  g_mutex_unlock (&clock->mutex);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs clock_source_funcs = { .dispatch = clock_source_dispatch };

VmClock *
vm_clock_new (VmLock *lock, GMainContext *context)
{
  VmClock *clock = g_new0 (VmClock, 1);

  clock->lock = lock;
  clock->programmed = clock->stopped_at = -1;
  g_mutex_init (&clock->mutex);
  clock->fd = timerfd_create (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  clock->source = g_source_new (&clock_source_funcs, sizeof (ClockSource));
  ((ClockSource *)clock->source)->clock = clock;
  g_source_add_unix_fd (clock->source, clock->fd, G_IO_IN);
  source_stay_polled (clock->source);
  g_source_set_priority (clock->source, G_PRIORITY_HIGH);
  g_source_set_static_name (clock->source, "vm clock");
  g_source_attach (clock->source, context);
  return clock;
}

VmClock *
vm_clock_new_manual (void)
{
  VmClock *clock = g_new0 (VmClock, 1);

  clock->manual = TRUE;
  clock->fd = -1;
  clock->programmed = clock->stopped_at = -1;
  g_mutex_init (&clock->mutex);
  return clock;
}

gboolean
vm_clock_is_manual (const VmClock *clock)
{
  return clock->manual;
}

void
vm_clock_free (VmClock *clock)
{
  if (clock == NULL)
    return;
  if (clock->source != NULL)
    {
      g_source_destroy (clock->source);
      g_source_unref (clock->source);
    }
  if (clock->fd >= 0)
    close (clock->fd);
  g_mutex_clear (&clock->mutex);
  g_free (clock);
}

int64_t
vm_clock_start (VmClock *clock)
{
  int64_t wall = vm_clock_wall (clock), stood = 0;

  g_mutex_lock (&clock->mutex);
  if (!clock->running)
    {
      /* Whoever turned the host's clock back meanwhile has turned back the RTC, too. */
      if (clock->stopped_at >= 0 && wall > clock->stopped_at)
        stood = wall - clock->stopped_at;
      clock->running = TRUE;
      clock->started = monotonic_ns ();
      program (clock, TRUE);
    }
  g_mutex_unlock (&clock->mutex);
  return stood;
}

void
vm_clock_stop (VmClock *clock)
{
  gboolean was_running;
  int64_t next, wall = vm_clock_wall (clock);

  g_mutex_lock (&clock->mutex);
  was_running = clock->running;
  if (was_running)
    {
      clock->base = now_unlocked (clock);
      clock->running = FALSE;
      clock->stopped_at = wall;
      program (clock, TRUE);
    }
  g_mutex_unlock (&clock->mutex);
  /* A state that is saved now says of a one-shot timer no more than what its device's registers say, and there "due" and
   * "fired" look the same. */
  for (unsigned i = 0; was_running && i < MAX_TURNS_AT_STOP; i++)
    {
      next = vm_clock_next_deadline (clock);
      if (next < 0 || next > clock->base)
        break;
      run_timers (clock, clock->base);
    }
}

gboolean
vm_clock_running (VmClock *clock)
{
  gboolean running;

  g_mutex_lock (&clock->mutex);
  running = clock->running;
  g_mutex_unlock (&clock->mutex);
  return running;
}

int64_t
vm_clock_stopped_at (VmClock *clock)
{
  return clock->stopped_at;
}

void
vm_clock_skip (VmClock *clock, int64_t ns)
{
  g_return_if_fail (clock->manual);
  clock->skipped += ns;
}

void
vm_clock_set (VmClock *clock, int64_t now, int64_t stopped_at)
{
  g_mutex_lock (&clock->mutex);
  clock->stopped_at = stopped_at;
  clock->base = now;
  clock->started = monotonic_ns ();
  program (clock, TRUE);
  g_mutex_unlock (&clock->mutex);
}

void
vm_clock_advance (VmClock *clock, int64_t ns)
{
  int64_t target = vm_clock_now (clock) + ns;
  int64_t next;

  g_return_if_fail (clock->manual && ns >= 0);
  while ((next = vm_clock_next_deadline (clock)) >= 0 && next <= target)
    run_timers (clock, target);
  g_mutex_lock (&clock->mutex);
  clock->base = MAX (clock->base, target);
  g_mutex_unlock (&clock->mutex);
}

int64_t
vm_clock_next_deadline (VmClock *clock)
{
  int64_t next;

  g_mutex_lock (&clock->mutex);
  next = clock->timers != NULL ? clock->timers->deadline : -1;
  g_mutex_unlock (&clock->mutex);
  return next;
}

void
vm_timer_init (VmTimer *timer, VmClock *clock, VmTimerFunc func, void *opaque)
{
  *timer = (VmTimer){ .clock = clock, .func = func, .opaque = opaque, .deadline = -1 };
}

static void
unlink_timer (VmTimer *timer)
{
  VmTimer **at;

  if (timer->deadline < 0)
    return;
  for (at = &timer->clock->timers; *at != NULL; at = &(*at)->next)
    if (*at == timer)
      {
        *at = timer->next;
        break;
      }
  timer->next = NULL;
  timer->deadline = -1;
}

void
vm_timer_arm (VmTimer *timer, int64_t deadline)
{
  VmClock *clock = timer->clock;
  VmTimer **at;

  g_mutex_lock (&clock->mutex);
  unlink_timer (timer);
  timer->deadline = MAX (deadline, 0);
  for (at = &clock->timers; *at != NULL && (*at)->deadline <= timer->deadline; at = &(*at)->next)
    ;
  timer->next = *at;
  *at = timer;
  if (clock->timers == timer)
    program (clock, FALSE);
  g_mutex_unlock (&clock->mutex);
}

void
vm_timer_cancel (VmTimer *timer)
{
  if (timer->clock == NULL)
    return;
  g_mutex_lock (&timer->clock->mutex);
  unlink_timer (timer);
  g_mutex_unlock (&timer->clock->mutex);
}
