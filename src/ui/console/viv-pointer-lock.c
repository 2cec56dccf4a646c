/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The pointer held in place: which display system does it.
 */
#define G_LOG_DOMAIN "viv-pointer-lock"

#include "ui/console/viv-pointer-lock.h"

#ifdef GDK_WINDOWING_X11
#include <gdk/x11/gdkx.h>
#endif
#ifdef GDK_WINDOWING_WAYLAND
#include <gdk/wayland/gdkwayland.h>
#endif

struct VivPointerLock
{
  const VivPointerLockBackend *backend;
  gpointer lock;
};

VivPointerLock *
viv_pointer_lock_new (GtkWidget *widget, VivPointerLockFunc motion, gpointer data)
{
  GdkDisplay *display G_GNUC_UNUSED = gtk_widget_get_display (widget);
  const VivPointerLockBackend *backend = NULL;
  VivPointerLock *self;
  gpointer lock;

#ifdef GDK_WINDOWING_X11
  if (GDK_IS_X11_DISPLAY (display))
    backend = &viv_pointer_lock_x11;
#endif
#ifdef GDK_WINDOWING_WAYLAND
  if (GDK_IS_WAYLAND_DISPLAY (display))
    backend = &viv_pointer_lock_wayland;
#endif
  lock = backend ? backend->lock (widget, motion, data) : NULL;
  if (!lock)
    return NULL;
  self = g_new0 (VivPointerLock, 1);
  self->backend = backend;
  self->lock = lock;
  return self;
}

void
viv_pointer_lock_free (VivPointerLock *self)
{
  self->backend->unlock (self->lock);
  g_free (self);
}
