/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The IDE function: disks by PIO and DMA, CD-ROM, resets, saved states, hostile use.
 */
#include "tests/unit/storage/ide-fixture.h"

#include <errno.h>

static void
test_identify (void)
{
  uint8_t data[512], sum = 0;

  setup ();
  g_assert_cmphex (in (0x1f7, 1), ==, 0x50);
  command28 (0xec, 0, 0);
  g_assert_cmphex (wait_ready (0x1f0), ==, 0x58);
  g_assert_cmpuint (irq_count[0], ==, 1);
  read_data (0x1f0, data, 512);
  g_assert_cmphex (in (0x1f7, 1), ==, 0x50);
  for (int i = 0; i < 512; i++)
    sum += data[i];
  g_assert_cmpuint (sum, ==, 0);
  g_assert_cmpmem (data + 20, 8, "ESIRLA 7", 8);
  g_assert_cmpuint (pci_get32 (data + 120), ==, N_SECTORS);
  g_assert_cmpuint (pci_get32 (data + 200), ==, N_SECTORS);
  g_assert_cmpuint (pci_get16 (data + 2), ==, N_SECTORS / (16 * 63));
  /* A packet device refuses, with its signature in place. */
  out (0x176, 0xa0, 1);
  out (0x177, 0xec, 1);
  g_assert_cmphex (in (0x177, 1) & ATA_ERR, ==, ATA_ERR);
  g_assert_cmphex (in (0x174, 1), ==, 0x14);
  g_assert_cmphex (in (0x175, 1), ==, 0xeb);
  /* The error register reads once. */
  g_assert_cmphex (in (0x171, 1), ==, ATA_ABRT);
  g_assert_cmphex (in (0x171, 1), ==, 0);
  out (0x177, 0xa1, 1);
  read_data (0x170, data, 512);
  g_assert_cmphex (pci_get16 (data), ==, 0x85c0);
  teardown ();
}

