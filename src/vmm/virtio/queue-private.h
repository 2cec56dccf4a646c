/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the two layouts of a queue: queue.c (split, and what both do) and queue-packed.c.  As queue.h.
 */
#pragma once

#include "virtio/queue.h"

G_BEGIN_DECLS

/* 2.7.5: a descriptor of a table, in the host's order. */
typedef struct
{
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
} VirtDescriptor;
enum
{
  VIRT_DESCRIPTOR_NEXT = 1 << 0,
  VIRT_DESCRIPTOR_WRITE = 1 << 1,
  VIRT_DESCRIPTOR_INDIRECT = 1 << 2,
};
G_STATIC_ASSERT (sizeof (VirtDescriptor) == VIRT_QUEUE_KEPT);

/* Between us and the guest, whose side ThreadSanitizer doesn't see in any case. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif
#define virt_queue_fence_acquire() __atomic_thread_fence (__ATOMIC_ACQUIRE)
#define virt_queue_fence_release() __atomic_thread_fence (__ATOMIC_RELEASE)
#define virt_queue_fence_all()     __atomic_thread_fence (__ATOMIC_SEQ_CST)

void virt_packed_reset (VirtQueue *queue);
gboolean virt_packed_valid (VirtQueue *queue);
/* The next chain's id: 1; 0: there is none; -1: the ring makes no sense. */
int virt_packed_take (VirtQueue *queue, unsigned *id);
/* Of a chain that was taken: the descriptor at `i`, which is less than the queue's size. */
void virt_packed_look (const VirtQueue *queue, unsigned i, VirtDescriptor *descriptor);
void virt_packed_untake (VirtQueue *queue, unsigned n);
gboolean virt_packed_want_bell (VirtQueue *queue);
void virt_packed_fill (VirtQueue *queue, unsigned id, uint32_t length);
gboolean virt_packed_publish (VirtQueue *queue);

G_END_DECLS
