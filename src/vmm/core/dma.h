/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * DMA: the only way for a device to reach guest memory.
 *
 * Registers are never reached by DMA (a transfer that meets anything but RAM fails as a master abort would: reads give all ones
 * there), which rules out re-entry.
 *
 * Ownership and threads: a device that masters the bus has one Dma, and one more for each of its queues that has a thread or a
 * lock of its own; each is used by one thread at a time (the VM lock's holder, or the queue's owner).  dma_enabled() is for any thread.
 */
#pragma once

#include "core/memory.h"

#include <sys/uio.h>

G_BEGIN_DECLS

typedef struct Dma Dma;

struct Dma
{
  AddressSpace *as;
  gint enabled; /* of the device's; atomic; see dma_enable() */
  gint
      copying; /* of the device's; atomic: between the look at `enabled` and the end of a copy, by any of its queues */
  Dma *device; /* whose bus master enable counts: itself, or that of the queue's device */
  AccessCache cache;
  /* The device's: returns when nothing that it has begun and keeps mapped touches guest memory any more.  VM lock held.  May be NULL. */
  void (*quiesce) (void *opaque);
  void *opaque;
};

/* Not enabled at first. */
void dma_init (Dma *dma, AddressSpace *as);
/* Of a queue: enabled as `device` is. */
void dma_init_queue (Dma *dma, Dma *device);
void dma_clear (Dma *dma);
/* Bus master enable.  Clear fails every transfer from now on and returns when none is under way: a guest that hands the memory to
 * somebody else then (a kernel that starts the next one) finds nothing written there later.  VM lock held. */
void dma_enable (Dma *dma, gboolean enabled);
static inline gboolean
dma_enabled (const Dma *dma)
{
  return g_atomic_int_get (&dma->device->enabled);
}

/* FALSE if some byte wasn't RAM; for a read the missing bytes are 0xff. */
gboolean dma_read (Dma *dma, uint64_t addr, void *buffer, size_t length);
gboolean dma_write (Dma *dma, uint64_t addr, const void *buffer, size_t length);
/* Little endian values; what can't be read is all ones. */
uint16_t dma_read16 (Dma *dma, uint64_t addr);
uint32_t dma_read32 (Dma *dma, uint64_t addr);
uint64_t dma_read64 (Dma *dma, uint64_t addr);
gboolean dma_write16 (Dma *dma, uint64_t addr, uint16_t value);
gboolean dma_write32 (Dma *dma, uint64_t addr, uint32_t value);
/* Who sees what is written behind it sees what was written before. */
void dma_order_writes (void);

/* -- Guest pages as vectors ------------------------------------------------------------------------ */

#define DMA_MAX_PIECES 512u

/* Guest memory that another thread or the kernel is to read or write in place.  The pieces keep their memory there, whatever is mapped
 * or unplugged meanwhile. */
typedef struct
{
  gboolean to_memory;
  uint64_t length;
  GArray *pieces;  /* struct iovec */
  GArray *regions; /* Region *, one a piece, with a reference */
} DmaVector;

/* Once, before anything else; empty, and so without memory of its own until it is used. */
void dma_vector_init (DmaVector *vector);
void dma_vector_free (DmaVector *vector);
static inline unsigned
dma_vector_n (const DmaVector *vector)
{
  return vector->pieces != NULL ? vector->pieces->len : 0;
}
static inline const struct iovec *
dma_vector_iov (const DmaVector *vector)
{
  return (const struct iovec *)(void *)vector->pieces->data;
}
/* Appends [addr, addr + length).  FALSE, and the vector is as it was: some byte isn't RAM, or isn't writable and `to_memory` is set, or
 * the device is no bus master now, or there are more than DMA_MAX_PIECES.  All pieces of a vector have the same `to_memory`. */
gboolean dma_map_sg (Dma *dma, DmaVector *vector, uint64_t addr, uint64_t length, gboolean to_memory);
/* Nothing touches the pieces any more.  If `touched`, and the vector was to memory, the pages count as written: dirty logs have them, and
 * code that was translated from there is dropped.  The vector is empty. */
void dma_unmap_sg (DmaVector *vector, gboolean touched);

G_END_DECLS
