/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The devices of test programs: the exit status, what keeps bytes, the interrupt lines.
 */
#include "chipset/gsi.h"
#include "chipset/pic.h"
#include "chipset/test-device.h"

#include "fixture.h"

typedef struct
{
  Vm *vm;
  Device *device;
  Region *ram;
  Wire intr;
  int status;
} Fixture;

static void
on_exit_status (void *opaque, int status)
{
  ((Fixture *)opaque)->status = status;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  f->status = -1;
  vm_lock (f->vm);
  f->ram = region_new_ram ("ram", 1 << 20, 0, NULL);
  address_space_map (f->vm->memory, f->ram, 0, 0, 1 << 20, 0);
  Device *pic = pic_new (f->vm, WIRE (&f->intr), NULL);
  f->device = test_device_new (f->vm, gsi_new (f->vm, pic, NULL, NULL), on_exit_status, f, NULL);
  vm_unlock (f->vm);
  g_assert_nonnull (f->device);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
  region_unref (f->ram);
}

static void
test_exit (Fixture *f, gconstpointer data)
{
  outl (f->vm, 0xf4, 0);
  g_assert_cmpint (f->status, ==, 1);
  outb (f->vm, 0xf4, 3);
  g_assert_cmpint (f->status, ==, 7);
}

static void
test_bytes (Fixture *f, gconstpointer data)
{
  outl (f->vm, 0xe0, 0x44332211);
  g_assert_cmphex (inb (f->vm, 0xe2), ==, 0x33);
  outw (f->vm, 0xe1, 0xabcd);
  g_assert_cmphex (inl (f->vm, 0xe0), ==, 0x44abcd11);
  outl (f->vm, 0xe8, 0x88776655);
  g_assert_cmphex (inb (f->vm, 0xe9), ==, 0x66);
  g_assert_cmphex (inl (f->vm, 0xe8), ==, 0x88776655);
  poke (f->vm, 0xff000ffc, 0x1122334455667788, 8);
  g_assert_cmphex (peek (f->vm, 0xff001000, 4), ==, 0x11223344);
  g_assert_cmphex (peek (f->vm, 0xff000ffd, 2), ==, 0x6677);
}

/* Memory stays as it is, and nothing that isn't memory is touched. */
static void
test_flush (Fixture *f, gconstpointer data)
{
  poke (f->vm, 0x5000, 0x12345678, 4);
  outl (f->vm, 0xe4, 0x5123);
  g_assert_cmphex (peek (f->vm, 0x5000, 4), ==, 0x12345678);
  poke (f->vm, 0x5000, 0x9abcdef0, 4);
  g_assert_cmphex (peek (f->vm, 0x5000, 4), ==, 0x9abcdef0);
  outl (f->vm, 0xe4, 0xff000000);
  outl (f->vm, 0xe4, 0xdead0000);
}

static void
test_lines (Fixture *f, gconstpointer data)
{
  /* The first 8259: vectors from 0x20, all unmasked. */
  outb (f->vm, 0x20, 0x11);
  outb (f->vm, 0x21, 0x20);
  outb (f->vm, 0x21, 4);
  outb (f->vm, 0x21, 1);
  outb (f->vm, 0x21, 0);
  g_assert_false (f->intr.level);
  outb (f->vm, 0x2005, 1);
  g_assert_true (f->intr.level);
  reset_device (f->vm, f->device);
  outb (f->vm, 0x2005, 0);
  outb (f->vm, 0x2017, 1);
  check_round_trip (f->vm, f->device);
  check_hostile (f->vm, f->device, 0xe0, 12);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/test-device/exit", Fixture, NULL, set_up, test_exit, tear_down);
  g_test_add ("/test-device/bytes", Fixture, NULL, set_up, test_bytes, tear_down);
  g_test_add ("/test-device/flush", Fixture, NULL, set_up, test_flush, tear_down);
  g_test_add ("/test-device/lines", Fixture, NULL, set_up, test_lines, tear_down);
  return g_test_run ();
}
