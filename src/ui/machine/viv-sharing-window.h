/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The running machine's screen over VNC: on and off, who may reach it, and where it is.
 */
#pragma once

#include <adwaita.h>

#include "machine/machine.h"

G_BEGIN_DECLS

#define VIV_TYPE_SHARING_WINDOW (viv_sharing_window_get_type ())
G_DECLARE_FINAL_TYPE (VivSharingWindow, viv_sharing_window, VIV, SHARING_WINDOW, AdwWindow)

GtkWidget *viv_sharing_window_new (VivMachine *machine);

G_END_DECLS
