/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The window's pages: answers go to the machine that asked, a machine that goes takes its page along, the keyboard's focus is never
 * lost, every page fits 360 pixels, and nothing stays in memory.
 */
#include "display-app.h"

#include "ui/create/viv-assistant.h"
#include "ui/app/viv-dialogs.h"
#include "ui/machine/viv-facts-window.h"
#include "ui/create/viv-found-images.h"
#include "ui/library/viv-library-page.h"
#include "ui/library/viv-machine-card.h"
#include "ui/machine/viv-media.h"
#include "ui/machine/viv-many.h"
#include "ui/machine/viv-operations.h"
#include "ui/app/viv-os.h"
#include "ui/app/viv-preferences-window.h"
#include "ui/machine/viv-screenshot.h"
#include "ui/settings/viv-settings-window.h"
#include "ui/machine/viv-thumbnail.h"
#include "ui/library/viv-trash-window.h"
#include "ui/app/viv-remote-window.h"
#include "ui/machine/viv-sharing-window.h"

#include "machine/edit.h"
#include "machine/os-profile.h"
#include "ui/app/viv-preferences.h"

#include <glib/gstdio.h>
#include <string.h>
#include <utime.h>

#define NARROW 360

static gboolean
machine_shown (Fixture *f)
{
  return gtk_widget_get_mapped (machine_page (f->window));
}

/* -- Answers -- */

static void
test_rename_answer (Fixture *f)
{
  g_autoptr (VivMachine) first = add_machine (f->library, "First");
  g_autoptr (VivMachine) second = add_machine (f->library, "Second");
  GtkWidget *dialog, *entry;

  viv_window_view (f->window, first);
  settle ();
  viv_operation_rename (VIV_SHELL (f->window), first);
  until ((dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)) != NULL);
  viv_window_view (f->window, second);
  settle ();
  entry = find (dialog, GTK_TYPE_ENTRY, NULL);
  gtk_editable_set_text (GTK_EDITABLE (entry), "Renamed");
  g_assert_true (press (dialog, "_Rename"));
  until (window_over (f->window, ADW_TYPE_MESSAGE_DIALOG) == NULL);
  g_assert_cmpstr (viv_machine_get_name (second), ==, "Second");
  g_clear_object (&first);
  until ((first = viv_host_find (VIV_HOST (f->library), "Renamed", NULL)) != NULL);
}

static char *
medium_in (VivMachine *machine)
{
  g_autofree char *path = definition_get (viv_machine_get_definition (machine), "cdrom0.path", NULL);

  return path && *path ? g_steal_pointer (&path) : NULL;
}

/* The chooser's answer comes after another machine was opened. */
static void
test_medium_answer (Fixture *f)
{
  g_autoptr (VivMachine) first = add_machine (f->library, "First");
  g_autoptr (VivMachine) second = add_machine (f->library, "Second");
  g_autofree char *disc = g_build_filename (g_get_home_dir (), "disc.iso", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (disc);
  g_autofree char *in_first = NULL;
  g_autofree char *in_second = NULL;
  GtkWidget *chooser;

  g_assert_true (g_file_set_contents (disc, "x", 1, NULL));
  viv_window_view (f->window, first);
  settle ();
  gtk_widget_activate_action (machine_page (f->window), "machine.change-media", "s", "cdrom0");
  until ((chooser = window_over (f->window, GTK_TYPE_FILE_CHOOSER_DIALOG)) != NULL);
  viv_window_view (f->window, second);
  settle ();
  gtk_file_chooser_set_file (GTK_FILE_CHOOSER (chooser), file, NULL);
  for (int i = 0; i < 10; i++)
    settle ();
  gtk_dialog_response (GTK_DIALOG (chooser), GTK_RESPONSE_ACCEPT);
  until ((g_free (in_first), (in_first = medium_in (first)) != NULL));
  g_assert_cmpstr (in_first, ==, disc);
  in_second = medium_in (second);
  g_assert_null (in_second);
}

static char *
refuse (const char *text, gpointer owner, gpointer about)
{
  return *text ? NULL : g_strdup ("a name is needed");
}

static void
accept (const char *text, gpointer owner, gpointer about)
{
}

/* A text that won't do is no answer even if nobody has touched it. */
static void
test_first_text (Fixture *f)
{
  GtkWidget *dialog;

  viv_ask_text (GTK_WINDOW (f->window), "Name?", "", "_OK", refuse, accept, f->window, NULL, NULL);
  until ((dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)) != NULL);
  g_assert_false (adw_message_dialog_get_response_enabled (ADW_MESSAGE_DIALOG (dialog), "accept"));
  gtk_editable_set_text (GTK_EDITABLE (find (dialog, GTK_TYPE_ENTRY, NULL)), "x");
  g_assert_true (adw_message_dialog_get_response_enabled (ADW_MESSAGE_DIALOG (dialog), "accept"));
  g_assert_true (press (dialog, "_Cancel"));
  until (window_over (f->window, ADW_TYPE_MESSAGE_DIALOG) == NULL);
}

