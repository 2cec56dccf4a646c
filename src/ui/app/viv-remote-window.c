/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A window on a screen that is reached over VNC.
 */
#define G_LOG_DOMAIN "viv-remote-window"

#include "config.h"

#include "ui/app/viv-remote-window.h"

#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-grab-hints.h"
#include "ui/console/viv-console.h"
#include "ui/console/viv-header-flap.h"
#include "ui/machine/viv-machine-menus.h"

#include <glib/gi18n.h>
#include <string.h>

#define SCHEME "vnc://"

struct _VivRemoteWindow
{
  VivShellWindow parent_instance;

  VivHeaderFlap *flap;
  AdwWindowTitle *title;
  GtkMenuButton *keys_button;
  GtkStack *stack;
  GtkSpinner *spinner;
  AdwStatusPage *closed;
  VivConsole *console;

  VivFramebuffer *framebuffer;
  char *address;
  char *desktop;       /* the screen's own name, once connected */
  GtkWindow *password; /* weak: the question for it */
  char *clipboard;     /* what was copied on the other side; given to nobody unless asked for */
  gboolean square;     /* pixels are as tall as wide, whatever the mode */
};

G_DEFINE_FINAL_TYPE (VivRemoteWindow, viv_remote_window, VIV_TYPE_SHELL_WINDOW)

enum
{
  PROP_0,
  PROP_CORRECT_ASPECT, /* whether old modes are shown 4:3 */
  N_PROPS
};
static GParamSpec *props[N_PROPS];

char *
viv_remote_parse_address (const char *text)
{
  g_autofree char *address = g_strstrip (g_strdup (text));
  const char *start = address;
  const char *at;
  gsize len;

  if (g_ascii_strncasecmp (start, SCHEME, strlen (SCHEME)) == 0)
    start += strlen (SCHEME);
  len = strcspn (start, "/?#");
  address[start - address + len] = '\0';
  /* A user's name in a link is of no use to VNC's password. */
  at = strrchr (start, '@');
  if (at)
    start = at + 1;
  if (!*start || *start == ':' || strpbrk (start, " \t\r\n\"'<>\\"))
    return NULL;
  return g_strdup (start);
}

static gboolean
shows_screen (VivShellWindow *window)
{
  return g_strcmp0 (gtk_stack_get_visible_child_name (VIV_REMOTE_WINDOW (window)->stack), "screen") == 0;
}

static void
update (VivRemoteWindow *self)
{
  gboolean connected = shows_screen (VIV_SHELL_WINDOW (self));
  GtkWidget *widget = GTK_WIDGET (self);
  const char *title = self->desktop && *self->desktop ? self->desktop : self->address;
  const char *hint = viv_console_get_hint (self->console);
  g_autofree char *subtitle = hint ? g_strdup_printf ("%s · %s", self->address, hint) : NULL;
  g_autofree char *label = NULL;

  adw_window_title_set_title (self->title, title);
  label = g_strdup_printf (_ ("Screen of “%s”"), title);
  viv_console_set_label (self->console, label);
  adw_window_title_set_subtitle (self->title, subtitle ? subtitle : self->address);
  gtk_window_set_title (GTK_WINDOW (self), title);
  gtk_widget_set_sensitive (GTK_WIDGET (self->keys_button), connected);
  gtk_widget_action_set_enabled (widget, "remote.send-clipboard", connected);
  gtk_widget_action_set_enabled (widget, "remote.take-clipboard", self->clipboard != NULL);
  gtk_widget_action_set_enabled (widget, "remote.reconnect", !viv_framebuffer_is_live (self->framebuffer));
  viv_console_set_interactive (self->console, connected);
}

static void
show (VivRemoteWindow *self, const char *page)
{
  gtk_stack_set_visible_child_name (self->stack, page);
  if (g_str_equal (page, "connecting"))
    gtk_spinner_start (self->spinner);
  else
    gtk_spinner_stop (self->spinner);
  update (self);
}

/* -- The connection -- */

static void
on_connected (VivRemoteWindow *self, const char *name)
{
  g_free (self->desktop);
  self->desktop = g_utf8_make_valid (name, -1);
  show (self, "screen");
  gtk_widget_grab_focus (GTK_WIDGET (self->console));
}

