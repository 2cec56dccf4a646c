/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A disk on virtio: the registers, the ring, requests, and drivers that do all of it wrongly.
 */
#include "virtio-hostile.h"

#include "block/block-testing.h"
#include "virtio/blk.h"

#include <errno.h>
#include <glib/gstdio.h>

#define VERSION_1   VIRT_F_VERSION_1
#define DISK        (1u << 20)
#define HEADER      0x100000u
#define DATA        0x110000u
#define STATUS      0x120000u
#define INDIRECT    0x130000u
#define NOT_MEMORY  0xfee00000u
#define NEEDS_RESET 64

static Driver d;
static Device *disk;
static Block *image;
static char *folder, *path;

static void
open_image (const char *test, BlockFlags flags)
{
  const BlockConfig config = { .path = path, .format = "raw", .test = test, .flags = flags };
  g_autoptr (GError) error = NULL;

  image = block_open (&config, &error);
  g_assert_no_error (error);
}

static void
begin_with (const char *test, unsigned n_queues, BlockFlags flags)
{
  g_autoptr (GError) error = NULL;

  driver_open (&d);
  g_unlink (path);
  g_assert_true (block_image_create (path, "raw", DISK, &error));
  open_image (test, flags);
  const VirtBlockConfig config = { image, "SERIAL-1", n_queues };
  vm_lock (d.vm);
  disk = virt_block_new (d.vm, "disk0", pci_root_bus (d.root), DRIVER_DEVFN, &config, &error);
  g_assert_no_error (error);
  disk->klass->reset (disk);
  vm_unlock (d.vm);
  driver_map (&d);
}

static void
begin (void)
{
  begin_with (NULL, 1, BLOCK_READ_WRITE);
}

/* A request of three parts at descriptors 3n on, with data at DATA + 64 KiB n. */
static void
ask_at (unsigned queue, unsigned n, uint32_t type, uint64_t sector, uint32_t length)
{
  const uint64_t table = driver_queue (queue);
  const gboolean out = type == 1 || type == 11 || type == 13;
  const uint32_t start[2] = { type, 0 };

  memcpy (driver_ram (&d, HEADER + 16 * n), start, 8);
  memcpy (driver_ram (&d, HEADER + 16 * n + 8), &sector, 8);
  *driver_ram (&d, STATUS + n) = 0xee;
  driver_describe (&d, table, 3 * n, HEADER + 16 * n, 16, DESC_NEXT, length > 0 ? 3 * n + 1 : 3 * n + 2);
  driver_describe (&d, table, 3 * n + 1, DATA + 0x10000 * n, length, DESC_NEXT | (out ? 0 : DESC_WRITE),
                   3 * n + 2);
  driver_describe (&d, table, 3 * n + 2, STATUS + n, 1, DESC_WRITE, 0);
  driver_put (&d, queue, 3 * n);
}

static void
wait_used (unsigned queue, unsigned n)
{
  while (driver_used (&d, queue) != (uint16_t)n)
    g_main_context_iteration (NULL, TRUE);
}

/* Its status. */
static unsigned
ask (uint32_t type, uint64_t sector, uint32_t length)
{
  const unsigned before = driver_used (&d, 0);

  ask_at (0, 0, type, sector, length);
  driver_ring (&d, 0);
  wait_used (0, before + 1);
  return *driver_ram (&d, STATUS);
}

/* -- The device ------------------------------------------------------------------------------------- */

static void
test_identity (void)
{
  unsigned seen = 0;

  begin ();
  g_assert_cmphex (driver_config_read (&d, 0, 4), ==, 0x10011af4);
  g_assert_cmphex (driver_config_read (&d, PCI_SUBSYSTEM_ID, 2), ==, 2);
  for (unsigned at = driver_config_read (&d, PCI_CAPABILITY_LIST, 1); at != 0;
       at = driver_config_read (&d, at + 1, 1))
    if (driver_config_read (&d, at, 1) == 9)
      seen |= 1u << driver_config_read (&d, at + 3, 1);
  g_assert_cmphex (seen, ==, 0x3e); /* all five kinds */
  g_assert_cmpuint (driver_read (&d, DRIVER_N_QUEUES, 2), ==, 1);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG, 8), ==, DISK / 512);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 20, 4), ==, 512);
  g_assert_true ((driver_offered (&d) & VERSION_1) != 0);
  driver_close (&d);
}

