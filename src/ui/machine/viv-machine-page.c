/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The page of one machine: what it shows.  What can be done on it is in viv-machine-page-actions.c.
 */
#define G_LOG_DOMAIN "viv-machine-page"

#include "config.h"

#include "ui/machine/viv-machine-page-private.h"

#include "ui/app/viv-grab-hints.h"
#include "ui/app/viv-look.h"
#include "ui/machine/viv-machine-menus.h"
#include "ui/machine/viv-media.h"
#include "ui/machine/viv-operations.h"
#include "ui/machine/viv-screen.h"

#include <glib/gi18n.h>
#include <string.h>

#define LOG_LINES 80

G_DEFINE_FINAL_TYPE (VivMachinePage, viv_machine_page, ADW_TYPE_BIN)

enum
{
  PROP_0,
  PROP_OWN_WINDOW, /* there is no way back to a library */
  N_PROPS
};
static GParamSpec *props[N_PROPS];

/* -- What is shown -- */

static char *
describe_state (VivMachinePage *self)
{
  const char *engine = viv_engine_label (viv_machine_get_engine (self->machine));

  if (!viv_machine_is_live (self->machine) || !*engine)
    return g_strdup (viv_state_label (self->machine));
  /* Translators: the state of a machine, and what runs it: "Running — software processor" */
  return g_strdup_printf (_ ("%s — %s"), viv_state_label (self->machine), engine);
}

static void
update_title (VivMachinePage *self)
{
  const char *hint = viv_console_get_hint (self->console);
  g_autofree char *state = describe_state (self);
  g_autofree char *label = NULL;

  /* Not both: a long line would take the room of the header bar's buttons. */
  adw_window_title_set_subtitle (self->title, hint ? hint : state);
  adw_window_title_set_title (self->title, viv_machine_get_name (self->machine));
  /* Translators: %s is a machine's name; a screen reader says it */
  label = g_strdup_printf (_ ("Screen of “%s”"), viv_machine_get_name (self->machine));
  viv_console_set_label (self->console, label);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->title), viv_machine_get_engine_reason (self->machine));
}

static void
update_report (VivMachinePage *self)
{
  g_autofree char *log = viv_machine_log_tail (self->machine, LOG_LINES);
  const char *reason = viv_machine_get_state_reason (self->machine);
  const char *error = viv_machine_get_error (self->machine);
  g_autofree char *text = g_strdup_printf (
      "%s\nVivarium %s\n\n%s%s%s%s%s", viv_machine_get_name (self->machine), PACKAGE_VERSION,
      reason ? reason : "", reason && *reason ? "\n\n" : "", error ? error : "", error ? "\n\n" : "", log);

  gtk_text_buffer_set_text (gtk_text_view_get_buffer (self->report), text, -1);
}

/* The first line is for the page, the rest of a crash report for the details. */
static void
update_trouble (VivMachinePage *self, gboolean broken)
{
  gboolean unresponsive = g_str_equal (viv_machine_get_state (self->machine), "unresponsive");
  const char *reason
      = broken ? viv_machine_get_error (self->machine) : viv_machine_get_state_reason (self->machine);
  g_autofree char *line = g_strndup (reason ? reason : "", reason ? strcspn (reason, "\n") : 0);
  g_autofree char *escaped = g_markup_escape_text (line, -1);

  adw_status_page_set_title (self->trouble, broken         ? _ ("This Machine Can't Be Used")
                                            : unresponsive ? _ ("The Machine Does Not Answer")
                                                           : _ ("The Machine Crashed"));
  adw_status_page_set_description (self->trouble, escaped);
  gtk_widget_set_visible (self->restart_button, !broken && !unresponsive);
  gtk_widget_set_visible (self->trouble_off_button, !broken && viv_machine_is_busy (self->machine));
  gtk_widget_set_visible (self->trouble_folder_button, broken);
  update_report (self);
}

