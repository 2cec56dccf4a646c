/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The real program vivarium-vnc, with a monitor that is this test: what it serves, and what it makes of a monitor that the guest has taken over.
 */
#include "base/child.h"
#include "display/shm.h"
#include "display/vnc-client.h"
#include "display/vnc-listen.h"
#include "display/vnc-messages.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define W 160
#define H 100

static DisplayOutput *output;
static int helper_socket, screen_ends[2], wide[2];
static ShmServer *share;
static VncListeners listeners;
static pid_t helper_pid;

#define wait_for(condition)                                           \
  G_STMT_START                                                        \
  {                                                                   \
    int64_t end_ = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND; \
    while (!(condition) && g_get_monotonic_time () < end_)            \
      {                                                               \
        g_main_context_iteration (NULL, FALSE);                       \
        g_usleep (200);                                               \
      }                                                               \
    g_assert_true (condition);                                        \
  }                                                                   \
  G_STMT_END

static void
on_share_closed (ShmServer *server, void *opaque)
{
  share = NULL;
}

static void
begin (void)
{
  static const DisplaySource source = { NULL };
  g_autoptr (GError) error = NULL;

  output = display_output_new ("screen", &source, NULL);
  Framebuffer *fb = display_output_surface (output, W, H);
  for (unsigned i = 0; i < W * H; i++)
    ((uint32_t *)fb->pixels)[i] = 0x123456;
  display_output_set_scanout (output, fb);
  g_assert_true (vnc_listen ("127.0.0.1:0", 1, FALSE, &listeners, &error));
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, screen_ends), ==, 0);
  share = shm_server_new (output, screen_ends[0], on_share_closed, NULL);
  helper_socket = child_start_helper (VIVARIUM_VNC, &helper_pid, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pipe2 (wide, O_CLOEXEC), ==, 0);
}

/* The program has ended, of its own will. */
static void
ended (void)
{
  int status = 0;
  gboolean gone = FALSE;

  wait_for (gone || (gone = waitpid (helper_pid, &status, WNOHANG) == helper_pid));
  g_test_message ("status %x", (unsigned)status);
  g_assert_true (WIFEXITED (status));
}

static void
finish (void)
{
  close (helper_socket);
  g_clear_pointer (&share, shm_server_free);
  if (screen_ends[1] >= 0)
    close (screen_ends[1]);
  vnc_listeners_clear (&listeners);
  display_output_free (output);
  close (wide[0]);
  close (wide[1]);
}

static void
tell (Message message, const int *fds)
{
  /* It may be gone already. */
  message_send (helper_socket, &message, fds, 1000);
}

static void
tell_screen (unsigned id)
{
  tell ((Message){ .op = VNC_MESSAGE_SCREEN, .n_fds = 2, .a = id },
        (int[]){ screen_ends[1], listeners.fds[0] });
}

static void
name (const char *text)
{
  Message message = { .op = VNC_MESSAGE_NAME };

  message_set_text (&message, text);
  tell (message, NULL);
}

static void
start (void)
{
  tell ((Message){ .op = VNC_MESSAGE_START, .a = 1, .b = 2 }, NULL);
}

/* The next message, while the screen is served. */
static Message
hear (void)
{
  Message message = { 0 };
  int fds[MESSAGE_MAX_FDS], code = -ETIMEDOUT;

  wait_for (code != -ETIMEDOUT || (code = message_receive (helper_socket, &message, fds, 0)) != -ETIMEDOUT);
  g_assert_cmpint (code, ==, 1);
  g_assert_cmpuint (message.n_fds, ==, 0);
  return message;
}

static void
ready (void)
{
  name ("Viva");
  name ("rium");
  tell_screen (0);
  close (screen_ends[1]);
  screen_ends[1] = -1;
  start ();
  g_assert_cmpuint (hear ().op, ==, VNC_MESSAGE_READY);
}

/* -- A client -- */

typedef struct
{
  VncClient *client;
  const Framebuffer *fb;
  unsigned closed, lights;
  char *name;
  const char *password;
} Viewer;

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  ((Viewer *)opaque)->fb = fb;
}

static void
on_damage (void *opaque, const Damage *damage)
{
}

static void
on_name (void *opaque, const char *text)
{
  Viewer *v = opaque;

  g_free (v->name);
  v->name = g_strdup (text);
}

static void
on_password (void *opaque)
{
  Viewer *v = opaque;

  vnc_client_password (v->client, v->password);
}

static void
on_closed (void *opaque, const GError *error)
{
  ((Viewer *)opaque)->closed++;
}

static void
viewer_begin (Viewer *v, const char *password)
{
  static const VncClientFuncs funcs = { .scanout = on_scanout,
                                        .damage = on_damage,
                                        .connected = on_name,
                                        .password = on_password,
                                        .closed = on_closed };

  *v = (Viewer){ .password = password };
  v->client = vnc_client_new (listeners.addresses[0], &funcs, v);
}

