/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An AHCI controller: registers, links, commands of disks and CD-ROM drives, queued ones, errors, and drivers that do all of it wrongly.
 */
#include "ahci-driver.h"

#include "block/block-testing.h"

#include <glib/gstdio.h>

#define DISK       (4u << 20)
#define NOT_MEMORY 0xfee00000u
#define READ_DMA   0x25
#define WRITE_DMA  0x35
#define IS_TFE     0x40000000u
#define IS_HBF     0x20000000u
#define IS_OF      0x01000000u

static Driver d;
static Block *image;
static char *folder, *path, *disc_path;

static Block *
open_disc (unsigned fill)
{
  const BlockConfig config
      = { .path = disc_path, .format = "raw", .flags = BLOCK_READ_ONLY | BLOCK_SHARED_READ };
  g_autofree char *bytes = g_malloc (64 * 2048);
  g_autoptr (GError) error = NULL;
  Block *block;

  memset (bytes, (int)fill, 64 * 2048);
  g_assert_true (g_file_set_contents (disc_path, bytes, 64 * 2048, NULL));
  block = block_open (&config, &error);
  g_assert_no_error (error);
  return block;
}

static void
begin_with (const char *test, BlockFlags flags)
{
  const BlockConfig config = { .path = path, .format = "raw", .test = test, .flags = flags };
  g_autoptr (GError) error = NULL;

  g_unlink (path);
  g_assert_true (block_image_create (path, "raw", DISK, &error));
  image = block_open (&config, &error);
  g_assert_no_error (error);
  driver_open (&d, image, open_disc (0xcd));
}

static void
begin (const char *test)
{
  begin_with (test, BLOCK_READ_WRITE);
  port_start (&d, 0);
  port_start (&d, 1);
}

static void
fill (uint64_t lba, unsigned n, unsigned byte)
{
  uint8_t *bytes = g_malloc (n * 512);

  memset (bytes, (int)byte, n * 512);
  g_assert_true (block_write_sync (image, lba * 512, bytes, n * 512, NULL));
  g_free (bytes);
}

static gboolean
is_filled (const uint8_t *bytes, size_t n, unsigned byte)
{
  for (size_t i = 0; i < n; i++)
    if (bytes[i] != byte)
      return FALSE;
  return TRUE;
}

static void
call (void (*function) (Device *device))
{
  vm_lock (d.vm);
  function (d.device);
  vm_unlock (d.vm);
}

static void
stand_still (void)
{
  const DeviceClass *klass = d.device->klass;

  vm_lock (d.vm);
  klass->pause (d.device);
  for (gboolean drained = klass->drained (d.device); !drained; drained = klass->drained (d.device))
    {
      vm_unlock (d.vm);
      g_main_context_iteration (NULL, TRUE);
      vm_lock (d.vm);
    }
  vm_unlock (d.vm);
}

/* -- The controller -------------------------------------------------------------------------------- */

