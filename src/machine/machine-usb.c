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

#define MOST 64u

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
  viv_machine_ask (self, "ConnectUsb", g_variant_new ("(ssah)", "", name, &handles), fds, VIV_PLAIN_MOST,
                   VIV_PLAIN_LINE, cancellable, callback, data);
}

void
viv_machine_reconnect_usb (VivMachine *self, const char *id, const char *name, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer data)
{
  viv_machine_ask (self, "ConnectUsb", g_variant_new ("(ssah)", id, name, NULL), NULL, VIV_PLAIN_MOST,
                   VIV_PLAIN_LINE, cancellable, callback, data);
}

char *
viv_machine_connect_usb_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  char *id = NULL;

  /* Or that it could not be opened. */
  reply = viv_machine_ask_finish (self, result, "(s)", error);
  if (reply != NULL)
    g_variant_get (reply, "(s)", &id);
  return id;
}

void
viv_machine_disconnect_usb (VivMachine *self, const char *id, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data)
{
  viv_machine_ask (self, "DisconnectUsb", g_variant_new ("(s)", id), NULL, VIV_PLAIN_MOST, VIV_PLAIN_LINE,
                   cancellable, callback, data);
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
  viv_machine_ask (self, "ListUsb", g_variant_new ("()"), NULL, VIV_PLAIN_MOST, VIV_PLAIN_LINE, cancellable,
                   callback, data);
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
  g_autoptr (GVariant) reply = viv_machine_ask_finish (self, result, "(a(sss))", error), list = NULL;
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
