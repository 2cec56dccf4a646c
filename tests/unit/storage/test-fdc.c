/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The floppy controller on a DMA channel of the test's own.
 */
#include "block/block-testing.h"
#include "block/block.h"
#include "storage/fdc.h"
#include "storage/fdc-internal.h"
#include "tests/unit/storage/storage-fixture.h"

#include <errno.h>

static Device *fdc;
static uint8_t dma_memory[256 * 1024];
static size_t dma_pos, dma_count; /* bytes passed, and programmed */
static gboolean dma_masked;

static void
fake_set_dreq (Device *dma, unsigned channel, gboolean level)
{
  g_assert_cmpuint (channel, ==, 2);
}

static size_t
fake_transfer (Device *dma, unsigned channel, void *buffer, size_t n, gboolean to_memory, gboolean *tc)
{
  *tc = FALSE;
  if (dma_masked || dma_pos >= dma_count)
    return 0;
  n = MIN (n, dma_count - dma_pos);
  if (to_memory)
    memcpy (dma_memory + dma_pos, buffer, n);
  else
    memcpy (buffer, dma_memory + dma_pos, n);
  dma_pos += n;
  *tc = dma_pos == dma_count;
  return n;
}

/* A sector's number, as new_image() has written it. */
static uint32_t
pci_number (const uint8_t *p)
{
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static void
program_dma (size_t count)
{
  dma_pos = 0;
  dma_count = count;
}

static void
setup (uint64_t size, BlockFlags flags)
{
  const IrqLine irq = IRQ_LINE (on_irq, NULL, 0);
  const IsaDmaOps dma = { .dma = (Device *)1, .set_dreq = fake_set_dreq, .transfer = fake_transfer };
  g_autoptr (GError) error = NULL;

  memset (irq_count, 0, sizeof irq_count);
  memset (irq_level, 0, sizeof irq_level);
  memset (&port_cache, 0, sizeof port_cache);
  dma_masked = FALSE;
  program_dma (0);
  vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  fdc = fdc_new (vm, "fdc", &irq, &dma, 2);
  if (size != 0)
    g_assert_true (fdc_attach (fdc, 0, FDC_DRIVE_AUTO, new_image ("a.img", size, flags), &error));
  g_assert_true (device_realize (fdc, &error));
  fdc->klass->reset (fdc);
  vm_unlock (vm);
}

static void
teardown (void)
{
  vm_lock (vm);
  device_free (fdc);
  vm_unlock (vm);
  pump ();
  access_cache_clear (&port_cache);
  vm_free (vm);
  remove_folder ();
}

static gboolean
change_media (Block *block, GError **error)
{
  Block *old = NULL;

  vm_lock (vm);
  gboolean ok = fdc_change_media (fdc, 0, block, &old, error);
  vm_unlock (vm);
  block_close (old);
  return ok;
}

static void
send (const uint8_t *bytes, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    {
      g_assert_cmphex (in (0x3f4, 1) & 0xc0, ==, 0x80);
      out (0x3f5, bytes[i], 1);
    }
}

static unsigned
results (uint8_t *bytes)
{
  unsigned n = 0;

  for (int i = 0; i < 20000 && (in (0x3f4, 1) & 0xc0) != 0xc0; i++)
    {
      advance (10000);
      if (i > 1000)
        g_usleep (50);
    }
  while ((in (0x3f4, 1) & 0xc0) == 0xc0 && n < 16)
    bytes[n++] = (uint8_t)in (0x3f5, 1);
  return n;
}

#define SEND(...) send ((const uint8_t[]){ __VA_ARGS__ }, sizeof (const uint8_t[]){ __VA_ARGS__ })

static void
seek (uint8_t track)
{
  uint8_t r[16];
  SEND (0x0f, 0, track);
  advance (5 * 1000 * 1000);
  SEND (0x08);
  g_assert_cmpuint (results (r), ==, 2);
  g_assert_cmphex (r[0], ==, 0x20);
  g_assert_cmpuint (r[1], ==, track);
}

static void
start_controller (uint8_t rate, gboolean non_dma)
{
  uint8_t r[16];

  out (0x3f2, 0, 1);
  g_assert_cmphex (in (0x3f4, 1), ==, 0);
  out (0x3f2, 0x1c, 1);
  advance (1000 * 1000);
  g_assert_true (irq_level[0]);
  for (unsigned i = 0; i < 4; i++)
    {
      SEND (0x08);
      g_assert_cmpuint (results (r), ==, 2);
      g_assert_cmphex (r[0], ==, 0xc0 | i);
    }
  g_assert_false (irq_level[0]);
  SEND (0x08);
  g_assert_cmpuint (results (r), ==, 1);
  g_assert_cmphex (r[0], ==, 0x80);
  SEND (0x03, 0xaf, non_dma ? 3 : 2);
  out (0x3f7, rate, 1);
  SEND (0x07, 0);
  g_assert_cmphex (in (0x3f4, 1), ==, 0x81);
  advance (5 * 1000 * 1000);
  SEND (0x08);
  results (r);
  g_assert_cmphex (r[0], ==, 0x20);
}

static const struct
{
  unsigned kib, cylinders, heads, sectors, rate, cmos;
} formats[] = {
  { 160, 40, 1, 8, 2, 1 },   { 180, 40, 1, 9, 2, 1 },   { 320, 40, 2, 8, 1, 1 },
  { 360, 40, 2, 9, 2, 1 },   { 720, 80, 2, 9, 2, 4 },   { 1200, 80, 2, 15, 0, 2 },
  { 1440, 80, 2, 18, 0, 4 }, { 1680, 80, 2, 21, 0, 4 }, { 2880, 80, 2, 36, 3, 5 },
};

static void
test_formats (void)
{
  uint8_t r[16];

  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      unsigned spt = formats[i].sectors, last = formats[i].cylinders - 1, head = formats[i].heads - 1;
      setup (formats[i].kib * 1024, 0);
      g_assert_cmphex (fdc_cmos_type (fdc), ==, formats[i].cmos << 4);
      start_controller ((uint8_t)formats[i].rate, FALSE);
      SEND (0x4a, 0);
      g_assert_cmpuint (results (r), ==, 7);
      g_assert_cmphex (r[0], ==, 0);
      g_assert_cmpuint (r[6], ==, 2);
      out (0x3f7, formats[i].rate == 0 ? 2 : 0, 1);
      SEND (0x4a, 0);
      results (r);
      g_assert_cmphex (r[0] & 0xc0, ==, 0x40);
      g_assert_cmphex (r[1], ==, 1);
      out (0x3f7, formats[i].rate, 1);
      /* The last sector of all. */
      seek ((uint8_t)last);
      program_dma (512);
      SEND (0x46, (uint8_t)(head << 2), (uint8_t)last, (uint8_t)head, (uint8_t)spt, 2, (uint8_t)spt, 27, 255);
      irq_count[0] = 0;
      g_assert_cmpuint (results (r), ==, 7);
      g_assert_cmpuint (irq_count[0], ==, 1);
      g_assert_cmphex (r[0], ==, head << 2);
      g_assert_cmphex (r[1], ==, 0);
      g_assert_cmpuint (r[3], ==, last + 1);
      g_assert_cmpuint (r[5], ==, 1);
      g_assert_cmpuint (pci_number (dma_memory), ==, formats[i].kib * 2 - 1);
      /* Format the track, write it, read it back. */
      for (unsigned s = 0; s < spt; s++)
        {
          uint8_t id[4] = { (uint8_t)last, (uint8_t)head, (uint8_t)(s + 1), 2 };
          memcpy (dma_memory + 4 * s, id, 4);
        }
      program_dma (4 * spt);
      SEND (0x4d, (uint8_t)(head << 2), 2, (uint8_t)spt, 80, 0xf6);
      g_assert_cmpuint (results (r), ==, 7);
      g_assert_cmphex (r[0] & 0xc0, ==, 0);
      memset (dma_memory, 0x5a, 1024);
      program_dma (1024);
      SEND (0x45, (uint8_t)(head << 2), (uint8_t)last, (uint8_t)head, 2, 2, (uint8_t)spt, 27, 255);
      results (r);
      g_assert_cmphex (r[0] & 0xc0, ==, 0);
      g_assert_cmpuint (r[5], ==, 4);
      memset (dma_memory, 0, sizeof dma_memory);
      program_dma (512 * spt);
      SEND (0x46, (uint8_t)(head << 2), (uint8_t)last, (uint8_t)head, 1, 2, (uint8_t)spt, 27, 255);
      results (r);
      g_assert_cmphex (r[0] & 0xc0, ==, 0);
      for (unsigned s = 0; s < spt; s++)
        g_assert_cmphex (dma_memory[s * 512 + 9], ==, s == 1 || s == 2 ? 0x5a : 0xf6);
      teardown ();
    }
}

