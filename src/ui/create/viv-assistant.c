/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The way to a new machine.
 */
#define G_LOG_DOMAIN "viv-assistant"

#include "config.h"

#include "ui/create/viv-assistant.h"

#include "machine/os-profile.h"
#include "machine/plan.h"
#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-rows.h"
#include "ui/create/viv-creation.h"
#include "ui/create/viv-found-images.h"
#include "ui/app/viv-os.h"
#include "ui/app/viv-shell.h"
#include "ui/app/viv-preferences.h"

#include <glib/gi18n.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB (1024.0 * 1024)
#define GIB (1024 * MIB)

struct _VivAssistant
{
  AdwWindow parent_instance;

  GtkWidget *cancel_button, *back_button, *create_button, *choose_button, *empty_button;
  GtkStack *stack;
  GtkWidget *problem;
  GtkLabel *problem_label;
  GtkWidget *medium_page;
  AdwPreferencesGroup *found_group;
  GtkWidget *medium_group;
  AdwActionRow *medium_row;
  GtkImage *medium_icon;
  GtkWidget *name_row;
  AdwComboRow *os_row;
  AdwActionRow *memory_row, *cpus_row, *disk_row;
  GtkSpinButton *memory, *cpus, *disk;
  GtkSwitch *disk_switch, *start_switch, *import_switch;
  GtkWidget *import_row;

  VivHost *host;
  MachineDefinition *definition;
  char *medium; /* path of the image; NULL: none */
  gboolean creating;
  GCancellable *looking; /* into an image; NULL: not */
  GCancellable *finding; /* images */
  char **profiles;       /* id, name, … as in os_row */
  gboolean setting;
};

G_DEFINE_FINAL_TYPE (VivAssistant, viv_assistant, ADW_TYPE_WINDOW)

/* -- Pages -- */

static void
show_problem (VivAssistant *self, const char *problem)
{
  g_autofree char *text = problem ? viv_sentence (problem) : NULL;

  gtk_widget_set_visible (self->problem, text != NULL);
  gtk_label_set_label (self->problem_label, text ? text : "");
  if (text)
    gtk_accessible_update_property (GTK_ACCESSIBLE (self->problem), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
}

static void
show_page (VivAssistant *self, const char *page)
{
  gboolean details = g_str_equal (page, "details");

  gtk_stack_set_visible_child_name (self->stack, page);
  gtk_widget_set_visible (self->cancel_button, !details);
  gtk_widget_set_visible (self->back_button, details);
  gtk_widget_set_visible (self->create_button, details);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "assistant.back", details);
  if (details)
    {
      gtk_widget_grab_focus (self->name_row);
      gtk_editable_select_region (GTK_EDITABLE (self->name_row), 0, -1);
    }
  else
    gtk_widget_grab_focus (self->choose_button);
}

/* -- Live checks -- */

static void
mark (gpointer row, const char *class, gboolean on)
{
  if (on)
    gtk_widget_add_css_class (row, class);
  else
    gtk_widget_remove_css_class (row, class);
}

static gboolean
check_name (VivAssistant *self)
{
  const char *name = gtk_editable_get_text (GTK_EDITABLE (self->name_row));
  g_autoptr (GError) error = NULL;
  const char *title = _ ("_Name");

  if (!definition_check_name (name, &error))
    title = *name ? _ ("_Name: one line of text, without a blank at either end")
                  : _ ("_Name: a machine needs one");
  else if (viv_host_has_name (self->host, name, NULL))
    title = _ ("_Name: another machine has this one");
  else
    {
      adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->name_row), title);
      mark (self->name_row, "error", FALSE);
      gtk_widget_set_tooltip_text (self->name_row, NULL);
      return TRUE;
    }
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self->name_row), title);
  gtk_widget_set_tooltip_text (self->name_row, error ? error->message : NULL);
  mark (self->name_row, "error", TRUE);
  return FALSE;
}

static double
host_memory (void)
{
  return (double)sysconf (_SC_PHYS_PAGES) * sysconf (_SC_PAGESIZE);
}

static double
free_space (VivAssistant *self)
{
  const char *folder = viv_host_get_folder (self->host);
  struct statvfs info;

  return folder && statvfs (folder, &info) == 0 ? (double)info.f_bavail * info.f_frsize : -1;
}