static void
test_registers (void)
{
  begin_with (NULL, BLOCK_READ_WRITE);
  g_assert_cmphex (driver_read (&d, 0x00), ==, 0xc1249f05);
  g_assert_cmphex (driver_read (&d, 0x04), ==, 0x80000000);
  g_assert_cmphex (driver_read (&d, 0x0c), ==, 0x3f);
  g_assert_cmphex (driver_read (&d, 0x10), ==, 0x10300);
  /* A disk, a drive, nothing.  The signature comes when there is a place for it. */
  g_assert_cmphex (port_read (&d, 0, P_SSTS), ==, 0x123);
  g_assert_cmphex (port_read (&d, 1, P_SSTS), ==, 0x123);
  g_assert_cmphex (port_read (&d, 2, P_SSTS), ==, 0);
  g_assert_cmphex (port_read (&d, 2, P_TFD), ==, 0x7f);
  g_assert_cmphex (port_read (&d, 0, P_SIG), ==, 0xffffffff);
  port_start (&d, 0);
  port_start (&d, 1);
  port_start (&d, 2);
  g_assert_cmphex (port_read (&d, 0, P_SIG), ==, 0x00000101);
  g_assert_cmphex (port_read (&d, 1, P_SIG), ==, 0xeb140101);
  g_assert_cmphex (port_read (&d, 2, P_SIG), ==, 0xffffffff);
  g_assert_cmphex (driver_fis (&d, 0, 0x40)[0], ==, 0x34);
  g_assert_cmphex (port_read (&d, 0, P_TFD), ==, 0x150);
  g_assert_cmphex (port_read (&d, 0, P_CMD), ==, 0xc017);
  /* Where nothing is, nothing happens, also when it is said not to be busy. */
  port_write (&d, 2, P_CI, 1);
  port_write (&d, 2, P_CMD, 0x10);
  port_write (&d, 2, P_CMD, 0x18);
  port_write (&d, 2, P_CMD, 0x11);
  port_write (&d, 2, P_CI, 1);
  g_assert_cmphex (port_read (&d, 2, P_CI), ==, 1);
  /* What isn't there reads as 0 and keeps nothing; parts of registers can be read. */
  driver_write (&d, 0x100 + 6 * 0x80 + P_IE, 0xffffffff);
  g_assert_cmphex (driver_read (&d, 0x100 + 6 * 0x80 + P_IE), ==, 0);
  driver_write (&d, 0xffc, 1);
  g_assert_cmphex (driver_read (&d, 0xffc), ==, 0);
  g_assert_cmphex (address_space_load (d.vm->memory, &d.cache, DRIVER_BAR + 0x103, 1, FALSE), ==, 0);
  /* HBA reset: the memory stays. */
  driver_write (&d, 0x04, 1);
  g_assert_cmphex (driver_read (&d, 0x04), ==, 0x80000000);
  g_assert_cmphex (port_read (&d, 0, P_CMD), ==, 0x6);
  g_assert_cmphex (port_read (&d, 0, P_IE), ==, 0);
  g_assert_cmphex (port_read (&d, 1, P_CLB), ==, DRIVER_LIST + 0x400);
  driver_close (&d);
}

static void
test_resets (void)
{
  Order reset = { .control = TRUE, .control_value = 4 }, release = { .control = TRUE };

  begin (NULL);
  /* COMRESET. */
  port_write (&d, 0, P_CMD, 0x10);
  port_write (&d, 0, P_SCTL, 0x301);
  g_assert_cmphex (port_read (&d, 0, P_SSTS), ==, 0);
  g_assert_cmphex (port_read (&d, 0, P_TFD), ==, 0x7f);
  memset (driver_fis (&d, 0, 0), 0, 0x100);
  port_write (&d, 0, P_SCTL, 0x310); /* slow, please */
  g_assert_cmphex (port_read (&d, 0, P_SSTS), ==, 0x113);
  g_assert_cmphex (port_read (&d, 0, P_SERR), ==, 1 << 26);
  g_assert_cmphex (port_read (&d, 0, P_IS) & 0x40, ==, 0x40);
  g_assert_true (d.level);
  port_write (&d, 0, P_SERR, ~0u);
  driver_write (&d, 0x08, 1);
  g_assert_false (d.level);
  g_assert_cmphex (driver_fis (&d, 0, 0x40)[0], ==, 0x34);
  /* The software's: a FIS with the bit, one without. */
  port_write (&d, 1, P_CMD, 0x11);
  driver_put (&d, 1, 0, &reset, 0);
  driver_put (&d, 1, 1, &release, 0);
  driver_ring (&d, 1, 1, 0);
  g_assert_cmphex (port_read (&d, 1, P_CI), ==, 0);
  memset (driver_fis (&d, 1, 0), 0, 0x100);
  driver_ring (&d, 1, 2, 0);
  g_assert_cmphex (port_read (&d, 1, P_CI), ==, 0);
  g_assert_cmphex (driver_fis (&d, 1, 0x40)[0], ==, 0x34);
  g_assert_cmphex (port_read (&d, 1, P_SIG), ==, 0xeb140101);
  /* Offline, and back. */
  port_write (&d, 0, P_SCTL, 4);
  g_assert_cmphex (port_read (&d, 0, P_SSTS), ==, 4);
  port_write (&d, 0, P_SCTL, 0);
  g_assert_cmphex (port_read (&d, 0, P_SSTS), ==, 0x123);
  driver_close (&d);
}