/* Multi-track commands whose EOT is the last sector wanted, beyond the track: they go on with the other side. */
static void
test_eot_beyond (void)
{
  uint8_t r[16];

  setup (1440 * 1024, 0);
  start_controller (0, FALSE);
  program_dma (18 * 512);
  SEND (0xe6, 0, 0, 0, 2, 2, 19, 27, 255);
  g_assert_cmpuint (results (r), ==, 7);
  g_assert_cmphex (r[0], ==, 4);
  g_assert_cmphex (r[1], ==, 0);
  for (unsigned s = 0; s < 18; s++)
    g_assert_cmpuint (pci_number (dma_memory + s * 512), ==, s + 1);
  /* Where it ends: side 1, sector 2. */
  g_assert_cmpuint (r[3], ==, 0);
  g_assert_cmpuint (r[4], ==, 1);
  g_assert_cmpuint (r[5], ==, 2);
  /* The second side's end is the cylinder's. */
  program_dma (100000);
  SEND (0xe6, 0, 0, 0, 2, 2, 255, 27, 255);
  results (r);
  g_assert_cmphex (r[0], ==, 0x44);
  g_assert_cmphex (r[1], ==, 0x80);
  g_assert_cmpuint (dma_pos, ==, 35 * 512);
  /* Without the second side there is no sector 19. */
  program_dma (18 * 512);
  SEND (0x66, 0, 0, 0, 2, 2, 19, 27, 255);
  results (r);
  g_assert_cmphex (r[1], ==, 4);
  /* Writing. */
  for (unsigned s = 0; s < 18; s++)
    memset (dma_memory + s * 512, (int)(0x80 + s), 512);
  program_dma (18 * 512);
  SEND (0xc5, 0, 0, 0, 3, 2, 20, 27, 255);
  g_assert_cmpuint (results (r), ==, 7);
  g_assert_cmphex (r[0], ==, 4);
  g_assert_cmpuint (r[5], ==, 3);
  program_dma (36 * 512);
  SEND (0xe6, 0, 0, 0, 1, 2, 18, 27, 255);
  results (r);
  g_assert_cmphex (dma_memory[2 * 512 + 9], ==, 0x80);
  g_assert_cmphex (dma_memory[17 * 512 + 9], ==, 0x8f);
  g_assert_cmphex (dma_memory[18 * 512 + 9], ==, 0x90);
  g_assert_cmphex (dma_memory[19 * 512 + 9], ==, 0x91);
  g_assert_cmpuint (pci_number (dma_memory + 20 * 512), ==, 20);
  /* Verifying 18 sectors, and scanning past the side. */
  SEND (0xd6, 0x80, 0, 0, 2, 2, 19, 27, 18);
  results (r);
  g_assert_cmphex (r[0], ==, 4);
  g_assert_cmpuint (r[5], ==, 2);
  program_dma (2 * 512);
  memset (dma_memory, 0x8f, 512);
  memset (dma_memory + 512, 0x90, 512);
  dma_memory[5] = 0;
  SEND (0xd1, 0, 0, 0, 18, 2, 30, 27, 1);
  results (r);
  g_assert_cmphex (r[0], ==, 4);
  g_assert_cmphex (r[2], ==, 8);
  /* FORMAT TRACK with more sectors than the track has room for: the rest has no place. */
  for (unsigned s = 0; s < 24; s++)
    memcpy (dma_memory + 4 * s, ((uint8_t[]){ 0, 0, (uint8_t)(s + 1), 2 }), 4);
  program_dma (4 * 24);
  SEND (0x4d, 0, 2, 24, 80, 0xf6);
  g_assert_cmpuint (results (r), ==, 7);
  g_assert_cmphex (r[0] & 0xc0, ==, 0);
  program_dma (36 * 512);
  SEND (0xe6, 0, 0, 0, 1, 2, 18, 27, 255);
  results (r);
  g_assert_cmphex (dma_memory[17 * 512 + 9], ==, 0xf6);
  g_assert_cmphex (dma_memory[18 * 512 + 9], ==, 0x90);
  teardown ();
}

