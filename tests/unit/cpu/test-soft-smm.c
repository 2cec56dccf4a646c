/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The software processor: system-management mode.  Each test has memory that only it sees at SMRAM, on top of what the guest has there.
 */
#include "soft-guest.h"

#define SMBASE     0x30000u
#define OTHER      0x38000u /* another SMBASE, in the same memory */
#define SMRAM      0x30000u
#define SMRAM_SIZE 0x20000u
#define HANDLER    0x8000u
#define AREA       0xfe00u
#define RAX        (AREA + 0x1f8)
#define RBX        (AREA + 0x1e0)

typedef struct
{
  Guest *g;
  Region *smram;
  uint8_t *bytes;
} Smm;

/* Counts in RBX and never ends. */
GUEST_CODE (count, ".code64", "1: incq %rbx\n jmp 1b");
/* As SMM begins: 16 bits, CS at SMBASE, others at 0.  Notes where it is in a place that both see, adds 0x100 to what RAX will be, and goes back. */
GUEST_CODE (handler, ".code16",
            "incw %cs:0x7000\n"
            "movl %ds:0xd000, %ecx\n"
            "addl $0x100, %cs:0xfff8\n"
            "incl %ds:0xd100\n"
            "rsm");
/* SMBASE of what comes next. */
GUEST_CODE (mover, ".code16", "movl $0x38000, %cs:0xff00\n rsm");
/* Behind HLT, where the handler says so. */
GUEST_CODE (halting, ".code64", "hlt\n movl $7, 0xd200\n cli\n hlt");
GUEST_CODE (awake, ".code16", "movb $0, %cs:0xfec9\n rsm");
GUEST_CODE (outside, ".code64", "rsm");
/* No processor can be in what it leaves. */
GUEST_CODE (paging, ".code16", "movl $0x80000000, %cs:0xff58\n rsm");
GUEST_CODE (stays, ".code16", "1: incl %ds:0xd100\n cmpb $0, %ds:0xd300\n je 1b\n rsm");
/* To code that lies beyond 64 KiB of CS, which a jump of 32 bits reaches, as firmware's does; one of 16 comes back. */
GUEST_CODE (far_away, ".code16", "movl $0x10100, %ebp\n jmpl *%ebp");
GUEST_CODE (beyond, ".code16", "incl %ds:0xd100\n .byte 0xe9, 0xe3, 0xff");
GUEST_CODE (back, ".code16", "incl %ds:0xd108\n rsm");
/* Tells others by its local APIC, as firmware does: SMI to processor 1. */
GUEST_CODE (
    sender, ".code64",
    "movl $0xfee00000, %esi\n movl $0x01000000, 0x310(%rsi)\n movl $0x00000200, 0x300(%rsi)\n 1: incq %rbx\n jmp 1b");

static Smm *
smm_new (unsigned n_cpus)
{
  Smm *s = g_new0 (Smm, 1);
  g_autoptr (GError) error = NULL;

  s->g = guest_new (n_cpus);
  s->smram = region_new_ram ("smram", SMRAM_SIZE, RAM_DEFAULT, &error);
  g_assert_no_error (error);
  s->bytes = region_host (s->smram);
  vm_lock (s->g->vm);
  address_space_map (s->g->vm->smm_memory, s->smram, SMRAM, 0, SMRAM_SIZE, 0);
  vm_unlock (s->g->vm);
  return s;
}

static void
smm_free (Smm *s)
{
  guest_free (s->g);
  region_unref (s->smram);
  g_free (s);
}

