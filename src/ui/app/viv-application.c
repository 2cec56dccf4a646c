/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The application.
 */
#define G_LOG_DOMAIN "viv-application"

#include "config.h"

#include "ui/app/viv-application.h"

#include "machine/local-host.h"
#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-preferences-window.h"
#include "ui/app/viv-preferences.h"
#include "ui/app/viv-renderer.h"
#include "ui/app/viv-remote-window.h"
#include "ui/app/viv-watcher.h"
#include "ui/app/viv-window.h"
#include "ui/machine/viv-machine-window.h"

#include <glib/gi18n.h>

struct _VivApplication
{
  AdwApplication parent_instance;

  VivHost *host;
  VivWatcher *watcher;
};

G_DEFINE_FINAL_TYPE (VivApplication, viv_application, ADW_TYPE_APPLICATION)

static const struct
{
  const char *action;
  const char *accels[3];
} accels[] = {
  { "app.quit", { "<Control>q" } },
  { "app.preferences", { "<Control>comma" } },
  { "app.create", { "<Control>n" } },
  { "app.connect", { "<Control><Shift>n" } },
  { "win.show-help-overlay", { "<Control>question" } },
  { "win.search", { "<Control>f" } },
  { "win.trash", { "<Control><Shift>d" } },
  { "win.back", { "<Alt>Left", "Back" } },
  { "win.fullscreen", { "F11" } },
  { "window.close", { "<Control>w" } },
  { "machine.start", { "<Control>Return" } },
  { "machine.pause", { "<Control>p" } },
  { "machine.resume", { "<Control>r" } },
  { "machine.reset", { "<Control><Shift>r" } },
  { "machine.power-off", { "<Control>o" } },
  { "machine.force-off", { "<Control><Shift>o" } },
  { "machine.screenshot", { "<Control>s" } },
  { "machine.type-clipboard", { "<Control><Shift>v" } },
  { "machine.show-keys", { "<Control>k" } },
  { "machine.show-media", { "<Control>e" } },
  { "console.scaling::fit", { "<Control>0" } },
  { "console.scaling::exact", { "<Control>1" } },
  { "machine.settings", { "<Alt>Return" } },
  { "machine.facts", { "<Control>i" } },
  { "machine.look-inside", { "<Control><Shift>l" } },
  { "machine.open-window", { "<Control><Shift>w" } },
  { "machine.share", { "<Control><Shift>s" } },
  { "machine.open-folder", { "<Control>l" } },
};

static VivWindow *
ensure_window (VivApplication *self)
{
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (self));

  for (GList *l = gtk_application_get_windows (GTK_APPLICATION (self)); l; l = l->next)
    if (VIV_IS_WINDOW (l->data))
      return l->data;
  window = GTK_WINDOW (viv_window_new (GTK_APPLICATION (self), viv_application_get_host (self)));
  return VIV_WINDOW (window);
}

static void
action_create (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivWindow *window = ensure_window (data);

  gtk_window_present (GTK_WINDOW (window));
  viv_window_create_machine (window, NULL);
}

/* -- Screens elsewhere -- */

static void
view_screen (VivApplication *self, const char *address)
{
  gtk_window_present (GTK_WINDOW (viv_remote_window_new (GTK_APPLICATION (self), address)));
}

static char *
check_address (const char *text, gpointer owner, gpointer about)
{
  g_autofree char *address = viv_remote_parse_address (text);

  return address ? NULL : g_strdup (_ ("Enter a host, or a host and a port: example.org:5901"));
}

static void
accepted_address (const char *text, gpointer owner, gpointer about)
{
  g_settings_set_string (viv_settings (), "screen-address", text);
  view_screen (owner, text);
}

static void
action_connect (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivWindow *window = ensure_window (data);
  g_autofree char *last = g_settings_get_string (viv_settings (), "screen-address");

  gtk_window_present (GTK_WINDOW (window));
  viv_ask_text (GTK_WINDOW (window), _ ("Connect to a Screen"), last, _ ("_Connect"), check_address,
                accepted_address, data, NULL, NULL);
}

