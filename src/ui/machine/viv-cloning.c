/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A copy of a machine, as a job.
 */
#define G_LOG_DOMAIN "viv-cloning"

#include "config.h"

#include "ui/machine/viv-cloning.h"

#include "machine/clone.h"
#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-jobs.h"

#include <glib/gi18n.h>

typedef struct
{
  GWeakRef shell; /* the window that asked, which the job outlasts */
  char *machines, *name;
  MachineDefinition *definition;
  VivClone *clone;
} Cloning;

static void
cloning_free (gpointer data)
{
  Cloning *cloning = data;

  g_weak_ref_clear (&cloning->shell);
  g_free (cloning->machines);
  g_free (cloning->name);
  g_clear_pointer (&cloning->definition, definition_unref);
  g_clear_pointer (&cloning->clone, viv_clone_free);
  g_free (cloning);
}

static void
tell (Cloning *cloning, VivMachine *machine, const GError *error)
{
  g_autoptr (VivShell) shell = g_weak_ref_get (&cloning->shell);

  if (!shell || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (error)
    {
      viv_show_error (GTK_WINDOW (shell), _ ("The Machine Could Not Be Cloned"), error->message, NULL);
      return;
    }
  /* Translators: %s is a machine's name */
  g_autofree char *text = g_strdup_printf (_ ("“%s” is ready"), viv_machine_get_name (machine));
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  viv_shell_toast (shell, adw_toast_new (escaped));
}

static void
on_made (GObject *source, GAsyncResult *result, gpointer cloning)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) machine = viv_host_create_finish (VIV_HOST (source), result, &error);

  tell (cloning, machine, error);
  cloning_free (cloning);
}

/* The data of a job goes with it; what is made of the copies needs them a moment longer. */
static void
on_copied (gpointer host, gpointer data, const GError *error)
{
  Cloning *cloning = data, *rest;
  const VivNewImage *images;
  unsigned n;

  /* It stays with the job, which the library's header shows. */
  if (error)
    return;
  rest = g_new0 (Cloning, 1);
  g_autoptr (VivShell) shell = g_weak_ref_get (&cloning->shell);
  g_weak_ref_init (&rest->shell, shell);
  rest->clone = g_steal_pointer (&cloning->clone);
  images = viv_clone_images (rest->clone, &n);
  viv_host_create (host, viv_clone_definition (rest->clone), images, n, NULL, on_made, rest);
}

static void
on_progress (double fraction, gpointer job)
{
  viv_job_set_fraction (job, fraction);
}

static gboolean
copy (VivJob *job, gpointer data, GError **error)
{
  Cloning *cloning = data;

  cloning->clone = viv_clone_new (cloning->machines, cloning->definition, cloning->name, FALSE, error);
  return cloning->clone != NULL
         && viv_clone_copy (cloning->clone, viv_job_get_cancellable (job), on_progress, job, error);
}

static char *
check_name (const char *text, gpointer shell, gpointer machine)
{
  g_autoptr (GError) error = NULL;

  return viv_host_check_name (viv_shell_get_host (shell), text, NULL, &error) ? NULL
                                                                              : g_strdup (error->message);
}

static void
accepted_name (const char *text, gpointer shell, gpointer machine)
{
  VivHost *host = viv_shell_get_host (shell);
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  /* Translators: %s is a machine's name */
  g_autofree char *title = g_strdup_printf (_ ("Cloning “%s”"), viv_machine_get_name (machine));
  Cloning *cloning;

  if (!definition || !viv_host_get_folder (host))
    return;
  cloning = g_new0 (Cloning, 1);
  g_weak_ref_init (&cloning->shell, shell);
  cloning->machines = g_strdup (viv_host_get_folder (host));
  cloning->name = g_strdup (text);
  cloning->definition = definition_copy (definition);
  viv_job_run (title, copy, cloning, cloning_free, host, on_copied);
}

void
viv_operation_clone (VivShell *shell, VivMachine *machine)
{
  g_autofree char *name = viv_host_propose_name (viv_shell_get_host (shell), viv_machine_get_name (machine));

  viv_ask_text (GTK_WINDOW (shell), _ ("Clone Machine"), name, _ ("_Clone"), check_name, accepted_name, shell,
                g_object_ref (machine), g_object_unref);
}