static void
update_off (VivMachinePage *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (self->machine);
  const char *error = viv_machine_get_error (self->machine);
  g_autofree char *memory = NULL;
  g_autofree char *facts = NULL;

  gtk_label_set_label (self->off_name, viv_machine_get_name (self->machine));
  gtk_widget_set_visible (self->off_problem, error != NULL);
  gtk_label_set_label (self->off_error, error ? error : "");
  if (!definition)
    return;
  unsigned cpus = definition_number (definition, "machine.cpus");
  memory = g_format_size_full (definition_number (definition, "machine.memory"), G_FORMAT_SIZE_IEC_UNITS);
  /* Translators: %s is an amount of memory, such as "2.0 GiB" */
  facts = g_strdup_printf (ngettext ("%s of memory · %u processor", "%s of memory · %u processors", cpus),
                           memory, cpus);
  gtk_label_set_label (self->off_facts, facts);
}

/* What goes away or is disabled with a state takes the focus along: then nobody has it. */
static gboolean
has_focus (VivMachinePage *self)
{
  GtkWidget *focus = self->window ? gtk_window_get_focus (self->window) : NULL;

  return gtk_widget_get_mapped (GTK_WIDGET (self))
         && (!focus || gtk_widget_is_ancestor (focus, GTK_WIDGET (self)));
}

/* With a reason it has stopped by itself, for something that can be put right. */
static void
update_paused (VivMachinePage *self, gboolean paused)
{
  const char *reason = viv_machine_get_state_reason (self->machine);
  gboolean why = paused && reason && *reason;

  gtk_widget_set_visible (self->paused, paused);
  gtk_label_set_label (self->paused_reason, why ? reason : "");
  gtk_widget_set_visible (GTK_WIDGET (self->paused_reason), why);
  gtk_widget_set_visible (self->try_again_button, why);
  gtk_widget_set_visible (GTK_WIDGET (self->big_resume_button), !why);
}

static void
update_space (VivMachinePage *self)
{
  const char *low = viv_machine_get_low_space (self->machine);

  gtk_label_set_label (self->space_label, low ? low : "");
  gtk_info_bar_set_revealed (self->space_bar, low != NULL);
}

static void
update (VivMachinePage *self)
{
  const char *state = viv_machine_get_state (self->machine);
  gboolean live = viv_machine_is_live (self->machine), paused = g_str_equal (state, "paused");
  gboolean had_focus = has_focus (self), was_paused = gtk_widget_get_visible (self->paused);
  g_autofree char *before = g_strdup (gtk_stack_get_visible_child_name (self->stack));
  gboolean starting = g_str_equal (state, "starting") && !live;
  const char *page;

  viv_machine_page_update_actions (self);
  update_title (self);
  if (g_str_equal (state, "crashed") || g_str_equal (state, "broken") || g_str_equal (state, "unresponsive"))
    {
      page = "trouble";
      update_trouble (self, g_str_equal (state, "broken"));
    }
  else if (starting)
    page = "starting";
  else if (live)
    page = "screen";
  else
    {
      page = "off";
      update_off (self);
    }
  update_paused (self, live && paused);
  update_space (self);
  viv_console_set_interactive (self->console, live && g_str_equal (state, "running"));
  if (starting)
    gtk_spinner_start (self->spinner);
  else
    gtk_spinner_stop (self->spinner);
  gtk_stack_set_visible_child_name (self->stack, page);
  if (had_focus
      && (g_strcmp0 (before, page) != 0 || was_paused != (live && paused)
          || !viv_can_have_focus (gtk_window_get_focus (self->window))))
    viv_machine_page_focus (self);
}

static void
rebuild_menu (VivMachinePage *self)
{
  g_autoptr (GMenuModel) menu = self->machine ? viv_menu_machine (self->machine, self->missing) : NULL;
  g_autoptr (GMenuModel) media = self->machine ? viv_menu_media (self->machine, self->missing) : NULL;

  gtk_menu_button_set_menu_model (self->menu_button, menu);
  gtk_menu_button_set_menu_model (self->media_button, media);
  gtk_widget_set_visible (GTK_WIDGET (self->media_button), media && g_menu_model_get_n_items (media) > 0);
}

/* -- Are the media there? -- */

typedef struct
{
  GWeakRef page;
  char *drive, *path;
} Looking;

