/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The software processor's local APIC: its ways between modes, x2APIC's registers, the timer, INIT.
 */
#include "soft-guest.h"

#define BASE   0xfee00000u
#define ON     0x800u
#define EXTD   0x400u
#define X2(n)  (0x800u + (n))
#define VECTOR 0x40u

static gboolean
set_base (SoftCpu *cpu, uint64_t bits)
{
  return soft_msr_write (cpu, 0x1b, BASE | bits);
}

static uint32_t
reg (SoftCpu *cpu, unsigned n)
{
  return soft_apic_mmio_read (cpu, n << 4, 4);
}

static void
set_reg (SoftCpu *cpu, unsigned n, uint32_t value)
{
  soft_apic_mmio_write (cpu, n << 4, value, 4);
}

static void
advance (Guest *g, int64_t ns)
{
  vm_lock (g->vm);
  vm_clock_advance (g->vm->clock, ns);
  vm_unlock (g->vm);
}

/* SDM volume 3, figure 10-27. */
static void
test_base (void)
{
  Guest *g = guest_new (1);
  SoftCpu *cpu = g->cpu;

  g_assert_true (set_base (cpu, ON));
  g_assert_false (set_base (cpu, EXTD));
  g_assert_true (set_base (cpu, ON | EXTD));
  g_assert_false (set_base (cpu, ON));
  g_assert_false (set_base (cpu, EXTD));
  g_assert_true (set_base (cpu, ON | EXTD));
  g_assert_true (set_base (cpu, 0));
  g_assert_false (set_base (cpu, EXTD));
  g_assert_false (set_base (cpu, ON | EXTD));
  g_assert_cmphex (cpu->msr.apic_base, ==, BASE);
  g_assert_true (set_base (cpu, 0));
  g_assert_true (set_base (cpu, ON));
  g_assert_true (set_base (cpu, ON | EXTD));
  guest_free (g);
}

static void
test_x2apic_id (void)
{
  Guest *g = guest_new (2);
  SoftCpu *cpu = ((SoftEngine *)g->engine)->cpus[1];
  uint32_t leaf[4];
  uint64_t value;

  g_assert_true (set_base (cpu, ON));
  set_reg (cpu, 2, 0x77000000);
  g_assert_cmphex (reg (cpu, 2), ==, 0x77000000);
  soft_cpuid (cpu, 1, 0, leaf);
  g_assert_cmpuint (leaf[1] >> 24, ==, 1); /* as it was at power-on */
  g_assert_true (set_base (cpu, ON | EXTD));
  g_assert_true (soft_msr_read (cpu, X2 (2), &value));
  soft_cpuid (cpu, 0xb, 0, leaf);
  g_assert_cmphex (value, ==, 1);
  g_assert_cmphex (leaf[3], ==, 1);
  g_assert_true (soft_msr_read (cpu, X2 (0xd), &value));
  g_assert_cmphex (value, ==, 2);
  /* A message finds it under that id. */
  g_assert_true (soft_msr_write (cpu, X2 (0xf), 0x1ff));
  g_assert_true (set_base (g->cpu, ON | EXTD));
  g_assert_true (soft_msr_write (g->cpu, X2 (0x30), (uint64_t)0x77 << 32 | VECTOR));
  g_assert_false (soft_apic_has_interrupt (cpu));
  g_assert_true (soft_msr_write (g->cpu, X2 (0x30), (uint64_t)1 << 32 | VECTOR));
  g_assert_true (soft_apic_has_interrupt (cpu));
  g_assert_true (set_base (cpu, 0));
  g_assert_true (set_base (cpu, ON));
  g_assert_cmphex (reg (cpu, 2), ==, 1 << 24);
  guest_free (g);
}

