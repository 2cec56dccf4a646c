/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a person does to a machine.
 */
#define G_LOG_DOMAIN "viv-operations"

#include "config.h"

#include "ui/machine/viv-operations.h"

#include "ui/machine/viv-blame.h"
#include "ui/app/viv-dialogs.h"
#include "ui/settings/viv-settings-window.h"

#include <glib/gi18n.h>

#define LOG_LINES    60
#define UNDO_SECONDS 12
#define OFF_PATIENCE 20 /* seconds for a system to shut down */

/* One operation under way, and the shell that is told how it ended, if it is still there. */
typedef struct
{
  GWeakRef shell;
  VivMachine *machine;
  const char *heading; /* of the error; translated */
} Operation;

static Operation *
operation_new (VivShell *shell, VivMachine *machine, const char *heading)
{
  Operation *operation = g_new0 (Operation, 1);

  g_weak_ref_init (&operation->shell, shell);
  operation->machine = g_object_ref (machine);
  operation->heading = heading;
  return operation;
}

static void
operation_free (Operation *operation)
{
  g_weak_ref_clear (&operation->shell);
  g_object_unref (operation->machine);
  g_free (operation);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Operation, operation_free)

void
viv_operation_failed (VivShell *shell, VivMachine *machine, const char *heading, const GError *error)
{
  g_autofree char *log = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  log = viv_machine_log_tail (machine, LOG_LINES);
  viv_show_error (GTK_WINDOW (shell), heading, error->message, log);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Operation) operation = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&operation->shell);
  g_autoptr (GError) error = NULL;

  if (!viv_machine_finish (VIV_MACHINE (source), result, &error) && shell)
    viv_operation_failed (shell, operation->machine, operation->heading, error);
}

typedef struct
{
  VivMachine *machine;
  char *key;
} Blame;

static Blame *
blame_new (VivMachine *machine, const char *key)
{
  Blame *blame = g_new0 (Blame, 1);

  blame->machine = g_object_ref (machine);
  blame->key = g_strdup (key);
  return blame;
}

static void
blame_free (gpointer data)
{
  Blame *blame = data;

  g_object_unref (blame->machine);
  g_free (blame->key);
  g_free (blame);
}

static void
open_settings (gpointer owner, gpointer about)
{
  Blame *blame = about;

  viv_operation_settings_at (owner, blame->machine, blame->key);
}

static void
show_holder (gpointer owner, gpointer about)
{
  viv_shell_view (owner, about);
}

/* The machine that has the image which another wanted; NULL: it is not about that.  Transfer full. */
static VivMachine *
find_holder (VivShell *shell, VivMachine *machine, const char *key)
{
  GListModel *library = G_LIST_MODEL (viv_shell_get_host (shell));
  const MachineDefinition *definition = viv_machine_get_definition (machine);

  for (guint i = 0; library && definition && i < g_list_model_get_n_items (library); i++)
    {
      g_autoptr (VivMachine) other = g_list_model_get_item (library, i);
      const MachineDefinition *others = viv_machine_get_definition (other);

      if (other != machine && others && viv_machine_is_busy (other)
          && viv_blame_shares (definition, key, others))
        return g_steal_pointer (&other);
    }
  return NULL;
}

/* A setting is to blame more often than not: the way there is offered. */
static void
on_started (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Operation) operation = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&operation->shell);
  VivMachine *machine = operation->machine;
  const char *key = viv_machine_get_start_blame (machine);
  g_autoptr (GError) error = NULL;
  g_autofree char *log = NULL;
  g_autoptr (VivMachine) holder = NULL;

  if (viv_machine_finish (machine, result, &error) || !shell
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  log = viv_machine_log_tail (machine, LOG_LINES);
  holder = key ? find_holder (shell, machine, key) : NULL;
  if (holder)
    viv_show_error_with (GTK_WINDOW (shell), operation->heading, error->message, log,
                         _ ("_Show That Machine"), show_holder, shell, g_steal_pointer (&holder),
                         g_object_unref);
  else if (key)
    viv_show_error_with (GTK_WINDOW (shell), operation->heading, error->message, log, _ ("Open _Settings"),
                         open_settings, shell, blame_new (machine, key), blame_free);
  else
    viv_show_error (GTK_WINDOW (shell), operation->heading, error->message, log);
}

void
viv_operation_start (VivShell *shell, VivMachine *machine)
{
  if (!viv_machine_is_busy (machine))
    viv_machine_start (machine, NULL, NULL, on_started,
                       operation_new (shell, machine, _ ("The Machine Could Not Start")));
}

void
viv_operation_pause (VivShell *shell, VivMachine *machine)
{
  viv_machine_pause (machine, NULL, on_done,
                     operation_new (shell, machine, _ ("The Machine Could Not Be Paused")));
}

