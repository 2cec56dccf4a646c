/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Large pages that are mapped one to one, where the translator's loads look at no translation buffer: whatever ends that.
 */
#include "tests/unit/cpu/soft-guest.h"

enum
{
  DIRECTORY = TABLES + 0x2000,
  FIRST = 0x600000,
  SECOND = 0x800000,
  LARGE = 0xe3, /* present, writable, accessed, dirty, 2 MiB */
  ACCESSED = 0x20,
};

/* RBX: where to load; RDI: the entry of the directory, R8: what to change of it each round, R14: how it is told to the processor.  RSI: the sum
 * of what was loaded, R15: how often the entry was marked as accessed by the load. */
GUEST_CODE (remap, ".code64",
            "  mov $200, %ecx\n xor %esi, %esi\n xor %r15d, %r15d\n"
            "1: mov (%rbx), %rax\n mov 8(%rbx), %rdx\n add %rax, %rsi\n add %rdx, %rsi\n"
            "  mov (%rdi), %rax\n shr $5, %eax\n and $1, %eax\n add %rax, %r15\n"
            "  xor %r8, (%rdi)\n"
            "  cmp $0, %r14d\n jne 2f\n invlpg (%rbx)\n jmp 9f\n"
            "2: cmp $1, %r14d\n jne 3f\n invlpg 0x123000(%rbx)\n jmp 9f\n"
            "3: cmp $2, %r14d\n jne 4f\n mov %cr3, %rax\n mov %rax, %cr3\n jmp 9f\n"
            "4: cmp $3, %r14d\n jne 5f\n mov %cr4, %rax\n xor $0x80, %eax\n mov %rax, %cr4\n jmp 9f\n"
            "5: mov %cr0, %rax\n xor $0x10000, %eax\n mov %rax, %cr0\n"
            "9: dec %ecx\n jnz 1b\n"
            "  mov %rsi, 0xd000\n mov %r15, 0xd008\n int $0x20\n");

/* There is a gap between code and data, so that both have a window. */
static gboolean apart;

static void
large_pages (Guest *g, CpuState *s)
{
  guest_state (g, s, 64, 0, TRUE);
  guest_large_pages (g);
  if (apart)
    guest_set (g, DIRECTORY + 8, 0, 8);
}

static gboolean
translates (Guest *g)
{
  return g->cpu->translator != NULL;
}

static void
test_remap (void)
{
  for (unsigned how = 0; how < 5; how++)
    for (unsigned global = 0; global < 2; global++)
      {
        Guest *g;
        CpuState s;

        /* A load of CR3 spares global pages. */
        if (how == 2 && global != 0)
          continue;
        g = guest_new (1);
        large_pages (g, &s);
        GUEST_LOAD (g, CODE, remap);
        guest_set (g, FIRST, 1, 8);
        guest_set (g, FIRST + 8, 0x10, 8);
        guest_set (g, SECOND, 2, 8);
        guest_set (g, SECOND + 8, 0x20, 8);
        s.gpr[CPU_RBX] = FIRST;
        s.gpr[CPU_RDI] = DIRECTORY + 3 * 8;
        s.gpr[CPU_R8] = FIRST ^ SECOND;
        s.gpr[CPU_R14] = how;
        if (global)
          {
            s.cr4 |= CR4_PGE;
            for (unsigned i = 0; i < 8; i++)
              guest_set (g, DIRECTORY + i * 8, guest_get (g, DIRECTORY + i * 8, 8) | 0x100, 8);
          }
        guest_start (g, &s);
        g_assert_true (guest_run (g, 100000));
        g_assert_cmpuint (guest_vector (g), ==, 0x20);
        g_assert_cmphex (guest_get (g, 0xd000, 8), ==, 100 * 0x33);
        g_assert_cmpuint (guest_get (g, 0xd008, 8), ==, 200);
        guest_free (g);
      }
}