static void
test_read (void)
{
  uint8_t r[16];

  setup (1440 * 1024, 0);
  start_controller (0, FALSE);
  /* Multi-track: a whole cylinder, and on for ever is the end of cylinder. */
  program_dma (36 * 512);
  SEND (0xe6, 0, 0, 0, 1, 2, 18, 27, 255);
  g_assert_cmpuint (results (r), ==, 7);
  g_assert_cmphex (r[0], ==, 4);
  g_assert_cmpuint (r[3], ==, 1);
  for (unsigned s = 0; s < 36; s++)
    g_assert_cmpuint (pci_number (dma_memory + s * 512), ==, s);
  program_dma (100000);
  SEND (0x46, 0, 0, 0, 17, 2, 18, 27, 255);
  results (r);
  g_assert_cmphex (r[0], ==, 0x40);
  g_assert_cmphex (r[1], ==, 0x80);
  g_assert_cmpuint (dma_pos, ==, 1024);
  /* Part of a sector. */
  program_dma (100);
  SEND (0x46, 0, 0, 0, 3, 2, 18, 27, 255);
  results (r);
  g_assert_cmphex (r[0], ==, 0);
  g_assert_cmpuint (r[5], ==, 4);
  /* Wrong cylinder, no such sector, wrong size, wrong density. */
  SEND (0x46, 0, 1, 0, 3, 2, 18, 27, 255);
  results (r);
  g_assert_cmphex (r[1], ==, 4);
  g_assert_cmphex (r[2], ==, 0x10);
  SEND (0x46, 0, 0, 0, 19, 2, 19, 27, 255);
  results (r);
  g_assert_cmphex (r[1], ==, 4);
  SEND (0x46, 0, 0, 0, 1, 3, 18, 27, 255);
  results (r);
  g_assert_cmphex (r[1], ==, 4);
  SEND (0x06, 0, 0, 0, 1, 2, 18, 27, 255);
  results (r);
  g_assert_cmphex (r[1], ==, 1);
  /* A masked channel: waits a while, then the overrun. */
  dma_masked = TRUE;
  SEND (0x46, 0, 0, 0, 1, 2, 18, 27, 255);
  g_assert_cmpuint (results (r), ==, 7);
  g_assert_cmphex (r[1], ==, 0x10);
  dma_masked = FALSE;
  /* Implied seek. */
  SEND (0x13, 0, 0x57, 0);
  program_dma (512);
  SEND (0x46, 0, 5, 0, 1, 2, 18, 27, 255);
  results (r);
  g_assert_cmphex (r[0], ==, 0);
  g_assert_cmpuint (pci_number (dma_memory), ==, 5 * 36);
  /* SCAN EQUAL finds the sector that is equal. */
  program_dma (100000);
  for (unsigned s = 0; s < 3; s++)
    {
      memset (dma_memory + s * 512, 5 * 36 + 2, 512);
      memset (dma_memory + s * 512 + 1, 0, 3);
    }
  SEND (0x51, 0, 5, 0, 1, 2, 18, 27, 1);
  results (r);
  g_assert_cmphex (r[2], ==, 8);
  /* VERIFY, READ TRACK, READ DELETED. */
  SEND (0x56, 0x80, 5, 0, 1, 2, 18, 27, 18);
  results (r);
  g_assert_cmphex (r[0], ==, 0);
  program_dma (1024);
  SEND (0x42, 0, 5, 0, 7, 2, 18, 27, 255);
  results (r);
  g_assert_cmpuint (pci_number (dma_memory), ==, 5 * 36);
  program_dma (1024);
  SEND (0x4c, 0, 5, 0, 2, 2, 18, 27, 255);
  results (r);
  g_assert_cmphex (r[2], ==, 0x40);
  g_assert_cmpuint (dma_pos, ==, 512);
  teardown ();
}

