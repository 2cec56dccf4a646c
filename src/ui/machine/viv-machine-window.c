/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine in a window of its own.
 */
#define G_LOG_DOMAIN "viv-machine-window"

#include "config.h"

#include "ui/machine/viv-machine-window.h"

#include "ui/machine/viv-machine-page.h"

#define WIDTH  800
#define HEIGHT 640

struct _VivMachineWindow
{
  VivShellWindow parent_instance;

  VivMachinePage *page;

  VivHost *host;
  guint follow_source;
};

static void shell_init (VivShellInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (VivMachineWindow, viv_machine_window, VIV_TYPE_SHELL_WINDOW,
                               G_IMPLEMENT_INTERFACE (VIV_TYPE_SHELL, shell_init))

/* -- The machine -- */

static void
show_name (VivMachineWindow *self)
{
  gtk_window_set_title (GTK_WINDOW (self), viv_machine_get_name (viv_machine_page_get_machine (self->page)));
}

static void
set_machine (VivMachineWindow *self, VivMachine *machine)
{
  VivMachine *old = viv_machine_page_get_machine (self->page);

  if (old)
    g_signal_handlers_disconnect_by_data (old, self);
  viv_machine_page_set_machine (self->page, machine);
  if (!machine)
    return;
  g_signal_connect_swapped (machine, "notify::name", G_CALLBACK (show_name), self);
  show_name (self);
}

/* Renamed, it is another object with the same UUID; deleted, it has no window any more. */
static gboolean
on_follow (gpointer data)
{
  VivMachineWindow *self = data;
  VivMachine *machine = viv_machine_page_get_machine (self->page);
  const char *uuid = machine ? viv_machine_get_uuid (machine) : NULL;
  g_autoptr (VivMachine) found = uuid ? viv_host_find (self->host, uuid, NULL) : NULL;

  self->follow_source = 0;
  if (!found)
    gtk_window_destroy (GTK_WINDOW (self));
  else if (found != machine)
    set_machine (self, found);
  return G_SOURCE_REMOVE;
}

static void
on_library_changed (VivMachineWindow *self)
{
  if (!self->follow_source)
    self->follow_source = g_idle_add (on_follow, self);
}

/* -- What the page knows of us -- */

static gboolean
shows_screen (VivShellWindow *window)
{
  VivMachine *machine = viv_machine_page_get_machine (VIV_MACHINE_WINDOW (window)->page);

  return machine && viv_machine_is_live (machine);
}

static void
view_machine (VivShell *shell, VivMachine *machine)
{
  VivMachineWindow *self = VIV_MACHINE_WINDOW (shell);
  GtkApplication *application = gtk_window_get_application (GTK_WINDOW (shell));

  if (machine == viv_machine_page_get_machine (self->page))
    viv_machine_page_focus (self->page);
  else if (application && viv_machine_get_uuid (machine))
    g_action_group_activate_action (G_ACTION_GROUP (application), "view",
                                    g_variant_new_string (viv_machine_get_uuid (machine)));
}

static void
focus_machine (VivShell *shell, VivMachine *machine)
{
  viv_machine_page_focus (VIV_MACHINE_WINDOW (shell)->page);
}

static void
create_machine (VivShell *shell, GFile *image)
{
  GtkApplication *application = gtk_window_get_application (GTK_WINDOW (shell));

  if (application && image)
    g_application_open (G_APPLICATION (application), &image, 1, "");
}

static VivHost *
get_host (VivShell *shell)
{
  return VIV_MACHINE_WINDOW (shell)->host;
}

static void
shell_init (VivShellInterface *iface)
{
  iface->view = view_machine;
  iface->focus = focus_machine;
  iface->create = create_machine;
  iface->get_host = get_host;
}

/* -- Widget -- */

static void
viv_machine_window_dispose (GObject *object)
{
  VivMachineWindow *self = VIV_MACHINE_WINDOW (object);

  g_clear_handle_id (&self->follow_source, g_source_remove);
  if (self->host)
    g_signal_handlers_disconnect_by_data (self->host, self);
  g_clear_object (&self->host);
  if (self->page)
    set_machine (self, NULL);
  self->page = NULL;
  G_OBJECT_CLASS (viv_machine_window_parent_class)->dispose (object);
}

static void
viv_machine_window_class_init (VivMachineWindowClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_machine_window_dispose;
  VIV_SHELL_WINDOW_CLASS (klass)->shows_screen = shows_screen;
}

static void
viv_machine_window_init (VivMachineWindow *self)
{
  self->page = g_object_new (VIV_TYPE_MACHINE_PAGE, "own-window", TRUE, NULL);
  g_object_set (self, "page", self->page, NULL);
  gtk_window_set_default_size (GTK_WINDOW (self), WIDTH, HEIGHT);
}

GtkWidget *
viv_machine_window_new (GtkApplication *application, VivHost *host, VivMachine *machine)
{
  VivMachineWindow *self = g_object_new (VIV_TYPE_MACHINE_WINDOW, "application", application, NULL);

  self->host = g_object_ref (host);
  g_signal_connect_swapped (host, "items-changed", G_CALLBACK (on_library_changed), self);
  set_machine (self, machine);
  viv_machine_page_focus (self->page);
  return GTK_WIDGET (self);
}

VivMachineWindow *
viv_machine_window_find (GtkApplication *application, VivMachine *machine)
{
  for (GList *l = gtk_application_get_windows (application); l; l = l->next)
    if (VIV_IS_MACHINE_WINDOW (l->data)
        && viv_machine_page_get_machine (VIV_MACHINE_WINDOW (l->data)->page) == machine)
      return l->data;
  return NULL;
}
