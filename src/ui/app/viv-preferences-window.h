/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The preferences of the application.
 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define VIV_TYPE_PREFERENCES_WINDOW (viv_preferences_window_get_type ())
G_DECLARE_FINAL_TYPE (VivPreferencesWindow, viv_preferences_window, VIV, PREFERENCES_WINDOW,
                      AdwPreferencesWindow)

GtkWidget *viv_preferences_window_new (void);

G_END_DECLS
