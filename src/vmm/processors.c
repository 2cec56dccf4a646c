/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vmm"

#include "processors.h"

#include "machine/cpu-speed.h"
#include "machine/cpu-topology.h"
#include "machine/start-blame.h"

#include <gio/gio.h>

static gboolean
read_topology (EngineConfig *config, const MachineDefinition *definition, GError **error)
{
  const char *text = definition_text (definition, "machine.topology");
  CpuTopology topology;

  if (text == NULL || *text == '\0' || !cpu_topology_parse (text, &topology))
    return TRUE;
  if (topology.sockets * topology.cores * topology.threads != config->n_cpus)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "machine.topology=%s is of %u processors, and machine.cpus says %u; change one of them",
                   text, topology.sockets * topology.cores * topology.threads, config->n_cpus);
      viv_start_blame ("machine", "topology");
      return FALSE;
    }
  config->cores = topology.cores;
  config->threads = topology.threads;
  return TRUE;
}

const char *
processors_read (EngineConfig *config, const MachineDefinition *definition, const char *engine,
                 GError **error)
{
  const char *speed = definition_text (definition, "machine.cpu-speed");

  if (engine == NULL)
    engine = definition_text (definition, "machine.engine");
  config->n_cpus = definition_number (definition, "machine.cpus");
  config->baseline = cpu_baseline_find (definition_text (definition, "machine.cpu"));
  config->hyperv = definition_flag (definition, "machine.hyperv");
  if (!read_topology (config, definition, error))
    return NULL;
  config->speed = speed != NULL ? cpu_speed_parse (speed) : 0;
  if (config->speed == 0)
    return engine;
  /* Only this one can be slow. */
  if (g_strcmp0 (engine, "kvm") != 0)
    return g_strcmp0 (engine, "auto") == 0 ? "software" : engine;
  g_set_error (
      error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
      "KVM runs at the speed of this computer alone; take machine.cpu-speed away, or set machine.engine to auto or software");
  viv_start_blame ("machine", "cpu-speed");
  return NULL;
}
