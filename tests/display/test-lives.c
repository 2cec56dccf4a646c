/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What outlives what: windows under windows, answers that never come, files whose names are no text, messages that others displace, and a
 * machine in a window of its own.
 */
#include "display-app.h"

#include "../unit/fake-host.h"

#include "machine/edit.h"
#include "machine/machine-private.h"
#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-jobs-button.h"
#include "ui/app/viv-jobs.h"
#include "ui/app/viv-look.h"
#include "ui/app/viv-shell.h"
#include "ui/app/viv-watcher.h"
#include "ui/console/viv-console.h"
#include "ui/create/viv-assistant.h"
#include "ui/library/viv-machine-card.h"
#include "ui/library/viv-trash-window.h"
#include "ui/machine/viv-machine-window.h"
#include "ui/machine/viv-media.h"
#include "ui/machine/viv-operations.h"
#include "ui/machine/viv-screen.h"
#include "ui/machine/viv-thumbnail.h"
#include "ui/settings/viv-settings-window.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static gboolean
says (GMenuModel *menu, const char *text)
{
  for (int i = 0; menu && i < g_menu_model_get_n_items (menu); i++)
    {
      g_autofree char *label = NULL;

      if (g_menu_model_get_item_attribute (menu, i, "label", "s", &label) && strstr (label, text))
        return TRUE;
    }
  return FALSE;
}

static gboolean
media_menu_says (Fixture *f, const char *text)
{
  GtkWidget *button = find (machine_page (f->window), GTK_TYPE_MENU_BUTTON, "media_button");

  return says (gtk_menu_button_get_menu_model (GTK_MENU_BUTTON (button)), text);
}

/* -- Looks that never end -- */

static GMutex gate;
static GCond opened;
static gboolean open_gate;
static gint waiting;

static int
hang (const char *path, struct stat *info)
{
  g_mutex_lock (&gate);
  waiting++;
  while (!open_gate)
    g_cond_wait (&opened, &gate);
  waiting--;
  g_mutex_unlock (&gate);
  return stat (path, info);
}

static int
n_waiting (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&gate);

  (void)locker;
  return waiting;
}

static void
test_dead_server (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Far");
  g_autoptr (GFile) image = NULL;
  g_autofree char *disc = g_build_filename (g_get_home_dir (), "far.iso", NULL);
  GtkWidget *settings, *assistant;

  g_assert_true (viv_machine_edit (machine, &(VivChange){ "cdrom0.path", disc }, 1, NULL));
  open_gate = FALSE;
  viv_look_stat = hang;
  /* Each of these would stand still here. */
  viv_window_view (f->window, machine);
  settle ();
  g_assert_true (media_menu_says (f, "far.iso"));
  settings = viv_settings_window_new (machine);
  viv_present_over (GTK_WINDOW (settings), GTK_WINDOW (f->window));
  g_assert_true (viv_settings_window_show_key (VIV_SETTINGS_WINDOW (settings), "cdrom0.path"));
  until (shows (settings, "far.iso"));
  viv_media_insert (VIV_SHELL (f->window), machine, disc);
  assistant = viv_assistant_new (VIV_HOST (f->library));
  settle ();
  g_assert_cmpint (n_waiting (), >, 0);
  /* They go while somebody still looks. */
  g_object_add_weak_pointer (G_OBJECT (settings), (gpointer *)&settings);
  g_object_add_weak_pointer (G_OBJECT (assistant), (gpointer *)&assistant);
  gtk_window_destroy (GTK_WINDOW (settings));
  gtk_window_destroy (GTK_WINDOW (assistant));
  settle ();
  g_assert_null (settings);
  g_assert_null (assistant);

  g_mutex_lock (&gate);
  open_gate = TRUE;
  g_cond_broadcast (&opened);
  g_mutex_unlock (&gate);
  until (n_waiting () == 0);
  until (media_menu_says (f, "missing"));
  viv_look_stat = stat;
}

