/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The application's windows with a library in a temporary folder: an image becomes a machine, what is wrong with one is said,
 * and every window can be made and unmade without a warning.
 */
#include "display-test.h"

#include "ui/app/viv-application.h"
#include "ui/create/viv-assistant.h"
#include "ui/library/viv-library-page.h"
#include "ui/library/viv-machine-card.h"
#include "ui/machine/viv-machine-page.h"
#include "ui/app/viv-preferences-window.h"
#include "ui/machine/viv-sharing-window.h"
#include "ui/app/viv-window.h"

#include "machine/paths.h"

#include <glib/gstdio.h>
#include <string.h>

#define FLOPPY_SIZE (1440 * 1024)

static char *
make_floppy (const char *name)
{
  char *path = g_build_filename (g_get_home_dir (), name, NULL);
  g_autofree char *data = g_malloc0 (FLOPPY_SIZE);

  data[510] = (char)0x55;
  data[511] = (char)0xaa;
  g_assert_true (g_file_set_contents (path, data, FLOPPY_SIZE, NULL));
  return path;
}

static void
look_into (GtkWidget *assistant, GFile *file)
{
  viv_assistant_set_image (VIV_ASSISTANT (assistant), file);
  while (viv_assistant_is_looking (VIV_ASSISTANT (assistant)))
    g_main_context_iteration (NULL, TRUE);
}

static void
test_assistant (void)
{
  g_autoptr (VivLocalHost) library = viv_local_host_new (NULL);
  g_autofree char *path = make_floppy ("welcome disk.img");
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (VivMachine) machine = NULL;
  GtkWidget *assistant = viv_assistant_new (VIV_HOST (library));
  GtkWidget *name, *memory;
  const MachineDefinition *definition;
  const MachineDevice *drive;
  GStatBuf info;
  g_autofree char *image = NULL;

  gtk_window_present (GTK_WINDOW (assistant));
  settle ();
  look_into (assistant, file);
  settle ();
  name = find (assistant, ADW_TYPE_ENTRY_ROW, "name_row");
  until (gtk_widget_get_mapped (name));
  settle ();
  g_assert_false (gtk_widget_has_css_class (find (assistant, ADW_TYPE_ACTION_ROW, "medium_row"), "warning"));
  memory = find (assistant, GTK_TYPE_SPIN_BUTTON, "memory");
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (name)), !=, "");

  /* Live checks. */
  gtk_editable_set_text (GTK_EDITABLE (name), " evil");
  g_assert_true (gtk_widget_has_css_class (name, "error"));
  gtk_widget_activate_action (assistant, "assistant.create", NULL);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (library)), ==, 0);
  gtk_editable_set_text (GTK_EDITABLE (name), "Welcome");
  g_assert_false (gtk_widget_has_css_class (name, "error"));

  gtk_spin_button_set_value (GTK_SPIN_BUTTON (memory), 48);
  gtk_switch_set_active (GTK_SWITCH (find (assistant, GTK_TYPE_SWITCH, "disk_switch")), TRUE);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (find (assistant, GTK_TYPE_SPIN_BUTTON, "disk")), 0.5);
  gtk_switch_set_active (GTK_SWITCH (find (assistant, GTK_TYPE_SWITCH, "start_switch")), FALSE);
  g_assert_true (gtk_widget_activate_action (assistant, "assistant.create", NULL));
  until ((machine = viv_host_find (VIV_HOST (library), "Welcome", NULL)) != NULL);
  settle ();
  definition = viv_machine_get_definition (machine);
  g_assert_cmpuint (definition_number (definition, "machine.memory"), ==, 48u << 20);
  drive = definition_find_drive (definition, "floppy0");
  g_assert_nonnull (drive);
  g_assert_cmpstr (machine_device_text (drive, "path"), ==, path);
  image = g_build_filename (viv_machine_get_folder (machine), "disk0.img", NULL);
  g_assert_cmpint (g_stat (image, &info), ==, 0);
  g_assert_cmpint (info.st_size, ==, 512 << 20);
  g_assert_cmpint (info.st_blocks, <, 2048);
  g_clear_object (&machine);
  empty_library (library);
}

