/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The library: several machines at once, by pointer and keyboard alike; tags, searched and filtered by; and how soon a hundred machines are there.
 */
#include "display-test.h"

#include "machine/edit.h"
#include "machine/import.h"
#include "machine/paths.h"
#include "ui/app/viv-application.h"
#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-jobs.h"
#include "ui/app/viv-window.h"
#include "ui/create/viv-assistant.h"
#include "ui/create/viv-creation.h"
#include "ui/library/viv-library-page.h"
#include "ui/library/viv-machine-card.h"
#include "ui/library/viv-tag-bar.h"
#include "ui/machine/viv-many.h"

#include <string.h>

typedef struct
{
  VivApplication *application;
  VivLocalHost *library;
  VivWindow *window;
  GtkWidget *page;
} Fixture;

static gpointer
child (Fixture *f, GType type, const char *id)
{
  GtkWidget *found = find (f->page, type, id);

  g_assert_nonnull (found);
  return found;
}

static GtkSelectionModel *
model (Fixture *f)
{
  GtkSelectionModel *grid = gtk_grid_view_get_model (child (f, GTK_TYPE_GRID_VIEW, NULL));

  return grid ? grid : gtk_list_view_get_model (child (f, GTK_TYPE_LIST_VIEW, NULL));
}

static guint
shown (Fixture *f)
{
  return g_list_model_get_n_items (G_LIST_MODEL (model (f)));
}

static char *
chosen (Fixture *f)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < shown (f); i++)
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (G_LIST_MODEL (model (f)), i);

      if (gtk_selection_model_is_selected (model (f), i))
        g_string_append_printf (names, "%s%s", names->len ? " " : "", viv_machine_get_name (machine));
    }
  return g_string_free (names, FALSE);
}

#define assert_chosen(f, names)        \
  G_STMT_START                         \
  {                                    \
    g_autofree char *is = chosen (f);  \
    g_assert_cmpstr (is, ==, (names)); \
  }                                    \
  G_STMT_END

static gboolean
choosing (Fixture *f)
{
  return gtk_action_bar_get_revealed (child (f, GTK_TYPE_ACTION_BAR, NULL));
}

/* As a view does it for a click or a key. */
static void
select_item (Fixture *f, guint position, gboolean modify, gboolean extend)
{
  gtk_widget_activate_action (child (f, GTK_TYPE_GRID_VIEW, NULL), "list.select-item", "(ubb)", position,
                              modify, extend);
}

static void
add (Fixture *f, const char *name, const char *tags)
{
  g_autoptr (VivMachine) machine = add_machine (f->library, name);

  if (tags)
    g_assert_true (viv_machine_edit (machine, &(VivChange){ "machine.tags", tags }, 1, NULL));
}

static void
test_choose (Fixture *f)
{
  g_autoptr (GPtrArray) none = g_ptr_array_new ();

  add (f, "Aloe", NULL);
  add (f, "Basil", NULL);
  add (f, "Cress", NULL);
  until (shown (f) == 3);
  settle ();
  /* One is what the keyboard is at; two are a choice. */
  select_item (f, 0, FALSE, FALSE);
  g_assert_false (choosing (f));
  select_item (f, 1, FALSE, TRUE);
  g_assert_true (choosing (f));
  assert_chosen (f, "Aloe Basil");
  select_item (f, 2, TRUE, FALSE);
  select_item (f, 0, TRUE, FALSE);
  assert_chosen (f, "Basil Cress");
  g_assert_cmpstr (gtk_label_get_label (child (f, GTK_TYPE_LABEL, "selection_label")), ==, "2 chosen");
  gtk_widget_activate_action (f->page, "selection.all", NULL);
  assert_chosen (f, "Aloe Basil Cress");
  gtk_widget_activate_action (f->page, "selection.end", NULL);
  g_assert_false (choosing (f));
  assert_chosen (f, "");
  /* The button begins with none, and nothing can be done to none. */
  gtk_toggle_button_set_active (child (f, GTK_TYPE_TOGGLE_BUTTON, "select_button"), TRUE);
  g_assert_true (choosing (f));
  assert_chosen (f, "");
  gtk_widget_activate_action (f->page, "selection.delete", NULL);
  g_assert_cmpuint (shown (f), ==, 3);
  g_assert_false (viv_many_can_delete (none) || viv_many_can_start (none) || viv_many_can_power_off (none));
}

