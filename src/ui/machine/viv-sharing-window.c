/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The running machine's screen over VNC.
 */
#define G_LOG_DOMAIN "viv-sharing-window"

#include "config.h"

#include "ui/machine/viv-sharing-window.h"

#include "ui/app/viv-message-bar.h"
#include "ui/app/viv-rows.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

#define PASSWORD_FILE "vnc-password"
#define PASSWORD_MAX  8 /* bytes that count in VNC authentication (RFC 6143, 7.2.2) */

struct _VivSharingWindow
{
  AdwWindow parent_instance;

  VivMessageBar *messages;
  GtkSwitch *share;
  AdwActionRow *address_row;
  AdwComboRow *reach;
  GtkEditable *password;

  VivMachine *machine;
  gboolean updating;
};

G_DEFINE_FINAL_TYPE (VivSharingWindow, viv_sharing_window, ADW_TYPE_WINDOW)

static void
update (VivSharingWindow *self)
{
  const char *address = viv_machine_get_vnc_address (self->machine);

  self->updating = TRUE;
  gtk_switch_set_active (self->share, address && *address);
  gtk_switch_set_state (self->share, address && *address);
  viv_row_set_subtitle (self->address_row, address);
  self->updating = FALSE;
}

static void
toast (VivSharingWindow *self, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  viv_message_bar_show (self->messages, adw_toast_new (escaped));
}

/* A server for the network needs a password; the machine's process refuses one without. */
static void
on_changed (VivSharingWindow *self)
{
  gboolean network = adw_combo_row_get_selected (self->reach) == 1;
  gboolean good = !network || *gtk_editable_get_text (self->password);

  gtk_widget_set_sensitive (GTK_WIDGET (self->share), good || gtk_switch_get_active (self->share));
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->share), good ? NULL : _ ("Set a password first"));
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivSharingWindow) self = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *address = viv_machine_vnc_start_finish (VIV_MACHINE (source), result, &error);

  if (!address)
    toast (self, error->message);
  update (self);
  if (address)
    viv_row_set_subtitle (self->address_row, address);
}

static void
on_stopped (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivSharingWindow) self = data;
  g_autoptr (GError) error = NULL;

  if (!viv_machine_finish (VIV_MACHINE (source), result, &error))
    toast (self, error->message);
  update (self);
}

/* In the machine's folder, for nobody else's eyes.  NULL with *error unset: no password. */
static char *
write_password (VivSharingWindow *self, GError **error)
{
  g_autofree char *password = g_strndup (gtk_editable_get_text (self->password), PASSWORD_MAX);
  g_autofree char *path = g_build_filename (viv_machine_get_folder (self->machine), PASSWORD_FILE, NULL);

  if (!*password)
    return NULL;
  if (!g_file_set_contents_full (path, password, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error))
    return NULL;
  g_chmod (path, 0600);
  return g_steal_pointer (&path);
}

static void
start (VivSharingWindow *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *password = write_password (self, &error);

  if (error)
    {
      toast (self, error->message);
      update (self);
      return;
    }
  viv_machine_vnc_start (self->machine,
                         adw_combo_row_get_selected (self->reach) == 1 ? "0.0.0.0:0" : "127.0.0.1:0",
                         password, NULL, on_started, g_object_ref (self));
}

static gboolean
on_state_set (GtkSwitch *widget, gboolean state, VivSharingWindow *self)
{
  if (self->updating)
    return FALSE;
  if (state)
    start (self);
  else
    viv_machine_vnc_stop (self->machine, NULL, on_stopped, g_object_ref (self));
  return TRUE;
}

static void
on_copy (VivSharingWindow *self)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)),
                          adw_action_row_get_subtitle (self->address_row));
  toast (self, _ ("Address copied"));
}

static void
viv_sharing_window_dispose (GObject *object)
{
  VivSharingWindow *self = VIV_SHARING_WINDOW (object);

  if (self->machine)
    g_signal_handlers_disconnect_by_data (self->machine, self);
  g_clear_object (&self->machine);
  G_OBJECT_CLASS (viv_sharing_window_parent_class)->dispose (object);
}

static void
viv_sharing_window_class_init (VivSharingWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_sharing_window_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/org/vivarium/Vivarium/viv-sharing-window.ui");
  gtk_widget_class_bind_template_child (widget_class, VivSharingWindow, share);
  gtk_widget_class_bind_template_child (widget_class, VivSharingWindow, address_row);
  gtk_widget_class_bind_template_child (widget_class, VivSharingWindow, reach);
  gtk_widget_class_bind_template_child (widget_class, VivSharingWindow, password);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_copy);
}

static void
viv_sharing_window_init (VivSharingWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->messages = viv_message_bar_over_window (ADW_WINDOW (self));
  viv_row_fit_choices (self->reach);
  g_signal_connect (self->share, "state-set", G_CALLBACK (on_state_set), self);
}

GtkWidget *
viv_sharing_window_new (VivMachine *machine)
{
  VivSharingWindow *self = g_object_new (VIV_TYPE_SHARING_WINDOW, NULL);

  self->machine = g_object_ref (machine);
  g_signal_connect_swapped (machine, "notify::vnc-address", G_CALLBACK (update), self);
  update (self);
  return GTK_WIDGET (self);
}