/* -- A machine that goes -- */

static void
test_deleted_elsewhere (Fixture *f)
{
  VivMachine *machine = add_machine (f->library, "Fern");
  g_autofree char *folder = g_strdup (viv_machine_get_folder (machine));

  viv_window_view (f->window, machine);
  settle ();
  g_object_unref (machine);
  viv_operation_settings (VIV_SHELL (f->window), machine);
  until (window_over (f->window, VIV_TYPE_SETTINGS_WINDOW) != NULL);
  settle ();
  g_assert_true (machine_shown (f));
  g_assert_true (viv_remove_tree (folder, NULL));
  viv_local_host_rescan (f->library);
  until (!machine_shown (f));
  g_assert_null (window_over (f->window, VIV_TYPE_SETTINGS_WINDOW));
  g_assert_null (viv_machine_page_get_machine (VIV_MACHINE_PAGE (machine_page (f->window))));
}

static void
test_renamed_elsewhere (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Fern");
  g_autoptr (VivLocalHost) other = viv_local_host_new (NULL);
  g_autoptr (VivMachine) same = viv_host_find (VIV_HOST (other), "Fern", NULL);

  viv_window_view (f->window, machine);
  settle ();
  g_assert_true (viv_local_host_rename (other, same, "Moss", NULL));
  viv_local_host_rescan (f->library);
  until (g_str_equal (
      viv_machine_get_name (viv_machine_page_get_machine (VIV_MACHINE_PAGE (machine_page (f->window)))),
      "Moss"));
  g_assert_true (machine_shown (f));
  g_assert_cmpstr (gtk_window_get_title (GTK_WINDOW (f->window)), ==, "Moss");
  g_assert_true (g_str_has_suffix (
      viv_machine_get_folder (viv_machine_page_get_machine (VIV_MACHINE_PAGE (machine_page (f->window)))),
      "/Moss"));
}

/* An action that comes before the page has a machine, or after it has gone, does nothing. */
static void
test_no_machine (Fixture *f)
{
  static const char *const plain[]
      = { "start",    "pause",   "resume",     "reset",      "power-off",     "force-off",
          "settings", "restart", "switch-off", "screenshot", "open-folder",   "open-window",
          "share",    "facts",   "show-media", "show-keys",  "type-clipboard" };
  GtkWidget *page = machine_page (f->window);

  g_assert_null (viv_machine_page_get_machine (VIV_MACHINE_PAGE (page)));
  for (unsigned i = 0; i < G_N_ELEMENTS (plain); i++)
    {
      g_autofree char *name = g_strconcat ("machine.", plain[i], NULL);

      g_assert_true (gtk_widget_activate_action (page, name, NULL));
    }
  g_assert_true (gtk_widget_activate_action (page, "machine.change-media", "s", "cdrom0"));
  g_assert_true (gtk_widget_activate_action (page, "machine.eject", "s", "cdrom0"));
  g_assert_true (gtk_widget_activate_action (page, "machine.correct-aspect", NULL));
  settle ();
}

/* -- Focus -- */

static gboolean
card_has_focus (Fixture *f, const char *name)
{
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (f->window));
  GtkWidget *card = focus ? find (focus, VIV_TYPE_MACHINE_CARD, NULL) : NULL;

  return card
         && g_str_equal (viv_machine_get_name (viv_machine_card_get_machine (VIV_MACHINE_CARD (card))), name);
}

