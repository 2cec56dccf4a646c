/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The cache of decoded code.  Blocks are found by the host address of their first byte, so they outlive changes of
 * page tables and of the memory map; a page with blocks has no fast write entry in any translation buffer, and its
 * slow writes drop exactly the blocks whose bytes they touch (code-pages.h).  A processor has a cache of its own.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/code-pages.h"
#include "cpu/soft/engine-soft.h"

#include <sys/mman.h>

#ifdef SOFT_TRANSLATOR
#include "cpu/soft/translate/translate.h"
#endif

#define HASH_SIZE     (1u << 17)
#define GRANULE_SHIFT 3 /* 8 bytes a bit */
#define GRANULE_WORDS (4096 >> GRANULE_SHIFT >> 6)

/* What the processor has in a page, by the page's index in the table. */
typedef struct
{
  SoftBlock *blocks;
  uint64_t granules[GRANULE_WORDS]; /* where blocks have bytes; other threads look (atomic) */
} CodePage;

struct SoftCode
{
  SoftCpu *cpu;
  uint8_t *arena;
  size_t size, used;
  SoftBlock *hash[HASH_SIZE];
  CodePage *pages;
  SoftBlock *scratch; /* for code that isn't in RAM, and instructions over two pages that aren't cached */
  uint64_t flushes;
};

static inline unsigned
block_hash (const uint8_t *host, uint32_t key)
{
  uint64_t h = ((uintptr_t)host ^ ((uint64_t)key << 13)) * 0x9e3779b97f4a7c15ULL;
  return (unsigned)(h >> 40) & (HASH_SIZE - 1);
}

static inline const uint8_t *
page_of (const uint8_t *host)
{
  return (const uint8_t *)((uintptr_t)host & ~(uintptr_t)0xfff);
}

