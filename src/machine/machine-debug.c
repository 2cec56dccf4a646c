/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Looking into a running machine: a debugger's socket, and commands of the prompt.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/disassembly.h"
#include "machine/machine-private.h"
#include "machine/monitor-guard.h"
#include "machine/plain-text.h"

#include <gio/gunixfdlist.h>
#include <glib/gi18n.h>

void
viv_machine_attach_debugger (VivMachine *self, int fd, unsigned bits, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();

  g_unix_fd_list_append (fds, fd, NULL);
  viv_machine_ask (self, "AttachDebugger", g_variant_new ("(hu)", 0, bits), fds, VIV_GUARD_MOST_BYTES,
                   VIV_PLAIN_DEFAULT, cancellable, callback, data);
}

gboolean
viv_machine_attach_debugger_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) reply = g_task_propagate_pointer (G_TASK (result), error);

  return reply != NULL;
}

typedef struct
{
  char *answer;
  gboolean json;
} Disassembly;

static void
disassembly_free (gpointer data)
{
  Disassembly *d = data;

  g_free (d->answer);
  g_free (d);
}

static void
run_decoder (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Disassembly *d = data;
  GError *error = NULL;
  char *text = disassembly_of (d->answer, d->json, &error);

  if (text == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_variant_ref_sink (g_variant_new ("(s)", text)),
                           (GDestroyNotify)g_variant_unref);
  g_free (text);
}

static void
on_code (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Disassembly *d = g_task_get_task_data (task);
  GError *error = NULL;

  d->answer = viv_machine_command_finish (VIV_MACHINE (source), result, &error);
  if (d->answer == NULL)
    g_task_return_error (task, error);
  else
    g_task_run_in_thread (task, run_decoder);
}

void
viv_machine_command (VivMachine *self, const char *line, gboolean json, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer data)
{
  if (disassembly_is (line))
    {
      GTask *task = g_task_new (self, cancellable, callback, data);
      Disassembly *d = g_new0 (Disassembly, 1);

      d->json = json;
      g_task_set_task_data (task, d, disassembly_free);
      viv_machine_ask (self, "Command", g_variant_new ("(sb)", line, FALSE), NULL, VIV_GUARD_MOST_BYTES,
                       VIV_PLAIN_DEFAULT, cancellable, on_code, task);
      return;
    }
  viv_machine_ask (self, "Command", g_variant_new ("(sb)", line, json), NULL, VIV_GUARD_MOST_BYTES,
                   VIV_PLAIN_DEFAULT, cancellable, callback, data);
}

char *
viv_machine_command_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) reply = viv_machine_ask_finish (self, result, "(s)", error);
  char *text = NULL;

  if (reply != NULL)
    g_variant_get (reply, "(s)", &text);
  return text;
}
