/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A screen of a machine: a framebuffer that is connected for as long as the machine is live, and connected again if that breaks.  All that
 * show the same screen show the same framebuffer.
 */
#pragma once

#include "machine/machine.h"
#include "ui/console/viv-framebuffer.h"

G_BEGIN_DECLS

#define VIV_TYPE_SCREEN (viv_screen_get_type ())
G_DECLARE_FINAL_TYPE (VivScreen, viv_screen, VIV, SCREEN, GObject)

/* The machine's screen `id` (the first is 0), made when it is first asked for.  The machine's own; who needs it for longer takes a reference,
 * and sees it stand still when the machine is gone. */
VivScreen *viv_screen_get (VivMachine *machine, guint id);
guint viv_screen_get_id (VivScreen *self);
VivFramebuffer *viv_screen_get_framebuffer (VivScreen *self);

/* How the machine's screens are to be shown: display0.aspect. */
VivAspect viv_screen_aspect (VivMachine *machine);

G_END_DECLS
