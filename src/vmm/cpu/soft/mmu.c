/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Paging (SDM volume 3, chapter 4), the translation buffer's slow side, and accesses that leave RAM.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"

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

typedef enum
{
  ACCESS_READ,
  ACCESS_WRITE,
  ACCESS_EXEC,
} Access;

gboolean
soft_is_canonical (uint64_t linear)
{
  return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

static void
forget_io (SoftCpu *cpu)
{
  for (unsigned i = 0; i < SOFT_N_IO; i++)
    cpu->io[i].page = SOFT_TLB_EMPTY;
}

static inline void
empty_entry (SoftCpu *cpu, unsigned mmu, unsigned index)
{
  SoftTlbEntry *entry = &cpu->tlbs[mmu][index];
  entry->read = entry->write = soft_tlb_empty (index);
}

static void
empty_all (SoftCpu *cpu)
{
  for (unsigned m = 0; m < SOFT_N_MMU; m++)
    for (unsigned i = 0; i < SOFT_TLB_SIZE; i++)
      empty_entry (cpu, m, i);
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
        empty_entry (cpu, kind, index);
      else
        cpu->execs[kind - SOFT_N_MMU][index].page = SOFT_TLB_EMPTY;
    }
  cpu->n_filled[list] = 0;
}

static void
note_filled (SoftCpu *cpu, unsigned list, unsigned kind, unsigned index)
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

void
soft_tlb_flush (SoftCpu *cpu)
{
  empty_filled (cpu, SOFT_FILLED_LOCAL);
  empty_filled (cpu, SOFT_FILLED_GLOBAL);
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
    empty_entry (cpu, m, index);
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
            empty_entry (cpu, m, i);
      for (unsigned m = 0; m < SOFT_N_EXEC; m++)
        for (unsigned i = 0; i < SOFT_EXEC_SIZE; i++)
          if (cpu->exec_large[m][i] != 0 && (cpu->execs[m][i].page ^ linear) >> cpu->exec_large[m][i] == 0)
            cpu->execs[m][i].page = SOFT_TLB_EMPTY;
      memset (cpu->exec_id, 0, sizeof cpu->exec_id);
    }
  cpu->jump_key += 1ULL << 32;
}

/* INVLPG of an address in this large page has more to drop than one entry. */
static void
note_large (SoftCpu *cpu, uint64_t linear, unsigned bits)
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

/* -- Physical memory -------------------------------------------------------------------------------------- */

/* The map changed: what the translation buffer points at may go away as soon as the view is refreshed. */
static inline void
check_generation (SoftCpu *cpu)
{
  uint64_t generation = address_space_generation (cpu->vm->memory);
  if (G_UNLIKELY (generation != cpu->memory_generation))
    {
      cpu->memory_generation = generation;
      soft_drop_logged (cpu);
      for (unsigned i = 0; i < SOFT_N_TABLES; i++)
        cpu->table_cache[i].page = SOFT_TLB_EMPTY;
      soft_tlb_flush (cpu);
    }
}

/* What the guest could write unseen until now, where a dirty log went on in the meantime: its pages may have been taken already. */
static void
mark_writable (SoftCpu *cpu)
{
  FlatView *view = address_space_ref_view (cpu->vm->memory);

  for (unsigned r = 0; r < view->n_ranges; r++)
    {
      Region *region = view->ranges[r].region;
      uintptr_t first;

      if (!region_is_ram (region) || !region_dirty_log_on (region))
        continue;
      first = (uintptr_t)region_host (region);
      for (unsigned m = 0; m < SOFT_N_MMU; m++)
        for (unsigned i = 0; i < SOFT_TLB_SIZE; i++)
          if (cpu->tlbs[m][i].write != soft_tlb_empty (i) && cpu->tlbs[m][i].page >= first
              && cpu->tlbs[m][i].page - first < region_size (region))
            region_mark_dirty (region, cpu->tlbs[m][i].page - first, GUEST_PAGE_SIZE);
    }
  flat_view_unref (view);
}

void
soft_physical_map_changed (SoftCpu *cpu)
{
  check_generation (cpu);
  /* A dirty log that goes on or off tells us this way too, with the same view. */
  soft_drop_logged (cpu);
  mark_writable (cpu);
  soft_tlb_flush (cpu);
}

