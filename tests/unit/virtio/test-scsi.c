/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The virtio SCSI controller: commands, data, functions that end commands, and drivers that do all of it wrongly.
 */
#include "virtio-hostile.h"

#include "block/block-testing.h"
#include "core/big-endian.h"
#include "storage/scsi-command.h"
#include "virtio/scsi.h"

#include <errno.h>
#include <glib/gstdio.h>

#define DISK      (1u << 20)
#define BLOCKS    (DISK / 512)
#define HEADERS   0x100000u /* 256 bytes a request */
#define FOOTERS   0x104000u
#define DATA      0x110000u /* 64 KiB a request */
#define OUT_FIXED 51u       /* header and command, as drivers find the sizes */
#define IN_FIXED  108u
#define COMMANDS  2u /* the queue */

static Driver d;
static Device *device;
static Block *images[2];
static char *folder, *paths[2];
static const char *test_images;
static BlockFlags flags;

static Device *
make (Driver *driver, GError **error)
{
  Device *scsi = virt_scsi_new (driver->vm, "scsi", pci_root_bus (driver->root), DRIVER_DEVFN, 2, error);

  for (unsigned i = 0; i < 2; i++)
    {
      const BlockConfig config
          = { .path = paths[i], .format = "raw", .test = i == 0 ? test_images : NULL, .flags = flags };

      g_unlink (paths[i]);
      g_assert_true (block_image_create (paths[i], "raw", DISK, NULL));
      images[i] = block_open (&config, error);
      g_assert_nonnull (images[i]);
      g_assert_cmpint (virt_scsi_add_disk (scsi, images[i], i == 0 ? "SERIAL-1" : "SERIAL-2"), ==, i);
    }
  return scsi;
}

static const Hostile hostile = { make, 4, 0, NULL };

static void
begin_with (const char *test, BlockFlags how)
{
  test_images = test;
  flags = how;
  device = hostile_open (&d, &hostile);
  driver_start (&d, VIRT_F_VERSION_1, 4);
}

static void
begin (void)
{
  begin_with (NULL, BLOCK_READ_WRITE);
}

/* Command `n` (0 to 3) at descriptors 4n on. */
static void
ask_at (unsigned n, unsigned target, unsigned lun, const uint8_t *cdb, uint32_t n_out, uint32_t n_in)
{
  const uint64_t table = driver_queue (COMMANDS);
  uint8_t *header = driver_ram (&d, HEADERS + 256 * n);
  const uint64_t tag = 100 + n;
  unsigned at = 4 * n;

  memset (header, 0, OUT_FIXED);
  header[0] = 1;
  header[1] = (uint8_t)target;
  header[2] = 0x40;
  header[3] = (uint8_t)lun;
  memcpy (header + 8, &tag, 8);
  memcpy (header + 19, cdb, 16);
  memset (driver_ram (&d, FOOTERS + 256 * n), 0xee, IN_FIXED);
  driver_describe (&d, table, at, HEADERS + 256 * n, OUT_FIXED, DESC_NEXT, at + 1);
  at++;
  if (n_out > 0)
    {
      driver_describe (&d, table, at, DATA + 0x10000 * n, n_out, DESC_NEXT, at + 1);
      at++;
    }
  driver_describe (&d, table, at, FOOTERS + 256 * n, IN_FIXED, DESC_WRITE | (n_in > 0 ? DESC_NEXT : 0),
                   at + 1);
  if (n_in > 0)
    driver_describe (&d, table, at + 1, DATA + 0x10000 * n, n_in, DESC_WRITE, 0);
  driver_put (&d, COMMANDS, 4 * n);
}

static void
wait_used (unsigned queue, unsigned n)
{
  while (driver_used (&d, queue) != (uint16_t)n)
    g_main_context_iteration (NULL, TRUE);
}

static uint8_t *
footer (unsigned n)
{
  return driver_ram (&d, FOOTERS + 256 * n);
}

static uint32_t
residual (void)
{
  uint32_t value;

  memcpy (&value, footer (0) + 4, 4);
  return value;
}

