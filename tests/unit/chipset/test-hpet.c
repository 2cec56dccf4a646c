/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * High precision event timer.
 */
#include "chipset/gsi.h"
#include "chipset/hpet.h"
#include "chipset/ioapic.h"
#include "tests/unit/chipset/fixture.h"

typedef struct
{
  Vm *vm;
  Device *ioapic, *gsi, *hpet;
} Fixture;

static unsigned n_messages;
static uint32_t last_data;

static void
on_msi (void *opaque, uint64_t address, uint32_t data)
{
  n_messages++;
  last_data = data;
}

static void
on_nothing (void *opaque)
{
}

static void
on_intr (void *opaque, gboolean level)
{
}

static const VmProcessorOps processor
    = { .msi = on_msi, .set_intr = on_intr, .pause = on_nothing, .resume = on_nothing, .reset = on_nothing };

static void
set_entry (Vm *vm, unsigned pin, uint32_t low)
{
  poke (vm, IOAPIC_ADDRESS, 0x10 + 2 * pin, 4);
  poke (vm, IOAPIC_ADDRESS + 0x10, low, 4);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  vm_set_processor (f->vm, &processor, NULL);
  vm_lock (f->vm);
  f->ioapic = ioapic_new (f->vm, IOAPIC_ADDRESS, NULL);
  f->gsi = gsi_new (f->vm, NULL, f->ioapic, NULL);
  f->hpet = hpet_new (f->vm, f->gsi, NULL);
  vm_unlock (f->vm);
  reset_device (f->vm, f->ioapic);
  reset_device (f->vm, f->hpet);
  set_entry (f->vm, 2, 0x30);
  set_entry (f->vm, 8, 0x38);
  set_entry (f->vm, 16, 0x8046);
  set_entry (f->vm, 17, 0x47);
  n_messages = 0;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
}

#define R(reg) (HPET_ADDRESS + (reg))

static void
test_counter (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (peek (f->vm, R (0), 4), ==, 0x8086a201);
  g_assert_cmpuint (peek (f->vm, R (4), 4), ==, 10000000);
  vm_clock_advance (f->vm->clock, 1000);
  g_assert_cmpuint (peek (f->vm, R (0xf0), 8), ==, 0);
  poke (f->vm, R (0x10), 1, 4);
  vm_clock_advance (f->vm->clock, 1000);
  g_assert_cmpuint (peek (f->vm, R (0xf0), 8), ==, 100);
  poke (f->vm, R (0x10), 0, 4);
  vm_clock_advance (f->vm->clock, 1000);
  g_assert_cmpuint (peek (f->vm, R (0xf0), 8), ==, 100);
  poke (f->vm, R (0xf0), 0xfffffff0, 4);
  poke (f->vm, R (0xf4), 1, 4);
  poke (f->vm, R (0x10), 1, 4);
  vm_clock_advance (f->vm->clock, 200);
  g_assert_cmphex (peek (f->vm, R (0xf0), 8), ==, 0x200000004);
  g_assert_cmphex (peek (f->vm, R (0x3f8), 8), ==, 0);
  g_assert_cmphex (peek (f->vm, R (0xf2), 4), ==, 0xffffffff);
}

