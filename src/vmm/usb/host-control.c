/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Endpoint 0 of a host's device.  USB 2.0, 8.5.3 and 9.4: most requests go to the device as they are; its address is the machine's affair, and what changes
 * configuration, settings and halts is asked of the host's kernel, which keeps count of them.
 */
#define G_LOG_DOMAIN "usb-host"

#include "usb/host-private.h"

#include <string.h>

#define FEATURE_HALT 0u

enum
{
  SET_ADDRESS = USB_SET_ADDRESS,
  SET_CONFIGURATION = USB_SET_CONFIGURATION,
  SET_INTERFACE = USB_RECIPIENT_INTERFACE << 8 | USB_SET_INTERFACE,
  CLEAR_ENDPOINT = USB_RECIPIENT_ENDPOINT << 8 | USB_CLEAR_FEATURE,
};

/* -- Descriptors: 9.6.  They are the device's, and may say anything --------------------------------------------- */

static void
add_endpoint (UsbHost *h, const uint8_t *d, const uint8_t *companion)
{
  const unsigned speed = h->usb.speed, size = usb_get16 (d + 4), number = d[2] & 0xf;
  UsbEndpoint *endpoint = &h->endpoints[h->interface.n_endpoints];
  uint32_t packet = size & 0x7ff;

  if (number == 0 || h->interface.n_endpoints >= HOST_PIPES - 2)
    return;
  for (unsigned i = 0; i < h->interface.n_endpoints; i++)
    if (h->endpoints[i].address == (d[2] & 0x8f))
      return;
  if ((d[3] & 3) == USB_ENDPOINT_ISO && speed == USB_SPEED_HIGH)
    packet *= 1 + (size >> 11 & 3);
  if ((d[3] & 3) == USB_ENDPOINT_ISO && speed == USB_SPEED_SUPER && companion != NULL)
    packet = MAX (usb_get16 (companion + 4), packet);
  memset (endpoint, 0, sizeof *endpoint);
  endpoint->address = d[2] & 0x8f;
  endpoint->attributes = d[3] & 3;
  endpoint->max_packet[speed] = (uint16_t)packet;
  endpoint->interval[speed] = d[6];
  h->interface.n_endpoints++;
}

/* The configuration's bytes within all descriptors; NULL: there is none. */
static const uint8_t *
find_configuration (const UsbHost *h, uint32_t *length)
{
  uint32_t at = h->n_descriptors > 0 ? h->descriptors[0] : 0;

  while (at + 9 <= h->n_descriptors)
    {
      const uint8_t *d = h->descriptors + at;
      const uint32_t whole = usb_get16 (d + 2);

      if (d[1] != USB_DESCRIPTOR_CONFIGURATION || whole < 9 || whole > h->n_descriptors - at)
        return NULL;
      if (d[5] == h->usb.configuration)
        {
          *length = whole;
          return d;
        }
      at += whole;
    }
  return NULL;
}

void
host_find_endpoints (UsbHost *h)
{
  uint32_t length = 0;
  const uint8_t *d = h->usb.configuration != 0 ? find_configuration (h, &length) : NULL;
  gboolean active = FALSE;

  h->interface.n_endpoints = 0;
  for (uint32_t at = 0; d != NULL && at + 2 <= length && d[at] >= 2 && d[at] <= length - at; at += d[at])
    if (d[at + 1] == USB_DESCRIPTOR_INTERFACE && d[at] >= 9)
      active = d[at + 2] < HOST_INTERFACES && d[at + 3] == h->alternates[d[at + 2]];
    else if (d[at + 1] == USB_DESCRIPTOR_ENDPOINT && d[at] >= 7 && active)
      {
        const uint32_t behind = at + d[at];
        const gboolean companion
            = behind + 6 <= length && d[behind] >= 6 && d[behind + 1] == USB_DESCRIPTOR_SS_COMPANION;

        add_endpoint (h, d + at, companion ? d + behind : NULL);
      }
}

/* -- Requests --------------------------------------------------------------------------------------------------- */

