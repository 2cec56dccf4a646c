/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's screen with the policy around it.
 */
#define G_LOG_DOMAIN "viv-display-view"

#include "ui/console/viv-display-view.h"

#include "ui/console/viv-display-picture.h"
#include "ui/console/viv-focus-watch.h"
#include "ui/console/viv-pointer-lock.h"

struct _VivDisplayView
{
  AdwBin parent_instance;

  GtkWidget *scroller;
  GtkWidget *picture;

  VivGrab grab;
  VivScaling scaling;
  gboolean interactive;
  gboolean absolute;
  gboolean touchscreen;
  gboolean inhibit;
  gboolean inhibited;
  gboolean focused;
  uint32_t buttons; /* held, by their distance from BTN_LEFT */
  VivMotion motion;
  VivFocusWatch *focus_watch; /* of this window, from the first grab on */
  VivPointerLock *lock;
  gboolean loose; /* locked in spirit: the display system can't hold the pointer */
  GtkWindow *window;
};

enum
{
  PROP_0,
  PROP_GRABBED,
  PROP_LOCKED,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

enum
{
  INPUT,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VivDisplayView, viv_display_view, ADW_TYPE_BIN)

static void
send (VivDisplayView *self, const InputEvent *event)
{
  g_signal_emit (self, signals[INPUT], 0, event);
}

/* -- Pointer -- */

static void
on_locked_motion (double dx, double dy, gpointer data)
{
  VivDisplayView *self = data;
  InputEvent event = { .type = INPUT_EVENT_RELATIVE };

  viv_motion_add (&self->motion, dx, dy, &event.x, &event.y);
  if (event.x || event.y)
    send (self, &event);
}

static void
lock_pointer (VivDisplayView *self)
{
  if (self->lock || self->loose)
    return;
  viv_wheel_reset (&self->motion);
  self->lock = viv_pointer_lock_new (self->picture, on_locked_motion, self);
  self->loose = !self->lock;
  viv_display_picture_set_locked (VIV_DISPLAY_PICTURE (self->picture), self->lock != NULL);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LOCKED]);
}

static void
unlock_pointer (VivDisplayView *self)
{
  if (!self->lock && !self->loose)
    return;
  g_clear_pointer (&self->lock, viv_pointer_lock_free);
  self->loose = FALSE;
  viv_display_picture_set_locked (VIV_DISPLAY_PICTURE (self->picture), FALSE);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LOCKED]);
}

static void
release_buttons (VivDisplayView *self)
{
  for (unsigned i = 0; self->buttons; i++, self->buttons >>= 1)
    if (self->buttons & 1)
      send (self, &(InputEvent){ .type = INPUT_EVENT_BUTTON, .code = BTN_LEFT + i });
}

/* -- Keyboard -- */

static void
inhibit_shortcuts (VivDisplayView *self, gboolean on)
{
  GtkNative *native = gtk_widget_get_native (GTK_WIDGET (self));
  GdkSurface *surface = native ? gtk_native_get_surface (native) : NULL;

  on = on && self->inhibit;
  if (self->inhibited == on || !surface || !GDK_IS_TOPLEVEL (surface))
    return;
  self->inhibited = on;
  if (on)
    gdk_toplevel_inhibit_system_shortcuts (GDK_TOPLEVEL (surface), NULL);
  else
    gdk_toplevel_restore_system_shortcuts (GDK_TOPLEVEL (surface));
}

static void
on_focus_lost (gpointer data)
{
  viv_display_view_release (data);
}

static void
grab_keyboard (VivDisplayView *self)
{
  if (self->grab.grabbed || !self->interactive)
    return;
  if (!self->focus_watch)
    self->focus_watch = viv_focus_watch_new (GTK_WIDGET (self), on_focus_lost, self);
  viv_grab_begin (&self->grab);
  viv_display_picture_set_keyboard (VIV_DISPLAY_PICTURE (self->picture), TRUE);
  inhibit_shortcuts (self, TRUE);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_GRABBED]);
}

static void
ungrab_keyboard (VivDisplayView *self)
{
  uint16_t codes[KEY_CNT];
  unsigned n;

  if (!self->grab.grabbed)
    return;
  n = viv_grab_end (&self->grab, codes);
  for (unsigned i = 0; i < n; i++)
    send (self, &(InputEvent){ .type = INPUT_EVENT_KEY, .code = codes[i] });
  viv_display_picture_set_keyboard (VIV_DISPLAY_PICTURE (self->picture), FALSE);
  inhibit_shortcuts (self, FALSE);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_GRABBED]);
}

void
viv_display_view_release (VivDisplayView *self)
{
  viv_display_picture_lift (VIV_DISPLAY_PICTURE (self->picture));
  release_buttons (self);
  unlock_pointer (self);
  ungrab_keyboard (self);
}

/* Focus in this widget of the active window: the keyboard is the guest's. */
static void
update_focus (VivDisplayView *self)
{
  gboolean focused
      = gtk_widget_has_focus (self->picture) && self->window && gtk_window_is_active (self->window);

  if (self->focused == focused)
    return;
  self->focused = focused;
  if (focused)
    grab_keyboard (self);
  else
    viv_display_view_release (self);
}

