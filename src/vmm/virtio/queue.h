/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A virtqueue: where a driver puts chains of buffers and a device gives them back.  Virtual I/O Device (VIRTIO) 1.2, 2.6, 2.7 (split) and
 * 2.8 (packed).
 *
 * All of it is the guest's to write at any time: each descriptor is copied once and then checked, and a ring that makes no sense breaks its queue and
 * nothing else.
 *
 * Threads: every function with the queue's lock held, but for init and clear; that lock comes behind the VM lock.  The registers (size, addresses)
 * change under both.
 */
#pragma once

#include "core/dma.h"
#include "core/state.h"

G_BEGIN_DECLS

#define VIRT_QUEUE_MAX  1024u /* descriptors */
#define VIRT_QUEUE_KEPT 16u   /* bytes of a descriptor that is kept */

typedef struct
{
  GMutex lock;
  Dma dma;
  uint16_t largest; /* size that the device offers */

  /* The driver's; they change only while it is not enabled. */
  uint16_t size;   /* descriptors, a power of two */
  uint16_t vector; /* of MSI-X, or 0xffff */
  gboolean enabled;
  uint64_t descriptors, available,
      used; /* addresses; of a packed queue the ring, what the driver wants to hear of, what the device does */

  /* How far it is.  Indexes run on beyond the size, and wrap at 2^16; of a packed queue they are places. */
  uint16_t next_available, next_used;
  uint16_t told_used;             /* next_used at the last interrupt… */
  gboolean told_valid;            /* …if there was one */
  gboolean event_index, indirect; /* as negotiated */
  gboolean broken;                /* until the device, or it, is reset */
  /* Packed, as negotiated: wrap counters; and of each chain that the device has the descriptors, as a list in `kept`, that begins at `first` of its id, less one. */
  gboolean packed, wrap_available, wrap_used;
  uint16_t first[VIRT_QUEUE_MAX];
  uint8_t kept[VIRT_QUEUE_MAX * VIRT_QUEUE_KEPT];
  /* Not saved: which of `kept` are in use, where to look for one that isn't; the ids that were taken last, for virt_queue_untake(); what virt_queue_fill() has begun. */
  uint8_t is_kept[VIRT_QUEUE_MAX];
  uint16_t next_kept, taken[VIRT_QUEUE_MAX];
  unsigned n_taken;
  gboolean pending;
  uint16_t pending_at, pending_flags;
  /* A bit a chain that the device has taken and will do again when the machine goes on (or was loaded). */
  uint8_t held[VIRT_QUEUE_MAX / 8];
  unsigned generation; /* another one behind each reset */
} VirtQueue;

extern const StateField virt_queue_state[];

/* A chain that the device has.  Its memory stays there until virt_chain_clear(). */
typedef struct
{
  uint16_t head;     /* or its id, of a packed queue: less than the queue's size */
  DmaVector out, in; /* what the device reads; what it writes */
} VirtChain;

void virt_chain_init (VirtChain *chain);
/* Nothing touches its memory any more; what it was mapped for counts as written. */
void virt_chain_clear (VirtChain *chain);
void virt_chain_free (VirtChain *chain);
/* Copies from the `offset`th byte of what the device reads, to that of what it writes; how many bytes there were room for. */
size_t virt_chain_read (const VirtChain *chain, size_t offset, void *buffer, size_t length);
size_t virt_chain_write (VirtChain *chain, size_t offset, const void *buffer, size_t length);
/* The part [offset, offset + length) of a vector; the number of pieces, of which `iov` takes `most`. */
unsigned virt_vector_cut (const DmaVector *vector, size_t offset, size_t length, struct iovec *iov,
                          unsigned most);

void virt_queue_init (VirtQueue *queue, Dma *device, unsigned largest);
void virt_queue_clear (VirtQueue *queue);
/* As at power-on. */
void virt_queue_reset (VirtQueue *queue);
/* Of a saved machine: FALSE if the registers can't be what a driver has set. */
gboolean virt_queue_valid (VirtQueue *queue);

/* The next chain: 1; 0: there is none, or the device may not reach memory; -1: the ring makes no sense, and the queue is broken. */
int virt_queue_take (VirtQueue *queue, VirtChain *chain);
/* The chain at `head`, which the queue has given before: 1 or -1. */
int virt_queue_take_again (VirtQueue *queue, unsigned head, VirtChain *chain);
/* The driver is to ring for the next chain.  FALSE: there is one already. */
gboolean virt_queue_want_bell (VirtQueue *queue);
/* Gives it back with `length` bytes written to its `in`; the chain is yet to be cleared, before.  TRUE: the driver wants an interrupt. */
gboolean virt_queue_give (VirtQueue *queue, unsigned head, uint32_t length);
/* The two halves of that: several that the driver is to see at once. */
void virt_queue_fill (VirtQueue *queue, unsigned head, uint32_t length);
gboolean virt_queue_publish (VirtQueue *queue);
/* The last `n` chains that were taken are still there: they were cleared, and nothing was done. */
void virt_queue_untake (VirtQueue *queue, unsigned n);

static inline void
virt_queue_hold (VirtQueue *queue, unsigned head, gboolean held)
{
  uint8_t bit = (uint8_t)(1u << head % 8);

  queue->held[head / 8 % sizeof queue->held]
      = held ? queue->held[head / 8 % sizeof queue->held] | bit
             : queue->held[head / 8 % sizeof queue->held] & (uint8_t)~bit;
}

G_END_DECLS