static void
test_focus_after_rename (Fixture *f)
{
  g_autoptr (VivMachine) first = add_machine (f->library, "First");
  g_autoptr (VivMachine) second = add_machine (f->library, "Second");
  GtkWidget *dialog;

  settle ();
  viv_operation_rename (VIV_SHELL (f->window), first);
  until ((dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)) != NULL);
  gtk_editable_set_text (GTK_EDITABLE (find (dialog, GTK_TYPE_ENTRY, NULL)), "Third");
  g_assert_true (press (dialog, "_Rename"));
  until (card_has_focus (f, "Third"));
}

/* -- View and order -- */

static void
assert_narrow (GtkWidget *window, const char *what)
{
  /* Without a compositor, as here, there is a frame of some pixels around the content. */
  GtkWidget *widget = gtk_widget_get_first_child (window);
  int minimum;

  gtk_widget_measure (widget, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, NULL, NULL, NULL);
  g_test_message ("%s: %d", what, minimum);
  g_assert_cmpint (minimum, <=, NARROW);
}

static void
set_log_time (VivMachine *machine, gint64 seconds)
{
  g_autofree char *path = viv_machine_log_path (machine);
  struct utimbuf times = { seconds, seconds };

  g_assert_true (g_file_set_contents (path, "x", 1, NULL));
  g_assert_cmpint (g_utime (path, &times), ==, 0);
}

/* The names of the cards in `widget`, in the order of its cells. */
static char *
shown_in (Fixture *f, GType type)
{
  GtkWidget *widget = find (find (GTK_WIDGET (f->window), VIV_TYPE_LIBRARY_PAGE, NULL), type, NULL);
  GListModel *model = NULL;
  GString *names = g_string_new (NULL);

  g_object_get (widget, "model", &model, NULL);
  for (guint i = 0; model && i < g_list_model_get_n_items (model); i++)
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (model, i);

      g_string_append_printf (names, "%s%s", i ? " " : "", viv_machine_get_name (machine));
    }
  g_clear_object (&model);
  return g_string_free (names, FALSE);
}

#define assert_shown(type, expected)               \
  G_STMT_START                                     \
  {                                                \
    g_autofree char *shown = shown_in (f, (type)); \
                                                   \
    g_assert_cmpstr (shown, ==, (expected));       \
  }                                                \
  G_STMT_END

static void
choose (Fixture *f, const char *action, const char *target)
{
  GtkWidget *page = find (GTK_WIDGET (f->window), VIV_TYPE_LIBRARY_PAGE, NULL);

  g_assert_true (gtk_widget_activate_action (page, action, "s", target));
}

