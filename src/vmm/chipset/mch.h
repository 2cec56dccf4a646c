/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 82G33/82Q35 memory controller hub at 00:00.0: configuration by ports and by memory (PCIEXBAR), PAM, SMRAM and TSEG, and the PCI Express root.
 * Intel 3 Series Express Chipset Family data sheet, order number 316966, chapter 5.
 *
 * There is no system management mode: what TSEG holds is out of reach while it is enabled, for all.  A processor that had the mode
 * would need memory of its own view, without shadow_hide_top() and with SMRAM open.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

/* RAM below 4 GiB ends here at the latest: firmware puts PCIEXBAR behind it. */
#define MCH_LOW_RAM_MAX 0xb0000000ull

/* `low_ram` and `bios`: see chipset/shadow.h.  `high_ram`: bytes of RAM from 4 GiB on, behind which the window for BARs of 64 bits is;
 * `address_bits`: what processors reach. */
Device *mch_new (Vm *vm, Region *low_ram, Region *bios, uint64_t high_ram, unsigned address_bits,
                 GError **error);
PciRoot *mch_root (Device *mch);
/* For the LPC bridge: where INTx goes (on any thread; wires 0 to 7 are PIRQA to PIRQH), on which wire a pin arrives, and the byte at port
 * 0xcf9, which lies inside CONFIG_ADDRESS. */
void mch_set_intx (Device *mch, PciIntxFunc intx, PciSwizzleFunc swizzle, void *opaque);
void mch_set_reset_control (Device *mch, const IoOps *ops, void *opaque);

G_END_DECLS