void
viv_operation_resume (VivShell *shell, VivMachine *machine)
{
  viv_machine_resume (machine, NULL, on_done,
                      operation_new (shell, machine, _ ("The Machine Could Not Go On")));
}

/* Nothing can be lost of a machine that has crashed: no question. */
void
viv_operation_switch_off (VivShell *shell, VivMachine *machine)
{
  viv_machine_force_off (machine, NULL, on_done,
                         operation_new (shell, machine, _ ("The Machine Could Not Be Switched Off")));
}

static void
on_off_for_restart (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Operation) operation = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&operation->shell);
  g_autoptr (GError) error = NULL;

  if (!shell)
    return;
  if (viv_machine_finish (VIV_MACHINE (source), result, &error))
    viv_operation_start (shell, operation->machine);
  else
    viv_operation_failed (shell, operation->machine, operation->heading, error);
}

void
viv_operation_restart (VivShell *shell, VivMachine *machine)
{
  if (viv_machine_is_live (machine))
    viv_machine_force_off (machine, NULL, on_off_for_restart,
                           operation_new (shell, machine, _ ("The Machine Could Not Be Switched Off")));
  else
    viv_operation_start (shell, machine);
}

/* Whoever pressed the power button is told if it did nothing. */
typedef struct
{
  GWeakRef shell, machine;
  pid_t pid;
} Wait;

static void
wait_free (gpointer data)
{
  Wait *wait = data;

  g_weak_ref_clear (&wait->shell);
  g_weak_ref_clear (&wait->machine);
  g_free (wait);
}

static void
wait_free_closure (gpointer data, GClosure *closure)
{
  wait_free (data);
}

static void
on_force_off_clicked (AdwToast *toast, Wait *wait)
{
  g_autoptr (VivShell) shell = g_weak_ref_get (&wait->shell);
  g_autoptr (VivMachine) machine = g_weak_ref_get (&wait->machine);

  if (shell && machine)
    viv_operation_force_off (shell, machine);
}

static Wait *
wait_new (VivShell *shell, VivMachine *machine)
{
  Wait *wait = g_new0 (Wait, 1);

  g_weak_ref_init (&wait->shell, shell);
  g_weak_ref_init (&wait->machine, machine);
  wait->pid = viv_machine_get_pid (machine);
  return wait;
}

void
viv_operation_still_on (VivShell *shell, VivMachine *machine)
{
  /* Translators: %s is a machine's name */
  g_autofree char *text = g_strdup_printf (_ ("“%s” does not shut down"), viv_machine_get_name (machine));
  g_autofree char *escaped = g_markup_escape_text (text, -1);
  AdwToast *toast = adw_toast_new (escaped);

  adw_toast_set_button_label (toast, _ ("_Force Off…"));
  adw_toast_set_timeout (toast, UNDO_SECONDS);
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_force_off_clicked),
                         wait_new (shell, machine), wait_free_closure, 0);
  viv_shell_toast (shell, toast);
}

static gboolean
on_patience (gpointer data)
{
  Wait *wait = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&wait->shell);
  g_autoptr (VivMachine) machine = g_weak_ref_get (&wait->machine);

  if (shell && machine && viv_machine_is_live (machine) && viv_machine_get_pid (machine) == wait->pid
      && g_str_equal (viv_machine_get_state (machine), "running"))
    viv_operation_still_on (shell, machine);
  return G_SOURCE_REMOVE;
}

/* A machine that is paused, or in its firmware, doesn't see the button, and that is what is then said. */
static void
on_power_pressed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Operation) operation = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&operation->shell);
  g_autoptr (GError) error = NULL;
  gboolean pressed = viv_machine_finish (VIV_MACHINE (source), result, &error);

  if (!shell)
    return;
  if (!pressed)
    {
      viv_operation_failed (shell, operation->machine, operation->heading, error);
      return;
    }
  viv_shell_message (shell, _ ("The power button was pressed. The system decides what it does."));
  g_timeout_add_seconds_full (G_PRIORITY_DEFAULT, OFF_PATIENCE, on_patience,
                              wait_new (shell, operation->machine), wait_free);
}

void
viv_operation_power_off (VivShell *shell, VivMachine *machine)
{
  viv_machine_power_down (machine, NULL, on_power_pressed,
                          operation_new (shell, machine, _ ("The Power Button Could Not Be Pressed")));
}

/* -- With a question -- */

static void
confirmed_reset (gpointer owner, gpointer about)
{
  viv_machine_reset (about, NULL, on_done,
                     operation_new (owner, about, _ ("The Machine Could Not Be Reset")));
}

