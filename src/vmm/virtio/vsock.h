/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * virtio-vsock: stream sockets between host and guest, by ports.  VIRTIO 1.2, 5.10.
 *
 * At the host each connection is a unix socket.  A client of `listener` says "CONNECT PORT\n", and hears "OK PORT\n" (of this side) when the guest has taken it; one
 * that the guest begins goes to what connect() gives for its port.  None is in a saved state: the guest hears that all were reset.
 *
 * Threads: all under the VM lock, on the device loop.
 */
#pragma once

#include "virtio/virtio.h"

G_BEGIN_DECLS

#define VSOCK_LEAST_CID       3u
#define VSOCK_MOST_CID        0xfffffffeu
#define VSOCK_MAX_CONNECTIONS 128u

typedef struct
{
  uint64_t cid; /* the guest's */
  int listener; /* taken; -1: none */
  /* A connected stream socket to who serves `port`; -1: nobody does. */
  int (*connect) (void *opaque, uint32_t port);
  void *opaque;
} VirtVsockConfig;

/* NULL and an error where it fails.  VM lock held. */
Device *virt_vsock_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const VirtVsockConfig *config,
                        GError **error);
/* Clients come by `listener`, which is taken; of a device without one.  VM lock held. */
void virt_vsock_serve (Device *device, int listener);

G_END_DECLS
