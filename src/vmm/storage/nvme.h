/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A solid-state disk on PCI: an NVMe controller with one namespace.  NVM Express Base Specification 1.4.
 *
 * Threads: these functions, registers and the administrator's commands under the VM lock.  Reads and writes are begun and end on I/O threads, a queue's on one
 * (vm_io_context()), without that.
 */
#pragma once

#include "block/block.h"
#include "pci/pci.h"

G_BEGIN_DECLS

#define NVME_MAX_IO_QUEUES 16u

typedef struct
{
  Block *block;
  const char *serial;  /* at most 20 bytes; the namespace's UUID is made of it and of `machine` */
  const char *machine; /* the machine's UUID; may be NULL */
  unsigned n_queues;   /* 1 to NVME_MAX_IO_QUEUES */
} NvmeConfig;

/* Takes the image, also where it fails: NULL and an error. */
Device *nvme_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const NvmeConfig *config,
                  GError **error);
Block *nvme_image (Device *device);

G_END_DECLS
