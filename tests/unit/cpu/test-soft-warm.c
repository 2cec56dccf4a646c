/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Code as it runs in a machine, where no instructions are counted: its way from the first run to its translation (interpreted while it is cold, found
 * again, overwritten on the way, seen at two addresses, flushed for want of room), and interrupts where their flag is set and cleared without leaving
 * translated code.
 */
#include "tests/unit/cpu/soft-guest.h"

#include "cpu/soft/translate/translate.h"

enum
{
  ROUTINE = 0x300000,
  ALIAS = 0x500000,
  ROUNDS = 2000,
};

/* Calls a routine and its twin at another address; each `r8d` rounds it is another one. */
GUEST_CODE (
    warm, ".code64",
    "  mov $2000, %ecx\n xor %esi, %esi\n mov $0x300000, %ebx\n mov $0x500000, %edi\n mov $1, %r9d\n"
    "1: dec %r9d\n jnz 2f\n mov %r8d, %r9d\n movb $0xb0, (%rbx)\n mov %cl, 1(%rbx)\n movb $0xc3, 2(%rbx)\n"
    "2: call *%rbx\n movzbl %al, %eax\n add %eax, %esi\n"
    "  call *%rdi\n movzbl %al, %eax\n lea (%rsi,%rax,2), %esi\n"
    "  dec %ecx\n jnz 1b\n"
    "  mov %esi, 0xd000\n int $0x20\n");

static void
run (unsigned period, gboolean counting, gboolean alias)
{
  Guest *g = guest_new (1);
  CpuState s;
  uint32_t sum = 0, value = 0;

  guest_state (g, &s, 64, 0, TRUE);
  if (alias)
    /* The twin is the routine's page. */
    guest_set (g, TABLES + 0x3000 + (ALIAS >> 12) * 8, ROUTINE | 0x67, 8);
  GUEST_LOAD (g, CODE, warm);
  s.gpr[CPU_R8] = period;
  if (!alias)
    guest_put (g, ALIAS, "\xb0\x07\xc3", 3);
  guest_start (g, &s);
  soft_cpu_set_counting (g->cpu, counting);
  g_assert_true (guest_run (g, 1000000));
  for (uint32_t i = ROUNDS; i >= 1; i--)
    {
      if ((ROUNDS - i) % period == 0)
        value = i & 0xff;
      sum += value + 2 * (alias ? value : 7);
    }
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, sum);
  guest_free (g);
}

static void
run_all (gboolean alias)
{
  static const unsigned periods[] = { 1, 2, 16, 31, 32, 33, 34, 35, 64, 65, 66, 100, 2000 };

  for (unsigned i = 0; i < G_N_ELEMENTS (periods); i++)
    for (unsigned k = 0; k < 2; k++)
      run (periods[i], k != 0, alias);
}

static void
test_overwritten (void)
{
  run_all (FALSE);
}

static void
test_alias (void)
{
  run_all (TRUE);
}

/* -- STI --------------------------------------------------------------------------------------------------------- */

enum
{
  VECTOR = 0x30,
  HANDLER = 0xa000,
};

/* Counts, and notes where it came. */
GUEST_CODE (handler, ".code64",
            "  push %rax\n mov 8(%rsp), %rax\n mov %rax, 0xd010\n incl 0xd000\n pop %rax\n iretq\n");

/* Asks for an interrupt, which is held until the end of the instruction behind STI, and comes there: at once, and EBX rounds later.  ESI counts the
 * rounds in which it came too early, EDI those in which it came late or elsewhere. */
#define HELD(label)                                                                            \
  "  mov 0xd000, %r8d\n sti\n cmp %r8d, 0xd000\n" label                                        \
  ": nop\n cli\n setne %al\n movzbl %al, %eax\n add %eax, %esi\n"                              \
  "  lea " label                                                                               \
  "b(%rip), %r9\n inc %r8d\n xor %eax, %eax\n cmp %r8d, 0xd000\n setne %al\n add %eax, %edi\n" \
  "  xor %eax, %eax\n cmp %r9, 0xd010\n setne %al\n add %eax, %edi\n"
