/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The settings of a machine.  Each change is checked by definition_set() and saved at once; a key that this file has no title for
 * is shown under its own name, so that nothing of the table is out of reach.
 */
#define G_LOG_DOMAIN "viv-settings-window"

#include "config.h"

#include "ui/viv-settings-window.h"

#include "machine/edit.h"
#include "machine/os-profile.h"
#include "ui/viv-dialogs.h"

#include <glib/gi18n.h>
#include <string.h>

#define MIB (1024.0 * 1024)

struct _VivSettingsWindow
{
  AdwPreferencesWindow parent_instance;

  VivMachine *machine;
  MachineDefinition *definition;
  AdwPreferencesPage *drives_page;
  GPtrArray *drive_groups;
  char *choosing; /* the key that a file is being chosen for */
  gboolean told;
};

G_DEFINE_FINAL_TYPE (VivSettingsWindow, viv_settings_window, ADW_TYPE_PREFERENCES_WINDOW)

enum
{
  PAGE_GENERAL,
  PAGE_SYSTEM,
  PAGE_BOOT,
  PAGE_DISPLAY,
  N_PAGES
};

static const struct
{
  const char *key, *title;
  int page;
  const char *group; /* title of the group that begins here; "" goes on */
} places[] = {
  { "machine.os", N_ ("Operating System"), PAGE_GENERAL, "" },
  { "machine.clock", N_ ("Hardware Clock"), PAGE_GENERAL, "" },
  { "input.absolute-pointer", N_ ("Pointer Without Grab"), PAGE_GENERAL, N_ ("Input") },
  { "machine.memory", N_ ("Memory"), PAGE_SYSTEM, N_ ("Memory") },
  { "machine.memory-merge", N_ ("Share Equal Pages"), PAGE_SYSTEM, "" },
  { "machine.memory-huge", N_ ("Huge Pages"), PAGE_SYSTEM, "" },
  { "machine.memory-shared", N_ ("Shared Memory File"), PAGE_SYSTEM, "" },
  { "machine.cpus", N_ ("Processors"), PAGE_SYSTEM, N_ ("Processor") },
  { "machine.engine", N_ ("Engine"), PAGE_SYSTEM, "" },
  { "machine.chipset", N_ ("Chipset"), PAGE_SYSTEM, N_ ("Board") },
  { "machine.boot", N_ ("Boot Order"), PAGE_BOOT, N_ ("Firmware") },
  { "machine.boot-menu", N_ ("Boot Menu"), PAGE_BOOT, "" },
  { "machine.firmware", N_ ("Firmware"), PAGE_BOOT, "" },
  { "machine.kernel", N_ ("Kernel"), PAGE_BOOT, N_ ("Direct Kernel Boot") },
  { "machine.initrd", N_ ("Initial RAM Disk"), PAGE_BOOT, "" },
  { "machine.append", N_ ("Kernel Command Line"), PAGE_BOOT, "" },
  { "display0.video", N_ ("Display Adapter"), PAGE_DISPLAY, N_ ("Display") },
  { "display0.video-memory", N_ ("Video Memory"), PAGE_DISPLAY, "" },
  { "display0.vnc-address", N_ ("VNC Address"), PAGE_DISPLAY, N_ ("Remote View (VNC)") },
  { "display0.vnc-password-file", N_ ("VNC Password File"), PAGE_DISPLAY, "" },
  { "net0.mac", N_ ("Network Address"), PAGE_SYSTEM, N_ ("Network") },
};

static const char *const choice_labels[][2] = {
  { "auto", N_ ("Automatic") },
  { "kvm", N_ ("KVM") },
  { "software", N_ ("Software processor") },
  { "none", N_ ("None") },
  { "utc", N_ ("UTC") },
  { "localtime", N_ ("Local time") },
  { "pc", N_ ("PC (i440FX and PIIX3)") },
  { "vga", N_ ("VGA") },
};

/* -- Saving -- */

