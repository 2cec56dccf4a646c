/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Processors side by side, each with its thread: locked instructions, the order of memory, code that another processor writes, pages that another one unmaps or maps
 * anew, descriptors, the dirty log, orders in between.  Each program runs on all processors, with its number in R8 and how many there are in R9; counts are sums over all, so
 * that one lost update is seen.
 */
#include "tests/unit/cpu/soft-guest.h"

#include "cpu/soft/host.h"

enum
{
  PLACE = 0x200000,   /* operands */
  RECORDS = 0x400000, /* litmus tests: 512 bytes a turn */
  RECORD = 512,
  STACKS = 0x800000,
  SYNC = 0xe000, /* turns begun, by all */
};

static Guest *
new_beside (unsigned n)
{
  const EngineConfig config = { .n_cpus = n };
  Guest *g = guest_new_on_clock (&config, FALSE);

  g_assert_true (((SoftEngine *)g->engine)->side_by_side);
  return g;
}

static void
set_states (Guest *g, CpuState *s)
{
  const unsigned n = ((SoftEngine *)g->engine)->parent.config.n_cpus;

  guest_set (g, SYNC, 0, 8);
  for (unsigned i = 0; i < n; i++)
    {
      s->gpr[CPU_R8] = i;
      s->gpr[CPU_R9] = n;
      s->gpr[CPU_RSP] = STACKS + (i + 1) * 0x1000;
      g_assert_true (soft_engine_class.set_state (g->engine, i, s));
    }
}

static void
resume (Guest *g)
{
  g->vm->processor->resume (g->vm->processor_opaque);
}

static void
pause_all (Guest *g)
{
  g->vm->processor->pause (g->vm->processor_opaque);
}

static gboolean
all_sleep (Guest *g)
{
  SoftEngine *engine = (SoftEngine *)g->engine;

  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    if (!soft_run_sleeps (engine->cpus[i]))
      return FALSE;
  return TRUE;
}

/* Until all have halted. */
static void
run_all (Guest *g)
{
  resume (g);
  while (!all_sleep (g))
    g_usleep (500);
  pause_all (g);
  for (unsigned i = 0; i < ((SoftEngine *)g->engine)->parent.config.n_cpus; i++)
    g_assert_cmpuint (((SoftEngine *)g->engine)->cpus[i]->run_state, ==, CPU_RUN_HALTED);
}

#define HALT "  cli\n9: hlt\n jmp 9b\n"

/* -- Locked instructions ------------------------------------------------------------------------------------------- */

/* RSI: the first operand; a page from one to the next.  RDI: turns. */
GUEST_CODE (
    atomics, ".code64",
    "1: lock incl (%rsi)\n"
    "  lock addq $3, 0x1000(%rsi)\n"
    "  mov $1, %eax\n lock xadd %eax, 0x2000(%rsi)\n"
    "  mov 0x3000(%rsi), %eax\n"
    "2: lea 1(%rax), %edx\n lock cmpxchg %edx, 0x3000(%rsi)\n jne 2b\n"
    "  mov 0x4000(%rsi), %eax\n mov 0x4004(%rsi), %edx\n"
    "3: mov %eax, %ebx\n mov %edx, %ecx\n add $1, %ebx\n adc $0, %ecx\n lock cmpxchg8b 0x4000(%rsi)\n jne 3b\n"
    /* A lock of one bit, and what it guards. */
    "  jmp 4f\n8: pause\n4: lock btsl $5, 0x5000(%rsi)\n jc 8b\n"
    "  incl 0x6000(%rsi)\n"
    "  lock btrl $5, 0x5000(%rsi)\n"
    /* One by exchange. */
    "5: mov $1, %eax\n xchg %eax, 0x7000(%rsi)\n test %eax, %eax\n jnz 6f\n"
    "  incl 0x8000(%rsi)\n movl $0, 0x7000(%rsi)\n jmp 7f\n"
    "6: pause\n jmp 5b\n"
    "7: lock subw $1, 0x9000(%rsi)\n"
    "  mov $0x10000, %eax\n lock add %eax, 0xa000(%rsi)\n"
    "  lock decq 0xb000(%rsi)\n"
    /* Each processor its bit: on and off again. */
    "  mov %r8, %rax\n lock btcl %eax, 0xc000(%rsi)\n"
    "  mov $1, %al\n lock xadd %al, 0xd000(%rsi)\n"
    "  dec %edi\n jnz 1b\n" HALT);