/* A bit that is reserved in a register is #GP with WRMSR, as is a register that x2APIC doesn't have. */
static void
test_x2apic_reserved (void)
{
  static const struct
  {
    unsigned reg;
    uint64_t good, bad;
  } writes[] = {
    { 0x08, 0xff, 0x100 },         { 0x0b, 0, 1 },
    { 0x0f, 0x1ff, 0x10000 },      { 0x28, 0, 1 },
    { 0x32, 0x600ff, 0x100 },      { 0x35, 0x1f7ff, 0x80000000 },
    { 0x37, 0x100ff, 0x700 },      { 0x3e, 0xb, 4 },
    { 0x3f, 0x50, 0x100 },         { 0x3f, 0x51, 0xff000000 },
    { 0x30, 0x40050, 0x2050 },     { 0x30, 0x40050, 0x10050 },
    { 0x30, 0x40050, 0x80040050 }, { 0x38, 5, 1ULL << 32 },
  };
  static const uint8_t absent[] = { 0x09, 0x0c, 0x0e, 0x31, 0x00, 0x40, 0xff };
  static const uint8_t unreadable[] = { 0x0b, 0x3f };
  static const uint8_t unwritable[] = { 0x02, 0x03, 0x0a, 0x0d, 0x10, 0x27, 0x39 };
  Guest *g = guest_new (1);
  uint64_t value;

  g_assert_false (soft_msr_read (g->cpu, X2 (3), &value)); /* xAPIC mode */
  g_assert_true (set_base (g->cpu, ON | EXTD));
  for (unsigned i = 0; i < G_N_ELEMENTS (writes); i++)
    {
      g_assert_true (soft_msr_write (g->cpu, X2 (writes[i].reg), writes[i].good));
      g_assert_false (soft_msr_write (g->cpu, X2 (writes[i].reg), writes[i].bad));
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (absent); i++)
    {
      g_assert_false (soft_msr_read (g->cpu, X2 (absent[i]), &value));
      g_assert_false (soft_msr_write (g->cpu, X2 (absent[i]), 0));
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (unreadable); i++)
    g_assert_false (soft_msr_read (g->cpu, X2 (unreadable[i]), &value));
  for (unsigned i = 0; i < G_N_ELEMENTS (unwritable); i++)
    g_assert_false (soft_msr_write (g->cpu, X2 (unwritable[i]), 0));
  guest_free (g);
}

/* -- The timer: 1 GHz, by 1 ---------------------------------------------------------------------------- */

static Guest *
timer_guest (uint32_t lvt)
{
  Guest *g = guest_new (1);

  set_reg (g->cpu, 0xf, 0x1ff);
  set_reg (g->cpu, 0x3e, 0xb);
  set_reg (g->cpu, 0x32, lvt | VECTOR);
  return g;
}

static void
test_timer_mode (void)
{
  Guest *g = timer_guest (0);

  set_reg (g->cpu, 0x38, 1000000);
  advance (g, 600000);
  g_assert_cmpuint (reg (g->cpu, 0x39), ==, 400000);
  /* To periodic: the count goes on, and starts anew only when it is over. */
  set_reg (g->cpu, 0x32, 0x20000 | VECTOR);
  g_assert_cmpuint (reg (g->cpu, 0x39), ==, 400000);
  g_assert_false (soft_apic_has_interrupt (g->cpu));
  advance (g, 400000);
  g_assert_cmpint (soft_apic_take_interrupt (g->cpu), ==, -1); /* still with the other thread's words */
  g_assert_true (soft_apic_has_interrupt (g->cpu));
  g_assert_cmpint (soft_apic_take_interrupt (g->cpu), ==, VECTOR);
  set_reg (g->cpu, 0xb, 0);
  g_assert_cmpuint (reg (g->cpu, 0x39), ==, 1000000);
  advance (g, 900000);
  /* To one-shot: the last time round. */
  set_reg (g->cpu, 0x32, VECTOR);
  g_assert_cmpuint (reg (g->cpu, 0x39), ==, 100000);
  advance (g, 5000000);
  g_assert_true (soft_apic_has_interrupt (g->cpu));
  soft_apic_take_interrupt (g->cpu);
  set_reg (g->cpu, 0xb, 0);
  g_assert_cmpuint (reg (g->cpu, 0x39), ==, 0);
  /* What stands at zero stays there. */
  set_reg (g->cpu, 0x32, 0x20000 | VECTOR);
  advance (g, 5000000);
  g_assert_cmpuint (reg (g->cpu, 0x39), ==, 0);
  g_assert_false (soft_apic_has_interrupt (g->cpu));
  g_assert_cmpuint (reg (g->cpu, 0x38), ==, 1000000);
  guest_free (g);
}

