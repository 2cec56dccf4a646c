/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The software processor: modes, faults, gates, tasks, page tables, self-modifying code, debug registers, interrupts.
 */
#include "soft-guest.h"

#include <time.h>

/* -- Real mode ------------------------------------------------------------------------------------------------ */

GUEST_CODE (real, ".code16",
            "  xor %ax, %ax\n mov %ax, %ds\n mov %ax, %es\n"
            "  mov $0xd000, %di\n mov $5, %cx\n mov $0x1234, %ax\n rep stosw\n"  /* fill */
            "  mov $0xd000, %si\n mov $0xd100, %di\n mov $10, %cx\n rep movsb\n" /* copy */
            "  mov $0xd100, %di\n mov $5, %cx\n mov $0x1235, %ax\n repe scasw\n" /* first word differs */
            "  mov %cx, 0xd200\n"
            "  mov $0x19, %al\n add $0x28, %al\n daa\n mov %al, 0xd202\n" /* 19 + 28 = 47 */
            "  mov $0xff, %al\n add $1, %al\n pushf\n pop 0xd204\n"
            "  mov $7, %ax\n mov $3, %bl\n div %bl\n mov %ax, 0xd206\n"
            "  int $0x21\n mov %bx, 0xd208\n"
            "  lcall $0x0b00, $(1f - real_code)\n mov %dx, 0xd20a\n"
            "  cli\n hlt\n"
            "1: mov $0x77, %dx\n lret\n");
GUEST_CODE (real_int, ".code16", "  mov $0x4321, %bx\n iret\n");

static void
test_real (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  GUEST_LOAD (g, CODE, real);
  GUEST_LOAD (g, 0xa000, real_int);
  guest_set (g, 0x21 * 4, 0xa000, 4);
  guest_state (g, &s, 16, 0, FALSE);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 10000));
  g_assert_cmphex (guest_get (g, 0xd000, 8), ==, 0x1234123412341234);
  g_assert_cmphex (guest_get (g, 0xd100, 8), ==, 0x1234123412341234);
  g_assert_cmpuint (guest_get (g, 0xd200, 2), ==, 4);
  g_assert_cmphex (guest_get (g, 0xd202, 1), ==, 0x47);
  g_assert_cmphex (guest_get (g, 0xd204, 2) & 0x8d5, ==, FLAG_CF | FLAG_ZF | FLAG_AF | FLAG_PF);
  g_assert_cmphex (guest_get (g, 0xd206, 2), ==, 0x0102);
  g_assert_cmphex (guest_get (g, 0xd208, 2), ==, 0x4321);
  g_assert_cmphex (guest_get (g, 0xd20a, 2), ==, 0x77);
  guest_free (g);
}

/* -- Faults and their frames ----------------------------------------------------------------------------------- */

static void
expect_fault (Guest *g, CpuState *s, const uint8_t *code, size_t length, unsigned vector, int error)
{
  uint64_t rip = s->rip;
  unsigned size = (s->efer & EFER_LMA) != 0 ? 8 : 4;
  uint32_t sp;

  guest_set (g, DATA - 16, 0xff, 1);
  guest_put (g, (uint32_t)rip, code, length);
  guest_start (g, s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, vector);
  sp = (uint32_t)g->cpu->reg[CPU_RSP];
  if (error >= 0)
    {
      g_assert_cmphex (guest_get (g, sp, 4), ==, (unsigned)error);
      sp += size;
    }
  g_assert_cmphex (guest_get (g, sp, size), ==, rip);
}

static void
test_faults (void)
{
  static const struct
  {
    uint8_t code[12];
    uint8_t length;
    uint8_t vector;
    int error;
  } cases[] = {
    { { 0x0f, 0x0b }, 2, EXC_UD, -1 },           /* ud2 */
    { { 0xf0, 0x90 }, 2, EXC_UD, -1 },           /* lock nop */
    { { 0xf0, 0x01, 0xc0 }, 3, EXC_UD, -1 },     /* lock add eax, eax */
    { { 0xf7, 0xf1 }, 2, EXC_DE, -1 },           /* div ecx, ecx = 0 */
    { { 0x8e, 0xd8 }, 2, EXC_GP, 0x0ff8 },       /* mov ds, ax: beyond the table */
    { { 0xcd, 0xff }, 2, EXC_GP, 0xff * 8 + 2 }, /* int 0xff: not a gate */
    { { 0x0f, 0x22, 0xc0 }, 3, EXC_GP, 0 },      /* mov cr0, eax: PG without PE */
    { { 0x0f, 0x32 }, 2, EXC_GP, 0 },            /* rdmsr of an unknown register */
  };
  Guest *g = guest_new (1);
  CpuState s;

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      for (unsigned bits = 32; bits <= 64; bits += 32)
        {
          guest_state (g, &s, bits, 0, FALSE);
          s.gpr[CPU_RAX] = cases[i].code[0] == 0x0f && cases[i].code[1] == 0x22 ? 0x80000000 : 0xffb;
          if (cases[i].vector == EXC_GP && cases[i].error == 0x0ff8)
            s.gdt_limit = 0x7f;
          s.gpr[CPU_RCX] = cases[i].code[1] == 0x32 ? 0x12345678 : 0;
          expect_fault (g, &s, cases[i].code, cases[i].length, cases[i].vector, cases[i].error);
        }
    }
  guest_free (g);
}

static void
test_ring3 (void)
{
  static const uint8_t hlt[] = { 0xf4 }, cli[] = { 0xfa }, in[] = { 0xe4, 0x80 },
                       mov_cr[] = { 0x0f, 0x20, 0xc0 }, int3[] = { 0xcc };
  Guest *g = guest_new (1);
  CpuState s;

  for (unsigned bits = 32; bits <= 64; bits += 32)
    {
      guest_state (g, &s, bits, 3, TRUE);
      expect_fault (g, &s, hlt, sizeof hlt, EXC_GP, 0);
      g_assert_cmpuint (g->cpu->cpl, ==, 0);
      /* SS:ESP of ring 3 were pushed. */
      g_assert_cmphex (guest_get (g, STACK0 - (bits == 64 ? 16 : 8), 4), ==, STACK3);
      expect_fault (g, &s, cli, sizeof cli, EXC_GP, 0);
      expect_fault (g, &s, in, sizeof in, EXC_GP, 0);
      expect_fault (g, &s, mov_cr, sizeof mov_cr, EXC_GP, 0);
      /* A permission map opens port 0x80 and no other. */
      memset (g->ram + TSS + 0x68, 0xff, 0x100);
      guest_set (g, TSS + 0x66, 0x68, 2);
      guest_set (g, TSS + 0x68 + 0x10, 0xfe, 1);
      guest_put (g, CODE, in, sizeof in);
      guest_put (g, CODE + 2, int3, 1);
      guest_start (g, &s);
      g_assert_true (guest_run (g, 100));
      g_assert_cmpuint (guest_vector (g), ==, EXC_BP);
      /* A trap: the frame points behind INT3. */
      g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP], 4), ==, CODE + 3);
    }
  guest_free (g);
}

