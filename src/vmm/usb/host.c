/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "usb-host"

#include "usb/host-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES_A_TURN 16u
#define MOST_UNSENT     256u
#define DEVICE_SIZE     18u /* of its descriptor */

/* Sources outlive what they are for until they know. */
typedef struct
{
  Vm *vm;
  UsbHost *host;
} Watch;

static void drop (UsbHost *h, const char *why);

/* -- To the process ------------------------------------------------------------------------------------- */

static gboolean
send_unsent (UsbHost *h)
{
  GBytes *bytes;

  while ((bytes = g_queue_peek_head (&h->unsent)) != NULL)
    {
      gsize size;
      const uint8_t *message = g_bytes_get_data (bytes, &size);
      UsbWireHeader header;
      int code;

      memcpy (&header, message, sizeof header);
      code = usb_wire_send (h->socket, &header, message + sizeof header, (uint32_t)(size - sizeof header), -1,
                            FALSE);
      if (code == -EAGAIN)
        return FALSE;
      g_bytes_unref (g_queue_pop_head (&h->unsent));
    }
  return TRUE;
}

static gboolean
on_room (gint fd, GIOCondition condition, gpointer data)
{
  const Watch *watch = data;
  UsbHost *h = watch->host;
  gboolean more = FALSE;

  vm_lock (watch->vm);
  if (!g_source_is_destroyed (g_main_current_source ()))
    {
      more = !send_unsent (h);
      if (!more)
        g_clear_pointer (&h->room, g_source_unref);
    }
  vm_unlock (watch->vm);
  return more;
}

static GSource *
watch_new (UsbHost *h, GIOCondition condition, GUnixFDSourceFunc func)
{
  GSource *source = g_unix_fd_source_new (h->socket, condition);
  const Watch watch = { h->usb.device.vm, h };

  g_source_set_callback (source, G_SOURCE_FUNC (func), g_memdup2 (&watch, sizeof watch), g_free);
  g_source_attach (source, h->usb.device.vm->context);
  return source;
}

static void
keep (UsbHost *h, const UsbWireHeader *header, const void *data, uint32_t n_data)
{
  GByteArray *message = g_byte_array_new ();

  g_byte_array_append (message, (const uint8_t *)header, sizeof *header);
  if (n_data > 0)
    g_byte_array_append (message, data, n_data);
  g_queue_push_tail (&h->unsent, g_byte_array_free_to_bytes (message));
  if (h->room == NULL)
    h->room = watch_new (h, G_IO_OUT, on_room);
}

uint32_t
host_ask (UsbHost *h, UsbWireOp op, unsigned pipe, unsigned endpoint, uint32_t length, uint32_t value,
          const void *data, uint32_t n_data)
{
  const uint32_t serial = ++h->serial << 8 | pipe;
  const UsbWireHeader header
      = { .op = op, .endpoint = (uint8_t)endpoint, .serial = serial, .length = length, .value = value };

  if (h->socket < 0 || g_queue_get_length (&h->unsent) >= MOST_UNSENT)
    return serial;
  if (!g_queue_is_empty (&h->unsent)
      || usb_wire_send (h->socket, &header, data, n_data, -1, FALSE) == -EAGAIN)
    keep (h, &header, data, n_data);
  return serial;
}

/* -- From the process ----------------------------------------------------------------------------------- */

const char *
usb_host_failure (unsigned failure)
{
  static const char *const texts[] = { [USB_FAILURE_GONE] = "it was pulled out of this computer",
                                       [USB_FAILURE_RIGHTS] = "this user may not open it",
                                       [USB_FAILURE_BUSY] = "another program uses it",
                                       [USB_FAILURE_DEVICE] = "it doesn't answer as a USB device should",
                                       [USB_FAILURE_LIBRARY] = "libusb can't be used here",
                                       [USB_FAILURE_CONFINE] = "its process couldn't be confined" };

  return failure < G_N_ELEMENTS (texts) ? texts[failure] : "its process has failed";
}

static void
notice (UsbHost *h, const char *name, const char *words)
{
  g_autofree char *sentence = g_strdup_printf ("%s (%s): %s", name, h->usb.device.id, words);

  h->config.notice (h->config.opaque, &h->usb, sentence);
}

static gboolean
take_descriptors (UsbHost *h, const UsbWire *m)
{
  g_autoptr (GError) error = NULL;

  if (h->ready || m->header.value >= USB_N_SPEEDS || m->n_data < DEVICE_SIZE || m->data[0] < DEVICE_SIZE
      || m->data[0] > m->n_data || m->data[1] != USB_DESCRIPTOR_DEVICE)
    return FALSE;
  h->ready = TRUE;
  h->descriptors = g_memdup2 (m->data, m->n_data);
  h->n_descriptors = m->n_data;
  h->description = (UsbDescription){ .vendor = usb_get16 (m->data + 8),
                                     .product = usb_get16 (m->data + 10),
                                     .speeds = 1u << m->header.value,
                                     .remote_wake = TRUE,
                                     .name = h->name,
                                     .n_interfaces = 1,
                                     .interfaces = &h->interface };
  usb_device_reset (&h->usb);
  if (!h->config.plug (h->config.opaque, &h->usb, &error))
    drop (h, error->message);
  else
    notice (h, h->name, "the machine has it");
  return TRUE;
}

