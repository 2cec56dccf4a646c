/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Paging: the tables that the guest has made (SDM volume 3, chapter 4).
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/mmu-private.h"

enum
{
  PTE_P = 1 << 0,
  PTE_W = 1 << 1,
  PTE_U = 1 << 2,
  PTE_A = 1 << 5,
  PTE_D = 1 << 6,
  PTE_PS = 1 << 7,
  PTE_G = 1 << 8,
};
#define PTE_NX       (1ULL << 63)
#define PTE_ADDRESS  (((1ULL << SOFT_PHYSICAL_BITS) - 1) & SOFT_PAGE_MASK)
#define PTE_RESERVED (((1ULL << 52) - 1) & ~((1ULL << SOFT_PHYSICAL_BITS) - 1))

enum
{
  PF_P = 1 << 0,
  PF_W = 1 << 1,
  PF_U = 1 << 2,
  PF_RSVD = 1 << 3,
  PF_I = 1 << 4,
};

static uint8_t *
table_host (SoftCpu *cpu, uint64_t physical, Region **region)
{
  uint64_t page = physical & SOFT_PAGE_MASK;
  unsigned slot = (page >> 12) % SOFT_N_TABLES;
  const FlatRange *range;
  gboolean writable;
  uint8_t *host;

  soft_check_generation (cpu);
  if (cpu->table_cache[slot].page == page)
    {
      *region = cpu->table_cache[slot].region;
      return cpu->table_cache[slot].host + (physical & 0xfff);
    }
  host = soft_physical_page (cpu, page, &writable, &range);
  if (host == NULL || !writable)
    return NULL;
  cpu->table_cache[slot].page = page;
  cpu->table_cache[slot].host = host;
  cpu->table_cache[slot].region = *region = range->region;
  return host + (physical & 0xfff);
}

static uint64_t
table_read (SoftCpu *cpu, uint64_t physical, unsigned size)
{
  Region *region;
  const uint8_t *host = table_host (cpu, physical, &region);
  if (G_LIKELY (host != NULL))
    return size == 8 ? __atomic_load_n ((const uint64_t *)host, __ATOMIC_RELAXED)
                     : __atomic_load_n ((const uint32_t *)host, __ATOMIC_RELAXED);
  return soft_physical_read (cpu, physical, size);
}

/* Sets bits in an entry of `size` bytes that was read as `entry`, in one step (SDM volume 3, 8.1.2.1).  FALSE: another processor has changed it. */
static gboolean
table_set_bits (SoftCpu *cpu, uint64_t physical, unsigned size, uint64_t entry, uint32_t bits)
{
  Region *region;
  uint8_t *host = table_host (cpu, physical, &region);
  uint32_t low = (uint32_t)entry;
  gboolean done;

  if (G_UNLIKELY (host == NULL))
    {
      soft_physical_write (cpu, physical, soft_physical_read (cpu, physical, 4) | bits, 4);
      return TRUE;
    }
  if (size == 8)
    done = __atomic_compare_exchange_n ((uint64_t *)host, &entry, entry | bits, FALSE, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST);
  else
    done = __atomic_compare_exchange_n ((uint32_t *)host, &low, low | bits, FALSE, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST);
  if (done)
    region_mark_dirty (region, (uint64_t)(host - region_host (region)), 4);
  return done;
}

enum
{
  WALK_FAULT = FALSE,
  WALK_DONE = TRUE,
  WALK_AGAIN, /* an entry has changed under its hands */
};

