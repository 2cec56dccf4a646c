/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When two results are equal: what the manuals leave open, and what the processors' makers do in different ways.
 *
 * The software processor names itself as AMD's (cpu/soft/cpuid.c) and does what AMD's manual says.  So a host of that maker is
 * compared with the first alone, and another maker's with its own rows of the table in masks.c besides.
 */
#pragma once

#include "table.h"

typedef enum
{
  FUZZ_AMD = 1 << 0,
  FUZZ_INTEL = 1 << 1,
  FUZZ_ANY_VENDOR = FUZZ_AMD | FUZZ_INTEL, /* also for a host of neither: what both agree on is compared */
} FuzzVendor;

/* By the twelve bytes that CPUID's leaf 0 has in EBX, EDX and ECX. */
FuzzVendor fuzz_vendor (const char id[12]);
FuzzVendor fuzz_host_vendor (void);
const char *fuzz_vendor_name (FuzzVendor vendor);

/* TRUE if a processor of `vendor` may have answered `native` where the software processor answers `soft`. */
gboolean fuzz_equal (FuzzVendor vendor, const FuzzCase *c, const FuzzResult *native, const FuzzResult *soft);