/* Without the bit that says so a page has to be marked by the load. */
static void
test_accessed (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  large_pages (g, &s);
  GUEST_LOAD (g, CODE, remap);
  guest_set (g, DIRECTORY + 3 * 8, FIRST | (LARGE & ~ACCESSED), 8);
  s.gpr[CPU_RBX] = FIRST;
  s.gpr[CPU_RDI] = DIRECTORY + 3 * 8;
  s.gpr[CPU_R8] = ACCESSED;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  g_assert_cmpuint (guest_get (g, 0xd008, 8), ==, 200);
  guest_free (g);
}

/* It goes away in the middle of the loop. */
GUEST_CODE (
    vanish, ".code64",
    "  mov $100, %ecx\n xor %esi, %esi\n"
    "1: mov (%rbx), %rax\n add %rax, %rsi\n cmp $40, %ecx\n jne 2f\n movq $0, (%rdi)\n invlpg (%rbx)\n"
    "2: dec %ecx\n jnz 1b\n int $0x20\n");

static void
test_vanish (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  large_pages (g, &s);
  GUEST_LOAD (g, CODE, vanish);
  guest_set (g, FIRST + 0x20, 3, 8);
  s.gpr[CPU_RBX] = FIRST + 0x20;
  s.gpr[CPU_RDI] = DIRECTORY + 3 * 8;
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100000));
  g_assert_cmpuint (guest_vector (g), ==, EXC_PF);
  g_assert_cmphex (g->cpu->cr2, ==, FIRST + 0x20);
  g_assert_cmpuint (g->cpu->reg[CPU_RCX], ==, 39);
  g_assert_cmpuint (g->cpu->reg[CPU_RSI], ==, 61 * 3);
  guest_free (g);
}

/* From inside RAM over its end and back, and to addresses that are none. */
GUEST_CODE (
    walk, ".code64",
    "1: mov (%rbx), %rax\n add %rax, %rsi\n mov (%rbx,%r9), %edx\n add %rdx, %rsi\n add %rdi, %rbx\n dec %ecx\n jnz 1b\n"
    "  int $0x20\n");

static void
test_edges (void)
{
  static const struct
  {
    uint64_t start, step;
    unsigned vector, rounds;
  } cases[] = {
    /* The last bytes of RAM; the entry behind it is absent. */
    { GUEST_RAM - 0x800, 8, EXC_PF, 1000 },
    { GUEST_RAM - 0x803, 8, EXC_PF, 1000 },
    { GUEST_RAM - 0x100000, 0x8000, EXC_PF, 100 },
    { GUEST_RAM - 0x2000, 4, EXC_PF, 3000 },
    /* Downwards over 0, which wraps. */
    { 0x200000, (uint64_t)-0x10000, EXC_PF, 1000 },
    { 0x200000, (uint64_t)1 << 63, EXC_GP, 1000 },
    { 0x200000, (uint64_t)1 << 40, EXC_PF, 1000 },
  };

  g_autofree char *mode = g_strdup (g_getenv ("VIVARIUM_SOFT"));

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      uint64_t ends[2][6];

      for (unsigned translated = 0; translated < 2; translated++)
        {
          Guest *g;
          CpuState s;

          g_setenv ("VIVARIUM_SOFT", translated ? "always" : "interpret", TRUE);
          g = guest_new (1);
          large_pages (g, &s);
          GUEST_LOAD (g, CODE, walk);
          for (uint32_t at = 0x100000; at < GUEST_RAM; at += 8)
            if (at < TABLES || at >= TABLES + 0x10000)
              guest_set (g, at, at * 0x9e3779b97f4a7c15ULL, 8);
          /* A warm loop first, then the case. */
          for (unsigned round = 0; round < 2; round++)
            {
              s.gpr[CPU_RBX] = round == 0 ? 0x400000 : cases[i].start;
              s.gpr[CPU_RDI] = round == 0 ? 0 : cases[i].step;
              s.gpr[CPU_RCX] = round == 0 ? 100 : cases[i].rounds;
              s.gpr[CPU_R9] = i;
              guest_start (g, &s);
              g_assert_true (guest_run (g, 100000));
              if (round == 0)
                g_assert_cmpuint (guest_vector (g), ==, 0x20);
            }
          g_assert_cmpuint (guest_vector (g), ==, cases[i].vector);
          ends[translated][0] = g->cpu->cr2;
          ends[translated][1] = g->cpu->reg[CPU_RSI];
          ends[translated][2] = g->cpu->reg[CPU_RBX];
          ends[translated][3] = g->cpu->reg[CPU_RCX];
          ends[translated][4] = guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP] + 8, 8);
          ends[translated][5] = guest_get (g, (uint32_t)g->cpu->reg[CPU_RSP] + 24, 8);
          guest_free (g);
        }
      g_assert_cmpmem (ends[0], sizeof ends[0], ends[1], sizeof ends[1]);
    }
  g_setenv ("VIVARIUM_SOFT", mode != NULL ? mode : "translate", TRUE);
}

