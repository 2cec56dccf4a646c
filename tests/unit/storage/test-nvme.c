/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An NVMe controller: registers, queues, commands, and drivers that do all of it wrongly.
 */
#include "nvme-driver.h"

#include "block/block-testing.h"

#include <errno.h>
#include <glib/gstdio.h>

#define DISK       (4u << 20)
#define NOT_MEMORY 0xfee00000u
#define READ       2
#define WRITE      1
#define FLUSH      0
#define ZEROES     8
#define DATASET    9
#define COMPARE    5

static Driver d;
static Block *image;
static char *folder, *path;

static void
begin_with (const char *test, unsigned n_queues, BlockFlags flags)
{
  const BlockConfig config = { .path = path, .format = "raw", .test = test, .flags = flags };
  g_autoptr (GError) error = NULL;

  g_unlink (path);
  g_assert_true (block_image_create (path, "raw", DISK, &error));
  image = block_open (&config, &error);
  g_assert_no_error (error);
  driver_open (&d, image, n_queues);
}

/* With one pair of queues. */
static void
begin (const char *test)
{
  begin_with (test, 2, BLOCK_READ_WRITE);
  driver_enable (&d);
  g_assert_cmpuint (driver_create_cq (&d, 1, 1), ==, 0);
  g_assert_cmpuint (driver_create_sq (&d, 1, 1), ==, 0);
}

static Command
transfer (unsigned opcode, uint64_t sector, unsigned n)
{
  return (Command){ .opcode = (uint8_t)opcode,
                    .space = 1,
                    .prp1 = DRIVER_DATA,
                    .prp2 = n > 8 ? DRIVER_DATA + 0x1000 : 0,
                    .dword = { (uint32_t)sector, (uint32_t)(sector >> 32), n - 1 } };
}

static unsigned
ask (unsigned opcode, uint64_t sector, unsigned n)
{
  const Command command = transfer (opcode, sector, n);

  return driver_status (&d, 1, &command);
}

/* -- The controller ------------------------------------------------------------------------------------------ */

static void
test_registers (void)
{
  begin_with (NULL, 2, BLOCK_READ_WRITE);
  g_assert_cmphex (driver_read (&d, 0, 8), ==, 0x20280103ffull);
  g_assert_cmphex (driver_read (&d, 8, 4), ==, 0x10400);
  g_assert_cmphex (driver_read (&d, 0x1c, 4), ==, 0);
  driver_enable (&d);
  g_assert_cmphex (driver_read (&d, 0x1c, 4), ==, 1);
  /* They can be read back while it runs. */
  g_assert_cmphex (driver_read (&d, 0x24, 4), ==, 0x00070007);
  g_assert_cmphex (driver_read (&d, 0x28, 8), ==, driver_sq (0));
  g_assert_cmphex (driver_read (&d, 0x30, 4), ==, driver_cq (0));
  /* Shut down, then off: the queues' registers stay. */
  driver_write (&d, 0x14, 1 | 1 << 14, 4);
  while ((driver_read (&d, 0x1c, 4) & 0xc) != 8)
    g_main_context_iteration (NULL, TRUE);
  driver_write (&d, 0x14, 0, 4);
  g_assert_cmphex (driver_read (&d, 0x1c, 4), ==, 0);
  g_assert_cmphex (driver_read (&d, 0x24, 4), ==, 0x00070007);
  /* In two steps: first what it is to be, then that it is to be it. */
  driver_write (&d, 0x14, 6 << 16 | 4 << 20, 4);
  driver_write (&d, 0x14, 1 | 6 << 16 | 4 << 20, 4);
  g_assert_cmphex (driver_read (&d, 0x1c, 4), ==, 1);
  /* Pages of 8 KiB it hasn't, nor queues of one. */
  driver_write (&d, 0x14, 0, 4);
  driver_write (&d, 0x14, 1 | 1 << 7, 4);
  g_assert_cmphex (driver_read (&d, 0x1c, 4), ==, 2);
  driver_write (&d, 0x14, 0, 4);
  driver_write (&d, 0x24, 7, 4);
  driver_write (&d, 0x14, 1, 4);
  g_assert_cmphex (driver_read (&d, 0x1c, 4), ==, 2);
  driver_close (&d);
}