static void
test_missing_medium (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Fern");
  g_autofree char *disc = g_build_filename (g_get_home_dir (), "going.iso", NULL);
  g_autofree char *other = g_build_filename (g_get_home_dir (), "there.iso", NULL);

  g_assert_true (g_file_set_contents (disc, "x", 1, NULL));
  g_assert_true (g_file_set_contents (other, "x", 1, NULL));
  viv_window_view (f->window, machine);
  viv_media_change (VIV_SHELL (f->window), machine, "cdrom0", disc);
  until (media_menu_says (f, "going.iso"));
  settle ();
  g_assert_false (media_menu_says (f, "missing"));
  g_unlink (disc);
  viv_window_back (f->window);
  viv_machine_page_set_machine (VIV_MACHINE_PAGE (machine_page (f->window)), NULL);
  viv_window_view (f->window, machine);
  until (media_menu_says (f, "missing"));
  viv_media_change (VIV_SHELL (f->window), machine, "cdrom0", other);
  until (media_menu_says (f, "there.iso"));
  g_assert_false (media_menu_says (f, "missing"));
}

/* A path is bytes; a warning of GLib's ends this test. */
static void
test_bytes (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Bytes");
  g_autofree char *disc = g_build_filename (g_get_home_dir (), "b\xff\xfe.iso", NULL);
  g_autofree char *complaint = g_strdup_printf ("can't read %s", disc);
  g_autofree char *data = g_malloc0 (40 * 1024);
  g_autofree char *path = NULL;
  GtkWidget *settings;

  g_assert_true (g_file_set_contents (disc, data, 40 * 1024, NULL));
  viv_window_view (f->window, machine);
  viv_media_change (VIV_SHELL (f->window), machine, "cdrom0", disc);
  until (media_menu_says (f, ".iso"));
  settings = viv_settings_window_new (machine);
  viv_present_over (GTK_WINDOW (settings), GTK_WINDOW (f->window));
  g_assert_true (viv_settings_window_show_key (VIV_SETTINGS_WINDOW (settings), "cdrom0.path"));
  until (shows (settings, "KiB"));
  /* Taken out and put back it is what it was. */
  g_assert_true (gtk_widget_get_visible (settings));
  gtk_window_destroy (GTK_WINDOW (settings));
  viv_shell_message (VIV_SHELL (f->window), complaint);
  viv_show_error (GTK_WINDOW (f->window), "Failed", complaint, complaint);
  settle ();
  gtk_window_destroy (GTK_WINDOW (window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)));
  path = definition_resolve (
      viv_machine_get_definition (machine),
      machine_device_text (definition_find_drive (viv_machine_get_definition (machine), "cdrom0"), "path"));
  g_assert_cmpstr (path, ==, disc);
}

/* -- Windows under windows -- */

static void
test_deleted_under_dialogs (Fixture *f)
{
  VivMachine *machine = add_machine (f->library, "Fern");
  g_autofree char *folder = g_strdup (viv_machine_get_folder (machine));
  GtkWidget *settings;

  viv_window_view (f->window, machine);
  settle ();
  viv_operation_settings (VIV_SHELL (f->window), machine);
  until ((settings = window_over (f->window, VIV_TYPE_SETTINGS_WINDOW)) != NULL);
  gtk_widget_activate_action (
      viv_device_groups_find (viv_settings_window_get_drives (VIV_SETTINGS_WINDOW (settings)), "cdrom0"),
      "drives.new-disk", NULL);
  until (window_over (settings, ADW_TYPE_MESSAGE_DIALOG) != NULL);
  g_object_unref (machine);
  g_assert_true (viv_remove_tree (folder, NULL));
  viv_local_host_rescan (f->library);
  until (window_over (f->window, VIV_TYPE_SETTINGS_WINDOW) == NULL);
  /* The question went with its window. */
  settle ();
  {
    g_autoptr (GList) toplevels = gtk_window_list_toplevels ();

    for (GList *l = toplevels; l; l = l->next)
      g_assert_false (ADW_IS_MESSAGE_DIALOG (l->data) && gtk_widget_get_visible (l->data));
  }
}

/* -- Messages -- */

