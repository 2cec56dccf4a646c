/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What rows of lists have in common.
 */
#include "config.h"

#include "ui/app/viv-rows.h"

static char *
plain (gpointer row, const char *text)
{
  adw_preferences_row_set_use_markup (row, FALSE);
  return g_utf8_make_valid (text ? text : "", -1);
}

void
viv_row_set_title (gpointer row, const char *text)
{
  g_autofree char *valid = plain (row, text);

  adw_preferences_row_set_title (row, valid);
}

void
viv_row_set_subtitle (gpointer row, const char *text)
{
  g_autofree char *valid = plain (row, text);

  adw_action_row_set_subtitle (row, valid);
}

GtkWidget *
viv_row_button (const char *icon, const char *tooltip)
{
  GtkWidget *button = gtk_button_new_from_icon_name (icon);

  gtk_widget_set_tooltip_text (button, tooltip);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  return button;
}