static void
looking_free (Looking *looking)
{
  g_weak_ref_clear (&looking->page);
  g_free (looking->drive);
  g_free (looking->path);
  g_free (looking);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Looking, looking_free)

static void
on_looked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Looking) looking = data;
  g_autoptr (VivMachinePage) self = g_weak_ref_get (&looking->page);
  const MachineDefinition *definition
      = self && self->machine ? viv_machine_get_definition (self->machine) : NULL;
  const MachineDevice *drive = definition ? definition_find_drive (definition, looking->drive) : NULL;
  g_autofree char *path = drive ? definition_resolve (definition, machine_device_text (drive, "path")) : NULL;
  VivLook look;

  /* Another machine, or another medium, meanwhile. */
  if (!viv_look_finish (result, &look, NULL) || g_strcmp0 (path, looking->path) != 0 || look.exists)
    return;
  g_hash_table_add (self->missing, g_strdup (looking->drive));
  rebuild_menu (self);
}

/* On a thread: a server that is gone holds up nobody. */
static void
look_for_media (VivMachinePage *self)
{
  const MachineDefinition *definition = self->machine ? viv_machine_get_definition (self->machine) : NULL;

  g_hash_table_remove_all (self->missing);
  for (unsigned i = 0; definition && definition_drive (definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (definition, i);
      g_autofree char *path = definition_resolve (definition, machine_device_text (drive, "path"));
      Looking *looking;

      if (drive->kind->drive == DRIVE_DISK || !path)
        continue;
      looking = g_new0 (Looking, 1);
      g_weak_ref_init (&looking->page, self);
      looking->drive = g_strdup (drive->id);
      looking->path = g_strdup (path);
      viv_look_async (path, NULL, on_looked, looking);
    }
}

static void
on_definition_changed (VivMachinePage *self)
{
  const MachineDefinition *definition = self->machine ? viv_machine_get_definition (self->machine) : NULL;

  look_for_media (self);
  viv_console_set_touchscreen (self->console,
                               definition && definition_flag (definition, "input.touchscreen"));
  viv_console_set_aspect (self->console, viv_screen_aspect (self->machine));
  g_simple_action_set_state (
      G_SIMPLE_ACTION (g_action_map_lookup_action (G_ACTION_MAP (self->actions), "correct-aspect")),
      g_variant_new_boolean (viv_screen_aspect (self->machine) != VIV_ASPECT_SQUARE));
  rebuild_menu (self);
}

static void
update_pointer (VivMachinePage *self)
{
  viv_console_set_absolute (self->console, viv_machine_get_absolute_pointer (self->machine));
}

/* -- Full screen -- */

static void
on_fullscreen_changed (VivMachinePage *self, gboolean fullscreen)
{
  gtk_button_set_icon_name (GTK_BUTTON (self->fullscreen_button),
                            fullscreen ? "view-restore-symbolic" : "view-fullscreen-symbolic");
  gtk_widget_set_tooltip_text (self->fullscreen_button,
                               fullscreen ? _ ("Leave Full Screen") : _ ("Full Screen"));
  /* The button that asked for it is in the bar that goes. */
  if (gtk_widget_get_mapped (GTK_WIDGET (self)))
    viv_machine_page_focus (self);
}

static void
on_hint (VivMachinePage *self)
{
  if (self->machine)
    update_title (self);
}

static void
on_input (VivMachinePage *self, const InputEvent *event)
{
  if (self->machine)
    viv_machine_send_input (self->machine, event, 1);
}

/* -- Widget -- */

static void
viv_machine_page_root (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (viv_machine_page_parent_class)->root (widget);
  VIV_MACHINE_PAGE (widget)->window = GTK_WINDOW (gtk_widget_get_root (widget));
}

static void
viv_machine_page_unroot (GtkWidget *widget)
{
  VIV_MACHINE_PAGE (widget)->window = NULL;
  GTK_WIDGET_CLASS (viv_machine_page_parent_class)->unroot (widget);
}

/* The window's accelerators are asked in the window, not where the focus is; and not for a page that nobody sees. */
static void
viv_machine_page_map (GtkWidget *widget)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (widget);

  GTK_WIDGET_CLASS (viv_machine_page_parent_class)->map (widget);
  if (!self->window)
    return;
  gtk_widget_insert_action_group (GTK_WIDGET (self->window), "machine", G_ACTION_GROUP (self->actions));
  viv_console_add_actions (self->console, GTK_WIDGET (self->window));
  /* Before, nothing of it could have the focus. */
  if (has_focus (self) && !viv_can_have_focus (gtk_window_get_focus (self->window)))
    viv_machine_page_focus (self);
}

