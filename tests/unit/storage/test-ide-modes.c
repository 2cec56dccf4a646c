/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Transfer modes: what a drive says of them (ATA/ATAPI-6, 8.15, 8.46), and the timing registers of a PIIX4's function and a PIIX3's
 * (Intel 82371AB data sheet, chapter 5).
 */
#include "tests/unit/storage/ide-fixture.h"

#define DEVFN PCI_DEVFN (1, 1)

enum
{
  IDETIM = 0x40,
  SIDETIM = 0x44,
  UDMACTL = 0x48,
  UDMATIM = 0x4a,
};

static void
identify (unsigned base, uint8_t *data)
{
  out (base + 6, 0xa0, 1);
  out (base + 7, base == 0x1f0 ? 0xec : 0xa1, 1);
  g_assert_cmphex (wait_ready (base) & (ATA_DRQ | ATA_ERR), ==, ATA_DRQ);
  read_data (base, data, 512);
}

static uint16_t
word (const uint8_t *data, unsigned n)
{
  return pci_get16 (data + 2 * n);
}

static gboolean
set_mode (unsigned base, uint8_t mode)
{
  out (base + 6, 0xa0, 1);
  out (base + 1, 3, 1);
  out (base + 2, mode, 1);
  out (base + 7, 0xef, 1);
  return (wait_ready (base) & ATA_ERR) == 0;
}

/* Exactly one mode of all is the chosen one, if any. */
static void
check_chosen (unsigned base, int multiword, int ultra)
{
  uint8_t data[512];

  identify (base, data);
  g_assert_cmphex (word (data, 53) & 6, ==, 6); /* words 64 to 70, and 88 */
  g_assert_cmphex (word (data, 63), ==, 0x07 | (multiword >= 0 ? 0x100 << multiword : 0));
  g_assert_cmphex (word (data, 64), ==, 3);
  g_assert_cmphex (word (data, 88), ==, 0x3f | (ultra >= 0 ? 0x100 << ultra : 0));
}

static void
test_drive (gconstpointer data_)
{
  const unsigned base = GPOINTER_TO_UINT (data_);
  uint8_t data[512];

  setup ();
  check_chosen (base, 2, -1);
  for (int mode = 0; mode <= 5; mode++)
    {
      g_assert_true (set_mode (base, (uint8_t)(0x40 | mode)));
      check_chosen (base, -1, mode);
    }
  for (int mode = 0; mode <= 2; mode++)
    {
      g_assert_true (set_mode (base, (uint8_t)(0x20 | mode)));
      check_chosen (base, mode, -1);
    }
  /* What there is none of changes nothing. */
  g_assert_true (set_mode (base, 0x42));
  for (unsigned mode = 0; mode < 256; mode++)
    {
      const gboolean known
          = mode <= 1 || (mode & 0xf8) == 0x08 || (mode & 0xf8) == 0x20 || (mode & 0xf8) == 0x40;
      if (known && (mode & 7) <= ((mode & 0xf8) == 0x08 ? 4 : (mode & 0xf8) == 0x40 ? 5 : 2))
        continue;
      g_assert_false (set_mode (base, (uint8_t)mode));
      check_chosen (base, -1, 2);
    }
  /* PIO modes leave DMA's alone. */
  g_assert_true (set_mode (base, 0x0c));
  check_chosen (base, -1, 2);
  /* The cable has 80 wires, this drive is the first. */
  identify (base, data);
  g_assert_cmphex (word (data, 93) & 0xe001, ==, 0x6001);
  /* A software reset keeps the modes, a hardware reset doesn't. */
  out (base + 0x206, 4, 1);
  out (base + 0x206, 0, 1);
  check_chosen (base, -1, 2);
  vm_lock (vm);
  ide->klass->reset (ide);
  vm_unlock (vm);
  check_chosen (base, 2, -1);
  teardown ();
}

static uint32_t
config (unsigned offset, unsigned size)
{
  vm_lock (vm);
  uint32_t value = pci_bus_config_read (bus, DEVFN, offset, size);
  vm_unlock (vm);
  return value;
}

