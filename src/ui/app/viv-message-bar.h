/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Toasts, in a bar of their own below what is shown (a machine's last line, where a prompt stands, is not covered by them) or
 * floating over its lower end.  AdwToastOverlay of libadwaita 1.2 is not used: a toast that goes while it still comes is freed twice.
 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define VIV_TYPE_MESSAGE_BAR (viv_message_bar_get_type ())
G_DECLARE_FINAL_TYPE (VivMessageBar, viv_message_bar, VIV, MESSAGE_BAR, AdwBin)

/* A bar that floats over `child`, which it takes; returns what goes in the child's place, floating.  `bar` is borrowed of it. */
GtkWidget *viv_message_bar_over (GtkWidget *child, VivMessageBar **bar);
/* The same over all that the window holds; borrowed of it. */
VivMessageBar *viv_message_bar_over_window (AdwWindow *window);

/* Takes the toast, which takes the place of the one that is shown; what had something to press comes back afterwards.  Its title,
 * timeout (not counted while the pointer or the focus is on it) and button count, as in an AdwToastOverlay; adw_toast_dismiss() does
 * nothing for a toast that is in none. */
void viv_message_bar_show (VivMessageBar *self, AdwToast *toast);
/* What is shown now; NULL: nothing. */
AdwToast *viv_message_bar_get_toast (VivMessageBar *self);
/* Nothing if it is neither shown nor waiting. */
void viv_message_bar_dismiss (VivMessageBar *self, AdwToast *toast);

G_END_DECLS