static void
check_sizes (VivAssistant *self)
{
  double memory = gtk_spin_button_get_value (self->memory) * MIB, host = host_memory ();
  double disk = gtk_spin_button_get_value (self->disk) * GIB, space = free_space (self);
  long processors = sysconf (_SC_NPROCESSORS_ONLN);
  g_autofree char *size = g_format_size_full (host, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *left = g_format_size_full (MAX (space, 0), G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *memory_note = g_strdup_printf (_ ("This computer has %s"), size);
  g_autofree char *cpus_note
      = g_strdup_printf (ngettext ("This computer has %ld", "This computer has %ld", processors), processors);
  g_autofree char *disk_note = space < 0 ? g_strdup ("")
                               : disk > space
                                   ? g_strdup_printf (_ ("Only %s are free: it can't be filled"), left)
                                   : g_strdup_printf (_ ("%s are free; it takes only what is written"), left);

  adw_action_row_set_subtitle (self->memory_row, memory_note);
  adw_action_row_set_subtitle (self->cpus_row, cpus_note);
  adw_action_row_set_subtitle (self->disk_row, disk_note);
  mark (self->memory_row, "warning", memory > host * 0.75);
  mark (self->cpus_row, "warning", gtk_spin_button_get_value (self->cpus) > processors);
  mark (self->disk_row, "warning", space >= 0 && disk > space);
}

static void
on_changed (VivAssistant *self)
{
  if (self->setting || !self->definition)
    return;
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "assistant.create", check_name (self) && !self->creating);
  check_sizes (self);
}

/* -- Proposals -- */

static void
select_os (VivAssistant *self, const char *id)
{
  for (guint i = 0; self->profiles && self->profiles[2 * i]; i++)
    if (g_strcmp0 (self->profiles[2 * i], id) == 0)
      adw_combo_row_set_selected (self->os_row, i);
}

/* The system's icon, why that is proposed, and what the system would rather have. */
static void
show_os (VivAssistant *self, const OsProfile *profile)
{
  const char *os = definition_text (self->definition, "machine.os");
  g_autofree char *lacks = g_strjoinv ("\n", profile->lacks);
  g_autofree char *why
      = g_str_equal (profile->id, "generic") ? g_strdup (_ ("Proposes what most systems know"))
        : g_strcmp0 (os, profile->id) == 0
            ? g_strdup_printf (_ ("Proposes what suits %s"), viv_os_name (profile->name))
            : g_strdup_printf (_ ("Recognised as %s: proposes what suits it"), os != NULL ? os : profile->id);
  g_autofree char *text = g_strconcat (why, *lacks != '\0' ? "\n" : "", lacks, NULL);

  adw_action_row_set_icon_name (ADW_ACTION_ROW (self->os_row), viv_os_icon (os));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->os_row), text);
}

static void
fill (VivAssistant *self, double disk_size)
{
  g_autoptr (OsProfile) profile = os_profile_lookup (definition_text (self->definition, "machine.os"));
  g_autofree char *name
      = viv_host_propose_name (self->host, definition_text (self->definition, "machine.name"));

  self->setting = TRUE;
  gtk_editable_set_text (GTK_EDITABLE (self->name_row), name);
  select_os (self, profile->id);
  show_os (self, profile);
  gtk_spin_button_set_value (self->memory, definition_number (self->definition, "machine.memory") / MIB);
  gtk_spin_button_set_value (self->cpus, definition_number (self->definition, "machine.cpus"));
  gtk_switch_set_active (self->disk_switch, disk_size > 0);
  gtk_spin_button_set_value (self->disk, (disk_size > 0       ? disk_size
                                          : profile->disk > 0 ? profile->disk
                                                              : 20 * GIB)
                                             / GIB);
  self->setting = FALSE;
  on_changed (self);
}

/* Another system than the one that was recognised: its proposals. */
static void
on_os_selected (VivAssistant *self)
{
  guint selected = adw_combo_row_get_selected (self->os_row);
  g_autoptr (OsProfile) profile = NULL;

  if (self->setting || !self->definition || selected == GTK_INVALID_LIST_POSITION)
    return;
  profile = os_profile_lookup (self->profiles[2 * selected]);
  plan_set_system (self->definition, self->profiles[2 * selected]);
  show_os (self, profile);
  self->setting = TRUE;
  gtk_spin_button_set_value (self->memory, profile->memory / MIB);
  gtk_spin_button_set_value (self->cpus, profile->cpus);
  if (gtk_widget_get_sensitive (GTK_WIDGET (self->disk_switch)))
    {
      gtk_switch_set_active (self->disk_switch, profile->disk > 0);
      if (profile->disk > 0)
        gtk_spin_button_set_value (self->disk, profile->disk / GIB);
    }
  self->setting = FALSE;
  on_changed (self);
}