GUEST_CODE (
    window, ".code64",
    "  mov $500, %ecx\n xor %esi, %esi\n xor %edi, %edi\n"
    "1: cli\n mov %al, 0x600000\n" HELD (
        "3") "  out %al, $0x60\n mov %ebx, %edx\n"
             "2: dec %edx\n jns 2b\n" HELD (
                 "4") "  sti\n nop\n pushf\n pop %rax\n cli\n pushf\n pop %r10\n sub %r10d, %eax\n cmp $0x200, %eax\n setne %al\n movzbl %al, %eax\n"
                      "  add %eax, %edi\n dec %ecx\n jnz 1b\n"
                      "  mov %esi, 0xd020\n mov %edi, 0xd024\n int $0x20\n");

static uint64_t
ring_read (void *opaque, uint64_t addr, unsigned size)
{
  return 0;
}

static void
ring_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Guest *g = opaque;

  g->vm->processor->set_intr (g->vm->processor_opaque, TRUE);
}

static const IoOps ring_ops = { .read = ring_read, .write = ring_write };

static void
test_sti (void)
{
  for (unsigned i = 0; i < 8; i++)
    {
      Guest *g = guest_new (1);
      g_autoptr (Region) ring = region_new_io ("ring", 1, &ring_ops, g);
      g_autoptr (Region) memory_ring = region_new_io ("memory ring", GUEST_PAGE_SIZE, &ring_ops, g);
      CpuState s;

      vm_lock (g->vm);
      address_space_map (g->vm->ports, ring, 0x60, 0, 1, 0);
      address_space_map (g->vm->memory, memory_ring, 0x600000, 0, GUEST_PAGE_SIZE, 1);
      vm_unlock (g->vm);
      g->vector = VECTOR;
      guest_state (g, &s, 64, 0, TRUE);
      guest_gate (g, VECTOR, CS64, HANDLER, 0x8e, TRUE);
      GUEST_LOAD (g, HANDLER, handler);
      GUEST_LOAD (g, CODE, window);
      s.gpr[CPU_RBX] = i % 4 * 3;
      guest_start (g, &s);
      soft_cpu_set_counting (g->cpu, i >= 4);
      g_assert_true (guest_run (g, 1000000));
      g_assert_cmpuint (guest_vector (g), ==, 0x20);
      g_assert_cmpuint (guest_get (g, 0xd000, 4), ==, 1000);
      g_assert_cmpuint (guest_get (g, 0xd020, 4), ==, 0);
      g_assert_cmpuint (guest_get (g, 0xd024, 4), ==, 0);
      guest_free (g);
    }
}

/* Each of these addresses is new to the caches of targets when it is called. */
GUEST_CODE (caller, ".code64",
            "  xor %ecx, %ecx\n"
            "1: call *%rbx\n inc %ecx\n inc %ebx\n cmp %edx, %ebx\n jne 1b\n int $0x20\n");

static void
test_low_targets (void)
{
  enum
  {
    FIRST = GDT + 0x100,
    END = IDT,
  };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, caller);
  for (uint32_t at = FIRST; at < END; at++)
    guest_set (g, at, 0xc3, 1);
  s.gpr[CPU_RBX] = FIRST;
  s.gpr[CPU_RDX] = END;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  g_assert_cmpuint (g->cpu->reg[CPU_RCX], ==, END - FIRST);
  guest_free (g);
}

/* -- Page tables that changed untold ----------------------------------------------------------------------------- */

/* Calls a routine, gives its page another entry without INVLPG, and calls another one of that page. */
GUEST_CODE (moved, ".code64",
            "  call *%rbx\n mov %rsi, (%rdi)\n add $0x100, %ebx\n call *%rbx\n int $0x20\n");

