/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device with isochronous endpoints, 1 IN and 2 OUT: each packet to the host is a byte longer than the one before, full of its number; those from it are counted and summed.
 */
#pragma once

#include "usb-machine.h"

#define ISO_SIZE 192u

typedef struct
{
  UsbDevice usb;
  unsigned n_in, n_out, bytes_out, sum_out;
} IsoDevice;

static const UsbEndpoint iso_endpoints[] = {
  { .address = USB_DIR_IN | 1,
    .attributes = USB_ENDPOINT_ISO,
    .max_packet = { 0, ISO_SIZE, ISO_SIZE, ISO_SIZE } },
  { .address = 2, .attributes = USB_ENDPOINT_ISO, .max_packet = { 0, ISO_SIZE, ISO_SIZE, ISO_SIZE } },
};
static const UsbInterface iso_interface = { .klass = 0xff, .n_endpoints = 2, .endpoints = iso_endpoints };
static const UsbDescription iso_description = { .vendor = 1,
                                                .product = 2,
                                                .speeds = 1u << USB_SPEED_FULL | 1u << USB_SPEED_HIGH,
                                                .name = "Iso",
                                                .n_interfaces = 1,
                                                .interfaces = &iso_interface };

static UsbStatus
iso_in (UsbDevice *usb, unsigned endpoint, uint8_t *data, uint32_t length, uint32_t *actual)
{
  IsoDevice *iso = (IsoDevice *)usb;

  iso->n_in++;
  *actual = MIN (iso->n_in, length);
  memset (data, (int)iso->n_in, *actual);
  return USB_OK;
}

static UsbStatus
iso_out (UsbDevice *usb, unsigned endpoint, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  IsoDevice *iso = (IsoDevice *)usb;

  iso->n_out++;
  iso->bytes_out += length;
  for (uint32_t i = 0; i < length; i++)
    iso->sum_out += data[i];
  *actual = length;
  return USB_OK;
}

static const UsbModel iso_model = { .description = &iso_description, .in = iso_in, .out = iso_out };

static const StateField iso_state[] = { STATE_STRUCT (IsoDevice, usb, usb_device_state), STATE_END };

static void
iso_reset (Device *device)
{
  usb_device_reset ((UsbDevice *)device);
}

static void
iso_unrealize (Device *device)
{
  usb_device_exit ((UsbDevice *)device);
}

static const DeviceClass iso_class = { .name = "iso",
                                       .instance_size = sizeof (IsoDevice),
                                       .state = iso_state,
                                       .reset = iso_reset,
                                       .unrealize = iso_unrealize };

/* Instead of what is in the port. */
static inline IsoDevice *
iso_plug (Usb *u, UsbPort *port)
{
  g_autoptr (GError) error = NULL;
  IsoDevice *iso;

  vm_lock (u->vm);
  if (port->device != NULL)
    usb_device_detach (port->device);
  iso = device_new (u->vm, &iso_class, "iso");
  iso->usb.model = &iso_model;
  device_realize (&iso->usb.device, &error);
  g_assert_no_error (error);
  iso_reset (&iso->usb.device);
  g_assert_true (usb_port_attach (port, &iso->usb, &error));
  vm_unlock (u->vm);
  usb_pump ();
  return iso;
}