static const FlatRange *
find_physical (SoftCpu *cpu, uint64_t physical)
{
  check_generation (cpu);
  return access_cache_find (&cpu->memory_cache, cpu->vm->memory, physical);
}

/* A page of RAM as a whole, or NULL. */
static uint8_t *
physical_page (SoftCpu *cpu, uint64_t page, gboolean *writable, const FlatRange **range)
{
  const FlatRange *r = find_physical (cpu, page);

  *range = r;
  if (r == NULL || !region_is_ram (r->region) || r->size - (page - r->start) < GUEST_PAGE_SIZE
      || ((r->offset + (page - r->start)) & (GUEST_PAGE_SIZE - 1)) != 0)
    return NULL;
  *writable = !r->readonly;
  return region_host (r->region) + r->offset + (page - r->start);
}

uint64_t
soft_physical_read (SoftCpu *cpu, uint64_t physical, unsigned size)
{
  check_generation (cpu);
  if (soft_apic_hit (cpu, physical))
    return soft_apic_mmio_read (cpu, physical & 0xfff, size);
  return address_space_load (cpu->vm->memory, &cpu->memory_cache, physical, size, cpu->vm_locked);
}

void
soft_physical_write (SoftCpu *cpu, uint64_t physical, uint64_t value, unsigned size)
{
  check_generation (cpu);
  if (soft_apic_hit (cpu, physical))
    {
      soft_apic_mmio_write (cpu, physical & 0xfff, (uint32_t)value, size);
      return;
    }
  /* Into decoded code, too: region_mark_dirty() tells block.c. */
  address_space_store (cpu->vm->memory, &cpu->memory_cache, physical, value, size, cpu->vm_locked);
}

/* -- Page tables ------------------------------------------------------------------------------------------ */

static uint8_t *
table_host (SoftCpu *cpu, uint64_t physical, Region **region)
{
  uint64_t page = physical & SOFT_PAGE_MASK;
  unsigned slot = (page >> 12) % SOFT_N_TABLES;
  const FlatRange *range;
  gboolean writable;
  uint8_t *host;

  check_generation (cpu);
  if (cpu->table_cache[slot].page == page)
    {
      *region = cpu->table_cache[slot].region;
      return cpu->table_cache[slot].host + (physical & 0xfff);
    }
  host = physical_page (cpu, page, &writable, &range);
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
    return size == 8 ? *(const uint64_t *)host : *(const uint32_t *)host;
  return soft_physical_read (cpu, physical, size);
}

static void
table_set_bits (SoftCpu *cpu, uint64_t physical, uint32_t bits)
{
  Region *region;
  uint8_t *host = table_host (cpu, physical, &region);
  if (G_LIKELY (host != NULL))
    {
      *(uint32_t *)host |= bits;
      region_mark_dirty (region, (uint64_t)(host - region_host (region)), 4);
    }
  else
    soft_physical_write (cpu, physical, soft_physical_read (cpu, physical, 4) | bits, 4);
}

typedef struct
{
  uint64_t physical;
  gboolean writable; /* a later write needs no walk: allowed, and D is set */
  gboolean executable;
  gboolean global;
  uint8_t large; /* address bits within a large page, else 0 */
} Walk;

/* Translates; on failure returns FALSE with the error code.  Sets A and D. */
static gboolean
walk (SoftCpu *cpu, uint64_t linear, Access access, unsigned mmu, Walk *result, uint32_t *error)
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
          table_set_bits (cpu, addresses[i], want);
          entries[i] |= want;
        }
    }
  result->writable = write_ok && (entries[n - 1] & PTE_D) != 0;
  result->executable = !no_exec && !(!user && u && (cpu->cr4 & CR4_SMEP));
  result->global = (cpu->cr4 & CR4_PGE) != 0 && (entries[n - 1] & PTE_G) != 0;
  return TRUE;
}

G_NORETURN static void
page_fault (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint32_t error)
{
  cpu->fault_cr2 = linear;
  soft_raise_error (cpu, insn, EXC_PF, error);
}

/* In 64-bit mode an address that isn't canonical is #SS where the stack is meant: by an operand whose base is RSP or RBP, or by an
 * instruction's own push or pop. */
