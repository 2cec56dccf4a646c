/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "viv-usb"

#include "usbhost/usb-helper.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MOST_TRANSFERS 512u
#define MOST_FDS       16u
#define PATIENCE_US    (2 * G_USEC_PER_SEC) /* for what was cancelled */
#define REQUEST_SIZE   8u
#define DIR_IN         0x80u

typedef struct
{
  int socket;
  const UsbBackend *backend;
  void *device;         /* NULL: none yet */
  GPtrArray *transfers; /* UsbTransfer *, under way */
  gboolean over;        /* the monitor is gone, or has said what makes no sense */
  UsbWire message;
} Helper;

void
usb_helper_fail (int socket, UsbWireFailure failure, int code)
{
  const UsbWireHeader header = { .op = USB_WIRE_FAILED, .status = (uint8_t)failure, .value = (uint32_t)code };

  (void)usb_wire_send (socket, &header, NULL, 0, -1, TRUE);
}

static void
answer (Helper *h, uint32_t serial, UsbWireStatus status, uint32_t length, uint32_t value, const void *data,
        uint32_t n_data)
{
  const UsbWireHeader header = {
    .op = USB_WIRE_DONE, .status = (uint8_t)status, .serial = serial, .length = length, .value = value
  };

  if (usb_wire_send (h->socket, &header, data, n_data, -1, TRUE) != 0)
    h->over = TRUE;
}

/* -- Transfers ------------------------------------------------------------------------------------------ */

static void
transfer_free (gpointer data)
{
  UsbTransfer *transfer = data;

  g_free (transfer->data);
  g_free (transfer);
}

/* Lengths, and what came, without gaps. */
static void
answer_iso (Helper *h, const UsbTransfer *transfer)
{
  const gboolean in = (transfer->endpoint & DIR_IN) != 0;
  g_autofree uint8_t *data = g_malloc0 (USB_WIRE_DATA);
  uint32_t from = 0, at = 2 * transfer->n_packets, total = 0;

  for (unsigned i = 0; i < transfer->n_packets; i++)
    {
      const uint32_t room = (transfer->length - from) / (transfer->n_packets - i);
      const uint32_t n = MIN (transfer->packets[i], in ? room : 0xffff);

      data[2 * i] = (uint8_t)n;
      data[2 * i + 1] = (uint8_t)(n >> 8);
      if (in && at + n <= USB_WIRE_DATA)
        {
          memcpy (data + at, transfer->data + from, n);
          at += n;
        }
      from += room;
      total += n;
    }
  answer (h, transfer->serial, transfer->status, total, transfer->n_packets, data, at);
}

static void
on_done (UsbTransfer *transfer)
{
  Helper *h = transfer->opaque;
  const uint32_t skip = transfer->kind == USB_WIRE_CONTROL ? REQUEST_SIZE : 0;
  const uint32_t actual = MIN (transfer->actual, transfer->length - MIN (skip, transfer->length));
  const gboolean in
      = ((transfer->kind == USB_WIRE_CONTROL ? transfer->data[0] : transfer->endpoint) & DIR_IN) != 0;

  if (transfer->kind == USB_WIRE_ISO)
    answer_iso (h, transfer);
  else
    answer (h, transfer->serial, transfer->status, actual, 0, transfer->data + skip, in ? actual : 0);
  g_ptr_array_remove_fast (h->transfers, transfer);
}

/* FALSE: no monitor says this. */
static gboolean
fill_control (UsbTransfer *transfer, const UsbWire *m)
{
  uint32_t length;

  if (m->n_data < REQUEST_SIZE)
    return FALSE;
  length = m->data[6] | (uint32_t)m->data[7] << 8;
  if (length > USB_WIRE_CONTROL_DATA || m->n_data != REQUEST_SIZE + (m->data[0] & DIR_IN ? 0 : length))
    return FALSE;
  transfer->length = REQUEST_SIZE + length;
  transfer->data = g_malloc0 (transfer->length);
  memcpy (transfer->data, m->data, m->n_data);
  return TRUE;
}

