/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tables of Hyper-V's CPUID leaves.
 */
#define G_LOG_DOMAIN "cpu"

#include "cpu/hyperv.h"

#include <string.h>

/* Leaf 0x40000003, EAX: privileges (TLFS 4.2.2). */
enum
{
  ACCESS_RUNTIME = 1u << 0,
  ACCESS_COUNTER = 1u << 1,
  ACCESS_SYNIC = 1u << 2,
  ACCESS_TIMERS = 1u << 3,
  ACCESS_INTERRUPTS = 1u << 4,
  ACCESS_HYPERCALL = 1u << 5,
  ACCESS_VPINDEX = 1u << 6,
  ACCESS_TSC_PAGE = 1u << 9,
  ACCESS_FREQUENCIES = 1u << 11,
};
/* The same leaf, EDX. */
enum
{
  FEATURE_FREQUENCIES = 1u << 8,
};
/* Leaf 0x40000004, EAX: what is recommended. */
enum
{
  HINT_TLBFLUSH = 1u << 2,
  HINT_APIC_MSRS = 1u << 3,
  HINT_RELAXED = 1u << 5,
  HINT_NO_AUTO_EOI = 1u << 9,
  HINT_IPI = 1u << 10,
  HINT_PROCESSOR_SETS = 1u << 11, /* hypercalls for more than 64 processors, which go with the two */
};

/* How a part is told of; what of it an engine must have. */
static const struct
{
  HypervParts part;
  uint32_t privileges, features, hints;
  HypervParts needs;
} parts_of[] = {
  { HYPERV_VPINDEX, ACCESS_VPINDEX | ACCESS_HYPERCALL, 0, 0, 0 },
  { HYPERV_RELAXED, 0, 0, HINT_RELAXED, HYPERV_VPINDEX },
  { HYPERV_VAPIC, ACCESS_INTERRUPTS, 0, HINT_APIC_MSRS, HYPERV_VPINDEX },
  { HYPERV_RUNTIME, ACCESS_RUNTIME, 0, 0, HYPERV_VPINDEX },
  { HYPERV_TIME, ACCESS_COUNTER | ACCESS_TSC_PAGE, 0, 0, HYPERV_VPINDEX },
  { HYPERV_SYNIC, ACCESS_SYNIC, 0, HINT_NO_AUTO_EOI, HYPERV_VPINDEX },
  { HYPERV_STIMER, ACCESS_TIMERS, 0, 0, HYPERV_SYNIC | HYPERV_TIME },
  { HYPERV_FREQUENCIES, ACCESS_FREQUENCIES, FEATURE_FREQUENCIES, 0, HYPERV_VPINDEX },
  { HYPERV_TLBFLUSH, 0, 0, HINT_TLBFLUSH | HINT_PROCESSOR_SETS, HYPERV_VPINDEX },
  { HYPERV_IPI, 0, 0, HINT_IPI | HINT_PROCESSOR_SETS, HYPERV_VPINDEX },
};

/* What a kernel leaves out of its own recommendations though it is no more than a word to the guest. */
#define HINTS_OF_OURS (HINT_RELAXED | HINT_NO_AUTO_EOI)

HypervParts
hyperv_parts (uint32_t privileges, uint32_t features, uint32_t hints, gboolean synic)
{
  HypervParts have = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (parts_of); i++)
    if ((parts_of[i].privileges & ~privileges) == 0 && (parts_of[i].features & ~features) == 0
        && (parts_of[i].hints & ~(hints | HINTS_OF_OURS)) == 0 && (parts_of[i].needs & ~have) == 0
        && (parts_of[i].part != HYPERV_SYNIC || synic))
      have |= parts_of[i].part;
  return have;
}

void
hyperv_cpuid (HypervParts parts, uint32_t leaf, uint32_t out[4])
{
  uint32_t privileges = 0, features = 0, hints = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (parts_of); i++)
    if ((parts & parts_of[i].part) != 0)
      {
        privileges |= parts_of[i].privileges;
        features |= parts_of[i].features;
        hints |= parts_of[i].hints;
      }
  memset (out, 0, 4 * sizeof *out);
  switch (parts != 0 ? leaf : 0)
    {
    case HYPERV_LEAF:
      out[0] = HYPERV_LEAF + HYPERV_LEAVES - 1;
      memcpy (&out[1], "Microsoft Hv", 12);
      break;
    case HYPERV_LEAF + 1:
      memcpy (out, "Hv#1", 4);
      break;
    case HYPERV_LEAF + 2:
      /* The build and version of the Windows Server (2016) whose interface this is. */
      out[0] = 14393;
      out[1] = 10 << 16;
      break;
    case HYPERV_LEAF + 3:
      out[0] = privileges;
      out[3] = features;
      break;
    case HYPERV_LEAF + 4:
      out[0] = hints;
      out[1] = 0xffffffff; /* a spinlock never tells that it waits */
      break;
    case HYPERV_LEAF + 5:
      out[0] = out[1] = 64; /* processors */
      break;
    default:
      break;
    }
}
