/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The software processor at system level, where rules are subtle: when a single step traps, what a virtual-8086 program may
 * do, the edges of the I/O permission map, 16-bit task state, start-up messages.
 */
#include "soft-guest.h"

static uint32_t
top (Guest *g, unsigned slot)
{
  return (uint32_t)guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP] + slot * 4, 4);
}

/* -- Single step ------------------------------------------------------------------------------------------------- */

static void
test_step_halt (void)
{
  static const uint8_t code[] = { 0xf4, 0x90 }; /* hlt; nop */
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_put (g, CODE, code, sizeof code);
  s.rflags = 2 | FLAG_TF;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  /* The trap behind HLT wakes it. */
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (top (g, 0), ==, CODE + 1);
  guest_free (g);
}

static void
test_step_mov_ss (void)
{
  static const uint8_t code[] = { 0x8e, 0xd0, 0x90, 0x90 }; /* mov ss, eax; nop; nop */
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_put (g, CODE, code, sizeof code);
  s.gpr[CPU_RAX] = DS32;
  s.rflags = 2 | FLAG_TF;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (top (g, 0), ==, CODE + 3);
  guest_free (g);
}

static void
test_step_syscall (void)
{
  static const uint8_t call[] = { 0x0f, 0x05 };
  static const uint8_t ret[] = { 0x48, 0x0f, 0x07 };
  static const uint8_t kernel[] = { 0xc6, 0x04, 0x25, 0x00, 0xd0, 0x00, 0x00, 0x77, 0xf4 };
  Guest *g = guest_new (1);
  CpuState s;

  for (unsigned masked = 0; masked < 2; masked++)
    {
      guest_state (g, &s, 64, 3, TRUE);
      guest_put (g, CODE, call, sizeof call);
      guest_put (g, 0xc000, kernel, sizeof kernel);
      guest_set (g, 0xd000, 0, 1);
      s.rflags = 2 | FLAG_TF;
      s.gpr[CPU_RSP] = STACK3;
      guest_start (g, &s);
      g->cpu->msr.star = (uint64_t)0x23 << 48 | (uint64_t)CS64 << 32;
      g->cpu->msr.lstar = 0xc000;
      g->cpu->msr.fmask = masked ? FLAG_TF : 0;
      g_assert_true (guest_run (g, 100));
      g_assert_cmpuint (guest_vector (g), ==, masked ? 0xff : EXC_DB);
      g_assert_cmphex (guest_get (g, 0xd000, 1), ==, masked ? 0x77 : 0);
      g_assert_cmphex (g->cpu->reg[CPU_R11] & FLAG_TF, ==, FLAG_TF);
    }

  /* SYSRET that sets TF traps before the program's next instruction. */
  guest_state (g, &s, 64, 0, TRUE);
  guest_put (g, CODE, ret, sizeof ret);
  s.gpr[CPU_RCX] = 0xc000;
  s.gpr[CPU_R11] = 2 | FLAG_TF;
  guest_start (g, &s);
  g->cpu->msr.star = (uint64_t)0x23 << 48 | (uint64_t)CS64 << 32;
  guest_set (g, 0xd000, 0, 1);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP], 8), ==, 0xc000);
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP] + 8, 8), ==, 0x33);
  g_assert_cmphex (guest_get (g, 0xd000, 1), ==, 0);
  guest_free (g);
}

/* DR7.GD guards the debug registers, but not from the handler of #DB. */
static void
test_debug_guard (void)
{
  static const uint8_t code[] = { 0x90, 0x90 };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_put (g, CODE, code, sizeof code);
  s.rflags = 2 | FLAG_TF;
  s.dr[7] = 0x2400;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (g->cpu->dr[7], ==, 0x400);
  guest_free (g);
}

