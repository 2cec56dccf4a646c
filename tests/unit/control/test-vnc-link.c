/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A server of VNC that strangers have taken over, at the monitor's end: nothing that it says is more than an end of the link.
 */
#include "control/vnc-link.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static DisplayOutput *output;
static int theirs, listener;
static VncLink *link_;
static unsigned n_ready, n_gone, n_events, n_looks;
static gboolean was_refused;
static InputEvent last;
static char *reason;

#define wait_for(condition)                                           \
  G_STMT_START                                                        \
  {                                                                   \
    int64_t end_ = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND; \
    while (!(condition) && g_get_monotonic_time () < end_)            \
      g_main_context_iteration (NULL, FALSE);                         \
    g_assert_true (condition);                                        \
  }                                                                   \
  G_STMT_END

static void
on_ready (void *opaque)
{
  n_ready++;
}

static void
on_input (void *opaque, const InputEvent *event)
{
  n_events++;
  last = *event;
}

static void
on_gone (void *opaque, gboolean refused, const char *why)
{
  n_gone++;
  was_refused = refused;
  g_free (reason);
  reason = g_strdup (why);
}

static void
on_refresh (void *opaque)
{
  n_looks++;
}

static void
begin (void)
{
  static const DisplaySource source = { .refresh = on_refresh };
  static const VncLinkFuncs funcs = { on_ready, on_input, on_gone };
  int ends[2];

  n_ready = n_gone = n_events = n_looks = 0;
  output = display_output_new ("screen", &source, NULL);
  display_output_set_scanout (output, display_output_surface (output, 64, 48));
  g_assert_true (message_pair (ends));
  theirs = ends[1];
  listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  VncLinkConfig config = { .name = "a name that is longer than what goes into one message, Grüße",
                           .screens = &output,
                           .listeners = &listener,
                           .n_served = 1,
                           .n_screens = 2,
                           .password = -1,
                           .absolute = TRUE,
                           .leds = 5 };
  link_ = vnc_link_new (ends[0], &config, &funcs, NULL);
}

static void
finish (void)
{
  vnc_link_free (link_);
  display_output_free (output);
  close (theirs);
  close (listener);
  g_clear_pointer (&reason, g_free);
}

static void
receive (Message *message, int fds[MESSAGE_MAX_FDS])
{
  gboolean got = FALSE;

  wait_for (got || (got = message_receive (theirs, message, fds, 0) == 1));
}

/* The next message that the other side was sent; its descriptors are closed. */
static Message
heard (void)
{
  Message message;
  int fds[MESSAGE_MAX_FDS];

  receive (&message, fds);
  message_close_fds (fds);
  return message;
}

static void
say (Message message)
{
  g_assert_cmpint (message_send (theirs, &message, NULL, -1), ==, 0);
}

/* What is to be served is said; the screen's socket stays open. */
static void
take_config (void)
{
  g_autoptr (GString) name = g_string_new (NULL);
  Message message;
  int fds[MESSAGE_MAX_FDS];
  static int screen = -1;

  if (screen >= 0)
    close (screen);
  for (;;)
    {
      receive (&message, fds);
      if (message.op != VNC_MESSAGE_NAME)
        break;
      g_string_append (name, message.text);
    }
  g_assert_cmpstr (name->str, ==, "a name that is longer than what goes into one message, Grüße");
  g_assert_cmpuint (message.op, ==, VNC_MESSAGE_SCREEN);
  g_assert_cmpuint (message.n_fds, ==, 2);
  screen = fds[0];
  close (fds[1]);
  message = heard ();
  g_assert_cmpuint (message.op, ==, VNC_MESSAGE_START);
  g_assert_cmpuint (message.a, ==, 1);
  g_assert_cmpuint (message.b, ==, 5);
}

static void
be_ready (void)
{
  begin ();
  take_config ();
  say ((Message){ .op = VNC_MESSAGE_READY });
  wait_for (n_ready == 1);
}

