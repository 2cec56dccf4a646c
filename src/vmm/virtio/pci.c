/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The modern registers.  VIRTIO 1.2, 4.1.4.
 */
#define G_LOG_DOMAIN "virtio"

#include "virtio/virtio-private.h"

#include <string.h>

#define BAR       4
#define PART_SIZE 0x1000u

/* Parts of the BAR, a page each; 4.1.4: their types. */
enum
{
  PART_COMMON,
  PART_ISR,
  PART_DEVICE,
  PART_NOTIFY,
  N_PARTS,
};
enum
{
  CAP_COMMON = 1,
  CAP_NOTIFY,
  CAP_ISR,
  CAP_DEVICE,
  CAP_PCI, /* 4.1.4.9: a window into the BAR from the configuration space */
};
#define PM_CONTROL      4 /* in the capability of power management */
#define CAP_VENDOR      0x09
#define CAP_SIZE        16
#define NOTIFY_MULTIPLY 4
enum
{
  CAP_TYPE_AT = 3,
  CAP_BAR_AT = 4,
  CAP_OFFSET_AT = 8,
  CAP_LENGTH_AT = 12,
  CAP_DATA_AT = 16, /* of the notify part: the multiplier */
};

/* 4.1.4.3: common configuration. */
enum
{
  COMMON_OFFERED_SELECT = 0x00,
  COMMON_OFFERED = 0x04,
  COMMON_DRIVER_SELECT = 0x08,
  COMMON_DRIVER = 0x0c,
  COMMON_VECTOR = 0x10,
  COMMON_N_QUEUES = 0x12,
  COMMON_STATUS = 0x14,
  COMMON_GENERATION = 0x15,
  COMMON_QUEUE_SELECT = 0x16,
  COMMON_QUEUE_SIZE = 0x18,
  COMMON_QUEUE_VECTOR = 0x1a,
  COMMON_QUEUE_ENABLE = 0x1c,
  COMMON_QUEUE_NOTIFY = 0x1e,
  COMMON_QUEUE_DESCRIPTORS = 0x20,
  COMMON_QUEUE_DRIVER = 0x28,
  COMMON_QUEUE_DEVICE = 0x30,
  COMMON_QUEUE_DATA = 0x38,
  COMMON_QUEUE_RESET = 0x3a,
  COMMON_SIZE = 0x3c,
};

/* -- Common ------------------------------------------------------------------------------------------ */

static uint64_t *
address_at (VirtQueue *queue, uint64_t at)
{
  switch (at & ~7ull)
    {
    case COMMON_QUEUE_DESCRIPTORS:
      return &queue->descriptors;
    case COMMON_QUEUE_DRIVER:
      return &queue->available;
    default:
      return &queue->used;
    }
}

static uint32_t
read_queue (VirtDevice *virt, uint64_t at)
{
  VirtQueue *queue = virt_selected (virt);

  if (queue == NULL)
    return 0;
  switch (at)
    {
    case COMMON_QUEUE_SIZE:
      return queue->size;
    case COMMON_QUEUE_VECTOR:
      return queue->vector;
    case COMMON_QUEUE_ENABLE:
      return queue->enabled;
    case COMMON_QUEUE_NOTIFY:
    case COMMON_QUEUE_DATA:
      return virt->queue_selected;
    case COMMON_QUEUE_DESCRIPTORS ... COMMON_QUEUE_DEVICE + 7:
      return (uint32_t)(*address_at (queue, at) >> (at & 4) * 8);
    default:
      return 0;
    }
}

static uint32_t
read_common (VirtDevice *virt, uint64_t at)
{
  switch (at)
    {
    case COMMON_OFFERED_SELECT:
      return virt->offered_half;
    case COMMON_OFFERED:
      return virt->offered_half < 2 ? (uint32_t)(virt->offered >> 32 * virt->offered_half) : 0;
    case COMMON_DRIVER_SELECT:
      return virt->driver_half;
    case COMMON_DRIVER:
      return virt->driver_half < 2 ? (uint32_t)(virt->features >> 32 * virt->driver_half) : 0;
    case COMMON_VECTOR:
      return virt->vector;
    case COMMON_N_QUEUES:
      return virt->n_queues;
    case COMMON_STATUS:
      return virt->status;
    case COMMON_GENERATION:
      return virt->generation;
    case COMMON_QUEUE_SELECT:
      return virt->queue_selected;
    default:
      return read_queue (virt, at);
    }
}

