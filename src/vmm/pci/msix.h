/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * MSI-X.  PCI Local Bus Specification 3.0, 6.8.2.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

/* 1 to 128 vectors.  Table and pending bits lie in a region of 4 KiB made by this function, which is BAR `bar`. */
void pci_msix_add (PciDevice *pci, unsigned n_vectors, unsigned bar);
/* Any thread.  Sent at once, or pending behind a mask of the vector or the function; dropped while MSI-X is off. */
void pci_msix_notify (PciDevice *pci, unsigned vector);
gboolean pci_msix_enabled (PciDevice *pci);

G_END_DECLS