static gboolean
is_stack_access (const SoftCpu *cpu, const SoftInsn *insn, uint64_t linear)
{
  if (insn == NULL)
    return FALSE;
  if (insn->mem)
    {
      unsigned digit = insn->modrm >> 3 & 7;
      gboolean stack
          = (insn->opcode == 0xff && (digit == 2 || digit == 3 || digit == 6)) || insn->opcode == 0x8f;

      return insn->seg == CPU_SS || (stack && linear - cpu->reg[CPU_RSP] + 16 <= 32);
    }
  switch (insn->opcode)
    {
    case 0x50 ... 0x5f:
    case 0x68:
    case 0x6a:
    case 0x8f:
    case 0x9c:
    case 0x9d:
    case 0xc2:
    case 0xc3:
    case 0xc8:
    case 0xc9:
    case 0xca:
    case 0xcb:
    case 0xcf:
    case 0xe8:
    case 0xff:
    case 0x1a0:
    case 0x1a1:
    case 0x1a8:
    case 0x1a9:
      return TRUE;
    default:
      return FALSE;
    }
}

/* Fills the buffer's entry for the page of `linear`.  Returns the host address of `linear`, or NULL with *physical where
 * the page isn't RAM (or, for a write, is ROM or holds decoded code). */
static uint8_t *
fill (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, Access access, unsigned mmu, uint64_t *physical)
{
  uint64_t page = linear & SOFT_PAGE_MASK;
  unsigned index = (linear >> 12) & (SOFT_TLB_SIZE - 1);
  SoftTlbEntry *entry = &cpu->tlbs[mmu][index];
  const FlatRange *range;
  gboolean ram_writable = FALSE;
  uint8_t *host;
  Walk result;
  unsigned list;

  check_generation (cpu);
  if (cpu->cr0 & CR0_PG)
    {
      uint32_t error;

      if (soft_in_64 (cpu) && !soft_is_canonical (linear))
        soft_raise_error (cpu, insn, is_stack_access (cpu, insn, linear) ? EXC_SS : EXC_GP, 0);
      if (!walk (cpu, linear, access, mmu, &result, &error))
        page_fault (cpu, insn, linear, error);
    }
  else
    {
      result.physical = linear;
      result.writable = result.executable = TRUE;
      result.large = 0;
      result.global = FALSE;
    }
  *physical = result.physical;
  host = soft_apic_hit (cpu, result.physical)
             ? NULL
             : physical_page (cpu, result.physical & SOFT_PAGE_MASK, &ram_writable, &range);
  if (host == NULL)
    {
      /* Registers: the next access to the page needs no walk. */
      unsigned slot = (linear >> 12) % SOFT_N_IO;
      cpu->io[slot].page = page;
      cpu->io[slot].physical = result.physical & SOFT_PAGE_MASK;
      cpu->io[slot].mmu = (uint8_t)mmu;
      cpu->io[slot].writable = result.writable;
      return NULL;
    }

  if (result.large != 0)
    note_large (cpu, linear, result.large);
  list = result.global ? SOFT_FILLED_GLOBAL : SOFT_FILLED_LOCAL;
  if (access == ACCESS_EXEC)
    {
      SoftExecEntry *exec;

      mmu = mmu == SOFT_MMU_USER ? SOFT_EXEC_USER : SOFT_EXEC_SUPERVISOR;
      index &= SOFT_EXEC_SIZE - 1;
      exec = &cpu->execs[mmu][index];
      exec->page = page;
      exec->addend = (uintptr_t)host - page;
      cpu->exec_large[mmu][index] = result.large;
      cpu->exec_global[mmu][index] = result.global;
      note_filled (cpu, list, SOFT_N_MMU + mmu, index);
      return host + (linear & 0xfff);
    }
  /* Entries are by 4 KiB page; one that already knows the page keeps its other kinds of access. */
  if (entry->addend != (uintptr_t)host - page || entry->read != page)
    {
      empty_entry (cpu, mmu, index);
      entry->addend = (uintptr_t)host - page;
      entry->page = (uintptr_t)host;
      cpu->guarded[mmu][index] = FALSE;
    }
  cpu->large[mmu][index] = result.large;
  note_filled (cpu, list, mmu, index);
  if (!cpu->watching)
    {
      entry->read = page;
      if (access == ACCESS_WRITE && result.writable && ram_writable
          && soft_code_in_page (cpu->engine->code, host))
        cpu->guarded[mmu][index] = !region_dirty_log_on (range->region);
      else if (access == ACCESS_WRITE && result.writable && ram_writable)
        {
          uint64_t offset = range->offset + ((result.physical & SOFT_PAGE_MASK) - range->start);
          if (region_dirty_log_on (range->region))
            {
              if (cpu->n_logged == SOFT_N_LOGGED)
                soft_drop_logged (cpu);
              cpu->logged[cpu->n_logged].region = region_ref (range->region);
              cpu->logged[cpu->n_logged].offset = offset;
              cpu->logged[cpu->n_logged].mmu = (uint8_t)mmu;
              cpu->logged[cpu->n_logged].index = (uint16_t)index;
              cpu->n_logged++;
              region_mark_dirty (range->region, offset, GUEST_PAGE_SIZE);
            }
          entry->write = page;
        }
    }
  if (access == ACCESS_WRITE && (!ram_writable || entry->write != page))
    {
      /* ROM, or decoded code: address_space_store() does it right. */
      return NULL;
    }
  return host + (linear & 0xfff);
}

