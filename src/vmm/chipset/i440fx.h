/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 82441FX host bridge (PMC) at 00:00.0: configuration mechanism #1, PAM and SMRAM registers, and the PCI bus.
 * Intel 82441FX data sheet, order number 290549.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

/* `low_ram` and `bios`: see chipset/shadow.h.  RAM above 4 GiB is the board's. */
Device *i440fx_new (Vm *vm, Region *low_ram, Region *bios, GError **error);
PciBus *i440fx_bus (Device *i440fx);
PciRoot *i440fx_root (Device *i440fx);
/* For the ISA bridge: where INTx goes (on any thread, with the wires 0-3 being PIRQA-PIRQD), and the byte at port 0xcf9, which lies inside CONFIG_ADDRESS. */
void i440fx_set_intx (Device *i440fx, PciIntxFunc intx, void *opaque);
void i440fx_set_reset_control (Device *i440fx, const IoOps *ops, void *opaque);

G_END_DECLS