static gboolean
is_screen (const char *text)
{
  return g_ascii_strncasecmp (text, "vnc://", 6) == 0;
}

static void
action_preferences (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  GtkWidget *preferences = viv_preferences_window_new ();

  viv_present_over (GTK_WINDOW (preferences), GTK_WINDOW (ensure_window (data)));
}

static void
action_about (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  viv_show_about (GTK_WINDOW (ensure_window (data)));
}

/* Only our windows go: machines are processes of their own and run on. */
static void
action_quit (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  GList *windows;

  while ((windows = gtk_application_get_windows (data)))
    {
      g_autoptr (GtkWindow) window = g_object_ref (windows->data);

      /* Asked first: its size is kept, and what runs on is said. */
      gtk_window_close (window);
      gtk_window_destroy (window);
    }
}

/* By name or UUID: from a notification, for instance. */
static void
action_view (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivWindow *window = ensure_window (data);

  gtk_window_present (GTK_WINDOW (window));
  viv_window_view_name (window, g_variant_get_string (parameter, NULL));
}

/* In a window of its own. */
static void
action_open_window (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivApplication *self = data;
  g_autoptr (VivMachine) machine
      = viv_host_find (viv_application_get_host (self), g_variant_get_string (parameter, NULL), NULL);
  VivMachineWindow *window = machine ? viv_machine_window_find (GTK_APPLICATION (self), machine) : NULL;

  if (!machine)
    return;
  if (!window)
    window = VIV_MACHINE_WINDOW (
        viv_machine_window_new (GTK_APPLICATION (self), viv_application_get_host (self), machine));
  gtk_window_present (GTK_WINDOW (window));
}

static const GActionEntry actions[] = {
  { "connect", action_connect },
  { "create", action_create },
  { "preferences", action_preferences },
  { "about", action_about },
  { "quit", action_quit },
  { "view", action_view, "s" },
  { "open-window", action_open_window, "s" },
};

static void
update_color_scheme (GSettings *settings, const char *key, gpointer data)
{
  static const AdwColorScheme schemes[]
      = { ADW_COLOR_SCHEME_DEFAULT, ADW_COLOR_SCHEME_FORCE_LIGHT, ADW_COLOR_SCHEME_FORCE_DARK };
  int choice = g_settings_get_enum (viv_settings (), "color-scheme");

  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), schemes[CLAMP (choice, 0, 2)]);
}

static void
viv_application_startup (GApplication *application)
{
  VivApplication *self = VIV_APPLICATION (application);

  G_APPLICATION_CLASS (viv_application_parent_class)->startup (application);
  viv_renderer_choose (gdk_display_get_default ());
  gtk_window_set_default_icon_name (APP_ID);
  gtk_icon_theme_add_resource_path (gtk_icon_theme_get_for_display (gdk_display_get_default ()),
                                    "/org/vivarium/Vivarium/icons");
  g_signal_connect (viv_settings (), "changed::color-scheme", G_CALLBACK (update_color_scheme), NULL);
  update_color_scheme (NULL, NULL, NULL);
  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  for (unsigned i = 0; i < G_N_ELEMENTS (accels); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (self), accels[i].action, accels[i].accels);
}

static void
viv_application_activate (GApplication *application)
{
  gtk_window_present (GTK_WINDOW (ensure_window (VIV_APPLICATION (application))));
}

/* An image that is opened is an image to make a machine from; a vnc: link is a screen to be seen. */
static void
viv_application_open (GApplication *application, GFile **files, int n_files, const char *hint)
{
  g_autofree char *uri = n_files > 0 ? g_file_get_uri (files[0]) : NULL;
  VivWindow *window;

  if (uri && is_screen (uri))
    {
      view_screen (VIV_APPLICATION (application), uri);
      return;
    }
  window = ensure_window (VIV_APPLICATION (application));
  gtk_window_present (GTK_WINDOW (window));
  if (n_files > 0)
    viv_window_create_machine (window, files[0]);
}