static void
set_definition (VivAssistant *self, MachineDefinition *definition)
{
  g_clear_pointer (&self->definition, definition_unref);
  self->definition = definition;
}

static const char *
kind_label (const MediaInfo *media)
{
  switch (media->kind)
    {
    case MEDIA_ISO:
      return media->bootable ? _ ("Disc image") : _ ("Disc image that is not bootable");
    case MEDIA_FLOPPY:
      return _ ("Floppy image");
    case MEDIA_DISK:
      return _ ("Disk image");
    case MEDIA_KERNEL:
      return _ ("Kernel");
    case MEDIA_FOREIGN:
    case MEDIA_UNKNOWN:
      break;
    }
  return _ ("Nothing bootable was recognised in it");
}

static const char *
kind_icon (const MediaInfo *media)
{
  switch (media->kind)
    {
    case MEDIA_ISO:
      return "media-optical-symbolic";
    case MEDIA_FLOPPY:
      return "media-floppy-symbolic";
    case MEDIA_KERNEL:
      return "application-x-executable-symbolic";
    case MEDIA_DISK:
    case MEDIA_FOREIGN:
    case MEDIA_UNKNOWN:
      break;
    }
  return "drive-harddisk-symbolic";
}

static void
show_medium (VivAssistant *self, const MediaInfo *media, const char *path)
{
  g_autofree char *file = g_filename_display_basename (path);
  g_autofree char *size = g_format_size (media->size);
  g_autofree char *about = g_strdup_printf ("%s · %s · %s", file, kind_label (media), size);

  viv_row_set_title (self->medium_row, media->os_name                          ? media->os_name
                                       : media->volume_id && *media->volume_id ? media->volume_id
                                                                               : file);
  viv_row_set_subtitle (self->medium_row, about);
  gtk_image_set_from_icon_name (self->medium_icon,
                                media->os_id ? viv_os_icon (media->os_id) : kind_icon (media));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->os_row),
                               media->os_id ? _ ("Recognised by the image; proposes what suits it")
                                            : _ ("Not recognised: choose it for proposals that suit it"));
}

static gboolean
starts (const MediaInfo *media)
{
  return media->kind == MEDIA_KERNEL || (media->kind != MEDIA_UNKNOWN && media->bootable);
}

static void
stop_looking (VivAssistant *self)
{
  g_cancellable_cancel (self->looking);
  g_clear_object (&self->looking);
}

typedef struct
{
  VivAssistant *assistant;
  GCancellable *cancellable;
  char *path;
} Looking;

static void
on_identified (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Looking *looking = data;
  g_autoptr (VivAssistant) self = looking->assistant;
  g_autoptr (GCancellable) cancellable = looking->cancellable;
  g_autofree char *path = looking->path;
  g_autofree char *problem = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (MediaInfo) media = media_identify_finish (result, &error);
  uint64_t disk_size = 0;

  /* Another image was chosen meanwhile, or the window is gone. */
  if (self->looking != cancellable)
    return;
  g_clear_object (&self->looking);
  if (!media)
    {
      show_problem (self, error->message);
      return;
    }
  if (media->kind == MEDIA_FOREIGN)
    {
      g_autofree char *file = g_filename_display_basename (path);

      /* Translators: a file, and the format of its image: “disk.qcow2” is a qcow2 image. */
      problem = g_strdup_printf (
          _ ("“%s” is a %s image, which can't be used yet. Convert it to a raw image first."), file,
          media->format);
      show_problem (self, problem);
      return;
    }
  show_problem (self, NULL);
  set_definition (self, plan_for_medium (media, path, &disk_size));
  g_free (self->medium);
  self->medium = g_strdup (path);
  gtk_widget_set_visible (self->import_row, media->kind == MEDIA_DISK && viv_host_get_folder (self->host));
  show_medium (self, media, path);
  mark (self->medium_row, "warning", !starts (media));
  gtk_widget_set_visible (self->medium_group, TRUE);
  fill (self, disk_size);
  show_page (self, "details");
}