/* -- Commands -------------------------------------------------------------------------------------- */

static void
test_identify (void)
{
  const uint8_t *data;

  begin (NULL);
  data = driver_ram (&d, DRIVER_DATA);
  g_assert_cmphex (driver_do (&d, 0, &(Order){ .command = 0xec }, 512), ==, 0x50);
  g_assert_true (memcmp (data + 20, "ESIRLA1-            ", 8) == 0);
  g_assert_cmphex (pci_get16 (data + 2 * 75), ==, 31);
  g_assert_cmphex (pci_get16 (data + 2 * 76) & 0x100, ==, 0x100);
  g_assert_cmphex (pci_get16 (data + 2 * 93), ==, 0);
  g_assert_cmpuint (pci_get32 (data + 2 * 100), ==, DISK / 512);
  g_assert_cmphex (pci_get16 (data + 2 * 108), ==, 0x5123);
  g_assert_cmphex (pci_get16 (data + 2 * 111), ==, 0xcdef);
  /* By PIO: a PIO setup FIS with the status at its end, and how many bytes came. */
  g_assert_cmphex (port_read (&d, 0, P_IS), ==, 2);
  g_assert_cmphex (driver_fis (&d, 0, 0x20)[0], ==, 0x5f);
  g_assert_cmphex (driver_fis (&d, 0, 0x20)[15], ==, 0x50);
  g_assert_cmpuint (pci_get32 (driver_ram (&d, DRIVER_LIST + 32 * 3 + 4)), ==, 512);
  g_assert_cmphex (driver_do (&d, 1, &(Order){ .command = 0xa1 }, 512), ==, 0x50);
  g_assert_cmphex (pci_get16 (data), ==, 0x85c0);
  g_assert_cmphex (driver_do (&d, 1, &(Order){ .command = 0xec }, 512), ==, 0x51);
  driver_close (&d);
}

static void
test_transfers (void)
{
  uint8_t *data;

  begin (NULL);
  data = driver_ram (&d, DRIVER_DATA);
  for (unsigned i = 0; i < 16; i++)
    fill (100 + i, 1, 0x40 + i);
  /* Scattered, odd places in the middle of sectors, by DMA and by PIO. */
  for (unsigned way = 0; way < 2; way++)
    {
      memset (data, 0, 0x10000);
      driver_prd (&d, 7, 0, DRIVER_DATA + 0x8000, 700);
      driver_prd (&d, 7, 1, DRIVER_DATA + 2, 2);
      driver_prd (&d, 7, 2, DRIVER_DATA + 0x4000, 16 * 512 - 702);
      driver_put (&d, 0, 7,
                  &(Order){ .command = way == 0 ? READ_DMA : 0x24, .device = 0x40, .lba = 100, .count = 16 },
                  3);
      driver_ring (&d, 0, 1 << 7, 0);
      driver_wait (&d, 0);
      g_assert_true (is_filled (data + 0x8000, 512, 0x40));
      g_assert_true (is_filled (data + 0x8200, 188, 0x41));
      g_assert_cmphex (data[0x82bc], ==, 0);
      g_assert_true (is_filled (data + 2, 2, 0x41));
      g_assert_true (is_filled (data + 0x4000, 322, 0x41));
      g_assert_true (is_filled (data + 0x4000 + 16 * 512 - 702 - 512, 512, 0x4f));
      g_assert_cmpuint (pci_get32 (driver_ram (&d, DRIVER_LIST + 32 * 7 + 4)), ==, 16 * 512);
    }
  memset (data, 0x77, 4096);
  g_assert_cmphex (
      driver_do (&d, 0, &(Order){ .command = WRITE_DMA, .device = 0x40, .lba = 9, .count = 8, .write = TRUE },
                 4096),
      ==, 0x50);
  g_assert_cmphex (port_read (&d, 0, P_IS), ==, 1);
  memset (data, 0, 4096);
  g_assert_true (block_read_sync (image, 9 * 512, data, 4096, NULL));
  g_assert_true (is_filled (data, 4096, 0x77));
  g_assert_cmphex (driver_do (&d, 0, &(Order){ .command = 0xea }, 0), ==, 0x50);
  g_assert_cmphex (driver_do (&d, 0, &(Order){ .command = 0xf5 }, 0), ==, 0x50);
  /* TRIM. */
  memset (data, 0, 512);
  data[0] = 9;
  data[6] = 4;
  g_assert_cmphex (
      driver_do (&d, 0, &(Order){ .command = 0x06, .features = 1, .count = 1, .write = TRUE }, 512), ==,
      0x50);
  /* A table that is too short drops what doesn't fit in it. */
  g_assert_cmphex (driver_do (&d, 0, &(Order){ .command = 0xec }, 100), ==, 0x50);
  g_assert_cmphex (port_read (&d, 0, P_IS) & IS_OF, ==, IS_OF);
  g_assert_cmphex (driver_do (&d, 0, &(Order){ .command = READ_DMA, .device = 0x40, .count = 1 }, 100), ==,
                   0x51);
  driver_close (&d);
}

