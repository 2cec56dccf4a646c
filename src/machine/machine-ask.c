/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Calls of a running machine whose answer is taken as it is: made plain, of a limited size, and of the type that was asked for.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/machine-private.h"
#include "machine/plain-text.h"

#include <gio/gunixfdlist.h>
#include <glib/gi18n.h>

#define TIMEOUT_MS 25000

static void
on_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  const gsize *limits = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply
      = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), NULL, result, &error);

  error = viv_machine_note_reply (g_task_get_source_object (task), task, G_DBUS_CONNECTION (source), error);
  if (reply == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, viv_plain_variant (reply, limits[0], (VivPlainFlags)limits[1]),
                           (GDestroyNotify)g_variant_unref);
}

void
viv_machine_ask (VivMachine *self, const char *method, GVariant *parameters, GUnixFDList *fds, gsize most,
                 VivPlainFlags flags, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);
  g_autoptr (GVariant) sunk = g_variant_ref_sink (parameters);
  gsize *limits = g_new (gsize, 2);

  limits[0] = most;
  limits[1] = (gsize)flags;
  g_task_set_task_data (task, limits, g_free);
  if (!viv_machine_check_live (self, task))
    {
      g_object_unref (task);
      return;
    }
  g_dbus_connection_call_with_unix_fd_list (
      g_dbus_proxy_get_connection (G_DBUS_PROXY (viv_machine_proxy (self))), NULL, VIV_MACHINE_OBJECT_PATH,
      VIV_MACHINE_INTERFACE, method, sunk, NULL, G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, fds, cancellable,
      on_reply, task);
}

GVariant *
viv_machine_ask_finish (VivMachine *self, GAsyncResult *result, const char *type, GError **error)
{
  g_autoptr (GVariant) reply = g_task_propagate_pointer (G_TASK (result), error);

  if (reply == NULL || g_variant_is_of_type (reply, G_VARIANT_TYPE (type)))
    return g_steal_pointer (&reply);
  g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING,
               _ ("the machine's monitor is of another version"));
  return NULL;
}