static void
test_timers (Fixture *f, gconstpointer data)
{
  poke (f->vm, R (0x10), 1, 4);
  /* One shot, edge, pin 17. */
  poke (f->vm, R (0x120), 17 << 9 | 4, 4);
  poke (f->vm, R (0x128), 1000, 8);
  vm_clock_advance (f->vm->clock, 9990);
  g_assert_cmpuint (n_messages, ==, 0);
  vm_clock_advance (f->vm->clock, 10);
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_cmphex (last_data, ==, 0x47);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND);
  g_assert_cmpuint (n_messages, ==, 1);

  /* Periodic as Linux sets it: first value, then period. */
  n_messages = 0;
  poke (f->vm, R (0x100), 17 << 9 | 0x100 | 0x40 | 8 | 4, 4);
  poke (f->vm, R (0x108), peek (f->vm, R (0xf0), 4) + 100000, 4);
  poke (f->vm, R (0x108), 100000, 4);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND);
  g_assert_cmpuint (n_messages, ==, 1000);
  check_round_trip (f->vm, f->hpet);
  n_messages = 0;
  vm_clock_advance (f->vm->clock, NS_PER_SECOND / 10);
  g_assert_cmpuint (n_messages, ==, 100);
  /* Too short a period is thinned out. */
  poke (f->vm, R (0x108), 1, 4);
  n_messages = 0;
  vm_clock_advance (f->vm->clock, NS_PER_SECOND / 10);
  g_assert_cmpuint (n_messages, <, 10000);
  poke (f->vm, R (0x100), 0, 4);

  /* Level, with its status bit. */
  n_messages = 0;
  poke (f->vm, R (0x140), 16 << 9 | 4 | 2, 4);
  poke (f->vm, R (0x148), peek (f->vm, R (0xf0), 8) + 10, 8);
  vm_clock_advance (f->vm->clock, 100);
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_cmphex (peek (f->vm, R (0x20), 4), ==, 4);
  vm_lock (f->vm);
  f->vm->eoi (f->vm->eoi_opaque, 0x46);
  vm_unlock (f->vm);
  g_assert_cmpuint (n_messages, ==, 2);
  poke (f->vm, R (0x20), 4, 4);
  vm_lock (f->vm);
  f->vm->eoi (f->vm->eoi_opaque, 0x46);
  vm_unlock (f->vm);
  g_assert_cmpuint (n_messages, ==, 2);

  /* A message of its own. */
  poke (f->vm, R (0x130), 0x55, 4);
  poke (f->vm, R (0x134), 0xfee00000, 4);
  poke (f->vm, R (0x120), 0x4000 | 4, 4);
  poke (f->vm, R (0x128), peek (f->vm, R (0xf0), 8) + 10, 8);
  vm_clock_advance (f->vm->clock, 100);
  g_assert_cmpuint (n_messages, ==, 3);
  g_assert_cmphex (last_data, ==, 0x55);
}

static void
test_legacy (Fixture *f, gconstpointer data)
{
  IrqLine pit = hpet_legacy_line (f->hpet, 0);

  drive (f->vm, pit, TRUE);
  drive (f->vm, pit, FALSE);
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_cmphex (last_data, ==, 0x30);
  poke (f->vm, R (0x10), 3, 4);
  drive (f->vm, pit, TRUE);
  drive (f->vm, pit, FALSE);
  g_assert_cmpuint (n_messages, ==, 1);
  poke (f->vm, R (0x100), 4, 4);
  poke (f->vm, R (0x108), peek (f->vm, R (0xf0), 8) + 10, 8);
  vm_clock_advance (f->vm->clock, 100);
  g_assert_cmpuint (n_messages, ==, 2);
  g_assert_cmphex (last_data, ==, 0x30);
  poke (f->vm, R (0x120), 4, 4);
  poke (f->vm, R (0x128), peek (f->vm, R (0xf0), 8) + 10, 8);
  vm_clock_advance (f->vm->clock, 100);
  g_assert_cmphex (last_data, ==, 0x38);
}

/* The local APIC's IRR has one bit for the vector, so that messages merge until the guest ends it. */
static unsigned
count_ticks (Fixture *f, unsigned ms)
{
  unsigned counted = 0;

  for (unsigned i = 0; i < ms; i++)
    {
      vm_clock_advance (f->vm->clock, NS_PER_SECOND / 1000);
      while (n_messages > 0)
        {
          n_messages = 0;
          counted++;
          vm_lock (f->vm);
          f->vm->eoi (f->vm->eoi_opaque, 0x30);
          vm_unlock (f->vm);
        }
    }
  return counted;
}

