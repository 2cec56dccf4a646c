/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB devices: endpoint 0 with the requests of chapter 9, halts, and the way to and from a port.
 */
#define G_LOG_DOMAIN "usb"

#include "usb/usb.h"

#include <gio/gio.h>
#include <string.h>

/* Table 9-6 */
enum
{
  FEATURE_HALT = 0,
  FEATURE_REMOTE_WAKE = 1,
  FEATURE_U1 = 48,
  FEATURE_U2 = 49,
};

const StateField usb_device_state[] = {
  STATE_U8_MAX (UsbDevice, address, 127),
  STATE_U8_MAX (UsbDevice, configuration, 1), /* of devices that are saved */
  STATE_BOOL (UsbDevice, remote_wake),
  STATE_BOOL (UsbDevice, suspended),
  STATE_U16 (UsbDevice, halted_in),
  STATE_U16 (UsbDevice, halted_out),
  STATE_U8_ARRAY (UsbDevice, setup),
  STATE_U8_MAX (UsbDevice, stage, USB_STAGE_LAST),
  STATE_U32_MAX (UsbDevice, control_length, USB_CONTROL_MAX),
  STATE_U32_MAX (UsbDevice, control_position, USB_CONTROL_MAX),
  STATE_U8_ARRAY (UsbDevice, control_data),
  STATE_END,
};

const UsbInterface *
usb_device_interface (const UsbDevice *device, unsigned n)
{
  const UsbInterface *interface = &device->model->description->interfaces[n];

  return n == 0 && device->alternate != 0 && interface->alternate != NULL ? interface->alternate : interface;
}

static const UsbEndpoint *
find_endpoint (const UsbDevice *device, unsigned address)
{
  const UsbDescription *d = device->model->description;

  for (unsigned i = 0; i < d->n_interfaces; i++)
    {
      const UsbInterface *interface = usb_device_interface (device, i);

      for (unsigned e = 0; e < interface->n_endpoints; e++)
        if (interface->endpoints[e].address == address)
          return &interface->endpoints[e];
    }
  return NULL;
}

unsigned
usb_device_packet_size (const UsbDevice *device, unsigned address)
{
  static const uint16_t zero[USB_N_SPEEDS] = { 8, 64, 64, 512 };
  const UsbEndpoint *endpoint = find_endpoint (device, address);

  if ((address & 0xf) == 0)
    return zero[device->speed];
  return endpoint != NULL ? endpoint->max_packet[device->speed] : 0;
}

/* -- Halts -------------------------------------------------------------------------------------------- */

static uint16_t *
halts (UsbDevice *device, unsigned endpoint)
{
  return endpoint & USB_DIR_IN ? &device->halted_in : &device->halted_out;
}

static gboolean
is_halted (UsbDevice *device, unsigned endpoint)
{
  return *halts (device, endpoint) >> (endpoint & 0xf) & 1;
}

void
usb_device_halt (UsbDevice *device, unsigned endpoint)
{
  *halts (device, endpoint) |= (uint16_t)(1u << (endpoint & 0xf));
}

static void
clear_halt (UsbDevice *device, unsigned endpoint)
{
  *halts (device, endpoint) &= (uint16_t) ~(1u << (endpoint & 0xf));
  if (device->model->unhalted != NULL)
    device->model->unhalted (device, endpoint);
}

/* -- Requests of chapter 9 ------------------------------------------------------------------------------ */

static void
configure (UsbDevice *device, unsigned configuration)
{
  device->configuration = (uint8_t)configuration;
  device->alternate = 0;
  device->halted_in = device->halted_out = 0;
  if (device->model->configured != NULL)
    device->model->configured (device);
}

/* 9.4.10 */
static gboolean
set_interface (UsbDevice *device, unsigned n, unsigned alternate)
{
  const UsbDescription *d = device->model->description;

  if (n >= d->n_interfaces
      || alternate
             > (n == 0 && d->interfaces[0].alternate != NULL && device->speed >= USB_SPEED_HIGH ? 1 : 0))
    return FALSE;
  if (n != 0 || d->interfaces[0].alternate == NULL || device->configuration == 0)
    return alternate == 0;
  device->alternate = (uint8_t)alternate;
  device->halted_in = device->halted_out = 0;
  if (device->model->configured != NULL)
    device->model->configured (device);
  return TRUE;
}