/* A new divider changes the rate of what is left. */
static void
test_timer_divider (void)
{
  Guest *g = timer_guest (0);

  set_reg (g->cpu, 0x38, 1000);
  advance (g, 600);
  set_reg (g->cpu, 0x3e, 0); /* by 2 */
  g_assert_cmpuint (reg (g->cpu, 0x39), ==, 400);
  advance (g, 799);
  g_assert_false (soft_apic_has_interrupt (g->cpu));
  advance (g, 1);
  g_assert_true (soft_apic_has_interrupt (g->cpu));
  guest_free (g);
}

/* An expiry that the main loop has already taken comes to nothing when the count was stopped or moved meanwhile. */
static void
test_timer_taken (void)
{
  Guest *g = timer_guest (0);
  VmTimer *timer = &g->cpu->apic->timer;

  set_reg (g->cpu, 0x38, 1000);
  set_reg (g->cpu, 0x38, 0);
  timer->func (timer->opaque);
  g_assert_false (soft_apic_has_interrupt (g->cpu));
  set_reg (g->cpu, 0x38, 1000);
  timer->func (timer->opaque);
  g_assert_false (soft_apic_has_interrupt (g->cpu));
  advance (g, 1000);
  g_assert_true (soft_apic_has_interrupt (g->cpu));
  guest_free (g);
}

static void
test_deadline (void)
{
  Guest *g = timer_guest (0x40000);
  uint64_t value;

  advance (g, 1000);
  /* In the past: at once. */
  g_assert_true (soft_msr_write (g->cpu, 0x6e0, soft_tsc (g->cpu)));
  g_assert_true (soft_apic_has_interrupt (g->cpu));
  soft_apic_take_interrupt (g->cpu);
  set_reg (g->cpu, 0xb, 0);
  g_assert_true (soft_msr_read (g->cpu, 0x6e0, &value));
  g_assert_cmphex (value, ==, 0);
  /* The counter moved to it. */
  g_assert_true (soft_msr_write (g->cpu, 0x6e0, soft_tsc (g->cpu) + 1000000));
  g_assert_true (soft_msr_write (g->cpu, 0x10, soft_tsc (g->cpu) + 999000));
  g_assert_false (soft_apic_has_interrupt (g->cpu));
  advance (g, 1000);
  g_assert_true (soft_apic_has_interrupt (g->cpu));
  soft_apic_take_interrupt (g->cpu);
  set_reg (g->cpu, 0xb, 0);
  /* Another mode disarms. */
  g_assert_true (soft_msr_write (g->cpu, 0x6e0, soft_tsc (g->cpu) + 1000));
  set_reg (g->cpu, 0x32, VECTOR);
  advance (g, 1000000);
  g_assert_false (soft_apic_has_interrupt (g->cpu));
  guest_free (g);
}

/* -- Messages ------------------------------------------------------------------------------------------ */

/* A vector that came by level and comes by edge needs no end of interrupt at the IOAPIC; the reverse does, also when a request
 * was on its way already. */
static void
test_trigger (void)
{
  SoftEngine *engine;
  Guest *g = guest_new (1);

  engine = (SoftEngine *)g->engine;
  set_reg (g->cpu, 0xf, 0x1ff);
  for (unsigned i = 0; i < 2; i++)
    {
      soft_apic_message (engine, BASE, 0x8000 | VECTOR);
      g_assert_true (soft_apic_has_interrupt (g->cpu));
      soft_apic_message (engine, BASE, 0x8000 | VECTOR);
      g_assert_true (soft_apic_has_interrupt (g->cpu));
      g_assert_cmpint (soft_apic_take_interrupt (g->cpu), ==, VECTOR);
      set_reg (g->cpu, 0xb, 0);
      g_assert_cmpuint (g->eois[VECTOR], ==, i + 1);
      soft_apic_message (engine, BASE, VECTOR);
      g_assert_true (soft_apic_has_interrupt (g->cpu));
      g_assert_cmpint (soft_apic_take_interrupt (g->cpu), ==, VECTOR);
      set_reg (g->cpu, 0xb, 0);
      g_assert_cmpuint (g->eois[VECTOR], ==, i + 1);
    }
  guest_free (g);
}

