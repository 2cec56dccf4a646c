/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine in the library.
 */
#define G_LOG_DOMAIN "viv-machine-card"

#include "config.h"

#include "ui/library/viv-machine-card.h"

#include "machine/tags.h"
#include "ui/machine/viv-many.h"
#include "ui/machine/viv-cloning.h"
#include "ui/machine/viv-operations.h"
#include "ui/app/viv-os.h"
#include "ui/machine/viv-thumbnail.h"

#include <glib/gi18n.h>

struct _VivMachineCard
{
  GtkWidget parent_instance;

  GtkBox *box;
  GtkWidget *picture;
  VivThumbnail *thumbnail;
  GtkWidget *badge;
  GtkWidget *texts, *name_box, *state_box;
  GtkImage *big_icon, *small_icon;
  GtkLabel *name;
  GtkLabel *detail;
  GtkLabel *state;
  GtkWidget *dot;
  GtkPopover *popover;

  VivCardShape shape;
  VivMachine *machine;
};

G_DEFINE_FINAL_TYPE (VivMachineCard, viv_machine_card, GTK_TYPE_WIDGET)

static char *
describe (VivMachineCard *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (self->machine);
  gint64 used = viv_machine_get_last_used (self->machine);
  g_autoptr (GDateTime) when = used ? g_date_time_new_from_unix_local (used) : NULL;
  g_autofree char *date = when ? g_date_time_format (when, "%x") : NULL;
  /* Translators: %s is a date */
  g_autofree char *last = date ? g_strdup_printf (_ ("Last used on %s"), date) : g_strdup (_ ("Never used"));
  const char *os = viv_os_label (definition ? definition_text (definition, "machine.os") : NULL);

  g_auto (GStrv) tags = tags_parse (definition ? definition_text (definition, "machine.tags") : NULL);
  g_autofree char *words = tags_to_text ((const char *const *)tags);

  return g_strdup_printf ("%s%s%s%s%s", os, *os ? " · " : "", last, *words ? " · " : "", words);
}

static void
update_system (VivMachineCard *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (self->machine);
  const char *os = definition ? definition_text (definition, "machine.os") : NULL;
  const char *icon = viv_os_icon (os);
  g_autofree char *detail = self->shape == VIV_CARD_LIST ? describe (self) : NULL;

  gtk_image_set_from_icon_name (self->small_icon, icon);
  gtk_image_set_from_icon_name (self->big_icon, icon);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->small_icon), viv_os_label (os));
  gtk_label_set_label (self->detail, detail ? detail : "");
}

static gboolean
host_can (VivMachineCard *self, VivHostCapabilities what)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  VivHost *host = VIV_IS_SHELL (root) ? viv_shell_get_host (VIV_SHELL (root)) : NULL;

  return host && (viv_host_get_capabilities (host) & what) == what;
}

