/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/child.h"

#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
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

/* Between vfork() and exec(), with the memory and the stack of the parent, which may have other threads: system calls only, and nothing is changed. */
static void G_GNUC_NORETURN
become (char *const *arguments, char *const *environment, pid_t parent, const int files[CHILD_EXTRA + 1],
        rlim_t limit)
{
  struct sigaction plain = { .sa_handler = SIG_DFL };
  int last = files[CHILD_EXTRA] >= 0 ? CHILD_EXTRA : CHILD_SOCKET;
  sigset_t none;

  prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid () != parent)
    _exit (1); /* it ended before it could be watched */
  for (int number = 1; number < NSIG; number++)
    sigaction (number, &plain, NULL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  /* Copies, which stay open over exec(). */
  for (int fd = 0; fd <= last; fd++)
    if (files[fd] >= 0 && dup2 (files[fd], fd) < 0)
      _exit (1);
  close_from (last + 1, limit);
  execve (arguments[0], arguments, environment);
  _exit (127);
}

/* Pointers to our own strings; NULL at the end. */
static GPtrArray *
what_it_needs (void)
{
  static const char *const names[]
      = { "LANG",     "LANGUAGE",   "LC_*",   "TZ",      "TZDIR",  "TMPDIR", "PATH",   "G_*",    "GIO_*",
          "MALLOC_*", "VIVARIUM_*", "ASAN_*", "UBSAN_*", "TSAN_*", "LSAN_*", "LLVM_*", "GCOV_*", "LD_*" };
  GPtrArray *some = g_ptr_array_new ();

  for (char **entry = environ; *entry != NULL; entry++)
    for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
      {
        const size_t length = strlen (names[i]);
        const gboolean all = names[i][length - 1] == '*';

        if (all ? strncmp (*entry, names[i], length - 1) != 0
                : strncmp (*entry, names[i], length) != 0 || (*entry)[length] != '=')
          continue;
        g_ptr_array_add (some, *entry);
        break;
      }
  g_ptr_array_add (some, NULL);
  return some;
}

/* A copy that no number of the child's is put over; -1 stays -1. */
static int
aside (int fd)
{
  return fd >= 0 ? fcntl (fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) : -1;
}

int
child_start (char *const *arguments, const ChildFiles *given, pid_t *pid, GError **error)
{
  struct rlimit limit = { .rlim_cur = 1024 };
  sigset_t every, before;
  int ends[2] = { -1, -1 }, null = open ("/dev/null", O_RDWR | O_CLOEXEC), code = 0;
  pid_t parent = getpid ();
  g_autoptr (GPtrArray) environment = what_it_needs ();

  G_STATIC_ASSERT (CHILD_EXTRA < OUT_OF_THE_WAY);
  getrlimit (RLIMIT_NOFILE, &limit);
  gboolean ready = null >= 0 && message_pair (ends);
  const int files[CHILD_EXTRA + 1]
      = { aside (null), aside (given->output), aside (given->errors), aside (ends[1]), aside (given->extra) };
  ready = ready && files[0] >= 0 && (given->output < 0 || files[1] >= 0)
          && (given->errors < 0 || files[2] >= 0) && files[CHILD_SOCKET] >= 0
          && (given->extra < 0 || files[CHILD_EXTRA] >= 0);
  /* Our handlers must not run in the child. */
  sigfillset (&every);
  pthread_sigmask (SIG_SETMASK, &every, &before);
  /* Copying the memory's tables takes longer than the rest of a start. */
  pid_t child = ready ? vfork () : -1;
  if (child == 0)
    become (arguments, (char *const *)environment->pdata, parent, files, limit.rlim_cur);
  if (child < 0)
    code = errno;
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  *pid = child;
  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    if (files[i] >= 0)
      close (files[i]);
  if (ends[1] >= 0)
    close (ends[1]);
  if (null >= 0)
    close (null);
  if (*pid > 0)
    return ends[0];
  if (ends[0] >= 0)
    close (ends[0]);
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "%s can't be started: %s", arguments[0],
               g_strerror (code));
  return -1;
}

int
child_start_helper (const char *program, pid_t *pid, GError **error)
{
  const ChildFiles ours = { -1, -1, -1 };
  char option[] = "--socket", number[] = { '0' + CHILD_SOCKET, '\0' };
  char *const arguments[] = { (char *)program, option, number, NULL };

  return child_start (arguments, &ours, pid, error);
}
