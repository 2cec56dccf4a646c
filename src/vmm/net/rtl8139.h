/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Realtek RTL8139C+, the 100 MBit/s card of the years around 2000: a ring of bytes and four transmit registers for drivers of the 8139 (Windows, BSD rl,
 * firmware), and rings of descriptors for those of the C+ (Linux 8139cp, BSD re).
 */
#pragma once

#include "net/net.h"
#include "pci/pci.h"

G_BEGIN_DECLS

/* `port` stays the caller's and outlives the card.  NULL and an error where it can't be.  VM lock held. */
Device *rtl8139_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error);

G_END_DECLS
