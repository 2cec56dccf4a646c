/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A header bar that makes room for a full screen.
 */
#define G_LOG_DOMAIN "viv-header-flap"

#include "ui/console/viv-header-flap.h"

#include "ui/console/viv-reveal.h"

#define REVEAL_DELAY 250 /* ms: not on the way to something else */

struct _VivHeaderFlap
{
  AdwBin parent_instance;

  AdwFlap *flap;
  VivConsole *console;        /* weak */
  GtkWindow *window;          /* while rooted */
  GtkEventController *motion; /* on the window: without a compositor a frame of it is around us */
  guint reveal_source;
};

enum
{
  PROP_0,
  PROP_HEADER,
  PROP_CONTENT,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

enum
{
  FULLSCREEN_CHANGED,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VivHeaderFlap, viv_header_flap, ADW_TYPE_BIN)

gboolean
viv_header_flap_is_fullscreen (VivHeaderFlap *self)
{
  return self->window && gtk_window_is_fullscreen (self->window);
}

static gboolean
on_reveal (gpointer data)
{
  VivHeaderFlap *self = data;

  self->reveal_source = 0;
  adw_flap_set_reveal_flap (self->flap, TRUE);
  return G_SOURCE_REMOVE;
}

/* A menu of the bar. */
static gboolean
menu_is_open (GtkWidget *widget)
{
  if (!widget)
    return FALSE;
  if (GTK_IS_MENU_BUTTON (widget))
    {
      GtkPopover *popover = gtk_menu_button_get_popover (GTK_MENU_BUTTON (widget));

      return popover && gtk_widget_get_visible (GTK_WIDGET (popover));
    }
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    if (menu_is_open (child))
      return TRUE;
  return FALSE;
}

static void
update (VivHeaderFlap *self, gboolean pointer, double y)
{
  VivRevealState state = { .fullscreen = viv_header_flap_is_fullscreen (self),
                           .grabbed = self->console && viv_console_get_grabbed (self->console),
                           .menu_open = menu_is_open (adw_flap_get_flap (self->flap)),
                           .shown = adw_flap_get_reveal_flap (self->flap),
                           .pointer = pointer,
                           .y = y };

  switch (viv_reveal (&state))
    {
    case VIV_REVEAL_SOON:
      if (!self->reveal_source)
        self->reveal_source = g_timeout_add (REVEAL_DELAY, on_reveal, self);
      break;
    case VIV_REVEAL_SHOW:
      g_clear_handle_id (&self->reveal_source, g_source_remove);
      adw_flap_set_reveal_flap (self->flap, TRUE);
      break;
    case VIV_REVEAL_HIDE:
      g_clear_handle_id (&self->reveal_source, g_source_remove);
      adw_flap_set_reveal_flap (self->flap, FALSE);
      break;
    case VIV_REVEAL_KEEP:
      break;
    }
}

static void
on_grabbed (VivHeaderFlap *self)
{
  update (self, FALSE, 0);
}

static void
on_fullscreen (VivHeaderFlap *self)
{
  gboolean fullscreen = viv_header_flap_is_fullscreen (self);
  GtkWidget *header = adw_flap_get_flap (self->flap);

  adw_flap_set_fold_policy (self->flap,
                            fullscreen ? ADW_FLAP_FOLD_POLICY_ALWAYS : ADW_FLAP_FOLD_POLICY_NEVER);
  if (ADW_IS_HEADER_BAR (header))
    adw_header_bar_set_show_end_title_buttons (ADW_HEADER_BAR (header), !fullscreen);
  g_signal_emit (self, signals[FULLSCREEN_CHANGED], 0, fullscreen);
  update (self, FALSE, 0);
}

static void
on_motion (GtkEventControllerMotion *controller, double x, double y, VivHeaderFlap *self)
{
  double own_x, own_y;

  if (gtk_widget_get_mapped (GTK_WIDGET (self)) && viv_header_flap_is_fullscreen (self)
      && gtk_widget_translate_coordinates (GTK_WIDGET (self->window), GTK_WIDGET (self), x, y, &own_x,
                                           &own_y))
    update (self, TRUE, own_y);
}

static void
viv_header_flap_root (GtkWidget *widget)
{
  VivHeaderFlap *self = VIV_HEADER_FLAP (widget);

  GTK_WIDGET_CLASS (viv_header_flap_parent_class)->root (widget);
  if (!GTK_IS_WINDOW (gtk_widget_get_root (widget)))
    return;
  self->window = GTK_WINDOW (gtk_widget_get_root (widget));
  g_signal_connect_swapped (self->window, "notify::fullscreened", G_CALLBACK (on_fullscreen), self);
  self->motion = gtk_event_controller_motion_new ();
  gtk_event_controller_set_propagation_phase (self->motion, GTK_PHASE_CAPTURE);
  g_signal_connect (self->motion, "motion", G_CALLBACK (on_motion), self);
  gtk_widget_add_controller (GTK_WIDGET (self->window), self->motion);
}

static void
viv_header_flap_unroot (GtkWidget *widget)
{
  VivHeaderFlap *self = VIV_HEADER_FLAP (widget);

  if (self->window)
    {
      g_signal_handlers_disconnect_by_data (self->window, self);
      gtk_widget_remove_controller (GTK_WIDGET (self->window), self->motion);
    }
  self->motion = NULL;
  self->window = NULL;
  GTK_WIDGET_CLASS (viv_header_flap_parent_class)->unroot (widget);
}

static void
viv_header_flap_dispose (GObject *object)
{
  VivHeaderFlap *self = VIV_HEADER_FLAP (object);

  g_clear_handle_id (&self->reveal_source, g_source_remove);
  viv_header_flap_set_console (self, NULL);
  G_OBJECT_CLASS (viv_header_flap_parent_class)->dispose (object);
}

static void
viv_header_flap_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VivHeaderFlap *self = VIV_HEADER_FLAP (object);

