/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Several machines chosen in the library.
 */
#define G_LOG_DOMAIN "viv-machine-selection"

#include "config.h"

#include "ui/library/viv-machine-selection.h"

#include "ui/library/viv-machine-card.h"

struct _VivMachineSelection
{
  GObject parent_instance;

  GtkMultiSelection *model;
  GPtrArray *views; /* not ours */
  gboolean active, changing;
};

G_DEFINE_FINAL_TYPE (VivMachineSelection, viv_machine_selection, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_ACTIVE,
  N_PROPS
};
static GParamSpec *props[N_PROPS];
static guint changed_signal;

static guint64
count (VivMachineSelection *self)
{
  g_autoptr (GtkBitset) chosen = gtk_selection_model_get_selection (GTK_SELECTION_MODEL (self->model));

  return gtk_bitset_get_size (chosen);
}

/* Where a click opens a machine, the pointer chooses what it is over: not while several are chosen. */
static void
set_active (VivMachineSelection *self, gboolean active)
{
  if (self->active == active)
    return;
  self->active = active;
  for (guint i = 0; i < self->views->len; i++)
    {
      g_object_set (self->views->pdata[i], "single-click-activate", !active, NULL);
      if (active)
        gtk_widget_add_css_class (self->views->pdata[i], "choosing");
      else
        gtk_widget_remove_css_class (self->views->pdata[i], "choosing");
    }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ACTIVE]);
}

/* Two at once: that was meant. */
static void
on_selection_changed (VivMachineSelection *self)
{
  if (self->changing)
    return;
  if (!self->active && count (self) > 1)
    set_active (self, TRUE);
  if (self->active)
    g_signal_emit (self, changed_signal, 0);
}

void
viv_machine_selection_set_active (VivMachineSelection *self, gboolean active)
{
  if (self->active == active)
    return;
  self->changing = TRUE;
  gtk_selection_model_unselect_all (GTK_SELECTION_MODEL (self->model));
  self->changing = FALSE;
  set_active (self, active);
  g_signal_emit (self, changed_signal, 0);
}

/* -- Clicks -- */

/* The cell at a place of a view; NULL: none. */
static GtkWidget *
cell_at (GtkWidget *view, double x, double y)
{
  GtkWidget *widget = gtk_widget_pick (view, x, y, GTK_PICK_DEFAULT);

  while (widget && widget != view && gtk_widget_get_parent (widget) != view)
    widget = gtk_widget_get_parent (widget);
  return widget != view ? widget : NULL;
}

static gboolean
find_position (VivMachineSelection *self, GtkWidget *cell, guint *position)
{
  GtkWidget *card = gtk_widget_get_first_child (cell);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->model));

  for (guint i = 0; VIV_IS_MACHINE_CARD (card) && i < n; i++)
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (G_LIST_MODEL (self->model), i);

      if (machine == viv_machine_card_get_machine (VIV_MACHINE_CARD (card)))
        {
          *position = i;
          return TRUE;
        }
    }
  return FALSE;
}

static void
on_pressed (GtkGestureClick *gesture, int n, double x, double y, VivMachineSelection *self)
{
  GtkWidget *view = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (gesture));
  GdkModifierType state = gtk_event_controller_get_current_event_state (GTK_EVENT_CONTROLLER (gesture));
  gboolean extend = (state & GDK_SHIFT_MASK) != 0, modify = (state & GDK_CONTROL_MASK) != 0;
  GtkWidget *cell = cell_at (view, x, y);
  guint position;

  if ((!self->active && !extend && !modify) || !cell || !find_position (self, cell, &position))
    {
      gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_DENIED);
      return;
    }
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  viv_machine_selection_set_active (self, TRUE);
  gtk_widget_grab_focus (cell);
  gtk_widget_activate_action (view, "list.select-item", "(ubb)", position, !extend, extend);
}

/* A card's menu is about one machine. */
static void
on_secondary (GtkGestureClick *gesture, int n, double x, double y, VivMachineSelection *self)
{
  gtk_gesture_set_state (GTK_GESTURE (gesture),
                         self->active ? GTK_EVENT_SEQUENCE_CLAIMED : GTK_EVENT_SEQUENCE_DENIED);
}

