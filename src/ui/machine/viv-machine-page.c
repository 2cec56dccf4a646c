/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The page of one machine.
 */
#define G_LOG_DOMAIN "viv-machine-page"

#include "config.h"

#include "ui/machine/viv-machine-page.h"

#include "machine/edit.h"
#include "ui/app/viv-dialogs.h"
#include "ui/console/viv-display-view.h"
#include "ui/machine/viv-facts-window.h"
#include "ui/machine/viv-machine-menus.h"
#include "ui/machine/viv-media.h"
#include "ui/machine/viv-operations.h"
#include "ui/console/viv-reveal.h"
#include "ui/machine/viv-screen.h"
#include "ui/machine/viv-screenshot.h"
#include "ui/machine/viv-thumbnail.h"
#include "ui/machine/viv-sharing-window.h"
#include "ui/app/viv-preferences.h"

#include <glib/gi18n.h>
#include <string.h>

#define LOG_LINES    80
#define MAX_CHORD    8
#define REVEAL_DELAY 250 /* ms: not on the way to something else */

struct _VivMachinePage
{
  AdwBin parent_instance;

  AdwFlap *flap;
  GtkWidget *header;
  AdwWindowTitle *title;
  GtkWidget *back_button, *start_button, *pause_button, *resume_button, *screenshot_button,
      *fullscreen_button;
  GtkMenuButton *menu_button, *keys_button, *media_button;
  GtkStack *stack;
  VivDisplayView *display;
  GtkWidget *paused;
  GtkWidget *big_resume_button, *big_start_button;
  VivThumbnail *thumbnail;
  GtkLabel *off_name, *off_facts, *off_error;
  GtkWidget *off_problem;
  GtkSpinner *spinner;
  AdwStatusPage *trouble;
  GtkWidget *restart_button, *trouble_off_button, *trouble_folder_button;
  GtkTextView *report;

  VivMachine *machine;
  GtkWindow *window;          /* while rooted */
  GtkEventController *motion; /* on the window: without a compositor a frame of it is around us */
  gboolean told_keyboard, told_pointer;
  AdwToast *hint; /* weak: how to get out, while it is of use */
  guint reveal_source;
};

G_DEFINE_FINAL_TYPE (VivMachinePage, viv_machine_page, ADW_TYPE_BIN)

enum
{
  PROP_0,
  PROP_SCALING,        /* "fit" or "exact": what the menu's radio items choose */
  PROP_CORRECT_ASPECT, /* whether old modes are shown 4:3: the machine's setting display0.aspect */
  N_PROPS
};
static GParamSpec *props[N_PROPS];

static VivWindow *
window_of (VivMachinePage *self)
{
  return viv_window_of (GTK_WIDGET (self));
}

static VivChord
release_chord (void)
{
  return g_settings_get_enum (viv_settings (), "release-keys");
}

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
  gboolean grabbed = viv_display_view_get_grabbed (self->display),
           locked = viv_display_view_get_locked (self->display);
  g_autofree char *state = describe_state (self);
  g_autofree char *hint = NULL;
  g_autofree char *label = NULL;

  /* Translators: %s is a combination of keys */
  if (locked)
    hint = g_strdup_printf (_ ("%s releases keyboard and pointer"), viv_chord_label (release_chord ()));
  else if (grabbed)
    hint = g_strdup_printf (_ ("%s releases the keyboard"), viv_chord_label (release_chord ()));
  if (hint)
    {
      g_autofree char *both = g_strdup_printf ("%s · %s", state, hint);

      adw_window_title_set_subtitle (self->title, both);
    }
  else
    adw_window_title_set_subtitle (self->title, state);
  adw_window_title_set_title (self->title, viv_machine_get_name (self->machine));
  /* Translators: %s is a machine's name; a screen reader says it */
  label = g_strdup_printf (_ ("Screen of “%s”"), viv_machine_get_name (self->machine));
  viv_display_view_set_label (self->display, label);
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

