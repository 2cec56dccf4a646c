/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "board"

#include "board/usb-hosts.h"

#include "board/usb.h"
#include "machine/start-blame.h"
#include "machine/usb-outside.h"
#include "usb/host.h"

#include <gio/gio.h>
#include <unistd.h>

#define MOST_HOSTS 16u

/* Device loop, VM lock held. */
static gboolean
on_plug (void *opaque, UsbDevice *device, GError **error)
{
  return board_usb_attach (opaque, device, error);
}

static void
on_notice (void *opaque, UsbDevice *device, const char *sentence)
{
  Board *board = opaque;

  g_message ("%s", sentence);
  if (board->usb_notice != NULL)
    board->usb_notice (board->usb_notice_opaque, sentence);
}

/* VM lock held. */
static UsbDevice *
add (Board *board, const char *id, GError **error)
{
  const UsbHostConfig config = { on_plug, on_notice, board };
  UsbDevice *device = usb_host_new (board->vm, id, &config, error);

  if (device != NULL)
    g_ptr_array_add (board->usb_hosts, device);
  return device;
}

gboolean
board_build_usb_host (Board *board, const MachineDevice *usb, GError **error)
{
  const char *host = machine_device_text (usb, "host");

  if (host == NULL || *host == '\0')
    {
      viv_start_blame (usb->id, "host");
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "%s.host names no device of this computer; set it (“vivctl usb list” has them), or remove "
                   "%s: a machine has one USB controller, usb0",
                   usb->id, usb->id);
      return FALSE;
    }
  if (definition_find (board->definition, "usb0") == NULL)
    {
      viv_start_blame (usb->id, "host");
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "%s: the machine has no USB controller; add one (usb0)", usb->id);
      return FALSE;
    }
  return add (board, usb->id, error) != NULL;
}

static UsbDevice *
find (Board *board, const char *id)
{
  for (guint i = 0; i < board->usb_hosts->len; i++)
    {
      UsbDevice *device = g_ptr_array_index (board->usb_hosts, i);

      if (id != NULL ? g_str_equal (device->device.id, id)
                     : usb_host_name (device) == NULL
                           && definition_find (board->definition, device->device.id) == NULL)
        return device;
    }
  return NULL;
}

/* VM lock held. */
static UsbDevice *
find_or_add (Board *board, const char *id, GError **error)
{
  UsbDevice *device = find (board, id);
  g_autofree char *name = g_strdup_printf ("usb-host%u", board->usb_hosts->len);

  if (board->usb == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 "the machine has no USB controller; add one (usb0) for its next start");
  else if (device != NULL && usb_host_name (device) != NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "%s is in use: %s", id, usb_host_name (device));
  else if (device != NULL)
    return device;
  else if (id != NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s is no USB device of this computer's", id);
  else if (board->usb_hosts->len >= MOST_HOSTS)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "the machine has %u USB devices of this computer's",
                 MOST_HOSTS);
  else
    {
      device = add (board, name, error);
      if (device != NULL)
        device->device.klass->reset (&device->device);
      return device;
    }
  return NULL;
}

const char *
board_usb_host_find (Board *board, const char *id, GError **error)
{
  vm_lock (board->vm);
  const UsbDevice *device = find_or_add (board, id, error);
  vm_unlock (board->vm);
  return device != NULL ? device->device.id : NULL;
}

void
board_usb_host_connect (Board *board, const char *id, const char *name, int socket, int node)
{
  vm_lock (board->vm);
  UsbDevice *device = find (board, id);
  if (device != NULL)
    usb_host_connect (device, name, socket, node);
  else
    close (socket);
  vm_unlock (board->vm);
}

gboolean
board_usb_host_disconnect (Board *board, const char *id)
{
  vm_lock (board->vm);
  UsbDevice *device = find (board, id);
  const gboolean there = device != NULL && usb_host_name (device) != NULL;
  if (there)
    usb_host_disconnect (device);
  vm_unlock (board->vm);
  return there;
}

void
board_usb_hosts_list (Board *board, BoardUsbHostFunc func, void *opaque)
{
  for (guint i = 0; i < board->usb_hosts->len; i++)
    {
      const UsbDevice *device = g_ptr_array_index (board->usb_hosts, i);

      vm_lock (board->vm);
      g_autofree char *name = g_strdup (usb_host_name (device)), *path = usb_device_path (device);
      vm_unlock (board->vm);
      g_autofree char *place = *path != '\0' ? g_strdup_printf ("usb %s", path) : g_strdup ("");
      if (name != NULL)
        func (opaque, device->device.id, name, place);
    }
}
