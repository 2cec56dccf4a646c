/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The devices of a machine on a page of its settings.
 */
#define G_LOG_DOMAIN "viv-device-groups"

#include "config.h"

#include "ui/settings/viv-device-groups.h"

#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-look.h"
#include "ui/app/viv-rows.h"
#include "ui/settings/viv-forward-rows.h"
#include "ui/settings/viv-key-row.h"
#include "ui/settings/viv-row-rules.h"
#include "ui/settings/viv-settings-texts.h"

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

struct _VivDeviceGroups
{
  GObject parent_instance;

  VivSettingsStore *store;
  AdwPreferencesPage *page; /* has us */
  char *name;
  GPtrArray *groups; /* GtkWidget *, the page's */
  GPtrArray *rows;   /* VivKeyRow * */
  char *shown;       /* what the groups were made from */
};

G_DEFINE_FINAL_TYPE (VivDeviceGroups, viv_device_groups, G_TYPE_OBJECT)

static const MachineDefinition *
definition_of (VivDeviceGroups *self)
{
  return viv_settings_store_get_definition (self->store);
}

/* NULL: closed. */
static GtkWindow *
window_of (VivDeviceGroups *self)
{
  GtkRoot *root = self->page ? gtk_widget_get_root (GTK_WIDGET (self->page)) : NULL;

  return GTK_IS_WINDOW (root) ? GTK_WINDOW (root) : NULL;
}

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
viv_device_groups_check_image (const MachineDefinition *definition, DriveKind kind, const char *path,
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
  GWeakRef groups;
  DriveKind kind;
  char *key, *path;
} Looking;

static void
looking_free (Looking *looking)
{
  g_weak_ref_clear (&looking->groups);
  g_free (looking->key);
  g_free (looking->path);
  g_free (looking);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Looking, looking_free)

static void
on_identified (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Looking) looking = data;
  g_autoptr (VivDeviceGroups) self = g_weak_ref_get (&looking->groups);
  g_autoptr (GError) error = NULL;
  g_autoptr (MediaInfo) media = media_identify_finish (result, &error);

  /* Closed meanwhile: nobody wants it any more. */
  if (!self || !window_of (self) || !gtk_widget_get_visible (GTK_WIDGET (window_of (self))))
    return;
  if (!media
      || !viv_device_groups_check_image (definition_of (self), looking->kind, looking->path, media, &error))
    viv_settings_store_say (self->store, error->message);
  else
    {
      /* A path is bytes, a setting text. */
      g_autofree char *text = definition_path_to_text (looking->path);

      viv_settings_store_edit (self->store, &(VivChange){ looking->key, text }, 1);
    }
}

static void
use_image (VivDeviceGroups *self, DriveKind kind, const char *key, GFile *file)
{
  Looking *looking;
  g_autofree char *path = g_file_get_path (file);

  if (!path)
    {
      viv_settings_store_say (self->store, _ ("The image is not on this computer. Copy it here first."));
      return;
    }
  looking = g_new0 (Looking, 1);
  g_weak_ref_init (&looking->groups, self);
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
action_add_image (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  viv_choose_image (window_of (data), _ ("Choose a Disk Image"), on_disk_image, data, NULL, NULL);
}

static void
action_add (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivDeviceGroups *self = data;
  g_autofree char *key = g_strdup_printf ("%s+", g_variant_get_string (parameter, NULL));

  viv_settings_store_edit (self->store, &(VivChange){ key, NULL }, 1);
}

/* A sparse file of its own in the machine's folder.  Returns its name there. */
static char *
make_disk (VivDeviceGroups *self, uint64_t size, GError **error)
{
  int code = EEXIST;

  for (unsigned i = 0; i < FILES_MAX && code == EEXIST; i++)
    {
      g_autofree char *file = g_strdup_printf ("disk%u.img", i);
      g_autofree char *path = g_build_filename (
          viv_machine_get_folder (viv_settings_store_get_machine (self->store)), file, NULL);
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
               viv_machine_get_folder (viv_settings_store_get_machine (self->store)), g_strerror (code));
  return NULL;
}

static void
on_new_disk (AdwMessageDialog *dialog, const char *response, VivDeviceGroups *self)
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
    viv_settings_store_say (self->store, error->message);
  else if (!viv_settings_store_edit (self->store, &(VivChange){ "disk+.path", file }, 1))
    {
      g_autofree char *path = g_build_filename (
          viv_machine_get_folder (viv_settings_store_get_machine (self->store)), file, NULL);

      g_unlink (path);
    }
}