static void
update_actions (VivMachinePage *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  const char *state = viv_machine_get_state (self->machine);
  gboolean live = viv_machine_is_live (self->machine), busy = viv_machine_is_busy (self->machine);
  gboolean running = live && g_str_equal (state, "running"), paused = live && g_str_equal (state, "paused");
  gboolean broken = g_str_equal (state, "broken"), screen = running || paused;

  gtk_widget_action_set_enabled (widget, "page.start", !busy && !broken);
  gtk_widget_action_set_enabled (widget, "page.pause", running);
  gtk_widget_action_set_enabled (widget, "page.resume", paused);
  gtk_widget_action_set_enabled (widget, "page.reset", live);
  gtk_widget_action_set_enabled (widget, "page.power-off", running);
  gtk_widget_action_set_enabled (widget, "page.force-off", busy);
  gtk_widget_action_set_enabled (widget, "page.switch-off", busy);
  gtk_widget_action_set_enabled (widget, "page.restart", !broken);
  gtk_widget_action_set_enabled (widget, "page.send-keys", running);
  gtk_widget_action_set_enabled (widget, "page.type-clipboard", running);
  gtk_widget_action_set_enabled (widget, "page.screenshot", screen);
  gtk_widget_action_set_enabled (widget, "page.change-media", !broken);
  gtk_widget_action_set_enabled (widget, "page.eject", !broken);
  gtk_widget_action_set_enabled (widget, "page.vnc", live);
  gtk_widget_action_set_enabled (widget, "page.settings", !broken);
  gtk_widget_action_set_enabled (widget, "page.release", running);

  gtk_widget_set_visible (self->start_button, !busy && !broken && !g_str_equal (state, "crashed"));
  gtk_widget_set_visible (self->pause_button, running);
  gtk_widget_set_visible (self->resume_button, paused);
  gtk_widget_set_visible (self->screenshot_button, screen);
  gtk_widget_set_visible (GTK_WIDGET (self->keys_button), screen);
  gtk_widget_set_sensitive (GTK_WIDGET (self->keys_button), running);
}

static gboolean
can_have_focus (GtkWidget *widget)
{
  return widget && gtk_widget_get_mapped (widget) && gtk_widget_is_sensitive (widget);
}

/* What goes away or is disabled with a state takes the focus along: then nobody has it. */
static gboolean
has_focus (VivMachinePage *self)
{
  GtkWidget *focus = self->window ? gtk_window_get_focus (self->window) : NULL;

  return gtk_widget_get_mapped (GTK_WIDGET (self))
         && (!focus || gtk_widget_is_ancestor (focus, GTK_WIDGET (self)));
}

static void
update (VivMachinePage *self)
{
  const char *state = viv_machine_get_state (self->machine);
  gboolean live = viv_machine_is_live (self->machine), paused = g_str_equal (state, "paused");
  gboolean had_focus = has_focus (self), was_paused = gtk_widget_get_visible (self->paused);
  g_autofree char *before = g_strdup (gtk_stack_get_visible_child_name (self->stack));
  const char *page;

  update_actions (self);
  update_title (self);
  if (g_str_equal (state, "crashed") || g_str_equal (state, "broken") || g_str_equal (state, "unresponsive"))
    {
      page = "trouble";
      update_trouble (self, g_str_equal (state, "broken"));
    }
  else if (g_str_equal (state, "starting") && !live)
    page = "starting";
  else if (live)
    page = "screen";
  else
    {
      page = "off";
      update_off (self);
    }
  gtk_widget_set_visible (self->paused, live && paused);
  viv_display_view_set_interactive (self->display, live && g_str_equal (state, "running"));
  if (g_str_equal (page, "starting"))
    gtk_spinner_start (self->spinner);
  else
    gtk_spinner_stop (self->spinner);
  gtk_stack_set_visible_child_name (self->stack, page);
  if (had_focus
      && (g_strcmp0 (before, page) != 0 || was_paused != (live && paused)
          || !can_have_focus (gtk_window_get_focus (self->window))))
    viv_machine_page_focus (self);
}

