/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The engine: what the machine asks of its processors.  Their threads are engine-run.c.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/code-pages.h"
#include "cpu/soft/engine-soft.h"
#include "cpu/soft/world.h"
#ifdef SOFT_TRANSLATOR
#include "cpu/soft/translate/translate.h"
#endif

#include <glib/gi18n.h>

static void
engine_reset (void *opaque)
{
  SoftEngine *engine = opaque;

  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    soft_cpu_reset (engine->cpus[i], FALSE);
  soft_code_flush_all (engine);
}

static void
engine_set_intr (void *opaque, gboolean level)
{
  SoftEngine *engine = opaque;

  g_atomic_int_set (&engine->intr, level != FALSE);
  if (level)
    soft_attend (engine->cpus[0], SOFT_ATTENTION_INTERRUPT);
}

static void
engine_nmi (void *opaque)
{
  soft_apic_nmi (opaque);
}

static void
engine_smi (void *opaque, gboolean all)
{
  SoftEngine *engine = opaque;

  if (!all)
    {
      soft_apic_smi ((soft_running != NULL ? soft_running : engine->cpus[0])->apic);
      return;
    }
  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    soft_apic_smi (engine->cpus[i]->apic);
}

static gboolean
engine_in_smm (void *opaque)
{
  return soft_running != NULL && soft_running->in_smm;
}

static void
engine_msi (void *opaque, uint64_t address, uint32_t data)
{
  soft_apic_message (opaque, address, data);
}

static gboolean
engine_get_state (Engine *parent, unsigned n, CpuState *state)
{
  SoftEngine *engine = (SoftEngine *)parent;

  if (n >= engine->parent.config.n_cpus)
    return FALSE;
  soft_cpu_get_state (engine->cpus[n], state);
  return TRUE;
}

static gboolean
engine_set_state (Engine *parent, unsigned n, const CpuState *state)
{
  SoftEngine *engine = (SoftEngine *)parent;

  return n < engine->parent.config.n_cpus && soft_cpu_set_state (engine->cpus[n], state, NULL);
}

static gboolean
engine_set_registers (Engine *parent, unsigned n, const CpuState *state)
{
  SoftEngine *engine = (SoftEngine *)parent;

  return n < engine->parent.config.n_cpus && soft_cpu_set_registers (engine->cpus[n], state, NULL);
}

static gboolean
engine_debug_changed (Engine *parent, GError **error)
{
  SoftEngine *engine = (SoftEngine *)parent;

  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    soft_debug_changed (engine->cpus[i]);
  return TRUE;
}

static void
engine_save (void *opaque, unsigned n, GByteArray *out)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1);

  if (engine_get_state (opaque, n, state))
    state_save (cpu_state_fields, state, out);
}

static gboolean
engine_load (void *opaque, unsigned n, const uint8_t *data, size_t length, GError **error)
{
  SoftEngine *engine = opaque;
  g_autofree CpuState *state = g_new0 (CpuState, 1);

  g_return_val_if_fail (n < engine->parent.config.n_cpus, FALSE);
  if (!state_load (cpu_state_fields, state, data, length, error)
      || !soft_cpu_set_state (engine->cpus[n], state, error))
    return FALSE;
  /* Memory was loaded under the feet of decoded code. */
  soft_code_flush_all (engine);
  return TRUE;
}

static void
engine_cpuid (void *opaque, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  soft_cpuid (((SoftEngine *)opaque)->cpus[0], leaf, subleaf, out);
}

static void
engine_own_cpuid (void *opaque, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
  soft_cpuid_own (((SoftEngine *)opaque)->cpus[0], leaf, subleaf, out);
}

static gboolean
check_baseline (SoftEngine *engine, GError **error)
{
  g_autofree CpuModel *own = g_new (CpuModel, 1);

  if (engine->parent.config.baseline == NULL)
    return TRUE;
  cpu_model_read (own, engine_own_cpuid, engine);
  return cpu_baseline_check (engine->parent.config.baseline, own, "The software processor", error);
}

static void
engine_save_model (void *opaque, GByteArray *out)
{
  g_autofree CpuModel *model = g_new (CpuModel, 1);

  cpu_model_read (model, engine_cpuid, opaque);
  cpu_model_save (model, out);
}

static gboolean
engine_load_model (void *opaque, unsigned version, const uint8_t *data, size_t length, GError **error)
{
  SoftEngine *engine = opaque;
  g_autofree CpuModel *saved = g_new0 (CpuModel, 1), *own = g_new (CpuModel, 1);

  cpu_model_read (own, engine_own_cpuid, engine);
  if (!cpu_model_load (saved, own, "the software processor", version, data, length, error))
    return FALSE;
  g_free (engine->model);
  engine->model = g_steal_pointer (&saved);
  return TRUE;
}

static const VmProcessorOps ops = {
  .resume = soft_run_resume,
  .pause = soft_run_pause,
  .hold = soft_run_hold,
  .release = soft_run_release,
  .reset = engine_reset,
  .set_intr = engine_set_intr,
  .nmi = engine_nmi,
  .smi = engine_smi,
  .in_smm = engine_in_smm,
  .msi = engine_msi,
  .cpuid = engine_cpuid,
  .save_model = engine_save_model,
  .load_model = engine_load_model,
  .save = engine_save,
  .load = engine_load,
  /* A small page that is touched first takes as long as thousands of translated instructions. */
  .wants_huge_pages = TRUE,
};

