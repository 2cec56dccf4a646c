/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's screen with all that belongs to it.
 */
#define G_LOG_DOMAIN "viv-console"

#include "config.h"

#include "ui/console/viv-console.h"

#include "display/input.h"
#include "ui/console/viv-display-view.h"

#include <glib/gi18n.h>

#define MAX_CHORD 8

struct _VivConsole
{
  AdwBin parent_instance;

  VivDisplayView *view;
  GSettings *settings;
  GSimpleActionGroup *actions;
  VivChord chord;
  char *hint;
  gboolean told_keyboard, told_pointer;
  GtkWidget *root;          /* while rooted */
  GtkEventController *keys; /* on the root, from the first grab on */
};

enum
{
  PROP_0,
  PROP_GRABBED,
  PROP_LOCKED,
  PROP_HINT,
  PROP_SCALING,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

enum
{
  INPUT,
  TELL,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VivConsole, viv_console, ADW_TYPE_BIN)

/* -- Accelerators -- */

static GtkWidget *
picture (VivConsole *self)
{
  return self->root ? gtk_root_get_focus (GTK_ROOT (self->root)) : NULL;
}

static gboolean
on_key_pressed (GtkEventControllerKey *controller, guint keyval, guint keycode, GdkModifierType state,
                VivConsole *self)
{
  GtkWidget *focus = picture (self);

  return focus && gtk_widget_is_ancestor (focus, GTK_WIDGET (self))
         && gtk_event_controller_key_forward (controller, focus);
}

static void
on_key_released (GtkEventControllerKey *controller, guint keyval, guint keycode, GdkModifierType state,
                 VivConsole *self)
{
  on_key_pressed (controller, keyval, keycode, state, self);
}

/* Accelerators fire in the capture phase, before any widget, and the window's own controllers are asked in the order of the youngest first: so
 * one that is added now has the keys before them. */
static void
mute (VivConsole *self, gboolean on)
{
  if (self->keys && self->root && on)
    {
      gtk_widget_remove_controller (self->root, self->keys);
      self->keys = NULL;
    }
  if (self->keys)
    gtk_event_controller_set_propagation_phase (self->keys, GTK_PHASE_NONE);
  if (!on || !self->root)
    return;
  self->keys = gtk_event_controller_key_new ();
  gtk_event_controller_set_name (self->keys, "viv-console");
  gtk_event_controller_set_propagation_phase (self->keys, GTK_PHASE_CAPTURE);
  g_signal_connect (self->keys, "key-pressed", G_CALLBACK (on_key_pressed), self);
  g_signal_connect (self->keys, "key-released", G_CALLBACK (on_key_released), self);
  gtk_widget_add_controller (self->root, self->keys);
}

/* -- What is said -- */

static void
update_hint (VivConsole *self)
{
  const char *keys = viv_chord_label (self->chord);

  g_clear_pointer (&self->hint, g_free);
  /* Translators: %s is a combination of keys */
  if (viv_console_get_locked (self))
    self->hint = g_strdup_printf (_ ("%s releases keyboard and pointer"), keys);
  else if (viv_console_get_grabbed (self))
    self->hint = g_strdup_printf (_ ("%s releases the keyboard"), keys);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_HINT]);
}

static void
tell (VivConsole *self, gboolean *told, const char *format)
{
  g_autofree char *text = NULL;

  if (*told)
    return;
  *told = TRUE;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  text = g_strdup_printf (format, viv_chord_label (self->chord));
#pragma GCC diagnostic pop
  g_signal_emit (self, signals[TELL], 0, text);
}

static void
on_grabbed (VivConsole *self)
{
  gboolean grabbed = viv_console_get_grabbed (self);

  mute (self, grabbed);
  update_hint (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_GRABBED]);
  if (grabbed)
    /* Translators: %s is a combination of keys */
    tell (self, &self->told_keyboard,
          _ ("The machine has the keyboard. Press and release %s to get it back."));
}

static void
on_locked (VivConsole *self)
{
  update_hint (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LOCKED]);
  if (viv_console_get_locked (self))
    /* Translators: %s is a combination of keys */
    tell (self, &self->told_pointer, _ ("The machine has the pointer. Press and release %s to get it back."));
}

static void
on_input (VivConsole *self, const InputEvent *event)
{
  g_signal_emit (self, signals[INPUT], 0, event);
}

