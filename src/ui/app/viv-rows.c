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

/* -- Choices -- */

guint
viv_text_width (const char *text)
{
  guint width = 0;

  for (const char *p = text; *p; p = g_utf8_next_char (p))
    width += g_unichar_iszerowidth (g_utf8_get_char (p)) ? 0 : g_unichar_iswide (g_utf8_get_char (p)) ? 2 : 1;
  return width;
}

static void
on_setup_chosen (GtkListItemFactory *factory, GtkListItem *item)
{
  GtkWidget *label = gtk_label_new (NULL);

  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_label_set_xalign (GTK_LABEL (label), 1);
  gtk_list_item_set_child (item, label);
}

static void
on_bind_chosen (GtkListItemFactory *factory, GtkListItem *item)
{
  GtkLabel *label = GTK_LABEL (gtk_list_item_get_child (item));
  const char *text = gtk_string_object_get_string (GTK_STRING_OBJECT (gtk_list_item_get_item (item)));

  gtk_label_set_label (label, text);
  /* At least so much, whatever stands beside it. */
  gtk_label_set_width_chars (label, (int)MIN (viv_text_width (text), VIV_CHOICE_WIDTH));
}

static void
show_check (GtkListItem *item, AdwComboRow *row)
{
  GtkWidget *box = gtk_list_item_get_child (item);

  gtk_widget_set_opacity (gtk_widget_get_last_child (box),
                          gtk_list_item_get_item (item) == adw_combo_row_get_selected_item (row) ? 1 : 0);
}

static void
on_selected (AdwComboRow *row, GParamSpec *pspec, GtkListItem *item)
{
  show_check (item, row);
}

static void
on_setup_listed (GtkListItemFactory *factory, GtkListItem *item)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6), *label = gtk_label_new (NULL);

  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 32);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_widget_set_hexpand (label, TRUE);
  gtk_box_append (GTK_BOX (box), label);
  gtk_box_append (GTK_BOX (box), gtk_image_new_from_icon_name ("object-select-symbolic"));
  gtk_list_item_set_child (item, box);
}

static void
on_bind_listed (GtkListItemFactory *factory, GtkListItem *item, AdwComboRow *row)
{
  GtkWidget *box = gtk_list_item_get_child (item);

  gtk_label_set_label (GTK_LABEL (gtk_widget_get_first_child (box)),
                       gtk_string_object_get_string (GTK_STRING_OBJECT (gtk_list_item_get_item (item))));
  g_signal_connect_object (row, "notify::selected-item", G_CALLBACK (on_selected), item, 0);
  show_check (item, row);
}

static void
on_unbind_listed (GtkListItemFactory *factory, GtkListItem *item, AdwComboRow *row)
{
  g_signal_handlers_disconnect_by_func (row, on_selected, item);
}

void
viv_row_fit_choices (AdwComboRow *row)
{
  g_autoptr (GtkListItemFactory) chosen = gtk_signal_list_item_factory_new ();
  g_autoptr (GtkListItemFactory) listed = gtk_signal_list_item_factory_new ();

  g_signal_connect (chosen, "setup", G_CALLBACK (on_setup_chosen), NULL);
  g_signal_connect (chosen, "bind", G_CALLBACK (on_bind_chosen), NULL);
  g_signal_connect (listed, "setup", G_CALLBACK (on_setup_listed), NULL);
  g_signal_connect (listed, "bind", G_CALLBACK (on_bind_listed), row);
  g_signal_connect (listed, "unbind", G_CALLBACK (on_unbind_listed), row);
  adw_combo_row_set_factory (row, chosen);
  adw_combo_row_set_list_factory (row, listed);
}