static void
check_atomics (Guest *g, uint32_t at, uint64_t sum)
{
  g_assert_cmpuint (guest_get (g, at, 4), ==, (uint32_t)sum);
  g_assert_cmpuint (guest_get (g, at + 0x1000, 8), ==, 3 * sum);
  g_assert_cmpuint (guest_get (g, at + 0x2000, 4), ==, (uint32_t)sum);
  g_assert_cmpuint (guest_get (g, at + 0x3000, 4), ==, (uint32_t)sum);
  g_assert_cmpuint (guest_get (g, at + 0x4000, 8), ==, sum);
  g_assert_cmpuint (guest_get (g, at + 0x5000, 4), ==, 0);
  g_assert_cmpuint (guest_get (g, at + 0x6000, 4), ==, (uint32_t)sum);
  g_assert_cmpuint (guest_get (g, at + 0x7000, 4), ==, 0);
  g_assert_cmpuint (guest_get (g, at + 0x8000, 4), ==, (uint32_t)sum);
  g_assert_cmpuint (guest_get (g, at + 0x9000, 2), ==, (uint16_t)-sum);
  g_assert_cmpuint (guest_get (g, at + 0xa000, 4), ==, (uint32_t)(sum << 16));
  g_assert_cmpuint (guest_get (g, at + 0xb000, 8), ==, -sum);
  g_assert_cmpuint (guest_get (g, at + 0xc000, 4), ==, 0);
  g_assert_cmpuint (guest_get (g, at + 0xd000, 1), ==, (uint8_t)sum);
}

static void
start_atomics (Guest *g, uint32_t at, unsigned turns)
{
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, atomics);
  memset (g->ram + PLACE, 0, 0x20000);
  s.gpr[CPU_RSI] = at;
  s.gpr[CPU_RDI] = turns;
  set_states (g, &s);
}

static void
test_atomics (void)
{
  /* Aligned; not; over the end of a cache line; over that of a page, by most and by least. */
  static const struct
  {
    unsigned offset, turns;
  } cases[] = { { 0, 20000 }, { 4, 20000 }, { 3, 2000 }, { 61, 400 }, { 0xfff, 400 }, { 0xffd, 400 } };

  for (unsigned n = 2; n <= 4; n += 2)
    for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
      {
        Guest *g = new_beside (n);

        start_atomics (g, PLACE + cases[i].offset, cases[i].turns);
        run_all (g);
        check_atomics (g, PLACE + cases[i].offset, (uint64_t)cases[i].turns * n);
        guest_free (g);
      }
}

/* Flags of a comparison that a look-up has destroyed are made again around a locked instruction, XCHG, and what has a prefix where others have LOCK.  R10 counts those
 * that are wrong. */
#define LOST(number, what, jump) \
  "  cmp $" number ", %rdx\n mov (%rsi), %rax\n " what "\n " jump " 3f\n inc %r10d\n3:\n"
#define LOST_BOTH(what) LOST ("3", what, "jnc") LOST ("9", what, "jc")
GUEST_CODE (lost, ".code64",
            "  xor %r10d, %r10d\n mov $5, %edx\n"
            "1:" LOST_BOTH ("lock incl 8(%rsi)") LOST_BOTH ("lock decq 8(%rsi)")
                LOST_BOTH ("xchg %rcx, 64(%rsi,%r8,8)") LOST_BOTH (
                    "lock notl 16(%rsi)") "  dec %edi\n jnz 1b\n mov %r10, 0x100(%rsi,%r8,8)\n" HALT);
GUEST_CODE (lost_vex, ".code64",
            "  xor %r10d, %r10d\n mov $5, %edx\n"
            "1:" LOST_BOTH ("vmovdqu 16(%rsi), %ymm3") LOST_BOTH ("rorx $7, 24(%rsi), %rcx") LOST_BOTH (
                "shlx %rdx, 32(%rsi), %rcx") "  dec %edi\n jnz 1b\n mov %r10, 0x100(%rsi,%r8,8)\n" HALT);