/* Without paging: all of RAM, and no further. */
GUEST_CODE (
    flat, ".code32",
    "1: mov (%ebx), %eax\n add %eax, %esi\n mov 4(%ebx), %eax\n add %eax, %esi\n add %edi, %ebx\n dec %ecx\n jnz 1b\n"
    "  mov %esi, 0xd000\n cli\n hlt\n");

static void
test_flat (void)
{
  Guest *g = guest_new (1);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  GUEST_LOAD (g, CODE, flat);
  for (uint32_t i = 0; i < 0x1000; i += 4)
    guest_set (g, GUEST_RAM - 0x1000 + i, i, 4);
  s.gpr[CPU_RBX] = GUEST_RAM - 0x1000;
  s.gpr[CPU_RDI] = 8;
  s.gpr[CPU_RCX] = 0x200 + 2; /* beyond it all ones are read */
  guest_start (g, &s);
  g_assert_true (guest_run (g, 100000));
  g_assert_cmphex (guest_get (g, 0xd000, 4), ==, (uint32_t)(0x400 * 0x3ff * 2 - 4));
  if (translates (g))
    g_assert_cmpuint (g->cpu->load_windows[SOFT_WINDOW_CODE].room, !=, 0);
  guest_free (g);
}

/* Stores through a window, which D, rights, code and logs are to be kept from. */
GUEST_CODE (
    storer, ".code64",
    "  mov $200, %ecx\n xor %r15d, %r15d\n"
    "1: mov %rcx, (%rbx)\n addq $3, 8(%rbx)\n mov (%rdi), %rax\n shr $6, %eax\n and $1, %eax\n add %rax, %r15\n"
    "  xor %r8, (%rdi)\n invlpg (%rbx)\n dec %ecx\n jnz 1b\n"
    "  mov %r15, 0xd008\n int $0x20\n");

static void
test_stores (void)
{
  /* What is changed of the entry each round: nothing, D, where it leads to, G, and what can be written. */
  static const uint64_t changes[] = { 0, 0x40, FIRST ^ SECOND, 0x100, 0x2 };

  for (unsigned i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      Guest *g = guest_new (1);
      CpuState s;

      large_pages (g, &s);
      GUEST_LOAD (g, CODE, storer);
      s.cr0 |= CR0_WP;
      s.gpr[CPU_RBX] = FIRST;
      s.gpr[CPU_RDI] = DIRECTORY + 3 * 8;
      s.gpr[CPU_R8] = changes[i];
      guest_start (g, &s);
      g_assert_true (guest_run (g, 100000));
      if (changes[i] == 2)
        {
          g_assert_cmpuint (guest_vector (g), ==, EXC_PF);
          g_assert_cmphex (g->cpu->cr2, ==, FIRST);
          g_assert_cmpuint (g->cpu->reg[CPU_RCX], ==, 199);
          g_assert_cmpuint (guest_get (g, FIRST, 8), ==, 200);
        }
      else
        {
          g_assert_cmpuint (guest_vector (g), ==, 0x20);
          g_assert_cmpuint (guest_get (g, 0xd008, 8), ==, 200);
          g_assert_cmpuint (guest_get (g, FIRST + 8, 8) + guest_get (g, SECOND + 8, 8), ==, 600);
          g_assert_cmpuint (guest_get (g, SECOND + 8, 8), ==, i == 2 ? 300 : 0);
        }
      guest_free (g);
    }
}

