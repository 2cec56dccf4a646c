/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Random port accesses to the IDE function and the floppy controller, with media changes, time and completions in between.
 * Input: four bytes a step, {what, port, value low, value high}.
 */
#include "fuzz.h"

#include "core/isa-dma.h"
#include "storage/fdc.h"
#include "storage/ide.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define RAM_SIZE (4u << 20)
#define BM_BASE  0xc000
#define TABLE    0x1000

static char *disk_path;
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
  disk_path = g_build_filename (fuzz_folder (), "disk.img", NULL);
  int fd = open (disk_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
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
    case 12:
      if (s[1] & 0x80) /* the bus master's table */
        {
          address_space_store (vm->memory, cache + 1, TABLE + (s[1] & 31) * 2, value, 2, FALSE);
          break;
        }
      G_GNUC_FALLTHROUGH;
    case 11:
      vm_clock_advance (vm->clock, (int64_t)value * 1000);
      pump ();
      break;
    case 13:
      {
        BlockFlags flags = s[2] & 1 ? BLOCK_READ_ONLY | BLOCK_SHARED_READ : BLOCK_DISCARD_CHANGES;
        Block *block = s[2] & 2 ? open_disk (flags) : NULL, *old = NULL;
        gboolean ok;

        vm_lock (vm);
        ok = s[2] & 1 ? ide_change_media (ide, 1, 0, block, (s[2] & 4) != 0, &old, NULL)
                      : fdc_change_media (fdc, 0, block, &old, NULL);
        vm_unlock (vm);
        block_close (ok ? old : block);
        break;
      }
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
  AccessCache cache[2] = { 0 }; /* ports, memory */

  once ();
  memset (region_host (ram), 0, 64 << 10); /* of one input nothing is left to the next */
  Vm *vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  address_space_map (vm->memory, ram, 0, 0, RAM_SIZE, 0);
  PciRoot *root = pci_root_new (vm, ignore_intx, NULL, NULL);
  PciBus *bus = pci_root_bus (root);
  Device *ide = ide_new (vm, "ide", bus, PCI_DEVFN (1, 1), irq);
  Device *fdc = fdc_new (vm, "fdc", &irq[0], &dma, 2);
  const IdeDriveConfig disk = { .kind = IDE_DRIVE_DISK, .block = open_disk (BLOCK_DISCARD_CHANGES) };
  const IdeDriveConfig cd = { .kind = IDE_DRIVE_CDROM, .block = open_disk (BLOCK_READ_ONLY) };
  if (!device_realize (ide, NULL)
      || !fdc_attach (fdc, 0, FDC_DRIVE_AUTO, open_disk (BLOCK_DISCARD_CHANGES), NULL)
      || !device_realize (fdc, NULL) || !ide_attach (ide, 0, 0, &disk, NULL)
      || !ide_attach (ide, 1, 0, &cd, NULL))
    abort ();
  ide->klass->reset (ide);
  fdc->klass->reset (fdc);
  pci_bus_config_write (bus, PCI_DEVFN (1, 1), 0x20, BM_BASE, 4);
  pci_bus_config_write (bus, PCI_DEVFN (1, 1), 4, 5, 2);
  vm_unlock (vm);
  for (size_t i = 0; i + 4 <= size; i += 4)
    step (vm, cache, ide, fdc, data + i);
  access_cache_clear (&cache[0]);
  access_cache_clear (&cache[1]);
  vm_lock (vm);
  device_free (fdc);
  device_free (ide);
  pci_root_free (root);
  vm_unlock (vm);
  pump ();
  vm_free (vm);
  return 0;
}

/* -- Seeds -- */

static void
put (GByteArray *out, uint8_t what, uint8_t port, uint16_t value)
{
  const uint8_t bytes[4] = { what, port, (uint8_t)value, (uint8_t)(value >> 8) };

  g_byte_array_append (out, bytes, sizeof bytes);
}

enum
{
  PRIMARY = 0x00, /* of `ports` above, in bits 5-7 */
  SECONDARY = 0x20,
  FLOPPY = 0x60,
  BUS_MASTER = 0xe0,
};

static void
rest (GByteArray *out)
{
  put (out, 15, 0, 0);
  put (out, 11, 0, 50000);
  put (out, 15, 0, 0);
}