/* Of a standard request to the device, by recipient and number; -1: others. */
static int
which (const UsbDevice *device)
{
  const uint8_t type = device->setup[0];

  if (type & (USB_DIR_IN | USB_TYPE_MASK))
    return -1;
  return (type & USB_RECIPIENT_MASK) << 8 | device->setup[1];
}

static void
begin (UsbHost *h)
{
  UsbDevice *device = &h->usb;
  HostPipe *pipe = &h->pipes[0];
  const unsigned value = usb_get16 (device->setup + 2), index = usb_get16 (device->setup + 4);
  const uint32_t n = device->setup[0] & USB_DIR_IN ? 0 : device->control_length;
  uint8_t request[USB_SETUP_SIZE + USB_WIRE_CONTROL_DATA];

  pipe->ask = ASK_WAITS;
  pipe->status = USB_WIRE_OK;
  pipe->actual = 0;
  switch (which (device))
    {
    case SET_ADDRESS:
      pipe->ask = ASK_READY;
      return;
    case SET_CONFIGURATION:
      for (unsigned i = 1; i < HOST_PIPES; i++)
        host_pipe_clear (&h->pipes[i]);
      pipe->serial = host_ask (h, USB_WIRE_CONFIGURE, 0, 0, 0, value & 0xff, NULL, 0);
      return;
    case SET_INTERFACE:
      pipe->serial = host_ask (h, USB_WIRE_INTERFACE, 0, index & 0xff, 0, value & 0xff, NULL, 0);
      return;
    case CLEAR_ENDPOINT:
      if (value != FEATURE_HALT || (index & 0xf) == 0)
        break;
      host_pipe_clear (&h->pipes[host_pipe_index (index & 0x8f)]);
      pipe->serial = host_ask (h, USB_WIRE_CLEAR_HALT, 0, index & 0x8f, 0, 0, NULL, 0);
      return;
    default:
      break;
    }
  memcpy (request, device->setup, USB_SETUP_SIZE);
  memcpy (request + USB_SETUP_SIZE, h->control_data, n);
  pipe->serial = host_ask (h, USB_WIRE_CONTROL, 0, 0, 0, 0, request, USB_SETUP_SIZE + n);
}

/* The host has done it; so has the device. */
static void
carried_out (UsbHost *h)
{
  UsbDevice *device = &h->usb;
  const unsigned value = usb_get16 (device->setup + 2), index = usb_get16 (device->setup + 4);

  switch (which (device))
    {
    case SET_ADDRESS:
      device->address = value & 0x7f;
      break;
    case SET_CONFIGURATION:
      device->configuration = value & 0xff;
      device->halted_in = device->halted_out = 0;
      h->used |= device->configuration != 0;
      memset (h->alternates, 0, sizeof h->alternates);
      host_find_endpoints (h);
      break;
    case SET_INTERFACE:
      if (index < HOST_INTERFACES)
        h->alternates[index] = value & 0xff;
      host_find_endpoints (h);
      /* Those that are there no more, or are other ones now. */
      for (unsigned i = 1; i < HOST_PIPES; i++)
        if (h->pipes[i].on_way > 0
            && usb_device_packet_size (device, (i & 0xf) | (i >= 16 ? USB_DIR_IN : 0)) == 0)
          host_pipe_clear (&h->pipes[i]);
      break;
    case CLEAR_ENDPOINT:
      if (index & USB_DIR_IN)
        device->halted_in &= (uint16_t) ~(1u << (index & 0xf));
      else
        device->halted_out &= (uint16_t) ~(1u << (index & 0xf));
      break;
    default:
      break;
    }
}

void
host_control_answered (UsbHost *h, const UsbWire *m)
{
  HostPipe *pipe = &h->pipes[0];

  if (pipe->ask != ASK_WAITS || m->header.serial != pipe->serial)
    return;
  pipe->ask = ASK_READY;
  pipe->status = (UsbWireStatus)m->header.status;
  if (h->usb.setup[0] & USB_DIR_IN)
    {
      pipe->actual = MIN (MIN (m->n_data, USB_WIRE_CONTROL_DATA), usb_get16 (h->usb.setup + 6));
      memcpy (h->control_data, m->data, pipe->actual);
    }
  usb_device_wake (&h->usb, USB_DIR_IN);
}

