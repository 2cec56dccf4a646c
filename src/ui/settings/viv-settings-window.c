/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The settings of a machine: the pages, and which keys stand where.
 */
#define G_LOG_DOMAIN "viv-settings-window"

#include "config.h"

#include "ui/settings/viv-settings-window.h"

#include "ui/app/viv-message-bar.h"
#include "ui/settings/viv-device-groups.h"
#include "ui/settings/viv-key-row.h"
#include "ui/settings/viv-settings-texts.h"

#include <glib/gi18n.h>
#include <string.h>

struct _VivSettingsWindow
{
  AdwPreferencesWindow parent_instance;

  VivMessageBar *messages;
  VivSettingsStore *store;
  GPtrArray *rows;                  /* VivKeyRow * of what there is one of */
  VivDeviceGroups *drives, *others; /* what there can be several of */
};

G_DEFINE_FINAL_TYPE (VivSettingsWindow, viv_settings_window, ADW_TYPE_PREFERENCES_WINDOW)

/* -- Rows -- */

static gboolean
on_store (VivKeyRow *row, const char *value, VivSettingsWindow *self)
{
  return viv_settings_store_edit (self->store, &(VivChange){ viv_key_row_get_key (row), value }, 1);
}

static void
on_changed (VivSettingsWindow *self)
{
  for (guint i = 0; i < self->rows->len; i++)
    viv_key_row_show (self->rows->pdata[i], viv_settings_store_get_definition (self->store));
}

static void
on_toast (VivSettingsWindow *self, AdwToast *toast)
{
  viv_message_bar_show (self->messages, g_object_ref (toast));
}

