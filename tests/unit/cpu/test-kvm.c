/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The KVM engine with guests of a few bytes in real mode.  Skipped with the reason where KVM can't be used.
 */
#include "cpu/engine.h"

#include <string.h>

#define CODE_AT   0xf0000u
#define DONE_PORT 0x99
#define MMIO_AT   0xd0000u

typedef struct
{
  Vm *vm;
  Engine *engine;
  Region *ram, *rom, *done_region, *mmio_region;
  GArray *log; /* values written to DONE_PORT and MMIO */
  gboolean done;
  int vector; /* what the 8259 pair would answer */
  gboolean intr;
} Fixture;

static uint64_t
done_read (void *opaque, uint64_t addr, unsigned size)
{
  return 0x5a5a5a5a;
}

static void
done_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Fixture *f = opaque;

  g_assert_true (vm_lock_held (f->vm));
  if (addr == 4)
    {
      f->done = TRUE;
      g_main_context_wakeup (NULL);
      return;
    }
  g_array_append_val (f->log, value);
}

static uint64_t
mmio_read (void *opaque, uint64_t addr, unsigned size)
{
  return 0x8877665544332211ULL >> (8 * (addr & 7));
}

static void
mmio_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Fixture *f = opaque;

  g_assert_cmphex (addr, ==, 4);
  g_array_append_val (f->log, value);
}

static int
on_intack (void *opaque)
{
  Fixture *f = opaque;

  f->vm->processor->set_intr (f->vm->processor_opaque, FALSE);
  return f->vector;
}

/* How long the program may take altogether; meson gives it 300 s. */
#define PROGRAM_SECONDS 270

/* A guest of a few instructions has a minute.  Where KVM interprets it on a loaded host, it has what the program has left. */
static guint
patience (void)
{
  static gint64 start;

  if (start == 0)
    start = g_get_monotonic_time ();
  if (kvm_probe ()->fast)
    return 60;
  return (guint)CLAMP (PROGRAM_SECONDS - (g_get_monotonic_time () - start) / G_USEC_PER_SEC, 1,
                       PROGRAM_SECONDS);
}

static gboolean
on_watchdog (gpointer data)
{
  g_error ("the guest did not answer in its time");
  return G_SOURCE_REMOVE;
}

static gboolean
on_time (gpointer flag)
{
  *(gboolean *)flag = TRUE;
  return G_SOURCE_CONTINUE;
}

static const IoOps done_ops = { done_read, done_write, 1, 4, 1, 4 };
static const IoOps mmio_ops = { mmio_read, mmio_write, 1, 8, 1, 8 };

static void
setup (Fixture *f, gconstpointer data)
{
  EngineConfig config = { .n_cpus = 1 };
  g_autoptr (GError) error = NULL;

  f->vm = vm_new (NULL, FALSE);
  f->log = g_array_new (FALSE, FALSE, sizeof (uint64_t));
  f->engine = engine_new (&kvm_engine_class, f->vm, &config, &error);
  g_assert_no_error (error);
  f->ram = region_new_ram ("ram", 0x100000, RAM_DEFAULT, NULL);
  f->rom = region_new_ram ("rom", 0x10000, RAM_ROM, NULL);
  f->done_region = region_new_io ("done", 5, &done_ops, f);
  f->mmio_region = region_new_io ("mmio", 0x1000, &mmio_ops, f);
  vm_lock (f->vm);
  vm_add_ram (f->vm, f->ram);
  address_space_begin (f->vm->memory);
  address_space_map (f->vm->memory, f->ram, 0, 0, 0x100000, 0);
  address_space_map (f->vm->memory, f->rom, CODE_AT, 0, 0x10000, 1);
  address_space_map (f->vm->memory, f->rom, 0xffff0000, 0, 0x10000, 1);
  address_space_map (f->vm->memory, f->mmio_region, MMIO_AT, 0, 0x1000, 1);
  address_space_commit (f->vm->memory);
  address_space_map (f->vm->ports, f->done_region, DONE_PORT, 0, 5, 0);
  f->vm->intack = on_intack;
  f->vm->intack_opaque = f;
  vm_unlock (f->vm);
  /* Reset vector: jmp f000:0000. */
  memcpy (region_host (f->rom) + 0xfff0, "\xea\x00\x00\x00\xf0", 5);
}

static void
teardown (Fixture *f, gconstpointer data)
{
  vm_stop (f->vm, NULL);
  engine_free (f->engine);
  vm_free (f->vm);
  region_unref (f->ram);
  region_unref (f->rom);
  region_unref (f->done_region);
  region_unref (f->mmio_region);
  g_array_unref (f->log);
}