static void
test_double_fault (void)
{
  static const uint8_t ud[] = { 0x0f, 0x0b };
  Guest *g = guest_new (1);
  CpuState s;

  /* #NP of the gate of #GP... #UD isn't contributory, so a bad gate of #UD makes #GP; a bad #GP gate then #DF. */
  guest_state (g, &s, 32, 0, FALSE);
  guest_set (g, IDT + EXC_UD * 8, 0, 8);
  expect_fault (g, &s, ud, 2, EXC_GP, EXC_UD * 8 + 3);
  guest_state (g, &s, 32, 0, FALSE);
  guest_set (g, IDT + EXC_UD * 8, 0, 8);
  guest_set (g, IDT + EXC_GP * 8, 0, 8);
  expect_fault (g, &s, ud, 2, EXC_DF, 0);
  guest_set (g, IDT + EXC_DF * 8, 0, 8);
  guest_start (g, &s);
  g_assert_false (guest_run (g, 100));
  g_assert_cmpuint (g->cpu->run_state, ==, CPU_RUN_WAIT_INIT);
  guest_free (g);
}

/* -- Paging ------------------------------------------------------------------------------------------------------- */

/* One access to a page with given rights; the fault's error code, or -1. */
static int
access_page (Guest *g, CpuState *s, char kind, uint64_t pte)
{
  static const uint8_t load[] = { 0x8b, 0x00, 0xcd, 0x20 }, store[] = { 0x89, 0x00, 0xcd, 0x20 },
                       jump[] = { 0xff, 0xe0, 0x90, 0x90 };
  const uint32_t target = 0x200000;

  if (s->efer & EFER_LMA)
    guest_set (g, TABLES + 0x3000 + (target >> 12) * 8, pte, 8);
  else
    guest_set (g, TABLES + 0x1000 + (target >> 12) * 4, pte, 4);
  guest_set (g, target, 0x20cd, 2); /* int 0x20 */
  guest_put (g, CODE, kind == 'r' ? load : kind == 'w' ? store : jump, 4);
  guest_set (g, DATA - 16, 0xff, 1);
  s->gpr[CPU_RAX] = target;
  s->rip = CODE;
  guest_start (g, s);
  g_assert_true (guest_run (g, 1000));
  if (guest_vector (g) == 0x20)
    return -1;
  g_assert_cmpuint (guest_vector (g), ==, EXC_PF);
  g_assert_cmphex (g->cpu->cr2, ==, target);
  return (int)guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP], 4);
}

static void
test_paging (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  for (unsigned bits = 32; bits <= 64; bits += 32)
    for (unsigned mask = 0; mask < 1u << 9; mask++)
      {
        gboolean p = mask & 1, w = mask & 2, u = mask & 4, user = mask & 16, wp = mask & 32, smep = mask & 64,
                 smap = mask & 128, ac = mask & 256;
        gboolean nx = (mask & 8) != 0 && bits == 64;
        uint64_t pte = 0x200000 | (p ? 1 : 0) | (w ? 2 : 0) | (u ? 4 : 0) | (nx ? 1ULL << 63 : 0);

        guest_state (g, &s, bits, user ? 3 : 0, TRUE);
        s.cr0 = (s.cr0 & ~(uint64_t)CR0_WP) | (wp ? CR0_WP : 0);
        s.cr4 |= (smep ? CR4_SMEP : 0);
        /* With SMAP or SMEP on, the rest of the guest's pages must be the supervisor's when it runs there. */
        for (unsigned k = 0; !user && (smep || smap) && k < 4096; k++)
          {
            if (bits == 64)
              guest_set (g, TABLES + 0x3000 + k * 8, ((uint64_t)k << 12) | 3, 8);
            else
              guest_set (g, TABLES + 0x1000 + k * 4, (k << 12) | 3, 4);
          }
        if (user && (smep || smap))
          continue; /* handlers and code would have to be on pages of both kinds */
        s.cr4 |= smap ? CR4_SMAP : 0;
        s.rflags = 2 | (ac ? FLAG_AC : 0);
        for (const char *kind = "rwx"; *kind != '\0'; kind++)
          {
            int code = access_page (g, &s, *kind, pte), expected = -1;
            gboolean denied = (user && !u) || (*kind == 'w' && !w && (user || wp)) || (*kind == 'x' && nx)
                              || (*kind == 'x' && !user && u && smep)
                              || (*kind != 'x' && !user && u && smap && !ac);
            gboolean fetch = *kind == 'x' && (bits == 64 || smep);

            if (!p || denied)
              expected = (p ? 1 : 0) | (*kind == 'w' ? 2 : 0) | (user ? 4 : 0) | (fetch ? 16 : 0);
            g_assert_cmpint (code, ==, expected);
            if (expected < 0)
              {
                uint64_t entry = bits == 64 ? guest_get (g, TABLES + 0x3000 + 0x200 * 8, 8)
                                            : guest_get (g, TABLES + 0x1000 + 0x200 * 4, 4);
                g_assert_cmphex (entry & 0x60, ==, *kind == 'w' ? 0x60 : 0x20);
              }
          }
      }
  guest_free (g);
}