static VivAspect
aspect_of (VivMachinePage *self)
{
  const MachineDefinition *definition = self->machine ? viv_machine_get_definition (self->machine) : NULL;
  const char *aspect = definition ? definition_text (definition, "display0.aspect") : "auto";

  return g_strcmp0 (aspect, "square") == 0 ? VIV_ASPECT_SQUARE
         : g_strcmp0 (aspect, "4:3") == 0  ? VIV_ASPECT_4_3
                                           : VIV_ASPECT_AUTO;
}

static void
set_correct_aspect (VivMachinePage *self, gboolean correct)
{
  VivChange change = { "display0.aspect", correct ? "auto" : "square" };
  g_autoptr (GError) error = NULL;

  if (!self->machine || correct == (aspect_of (self) != VIV_ASPECT_SQUARE))
    return;
  if (!viv_machine_edit (self->machine, &change, 1, &error) && window_of (self))
    viv_window_message (window_of (self), error->message);
}

static void
rebuild_menu (VivMachinePage *self)
{
  g_autoptr (GMenuModel) menu = self->machine ? viv_menu_machine (self->machine) : NULL;
  g_autoptr (GMenuModel) media = self->machine ? viv_menu_media (self->machine) : NULL;

  gtk_menu_button_set_menu_model (self->menu_button, menu);
  gtk_menu_button_set_menu_model (self->media_button, media);
  gtk_widget_set_visible (GTK_WIDGET (self->media_button), media && g_menu_model_get_n_items (media) > 0);
}

static void
on_definition_changed (VivMachinePage *self)
{
  viv_display_view_set_aspect (self->display, aspect_of (self));
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_CORRECT_ASPECT]);
  rebuild_menu (self);
}

static void
update_pointer (VivMachinePage *self)
{
  viv_display_view_set_absolute (self->display, viv_machine_get_absolute_pointer (self->machine));
}

static void
on_settings_changed (VivMachinePage *self)
{
  viv_display_view_set_chord (self->display, release_chord (),
                              g_settings_get_boolean (viv_settings (), "release-in-turn"));
  viv_display_view_set_inhibit_shortcuts (self->display,
                                          g_settings_get_boolean (viv_settings (), "grab-keyboard"));
}

/* -- Full screen -- */

static gboolean
on_reveal (gpointer data)
{
  VivMachinePage *self = data;

  self->reveal_source = 0;
  adw_flap_set_reveal_flap (self->flap, TRUE);
  return G_SOURCE_REMOVE;
}

static gboolean
menu_is_open (GtkMenuButton *button)
{
  GtkPopover *popover = gtk_menu_button_get_popover (button);

  return popover && gtk_widget_get_visible (GTK_WIDGET (popover));
}

