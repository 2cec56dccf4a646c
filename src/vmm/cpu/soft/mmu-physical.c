/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Physical addresses: changes of the map, and accesses by them, to registers above all.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/mmu-private.h"
#include "cpu/soft/world.h"

void
soft_generation_changed (SoftCpu *cpu, uint64_t generation)
{
  cpu->memory_generation = generation;
  soft_drop_logged (cpu);
  for (unsigned i = 0; i < SOFT_N_TABLES; i++)
    cpu->table_cache[i].page = SOFT_TLB_EMPTY;
  soft_tlb_flush (cpu);
}

/* What the guest could write unseen until now, where a dirty log went on in the meantime: its pages may have been taken already. */
static void
mark_writable (SoftCpu *cpu)
{
  FlatView *view = address_space_ref_view (cpu->memory);

  for (unsigned r = 0; r < view->n_ranges; r++)
    {
      Region *region = view->ranges[r].region;
      uintptr_t first;

      if (!region_is_ram (region) || !region_dirty_log_on (region))
        continue;
      first = (uintptr_t)region_host (region);
      for (unsigned i = 0; i < G_N_ELEMENTS (cpu->store_windows); i++)
        if (cpu->store_windows[i].room != 0 && cpu->store_windows[i].host >= first
            && cpu->store_windows[i].host - first < region_size (region))
          region_mark_dirty (region, cpu->store_windows[i].host - first,
                             cpu->store_windows[i].room + GUEST_PAGE_SIZE);
      for (unsigned m = 0; m < SOFT_N_MMU; m++)
        for (unsigned i = 0; i < SOFT_N_GAPS; i++)
          if (cpu->gaps[m][i].room != 0 && cpu->gaps[m][i].host >= first
              && cpu->gaps[m][i].host - first < region_size (region))
            region_mark_dirty (region, cpu->gaps[m][i].host - first,
                               cpu->gaps[m][i].room + SOFT_GAP_STORE - 1);
      for (unsigned m = 0; m < SOFT_N_MMU; m++)
        for (unsigned i = 0; i < SOFT_TLB_SIZE; i++)
          if ((cpu->tlbs[m][i].write != soft_tlb_empty (i) || cpu->guarded[m][i])
              && cpu->tlbs[m][i].page >= first && cpu->tlbs[m][i].page - first < region_size (region))
            region_mark_dirty (region, cpu->tlbs[m][i].page - first, GUEST_PAGE_SIZE);
    }
  flat_view_unref (view);
}

void
soft_choose_memory (SoftCpu *cpu, AddressSpace *memory)
{
  if (cpu->memory == memory)
    return;
  cpu->memory = memory;
  access_cache_clear (&cpu->memory_cache);
  soft_generation_changed (cpu, address_space_generation (memory));
}

void
soft_physical_map_changed (SoftCpu *cpu)
{
  soft_check_generation (cpu);
  /* A dirty log that goes on or off tells us this way too, with the same view. */
  soft_drop_logged (cpu);
  mark_writable (cpu);
  soft_tlb_flush (cpu);
}

uint64_t
soft_physical_read (SoftCpu *cpu, uint64_t physical, unsigned size)
{
  soft_check_generation (cpu);
  if (soft_apic_hit (cpu, physical))
    return soft_apic_mmio_read (cpu, physical & 0xfff, size);
  return address_space_load (cpu->memory, &cpu->memory_cache, physical, size, cpu->vm_locked);
}

void
soft_physical_write (SoftCpu *cpu, uint64_t physical, uint64_t value, unsigned size)
{
  soft_check_generation (cpu);
  if (soft_apic_hit (cpu, physical))
    {
      soft_apic_mmio_write (cpu, physical & 0xfff, (uint32_t)value, size);
      return;
    }
  /* Into decoded code, too: region_mark_dirty() tells block.c. */
  address_space_store (cpu->memory, &cpu->memory_cache, physical, value, size, cpu->vm_locked);
  /* It may have changed the map, as commands to a flash memory do, and what this processor reads next is by the new one. */
  soft_world_settle (cpu);
  soft_check_generation (cpu);
}
