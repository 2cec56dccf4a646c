/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine in a window of its own.  A VivShell; it goes when the machine does.
 */
#pragma once

#include "ui/app/viv-shell-window.h"

G_BEGIN_DECLS

#define VIV_TYPE_MACHINE_WINDOW (viv_machine_window_get_type ())
G_DECLARE_FINAL_TYPE (VivMachineWindow, viv_machine_window, VIV, MACHINE_WINDOW, VivShellWindow)

GtkWidget *viv_machine_window_new (GtkApplication *application, VivHost *host, VivMachine *machine);
/* The machine's window; NULL if it has none. */
VivMachineWindow *viv_machine_window_find (GtkApplication *application, VivMachine *machine);

G_END_DECLS
