/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine without a processor with an IDE function: a disk at its first cable, a CD-ROM drive at its second; and a driver's ways to them.
 */
#pragma once

#include "block/block-testing.h"
#include "block/block.h"
#include "storage/ide-channel.h"
#include "storage/ide.h"
#include "tests/unit/storage/storage-fixture.h"

#define RAM_SIZE  (16u << 20)
#define DISK_SIZE (64u << 20)
#define N_SECTORS (DISK_SIZE / 512)
#define BM_BASE   0xc000
#define TABLE     0x1000u

static Device *ide;
static PciRoot *root;
static PciBus *bus;
static Region *ram;

static inline void
on_intx (void *opaque, unsigned pin, gboolean level)
{
}

static inline Block *
cd_image (const char *name, uint64_t size)
{
  return new_image (name, size, BLOCK_READ_ONLY | BLOCK_SHARED_READ);
}

static inline void
setup (void)
{
  const IrqLine irq[2] = { IRQ_LINE (on_irq, NULL, 0), IRQ_LINE (on_irq, NULL, 1) };
  IdeDriveConfig disk = { .kind = IDE_DRIVE_DISK, .serial = "SERIAL7" };
  IdeDriveConfig cd = { .kind = IDE_DRIVE_CDROM };
  g_autoptr (GError) error = NULL;

  memset (irq_count, 0, sizeof irq_count);
  memset (irq_level, 0, sizeof irq_level);
  memset (&port_cache, 0, sizeof port_cache);
  vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
  address_space_map (vm->memory, ram, 0, 0, RAM_SIZE, 0);
  root = pci_root_new (vm, on_intx, NULL, NULL);
  bus = pci_root_bus (root);
  ide = ide_new (vm, "ide", bus, PCI_DEVFN (1, 1), irq);
  g_assert_true (device_realize (ide, &error));
  disk.block = new_image ("disk.img", DISK_SIZE, 0);
  cd.block = cd_image ("cd.iso", 1 << 20);
  g_assert_true (ide_attach (ide, 0, 0, &disk, &error));
  g_assert_true (ide_attach (ide, 1, 0, &cd, &error));
  ide->klass->reset (ide);
  pci_bus_config_write (bus, PCI_DEVFN (1, 1), 0x20, BM_BASE, 4);
  pci_bus_config_write (bus, PCI_DEVFN (1, 1), 4, 5, 2);
  vm_unlock (vm);
}

static inline void
teardown (void)
{
  vm_lock (vm);
  device_free (ide);
  pci_root_free (root);
  vm_unlock (vm);
  pump ();
  access_cache_clear (&port_cache);
  vm_free (vm);
  region_unref (ram);
  remove_folder ();
}

/* Until the drive of channel `base` isn't busy. */
static inline uint8_t
wait_ready (unsigned base)
{
  for (int i = 0; i < 20000 && (in (base + 0x206, 1) & ATA_BSY); i++)
    {
      pump ();
      g_usleep (50);
    }
  return (uint8_t)in (base + 0x206, 1);
}

static inline void
command28 (uint8_t command, uint32_t lba, uint8_t count)
{
  out (0x1f6, 0xe0 | (lba >> 24 & 15), 1);
  out (0x1f2, count, 1);
  out (0x1f3, lba & 255, 1);
  out (0x1f4, lba >> 8 & 255, 1);
  out (0x1f5, lba >> 16 & 255, 1);
  out (0x1f7, command, 1);
}

static inline void
command48 (uint8_t command, uint64_t lba, uint16_t count)
{
  out (0x1f6, 0xe0, 1);
  out (0x1f2, count >> 8, 1);
  out (0x1f3, lba >> 24 & 255, 1);
  out (0x1f4, lba >> 32 & 255, 1);
  out (0x1f5, lba >> 40 & 255, 1);
  out (0x1f2, count & 255, 1);
  out (0x1f3, lba & 255, 1);
  out (0x1f4, lba >> 8 & 255, 1);
  out (0x1f5, lba >> 16 & 255, 1);
  out (0x1f7, command, 1);
}

static inline void
read_data (unsigned base, void *buffer, unsigned n)
{
  uint8_t *p = buffer;
  for (unsigned i = 0; i < n; i += 2)
    {
      uint32_t word = in (base, 2);
      p[i] = (uint8_t)word;
      if (i + 1 < n)
        p[i + 1] = (uint8_t)(word >> 8);
    }
}