/* Addresses and size stand while the queue is on (4.1.4.3.2). */
static void
write_queue (VirtDevice *virt, uint64_t at, uint32_t value)
{
  VirtQueue *queue = virt_selected (virt);

  if (queue == NULL)
    return;
  if (at == COMMON_QUEUE_ENABLE && value == 1)
    virt_enable_queue (virt, virt->queue_selected, TRUE);
  else if (at == COMMON_QUEUE_RESET && value == 1 && virt_has (virt, VIRT_F_RING_RESET))
    virt_enable_queue (virt, virt->queue_selected, FALSE);
  g_mutex_lock (&queue->lock);
  if (at == COMMON_QUEUE_VECTOR)
    queue->vector = virt_vector (virt, value);
  else if (queue->enabled)
    ;
  else if (at == COMMON_QUEUE_SIZE && value != 0 && value <= queue->largest && (value & (value - 1)) == 0)
    queue->size = (uint16_t)value;
  else if (at >= COMMON_QUEUE_DESCRIPTORS && at < COMMON_QUEUE_DATA)
    {
      uint64_t *address = address_at (queue, at);
      *address
          = at & 4 ? (*address & 0xffffffff) | (uint64_t)value << 32 : (*address & ~0xffffffffull) | value;
    }
  g_mutex_unlock (&queue->lock);
}

static void
write_common (VirtDevice *virt, uint64_t at, uint32_t value)
{
  switch (at)
    {
    case COMMON_OFFERED_SELECT:
      virt->offered_half = value;
      break;
    case COMMON_DRIVER_SELECT:
      virt->driver_half = value;
      break;
    case COMMON_DRIVER:
      if (virt->driver_half < 2)
        virt_write_features (virt, (virt->features & ~(UINT64_C (0xffffffff) << 32 * virt->driver_half))
                                       | (uint64_t)value << 32 * virt->driver_half);
      break;
    case COMMON_VECTOR:
      virt->vector = virt_vector (virt, value);
      break;
    case COMMON_STATUS:
      virt_write_status (virt, (uint8_t)value);
      break;
    case COMMON_QUEUE_SELECT:
      virt->queue_selected = value & 0xffff;
      break;
    default:
      write_queue (virt, at, value);
      break;
    }
}

/* The field that an offset is in: drivers use a field's own width, or half of the widest. */
static unsigned
width_of (uint64_t at)
{
  switch (at)
    {
    case COMMON_OFFERED_SELECT ... COMMON_DRIVER + 3:
    case COMMON_QUEUE_DESCRIPTORS ... COMMON_QUEUE_DEVICE + 7:
      return 4;
    case COMMON_STATUS:
    case COMMON_GENERATION:
      return 1;
    default:
      return 2;
    }
}

/* -- The BAR ----------------------------------------------------------------------------------------- */

static uint64_t
registers_read (void *opaque, uint64_t at, unsigned size)
{
  VirtDevice *virt = opaque;
  uint64_t in = at % PART_SIZE;

  switch (at / PART_SIZE)
    {
    case PART_COMMON:
      {
        const unsigned width = width_of (in), shift = (unsigned)(in % width) * 8;
        const uint64_t value = in < COMMON_SIZE ? read_common (virt, in - in % width) : 0;
        return width * 8 > shift ? value >> shift : 0;
      }
    case PART_ISR:
      return in == 0 ? virt_read_isr (virt) : 0;
    case PART_DEVICE:
      return virt_config_read (virt, in, size);
    default:
      return 0;
    }
}

static void
registers_write (void *opaque, uint64_t at, uint64_t value, unsigned size)
{
  VirtDevice *virt = opaque;
  uint64_t in = at % PART_SIZE;

  switch (at / PART_SIZE)
    {
    case PART_COMMON:
      if (in < COMMON_SIZE && in % width_of (in) == 0)
        write_common (virt, in, (uint32_t)value);
      break;
    case PART_DEVICE:
      virt_config_write (virt, in, value, size);
      break;
    case PART_NOTIFY: /* what no doorbell takes */
      virt_ring (virt, (unsigned)(in / NOTIFY_MULTIPLY));
      break;
    default:
      break;
    }
}

static const IoOps registers_ops = { .read = registers_read, .write = registers_write, .impl_max = 4 };

/* -- Capabilities ------------------------------------------------------------------------------------ */

