/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Discs and floppies that are put into a machine's drives and taken out.
 */
#define G_LOG_DOMAIN "viv-media"

#include "config.h"

#include "ui/machine/viv-media.h"

#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-look.h"
#include "ui/machine/viv-operations.h"

#include <glib/gi18n.h>

#define FLOPPY_MAX (2880 * 1024)

typedef struct
{
  GWeakRef shell;
  VivMachine *machine;
  char *drive, *path; /* path NULL: ejects */
  gboolean readonly;
} Change;

static Change *
change_new (VivShell *shell, VivMachine *machine, const char *drive)
{
  Change *change = g_new0 (Change, 1);

  g_weak_ref_init (&change->shell, shell);
  change->machine = g_object_ref (machine);
  change->drive = g_strdup (drive);
  return change;
}

static void
change_free (gpointer data)
{
  Change *change = data;

  g_weak_ref_clear (&change->shell);
  g_object_unref (change->machine);
  g_free (change->drive);
  g_free (change->path);
  g_free (change);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Change, change_free)

static void on_changed (GObject *source, GAsyncResult *result, gpointer data);

static void
on_force (gpointer owner, gpointer about)
{
  Change *change = about;
  Change *again = change_new (owner, change->machine, change->drive);

  again->path = g_strdup (change->path);
  again->readonly = change->readonly;
  viv_machine_force_media (change->machine, change->drive, change->path, change->readonly, NULL, on_changed,
                           again);
}

static void
free_change (gpointer change)
{
  change_free (change);
}

/* The system in the machine was asked to let go of the disc, and may never do it. */
static void
offer_force (VivShell *shell, Change *change)
{
  viv_confirm (
      GTK_WINDOW (shell), _ ("The Drive Is Locked"),
      _ ("The system in the machine uses the disc, and was asked to release it. Eject it there and try "
         "again, or open the drive by force: what is being read from it fails."),
      _ ("_Open by Force"), on_force, shell, change, free_change);
}

static void
on_changed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Change) change = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&change->shell);
  g_autoptr (GError) error = NULL;

  if (viv_machine_finish (VIV_MACHINE (source), result, &error) || !shell)
    return;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PENDING))
    offer_force (shell, g_steal_pointer (&change));
  else
    viv_operation_failed (shell, change->machine, _ ("The Medium Could Not Be Changed"), error);
}

void
viv_media_change (VivShell *shell, VivMachine *machine, const char *drive, const char *path)
{
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  const MachineDevice *found = definition ? definition_find_drive (definition, drive) : NULL;
  gboolean readonly = !found || machine_device_flag (found, "readonly") || found->kind->drive == DRIVE_CDROM;

  Change *change = change_new (shell, machine, drive);

  change->path = g_strdup (path);
  change->readonly = readonly;
  viv_machine_change_media (machine, drive, path, readonly, NULL, on_changed, change);
}

static void
on_chosen (GFile *file, gpointer owner, gpointer about)
{
  g_autofree char *path = g_file_get_path (file);
  Change *change = about;

  if (path)
    viv_media_change (owner, change->machine, change->drive, path);
}

void
viv_media_choose (VivShell *shell, VivMachine *machine, const char *drive)
{
  /* Translators: %s is a machine's name; the title of a shell to choose a file in */
  g_autofree char *title = g_strdup_printf (_ ("Choose an Image for “%s”"), viv_machine_get_name (machine));

  viv_choose_image (GTK_WINDOW (shell), title, on_chosen, shell, change_new (shell, machine, drive),
                    change_free);
}

const MachineDevice *
viv_media_drive_for (VivMachine *machine, guint64 size)
{
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  DriveKind kind = size <= FLOPPY_MAX ? DRIVE_FLOPPY : DRIVE_CDROM;

  for (unsigned i = 0; definition && definition_drive (definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (definition, i);

      if (drive->kind->drive == kind)
        return drive;
    }
  return NULL;
}

static void
on_looked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Change) change = data;
  g_autoptr (VivShell) shell = g_weak_ref_get (&change->shell);
  const MachineDevice *drive;
  g_autofree char *id = NULL;
  VivLook look;

  if (!viv_look_finish (result, &look, NULL) || !shell)
    return;
  drive = look.regular ? viv_media_drive_for (change->machine, look.size) : NULL;
  id = drive ? g_strdup (drive->id) : NULL;
  if (id)
    viv_media_change (shell, change->machine, id, change->path);
  else
    viv_shell_message (shell, _ ("The machine has no drive for this image"));
}

void
viv_media_insert (VivShell *shell, VivMachine *machine, const char *path)
{
  Change *change = change_new (shell, machine, NULL);

  change->path = g_strdup (path);
  viv_look_async (path, NULL, on_looked, change);
}