static void
run_lost (const uint8_t *code, size_t length, gboolean vex)
{
  Guest *g = new_beside (2);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  if (vex)
    {
      s.cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
      s.xcr0 = soft_xcr0_known ();
    }
  guest_put (g, CODE, code, length);
  memset (g->ram + PLACE, 0, 0x1000);
  s.gpr[CPU_RSI] = PLACE;
  s.gpr[CPU_RDI] = 200;
  set_states (g, &s);
  run_all (g);
  g_assert_cmpuint (guest_get (g, PLACE + 0x100, 8), ==, 0);
  g_assert_cmpuint (guest_get (g, PLACE + 0x108, 8), ==, 0);
  guest_free (g);
}

static void
test_lost_flags (void)
{
  run_lost (lost_code, (size_t)(lost_end - lost_code), FALSE);
  if (soft_host_has (SOFT_HOST_AVX | SOFT_HOST_BMI2))
    run_lost (lost_vex_code, (size_t)(lost_vex_end - lost_vex_code), TRUE);
}

/* 16 bytes: two counts that go together. */
GUEST_CODE (wide, ".code64",
            "1: mov (%rsi), %rax\n mov 8(%rsi), %rdx\n"
            "2: lea 1(%rax), %rbx\n lea 2(%rdx), %rcx\n lock cmpxchg16b (%rsi)\n jne 2b\n"
            "  dec %edi\n jnz 1b\n" HALT);

static void
test_wide (void)
{
  Guest *g = new_beside (3);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, wide);
  s.gpr[CPU_RSI] = PLACE;
  s.gpr[CPU_RDI] = 100000;
  set_states (g, &s);
  run_all (g);
  g_assert_cmpuint (guest_get (g, PLACE, 8), ==, 300000);
  g_assert_cmpuint (guest_get (g, PLACE + 8, 8), ==, 600000);
  guest_free (g);
}

/* Operands beside code that runs: their page has no write tag. */
GUEST_CODE (guarded, ".code64",
            "1: lock incl 2f(%rip)\n lock incl 2f+4(%rip)\n lea 2f+8(%rip), %rbx\n incl (%rbx,%r8,4)\n"
            "  dec %edi\n jnz 1b\n" HALT ".balign 64\n2: .fill 64, 1, 0\n");

static void
test_beside_code (void)
{
  Guest *g = new_beside (2);
  CpuState s;
  const uint32_t data = CODE + ((uint32_t)(guarded_end - guarded_code) - 64);

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, guarded);
  s.gpr[CPU_RDI] = 5000;
  set_states (g, &s);
  run_all (g);
  g_assert_cmpuint (guest_get (g, data, 4), ==, 10000);
  g_assert_cmpuint (guest_get (g, data + 4, 4), ==, 10000);
  guest_free (g);
}

/* -- The order of memory --------------------------------------------------------------------------------------------- */

/* Each turn begins for all at the same time.  RSI: its record, with x at 0, y at 64, results at 128 + 4 * n.  What a processor has to do
 * is at label 3 + its number. */
#define LITMUS(name, first, second, third, fourth)                                                    \
  GUEST_CODE (name, ".code64",                                                                        \
              "1: add %r9d, %r10d\n lock incl 0xe000\n"                                               \
              "  jmp 2f\n8: pause\n2: mov 0xe000, %eax\n cmp %r10d, %eax\n jb 8b\n"                   \
              "  cmp $1, %r8d\n jb 3f\n je 4f\n cmp $2, %r8d\n je 5f\n jmp 6f\n"                      \
              "3: " first "\n jmp 7f\n4: " second "\n jmp 7f\n5: " third "\n jmp 7f\n6: " fourth "\n" \
              "7: add $512, %rsi\n dec %edi\n jnz 1b\n" HALT)

#define STORE_X "movl $1, (%rsi)\n"
#define STORE_Y "movl $1, 64(%rsi)\n"
#define LOAD_X  "mov (%rsi), %ebx\n"
#define LOAD_Y  "mov 64(%rsi), %ecx\n"
#define LOAD_X2 "mov (%rsi), %ecx\n"
#define LOAD_Y2 "mov 64(%rsi), %ebx\n"
/* In EBX, ECX. */
#define SAVE(n) "mov %ebx, 128+8*" #n "(%rsi)\n mov %ecx, 132+8*" #n "(%rsi)\n"

LITMUS (buffered, STORE_X LOAD_Y SAVE (0), STORE_Y LOAD_X SAVE (1), "", "");
LITMUS (fenced, STORE_X "mfence\n" LOAD_Y SAVE (0), STORE_Y "mfence\n" LOAD_X SAVE (1), "", "");
LITMUS (locked, STORE_X "lock addl $0, -8(%rsp)\n" LOAD_Y SAVE (0),
        STORE_Y "lock addl $0, -8(%rsp)\n" LOAD_X SAVE (1), "", "");
