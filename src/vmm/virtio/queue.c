/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "virtio"

#include "virtio/queue-private.h"

#include <string.h>

/* 2.7.6: flags, index, entries, used_event.  2.7.8: flags, index, entries of 8 bytes, avail_event. */
enum
{
  RING_FLAGS = 0,
  RING_INDEX = 2,
  RING_ENTRIES = 4,
};
#define AVAILABLE_NO_INTERRUPT 1

#define NO_VECTOR 0xffff

const StateField virt_queue_state[] = {
  STATE_U16_MAX (VirtQueue, size, VIRT_QUEUE_MAX),
  STATE_U16 (VirtQueue, vector),
  STATE_BOOL (VirtQueue, enabled),
  STATE_U64 (VirtQueue, descriptors),
  STATE_U64 (VirtQueue, available),
  STATE_U64 (VirtQueue, used),
  STATE_U16 (VirtQueue, next_available),
  STATE_U16 (VirtQueue, next_used),
  STATE_U16 (VirtQueue, told_used),
  STATE_BOOL (VirtQueue, told_valid),
  STATE_BOOL (VirtQueue, event_index),
  STATE_BOOL (VirtQueue, indirect),
  STATE_BOOL (VirtQueue, broken),
  STATE_U8_ARRAY (VirtQueue, held),
  STATE_ADDED,
  STATE_BOOL (VirtQueue, packed),
  STATE_BOOL (VirtQueue, wrap_available),
  STATE_BOOL (VirtQueue, wrap_used),
  STATE_U16_ARRAY (VirtQueue, first),
  STATE_U8_ARRAY (VirtQueue, kept),
  STATE_END,
};

/* -- Chains --------------------------------------------------------------------------------------- */

void
virt_chain_init (VirtChain *chain)
{
  chain->head = 0;
  dma_vector_init (&chain->out);
  dma_vector_init (&chain->in);
}

void
virt_chain_clear (VirtChain *chain)
{
  dma_unmap_sg (&chain->out, FALSE);
  dma_unmap_sg (&chain->in, TRUE);
}

void
virt_chain_free (VirtChain *chain)
{
  dma_vector_free (&chain->out);
  dma_vector_free (&chain->in);
}

static size_t
copy (const DmaVector *vector, size_t offset, uint8_t *buffer, size_t length, gboolean to_vector)
{
  size_t done = 0;

  for (unsigned i = 0; i < dma_vector_n (vector) && done < length; i++)
    {
      const struct iovec *piece = &dma_vector_iov (vector)[i];

      if (offset >= piece->iov_len)
        {
          offset -= piece->iov_len;
          continue;
        }
      const size_t n = MIN (piece->iov_len - offset, length - done);
      uint8_t *memory = (uint8_t *)piece->iov_base + offset;

      if (to_vector)
        memcpy (memory, buffer + done, n);
      else
        memcpy (buffer + done, memory, n);
      done += n;
      offset = 0;
    }
  return done;
}

size_t
virt_chain_read (const VirtChain *chain, size_t offset, void *buffer, size_t length)
{
  return copy (&chain->out, offset, buffer, length, FALSE);
}

size_t
virt_chain_write (VirtChain *chain, size_t offset, const void *buffer, size_t length)
{
  return copy (&chain->in, offset, (uint8_t *)buffer, length, TRUE);
}

unsigned
virt_vector_cut (const DmaVector *vector, size_t offset, size_t length, struct iovec *iov, unsigned most)
{
  unsigned n = 0;

  for (unsigned i = 0; i < dma_vector_n (vector) && length > 0 && n < most; i++)
    {
      const struct iovec *piece = &dma_vector_iov (vector)[i];

      if (offset >= piece->iov_len)
        {
          offset -= piece->iov_len;
          continue;
        }
      iov[n].iov_base = (uint8_t *)piece->iov_base + offset;
      iov[n].iov_len = MIN (piece->iov_len - offset, length);
      length -= iov[n++].iov_len;
      offset = 0;
    }
  return n;
}

/* -- Life ----------------------------------------------------------------------------------------- */

