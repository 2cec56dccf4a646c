/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machines that were deleted: they stay until the person says otherwise, and can be taken back.
 */
#pragma once

#include "ui/app/viv-shell.h"

G_BEGIN_DECLS

#define VIV_TYPE_TRASH_WINDOW (viv_trash_window_get_type ())
G_DECLARE_FINAL_TYPE (VivTrashWindow, viv_trash_window, VIV, TRASH_WINDOW, AdwWindow)

GtkWidget *viv_trash_window_new (VivHost *host);

G_END_DECLS
