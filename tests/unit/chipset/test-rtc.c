/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * MC146818.  The manual clock starts at 2024-01-01 00:00:00 UTC, a Monday.
 */
#include "chipset/rtc.h"
#include "tests/unit/chipset/fixture.h"

typedef struct
{
  Vm *vm;
  Device *rtc;
  Wire irq;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  vm_lock (f->vm);
  f->rtc = rtc_new (f->vm, WIRE (&f->irq), FALSE, NULL);
  vm_unlock (f->vm);
  reset_device (f->vm, f->rtc);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
}

static uint8_t
get (Fixture *f, unsigned reg)
{
  outb (f->vm, 0x70, reg);
  return inb (f->vm, 0x71);
}

static void
put (Fixture *f, unsigned reg, uint8_t value)
{
  outb (f->vm, 0x70, reg);
  outb (f->vm, 0x71, value);
}

static char *
now (Fixture *f)
{
  return g_strdup_printf ("%02x%02x-%02x-%02x %02x:%02x:%02x/%x", get (f, 0x32), get (f, 9), get (f, 8),
                          get (f, 7), get (f, 4), get (f, 2), get (f, 0), get (f, 6));
}

#define check_now(f, expected)            \
  G_STMT_START                            \
  {                                       \
    g_autofree char *text = now (f);      \
    g_assert_cmpstr (text, ==, expected); \
  }                                       \
  G_STMT_END

static void
test_time (Fixture *f, gconstpointer data)
{
  check_now (f, "2024-01-01 00:00:00/2");
  vm_clock_advance (f->vm->clock, (59 * 86400 + 13 * 3600 + 62) * NS_PER_SECOND);
  check_now (f, "2024-02-29 13:01:02/5");
  g_assert_cmphex (get (f, 13), ==, 0x80);
  put (f, 11, 0x06); /* binary */
  g_assert_cmpuint (get (f, 4), ==, 13);
  g_assert_cmpuint (get (f, 9), ==, 24);
  put (f, 11, 0x00); /* 12 hours */
  g_assert_cmphex (get (f, 4), ==, 0x81);
  put (f, 4, 0x12);
  put (f, 11, 0x02);
  g_assert_cmphex (get (f, 4), ==, 0x00);

  /* Set as firmware and Linux do: frozen, written, let go. */
  put (f, 11, 0x82);
  put (f, 0x32, 0x19);
  put (f, 9, 0x99);
  put (f, 8, 0x12);
  put (f, 7, 0x31);
  put (f, 4, 0x23);
  put (f, 2, 0x59);
  put (f, 0, 0x58);
  put (f, 6, 0x06);
  vm_clock_advance (f->vm->clock, 10 * NS_PER_SECOND);
  check_now (f, "1999-12-31 23:59:58/6");
  put (f, 11, 0x02);
  vm_clock_advance (f->vm->clock, 2 * NS_PER_SECOND);
  check_now (f, "2000-01-01 00:00:00/7");
  /* The divider held in reset, then let go: the first update half a second later. */
  put (f, 10, 0x66);
  vm_clock_advance (f->vm->clock, 5 * NS_PER_SECOND);
  put (f, 10, 0x26);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND * 499 / 1000);
  check_now (f, "2000-01-01 00:00:00/7");
  g_assert_cmphex (get (f, 10) & 0x80, ==, 0x80);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND / 1000);
  check_now (f, "2000-01-01 00:00:01/7");
  g_assert_cmphex (get (f, 10) & 0x80, ==, 0);
}

static void
test_interrupts (Fixture *f, gconstpointer data)
{
  /* Polled, without an interrupt. */
  vm_clock_advance (f->vm->clock, NS_PER_SECOND);
  g_assert_cmphex (get (f, 12), ==, 0x50 | (get (f, 12) & 0));
  g_assert_cmphex (get (f, 12) & 0x10, ==, 0);
  g_assert_cmpuint (f->irq.rises, ==, 0);

  put (f, 11, 0x12);
  for (unsigned i = 0; i < 5; i++)
    {
      vm_clock_advance (f->vm->clock, NS_PER_SECOND);
      g_assert_true (f->irq.level);
      g_assert_cmphex (get (f, 12) & 0x90, ==, 0x90);
      g_assert_false (f->irq.level);
    }

  /* Alarm at hh:01:05. */
  put (f, 11, 0x22);
  put (f, 1, 0x05);
  put (f, 3, 0x01);
  put (f, 5, 0xff);
  get (f, 12);
  f->irq.rises = 0;
  vm_clock_advance (f->vm->clock, 58 * NS_PER_SECOND);
  g_assert_cmpuint (f->irq.rises, ==, 0);
  vm_clock_advance (f->vm->clock, 2 * NS_PER_SECOND);
  g_assert_cmpuint (f->irq.rises, ==, 1);
  g_assert_cmphex (get (f, 12) & 0xa0, ==, 0xa0);
  vm_clock_advance (f->vm->clock, 3600 * NS_PER_SECOND);
  g_assert_cmphex (get (f, 12) & 0xa0, ==, 0xa0);

  /* 1024 a second. */
  put (f, 11, 0x42);
  get (f, 12);
  f->irq.rises = 0;
  for (unsigned i = 0; i < 4096; i++)
    {
      vm_clock_advance (f->vm->clock, NS_PER_SECOND / 4096);
      get (f, 12);
    }
  g_assert_cmpuint (f->irq.rises, >=, 1022);
  g_assert_cmpuint (f->irq.rises, <=, 1025);
  /* Setting the clock takes the update interrupt away. */
  put (f, 11, 0x92);
  g_assert_cmphex (get (f, 11), ==, 0x82);
}

