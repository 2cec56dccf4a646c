/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Machines that run, behind a window: what they ask for, and what a person does to them.
 */
#include "display-app.h"

#include "machine/edit.h"
#include "machine/machine-private.h"
#include "ui/console/viv-display-picture.h"
#include "ui/machine/viv-facts-window.h"
#include "ui/machine/viv-history.h"
#include "ui/machine/viv-inside-prompt.h"
#include "ui/machine/viv-inside-text.h"
#include "ui/machine/viv-inside-window.h"
#include "ui/machine/viv-media.h"
#include "ui/machine/viv-operations.h"
#include "ui/settings/viv-settings-window.h"

#include <math.h>
#include <string.h>

/* -- Machines -- */

/* The application also notifies who looks elsewhere; a screen of tests has nobody who shows that. */
static gboolean
is_worse (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  return strstr (message, "unable to send notifications") == NULL;
}

/* With a monitor that behaves so; NULL: as it should. */
static VivMachine *
run_machine (Fixture *f, const char *behaviour)
{
  VivMachine *machine = add_machine (f->library, "Fern");

  g_test_log_set_fatal_handler (is_worse, NULL);
  if (behaviour)
    g_assert_true (viv_machine_edit (machine, &(VivChange){ "machine.append", behaviour }, 1, NULL));
  viv_window_view (f->window, machine);
  until (gtk_widget_get_mapped (machine_page (f->window)));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (f->window), "machine.start", NULL));
  until (g_str_equal (viv_machine_get_state (machine), "running"));
  settle ();
  return machine;
}

static void
end_machine (VivMachine *machine)
{
  viv_machine_force_off (machine, NULL, NULL, NULL);
  until (!viv_machine_is_busy (machine));
  settle ();
}

/* -- What a machine asks for -- */

/* There is little room where the machine writes: said above its screen, with a way on. */
static void
test_low_space (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Full");
  GtkWidget *bar;

  viv_window_view (f->window, machine);
  until (gtk_widget_get_mapped (machine_page (f->window)));
  bar = find (machine_page (f->window), GTK_TYPE_INFO_BAR, "space_bar");
  g_assert_false (gtk_info_bar_get_revealed (GTK_INFO_BAR (bar)));
  viv_machine_set_low_space (machine, "nearly <b>full");
  g_assert_true (gtk_info_bar_get_revealed (GTK_INFO_BAR (bar)));
  g_assert_true (shows (bar, "nearly <b>full"));
  settle ();
  viv_machine_set_low_space (machine, NULL);
  g_assert_false (gtk_info_bar_get_revealed (GTK_INFO_BAR (bar)));
}

/* A machine that stands for something that can be put right says for what, and goes on when it has been. */
static void
test_try_again (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Stands");
  GtkWidget *button;

  g_test_log_set_fatal_handler (is_worse, NULL);
  g_assert_true (viv_machine_edit (machine, &(VivChange){ "machine.append", "full" }, 1, NULL));
  viv_window_view (f->window, machine);
  until (gtk_widget_get_mapped (machine_page (f->window)));
  button = find (machine_page (f->window), GTK_TYPE_BUTTON, "try_again_button");
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (f->window), "machine.start", NULL));
  until (g_str_equal (viv_machine_get_state (machine), "paused"));
  until (gtk_widget_get_mapped (button));
  g_assert_true (shows (machine_page (f->window), "There is no room for disk0."));
  g_assert_true (gtk_widget_activate (button));
  until (g_str_equal (viv_machine_get_state (machine), "running"));
  until (!gtk_widget_get_mapped (button));
  viv_machine_force_off (machine, NULL, NULL, NULL);
  until (!viv_machine_is_busy (machine));
}

/* -- A tray that is locked -- */

/* Is said, with the way to open it all the same. */
static void
test_locked_tray (Fixture *f)
{
  g_autoptr (VivMachine) machine = run_machine (f, "locked");
  g_autofree char *disc = g_build_filename (g_get_home_dir (), "disc.iso", NULL);
  GtkWidget *dialog;

  g_assert_true (g_file_set_contents (disc, "x", 1, NULL));
  viv_media_change (VIV_SHELL (f->window), machine, "cdrom0", disc);
  until ((dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)) != NULL);
  g_assert_true (shows (dialog, "Locked"));
  g_assert_true (press (dialog, "_Open by Force"));
  until (g_strcmp0 (definition_text (viv_machine_get_definition (machine), "cdrom0.path"), disc) == 0);
  until (window_over (f->window, ADW_TYPE_MESSAGE_DIALOG) == NULL);
  end_machine (machine);
}

