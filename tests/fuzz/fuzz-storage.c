/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Random port accesses to the IDE function and the floppy controller, with media changes, time and completions in between.
 * Input: four bytes a step, {what, port, value low, value high}.  Without libFuzzer (FUZZ_STANDALONE) the program makes its own
 * input: fuzz-storage [seconds] [seed].
 */
#include "core/isa-dma.h"
#include "storage/fdc.h"
#include "storage/ide.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RAM_SIZE (4u << 20)
#define BM_BASE  0xc000

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char disk_path[] = "/tmp/viv-fuzz-XXXXXX";
static Region *ram;

static void
ignore_irq (void *opaque, unsigned n, gboolean level)
{
}

static void
ignore_intx (void *opaque, unsigned pin, gboolean level)
{
}

static void
ignore_dreq (Device *dma, unsigned channel, gboolean level)
{
}

static size_t
some_transfer (Device *dma, unsigned channel, void *buffer, size_t n, gboolean to_memory, gboolean *tc)
{
  static unsigned count;

  if (!to_memory)
    memset (buffer, (int)count, n);
  *tc = ++count % 5 == 0;
  return count % 7 == 0 ? 0 : count % 3 == 0 ? n / 2 : n;
}

static Block *
open_disk (BlockFlags flags)
{
  const BlockConfig config = { .path = disk_path, .format = "raw", .flags = flags };
  return block_open (&config, NULL);
}

