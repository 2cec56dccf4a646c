/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The window.
 */
#define G_LOG_DOMAIN "viv-window"

#include "config.h"

#include "ui/app/viv-window.h"

#include "machine/machine-find.h"
#include "ui/create/viv-assistant.h"
#include "ui/app/viv-dialogs.h"
#include "ui/machine/viv-facts-window.h"
#include "ui/library/viv-library-page.h"
#include "ui/machine/viv-machine-page.h"
#include "ui/machine/viv-machine-window.h"
#include "ui/settings/viv-settings-window.h"
#include "ui/library/viv-trash-window.h"
#include "ui/machine/viv-sharing-window.h"
#include "ui/app/viv-preferences.h"

#include <glib/gi18n.h>

#define THUMBNAIL_PERIOD 30 /* seconds between pictures of running machines that are kept on disk */

struct _VivWindow
{
  VivShellWindow parent_instance;

  AdwLeaflet *leaflet;
  VivLibraryPage *library_page;
  VivMachinePage *machine_page;

  VivHost *host;
  gboolean listed; /* the machine that is shown was in the library */
  guint thumbnail_source, follow_source;
};

static void shell_init (VivShellInterface *iface);
static gboolean shows_screen (VivShellWindow *window);

G_DEFINE_FINAL_TYPE_WITH_CODE (VivWindow, viv_window, VIV_TYPE_SHELL_WINDOW,
                               G_IMPLEMENT_INTERFACE (VIV_TYPE_SHELL, shell_init))

static gboolean
machine_shown (VivWindow *self)
{
  return adw_leaflet_get_visible_child (self->leaflet) == GTK_WIDGET (self->machine_page);
}

static void
update_actions (VivWindow *self)
{
  gboolean machine = machine_shown (self);

  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.search", !machine);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.back", machine);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.fullscreen", machine);
}

static void
action_search (GtkWidget *widget, const char *name, GVariant *parameter)
{
  viv_library_page_toggle_search (VIV_WINDOW (widget)->library_page);
}

static void
action_back (GtkWidget *widget, const char *name, GVariant *parameter)
{
  viv_window_back (VIV_WINDOW (widget));
}

static void
action_trash (GtkWidget *widget, const char *name, GVariant *parameter)
{
  GtkWidget *trash = viv_trash_window_new (VIV_WINDOW (widget)->host);

  viv_present_over (GTK_WINDOW (trash), GTK_WINDOW (widget));
}

/* -- Pictures of running machines, for the time when they are off -- */

static void
on_thumbnail_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!viv_machine_finish (VIV_MACHINE (source), result, &error))
    g_debug ("No picture of “%s”: %s", viv_machine_get_name (VIV_MACHINE (source)), error->message);
}

static gboolean
update_thumbnails (gpointer data)
{
  VivWindow *self = data;
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->host));

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (G_LIST_MODEL (self->host), i);

      if (viv_machine_is_live (machine) && viv_machine_get_width (machine) > 0)
        viv_machine_update_thumbnail (machine, NULL, on_thumbnail_done, NULL);
    }
  return G_SOURCE_CONTINUE;
}

/* -- A machine that is deleted or renamed while it is shown -- */

static VivMachine *
find_listed (VivWindow *self, VivMachine *machine, gboolean *same)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->host));
  const char *uuid = viv_machine_get_uuid (machine);
  VivMachine *found = NULL;

  *same = FALSE;
  for (guint i = 0; i < n && !*same; i++)
    {
      g_autoptr (VivMachine) item = g_list_model_get_item (G_LIST_MODEL (self->host), i);

      *same = item == machine;
      if (*same || (!found && uuid && g_strcmp0 (viv_machine_get_uuid (item), uuid) == 0))
        found = item;
    }
  return found; /* the library has it */
}

/* Windows about a machine that isn't any more. */
static void
close_dialogs (VivWindow *self, VivMachine *machine)
{
  g_autolist (GtkWindow) toplevels = gtk_window_list_toplevels ();

  g_list_foreach (toplevels, (GFunc)(GCallback)g_object_ref, NULL);

  /* Held: one that goes takes those over it along. */
  for (GList *l = toplevels; l; l = l->next)
    if (gtk_window_get_transient_for (l->data) == GTK_WINDOW (self)
        && ((VIV_IS_SETTINGS_WINDOW (l->data) && viv_settings_window_get_machine (l->data) == machine)
            || VIV_IS_FACTS_WINDOW (l->data) || VIV_IS_SHARING_WINDOW (l->data)))
      gtk_window_destroy (l->data);
}

