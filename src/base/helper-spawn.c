/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/helper-spawn.h"

#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Above what the child puts in its place. */
#define OUT_OF_THE_WAY 10
/* Of what one that is behind walls may ask for. */
#define STARTS_A_MINUTE 30
#define ANSWER_MS       10000

static void
close_from (int first, rlim_t limit)
{
#ifdef SYS_close_range
  if (syscall (SYS_close_range, (unsigned)first, ~0u, 0) == 0)
    return;
#endif
  for (rlim_t fd = (rlim_t)first; fd < limit; fd++)
    close ((int)fd);
}

/* Between fork() and exec(), in a process that may have had other threads: system calls only. */
static void G_GNUC_NORETURN
become (char *const *arguments, pid_t parent, int socket, int null, rlim_t limit)
{
  struct sigaction plain = { .sa_handler = SIG_DFL };
  sigset_t none;

  prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid () != parent)
    _exit (1); /* it ended before it could be watched */
  for (int number = 1; number < NSIG; number++)
    sigaction (number, &plain, NULL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  /* Copies, which stay open over exec(). */
  if (dup2 (null, STDIN_FILENO) < 0 || dup2 (socket, HELPER_SOCKET) < 0)
    _exit (1);
  close_from (HELPER_SOCKET + 1, limit);
  execv (arguments[0], arguments);
  _exit (127);
}

int
helper_spawn (const char *program, pid_t *pid, GError **error)
{
  char option[] = "--socket", number[] = { '0' + HELPER_SOCKET, '\0' };
  char *const arguments[] = { (char *)program, option, number, NULL };
  struct rlimit limit = { .rlim_cur = 1024 };
  int ends[2] = { -1, -1 }, theirs = -1, null = open ("/dev/null", O_RDWR | O_CLOEXEC), code = 0;
  pid_t parent = getpid ();

  G_STATIC_ASSERT (HELPER_SOCKET < OUT_OF_THE_WAY);
  getrlimit (RLIMIT_NOFILE, &limit);
  if (null >= 0 && message_pair (ends))
    theirs = fcntl (ends[1], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
  *pid = theirs >= 0 ? fork () : -1;
  if (*pid == 0)
    become (arguments, parent, theirs, null, limit.rlim_cur);
  if (*pid < 0)
    code = errno;
  if (theirs >= 0)
    close (theirs);
  if (ends[1] >= 0)
    close (ends[1]);
  if (null >= 0)
    close (null);
  if (*pid > 0)
    return ends[0];
  if (ends[0] >= 0)
    close (ends[0]);
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "%s can't be started: %s", program,
               g_strerror (code));
  return -1;
}

/* -- By another process -- */

static int
start_one (const char *program, gint64 starts[STARTS_A_MINUTE], unsigned *n)
{
  gint64 now = g_get_monotonic_time (), *oldest = &starts[*n % STARTS_A_MINUTE];
  pid_t pid;

  if (*n >= STARTS_A_MINUTE && now - *oldest < G_TIME_SPAN_MINUTE)
    return -1;
  *oldest = now;
  (*n)++;
  return helper_spawn (program, &pid, NULL);
}

static void G_GNUC_NORETURN
be_starter (const char *program, pid_t parent, int socket)
{
  gint64 starts[STARTS_A_MINUTE];
  struct rlimit limit = { .rlim_cur = 1024 };
  unsigned n = 0;
  Message message;
  int fds[MESSAGE_MAX_FDS];

  prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  signal (SIGCHLD, SIG_IGN); /* nobody waits for them */
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  getrlimit (RLIMIT_NOFILE, &limit);
  /* Locks and pipes of the other one's are not ours to keep. */
  if (getppid () != parent || dup2 (socket, HELPER_SOCKET) < 0)
    _exit (1);
  close_from (HELPER_SOCKET + 1, limit.rlim_cur);
  fcntl (HELPER_SOCKET, F_SETFD, FD_CLOEXEC);
  while (message_receive (HELPER_SOCKET, &message, fds, -1) == 1)
    {
      message_close_fds (fds);
      int end = start_one (program, starts, &n);
      message_send (
          HELPER_SOCKET,
          &(Message){ .n_fds = end >= 0, .serial = message.serial, .result = end >= 0 ? 0 : EAGAIN }, &end,
          1000);
      if (end >= 0)
        close (end);
    }
  _exit (0);
}

int
helper_starter_new (const char *program, GError **error)
{
  int ends[2], code;
  pid_t pid = -1, parent = getpid ();

  if (message_pair (ends))
    {
      int theirs = fcntl (ends[1], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);

      pid = theirs >= 0 ? fork () : -1;
      if (pid == 0)
        be_starter (program, parent, theirs);
      code = errno;
      if (theirs >= 0)
        close (theirs);
      close (ends[1]);
      if (pid > 0)
        return ends[0];
      close (ends[0]);
      errno = code;
    }
  code = errno;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "no process to start helpers by: %s",
               g_strerror (code));
  return -1;
}

int
helper_starter_ask (int starter, GError **error)
{
  int fds[MESSAGE_MAX_FDS];
  Message message = { .op = 1 };
  int code = message_send (starter, &message, NULL, ANSWER_MS);

  if (code == 0)
    code = message_receive (starter, &message, fds, ANSWER_MS);
  if (code == 1 && message.n_fds == 1 && message.result == 0)
    return fds[0];
  if (code == 1)
    message_close_fds (fds);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the helper can't be started: %s",
               code == 1   ? "too often within a minute"
               : code == 0 ? "its starter is gone"
                           : g_strerror (-code));
  return -1;
}
