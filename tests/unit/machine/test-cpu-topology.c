/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How processors lie in packages, as a definition says it.
 */
#include "machine/cpu-topology.h"

static void
test_parse (void)
{
  static const char *const wrong[]
      = { "",       "1",     "1,2",    "1,2,3,4", "0,1,1",  "1,1,3",         "2,3,1",
          "65,1,1", "8,8,2", "-1,1,1", "a,b,c",   "1, 2,1", "4294967297,1,1" };
  CpuTopology topology = { 0 };

  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    if (cpu_topology_parse (wrong[i], &topology))
      g_error ("%s is taken", wrong[i]);
  g_assert_cmpuint (topology.sockets, ==, 0);
  g_assert_true (cpu_topology_parse ("2,4,2", &topology));
  g_assert_cmpuint (topology.sockets, ==, 2);
  g_assert_cmpuint (topology.cores, ==, 4);
  g_assert_cmpuint (topology.threads, ==, 2);
  g_assert_true (cpu_topology_parse ("1,6,1", &topology)); /* of one socket any number */
  g_assert_true (cpu_topology_parse ("64,1,1", &topology));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cpu-topology/parse", test_parse);
  return g_test_run ();
}