static void
test_large_pages (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  /* 2 MiB at 0x400000 -> 0x600000; then 4 MiB with PSE. */
  guest_state (g, &s, 64, 0, TRUE);
  guest_set (g, TABLES + 0x2000 + 2 * 8, 0x600000 | 0x83, 8);
  guest_set (g, 0x612345, 0xabcdef01, 4);
  static const uint8_t load[]
      = { 0x8b, 0x00, 0x0f, 0x01, 0x3b, 0x8b, 0x13, 0xcd, 0x20 }; /* mov; invlpg [rbx]; mov edx,[rbx] */
  guest_put (g, CODE, load, sizeof load);
  s.gpr[CPU_RAX] = 0x412345;
  s.gpr[CPU_RBX] = 0x412345;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmphex (g->cpu->reg[CPU_RAX], ==, 0xabcdef01);
  g_assert_cmphex (g->cpu->reg[CPU_RDX], ==, 0xabcdef01);
  /* A reserved address bit. */
  guest_set (g, TABLES + 0x2000 + 2 * 8, 0x600000 | 0x83 | 1ULL << 51, 8);
  guest_set (g, DATA - 16, 0xff, 1);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_PF);
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP], 4), ==, 9);

  guest_state (g, &s, 32, 0, TRUE);
  s.cr4 |= CR4_PSE;
  guest_set (g, TABLES + 4, 0x800000 | 0x83, 4);
  guest_set (g, 0x812345, 0x55667788, 4);
  guest_put (g, CODE, load, sizeof load);
  s.gpr[CPU_RAX] = s.gpr[CPU_RBX] = 0x412345;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmphex (g->cpu->reg[CPU_RAX], ==, 0x55667788);
  guest_free (g);
}

/* A copy that meets a missing page in its middle stops there, with its registers at the element. */
static void
test_rep_fault (void)
{
  static const uint8_t movs[] = { 0xf3, 0xa4, 0xcd, 0x20 };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  guest_set (g, TABLES + 0x3000 + 0x301 * 8, 0, 8);
  memset (g->ram + 0x200000, 0x5c, 0x2000);
  guest_put (g, CODE, movs, sizeof movs);
  s.gpr[CPU_RSI] = 0x200000;
  s.gpr[CPU_RDI] = 0x300f00;
  s.gpr[CPU_RCX] = 0x1000;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 10000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_PF);
  g_assert_cmphex (g->cpu->cr2, ==, 0x301000);
  g_assert_cmphex (g->cpu->reg[CPU_RCX], ==, 0xf00);
  g_assert_cmphex (g->cpu->reg[CPU_RSI], ==, 0x200100);
  g_assert_cmphex (g->cpu->reg[CPU_RDI], ==, 0x301000);
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP] + 8, 8), ==, CODE);
  guest_free (g);
}

/* A value across two pages, the second of which is missing, is not written at all. */
static void
test_split_store (void)
{
  static const uint8_t store[] = { 0x48, 0x89, 0x03, 0xcd, 0x20 };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  guest_set (g, TABLES + 0x3000 + 0x301 * 8, 0, 8);
  guest_put (g, CODE, store, sizeof store);
  guest_set (g, 0x300ffc, 0x11111111, 4);
  s.gpr[CPU_RAX] = ~(uint64_t)0;
  s.gpr[CPU_RBX] = 0x300ffc;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_PF);
  g_assert_cmphex (g->cpu->cr2, ==, 0x301000);
  g_assert_cmphex (guest_get (g, 0x300ffc, 4), ==, 0x11111111);
  guest_free (g);
}

/* -- Segments, gates, tasks ----------------------------------------------------------------------------------------- */

static void
test_limits (void)
{
  static const uint8_t load[] = { 0x8b, 0x00 }, store[] = { 0x89, 0x00 }, push[] = { 0x50 };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_segment (&s, CPU_DS, DS32, 0xfff, 0x493);
  s.gpr[CPU_RAX] = 0xffd;
  expect_fault (g, &s, load, 2, EXC_GP, 0);
  /* Expand-down: valid above the limit. */
  guest_segment (&s, CPU_DS, DS32, 0xfff, 0x497);
  s.gpr[CPU_RAX] = 0xfff;
  expect_fault (g, &s, load, 2, EXC_GP, 0);
  s.gpr[CPU_RAX] = 0xfffffffe;
  expect_fault (g, &s, load, 2, EXC_GP, 0);
  /* Read-only. */
  guest_segment (&s, CPU_DS, DS32, 0xffffffff, 0xc91);
  s.gpr[CPU_RAX] = DATA;
  expect_fault (g, &s, store, 2, EXC_GP, 0);
  guest_segment (&s, CPU_SS, DS32, 0x7ff, 0x493);
  s.gpr[CPU_RSP] = 0x900;
  /* The handler's frame doesn't fit either: that's a double fault, and the third ends it. */
  guest_put (g, CODE, push, 1);
  guest_start (g, &s);
  g_assert_false (guest_run (g, 100));
  g_assert_cmpuint (g->cpu->run_state, ==, CPU_RUN_WAIT_INIT);
  guest_free (g);
}

GUEST_CODE (
    gate_user, ".code32",
    "  push $0x11\n push $0x22\n lcall $0x48, $0\n mov %eax, 0xd000\n mov %esp, 0xd004\n int $0x20\n");
GUEST_CODE (gate_kernel, ".code32", "  mov 8(%esp), %eax\n shl $8, %eax\n or 12(%esp), %eax\n lret $8\n");

/* From ring 3 through a call gate with two parameters and back. */
static void
test_call_gate (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 3, FALSE);
  guest_set (g, GDT + FREE_SEL, (0xc000 & 0xffff) | (uint64_t)CS32 << 16 | (uint64_t)0xec02 << 32, 8);
  GUEST_LOAD (g, CODE, gate_user);
  GUEST_LOAD (g, 0xc000, gate_kernel);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, 0x2211);
  g_assert_cmphex (guest_get (g, 0xd004, 4), ==, STACK3);
  guest_free (g);
}

GUEST_CODE (task_a, ".code32",
            "  mov $0x1111, %eax\n lcall $0x48, $0\n mov %eax, 0xd000\n mov %ebx, 0xd004\n int $0x20\n");
GUEST_CODE (
    task_b, ".code32",
    "  mov %eax, 0xd008\n str %ax\n mov %ax, 0xd00c\n pushf\n pop 0xd010\n mov $0x9999, %eax\n iret\n");

