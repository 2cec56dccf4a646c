/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What pages, cards and operations know of the window that they are in: where a message is shown, and how to get to a machine.  Windows
 * implement it; nobody below them includes a window.
 */
#pragma once

#include <adwaita.h>

#include "machine/host.h"

G_BEGIN_DECLS

#define VIV_TYPE_SHELL (viv_shell_get_type ())
G_DECLARE_INTERFACE (VivShell, viv_shell, VIV, SHELL, GtkWindow)

/* What a window leaves out has no effect. */
struct _VivShellInterface
{
  GTypeInterface parent_iface;

  void (*toast) (VivShell *shell, AdwToast *toast);
  void (*dismiss) (VivShell *shell, AdwToast *toast);
  void (*view) (VivShell *shell, VivMachine *machine);
  void (*focus) (VivShell *shell, VivMachine *machine);
  void (*create) (VivShell *shell, GFile *image);
  VivHost *(*get_host) (VivShell *shell);
};

/* The shell that a widget is in; NULL: none. */
VivShell *viv_shell_of (GtkWidget *widget);
/* Takes the toast. */
void viv_shell_toast (VivShell *shell, AdwToast *toast);
void viv_shell_dismiss (VivShell *shell, AdwToast *toast);
/* Any text: it is no markup, and need not be UTF-8. */
void viv_shell_message (VivShell *shell, const char *text);
/* Shows the machine's page. */
void viv_shell_view (VivShell *shell, VivMachine *machine);
/* Puts the focus where it belongs after a dialog about `machine`: on its card, or on its page. */
void viv_shell_focus (VivShell *shell, VivMachine *machine);
/* Opens the assistant; `image` may be NULL. */
void viv_shell_create (VivShell *shell, GFile *image);
/* NULL where there are no machines (the window of a remote screen). */
VivHost *viv_shell_get_host (VivShell *shell);

G_END_DECLS
