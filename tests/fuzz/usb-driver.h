/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver as it should be, of whichever controller, for targets in which the device is the hostile one.  Each of its waits ends, whatever the device does.  What the far side does comes out of
 * the main context, which all functions turn.
 */
#pragma once

#include "../unit/usb/usb-machine.h"

G_BEGIN_DECLS

#define FUZZ_USB_MOST 2048u /* bytes of a transfer */

typedef enum
{
  FUZZ_USB_DONE,
  FUZZ_USB_HALTED, /* or whatever else has failed */
  FUZZ_USB_WAITS,  /* the driver has taken it back */
} FuzzUsbEnd;

typedef struct FuzzUsbDriver FuzzUsbDriver;

typedef struct
{
  unsigned speeds; /* a bit a UsbSpeed: of devices in its port */
  FuzzUsbDriver *(*open) (void);
  /* Resets the controller and the port, and gives what is in there an address.  FALSE: that failed. */
  gboolean (*begin) (FuzzUsbDriver *d);
  /* An endpoint (address with USB_DIR_IN), with its packets' size, is there from now on. */
  void (*pipe) (FuzzUsbDriver *d, unsigned address, unsigned type, unsigned packet);
  /* Data is at `control_data`; at most 512 bytes. */
  FuzzUsbEnd (*control) (FuzzUsbDriver *d, unsigned type, unsigned request, unsigned value, unsigned index,
                         unsigned length);
  /* Data is at `data`; at most FUZZ_USB_MOST bytes. */
  FuzzUsbEnd (*transfer) (FuzzUsbDriver *d, unsigned address, uint32_t length);
  /* A word of an isochronous descriptor, in the controller's own form; of controllers with frames. */
  void (*iso) (FuzzUsbDriver *d, unsigned small, uint32_t value);
  void (*close) (FuzzUsbDriver *d);
} FuzzUsbOps;

struct FuzzUsbDriver
{
  const FuzzUsbOps *ops;
  Usb *usb;
  UsbPort *port; /* empty at first */
  uint8_t *control_data, *data;
};

extern const FuzzUsbOps fuzz_usb_xhci, fuzz_usb_ehci, fuzz_usb_uhci;

/* For the drivers of those whose fixture has something in the port. */
static inline UsbPort *
fuzz_usb_empty_port (Usb *u, UsbDevice *device)
{
  UsbPort *port = device->port;

  vm_lock (u->vm);
  device_free (&device->device);
  vm_unlock (u->vm);
  usb_pump ();
  return port;
}

G_END_DECLS