static void
test_library_order (Fixture *f)
{
  g_autoptr (VivMachine) ash = add_machine (f->library, "Ash");
  g_autoptr (VivMachine) birch = add_machine (f->library, "Birch");
  g_autoptr (VivMachine) cedar = add_machine (f->library, "Cedar");
  g_autofree char *broken = g_build_filename (viv_machine_get_folder (birch), "machine.ini", NULL);
  g_autofree char *good = NULL;
  GtkWidget *page = find (GTK_WIDGET (f->window), VIV_TYPE_LIBRARY_PAGE, NULL);
  GtkWidget *entry = find (page, GTK_TYPE_SEARCH_ENTRY, NULL);

  settle ();
  assert_shown (GTK_TYPE_GRID_VIEW, "Ash Birch Cedar");
  set_log_time (cedar, 2000);
  set_log_time (birch, 1000);
  g_assert_cmpint (viv_machine_get_last_used (cedar), ==, 2000);
  g_assert_cmpint (viv_machine_get_last_used (ash), ==, 0);
  choose (f, "library.library-sort", "last-used");
  assert_shown (GTK_TYPE_GRID_VIEW, "Cedar Birch Ash");
  choose (f, "library.library-sort", "state");
  assert_shown (GTK_TYPE_GRID_VIEW, "Ash Birch Cedar");
  /* A state that changes is sorted anew. */
  g_assert_true (g_file_get_contents (broken, &good, NULL, NULL));
  g_assert_true (g_file_set_contents (broken, "nonsense", -1, NULL));
  viv_machine_reload (birch);
  g_assert_cmpstr (viv_machine_get_state (birch), ==, "broken");
  assert_shown (GTK_TYPE_GRID_VIEW, "Birch Ash Cedar");
  g_assert_true (g_file_set_contents (broken, good, -1, NULL));
  viv_machine_reload (birch);
  assert_shown (GTK_TYPE_GRID_VIEW, "Ash Birch Cedar");

  choose (f, "library.library-view", "list");
  settle ();
  assert_shown (GTK_TYPE_GRID_VIEW, "");
  assert_shown (GTK_TYPE_LIST_VIEW, "Ash Birch Cedar");
  assert_narrow (GTK_WIDGET (f->window), "list");
  viv_shell_focus (VIV_SHELL (f->window), cedar);
  until (card_has_focus (f, "Cedar"));
  gtk_editable_set_text (GTK_EDITABLE (entry), "bIR");
  until (g_list_model_get_n_items (
             G_LIST_MODEL (gtk_list_view_get_model (GTK_LIST_VIEW (find (page, GTK_TYPE_LIST_VIEW, NULL)))))
         == 1);
  assert_shown (GTK_TYPE_LIST_VIEW, "Birch");
  gtk_editable_set_text (GTK_EDITABLE (entry), "");
  g_settings_reset (viv_settings (), "library-view");
  g_settings_reset (viv_settings (), "library-sort");
  settle ();
  assert_shown (GTK_TYPE_LIST_VIEW, "");
}

/* Each system has an icon, and each icon that is named is in the program. */
static void
test_system_icons (Fixture *f)
{
  GtkIconTheme *theme = gtk_icon_theme_get_for_display (gdk_display_get_default ());
  g_auto (GStrv) profiles = os_profile_list ();

  for (guint i = 0; profiles[i]; i += 2)
    {
      g_test_message ("%s: %s", profiles[i], viv_os_icon (profiles[i]));
      g_assert_true (gtk_icon_theme_has_icon (theme, viv_os_icon (profiles[i])));
    }
  g_assert_cmpstr (viv_os_icon ("debian12"), ==, "vivarium-os-linux-symbolic");
  g_assert_cmpstr (viv_os_icon ("openbsd7.4"), ==, "vivarium-os-bsd-symbolic");
  g_assert_cmpstr (viv_os_icon ("msdos6.22"), ==, "vivarium-os-dos-symbolic");
  g_assert_cmpstr (viv_os_icon (NULL), ==, "vivarium-os-other-symbolic");
  g_assert_cmpstr (viv_os_label (NULL), ==, "");
  g_assert_cmpstr (viv_os_label ("debian12"), ==, "Debian");
}

/* -- Width -- */

/* A window that is shown takes its size from its content's minimum. */
static void
assert_window_narrow (GtkWidget *window, GtkWidget *parent, const char *what)
{
  viv_present_over (GTK_WINDOW (window), GTK_WINDOW (parent));
  settle ();
  assert_narrow (window, what);
  /* And it goes when it is closed. */
  g_object_add_weak_pointer (G_OBJECT (window), (gpointer *)&window);
  gtk_window_destroy (GTK_WINDOW (window));
  until (window == NULL);
}

