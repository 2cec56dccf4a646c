/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a machine is and does.
 */
#define G_LOG_DOMAIN "viv-facts-window"

#include "config.h"

#include "ui/machine/viv-facts-window.h"

#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-rows.h"
#include "ui/machine/viv-history.h"
#include "ui/machine/viv-operations.h"

#include <glib/gi18n.h>

#define PERIOD 2 /* seconds between looks at the statistics */

typedef enum
{
  FACT_STATE,
  FACT_ENGINE,
  FACT_SCREEN,
  FACT_UPTIME,
  FACT_PROCESSOR,
  FACT_MEMORY,
  FACT_VNC,
  FACT_FOLDER,
  N_FACTS
} Fact;

static const char *const titles[N_FACTS] = {
  [FACT_STATE] = N_ ("State"),         [FACT_ENGINE] = N_ ("Runs On"),
  [FACT_SCREEN] = N_ ("Screen"),       [FACT_UPTIME] = N_ ("Running For"),
  [FACT_PROCESSOR] = N_ ("Processor"), [FACT_MEMORY] = N_ ("Memory Taken"),
  [FACT_VNC] = N_ ("Remote View"),     [FACT_FOLDER] = N_ ("Folder"),
};

struct _VivFactsWindow
{
  AdwWindow parent_instance;

  AdwActionRow *rows[N_FACTS];
  VivHistory *load, *memory; /* share of the processors, of the machine's memory */
  uint64_t cpu_time, at;     /* at the last look, ns; 0: there was none */
  VivMachine *machine;
  GCancellable *cancellable;
  guint source;
};

G_DEFINE_FINAL_TYPE (VivFactsWindow, viv_facts_window, ADW_TYPE_WINDOW)

/* NULL: nothing to say, the row goes. */
static void
set_fact (VivFactsWindow *self, Fact fact, const char *text)
{
  viv_row_set_subtitle (self->rows[fact], text);
  gtk_widget_set_visible (GTK_WIDGET (self->rows[fact]), text && *text);
}

static char *
describe_engine (VivMachine *machine)
{
  const char *label = viv_engine_label (viv_machine_get_engine (machine));
  const char *reason = viv_machine_get_engine_reason (machine);
  g_autofree char *sentence = viv_sentence (label);

  if (!*label)
    return NULL;
  return reason && *reason ? g_strdup_printf ("%s\n%s", sentence, reason) : g_steal_pointer (&sentence);
}

static char *
describe_time (uint64_t ns)
{
  unsigned seconds = (unsigned)(ns / 1000000000);

  /* Translators: hours, minutes and seconds */
  return g_strdup_printf (_ ("%u:%02u:%02u"), seconds / 3600, seconds / 60 % 60, seconds % 60);
}

/* Since the last look; all of the machine's processors at work is 100 %. */
static void
show_processor (VivFactsWindow *self, uint64_t cpu_time)
{
  const MachineDefinition *definition = viv_machine_get_definition (self->machine);
  guint64 cpus = definition ? definition_number (definition, "machine.cpus") : 1;
  uint64_t now = (uint64_t)g_get_monotonic_time () * 1000;
  g_autofree char *time = describe_time (cpu_time);

  if (self->at == 0 || now <= self->at || cpu_time < self->cpu_time)
    set_fact (self, FACT_PROCESSOR, time);
  else
    {
      double load = (double)(cpu_time - self->cpu_time) / (double)(now - self->at) / (double)MAX (cpus, 1);
      /* Translators: how busy the processors are in per cent, and the processor time so far */
      g_autofree char *text = g_strdup_printf (_ ("%d %% · %s"), (int)(MIN (load, 1) * 100 + 0.5), time);

      set_fact (self, FACT_PROCESSOR, text);
      viv_history_add (self->load, load);
    }
  self->cpu_time = cpu_time;
  self->at = now;
}

static void
on_statistics (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) values = viv_machine_statistics_finish (VIV_MACHINE (source), result, &error);
  VivFactsWindow *self = data;
  uint64_t value;

  /* Cancelled: the window is gone. */
  if (!values)
    return;
  if (g_variant_lookup (values, "uptime-ns", "t", &value))
    {
      g_autofree char *text = describe_time (value);

      set_fact (self, FACT_UPTIME, text);
    }
  if (g_variant_lookup (values, "cpu-time-ns", "t", &value))
    show_processor (self, value);
  if (g_variant_lookup (values, "memory-resident", "t", &value))
    {
      g_autofree char *text = g_format_size_full (value, G_FORMAT_SIZE_IEC_UNITS);
      uint64_t all = 0;

      set_fact (self, FACT_MEMORY, text);
      if (g_variant_lookup (values, "memory-guest", "t", &all) && all > 0)
        viv_history_add (self->memory, (double)value / (double)all);
    }
}

