/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The end of the keyboard's focus while GTK doesn't see it.
 */
#define G_LOG_DOMAIN "viv-focus-watch"

#include "ui/console/viv-focus-watch.h"

#ifdef GDK_WINDOWING_X11

#include <gdk/x11/gdkx.h>
#include <glib-unix.h>

struct VivFocusWatch
{
  VivFocusLostFunc lost;
  gpointer data;
  Display *display; /* of our own: GDK's event masks stay GDK's */
  guint source;
};

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  VivFocusWatch *watch = user_data;
  gboolean lost = FALSE;

  while (XPending (watch->display))
    {
      XEvent event;

      XNextEvent (watch->display, &event);
      /* Of a grab that begins or ends the focus is where it was; a window inside of ours is us too. */
      if (event.type == FocusIn && event.xfocus.mode != NotifyGrab && event.xfocus.mode != NotifyUngrab)
        lost = FALSE;
      else if (event.type == FocusOut && event.xfocus.mode != NotifyGrab && event.xfocus.mode != NotifyUngrab
               && event.xfocus.detail != NotifyInferior && event.xfocus.detail != NotifyPointer)
        lost = TRUE;
    }
  if (lost)
    watch->lost (watch->data);
  return G_SOURCE_CONTINUE;
}

VivFocusWatch *
viv_focus_watch_new (GtkWidget *widget, VivFocusLostFunc lost, gpointer data)
{
  GtkNative *native = gtk_widget_get_native (widget);
  GdkSurface *surface = native ? gtk_native_get_surface (native) : NULL;
  VivFocusWatch *watch;
  Display *display;

  if (!surface || !GDK_IS_X11_SURFACE (surface))
    return NULL;
  display = XOpenDisplay (gdk_display_get_name (gtk_widget_get_display (widget)));
  if (!display)
    return NULL;
  watch = g_new0 (VivFocusWatch, 1);
  watch->lost = lost;
  watch->data = data;
  watch->display = display;
  XSelectInput (display, gdk_x11_surface_get_xid (surface), FocusChangeMask);
  XFlush (display);
  watch->source = g_unix_fd_add (ConnectionNumber (display), G_IO_IN, on_readable, watch);
  return watch;
}

void
viv_focus_watch_free (VivFocusWatch *watch)
{
  g_clear_handle_id (&watch->source, g_source_remove);
  XCloseDisplay (watch->display);
  g_free (watch);
}

#else

VivFocusWatch *
viv_focus_watch_new (GtkWidget *widget, VivFocusLostFunc lost, gpointer data)
{
  return NULL;
}

void
viv_focus_watch_free (VivFocusWatch *watch)
{
}

#endif