/* Registers that were found before. */
static inline gboolean
known_io (SoftCpu *cpu, uint64_t linear, unsigned mmu, gboolean write, uint64_t *physical)
{
  unsigned slot = (linear >> 12) % SOFT_N_IO;

  if (cpu->io[slot].page != (linear & SOFT_PAGE_MASK) || cpu->io[slot].mmu != mmu
      || (write && !cpu->io[slot].writable))
    return FALSE;
  *physical = cpu->io[slot].physical | (linear & 0xfff);
  return TRUE;
}

static uint64_t
read_part (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, unsigned mmu)
{
  uint64_t physical, value = 0;
  const SoftTlbEntry *entry = &cpu->tlbs[mmu][(linear >> 12) & (SOFT_TLB_SIZE - 1)];
  const uint8_t *host = NULL;

  if (entry->read == (linear & SOFT_PAGE_MASK))
    host = (const uint8_t *)(entry->addend + linear);
  else if (!known_io (cpu, linear, mmu, FALSE, &physical))
    host = fill (cpu, insn, linear, ACCESS_READ, mmu, &physical);
  if (host != NULL)
    {
      memcpy (&value, host, size);
      return value;
    }
  cpu->insn = insn;
  return soft_physical_read (cpu, physical, size);
}

static void
write_part (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint64_t value, unsigned size, unsigned mmu)
{
  uint64_t physical, page = linear & SOFT_PAGE_MASK;
  unsigned index = (linear >> 12) & (SOFT_TLB_SIZE - 1);
  const SoftTlbEntry *entry = &cpu->tlbs[mmu][index];
  uint8_t *host = NULL;

  if (entry->write == page)
    host = (uint8_t *)(entry->addend + linear);
  else if (entry->read == page && cpu->guarded[mmu][index]
           && soft_code_store (cpu->engine->code, (uint8_t *)(entry->addend + linear), size))
    /* Data beside code: what was decoded from these very bytes is gone now. */
    host = (uint8_t *)(entry->addend + linear);
  else if (!known_io (cpu, linear, mmu, TRUE, &physical))
    host = fill (cpu, insn, linear, ACCESS_WRITE, mmu, &physical);
  if (host != NULL)
    {
      memcpy (host, &value, size);
      return;
    }
  cpu->insn = insn;
  soft_physical_write (cpu, physical, value, size);
}

static void
probe_part (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, Access access, unsigned mmu)
{
  uint64_t physical;
  const SoftTlbEntry *entry = &cpu->tlbs[mmu][(linear >> 12) & (SOFT_TLB_SIZE - 1)];

  if ((access == ACCESS_WRITE ? entry->write : entry->read) != (linear & SOFT_PAGE_MASK))
    fill (cpu, insn, linear, access, mmu, &physical);
}

/* First byte of the second page of an access that crosses: what CR2 shows if that one is missing. */
static inline uint64_t
last_page (const SoftCpu *cpu, uint64_t linear, unsigned size)
{
  return (linear + size - 1) & SOFT_PAGE_MASK & cpu->linear_mask;
}

/* Both pages of an access that crosses, in the order in which they fault; an end that isn't canonical comes first. */
static void
probe_crossing (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, Access access,
                unsigned mmu)
{
  if (soft_in_64 (cpu) && (cpu->cr0 & CR0_PG) != 0 && !soft_is_canonical (linear + size - 1))
    soft_raise_error (cpu, insn, is_stack_access (cpu, insn, linear) ? EXC_SS : EXC_GP, 0);
  probe_part (cpu, insn, linear, access, mmu);
  probe_part (cpu, insn, last_page (cpu, linear, size), access, mmu);
}

