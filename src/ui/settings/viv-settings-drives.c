/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The drives of a machine: what is in them, new ones, and taking them out.  Images are never removed here.
 */
#define G_LOG_DOMAIN "viv-settings-drives"

#include "config.h"

#include "machine/os-profile.h"
#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-look.h"
#include "ui/app/viv-rows.h"
#include "ui/settings/viv-settings-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define GIB          (1024.0 * 1024 * 1024)
#define MIB          (1024 * 1024ull)
#define DISK_DEFAULT 20
#define DISK_MAX     4096
#define FILES_MAX    1000

/* -- What can be in a drive -- */

static gboolean
is_used (const MachineDefinition *definition, const char *path)
{
  for (unsigned i = 0; definition_drive (definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (definition, i);
      g_autofree char *resolved = definition_resolve (definition, machine_device_text (drive, "path"));

      if (g_strcmp0 (resolved, path) == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
viv_settings_check_image (const MachineDefinition *definition, DriveKind kind, const char *path,
                          const MediaInfo *media, GError **error)
{
  g_autofree char *name = g_filename_display_basename (path);

  if (media->kind == MEDIA_FOREIGN)
    {
      /* Translators: a file, and the format of its image: “disk.qcow2” is a qcow2 image. */
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _ ("“%s” is a %s image, which can't be used yet. Convert it to a raw image first."), name,
                   media->format);
      return FALSE;
    }
  if (media->size == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("“%s” is empty"), name);
      return FALSE;
    }
  if (kind == DRIVE_DISK && is_used (definition, path))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, _ ("“%s” is in another drive of this machine"),
                   name);
      return FALSE;
    }
  return TRUE;
}

/* An image that is being looked at, and the setting that it is for. */
typedef struct
{
  GWeakRef window;
  DriveKind kind;
  char *key, *path;
} Looking;

static void
looking_free (Looking *looking)
{
  g_weak_ref_clear (&looking->window);
  g_free (looking->key);
  g_free (looking->path);
  g_free (looking);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Looking, looking_free)

static void
on_identified (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Looking) looking = data;
  g_autoptr (VivSettingsWindow) self = g_weak_ref_get (&looking->window);
  g_autoptr (GError) error = NULL;
  g_autoptr (MediaInfo) media = media_identify_finish (result, &error);

  /* Closed meanwhile: nobody wants it any more. */
  if (!self || !gtk_widget_get_visible (GTK_WIDGET (self)))
    return;
  if (!media || !viv_settings_check_image (self->definition, looking->kind, looking->path, media, &error))
    viv_settings_say (self, error->message);
  else
    {
      /* A path is bytes, a setting text. */
      g_autofree char *text = definition_path_to_text (looking->path);

      viv_settings_edit (self, &(VivChange){ looking->key, text }, 1);
    }
}

static void
use_image (VivSettingsWindow *self, DriveKind kind, const char *key, GFile *file)
{
  Looking *looking;
  g_autofree char *path = g_file_get_path (file);

  if (!path)
    {
      viv_settings_say (self, _ ("The image is not on this computer. Copy it here first."));
      return;
    }
  looking = g_new0 (Looking, 1);
  g_weak_ref_init (&looking->window, self);
  looking->kind = kind;
  looking->key = g_strdup (key);
  looking->path = g_strdup (path);
  media_identify_async (path, NULL, on_identified, looking);
}

/* -- New drives -- */

static void
on_disk_image (GFile *file, gpointer owner, gpointer about)
{
  use_image (owner, DRIVE_DISK, "disk+.path", file);
}

static void
action_add_image (GtkWidget *widget, const char *name, GVariant *parameter)
{
  viv_choose_image (GTK_WINDOW (widget), _ ("Choose a Disk Image"), on_disk_image, widget, NULL, NULL);
}

static void
action_add_drive (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivSettingsWindow *self = VIV_SETTINGS_WINDOW (widget);
  g_autofree char *key = g_strdup_printf ("%s+.path", g_variant_get_string (parameter, NULL));

  viv_settings_edit (self, &(VivChange){ key, "" }, 1);
}

/* A sparse file of its own in the machine's folder.  Returns its name there. */
static char *
make_disk (VivSettingsWindow *self, uint64_t size, GError **error)
{
  int code = EEXIST;

  for (unsigned i = 0; i < FILES_MAX && code == EEXIST; i++)
    {
      g_autofree char *file = g_strdup_printf ("disk%u.img", i);
      g_autofree char *path = g_build_filename (viv_machine_get_folder (self->machine), file, NULL);
      int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

      code = fd < 0 ? errno : 0;
      if (fd < 0)
        continue;
      code = ftruncate (fd, (off_t)size) == 0 ? 0 : errno;
      if (close (fd) != 0 && code == 0)
        code = errno;
      if (code == 0)
        return g_steal_pointer (&file);
      g_unlink (path);
    }
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("No disk could be made in %s: %s"),
               viv_machine_get_folder (self->machine), g_strerror (code));
  return NULL;
}

