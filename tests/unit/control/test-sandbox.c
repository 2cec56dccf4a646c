/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a confined process can and can't do.  There is no way out of a sandbox, so each case confines a child; the child counts
 * what is wrong, says it on stderr, and ends with that number.
 */
#include "base/family.h"
#include "confine/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct
{
  char *inside, *outside, *other; /* two folders, a file in the second */
} Places;

static unsigned wrong;

static void
check (gboolean as_wanted, const char *what)
{
  int code = errno;

  if (as_wanted)
    return;
  g_printerr ("not as wanted: %s (%s)\n", what, g_strerror (code));
  g_atomic_int_inc (&wrong);
}

#define WORKS(call)   check ((errno = 0, (call) >= 0), #call)
#define REFUSED(call) check ((errno = 0, (call) < 0 && errno == EACCES), #call " is refused")
#define UNKNOWN(call) check ((errno = 0, (call) < 0 && errno == ENOSYS), #call " is unknown")

static void
places_init (Places *p)
{
  g_autoptr (GError) error = NULL;

  p->inside = g_dir_make_tmp ("viv-inside-XXXXXX", &error);
  g_assert_no_error (error);
  p->outside = g_dir_make_tmp ("viv-outside-XXXXXX", &error);
  g_assert_no_error (error);
  p->other = g_build_filename (p->outside, "other", NULL);
  g_assert_true (g_file_set_contents (p->other, "other", -1, NULL));
}

static void
places_clear (Places *p)
{
  g_unlink (p->other);
  g_assert_cmpint (g_rmdir (p->outside), ==, 0);
  g_assert_cmpint (g_rmdir (p->inside), ==, 0);
  g_free (p->inside);
  g_free (p->outside);
  g_free (p->other);
}

static gboolean namespaces; /* whether the case has them */

static gboolean
restricts_files (void)
{
  return strstr (sandbox_walls (), "no Landlock") == NULL
         || strstr (sandbox_walls (), "no namespaces") == NULL;
}

static gboolean
restricts_calls (void)
{
  return strstr (sandbox_walls (), "no seccomp") == NULL;
}

static void
enter (void)
{
  const SandboxConfig config = { .namespaces = namespaces };
  g_autoptr (GError) error = NULL;

  check (sandbox_enter (&config, &error), error != NULL ? error->message : "sandbox_enter");
  check (prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || restricts_calls (), "no_new_privs");
}

static void
narrow (void)
{
  check (sandbox_narrow (NULL), "sandbox_narrow");
}

static void
in_child (void (*func) (const Places *p))
{
  for (unsigned with = 0; with < 2; with++)
    {
      Places p;
      int status;

      namespaces = with == 1;
      places_init (&p);
      pid_t child = fork ();
      g_assert_cmpint (child, >=, 0);
      if (child == 0)
        {
          alarm (60);
          func (&p);
          _exit ((int)MIN (wrong, 70));
        }
      while (waitpid (child, &status, 0) < 0)
        g_assert_cmpint (errno, ==, EINTR);
      places_clear (&p);
      g_assert_true (WIFEXITED (status));
      /* Namespaces that nothing can be done in, as in some containers: a broker does without then. */
      if (with == 0 || WEXITSTATUS (status) != FAMILY_EXIT_NO_NAMESPACES)
        g_assert_cmpint (WEXITSTATUS (status), ==, 0);
    }
}

/* -- Files ---------------------------------------------------------------------------------------- */

static gboolean
opens (const char *path, int flags)
{
  int fd = open (path, flags | O_CLOEXEC, 0600);
  int code = errno;

  if (fd >= 0)
    close (fd);
  errno = code;
  return fd >= 0;
}