static unsigned
add_capability (VirtDevice *virt, unsigned type, unsigned part, unsigned length, unsigned size)
{
  PciDevice *pci = &virt->pci;
  unsigned cap = pci_device_add_capability (pci, CAP_VENDOR, size);

  pci->config[cap + 2] = (uint8_t)size;
  pci->config[cap + CAP_TYPE_AT] = (uint8_t)type;
  pci->config[cap + CAP_BAR_AT] = BAR;
  pci_set32 (pci->config + cap + CAP_OFFSET_AT, part * PART_SIZE);
  pci_set32 (pci->config + cap + CAP_LENGTH_AT, length);
  return cap;
}

/* What the window shows, if it may: FALSE else. */
static gboolean
window (PciDevice *pci, unsigned *offset, unsigned *length)
{
  const uint8_t *cap = pci->config + ((VirtDevice *)pci)->window;

  *offset = pci_get32 (cap + CAP_OFFSET_AT);
  *length = pci_get32 (cap + CAP_LENGTH_AT);
  return cap[CAP_BAR_AT] == BAR && (*length == 1 || *length == 2 || *length == 4) && *offset % *length == 0
         && *offset < N_PARTS * PART_SIZE;
}

static gboolean
touches_window (PciDevice *pci, unsigned offset, unsigned size)
{
  const unsigned data = ((VirtDevice *)pci)->window + CAP_DATA_AT;

  return offset < data + 4 && data < offset + size;
}

static void
on_config_reading (PciDevice *pci, unsigned offset, unsigned size)
{
  unsigned at, length;

  if (touches_window (pci, offset, size) && window (pci, &at, &length))
    pci_set32 (pci->config + ((VirtDevice *)pci)->window + CAP_DATA_AT,
               (uint32_t)(registers_read (pci, at, length) & (UINT64_MAX >> (64 - 8 * length))));
}

static void
on_config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  VirtDevice *virt = (VirtDevice *)pci;
  unsigned at, length;

  /* What was put into the rings, and rung for, while it could reach neither. */
  if ((offset < PCI_COMMAND + 2 && PCI_COMMAND < offset + size)
      || (offset <= pci->pm_cap + PM_CONTROL && pci->pm_cap + PM_CONTROL < offset + size))
    for (unsigned i = 0; i < virt->n_queues && dma_enabled (&pci->dma); i++)
      virt_ring (virt, i);
  if (touches_window (pci, offset, size) && window (pci, &at, &length))
    registers_write (pci, at,
                     pci_get32 (pci->config + ((VirtDevice *)pci)->window + CAP_DATA_AT)
                         & (UINT32_MAX >> (32 - 8 * length)),
                     length);
}

void
virt_pci_add (VirtDevice *virt)
{
  PciDevice *pci = &virt->pci;
  unsigned cap;

  virt->registers = region_new_io (virt->virt_class->transitional ? "virtio-modern" : "virtio",
                                   N_PARTS * PART_SIZE, &registers_ops, virt);
  pci_device_add_bar (pci, BAR, virt->registers, PCI_BAR_MEMORY64 | PCI_BAR_PREFETCH);
  add_capability (virt, CAP_COMMON, PART_COMMON, COMMON_SIZE, CAP_SIZE);
  add_capability (virt, CAP_ISR, PART_ISR, 1, CAP_SIZE);
  if (virt->virt_class->config_size > 0)
    add_capability (virt, CAP_DEVICE, PART_DEVICE, virt->virt_class->config_size, CAP_SIZE);
  cap = add_capability (virt, CAP_NOTIFY, PART_NOTIFY, virt->n_queues * NOTIFY_MULTIPLY, CAP_SIZE + 4);
  pci_set32 (pci->config + cap + CAP_DATA_AT, NOTIFY_MULTIPLY);
  cap = add_capability (virt, CAP_PCI, 0, 0, CAP_SIZE + 4);
  virt->window = cap;
  pci->config[cap + CAP_BAR_AT] = 0;
  pci->write_mask[cap + CAP_BAR_AT] = 0xff;
  memset (pci->write_mask + cap + CAP_OFFSET_AT, 0xff, 12);
  pci->config_reading = on_config_reading;
  pci->config_written = on_config_written;
  for (unsigned i = 0; i < virt->n_queues; i++)
    region_set_doorbell (virt->registers, PART_NOTIFY * PART_SIZE + i * NOTIFY_MULTIPLY, 0, NULL,
                         virt->bells[i]);
}
