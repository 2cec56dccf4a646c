/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's screen with the policy around it: who has keyboard and pointer, what fingers are, and that nothing is held behind anybody's back.
 */
#include "viewer-fixture.h"

#include "ui/app/viv-dialogs.h"
#include "ui/console/viv-display-picture.h"
#include "ui/console/viv-display-view.h"

#include <adwaita.h>
#ifdef GDK_WINDOWING_X11
#include <gdk/x11/gdkx.h>
#endif

static void
on_input (VivDisplayView *view, const InputEvent *event, GArray *events)
{
  g_array_append_val (events, *event);
}

static void
key (GtkWidget *picture, uint16_t code, int value)
{
  InputEvent event = { .type = INPUT_EVENT_KEY, .code = code, .value = value };

  g_signal_emit_by_name (picture, "input", &event);
}

static GtkWidget *
find_picture (GtkWidget *widget)
{
  if (VIV_IS_DISPLAY_PICTURE (widget))
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find_picture (child);

      if (found)
        return found;
    }
  return NULL;
}

static void
test_view (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) events = g_array_new (FALSE, FALSE, sizeof (InputEvent));
  GtkWidget *view = g_object_ref_sink (viv_display_view_new ());
  GtkWidget *picture = find_picture (view);
  gboolean taken = FALSE;

  viv_display_view_set_framebuffer (VIV_DISPLAY_VIEW (view), f->framebuffer);
  viv_display_view_set_inhibit_shortcuts (VIV_DISPLAY_VIEW (view), FALSE);
  g_signal_connect (view, "input", G_CALLBACK (on_input), events);

  /* Nothing goes to the guest until it is given the keyboard. */
  key (picture, KEY_A, 1);
  g_assert_cmpuint (events->len, ==, 0);
  g_signal_emit_by_name (picture, "pressed", FALSE, &taken);
  g_assert_false (taken);
  g_assert_true (viv_display_view_get_grabbed (VIV_DISPLAY_VIEW (view)));
  key (picture, KEY_A, 1);
  g_assert_cmpuint (events->len, ==, 1);

  /* Released by us if the person can't. */
  viv_display_view_release (VIV_DISPLAY_VIEW (view));
  g_assert_false (viv_display_view_get_grabbed (VIV_DISPLAY_VIEW (view)));
  g_assert_cmpuint (events->len, ==, 2);
  g_assert_cmpuint (g_array_index (events, InputEvent, 1).code, ==, KEY_A);
  g_assert_cmpint (g_array_index (events, InputEvent, 1).value, ==, 0);

  /* The chord gives the keyboard back and is itself seen whole by the guest. */
  g_array_set_size (events, 0);
  g_signal_emit_by_name (picture, "pressed", FALSE, &taken);
  key (picture, KEY_LEFTCTRL, 1);
  key (picture, KEY_LEFTALT, 1);
  key (picture, KEY_LEFTALT, 0);
  g_assert_false (viv_display_view_get_grabbed (VIV_DISPLAY_VIEW (view)));
  g_assert_cmpuint (events->len, ==, 4);
  g_assert_cmpuint (g_array_index (events, InputEvent, 3).code, ==, KEY_LEFTCTRL);
  g_assert_cmpint (g_array_index (events, InputEvent, 3).value, ==, 0);

  /* Off or paused: nothing. */
  viv_display_view_set_interactive (VIV_DISPLAY_VIEW (view), FALSE);
  g_signal_emit_by_name (picture, "pressed", FALSE, &taken);
  g_assert_true (taken);
  g_assert_false (viv_display_view_get_grabbed (VIV_DISPLAY_VIEW (view)));

  viv_display_view_set_framebuffer (VIV_DISPLAY_VIEW (view), NULL);
  g_assert_finalize_object (view);
}

/* A finger at a pixel of the guest's. */
static void
touch (GtkWidget *picture, VivTouchPhase phase, const char *finger, int image_x, int image_y)
{
  double x, y;

  viv_transform_from_image (viv_display_picture_get_transform (VIV_DISPLAY_PICTURE (picture)), image_x + 0.5,
                            image_y + 0.5, &x, &y);
  g_assert_true (viv_display_picture_touch (VIV_DISPLAY_PICTURE (picture), phase, finger, x, y));
}

static void
assert_touch (GArray *events, unsigned n, unsigned finger, int value, int image_x, int image_y)
{
  const InputEvent *event = &g_array_index (events, InputEvent, n);

  g_assert_cmpuint (events->len, >, n);
  g_assert_cmpuint (event->type, ==, INPUT_EVENT_TOUCH);
  g_assert_cmpuint (event->code, ==, finger);
  g_assert_cmpint (event->value, ==, value);
  /* As a guest does it. */
  g_assert_cmpint (event->x * WIDTH / (INPUT_ABSOLUTE_MAX + 1), ==, image_x);
  g_assert_cmpint (event->y * HEIGHT / (INPUT_ABSOLUTE_MAX + 1), ==, image_y);
}

