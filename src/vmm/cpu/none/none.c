/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The engine without a processor: the machine's devices stand still but for the clock and what a test does to them.
 */
#define G_LOG_DOMAIN "none"

#include "cpu/engine.h"

static void
ops_nothing (void *opaque)
{
}

static void
ops_set_intr (void *opaque, gboolean level)
{
}

static void
ops_msi (void *opaque, uint64_t address, uint32_t data)
{
}

static const VmProcessorOps none_ops = {
  .resume = ops_nothing,
  .pause = ops_nothing,
  .reset = ops_nothing,
  .set_intr = ops_set_intr,
  .nmi = ops_nothing,
  .msi = ops_msi,
};

static Engine *
none_create (Vm *vm, const EngineConfig *config, GError **error)
{
  vm_set_processor (vm, &none_ops, NULL);
  Engine *engine = g_new (Engine, 1);

  *engine = (Engine){ .klass = &none_engine_class, .vm = vm, .config = *config };
  return engine;
}

static void
none_free (Engine *engine)
{
  g_free (engine);
}

static gboolean
none_get_state (Engine *engine, unsigned n, CpuState *state)
{
  cpu_state_init (state, n == 0);
  return TRUE;
}

static gboolean
none_set_state (Engine *engine, unsigned n, const CpuState *state)
{
  return TRUE;
}

const EngineClass none_engine_class = {
  .name = "none",
  .title = "no processor",
  .create = none_create,
  .free = none_free,
  .get_state = none_get_state,
  .set_state = none_set_state,
};