LITMUS (exchanged, "mov $1, %eax\n xchg %eax, (%rsi)\n" LOAD_Y SAVE (0),
        "mov $1, %eax\n xchg %eax, 64(%rsi)\n" LOAD_X SAVE (1), "", "");
LITMUS (serialized, STORE_X "xor %eax, %eax\n cpuid\n" LOAD_Y SAVE (0),
        STORE_Y "xor %eax, %eax\n cpuid\n" LOAD_X SAVE (1), "", "");
LITMUS (message, STORE_X STORE_Y, LOAD_Y LOAD_X SAVE (1), "", "");
LITMUS (loads, LOAD_X STORE_Y SAVE (0), LOAD_Y STORE_X SAVE (1), "", "");
LITMUS (independent, STORE_X, STORE_Y, LOAD_X2 LOAD_Y2 "xchg %ebx, %ecx\n" SAVE (2), LOAD_Y LOAD_X SAVE (3));

#define TURNS 500

/* How often the two processors have seen neither of the stores. */
static unsigned
run_litmus (Guest *g, const uint8_t *code, size_t length)
{
  CpuState s;
  unsigned n = 0;

  guest_state (g, &s, 64, 0, TRUE);
  guest_put (g, CODE, code, length);
  memset (g->ram + RECORDS, 0, TURNS * RECORD);
  s.gpr[CPU_RSI] = RECORDS;
  s.gpr[CPU_RDI] = TURNS;
  set_states (g, &s);
  run_all (g);
  for (unsigned i = 0; i < TURNS; i++)
    n += guest_get (g, RECORDS + i * RECORD + 132, 4) == 0
         && guest_get (g, RECORDS + i * RECORD + 136, 4) == 0;
  return n;
}

#define RUN_LITMUS(g, name) run_litmus (g, name##_code, (size_t)(name##_end - name##_code))

static uint32_t
seen (Guest *g, unsigned turn, unsigned cpu, gboolean y)
{
  return (uint32_t)guest_get (g, RECORDS + turn * RECORD + 128 + cpu * 8 + (y ? 4 : 0), 4);
}

static void
test_store_buffers (void)
{
  Guest *g = new_beside (2);

  g_test_message ("neither store seen, which is allowed: %u of %u", RUN_LITMUS (g, buffered), TURNS);
  g_assert_cmpuint (RUN_LITMUS (g, fenced), ==, 0);
  g_assert_cmpuint (RUN_LITMUS (g, locked), ==, 0);
  g_assert_cmpuint (RUN_LITMUS (g, exchanged), ==, 0);
  g_assert_cmpuint (RUN_LITMUS (g, serialized), ==, 0);
  guest_free (g);
}

static void
test_messages (void)
{
  Guest *g = new_beside (2);
  unsigned both = 0;

  RUN_LITMUS (g, message);
  for (unsigned i = 0; i < TURNS; i++)
    {
      g_assert_false (seen (g, i, 1, TRUE) == 1 && seen (g, i, 1, FALSE) == 0);
      both += seen (g, i, 1, TRUE) == 1;
    }
  g_test_message ("message seen: %u of %u", both, TURNS);
  RUN_LITMUS (g, loads);
  for (unsigned i = 0; i < TURNS; i++)
    g_assert_false (seen (g, i, 0, FALSE) == 1 && seen (g, i, 1, TRUE) == 1);
  guest_free (g);
}

static void
test_independent (void)
{
  Guest *g = new_beside (4);

  RUN_LITMUS (g, independent);
  /* The third reads x before y, the fourth y before x: they agree on which came first. */
  for (unsigned i = 0; i < TURNS; i++)
    g_assert_false (seen (g, i, 2, FALSE) == 1 && seen (g, i, 2, TRUE) == 0 && seen (g, i, 3, TRUE) == 1
                    && seen (g, i, 3, FALSE) == 0);
  guest_free (g);
}

/* -- Code that another processor writes ------------------------------------------------------------------------------ */

