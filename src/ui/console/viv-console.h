/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's screen with all that belongs to it wherever it is shown: what a person prefers (keys that release, scaling), the words that say
 * how to get out, chords that can be sent, and the keyboard: while the guest has it no accelerator of the window fires, of this window alone.
 *
 * Signals: "input" (const InputEvent *), as the view has it; "tell" (text), once for the keyboard and once for the pointer: how to get it
 * back.  Properties: "grabbed", "locked"; "hint": how to get out, NULL while nothing is held; "scaling": "fit" or "exact".
 */
#pragma once

#include <adwaita.h>

#include "ui/console/viv-framebuffer.h"
#include "ui/console/viv-grab.h"

G_BEGIN_DECLS

#define VIV_TYPE_CONSOLE (viv_console_get_type ())
G_DECLARE_FINAL_TYPE (VivConsole, viv_console, VIV, CONSOLE, AdwBin)

GtkWidget *viv_console_new (void);
/* Follows release-keys, release-in-turn and grab-keyboard; scaling begins as it says. */
void viv_console_set_settings (VivConsole *self, GSettings *settings);
/* "console.send-keys" (s: a chord), "console.scaling" (s), "console.release": on a widget that has the menus, too, as "console". */
void viv_console_add_actions (VivConsole *self, GtkWidget *widget);
void viv_console_set_framebuffer (VivConsole *self, VivFramebuffer *framebuffer);
void viv_console_set_label (VivConsole *self, const char *label);
void viv_console_set_aspect (VivConsole *self, VivAspect aspect);
void viv_console_set_absolute (VivConsole *self, gboolean absolute);
/* Whether it has a touchscreen. */
void viv_console_set_touchscreen (VivConsole *self, gboolean touchscreen);
/* FALSE: nothing goes to the guest. */
void viv_console_set_interactive (VivConsole *self, gboolean interactive);
gboolean viv_console_get_grabbed (VivConsole *self);
gboolean viv_console_get_locked (VivConsole *self);
const char *viv_console_get_hint (VivConsole *self);
/* Keyboard and pointer are the person's. */
void viv_console_release (VivConsole *self);

G_END_DECLS