/* -- What the picture says -- */

static void
on_input (VivDisplayPicture *picture, const InputEvent *event, VivDisplayView *self)
{
  if (!self->interactive)
    return;
  switch (event->type)
    {
    case INPUT_EVENT_KEY:
      switch (viv_grab_key (&self->grab, event->code, event->value != 0))
        {
        case VIV_GRAB_IGNORE:
          break;
        case VIV_GRAB_FORWARD:
          send (self, event);
          break;
        case VIV_GRAB_FORWARD_RELEASE:
          send (self, event);
          viv_display_view_release (self);
          break;
        }
      return;
    case INPUT_EVENT_BUTTON:
      {
        unsigned bit = event->code - BTN_LEFT;

        if (bit >= 32 || !(self->buttons >> bit & 1) == !event->value)
          return;
        if (event->value)
          self->buttons |= 1u << bit;
        else
          self->buttons &= ~(1u << bit);
        viv_grab_button (&self->grab);
      }
      break;
    case INPUT_EVENT_RELATIVE:
    case INPUT_EVENT_WHEEL:
      if (!self->absolute && !viv_display_view_get_locked (self))
        return;
      break;
    case INPUT_EVENT_TOUCH:
      viv_grab_button (&self->grab);
      break;
    case INPUT_EVENT_ABSOLUTE:
      break;
    }
  send (self, event);
}

static gboolean
on_pressed (VivDisplayPicture *picture, gboolean by_finger, VivDisplayView *self)
{
  if (!self->interactive)
    return TRUE;
  gtk_widget_grab_focus (self->picture);
  if (self->focused || !self->window)
    grab_keyboard (self);
  if (!by_finger && !self->absolute && !viv_display_view_get_locked (self))
    {
      /* This click takes the pointer; the guest's pointer is elsewhere. */
      lock_pointer (self);
      return TRUE;
    }
  return FALSE;
}

/* -- Widget -- */

static void
action_release (GtkWidget *widget, const char *name, GVariant *parameter)
{
  viv_display_view_release (VIV_DISPLAY_VIEW (widget));
}

static void
viv_display_view_root (GtkWidget *widget)
{
  VivDisplayView *self = VIV_DISPLAY_VIEW (widget);
  GtkRoot *root;

  GTK_WIDGET_CLASS (viv_display_view_parent_class)->root (widget);
  root = gtk_widget_get_root (widget);
  if (!GTK_IS_WINDOW (root))
    return;
  self->window = GTK_WINDOW (root);
  g_signal_connect_swapped (root, "notify::is-active", G_CALLBACK (update_focus), self);
}

static void
viv_display_view_unroot (GtkWidget *widget)
{
  VivDisplayView *self = VIV_DISPLAY_VIEW (widget);

  viv_display_view_release (self);
  if (self->window)
    g_signal_handlers_disconnect_by_data (self->window, self);
  self->window = NULL;
  self->focused = FALSE;
  GTK_WIDGET_CLASS (viv_display_view_parent_class)->unroot (widget);
}

static void
viv_display_view_unrealize (GtkWidget *widget)
{
  VivDisplayView *self = VIV_DISPLAY_VIEW (widget);

  viv_display_view_release (self);
  g_clear_pointer (&self->focus_watch, viv_focus_watch_free);
  GTK_WIDGET_CLASS (viv_display_view_parent_class)->unrealize (widget);
}

static void
viv_display_view_unmap (GtkWidget *widget)
{
  viv_display_view_release (VIV_DISPLAY_VIEW (widget));
  GTK_WIDGET_CLASS (viv_display_view_parent_class)->unmap (widget);
}

static gboolean
viv_display_view_grab_focus (GtkWidget *widget)
{
  return gtk_widget_grab_focus (VIV_DISPLAY_VIEW (widget)->picture);
}

static void
viv_display_view_dispose (GObject *object)
{
  VivDisplayView *self = VIV_DISPLAY_VIEW (object);

  g_clear_pointer (&self->lock, viv_pointer_lock_free);
  g_clear_pointer (&self->focus_watch, viv_focus_watch_free);
  G_OBJECT_CLASS (viv_display_view_parent_class)->dispose (object);
}

