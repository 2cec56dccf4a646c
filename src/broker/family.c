/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "broker"

#include "broker/family.h"

#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

gboolean
family_start (FamilyProcess *process, char *const *arguments, const ChildFiles *files, GError **error)
{
  process->pid_fd = -1;
  process->patience_ms = 0;
  process->socket = child_start (arguments, files, &process->pid, error);
  if (process->socket < 0)
    {
      process->pid = 0;
      return FALSE;
    }
  process->pid_fd = (int)syscall (SYS_pidfd_open, process->pid, 0);
  if (process->pid_fd >= 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s can't be watched: %s", arguments[0],
               g_strerror (errno));
  family_end (process);
  return FALSE;
}

int
family_end (FamilyProcess *process)
{
  int status = 0;

  if (process->pid > 0)
    {
      if (process->patience_ms > 0)
        (void)poll (&(struct pollfd){ process->pid_fd, POLLIN, 0 }, 1, (int)process->patience_ms);
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