static void
test_delete (Fixture *f)
{
  GtkWidget *button;

  add (f, "Aloe", NULL);
  add (f, "Basil", NULL);
  add (f, "Cress", NULL);
  until (shown (f) == 3);
  settle ();
  select_item (f, 0, FALSE, FALSE);
  select_item (f, 2, TRUE, FALSE);
  gtk_widget_activate_action (f->page, "selection.delete", NULL);
  until (shown (f) == 1);
  until ((button = toast_button (GTK_WIDGET (f->window))) != NULL);
  g_signal_emit_by_name (button, "clicked");
  until (shown (f) == 3);
}

static char *
tags_of (Fixture *f, const char *name)
{
  g_autoptr (VivMachine) machine = viv_host_find (VIV_HOST (f->library), name, NULL);

  return g_strdup (definition_text (viv_machine_get_definition (machine), "machine.tags"));
}

static VivTagBar *
bar (Fixture *f)
{
  return child (f, VIV_TYPE_TAG_BAR, NULL);
}

static void
test_filter (Fixture *f)
{
  GtkEditable *search = child (f, GTK_TYPE_SEARCH_ENTRY, NULL);

  add (f, "Aloe", NULL);
  until (shown (f) == 1);
  settle ();
  g_assert_false (gtk_widget_get_visible (GTK_WIDGET (bar (f))));
  add (f, "Basil", "kitchen, herb");
  add (f, "Cress", "kitchen");
  until (shown (f) == 3);
  until (gtk_widget_get_visible (GTK_WIDGET (bar (f))));
  viv_tag_bar_choose (bar (f), "kitchen");
  g_assert_cmpuint (shown (f), ==, 2);
  viv_tag_bar_choose (bar (f), "herb");
  g_assert_cmpuint (shown (f), ==, 1);
  viv_tag_bar_choose (bar (f), NULL);
  g_assert_cmpuint (shown (f), ==, 3);
  gtk_editable_set_text (search, "HERB");
  until (shown (f) == 1);
  gtk_editable_set_text (search, "");
  until (shown (f) == 3);
  /* The last machine with a tag loses it: what was chosen by it is all again. */
  viv_tag_bar_choose (bar (f), "herb");
  {
    g_autoptr (VivMachine) machine = viv_host_find (VIV_HOST (f->library), "Basil", NULL);

    g_assert_true (viv_machine_edit (machine, &(VivChange){ "machine.tags", "kitchen" }, 1, NULL));
  }
  until (shown (f) == 3);
  g_assert_null (viv_tag_bar_get_chosen (bar (f)));
}

static void
test_tag (Fixture *f)
{
  GtkWidget *dialog, *check, *entry;
  g_autofree char *aloe = NULL;
  g_autofree char *basil = NULL;
  g_autofree char *cress = NULL;

  add (f, "Aloe", "garden");
  add (f, "Basil", "garden, herb");
  add (f, "Cress", "herb");
  until (shown (f) == 3);
  settle ();
  select_item (f, 0, FALSE, FALSE);
  select_item (f, 1, FALSE, TRUE);
  gtk_widget_activate_action (f->page, "selection.tag", NULL);
  until ((dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)) != NULL);
  settle ();
  /* "garden" is everybody's and goes; "herb" is one's and stays so. */
  check = find (dialog, GTK_TYPE_CHECK_BUTTON, NULL);
  g_assert_cmpstr (gtk_check_button_get_label (GTK_CHECK_BUTTON (check)), ==, "garden");
  g_assert_true (gtk_check_button_get_active (GTK_CHECK_BUTTON (check)));
  gtk_check_button_set_active (GTK_CHECK_BUTTON (check), FALSE);
  check = gtk_widget_get_next_sibling (check);
  g_assert_true (gtk_check_button_get_inconsistent (GTK_CHECK_BUTTON (check)));
  entry = find (dialog, GTK_TYPE_ENTRY, NULL);
  gtk_editable_set_text (GTK_EDITABLE (entry), "new,,");
  g_assert_true (gtk_widget_has_css_class (entry, "error"));
  gtk_editable_set_text (GTK_EDITABLE (entry), "new, tea");
  g_assert_true (press (dialog, "_Save"));
  settle ();
  aloe = tags_of (f, "Aloe");
  basil = tags_of (f, "Basil");
  cress = tags_of (f, "Cress");
  g_assert_cmpstr (aloe, ==, "new, tea");
  g_assert_cmpstr (basil, ==, "herb, new, tea");
  g_assert_cmpstr (cress, ==, "herb");
}