static void
test_task_switch (void)
{
  const uint32_t tss2 = TSS + 0x400;
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_set (g, GDT + FREE_SEL, guest_descriptor (tss2, 0x67, 0x89), 8);
  guest_set (g, tss2 + 0x20, 0xc000, 4);
  guest_set (g, tss2 + 0x24, 2, 4);
  guest_set (g, tss2 + 0x28, 0x7777, 4);
  guest_set (g, tss2 + 0x38, 0x7000, 4);
  for (unsigned i = 0; i < 6; i++)
    guest_set (g, tss2 + 0x48 + i * 4, i == CPU_CS ? CS32 : DS32, 4);
  GUEST_LOAD (g, CODE, task_a);
  GUEST_LOAD (g, 0xc000, task_b);
  s.gpr[CPU_RBX] = 0x4242;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  g_assert_cmphex (guest_get (g, 0xd008, 4), ==, 0x7777);
  g_assert_cmphex (guest_get (g, 0xd00c, 2), ==, FREE_SEL);
  g_assert_cmphex (guest_get (g, 0xd010, 4) & FLAG_NT, ==, FLAG_NT);
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, 0x1111);
  g_assert_cmphex (guest_get (g, 0xd004, 4), ==, 0x4242);
  g_assert_cmphex (guest_get (g, tss2, 2), ==, TSS_SEL);
  /* Not busy any more; the first is. */
  g_assert_cmphex (guest_get (g, GDT + FREE_SEL + 5, 1), ==, 0x89);
  g_assert_cmphex (guest_get (g, GDT + TSS_SEL + 5, 1), ==, 0x8b);
  g_assert_cmphex (g->cpu->cr0 & CR0_TS, ==, CR0_TS);
  guest_free (g);
}

GUEST_CODE (v86, ".code16", "  mov $0x1234, %ax\n mov %ax, %ds\n mov $0x55, %al\n mov %al, 0\n int $0x30\n");
GUEST_CODE (
    enter_v86, ".code32",
    "  push $0\n push $0\n push $0\n push $0\n push $0x0900\n push $0x100\n push $0x20002\n push $0x0b80\n push $0\n"
    "  iret\n");

static void
test_v86 (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, enter_v86);
  GUEST_LOAD (g, 0xb800, v86);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 1000));
  /* INT with IOPL 0 is for the monitor. */
  g_assert_cmpuint (guest_vector (g), ==, EXC_GP);
  g_assert_cmphex (guest_get (g, 0x12340, 1), ==, 0x55);
  g_assert_cmphex (g->cpu->segment[CPU_FS].selector, ==, 0);
  /* GS, FS, DS, ES, SS, ESP, EFLAGS … */
  g_assert_cmphex (guest_get (g, STACK0 - 4 * 3, 2), ==, 0x1234);
  g_assert_cmphex (guest_get (g, STACK0 - 4 * 5, 2), ==, 0x900);
  g_assert_cmphex (guest_get (g, STACK0 - 4 * 7, 4) & FLAG_VM, ==, FLAG_VM);
  guest_free (g);
}

GUEST_CODE (fast_user, ".code64",
            "  mov $7, %eax\n syscall\n mov %rax, 0xd000\n mov %cs, 0xd008\n int $0x20\n");
GUEST_CODE (fast_kernel, ".code64", "  swapgs\n mov %gs:0, %rax\n swapgs\n sysretq\n");

static void
test_syscall (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 64, 3, TRUE);
  guest_set (g, GDT + 0x10 + 0x10, guest_descriptor (0, 0xfffff, 0xcfb), 8);
  GUEST_LOAD (g, CODE, fast_user);
  GUEST_LOAD (g, 0xc000, fast_kernel);
  guest_set (g, 0xd100, 0x1122334455667788, 8);
  guest_start (g, &s);
  /* SYSCALL: CS 0x18, SS 0x20.  SYSRET to 64 bits: SS 0x23 + 8, CS 0x23 + 16. */
  g->cpu->msr.star = (uint64_t)0x23 << 48 | (uint64_t)CS64 << 32;
  g->cpu->msr.lstar = 0xc000;
  g->cpu->msr.fmask = FLAG_IF;
  g->cpu->msr.kernel_gs_base = 0xd100;
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  g_assert_cmphex (guest_get (g, 0xd000, 8), ==, 0x1122334455667788);
  g_assert_cmphex (guest_get (g, 0xd008, 2), ==, 0x33);
  guest_free (g);
}

GUEST_CODE (
    touch, ".code32",
    "mov 0x201000, %eax\n int $0x20\n  mov 0x202000, %eax\n int $0x20\n  movl $1, 0x202000\n int $0x20\n");

/* Bits that the processor sets in a page table are writes of the guest: the dirty log has them, each time. */
static void
test_tables_dirty (void)
{
  static const struct
  {
    uint32_t rip, page;
    uint64_t bits;
  } steps[] = { { CODE, 0x201, 0x20 }, { CODE + 7, 0x202, 0x20 }, { CODE + 14, 0x202, 0x60 } };
  const uint32_t table = TABLES + 0x1000;
  uint64_t bitmap[GUEST_RAM / GUEST_PAGE_SIZE / 64];
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, TRUE);
  GUEST_LOAD (g, CODE, touch);
  region_set_dirty_log (g->region, DIRTY_MIGRATION, TRUE);
  for (unsigned i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      uint32_t entry = table + steps[i].page * 4;

      s.rip = steps[i].rip;
      guest_start (g, &s);
      region_take_dirty (g->region, DIRTY_MIGRATION, 0, GUEST_RAM / GUEST_PAGE_SIZE, bitmap);
      g_assert_true (guest_run (g, 100));
      g_assert_cmpuint (guest_vector (g), ==, 0x20);
      g_assert_cmphex (guest_get (g, entry, 4) & 0x60, ==, steps[i].bits);
      region_take_dirty (g->region, DIRTY_MIGRATION, 0, GUEST_RAM / GUEST_PAGE_SIZE, bitmap);
      g_assert_cmphex (bitmap[(entry >> 12) / 64] >> ((entry >> 12) % 64) & 1, ==, 1);
    }
  guest_free (g);
}

/* With a 16-bit stack segment only the addresses of the stack are cut: what an instruction makes of ESP keeps the upper half. */
GUEST_CODE (short_enter, ".code32", "  mov $0x12345678, %ebp\n enter $36, $4\n cli\n hlt\n");

static void
test_short_stack (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, short_enter);
  guest_segment (&s, CPU_SS, DS32, 0xffffffff, 0x893);
  s.gpr[CPU_RSP] = 0x10000;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmphex (g->cpu->reg[CPU_RBP], ==, 0x1fffc);
  g_assert_cmphex (g->cpu->reg[CPU_RSP], ==, 0x1ffc8);
  g_assert_cmphex (guest_get (g, 0xfffc, 4), ==, 0x12345678);
  g_assert_cmphex (guest_get (g, 0xffec, 4), ==, 0x1fffc); /* the fourth level's frame */
  guest_free (g);
}