static void
test_pio (void)
{
  uint8_t data[16 * 512];

  setup ();
  command28 (0x20, 5, 3);
  for (unsigned i = 0; i < 3; i++)
    {
      g_assert_cmphex (wait_ready (0x1f0), ==, 0x58);
      g_assert_cmphex (in (0x1f7, 1), ==, 0x58); /* takes the interrupt back */
      g_assert_cmpuint (irq_count[0], ==, i + 1);
      read_data (0x1f0, data, 512);
      g_assert_cmpuint (pci_get32 (data), ==, 5 + i);
    }
  g_assert_cmphex (in (0x1f7, 1), ==, 0x50);
  g_assert_cmpuint (irq_count[0], ==, 3);
  g_assert_cmpuint (in (0x1f3, 1), ==, 7);

  /* Writes: no interrupt for the first block, one for each that follows and for the end. */
  irq_count[0] = 0;
  command28 (0x30, 100, 2);
  g_assert_cmphex (in (0x1f7, 1), ==, 0x58);
  g_assert_cmpuint (irq_count[0], ==, 0);
  for (unsigned i = 0; i < 128; i++)
    out (0x1f0, 0x11223344, 4);
  g_assert_cmpuint (irq_count[0], ==, 1);
  in (0x1f7, 1);
  for (unsigned i = 0; i < 256; i++)
    out (0x1f0, 0x5566, 2);
  g_assert_cmphex (wait_ready (0x1f0), ==, 0x50);
  g_assert_cmpuint (irq_count[0], ==, 2);
  command28 (0xc4, 100, 2); /* READ MULTIPLE: both in one block */
  wait_ready (0x1f0);
  read_data (0x1f0, data, 1024);
  g_assert_cmphex (in (0x1f7, 1), ==, 0x50);
  g_assert_cmphex (pci_get32 (data), ==, 0x11223344);
  g_assert_cmphex (pci_get16 (data + 1022), ==, 0x5566);

  /* SET MULTIPLE takes powers of two up to 16. */
  command28 (0xc6, 0, 3);
  g_assert_cmphex (in (0x1f7, 1) & 1, ==, 1);
  command28 (0xc4, 0, 1);
  g_assert_cmphex (in (0x1f7, 1) & 1, ==, 1);
  command28 (0xc6, 0, 8);
  g_assert_cmphex (in (0x1f7, 1) & 1, ==, 0);

  /* 48 bit, to the last sector and beyond. */
  command48 (0x24, N_SECTORS - 1, 1);
  g_assert_cmphex (wait_ready (0x1f0), ==, 0x58);
  read_data (0x1f0, data, 512);
  command48 (0x24, N_SECTORS - 1, 2);
  g_assert_cmphex (in (0x1f7, 1), ==, 0x51);
  g_assert_cmphex (in (0x1f1, 1), ==, ATA_IDNF);
  command48 (0x27, 0, 0);
  g_assert_cmphex (in (0x1f3, 1), ==, (N_SECTORS - 1) & 255);
  out (0x3f6, 0x80, 1);
  g_assert_cmphex (in (0x1f3, 1), ==, (N_SECTORS - 1) >> 24);

  /* CHS: cylinder 1, head 2, sector 3 of 16/63, then of 4/10. */
  out (0x1f6, 0xa2, 1);
  out (0x1f2, 1, 1);
  out (0x1f3, 3, 1);
  out (0x1f4, 1, 1);
  out (0x1f5, 0, 1);
  out (0x1f7, 0x20, 1);
  wait_ready (0x1f0);
  read_data (0x1f0, data, 512);
  g_assert_cmpuint (pci_get32 (data), ==, (16 + 2) * 63 + 2);
  out (0x1f6, 0xa3, 1);
  out (0x1f2, 10, 1);
  out (0x1f7, 0x91, 1);
  out (0x1f6, 0xa2, 1);
  out (0x1f2, 1, 1);
  out (0x1f3, 3, 1);
  out (0x1f4, 1, 1);
  out (0x1f7, 0x20, 1);
  wait_ready (0x1f0);
  read_data (0x1f0, data, 512);
  g_assert_cmpuint (pci_get32 (data), ==, (4 + 2) * 10 + 2);
  for (const uint8_t *c = (const uint8_t *)"\xe7\xea\xf5\xe0\xe5\x10\x70"; *c != 0; c++)
    {
      out (0x1f6, 0xe0, 1);
      out (0x1f3, 1, 1);
      out (0x1f7, *c, 1);
      g_assert_cmphex (wait_ready (0x1f0), ==, 0x50);
    }
  teardown ();
}

static void
prd (unsigned n, uint32_t address, uint32_t count)
{
  uint8_t entry[8];
  pci_set32 (entry, address);
  pci_set32 (entry + 4, count);
  address_space_write_memory (vm->memory, TABLE + 8 * n, entry, 8);
}

static uint8_t
run_dma (uint8_t command, uint64_t lba, uint16_t count, gboolean to_memory)
{
  out (BM_BASE + 4, TABLE, 4);
  out (BM_BASE, to_memory ? 8 : 0, 1);
  out (BM_BASE + 2, 6, 1);
  command48 (command, lba, count);
  out (BM_BASE, to_memory ? 9 : 1, 1);
  wait_ready (0x1f0);
  for (int i = 0; i < 100; i++)
    pump ();
  return (uint8_t)in (BM_BASE + 2, 1);
}

