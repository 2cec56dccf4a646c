/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The window: the library, and the page of one machine.
 */
#pragma once

#include "ui/app/viv-application.h"

G_BEGIN_DECLS

#define VIV_TYPE_WINDOW (viv_window_get_type ())
G_DECLARE_FINAL_TYPE (VivWindow, viv_window, VIV, WINDOW, AdwApplicationWindow)

VivWindow *viv_window_new (VivApplication *application);
VivLibrary *viv_window_get_library (VivWindow *self);
/* The window that a widget is in. */
VivWindow *viv_window_of (GtkWidget *widget);
/* Shows the page of a machine. */
void viv_window_view (VivWindow *self, VivMachine *machine);
/* By name or UUID; says so if there is none. */
void viv_window_view_name (VivWindow *self, const char *name);
void viv_window_back (VivWindow *self);
/* Puts the focus where it belongs after a dialog about `machine`: on its card, or on its page. */
void viv_window_focus (VivWindow *self, VivMachine *machine);
/* Opens the assistant; `image` may be NULL. */
void viv_window_create_machine (VivWindow *self, GFile *image);
/* Takes the toast. */
void viv_window_toast (VivWindow *self, AdwToast *toast);
void viv_window_dismiss (VivWindow *self, AdwToast *toast);
void viv_window_message (VivWindow *self, const char *text);

G_END_DECLS