/* -- Code that changes ---------------------------------------------------------------------------------------------- */

GUEST_CODE (smc, ".code64",
            "  mov $1000, %ecx\n xor %ebx, %ebx\n"
            "1: mov %cl, 2f+1(%rip)\n" /* the immediate of the next instruction */
            "2: mov $0, %al\n movzbl %al, %eax\n add %eax, %ebx\n"
            "  dec %ecx\n jnz 1b\n"
            "  mov %ebx, 0xd000\n int $0x20\n");

static void
test_self_modifying (void)
{
  Guest *g = guest_new (1);
  CpuState s;
  uint32_t sum = 0;

  guest_state (g, &s, 64, 0, TRUE);
  GUEST_LOAD (g, CODE, smc);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100000));
  for (unsigned i = 1; i <= 1000; i++)
    sum += i & 0xff;
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, sum);
  guest_free (g);
}

/* What a device writes is run, even if the same address was run before. */
static void
test_written_code (void)
{
  static const uint8_t one[] = { 0xb8, 1, 0, 0, 0, 0xcd, 0x20 }, two[] = { 0xb8, 2, 0, 0, 0, 0xcd, 0x20 };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_put (g, CODE, one, sizeof one);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (g->cpu->reg[CPU_RAX], ==, 1);
  g_assert_true (address_space_write_memory (g->vm->memory, CODE, two, sizeof two));
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (g->cpu->reg[CPU_RAX], ==, 2);
  guest_free (g);
}

/* A device that copies code at the guest's word: port 0x90 takes the byte that the routine at 0xc000 is to return. */
static void
on_copy_port (void *opaque, uint64_t addr G_GNUC_UNUSED, uint64_t value, unsigned size G_GNUC_UNUSED)
{
  Guest *g = opaque;
  const uint8_t routine[] = { 0xb0, (uint8_t)value, 0xc3 }; /* mov $value, %al; ret */

  g_assert_true (address_space_write_memory (g->vm->memory, 0xc000, routine, sizeof routine));
}

GUEST_CODE (copied, ".code32",
            "  xor %ebx, %ebx\n mov $8, %ecx\n"
            "1: mov %cl, %al\n out %al, $0x90\n"
            "  mov $0xc000, %edx\n call *%edx\n"
            "  shl $4, %ebx\n movzbl %al, %eax\n or %eax, %ebx\n"
            "  dec %ecx\n jnz 1b\n"
            "  mov %ebx, 0xd000\n cli\n hlt\n");

/* DMA that the processor's own thread carries out, within a register's write, is seen as any other. */
static void
test_own_dma (void)
{
  static const IoOps ops = { .read = guest_port_read, .write = on_copy_port };
  Guest *g = guest_new (1);
  SoftEngine *engine = (SoftEngine *)g->engine;
  g_autoptr (Region) port = region_new_io ("copier", 1, &ops, g);
  CpuState s;

  vm_lock (g->vm);
  address_space_map (g->vm->ports, port, 0x90, 0, 1, 0);
  vm_unlock (g->vm);
  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, copied);
  guest_start (g, &s);
  g->vm->processor->resume (g->vm->processor_opaque);
  while (!soft_run_sleeps (engine->cpus[0]))
    g_usleep (1000);
  g->vm->processor->pause (g->vm->processor_opaque);
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, 0x87654321);
  guest_free (g);
}

/* The same instruction at every place around a page's end. */
static void
test_straddle (void)
{
  static const uint8_t code[] = { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0xcd, 0x20 };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 64, 0, TRUE);
  for (unsigned i = 0; i < 14; i++)
    for (unsigned again = 0; again < 2; again++)
      {
        s.rip = 0x301000 - i;
        guest_put (g, 0x301000 - i, code, sizeof code);
        guest_set (g, 0x301000 - i + 9, again + 1, 1);
        guest_start (g, &s);
        g_assert_true (guest_run (g, 100));
        g_assert_cmphex (g->cpu->reg[CPU_RAX], ==, 0x0007060504030201 | (uint64_t)(again + 1) << 56);
      }
  /* A fetch from the second page that faults names that page. */
  guest_set (g, TABLES + 0x3000 + 0x301 * 8, 0, 8);
  s.rip = 0x300ffc;
  guest_put (g, 0x300ffc, code, sizeof code);
  guest_set (g, DATA - 16, 0xff, 1);
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_PF);
  g_assert_cmphex (g->cpu->cr2, ==, 0x301000);
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP] + 8, 8), ==, 0x300ffc);
  guest_free (g);
}

/* -- Debug registers and single step ---------------------------------------------------------------------------------- */

static void
test_debug (void)
{
  static const uint8_t code[]
      = { 0x90, 0x40, 0xa3, 0x00, 0xd0, 0x00, 0x00, 0x40, 0xcd, 0x20 }; /* nop; inc; mov [d000]; inc */
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_put (g, CODE, code, sizeof code);
  /* Single step: after the first instruction. */
  s.rflags = 2 | FLAG_TF;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP], 4), ==, CODE + 1);
  g_assert_cmphex (g->cpu->dr[6] & 0x4000, ==, 0x4000);
  /* An instruction breakpoint comes before it; RF lets it pass. */
  for (unsigned rf = 0; rf < 2; rf++)
    {
      s.rflags = 2 | (rf ? FLAG_RF : 0);
      s.rip = CODE + 1;
      s.dr[0] = CODE + 1;
      s.dr[7] = 0x401;
      guest_start (g, &s);
      g_assert_true (guest_run (g, 100));
      g_assert_cmpuint (guest_vector (g), ==, rf ? 0x20 : EXC_DB);
      g_assert_cmpuint (g->cpu->reg[CPU_RAX], ==, rf ? 2 : 0);
    }
  /* A data breakpoint is a trap behind the store. */
  s.rflags = 2;
  s.rip = CODE;
  s.dr[0] = 0xd002;
  s.dr[7] = 0x10401; /* one byte, writes */
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, EXC_DB);
  g_assert_cmphex (guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP], 4), ==, CODE + 7);
  g_assert_cmphex (g->cpu->dr[6] & 15, ==, 1);
  guest_free (g);
}

