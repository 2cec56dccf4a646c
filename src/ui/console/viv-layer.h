/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A guest's picture at one size, as textures that outlive a frame: one of the whole, and over it patches where the picture has changed
 * since.  GTK compares the nodes of two frames: what is the same texture is neither uploaded nor drawn again, so a blinking cursor
 * costs one small patch.  When much has changed the whole is made anew and the patches are dropped.
 *
 * Patches end on device pixels, and their textures reach beyond them: they show to the pixel what one texture would.
 */
#pragma once

#include "display/output.h"
#include "ui/console/viv-pixels.h"
#include "ui/console/viv-transform.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef struct VivLayer VivLayer;

VivLayer *viv_layer_new (void);
void viv_layer_free (VivLayer *layer);
/* Another picture: nothing of it is known. */
void viv_layer_clear (VivLayer *layer);
/* Image pixels that may have changed. */
void viv_layer_damage (VivLayer *layer, const DisplayRect *rect);
/* Takes over what changed and draws.  `renderer` is the window's, which decides what is cheap; NULL if it isn't known.  FALSE: there is nothing
 * to draw yet.  What would be dear to take over is copied on a thread (ui/console/viv-copy.h), and the old picture drawn meanwhile. */
gboolean viv_layer_draw (VivLayer *layer, GtkSnapshot *snapshot, GskRenderer *renderer, const Framebuffer *fb,
                         const VivTransform *transform);
/* Draws what there is of it, as viv_layer_draw(). */
gboolean viv_layer_draw_old (VivLayer *layer, GtkSnapshot *snapshot, GskRenderer *renderer,
                             const Framebuffer *fb, const VivTransform *transform);
/* Whether it is, or was, of the size that suits the transform. */
gboolean viv_layer_suits (VivLayer *layer, const Framebuffer *fb, const VivTransform *transform);
/* `func` is called when a thread has copied what changed: it is to be drawn.  `took` is in microseconds. */
typedef void (*VivLayerFunc) (gpointer data, gint64 took);
void viv_layer_set_func (VivLayer *layer, VivLayerFunc func, gpointer data);
/* For tests: patches that lie over the whole. */
guint viv_layer_n_patches (VivLayer *layer);

G_END_DECLS
