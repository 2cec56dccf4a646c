/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Endpoints of a host's device but endpoint 0.
 *
 * Of a bulk or interrupt endpoint one question is under way.  What came for a question that nobody asks any more stays for the next one, as it would in the
 * device; what was sent for one is compared with the next, so that a driver that stops an endpoint and goes on sends nothing twice.  Isochronous endpoints have a few
 * questions of some packets each under way as long as the guest asks, and a packet that isn't here in time is an empty one.
 */
#define G_LOG_DOMAIN "usb-host"

#include "usb/host-private.h"

#include <string.h>

#define ISO_ON_WAY     4u
#define ISO_OUT_ON_WAY 8u
#define ISO_KEPT       128u /* packets */

void
host_pipe_clear (HostPipe *pipe)
{
  g_clear_pointer (&pipe->data, g_free);
  g_queue_clear_full (&pipe->packets, (GDestroyNotify)g_bytes_unref);
  g_clear_pointer (&pipe->batch, g_byte_array_unref);
  memset (pipe, 0, sizeof *pipe);
  g_queue_init (&pipe->packets);
}

static const UsbEndpoint *
find (const UsbHost *h, unsigned address)
{
  for (unsigned i = 0; i < h->interface.n_endpoints; i++)
    if (h->endpoints[i].address == address)
      return &h->endpoints[i];
  return NULL;
}

static unsigned
type_of (const UsbHost *h, unsigned address)
{
  const UsbEndpoint *endpoint = find (h, address);

  return endpoint != NULL ? endpoint->attributes & 3 : USB_ENDPOINT_BULK;
}

static UsbWireOp
op_of (const UsbHost *h, unsigned address)
{
  return type_of (h, address) == USB_ENDPOINT_INTERRUPT ? USB_WIRE_INTERRUPT : USB_WIRE_BULK;
}

/* It is over, for the guest. */
static UsbStatus
end (HostPipe *pipe)
{
  static const UsbStatus statuses[] = { [USB_WIRE_OK] = USB_OK,
                                        [USB_WIRE_STALLED] = USB_STALL,
                                        [USB_WIRE_BABBLE] = USB_BABBLE,
                                        [USB_WIRE_ERROR] = USB_GONE,
                                        [USB_WIRE_CANCELLED] = USB_OK };
  const UsbStatus status = statuses[pipe->status];

  pipe->ask = ASK_IDLE;
  pipe->cancelled = FALSE;
  pipe->length = pipe->actual = pipe->position = 0;
  g_clear_pointer (&pipe->data, g_free);
  return status;
}

/* -- Isochronous -------------------------------------------------------------------------------------------- */

static unsigned
packets_of (const UsbHost *h, uint32_t size)
{
  const unsigned wanted = h->usb.speed >= USB_SPEED_HIGH ? USB_WIRE_PACKETS_MAX : 8;

  return CLAMP (USB_WIRE_TRANSFER / MAX (size, 1), 1, wanted);
}

static UsbStatus
iso_in (UsbHost *h, unsigned address, HostPipe *pipe, uint8_t *data, uint32_t length, uint32_t *actual)
{
  const uint32_t size = MIN (usb_device_packet_size (&h->usb, address), 0xffffu);
  const unsigned n = packets_of (h, size);
  g_autoptr (GBytes) packet = NULL;
  uint8_t lengths[2 * USB_WIRE_PACKETS_MAX];

  for (unsigned i = 0; i < n; i++)
    {
      lengths[2 * i] = (uint8_t)size;
      lengths[2 * i + 1] = (uint8_t)(size >> 8);
    }
  /* There is room for all that can come. */
  for (;
       pipe->on_way < ISO_ON_WAY && g_queue_get_length (&pipe->packets) + (pipe->on_way + 1) * n <= ISO_KEPT;
       pipe->on_way++)
    host_ask (h, USB_WIRE_ISO, host_pipe_index (address), address, 0, n, lengths, 2 * n);
  packet = g_queue_pop_head (&pipe->packets);
  if (packet == NULL)
    return USB_OK;
  const uint32_t got = (uint32_t)g_bytes_get_size (packet);
  *actual = MIN (got, length);
  if (*actual > 0)
    memcpy (data, g_bytes_get_data (packet, NULL), *actual);
  return got > length ? USB_BABBLE : USB_OK;
}

static UsbStatus
iso_out (UsbHost *h, unsigned address, HostPipe *pipe, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  const uint32_t size = usb_device_packet_size (&h->usb, address);

  *actual = length;
  if (length > MIN (size, 0xffffu))
    return USB_BABBLE;
  if (pipe->batch == NULL)
    pipe->batch = g_byte_array_new ();
  g_byte_array_append (pipe->batch, data, length);
  pipe->lengths[pipe->n_batch++] = (uint16_t)length;
  if (pipe->n_batch < packets_of (h, size))
    return USB_OK;
  /* A host that doesn't keep up loses some. */
  if (pipe->on_way < ISO_OUT_ON_WAY)
    {
      uint8_t lengths[2 * USB_WIRE_PACKETS_MAX];

      for (unsigned i = 0; i < pipe->n_batch; i++)
        {
          lengths[2 * i] = (uint8_t)pipe->lengths[i];
          lengths[2 * i + 1] = (uint8_t)(pipe->lengths[i] >> 8);
        }
      g_byte_array_prepend (pipe->batch, lengths, 2 * pipe->n_batch);
      host_ask (h, USB_WIRE_ISO, host_pipe_index (address), address, 0, pipe->n_batch, pipe->batch->data,
                pipe->batch->len);
      pipe->on_way++;
    }
  g_byte_array_set_size (pipe->batch, 0);
  pipe->n_batch = 0;
  return USB_OK;
}

