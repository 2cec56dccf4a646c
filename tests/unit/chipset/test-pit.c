/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 8254: its six modes tick by tick, read-back, gate, speaker.
 */
#include "chipset/gsi.h"
#include "chipset/ioapic.h"
#include "chipset/pic.h"
#include "chipset/pit.h"
#include "tests/unit/chipset/fixture.h"

typedef struct
{
  Vm *vm;
  Device *pit;
  Wire irq;
  int64_t ticks; /* since the start of the test */
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  vm_lock (f->vm);
  f->pit = pit_new (f->vm, WIRE (&f->irq), NULL);
  vm_unlock (f->vm);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
}

static void
advance (Fixture *f, int64_t ticks)
{
  f->ticks += ticks;
  vm_clock_advance (f->vm->clock,
                    (f->ticks * NS_PER_SECOND + PIT_HZ - 1) / PIT_HZ - vm_clock_now (f->vm->clock));
}

static void
program (Fixture *f, unsigned n, unsigned mode, unsigned count)
{
  outb (f->vm, 0x43, n << 6 | 3 << 4 | mode << 1);
  outb (f->vm, 0x40 + n, count & 0xff);
  outb (f->vm, 0x40 + n, count >> 8);
}

static unsigned
count (Fixture *f, unsigned n)
{
  unsigned low;

  outb (f->vm, 0x43, n << 6);
  low = inb (f->vm, 0x40 + n);
  return low | (unsigned)inb (f->vm, 0x40 + n) << 8;
}

static gboolean
out (Fixture *f, unsigned n)
{
  outb (f->vm, 0x43, 0xe0 | 2 << n);
  return inb (f->vm, 0x40 + n) >> 7;
}

/* The output of counter 2 for the ticks after the count was written, '0' and '1'; '^' is a rising gate before the tick, 'v' a falling
 * one, 'w' a new count of 3 being written. */
static void
check_wave (Fixture *f, unsigned mode, unsigned n, gboolean gate, const char *expected)
{
  g_autoptr (GString) seen = g_string_new (NULL);

  outb (f->vm, 0x61, gate);
  program (f, 2, mode, n);
  for (const char *p = expected; *p != '\0'; p++)
    {
      if (*p == '^' || *p == 'v')
        {
          outb (f->vm, 0x61, *p == '^');
          g_string_append_c (seen, *p);
          continue;
        }
      if (*p == 'w')
        {
          outb (f->vm, 0x42, 3);
          outb (f->vm, 0x42, 0);
          g_string_append_c (seen, *p);
          continue;
        }
      advance (f, 1);
      g_assert_cmpint (out (f, 2), ==, !!(inb (f->vm, 0x61) & 0x20));
      g_string_append_c (seen, out (f, 2) ? '1' : '0');
    }
  g_assert_cmpstr (seen->str, ==, expected);
}

static void
test_waves (Fixture *f, gconstpointer data)
{
  /* Data sheet, figures 15 to 20.  The first tick loads. */
  check_wave (f, 0, 4, TRUE, "000011111111");
  check_wave (f, 0, 4, TRUE, "00v0000^0011");
  check_wave (f, 0, 4, TRUE, "00w0001111");
  check_wave (f, 0, 4, FALSE, "0000^0000111");
  check_wave (f, 1, 3, FALSE, "11^000111v1^0001");
  check_wave (f, 1, 3, FALSE, "1^00v^0001");
  check_wave (f, 2, 3, TRUE, "1101101101");
  check_wave (f, 2, 4, TRUE, "1110v11^1110");
  check_wave (f, 2, 4, TRUE, "11w10110110");
  check_wave (f, 3, 4, TRUE, "11001100");
  check_wave (f, 3, 5, TRUE, "1110011100");
  check_wave (f, 3, 4, TRUE, "110v111^1100");
  check_wave (f, 4, 3, TRUE, "1110111111");
  check_wave (f, 4, 3, TRUE, "11w1110111");
  check_wave (f, 5, 3, FALSE, "11^11101111v1^1110");
  check_wave (f, 6, 3, TRUE, "110110"); /* 6 is 2 */
}