/* -- Actions -- */

static const char *const action_names[] = { "send-keys", "release", "scaling" };

static void
on_send_keys (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivConsole *self = data;
  uint16_t codes[MAX_CHORD];
  unsigned n = 0;
  g_autoptr (GError) error = NULL;

  if (!input_parse_chord (g_variant_get_string (parameter, NULL), codes, &n, &error))
    {
      g_warning ("%s", error->message);
      return;
    }
  /* Down in this order, up in the other. */
  for (unsigned i = 0; i < 2 * n; i++)
    on_input (self, &(InputEvent){
                        .type = INPUT_EVENT_KEY, .code = codes[i < n ? i : 2 * n - 1 - i], .value = i < n });
  gtk_widget_grab_focus (GTK_WIDGET (self));
}

static void
on_release (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  viv_console_release (data);
}

static void
on_scaling (GSimpleAction *action, GVariant *value, gpointer data)
{
  g_object_set (data, "scaling", g_variant_get_string (value, NULL), NULL);
}

static void
make_actions (VivConsole *self)
{
  static const GActionEntry entries[]
      = { { .name = "send-keys", .activate = on_send_keys, .parameter_type = "s" },
          { .name = "release", .activate = on_release },
          { .name = "scaling", .parameter_type = "s", .state = "'fit'", .change_state = on_scaling } };

  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
}

void
viv_console_add_actions (VivConsole *self, GtkWidget *widget)
{
  gtk_widget_insert_action_group (widget, "console", G_ACTION_GROUP (self->actions));
}

/* -- Settings -- */

static void
follow_settings (VivConsole *self)
{
  self->chord = g_settings_get_enum (self->settings, "release-keys");
  viv_display_view_set_chord (self->view, self->chord,
                              g_settings_get_boolean (self->settings, "release-in-turn"));
  viv_display_view_set_inhibit_shortcuts (self->view,
                                          g_settings_get_boolean (self->settings, "grab-keyboard"));
}

static void
on_settings_changed (VivConsole *self, const char *key)
{
  if (g_str_equal (key, "release-keys") || g_str_equal (key, "release-in-turn")
      || g_str_equal (key, "grab-keyboard"))
    follow_settings (self);
}

void
viv_console_set_settings (VivConsole *self, GSettings *settings)
{
  g_return_if_fail (!self->settings);
  self->settings = g_object_ref (settings);
  g_signal_connect_swapped (settings, "changed", G_CALLBACK (on_settings_changed), self);
  follow_settings (self);
  g_object_set (self, "scaling", g_settings_get_enum (settings, "scaling") == 1 ? "exact" : "fit", NULL);
}

/* -- Widget -- */

static void
viv_console_root (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (viv_console_parent_class)->root (widget);
  VIV_CONSOLE (widget)->root = GTK_WIDGET (gtk_widget_get_root (widget));
}

static void
viv_console_unroot (GtkWidget *widget)
{
  VivConsole *self = VIV_CONSOLE (widget);

  viv_display_view_release (self->view);
  if (self->keys)
    gtk_widget_remove_controller (self->root, self->keys);
  self->keys = NULL;
  self->root = NULL;
  GTK_WIDGET_CLASS (viv_console_parent_class)->unroot (widget);
}

static gboolean
viv_console_grab_focus (GtkWidget *widget)
{
  return gtk_widget_grab_focus (GTK_WIDGET (VIV_CONSOLE (widget)->view));
}

static void
viv_console_dispose (GObject *object)
{
  VivConsole *self = VIV_CONSOLE (object);

  if (self->settings)
    g_signal_handlers_disconnect_by_data (self->settings, self);
  g_clear_object (&self->settings);
  G_OBJECT_CLASS (viv_console_parent_class)->dispose (object);
}

static void
viv_console_finalize (GObject *object)
{
  VivConsole *self = VIV_CONSOLE (object);

  /* Who has the actions may have them for longer. */
  for (guint i = 0; i < G_N_ELEMENTS (action_names); i++)
    g_action_map_remove_action (G_ACTION_MAP (self->actions), action_names[i]);
  g_clear_object (&self->actions);
  g_clear_object (&self->view);
  g_free (self->hint);
  G_OBJECT_CLASS (viv_console_parent_class)->finalize (object);
}

