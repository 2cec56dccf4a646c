/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Serial ports that lead to files, sockets and pseudo-terminals of the host: who is there, who comes and goes, and who doesn't read.
 */
#include "serial/far-end.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static Vm *vm;
static SerialPort *port;
static GString *heard; /* by the guest */
static gboolean deaf;  /* it reads nothing */

static size_t
on_receive (void *opaque, const uint8_t *data, size_t length)
{
  if (deaf)
    return 0;
  g_string_append_len (heard, (const char *)data, (gssize)length);
  return length;
}

static void
set_up (void)
{
  vm = vm_new (NULL, TRUE);
  heard = g_string_new (NULL);
  deaf = FALSE;
  vm_lock (vm);
  port = serial_port_new (vm);
  serial_port_connect (port, on_receive, NULL);
  vm_unlock (vm);
}

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_usleep (100);
}

static SerialFarEnd *
begin (SerialEndKind kind, int fd, int (*again) (void *opaque), void *opaque)
{
  const SerialFarEndConfig config
      = { .kind = kind, .fd = fd, .name = "serial0", .again = again, .opaque = opaque };
  SerialFarEnd *end;

  set_up ();
  vm_lock (vm);
  end = serial_far_end_new (port, &config, NULL);
  vm_unlock (vm);
  g_assert_nonnull (end);
  return end;
}

static void
finish (SerialFarEnd *end)
{
  vm_lock (vm);
  serial_port_finish (port, 60000);
  serial_port_free (port);
  vm_unlock (vm);
  serial_far_end_free (end);
  vm_free (vm);
  g_string_free (heard, TRUE);
}

static void
say (const char *text)
{
  vm_lock (vm);
  serial_port_write (port, (const uint8_t *)text, strlen (text));
  vm_unlock (vm);
}

static void
await_guest (const char *text)
{
  while (strstr (heard->str, text) == NULL)
    pump ();
}

/* Until `fd` has said this, and nothing before it. */
static void
await_host (int fd, const char *text)
{
  char buffer[64] = "";
  size_t n = 0;

  while (n < strlen (text))
    {
      const ssize_t got = read (fd, buffer + n, strlen (text) - n);

      if (got > 0)
        n += (size_t)got;
      pump ();
    }
  g_assert_cmpstr (buffer, ==, text);
}

static void
put (int fd, const char *text)
{
  g_assert_cmpint (write (fd, text, strlen (text)), ==, (ssize_t)strlen (text));
}

/* -- Files ----------------------------------------------------------------------------------------- */

/* A file gets all that is sent, the last bytes too, behind what was there. */
static void
test_file (void)
{
  g_autofree char *path = NULL, *text = NULL;
  const int fd = g_file_open_tmp ("viv-serial-XXXXXX", &path, NULL);
  GString *sent = g_string_new ("before ");
  SerialFarEnd *end;

  put (fd, "before ");
  end = begin (SERIAL_END_FILE, fd, NULL, NULL);
  for (unsigned i = 0; i < 30000; i++)
    {
      const char byte[] = { (char)('a' + i % 26), '\0' };

      say (byte);
      g_string_append (sent, byte);
      if (i % 100 == 0)
        pump ();
    }
  finish (end);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, sent->str);
  g_string_free (sent, TRUE);
  g_remove (path);
}

/* A file that takes nothing: the guest isn't held up by it. */
static void
test_full (void)
{
  const int fd = open ("/dev/full", O_WRONLY | O_CLOEXEC);
  SerialFarEnd *end;

  if (fd < 0)
    {
      g_test_skip ("there is no /dev/full");
      return;
    }
  end = begin (SERIAL_END_FILE, fd, NULL, NULL);
  say ("x");
  while (serial_port_n_clients (port) > 0)
    pump ();
  finish (end);
}

/* -- Who is called --------------------------------------------------------------------------------- */

typedef struct
{
  int calls;
  int refused; /* of them */
  int far;     /* the other end of the last one */
} Called;

static int
on_again (void *opaque)
{
  Called *called = opaque;
  int fds[2];

  if (g_atomic_int_add (&called->calls, 1) < called->refused)
    {
      errno = ECONNREFUSED;
      return -1;
    }
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  g_atomic_int_set (&called->far, fds[1]);
  return fds[0];
}

static int
await_call (Called *called)
{
  int fd;

  while ((fd = g_atomic_int_get (&called->far)) < 0)
    pump ();
  g_atomic_int_set (&called->far, -1);
  return fd;
}

/* Called until somebody is there, and again when that one has gone; what the guest says meanwhile nobody hears. */
static void
test_call (void)
{
  Called called = { .refused = 1, .far = -1 };
  SerialFarEnd *end = begin (SERIAL_END_CALL, -1, on_again, &called);
  int fd;

  fd = await_call (&called);
  g_assert_cmpint (g_atomic_int_get (&called.calls), ==, 2);
  put (fd, "to the guest");
  await_guest ("to the guest");
  say ("from it");
  await_host (fd, "from it");
  close (fd);
  fd = await_call (&called);
  put (fd, ", again");
  await_guest (", again");
  say ("again");
  await_host (fd, "again");
  finish (end);
  close (fd);
}