static void
on_new_disk (AdwMessageDialog *dialog, const char *response, VivSettingsWindow *self)
{
  GtkSpinButton *spin = g_object_get_data (G_OBJECT (dialog), "spin");
  /* Whole MiB: what partitioning tools expect. */
  uint64_t size = (uint64_t)(gtk_spin_button_get_value (spin) * 1024) * MIB;
  g_autofree char *file = NULL;
  g_autoptr (GError) error = NULL;

  if (!g_str_equal (response, "accept"))
    return;
  file = make_disk (self, size, &error);
  if (!file)
    viv_settings_say (self, error->message);
  else if (!viv_settings_edit (self, &(VivChange){ "disk+.path", file }, 1))
    {
      g_autofree char *path = g_build_filename (viv_machine_get_folder (self->machine), file, NULL);

      g_unlink (path);
    }
}

static void
action_new_disk (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivSettingsWindow *self = VIV_SETTINGS_WINDOW (widget);
  GtkWidget *spin = gtk_spin_button_new_with_range (0.1, DISK_MAX, 1);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  struct statvfs info;
  double space = statvfs (viv_machine_get_folder (self->machine), &info) == 0
                     ? (double)info.f_bavail * info.f_frsize
                     : 0;
  g_autofree char *left = g_format_size_full ((guint64)space, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *body
      = g_strdup_printf (_ ("%s are free. The disk takes only what is written to it."), left);
  AdwMessageDialog *dialog;

  gtk_spin_button_set_digits (GTK_SPIN_BUTTON (spin), 1);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), CLAMP (space / GIB, 0.1, DISK_DEFAULT));
  gtk_widget_set_hexpand (spin, TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (spin), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Size in GiB"),
                                  -1);
  g_object_set (gtk_editable_get_delegate (GTK_EDITABLE (spin)), "activates-default", TRUE, NULL);
  gtk_box_append (GTK_BOX (box), spin);
  gtk_box_append (GTK_BOX (box), gtk_label_new ("GiB"));
  dialog = viv_dialog_new (GTK_WINDOW (self), _ ("New Disk"), body, box, _ ("_Add"), ADW_RESPONSE_SUGGESTED);
  g_object_set_data (G_OBJECT (dialog), "spin", spin);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_new_disk), self, 0);
  viv_present_over (GTK_WINDOW (dialog), GTK_WINDOW (self));
  gtk_widget_grab_focus (spin);
}

/* -- One drive -- */

static void
set_drive (gpointer button, const MachineDevice *drive)
{
  g_object_set_data_full (button, "viv-drive", g_strdup (drive->id), g_free);
}

static const MachineDevice *
get_drive (VivSettingsWindow *self, gpointer button)
{
  return definition_find_drive (self->definition, g_object_get_data (button, "viv-drive"));
}

static void
on_drive_image (GFile *file, gpointer owner, gpointer about)
{
  VivSettingsWindow *self = owner;
  const MachineDevice *drive = definition_find_drive (self->definition, about);
  g_autofree char *key = g_strdup_printf ("%s.path", (const char *)about);

  if (drive)
    use_image (self, drive->kind->drive, key, file);
}

static void
on_choose (GtkButton *button, VivSettingsWindow *self)
{
  const MachineDevice *drive = get_drive (self, button);

  if (drive)
    viv_choose_image (GTK_WINDOW (self), _ ("Choose an Image"), on_drive_image, self, g_strdup (drive->id),
                      g_free);
}

static void
on_clear (GtkButton *button, VivSettingsWindow *self)
{
  const MachineDevice *drive = get_drive (self, button);
  g_autofree char *key = drive ? g_strdup_printf ("%s.path", drive->id) : NULL;
  g_autofree char *old = drive ? definition_path_to_text (machine_device_text (drive, "path")) : NULL;
  g_autofree char *file = drive && machine_device_text (drive, "path")
                              ? g_filename_display_basename (machine_device_text (drive, "path"))
                              : NULL;
  /* Translators: %s is a file */
  g_autofree char *title = file ? g_strdup_printf (_ ("“%s” taken out"), file) : NULL;

  if (title)
    viv_settings_remove (self, title, &(VivChange){ key, "" }, 1, &(VivChange){ key, old }, 1);
}