static void
once (void)
{
  if (ram != NULL)
    return;
  int fd = mkstemp (disk_path);
  if (fd < 0 || ftruncate (fd, 1440 * 1024) < 0)
    abort ();
  close (fd);
  ram = region_new_ram ("ram", RAM_SIZE, RAM_DEFAULT, NULL);
}

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
step (Vm *vm, AccessCache *cache, Device *ide, Device *fdc, const uint8_t *s)
{
  static const uint16_t ports[] = { 0x1f0, 0x170, 0x1f0, 0x3f0, 0x3f0, 0x3f6, 0x376, BM_BASE };
  unsigned port = ports[s[1] >> 5] + (s[1] & (s[1] >> 5 == 7 ? 15 : s[1] >> 5 >= 5 ? 0 : 7));
  uint32_t value = s[2] | (uint32_t)s[3] << 8;

  switch (s[0] & 15)
    {
    case 0 ... 6:
      address_space_store (vm->ports, cache, port, value, 1u << (s[0] >> 4) % 3, FALSE);
      break;
    case 7 ... 9:
      address_space_load (vm->ports, cache, port, 1u << (s[0] >> 4) % 3, FALSE);
      break;
    case 10: /* a burst at a data register */
      for (unsigned i = 0; i < value % 1024; i++)
        if (s[0] & 0x80)
          address_space_store (vm->ports, cache, port & ~7u, i, 4, FALSE);
        else
          address_space_load (vm->ports, cache, port & ~7u, 4, FALSE);
      break;
    case 11:
    case 12:
      vm_clock_advance (vm->clock, (int64_t)value * 1000);
      pump ();
      break;
    case 13:
      vm_lock (vm);
      if (s[2] & 1)
        {
          Block *block = s[2] & 2 ? open_disk (BLOCK_READ_ONLY | BLOCK_SHARED_READ) : NULL;
          if (!ide_change_media (ide, 1, 0, block, (s[2] & 4) != 0, NULL) && block != NULL)
            block_close (block);
        }
      else
        {
          Block *block = s[2] & 2 ? open_disk (BLOCK_SNAPSHOT) : NULL;
          if (!fdc_change_media (fdc, 0, block, NULL) && block != NULL)
            block_close (block);
        }
      vm_unlock (vm);
      break;
    case 14:
      vm_lock (vm);
      if (s[2] & 1)
        ide->klass->reset (ide);
      else
        fdc->klass->reset (fdc);
      vm_unlock (vm);
      break;
    default:
      g_usleep (20);
      pump ();
      break;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const IrqLine irq[2] = { IRQ_LINE (ignore_irq, NULL, 0), IRQ_LINE (ignore_irq, NULL, 1) };
  const IsaDmaOps dma = { .dma = (Device *)1, .set_dreq = ignore_dreq, .transfer = some_transfer };
  AccessCache cache = { 0 };

  once ();
  Vm *vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  address_space_map (vm->memory, ram, 0, 0, RAM_SIZE, 0);
  PciBus *bus = pci_bus_new (vm, ignore_intx, NULL);
  Device *ide = ide_new (vm, "ide", bus, PCI_DEVFN (1, 1), irq);
  Device *fdc = fdc_new (vm, "fdc", &irq[0], &dma, 2);
  const IdeDriveConfig disk = { .kind = IDE_DRIVE_DISK, .block = open_disk (BLOCK_SNAPSHOT) };
  const IdeDriveConfig cd = { .kind = IDE_DRIVE_CDROM, .block = open_disk (BLOCK_READ_ONLY) };
  if (!device_realize (ide, NULL) || !fdc_attach (fdc, 0, FDC_DRIVE_AUTO, open_disk (BLOCK_SNAPSHOT), NULL)
      || !device_realize (fdc, NULL) || !ide_attach (ide, 0, 0, &disk, NULL)
      || !ide_attach (ide, 1, 0, &cd, NULL))
    abort ();
  ide->klass->reset (ide);
  fdc->klass->reset (fdc);
  pci_bus_config_write (bus, PCI_DEVFN (1, 1), 0x20, BM_BASE, 4);
  pci_bus_config_write (bus, PCI_DEVFN (1, 1), 4, 5, 2);
  vm_unlock (vm);
  for (size_t i = 0; i + 4 <= size; i += 4)
    step (vm, &cache, ide, fdc, data + i);
  access_cache_clear (&cache);
  vm_lock (vm);
  device_free (fdc);
  device_free (ide);
  pci_bus_free (bus);
  vm_unlock (vm);
  pump ();
  vm_free (vm);
  return 0;
}

#ifdef FUZZ_STANDALONE
/* Commands that lead deep, so that plain random bytes get there. */
static void
make_input (GRand *rand, uint8_t *data, size_t size)
{
  static const uint8_t commands[] = { 0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0xc4, 0xc5, 0xc8,
                                      0xca, 0xec, 0xa0, 0xa1, 0xe7, 0x06, 0xb0, 0xef, 0x08 };

  for (size_t i = 0; i < size; i++)
    data[i] = (uint8_t)g_rand_int (rand);
  for (size_t i = 0; i + 8 <= size; i += 4)
    switch (g_rand_int_range (rand, 0, 6))
      {
      case 0:
        data[i] = 0;
        data[i + 1] = (uint8_t)(g_rand_boolean (rand) ? 7 : 0x27);
        data[i + 2] = commands[g_rand_int_range (rand, 0, G_N_ELEMENTS (commands))];
        break;
      case 1:
        data[i] = 0;
        data[i + 1] = 0x65; /* FIFO */
        data[i + 2] &= 0x5f;
        break;
      case 2:
        data[i] = 0;
        data[i + 1] = 0xe0; /* bus master */
        data[i + 2] = 9;
        break;
      case 3:
        data[i] = 0;
        data[i + 1] = 0x62; /* DOR */
        data[i + 2] = 0x1c;
        break;
      default:
        break;
      }
}

int
main (int argc, char **argv)
{
  double seconds = argc > 1 ? g_ascii_strtod (argv[1], NULL) : 5;
  guint32 seed = argc > 2 ? (guint32)g_ascii_strtoull (argv[2], NULL, 0) : g_random_int ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  gint64 end = g_get_monotonic_time () + (gint64)(seconds * 1e6);
  unsigned rounds = 0;
  static uint8_t data[8000];

  g_print ("seed %u\n", seed);
  while (g_get_monotonic_time () < end)
    {
      make_input (rand, data, sizeof data);
      LLVMFuzzerTestOneInput (data, sizeof data);
      rounds++;
    }
  g_print ("%u rounds\n", rounds);
  g_unlink (disk_path);
  return 0;
}
#endif
