/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device of this computer in one of the machine's ports.  A process of its own has it in its hands (base/usb-wire.h); what the guest asks goes there, and the guest is told to ask
 * again (USB_NAK) until the answer is here.  What the device says of itself is hostile, and so is the process.
 *
 * Nothing of it is saved: a machine that is loaded finds the device plugged in anew.
 *
 * Threads: VM lock held; what comes from the process comes on the device loop.
 */
#pragma once

#include "base/usb-wire.h"
#include "usb/usb.h"

G_BEGIN_DECLS

typedef struct
{
  /* The device has said what it is, and is to go into a port.  FALSE: it can't. */
  gboolean (*plug) (void *opaque, UsbDevice *device, GError **error);
  /* It has come or gone, or why it won't: a sentence for a person. */
  void (*notice) (void *opaque, UsbDevice *device, const char *sentence);
  void *opaque;
} UsbHostConfig;

/* In no port, and without a process. */
UsbDevice *usb_host_new (Vm *vm, const char *id, const UsbHostConfig *config, GError **error);
/* Takes the socket to a process, which gets `node` (-1: it has one).  `name`: what a person calls the device. */
void usb_host_connect (UsbDevice *device, const char *name, int socket, int node);
/* Out of its port; the process ends, and gives it back. */
void usb_host_disconnect (UsbDevice *device);
/* What it was called; NULL: there is none. */
const char *usb_host_name (const UsbDevice *device);
/* What a failure means for a person, without the device's name. */
const char *usb_host_failure (unsigned failure);

G_END_DECLS