static void
test_identify (void)
{
  const uint8_t *data;

  begin (NULL);
  data = driver_ram (&d, DRIVER_DATA);
  g_assert_cmpuint (driver_status (&d, 0, &(Command){ .opcode = 6, .prp1 = DRIVER_DATA, .dword = { 1 } }), ==,
                    0);
  g_assert_true (memcmp (data + 4, "SERIAL-1            ", 20) == 0);
  g_assert_cmpuint (data[77], ==, 7);
  g_assert_cmphex (pci_get32 (data + 80), ==, 0x10400);
  g_assert_cmphex (data[512], ==, 0x66);
  g_assert_cmphex (data[513], ==, 0x44);
  g_assert_cmpuint (pci_get32 (data + 516), ==, 1);
  g_assert_true (g_str_has_prefix ((const char *)data + 768, "nqn.2014-08.org.nvmexpress:uuid:"));
  /* The namespace, in two pieces. */
  memset (driver_ram (&d, DRIVER_DATA), 0xee, 0x4000);
  g_assert_cmpuint (driver_status (&d, 0,
                                   &(Command){ .opcode = 6,
                                               .space = 1,
                                               .prp1 = DRIVER_DATA + 0xf00,
                                               .prp2 = DRIVER_DATA + 0x2000,
                                               .dword = { 0 } }),
                    ==, 0);
  g_assert_cmpuint (pci_get32 (data + 0xf00), ==, DISK / 512);
  g_assert_cmphex (data[0xeff], ==, 0xee);
  g_assert_cmphex (data[0x1000], ==, 0xee);
  g_assert_cmphex (data[0x2eff], ==, 0);
  g_assert_cmphex (data[0x2f00], ==, 0xee);
  g_assert_cmphex (data[0xf00 + 130], ==, 9);
  /* The list of namespaces has one; its names are stable. */
  g_assert_cmpuint (driver_status (&d, 0, &(Command){ .opcode = 6, .prp1 = DRIVER_DATA, .dword = { 2 } }), ==,
                    0);
  g_assert_cmpuint (pci_get32 (data), ==, 1);
  g_assert_cmpuint (pci_get32 (data + 4), ==, 0);
  g_assert_cmpuint (
      driver_status (&d, 0, &(Command){ .opcode = 6, .space = 1, .prp1 = DRIVER_DATA, .dword = { 3 } }), ==,
      0);
  g_assert_cmphex (pci_get16 (data), ==, 0x1003);
  g_assert_cmphex (data[4 + 6] & 0xf0, ==, 0x50);
  /* What there is not. */
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 6, .prp1 = DRIVER_DATA, .dword = { 9 } }), ==,
                   2);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 6, .prp1 = DRIVER_DATA, .dword = { 0 } }), ==,
                   0xb);
  driver_close (&d);
}

static void
test_features (void)
{
  begin_with (NULL, 2, BLOCK_READ_WRITE);
  driver_enable (&d);
  /* As many queues as there are, however many are asked for. */
  g_assert_cmphex (driver_do (&d, 0, &(Command){ .opcode = 9, .dword = { 7, 0x003f003f } }).result, ==,
                   0x00010001);
  g_assert_cmphex (driver_do (&d, 0, &(Command){ .opcode = 10, .dword = { 7 } }).result, ==, 0x00010001);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 9, .dword = { 7, 0xffff } }), ==, 2);
  g_assert_cmphex (driver_do (&d, 0, &(Command){ .opcode = 10, .dword = { 6 } }).result, ==, 1);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 9, .dword = { 6, 0 } }), ==, 0);
  g_assert_cmphex (driver_do (&d, 0, &(Command){ .opcode = 10, .dword = { 6 } }).result, ==, 0);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 9, .dword = { 6 | 1u << 31, 0 } }), ==, 0x10d);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 9, .dword = { 0x7f } }), ==, 2);
  /* Logs. */
  g_assert_cmphex (
      driver_status (&d, 0, &(Command){ .opcode = 2, .prp1 = DRIVER_DATA, .dword = { 2 | 127 << 16 } }), ==,
      0);
  g_assert_cmpuint (pci_get16 (driver_ram (&d, DRIVER_DATA + 1)), ==, 300);
  g_assert_cmphex (
      driver_status (&d, 0, &(Command){ .opcode = 2, .prp1 = DRIVER_DATA, .dword = { 0x42 | 127 << 16 } }),
      ==, 0x109);
  /* Events are asked for and never come; four, no more. */
  for (unsigned i = 0; i < 4; i++)
    driver_put (&d, 0, &(Command){ .opcode = 12 });
  driver_ring (&d, 0);
  const unsigned last = d.id;
  g_assert_null (driver_next (&d, 0));
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 12 }), ==, 0x105);
  /* One is given up: its completion comes before that of who says so. */
  driver_put (&d, 0, &(Command){ .opcode = 8, .dword = { last << 16 } });
  driver_ring (&d, 0);
  const Completion gone = driver_take (&d, 0), done = driver_take (&d, 0);
  g_assert_cmpuint (gone.id, ==, last);
  g_assert_cmphex (gone.status >> 1 & 0x7ff, ==, 7);
  g_assert_cmphex (done.status >> 1, ==, 0);
  g_assert_cmpuint (done.result, ==, 0);
  driver_close (&d);
}

