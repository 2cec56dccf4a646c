/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The settings of a machine: rows made from definition_keys, the table that machine.ini itself is read by.
 */
#pragma once

#include <adwaita.h>

#include "machine/machine.h"

G_BEGIN_DECLS

#define VIV_TYPE_SETTINGS_WINDOW (viv_settings_window_get_type ())
G_DECLARE_FINAL_TYPE (VivSettingsWindow, viv_settings_window, VIV, SETTINGS_WINDOW, AdwPreferencesWindow)

/* The machine's definition must be usable. */
GtkWidget *viv_settings_window_new (VivMachine *machine);

G_END_DECLS