static const char *
kind_title (DriveKind kind)
{
  return kind == DRIVE_DISK ? _ ("Disk") : kind == DRIVE_CDROM ? _ ("CD Drive") : _ ("Floppy Drive");
}

static void
on_remove (GtkButton *button, VivSettingsWindow *self)
{
  const MachineDevice *drive = get_drive (self, button);
  g_autofree char *id = drive ? g_strdup (drive->id) : NULL;
  g_autofree char *title = NULL;
  g_autoptr (GPtrArray) undo = g_ptr_array_new_with_free_func (g_free);
  g_autofree VivChange *changes = NULL;

  if (!drive)
    return;
  title = g_strdup_printf (_ ("%s removed; its image stays"), kind_title (drive->kind->drive));
  for (const DefinitionKey *key = drive->kind->keys; key->name; key++)
    {
      g_autofree char *own = g_strdup_printf ("%s.%s", id, key->name);

      g_ptr_array_add (undo, g_strdup_printf ("%s+.%s", drive->kind->name, key->name));
      g_ptr_array_add (undo, definition_get (self->definition, own, NULL));
    }
  changes = g_new0 (VivChange, undo->len / 2);
  for (guint i = 0; i < undo->len / 2; i++)
    changes[i] = (VivChange){ undo->pdata[2 * i], undo->pdata[2 * i + 1] };
  viv_settings_remove (self, title, &(VivChange){ id, NULL }, 1, changes, undo->len / 2);
}

static GtkWidget *
make_button (VivSettingsWindow *self, const char *icon, const char *tooltip, const MachineDevice *drive,
             GCallback callback)
{
  GtkWidget *button = viv_row_button (icon, tooltip);

  set_drive (button, drive);
  g_signal_connect (button, "clicked", callback, self);
  return button;
}

static char *
describe (const MachineDevice *drive)
{
  if (!machine_device_text (drive, "path") || !*machine_device_text (drive, "path"))
    return g_strdup (_ ("Empty"));
  return g_filename_display_name (machine_device_text (drive, "path"));
}

static void
on_looked (GObject *source, GAsyncResult *result, gpointer data)
{
  GWeakRef *weak = data;
  g_autoptr (AdwActionRow) row = g_weak_ref_get (weak);
  g_autofree char *size = NULL;
  g_autofree char *text = NULL;
  const char *name;
  VivLook look;

  g_weak_ref_clear (weak);
  g_free (weak);
  if (!viv_look_finish (result, &look, NULL) || !row)
    return;
  name = g_object_get_data (G_OBJECT (row), "viv-image");
  size = g_format_size_full (look.size, G_FORMAT_SIZE_IEC_UNITS);
  text
      = look.exists ? g_strdup_printf ("%s · %s", name, size) : g_strdup_printf (_ ("%s is not there"), name);
  viv_row_set_subtitle (row, text);
  if (!look.exists)
    gtk_widget_add_css_class (GTK_WIDGET (row), "warning");
}

/* Its size, or that it is missing, is found on a thread: a server that is gone holds up nobody. */
static void
look_at_image (GtkWidget *row, const char *name, const char *path)
{
  GWeakRef *weak = g_new (GWeakRef, 1);

  g_weak_ref_init (weak, row);
  g_object_set_data_full (G_OBJECT (row), "viv-image", g_strdup (name), g_free);
  viv_look_async (path, NULL, on_looked, weak);
}

static void
add_drive (VivSettingsWindow *self, const MachineDevice *drive)
{
  static const char *const icons[]
      = { "drive-harddisk-symbolic", "drive-optical-symbolic", "media-floppy-symbolic" };
  GtkWidget *group = adw_preferences_group_new ();
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *resolved = definition_resolve (self->definition, machine_device_text (drive, "path"));
  g_autofree char *about = describe (drive);

  g_ptr_array_add (self->drive_groups, group);
  adw_preferences_page_add (self->drives_page, ADW_PREFERENCES_GROUP (group));
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), kind_title (drive->kind->drive));
  viv_row_set_subtitle (row, about);
  if (resolved)
    look_at_image (row, about, resolved);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), gtk_image_new_from_icon_name (icons[drive->kind->drive]));
  set_drive (row, drive);
  g_object_set_data (G_OBJECT (group), "viv-row", row);
  adw_action_row_add_suffix (
      ADW_ACTION_ROW (row),
      make_button (self, "document-open-symbolic", _ ("Choose an Image"), drive, G_CALLBACK (on_choose)));
  if (resolved && drive->kind->drive != DRIVE_DISK)
    adw_action_row_add_suffix (ADW_ACTION_ROW (row), make_button (self, "media-eject-symbolic", _ ("Eject"),
                                                                  drive, G_CALLBACK (on_clear)));
  adw_action_row_add_suffix (
      ADW_ACTION_ROW (row),
      make_button (self, "list-remove-symbolic", _ ("Remove the Drive"), drive, G_CALLBACK (on_remove)));
  adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), row);

  for (const DefinitionKey *key = drive->kind->keys; key->name; key++)
    {
      g_autofree char *id = g_strdup_printf ("%s.%s", drive->id, key->name);

      /* An optical disc is read-only whatever is said, and there is one format. */
      if (key->type != KEY_BOOL || drive->kind->drive == DRIVE_CDROM)
        continue;
      adw_preferences_group_add (ADW_PREFERENCES_GROUP (group),
                                 viv_settings_row (self, key, id,
                                                   g_str_equal (key->name, "readonly") ? _ ("Read Only")
                                                   : g_str_equal (key->name, "discard")
                                                       ? _ ("Throw Changes Away")
                                                       : key->name,
                                                   NULL));
    }
}