/* The handler of this SMBASE; what is below it for everybody else ends the guest. */
#define SMM_LOAD(s, base, name)                                                                      \
  do                                                                                                 \
    {                                                                                                \
      memcpy ((s)->bytes + (base)-SMRAM + HANDLER, name##_code, (size_t)(name##_end - name##_code)); \
      guest_set ((s)->g, (base) + HANDLER, 0xf4, 1);                                                 \
    }                                                                                                \
  while (0)

static uint64_t
saved (const Smm *s, uint32_t base, unsigned at, unsigned size)
{
  uint64_t value = 0;

  memcpy (&value, s->bytes + base - SMRAM + at, size);
  return value;
}

static void
start (Smm *s, const void *code, size_t length)
{
  CpuState state;

  guest_state (s->g, &state, 64, 0, TRUE);
  state.rflags = 0x2 | 0x8d5;
  for (unsigned i = CPU_R8; i < CPU_N_GPRS; i++)
    state.gpr[i] = 0x1111111111111111u * (i - CPU_R8 + 1);
  state.gpr[CPU_RAX] = 0x1234567800000001;
  state.dr[1] = 0x4242;
  guest_put (s->g, CODE, code, length);
  guest_start (s->g, &state);
}
#define START(s, name) start (s, name##_code, (size_t)(name##_end - name##_code))

static void
run (Smm *s, int64_t budget)
{
  guest_run (s->g, budget);
}

/* All that a program has is as it was, but what the handler changed. */
static void
test_round_trip (void)
{
  Smm *s = smm_new (1);
  CpuState *before = g_new (CpuState, 1), *after = g_new (CpuState, 1);

  SMM_LOAD (s, SMBASE, handler);
  guest_set (s->g, 0xd000, 0x55667788, 4);
  START (s, count);
  run (s, 100);
  soft_engine_class.get_state (s->g->engine, 0, before);
  vm_smi (s->g->vm, TRUE);
  run (s, 6); /* the handler's instructions, and one more */
  soft_engine_class.get_state (s->g->engine, 0, after);
  g_assert_false (s->g->cpu->in_smm);
  g_assert_cmpuint (guest_get (s->g, 0xd100, 4), ==, 1);
  g_assert_cmpuint (saved (s, SMBASE, 0x7000, 2), ==, 1);
  g_assert_cmphex (after->gpr[CPU_RAX], ==, 0x1234567800000101);
  g_assert_cmpuint (after->gpr[CPU_RBX] - before->gpr[CPU_RBX], <=, 1);
  after->gpr[CPU_RAX] = before->gpr[CPU_RAX];
  after->gpr[CPU_RBX] = before->gpr[CPU_RBX];
  g_assert_cmpmem (after->gpr, sizeof after->gpr, before->gpr, sizeof before->gpr);
  g_assert_cmpmem (after->segment, sizeof after->segment, before->segment, sizeof before->segment);
  g_assert_cmpmem (after->dr, sizeof after->dr, before->dr, sizeof before->dr);
  g_assert_cmpmem (after->xsave, sizeof after->xsave, before->xsave, sizeof before->xsave);
  g_assert_cmphex (after->cr0, ==, before->cr0);
  g_assert_cmphex (after->cr3, ==, before->cr3);
  g_assert_cmphex (after->cr4, ==, before->cr4);
  g_assert_cmphex (after->efer, ==, before->efer);
  g_assert_cmphex (after->gdt_base, ==, before->gdt_base);
  g_assert_cmphex (after->idt_limit, ==, before->idt_limit);
  /* Where firmware looks: APM 2, table 10-1. */
  g_assert_cmphex (saved (s, SMBASE, 0xfefc, 4), ==, 0x20064);
  g_assert_cmphex (saved (s, SMBASE, 0xff00, 4), ==, SMBASE);
  g_assert_cmphex (saved (s, SMBASE, 0xff50, 8), ==, TABLES);
  g_assert_cmphex (saved (s, SMBASE, 0xfed0, 8), ==, before->efer);
  g_assert_cmphex (saved (s, SMBASE, 0xff80, 8), ==, 0x8888888888888888u);
  g_assert_cmphex (saved (s, SMBASE, 0xfe10, 2), ==, CS64);
  g_assert_cmphex (saved (s, SMBASE, RBX, 8), ==, before->gpr[CPU_RBX]);
  /* And none of it where everybody looks. */
  for (unsigned i = 0; i < 0x200; i += 8)
    g_assert_cmphex (guest_get (s->g, SMBASE + AREA + i, 8), ==, 0);
  g_free (before);
  g_free (after);
  smm_free (s);
}

/* The handler begins as the manual says. */
static void
test_entry (void)
{
  Smm *s = smm_new (1);
  CpuState *in = g_new (CpuState, 1);

  SMM_LOAD (s, SMBASE, stays);
  START (s, count);
  run (s, 10);
  vm_smi (s->g->vm, FALSE);
  run (s, 1);
  soft_engine_class.get_state (s->g->engine, 0, in);
  g_assert_cmpuint (in->in_smm, ==, 1);
  g_assert_cmphex (in->segment[CPU_CS].base, ==, SMBASE);
  g_assert_cmphex (in->segment[CPU_CS].selector, ==, SMBASE >> 4);
  g_assert_cmphex (in->segment[CPU_DS].base, ==, 0);
  g_assert_cmphex (in->segment[CPU_DS].limit, ==, 0xffffffff);
  g_assert_cmphex (in->cr0 & (CR0_PE | CR0_PG | CR0_EM | CR0_TS), ==, 0);
  g_assert_cmphex (in->cr4, ==, 0);
  g_assert_cmphex (in->efer, ==, 0);
  g_assert_cmphex (in->rflags & (FLAG_IF | FLAG_TF), ==, 0);
  g_assert_cmphex (in->dr[7], ==, 0x400);
  g_assert_cmpuint (in->nmi_masked, ==, 1);
  g_free (in);
  smm_free (s);
}

/* CS is of 16 bits and 4 GiB: EIP is as long as what jumps there. */
static void
test_beyond (void)
{
  Smm *s = smm_new (1);

  SMM_LOAD (s, SMBASE, far_away);
  memcpy (s->bytes + 0x10100, beyond_code, (size_t)(beyond_end - beyond_code));
  /* E9 with 16 bits of offset: behind it, and less 29, of 16 bits. */
  const unsigned to = (0x10100 + (unsigned)(beyond_end - beyond_code) - 29) & 0xffff;
  memcpy (s->bytes + to, back_code, (size_t)(back_end - back_code));
  START (s, count);
  run (s, 10);
  vm_smi (s->g->vm, TRUE);
  run (s, 100);
  g_assert_false (s->g->cpu->in_smm);
  g_assert_cmpuint (guest_get (s->g, 0xd100, 4), ==, 1);
  g_assert_cmpuint (guest_get (s->g, 0xd108, 4), ==, 1);
  smm_free (s);
}

static void
test_smbase (void)
{
  Smm *s = smm_new (1);

  SMM_LOAD (s, SMBASE, mover);
  START (s, count);
  run (s, 10);
  vm_smi (s->g->vm, TRUE);
  run (s, 100);
  g_assert_cmphex (s->g->cpu->smbase, ==, OTHER);
  memset (s->bytes, 0xf4, HANDLER); /* whoever still goes to the first one halts */
  SMM_LOAD (s, OTHER, handler);
  vm_smi (s->g->vm, TRUE);
  run (s, 100);
  g_assert_cmpuint (guest_get (s->g, 0xd100, 4), ==, 1);
  g_assert_cmphex (saved (s, OTHER, 0xff00, 4), ==, OTHER);
  /* INIT leaves it there, a reset doesn't. */
  soft_cpu_reset (s->g->cpu, TRUE);
  g_assert_cmphex (s->g->cpu->smbase, ==, OTHER);
  soft_cpu_reset (s->g->cpu, FALSE);
  g_assert_cmphex (s->g->cpu->smbase, ==, SMBASE);
  smm_free (s);
}

static void
test_halted (void)
{
  Smm *s = smm_new (1);

  SMM_LOAD (s, SMBASE, handler);
  START (s, halting);
  g_assert_true (guest_run (s->g, 100));
  vm_smi (s->g->vm, TRUE);
  g_assert_true (soft_cpu_runnable (s->g->cpu));
  g_assert_true (guest_run (s->g, 100)); /* back to HLT */
  g_assert_cmpuint (guest_get (s->g, 0xd100, 4), ==, 1);
  g_assert_cmpuint (guest_get (s->g, 0xd200, 4), ==, 0);
  SMM_LOAD (s, SMBASE, awake);
  region_mark_dirty (s->smram, 0, SMRAM_SIZE);
  vm_smi (s->g->vm, TRUE);
  g_assert_true (guest_run (s->g, 100)); /* behind it */
  g_assert_cmpuint (guest_get (s->g, 0xd200, 4), ==, 7);
  smm_free (s);
}

static void
test_outside (void)
{
  Smm *s = smm_new (1);

  START (s, outside);
  g_assert_true (guest_run (s->g, 100));
  g_assert_cmpuint (guest_vector (s->g), ==, EXC_UD);
  smm_free (s);
}

static void
test_impossible (void)
{
  Smm *s = smm_new (1);

  SMM_LOAD (s, SMBASE, paging);
  START (s, count);
  run (s, 10);
  vm_smi (s->g->vm, TRUE);
  run (s, 100);
  g_assert_cmpuint (s->g->cpu->run_state, ==, CPU_RUN_WAIT_INIT);
  g_assert_false (s->g->cpu->in_smm);
  smm_free (s);
}

/* NMI, INIT and another SMI wait for RSM. */
static void
test_held (void)
{
  Smm *s = smm_new (1);
  const VmProcessorOps *ops = s->g->vm->processor;

  SMM_LOAD (s, SMBASE, stays);
  START (s, count);
  run (s, 10);
  vm_smi (s->g->vm, TRUE);
  run (s, 100);
  g_assert_true (s->g->cpu->in_smm);
  ops->nmi (s->g->vm->processor_opaque);
  g_atomic_int_set (&s->g->cpu->apic->nmi, 1);
  vm_smi (s->g->vm, TRUE);
  soft_attend (s->g->cpu, SOFT_ATTENTION_INTERRUPT);
  run (s, 100);
  g_assert_true (s->g->cpu->in_smm);
  g_assert_cmpuint (guest_vector (s->g), ==, 0xff);
  guest_set (s->g, 0xd300, 1, 1);
  /* The second interrupt comes first, then the NMI. */
  g_assert_true (guest_run (s->g, 1000));
  g_assert_false (s->g->cpu->in_smm);
  g_assert_cmpuint (guest_vector (s->g), ==, EXC_NMI);
  smm_free (s);

  s = smm_new (1);
  SMM_LOAD (s, SMBASE, stays);
  START (s, count);
  run (s, 10);
  vm_smi (s->g->vm, TRUE);
  run (s, 100);
  g_atomic_int_set (&s->g->cpu->apic->init, 1);
  soft_attend (s->g->cpu, SOFT_ATTENTION_INTERRUPT);
  run (s, 100);
  g_assert_true (s->g->cpu->in_smm);
  g_assert_cmphex (s->g->cpu->segment[CPU_CS].base, ==, SMBASE);
  guest_set (s->g, 0xd300, 1, 1);
  run (s, 20);
  g_assert_false (s->g->cpu->in_smm);
  g_assert_cmphex (s->g->cpu->cr0 & CR0_PE, ==, 0);
  smm_free (s);
}

/* Saved within the handler, it goes on there in another machine, and from there back to the program. */
static void
test_saved (void)
{
  Smm *s = smm_new (1), *t = smm_new (1);
  CpuState *state = g_new (CpuState, 1);

  SMM_LOAD (s, SMBASE, stays);
  START (s, count);
  run (s, 100);
  vm_smi (s->g->vm, TRUE);
  run (s, 100);
  vm_smi (s->g->vm, TRUE); /* one that waits */
  soft_engine_class.get_state (s->g->engine, 0, state);
  memcpy (t->bytes, s->bytes, SMRAM_SIZE);
  guest_put (t->g, 0, s->g->ram, GUEST_RAM);
  guest_start (t->g, state);
  const uint64_t counted = state->gpr[CPU_RBX];
  run (t, 100);
  g_assert_true (t->g->cpu->in_smm);
  g_assert_cmpuint (guest_get (t->g, 0xd100, 4), >, guest_get (s->g, 0xd100, 4));
  guest_set (t->g, 0xd300, 1, 1);
  run (t, 1000);
  g_assert_false (t->g->cpu->in_smm);
  g_assert_cmphex (t->g->cpu->reg[CPU_RBX], >, counted);
  g_assert_cmpuint (g_atomic_int_get (&t->g->cpu->apic->smi), ==, 0);
  g_free (state);
  smm_free (s);
  smm_free (t);
}

/* By the local APIC, to one of two; the map changes under the handler. */
static void
test_processors (void)
{
  Smm *s = smm_new (2);
  SoftCpu *second = ((SoftEngine *)s->g->engine)->cpus[1];
  CpuState *state = g_new (CpuState, 1);
  Mapping *more;

  SMM_LOAD (s, SMBASE, stays);
  START (s, sender);
  /* The tables have no page for the local APIC: 2 MiB at the end of the first 4 GiB. */
  guest_set (s->g, TABLES + 0x1000 + 3 * 8, 0x180007, 8);
  guest_set (s->g, 0x180000 + 0x1f7 * 8, 0xfee00083, 8);
  soft_engine_class.get_state (s->g->engine, 0, state);
  state->rip = CODE + (uint64_t)(sender_end - sender_code) - 5; /* the loop */
  state->segment[CPU_CS].selector = CS64;
  CpuState *other = g_new (CpuState, 1);
  soft_engine_class.get_state (s->g->engine, 1, other);
  const uint64_t base = other->apic_base;
  uint8_t apic[sizeof other->apic];
  memcpy (apic, other->apic, sizeof apic);
  *other = *state;
  other->apic_base = base;
  memcpy (other->apic, apic, sizeof apic);
  g_assert_true (soft_engine_class.set_state (s->g->engine, 1, other));
  run (s, 200);
  g_assert_false (s->g->cpu->in_smm);
  g_assert_true (second->in_smm);
  g_assert_true (second->memory == s->g->vm->smm_memory);
  /* A mapping below is there above at once. */
  g_autoptr (GError) error = NULL;
  g_autoptr (Region) page = region_new_ram ("page", 0x1000, RAM_DEFAULT, &error);
  g_assert_no_error (error);
  region_host (page)[0x300] = 1;
  vm_lock (s->g->vm);
  more = address_space_map (s->g->vm->memory, page, 0xd000, 0, 0x1000, 9);
  vm_unlock (s->g->vm);
  run (s, 2000);
  g_assert_false (second->in_smm);
  vm_lock (s->g->vm);
  mapping_remove (more);
  vm_unlock (s->g->vm);
  g_free (state);
  g_free (other);
  smm_free (s);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/soft-smm/round-trip", test_round_trip);
  g_test_add_func ("/soft-smm/entry", test_entry);
  g_test_add_func ("/soft-smm/beyond", test_beyond);
  g_test_add_func ("/soft-smm/smbase", test_smbase);
  g_test_add_func ("/soft-smm/halted", test_halted);
  g_test_add_func ("/soft-smm/outside", test_outside);
  g_test_add_func ("/soft-smm/impossible", test_impossible);
  g_test_add_func ("/soft-smm/held", test_held);
  g_test_add_func ("/soft-smm/saved", test_saved);
  g_test_add_func ("/soft-smm/processors", test_processors);
  return g_test_run ();
}
