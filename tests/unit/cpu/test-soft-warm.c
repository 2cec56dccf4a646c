/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The way of code from its first run to its translation: interpreted while it is cold, found again, overwritten on the way, seen at two addresses.
 */
#include "tests/unit/cpu/soft-guest.h"

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

int
main (int argc, char **argv)
{
  /* Each test runs in the mode of its own that its name says; this is about the one between them. */
  if (g_strcmp0 (g_getenv ("VIVARIUM_SOFT"), "always") == 0)
    g_setenv ("VIVARIUM_SOFT", "translate", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/soft-warm/overwritten", test_overwritten);
  g_test_add_func ("/soft-warm/alias", test_alias);
  return g_test_run ();
}