/* INIT by itself or by another: the boot processor starts at the reset vector, others wait for the start-up message. */
static void
test_init_boot (void)
{
  static const uint8_t spin[] = { 0xeb, 0xfe };
  Guest *g = guest_new (2);
  SoftCpu *other = ((SoftEngine *)g->engine)->cpus[1];
  CpuState s;

  /* The page of the reset vector. */
  vm_lock (g->vm);
  address_space_map (g->vm->memory, g->region, 0xfffff000, CODE, 0x1000, 0);
  vm_unlock (g->vm);
  guest_put (g, CODE + 0xff0, spin, sizeof spin);
  for (unsigned i = 0; i < 3; i++)
    {
      SoftCpu *from = i == 1 ? other : g->cpu;

      guest_state (g, &s, 32, 0, FALSE);
      guest_put (g, CODE, spin, sizeof spin);
      guest_start (g, &s);
      set_reg (from, 0x31, 0);
      set_reg (from, 0x30, i == 2 ? 0x44500 : 0x4500);
      g_assert_cmpint (g_atomic_int_get (&g->cpu->apic->init), ==, 1);
      g_assert_true (soft_cpu_runnable (g->cpu));
      soft_cpu_run (g->cpu, 1);
      g_assert_cmphex (g->cpu->segment[CPU_CS].base, ==, 0xffff0000);
      g_assert_cmphex (g->cpu->reg[SOFT_REG_RIP], ==, 0xfff0);
      g_assert_cmphex (g->cpu->cr0 & 1, ==, 0);
      g_assert_cmphex (g->cpu->msr.apic_base & 0x100, ==, 0x100);
      g_assert_cmpuint (g->cpu->run_state, !=, CPU_RUN_WAIT_SIPI);
    }
  set_reg (g->cpu, 0x31, 1 << 24);
  set_reg (g->cpu, 0x30, 0x4500);
  soft_cpu_run (other, 1);
  g_assert_cmpuint (other->run_state, ==, CPU_RUN_WAIT_SIPI);
  guest_free (g);
}

/* Messages that a processor has not taken yet, and an expiry that the main loop has not come to, outlive a save. */
static void
test_saved (void)
{
  Guest *g = guest_new (2), *h = guest_new (2);
  SoftCpu *other = ((SoftEngine *)h->engine)->cpus[1];
  CpuState s;

  set_reg (g->cpu, 0xf, 0x1ff);
  set_reg (g->cpu, 0x31, 1 << 24);
  set_reg (g->cpu, 0x30, 0x4500);
  set_reg (g->cpu, 0x30, 0x4609);
  g_assert_true (soft_engine_class.get_state (g->engine, 1, &s));
  g_assert_true (soft_engine_class.set_state (h->engine, 1, &s));
  g_assert_true (soft_cpu_runnable (other));
  soft_cpu_run (other, 1);
  g_assert_cmphex (other->segment[CPU_CS].selector, ==, 0x900);

  /* An ExtINT message, and an error that ESR shows after the next write to it. */
  set_reg (g->cpu, 0x31, 1 << 24);
  set_reg (g->cpu, 0x30, 0x4700);
  set_reg (g->cpu, 0x30, 0x4003);
  g_assert_true (soft_engine_class.get_state (g->engine, 0, &s));
  g_assert_true (soft_engine_class.set_state (h->engine, 0, &s));
  g_assert_cmphex (reg (h->cpu, 0x28), ==, 0);
  set_reg (h->cpu, 0x28, 0);
  g_assert_cmphex (reg (h->cpu, 0x28), ==, 1 << 5);
  g_assert_true (soft_engine_class.get_state (g->engine, 1, &s));
  g_assert_true (soft_engine_class.set_state (h->engine, 1, &s));
  g_assert_true (soft_apic_has_interrupt (other));

  set_reg (g->cpu, 0x3e, 0xb);
  set_reg (g->cpu, 0x32, VECTOR);
  set_reg (g->cpu, 0x38, 1000);
  vm_clock_set (g->vm->clock, 5000, -1); /* over, and no timer has run */
  g_assert_true (soft_engine_class.get_state (g->engine, 0, &s));
  g_assert_true (soft_engine_class.set_state (h->engine, 0, &s));
  g_assert_false (soft_apic_has_interrupt (h->cpu));
  advance (h, 1);
  g_assert_true (soft_apic_has_interrupt (h->cpu));
  g_assert_cmpint (soft_apic_take_interrupt (h->cpu), ==, VECTOR);
  guest_free (g);
  guest_free (h);
}