static void
test_fifo (void)
{
  uint8_t r[16];

  setup (720 * 1024, 0);
  start_controller (2, TRUE);
  SEND (0x46, 0, 0, 0, 9, 2, 9, 27, 255);
  for (unsigned i = 0; i < 512; i++)
    {
      for (int w = 0; w < 5000 && in (0x3f4, 1) != 0xf0; w++)
        advance (10000);
      g_assert_cmphex (in (0x3f4, 1), ==, 0xf0);
      g_assert_true (irq_level[0]);
      dma_memory[i] = (uint8_t)in (0x3f5, 1);
    }
  g_assert_cmpuint (pci_number (dma_memory), ==, 8);
  g_assert_cmpuint (results (r), ==, 7);
  g_assert_cmphex (r[1], ==, 0x80);
  SEND (0x45, 0, 0, 0, 9, 2, 9, 27, 255);
  advance (1000 * 1000);
  for (unsigned i = 0; i < 512; i++)
    {
      g_assert_cmphex (in (0x3f4, 1), ==, 0xb0);
      out (0x3f5, 0x77, 1);
    }
  g_assert_cmpuint (results (r), ==, 7);
  g_assert_cmphex (r[1], ==, 0x80);
  teardown ();
}

/* An image a sector too long is what it nearly is, and its rest stays as it is. */
static void
test_odd_size (void)
{
  uint8_t r[16], sector[512];

  setup (720 * 1024 + 512, 0);
  g_assert_cmphex (fdc_cmos_type (fdc), ==, 4 << 4);
  start_controller (2, FALSE);
  seek (79);
  memset (dma_memory, 0x5a, 512);
  program_dma (512);
  SEND (0x45, 4, 79, 1, 9, 2, 9, 27, 255);
  results (r);
  g_assert_cmphex (r[0], ==, 4);
  program_dma (512);
  SEND (0x46, 4, 79, 1, 9, 2, 9, 27, 255);
  results (r);
  g_assert_cmphex (r[0], ==, 4);
  g_assert_cmphex (dma_memory[9], ==, 0x5a);
  g_assert_true (block_read_sync (fdc_drive_media (fdc, 0), 720 * 1024, sector, sizeof sector, NULL));
  g_assert_cmpuint (pci_number (sector), ==, 1440);
  teardown ();
  /* One that is too short reads zeros where nothing is. */
  setup (720 * 1024 - 512, 0);
  start_controller (2, FALSE);
  seek (79);
  program_dma (1024);
  SEND (0x46, 4, 79, 1, 8, 2, 9, 27, 255);
  results (r);
  g_assert_cmphex (r[0], ==, 4);
  g_assert_cmpuint (pci_number (dma_memory), ==, 1438);
  g_assert_cmphex (dma_memory[512 + 9], ==, 0);
  teardown ();
}

