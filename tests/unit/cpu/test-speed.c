/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Processors that are slow on purpose: never faster than they should be, whatever the host does.
 */
#include "tests/unit/cpu/soft-guest.h"

static void
test_pace (void)
{
  /* A thousand instructions of a million a second are a millisecond. */
  g_assert_cmpint (soft_pace (5000, 4000, 1000, 1000000), ==, 6000);
  g_assert_cmpint (soft_pace (5000, 9000, 1000, 1000000), ==, 6000);
  /* A long halt is no credit. */
  g_assert_cmpint (soft_pace (5000, 1000000, 1000, 1000000), ==, 1000000 - 20000 + 1000);
  g_assert_cmpint (soft_pace (5000, 4000, 0, 1200000), ==, 5000);
  g_assert_cmpint (soft_pace (0, 0, UINT64_C (20000000), 1), ==, INT64_C (20000000000000));
}

/* What a loop got done is at most what there was time for. */
static void
test_engine (gconstpointer data)
{
  static const uint8_t loop[] = { 0x40, 0x4b, 0xeb, 0xfc }; /* inc eax; dec ebx; jmp */
  const uint64_t speed = GPOINTER_TO_UINT (data);
  const EngineConfig config = { .n_cpus = 1, .speed = speed };
  Guest *g = guest_new_with (&config);
  CpuState s;

  guest_state (g, &s, 32, 0, FALSE);
  memcpy (g->ram + s.rip, loop, sizeof loop);
  guest_start (g, &s);
  const int64_t start = g_get_monotonic_time ();
  /* Until a busy host has let it run at all. */
  do
    {
      g->vm->processor->resume (g->vm->processor_opaque);
      g_usleep (200000);
      g->vm->processor->pause (g->vm->processor_opaque);
      soft_engine_class.get_state (g->engine, 0, &s);
    }
  while (s.gpr[CPU_RAX] == 0);
  const int64_t elapsed = g_get_monotonic_time () - start;
  /* A turn, and what may be made good. */
  const uint64_t most = speed * (uint64_t)(elapsed + 20000) / 1000000 + speed / 1000 + 64;
  g_assert_cmpuint ((uint32_t)s.gpr[CPU_RAX] * 3ull, <=, most);
  g_assert_cmpuint (g->cpu->instructions, <=, most);
  guest_free (g);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/speed/pace", test_pace);
  g_test_add_data_func ("/speed/engine/slow", GUINT_TO_POINTER (10000), test_engine);
  g_test_add_data_func ("/speed/engine/at", GUINT_TO_POINTER (1200000), test_engine);
  g_test_add_data_func ("/speed/engine/486", GUINT_TO_POINTER (36000000), test_engine);
  return g_test_run ();
}
