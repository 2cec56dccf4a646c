/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The pointer held in place, its motion told as it comes from the device: for guests that have only a mouse.  GTK 4 has no
 * such thing; X11 has XInput 2, Wayland has pointer-constraints and relative-pointer.
 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef struct VivPointerLock VivPointerLock;
/* Device motion without acceleration on X11 where it is known; logical pixels. */
typedef void (*VivPointerLockFunc) (double dx, double dy, gpointer data);

/* Holds the pointer over `widget` (realized) until it is freed.  NULL where the display system can't. */
VivPointerLock *viv_pointer_lock_new (GtkWidget *widget, VivPointerLockFunc motion, gpointer data);
void viv_pointer_lock_free (VivPointerLock *lock);

/* What a display system offers; private to viv-pointer-lock*.c. */
typedef struct
{
  gpointer (*lock) (GtkWidget *widget, VivPointerLockFunc motion, gpointer data);
  void (*unlock) (gpointer lock);
} VivPointerLockBackend;
extern const VivPointerLockBackend viv_pointer_lock_x11;
extern const VivPointerLockBackend viv_pointer_lock_wayland;

G_END_DECLS