static void
tell_restart (VivSettingsWindow *self)
{
  if (self->told || !viv_machine_is_busy (self->machine))
    return;
  self->told = TRUE;
  adw_preferences_window_add_toast (ADW_PREFERENCES_WINDOW (self),
                                    adw_toast_new (_ ("Takes effect when the machine starts the next time")));
}

static void
take_definition (VivSettingsWindow *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (self->machine);

  if (!definition)
    return;
  g_clear_pointer (&self->definition, definition_unref);
  self->definition = definition_copy (definition);
}

/* FALSE if the value won't do: it is said in a toast, and nothing has changed. */
static gboolean
store (VivSettingsWindow *self, const char *key, const char *value)
{
  g_autoptr (GError) error = NULL;
  const VivChange change = { key, value };
  g_autofree char *old = definition_get (self->definition, key, NULL);
  g_autofree char *escaped = NULL;

  if (g_strcmp0 (old ? old : "", value ? value : "") == 0)
    return TRUE;
  if (viv_machine_edit (self->machine, &change, 1, &error))
    {
      take_definition (self);
      tell_restart (self);
      return TRUE;
    }
  escaped = g_markup_escape_text (error->message, -1);
  adw_preferences_window_add_toast (ADW_PREFERENCES_WINDOW (self), adw_toast_new (escaped));
  return FALSE;
}

static const char *
row_key (gpointer row)
{
  return g_object_get_data (row, "viv-key");
}

static void
set_row_key (gpointer row, const char *key)
{
  g_object_set_data_full (row, "viv-key", g_strdup (key), g_free);
}

/* -- A row for each type of key -- */

static void
on_entry_apply (GtkWidget *row, VivSettingsWindow *self)
{
  gboolean good = store (self, row_key (row), gtk_editable_get_text (GTK_EDITABLE (row)));

  if (good)
    gtk_widget_remove_css_class (row, "error");
  else
    gtk_widget_add_css_class (row, "error");
}

static GtkWidget *
make_entry (VivSettingsWindow *self, const DefinitionKey *key, const char *id, const char *value)
{
  GtkWidget *row = adw_entry_row_new ();

  gtk_editable_set_text (GTK_EDITABLE (row), value);
  adw_entry_row_set_show_apply_button (ADW_ENTRY_ROW (row), TRUE);
  gtk_widget_set_tooltip_text (row, _ (key->help));
  g_signal_connect (row, "apply", G_CALLBACK (on_entry_apply), self);
  return row;
}

static void
on_switch (GtkSwitch *widget, GParamSpec *pspec, VivSettingsWindow *self)
{
  store (self, row_key (widget), gtk_switch_get_active (widget) ? "true" : "false");
}

static GtkWidget *
make_switch (VivSettingsWindow *self, const DefinitionKey *key, const char *id, const char *value)
{
  GtkWidget *row = adw_action_row_new ();
  GtkWidget *widget = gtk_switch_new ();

  gtk_switch_set_active (GTK_SWITCH (widget), g_str_equal (value, "true"));
  gtk_widget_set_valign (widget, GTK_ALIGN_CENTER);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), _ (key->help));
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), widget);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), widget);
  set_row_key (widget, id);
  g_signal_connect (widget, "notify::active", G_CALLBACK (on_switch), self);
  return row;
}

static void
on_spin (GtkSpinButton *spin, VivSettingsWindow *self)
{
  const char *unit = g_object_get_data (G_OBJECT (spin), "viv-unit");
  g_autofree char *value = g_strdup_printf ("%d%s", gtk_spin_button_get_value_as_int (spin), unit);

  store (self, row_key (spin), value);
}

