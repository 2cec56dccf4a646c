/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The software processor: debug traps behind MOV SS, INVPCID's operands, machine check banks, chains of tasks.
 */
#include "soft-guest.h"

static uint32_t
top (Guest *g, unsigned slot)
{
  return (uint32_t)guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP] + slot * 4, 4);
}

/* -- Behind MOV SS (SDM volume 3, 6.8.3) ------------------------------------------------------------------- */

/* MOV SS from a watched word, then `next`; started, but not run. */
static void
set_mov_ss (Guest *g, const void *next, size_t length)
{
  static const uint8_t load[] = { 0x8e, 0x15, 0x00, 0xd1, 0x00, 0x00 }; /* mov ss, [0xd100] */
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_set (g, 0xd100, DS32, 2);
  guest_put (g, CODE, load, sizeof load);
  guest_put (g, CODE + sizeof load, next, length);
  s.dr[0] = 0xd100;
  s.dr[7] = 0x000f0402; /* reads and writes of four bytes */
  guest_start (g, &s);
  soft_code_flush_all ((SoftEngine *)g->engine);
}

static void
behind_mov_ss (Guest *g, const void *next, size_t length)
{
  set_mov_ss (g, next, length);
  g_assert_true (guest_run (g, 100));
}

static void
test_mov_ss_watch (void)
{
  Guest *g = guest_new (1);

  /* Any instruction: the trap comes behind it. */
  behind_mov_ss (g, (const uint8_t[]){ 0x90, 0x90 }, 2);
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (top (g, 0), ==, CODE + 7);
  g_assert_cmphex (g->cpu->dr[6] & 0xf, ==, 1);

  /* ICEBP has a #DB of its own: one for both. */
  behind_mov_ss (g, (const uint8_t[]){ 0xf1, 0x90 }, 2);
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (top (g, 0), ==, CODE + 7);
  g_assert_cmphex (g->cpu->dr[6] & 0xf, ==, 1);
  g_assert_cmphex (g->cpu->reg[CPU_RSP], ==, STACK0 - 12);
  g_assert_cmphex (g->cpu->pending_db, ==, 0);

  /* INT3 and INT n go first: the trap is at their handler's first instruction. */
  behind_mov_ss (g, (const uint8_t[]){ 0xcc }, 1);
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (top (g, 0), ==, STOP + EXC_BP * 16);
  g_assert_cmphex (top (g, 3), ==, CODE + 7);
  behind_mov_ss (g, (const uint8_t[]){ 0xcd, 0x25 }, 2);
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (top (g, 0), ==, STOP + 0x25 * 16);
  g_assert_cmphex (top (g, 3), ==, CODE + 8);
  guest_free (g);
}

/* A machine that is saved between the two goes on in another one that knows of the trap. */
static void
test_mov_ss_saved (void)
{
  Guest *g = guest_new (1), *h = guest_new (1);
  const VmProcessorOps *ops = g->vm->processor;
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  set_mov_ss (g, (const uint8_t[]){ 0x90, 0x90 }, 2);
  soft_cpu_run (g->cpu, 1);
  g_assert_cmphex (g->cpu->reg[SOFT_REG_RIP], ==, CODE + 6);
  ops->save (g->vm->processor_opaque, 0, state);
  guest_put (h, 0, g->ram, GUEST_RAM);
  g_assert_true (ops->load (h->vm->processor_opaque, 0, state->data, state->len, &error));
  g_assert_no_error (error);
  g_assert_true (guest_run (h, 100));
  g_assert_cmpuint (guest_vector (h), ==, EXC_DB);
  g_assert_cmphex (top (h, 0), ==, CODE + 7);
  g_assert_cmphex (h->cpu->dr[6] & 0xf, ==, 1);
  guest_free (g);
  guest_free (h);
}

GUEST_CODE (pop_ss, ".code32", "  push %ss\n mov %esp, %eax\n mov %eax, %dr0\n pop %ss\n .byte 0xf1\n nop\n");

static void
test_pop_ss_watch (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, pop_ss);
  s.dr[7] = 0x000f0402;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (top (g, 0), ==, CODE + (uint32_t)(pop_ss_end - pop_ss_code) - 1);
  g_assert_cmphex (g->cpu->dr[6] & 0xf, ==, 1);
  g_assert_cmphex (g->cpu->reg[CPU_RSP], ==, STACK0 - 12);
  guest_free (g);
}

