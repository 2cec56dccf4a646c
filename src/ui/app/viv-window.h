/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The window: the library, and the page of one machine.  A VivShell.
 */
#pragma once

#include "ui/app/viv-shell-window.h"

G_BEGIN_DECLS

#define VIV_TYPE_WINDOW (viv_window_get_type ())
G_DECLARE_FINAL_TYPE (VivWindow, viv_window, VIV, WINDOW, VivShellWindow)

VivWindow *viv_window_new (GtkApplication *application, VivHost *host);
/* Shows the page of a machine. */
void viv_window_view (VivWindow *self, VivMachine *machine);
/* By name or UUID; says so if there is none. */
void viv_window_view_name (VivWindow *self, const char *name);
void viv_window_back (VivWindow *self);
/* Opens the assistant; `image` may be NULL. */
void viv_window_create_machine (VivWindow *self, GFile *image);

G_END_DECLS
