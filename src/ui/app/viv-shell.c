/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What pages know of their window.
 */
#define G_LOG_DOMAIN "viv-shell"

#include "ui/app/viv-shell.h"

G_DEFINE_INTERFACE (VivShell, viv_shell, GTK_TYPE_WINDOW)

static void
viv_shell_default_init (VivShellInterface *iface)
{
}

VivShell *
viv_shell_of (GtkWidget *widget)
{
  GtkRoot *root = gtk_widget_get_root (widget);

  return VIV_IS_SHELL (root) ? VIV_SHELL (root) : NULL;
}

void
viv_shell_toast (VivShell *shell, AdwToast *toast)
{
  if (VIV_SHELL_GET_IFACE (shell)->toast)
    VIV_SHELL_GET_IFACE (shell)->toast (shell, toast);
  else
    g_object_unref (toast);
}

void
viv_shell_dismiss (VivShell *shell, AdwToast *toast)
{
  if (VIV_SHELL_GET_IFACE (shell)->dismiss)
    VIV_SHELL_GET_IFACE (shell)->dismiss (shell, toast);
}

void
viv_shell_message (VivShell *shell, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *escaped = g_markup_escape_text (valid, -1);

  viv_shell_toast (shell, adw_toast_new (escaped));
}

void
viv_shell_view (VivShell *shell, VivMachine *machine)
{
  if (VIV_SHELL_GET_IFACE (shell)->view)
    VIV_SHELL_GET_IFACE (shell)->view (shell, machine);
}

void
viv_shell_focus (VivShell *shell, VivMachine *machine)
{
  if (VIV_SHELL_GET_IFACE (shell)->focus)
    VIV_SHELL_GET_IFACE (shell)->focus (shell, machine);
}

void
viv_shell_create (VivShell *shell, GFile *image)
{
  if (VIV_SHELL_GET_IFACE (shell)->create)
    VIV_SHELL_GET_IFACE (shell)->create (shell, image);
}

VivHost *
viv_shell_get_host (VivShell *shell)
{
  return VIV_SHELL_GET_IFACE (shell)->get_host ? VIV_SHELL_GET_IFACE (shell)->get_host (shell) : NULL;
}
