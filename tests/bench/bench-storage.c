/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a request of the IDE disk costs: sequential and random, READ and WRITE DMA, PIO, the image in the host's cache.  Prints
 * microseconds a request and MiB/s; the guest is this program, and completions come on its own main loop.  --walls: behind a monitor's lists of system calls
 * and Landlock.
 */
#include "block/block.h"
#include "confine/sandbox.h"
#include "core/vm.h"
#include "pci/pci.h"
#include "storage/ide.h"

#include <glib/gstdio.h>
#include <stdlib.h>

#define RAM_SIZE  (16u << 20)
#define DISK_SIZE (64u << 20)
#define N_SECTORS (DISK_SIZE / 512)
#define BM_BASE   0xc000
#define TABLE     0x1000u
#define DATA      0x100000u

static Vm *vm;
static AccessCache ports;
static gboolean interrupt;

static void
on_irq (void *opaque, unsigned n, gboolean level)
{
  interrupt |= level;
}

static void
on_intx (void *opaque, unsigned pin, gboolean level)
{
}

static void
out (unsigned port, uint32_t value, unsigned size)
{
  address_space_store (vm->ports, &ports, port, value, size, FALSE);
}

static uint32_t
in (unsigned port, unsigned size)
{
  return (uint32_t)address_space_load (vm->ports, &ports, port, size, FALSE);
}

static void
put32 (uint64_t addr, uint32_t value)
{
  value = GUINT32_TO_LE (value);
  address_space_write_memory (vm->memory, addr, &value, sizeof value);
}

static void
command (uint8_t command, uint32_t lba, unsigned count)
{
  interrupt = FALSE;
  out (0x1f6, 0xe0 | lba >> 24, 1);
  out (0x1f2, count & 255, 1);
  out (0x1f3, lba & 255, 1);
  out (0x1f4, lba >> 8 & 255, 1);
  out (0x1f5, lba >> 16 & 255, 1);
  out (0x1f7, command, 1);
}

static void
wait_interrupt (void)
{
  while (!interrupt)
    g_main_context_iteration (NULL, TRUE);
}

static void
by_dma (gboolean write, uint32_t lba, unsigned count)
{
  out (BM_BASE, 0, 1);
  out (BM_BASE + 2, 6, 1);
  out (BM_BASE + 4, TABLE, 4);
  out (BM_BASE, write ? 0 : 8, 1);
  command (write ? 0xca : 0xc8, lba, count);
  out (BM_BASE, write ? 1 : 9, 1);
  wait_interrupt ();
  in (0x1f7, 1);
}

static void
by_pio (gboolean write, uint32_t lba, unsigned count)
{
  command (0x20, lba, count);
  for (unsigned i = 0; i < count; i++)
    {
      wait_interrupt ();
      in (0x1f7, 1);
      interrupt = FALSE;
      for (unsigned n = 0; n < 128; n++)
        in (0x1f0, 4);
    }
}

static void
measure (const char *name, void (*run) (gboolean write, uint32_t lba, unsigned count), gboolean write,
         gboolean random, unsigned count, unsigned rounds)
{
  double best = G_MAXDOUBLE;

  for (unsigned turn = 0; turn < 5; turn++)
    {
      g_autoptr (GRand) rand = g_rand_new_with_seed (7);
      gint64 start = g_get_monotonic_time ();
      uint32_t lba = 0;
      for (unsigned i = 0; i < rounds; i++)
        {
          run (write, lba, count);
          lba = random ? (uint32_t)g_rand_int_range (rand, 0, (gint32)(N_SECTORS - count))
                       : (lba + count) % (N_SECTORS - count);
        }
      best = MIN (best, (double)(g_get_monotonic_time () - start) / rounds);
    }
  g_print ("%-34s %8.2f us a request  %8.1f MiB/s\n", name, best, count * 512 / best * 1e6 / (1 << 20));
}

int
main (int argc, char **argv)
{
  const IrqLine irq[2] = { IRQ_LINE (on_irq, NULL, 0), IRQ_LINE (on_irq, NULL, 1) };
  g_autofree char *folder = g_dir_make_tmp ("viv-bench-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "disk.img", NULL);
  const BlockConfig config = { .path = path, .format = "raw" };
  IdeDriveConfig disk = { .kind = IDE_DRIVE_DISK };
  g_autofree uint8_t *zeros = g_malloc0 (1 << 20);

  if (folder == NULL || !block_image_create (path, "raw", DISK_SIZE, NULL))
    return 1;
  /* Its threads come with the first request. */
  disk.block = block_open (&config, NULL);
  g_unlink (path);
  g_rmdir (folder);
  if (argc > 1 && !sandbox_enter (&(SandboxConfig){ 0 }, NULL))
    return 1;
  vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  Region *ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
  address_space_map (vm->memory, ram, 0, 0, RAM_SIZE, 0);
  PciRoot *root = pci_root_new (vm, on_intx, NULL, NULL);
  PciBus *bus = pci_root_bus (root);
  Device *ide = ide_new (vm, "ide", bus, PCI_DEVFN (1, 1), irq);
  for (unsigned i = 0; i < 64; i++)
    if (!block_write_sync (disk.block, (uint64_t)i << 20, zeros, 1 << 20, NULL))
      return 1;
  if (!device_realize (ide, NULL) || !ide_attach (ide, 0, 0, &disk, NULL))
    return 1;
  ide->klass->reset (ide);
  pci_bus_config_write (bus, PCI_DEVFN (1, 1), 0x20, BM_BASE, 4);
  pci_bus_config_write (bus, PCI_DEVFN (1, 1), 4, 5, 2);
  vm_unlock (vm);
  if (argc > 1 && !sandbox_narrow (NULL))
    return 1;
  /* Pages as a guest has them: one descriptor each. */
  for (unsigned i = 0; i < 32; i++)
    {
      put32 (TABLE + 8 * i, DATA + 0x2000 * i);
      put32 (TABLE + 8 * i + 4, i == 31 ? 0x80001000u : 0x1000u);
    }
  measure ("READ DMA, 4 KiB, random", by_dma, FALSE, TRUE, 8, 20000);
  measure ("READ DMA, 128 KiB, sequential", by_dma, FALSE, FALSE, 256, 4000);
  measure ("WRITE DMA, 4 KiB, random", by_dma, TRUE, TRUE, 8, 10000);
  measure ("WRITE DMA, 128 KiB, sequential", by_dma, TRUE, FALSE, 256, 2000);
  measure ("READ SECTORS (PIO), 4 KiB, random", by_pio, FALSE, TRUE, 8, 5000);
  vm_lock (vm);
  device_free (ide);
  pci_root_free (root);
  vm_unlock (vm);
  access_cache_clear (&ports);
  vm_free (vm);
  region_unref (ram);
  return 0;
}