static void
test_features (void)
{
  begin ();
  driver_features (&d, VERSION_1 | VIRT_F_INDIRECT);
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 11);
  /* What wasn't offered, and what no modern driver leaves out. */
  driver_features (&d, VERSION_1 | VIRT_FEATURE (60));
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 3);
  driver_features (&d, VIRT_F_INDIRECT);
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 3);
  /* Behind FEATURES_OK they stand. */
  driver_features (&d, VERSION_1);
  driver_write (&d, DRIVER_FEATURES_SELECT, 0, 4);
  driver_write (&d, DRIVER_FEATURES, 0xffffffff, 4);
  g_assert_cmphex (driver_read (&d, DRIVER_FEATURES, 4), ==, 0);
  driver_close (&d);
}

static void
test_requests (void)
{
  static const uint8_t serial[20] = "SERIAL-1";

  begin ();
  driver_start (&d, VERSION_1 | VIRT_FEATURE (9), 1);
  memset (driver_ram (&d, DATA), 0x5a, 4096);
  g_assert_cmpuint (ask (1, 8, 4096), ==, 0);
  g_assert_cmpuint (driver_used_length (&d, 0, 0), ==, 1);
  g_assert_true (d.level);
  g_assert_cmpuint (driver_read (&d, DRIVER_ISR, 1), ==, 1);
  g_assert_false (d.level);
  g_assert_cmpuint (ask (4, 0, 0), ==, 0);
  memset (driver_ram (&d, DATA), 0, 4096);
  g_assert_cmpuint (ask (0, 8, 4096), ==, 0);
  g_assert_cmpuint (driver_used_length (&d, 0, 2), ==, 4097);
  for (unsigned i = 0; i < 4096; i++)
    g_assert_cmphex (*driver_ram (&d, DATA + i), ==, 0x5a);
  g_assert_cmpuint (ask (8, 0, 20), ==, 0);
  g_assert_cmpmem (driver_ram (&d, DATA), 20, serial, 20);
  /* Behind the end, odd lengths, unknown kinds. */
  g_assert_cmpuint (ask (0, DISK / 512 - 1, 1024), ==, 1);
  g_assert_cmpuint (ask (0, UINT64_MAX, 512), ==, 1);
  g_assert_cmpuint (ask (1, UINT64_MAX / 512 + 1, 512), ==, 1);
  g_assert_cmpuint (ask (1, 0, 100), ==, 1);
  g_assert_cmpuint (ask (99, 0, 0), ==, 2);
  g_assert_cmpuint (ask (11, 0, 16), ==, 2); /* not negotiated */
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 15);
  driver_close (&d);
}

static void
test_zeroes (void)
{
  struct
  {
    uint64_t sector;
    uint32_t n, flags;
  } segment = { 8, 8, 0 };

  begin ();
  driver_start (&d, VERSION_1 | VIRT_FEATURE (13) | VIRT_FEATURE (14), 1);
  memset (driver_ram (&d, DATA), 0x5a, 8192);
  g_assert_cmpuint (ask (1, 8, 8192), ==, 0);
  memcpy (driver_ram (&d, DATA), &segment, 16);
  g_assert_cmpuint (ask (13, 0, 16), ==, 0);
  g_assert_cmpuint (ask (0, 8, 8192), ==, 0);
  for (unsigned i = 0; i < 8192; i++)
    g_assert_cmphex (*driver_ram (&d, DATA + i), ==, i < 4096 ? 0 : 0x5a);
  memcpy (driver_ram (&d, DATA), &segment, 16);
  g_assert_cmpuint (ask (11, 0, 16), ==, 0);
  segment.flags = 2;
  memcpy (driver_ram (&d, DATA), &segment, 16);
  g_assert_cmpuint (ask (13, 0, 16), ==, 2);
  segment.flags = 0;
  segment.n = 0xffffffff;
  memcpy (driver_ram (&d, DATA), &segment, 16);
  g_assert_cmpuint (ask (13, 0, 16), ==, 1);
  g_assert_cmpuint (ask (13, 0, 15), ==, 1);
  driver_close (&d);
}

static void
test_read_only (void)
{
  begin_with (NULL, 1, BLOCK_READ_ONLY);
  g_assert_true ((driver_offered (&d) & VIRT_FEATURE (5)) != 0);
  driver_start (&d, VERSION_1 | VIRT_FEATURE (5), 1);
  g_assert_cmpuint (ask (1, 0, 512), ==, 1);
  g_assert_cmpuint (ask (0, 0, 512), ==, 0);
  driver_close (&d);
}