static void
update (VivFactsWindow *self)
{
  VivMachine *machine = self->machine;
  gboolean live = viv_machine_is_live (machine);
  const char *reason = viv_machine_get_state_reason (machine);
  g_autofree char *state = reason && *reason ? g_strdup_printf ("%s\n%s", viv_state_label (machine), reason)
                                             : g_strdup (viv_state_label (machine));
  g_autofree char *engine = live ? describe_engine (machine) : NULL;
  /* Translators: width and height of a screen, in pixels */
  g_autofree char *screen = live ? g_strdup_printf (_ ("%u × %u"), viv_machine_get_width (machine),
                                                    viv_machine_get_height (machine))
                                 : NULL;

  set_fact (self, FACT_STATE, state);
  set_fact (self, FACT_ENGINE, engine);
  set_fact (self, FACT_SCREEN, live && viv_machine_get_width (machine) ? screen : NULL);
  set_fact (self, FACT_VNC, live ? viv_machine_get_vnc_address (machine) : NULL);
  set_fact (self, FACT_FOLDER, viv_machine_get_folder (machine));
  if (live)
    viv_machine_statistics (machine, self->cancellable, on_statistics, self);
  else
    {
      set_fact (self, FACT_UPTIME, NULL);
      set_fact (self, FACT_PROCESSOR, NULL);
      set_fact (self, FACT_MEMORY, NULL);
      viv_history_clear (self->load);
      viv_history_clear (self->memory);
      self->at = 0;
    }
}

static gboolean
on_period (gpointer data)
{
  update (data);
  return G_SOURCE_CONTINUE;
}

static void
viv_facts_window_dispose (GObject *object)
{
  VivFactsWindow *self = VIV_FACTS_WINDOW (object);

  g_clear_handle_id (&self->source, g_source_remove);
  if (self->cancellable)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  if (self->machine)
    g_signal_handlers_disconnect_by_data (self->machine, self);
  g_clear_object (&self->machine);
  G_OBJECT_CLASS (viv_facts_window_parent_class)->dispose (object);
}

static void
viv_facts_window_class_init (VivFactsWindowClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_facts_window_dispose;
  gtk_widget_class_add_binding_action (GTK_WIDGET_CLASS (klass), GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
viv_facts_window_init (VivFactsWindow *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *page = adw_preferences_page_new ();
  GtkWidget *group = adw_preferences_group_new ();

  for (unsigned i = 0; i < N_FACTS; i++)
    {
      self->rows[i] = ADW_ACTION_ROW (adw_action_row_new ());
      adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->rows[i]), _ (titles[i]));
      adw_action_row_set_subtitle_lines (self->rows[i], 0);
      adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), GTK_WIDGET (self->rows[i]));
      set_fact (self, i, NULL);
    }
  self->load = VIV_HISTORY (viv_history_new (_ ("How busy the processors were in the last two minutes")));
  self->memory
      = VIV_HISTORY (viv_history_new (_ ("How much of its memory the machine took in the last two minutes")));
  adw_action_row_add_suffix (self->rows[FACT_PROCESSOR], GTK_WIDGET (self->load));
  adw_action_row_add_suffix (self->rows[FACT_MEMORY], GTK_WIDGET (self->memory));
  adw_preferences_page_add (ADW_PREFERENCES_PAGE (page), ADW_PREFERENCES_GROUP (group));
  gtk_widget_set_vexpand (page, TRUE);
  gtk_box_append (GTK_BOX (box), adw_header_bar_new ());
  gtk_box_append (GTK_BOX (box), page);
  adw_window_set_content (ADW_WINDOW (self), box);
  gtk_window_set_modal (GTK_WINDOW (self), TRUE);
  gtk_window_set_default_size (GTK_WINDOW (self), 460, 560);
  gtk_widget_set_size_request (GTK_WIDGET (self), 340, -1);
  self->cancellable = g_cancellable_new ();
}

GtkWidget *
viv_facts_window_new (VivMachine *machine)
{
  VivFactsWindow *self = g_object_new (VIV_TYPE_FACTS_WINDOW, NULL);

  self->machine = g_object_ref (machine);
  gtk_window_set_title (GTK_WINDOW (self), viv_machine_get_name (machine));
  g_signal_connect_swapped (machine, "state-changed", G_CALLBACK (update), self);
  self->source = g_timeout_add_seconds (PERIOD, on_period, self);
  update (self);
  return GTK_WIDGET (self);
}