SoftCode *
soft_code_new (SoftCpu *cpu, size_t arena_size)
{
  SoftCode *code = g_new0 (SoftCode, 1);

  code->cpu = cpu;
  code->size = arena_size;
  code->arena
      = mmap (NULL, arena_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (code->arena == MAP_FAILED)
    g_error ("no memory for decoded code");
  /* It is filled from its start on, by megabytes: a page at a time would be some per cent of a guest's start. */
  (void)madvise (code->arena, arena_size, MADV_HUGEPAGE);
  code->pages = g_new0 (CodePage, SOFT_MAX_CODE_PAGES);
  code->scratch = g_malloc0 (sizeof (SoftBlock) + 4 * sizeof (SoftInsn));
  return code;
}

void
soft_code_free (SoftCode *code)
{
  munmap (code->arena, code->size);
  g_free (code->pages);
  g_free (code->scratch);
  g_free (code);
}

void
soft_code_flush (SoftCpu *cpu)
{
  SoftCode *code = cpu->code;
  SoftPages *pages = cpu->engine->pages;

  memset (code->hash, 0, sizeof code->hash);
  code->used = 0;
  code->flushes++;
  for (unsigned i = 0; i < soft_pages_count (pages); i++)
    {
      SoftCodePage *p = soft_pages_at (pages, i);

      if ((soft_page_owners (p) & 1ULL << cpu->n) == 0)
        continue;
      code->pages[i].blocks = NULL;
      for (unsigned w = 0; w < GRANULE_WORDS; w++)
        __atomic_store_n (&code->pages[i].granules[w], 0, __ATOMIC_RELAXED);
      soft_pages_disclaim (cpu, p);
    }
#ifdef SOFT_TRANSLATOR
  if (cpu->translator != NULL)
    soft_translator_flush (cpu->translator);
#endif
  memset (cpu->jumps, 0xff, sizeof cpu->jumps);
  cpu->jump_key += 1ULL << 32;
}

void
soft_code_flush_all (SoftEngine *engine)
{
  for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
    soft_code_flush (engine->cpus[i]);
  soft_pages_clear (engine->pages);
}

void
soft_code_page_moved (SoftCpu *cpu, unsigned from, unsigned to)
{
  if (from != to)
    cpu->code->pages[to] = cpu->code->pages[from];
  if (from != to)
    memset (&cpu->code->pages[from], 0, sizeof cpu->code->pages[from]);
}

/* What is in the page, if the processor is among its owners. */
static CodePage *
find_page (SoftCode *code, const uint8_t *page, SoftCodePage **shared)
{
  const SoftPages *pages = code->cpu->engine->pages;

  *shared = soft_pages_find (pages, page);
  if (*shared == NULL || (soft_page_owners (*shared) & 1ULL << code->cpu->n) == 0)
    return NULL;
  return &code->pages[soft_pages_index (pages, *shared)];
}

static void
set_granules (uint64_t granules[GRANULE_WORDS], unsigned first, unsigned length)
{
  for (unsigned i = first >> GRANULE_SHIFT; i <= (first + length - 1) >> GRANULE_SHIFT; i++)
    __atomic_store_n (&granules[i / 64], granules[i / 64] | 1ULL << (i % 64), __ATOMIC_RELAXED);
}

static gboolean
any_granule (const uint64_t granules[GRANULE_WORDS], unsigned first, unsigned length)
{
  for (unsigned i = first >> GRANULE_SHIFT; i <= (first + length - 1) >> GRANULE_SHIFT; i++)
    if (__atomic_load_n (&granules[i / 64], __ATOMIC_RELAXED) & 1ULL << (i % 64))
      return TRUE;
  return FALSE;
}

gboolean
soft_code_uses (const SoftCpu *cpu, unsigned index, unsigned first, unsigned length)
{
  return any_granule (cpu->code->pages[index].granules, first, length);
}

void
soft_code_bytes_between (const SoftEngine *engine, const uint8_t *page, unsigned at, unsigned size,
                         unsigned *first, unsigned *end)
{
  const SoftCodePage *shared = soft_pages_find (engine->pages, page);
  uint64_t owners = shared != NULL ? soft_page_owners (shared) : 0;
  unsigned low = 0, high = 4096;

  for (; owners != 0; owners &= owners - 1)
    {
      const SoftCode *code = engine->cpus[__builtin_ctzll (owners)]->code;
      const uint64_t *granules = code->pages[soft_pages_index (engine->pages, shared)].granules;

      for (unsigned i = at >> GRANULE_SHIFT; i > low >> GRANULE_SHIFT; i--)
        if ((granules[(i - 1) / 64] >> ((i - 1) % 64) & 1) != 0)
          low = i << GRANULE_SHIFT;
      for (unsigned i = ((at + size - 1) >> GRANULE_SHIFT) + 1; i < high >> GRANULE_SHIFT; i++)
        if ((granules[i / 64] >> (i % 64) & 1) != 0)
          high = i << GRANULE_SHIFT;
      if (any_granule (granules, at, size))
        low = high = at;
    }
  *first = low;
  *end = high;
}

/* Where the block has bytes in `page`: first and length. */
static gboolean
block_extent (const SoftBlock *block, const uint8_t *page, unsigned *first, unsigned *length)
{
  if (page_of (block->host) == page)
    {
      *first = (unsigned)(block->host - page);
      *length = MIN (block->bytes, 4096 - *first);
      return *length > 0;
    }
  *first = 0;
  *length = block->bytes - (4096 - (unsigned)((uintptr_t)block->host & 0xfff));
  return TRUE;
}

static SoftBlock **
page_link (SoftBlock *block, const uint8_t *page)
{
  return &block->page_next[page_of (block->host) == page ? 0 : 1];
}

static void
unlink_from_page (SoftCode *code, SoftBlock *block, const uint8_t *page)
{
  SoftCodePage *shared;
  CodePage *p = find_page (code, page, &shared);
  SoftBlock **link;

  if (p == NULL)
    return;
  for (link = &p->blocks; *link != NULL; link = page_link (*link, page))
    if (*link == block)
      {
        *link = *page_link (block, page);
        break;
      }
  if (p->blocks == NULL)
    soft_pages_disclaim (code->cpu, shared);
}

/* The block's bytes are no longer what was decoded.  It may be running: every handler from here on leaves. */
static void
invalidate (SoftCode *code, SoftBlock *block)
{
  SoftBlock **link;

  for (link = &code->hash[block_hash (block->host, block->key)]; *link != NULL; link = &(*link)->hash_next)
    if (*link == block)
      {
        *link = block->hash_next;
        break;
      }
  for (unsigned i = 0; i <= block->n_insns; i++)
    block->insns[i].handler = soft_stale;
  block->cost = SOFT_STALE;
#ifdef SOFT_TRANSLATOR
  if (block->unit != NULL)
    soft_unit_kill (code->cpu->translator, block->unit);
#endif
}

static void
written_in_page (SoftCode *code, const uint8_t *host, unsigned length)
{
  const uint8_t *page = page_of (host);
  SoftCodePage *shared;
  CodePage *p = find_page (code, page, &shared);
  unsigned start = (unsigned)(host - page);
  SoftBlock **link;
  uint64_t granules[GRANULE_WORDS] = { 0 };

  if (p == NULL || !any_granule (p->granules, start, length))
    return;
  for (link = &p->blocks; *link != NULL;)
    {
      SoftBlock *block = *link;
      unsigned first, n;

      block_extent (block, page, &first, &n);
      if (first < start + length && start < first + n)
        {
          *link = *page_link (block, page);
          if (block->host2 != NULL)
            unlink_from_page (code, block,
                              page_of (block->host) == page ? page_of (block->host2) : page_of (block->host));
          invalidate (code, block);
        }
      else
        {
          set_granules (granules, first, n);
          link = page_link (block, page);
        }
    }
  for (unsigned i = 0; i < GRANULE_WORDS; i++)
    __atomic_store_n (&p->granules[i], granules[i], __ATOMIC_RELAXED);
  if (p->blocks == NULL)
    soft_pages_disclaim (code->cpu, shared);
}

void
soft_code_drop (SoftCpu *cpu, const uint8_t *host, uint64_t length)
{
  SoftCode *code = cpu->code;
  const SoftPages *pages = cpu->engine->pages;

  if (length / 4096 > soft_pages_count (pages))
    {
      for (unsigned i = 0; i < soft_pages_count (pages); i++)
        {
          const uint8_t *page = soft_pages_at (pages, i)->host;
          const uint8_t *first = MAX (page, host), *end = MIN (page + 4096, host + length);

          if (first < end)
            written_in_page (code, first, (unsigned)(end - first));
        }
      return;
    }
  while (length > 0)
    {
      unsigned n = (unsigned)MIN (length, 4096 - ((uintptr_t)host & 0xfff));
      written_in_page (code, host, n);
      host += n;
      length -= n;
    }
}

/* -- Making blocks ------------------------------------------------------------------------------------------------ */

static void
add_to_page (SoftCode *code, SoftBlock *block, const uint8_t *page)
{
  SoftCodePage *shared;
  CodePage *p = find_page (code, page, &shared);
  unsigned first, length;

  block_extent (block, page, &first, &length);
  set_granules (p->granules, first, length);
  /* Side by side there are none. */
  if (!code->cpu->beside)
    for (unsigned i = 0; i < code->cpu->engine->parent.config.n_cpus; i++)
      soft_drop_gaps_of (code->cpu->engine->cpus[i], page);
  *page_link (block, page) = p->blocks;
  p->blocks = block;
}

static void
setup_decode (SoftCpu *cpu, SoftDecode *d)
{
  memset (d, 0, sizeof *d);
  d->key = cpu->key;
  d->mode = cpu->key & SOFT_KEY_SIZE;
}

/* How many bytes from RIP on the code segment's limit allows. */
static uint64_t
bytes_to_limit (SoftCpu *cpu, uint64_t rip)
{
  if (soft_in_64 (cpu))
    return G_MAXUINT64;
  if (rip > cpu->segment[CPU_CS].limit)
    return 0;
  return (uint64_t)cpu->segment[CPU_CS].limit - rip + 1;
}

static void
end_block (SoftCpu *cpu, SoftBlock *block, unsigned offset)
{
  SoftInsn *last = &block->insns[block->n_insns];

  memset (last, 0, sizeof *last);
  last->handler = soft_goto;
  last->imm = offset;
  last->offset = (uint16_t)offset;
}

/* cmp or test, then jcc: one dispatch. */
static void
fuse (SoftInsn *first, unsigned condition)
{
  for (unsigned s = 0; s < 4; s++)
    {
      if (first->handler == soft_alu_rr[7][s])
        first->handler = soft_fused_cmp_rr[s][condition];
      else if (first->handler == soft_alu_ri[7][s])
        first->handler = soft_fused_cmp_ri[s][condition];
      else if (first->handler == soft_test_rr[s])
        first->handler = soft_fused_test_rr[s][condition];
      else if (first->handler == soft_test_ri[s])
        first->handler = soft_fused_test_ri[s][condition];
      else if (first->handler == soft_dec_r[s])
        first->handler = soft_fused_dec[s][condition];
    }
}

/* Room for what a block is decoded from, and its last instruction's longest. */
#define DECODE_BYTES (SOFT_MAX_BLOCK_BYTES + 16)
/* How often an instruction is read anew that is being written to. */
#define GATHER_ROUNDS 64u

/* Decodes, from a copy in `bytes`, as many instructions as make a block.  0 instructions: the first one crosses the page. */
static void
decode_block (SoftCpu *cpu, SoftBlock *block, uint8_t bytes[DECODE_BYTES], uint64_t rip)
{
  unsigned in_page = 4096 - (unsigned)((uintptr_t)block->host & 0xfff);
  uint64_t limit = bytes_to_limit (cpu, rip);
  unsigned available = (unsigned)MIN (MIN ((uint64_t)in_page, limit), DECODE_BYTES);
  unsigned max = (cpu->key & SOFT_KEY_STEP) != 0 ? 1 : SOFT_MAX_BLOCK_INSNS;
  unsigned offset = 0;

  soft_code_copy (bytes, block->host, available);
  block->n_insns = 0;
  while (block->n_insns < max && offset < SOFT_MAX_BLOCK_BYTES)
    {
      SoftInsn *insn = &block->insns[block->n_insns];
      SoftDecode d;
      gboolean go_on;

      setup_decode (cpu, &d);
      d.bytes = bytes + offset;
      d.available = MIN (available - offset, 15);
      memset (insn, 0, sizeof *insn);
      insn->offset = (uint16_t)offset;
      go_on = soft_decode (&d, insn);
      if (d.overrun)
        break;
      offset += insn->length;
      block->n_insns++;
      if (!go_on)
        {
          if (block->n_insns >= 2 && insn->handler == soft_jcc[d.opcode & 15])
            fuse (insn - 1, d.opcode & 15);
          break;
        }
    }
  block->bytes = (uint16_t)offset;
  end_block (cpu, block, offset);
}

/* Bytes that were read one after the other are made those of one time: another processor may just be writing them.  TRUE: they were.  `from` has NULL for a
 * device's. */
static gboolean
make_of_one_time (const uint8_t *const *from, uint8_t *bytes, unsigned n)
{
  for (unsigned round = 0; round < GATHER_ROUNDS; round++)
    {
      gboolean same = TRUE;

      __atomic_signal_fence (__ATOMIC_SEQ_CST);
      for (unsigned i = 0; i < n; i++)
        {
          const uint8_t now = from[i] != NULL ? __atomic_load_n (from[i], __ATOMIC_RELAXED) : bytes[i];

          same &= now == bytes[i];
          bytes[i] = now;
        }
      if (same)
        return round == 0;
    }
  return FALSE;
}

/* One instruction from bytes that were gathered one by one: over a page's end, or from a device. */
static SoftBlock *
decode_gathered (SoftCpu *cpu, SoftBlock *block, uint8_t bytes[15], uint64_t linear, uint64_t rip)
{
  uint64_t limit = bytes_to_limit (cpu, rip);
  unsigned n = 0, want = (unsigned)MIN (limit, 15);
  const uint8_t *from[15];
  SoftDecode d;
  SoftInsn *insn = &block->insns[0];

  /* Byte by byte, so that a fault on the second page is taken only if the instruction reaches there. */
  for (;;)
    {
      uint64_t at = (linear + n) & cpu->linear_mask;

      setup_decode (cpu, &d);
      d.bytes = bytes;
      d.available = n;
      memset (insn, 0, sizeof *insn);
      if (n > 0)
        {
          soft_decode (&d, insn);
          if (!d.overrun && !make_of_one_time (from, bytes, n))
            {
              setup_decode (cpu, &d);
              d.bytes = bytes;
              d.available = n;
              memset (insn, 0, sizeof *insn);
              soft_decode (&d, insn);
            }
          if (!d.overrun)
            break;
        }
      if (n == want)
        soft_raise_error (cpu, NULL, EXC_GP, 0); /* 15 bytes, or the segment's end */
      uint64_t physical;
      Region *region;
      const uint8_t *host = soft_translate_exec (cpu, at, &physical, &region);
      from[n] = host;
      bytes[n++] = host != NULL ? *host : (uint8_t)soft_physical_read (cpu, physical, 1);
    }
  block->n_insns = 1;
  block->bytes = insn->length;
  block->cost = 1;
  block->key = cpu->key;
  block->heat = 0;
  block->translated = NULL;
  end_block (cpu, block, insn->length);
  return block;
}

uint32_t
soft_code_ref (const SoftCode *code, const SoftInsn *insn)
{
  return (uint32_t)(((const uint8_t *)insn - code->arena) / 16);
}

const SoftInsn *
soft_code_deref (const SoftCode *code, uint32_t ref)
{
  return (const SoftInsn *)(code->arena + (size_t)ref * 16);
}

SoftBlock *
soft_code_reserve (SoftCpu *cpu, unsigned n_insns)
{
  SoftCode *code = cpu->code;
  size_t worst = sizeof (SoftBlock) + n_insns * sizeof (SoftInsn);
  SoftBlock *block;

  if (code->used + worst > code->size)
    soft_code_flush (cpu);
  block = (SoftBlock *)(code->arena + code->used);
  memset (block, 0, sizeof *block);
  return block;
}

void
soft_code_copy (uint8_t *to, const uint8_t *from, unsigned length)
{
  memcpy (to, from, length);
}

/* From now on stores to it are noticed; not those before, so it is compared after that. */
static gboolean
is_as_decoded (const SoftBlock *block, const uint8_t *bytes)
{
  unsigned first = 4096 - (unsigned)((uintptr_t)block->host & 0xfff);

  soft_fence ();
  if (block->host2 == NULL)
    return memcmp (bytes, block->host, block->bytes) == 0;
  return memcmp (bytes, block->host, first) == 0
         && memcmp (bytes + first, block->host2, block->bytes - first) == 0;
}

gboolean
soft_code_commit (SoftCpu *cpu, SoftBlock *block, unsigned n_insns, const uint8_t *bytes)
{
  SoftCode *code = cpu->code;
  const uint8_t *page = page_of (block->host), *page2 = block->host2 != NULL ? page_of (block->host2) : page;
  SoftCodePage *shared;

  /* Page tables in the same page may have been written on the way here. */
  if (find_page (code, page, &shared) == NULL || find_page (code, page2, &shared) == NULL)
    return FALSE;
  code->used += (sizeof (SoftBlock) + n_insns * sizeof (SoftInsn) + 15) & ~(size_t)15;
  add_to_page (code, block, page);
  if (page2 != page)
    add_to_page (code, block, page2);
  if (is_as_decoded (block, bytes))
    return TRUE;
  soft_code_drop (cpu, block->host, 1);
  return FALSE;
}

static gboolean
commit_block (SoftCpu *cpu, SoftBlock *block, const uint8_t *bytes)
{
  SoftCode *code = cpu->code;
  unsigned h = block_hash (block->host, block->key);

  block->cost = block->n_insns;
  block->hash_next = code->hash[h];
  code->hash[h] = block;
  if (soft_code_commit (cpu, block, block->n_insns + 1u, bytes))
    return TRUE;
  /* It may not have come as far as being dropped. */
  if (code->hash[h] == block)
    code->hash[h] = block->hash_next;
  return FALSE;
}

const uint8_t *
soft_fetched (const SoftCpu *cpu, uint64_t linear)
{
  const SoftExecEntry *entry = &cpu->execs[cpu->cpl == 3 ? SOFT_EXEC_USER : SOFT_EXEC_SUPERVISOR]
                                          [(linear >> 12) & (SOFT_EXEC_SIZE - 1)];

  return entry->page == (linear & SOFT_PAGE_MASK) ? (const uint8_t *)(entry->addend + linear) : NULL;
}

SoftBlock *
soft_known_block (SoftCpu *cpu)
{
  uint64_t rip = cpu->reg[SOFT_REG_RIP], linear = (cpu->check[CPU_CS].base + rip) & cpu->linear_mask;
  SoftJump *jump = &cpu->jumps[soft_jump_slot (linear)];

  if (jump->linear != linear || rip > cpu->jump_limit)
    return NULL;
  if (jump->key != cpu->jump_key)
    {
      /* Page tables have changed since, or there was a flush: most often the code is where it was. */
      if (jump->key == SOFT_JUMP_NONE || (uint32_t)jump->key != (uint32_t)cpu->jump_key
          || jump->block->host != soft_fetched (cpu, linear))
        return NULL;
      jump->key = cpu->jump_key;
    }
  return jump->block->cost != SOFT_STALE ? jump->block : NULL;
}

static SoftBlock *
find_decoded (const SoftCode *code, const uint8_t *host, uint32_t key)
{
  SoftBlock *block = code->hash[block_hash (host, key)];

  while (block != NULL && (block->host != host || block->key != key))
    block = block->hash_next;
  return block;
}

SoftBlock *
soft_find_block (SoftCpu *cpu)
{
  SoftCode *code = cpu->code;
  uint8_t bytes[DECODE_BYTES];
  uint64_t rip = cpu->reg[SOFT_REG_RIP];
  uint64_t linear = (cpu->check[CPU_CS].base + rip) & cpu->linear_mask;
  SoftJump *jump = &cpu->jumps[soft_jump_slot (linear)];
  uint64_t physical, physical2;
  Region *region = NULL, *region2 = NULL;
  const uint8_t *host, *host2 = NULL;
  SoftBlock *block;

  if (rip > cpu->jump_limit)
    {
      if (bytes_to_limit (cpu, rip) == 0 || (soft_in_64 (cpu) && !soft_is_canonical (rip)))
        soft_raise_error (cpu, NULL, EXC_GP, 0);
    }
  else
    {
      block = soft_known_block (cpu);
      if (block != NULL)
        return block;
    }

  host = soft_fetched (cpu, linear);
  block = host != NULL ? find_decoded (code, host, cpu->key) : NULL;
  if (block == NULL)
    {
      /* By the page tables, which tell the region, too, and may have been changed behind what is fetched by: then it is another page, or none of RAM. */
      host = soft_translate_exec (cpu, linear, &physical, &region);
      if (host == NULL)
        return decode_gathered (cpu, code->scratch, bytes, linear, rip);
      block = find_decoded (code, host, cpu->key);
    }
  if (block != NULL && block->host2 != NULL)
    {
      uint64_t at = (linear + 4096) & SOFT_PAGE_MASK & cpu->linear_mask;

      host2 = soft_fetched (cpu, at);
      if (host2 == NULL)
        host2 = soft_translate_exec (cpu, at, &physical2, &region2);
      if (host2 != block->host2 || bytes_to_limit (cpu, rip) < block->bytes)
        return decode_gathered (cpu, code->scratch, bytes, linear, rip);
      return block;
    }
  if (block != NULL && bytes_to_limit (cpu, rip) < block->bytes)
    return decode_gathered (cpu, code->scratch, bytes, linear, rip);
  if (block == NULL)
    {
      block = soft_code_reserve (cpu, SOFT_MAX_BLOCK_INSNS + 2);
      if (soft_pages_claim (cpu, page_of (host), region) == NULL)
        return decode_gathered (cpu, code->scratch, bytes, linear, rip);
      block->host = host;
      block->key = cpu->key;
      decode_block (cpu, block, bytes, rip);
      if (block->n_insns == 0)
        {
          uint64_t at;

          decode_gathered (cpu, block, bytes, linear, rip);
          at = (linear + 4096) & SOFT_PAGE_MASK & cpu->linear_mask;
          if (block->bytes <= 4096 - ((uintptr_t)host & 0xfff))
            return memcpy (code->scratch, block, sizeof *block + 2 * sizeof (SoftInsn));
          host2 = soft_translate_exec (cpu, at, &physical2, &region2);
          if (host2 == NULL || soft_pages_claim (cpu, page_of (host2), region2) == NULL)
            return memcpy (code->scratch, block, sizeof *block + 2 * sizeof (SoftInsn));
          block->host2 = host2;
          if (!commit_block (cpu, block, bytes))
            return decode_gathered (cpu, code->scratch, bytes, linear, rip);
          return block;
        }
      /* Bytes that change while they are decoded: one instruction of them, and nothing to keep. */
      if (!commit_block (cpu, block, bytes))
        return decode_gathered (cpu, code->scratch, bytes, linear, rip);
    }
  jump->linear = linear;
  jump->key = cpu->jump_key;
  jump->block = block;
  return block;
}

void
soft_branch_out (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftBlock *from = cpu->block, *to = insn->chain;
  uint64_t rip = cpu->reg[SOFT_REG_RIP] + insn->imm;
  uint64_t linear;
  const SoftJump *jump;

  if (rip > cpu->jump_limit)
    {
      /* The main loop finds out whether it is beyond the limit, which counts as a fault of the target (SDM: of the branch;
       * so the check is here). */
      rip &= insn->handler == soft_goto ? cpu->rip_mask : cpu->branch_mask;
      if (insn->handler != soft_goto && !soft_in_64 (cpu) && rip > cpu->segment[CPU_CS].limit)
        soft_raise_error (cpu, insn, EXC_GP, 0);
      cpu->reg[SOFT_REG_RIP] = rip;
      SOFT_EXIT (cpu);
    }
  if (to != NULL && to->cost == SOFT_STALE)
    ((SoftInsn *)insn)->chain = to = NULL;
  if (to == NULL)
    {
      linear = (cpu->check[CPU_CS].base + rip) & cpu->linear_mask;
      jump = &cpu->jumps[soft_jump_slot (linear)];
      if (jump->linear == linear && jump->key == cpu->jump_key && jump->block->cost != SOFT_STALE)
        {
          to = jump->block;
          /* Within one page the same distance always leads to the same bytes. */
          if (from != cpu->code->scratch && from->cost != SOFT_STALE && from->host2 == NULL
              && page_of (to->host) == page_of (from->host) && to->host == from->host + (int64_t)insn->imm)
            ((SoftInsn *)insn)->chain = to;
        }
    }
  cpu->reg[SOFT_REG_RIP] = rip;
  if (to == NULL)
    SOFT_EXIT (cpu);
  SOFT_ENTER (cpu, to);
}