static void
test_messages (Fixture *f)
{
  VivMessageBar *bar = g_object_ref_sink (g_object_new (VIV_TYPE_MESSAGE_BAR, NULL));
  AdwToast *undo = adw_toast_new ("deleted"), *plain = adw_toast_new ("saved"),
           *other = adw_toast_new ("saved again");

  adw_toast_set_button_label (undo, "_Undo");
  adw_toast_set_timeout (undo, 0);
  adw_toast_set_timeout (plain, 0);
  adw_toast_set_timeout (other, 0);
  viv_message_bar_show (bar, undo);
  viv_message_bar_show (bar, plain);
  g_assert_true (viv_message_bar_get_toast (bar) == plain);
  /* What has nothing to press makes room. */
  viv_message_bar_show (bar, other);
  g_assert_true (viv_message_bar_get_toast (bar) == other);
  viv_message_bar_dismiss (bar, other);
  g_assert_true (viv_message_bar_get_toast (bar) == undo);
  viv_message_bar_dismiss (bar, undo);
  g_assert_null (viv_message_bar_get_toast (bar));
  g_object_unref (bar);
  /* One that goes while it comes, and another at once; libadwaita 1.2's own overlay frees its animation twice. */
  for (unsigned i = 0; i < 200; i++)
    {
      AdwToast *toast = g_object_ref (adw_toast_new ("gone"));

      viv_shell_toast (VIV_SHELL (f->window), toast);
      while (i % 3 && g_main_context_iteration (NULL, FALSE))
        ;
      viv_shell_dismiss (VIV_SHELL (f->window), toast);
      g_assert_finalize_object (toast);
    }
  g_assert_null (toast_button (GTK_WIDGET (f->window)));
}

/* A machine that nobody looks at stops for something. */
static void
test_watcher (Fixture *f)
{
  /* Not the application's: nobody hears its notifications here. */
  g_autofree char *folder = g_build_filename (g_get_home_dir (), "watched", NULL);
  g_autoptr (VivLocalHost) library = viv_local_host_new (folder);
  VivWatcher *watcher = viv_watcher_new (NULL, VIV_HOST (library));
  VivMachine *last = NULL;

  for (int i = 0; i < 12; i++)
    {
      g_autofree char *name = g_strdup_printf ("M %02d", i);

      g_clear_object (&last);
      last = add_machine (library, name);
    }
  settle ();
  viv_machine_set_state (last, "paused", "the disk is full", FALSE);
  g_assert_cmpuint (viv_watcher_told (watcher), ==, 1);
  viv_machine_set_state (last, "paused", "the disk is full", FALSE);
  g_assert_cmpuint (viv_watcher_told (watcher), ==, 1);
  viv_machine_set_state (last, "running", "", FALSE);
  viv_machine_set_state (last, "paused", "", FALSE);
  g_assert_cmpuint (viv_watcher_told (watcher), ==, 1);
  viv_machine_set_state (last, "paused", "the disk is full", FALSE);
  g_assert_cmpuint (viv_watcher_told (watcher), ==, 2);
  viv_machine_set_state (last, "off", "", FALSE);

  /* A save is a job, whoever began it; one that breaks off with its monitor is over as well. */
  g_signal_emit_by_name (last, "save-progress", 0.25);
  g_assert_cmpuint (g_list_model_get_n_items (viv_jobs ()), ==, 1);
  {
    g_autoptr (VivJob) job = g_list_model_get_item (viv_jobs (), 0);

    g_assert_nonnull (strstr (viv_job_get_title (job), "M 11"));
    g_signal_emit_by_name (last, "save-progress", 0.5);
    until (viv_job_get_fraction (job) == 0.5);
    g_signal_emit_by_name (last, "save-progress", 1.0);
    g_assert_true (viv_job_is_finished (job));
  }
  g_signal_emit_by_name (last, "save-progress", 0.25);
  g_assert_cmpuint (g_list_model_get_n_items (viv_jobs ()), ==, 1);
  viv_machine_set_state (last, "crashed", "", FALSE);
  g_assert_cmpuint (g_list_model_get_n_items (viv_jobs ()), ==, 0);
  g_object_unref (last);
  viv_watcher_free (watcher);
}

/* -- Jobs -- */

static gint halfway;

