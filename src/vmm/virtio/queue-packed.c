/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packed rings.  VIRTIO 1.2, 2.8: one ring of descriptors, which the driver makes available and the device overwrites with what it has used.
 *
 * A place in the ring may be written over, by either side, while the chain that stood there is still the device's: so descriptors are copied to `kept` when
 * they are taken, and found there by the buffer's id as long as the device has it, in a saved machine too.
 */
#define G_LOG_DOMAIN "virtio"

#include "virtio/queue-private.h"

#include <string.h>

/* 2.8.13: a descriptor in the ring.  Address at 0, then: */
enum
{
  RING_LENGTH = 8,
  RING_ID = 12,
  RING_FLAGS = 14,
  RING_ENTRY = 16,
};
/* 2.8.1 */
#define FLAG_AVAILABLE (1u << 7)
#define FLAG_USED      (1u << 15)
/* 2.8.14: event suppression, a structure each way. */
enum
{
  EVENTS_ON = 0,
  EVENTS_OFF = 1,
  EVENTS_AT = 2,
};
#define WRAP_BIT (1u << 15)

static uint64_t
place (const VirtQueue *queue, unsigned at)
{
  return queue->descriptors + (uint64_t)at * RING_ENTRY;
}

static void
step (const VirtQueue *queue, uint16_t *at, gboolean *wrap, unsigned n)
{
  const unsigned next = *at + n;

  *at = (uint16_t)(next % queue->size);
  if (next >= queue->size)
    *wrap = !*wrap;
}

/* What can't be read is all ones, and so is not available. */
static gboolean
is_available (VirtQueue *queue, unsigned at, gboolean wrap)
{
  const uint16_t flags = dma_read16 (&queue->dma, place (queue, at) + RING_FLAGS);

  return !!(flags & FLAG_AVAILABLE) == !!wrap && !!(flags & FLAG_USED) != !!wrap;
}

/* -- What is kept ------------------------------------------------------------------------------------ */

void
virt_packed_look (const VirtQueue *queue, unsigned i, VirtDescriptor *descriptor)
{
  memcpy (descriptor, queue->kept + i * sizeof *descriptor, sizeof *descriptor);
}

static void
put_kept (VirtQueue *queue, unsigned i, const VirtDescriptor *descriptor)
{
  memcpy (queue->kept + i * sizeof *descriptor, descriptor, sizeof *descriptor);
}

/* The index of a free one, from now on taken; -1: there is none. */
static int
keep_one (VirtQueue *queue)
{
  for (unsigned n = 0; n < queue->size; n++)
    {
      const unsigned i = (queue->next_kept + n) % queue->size;

      if (queue->is_kept[i])
        continue;
      queue->is_kept[i] = TRUE;
      queue->next_kept = (uint16_t)(i + 1);
      return (int)i;
    }
  return -1;
}

/* Lets go of a chain; how many descriptors it had. */
static unsigned
forget (VirtQueue *queue, unsigned id)
{
  VirtDescriptor descriptor;
  unsigned i, n = 0;

  if (id >= queue->size || queue->first[id] == 0)
    return 0;
  i = queue->first[id] - 1u;
  queue->first[id] = 0;
  do
    {
      virt_packed_look (queue, i, &descriptor);
      queue->is_kept[i] = FALSE;
      n++;
      i = descriptor.next;
    }
  while ((descriptor.flags & VIRT_DESCRIPTOR_NEXT) && i < queue->size && n < queue->size);
  return n;
}

gboolean
virt_packed_valid (VirtQueue *queue)
{
  VirtDescriptor descriptor;

  memset (queue->is_kept, 0, sizeof queue->is_kept);
  queue->pending = FALSE;
  queue->n_taken = 0;
  if (!queue->packed || !queue->enabled)
    {
      memset (queue->first, 0, sizeof queue->first);
      return TRUE;
    }
  if (queue->next_available >= queue->size || queue->next_used >= queue->size)
    return FALSE;
  for (unsigned id = 0; id < VIRT_QUEUE_MAX; id++)
    {
      unsigned i = queue->first[id];

      if (i == 0)
        continue;
      if (id >= queue->size)
        return FALSE;
      i--;
      do
        {
          /* Each at most once: so this ends. */
          if (i >= queue->size || queue->is_kept[i])
            return FALSE;
          queue->is_kept[i] = TRUE;
          virt_packed_look (queue, i, &descriptor);
          i = descriptor.next;
        }
      while (descriptor.flags & VIRT_DESCRIPTOR_NEXT);
    }
  return TRUE;
}

void
virt_packed_reset (VirtQueue *queue)
{
  queue->packed = queue->pending = FALSE;
  queue->wrap_available = queue->wrap_used = TRUE;
  queue->next_kept = 0;
  queue->n_taken = 0;
  memset (queue->first, 0, sizeof queue->first);
  memset (queue->is_kept, 0, sizeof queue->is_kept);
}

/* -- Taking ------------------------------------------------------------------------------------------ */