static void
update (VivMachineCard *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  const char *state = viv_machine_get_state (self->machine);
  gboolean live = viv_machine_is_live (self->machine), busy = viv_machine_is_busy (self->machine);
  gboolean broken = g_str_equal (state, "broken"), paused = g_str_equal (state, "paused");
  const char *error = viv_machine_get_error (self->machine);
  const MachineDefinition *definition = viv_machine_get_definition (self->machine);
  g_auto (GStrv) tags = NULL;
  g_autofree char *words = NULL;
  g_autofree char *description = NULL;

  gtk_label_set_label (self->name, viv_machine_get_name (self->machine));
  update_system (self);
  gtk_label_set_label (self->state,
                       error && !busy && !broken ? _ ("A file is missing") : viv_state_label (self->machine));
  gtk_widget_set_tooltip_text (widget, error && !busy ? error : NULL);
  gtk_widget_set_css_classes (
      self->dot,
      (const char *[]){ "dot", error && !busy ? "crashed" : viv_state_class (self->machine), NULL });
  gtk_widget_set_visible (self->badge, paused);
  tags = tags_parse (definition ? definition_text (definition, "machine.tags") : NULL);
  words = tags_to_text ((const char *const *)tags);
  description = g_strdup_printf ("%s, %s%s%s", viv_machine_get_name (self->machine),
                                 viv_state_label (self->machine), *words ? ", " : "", words);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, description, -1);

  gtk_widget_action_set_enabled (widget, "card.start",
                                 viv_machine_can (self->machine, VIV_MACHINE_CAN_START) && !busy && !broken);
  gtk_widget_action_set_enabled (widget, "card.pause", live && g_str_equal (state, "running"));
  gtk_widget_action_set_enabled (widget, "card.resume", live && paused);
  gtk_widget_action_set_enabled (widget, "card.power-off", live && g_str_equal (state, "running"));
  gtk_widget_action_set_enabled (widget, "card.force-off", live);
  gtk_widget_action_set_enabled (widget, "card.settings",
                                 viv_machine_can (self->machine, VIV_MACHINE_CAN_EDIT) && !broken);
  gtk_widget_action_set_enabled (widget, "card.rename",
                                 host_can (self, VIV_HOST_CAN_RENAME) && !busy && !broken);
  gtk_widget_action_set_enabled (widget, "card.clone",
                                 host_can (self, VIV_HOST_CAN_CREATE) && !busy && !broken
                                     && viv_machine_can (self->machine, VIV_MACHINE_HAS_FOLDER));
  gtk_widget_action_set_enabled (widget, "card.delete", host_can (self, VIV_HOST_CAN_TRASH) && !busy);
  gtk_widget_action_set_enabled (widget, "card.open-folder",
                                 viv_machine_can (self->machine, VIV_MACHINE_HAS_FOLDER));
}

static void
delete_one (VivShell *shell, VivMachine *machine)
{
  g_autoptr (GPtrArray) machines = g_ptr_array_new ();

  g_ptr_array_add (machines, machine);
  viv_many_delete (shell, machines);
}

static const struct
{
  const char *action;
  void (*run) (VivShell *window, VivMachine *machine);
} operations[] = {
  { "card.start", viv_operation_start },
  { "card.pause", viv_operation_pause },
  { "card.resume", viv_operation_resume },
  { "card.power-off", viv_operation_power_off },
  { "card.force-off", viv_operation_force_off },
  { "card.settings", viv_operation_settings },
  { "card.rename", viv_operation_rename },
  { "card.clone", viv_operation_clone },
  { "card.open-folder", viv_operation_open_folder },
  { "card.delete", delete_one },
  { "card.open-window", viv_operation_open_window },
};

static void
on_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivMachineCard *self = VIV_MACHINE_CARD (widget);
  g_autoptr (VivMachine) machine = self->machine ? g_object_ref (self->machine) : NULL;
  VivShell *window = viv_shell_of (widget);

  if (!machine || !window)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    if (g_str_equal (operations[i].action, name))
      {
        operations[i].run (window, machine);
        /* A start is something to look at. */
        if (operations[i].run == viv_operation_start)
          viv_shell_view (window, machine);
      }
}

static void
on_secondary_click (GtkGestureClick *gesture, int n, double x, double y, VivMachineCard *self)
{
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  viv_machine_card_popup (self, x, y);
}

static void
on_long_press (GtkGestureLongPress *gesture, double x, double y, VivMachineCard *self)
{
  viv_machine_card_popup (self, x, y);
}

static void
viv_machine_card_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  GTK_WIDGET_CLASS (viv_machine_card_parent_class)->size_allocate (widget, width, height, baseline);
  gtk_popover_present (VIV_MACHINE_CARD (widget)->popover);
}

static void
viv_machine_card_dispose (GObject *object)
{
  GtkWidget *child;

  viv_machine_card_set_machine (VIV_MACHINE_CARD (object), NULL);
  gtk_widget_dispose_template (GTK_WIDGET (object), VIV_TYPE_MACHINE_CARD);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (object))))
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (viv_machine_card_parent_class)->dispose (object);
}

