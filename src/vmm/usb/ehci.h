/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A USB 2 controller with six ports, which are those of its three companions (usb/uhci.h) until a guest takes them.  Enhanced Host Controller Interface
 * Specification 1.0.
 *
 * No isochronous and no split transfers.  As with the UHCI no register tells of a new transfer; the schedules are looked at while they are on, often while
 * something moves and seldom while nothing does.  All under the VM lock.
 */
#pragma once

#include "pci/pci.h"
#include "usb/usb.h"

G_BEGIN_DECLS

#define EHCI_N_PORTS      6u
#define EHCI_N_COMPANIONS 3u

/* The companions, in the order of their ports, are there already; they outlive it. */
Device *ehci_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn,
                  Device *const companions[EHCI_N_COMPANIONS], GError **error);
/* The first port with nothing in it; NULL: none.  What is attached there goes to the companion while that has the port. */
UsbPort *ehci_free_port (Device *device);
uint64_t ehci_turns (const Device *device);

G_END_DECLS