static void
test_talk (void)
{
  Message message = vnc_message_of_event (&(InputEvent){ INPUT_EVENT_ABSOLUTE, 0, 1, 7, 9 });

  be_ready ();
  say (message);
  wait_for (n_events == 1);
  g_assert_cmpint (last.value, ==, 1);
  g_assert_cmpint (last.y, ==, 9);
  say ((Message){ .op = VNC_MESSAGE_CLIENTS, .b = 3 });
  wait_for (vnc_link_n_clients (link_) == 3);
  n_looks = 0;
  say ((Message){ .op = VNC_MESSAGE_LOOK });
  message = heard ();
  g_assert_cmpuint (message.op, ==, VNC_MESSAGE_SIZE);
  g_assert_cmpuint (message.b, ==, 64 << 16 | 48);
  g_assert_cmpuint (n_looks, >=, 1);
  /* A guest that plays with its lights: one is on its way, and the newest follows when that was taken. */
  for (unsigned i = 0; i < 5000; i++)
    vnc_link_set_state (link_, i % 3 == 0, i % 8);
  message = heard ();
  g_assert_cmpuint (message.op, ==, VNC_MESSAGE_INPUT_STATE);
  g_assert_cmpuint (message.b, ==, 0);
  say ((Message){ .op = VNC_MESSAGE_STATE_TAKEN });
  message = heard ();
  g_assert_cmpuint (message.op, ==, VNC_MESSAGE_INPUT_STATE);
  g_assert_cmpuint (message.b, ==, 4999 % 8);
  say ((Message){ .op = VNC_MESSAGE_STATE_TAKEN });
  g_assert_cmpuint (n_gone, ==, 0);
  /* Asked to leave: what it still says is nothing, and the end is its hang-up. */
  vnc_link_leave (link_);
  say ((Message){ .op = 999 });
  say (vnc_message_of_event (&(InputEvent){ INPUT_EVENT_KEY, 30, 1, 0, 0 }));
  for (unsigned i = 0; i < 100; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (n_gone, ==, 0);
  close (theirs);
  theirs = -1;
  wait_for (n_gone == 1);
  g_assert_cmpuint (n_events, ==, 1);
  finish ();
}

static void
test_failed (void)
{
  static const struct
  {
    unsigned failure;
    const char *text;
  } cases[]
      = { { VNC_FAILURE_PASSWORD, "password" }, { VNC_FAILURE_LISTENER, "listening" }, { 4000, "failed" } };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      begin ();
      say ((Message){ .op = VNC_MESSAGE_FAILED, .a = cases[i].failure });
      wait_for (n_gone == 1);
      g_assert_true (was_refused);
      g_assert_nonnull (strstr (reason, cases[i].text));
      finish ();
    }
  begin ();
  close (theirs);
  theirs = -1;
  wait_for (n_gone == 1);
  g_assert_false (was_refused);
  finish ();
}

static void
test_hostile (void)
{
  static const struct
  {
    gboolean late; /* when it is ready */
    Message message;
  } cases[] = {
    { FALSE, { .op = VNC_MESSAGE_INPUT } },
    { FALSE, { .op = VNC_MESSAGE_LOOK } },
    { FALSE, { .op = VNC_MESSAGE_STATE_TAKEN } },
    { FALSE, { .op = 0 } },
    { TRUE, { .op = VNC_MESSAGE_READY } },
    { TRUE, { .op = VNC_MESSAGE_FAILED } },
    { TRUE, { .op = VNC_MESSAGE_START } },
    { TRUE, { .op = VNC_MESSAGE_STATE_TAKEN } },
    { TRUE, { .op = VNC_MESSAGE_LOOK, .a = 1 } },
    { TRUE, { .op = VNC_MESSAGE_LOOK, .a = G_MAXUINT32 } },
    { TRUE, { .op = VNC_MESSAGE_CLIENTS, .a = 1 } },
    { TRUE, { .op = VNC_MESSAGE_CLIENTS, .b = VNC_MAX_CLIENTS + 1 } },
    { TRUE, { .op = VNC_MESSAGE_INPUT, .a = 99 } },
    { TRUE, { .op = VNC_MESSAGE_INPUT, .a = INPUT_EVENT_KEY, .b = 0x10000 } },
    { TRUE, { .op = VNC_MESSAGE_INPUT, .a = INPUT_EVENT_ABSOLUTE, .result = 2 } },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%u", i);
      if (cases[i].late)
        be_ready ();
      else
        begin ();
      say (cases[i].message);
      wait_for (n_gone == 1);
      g_assert_cmpuint (n_events, ==, 0);
      g_assert_nonnull (strstr (reason, "no sense"));
      finish ();
    }
  /* Bytes that are no message, and descriptors where none belong. */
  be_ready ();
  g_assert_cmpint (send (theirs, "short", 5, 0), ==, 5);
  wait_for (n_gone == 1);
  finish ();
  be_ready ();
  message_send (theirs, &(Message){ .op = VNC_MESSAGE_LOOK, .n_fds = 1 }, &listener, -1);
  wait_for (n_gone == 1);
  finish ();
}

static gboolean
on_idle (gpointer data)
{
  (*(unsigned *)data)++;
  return G_SOURCE_CONTINUE;
}

/* One that asks and asks and reads no answer is dropped, and one that never stops talking leaves the loop to others. */
static void
test_flood (void)
{
  unsigned turns = 0;
  guint idle;

  be_ready ();
  while (n_gone == 0)
    {
      message_send (theirs, &(Message){ .op = VNC_MESSAGE_LOOK }, NULL, 0);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_nonnull (strstr (reason, "read"));
  finish ();
  be_ready ();
  Message message = vnc_message_of_event (&(InputEvent){ INPUT_EVENT_RELATIVE, 0, 0, 1, 1 });
  idle = g_idle_add (on_idle, &turns);
  while (n_events < 3000 || turns < 20)
    {
      while (message_send (theirs, &message, NULL, 0) == 0)
        ;
      g_main_context_iteration (NULL, FALSE);
    }
  g_source_remove (idle);
  g_assert_cmpuint (n_gone, ==, 0);
  finish ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/control/vnc-link/talk", test_talk);
  g_test_add_func ("/control/vnc-link/failed", test_failed);
  g_test_add_func ("/control/vnc-link/hostile", test_hostile);
  g_test_add_func ("/control/vnc-link/flood", test_flood);
  return g_test_run ();
}