static void
action_new_disk (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivDeviceGroups *self = data;
  GtkWidget *spin = gtk_spin_button_new_with_range (0.1, DISK_MAX, 1);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  struct statvfs info;
  double space = statvfs (viv_machine_get_folder (viv_settings_store_get_machine (self->store)), &info) == 0
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
  dialog = viv_dialog_new (window_of (self), _ ("New Disk"), body, box, _ ("_Add"), ADW_RESPONSE_SUGGESTED);
  g_object_set_data (G_OBJECT (dialog), "spin", spin);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_new_disk), self, 0);
  viv_present_over (GTK_WINDOW (dialog), window_of (self));
  gtk_widget_grab_focus (spin);
}

/* -- One device -- */

static void
set_device (gpointer widget, const MachineDevice *device)
{
  g_object_set_data_full (widget, "viv-device", g_strdup (device->id), g_free);
}

static const MachineDevice *
get_device (VivDeviceGroups *self, gpointer widget)
{
  return definition_find (definition_of (self), g_object_get_data (widget, "viv-device"));
}

static void
on_drive_image (GFile *file, gpointer owner, gpointer about)
{
  VivDeviceGroups *self = owner;
  const MachineDevice *drive = definition_find_drive (definition_of (self), about);
  g_autofree char *key = g_strdup_printf ("%s.path", (const char *)about);

  if (drive)
    use_image (self, drive->kind->drive, key, file);
}

static void
on_choose (GtkButton *button, VivDeviceGroups *self)
{
  const MachineDevice *drive = get_device (self, button);

  if (drive)
    viv_choose_image (window_of (self), _ ("Choose an Image"), on_drive_image, self, g_strdup (drive->id),
                      g_free);
}

static void
on_clear (GtkButton *button, VivDeviceGroups *self)
{
  const MachineDevice *drive = get_device (self, button);
  g_autofree char *key = drive ? g_strdup_printf ("%s.path", drive->id) : NULL;
  g_autofree char *old = drive ? definition_path_to_text (machine_device_text (drive, "path")) : NULL;
  g_autofree char *file = drive && machine_device_text (drive, "path")
                              ? g_filename_display_basename (machine_device_text (drive, "path"))
                              : NULL;
  /* Translators: %s is a file */
  g_autofree char *title = file ? g_strdup_printf (_ ("“%s” taken out"), file) : NULL;

  if (title)
    viv_settings_store_remove (self->store, title, &(VivChange){ key, "" }, 1, &(VivChange){ key, old }, 1);
}

/* A word, and with a number where there are several. */
static char *
device_title (VivDeviceGroups *self, const MachineDevice *device)
{
  const char *title = _ (viv_kind_text (device->kind).title);
  const MachineDefinition *definition = definition_of (self);
  guint n = 0;

  for (guint i = 0; i < definition->devices->len; i++)
    n += ((MachineDevice *)definition->devices->pdata[i])->kind == device->kind;
  return n > 1 ? g_strdup_printf ("%s %u", title, device->number + 1) : g_strdup (title);
}

