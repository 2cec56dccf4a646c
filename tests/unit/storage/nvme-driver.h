/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver for NVMe controllers, without a processor: a machine of RAM and a PCI bus, and what a guest does there as functions.  For tests and fuzzers.
 */
#pragma once

#include "storage/nvme.h"

#define DRIVER_FIELDS unsigned tail[NVME_MAX_IO_QUEUES + 1], head[NVME_MAX_IO_QUEUES + 1], id;
#include "pci-driver.h"

#define DRIVER_SIZE 8u       /* of its queues */
#define DRIVER_SQ   0x10000u /* of queue n: 4 KiB each */
#define DRIVER_CQ   0x30000u
#define DRIVER_DATA 0x100000u
#define DRIVER_LIST 0x0f0000u

/* Of a submission. */
typedef struct
{
  uint8_t opcode, flags;
  uint16_t id;
  uint32_t space;
  uint64_t reserved, metadata, prp1, prp2;
  uint32_t dword[6]; /* 10 to 15 */
} Command;

/* Of a completion. */
typedef struct
{
  uint32_t result, reserved;
  uint16_t head, sq, id, status; /* with the phase */
} Completion;

static inline void
driver_map (Driver *d)
{
  driver_config (d, PCI_BAR0, DRIVER_BAR, 4);
  driver_config (d, PCI_BAR0 + 4, 0, 4);
  driver_config (d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

/* This machine with a disk of this image; takes both. */
static inline void
driver_open_vm (Driver *d, Vm *vm, Block *image, unsigned n_queues)
{
  const NvmeConfig config = { .block = image, .serial = "SERIAL-1", .n_queues = n_queues };

  vm_lock (vm);
  driver_begin (d, vm);
  d->device = nvme_new (d->vm, "disk0", pci_root_bus (d->root), DRIVER_DEVFN, &config, NULL);
  d->device->klass->reset (d->device);
  vm_unlock (d->vm);
  driver_map (d);
}

static inline void
driver_open (Driver *d, Block *image, unsigned n_queues)
{
  driver_open_vm (d, vm_new (NULL, TRUE), image, n_queues);
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

static inline uint64_t
driver_sq (unsigned n)
{
  return DRIVER_SQ + 0x1000ull * n;
}

static inline uint64_t
driver_cq (unsigned n)
{
  return DRIVER_CQ + 0x1000ull * n;
}

/* 7.6.1: with the administrator's queues. */
static inline void
driver_enable (Driver *d)
{
  memset (d->tail, 0, sizeof d->tail);
  memset (d->head, 0, sizeof d->head);
  memset (driver_ram (d, DRIVER_SQ), 0, DRIVER_DATA - DRIVER_SQ);
  driver_write (d, 0x14, 0, 4);
  driver_write (d, 0x24, (DRIVER_SIZE - 1) | (DRIVER_SIZE - 1) << 16, 4);
  driver_write (d, 0x28, driver_sq (0), 8);
  driver_write (d, 0x30, driver_cq (0), 8);
  driver_write (d, 0x14, 1 | 6 << 16 | 4 << 20, 4);
}

/* Puts it there, without a bell. */
static inline unsigned
driver_put (Driver *d, unsigned n, const Command *command)
{
  Command *at = (Command *)(void *)(driver_ram (d, driver_sq (n)) + d->tail[n] * sizeof *at);

  *at = *command;
  at->id = (uint16_t)++d->id;
  d->tail[n] = (d->tail[n] + 1) % DRIVER_SIZE;
  return d->id;
}

static inline void
driver_ring (Driver *d, unsigned n)
{
  driver_write (d, 0x1000 + 8 * n, d->tail[n], 4);
}

/* The next one of the ring, without telling that it was taken; NULL: there is none. */
static inline const Completion *
driver_next (Driver *d, unsigned n)
{
  const Completion *at
      = (const Completion *)(void *)(driver_ram (d, driver_cq (n)) + d->head[n] % DRIVER_SIZE * sizeof *at);

  return (at->status & 1) == !(d->head[n] / DRIVER_SIZE % 2) ? at : NULL;
}

static inline Completion
driver_take (Driver *d, unsigned n)
{
  const Completion *at;

  while ((at = driver_next (d, n)) == NULL)
    g_main_context_iteration (NULL, TRUE);
  const Completion copy = *at;
  d->head[n]++;
  driver_write (d, 0x1004 + 8 * n, d->head[n] % DRIVER_SIZE, 4);
  return copy;
}

static inline Completion
driver_do (Driver *d, unsigned n, const Command *command)
{
  driver_put (d, n, command);
  driver_ring (d, n);
  return driver_take (d, n);
}

/* Status code and type of one. */
static inline unsigned
driver_status (Driver *d, unsigned n, const Command *command)
{
  return driver_do (d, n, command).status >> 1 & 0x7ff;
}

static inline unsigned
driver_create_cq (Driver *d, unsigned n, unsigned vector)
{
  return driver_status (d, 0,
                        &(Command){ .opcode = 5,
                                    .prp1 = driver_cq (n),
                                    .dword = { n | (DRIVER_SIZE - 1) << 16, 3 | vector << 16 } });
}

static inline unsigned
driver_create_sq (Driver *d, unsigned n, unsigned cq)
{
  d->tail[n] = 0;
  return driver_status (d, 0,
                        &(Command){ .opcode = 1,
                                    .prp1 = driver_sq (n),
                                    .dword = { n | (DRIVER_SIZE - 1) << 16, 1 | cq << 16 } });
}
