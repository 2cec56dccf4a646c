/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Message signalled interrupts.  PCI Local Bus Specification 3.0, 6.8.1.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

typedef enum
{
  PCI_MSI_32BIT = 0,
  PCI_MSI_64BIT = 1 << 0,
  PCI_MSI_MASKS = 1 << 1, /* a mask and a pending bit for each vector */
} PciMsiFlags;

/* 1 to 32 vectors, rounded up to a power of two. */
void pci_msi_add (PciDevice *pci, unsigned n_vectors, PciMsiFlags flags);
/* Any thread.  `vector` counts modulo what the guest has granted. */
void pci_msi_notify (PciDevice *pci, unsigned vector);
gboolean pci_msi_enabled (PciDevice *pci);

G_END_DECLS