static GtkWidget *
make_spin (VivSettingsWindow *self, const DefinitionKey *key, const char *id, const char *value)
{
  GtkWidget *row = adw_action_row_new ();
  gboolean size = key->type == KEY_SIZE;
  double unit = size ? MIB : 1;
  GtkWidget *spin = gtk_spin_button_new_with_range (key->min / unit, key->max / unit, size ? 64 : 1);
  uint64_t bytes = 0;

  if (size && definition_parse_size (value, &bytes, NULL))
    gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), bytes / unit);
  else if (!size)
    gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), g_ascii_strtoull (value, NULL, 10));
  gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (spin), TRUE);
  gtk_widget_set_valign (spin, GTK_ALIGN_CENTER);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), _ (key->help));
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), spin);
  if (size || strstr (key->name, "memory"))
    {
      GtkWidget *label = gtk_label_new ("MiB");

      gtk_widget_add_css_class (label, "dim-label");
      adw_action_row_add_suffix (ADW_ACTION_ROW (row), label);
    }
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), spin);
  set_row_key (spin, id);
  g_object_set_data (G_OBJECT (spin), "viv-unit", (gpointer)(size ? "M" : ""));
  g_signal_connect (spin, "value-changed", G_CALLBACK (on_spin), self);
  return row;
}

static void
on_choice (AdwComboRow *row, GParamSpec *pspec, VivSettingsWindow *self)
{
  char **values = g_object_get_data (G_OBJECT (row), "viv-choices");
  guint selected = adw_combo_row_get_selected (row);

  if (selected < g_strv_length (values))
    store (self, row_key (row), values[selected]);
}

static GtkWidget *
make_choice (VivSettingsWindow *self, const char *id, const char *help, char **values, char **labels,
             const char *value)
{
  GtkWidget *row = adw_combo_row_new ();
  g_autoptr (GtkStringList) list = gtk_string_list_new ((const char *const *)labels);

  adw_combo_row_set_model (ADW_COMBO_ROW (row), G_LIST_MODEL (list));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), help);
  for (guint i = 0; values[i]; i++)
    if (g_str_equal (values[i], value))
      adw_combo_row_set_selected (ADW_COMBO_ROW (row), i);
  g_object_set_data_full (G_OBJECT (row), "viv-choices", g_strdupv (values), (GDestroyNotify)g_strfreev);
  set_row_key (row, id);
  g_signal_connect (row, "notify::selected", G_CALLBACK (on_choice), self);
  return row;
}

static GtkWidget *
make_key_choice (VivSettingsWindow *self, const DefinitionKey *key, const char *id, const char *value)
{
  g_auto (GStrv) values = g_strsplit (key->choices, "|", -1);
  g_auto (GStrv) labels = g_strdupv (values);

  for (guint i = 0; labels[i]; i++)
    for (guint k = 0; k < G_N_ELEMENTS (choice_labels); k++)
      if (g_str_equal (values[i], choice_labels[k][0]))
        {
          g_free (labels[i]);
          labels[i] = g_strdup (_ (choice_labels[k][1]));
        }
  return make_choice (self, id, _ (key->help), values, labels, value);
}

static GtkWidget *
make_row (VivSettingsWindow *self, const DefinitionKey *key, const char *title)
{
  g_autofree char *id = g_strdup_printf ("%s.%s", key->group, key->name);
  g_autofree char *value = definition_get (self->definition, id, NULL);
  const char *text = value ? value : "";
  GtkWidget *row = NULL;

  switch (key->type)
    {
    case KEY_BOOL:
      row = make_switch (self, key, id, text);
      break;
    case KEY_NUMBER:
    case KEY_SIZE:
      row = make_spin (self, key, id, text);
      break;
    case KEY_CHOICE:
      row = make_key_choice (self, key, id, text);
      break;
    case KEY_STRING:
    case KEY_PATH:
      row = make_entry (self, key, id, text);
      break;
    }
  set_row_key (row, id);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  return row;
}

/* -- Pages -- */

static AdwPreferencesPage *
add_page (VivSettingsWindow *self, const char *title, const char *icon)
{
  AdwPreferencesPage *page = ADW_PREFERENCES_PAGE (adw_preferences_page_new ());

  adw_preferences_page_set_title (page, title);
  adw_preferences_page_set_icon_name (page, icon);
  adw_preferences_window_add (ADW_PREFERENCES_WINDOW (self), page);
  return page;
}

