/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * virtio-net: a network card.  VIRTIO 1.2, 5.1 (and of 1.3 the segments of UDP).
 */
#pragma once

#include "net/net.h"
#include "virtio/virtio.h"

G_BEGIN_DECLS

/* `n_pairs`: of queues, 1 to 8; the driver says how many it uses.  The port stays the caller's, and outlives the device.  NULL and an error.  VM lock held. */
extern const DeviceClass virt_net_device_class;
/* For a slot (pci/hotplug.h), before it is realized. */
void virt_net_prepare (Device *device, unsigned n_pairs, NetPort *port);
Device *virt_net_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, unsigned n_pairs, NetPort *port,
                      GError **error);

G_END_DECLS