static const char *
scaling_name (VivConsole *self)
{
  return viv_display_view_get_scaling (self->view) == VIV_SCALING_EXACT ? "exact" : "fit";
}

static void
viv_console_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VivConsole *self = VIV_CONSOLE (object);

  switch (id)
    {
    case PROP_GRABBED:
      g_value_set_boolean (value, viv_console_get_grabbed (self));
      break;
    case PROP_LOCKED:
      g_value_set_boolean (value, viv_console_get_locked (self));
      break;
    case PROP_HINT:
      g_value_set_string (value, self->hint);
      break;
    case PROP_SCALING:
      g_value_set_static_string (value, scaling_name (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_console_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  VivConsole *self = VIV_CONSOLE (object);

  switch (id)
    {
    case PROP_SCALING:
      viv_display_view_set_scaling (self->view, g_strcmp0 (g_value_get_string (value), "exact") == 0
                                                    ? VIV_SCALING_EXACT
                                                    : VIV_SCALING_FIT);
      g_simple_action_set_state (
          G_SIMPLE_ACTION (g_action_map_lookup_action (G_ACTION_MAP (self->actions), "scaling")),
          g_variant_new_string (scaling_name (self)));
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_console_class_init (VivConsoleClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = viv_console_dispose;
  object_class->finalize = viv_console_finalize;
  object_class->get_property = viv_console_get_property;
  object_class->set_property = viv_console_set_property;
  widget_class->root = viv_console_root;
  widget_class->unroot = viv_console_unroot;
  widget_class->grab_focus = viv_console_grab_focus;

  props[PROP_GRABBED]
      = g_param_spec_boolean ("grabbed", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_LOCKED]
      = g_param_spec_boolean ("locked", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_HINT]
      = g_param_spec_string ("hint", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_SCALING] = g_param_spec_string (
      "scaling", NULL, NULL, "fit", G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  signals[INPUT] = g_signal_new ("input", VIV_TYPE_CONSOLE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_POINTER);
  signals[TELL] = g_signal_new ("tell", VIV_TYPE_CONSOLE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                1, G_TYPE_STRING);
}

static void
viv_console_init (VivConsole *self)
{
  /* Kept to the end, as what is asked of us is asked of it. */
  self->view = g_object_ref_sink (VIV_DISPLAY_VIEW (viv_display_view_new ()));
  g_signal_connect_object (self->view, "notify::grabbed", G_CALLBACK (on_grabbed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->view, "notify::locked", G_CALLBACK (on_locked), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->view, "input", G_CALLBACK (on_input), self, G_CONNECT_SWAPPED);
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->view));
  make_actions (self);
}

GtkWidget *
viv_console_new (void)
{
  return g_object_new (VIV_TYPE_CONSOLE, NULL);
}

void
viv_console_set_framebuffer (VivConsole *self, VivFramebuffer *framebuffer)
{
  viv_display_view_set_framebuffer (self->view, framebuffer);
}

void
viv_console_set_label (VivConsole *self, const char *label)
{
  viv_display_view_set_label (self->view, label);
}

void
viv_console_set_aspect (VivConsole *self, VivAspect aspect)
{
  viv_display_view_set_aspect (self->view, aspect);
}

void
viv_console_set_absolute (VivConsole *self, gboolean absolute)
{
  viv_display_view_set_absolute (self->view, absolute);
}

void
viv_console_set_touchscreen (VivConsole *self, gboolean touchscreen)
{
  viv_display_view_set_touchscreen (self->view, touchscreen);
}

void
viv_console_set_interactive (VivConsole *self, gboolean interactive)
{
  for (guint i = 0; i < 2; i++)
    g_simple_action_set_enabled (
        G_SIMPLE_ACTION (g_action_map_lookup_action (G_ACTION_MAP (self->actions), action_names[i])),
        interactive);
  viv_display_view_set_interactive (self->view, interactive);
}

gboolean
viv_console_get_grabbed (VivConsole *self)
{
  return viv_display_view_get_grabbed (self->view);
}

gboolean
viv_console_get_locked (VivConsole *self)
{
  return viv_display_view_get_locked (self->view);
}

const char *
viv_console_get_hint (VivConsole *self)
{
  return self->hint;
}

void
viv_console_release (VivConsole *self)
{
  viv_display_view_release (self->view);
}