/* An access that goes through the flat segments of 32-bit code without a look at their limit, which an operand over 4 GiB is beyond
 * (APM 2, 4.12.1; SDM 3, 5.3 leaves it open).  In other segments soft_linear() has looked; their addresses may well wrap. */
static inline void
check_wrap (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size)
{
  if (G_UNLIKELY (linear + (size - 1) > cpu->linear_mask) && !soft_in_64 (cpu)
      && (cpu->key & SOFT_KEY_FLAT) != 0 && insn != NULL && insn->seg != CPU_FS && insn->seg != CPU_GS)
    soft_raise_error (cpu, insn, is_stack_access (cpu, insn, linear) ? EXC_SS : EXC_GP, 0);
}

static uint64_t
read_any (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, unsigned mmu)
{
  unsigned first = GUEST_PAGE_SIZE - (linear & 0xfff);
  uint64_t value = 0;

  if (size <= first)
    return read_part (cpu, insn, linear, size, mmu);
  /* Both pages must be there before a register of a device is touched. */
  probe_crossing (cpu, insn, linear, size, ACCESS_READ, mmu);
  for (unsigned i = 0; i < size; i++)
    value |= read_part (cpu, insn, (linear + i) & cpu->linear_mask, 1, mmu) << (8 * i);
  return value;
}

static void
write_any (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint64_t value, unsigned size, unsigned mmu)
{
  unsigned first = GUEST_PAGE_SIZE - (linear & 0xfff);

  if (size <= first)
    {
      write_part (cpu, insn, linear, value, size, mmu);
      return;
    }
  probe_crossing (cpu, insn, linear, size, ACCESS_WRITE, mmu);
  for (unsigned i = 0; i < size; i++)
    write_part (cpu, insn, (linear + i) & cpu->linear_mask, (value >> (8 * i)) & 0xff, 1, mmu);
}

/* #AC of CPL 3 (SDM volume 3, 6.15). Only unaligned accesses get here for it; soft_update_mode() keeps the buffer empty
 * of fast entries while alignment is checked. */
static inline void
check_watch (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, gboolean write)
{
  if (G_UNLIKELY (cpu->watching))
    soft_watch_access (cpu, insn, linear, size, write);
}

uint64_t
soft_read_slow (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size)
{
  check_wrap (cpu, insn, linear, size);
  check_watch (cpu, insn, linear, size, FALSE);
  return read_any (cpu, insn, linear, size, cpu->mmu);
}

void
soft_write_slow (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint64_t value, unsigned size)
{
  check_wrap (cpu, insn, linear, size);
  check_watch (cpu, insn, linear, size, TRUE);
  write_any (cpu, insn, linear, value, size, cpu->mmu);
}

void
soft_read_bytes (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, void *buffer, unsigned length)
{
  uint8_t *out = buffer;

  check_wrap (cpu, insn, linear, length);
  check_watch (cpu, insn, linear, length, FALSE);
  if (GUEST_PAGE_SIZE - (linear & 0xfff) < length)
    probe_crossing (cpu, insn, linear, length, ACCESS_READ, cpu->mmu);
  while (length > 0)
    {
      unsigned n = length >= 8 && (linear & 7) == 0 ? 8 : length >= 4 && (linear & 3) == 0 ? 4 : 1;
      uint64_t value = read_part (cpu, insn, linear, n, cpu->mmu);
      memcpy (out, &value, n);
      out += n;
      length -= n;
      linear = (linear + n) & cpu->linear_mask;
    }
}

void
soft_write_bytes (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, const void *buffer, unsigned length)
{
  const uint8_t *in = buffer;

  soft_probe_write (cpu, insn, linear, length);
  check_watch (cpu, insn, linear, length, TRUE);
  while (length > 0)
    {
      unsigned n = length >= 8 && (linear & 7) == 0 ? 8 : length >= 4 && (linear & 3) == 0 ? 4 : 1;
      uint64_t value = 0;
      memcpy (&value, in, n);
      write_part (cpu, insn, linear, value, n, cpu->mmu);
      in += n;
      length -= n;
      linear = (linear + n) & cpu->linear_mask;
    }
}