/* Header, data and status in any pieces: VERSION_1 promises nothing of them. */
static void
test_layout (void)
{
  const uint64_t table = driver_queue (0);
  const uint32_t header[4] = { 1, 0, 3, 0 };

  begin ();
  driver_start (&d, VERSION_1, 1);
  memcpy (driver_ram (&d, HEADER), header, 16);
  memset (driver_ram (&d, HEADER + 16), 0x77, 512);
  *driver_ram (&d, STATUS) = 0xee;
  driver_describe (&d, table, 0, HEADER, 5, DESC_NEXT, 1);
  driver_describe (&d, table, 1, HEADER + 5, 111, DESC_NEXT, 2);
  driver_describe (&d, table, 2, HEADER + 116, 412, DESC_NEXT, 3);
  driver_describe (&d, table, 3, STATUS, 1, DESC_WRITE, 0);
  driver_put (&d, 0, 0);
  driver_ring (&d, 0);
  wait_used (0, 1);
  g_assert_cmpuint (*driver_ram (&d, STATUS), ==, 0);
  uint8_t sector[512];
  g_assert_true (block_read_sync (image, 3 * 512, sector, sizeof sector, NULL));
  for (unsigned i = 0; i < 512; i++)
    g_assert_cmphex (sector[i], ==, 0x77);
  driver_close (&d);
}

static void
test_indirect (void)
{
  const uint64_t table = driver_queue (0);
  const uint32_t header[4] = { 0, 0, 0, 0 };

  begin ();
  driver_start (&d, VERSION_1 | VIRT_F_INDIRECT, 1);
  memcpy (driver_ram (&d, HEADER), header, 16);
  *driver_ram (&d, STATUS) = 0xee;
  driver_describe (&d, INDIRECT, 0, HEADER, 16, DESC_NEXT, 2);
  driver_describe (&d, INDIRECT, 2, DATA, 512, DESC_NEXT | DESC_WRITE, 1);
  driver_describe (&d, INDIRECT, 1, STATUS, 1, DESC_WRITE, 0);
  driver_describe (&d, table, 7, INDIRECT, 48, DESC_INDIRECT, 0);
  driver_put (&d, 0, 7);
  driver_ring (&d, 0);
  wait_used (0, 1);
  g_assert_cmpuint (*driver_ram (&d, STATUS), ==, 0);
  g_assert_cmpuint (driver_used_head (&d, 0, 0), ==, 7);
  driver_close (&d);
}

/* An interrupt at the index that the driver names, and a bell where the device does. */
static void
test_event_index (void)
{
  uint16_t event = 2;

  begin ();
  if (d.packed)
    {
      g_test_skip ("packed rings have events of their own: virtio-packed");
      driver_close (&d);
      return;
    }
  driver_start (&d, VERSION_1 | VIRT_F_EVENT_INDEX, 1);
  memcpy (driver_ram (&d, driver_queue (0) + DRIVER_AVAIL + 4 + 2 * DRIVER_SIZE), &event, 2);
  for (unsigned i = 0; i < 4; i++)
    {
      uint16_t wanted;

      g_assert_cmpuint (ask (0, 0, 512), ==, 0);
      driver_pump ();
      /* The first one comes as there was none before; then the third alone. */
      g_assert_cmpuint (driver_read (&d, DRIVER_ISR, 1), ==, i == 0 || i == 2);
      memcpy (&wanted, driver_ram (&d, driver_queue (0) + DRIVER_USED + 4 + 8 * DRIVER_SIZE), 2);
      g_assert_cmpuint (wanted, ==, i + 1);
    }
  driver_close (&d);
}

static void
test_no_interrupt (void)
{
  const uint16_t flag = 1;

  begin ();
  if (d.packed)
    {
      g_test_skip ("packed rings have events of their own: virtio-packed");
      driver_close (&d);
      return;
    }
  driver_start (&d, VERSION_1, 1);
  memcpy (driver_ram (&d, driver_queue (0) + DRIVER_AVAIL), &flag, 2);
  g_assert_cmpuint (ask (0, 0, 512), ==, 0);
  driver_pump ();
  g_assert_false (d.level);
  driver_close (&d);
}

static void
test_queues (void)
{
  begin_with (NULL, 4, BLOCK_READ_WRITE);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 34, 2), ==, 4);
  driver_start (&d, VERSION_1 | VIRT_FEATURE (12), 4);
  for (unsigned i = 0; i < 4; i++)
    {
      memset (driver_ram (&d, DATA + 0x10000 * i), (int)i + 1, 512);
      ask_at (i, i, 1, i, 512);
      driver_ring (&d, i);
    }
  for (unsigned i = 0; i < 4; i++)
    {
      uint8_t sector[512];

      wait_used (i, 1);
      g_assert_cmpuint (*driver_ram (&d, STATUS + i), ==, 0);
      g_assert_true (block_read_sync (image, 512ull * i, sector, sizeof sector, NULL));
      g_assert_cmpuint (sector[511], ==, i + 1);
    }
  driver_close (&d);
}

