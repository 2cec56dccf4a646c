/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The settings of a machine.  Each change is checked and saved at once, and what others change meanwhile is shown; a key that this
 * file has no title for is shown under its own name, so that nothing of the table is out of reach.
 */
#define G_LOG_DOMAIN "viv-settings-window"

#include "config.h"

#include "machine/os-profile.h"
#include "ui/app/viv-os.h"
#include "ui/settings/viv-settings-private.h"

#include <glib/gi18n.h>
#include <string.h>

#define UNDO_SECONDS 12

G_DEFINE_FINAL_TYPE (VivSettingsWindow, viv_settings_window, ADW_TYPE_PREFERENCES_WINDOW)

enum
{
  PAGE_GENERAL,
  PAGE_SYSTEM,
  PAGE_BOOT,
  PAGE_DISPLAY,
  N_PAGES
};

/* `help` tells what it does, and is of use where the table's line would say the title again. */
static const struct
{
  const char *key, *title, *help;
  int page;
  const char *group; /* title of the group that begins here; "" goes on */
} places[] = {
  { "machine.clock", N_ ("Hardware Clock"), N_ ("Windows and DOS expect local time there, others world time"),
    PAGE_GENERAL, "" },
  { "machine.clock-policy", N_ ("After a Pause"),
    N_ ("Systems that count timer ticks, as Windows does, can catch up with the time"), PAGE_GENERAL, "" },
  { "input.layout", N_ ("Keyboard Layout"),
    N_ ("What the system in the machine has set; text is typed by it"), PAGE_GENERAL, N_ ("Input") },
  { "machine.memory", N_ ("Size"), N_ ("Taken from this computer as the machine comes to use it"),
    PAGE_SYSTEM, N_ ("Memory") },
  { "machine.memory-merge", N_ ("Share Equal Pages"),
    N_ ("Machines with the same system take less together (KSM)"), PAGE_SYSTEM, "" },
  { "machine.memory-huge", N_ ("Huge Pages"), N_ ("Faster, where this computer has them to give"),
    PAGE_SYSTEM, "" },
  { "machine.memory-shared", N_ ("Shared Memory File"), N_ ("Other programs can map the machine's memory"),
    PAGE_SYSTEM, "" },
  { "machine.cpus", N_ ("Processors"), N_ ("More than this computer has make it slower"), PAGE_SYSTEM,
    N_ ("Processor") },
  { "machine.cpu", N_ ("Model"), N_ ("What the system is told of its processor"), PAGE_SYSTEM, "" },
  { "machine.engine", N_ ("Runs On"), N_ ("Automatic takes KVM where it is fast"), PAGE_SYSTEM, "" },
  { "machine.chipset", N_ ("Chipset"), N_ ("The parts that the system finds on the board"), PAGE_SYSTEM,
    N_ ("Board") },
  { "machine.boot", N_ ("Start From"), N_ ("Where the system is looked for, in this order"), PAGE_BOOT,
    N_ ("Start") },
  { "machine.boot-menu", N_ ("Boot Menu"), N_ ("Asks at each start where to look for the system"), PAGE_BOOT,
    "" },
  { "machine.firmware", N_ ("Firmware"), N_ ("Runs first, and starts the system"), PAGE_BOOT, "" },
  { "machine.kernel", N_ ("Kernel"), N_ ("Started instead of what is on the drives"), PAGE_BOOT,
    N_ ("Direct Kernel Boot") },
  { "machine.initrd", N_ ("Initial RAM Disk"), N_ ("Loaded with the kernel"), PAGE_BOOT, "" },
  { "machine.append", N_ ("Kernel Command Line"), N_ ("Passed to the kernel"), PAGE_BOOT, "" },
  { "display0.video", N_ ("Adapter"), N_ ("None leaves the serial port and the network"), PAGE_DISPLAY,
    N_ ("Display") },
  { "display0.video-memory", N_ ("Video Memory"), N_ ("Limits how large the screen can be"), PAGE_DISPLAY,
    "" },
  { "display0.aspect", N_ ("Aspect Ratio"), N_ ("Automatic shows old modes such as 720 × 400 as a tube does"),
    PAGE_DISPLAY, "" },
  { "display0.vnc-address", N_ ("Address"), N_ ("The screen can be seen there as soon as the machine starts"),
    PAGE_DISPLAY, N_ ("Remote View (VNC)") },
  { "display0.vnc-password-file", N_ ("Password File"), N_ ("Its first line is the password"), PAGE_DISPLAY,
    "" },
  { "net0.mac", N_ ("Network Address"), N_ ("What other computers know the adapter by"), PAGE_SYSTEM,
    N_ ("Network") },
};