/* Which value of a feature; limits of temperature. */
static void
test_feature_values (void)
{
  begin_with (NULL, 2, BLOCK_READ_WRITE);
  driver_enable (&d);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 9, .dword = { 4, 350 } }), ==, 0);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 9, .dword = { 4, 280 | 1 << 20 } }), ==, 0);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 9, .dword = { 4, 2 << 20 } }), ==, 2);
  g_assert_cmpuint (driver_do (&d, 0, &(Command){ .opcode = 10, .dword = { 4 } }).result, ==, 350);
  g_assert_cmpuint (driver_do (&d, 0, &(Command){ .opcode = 10, .dword = { 4, 1 << 20 } }).result, ==, 280);
  g_assert_cmpuint (driver_do (&d, 0, &(Command){ .opcode = 10, .dword = { 4 | 1 << 8 } }).result, ==, 343);
  g_assert_cmpuint (driver_do (&d, 0, &(Command){ .opcode = 10, .dword = { 4 | 2 << 8 } }).result, ==, 343);
  g_assert_cmphex (driver_do (&d, 0, &(Command){ .opcode = 10, .dword = { 4 | 3 << 8 } }).result, ==, 4);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 10, .dword = { 4 | 4 << 8 } }), ==, 2);
  driver_close (&d);
}

static unsigned
read_log (unsigned log, unsigned dwords, uint32_t offset, gboolean keep)
{
  return driver_status (
      &d, 0,
      &(Command){ .opcode = 2,
                  .prp1 = DRIVER_DATA,
                  .dword = { log | (keep ? 1u << 15 : 0) | (dwords - 1) << 16, 0, offset } });
}

/* Requests for events wait until there is one; the next of its kind comes when its log was read. */
static void
test_events (void)
{
  const uint8_t *data;
  Completion event;

  begin_with (NULL, 2, BLOCK_READ_WRITE);
  driver_enable (&d);
  data = driver_ram (&d, DRIVER_DATA);
  driver_put (&d, 0, &(Command){ .opcode = 12 });
  driver_put (&d, 0, &(Command){ .opcode = 12 });
  driver_ring (&d, 0);
  g_assert_null (driver_next (&d, 0));
  /* A bell of a queue that isn't there. */
  driver_write (&d, 0x1008, 1, 4);
  event = driver_take (&d, 0);
  g_assert_cmphex (event.result, ==, 0x010000);
  g_assert_cmphex (event.status >> 1, ==, 0);
  /* And a value that is none: later. */
  driver_write (&d, 0x1000, 1000, 4);
  g_assert_null (driver_next (&d, 0));
  g_assert_cmphex (read_log (1, 256, 0, TRUE), ==, 0);
  g_assert_null (driver_next (&d, 0));
  g_assert_cmpuint (pci_get32 (data), ==, 2);
  g_assert_cmpuint (pci_get32 (data + 64), ==, 1);
  g_assert_cmphex (pci_get16 (data + 8), ==, 0xffff);
  /* A part of it; what is no part. */
  g_assert_cmphex (read_log (1, 16, 64, TRUE), ==, 0);
  g_assert_cmpuint (pci_get32 (data), ==, 1);
  g_assert_cmphex (read_log (1, 16, 2, TRUE), ==, 2);
  g_assert_cmphex (read_log (1, 16, 1028, TRUE), ==, 2);
  /* Read, and so the other one comes; its completion is there before that of who reads. */
  driver_put (&d, 0, &(Command){ .opcode = 2, .prp1 = DRIVER_DATA, .dword = { 1 | 15 << 16 } });
  driver_ring (&d, 0);
  event = driver_take (&d, 0);
  g_assert_cmphex (event.result, ==, 0x010100);
  g_assert_cmphex (driver_take (&d, 0).status >> 1, ==, 0);
  /* Too warm, for who wants to know it; told once. */
  driver_put (&d, 0, &(Command){ .opcode = 12 });
  driver_ring (&d, 0);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 9, .dword = { 4, 290 } }), ==, 0);
  driver_put (&d, 0, &(Command){ .opcode = 9, .dword = { 11, 2 } });
  driver_ring (&d, 0);
  event = driver_take (&d, 0);
  g_assert_cmphex (event.result, ==, 0x020101);
  driver_take (&d, 0);
  g_assert_cmphex (read_log (2, 128, 0, FALSE), ==, 0);
  g_assert_cmphex (data[0], ==, 2);
  g_assert_cmpuint (pci_get32 (data + 176), ==, 2);
  g_assert_null (driver_next (&d, 0));
  /* What commands do. */
  g_assert_cmphex (read_log (5, 1024, 0, FALSE), ==, 0);
  g_assert_cmphex (pci_get32 (data + 4 * 6), ==, 1);
  g_assert_cmphex (pci_get32 (data + 1024 + 4), ==, 3);
  g_assert_cmphex (pci_get32 (data + 4 * 0x80), ==, 0);
  driver_close (&d);
}