/* RF that IRET sets is gone behind the next instruction. */
GUEST_CODE (resume, ".code32", "  push $0x10002\n push $0x08\n push $0xc000\n iret\n");
static void
test_resume_flag (void)
{
  static const uint8_t code[] = { 0x90, 0x0f, 0x0b }; /* nop; ud2 */
  static const uint8_t call[] = { 0x90, 0xcd, 0x20 };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, resume);
  guest_put (g, 0xc000, code, sizeof code);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_UD);
  g_assert_cmphex (top (g, 2) & FLAG_RF, ==, FLAG_RF); /* a fault's frame has it */
  guest_put (g, 0xc000, call, sizeof call);
  guest_start (g, &s);
  soft_code_flush_all ((SoftEngine *)g->engine);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  g_assert_cmphex (top (g, 2) & FLAG_RF, ==, 0);
  guest_free (g);
}

/* A program's AC opens no user page to the entry of ring 0: SMAP holds for the stack that the TSS names. */
static void
test_smap_entry (void)
{
  static const uint8_t code[] = { 0xcd, 0x20 };
  Guest *g = guest_new (1);
  CpuState s;

  for (unsigned user = 0; user < 2; user++)
    {
      guest_state (g, &s, 64, 3, TRUE);
      guest_put (g, CODE, code, sizeof code);
      /* What ring 0 uses is for ring 0 alone, but for the stack of INT in the second round. */
      for (uint32_t page = 0; page < 0xa; page++)
        guest_set (g, TABLES + 0x3000 + page * 8, (page << 12) | 3, 8);
      guest_set (g, TABLES + 0x3000 + (DATA >> 12) * 8, DATA | 3, 8);
      if (user)
        guest_set (g, TABLES + 0x3000 + 0x5 * 8, 0x5007, 8);
      guest_set (g, TSS + 4, 0x6000, 8);
      guest_set (g, TSS + 0x24, STACK0, 8); /* IST1 */
      guest_set (g, IDT + EXC_PF * 16 + 4, 1, 1);
      s.cr4 |= CR4_SMAP;
      s.rflags = 2 | FLAG_AC;
      guest_start (g, &s);
      g_assert_true (guest_run (g, 100));
      g_assert_cmpuint (guest_vector (g), ==, user ? EXC_PF : 0x20);
    }
  g_assert_cmphex (g->cpu->cr2, ==, 0x5ff8);
  guest_free (g);
}

/* -- Virtual-8086 mode --------------------------------------------------------------------------------------------- */

GUEST_CODE (
    enter_v86, ".code32",
    "  push $0\n push $0\n push $0\n push $0\n push $0x0900\n push $0x100\n push %eax\n push $0x0b80\n "
    "push $0\n iret\n");
/* With VME: CLI and STI change VIF, PUSHF shows it as IF with IOPL 3, INT goes through the table at 0, IRET brings VIF back. */
GUEST_CODE (
    vme, ".code16",
    "  xor %bx, %bx\n mov %bx, %ds\n sti\n pushf\n pop %ax\n mov %ax, 0xd000\n int $0x60\n pushf\n pop %ax\n"
    "  mov %ax, 0xd002\n cli\n pushf\n pop %ax\n mov %ax, 0xd004\n hlt\n");
GUEST_CODE (vme_handler, ".code16", "  pushf\n pop %ax\n mov %ax, 0xd006\n mov %sp, 0xd008\n iret\n");

static void
test_vme (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, enter_v86);
  GUEST_LOAD (g, 0xb800, vme);
  GUEST_LOAD (g, 0xbc00, vme_handler);
  guest_set (g, 0x60 * 4, 0x0bc00000, 4);
  guest_set (g, TSS + 0x66, 0x100, 2); /* redirection: the 32 bytes below, all clear */
  s.cr4 |= CR4_VME;
  s.gpr[CPU_RAX] = 2 | FLAG_VM | FLAG_IF;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_GP); /* the HLT */
  g_assert_cmphex (guest_get (g, 0xd000, 2) & (FLAG_IF | FLAG_IOPL), ==, FLAG_IF | FLAG_IOPL);
  g_assert_cmphex (guest_get (g, 0xd002, 2) & FLAG_IF, ==, FLAG_IF);
  g_assert_cmphex (guest_get (g, 0xd004, 2) & FLAG_IF, ==, 0);
  g_assert_cmphex (guest_get (g, 0xd006, 2) & FLAG_IF, ==, 0);
  g_assert_cmphex (guest_get (g, 0xd008, 2), ==, 0x100 - 6);
  /* IF itself never changed. */
  g_assert_cmphex (guest_get (g, STACK0 - 4 * 7, 4) & (FLAG_IF | FLAG_VIF | FLAG_IOPL), ==, FLAG_IF);

  /* STI with VIP is for the monitor. */
  s.gpr[CPU_RAX] = 2 | FLAG_VM | FLAG_IF | FLAG_VIP;
  guest_start (g, &s);
  guest_set (g, DATA - 16, 0xff, 1);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_GP);
  g_assert_cmphex (guest_get (g, STACK0 - 4 * 9, 4), ==, 4);
  guest_free (g);
}