static void
on_remove (GtkButton *button, VivDeviceGroups *self)
{
  const MachineDevice *device = get_device (self, button);
  g_autofree char *id = device ? g_strdup (device->id) : NULL;
  g_autofree char *title = NULL;
  g_autoptr (GPtrArray) undo = g_ptr_array_new_with_free_func (g_free);
  g_autofree VivChange *changes = NULL;

  if (!device)
    return;
  title = g_strdup_printf (device->kind->drive == DRIVE_NONE ? _ ("%s removed")
                                                             : _ ("%s removed; its image stays"),
                           _ (viv_kind_text (device->kind).title));
  for (const DefinitionKey *key = device->kind->keys; key->name; key++)
    {
      g_autofree char *own = g_strdup_printf ("%s.%s", id, key->name);

      g_ptr_array_add (undo, g_strdup_printf ("%s+.%s", device->kind->name, key->name));
      g_ptr_array_add (undo, definition_get ((MachineDefinition *)definition_of (self), own, NULL));
    }
  changes = g_new0 (VivChange, undo->len / 2);
  for (guint i = 0; i < undo->len / 2; i++)
    changes[i] = (VivChange){ undo->pdata[2 * i], undo->pdata[2 * i + 1] };
  viv_settings_store_remove (self->store, title, &(VivChange){ id, NULL }, 1, changes, undo->len / 2);
}

static GtkWidget *
make_button (VivDeviceGroups *self, const char *icon, const char *tooltip, const MachineDevice *drive,
             GCallback callback)
{
  GtkWidget *button = viv_row_button (icon, tooltip);

  set_device (button, drive);
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

/* What is in a drive, to be changed there. */
static GtkWidget *
make_image_row (VivDeviceGroups *self, const MachineDevice *drive)
{
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *resolved = definition_resolve (definition_of (self), machine_device_text (drive, "path"));
  g_autofree char *about = describe (drive);
  g_autofree char *title = device_title (self, drive);

  viv_row_set_title (row, title);
  viv_row_set_subtitle (row, about);
  if (resolved)
    look_at_image (row, about, resolved);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row),
                             gtk_image_new_from_icon_name (viv_kind_text (drive->kind).icon));
  set_device (row, drive);
  adw_action_row_add_suffix (
      ADW_ACTION_ROW (row),
      make_button (self, "document-open-symbolic", _ ("Choose an Image"), drive, G_CALLBACK (on_choose)));
  if (resolved && drive->kind->drive != DRIVE_DISK)
    adw_action_row_add_suffix (ADW_ACTION_ROW (row), make_button (self, "media-eject-symbolic", _ ("Eject"),
                                                                  drive, G_CALLBACK (on_clear)));
  adw_action_row_add_suffix (
      ADW_ACTION_ROW (row),
      make_button (self, "list-remove-symbolic", _ ("Remove the Drive"), drive, G_CALLBACK (on_remove)));
  return row;
}

/* Not where there is nothing to choose: the image has its own row, an optical disc is read-only whatever is said. */
static gboolean
has_row (const MachineDevice *device, const DefinitionKey *key)
{
  if (device->kind->drive != DRIVE_NONE && g_str_equal (key->name, "path"))
    return FALSE;
  if (device->kind->drive == DRIVE_CDROM && g_str_equal (key->name, "readonly"))
    return FALSE;
  return key->type != KEY_CHOICE || strchr (key->choices, '|');
}

static gboolean
on_store (VivKeyRow *row, const char *value, VivDeviceGroups *self)
{
  /* The row may go with what it changes. */
  g_autofree char *key = g_strdup (viv_key_row_get_key (row));

  if (!viv_row_is_live (key))
    return viv_settings_store_edit (self->store, &(VivChange){ key, value }, 1);
  viv_settings_store_set_now (self->store, key, value);
  return TRUE;
}

static void
show_row (VivDeviceGroups *self, VivKeyRow *row)
{
  viv_key_row_show (row, definition_of (self));
  gtk_widget_set_visible (viv_key_row_get_widget (row),
                          viv_row_counts (definition_of (self), viv_key_row_get_key (row)));
}

