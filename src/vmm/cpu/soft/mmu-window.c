/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Windows: RAM that supervisor code sees at its physical addresses, without paging or by large pages.  There translated code needs no more than a
 * comparison.  They live no longer than entries of the translation buffer would: flushes, loads of CR3 and INVLPG within them drop them.
 *
 * One is around the code that runs.  Another is where data lies that it doesn't reach, as some systems map memory only when it is first touched; both grow
 * with what is mapped.
 *
 * Stores have their own, parts of those for loads without a page of code, where nothing is logged and all is marked as written: the largest
 * below the code that runs, the largest above, and the largest elsewhere.  A page with new code is cut off.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/mmu-private.h"

#include <sys/auxv.h>

/* Programs may set GS's base (asm/hwcap2.h), which nothing else in this one does. */
#define HWCAP2_FSGSBASE (1u << 1)
#define MAX_SIZE        ((uint64_t)4 << 30)
#define LARGE           ((uint64_t)2 << 20)

static void
set_window (SoftCpu *cpu, SoftWindow *window, uint64_t low, uint64_t high, uintptr_t host)
{
  window->low = low;
  window->host = host;
  window->room = high - low > 2 * GUEST_PAGE_SIZE ? high - low - GUEST_PAGE_SIZE : 0;
  window->gs_room = cpu->gs_distance != 0 && host - low == cpu->gs_distance ? window->room : 0;
}

/* The largest part of [low, high) without code; `distance` to the host's addresses. */
static void
set_store_window (SoftCpu *cpu, unsigned n, uint64_t low, uint64_t high, uintptr_t distance)
{
  uintptr_t first = distance + low, end = distance + high;

  if (low >= high)
    return;
  soft_code_gap (cpu->engine, &first, &end);
  set_window (cpu, &cpu->store_windows[n], first - distance, end - distance, first);
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

typedef struct
{
  uint64_t low, high;
  uint64_t writable_low, writable_high;
  uintptr_t distance; /* from linear addresses to the host's */
} Reach;

/* The addresses around `linear` that are seen one to one. */
static gboolean
find_reach (SoftCpu *cpu, uint64_t linear, Reach *reach)
{
  uint64_t apic = cpu->msr.apic_base & SOFT_PAGE_MASK;
  const FlatRange *range;
  uint64_t generation;
  gboolean stores;

  if (cpu->cpl == 3 || cpu->watching)
    return FALSE;
  range = soft_find_physical (cpu, linear);
  if (range == NULL || !region_is_ram (range->region)
      || ((range->offset - range->start) & (GUEST_PAGE_SIZE - 1)) != 0)
    return FALSE;
  generation = cpu->memory_generation;
  reach->distance = (uintptr_t)region_host (range->region) + range->offset - range->start;
  reach->low = (range->start + GUEST_PAGE_SIZE - 1) & SOFT_PAGE_MASK;
  reach->high = MIN ((range->start + range->size) & SOFT_PAGE_MASK, MAX_SIZE);
  stores = !range->readonly && !region_dirty_log_on (range->region);
  reach->writable_low = reach->low;
  reach->writable_high = reach->high;
  if ((cpu->cr0 & CR0_PG) != 0
      && !cut_to_pages (cpu, linear, &reach->low, &reach->high, &reach->writable_low, &reach->writable_high))
    return FALSE;
  if (!stores)
    reach->writable_high = reach->writable_low;
  /* The range may have gone away while tables were read. */
  return cpu->memory_generation == generation && reach->high > reach->low
         && linear - reach->low < reach->high - reach->low && (apic < reach->low || apic >= reach->high);
}

/* The first that is large decides; nearly all of RAM is one region. */
static void
take_distance (SoftCpu *cpu, const Reach *reach)
{
#ifdef SOFT_TRANSLATOR
  if (cpu->gs_distance == 0 && reach->high - reach->low >= LARGE
      && (getauxval (AT_HWCAP2) & HWCAP2_FSGSBASE) != 0)
    {
      cpu->gs_distance = reach->distance;
      soft_load_gs_base (cpu);
    }
#endif
}

void
soft_make_window (SoftCpu *cpu, uint64_t linear)
{
  Reach reach;

  soft_drop_window (cpu);
  if (!find_reach (cpu, linear, &reach))
    return;
  take_distance (cpu, &reach);
  set_window (cpu, &cpu->load_windows[SOFT_WINDOW_CODE], reach.low, reach.high, reach.distance + reach.low);
  if (cpu->load_windows[SOFT_WINDOW_CODE].room == 0)
    return;
  linear &= SOFT_PAGE_MASK;
  set_store_window (cpu, 0, reach.writable_low, MIN (reach.writable_high, linear), reach.distance);
  set_store_window (cpu, 1, MAX (reach.writable_low, linear + GUEST_PAGE_SIZE), reach.writable_high,
                    reach.distance);
}

/* Within a large page of it. */
static gboolean
is_near (const SoftWindow *window, uint64_t linear)
{
  return linear - (window->low - LARGE) < window->room + 2 * LARGE;
}

void
soft_reach_window (SoftCpu *cpu, uint64_t linear)
{
  const SoftWindow *data = &cpu->load_windows[SOFT_WINDOW_DATA];
  Reach reach;

  if (linear >= MAX_SIZE || cpu->load_windows[SOFT_WINDOW_CODE].room == 0
      || soft_in_window (&cpu->load_windows[SOFT_WINDOW_CODE], linear) || soft_in_window (data, linear))
    return;
  /* A small one gives way to what is larger. */
  if (data->room >= LARGE && !is_near (data, linear)
      && !is_near (&cpu->load_windows[SOFT_WINDOW_CODE], linear))
    return;
  if (!find_reach (cpu, linear, &reach))
    return;
  if (cpu->load_windows[SOFT_WINDOW_CODE].low >= reach.low
      && cpu->load_windows[SOFT_WINDOW_CODE].low < reach.high)
    {
      /* It is the one around the code that has grown. */
      soft_make_window (cpu, cpu->reg[SOFT_REG_RIP]);
      return;
    }
  if (reach.high - reach.low <= data->room)
    return;
  take_distance (cpu, &reach);
  set_window (cpu, &cpu->load_windows[SOFT_WINDOW_DATA], reach.low, reach.high, reach.distance + reach.low);
  cpu->store_windows[2].room = cpu->store_windows[2].gs_room = 0;
  if (cpu->load_windows[SOFT_WINDOW_DATA].room != 0)
    set_store_window (cpu, 2, reach.writable_low, reach.writable_high, reach.distance);
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
        set_window (cpu, window, window->low, window->low + at, window->host);
      else
        set_window (cpu, window, window->low + at + GUEST_PAGE_SIZE, window->low + size,
                    window->host + at + GUEST_PAGE_SIZE);
    }
}
