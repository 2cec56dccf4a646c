/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands about the machine and its devices.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/commands.h"

#include <gio/gio.h>
#include <string.h>

#define HEX64 "0x%016" G_GINT64_MODIFIER "x"

/* -- Devices -------------------------------------------------------------------------------------- */

static gboolean
run_devices (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  Vm *vm = context->vm;

  debug_report_table (report, "devices", "id class");
  vm_lock (vm);
  for (guint i = 0; i < vm->devices->len; i++)
    {
      const Device *device = vm->devices->pdata[i];

      debug_report_pair (report, device->id, device->klass->name);
    }
  vm_unlock (vm);
  return TRUE;
}

/* Lines "name: value" of state_print(). */
static void
add_state (DebugReport *report, const Device *device)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (GStrv) lines = NULL;

  state_print (device->klass->state, device, "", text);
  lines = g_strsplit (text->str, "\n", -1);
  debug_report_table (report, device->id, "key value");
  for (unsigned i = 0; lines[i] != NULL; i++)
    {
      const char *mark = strpbrk (lines[i], ":=");

      if (*lines[i] == '\0')
        continue;
      if (mark == NULL)
        {
          debug_report_pair (report, lines[i], "");
          continue;
        }
      g_autofree char *key = g_strchomp (g_strndup (lines[i], (gsize)(mark - lines[i])));
      debug_report_pair (report, key, mark + 1 + strspn (mark + 1, " "));
    }
}

static gboolean
run_device (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  Vm *vm = context->vm;
  gboolean found = FALSE;

  if (words[0] == NULL || words[1] != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "it is “info device ID”; “info devices” lists them");
      return FALSE;
    }
  vm_lock (vm);
  for (guint i = 0; i < vm->devices->len && !found; i++)
    {
      const Device *device = vm->devices->pdata[i];

      found = g_str_equal (device->id, words[0]);
      if (found)
        add_state (report, device);
    }
  vm_unlock (vm);
  if (!found)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "there is no device “%s”; “info devices” lists them", words[0]);
  return found;
}

/* -- Maps ----------------------------------------------------------------------------------------- */

static void
add_view (DebugReport *report, AddressSpace *as)
{
  FlatView *view = address_space_ref_view (as);

  for (unsigned i = 0; i < view->n_ranges; i++)
    {
      const FlatRange *range = &view->ranges[i];

      debug_report_cell (report, HEX64, range->start);
      debug_report_cell (report, HEX64, range->start + range->size - 1);
      debug_report_cell (report, "%s",
                         region_is_rom (range->region)    ? "rom"
                         : !region_is_ram (range->region) ? "registers"
                         : range->readonly                ? "ram, read-only"
                                                          : "ram");
      debug_report_cell (report, "%s", region_name (range->region));
      debug_report_cell (report, "0x%" G_GINT64_MODIFIER "x", range->offset);
    }
  flat_view_unref (view);
}

static gboolean
run_map (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  debug_report_table (report, "memory", "from to what region offset");
  add_view (report, context->vm->memory);
  return TRUE;
}

static gboolean
run_ports (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  debug_report_table (report, "ports", "from to what region offset");
  add_view (report, context->vm->ports);
  return TRUE;
}

/* -- Life ----------------------------------------------------------------------------------------- */

static const char *
state_word (VmState state)
{
  static const char *const words[] = { "starting", "running", "pausing", "paused", "crashed", "stopped" };

  return (unsigned)state < G_N_ELEMENTS (words) ? words[state] : "";
}

static gboolean
run_status (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  debug_report_table (report, "status", "key value");
  debug_report_pair (report, "state", state_word (vm_state_here (context->vm)));
  debug_report_pair (report, "engine", context->engine->klass->name);
  debug_report_cell (report, "processors");
  debug_report_cell (report, "%u", context->vm->n_cpus);
  debug_report_cell (report, "guest time, ns");
  debug_report_cell (report, "%" G_GINT64_FORMAT, (gint64)vm_clock_now (context->vm->clock));
  return TRUE;
}

static gboolean
run_reset (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  vm_reset (context->vm);
  return TRUE;
}

const DebugCommand debug_commands_machine[] = {
  { "info status", "", "Whether the machine runs, on what, and its clock.", run_status },
  { "info devices", "", "All devices.", run_devices },
  { "info device", "ID", "A device's registers, from its state table: reading them has no effect.",
    run_device },
  { "info map", "", "What lies at which physical address.", run_map },
  { "info ports", "", "What lies at which port.", run_ports },
  { "reset", "", "Resets the machine; one that stands stays so.", run_reset },
  { NULL },
};