static void
confirmed_force_off (gpointer owner, gpointer about)
{
  viv_machine_force_off (about, NULL, on_done,
                         operation_new (owner, about, _ ("The Machine Could Not Be Switched Off")));
}

static void
ask (VivShell *shell, VivMachine *machine, char *heading, const char *body, const char *accept,
     VivConfirmFunc func)
{
  g_autofree char *title = heading;

  viv_confirm (GTK_WINDOW (shell), title, body, accept, func, shell, g_object_ref (machine), g_object_unref);
}

void
viv_operation_reset (VivShell *shell, VivMachine *machine)
{
  /* Translators: %s is a machine's name */
  ask (shell, machine, g_strdup_printf (_ ("Reset “%s”?"), viv_machine_get_name (machine)),
       _ ("It restarts at once. What the system has not saved is lost."), _ ("_Reset"), confirmed_reset);
}

void
viv_operation_force_off (VivShell *shell, VivMachine *machine)
{
  if (!viv_machine_is_live (machine))
    return;
  /* Translators: %s is a machine's name */
  ask (shell, machine, g_strdup_printf (_ ("Force “%s” Off?"), viv_machine_get_name (machine)),
       _ ("This is like pulling the plug. What the system has not saved is lost."), _ ("_Force Off"),
       confirmed_force_off);
}

static char *
check_new_name (const char *text, gpointer owner, gpointer about)
{
  VivHost *host = viv_shell_get_host (owner);
  g_autoptr (GError) error = NULL;

  if (!definition_check_name (text, &error))
    return g_strdup (error->message);
  return viv_host_has_name (host, text, about) ? g_strdup (_ ("Another machine has this name.")) : NULL;
}

/* What is asked of a host outlasts the window that asked. */
typedef struct
{
  GWeakRef shell;
  VivMachine *machine;
} Asked;

static Asked *
asked_new (VivShell *shell, VivMachine *machine)
{
  Asked *asked = g_new0 (Asked, 1);

  g_weak_ref_init (&asked->shell, shell);
  asked->machine = g_object_ref (machine);
  return asked;
}

static void
asked_free (Asked *asked)
{
  g_weak_ref_clear (&asked->shell);
  g_object_unref (asked->machine);
  g_free (asked);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Asked, asked_free)

static void
on_renamed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Asked) asked = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&asked->shell);
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) renamed = viv_host_rename_finish (VIV_HOST (source), result, &error);

  if (!shell)
    return;
  if (!renamed)
    viv_show_error (GTK_WINDOW (shell), _ ("The Machine Could Not Be Renamed"), error->message, NULL);
  /* Renamed, it is another object: its folder has moved. */
  viv_shell_focus (shell, renamed ? renamed : asked->machine);
}

static void
accepted_new_name (const char *text, gpointer owner, gpointer about)
{
  viv_host_rename (viv_shell_get_host (owner), about, text, NULL, on_renamed, asked_new (owner, about));
}

void
viv_operation_rename (VivShell *shell, VivMachine *machine)
{
  viv_ask_text (GTK_WINDOW (shell), _ ("Rename Machine"), viv_machine_get_name (machine), _ ("_Rename"),
                check_new_name, accepted_new_name, shell, g_object_ref (machine), g_object_unref);
}

/* -- Others -- */

void
viv_operation_open_folder (VivShell *shell, VivMachine *machine)
{
  g_autofree char *uri = g_filename_to_uri (viv_machine_get_folder (machine), NULL, NULL);

  if (uri)
    gtk_show_uri (GTK_WINDOW (shell), uri, GDK_CURRENT_TIME);
}

void
viv_operation_open_window (VivShell *shell, VivMachine *machine)
{
  GtkApplication *application = gtk_window_get_application (GTK_WINDOW (shell));

  if (!application || !viv_machine_get_uuid (machine))
    return;
  /* Back to the library here: once is enough. */
  gtk_widget_activate_action (GTK_WIDGET (shell), "win.back", NULL);
  g_action_group_activate_action (G_ACTION_GROUP (application), "open-window",
                                  g_variant_new_string (viv_machine_get_uuid (machine)));
}

void
viv_operation_settings_at (VivShell *shell, VivMachine *machine, const char *key)
{
  GtkWidget *settings;

  if (!viv_machine_get_definition (machine))
    return;
  settings = viv_settings_window_new (machine);
  viv_present_over (GTK_WINDOW (settings), GTK_WINDOW (shell));
  if (key)
    viv_settings_window_show_key (VIV_SETTINGS_WINDOW (settings), key);
}

void
viv_operation_settings (VivShell *shell, VivMachine *machine)
{
  viv_operation_settings_at (shell, machine, NULL);
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