static GtkWidget *
card (GtkWidget *widget, VivMachine *machine)
{
  if (VIV_IS_MACHINE_CARD (widget) && viv_machine_card_get_machine (VIV_MACHINE_CARD (widget)) == machine)
    return widget;
  for (GtkWidget *inner = gtk_widget_get_first_child (widget); inner;
       inner = gtk_widget_get_next_sibling (inner))
    {
      GtkWidget *found = card (inner, machine);

      if (found)
        return found;
    }
  return NULL;
}

/* “Clone…” of a card: a name of its own, a disk of its own with the same bytes, an identity of its own. */
static void
test_clone (Fixture *f)
{
  g_autofree char *bytes = g_malloc0 (1 << 20), *image = NULL, *copied = NULL, *name = NULL;
  g_autoptr (VivMachine) machine = add_machine (f->library, "Fern"), twin = NULL;
  g_autofree char *disk = g_build_filename (viv_machine_get_folder (machine), "disk0.img", NULL);
  const VivChange change = { "disk0.path", "disk0.img" };
  GtkWidget *dialog, *entry;
  gsize n;

  for (unsigned i = 0; i < 1 << 20; i += 509)
    bytes[i] = (char)(i >> 3 | 1);
  g_assert_true (g_file_set_contents (disk, bytes, 1 << 20, NULL));
  g_assert_true (viv_machine_edit (machine, &change, 1, NULL));
  until (card (f->page, machine));
  settle ();
  g_assert_true (gtk_widget_activate_action (card (f->page, machine), "card.clone", NULL));
  until ((dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)) != NULL);
  settle ();
  entry = find (dialog, GTK_TYPE_ENTRY, NULL);
  name = g_strdup (gtk_editable_get_text (GTK_EDITABLE (entry)));
  g_assert_cmpstr (name, !=, "Fern");
  gtk_editable_set_text (GTK_EDITABLE (entry), "Fern");
  g_assert_false (adw_message_dialog_get_response_enabled (ADW_MESSAGE_DIALOG (dialog), "accept"));
  gtk_editable_set_text (GTK_EDITABLE (entry), name);
  g_assert_true (press (dialog, "_Clone"));
  until ((twin = viv_host_find (VIV_HOST (f->library), name, NULL)) != NULL);
  image = g_build_filename (viv_machine_get_folder (twin), "disk0.img", NULL);
  g_assert_true (g_file_get_contents (image, &copied, &n, NULL));
  g_assert_cmpmem (copied, n, bytes, 1 << 20);
  g_assert_cmpstr (viv_machine_get_uuid (twin), !=, viv_machine_get_uuid (machine));
  until (shown (f) == 2);
}

/* Each button without a word says what it does; those of the window's edge are GTK's. */
static void
assert_named (GtkWidget *widget)
{
  gboolean menu = GTK_IS_MENU_BUTTON (widget);

  if (GTK_IS_WINDOW_CONTROLS (widget) || !gtk_widget_get_visible (widget))
    return;
  if (menu || (GTK_IS_BUTTON (widget) && gtk_button_get_icon_name (GTK_BUTTON (widget))))
    g_assert_nonnull (gtk_widget_get_tooltip_text (widget));
  for (GtkWidget *inner = menu ? NULL : gtk_widget_get_first_child (widget); inner;
       inner = gtk_widget_get_next_sibling (inner))
    assert_named (inner);
}

static void
test_narrow (Fixture *f)
{
  int least;

  add (f, "Aloe", "a tag, another one, and a third that is so long that it would fill the whole line");
  until (shown (f) == 1);
  settle ();
  gtk_widget_activate_action (f->page, "selection.all", NULL);
  settle ();
  gtk_widget_measure (f->page, GTK_ORIENTATION_HORIZONTAL, -1, &least, NULL, NULL, NULL);
  g_assert_cmpint (least, <=, 360);
  assert_named (f->page);
}

/* -- Machines that are made -- */

static char *
make_disk (void)
{
  char *path = g_build_filename (g_get_home_dir (), "old disk.img", NULL);
  g_autofree char *bytes = g_malloc0 (4 << 20);

  bytes[510] = 0x55;
  bytes[511] = (char)0xaa;
  g_assert_true (g_file_set_contents (path, bytes, 4 << 20, NULL));
  return path;
}