static void
viv_machine_page_unmap (GtkWidget *widget)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (widget);

  if (self->window)
    {
      gtk_widget_insert_action_group (GTK_WIDGET (self->window), "machine", NULL);
      gtk_widget_insert_action_group (GTK_WIDGET (self->window), "console", NULL);
    }
  GTK_WIDGET_CLASS (viv_machine_page_parent_class)->unmap (widget);
}

static void
viv_machine_page_dispose (GObject *object)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (object);

  if (self->machine)
    viv_machine_page_set_machine (self, NULL);
  if (self->console)
    g_signal_handlers_disconnect_by_data (self->console, self);
  self->console = NULL;
  adw_bin_set_child (ADW_BIN (self), NULL);
  G_OBJECT_CLASS (viv_machine_page_parent_class)->dispose (object);
}

static void
viv_machine_page_finalize (GObject *object)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (object);
  g_auto (GStrv) names = g_action_group_list_actions (G_ACTION_GROUP (self->actions));

  for (guint i = 0; names[i]; i++)
    g_action_map_remove_action (G_ACTION_MAP (self->actions), names[i]);
  g_object_unref (self->actions);
  g_hash_table_unref (self->missing);
  G_OBJECT_CLASS (viv_machine_page_parent_class)->finalize (object);
}

static void
viv_machine_page_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (object);

  switch (id)
    {
    case PROP_OWN_WINDOW:
      g_value_set_boolean (value, self->own_window);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_machine_page_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (object);

  switch (id)
    {
    case PROP_OWN_WINDOW:
      self->own_window = g_value_get_boolean (value);
      gtk_widget_set_visible (self->back_button, !self->own_window);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
bind_children (GtkWidgetClass *widget_class)
{
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, flap);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, title);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, back_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, start_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, pause_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, resume_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, screenshot_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, fullscreen_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, menu_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, keys_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, media_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, stack);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, console);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, paused);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, paused_reason);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, try_again_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, space_bar);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, space_label);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, big_resume_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, big_start_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, thumbnail);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, off_name);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, off_facts);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, off_error);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, off_problem);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, spinner);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, trouble);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, restart_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, trouble_off_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, trouble_folder_button);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, report);
}

static void
viv_machine_page_class_init (VivMachinePageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_machine_page_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_machine_page_finalize;
  G_OBJECT_CLASS (klass)->get_property = viv_machine_page_get_property;
  G_OBJECT_CLASS (klass)->set_property = viv_machine_page_set_property;
  props[PROP_OWN_WINDOW] = g_param_spec_boolean (
      "own-window", NULL, NULL, FALSE, G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (G_OBJECT_CLASS (klass), N_PROPS, props);
  widget_class->root = viv_machine_page_root;
  widget_class->unroot = viv_machine_page_unroot;
  widget_class->map = viv_machine_page_map;
  widget_class->unmap = viv_machine_page_unmap;
  g_type_ensure (VIV_TYPE_CONSOLE);
  g_type_ensure (VIV_TYPE_HEADER_FLAP);
  g_type_ensure (VIV_TYPE_THUMBNAIL);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/vivarium/Vivarium/viv-machine-page.ui");
  bind_children (widget_class);
}

/* A disc or a floppy that is dropped on the screen goes into its drive. */
static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, VivMachinePage *self)
{
  GSList *files = g_value_get_boxed (value);
  g_autofree char *path = files ? g_file_get_path (files->data) : NULL;
  VivShell *shell = viv_shell_of (GTK_WIDGET (self));

  if (!files || !shell || !self->machine)
    return FALSE;
  if (path)
    viv_media_insert (shell, self->machine, path);
  else
    viv_shell_message (shell, _ ("The image is not on this computer. Copy it here first."));
  return path != NULL;
}