static void
test_window (void)
{
  unsigned at;

  begin ();
  for (at = driver_config_read (&d, PCI_CAPABILITY_LIST, 1);
       driver_config_read (&d, at + 3, 1) != 5 || driver_config_read (&d, at, 1) != 9;)
    at = driver_config_read (&d, at + 1, 1);
  driver_config (&d, at + 4, 4, 1);
  driver_config (&d, at + 8, DRIVER_CONFIG, 4);
  driver_config (&d, at + 12, 4, 4);
  g_assert_cmpuint (driver_config_read (&d, at + 16, 4), ==, DISK / 512);
  driver_config (&d, at + 8, DRIVER_STATUS, 4);
  driver_config (&d, at + 12, 1, 4);
  driver_config (&d, at + 16, 3, 4);
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 3);
  g_assert_cmphex (driver_config_read (&d, at + 16, 1), ==, 3);
  /* Beside the BAR, of no such width, not aligned: nothing. */
  const uint32_t wrong[][3]
      = { { 4, 0x4000, 4 }, { 4, 0xffffffff, 1 }, { 4, 0, 3 }, { 4, 0, 0 }, { 4, 2, 4 }, { 9, 0, 4 } };
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      driver_config (&d, at + 4, wrong[i][0], 1);
      driver_config (&d, at + 8, wrong[i][1], 4);
      driver_config (&d, at + 12, wrong[i][2], 4);
      driver_config_read (&d, at + 16, 4);
      driver_config (&d, at + 16, 0, 4);
    }
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 3);
  driver_close (&d);
}

/* -- Legacy ------------------------------------------------------------------------------------------ */

static uint32_t
in (unsigned at, unsigned size)
{
  return (uint32_t)address_space_load (d.vm->ports, &d.ports, DRIVER_IO + at, size, FALSE);
}

static void
out (unsigned at, uint32_t value, unsigned size)
{
  address_space_store (d.vm->ports, &d.ports, DRIVER_IO + at, value, size, FALSE);
}

static void
test_legacy (void)
{
  const unsigned page = 0x200;
  const uint64_t table = (uint64_t)page << 12, available = table + 16 * 256;
  const uint64_t used = (available + 6 + 2 * 256 + 4095) & ~4095ull;
  const uint32_t header[4] = { 1, 0, 2, 0 };
  uint16_t index = 1;

  begin ();
  out (0x12, 3, 1);
  g_assert_cmphex (in (0, 4) & (1u << 28), !=, 0);
  g_assert_cmpuint (in (0x14, 4), ==, DISK / 512);
  out (4, 0, 4);
  out (0x0e, 0, 2);
  g_assert_cmpuint (in (0x0c, 2), ==, 256);
  out (8, page, 4);
  g_assert_cmpuint (in (8, 4), ==, page);
  out (0x12, 7, 1);
  memcpy (driver_ram (&d, HEADER), header, 16);
  memset (driver_ram (&d, DATA), 0x33, 512);
  driver_describe (&d, table, 0, HEADER, 16, DESC_NEXT, 1);
  driver_describe (&d, table, 1, DATA, 512, DESC_NEXT, 2);
  driver_describe (&d, table, 2, STATUS, 1, DESC_WRITE, 0);
  memcpy (driver_ram (&d, available + 2), &index, 2);
  *driver_ram (&d, STATUS) = 0xee;
  out (0x10, 0, 2);
  while (*driver_ram (&d, used + 2) != 1)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (*driver_ram (&d, STATUS), ==, 0);
  g_assert_cmpuint (in (0x13, 1), ==, 1);
  g_assert_cmpuint (in (0x13, 1), ==, 0);
  out (0x12, 0, 1);
  g_assert_cmpuint (in (8, 4), ==, 0);
  driver_close (&d);
}

/* -- Resets ------------------------------------------------------------------------------------------ */

/* The host is done with what it has, a little later. */
static gpointer
release (gpointer data)
{
  g_usleep (5000);
  while (block_faults_release (data, 0))
    ;
  return NULL;
}