/* Each packet of an IN transfer has the same room, that of the largest. */
static gboolean
fill_iso (UsbTransfer *transfer, const UsbWire *m)
{
  const gboolean in = (m->header.endpoint & DIR_IN) != 0;
  const unsigned n = m->header.value;
  uint32_t total = 0, largest = 0;

  if (n == 0 || n > USB_WIRE_PACKETS_MAX || m->n_data < 2 * n)
    return FALSE;
  for (unsigned i = 0; i < n; i++)
    {
      transfer->packets[i] = m->data[2 * i] | (uint32_t)m->data[2 * i + 1] << 8;
      total += transfer->packets[i];
      largest = MAX (largest, transfer->packets[i]);
    }
  if (in)
    {
      for (unsigned i = 0; i < n; i++)
        transfer->packets[i] = largest;
      total = largest * n;
    }
  if (total > USB_WIRE_TRANSFER || m->n_data != 2 * n + (in ? 0 : total))
    return FALSE;
  transfer->n_packets = n;
  transfer->length = total;
  transfer->data = g_malloc0 (MAX (total, 1));
  if (!in)
    memcpy (transfer->data, m->data + 2 * n, total);
  return TRUE;
}

static gboolean
fill_data (UsbTransfer *transfer, const UsbWire *m)
{
  const gboolean in = (m->header.endpoint & DIR_IN) != 0;

  if (m->header.length > USB_WIRE_TRANSFER || m->n_data != (in ? 0 : m->header.length))
    return FALSE;
  transfer->length = m->header.length;
  transfer->data = g_malloc0 (MAX (transfer->length, 1));
  memcpy (transfer->data, m->data, m->n_data);
  return TRUE;
}

static gboolean
begin_transfer (Helper *h)
{
  const UsbWire *m = &h->message;
  UsbTransfer *transfer;
  gboolean ok;

  if (h->transfers->len >= MOST_TRANSFERS || (m->header.endpoint & ~(DIR_IN | 0xfu)) != 0
      || ((m->header.endpoint & 0xf) == 0) != (m->header.op == USB_WIRE_CONTROL))
    return FALSE;
  transfer = g_new0 (UsbTransfer, 1);
  transfer->kind = (UsbWireOp)m->header.op;
  transfer->endpoint = m->header.endpoint;
  transfer->serial = m->header.serial;
  transfer->done = on_done;
  transfer->opaque = h;
  ok = m->header.op == USB_WIRE_CONTROL ? fill_control (transfer, m)
       : m->header.op == USB_WIRE_ISO   ? fill_iso (transfer, m)
                                        : fill_data (transfer, m);
  if (!ok)
    {
      transfer_free (transfer);
      return FALSE;
    }
  g_ptr_array_add (h->transfers, transfer);
  if (!h->backend->submit (h->device, transfer))
    {
      answer (h, transfer->serial, USB_WIRE_ERROR, 0, 0, NULL, 0);
      g_ptr_array_remove_fast (h->transfers, transfer);
    }
  return TRUE;
}

/* Of all endpoints but 0 where `endpoint` is 0x100. */
static gboolean
is_meant (const UsbTransfer *transfer, unsigned endpoint)
{
  return endpoint == 0x100 || transfer->endpoint == endpoint;
}

static unsigned
count (const Helper *h, unsigned endpoint)
{
  unsigned n = 0;

  for (guint i = 0; i < h->transfers->len; i++)
    n += is_meant (g_ptr_array_index (h->transfers, i), endpoint);
  return n;
}

/* And waits until they have ended, for a while. */
static void
cancel (Helper *h, unsigned endpoint)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE_US;
  struct pollfd fds[MOST_FDS];

  for (guint i = 0; i < h->transfers->len; i++)
    if (is_meant (g_ptr_array_index (h->transfers, i), endpoint))
      h->backend->cancel (h->device, g_ptr_array_index (h->transfers, i));
  while (count (h, endpoint) > 0 && g_get_monotonic_time () < end)
    {
      int timeout = -1;
      const unsigned n = h->backend->wait (h->device, fds, MOST_FDS, &timeout);

      (void)poll (fds, n, timeout < 0 ? 100 : MIN (timeout, 100));
      if (!h->backend->handle (h->device))
        break;
    }
}