/* FALSE: that makes no sense. */
static gboolean
hear (UsbHost *h)
{
  const UsbWire *m = &h->message;
  const unsigned pipe = m->header.serial & 0xff;

  switch (m->header.op)
    {
    case USB_WIRE_READY:
      return take_descriptors (h, m);
    case USB_WIRE_FAILED:
      drop (h, usb_host_failure (m->header.status));
      return TRUE;
    case USB_WIRE_DONE:
      if (!h->ready || m->header.status > USB_WIRE_STATUS_LAST)
        return FALSE;
      if (pipe == HOST_NO_PIPE)
        return TRUE;
      if (pipe >= HOST_PIPES)
        return FALSE;
      if (pipe == 0)
        host_control_answered (h, m);
      return pipe == 0 || host_pipe_answered (h, pipe, m);
    default:
      return FALSE;
    }
}

static gboolean
on_message (gint fd, GIOCondition condition, gpointer data)
{
  const Watch *watch = data;
  UsbHost *h = watch->host;
  gboolean alive = FALSE;

  vm_lock (watch->vm);
  for (unsigned i = 0; i < MESSAGES_A_TURN && !g_source_is_destroyed (g_main_current_source ()); i++)
    {
      int with, code = usb_wire_receive (h->socket, &h->message, &with);

      if (with >= 0)
        close (with);
      if (code == 1 && with < 0 && hear (h))
        continue;
      if (code == -EAGAIN)
        break;
      /* hear() may have dropped it. */
      if (h->socket >= 0)
        drop (h, code == 0 ? "its process has ended" : "its process said what makes no sense");
      break;
    }
  alive = !g_source_is_destroyed (g_main_current_source ());
  vm_unlock (watch->vm);
  return alive;
}

/* -- Coming and going ------------------------------------------------------------------------------------- */

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
clear_pipes (UsbHost *h)
{
  for (unsigned i = 0; i < HOST_PIPES; i++)
    host_pipe_clear (&h->pipes[i]);
}

void
usb_host_disconnect (UsbDevice *device)
{
  UsbHost *h = (UsbHost *)device;

  usb_device_detach (device);
  clear_source (&h->watch);
  clear_source (&h->room);
  g_queue_clear_full (&h->unsent, (GDestroyNotify)g_bytes_unref);
  if (h->socket >= 0)
    close (h->socket);
  h->socket = -1;
  h->ready = h->used = FALSE;
  h->interface.n_endpoints = 0;
  h->n_descriptors = 0;
  clear_pipes (h);
  g_clear_pointer (&h->descriptors, g_free);
  h->description.name = "";
  g_clear_pointer (&h->name, g_free);
}

static void
drop (UsbHost *h, const char *why)
{
  g_autofree char *name = g_strdup (h->name);

  usb_host_disconnect (&h->usb);
  notice (h, name, why);
}

void
usb_host_connect (UsbDevice *device, const char *name, int socket, int node)
{
  UsbHost *h = (UsbHost *)device;
  const UsbWireHeader header = { .op = USB_WIRE_OPEN };

  usb_host_disconnect (device);
  h->name = g_strdup (name);
  h->socket = socket;
  if (node >= 0)
    (void)usb_wire_send (socket, &header, NULL, 0, node, FALSE);
  h->watch = watch_new (h, G_IO_IN | G_IO_HUP | G_IO_ERR, on_message);
}

const char *
usb_host_name (const UsbDevice *device)
{
  return ((const UsbHost *)device)->name;
}

/* -- Life -------------------------------------------------------------------------------------------------- */

/* Reset signalling.  The device itself is reset where the guest has used it: some take it badly. */
static void
host_configured (UsbDevice *device)
{
  UsbHost *h = (UsbHost *)device;

  clear_pipes (h);
  memset (h->alternates, 0, sizeof h->alternates);
  host_find_endpoints (h);
  if (h->used)
    host_ask (h, USB_WIRE_RESET, HOST_NO_PIPE, 0, 0, 0, NULL, 0);
  h->used = FALSE;
}

static void
host_reset (Device *device)
{
  usb_device_reset ((UsbDevice *)device);
}

static gboolean
host_post_load (Device *device, GError **error)
{
  ((UsbHost *)device)->loaded = TRUE;
  return TRUE;
}

/* The guest that was loaded knows another one, or this one in a state that it isn't in. */
static void
host_resume (Device *device)
{
  UsbHost *h = (UsbHost *)device;
  UsbPort *port = h->usb.port;

  if (h->loaded && port != NULL)
    {
      usb_device_detach (&h->usb);
      usb_device_reset (&h->usb);
      (void)usb_port_attach (port, &h->usb, NULL);
    }
  h->loaded = FALSE;
}

static void
host_unrealize (Device *device)
{
  usb_host_disconnect ((UsbDevice *)device);
}

static const StateField host_state[] = { STATE_END };

static const DeviceClass host_class = {
  .name = "usb-host",
  .instance_size = sizeof (UsbHost),
  .state = host_state,
  .optional = TRUE,
  .reset = host_reset,
  .resume = host_resume,
  .post_load = host_post_load,
  .unrealize = host_unrealize,
};

UsbDevice *
usb_host_new (Vm *vm, const char *id, const UsbHostConfig *config, GError **error)
{
  UsbHost *h = device_new (vm, &host_class, id);

  h->config = *config;
  h->socket = -1;
  g_queue_init (&h->unsent);
  clear_pipes (h);
  h->description = (UsbDescription){ .name = "", .n_interfaces = 1, .interfaces = &h->interface };
  h->interface.endpoints = h->endpoints;
  h->model = (UsbModel){ .description = &h->description,
                         .in = host_pipe_in,
                         .out = host_pipe_out,
                         .configured = host_configured,
                         .control_stage = host_control_stage,
                         .cancelled = host_pipe_cancelled };
  h->usb.model = &h->model;
  if (device_realize (&h->usb.device, error))
    return &h->usb;
  device_free (&h->usb.device);
  return NULL;
}