  switch (id)
    {
    case PROP_HEADER:
      g_value_set_object (value, adw_flap_get_flap (self->flap));
      break;
    case PROP_CONTENT:
      g_value_set_object (value, adw_flap_get_content (self->flap));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_header_flap_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  VivHeaderFlap *self = VIV_HEADER_FLAP (object);

  switch (id)
    {
    case PROP_HEADER:
      adw_flap_set_flap (self->flap, g_value_get_object (value));
      break;
    case PROP_CONTENT:
      adw_flap_set_content (self->flap, g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_header_flap_class_init (VivHeaderFlapClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = viv_header_flap_dispose;
  object_class->get_property = viv_header_flap_get_property;
  object_class->set_property = viv_header_flap_set_property;
  widget_class->root = viv_header_flap_root;
  widget_class->unroot = viv_header_flap_unroot;
  gtk_widget_class_set_css_name (widget_class, "vivheaderflap");
  props[PROP_HEADER] = g_param_spec_object ("header", NULL, NULL, GTK_TYPE_WIDGET,
                                            G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  props[PROP_CONTENT] = g_param_spec_object ("content", NULL, NULL, GTK_TYPE_WIDGET,
                                             G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  signals[FULLSCREEN_CHANGED] = g_signal_new ("fullscreen-changed", VIV_TYPE_HEADER_FLAP, G_SIGNAL_RUN_LAST,
                                              0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_BOOLEAN);
}

static void
viv_header_flap_init (VivHeaderFlap *self)
{
  self->flap = ADW_FLAP (adw_flap_new ());
  gtk_orientable_set_orientation (GTK_ORIENTABLE (self->flap), GTK_ORIENTATION_VERTICAL);
  adw_flap_set_fold_policy (self->flap, ADW_FLAP_FOLD_POLICY_NEVER);
  adw_flap_set_locked (self->flap, TRUE);
  adw_flap_set_modal (self->flap, FALSE);
  adw_flap_set_swipe_to_open (self->flap, FALSE);
  adw_flap_set_swipe_to_close (self->flap, FALSE);
  adw_flap_set_transition_type (self->flap, ADW_FLAP_TRANSITION_TYPE_OVER);
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->flap));
}

void
viv_header_flap_set_console (VivHeaderFlap *self, VivConsole *console)
{
  if (self->console)
    g_signal_handlers_disconnect_by_data (self->console, self);
  g_set_weak_pointer (&self->console, console);
  if (console)
    g_signal_connect_object (console, "notify::grabbed", G_CALLBACK (on_grabbed), self, G_CONNECT_SWAPPED);
}