static int
viv_application_command_line (GApplication *application, GApplicationCommandLine *line)
{
  GVariantDict *options = g_application_command_line_get_options_dict (line);
  VivWindow *window;
  g_auto (GStrv) arguments = NULL;
  const char *view = NULL, *file = NULL;
  gboolean create = FALSE;

  g_variant_dict_lookup (options, "view", "&s", &view);
  g_variant_dict_lookup (options, "new", "^&ay", &file);
  g_variant_dict_lookup (options, "create", "b", &create);
  arguments = g_application_command_line_get_arguments (line, NULL);
  if (!file && arguments[0] && arguments[1])
    file = arguments[1];
  if (file && is_screen (file))
    {
      view_screen (VIV_APPLICATION (application), file);
      return 0;
    }
  window = ensure_window (VIV_APPLICATION (application));
  gtk_window_present (GTK_WINDOW (window));

  if (view)
    viv_window_view_name (window, view);
  if (file)
    {
      g_autoptr (GFile) image = g_application_command_line_create_file_for_arg (line, file);

      viv_window_create_machine (window, image);
    }
  else if (create)
    viv_window_create_machine (window, NULL);
  return 0;
}

static int
viv_application_handle_local_options (GApplication *application, GVariantDict *options)
{
  if (g_variant_dict_contains (options, "version"))
    {
      g_print ("Vivarium %s\n", PACKAGE_VERSION);
      return 0;
    }
  return -1;
}

static void
viv_application_shutdown (GApplication *application)
{
  G_APPLICATION_CLASS (viv_application_parent_class)->shutdown (application);
  g_clear_pointer (&VIV_APPLICATION (application)->watcher, viv_watcher_free);
  g_clear_object (&VIV_APPLICATION (application)->host);
}

static void
viv_application_class_init (VivApplicationClass *klass)
{
  GApplicationClass *class = G_APPLICATION_CLASS (klass);

  class->startup = viv_application_startup;
  class->activate = viv_application_activate;
  class->open = viv_application_open;
  class->command_line = viv_application_command_line;
  class->handle_local_options = viv_application_handle_local_options;
  class->shutdown = viv_application_shutdown;
}

static void
viv_application_init (VivApplication *self)
{
  static const GOptionEntry options[] = {
    { "view", 0, 0, G_OPTION_ARG_STRING, NULL, N_ ("Show the machine with this name or UUID"),
      N_ ("MACHINE") },
    { "new", 0, 0, G_OPTION_ARG_FILENAME, NULL, N_ ("Create a machine from this image"), N_ ("FILE") },
    { "create", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("Create a machine"), NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, NULL, N_ ("Print the version and exit"), NULL },
    { NULL },
  };

  g_application_add_main_option_entries (G_APPLICATION (self), options);
  g_application_set_option_context_parameter_string (G_APPLICATION (self), _ ("[IMAGE|vnc://HOST:PORT]"));
  g_application_set_option_context_summary (G_APPLICATION (self),
                                            _ ("Create, run and watch virtual machines"));
}

VivApplication *
viv_application_new (void)
{
  return g_object_new (VIV_TYPE_APPLICATION, "application-id", APP_ID, "resource-base-path",
                       "/org/vivarium/Vivarium", "flags",
                       G_APPLICATION_HANDLES_OPEN | G_APPLICATION_HANDLES_COMMAND_LINE, NULL);
}

VivHost *
viv_application_get_host (VivApplication *self)
{
  if (!self->host)
    {
      self->host = VIV_HOST (viv_local_host_new (NULL));
      self->watcher = viv_watcher_new (GTK_APPLICATION (self), self->host);
    }
  return self->host;
}
