/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tags that there are.
 */
#define G_LOG_DOMAIN "viv-tag-bar"

#include "config.h"

#include "ui/library/viv-tag-bar.h"

#include <glib/gi18n.h>

struct _VivTagBar
{
  AdwBin parent_instance;

  GtkBox *box;
  GStrv tags;
  char *chosen;
  gboolean building;
};

G_DEFINE_FINAL_TYPE (VivTagBar, viv_tag_bar, ADW_TYPE_BIN)

static guint changed_signal;

static void
set_chosen (VivTagBar *self, const char *tag)
{
  if (g_strcmp0 (self->chosen, tag) == 0)
    return;
  g_free (self->chosen);
  self->chosen = g_strdup (tag);
  g_signal_emit (self, changed_signal, 0);
}

static void
on_toggled (GtkToggleButton *button, VivTagBar *self)
{
  if (!self->building && gtk_toggle_button_get_active (button))
    set_chosen (self, g_object_get_data (G_OBJECT (button), "viv-tag"));
}

static GtkToggleButton *
add_button (VivTagBar *self, const char *tag, GtkToggleButton *group)
{
  GtkWidget *button = gtk_toggle_button_new ();
  GtkWidget *label = gtk_label_new (tag ? tag : _ ("All"));

  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 20);
  gtk_button_set_child (GTK_BUTTON (button), label);
  gtk_widget_add_css_class (button, "tag");
  gtk_widget_add_css_class (button, "flat");
  g_object_set_data_full (G_OBJECT (button), "viv-tag", g_strdup (tag), g_free);
  if (group)
    gtk_toggle_button_set_group (GTK_TOGGLE_BUTTON (button), group);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (button), g_strcmp0 (tag, self->chosen) == 0);
  g_signal_connect (button, "toggled", G_CALLBACK (on_toggled), self);
  gtk_box_append (self->box, button);
  return GTK_TOGGLE_BUTTON (button);
}

static void
build (VivTagBar *self)
{
  GtkToggleButton *group;
  GtkWidget *child;

  self->building = TRUE;
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->box))))
    gtk_box_remove (self->box, child);
  group = add_button (self, NULL, NULL);
  for (char **tag = self->tags; tag && *tag; tag++)
    add_button (self, *tag, group);
  self->building = FALSE;
  gtk_widget_set_visible (GTK_WIDGET (self), self->tags && *self->tags);
}

void
viv_tag_bar_set_tags (VivTagBar *self, const char *const *tags)
{
  gboolean gone;

  if (self->tags && g_strv_equal ((const char *const *)self->tags, tags))
    return;
  g_strfreev (self->tags);
  self->tags = g_strdupv ((char **)tags);
  gone = self->chosen && !g_strv_contains (tags, self->chosen);
  if (gone)
    g_clear_pointer (&self->chosen, g_free);
  build (self);
  if (gone)
    g_signal_emit (self, changed_signal, 0);
}

const char *
viv_tag_bar_get_chosen (VivTagBar *self)
{
  return self->chosen;
}

void
viv_tag_bar_choose (VivTagBar *self, const char *tag)
{
  for (GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self->box)); child;
       child = gtk_widget_get_next_sibling (child))
    if (g_strcmp0 (g_object_get_data (G_OBJECT (child), "viv-tag"), tag) == 0)
      gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (child), TRUE);
}

static void
viv_tag_bar_finalize (GObject *object)
{
  VivTagBar *self = VIV_TAG_BAR (object);

  g_strfreev (self->tags);
  g_free (self->chosen);
  G_OBJECT_CLASS (viv_tag_bar_parent_class)->finalize (object);
}

static void
viv_tag_bar_class_init (VivTagBarClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = viv_tag_bar_finalize;
  changed_signal
      = g_signal_new ("changed", VIV_TYPE_TAG_BAR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
viv_tag_bar_init (VivTagBar *self)
{
  GtkWidget *scroller = gtk_scrolled_window_new ();

  self->box = GTK_BOX (gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 3));
  gtk_widget_set_halign (GTK_WIDGET (self->box), GTK_ALIGN_CENTER);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->box), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Tags"), -1);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_AUTOMATIC, GTK_POLICY_NEVER);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), GTK_WIDGET (self->box));
  adw_bin_set_child (ADW_BIN (self), scroller);
  gtk_widget_add_css_class (GTK_WIDGET (self), "tag-bar");
  build (self);
}