static GtkWidget *
make_add_button (void)
{
  static const struct
  {
    const char *label, *action, *target;
  } additions[] = { { N_ ("_New Disk…"), "settings.new-disk", NULL },
                    { N_ ("Disk _Image…"), "settings.add-image", NULL },
                    { N_ ("Empty _CD Drive"), "settings.add-drive", "cdrom" },
                    { N_ ("Empty _Floppy Drive"), "settings.add-drive", "floppy" } };
  GtkWidget *button = gtk_menu_button_new ();
  g_autoptr (GMenu) menu = g_menu_new ();

  for (guint i = 0; i < G_N_ELEMENTS (additions); i++)
    {
      g_autoptr (GMenuItem) item = g_menu_item_new (_ (additions[i].label), NULL);

      g_menu_item_set_action_and_target_value (
          item, additions[i].action, additions[i].target ? g_variant_new_string (additions[i].target) : NULL);
      g_menu_append_item (menu, item);
    }
  gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (button), G_MENU_MODEL (menu));
  gtk_menu_button_set_label (GTK_MENU_BUTTON (button), _ ("_Add a Drive"));
  gtk_menu_button_set_use_underline (GTK_MENU_BUTTON (button), TRUE);
  gtk_widget_set_halign (button, GTK_ALIGN_CENTER);
  return button;
}

/* Of a drive that is gone the rows go. */
static void
drop_rows (VivSettingsWindow *self)
{
  for (guint i = self->rows->len; i-- > 0;)
    {
      SettingsRow *row = self->rows->pdata[i];

      if (gtk_widget_is_ancestor (row->row, GTK_WIDGET (self->drives_page)))
        g_ptr_array_remove_index (self->rows, i);
    }
}

void
viv_settings_build_drives (VivSettingsWindow *self)
{
  g_autoptr (GString) shown = g_string_new ("");
  GtkWidget *group;

  for (unsigned i = 0; definition_drive (self->definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (self->definition, i);

      const char *path = machine_device_text (drive, "path");

      g_string_append_printf (shown, "%s\n%s\n", drive->id, path ? path : "");
    }
  if (g_strcmp0 (shown->str, self->drives_shown) == 0)
    return;
  g_free (self->drives_shown);
  self->drives_shown = g_string_free (g_steal_pointer (&shown), FALSE);

  drop_rows (self);
  for (guint i = 0; i < self->drive_groups->len; i++)
    adw_preferences_page_remove (self->drives_page, self->drive_groups->pdata[i]);
  g_ptr_array_set_size (self->drive_groups, 0);
  for (unsigned i = 0; definition_drive (self->definition, i) != NULL; i++)
    add_drive (self, definition_drive (self->definition, i));

  group = adw_preferences_group_new ();
  g_ptr_array_add (self->drive_groups, group);
  adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), make_add_button ());
  adw_preferences_page_add (self->drives_page, ADW_PREFERENCES_GROUP (group));
}

GtkWidget *
viv_settings_drive_row (VivSettingsWindow *self, const char *drive)
{
  for (guint i = 0; i < self->drive_groups->len; i++)
    {
      GtkWidget *row = g_object_get_data (self->drive_groups->pdata[i], "viv-row");

      if (row && g_strcmp0 (g_object_get_data (G_OBJECT (row), "viv-drive"), drive) == 0)
        return row;
    }
  return NULL;
}

void
viv_settings_install_drive_actions (GtkWidgetClass *widget_class)
{
  gtk_widget_class_install_action (widget_class, "settings.new-disk", NULL, action_new_disk);
  gtk_widget_class_install_action (widget_class, "settings.add-image", NULL, action_add_image);
  gtk_widget_class_install_action (widget_class, "settings.add-drive", "s", action_add_drive);
}
