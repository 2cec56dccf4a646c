/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of memory management share: mmu.c (accesses), mmu-walk.c (page tables), mmu-tlb.c (emptying the translation buffer),
 * mmu-physical.c (addresses behind paging).
 */
#pragma once

#include "cpu/soft/engine-soft.h"

G_BEGIN_DECLS

typedef enum
{
  ACCESS_READ,
  ACCESS_WRITE,
  ACCESS_EXEC,
} SoftAccess;

typedef struct
{
  uint64_t physical;
  gboolean writable; /* a later write needs no walk: allowed, and D is set */
  gboolean global;
  uint8_t large; /* address bits within a large page, else 0 */
} SoftWalk;

/* -- mmu-walk.c ------------------------------------------------------------------------------------------------- */
/* Translates; on failure returns FALSE with the error code.  Sets A and D. */
gboolean soft_walk (SoftCpu *cpu, uint64_t linear, SoftAccess access, unsigned mmu, SoftWalk *result,
                    uint32_t *error);

/* Looks, and changes nothing: the large page of four-level tables that `linear` is in.  FALSE if it isn't in one, if user mode could read it, or if it
 * has not been used, which the next access has to note.  `writable`: a store needs no walk either. */
gboolean soft_walk_large (SoftCpu *cpu, uint64_t linear, uint64_t *physical, unsigned *bits,
                          gboolean *writable);

/* -- mmu-tlb.c -------------------------------------------------------------------------------------------------- */
/* INVLPG of an address in this large page has more to drop than one entry. */
void soft_tlb_note_large (SoftCpu *cpu, uint64_t linear, unsigned bits);

static inline void
soft_tlb_empty_entry (SoftCpu *cpu, unsigned mmu, unsigned index)
{
  SoftTlbEntry *entry = &cpu->tlbs[mmu][index];
  entry->read = entry->write = soft_tlb_empty (index);
}

/* A flush has this entry to drop. */
static inline void
soft_tlb_note_filled (SoftCpu *cpu, unsigned list, unsigned kind, unsigned index)
{
  unsigned n = cpu->n_filled[list];

  if (n < SOFT_N_FILLED)
    {
      cpu->filled[list][n].kind = (uint8_t)kind;
      cpu->filled[list][n].index = (uint16_t)index;
      cpu->n_filled[list]++;
    }
  else
    cpu->n_filled[list] = SOFT_N_FILLED + 1;
}

/* -- mmu-physical.c --------------------------------------------------------------------------------------------- */
/* The map has changed: forgets what comes of the one before. */
void soft_generation_changed (SoftCpu *cpu, uint64_t generation);

/* The map changed: what the translation buffer points at may go away as soon as the view is refreshed. */
static inline void
soft_check_generation (SoftCpu *cpu)
{
  uint64_t generation = address_space_generation (cpu->memory);

  if (G_UNLIKELY (generation != cpu->memory_generation))
    soft_generation_changed (cpu, generation);
}

static inline const FlatRange *
soft_find_physical (SoftCpu *cpu, uint64_t physical)
{
  soft_check_generation (cpu);
  return access_cache_find (&cpu->memory_cache, cpu->memory, physical);
}

/* A page of RAM as a whole, or NULL. */
static inline uint8_t *
soft_physical_page (SoftCpu *cpu, uint64_t page, gboolean *writable, const FlatRange **range)
{
  const FlatRange *r = soft_find_physical (cpu, page);

  *range = r;
  if (r == NULL || !region_is_ram (r->region) || r->size - (page - r->start) < GUEST_PAGE_SIZE
      || ((r->offset + (page - r->start)) & (GUEST_PAGE_SIZE - 1)) != 0)
    return NULL;
  *writable = !r->readonly;
  return region_host (r->region) + r->offset + (page - r->start);
}

G_END_DECLS