/* A failed read is in the log. */
static void
test_error_log (void)
{
  const uint8_t *data;

  begin ("fail=read:EIO");
  data = driver_ram (&d, DRIVER_DATA);
  g_assert_cmphex (ask (READ, 77, 1), ==, 0x281);
  g_assert_cmphex (read_log (1, 16, 0, FALSE), ==, 0);
  g_assert_cmpuint (pci_get16 (data + 8), ==, 1);
  g_assert_cmphex (pci_get16 (data + 12) >> 1, ==, 0x281);
  g_assert_cmpuint (pci_get32 (data + 16), ==, 77);
  g_assert_cmpuint (pci_get32 (data + 24), ==, 1);
  g_assert_cmphex (read_log (2, 128, 0, FALSE), ==, 0);
  g_assert_cmpuint (pci_get32 (data + 160), ==, 1);
  driver_close (&d);
}

static void
test_queues (void)
{
  begin_with (NULL, 2, BLOCK_READ_WRITE);
  driver_enable (&d);
  g_assert_cmphex (driver_create_sq (&d, 1, 1), ==, 0x100);
  g_assert_cmphex (driver_create_cq (&d, 0, 0), ==, 0x101);
  g_assert_cmphex (driver_create_cq (&d, 3, 0), ==, 0x101);
  g_assert_cmphex (driver_create_cq (&d, 1, 3), ==, 0x108);
  g_assert_cmphex (
      driver_status (&d, 0, &(Command){ .opcode = 5, .prp1 = driver_cq (1), .dword = { 1 | 1024 << 16, 3 } }),
      ==, 0x102);
  g_assert_cmphex (
      driver_status (&d, 0, &(Command){ .opcode = 5, .prp1 = driver_cq (1), .dword = { 1 | 7 << 16, 2 } }),
      ==, 2);
  g_assert_cmphex (
      driver_status (&d, 0,
                     &(Command){ .opcode = 5, .prp1 = driver_cq (1) + 64, .dword = { 1 | 7 << 16, 3 } }),
      ==, 0x13);
  g_assert_cmphex (driver_create_cq (&d, 1, 1), ==, 0);
  g_assert_cmphex (driver_create_cq (&d, 1, 1), ==, 0x101);
  /* Two that share one. */
  g_assert_cmphex (driver_create_sq (&d, 1, 1), ==, 0);
  g_assert_cmphex (driver_create_sq (&d, 2, 1), ==, 0);
  const Command read = transfer (READ, 0, 1);
  driver_put (&d, 1, &read);
  driver_put (&d, 2, &read);
  driver_ring (&d, 2);
  g_assert_cmpuint (driver_take (&d, 1).sq, ==, 2);
  driver_ring (&d, 1);
  g_assert_cmpuint (driver_take (&d, 1).sq, ==, 1);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 4, .dword = { 1 } }), ==, 0x10c);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 0, .dword = { 1 } }), ==, 0);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 0, .dword = { 2 } }), ==, 0);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 4, .dword = { 1 } }), ==, 0);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 4, .dword = { 1 } }), ==, 0x101);
  driver_close (&d);
}

