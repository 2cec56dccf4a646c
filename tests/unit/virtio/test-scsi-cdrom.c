/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * CD-ROM drives of the virtio SCSI controller: commands, discs that come and go, trays, and what the guest hears of them.
 */
#include "virtio-hostile.h"

#include "block/block-testing.h"
#include "core/big-endian.h"
#include "storage/scsi-command.h"
#include "virtio/scsi.h"

#include <gio/gio.h>
#include <glib/gstdio.h>

#define SECTORS   64u
#define HEADERS   0x100000u
#define FOOTERS   0x104000u
#define DATA      0x110000u
#define EVENTS    0x108000u
#define OUT_FIXED 51u
#define IN_FIXED  108u
#define EVENT     1u /* queues */
#define COMMANDS  2u
#define F_CHANGE  VIRT_FEATURE (2)

static Driver d;
static Device *device;
static char *folder, *paths[2];
static const char *test_image;
static gboolean empty;
static unsigned n_moves;

static Block *
open_disc (unsigned which, const char *test)
{
  const BlockConfig config
      = { .path = paths[which], .format = "raw", .test = test, .flags = BLOCK_READ_ONLY | BLOCK_SHARED_READ };
  Block *block = block_open (&config, NULL);

  g_assert_nonnull (block);
  return block;
}

static void
on_tray (void *opaque)
{
  n_moves++;
}

static Device *
make (Driver *driver, GError **error)
{
  Device *scsi = virt_scsi_new (driver->vm, "scsi", pci_root_bus (driver->root), DRIVER_DEVFN, 1, error);

  g_assert_cmpint (virt_scsi_add_cdrom (scsi, empty ? NULL : open_disc (0, test_image), "VIV-cdrom0"), ==, 0);
  virt_scsi_set_tray_func (scsi, on_tray, NULL);
  return scsi;
}

static const Hostile hostile = { make, 3, F_CHANGE, NULL };

static void
begin (void)
{
  n_moves = 0;
  device = hostile_open (&d, &hostile);
  driver_start (&d, VIRT_F_VERSION_1 | F_CHANGE, 3);
}

static void
put (const uint8_t *cdb, uint32_t n_out, uint32_t n_in)
{
  const uint64_t table = driver_queue (COMMANDS);
  uint8_t *header = driver_ram (&d, HEADERS);
  unsigned at = 0;

  memset (header, 0, OUT_FIXED);
  header[0] = 1;
  header[2] = 0x40;
  memcpy (header + 19, cdb, 16);
  memset (driver_ram (&d, FOOTERS), 0xee, IN_FIXED);
  driver_describe (&d, table, at++, HEADERS, OUT_FIXED, DESC_NEXT, 1);
  if (n_out > 0)
    {
      driver_describe (&d, table, at, DATA, n_out, DESC_NEXT, at + 1);
      at++;
    }
  driver_describe (&d, table, at, FOOTERS, IN_FIXED, DESC_WRITE | (n_in > 0 ? DESC_NEXT : 0), at + 1);
  if (n_in > 0)
    driver_describe (&d, table, at + 1, DATA, n_in, DESC_WRITE, 0);
  driver_put (&d, COMMANDS, 0);
  driver_ring (&d, COMMANDS);
}

/* 0: GOOD; else the sense of a CHECK CONDITION: key, code, qualifier. */
static uint32_t
ask (const uint8_t *cdb, uint32_t n_out, uint32_t n_in)
{
  const uint16_t before = driver_used (&d, COMMANDS);
  const uint8_t *footer = driver_ram (&d, FOOTERS);

  put (cdb, n_out, n_in);
  while (driver_used (&d, COMMANDS) == before)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (footer[11], ==, 0);
  if (footer[10] == 0)
    return 0;
  g_assert_cmpuint (footer[10], ==, 2);
  return (uint32_t)(footer[14] & 15) << 16 | (uint32_t)footer[24] << 8 | footer[25];
}

#define CDB(...)        ((const uint8_t[16]){ __VA_ARGS__ })
#define TEST_UNIT_READY CDB (0)
#define READ(lba, n)    CDB (0x28, 0, 0, 0, 0, lba, 0, 0, n)
#define EJECT           CDB (0x1b, 0, 0, 0, 2)
#define DRAW_IN         CDB (0x1b, 0, 0, 0, 3)
#define LOCK            CDB (0x1e, 0, 0, 0, 1)
#define UNLOCK          CDB (0x1e, 0, 0, 0, 0)
#define NO_MEDIUM       0x023a01u
#define TRAY_OPEN       0x023a02u
#define CHANGED         0x062800u

static void
change (Block *block, gboolean force, gboolean expected)
{
  Block *old = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (virt_scsi_change_media (device, 0, block, force, &old, &error), ==, expected);
  if (!expected)
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
      old = block;
    }
  if (old != NULL)
    block_close (old);
}