static void
update_header (VivMachinePage *self, gboolean pointer, double y)
{
  VivRevealState state = { .fullscreen = self->window && gtk_window_is_fullscreen (self->window),
                           .grabbed = viv_display_view_get_grabbed (self->display),
                           .menu_open = menu_is_open (self->menu_button) || menu_is_open (self->keys_button)
                                        || menu_is_open (self->media_button),
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
on_fullscreen_changed (VivMachinePage *self)
{
  gboolean fullscreen = gtk_window_is_fullscreen (self->window);

  adw_flap_set_fold_policy (self->flap,
                            fullscreen ? ADW_FLAP_FOLD_POLICY_ALWAYS : ADW_FLAP_FOLD_POLICY_NEVER);
  adw_header_bar_set_show_end_title_buttons (ADW_HEADER_BAR (self->header), !fullscreen);
  gtk_button_set_icon_name (GTK_BUTTON (self->fullscreen_button),
                            fullscreen ? "view-restore-symbolic" : "view-fullscreen-symbolic");
  gtk_widget_set_tooltip_text (self->fullscreen_button,
                               fullscreen ? _ ("Leave Full Screen") : _ ("Full Screen"));
  /* The button that asked for it is in the bar that goes. */
  if (gtk_widget_get_mapped (GTK_WIDGET (self)))
    viv_machine_page_focus (self);
  update_header (self, FALSE, 0);
}

static void
on_window_motion (GtkEventControllerMotion *controller, double x, double y, VivMachinePage *self)
{
  double page_x, page_y;

  if (gtk_widget_get_mapped (GTK_WIDGET (self)) && gtk_window_is_fullscreen (self->window)
      && gtk_widget_translate_coordinates (GTK_WIDGET (self->window), GTK_WIDGET (self), x, y, &page_x,
                                           &page_y))
    update_header (self, TRUE, page_y);
}

/* -- The grab -- */

static void
tell (VivMachinePage *self, gboolean *told, char *text)
{
  g_autofree char *message = text;
  VivWindow *window = window_of (self);
  AdwToast *toast;

  if (*told || !window)
    return;
  *told = TRUE;
  toast = adw_toast_new (message);
  g_set_weak_pointer (&self->hint, toast);
  viv_window_toast (window, toast);
}

static void
on_grab_changed (VivMachinePage *self)
{
  gboolean grabbed = viv_display_view_get_grabbed (self->display);
  GtkApplication *application = self->window ? gtk_window_get_application (self->window) : NULL;

  if (VIV_IS_APPLICATION (application))
    viv_application_set_accels_enabled (VIV_APPLICATION (application), !grabbed);
  /* Translators: %s is a combination of keys */
  if (grabbed)
    tell (self, &self->told_keyboard,
          g_strdup_printf (_ ("The machine has the keyboard. Press and release %s to get it back."),
                           viv_chord_label (release_chord ())));
  else if (self->hint && window_of (self))
    viv_window_dismiss (window_of (self), self->hint);
  update_header (self, FALSE, 0);
  if (self->machine)
    update_title (self);
}

static void
on_lock_changed (VivMachinePage *self)
{
  if (viv_display_view_get_locked (self->display))
    /* Translators: %s is a combination of keys */
    tell (self, &self->told_pointer,
          g_strdup_printf (_ ("The machine has the pointer. Press and release %s to get it back."),
                           viv_chord_label (release_chord ())));
  if (self->machine)
    update_title (self);
}

static void
on_input (VivMachinePage *self, const InputEvent *event)
{
  if (self->machine)
    viv_machine_send_input (self->machine, event, 1);
}

/* -- Actions -- */

static const struct
{
  const char *action;
  void (*run) (VivWindow *window, VivMachine *machine);
} operations[] = {
  { "page.start", viv_operation_start },         { "page.pause", viv_operation_pause },
  { "page.resume", viv_operation_resume },       { "page.reset", viv_operation_reset },
  { "page.power-off", viv_operation_power_off }, { "page.force-off", viv_operation_force_off },
  { "page.settings", viv_operation_settings },   { "page.open-folder", viv_operation_open_folder },
  { "page.restart", viv_operation_restart },     { "page.switch-off", viv_operation_switch_off },
  { "page.screenshot", viv_screenshot_take },
};

static void
on_operation (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (widget);
  VivWindow *window = window_of (self);

  if (!self->machine || !window)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    if (g_str_equal (operations[i].action, name))
      operations[i].run (window, self->machine);
}

static void
on_send_keys (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (widget);
  InputEvent events[2 * MAX_CHORD] = { 0 };
  uint16_t codes[MAX_CHORD];
  unsigned n = 0;
  g_autoptr (GError) error = NULL;

  if (!input_parse_chord (g_variant_get_string (parameter, NULL), codes, &n, &error))
    {
      g_warning ("%s", error->message);
      return;
    }
  for (unsigned i = 0; i < n; i++)
    {
      events[i] = (InputEvent){ .type = INPUT_EVENT_KEY, .code = codes[i], .value = 1 };
      events[2 * n - 1 - i] = (InputEvent){ .type = INPUT_EVENT_KEY, .code = codes[i], .value = 0 };
    }
  viv_machine_send_input (self->machine, events, 2 * n);
  viv_machine_page_focus (self);
}

/* What is in the clipboard is for the machine that was shown when it was asked for. */
typedef struct
{
  GWeakRef page;
  VivMachine *machine;
} Typing;

static void
typing_free (Typing *typing)
{
  g_weak_ref_clear (&typing->page);
  g_object_unref (typing->machine);
  g_free (typing);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Typing, typing_free)

static void
typing_say (Typing *typing, const char *message)
{
  g_autoptr (VivMachinePage) self = g_weak_ref_get (&typing->page);
  VivWindow *window = self ? window_of (self) : NULL;

  if (window)
    viv_window_message (window, message);
}

static void
on_typed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Typing) typing = data;
  g_autoptr (GError) error = NULL;

  if (!viv_machine_type_text_finish (VIV_MACHINE (source), result, &error))
    typing_say (typing, error->message);
}