static void
test_width (Fixture *f)
{
  static const char *const pages[] = { "screen", "off", "starting", "trouble" };
  g_autoptr (VivMachine) machine
      = add_machine (f->library, "A machine with a name that is as long as a name may be here");
  GtkWidget *window = GTK_WIDGET (f->window);
  GtkWidget *stack;
  GtkWidget *settings;

  settle ();
  assert_narrow (window, "library");
  viv_window_view (f->window, machine);
  settle ();
  assert_narrow (window, "machine");
  stack = find (machine_page (f->window), GTK_TYPE_STACK, "stack");
  /* All that the header bar has at once while a machine runs. */
  gtk_widget_set_visible (find (machine_page (f->window), GTK_TYPE_BUTTON, "start_button"), FALSE);
  gtk_widget_set_visible (find (machine_page (f->window), GTK_TYPE_BUTTON, "pause_button"), TRUE);
  gtk_widget_set_visible (find (machine_page (f->window), GTK_TYPE_BUTTON, "screenshot_button"), TRUE);
  gtk_widget_set_visible (find (machine_page (f->window), GTK_TYPE_MENU_BUTTON, "keys_button"), TRUE);
  for (unsigned i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      gtk_stack_set_visible_child_name (GTK_STACK (stack), pages[i]);
      settle ();
      assert_narrow (window, pages[i]);
    }
  assert_window_narrow (viv_sharing_window_new (machine), window, "vnc");
  assert_window_narrow (viv_facts_window_new (machine), window, "facts");
  assert_window_narrow (viv_trash_window_new (VIV_HOST (f->library)), window, "trash");
  assert_window_narrow (viv_preferences_window_new (), window, "preferences");
  assert_window_narrow (viv_assistant_new (VIV_HOST (f->library)), window, "assistant");
  assert_window_narrow (viv_remote_window_new (GTK_APPLICATION (f->application), "vnc://127.0.0.1:1"), window,
                        "viewer");
  settings = viv_settings_window_new (machine);
  viv_present_over (GTK_WINDOW (settings), GTK_WINDOW (window));
  for (unsigned i = 0; i < 5; i++)
    {
      static const char *const keys[]
          = { "machine.clock", "machine.memory", "cdrom0.path", "machine.boot", "display0.video" };

      g_assert_true (viv_settings_window_show_key (VIV_SETTINGS_WINDOW (settings), keys[i]));
      settle ();
      assert_narrow (settings, keys[i]);
    }
  gtk_window_destroy (GTK_WINDOW (settings));
  settle ();
}

/* The assistant's second page, with what it says of a medium. */
static void
test_assistant_width (Fixture *f)
{
  g_autofree char *path = g_build_filename (
      g_get_home_dir (), "an image with a name that is far too long for a phone.img", NULL);
  g_autofree char *sectors = g_malloc0 (1440 * 1024);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  GtkWidget *assistant = viv_assistant_new (VIV_HOST (f->library));

  g_assert_true (g_file_set_contents (path, sectors, 1440 * 1024, NULL));
  viv_present_over (GTK_WINDOW (assistant), GTK_WINDOW (f->window));
  viv_assistant_set_image (VIV_ASSISTANT (assistant), file);
  until (gtk_widget_get_mapped (find (assistant, ADW_TYPE_ENTRY_ROW, "name_row")));
  settle ();
  assert_narrow (assistant, "details");
  gtk_window_destroy (GTK_WINDOW (assistant));
  settle ();
}

/* A toast in the bar takes room of its own, its button works once, and it goes when it is dismissed. */
static void
on_toast_clicked (AdwToast *toast, unsigned *clicks)
{
  ++*clicks;
}

static void
test_message_bar (Fixture *f)
{
  VivMessageBar *bar = VIV_MESSAGE_BAR (find (GTK_WIDGET (f->window), VIV_TYPE_MESSAGE_BAR, NULL));
  AdwToast *toast = adw_toast_new ("One &amp; only");
  unsigned clicks = 0;

  g_assert_cmpint (gtk_widget_get_height (GTK_WIDGET (bar)), ==, 0);
  adw_toast_set_button_label (toast, "_Act");
  g_signal_connect (toast, "button-clicked", G_CALLBACK (on_toast_clicked), &clicks);
  viv_message_bar_show (bar, toast);
  until (gtk_widget_get_height (GTK_WIDGET (bar)) > 0);
  g_assert_true (press (GTK_WIDGET (bar), "_Act"));
  g_assert_cmpuint (clicks, ==, 1);
  until (gtk_widget_get_height (GTK_WIDGET (bar)) == 0);
  toast = adw_toast_new ("Two");
  viv_message_bar_show (bar, toast);
  viv_message_bar_dismiss (bar, toast);
  until (gtk_widget_get_height (GTK_WIDGET (bar)) == 0);
}

/* -- Screenshots -- */