/* A copy of the image, as a job, while the assistant is gone. */
static void
test_import (Fixture *f)
{
  g_autofree char *path = make_disk ();
  g_autoptr (GFile) file = g_file_new_for_path (path);
  GtkWidget *assistant = viv_assistant_new (VIV_HOST (f->library)), *create;
  g_autoptr (VivMachine) machine = NULL;
  g_autofree char *image = NULL;
  g_autofree char *a = NULL;
  g_autofree char *b = NULL;
  gsize a_length, b_length;

  viv_present_over (GTK_WINDOW (assistant), GTK_WINDOW (f->window));
  viv_assistant_set_image (VIV_ASSISTANT (assistant), file);
  until (!viv_assistant_is_looking (VIV_ASSISTANT (assistant)));
  create = find (assistant, ADW_TYPE_ENTRY_ROW, "name_row");
  until (gtk_widget_get_mapped (create));
  gtk_editable_set_text (GTK_EDITABLE (create), "Copied");
  g_assert_true (gtk_widget_get_visible (find (assistant, ADW_TYPE_ACTION_ROW, "import_row")));
  gtk_switch_set_active (GTK_SWITCH (find (assistant, GTK_TYPE_SWITCH, "import_switch")), TRUE);
  gtk_switch_set_active (GTK_SWITCH (find (assistant, GTK_TYPE_SWITCH, "start_switch")), FALSE);
  g_assert_true (gtk_widget_activate_action (assistant, "assistant.create", NULL));
  g_assert_null (window_over (f->window, VIV_TYPE_ASSISTANT));
  until ((machine = viv_host_find (VIV_HOST (f->library), "Copied", NULL)) != NULL);
  until (g_list_model_get_n_items (viv_jobs ()) == 0);
  image = definition_resolve (viv_machine_get_definition (machine),
                              definition_text (viv_machine_get_definition (machine), "disk0.path"));
  g_assert_true (g_str_has_prefix (image, viv_machine_get_folder (machine)));
  g_assert_true (g_file_get_contents (path, &a, &a_length, NULL));
  g_assert_true (g_file_get_contents (image, &b, &b_length, NULL));
  g_assert_cmpmem (a, a_length, b, b_length);
}

typedef struct
{
  gboolean called, cancelled;
  char *message;
} Outcome;

static void
on_done (gpointer owner, VivMachine *machine, const GError *error)
{
  Outcome *outcome = g_object_get_data (owner, "outcome");

  g_assert_null (machine);
  outcome->called = TRUE;
  outcome->cancelled = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  outcome->message = g_strdup (error->message);
}

static void
begin (Fixture *f, const char *name, const char *image, Outcome *outcome)
{
  g_autoptr (MachineDefinition) definition = definition_new (name);

  definition_add_drive (definition, DRIVE_DISK, "copy.img");
  if (outcome)
    g_object_set_data (G_OBJECT (f->page), "outcome", outcome);
  viv_creation_begin (&(VivCreation){ .definition = definition_copy (definition),
                                      .import = image,
                                      .import_file = "copy.img" },
                      VIV_HOST (f->library), VIV_SHELL (f->window), outcome ? f->page : NULL, on_done);
}

static guint
count_left (void)
{
  g_autofree char *machines = viv_machines_dir ();
  g_autoptr (GDir) dir = g_dir_open (machines, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)))
    n += g_str_has_prefix (name, VIV_HALF_MADE);
  return n;
}

/* What is stopped leaves nothing, and needs no words; what goes wrong is told to who waits, else it stays with the job. */
static void
test_stopped (Fixture *f)
{
  g_autofree char *path = make_disk ();
  g_autoptr (VivJob) job = NULL;
  Outcome stopped = { 0 }, failed = { 0 };

  begin (f, "Stopped", path, &stopped);
  job = g_list_model_get_item (viv_jobs (), 0);
  g_assert_nonnull (job);
  g_assert_cmpstr (viv_job_get_title (job), ==, "Creating “Stopped”");
  viv_job_cancel (job);
  until (stopped.called);
  g_assert_true (stopped.cancelled);
  g_assert_true (viv_job_is_finished (job));
  g_assert_null (viv_job_get_message (job));
  g_assert_cmpuint (g_list_model_get_n_items (viv_jobs ()), ==, 0);
  g_assert_cmpuint (count_left (), ==, 0);
  g_assert_null (viv_host_find (VIV_HOST (f->library), "Stopped", NULL));

  begin (f, "Failed", "/nonexistent/disk.img", &failed);
  until (failed.called);
  g_assert_nonnull (strstr (failed.message, "/nonexistent/disk.img"));
  g_assert_cmpuint (g_list_model_get_n_items (viv_jobs ()), ==, 0);
  begin (f, "Failed", "/nonexistent/disk.img", NULL);
  g_clear_object (&job);
  job = g_list_model_get_item (viv_jobs (), 0);
  until (viv_job_is_finished (job));
  g_assert_nonnull (viv_job_get_message (job));
  g_assert_cmpuint (g_list_model_get_n_items (viv_jobs ()), ==, 1);
  viv_job_forget (job);
  g_assert_cmpuint (count_left (), ==, 0);
  g_free (stopped.message);
  g_free (failed.message);
}