static void
test_dma (void)
{
  uint8_t data[4096];
  uint32_t at = 0x20000;

  setup ();
  /* Three descriptors that split sectors. */
  prd (0, at, 700);
  prd (1, at + 700, 2);
  prd (2, at + 702, 0x80000000u | (4096 - 702));
  g_assert_cmphex (run_dma (0x25, 8, 8, TRUE), ==, 4);
  g_assert_cmpuint (irq_count[0], ==, 1);
  g_assert_cmphex (in (0x1f7, 1), ==, 0x50);
  address_space_read_memory (vm->memory, at, data, 4096);
  for (unsigned i = 0; i < 8; i++)
    {
      g_assert_cmpuint (pci_get32 (data + 512 * i), ==, 8 + i);
      g_assert_cmpuint (data[512 * i + 511], ==, 8 + i);
    }
  /* Back to another place: longer than the table needs, so the bus master stays active. */
  prd (0, at, 0x80000000u); /* 64 KiB */
  g_assert_cmphex (run_dma (0x35, 200, 8, FALSE), ==, 5);
  out (BM_BASE, 0, 1);
  g_assert_cmphex (in (BM_BASE + 2, 1) & 1, ==, 0);
  in (0x1f7, 1);
  command28 (0x20, 201, 1);
  wait_ready (0x1f0);
  read_data (0x1f0, data, 512);
  g_assert_cmpuint (pci_get32 (data), ==, 9);
  in (0x1f7, 1);
  /* A large one with wraps of the buffer. */
  for (unsigned i = 0; i < 32; i++)
    prd (i, 0x100000 + i * 0x10000, i == 31 ? 0x80000000u : 0);
  g_assert_cmphex (run_dma (0x25, 0, 4096, TRUE), ==, 4);
  address_space_read_memory (vm->memory, 0x100000 + 4095 * 512, data, 4);
  g_assert_cmpuint (pci_get32 (data), ==, 4095);
  in (0x1f7, 1);
  /* Short table: stops, no interrupt, the drive is ready. */
  irq_count[0] = 0;
  prd (0, at, 0x80000000u | 512);
  g_assert_cmphex (run_dma (0x25, 0, 2, TRUE), ==, 0);
  g_assert_cmpuint (irq_count[0], ==, 0);
  g_assert_cmphex (in (0x1f7, 1), ==, 0x50);
  /* A hole, and a table in a hole: error, and the command ends. */
  prd (0, 0xf0000000u, 0x80000000u | 512);
  g_assert_cmphex (run_dma (0x25, 0, 1, TRUE), ==, 6);
  g_assert_cmphex (in (0x1f7, 1), ==, 0x51);
  /* The last bytes of RAM and the hole behind. */
  prd (0, RAM_SIZE - 256, 0x80000000u | 512);
  g_assert_cmphex (run_dma (0x25, 0, 1, TRUE), ==, 6);
  g_assert_cmphex (in (0x1f7, 1), ==, 0x51);
  /* Discards. */
  memset (data, 0, 512);
  data[0] = 16;
  data[6] = 8;
  address_space_write_memory (vm->memory, at, data, 512);
  prd (0, at, 0x80000000u | 512);
  out (0x1f1, 1, 1);
  g_assert_cmphex (run_dma (0x06, 0, 1, FALSE), ==, 4);
  g_assert_cmphex (in (0x1f7, 1), ==, 0x50);
  teardown ();
}

/* A descriptor that points at a device's own registers must not reach them. */
static uint64_t
trap_read (void *opaque, uint64_t addr, unsigned size)
{
  g_assert_not_reached ();
}

static void
trap_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  g_assert_not_reached ();
}

static void
test_dma_registers (void)
{
  static const IoOps ops = { .read = trap_read, .write = trap_write };
  setup ();
  vm_lock (vm);
  Region *trap = region_new_io ("trap", 4096, &ops, NULL);
  address_space_map (vm->memory, trap, 0xe0000000, 0, 4096, 0);
  region_unref (trap);
  vm_unlock (vm);
  prd (0, 0xe0000000u, 0x80000000u | 512);
  g_assert_cmphex (run_dma (0x25, 0, 1, TRUE), ==, 6);
  in (0x1f7, 1);
  g_assert_cmphex (run_dma (0x35, 0, 1, FALSE), ==, 6);
  teardown ();
}