/* -- Saving -- */

void
viv_settings_say (VivSettingsWindow *self, const char *message)
{
  g_autofree char *escaped = g_markup_escape_text (message, -1);

  adw_preferences_window_add_toast (ADW_PREFERENCES_WINDOW (self), adw_toast_new (escaped));
}

static void
tell_restart (VivSettingsWindow *self)
{
  if (self->told || !viv_machine_is_busy (self->machine))
    return;
  self->told = TRUE;
  viv_settings_say (self, _ ("Takes effect when the machine starts the next time"));
}

/* What is on the disk now, whoever wrote it. */
static void
refresh (VivSettingsWindow *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (self->machine);

  if (!definition)
    return;
  definition_unref (self->definition);
  self->definition = definition_copy (definition);
  viv_settings_build_drives (self);
  viv_settings_show_values (self);
}

gboolean
viv_settings_edit (VivSettingsWindow *self, const VivChange *changes, unsigned n)
{
  g_autoptr (GError) error = NULL;

  if (viv_machine_edit (self->machine, changes, n, &error))
    {
      refresh (self);
      tell_restart (self);
      return TRUE;
    }
  viv_settings_say (self, error->message);
  viv_settings_show_values (self);
  return FALSE;
}

/* -- Undo -- */

typedef struct
{
  GWeakRef window;
  GStrv texts; /* key, value, key, value, … */
} Undo;

static void
undo_free (gpointer data, GClosure *closure)
{
  Undo *undo = data;

  g_weak_ref_clear (&undo->window);
  g_strfreev (undo->texts);
  g_free (undo);
}

static void
on_undo (AdwToast *toast, Undo *undo)
{
  g_autoptr (VivSettingsWindow) self = g_weak_ref_get (&undo->window);
  guint n = g_strv_length (undo->texts) / 2;
  g_autofree VivChange *changes = g_new0 (VivChange, n);

  for (guint i = 0; i < n; i++)
    changes[i] = (VivChange){ undo->texts[2 * i], undo->texts[2 * i + 1] };
  if (self)
    viv_settings_edit (self, changes, n);
}

void
viv_settings_remove (VivSettingsWindow *self, const char *title, const VivChange *changes, unsigned n,
                     const VivChange *undo, unsigned n_undo)
{
  g_autofree char *escaped = g_markup_escape_text (title, -1);
  g_autoptr (GStrvBuilder) texts = g_strv_builder_new ();
  AdwToast *toast;
  Undo *data;

  for (unsigned i = 0; i < n_undo; i++)
    {
      g_strv_builder_add (texts, undo[i].key);
      g_strv_builder_add (texts, undo[i].value ? undo[i].value : "");
    }
  if (!viv_settings_edit (self, changes, n))
    return;
  data = g_new0 (Undo, 1);
  g_weak_ref_init (&data->window, self);
  data->texts = g_strv_builder_end (texts);
  toast = adw_toast_new (escaped);
  adw_toast_set_button_label (toast, _ ("_Undo"));
  adw_toast_set_timeout (toast, UNDO_SECONDS);
  adw_toast_set_priority (toast, ADW_TOAST_PRIORITY_HIGH);
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo), data, undo_free, 0);
  adw_preferences_window_add_toast (ADW_PREFERENCES_WINDOW (self), toast);
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
  const char *dot = strchr (id, '.');
  g_autofree char *device = g_strndup (id, (gsize)(dot - id));

  return definition_find_key (device, dot + 1);
}

