/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 8237A pair.
 */
#include "chipset/dma8237.h"
#include "tests/unit/chipset/fixture.h"

typedef struct
{
  Vm *vm;
  Device *dma;
  Region *ram;
  uint8_t *host;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  f->ram = region_new_ram ("ram", 0x200000, RAM_DEFAULT, NULL);
  f->host = region_host (f->ram);
  vm_lock (f->vm);
  address_space_map (f->vm->memory, f->ram, 0, 0, 0x200000, 0);
  f->dma = dma8237_new (f->vm, NULL);
  vm_unlock (f->vm);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
  region_unref (f->ram);
}

/* As a BIOS does for the floppy. */
static void
program (Fixture *f, uint8_t mode, uint32_t address, unsigned bytes)
{
  outb (f->vm, 0x0a, 0x06);
  outb (f->vm, 0x0c, 0xff);
  outb (f->vm, 0x0b, mode);
  outb (f->vm, 0x04, address & 0xff);
  outb (f->vm, 0x04, address >> 8 & 0xff);
  outb (f->vm, 0x81, address >> 16);
  outb (f->vm, 0x05, (bytes - 1) & 0xff);
  outb (f->vm, 0x05, (bytes - 1) >> 8 & 0xff);
  outb (f->vm, 0x0a, 0x02);
}

static size_t
transfer (Fixture *f, unsigned channel, void *buffer, size_t n, gboolean to_memory, gboolean *tc)
{
  size_t done;

  vm_lock (f->vm);
  done = dma8237_transfer (f->dma, channel, buffer, n, to_memory, tc);
  vm_unlock (f->vm);
  return done;
}

static void
test_transfers (Fixture *f, gconstpointer data)
{
  uint8_t buffer[0x400];
  gboolean tc;

  memset (buffer, 0xa5, sizeof buffer);
  g_assert_cmpuint (transfer (f, 2, buffer, 512, TRUE, &tc), ==, 0); /* masked at power-on */
  program (f, 0x46, 0x12345, 600);
  g_assert_true (dma8237_ready (f->dma, 2));
  g_assert_cmpuint (transfer (f, 2, buffer, 512, FALSE, &tc), ==, 0); /* the wrong way */
  g_assert_cmpuint (transfer (f, 2, buffer, 512, TRUE, &tc), ==, 512);
  g_assert_false (tc);
  g_assert_cmphex (f->host[0x12344], ==, 0);
  g_assert_cmphex (f->host[0x12345], ==, 0xa5);
  g_assert_cmphex (f->host[0x12345 + 511], ==, 0xa5);
  outb (f->vm, 0x0c, 0);
  g_assert_cmphex (inb (f->vm, 0x04), ==, 0x45);
  g_assert_cmphex (inb (f->vm, 0x04), ==, 0x25);
  g_assert_cmpuint (transfer (f, 2, buffer, 512, TRUE, &tc), ==, 88);
  g_assert_true (tc);
  g_assert_cmphex (f->host[0x12345 + 600], ==, 0);
  g_assert_false (dma8237_ready (f->dma, 2));
  vm_lock (f->vm);
  dma8237_set_dreq (f->dma, 2, TRUE);
  vm_unlock (f->vm);
  g_assert_cmphex (inb (f->vm, 0x08), ==, 0x44);
  g_assert_cmphex (inb (f->vm, 0x08), ==, 0x40);

  /* Autoinitialise, and the wrap inside 64 KiB. */
  f->host[0x20000] = 1;
  f->host[0x2ffff] = 2;
  f->host[0x30000] = 3;
  program (f, 0x5a, 0x2ffff, 2);
  g_assert_cmpuint (transfer (f, 2, buffer, 4, FALSE, &tc), ==, 2);
  g_assert_true (tc);
  g_assert_cmphex (buffer[0], ==, 2);
  g_assert_cmphex (buffer[1], ==, 1);
  g_assert_cmpuint (transfer (f, 2, buffer, 1, FALSE, &tc), ==, 1);
  g_assert_cmphex (buffer[0], ==, 2);

  /* Downwards through 0. */
  program (f, 0x66, 0x40001, 4);
  memcpy (buffer, "abcd", 4);
  g_assert_cmpuint (transfer (f, 2, buffer, 4, TRUE, &tc), ==, 4);
  g_assert_cmphex (f->host[0x40001], ==, 'a');
  g_assert_cmphex (f->host[0x40000], ==, 'b');
  g_assert_cmphex (f->host[0x4ffff], ==, 'c');
  g_assert_cmphex (f->host[0x4fffe], ==, 'd');

  /* Verify counts and moves nothing; memory that isn't there reads as ones. */
  program (f, 0x42, 0x50000, 16);
  memset (buffer, 7, 16);
  g_assert_cmpuint (transfer (f, 2, buffer, 16, TRUE, &tc), ==, 16);
  g_assert_true (tc);
  g_assert_cmphex (f->host[0x50000], ==, 0);
  program (f, 0x4a, 0xff0000, 16);
  g_assert_cmpuint (transfer (f, 2, buffer, 16, FALSE, &tc), ==, 16);
  g_assert_cmphex (buffer[0], ==, 0xff);

  /* Cascade, and the whole controller off. */
  outb (f->vm, 0x0b, 0xc2);
  outb (f->vm, 0x0e, 0);
  g_assert_cmpuint (transfer (f, 2, buffer, 16, FALSE, &tc), ==, 0);
  program (f, 0x46, 0, 16);
  outb (f->vm, 0x08, 0x04);
  g_assert_cmpuint (transfer (f, 2, buffer, 16, TRUE, &tc), ==, 0);
  outb (f->vm, 0x0d, 0);
  g_assert_cmphex (inb (f->vm, 0x0f) & 15, ==, 15);
}