static gboolean
iso_answered (HostPipe *pipe, gboolean in, const UsbWire *m)
{
  const unsigned n = m->header.value;
  uint32_t at = 2 * n;

  if (pipe->on_way == 0 || n > USB_WIRE_PACKETS_MAX || m->n_data < at)
    return FALSE;
  pipe->on_way--;
  for (unsigned i = 0; in && i < n; i++)
    {
      const uint32_t length = usb_get16 (m->data + 2 * i);

      if (length > m->n_data - at)
        return FALSE;
      if (g_queue_get_length (&pipe->packets) < ISO_KEPT)
        g_queue_push_tail (&pipe->packets, g_bytes_new (m->data + at, length));
      at += length;
    }
  return TRUE;
}

/* -- Bulk and interrupt --------------------------------------------------------------------------------------- */

UsbStatus
host_pipe_in (UsbDevice *device, unsigned endpoint, uint8_t *data, uint32_t length, uint32_t *actual)
{
  UsbHost *h = (UsbHost *)device;
  const unsigned address = endpoint | USB_DIR_IN, index = host_pipe_index (address);
  HostPipe *pipe = &h->pipes[index];

  if (type_of (h, address) == USB_ENDPOINT_ISO)
    return iso_in (h, address, pipe, data, length, actual);
  if (pipe->ask == ASK_READY && pipe->status == USB_WIRE_CANCELLED && pipe->actual == 0)
    end (pipe);
  if (pipe->ask == ASK_IDLE)
    {
      pipe->serial
          = host_ask (h, op_of (h, address), index, address, MIN (length, USB_WIRE_TRANSFER), 0, NULL, 0);
      pipe->ask = ASK_WAITS;
    }
  if (pipe->ask == ASK_WAITS)
    return USB_NAK;
  *actual = MIN (length, pipe->actual - pipe->position);
  if (*actual > 0)
    memcpy (data, pipe->data + pipe->position, *actual);
  pipe->position += *actual;
  return pipe->position < pipe->actual ? USB_OK : end (pipe);
}

static gboolean
is_same (const HostPipe *pipe, const uint8_t *data, uint32_t length)
{
  return pipe->length == length && (length == 0 || memcmp (pipe->data, data, length) == 0);
}

UsbStatus
host_pipe_out (UsbDevice *device, unsigned endpoint, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  UsbHost *h = (UsbHost *)device;
  HostPipe *pipe = &h->pipes[host_pipe_index (endpoint)];

  if (type_of (h, endpoint) == USB_ENDPOINT_ISO)
    return iso_out (h, endpoint, pipe, data, length, actual);
  length = MIN (length, USB_WIRE_TRANSFER);
  if (pipe->ask == ASK_WAITS)
    {
      if (!is_same (pipe, data, length))
        host_pipe_cancelled (device, endpoint);
      return USB_NAK;
    }
  if (pipe->ask == ASK_READY)
    {
      const gboolean same = is_same (pipe, data, length);
      const gboolean rest = pipe->status == USB_WIRE_CANCELLED && pipe->actual < length;

      if (same)
        *actual = MIN (pipe->actual, length);
      const UsbStatus status = end (pipe);
      if (same && !(rest && *actual == 0))
        return rest ? USB_NAK : status;
    }
  pipe->data = length > 0 ? g_memdup2 (data, length) : NULL;
  pipe->length = length;
  pipe->serial
      = host_ask (h, op_of (h, endpoint), host_pipe_index (endpoint), endpoint, length, 0, data, length);
  pipe->ask = ASK_WAITS;
  return USB_NAK;
}

void
host_pipe_cancelled (UsbDevice *device, unsigned endpoint)
{
  UsbHost *h = (UsbHost *)device;
  HostPipe *pipe = &h->pipes[host_pipe_index (endpoint)];

  if ((endpoint & 0xf) == 0 || pipe->ask != ASK_WAITS || pipe->cancelled)
    return;
  pipe->cancelled = TRUE;
  host_ask (h, USB_WIRE_CANCEL, HOST_NO_PIPE, endpoint, 0, 0, NULL, 0);
}

gboolean
host_pipe_answered (UsbHost *h, unsigned index, const UsbWire *m)
{
  HostPipe *pipe = &h->pipes[index];
  const gboolean in = index >= 16;
  const unsigned address = (index & 0xf) | (in ? USB_DIR_IN : 0);

  if (type_of (h, address) == USB_ENDPOINT_ISO)
    return iso_answered (pipe, in, m) || pipe->on_way == 0;
  /* To a question of before a reset. */
  if (pipe->ask != ASK_WAITS || m->header.serial != pipe->serial)
    return TRUE;
  if (m->header.length > USB_WIRE_TRANSFER || m->n_data != (in ? m->header.length : 0))
    return FALSE;
  pipe->ask = ASK_READY;
  pipe->status = (UsbWireStatus)m->header.status;
  pipe->actual = m->header.length;
  pipe->position = 0;
  if (in && m->n_data > 0)
    pipe->data = g_memdup2 (m->data, m->n_data);
  usb_device_wake (&h->usb, address);
  return TRUE;
}