/* -- Questions -------------------------------------------------------------------------------------------- */

static gboolean
open_device (Helper *h, int node)
{
  UsbWireFailure failure = USB_FAILURE_DEVICE;
  UsbWireHeader header = { .op = USB_WIRE_READY };
  int code = h->backend->open (node, &h->device, &failure);

  if (code == 0)
    {
      header.value = h->backend->speed (h->device);
      header.length = h->backend->descriptors (h->device, h->message.data, USB_WIRE_DATA);
      if (header.length > 0)
        return usb_wire_send (h->socket, &header, h->message.data, header.length, -1, TRUE) == 0;
      failure = USB_FAILURE_DEVICE;
    }
  usb_helper_fail (h->socket, failure, code);
  return FALSE;
}

static gboolean
carry_out (Helper *h)
{
  const UsbWireHeader *m = &h->message.header;
  UsbWireStatus status;

  switch (m->op)
    {
    case USB_WIRE_CONTROL:
    case USB_WIRE_BULK:
    case USB_WIRE_INTERRUPT:
    case USB_WIRE_ISO:
      return begin_transfer (h);
    case USB_WIRE_CANCEL:
      cancel (h, m->endpoint);
      status = USB_WIRE_OK;
      break;
    case USB_WIRE_CONFIGURE:
      cancel (h, 0x100);
      status = h->backend->configure (h->device, m->value & 0xff);
      break;
    case USB_WIRE_INTERFACE: /* the kernel ends what is under way there, and nothing else */
      status = h->backend->interface (h->device, m->endpoint, m->value & 0xff);
      break;
    case USB_WIRE_CLEAR_HALT:
      cancel (h, m->endpoint);
      status = h->backend->clear_halt (h->device, m->endpoint);
      break;
    case USB_WIRE_RESET:
      cancel (h, 0x100);
      status = h->backend->reset (h->device);
      break;
    default:
      return FALSE;
    }
  answer (h, m->serial, status, 0, 0, NULL, 0);
  return h->message.n_data == 0;
}

/* FALSE: it is over. */
static gboolean
hear (Helper *h)
{
  int fd, code = usb_wire_receive (h->socket, &h->message, &fd);
  gboolean ok = FALSE;

  if (code == -EAGAIN)
    return TRUE;
  if (code == 1 && h->device == NULL)
    ok = h->message.header.op == USB_WIRE_OPEN && fd >= 0 && open_device (h, fd);
  else if (code == 1)
    ok = fd < 0 && carry_out (h);
  /* The library has one of its own. */
  if (fd >= 0)
    close (fd);
  return ok && !h->over;
}

static void
serve (Helper *h)
{
  for (;;)
    {
      struct pollfd fds[1 + MOST_FDS] = { { h->socket, POLLIN, 0 } };
      int timeout = -1;
      const unsigned n = h->device != NULL ? h->backend->wait (h->device, fds + 1, MOST_FDS, &timeout) : 0;

      if (poll (fds, 1 + n, timeout) < 0 && errno != EINTR)
        return;
      if (h->device != NULL && !h->backend->handle (h->device))
        {
          usb_helper_fail (h->socket, USB_FAILURE_GONE, 0);
          return;
        }
      if (h->over || (fds[0].revents != 0 && !hear (h)))
        return;
    }
}

gboolean
usb_helper_serve (int socket, int node, const UsbBackend *backend)
{
  g_autofree Helper *h = g_new0 (Helper, 1);
  gboolean ok = TRUE;

  h->socket = socket;
  h->backend = backend;
  h->transfers = g_ptr_array_new_with_free_func (transfer_free);
  if (node >= 0)
    ok = open_device (h, node);
  if (ok)
    serve (h);
  if (h->device != NULL)
    {
      cancel (h, 0x100);
      cancel (h, 0);
      /* What the library still has is the library's: it must not lose it under way. */
      if (h->transfers->len == 0)
        backend->close (h->device);
    }
  if (h->transfers->len == 0)
    g_ptr_array_unref (h->transfers);
  return ok;
}