/* Without messages the pin is up while something waits, but for a mask. */
static void
test_pin (void)
{
  begin_with (NULL, 1, BLOCK_READ_WRITE);
  driver_enable (&d);
  driver_put (&d, 0, &(Command){ .opcode = 10, .dword = { 6 } });
  g_assert_false (d.level);
  driver_ring (&d, 0);
  g_assert_true (d.level);
  driver_write (&d, 0x0c, 1, 4);
  g_assert_false (d.level);
  driver_write (&d, 0x10, 1, 4);
  g_assert_true (d.level);
  driver_take (&d, 0);
  g_assert_false (d.level);
  driver_close (&d);
}

/* -- Commands ------------------------------------------------------------------------------------------------- */

static void
test_transfers (void)
{
  g_autofree uint8_t *there = g_malloc0 (512 * 1024);
  uint64_t *list;

  begin (NULL);
  /* One page, two pages of which the first begins anywhere, a list. */
  for (unsigned i = 0; i < 0x100000; i++)
    *driver_ram (&d, DRIVER_DATA + i) = (uint8_t)(i * 7 + (i >> 9));
  g_assert_cmphex (ask (WRITE, 5, 8), ==, 0);
  g_assert_true (block_read_sync (image, 5 * 512, there, 4096, NULL));
  g_assert_true (memcmp (there, driver_ram (&d, DRIVER_DATA), 4096) == 0);
  g_assert_cmphex (ask (WRITE, 100, 16), ==, 0);
  g_assert_true (block_read_sync (image, 100 * 512, there, 8192, NULL));
  g_assert_true (memcmp (there, driver_ram (&d, DRIVER_DATA), 8192) == 0);
  /* 512 KiB from the middle of a page: 128 pages of a list, which begins before its page's end and goes on in another. */
  list = (uint64_t *)(void *)driver_ram (&d, DRIVER_LIST);
  for (unsigned i = 0; i < 128; i++)
    {
      const uint64_t page = DRIVER_DATA + 0x1000ull * (128 - i);
      const unsigned at = 510 + i;

      *(at < 511 ? &list[at] : &list[at + 1]) = page;
    }
  list[511] = DRIVER_LIST + 0x1000;
  Command command = { .opcode = WRITE,
                      .space = 1,
                      .prp1 = DRIVER_DATA + 0x100000 + 0xe00,
                      .prp2 = DRIVER_LIST + 510 * 8,
                      .dword = { 1000, 0, 1023 } };
  memset (driver_ram (&d, DRIVER_DATA + 0x100000), 0x5a, 0x1000);
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0);
  g_assert_true (block_read_sync (image, 1000 * 512, there, 512 * 1024, NULL));
  g_assert_cmphex (there[0], ==, 0x5a);
  g_assert_true (memcmp (there + 0x200, driver_ram (&d, DRIVER_DATA + 128 * 0x1000), 4096) == 0);
  g_assert_true (memcmp (there + 0x200 + 126 * 4096, driver_ram (&d, DRIVER_DATA + 2 * 0x1000), 4096) == 0);
  g_assert_true (memcmp (there + 0x200 + 127 * 4096, driver_ram (&d, DRIVER_DATA + 0x1000), 0xe00) == 0);
  /* And back, elsewhere. */
  command.opcode = READ;
  memset (driver_ram (&d, DRIVER_DATA), 0, 0x102000);
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0);
  g_assert_true (memcmp (there + 0x200, driver_ram (&d, DRIVER_DATA + 128 * 0x1000), 4096) == 0);
  g_assert_true (memcmp (there + 0x200 + 127 * 4096, driver_ram (&d, DRIVER_DATA + 0x1000), 0xe00) == 0);
  g_assert_cmphex (*driver_ram (&d, DRIVER_DATA + 0x1e00), ==, 0);
  g_assert_cmphex (ask (FLUSH, 0, 1), ==, 0);
  driver_close (&d);
}

static void
test_zeroes (void)
{
  g_autofree uint8_t *there = g_malloc (8 * 512);

  begin (NULL);
  memset (driver_ram (&d, DRIVER_DATA), 0xaa, 4096);
  g_assert_cmphex (ask (WRITE, 0, 8), ==, 0);
  g_assert_cmphex (ask (ZEROES, 2, 3), ==, 0);
  g_assert_true (block_read_sync (image, 0, there, 8 * 512, NULL));
  g_assert_cmphex (there[2 * 512 - 1], ==, 0xaa);
  g_assert_cmphex (there[2 * 512], ==, 0);
  g_assert_cmphex (there[5 * 512 - 1], ==, 0);
  g_assert_cmphex (there[5 * 512], ==, 0xaa);
  /* Two ranges, one of nothing, one that is no good: then none is touched. */
  uint32_t ranges[] = { 0, 8, 16, 0, 0, 0, 0, 0, 0, 1, DISK / 512, 0 };
  memcpy (driver_ram (&d, DRIVER_DATA), ranges, sizeof ranges);
  Command command = { .opcode = DATASET, .space = 1, .prp1 = DRIVER_DATA, .dword = { 1, 4 } };
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0);
  command.dword[0] = 2;
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0x80);
  driver_close (&d);
}