/* What was on its way ends without a word to who comes next. */
static void
test_reset_in_flight (gconstpointer how)
{
  const int what = GPOINTER_TO_INT (how);

  begin_with ("", 1, BLOCK_READ_WRITE);
  BlockFaults *faults = block_get_faults (image);
  driver_start (&d, VERSION_1 | VIRT_F_RING_RESET, 1);
  memset (driver_ram (&d, DATA), 0xaa, 512);
  block_faults_hold (faults, TRUE);
  ask_at (0, 0, 0, 0, 512);
  driver_ring (&d, 0);
  driver_pump ();
  g_assert_cmpuint (block_faults_held (faults), ==, 1);
  block_faults_hold (faults, FALSE);
  GThread *host = g_thread_new ("host", release, faults);
  switch (what)
    {
    case 0:
      driver_write (&d, DRIVER_STATUS, 0, 1);
      g_assert_cmpuint (driver_read (&d, DRIVER_STATUS, 1), ==, 0);
      break;
    case 1:
      driver_write (&d, DRIVER_SELECT, 0, 2);
      driver_write (&d, DRIVER_QUEUE_RESET, 1, 2);
      g_assert_cmpuint (driver_read (&d, DRIVER_QUEUE_RESET, 2), ==, 0);
      g_assert_cmpuint (driver_read (&d, DRIVER_ENABLE, 2), ==, 0);
      break;
    case 2:
      vm_lock (d.vm);
      disk->klass->reset (disk);
      vm_unlock (d.vm);
      driver_map (&d);
      break;
    default: /* the bus master goes */
      driver_config (&d, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
      break;
    }
  /* From now on nobody else writes there. */
  g_thread_join (host);
  memset (driver_ram (&d, DATA), 0xbb, 512);
  memset (driver_ram (&d, driver_queue (0) + (d.packed ? DRIVER_RING : DRIVER_USED)), 0, 0x100);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 0), ==, 0);
  g_assert_cmphex (*driver_ram (&d, STATUS), ==, 0xee);
  g_assert_cmphex (*driver_ram (&d, DATA), ==, 0xbb);
  if (what < 3)
    {
      driver_start (&d, VERSION_1, 1);
      g_assert_cmpuint (ask (0, 0, 512), ==, 0);
      g_assert_cmpuint (*driver_ram (&d, DATA), ==, 0);
    }
  driver_close (&d);
}

/* A driver that writes its descriptors and its header anew while the device has them: what they said when they were taken counts. */
static void
test_changed (void)
{
  begin_with ("", 1, BLOCK_READ_WRITE);
  BlockFaults *faults = block_get_faults (image);
  uint8_t sector[512];

  driver_start (&d, VERSION_1, 1);
  memset (driver_ram (&d, DATA), 0xaa, 0x10000);
  block_faults_hold (faults, TRUE);
  ask_at (0, 0, 1, 3, 512);
  driver_ring (&d, 0);
  driver_pump ();
  g_assert_cmpuint (block_faults_held (faults), ==, 1);
  /* More, elsewhere, the other way, and another place on the disk. */
  driver_describe (&d, driver_queue (0), 1, DATA + 0x4000, 0x4000, DESC_NEXT | DESC_WRITE, 2);
  driver_describe (&d, driver_queue (0), 2, DATA + 0x8000, 16, DESC_WRITE, 0);
  memset (driver_ram (&d, HEADER), 0xff, 16);
  memset (driver_ram (&d, driver_queue (0) + (d.packed ? DRIVER_RING + 16 : DRIVER_AVAIL + 4)), 0xff, 12);
  block_faults_hold (faults, FALSE);
  while (block_faults_release (faults, 0))
    ;
  wait_used (0, 1);
  g_assert_cmphex (*driver_ram (&d, STATUS), ==, 0);
  for (unsigned i = 0; i < 0x10000; i++)
    g_assert_cmphex (*driver_ram (&d, DATA + i), ==, 0xaa);
  g_assert_true (block_read_sync (image, 3 * 512, sector, sizeof sector, NULL));
  for (unsigned i = 0; i < sizeof sector; i++)
    g_assert_cmphex (sector[i], ==, 0xaa);
  g_assert_true (block_read_sync (image, 4 * 512, sector, sizeof sector, NULL));
  g_assert_cmphex (sector[0], ==, 0);
  driver_close (&d);
}

static Device *
make_hostile (Driver *driver, GError **error)
{
  VirtBlockConfig config = { NULL, "SERIAL-1", 2 };

  g_unlink (path);
  g_assert_true (block_image_create (path, "raw", DISK, error));
  open_image (NULL, BLOCK_READ_WRITE);
  config.block = image;
  return virt_block_new (driver->vm, "disk0", pci_root_bus (driver->root), DRIVER_DEVFN, &config, error);
}

static const Hostile hostile = { make_hostile, 2, 0, NULL };

