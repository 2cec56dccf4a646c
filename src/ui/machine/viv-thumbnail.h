/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's screen, small: live while it runs, its last picture while it is off, a glyph before it ever ran.
 */
#pragma once

#include "machine/machine.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define VIV_TYPE_THUMBNAIL (viv_thumbnail_get_type ())
G_DECLARE_FINAL_TYPE (VivThumbnail, viv_thumbnail, VIV, THUMBNAIL, GtkWidget)

/* May be NULL. */
void viv_thumbnail_set_machine (VivThumbnail *self, VivMachine *machine);
/* The stored picture as it is drawn while the machine is off; NULL if there is none. */
GdkPaintable *viv_thumbnail_get_still (VivThumbnail *self);

G_END_DECLS