/* Response << 8 | status. */
static unsigned
ask (unsigned target, const uint8_t *cdb, uint32_t n_out, uint32_t n_in)
{
  const unsigned before = driver_used (&d, COMMANDS);

  ask_at (0, target, 0, cdb, n_out, n_in);
  driver_ring (&d, COMMANDS);
  wait_used (COMMANDS, before + 1);
  return (unsigned)footer (0)[11] << 8 | footer (0)[10];
}

/* Of its last CHECK CONDITION: key, code, qualifier. */
static uint32_t
sense (void)
{
  const uint8_t *bytes = footer (0) + 12;

  return (uint32_t)(bytes[2] & 15) << 16 | (uint32_t)bytes[12] << 8 | bytes[13];
}

#define CDB(...) ((const uint8_t[16]){ __VA_ARGS__ })

static void
test_identity (void)
{
  uint8_t *data;

  begin ();
  data = driver_ram (&d, DATA);
  g_assert_cmphex (driver_config_read (&d, 0, 4), ==, 0x10041af4);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG, 4), ==, 2);
  g_assert_cmphex (ask (0, CDB (0x00), 0, 0), ==, 0);
  g_assert_cmphex (ask (0, CDB (0x12, 0, 0, 0, 96), 0, 96), ==, 0);
  g_assert_cmpint (memcmp (data + 8, "Vivarium", 8), ==, 0);
  g_assert_cmpuint (residual (), ==, 60);
  g_assert_cmphex (ask (1, CDB (0x12, 1, 0x80, 0, 96), 0, 96), ==, 0);
  g_assert_cmpint (memcmp (data + 4, "SERIAL-2", 8), ==, 0);
  /* Each page that it says to have, at each length. */
  g_assert_cmphex (ask (0, CDB (0x12, 1, 0, 0, 96), 0, 96), ==, 0);
  const unsigned n = data[3];
  for (unsigned i = 0; i < n; i++)
    for (unsigned length = 0; length < 70; length++)
      {
        ask (0, CDB (0x12, 1, 0, 0, 96), 0, 96);
        const uint8_t page = data[4 + i];
        memset (data, 0xcc, 128);
        g_assert_cmphex (ask (0, CDB (0x12, 1, page, 0, (uint8_t)length), 0, 128), ==, 0);
        g_assert_cmphex (data[length], ==, 0xcc);
      }
  g_assert_cmphex (ask (0, CDB (0x12, 1, 0x99, 0, 96), 0, 96), ==, 2);
  g_assert_cmphex (sense (), ==, 0x052400);
  g_assert_cmphex (ask (0, CDB (0x25), 0, 8), ==, 0);
  g_assert_cmpuint (get_be32 (data), ==, BLOCKS - 1);
  g_assert_cmpuint (get_be32 (data + 4), ==, 512);
  g_assert_cmphex (ask (0, CDB (0x9e, 0x10, [13] = 32), 0, 32), ==, 0);
  g_assert_cmpuint (get_be32 (data + 4), ==, BLOCKS - 1);
  g_assert_cmphex (ask (0, CDB (0xa0, [9] = 64), 0, 64), ==, 0);
  g_assert_cmpuint (get_be32 (data), ==, 8);
  for (unsigned page = 0; page < 0x40; page++)
    ask (0, CDB (0x1a, 0, (uint8_t)page, 0, 255), 0, 255);
  g_assert_cmphex (ask (0, CDB (0x1a, 0, 0x08, 0, 255), 0, 255), ==, 0);
  g_assert_cmphex (data[4 + 2] & 4, ==, 4);
  g_assert_cmphex (ask (0, CDB (0x5a, 0, 0x3f, 0, [8] = 255), 0, 255), ==, 0);
  g_assert_cmphex (ask (0, CDB (0xc3), 0, 0), ==, 2);
  g_assert_cmphex (sense (), ==, 0x052000);
  driver_close (&d);
}

