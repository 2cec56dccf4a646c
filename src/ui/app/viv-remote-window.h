/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A window on a screen that is reached over VNC: a machine of Vivarium on another host, or any other VNC server.
 */
#pragma once

#include "ui/app/viv-shell-window.h"

G_BEGIN_DECLS

#define VIV_TYPE_REMOTE_WINDOW (viv_remote_window_get_type ())
G_DECLARE_FINAL_TYPE (VivRemoteWindow, viv_remote_window, VIV, REMOTE_WINDOW, VivShellWindow)

/* `address` as people and links write it: "host", "host:port", "vnc://host:port/".  Connects at once. */
GtkWidget *viv_remote_window_new (GtkApplication *application, const char *address);
/* The part of a vnc: link or of what was typed that display/vnc-client.h takes; NULL: that can't be an address. */
char *viv_remote_parse_address (const char *text);

G_END_DECLS