static void
on_closed (VivRemoteWindow *self, const char *why)
{
  g_autofree char *sentence = viv_sentence (why ? why : "");
  g_autofree char *escaped = g_markup_escape_text (sentence, -1);

  viv_console_release (self->console);
  /* Nobody waits for the answer any more. */
  if (self->password)
    gtk_window_destroy (self->password);
  adw_status_page_set_description (self->closed, escaped);
  show (self, "closed");
}

static void
on_password_response (AdwMessageDialog *dialog, const char *response, VivRemoteWindow *self)
{
  GtkEditable *entry = g_object_get_data (G_OBJECT (dialog), "entry");

  viv_framebuffer_vnc_password (self->framebuffer,
                                g_str_equal (response, "accept") ? gtk_editable_get_text (entry) : NULL);
}

static void
on_password (VivRemoteWindow *self)
{
  /* Translators: %s is a host, or a host and a port */
  g_autofree char *body = g_strdup_printf (_ ("The screen at %s asks for a password."), self->address);
  AdwMessageDialog *dialog;
  /* Not a GtkPasswordEntry: GTK 4.8 uses one after it is gone if it had the focus in a dialog. */
  GtkWidget *entry = gtk_entry_new ();

  gtk_entry_set_visibility (GTK_ENTRY (entry), FALSE);
  gtk_entry_set_input_purpose (GTK_ENTRY (entry), GTK_INPUT_PURPOSE_PASSWORD);
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Password"), -1);
  dialog = viv_dialog_new (GTK_WINDOW (self), _ ("Password Needed"), body, entry, _ ("_Connect"),
                           ADW_RESPONSE_SUGGESTED);
  g_object_set_data (G_OBJECT (dialog), "entry", entry);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_password_response), self, 0);
  gtk_window_set_destroy_with_parent (GTK_WINDOW (dialog), TRUE);
  g_set_weak_pointer (&self->password, GTK_WINDOW (dialog));
  gtk_window_present (GTK_WINDOW (dialog));
  gtk_widget_grab_focus (entry);
}

static void
on_remote_clipboard (VivRemoteWindow *self, const char *text)
{
  g_free (self->clipboard);
  self->clipboard = text && *text ? g_utf8_make_valid (text, -1) : NULL;
  update (self);
}

static void
connect_now (VivRemoteWindow *self)
{
  show (self, "connecting");
  viv_framebuffer_attach_vnc (self->framebuffer, self->address);
  update (self);
}

/* -- The keyboard -- */

static void
on_input (VivRemoteWindow *self, const InputEvent *event)
{
  viv_framebuffer_input (self->framebuffer, event);
}

/* -- Actions -- */

static void
on_reconnect (GtkWidget *widget, const char *name, GVariant *parameter)
{
  connect_now (VIV_REMOTE_WINDOW (widget));
}

static void
on_clipboard_read (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivRemoteWindow) self = data;
  g_autofree char *text = gdk_clipboard_read_text_finish (GDK_CLIPBOARD (source), result, NULL);

  if (text && *text)
    {
      viv_framebuffer_vnc_clipboard (self->framebuffer, text);
      viv_shell_message (VIV_SHELL (self), _ ("Clipboard sent"));
    }
  else
    viv_shell_message (VIV_SHELL (self), _ ("There is no text in the clipboard"));
}

static void
on_send_clipboard (GtkWidget *widget, const char *name, GVariant *parameter)
{
  gdk_clipboard_read_text_async (gtk_widget_get_clipboard (widget), NULL, on_clipboard_read,
                                 g_object_ref (widget));
}

static void
on_take_clipboard (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivRemoteWindow *self = VIV_REMOTE_WINDOW (widget);

  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget), self->clipboard);
  viv_shell_message (VIV_SHELL (self), _ ("Copied"));
}

/* -- Widget -- */

