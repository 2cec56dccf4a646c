/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Descriptors made of a device's tables.  USB 2.0, 9.6; USB 3.1, 9.6.
 */
#include "usb/usb.h"

#include <string.h>

#define MANUFACTURER "Vivarium"

typedef struct
{
  uint8_t *data;
  uint32_t length;
} Writer;

static void
put8 (Writer *w, unsigned value)
{
  if (w->length < USB_CONTROL_MAX)
    w->data[w->length++] = (uint8_t)value;
}

static void
put16 (Writer *w, unsigned value)
{
  put8 (w, value & 0xff);
  put8 (w, value >> 8);
}

static void
put_bytes (Writer *w, const uint8_t *bytes, uint32_t n)
{
  for (uint32_t i = 0; i < n; i++)
    put8 (w, bytes[i]);
}

static unsigned
release_of (UsbSpeed speed)
{
  static const uint16_t releases[USB_N_SPEEDS] = { 0x0110, 0x0110, 0x0200, 0x0300 };

  return releases[speed];
}

static unsigned
packet_0 (UsbSpeed speed)
{
  return speed == USB_SPEED_LOW ? 8 : 64;
}

static void
put_device (Writer *w, const UsbDevice *device)
{
  const UsbDescription *d = device->model->description;
  const UsbSpeed speed = device->speed;

  put8 (w, 18);
  put8 (w, USB_DESCRIPTOR_DEVICE);
  put16 (w, release_of (speed));
  put8 (w, d->klass);
  put8 (w, d->subclass);
  put8 (w, d->protocol);
  put8 (w, speed == USB_SPEED_SUPER ? 9 : packet_0 (speed)); /* 2^9 */
  put16 (w, d->vendor);
  put16 (w, d->product);
  put16 (w, d->release);
  put8 (w, 1);
  put8 (w, 2);
  put8 (w, device->serial[0] != '\0' ? 3 : 0);
  put8 (w, 1);
}

/* What it would be at the other speed. */
static void
put_qualifier (Writer *w, const UsbDescription *d)
{
  put8 (w, 10);
  put8 (w, USB_DESCRIPTOR_QUALIFIER);
  put16 (w, 0x0200);
  put8 (w, d->klass);
  put8 (w, d->subclass);
  put8 (w, d->protocol);
  put8 (w, 64);
  put8 (w, 1);
  put8 (w, 0);
}

static void
put_endpoint (Writer *w, const UsbEndpoint *endpoint, UsbSpeed speed)
{
  put8 (w, 7);
  put8 (w, USB_DESCRIPTOR_ENDPOINT);
  put8 (w, endpoint->address);
  put8 (w, endpoint->attributes);
  put16 (w, endpoint->max_packet[speed]);
  put8 (w, endpoint->interval[speed]);
  if (speed == USB_SPEED_SUPER)
    {
      put8 (w, 6);
      put8 (w, USB_DESCRIPTOR_SS_COMPANION);
      put8 (w, endpoint->burst);
      put8 (w, endpoint->streams);
      put16 (w, endpoint->attributes == USB_ENDPOINT_INTERRUPT ? endpoint->max_packet[speed] : 0);
    }
  if (endpoint->pipe != 0)
    {
      put8 (w, 4);
      put8 (w, USB_DESCRIPTOR_PIPE_USAGE);
      put8 (w, endpoint->pipe);
      put8 (w, 0);
    }
}

static void
put_interface (Writer *w, const UsbInterface *interface, unsigned n, unsigned alternate, UsbSpeed speed)
{
  put8 (w, 9);
  put8 (w, USB_DESCRIPTOR_INTERFACE);
  put8 (w, n);
  put8 (w, alternate);
  put8 (w, interface->n_endpoints);
  put8 (w, interface->klass);
  put8 (w, interface->subclass);
  put8 (w, interface->protocol);
  put8 (w, 0);
  put_bytes (w, interface->extra, interface->extra_length);
  for (unsigned e = 0; e < interface->n_endpoints; e++)
    put_endpoint (w, &interface->endpoints[e], speed);
}