static void
assert_sector (uint32_t at, unsigned disc, unsigned sector)
{
  for (unsigned i = 0; i < 2048; i++)
    g_assert_cmphex (*driver_ram (&d, DATA + at + i), ==, (uint8_t)(sector * 3 + 100 * disc + 1));
}

static void
test_commands (void)
{
  uint8_t *data;

  begin ();
  data = driver_ram (&d, DATA);
  g_assert_cmphex (ask (CDB (0x12, 0, 0, 0, 96), 0, 96), ==, 0);
  g_assert_cmpuint (data[0], ==, 5);
  g_assert_cmpuint (data[1], ==, 0x80);
  g_assert_cmphex (ask (TEST_UNIT_READY, 0, 0), ==, 0);
  g_assert_cmphex (ask (CDB (0x25), 0, 8), ==, 0);
  g_assert_cmpuint (get_be32 (data), ==, SECTORS - 1);
  g_assert_cmpuint (get_be32 (data + 4), ==, 2048);
  g_assert_cmphex (ask (READ (5, 3), 0, 3 * 2048), ==, 0);
  for (unsigned i = 0; i < 3; i++)
    assert_sector (i * 2048, 0, 5 + i);
  g_assert_cmphex (ask (READ (SECTORS - 1, 1), 0, 2048), ==, 0);
  assert_sector (0, 0, SECTORS - 1);
  g_assert_cmphex (ask (READ (SECTORS - 1, 2), 0, 4096), ==, 0x052100);
  g_assert_cmphex (ask (CDB (0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0x10), 0, 2048), ==, 0);
  assert_sector (0, 0, 7);
  g_assert_cmphex (ask (CDB (0xbe, 0, 0, 0, 0, 7, 0, 0, 1, 0xf8), 0, 2352), ==, 0x052400); /* raw */
  g_assert_cmphex (ask (CDB (0x43, 0, 0, 0, 0, 0, 0, 0, 20), 0, 20), ==, 0);
  g_assert_cmpuint (get_be32 (data + 16), ==, SECTORS);
  g_assert_cmphex (ask (CDB (0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16), 0, 16), ==, 0);
  g_assert_cmpuint (get_be32 (data), ==, 8);
  g_assert_cmphex (ask (CDB (0x2a, 0, 0, 0, 0, 0, 0, 0, 1), 2048, 0), ==, 0x052000); /* WRITE (10) */
  g_assert_cmphex (ask (CDB (0x41, 0, 0, 0, 0, 0, 0, 0, 1), 512, 0), ==, 0x052000);
  /* Parameters: as many as are there. */
  memset (data, 0, 64);
  memcpy (data + 8, "\x01\x06\x20\x07", 4);
  g_assert_cmphex (ask (CDB (0x55, 0x10, 0, 0, 0, 0, 0, 0, 16), 16, 0), ==, 0);
  g_assert_cmphex (ask (CDB (0x5a, 0, 1, 0, 0, 0, 0, 0, 16), 0, 16), ==, 0);
  g_assert_cmphex (data[10] << 8 | data[11], ==, 0x2007);
  g_assert_cmphex (ask (CDB (0x55, 0x10, 0, 0, 0, 0, 0, 0, 16), 8, 0), ==, 0x051a00);
  g_assert_cmphex (ask (CDB (0x55, 0x10, 0, 0, 0, 0, 0, 0xff, 0xff), 8, 0), ==, 0x051a00);
  /* The longest answer, of a CD there is none. */
  g_assert_cmphex (ask (CDB (0xad, 0, 0, 0, 0, 0, 0, 0xff, 8, 0), 0, 2052), ==, 0);
  driver_close (&d);
}

/* The n-th event says that target 0 has another disc. */
static void
assert_event (unsigned n)
{
  static const uint8_t event[16] = { 3, 0, 0, 0, 1, 0, 0x40, 0, 0, 0, 0, 0, 0x28, 0, 0, 0 };

  while (driver_used (&d, EVENT) != (uint16_t)n)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpmem (driver_ram (&d, EVENTS + 16 * (n - 1)), 16, event, 16);
}

static void
put_event (unsigned n)
{
  driver_describe (&d, driver_queue (EVENT), n, EVENTS + 16 * n, 16, DESC_WRITE, 0);
  driver_put (&d, EVENT, n);
  driver_ring (&d, EVENT);
}

static void
test_discs (void)
{
  empty = TRUE;
  begin ();
  empty = FALSE;
  g_assert_cmphex (ask (TEST_UNIT_READY, 0, 0), ==, NO_MEDIUM);
  g_assert_cmphex (ask (READ (0, 1), 0, 2048), ==, NO_MEDIUM);
  g_assert_null (virt_scsi_image (device, 0));
  /* Nobody has given a buffer yet. */
  change (open_disc (0, NULL), FALSE, TRUE);
  driver_pump ();
  put_event (0);
  assert_event (1);
  g_assert_cmphex (ask (TEST_UNIT_READY, 0, 0), ==, CHANGED);
  g_assert_cmphex (ask (READ (1, 1), 0, 2048), ==, 0);
  assert_sector (0, 0, 1);
  /* The old disc is seen to go before the new one is there. */
  put_event (1);
  change (open_disc (1, NULL), FALSE, TRUE);
  assert_event (2);
  g_assert_cmphex (ask (READ (1, 1), 0, 2048), ==, NO_MEDIUM);
  g_assert_cmphex (ask (READ (1, 1), 0, 2048), ==, CHANGED);
  g_assert_cmphex (ask (READ (1, 1), 0, 2048), ==, 0);
  assert_sector (0, 1, 1);
  change (NULL, FALSE, TRUE);
  g_assert_cmphex (ask (READ (1, 1), 0, 2048), ==, NO_MEDIUM);
  driver_close (&d);
}