static int
walk (SoftCpu *cpu, uint64_t linear, SoftAccess access, unsigned mmu, SoftWalk *result, uint32_t *error)
{
  gboolean user = mmu == SOFT_MMU_USER;
  gboolean nx_on = (cpu->efer & EFER_NXE) != 0;
  uint32_t code = (access == ACCESS_WRITE ? PF_W : 0) | (user ? PF_U : 0);
  uint64_t entries[4], addresses[4];
  unsigned n = 0, shift;
  uint64_t rights = PTE_W | PTE_U, no_exec = 0, page_size;
  gboolean w, u, write_ok;

  result->large = 0;

  if (access == ACCESS_EXEC && (nx_on || (cpu->cr4 & CR4_SMEP) != 0))
    code |= PF_I;

  if (cpu->cr4 & CR4_PAE)
    {
      uint64_t table, entry;
      uint64_t reserved = PTE_RESERVED | (nx_on ? 0 : PTE_NX);

      if (soft_in_long (cpu))
        {
          table = cpu->cr3 & PTE_ADDRESS;
          shift = 39;
        }
      else
        {
          entry = cpu->pdpte[(linear >> 30) & 3];
          if ((entry & PTE_P) == 0)
            {
              *error = code;
              return FALSE;
            }
          table = entry & PTE_ADDRESS;
          shift = 21;
          /* Bits 52 to 62 are reserved outside of long mode. */
          reserved |= 0x7ff0000000000000ULL;
        }
      for (;; shift -= 9)
        {
          addresses[n] = table + ((linear >> shift) & 511) * 8;
          entry = table_read (cpu, addresses[n], 8);
          if ((entry & PTE_P) == 0)
            {
              *error = code;
              return FALSE;
            }
          entries[n++] = entry;
          if ((entry & reserved) != 0 || (shift == 39 && (entry & PTE_PS) != 0))
            {
              *error = code | PF_P | PF_RSVD;
              return FALSE;
            }
          rights &= entry;
          no_exec |= entry & PTE_NX;
          if (shift == 12 || ((entry & PTE_PS) != 0 && shift <= 30))
            break;
          table = entry & PTE_ADDRESS;
        }
      page_size = 1ULL << shift;
      result->large = shift > 12 ? (uint8_t)shift : 0;
      if (shift > 12 && (entry & (page_size - 1) & ~0x1fffULL) != 0)
        {
          *error = code | PF_P | PF_RSVD;
          return FALSE;
        }
      result->physical = (entry & PTE_ADDRESS & ~(page_size - 1)) | (linear & (page_size - 1));
    }
  else
    {
      uint32_t entry;

      addresses[0] = (cpu->cr3 & 0xfffff000) + ((linear >> 22) & 1023) * 4;
      entry = (uint32_t)table_read (cpu, addresses[0], 4);
      if ((entry & PTE_P) == 0)
        {
          *error = code;
          return FALSE;
        }
      entries[n++] = entry;
      rights &= entry;
      if ((entry & PTE_PS) != 0 && (cpu->cr4 & CR4_PSE) != 0)
        {
          result->large = 22;
          /* PSE-36: bits 13 to 20 are address bits 32 to 39; bit 21 is reserved. */
          if (entry & (1u << 21))
            {
              *error = code | PF_P | PF_RSVD;
              return FALSE;
            }
          result->physical
              = (entry & 0xffc00000) | ((uint64_t)(entry & 0x1fe000) << 19) | (linear & 0x3fffff);
        }
      else
        {
          addresses[1] = (entry & 0xfffff000) + ((linear >> 12) & 1023) * 4;
          entry = (uint32_t)table_read (cpu, addresses[1], 4);
          if ((entry & PTE_P) == 0)
            {
              *error = code;
              return FALSE;
            }
          entries[n++] = entry;
          rights &= entry;
          result->physical = (entry & 0xfffff000) | (linear & 0xfff);
        }
    }

  w = (rights & PTE_W) != 0;
  u = (rights & PTE_U) != 0;
  write_ok = user ? w : w || (cpu->cr0 & CR0_WP) == 0;
  if ((user && !u) || (access == ACCESS_WRITE && !write_ok) || (access == ACCESS_EXEC && no_exec)
      || (access == ACCESS_EXEC && !user && u && (cpu->cr4 & CR4_SMEP))
      || (access != ACCESS_EXEC && mmu == SOFT_MMU_SUPERVISOR_SMAP && u))
    {
      *error = code | PF_P;
      return FALSE;
    }
  for (unsigned i = 0; i < n; i++)
    {
      uint32_t want = PTE_A | (i == n - 1 && access == ACCESS_WRITE ? PTE_D : 0);
      if ((entries[i] & want) != want)
        {
          /* It begins anew with what is there now. */
          if (!table_set_bits (cpu, addresses[i], (cpu->cr4 & CR4_PAE) != 0 ? 8 : 4, entries[i], want))
            return WALK_AGAIN;
          entries[i] |= want;
        }
    }
  result->writable = write_ok && (entries[n - 1] & PTE_D) != 0;
  result->global = (cpu->cr4 & CR4_PGE) != 0 && (entries[n - 1] & PTE_G) != 0;
  return TRUE;
}

gboolean
soft_walk (SoftCpu *cpu, uint64_t linear, SoftAccess access, unsigned mmu, SoftWalk *result, uint32_t *error)
{
  int done;

  do
    done = walk (cpu, linear, access, mmu, result, error);
  while (done == WALK_AGAIN);
  return done == WALK_DONE;
}

gboolean
soft_walk_large (SoftCpu *cpu, uint64_t linear, uint64_t *physical, unsigned *bits, gboolean *writable)
{
  uint64_t table = cpu->cr3 & PTE_ADDRESS, rights = PTE_U | PTE_W, entry, size;
  uint64_t reserved = PTE_RESERVED | ((cpu->efer & EFER_NXE) != 0 ? 0 : PTE_NX);
  Region *region;

  for (unsigned shift = 39; shift >= 21; shift -= 9)
    {
      const uint8_t *host = table_host (cpu, table + ((linear >> shift) & 511) * 8, &region);

      if (host == NULL)
        return FALSE;
      entry = __atomic_load_n ((const uint64_t *)host, __ATOMIC_RELAXED);
      rights &= entry;
      if ((entry & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || (entry & reserved) != 0
          || (shift == 39 && (entry & PTE_PS) != 0))
        return FALSE;
      size = 1ULL << shift;
      if ((entry & PTE_PS) != 0)
        {
          if ((entry & (size - 1) & ~0x1fffULL) != 0 || (rights & PTE_U) != 0)
            return FALSE;
          *physical = entry & PTE_ADDRESS & ~(size - 1);
          *bits = shift;
          *writable = (rights & PTE_W) != 0 && (entry & PTE_D) != 0;
          return TRUE;
        }
      table = entry & PTE_ADDRESS;
    }
  return FALSE;
}

gboolean
soft_load_pdptes (SoftCpu *cpu, uint64_t cr3)
{
  uint64_t pdpte[4];

  for (unsigned i = 0; i < 4; i++)
    {
      pdpte[i] = soft_physical_read (cpu, (cr3 & 0xffffffe0) + i * 8, 8);
      if ((pdpte[i] & PTE_P) != 0 && (pdpte[i] & ~(PTE_ADDRESS | 0xe19)) != 0)
        return FALSE;
    }
  memcpy (cpu->pdpte, pdpte, sizeof pdpte);
  return TRUE;
}