static void
test_reset (void)
{
  setup ();
  /* A reset and a new command while the old request is in flight. */
  for (int i = 0; i < 50; i++)
    {
      command48 (0x24, (uint64_t)i * 1000, 256);
      out (0x3f6, 4, 1);
      g_assert_cmphex (in (0x1f7, 1), ==, 0x80);
      out (0x3f6, 0, 1);
      g_assert_cmphex (in (0x1f7, 1), ==, 0x50);
      g_assert_cmphex (in (0x1f2, 1), ==, 1);
      g_assert_cmphex (in (0x1f4, 1), ==, 0);
    }
  command28 (0x20, 77, 1);
  g_assert_cmphex (wait_ready (0x1f0), ==, 0x58);
  uint8_t data[512];
  read_data (0x1f0, data, 512);
  g_assert_cmpuint (pci_get32 (data), ==, 77);
  /* Absent slave behind a master, and an absent answer to commands. */
  out (0x1f6, 0xb0, 1);
  g_assert_cmphex (in (0x1f7, 1), ==, 0);
  out (0x1f7, 0xec, 1);
  g_assert_cmphex (in (0x1f7, 1), ==, 0);
  /* Unplug with a request in flight. */
  command28 (0x20, 0, 0);
  vm_lock (vm);
  ide_detach (ide, 0, 0);
  vm_unlock (vm);
  pump ();
  g_assert_cmphex (in (0x1f7, 1), ==, 0);
  g_assert_cmphex (in (0x1f0, 2), ==, 0);
  teardown ();
}

static void
test_save (void)
{
  uint8_t data[512];

  setup ();
  command28 (0x20, 40, 4);
  wait_ready (0x1f0);
  read_data (0x1f0, data, 512);
  read_data (0x1f0, data, 100);
  g_autoptr (GByteArray) saved = save_state (ide);
  read_data (0x1f0, data, 412);
  out (0x3f6, 4, 1);
  out (0x3f6, 0, 1);
  g_assert_true (load_state (ide, saved));
  read_data (0x1f0, data, 412);
  g_assert_cmpuint (data[0], ==, 41);
  for (unsigned i = 2; i < 4; i++)
    {
      g_assert_cmphex (in (0x1f7, 1), ==, 0x58);
      read_data (0x1f0, data, 512);
      g_assert_cmpuint (pci_get32 (data), ==, 40 + i);
    }
  /* Paused: what is wanted of the image waits, is saved, and goes on afterwards. */
  vm_lock (vm);
  ide->klass->pause (ide);
  vm_unlock (vm);
  command28 (0x20, 60, 1);
  pump ();
  g_assert_cmphex (in (0x3f6, 1) & 0x80, ==, 0x80);
  g_assert_true (ide->klass->drained (ide));
  g_autoptr (GByteArray) waiting = save_state (ide);
  g_assert_true (load_state (ide, waiting));
  vm_lock (vm);
  ide->klass->resume (ide);
  vm_unlock (vm);
  g_assert_cmphex (wait_ready (0x1f0), ==, 0x58);
  read_data (0x1f0, data, 512);
  g_assert_cmpuint (pci_get32 (data), ==, 60);

  /* An address that a command was refused for is still there while a flush waits. */
  command28 (0x20, 0xffffff0, 1);
  g_assert_cmphex (wait_ready (0x1f0) & 1, ==, 1);
  vm_lock (vm);
  ide->klass->pause (ide);
  vm_unlock (vm);
  command28 (0xe7, 0, 0);
  g_autoptr (GByteArray) flushing = save_state (ide);
  g_assert_true (load_state (ide, flushing));
  vm_lock (vm);
  ide->klass->resume (ide);
  vm_unlock (vm);
  wait_ready (0x1f0);

  /* Changed bytes: refused or harmless. */
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  for (int round = 0; round < 60; round++)
    {
      g_autoptr (GByteArray) bad = g_byte_array_new ();
      g_byte_array_append (bad, saved->data, saved->len);
      for (int i = 0; i < 400; i++)
        {
          guint32 at = (guint32)g_rand_int_range (rand, 0, (gint32)bad->len);
          bad->data[at] = (guint8)g_rand_int (rand);
        }
      load_state (ide, bad);
      for (int i = 0; i < 600; i++)
        in (0x1f0, 4);
      for (int i = 0; i < 600; i++)
        out (0x1f0, 0, 4);
      pump ();
      out (0x3f6, 4, 1);
      out (0x3f6, 0, 1);
    }
  /* One field at a time, with values that a table alone can't refuse. */
  Ide *raw = (Ide *)ide;
  g_assert_true (load_state (ide, saved));
  raw->channel[0].drive[0].pos = 1000;
  raw->channel[0].drive[0].len = 500;
  g_autoptr (GByteArray) crossed = save_state (ide);
  g_assert_true (load_state (ide, saved));
  g_assert_false (load_state (ide, crossed));
  g_assert_true (load_state (ide, saved));
  teardown ();
}