/* IOPL 3 without VME: all of them are direct, INT goes through the IDT. */
GUEST_CODE (v86_direct, ".code16", "  sti\n cli\n pushf\n popf\n pushfl\n popfl\n int $0x21\n");

static void
test_v86_iopl (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, enter_v86);
  GUEST_LOAD (g, 0xb800, v86_direct);
  s.gpr[CPU_RAX] = 2 | FLAG_VM | FLAG_IF | FLAG_IOPL;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, 0x21);
  g_assert_cmphex (guest_get (g, STACK0 - 4 * 7, 4) & (FLAG_IF | FLAG_VM | FLAG_IOPL), ==,
                   FLAG_VM | FLAG_IOPL);
  /* A gate for ring 0 alone: #GP with its number. */
  guest_gate (g, 0x21, CS32, STOP + 0x21 * 16, 0x8e, FALSE);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_GP);
  g_assert_cmphex (guest_get (g, STACK0 - 4 * 10, 4), ==, 0x21 * 8 + 2);
  guest_free (g);
}

/* -- Ports --------------------------------------------------------------------------------------------------------- */

static unsigned
try_port (Guest *g, unsigned port, unsigned size, uint32_t limit)
{
  uint8_t code[] = { 0xec, 0xcd, 0x20, 0x90 }; /* in al, dx; int 0x20 */
  uint8_t code16[] = { 0x66, 0xed, 0xcd, 0x20 };
  CpuState s;

  guest_state (g, &s, 32, 3, FALSE);
  guest_put (g, CODE, size == 1 ? code : code16, 4);
  guest_set (g, TSS + 0x66, 0x68, 2);
  memset (g->ram + TSS + 0x68, 0, 0x100);
  guest_set (g, TSS + 0x68 + 0x88 / 8, 0x01, 1); /* port 0x88 is not allowed */
  s.segment[CPU_TR].limit = limit;
  s.gpr[CPU_RDX] = port;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  return guest_vector (g);
}

static void
test_port_map (void)
{
  Guest *g = guest_new (1);

  g_assert_cmpuint (try_port (g, 0x87, 1, 0x7ff), ==, 0x20);
  g_assert_cmpuint (try_port (g, 0x88, 1, 0x7ff), ==, EXC_GP);
  g_assert_cmpuint (try_port (g, 0x86, 2, 0x7ff), ==, 0x20);
  g_assert_cmpuint (try_port (g, 0x87, 2, 0x7ff), ==, EXC_GP); /* crosses into the next byte */
  /* Two bytes of the map are read, both must be within the limit. */
  g_assert_cmpuint (try_port (g, 0x80, 1, 0x68 + 0x11), ==, 0x20);
  g_assert_cmpuint (try_port (g, 0x80, 1, 0x68 + 0x10), ==, EXC_GP);
  g_assert_cmpuint (try_port (g, 0x80, 1, 0x66), ==, EXC_GP);
  guest_free (g);
}

/* -- Tasks ----------------------------------------------------------------------------------------------------------- */

GUEST_CODE (task16, ".code32", "  mov %eax, 0xd000\n mov %esp, 0xd004\n mov %fs, 0xd008\n int $0x20\n");

