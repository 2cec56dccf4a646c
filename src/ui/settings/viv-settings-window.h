/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The settings of a machine, made from the table of the definition's keys.
 */
#pragma once

#include "ui/settings/viv-device-groups.h"

G_BEGIN_DECLS

#define VIV_TYPE_SETTINGS_WINDOW (viv_settings_window_get_type ())
G_DECLARE_FINAL_TYPE (VivSettingsWindow, viv_settings_window, VIV, SETTINGS_WINDOW, AdwPreferencesWindow)

GtkWidget *viv_settings_window_new (VivMachine *machine);
/* Goes to the row of a key ("machine.firmware", "disk0.path") and gives it the focus; FALSE if there is none. */
gboolean viv_settings_window_show_key (VivSettingsWindow *self, const char *key);
VivMachine *viv_settings_window_get_machine (VivSettingsWindow *self);
/* What it is made of: VivKeyRow, transfer full; the drives; what both change. */
GPtrArray *viv_settings_window_list_rows (VivSettingsWindow *self);
VivDeviceGroups *viv_settings_window_get_drives (VivSettingsWindow *self);
VivSettingsStore *viv_settings_window_get_store (VivSettingsWindow *self);

G_END_DECLS
