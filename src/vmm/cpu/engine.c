/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Making and ending of an engine.
 */
#define G_LOG_DOMAIN "cpu"

#include "cpu/engine.h"

#include <gio/gio.h>

Engine *
engine_new (const EngineClass *klass, Vm *vm, const EngineConfig *config, GError **error)
{
  if (config->n_cpus < 1 || config->n_cpus > 64)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "A machine has 1 to 64 processors, not %u",
                   config->n_cpus);
      return NULL;
    }
  vm->n_cpus = config->n_cpus;
  return klass->create (vm, config, error);
}

/* -- Debugging ------------------------------------------------------------------------------------ */

/* Of all engines: there is one a process, and in tests they stop seldom. */
static GMutex stop_mutex;

gboolean
engine_set_debug (Engine *engine, const EngineDebug *debug, GError **error)
{
  const EngineDebug before = engine->debug;

  if (engine->klass->debug_changed == NULL)
    {
      if (!debug->on)
        return TRUE;
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "a machine with the engine “%s” can't be debugged", engine->klass->name);
      return FALSE;
    }
  engine->debug = *debug;
  if (engine->klass->debug_changed (engine, error))
    return TRUE;
  engine->debug = before;
  engine->klass->debug_changed (engine, NULL);
  return FALSE;
}

gboolean
engine_debug_stop (Engine *engine, const EngineStop *stop)
{
  static const char *const words[] = {
    [ENGINE_STOP_NONE] = "",
    [ENGINE_STOP_POINT] = "a breakpoint or watchpoint of the debugger was met",
    [ENGINE_STOP_STEP] = "the debugger steps",
    [ENGINE_STOP_TRIPLE_FAULT] = "a processor met a triple fault, and the debugger holds it there",
  };

  if (!engine->debug.on || (stop->kind == ENGINE_STOP_TRIPLE_FAULT && !engine->debug.catch_triple_fault))
    return FALSE;
  g_mutex_lock (&stop_mutex);
  if (engine->stop.kind == ENGINE_STOP_NONE)
    engine->stop = *stop;
  g_mutex_unlock (&stop_mutex);
  vm_request (engine->vm, VM_REQUEST_DEBUG, words[stop->kind]);
  return TRUE;
}

EngineStop
engine_take_stop (Engine *engine)
{
  EngineStop stop;

  g_mutex_lock (&stop_mutex);
  stop = engine->stop;
  engine->stop = (EngineStop){ 0 };
  g_mutex_unlock (&stop_mutex);
  return stop;
}

void
engine_free (Engine *engine)
{
  if (engine != NULL)
    {
      vm_set_processor (engine->vm, NULL, NULL);
      engine->klass->free (engine);
    }
}