static void
viewer_end (Viewer *v)
{
  vnc_client_free (v->client);
  g_free (v->name);
}

static gboolean
sees (const Viewer *v)
{
  return v->fb != NULL && v->fb->width == W && (*(const uint32_t *)v->fb->pixels & 0xffffff) == 0x123456;
}

/* LOOK and its answer, then that there is a client. */
static void
greet (Viewer *v)
{
  Message message = hear ();

  g_assert_cmpuint (message.op, ==, VNC_MESSAGE_LOOK);
  g_assert_cmpuint (message.a, ==, 0);
  tell (vnc_message_of_size (0, W, H), NULL);
  message = hear ();
  g_assert_cmpuint (message.op, ==, VNC_MESSAGE_CLIENTS);
  g_assert_cmpuint (message.b, ==, 1);
  /* The picture may be there before it is said whose it is. */
  wait_for (sees (v) && v->name != NULL);
}

static void
test_serve (void)
{
  Viewer v;
  InputEvent event;
  Message message;

  begin ();
  ready ();
  viewer_begin (&v, NULL);
  greet (&v);
  g_assert_cmpstr (v.name, ==, "Vivarium");
  vnc_client_input (v.client, &(InputEvent){ INPUT_EVENT_ABSOLUTE, 0, 0, INPUT_ABSOLUTE_MAX, 0 });
  message = hear ();
  g_assert_true (vnc_message_to_event (&message, 1, &event));
  g_assert_cmpint (event.type, ==, INPUT_EVENT_ABSOLUTE);
  g_assert_cmpint (event.x, ==, INPUT_ABSOLUTE_MAX);
  /* Another pointer, and lights: taken one after the other. */
  for (unsigned i = 0; i < 4; i++)
    {
      tell ((Message){ .op = VNC_MESSAGE_INPUT_STATE, .a = i % 2, .b = i }, NULL);
      g_assert_cmpuint (hear ().op, ==, VNC_MESSAGE_STATE_TAKEN);
    }
  vnc_client_input (v.client, &(InputEvent){ INPUT_EVENT_KEY, 30, 1, 0, 0 });
  message = hear ();
  g_assert_true (vnc_message_to_event (&message, 1, &event));
  g_assert_cmpint (event.type, ==, INPUT_EVENT_KEY);
  g_assert_cmpint (event.value, ==, 1);
  viewer_end (&v);
  /* The key that it held goes up, then it is counted no more. */
  message = hear ();
  g_assert_true (vnc_message_to_event (&message, 1, &event));
  g_assert_cmpint (event.value, ==, 0);
  message = hear ();
  g_assert_cmpuint (message.op, ==, VNC_MESSAGE_CLIENTS);
  g_assert_cmpuint (message.b, ==, 0);
  shutdown (helper_socket, SHUT_WR);
  ended ();
  finish ();
}

static void
test_password (void)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  Viewer v;
  int fd;

  begin ();
  fd = g_file_open_tmp ("viv-vnc-XXXXXX", &path, &error);
  g_assert_cmpint (write (fd, "s3cret\n", 7), ==, 7);
  unlink (path);
  tell_screen (0);
  tell ((Message){ .op = VNC_MESSAGE_PASSWORD, .n_fds = 1 }, &fd);
  start ();
  close (fd);
  g_assert_cmpuint (hear ().op, ==, VNC_MESSAGE_READY);
  viewer_begin (&v, "s3cres");
  g_assert_cmpuint (hear ().op, ==, VNC_MESSAGE_LOOK);
  tell (vnc_message_of_size (0, 0, 0), NULL);
  wait_for (v.closed == 1);
  viewer_end (&v);
  viewer_begin (&v, "s3cret");
  greet (&v);
  viewer_end (&v);
  close (helper_socket);
  helper_socket = -1;
  ended ();
  finish ();
}

/* The program ends when the screen does. */
static void
test_screen_gone (void)
{
  begin ();
  ready ();
  g_clear_pointer (&share, shm_server_free);
  ended ();
  finish ();
}

/* -- A monitor that has been taken over -- */

typedef struct
{
  const char *title;
  Message message;
  enum
  {
    NOTHING, /* comes with it */
    SCREEN_AND_LISTENER,
    LISTENER_AND_SCREEN,
    PIPES,
    A_PIPE,
  } brings;
  VncFailure failure;
} Wrong;

static void
bring (const Wrong *wrong)
{
  const int sets[][2] = {
    [NOTHING] = { -1, -1 },
    [SCREEN_AND_LISTENER] = { screen_ends[1], listeners.fds[0] },
    [LISTENER_AND_SCREEN] = { listeners.fds[0], screen_ends[1] },
    [PIPES] = { wide[0], wide[1] },
    [A_PIPE] = { wide[0], -1 },
  };

  tell (wrong->message, sets[wrong->brings]);
}