#define NO_WAY(call)                                                                                        \
  check ((errno = 0, !(call) && (errno == EACCES || errno == ENOENT || errno == ENOSYS || errno == EROFS)), \
         #call " is refused")

static void
check_files (const Places *p)
{
  g_autofree char *fresh = g_build_filename (p->inside, "new", NULL);

  NO_WAY (opens (p->other, O_RDONLY));
  NO_WAY (opens (p->other, O_WRONLY | O_TRUNC));
  NO_WAY (opens (fresh, O_WRONLY | O_CREAT));
  NO_WAY (opens (p->inside, O_RDWR | O_TMPFILE));
  NO_WAY (unlink (p->other) == 0);
  NO_WAY (mkdir (fresh, 0700) == 0);
  NO_WAY (symlink ("/etc", fresh) == 0);
  NO_WAY (rename (p->other, fresh) == 0);
  NO_WAY (opens ("/etc/passwd", O_RDONLY));
  NO_WAY (opens ("/dev/null", O_RDWR));
}

static void
files (const Places *p)
{
  int open_before = open (p->other, O_RDWR | O_CLOEXEC);

  enter ();
  if (restricts_files () || restricts_calls ())
    check_files (p);
  /* Open files stay as they are. */
  WORKS (pwrite (open_before, "more", 4, 0));
  WORKS (ftruncate (open_before, 2));
  narrow ();
  WORKS (pwrite (open_before, "more", 4, 0));
}

static void
test_files (void)
{
  in_child (files);
}

/* -- Threads -------------------------------------------------------------------------------------- */

static gpointer
check_thread (gpointer data)
{
  int *go = data;
  char byte;

  while (go != NULL && read (go[0], &byte, 1) < 0 && errno == EINTR)
    continue;
  if (restricts_calls ())
    {
      REFUSED (kill (getppid (), 0));
      REFUSED (timer_create (CLOCK_MONOTONIC, NULL, NULL));
    }
  return NULL;
}

/* Those of before the machine is built, too. */
static void
threads (const Places *p)
{
  GThread *early[8];
  int go[2];

  WORKS (pipe2 (go, O_CLOEXEC));
  enter ();
  for (unsigned i = 0; i < G_N_ELEMENTS (early); i++)
    early[i] = g_thread_new ("early", check_thread, go);
  narrow ();
  WORKS (write (go[1], "12345678", 8));
  for (unsigned i = 0; i < G_N_ELEMENTS (early); i++)
    g_thread_join (early[i]);
  for (unsigned i = 0; i < 4; i++)
    g_thread_join (g_thread_new ("late", check_thread, NULL));
}

static void
test_threads (void)
{
  in_child (threads);
}

/* -- Calls ---------------------------------------------------------------------------------------- */

static void
calls (const Places *p)
{
  enter ();
  narrow ();
  if (!restricts_calls ())
    return;
  REFUSED (kill (getppid (), 0));
  REFUSED (chmod (p->inside, 0777));
  REFUSED (connect (0, NULL, 0));
  UNKNOWN (syscall (SYS_tgkill, getppid (), getppid (), 0));
  UNKNOWN (syscall (SYS_clone3, NULL, 0));
  UNKNOWN (syscall (SYS_clone, SIGCHLD, NULL, NULL, NULL, 0));
  UNKNOWN (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0));
  WORKS (syscall (SYS_tgkill, getpid (), gettid (), 0));
}

static void
test_calls (void)
{
  in_child (calls);
}

/* For who debugs: a call that is on no list ends the process by a signal of its own, once its name is told. */
static void
test_trap (void)
{
  int status, output[2];
  char text[4096] = "";
  gsize length = 0;

  g_assert_cmpint (pipe2 (output, O_CLOEXEC), ==, 0);
  pid_t child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      const SandboxConfig config = { .trap = TRUE };

      dup2 (output[1], STDERR_FILENO);
      if (!sandbox_enter (&config, NULL) || !restricts_calls ())
        _exit (77);
      prctl (PR_SET_DUMPABLE, 1, 0, 0, 0);
      _exit (0);
    }
  close (output[1]);
  while (waitpid (child, &status, 0) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  for (ssize_t n;
       length < sizeof text - 1 && (n = read (output[0], text + length, sizeof text - 1 - length)) > 0;)
    length += (gsize)n;
  close (output[0]);
  if (WIFEXITED (status) && WEXITSTATUS (status) == 77)
    g_test_skip ("no seccomp here");
  else
    {
      g_assert_true (WIFSIGNALED (status));
      g_assert_cmpint (WTERMSIG (status), ==, SIGSYS);
      g_assert_nonnull (strstr (text, "(prctl), which is not on the list"));
    }
}

/* -- What a monitor does all day ------------------------------------------------------------------ */

static void
check_memory (void)
{
  int fd = memfd_create ("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  WORKS (fd);
  WORKS (ftruncate (fd, 65536));
  WORKS (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
  check (mmap (NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED, "mapping a memfd");
  if (restricts_calls ())
    check (mmap (NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED,
           "no executable memory");
}

static void
check_sockets (void)
{
  int pair[2];

  WORKS (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
  WORKS (write (pair[0], "x", 1));
  if (!restricts_calls ())
    return;
  UNKNOWN (socket (AF_UNIX, SOCK_STREAM, 0));
  UNKNOWN (socket (AF_INET, SOCK_STREAM, 0));
}

static void
daily (const Places *p)
{
  struct pollfd events;

  enter ();
  narrow ();
  check_memory ();
  check_sockets ();
  WORKS (events.fd = eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK));
  events.events = POLLIN;
  check (poll (&events, 1, 1000) == 1, "an eventfd");
  WORKS (timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC));
  check (g_get_host_name () != NULL, "the host's name");
}

static void
test_daily (void)
{
  in_child (daily);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sandbox/files", test_files);
  g_test_add_func ("/sandbox/threads", test_threads);
  g_test_add_func ("/sandbox/calls", test_calls);
  g_test_add_func ("/sandbox/trap", test_trap);
  g_test_add_func ("/sandbox/daily", test_daily);
  return g_test_run ();
}
