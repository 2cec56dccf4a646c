/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The registers of a transitional device for drivers from before 1.0.  VIRTIO 1.2, 4.1.4.10 and 2.7.2.
 */
#define G_LOG_DOMAIN "virtio"

#include "virtio/virtio-private.h"

#include "pci/msix.h"

#define BAR  0
#define SIZE 0x80

enum
{
  LEGACY_OFFERED = 0x00,
  LEGACY_FEATURES = 0x04,
  LEGACY_QUEUE_PAGE = 0x08,
  LEGACY_QUEUE_SIZE = 0x0c,
  LEGACY_QUEUE_SELECT = 0x0e,
  LEGACY_QUEUE_NOTIFY = 0x10,
  LEGACY_STATUS = 0x12,
  LEGACY_ISR = 0x13,
  LEGACY_VECTOR = 0x14, /* while MSI-X is on; the device's own part follows */
  LEGACY_QUEUE_VECTOR = 0x16,
};

#define PAGE_SHIFT 12

/* Of the device's own part. */
static unsigned
config_at (VirtDevice *virt)
{
  return pci_msix_enabled (&virt->pci) ? LEGACY_VECTOR + 4 : LEGACY_VECTOR;
}

static uint64_t
legacy_read (void *opaque, uint64_t at, unsigned size)
{
  VirtDevice *virt = opaque;
  VirtQueue *queue = virt_selected (virt);

  if (at >= config_at (virt))
    return virt_config_read (virt, at - config_at (virt), size);
  switch (at)
    {
    case LEGACY_OFFERED:
      return (uint32_t)virt->offered;
    case LEGACY_FEATURES:
      return (uint32_t)virt->features;
    case LEGACY_QUEUE_PAGE:
      return queue != NULL && queue->enabled ? (uint32_t)(queue->descriptors >> PAGE_SHIFT) : 0;
    case LEGACY_QUEUE_SIZE:
      return queue != NULL ? queue->largest : 0;
    case LEGACY_QUEUE_SELECT:
      return virt->queue_selected;
    case LEGACY_STATUS:
      return virt->status;
    case LEGACY_ISR:
      return virt_read_isr (virt);
    case LEGACY_VECTOR:
      return virt->vector;
    case LEGACY_QUEUE_VECTOR:
      return queue != NULL ? queue->vector : VIRT_NO_VECTOR;
    default:
      return 0;
    }
}

/* 2.7.2: the three parts lie behind each other, the last one on a page of its own. */
static void
set_page (VirtDevice *virt, VirtQueue *queue, uint32_t page)
{
  virt_enable_queue (virt, virt->queue_selected, FALSE);
  if (page == 0)
    return;
  g_mutex_lock (&queue->lock);
  queue->size = queue->largest;
  queue->descriptors = (uint64_t)page << PAGE_SHIFT;
  queue->available = queue->descriptors + 16ull * queue->size;
  queue->used
      = (queue->available + 6 + 2ull * queue->size + GUEST_PAGE_SIZE - 1) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
  g_mutex_unlock (&queue->lock);
  virt_enable_queue (virt, virt->queue_selected, TRUE);
}

static void
legacy_write (void *opaque, uint64_t at, uint64_t value, unsigned size)
{
  VirtDevice *virt = opaque;
  VirtQueue *queue = virt_selected (virt);

  if (at >= config_at (virt))
    {
      virt_config_write (virt, at - config_at (virt), value, size);
      return;
    }
  switch (at)
    {
    case LEGACY_FEATURES:
      /* There is no way to refuse: what wasn't offered is not there. */
      virt_write_features (virt, (uint32_t)value & virt->offered);
      break;
    case LEGACY_QUEUE_PAGE:
      if (queue != NULL)
        set_page (virt, queue, (uint32_t)value);
      break;
    case LEGACY_QUEUE_SELECT:
      virt->queue_selected = (uint16_t)value;
      break;
    case LEGACY_QUEUE_NOTIFY:
      virt_ring (virt, (uint16_t)value);
      break;
    case LEGACY_STATUS:
      virt_write_status (virt, (uint8_t)value);
      break;
    case LEGACY_VECTOR:
      virt->vector = virt_vector (virt, (uint16_t)value);
      break;
    case LEGACY_QUEUE_VECTOR:
      if (queue != NULL)
        {
          g_mutex_lock (&queue->lock);
          queue->vector = virt_vector (virt, (uint16_t)value);
          g_mutex_unlock (&queue->lock);
        }
      break;
    default:
      break;
    }
}

static const IoOps legacy_ops = { .read = legacy_read, .write = legacy_write, .impl_max = 4 };

void
virt_legacy_add (VirtDevice *virt)
{
  virt->legacy = region_new_io ("virtio-legacy", SIZE, &legacy_ops, virt);
  pci_device_add_bar (&virt->pci, BAR, virt->legacy, PCI_BAR_IO);
  for (uint64_t i = 0; i < virt->n_queues; i++)
    region_set_doorbell (virt->legacy, LEGACY_QUEUE_NOTIFY, 2, &i, virt->bells[i]);
}
