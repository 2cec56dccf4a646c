/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The translation buffer: what flushes and INVLPG drop of it, and pages under a dirty log.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/mmu-private.h"

static void
forget_io (SoftCpu *cpu)
{
  for (unsigned i = 0; i < SOFT_N_IO; i++)
    cpu->io[i].page = SOFT_TLB_EMPTY;
}

static void
empty_all (SoftCpu *cpu)
{
  for (unsigned m = 0; m < SOFT_N_MMU; m++)
    for (unsigned i = 0; i < SOFT_TLB_SIZE; i++)
      soft_tlb_empty_entry (cpu, m, i);
  memset (cpu->execs, 0xff, sizeof cpu->execs);
  cpu->n_filled[SOFT_FILLED_LOCAL] = cpu->n_filled[SOFT_FILLED_GLOBAL] = 0;
}

static void
empty_filled (SoftCpu *cpu, unsigned list)
{
  if (cpu->n_filled[list] > SOFT_N_FILLED)
    {
      empty_all (cpu);
      return;
    }
  for (unsigned i = 0; i < cpu->n_filled[list]; i++)
    {
      unsigned kind = cpu->filled[list][i].kind, index = cpu->filled[list][i].index;
      if (kind < SOFT_N_MMU)
        soft_tlb_empty_entry (cpu, kind, index);
      else
        cpu->execs[kind - SOFT_N_MMU][index].page = SOFT_TLB_EMPTY;
    }
  cpu->n_filled[list] = 0;
}

void
soft_tlb_flush (SoftCpu *cpu)
{
  empty_filled (cpu, SOFT_FILLED_LOCAL);
  empty_filled (cpu, SOFT_FILLED_GLOBAL);
  soft_drop_window (cpu);
  soft_drop_gaps (cpu);
  memset (cpu->exec_id, 0, sizeof cpu->exec_id);
  memset (cpu->large_filter, 0, sizeof cpu->large_filter);
  forget_io (cpu);
  cpu->jump_key += 1ULL << 32;
}

void
soft_tlb_flush_local (SoftCpu *cpu)
{
  uint32_t *id = &cpu->exec_id[0][0];
  const uint32_t *keep = &cpu->exec_keep[0][0];

  empty_filled (cpu, SOFT_FILLED_LOCAL);
  soft_drop_window (cpu);
  soft_drop_gaps (cpu);
  for (unsigned i = 0; i < SOFT_N_EXEC * SOFT_EXEC_SIZE; i++)
    id[i] &= keep[i];
  forget_io (cpu);
  cpu->jump_key += 1ULL << 32;
}

void
soft_tlb_flush_page (SoftCpu *cpu, uint64_t linear)
{
  unsigned index = (linear >> 12) & (SOFT_TLB_SIZE - 1), place = (linear >> 21) & 4095;

  for (unsigned m = 0; m < SOFT_N_MMU; m++)
    soft_tlb_empty_entry (cpu, m, index);
  if (soft_in_window (&cpu->load_windows[SOFT_WINDOW_CODE], linear)
      || soft_in_window (&cpu->load_windows[SOFT_WINDOW_DATA], linear))
    soft_drop_window (cpu);
  soft_drop_gaps (cpu);
  for (unsigned m = 0; m < SOFT_N_EXEC; m++)
    {
      cpu->execs[m][(linear >> 12) & (SOFT_EXEC_SIZE - 1)].page = SOFT_TLB_EMPTY;
      cpu->exec_id[m][(linear >> 12) & (SOFT_EXEC_SIZE - 1)] = 0;
    }
  forget_io (cpu);
  if ((cpu->large_filter[place / 64] >> (place % 64) & 1) != 0)
    {
      for (unsigned m = 0; m < SOFT_N_MMU; m++)
        for (unsigned i = 0; i < SOFT_TLB_SIZE; i++)
          if (cpu->large[m][i] != 0 && (cpu->tlbs[m][i].read ^ linear) >> cpu->large[m][i] == 0)
            soft_tlb_empty_entry (cpu, m, i);
      for (unsigned m = 0; m < SOFT_N_EXEC; m++)
        for (unsigned i = 0; i < SOFT_EXEC_SIZE; i++)
          if (cpu->exec_large[m][i] != 0 && (cpu->execs[m][i].page ^ linear) >> cpu->exec_large[m][i] == 0)
            cpu->execs[m][i].page = SOFT_TLB_EMPTY;
      memset (cpu->exec_id, 0, sizeof cpu->exec_id);
    }
  cpu->jump_key += 1ULL << 32;
}

static inline void
protect_entry (SoftCpu *cpu, unsigned mmu, unsigned index, uintptr_t page)
{
  SoftTlbEntry *entry = &cpu->tlbs[mmu][index];

  if (entry->page == page)
    entry->write = soft_tlb_empty (index);
}

void
soft_tlb_protect (SoftCpu *cpu, uintptr_t page)
{
  /* What hasn't been filled since the last flush is empty; that is most of it. */
  for (unsigned list = 0; list < SOFT_N_FILLED_LISTS; list++)
    {
      if (cpu->n_filled[list] > SOFT_N_FILLED)
        {
          for (unsigned m = 0; m < SOFT_N_MMU; m++)
            for (unsigned i = 0; i < SOFT_TLB_SIZE; i++)
              protect_entry (cpu, m, i, page);
          return;
        }
      for (unsigned i = 0; i < cpu->n_filled[list]; i++)
        if (cpu->filled[list][i].kind < SOFT_N_MMU)
          protect_entry (cpu, cpu->filled[list][i].kind, cpu->filled[list][i].index, page);
    }
}

void
soft_tlb_note_large (SoftCpu *cpu, uint64_t linear, unsigned bits)
{
  unsigned first = (unsigned)(linear >> bits << bits >> 21) & 4095;

  if (bits == 30)
    memset (&cpu->large_filter[first / 64], 0xff, 64);
  else
    cpu->large_filter[first / 64] |= (bits == 22 ? 3ULL : 1ULL) << first % 64;
}

void
soft_drop_logged (SoftCpu *cpu)
{
  for (unsigned i = 0; i < cpu->n_logged; i++)
    {
      SoftTlbEntry *entry = &cpu->tlbs[cpu->logged[i].mmu][cpu->logged[i].index];
      region_mark_dirty (cpu->logged[i].region, cpu->logged[i].offset, GUEST_PAGE_SIZE);
      region_unref (cpu->logged[i].region);
      entry->write = soft_tlb_empty (cpu->logged[i].index);
    }
  cpu->n_logged = 0;
}
