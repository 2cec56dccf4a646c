/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver for virtio devices, without a processor: a machine of RAM and a PCI bus, and what a guest does there as functions.  For tests and fuzzers.
 *
 * With VIRTIO_LAYOUT=packed in the environment its queues are packed: the table of descriptors is then the driver's own, and what is put goes from there to the ring,
 * whose used descriptors are told as if they had come by a used ring.
 */
#pragma once

#include "virtio/virtio.h"

#include <string.h>

#define DRIVER_RAM   0x400000u
#define DRIVER_BAR   0xf0000000u
#define DRIVER_IO    0xc000u
#define DRIVER_DEVFN PCI_DEVFN (3, 0)
#define DRIVER_SIZE  16u      /* of its queues, but for legacy ones */
#define DRIVER_QUEUE 0x10000u /* of queue 0; 16 KiB each */
#define DRIVER_TABLE 0x0000u
#define DRIVER_AVAIL 0x1000u
#define DRIVER_USED  0x2000u
#define DRIVER_RING  0x3000u /* packed: that, and the two event structures */
#define DRIVER_WANTS 0x3800u
#define DRIVER_BELLS 0x3900u

/* VIRTIO 1.2, 4.1.4.3 */
enum
{
  DRIVER_OFFERED_SELECT = 0x00,
  DRIVER_OFFERED = 0x04,
  DRIVER_FEATURES_SELECT = 0x08,
  DRIVER_FEATURES = 0x0c,
  DRIVER_N_QUEUES = 0x12,
  DRIVER_STATUS = 0x14,
  DRIVER_SELECT = 0x16,
  DRIVER_QUEUE_SIZE = 0x18,
  DRIVER_ENABLE = 0x1c,
  DRIVER_ADDRESSES = 0x20,
  DRIVER_QUEUE_RESET = 0x3a,
  DRIVER_ISR = 0x1000,
  DRIVER_CONFIG = 0x2000,
  DRIVER_NOTIFY = 0x3000,
};
enum
{
  DESC_NEXT = 1,
  DESC_WRITE = 2,
  DESC_INDIRECT = 4,
};

typedef struct
{
  Vm *vm;
  PciRoot *root;
  Region *ram;
  AccessCache cache, ports;
  gboolean level; /* of its interrupt */
  unsigned n_interrupts;
  uint16_t available[VIRT_MAX_QUEUES]; /* as the driver counts */
  gboolean packed;
  struct
  {
    unsigned put, seen; /* descriptors of the ring, from its beginning on */
    unsigned n_used;
    uint16_t count[DRIVER_SIZE]; /* by id */
    struct
    {
      uint32_t head, length;
    } used[DRIVER_SIZE];
  } rings[VIRT_MAX_QUEUES];
} Driver;

static inline void
driver_on_intx (void *opaque, unsigned wire, gboolean level)
{
  Driver *d = opaque;

  d->n_interrupts += level && !d->level;
  d->level = level;
}

/* Takes the machine. */
static inline void
driver_open_vm (Driver *d, Vm *vm)
{
  *d = (Driver){ .vm = vm, .packed = g_strcmp0 (g_getenv ("VIRTIO_LAYOUT"), "packed") == 0 };
  vm_lock (d->vm);
  d->ram = region_new_ram ("ram", DRIVER_RAM, RAM_DEFAULT, NULL);
  vm_add_ram (d->vm, d->ram);
  address_space_map (d->vm->memory, d->ram, 0, 0, DRIVER_RAM, 0);
  d->root = pci_root_new (d->vm, driver_on_intx, NULL, d);
  vm_unlock (d->vm);
}

static inline void
driver_open (Driver *d)
{
  driver_open_vm (d, vm_new (NULL, TRUE));
}

static inline void
driver_config (Driver *d, unsigned offset, uint32_t value, unsigned size)
{
  vm_lock (d->vm);
  pci_root_config_write (d->root, 0, DRIVER_DEVFN, offset, value, size);
  vm_unlock (d->vm);
}

static inline uint32_t
driver_config_read (Driver *d, unsigned offset, unsigned size)
{
  vm_lock (d->vm);
  uint32_t value = pci_root_config_read (d->root, 0, DRIVER_DEVFN, offset, size);
  vm_unlock (d->vm);
  return value;
}

