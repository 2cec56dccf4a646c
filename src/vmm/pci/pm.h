/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Power states of a function: D0 and D3hot, in which it decodes no BAR, masters nothing and interrupts nobody; what it holds is kept.
 * PCI Bus Power Management Interface Specification 1.2, 3.2 and 5.4.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

void pci_pm_add (PciDevice *pci);

G_END_DECLS
