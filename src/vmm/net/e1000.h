/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Intel 82540EM, the gigabit card that most systems have had a driver for since 2002 (Linux e1000, BSD em and wm, Windows XP to 10), and 82574L, which
 * followed it on PCI Express (Linux e1000e, Windows 7 and later).
 */
#pragma once

#include "net/net.h"
#include "pci/pci.h"

G_BEGIN_DECLS

/* `port` stays the caller's and outlives the card.  NULL and an error where it can't be.  VM lock held. */
Device *e1000_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error);
/* The latter for a slot (pci/hotplug.h): its port, before it is realized. */
extern const DeviceClass e1000e_class;
void e1000e_prepare (Device *device, NetPort *port);
Device *e1000e_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error);

G_END_DECLS