/* SYSCALL leaves to ring 0, where the trap comes before the kernel's first instruction. */
static void
test_mov_ss_syscall (void)
{
  static const uint8_t code[]
      = { 0x8e, 0x14, 0x25, 0x00, 0xd1, 0x00, 0x00, 0x0f, 0x05 }; /* mov ss, [0xd100]; syscall */
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 64, 3, TRUE);
  guest_set (g, 0xd100, UDS32, 2);
  guest_put (g, CODE, code, sizeof code);
  guest_put (g, 0xc000, "\xf4", 1);
  s.dr[0] = 0xd100;
  s.dr[7] = 0x000f0402;
  guest_start (g, &s);
  g->cpu->msr.star = (uint64_t)0x23 << 48 | (uint64_t)CS64 << 32;
  g->cpu->msr.lstar = 0xc000;
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP], 8), ==, 0xc000);
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP] + 8, 8), ==, CS64);
  g_assert_cmphex (g->cpu->dr[6] & 0xf, ==, 1);
  guest_free (g);
}

/* -- What ends a guest's doings ------------------------------------------------------------------------------------ */

typedef struct
{
  Guest *guest;
  VmRequest request;
  gint asked;
} Asking;

static void
ask (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Asking *asking = opaque;

  vm_request (asking->guest->vm, asking->request, "the test asks");
  g_atomic_int_set (&asking->asked, 1);
}

/* Behind the write that resets the machine, switches it off or sends it to sleep nothing runs, however late the main loop is. */
static void
test_requests (void)
{
  static const uint8_t code[]
      = { 0xe6, 0x90, 0xff, 0x05, 0x00, 0xd0, 0x00, 0x00, 0xeb, 0xf6 }; /* 1: out; incl 0xd000; jmp */
  static const VmRequest requests[]
      = { VM_REQUEST_RESET, VM_REQUEST_POWER_OFF, VM_REQUEST_INIT, VM_REQUEST_SLEEP };

  for (unsigned i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      Guest *g = guest_new (2);
      Asking asking = { .guest = g, .request = requests[i] };
      static const IoOps ask_ops = { .read = guest_port_read, .write = ask };
      g_autoptr (Region) port = region_new_io ("ask", 1, &ask_ops, &asking);
      CpuState s;

      vm_lock (g->vm);
      address_space_map (g->vm->ports, port, 0x90, 0, 1, 1);
      vm_unlock (g->vm);
      vm_start (g->vm, TRUE);
      guest_state (g, &s, 32, 0, FALSE);
      guest_put (g, CODE, code, sizeof code);
      guest_set (g, 0xd000, 0, 4);
      guest_start (g, &s);
      vm_resume (g->vm);
      while (g_atomic_int_get (&asking.asked) == 0)
        g_usleep (100);
      g_usleep (20000); /* for a processor that would run on */
      g->vm->processor->pause (g->vm->processor_opaque);
      g_assert_cmpuint (guest_get (g, 0xd000, 4), ==, 0);
      g_assert_cmphex (g->cpu->reg[SOFT_REG_RIP], ==, CODE + 2);
      /* Resumed without the main loop's leave it still waits, and goes on with it: here in the sleep that nobody set up. */
      vm_lock (g->vm);
      g->vm->processor->resume (g->vm->processor_opaque);
      vm_unlock (g->vm);
      g_usleep (1000);
      g_assert_cmpuint (guest_get (g, 0xd000, 4), ==, 0);
      g_atomic_int_set (&asking.asked, 0);
      g_main_context_iteration (NULL, FALSE);
      if (requests[i] == VM_REQUEST_SLEEP)
        while (g_atomic_int_get (&asking.asked) == 0)
          g_usleep (100);
      vm_stop (g->vm, "the test is over");
      if (requests[i] == VM_REQUEST_SLEEP)
        g_assert_cmpuint (guest_get (g, 0xd000, 4), ==, 1);
      guest_free (g);
    }
}

/* -- Operands ------------------------------------------------------------------------------------------------ */

