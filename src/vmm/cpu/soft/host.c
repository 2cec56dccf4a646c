/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * CPUID of the host: SDM volume 2, CPUID; volume 1, 14.3 (whether the kernel saves AVX's registers).
 */
#include "cpu/soft/host.h"

#include <cpuid.h>

static uint32_t forgotten;

static uint32_t
when (uint32_t word, unsigned bit, uint32_t feature)
{
  return (word >> bit & 1) != 0 ? feature : 0;
}

static uint32_t
xcr0 (void)
{
  uint32_t low, high;

  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static uint32_t
probe (void)
{
  uint32_t a, b, c, d, b7 = 0, c7 = 0, ext = 0, have, vector;

  if (__get_cpuid (1, &a, &b, &c, &d) == 0)
    return 0;
  have = when (c, 25, SOFT_HOST_AES) | when (c, 1, SOFT_HOST_PCLMUL) | when (c, 30, SOFT_HOST_RDRAND);
  vector = when (c, 12, SOFT_HOST_FMA) | when (c, 29, SOFT_HOST_F16C);
  if ((c >> 27 & 1) != 0 && (c >> 28 & 1) != 0 && (xcr0 () & 6) == 6)
    {
      if (__get_cpuid_count (7, 0, &a, &b7, &c7, &d) != 0 && (b7 >> 5 & 1) != 0)
        have |= SOFT_HOST_AVX | vector | when (c7, 9, SOFT_HOST_VAES) | when (c7, 10, SOFT_HOST_VPCLMUL);
    }
  else
    __get_cpuid_count (7, 0, &a, &b7, &c7, &d);
  have |= when (b7, 3, SOFT_HOST_BMI1) | when (b7, 8, SOFT_HOST_BMI2) | when (b7, 18, SOFT_HOST_RDSEED)
          | when (b7, 29, SOFT_HOST_SHA);
  if (__get_cpuid (0x80000001, &a, &b, &ext, &d) != 0)
    have |= when (ext, 5, SOFT_HOST_LZCNT);
  return have;
}

uint32_t
soft_host_features (void)
{
  static gsize known;

  if (g_once_init_enter (&known))
    g_once_init_leave (&known, (gsize)(probe () & ~forgotten) | (gsize)1 << 31);
  return (uint32_t)known & 0x7fffffff;
}

void
soft_host_forget (uint32_t features)
{
  forgotten = features;
}
