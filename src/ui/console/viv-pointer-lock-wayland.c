/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The pointer held in place on Wayland: pointer-constraints-unstable-v1 and relative-pointer-unstable-v1.
 */
#define G_LOG_DOMAIN "viv-pointer-lock"

#include "ui/console/viv-pointer-lock.h"

#include "pointer-constraints-unstable-v1-client-protocol.h"
#include "relative-pointer-unstable-v1-client-protocol.h"

#include <gdk/wayland/gdkwayland.h>

typedef struct
{
  VivPointerLockFunc motion;
  gpointer data;
  struct zwp_pointer_constraints_v1 *constraints;
  struct zwp_relative_pointer_manager_v1 *manager;
  struct zwp_locked_pointer_v1 *locked;
  struct zwp_relative_pointer_v1 *relative;
} WaylandLock;

static void
on_global (void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version)
{
  WaylandLock *lock = data;

  if (g_str_equal (interface, zwp_pointer_constraints_v1_interface.name))
    lock->constraints = wl_registry_bind (registry, name, &zwp_pointer_constraints_v1_interface, 1);
  else if (g_str_equal (interface, zwp_relative_pointer_manager_v1_interface.name))
    lock->manager = wl_registry_bind (registry, name, &zwp_relative_pointer_manager_v1_interface, 1);
}

static void
on_global_remove (void *data, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = { on_global, on_global_remove };

static void
on_relative_motion (void *data, struct zwp_relative_pointer_v1 *relative, uint32_t time_high,
                    uint32_t time_low, wl_fixed_t dx, wl_fixed_t dy, wl_fixed_t dx_raw, wl_fixed_t dy_raw)
{
  WaylandLock *lock = data;

  /* The guest has an acceleration of its own. */
  lock->motion (wl_fixed_to_double (dx_raw), wl_fixed_to_double (dy_raw), lock->data);
}

static const struct zwp_relative_pointer_v1_listener relative_listener = { on_relative_motion };

static void
wayland_unlock (gpointer data)
{
  WaylandLock *lock = data;

  g_clear_pointer (&lock->relative, zwp_relative_pointer_v1_destroy);
  g_clear_pointer (&lock->locked, zwp_locked_pointer_v1_destroy);
  g_clear_pointer (&lock->manager, zwp_relative_pointer_manager_v1_destroy);
  g_clear_pointer (&lock->constraints, zwp_pointer_constraints_v1_destroy);
  g_free (lock);
}

/* The globals are asked for on a queue of our own, so that no event of GDK's is dispatched here. */
static void
bind_globals (WaylandLock *lock, struct wl_display *display)
{
  struct wl_event_queue *queue = wl_display_create_queue (display);
  struct wl_display *wrapper = wl_proxy_create_wrapper (display);
  struct wl_registry *registry;

  wl_proxy_set_queue ((struct wl_proxy *)wrapper, queue);
  registry = wl_display_get_registry (wrapper);
  wl_proxy_wrapper_destroy (wrapper);
  wl_registry_add_listener (registry, &registry_listener, lock);
  wl_display_roundtrip_queue (display, queue);
  wl_registry_destroy (registry);
  if (lock->constraints)
    wl_proxy_set_queue ((struct wl_proxy *)lock->constraints, NULL);
  if (lock->manager)
    wl_proxy_set_queue ((struct wl_proxy *)lock->manager, NULL);
  wl_event_queue_destroy (queue);
}

static gpointer
wayland_lock (GtkWidget *widget, VivPointerLockFunc motion, gpointer data)
{
  GdkDisplay *display = gtk_widget_get_display (widget);
  GtkNative *native = gtk_widget_get_native (widget);
  GdkSeat *seat = gdk_display_get_default_seat (display);
  GdkDevice *device = seat ? gdk_seat_get_pointer (seat) : NULL;
  struct wl_pointer *pointer = device ? gdk_wayland_device_get_wl_pointer (device) : NULL;
  WaylandLock *lock;

  if (!native || !pointer)
    return NULL;
  lock = g_new0 (WaylandLock, 1);
  lock->motion = motion;
  lock->data = data;
  bind_globals (lock, gdk_wayland_display_get_wl_display (display));
  if (!lock->constraints || !lock->manager)
    {
      wayland_unlock (lock);
      return NULL;
    }
  lock->locked = zwp_pointer_constraints_v1_lock_pointer (
      lock->constraints, gdk_wayland_surface_get_wl_surface (gtk_native_get_surface (native)), pointer, NULL,
      ZWP_POINTER_CONSTRAINTS_V1_LIFETIME_PERSISTENT);
  lock->relative = zwp_relative_pointer_manager_v1_get_relative_pointer (lock->manager, pointer);
  zwp_relative_pointer_v1_add_listener (lock->relative, &relative_listener, lock);
  return lock;
}

const VivPointerLockBackend viv_pointer_lock_wayland = { wayland_lock, wayland_unlock };
