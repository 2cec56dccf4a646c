/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The threads that run processors.
 *
 * Side by side: one for each, which sleeps while its processor halts.  In turns: one for all, which gives each its turn and sleeps when all halt; for machines
 * with a clock that is moved by hand (tests) or with a speed, for a processor that is alone, on hosts with too few cores, and if VIVARIUM_SOFT_TURNS is 1.
 *
 * A thread looks for what it has to do under SoftEngine.mutex: `run`, `held` and `quit` change there, and then it is told, by SOFT_ATTENTION_STOP if its
 * processor runs.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "base/thread-kind.h"
#include "cpu/soft/engine-soft.h"
#ifdef SOFT_TRANSLATOR
#include "cpu/soft/translate/translate.h"
#endif

/* Instructions of a turn; about a fifth of a millisecond, or longer where there is no other processor on the thread. */
#define SLICE        50000
#define SINGLE_SLICE 20000000
#define TURN_US      1000 /* the same for translated code, in microseconds */
/* Of processors with a speed: how long a turn is, and how much of a delay is made good. */
#define PACE_US      1000
#define MOST_LATE_US 20000

/* A thread, and what it waits by. */
struct SoftRunner
{
  SoftEngine *engine;
  SoftCpu *cpu; /* NULL: all, in turns */
  GThread *thread;
  GCond wake;    /* paused, or nothing to do */
  gint sleeping; /* atomic: nothing to do */
  gboolean stopped;
};

static SoftRunner *
runner_of (const SoftCpu *cpu)
{
  SoftEngine *engine = cpu->engine;

  return &engine->runners[engine->side_by_side ? cpu->n : 0];
}

/* -- Asking for attention ------------------------------------------------------------------------------------------ */

void
soft_attend (SoftCpu *cpu, gint what)
{
  SoftRunner *runner = runner_of (cpu);

  g_atomic_int_or ((guint *)&cpu->attention, (guint)what);
#ifdef SOFT_TRANSLATOR
  if (cpu->translator != NULL)
    __atomic_store_n (&cpu->poll, cpu->translator->stop_page, __ATOMIC_SEQ_CST);
#endif
  /* Last: who finds it set looks at all of them once more, and resets them in the other order. */
  __atomic_store_n (&cpu->threshold, INT64_MAX, __ATOMIC_SEQ_CST);
  /* All else it sees before it runs again. */
  if ((what & (SOFT_ATTENTION_INTERRUPT | SOFT_ATTENTION_STOP)) != 0
      && g_atomic_int_get (&runner->sleeping) != 0)
    {
      g_mutex_lock (&cpu->engine->mutex);
      g_cond_signal (&runner->wake);
      g_mutex_unlock (&cpu->engine->mutex);
    }
}

void
soft_attend_all (SoftEngine *engine, gint what)
{
  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    soft_attend (engine->cpus[i], what);
}

gboolean
soft_run_sleeps (const SoftCpu *cpu)
{
  return g_atomic_int_get (&runner_of (cpu)->sleeping) != 0;
}

/* -- A thread ------------------------------------------------------------------------------------------------------ */

/* Whose turn it is, or NULL.  The runner's thread. */
static SoftCpu *
next_runnable (SoftRunner *runner)
{
  SoftEngine *engine = runner->engine;
  unsigned n = engine->parent.config.n_cpus;

  if (runner->cpu != NULL)
    return soft_cpu_runnable (runner->cpu) ? runner->cpu : NULL;
  for (unsigned i = 0; i < n; i++)
    {
      SoftCpu *cpu = engine->cpus[(engine->current + i) % n];
      if (soft_cpu_runnable (cpu))
        {
          engine->current = (cpu->n + 1) % n;
          return cpu;
        }
    }
  return NULL;
}

/* Under the mutex. */
static gboolean
may_run (const SoftEngine *engine)
{
  return engine->run && !engine->held && !engine->quit;
}

/* Under the mutex. */
static void
set_stopped (SoftRunner *runner, gboolean stopped)
{
  SoftEngine *engine = runner->engine;

  if (runner->stopped == stopped)
    return;
  runner->stopped = stopped;
  engine->n_running += stopped ? -1 : 1;
  if (engine->n_running == 0)
    g_cond_broadcast (&engine->idle);
}