/* -- Stages: 8.5.3 ------------------------------------------------------------------------------------------------- */

static UsbStatus
on_setup (UsbHost *h, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  UsbDevice *device = &h->usb;
  HostPipe *pipe = &h->pipes[0];

  if (length != USB_SETUP_SIZE)
    return USB_STALL;
  if (pipe->ask == ASK_WAITS) /* the driver has given up */
    host_ask (h, USB_WIRE_CANCEL, HOST_NO_PIPE, 0, 0, 0, NULL, 0);
  host_pipe_clear (pipe);
  memcpy (device->setup, data, USB_SETUP_SIZE);
  *actual = length;
  device->control_position = 0;
  device->control_length = usb_get16 (data + 6);
  device->stage = device->control_length > USB_WIRE_CONTROL_DATA ? USB_STAGE_STALL
                  : device->control_length == 0                  ? USB_STAGE_STATUS
                  : data[0] & USB_DIR_IN                         ? USB_STAGE_IN
                                                                 : USB_STAGE_OUT;
  return USB_OK;
}

/* USB_OK: the device has done it. */
static UsbStatus
answer_of (UsbHost *h)
{
  HostPipe *pipe = &h->pipes[0];

  if (pipe->ask == ASK_IDLE)
    begin (h);
  if (pipe->ask == ASK_WAITS)
    return USB_NAK;
  if (pipe->status == USB_WIRE_OK)
    return USB_OK;
  h->usb.stage = USB_STAGE_STALL;
  return pipe->status == USB_WIRE_STALLED ? USB_STALL : USB_GONE;
}

static UsbStatus
on_status_in (UsbHost *h)
{
  const UsbStatus status = answer_of (h);

  if (status != USB_OK)
    return status;
  h->usb.stage = USB_STAGE_IDLE;
  carried_out (h);
  return USB_OK;
}

static UsbStatus
on_data_in (UsbHost *h, uint8_t *data, uint32_t length, uint32_t *actual)
{
  const UsbStatus status = answer_of (h);
  uint32_t *position = &h->usb.control_position;

  if (status != USB_OK)
    return status;
  *actual = MIN (h->pipes[0].actual - MIN (*position, h->pipes[0].actual), length);
  memcpy (data, h->control_data + *position, *actual);
  *position += *actual;
  return USB_OK;
}

static UsbStatus
on_data_out (UsbHost *h, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  UsbDevice *device = &h->usb;

  if (length > device->control_length - device->control_position)
    {
      device->stage = USB_STAGE_STALL;
      return USB_STALL;
    }
  memcpy (h->control_data + device->control_position, data, length);
  device->control_position += length;
  *actual = length;
  return USB_OK;
}

UsbStatus
host_control_stage (UsbDevice *device, UsbPid pid, uint8_t *data, uint32_t length, uint32_t *actual)
{
  UsbHost *h = (UsbHost *)device;

  if (h->socket < 0)
    return USB_GONE;
  if (pid == USB_PID_SETUP)
    return on_setup (h, data, length, actual);
  switch (device->stage)
    {
    case USB_STAGE_IN:
      if (pid == USB_PID_IN)
        return on_data_in (h, data, length, actual);
      device->stage = USB_STAGE_IDLE;
      return length == 0 ? USB_OK : USB_STALL;
    case USB_STAGE_OUT:
      if (pid == USB_PID_OUT)
        return on_data_out (h, data, length, actual);
      return device->control_position == device->control_length ? on_status_in (h) : USB_STALL;
    case USB_STAGE_STATUS:
      return pid == USB_PID_IN ? on_status_in (h) : USB_STALL;
    default:
      return USB_STALL;
    }
}