static gboolean
on_follow (gpointer data)
{
  VivWindow *self = data;
  VivMachine *shown = viv_machine_page_get_machine (self->machine_page);
  g_autoptr (VivMachine) machine = shown ? g_object_ref (shown) : NULL;
  gboolean same;
  VivMachine *found;

  self->follow_source = 0;
  if (!machine || !self->listed)
    return G_SOURCE_REMOVE;
  found = find_listed (self, machine, &same);
  if (same)
    return G_SOURCE_REMOVE;
  close_dialogs (self, machine);
  if (!machine_shown (self))
    viv_machine_page_set_machine (self->machine_page, NULL);
  else if (found)
    viv_window_view (self, found);
  else
    {
      /* Translators: %s is a machine's name */
      g_autofree char *text
          = g_strdup_printf (_ ("“%s” was deleted elsewhere"), viv_machine_get_name (machine));

      viv_window_back (self);
      viv_machine_page_set_machine (self->machine_page, NULL);
      viv_shell_message (VIV_SHELL (self), text);
    }
  return G_SOURCE_REMOVE;
}

/* A renamed machine goes and comes again under its new name: look when both have happened. */
static void
on_library_changed (VivWindow *self)
{
  if (!self->follow_source)
    self->follow_source = g_idle_add (on_follow, self);
}

/* -- Closing -- */

static guint
count_running (VivWindow *self)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->host)), running = 0;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (G_LIST_MODEL (self->host), i);

      running += viv_machine_is_busy (machine);
    }
  return running;
}

/* The first time, say that closing a window is not switching off. */
static void
tell_running (VivWindow *self)
{
  g_autoptr (GNotification) notification = NULL;
  g_autofree char *body = NULL;
  guint running = count_running (self);
  GtkApplication *application = gtk_window_get_application (GTK_WINDOW (self));

  if (!running || !application || g_settings_get_boolean (viv_settings (), "keep-running-told"))
    return;
  g_settings_set_boolean (viv_settings (), "keep-running-told", TRUE);
  notification = g_notification_new (_ ("Machines Keep Running"));
  body = g_strdup_printf (ngettext ("%u machine runs on in the background. Open Vivarium to see it again.",
                                    "%u machines run on in the background. Open Vivarium to see them again.",
                                    running),
                          running);
  g_notification_set_body (notification, body);
  g_application_send_notification (G_APPLICATION (application), "running", notification);
}

/* -- Help -- */

static GtkWidget *
find_shortcut (GtkWidget *widget, const char *id)
{
  if (GTK_IS_SHORTCUTS_SHORTCUT (widget)
      && g_strcmp0 (gtk_buildable_get_buildable_id (GTK_BUILDABLE (widget)), id) == 0)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find_shortcut (child, id);

      if (found)
        return found;
    }
  return NULL;
}

/* The keys that are set, not those that are set at first. */
static void
show_release_keys (VivWindow *self)
{
  static const char *const keys[]
      = { "Control_L+Alt_L", "Control_L+Shift_L", "Control_L+Super_L", "Control_R" };
  GtkShortcutsWindow *help = gtk_application_window_get_help_overlay (GTK_APPLICATION_WINDOW (self));
  GtkWidget *shortcut = help ? find_shortcut (GTK_WIDGET (help), "release") : NULL;
  int chord = g_settings_get_enum (viv_settings (), "release-keys");

  if (shortcut)
    g_object_set (shortcut, "accelerator", keys[CLAMP (chord, 0, (int)G_N_ELEMENTS (keys) - 1)], NULL);
}

static gboolean
viv_window_close_request (GtkWindow *window)
{
  VivWindow *self = VIV_WINDOW (window);
  GSettings *settings = viv_settings ();
  int width, height;

  if (!gtk_window_is_fullscreen (window))
    {
      gtk_window_get_default_size (window, &width, &height);
      g_settings_set_int (settings, "window-width", CLAMP (width, 360, 16384));
      g_settings_set_int (settings, "window-height", CLAMP (height, 294, 16384));
      g_settings_set_boolean (settings, "window-maximized", gtk_window_is_maximized (window));
    }
  tell_running (self);
  return GTK_WINDOW_CLASS (viv_window_parent_class)->close_request (window);
}

static void
viv_window_dispose (GObject *object)
{
  VivWindow *self = VIV_WINDOW (object);

  g_clear_handle_id (&self->thumbnail_source, g_source_remove);
  g_clear_handle_id (&self->follow_source, g_source_remove);
  if (self->host)
    g_signal_handlers_disconnect_by_data (self->host, self);
  if (self->machine_page)
    viv_machine_page_set_machine (self->machine_page, NULL);
  gtk_widget_dispose_template (GTK_WIDGET (object), VIV_TYPE_WINDOW);
  g_clear_object (&self->host);
  G_OBJECT_CLASS (viv_window_parent_class)->dispose (object);
}

static void
viv_window_class_init (VivWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_window_dispose;
  GTK_WINDOW_CLASS (klass)->close_request = viv_window_close_request;
  VIV_SHELL_WINDOW_CLASS (klass)->shows_screen = shows_screen;
  g_type_ensure (VIV_TYPE_LIBRARY_PAGE);
  g_type_ensure (VIV_TYPE_MACHINE_PAGE);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/vivarium/Vivarium/viv-window.ui");
  gtk_widget_class_bind_template_child (widget_class, VivWindow, leaflet);
  gtk_widget_class_bind_template_child (widget_class, VivWindow, library_page);
  gtk_widget_class_bind_template_child (widget_class, VivWindow, machine_page);
  gtk_widget_class_install_action (widget_class, "win.search", NULL, action_search);
  gtk_widget_class_install_action (widget_class, "win.back", NULL, action_back);
  gtk_widget_class_install_action (widget_class, "win.trash", NULL, action_trash);
}