static gboolean
has_place (const DeviceKind *kind, const DefinitionKey *key)
{
  static const char *const elsewhere[] = { "name", "uuid", "os" };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    if (find_key (places[i].key) == key)
      return TRUE;
  /* The name is changed with the folder ("Rename"), the UUID not at all; drives have a page of their own, serial ports no choice. */
  for (guint i = 0; i < G_N_ELEMENTS (elsewhere); i++)
    if (g_str_equal (key->name, elsewhere[i]))
      return TRUE;
  return kind->most > 1;
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

      if (!key)
        continue;
      if (*places[i].group || !groups[page])
        groups[page] = add_group (pages[page], *places[i].group ? _ (places[i].group) : "");
      adw_preferences_group_add (
          groups[page], viv_settings_row (self, key, places[i].key, _ (places[i].title), _ (places[i].help)));
    }
  for (const DeviceKind *kind = device_kinds; kind->name; kind++)
    for (const DefinitionKey *key = kind->keys; key->name; key++)
      if (!has_place (kind, key))
        {
          g_autofree char *id = g_strdup_printf ("%s%s.%s", kind->name, kind->most > 0 ? "0" : "", key->name);

          if (!others)
            others = add_group (pages[PAGE_SYSTEM], _ ("More"));
          adw_preferences_group_add (others, viv_settings_row (self, key, id, key->name, NULL));
        }
}

static AdwPreferencesGroup *
add_os (VivSettingsWindow *self, AdwPreferencesPage *page)
{
  AdwPreferencesGroup *group = add_group (page, "");
  g_auto (GStrv) profiles = os_profile_list ();
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  g_auto (GStrv) id_list = NULL;
  g_auto (GStrv) name_list = NULL;

  for (guint i = 0; profiles && profiles[i]; i += 2)
    {
      g_strv_builder_add (ids, profiles[i]);
      g_strv_builder_add (names, viv_os_name (profiles[i + 1]));
    }
  id_list = g_strv_builder_end (ids);
  name_list = g_strv_builder_end (names);
  adw_preferences_group_add (group, viv_settings_choice (self, "machine.os", _ ("Operating System"),
                                                         _ ("Decides what is proposed"), id_list, name_list));
  return group;
}

/* -- Object -- */

gboolean
viv_settings_window_show_key (VivSettingsWindow *self, const char *key)
{
  const char *dot = strchr (key, '.');
  g_autofree char *group = g_strndup (key, dot ? (gsize)(dot - key) : strlen (key));
  GtkWidget *page = NULL, *row = NULL;

  for (guint i = 0; i < self->rows->len && !row; i++)
    {
      SettingsRow *candidate = self->rows->pdata[i];

      if (g_str_equal (candidate->key, key))
        row = candidate->row;
    }
  if (row)
    page = gtk_widget_get_ancestor (row, ADW_TYPE_PREFERENCES_PAGE);
  else if (definition_find_drive (self->definition, group))
    page = GTK_WIDGET (self->drives_page);
  if (!page)
    return FALSE;
  adw_preferences_window_set_visible_page (ADW_PREFERENCES_WINDOW (self), ADW_PREFERENCES_PAGE (page));
  if (!row)
    row = viv_settings_drive_row (self, group);
  if (row)
    gtk_widget_child_focus (row, GTK_DIR_TAB_FORWARD);
  return TRUE;
}

VivMachine *
viv_settings_window_get_machine (VivSettingsWindow *self)
{
  return self->machine;
}

static void
viv_settings_window_dispose (GObject *object)
{
  VivSettingsWindow *self = VIV_SETTINGS_WINDOW (object);

  if (self->machine)
    g_signal_handlers_disconnect_by_data (self->machine, self);
  self->showing = TRUE; /* what goes now is no answer */
  G_OBJECT_CLASS (viv_settings_window_parent_class)->dispose (object);
}

static void
viv_settings_window_finalize (GObject *object)
{
  VivSettingsWindow *self = VIV_SETTINGS_WINDOW (object);

  g_clear_object (&self->machine);
  g_clear_pointer (&self->definition, definition_unref);
  g_clear_pointer (&self->drive_groups, g_ptr_array_unref);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  g_clear_pointer (&self->drives_shown, g_free);
  G_OBJECT_CLASS (viv_settings_window_parent_class)->finalize (object);
}

static void
viv_settings_window_class_init (VivSettingsWindowClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_settings_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_settings_window_finalize;
  viv_settings_install_drive_actions (GTK_WIDGET_CLASS (klass));
}

static void
viv_settings_window_init (VivSettingsWindow *self)
{
  self->drive_groups = g_ptr_array_new ();
  self->rows = g_ptr_array_new_with_free_func (viv_settings_row_free);
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
  viv_settings_build_drives (self);
  viv_settings_show_values (self);
  g_signal_connect_swapped (machine, "notify::definition", G_CALLBACK (refresh), self);
  return GTK_WIDGET (self);
}
