/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A USB 3 controller with eight ports, each of which takes a device of any speed.  eXtensible Host Controller Interface for Universal Serial Bus 1.1.
 *
 * Streams, isochronous transfers and virtual functions aren't there.  All under the VM lock; what a doorbell starts is done on the device loop, by a timer
 * of the machine's clock.
 */
#pragma once

#include "pci/pci.h"
#include "usb/usb.h"

G_BEGIN_DECLS

#define XHCI_N_PORTS 8u

Device *xhci_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, GError **error);
/* 0 to XHCI_N_PORTS - 1. */
UsbPort *xhci_port (Device *device, unsigned n);
/* How often it has turned to its rings so far: what an idle machine must not raise. */
uint64_t xhci_turns (const Device *device);

G_END_DECLS
