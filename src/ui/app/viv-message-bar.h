/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Toasts in a bar of their own below what is shown: a machine's last line, where a prompt stands, is not covered by them.
 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define VIV_TYPE_MESSAGE_BAR (viv_message_bar_get_type ())
G_DECLARE_FINAL_TYPE (VivMessageBar, viv_message_bar, VIV, MESSAGE_BAR, AdwBin)

/* Takes the toast, which takes the place of the one that is shown.  Its title, timeout and button count, as in an AdwToastOverlay;
 * adw_toast_dismiss() does nothing for a toast that is in none. */
void viv_message_bar_show (VivMessageBar *self, AdwToast *toast);
/* Nothing if it is not the one that is shown. */
/* What is shown now; NULL: nothing. */
AdwToast *viv_message_bar_get_toast (VivMessageBar *self);
void viv_message_bar_dismiss (VivMessageBar *self, AdwToast *toast);

G_END_DECLS