static void
test_touch (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) events = g_array_new (FALSE, FALSE, sizeof (InputEvent));
  GtkWidget *window = gtk_window_new (), *widget = viv_display_view_new (), *picture = find_picture (widget);
  VivDisplayView *view = VIV_DISPLAY_VIEW (widget);
  const char *one = "one", *two = "two";

  viv_display_view_set_framebuffer (view, f->framebuffer);
  viv_display_view_set_inhibit_shortcuts (view, FALSE);
  gtk_window_set_child (GTK_WINDOW (window), widget);
  gtk_window_set_default_size (GTK_WINDOW (window), WIDTH + 40, HEIGHT + 90); /* with bars */
  gtk_window_present (GTK_WINDOW (window));
  until (is_drawn, picture);
  g_signal_connect (view, "input", G_CALLBACK (on_input), events);

  touch (picture, VIV_TOUCH_BEGIN, one, 10, 20);
  touch (picture, VIV_TOUCH_BEGIN, two, 590, 390);
  touch (picture, VIV_TOUCH_MOVE, one, 11, 20);
  touch (picture, VIV_TOUCH_MOVE, one, 11, 20);
  touch (picture, VIV_TOUCH_END, two, 590, 390);
  g_assert_cmpuint (events->len, ==, 4);
  assert_touch (events, 0, 0, 1, 10, 20);
  assert_touch (events, 1, 1, 1, 590, 390);
  assert_touch (events, 2, 0, 1, 11, 20);
  assert_touch (events, 3, 1, 0, 590, 390);
  /* Beside the picture is its edge. */
  touch (picture, VIV_TOUCH_MOVE, one, -5, HEIGHT + 7);
  assert_touch (events, 4, 0, 1, 0, HEIGHT - 1);
  /* What the person holds is lifted when the guest loses them, and then they hold nothing. */
  viv_display_view_release (view);
  g_assert_cmpuint (events->len, ==, 6);
  assert_touch (events, 5, 0, 0, 0, HEIGHT - 1);
  touch (picture, VIV_TOUCH_MOVE, one, 50, 60);
  touch (picture, VIV_TOUCH_END, one, 50, 60);
  g_assert_cmpuint (events->len, ==, 6);
  /* Off or paused. */
  viv_display_view_set_interactive (view, FALSE);
  touch (picture, VIV_TOUCH_BEGIN, one, 50, 60);
  touch (picture, VIV_TOUCH_END, one, 50, 60);
  g_assert_cmpuint (events->len, ==, 6);
  viv_display_view_set_interactive (view, TRUE);

  /* A pointer that only moves, and no touchscreen: a click takes the pointer, whatever made it. */
  viv_display_view_set_absolute (view, FALSE);
  g_assert_false (viv_display_picture_touch (VIV_DISPLAY_PICTURE (picture), VIV_TOUCH_BEGIN, one, 50, 60));
  g_assert_cmpuint (events->len, ==, 6);
  /* With a touchscreen fingers take nothing. */
  viv_display_view_set_touchscreen (view, TRUE);
  touch (picture, VIV_TOUCH_BEGIN, one, 50, 60);
  assert_touch (events, 6, 0, 1, 50, 60);
  g_assert_false (viv_display_view_get_locked (view));
  viv_display_view_set_touchscreen (view, FALSE);
  assert_touch (events, 7, 0, 0, 50, 60);

  viv_display_view_set_framebuffer (view, NULL);
  gtk_window_destroy (GTK_WINDOW (window));
}

#ifdef GDK_WINDOWING_X11

static gboolean
is_active (gpointer window)
{
  return gtk_window_is_active (window);
}

static gboolean
is_grabbed (gpointer view)
{
  return viv_display_view_get_grabbed (view);
}

static gboolean
is_free (gpointer view)
{
  return !viv_display_view_get_grabbed (view);
}

static void
give_focus (Display *display, Window window)
{
  XSetInputFocus (display, window, RevertToParent, CurrentTime);
  XSync (display, False);
}

/* What is typed elsewhere is not the guest's: a grab ends with the focus, and with a window of ours above. */
static void
test_focus (void)
{
  GtkWidget *window = gtk_window_new (), *dialog = gtk_window_new ();
  GtkWidget *view = viv_display_view_new ();
  Display *display = XOpenDisplay (NULL);
  Window other = XCreateSimpleWindow (display, DefaultRootWindow (display), 900, 600, 50, 50, 0, 0, 0), own;

  XMapWindow (display, other);
  gtk_window_set_child (GTK_WINDOW (window), view);
  gtk_window_set_default_size (GTK_WINDOW (window), 320, 200);
  gtk_window_present (GTK_WINDOW (window));
  own = gdk_x11_surface_get_xid (gtk_native_get_surface (GTK_NATIVE (window)));
  give_focus (display, own);
  until (is_active, window);
  gtk_widget_grab_focus (view);
  until (is_grabbed, view);

  give_focus (display, other);
  until (is_free, view);
  give_focus (display, own);
  until (is_grabbed, view);

  viv_present_over (GTK_WINDOW (dialog), GTK_WINDOW (window));
  g_assert_false (viv_display_view_get_grabbed (VIV_DISPLAY_VIEW (view)));
  gtk_window_destroy (GTK_WINDOW (dialog));
  gtk_window_destroy (GTK_WINDOW (window));
  XCloseDisplay (display);
}

#endif

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  adw_init ();
  g_test_add ("/view/policy", Fixture, NULL, set_up, test_view, tear_down);
  g_test_add ("/view/touch", Fixture, NULL, set_up, test_touch, tear_down);
#ifdef GDK_WINDOWING_X11
  g_test_add_func ("/view/focus", test_focus);
#endif
  return g_test_run ();
}
