/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a person does to a machine.
 */
#define G_LOG_DOMAIN "viv-operations"

#include "config.h"

#include "ui/viv-operations.h"

#include "ui/viv-dialogs.h"
#include "ui/viv-settings-window.h"

#include <glib/gi18n.h>

#define LOG_LINES    60
#define UNDO_SECONDS 12

/* One operation under way, and the window that is told how it ended, if it is still there. */
typedef struct
{
  GWeakRef window;
  VivMachine *machine;
  const char *heading; /* of the error; translated */
} Operation;

static Operation *
operation_new (VivWindow *window, VivMachine *machine, const char *heading)
{
  Operation *operation = g_new0 (Operation, 1);

  g_weak_ref_init (&operation->window, window);
  operation->machine = g_object_ref (machine);
  operation->heading = heading;
  return operation;
}

static void
operation_free (Operation *operation)
{
  g_weak_ref_clear (&operation->window);
  g_object_unref (operation->machine);
  g_free (operation);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Operation, operation_free)

void
viv_operation_failed (VivWindow *window, VivMachine *machine, const char *heading, const GError *error)
{
  g_autofree char *log = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  log = viv_machine_log_tail (machine, LOG_LINES);
  viv_show_error (GTK_WINDOW (window), heading, error->message, log);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Operation) operation = data;
  g_autoptr (VivWindow) window = g_weak_ref_get (&operation->window);
  g_autoptr (GError) error = NULL;

  if (!viv_machine_finish (VIV_MACHINE (source), result, &error) && window)
    viv_operation_failed (window, operation->machine, operation->heading, error);
}

void
viv_operation_start (VivWindow *window, VivMachine *machine)
{
  if (!viv_machine_is_busy (machine))
    viv_machine_start (machine, NULL, NULL, on_done,
                       operation_new (window, machine, _ ("The Machine Could Not Start")));
}

void
viv_operation_pause (VivWindow *window, VivMachine *machine)
{
  viv_machine_pause (machine, NULL, on_done,
                     operation_new (window, machine, _ ("The Machine Could Not Be Paused")));
}

void
viv_operation_resume (VivWindow *window, VivMachine *machine)
{
  viv_machine_resume (machine, NULL, on_done,
                      operation_new (window, machine, _ ("The Machine Could Not Go On")));
}

void
viv_operation_power_off (VivWindow *window, VivMachine *machine)
{
  viv_machine_power_down (machine, NULL, on_done,
                          operation_new (window, machine, _ ("The Power Button Could Not Be Pressed")));
  viv_window_message (window, _ ("The power button was pressed. The system decides what it does."));
}

/* -- With a question -- */

static void
confirmed_reset (gpointer data)
{
  VivMachine *machine = data;
  VivWindow *window = g_object_get_data (data, "viv-asking-window");

  viv_machine_reset (machine, NULL, on_done,
                     operation_new (window, machine, _ ("The Machine Could Not Be Reset")));
}

static void
confirmed_force_off (gpointer data)
{
  VivMachine *machine = data;
  VivWindow *window = g_object_get_data (data, "viv-asking-window");

  viv_machine_force_off (machine, NULL, on_done,
                         operation_new (window, machine, _ ("The Machine Could Not Be Switched Off")));
}

static void
ask (VivWindow *window, VivMachine *machine, char *heading, const char *body, const char *accept,
     VivConfirmFunc func)
{
  g_autofree char *title = heading;

  g_object_set_data_full (G_OBJECT (machine), "viv-asking-window", g_object_ref (window), g_object_unref);
  viv_confirm (GTK_WINDOW (window), title, body, accept, func, G_OBJECT (machine));
}

void
viv_operation_reset (VivWindow *window, VivMachine *machine)
{
  /* Translators: %s is a machine's name */
  ask (window, machine, g_strdup_printf (_ ("Reset “%s”?"), viv_machine_get_name (machine)),
       _ ("It restarts at once. What the system has not saved is lost."), _ ("_Reset"), confirmed_reset);
}

void
viv_operation_force_off (VivWindow *window, VivMachine *machine)
{
  if (!viv_machine_is_live (machine))
    return;
  /* Translators: %s is a machine's name */
  ask (window, machine, g_strdup_printf (_ ("Force “%s” Off?"), viv_machine_get_name (machine)),
       _ ("This is like pulling the plug. What the system has not saved is lost."), _ ("_Force Off"),
       confirmed_force_off);
}

static char *
check_new_name (const char *text, gpointer data)
{
  VivMachine *machine = data;
  VivWindow *window = g_object_get_data (data, "viv-asking-window");
  VivLibrary *library = viv_window_get_library (window);
  g_autoptr (GError) error = NULL;

  if (!definition_check_name (text, &error))
    return g_strdup (error->message);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (VivMachine) other = g_list_model_get_item (G_LIST_MODEL (library), i);

      if (other != machine && g_str_equal (viv_machine_get_name (other), text))
        return g_strdup (_ ("Another machine has this name."));
    }
  return NULL;
}