/* An image that is dropped on the screen is put in. */
static void
test_drop (Fixture *f)
{
  g_autoptr (VivMachine) machine = run_machine (f, NULL);
  g_autofree char *disc = g_build_filename (g_get_home_dir (), "dropped.iso", NULL);
  g_autofree char *data = g_malloc0 (4 * 1024 * 1024);
  g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (machine_page (f->window));
  g_autoptr (GFile) file = g_file_new_for_path (disc);
  g_auto (GValue) value = G_VALUE_INIT;
  gboolean taken = FALSE;

  g_assert_true (g_file_set_contents (disc, data, 4 * 1024 * 1024, NULL));
  g_value_init (&value, GDK_TYPE_FILE_LIST);
  g_value_take_boxed (&value, g_slist_prepend (NULL, g_object_ref (file)));
  for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
    {
      g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

      if (GTK_IS_DROP_TARGET (controller))
        g_signal_emit_by_name (controller, "drop", &value, 1.0, 1.0, &taken);
    }
  g_assert_true (taken);
  until (g_strcmp0 (definition_text (viv_machine_get_definition (machine), "cdrom0.path"), disc) == 0);
  end_machine (machine);
}

/* -- Ways on -- */

/* A start that failed for a setting leads to it. */
static void
test_open_settings (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Fern");
  GtkWidget *dialog, *settings;

  g_assert_true (viv_machine_edit (machine, &(VivChange){ "machine.append", "fail" }, 1, NULL));
  viv_window_view (f->window, machine);
  until (gtk_widget_get_mapped (machine_page (f->window)));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (f->window), "machine.start", NULL));
  until ((dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)) != NULL);
  g_assert_true (press (dialog, "Open _Settings"));
  until ((settings = window_over (f->window, VIV_TYPE_SETTINGS_WINDOW)) != NULL);
  settle ();
  /* At the row to blame. */
  until (shows (settings, "Firmware"));
  g_assert_nonnull (gtk_window_get_focus (GTK_WINDOW (settings)));
  until (shows (gtk_widget_get_ancestor (gtk_window_get_focus (GTK_WINDOW (settings)), GTK_TYPE_LIST_BOX_ROW),
                "Firmware"));
  gtk_window_destroy (GTK_WINDOW (settings));
  settle ();
}

/* A machine that doesn't shut down: the way to end it is one press away, and asks before. */
static void
test_still_on (Fixture *f)
{
  g_autoptr (VivMachine) machine = run_machine (f, NULL);
  GtkWidget *button, *dialog;

  viv_operation_still_on (VIV_SHELL (f->window), machine);
  until ((button = toast_button (GTK_WIDGET (f->window))) != NULL);
  g_assert_cmpstr (gtk_button_get_label (GTK_BUTTON (button)), ==, "_Force Off…");
  g_signal_emit_by_name (button, "clicked");
  until ((dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)) != NULL);
  g_assert_true (viv_machine_is_live (machine));
  g_assert_true (press (dialog, "_Force Off"));
  until (!viv_machine_is_busy (machine));
  settle ();
}

/* -- Focus -- */

static gboolean
focus_on_page (Fixture *f)
{
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (f->window));

  return focus && gtk_widget_is_ancestor (focus, machine_page (f->window)) && gtk_widget_get_mapped (focus);
}

/* After a stop and after the clipboard was typed the keyboard is somewhere. */
static void
test_focus (Fixture *f)
{
  g_autoptr (VivMachine) machine = run_machine (f, NULL);

  until (focus_on_page (f));
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (f->window)), "hello");
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (f->window), "machine.type-clipboard", NULL));
  settle ();
  until (focus_on_page (f));
  end_machine (machine);
  until (focus_on_page (f));
}

/* -- Names for those who can't see -- */

static void
test_screen_name (Fixture *f)
{
  g_autoptr (VivMachine) machine = run_machine (f, NULL);
  GtkWidget *picture = find (machine_page (f->window), VIV_TYPE_DISPLAY_PICTURE, NULL);
  g_autofree char *wrong = NULL;

  g_assert_cmpint (gtk_accessible_get_accessible_role (GTK_ACCESSIBLE (picture)), ==,
                   GTK_ACCESSIBLE_ROLE_IMG);
  wrong = gtk_test_accessible_check_property (GTK_ACCESSIBLE (picture), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                              "Screen of “Fern”");
  g_assert_cmpstr (wrong, ==, NULL);
  end_machine (machine);
}

/* -- Facts -- */

static guint
count_values (GtkWidget *widget)
{
  guint n = VIV_IS_HISTORY (widget) ? viv_history_get_length (VIV_HISTORY (widget)) : 0;

  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    n += count_values (child);
  return n;
}