static void
viv_machine_page_init (VivMachinePage *self)
{
  GtkDropTarget *drop = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);
  g_autoptr (GMenuModel) keys = viv_menu_send_keys ();

  self->missing = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  viv_machine_page_make_actions (self);
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_menu_button_set_menu_model (self->keys_button, keys);
  viv_grab_hints_attach (self->console);
  viv_console_add_actions (self->console, GTK_WIDGET (self));
  viv_header_flap_set_console (self->flap, self->console);
  g_signal_connect_swapped (self->console, "notify::hint", G_CALLBACK (on_hint), self);
  g_signal_connect_swapped (self->console, "input", G_CALLBACK (on_input), self);
  g_signal_connect_swapped (self->flap, "fullscreen-changed", G_CALLBACK (on_fullscreen_changed), self);
  g_signal_connect (drop, "drop", G_CALLBACK (on_drop), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drop));
}

static void
on_notice (VivMachine *machine, const char *text, VivMachinePage *self)
{
  VivShell *window = viv_machine_page_shell (self);

  if (window)
    viv_shell_message (window, text);
}

/* The guest's own doing is said; what somebody did here they know. */
static void
on_media_changed (VivMachine *machine, const char *drive, const char *path, VivMachinePage *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  const MachineDevice *found = definition ? definition_find_drive (definition, drive) : NULL;
  VivShell *window = viv_machine_page_shell (self);

  if (window && *path == '\0' && found && machine_device_text (found, "path")
      && *machine_device_text (found, "path"))
    viv_shell_message (window, _ ("The system in the machine has ejected its disc"));
}

void
viv_machine_page_set_machine (VivMachinePage *self, VivMachine *machine)
{
  if (self->machine == machine)
    return;
  viv_console_release (self->console);
  if (self->machine)
    g_signal_handlers_disconnect_by_data (self->machine, self);
  g_set_object (&self->machine, machine);
  viv_console_set_framebuffer (self->console,
                               machine ? viv_screen_get_framebuffer (viv_screen_get (machine, 0)) : NULL);
  viv_thumbnail_set_machine (self->thumbnail, machine);
  if (!machine)
    return;
  g_signal_connect_swapped (machine, "state-changed", G_CALLBACK (update), self);
  g_signal_connect_swapped (machine, "notify::name", G_CALLBACK (update), self);
  g_signal_connect_swapped (machine, "notify::error", G_CALLBACK (update), self);
  g_signal_connect_swapped (machine, "notify::low-space", G_CALLBACK (update_space), self);
  g_signal_connect_swapped (machine, "notify::engine", G_CALLBACK (update_title), self);
  g_signal_connect_swapped (machine, "notify::absolute-pointer", G_CALLBACK (update_pointer), self);
  g_signal_connect_swapped (machine, "notify::definition", G_CALLBACK (on_definition_changed), self);
  g_signal_connect (machine, "notice", G_CALLBACK (on_notice), self);
  g_signal_connect (machine, "media-changed", G_CALLBACK (on_media_changed), self);
  on_definition_changed (self);
  update_pointer (self);
  update (self);
}

VivMachine *
viv_machine_page_get_machine (VivMachinePage *self)
{
  return self->machine;
}

void
viv_machine_page_focus (VivMachinePage *self)
{
  const char *page = gtk_stack_get_visible_child_name (self->stack);

  if (g_strcmp0 (page, "off") == 0)
    gtk_widget_grab_focus (self->big_start_button);
  else if (g_strcmp0 (page, "trouble") == 0)
    gtk_widget_grab_focus (gtk_widget_get_visible (self->restart_button) ? self->restart_button
                                                                         : self->trouble_folder_button);
  else if (g_strcmp0 (page, "screen") == 0)
    gtk_widget_grab_focus (gtk_widget_get_visible (self->try_again_button) ? self->try_again_button
                           : gtk_widget_get_visible (self->paused)         ? self->big_resume_button
                                                                           : GTK_WIDGET (self->console));
}
