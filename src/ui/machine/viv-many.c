/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a person does to several machines at once.
 */
#define G_LOG_DOMAIN "viv-many"

#include "config.h"

#include "ui/machine/viv-many.h"

#include "machine/edit.h"
#include "machine/tags.h"
#include "ui/app/viv-dialogs.h"
#include "ui/machine/viv-operations.h"

#include <glib/gi18n.h>

#define UNDO_SECONDS 12

/* -- What can be done -- */

static gboolean
can_start (VivMachine *machine)
{
  return !viv_machine_is_busy (machine) && !g_str_equal (viv_machine_get_state (machine), "broken");
}

static gboolean
is_running (VivMachine *machine)
{
  return viv_machine_is_live (machine) && g_str_equal (viv_machine_get_state (machine), "running");
}

static gboolean
any (GPtrArray *machines, gboolean (*is) (VivMachine *machine))
{
  for (guint i = 0; i < machines->len; i++)
    if (is (machines->pdata[i]))
      return TRUE;
  return FALSE;
}

gboolean
viv_many_can_start (GPtrArray *machines)
{
  return any (machines, can_start);
}

gboolean
viv_many_can_power_off (GPtrArray *machines)
{
  return any (machines, is_running);
}

gboolean
viv_many_can_delete (GPtrArray *machines)
{
  return machines->len > 0 && !any (machines, viv_machine_is_busy);
}

/* -- What went wrong with whom -- */

typedef struct Batch
{
  GWeakRef shell;
  const char *heading; /* translated */
  guint done, pending;
  GString *problems;
  gboolean single; /* one machine: there is no need to say which */
  void (*finish) (struct Batch *batch, VivShell *shell);
  /* Of those that were deleted. */
  GStrvBuilder *entries;
  char *name;
} Batch;

static Batch *
batch_new (VivShell *shell, const char *heading)
{
  Batch *batch = g_new0 (Batch, 1);

  g_weak_ref_init (&batch->shell, shell);
  batch->heading = heading;
  batch->problems = g_string_new (NULL);
  batch->entries = g_strv_builder_new ();
  batch->pending = 1; /* who fills it */
  return batch;
}

static void
batch_failed (Batch *batch, VivMachine *machine, const GError *error)
{
  if (batch->single)
    {
      g_string_assign (batch->problems, error->message);
      return;
    }
  /* Translators: a machine's name, and what is wrong with it */
  g_autofree char *line = g_strdup_printf (_ ("“%s”: %s"), viv_machine_get_name (machine), error->message);

  g_string_append_printf (batch->problems, "%s%s", batch->problems->len ? "\n" : "", line);
}

/* The last one says what there is to say. */
static void
batch_end (Batch *batch)
{
  g_autoptr (VivShell) shell = NULL;

  if (--batch->pending)
    return;
  shell = g_weak_ref_get (&batch->shell);
  if (shell && batch->done && batch->finish)
    batch->finish (batch, shell);
  if (shell && batch->problems->len)
    viv_show_error (GTK_WINDOW (shell), batch->heading, batch->problems->str, NULL);
  g_weak_ref_clear (&batch->shell);
  g_string_free (batch->problems, TRUE);
  g_strv_builder_unref (batch->entries);
  g_free (batch->name);
  g_free (batch);
}

static void
on_one_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Batch *batch = data;
  g_autoptr (GError) error = NULL;

  if (viv_machine_finish (VIV_MACHINE (source), result, &error))
    batch->done++;
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    batch_failed (batch, VIV_MACHINE (source), error);
  batch_end (batch);
}

/* -- Start and shut down -- */

void
viv_many_start (VivShell *shell, GPtrArray *machines)
{
  Batch *batch;

  if (machines->len == 1)
    {
      viv_operation_start (shell, machines->pdata[0]);
      return;
    }
  batch = batch_new (shell, _ ("Not All Machines Could Start"));
  for (guint i = 0; i < machines->len; i++)
    if (can_start (machines->pdata[i]))
      {
        batch->pending++;
        viv_machine_start (machines->pdata[i], NULL, NULL, on_one_done, batch);
      }
  batch_end (batch);
}

static void
say_pressed (Batch *batch, VivShell *shell)
{
  g_autofree char *text = g_strdup_printf (
      ngettext ("The power button of %u machine was pressed. The system decides what it does.",
                "The power buttons of %u machines were pressed. The systems decide what they do.",
                batch->done),
      batch->done);

  viv_shell_message (shell, text);
}

void
viv_many_power_off (VivShell *shell, GPtrArray *machines)
{
  Batch *batch;

  if (machines->len == 1)
    {
      viv_operation_power_off (shell, machines->pdata[0]);
      return;
    }
  batch = batch_new (shell, _ ("Not All Power Buttons Could Be Pressed"));
  batch->finish = say_pressed;
  for (guint i = 0; i < machines->len; i++)
    if (is_running (machines->pdata[i]))
      {
        batch->pending++;
        viv_machine_power_down (machines->pdata[i], NULL, on_one_done, batch);
      }
  batch_end (batch);
}