static void
test_hostile (void)
{
  hostile_chains (&hostile);
  hostile_rings (&hostile);
  hostile_shapes (&hostile);
  hostile_widths (&hostile);
}

/* -- Drivers that do it wrongly ---------------------------------------------------------------------- */

typedef struct
{
  const char *name;
  uint64_t address[4];
  uint32_t length[4];
  unsigned flags[4], next[4];
  unsigned head, jump;
} Wrong;

static const Wrong wrongs[] = {
  { "head", .head = DRIVER_SIZE },
  { "head-far", .head = 0xffff },
  { "loop", { HEADER, DATA }, { 16, 16 }, { DESC_NEXT, DESC_NEXT }, { 1, 0 } },
  { "self", { HEADER }, { 16 }, { DESC_NEXT }, { 0 } },
  { "next", { HEADER }, { 16 }, { DESC_NEXT }, { DRIVER_SIZE } },
  { "no-memory", { NOT_MEMORY }, { 16 }, { 0 }, { 0 } },
  { "registers", { DRIVER_BAR }, { 16 }, { DESC_WRITE }, { 0 } },
  { "end-of-memory", { DRIVER_RAM - 8 }, { 16 }, { 0 }, { 0 } },
  { "huge", { HEADER }, { 0xffffffff }, { 0 }, { 0 } },
  { "wraps", { UINT64_MAX - 7 }, { 16 }, { DESC_WRITE }, { 0 } },
  { "write-first", { STATUS, HEADER }, { 1, 16 }, { DESC_WRITE | DESC_NEXT, 0 }, { 1, 0 } },
  { "indirect-unasked", { INDIRECT }, { 16 }, { DESC_INDIRECT }, { 0 } },
  { "jump", { STATUS }, { 1 }, { DESC_WRITE }, { 0 }, .jump = DRIVER_SIZE + 1 },
  { "jump-far", { STATUS }, { 1 }, { DESC_WRITE }, { 0 }, .jump = 0x8000 },
};
static const Wrong wrong_tables[] = {
  { "length", { INDIRECT }, { 17 }, { DESC_INDIRECT }, { 0 } },
  { "empty", { INDIRECT }, { 0 }, { DESC_INDIRECT }, { 0 } },
  { "too-long", { INDIRECT }, { 16 * (VIRT_QUEUE_MAX + 1) }, { DESC_INDIRECT }, { 0 } },
  { "goes-on", { INDIRECT, STATUS }, { 16, 1 }, { DESC_INDIRECT | DESC_NEXT, DESC_WRITE }, { 1, 0 } },
  { "no-memory", { NOT_MEMORY }, { 32 }, { DESC_INDIRECT }, { 0 } },
  { "within", { 0 }, { 32 }, { DESC_INDIRECT }, { 0 } }, /* the table is the ring's own, which begins so */
};

static void
try_wrong (const Wrong *wrong, uint64_t features)
{
  begin ();
  if (d.packed)
    {
      g_test_skip ("packed rings have other ways to be wrong: virtio-packed");
      driver_close (&d);
      return;
    }
  driver_start (&d, VERSION_1 | features, 1);
  for (unsigned i = 0; i < 4; i++)
    driver_describe (&d, driver_queue (0), i,
                     g_str_equal (wrong->name, "within") ? driver_queue (0) : wrong->address[i],
                     wrong->length[i], wrong->flags[i], wrong->next[i]);
  driver_put (&d, 0, wrong->head);
  if (wrong->jump != 0)
    {
      const uint16_t index = (uint16_t)wrong->jump;
      memcpy (driver_ram (&d, driver_queue (0) + DRIVER_AVAIL + 2), &index, 2);
    }
  driver_ring (&d, 0);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 0), ==, 0);
  g_assert_true ((driver_read (&d, DRIVER_STATUS, 1) & NEEDS_RESET) != 0);
  g_assert_cmpuint (driver_read (&d, DRIVER_ISR, 1), ==, 2);
  driver_ring (&d, 0);
  driver_pump ();
  /* A reset, and all is well. */
  driver_start (&d, VERSION_1, 1);
  g_assert_cmpuint (ask (0, 0, 512), ==, 0);
  driver_close (&d);
}

static void
test_wrong (gconstpointer data)
{
  try_wrong (data, 0);
}

static void
test_wrong_table (gconstpointer data)
{
  try_wrong (data, VIRT_F_INDIRECT);
}

