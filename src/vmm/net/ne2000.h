/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * NE2000: National's DP8390 with 16 KiB of memory behind a data port, the card of DOS.  On PCI it is a Realtek RTL8029 (Linux ne2k-pci), on the ISA bus the card
 * itself (Linux ne, packet drivers).
 */
#pragma once

#include "net/net.h"
#include "pci/pci.h"

G_BEGIN_DECLS

#define NE2000_ISA_PORT 0x300u
#define NE2000_ISA_IRQ  5u

/* `port` stays the caller's and outlives the card.  NULL and an error where it can't be.  VM lock held. */
Device *ne2000_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error);
/* At NE2000_ISA_PORT; `irq` is the wire of NE2000_ISA_IRQ. */
Device *ne2000_isa_new (Vm *vm, const char *id, IrqLine irq, NetPort *port, GError **error);

G_END_DECLS
