/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where serial ports end outside: what is opened and how, what is left alone, and the words for what can't be.
 */
#include "machine/serial-outside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static char *folder;

static MachineDefinition *
define (const char *backend, const char *key, const char *value, const char *mode)
{
  MachineDefinition *definition = definition_new ("Serial");
  g_autofree char *full = key != NULL ? g_strconcat ("serial0.", key, NULL) : NULL;
  g_autoptr (GError) error = NULL;

  definition->folder = g_strdup (folder);
  if (definition_find (definition, "serial0") == NULL)
    g_assert_nonnull (definition_add (definition, device_kind_find ("serial")));
  definition_set (definition, "serial0.backend", backend, &error);
  g_assert_no_error (error);
  if (full != NULL)
    definition_set (definition, full, value, &error);
  g_assert_no_error (error);
  if (mode != NULL)
    definition_set (definition, "serial0.mode", mode, &error);
  g_assert_no_error (error);
  return definition;
}

static const MachineDevice *
serial_of (const MachineDefinition *definition)
{
  return definition_find (definition, "serial0");
}

static int
open_end (MachineDefinition *definition, int *fd, char name[SERIAL_OUTSIDE_NAME])
{
  const int code = serial_outside_open (definition, serial_of (definition), fd, name);

  if (code != 0)
    g_assert_cmpint (*fd, ==, -1);
  else
    {
      g_assert_cmpint (fcntl (*fd, F_GETFL) & O_NONBLOCK, !=, 0);
      g_assert_cmpint (fcntl (*fd, F_GETFD) & FD_CLOEXEC, !=, 0);
    }
  return code;
}

static void
assert_words (MachineDefinition *definition, int code, const char *key, const char *part)
{
  const char *blamed;
  g_autofree char *words = serial_outside_explain (definition, serial_of (definition), code, &blamed);

  g_assert_cmpstr (blamed, ==, key);
  g_assert_nonnull (strstr (words, part));
  g_assert_true (g_str_has_prefix (words, "serial0."));
}