/* The rings themselves where there is no memory, or in registers: nothing happens. */
static void
test_wrong_rings (void)
{
  static const uint64_t places[]
      = { NOT_MEMORY, DRIVER_BAR, DRIVER_RAM - 2, UINT64_MAX - 1, 0xfffffffffffff000ull };

  for (unsigned part = 0; part < 3; part++)
    for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
      {
        begin ();
        driver_features (&d, VERSION_1 | VIRT_F_EVENT_INDEX);
        driver_start_queue (&d, 0);
        driver_write (&d, DRIVER_STATUS, 0, 1);
        driver_features (&d, VERSION_1 | VIRT_F_EVENT_INDEX);
        driver_write (&d, DRIVER_SELECT, 0, 2);
        driver_write (&d, DRIVER_QUEUE_SIZE, DRIVER_SIZE, 2);
        for (unsigned j = 0; j < 3; j++)
          {
            const uint64_t address = j == part ? places[i] : driver_queue (0) + 0x1000 * j;
            driver_write (&d, DRIVER_ADDRESSES + 8 * j, (uint32_t)address, 4);
            driver_write (&d, DRIVER_ADDRESSES + 8 * j + 4, (uint32_t)(address >> 32), 4);
          }
        driver_write (&d, DRIVER_ENABLE, 1, 2);
        driver_write (&d, DRIVER_STATUS, 15, 1);
        d.available[0] = 0;
        ask_at (0, 0, 0, 0, 512);
        driver_ring (&d, 0);
        for (unsigned turn = 0; turn < 20; turn++)
          {
            driver_pump ();
            g_usleep (500);
          }
        driver_close (&d);
      }
}

/* A request without a status, without a header, of a header alone. */
static void
test_short (void)
{
  begin ();
  driver_start (&d, VERSION_1, 1);
  driver_describe (&d, driver_queue (0), 0, HEADER, 16, 0, 0);
  driver_put (&d, 0, 0);
  driver_describe (&d, driver_queue (0), 1, STATUS, 1, DESC_WRITE, 0);
  driver_put (&d, 0, 1);
  driver_describe (&d, driver_queue (0), 2, HEADER, 7, DESC_NEXT, 3);
  driver_describe (&d, driver_queue (0), 3, STATUS + 1, 1, DESC_WRITE, 0);
  driver_put (&d, 0, 2);
  driver_ring (&d, 0);
  wait_used (0, 3);
  g_assert_cmpuint (driver_used_length (&d, 0, 0), ==, 0);
  g_assert_cmpuint (*driver_ram (&d, STATUS), ==, 1);
  g_assert_cmpuint (*driver_ram (&d, STATUS + 1), ==, 1);
  driver_close (&d);
}

/* The same head again and again, faster than it is done: no more than the ring has room for is taken. */
static void
test_flood (void)
{
  begin_with ("", 1, BLOCK_READ_WRITE);
  BlockFaults *faults = block_get_faults (image);
  driver_start (&d, VERSION_1, 1);
  block_faults_hold (faults, TRUE);
  for (unsigned i = 0; i < 600; i++)
    {
      ask_at (0, 0, 0, 0, 512);
      driver_ring (&d, 0);
      driver_pump ();
    }
  g_assert_cmpuint (block_faults_held (faults), <=, 256);
  block_faults_hold (faults, FALSE);
  GThread *host = g_thread_new ("host", release, faults);
  driver_write (&d, DRIVER_STATUS, 0, 1);
  g_thread_join (host);
  driver_pump ();
  driver_close (&d);
}

/* -- Saved --------------------------------------------------------------------------------------------- */

/* What the host had no room for is neither told nor lost: who loads the machine does it. */
static void
test_no_room (gconstpointer loaded)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  uint8_t sector[512];

  begin_with ("", 1, BLOCK_READ_WRITE);
  driver_start (&d, VERSION_1, 1);
  block_faults_fail (block_get_faults (image), BLOCK_OP_WRITE, ENOSPC, 1, 0);
  memset (driver_ram (&d, DATA), 0x5a, 512);
  ask_at (0, 0, 1, 5, 512);
  driver_ring (&d, 0);
  driver_pump ();
  vm_lock (d.vm);
  disk->klass->pause (disk);
  vm_unlock (d.vm);
  for (;;)
    {
      driver_pump ();
      vm_lock (d.vm);
      gboolean drained = disk->klass->drained (disk);
      vm_unlock (d.vm);
      if (drained)
        break;
    }
  g_assert_cmpuint (driver_used (&d, 0), ==, 0);
  g_assert_cmphex (*driver_ram (&d, STATUS), ==, 0xee);
  vm_lock (d.vm);
  state_save (disk->klass->state, disk, state);
  if (loaded)
    {
      disk->klass->reset (disk); /* nothing of it is left */
      g_assert_true (state_load (disk->klass->state, disk, state->data, state->len, &error));
      g_assert_true (disk->klass->post_load (disk, &error));
      g_assert_no_error (error);
    }
  disk->klass->resume (disk);
  vm_unlock (d.vm);
  wait_used (0, 1);
  g_assert_cmpuint (*driver_ram (&d, STATUS), ==, 0);
  g_assert_true (block_read_sync (image, 5 * 512, sector, sizeof sector, NULL));
  g_assert_cmphex (sector[0], ==, 0x5a);
  /* Once. */
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 0), ==, 1);
  g_assert_cmpuint (ask (0, 0, 512), ==, 0);
  driver_close (&d);
}

