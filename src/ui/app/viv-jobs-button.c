/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is under way.
 */
#define G_LOG_DOMAIN "viv-jobs-button"

#include "config.h"

#include "ui/app/viv-jobs-button.h"

#include "ui/app/viv-jobs.h"

#include <glib/gi18n.h>

#define PULSE_MS 120

struct _VivJobsButton
{
  AdwBin parent_instance;

  GtkMenuButton *button;
  GtkListBox *list;
  guint pulse_source;
};

G_DEFINE_FINAL_TYPE (VivJobsButton, viv_jobs_button, ADW_TYPE_BIN)

static void
show_fraction (VivJob *job, GParamSpec *pspec, GtkProgressBar *bar)
{
  double fraction = viv_job_get_fraction (job);

  if (fraction >= 0)
    {
      /* Translators: how much of a long work is done, in per cent */
      g_autofree char *text = g_strdup_printf (_ ("%d %%"), (int)(fraction * 100));

      gtk_progress_bar_set_fraction (bar, fraction);
      gtk_progress_bar_set_text (bar, text);
    }
  gtk_progress_bar_set_show_text (bar, fraction >= 0);
}

static void
show_end (VivJob *job, GParamSpec *pspec, GtkWidget *row)
{
  GtkWidget *bar = g_object_get_data (G_OBJECT (row), "bar"),
            *problem = g_object_get_data (G_OBJECT (row), "problem"),
            *stop = g_object_get_data (G_OBJECT (row), "stop");
  const char *message = viv_job_get_message (job);

  gtk_widget_set_visible (bar, !viv_job_is_finished (job));
  gtk_widget_set_visible (problem, message != NULL);
  gtk_label_set_label (GTK_LABEL (problem), message ? message : "");
  gtk_widget_set_tooltip_text (stop, viv_job_is_finished (job) ? _ ("Close") : _ ("Cancel"));
}

static void
on_stop (GtkButton *button, VivJob *job)
{
  if (viv_job_is_finished (job))
    {
      viv_job_forget (job);
      return;
    }
  viv_job_cancel (job);
  gtk_widget_set_sensitive (GTK_WIDGET (button), FALSE);
}

static GtkWidget *
make_row (gpointer item, gpointer data)
{
  VivJob *job = item;
  GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12),
            *texts = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *title = gtk_label_new (viv_job_get_title (job)), *problem = gtk_label_new (NULL);
  GtkWidget *bar = gtk_progress_bar_new (), *stop = gtk_button_new_from_icon_name ("window-close-symbolic");

  gtk_label_set_xalign (GTK_LABEL (title), 0);
  gtk_label_set_ellipsize (GTK_LABEL (title), PANGO_ELLIPSIZE_MIDDLE);
  gtk_label_set_max_width_chars (GTK_LABEL (title), 32);
  gtk_label_set_width_chars (GTK_LABEL (title), 24);
  gtk_label_set_xalign (GTK_LABEL (problem), 0);
  gtk_label_set_wrap (GTK_LABEL (problem), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (problem), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_max_width_chars (GTK_LABEL (problem), 32);
  gtk_widget_add_css_class (problem, "error");
  gtk_widget_add_css_class (problem, "caption");
  gtk_widget_set_hexpand (texts, TRUE);
  gtk_widget_set_valign (stop, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (stop, "flat");
  gtk_widget_add_css_class (stop, "circular");
  gtk_box_append (GTK_BOX (texts), title);
  gtk_box_append (GTK_BOX (texts), bar);
  gtk_box_append (GTK_BOX (texts), problem);
  gtk_box_append (GTK_BOX (row), texts);
  gtk_box_append (GTK_BOX (row), stop);
  gtk_widget_set_margin_top (row, 6);
  gtk_widget_set_margin_bottom (row, 6);
  gtk_widget_set_margin_start (row, 6);
  g_object_set_data (G_OBJECT (row), "bar", bar);
  g_object_set_data (G_OBJECT (row), "problem", problem);
  g_object_set_data (G_OBJECT (row), "stop", stop);
  g_signal_connect_object (stop, "clicked", G_CALLBACK (on_stop), job, 0);
  g_signal_connect_object (job, "notify::fraction", G_CALLBACK (show_fraction), bar, 0);
  g_signal_connect_object (job, "notify::finished", G_CALLBACK (show_end), row, 0);
  show_fraction (job, NULL, GTK_PROGRESS_BAR (bar));
  show_end (job, NULL, row);
  return row;
}

/* Where it isn't known how far it is, the bar moves. */
static gboolean
on_pulse (gpointer data)
{
  VivJobsButton *self = data;
  GListModel *jobs = viv_jobs ();

  for (guint i = 0; i < g_list_model_get_n_items (jobs); i++)
    {
      g_autoptr (VivJob) job = g_list_model_get_item (jobs, i);
      GtkListBoxRow *row = gtk_list_box_get_row_at_index (self->list, (int)i);
      GtkWidget *box = row ? gtk_list_box_row_get_child (row) : NULL;

      if (box && viv_job_get_fraction (job) < 0 && !viv_job_is_finished (job))
        gtk_progress_bar_pulse (g_object_get_data (G_OBJECT (box), "bar"));
    }
  return G_SOURCE_CONTINUE;
}

static void
on_popover (VivJobsButton *self)
{
  GtkPopover *popover = gtk_menu_button_get_popover (self->button);
  gboolean shown = popover && gtk_widget_get_visible (GTK_WIDGET (popover));

  if (shown && !self->pulse_source)
    self->pulse_source = g_timeout_add (PULSE_MS, on_pulse, self);
  else if (!shown)
    g_clear_handle_id (&self->pulse_source, g_source_remove);
}

static void
update (VivJobsButton *self)
{
  gboolean any = g_list_model_get_n_items (viv_jobs ()) > 0;

  if (!any)
    gtk_menu_button_popdown (self->button);
  gtk_widget_set_visible (GTK_WIDGET (self), any);
}

static void
viv_jobs_button_dispose (GObject *object)
{
  VivJobsButton *self = VIV_JOBS_BUTTON (object);

  g_clear_handle_id (&self->pulse_source, g_source_remove);
  g_signal_handlers_disconnect_by_data (viv_jobs (), self);
  G_OBJECT_CLASS (viv_jobs_button_parent_class)->dispose (object);
}

static void
viv_jobs_button_class_init (VivJobsButtonClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_jobs_button_dispose;
}

static void
viv_jobs_button_init (VivJobsButton *self)
{
  GtkWidget *popover = gtk_popover_new ();

  self->list = GTK_LIST_BOX (gtk_list_box_new ());
  gtk_list_box_set_selection_mode (self->list, GTK_SELECTION_NONE);
  gtk_widget_add_css_class (GTK_WIDGET (self->list), "jobs");
  gtk_list_box_bind_model (self->list, viv_jobs (), make_row, NULL, NULL);
  gtk_popover_set_child (GTK_POPOVER (popover), GTK_WIDGET (self->list));
  g_signal_connect_object (popover, "notify::visible", G_CALLBACK (on_popover), self, G_CONNECT_SWAPPED);
  self->button = GTK_MENU_BUTTON (gtk_menu_button_new ());
  gtk_menu_button_set_icon_name (self->button, "emblem-synchronizing-symbolic");
  gtk_menu_button_set_popover (self->button, popover);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->button), _ ("What Is Under Way"));
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->button));
  g_signal_connect_swapped (viv_jobs (), "items-changed", G_CALLBACK (update), self);
  update (self);
}
