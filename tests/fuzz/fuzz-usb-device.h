/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the fuzz targets of USB devices share: a port of the target's, and a host that says whatever the input has.
 */
#pragma once

#include "fuzz-usb.h"

typedef struct
{
  Usb usb;
  UsbPort port;
  UsbDevice *device;
} FuzzDevice;

static inline void
fuzz_on_port (UsbPort *port)
{
}

static inline void
fuzz_on_wake (UsbPort *port, UsbDevice *device, unsigned endpoint)
{
}

static const UsbPortOps fuzz_port_ops
    = { .attach = fuzz_on_port, .detach = fuzz_on_port, .wake = fuzz_on_wake, .resume = fuzz_on_port };

static inline void
fuzz_device_begin (FuzzDevice *f, UsbSpeed speed)
{
  f->port = (UsbPort){ .ops = &fuzz_port_ops, .speeds = 1u << speed, .enabled = TRUE };
  fuzz_usb_plug (&f->usb, f->device, &f->port);
}

/* Bytes that the device is given or gives, in memory of exactly that size. */
static inline UsbStatus
fuzz_device_transfer (FuzzDevice *f, UsbPid pid, unsigned endpoint, const uint8_t *data, uint32_t length)
{
  g_autofree uint8_t *buffer = g_malloc0 (MAX (length, 1));
  uint32_t actual = 0;
  UsbStatus status;

  if (data != NULL)
    memcpy (buffer, data, length);
  vm_lock (f->usb.vm);
  status = usb_device_transfer (f->device, pid, endpoint, buffer, length, &actual);
  vm_unlock (f->usb.vm);
  if (actual > length)
    abort ();
  return status;
}

/* What the image has done comes. */
static inline void
fuzz_device_loop (unsigned turns)
{
  for (unsigned i = 0; i < turns; i++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_usleep (20);
    }
}

static inline void
fuzz_device_setup (FuzzDevice *f, unsigned type, unsigned request, unsigned value, unsigned length)
{
  const uint8_t setup[8]
      = { (uint8_t)type,   (uint8_t)request,      (uint8_t)value, (uint8_t)(value >> 8), 0, 0,
          (uint8_t)length, (uint8_t)(length >> 8) };

  fuzz_device_transfer (f, USB_PID_SETUP, 0, setup, sizeof setup);
}