static gboolean
set_feature (UsbDevice *device, const UsbSetup *setup, gboolean on)
{
  const unsigned endpoint = setup->index & 0x8f;

  switch (setup->type & USB_RECIPIENT_MASK)
    {
    case USB_RECIPIENT_DEVICE:
      if (setup->value == FEATURE_REMOTE_WAKE && device->model->description->remote_wake)
        device->remote_wake = on;
      else if (device->speed != USB_SPEED_SUPER || (setup->value != FEATURE_U1 && setup->value != FEATURE_U2))
        return FALSE;
      return TRUE;
    case USB_RECIPIENT_INTERFACE: /* super speed suspends functions by this */
      return device->speed == USB_SPEED_SUPER && setup->value == 0;
    case USB_RECIPIENT_ENDPOINT:
      if (setup->value != FEATURE_HALT || (endpoint & 0xf) == 0 || find_endpoint (device, endpoint) == NULL)
        return FALSE;
      if (on)
        usb_device_halt (device, endpoint);
      else
        clear_halt (device, endpoint);
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
get_status (UsbDevice *device, const UsbSetup *setup, uint8_t *data)
{
  const UsbDescription *d = device->model->description;

  data[0] = data[1] = 0;
  switch (setup->type & USB_RECIPIENT_MASK)
    {
    case USB_RECIPIENT_DEVICE:
      data[0] = (uint8_t)((d->self_powered ? 1 : 0) | (device->remote_wake ? 2 : 0));
      return TRUE;
    case USB_RECIPIENT_INTERFACE:
      return setup->index < d->n_interfaces;
    case USB_RECIPIENT_ENDPOINT:
      if ((setup->index & 0xf) != 0 && find_endpoint (device, setup->index & 0x8f) == NULL)
        return FALSE;
      data[0] = is_halted (device, setup->index & 0x8f);
      return TRUE;
    default:
      return FALSE;
    }
}

/* FALSE: not one of these, or refused. */
static gboolean
standard (UsbDevice *device, const UsbSetup *setup, uint8_t *data, uint32_t *length)
{
  const unsigned recipient = setup->type & USB_RECIPIENT_MASK;
  const gboolean in = (setup->type & USB_DIR_IN) != 0;

  if (in)
    *length = 0;
  switch (setup->request)
    {
    case USB_GET_STATUS:
      *length = 2;
      return in && get_status (device, setup, data);
    case USB_CLEAR_FEATURE:
    case USB_SET_FEATURE:
      return !in && set_feature (device, setup, setup->request == USB_SET_FEATURE);
    case USB_SET_ADDRESS: /* done at the end of its status stage */
      return !in && recipient == USB_RECIPIENT_DEVICE && setup->value <= 127;
    case USB_GET_DESCRIPTOR:
      if (in && recipient == USB_RECIPIENT_DEVICE)
        *length = usb_descriptor (device, setup->value >> 8, setup->value & 0xff, data);
      return *length > 0;
    case USB_GET_CONFIGURATION:
      data[0] = device->configuration;
      *length = 1;
      return in;
    case USB_SET_CONFIGURATION:
      if (in || setup->value > 1)
        return FALSE;
      configure (device, setup->value);
      return TRUE;
    case USB_GET_INTERFACE:
      data[0] = setup->index == 0 ? device->alternate : 0;
      *length = 1;
      return in && setup->index < device->model->description->n_interfaces;
    case USB_SET_INTERFACE:
      return !in && set_interface (device, setup->index, setup->value);
    case USB_SET_SEL:
    case USB_SET_ISOCH_DELAY:
      return !in && device->speed == USB_SPEED_SUPER;
    default:
      return FALSE;
    }
}

/* All data is there, or is to be made.  FALSE: stalled. */
static gboolean
carry_out (UsbDevice *device)
{
  const UsbSetup setup = { .type = device->setup[0],
                           .request = device->setup[1],
                           .value = usb_get16 (device->setup + 2),
                           .index = usb_get16 (device->setup + 4),
                           .length = usb_get16 (device->setup + 6) };
  uint32_t length = setup.type & USB_DIR_IN ? 0 : device->control_length;
  gboolean ok = FALSE;

  if ((setup.type & USB_TYPE_MASK) == USB_TYPE_STANDARD)
    ok = standard (device, &setup, device->control_data, &length);
  if (!ok && device->model->control != NULL)
    {
      length = setup.type & USB_DIR_IN ? 0 : device->control_length;
      ok = device->model->control (device, &setup, device->control_data, &length);
    }
  if (setup.type & USB_DIR_IN)
    device->control_length = MIN (MIN (length, USB_CONTROL_MAX), setup.length);
  return ok;
}

/* -- Endpoint 0: 8.5.3 ------------------------------------------------------------------------------------ */

static UsbStatus
on_setup (UsbDevice *device, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  if (length != USB_SETUP_SIZE)
    return USB_STALL;
  memcpy (device->setup, data, USB_SETUP_SIZE);
  *actual = length;
  const uint32_t wanted = usb_get16 (data + 6);
  device->control_position = device->control_length = 0;
  if (data[0] & USB_DIR_IN)
    {
      device->stage = carry_out (device) ? USB_STAGE_IN : USB_STAGE_STALL;
    }
  else if (wanted > USB_CONTROL_MAX)
    device->stage = USB_STAGE_STALL;
  else if (wanted > 0)
    {
      device->control_length = wanted;
      device->stage = USB_STAGE_OUT;
    }
  else
    device->stage = carry_out (device) ? USB_STAGE_STATUS : USB_STAGE_STALL;
  return USB_OK;
}

/* The status stage of a request without data, or with data from the host. */
static UsbStatus
on_status_in (UsbDevice *device)
{
  gboolean ok = device->stage == USB_STAGE_STATUS
                || (device->control_position == device->control_length && carry_out (device));

  device->stage = ok ? USB_STAGE_IDLE : USB_STAGE_STALL;
  if (ok && device->setup[0] == 0 && device->setup[1] == USB_SET_ADDRESS)
    device->address = device->setup[2] & 0x7f;
  return ok ? USB_OK : USB_STALL;
}

static UsbStatus
on_control (UsbDevice *device, UsbPid pid, uint8_t *data, uint32_t length, uint32_t *actual)
{
  const uint32_t left = device->control_length - MIN (device->control_position, device->control_length);

  if (pid == USB_PID_SETUP)
    return on_setup (device, data, length, actual);
  switch (device->stage)
    {
    case USB_STAGE_IN:
      if (pid == USB_PID_OUT) /* status */
        {
          device->stage = USB_STAGE_IDLE;
          return length == 0 ? USB_OK : USB_STALL;
        }
      *actual = MIN (left, length);
      memcpy (data, device->control_data + device->control_position, *actual);
      device->control_position += *actual;
      return USB_OK;
    case USB_STAGE_OUT:
      if (pid == USB_PID_IN)
        return on_status_in (device);
      if (length > left)
        {
          device->stage = USB_STAGE_STALL;
          return USB_STALL;
        }
      memcpy (device->control_data + device->control_position, data, length);
      device->control_position += length;
      *actual = length;
      return USB_OK;
    case USB_STAGE_STATUS:
      return pid == USB_PID_IN ? on_status_in (device) : USB_STALL;
    default:
      return USB_STALL;
    }
}

UsbStatus
usb_device_transfer (UsbDevice *device, UsbPid pid, unsigned endpoint, uint8_t *data, uint32_t length,
                     uint32_t *actual)
{
  const unsigned address = endpoint | (pid == USB_PID_IN ? USB_DIR_IN : 0);
  UsbStatus status = USB_STALL;

  *actual = 0;
  if (device->suspended)
    return USB_GONE;
  if (endpoint == 0 && device->model->control_stage != NULL)
    return device->model->control_stage (device, pid, data, length, actual);
  if (endpoint == 0)
    return on_control (device, pid, data, length, actual);
  if (pid == USB_PID_SETUP || device->configuration == 0 || find_endpoint (device, address) == NULL
      || is_halted (device, address))
    return USB_STALL;
  if (pid == USB_PID_IN)
    status = device->model->in (device, endpoint, data, length, actual);
  else if (device->model->out != NULL)
    status = device->model->out (device, endpoint, data, length, actual);
  if (status == USB_STALL)
    usb_device_halt (device, address);
  return status;
}

/* -- Ports -------------------------------------------------------------------------------------------------- */

static void
bus_reset (UsbDevice *device)
{
  device->address = 0;
  device->remote_wake = device->suspended = FALSE;
  device->stage = USB_STAGE_IDLE;
  device->control_length = device->control_position = 0;
  configure (device, 0);
}

void
usb_device_reset (UsbDevice *device)
{
  memset (device->setup, 0, sizeof device->setup);
  memset (device->control_data, 0, sizeof device->control_data);
  bus_reset (device);
}

void
usb_device_exit (UsbDevice *device)
{
  usb_device_detach (device);
}

gboolean
usb_port_attach (UsbPort *port, UsbDevice *device, GError **error)
{
  const unsigned speeds = port->speeds & device->model->description->speeds;

  if (port->device != NULL || device->port != NULL || speeds == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   speeds == 0 ? "%s: the USB controller is too slow or too fast for it"
                               : "%s: the USB port is taken",
                   device->device.id);
      return FALSE;
    }
  device->speed = (UsbSpeed)(g_bit_storage (speeds) - 1);
  device->port = port;
  port->device = device;
  port->ops->attach (port);
  return TRUE;
}

void
usb_device_detach (UsbDevice *device)
{
  UsbPort *port = device->port;

  if (port == NULL)
    return;
  port->ops->detach (port);
  port->device = NULL;
  device->port = NULL;
}

void
usb_port_move (UsbPort *from, UsbPort *to)
{
  UsbDevice *device = from->device;

  if (device == NULL || to->device != NULL)
    return;
  from->device = NULL;
  to->device = device;
  device->port = to;
  device->speed = (UsbSpeed)(g_bit_storage (to->speeds & device->model->description->speeds) - 1);
}

void
usb_port_reset (UsbPort *port)
{
  if (port->device != NULL)
    bus_reset (port->device);
}

void
usb_port_suspend (UsbPort *port, gboolean suspended)
{
  if (port->device != NULL)
    port->device->suspended = suspended;
}

void
usb_device_wake (UsbDevice *device, unsigned endpoint)
{
  UsbPort *port = device->port;

  if (port == NULL || (device->configuration == 0 && (endpoint & 0xf) != 0))
    return;
  if (!device->suspended)
    port->ops->wake (port, device, endpoint);
  else if (device->remote_wake)
    port->ops->resume (port);
}

void
usb_device_cancel (UsbDevice *device, unsigned endpoint)
{
  if (device->model->cancelled != NULL)
    device->model->cancelled (device, endpoint);
}

UsbDevice *
usb_port_find (UsbPort *port, unsigned address)
{
  UsbDevice *device = port->device, *found = NULL;
  UsbPort *below;

  if (!port->enabled || device == NULL || device->suspended)
    return NULL;
  if (device->address == address)
    return device;
  for (unsigned n = 0; found == NULL && device->model->port != NULL; n++)
    {
      below = device->model->port (device, n);
      if (below == NULL)
        break;
      found = usb_port_find (below, address);
    }
  return found;
}

char *
usb_device_path (const UsbDevice *device)
{
  char *path = g_strdup ("");

  for (const UsbDevice *at = device; at != NULL && at->port != NULL;)
    {
      const UsbPort *port = at->port;
      char *longer = g_strdup_printf (*path == '\0' ? "%u%s" : "%u.%s", port->number + 1, path);

      g_free (path);
      path = longer;
      at = port->hub;
    }
  return path;
}