/* Data that becomes code: written again and again, and run each time. */
GUEST_CODE (
    maker, ".code64",
    "  mov $1000, %ecx\n xor %esi, %esi\n"
    "1: movb $0xb0, (%rbx)\n mov %cl, 1(%rbx)\n movb $0xc3, 2(%rbx)\n mov %rcx, 0x1000(%rbx)\n mov %rcx, -0x1000(%rbx)\n"
    "  call *%rbx\n movzbl %al, %eax\n add %eax, %esi\n"
    "  dec %ecx\n jnz 1b\n"
    "  mov %esi, 0xd000\n int $0x20\n");

static void
test_made_code (void)
{
  for (unsigned step = 0; step < 2; step++)
    {
      Guest *g = guest_new (1);
      uint32_t sum = 0;
      CpuState s;

      large_pages (g, &s);
      /* The second time a page further with each round. */
      GUEST_LOAD (g, CODE, maker);
      for (unsigned round = 0; round < (step ? 20 : 1); round++)
        {
          sum = 0;
          s.gpr[CPU_RBX] = 0x401000 + round * 0x1000;
          g->cpu->run_state = CPU_RUN_RUNNING;
          if (round == 0)
            guest_start (g, &s);
          else
            {
              g->cpu->reg[SOFT_REG_RIP] = CODE;
              g->cpu->reg[CPU_RBX] = s.gpr[CPU_RBX];
            }
          g_assert_true (guest_run (g, 100000));
          for (uint32_t i = 1000; i >= 1; i--)
            sum += i & 0xff;
          g_assert_cmphex (guest_get (g, 0xd000, 4), ==, sum);
        }
      guest_free (g);
    }
}

/* A dirty log that goes on while windows are there, and is taken each round. */
GUEST_CODE (logged, ".code64",
            "  mov $100, %ecx\n"
            "1: mov %rcx, (%rbx)\n mov %rcx, 8(%rbx)\n incq (%rsi)\n dec %ecx\n jnz 1b\n int $0x20\n");

static void
test_logged (void)
{
  static const uint32_t places[] = { 0x400000, 0xa00000, 0x600000 };
  uint64_t bitmap[GUEST_RAM / GUEST_PAGE_SIZE / 64];
  Guest *g = guest_new (1);
  CpuState s;

  large_pages (g, &s);
  GUEST_LOAD (g, CODE, logged);
  for (unsigned i = 0; i < 12; i++)
    {
      uint32_t place = places[i % 3];

      if (i == 2 || i == 8)
        {
          /* Whatever was written so far may have been taken as clean before: all that can be written counts. */
          region_set_dirty_log (g->region, DIRTY_MIGRATION, TRUE);
          region_take_dirty (g->region, DIRTY_MIGRATION, 0, GUEST_RAM / GUEST_PAGE_SIZE, bitmap);
          soft_attend (g->cpu, SOFT_ATTENTION_MAP);
        }
      else if (i == 6)
        {
          region_set_dirty_log (g->region, DIRTY_MIGRATION, FALSE);
          soft_attend (g->cpu, SOFT_ATTENTION_MAP);
        }
      if (i == 0)
        guest_start (g, &s);
      g->cpu->reg[SOFT_REG_RIP] = CODE;
      g->cpu->reg[CPU_RBX] = place;
      g->cpu->reg[CPU_RSI] = place + 0x5000;
      g->cpu->run_state = CPU_RUN_RUNNING;
      g_assert_true (guest_run (g, 100000));
      if ((i < 2 || i >= 6) && i < 8)
        continue;
      region_take_dirty (g->region, DIRTY_MIGRATION, 0, GUEST_RAM / GUEST_PAGE_SIZE, bitmap);
      soft_attend (g->cpu, SOFT_ATTENTION_DIRTY);
      for (unsigned k = 0; k < 2; k++)
        {
          uint32_t page = (place + k * 0x5000) >> 12;
          g_assert_cmphex (bitmap[page / 64] >> (page % 64) & 1, ==, 1);
        }
    }
  guest_free (g);
}