static void
test_wrong (void)
{
  Command command;

  begin (NULL);
  g_assert_cmphex (ask (READ, DISK / 512, 1), ==, 0x80);
  g_assert_cmphex (ask (READ, DISK / 512 - 1, 2), ==, 0x80);
  g_assert_cmphex (ask (READ, G_MAXUINT64, 2), ==, 0x80);
  g_assert_cmphex (ask (READ, 0, 1025), ==, 2);
  g_assert_cmphex (ask (0x7f, 0, 1), ==, 1);
  command = transfer (READ, 0, 8);
  command.space = 2;
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0xb);
  command = transfer (READ, 0, 8);
  command.flags = 0x40; /* a scatter-gather list */
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 2);
  command = transfer (READ, 0, 8);
  command.prp1 = NOT_MEMORY;
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 4);
  command = transfer (READ, 0, 16);
  command.prp2 = DRIVER_DATA + 8;
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0x13);
  command = transfer (READ, 0, 64);
  command.prp2 = NOT_MEMORY; /* a list there: all ones */
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0x13);
  command = transfer (READ, 0, 1024);
  command.prp2 = DRIVER_LIST; /* of nothing but 0, which is memory */
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0);
  /* Doorbells of queues that aren't there, and values that are none. */
  driver_write (&d, 0x1000 + 8 * 2, 1, 4);
  driver_write (&d, 0x1000 + 8 * 40, 1, 4);
  driver_write (&d, 0x1008, DRIVER_SIZE, 4);
  driver_write (&d, 0x100c, 0xffff, 4);
  g_assert_cmphex (ask (READ, 0, 8), ==, 0);
  driver_close (&d);
  /* Queues that aren't memory: the controller fails, and a reset helps. */
  begin_with (NULL, 1, BLOCK_READ_WRITE);
  driver_enable (&d);
  driver_write (&d, 0x14, 0, 4);
  driver_write (&d, 0x28, NOT_MEMORY, 8);
  driver_write (&d, 0x14, 1, 4);
  driver_write (&d, 0x1000, 1, 4);
  g_assert_cmphex (driver_read (&d, 0x1c, 4), ==, 3);
  driver_enable (&d);
  g_assert_cmphex (driver_read (&d, 0x1c, 4), ==, 1);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 10, .dword = { 6 } }), ==, 0);
  driver_close (&d);
}

/* 6.6 */
static void
test_compare (void)
{
  Command command = transfer (COMPARE, 16, 64);

  begin (NULL);
  for (unsigned i = 0; i < 64 * 512; i++)
    driver_ram (&d, DRIVER_DATA)[i] = (uint8_t)(i * 7 + i / 512);
  command.prp2 = DRIVER_LIST;
  for (unsigned i = 0; i < 8; i++)
    pci_set32 (driver_ram (&d, DRIVER_LIST + 8 * i), DRIVER_DATA + 0x1000 * (i + 1));
  command.opcode = WRITE;
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0);
  command.opcode = COMPARE;
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0);
  /* The last byte of the last page. */
  driver_ram (&d, DRIVER_DATA)[64 * 512 - 1] ^= 1;
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0x285);
  driver_ram (&d, DRIVER_DATA)[64 * 512 - 1] ^= 1;
  driver_ram (&d, DRIVER_DATA)[0] ^= 0x80;
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0x285);
  /* Nothing was written to memory, nor to the disk. */
  g_assert_cmphex (driver_ram (&d, DRIVER_DATA)[0], ==, 0x80);
  driver_ram (&d, DRIVER_DATA)[0] = 0;
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 0);
  g_assert_cmphex (ask (COMPARE, DISK / 512 - 1, 2), ==, 0x80);
  g_assert_cmphex (ask (COMPARE, 0, 2048), ==, 2);
  command.prp1 = NOT_MEMORY;
  g_assert_cmphex (driver_status (&d, 1, &command), ==, 4);
  driver_close (&d);
}