static void
run_until (Fixture *f, const gboolean *flag)
{
  guint watchdog = g_timeout_add_seconds (patience (), on_watchdog, NULL);

  while (!*flag)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (watchdog);
}

static void
run_code (Fixture *f, const void *code, size_t length)
{
  memcpy (region_host (f->rom), code, length);
  vm_start (f->vm, FALSE);
  run_until (f, &f->done);
}

#define DONE "\xe6\x9d" /* out %al,$0x9d */

static uint64_t
logged (Fixture *f, unsigned n)
{
  g_assert_cmpuint (n, <, f->log->len);
  return g_array_index (f->log, uint64_t, n);
}

/* Port and MMIO accesses of each width, a string, a store to ROM, RAM. */
static void
test_access (Fixture *f, gconstpointer data)
{
  static const char code[] = "\xb0\x12\xe6\x99"                 /* mov $0x12,%al; out %al,$0x99 */
                             "\x66\xe5\x99\x66\xe7\x99"         /* in $0x99,%eax; out %eax,$0x99 */
                             "\xb8\x00\xd0\x8e\xd8"             /* mov $0xd000,%ax; mov %ax,%ds */
                             "\x66\xa1\x02\x00\x66\xe7\x99"     /* mov 2,%eax; out %eax,$0x99 */
                             "\xc6\x06\x04\x00\x77"             /* movb $0x77,4 */
                             "\xb8\x00\xf0\x8e\xd8"             /* %ds = 0xf000 */
                             "\xc6\x06\x00\x10\xff"             /* movb $0xff,0x1000: dropped */
                             "\xa0\x00\x10\xe6\x99"             /* mov 0x1000,%al; out */
                             "\xb8\x00\x10\x8e\xd8\x31\xf6"     /* %ds = 0x1000, %si = 0 */
                             "\xc7\x04\x41\x42\xc6\x44\x02\x43" /* movw $0x4241,(%si); movb $0x43,2(%si) */
                             "\xba\x99\x00\xb9\x03\x00\xf3\x6e" /* mov $0x99,%dx; mov $3,%cx; rep outsb */
      DONE "\xf4\xeb\xfd";

  run_code (f, code, sizeof code - 1);
  g_assert_cmphex (logged (f, 0), ==, 0x12);
  g_assert_cmphex (logged (f, 1), ==, 0x5a5a5a5a);
  g_assert_cmphex (logged (f, 2), ==, 0x66554433);
  g_assert_cmphex (logged (f, 3), ==, 0x77);
  g_assert_cmphex (logged (f, 4), ==, 0);
  g_assert_cmphex (logged (f, 5), ==, 0x41);
  g_assert_cmphex (logged (f, 7), ==, 0x43);
  g_assert_cmpuint (f->log->len, ==, 8);
  g_assert_cmphex (region_host (f->ram)[0x10001], ==, 0x42);
  g_assert_cmpuint (f->vm->processor->exits (f->vm->processor_opaque), >=, f->log->len);
}

/* INTR wakes a halted processor and delivers the vector that INTA gives. */
static void
test_interrupt (Fixture *f, gconstpointer data)
{
  static const char code[] = "\x31\xc0\x8e\xd8\x8e\xd0\xbc\x00\x70" /* %ds = %ss = 0; mov $0x7000,%sp */
                             "\xc7\x06\x20\x01\x40\x00"             /* vector 0x48: offset 0x40 */
                             "\xc7\x06\x22\x01\x00\xf0"             /* segment 0xf000 */
      DONE "\xfb\xf4" /* done; sti; hlt: STI holds interrupts off until HLT sleeps */
                             "\xb0\x02\xe6\x99" DONE "\xf4\xeb\xfd";
  static const char handler[] = "\xb0\x01\xe6\x99\xcf"; /* mov $1,%al; out %al,$0x99; iret */

  memcpy (region_host (f->rom) + 0x40, handler, sizeof handler - 1);
  f->vector = 0x48;
  run_code (f, code, sizeof code - 1);
  f->done = FALSE;
  vm_lock (f->vm);
  f->vm->processor->set_intr (f->vm->processor_opaque, TRUE);
  vm_unlock (f->vm);
  run_until (f, &f->done);
  g_assert_cmphex (logged (f, 0), ==, 1);
  g_assert_cmphex (logged (f, 1), ==, 2);
}