static void
test_parse (void)
{
  static const struct
  {
    const char *text;
    int family; /* 0: it is none */
    unsigned port;
  } cases[] = {
    { "127.0.0.1:4000", AF_INET, 4000 },
    { "localhost:1", AF_INET, 1 },
    { "[::1]:65535", AF_INET6, 65535 },
    { "0.0.0.0:0", AF_INET, 0 },
    { "127.0.0.1", 0, 0 },
    { "host.example:4000", 0, 0 },
    { "127.0.0.1:65536", 0, 0 },
    { "127.0.0.1:-1", 0, 0 },
    { "unix:/tmp/s", 0, 0 },
    { ":4000", 0, 0 },
    { "[::1", 0, 0 },
    { "1.2.3:4", 0, 0 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      struct sockaddr_storage place;
      socklen_t length;

      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (serial_outside_parse (cases[i].text, &place, &length), ==, cases[i].family != 0);
      if (cases[i].family == 0)
        continue;
      g_assert_cmpint (place.ss_family, ==, cases[i].family);
      g_assert_cmpint (ntohs (((struct sockaddr_in *)&place)->sin_port), ==, cases[i].port);
    }
}

static void
assert_raw (int fd)
{
  struct termios line;

  g_assert_cmpint (tcgetattr (fd, &line), ==, 0);
  g_assert_cmpuint (line.c_lflag & (ICANON | ECHO | ISIG), ==, 0);
  g_assert_cmpuint (line.c_oflag & OPOST, ==, 0);
  g_assert_cmpuint (line.c_iflag & (ICRNL | IXON), ==, 0);
  g_assert_cmpuint (line.c_cflag & (CSIZE | PARENB), ==, CS8);
}

static void
test_pty (void)
{
  g_autoptr (MachineDefinition) definition = define ("pty", NULL, NULL, NULL);
  char name[SERIAL_OUTSIDE_NAME];
  struct stat info;
  int master, slave;

  g_assert_cmpint (serial_outside_kind (serial_of (definition)), ==, SERIAL_OUTSIDE_PTY);
  if (open_end (definition, &master, name) != 0)
    {
      g_test_skip ("no pseudo-terminals here");
      return;
    }
  g_assert_true (g_str_has_prefix (name, "/dev/pts/"));
  slave = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (slave, >=, 0);
  assert_raw (slave);
  /* Nobody else's, whatever group terminals have. */
  g_assert_cmpint (fstat (slave, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 0777, ==, 0600);
  g_assert_cmpint (write (master, "\r\n\003", 3), ==, 3);
  char text[3];
  g_assert_cmpint (read (slave, text, 3), ==, 3);
  g_assert_cmpmem (text, 3, "\r\n\003", 3);
  close (slave);
  close (master);
}

/* The other end of a pseudo-terminal does for a serial port of this computer. */
static void
test_line (void)
{
  const int master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_autoptr (MachineDefinition) definition = NULL, none = define ("device", "path", "/dev/null", NULL),
                                nowhere = define ("device", "path", "/dev/no-such-port", NULL),
                                unset = define ("device", NULL, NULL, NULL);
  char name[SERIAL_OUTSIDE_NAME], path[64];
  struct termios line;
  int fd, again;

  g_assert_cmpint (open_end (none, &fd, name), ==, ENOTTY);
  assert_words (none, ENOTTY, "path", "no serial port");
  g_assert_cmpint (open_end (nowhere, &fd, name), ==, ENOENT);
  assert_words (nowhere, ENOENT, "path", "/dev/no-such-port");
  assert_words (nowhere, EACCES, "path", "group");
  g_assert_cmpint (open_end (unset, &fd, name), ==, EINVAL);
  assert_words (unset, EINVAL, "path", "say which");
  if (master < 0 || grantpt (master) != 0 || unlockpt (master) != 0
      || ptsname_r (master, path, sizeof path) != 0)
    {
      g_test_skip ("no pseudo-terminals here");
      return;
    }
  definition = define ("device", "path", path, NULL);
  g_assert_true (definition_set (definition, "serial0.speed", "9600", NULL));
  g_assert_cmpint (open_end (definition, &fd, name), ==, 0);
  g_assert_cmpstr (name, ==, path);
  assert_raw (fd);
  g_assert_cmpint (tcgetattr (fd, &line), ==, 0);
  g_assert_cmpuint (cfgetospeed (&line), ==, B9600);
  g_assert_cmpuint (line.c_cflag & (CLOCAL | CREAD), ==, CLOCAL | CREAD);
  /* One program at a time. */
  g_assert_cmpint (open_end (definition, &again, name), ==, EBUSY);
  assert_words (definition, EBUSY, "path", "another program");
  close (fd);
  g_assert_cmpint (open_end (definition, &again, name), ==, 0);
  close (again);
  close (master);
}

static void
test_tcp (void)
{
  g_autoptr (MachineDefinition) listens = define ("tcp", "address", "127.0.0.1:0", NULL), calls = NULL,
                                taken = NULL, unset = define ("tcp", NULL, NULL, NULL);
  char name[SERIAL_OUTSIDE_NAME], other[SERIAL_OUTSIDE_NAME];
  int listener, fd, peer = -1, option = 0;
  socklen_t length = sizeof option;

  g_assert_cmpint (serial_outside_kind (serial_of (listens)), ==, SERIAL_OUTSIDE_LISTENER);
  g_assert_cmpint (open_end (listens, &listener, name), ==, 0);
  g_assert_true (g_str_has_prefix (name, "127.0.0.1:"));
  g_assert_cmpstr (name, !=, "127.0.0.1:0");
  taken = define ("tcp", "address", name, NULL);
  g_assert_cmpint (open_end (taken, &fd, other), ==, EADDRINUSE);
  assert_words (taken, EADDRINUSE, "address", name);
  calls = define ("tcp", "address", name, "connect");
  g_assert_cmpint (serial_outside_kind (serial_of (calls)), ==, SERIAL_OUTSIDE_CALL);
  g_assert_cmpint (open_end (calls, &fd, other), ==, 0);
  g_assert_cmpstr (other, ==, name);
  while (peer < 0)
    peer = accept (listener, NULL, NULL);
  /* One that is gone without a word doesn't have the line for good. */
  g_assert_cmpint (getsockopt (peer, SOL_SOCKET, SO_KEEPALIVE, &option, &length), ==, 0);
  g_assert_cmpint (option, ==, 1);
  close (peer);
  close (fd);
  close (listener);
  g_assert_cmpint (open_end (unset, &fd, name), ==, EINVAL);
  assert_words (unset, EINVAL, "address", "say which");
  g_assert_false (definition_set (unset, "serial0.address", "somewhere:4000", NULL));
}

static void
test_unix (void)
{
  g_autoptr (MachineDefinition) listens = define ("unix", "path", "serial.sock", NULL),
                                calls = define ("unix", "path", "serial.sock", "connect"), longer = NULL;
  g_autofree char *path = g_build_filename (folder, "serial.sock", NULL), *text = NULL,
                  *long_name = g_strnfill (120, 'x');
  char name[SERIAL_OUTSIDE_NAME];
  struct stat info;
  int listener, fd;

  g_assert_cmpint (open_end (calls, &fd, name), ==, ENOENT);
  /* A file of the user's is none of ours, whatever a definition says. */
  g_assert_true (g_file_set_contents (path, "mine", -1, NULL));
  g_assert_cmpint (open_end (listens, &fd, name), ==, EEXIST);
  serial_outside_tidy (listens, serial_of (listens));
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "mine");
  g_remove (path);

  g_assert_cmpint (open_end (listens, &listener, name), ==, 0);
  g_assert_true (g_str_has_suffix (path, name));
  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 077, ==, 0);
  g_assert_cmpint (open_end (listens, &fd, name), ==, EADDRINUSE);
  serial_outside_tidy (listens, serial_of (listens));
  g_assert_cmpint (open_end (calls, &fd, name), ==, 0);
  close (fd);
  close (listener);
  /* Of one that was killed: nobody is there, and the next start takes its place. */
  g_assert_cmpint (open_end (calls, &fd, name), ==, ECONNREFUSED);
  g_assert_cmpint (open_end (listens, &listener, name), ==, 0);
  close (listener);
  serial_outside_tidy (calls, serial_of (calls)); /* not its own */
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  serial_outside_tidy (listens, serial_of (listens));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));

  longer = define ("unix", "path", long_name, NULL);
  g_assert_cmpint (open_end (longer, &fd, name), ==, ENAMETOOLONG);
  assert_words (longer, ENAMETOOLONG, "path", "shorter");
}

static void
test_none (void)
{
  static const char *const backends[] = { "socket", "none", "file" };

  for (unsigned i = 0; i < G_N_ELEMENTS (backends); i++)
    {
      g_autoptr (MachineDefinition) definition = define (backends[i], NULL, NULL, NULL);
      char name[SERIAL_OUTSIDE_NAME];
      int fd;

      g_assert_cmpint (serial_outside_kind (serial_of (definition)), ==, SERIAL_OUTSIDE_NONE);
      g_assert_cmpint (open_end (definition, &fd, name), ==, ENODEV);
    }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-serial-XXXXXX", NULL);
  g_test_add_func ("/serial-outside/parse", test_parse);
  g_test_add_func ("/serial-outside/pty", test_pty);
  g_test_add_func ("/serial-outside/line", test_line);
  g_test_add_func ("/serial-outside/tcp", test_tcp);
  g_test_add_func ("/serial-outside/unix", test_unix);
  g_test_add_func ("/serial-outside/none", test_none);
  status = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return status;
}