void
viv_assistant_set_image (VivAssistant *self, GFile *image)
{
  g_autofree char *path = g_file_get_path (image);
  Looking *looking;

  show_page (self, "medium");
  if (!path)
    {
      show_problem (self, _ ("The image is not on this computer. Copy it here first."));
      return;
    }
  stop_looking (self);
  self->looking = g_cancellable_new ();
  looking = g_new0 (Looking, 1);
  looking->assistant = g_object_ref (self);
  looking->cancellable = g_object_ref (self->looking);
  looking->path = g_strdup (path);
  media_identify_async (path, self->looking, on_identified, looking);
}

gboolean
viv_assistant_is_looking (VivAssistant *self)
{
  return self->looking != NULL;
}

/* -- Images that are at hand -- */

static void
on_found_activated (AdwActionRow *row, VivAssistant *self)
{
  g_autoptr (GFile) file = g_file_new_for_path (g_object_get_data (G_OBJECT (row), "viv-path"));

  viv_assistant_set_image (self, file);
}

static void
add_found (VivAssistant *self, const VivFoundImage *image)
{
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *file = g_filename_display_basename (image->path);
  g_autofree char *folder = g_path_get_dirname (image->path);
  g_autofree char *folder_name = g_filename_display_basename (folder);
  g_autofree char *size = g_format_size (image->size);
  g_autofree char *path = g_filename_display_name (image->path);
  g_autofree char *about = g_strdup_printf ("%s · %s", folder_name, size);

  viv_row_set_title (row, file);
  adw_action_row_set_title_lines (ADW_ACTION_ROW (row), 1);
  viv_row_set_subtitle (row, about);
  adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (row), 1);
  gtk_widget_set_tooltip_text (row, path);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row),
                             gtk_image_new_from_icon_name (g_str_has_suffix (image->path, ".iso")
                                                               ? "media-optical-symbolic"
                                                               : "drive-harddisk-symbolic"));
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), gtk_image_new_from_icon_name ("go-next-symbolic"));
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), TRUE);
  g_object_set_data_full (G_OBJECT (row), "viv-path", g_strdup (image->path), g_free);
  g_signal_connect (row, "activated", G_CALLBACK (on_found_activated), self);
  adw_preferences_group_add (self->found_group, row);
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer data)
{
  GWeakRef *weak = data;
  g_autoptr (VivAssistant) self = g_weak_ref_get (weak);
  g_autoptr (GPtrArray) images = viv_found_images_finish (result, NULL);

  g_weak_ref_clear (weak);
  g_free (weak);
  if (!images || !self || !self->finding || images->len == 0)
    return;
  for (guint i = 0; i < images->len; i++)
    add_found (self, images->pdata[i]);
  gtk_widget_set_visible (GTK_WIDGET (self->found_group), TRUE);
  /* The picture makes room for them. */
  gtk_widget_add_css_class (self->medium_page, "compact");
}

static void
find_images (VivAssistant *self)
{
  g_autolist (GtkRecentInfo) recent = gtk_recent_manager_get_items (gtk_recent_manager_get_default ());
  g_autoptr (GStrvBuilder) uris = g_strv_builder_new ();
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();
  g_autofree char *last = g_settings_get_string (viv_settings (), "image-folder");
  g_autofree char *last_path = *last ? g_filename_from_uri (last, NULL, NULL) : NULL;
  const char *downloads = g_get_user_special_dir (G_USER_DIRECTORY_DOWNLOAD);
  g_auto (GStrv) uri_list = NULL;
  g_auto (GStrv) folder_list = NULL;
  GWeakRef *weak = g_new (GWeakRef, 1);

  for (GList *l = recent; l; l = l->next)
    g_strv_builder_add (uris, gtk_recent_info_get_uri (l->data));
  if (downloads)
    g_strv_builder_add (folders, downloads);
  if (last_path)
    g_strv_builder_add (folders, last_path);
  uri_list = g_strv_builder_end (uris);
  folder_list = g_strv_builder_end (folders);
  self->finding = g_cancellable_new ();
  /* A folder on a server that is gone must not keep us. */
  g_weak_ref_init (weak, self);
  viv_found_images_async ((const char *const *)uri_list, (const char *const *)folder_list, self->finding,
                          on_found, weak);
}

