/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Monitors that lie, behind a window: the application goes on drawing, whatever they say, and another machine next to them works.
 */
#include "display-app.h"

#include "machine/edit.h"
#include "machine/plain-text.h"
#include "ui/machine/viv-facts-window.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WATCH_US (2 * G_USEC_PER_SEC)
/* The part of the time that it runs: what is left is for a person. */
#define MOST_WORK 0.8

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED TRUE
#else
#define IS_SANITIZED FALSE
#endif

/* The application also notifies who looks elsewhere; a screen of tests has nobody who shows that. */
static gboolean
is_worse (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  return strstr (message, "unable to send notifications") == NULL;
}

static VivMachine *
run_machine (Fixture *f, const char *name, const char *lies)
{
  VivMachine *machine = add_machine (f->library, name);

  g_test_log_set_fatal_handler (is_worse, NULL);
  g_assert_true (viv_machine_edit (machine, &(VivChange){ "machine.append", lies }, 1, NULL));
  viv_machine_start (machine, NULL, NULL, NULL, NULL);
  until (g_str_equal (viv_machine_get_state (machine), "running"));
  return machine;
}

static void
end_machine (VivMachine *machine)
{
  viv_machine_force_off (machine, NULL, NULL, NULL);
  until (!viv_machine_is_busy (machine));
  settle ();
}

typedef struct
{
  guint rounds, frames;
  gint64 last, worst, last_frame, worst_frame; /* µs */
} Pulse;

static gboolean
on_frame (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
  Pulse *pulse = data;
  gint64 now = g_get_monotonic_time ();

  if (pulse->frames++ > 0)
    pulse->worst_frame = MAX (pulse->worst_frame, now - pulse->last_frame);
  pulse->last_frame = now;
  return G_SOURCE_CONTINUE;
}

typedef struct
{
  double ran, waited; /* seconds, of this thread: on a processor, and ready to be */
} Share;

static Share
share_now (void)
{
  g_autofree char *text = NULL;
  unsigned long long ran = 0, waited = 0;

  if (!g_file_get_contents ("/proc/thread-self/schedstat", &text, NULL, NULL)
      || sscanf (text, "%llu %llu", &ran, &waited) != 2)
    return (Share){ 0, NAN }; /* not known */
  return (Share){ (double)ran / 1e9, (double)waited / 1e9 };
}

/* So long, with something that moves in the window; what is measured is said, for a person: hosts differ. */
static void
watch (Fixture *f, const char *lies)
{
  Pulse pulse = { .last = g_get_monotonic_time () };
  gint64 begun = pulse.last;
  const Share before = share_now ();
  guint tick = gtk_widget_add_tick_callback (GTK_WIDGET (f->window), on_frame, &pulse, NULL);

  while (g_get_monotonic_time () < begun + WATCH_US)
    {
      if (!g_main_context_iteration (NULL, FALSE))
        g_usleep (500);
      pulse.rounds++;
      gint64 now = g_get_monotonic_time ();
      pulse.worst = MAX (pulse.worst, now - pulse.last);
      pulse.last = now;
    }
  const Share after = share_now ();
  gtk_widget_remove_tick_callback (GTK_WIDGET (f->window), tick);
  double seconds = (double)(pulse.last - begun) / G_USEC_PER_SEC;
  double ran = (after.ran - before.ran) / seconds, waited = (after.waited - before.waited) / seconds;
  g_test_message (
      "“%s”: %.0f frames a second, the longest %.0f ms; the main loop's longest round %.0f ms; it ran for %.0f %% and waited for a processor for %.0f %%",
      lies, pulse.frames / seconds, (double)pulse.worst_frame / 1000, (double)pulse.worst / 1000, ran * 100,
      waited * 100);
  g_assert_cmpuint (pulse.frames, >, 2);
  if (IS_SANITIZED)
    return;
  /* How many frames that makes is also the display server's and the host's affair: it was said above.  (50 and more on an idle one.) */
  g_assert_cmpfloat (ran, <=, MOST_WORK);
}

static void
on_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static void
check_other (VivMachine *other)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  viv_machine_statistics (other, NULL, on_result, &result);
  until (result != NULL);
  g_autoptr (GVariant) values = viv_machine_statistics_finish (other, result, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (viv_machine_get_state (other), ==, "running");
}

static void
lie (Fixture *f, const char *lies)
{
  g_autoptr (VivMachine) other = run_machine (f, "Other", "");
  g_autoptr (VivMachine) liar = run_machine (f, "Liar", lies);
  GtkWidget *facts = viv_facts_window_new (liar);

  viv_window_view (f->window, liar);
  until (gtk_widget_get_mapped (machine_page (f->window)));
  gtk_window_present (GTK_WINDOW (facts));
  /* Not settle(): there is always something to do. */
  watch (f, lies);
  check_other (other);
  gtk_window_destroy (GTK_WINDOW (facts));
  end_machine (liar);
  end_machine (other);
}

/* -- One a lie -- */

#define LIE(name, lies)                \
  static void test_##name (Fixture *f) \
  {                                    \
    lie (f, lies);                     \
  }

LIE (nothing, "screen")
LIE (texts, "texts")
LIE (several, "several numbers")
LIE (flood, "flood")
LIE (silent, "silent")
LIE (closes, "closes")
LIE (wrong, "fd=zero")
LIE (large, "large")
LIE (vast, "vast")
LIE (busy, "busy")

int
main (int argc, char **argv)
{
  g_setenv ("VIVARIUM_VMM", FALSE_MONITOR, TRUE);
  g_test_init (&argc, &argv, NULL);
  adw_init ();
  add_test ("/liars/nothing", test_nothing);
  add_test ("/liars/texts", test_texts);
  add_test ("/liars/several", test_several);
  add_test ("/liars/flood", test_flood);
  add_test ("/liars/silent", test_silent);
  add_test ("/liars/closes", test_closes);
  add_test ("/liars/wrong", test_wrong);
  add_test ("/liars/large", test_large);
  add_test ("/liars/vast", test_vast);
  add_test ("/liars/busy", test_busy);
  return g_test_run ();
}
