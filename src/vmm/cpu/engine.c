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

void
engine_free (Engine *engine)
{
  if (engine != NULL)
    {
      vm_set_processor (engine->vm, NULL, NULL);
      engine->klass->free (engine);
    }
}
