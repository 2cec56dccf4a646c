/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * virtio-rng: random bytes of the host's for the guest.  VIRTIO 1.2, 5.4.
 */
#pragma once

#include "virtio/virtio.h"

G_BEGIN_DECLS

/* `rate`: bytes a second at most; 0: as many as it asks for.  NULL and an error where it fails.  VM lock held. */
Device *virt_rng_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, uint64_t rate, GError **error);

G_END_DECLS
