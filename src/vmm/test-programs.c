/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vmm"

#include "test-programs.h"

#include <glib-unix.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void
on_exit_status (void *opaque, int status)
{
  TestPrograms *programs = opaque;

  *programs->status = status;
  vm_request (programs->vm, VM_REQUEST_POWER_OFF, "the test program has ended");
}

static gboolean
on_output (int fd, GIOCondition condition, gpointer data)
{
  char buffer[4096];
  ssize_t n;

  while ((n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
    if (fwrite (buffer, 1, (size_t)n, stdout) != (size_t)n)
      return G_SOURCE_REMOVE;
  fflush (stdout);
  return G_SOURCE_CONTINUE;
}

gboolean
test_programs_begin (TestPrograms *programs, Board *board, int *status, GError **error)
{
  *programs = (TestPrograms){ .vm = board->vm, .status = status, .output = -1 };
  if (!board_add_test_device (board, on_exit_status, programs, error))
    return FALSE;
  if (board->n_serials == 0)
    return TRUE;
  vm_lock (board->vm);
  programs->output = serial_port_attach (board->serial[0], TRUE, error);
  vm_unlock (board->vm);
  if (programs->output < 0)
    return FALSE;
  g_unix_fd_add (programs->output, G_IO_IN, on_output, NULL);
  return TRUE;
}

void
test_programs_finish (TestPrograms *programs)
{
  if (programs->output < 0)
    return;
  while (g_main_context_iteration (programs->vm->context, FALSE))
    ;
  while (g_main_context_iteration (NULL, FALSE))
    ;
  close (programs->output);
}