static void
viv_display_view_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VivDisplayView *self = VIV_DISPLAY_VIEW (object);

  switch (id)
    {
    case PROP_GRABBED:
      g_value_set_boolean (value, viv_display_view_get_grabbed (self));
      break;
    case PROP_LOCKED:
      g_value_set_boolean (value, viv_display_view_get_locked (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_display_view_class_init (VivDisplayViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = viv_display_view_dispose;
  object_class->get_property = viv_display_view_get_property;
  widget_class->root = viv_display_view_root;
  widget_class->unroot = viv_display_view_unroot;
  widget_class->unmap = viv_display_view_unmap;
  widget_class->unrealize = viv_display_view_unrealize;
  widget_class->grab_focus = viv_display_view_grab_focus;

  gtk_widget_class_install_action (widget_class, "display.release", NULL, action_release);
  props[PROP_GRABBED]
      = g_param_spec_boolean ("grabbed", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_LOCKED]
      = g_param_spec_boolean ("locked", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  signals[INPUT] = g_signal_new ("input", VIV_TYPE_DISPLAY_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_POINTER);
}

static void
viv_display_view_init (VivDisplayView *self)
{
  GtkWidget *viewport;

  viv_grab_init (&self->grab, VIV_CHORD_CTRL_ALT);
  self->absolute = TRUE;
  self->inhibit = TRUE;
  self->interactive = TRUE;

  self->picture = viv_display_picture_new ();
  viv_display_picture_set_keyboard (VIV_DISPLAY_PICTURE (self->picture), FALSE);
  g_signal_connect (self->picture, "input", G_CALLBACK (on_input), self);
  g_signal_connect (self->picture, "pressed", G_CALLBACK (on_pressed), self);
  g_signal_connect_swapped (self->picture, "notify::has-focus", G_CALLBACK (update_focus), self);

  viewport = gtk_viewport_new (NULL, NULL);
  gtk_viewport_set_scroll_to_focus (GTK_VIEWPORT (viewport), FALSE);
  gtk_viewport_set_child (GTK_VIEWPORT (viewport), self->picture);
  self->scroller = gtk_scrolled_window_new ();
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (self->scroller), viewport);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (self->scroller), GTK_POLICY_AUTOMATIC,
                                  GTK_POLICY_AUTOMATIC);
  adw_bin_set_child (ADW_BIN (self), self->scroller);
  viv_display_picture_set_touchable (VIV_DISPLAY_PICTURE (self->picture), TRUE);
  gtk_scrolled_window_set_kinetic_scrolling (GTK_SCROLLED_WINDOW (self->scroller), FALSE);
}

GtkWidget *
viv_display_view_new (void)
{
  return g_object_new (VIV_TYPE_DISPLAY_VIEW, NULL);
}

void
viv_display_view_set_framebuffer (VivDisplayView *self, VivFramebuffer *framebuffer)
{
  viv_display_view_release (self);
  viv_display_picture_set_framebuffer (VIV_DISPLAY_PICTURE (self->picture), framebuffer);
}

void
viv_display_view_set_label (VivDisplayView *self, const char *label)
{
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->picture), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

void
viv_display_view_set_scaling (VivDisplayView *self, VivScaling scaling)
{
  self->scaling = scaling;
  viv_display_picture_set_scaling (VIV_DISPLAY_PICTURE (self->picture), scaling);
}

VivScaling
viv_display_view_get_scaling (VivDisplayView *self)
{
  return self->scaling;
}

void
viv_display_view_set_aspect (VivDisplayView *self, VivAspect aspect)
{
  viv_display_picture_set_aspect (VIV_DISPLAY_PICTURE (self->picture), aspect);
}

/* A touchscreen that the guest has no driver for is the pointer's left button to it (vmm/input/router.h): for that, too, the place must be known. */
static void
update_touchable (VivDisplayView *self)
{
  const gboolean touchable = self->absolute || self->touchscreen;

  viv_display_picture_set_touchable (VIV_DISPLAY_PICTURE (self->picture), touchable);
  /* Else a finger that moves scrolls, and leaves without a word. */
  gtk_scrolled_window_set_kinetic_scrolling (GTK_SCROLLED_WINDOW (self->scroller), !touchable);
}

void
viv_display_view_set_touchscreen (VivDisplayView *self, gboolean touchscreen)
{
  self->touchscreen = touchscreen;
  update_touchable (self);
}

void
viv_display_view_set_absolute (VivDisplayView *self, gboolean absolute)
{
  if (self->absolute == absolute)
    return;
  self->absolute = absolute;
  viv_display_picture_set_absolute (VIV_DISPLAY_PICTURE (self->picture), absolute);
  update_touchable (self);
  if (absolute)
    unlock_pointer (self);
}

void
viv_display_view_set_chord (VivDisplayView *self, VivChord chord, gboolean in_turn)
{
  viv_display_view_release (self);
  viv_grab_init (&self->grab, chord);
  viv_grab_set_in_turn (&self->grab, in_turn);
}

void
viv_display_view_set_inhibit_shortcuts (VivDisplayView *self, gboolean inhibit)
{
  if (self->inhibited && !inhibit)
    inhibit_shortcuts (self, FALSE);
  self->inhibit = inhibit;
}

void
viv_display_view_set_interactive (VivDisplayView *self, gboolean interactive)
{
  if (self->interactive == interactive)
    return;
  if (!interactive)
    viv_display_view_release (self);
  self->interactive = interactive;
  if (interactive && self->focused)
    grab_keyboard (self);
}

gboolean
viv_display_view_get_grabbed (VivDisplayView *self)
{
  return self->grab.grabbed;
}

gboolean
viv_display_view_get_locked (VivDisplayView *self)
{
  return self->lock != NULL || self->loose;
}
