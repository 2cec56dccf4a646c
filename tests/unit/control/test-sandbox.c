/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a confined process can and can't do.  There is no way out of a sandbox, so each case confines a child; the child counts
 * what is wrong, says it on stderr, and ends with that number.
 */
#include "confine/sandbox.h"
#include "display/socket-place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/landlock.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  char *inside, *outside, *named,
      *other; /* two folders; two files in the second, the first named to the sandbox */
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
  p->named = g_build_filename (p->outside, "named", NULL);
  p->other = g_build_filename (p->outside, "other", NULL);
  g_assert_true (g_file_set_contents (p->named, "named", -1, NULL));
  g_assert_true (g_file_set_contents (p->other, "other", -1, NULL));
}

static void
places_clear (Places *p)
{
  g_unlink (p->named);
  g_unlink (p->other);
  g_assert_cmpint (g_rmdir (p->outside), ==, 0);
  g_assert_cmpint (g_rmdir (p->inside), ==, 0);
  g_free (p->inside);
  g_free (p->outside);
  g_free (p->named);
  g_free (p->other);
}

static void
enter (const Places *p)
{
  const char *folders[] = { p->inside, "/nowhere/at/all", NULL };
  const char *files[] = { p->named, NULL };
  const SandboxConfig config = { .folders = folders, .files = files };
  g_autoptr (GError) error = NULL;
  g_autofree char *status = NULL;

  check (sandbox_enter (&config, &error), error != NULL ? error->message : "sandbox_enter");
  check (g_file_get_contents ("/proc/self/status", &status, NULL, NULL)
             && strstr (status, "NoNewPrivs:\t1\n") != NULL,
         "no_new_privs");
}