/* The log goes on with nothing written since: what a window, or stores beside code, could have written until then is marked. */
static void
test_log_marks (void)
{
  static const uint32_t places[] = { 0x405000, CODE + 0x800 };

  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    {
      uint64_t bitmap[GUEST_RAM / GUEST_PAGE_SIZE / 64];
      const unsigned page = places[i] >> 12;
      Guest *g = guest_new (1);
      CpuState s;

      large_pages (g, &s);
      GUEST_LOAD (g, CODE, logged);
      s.gpr[CPU_RBX] = 0x400000;
      s.gpr[CPU_RSI] = places[i];
      guest_start (g, &s);
      g_assert_true (guest_run (g, 100000));
      region_set_dirty_log (g->region, DIRTY_MIGRATION, TRUE);
      region_take_dirty (g->region, DIRTY_MIGRATION, 0, GUEST_RAM / GUEST_PAGE_SIZE, bitmap);
      soft_attend (g->cpu, SOFT_ATTENTION_MAP);
      g->cpu->run_state = CPU_RUN_RUNNING;
      soft_cpu_run (g->cpu, 1);
      region_take_dirty (g->region, DIRTY_MIGRATION, 0, GUEST_RAM / GUEST_PAGE_SIZE, bitmap);
      g_assert_cmphex (bitmap[0x400 / 64] & 1, ==, 1);
      g_assert_cmphex (bitmap[page / 64] >> (page % 64) & 1, ==, 1);
      guest_free (g);
    }
}

/* Data beside the code that stores it, at both ends of a page and next to the code; 32 bytes at a time, too. */
GUEST_CODE (
    neighbour, ".code64",
    "  mov $1000, %ecx\n lea 0x123456(%rcx), %rax\n movq %rax, %xmm1\n"
    "1: mov %rcx, (%rbx)\n incq (%rdi)\n movb %cl, 7(%rsi)\n movaps %xmm1, 16(%rbx)\n add %ecx, 0x1000(%rbx)\n"
    "  dec %ecx\n jnz 1b\n int $0x20\n");

static void
test_neighbour (void)
{
  const uint32_t behind = CODE + (uint32_t)(neighbour_end - neighbour_code);

  for (unsigned round = 0; round < 2; round++)
    {
      const uint32_t from = round == 0 ? CODE + 0xf00 : (behind + 23) & ~15u;
      Guest *g = guest_new (1);
      CpuState s;

      large_pages (g, &s);
      s.cr4 |= CR4_OSFXSR;
      GUEST_LOAD (g, CODE, neighbour);
      s.gpr[CPU_RBX] = from;
      s.gpr[CPU_RDI] = CODE + 0xff8;
      s.gpr[CPU_RSI] = behind;
      guest_start (g, &s);
      g_assert_true (guest_run (g, 100000));
      g_assert_cmpuint (guest_vector (g), ==, 0x20);
      g_assert_cmpuint (guest_get (g, from, 8), ==, 1);
      g_assert_cmpuint (guest_get (g, CODE + 0xff8, 8), ==, 1000);
      g_assert_cmpuint (guest_get (g, behind + 7, 1), ==, 1);
      g_assert_cmpuint (guest_get (g, from + 16, 8), ==, 0x123456 + 1000);
      g_assert_cmpuint (guest_get (g, from + 0x1000, 4), ==, 500500);
      g_assert_cmpmem (g->ram + CODE, neighbour_end - neighbour_code, neighbour_code,
                       neighbour_end - neighbour_code);
      if (translates (g))
        g_assert_true (g->cpu->any_gap);
      guest_free (g);
    }
}

