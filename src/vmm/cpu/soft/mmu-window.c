/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The window: RAM that supervisor code sees at its physical addresses, without paging or by large pages.  There translated code needs no more for a
 * load than a comparison.  Stores don't go through it, so neither decoded code nor dirty logs matter.  It lives no longer than an entry of the
 * translation buffer would: flushes, loads of CR3 and INVLPG within it drop it.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/mmu-private.h"

#define MAX_SIZE ((uint64_t)4 << 30)

void
soft_make_window (SoftCpu *cpu, uint64_t linear)
{
  uint64_t low, high, physical, apic = cpu->msr.apic_base & SOFT_PAGE_MASK;
  const FlatRange *range;
  uintptr_t host; /* of physical 0 */
  uint64_t generation;
  unsigned bits;

  cpu->window.room = 0;
  if (cpu->cpl == 3 || cpu->watching)
    return;
  range = soft_find_physical (cpu, linear);
  if (range == NULL || !region_is_ram (range->region)
      || ((range->offset - range->start) & (GUEST_PAGE_SIZE - 1)) != 0)
    return;
  generation = cpu->memory_generation;
  host = (uintptr_t)region_host (range->region) + range->offset - range->start;
  low = (range->start + GUEST_PAGE_SIZE - 1) & SOFT_PAGE_MASK;
  high = (range->start + range->size) & SOFT_PAGE_MASK;
  if (cpu->cr0 & CR0_PG)
    {
      uint64_t first, end;

      if (!soft_in_long (cpu) || !soft_walk_large (cpu, linear, &physical, &bits))
        return;
      first = physical;
      if (first != linear >> bits << bits)
        return;
      end = first + (1ULL << bits);
      while (end - first < MAX_SIZE && end < high && soft_walk_large (cpu, end, &physical, &bits)
             && physical == end)
        end += 1ULL << bits;
      while (end - first < MAX_SIZE && first > low && soft_walk_large (cpu, first - 1, &physical, &bits)
             && physical == (first - 1) >> bits << bits)
        first = physical;
      low = MAX (low, first);
      high = MIN (high, end);
    }
  else
    high = MIN (high, MAX_SIZE);
  /* The range may have gone away while tables were read. */
  if (cpu->memory_generation != generation)
    return;
  if (high < low || high - low <= 2 * GUEST_PAGE_SIZE || linear - low >= high - low
      || (apic >= low && apic < high))
    return;
  cpu->window.low = low;
  cpu->window.host = host + low;
  cpu->window.room = high - low - GUEST_PAGE_SIZE;
}