/* RSI: a routine, MOV imm32 and RET, which the first processor writes anew; R12: how it is told, and answers. */
#define WRITER                                                                           \
  "  test %r8d, %r8d\n jnz 5f\n"                                                         \
  "  mov $1, %ebx\n"                                                                     \
  "1: movb $0xb8, (%rsi)\n mov %ebx, 1(%rsi)\n movb $0xc3, 5(%rsi)\n mov %ebx, (%r12)\n" \
  "  jmp 2f\n3: pause\n2: cmp %ebx, 64(%r12)\n jne 3b\n inc %ebx\n cmp %edi, %ebx\n jbe 1b\n" HALT

GUEST_CODE (told, ".code64",
            WRITER "5: mov $1, %r13d\n"
                   "  jmp 6f\n7: pause\n6: cmp %r13d, (%r12)\n jne 7b\n xor %eax, %eax\n cpuid\n"
                   "  call *%rsi\n cmp %r13d, %eax\n jne 8f\n"
                   "  mov %r13d, 64(%r12)\n inc %r13d\n cmp %edi, %r13d\n jbe 6b\n" HALT
                   "8: mov %eax, 128(%r12)\n mov %r13d, 132(%r12)\n" HALT);

/* It is called all the time; what it gives never goes back. */
GUEST_CODE (watched, ".code64",
            "  test %r8d, %r8d\n jnz 5f\n mov $1, %ebx\n"
            "1: mov %ebx, 1(%rsi)\n inc %ebx\n cmp %edi, %ebx\n jbe 1b\n" HALT "5: xor %r13d, %r13d\n"
            "6: call *%rsi\n cmp %r13d, %eax\n jb 8f\n mov %eax, %r13d\n cmp %edi, %eax\n jne 6b\n" HALT
            "8: mov %eax, 128(%r12)\n mov %r13d, 132(%r12)\n" HALT);

static void
run_writer (uint32_t routine, const uint8_t *code, size_t length, unsigned turns)
{
  static const uint8_t first[] = { 0xb8, 0, 0, 0, 0, 0xc3 };
  Guest *g = new_beside (2);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  guest_put (g, CODE, code, length);
  guest_put (g, routine, first, sizeof first);
  s.gpr[CPU_RSI] = routine;
  s.gpr[CPU_R12] = PLACE;
  s.gpr[CPU_RDI] = turns;
  set_states (g, &s);
  run_all (g);
  g_assert_cmphex (guest_get (g, PLACE + 128, 8), ==, 0);
  guest_free (g);
}

static void
test_code (void)
{
  /* In a page of its own, in that of the program, over the end of a page. */
  static const uint32_t places[] = { 0x300000, 0x300003, CODE + 0x800, 0x300ffe };

  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    run_writer (places[i], told_code, (size_t)(told_end - told_code), 2000);
  /* The immediate in one piece. */
  run_writer (0x300003, watched_code, (size_t)(watched_end - watched_code), 20000);
}

/* New pages of code all the time, on all processors, while others store beside them: the first code in a page stops the world. */
GUEST_CODE (pages, ".code64",
            "1: mov %rsi, %rbx\n mov $64, %r11d\n"
            "2: movl $0xc3c0ff, %eax\n mov %eax, (%rbx)\n call *%rbx\n lock incl 2048(%rbx)\n"
            "  movq $0, (%rbx)\n add $4096, %rbx\n dec %r11d\n jnz 2b\n"
            "  lock incl 0xe000\n dec %edi\n jnz 1b\n" HALT);

static void
test_new_pages (void)
{
  Guest *g = new_beside (2);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, pages);
  s.gpr[CPU_RDI] = 100;
  set_states (g, &s);
  for (unsigned i = 0; i < 2; i++)
    {
      s.gpr[CPU_RSI] = PLACE + i * 0x100000;
      s.gpr[CPU_RSP] = STACKS + (i + 1) * 0x1000;
      g_assert_true (soft_engine_class.set_state (g->engine, i, &s));
    }
  run_all (g);
  for (unsigned i = 0; i < 2; i++)
    for (unsigned p = 0; p < 64; p++)
      g_assert_cmpuint (guest_get (g, PLACE + i * 0x100000 + p * 0x1000 + 2048, 4), ==, 100);
  g_assert_cmpuint (guest_get (g, SYNC, 4), ==, 200);
  guest_free (g);
}

/* -- Pages that another processor maps elsewhere --------------------------------------------------------------------- */