static gboolean
work_until_stopped (VivJob *job, gpointer data, GError **error)
{
  viv_job_set_fraction (job, 0.5);
  g_atomic_int_set (&halfway, 1);
  while (!g_cancellable_set_error_if_cancelled (viv_job_get_cancellable (job), error))
    g_usleep (1000);
  return FALSE;
}

static gboolean
fail (VivJob *job, gpointer data, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "no room for \xff");
  return FALSE;
}

static void
on_ended (gpointer owner, gpointer data, const GError *error)
{
  *(int *)data = error ? error->code : -1;
}

/* What is under way is seen, and can be stopped; what went wrong stays until it was seen. */
static void
test_jobs (Fixture *f)
{
  GtkWidget *button = find (GTK_WIDGET (f->window), VIV_TYPE_JOBS_BUTTON, NULL);
  GListModel *jobs = viv_jobs ();
  int stopped = 0, failed = 0;
  g_autoptr (VivJob) job = NULL;
  g_autoptr (VivJob) broken = NULL;

  g_assert_false (gtk_widget_get_visible (button));
  viv_job_run ("Copying <b>", work_until_stopped, &stopped, NULL, f->window, on_ended);
  g_assert_true (gtk_widget_get_visible (button));
  job = g_list_model_get_item (jobs, 0);
  until (g_atomic_int_get (&halfway) && viv_job_get_fraction (job) == 0.5);
  g_assert_false (viv_job_is_finished (job));
  viv_job_cancel (job);
  until (stopped == G_IO_ERROR_CANCELLED);
  g_assert_true (viv_job_is_finished (job));
  g_assert_null (viv_job_get_message (job));
  g_assert_false (gtk_widget_get_visible (button));

  viv_job_run ("Failing", fail, &failed, NULL, NULL, on_ended);
  until (failed == G_IO_ERROR_NO_SPACE);
  broken = g_list_model_get_item (jobs, 0);
  g_assert_nonnull (strstr (viv_job_get_message (broken), "no room"));
  g_assert_true (gtk_widget_get_visible (button));
  viv_job_forget (broken);
  g_assert_false (gtk_widget_get_visible (button));
}

/* -- Windows of machines -- */

static guint
n_key_captures (gpointer window)
{
  g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (window);
  guint n = 0;

  for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
    {
      g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

      n += g_strcmp0 (gtk_event_controller_get_name (controller), "viv-console") == 0
           && gtk_event_controller_get_propagation_phase (controller) == GTK_PHASE_CAPTURE;
    }
  return n;
}

static void
test_machine_window (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Fern");
  g_autoptr (VivMachine) second = add_machine (f->library, "Moss");
  g_autoptr (VivMachine) renamed = NULL;
  VivMachineWindow *own;
  GtkApplication *application = GTK_APPLICATION (f->application);

  viv_window_view (f->window, machine);
  viv_operation_open_window (VIV_SHELL (f->window), machine);
  until ((own = viv_machine_window_find (application, machine)) != NULL);
  /* Once is enough: the library is shown here, and the way to the machine leads there. */
  until (!gtk_widget_get_mapped (machine_page (f->window)));
  viv_shell_view (VIV_SHELL (f->window), machine);
  settle ();
  g_assert_false (gtk_widget_get_mapped (machine_page (f->window)));
  viv_shell_view (VIV_SHELL (own), second);
  until (gtk_widget_get_mapped (machine_page (f->window)));
  g_assert_cmpstr (gtk_window_get_title (GTK_WINDOW (own)), ==, "Fern");
  g_assert_true (viv_shell_get_host (VIV_SHELL (own)) == VIV_HOST (f->library));

  g_assert_true (viv_local_host_rename (f->library, machine, "Fern & Co", NULL));
  renamed = viv_host_find (VIV_HOST (f->library), "Fern & Co", NULL);
  until (viv_machine_window_find (application, renamed) == own);
  g_assert_cmpstr (gtk_window_get_title (GTK_WINDOW (own)), ==, "Fern & Co");

  g_object_add_weak_pointer (G_OBJECT (own), (gpointer *)&own);
  {
    g_autofree char *entry = viv_local_host_trash (f->library, renamed, NULL);

    g_assert_nonnull (entry);
  }
  until (own == NULL);
}

