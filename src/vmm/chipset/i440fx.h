/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 82441FX host bridge (PMC) at 00:00.0: configuration mechanism #1, PAM and SMRAM registers, and the PCI bus.
 * Intel 82441FX data sheet, order number 290549.
 *
 * Memory below 4 GiB, who maps what and with which priority:
 *   RAM [0, 640 K) and [1 M, end of low_ram)   this bridge, 0
 *   RAM 0xa0000-0xbffff while SMRAM is open    this bridge, I440FX_PRIORITY_SHADOW
 *   RAM 0xc0000-0xfffff as PAM says            this bridge, I440FX_PRIORITY_SHADOW
 *   firmware at 4G - size, its last 128 K at 0xe0000   the board, 0
 *   VGA's window at 0xa0000                    VGA, 0 to I440FX_PRIORITY_SHADOW - 1
 *   PCI BARs                                   pci/, -1
 *   the A20 alias at 1 M                       a20, I440FX_PRIORITY_SHADOW + 10
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

#define I440FX_PRIORITY_SHADOW 10

/* `low_ram` is the RAM below 4 GiB (at least 1 MiB); the bridge maps it, the board must not.  RAM above 4 GiB is the board's.
 * `bios` (may be NULL) is the firmware that the board maps: where PAM sends reads to ROM and writes to RAM, the bridge reads
 * its last 128 K through this; takes references. */
Device *i440fx_new (Vm *vm, Region *low_ram, Region *bios, GError **error);
PciBus *i440fx_bus (Device *i440fx);
PciRoot *i440fx_root (Device *i440fx);
/* For the ISA bridge: where INTx goes (on any thread, with the wires 0-3 being PIRQA-PIRQD), and the byte at port 0xcf9, which lies inside CONFIG_ADDRESS. */
void i440fx_set_intx (Device *i440fx, PciIntxFunc intx, void *opaque);
void i440fx_set_reset_control (Device *i440fx, const IoOps *ops, void *opaque);

G_END_DECLS
