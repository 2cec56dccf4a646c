/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A USB 1 controller with two ports for devices of low and full speed.  Universal Host Controller Interface Design Guide 1.1.
 *
 * The guest's schedule lies in its memory, and no register tells that something is new there; so while it runs it is looked at: each millisecond while
 * there is something to do, more and more seldom while there is not, and at once when a device has something.  All under the VM lock.
 */
#pragma once

#include "pci/pci.h"
#include "usb/usb.h"

G_BEGIN_DECLS

#define UHCI_N_PORTS 2u

typedef enum
{
  UHCI_PIIX3,  /* 82371SB */
  UHCI_ICH9_1, /* 82801I: three companions of an EHCI */
  UHCI_ICH9_2,
  UHCI_ICH9_3,
} UhciModel;

Device *uhci_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, UhciModel model, GError **error);
/* 0 to UHCI_N_PORTS - 1. */
UsbPort *uhci_port (Device *device, unsigned n);
/* How often it has looked at the schedule: what an idle machine must raise little. */
uint64_t uhci_turns (const Device *device);

G_END_DECLS