static void
test_words (Fixture *f, gconstpointer data)
{
  uint8_t buffer[64];
  gboolean tc;

  memset (buffer, 0x3c, sizeof buffer);
  outb (f->vm, 0xd8, 0);
  outb (f->vm, 0xd6, 0x45); /* channel 5, to memory */
  outb (f->vm, 0xc4, 0xfe);
  outb (f->vm, 0xc4, 0xff);
  outb (f->vm, 0x8b, 0x03); /* bit 0 isn't used */
  outb (f->vm, 0xc6, 0x03);
  outb (f->vm, 0xc6, 0x00);
  outb (f->vm, 0xd4, 0x01);
  g_assert_cmpuint (transfer (f, 5, buffer, 7, TRUE, &tc), ==, 6);
  g_assert_false (tc);
  g_assert_cmpuint (transfer (f, 5, buffer, 8, TRUE, &tc), ==, 2);
  g_assert_true (tc);
  g_assert_cmphex (f->host[0x3fffc], ==, 0x3c);
  g_assert_cmphex (f->host[0x3ffff], ==, 0x3c);
  g_assert_cmphex (f->host[0x20000], ==, 0x3c); /* wrapped in 128 KiB */
  g_assert_cmphex (f->host[0x20003], ==, 0x3c);
  g_assert_cmphex (f->host[0x40000], ==, 0);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  program (f, 0x5a, 0x2ffff, 2000);
  outb (f->vm, 0x0c, 0);
  inb (f->vm, 0x04);
  check_round_trip (f->vm, f->dma);
  check_hostile (f->vm, f->dma, 0x00, 16);
  check_hostile (f->vm, f->dma, 0xc0, 32);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/dma8237/transfers", Fixture, NULL, set_up, test_transfers, tear_down);
  g_test_add ("/dma8237/words", Fixture, NULL, set_up, test_words, tear_down);
  g_test_add ("/dma8237/state", Fixture, NULL, set_up, test_state, tear_down);
  return g_test_run ();
}