/* Waits until there is something to run.  NULL: the end. */
static SoftCpu *
wait_for_work (SoftRunner *runner)
{
  SoftEngine *engine = runner->engine;
  SoftCpu *cpu = NULL;

  g_mutex_lock (&engine->mutex);
  while (cpu == NULL && !engine->quit)
    {
      if (!may_run (engine))
        {
          engine->running = NULL;
          set_stopped (runner, TRUE);
          g_cond_wait (&runner->wake, &engine->mutex);
          continue;
        }
      set_stopped (runner, FALSE);
      cpu = next_runnable (runner);
      if (cpu != NULL)
        break;
      engine->running = NULL;
      g_atomic_int_set (&runner->sleeping, 1);
      /* What came before the flag was up. */
      while (may_run (engine) && (cpu = next_runnable (runner)) == NULL)
        g_cond_wait (&runner->wake, &engine->mutex);
      g_atomic_int_set (&runner->sleeping, 0);
      if (!may_run (engine))
        cpu = NULL;
    }
  if (engine->quit)
    {
      set_stopped (runner, TRUE);
      cpu = NULL;
    }
  else
    /* From an order that has been taken back. */
    g_atomic_int_and ((guint *)&cpu->attention, ~(guint)SOFT_ATTENTION_STOP);
  if (engine->clock != NULL)
    {
      if (engine->running == NULL && cpu != NULL)
        g_cond_signal (&engine->tick);
      engine->running = cpu;
    }
  g_mutex_unlock (&engine->mutex);
  return cpu;
}

int64_t
soft_pace (int64_t due, int64_t now, uint64_t executed, uint64_t speed)
{
  return MAX (due, now - MOST_LATE_US) + (int64_t)(executed * 1000000 / speed);
}

/* Instructions of a turn. */
static int64_t
turn_of (const SoftEngine *engine)
{
  const EngineConfig *config = &engine->parent.config;

  if (config->speed > 0)
    return (int64_t)MAX (config->speed * PACE_US / 1000000, 1);
  return config->n_cpus > 1 && !engine->side_by_side ? SLICE : SINGLE_SLICE;
}

/* A turn of a slow processor; then the thread sleeps until that would have been done by one. */
static void
run_paced (SoftRunner *runner, SoftCpu *cpu)
{
  SoftEngine *engine = runner->engine;
  const int64_t now = g_get_monotonic_time ();
  const uint64_t before = cpu->instructions;

  soft_cpu_run (cpu, turn_of (engine));
  /* Those that run in turns share the thread. */
  engine->due = soft_pace (engine->due, now, cpu->instructions - before,
                           engine->parent.config.speed * engine->parent.config.n_cpus);
  g_mutex_lock (&engine->mutex);
  while (may_run (engine) && g_get_monotonic_time () < engine->due)
    g_cond_wait_until (&runner->wake, &engine->mutex, engine->due);
  g_mutex_unlock (&engine->mutex);
}

static gpointer
runner_thread (gpointer data)
{
  SoftRunner *runner = data;
  SoftEngine *engine = runner->engine;
  const gboolean paced = engine->parent.config.speed > 0;
  SoftCpu *cpu;

  while ((cpu = wait_for_work (runner)) != NULL)
    {
      thread_kind_begin (THREAD_PROCESSOR);
      if (cpu->translator != NULL)
        soft_cpu_set_counting (cpu, paced);
      if (paced)
        run_paced (runner, cpu);
      else
        soft_cpu_run (cpu, turn_of (engine));
    }
  return NULL;
}

/* Ends turns, as long as there are several processors and any of them runs. */
static gpointer
clock_thread (gpointer data)
{
  SoftEngine *engine = data;

  g_mutex_lock (&engine->mutex);
  while (!engine->quit)
    {
      SoftCpu *cpu = engine->running;

      if (cpu == NULL)
        {
          g_cond_wait (&engine->tick, &engine->mutex);
          continue;
        }
      g_mutex_unlock (&engine->mutex);
      g_usleep (TURN_US);
      g_mutex_lock (&engine->mutex);
      /* Nobody sleeps on the mutex while it runs. */
      if (engine->running == cpu && g_atomic_int_get (&engine->runners[0].sleeping) == 0)
        soft_attend (cpu, SOFT_ATTENTION_YIELD);
    }
  g_mutex_unlock (&engine->mutex);
  return NULL;
}

/* -- Orders -------------------------------------------------------------------------------------------------------- */