static void
test_invpcid (void)
{
  static const uint8_t code[]
      = { 0x66, 0x0f, 0x38, 0x82, 0x03, 0xcd, 0x20 }; /* invpcid (%rbx), %rax; int 0x20 */
  static const struct
  {
    unsigned type;
    gboolean pcide;
    uint64_t pcid, address;
    gboolean good;
  } cases[] = {
    { 0, TRUE, 5, 0x1000, TRUE },
    { 0, TRUE, 5, 0x800000000000, FALSE },
    { 1, TRUE, 5, 0x800000000000, TRUE },
    { 2, TRUE, 5, 0x800000000000, TRUE },
    { 3, TRUE, 5, 0x800000000000, TRUE },
    { 4, TRUE, 0, 0, FALSE },
    { 0, TRUE, 0x1000, 0, FALSE },
    { 1, TRUE, 0x1000, 0, FALSE },
    { 2, TRUE, 0x1000, 0, FALSE },
    { 3, TRUE, 1ULL << 63, 0, FALSE },
    { 0, FALSE, 0, 0, TRUE },
    { 0, FALSE, 1, 0, FALSE },
    { 1, FALSE, 1, 0, FALSE },
    { 2, FALSE, 1, 0, TRUE },
    { 3, FALSE, 1, 0, TRUE },
  };
  Guest *g = guest_new (1);
  CpuState s;

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guest_state (g, &s, 64, 0, TRUE);
      guest_put (g, CODE, code, sizeof code);
      guest_set (g, 0xd100, cases[i].pcid, 8);
      guest_set (g, 0xd108, cases[i].address, 8);
      s.gpr[CPU_RAX] = cases[i].type;
      s.gpr[CPU_RBX] = 0xd100;
      if (cases[i].pcide)
        s.cr4 |= CR4_PCIDE;
      guest_start (g, &s);
      g_assert_true (guest_run (g, 100));
      g_assert_cmpuint (guest_vector (g), ==, cases[i].good ? 0x20 : EXC_GP);
    }
  guest_free (g);
}

static void
test_machine_check (void)
{
  Guest *g = guest_new (1);
  uint64_t value;

  g_assert_true (soft_msr_read (g->cpu, 0x179, &value));
  for (unsigned bank = 0; bank < 32; bank++)
    {
      unsigned index = 0x400 + bank * 4;
      gboolean there = bank < (value & 0xff);
      uint64_t got;

      for (unsigned i = 0; i < 4; i++)
        g_assert_cmpint (soft_msr_read (g->cpu, index + i, &got), ==, there);
      g_assert_cmpint (soft_msr_write (g->cpu, index, 0), ==, there);
      g_assert_cmpint (soft_msr_write (g->cpu, index, ~(uint64_t)0), ==, there);
      g_assert_false (soft_msr_write (g->cpu, index, 1));
      g_assert_cmpint (soft_msr_write (g->cpu, index + 1, 0), ==, there);
      g_assert_false (soft_msr_write (g->cpu, index + 1, 1));
      g_assert_cmpint (soft_msr_write (g->cpu, index + 2, 0x123456789abcdef0), ==, there);
      g_assert_cmpint (soft_msr_write (g->cpu, index + 3, 7), ==, there);
      if (there)
        {
          g_assert_true (soft_msr_read (g->cpu, index, &got));
          g_assert_cmphex (got, ==, ~(uint64_t)0);
          g_assert_true (soft_msr_read (g->cpu, index + 2, &got));
          g_assert_cmphex (got, ==, 0x123456789abcdef0);
        }
    }
  guest_free (g);
}

/* -- Tasks (SDM volume 3, chapter 7) ------------------------------------------------------------------------- */

enum
{
  TASK_A = 0x48, /* selectors */
  TASK_B = 0x50,
  BAD_LDT = 0x58,
  TSS_A = TSS + 0x400,
  TSS_B = TSS + 0x500,
};

static void
make_task (Guest *g, unsigned selector, uint32_t tss, uint32_t eip, uint32_t esp)
{
  guest_set (g, GDT + selector, guest_descriptor (tss, 0x67, 0x89), 8);
  memset (g->ram + tss, 0, 0x68);
  guest_set (g, tss + 0x1c, TABLES, 4);
  guest_set (g, tss + 0x20, eip, 4);
  guest_set (g, tss + 0x24, 2, 4);
  guest_set (g, tss + 0x38, esp, 4);
  for (unsigned i = 0; i < 6; i++)
    guest_set (g, tss + 0x48 + i * 4, i == CPU_CS ? CS32 : DS32, 4);
}

static void
start_tasks (Guest *g, CpuState *s, gboolean paging)
{
  static const uint8_t call[] = { 0x9a, 0, 0, 0, 0, TASK_A, 0, 0xcd, 0x20 }; /* lcall TASK_A; int 0x20 */

  guest_state (g, s, 32, 0, paging);
  guest_set (g, TSS + 0x1c, TABLES, 4);
  guest_put (g, CODE, call, sizeof call);
  make_task (g, TASK_A, TSS_A, 0xc000, 0x7000);
  make_task (g, TASK_B, TSS_B, 0xc100, 0x6000);
  for (unsigned i = 0; i < 0x200; i++)
    guest_set (g, 0xc000 + i, 0xf4, 1);
}

