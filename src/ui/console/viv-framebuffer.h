/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's screen as a GdkPaintable: fed by shared memory or VNC, shown by the viewer, by thumbnails and by screenshots.
 *
 * Damage only invalidates; pixels are taken over when the frame clock asks for a picture, so that a widget nobody sees costs
 * nothing and the newest frame wins.  Main thread only.
 */
#pragma once

#include <gtk/gtk.h>

#include "display/input.h"
#include "display/output.h"
#include "ui/console/viv-transform.h"

G_BEGIN_DECLS

#define VIV_TYPE_FRAMEBUFFER (viv_framebuffer_get_type ())
G_DECLARE_FINAL_TYPE (VivFramebuffer, viv_framebuffer, VIV, FRAMEBUFFER, GObject)

/* How often somebody wants to see the screen. */
typedef enum
{
  VIV_WATCH_THUMBNAIL, /* once a second */
  VIV_WATCH_VIEW,      /* every frame */
  VIV_N_WATCHES,
} VivWatch;

/* Properties: "live" (boolean): connected to a machine.  Signals: "cursor-changed"; over VNC also "connected" (desktop's name),
 * "password" (one is asked for: viv_framebuffer_vnc_password()), "clipboard" (text) and "closed" (why, or NULL). */
VivFramebuffer *viv_framebuffer_new (void);
/* `socket` (taken, also on error) is one for display/shm.h. */
gboolean viv_framebuffer_attach_shm (VivFramebuffer *self, int socket, GError **error);
/* As display/vnc-client.h; errors end in "live" going FALSE. */
void viv_framebuffer_attach_vnc (VivFramebuffer *self, const char *address);
/* The last picture stays, still. */
void viv_framebuffer_detach (VivFramebuffer *self);
gboolean viv_framebuffer_is_live (VivFramebuffer *self);
/* NULL gives up. */
void viv_framebuffer_vnc_password (VivFramebuffer *self, const char *password);
/* Into the other end's clipboard, over VNC. */
void viv_framebuffer_vnc_clipboard (VivFramebuffer *self, const char *text);
/* To the machine at the other end of VNC; nothing over shared memory, where input goes through the control socket. */
void viv_framebuffer_input (VivFramebuffer *self, const InputEvent *event);

/* The source runs at the rate of its most eager watcher and sleeps when there is none. */
void viv_framebuffer_watch (VivFramebuffer *self, VivWatch watch);
void viv_framebuffer_unwatch (VivFramebuffer *self, VivWatch watch);

/* Pixels of the guest; FALSE if the screen is off. */
gboolean viv_framebuffer_get_size (VivFramebuffer *self, int *width, int *height);
/* Draws at `transform`, exactly where transform says so, over what is there.  `renderer` as viv_layer_draw(). */
void viv_framebuffer_draw (VivFramebuffer *self, GtkSnapshot *snapshot, GskRenderer *renderer,
                           const VivTransform *transform);
/* Device pixels a logical pixel, for users of the plain GdkPaintable. */
void viv_framebuffer_set_scale_factor (VivFramebuffer *self, int factor);
/* The screen as it is now, a copy; NULL if it is off. */
GdkTexture *viv_framebuffer_dup_texture (VivFramebuffer *self);
/* The guest's pointer: NULL with *visible TRUE if it defines none. */
GdkCursor *viv_framebuffer_dup_cursor (VivFramebuffer *self, gboolean *visible);

G_END_DECLS