/* A guest that has one window's keys leaves the other's alone. */
static void
test_grabs (Fixture *f)
{
  GtkWidget *first = gtk_window_new (), *second = gtk_window_new ();
  GtkWidget *console = viv_console_new (), *other = viv_console_new ();

  gtk_window_set_child (GTK_WINDOW (first), console);
  gtk_window_set_child (GTK_WINDOW (second), other);
  gtk_window_present (GTK_WINDOW (second));
  gtk_window_present (GTK_WINDOW (first));
  settle ();
  gtk_widget_grab_focus (console);
  for (int i = 0; i < 200 && !gtk_window_is_active (GTK_WINDOW (first)); i++)
    settle ();
  until (viv_console_get_grabbed (VIV_CONSOLE (console)));
  g_assert_cmpuint (n_key_captures (first), ==, 1);
  g_assert_cmpuint (n_key_captures (second), ==, 0);
  g_assert_nonnull (strstr (viv_console_get_hint (VIV_CONSOLE (console)), "Ctrl+Alt"));
  viv_console_release (VIV_CONSOLE (console));
  g_assert_cmpuint (n_key_captures (first), ==, 0);
  g_assert_null (viv_console_get_hint (VIV_CONSOLE (console)));
  gtk_window_destroy (GTK_WINDOW (first));
  gtk_window_destroy (GTK_WINDOW (second));
  settle ();
}

/* Accelerators ask the window, which must have the actions of the page that is shown, and of no other. */
static void
test_accelerators (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Fern");

  g_assert_false (gtk_widget_activate_action (GTK_WIDGET (f->window), "machine.correct-aspect", NULL));
  viv_window_view (f->window, machine);
  until (gtk_widget_get_mapped (machine_page (f->window)));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (f->window), "machine.correct-aspect", NULL));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (f->window), "console.scaling", "s", "exact"));
  viv_window_back (f->window);
  until (!gtk_widget_get_mapped (machine_page (f->window)));
  g_assert_false (gtk_widget_activate_action (GTK_WIDGET (f->window), "machine.correct-aspect", NULL));
}

static void
test_screens (Fixture *f)
{
  VivMachine *machine = add_machine (f->library, "Fern");
  VivScreen *first = g_object_ref (viv_screen_get (machine, 0)), *second = viv_screen_get (machine, 1);

  g_assert_true (first != second);
  g_assert_true (viv_screen_get (machine, 0) == first);
  g_assert_true (viv_screen_get_framebuffer (first) != viv_screen_get_framebuffer (second));
  g_assert_cmpuint (viv_screen_get_id (second), ==, 1);
  {
    g_autofree char *entry = viv_local_host_trash (f->library, machine, NULL);
  }
  g_object_add_weak_pointer (G_OBJECT (machine), (gpointer *)&machine);
  g_object_unref (machine);
  until (machine == NULL);
  /* It stands still without its machine. */
  g_assert_false (viv_framebuffer_is_live (viv_screen_get_framebuffer (first)));
  g_object_unref (first);
}

/* What is kept of an old mode is shown as a tube shows it. */
static void
test_thumbnail_aspect (Fixture *f)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, "Tube");
  g_autofree char *path = g_build_filename (viv_machine_get_folder (machine), "screenshot.png", NULL);
  g_autoptr (GdkPixbuf) picture = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 320, 100);
  VivThumbnail *thumbnail = g_object_ref_sink (g_object_new (VIV_TYPE_THUMBNAIL, NULL));
  GdkPaintable *still;

  gdk_pixbuf_fill (picture, 0x204060ff);
  g_assert_true (gdk_pixbuf_save (picture, path, "png", NULL, NULL));
  viv_machine_reload (machine);
  viv_thumbnail_set_machine (thumbnail, machine);
  still = viv_thumbnail_get_still (thumbnail);
  g_assert_nonnull (still);
  g_assert_cmpint (
      ABS (gdk_paintable_get_intrinsic_width (still) * 3 - gdk_paintable_get_intrinsic_height (still) * 4),
      <=, 8);
  g_assert_true (viv_machine_edit (machine, &(VivChange){ "display0.aspect", "square" }, 1, NULL));
  still = viv_thumbnail_get_still (thumbnail);
  g_assert_cmpint (gdk_paintable_get_intrinsic_width (still), >,
                   3 * gdk_paintable_get_intrinsic_height (still));
  viv_thumbnail_set_machine (thumbnail, NULL);
  g_object_unref (thumbnail);
}

