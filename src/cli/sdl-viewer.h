/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A bare window on SDL 2: what GTK 4 can't do on its own, a pointer held in the window.
 */
#pragma once

#include "machine/machine.h"

G_BEGIN_DECLS

/* Takes `socket` (AttachScreen).  Returns when the window is closed or the machine ends. */
gboolean sdl_viewer_run (VivMachine *machine, int socket, GError **error);

G_END_DECLS