static void
in_child (void (*func) (const Places *p))
{
  Places p;
  int status;

  places_init (&p);
  pid_t child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      alarm (60);
      func (&p);
      _exit ((int)MIN (wrong, 100));
    }
  while (waitpid (child, &status, 0) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  places_clear (&p);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static gboolean
kernel_has_landlock (void)
{
  return syscall (SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
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

#define NO_ACCESS(call) check ((errno = 0, !(call) && errno == EACCES), #call " has no access")

static void
check_outside (const Places *p)
{
  g_autofree char *fresh = g_build_filename (p->outside, "new", NULL);

  NO_ACCESS (opens (p->other, O_RDWR));
  NO_ACCESS (opens (p->other, O_WRONLY | O_TRUNC));
  NO_ACCESS (opens (fresh, O_WRONLY | O_CREAT));
  NO_ACCESS (unlink (p->other) == 0);
  NO_ACCESS (mkdir (fresh, 0700) == 0);
  NO_ACCESS (symlink ("/etc", fresh) == 0);
  NO_ACCESS (rename (p->other, fresh) == 0);
  check (opens (p->other, O_RDONLY), "reading outside");
  check (opens ("/etc/passwd", O_RDONLY), "reading /etc");
  check (opens (p->named, O_RDWR), "writing a named file");
  check (opens ("/dev/null", O_RDWR), "writing to /dev/null");
}

static void
files (const Places *p)
{
  g_autofree char *fresh = g_build_filename (p->inside, "new", NULL);
  g_autofree char *renamed = g_build_filename (p->inside, "renamed", NULL);
  int open_before = open (p->other, O_RDWR | O_CLOEXEC);

  enter (p);
  check (sandbox_restricts_files (), "sandbox_restricts_files");
  check_outside (p);
  check (opens (fresh, O_RDWR | O_CREAT | O_TRUNC), "making a file inside");
  WORKS (rename (fresh, renamed));
  check (opens (renamed, O_WRONLY | O_TRUNC), "emptying a file inside");
  WORKS (unlink (renamed));
  check (opens (p->inside, O_RDWR | O_TMPFILE), "an unlinked file inside");
  /* Open files stay as they are. */
  WORKS (pwrite (open_before, "more", 4, 0));
  WORKS (ftruncate (open_before, 2));
}

static void
test_files (void)
{
  if (kernel_has_landlock ())
    in_child (files);
  else
    g_test_skip ("this kernel has no Landlock");
}

/* -- Threads -------------------------------------------------------------------------------------- */

typedef struct
{
  const Places *places;
  int go[2];
} Waiting;

static gpointer
wait_and_check (gpointer data)
{
  Waiting *waiting = data;
  char byte;

  /* The sandbox interrupts us, as it may interrupt a vCPU. */
  while (read (waiting->go[0], &byte, 1) < 0 && errno == EINTR)
    continue;
  if (sandbox_restricts_files ())
    check_outside (waiting->places);
  if (sandbox_restricts_calls ())
    REFUSED (kill (getppid (), 0));
  return NULL;
}

static gpointer
check_at_once (gpointer data)
{
  if (sandbox_restricts_files ())
    check_outside (data);
  if (sandbox_restricts_calls ())
    REFUSED (kill (getppid (), 0));
  return NULL;
}

static void
threads (const Places *p)
{
  Waiting waiting = { .places = p };
  GThread *early[8];

  WORKS (pipe2 (waiting.go, O_CLOEXEC));
  for (unsigned i = 0; i < G_N_ELEMENTS (early); i++)
    early[i] = g_thread_new ("early", wait_and_check, &waiting);
  enter (p);
  WORKS (write (waiting.go[1], "12345678", 8));
  for (unsigned i = 0; i < G_N_ELEMENTS (early); i++)
    g_thread_join (early[i]);
  for (unsigned i = 0; i < 4; i++)
    g_thread_join (g_thread_new ("late", check_at_once, (gpointer)p));
  GThreadPool *pool = g_thread_pool_new ((GFunc)(void (*) (void))check_at_once, NULL, 4, FALSE, NULL);
  for (unsigned i = 0; i < 8; i++)
    check (g_thread_pool_push (pool, (gpointer)p, NULL), "pool");
  g_thread_pool_free (pool, FALSE, TRUE);
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
  enter (p);
  if (!sandbox_restricts_calls ())
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
      if (!sandbox_enter (&config, NULL) || !sandbox_restricts_calls ())
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
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);

  WORKS (fd);
  WORKS (ftruncate (fd, 65536));
  WORKS (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
  check (mmap (NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED, "mapping a memfd");
  check (opens (path, O_RDONLY), "a read-only descriptor of a memfd");
  if (sandbox_restricts_calls ())
    check (mmap (NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED,
           "no executable memory");
}

/* VNC's listener; who connects is somebody else. */
static void
check_inet (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int server = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  WORKS (bind (server, (struct sockaddr *)&address, sizeof address));
  WORKS (listen (server, 1));
  WORKS (getsockname (server, (struct sockaddr *)&address, &length));
  WORKS (fcntl (server, F_SETFL, O_NONBLOCK));
  check (accept4 (server, NULL, NULL, SOCK_CLOEXEC) < 0 && errno == EAGAIN, "nobody is there");
}

static void
check_unix (const Places *p)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int pair[2], fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  WORKS (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
  g_snprintf (address.sun_path, sizeof address.sun_path, "%s/socket", p->inside);
  WORKS (bind (fd, (struct sockaddr *)&address, sizeof address));
  WORKS (listen (fd, 1));
  check (socket_place_look (address.sun_path) == SOCKET_PLACE_TAKEN, "a listener is seen");
  WORKS (close (fd));
  check (socket_place_look (address.sun_path) == SOCKET_PLACE_STALE, "what it left is seen");
  WORKS (unlink (address.sun_path));
  check (socket_place_look (address.sun_path) == SOCKET_PLACE_FREE, "nothing is there");
}

static void
daily (const Places *p)
{
  struct pollfd events;

  enter (p);
  check_memory ();
  check_inet ();
  check_unix (p);
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
#ifdef __SANITIZE_THREAD__
  /* Its own thread takes no signals, by which each thread is told to confine itself. */
  printf ("1..0 # SKIP a process with ThreadSanitizer can't be confined\n");
  return 0;
#endif
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sandbox/files", test_files);
  g_test_add_func ("/sandbox/threads", test_threads);
  g_test_add_func ("/sandbox/calls", test_calls);
  g_test_add_func ("/sandbox/trap", test_trap);
  g_test_add_func ("/sandbox/daily", test_daily);
  return g_test_run ();
}
