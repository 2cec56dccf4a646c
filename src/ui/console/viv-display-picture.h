/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The picture of a machine's screen and the input that is made on it.  It knows where the picture lies and translates; whether
 * anything is sent is its owner's policy (viv-display-view.h).
 */
#pragma once

#include "ui/console/viv-framebuffer.h"
#include "ui/console/viv-touch.h"

G_BEGIN_DECLS

#define VIV_TYPE_DISPLAY_PICTURE (viv_display_picture_get_type ())
G_DECLARE_FINAL_TYPE (VivDisplayPicture, viv_display_picture, VIV, DISPLAY_PICTURE, GtkWidget)

/* Signals:
 *   "input" (const InputEvent *)  keys by their code, buttons, absolute positions, relative motion, clicks of the wheel, fingers
 *   "pressed" (by_finger)         a button went down on the picture, or a finger, before its "input"; TRUE: the owner took it
 */
GtkWidget *viv_display_picture_new (void);
/* May be NULL. */
void viv_display_picture_set_framebuffer (VivDisplayPicture *self, VivFramebuffer *framebuffer);
void viv_display_picture_set_scaling (VivDisplayPicture *self, VivScaling scaling);
/* VIV_ASPECT_SQUARE at first. */
void viv_display_picture_set_aspect (VivDisplayPicture *self, VivAspect aspect);
/* Absolute positions (TRUE), or relative motion from the pointer's own movement. */
void viv_display_picture_set_absolute (VivDisplayPicture *self, gboolean absolute);
/* Fingers are fingers (TRUE), or clicks of the pointer. */
void viv_display_picture_set_touchable (VivDisplayPicture *self, gboolean touchable);
/* A finger at a point of the widget, as GTK tells of it; `touch` as of viv_touch_event().  FALSE: it is a click. */
gboolean viv_display_picture_touch (VivDisplayPicture *self, VivTouchPhase phase, gconstpointer touch,
                                    double x, double y);
/* All fingers leave. */
void viv_display_picture_lift (VivDisplayPicture *self);
/* Movement comes from a pointer lock: that of the pointer is ignored, and it is hidden. */
void viv_display_picture_set_locked (VivDisplayPicture *self, gboolean locked);
/* Whether keys are taken (TRUE at first); if not they go the way of all keys of the window. */
void viv_display_picture_set_keyboard (VivDisplayPicture *self, gboolean keyboard);
/* How the picture lies now, in the widget's space. */
const VivTransform *viv_display_picture_get_transform (VivDisplayPicture *self);

G_END_DECLS