/* -- A hundred machines -- */

#define MANY 100

static void
on_after_paint (GdkFrameClock *clock, gpointer painted)
{
  *(gboolean *)painted = TRUE;
}

/* Prints how long it takes from nothing to the first picture with cards in it. */
static void
test_hundred (Fixture *f)
{
  g_autofree char *folder = g_dir_make_tmp ("vivarium-hundred-XXXXXX", NULL);
  gint64 start, taken;
  gboolean painted = FALSE;
  GtkWidget *window;
  g_autoptr (VivLocalHost) library = NULL;

  for (unsigned i = 0; i < MANY; i++)
    {
      g_autofree char *name = g_strdup_printf ("Machine %u", i);
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autoptr (MachineDefinition) definition = definition_new (name);

      definition_put (definition, "machine.tags", i % 3 ? NULL : "third");
      g_assert_true (viv_create_machine_folder (path, definition, NULL, 0, NULL));
    }
  start = g_get_monotonic_time ();
  library = viv_local_host_new (folder);
  window = GTK_WIDGET (viv_window_new (GTK_APPLICATION (f->application), VIV_HOST (library)));
  gtk_window_present (GTK_WINDOW (window));
  g_signal_connect (gtk_widget_get_frame_clock (window), "after-paint", G_CALLBACK (on_after_paint),
                    &painted);
  until (painted && find (window, VIV_TYPE_MACHINE_CARD, NULL));
  taken = g_get_monotonic_time () - start;
  g_test_message ("%u machines are there after %.0f ms", MANY, taken / 1000.0);
  g_print ("# %u machines are there after %.0f ms\n", MANY, taken / 1000.0);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (library)), ==, MANY);
  gtk_window_destroy (GTK_WINDOW (window));
  settle ();
  g_assert_true (viv_remove_tree (folder, NULL));
}

/* -- Running it -- */

typedef struct
{
  const char *name;
  void (*func) (Fixture *f);
} Test;

static int
on_command_line (GApplication *application, GApplicationCommandLine *line, gpointer data)
{
  const Test *test = data;
  Fixture f = { .application = VIV_APPLICATION (application) };

  f.library = VIV_LOCAL_HOST (viv_application_get_host (f.application));
  f.window = viv_window_new (GTK_APPLICATION (application), VIV_HOST (f.library));
  f.page = find (GTK_WIDGET (f.window), VIV_TYPE_LIBRARY_PAGE, NULL);
  gtk_window_present (GTK_WINDOW (f.window));
  settle ();
  test->func (&f);
  empty_library (f.library);
  settle ();
  gtk_window_destroy (GTK_WINDOW (f.window));
  settle ();
  return 0;
}

/* An application each: its library and its actions are new. */
static void
run (gconstpointer data)
{
  g_autoptr (VivApplication) application = viv_application_new ();
  char *arguments[] = { (char *)"vivarium", NULL };

  g_application_set_flags (G_APPLICATION (application),
                           g_application_get_flags (G_APPLICATION (application)) | G_APPLICATION_NON_UNIQUE);
  g_signal_connect (application, "command-line", G_CALLBACK (on_command_line), (gpointer)data);
  g_assert_cmpint (g_application_run (G_APPLICATION (application), 1, arguments), ==, 0);
}

int
main (int argc, char **argv)
{
  static const Test tests[]
      = { { "choose", test_choose }, { "delete", test_delete },   { "filter", test_filter },
          { "tag", test_tag },       { "clone", test_clone },     { "narrow", test_narrow },
          { "import", test_import }, { "stopped", test_stopped }, { "hundred", test_hundred } };

  g_test_init (&argc, &argv, NULL);
  adw_init ();
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/library/%s", tests[i].name);

      g_test_add_data_func (path, &tests[i], run);
    }
  return g_test_run ();
}