void
soft_probe_write (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned length)
{
  check_wrap (cpu, insn, linear, length);
  if (GUEST_PAGE_SIZE - (linear & 0xfff) < length)
    probe_crossing (cpu, insn, linear, length, ACCESS_WRITE, cpu->mmu);
  else
    probe_part (cpu, insn, linear, ACCESS_WRITE, cpu->mmu);
}

/* -- The processor's own accesses --------------------------------------------------------------------------- */

static unsigned
system_mmu (const SoftCpu *cpu)
{
  /* Implicit supervisor accesses obey SMAP whatever EFLAGS.AC says (SDM volume 3, 4.6.1). */
  return (cpu->cr4 & CR4_SMAP) != 0 ? SOFT_MMU_SUPERVISOR_SMAP : SOFT_MMU_SUPERVISOR;
}

uint64_t
soft_system_read (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size)
{
  return read_any (cpu, insn, linear, size, system_mmu (cpu));
}

void
soft_system_write (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint64_t value, unsigned size)
{
  write_any (cpu, insn, linear, value, size, system_mmu (cpu));
}

void
soft_system_probe_write (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned length)
{
  if (GUEST_PAGE_SIZE - (linear & 0xfff) < length)
    probe_crossing (cpu, insn, linear, length, ACCESS_WRITE, system_mmu (cpu));
  else
    probe_part (cpu, insn, linear, ACCESS_WRITE, system_mmu (cpu));
}

static unsigned
mmu_of_cpl (const SoftCpu *cpu, unsigned cpl)
{
  if (cpl == 3)
    return SOFT_MMU_USER;
  /* The stack of an inner ring, on the way there: implicit, so EFLAGS.AC of the program doesn't count. */
  if (cpl < cpu->cpl)
    return system_mmu (cpu);
  return (cpu->cr4 & CR4_SMAP) != 0 && (cpu->eflags & FLAG_AC) == 0 ? SOFT_MMU_SUPERVISOR_SMAP
                                                                    : SOFT_MMU_SUPERVISOR;
}

uint64_t
soft_read_cpl (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, unsigned cpl)
{
  return read_any (cpu, insn, linear, size, mmu_of_cpl (cpu, cpl));
}

void
soft_write_cpl (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint64_t value, unsigned size,
                unsigned cpl)
{
  write_any (cpu, insn, linear, value, size, mmu_of_cpl (cpu, cpl));
}

const uint8_t *
soft_translate_exec (SoftCpu *cpu, uint64_t linear, uint64_t *physical, Region **region)
{
  unsigned mmu = cpu->cpl == 3 ? SOFT_MMU_USER : SOFT_MMU_SUPERVISOR;
  const FlatRange *range;
  const uint8_t *host = fill (cpu, NULL, linear, ACCESS_EXEC, mmu, physical);

  if (host == NULL)
    return NULL;
  range = find_physical (cpu, *physical);
  *region = range->region;
  return host;
}

uint8_t *
soft_host_range (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, gboolean write)
{
  const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);
  uint64_t physical;

  if (cpu->watching)
    return NULL;
  if ((write ? entry->write : entry->read) == (linear & SOFT_PAGE_MASK))
    return (uint8_t *)(entry->addend + linear);
  return fill (cpu, insn, linear, write ? ACCESS_WRITE : ACCESS_READ, cpu->mmu, &physical);
}

uint8_t *
soft_guarded_store (SoftCpu *cpu, uint64_t linear, unsigned size)
{
  unsigned index = (linear >> 12) & (SOFT_TLB_SIZE - 1);
  const SoftTlbEntry *entry = &cpu->tlb[index];
  uint8_t *host = (uint8_t *)(entry->addend + linear);

  if (entry->read != (linear & SOFT_PAGE_MASK) || !cpu->guarded[cpu->mmu][index])
    return NULL;
  /* The block that runs: it has to end behind the store. */
  if (host < cpu->block->host + cpu->block->bytes && cpu->block->host < host + size)
    return NULL;
  if (cpu->block->host2 != NULL && (((uintptr_t)host ^ (uintptr_t)cpu->block->host2) & SOFT_PAGE_MASK) == 0)
    return NULL;
  if (!soft_code_store (cpu->engine->code, host, size))
    return NULL;
  return host;
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