static AdwPreferencesGroup *
add_group (AdwPreferencesPage *page, const char *title)
{
  AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP (adw_preferences_group_new ());

  adw_preferences_group_set_title (group, title);
  adw_preferences_page_add (page, group);
  return group;
}

static const DefinitionKey *
find_key (const char *id)
{
  for (const DefinitionKey *key = definition_keys; key->name; key++)
    {
      size_t length = strlen (key->group);

      if (strncmp (id, key->group, length) == 0 && id[length] == '.'
          && g_str_equal (id + length + 1, key->name))
        return key;
    }
  return NULL;
}

static gboolean
has_place (const DefinitionKey *key)
{
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    if (find_key (places[i].key) == key)
      return TRUE;
  /* The name is changed with the folder ("Rename"), the UUID not at all; drives and ports have pages of their own. */
  return strchr (key->group, '*') || g_str_equal (key->name, "name") || g_str_equal (key->name, "uuid");
}

static void
add_keys (VivSettingsWindow *self, AdwPreferencesPage *const *pages, AdwPreferencesGroup *general)
{
  AdwPreferencesGroup *groups[N_PAGES] = { [PAGE_GENERAL] = general };
  AdwPreferencesGroup *others = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      const DefinitionKey *key = find_key (places[i].key);
      int page = places[i].page;

      if (!key || g_str_equal (places[i].key, "machine.os"))
        continue;
      if (*places[i].group || !groups[page])
        groups[page] = add_group (pages[page], *places[i].group ? _ (places[i].group) : "");
      adw_preferences_group_add (groups[page], make_row (self, key, _ (places[i].title)));
    }
  for (const DefinitionKey *key = definition_keys; key->name; key++)
    if (!has_place (key))
      {
        if (!others)
          others = add_group (pages[PAGE_SYSTEM], _ ("More"));
        adw_preferences_group_add (others, make_row (self, key, key->name));
      }
}

static AdwPreferencesGroup *
add_os (VivSettingsWindow *self, AdwPreferencesPage *page)
{
  AdwPreferencesGroup *group;
  g_auto (GStrv) profiles = os_profile_list ();
  g_autoptr (OsProfile) profile = os_profile_lookup (self->definition->os);
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  g_auto (GStrv) id_list = NULL;
  g_auto (GStrv) name_list = NULL;
  GtkWidget *row;

  for (guint i = 0; profiles && profiles[i]; i += 2)
    {
      g_strv_builder_add (ids, profiles[i]);
      g_strv_builder_add (names, profiles[i + 1]);
    }
  id_list = g_strv_builder_end (ids);
  name_list = g_strv_builder_end (names);
  row = make_choice (self, "machine.os", _ ("What runs in the machine"), id_list, name_list, profile->id);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ ("Operating System"));
  group = add_group (page, "");
  adw_preferences_group_add (group, row);
  return group;
}

/* -- Drives -- */

static void build_drives (VivSettingsWindow *self);

static void
on_image_chosen (GFile *file, gpointer data)
{
  VivSettingsWindow *self = data;
  g_autofree char *path = g_file_get_path (file);

  if (path && self->choosing && store (self, self->choosing, path))
    build_drives (self);
}

static void
on_choose (GtkButton *button, VivSettingsWindow *self)
{
  g_free (self->choosing);
  self->choosing = g_strdup (row_key (button));
  viv_choose_image (GTK_WINDOW (self), _ ("Choose an Image"), on_image_chosen, G_OBJECT (self));
}

static void
on_clear (GtkButton *button, VivSettingsWindow *self)
{
  if (store (self, row_key (button), ""))
    build_drives (self);
}