static void
test_screenshots (Fixture *f)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *first = viv_screenshot_reserve (g_get_home_dir (), "Fern", now, NULL);
  g_autofree char *second = viv_screenshot_reserve (g_get_home_dir (), "Fern", now, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (first);
  g_assert_nonnull (second);
  g_assert_cmpstr (first, !=, second);
  g_assert_null (viv_screenshot_reserve ("/nonexistent", "Fern", now, &error));
  g_assert_nonnull (strstr (error->message, "/nonexistent"));
  g_unlink (first);
  g_unlink (second);
}

/* -- Lists that must agree -- */

static void
test_desktop_actions (Fixture *f)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *path
      = g_build_filename (g_getenv ("VIVARIUM_SRCDIR"), "data", "org.vivarium.Vivarium.desktop.in", NULL);
  g_auto (GStrv) actions = NULL;

  g_assert_true (g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL));
  actions = g_key_file_get_string_list (file, "Desktop Entry", "Actions", NULL, NULL);
  g_assert_cmpuint (g_strv_length (actions), >, 0);
  for (char **action = actions; *action; action++)
    {
      g_autofree char *group = g_strdup_printf ("Desktop Action %s", *action);

      g_test_message ("%s", *action);
      g_assert_true (g_key_file_has_group (file, group));
      g_assert_true (g_action_group_has_action (G_ACTION_GROUP (f->application), *action));
    }
}

/* Newest first, each once; what isn't called so, is empty or is gone is left out. */
static void
on_images (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GPtrArray **)data = viv_found_images_finish (result, NULL);
}

static void
test_found_images (Fixture *f)
{
  g_autofree char *folder = g_build_filename (g_get_home_dir (), "found", NULL);
  g_autofree char *uri = g_strdup_printf ("file://%s/b.ISO", folder);
  const char *uris[] = { uri, "file:///nonexistent/x.iso", "http://example.org/y.iso", NULL };
  const char *folders[] = { folder, "/nonexistent", NULL };
  static const struct
  {
    const char *name, *content;
    gint64 time;
  } files[]
      = { { "a.img", "x", 3000 }, { "b.ISO", "xy", 4000 }, { "c.iso", "", 5000 }, { "d.txt", "x", 6000 } };
  g_autoptr (GPtrArray) images = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (folder, files[i].name, NULL);
      struct utimbuf times = { files[i].time, files[i].time };

      g_assert_true (g_file_set_contents (path, files[i].content, -1, NULL));
      g_assert_cmpint (g_utime (path, &times), ==, 0);
    }
  viv_found_images_async (uris, folders, NULL, on_images, &images);
  until (images != NULL);
  g_assert_cmpuint (images->len, ==, 2);
  g_assert_true (g_str_has_suffix (((VivFoundImage *)images->pdata[0])->path, "/b.ISO"));
  g_assert_cmpuint (((VivFoundImage *)images->pdata[0])->size, ==, 2);
  g_assert_true (g_str_has_suffix (((VivFoundImage *)images->pdata[1])->path, "/a.img"));
}

/* The rows of the assistant's first page lead on. */
static void
test_found_rows (Fixture *f)
{
  g_autofree char *folder = g_build_filename (g_get_home_dir (), "chosen", NULL);
  g_autofree char *path = g_build_filename (folder, "tiny.img", NULL);
  g_autofree char *uri = g_filename_to_uri (folder, NULL, NULL);
  g_autofree char *sectors = g_malloc0 (1474560);
  GtkWidget *assistant, *group, *row;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, sectors, 1474560, NULL));
  g_settings_set_string (viv_settings (), "image-folder", uri);
  viv_window_create_machine (f->window, NULL);
  until ((assistant = window_over (f->window, VIV_TYPE_ASSISTANT)) != NULL);
  group = find (assistant, ADW_TYPE_PREFERENCES_GROUP, "found_group");
  until (gtk_widget_get_visible (group));
  row = find (group, ADW_TYPE_ACTION_ROW, NULL);
  g_assert_cmpstr (adw_preferences_row_get_title (ADW_PREFERENCES_ROW (row)), ==, "tiny.img");
  g_signal_emit_by_name (row, "activated");
  until (gtk_widget_get_visible (find (assistant, GTK_TYPE_BUTTON, "create_button")));
  gtk_window_destroy (GTK_WINDOW (assistant));
  g_settings_reset (viv_settings (), "image-folder");
}

