/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The hub: 11.24 (requests), 11.12 (changes).
 */
#define G_LOG_DOMAIN "usb-hub"

#include "usb/hub.h"

#include <string.h>

#define ENDPOINT_CHANGES (USB_DIR_IN | 1u)

/* 11.24.2, table 11-16 */
enum
{
  REQUEST_CLEAR_TT = 8,
  REQUEST_STOP_TT = 11,
  DESCRIPTOR_HUB = 0x29,
};
/* Table 11-17 */
enum
{
  PORT_CONNECTION = 0,
  PORT_ENABLE = 1,
  PORT_SUSPEND = 2,
  PORT_RESET = 4,
  PORT_POWER = 8,
  C_PORT_CONNECTION = 16,
  C_PORT_RESET = 20,
  PORT_TEST = 21,
  PORT_INDICATOR = 22,
};
/* Tables 11-21, 11-22 */
enum
{
  STATUS_CONNECTION = 1 << 0,
  STATUS_ENABLE = 1 << 1,
  STATUS_SUSPEND = 1 << 2,
  STATUS_POWER = 1 << 8,
  STATUS_LOW_SPEED = 1 << 9,
  STATUS_HIGH_SPEED = 1 << 10,

  CHANGE_CONNECTION = 1 << 0,
  CHANGE_ENABLE = 1 << 1,
  CHANGE_SUSPEND = 1 << 2,
  CHANGE_RESET = 1 << 4,
};

typedef struct
{
  UsbDevice usb;
  uint16_t status[USB_HUB_N_PORTS], change[USB_HUB_N_PORTS];
  UsbPort ports[USB_HUB_N_PORTS];
} Hub;

static const StateField hub_state[] = {
  STATE_STRUCT (Hub, usb, usb_device_state),
  STATE_U16_ARRAY (Hub, status),
  STATE_U16_ARRAY (Hub, change),
  STATE_END,
};

static const UsbEndpoint endpoint = { .address = ENDPOINT_CHANGES,
                                      .attributes = USB_ENDPOINT_INTERRUPT,
                                      .max_packet = { 1, 1, 1, 1 },
                                      .interval = { 255, 255, 12, 12 } };
static const UsbInterface interface = { .klass = 9, .n_endpoints = 1, .endpoints = &endpoint };
static const UsbDescription description = { .vendor = 0x0409,
                                            .product = 0x55aa,
                                            .release = 0x0101,
                                            .klass = 9,
                                            .speeds = 1u << USB_SPEED_FULL | 1u << USB_SPEED_HIGH,
                                            .remote_wake = TRUE,
                                            .self_powered = TRUE,
                                            .name = "Vivarium USB Hub",
                                            .n_interfaces = 1,
                                            .interfaces = &interface };

/* -- Ports ---------------------------------------------------------------------------------------------------- */

static unsigned
speeds_below (const Hub *hub)
{
  const unsigned slow = 1u << USB_SPEED_LOW | 1u << USB_SPEED_FULL;

  return hub->usb.speed == USB_SPEED_HIGH ? slow | 1u << USB_SPEED_HIGH : slow;
}

static void
update_port (Hub *hub, unsigned n)
{
  hub->ports[n].enabled = (hub->status[n] & STATUS_ENABLE) != 0;
  usb_port_suspend (&hub->ports[n], (hub->status[n] & STATUS_SUSPEND) != 0);
}

static void
tell (Hub *hub, unsigned n, unsigned change)
{
  hub->change[n] |= (uint16_t)change;
  usb_device_wake (&hub->usb, ENDPOINT_CHANGES);
}

static void
connect (Hub *hub, unsigned n)
{
  UsbPort *port = &hub->ports[n];

  if (port->device == NULL || !(hub->status[n] & STATUS_POWER))
    return;
  hub->status[n] = STATUS_POWER | STATUS_CONNECTION;
  if (port->device->speed == USB_SPEED_LOW)
    hub->status[n] |= STATUS_LOW_SPEED;
  else if (port->device->speed == USB_SPEED_HIGH)
    hub->status[n] |= STATUS_HIGH_SPEED;
  update_port (hub, n);
  tell (hub, n, CHANGE_CONNECTION);
}

static void
on_attach (UsbPort *port)
{
  connect (port->opaque, port->number);
}

static void
on_detach (UsbPort *port)
{
  Hub *hub = port->opaque;

  hub->status[port->number] &= STATUS_POWER;
  port->enabled = FALSE;
  tell (hub, port->number, CHANGE_CONNECTION);
}