static void
write_config (unsigned offset, uint32_t value, unsigned size)
{
  vm_lock (vm);
  pci_bus_config_write (bus, DEVFN, offset, value, size);
  vm_unlock (vm);
}

static void
test_timings (void)
{
  setup ();
  g_assert_cmphex (config (0, 4), ==, 0x71118086);
  g_assert_cmphex (config (IDETIM, 4), ==, 0x80008000);
  g_assert_cmphex (config (UDMACTL, 4), ==, 0);
  write_config (IDETIM, 0xffffffff, 4);
  write_config (SIDETIM, 0xffffffff, 4);
  write_config (UDMACTL, 0xffffffff, 4);
  g_assert_cmphex (config (IDETIM, 4), ==, 0xf3fff3ff);
  g_assert_cmphex (config (SIDETIM, 4), ==, 0xff);
  g_assert_cmphex (config (UDMACTL, 4), ==, 0x3333000f);
  /* By the byte, as some drivers do. */
  write_config (UDMACTL, 1, 1);
  write_config (UDMATIM, 0x02, 1);
  write_config (UDMATIM + 1, 0x10, 1);
  g_assert_cmphex (config (UDMACTL, 4), ==, 0x10020001);
  vm_lock (vm);
  ide->klass->reset (ide);
  vm_unlock (vm);
  g_assert_cmphex (config (IDETIM, 4), ==, 0x80008000);
  g_assert_cmphex (config (SIDETIM, 4), ==, 0);
  g_assert_cmphex (config (UDMACTL, 4), ==, 0);
  teardown ();
}

/* Loads a state whose configuration space was changed; nothing else of it is. */
static gboolean
load_changed (uint16_t part, uint32_t timing)
{
  Ide *changed = (Ide *)ide;
  g_autofree uint8_t *before = g_memdup2 (changed->pci.config, sizeof changed->pci.config);

  vm_lock (vm);
  pci_set16 (changed->pci.config + PCI_DEVICE_ID, part);
  pci_set32 (changed->pci.config + UDMACTL, timing);
  g_autoptr (GByteArray) saved = save_state (ide);
  memcpy (changed->pci.config, before, sizeof changed->pci.config);
  vm_unlock (vm);
  return load_state (ide, saved);
}

static void
test_saved (void)
{
  setup ();
  write_config (UDMACTL, 0x20010003, 4);
  g_autoptr (GByteArray) saved = save_state (ide);
  write_config (UDMACTL, 0, 4);
  g_assert_true (load_state (ide, saved));
  g_assert_cmphex (config (UDMACTL, 4), ==, 0x20010003);
  /* More than a driver can write. */
  g_assert_true (load_changed (0x7111, 0xffffffff));
  g_assert_cmphex (config (UDMACTL, 4), ==, 0x3333000f);
  /* One of an earlier version: a PIIX3 without these registers, which it stays over resets. */
  g_assert_true (load_changed (0x7010, 0xffffffff));
  g_assert_cmphex (config (0, 4), ==, 0x70108086);
  write_config (UDMACTL, 0xffffffff, 4);
  g_assert_cmphex (config (UDMACTL, 4), ==, 0);
  vm_lock (vm);
  ide->klass->reset (ide);
  vm_unlock (vm);
  g_assert_cmphex (config (0, 4), ==, 0x70108086);
  g_assert_cmphex (config (IDETIM, 4), ==, 0x80008000);
  g_assert_true (load_state (ide, saved));
  g_assert_cmphex (config (0, 4), ==, 0x71118086);
  g_assert_cmphex (config (UDMACTL, 4), ==, 0x20010003);
  /* Any other part is none of ours. */
  g_assert_false (load_changed (0x1230, 0));
  teardown ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/ide-modes/disk", GUINT_TO_POINTER (0x1f0), test_drive);
  g_test_add_data_func ("/ide-modes/cdrom", GUINT_TO_POINTER (0x170), test_drive);
  g_test_add_func ("/ide-modes/timings", test_timings);
  g_test_add_func ("/ide-modes/saved", test_saved);
  return g_test_run ();
}
