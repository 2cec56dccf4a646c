/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Windows: RAM that supervisor code sees at its physical addresses, without paging or by large pages.  There translated code needs no more than a
 * comparison.  They live no longer than entries of the translation buffer would: flushes, loads of CR3 and INVLPG within them drop them.
 *
 * Stores have two of their own, parts of that for loads without a page of code, where nothing is logged and all is marked as written: the largest
 * below the code that runs and the largest above.  A page with new code is cut off.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/mmu-private.h"

#define MAX_SIZE ((uint64_t)4 << 30)

static void
set_window (SoftWindow *window, uint64_t low, uint64_t high, uintptr_t host)
{
  window->low = low;
  window->host = host;
  window->room = high - low > 2 * GUEST_PAGE_SIZE ? high - low - GUEST_PAGE_SIZE : 0;
}

/* The largest part of [low, high) without code; `distance` to the host's addresses. */
static void
set_store_window (SoftCpu *cpu, unsigned n, uint64_t low, uint64_t high, uintptr_t distance)
{
  uintptr_t first = distance + low, end = distance + high;

  if (low >= high)
    return;
  soft_code_gap (cpu->engine, &first, &end);
  set_window (&cpu->store_windows[n], first - distance, end - distance, first);
}

/* Cuts [*low, *high) to what page tables map one to one around `linear`, and [*writable_low, *writable_high) to what can be written. */
static gboolean
cut_to_pages (SoftCpu *cpu, uint64_t linear, uint64_t *low, uint64_t *high, uint64_t *writable_low,
              uint64_t *writable_high)
{
  uint64_t physical, first, end, writable_first, writable_end;
  gboolean writable, go_on;
  unsigned bits;

  if (!soft_in_long (cpu) || !soft_walk_large (cpu, linear, &physical, &bits, &writable)
      || physical != linear >> bits << bits)
    return FALSE;
  first = writable_first = physical;
  end = first + (1ULL << bits);
  go_on = writable;
  writable_end = writable ? end : first;
  while (end - first < MAX_SIZE && end < *high && soft_walk_large (cpu, end, &physical, &bits, &writable)
         && physical == end)
    {
      end += 1ULL << bits;
      go_on = go_on && writable;
      if (go_on)
        writable_end = end;
    }
  go_on = writable_end > writable_first;
  while (end - first < MAX_SIZE && first > *low
         && soft_walk_large (cpu, first - 1, &physical, &bits, &writable)
         && physical == (first - 1) >> bits << bits)
    {
      first = physical;
      go_on = go_on && writable;
      if (go_on)
        writable_first = first;
    }
  *low = MAX (*low, first);
  *high = MIN (*high, end);
  *writable_low = MAX (*low, writable_first);
  *writable_high = MIN (*high, writable_end);
  return TRUE;
}

void
soft_make_window (SoftCpu *cpu, uint64_t linear)
{
  uint64_t low, high, writable_low, writable_high, apic = cpu->msr.apic_base & SOFT_PAGE_MASK;
  const FlatRange *range;
  uintptr_t distance;
  uint64_t generation;
  gboolean stores;

  soft_drop_window (cpu);
  if (cpu->cpl == 3 || cpu->watching)
    return;
  range = soft_find_physical (cpu, linear);
  if (range == NULL || !region_is_ram (range->region)
      || ((range->offset - range->start) & (GUEST_PAGE_SIZE - 1)) != 0)
    return;
  generation = cpu->memory_generation;
  distance = (uintptr_t)region_host (range->region) + range->offset - range->start;
  low = (range->start + GUEST_PAGE_SIZE - 1) & SOFT_PAGE_MASK;
  high = MIN ((range->start + range->size) & SOFT_PAGE_MASK, MAX_SIZE);
  stores = !range->readonly && !region_dirty_log_on (range->region);
  writable_low = low;
  writable_high = high;
  if ((cpu->cr0 & CR0_PG) != 0 && !cut_to_pages (cpu, linear, &low, &high, &writable_low, &writable_high))
    return;
  /* The range may have gone away while tables were read. */
  if (cpu->memory_generation != generation)
    return;
  if (high <= low || linear - low >= high - low || (apic >= low && apic < high))
    return;
  set_window (&cpu->window, low, high, distance + low);
  if (cpu->window.room == 0 || !stores)
    return;
  linear &= SOFT_PAGE_MASK;
  set_store_window (cpu, 0, writable_low, MIN (writable_high, linear), distance);
  set_store_window (cpu, 1, MAX (writable_low, linear + GUEST_PAGE_SIZE), writable_high, distance);
}

void
soft_window_protect (SoftCpu *cpu, const uint8_t *page)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (cpu->store_windows); i++)
    {
      SoftWindow *window = &cpu->store_windows[i];
      uint64_t size = window->room + GUEST_PAGE_SIZE, at = (uintptr_t)page - window->host;

      if (window->room == 0 || at >= size)
        continue;
      /* What is left is the larger side. */
      if (at >= size - at - GUEST_PAGE_SIZE)
        set_window (window, window->low, window->low + at, window->host);
      else
        set_window (window, window->low + at + GUEST_PAGE_SIZE, window->low + size,
                    window->host + at + GUEST_PAGE_SIZE);
    }
}