/* Under the mutex. */
static void
wake_all (SoftEngine *engine)
{
  for (unsigned i = 0; i < engine->n_runners; i++)
    g_cond_signal (&engine->runners[i].wake);
}

void
soft_run_resume (void *opaque)
{
  SoftEngine *engine = opaque;

  g_mutex_lock (&engine->mutex);
  engine->run = TRUE;
  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    engine->cpus[i]->debug.stopped = FALSE;
  wake_all (engine);
  g_mutex_unlock (&engine->mutex);
}

void
soft_run_hold (void *opaque)
{
  SoftEngine *engine = opaque;
  gboolean held;

  g_mutex_lock (&engine->mutex);
  held = engine->held = engine->run;
  g_mutex_unlock (&engine->mutex);
  if (held)
    soft_attend_all (engine, SOFT_ATTENTION_STOP);
}

void
soft_run_release (void *opaque)
{
  SoftEngine *engine = opaque;

  g_mutex_lock (&engine->mutex);
  engine->held = FALSE;
  wake_all (engine);
  g_mutex_unlock (&engine->mutex);
}

void
soft_run_pause (void *opaque)
{
  SoftEngine *engine = opaque;

  g_mutex_lock (&engine->mutex);
  engine->run = FALSE;
  wake_all (engine);
  g_mutex_unlock (&engine->mutex);
  soft_attend_all (engine, SOFT_ATTENTION_STOP);
  g_mutex_lock (&engine->mutex);
  while (engine->n_running != 0)
    g_cond_wait (&engine->idle, &engine->mutex);
  g_mutex_unlock (&engine->mutex);
}

/* Processors of a machine for each core of the host: with more, those that wait for a lock keep its holder from running. */
#define MOST_A_CORE 2

/* VIVARIUM_SOFT_TURNS: 1 in turns, 0 side by side; else as the host has cores for it. */
static gboolean
wanted_side_by_side (unsigned n_cpus)
{
  const char *turns = g_getenv ("VIVARIUM_SOFT_TURNS");
  const unsigned cores = g_get_num_processors ();

  return turns != NULL ? g_str_equal (turns, "0") : cores > 1 && n_cpus <= MOST_A_CORE * cores;
}

void
soft_run_prepare (SoftEngine *engine)
{
  const EngineConfig *config = &engine->parent.config;

  engine->side_by_side = config->n_cpus > 1 && config->speed == 0
                         && !vm_clock_is_manual (engine->parent.vm->clock)
                         && wanted_side_by_side (config->n_cpus);
  g_mutex_init (&engine->mutex);
  g_cond_init (&engine->idle);
  g_cond_init (&engine->tick);
  engine->n_runners = engine->side_by_side ? config->n_cpus : 1;
  engine->runners = g_new0 (SoftRunner, engine->n_runners);
  for (unsigned i = 0; i < engine->n_runners; i++)
    {
      engine->runners[i].engine = engine;
      engine->runners[i].stopped = TRUE;
      g_cond_init (&engine->runners[i].wake);
    }
}

void
soft_run_start (SoftEngine *engine)
{
  if (!engine->side_by_side && engine->cpus[0]->translator != NULL && engine->parent.config.n_cpus > 1)
    engine->clock = g_thread_new ("turns", clock_thread, engine);
  for (unsigned i = 0; i < engine->n_runners; i++)
    {
      if (engine->side_by_side)
        engine->runners[i].cpu = engine->cpus[i];
      engine->runners[i].thread = g_thread_new ("processor", runner_thread, &engine->runners[i]);
    }
}

void
soft_run_end (SoftEngine *engine)
{
  g_mutex_lock (&engine->mutex);
  engine->quit = TRUE;
  wake_all (engine);
  g_cond_signal (&engine->tick);
  g_mutex_unlock (&engine->mutex);
  for (unsigned i = 0; i < engine->n_runners; i++)
    g_thread_join (engine->runners[i].thread);
  if (engine->clock != NULL)
    g_thread_join (engine->clock);
}

void
soft_run_clear (SoftEngine *engine)
{
  for (unsigned i = 0; i < engine->n_runners; i++)
    g_cond_clear (&engine->runners[i].wake);
  g_free (engine->runners);
  g_mutex_clear (&engine->mutex);
  g_cond_clear (&engine->idle);
  g_cond_clear (&engine->tick);
}