/* A full disk on the host. */
static void
test_no_room (void)
{
  uint8_t r[16];

  image_test = "";
  setup (1440 * 1024, 0);
  image_test = NULL;
  vm_start (vm, FALSE);
  start_controller (0, FALSE);
  block_faults_fail (block_get_faults (fdc_drive_media (fdc, 0)), BLOCK_OP_WRITE, ENOSPC, 1, 0);
  memset (dma_memory, 0x5a, 512);
  program_dma (512);
  SEND (0x45, 0, 0, 0, 5, 2, 18, 27, 255);
  for (unsigned i = 0; i < 20000 && vm_state (vm) != VM_STATE_PAUSED; i++)
    {
      advance (10000);
      g_usleep (50);
    }
  g_assert_cmpint (vm_state (vm), ==, VM_STATE_PAUSED);
  g_assert_nonnull (strstr (vm_state_reason (vm), "a.img"));
  vm_resume (vm);
  g_assert_cmpuint (results (r), ==, 7);
  g_assert_cmphex (r[0], ==, 0);
  g_assert_true (block_read_sync (fdc_drive_media (fdc, 0), 4 * 512, dma_memory + 512, 512, NULL));
  g_assert_cmpmem (dma_memory, 512, dma_memory + 512, 512);
  vm_stop (vm, "");
  teardown ();
}