static void
ata (GByteArray *out, uint8_t bus, uint8_t device, uint8_t feature, uint8_t count, uint8_t lba,
     uint8_t command)
{
  put (out, 0, bus | 6, device);
  put (out, 0, bus | 1, feature);
  put (out, 0, bus | 2, count);
  put (out, 0, bus | 3, lba);
  put (out, 0, bus | 4, bus == SECONDARY ? 0xfe : 0);
  put (out, 0, bus | 5, bus == SECONDARY ? 0xff : 0);
  put (out, 0, bus | 7, command);
  rest (out);
}

/* A table of three entries; `way` 1: the first ends it. */
static void
master (GByteArray *out, uint8_t channel, unsigned way)
{
  for (unsigned i = 0; i < 3; i++)
    {
      put (out, 12, (uint8_t)(0x80 | 4 * i), (uint16_t)(0x8000 + 0x200 * i));
      put (out, 12, (uint8_t)(0x80 | (4 * i + 1)), way == 2 ? 0x4000 : 0);
      put (out, 12, (uint8_t)(0x80 | (4 * i + 2)), way == 2 ? 0 : 512);
      put (out, 12, (uint8_t)(0x80 | (4 * i + 3)), i == 2 || way == 1 ? 0x8000 : 0);
    }
  put (out, 0x20, (uint8_t)(BUS_MASTER | channel | 4), TABLE);
}

static void
make_ata (void)
{
  static const uint8_t commands[]
      = { 0x08, 0x10, 0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x40, 0x42,
          0x70, 0x90, 0x91, 0xa0, 0xa1, 0xb0, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xe0,
          0xe1, 0xe2, 0xe3, 0xe5, 0xe6, 0xe7, 0xea, 0xec, 0xef, 0xf5, 0xf8, 0xf9 };

  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    for (unsigned way = 0; way < 3; way++)
      {
        g_autoptr (GByteArray) out = g_byte_array_new ();

        ata (out, PRIMARY, 0xe0, 3, 4, 0, 0xc6); /* multiple mode */
        master (out, 0, way);
        put (out, 0, BUS_MASTER, 0);
        ata (out, PRIMARY, way == 2 ? 0xa0 : 0xe0, commands[i] == 0xef ? 3 : 0,
             commands[i] == 0xef ? 0x22 : (uint8_t)(1 + way * 3), 1, commands[i]);
        put (out, 0, BUS_MASTER, (uint16_t)(way & 1 ? 9 : 1));
        rest (out);
        put (out, 10, PRIMARY, 600);
        put (out, 10 | 0x80, PRIMARY, 600);
        rest (out);
        put (out, 7, BUS_MASTER | 2, 0);
        put (out, 7, PRIMARY | 7, 0);
        put (out, 7, 0xa0, 0);
        if (way == 2)
          put (out, 0, 0xa0, 4); /* SRST */
        put (out, 0, 0xa0, 0);
        rest (out);
        fuzz_seed (out->data, out->len);
      }
}

static void
make_atapi (void)
{
  static const uint8_t commands[]
      = { 0x00, 0x03, 0x12, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2b, 0x42, 0x43, 0x44, 0x46,
          0x4a, 0x51, 0x52, 0x55, 0x5a, 0xa4, 0xa8, 0xad, 0xb9, 0xbd, 0xbe, 0xff };

  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    for (unsigned way = 0; way < 3; way++)
      {
        g_autoptr (GByteArray) out = g_byte_array_new ();
        uint8_t packet[12] = { commands[i] };

        packet[4] = commands[i] == 0x1b ? (uint8_t)(2 + way) : 64;
        packet[7] = way == 1 ? 0 : 1;
        packet[8] = way == 1 ? 64 : 2;
        packet[9] = commands[i] == 0xbe ? 0xf8 : way == 2 ? 0x10 : 8;
        packet[2] = commands[i] == 0x5a || commands[i] == 0x1a ? 0x3f : (uint8_t)way & 1;
        ata (out, SECONDARY, 0, way == 2 ? 1 : 0, 0, 0, 0xa0);
        for (unsigned k = 0; k < 12; k += 2)
          put (out, 0x10, SECONDARY, (uint16_t)(packet[k] | packet[k + 1] << 8));
        master (out, 8, way);
        put (out, 0, BUS_MASTER | 8, 9);
        rest (out);
        for (unsigned k = 0; k < 4; k++)
          {
            put (out, 10, SECONDARY, 512);
            rest (out);
          }
        put (out, 7, SECONDARY | 7, 0);
        put (out, 13, 0, (uint16_t)(1 | (way << 1 & 2) | 4));
        ata (out, SECONDARY, 0, 0, 0, 0, way == 0 ? 0xa1 : 0x08);
        fuzz_seed (out->data, out->len);
      }
}