/* 6.2.2.1: the slot stays, nothing else is begun; the driver stops and starts the port. */
static void
test_error (void)
{
  begin (NULL);
  driver_prd (&d, 0, 0, DRIVER_DATA, 512);
  driver_put (&d, 0, 0, &(Order){ .command = READ_DMA, .device = 0x40, .lba = DISK / 512, .count = 1 }, 1);
  driver_prd (&d, 1, 0, DRIVER_DATA, 512);
  driver_put (&d, 0, 1, &(Order){ .command = READ_DMA, .device = 0x40, .lba = 0, .count = 1 }, 1);
  /* The first one that has its turn is slot 1. */
  driver_ring (&d, 0, 3, 0);
  while ((port_read (&d, 0, P_IS) & IS_TFE) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmphex (port_read (&d, 0, P_TFD), ==, 0x1051);
  g_assert_cmphex (port_read (&d, 0, P_CI), ==, 1);
  g_assert_cmphex (port_read (&d, 0, P_CMD) >> 8 & 0x1f, ==, 0);
  g_assert_true (d.level);
  port_write (&d, 0, P_CI, 2);
  g_assert_cmphex (port_read (&d, 0, P_CI), ==, 3);
  port_write (&d, 0, P_CMD, 0x10);
  g_assert_cmphex (port_read (&d, 0, P_CI), ==, 0);
  port_write (&d, 0, P_IS, ~0u);
  port_write (&d, 0, P_CMD, 0x11);
  driver_ring (&d, 0, 2, 0);
  driver_wait (&d, 0);
  g_assert_cmphex (port_read (&d, 0, P_TFD), ==, 0x50);
  /* An unknown command, one that others have. */
  g_assert_cmphex (driver_do (&d, 0, &(Order){ .command = 0x45 }, 0), ==, 0x51);
  driver_close (&d);
}

/* -- Queued ---------------------------------------------------------------------------------------- */

static void
test_queued (void)
{
  uint8_t *data;
  uint32_t all = 0;

  begin (NULL);
  data = driver_ram (&d, DRIVER_DATA);
  for (unsigned i = 0; i < 32; i++)
    {
      const Order order = queued (TRUE, 64 + 8 * (31 - i), 8, i);

      memset (data + 0x1000 * i, 0x80 + (int)i, 0x1000);
      driver_prd (&d, i, 0, DRIVER_DATA + 0x1000 * i, 0x800);
      driver_prd (&d, i, 1, DRIVER_DATA + 0x1000 * i + 0x800, 0x800);
      driver_put (&d, 0, i, &order, 2);
      all |= 1u << i;
    }
  driver_ring (&d, 0, all, all);
  g_assert_cmphex (port_read (&d, 0, P_CI), ==, 0);
  driver_wait (&d, 0);
  g_assert_cmphex (port_read (&d, 0, P_IS), ==, 8);
  g_assert_cmphex (port_read (&d, 0, P_TFD), ==, 0x50);
  g_assert_cmphex (driver_fis (&d, 0, 0x58)[0], ==, 0xa1);
  memset (data, 0, 0x20000);
  for (unsigned i = 0; i < 32; i++)
    {
      const Order order = queued (FALSE, 64 + 8 * (31 - i), 8, i);

      driver_put (&d, 0, i, &order, 2);
    }
  driver_ring (&d, 0, all, all);
  driver_wait (&d, 0);
  for (unsigned i = 0; i < 32; i++)
    g_assert_true (is_filled (data + 0x1000 * i, 0x1000, 0x80 + i));
  /* More pieces than the host takes at once; the table goes on over its neighbours'. */
  for (unsigned i = 0; i < 600; i++)
    driver_prd (&d, 0, i, DRIVER_DATA + 0x400 * i, i < 599 ? 6 : 4096 - 599 * 6);
  memset (data, 0, 0x400 * 601);
  const Order order = queued (FALSE, 64, 8, 0);
  driver_put (&d, 0, 0, &order, 600);
  driver_ring (&d, 0, 1, 1);
  driver_wait (&d, 0);
  for (unsigned i = 0; i < 600; i++)
    {
      const unsigned n = i < 599 ? 6 : 4096 - 599 * 6;

      g_assert_true (is_filled (data + 0x400 * i, n, 0x9f));
      g_assert_cmphex (data[0x400 * i + n], ==, 0);
    }
  driver_close (&d);
}

/* One of them fails: all are given up, and a log says which it was. */
static void
test_queued_error (void)
{
  begin (NULL);
  for (unsigned i = 0; i < 4; i++)
    {
      const Order order = queued (FALSE, i == 2 ? DISK / 512 - 1 : 8 * i, 2, i);

      driver_prd (&d, i, 0, DRIVER_DATA, 1024);
      driver_put (&d, 0, i, &order, 1);
    }
  driver_ring (&d, 0, 4, 4);
  g_assert_cmphex (port_read (&d, 0, P_IS) & IS_TFE, ==, IS_TFE);
  g_assert_cmphex (port_read (&d, 0, P_TFD), ==, 0x1051);
  g_assert_cmphex (port_read (&d, 0, P_SACT), ==, 4);
  driver_ring (&d, 0, 3, 3);
  g_assert_cmphex (port_read (&d, 0, P_CI), ==, 3);
  port_write (&d, 0, P_CMD, 0x10);
  g_assert_cmphex (port_read (&d, 0, P_SACT), ==, 0);
  port_write (&d, 0, P_IS, ~0u);
  port_write (&d, 0, P_CMD, 0x11);
  for (unsigned round = 0; round < 2; round++)
    {
      const uint8_t *log = driver_ram (&d, DRIVER_DATA);
      uint8_t sum = 0;

      g_assert_cmphex (driver_do (&d, 0, &(Order){ .command = 0x2f, .lba = 0x10, .count = 1 }, 512), ==,
                       0x50);
      g_assert_cmphex (log[0], ==, round == 0 ? 2 : 0x80);
      g_assert_cmphex (log[3], ==, round == 0 ? 0x10 : 0);
      for (unsigned i = 0; i < 512; i++)
        sum += log[i];
      g_assert_cmphex (sum, ==, 0);
    }
  /* Not in PxSACT, and twice at once. */
  driver_ring (&d, 0, 1, 0);
  g_assert_cmphex (port_read (&d, 0, P_TFD), ==, 0x451);
  driver_close (&d);
}

/* -- Trouble on the host, pauses, loads -------------------------------------------------------------- */

static GByteArray *
save (void)
{
  GByteArray *bytes = g_byte_array_new ();

  vm_lock (d.vm);
  state_save (d.device->klass->state, d.device, bytes);
  vm_unlock (d.vm);
  return bytes;
}

static gboolean
load (const GByteArray *bytes)
{
  g_autoptr (GError) error = NULL;
  gboolean ok;

  vm_lock (d.vm);
  ok = state_load (d.device->klass->state, d.device, bytes->data, bytes->len, &error)
       && d.device->klass->post_load (d.device, &error);
  vm_unlock (d.vm);
  return ok;
}

/* Queued writes that the host has no room for wait, are saved, and are done by who loads them. */
static void
test_parked (void)
{
  g_autoptr (GByteArray) state = NULL, ram = g_byte_array_new ();
  uint8_t bytes[512];

  for (unsigned way = 0; way < 2; way++)
    {
      begin ("fail=write:ENOSPC");
      for (unsigned i = 0; i < 4; i++)
        {
          const Order order
              = way == 0 ? queued (TRUE, 8 * i, 1, i)
                         : (Order){
                             .command = WRITE_DMA, .device = 0x40, .lba = 8 * i, .count = 1, .write = TRUE
                           };

          memset (driver_ram (&d, DRIVER_DATA + 0x1000 * i), 0x30 + (int)i, 512);
          driver_prd (&d, i, 0, DRIVER_DATA + 0x1000 * i, 512);
          driver_put (&d, 0, i, &order, 1);
        }
      driver_ring (&d, 0, 0xf, way == 0 ? 0xf : 0);
      stand_still ();
      g_clear_pointer (&state, g_byte_array_unref);
      state = save ();
      g_byte_array_set_size (ram, 0);
      g_byte_array_append (ram, driver_ram (&d, 0), DRIVER_RAM);
      driver_close (&d);

      begin_with (NULL, BLOCK_READ_WRITE);
      memcpy (driver_ram (&d, 0), ram->data, DRIVER_RAM);
      call (d.device->klass->pause);
      g_assert_true (load (state));
      call (d.device->klass->resume);
      driver_wait (&d, 0);
      for (unsigned i = 0; i < 4; i++)
        {
          g_assert_true (block_read_sync (image, 8 * i * 512, bytes, 512, NULL));
          g_assert_true (is_filled (bytes, 512, 0x30 + i));
        }
      driver_close (&d);
    }
}

/* Whatever stops a port while requests are at the image: they touch no memory afterwards. */
static void
test_stops (void)
{
  for (unsigned way = 0; way < 6; way++)
    {
      begin ("delay=2000");
      fill (0, 64, 0x11);
      for (unsigned i = 0; i < 8; i++)
        {
          const Order order = i == 0 && way % 2 == 0
                                  ? (Order){ .command = READ_DMA, .device = 0x40, .count = 8 }
                                  : queued (FALSE, 8 * i, 8, i);

          driver_prd (&d, i, 0, DRIVER_DATA + 0x1000 * i, 0x1000);
          driver_put (&d, 0, i, &order, 1);
        }
      driver_ring (&d, 0, 0xff, way % 2 == 0 ? 0xfe : 0xff);
      switch (way)
        {
        case 0:
          port_write (&d, 0, P_CMD, 0x10);
          break;
        case 1:
          port_write (&d, 0, P_SCTL, 1);
          break;
        case 2:
          driver_write (&d, 0x04, 1);
          break;
        case 3:
          call (d.device->klass->reset);
          break;
        case 4:
          driver_config (&d, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
          break;
        default:
          vm_lock (d.vm);
          ahci_detach (d.device, 0);
          vm_unlock (d.vm);
          break;
        }
      memset (driver_ram (&d, DRIVER_DATA), 0xee, 0x8000);
      stand_still ();
      call (d.device->klass->resume);
      for (unsigned i = 0; i < 50; i++)
        g_main_context_iteration (NULL, FALSE);
      if (way != 4)
        g_assert_true (is_filled (driver_ram (&d, DRIVER_DATA), 0x8000, 0xee));
      driver_close (&d);
    }
}

static void
test_hostile_states (void)
{
  g_autoptr (GByteArray) good = NULL;
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  unsigned loaded = 0;

  begin (NULL);
  good = save ();
  g_assert_true (load (good));
  for (unsigned round = 0; round < 400; round++)
    {
      g_autoptr (GByteArray) bad = g_byte_array_new ();

      g_byte_array_append (bad, good->data, good->len);
      for (unsigned i = 0; i < 3; i++)
        bad->data[g_rand_int_range (random, 0, (gint32)bad->len)] = (uint8_t)g_rand_int (random);
      call (d.device->klass->pause);
      loaded += load (bad);
      call (d.device->klass->resume);
      port_write (&d, 0, P_CI, 1u << (round % 32));
      while (g_main_context_iteration (NULL, FALSE))
        ;
      call (d.device->klass->pause);
      g_assert_true (load (good));
      call (d.device->klass->resume);
    }
  g_test_message ("%u of the states were taken", loaded);
  driver_close (&d);
}

/* -- Hostile drivers ------------------------------------------------------------------------------- */

static void
test_hostile (void)
{
  Order order = { .command = READ_DMA, .device = 0x40, .count = 1 };
  const Order tag = queued (FALSE, 0, 8, 0);

  begin (NULL);
  /* Lists, tables and memory that are none, or end in nothing. */
  for (unsigned way = 0; way < 8; way++)
    {
      const gboolean is_queued = way >= 4;

      port_start (&d, 0);
      driver_prd (&d, 0, 0, way % 4 == 0 ? NOT_MEMORY : DRIVER_DATA, 4096);
      driver_put (&d, 0, 0, is_queued ? &tag : &order, 1);
      if (way % 4 == 1)
        pci_set32 (driver_ram (&d, DRIVER_LIST + 8), NOT_MEMORY);
      if (way % 4 == 2)
        port_write (&d, 0, P_CLB + 4, 0xffffffff);
      if (way % 4 == 3)
        pci_set32 (driver_ram (&d, DRIVER_LIST + 12), 0xffffffff);
      driver_ring (&d, 0, 1, is_queued ? 1 : 0);
      driver_wait (&d, 0);
      g_assert_cmphex (port_read (&d, 0, P_IS) & IS_HBF, ==, IS_HBF);
      g_assert_true (d.level);
      port_write (&d, 0, P_CMD, 0x10);
      port_write (&d, 0, P_CMD, 0x18);
    }
  /* FISes of any kind, short ones, and each command with a table of nothing and one that begins at the end of memory. */
  for (unsigned i = 0; i < 256; i++)
    for (unsigned port = 0; port < 2; port++)
      {
        static const uint8_t packet[12] = { 0x28 };

        port_start (&d, port);
        order.command = (uint8_t)i;
        order.packet = i == 0xa0 ? packet : NULL;
        driver_prd (&d, 0, 0, DRIVER_RAM - 256, 1024);
        driver_put (&d, port, 0, &order, i & 1);
        if (i % 5 == 4)
          driver_table (&d, 0)[0] = (uint8_t)i;
        if (i % 7 == 6)
          driver_ram (&d, DRIVER_LIST + 0x400 * port)[0] = (uint8_t)i;
        driver_ring (&d, port, 1, 0);
        while (g_main_context_iteration (NULL, FALSE))
          ;
        port_write (&d, port, P_CMD, 0x10);
        port_write (&d, port, P_CMD, 0x18);
        port_write (&d, port, P_SCTL, 1);
        port_write (&d, port, P_SCTL, 0);
      }
  /* It lives. */
  port_start (&d, 0);
  g_assert_cmphex (driver_do (&d, 0, &(Order){ .command = 0xec }, 512), ==, 0x50);
  driver_close (&d);
}

/* -- Discs, cables --------------------------------------------------------------------------------- */

static unsigned
packet (const uint8_t *cdb, unsigned features, uint32_t bytes)
{
  return driver_do (&d, 1, &(Order){ .command = 0xa0, .features = (uint8_t)features, .packet = cdb }, bytes);
}

static void
test_disc (void)
{
  static const uint8_t ready[12] = { 0x00 }, inquiry[12] = { 0x12, 0, 0, 0, 36 },
                       read[12] = { 0x28, 0, 0, 0, 0, 5, 0, 0, 4 }, sense[12] = { 0x03, 0, 0, 0, 18 },
                       beyond[12] = { 0x28, 0, 0, 0, 1, 0, 0, 0, 4 };
  Block *old = NULL;
  uint8_t *data;
  gboolean ok;

  begin (NULL);
  data = driver_ram (&d, DRIVER_DATA);
  g_assert_cmphex (packet (inquiry, 0, 36), ==, 0x50);
  g_assert_cmphex (data[0], ==, 5);
  /* The answer's end is a register FIS. */
  g_assert_cmphex (port_read (&d, 1, P_IS), ==, 1);
  packet (ready, 0, 0);
  packet (sense, 0, 18);
  g_assert_cmphex (packet (ready, 0, 0), ==, 0x50);
  for (unsigned dma = 0; dma < 2; dma++)
    {
      memset (data, 0, 8192);
      g_assert_cmphex (packet (read, dma, 8192), ==, 0x50);
      g_assert_true (is_filled (data, 8192, 0xcd));
    }
  g_assert_cmphex (packet (beyond, 1, 8192), ==, 0x51);
  g_assert_cmphex (port_read (&d, 1, P_IS) & IS_TFE, ==, IS_TFE);
  port_write (&d, 1, P_CMD, 0x10);
  port_write (&d, 1, P_CMD, 0x11);
  packet (sense, 0, 18);
  g_assert_cmphex (data[2], ==, 5);
  g_assert_cmphex (data[12], ==, 0x21);
  /* Another disc. */
  vm_lock (d.vm);
  ok = ahci_change_media (d.device, 1, open_disc (0x5a), FALSE, &old, NULL);
  vm_unlock (d.vm);
  g_assert_true (ok);
  block_close (old);
  g_assert_cmphex (packet (ready, 0, 0), ==, 0x51);
  for (unsigned i = 0; i < 3; i++)
    {
      port_write (&d, 1, P_CMD, 0x10);
      port_write (&d, 1, P_CMD, 0x11);
      packet (ready, 0, 0);
    }
  g_assert_cmphex (packet (read, 1, 8192), ==, 0x50);
  g_assert_true (is_filled (data, 8192, 0x5a));
  driver_close (&d);
}

static void
test_plug (void)
{
  begin (NULL);
  vm_lock (d.vm);
  ahci_plug (d.device, 0, FALSE);
  vm_unlock (d.vm);
  g_assert_cmphex (port_read (&d, 0, P_SSTS), ==, 0);
  g_assert_cmphex (port_read (&d, 0, P_IS) & 0x00400000, ==, 0x00400000);
  g_assert_true (d.level);
  port_write (&d, 0, P_SERR, ~0u);
  port_write (&d, 0, P_CI, 1);
  vm_lock (d.vm);
  ahci_plug (d.device, 0, TRUE);
  vm_unlock (d.vm);
  g_assert_cmphex (port_read (&d, 0, P_SSTS), ==, 0x123);
  g_assert_cmphex (port_read (&d, 0, P_IS) & 0x00400040, ==, 0x00400040);
  port_start (&d, 0);
  g_assert_cmphex (driver_do (&d, 0, &(Order){ .command = 0xec }, 512), ==, 0x50);
  /* A drive that comes while the machine runs. */
  g_assert_cmphex (port_read (&d, 5, P_SSTS), ==, 0);
  driver_attach (&d, 5, IDE_DRIVE_CDROM, NULL);
  g_assert_cmphex (port_read (&d, 5, P_SSTS), ==, 0x123);
  driver_close (&d);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-ahci-XXXXXX", NULL);
  path = g_build_filename (folder, "disk.img", NULL);
  disc_path = g_build_filename (folder, "disc.iso", NULL);
  g_test_add_func ("/ahci/registers", test_registers);
  g_test_add_func ("/ahci/resets", test_resets);
  g_test_add_func ("/ahci/identify", test_identify);
  g_test_add_func ("/ahci/transfers", test_transfers);
  g_test_add_func ("/ahci/error", test_error);
  g_test_add_func ("/ahci/queued", test_queued);
  g_test_add_func ("/ahci/queued-error", test_queued_error);
  g_test_add_func ("/ahci/parked", test_parked);
  g_test_add_func ("/ahci/stops", test_stops);
  g_test_add_func ("/ahci/hostile-states", test_hostile_states);
  g_test_add_func ("/ahci/hostile", test_hostile);
  g_test_add_func ("/ahci/disc", test_disc);
  g_test_add_func ("/ahci/plug", test_plug);
  result = g_test_run ();
  g_unlink (path);
  g_unlink (disc_path);
  g_rmdir (folder);
  g_free (path);
  g_free (disc_path);
  g_free (folder);
  return result;
}