/* A far jump to a 16-bit TSS: half registers, no FS and GS, the old task is not busy. */
static void
test_task16 (void)
{
  const uint32_t tss2 = TSS + 0x400;
  static const uint8_t jump[] = { 0xea, 0, 0, 0, 0, FREE_SEL, 0 };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_set (g, GDT + FREE_SEL, guest_descriptor (tss2, 0x2b, 0x81), 8);
  guest_set (g, tss2 + 0x0e, 0xc000, 2);
  guest_set (g, tss2 + 0x10, 2, 2);
  guest_set (g, tss2 + 0x12, 0x7777, 2);
  guest_set (g, tss2 + 0x1a, 0x7000, 2);
  for (unsigned i = 0; i < 4; i++)
    guest_set (g, tss2 + 0x22 + i * 2, i == CPU_CS ? CS32 : DS32, 2);
  guest_set (g, tss2 + 0x2a, 0, 2);
  guest_put (g, CODE, jump, sizeof jump);
  /* ESP's upper half isn't defined: have a page below 4 GiB's end unused by taking 16-bit stacks. */
  guest_set (g, GDT + 0x10, guest_descriptor (0, 0xfffff, 0x893), 8);
  GUEST_LOAD (g, 0xc000, task16);
  s.gpr[CPU_RAX] = 0x12345678;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  g_assert_cmphex (guest_get (g, 0xd000, 2), ==, 0x7777);
  g_assert_cmphex (guest_get (g, 0xd004, 2), ==, 0x7000);
  g_assert_cmphex (guest_get (g, 0xd008, 2), ==, 0);
  g_assert_cmphex (guest_get (g, TSS + 0x28, 4), ==, 0x12345678);
  g_assert_cmphex (guest_get (g, TSS + 0x20, 4), ==, CODE + 7);
  g_assert_cmphex (guest_get (g, GDT + FREE_SEL + 5, 1), ==, 0x83);
  g_assert_cmphex (guest_get (g, GDT + TSS_SEL + 5, 1), ==, 0x89);
  g_assert_cmphex (g->cpu->eflags & FLAG_NT, ==, 0);
  guest_free (g);
}

/* The T bit of a TSS traps before the new task's first instruction, an error in its DS is the new task's. */
static void
test_task_trap (void)
{
  const uint32_t tss2 = TSS + 0x400;
  static const uint8_t jump[] = { 0xea, 0, 0, 0, 0, FREE_SEL, 0 };
  Guest *g = guest_new (1);
  CpuState s;

  for (unsigned step = 0; step < 2; step++)
    {
      guest_state (g, &s, 32, 0, FALSE);
      guest_set (g, GDT + FREE_SEL, guest_descriptor (tss2, 0x67, 0x89), 8);
      guest_set (g, tss2 + 0x20, 0xc000, 4);
      guest_set (g, tss2 + 0x24, 2 | (step ? FLAG_TF : 0), 4);
      guest_set (g, tss2 + 0x38, 0x7000, 4);
      for (unsigned i = 0; i < 6; i++)
        guest_set (g, tss2 + 0x48 + i * 4, i == CPU_CS ? CS32 : DS32, 4);
      guest_set (g, tss2 + 0x64, 1, 2);
      guest_put (g, CODE, jump, sizeof jump);
      GUEST_LOAD (g, 0xc000, task16);
      guest_start (g, &s);
      g_assert_true (guest_run (g, 1000));
      g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
      g_assert_cmphex (top (g, 0), ==, 0xc000);
      g_assert_cmphex (g->cpu->dr[6] & 0xe000, ==, 0x8000);
    }
  guest_set (g, GDT + FREE_SEL, guest_descriptor (tss2, 0x67, 0x89), 8);
  guest_set (g, tss2 + 0x48 + CPU_DS * 4, TSS_SEL, 4);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_TS);
  g_assert_cmphex (top (g, 0), ==, TSS_SEL);
  g_assert_cmphex (top (g, 1), ==, 0xc000);
  g_assert_cmphex (g->cpu->segment[CPU_TR].selector, ==, FREE_SEL);
  guest_free (g);
}