/* -- Delete and undo -- */

typedef struct
{
  VivHost *host;
  GWeakRef shell;
  GStrv entries;
} Deletion;

/* The toast goes; the machines stay in the trash (VivTrashWindow) until the person empties it. */
static void
deletion_free (gpointer data, GClosure *closure)
{
  Deletion *deletion = data;

  g_object_unref (deletion->host);
  g_weak_ref_clear (&deletion->shell);
  g_strfreev (deletion->entries);
  g_free (deletion);
}

static void
on_restored (GObject *source, GAsyncResult *result, gpointer data)
{
  Batch *batch = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) machine = viv_host_restore_finish (VIV_HOST (source), result, &error);

  if (machine)
    batch->done++;
  else
    g_string_append_printf (batch->problems, "%s%s", batch->problems->len ? "\n" : "", error->message);
  batch_end (batch);
}

static void
on_undo (AdwToast *toast, Deletion *deletion)
{
  g_autoptr (VivShell) shell = g_weak_ref_get (&deletion->shell);
  Batch *batch = batch_new (shell, _ ("The Machine Could Not Be Restored"));

  for (char **entry = deletion->entries; *entry; entry++)
    {
      batch->pending++;
      viv_host_restore (deletion->host, *entry, NULL, on_restored, batch);
    }
  batch_end (batch);
}

static void
offer_undo (Batch *batch, VivShell *shell)
{
  /* Translators: %s is a machine's name */
  g_autofree char *text
      = batch->done == 1
            ? g_strdup_printf (_ ("“%s” deleted"), batch->name)
            : g_strdup_printf (ngettext ("%u machine deleted", "%u machines deleted", batch->done),
                               batch->done);
  g_autofree char *escaped = g_markup_escape_text (text, -1);
  AdwToast *toast = adw_toast_new (escaped);
  Deletion *deletion = g_new0 (Deletion, 1);

  deletion->host = g_object_ref (viv_shell_get_host (shell));
  deletion->entries = g_strv_builder_end (batch->entries);
  g_weak_ref_init (&deletion->shell, shell);
  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_timeout (toast, UNDO_SECONDS);
  adw_toast_set_priority (toast, ADW_TOAST_PRIORITY_HIGH);
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo), deletion, deletion_free, 0);
  viv_shell_toast (shell, toast);
}

typedef struct
{
  Batch *batch;
  VivMachine *machine;
} Doomed;

static void
on_trashed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Doomed *doomed = data;
  Batch *batch = doomed->batch;
  g_autoptr (VivMachine) machine = doomed->machine;
  g_autoptr (GError) error = NULL;
  g_autofree char *entry = viv_host_trash_finish (VIV_HOST (source), result, &error);

  if (entry)
    {
      g_strv_builder_add (batch->entries, entry);
      g_free (batch->name);
      batch->name = g_strdup (viv_machine_get_name (machine));
      batch->done++;
    }
  else
    batch_failed (batch, machine, error);
  batch_end (batch);
}

void
viv_many_delete (VivShell *shell, GPtrArray *machines)
{
  Batch *batch = batch_new (shell, machines->len == 1 ? _ ("The Machine Could Not Be Deleted")
                                                      : _ ("Not All Machines Could Be Deleted"));

  batch->single = machines->len == 1;
  batch->finish = offer_undo;
  for (guint i = 0; i < machines->len; i++)
    {
      Doomed *doomed = g_new (Doomed, 1);

      *doomed = (Doomed){ batch, g_object_ref (machines->pdata[i]) };
      batch->pending++;
      viv_host_trash (viv_shell_get_host (shell), machines->pdata[i], NULL, on_trashed, doomed);
    }
  batch_end (batch);
}

/* -- Tags -- */

void
viv_many_tag (VivShell *shell, GPtrArray *machines, const char *const *add, const char *const *remove)
{
  Batch *batch = batch_new (shell, _ ("The Tags Could Not Be Changed"));

  for (guint i = 0; i < machines->len; i++)
    {
      const MachineDefinition *definition = viv_machine_get_definition (machines->pdata[i]);
      const char *old = definition ? definition_text (definition, "machine.tags") : NULL;
      g_autofree char *tags = tags_change (old, add, remove);
      g_autoptr (GError) error = NULL;

      if (definition && g_strcmp0 (old ? old : "", tags) != 0
          && !viv_machine_edit (machines->pdata[i], &(VivChange){ "machine.tags", tags }, 1, &error))
        batch_failed (batch, machines->pdata[i], error);
    }
  batch_end (batch);
}
