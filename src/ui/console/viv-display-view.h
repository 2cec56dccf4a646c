/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's screen with the policy around it: who has the keyboard, how to get it back, whether the pointer is held,
 * how the picture is scaled and scrolled.  Knows no machine; what the guest is to get comes out as "input".
 */
#pragma once

#include <adwaita.h>

#include "ui/console/viv-framebuffer.h"
#include "ui/console/viv-grab.h"

G_BEGIN_DECLS

#define VIV_TYPE_DISPLAY_VIEW (viv_display_view_get_type ())
G_DECLARE_FINAL_TYPE (VivDisplayView, viv_display_view, VIV, DISPLAY_VIEW, AdwBin)

/* Properties: "grabbed" (b, read only): keys go to the guest;  "locked" (b, read only): the pointer is held.
 * Signals: "input" (const InputEvent *).
 * Action: "display.release", viv_display_view_release() for what has the focus within. */
GtkWidget *viv_display_view_new (void);
void viv_display_view_set_framebuffer (VivDisplayView *self, VivFramebuffer *framebuffer);
/* What a screen reader says it is. */
void viv_display_view_set_label (VivDisplayView *self, const char *label);
void viv_display_view_set_scaling (VivDisplayView *self, VivScaling scaling);
VivScaling viv_display_view_get_scaling (VivDisplayView *self);
/* VIV_ASPECT_SQUARE at first. */
void viv_display_view_set_aspect (VivDisplayView *self, VivAspect aspect);
/* Whether the guest has a pointing device with absolute positions: then the pointer needs no lock. */
void viv_display_view_set_absolute (VivDisplayView *self, gboolean absolute);
/* Whether it has a touchscreen: fingers are that's then, and else the pointer's left button. */
void viv_display_view_set_touchscreen (VivDisplayView *self, gboolean touchscreen);
/* `in_turn`: its keys one after another do it too. */
void viv_display_view_set_chord (VivDisplayView *self, VivChord chord, gboolean in_turn);
/* Whether the desktop's own shortcuts (Super, Alt+Tab) go to the guest too. */
void viv_display_view_set_inhibit_shortcuts (VivDisplayView *self, gboolean inhibit);
/* FALSE: nothing is taken (the machine is off or paused). */
void viv_display_view_set_interactive (VivDisplayView *self, gboolean interactive);
gboolean viv_display_view_get_grabbed (VivDisplayView *self);
gboolean viv_display_view_get_locked (VivDisplayView *self);
/* Gives keyboard and pointer back; keys that the guest holds are released. */
void viv_display_view_release (VivDisplayView *self);

G_END_DECLS
