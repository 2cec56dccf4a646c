/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory as the processor sees it: the translation buffer's slow side, accesses that cross pages or leave RAM.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/mmu-private.h"
#include "cpu/soft/world.h"

gboolean
soft_is_canonical (uint64_t linear)
{
  return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
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
fill (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, SoftAccess access, unsigned mmu,
      uint64_t *physical)
{
  uint64_t page = linear & SOFT_PAGE_MASK;
  unsigned index = (linear >> 12) & (SOFT_TLB_SIZE - 1);
  SoftTlbEntry *entry = &cpu->tlbs[mmu][index];
  const FlatRange *range;
  gboolean ram_writable = FALSE;
  uint8_t *host;
  SoftWalk result;
  unsigned list;

  soft_check_generation (cpu);
  if (cpu->cr0 & CR0_PG)
    {
      uint32_t error;

      if (soft_in_64 (cpu) && !soft_is_canonical (linear))
        soft_raise_error (cpu, insn, is_stack_access (cpu, insn, linear) ? EXC_SS : EXC_GP, 0);
      if (!soft_walk (cpu, linear, access, mmu, &result, &error))
        page_fault (cpu, insn, linear, error);
    }
  else
    {
      result.physical = linear;
      result.writable = TRUE;
      result.large = 0;
      result.global = FALSE;
    }
  *physical = result.physical;
  host = soft_apic_hit (cpu, result.physical)
             ? NULL
             : soft_physical_page (cpu, result.physical & SOFT_PAGE_MASK, &ram_writable, &range);
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
    soft_tlb_note_large (cpu, linear, result.large);
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
      soft_tlb_note_filled (cpu, list, SOFT_N_MMU + mmu, index);
      return host + (linear & 0xfff);
    }
  /* Entries are by 4 KiB page; one that already knows the page keeps its other kinds of access. */
  if (entry->addend != (uintptr_t)host - page || entry->read != page)
    {
      soft_tlb_empty_entry (cpu, mmu, index);
      entry->addend = (uintptr_t)host - page;
      entry->page = (uintptr_t)host;
      cpu->guarded[mmu][index] = FALSE;
    }
  cpu->large[mmu][index] = result.large;
  soft_tlb_note_filled (cpu, list, mmu, index);
  if (!cpu->watching)
    {
      entry->read = page;
      if (access == ACCESS_WRITE && result.writable && ram_writable && soft_code_in_page (cpu->engine, host))
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

/* The interpreter runs ahead of translated code (translate/check.c). */
static inline void
note_store (SoftCpu *cpu, uint8_t *host, unsigned size)
{
#ifdef SOFT_TRANSLATOR
  if (G_UNLIKELY (cpu->checking))
    soft_check_store (cpu, host, size);
#endif
}

static uint64_t
read_part (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, unsigned mmu)
{
  uint64_t physical;
  const SoftTlbEntry *entry = &cpu->tlbs[mmu][(linear >> 12) & (SOFT_TLB_SIZE - 1)];
  const uint8_t *host = NULL;

  if (entry->read == (linear & SOFT_PAGE_MASK))
    host = (const uint8_t *)(entry->addend + linear);
  else if (!known_io (cpu, linear, mmu, FALSE, &physical))
    host = fill (cpu, insn, linear, ACCESS_READ, mmu, &physical);
  if (host != NULL)
    return soft_load_host (host, size);
  note_store (cpu, NULL, 0);
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
           && soft_code_in_page (cpu->engine, (uint8_t *)(entry->addend + linear)))
    {
      /* Data beside code: what was decoded from these very bytes goes. */
      note_store (cpu, NULL, 0);
      host = (uint8_t *)(entry->addend + linear);
      soft_store_host (host, value, size);
      soft_code_stored (cpu, host, size);
      return;
    }
  else if (!known_io (cpu, linear, mmu, TRUE, &physical))
    host = fill (cpu, insn, linear, ACCESS_WRITE, mmu, &physical);
  note_store (cpu, host, size);
  if (host != NULL)
    {
      soft_store_host (host, value, size);
      return;
    }
  cpu->insn = insn;
  soft_physical_write (cpu, physical, value, size);
}

static void
probe_part (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, SoftAccess access, unsigned mmu)
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
probe_crossing (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, SoftAccess access,
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

/* -- The program's accesses ------------------------------------------------------------------------------------ */

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

uint8_t
soft_system_change_bits (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint8_t clear, uint8_t set)
{
  const unsigned mmu = system_mmu (cpu), index = (linear >> 12) & (SOFT_TLB_SIZE - 1);
  const SoftTlbEntry *entry = &cpu->tlbs[mmu][index];
  const uint64_t page = linear & SOFT_PAGE_MASK;
  gboolean fast;
  uint8_t *host, old;

  probe_part (cpu, insn, linear, ACCESS_WRITE, mmu);
  fast = entry->write == page;
  if (!fast && (entry->read != page || !cpu->guarded[mmu][index]))
    {
      soft_world_stop (cpu);
      old = (uint8_t)read_part (cpu, insn, linear, 1, mmu);
      write_part (cpu, insn, linear, (old & ~clear) | set, 1, mmu);
      soft_world_go (cpu);
      return old;
    }
  host = (uint8_t *)(entry->addend + linear);
  note_store (cpu, fast ? host : NULL, fast);
  old = __atomic_load_n (host, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n (host, &old, (uint8_t)((old & ~clear) | set), FALSE, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST))
    ;
  if (!fast)
    soft_code_stored (cpu, host, 1);
  return old;
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

/* -- Host addresses for the dispatcher and the translator ------------------------------------------------------ */

const uint8_t *
soft_translate_exec (SoftCpu *cpu, uint64_t linear, uint64_t *physical, Region **region)
{
  unsigned mmu = cpu->cpl == 3 ? SOFT_MMU_USER : SOFT_MMU_SUPERVISOR;
  const FlatRange *range;
  const uint8_t *host = fill (cpu, NULL, linear, ACCESS_EXEC, mmu, physical);

  if (host == NULL)
    return NULL;
  range = soft_find_physical (cpu, *physical);
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

/* The next stores around this one need not come here. */
static void
note_gap (SoftCpu *cpu, uint64_t linear, const uint8_t *host, unsigned size)
{
  SoftGap *gap = &cpu->gap[(linear >> 12) & (SOFT_N_GAPS - 1)];
  const unsigned at = (unsigned)(linear & 0xfff);
  unsigned first, end;

  soft_code_bytes_between (cpu->engine, host - at, at, size, &first, &end);
  if (end - first < SOFT_GAP_STORE)
    return;
  gap->low = linear - at + first;
  gap->room = end - first - (SOFT_GAP_STORE - 1);
  gap->host = (uintptr_t)host - at + first;
  cpu->any_gap = TRUE;
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
  /* Where others run, code is dropped behind the store. */
  if (cpu->beside || !soft_code_in_page (cpu->engine, host))
    return NULL;
  soft_code_stored (cpu, host, size);
  note_gap (cpu, linear, host, size);
  return host;
}