static void
test_counts (Fixture *f, gconstpointer data)
{
  program (f, 0, 2, 1000);
  advance (f, 1);
  g_assert_cmpuint (count (f, 0), ==, 1000);
  advance (f, 999);
  g_assert_cmpuint (count (f, 0), ==, 1);
  advance (f, 1);
  g_assert_cmpuint (count (f, 0), ==, 1000);

  program (f, 0, 3, 1000);
  advance (f, 11);
  g_assert_cmpuint (count (f, 0), ==, 980);
  advance (f, 500);
  g_assert_cmpuint (count (f, 0), ==, 980);

  program (f, 0, 0, 10);
  advance (f, 21);
  g_assert_cmpuint (count (f, 0), ==, 0xfff6); /* goes on below zero */

  outb (f->vm, 0x43, 0x31); /* BCD */
  outb (f->vm, 0x40, 0x00);
  outb (f->vm, 0x40, 0x10);
  advance (f, 2);
  g_assert_cmphex (count (f, 0), ==, 0x0999);

  /* One byte at a time; a count of 0 is the largest. */
  outb (f->vm, 0x43, 0x14);
  outb (f->vm, 0x40, 0);
  advance (f, 1);
  g_assert_cmphex (inb (f->vm, 0x40), ==, 0);
  advance (f, 1);
  g_assert_cmphex (inb (f->vm, 0x40), ==, 0xff);
  outb (f->vm, 0x43, 0x24);
  outb (f->vm, 0x40, 0x12);
  advance (f, 1);
  g_assert_cmphex (inb (f->vm, 0x40), ==, 0x12);

  /* A latch holds until it is read; a second one is ignored. */
  program (f, 0, 2, 1000);
  advance (f, 101);
  outb (f->vm, 0x43, 0x00);
  advance (f, 50);
  outb (f->vm, 0x43, 0x00);
  g_assert_cmpuint (inb (f->vm, 0x40), ==, 900 & 0xff);
  g_assert_cmpuint (inb (f->vm, 0x40), ==, 900 >> 8);
  /* Read-back gives the status first, then the count. */
  outb (f->vm, 0x43, 0xc2);
  g_assert_cmphex (inb (f->vm, 0x40), ==, 0xb4);
  g_assert_cmpuint (inb (f->vm, 0x40), ==, 850 & 0xff);
  g_assert_cmpuint (inb (f->vm, 0x40), ==, 850 >> 8);
  outb (f->vm, 0x43, 0x34);
  outb (f->vm, 0x43, 0xe2);
  g_assert_cmphex (inb (f->vm, 0x40), ==, 0xf4); /* null count */
  g_assert_cmphex (inb (f->vm, 0x43), ==, 0xff);
}

static void
test_irq0 (Fixture *f, gconstpointer data)
{
  program (f, 0, 2, 11932);
  f->irq.rises = 0;
  vm_clock_advance (f->vm->clock, NS_PER_SECOND);
  g_assert_cmpuint (f->irq.rises, ==, 99);
  program (f, 0, 3, 0);
  f->irq.rises = 0;
  vm_clock_advance (f->vm->clock, 10 * NS_PER_SECOND);
  g_assert_cmpuint (f->irq.rises, ==, 182); /* 18.2 Hz */
  program (f, 0, 0, 1000);
  g_assert_false (f->irq.level);
  f->irq.rises = 0;
  vm_clock_advance (f->vm->clock, NS_PER_SECOND);
  g_assert_cmpuint (f->irq.rises, ==, 1);
  g_assert_true (f->irq.level);
  /* As fast as it goes: bounded, and still an interrupt. */
  program (f, 0, 2, 2);
  f->irq.rises = 0;
  vm_clock_advance (f->vm->clock, NS_PER_SECOND / 100);
  g_assert_cmpuint (f->irq.rises, >, 100);
  g_assert_cmpuint (f->irq.rises, <, 1000);
  program (f, 0, 3, 1);
  vm_clock_advance (f->vm->clock, NS_PER_SECOND / 100);
}

static unsigned speaker_hz;
static gboolean speaker_on;

static void
on_speaker (void *opaque, gboolean on, unsigned hz)
{
  speaker_on = on;
  speaker_hz = hz;
}