static void
add_row (VivSettingsWindow *self, AdwPreferencesGroup *group, const DeviceKind *kind,
         const DefinitionKey *key)
{
  g_autofree char *id = g_strdup_printf ("%s%s", kind->name, kind->most > 0 ? "0" : "");
  VivKeyRow *row = viv_key_row_new (key, id);

  g_ptr_array_add (self->rows, g_object_ref (row));
  g_signal_connect_object (row, "store", G_CALLBACK (on_store), self, 0);
  adw_preferences_group_add (group, viv_key_row_get_widget (row));
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

/* NULL: this table of keys has it no more. */
static const DefinitionKey *
find_key (const VivKeyText *text, const DeviceKind **kind)
{
  const char *dot = strchr (text->key, '.');
  g_autofree char *name = g_strndup (text->key, (gsize)(dot - text->key));

  *kind = device_kind_find (name);
  return *kind ? device_kind_key (*kind, dot + 1) : NULL;
}

/* The name is changed with the folder ("Rename"), the UUID not at all; what there can be several of has groups of its own. */
static gboolean
is_elsewhere (const DeviceKind *kind, const DefinitionKey *key)
{
  return kind->most > kind->present || g_str_equal (key->name, "name") || g_str_equal (key->name, "uuid");
}

static void
add_keys (VivSettingsWindow *self, AdwPreferencesPage *const *pages)
{
  AdwPreferencesGroup *groups[VIV_PAGE_DEVICE] = { NULL }, *more = NULL;
  const DeviceKind *kind;

  for (const VivKeyText *text = viv_key_texts; text->key; text++)
    {
      const DefinitionKey *key = find_key (text, &kind);

      if (!key || text->page == VIV_PAGE_DEVICE || is_elsewhere (kind, key))
        continue;
      if (*text->group || !groups[text->page])
        groups[text->page] = add_group (pages[text->page], *text->group ? _ (text->group) : "");
      add_row (self, groups[text->page], kind, key);
    }
  for (kind = device_kinds; kind->name; kind++)
    for (const DefinitionKey *key = kind->keys; key->name; key++)
      if (!is_elsewhere (kind, key) && !viv_key_text_find (kind, key))
        {
          if (!more)
            more = add_group (pages[VIV_PAGE_SYSTEM], _ ("More"));
          add_row (self, more, kind, key);
        }
}

/* -- Object -- */

static GtkWidget *
find_row (VivSettingsWindow *self, const char *key)
{
  GPtrArray *const lists[]
      = { self->rows, viv_device_groups_get_rows (self->drives), viv_device_groups_get_rows (self->others) };

  for (gsize n = 0; n < G_N_ELEMENTS (lists); n++)
    for (guint i = 0; i < lists[n]->len; i++)
      if (g_str_equal (viv_key_row_get_key (lists[n]->pdata[i]), key))
        return viv_key_row_get_widget (lists[n]->pdata[i]);
  return NULL;
}

gboolean
viv_settings_window_show_key (VivSettingsWindow *self, const char *key)
{
  const char *dot = strchr (key, '.');
  g_autofree char *device = g_strndup (key, dot ? (gsize)(dot - key) : strlen (key));
  GtkWidget *row = find_row (self, key);

  if (!row)
    row = viv_device_groups_find (self->drives, device);
  if (!row)
    row = viv_device_groups_find (self->others, device);
  if (!row)
    return FALSE;
  adw_preferences_window_set_visible_page (
      ADW_PREFERENCES_WINDOW (self),
      ADW_PREFERENCES_PAGE (gtk_widget_get_ancestor (row, ADW_TYPE_PREFERENCES_PAGE)));
  gtk_widget_child_focus (row, GTK_DIR_TAB_FORWARD);
  return TRUE;
}

VivMachine *
viv_settings_window_get_machine (VivSettingsWindow *self)
{
  return viv_settings_store_get_machine (self->store);
}

VivSettingsStore *
viv_settings_window_get_store (VivSettingsWindow *self)
{
  return self->store;
}

GPtrArray *
viv_settings_window_list_rows (VivSettingsWindow *self)
{
  GPtrArray *rows = g_ptr_array_copy (self->rows, (GCopyFunc)(GCallback)g_object_ref, NULL);

  g_ptr_array_set_free_func (rows, g_object_unref);
  g_ptr_array_extend (rows, viv_device_groups_get_rows (self->drives), (GCopyFunc)(GCallback)g_object_ref,
                      NULL);
  g_ptr_array_extend (rows, viv_device_groups_get_rows (self->others), (GCopyFunc)(GCallback)g_object_ref,
                      NULL);
  return rows;
}

VivDeviceGroups *
viv_settings_window_get_drives (VivSettingsWindow *self)
{
  return self->drives;
}

static void
viv_settings_window_dispose (GObject *object)
{
  VivSettingsWindow *self = VIV_SETTINGS_WINDOW (object);

  for (guint i = 0; i < self->rows->len; i++)
    viv_key_row_retire (self->rows->pdata[i]);
  if (self->drives)
    viv_device_groups_retire (self->drives);
  if (self->others)
    viv_device_groups_retire (self->others);
  if (self->store)
    g_signal_handlers_disconnect_by_data (self->store, self);
  G_OBJECT_CLASS (viv_settings_window_parent_class)->dispose (object);
}

static void
viv_settings_window_finalize (GObject *object)
{
  VivSettingsWindow *self = VIV_SETTINGS_WINDOW (object);

  g_clear_object (&self->drives);
  g_clear_object (&self->others);
  g_clear_object (&self->store);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  G_OBJECT_CLASS (viv_settings_window_parent_class)->finalize (object);
}

static void
viv_settings_window_class_init (VivSettingsWindowClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_settings_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_settings_window_finalize;
}

static void
viv_settings_window_init (VivSettingsWindow *self)
{
  self->rows = g_ptr_array_new_with_free_func (g_object_unref);
  self->messages = viv_message_bar_over_window (ADW_WINDOW (self));
}

GtkWidget *
viv_settings_window_new (VivMachine *machine)
{
  VivSettingsWindow *self = g_object_new (VIV_TYPE_SETTINGS_WINDOW, "modal", TRUE, "search-enabled", TRUE,
                                          "default-width", 620, "default-height", 680, NULL);
  g_autofree char *title = g_strdup_printf (_ ("Settings of %s"), viv_machine_get_name (machine));
  AdwPreferencesPage *pages[VIV_PAGE_DEVICE], *drives, *devices;

  gtk_window_set_title (GTK_WINDOW (self), title);
  self->store = viv_settings_store_new (machine);
  g_signal_connect_swapped (self->store, "changed", G_CALLBACK (on_changed), self);
  g_signal_connect_swapped (self->store, "toast", G_CALLBACK (on_toast), self);
  pages[VIV_PAGE_GENERAL] = add_page (self, _ ("General"), "preferences-other-symbolic");
  pages[VIV_PAGE_SYSTEM] = add_page (self, _ ("System"), "application-x-firmware-symbolic");
  drives = add_page (self, _ ("Drives"), "drive-harddisk-symbolic");
  devices = add_page (self, _ ("Devices"), "preferences-system-devices-symbolic");
  pages[VIV_PAGE_BOOT] = add_page (self, _ ("Boot"), "system-run-symbolic");
  pages[VIV_PAGE_DISPLAY] = add_page (self, _ ("Display"), "video-display-symbolic");
  add_keys (self, pages);
  self->drives = viv_device_groups_new (self->store, drives, VIV_DEVICES_DRIVES);
  self->others = viv_device_groups_new (self->store, devices, VIV_DEVICES_OTHERS);
  on_changed (self);
  return GTK_WIDGET (self);
}
