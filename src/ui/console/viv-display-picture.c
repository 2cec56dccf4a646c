/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The picture of a machine's screen and the input that is made on it.
 */
#define G_LOG_DOMAIN "viv-display-picture"

#include "ui/console/viv-display-picture.h"

#include "display/keymap.h"
#include "ui/console/viv-grab.h"
#include "ui/console/viv-touch.h"

/* What X servers and compositors with evdev's key codes have there; others (old VNC servers) number keys their own way. */
#define XKB_EVDEV_RETURN 36
#define XKB_EVDEV_UP     111

struct _VivDisplayPicture
{
  GtkWidget parent_instance;

  VivFramebuffer *framebuffer;
  VivTransform transform;
  VivScaling scaling;
  VivAspect aspect;
  gboolean absolute;
  gboolean touchable;
  VivTouch touch;
  gboolean locked;
  gboolean watching;
  gboolean evdev_keys;
  GtkEventController *keys;

  VivWheel wheel;
  VivMotion motion;
  gboolean inside; /* last_x and last_y are of this visit */
  double last_x, last_y;
};

enum
{
  INPUT,
  PRESSED,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VivDisplayPicture, viv_display_picture, GTK_TYPE_WIDGET)

static void
update_transform (VivDisplayPicture *self)
{
  int width = 0, height = 0;

  if (self->framebuffer)
    viv_framebuffer_get_size (self->framebuffer, &width, &height);
  viv_transform_init (&self->transform, self->scaling, self->aspect, width, height,
                      gtk_widget_get_width (GTK_WIDGET (self)), gtk_widget_get_height (GTK_WIDGET (self)),
                      gtk_widget_get_scale_factor (GTK_WIDGET (self)));
}

/* The host's pointer stays unless the guest draws one itself, or holds the pointer. */
static void
update_cursor (VivDisplayPicture *self)
{
  g_autoptr (GdkCursor) cursor = NULL;
  gboolean visible = TRUE;

  if (self->locked)
    visible = FALSE;
  else if (self->framebuffer && self->absolute)
    cursor = viv_framebuffer_dup_cursor (self->framebuffer, &visible);
  if (!visible)
    {
      g_clear_object (&cursor);
      cursor = gdk_cursor_new_from_name ("none", NULL);
    }
  gtk_widget_set_cursor (GTK_WIDGET (self), cursor);
}

static void
send (VivDisplayPicture *self, const InputEvent *event)
{
  g_signal_emit (self, signals[INPUT], 0, event);
}

/* -- Pointer -- */

static void
move (VivDisplayPicture *self, double x, double y)
{
  InputEvent event = { 0 };

  if (self->locked)
    return;
  if (self->absolute)
    {
      if (self->transform.width <= 0)
        return;
      event.type = INPUT_EVENT_ABSOLUTE;
      viv_transform_to_absolute (&self->transform, x, y, &event.x, &event.y);
      send (self, &event);
      return;
    }
  /* No lock to be had: the way the pointer went since the last event.  Coming in again at another edge is no movement. */
  if (self->inside && self->transform.width > 0)
    {
      double last_x, last_y, now_x, now_y;

      viv_transform_to_image (&self->transform, self->last_x, self->last_y, &last_x, &last_y);
      viv_transform_to_image (&self->transform, x, y, &now_x, &now_y);
      event.type = INPUT_EVENT_RELATIVE;
      viv_motion_add (&self->motion, now_x - last_x, now_y - last_y, &event.x, &event.y);
      if (event.x || event.y)
        send (self, &event);
    }
  self->inside = TRUE;
  self->last_x = x;
  self->last_y = y;
}

static void
on_enter (GtkEventControllerMotion *controller, double x, double y, VivDisplayPicture *self)
{
  self->inside = FALSE;
  viv_wheel_reset (&self->wheel);
  move (self, x, y);
}

static void
on_motion (GtkEventControllerMotion *controller, double x, double y, VivDisplayPicture *self)
{
  move (self, x, y);
}

static void
on_leave (GtkEventControllerMotion *controller, VivDisplayPicture *self)
{
  self->inside = FALSE;
}

static void
on_pressed (GtkGestureClick *gesture, int n, double x, double y, VivDisplayPicture *self)
{
  uint16_t code = viv_button_from_gdk (gtk_gesture_single_get_current_button (GTK_GESTURE_SINGLE (gesture)));
  InputEvent event = { .type = INPUT_EVENT_BUTTON, .code = code, .value = 1 };
  gboolean taken = FALSE;

  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  g_signal_emit (self, signals[PRESSED], 0, FALSE, &taken);
  if (taken || !code)
    return;
  if (self->absolute && !self->locked)
    move (self, x, y);
  send (self, &event);
}