static void
test_illegal (void)
{
  static const struct
  {
    unsigned reg;
    gboolean there;
  } cases[] = { { 0x3, TRUE },  { 0xa, TRUE },  { 0x10, TRUE }, { 0x27, TRUE },
                { 0x39, TRUE }, { 0x4, FALSE }, { 0x3c, FALSE } };
  Guest *g = guest_new (1);

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      set_reg (g->cpu, cases[i].reg, 0x12345678);
      set_reg (g->cpu, 0x28, 0);
      g_assert_cmphex (reg (g->cpu, 0x28), ==, cases[i].there ? 0 : 1 << 7);
      set_reg (g->cpu, 0x28, 0);
    }
  guest_free (g);
}

/* The main loop's timer against the processor's writes: for the thread sanitizer, and no more than one expiry a count. */
static gpointer
expire (gpointer data)
{
  Guest *g = data;

  for (unsigned i = 0; i < 2000; i++)
    advance (g, 700);
  return NULL;
}

static void
test_threads (void)
{
  Guest *g = timer_guest (0x20000);
  g_autoptr (GThread) thread = g_thread_new ("main-loop", expire, g);

  for (unsigned i = 0; i < 2000; i++)
    {
      set_reg (g->cpu, 0x38, i % 3 == 0 ? 0 : 500 + i);
      set_reg (g->cpu, 0x32, (i % 5 == 0 ? 0 : 0x20000) | VECTOR);
      set_reg (g->cpu, 0x3e, i % 7 == 0 ? 3 : 0xb);
      g_assert_cmpuint (reg (g->cpu, 0x39), <=, reg (g->cpu, 0x38));
      if (soft_apic_has_interrupt (g->cpu))
        {
          g_assert_cmpint (soft_apic_take_interrupt (g->cpu), ==, VECTOR);
          set_reg (g->cpu, 0xb, 0);
        }
    }
  g_thread_join (g_steal_pointer (&thread));
  set_reg (g->cpu, 0x38, 0);
  soft_apic_has_interrupt (g->cpu);
  soft_apic_take_interrupt (g->cpu);
  set_reg (g->cpu, 0xb, 0);
  advance (g, 10000000);
  g_assert_false (soft_apic_has_interrupt (g->cpu));
  guest_free (g);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/soft-apic/illegal", test_illegal);
  g_test_add_func ("/soft-apic/base", test_base);
  g_test_add_func ("/soft-apic/x2apic-id", test_x2apic_id);
  g_test_add_func ("/soft-apic/x2apic-reserved", test_x2apic_reserved);
  g_test_add_func ("/soft-apic/timer-mode", test_timer_mode);
  g_test_add_func ("/soft-apic/timer-divider", test_timer_divider);
  g_test_add_func ("/soft-apic/timer-taken", test_timer_taken);
  g_test_add_func ("/soft-apic/deadline", test_deadline);
  g_test_add_func ("/soft-apic/trigger", test_trigger);
  g_test_add_func ("/soft-apic/init-boot", test_init_boot);
  g_test_add_func ("/soft-apic/saved", test_saved);
  g_test_add_func ("/soft-apic/threads", test_threads);
  return g_test_run ();
}