/* A fault through a task gate: linked back, NT, RF in the old task, the error code on the new one's stack. */
GUEST_CODE (fault_task, ".code32", "  pop %eax\n mov %eax, 0xd000\n pushf\n pop 0xd004\n hlt\n");

static void
test_task_gate (void)
{
  const uint32_t tss2 = TSS + 0x400;
  static const uint8_t code[]
      = { 0xb8, 0xf8, 0x0f, 0x00, 0x00, 0x8e, 0xd8 }; /* mov eax, 0xff8; mov ds, eax */
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 3, FALSE);
  s.gdt_limit = 0xff;
  guest_set (g, GDT + FREE_SEL, guest_descriptor (tss2, 0x67, 0x89), 8);
  guest_set (g, tss2 + 0x20, 0xc000, 4);
  guest_set (g, tss2 + 0x24, 2, 4);
  guest_set (g, tss2 + 0x38, 0x7000, 4);
  for (unsigned i = 0; i < 6; i++)
    guest_set (g, tss2 + 0x48 + i * 4, i == CPU_CS ? CS32 : DS32, 4);
  guest_gate (g, EXC_GP, FREE_SEL, 0, 0x85, FALSE);
  guest_put (g, CODE, code, sizeof code);
  GUEST_LOAD (g, 0xc000, fault_task);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, 0xff8);
  g_assert_cmphex (guest_get (g, 0xd004, 4) & FLAG_NT, ==, FLAG_NT);
  g_assert_cmphex (guest_get (g, tss2, 2), ==, TSS_SEL);
  g_assert_cmphex (guest_get (g, TSS + 0x20, 4), ==, CODE + 5);
  g_assert_cmphex (guest_get (g, TSS + 0x24, 4) & FLAG_RF, ==, FLAG_RF);
  g_assert_cmphex (guest_get (g, TSS + 0x48 + CPU_CS * 4, 2), ==, UCS32);
  /* Both are busy. */
  g_assert_cmphex (guest_get (g, GDT + FREE_SEL + 5, 1), ==, 0x8b);
  g_assert_cmphex (guest_get (g, GDT + TSS_SEL + 5, 1), ==, 0x8b);
  guest_free (g);
}

/* -- Returns ------------------------------------------------------------------------------------------------------------ */

GUEST_CODE (
    outward, ".code32",
    "  push $0x2b\n push $0x9000\n push $0x23\n push $0xc000\n mov $0x2b, %eax\n mov %eax, %es\n lret\n");
GUEST_CODE (outside, ".code32", "  mov %ds, %ebx\n mov %es, %ecx\n mov %fs, %edx\n int $0x20\n");

static void
test_return_outward (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, outward);
  GUEST_LOAD (g, 0xc000, outside);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  /* Ring 0's DS and FS are not for ring 3. */
  g_assert_cmphex (g->cpu->reg[CPU_RBX], ==, 0);
  g_assert_cmphex (g->cpu->reg[CPU_RCX], ==, UDS32);
  g_assert_cmphex (g->cpu->reg[CPU_RDX], ==, 0);
  guest_free (g);
}

/* -- Counters, messages ---------------------------------------------------------------------------------------------------- */

static void
test_rdpmc (void)
{
  static const uint8_t code[] = { 0x0f, 0x33, 0xcd, 0x20 };
  Guest *g = guest_new (1);
  CpuState s;

  for (unsigned i = 0; i < 4; i++)
    {
      gboolean user = (i & 1) != 0, allowed = (i & 2) != 0;

      guest_state (g, &s, 32, user ? 3 : 0, FALSE);
      guest_put (g, CODE, code, sizeof code);
      if (allowed)
        s.cr4 |= CR4_PCE;
      guest_start (g, &s);
      g_assert_true (guest_run (g, 100));
      g_assert_cmpuint (guest_vector (g), ==, user && !allowed ? EXC_GP : 0x20);
    }
  guest_free (g);
}

