/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where screens are served over VNC, the password's file, and what monitor and server say to each other.
 */
#include "display/socket-place.h"
#include "display/vnc-address.h"
#include "display/vnc-listen.h"
#include "display/vnc-messages.h"
#include "display/vnc-password.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void
refused (const char *address, gboolean allow_public, int code)
{
  g_auto (VncListeners) listeners = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_false (vnc_listen (address, 1, allow_public, &listeners, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, G_IO_ERROR, code);
  g_assert_cmpuint (listeners.n, ==, 0);
}

static void
test_refused (void)
{
  refused ("0.0.0.0:0", FALSE, G_IO_ERROR_PERMISSION_DENIED);
  refused (":0", FALSE, G_IO_ERROR_PERMISSION_DENIED);
  refused ("[::]:0", FALSE, G_IO_ERROR_PERMISSION_DENIED);
  refused ("127.0.0.1", TRUE, G_IO_ERROR_INVALID_ARGUMENT);
  refused ("127.0.0.1:70000", TRUE, G_IO_ERROR_INVALID_ARGUMENT);
  refused ("127.0.0.1:-1", TRUE, G_IO_ERROR_INVALID_ARGUMENT);
  refused ("::1:5901", TRUE, G_IO_ERROR_INVALID_ARGUMENT);
  refused ("]:5901", TRUE, G_IO_ERROR_INVALID_ARGUMENT);
  /* No name is looked up, not even this host's own. */
  refused ("vivarium.invalid:0", TRUE, G_IO_ERROR_HOST_NOT_FOUND);
  refused ("unix:", TRUE, G_IO_ERROR_INVALID_ARGUMENT);
  refused ("unix:/nonexistent/dir/socket", TRUE, G_IO_ERROR_NOT_FOUND);
}

static guint64
port_of (const char *address)
{
  return g_ascii_strtoull (strrchr (address, ':') + 1, NULL, 10);
}

static void
test_somewhere (void)
{
  g_auto (VncListeners) one = { 0 }, other = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (vnc_listen (NULL, 3, FALSE, &one, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (one.n, ==, 3);
  g_assert_cmpuint (g_strv_length (one.addresses), ==, 3);
  for (unsigned i = 0; i < 3; i++)
    {
      int value = 0;
      socklen_t length = sizeof value;

      g_test_message ("%s", one.addresses[i]);
      g_assert_true (g_str_has_prefix (one.addresses[i], "127.0.0.1:"));
      g_assert_cmpuint (port_of (one.addresses[i]), >=, 1024);
      g_assert_cmpint (getsockopt (one.fds[i], SOL_SOCKET, SO_ACCEPTCONN, &value, &length), ==, 0);
      g_assert_cmpint (value, ==, 1);
      g_assert_cmpint (fcntl (one.fds[i], F_GETFD), ==, FD_CLOEXEC);
    }
  /* Who comes second gets another port when he doesn't mind, and none when he does. */
  g_assert_true (vnc_listen ("", 1, FALSE, &other, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (port_of (other.addresses[0]), !=, port_of (one.addresses[0]));
  refused (one.addresses[0], FALSE, G_IO_ERROR_ADDRESS_IN_USE);
}

static void
test_beside (void)
{
  g_auto (VncListeners) first = { 0 }, both = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (vnc_listen ("127.0.0.1:0", 1, FALSE, &first, &error));
  g_autofree char *address = g_strdup (first.addresses[0]);
  guint64 port = port_of (address);
  vnc_listeners_clear (&first);
  if (!vnc_listen (address, 2, FALSE, &both, &error))
    {
      g_test_skip (error->message); /* somebody else was quicker */
      return;
    }
  g_assert_cmpuint (port_of (both.addresses[0]), ==, port);
  /* The next one, or any if that is taken. */
  g_test_message ("%s and %s", both.addresses[0], both.addresses[1]);
  g_assert_cmpuint (port_of (both.addresses[1]), !=, port);
  g_assert_cmpuint (port_of (both.addresses[1]), !=, 0);
}

static void
test_unix (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("viv-listen-XXXXXX", &error);
  g_autofree char *path = g_build_filename (dir, "vnc", NULL), *second = g_strconcat (path, ".1", NULL);
  g_autofree char *address = g_strconcat ("unix:", path, NULL),
                  *second_address = g_strconcat ("unix:", second, NULL);
  VncListeners listeners;
  GStatBuf st;

  g_assert_true (vnc_listen (address, 2, FALSE, &listeners, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (listeners.addresses[0], ==, address);
  g_assert_cmpstr (listeners.addresses[1], ==, second_address);
  g_assert_cmpint (g_stat (path, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  refused (address, FALSE, G_IO_ERROR_ADDRESS_IN_USE);
  /* One that listens is left alone, one that doesn't goes, and a file of another kind stays. */
  vnc_listen_tidy (address);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  vnc_listeners_clear (&listeners);
  vnc_listen_tidy (address);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_set_contents (path, "mine", -1, NULL));
  vnc_listen_tidy (address);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  g_unlink (path);
  vnc_listen_tidy ("127.0.0.1:5900");
  vnc_listen_tidy ("nonsense");

  /* What a process that was killed has left is replaced; all or none. */
  g_assert_true (g_file_test (second, G_FILE_TEST_EXISTS));
  g_assert_true (vnc_listen (second_address, 1, FALSE, &listeners, &error));
  vnc_listeners_clear (&listeners);
  g_unlink (second);
  g_assert_cmpint (g_mkdir (second, 0700), ==, 0);
  g_assert_false (vnc_listen (address, 2, FALSE, &listeners, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_rmdir (second);
  g_rmdir (dir);
}

/* In a network of its own, where our table of sockets doesn't show it.  FALSE: the system has none for us. */
static gboolean
listen_elsewhere (const struct sockaddr_un *name, pid_t *child)
{
  int told[2];
  char byte = 0;

  g_assert_cmpint (pipe2 (told, O_CLOEXEC), ==, 0);
  *child = fork ();
  if (*child == 0)
    {
      gboolean apart = unshare (CLONE_NEWNET) == 0 || unshare (CLONE_NEWUSER | CLONE_NEWNET) == 0;
      int fd = apart ? socket (AF_UNIX, SOCK_STREAM, 0) : -1;

      if (fd >= 0 && bind (fd, (const struct sockaddr *)name, sizeof *name) == 0 && listen (fd, 1) == 0
          && write (told[1], "x", 1) == 1)
        for (;;)
          pause ();
      _exit (0);
    }
  close (told[1]);
  gboolean there = read (told[0], &byte, 1) == 1;
  close (told[0]);
  return there;
}

/* What others have there isn't stale: datagram sockets never listen, one that was just bound will, and another network's is in no table of ours. */
static void
test_others (void)
{
  g_autofree char *dir = g_dir_make_tmp ("viv-listen-XXXXXX", NULL),
                  *path = g_build_filename (dir, "theirs", NULL);
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  const int types[] = { SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET };
  pid_t child;

  g_strlcpy (name.sun_path, path, sizeof name.sun_path);
  for (unsigned i = 0; i < G_N_ELEMENTS (types); i++)
    {
      int fd = socket (AF_UNIX, types[i] | SOCK_CLOEXEC, 0);

      g_assert_cmpint (bind (fd, (struct sockaddr *)&name, sizeof name), ==, 0);
      g_assert_cmpint (socket_place_look (path), ==, SOCKET_PLACE_TAKEN);
      close (fd);
      g_assert_cmpint (socket_place_look (path), ==, SOCKET_PLACE_STALE);
      g_assert_cmpint (g_unlink (path), ==, 0);
    }

  /* A connection that goes on holds no name. */
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
      caller = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_true (socket_place_listen (listener, path, 1));
  g_assert_cmpint (connect (caller, (struct sockaddr *)&name, sizeof name), ==, 0);
  int accepted = accept (listener, NULL, NULL);
  g_assert_cmpint (accepted, >=, 0);
  close (listener);
  g_assert_cmpint (socket_place_look (path), ==, SOCKET_PLACE_STALE);
  close (caller);
  close (accepted);
  g_assert_cmpint (g_unlink (path), ==, 0);

  if (listen_elsewhere (&name, &child))
    {
      g_assert_cmpint (socket_place_look (path), ==, SOCKET_PLACE_TAKEN);
      g_assert_cmpint (kill (child, SIGKILL), ==, 0);
      g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
      g_assert_cmpint (socket_place_look (path), ==, SOCKET_PLACE_STALE);
      g_unlink (path);
    }
  else
    waitpid (child, NULL, 0);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

static void
no_password (const char *path, int code)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (vnc_password_open (path, &error), ==, -1);
  g_test_message ("%s", error->message);
  g_assert_error (error, G_IO_ERROR, code);
}

static void
test_password (void)
{
  static const struct
  {
    const char *file, *password;
  } good[] = {
    { "secret\nsecond line\n", "secret" },
    { "secret\r\n", "secret" },
    { "12345678", "12345678" },
    { "123456789", "12345678" },
    { " ", " " },
  };
  g_autofree char *dir = g_dir_make_tmp ("viv-password-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "password", NULL);
  g_autoptr (GError) error = NULL;
  int ends[2];

  for (unsigned i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_assert_true (g_file_set_contents (path, good[i].file, -1, NULL));
      int fd = vnc_password_open (path, &error);
      g_assert_no_error (error);
      for (unsigned again = 0; again < 2; again++)
        {
          g_autofree char *password = vnc_password_read (fd);
          g_assert_cmpstr (password, ==, good[i].password);
        }
      close (fd);
    }
  g_assert_true (g_file_set_contents (path, "\nsecond", -1, NULL));
  no_password (path, G_IO_ERROR_INVALID_DATA);
  g_unlink (path);
  no_password (path, G_IO_ERROR_NOT_FOUND);
  no_password (dir, G_IO_ERROR_IS_DIRECTORY);
  /* A pipe in its place: nobody will ever write it. */
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  no_password (path, G_IO_ERROR_NOT_REGULAR_FILE);
  g_unlink (path);
  g_rmdir (dir);
  /* What comes as a descriptor is anything. */
  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_null (vnc_password_read (ends[0]));
  g_assert_null (vnc_password_read (-1));
  close (ends[0]);
  close (ends[1]);
}

static void
test_events (void)
{
  static const InputEvent events[] = {
    { INPUT_EVENT_KEY, 30, 1, 0, 0 },      { INPUT_EVENT_BUTTON, 0x110, 0, 0, 0 },
    { INPUT_EVENT_RELATIVE, 0, 0, -5, 7 }, { INPUT_EVENT_ABSOLUTE, 0, 1, INPUT_ABSOLUTE_MAX, 0 },
    { INPUT_EVENT_WHEEL, 0, 0, 0, -1 },    { INPUT_EVENT_TOUCH, INPUT_FINGERS - 1, 1, 3, 4 },
  };
  static const Message wrong[] = {
    { .op = VNC_MESSAGE_INPUT, .a = INPUT_EVENT_TOUCH + 1 },
    { .op = VNC_MESSAGE_INPUT, .a = INPUT_EVENT_TOUCH, .b = INPUT_FINGERS },
    { .op = VNC_MESSAGE_INPUT, .a = G_MAXUINT32 },
    { .op = VNC_MESSAGE_INPUT, .a = INPUT_EVENT_KEY, .b = 0x10000 },
    { .op = VNC_MESSAGE_INPUT, .a = INPUT_EVENT_ABSOLUTE, .result = 2 },
    { .op = VNC_MESSAGE_INPUT, .a = INPUT_EVENT_ABSOLUTE, .result = -1 },
    { .op = VNC_MESSAGE_READY, .a = INPUT_EVENT_KEY },
  };
  InputEvent event;

  for (unsigned i = 0; i < G_N_ELEMENTS (events); i++)
    {
      Message message = vnc_message_of_event (&events[i]);

      g_assert_true (vnc_message_to_event (&message, 2, &event));
      g_assert_cmpint (event.type, ==, events[i].type);
      g_assert_cmpint (event.code, ==, events[i].code);
      g_assert_cmpint (event.value, ==, events[i].value);
      g_assert_cmpint (event.x, ==, events[i].x);
      g_assert_cmpint (event.y, ==, events[i].y);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_false (vnc_message_to_event (&wrong[i], 2, &event));
  /* Numbers out of their ranges are brought into them. */
  Message far = { .op = VNC_MESSAGE_INPUT, .a = INPUT_EVENT_ABSOLUTE, .size = G_MAXUINT64 >> 33 };
  g_assert_true (vnc_message_to_event (&far, 1, &event));
  g_assert_cmpint (event.x, ==, INPUT_ABSOLUTE_MAX);
  far = (Message){ .op = VNC_MESSAGE_INPUT, .a = INPUT_EVENT_RELATIVE, .size = 0x8000000080000000u };
  g_assert_true (vnc_message_to_event (&far, 1, &event));
  g_assert_cmpint (event.x, ==, -INPUT_ABSOLUTE_MAX);
  g_assert_cmpint (event.y, ==, -INPUT_ABSOLUTE_MAX);
  far = (Message){ .op = VNC_MESSAGE_INPUT, .a = INPUT_EVENT_KEY, .b = 30, .result = -7 };
  g_assert_true (vnc_message_to_event (&far, 1, &event));
  g_assert_cmpint (event.value, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/display/vnc-listen/refused", test_refused);
  g_test_add_func ("/display/vnc-listen/somewhere", test_somewhere);
  g_test_add_func ("/display/vnc-listen/beside", test_beside);
  g_test_add_func ("/display/vnc-listen/unix", test_unix);
  g_test_add_func ("/display/vnc-listen/others", test_others);
  g_test_add_func ("/display/vnc-listen/password", test_password);
  g_test_add_func ("/display/vnc-listen/events", test_events);
  return g_test_run ();
}