static void
put_configuration (Writer *w, const UsbDescription *d, unsigned type, UsbSpeed speed)
{
  put8 (w, 9);
  put8 (w, type);
  put16 (w, 0); /* length, below */
  put8 (w, d->n_interfaces);
  put8 (w, 1);
  put8 (w, 0);
  put8 (w, 0x80u | (d->self_powered ? 0x40 : 0) | (d->remote_wake ? 0x20 : 0));
  put8 (w, speed == USB_SPEED_SUPER ? (d->power + 3u) / 4 : d->power); /* there in 8 mA */
  for (unsigned i = 0; i < d->n_interfaces; i++)
    {
      const UsbInterface *interface = &d->interfaces[i];

      put_interface (w, interface, i, 0, speed);
      if (interface->alternate != NULL && speed >= USB_SPEED_HIGH)
        put_interface (w, interface->alternate, i, 1, speed);
    }
  w->data[2] = (uint8_t)w->length;
  w->data[3] = (uint8_t)(w->length >> 8);
}

/* 9.6.7: UTF-16; our words are ASCII. */
static void
put_string (Writer *w, const char *text)
{
  const size_t n = MIN (strlen (text), 126);

  put8 (w, (unsigned)(2 + 2 * n));
  put8 (w, USB_DESCRIPTOR_STRING);
  for (size_t i = 0; i < n; i++)
    put16 (w, (uint8_t)text[i]);
}

static void
put_strings (Writer *w, const UsbDevice *device, unsigned index)
{
  switch (index)
    {
    case 0: /* languages: US English */
      put8 (w, 4);
      put8 (w, USB_DESCRIPTOR_STRING);
      put16 (w, 0x0409);
      break;
    case 1:
      put_string (w, MANUFACTURER);
      break;
    case 2:
      put_string (w, device->model->description->name);
      break;
    case 3:
      if (device->serial[0] != '\0')
        put_string (w, device->serial);
      break;
    default:
      break;
    }
}

/* USB 3.1, 9.6.2: all that has super speed must have it. */
static void
put_bos (Writer *w)
{
  static const uint8_t bos[] = {
    5,  USB_DESCRIPTOR_BOS,        22, 0, 2,       /* */
    7,  USB_DESCRIPTOR_CAPABILITY, 2,  2, 0, 0, 0, /* USB 2.0 extension, with link power management */
    10, USB_DESCRIPTOR_CAPABILITY, 3,  0, 8, 0, 3, 10, 32, 0, /* super speed; all it does from there on */
  };

  /* The extension's attribute: bit 1, link power management, which 9.6.2.1 wants. */
  put_bytes (w, bos, sizeof bos);
}

uint32_t
usb_descriptor (const UsbDevice *device, unsigned type, unsigned index, uint8_t *data)
{
  const UsbDescription *d = device->model->description;
  const gboolean both = (d->speeds & (1u << USB_SPEED_FULL)) && (d->speeds & (1u << USB_SPEED_HIGH));
  Writer w = { .data = data };

  switch (type)
    {
    case USB_DESCRIPTOR_DEVICE:
      put_device (&w, device);
      break;
    case USB_DESCRIPTOR_CONFIGURATION:
      if (index == 0)
        put_configuration (&w, d, type, device->speed);
      break;
    case USB_DESCRIPTOR_STRING:
      put_strings (&w, device, index);
      break;
    case USB_DESCRIPTOR_QUALIFIER:
      if (both && device->speed == USB_SPEED_HIGH)
        put_qualifier (&w, d);
      break;
    case USB_DESCRIPTOR_OTHER_SPEED:
      if (both && device->speed == USB_SPEED_HIGH && index == 0)
        put_configuration (&w, d, type, USB_SPEED_FULL);
      break;
    case USB_DESCRIPTOR_BOS:
      if (device->speed == USB_SPEED_SUPER)
        put_bos (&w);
      break;
    default:
      break;
    }
  return w.length;
}