/* A start-up message counts only behind INIT. */
static void
test_startup (void)
{
  static const uint8_t spin[] = { 0xb9, 0xe8, 0x03, 0x00, 0x00, 0xe2, 0xfe, 0xcd, 0x20 };
  static const uint8_t ap[] = { 0xf4 };
  Guest *g = guest_new (2);
  SoftCpu *other = ((SoftEngine *)g->engine)->cpus[1];
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_put (g, CODE, spin, sizeof spin);
  guest_put (g, 0x8000, ap, sizeof ap);
  guest_start (g, &s);
  soft_apic_mmio_write (g->cpu, 0xf0, 0x1ff, 4);
  soft_apic_mmio_write (g->cpu, 0x310, 1 << 24, 4);
  soft_apic_mmio_write (g->cpu, 0x300, 0x4608, 4);
  soft_apic_mmio_write (g->cpu, 0x300, 0x4500, 4);
  soft_apic_mmio_write (g->cpu, 0x300, 0x8500, 4); /* de-assert: nothing */
  guest_run (g, 100000);
  g_assert_cmpuint (other->run_state, ==, CPU_RUN_WAIT_SIPI);
  soft_apic_mmio_write (g->cpu, 0x300, 0x4608, 4);
  guest_run (g, 100000);
  g_assert_cmpuint (other->run_state, ==, CPU_RUN_HALTED);
  /* One that runs ignores it. */
  soft_apic_mmio_write (g->cpu, 0x300, 0x4609, 4);
  guest_run (g, 100000);
  g_assert_cmphex (other->segment[CPU_CS].selector, ==, 0x800);
  guest_free (g);
}

/* -- Translation buffer ------------------------------------------------------------------------------------------ */

/* Reads a byte, changes its page's entry, forgets the old one in the way that EDX tells, reads again. */
GUEST_CODE (remap, ".code64",
            "movb 0xd000, %al\n\t"
            "movq %rsi, (%rdi)\n\t"
            "cmp $1, %edx\n\t"
            "jb 1f\n\t"
            "je 2f\n\t"
            "mov %cr4, %rcx\n\t"
            "xor $0x80, %rcx\n\t"
            "mov %rcx, %cr4\n\t"
            "xor $0x80, %rcx\n\t"
            "mov %rcx, %cr4\n\t"
            "jmp 3f\n"
            "1:\tmov %cr3, %rcx\n\t"
            "mov %rcx, %cr3\n\t"
            "jmp 3f\n"
            "2:\tinvlpg (%rbp)\n"
            "3:\tmovb 0xd000, %bl\n\t"
            "hlt");

/* PAE's four pointers are those that were loaded with CR3; a processor that is saved and loaded goes on by them, whatever memory has
 * become.  Without them in the file, as before there were such, memory is asked. */