static void
test_history (Fixture *f)
{
  g_autoptr (VivMachine) machine = run_machine (f, NULL);
  VivHistory *history = VIV_HISTORY (g_object_ref_sink (viv_history_new ("load")));
  GtkWidget *facts = viv_facts_window_new (machine);

  for (int i = 0; i < VIV_HISTORY_LENGTH + 3; i++)
    viv_history_add (history, i == VIV_HISTORY_LENGTH ? NAN : i / 10.0 - 1);
  g_assert_cmpuint (viv_history_get_length (history), ==, VIV_HISTORY_LENGTH);
  g_assert_cmpfloat (viv_history_get (history, 0), ==, 1);
  g_assert_true (isnan (viv_history_get (history, 2)));
  g_assert_cmpfloat (viv_history_get (history, VIV_HISTORY_LENGTH - 1), ==, 0);
  viv_history_clear (history);
  g_assert_cmpuint (viv_history_get_length (history), ==, 0);
  g_object_unref (history);

  gtk_window_present (GTK_WINDOW (facts));
  until (count_values (facts) >= 3);
  g_assert_true (shows (facts, "%"));
  end_machine (machine);
  until (count_values (facts) == 0);
  gtk_window_destroy (GTK_WINDOW (facts));
}

/* -- Looking inside -- */

static char *
text_of (GtkWidget *view)
{
  char *text = NULL;

  g_object_get (gtk_text_view_get_buffer (GTK_TEXT_VIEW (view)), "text", &text, NULL);
  return text;
}

static gboolean
says (GtkWidget *view, const char *part)
{
  g_autofree char *text = text_of (view);

  return strstr (text, part) != NULL;
}

static gboolean
is_marked (GtkTextView *view, const char *tag, int line, int column)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (view);
  GtkTextIter at;

  gtk_text_buffer_get_iter_at_line_offset (buffer, &at, line, column);
  return gtk_text_iter_has_tag (&at, gtk_text_tag_table_lookup (gtk_text_buffer_get_tag_table (buffer), tag));
}

/* Heads of tables, what has changed, and long lists in columns. */
static void
test_inside_text (Fixture *f)
{
  GtkTextView *view = GTK_TEXT_VIEW (g_object_ref_sink (gtk_text_view_new ()));
  GString *many = g_string_new (NULL);

  viv_inside_text_init (view);
  viv_inside_text_set (view, "segment selector base\ncs       0x8      0x0\n\nrax  0x1\n", FALSE);
  g_assert_true (is_marked (view, "head", 0, 3));
  g_assert_false (is_marked (view, "head", 1, 3));
  g_assert_false (is_marked (view, "changed", 1, 9));
  viv_inside_text_set (view, "segment selector base\ncs       0x10     0x0\n\nrax  0x1\n", TRUE);
  g_assert_false (is_marked (view, "changed", 1, 0));
  g_assert_true (is_marked (view, "changed", 1, 9));
  g_assert_false (is_marked (view, "changed", 1, 18));
  g_assert_false (is_marked (view, "changed", 3, 5));
  viv_inside_text_set (view, "other", FALSE);
  g_assert_false (is_marked (view, "changed", 0, 0));
  g_object_unref (view);

  for (unsigned i = 0; i < 13; i++)
    g_string_append_printf (many, "r%u 0x1\n", i);
  g_string_append (many, "\na b c\n1 2 3\n");
  g_autofree char *narrow = viv_inside_text_flow (many->str, 10),
                  *wide = viv_inside_text_flow (many->str, 21);
  g_assert_cmpstr (narrow, ==, many->str);
  g_assert_true (g_str_has_prefix (wide, "r0 0x1     r7 0x1\nr1 0x1     r8 0x1\n"));
  g_assert_true (g_str_has_suffix (wide, "r6 0x1\n\na b c\n1 2 3\n"));
  g_string_free (many, TRUE);
}