static void
action_empty (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivAssistant *self = VIV_ASSISTANT (widget);
  MachineDefinition *definition = plan_empty (_ ("Machine"));
  g_autoptr (OsProfile) profile = os_profile_lookup (NULL);

  stop_looking (self);
  set_definition (self, definition);
  g_clear_pointer (&self->medium, g_free);
  gtk_widget_set_visible (self->import_row, FALSE);
  show_problem (self, NULL);
  gtk_widget_set_visible (self->medium_group, FALSE);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (self->os_row), _ ("Proposes what suits it"));
  fill (self, profile->disk > 0 ? profile->disk : 20 * GIB);
  show_page (self, "details");
}

static void
on_chosen (GFile *file, gpointer owner, gpointer about)
{
  viv_assistant_set_image (owner, file);
}

static void
action_choose (GtkWidget *widget, const char *name, GVariant *parameter)
{
  viv_choose_image (GTK_WINDOW (widget), _ ("Choose an Image"), on_chosen, widget, NULL, NULL);
}

static void
action_back (GtkWidget *widget, const char *name, GVariant *parameter)
{
  show_page (VIV_ASSISTANT (widget), "medium");
}

/* -- Create -- */

/* The new disk: the one that was proposed, or one more; gone if it is not wanted. */
static gboolean
prepare_disk (VivAssistant *self, VivCreation *creation)
{
  MachineDevice *drive = plan_new_disk (self->definition);

  if (!gtk_switch_get_active (self->disk_switch))
    {
      if (drive)
        {
          g_autofree char *id = g_strdup (drive->id);

          definition_remove (self->definition, id, NULL);
          plan_order (self->definition);
        }
      return TRUE;
    }
  if (!drive)
    drive = plan_add_new_disk (self->definition);
  if (!drive)
    return FALSE;
  creation->disk = machine_device_text (drive, "path");
  /* Whole MiB: what partitioning tools expect. */
  creation->disk_size = (uint64_t)(gtk_spin_button_get_value (self->disk) * 1024) * (uint64_t)MIB;
  return TRUE;
}

/* The disk that is to have a copy of the image, and the file that the copy becomes; its name is the image's. */
static char *
prepare_import (VivAssistant *self, MachineDefinition *definition, const char *taken)
{
  g_autofree char *base = g_path_get_basename (self->medium);
  g_autofree char *name = viv_folder_name (base);
  g_autofree char *file
      = g_strcmp0 (name, taken) == 0 ? g_strconcat ("copy of ", name, NULL) : g_strdup (name);

  for (unsigned i = 0; definition_drive (definition, i); i++)
    {
      MachineDevice *drive = definition_drive (definition, i);

      if (drive->kind->drive == DRIVE_DISK
          && g_strcmp0 (machine_device_text (drive, "path"), self->medium) == 0)
        {
          machine_device_put (drive, "path", file);
          return g_steal_pointer (&file);
        }
    }
  return NULL;
}

static void
show_failure (VivAssistant *self, const GError *error)
{
  viv_show_error (GTK_WINDOW (self), _ ("The Machine Could Not Be Created"), error ? error->message : "",
                  NULL);
}

static void
on_created (gpointer owner, VivMachine *machine, const GError *error)
{
  VivAssistant *self = owner;

  /* Closed meanwhile. */
  if (!self->host)
    return;
  if (machine)
    {
      gtk_window_destroy (GTK_WINDOW (self));
      return;
    }
  self->creating = FALSE;
  on_changed (self);
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    show_failure (self, error);
}

static gboolean
prepare (VivAssistant *self, VivCreation *creation, GError **error)
{
  g_autofree char *memory = g_strdup_printf ("%dM", gtk_spin_button_get_value_as_int (self->memory));
  g_autofree char *cpus = g_strdup_printf ("%d", gtk_spin_button_get_value_as_int (self->cpus));

  return definition_set (self->definition, "machine.name",
                         gtk_editable_get_text (GTK_EDITABLE (self->name_row)), error)
         && definition_set (self->definition, "machine.memory", memory, error)
         && definition_set (self->definition, "machine.cpus", cpus, error) && prepare_disk (self, creation);
}