int
virt_packed_take (VirtQueue *queue, unsigned *id)
{
  const uint16_t before = queue->next_available;
  const gboolean wrap_before = queue->wrap_available;
  uint16_t at = before;
  gboolean wrap = wrap_before;
  int first = -1, last = -1;

  for (unsigned n = 0; n < queue->size; n++)
    {
      uint8_t entry[RING_ENTRY];
      VirtDescriptor descriptor;

      if (!is_available (queue, at, wrap))
        return n == 0 ? 0 : -1;
      /* The rest was written before the flags. */
      virt_queue_fence_acquire ();
      if (!dma_read (&queue->dma, place (queue, at), entry, sizeof entry))
        return -1;
      const int i = keep_one (queue);
      if (i < 0)
        return -1;
      memcpy (&descriptor.address, entry, 8);
      memcpy (&descriptor.length, entry + RING_LENGTH, 4);
      memcpy (&descriptor.flags, entry + RING_FLAGS, 2);
      descriptor.address = GUINT64_FROM_LE (descriptor.address);
      descriptor.length = GUINT32_FROM_LE (descriptor.length);
      descriptor.flags = GUINT16_FROM_LE (descriptor.flags)
                         & (VIRT_DESCRIPTOR_NEXT | VIRT_DESCRIPTOR_WRITE | VIRT_DESCRIPTOR_INDIRECT);
      descriptor.next = 0;
      put_kept (queue, (unsigned)i, &descriptor);
      if (first < 0)
        first = i;
      else
        {
          VirtDescriptor previous;

          virt_packed_look (queue, (unsigned)last, &previous);
          previous.next = (uint16_t)i;
          put_kept (queue, (unsigned)last, &previous);
        }
      last = i;
      step (queue, &at, &wrap, 1);
      if (descriptor.flags & VIRT_DESCRIPTOR_NEXT)
        continue;
      /* 2.8.6: its id is in the last one.  Ours are no larger than the ring, and one that the device has is none to be given. */
      *id = (unsigned)entry[RING_ID] | (unsigned)entry[RING_ID + 1] << 8;
      if (*id >= queue->size || queue->first[*id] != 0)
        return -1;
      queue->first[*id] = (uint16_t)(first + 1);
      queue->taken[queue->n_taken++ % VIRT_QUEUE_MAX] = (uint16_t)*id;
      queue->next_available = at;
      queue->wrap_available = wrap;
      return 1;
    }
  return -1;
}

void
virt_packed_untake (VirtQueue *queue, unsigned n)
{
  while (n-- > 0 && queue->n_taken > 0)
    {
      const unsigned count = forget (queue, queue->taken[--queue->n_taken % VIRT_QUEUE_MAX]);

      if (count > queue->next_available)
        {
          queue->next_available = (uint16_t)(queue->next_available + queue->size - count);
          queue->wrap_available = !queue->wrap_available;
        }
      else
        queue->next_available = (uint16_t)(queue->next_available - count);
    }
}

gboolean
virt_packed_want_bell (VirtQueue *queue)
{
  const uint32_t where = queue->next_available | (queue->wrap_available ? WRAP_BIT : 0);

  dma_write32 (&queue->dma, queue->used, queue->event_index ? where | EVENTS_AT << 16 : EVENTS_ON << 16);
  virt_queue_fence_all ();
  return !is_available (queue, queue->next_available, queue->wrap_available);
}

/* -- Giving back --------------------------------------------------------------------------------------- */

void
virt_packed_fill (VirtQueue *queue, unsigned id, uint32_t length)
{
  const unsigned n = forget (queue, id);
  const uint16_t flags = (uint16_t)((queue->wrap_used ? FLAG_AVAILABLE | FLAG_USED : 0)
                                    | (length > 0 ? VIRT_DESCRIPTOR_WRITE : 0));
  const uint64_t at = place (queue, queue->next_used);

  if (n == 0)
    return;
  dma_write32 (&queue->dma, at + RING_LENGTH, length);
  dma_write16 (&queue->dma, at + RING_ID, (uint16_t)id);
  /* The driver looks at the first one's flags, and so sees all of them at once. */
  if (queue->pending)
    dma_write16 (&queue->dma, at + RING_FLAGS, flags);
  else
    {
      queue->pending = TRUE;
      queue->pending_at = queue->next_used;
      queue->pending_flags = flags;
    }
  const gboolean wrap = queue->wrap_used;
  step (queue, &queue->next_used, &queue->wrap_used, n);
  if (queue->wrap_used != wrap)
    queue->told_valid = FALSE;
}

/* 2.8.14, 2.7.10: as of a split ring, with places instead of indexes. */
static gboolean
wants_interrupt (VirtQueue *queue)
{
  const uint32_t events = dma_read32 (&queue->dma, queue->available);
  const unsigned how = events >> 16 & 3;
  const uint16_t told = queue->told_used;
  const gboolean told_valid = queue->told_valid;
  uint16_t event = events & (WRAP_BIT - 1);

  queue->told_used = queue->next_used;
  queue->told_valid = TRUE;
  if (how != EVENTS_AT || !queue->event_index)
    return how != EVENTS_OFF;
  if (!!(events & WRAP_BIT) != !!queue->wrap_used)
    event = (uint16_t)(event - queue->size);
  return !told_valid || (uint16_t)(queue->next_used - event - 1) < (uint16_t)(queue->next_used - told);
}

gboolean
virt_packed_publish (VirtQueue *queue)
{
  if (!queue->pending)
    return FALSE;
  queue->pending = FALSE;
  virt_queue_fence_release ();
  dma_write16 (&queue->dma, place (queue, queue->pending_at) + RING_FLAGS, queue->pending_flags);
  virt_queue_fence_all ();
  return wants_interrupt (queue);
}