GUEST_CODE (nest_a, ".code32", "  incl 0xd000\n .byte 0x9a\n .long 0\n .word 0x50\n incl 0xd004\n iret\n");
GUEST_CODE (nest_b, ".code32", "  incl 0xd008\n iret\n");

/* Main calls A, A calls B, each returns; then a second call goes on behind A's IRET. */
static void
test_task_nested (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  start_tasks (g, &s, TRUE);
  GUEST_LOAD (g, 0xc000, nest_a);
  GUEST_LOAD (g, 0xc100, nest_b);
  for (unsigned i = 0; i < 12; i += 4)
    guest_set (g, 0xd000 + i, 0, 4);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  for (unsigned i = 0; i < 12; i += 4)
    g_assert_cmpuint (guest_get (g, 0xd000 + i, 4), ==, 1);
  g_assert_cmphex (g->cpu->segment[CPU_TR].selector, ==, TSS_SEL);
  g_assert_cmphex (guest_get (g, TSS_A, 2), ==, TSS_SEL);
  g_assert_cmphex (guest_get (g, TSS_B, 2), ==, TASK_A);
  g_assert_cmphex (guest_get (g, GDT + TASK_A + 5, 1), ==, 0x89);
  g_assert_cmphex (guest_get (g, GDT + TASK_B + 5, 1), ==, 0x89);
  g_assert_cmphex (guest_get (g, GDT + TSS_SEL + 5, 1), ==, 0x8b);
  g_assert_cmphex (guest_get (g, TSS_A + 0x24, 4) & FLAG_NT, ==, 0); /* IRET took it */
  guest_free (g);
}

GUEST_CODE (busy_a, ".code32", "  .byte 0x9a\n .long 0\n .word 0x38\n hlt\n");

/* Calling the caller: it is busy, and the fault is A's. */
static void
test_task_busy (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  start_tasks (g, &s, FALSE);
  GUEST_LOAD (g, 0xc000, busy_a);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_GP);
  g_assert_cmphex (top (g, 0), ==, TSS_SEL);
  g_assert_cmphex (top (g, 1), ==, 0xc000);
  g_assert_cmphex (g->cpu->segment[CPU_TR].selector, ==, TASK_A);
  /* IRET to a task that isn't busy. */
  start_tasks (g, &s, FALSE);
  guest_put (g, 0xc000, "\xcf", 1);
  guest_set (g, GDT + TASK_B, guest_descriptor (TSS_B, 0x67, 0x89), 8);
  guest_start (g, &s);
  soft_code_flush_all ((SoftEngine *)g->engine);
  soft_cpu_run (g->cpu, 1);
  g_assert_cmphex (g->cpu->segment[CPU_TR].selector, ==, TASK_A);
  guest_set (g, TSS_A, TASK_B, 2);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_TS);
  g_assert_cmphex (top (g, 0), ==, TASK_B);
  guest_free (g);
}

/* What is wrong with the new task's LDT is its own #TS, before its first instruction.  It has no segments yet, so the handler is a
 * task as the manual asks for. */
static void
test_task_ldt (void)
{
  static const struct
  {
    unsigned ldt;
    uint64_t descriptor;
  } cases[] = {
    { BAD_LDT, 0x0000920000000fffULL },     /* data */
    { BAD_LDT, 0x0000020000000fffULL },     /* not present */
    { BAD_LDT | 4, 0x0000820000000fffULL }, /* in an LDT */
    { 0xff8, 0 },                           /* beyond the GDT */
  };
  Guest *g = guest_new (1);
  CpuState s;

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      start_tasks (g, &s, FALSE);
      s.gdt_limit = 0x7f;
      guest_set (g, GDT + BAD_LDT, cases[i].descriptor, 8);
      guest_set (g, TSS_A + 0x60, cases[i].ldt, 2);
      guest_gate (g, EXC_TS, TASK_B, 0, 0x85, FALSE);
      guest_start (g, &s);
      g_assert_true (guest_run (g, 1000));
      g_assert_cmphex (g->cpu->segment[CPU_TR].selector, ==, TASK_B);
      g_assert_cmphex (g->cpu->reg[CPU_RSP], ==, 0x6000 - 4);
      g_assert_cmphex (top (g, 0), ==, cases[i].ldt & 0xfffc);
      g_assert_cmphex (guest_get (g, TSS_B, 2), ==, TASK_A);
      g_assert_cmphex (guest_get (g, TSS_A, 2), ==, TSS_SEL);
      g_assert_cmphex (guest_get (g, TSS_A + 0x20, 4), ==, 0xc000);
      g_assert_cmphex (guest_get (g, TSS_A + 0x48 + CPU_SS * 4, 2), ==, DS32);
    }
  guest_free (g);
}

