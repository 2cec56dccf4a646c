/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Toasts in a bar of their own, below a page or over it.
 */
#define G_LOG_DOMAIN "viv-message-bar"

#include "config.h"

#include "ui/app/viv-message-bar.h"

#include <glib/gi18n.h>

struct _VivMessageBar
{
  AdwBin parent_instance;

  GtkRevealer *revealer;
  GtkBox *box;
  GtkLabel *label;
  GtkWidget *button;

  AdwToast *toast; /* shown now */
  GQueue waiting;  /* AdwToast *, owned: what was displaced with something to press, or has yet to be shown */
  guint source;
  gboolean looked_at; /* the pointer or the focus is on it, and the time stands */
};

G_DEFINE_FINAL_TYPE (VivMessageBar, viv_message_bar, ADW_TYPE_BIN)

static void
drop (VivMessageBar *self)
{
  g_clear_handle_id (&self->source, g_source_remove);
  g_clear_object (&self->toast);
}

static void present (VivMessageBar *self, AdwToast *toast);

static void
dismiss (VivMessageBar *self)
{
  AdwToast *next;

  if (!self->toast)
    return;
  drop (self);
  next = g_queue_pop_head (&self->waiting);
  if (next)
    present (self, next);
  else
    {
      /* It shrinks away from under the pointer, of which nothing need be said. */
      self->looked_at = FALSE;
      gtk_revealer_set_reveal_child (self->revealer, FALSE);
    }
}

void
viv_message_bar_dismiss (VivMessageBar *self, AdwToast *toast)
{
  if (self->toast == toast)
    dismiss (self);
  else if (g_queue_remove (&self->waiting, toast))
    g_object_unref (toast);
}

AdwToast *
viv_message_bar_get_toast (VivMessageBar *self)
{
  return self->toast;
}

static gboolean
on_timeout (gpointer data)
{
  VivMessageBar *self = data;

  self->source = 0;
  dismiss (self);
  return G_SOURCE_REMOVE;
}

static void
start_time (VivMessageBar *self)
{
  guint timeout = self->toast ? adw_toast_get_timeout (self->toast) : 0;

  g_clear_handle_id (&self->source, g_source_remove);
  if (timeout && !self->looked_at)
    self->source = g_timeout_add_seconds (timeout, on_timeout, self);
}

static void
on_enter (VivMessageBar *self)
{
  self->looked_at = TRUE;
  start_time (self);
}

static void
on_leave (VivMessageBar *self)
{
  self->looked_at = FALSE;
  start_time (self);
}

static void
on_clicked (VivMessageBar *self)
{
  g_autoptr (AdwToast) toast = self->toast ? g_object_ref (self->toast) : NULL;
  /* What is pressed may close the window. */
  g_autoptr (VivMessageBar) held = g_object_ref (self);

  if (!toast)
    return;
  g_signal_emit_by_name (toast, "button-clicked");
  viv_message_bar_dismiss (held, toast);
}

static void
viv_message_bar_dispose (GObject *object)
{
  drop (VIV_MESSAGE_BAR (object));
  g_queue_clear_full (&VIV_MESSAGE_BAR (object)->waiting, g_object_unref);
  G_OBJECT_CLASS (viv_message_bar_parent_class)->dispose (object);
}

static void
viv_message_bar_class_init (VivMessageBarClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_message_bar_dispose;
}

static void
watch (VivMessageBar *self, GtkEventController *controller)
{
  g_signal_connect_swapped (controller, "enter", G_CALLBACK (on_enter), self);
  g_signal_connect_swapped (controller, "leave", G_CALLBACK (on_leave), self);
  gtk_widget_add_controller (GTK_WIDGET (self), controller);
}

static void
viv_message_bar_init (VivMessageBar *self)
{
  GtkWidget *close = gtk_button_new_from_icon_name ("window-close-symbolic");

  self->label = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_ellipsize (self->label, PANGO_ELLIPSIZE_END);
  gtk_label_set_xalign (self->label, 0);
  gtk_widget_set_hexpand (GTK_WIDGET (self->label), TRUE);
  self->button = gtk_button_new ();
  gtk_button_set_use_underline (GTK_BUTTON (self->button), TRUE);
  g_signal_connect_swapped (self->button, "clicked", G_CALLBACK (on_clicked), self);
  gtk_widget_set_tooltip_text (close, _ ("Close"));
  gtk_widget_add_css_class (close, "flat");
  gtk_widget_add_css_class (close, "circular");
  gtk_widget_set_valign (close, GTK_ALIGN_CENTER);
  gtk_widget_set_valign (self->button, GTK_ALIGN_CENTER);
  g_signal_connect_swapped (close, "clicked", G_CALLBACK (dismiss), self);
  gtk_widget_set_focus_on_click (self->button, FALSE);
  gtk_widget_set_focus_on_click (close, FALSE);

  self->box = GTK_BOX (gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6));
  gtk_widget_add_css_class (GTK_WIDGET (self->box), "message-bar");
  gtk_box_append (self->box, GTK_WIDGET (self->label));
  gtk_box_append (self->box, self->button);
  gtk_box_append (self->box, close);
  self->revealer = GTK_REVEALER (gtk_revealer_new ());
  gtk_revealer_set_transition_type (self->revealer, GTK_REVEALER_TRANSITION_TYPE_SLIDE_UP);
  gtk_revealer_set_child (self->revealer, GTK_WIDGET (self->box));
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->revealer));
  watch (self, gtk_event_controller_motion_new ());
  watch (self, gtk_event_controller_focus_new ());
}

GtkWidget *
viv_message_bar_over (GtkWidget *child, VivMessageBar **bar)
{
  GtkWidget *overlay = gtk_overlay_new ();
  VivMessageBar *self = g_object_new (VIV_TYPE_MESSAGE_BAR, NULL);

  gtk_widget_remove_css_class (GTK_WIDGET (self->box), "message-bar");
  gtk_widget_add_css_class (GTK_WIDGET (self->box), "message-toast");
  gtk_widget_add_css_class (GTK_WIDGET (self->box), "osd");
  gtk_widget_set_halign (GTK_WIDGET (self), GTK_ALIGN_CENTER);
  gtk_widget_set_valign (GTK_WIDGET (self), GTK_ALIGN_END);
  gtk_overlay_set_child (GTK_OVERLAY (overlay), child);
  gtk_overlay_add_overlay (GTK_OVERLAY (overlay), GTK_WIDGET (self));
  *bar = self;
  return overlay;
}

VivMessageBar *
viv_message_bar_over_window (AdwWindow *window)
{
  GtkWidget *content = g_object_ref (adw_window_get_content (window));
  VivMessageBar *bar;

  adw_window_set_content (window, NULL);
  adw_window_set_content (window, viv_message_bar_over (content, &bar));
  g_object_unref (content);
  return bar;
}

static void
present (VivMessageBar *self, AdwToast *toast)
{
  const char *label = adw_toast_get_button_label (toast);

  self->toast = toast;
  gtk_label_set_markup (self->label, adw_toast_get_title (toast));
  gtk_button_set_label (GTK_BUTTON (self->button), label ? label : "");
  gtk_widget_set_visible (self->button, label != NULL);
  gtk_revealer_set_reveal_child (self->revealer, TRUE);
  start_time (self);
}

void
viv_message_bar_show (VivMessageBar *self, AdwToast *toast)
{
  AdwToast *old = self->toast && adw_toast_get_button_label (self->toast) ? g_object_ref (self->toast) : NULL;

  drop (self);
  /* An undo is not lost because something else is said meanwhile. */
  if (old)
    g_queue_push_head (&self->waiting, old);
  present (self, toast);
}
