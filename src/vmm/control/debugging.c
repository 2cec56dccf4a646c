/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Debuggers and the prompt: what clients ask is handed on to debug/server.h.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"

#include <gio/gunixfdlist.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

typedef GDBusMethodInvocation Invocation;

typedef struct
{
  VivMachine1 *skeleton; /* ours: the service may go before the machine does */
  Invocation *invocation;
} Question;

static Question *
question_new (ControlService *service, Invocation *invocation)
{
  Question *question = g_new (Question, 1);

  *question = (Question){ g_object_ref (service->skeleton), invocation };
  return question;
}

static gboolean
no_debugger (Invocation *invocation)
{
  g_dbus_method_invocation_return_error_literal (invocation, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                                                 "this machine can't be looked into");
  return TRUE;
}

static void
on_attached (Vm *vm, const GError *error, void *opaque)
{
  g_autofree Question *question = opaque;

  if (error != NULL)
    control_fail (question->invocation, g_error_copy (error));
  else
    viv_machine1_complete_attach_debugger (question->skeleton, question->invocation, NULL);
  g_object_unref (question->skeleton);
}

static gboolean
is_stream_socket (int fd)
{
  int type = 0;
  socklen_t length = sizeof type;

  return getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

static gboolean
on_attach_debugger (VivMachine1 *skeleton, Invocation *invocation, GUnixFDList *list, GVariant *handle,
                    guint bits, ControlService *service)
{
  gint32 index = g_variant_get_handle (handle);
  int fd = -1;

  if (service->config.debugger == NULL)
    return no_debugger (invocation);
  if (list != NULL && index >= 0 && index < g_unix_fd_list_get_length (list))
    fd = g_unix_fd_list_get (list, index, NULL);
  if (fd < 0 || !is_stream_socket (fd) || (bits != 0 && bits != 32 && bits != 64))
    {
      if (fd >= 0)
        close (fd);
      g_dbus_method_invocation_return_error_literal (
          invocation, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
          "a stream socket is to come with the call, and 0, 32 or 64 bits");
      return TRUE;
    }
  debug_server_attach (service->config.debugger, fd, bits, on_attached, question_new (service, invocation));
  return TRUE;
}

static void
on_answer (const char *answer, const GError *error, void *opaque)
{
  g_autofree Question *question = opaque;

  if (error != NULL)
    control_fail (question->invocation, g_error_copy (error));
  else
    {
      g_autofree char *valid = g_utf8_make_valid (answer, -1);
      viv_machine1_complete_command (question->skeleton, question->invocation, valid);
    }
  g_object_unref (question->skeleton);
}

static gboolean
on_command (VivMachine1 *skeleton, Invocation *invocation, const char *line, gboolean json,
            ControlService *service)
{
  if (service->config.debugger == NULL)
    return no_debugger (invocation);
  debug_server_command (service->config.debugger, line, json, on_answer, question_new (service, invocation));
  return TRUE;
}

typedef struct
{
  Question question;
  int fd;
} Dump;

static void
on_dumped (Vm *vm, const GError *error, void *opaque)
{
  g_autofree Dump *dump = opaque;

  viv_machine1_emit_save_progress (dump->question.skeleton, 1);
  if (error != NULL)
    control_fail (dump->question.invocation, g_error_copy (error));
  else
    viv_machine1_complete_dump_memory (dump->question.skeleton, dump->question.invocation, NULL);
  g_object_unref (dump->question.skeleton);
  close (dump->fd);
}

static void
on_dump_progress (Vm *vm, double fraction, void *opaque)
{
  viv_machine1_emit_save_progress (((Dump *)opaque)->question.skeleton, fraction);
}

static gboolean
on_dump_memory (VivMachine1 *skeleton, Invocation *invocation, GUnixFDList *list, GVariant *handle,
                ControlService *service)
{
  gint32 index = g_variant_get_handle (handle);
  struct stat st;
  int fd = -1;

  if (service->config.debugger == NULL)
    return no_debugger (invocation);
  if (list != NULL && index >= 0 && index < g_unix_fd_list_get_length (list))
    fd = g_unix_fd_list_get (list, index, NULL);
  if (fd < 0 || fstat (fd, &st) != 0 || !S_ISREG (st.st_mode))
    {
      if (fd >= 0)
        close (fd);
      g_dbus_method_invocation_return_error_literal (invocation, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                                                     "no regular file came with the call");
      return TRUE;
    }
  Dump *dump = g_new (Dump, 1);
  *dump = (Dump){ { g_object_ref (service->skeleton), invocation }, fd };
  debug_server_dump (service->config.debugger, fd, on_dump_progress, on_dumped, dump);
  return TRUE;
}

void
control_debugging_connect (ControlService *service)
{
  g_signal_connect (service->skeleton, "handle-attach-debugger", G_CALLBACK (on_attach_debugger), service);
  g_signal_connect (service->skeleton, "handle-dump-memory", G_CALLBACK (on_dump_memory), service);
  g_signal_connect (service->skeleton, "handle-command", G_CALLBACK (on_command), service);
}
