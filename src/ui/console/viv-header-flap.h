/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A header bar over what it belongs to.  In full screen, while the machine has the keyboard, it lies above the content and comes when the
 * pointer rests at the upper edge (viv-reveal.h).
 *
 * Properties: "header" (an AdwHeaderBar), "content".  Signal: "fullscreen-changed" (boolean).
 */
#pragma once

#include "ui/console/viv-console.h"

G_BEGIN_DECLS

#define VIV_TYPE_HEADER_FLAP (viv_header_flap_get_type ())
G_DECLARE_FINAL_TYPE (VivHeaderFlap, viv_header_flap, VIV, HEADER_FLAP, AdwBin)

/* Whose grab hides the bar; not kept alive. */
void viv_header_flap_set_console (VivHeaderFlap *self, VivConsole *console);
gboolean viv_header_flap_is_fullscreen (VivHeaderFlap *self);

G_END_DECLS