/* Before the start: it says why, and ends. */
static void
test_wrong_config (void)
{
  static const Wrong wrong[] = {
    { "an unknown message", { .op = 999 }, NOTHING, VNC_FAILURE_MESSAGE },
    { "one of its own", { .op = VNC_MESSAGE_READY }, NOTHING, VNC_FAILURE_MESSAGE },
    { "too early", { .op = VNC_MESSAGE_INPUT_STATE }, NOTHING, VNC_FAILURE_MESSAGE },
    { "no descriptors", { .op = VNC_MESSAGE_SCREEN, .a = 0 }, NOTHING, VNC_FAILURE_MESSAGE },
    { "not the first",
      { .op = VNC_MESSAGE_SCREEN, .n_fds = 2, .a = 1 },
      SCREEN_AND_LISTENER,
      VNC_FAILURE_MESSAGE },
    { "the wrong way round",
      { .op = VNC_MESSAGE_SCREEN, .n_fds = 2 },
      LISTENER_AND_SCREEN,
      VNC_FAILURE_SCREEN },
    { "pipes", { .op = VNC_MESSAGE_SCREEN, .n_fds = 2 }, PIPES, VNC_FAILURE_SCREEN },
    { "a pipe for a password", { .op = VNC_MESSAGE_PASSWORD, .n_fds = 1 }, A_PIPE, VNC_FAILURE_PASSWORD },
    { "a name with a descriptor", { .op = VNC_MESSAGE_NAME, .n_fds = 1 }, A_PIPE, VNC_FAILURE_MESSAGE },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_test_message ("%s", wrong[i].title);
      begin ();
      bring (&wrong[i]);
      start ();
      Message message = hear ();
      g_assert_cmpuint (message.op, ==, VNC_MESSAGE_FAILED);
      g_assert_cmpuint (message.a, ==, wrong[i].failure);
      ended ();
      finish ();
    }
  /* Names without end, screens without end, no screen at all, lights that there aren't, a hang-up. */
  for (unsigned round = 0; round < 5; round++)
    {
      g_test_message ("round %u", round);
      begin ();
      for (unsigned i = 0; round == 0 && i < VNC_NAME_PIECES + 1; i++)
        name ("and on");
      for (unsigned i = 0; round == 1 && i < VNC_MAX_SCREENS + 1; i++)
        tell_screen (i);
      if (round >= 3)
        tell_screen (0);
      if (round == 3)
        tell ((Message){ .op = VNC_MESSAGE_START, .b = 8 }, NULL);
      else if (round < 3)
        start ();
      else
        shutdown (helper_socket, SHUT_WR);
      Message message = hear ();
      g_assert_cmpuint (message.op, ==, VNC_MESSAGE_FAILED);
      ended ();
      finish ();
    }
}

/* While it serves: it ends, and its clients see that. */
static void
test_wrong_message (void)
{
  static const Wrong wrong[] = {
    { "an unknown message", { .op = 0 }, NOTHING, 0 },
    { "a second start", { .op = VNC_MESSAGE_START }, NOTHING, 0 },
    { "a second screen", { .op = VNC_MESSAGE_SCREEN, .n_fds = 2, .a = 1 }, PIPES, 0 },
    { "another screen's size", { .op = VNC_MESSAGE_SIZE, .a = 1 }, NOTHING, 0 },
    { "lights that there aren't", { .op = VNC_MESSAGE_INPUT_STATE, .b = 8 }, NOTHING, 0 },
    { "half a pointer", { .op = VNC_MESSAGE_INPUT_STATE, .a = 2 }, NOTHING, 0 },
    { "descriptors", { .op = VNC_MESSAGE_INPUT_STATE, .n_fds = 1 }, A_PIPE, 0 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      Viewer v;

      g_test_message ("%s", wrong[i].title);
      begin ();
      ready ();
      viewer_begin (&v, NULL);
      greet (&v);
      bring (&wrong[i]);
      ended ();
      wait_for (v.closed == 1);
      viewer_end (&v);
      finish ();
    }
  /* Less than a message, and sizes that nobody has asked for, which mean nothing. */
  begin ();
  ready ();
  for (unsigned i = 0; i < 100; i++)
    tell (vnc_message_of_size (0, 65535, 65535), NULL);
  tell ((Message){ .op = VNC_MESSAGE_INPUT_STATE }, NULL);
  g_assert_cmpuint (hear ().op, ==, VNC_MESSAGE_STATE_TAKEN);
  g_assert_cmpint (send (helper_socket, "short", 5, MSG_NOSIGNAL), ==, 5);
  ended ();
  finish ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vnc/helper/serve", test_serve);
  g_test_add_func ("/vnc/helper/password", test_password);
  g_test_add_func ("/vnc/helper/screen-gone", test_screen_gone);
  g_test_add_func ("/vnc/helper/wrong-config", test_wrong_config);
  g_test_add_func ("/vnc/helper/wrong-message", test_wrong_message);
  return g_test_run ();
}