static void
add_device (VivDeviceGroups *self, const MachineDevice *device)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());
  GtkWidget *first = NULL;

  g_ptr_array_add (self->groups, group);
  adw_preferences_page_add (self->page, group);
  if (device->kind->drive != DRIVE_NONE)
    {
      first = make_image_row (self, device);
      adw_preferences_group_add (group, first);
    }
  else
    {
      g_autofree char *title = device_title (self, device);

      adw_preferences_group_set_title (group, title);
      if (device->number >= device->kind->present)
        adw_preferences_group_set_header_suffix (
            group, make_button (self, "list-remove-symbolic", _ ("Remove"), device, G_CALLBACK (on_remove)));
    }
  for (const DefinitionKey *key = device->kind->keys; key->name; key++)
    if (g_str_equal (device->kind->name, "net") && g_str_equal (key->name, "forward"))
      adw_preferences_group_add (group, viv_forward_rows_new (self->store, device->id));
    else if (has_row (device, key))
      {
        VivKeyRow *row = viv_key_row_new (key, device->id);

        g_signal_connect_object (row, "store", G_CALLBACK (on_store), self, 0);
        g_ptr_array_add (self->rows, g_object_ref (row));
        show_row (self, row);
        adw_preferences_group_add (group, viv_key_row_get_widget (row));
        first = first ? first : viv_key_row_get_widget (row);
      }
  if (first)
    {
      set_device (first, device);
      g_object_set_data (G_OBJECT (group), "viv-row", first);
    }
}

/* -- The page -- */

static guint
count (const MachineDefinition *definition, const DeviceKind *kind)
{
  guint n = 0;

  for (guint i = 0; i < definition->devices->len; i++)
    n += ((MachineDevice *)definition->devices->pdata[i])->kind == kind;
  return n;
}

static gboolean
is_here (VivDeviceGroups *self, const DeviceKind *kind)
{
  gboolean drives = g_strcmp0 (kind->page, VIV_DEVICES_DRIVES) == 0;

  return kind->most > kind->present && !kind->for_tests
         && drives == g_str_equal (self->name, VIV_DEVICES_DRIVES);
}

static void
add_item (VivDeviceGroups *self, GMenu *menu, const char *label, const char *name, const char *target)
{
  g_autofree char *action = g_strdup_printf ("%s.%s", self->name, name);
  g_autoptr (GMenuItem) item = g_menu_item_new (label, NULL);

  g_menu_item_set_action_and_target_value (item, action, target ? g_variant_new_string (target) : NULL);
  g_menu_append_item (menu, item);
}

/* What there can be one more of. */
static GtkWidget *
make_add_button (VivDeviceGroups *self)
{
  GtkWidget *button = gtk_menu_button_new ();
  g_autoptr (GMenu) menu = g_menu_new ();
  gboolean drives = FALSE;

  for (const DeviceKind *kind = device_kinds; kind->name; kind++)
    {
      if (!is_here (self, kind) || kind->for_tests || count (definition_of (self), kind) >= kind->most)
        continue;
      drives |= kind->drive != DRIVE_NONE;
      if (kind->drive == DRIVE_DISK)
        {
          add_item (self, menu, _ ("_New Disk…"), "new-disk", NULL);
          add_item (self, menu, _ ("Disk _Image…"), "add-image", NULL);
        }
      else
        add_item (self, menu, _ (viv_kind_text (kind).add), "add", kind->name);
    }
  gtk_menu_button_set_menu_model (GTK_MENU_BUTTON (button), G_MENU_MODEL (menu));
  gtk_menu_button_set_label (GTK_MENU_BUTTON (button), drives ? _ ("_Add a Drive") : _ ("_Add a Device"));
  gtk_menu_button_set_use_underline (GTK_MENU_BUTTON (button), TRUE);
  gtk_widget_set_halign (button, GTK_ALIGN_CENTER);
  gtk_widget_set_visible (button, g_menu_model_get_n_items (G_MENU_MODEL (menu)) > 0);
  return button;
}

