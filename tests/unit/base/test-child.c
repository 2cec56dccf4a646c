/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A helper is this program again: it has its socket, the standard descriptors and nothing else, and dies with whoever started it.
 */
#include "base/child.h"
#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self;

/* What a helper says of itself: the highest of its descriptors, how it dies, and whether a signal is blocked or ignored. */
static int
be_helper (void)
{
  Message message, answer = { .op = 1 };
  int fds[MESSAGE_MAX_FDS], signal_number = 0;
  struct sigaction action;
  sigset_t blocked;

  for (int fd = 0; fd < 256; fd++)
    if (fcntl (fd, F_GETFD) >= 0)
      answer.a = fd;
  prctl (PR_GET_PDEATHSIG, &signal_number);
  answer.b = signal_number;
  sigprocmask (SIG_BLOCK, NULL, &blocked);
  sigaction (SIGPIPE, NULL, &action);
  answer.result = sigismember (&blocked, SIGUSR1) || action.sa_handler != SIG_DFL;
  if (message_send (CHILD_SOCKET, &answer, NULL, -1) != 0)
    return 1;
  return message_receive (CHILD_SOCKET, &message, fds, -1) == 0 ? 42 : 1;
}

static void
test_spawn (void)
{
  g_autoptr (GError) error = NULL;
  sigset_t one, before;
  Message message;
  int fds[MESSAGE_MAX_FDS], status, stray[20];
  pid_t pid;

  for (unsigned i = 0; i < G_N_ELEMENTS (stray); i++)
    stray[i] = open ("/dev/null", O_RDONLY); /* not close-on-exec */
  sigemptyset (&one);
  sigaddset (&one, SIGUSR1);
  sigprocmask (SIG_BLOCK, &one, &before);
  signal (SIGPIPE, SIG_IGN);
  int socket = child_start_helper (self, &pid, &error);
  g_assert_no_error (error);
  signal (SIGPIPE, SIG_DFL);
  sigprocmask (SIG_SETMASK, &before, NULL);
  g_assert_cmpint (fcntl (socket, F_GETFD), ==, FD_CLOEXEC);
  g_assert_cmpint (message_receive (socket, &message, fds, -1), ==, 1);
  g_assert_cmpuint (message.a, ==, CHILD_SOCKET);
  g_assert_cmpuint (message.b, ==, SIGKILL);
  g_assert_cmpint (message.result, ==, 0);
  close (socket);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 42);
  for (unsigned i = 0; i < G_N_ELEMENTS (stray); i++)
    close (stray[i]);
}

/* The socket says so; nobody waits for a process that never was. */
static void
test_missing (void)
{
  g_autoptr (GError) error = NULL;
  Message message;
  int fds[MESSAGE_MAX_FDS], status;
  pid_t pid;
  int socket = child_start_helper ("/nonexistent/vivarium-vnc", &pid, &error);

  g_assert_no_error (error);
  g_assert_cmpint (message_receive (socket, &message, fds, -1), ==, 0);
  close (socket);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 127);
}

int
main (int argc, char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], "--socket"))
    return be_helper ();
  self = argv[0];
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/base/child/spawn", test_spawn);
  g_test_add_func ("/base/child/missing", test_missing);
  return g_test_run ();
}