GUEST_CODE (mend, ".code32",
            "  pop %eax\n mov %eax, 0xd00c\n mov %cr2, %eax\n mov %eax, 0xd010\n"
            " movl $0xc007, 0x101030\n mov %cr3, %eax\n mov %eax, %cr3\n iret\n");
GUEST_CODE (first, ".code32", "  incl 0xd000\n iret\n");

/* The new task's first instruction is on an absent page; #PF goes through a task gate to B, which maps it and returns: A runs
 * and returns to main.  Twice, as B must be left so that it can be entered again. */
static void
test_task_page_fault (void)
{
  static const uint8_t again[] = { 0x9a, 0,    0,    0,    0,    TASK_A, 0, /* lcall TASK_A */
                                   0xc7, 0x05, 0x30, 0x10, 0x10, 0x00,   0x00, 0x00, 0x00, 0x00, /* unmap */
                                   0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8,                           /* cr3 */
                                   0xc7, 0x05, 0x20, 0x34, 0x00, 0x00,   0x00, 0xc0, 0x00, 0x00, /* A's EIP */
                                   0x9a, 0,    0,    0,    0,    TASK_A, 0,    0xcd, 0x20 };
  Guest *g = guest_new (1);
  CpuState s;

  G_STATIC_ASSERT (TSS_A == 0x3400 && TABLES == 0x100000);
  start_tasks (g, &s, TRUE);
  guest_put (g, CODE, again, sizeof again);
  GUEST_LOAD (g, 0xc000, first);
  make_task (g, TASK_B, TSS_B, 0xa100, 0x6000);
  GUEST_LOAD (g, 0xa100, mend);
  /* B's IRET is followed by a jump to its start for the next time. */
  guest_put (g, 0xa100 + (uint32_t)(mend_end - mend_code), "\xeb", 1);
  guest_set (g, 0xa101 + (uint32_t)(mend_end - mend_code), (uint8_t)(-(int)(mend_end - mend_code) - 2), 1);
  guest_gate (g, EXC_PF, TASK_B, 0, 0x85, FALSE);
  guest_set (g, TABLES + 0x1000 + 0xc * 4, 0, 4);
  guest_set (g, 0xd000, 0, 4);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 2000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  g_assert_cmpuint (guest_get (g, 0xd000, 4), ==, 2);
  g_assert_cmphex (guest_get (g, 0xd00c, 4), ==, 0); /* absent, read by ring 0 */
  g_assert_cmphex (guest_get (g, 0xd010, 4), ==, 0xc000);
  g_assert_cmphex (guest_get (g, TSS_B, 2), ==, TASK_A);
  g_assert_cmphex (g->cpu->segment[CPU_TR].selector, ==, TSS_SEL);
  guest_free (g);
}

/* The same through an ordinary gate: the frame is on the new task's stack, and the run goes on. */
static void
test_task_page_fault_here (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  start_tasks (g, &s, TRUE);
  make_task (g, TASK_A, TSS_A, 0xa000, 0x7000);
  guest_set (g, TABLES + 0x1000 + 0xa * 4, 0, 4);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_PF);
  g_assert_cmphex (top (g, 0), ==, 0);
  g_assert_cmphex (top (g, 1), ==, 0xa000);
  g_assert_cmphex (g->cpu->reg[CPU_RSP], ==, 0x7000 - 16);
  g_assert_cmphex (g->cpu->cr2, ==, 0xa000);
  g_assert_cmphex (g->cpu->segment[CPU_TR].selector, ==, TASK_A);
  guest_free (g);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/soft-events/mov-ss-watch", test_mov_ss_watch);
  g_test_add_func ("/soft-events/mov-ss-saved", test_mov_ss_saved);
  g_test_add_func ("/soft-events/pop-ss-watch", test_pop_ss_watch);
  g_test_add_func ("/soft-events/mov-ss-syscall", test_mov_ss_syscall);
  g_test_add_func ("/soft-events/requests", test_requests);
  g_test_add_func ("/soft-events/invpcid", test_invpcid);
  g_test_add_func ("/soft-events/machine-check", test_machine_check);
  g_test_add_func ("/soft-events/task-nested", test_task_nested);
  g_test_add_func ("/soft-events/task-busy", test_task_busy);
  g_test_add_func ("/soft-events/task-ldt", test_task_ldt);
  g_test_add_func ("/soft-events/task-page-fault", test_task_page_fault);
  g_test_add_func ("/soft-events/task-page-fault-here", test_task_page_fault_here);
  return g_test_run ();
}