/* Upwards; a hub that sleeps wakes who is above it. */
static void
on_wake (UsbPort *port, UsbDevice *device, unsigned endpoint_address)
{
  Hub *hub = port->opaque;

  if (hub->usb.port == NULL || !port->enabled)
    return;
  if (hub->usb.suspended)
    usb_device_wake (&hub->usb, ENDPOINT_CHANGES);
  else
    hub->usb.port->ops->wake (hub->usb.port, device, endpoint_address);
}

static void
on_resume (UsbPort *port)
{
  Hub *hub = port->opaque;

  if (!(hub->status[port->number] & STATUS_SUSPEND))
    return;
  hub->status[port->number] &= (uint16_t)~STATUS_SUSPEND;
  update_port (hub, port->number);
  tell (hub, port->number, CHANGE_SUSPEND);
}

static const UsbPortOps port_ops
    = { .attach = on_attach, .detach = on_detach, .wake = on_wake, .resume = on_resume };

/* -- Requests: 11.24.2 ------------------------------------------------------------------------------------------- */

static gboolean
clear_feature (Hub *hub, unsigned n, unsigned feature)
{
  switch (feature)
    {
    case PORT_ENABLE:
      hub->status[n] &= (uint16_t) ~(STATUS_ENABLE | STATUS_SUSPEND);
      break;
    case PORT_SUSPEND:
      if (hub->status[n] & STATUS_SUSPEND)
        {
          hub->status[n] &= (uint16_t)~STATUS_SUSPEND;
          tell (hub, n, CHANGE_SUSPEND);
        }
      break;
    case PORT_POWER:
      hub->status[n] = 0;
      break;
    case PORT_INDICATOR:
      break;
    case C_PORT_CONNECTION ... C_PORT_RESET:
      hub->change[n] &= (uint16_t) ~(1u << (feature - C_PORT_CONNECTION));
      break;
    default:
      return FALSE;
    }
  update_port (hub, n);
  return TRUE;
}

static gboolean
set_feature (Hub *hub, unsigned n, unsigned feature)
{
  switch (feature)
    {
    case PORT_SUSPEND:
      if (hub->status[n] & STATUS_ENABLE)
        hub->status[n] |= STATUS_SUSPEND;
      break;
    case PORT_RESET:
      if (!(hub->status[n] & STATUS_CONNECTION))
        break;
      usb_port_reset (&hub->ports[n]);
      hub->status[n] = (uint16_t)((hub->status[n] & ~STATUS_SUSPEND) | STATUS_ENABLE);
      tell (hub, n, CHANGE_RESET);
      break;
    case PORT_POWER:
      if (!(hub->status[n] & STATUS_POWER))
        {
          hub->status[n] |= STATUS_POWER;
          connect (hub, n);
        }
      break;
    case PORT_TEST:
    case PORT_INDICATOR:
      break;
    default:
      return FALSE;
    }
  update_port (hub, n);
  return TRUE;
}

/* 11.23.2.1 */
static uint32_t
hub_descriptor (uint8_t *data)
{
  /* Length, type, ports; each port has its own power and protection; 2 ms until power is good; all can be pulled out; a relic. */
  static const uint8_t hub[] = { 9, DESCRIPTOR_HUB, USB_HUB_N_PORTS, 0x09, 0x00, 1, 0, 0x00, 0xff };

  memcpy (data, hub, sizeof hub);
  return sizeof hub;
}

static gboolean
port_request (Hub *hub, const UsbSetup *setup, uint8_t *data, uint32_t *length)
{
  const unsigned n = (setup->index & 0xff) - 1;

  if (setup->request >= REQUEST_CLEAR_TT && setup->request <= REQUEST_STOP_TT)
    return !(setup->type & USB_DIR_IN);
  if (n >= USB_HUB_N_PORTS)
    return FALSE;
  if (setup->type & USB_DIR_IN)
    {
      if (setup->request != USB_GET_STATUS)
        return FALSE;
      usb_write32 (data, hub->status[n] | (uint32_t)hub->change[n] << 16);
      *length = 4;
      return TRUE;
    }
  if (setup->request == USB_CLEAR_FEATURE)
    return clear_feature (hub, n, setup->value);
  return setup->request == USB_SET_FEATURE && set_feature (hub, n, setup->value);
}

static gboolean
hub_control (UsbDevice *usb, const UsbSetup *setup, uint8_t *data, uint32_t *length)
{
  Hub *hub = (Hub *)usb;

  if ((setup->type & USB_TYPE_MASK) != USB_TYPE_CLASS)
    return FALSE;
  if ((setup->type & USB_RECIPIENT_MASK) == USB_RECIPIENT_OTHER)
    return port_request (hub, setup, data, length);
  if ((setup->type & USB_RECIPIENT_MASK) != USB_RECIPIENT_DEVICE)
    return FALSE;
  switch (setup->request)
    {
    case USB_GET_DESCRIPTOR:
      *length = setup->type & USB_DIR_IN ? hub_descriptor (data) : 0;
      return *length > 0;
    case USB_GET_STATUS:
      memset (data, 0, 4);
      *length = 4;
      return (setup->type & USB_DIR_IN) != 0;
    case USB_CLEAR_FEATURE: /* C_HUB_LOCAL_POWER, C_HUB_OVER_CURRENT */
    case USB_SET_FEATURE:
      return !(setup->type & USB_DIR_IN) && setup->value < 2;
    default:
      return FALSE;
    }
}