/* -- Interrupts and the local APIC -------------------------------------------------------------------------------------- */

static void
apic_write (Guest *g, unsigned reg, uint32_t value)
{
  soft_apic_mmio_write (g->cpu, reg << 4, value, 4);
}

static void
test_interrupts (void)
{
  /* sti; mov ecx, 100000; 1: loop 1b; int 0x2f */
  static const uint8_t code[] = { 0xfb, 0xb9, 0xa0, 0x86, 0x01, 0x00, 0xe2, 0xfe, 0xcd, 0x2f };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_put (g, CODE, code, sizeof code);
  guest_start (g, &s);
  apic_write (g, 0x0f, 0x1ff);
  /* By message: vector 0x24, level, so that EOI is told. */
  g->vm->processor->msi (g->vm->processor_opaque, 0xfee00000, 0x8024 | 0x4000);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, 0x24);
  g_assert_cmpuint (g->eois[0x24], ==, 0);
  apic_write (g, 0x0b, 0);
  g_assert_cmpuint (g->eois[0x24], ==, 1);
  /* Not while the task priority is as high. */
  guest_start (g, &s);
  apic_write (g, 0x0f, 0x1ff);
  apic_write (g, 0x08, 0x20);
  g->vm->processor->msi (g->vm->processor_opaque, 0xfee00000, 0x24);
  g_assert_true (guest_run (g, 1000000));
  g_assert_cmpuint (guest_vector (g), ==, 0x2f);
  /* The 8259's line, with its own acknowledge. */
  guest_start (g, &s);
  g->vector = 0x28;
  g->vm->processor->set_intr (g->vm->processor_opaque, TRUE);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, 0x28);
  /* NMI doesn't ask for IF. */
  s.rip = CODE + 1;
  guest_start (g, &s);
  g->cpu->apic->lvt[5] = 0x400;
  g->vm->processor->nmi (g->vm->processor_opaque);
  g_assert_true (guest_run (g, 1000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_NMI);
  g_assert_true (g->cpu->nmi_masked);
  guest_free (g);
}

static void
test_apic_timer (void)
{
  static const uint8_t code[] = { 0xfb, 0xf4, 0xeb, 0xfd };
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_put (g, CODE, code, sizeof code);
  guest_start (g, &s);
  apic_write (g, 0x0f, 0x1ff);
  apic_write (g, 0x3e, 0xb);     /* by 1 */
  apic_write (g, 0x32, 0x20025); /* periodic, vector 0x25 */
  apic_write (g, 0x38, 1000000);
  guest_run (g, 100);
  g_assert_cmpuint (guest_vector (g), ==, 0xff);
  g_assert_false (soft_cpu_runnable (g->cpu));
  vm_lock (g->vm);
  vm_clock_start (g->vm->clock);
  vm_clock_advance (g->vm->clock, 400000);
  vm_unlock (g->vm);
  g_assert_cmpuint (soft_apic_mmio_read (g->cpu, 0x390, 4), ==, 600000);
  g_assert_false (soft_cpu_runnable (g->cpu));
  vm_lock (g->vm);
  vm_clock_advance (g->vm->clock, 600000);
  vm_unlock (g->vm);
  g_assert_true (guest_run (g, 100));
  g_assert_cmpuint (guest_vector (g), ==, 0x25);
  guest_free (g);
}

GUEST_CODE (ap, ".code16", "  movw $0x600d, %cs:0x0e00\n 1: hlt\n jmp 1b\n");