static void
test_pdptes (void)
{
  static const uint8_t code[] = { 0xb0, 0x12, 0xe6, 0x80, 0xf4 }; /* mov $0x12,%al; out %al,$0x80; hlt */
  Guest *g = guest_new (1);
  CpuState s;
  g_autoptr (GError) error = NULL;

  guest_put (g, CODE, code, sizeof code);
  guest_state (g, &s, 32, 0, FALSE);
  s.cr0 |= 0x80000000u;
  s.cr4 |= CR4_PAE;
  for (unsigned k = 0; k < 8; k++) /* pages of 2 MiB */
    guest_set (g, TABLES + 0x1000 + k * 8, (uint64_t)k << 21 | 0xe7, 8);
  guest_set (g, TABLES, (TABLES + 0x1000) | 1, 8);
  for (unsigned k = 1; k < 4; k++)
    guest_set (g, TABLES + k * 8, 0, 8);
  guest_start (g, &s);
  guest_set (g, TABLES, 0, 8);
  g_assert_true (soft_engine_class.get_state (g->engine, 0, &s));
  g_assert_cmpuint (s.pdptes_known, ==, 1);
  g_assert_cmphex (s.pdpte[0], ==, (TABLES + 0x1000) | 1);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmphex (g->last_out, ==, 0x12);
  s.pdpte[3] = 0x21;
  g_assert_false (cpu_state_check (&s, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_RANGE);
  guest_free (g);
}

static void
test_remap (void)
{
  enum
  {
    LOAD_CR3,
    INVLPG,
    TOGGLE_PGE
  };
  static const struct
  {
    unsigned how;
    gboolean pge, global, large;
  } cases[] = {
    { LOAD_CR3, FALSE, FALSE, FALSE }, { LOAD_CR3, TRUE, FALSE, FALSE },  { LOAD_CR3, FALSE, TRUE, FALSE },
    { INVLPG, TRUE, FALSE, FALSE },    { INVLPG, TRUE, TRUE, FALSE },     { INVLPG, TRUE, TRUE, TRUE },
    { INVLPG, FALSE, FALSE, TRUE },    { TOGGLE_PGE, TRUE, TRUE, FALSE }, { TOGGLE_PGE, TRUE, TRUE, TRUE },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Guest *g = guest_new (1);
      uint64_t flags = 7 | (cases[i].global ? 0x100 : 0);
      CpuState s;

      guest_state (g, &s, 64, 0, TRUE);
      GUEST_LOAD (g, CODE, remap);
      if (cases[i].pge)
        s.cr4 |= CR4_PGE;
      if (cases[i].large)
        {
          /* The first 2 MiB at 0 become those at 4 MiB, with the same code. */
          memcpy (g->ram + 0x400000, g->ram, 0x200000);
          s.gpr[CPU_RDI] = TABLES + 0x2000;
          s.gpr[CPU_RSI] = 0x400000 | flags | 0x80;
          s.gpr[CPU_RBP] = 0x123456;
          guest_set (g, TABLES + 0x2000, flags | 0x80, 8);
          guest_set (g, 0x40d000, 0x22, 1);
        }
      else
        {
          s.gpr[CPU_RDI] = TABLES + 0x3000 + (DATA >> 12) * 8;
          s.gpr[CPU_RSI] = 0xe000 | flags;
          s.gpr[CPU_RBP] = DATA + 0x123;
          guest_set (g, TABLES + 0x3000 + (DATA >> 12) * 8, DATA | flags, 8);
          guest_set (g, 0xe000, 0x22, 1);
        }
      guest_set (g, DATA, 0x11, 1);
      s.gpr[CPU_RDX] = cases[i].how;
      guest_start (g, &s);
      g_assert_true (guest_run (g, 100000));
      g_assert_cmphex (g->cpu->reg[CPU_RAX] & 0xff, ==, 0x11);
      g_assert_cmphex (g->cpu->reg[CPU_RBX] & 0xff, ==, 0x22);
      guest_free (g);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/soft-system/step-halt", test_step_halt);
  g_test_add_func ("/soft-system/step-mov-ss", test_step_mov_ss);
  g_test_add_func ("/soft-system/step-syscall", test_step_syscall);
  g_test_add_func ("/soft-system/debug-guard", test_debug_guard);
  g_test_add_func ("/soft-system/resume-flag", test_resume_flag);
  g_test_add_func ("/soft-system/smap-entry", test_smap_entry);
  g_test_add_func ("/soft-system/vme", test_vme);
  g_test_add_func ("/soft-system/v86-iopl", test_v86_iopl);
  g_test_add_func ("/soft-system/port-map", test_port_map);
  g_test_add_func ("/soft-system/task16", test_task16);
  g_test_add_func ("/soft-system/task-trap", test_task_trap);
  g_test_add_func ("/soft-system/task-gate", test_task_gate);
  g_test_add_func ("/soft-system/return-outward", test_return_outward);
  g_test_add_func ("/soft-system/rdpmc", test_rdpmc);
  g_test_add_func ("/soft-system/startup", test_startup);
  g_test_add_func ("/soft-system/pdptes", test_pdptes);
  g_test_add_func ("/soft-system/remap", test_remap);
  return g_test_run ();
}