static void
on_add_drive (GtkButton *button, VivSettingsWindow *self)
{
  DriveKind kind = GPOINTER_TO_INT (g_object_get_data (G_OBJECT (button), "viv-kind"));
  g_autofree char *key = g_strconcat (drive_kind_name (kind), "+.path", NULL);
  const VivChange change = { key, NULL };
  g_autoptr (GError) error = NULL;

  if (!viv_machine_edit (self->machine, &change, 1, &error))
    viv_show_error (GTK_WINDOW (self), _ ("The Drive Could Not Be Added"), error->message, NULL);
  take_definition (self);
  tell_restart (self);
  build_drives (self);
}

/* The drive, not its image: the file stays where it is. */
static void
on_remove_drive (GtkButton *button, VivSettingsWindow *self)
{
  g_autofree char *id = g_strdup (row_key (button));
  const VivChange change = { id, NULL };
  g_autoptr (GError) error = NULL;

  if (!viv_machine_edit (self->machine, &change, 1, &error))
    viv_show_error (GTK_WINDOW (self), _ ("The Drive Could Not Be Removed"), error->message, NULL);
  take_definition (self);
  tell_restart (self);
  build_drives (self);
}

static GtkWidget *
make_button (VivSettingsWindow *self, const char *icon, const char *tooltip, const char *key,
             GCallback callback)
{
  GtkWidget *button = gtk_button_new_from_icon_name (icon);

  gtk_widget_set_tooltip_text (button, tooltip);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  set_row_key (button, key);
  g_signal_connect (button, "clicked", callback, self);
  return button;
}

static void
add_drive (VivSettingsWindow *self, const MachineDrive *drive)
{
  static const char *const prefixes[] = { "disk*", "cdrom*", "floppy*" };
  static const char *const titles[] = { N_ ("Disk"), N_ ("CD Drive"), N_ ("Floppy Drive") };
  static const char *const icons[]
      = { "drive-harddisk-symbolic", "drive-optical-symbolic", "media-floppy-symbolic" };
  AdwPreferencesGroup *group = add_group (self->drives_page, "");
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *path_key = g_strdup_printf ("%s.path", drive->id);
  gboolean empty = !drive->path || !*drive->path;
  g_autofree char *resolved = definition_resolve (self->definition, drive->path);
  g_autofree char *subtitle = g_markup_escape_text (empty ? _ ("Empty") : drive->path, -1);

  g_ptr_array_add (self->drive_groups, group);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ (titles[drive->kind]));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), gtk_image_new_from_icon_name (icons[drive->kind]));
  if (resolved && !g_file_test (resolved, G_FILE_TEST_EXISTS))
    {
      GtkWidget *warning = gtk_image_new_from_icon_name ("dialog-warning-symbolic");

      gtk_widget_set_tooltip_text (warning, _ ("The file is not there"));
      gtk_widget_add_css_class (warning, "warning");
      adw_action_row_add_suffix (ADW_ACTION_ROW (row), warning);
    }
  adw_action_row_add_suffix (
      ADW_ACTION_ROW (row),
      make_button (self, "document-open-symbolic", _ ("Choose an Image"), path_key, G_CALLBACK (on_choose)));
  if (!empty)
    adw_action_row_add_suffix (
        ADW_ACTION_ROW (row),
        make_button (self, drive->kind == DRIVE_DISK ? "edit-clear-symbolic" : "media-eject-symbolic",
                     drive->kind == DRIVE_DISK ? _ ("Take Out") : _ ("Eject"), path_key,
                     G_CALLBACK (on_clear)));
  adw_action_row_add_suffix (ADW_ACTION_ROW (row),
                             make_button (self, "list-remove-symbolic", _ ("Remove the Drive"), drive->id,
                                          G_CALLBACK (on_remove_drive)));
  adw_preferences_group_add (group, row);

  for (const DefinitionKey *key = definition_keys; key->name; key++)
    {
      g_autofree char *id = NULL;
      DefinitionKey own = *key;

      /* An optical disc is read-only whatever is said, and there is one format. */
      if (!g_str_equal (key->group, prefixes[drive->kind]) || key->type != KEY_BOOL
          || drive->kind == DRIVE_CDROM)
        continue;
      own.group = drive->id;
      adw_preferences_group_add (group,
                                 make_row (self, &own,
                                           g_str_equal (key->name, "readonly")   ? _ ("Read Only")
                                           : g_str_equal (key->name, "snapshot") ? _ ("Throw Changes Away")
                                                                                 : key->name));
    }
}

