/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The settings' window of a machine that runs, and what a person does there to reach its system: a port is forwarded, the button beside it asks whether the system
 * answers.  For tests/system/test-forward.py, which has the guest.
 *
 *   forward-guest MACHINE PORT OPEN CLOSED   this computer's first free port of two; the guest's port that a program listens at, and one that none does
 *
 * It says "shown" when there is something to look at, and goes on when it is told a line.
 */
#include "display-test.h"

#include "ui/settings/viv-forward-rows.h"
#include "ui/settings/viv-settings-window.h"

#include <stdio.h>
#include <stdlib.h>

static VivMachine *
machine_of (VivLocalHost *library, const char *name)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (G_LIST_MODEL (library), i);

      if (g_str_equal (viv_machine_get_name (machine), name))
        return g_steal_pointer (&machine);
    }
  return NULL;
}

static void
shown (void)
{
  char line[16];

  settle ();
  puts ("shown");
  fflush (stdout);
  g_assert_nonnull (fgets (line, sizeof line, stdin));
}

static GtkWidget *
second_spin (GtkWidget *widget, guint *number)
{
  if (GTK_IS_SPIN_BUTTON (widget) && (*number)++ == 1)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = second_spin (child, number);

      if (found)
        return found;
    }
  return NULL;
}

/* As a person fills in the question. */
static void
forward (GtkWidget *window, GtkWidget *rows, unsigned host, unsigned guest)
{
  guint number = 0;
  GtkWidget *dialog, *spin;

  click (rows, "Add a Forwarded Port", 0);
  until (window_over (window, ADW_TYPE_MESSAGE_DIALOG));
  dialog = window_over (window, ADW_TYPE_MESSAGE_DIALOG);
  spin = find (dialog, GTK_TYPE_SPIN_BUTTON, NULL);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), host);
  spin = second_spin (dialog, &number);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), guest);
  g_assert_true (press (dialog, "_Add"));
  settle ();
}

int
main (int argc, char **argv)
{
  const unsigned port = argc == 5 ? (unsigned)atoi (argv[2]) : 0;
  g_autofree char *first = g_strdup_printf ("Port %u →", port),
                  *second = g_strdup_printf ("Port %u →", port + 1);
  VivLocalHost *library;
  VivMachine *machine;
  GtkWidget *window, *rows;

  g_assert_cmpint (argc, ==, 5);
  gtk_init ();
  adw_init ();
  library = viv_local_host_new (NULL);
  until ((machine = machine_of (library, argv[1])) != NULL);
  until (g_str_equal (viv_machine_get_state (machine), "running"));
  window = viv_settings_window_new (machine);
  gtk_window_set_default_size (GTK_WINDOW (window), 900, 800);
  gtk_window_present (GTK_WINDOW (window));
  settle ();
  g_assert_true (viv_settings_window_show_key (VIV_SETTINGS_WINDOW (window), "net0.kind"));
  rows = find (window, VIV_TYPE_FORWARD_ROWS, NULL);
  g_assert_nonnull (rows);
  adw_expander_row_set_expanded (ADW_EXPANDER_ROW (rows), TRUE);
  settle ();
  forward (window, rows, port, (unsigned)atoi (argv[3]));
  until (shows (rows, first));
  forward (window, rows, port + 1, (unsigned)atoi (argv[4]));
  until (shows (rows, second));
  shown ();
  for (unsigned i = 0; i < 2; i++)
    click (rows, "Test Whether the System Answers", i);
  until (shows (rows, "The system answers"));
  until (shows (rows, "The system refuses"));
  shown ();
  gtk_window_destroy (GTK_WINDOW (window));
  settle ();
  g_object_unref (machine);
  g_object_unref (library);
  return 0;
}