static void
viv_remote_window_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VivRemoteWindow *self = VIV_REMOTE_WINDOW (object);

  switch (id)
    {
    case PROP_CORRECT_ASPECT:
      g_value_set_boolean (value, !self->square);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_remote_window_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  VivRemoteWindow *self = VIV_REMOTE_WINDOW (object);

  switch (id)
    {
    case PROP_CORRECT_ASPECT:
      self->square = !g_value_get_boolean (value);
      viv_console_set_aspect (self->console, self->square ? VIV_ASPECT_SQUARE : VIV_ASPECT_AUTO);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_remote_window_dispose (GObject *object)
{
  VivRemoteWindow *self = VIV_REMOTE_WINDOW (object);

  if (self->console)
    {
      viv_console_release (self->console);
      g_signal_handlers_disconnect_by_data (self->console, self);
    }
  if (self->framebuffer)
    {
      g_signal_handlers_disconnect_by_data (self->framebuffer, self);
      viv_framebuffer_detach (self->framebuffer);
    }
  self->console = NULL;
  g_clear_weak_pointer (&self->password);
  g_clear_object (&self->framebuffer);
  g_clear_pointer (&self->address, g_free);
  g_clear_pointer (&self->desktop, g_free);
  g_clear_pointer (&self->clipboard, g_free);
  G_OBJECT_CLASS (viv_remote_window_parent_class)->dispose (object);
}

static void
viv_remote_window_class_init (VivRemoteWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_remote_window_dispose;
  VIV_SHELL_WINDOW_CLASS (klass)->shows_screen = shows_screen;
  G_OBJECT_CLASS (klass)->get_property = viv_remote_window_get_property;
  G_OBJECT_CLASS (klass)->set_property = viv_remote_window_set_property;
  props[PROP_CORRECT_ASPECT]
      = g_param_spec_boolean ("correct-aspect", NULL, NULL, TRUE,
                              G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (G_OBJECT_CLASS (klass), N_PROPS, props);
  g_type_ensure (VIV_TYPE_CONSOLE);
  g_type_ensure (VIV_TYPE_HEADER_FLAP);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/vivarium/Vivarium/viv-remote-window.ui");
  gtk_widget_class_bind_template_child (widget_class, VivRemoteWindow, flap);
  gtk_widget_class_bind_template_child (widget_class, VivRemoteWindow, title);
  gtk_widget_class_bind_template_child (widget_class, VivRemoteWindow, keys_button);
  gtk_widget_class_bind_template_child (widget_class, VivRemoteWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, VivRemoteWindow, spinner);
  gtk_widget_class_bind_template_child (widget_class, VivRemoteWindow, closed);
  gtk_widget_class_bind_template_child (widget_class, VivRemoteWindow, console);
  gtk_widget_class_install_property_action (widget_class, "remote.correct-aspect", "correct-aspect");
  gtk_widget_class_install_action (widget_class, "remote.reconnect", NULL, on_reconnect);
  gtk_widget_class_install_action (widget_class, "remote.send-clipboard", NULL, on_send_clipboard);
  gtk_widget_class_install_action (widget_class, "remote.take-clipboard", NULL, on_take_clipboard);
}

static void
viv_remote_window_init (VivRemoteWindow *self)
{
  g_autoptr (GMenuModel) keys = viv_menu_send_chords ();

  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_menu_button_set_menu_model (self->keys_button, keys);
  self->framebuffer = viv_framebuffer_new ();
  g_signal_connect_swapped (self->framebuffer, "connected", G_CALLBACK (on_connected), self);
  g_signal_connect_swapped (self->framebuffer, "closed", G_CALLBACK (on_closed), self);
  g_signal_connect_swapped (self->framebuffer, "password", G_CALLBACK (on_password), self);
  g_signal_connect_swapped (self->framebuffer, "clipboard", G_CALLBACK (on_remote_clipboard), self);
  g_signal_connect_swapped (self->framebuffer, "notify::live", G_CALLBACK (update), self);
  viv_console_set_framebuffer (self->console, self->framebuffer);
  g_signal_connect_swapped (self->console, "input", G_CALLBACK (on_input), self);
  g_signal_connect_swapped (self->console, "notify::hint", G_CALLBACK (update), self);
  viv_grab_hints_attach (self->console);
  viv_console_add_actions (self->console, GTK_WIDGET (self));
  viv_console_set_aspect (self->console, VIV_ASPECT_AUTO);
  viv_header_flap_set_console (self->flap, self->console);
}

GtkWidget *
viv_remote_window_new (GtkApplication *application, const char *address)
{
  VivRemoteWindow *self = g_object_new (VIV_TYPE_REMOTE_WINDOW, "application", application, NULL);
  char *parsed = viv_remote_parse_address (address);

  self->address = parsed ? parsed : g_strdup (address);
  connect_now (self);
  return GTK_WIDGET (self);
}