static void
on_released (GtkGestureClick *gesture, int n, double x, double y, VivDisplayPicture *self)
{
  uint16_t code = viv_button_from_gdk (gtk_gesture_single_get_current_button (GTK_GESTURE_SINGLE (gesture)));
  InputEvent event = { .type = INPUT_EVENT_BUTTON, .code = code, .value = 0 };

  if (!code)
    return;
  if (self->absolute && !self->locked)
    move (self, x, y);
  send (self, &event);
}

/* The gesture gave up (a drag left it, say): the guest must not keep the button down. */
static void
on_unpaired_release (GtkGestureClick *gesture, double x, double y, guint button, GdkEventSequence *sequence,
                     VivDisplayPicture *self)
{
  InputEvent event = { .type = INPUT_EVENT_BUTTON, .code = viv_button_from_gdk (button), .value = 0 };

  if (event.code)
    send (self, &event);
}

static gboolean
on_scroll (GtkEventControllerScroll *controller, double dx, double dy, VivDisplayPicture *self)
{
  InputEvent event = { .type = INPUT_EVENT_WHEEL };

  viv_wheel_add (&self->wheel, dx, dy, &event.x, &event.y);
  if (event.x || event.y)
    send (self, &event);
  return TRUE;
}

/* -- Fingers -- */

gboolean
viv_display_picture_touch (VivDisplayPicture *self, VivTouchPhase phase, gconstpointer touch, double x,
                           double y)
{
  gboolean taken = FALSE;
  InputEvent event;
  int absolute_x, absolute_y;

  if (!self->touchable)
    return FALSE;
  if (phase == VIV_TOUCH_BEGIN)
    g_signal_emit (self, signals[PRESSED], 0, TRUE, &taken);
  if (taken || self->transform.width <= 0)
    return TRUE;
  viv_transform_to_absolute (&self->transform, x, y, &absolute_x, &absolute_y);
  if (viv_touch_event (&self->touch, phase, touch, absolute_x, absolute_y, &event))
    send (self, &event);
  return TRUE;
}

void
viv_display_picture_lift (VivDisplayPicture *self)
{
  InputEvent event;

  while (viv_touch_lift (&self->touch, &event))
    send (self, &event);
}

/* Before the gestures, which would make a click of it. */
static gboolean
on_event (GtkEventControllerLegacy *controller, GdkEvent *event, VivDisplayPicture *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  GtkNative *native = gtk_widget_get_native (widget);
  VivTouchPhase phase;
  double x, y, left, top;

  switch (gdk_event_get_event_type (event))
    {
    case GDK_TOUCH_BEGIN:
      phase = VIV_TOUCH_BEGIN;
      break;
    case GDK_TOUCH_UPDATE:
      phase = VIV_TOUCH_MOVE;
      break;
    case GDK_TOUCH_END:
    case GDK_TOUCH_CANCEL:
      phase = VIV_TOUCH_END;
      break;
    default:
      return FALSE;
    }
  if (!gdk_event_get_position (event, &x, &y))
    return FALSE;
  gtk_native_get_surface_transform (native, &left, &top);
  gtk_widget_translate_coordinates (GTK_WIDGET (native), widget, x - left, y - top, &x, &y);
  return viv_display_picture_touch (self, phase, gdk_event_get_event_sequence (event), x, y);
}

/* -- Keyboard -- */

static uint16_t
translate (VivDisplayPicture *self, guint keyval, guint keycode)
{
  uint16_t code = 0;
  gboolean shift;

  if (self->evdev_keys)
    code = viv_key_from_hardware (keycode);
  return code ? code : keymap_keysym_to_evdev (keyval, &shift);
}

static gboolean
on_key_pressed (GtkEventControllerKey *controller, guint keyval, guint keycode, GdkModifierType state,
                VivDisplayPicture *self)
{
  InputEvent event = { .type = INPUT_EVENT_KEY, .code = translate (self, keyval, keycode), .value = 1 };

  if (event.code)
    send (self, &event);
  return TRUE;
}

static void
on_key_released (GtkEventControllerKey *controller, guint keyval, guint keycode, GdkModifierType state,
                 VivDisplayPicture *self)
{
  InputEvent event = { .type = INPUT_EVENT_KEY, .code = translate (self, keyval, keycode), .value = 0 };

  if (event.code)
    send (self, &event);
}

