/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A PCI Express root port with a slot into which one function can be plugged while the machine runs: presence detect, attention button,
 * attention and power indicator, power controller, link state, and their interrupt by MSI or INTx.  PCI Express Base Specification,
 * 7.5.3.9-7.5.3.11 (slot registers) and 6.7 (hot-plug).
 *
 * The slot's power controller turns the link off and on: without power nothing behind the port answers, and what is there is reset.
 * An empty slot comes out of reset without power, an occupied one with it.
 */
#pragma once

#include "pci/pci.h"
#include "pci/unplug.h"

G_BEGIN_DECLS

extern const DeviceClass pci_root_port_class;

/* `slot`: the number that the guest shows, 1 to 8191.  VM lock held. */
Device *pci_root_port_new (Vm *vm, PciBus *bus, unsigned devfn, const char *id, unsigned slot,
                           GError **error);
/* The bus behind it, for functions that are there at power on (device 0). */
PciBus *pci_root_port_bus (Device *port);

/* For hotplug.c; VM lock held. */
PciDevice *pci_root_port_occupant (Device *port);
/* The function behind it has come: tells the guest. */
void pci_root_port_plugged (Device *port);
/* The guest is asked to let it go; takes the request.  FALSE: one waits already. */
gboolean pci_root_port_ask (Device *port, PciUnplugRequest *request);
/* Takes it out now; takes the request, behind that which waits. */
void pci_root_port_pull (Device *port, PciUnplugRequest *request);

G_END_DECLS