static void
action_create (GtkWidget *widget, const char *action, GVariant *parameter)
{
  VivAssistant *self = VIV_ASSISTANT (widget);
  GtkWindow *parent = gtk_window_get_transient_for (GTK_WINDOW (self));
  gboolean import = gtk_widget_get_visible (self->import_row) && gtk_switch_get_active (self->import_switch);
  VivCreation creation = { .start = gtk_switch_get_active (self->start_switch) };
  g_autoptr (GError) error = NULL;
  g_autofree char *file = NULL;

  if (!self->definition || self->creating || !check_name (self))
    return;
  if (!prepare (self, &creation, &error))
    {
      show_failure (self, error);
      return;
    }
  /* A copy: what is wrong with this one can be mended here, and it tried again. */
  creation.definition = definition_copy (self->definition);
  file = import ? prepare_import (self, creation.definition, creation.disk) : NULL;
  creation.import = file ? self->medium : NULL;
  creation.import_file = file;
  g_settings_set_boolean (viv_settings (), "start-after-create", creation.start);
  /* Once is enough. */
  self->creating = TRUE;
  on_changed (self);
  viv_creation_begin (&creation, self->host, VIV_IS_SHELL (parent) ? VIV_SHELL (parent) : NULL,
                      file ? NULL : self, on_created);
  /* A copy takes as long as it takes: the library shows how far it is. */
  if (file)
    gtk_window_destroy (GTK_WINDOW (self));
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, VivAssistant *self)
{
  GSList *files = g_value_get_boxed (value);

  if (!files)
    return FALSE;
  viv_assistant_set_image (self, files->data);
  return TRUE;
}

static void
viv_assistant_dispose (GObject *object)
{
  VivAssistant *self = VIV_ASSISTANT (object);

  stop_looking (self);
  g_cancellable_cancel (self->finding);
  g_clear_object (&self->finding);
  g_clear_pointer (&self->definition, definition_unref);
  g_clear_pointer (&self->medium, g_free);
  g_clear_object (&self->host);
  g_clear_pointer (&self->profiles, g_strfreev);
  G_OBJECT_CLASS (viv_assistant_parent_class)->dispose (object);
}

static void
viv_assistant_class_init (VivAssistantClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_assistant_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/org/vivarium/Vivarium/viv-assistant.ui");
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, cancel_button);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, back_button);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, create_button);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, choose_button);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, empty_button);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, stack);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, problem);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, problem_label);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, medium_page);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, found_group);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, medium_group);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, medium_row);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, medium_icon);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, name_row);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, os_row);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, memory_row);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, cpus_row);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, disk_row);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, memory);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, cpus);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, disk);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, disk_switch);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, start_switch);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, import_switch);
  gtk_widget_class_bind_template_child (widget_class, VivAssistant, import_row);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_os_selected);
  gtk_widget_class_install_action (widget_class, "assistant.choose", NULL, action_choose);
  gtk_widget_class_install_action (widget_class, "assistant.empty", NULL, action_empty);
  gtk_widget_class_install_action (widget_class, "assistant.back", NULL, action_back);
  gtk_widget_class_install_action (widget_class, "assistant.create", NULL, action_create);
}

static void
viv_assistant_init (VivAssistant *self)
{
  GtkDropTarget *drop = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);
  g_autoptr (GtkStringList) names = gtk_string_list_new (NULL);
  GtkSpinButton **const spins[] = { &self->memory, &self->cpus, &self->disk };

  gtk_widget_init_template (GTK_WIDGET (self));
  for (unsigned i = 0; i < G_N_ELEMENTS (spins); i++)
    g_object_set (gtk_editable_get_delegate (GTK_EDITABLE (*spins[i])), "activates-default", TRUE, NULL);
  self->setting = TRUE;
  self->profiles = os_profile_list ();
  for (guint i = 0; self->profiles && self->profiles[i]; i += 2)
    gtk_string_list_append (names, viv_os_name (self->profiles[i + 1]));
  adw_combo_row_set_model (self->os_row, G_LIST_MODEL (names));
  viv_row_fit_choices (self->os_row);
  self->setting = FALSE;
  gtk_switch_set_active (self->start_switch, g_settings_get_boolean (viv_settings (), "start-after-create"));
  g_signal_connect (drop, "drop", G_CALLBACK (on_drop), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drop));
  show_page (self, "medium");
}

GtkWidget *
viv_assistant_new (VivHost *host)
{
  VivAssistant *self = g_object_new (VIV_TYPE_ASSISTANT, NULL);

  self->host = g_object_ref (host);
  find_images (self);
  return GTK_WIDGET (self);
}