/* A missing image, one of a foreign format: said in the window, and nothing is made. */
static void
test_assistant_problems (void)
{
  g_autoptr (VivLocalHost) library = viv_local_host_new (NULL);
  g_autofree char *plain = g_build_filename (g_get_home_dir (), "plain.img", NULL);
  g_autoptr (GFile) other = g_file_new_for_path (plain);
  g_autofree char *foreign = g_build_filename (g_get_home_dir (), "disk.qcow2", NULL);
  g_autoptr (GFile) missing = g_file_new_for_path ("/nonexistent/image.iso");
  g_autoptr (GFile) file = g_file_new_for_path (foreign);
  GtkWidget *assistant = viv_assistant_new (VIV_HOST (library));
  GtkWidget *problem, *label;
  char header[1024] = "QFI\xfb\0\0\0\3";

  gtk_window_present (GTK_WINDOW (assistant));
  problem = find (assistant, GTK_TYPE_BOX, "problem");
  label = find (problem, GTK_TYPE_LABEL, NULL);
  g_assert_false (gtk_widget_get_visible (problem));
  look_into (assistant, missing);
  g_assert_true (gtk_widget_get_visible (problem));
  g_assert_nonnull (strstr (gtk_label_get_label (GTK_LABEL (label)), "image.iso"));
  g_assert_true (g_file_set_contents (foreign, header, sizeof header, NULL));
  look_into (assistant, file);
  g_assert_true (gtk_widget_get_visible (problem));
  g_assert_nonnull (strstr (gtk_label_get_label (GTK_LABEL (label)), "qcow2"));
  settle ();
  /* What doesn't start is offered with a warning. */
  g_assert_true (g_file_set_contents (plain, header + 4, sizeof header - 4, NULL));
  look_into (assistant, other);
  g_assert_true (gtk_widget_has_css_class (find (assistant, ADW_TYPE_ACTION_ROW, "medium_row"), "warning"));
  gtk_window_destroy (GTK_WINDOW (assistant));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (library)), ==, 0);
}

static void
on_activate (GApplication *application, gpointer data)
{
  VivHost *library = viv_application_get_host (VIV_APPLICATION (application));
  VivWindow *window = viv_window_new (GTK_APPLICATION (application), library);
  g_autoptr (VivMachine) machine = NULL;
  GtkWidget *stack, *card, *preferences, *vnc;

  gtk_window_present (GTK_WINDOW (window));
  settle ();
  stack = find (find (GTK_WIDGET (window), VIV_TYPE_LIBRARY_PAGE, NULL), GTK_TYPE_STACK, "stack");
  g_assert_cmpstr (gtk_stack_get_visible_child_name (GTK_STACK (stack)), ==, "empty");

  machine = add_machine (VIV_LOCAL_HOST (library), "Fern");
  settle ();
  g_assert_cmpstr (gtk_stack_get_visible_child_name (GTK_STACK (stack)), ==, "grid");
  card = find (GTK_WIDGET (window), VIV_TYPE_MACHINE_CARD, NULL);
  g_assert_true (viv_machine_card_get_machine (VIV_MACHINE_CARD (card)) == machine);
  viv_machine_card_popup (VIV_MACHINE_CARD (card), -1, -1);
  settle ();
  gtk_popover_popdown (GTK_POPOVER (find (card, GTK_TYPE_POPOVER, NULL)));

  viv_library_page_toggle_search (VIV_LIBRARY_PAGE (find (GTK_WIDGET (window), VIV_TYPE_LIBRARY_PAGE, NULL)));
  settle ();

  viv_window_view (window, machine);
  settle ();
  stack = find (find (GTK_WIDGET (window), VIV_TYPE_MACHINE_PAGE, NULL), GTK_TYPE_STACK, "stack");
  g_assert_cmpstr (gtk_stack_get_visible_child_name (GTK_STACK (stack)), ==, "off");

  vnc = viv_sharing_window_new (machine);
  gtk_window_present (GTK_WINDOW (vnc));
  preferences = viv_preferences_window_new ();
  gtk_window_present (GTK_WINDOW (preferences));
  settle ();
  gtk_window_destroy (GTK_WINDOW (preferences));
  gtk_window_destroy (GTK_WINDOW (vnc));
  viv_window_back (window);
  settle ();

  /* Delete, and undo by the toast's button. */
  gtk_widget_activate_action (card, "card.delete", NULL);
  until (g_list_model_get_n_items (G_LIST_MODEL (library)) == 0);
  settle ();
  {
    GtkWidget *undo = toast_button (GTK_WIDGET (window));

    g_assert_nonnull (undo);
    g_signal_emit_by_name (undo, "clicked");
  }
  until (g_list_model_get_n_items (G_LIST_MODEL (library)) == 1);
  g_clear_object (&machine);
  gtk_window_destroy (GTK_WINDOW (window));
  settle ();
}

static int
on_command_line (GApplication *application, GApplicationCommandLine *line, gpointer data)
{
  on_activate (application, data);
  return 0;
}

static void
test_application (void)
{
  g_autoptr (VivApplication) application = viv_application_new ();
  char *arguments[] = { (char *)"vivarium", NULL };

  g_application_set_flags (G_APPLICATION (application),
                           g_application_get_flags (G_APPLICATION (application)) | G_APPLICATION_NON_UNIQUE);
  g_signal_connect (application, "command-line", G_CALLBACK (on_command_line), NULL);
  g_assert_cmpint (g_application_run (G_APPLICATION (application), 1, arguments), ==, 0);
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = viv_machines_dir ();

  g_test_init (&argc, &argv, NULL);
  /* Never a person's own machines. */
  g_assert_cmpstr (folder, ==, g_getenv ("VIVARIUM_DATA_DIR"));
  g_assert_true (g_str_has_prefix (folder, g_get_tmp_dir ()));
  adw_init ();
  g_test_add_func ("/windows/assistant", test_assistant);
  g_test_add_func ("/windows/assistant-problems", test_assistant_problems);
  g_test_add_func ("/windows/application", test_application);
  return g_test_run ();
}