static void
test_addresses (void)
{
  begin ();
  /* No such target; no such unit of one that is there; an address of another kind. */
  g_assert_cmphex (ask (2, CDB (0x00), 0, 0) >> 8, ==, 3);
  g_assert_cmphex (ask (255, CDB (0x00), 0, 0) >> 8, ==, 3);
  ask_at (0, 0, 1, CDB (0x00), 0, 0);
  driver_ring (&d, COMMANDS);
  wait_used (COMMANDS, 3);
  g_assert_cmphex (sense (), ==, 0x052500);
  ask_at (0, 0, 1, CDB (0x12, 0, 0, 0, 36), 0, 36);
  driver_ring (&d, COMMANDS);
  wait_used (COMMANDS, 4);
  g_assert_cmphex (*driver_ram (&d, DATA), ==, 0x7f);
  ask_at (0, 0, 0, CDB (0x00), 0, 0);
  *driver_ram (&d, HEADERS) = 0xc1;
  driver_ring (&d, COMMANDS);
  wait_used (COMMANDS, 5);
  g_assert_cmpuint (footer (0)[11], ==, 3);
  driver_close (&d);
}

static void
test_data (void)
{
  /* READ and WRITE of each length, at block 5, two blocks. */
  static const uint8_t writes[][16] = { { 0x0a, 0, 0, 5, 2 },
                                        { 0x2a, 0, 0, 0, 0, 5, 0, 0, 2 },
                                        { 0xaa, 0, 0, 0, 0, 5, 0, 0, 0, 2 },
                                        { 0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2 } };
  static const uint8_t reads[][16] = { { 0x08, 0, 0, 5, 2 },
                                       { 0x28, 0, 0, 0, 0, 5, 0, 0, 2 },
                                       { 0xa8, 0, 0, 0, 0, 5, 0, 0, 0, 2 },
                                       { 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2 } };
  BlockStats stats;
  uint8_t sector[512];

  begin ();
  for (unsigned i = 0; i < 4; i++)
    {
      memset (driver_ram (&d, DATA), 0x10 + i, 1024);
      g_assert_cmphex (ask (1, writes[i], 1024, 0), ==, 0);
      g_assert_cmpuint (residual (), ==, 0);
      memset (driver_ram (&d, DATA), 0xee, 2048);
      g_assert_cmphex (ask (1, reads[i], 0, 2048), ==, 0);
      g_assert_cmpuint (residual (), ==, 1024);
      g_assert_cmphex (*driver_ram (&d, DATA + 1023), ==, 0x10 + i);
      g_assert_cmphex (*driver_ram (&d, DATA + 1024), ==, 0xee);
      g_assert_true (block_read_sync (images[1], 6 * 512, sector, sizeof sector, NULL));
      g_assert_cmphex (sector[511], ==, 0x10 + i);
    }
  /* The last wrote through. */
  block_get_stats (images[1], &stats);
  g_assert_cmpuint (stats.flushes, ==, 1);
  block_get_stats (images[0], &stats);
  g_assert_cmpuint (stats.writes, ==, 0);
  g_assert_cmphex (ask (1, CDB (0x35), 0, 0), ==, 0);
  block_get_stats (images[1], &stats);
  g_assert_cmpuint (stats.flushes, ==, 2);
  /* At the end, over it, of nothing, of more than the buffers have. */
  g_assert_cmphex (ask (0, CDB (0x28, 0, 0, 0, (BLOCKS - 1) >> 8, (BLOCKS - 1) & 0xff, 0, 0, 1), 0, 512), ==,
                   0);
  g_assert_cmphex (ask (0, CDB (0x28, 0, 0, 0, (BLOCKS - 1) >> 8, (BLOCKS - 1) & 0xff, 0, 0, 2), 0, 1024), ==,
                   2);
  g_assert_cmphex (sense (), ==, 0x052100);
  g_assert_cmphex (
      ask (0, CDB (0x88, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2), 0, 1024), ==, 2);
  g_assert_cmphex (ask (0, CDB (0x28), 0, 0), ==, 0);
  g_assert_cmphex (ask (0, CDB (0x28, [8] = 2), 0, 1000) >> 8, ==, 1);
  g_assert_cmphex (ask (0, CDB (0x2a, [8] = 2), 1000, 0) >> 8, ==, 1);
  driver_close (&d);
}