/* In the 8254's place it ticks at 1 kHz, and nobody answers for half of the time; then a pause. */
static void
test_backlog (Fixture *f, gconstpointer data)
{
  unsigned counted;

  vm_start (f->vm, FALSE);
  set_entry (f->vm, 2, 0x30);
  poke (f->vm, R (0x100), 0x40 | 8 | 4, 4);
  poke (f->vm, R (0x108), 100000, 8);
  poke (f->vm, R (0x108), 100000, 8);
  poke (f->vm, R (0x10), 3, 4);
  counted = count_ticks (f, 50);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND / 20);
  check_round_trip (f->vm, f->hpet);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND / 20);
  counted += count_ticks (f, 50);
  g_assert_cmpuint (counted, ==, 200);
  vm_clock_advance (f->vm->clock, 5 * NS_PER_SECOND);
  g_assert_cmpuint (count_ticks (f, 1), <=, 260);

  for (unsigned catch_up = 0; catch_up < 2; catch_up++)
    {
      f->vm->catch_up = catch_up != 0;
      vm_pause (f->vm, "");
      vm_clock_skip (f->vm->clock, 2 * NS_PER_SECOND);
      vm_resume (f->vm);
      counted = count_ticks (f, 10);
      g_assert_cmpuint (counted, <=, catch_up ? 90 : 10);
      g_assert_cmpuint (counted + count_ticks (f, 990), ==, catch_up ? 3000 : 1000);
    }
}

/* A period that nobody hears of wakes nobody, and is where it would be. */
static void
test_silent (Fixture *f, gconstpointer data)
{
  poke (f->vm, R (0x100), 1u << 6 | 1u << 3 | 1u << 2, 4); /* periodic, enabled, edges */
  poke (f->vm, R (0x108), 100000, 8);
  poke (f->vm, R (0x108), 100000, 8);
  poke (f->vm, R (0x10), 1, 4);
  g_assert_cmpint (vm_clock_next_deadline (f->vm->clock), ==, 1000000);
  vm_clock_advance (f->vm->clock, 1000000);
  g_assert_cmpuint (peek (f->vm, R (0x108), 8), ==, 200000);
  poke (f->vm, R (0x100), 1u << 3, 4);
  g_assert_cmpint (vm_clock_next_deadline (f->vm->clock), ==, -1);
  vm_clock_advance (f->vm->clock, 2500000); /* at 350000 */
  g_assert_cmpuint (peek (f->vm, R (0x108), 8), ==, 400000);
  vm_clock_advance (f->vm->clock, 1000000000);
  poke (f->vm, R (0x100), 1u << 3 | 1u << 2, 4);
  g_assert_cmpuint (peek (f->vm, R (0x108), 8), ==, 100400000);
  g_assert_cmpint (vm_clock_next_deadline (f->vm->clock), ==, 1004000000);
  /* The bit of a level is there to be read. */
  poke (f->vm, R (0x100), 1u << 3 | 1u << 1, 4);
  vm_clock_advance (f->vm->clock, 1000000);
  g_assert_cmphex (peek (f->vm, R (0x20), 4) & 1, ==, 1);
}

static void
test_hostile (Fixture *f, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  for (unsigned i = 0; i < 3000; i++)
    {
      uint64_t value = (uint64_t)g_rand_int (rand) << 32 | g_rand_int (rand);

      poke (f->vm, R ((i % 3 ? 0x100 : 0) + (g_rand_int (rand) & 0x7f)), value >> (g_rand_int (rand) & 63),
            1u << g_rand_int_range (rand, 0, 4));
      if (i % 10 == 0)
        vm_clock_advance (f->vm->clock, 100000);
    }
  check_hostile (f->vm, f->hpet, 0, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name) g_test_add ("/hpet/" #name, Fixture, NULL, set_up, test_##name, tear_down)
  ADD (counter);
  ADD (timers);
  ADD (legacy);
  ADD (backlog);
  ADD (silent);
  ADD (hostile);
  return g_test_run ();
}
