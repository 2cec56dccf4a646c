/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The end of the keyboard's focus while GTK doesn't see it: GDK for X11 takes the window that grabbed the keyboard for the
 * focused one and passes over what the server says meanwhile, so that keys typed into another window would still come to us.
 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef struct VivFocusWatch VivFocusWatch;
typedef void (*VivFocusLostFunc) (gpointer data);

/* Calls `lost`, perhaps more than once, when the focus goes from the window of `widget` (realized) to another one.  NULL where the
 * display system needs no such watch (Wayland). */
VivFocusWatch *viv_focus_watch_new (GtkWidget *widget, VivFocusLostFunc lost, gpointer data);
/* Not from within `lost`. */
void viv_focus_watch_free (VivFocusWatch *watch);

G_END_DECLS