static void
test_zeroes (void)
{
  uint8_t *data, sector[512];

  begin ();
  data = driver_ram (&d, DATA);
  memset (data, 0x77, 4096);
  g_assert_cmphex (ask (0, CDB (0x2a, [8] = 8), 4096, 0), ==, 0);
  memset (data, 0, 512);
  g_assert_cmphex (ask (0, CDB (0x93, 8, [13] = 4), 512, 0), ==, 0);
  g_assert_true (block_read_sync (images[0], 3 * 512, sector, sizeof sector, NULL));
  g_assert_cmphex (sector[0], ==, 0);
  g_assert_true (block_read_sync (images[0], 4 * 512, sector, sizeof sector, NULL));
  g_assert_cmphex (sector[0], ==, 0x77);
  /* Anything but zeroes, or nothing. */
  data[511] = 1;
  g_assert_cmphex (ask (0, CDB (0x41, 0, [8] = 4), 512, 0), ==, 2);
  g_assert_cmphex (ask (0, CDB (0x41, 0, [8] = 4), 0, 0), ==, 2);
  g_assert_cmphex (ask (0, CDB (0x93, 1, [9] = 4, [13] = 1), 0, 0), ==, 0);
  g_assert_true (block_read_sync (images[0], 4 * 512, sector, sizeof sector, NULL));
  g_assert_cmphex (sector[0], ==, 0);
  /* UNMAP, whole, cut at each byte, and of too much. */
  memset (data, 0, 64);
  put_be16 (data, 22);
  put_be16 (data + 2, 16);
  put_be32 (data + 12, 8);
  put_be32 (data + 16, 16);
  g_assert_cmphex (ask (0, CDB (0x42, [8] = 24), 24, 0), ==, 0);
  for (unsigned length = 1; length < 24; length++)
    g_assert_cmphex (ask (0, CDB (0x42, [8] = 24), length, 0), ==, 2);
  g_assert_cmphex (ask (0, CDB (0x42), 0, 0), ==, 0);
  put_be32 (data + 12, BLOCKS - 8);
  g_assert_cmphex (ask (0, CDB (0x42, [8] = 24), 24, 0), ==, 2);
  put_be32 (data + 8, UINT32_MAX);
  put_be32 (data + 16, UINT32_MAX);
  g_assert_cmphex (ask (0, CDB (0x42, [8] = 24), 24, 0), ==, 2);
  put_be16 (data + 2, 32);
  g_assert_cmphex (ask (0, CDB (0x42, [8] = 40), 40, 0), ==, 2);
  driver_close (&d);
}

static void
test_read_only (void)
{
  begin ();
  driver_close (&d);
  test_images = NULL;
  flags = BLOCK_READ_ONLY;
  device = hostile_open (&d, &hostile);
  driver_start (&d, VIRT_F_VERSION_1, 4);
  g_assert_cmphex (ask (0, CDB (0x2a, [8] = 1), 512, 0), ==, 2);
  g_assert_cmphex (sense (), ==, 0x072700);
  g_assert_cmphex (ask (0, CDB (0x93, 1, [13] = 1), 0, 0), ==, 2);
  g_assert_cmphex (ask (0, CDB (0x1a, 0, 8, 0, 255), 0, 255), ==, 0);
  g_assert_cmphex (driver_ram (&d, DATA)[2] & 0x80, ==, 0x80);
  driver_close (&d);
}

static void
test_failed (void)
{
  begin_with ("", BLOCK_READ_WRITE);
  block_faults_fail (block_get_faults (images[0]), BLOCK_OP_READ, EIO, 1, 0);
  g_assert_cmphex (ask (0, CDB (0x28, [8] = 1), 0, 512), ==, 2);
  g_assert_cmphex (sense (), ==, 0x031100);
  driver_close (&d);
}

/* -- Functions ---------------------------------------------------------------------------------------- */