/* It sends without end and reads nothing, to a guest that reads nothing: the guest is held up by its own bytes alone, for a while, and all ends when it is to. */
static void
test_deaf (void)
{
  Called called = { .far = -1 };
  SerialFarEnd *end = begin (SERIAL_END_CALL, -1, on_again, &called);
  const int fd = await_call (&called);
  char flood[4096], some[4097] = "";
  gboolean went = TRUE;

  memset (flood, 'f', sizeof flood);
  memset (some, 's', sizeof some - 1);
  deaf = TRUE;
  while (send (fd, flood, sizeof flood, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
    pump ();
  /* Nothing is taken from it any more, and yet the guest's bytes go there. */
  say ("still");
  await_host (fd, "still");
  for (unsigned i = 0; i < 1000 && went; i++)
    {
      vm_lock (vm);
      went = serial_port_can_write (port);
      vm_unlock (vm);
      if (went)
        say (some);
      pump ();
    }
  g_assert_false (went);
  vm_clock_advance (vm->clock, 2 * SERIAL_STALL_NS);
  vm_lock (vm);
  g_assert_true (serial_port_can_write (port));
  serial_port_free (port);
  vm_unlock (vm);
  serial_far_end_free (end);
  vm_free (vm);
  g_string_free (heard, TRUE);
  close (fd);
}

/* -- Who comes ------------------------------------------------------------------------------------- */

static int
connect_to (const struct sockaddr_un *place)
{
  const int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (connect (fd, (const struct sockaddr *)place, sizeof *place), ==, 0);
  g_assert_cmpint (fcntl (fd, F_SETFL, O_NONBLOCK), ==, 0);
  return fd;
}

/* One at a time: who comes next waits, with what it has to say, until the first has gone. */
static void
test_listener (void)
{
  g_autofree char *folder = g_dir_make_tmp ("viv-far-end-XXXXXX", NULL),
                  *path = g_build_filename (folder, "s", NULL);
  struct sockaddr_un place = { .sun_family = AF_UNIX };
  const int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  SerialFarEnd *end;
  int first, second;

  strcpy (place.sun_path, path);
  g_assert_cmpint (bind (listener, (struct sockaddr *)&place, sizeof place), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  end = begin (SERIAL_END_LISTENER, listener, NULL, NULL);
  first = connect_to (&place);
  put (first, "first.");
  await_guest ("first.");
  second = connect_to (&place);
  put (second, "second.");
  say ("hello");
  await_host (first, "hello");
  g_assert_null (strstr (heard->str, "second."));
  close (first);
  await_guest ("second.");
  say ("you, too");
  await_host (second, "you, too");
  finish (end);
  /* It has heard that the machine is gone. */
  char byte;
  g_assert_cmpint (read (second, &byte, 1), ==, 0);
  close (second);
  g_remove (path);
  g_rmdir (folder);
}

/* -- Pseudo-terminals ------------------------------------------------------------------------------ */

static int
open_master (char *name, size_t size)
{
  const int master = posix_openpt (O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  struct termios line;
  int slave;

  if (master < 0)
    return -1;
  g_assert_cmpint (grantpt (master), ==, 0);
  g_assert_cmpint (unlockpt (master), ==, 0);
  g_assert_cmpint (ptsname_r (master, name, size), ==, 0);
  slave = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (tcgetattr (slave, &line), ==, 0);
  cfmakeraw (&line);
  g_assert_cmpint (tcsetattr (slave, TCSANOW, &line), ==, 0);
  close (slave);
  return master;
}

static void
test_pty (void)
{
  char name[64];
  const int master = open_master (name, sizeof name);
  SerialFarEnd *end;
  int slave;

  if (master < 0)
    {
      g_test_skip ("no pseudo-terminals here");
      return;
    }
  end = begin (SERIAL_END_PTY, master, NULL, NULL);
  /* Nobody has it open: more than fits anywhere goes nowhere, and holds nothing up. */
  for (unsigned i = 0; i < 400; i++)
    {
      char some[4097] = "";

      memset (some, 's', sizeof some - 1);
      say (some);
      for (unsigned n = 0; n < 3; n++)
        pump ();
      vm_lock (vm);
      g_assert_true (serial_port_can_write (port));
      vm_unlock (vm);
    }
  vm_lock (vm);
  serial_port_finish (port, 60000);
  vm_unlock (vm);
  /* A line of a shell: opened, written, closed. */
  slave = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  put (slave, "echo");
  close (slave);
  await_guest ("echo");
  for (unsigned i = 0; i < 3; i++)
    {
      slave = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
      g_string_truncate (heard, 0);
      put (slave, "typed");
      await_guest ("typed");
      tcflush (slave, TCIFLUSH);
      say ("printed");
      await_host (slave, "printed");
      close (slave);
    }
  finish (end);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/far-end/file", test_file);
  g_test_add_func ("/far-end/full", test_full);
  g_test_add_func ("/far-end/call", test_call);
  g_test_add_func ("/far-end/deaf", test_deaf);
  g_test_add_func ("/far-end/listener", test_listener);
  g_test_add_func ("/far-end/pty", test_pty);
  return g_test_run ();
}
