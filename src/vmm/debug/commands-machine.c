/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands about the machine and its devices.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/commands.h"

#include "pci/pci.h"

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

#define MOST_DEPTH 8

/* Lines "name = value" of state_print(), a structure's as "structure.name". */
static void
add_state (DebugReport *report, const Device *device)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (GStrv) lines = NULL;
  char *outer[MOST_DEPTH] = { NULL };

  state_print (device->klass->state, device, "", text);
  lines = g_strsplit (text->str, "\n", -1);
  debug_report_table (report, device->id, "key value");
  for (unsigned i = 0; lines[i] != NULL; i++)
    {
      const unsigned depth = MIN ((unsigned)strspn (lines[i], " ") / 2, MOST_DEPTH - 1);
      char *name = g_strstrip (lines[i]), *mark = strstr (name, " =");
      g_autofree char *key = NULL;

      if (*name == '\0')
        continue;
      if (mark != NULL)
        *mark = '\0';
      key = depth > 0 && outer[depth - 1] != NULL ? g_strconcat (outer[depth - 1], ".", name, NULL)
                                                  : g_strdup (name);
      if (mark != NULL)
        debug_report_pair (report, key, mark + 2 + strspn (mark + 2, " "));
      else
        {
          g_strdelimit (key, ":", '\0');
          g_free (outer[depth]);
          outer[depth] = g_steal_pointer (&key);
        }
    }
  for (unsigned i = 0; i < MOST_DEPTH; i++)
    g_free (outer[i]);
}

/* All devices of these classes. */
static void
add_classes (const DebugContext *context, DebugReport *report, const char *const *classes)
{
  vm_lock (context->vm);
  for (guint i = 0; i < context->vm->devices->len; i++)
    {
      const Device *device = context->vm->devices->pdata[i];

      if (g_strv_contains (classes, device->klass->name))
        add_state (report, device);
    }
  vm_unlock (context->vm);
}

static gboolean
run_interrupts (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  static const char *const classes[] = { "pic", "ioapic", "gsi", NULL };

  add_classes (context, report, classes);
  return TRUE;
}

static gboolean
run_clocks (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  static const char *const classes[] = { "pit", "hpet", "rtc", "piix4-pm", NULL };

  add_classes (context, report, classes);
  return TRUE;
}

/* A PCI function is known by what its state begins with. */
static const PciDevice *
as_pci (const Device *device)
{
  const StateField *first = device->klass->state;

  return first->type == STATE_TYPE_STRUCT && first->fields == pci_device_state ? (const PciDevice *)device
                                                                               : NULL;
}

static void
add_bars (DebugReport *report, PciDevice *pci)
{
  for (unsigned i = 0; i < PCI_N_BARS; i++)
    if (pci->bar[i].region != NULL)
      {
        const uint64_t at = pci_device_bar_address (pci, i);

        debug_report_cell (report, "%s", pci->device.id);
        debug_report_cell (report, i == PCI_ROM_BAR ? "rom" : "%u", i);
        debug_report_cell (report, "%s",
                           (pci->bar[i].flags & PCI_BAR_IO) != 0         ? "i/o"
                           : (pci->bar[i].flags & PCI_BAR_MEMORY64) != 0 ? "memory, 64-bit"
                                                                         : "memory");
        if (at == G_MAXUINT64)
          debug_report_cell (report, "not decoded");
        else
          debug_report_cell (report, HEX64, at);
        debug_report_cell (report, "0x%" G_GINT64_MODIFIER "x", pci->bar[i].size);
      }
}

static gboolean
run_pci (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  Vm *vm = context->vm;

  vm_lock (vm);
  debug_report_table (report, "functions", "slot id vendor device class command irq behind");
  for (guint i = 0; i < vm->devices->len; i++)
    {
      const PciDevice *pci = as_pci (vm->devices->pdata[i]);
      const PciDevice *parent = pci != NULL && pci->bus != NULL ? pci_bus_parent (pci->bus) : NULL;

      if (pci == NULL || pci->bus == NULL)
        continue;
      debug_report_cell (report, "%02x.%x", pci->devfn >> 3, pci->devfn & 7);
      debug_report_cell (report, "%s", pci->device.id);
      debug_report_cell (report, "%04x", pci_get16 (pci->config + PCI_VENDOR_ID));
      debug_report_cell (report, "%04x", pci_get16 (pci->config + PCI_DEVICE_ID));
      debug_report_cell (report, "%06x", pci_get32 (pci->config + PCI_REVISION_ID) >> 8);
      debug_report_cell (report, "%04x", pci_get16 (pci->config + PCI_COMMAND));
      if (pci->config[PCI_INTERRUPT_PIN] != 0)
        debug_report_cell (report, "%u, INT%c#", pci->config[PCI_INTERRUPT_LINE],
                           'A' + ((pci->config[PCI_INTERRUPT_PIN] - 1) & 3));
      else
        debug_report_cell (report, "-");
      debug_report_cell (report, "%s", parent != NULL ? parent->device.id : "bus 0");
    }
  debug_report_table (report, "bars", "id bar kind at size");
  for (guint i = 0; i < vm->devices->len; i++)
    if (as_pci (vm->devices->pdata[i]) != NULL)
      add_bars (report, vm->devices->pdata[i]);
  vm_unlock (vm);
  return TRUE;
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
  { "info pci", "", "The functions on PCI and where their registers are.", run_pci },
  { "info interrupts", "",
    "The 8259 pair, the I/O APIC and the wires between; “info lapic” has the processors' side.",
    run_interrupts },
  { "info clocks", "", "PIT, HPET, RTC and the power management timer.", run_clocks },
  { "info map", "", "What lies at which physical address.", run_map },
  { "info ports", "", "What lies at which port.", run_ports },
  { "reset", "", "Resets the machine; one that stands stays so.", run_reset },
  { NULL },
};