/* The n-th of those that are on their way together. */
static void
function_at (unsigned n, uint32_t what, unsigned target, uint64_t tag)
{
  const uint64_t header = HEADERS + 0x2000 + 64 * n, answer = FOOTERS + 0x2000 + n;
  uint8_t *bytes = driver_ram (&d, header);

  memset (bytes, 0, 24);
  memcpy (bytes + 4, &what, 4);
  bytes[8] = 1;
  bytes[9] = (uint8_t)target;
  memcpy (bytes + 16, &tag, 8);
  *driver_ram (&d, answer) = 0xee;
  driver_describe (&d, driver_queue (0), 2 * n, header, 24, DESC_NEXT, 2 * n + 1);
  driver_describe (&d, driver_queue (0), 2 * n + 1, answer, 1, DESC_WRITE, 0);
  driver_put (&d, 0, 2 * n);
  driver_ring (&d, 0);
  driver_pump ();
}

static void
function (uint32_t what, unsigned target, uint64_t tag)
{
  function_at (0, what, target, tag);
}

static unsigned
functions_answer (void)
{
  return *driver_ram (&d, FOOTERS + 0x2000);
}

static gpointer
release (gpointer data)
{
  while (block_faults_release (data, 0))
    ;
  return NULL;
}

/* Two commands are on their way; the first of them is ended, or both. */
static void
test_abort (gconstpointer what)
{
  const unsigned how = GPOINTER_TO_UINT (what);

  begin_with ("", BLOCK_READ_WRITE);
  BlockFaults *faults = block_get_faults (images[0]);
  block_faults_hold (faults, TRUE);
  ask_at (0, 0, 0, CDB (0x28, [8] = 1), 0, 512);
  ask_at (1, 0, 0, CDB (0x28, [5] = 8, [8] = 1), 0, 512);
  driver_ring (&d, COMMANDS);
  driver_pump ();
  g_assert_cmpuint (block_faults_held (faults), ==, 2);
  /* Of others nothing ends, and what is asked for is known. */
  function (how, 1, 100);
  g_assert_cmpuint (functions_answer (), ==, 0);
  function (0, 0, 999);
  g_assert_cmpuint (functions_answer (), ==, 0);
  function (6, 0, 100);
  g_assert_cmpuint (functions_answer (), ==, 10);
  function (6, 0, 999);
  g_assert_cmpuint (functions_answer (), ==, 0);
  g_assert_cmpuint (driver_used (&d, 0), ==, 4);
  function (how, 0, 100);
  g_assert_cmpuint (driver_used (&d, 0), ==, 4);
  g_assert_cmpuint (functions_answer (), ==, 0xee);
  block_faults_hold (faults, FALSE);
  release (faults);
  wait_used (COMMANDS, 2);
  wait_used (0, 5);
  g_assert_cmpuint (functions_answer (), ==, 0);
  g_assert_cmpuint (footer (0)[11], ==, how == 5 || how == 4 ? 4 : 2);
  g_assert_cmpuint (footer (1)[11], ==, how == 0 ? 0 : how == 5 || how == 4 ? 4 : 2);
  /* Behind a reset the next command hears of it, once. */
  if (how == 5 || how == 4)
    {
      g_assert_cmphex (ask (0, CDB (0x00), 0, 0), ==, 2);
      g_assert_cmphex (sense (), ==, 0x062900);
    }
  g_assert_cmphex (ask (0, CDB (0x00), 0, 0), ==, 0);
  driver_close (&d);
}

/* A second function for the same command waits as well; a reset of the device in between answers neither. */
static void
test_abort_twice (gconstpointer reset)
{
  begin_with ("", BLOCK_READ_WRITE);
  BlockFaults *faults = block_get_faults (images[0]);
  block_faults_hold (faults, TRUE);
  ask_at (0, 0, 0, CDB (0x28, [8] = 1), 0, 512);
  driver_ring (&d, COMMANDS);
  driver_pump ();
  function_at (0, 0, 0, 100);
  function_at (1, 5, 0, 100);
  g_assert_cmpuint (driver_used (&d, 0), ==, 0);
  block_faults_hold (faults, FALSE);
  GThread *host = g_thread_new ("host", release, faults);
  if (reset != NULL)
    {
      driver_start (&d, VIRT_F_VERSION_1, 4);
      g_thread_join (host);
      driver_pump ();
      g_assert_cmpuint (driver_used (&d, 0), ==, 0);
      g_assert_cmpuint (driver_used (&d, COMMANDS), ==, 0);
      g_assert_cmphex (ask (0, CDB (0x28, [8] = 1), 0, 512) >> 8, ==, 0);
    }
  else
    {
      g_thread_join (host);
      wait_used (0, 2);
      g_assert_cmpuint (driver_used (&d, COMMANDS), ==, 1);
    }
  driver_close (&d);
}

