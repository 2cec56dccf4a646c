/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Loads the list of system calls, which calls-make.c has, and says what was refused.
 */
#define G_LOG_DOMAIN "confine"

#include "confine/calls.h"

#include "calls-programs.h"

#include <errno.h>
#include <execinfo.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not what a handler should do, but the process ends here. */
static void
on_refused (int signal_number, siginfo_t *info, void *context)
{
  char thread[16] = "", text[160];
  void *frames[64];
  const char *call = NULL;
  int n;

  if (info->si_syscall >= 0 && (size_t)info->si_syscall < G_N_ELEMENTS (calls_names))
    call = calls_names[info->si_syscall];
  prctl (PR_GET_NAME, thread, 0, 0, 0);
  n = snprintf (text, sizeof text, "sandbox: thread “%s” made the call %d (%s), which is not on the list:\n",
                thread, info->si_syscall, call != NULL ? call : "unknown");
  if (write (STDERR_FILENO, text, (size_t)n) == n)
    backtrace_symbols_fd (frames, backtrace (frames, G_N_ELEMENTS (frames)), STDERR_FILENO);
  signal (SIGSYS, SIG_DFL);
  raise (SIGSYS);
}

static void
prepare_trap (void)
{
  const struct sigaction action = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_NODEFER };
  void *frame;

  backtrace (&frame, 1); /* loads a library at first */
  sigaction (SIGSYS, &action, NULL);
}

/* The list, with the number of this process. */
static int
load (const struct sock_filter *made, gsize size, unsigned flags)
{
  g_autofree struct sock_filter *program = g_memdup2 (made, size);
  const struct sock_fprog all = { (unsigned short)(size / sizeof *program), program };

  for (unsigned i = 0; i < all.len; i++)
    if (program[i].k == CALLS_OWN_PID && program[i].code == (BPF_JMP | BPF_JEQ | BPF_K))
      program[i].k = (uint32_t)getpid ();
  /* Above 0: the thread that it could not be given to. */
  long answer = syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &all);
  return answer == 0 ? 0 : answer > 0 ? -ESRCH : -errno;
}

#define LOAD(trap, list, flags)                                                 \
  ((trap) ? load (calls_of_##list##_trap, sizeof calls_of_##list##_trap, flags) \
          : load (calls_of_##list, sizeof calls_of_##list, flags))

int
calls_confine_start (gboolean trap)
{
  if (trap)
    prepare_trap ();
  return LOAD (trap, start, 0);
}

int
calls_confine_helper (gboolean trap)
{
  if (trap)
    prepare_trap ();
  return LOAD (trap, helpers, 0);
}

int
calls_confine_network (gboolean trap)
{
  if (trap)
    prepare_trap ();
  return LOAD (trap, networks, 0);
}

int
calls_confine_usb (gboolean trap)
{
  if (trap)
    prepare_trap ();
  return LOAD (trap, usb, 0);
}

int
calls_confine (gboolean trap)
{
  return LOAD (trap, all, SECCOMP_FILTER_FLAG_TSYNC);
}

int
calls_confine_thread (ThreadKind kind, gboolean trap)
{
  return kind == THREAD_PROCESSOR ? LOAD (trap, processors, 0) : LOAD (trap, disks, 0);
}
