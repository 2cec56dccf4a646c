/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Power states of a function: D0 and D3hot, in which it decodes no BAR, masters nothing and interrupts nobody; what it holds is kept.
 * PCI Bus Power Management Interface Specification 1.2, 3.2 and 5.4.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

void pci_pm_add (PciDevice *pci);
/* As that, and the function can wake the machine (PME#). */
void pci_pm_add_wake (PciDevice *pci);
/* What it waits for has come: it says so, and a guest that sleeps wakes up.  Whether the driver wants that, the function knows.  VM lock held. */
void pci_pm_wake (PciDevice *pci, const char *reason);

G_END_DECLS