/* -- Memory ------------------------------------------------------------------------------------------------------------------ */

/* Dirty bits are about to be taken: from here on writes must be seen again.  A running processor marks what it could have
 * written since once more, and the next taker sees it. */
static void
on_sync_dirty (Region *region, void *opaque)
{
  SoftEngine *engine = opaque;
  gboolean stopped;

  g_mutex_lock (&engine->mutex);
  stopped = engine->n_running == 0;
  if (stopped)
    for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
      soft_drop_logged (engine->cpus[i]);
  g_mutex_unlock (&engine->mutex);
  if (!stopped)
    soft_attend_all (engine, SOFT_ATTENTION_DIRTY);
}

static void
on_map_changed (AddressSpace *as, const FlatView *old_view, const FlatView *new_view, void *opaque)
{
  SoftEngine *engine = opaque;

  for (unsigned i = 0; i < new_view->n_ranges; i++)
    if (region_is_ram (new_view->ranges[i].region))
      region_set_sync_dirty (new_view->ranges[i].region, on_sync_dirty, engine);
  if (soft_running != NULL && soft_running->engine == engine)
    soft_running->remapped = TRUE;
  soft_attend_all (engine, SOFT_ATTENTION_MAP);
}

static const AddressSpaceListener map_listener = { .commit = on_map_changed };

/* -- Life ---------------------------------------------------------------------------------------------------------------------- */

static void
engine_free_soft (Engine *parent)
{
  SoftEngine *engine = (SoftEngine *)parent;
  FlatView *view;

  soft_run_end (engine);
  if (parent->vm->processor_opaque == engine)
    vm_set_processor (parent->vm, NULL, NULL);
  address_space_remove_listener (parent->vm->memory, &map_listener, engine);
  address_space_remove_listener (parent->vm->smm_memory, &map_listener, engine);
  view = address_space_ref_view (parent->vm->memory);
  for (unsigned i = 0; i < view->n_ranges; i++)
    if (region_is_ram (view->ranges[i].region))
      region_set_sync_dirty (view->ranges[i].region, NULL, NULL);
  flat_view_unref (view);
  soft_pages_free (engine->pages);
  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    soft_cpu_free (engine->cpus[i]);
  g_free (engine->cpus);
  soft_world_clear (&engine->world);
  g_mutex_clear (&engine->code_mutex);
  soft_run_clear (engine);
  g_free (engine->model);
  g_free (engine);
}

/* VIVARIUM_SOFT: translate (what runs often; the default), always (everything; for tests), check (and compares with the interpreter, check.c), interpret. */
#ifdef SOFT_TRANSLATOR
static const char *
wanted_mode (void)
{
  const char *mode = g_getenv ("VIVARIUM_SOFT");

  return mode != NULL ? mode : "translate";
}
#endif

static void
choose_mode (SoftEngine *engine)
{
#ifdef SOFT_TRANSLATOR
  engine->translate = !g_str_equal (wanted_mode (), "interpret");
  engine->translate_always = g_str_equal (wanted_mode (), "always");
  engine->translate_check = g_str_equal (wanted_mode (), "check");
#else
  g_message ("instructions are interpreted, which is slower: this build has no translator");
#endif
}

char *
soft_engine_detail (void)
{
#ifdef SOFT_TRANSLATOR
  g_autoptr (GError) error = NULL;

  if (g_str_equal (wanted_mode (), "interpret"))
    return g_strdup ("The software processor interprets, as VIVARIUM_SOFT asks for.");
  if (soft_translator_possible (&error))
    return g_strdup ("The software processor translates what runs often to the host's instructions.");
  return g_strdup_printf ("The software processor interprets, which is slower: %s", error->message);
#else
  return g_strdup ("The software processor interprets, which is slower: this build has no translator.");
#endif
}

#ifndef SOFT_TRANSLATOR
void
soft_reserve (void)
{
}

void
soft_forgo (void)
{
}
#endif

static Engine *
engine_create (Vm *vm, const EngineConfig *config, GError **error)
{
  SoftEngine *engine = g_new0 (SoftEngine, 1);

  engine->parent.klass = &soft_engine_class;
  engine->parent.vm = vm;
  engine->parent.config = *config;
  engine->tsc_hz = 1000000000;
  g_mutex_init (&engine->code_mutex);
  soft_run_prepare (engine);
  soft_world_init (&engine->world);
  engine->pages = soft_pages_new (engine);
  engine->cpus = g_new0 (SoftCpu *, config->n_cpus);
  choose_mode (engine);
  for (unsigned i = 0; i < config->n_cpus; i++)
    engine->cpus[i] = soft_cpu_new (engine, i);
  vm_set_processor (vm, &ops, engine);
  address_space_add_listener (vm->memory, &map_listener, engine);
  address_space_add_listener (vm->smm_memory, &map_listener, engine);
  soft_run_start (engine);
  if (check_baseline (engine, error))
    return &engine->parent;
  engine_free (&engine->parent);
  return NULL;
}

const EngineClass soft_engine_class = {
  .name = "soft",
  .title = N_ ("software processor"),
  .create = engine_create,
  .free = engine_free_soft,
  .get_state = engine_get_state,
  .set_state = engine_set_state,
  .set_registers = engine_set_registers,
  .debug_changed = engine_debug_changed,
};
