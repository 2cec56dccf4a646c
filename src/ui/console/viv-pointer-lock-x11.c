/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The pointer held in place on X11: raw motion of XInput 2 (2.1), and the pointer put back into the middle whenever it
 * moves.  On a connection of its own, so that GDK's event masks and grabs stay GDK's.
 */
#define G_LOG_DOMAIN "viv-pointer-lock"

#include "ui/console/viv-pointer-lock.h"

#include <gdk/x11/gdkx.h>
#include <glib-unix.h>
#include <X11/extensions/XInput2.h>

typedef struct
{
  GtkWidget *widget;
  VivPointerLockFunc motion;
  gpointer data;
  Display *display;
  Window window;
  int opcode;
  guint source;
} X11Lock;

static void
warp (X11Lock *lock)
{
  GtkNative *native = gtk_widget_get_native (lock->widget);
  int scale = gtk_widget_get_scale_factor (lock->widget);
  double x, y, native_x, native_y;

  if (!native
      || !gtk_widget_translate_coordinates (lock->widget, GTK_WIDGET (native),
                                            gtk_widget_get_width (lock->widget) / 2.0,
                                            gtk_widget_get_height (lock->widget) / 2.0, &x, &y))
    return;
  gtk_native_get_surface_transform (native, &native_x, &native_y);
  XWarpPointer (lock->display, None, lock->window, 0, 0, 0, 0, (int)((x + native_x) * scale),
                (int)((y + native_y) * scale));
}

/* Raw events carry only the axes that moved; 0 and 1 are x and y of every mouse.  As the device says it: the guest has an
 * acceleration of its own. */
static gboolean
raw_motion (const XIRawEvent *raw, double *dx, double *dy)
{
  const double *value = raw->raw_values;

  *dx = *dy = 0;
  for (int i = 0; i < raw->valuators.mask_len * 8; i++)
    if (XIMaskIsSet (raw->valuators.mask, i))
      {
        if (i == 0)
          *dx = *value;
        else if (i == 1)
          *dy = *value;
        value++;
      }
  return *dx != 0 || *dy != 0;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  X11Lock *lock = user_data;
  double sum_x = 0, sum_y = 0;
  gboolean moved = FALSE;

  while (XPending (lock->display))
    {
      XEvent event;
      double dx, dy;

      XNextEvent (lock->display, &event);
      if (event.xcookie.type != GenericEvent || event.xcookie.extension != lock->opcode
          || !XGetEventData (lock->display, &event.xcookie))
        continue;
      if (event.xcookie.evtype == XI_RawMotion && raw_motion (event.xcookie.data, &dx, &dy))
        {
          sum_x += dx;
          sum_y += dy;
          moved = TRUE;
        }
      XFreeEventData (lock->display, &event.xcookie);
    }
  if (moved)
    {
      warp (lock);
      XFlush (lock->display);
      lock->motion (sum_x, sum_y, lock->data);
    }
  return G_SOURCE_CONTINUE;
}

static void
x11_unlock (gpointer data)
{
  X11Lock *lock = data;

  g_clear_handle_id (&lock->source, g_source_remove);
  XCloseDisplay (lock->display);
  g_free (lock);
}

static gpointer
x11_lock (GtkWidget *widget, VivPointerLockFunc motion, gpointer data)
{
  GdkDisplay *gdk_display = gtk_widget_get_display (widget);
  GtkNative *native = gtk_widget_get_native (widget);
  unsigned char mask[XIMaskLen (XI_LASTEVENT)] = { 0 };
  XIEventMask events = { XIAllMasterDevices, sizeof mask, mask };
  int opcode, first_event, first_error, major = 2, minor = 1;
  Display *display;
  X11Lock *lock;

  if (!native)
    return NULL;
  display = XOpenDisplay (gdk_display_get_name (gdk_display));
  if (!display)
    return NULL;
  if (!XQueryExtension (display, "XInputExtension", &opcode, &first_event, &first_error)
      || XIQueryVersion (display, &major, &minor) != Success)
    {
      XCloseDisplay (display);
      return NULL;
    }

  lock = g_new0 (X11Lock, 1);
  lock->widget = widget;
  lock->motion = motion;
  lock->data = data;
  lock->display = display;
  lock->opcode = opcode;
  lock->window = gdk_x11_surface_get_xid (gtk_native_get_surface (native));
  XISetMask (mask, XI_RawMotion);
  XISelectEvents (display, DefaultRootWindow (display), &events, 1);
  warp (lock);
  XFlush (display);
  lock->source = g_unix_fd_add (ConnectionNumber (display), G_IO_IN, on_readable, lock);
  return lock;
}

const VivPointerLockBackend viv_pointer_lock_x11 = { x11_lock, x11_unlock };
