/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A test in a window of the application: an application, a library and a window each, and all of them are gone at its end.
 */
#pragma once

#include "display-test.h"

#include "ui/app/viv-application.h"
#include "ui/app/viv-window.h"
#include "ui/machine/viv-machine-page.h"

typedef struct
{
  VivApplication *application;
  VivLocalHost *library;
  VivWindow *window;
} Fixture;

typedef void (*FixtureTest) (Fixture *f);

/* The test that runs. */
static FixtureTest body;

static inline GtkWidget *
machine_page (gpointer window)
{
  return find (GTK_WIDGET (window), VIV_TYPE_MACHINE_PAGE, NULL);
}

static inline int
run_body (GApplication *application, GApplicationCommandLine *line, gpointer data)
{
  Fixture f = { VIV_APPLICATION (application), NULL, NULL };

  f.library = g_object_ref (VIV_LOCAL_HOST (viv_application_get_host (f.application)));
  f.window = viv_window_new (GTK_APPLICATION (f.application), viv_application_get_host (f.application));
  gtk_window_present (GTK_WINDOW (f.window));
  settle ();
  body (&f);
  settle ();
  g_object_add_weak_pointer (G_OBJECT (f.window), (gpointer *)&f.window);
  gtk_window_destroy (GTK_WINDOW (f.window));
  for (int i = 0; i < 6; i++)
    settle ();
  g_assert_null (f.window);
  empty_library (f.library);
  g_object_unref (f.library);
  return 0;
}

static inline void
run_test (gconstpointer data)
{
  VivApplication *application = viv_application_new ();
  char *arguments[] = { (char *)"vivarium", NULL };

  body = (FixtureTest)data;
  g_application_set_flags (G_APPLICATION (application),
                           g_application_get_flags (G_APPLICATION (application)) | G_APPLICATION_NON_UNIQUE);
  g_signal_connect (application, "command-line", G_CALLBACK (run_body), NULL);
  g_assert_cmpint (g_application_run (G_APPLICATION (application), 1, arguments), ==, 0);
  g_assert_finalize_object (application);
}

static inline void
add_test (const char *path, FixtureTest test)
{
  g_test_add_data_func (path, (gconstpointer)test, run_test);
}