static void
test_read_only (void)
{
  begin_with (NULL, 1, BLOCK_READ_ONLY);
  driver_enable (&d);
  driver_create_cq (&d, 1, 1);
  driver_create_sq (&d, 1, 1);
  g_assert_cmphex (ask (READ, 0, 8), ==, 0);
  g_assert_cmphex (ask (WRITE, 0, 8), ==, 0x182);
  g_assert_cmphex (ask (ZEROES, 0, 8), ==, 0x182);
  g_assert_cmphex (ask (FLUSH, 0, 1), ==, 0);
  driver_close (&d);
}

/* Completions for which the ring has no room come when it has. */
static void
test_full (void)
{
  const Command read = transfer (READ, 0, 1);

  begin (NULL);
  for (unsigned round = 0; round < 3; round++)
    {
      for (unsigned i = 0; i < DRIVER_SIZE - 1; i++)
        driver_put (&d, 1, &read);
      driver_ring (&d, 1);
    }
  for (unsigned i = 0; i < 100; i++)
    g_main_context_iteration (NULL, FALSE);
  for (unsigned i = 0; i < 3 * (DRIVER_SIZE - 1); i++)
    g_assert_cmphex (driver_take (&d, 1).status >> 1, ==, 0);
  g_assert_null (driver_next (&d, 1));
  driver_close (&d);
}

/* -- Ends ----------------------------------------------------------------------------------------------------- */

static gpointer
release (gpointer faults)
{
  g_usleep (20000);
  while (block_faults_release (faults, 0))
    ;
  return NULL;
}

static void
test_reset_in_flight (gconstpointer how)
{
  const int what = GPOINTER_TO_INT (how);
  const Command read = transfer (READ, 0, 1);

  begin ("");
  BlockFaults *faults = block_get_faults (image);
  memset (driver_ram (&d, DRIVER_DATA), 0xaa, 512);
  block_faults_hold (faults, TRUE);
  driver_put (&d, 1, &read);
  driver_ring (&d, 1);
  g_assert_cmpuint (block_faults_held (faults), ==, 1);
  block_faults_hold (faults, FALSE);
  GThread *host = g_thread_new ("host", release, faults);
  switch (what)
    {
    case 0:
      driver_write (&d, 0x14, 0, 4);
      break;
    case 1:
      g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 0, .dword = { 1 } }), ==, 0);
      break;
    case 2:
      vm_lock (d.vm);
      d.device->klass->reset (d.device);
      vm_unlock (d.vm);
      driver_map (&d);
      break;
    default: /* the bus master goes */
      driver_config (&d, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
      break;
    }
  /* From now on nobody else writes there. */
  g_thread_join (host);
  memset (driver_ram (&d, DRIVER_DATA), 0xbb, 512);
  memset (driver_ram (&d, driver_cq (1)), 0, 0x1000);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (driver_next (&d, 1));
  g_assert_cmphex (*driver_ram (&d, DRIVER_DATA), ==, 0xbb);
  if (what < 3)
    {
      driver_enable (&d);
      g_assert_cmpuint (driver_create_cq (&d, 1, 1), ==, 0);
      g_assert_cmpuint (driver_create_sq (&d, 1, 1), ==, 0);
      g_assert_cmphex (ask (READ, 0, 1), ==, 0);
      g_assert_cmphex (*driver_ram (&d, DRIVER_DATA), ==, 0);
    }
  driver_close (&d);
}