void
virt_queue_init (VirtQueue *queue, Dma *device, unsigned largest)
{
  g_return_if_fail (largest > 0 && largest <= VIRT_QUEUE_MAX && (largest & (largest - 1)) == 0);
  memset (queue, 0, sizeof *queue);
  g_mutex_init (&queue->lock);
  dma_init_queue (&queue->dma, device);
  queue->largest = (uint16_t)largest;
  virt_queue_reset (queue);
}

void
virt_queue_clear (VirtQueue *queue)
{
  dma_clear (&queue->dma);
  g_mutex_clear (&queue->lock);
}

void
virt_queue_reset (VirtQueue *queue)
{
  queue->size = queue->largest;
  queue->vector = NO_VECTOR;
  queue->enabled = queue->told_valid = queue->event_index = queue->indirect = queue->broken = FALSE;
  queue->descriptors = queue->available = queue->used = 0;
  queue->next_available = queue->next_used = queue->told_used = 0;
  memset (queue->held, 0, sizeof queue->held);
  virt_packed_reset (queue);
  queue->generation++;
}

gboolean
virt_queue_valid (VirtQueue *queue)
{
  return (!queue->enabled
          || (queue->size > 0 && queue->size <= queue->largest && (queue->size & (queue->size - 1)) == 0))
         && virt_packed_valid (queue);
}

/* -- Taking --------------------------------------------------------------------------------------- */

static int
fail (VirtQueue *queue, VirtChain *chain)
{
  virt_chain_clear (chain);
  queue->broken = TRUE;
  return -1;
}

static gboolean
read_descriptor (VirtQueue *queue, uint64_t table, unsigned i, VirtDescriptor *descriptor)
{
  if (!dma_read (&queue->dma, table + i * sizeof *descriptor, descriptor, sizeof *descriptor))
    return FALSE;
  descriptor->address = GUINT64_FROM_LE (descriptor->address);
  descriptor->length = GUINT32_FROM_LE (descriptor->length);
  descriptor->flags = GUINT16_FROM_LE (descriptor->flags);
  descriptor->next = GUINT16_FROM_LE (descriptor->next);
  return TRUE;
}

/* What the device reads comes before what it writes (2.7.4.2). */
static gboolean
add_buffer (VirtQueue *queue, VirtChain *chain, const VirtDescriptor *descriptor)
{
  gboolean write = (descriptor->flags & VIRT_DESCRIPTOR_WRITE) != 0;

  if (!write && chain->in.length > 0)
    return FALSE;
  return dma_map_sg (&queue->dma, write ? &chain->in : &chain->out, descriptor->address, descriptor->length,
                     write);
}

int
virt_queue_take_again (VirtQueue *queue, unsigned head, VirtChain *chain)
{
  uint64_t table = queue->descriptors;
  unsigned n_table = queue->size, i = head, n = 0;
  gboolean indirect = FALSE;
  VirtDescriptor descriptor;

  chain->head = (uint16_t)head;
  if (queue->packed && (head >= queue->size || queue->first[head] == 0))
    return fail (queue, chain);
  if (queue->packed)
    i = queue->first[head] - 1u;
  do
    {
      /* Each at most once: a longer chain is a ring. */
      if (i >= n_table || n++ >= n_table)
        return fail (queue, chain);
      if (queue->packed && !indirect)
        virt_packed_look (queue, i, &descriptor);
      else if (!read_descriptor (queue, table, i, &descriptor))
        return fail (queue, chain);
      if (queue->packed && indirect)
        descriptor.flags = descriptor.next; /* 2.8.13: where a split one has its flags, this has its id */
      if (descriptor.flags & VIRT_DESCRIPTOR_INDIRECT)
        {
          /* 2.7.5.3: a table of its own, at the end of the chain, and none within. */
          if (!queue->indirect || indirect || (descriptor.flags & VIRT_DESCRIPTOR_NEXT)
              || descriptor.length == 0 || descriptor.length % sizeof descriptor != 0
              || descriptor.length / sizeof descriptor > VIRT_QUEUE_MAX)
            return fail (queue, chain);
          table = descriptor.address;
          n_table = descriptor.length / sizeof descriptor;
          descriptor.next = 0;
          descriptor.flags = VIRT_DESCRIPTOR_NEXT;
          n = 0;
          indirect = TRUE;
        }
      else if (!add_buffer (queue, chain, &descriptor))
        return fail (queue, chain);
      else if (queue->packed && indirect)
        {
          /* 2.8.8: all of such a table, in its order. */
          descriptor.next = (uint16_t)(i + 1);
          descriptor.flags = i + 1 < n_table ? VIRT_DESCRIPTOR_NEXT : 0;
        }
      i = descriptor.next;
    }
  while (descriptor.flags & VIRT_DESCRIPTOR_NEXT);
  return 1;
}