/* The guest answers each interrupt by reading register C. */
static unsigned
count_periods (Fixture *f, unsigned ms)
{
  unsigned counted = 0;

  for (unsigned i = 0; i < ms; i++)
    {
      vm_clock_advance (f->vm->clock, NS_PER_SECOND / 1000);
      while (f->irq.level)
        {
          g_assert_cmphex (get (f, 12) & 0xc0, ==, 0xc0);
          counted++;
        }
    }
  return counted;
}

/* 1024 Hz, and nobody answers for half of the time. */
static void
test_backlog (Fixture *f, gconstpointer data)
{
  unsigned counted;

  put (f, 11, 0x42);
  get (f, 12);
  counted = count_periods (f, 50);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND / 20);
  check_round_trip (f->vm, f->rtc);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND / 20);
  counted += count_periods (f, 50);
  g_assert_cmpuint (counted, >=, 203); /* of 204.8 */
  g_assert_cmpuint (counted, <=, 205);
  /* Nobody looks for seconds: what is owed is bounded. */
  vm_clock_advance (f->vm->clock, 5 * NS_PER_SECOND);
  g_assert_cmpuint (count_periods (f, 1), <=, 260);
}

/* After a pause the time is right; the periods of it come only where the guest is to catch up. */
static void
test_pause (Fixture *f, gconstpointer data)
{
  vm_start (f->vm, FALSE);
  put (f, 11, 0x42);
  get (f, 12);
  for (unsigned catch_up = 0; catch_up < 2; catch_up++)
    {
      unsigned first, all;

      f->vm->catch_up = catch_up != 0;
      vm_pause (f->vm, "");
      vm_clock_skip (f->vm->clock, 2 * NS_PER_SECOND);
      vm_resume (f->vm);
      first = count_periods (f, 10);
      all = first + count_periods (f, 990);
      g_assert_cmpuint (first, <=, catch_up ? 99 : 11);
      g_assert_cmpuint (all, >=, catch_up ? 3071 : 1023);
      g_assert_cmpuint (all, <=, catch_up ? 3073 : 1025);
    }
  check_now (f, "2024-01-01 00:00:06/2");
}

static void
test_cmos (Fixture *f, gconstpointer data)
{
  rtc_set_cmos (f->rtc, 0x34, 0x56);
  rtc_set_cmos (f->rtc, 0xff, 0x78);
  g_assert_cmphex (get (f, 0x34), ==, 0x56);
  put (f, 0x8f, 0x0a);
  g_assert_true (rtc_nmi_masked (f->rtc));
  outb (f->vm, 0x72, 0x7f);
  g_assert_cmphex (inb (f->vm, 0x73), ==, 0x78);
  outb (f->vm, 0x73, 0x11);
  g_assert_cmphex (rtc_get_cmos (f->rtc, 0xff), ==, 0x11);
  /* The shutdown byte decides what INIT does. */
  g_assert_true (f->vm->firmware_resumes (f->vm->firmware_resumes_opaque));
  put (f, 0x0f, 0x00);
  g_assert_false (f->vm->firmware_resumes (f->vm->firmware_resumes_opaque));
  put (f, 0x0f, 0x0a);
  reset_device (f->vm, f->rtc);
  g_assert_cmphex (get (f, 0x0f), ==, 0x00);
  g_assert_cmphex (get (f, 0x34), ==, 0x56);
  g_assert_cmphex (inb (f->vm, 0x70), ==, 0xff);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  put (f, 11, 0x72);
  put (f, 4, 0x17);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND * 3 / 2);
  check_round_trip (f->vm, f->rtc);
  g_assert_cmphex (get (f, 4), ==, 0x17);
  check_hostile (f->vm, f->rtc, 0x70, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/rtc/time", Fixture, NULL, set_up, test_time, tear_down);
  g_test_add ("/rtc/interrupts", Fixture, NULL, set_up, test_interrupts, tear_down);
  g_test_add ("/rtc/backlog", Fixture, NULL, set_up, test_backlog, tear_down);
  g_test_add ("/rtc/pause", Fixture, NULL, set_up, test_pause, tear_down);
  g_test_add ("/rtc/cmos", Fixture, NULL, set_up, test_cmos, tear_down);
  g_test_add ("/rtc/state", Fixture, NULL, set_up, test_state, tear_down);
  return g_test_run ();
}