/* "Correct Aspect Ratio" is the machine's own setting, whoever changes it. */
static void
test_aspect (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Fern");
  static const char *const expected[] = { "square", "auto", "square" };
  VivChange always = { "display0.aspect", "4:3" };

  viv_window_view (f->window, machine);
  settle ();
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_autofree char *aspect = NULL;

      /* What it was told elsewhere is what it toggles. */
      if (i == 2)
        g_assert_true (viv_machine_edit (machine, &always, 1, NULL));
      g_assert_true (gtk_widget_activate_action (machine_page (f->window), "machine.correct-aspect", NULL));
      aspect = definition_get (viv_machine_get_definition (machine), "display0.aspect", NULL);
      g_assert_cmpstr (aspect, ==, expected[i]);
    }
}

/* A picture is decoded when it is new, as large as it is shown, and not for each change of the machine. */
static void
test_thumbnail (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Fern");
  g_autofree char *path = g_build_filename (viv_machine_get_folder (machine), "screenshot.png", NULL);
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 1920, 1200);
  g_autoptr (GdkPaintable) still = NULL;
  VivThumbnail *thumbnail;

  gdk_pixbuf_fill (pixbuf, 0x204060ff);
  g_assert_true (gdk_pixbuf_save (pixbuf, path, "png", NULL, NULL));
  until (find (GTK_WIDGET (f->window), VIV_TYPE_MACHINE_CARD, NULL) != NULL);
  viv_machine_reload (machine);
  thumbnail = VIV_THUMBNAIL (
      find (find (GTK_WIDGET (f->window), VIV_TYPE_MACHINE_CARD, NULL), VIV_TYPE_THUMBNAIL, NULL));
  until (gtk_widget_get_width (GTK_WIDGET (thumbnail)) > 0);
  g_set_object (&still, viv_thumbnail_get_still (thumbnail));
  g_assert_nonnull (still);
  g_assert_cmpint (gdk_paintable_get_intrinsic_width (still), ==,
                   gtk_widget_get_width (GTK_WIDGET (thumbnail))
                       * gtk_widget_get_scale_factor (GTK_WIDGET (thumbnail)));
  viv_machine_reload (machine);
  g_assert_true (viv_thumbnail_get_still (thumbnail) == still);
  gdk_pixbuf_fill (pixbuf, 0x604020ff);
  g_unlink (path);
  g_assert_true (gdk_pixbuf_save (pixbuf, path, "png", NULL, NULL));
  viv_machine_reload (machine);
  g_assert_true (viv_thumbnail_get_still (thumbnail) != still);
}

/* -- Names and words from outside -- */

static void
assert_shows (GtkWidget *window, const char *text)
{
  until (shows (window, text));
}

static void
present (Fixture *f, GtkWidget *window)
{
  viv_present_over (GTK_WINDOW (window), GTK_WINDOW (f->window));
  settle ();
}

static void
dismiss (GtkWidget *window)
{
  gtk_window_destroy (GTK_WINDOW (window));
  settle ();
}