static void
test_second_processor (void)
{
  static const uint8_t wait[]
      = { 0x66, 0x81, 0x3d, 0x00, 0x8e, 0x00, 0x00, 0x0d, 0x60, 0x75, 0xf5, 0xcd, 0x20 };
  Guest *g = guest_new (2);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  guest_put (g, CODE, wait, sizeof wait); /* 1: cmpw $0x600d, 0x8e00; jne 1b */
  guest_set (g, 0x8000, 0, 2);
  GUEST_LOAD (g, 0x8000, ap);
  s.gpr[CPU_RSP] = 0x7000;
  guest_start (g, &s);
  apic_write (g, 0x0f, 0x1ff);
  apic_write (g, 0x31, 1 << 24);
  apic_write (g, 0x30, 0x4500); /* INIT */
  apic_write (g, 0x30, 0x4608); /* start-up at 0x8000 */
  g_assert_true (guest_run (g, 1000000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  g_assert_cmpuint (((SoftEngine *)g->engine)->cpus[1]->run_state, ==, CPU_RUN_HALTED);
  guest_free (g);
}

/* -- Saved state ------------------------------------------------------------------------------------------------------------ */

static void
test_save_load (void)
{
  /* A long computation, cut at an odd place. */
  static const uint8_t code[]
      = { 0xb9, 0x40, 0x42, 0x0f, 0x00, 0x31, 0xc0, 0x31, 0xd2,             /* mov ecx, 1000000 */
          0x69, 0xc0, 0x0d, 0x66, 0x19, 0x00, 0x05, 0x5f, 0xf3, 0x6e, 0x3c, /* eax = eax * k + c */
          0x01, 0xc2, 0xe2, 0xf1, 0x89, 0x15, 0x00, 0xd0, 0x00, 0x00, 0xcd, 0x20 };
  Guest *g = guest_new (1), *other = guest_new (1);
  g_autofree CpuState *half = g_new0 (CpuState, 1);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  CpuState s;

  guest_state (g, &s, 32, 0, TRUE);
  guest_put (g, CODE, code, sizeof code);
  guest_start (g, &s);
  g_assert_false (guest_run (g, 1234567));
  g->vm->processor->save (g->vm->processor_opaque, 0, bytes);
  memcpy (other->ram, g->ram, GUEST_RAM);
  g_assert_true (
      other->vm->processor->load (other->vm->processor_opaque, 0, bytes->data, bytes->len, &error));
  g_assert_no_error (error);
  soft_engine_class.get_state (other->engine, 0, half);
  g_assert_cmphex (half->rip, >=, CODE);
  g_assert_true (guest_run (g, 10000000));
  g_assert_true (guest_run (other, 10000000));
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, guest_get (other, 0xd000, 4));
  g_assert_cmphex (guest_get (g, 0xd000, 4), !=, 0);
  /* Every byte flipped: refused or harmless. */
  for (unsigned i = 0; i < bytes->len; i += 37)
    {
      bytes->data[i] ^= 0xff;
      if (other->vm->processor->load (other->vm->processor_opaque, 0, bytes->data, bytes->len, NULL))
        guest_run (other, 3000);
      bytes->data[i] ^= 0xff;
    }
  guest_free (other);
  guest_free (g);
}

/* Changes that make of a running processor's state one that no processor is in, or that this one would go on from without what the guest
 * has switched on. */
static void
test_impossible_state (void)
{
  static const struct
  {
    unsigned bits;
    size_t field; /* a uint64_t of CpuState */
    uint64_t clear, set;
    const char *words;
  } cases[] = {
    { 32, G_STRUCT_OFFSET (CpuState, cr0), CR0_PE, 0, "paging without protection" },
    { 32, G_STRUCT_OFFSET (CpuState, cr0), 0, 1ULL << 32, "reserved control register bits" },
    { 32, G_STRUCT_OFFSET (CpuState, cr4), 0, 1ULL << 40, "reserved control register bits" },
    { 64, G_STRUCT_OFFSET (CpuState, cr4), CR4_PAE, 0, "long mode without PAE" },
    /* The file doesn't say LMA, but it follows. */
    { 32, G_STRUCT_OFFSET (CpuState, efer), 0, EFER_LME, "long mode without PAE" },
    { 64, G_STRUCT_OFFSET (CpuState, rflags), 0, FLAG_VM, "virtual 8086 mode in long mode" },
    { 64, G_STRUCT_OFFSET (CpuState, cr4), 0, 1 << 12, "CR4 bits 0x1000" }, /* five levels of tables */
    { 64, G_STRUCT_OFFSET (CpuState, efer), 0, 1 << 12, "EFER bits 0x1000" },
    { 64, G_STRUCT_OFFSET (CpuState, xcr0), 0, 0x200, "XCR0 bits 0x200" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Guest *g = guest_new (1);
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (GError) error = NULL;
      g_autofree CpuState *before = g_new0 (CpuState, 1), *after = g_new0 (CpuState, 1);
      CpuState s;
      uint64_t *field = (uint64_t *)((uint8_t *)&s + cases[i].field);

      guest_state (g, &s, cases[i].bits, 0, TRUE);
      guest_start (g, &s);
      soft_engine_class.get_state (g->engine, 0, before);
      s = *before;
      *field = (*field & ~cases[i].clear) | cases[i].set;
      state_save (cpu_state_fields, &s, bytes);
      g_assert_false (g->vm->processor->load (g->vm->processor_opaque, 0, bytes->data, bytes->len, &error));
      g_assert_nonnull (strstr (error->message, cases[i].words));
      soft_engine_class.get_state (g->engine, 0, after);
      g_assert_cmpmem (before, sizeof *before, after, sizeof *after);
      guest_free (g);
    }
}

/* Any bytes in any mode: no crash. */
static void
test_random (void)
{
  Guest *g = guest_new (1);
  GRand *rand = g_rand_new_with_seed (0x76697661);
  CpuState s;

  for (unsigned i = 0; i < 600; i++)
    {
      static const unsigned modes[] = { 16, 32, 64 };
      unsigned bits = modes[i % 3];

      guest_state (g, &s, bits, bits != 16 && (i & 8) != 0 ? 3 : 0, bits == 64 || (i & 4) != 0);
      for (unsigned k = 0; k < 512; k++)
        guest_set (g, CODE + k * 4, g_rand_int (rand), 4);
      for (unsigned k = 0; k < 16; k++)
        if (k != CPU_RSP)
          s.gpr[k] = g_rand_boolean (rand) ? g_rand_int (rand) : g_rand_int_range (rand, 0, 0x10000);
      guest_start (g, &s);
      guest_run (g, 2000);
      soft_engine_class.get_state (g->engine, 0, &s);
    }
  g_rand_free (rand);
  guest_free (g);
}

/* -- Code that moves and changes -------------------------------------------------------------------------------------- */

/* A function in a page of its own is called often, from one place directly and from another through a register; then another page is put in
 * its place in the way that R14 tells, then the first one again; then it is overwritten.  R15 gets each round's sum in its own byte.  At the end an instruction is
 * changed by the one before. */
GUEST_CODE (moving, ".code64",
            "0:\tcall 7f\n\t"
            "mov %r8, (%rdi)\n\t"
            "call 8f\n\t"
            "call 7f\n\t"
            "mov %r9, (%rdi)\n\t"
            "call 8f\n\t"
            "call 7f\n\t"
            "movl $9, 0xe001\n\t"
            "call 7f\n\t"
            "mov $20, %ecx\n"
            "1:\tmov %ecx, 0xb000 + (2f - 0b) + 1\n"
            "2:\tmov $0, %eax\n\t"
            "add %rax, %r12\n\t"
            "dec %ecx\n\t"
            "jnz 1b\n\t"
            "hlt\n"
            /* One round. */
            "7:\tmov $100, %ecx\n\t"
            "xor %ebx, %ebx\n"
            "3:\t.byte 0xe8\n\t"
            ".long 0x3000 - (4f - 0b)\n"
            "4:\tadd %eax, %ebx\n\t"
            "mov $0xe000, %edx\n\t"
            "call *%rdx\n\t"
            "add %eax, %ebx\n\t"
            "dec %ecx\n\t"
            "jnz 3b\n\t"
            "shl $16, %r15\n\t"
            "add %rbx, %r15\n\t"
            "ret\n"
            /* Forget the old page. */
            "8:\ttest %r14, %r14\n\t"
            "jz 5f\n\t"
            "invlpg 0xe000\n\t"
            "ret\n"
            "5:\tmov %cr3, %rax\n\t"
            "mov %rax, %cr3\n\t"
            "ret");

typedef struct
{
  SoftCpu *cpu;
  gint quit;
} Attention;

/* Somebody wants something all the time. */
static gpointer
attention_thread (gpointer data)
{
  Attention *attention = data;

  while (g_atomic_int_get (&attention->quit) == 0)
    {
      g_usleep (20);
      soft_attend (attention->cpu, SOFT_ATTENTION_YIELD);
    }
  return NULL;
}

static void
test_moving_code (void)
{
  static const uint8_t one[] = { 0xb8, 1, 0, 0, 0, 0xc3 }, two[] = { 0xb8, 2, 0, 0, 0, 0xc3 };
  static const int64_t budgets[] = { 1, 3, 10, 64, 100000, 0 };

  for (unsigned how = 0; how < 4 * G_N_ELEMENTS (budgets); how++)
    {
      int64_t budget = budgets[how / 4];
      gboolean invlpg = (how & 1) != 0, global = (how & 3) == 3;
      Guest *g = guest_new (1);
      Attention attention = { .cpu = g->cpu };
      GThread *thread = NULL;
      CpuState s;

      guest_state (g, &s, 64, 0, TRUE);
      GUEST_LOAD (g, CODE, moving);
      guest_put (g, 0xe000, one, sizeof one);
      guest_put (g, 0xf000, two, sizeof two);
      if (global)
        s.cr4 |= CR4_PGE;
      s.gpr[CPU_RDI] = TABLES + 0x3000 + 0xe * 8;
      s.gpr[CPU_R8] = 0xf000 | 7 | (global ? 0x100 : 0);
      s.gpr[CPU_R9] = 0xe000 | 7 | (global ? 0x100 : 0);
      s.gpr[CPU_R14] = invlpg;
      guest_set (g, TABLES + 0x3000 + 0xe * 8, s.gpr[CPU_R9], 8);
      guest_start (g, &s);
      if (budget == 0)
        {
          /* Turns that end by attention alone. */
          soft_cpu_set_counting (g->cpu, FALSE);
          thread = g_thread_new ("attention", attention_thread, &attention);
          budget = 100000;
        }
      for (unsigned turns = 0; turns < 1000000 && g->cpu->run_state == CPU_RUN_RUNNING; turns++)
        soft_cpu_run (g->cpu, budget);
      g_atomic_int_set (&attention.quit, 1);
      if (thread != NULL)
        g_thread_join (thread);
      g_assert_cmpuint (g->cpu->run_state, ==, CPU_RUN_HALTED);
      g_assert_cmphex (g->cpu->reg[CPU_R15], ==, 0x00c8019000c80708);
      g_assert_cmpuint (g->cpu->reg[CPU_R12], ==, 210);
      guest_free (g);
    }
}

/* -- Speed: with -m perf ------------------------------------------------------------------------------------------------------ */

GUEST_CODE (mixed, ".code64",
            "  mov $20000000, %ecx\n mov $0xd000, %ebx\n xor %eax, %eax\n mov $0x1234567, %edx\n"
            "1: add %rdx, %rax\n xor %rax, %rdx\n mov %eax, (%rbx)\n shr $3, %rdx\n add (%rbx), %edx\n"
            "  lea 5(%rax,%rdx,2), %rsi\n cmp $100, %esi\n jb 2f\n add $7, %rdx\n"
            "2: dec %ecx\n jnz 1b\n int $0x20\n");
GUEST_CODE (
    loads, ".code64",
    "  mov $20000000, %ecx\n mov $0xd000, %ebx\n"
    "1: mov (%rbx), %rax\n mov 8(%rbx), %rdx\n mov 16(%rbx), %rsi\n mov 24(%rbx,%rax), %rdi\n add 32(%rbx), %rdi\n"
    "  dec %ecx\n jnz 1b\n int $0x20\n");
/* Each load walks the page tables. */
GUEST_CODE (misses, ".code64",
            "  mov $2000000, %ecx\n mov $0xd000, %ebx\n"
            "1: invlpg (%rbx)\n mov (%rbx), %rax\n dec %ecx\n jnz 1b\n int $0x20\n");

static void
test_speed (void)
{
  static const struct
  {
    const char *name;
    const uint8_t *code;
    const uint8_t *end;
  } loops[] = { { "mixed", mixed_code, mixed_end },
                { "loads", loads_code, loads_end },
                { "misses", misses_code, misses_end } };
  Guest *g;
  CpuState s;

  if (!g_test_perf ())
    {
      g_test_skip ("only with -m perf");
      return;
    }
  g = guest_new (1);
  for (unsigned i = 0; i < G_N_ELEMENTS (loops); i++)
    {
      uint64_t before = g->cpu->instructions;
      clock_t start;

      guest_state (g, &s, 64, 0, TRUE);
      memset (g->ram + 0xd000, 0, 64);
      guest_put (g, CODE, loops[i].code, (size_t)(loops[i].end - loops[i].code));
      guest_start (g, &s);
      start = clock ();
      g_assert_true (guest_run (g, INT64_C (1) << 40));
      g_test_message ("%s: %.0f million instructions a second", loops[i].name,
                      (double)(g->cpu->instructions - before) / ((double)(clock () - start) / CLOCKS_PER_SEC)
                          / 1e6);
    }
  guest_free (g);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/soft/real", test_real);
  g_test_add_func ("/soft/faults", test_faults);
  g_test_add_func ("/soft/ring3", test_ring3);
  g_test_add_func ("/soft/double-fault", test_double_fault);
  g_test_add_func ("/soft/paging", test_paging);
  g_test_add_func ("/soft/large-pages", test_large_pages);
  g_test_add_func ("/soft/rep-fault", test_rep_fault);
  g_test_add_func ("/soft/split-store", test_split_store);
  g_test_add_func ("/soft/limits", test_limits);
  g_test_add_func ("/soft/call-gate", test_call_gate);
  g_test_add_func ("/soft/task-switch", test_task_switch);
  g_test_add_func ("/soft/v86", test_v86);
  g_test_add_func ("/soft/syscall", test_syscall);
  g_test_add_func ("/soft/short-stack", test_short_stack);
  g_test_add_func ("/soft/self-modifying", test_self_modifying);
  g_test_add_func ("/soft/own-dma", test_own_dma);
  g_test_add_func ("/soft/tables-dirty", test_tables_dirty);
  g_test_add_func ("/soft/written-code", test_written_code);
  g_test_add_func ("/soft/straddle", test_straddle);
  g_test_add_func ("/soft/debug", test_debug);
  g_test_add_func ("/soft/interrupts", test_interrupts);
  g_test_add_func ("/soft/apic-timer", test_apic_timer);
  g_test_add_func ("/soft/second-processor", test_second_processor);
  g_test_add_func ("/soft/save-load", test_save_load);
  g_test_add_func ("/soft/impossible-state", test_impossible_state);
  g_test_add_func ("/soft/random", test_random);
  g_test_add_func ("/soft/moving-code", test_moving_code);
  g_test_add_func ("/soft/speed", test_speed);
  return g_test_run ();
}
