/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Walks of page tables without side effects (SDM volume 3, chapter 4).
 */
#define G_LOG_DOMAIN "cpu"

#include "cpu/cpu-state.h"

#include "core/vm.h"

enum
{
  PTE_P = 1u << 0,
  PTE_PS = 1u << 7,
  CR4_PSE = 1u << 4,
  CR4_PAE = 1u << 5,
  CR4_LA57 = 1u << 12,
  EFER_LMA = 1u << 10,
};
#define CR0_PG       0x80000000u
#define ADDRESS_MASK 0x000ffffffffff000ULL

static gboolean
read_entry (Vm *vm, uint64_t at, unsigned size, uint64_t *entry)
{
  *entry = 0;
  return address_space_read_memory (vm->memory, at, entry, size);
}

static gboolean
walk_two_levels (Vm *vm, const CpuState *state, uint32_t linear, CpuWalkStep *steps, unsigned *n,
                 uint64_t *physical, uint64_t *page_size)
{
  CpuWalkStep *step = &steps[(*n)++];

  *step = (CpuWalkStep){ "PD", (state->cr3 & 0xfffff000) + (linear >> 22) * 4, 0 };
  if (!read_entry (vm, step->at, 4, &step->entry) || !(step->entry & PTE_P))
    return FALSE;
  if ((step->entry & PTE_PS) != 0 && (state->cr4 & CR4_PSE) != 0)
    {
      *page_size = 1u << 22;
      *physical = (step->entry & 0xffc00000) | (step->entry & 0x1fe000) << 19 | (linear & 0x3fffff);
      return TRUE;
    }
  const uint64_t table = step->entry & 0xfffff000;
  step = &steps[(*n)++];
  *step = (CpuWalkStep){ "PT", table + (linear >> 12 & 0x3ff) * 4, 0 };
  if (!read_entry (vm, step->at, 4, &step->entry) || !(step->entry & PTE_P))
    return FALSE;
  *page_size = GUEST_PAGE_SIZE;
  *physical = (step->entry & 0xfffff000) | (linear & 0xfff);
  return TRUE;
}

gboolean
cpu_state_walk (Vm *vm, const CpuState *state, uint64_t linear, CpuWalkStep *steps, unsigned *n_steps,
                uint64_t *physical, uint64_t *page_size)
{
  static const char *const names[] = { "PT", "PD", "PDPT", "PML4", "PML5" };
  const gboolean in_long = (state->efer & EFER_LMA) != 0;
  uint64_t table;
  int level;

  *n_steps = 0;
  if (!in_long)
    linear &= 0xffffffff;
  if ((state->cr0 & CR0_PG) == 0)
    {
      *physical = linear;
      *page_size = 0;
      return TRUE;
    }
  if ((state->cr4 & CR4_PAE) == 0)
    return walk_two_levels (vm, state, (uint32_t)linear, steps, n_steps, physical, page_size);
  table = in_long ? state->cr3 & ADDRESS_MASK : state->cr3 & 0xffffffe0;
  level = !in_long ? 2 : (state->cr4 & CR4_LA57) != 0 ? 4 : 3;
  if (in_long)
    {
      const unsigned spare = 64 - 12 - 9 * (unsigned)(level + 1);

      if ((uint64_t)((int64_t)(linear << spare) >> spare) != linear)
        return FALSE; /* not canonical */
    }
  for (; level >= 0; level--)
    {
      const unsigned shift = 12 + 9 * (unsigned)level, index = (unsigned)(linear >> shift) & 0x1ff;
      CpuWalkStep *step = &steps[(*n_steps)++];

      *step = (CpuWalkStep){ names[level], table + index * 8, 0 };
      if (level == 2 && !in_long && state->pdptes_known)
        {
          step->at = index;
          step->entry = state->pdpte[index & 3];
        }
      else if (!read_entry (vm, step->at, 8, &step->entry))
        return FALSE;
      if ((step->entry & PTE_P) == 0)
        return FALSE;
      if (level == 0 || ((step->entry & PTE_PS) != 0 && level <= 2 && (in_long || level == 1)))
        {
          *page_size = (uint64_t)1 << shift;
          *physical = (step->entry & ADDRESS_MASK & ~(*page_size - 1)) | (linear & (*page_size - 1));
          return TRUE;
        }
      table = step->entry & ADDRESS_MASK;
    }
  return FALSE;
}

gboolean
cpu_state_translate (Vm *vm, const CpuState *state, uint64_t linear, uint64_t *physical)
{
  CpuWalkStep steps[CPU_WALK_MOST];
  unsigned n;
  uint64_t size;

  return cpu_state_walk (vm, state, linear, steps, &n, physical, &size);
}