/* A warning about markup ends this test too. */
static void
test_markup (Fixture *f)
{
  const char *const name = "R&D <b>x";
  VivMachine *machine = add_machine (f->library, name);
  g_autoptr (GPtrArray) machines = g_ptr_array_new ();
  g_autofree char *disc = g_build_filename (g_get_home_dir (), "a&b <i>.iso", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (disc);
  g_autofree char *data = g_malloc0 (40 * 1024);
  g_autoptr (GError) error = g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "no <u>such & such");
  GtkWidget *window = GTK_WIDGET (f->window), *over;

  g_assert_true (g_file_set_contents (disc, data, 40 * 1024, NULL));
  viv_media_change (VIV_SHELL (f->window), machine, "cdrom0", disc);
  assert_shows (window, name); /* its card */
  viv_window_view (f->window, machine);
  settle ();
  assert_shows (window, name); /* its page */

  over = viv_settings_window_new (machine);
  present (f, over);
  g_assert_true (viv_settings_window_show_key (VIV_SETTINGS_WINDOW (over), "cdrom0.path"));
  settle ();
  assert_shows (over, "a&b <i>.iso");
  g_assert_true (viv_settings_window_show_key (VIV_SETTINGS_WINDOW (over), "machine.firmware"));
  settle ();
  dismiss (over);
  over = viv_facts_window_new (machine);
  present (f, over);
  dismiss (over);
  over = viv_sharing_window_new (machine);
  present (f, over);
  dismiss (over);
  over = viv_assistant_new (VIV_HOST (f->library));
  present (f, over);
  viv_assistant_set_image (VIV_ASSISTANT (over), file);
  while (viv_assistant_is_looking (VIV_ASSISTANT (over)))
    g_main_context_iteration (NULL, TRUE);
  assert_shows (over, "a&b <i>.iso");
  dismiss (over);

  /* Questions and complaints. */
  viv_operation_rename (VIV_SHELL (f->window), machine);
  settle ();
  dismiss (window_over (window, ADW_TYPE_MESSAGE_DIALOG));
  viv_operation_failed (VIV_SHELL (f->window), machine, "Failed", error);
  settle ();
  over = window_over (window, ADW_TYPE_MESSAGE_DIALOG);
  assert_shows (over, "No <u>such & such");
  dismiss (over);
  viv_shell_message (VIV_SHELL (f->window), error->message);
  assert_shows (window, error->message);

  /* What is wrong with it. */
  {
    g_autofree char *ini = g_build_filename (viv_machine_get_folder (machine), "machine.ini", NULL);
    g_autofree char *good = NULL;

    g_assert_true (g_file_get_contents (ini, &good, NULL, NULL));
    g_assert_true (g_file_set_contents (ini, "[machine]\nname=R&D <b>x\nmemory=<b>&\n", -1, NULL));
    viv_machine_reload (machine);
    settle ();
    assert_shows (window, "<b>&");
    g_assert_true (g_file_set_contents (ini, good, -1, NULL));
    viv_machine_reload (machine);
    settle ();
  }

  /* The trash, whose sizes come from a thread, as deleting for ever is done in one. */
  viv_window_back (f->window);
  settle ();
  g_ptr_array_add (machines, machine);
  viv_many_delete (VIV_SHELL (f->window), machines);
  g_object_unref (machine);
  settle ();
  assert_shows (window, "R&D <b>x");
  over = viv_trash_window_new (VIV_HOST (f->library));
  present (f, over);
  assert_shows (over, "R&D _b_x");
  assert_shows (over, "KiB");
  g_assert_true (press (over, "_Empty Trash"));
  settle ();
  {
    GtkWidget *question = window_over (over, ADW_TYPE_MESSAGE_DIALOG);

    g_assert_true (press (question, "_Empty Trash"));
  }
  until (
      g_strcmp0 (gtk_stack_get_visible_child_name (GTK_STACK (find (over, GTK_TYPE_STACK, "stack"))), "empty")
      == 0);
  {
    g_autoptr (GPtrArray) left = viv_trash_list (viv_local_host_get_trash (f->library));

    g_assert_cmpuint (left->len, ==, 0);
  }
  dismiss (over);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    FixtureTest function;
  } tests[] = {
    { "rename-answer", test_rename_answer },
    { "medium-answer", test_medium_answer },
    { "first-text", test_first_text },
    { "deleted-elsewhere", test_deleted_elsewhere },
    { "renamed-elsewhere", test_renamed_elsewhere },
    { "no-machine", test_no_machine },
    { "focus-after-rename", test_focus_after_rename },
    { "library-order", test_library_order },
    { "system-icons", test_system_icons },
    { "found-images", test_found_images },
    { "found-rows", test_found_rows },
    { "aspect", test_aspect },
    { "width", test_width },
    { "assistant-width", test_assistant_width },
    { "message-bar", test_message_bar },
    { "screenshots", test_screenshots },
    { "desktop-actions", test_desktop_actions },
    { "thumbnail", test_thumbnail },
    { "markup", test_markup },
  };

  g_test_init (&argc, &argv, NULL);
  adw_init ();
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/pages/", tests[i].name, NULL);

      add_test (path, tests[i].function);
    }
  return g_test_run ();
}