/* What was fetched by the old entry may be gone on with or not; nothing else may happen (SDM volume 3, 4.10.2.3). */
static void
test_moved (void)
{
  static const struct
  {
    uint64_t entry;
    unsigned vector; /* by the new entry */
  } cases[] = {
    { ALIAS | 7, 0x20 },
    { 0, 14 },
    /* No memory, from which all ones are read: not an instruction. */
    { 0x40000000 | 7, 6 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Guest *g = guest_new (1);
      CpuState s;

      guest_state (g, &s, 64, 0, TRUE);
      GUEST_LOAD (g, CODE, moved);
      guest_put (g, ROUTINE, "\xc3", 1);
      guest_put (g, ROUTINE + 0x100, "\xb0\x01\xc3", 3);
      guest_put (g, ALIAS + 0x100, "\xb0\x02\xc3", 3);
      s.gpr[CPU_RBX] = ROUTINE;
      s.gpr[CPU_RDI] = TABLES + 0x3000 + (ROUTINE >> 12) * 8;
      s.gpr[CPU_RSI] = cases[i].entry;
      guest_start (g, &s);
      g_assert_true (guest_run (g, 1000));
      if (g->cpu->reg[CPU_RAX] == 1)
        g_assert_cmpuint (guest_vector (g), ==, 0x20);
      else
        {
          g_assert_cmpuint (guest_vector (g), ==, cases[i].vector);
          g_assert_cmpuint (g->cpu->reg[CPU_RAX], ==, cases[i].vector == 0x20 ? 2 : 0);
        }
      guest_free (g);
    }
}

/* -- Caches that are full ---------------------------------------------------------------------------------------- */

enum
{
  N_ROUTINES = 600,
  ROUTINE_SIZE = 32,
  LAPS = 80,
};

/* RBX: routines of three branches each, EDX bytes of them.  All are called EBP times. */
GUEST_CODE (laps, ".code64",
            "1: xor %ecx, %ecx\n"
            "2: lea (%rbx,%rcx), %rsi\n call *%rsi\n add $32, %ecx\n cmp %edx, %ecx\n jne 2b\n"
            "  dec %ebp\n jnz 1b\n int $0x20\n");
GUEST_CODE (three, ".code64",
            "  jmp 1f\n1: inc %eax\n jmp 2f\n nop\n2: lea 3f(%rip), %r8\n jmp *%r8\n3: ret\n");

static void
run_full (size_t size)
{
  Guest *g = guest_new (1);
  const SoftTranslator *translator = g->cpu->translator;
  CpuState s;

  soft_code_free (g->cpu->code);
  g->cpu->code = soft_code_new (g->cpu, size);
  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, laps);
  for (uint32_t i = 0; i < N_ROUTINES; i++)
    GUEST_LOAD (g, ROUTINE + i * ROUTINE_SIZE, three);
  s.gpr[CPU_RAX] = 0;
  s.gpr[CPU_RBX] = ROUTINE;
  s.gpr[CPU_RDX] = N_ROUTINES * ROUTINE_SIZE;
  s.gpr[CPU_RBP] = LAPS;
  guest_start (g, &s);
  soft_cpu_set_counting (g->cpu, size % 2000 == 0);
  for (unsigned part = 0; part < 10000 && soft_cpu_runnable (g->cpu); part++)
    {
      soft_cpu_run (g->cpu, 2000);
      for (unsigned i = 0; translator != NULL && i < translator->n_units; i++)
        g_assert_cmpuint (translator->units[i]->jump_class, <, translator->n_classes);
    }
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  g_assert_cmpuint (g->cpu->reg[CPU_RAX], ==, N_ROUTINES * LAPS);
  guest_free (g);
}

/* Decoded code has room for a part of what runs, so a flush comes wherever something is decoded or translated: what is made behind it has a jump cache, as
 * all else has. */
static void
test_full (void)
{
  static const char *const modes[] = { "translate", "always" };
  g_autofree char *mode = g_strdup (g_getenv ("VIVARIUM_SOFT"));
  const gboolean both = g_strcmp0 (mode, "translate") == 0;

  for (unsigned m = 0; m < (both ? 2 : 1); m++)
    {
      if (both)
        g_setenv ("VIVARIUM_SOFT", modes[m], TRUE);
      for (size_t size = 24000; size < 120000; size += 9000)
        run_full (size);
    }
  if (both)
    g_setenv ("VIVARIUM_SOFT", mode, TRUE);
}

int
main (int argc, char **argv)
{
  /* Each test runs in the mode of its own that its name says; this is about the one between them. */
  if (g_strcmp0 (g_getenv ("VIVARIUM_SOFT"), "always") == 0)
    g_setenv ("VIVARIUM_SOFT", "translate", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/soft-warm/overwritten", test_overwritten);
  g_test_add_func ("/soft-warm/alias", test_alias);
  g_test_add_func ("/soft-warm/sti", test_sti);
  g_test_add_func ("/soft-warm/low-targets", test_low_targets);
  g_test_add_func ("/soft-warm/moved", test_moved);
  g_test_add_func ("/soft-warm/full", test_full);
  return g_test_run ();
}