static gboolean
has_keycode (GdkDisplay *display, guint keyval, guint keycode)
{
  g_autofree GdkKeymapKey *keys = NULL;
  int n = 0;

  if (!gdk_display_map_keyval (display, keyval, &keys, &n))
    return FALSE;
  for (int i = 0; i < n; i++)
    if (keys[i].keycode == keycode)
      return TRUE;
  return FALSE;
}

/* -- Widget -- */

static GtkSizeRequestMode
viv_display_picture_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_CONSTANT_SIZE;
}

static void
viv_display_picture_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                             int *natural, int *minimum_baseline, int *natural_baseline)
{
  VivDisplayPicture *self = VIV_DISPLAY_PICTURE (widget);
  int width = 0, height = 0;

  if (self->framebuffer)
    viv_framebuffer_get_size (self->framebuffer, &width, &height);
  viv_transform_natural_size (width, height, gtk_widget_get_scale_factor (widget), &width, &height);
  *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? width : height;
  *minimum = self->scaling == VIV_SCALING_EXACT ? *natural : 0;
}

static void
viv_display_picture_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  update_transform (VIV_DISPLAY_PICTURE (widget));
}

static void
viv_display_picture_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  VivDisplayPicture *self = VIV_DISPLAY_PICTURE (widget);
  static const GdkRGBA black = { 0, 0, 0, 1 };
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);

  gtk_snapshot_append_color (snapshot, &black, &GRAPHENE_RECT_INIT (0, 0, width, height));
  if (!self->framebuffer)
    return;
  gtk_snapshot_push_clip (snapshot, &GRAPHENE_RECT_INIT (0, 0, width, height));
  viv_framebuffer_draw (self->framebuffer, snapshot, gtk_native_get_renderer (gtk_widget_get_native (widget)),
                        &self->transform);
  gtk_snapshot_pop (snapshot);
}

static void
watch (VivDisplayPicture *self, gboolean on)
{
  if (self->watching == on || !self->framebuffer)
    return;
  self->watching = on;
  if (on)
    viv_framebuffer_watch (self->framebuffer, VIV_WATCH_VIEW);
  else
    viv_framebuffer_unwatch (self->framebuffer, VIV_WATCH_VIEW);
}

static void
viv_display_picture_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (viv_display_picture_parent_class)->map (widget);
  watch (VIV_DISPLAY_PICTURE (widget), TRUE);
}

static void
viv_display_picture_unmap (GtkWidget *widget)
{
  watch (VIV_DISPLAY_PICTURE (widget), FALSE);
  GTK_WIDGET_CLASS (viv_display_picture_parent_class)->unmap (widget);
}

static void
on_invalidate_size (VivDisplayPicture *self)
{
  update_transform (self);
  gtk_widget_queue_resize (GTK_WIDGET (self));
}

static void
on_scale_factor (VivDisplayPicture *self)
{
  on_invalidate_size (self);
}

static void
viv_display_picture_dispose (GObject *object)
{
  VivDisplayPicture *self = VIV_DISPLAY_PICTURE (object);

  viv_display_picture_set_framebuffer (self, NULL);
  G_OBJECT_CLASS (viv_display_picture_parent_class)->dispose (object);
}

