/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What PCI-to-PCI bridges and root ports have in common: the type 1 header, the bus behind it, and the windows through which that
 * reaches memory and ports.  PCI-to-PCI Bridge Architecture Specification 1.2, chapters 3 and 4.
 *
 * Windows: I/O of 16 bits, memory below 4 GiB, prefetchable memory of 64 bits.  A BAR behind a bridge is decoded where a window lets
 * it through: the first one that it meets, memory before prefetchable.  VGA's addresses aren't forwarded.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

/* Offsets in the type 1 header; those of pci/pci.h up to BAR 1, the capability list and interrupt line and pin are the same. */
enum
{
  PCI_PRIMARY_BUS = 0x18,
  PCI_SECONDARY_BUS = 0x19,
  PCI_SUBORDINATE_BUS = 0x1a,
  PCI_IO_BASE = 0x1c,
  PCI_IO_LIMIT = 0x1d,
  PCI_SECONDARY_STATUS = 0x1e,
  PCI_MEMORY_BASE = 0x20,
  PCI_MEMORY_LIMIT = 0x22,
  PCI_PREFETCH_BASE = 0x24,
  PCI_PREFETCH_LIMIT = 0x26,
  PCI_PREFETCH_BASE_HIGH = 0x28,
  PCI_PREFETCH_LIMIT_HIGH = 0x2c,
  PCI_BRIDGE_CONTROL = 0x3e,

  PCI_BRIDGE_CONTROL_RESET = 1 << 6,
};

/* In a bridge's realize, behind pci_device_init() and before BARs (it has BAR 0 and 1 alone, no ROM) and capabilities. */
void pci_bridge_init (PciDevice *pci);
/* By pci_device_exit(): functions that are left behind it lose their bus. */
void pci_bridge_exit (PciDevice *pci);
/* Whether what lies behind it is reached at all.  Turning it off resets the functions there. */
void pci_bridge_set_link (PciDevice *pci, gboolean up);

G_END_DECLS