static void
make_floppy (void)
{
  static const uint8_t commands[][10] = {
    { 9, 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff },
    { 9, 0xc5, 0, 0, 0, 1, 2, 18, 0x1b, 0xff },
    { 9, 0x4c, 0, 0, 0, 1, 2, 18, 0x1b, 0xff },
    { 9, 0x42, 0, 0, 0, 1, 2, 18, 0x1b, 0xff },
    { 9, 0x51, 0, 0, 0, 1, 2, 18, 0x1b, 0xff },
    { 9, 0x56, 0, 0, 0, 1, 2, 18, 0x1b, 1 },
    { 9, 0xe6, 4, 1, 1, 3, 2, 18, 0x1b, 0xff },
    { 6, 0x4d, 0, 2, 18, 0x54, 0xf6 },
    { 2, 0x4a, 0 },
    { 3, 0x0f, 0, 5 },
    { 2, 0x07, 0 },
    { 2, 0x04, 0 },
    { 1, 0x08 },
    { 3, 0x03, 0xdf, 2 },
    { 3, 0x03, 0xdf, 3 },
    { 4, 0x13, 0, 0x57, 0 },
    { 1, 0x0e },
    { 1, 0x10 },
    { 1, 0x94 },
    { 2, 0x12, 0x80 },
    { 3, 0x8f, 0, 3 },
    { 3, 0xcf, 0, 3 },
    { 1, 0x18 },
    { 1, 0x1f },
    { 7, 0x8e, 1, 2, 3, 4, 5, 6 },
    { 1, 0x2e },
  };
  g_autoptr (GByteArray) all = g_byte_array_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    for (unsigned way = 0; way < 3; way++)
      {
        g_autoptr (GByteArray) out = g_byte_array_new ();

        put (out, 0, FLOPPY | 2, way == 1 ? 0x14 : 0x1c); /* without DMA */
        put (out, 0, FLOPPY | 7, (uint16_t)way);
        rest (out);
        for (unsigned k = 0; k < 4; k++)
          {
            put (out, 0, FLOPPY | 5, 0x08);
            put (out, 7, FLOPPY | 5, 0);
            put (out, 7, FLOPPY | 5, 0);
          }
        if (way == 1)
          {
            put (out, 0, FLOPPY | 5, 3);
            put (out, 0, FLOPPY | 5, 0xdf);
            put (out, 0, FLOPPY | 5, 3);
          }
        put (out, 0, FLOPPY | 5, 7);
        put (out, 0, FLOPPY | 5, 0);
        rest (out);
        for (unsigned k = 1; k <= commands[i][0]; k++)
          put (out, 0, FLOPPY | 5, commands[i][k]);
        for (unsigned k = 0; k < 8; k++)
          {
            rest (out);
            put (out, (uint8_t)(10 | (k & 1) << 7), FLOPPY | 5, 0);
            for (unsigned n = 0; n < 4; n++)
              put (out, k & 4 ? 7 : 0, FLOPPY | 5, (uint16_t)n);
          }
        for (unsigned k = 0; k < 10; k++)
          put (out, 7, FLOPPY | 5, 0);
        put (out, 7, FLOPPY | 4, 0);
        put (out, 7, FLOPPY | 7, 0);
        put (out, 13, 0, (uint16_t)(way & 1 ? 2 : 0));
        put (out, 14, 0, (uint16_t)way);
        fuzz_seed (out->data, out->len);
      }
}

static void
make (void)
{
  make_ata ();
  make_atapi ();
  make_floppy ();
}

const FuzzTarget fuzz_target = { "vmm/storage", 4096, make };
