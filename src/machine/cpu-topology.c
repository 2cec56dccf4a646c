/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See cpu-topology.h.
 */
#include "machine/cpu-topology.h"

#define MOST_PROCESSORS 64

gboolean
cpu_topology_parse (const char *text, CpuTopology *topology)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  guint64 number[3];

  if (g_strv_length (parts) != G_N_ELEMENTS (number))
    return FALSE;
  for (unsigned i = 0; i < G_N_ELEMENTS (number); i++)
    if (!g_ascii_string_to_unsigned (parts[i], 10, 1, MOST_PROCESSORS, &number[i], NULL))
      return FALSE;
  if (number[0] * number[1] * number[2] > MOST_PROCESSORS || number[2] > 2
      || (number[0] > 1 && (number[1] & (number[1] - 1)) != 0))
    return FALSE;
  *topology = (CpuTopology){ (unsigned)number[0], (unsigned)number[1], (unsigned)number[2] };
  return TRUE;
}