/* -- CD-ROM -------------------------------------------------------------------------------------- */

/* Sends a packet and takes what comes; returns the bytes that came, -1 on CHECK CONDITION (`*key` is then the sense key). */
static int
packet (const uint8_t cdb[12], void *buffer, unsigned limit, uint8_t *key)
{
  unsigned got = 0;
  uint8_t *p = buffer;

  out (0x176, 0xa0, 1);
  out (0x171, 0, 1);
  out (0x174, limit & 255, 1);
  out (0x175, limit >> 8, 1);
  out (0x177, 0xa0, 1);
  g_assert_cmphex (in (0x172, 1) & 3, ==, 1);
  for (unsigned i = 0; i < 12; i += 2)
    out (0x170, cdb[i] | cdb[i + 1] << 8, 2);
  for (;;)
    {
      uint8_t status = wait_ready (0x170);
      in (0x177, 1);
      if (status & ATA_ERR)
        {
          *key = (uint8_t)(in (0x171, 1) >> 4);
          return -1;
        }
      if (!(status & ATA_DRQ))
        break;
      unsigned n = in (0x174, 1) | in (0x175, 1) << 8;
      g_assert_cmphex (in (0x172, 1) & 3, ==, 2);
      g_assert_cmpuint (n, <=, MAX (limit, 2));
      g_assert_cmpuint (n, >, 0);
      read_data (0x170, p + got, n);
      got += n;
    }
  g_assert_cmphex (in (0x172, 1) & 3, ==, 3);
  return (int)got;
}

static void
sense (uint8_t *key, uint8_t *asc)
{
  const uint8_t cdb[12] = { 3, 0, 0, 0, 18 };
  uint8_t data[18], unused;
  g_assert_cmpint (packet (cdb, data, 18, &unused), ==, 18);
  *key = data[2];
  *asc = data[12];
}