static void
test_wrong_functions (void)
{
  begin ();
  function (2, 0, 0);
  g_assert_cmpuint (functions_answer (), ==, 0);
  function (77, 0, 0);
  g_assert_cmpuint (functions_answer (), ==, 11);
  function (5, 9, 0);
  g_assert_cmpuint (functions_answer (), ==, 3);
  for (unsigned length = 1; length < 24; length++)
    {
      driver_describe (&d, driver_queue (0), 0, HEADERS + 0x2000, length, DESC_NEXT, 1);
      driver_put (&d, 0, 0);
      driver_ring (&d, 0);
      driver_pump ();
      g_assert_cmpuint (functions_answer (), ==, 9);
    }
  /* Subscribing to events: there are none. */
  *driver_ram (&d, HEADERS + 0x2000) = 2;
  driver_describe (&d, driver_queue (0), 0, HEADERS + 0x2000, 16, DESC_NEXT, 1);
  driver_describe (&d, driver_queue (0), 1, FOOTERS + 0x2000, 5, DESC_WRITE, 0);
  driver_put (&d, 0, 0);
  driver_ring (&d, 0);
  driver_pump ();
  g_assert_cmpuint (*driver_ram (&d, FOOTERS + 0x2004), ==, 0);
  driver_close (&d);
}

/* -- Drivers that do it wrongly ------------------------------------------------------------------------- */

/* The sizes that the driver may set, as it likes; buffers of each length. */
static void
test_sizes (void)
{
  static const uint32_t sizes[] = { 0, 1, 16, 32, 96, 255, 4096, 0x7fffffff, UINT32_MAX };

  begin ();
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (unsigned j = 0; j < G_N_ELEMENTS (sizes); j++)
      {
        driver_write (&d, DRIVER_CONFIG + 20, sizes[i], 4);
        driver_write (&d, DRIVER_CONFIG + 24, sizes[j], 4);
        ask (0, CDB (0x12, 0, 0, 0, 96), 0, 96);
        ask (0, CDB (0xc3), 100, 0);
      }
  driver_write (&d, DRIVER_STATUS, 0, 1);
  driver_close (&d);
  begin ();
  for (unsigned out = 1; out < OUT_FIXED + 2; out++)
    for (unsigned in = 1; in < IN_FIXED + 2; in += 7)
      {
        const unsigned before = driver_used (&d, COMMANDS);

        ask_at (0, 0, 0, CDB (0x00), 0, 0);
        driver_describe (&d, driver_queue (COMMANDS), 0, HEADERS, out, DESC_NEXT, 1);
        driver_describe (&d, driver_queue (COMMANDS), 1, FOOTERS, in, DESC_WRITE, 0);
        driver_ring (&d, COMMANDS);
        wait_used (COMMANDS, before + 1);
      }
  driver_close (&d);
}

/* Each command with parameters of each kind: the unit answers or refuses, and never says more than there is room for. */
static void
test_all_commands (void)
{
  ScsiUnit unit = { .serial = "x", .n_blocks = 100 };
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  uint8_t cdb[SCSI_CDB_SIZE], parameters[SCSI_PARAMETERS_SIZE];
  ScsiTask task;

  for (unsigned i = 0; i < 60000; i++)
    {
      for (unsigned j = 0; j < sizeof cdb; j++)
        cdb[j] = g_rand_int (random) & 1 ? 0 : (uint8_t)g_rand_int (random);
      cdb[0] = (uint8_t)i;
      for (unsigned j = 0; j < 40; j++)
        parameters[j] = g_rand_int (random) & 1 ? 0 : (uint8_t)g_rand_int (random);
      unit.absent = i % 7 == 0;
      unit.readonly = i % 5 == 0;
      scsi_command (&unit, cdb, parameters, i % 40, &task);
      g_assert_cmpuint (task.answer_length, <=, SCSI_ANSWER_SIZE);
      if (task.action == SCSI_READ || task.action == SCSI_WRITE || task.action == SCSI_DISCARD
          || task.action == SCSI_ZEROES)
        {
          g_assert_cmpuint (task.n, >, 0);
          g_assert_cmpuint (task.lba + task.n, <=, 100);
        }
      g_assert_true (!unit.readonly || (task.action != SCSI_WRITE && task.action != SCSI_ZEROES));
    }
}