/* What the groups look like depends on which devices there are, and which images are in them. */
static char *
summary (VivDeviceGroups *self)
{
  const MachineDefinition *definition = definition_of (self);
  g_autoptr (GString) text = g_string_new ("");

  for (guint i = 0; i < definition->devices->len; i++)
    {
      const MachineDevice *device = definition->devices->pdata[i];
      const char *path = device->kind->drive != DRIVE_NONE ? machine_device_text (device, "path") : NULL;

      if (is_here (self, device->kind))
        g_string_append_printf (text, "%s\n%s\n", device->id, path ? path : "");
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
drop_groups (VivDeviceGroups *self)
{
  viv_device_groups_retire (self);
  g_ptr_array_set_size (self->rows, 0);
  for (guint i = 0; i < self->groups->len; i++)
    adw_preferences_page_remove (self->page, self->groups->pdata[i]);
  g_ptr_array_set_size (self->groups, 0);
}

static void
update (VivDeviceGroups *self)
{
  const MachineDefinition *definition = definition_of (self);
  g_autofree char *shown = NULL;
  GtkWidget *group;

  if (!self->page)
    return;
  shown = summary (self);
  if (g_strcmp0 (shown, self->shown) == 0)
    {
      for (guint i = 0; i < self->rows->len; i++)
        show_row (self, self->rows->pdata[i]);
      return;
    }
  g_free (self->shown);
  self->shown = g_steal_pointer (&shown);
  drop_groups (self);
  for (guint i = 0; i < definition->devices->len; i++)
    {
      const MachineDevice *device = definition->devices->pdata[i];

      if (is_here (self, device->kind))
        add_device (self, device);
    }
  group = adw_preferences_group_new ();
  g_ptr_array_add (self->groups, group);
  adw_preferences_group_add (ADW_PREFERENCES_GROUP (group), make_add_button (self));
  adw_preferences_page_add (self->page, ADW_PREFERENCES_GROUP (group));
}

GtkWidget *
viv_device_groups_find (VivDeviceGroups *self, const char *id)
{
  for (guint i = 0; i < self->groups->len; i++)
    {
      GtkWidget *row = g_object_get_data (self->groups->pdata[i], "viv-row");

      if (row && g_strcmp0 (g_object_get_data (G_OBJECT (row), "viv-device"), id) == 0)
        return row;
    }
  return NULL;
}

GPtrArray *
viv_device_groups_get_rows (VivDeviceGroups *self)
{
  return self->rows;
}

void
viv_device_groups_retire (VivDeviceGroups *self)
{
  for (guint i = 0; i < self->rows->len; i++)
    viv_key_row_retire (self->rows->pdata[i]);
}

/* -- Object -- */

static void
viv_device_groups_finalize (GObject *object)
{
  VivDeviceGroups *self = VIV_DEVICE_GROUPS (object);

  g_clear_weak_pointer (&self->page);
  g_object_unref (self->store);
  g_free (self->name);
  g_free (self->shown);
  g_ptr_array_unref (self->groups);
  g_ptr_array_unref (self->rows);
  G_OBJECT_CLASS (viv_device_groups_parent_class)->finalize (object);
}

static void
viv_device_groups_class_init (VivDeviceGroupsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = viv_device_groups_finalize;
}

static void
viv_device_groups_init (VivDeviceGroups *self)
{
  self->groups = g_ptr_array_new ();
  self->rows = g_ptr_array_new_with_free_func (g_object_unref);
}

VivDeviceGroups *
viv_device_groups_new (VivSettingsStore *store, AdwPreferencesPage *page, const char *name)
{
  static const GActionEntry entries[] = { { .name = "new-disk", .activate = action_new_disk },
                                          { .name = "add-image", .activate = action_add_image },
                                          { .name = "add", .activate = action_add, .parameter_type = "s" } };
  VivDeviceGroups *self = g_object_new (VIV_TYPE_DEVICE_GROUPS, NULL);
  g_autoptr (GSimpleActionGroup) actions = g_simple_action_group_new ();

  self->store = g_object_ref (store);
  g_set_weak_pointer (&self->page, page);
  self->name = g_strdup (name);
  g_action_map_add_action_entries (G_ACTION_MAP (actions), entries, G_N_ELEMENTS (entries), self);
  gtk_widget_insert_action_group (GTK_WIDGET (page), name, G_ACTION_GROUP (actions));
  g_signal_connect_object (store, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  update (self);
  return self;
}
