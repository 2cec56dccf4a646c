/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * AMD Am79C970A (PCnet-PCI II), a LANCE on PCI: the card of systems of the 1990s, and of those that copied their machines from others (Linux pcnet32, BSD le
 * and pcn, Windows 95 to XP, DOS).
 */
#pragma once

#include "net/net.h"
#include "pci/pci.h"

G_BEGIN_DECLS

/* `port` stays the caller's and outlives the card.  NULL and an error where it can't be.  VM lock held. */
Device *pcnet_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error);

G_END_DECLS