static void
test_speaker (Fixture *f, gconstpointer data)
{
  uint8_t before;

  pit_set_speaker_func (f->pit, on_speaker, NULL);
  program (f, 2, 3, 1193);
  g_assert_false (speaker_on);
  outb (f->vm, 0x61, 3);
  g_assert_true (speaker_on);
  g_assert_cmpuint (speaker_hz, ==, 1000);
  outb (f->vm, 0x61, 1);
  g_assert_false (speaker_on);
  g_assert_cmphex (inb (f->vm, 0x61) & 0x0f, ==, 1);
  before = inb (f->vm, 0x61);
  vm_clock_advance (f->vm->clock, 15085);
  g_assert_cmphex ((before ^ inb (f->vm, 0x61)) & 0x10, ==, 0x10);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  program (f, 0, 2, 11932);
  program (f, 2, 3, 500);
  advance (f, 700);
  outb (f->vm, 0x43, 0x00);
  check_round_trip (f->vm, f->pit);
  f->irq.rises = 0;
  vm_clock_advance (f->vm->clock, NS_PER_SECOND / 10);
  g_assert_cmpuint (f->irq.rises, >=, 9);
  check_hostile (f->vm, f->pit, 0x40, 4);
  check_hostile (f->vm, f->pit, 0x40, 0x22);
}

/* 200 ticks of 1 kHz, with nobody to answer them for the middle 100 ms: the guest counts them all.  `answer` is INTA and EOI of the
 * 8259, or the end of the vector at the I/O APIC. */
typedef struct
{
  unsigned messages, ended;
} Apic;

static void
on_msi (void *opaque, uint64_t address, uint32_t data)
{
  ((Apic *)opaque)->messages = 1; /* one bit of IRR */
}

static void
on_intr (void *opaque, gboolean level)
{
}

static void
on_nothing (void *opaque)
{
}

static const VmProcessorOps apic_ops
    = { .msi = on_msi, .set_intr = on_intr, .pause = on_nothing, .resume = on_nothing, .reset = on_nothing };

static unsigned
answer (Vm *vm, Apic *apic, gboolean ioapic)
{
  unsigned n = 0;

  vm_lock (vm);
  if (ioapic)
    for (; apic->messages > 0; n++)
      {
        apic->messages = 0;
        vm->eoi (vm->eoi_opaque, 0x30);
      }
  vm_unlock (vm);
  while (!ioapic && (outb (vm, 0x20, 0x0a), inb (vm, 0x20) & 1))
    {
      vm_lock (vm);
      g_assert_cmpint (vm->intack (vm->intack_opaque), ==, 8);
      vm_unlock (vm);
      outb (vm, 0x20, 0x20);
      n++;
    }
  return n;
}

/* A machine that ticks at 1 kHz. */
static Device *
make_ticking (Vm *vm, Apic *apic, gboolean ioapic)
{
  Device *pic, *io, *gsi, *pit;

  vm_set_processor (vm, &apic_ops, apic);
  vm_lock (vm);
  pic = pic_new (vm, vm_intr_line (vm), NULL);
  io = ioapic_new (vm, IOAPIC_ADDRESS, NULL);
  gsi = gsi_new (vm, pic, io, NULL);
  pit = pit_new (vm, gsi_line (gsi, 0), NULL);
  pit_count_acknowledged (pit, gsi);
  vm_unlock (vm);
  vm_start (vm, FALSE);
  outb (vm, 0x20, 0x11);
  outb (vm, 0x21, 0x08);
  outb (vm, 0x21, 0x04);
  outb (vm, 0x21, 0x01);
  outb (vm, 0x21, ioapic ? 0xff : 0xfe);
  if (ioapic)
    {
      poke (vm, IOAPIC_ADDRESS, 0x14, 4);
      poke (vm, IOAPIC_ADDRESS + 0x10, 0x30, 4);
      g_assert_cmphex (vm->eoi_edges[1], ==, 1u << 16);
    }
  outb (vm, 0x43, 0x34);
  outb (vm, 0x40, 1193 & 0xff);
  outb (vm, 0x40, 1193 >> 8);
  answer (vm, apic, ioapic); /* the output rose when the mode was set */
  return pit;
}

