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