/* Memory that is mapped when it is first touched, upwards and downwards from the first page: the window grows, until it meets the code's. */
GUEST_CODE (
    grower, ".code64",
    "  xor %esi, %esi\n"
    "1: mov $8, %ecx\n"
    "2: mov (%rbx), %rax\n add %rax, %rsi\n mov %rcx, 0x1000(%rbx)\n add $0x8000, %rbx\n dec %ecx\n jnz 2b\n"
    "  sub $0x40000, %rbx\n add %rdi, %rbx\n dec %edx\n jnz 1b\n int $0x20\n");

static void
test_grows (void)
{
  static const uint32_t pages[] = { 5, 6, 4, 7, 3, 2, 1 };
  Guest *g = guest_new (1);
  CpuState s;
  uint64_t sum = 0;

  large_pages (g, &s);
  GUEST_LOAD (g, CODE, grower);
  for (unsigned i = 1; i < 8; i++)
    guest_set (g, DIRECTORY + i * 8, 0, 8);
  for (unsigned i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      uint32_t at = pages[i] << 21;

      guest_set (g, DIRECTORY + pages[i] * 8, at | LARGE, 8);
      for (unsigned k = 0; k < 8; k++)
        guest_set (g, at + k * 0x8000, i * 100 + k, 8);
      s.gpr[CPU_RBX] = at;
      s.gpr[CPU_RDI] = 0;
      s.gpr[CPU_RDX] = 100;
      if (i == 0)
        guest_start (g, &s);
      g->cpu->reg[SOFT_REG_RIP] = CODE;
      g->cpu->reg[CPU_RBX] = at;
      g->cpu->reg[CPU_RDX] = 100;
      g->cpu->run_state = CPU_RUN_RUNNING;
      g_assert_true (guest_run (g, 100000));
      g_assert_cmpuint (guest_vector (g), ==, 0x20);
      sum = 100 * (8 * i * 100 + 28);
      g_assert_cmpuint (g->cpu->reg[CPU_RSI], ==, sum);
      for (unsigned k = 0; k < 8; k++)
        g_assert_cmpuint (guest_get (g, at + 0x1000 + k * 0x8000, 8), ==, 8 - k);
      if (translates (g))
        g_assert_true (soft_in_window (&g->cpu->load_windows[SOFT_WINDOW_DATA], at)
                       || soft_in_window (&g->cpu->load_windows[SOFT_WINDOW_CODE], at));
    }
  guest_free (g);
}

/* Loads and stores all over the page at RBX. */
GUEST_CODE (
    filler, ".code64",
    "  xor %esi, %esi\n mov $1000, %ecx\n"
    "1: mov (%rbx), %rax\n add %rax, %rsi\n mov %rcx, 8(%rbx)\n addl $1, 16(%rbx)\n movzbl 8(%rbx,%rdi), %edx\n add %rdx, %rsi\n"
    "  lock incq 24(%rbx)\n"
    "  dec %ecx\n jnz 1b\n int $0x20\n");

static void
fill (Guest *g, uint64_t at, const uint8_t *host)
{
  uint64_t words[4], sum = 1000 * 7;

  for (uint32_t i = 1000; i >= 1; i--)
    sum += i & 0xff;
  g->cpu->reg[SOFT_REG_RIP] = CODE;
  g->cpu->reg[CPU_RBX] = at;
  g->cpu->reg[CPU_RDI] = 0;
  g->cpu->run_state = CPU_RUN_RUNNING;
  g_assert_true (guest_run (g, 100000));
  g_assert_cmpuint (guest_vector (g), ==, 0x20);
  memcpy (words, host, sizeof words);
  g_assert_cmpuint (words[0], ==, 7);
  g_assert_cmpuint (words[1], ==, 1);
  g_assert_cmpuint (words[2], ==, 1000);
  g_assert_cmpuint (words[3], ==, 1000);
  g_assert_cmpuint (g->cpu->reg[CPU_RSI], ==, sum);
}