static void
build_drives (VivSettingsWindow *self)
{
  static const struct
  {
    DriveKind kind;
    const char *label;
  } additions[] = { { DRIVE_DISK, N_ ("Add _Disk") },
                    { DRIVE_CDROM, N_ ("Add _CD Drive") },
                    { DRIVE_FLOPPY, N_ ("Add _Floppy Drive") } };
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  AdwPreferencesGroup *group;

  for (guint i = 0; i < self->drive_groups->len; i++)
    adw_preferences_page_remove (self->drives_page, self->drive_groups->pdata[i]);
  g_ptr_array_set_size (self->drive_groups, 0);
  for (guint i = 0; i < self->definition->drives->len; i++)
    add_drive (self, self->definition->drives->pdata[i]);

  group = add_group (self->drives_page, "");
  g_ptr_array_add (self->drive_groups, group);
  gtk_widget_set_halign (box, GTK_ALIGN_CENTER);
  for (guint i = 0; i < G_N_ELEMENTS (additions); i++)
    {
      GtkWidget *button = gtk_button_new_with_mnemonic (_ (additions[i].label));

      g_object_set_data (G_OBJECT (button), "viv-kind", GINT_TO_POINTER (additions[i].kind));
      g_signal_connect (button, "clicked", G_CALLBACK (on_add_drive), self);
      gtk_box_append (GTK_BOX (box), button);
    }
  adw_preferences_group_add (group, box);
}

/* -- Object -- */

static void
viv_settings_window_dispose (GObject *object)
{
  VivSettingsWindow *self = VIV_SETTINGS_WINDOW (object);

  g_clear_object (&self->machine);
  g_clear_pointer (&self->definition, definition_unref);
  g_clear_pointer (&self->drive_groups, g_ptr_array_unref);
  g_clear_pointer (&self->choosing, g_free);
  G_OBJECT_CLASS (viv_settings_window_parent_class)->dispose (object);
}

static void
viv_settings_window_class_init (VivSettingsWindowClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_settings_window_dispose;
}

static void
viv_settings_window_init (VivSettingsWindow *self)
{
  self->drive_groups = g_ptr_array_new ();
}

GtkWidget *
viv_settings_window_new (VivMachine *machine)
{
  VivSettingsWindow *self = g_object_new (VIV_TYPE_SETTINGS_WINDOW, "modal", TRUE, "search-enabled", TRUE,
                                          "default-width", 620, "default-height", 680, NULL);
  g_autofree char *title = g_strdup_printf (_ ("Settings of %s"), viv_machine_get_name (machine));
  AdwPreferencesPage *pages[N_PAGES];
  AdwPreferencesGroup *general;

  gtk_window_set_title (GTK_WINDOW (self), title);
  self->machine = g_object_ref (machine);
  self->definition = definition_copy (viv_machine_get_definition (machine));
  pages[PAGE_GENERAL] = add_page (self, _ ("General"), "preferences-other-symbolic");
  general = add_os (self, pages[PAGE_GENERAL]);
  pages[PAGE_SYSTEM] = add_page (self, _ ("System"), "application-x-firmware-symbolic");
  self->drives_page = add_page (self, _ ("Drives"), "drive-harddisk-symbolic");
  pages[PAGE_BOOT] = add_page (self, _ ("Boot"), "system-run-symbolic");
  pages[PAGE_DISPLAY] = add_page (self, _ ("Display"), "video-display-symbolic");
  add_keys (self, pages, general);
  build_drives (self);
  return GTK_WIDGET (self);
}