/* The firmware's part. */
static inline void
driver_map (Driver *d)
{
  driver_config (d, PCI_BAR0, DRIVER_IO, 4);
  driver_config (d, PCI_BAR0 + 16, DRIVER_BAR, 4);
  driver_config (d, PCI_BAR0 + 20, 0, 4);
  driver_config (d, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

/* The device goes with the machine. */
static inline void
driver_close (Driver *d)
{
  vm_lock (d->vm);
  while (d->vm->devices->len > 0)
    device_free (d->vm->devices->pdata[d->vm->devices->len - 1]);
  pci_root_free (d->root);
  vm_unlock (d->vm);
  access_cache_clear (&d->cache);
  access_cache_clear (&d->ports);
  vm_free (d->vm);
  region_unref (d->ram);
}

static inline void
driver_pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static inline uint64_t
driver_read (Driver *d, unsigned offset, unsigned size)
{
  return address_space_load (d->vm->memory, &d->cache, DRIVER_BAR + offset, size, FALSE);
}

static inline void
driver_write (Driver *d, unsigned offset, uint64_t value, unsigned size)
{
  address_space_store (d->vm->memory, &d->cache, DRIVER_BAR + offset, value, size, FALSE);
}

static inline uint8_t *
driver_ram (Driver *d, uint64_t address)
{
  return region_host (d->ram) + address;
}

static inline uint64_t
driver_queue (unsigned n)
{
  return DRIVER_QUEUE + 0x4000ull * n;
}

static inline uint64_t
driver_offered (Driver *d)
{
  uint64_t offered;

  driver_write (d, DRIVER_OFFERED_SELECT, 0, 4);
  offered = driver_read (d, DRIVER_OFFERED, 4);
  driver_write (d, DRIVER_OFFERED_SELECT, 1, 4);
  return offered | driver_read (d, DRIVER_OFFERED, 4) << 32;
}

static inline void
driver_features (Driver *d, uint64_t features)
{
  if (d->packed)
    {
      features |= VIRT_F_RING_PACKED;
      /* Beside it there may be the network's end. */
      for (guint i = 0; i < d->vm->devices->len; i++)
        if (!g_str_equal (((Device *)d->vm->devices->pdata[i])->klass->name, "net-port"))
          virt_offer_packed (d->vm->devices->pdata[i]);
    }
  driver_write (d, DRIVER_STATUS, 0, 1);
  driver_write (d, DRIVER_STATUS, 3, 1);
  for (unsigned half = 0; half < 2; half++)
    {
      driver_write (d, DRIVER_FEATURES_SELECT, half, 4);
      driver_write (d, DRIVER_FEATURES, (uint32_t)(features >> 32 * half), 4);
    }
  driver_write (d, DRIVER_STATUS, 11, 1);
}

static inline void
driver_start_queue (Driver *d, unsigned n)
{
  const uint64_t split[3] = { DRIVER_TABLE, DRIVER_AVAIL, DRIVER_USED },
                 packed[3] = { DRIVER_RING, DRIVER_WANTS, DRIVER_BELLS }, *parts = d->packed ? packed : split;

  memset (driver_ram (d, driver_queue (n)), 0, 0x4000);
  d->available[n] = 0;
  memset (&d->rings[n], 0, sizeof d->rings[n]);
  driver_write (d, DRIVER_SELECT, n, 2);
  driver_write (d, DRIVER_QUEUE_SIZE, DRIVER_SIZE, 2);
  for (unsigned i = 0; i < 3; i++)
    {
      driver_write (d, DRIVER_ADDRESSES + 8 * i, driver_queue (n) + parts[i], 4);
      driver_write (d, DRIVER_ADDRESSES + 8 * i + 4, 0, 4);
    }
  driver_write (d, DRIVER_ENABLE, 1, 2);
}

/* All the way. */
static inline void
driver_start (Driver *d, uint64_t features, unsigned n_queues)
{
  driver_features (d, features);
  for (unsigned i = 0; i < n_queues; i++)
    driver_start_queue (d, i);
  driver_write (d, DRIVER_STATUS, 15, 1);
}

static inline void
driver_describe (Driver *d, uint64_t table, unsigned i, uint64_t address, uint32_t length, unsigned flags,
                 unsigned next)
{
  uint8_t *entry = driver_ram (d, table + 16ull * i);
  const uint16_t both[2] = { (uint16_t)flags, (uint16_t)next };

  memcpy (entry, &address, 8);
  memcpy (entry + 8, &length, 4);
  memcpy (entry + 12, both, 4);
}

/* An indirect table as split rings have it becomes one of packed rings: in its order, with the flags where the next was. */
static inline void
driver_pack_table (Driver *d, uint64_t table, uint32_t length)
{
  for (unsigned i = 0; i < length / 16 && table + 16ull * (i + 1) <= DRIVER_RAM; i++)
    {
      uint8_t *entry = driver_ram (d, table + 16ull * i);
      const uint16_t flags = (uint16_t)((entry[12] | entry[13] << 8) & ~DESC_NEXT);

      memset (entry + 12, 0, 2);
      memcpy (entry + 14, &flags, 2);
    }
}

/* The chain of the table, one behind the other, as long as it makes sense; what it means by that is the device's to find out. */
static inline void
driver_put_packed (Driver *d, unsigned n, unsigned head)
{
  const unsigned first = d->rings[n].put;
  uint16_t first_flags = 0;
  unsigned i = head, count = 0;
  uint16_t both[2];

  do
    {
      const unsigned at = d->rings[n].put++;
      const gboolean wrap = at / DRIVER_SIZE % 2 == 0;
      uint8_t *to = driver_ram (d, driver_queue (n) + DRIVER_RING + 16 * (at % DRIVER_SIZE));
      const uint16_t id = (uint16_t)head;

      memcpy (to, driver_ram (d, driver_queue (n) + DRIVER_TABLE + 16 * (i % DRIVER_SIZE)), 12);
      memcpy (both, driver_ram (d, driver_queue (n) + DRIVER_TABLE + 16 * (i % DRIVER_SIZE) + 12), 4);
      memcpy (to + 12, &id, 2);
      if (both[0] & DESC_INDIRECT)
        {
          uint64_t table;
          uint32_t length;

          memcpy (&table, to, 8);
          memcpy (&length, to + 8, 4);
          if (table < DRIVER_RAM)
            driver_pack_table (d, table, length);
        }
      const uint16_t flags = (uint16_t)((both[0] & 7) | (wrap ? 1u << 7 : 1u << 15));
      if (at == first)
        first_flags = flags;
      else
        memcpy (to + 14, &flags, 2);
      i = both[1];
      count++;
    }
  while ((both[0] & DESC_NEXT) && count < DRIVER_SIZE);
  if (head < DRIVER_SIZE)
    d->rings[n].count[head] = (uint16_t)count;
  memcpy (driver_ram (d, driver_queue (n) + DRIVER_RING + 16 * (first % DRIVER_SIZE) + 14), &first_flags, 2);
}

/* What the device has used meanwhile. */
static inline void
driver_look_packed (Driver *d, unsigned n)
{
  for (;;)
    {
      const unsigned at = d->rings[n].seen;
      const gboolean wrap = at / DRIVER_SIZE % 2 == 0;
      const uint8_t *entry = driver_ram (d, driver_queue (n) + DRIVER_RING + 16 * (at % DRIVER_SIZE));
      uint16_t flags, id;
      uint32_t length;

      memcpy (&flags, entry + 14, 2);
      memcpy (&id, entry + 12, 2);
      memcpy (&length, entry + 8, 4);
      if (at >= d->rings[n].put || !!(flags & 1u << 7) != wrap || !!(flags & 1u << 15) != wrap
          || id >= DRIVER_SIZE || d->rings[n].count[id] == 0)
        return;
      d->rings[n].seen += d->rings[n].count[id];
      d->rings[n].count[id] = 0;
      d->rings[n].used[d->rings[n].n_used % DRIVER_SIZE].head = id;
      d->rings[n].used[d->rings[n].n_used++ % DRIVER_SIZE].length = length;
    }
}

/* Puts a chain there, without a bell. */
static inline void
driver_put (Driver *d, unsigned n, unsigned head)
{
  if (d->packed)
    {
      driver_look_packed (d, n);
      driver_put_packed (d, n, head);
      return;
    }
  uint8_t *available = driver_ram (d, driver_queue (n) + DRIVER_AVAIL);
  const uint16_t entry = (uint16_t)head, index = (uint16_t)(d->available[n] + 1);

  memcpy (available + 4 + 2 * (d->available[n] % DRIVER_SIZE), &entry, 2);
  memcpy (available + 2, &index, 2);
  d->available[n] = index;
}

static inline void
driver_ring (Driver *d, unsigned n)
{
  driver_write (d, DRIVER_NOTIFY + 4 * n, n, 2);
}

static inline uint16_t
driver_used (Driver *d, unsigned n)
{
  uint16_t index;

  if (d->packed)
    {
      driver_look_packed (d, n);
      return (uint16_t)d->rings[n].n_used;
    }

  memcpy (&index, driver_ram (d, driver_queue (n) + DRIVER_USED + 2), 2);
  return index;
}

/* What the device said of the i-th that it gave back. */
static inline uint32_t
driver_used_length (Driver *d, unsigned n, unsigned i)
{
  uint32_t length;

  if (d->packed)
    {
      driver_look_packed (d, n);
      return d->rings[n].used[i % DRIVER_SIZE].length;
    }
  memcpy (&length, driver_ram (d, driver_queue (n) + DRIVER_USED + 8 + 8 * (i % DRIVER_SIZE)), 4);
  return length;
}

static inline uint32_t
driver_used_head (Driver *d, unsigned n, unsigned i)
{
  uint32_t head;

  if (d->packed)
    {
      driver_look_packed (d, n);
      return d->rings[n].used[i % DRIVER_SIZE].head;
    }
  memcpy (&head, driver_ram (d, driver_queue (n) + DRIVER_USED + 4 + 8 * (i % DRIVER_SIZE)), 4);
  return head;
}