static void
viv_window_init (VivWindow *self)
{
  GSettings *settings = viv_settings ();

  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_window_set_default_size (GTK_WINDOW (self), g_settings_get_int (settings, "window-width"),
                               g_settings_get_int (settings, "window-height"));
  if (g_settings_get_boolean (settings, "window-maximized"))
    gtk_window_maximize (GTK_WINDOW (self));
  g_signal_connect_swapped (self->leaflet, "notify::visible-child", G_CALLBACK (update_actions), self);
  update_actions (self);
  self->thumbnail_source = g_timeout_add_seconds (THUMBNAIL_PERIOD, update_thumbnails, self);
}

VivWindow *
viv_window_new (GtkApplication *application, VivHost *host)
{
  VivWindow *self = g_object_new (VIV_TYPE_WINDOW, "application", application, NULL);

  self->host = g_object_ref (host);
  g_signal_connect_swapped (self->host, "items-changed", G_CALLBACK (on_library_changed), self);
  g_signal_connect_object (viv_settings (), "changed::release-keys", G_CALLBACK (show_release_keys), self,
                           G_CONNECT_SWAPPED);
  show_release_keys (self);
  viv_library_page_set_host (self->library_page, self->host);
  viv_library_page_focus (self->library_page, NULL);
  return self;
}

void
viv_window_view (VivWindow *self, VivMachine *machine)
{
  gboolean same;

  find_listed (self, machine, &same);
  self->listed = same;
  viv_machine_page_set_machine (self->machine_page, machine);
  adw_leaflet_set_visible_child (self->leaflet, GTK_WIDGET (self->machine_page));
  gtk_window_set_title (GTK_WINDOW (self), viv_machine_get_name (machine));
  viv_machine_page_focus (self->machine_page);
}

void
viv_window_view_name (VivWindow *self, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) machine = viv_host_find (self->host, name, NULL);

  if (!machine)
    machine = viv_find_machine (name, &error);
  if (machine)
    viv_window_view (self, machine);
  else
    viv_show_error (GTK_WINDOW (self), _ ("There Is No Such Machine"), error->message, NULL);
}

void
viv_window_back (VivWindow *self)
{
  VivMachine *machine = viv_machine_page_get_machine (self->machine_page);

  if (!machine_shown (self))
    return;
  if (machine && viv_machine_is_live (machine))
    viv_machine_update_thumbnail (machine, NULL, on_thumbnail_done, NULL);
  if (gtk_window_is_fullscreen (GTK_WINDOW (self)))
    gtk_window_unfullscreen (GTK_WINDOW (self));
  adw_leaflet_set_visible_child (self->leaflet, GTK_WIDGET (self->library_page));
  gtk_window_set_title (GTK_WINDOW (self), "Vivarium");
  viv_library_page_focus (self->library_page, machine);
}

void
viv_window_create_machine (VivWindow *self, GFile *image)
{
  GtkWidget *assistant = viv_assistant_new (self->host);

  viv_present_over (GTK_WINDOW (assistant), GTK_WINDOW (self));
  if (image)
    viv_assistant_set_image (VIV_ASSISTANT (assistant), image);
}

/* -- What pages know of us -- */

static gboolean
shows_screen (VivShellWindow *window)
{
  VivWindow *self = VIV_WINDOW (window);
  VivMachine *machine = viv_machine_page_get_machine (self->machine_page);

  return machine_shown (self) && machine && viv_machine_is_live (machine);
}

/* A machine that has a window of its own is shown there. */
static void
view_machine (VivShell *shell, VivMachine *machine)
{
  GtkApplication *application = gtk_window_get_application (GTK_WINDOW (shell));
  VivMachineWindow *own = application ? viv_machine_window_find (application, machine) : NULL;

  if (own)
    gtk_window_present (GTK_WINDOW (own));
  else
    viv_window_view (VIV_WINDOW (shell), machine);
}

static void
focus_machine (VivShell *shell, VivMachine *machine)
{
  VivWindow *self = VIV_WINDOW (shell);

  if (machine_shown (self))
    viv_machine_page_focus (self->machine_page);
  else
    viv_library_page_focus (self->library_page, machine);
}

static void
create_machine (VivShell *shell, GFile *image)
{
  viv_window_create_machine (VIV_WINDOW (shell), image);
}

static VivHost *
get_host (VivShell *shell)
{
  return VIV_WINDOW (shell)->host;
}

static void
shell_init (VivShellInterface *iface)
{
  iface->view = view_machine;
  iface->focus = focus_machine;
  iface->create = create_machine;
  iface->get_host = get_host;
}