/* 11.12.4 */
static UsbStatus
hub_in (UsbDevice *usb, unsigned number, uint8_t *data, uint32_t length, uint32_t *actual)
{
  Hub *hub = (Hub *)usb;
  uint8_t bits = 0;

  for (unsigned n = 0; n < USB_HUB_N_PORTS; n++)
    if (hub->change[n] != 0)
      bits |= (uint8_t)(2u << n);
  if (bits == 0)
    return USB_NAK;
  if (length == 0)
    return USB_BABBLE;
  data[0] = bits;
  *actual = 1;
  return USB_OK;
}

/* 11.9: no port has power, and below is as fast as the hub is now. */
static void
hub_configured (UsbDevice *usb)
{
  Hub *hub = (Hub *)usb;

  memset (hub->status, 0, sizeof hub->status);
  memset (hub->change, 0, sizeof hub->change);
  for (unsigned n = 0; n < USB_HUB_N_PORTS; n++)
    {
      UsbDevice *below = hub->ports[n].device;

      hub->ports[n].speeds = speeds_below (hub);
      if (below != NULL)
        below->speed
            = (UsbSpeed)(g_bit_storage (hub->ports[n].speeds & below->model->description->speeds) - 1);
      usb_port_reset (&hub->ports[n]);
      update_port (hub, n);
    }
}

static UsbPort *
hub_port (UsbDevice *usb, unsigned n)
{
  return n < USB_HUB_N_PORTS ? &((Hub *)usb)->ports[n] : NULL;
}

static const UsbModel model = {
  .description = &description,
  .control = hub_control,
  .in = hub_in,
  .configured = hub_configured,
  .port = hub_port,
};

/* -- Life ------------------------------------------------------------------------------------------------------------ */

static gboolean
hub_realize (Device *device, GError **error)
{
  Hub *hub = (Hub *)device;

  for (unsigned n = 0; n < USB_HUB_N_PORTS; n++)
    hub->ports[n] = (UsbPort){
      .ops = &port_ops, .opaque = hub, .number = n, .hub = &hub->usb, .speeds = speeds_below (hub)
    };
  return TRUE;
}

static void
hub_reset (Device *device)
{
  usb_device_reset ((UsbDevice *)device);
}

static gboolean
hub_post_load (Device *device, GError **error)
{
  Hub *hub = (Hub *)device;

  for (unsigned n = 0; n < USB_HUB_N_PORTS; n++)
    hub->ports[n].enabled = (hub->status[n] & STATUS_ENABLE) != 0;
  return TRUE;
}

/* What came or went while it was saved. */
static void
hub_resume (Device *device)
{
  Hub *hub = (Hub *)device;

  for (unsigned n = 0; n < USB_HUB_N_PORTS; n++)
    if (hub->change[n] != 0)
      usb_device_wake (&hub->usb, ENDPOINT_CHANGES);
}

static void
hub_unrealize (Device *device)
{
  Hub *hub = (Hub *)device;

  for (unsigned n = 0; n < USB_HUB_N_PORTS; n++)
    if (hub->ports[n].device != NULL)
      usb_device_detach (hub->ports[n].device);
  usb_device_exit (&hub->usb);
}

static const DeviceClass hub_class = {
  .name = "usb-hub",
  .instance_size = sizeof (Hub),
  .state = hub_state,
  .realize = hub_realize,
  .reset = hub_reset,
  .resume = hub_resume,
  .post_load = hub_post_load,
  .unrealize = hub_unrealize,
};

UsbDevice *
usb_hub_new (Vm *vm, const char *id, GError **error)
{
  Hub *hub = device_new (vm, &hub_class, id);

  hub->usb.model = &model;
  hub->usb.speed = USB_SPEED_FULL;
  if (device_realize (&hub->usb.device, error))
    return &hub->usb;
  device_free (&hub->usb.device);
  return NULL;
}

/* Of a hub that is in a port, as fast as that is. */
UsbPort *
usb_hub_port (UsbDevice *device, unsigned n)
{
  UsbPort *port = hub_port (device, n);

  if (port != NULL)
    port->speeds = speeds_below ((Hub *)device);
  return port;
}
