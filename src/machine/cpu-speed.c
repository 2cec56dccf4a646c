/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "machine/cpu-speed.h"

#define A_486_PER_MHZ 545000u

static const struct
{
  const char *name;
  uint64_t speed;
} named[] = { { "at", 1200000 }, { "386dx33", 8000000 }, { "486dx2", 66 * (uint64_t)A_486_PER_MHZ } };

uint64_t
cpu_speed_parse (const char *text)
{
  guint64 mhz;

  for (unsigned i = 0; i < G_N_ELEMENTS (named); i++)
    if (g_str_equal (named[i].name, text))
      return named[i].speed;
  return g_ascii_string_to_unsigned (text, 10, 1, CPU_SPEED_MOST, &mhz, NULL) ? mhz * A_486_PER_MHZ : 0;
}