static void
viv_machine_card_class_init (VivMachineCardClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_machine_card_dispose;
  widget_class->size_allocate = viv_machine_card_size_allocate;
  g_type_ensure (VIV_TYPE_THUMBNAIL);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/vivarium/Vivarium/viv-machine-card.ui");
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, box);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, picture);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, texts);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, name_box);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, state_box);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, big_icon);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, small_icon);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, detail);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, thumbnail);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, badge);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, name);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, state);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, dot);
  gtk_widget_class_bind_template_child (widget_class, VivMachineCard, popover);
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    gtk_widget_class_install_action (widget_class, operations[i].action, NULL, on_action);
  gtk_widget_class_set_css_name (widget_class, "vivcard");
}

/* What its window's host can do. */
static void
on_root (VivMachineCard *self)
{
  if (self->machine)
    update (self);
}

static void
viv_machine_card_init (VivMachineCard *self)
{
  GtkGesture *click, *press;

  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect (self, "notify::root", G_CALLBACK (on_root), NULL);
  click = gtk_gesture_click_new ();
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (click), GDK_BUTTON_SECONDARY);
  g_signal_connect (click, "pressed", G_CALLBACK (on_secondary_click), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
  press = gtk_gesture_long_press_new ();
  gtk_gesture_single_set_touch_only (GTK_GESTURE_SINGLE (press), TRUE);
  g_signal_connect (press, "pressed", G_CALLBACK (on_long_press), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (press));
}

/* The template is the grid's. */
static void
lay_out_as_row (VivMachineCard *self)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (self->box), GTK_ORIENTATION_HORIZONTAL);
  gtk_box_set_spacing (self->box, 12);
  gtk_widget_set_visible (self->picture, FALSE);
  gtk_widget_set_visible (GTK_WIDGET (self->big_icon), TRUE);
  gtk_widget_set_visible (GTK_WIDGET (self->small_icon), FALSE);
  gtk_widget_set_visible (GTK_WIDGET (self->detail), TRUE);
  gtk_widget_set_hexpand (self->texts, TRUE);
  gtk_widget_set_halign (self->name_box, GTK_ALIGN_START);
  gtk_widget_set_halign (self->state_box, GTK_ALIGN_END);
}

GtkWidget *
viv_machine_card_new (VivCardShape shape)
{
  VivMachineCard *self = g_object_new (VIV_TYPE_MACHINE_CARD, NULL);

  self->shape = shape;
  if (shape == VIV_CARD_LIST)
    lay_out_as_row (self);
  return GTK_WIDGET (self);
}

void
viv_machine_card_set_machine (VivMachineCard *self, VivMachine *machine)
{
  if (self->machine == machine)
    return;
  if (self->machine)
    g_signal_handlers_disconnect_by_data (self->machine, self);
  g_set_object (&self->machine, machine);
  if (self->thumbnail && self->shape == VIV_CARD_GRID)
    viv_thumbnail_set_machine (self->thumbnail, machine);
  if (!machine)
    return;
  g_signal_connect_swapped (machine, "notify::name", G_CALLBACK (update), self);
  g_signal_connect_swapped (machine, "notify::error", G_CALLBACK (update), self);
  g_signal_connect_swapped (machine, "notify::definition", G_CALLBACK (update), self);
  g_signal_connect_swapped (machine, "state-changed", G_CALLBACK (update), self);
  update (self);
}

VivMachine *
viv_machine_card_get_machine (VivMachineCard *self)
{
  return self->machine;
}

void
viv_machine_card_popup (VivMachineCard *self, double x, double y)
{
  GdkRectangle at = { (int)x, (int)y, 1, 1 };

  if (x < 0 || y < 0)
    {
      at.x = gtk_widget_get_width (GTK_WIDGET (self)) / 2;
      at.y = gtk_widget_get_height (GTK_WIDGET (self)) / 2;
    }
  gtk_popover_set_pointing_to (self->popover, &at);
  gtk_popover_popup (self->popover);
}
