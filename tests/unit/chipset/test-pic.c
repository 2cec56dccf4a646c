/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 8259 pair, as BIOS, Linux and DOS programme it.
 */
#include "chipset/pic.h"
#include "tests/unit/chipset/fixture.h"

typedef struct
{
  Vm *vm;
  Device *pic;
  Wire intr;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  vm_lock (f->vm);
  f->pic = pic_new (f->vm, WIRE (&f->intr), NULL);
  vm_unlock (f->vm);
  reset_device (f->vm, f->pic);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
}

static void
initialise (Fixture *f, unsigned icw4)
{
  static const uint8_t master[] = { 0x08, 0x04 }, slave[] = { 0x70, 0x02 };

  outb (f->vm, 0x20, 0x11);
  outb (f->vm, 0xa0, 0x11);
  for (unsigned i = 0; i < 2; i++)
    {
      outb (f->vm, 0x21, master[i]);
      outb (f->vm, 0xa1, slave[i]);
    }
  outb (f->vm, 0x21, icw4);
  outb (f->vm, 0xa1, icw4);
  outb (f->vm, 0x21, 0);
  outb (f->vm, 0xa1, 0);
}

static void
set (Fixture *f, unsigned irq, gboolean level)
{
  drive (f->vm, pic_line (f->pic, irq), level);
}

static void
pulse (Fixture *f, unsigned irq)
{
  set (f, irq, TRUE);
  set (f, irq, FALSE);
}

static int
ack (Fixture *f)
{
  int vector;

  vm_lock (f->vm);
  vector = f->vm->intack (f->vm->intack_opaque);
  vm_unlock (f->vm);
  return vector;
}

static void
test_priorities (Fixture *f, gconstpointer data)
{
  initialise (f, 0x01);
  g_assert_false (f->intr.level);
  pulse (f, 4);
  g_assert_true (f->intr.level);
  pulse (f, 1);
  g_assert_cmpint (ack (f), ==, 0x09);
  g_assert_false (f->intr.level); /* 4 waits for the end of 1 */
  pulse (f, 0);
  g_assert_true (f->intr.level); /* 0 doesn't */
  g_assert_cmpint (ack (f), ==, 0x08);
  outb (f->vm, 0x20, 0x0b);
  g_assert_cmphex (inb (f->vm, 0x20), ==, 0x03);
  outb (f->vm, 0x20, 0x0a);
  g_assert_cmphex (inb (f->vm, 0x20), ==, 0x10);
  outb (f->vm, 0x20, 0x20);
  g_assert_false (f->intr.level);
  outb (f->vm, 0x20, 0x61); /* specific: 1 */
  g_assert_true (f->intr.level);
  g_assert_cmpint (ack (f), ==, 0x0c);
}

static void
test_cascade (Fixture *f, gconstpointer data)
{
  initialise (f, 0x01);
  pulse (f, 12);
  pulse (f, 8);
  g_assert_cmpint (ack (f), ==, 0x70);
  outb (f->vm, 0xa0, 0x20);
  outb (f->vm, 0x20, 0x20);
  g_assert_cmpint (ack (f), ==, 0x74);
  outb (f->vm, 0xa0, 0x20);
  outb (f->vm, 0x20, 0x20);
  g_assert_false (f->intr.level);
  /* Mask on the slave, then unmask. */
  outb (f->vm, 0xa1, 0x40);
  pulse (f, 14);
  g_assert_false (f->intr.level);
  outb (f->vm, 0xa1, 0x00);
  g_assert_cmpint (ack (f), ==, 0x76);
}

static void
test_spurious_and_level (Fixture *f, gconstpointer data)
{
  initialise (f, 0x01);
  g_assert_cmpint (ack (f), ==, 0x0f);
  outb (f->vm, 0x20, 0x0b);
  g_assert_cmphex (inb (f->vm, 0x20), ==, 0); /* nothing in service */

  outb (f->vm, 0x4d0, 0xff);
  outb (f->vm, 0x4d1, 0xff);
  g_assert_cmphex (inb (f->vm, 0x4d0), ==, 0xf8);
  g_assert_cmphex (inb (f->vm, 0x4d1), ==, 0xde);
  set (f, 11, TRUE);
  g_assert_cmpint (ack (f), ==, 0x73);
  outb (f->vm, 0xa0, 0x20);
  outb (f->vm, 0x20, 0x20);
  g_assert_true (f->intr.level); /* still high */
  set (f, 11, FALSE);
  g_assert_false (f->intr.level);
  g_assert_cmpint (ack (f), ==, 0x0f);
}

static void
test_modes (Fixture *f, gconstpointer data)
{
  initialise (f, 0x03); /* automatic end of interrupt */
  pulse (f, 3);
  pulse (f, 10);
  g_assert_cmpint (ack (f), ==, 0x72);
  g_assert_cmpint (ack (f), ==, 0x0b);
  g_assert_false (f->intr.level);

  initialise (f, 0x01);
  outb (f->vm, 0x20, 0xc3); /* 3 is lowest, 4 highest */
  pulse (f, 3);
  pulse (f, 5);
  g_assert_cmpint (ack (f), ==, 0x0d);
  outb (f->vm, 0x20, 0xa0); /* rotate: now 5 is lowest */
  pulse (f, 5);
  g_assert_cmpint (ack (f), ==, 0x0b);
  outb (f->vm, 0x20, 0x20);
  g_assert_cmpint (ack (f), ==, 0x0d);

  initialise (f, 0x01);
  pulse (f, 1);
  ack (f);
  pulse (f, 6);
  g_assert_false (f->intr.level);
  outb (f->vm, 0x21, 0x02);
  outb (f->vm, 0x20, 0x68); /* special mask mode: a masked one in service doesn't block */
  g_assert_true (f->intr.level);
  outb (f->vm, 0x20, 0x48);
  g_assert_false (f->intr.level);

  initialise (f, 0x01);
  pulse (f, 4);
  outb (f->vm, 0x20, 0x0c);
  g_assert_cmphex (inb (f->vm, 0x20), ==, 0x84);
  outb (f->vm, 0x20, 0x0c);
  g_assert_cmphex (inb (f->vm, 0x20), ==, 0x00);
  /* Reinitialising forgets edges, but not the mask register's new value. */
  pulse (f, 5);
  initialise (f, 0x01);
  g_assert_false (f->intr.level);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  initialise (f, 0x01);
  pulse (f, 4);
  pulse (f, 10);
  ack (f);
  outb (f->vm, 0x20, 0x11); /* in the middle of initialisation */
  check_round_trip (f->vm, f->pic);
  check_hostile (f->vm, f->pic, 0x20, 2);
  check_hostile (f->vm, f->pic, 0xa0, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/pic/priorities", Fixture, NULL, set_up, test_priorities, tear_down);
  g_test_add ("/pic/cascade", Fixture, NULL, set_up, test_cascade, tear_down);
  g_test_add ("/pic/spurious-and-level", Fixture, NULL, set_up, test_spurious_and_level, tear_down);
  g_test_add ("/pic/modes", Fixture, NULL, set_up, test_modes, tear_down);
  g_test_add ("/pic/state", Fixture, NULL, set_up, test_state, tear_down);
  return g_test_run ();
}
