/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The running machine's screen over VNC: on and off, who may reach it, and where it is.
 */
#pragma once

#include <adwaita.h>

#include "machine/machine.h"

G_BEGIN_DECLS

#define VIV_TYPE_VNC_WINDOW (viv_vnc_window_get_type ())
G_DECLARE_FINAL_TYPE (VivVncWindow, viv_vnc_window, VIV, VNC_WINDOW, AdwWindow)

GtkWidget *viv_vnc_window_new (VivMachine *machine);

G_END_DECLS