/* A watchdog's: the processor hangs, with interrupts off, and leaves KVM_RUN for nobody.  Who asks doesn't wait for it. */
static void
test_nmi (Fixture *f, gconstpointer data)
{
  static const char code[] = "\x31\xc0\x8e\xd8\x8e\xd0\xbc\x00\x70" /* %ds = %ss = 0; mov $0x7000,%sp */
                             "\xc7\x06\x08\x00\x40\x00"             /* vector 2: offset 0x40 */
                             "\xc7\x06\x0a\x00\x00\xf0"             /* segment 0xf000 */
      DONE "\xfa\xeb\xfe";                                          /* cli; jmp . */
  static const char handler[] = "\xb0\x01\xe6\x99" DONE "\xeb\xfe";

  memcpy (region_host (f->rom) + 0x40, handler, sizeof handler - 1);
  run_code (f, code, sizeof code - 1);
  f->done = FALSE;
  vm_lock (f->vm);
  f->vm->processor->nmi (f->vm->processor_opaque);
  vm_unlock (f->vm);
  run_until (f, &f->done);
  g_assert_cmphex (logged (f, 0), ==, 1);
  vm_pause (f->vm, NULL);
  /* Of one that stands it is kept. */
  vm_lock (f->vm);
  f->vm->processor->nmi (f->vm->processor_opaque);
  vm_unlock (f->vm);
  g_autofree CpuState *state = g_new0 (CpuState, 1);
  g_assert_true (f->engine->klass->get_state (f->engine, 0, state));
  g_assert_cmpuint (state->nmi_pending + state->nmi_masked, >=, 1);
}

static void
test_dirty (Fixture *f, gconstpointer data)
{
  static const char code[]
      = "\xb8\x00\x30\x8e\xd8\xc6\x06\x10\x00\x01" DONE "\xf4\xeb\xfd"; /* movb $1,0x3000:0x10 */
  uint64_t bits[4];

  vm_lock (f->vm);
  region_set_dirty_log (f->ram, DIRTY_DISPLAY, TRUE);
  region_take_dirty (f->ram, DIRTY_DISPLAY, 0, 256, bits);
  vm_unlock (f->vm);
  run_code (f, code, sizeof code - 1);
  vm_lock (f->vm);
  g_assert_true (region_take_dirty (f->ram, DIRTY_DISPLAY, 0, 256, bits));
  g_assert_cmphex (bits[0], ==, 1ULL << 0x30);
  g_assert_cmphex (bits[1] | bits[2] | bits[3], ==, 0);
  vm_unlock (f->vm);
}

/* State out, changed, in again; a pause in between. */
static void
test_state (Fixture *f, gconstpointer data)
{
  static const char code[]
      = "\x66\xb8\x78\x56\x34\x12" DONE "\xeb\xfe"; /* mov $0x12345678,%eax; done; jmp . */
  g_autofree CpuState *state = g_new0 (CpuState, 1), *again = g_new0 (CpuState, 1);
  g_autofree char *report = NULL;

  run_code (f, code, sizeof code - 1);
  vm_pause (f->vm, NULL);
  g_assert_true (f->engine->klass->get_state (f->engine, 0, state));
  g_assert_cmphex (state->gpr[CPU_RAX], ==, 0x12345678);
  g_assert_cmphex (state->segment[CPU_CS].base, ==, CODE_AT);
  g_assert_cmphex (state->rip, ==, 8);
  report = cpu_state_report (f->vm, state, 0, "title");
  g_assert_nonnull (strstr (report, "code at RIP: eb fe 00"));
  state->gpr[CPU_RBX] = 0xabcd;
  state->dr[0] = 0x1234;
  g_assert_true (f->engine->klass->set_state (f->engine, 0, state));
  g_assert_true (f->engine->klass->get_state (f->engine, 0, again));
  g_assert_cmpmem (state->gpr, sizeof state->gpr, again->gpr, sizeof again->gpr);
  g_assert_cmpmem (state->segment, sizeof state->segment, again->segment, sizeof again->segment);
  g_assert_cmpmem (state->apic, sizeof state->apic, again->apic, sizeof again->apic);
  g_assert_cmphex (again->dr[0], ==, 0x1234);
  vm_resume (f->vm);
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_RUNNING);
}