/* The first one changes an entry, interrupts the second one and waits until that has dropped what it knows; RSI: the entry; RBX, R11: what it is in turn. R12: as above. */
GUEST_CODE (
    shootdown, ".code64",
    "  mov $0x80f, %ecx\n mov $0x1ff, %eax\n xor %edx, %edx\n wrmsr\n"
    "  test %r8d, %r8d\n jnz 5f\n"
    "1: cmpl $1, 64(%r12)\n jne 1b\n"
    "2: xchg %rbx, %r11\n mov %rbx, (%rsi)\n invlpg 0x500000\n"
    "  mov 0x500000, %r14d\n movl $0, (%r12)\n"
    "  mfence\n mov $0x830, %ecx\n mov $0x4040, %eax\n mov $1, %edx\n wrmsr\n"
    "  jmp 3f\n7: pause\n3: cmpl $1, (%r12)\n jne 7b\n"
    /* From here on nobody sees the other page. */
    "  mov %edi, 256(%r12)\n mov %r14d, 128(%r12)\n mov $100, %ecx\n4: dec %ecx\n jnz 4b\n movl $0, 128(%r12)\n"
    "  dec %edi\n jnz 2b\n movl $2, 64(%r12)\n" HALT "5: movl $1, 64(%r12)\n sti\n"
    "6: cmpl $2, 64(%r12)\n je 8f\n"
    "  mov 128(%r12), %eax\n test %eax, %eax\n jz 6b\n mov 256(%r12), %r9d\n"
    "  mov 0x500000, %ecx\n cmp %eax, %ecx\n je 6b\n"
    /* Another one: it must have been over meanwhile; and not have come back, as it does every second time. */
    "  mov 128(%r12), %edx\n cmp %eax, %edx\n jne 6b\n cmp 256(%r12), %r9d\n jne 6b\n"
    "  movl $1, 192(%r12)\n jmp 6b\n"
    "8:" HALT);
GUEST_CODE (shot, ".code64",
            "  push %rax\n push %rcx\n push %rdx\n invlpg 0x500000\n movl $1, (%r12)\n"
            "  mov $0x80b, %ecx\n xor %eax, %eax\n xor %edx, %edx\n wrmsr\n"
            "  pop %rdx\n pop %rcx\n pop %rax\n iretq\n");

static void
test_shootdown (void)
{
  Guest *g = new_beside (2);
  const uint32_t entry = TABLES + 0x3000 + 0x500 * 8;
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, shootdown);
  GUEST_LOAD (g, CODE + 0x800, shot);
  guest_gate (g, 0x40, CS64, CODE + 0x800, 0x8e, TRUE);
  guest_set (g, 0x600000, 0x11111111, 4);
  guest_set (g, 0x601000, 0x22222222, 4);
  guest_set (g, entry, 0x600007, 8);
  s.apic_base = 0xfee00d00;
  s.gpr[CPU_RSI] = entry;
  s.gpr[CPU_RBX] = 0x600007;
  s.gpr[CPU_R11] = 0x601007;
  s.gpr[CPU_R12] = PLACE;
  s.gpr[CPU_RDI] = 2000;
  set_states (g, &s);
  run_all (g);
  g_assert_cmpuint (guest_get (g, PLACE + 64, 4), ==, 2);
  g_assert_cmpuint (guest_get (g, PLACE + 192, 4), ==, 0);
  guest_free (g);
}

/* -- The map of memory ----------------------------------------------------------------------------------------------- */

/* The first one tells a device (R13 = 0: by its port, else by the register at R13) which of two pages of RAM lies at RSI, then the second one, which has looked there
 * meanwhile, and now sees the other page at once: on its way from the word to the page nothing branches back. */
#define LOOK "  cmp %ebx, (%r12)\n je 4f\n"
GUEST_CODE (remaps, ".code64",
            "  mov $1, %ebx\n test %r8d, %r8d\n jnz 3f\n"
            "1: mov %ebx, %eax\n test %r13, %r13\n jz 6f\n mov %eax, (%r13)\n jmp 7f\n6: out %eax, $0x60\n"
            "7: mov %ebx, (%r12)\n"
            "  jmp 2f\n8: pause\n2: cmp %ebx, 64(%r12)\n jne 8b\n inc %ebx\n cmp %edi, %ebx\n jbe 1b\n" HALT
            "3: mov (%rsi), %eax\n .rept 2000\n" LOOK ".endr\n jmp 3b\n"
            "4: mov (%rsi), %eax\n mov %ebx, %ecx\n and $1, %ecx\n cmp %ecx, %eax\n je 5f\n incl 128(%r12)\n"
            "5: mov %ebx, 64(%r12)\n inc %ebx\n cmp %edi, %ebx\n jbe 3b\n" HALT);