static void
add_gesture (VivMachineSelection *self, GtkWidget *view, guint button, GCallback pressed)
{
  GtkGesture *gesture = gtk_gesture_click_new ();

  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (gesture), button);
  /* Before the cell's own. */
  gtk_event_controller_set_propagation_phase (GTK_EVENT_CONTROLLER (gesture), GTK_PHASE_CAPTURE);
  g_signal_connect_object (gesture, "pressed", pressed, self, 0);
  gtk_widget_add_controller (view, GTK_EVENT_CONTROLLER (gesture));
}

static gboolean
on_escape (GtkWidget *widget, GVariant *arguments, gpointer data)
{
  VivMachineSelection *self = data;

  if (!self->active)
    return FALSE;
  viv_machine_selection_set_active (self, FALSE);
  return TRUE;
}

void
viv_machine_selection_add_view (VivMachineSelection *self, GtkWidget *view)
{
  GtkEventController *keys = gtk_shortcut_controller_new ();

  g_ptr_array_add (self->views, view);
  add_gesture (self, view, GDK_BUTTON_PRIMARY, G_CALLBACK (on_pressed));
  add_gesture (self, view, GDK_BUTTON_SECONDARY, G_CALLBACK (on_secondary));
  gtk_shortcut_controller_add_shortcut (
      GTK_SHORTCUT_CONTROLLER (keys),
      gtk_shortcut_new (gtk_keyval_trigger_new (GDK_KEY_Escape, 0),
                        gtk_callback_action_new (on_escape, g_object_ref (self), g_object_unref)));
  gtk_widget_add_controller (view, keys);
}

/* -- Object -- */

GtkSelectionModel *
viv_machine_selection_get_model (VivMachineSelection *self)
{
  return GTK_SELECTION_MODEL (self->model);
}

gboolean
viv_machine_selection_is_active (VivMachineSelection *self)
{
  return self->active;
}

GPtrArray *
viv_machine_selection_list (VivMachineSelection *self)
{
  GPtrArray *machines = g_ptr_array_new_with_free_func (g_object_unref);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->model));

  for (guint i = 0; self->active && i < n; i++)
    if (gtk_selection_model_is_selected (GTK_SELECTION_MODEL (self->model), i))
      g_ptr_array_add (machines, g_list_model_get_item (G_LIST_MODEL (self->model), i));
  return machines;
}

static void
viv_machine_selection_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_ACTIVE:
      g_value_set_boolean (value, VIV_MACHINE_SELECTION (object)->active);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_machine_selection_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_ACTIVE:
      viv_machine_selection_set_active (VIV_MACHINE_SELECTION (object), g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_machine_selection_finalize (GObject *object)
{
  VivMachineSelection *self = VIV_MACHINE_SELECTION (object);

  g_object_unref (self->model);
  g_ptr_array_unref (self->views);
  G_OBJECT_CLASS (viv_machine_selection_parent_class)->finalize (object);
}

static void
viv_machine_selection_class_init (VivMachineSelectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = viv_machine_selection_finalize;
  object_class->get_property = viv_machine_selection_get_property;
  object_class->set_property = viv_machine_selection_set_property;
  props[PROP_ACTIVE] = g_param_spec_boolean (
      "active", NULL, NULL, FALSE, G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  changed_signal = g_signal_new ("changed", VIV_TYPE_MACHINE_SELECTION, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

static void
viv_machine_selection_init (VivMachineSelection *self)
{
  self->views = g_ptr_array_new ();
}

VivMachineSelection *
viv_machine_selection_new (GListModel *model)
{
  VivMachineSelection *self = g_object_new (VIV_TYPE_MACHINE_SELECTION, NULL);

  self->model = gtk_multi_selection_new (model);
  g_signal_connect_object (self->model, "selection-changed", G_CALLBACK (on_selection_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->model, "items-changed", G_CALLBACK (on_selection_changed), self,
                           G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  return self;
}