static void
on_clipboard (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Typing) typing = data;
  g_autofree char *text = gdk_clipboard_read_text_finish (GDK_CLIPBOARD (source), result, NULL);

  if (!text || !*text)
    {
      typing_say (typing, _ ("There is no text in the clipboard"));
      return;
    }
  viv_machine_type_text (typing->machine, text, NULL, NULL, on_typed, typing);
  g_steal_pointer (&typing);
}

static void
on_type_clipboard (GtkWidget *widget, const char *name, GVariant *parameter)
{
  Typing *typing = g_new0 (Typing, 1);

  g_weak_ref_init (&typing->page, widget);
  typing->machine = g_object_ref (VIV_MACHINE_PAGE (widget)->machine);
  gdk_clipboard_read_text_async (gtk_widget_get_clipboard (widget), NULL, on_clipboard, typing);
  /* The button that asked for it has lost the focus to a menu that is gone. */
  viv_machine_page_focus (VIV_MACHINE_PAGE (widget));
}

static void
on_change_media (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (widget);
  const char *drive = g_variant_get_string (parameter, NULL);

  if (g_str_equal (name, "page.eject"))
    viv_media_change (window_of (self), self->machine, drive, NULL);
  else
    viv_media_choose (window_of (self), self->machine, drive);
}

/* What has no key of its own (a drive, a chord) is two keys away. */
static void
on_show_menu (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (widget);
  GtkMenuButton *button = g_str_equal (name, "page.show-media") ? self->media_button : self->keys_button;

  if (can_have_focus (GTK_WIDGET (button)))
    gtk_menu_button_popup (button);
}

static void
on_release (GtkWidget *widget, const char *name, GVariant *parameter)
{
  viv_display_view_release (VIV_MACHINE_PAGE (widget)->display);
}

static void
on_vnc (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (widget);
  GtkWidget *vnc = viv_sharing_window_new (self->machine);

  viv_present_over (GTK_WINDOW (vnc), self->window);
}

static void
on_facts (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (widget);
  GtkWidget *facts = viv_facts_window_new (self->machine);

  viv_present_over (GTK_WINDOW (facts), self->window);
}

static void
on_copy_report (GtkWidget *widget, const char *name, GVariant *parameter)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (VIV_MACHINE_PAGE (widget)->report);
  g_autofree char *text = NULL;

  g_object_get (buffer, "text", &text, NULL);
  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget), text);
  viv_window_message (window_of (VIV_MACHINE_PAGE (widget)), _ ("Details copied"));
}

/* -- Widget -- */