enum
{
  MAPPED = 0x1200000, /* above RAM, by the same page tables */
  SWITCH = 0x1201000,
};

typedef struct
{
  Mapping *pages[2];
  unsigned now;
} Switch;

static void
switch_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Switch *s = opaque;
  const unsigned next = value & 1;

  if (next == s->now)
    return;
  mapping_set_enabled (s->pages[next], TRUE);
  mapping_set_enabled (s->pages[s->now], FALSE);
  s->now = next;
}

static uint64_t
switch_read (void *opaque, uint64_t addr, unsigned size)
{
  return ((Switch *)opaque)->now;
}

static const IoOps switch_ops = { .read = switch_read, .write = switch_write };

static void
test_remap (void)
{
  for (unsigned way = 0; way < 2; way++)
    {
      Guest *g = new_beside (2);
      Switch s = { .now = 0 };
      g_autoptr (Region) port = region_new_io ("switch", 4, &switch_ops, &s);
      g_autoptr (Region) memory = region_new_io ("switch", GUEST_PAGE_SIZE, &switch_ops, &s);
      CpuState state;

      vm_lock (g->vm);
      for (unsigned i = 0; i < 2; i++)
        {
          g_autoptr (Region) page = region_new_ram ("page", GUEST_PAGE_SIZE, RAM_DEFAULT, NULL);

          *(uint32_t *)(void *)region_host (page) = i;
          s.pages[i] = address_space_map (g->vm->memory, page, MAPPED, 0, GUEST_PAGE_SIZE, 1);
          mapping_set_enabled (s.pages[i], i == 0);
        }
      address_space_map (g->vm->memory, memory, SWITCH, 0, GUEST_PAGE_SIZE, 1);
      address_space_map (g->vm->ports, port, 0x60, 0, 4, 0);
      vm_unlock (g->vm);
      guest_state (g, &state, 64, 0, TRUE);
      GUEST_LOAD (g, RECORDS, remaps);
      state.rip = RECORDS;
      /* A large page. */
      guest_set (g, TABLES + 0x2000 + (MAPPED >> 21) * 8, (MAPPED & ~0x1fffffu) | 0xe7, 8);
      state.gpr[CPU_RSI] = MAPPED;
      state.gpr[CPU_R12] = PLACE;
      state.gpr[CPU_R13] = way == 0 ? 0 : SWITCH;
      state.gpr[CPU_RDI] = 200;
      set_states (g, &state);
      run_all (g);
      g_assert_cmpuint (guest_get (g, PLACE, 4), ==, 200);
      g_assert_cmpuint (guest_get (g, PLACE + 128, 4), ==, 0);
      guest_free (g);
    }
}

/* The second one loads a segment register all the time, which marks its descriptor as accessed; the first one takes the mark away and changes what lies
 * beside it.  RSI: the byte, AX: the selector. */
GUEST_CODE (
    descriptors, ".code64",
    "  test %r8d, %r8d\n jnz 3f\n mov (%rsi), %bl\n and $0x60, %bl\n xor %r10d, %r10d\n"
    "1: lock andb $0xfe, (%rsi)\n mov (%rsi), %cl\n and $0x60, %cl\n cmp %bl, %cl\n setne %cl\n movzbl %cl, %ecx\n"
    "  add %ecx, %r10d\n lock xorb $0x60, (%rsi)\n xor $0x60, %bl\n dec %edi\n jnz 1b\n"
    "  mov %r10d, 128(%r12)\n movl $1, (%r12)\n" HALT "3: mov %ax, %fs\n cmpl $0, (%r12)\n je 3b\n" HALT);

static void
test_descriptors (void)
{
  Guest *g = new_beside (2);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, descriptors);
  guest_set (g, GDT + FREE_SEL, guest_descriptor (0, 0xfffff, 0xc92), 8);
  s.gpr[CPU_RSI] = GDT + FREE_SEL + 5;
  s.gpr[CPU_R12] = PLACE;
  s.gpr[CPU_RAX] = FREE_SEL;
  s.gpr[CPU_RDI] = 200000;
  set_states (g, &s);
  run_all (g);
  g_assert_cmpuint (guest_get (g, PLACE, 4), ==, 1);
  g_assert_cmpuint (guest_get (g, PLACE + 128, 4), ==, 0);
  guest_free (g);
}