static void
check_backlog (gboolean ioapic)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Apic apic = { 0 };
  Device *pit = make_ticking (vm, &apic, ioapic);
  unsigned counted = 0;

  for (unsigned ms = 0; ms < 200; ms++)
    {
      vm_clock_advance (vm->clock, NS_PER_SECOND / 1000);
      if (ms < 50 || ms >= 150)
        counted += answer (vm, &apic, ioapic);
      if (ms == 100)
        check_round_trip (vm, pit);
    }
  g_assert_cmpuint (counted, ==, 200);

  /* Nobody looks for seconds: what is owed is bounded. */
  vm_clock_advance (vm->clock, 5 * NS_PER_SECOND);
  g_assert_cmpuint (answer (vm, &apic, ioapic), <=, 252);
  /* A masked interrupt owes nothing. */
  outb (vm, 0x21, 0xff);
  poke (vm, IOAPIC_ADDRESS + 0x10, 0x10030, 4);
  vm_clock_advance (vm->clock, NS_PER_SECOND / 10);
  outb (vm, 0x21, ioapic ? 0xff : 0xfe);
  if (ioapic)
    poke (vm, IOAPIC_ADDRESS + 0x10, 0x30, 4);
  g_assert_cmpuint (answer (vm, &apic, ioapic), <=, 1);
  vm_set_processor (vm, NULL, NULL);
}

static void
test_backlog_pic (void)
{
  check_backlog (FALSE);
}

static void
test_backlog_ioapic (void)
{
  check_backlog (TRUE);
}

static unsigned
count_ticks (Vm *vm, Apic *apic, unsigned ms)
{
  unsigned counted = 0;

  for (unsigned i = 0; i < ms; i++)
    {
      vm_clock_advance (vm->clock, NS_PER_SECOND / 1000);
      counted += answer (vm, apic, FALSE);
    }
  return counted;
}

static void
stand_for (Vm *vm, int64_t ns)
{
  vm_pause (vm, "");
  g_assert_cmpint (vm_state (vm), ==, VM_STATE_PAUSED);
  vm_clock_skip (vm->clock, ns);
  vm_resume (vm);
}

/* The ticks of a pause come afterwards where the guest is to catch up, at a bounded rate, and only then. */
static void
test_pause (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  Apic apic = { 0 };
  Device *pit = make_ticking (vm, &apic, FALSE);
  unsigned counted;

  stand_for (vm, 2 * NS_PER_SECOND);
  g_assert_cmpuint (count_ticks (vm, &apic, 100), ==, 100);
  vm->catch_up = TRUE;
  stand_for (vm, 2 * NS_PER_SECOND);
  counted = count_ticks (vm, &apic, 10);
  g_assert_cmpuint (counted, >, 10);
  g_assert_cmpuint (counted, <=, 90);
  check_round_trip (vm, pit);
  counted += count_ticks (vm, &apic, 990);
  g_assert_cmpuint (counted, >=, 2999); /* of 1193182 / 1193 Hz */
  g_assert_cmpuint (counted, <=, 3001);
  /* Two pauses add up. */
  stand_for (vm, NS_PER_SECOND);
  stand_for (vm, NS_PER_SECOND);
  g_assert_cmpuint (count_ticks (vm, &apic, 1000), >=, 2999);
  g_assert_cmpuint (count_ticks (vm, &apic, 1000), <=, 1001);
  /* A night is not made up for. */
  stand_for (vm, 8 * 3600 * NS_PER_SECOND);
  g_assert_cmpuint (count_ticks (vm, &apic, 100), <=, 101);
  /* Nor what was missed while nobody listened. */
  outb (vm, 0x21, 0xff);
  stand_for (vm, NS_PER_SECOND);
  outb (vm, 0x21, 0xfe);
  g_assert_cmpuint (count_ticks (vm, &apic, 100), <=, 101);
  vm_set_processor (vm, NULL, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/pit/waves", Fixture, NULL, set_up, test_waves, tear_down);
  g_test_add ("/pit/counts", Fixture, NULL, set_up, test_counts, tear_down);
  g_test_add ("/pit/irq0", Fixture, NULL, set_up, test_irq0, tear_down);
  g_test_add ("/pit/speaker", Fixture, NULL, set_up, test_speaker, tear_down);
  g_test_add ("/pit/state", Fixture, NULL, set_up, test_state, tear_down);
  g_test_add_func ("/pit/backlog-pic", test_backlog_pic);
  g_test_add_func ("/pit/backlog-ioapic", test_backlog_ioapic);
  g_test_add_func ("/pit/pause", test_pause);
  return g_test_run ();
}
