/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The making of a machine.
 */
#define G_LOG_DOMAIN "viv-creation"

#include "config.h"

#include "ui/create/viv-creation.h"

#include "machine/import.h"
#include "ui/app/viv-jobs.h"
#include "ui/machine/viv-operations.h"

#include <glib/gi18n.h>

#define TOAST_SECONDS 12

typedef struct
{
  VivHost *host;
  GWeakRef shell, owner;
  VivCreationDone done;
  MachineDefinition *definition;
  char *disk, *from, *file;
  uint64_t disk_size;
  gboolean start;
  VivJob *job;
  VivImport *import; /* once it is copied */
  GError *error;
} Making;

static void
making_free (Making *making)
{
  g_object_unref (making->host);
  g_weak_ref_clear (&making->shell);
  g_weak_ref_clear (&making->owner);
  definition_unref (making->definition);
  g_free (making->disk);
  g_free (making->from);
  g_free (making->file);
  g_object_unref (making->job);
  g_clear_pointer (&making->import, viv_import_free);
  g_clear_error (&making->error);
  g_free (making);
}

/* -- When it is there -- */

typedef struct
{
  GWeakRef shell;
  VivMachine *machine;
} Show;

static void
show_free (gpointer data, GClosure *closure)
{
  Show *show = data;

  g_weak_ref_clear (&show->shell);
  g_object_unref (show->machine);
  g_free (show);
}

static void
on_show (AdwToast *toast, Show *show)
{
  g_autoptr (VivShell) shell = g_weak_ref_get (&show->shell);

  if (shell)
    viv_shell_view (shell, show->machine);
}

/* What took a while doesn't take the person away from what they do by now. */
static void
tell (VivShell *shell, VivMachine *machine)
{
  /* Translators: %s is a machine's name */
  g_autofree char *text = g_strdup_printf (_ ("“%s” is ready"), viv_machine_get_name (machine));
  g_autofree char *escaped = g_markup_escape_text (text, -1);
  AdwToast *toast = adw_toast_new (escaped);
  Show *show = g_new0 (Show, 1);

  g_weak_ref_init (&show->shell, shell);
  show->machine = g_object_ref (machine);
  adw_toast_set_button_label (toast, _ ("_Show"));
  adw_toast_set_timeout (toast, TOAST_SECONDS);
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_show), show, show_free, 0);
  viv_shell_toast (shell, toast);
}

static void
finish (Making *making, VivMachine *machine, const GError *error)
{
  g_autoptr (VivShell) shell = g_weak_ref_get (&making->shell);
  g_autoptr (GObject) owner = g_weak_ref_get (&making->owner);

  viv_job_end (making->job, error);
  if (machine && shell)
    {
      if (making->from)
        tell (shell, machine);
      else
        viv_shell_view (shell, machine);
      if (making->start)
        viv_operation_start (shell, machine);
    }
  if (owner && making->done)
    {
      /* There it is seen. */
      if (error)
        viv_job_forget (making->job);
      making->done (owner, machine, error);
    }
  making_free (making);
}

static void
on_made (GObject *source, GAsyncResult *result, gpointer making)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) machine = viv_host_create_finish (VIV_HOST (source), result, &error);

  finish (making, machine, error);
}

static void
make_machine (Making *making)
{
  VivNewImage images[2];
  unsigned n = 0;

  if (making->import)
    images[n++] = (VivNewImage){ .file = making->file, .ready = viv_import_get_path (making->import) };
  if (making->disk)
    images[n++] = (VivNewImage){ .file = making->disk, .size = making->disk_size };
  /* From here on it is quick, and is not stopped half-way. */
  viv_host_create (making->host, making->definition, images, n, NULL, on_made, making);
}

/* -- The copy -- */

static gboolean
on_copied (gpointer data)
{
  Making *making = data;

  /* Stopped when it was just done: stopped. */
  if (making->import
      && !g_cancellable_set_error_if_cancelled (viv_job_get_cancellable (making->job), &making->error))
    make_machine (making);
  else
    finish (making, NULL, making->error);
  return G_SOURCE_REMOVE;
}

static void
on_progress (double fraction, gpointer job)
{
  viv_job_set_fraction (job, fraction);
}

static gpointer
copy (gpointer data)
{
  Making *making = data;

  making->import
      = viv_import_image (viv_host_get_folder (making->host), making->from,
                          viv_job_get_cancellable (making->job), on_progress, making->job, &making->error);
  g_idle_add_full (G_PRIORITY_DEFAULT, on_copied, making, NULL);
  return NULL;
}

void
viv_creation_begin (const VivCreation *creation, VivHost *host, VivShell *shell, gpointer owner,
                    VivCreationDone done)
{
  Making *making = g_new0 (Making, 1);
  /* Translators: %s is a machine's name */
  g_autofree char *title
      = g_strdup_printf (_ ("Creating “%s”"), definition_text (creation->definition, "machine.name"));

  making->host = g_object_ref (host);
  g_weak_ref_init (&making->shell, shell);
  g_weak_ref_init (&making->owner, owner);
  making->done = done;
  making->definition = creation->definition;
  making->disk = g_strdup (creation->disk);
  making->disk_size = creation->disk_size;
  making->from = g_strdup (creation->import);
  making->file = g_strdup (creation->import_file);
  making->start = creation->start;
  making->job = viv_job_begin (title);
  if (making->from)
    g_thread_unref (g_thread_new ("import", copy, making));
  else
    make_machine (making);
}