static void
accepted_new_name (const char *text, gpointer data)
{
  VivMachine *machine = data;
  VivWindow *window = g_object_get_data (data, "viv-asking-window");
  g_autoptr (GError) error = NULL;

  if (!g_str_equal (text, viv_machine_get_name (machine))
      && !viv_library_rename (viv_window_get_library (window), machine, text, &error))
    viv_show_error (GTK_WINDOW (window), _ ("The Machine Could Not Be Renamed"), error->message, NULL);
}

void
viv_operation_rename (VivWindow *window, VivMachine *machine)
{
  g_object_set_data_full (G_OBJECT (machine), "viv-asking-window", g_object_ref (window), g_object_unref);
  viv_ask_text (GTK_WINDOW (window), _ ("Rename Machine"), viv_machine_get_name (machine), _ ("_Rename"),
                check_new_name, accepted_new_name, G_OBJECT (machine));
}

/* -- Delete and undo -- */

typedef struct
{
  VivLibrary *library;
  GWeakRef window;
  char *entry;
} Deletion;

/* The toast goes; the machine stays in the trash (VivTrashWindow) until the person empties it. */
static void
deletion_free (gpointer data, GClosure *closure)
{
  Deletion *deletion = data;

  g_clear_object (&deletion->library);
  g_weak_ref_clear (&deletion->window);
  g_free (deletion->entry);
  g_free (deletion);
}

static void
on_undo (AdwToast *toast, Deletion *deletion)
{
  g_autoptr (VivWindow) window = g_weak_ref_get (&deletion->window);
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) machine = NULL;

  machine = viv_library_restore (deletion->library, deletion->entry, &error);
  if (!machine && window)
    viv_show_error (GTK_WINDOW (window), _ ("The Machine Could Not Be Restored"), error->message, NULL);
}

void
viv_operation_delete (VivWindow *window, VivMachine *machine)
{
  g_autofree char *name = g_markup_escape_text (viv_machine_get_name (machine), -1);
  g_autofree char *title = NULL;
  g_autofree char *entry = NULL;
  g_autoptr (GError) error = NULL;
  VivLibrary *library = viv_window_get_library (window);
  Deletion *deletion;
  AdwToast *toast;

  entry = viv_library_delete (library, machine, &error);
  if (!entry)
    {
      viv_show_error (GTK_WINDOW (window), _ ("The Machine Could Not Be Deleted"), error->message, NULL);
      return;
    }
  deletion = g_new0 (Deletion, 1);
  deletion->library = g_object_ref (library);
  deletion->entry = g_steal_pointer (&entry);
  g_weak_ref_init (&deletion->window, window);

  /* Translators: %s is a machine's name */
  title = g_strdup_printf (_ ("“%s” deleted"), name);
  toast = adw_toast_new (title);
  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_timeout (toast, UNDO_SECONDS);
  adw_toast_set_priority (toast, ADW_TOAST_PRIORITY_HIGH);
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo), deletion, deletion_free, 0);
  viv_window_toast (window, toast);
}

/* -- Others -- */

void
viv_operation_open_folder (VivWindow *window, VivMachine *machine)
{
  g_autofree char *uri = g_filename_to_uri (viv_machine_get_folder (machine), NULL, NULL);

  if (uri)
    gtk_show_uri (GTK_WINDOW (window), uri, GDK_CURRENT_TIME);
}

void
viv_operation_settings (VivWindow *window, VivMachine *machine)
{
  GtkWidget *settings;

  if (!viv_machine_get_definition (machine))
    return;
  settings = viv_settings_window_new (machine);
  gtk_window_set_transient_for (GTK_WINDOW (settings), GTK_WINDOW (window));
  gtk_window_present (GTK_WINDOW (settings));
}

static const struct
{
  const char *state, *label, *class;
} states[] = {
  { "off", N_ ("Off"), "off" },
  { "starting", N_ ("Starting…"), "starting" },
  { "running", N_ ("Running"), "running" },
  { "paused", N_ ("Paused"), "paused" },
  { "crashed", N_ ("Crashed"), "crashed" },
  { "broken", N_ ("Unusable"), "crashed" },
  { "unresponsive", N_ ("Does Not Answer"), "crashed" },
};

const char *
viv_state_label (VivMachine *machine)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (states); i++)
    if (g_strcmp0 (states[i].state, viv_machine_get_state (machine)) == 0)
      return _ (states[i].label);
  return _ (states[0].label);
}

const char *
viv_state_class (VivMachine *machine)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (states); i++)
    if (g_strcmp0 (states[i].state, viv_machine_get_state (machine)) == 0)
      return states[i].class;
  return states[0].class;
}

const char *
viv_engine_label (const char *engine)
{
  if (g_strcmp0 (engine, "kvm") == 0)
    return _ ("hardware virtualisation");
  if (g_strcmp0 (engine, "soft") == 0 || g_strcmp0 (engine, "software") == 0)
    return _ ("software processor");
  if (g_strcmp0 (engine, "none") == 0)
    return _ ("no processor");
  return "";
}