/* -- The dirty log, and orders --------------------------------------------------------------------------------------- */

/* Stores all over a MiB of its own, until it is told to stop. */
GUEST_CODE (
    writers, ".code64",
    "  mov %r8, %rbx\n shl $20, %rbx\n add %rbx, %rsi\n mov $1, %eax\n"
    "1: imul $1103515245, %eax, %eax\n add $12345, %eax\n mov %eax, %ecx\n shr $4, %ecx\n and $0xffffc, %ecx\n"
    "  add %eax, (%rsi,%rcx)\n cmpl $0, (%r12)\n je 1b\n" HALT);

/* What the log says has changed is copied; in the end the copy is what is there. */
static void
test_dirty_log (void)
{
  Guest *g = new_beside (2);
  const uint64_t n_pages = GUEST_RAM / GUEST_PAGE_SIZE;
  g_autofree uint8_t *copy = g_malloc0 (GUEST_RAM);
  g_autofree uint64_t *bitmap = g_new0 (uint64_t, n_pages / 64);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, writers);
  s.gpr[CPU_RSI] = RECORDS;
  s.gpr[CPU_R12] = PLACE;
  set_states (g, &s);
  resume (g);
  for (unsigned round = 0; round < 12; round++)
    {
      region_set_dirty_log (g->region, DIRTY_MIGRATION, TRUE);
      for (unsigned take = 0; take <= 10; take++)
        {
          g_usleep (500);
          /* The last one with all at rest, as who saves does. */
          if (take == 10)
            pause_all (g);
          region_take_dirty (g->region, DIRTY_MIGRATION, 0, n_pages, bitmap);
          for (uint64_t i = 0; i < n_pages; i++)
            if ((bitmap[i / 64] >> (i % 64) & 1) != 0)
              memcpy (copy + i * GUEST_PAGE_SIZE, g->ram + i * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
        }
      g_assert_true (memcmp (copy, g->ram, GUEST_RAM) == 0);
      region_set_dirty_log (g->region, DIRTY_MIGRATION, FALSE);
      resume (g);
    }
  pause_all (g);
  guest_set (g, PLACE, 1, 4);
  run_all (g);
  guest_free (g);
}

/* Stopped, looked at, loaded and let go all the time; no count is lost. */
static void
test_storm (void)
{
  Guest *g = new_beside (4);
  SoftEngine *engine = (SoftEngine *)g->engine;
  g_autofree CpuState *state = g_new0 (CpuState, 1);

  start_atomics (g, PLACE, 40000);
  for (unsigned i = 0; i < 200; i++)
    {
      resume (g);
      g_usleep (i % 5 * 200);
      if (i % 3 == 0)
        {
          g->vm->processor->hold (g->vm->processor_opaque);
          g->vm->processor->release (g->vm->processor_opaque);
        }
      pause_all (g);
      for (unsigned n = 0; n < 4; n++)
        {
          g_assert_true (soft_engine_class.get_state (g->engine, n, state));
          g_assert_true (soft_engine_class.set_state (g->engine, n, state));
        }
      if (i % 10 == 0)
        soft_code_flush_all (engine);
    }
  run_all (g);
  check_atomics (g, PLACE, 160000);
  guest_free (g);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_setenv ("VIVARIUM_SOFT_TURNS", "0", TRUE);
  g_test_add_func ("/soft-beside/atomics", test_atomics);
  g_test_add_func ("/soft-beside/lost-flags", test_lost_flags);
  g_test_add_func ("/soft-beside/wide", test_wide);
  g_test_add_func ("/soft-beside/beside-code", test_beside_code);
  g_test_add_func ("/soft-beside/store-buffers", test_store_buffers);
  g_test_add_func ("/soft-beside/messages", test_messages);
  g_test_add_func ("/soft-beside/independent", test_independent);
  g_test_add_func ("/soft-beside/code", test_code);
  g_test_add_func ("/soft-beside/new-pages", test_new_pages);
  g_test_add_func ("/soft-beside/shootdown", test_shootdown);
  g_test_add_func ("/soft-beside/remap", test_remap);
  g_test_add_func ("/soft-beside/descriptors", test_descriptors);
  g_test_add_func ("/soft-beside/dirty-log", test_dirty_log);
  g_test_add_func ("/soft-beside/storm", test_storm);
  return g_test_run ();
}
