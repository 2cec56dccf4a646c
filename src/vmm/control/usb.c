/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB devices of this computer that come to the machine and go again while it runs.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"

#include <gio/gunixfdlist.h>
#include <sys/stat.h>
#include <unistd.h>

typedef GDBusMethodInvocation Invocation;

#define MOST_NAME 256

static gboolean
no_usb (Invocation *invocation)
{
  g_dbus_method_invocation_return_error_literal (invocation, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
                                                 "this machine takes no USB devices of this computer");
  return TRUE;
}

/* FALSE: not that. */
static gboolean
take_node (GUnixFDList *list, GVariant *handles, int *node)
{
  struct stat info;

  *node = -1;
  if (g_variant_n_children (handles) == 0)
    return TRUE;
  g_autoptr (GVariant) handle = g_variant_get_child_value (handles, 0);
  const gint32 index = g_variant_get_handle (handle);
  if (g_variant_n_children (handles) == 1 && list != NULL && index >= 0
      && index < g_unix_fd_list_get_length (list))
    *node = g_unix_fd_list_get (list, index, NULL);
  return *node >= 0 && fstat (*node, &info) == 0 && S_ISCHR (info.st_mode);
}

static gboolean
on_connect_usb (VivMachine1 *skeleton, Invocation *invocation, GUnixFDList *list, const char *id,
                const char *name, GVariant *handles, ControlService *service)
{
  GError *error = NULL;
  int node;

  if (service->config.usb_connect == NULL)
    return no_usb (invocation);
  if (!take_node (list, handles, &node) || strlen (name) > MOST_NAME || *name == '\0')
    {
      g_dbus_method_invocation_return_error_literal (
          invocation, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
          "a name and the node of a USB device are to come with the call");
    }
  else
    {
      g_autofree char *made
          = service->config.usb_connect (service->config.opaque, *id != '\0' ? id : NULL, name, node, &error);
      if (made == NULL)
        control_fail (invocation, error);
      else
        viv_machine1_complete_connect_usb (skeleton, invocation, NULL, made);
    }
  if (node >= 0)
    close (node);
  return TRUE;
}

static gboolean
on_disconnect_usb (VivMachine1 *skeleton, Invocation *invocation, const char *id, ControlService *service)
{
  if (service->config.usb_disconnect == NULL)
    return no_usb (invocation);
  if (service->config.usb_disconnect (service->config.opaque, id))
    viv_machine1_complete_disconnect_usb (skeleton, invocation);
  else
    g_dbus_method_invocation_return_error (invocation, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                                           "the machine has no USB device of this computer as %s", id);
  return TRUE;
}

static void
add (void *opaque, const char *id, const char *name, const char *place)
{
  g_variant_builder_add (opaque, "(sss)", id, name, place);
}

static gboolean
on_list_usb (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  GVariantBuilder devices;

  g_variant_builder_init (&devices, G_VARIANT_TYPE ("a(sss)"));
  if (service->config.usb_list != NULL)
    service->config.usb_list (service->config.opaque, add, &devices);
  viv_machine1_complete_list_usb (skeleton, invocation, g_variant_builder_end (&devices));
  return TRUE;
}

void
control_usb_connect (ControlService *service)
{
  g_signal_connect (service->skeleton, "handle-connect-usb", G_CALLBACK (on_connect_usb), service);
  g_signal_connect (service->skeleton, "handle-disconnect-usb", G_CALLBACK (on_disconnect_usb), service);
  g_signal_connect (service->skeleton, "handle-list-usb", G_CALLBACK (on_list_usb), service);
}
