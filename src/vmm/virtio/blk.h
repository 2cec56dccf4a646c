/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * virtio-blk: a disk.  VIRTIO 1.2, 5.2.
 */
#pragma once

#include "block/block.h"
#include "virtio/virtio.h"

G_BEGIN_DECLS

#define VIRT_BLOCK_MAX_QUEUES 16

typedef struct
{
  Block *block;
  const char *serial; /* at most 20 bytes */
  unsigned n_queues;  /* 1 to VIRT_BLOCK_MAX_QUEUES */
} VirtBlockConfig;

/* Takes the image, also where it fails: NULL and an error.  VM lock held. */
Device *virt_block_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const VirtBlockConfig *config,
                        GError **error);
Block *virt_block_image (Device *device);

G_END_DECLS