/* Slots are cut and joined again under a processor that runs in them. */
static void
test_slots (Fixture *f, gconstpointer data)
{
  static const char code[] = DONE "\xeb\xfe"; /* done; jmp . */
  g_autoptr (Region) over = region_new_ram ("over", GUEST_PAGE_SIZE, RAM_DEFAULT, NULL);
  Mapping *mapping;

  vm_lock (f->vm);
  mapping = address_space_map (f->vm->memory, over, 0x40000, 0, GUEST_PAGE_SIZE, 5);
  vm_unlock (f->vm);
  run_code (f, code, sizeof code - 1);
  for (unsigned i = 0; i < 400; i++)
    {
      vm_lock (f->vm);
      mapping_set_enabled (mapping, i & 1);
      vm_unlock (f->vm);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_RUNNING);
    }
  vm_pause (f->vm, NULL);
  vm_lock (f->vm);
  mapping_remove (mapping);
  vm_unlock (f->vm);
}

/* An instruction that reads a device's memory and writes it leaves the processor twice.  A pause in between loses neither. */
static void
test_pause_within (Fixture *f, gconstpointer data)
{
  static const char code[]
      = "\xb8\x00\xd0\x8e\xd8\xb9\x00\x40" /* mov $0xd000,%ax; mov %ax,%ds; mov $0x4000,%cx */
        "\xfe\x06\x04\x00\xe2\xfa"         /* 1: incb 4; loop 1b */
      DONE "\xf4\xeb\xfd";

  memcpy (region_host (f->rom), code, sizeof code - 1);
  vm_start (f->vm, FALSE);
  /* A processor that gets little time between the pauses does its last accesses without them. */
  for (unsigned pauses = 0; !f->done && pauses < 4000; pauses++)
    {
      vm_pause (f->vm, NULL);
      vm_resume (f->vm);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_usleep (200); /* time for a few accesses */
    }
  run_until (f, &f->done);
  g_assert_cmpuint (f->log->len, ==, 0x4000);
  g_assert_cmphex (logged (f, 0x3fff), ==, 0x56);
}

/* The deadline of the APIC's timer is taken by the kernel only in that timer's mode, so it goes behind the APIC. */
static void
test_deadline (Fixture *f, gconstpointer data)
{
  static const char code[] = DONE "\xeb\xfe";
  g_autofree CpuState *state = g_new0 (CpuState, 1), *again = g_new0 (CpuState, 1);
  const uint64_t deadline = (uint64_t)1 << 62;
  gboolean found = FALSE;

  run_code (f, code, sizeof code - 1);
  vm_pause (f->vm, NULL);
  g_assert_true (f->engine->klass->get_state (f->engine, 0, state));
  for (unsigned i = 0; i < state->n_msrs; i++)
    if (state->msr[i].index == 0x6e0)
      {
        state->msr[i].value = deadline;
        found = TRUE;
      }
  if (!found)
    {
      g_test_skip ("this KVM has no TSC deadline");
      return;
    }
  state->apic[0x0f0] |= 0xff;
  state->apic[0x0f1] |= 1;   /* enabled by software */
  state->apic[0x320] = 0x40; /* LVT timer: vector, */
  state->apic[0x321] = 0;
  state->apic[0x322] = 4; /* TSC deadline, not masked */
  g_assert_true (f->engine->klass->set_state (f->engine, 0, state));
  g_assert_true (f->engine->klass->get_state (f->engine, 0, again));
  for (unsigned i = 0; i < again->n_msrs; i++)
    if (again->msr[i].index == 0x6e0)
      g_assert_cmphex (again->msr[i].value, ==, deadline);
  /* A pause doesn't lose it either. */
  vm_resume (f->vm);
  vm_pause (f->vm, NULL);
  g_assert_true (f->engine->klass->get_state (f->engine, 0, again));
  for (unsigned i = 0; i < again->n_msrs; i++)
    if (again->msr[i].index == 0x6e0)
      g_assert_cmphex (again->msr[i].value, ==, deadline);
}

static uint32_t
apic_count (Fixture *f)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1);
  uint32_t count;

  g_assert_true (f->engine->klass->get_state (f->engine, 0, state));
  memcpy (&count, state->apic + 0x390, 4);
  return count;
}

/* The local APIC's timer, which the kernel keeps, doesn't count in a pause.  How much it counts outside of it is bounded by what the
 * test's own clock says, however slow the host is. */