/* What the host had no room for is neither told nor lost, nor is the function that is to end it. */
static void
test_no_room (gconstpointer loaded)
{
  gboolean drained = FALSE;
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  begin_with ("", BLOCK_READ_WRITE);
  block_faults_fail (block_get_faults (images[0]), BLOCK_OP_WRITE, ENOSPC, 1, 0);
  ask_at (0, 0, 0, CDB (0x2a, [8] = 1), 512, 0);
  driver_ring (&d, COMMANDS);
  driver_pump ();
  while (footer (0)[11] == 0xee && !drained)
    {
      driver_pump ();
      vm_lock (d.vm);
      drained = device->klass->drained (device);
      vm_unlock (d.vm);
    }
  function (0, 0, 100);
  g_assert_cmpuint (driver_used (&d, 0), ==, 0);
  vm_lock (d.vm);
  device->klass->pause (device);
  state_save (device->klass->state, device, state);
  if (loaded != NULL)
    {
      device->klass->reset (device);
      g_assert_true (state_load (device->klass->state, device, state->data, state->len, &error));
      g_assert_true (device->klass->post_load (device, &error));
      g_assert_no_error (error);
    }
  device->klass->resume (device);
  vm_unlock (d.vm);
  wait_used (COMMANDS, 1);
  wait_used (0, 1);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, COMMANDS), ==, 1);
  g_assert_cmpuint (driver_used (&d, 0), ==, 1);
  g_assert_cmphex (ask (0, CDB (0x00), 0, 0), ==, 0);
  driver_close (&d);
}

static void
test_hostile (void)
{
  test_images = NULL;
  flags = BLOCK_READ_WRITE;
  hostile_chains (&hostile);
  hostile_rings (&hostile);
  hostile_shapes (&hostile);
  hostile_widths (&hostile);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    unsigned function;
  } ends[] = { { "task", 0 }, { "task-set", 1 }, { "nexus", 4 }, { "unit", 5 } };

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-scsi-XXXXXX", NULL);
  paths[0] = g_build_filename (folder, "a.img", NULL);
  paths[1] = g_build_filename (folder, "b.img", NULL);
  g_test_add_func ("/virtio-scsi/identity", test_identity);
  g_test_add_func ("/virtio-scsi/addresses", test_addresses);
  g_test_add_func ("/virtio-scsi/data", test_data);
  g_test_add_func ("/virtio-scsi/zeroes", test_zeroes);
  g_test_add_func ("/virtio-scsi/read-only", test_read_only);
  g_test_add_func ("/virtio-scsi/failed", test_failed);
  for (unsigned i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_autofree char *name = g_strconcat ("/virtio-scsi/abort/", ends[i].name, NULL);
      g_test_add_data_func (name, GUINT_TO_POINTER (ends[i].function), test_abort);
    }
  g_test_add_data_func ("/virtio-scsi/abort-twice", NULL, test_abort_twice);
  g_test_add_data_func ("/virtio-scsi/abort-twice/reset", "", test_abort_twice);
  g_test_add_func ("/virtio-scsi/wrong-functions", test_wrong_functions);
  g_test_add_func ("/virtio-scsi/sizes", test_sizes);
  g_test_add_func ("/virtio-scsi/all-commands", test_all_commands);
  g_test_add_data_func ("/virtio-scsi/no-room/same", NULL, test_no_room);
  g_test_add_data_func ("/virtio-scsi/no-room/loaded", "", test_no_room);
  g_test_add_func ("/virtio-scsi/hostile", test_hostile);
  int status = g_test_run ();
  g_unlink (paths[0]);
  g_unlink (paths[1]);
  g_rmdir (folder);
  return status;
}
