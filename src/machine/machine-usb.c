/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB devices of this computer in a running machine.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/machine-usb.h"

#include "machine/machine-private.h"
#include "machine/monitor-guard.h"
#include "machine/plain-text.h"
#include "machine/usb-outside.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib/gi18n.h>
#include <unistd.h>

#define TIMEOUT_MS 25000
#define MOST       64u

static void
on_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply
      = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), NULL, result, &error);

  error = viv_machine_note_reply (g_task_get_source_object (task), task, G_DBUS_CONNECTION (source), error);
  if (reply == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, viv_plain_variant (reply, VIV_PLAIN_MOST, VIV_PLAIN_LINE),
                           (GDestroyNotify)g_variant_unref);
}

/* Sinks `parameters`. */
static void
call (VivMachine *self, const char *method, GVariant *parameters, GUnixFDList *fds, GCancellable *cancellable,
      GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);
  g_autoptr (GVariant) sunk = g_variant_ref_sink (parameters);

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

static GVariant *
finish (VivMachine *self, GAsyncResult *result, const char *type, GError **error)
{
  g_autoptr (GVariant) reply = g_task_propagate_pointer (G_TASK (result), error);

  if (reply == NULL || g_variant_is_of_type (reply, G_VARIANT_TYPE (type)))
    return g_steal_pointer (&reply);
  g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING,
               _ ("the machine's monitor is of another version"));
  return NULL;
}

void
viv_machine_connect_usb (VivMachine *self, const char *host, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GPtrArray) list = usb_outside_list ();
  const char *name = host;
  GVariantBuilder handles;
  int fd = -1, code = usb_outside_open (host, &fd);

  if (code != 0)
    {
      g_autofree char *words = usb_outside_explain (host, code);
      g_task_report_new_error (self, callback, data, viv_machine_connect_usb, G_IO_ERROR,
                               g_io_error_from_errno (code), "%s", words);
      return;
    }
  for (guint i = 0; i < list->len && name == host; i++)
    if (usb_outside_is (g_ptr_array_index (list, i), host))
      name = ((UsbOutside *)g_ptr_array_index (list, i))->name;
  g_unix_fd_list_append (fds, fd, NULL);
  close (fd);
  g_variant_builder_init (&handles, G_VARIANT_TYPE ("ah"));
  g_variant_builder_add (&handles, "h", 0);
  call (self, "ConnectUsb", g_variant_new ("(ssah)", "", name, &handles), fds, cancellable, callback, data);
}

void
viv_machine_reconnect_usb (VivMachine *self, const char *id, const char *name, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer data)
{
  call (self, "ConnectUsb", g_variant_new ("(ssah)", id, name, NULL), NULL, cancellable, callback, data);
}

char *
viv_machine_connect_usb_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  char *id = NULL;

  /* Or that it could not be opened. */
  reply = finish (self, result, "(s)", error);
  if (reply != NULL)
    g_variant_get (reply, "(s)", &id);
  return id;
}

void
viv_machine_disconnect_usb (VivMachine *self, const char *id, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data)
{
  call (self, "DisconnectUsb", g_variant_new ("(s)", id), NULL, cancellable, callback, data);
}

gboolean
viv_machine_disconnect_usb_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) reply = g_task_propagate_pointer (G_TASK (result), error);

  return reply != NULL;
}

void
viv_machine_list_usb (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer data)
{
  call (self, "ListUsb", g_variant_new ("()"), NULL, cancellable, callback, data);
}

static void
device_free (gpointer data)
{
  VivUsbDevice *device = data;

  g_free (device->id);
  g_free (device->name);
  g_free (device->place);
  g_free (device);
}

GPtrArray *
viv_machine_list_usb_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) reply = finish (self, result, "(a(sss))", error), list = NULL;
  GPtrArray *devices;

  if (reply == NULL)
    return NULL;
  devices = g_ptr_array_new_with_free_func (device_free);
  list = g_variant_get_child_value (reply, 0);
  for (gsize i = 0; i < MIN (g_variant_n_children (list), MOST); i++)
    {
      VivUsbDevice *device = g_new0 (VivUsbDevice, 1);

      g_variant_get_child (list, i, "(sss)", &device->id, &device->name, &device->place);
      g_ptr_array_add (devices, device);
    }
  return devices;
}