/* -- Another kind of host -- */

static GtkWidget *
card_of (VivWindow *window, VivMachine *machine, GtkWidget *below)
{
  for (GtkWidget *child = gtk_widget_get_first_child (below ? below : GTK_WIDGET (window)); child;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found
          = VIV_IS_MACHINE_CARD (child)
                ? viv_machine_card_get_machine (VIV_MACHINE_CARD (child)) == machine ? child : NULL
                : card_of (window, machine, child);

      if (found)
        return found;
    }
  return NULL;
}

/* The window asks no more of a host than the interface has, and offers what host and machine can do. */
static void
test_other_host (Fixture *f)
{
  g_autoptr (VivHost) host = fake_host_new ();
  VivWindow *window = viv_window_new (gtk_window_get_application (GTK_WINDOW (f->window)), host);
  g_autoptr (VivMachine) able = viv_host_find (host, "Able", NULL),
                         shown = viv_host_find (host, "Shown", NULL);
  GtkWidget *card;

  gtk_window_present (GTK_WINDOW (window));
  until (card_of (window, able, NULL) && card_of (window, shown, NULL));
  card = card_of (window, able, NULL);
  /* What can't be done can't be asked for: not even a refusal comes up. */
  gtk_widget_activate_action (card, "card.delete", NULL);
  gtk_widget_activate_action (card, "card.rename", NULL);
  gtk_widget_activate_action (card, "card.open-folder", NULL);
  gtk_widget_activate_action (card_of (window, shown, NULL), "card.start", NULL);
  settle ();
  g_assert_null (window_over (window, GTK_TYPE_WINDOW));

  viv_window_view (window, shown);
  until (gtk_widget_get_mapped (machine_page (window)));
  g_assert_false (gtk_widget_get_visible (find (machine_page (window), GTK_TYPE_WIDGET, "start_button")));
  gtk_widget_activate_action (GTK_WIDGET (window), "machine.settings", NULL);
  gtk_widget_activate_action (GTK_WIDGET (window), "machine.open-folder", NULL);
  settle ();
  g_assert_null (window_over (window, GTK_TYPE_WINDOW));
  viv_window_back (window);
  settle ();

  viv_window_view (window, able);
  settle ();
  g_assert_true (gtk_widget_get_visible (find (machine_page (window), GTK_TYPE_WIDGET, "start_button")));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (window), "machine.start", NULL));
  until (g_str_equal (viv_machine_get_state (able), "running"));
  settle ();

  /* Its trash can't be looked into; the window bears that. */
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (window), "win.trash", NULL));
  settle ();
  gtk_window_destroy (GTK_WINDOW (window_over (window, VIV_TYPE_TRASH_WINDOW)));
  gtk_window_destroy (GTK_WINDOW (window));
  settle ();
}

int
main (int argc, char **argv)
{
  g_setenv ("VIVARIUM_VMM", FAKE_VMM, TRUE);
  g_test_init (&argc, &argv, NULL);
  adw_init ();
  add_test ("/lives/dead-server", test_dead_server);
  add_test ("/lives/missing-medium", test_missing_medium);
  add_test ("/lives/bytes", test_bytes);
  add_test ("/lives/deleted-under-dialogs", test_deleted_under_dialogs);
  add_test ("/lives/messages", test_messages);
  add_test ("/lives/watcher", test_watcher);
  add_test ("/lives/jobs", test_jobs);
  add_test ("/lives/machine-window", test_machine_window);
  add_test ("/lives/grabs", test_grabs);
  add_test ("/lives/accelerators", test_accelerators);
  add_test ("/lives/screens", test_screens);
  add_test ("/lives/thumbnail-aspect", test_thumbnail_aspect);
  add_test ("/lives/other-host", test_other_host);
  return g_test_run ();
}