static void
test_saved_wrong (void)
{
  VirtDevice *virt;

  begin ();
  driver_start (&d, VERSION_1, 1);
  virt = (VirtDevice *)disk;
  for (unsigned i = 0; i < 4; i++)
    {
      g_autoptr (GByteArray) state = g_byte_array_new ();
      g_autoptr (GError) error = NULL;
      const VirtQueue before = virt->queues[0], other = virt->queues[5];
      const uint64_t features = virt->features;

      vm_lock (d.vm);
      if (i == 0)
        virt->queues[0].size = 3;
      else if (i == 1)
        virt->queues[0].size = 512;
      else if (i == 2)
        virt->queues[5].enabled = TRUE;
      else
        virt->features |= VIRT_FEATURE (60);
      state_save (disk->klass->state, disk, state);
      virt->queues[0].size = before.size;
      virt->queues[5].enabled = other.enabled;
      virt->features = features;
      g_assert_true (state_load (disk->klass->state, disk, state->data, state->len, &error));
      g_assert_false (disk->klass->post_load (disk, &error));
      g_assert_nonnull (error);
      virt->queues[0].size = before.size;
      virt->queues[5].enabled = other.enabled;
      virt->features = features;
      vm_unlock (d.vm);
    }
  driver_close (&d);
}

int
main (int argc, char **argv)
{
  static const char *const resets[] = { "device", "queue", "machine", "bus-master" };

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-virtio-XXXXXX", NULL);
  path = g_build_filename (folder, "disk.img", NULL);
  g_test_add_func ("/virtio-blk/identity", test_identity);
  g_test_add_func ("/virtio-blk/features", test_features);
  g_test_add_func ("/virtio-blk/requests", test_requests);
  g_test_add_func ("/virtio-blk/zeroes", test_zeroes);
  g_test_add_func ("/virtio-blk/read-only", test_read_only);
  g_test_add_func ("/virtio-blk/layout", test_layout);
  g_test_add_func ("/virtio-blk/indirect", test_indirect);
  g_test_add_func ("/virtio-blk/event-index", test_event_index);
  g_test_add_func ("/virtio-blk/no-interrupt", test_no_interrupt);
  g_test_add_func ("/virtio-blk/queues", test_queues);
  g_test_add_func ("/virtio-blk/window", test_window);
  g_test_add_func ("/virtio-blk/legacy", test_legacy);
  for (unsigned i = 0; i < G_N_ELEMENTS (resets); i++)
    {
      g_autofree char *name = g_strconcat ("/virtio-blk/in-flight/", resets[i], NULL);
      g_test_add_data_func (name, GINT_TO_POINTER (i), test_reset_in_flight);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (wrongs); i++)
    {
      g_autofree char *name = g_strconcat ("/virtio-blk/wrong/", wrongs[i].name, NULL);
      g_test_add_data_func (name, &wrongs[i], test_wrong);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong_tables); i++)
    {
      g_autofree char *name = g_strconcat ("/virtio-blk/wrong/table-", wrong_tables[i].name, NULL);
      g_test_add_data_func (name, &wrong_tables[i], test_wrong_table);
    }
  g_test_add_func ("/virtio-blk/wrong/rings", test_wrong_rings);
  g_test_add_func ("/virtio-blk/changed", test_changed);
  g_test_add_func ("/virtio-blk/hostile", test_hostile);
  g_test_add_func ("/virtio-blk/short", test_short);
  g_test_add_func ("/virtio-blk/flood", test_flood);
  g_test_add_data_func ("/virtio-blk/no-room/same", NULL, test_no_room);
  g_test_add_data_func ("/virtio-blk/no-room/loaded", "", test_no_room);
  g_test_add_func ("/virtio-blk/saved-wrong", test_saved_wrong);
  int status = g_test_run ();
  g_unlink (path);
  g_rmdir (folder);
  return status;
}
