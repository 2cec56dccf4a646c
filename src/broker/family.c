/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "broker"

#include "broker/family.h"

#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between fork and exec, in the child: system calls only. */
static _Noreturn void
become (char *const *argv, int socket, const BrokerLog *log, int lock, gboolean own_stdout, pid_t broker)
{
  int null = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  sigset_t none;

  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  /* Our end is its end, and who has got a signal before this is seen by the second look. */
  prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid () != broker)
    _exit (127);
  /* The socket first: it may have a number below that of the others'. */
  int moved = fcntl (socket, F_DUPFD_CLOEXEC, 10), out = fcntl (log->write_end, F_DUPFD_CLOEXEC, 10);
  int locked = lock >= 0 ? fcntl (lock, F_DUPFD_CLOEXEC, 10) : -1;
  if (moved < 0 || out < 0 || null < 0 || dup2 (null, STDIN_FILENO) < 0 || dup2 (out, STDERR_FILENO) < 0
      || (!own_stdout && dup2 (out, STDOUT_FILENO) < 0) || dup2 (moved, FAMILY_SOCKET) < 0
      || (lock >= 0 && dup2 (locked, FAMILY_LOCK) < 0))
    _exit (127);
  syscall (SYS_close_range, lock >= 0 ? FAMILY_LOCK + 1 : FAMILY_SOCKET + 1, ~0u, 0);
  execv (argv[0], argv);
  _exit (127);
}

gboolean
family_start (FamilyProcess *process, char *const *argv, const BrokerLog *log, int lock, gboolean own_stdout,
              GError **error)
{
  const pid_t broker = getpid ();
  int ends[2];

  process->pid = 0;
  process->pid_fd = process->socket = -1;
  if (message_pair (ends))
    {
      process->pid = fork ();
      if (process->pid == 0)
        become (argv, ends[1], log, lock, own_stdout, broker);
      close (ends[1]);
      process->socket = ends[0];
    }
  if (process->pid > 0)
    process->pid_fd = (int)syscall (SYS_pidfd_open, process->pid, 0);
  if (process->pid_fd >= 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s can't be started: %s", argv[0],
               g_strerror (errno));
  process->pid = MAX (process->pid, 0);
  family_end (process);
  return FALSE;
}

int
family_end (FamilyProcess *process)
{
  int status = 0;

  if (process->pid > 0)
    {
      kill (process->pid, SIGKILL);
      while (waitpid (process->pid, &status, 0) < 0 && errno == EINTR)
        ;
    }
  if (process->pid_fd >= 0)
    close (process->pid_fd);
  if (process->socket >= 0)
    close (process->socket);
  process->pid = 0;
  process->pid_fd = process->socket = -1;
  return status;
}
