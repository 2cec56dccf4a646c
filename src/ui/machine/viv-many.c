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

typedef struct
{
  GWeakRef shell;
  const char *heading; /* translated */
  guint done, pending;
  GString *problems;
  void (*finish) (VivShell *shell, guint done);
} Batch;

static Batch *
batch_new (VivShell *shell, const char *heading)
{
  Batch *batch = g_new0 (Batch, 1);

  g_weak_ref_init (&batch->shell, shell);
  batch->heading = heading;
  batch->problems = g_string_new (NULL);
  batch->pending = 1; /* who fills it */
  return batch;
}

static void
batch_failed (Batch *batch, VivMachine *machine, const GError *error)
{
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
    batch->finish (shell, batch->done);
  if (shell && batch->problems->len)
    viv_show_error (GTK_WINDOW (shell), batch->heading, batch->problems->str, NULL);
  g_weak_ref_clear (&batch->shell);
  g_string_free (batch->problems, TRUE);
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
say_pressed (VivShell *shell, guint done)
{
  g_autofree char *text = g_strdup_printf (
      ngettext ("The power button of %u machine was pressed. The system decides what it does.",
                "The power buttons of %u machines were pressed. The systems decide what they do.", done),
      done);

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
  VivLibrary *library;
  GWeakRef shell;
  GStrv entries;
} Deletion;

/* The toast goes; the machines stay in the trash (VivTrashWindow) until the person empties it. */
static void
deletion_free (gpointer data, GClosure *closure)
{
  Deletion *deletion = data;

  g_object_unref (deletion->library);
  g_weak_ref_clear (&deletion->shell);
  g_strfreev (deletion->entries);
  g_free (deletion);
}

static void
on_undo (AdwToast *toast, Deletion *deletion)
{
  g_autoptr (VivShell) shell = g_weak_ref_get (&deletion->shell);
  g_autoptr (GString) problems = g_string_new (NULL);

  for (char **entry = deletion->entries; *entry; entry++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VivMachine) machine = viv_library_restore (deletion->library, *entry, &error);

      if (!machine)
        g_string_append_printf (problems, "%s%s", problems->len ? "\n" : "", error->message);
    }
  if (problems->len && shell)
    viv_show_error (GTK_WINDOW (shell), _ ("The Machine Could Not Be Restored"), problems->str, NULL);
}

static void
offer_undo (VivShell *shell, GStrv entries, char *title)
{
  g_autofree char *text = title;
  g_autofree char *escaped = g_markup_escape_text (text, -1);
  AdwToast *toast = adw_toast_new (escaped);
  Deletion *deletion = g_new0 (Deletion, 1);

  deletion->library = g_object_ref (viv_shell_get_library (shell));
  deletion->entries = entries;
  g_weak_ref_init (&deletion->shell, shell);
  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_timeout (toast, UNDO_SECONDS);
  adw_toast_set_priority (toast, ADW_TOAST_PRIORITY_HIGH);
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo), deletion, deletion_free, 0);
  viv_shell_toast (shell, toast);
}

void
viv_many_delete (VivShell *shell, GPtrArray *machines)
{
  g_autoptr (GPtrArray) held = g_ptr_array_copy (machines, (GCopyFunc)(GCallback)g_object_ref, NULL);
  g_autoptr (GStrvBuilder) entries = g_strv_builder_new ();
  g_autofree char *name = NULL;
  Batch *batch = batch_new (shell, held->len == 1 ? _ ("The Machine Could Not Be Deleted")
                                                  : _ ("Not All Machines Could Be Deleted"));
  guint done = 0;

  g_ptr_array_set_free_func (held, g_object_unref);
  for (guint i = 0; i < held->len; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *was = g_strdup (viv_machine_get_name (held->pdata[i]));
      g_autofree char *entry = viv_library_delete (viv_shell_get_library (shell), held->pdata[i], &error);

      if (!entry && held->len == 1)
        g_string_assign (batch->problems, error->message);
      else if (!entry)
        batch_failed (batch, held->pdata[i], error);
      else
        {
          g_strv_builder_add (entries, entry);
          g_free (name);
          name = g_steal_pointer (&was);
          done++;
        }
    }
  if (done)
    offer_undo (shell, g_strv_builder_end (entries),
                /* Translators: %s is a machine's name */
                done == 1
                    ? g_strdup_printf (_ ("“%s” deleted"), name)
                    : g_strdup_printf (ngettext ("%u machine deleted", "%u machines deleted", done), done));
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