static void
viv_machine_page_root (GtkWidget *widget)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (widget);

  GTK_WIDGET_CLASS (viv_machine_page_parent_class)->root (widget);
  self->window = GTK_WINDOW (gtk_widget_get_root (widget));
  g_signal_connect_swapped (self->window, "notify::fullscreened", G_CALLBACK (on_fullscreen_changed), self);
  self->motion = gtk_event_controller_motion_new ();
  gtk_event_controller_set_propagation_phase (self->motion, GTK_PHASE_CAPTURE);
  g_signal_connect (self->motion, "motion", G_CALLBACK (on_window_motion), self);
  gtk_widget_add_controller (GTK_WIDGET (self->window), self->motion);
}

static void
viv_machine_page_unroot (GtkWidget *widget)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (widget);

  g_signal_handlers_disconnect_by_data (self->window, self);
  gtk_widget_remove_controller (GTK_WIDGET (self->window), self->motion);
  self->motion = NULL;
  self->window = NULL;
  GTK_WIDGET_CLASS (viv_machine_page_parent_class)->unroot (widget);
}

static void
viv_machine_page_dispose (GObject *object)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (object);

  if (self->machine)
    viv_machine_page_set_machine (self, NULL);
  g_clear_handle_id (&self->reveal_source, g_source_remove);
  g_signal_handlers_disconnect_by_data (viv_settings (), self);
  if (self->display)
    g_signal_handlers_disconnect_by_data (self->display, self);
  self->display = NULL;
  adw_bin_set_child (ADW_BIN (self), NULL);
  g_clear_weak_pointer (&self->hint);
  G_OBJECT_CLASS (viv_machine_page_parent_class)->dispose (object);
}

static void
viv_machine_page_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VivMachinePage *self = VIV_MACHINE_PAGE (object);

  switch (id)
    {
    case PROP_SCALING:
      g_value_set_static_string (
          value, viv_display_view_get_scaling (self->display) == VIV_SCALING_EXACT ? "exact" : "fit");
      break;
    case PROP_CORRECT_ASPECT:
      g_value_set_boolean (value, aspect_of (self) != VIV_ASPECT_SQUARE);
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
    case PROP_SCALING:
      viv_display_view_set_scaling (self->display, g_strcmp0 (g_value_get_string (value), "exact") == 0
                                                       ? VIV_SCALING_EXACT
                                                       : VIV_SCALING_FIT);
      g_object_notify_by_pspec (object, pspec);
      break;
    case PROP_CORRECT_ASPECT:
      set_correct_aspect (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
bind_children (GtkWidgetClass *widget_class)
{
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, flap);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, header);
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
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, display);
  gtk_widget_class_bind_template_child (widget_class, VivMachinePage, paused);
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
  G_OBJECT_CLASS (klass)->get_property = viv_machine_page_get_property;
  G_OBJECT_CLASS (klass)->set_property = viv_machine_page_set_property;
  props[PROP_SCALING] = g_param_spec_string (
      "scaling", NULL, NULL, "fit", G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  props[PROP_CORRECT_ASPECT]
      = g_param_spec_boolean ("correct-aspect", NULL, NULL, TRUE,
                              G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (G_OBJECT_CLASS (klass), N_PROPS, props);
  widget_class->root = viv_machine_page_root;
  widget_class->unroot = viv_machine_page_unroot;
  g_type_ensure (VIV_TYPE_DISPLAY_VIEW);
  g_type_ensure (VIV_TYPE_THUMBNAIL);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/vivarium/Vivarium/viv-machine-page.ui");
  bind_children (widget_class);
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    gtk_widget_class_install_action (widget_class, operations[i].action, NULL, on_operation);
  gtk_widget_class_install_action (widget_class, "page.send-keys", "s", on_send_keys);
  gtk_widget_class_install_action (widget_class, "page.type-clipboard", NULL, on_type_clipboard);
  gtk_widget_class_install_property_action (widget_class, "page.scaling", "scaling");
  gtk_widget_class_install_property_action (widget_class, "page.correct-aspect", "correct-aspect");
  gtk_widget_class_install_action (widget_class, "page.change-media", "s", on_change_media);
  gtk_widget_class_install_action (widget_class, "page.eject", "s", on_change_media);
  gtk_widget_class_install_action (widget_class, "page.release", NULL, on_release);
  gtk_widget_class_install_action (widget_class, "page.show-media", NULL, on_show_menu);
  gtk_widget_class_install_action (widget_class, "page.show-keys", NULL, on_show_menu);
  gtk_widget_class_install_action (widget_class, "page.vnc", NULL, on_vnc);
  gtk_widget_class_install_action (widget_class, "page.facts", NULL, on_facts);
  gtk_widget_class_install_action (widget_class, "page.copy-report", NULL, on_copy_report);
}

/* A disc or a floppy that is dropped on the screen goes into its drive. */
static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, VivMachinePage *self)
{
  GSList *files = g_value_get_boxed (value);
  g_autofree char *path = files ? g_file_get_path (files->data) : NULL;
  const MachineDevice *drive = path && self->machine ? viv_media_drive_for (self->machine, path) : NULL;
  VivWindow *window = window_of (self);

  if (!files || !window || !self->machine)
    return FALSE;
  if (!drive)
    viv_window_message (window, path ? _ ("The machine has no drive for this image")
                                     : _ ("The image is not on this computer. Copy it here first."));
  else
    {
      g_autofree char *id = g_strdup (drive->id);

      viv_media_change (window, self->machine, id, path);
    }
  return drive != NULL;
}