static void
viv_display_picture_class_init (VivDisplayPictureClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = viv_display_picture_dispose;
  widget_class->get_request_mode = viv_display_picture_get_request_mode;
  widget_class->measure = viv_display_picture_measure;
  widget_class->size_allocate = viv_display_picture_size_allocate;
  widget_class->snapshot = viv_display_picture_snapshot;
  widget_class->map = viv_display_picture_map;
  widget_class->unmap = viv_display_picture_unmap;

  signals[INPUT] = g_signal_new ("input", VIV_TYPE_DISPLAY_PICTURE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_POINTER);
  signals[PRESSED]
      = g_signal_new ("pressed", VIV_TYPE_DISPLAY_PICTURE, G_SIGNAL_RUN_LAST, 0,
                      g_signal_accumulator_true_handled, NULL, NULL, G_TYPE_BOOLEAN, 1, G_TYPE_BOOLEAN);

  gtk_widget_class_set_css_name (widget_class, "vivdisplay");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
viv_display_picture_init (VivDisplayPicture *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  GdkDisplay *display = gtk_widget_get_display (widget);
  GtkEventController *controller;
  GtkGesture *click;

  self->absolute = TRUE;
  self->evdev_keys = has_keycode (display, GDK_KEY_Return, XKB_EVDEV_RETURN)
                     && has_keycode (display, GDK_KEY_Up, XKB_EVDEV_UP);
  gtk_widget_set_focusable (widget, TRUE);
  gtk_widget_set_hexpand (widget, TRUE);
  gtk_widget_set_vexpand (widget, TRUE);

  controller = gtk_event_controller_motion_new ();
  g_signal_connect (controller, "enter", G_CALLBACK (on_enter), self);
  g_signal_connect (controller, "motion", G_CALLBACK (on_motion), self);
  g_signal_connect (controller, "leave", G_CALLBACK (on_leave), self);
  gtk_widget_add_controller (widget, controller);

  controller = gtk_event_controller_legacy_new ();
  gtk_event_controller_set_propagation_phase (controller, GTK_PHASE_CAPTURE);
  g_signal_connect (controller, "event", G_CALLBACK (on_event), self);
  gtk_widget_add_controller (widget, controller);

  click = gtk_gesture_click_new ();
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (click), 0);
  g_signal_connect (click, "pressed", G_CALLBACK (on_pressed), self);
  g_signal_connect (click, "released", G_CALLBACK (on_released), self);
  g_signal_connect (click, "unpaired-release", G_CALLBACK (on_unpaired_release), self);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (click));

  controller = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_BOTH_AXES);
  g_signal_connect (controller, "scroll", G_CALLBACK (on_scroll), self);
  gtk_widget_add_controller (widget, controller);

  self->keys = gtk_event_controller_key_new ();
  g_signal_connect (self->keys, "key-pressed", G_CALLBACK (on_key_pressed), self);
  g_signal_connect (self->keys, "key-released", G_CALLBACK (on_key_released), self);
  gtk_widget_add_controller (widget, self->keys);

  g_signal_connect (self, "notify::scale-factor", G_CALLBACK (on_scale_factor), NULL);
}

GtkWidget *
viv_display_picture_new (void)
{
  return g_object_new (VIV_TYPE_DISPLAY_PICTURE, NULL);
}

void
viv_display_picture_set_framebuffer (VivDisplayPicture *self, VivFramebuffer *framebuffer)
{
  if (self->framebuffer == framebuffer)
    return;
  if (self->framebuffer)
    {
      watch (self, FALSE);
      g_signal_handlers_disconnect_by_data (self->framebuffer, self);
    }
  g_set_object (&self->framebuffer, framebuffer);
  if (framebuffer)
    {
      g_signal_connect_swapped (framebuffer, "invalidate-contents", G_CALLBACK (gtk_widget_queue_draw), self);
      g_signal_connect_swapped (framebuffer, "invalidate-size", G_CALLBACK (on_invalidate_size), self);
      g_signal_connect_swapped (framebuffer, "cursor-changed", G_CALLBACK (update_cursor), self);
      watch (self, gtk_widget_get_mapped (GTK_WIDGET (self)));
    }
  update_cursor (self);
  on_invalidate_size (self);
}

void
viv_display_picture_set_scaling (VivDisplayPicture *self, VivScaling scaling)
{
  if (self->scaling == scaling)
    return;
  self->scaling = scaling;
  on_invalidate_size (self);
}

void
viv_display_picture_set_aspect (VivDisplayPicture *self, VivAspect aspect)
{
  if (self->aspect == aspect)
    return;
  self->aspect = aspect;
  on_invalidate_size (self);
}

void
viv_display_picture_set_absolute (VivDisplayPicture *self, gboolean absolute)
{
  self->absolute = absolute;
  self->inside = FALSE;
  update_cursor (self);
}

void
viv_display_picture_set_touchable (VivDisplayPicture *self, gboolean touchable)
{
  if (!touchable)
    viv_display_picture_lift (self);
  self->touchable = touchable;
}

void
viv_display_picture_set_locked (VivDisplayPicture *self, gboolean locked)
{
  self->locked = locked;
  self->inside = FALSE;
  update_cursor (self);
}

void
viv_display_picture_set_keyboard (VivDisplayPicture *self, gboolean keyboard)
{
  gtk_event_controller_set_propagation_phase (self->keys, keyboard ? GTK_PHASE_BUBBLE : GTK_PHASE_NONE);
}

const VivTransform *
viv_display_picture_get_transform (VivDisplayPicture *self)
{
  return &self->transform;
}