static void
test_apic_timer (Fixture *f, gconstpointer data)
{
  static const char code[] = DONE "\xeb\xfe";
  const uint32_t initial = G_MAXUINT32;
  g_autofree CpuState *state = g_new0 (CpuState, 1);
  gint64 ran = -g_get_monotonic_time ();
  uint32_t before, after;

  run_code (f, code, sizeof code - 1);
  vm_pause (f->vm, NULL);
  g_assert_true (f->engine->klass->get_state (f->engine, 0, state));
  state->apic[0x0f0] |= 0xff;
  state->apic[0x0f1] |= 1;                       /* enabled by software */
  memcpy (state->apic + 0x320, "\x40\0\1\0", 4); /* LVT timer: one-shot, masked */
  memcpy (state->apic + 0x3e0, "\x0a\0\0\0", 4); /* 128 ns a step, as KVM's bus goes at 1 GHz */
  memcpy (state->apic + 0x380, &initial, 4);
  memcpy (state->apic + 0x390, &initial, 4);
  g_assert_true (f->engine->klass->set_state (f->engine, 0, state));
  vm_resume (f->vm);
  g_usleep (10000);
  vm_pause (f->vm, NULL);
  ran += g_get_monotonic_time ();
  before = apic_count (f);
  if (before == 0 || before == initial)
    {
      g_test_skip ("this KVM doesn't tell the timer's current count");
      return;
    }
  g_usleep (500000);
  ran -= g_get_monotonic_time ();
  vm_resume (f->vm);
  vm_pause (f->vm, NULL);
  after = apic_count (f);
  ran += g_get_monotonic_time ();
  g_assert_cmpuint (after, >, 0);
  g_assert_cmpint ((initial - after) / 1000 * 128, <=, ran + 20000);
}

static void
on_state (Vm *vm, VmState state, void *opaque)
{
  g_string_append_printf (opaque, "%d ", state);
}

/* Three faults in a row reset the machine, which then finds other code. */
static void
test_triple_fault (Fixture *f, gconstpointer data)
{
  /* If byte 0x500 is set: done.  Else set it, load an empty IDT, enter protected mode, and raise #GP. */
  static const char code[]
      = "\x31\xc0\x8e\xd8\x80\x3e\x00\x05\x01\x74\x17"         /* %ds = 0; cmpb $1,0x500; je 1f */
        "\xc6\x06\x00\x05\x01\x0f\x01\x1e\x10\x05"             /* movb $1,0x500; lidt 0x510 */
        "\x0f\x20\xc0\x0c\x01\x0f\x22\xc0\xb8\xff\xff\x8e\xd8" /* protected mode; %ds = 0xffff */
      DONE "\xf4\xeb\xfd";
  g_autoptr (GString) states = g_string_new (NULL);
  gboolean late = FALSE;
  guint watchdog = g_timeout_add_seconds (MIN (patience (), 60), on_time, &late);

  vm_add_state_func (f->vm, on_state, states);
  memcpy (region_host (f->rom), code, sizeof code - 1);
  vm_start (f->vm, FALSE);
  while (!f->done && !late && vm_state (f->vm) != VM_STATE_CRASHED)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (watchdog);
  if (late && !f->done)
    {
      /* One that interprets may also be caught for ever in an instruction that it doesn't know. */
      g_assert_false (kvm_probe ()->fast);
      g_test_skip ("this KVM interprets the guest and never came to the third fault");
      return;
    }
  if (vm_state (f->vm) == VM_STATE_CRASHED)
    {
      /* A KVM that interprets ring 0 may give up first; then that is what must be reported, with registers and code.  No
       * other may. */
      g_assert_false (kvm_probe ()->fast);
      g_assert_nonnull (strstr (vm_state_reason (f->vm), "internal error"));
      g_assert_nonnull (strstr (vm_state_reason (f->vm), "code at RIP:"));
      return;
    }
  g_assert_cmpstr (states->str, ==, "1 1 ");
}

int
main (int argc, char **argv)
{
  const KvmProbe *probe = kvm_probe ();

  g_test_init (&argc, &argv, NULL);
  if (!probe->usable)
    {
      g_print ("1..0 # SKIP %s\n", probe->detail);
      return 0;
    }
#define ADD(name, func) g_test_add ("/kvm/" name, Fixture, NULL, setup, func, teardown)
  ADD ("access", test_access);
  ADD ("interrupt", test_interrupt);
  ADD ("nmi", test_nmi);
  ADD ("dirty", test_dirty);
  ADD ("state", test_state);
  ADD ("slots", test_slots);
  ADD ("pause-within", test_pause_within);
  ADD ("deadline", test_deadline);
  ADD ("apic-timer", test_apic_timer);
  ADD ("triple-fault", test_triple_fault);
  return g_test_run ();
}