/* How many chains the driver has put there; -1: more than there can be. */
static int
n_waiting (VirtQueue *queue)
{
  uint16_t n = (uint16_t)(dma_read16 (&queue->dma, queue->available + RING_INDEX) - queue->next_available);

  return n <= queue->size ? n : -1;
}

int
virt_queue_take (VirtQueue *queue, VirtChain *chain)
{
  unsigned id;
  int n;

  if (!queue->enabled || queue->broken || !dma_enabled (&queue->dma))
    return 0;
  if (queue->packed)
    {
      n = virt_packed_take (queue, &id);
      return n > 0 ? virt_queue_take_again (queue, id, chain) : n == 0 ? 0 : fail (queue, chain);
    }
  n = n_waiting (queue);
  if (n <= 0)
    return n == 0 ? 0 : fail (queue, chain);
  /* The entry was written before the index. */
  virt_queue_fence_acquire ();
  unsigned slot = queue->next_available & (queue->size - 1u);
  uint16_t head = dma_read16 (&queue->dma, queue->available + RING_ENTRIES + 2 * slot);
  queue->next_available++;
  return virt_queue_take_again (queue, head, chain);
}

void
virt_queue_untake (VirtQueue *queue, unsigned n)
{
  if (queue->packed)
    virt_packed_untake (queue, n);
  else
    queue->next_available = (uint16_t)(queue->next_available - n);
}

gboolean
virt_queue_want_bell (VirtQueue *queue)
{
  if (!queue->enabled || queue->broken || !dma_enabled (&queue->dma))
    return TRUE;
  if (queue->packed)
    return virt_packed_want_bell (queue);
  if (queue->event_index)
    dma_write16 (&queue->dma, queue->used + RING_ENTRIES + 8ull * queue->size, queue->next_available);
  /* The driver puts its index before it looks there. */
  virt_queue_fence_all ();
  return n_waiting (queue) == 0;
}

/* -- Giving back ---------------------------------------------------------------------------------- */

/* 2.7.10: whether an index between the last interrupt and now is the one that the driver waits for. */
static gboolean
wants_interrupt (VirtQueue *queue)
{
  /* The driver puts what it wants before it looks at our index once more. */
  virt_queue_fence_all ();
  if (!queue->event_index)
    return !(dma_read16 (&queue->dma, queue->available + RING_FLAGS) & AVAILABLE_NO_INTERRUPT);
  uint16_t event = dma_read16 (&queue->dma, queue->available + RING_ENTRIES + 2ull * queue->size);
  gboolean wants
      = !queue->told_valid
        || (uint16_t)(queue->next_used - event - 1) < (uint16_t)(queue->next_used - queue->told_used);
  queue->told_used = queue->next_used;
  queue->told_valid = TRUE;
  return wants;
}

void
virt_queue_fill (VirtQueue *queue, unsigned head, uint32_t length)
{
  const uint32_t element[2] = { GUINT32_TO_LE (head), GUINT32_TO_LE (length) };
  unsigned slot = queue->next_used & (queue->size - 1u);

  if (!queue->enabled || queue->broken)
    return;
  if (queue->packed)
    {
      virt_packed_fill (queue, head, length);
      return;
    }
  dma_write (&queue->dma, queue->used + RING_ENTRIES + 8ull * slot, element, sizeof element);
  queue->next_used++;
}

gboolean
virt_queue_publish (VirtQueue *queue)
{
  if (!queue->enabled || queue->broken)
    return FALSE;
  if (queue->packed)
    return virt_packed_publish (queue);
  /* What was written is there before the index says so. */
  virt_queue_fence_release ();
  dma_write16 (&queue->dma, queue->used + RING_INDEX, queue->next_used);
  return wants_interrupt (queue);
}

gboolean
virt_queue_give (VirtQueue *queue, unsigned head, uint32_t length)
{
  virt_queue_fill (queue, head, length);
  return virt_queue_publish (queue);
}
