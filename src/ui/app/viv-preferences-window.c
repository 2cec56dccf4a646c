/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The preferences of the application.
 */
#define G_LOG_DOMAIN "viv-preferences-window"

#include "config.h"

#include "ui/app/viv-preferences-window.h"

#include "ui/app/viv-preferences.h"
#include "ui/app/viv-rows.h"

struct _VivPreferencesWindow
{
  AdwPreferencesWindow parent_instance;

  AdwComboRow *color_scheme, *scaling, *release_keys;
  GtkSwitch *grab_keyboard, *release_in_turn;
};

G_DEFINE_FINAL_TYPE (VivPreferencesWindow, viv_preferences_window, ADW_TYPE_PREFERENCES_WINDOW)

static void
on_selected (AdwComboRow *row, GParamSpec *pspec, const char *key)
{
  g_settings_set_enum (viv_settings (), key, adw_combo_row_get_selected (row));
}

/* The lists are in the order of the schema's enumerations. */
static void
bind (AdwComboRow *row, const char *key)
{
  viv_row_fit_choices (row);
  adw_combo_row_set_selected (row, g_settings_get_enum (viv_settings (), key));
  g_signal_connect (row, "notify::selected", G_CALLBACK (on_selected), (gpointer)key);
}

static void
viv_preferences_window_class_init (VivPreferencesWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/org/vivarium/Vivarium/viv-preferences-window.ui");
  gtk_widget_class_bind_template_child (widget_class, VivPreferencesWindow, color_scheme);
  gtk_widget_class_bind_template_child (widget_class, VivPreferencesWindow, scaling);
  gtk_widget_class_bind_template_child (widget_class, VivPreferencesWindow, release_keys);
  gtk_widget_class_bind_template_child (widget_class, VivPreferencesWindow, grab_keyboard);
  gtk_widget_class_bind_template_child (widget_class, VivPreferencesWindow, release_in_turn);
}

static void
viv_preferences_window_init (VivPreferencesWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  bind (self->color_scheme, "color-scheme");
  bind (self->scaling, "scaling");
  bind (self->release_keys, "release-keys");
  g_settings_bind (viv_settings (), "grab-keyboard", self->grab_keyboard, "active", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (viv_settings (), "release-in-turn", self->release_in_turn, "active",
                   G_SETTINGS_BIND_DEFAULT);
}

GtkWidget *
viv_preferences_window_new (void)
{
  return g_object_new (VIV_TYPE_PREFERENCES_WINDOW, NULL);
}