static void
test_media (void)
{
  uint8_t r[16];
  g_autoptr (GError) error = NULL;

  setup (1440 * 1024, BLOCK_READ_ONLY);
  start_controller (0, FALSE);
  g_assert_cmphex (in (0x3f7, 1), ==, 0x80);
  seek (1);
  g_assert_cmphex (in (0x3f7, 1), ==, 0);
  program_dma (512);
  SEND (0x45, 0, 1, 0, 1, 2, 18, 27, 255);
  results (r);
  g_assert_cmphex (r[0], ==, 0x40);
  g_assert_cmphex (r[1], ==, 2);
  SEND (0x04, 0);
  results (r);
  g_assert_cmphex (r[0], ==, 0x68);
  g_assert_true (change_media (NULL, &error));
  g_assert_cmphex (in (0x3f7, 1), ==, 0x80);
  SEND (0x46, 0, 1, 0, 1, 2, 18, 27, 255);
  g_assert_cmpuint (results (r), ==, 7);
  g_assert_cmphex (r[0] & 0xc0, ==, 0x40);
  g_assert_true (change_media (new_image ("b.img", 720 * 1024, 0), &error));
  g_assert_cmphex (in (0x3f7, 1), ==, 0x80);
  seek (2);
  g_assert_cmphex (in (0x3f7, 1), ==, 0);
  /* Taken out while the read runs. */
  SEND (0x46, 0, 2, 0, 1, 2, 9, 27, 255);
  g_assert_true (change_media (NULL, &error));
  g_assert_cmpuint (results (r), ==, 7);
  Block *large = new_image ("large.img", 4 << 20, 0);
  g_assert_false (change_media (large, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  block_close (large);
  teardown ();

  /* An empty controller answers. */
  setup (0, 0);
  g_assert_cmphex (fdc_cmos_type (fdc), ==, 0);
  out (0x3f2, 0, 1);
  out (0x3f2, 0x0c, 1);
  advance (1000 * 1000);
  SEND (0x08);
  g_assert_cmpuint (results (r), ==, 2);
  SEND (0x10);
  results (r);
  g_assert_cmphex (r[0], ==, 0x90);
  SEND (0x07, 0);
  advance (1000 * 1000);
  SEND (0x08);
  results (r);
  g_assert_cmphex (r[0], ==, 0x70);
  SEND (0x46, 0, 0, 0, 1, 2, 18, 27, 255);
  g_assert_cmpuint (results (r), ==, 7);
  SEND (0x18);
  g_assert_cmpuint (results (r), ==, 1);
  g_assert_cmphex (r[0], ==, 0x80);
  SEND (0x0e);
  g_assert_cmpuint (results (r), ==, 10);
  SEND (0x94);
  results (r);
  g_assert_cmphex (r[0], ==, 0x10);
  teardown ();
}

static void
test_hostile (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  uint8_t data[600];

  setup (1440 * 1024, 0);
  start_controller (0, TRUE);
  /* A command in its middle, saved and loaded. */
  SEND (0x46, 0, 0, 0, 2, 2, 18, 27, 255);
  advance (1000 * 1000);
  for (unsigned i = 0; i < 100; i++)
    in (0x3f5, 1);
  g_autoptr (GByteArray) saved = save_state (fdc);
  out (0x3f2, 0, 1);
  out (0x3f2, 0x1c, 1);
  g_assert_true (load_state (fdc, saved));
  for (unsigned i = 0; i < 412; i++)
    data[i] = (uint8_t)in (0x3f5, 1);
  g_assert_cmpuint (data[411], ==, 1);
  in (0x3f5, 1);
  /* Any bytes, any order, any length. */
  for (int i = 0; i < 60000; i++)
    {
      unsigned port = 0x3f0 + (unsigned)g_rand_int_range (rand, 0, 8);
      if (port == 0x3f6)
        continue;
      program_dma ((size_t)g_rand_int_range (rand, 0, 4000));
      if (g_rand_boolean (rand))
        in (port, 1);
      else if (port == 0x3f2 && g_rand_int_range (rand, 0, 20) != 0)
        out (port, 0x1c, 1);
      else if (port == 0x3f4 && g_rand_int_range (rand, 0, 20) != 0)
        out (port, 0, 1);
      else
        out (port, g_rand_int (rand) & 255, 1);
      for (int k = 0; k < 9 && port == 0x3f5; k++)
        out (0x3f5, (guint32)g_rand_int_range (rand, 0, 20), 1);
      if (i % 8 == 0)
        advance (200 * 1000);
    }
  for (int round = 0; round < 200; round++)
    {
      g_autoptr (GByteArray) bad = g_byte_array_new ();
      g_byte_array_append (bad, saved->data, saved->len);
      for (int i = 0; i < 30; i++)
        {
          guint32 at = (guint32)g_rand_int_range (rand, 0, 1500);
          if (at < bad->len)
            bad->data[at] = (guint8)g_rand_int (rand);
        }
      load_state (fdc, bad);
      for (int i = 0; i < 30; i++)
        {
          in (0x3f5, 1);
          out (0x3f5, 0x46, 1);
          advance (100 * 1000);
        }
    }
  /* Reset with a request in flight. */
  for (int i = 0; i < 50; i++)
    {
      out (0x3f2, 0, 1);
      out (0x3f2, 0x1c, 1);
      for (unsigned k = 0; k < 9; k++)
        out (0x3f5, ((const uint8_t[]){ 0x46, 0, 0, 0, 1, 2, 18, 27, 255 })[k], 1);
      vm_clock_advance (vm->clock, 60 * 1000);
    }
  teardown ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fdc/formats", test_formats);
  g_test_add_func ("/fdc/read", test_read);
  g_test_add_func ("/fdc/eot-beyond", test_eot_beyond);
  g_test_add_func ("/fdc/fifo", test_fifo);
  g_test_add_func ("/fdc/media", test_media);
  g_test_add_func ("/fdc/no-room", test_no_room);
  g_test_add_func ("/fdc/odd-size", test_odd_size);
  g_test_add_func ("/fdc/hostile", test_hostile);
  return g_test_run ();
}
