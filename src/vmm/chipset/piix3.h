/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PIIX3 PCI to ISA bridge at 00:01.0: routing of PIRQA-D to ISA interrupts, and the reset control register.
 * Intel 82371SB data sheet, order number 290550.  The edge/level registers are with the 8259 pair (chipset/pic.h), the IDE function
 * 00:01.1 is storage's, power management is chipset/piix4-pm.h.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

/* Connects itself to the host bridge's INTx and takes its interrupts from `gsi`. */
Device *piix3_new (Vm *vm, Device *i440fx, Device *gsi, GError **error);

G_END_DECLS
