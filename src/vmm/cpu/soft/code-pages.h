/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which pages of the host's memory hold decoded code, and of which processors.  Each processor has a cache of decoded and of translated code of its
 * own (SoftCode, SoftTranslator) that only its own thread changes; this table is what they share, so that a store by one is noticed by all.
 *
 * The invariant: while a page has an owner, no processor has a write tag or a store window on it.  So
 *   - the first owner comes while the world is stopped (world.h), and takes those from all processors; a second one adds its bit, without more;
 *   - a processor that fills a write tag looks for owners just before; it runs, so no first owner can come in between;
 *   - stores to such pages go a slow way: the bytes first, a fence, then the owners, whose granules tell whether they have decoded from these bytes
 *     (soft_code_written()).  Who decodes makes itself an owner, notes the granules, and after a fence looks whether the bytes are still
 *     those that it has decoded.  One of the two sees the other, always.
 *
 * A processor's own blocks are gone when its store is done; another's when that one next looks (SOFT_ATTENTION_CODE), which is before it executes
 * what comes behind a serializing instruction, an interrupt, an indirect or a backward jump (SDM volume 3, 8.1.3).
 */
#pragma once

#include "cpu/soft/exec.h"

G_BEGIN_DECLS

#define SOFT_MAX_CODE_PAGES (1u << 15)

typedef struct SoftCodePage
{
  const uint8_t *host;
  uint64_t owners; /* atomic: a bit a processor that has blocks there */
  struct SoftCodePage *next;
} SoftCodePage;

SoftPages *soft_pages_new (SoftEngine *engine);
void soft_pages_free (SoftPages *pages);
/* All processors are paused, and have flushed their code: nothing is in the table. */
void soft_pages_clear (SoftPages *pages);

/* A processor's thread.  NULL: nobody ever decoded anything there. */
SoftCodePage *soft_pages_find (const SoftPages *pages, const uint8_t *page);
unsigned soft_pages_index (const SoftPages *pages, const SoftCodePage *page);
SoftCodePage *soft_pages_at (const SoftPages *pages, unsigned index);
unsigned soft_pages_count (const SoftPages *pages);
/* Makes the processor an owner; between instructions.  Indices of pages may change.  NULL: the table is full; all processors were told to flush. */
SoftCodePage *soft_pages_claim (SoftCpu *cpu, const uint8_t *page, Region *region);
/* The processor has no blocks there any more.  Its thread, or it is paused. */
static inline void
soft_pages_disclaim (SoftCpu *cpu, SoftCodePage *page)
{
  __atomic_fetch_and (&page->owners, ~(1ULL << cpu->n), __ATOMIC_SEQ_CST);
}

static inline uint64_t
soft_page_owners (const SoftCodePage *page)
{
  return __atomic_load_n (&page->owners, __ATOMIC_SEQ_CST);
}

G_END_DECLS
