/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Stopping the world.  `in_world` and `stopping` are written by one side each and then read by the other, in one order for all: of a processor that
 * enters and one that stops the world, one at least sees the other.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/world.h"

void
soft_world_init (SoftWorld *world)
{
  g_mutex_init (&world->mutex);
  g_cond_init (&world->changed);
}

void
soft_world_clear (SoftWorld *world)
{
  g_mutex_clear (&world->mutex);
  g_cond_clear (&world->changed);
}

void
soft_world_enter (SoftCpu *cpu)
{
  SoftWorld *world = &cpu->engine->world;

  for (;;)
    {
      __atomic_store_n (&cpu->in_world, 1, __ATOMIC_SEQ_CST);
      if (__atomic_load_n (&world->stopping, __ATOMIC_SEQ_CST) == 0)
        return;
      g_mutex_lock (&world->mutex);
      __atomic_store_n (&cpu->in_world, 0, __ATOMIC_SEQ_CST);
      g_cond_broadcast (&world->changed);
      while (world->stopping != 0)
        g_cond_wait (&world->changed, &world->mutex);
      g_mutex_unlock (&world->mutex);
    }
}

void
soft_world_leave (SoftCpu *cpu)
{
  SoftWorld *world = &cpu->engine->world;

  __atomic_store_n (&cpu->in_world, 0, __ATOMIC_SEQ_CST);
  if (__atomic_load_n (&world->stopping, __ATOMIC_SEQ_CST) == 0)
    return;
  g_mutex_lock (&world->mutex);
  g_cond_broadcast (&world->changed);
  g_mutex_unlock (&world->mutex);
}

void
soft_world_stop (SoftCpu *cpu)
{
  SoftEngine *engine = cpu->engine;
  SoftWorld *world = &engine->world;

  if (engine->parent.config.n_cpus == 1)
    return;
  if (cpu->exclusive)
    {
      cpu->stops_within++;
      return;
    }
  g_mutex_lock (&world->mutex);
  __atomic_store_n (&cpu->in_world, 0, __ATOMIC_SEQ_CST);
  g_cond_broadcast (&world->changed);
  while (world->stopping != 0)
    g_cond_wait (&world->changed, &world->mutex);
  __atomic_store_n (&world->stopping, 1, __ATOMIC_SEQ_CST);
  world->stops++;
  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    if (__atomic_load_n (&engine->cpus[i]->in_world, __ATOMIC_SEQ_CST) != 0)
      soft_attend (engine->cpus[i], SOFT_ATTENTION_WORLD);
  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    while (__atomic_load_n (&engine->cpus[i]->in_world, __ATOMIC_SEQ_CST) != 0)
      g_cond_wait (&world->changed, &world->mutex);
  g_mutex_unlock (&world->mutex);
  cpu->exclusive = TRUE;
}

/* Another processor has still to be told of a change of the map, and isn't outside, where it is told before anything else. */
static gboolean
any_is_behind (const SoftCpu *cpu)
{
  const SoftEngine *engine = cpu->engine;

  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    {
      const SoftCpu *other = engine->cpus[i];

      if (other != cpu && __atomic_load_n (&other->running, __ATOMIC_SEQ_CST) != 0
          && (__atomic_load_n (&other->attention, __ATOMIC_SEQ_CST) & SOFT_ATTENTION_MAP) != 0)
        return TRUE;
    }
  return FALSE;
}

void
soft_world_settle (SoftCpu *cpu)
{
  if (!cpu->remapped || cpu->exclusive || cpu->vm_locked)
    return;
  cpu->remapped = FALSE;
  if (!cpu->beside)
    return;
  /* Nobody waits for one that waits itself: its caller looks at the map before it goes on. */
  __atomic_store_n (&cpu->running, 0, __ATOMIC_SEQ_CST);
  /* One that is between taking its attention and what it does about that has this behind it when it is stopped; one that waited for its own turn to stop the
   * world has it still before it. */
  do
    {
      soft_world_stop (cpu);
      soft_world_go (cpu);
    }
  while (any_is_behind (cpu));
  __atomic_store_n (&cpu->running, 1, __ATOMIC_SEQ_CST);
}

void
soft_world_go (SoftCpu *cpu)
{
  SoftEngine *engine = cpu->engine;
  SoftWorld *world = &engine->world;

  if (engine->parent.config.n_cpus == 1)
    return;
  if (cpu->stops_within > 0)
    {
      cpu->stops_within--;
      return;
    }
  cpu->exclusive = FALSE;
  g_mutex_lock (&world->mutex);
  __atomic_store_n (&cpu->in_world, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n (&world->stopping, 0, __ATOMIC_SEQ_CST);
  g_cond_broadcast (&world->changed);
  g_mutex_unlock (&world->mutex);
}