static void
test_cd_read (void)
{
  static uint8_t data[600 * 2352];
  static const unsigned limits[] = { 2, 512, 2046, 2048, 2049, 4096, 0xfffe };
  uint8_t key;

  setup ();
  for (unsigned i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      const uint8_t read10[12] = { 0x28, 0, 0, 0, 0, 7, 0, 0, limits[i] == 2 ? 2 : 70 };
      unsigned n = read10[8];
      g_assert_cmpint (packet (read10, data, limits[i], &key), ==, (int)n * 2048);
      for (unsigned s = 0; s < n; s++)
        g_assert_cmpuint (pci_get32 (data + s * 2048), ==, (7 + s) * 4);
    }
  const uint8_t raw[12] = { 0xbe, 0, 0, 0, 0, 16, 0, 0, 60, 0xf8 };
  g_assert_cmpint (packet (raw, data, 0xfffe, &key), ==, 60 * 2352);
  for (unsigned s = 0; s < 60; s++)
    {
      g_assert_cmpuint (pci_get32 (data + s * 2352 + 16), ==, (16 + s) * 4);
      g_assert_cmpuint (data[s * 2352 + 15], ==, 1);
    }
  const uint8_t beyond[12] = { 0x28, 0, 0, 0, 2, 0, 0, 0, 1 }; /* sector 512 of 512 */
  g_assert_cmpint (packet (beyond, data, 2048, &key), ==, -1);
  g_assert_cmpuint (key, ==, 5);
  const uint8_t wild[12] = { 0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  g_assert_cmpint (packet (wild, data, 2048, &key), ==, -1);
  const uint8_t capacity[12] = { 0x25 };
  g_assert_cmpint (packet (capacity, data, 8, &key), ==, 8);
  g_assert_cmpmem (data, 8, "\0\0\x1\xff\0\0\x8\0", 8);

  /* DMA, into odd pieces. */
  prd (0, 0x30000, 1000);
  prd (1, 0x40000, 0x80000000u | 3096);
  out (BM_BASE + 12, TABLE, 4);
  out (0x171, 1, 1);
  out (0x177, 0xa0, 1);
  const uint8_t read10[12] = { 0x28, 0, 0, 0, 0, 1, 0, 0, 2 };
  for (unsigned i = 0; i < 12; i += 2)
    out (0x170, read10[i] | read10[i + 1] << 8, 2);
  out (BM_BASE + 8, 9, 1);
  wait_ready (0x170);
  g_assert_cmphex (in (BM_BASE + 10, 1), ==, 4);
  address_space_read_memory (vm->memory, 0x40000 + 1048, data, 4);
  g_assert_cmpuint (pci_get32 (data), ==, 8);
  teardown ();
}

/* Each answer at each allocation length: exactly as much as was asked for, and a true prefix. */
static void
test_cd_answers (void)
{
  static const uint8_t cdbs[][12] = {
    { 0x5a, 0, 0x3f },
    { 0x5a, 0, 0x2a },
    { 0x5a, 0, 0x01 },
    { 0x5a, 0, 0x4e },
    { 0x43, 2 },
    { 0x43, 0, 1 },
    { 0x43, 0, 2 },
    { 0x43, 0, 0, 0, 0, 0, 0xaa },
    { 0x46 },
    { 0x46, 2, 0, 0x10 },
    { 0x4a, 1, 0, 0, 0x10 },
    { 0x51 },
    { 0x52, 1, 0, 0, 0, 1 },
    { 0x42, 0, 0x40, 1 },
  };
  uint8_t full[512], data[512], key;

  setup ();
  for (unsigned i = 0; i < G_N_ELEMENTS (cdbs); i++)
    {
      uint8_t cdb[12];
      memcpy (cdb, cdbs[i], 12);
      cdb[8] = 255;
      int length = packet (cdb, full, 0xfffe, &key);
      g_assert_cmpint (length, >, 3);
      g_assert_cmpint (length, <, 255);
      for (int n = 0; n < 255; n++)
        {
          cdb[8] = (uint8_t)n;
          g_assert_cmpint (packet (cdb, data, 0xfffe, &key), ==, MIN (n, length));
          g_assert_cmpmem (data, MIN (n, length), full, MIN (n, length));
        }
    }
  /* Pages that aren't there, saved values, subpages. */
  for (unsigned page = 0; page < 256; page++)
    {
      const uint8_t cdb[12] = { 0x5a, 0, (uint8_t)page, 0, 0, 0, 0, 0, 255 };
      gboolean known
          = page >> 6 != 3 && strchr ("\x01\x0d\x0e\x2a\x3f", page & 0x3f) != NULL && (page & 0x3f) != 0;
      g_assert_cmpint (packet (cdb, data, 0xfffe, &key) >= 0, ==, known);
    }
  const uint8_t toc[12] = { 0x43, 2, 0, 0, 0, 0, 0, 0, 20 };
  g_assert_cmpint (packet (toc, data, 20, &key), ==, 20);
  /* 512 sectors: lead-out at 00:08:62. */
  g_assert_cmpmem (data, 20, "\0\x12\1\1\0\x14\1\0\0\0\2\0\0\x14\xaa\0\0\0\x8\x3e", 20);
  /* Every opcode answers or refuses. */
  for (unsigned op = 0; op < 256; op++)
    {
      if (op == 0x15 || op == 0x55 || op == 0x08) /* these take or give more than the buffer here */
        continue;
      const uint8_t cdb[12] = { (uint8_t)op };
      packet (cdb, data, 64, &key);
    }
  teardown ();
}

static char tray_news[32];

static void
on_tray (void *opaque, unsigned channel, unsigned unit, gboolean open)
{
  g_assert_true (vm_lock_held (vm));
  g_snprintf (tray_news, sizeof tray_news, "%u.%u %s", channel, unit, open ? "open" : "closed");
}

static gboolean
change_media (Block *block, gboolean force, GError **error)
{
  Block *old = NULL;

  vm_lock (vm);
  gboolean ok = ide_change_media (ide, 1, 0, block, force, &old, error);
  vm_unlock (vm);
  block_close (old);
  return ok;
}

static void
test_media_change (void)
{
  const uint8_t ready[12] = { 0 }, prevent[12] = { 0x1e, 0, 0, 0, 1 }, allow[12] = { 0x1e };
  const uint8_t eject[12] = { 0x1b, 0, 0, 0, 2 }, load[12] = { 0x1b, 0, 0, 0, 3 };
  const uint8_t event[12] = { 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8 };
  g_autoptr (GError) error = NULL;
  uint8_t data[32], key, asc;

  setup ();
  g_assert_cmpint (packet (ready, data, 0, &key), ==, 0);
  /* Locked: refused, and the guest hears of it. */
  packet (prevent, data, 0, &key);
  vm_lock (vm);
  g_assert_true (ide_drive_locked (ide, 1, 0));
  vm_unlock (vm);
  g_assert_false (change_media (NULL, FALSE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_assert_cmpint (packet (event, data, 8, &key), ==, 8);
  g_assert_cmphex (data[4], ==, 1);
  g_assert_cmpint (packet (eject, data, 0, &key), ==, -1);
  sense (&key, &asc);
  g_assert_cmphex (asc, ==, 0x53);
  packet (allow, data, 0, &key);
  /* Another disc: gone, then changed, then ready. */
  g_assert_true (change_media (cd_image ("two.iso", 3 << 20), FALSE, NULL));
  g_assert_cmpint (packet (ready, data, 0, &key), ==, -1);
  sense (&key, &asc);
  g_assert_cmphex (key, ==, 2);
  g_assert_cmphex (asc, ==, 0x3a);
  g_assert_cmpint (packet (ready, data, 0, &key), ==, -1);
  sense (&key, &asc);
  g_assert_cmphex (key, ==, 6);
  g_assert_cmphex (asc, ==, 0x28);
  g_assert_cmpint (packet (ready, data, 0, &key), ==, 0);
  sense (&key, &asc);
  g_assert_cmphex (key, ==, 0);
  /* The guest ejects and loads, and that is told. */
  ide_set_tray_func (ide, on_tray, NULL);
  g_assert_cmpint (packet (eject, data, 0, &key), ==, 0);
  g_assert_true (ide_tray_open (ide, 1, 0));
  g_assert_cmpstr (tray_news, ==, "1.0 open");
  g_assert_cmpint (packet (ready, data, 0, &key), ==, -1);
  g_assert_cmphex (key, ==, 2);
  g_assert_cmpint (packet (load, data, 0, &key), ==, 0);
  g_assert_cmpstr (tray_news, ==, "1.0 closed");
  g_assert_cmpint (packet (ready, data, 0, &key), ==, -1);
  g_assert_cmphex (key, ==, 6);
  /* Locked again, and taken by force. */
  packet (prevent, data, 0, &key);
  g_assert_true (change_media (cd_image ("three.iso", 1 << 20), TRUE, NULL));
  vm_lock (vm);
  g_assert_false (ide_drive_locked (ide, 1, 0));
  vm_unlock (vm);
  for (unsigned i = 0; i < 2; i++)
    packet (ready, data, 0, &key);
  /* A disc without a byte is none. */
  Block *nothing = cd_image ("nothing.iso", 0);
  g_assert_false (change_media (nothing, FALSE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  block_close (nothing);
  /* Taken out while a read is in flight: the read ends. */
  const uint8_t read10[12] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 60 };
  out (0x177, 0xa0, 1);
  for (unsigned i = 0; i < 12; i += 2)
    out (0x170, read10[i] | read10[i + 1] << 8, 2);
  g_assert_true (change_media (NULL, FALSE, NULL));
  pump ();
  g_assert_cmphex (in (0x177, 1), ==, 0x51);
  g_assert_cmphex (in (0x171, 1) >> 4, ==, 2);
  teardown ();
}

/* A full disk on the host: the machine pauses and says why, and the write is made when it goes on, once or as often as it takes. */
static void
test_no_room (void)
{
  uint8_t data[512];

  image_test = "";
  setup ();
  image_test = NULL;
  vm_start (vm, FALSE);
  block_faults_fail (block_get_faults (ide_drive_media (ide, 0, 0)), BLOCK_OP_WRITE, ENOSPC, 2, 0);
  command28 (0x30, 100, 1);
  for (unsigned i = 0; i < 256; i++)
    out (0x1f0, 0x1234, 2);
  for (unsigned turn = 0; turn < 2; turn++)
    {
      for (unsigned i = 0; i < 20000 && vm_state (vm) != VM_STATE_PAUSED; i++)
        {
          pump ();
          g_usleep (50);
        }
      g_assert_cmpint (vm_state (vm), ==, VM_STATE_PAUSED);
      g_assert_nonnull (strstr (vm_state_reason (vm), "disk.img"));
      g_assert_cmphex (in (0x3f6, 1) & ATA_BSY, ==, ATA_BSY);
      vm_resume (vm);
    }
  g_assert_cmphex (wait_ready (0x1f0), ==, 0x50);
  g_assert_cmpint (vm_state (vm), ==, VM_STATE_RUNNING);
  g_assert_true (block_read_sync (ide_drive_media (ide, 0, 0), 100 * 512, data, sizeof data, NULL));
  g_assert_cmphex (data[0], ==, 0x34);
  g_assert_cmphex (data[511], ==, 0x12);
  /* Other errors are the guest's. */
  block_faults_fail (block_get_faults (ide_drive_media (ide, 0, 0)), BLOCK_OP_WRITE, EIO, 1, 0);
  command28 (0x30, 100, 1);
  for (unsigned i = 0; i < 256; i++)
    out (0x1f0, 0x1234, 2);
  g_assert_cmphex (wait_ready (0x1f0) & ATA_ERR, ==, ATA_ERR);
  g_assert_cmpint (vm_state (vm), ==, VM_STATE_RUNNING);
  /* A reset in between ends the command; nothing is written late. */
  block_faults_fail (block_get_faults (ide_drive_media (ide, 0, 0)), BLOCK_OP_WRITE, ENOSPC, 1, 0);
  command28 (0x30, 101, 1);
  for (unsigned i = 0; i < 256; i++)
    out (0x1f0, 0x5678, 2);
  for (unsigned i = 0; i < 20000 && vm_state (vm) != VM_STATE_PAUSED; i++)
    {
      pump ();
      g_usleep (50);
    }
  vm_reset (vm);
  pump ();
  vm_resume (vm);
  pump ();
  g_assert_true (block_read_sync (ide_drive_media (ide, 0, 0), 101 * 512, data, sizeof data, NULL));
  g_assert_cmpuint (data[0], ==, 101);
  vm_stop (vm, "");
  teardown ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ide/identify", test_identify);
  g_test_add_func ("/ide/pio", test_pio);
  g_test_add_func ("/ide/dma", test_dma);
  g_test_add_func ("/ide/dma-registers", test_dma_registers);
  g_test_add_func ("/ide/reset", test_reset);
  g_test_add_func ("/ide/save", test_save);
  g_test_add_func ("/ide/cd-read", test_cd_read);
  g_test_add_func ("/ide/cd-answers", test_cd_answers);
  g_test_add_func ("/ide/media-change", test_media_change);
  g_test_add_func ("/ide/no-room", test_no_room);
  return g_test_run ();
}