static void
test_tray (void)
{
  begin ();
  g_assert_cmphex (ask (LOCK, 0, 0), ==, 0);
  g_assert_cmphex (ask (EJECT, 0, 0), ==, 0x055302);
  change (open_disc (1, NULL), FALSE, FALSE);
  /* A guest that listens lets go. */
  g_assert_cmphex (ask (CDB (0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0, 8), ==, 0);
  g_assert_cmpuint (*driver_ram (&d, DATA + 4), ==, 1);
  g_assert_cmphex (ask (UNLOCK, 0, 0), ==, 0);
  g_assert_false (virt_scsi_tray_open (device, 0));
  g_assert_cmphex (ask (EJECT, 0, 0), ==, 0);
  driver_pump ();
  g_assert_true (virt_scsi_tray_open (device, 0));
  g_assert_cmpuint (n_moves, ==, 1);
  g_assert_cmphex (ask (TEST_UNIT_READY, 0, 0), ==, TRAY_OPEN);
  /* As it was, in a machine that goes on from a file. */
  hostile_save (&d, device);
  g_assert_cmphex (ask (TEST_UNIT_READY, 0, 0), ==, TRAY_OPEN);
  g_assert_cmphex (ask (DRAW_IN, 0, 0), ==, 0);
  driver_pump ();
  g_assert_cmpuint (n_moves, >=, 2);
  g_assert_cmphex (ask (TEST_UNIT_READY, 0, 0), ==, CHANGED);
  g_assert_cmphex (ask (READ (2, 1), 0, 2048), ==, 0);
  assert_sector (0, 0, 2);
  g_assert_cmphex (ask (LOCK, 0, 0), ==, 0);
  hostile_save (&d, device);
  g_assert_cmphex (ask (EJECT, 0, 0), ==, 0x055302);
  change (open_disc (1, NULL), TRUE, TRUE);
  g_assert_cmphex (ask (READ (2, 1), 0, 2048), ==, NO_MEDIUM);
  driver_close (&d);
}

/* A disc is taken away while it is read: the read ends one way or the other, and the next disc is the next one. */
static void
test_in_flight (void)
{
  test_image = "delay=20000";
  begin ();
  test_image = NULL;
  for (unsigned round = 0; round < 4; round++)
    {
      const uint16_t before = driver_used (&d, COMMANDS);

      put (READ (3, 4), 0, 4 * 2048);
      driver_pump ();
      change (open_disc (round & 1, "delay=20000"), TRUE, TRUE);
      while (driver_used (&d, COMMANDS) == before)
        g_main_context_iteration (NULL, TRUE);
      while (ask (READ (3, 1), 0, 2048) != 0)
        ;
      assert_sector (0, round & 1, 3);
    }
  put (READ (3, 4), 0, 4 * 2048);
  driver_pump ();
  driver_close (&d);
}

static void
test_hostile (void)
{
  hostile_chains (&hostile);
  hostile_rings (&hostile);
  hostile_shapes (&hostile);
  hostile_widths (&hostile);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-scsi-cdrom-XXXXXX", NULL);
  for (unsigned disc = 0; disc < 2; disc++)
    {
      g_autofree char *name = g_strdup_printf ("%u.iso", disc), *bytes = g_malloc (SECTORS * 2048);

      for (unsigned i = 0; i < SECTORS * 2048; i++)
        bytes[i] = (char)(i / 2048 * 3 + 100 * disc + 1);
      paths[disc] = g_build_filename (folder, name, NULL);
      g_assert_true (g_file_set_contents (paths[disc], bytes, SECTORS * 2048, NULL));
    }
  g_test_add_func ("/virtio-scsi-cdrom/commands", test_commands);
  g_test_add_func ("/virtio-scsi-cdrom/discs", test_discs);
  g_test_add_func ("/virtio-scsi-cdrom/tray", test_tray);
  g_test_add_func ("/virtio-scsi-cdrom/in-flight", test_in_flight);
  g_test_add_func ("/virtio-scsi-cdrom/hostile", test_hostile);
  status = g_test_run ();
  for (unsigned disc = 0; disc < 2; disc++)
    {
      g_unlink (paths[disc]);
      g_free (paths[disc]);
    }
  g_rmdir (folder);
  g_free (folder);
  return status;
}