/* RAM of two regions, which are at different distances from where the host has them. */
static void
test_regions (void)
{
  enum
  {
    OTHER = GUEST_RAM, /* 4 MiB there */
    SIZE = 4 << 20,
  };
  static const struct
  {
    uint32_t place;
    gboolean other;
  } rounds[]
      = { { OTHER, TRUE }, { FIRST, FALSE },         { OTHER + 0x201000, TRUE }, { SECOND, FALSE },
          { OTHER, TRUE }, { OTHER + 0x2000, TRUE }, { FIRST + 0x1000, FALSE },  { OTHER + 0x3000, TRUE } };
  Guest *g = guest_new (1);
  g_autoptr (Region) other = region_new_ram ("other", SIZE, RAM_DEFAULT, NULL);
  CpuState s;

  vm_lock (g->vm);
  address_space_map (g->vm->memory, other, OTHER, 0, SIZE, 0);
  vm_add_ram (g->vm, other);
  vm_unlock (g->vm);
  large_pages (g, &s);
  guest_set (g, DIRECTORY + 8 * 8, OTHER | LARGE, 8);
  guest_set (g, DIRECTORY + 9 * 8, (OTHER + 0x200000) | LARGE, 8);
  GUEST_LOAD (g, CODE, filler);
  guest_start (g, &s);
  for (unsigned i = 0; i < G_N_ELEMENTS (rounds); i++)
    {
      uint8_t *host = rounds[i].other ? (uint8_t *)region_host (other) + rounds[i].place - OTHER
                                      : g->ram + rounds[i].place;

      memset (host, 0, 32);
      host[0] = 7;
      fill (g, rounds[i].place, host);
    }
  guest_free (g);
}

/* Two machines on one thread, by turns. */
static void
test_two_machines (void)
{
  Guest *g[2];
  CpuState s;

  for (unsigned i = 0; i < 2; i++)
    {
      g[i] = guest_new (1);
      large_pages (g[i], &s);
      GUEST_LOAD (g[i], CODE, filler);
      guest_start (g[i], &s);
    }
  for (unsigned round = 0; round < 6; round++)
    {
      const uint32_t at = FIRST + round * 0x1000;

      guest_set (g[round % 2], at, 7, 8);
      fill (g[round % 2], at, g[round % 2]->ram + at);
    }
  for (unsigned i = 0; i < 2; i++)
    guest_free (g[i]);
}

static void
run_apart (gconstpointer test)
{
  apart = TRUE;
  ((void (*) (void))test) ();
  apart = FALSE;
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*test) (void);
  } both[] = { { "remap", test_remap },         { "accessed", test_accessed },
               { "vanish", test_vanish },       { "stores", test_stores },
               { "made-code", test_made_code }, { "logged", test_logged },
               { "log-marks", test_log_marks }, { "neighbour", test_neighbour },
               { "regions", test_regions },     { "two-machines", test_two_machines } };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (both); i++)
    {
      g_autofree char *here = g_strconcat ("/soft-window/", both[i].name, NULL);
      g_autofree char *there = g_strconcat ("/soft-window/apart/", both[i].name, NULL);

      g_test_add_func (here, both[i].test);
      g_test_add_data_func (there, (gconstpointer)both[i].test, run_apart);
    }
  g_test_add_func ("/soft-window/edges", test_edges);
  g_test_add_func ("/soft-window/flat", test_flat);
  g_test_add_func ("/soft-window/grows", test_grows);
  return g_test_run ();
}