/* Each page answers, the window fits a telephone, and what is off says so. */
static void
test_inside_pages (Fixture *f)
{
  g_autoptr (VivMachine) machine = run_machine (f, NULL);
  GtkWindow *window = NULL;
  GtkWidget *view, *stack;
  int least;

  g_assert_true (gtk_widget_activate_action (machine_page (f->window), "machine.look-inside", NULL));
  window = viv_inside_window_of (machine, NULL);
  until (gtk_widget_get_mapped (GTK_WIDGET (window)));
  view = find (GTK_WIDGET (window), GTK_TYPE_TEXT_VIEW, "text");
  stack = find (GTK_WIDGET (window), GTK_TYPE_STACK, "stack");
  until (says (view, "real mode") && says (view, "segment"));
  viv_inside_window_show_page (VIV_INSIDE_WINDOW (window), "statistics");
  until (says (view, "running"));
  viv_inside_window_show_page (VIV_INSIDE_WINDOW (window), "map");
  until (says (view, "region") && !says (view, "running"));
  gtk_widget_measure (gtk_widget_get_first_child (GTK_WIDGET (window)), GTK_ORIENTATION_HORIZONTAL, -1,
                      &least, NULL, NULL, NULL);
  g_assert_cmpint (least, <=, 380);
  end_machine (machine);
  until (g_str_equal (gtk_stack_get_visible_child_name (GTK_STACK (stack)), "off"));
  gtk_window_destroy (window);
  settle ();
}

/* Answers, completion by Tab, older lines by Up, and what isn't a command. */
static void
test_inside_prompt (Fixture *f)
{
  g_autoptr (VivMachine) machine = run_machine (f, NULL);
  GtkWindow *window = viv_inside_window_of (machine, NULL);
  GtkWidget *prompt, *entry, *answers;
  gboolean taken;

  gtk_window_present (window);
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (window), "inside.prompt", NULL));
  prompt = find (GTK_WIDGET (window), VIV_TYPE_INSIDE_PROMPT, NULL);
  entry = find (prompt, GTK_TYPE_ENTRY, NULL);
  answers = find (prompt, GTK_TYPE_TEXT_VIEW, NULL);
  until (gtk_widget_get_mapped (entry));
  viv_inside_prompt_run (VIV_INSIDE_PROMPT (prompt), " info  status ");
  until (says (answers, "running"));
  viv_inside_prompt_run (VIV_INSIDE_PROMPT (prompt), "nonsense");
  until (says (answers, "there is no command “nonsense”"));
  /* What a key would do. */
  GListModel *controllers = gtk_widget_observe_controllers (entry);
  for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
    {
      g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

      if (!GTK_IS_EVENT_CONTROLLER_KEY (controller)
          || gtk_event_controller_get_propagation_phase (controller) != GTK_PHASE_CAPTURE)
        continue;
      g_signal_emit_by_name (controller, "key-pressed", GDK_KEY_Up, 0, 0, &taken);
      g_assert_true (taken);
      g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (entry)), ==, "nonsense");
      g_signal_emit_by_name (controller, "key-pressed", GDK_KEY_Up, 0, 0, &taken);
      g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (entry)), ==, "info  status");
      for (unsigned n = 0; n < 3; n++)
        g_signal_emit_by_name (controller, "key-pressed", GDK_KEY_Down, 0, 0, &taken);
      g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (entry)), ==, "");
      /* In an empty line Tab moves the focus. */
      g_signal_emit_by_name (controller, "key-pressed", GDK_KEY_Tab, 0, 0, &taken);
      g_assert_false (taken);
      gtk_editable_set_text (GTK_EDITABLE (entry), "info sta");
      g_signal_emit_by_name (controller, "key-pressed", GDK_KEY_Tab, 0, 0, &taken);
      g_assert_true (taken);
      until (g_str_equal (gtk_editable_get_text (GTK_EDITABLE (entry)), "info status "));
    }
  g_object_unref (controllers);
  gtk_window_destroy (window);
  settle ();
  /* The next window has the lines of this one. */
  window = viv_inside_window_of (machine, NULL);
  gtk_window_destroy (window);
  end_machine (machine);
  g_autofree char *file = g_build_filename (g_get_user_state_dir (), "vivarium", "monitor-history", NULL);
  g_autofree char *kept = NULL;
  g_assert_true (g_file_get_contents (file, &kept, NULL, NULL));
  g_assert_true (g_str_has_suffix (kept, "info  status\nnonsense\n"));
}

int
main (int argc, char **argv)
{
  g_setenv ("VIVARIUM_VMM", FAKE_VMM, TRUE);
  g_test_init (&argc, &argv, NULL);
  adw_init ();
  add_test ("/running/low-space", test_low_space);
  add_test ("/running/try-again", test_try_again);
  add_test ("/running/locked-tray", test_locked_tray);
  add_test ("/running/drop", test_drop);
  add_test ("/running/open-settings", test_open_settings);
  add_test ("/running/still-on", test_still_on);
  add_test ("/running/focus", test_focus);
  add_test ("/running/screen-name", test_screen_name);
  add_test ("/running/history", test_history);
  add_test ("/running/inside-text", test_inside_text);
  add_test ("/running/inside-pages", test_inside_pages);
  add_test ("/running/inside-prompt", test_inside_prompt);
  return g_test_run ();
}
