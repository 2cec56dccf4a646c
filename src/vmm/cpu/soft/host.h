/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Instructions that are there because the host has them: they are carried out on its own units.  CPUID and the decoder both go by this, so that
 * what isn't announced is no instruction either.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

enum
{
  SOFT_HOST_AVX
  = 1
    << 0, /* AVX and AVX2, of which each needs the other here: their registers are saved by the host's kernel, too */
  SOFT_HOST_FMA = 1 << 1,
  SOFT_HOST_F16C = 1 << 2,
  SOFT_HOST_BMI1 = 1 << 3,
  SOFT_HOST_BMI2 = 1 << 4,
  SOFT_HOST_LZCNT = 1 << 5,
  SOFT_HOST_AES = 1 << 6,
  SOFT_HOST_PCLMUL = 1 << 7,
  SOFT_HOST_SHA = 1 << 8,
  SOFT_HOST_RDRAND = 1 << 9,
  SOFT_HOST_RDSEED = 1 << 10,
  SOFT_HOST_VAES = 1 << 11,    /* AES on 256 bits */
  SOFT_HOST_VPCLMUL = 1 << 12, /* PCLMULQDQ on 256 bits */
};

/* SOFT_HOST_…; the same as long as the process lives, but for tests. */
uint32_t soft_host_features (void);

static inline gboolean
soft_host_has (uint32_t features)
{
  return (soft_host_features () & features) == features;
}

/* For tests, before anything has asked: as on a host without these. */
void soft_host_forget (uint32_t features);

G_END_DECLS
