/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tells of machines that had to stop, and shows the progress of those that are saved.
 */
#define G_LOG_DOMAIN "viv-watcher"

#include "config.h"

#include "ui/app/viv-watcher.h"

#include "ui/app/viv-jobs.h"
#include "ui/app/viv-shell.h"

#include <glib/gi18n.h>

/* A machine that pauses for ever new reasons does not fill the desktop: so many at once, and then one in so long. */
#define MOST_NOTIFICATIONS 8
#define NOTIFICATION_US    (5 * G_USEC_PER_SEC)

struct VivWatcher
{
  GtkApplication *application; /* has us */
  VivHost *host;
  GHashTable *told; /* of machine.uuid: the reason that was told */
  GPtrArray *machines;
  GHashTable *saving; /* of VivMachine: its VivJob */
  guint n_told;
  gint64 notified; /* µs: the notifications of late, each NOTIFICATION_US long */
};

static void
end_job (gpointer job)
{
  viv_job_end (job, NULL);
  g_object_unref (job);
}

static gboolean
may_notify (VivWatcher *self)
{
  gint64 now = g_get_monotonic_time ();
  gint64 next = MAX (self->notified, now - MOST_NOTIFICATIONS * NOTIFICATION_US) + NOTIFICATION_US;

  if (next > now)
    return FALSE;
  self->notified = next;
  return TRUE;
}

static void
tell (VivWatcher *self, VivMachine *machine, const char *reason)
{
  g_autofree char *title = g_strdup_printf (_ ("“%s” Is Paused"), viv_machine_get_name (machine));
  g_autoptr (GNotification) notification = g_notification_new (title);
  GtkWindow *window;

  self->n_told++;
  if (!self->application || !may_notify (self))
    return;
  g_notification_set_body (notification, reason);
  g_notification_set_priority (notification, G_NOTIFICATION_PRIORITY_HIGH);
  g_notification_set_default_action_and_target (notification, "app.view", "s",
                                                viv_machine_get_uuid (machine));
  g_application_send_notification (G_APPLICATION (self->application), viv_machine_get_uuid (machine),
                                   notification);
  window = gtk_application_get_active_window (self->application);
  if (window && !VIV_IS_SHELL (window))
    window = gtk_window_get_transient_for (window);
  if (window && VIV_IS_SHELL (window))
    {
      g_autofree char *text = g_strdup_printf ("%s: %s", viv_machine_get_name (machine), reason);

      viv_shell_message (VIV_SHELL (window), text);
    }
}

/* It is saved, by us, vivctl or whomever. */
static void
on_save_progress (VivMachine *machine, double fraction, VivWatcher *self)
{
  VivJob *job = g_hash_table_lookup (self->saving, machine);

  if (!job && fraction < 1)
    {
      /* Translators: %s is a machine's name */
      g_autofree char *title = g_strdup_printf (_ ("Saving “%s”"), viv_machine_get_name (machine));

      job = viv_job_begin (title);
      g_hash_table_insert (self->saving, machine, job);
    }
  if (job)
    viv_job_set_fraction (job, fraction);
  if (fraction >= 1)
    g_hash_table_remove (self->saving, machine);
}

static void
on_state (VivMachine *machine, VivWatcher *self)
{
  const char *uuid = viv_machine_get_uuid (machine), *reason = viv_machine_get_state_reason (machine);

  /* Broken off, with the monitor or by it: then it runs on. */
  if (!viv_machine_is_live (machine) || g_str_equal (viv_machine_get_state (machine), "running"))
    g_hash_table_remove (self->saving, machine);
  if (!uuid)
    return;
  if (!g_str_equal (viv_machine_get_state (machine), "paused") || !reason || !*reason)
    {
      if (g_hash_table_remove (self->told, uuid) && self->application)
        g_application_withdraw_notification (G_APPLICATION (self->application), uuid);
      return;
    }
  if (g_strcmp0 (g_hash_table_lookup (self->told, uuid), reason) == 0)
    return;
  g_hash_table_insert (self->told, g_strdup (uuid), g_strdup (reason));
  tell (self, machine, reason);
}

static void
let_go (VivWatcher *self)
{
  for (guint i = 0; i < self->machines->len; i++)
    g_signal_handlers_disconnect_by_data (self->machines->pdata[i], self);
  g_ptr_array_set_size (self->machines, 0);
}

static gboolean
is_not_in (gpointer machine, gpointer job, gpointer model)
{
  for (guint i = 0; i < g_list_model_get_n_items (model); i++)
    {
      g_autoptr (VivMachine) other = g_list_model_get_item (model, i);

      if (other == machine)
        return FALSE;
    }
  return TRUE;
}

static void
follow (VivWatcher *self)
{
  GListModel *model = G_LIST_MODEL (self->host);

  let_go (self);
  g_hash_table_foreach_remove (self->saving, is_not_in, model);
  for (guint i = 0; i < g_list_model_get_n_items (model); i++)
    {
      VivMachine *machine = g_list_model_get_item (model, i);

      g_ptr_array_add (self->machines, machine);
      g_signal_connect (machine, "state-changed", G_CALLBACK (on_state), self);
      g_signal_connect (machine, "save-progress", G_CALLBACK (on_save_progress), self);
    }
}

VivWatcher *
viv_watcher_new (GtkApplication *application, VivHost *host)
{
  VivWatcher *self = g_new0 (VivWatcher, 1);

  self->application = application;
  self->host = g_object_ref (host);
  self->told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->machines = g_ptr_array_new_with_free_func (g_object_unref);
  self->saving = g_hash_table_new_full (NULL, NULL, NULL, end_job);
  g_signal_connect_swapped (host, "items-changed", G_CALLBACK (follow), self);
  follow (self);
  return self;
}

void
viv_watcher_free (VivWatcher *self)
{
  g_signal_handlers_disconnect_by_data (self->host, self);
  let_go (self);
  g_ptr_array_unref (self->machines);
  g_hash_table_unref (self->told);
  g_hash_table_unref (self->saving);
  g_object_unref (self->host);
  g_free (self);
}

guint
viv_watcher_told (VivWatcher *self)
{
  return self->n_told;
}