/* What the host had no room for is neither told nor lost: who loads the machine does it. */
static void
test_no_room (gconstpointer loaded)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  const Command write = transfer (WRITE, 3, 1);
  uint8_t there[512];

  begin ("");
  BlockFaults *faults = block_get_faults (image);
  memset (driver_ram (&d, DRIVER_DATA), 0x77, 512);
  block_faults_fail (faults, BLOCK_OP_WRITE, ENOSPC, 1, 0);
  driver_put (&d, 1, &write);
  driver_ring (&d, 1);
  vm_lock (d.vm);
  d.device->klass->pause (d.device);
  vm_unlock (d.vm);
  for (gboolean drained = FALSE; !drained;)
    {
      g_main_context_iteration (NULL, TRUE);
      vm_lock (d.vm);
      drained = d.device->klass->drained (d.device);
      vm_unlock (d.vm);
    }
  g_assert_null (driver_next (&d, 1));
  vm_lock (d.vm);
  state_save (d.device->klass->state, d.device, state);
  if (loaded != NULL)
    {
      /* Another process, with the image and the memory that this one had. */
      const unsigned tail = d.tail[1], head = d.head[1];
      Driver old = d;
      vm_unlock (d.vm);
      image = block_open (
          &(BlockConfig){ .format = "raw", .test = "memory=4194304", .flags = BLOCK_READ_WRITE }, &error);
      g_assert_no_error (error);
      driver_open (&d, image, 2);
      memcpy (driver_ram (&d, 0), driver_ram (&old, 0), DRIVER_RAM);
      d.tail[1] = tail;
      d.head[1] = head;
      d.id = old.id;
      driver_close (&old);
      vm_lock (d.vm);
      g_assert_true (state_load (d.device->klass->state, d.device, state->data, state->len, &error));
      g_assert_true (d.device->klass->post_load (d.device, &error));
    }
  d.device->klass->resume (d.device);
  vm_unlock (d.vm);
  const Completion done = driver_take (&d, 1);
  g_assert_cmphex (done.status >> 1, ==, 0);
  g_assert_cmpuint (done.id, ==, d.id);
  g_assert_true (block_read_sync (image, 3 * 512, there, 512, NULL));
  g_assert_cmphex (there[0], ==, 0x77);
  driver_close (&d);
}

static void
test_saved_wrong (void)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  unsigned refused = 0;

  begin (NULL);
  vm_lock (d.vm);
  state_save (d.device->klass->state, d.device, state);
  for (unsigned seed = 0; seed < 3000; seed++)
    {
      g_autofree uint8_t *bad = g_memdup2 (state->data, state->len);
      g_autoptr (GError) error = NULL;
      const unsigned at = (seed * 2654435761u) % state->len;

      bad[at] ^= (uint8_t)(1 + seed % 255);
      if (state_load (d.device->klass->state, d.device, bad, state->len, &error)
          && d.device->klass->post_load (d.device, &error))
        {
          d.device->klass->pause (d.device);
          d.device->klass->resume (d.device);
          vm_unlock (d.vm);
          driver_write (&d, 0x1000 + 4 * (seed % 8), seed % DRIVER_SIZE, 4);
          while (g_main_context_iteration (NULL, FALSE))
            ;
          vm_lock (d.vm);
        }
      else
        refused++;
      d.device->klass->reset (d.device);
      vm_unlock (d.vm);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      driver_map (&d);
      vm_lock (d.vm);
    }
  vm_unlock (d.vm);
  g_assert_cmpuint (refused, >, 0);
  driver_enable (&d);
  g_assert_cmphex (driver_status (&d, 0, &(Command){ .opcode = 10, .dword = { 6 } }), ==, 0);
  driver_close (&d);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-nvme-XXXXXX", NULL);
  path = g_build_filename (folder, "disk.img", NULL);
  g_test_add_func ("/nvme/registers", test_registers);
  g_test_add_func ("/nvme/identify", test_identify);
  g_test_add_func ("/nvme/features", test_features);
  g_test_add_func ("/nvme/feature-values", test_feature_values);
  g_test_add_func ("/nvme/events", test_events);
  g_test_add_func ("/nvme/error-log", test_error_log);
  g_test_add_func ("/nvme/queues", test_queues);
  g_test_add_func ("/nvme/pin", test_pin);
  g_test_add_func ("/nvme/transfers", test_transfers);
  g_test_add_func ("/nvme/zeroes", test_zeroes);
  g_test_add_func ("/nvme/wrong", test_wrong);
  g_test_add_func ("/nvme/compare", test_compare);
  g_test_add_func ("/nvme/read-only", test_read_only);
  g_test_add_func ("/nvme/full", test_full);
  for (int i = 0; i < 4; i++)
    {
      static const char *const names[] = { "controller", "queue", "device", "bus-master" };
      g_autofree char *name = g_strconcat ("/nvme/in-flight/", names[i], NULL);

      g_test_add_data_func (name, GINT_TO_POINTER (i), test_reset_in_flight);
    }
  g_test_add_data_func ("/nvme/no-room", NULL, test_no_room);
  g_test_add_data_func ("/nvme/no-room/loaded", "", test_no_room);
  g_test_add_func ("/nvme/saved-wrong", test_saved_wrong);
  result = g_test_run ();
  g_unlink (path);
  g_rmdir (folder);
  g_free (path);
  g_free (folder);
  return result;
}