static void
viv_machine_page_init (VivMachinePage *self)
{
  GtkDropTarget *drop = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);
  g_autoptr (GMenuModel) keys = viv_menu_send_keys ();

  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_menu_button_set_menu_model (self->keys_button, keys);
  g_signal_connect_swapped (self->display, "notify::grabbed", G_CALLBACK (on_grab_changed), self);
  g_signal_connect_swapped (self->display, "notify::locked", G_CALLBACK (on_lock_changed), self);
  g_signal_connect_swapped (self->display, "input", G_CALLBACK (on_input), self);
  g_signal_connect (drop, "drop", G_CALLBACK (on_drop), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drop));
  g_signal_connect_swapped (viv_settings (), "changed", G_CALLBACK (on_settings_changed), self);
  on_settings_changed (self);
  viv_display_view_set_scaling (self->display, g_settings_get_enum (viv_settings (), "scaling") == 1
                                                   ? VIV_SCALING_EXACT
                                                   : VIV_SCALING_FIT);
}

static void
on_notice (VivMachine *machine, const char *text, VivMachinePage *self)
{
  VivWindow *window = window_of (self);

  if (window)
    viv_window_message (window, text);
}

/* The guest's own doing is said; what somebody did here they know. */
static void
on_media_changed (VivMachine *machine, const char *drive, const char *path, VivMachinePage *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  const MachineDevice *found = definition ? definition_find_drive (definition, drive) : NULL;
  const char *had = found ? machine_device_text (found, "path") : NULL;
  VivWindow *window = window_of (self);

  if (window && *path == '\0' && had && *had)
    viv_window_message (window, _ ("The system in the machine has ejected its disc"));
}

void
viv_machine_page_set_machine (VivMachinePage *self, VivMachine *machine)
{
  if (self->machine == machine)
    return;
  viv_display_view_release (self->display);
  if (self->machine)
    g_signal_handlers_disconnect_by_data (self->machine, self);
  g_set_object (&self->machine, machine);
  viv_display_view_set_framebuffer (self->display, machine ? viv_screen_for_machine (machine) : NULL);
  viv_thumbnail_set_machine (self->thumbnail, machine);
  if (!machine)
    return;
  g_signal_connect_swapped (machine, "state-changed", G_CALLBACK (update), self);
  g_signal_connect_swapped (machine, "notify::name", G_CALLBACK (update), self);
  g_signal_connect_swapped (machine, "notify::error", G_CALLBACK (update), self);
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
    gtk_widget_grab_focus (gtk_widget_get_visible (self->paused) ? self->big_resume_button
                                                                 : GTK_WIDGET (self->display));
}
