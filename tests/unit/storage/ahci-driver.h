/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver for AHCI controllers, without a processor: a machine of RAM and a PCI bus, and what a guest does there as functions.  For tests and fuzzers.
 */
#pragma once

#include "pci-driver.h"

#include "storage/ahci.h"

#define DRIVER_LIST   0x10000u /* of port n: a KiB each */
#define DRIVER_FIS    0x18000u /* of port n: 256 bytes each */
#define DRIVER_TABLES 0x20000u /* of slot n, of whichever port: 4 KiB each */
#define DRIVER_DATA   0x100000u

/* Registers of a port. */
enum
{
  P_CLB = 0x00,
  P_FB = 0x08,
  P_IS = 0x10,
  P_IE = 0x14,
  P_CMD = 0x18,
  P_TFD = 0x20,
  P_SIG = 0x24,
  P_SSTS = 0x28,
  P_SCTL = 0x2c,
  P_SERR = 0x30,
  P_SACT = 0x34,
  P_CI = 0x38,
};

static inline void
driver_map (Driver *d)
{
  driver_config (d, PCI_BAR0 + 4 * 5, DRIVER_BAR, 4);
  driver_config (d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static inline void
driver_attach (Driver *d, unsigned port, IdeDriveKind kind, Block *image)
{
  const IdeDriveConfig config
      = { .kind = kind, .block = image, .serial = "SERIAL-1", .wwn = 0x5123456789abcdefull };
  gboolean ok;

  vm_lock (d->vm);
  ok = ahci_attach (d->device, port, &config, NULL);
  vm_unlock (d->vm);
  g_assert_true (ok);
}

/* A machine with a disk of this image at port 0 and a drive with that disc, or none, at port 1; it takes them. */
static inline void
driver_open (Driver *d, Block *image, Block *disc)
{
  Vm *vm = vm_new (NULL, TRUE);

  vm_lock (vm);
  driver_begin (d, vm);
  d->device = ahci_new (d->vm, "ahci", pci_root_bus (d->root), DRIVER_DEVFN, NULL);
  vm_unlock (d->vm);
  driver_attach (d, 0, IDE_DRIVE_DISK, image);
  driver_attach (d, 1, IDE_DRIVE_CDROM, disc);
  vm_lock (d->vm);
  d->device->klass->reset (d->device);
  vm_unlock (d->vm);
  driver_map (d);
}

static inline uint32_t
driver_read (Driver *d, unsigned offset)
{
  return (uint32_t)address_space_load (d->vm->memory, &d->cache, DRIVER_BAR + offset, 4, FALSE);
}

static inline void
driver_write (Driver *d, unsigned offset, uint32_t value)
{
  address_space_store (d->vm->memory, &d->cache, DRIVER_BAR + offset, value, 4, FALSE);
}

static inline uint32_t
port_read (Driver *d, unsigned port, unsigned reg)
{
  return driver_read (d, 0x100 + 0x80 * port + reg);
}

static inline void
port_write (Driver *d, unsigned port, unsigned reg, uint32_t value)
{
  driver_write (d, 0x100 + 0x80 * port + reg, value);
}

static inline uint8_t *
driver_fis (Driver *d, unsigned port, unsigned at)
{
  return driver_ram (d, DRIVER_FIS + 0x100 * port + at);
}

/* 10.1.2: memory, then the engines. */
static inline void
port_start (Driver *d, unsigned port)
{
  port_write (d, port, P_CMD, 0);
  port_write (d, port, P_CLB, DRIVER_LIST + 0x400 * port);
  port_write (d, port, P_CLB + 4, 0);
  port_write (d, port, P_FB, DRIVER_FIS + 0x100 * port);
  port_write (d, port, P_FB + 4, 0);
  port_write (d, port, P_CMD, 0x10);
  port_write (d, port, P_SERR, ~0u);
  port_write (d, port, P_IS, ~0u);
  port_write (d, port, P_IE, ~0u);
  port_write (d, port, P_CMD, 0x11);
  driver_write (d, 0x04, 2);
}

typedef struct
{
  uint8_t command, features, device;
  uint64_t lba;
  uint16_t count;
  uint8_t features_high;
  const uint8_t *packet; /* 12 bytes, or NULL */
  gboolean write, control;
  uint8_t control_value;
} Order;

static inline uint8_t *
driver_table (Driver *d, unsigned slot)
{
  return driver_ram (d, DRIVER_TABLES + 0x1000 * slot);
}

static inline void
driver_prd (Driver *d, unsigned slot, unsigned n, uint64_t address, uint32_t bytes)
{
  uint8_t *prd = driver_table (d, slot) + 0x80 + 16 * n;

  pci_set32 (prd, (uint32_t)address);
  pci_set32 (prd + 4, (uint32_t)(address >> 32));
  pci_set32 (prd + 8, 0);
  pci_set32 (prd + 12, bytes - 1);
}

/* A slot with what driver_prd() has left for it, without telling. */
static inline void
driver_put (Driver *d, unsigned port, unsigned slot, const Order *order, unsigned n_prds)
{
  uint8_t *header = driver_ram (d, DRIVER_LIST + 0x400 * port + 32 * slot), *fis = driver_table (d, slot);

  memset (header, 0, 32);
  pci_set32 (header, 5 | (order->packet != NULL ? 1u << 5 : 0) | (order->write ? 1u << 6 : 0)
                         | (order->control ? 1u << 10 : 0) | n_prds << 16);
  pci_set32 (header + 8, DRIVER_TABLES + 0x1000 * slot);
  memset (fis, 0, 0x80);
  fis[0] = 0x27;
  fis[1] = order->control ? 0 : 0x80;
  fis[2] = order->command;
  fis[3] = order->features;
  for (unsigned i = 0; i < 3; i++)
    {
      fis[4 + i] = (uint8_t)(order->lba >> (8 * i));
      fis[8 + i] = (uint8_t)(order->lba >> (24 + 8 * i));
    }
  fis[7] = order->device;
  fis[11] = order->features_high;
  fis[12] = (uint8_t)order->count;
  fis[13] = (uint8_t)(order->count >> 8);
  fis[15] = order->control_value;
  if (order->packet != NULL)
    memcpy (fis + 0x40, order->packet, 12);
}

/* READ or WRITE FPDMA QUEUED. */
static inline Order
queued (gboolean write, uint64_t lba, unsigned n, unsigned tag)
{
  return (Order){ .command = write ? 0x61 : 0x60,
                  .write = write,
                  .lba = lba,
                  .features = (uint8_t)n,
                  .features_high = (uint8_t)(n >> 8),
                  .count = (uint16_t)(tag << 3),
                  .device = 0x40 };
}

static inline void
driver_ring (Driver *d, unsigned port, uint32_t slots, uint32_t tags)
{
  if (tags != 0)
    port_write (d, port, P_SACT, tags);
  port_write (d, port, P_CI, slots);
}

/* Until the port has nothing any more, or stands. */
static inline void
driver_wait (Driver *d, unsigned port)
{
  while ((port_read (d, port, P_CI) != 0 || port_read (d, port, P_SACT) != 0)
         && (port_read (d, port, P_IS) & 0x7d000000) == 0)
    g_main_context_iteration (NULL, TRUE);
}

/* By slot 3, with the memory from DRIVER_DATA on.  Status. */
static inline unsigned
driver_do (Driver *d, unsigned port, const Order *order, uint32_t bytes)
{
  if (bytes > 0)
    driver_prd (d, 3, 0, DRIVER_DATA, bytes);
  driver_put (d, port, 3, order, bytes > 0);
  port_write (d, port, P_IS, ~0u);
  driver_ring (d, port, 1u << 3, 0);
  driver_wait (d, port);
  return port_read (d, port, P_TFD) & 0xff;
}
