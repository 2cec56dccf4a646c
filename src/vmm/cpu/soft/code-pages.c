/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of pages with code, and what was written there.  The table changes while the world is stopped and under SoftEngine.code_mutex: processors
 * look into it as they are, other threads with that lock.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/code-pages.h"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/world.h"

#define HASH_SIZE  (1u << 13)
#define MAX_RANGES 256 /* that wait for one processor; with more it drops all code */

typedef struct
{
  const uint8_t *host; /* NULL: all */
  uint64_t length;
} WrittenRange;

struct SoftPages
{
  SoftEngine *engine;
  SoftCodePage *hash[HASH_SIZE];
  SoftCodePage *pages;
  unsigned n_pages;
  GHashTable *regions; /* Region *, with a reference: their memory must not be reused while blocks name it */
};

static inline unsigned
page_hash (const uint8_t *page)
{
  return (unsigned)((((uintptr_t)page >> 12) * 0x9e3779b97f4a7c15ULL) >> 40) & (HASH_SIZE - 1);
}

static inline const uint8_t *
page_of (const uint8_t *host)
{
  return (const uint8_t *)((uintptr_t)host & ~(uintptr_t)0xfff);
}

SoftPages *
soft_pages_new (SoftEngine *engine)
{
  SoftPages *pages = g_new0 (SoftPages, 1);

  pages->engine = engine;
  pages->pages = g_new0 (SoftCodePage, SOFT_MAX_CODE_PAGES);
  pages->regions = g_hash_table_new_full (NULL, NULL, (GDestroyNotify)region_unref, NULL);
  return pages;
}

void
soft_pages_clear (SoftPages *pages)
{
  GHashTableIter iter;
  gpointer region;

  g_hash_table_iter_init (&iter, pages->regions);
  while (g_hash_table_iter_next (&iter, &region, NULL))
    region_set_written (region, NULL, NULL);
  g_hash_table_remove_all (pages->regions);
  g_mutex_lock (&pages->engine->code_mutex);
  memset (pages->hash, 0, sizeof pages->hash);
  pages->n_pages = 0;
  g_mutex_unlock (&pages->engine->code_mutex);
}

void
soft_pages_free (SoftPages *pages)
{
  soft_pages_clear (pages);
  g_hash_table_unref (pages->regions);
  g_free (pages->pages);
  g_free (pages);
}

SoftCodePage *
soft_pages_find (const SoftPages *pages, const uint8_t *page)
{
  SoftCodePage *p;

  for (p = pages->hash[page_hash (page)]; p != NULL; p = p->next)
    if (p->host == page)
      return p;
  return NULL;
}

unsigned
soft_pages_index (const SoftPages *pages, const SoftCodePage *page)
{
  return (unsigned)(page - pages->pages);
}

SoftCodePage *
soft_pages_at (const SoftPages *pages, unsigned index)
{
  return &pages->pages[index];
}

unsigned
soft_pages_count (const SoftPages *pages)
{
  return pages->n_pages;
}

gboolean
soft_code_in_page (SoftEngine *engine, const uint8_t *host)
{
  const SoftCodePage *page = soft_pages_find (engine->pages, page_of (host));

  return page != NULL && soft_page_owners (page) != 0;
}

static int
compare_pages (const void *a, const void *b)
{
  uintptr_t first = *(const uintptr_t *)a, second = *(const uintptr_t *)b;

  return first < second ? -1 : first > second;
}

void
soft_code_gap (const SoftEngine *engine, uintptr_t *first, uintptr_t *end)
{
  const SoftPages *table = engine->pages;
  g_autofree uintptr_t *pages = g_new (uintptr_t, table->n_pages + 1);
  uintptr_t at = *first, last = *end;
  unsigned n = 0;

  for (unsigned i = 0; i < table->n_pages; i++)
    if (soft_page_owners (&table->pages[i]) != 0 && (uintptr_t)table->pages[i].host >= *first
        && (uintptr_t)table->pages[i].host < *end)
      pages[n++] = (uintptr_t)table->pages[i].host;
  qsort (pages, n, sizeof *pages, compare_pages);
  pages[n] = last;
  *end = *first;
  for (unsigned i = 0; i <= n; i++)
    {
      if (pages[i] - at > *end - *first)
        {
          *first = at;
          *end = pages[i];
        }
      at = pages[i] + GUEST_PAGE_SIZE;
    }
}

/* -- Owners ------------------------------------------------------------------------------------------------------ */

static void
insert (SoftPages *pages, unsigned index)
{
  SoftCodePage *p = &pages->pages[index];
  SoftCodePage **place = &pages->hash[page_hash (p->host)];

  p->next = *place;
  *place = p;
}

/* The world is stopped.  Pages without an owner make room. */
static void
compact (SoftPages *pages)
{
  SoftEngine *engine = pages->engine;
  unsigned n = 0;

  memset (pages->hash, 0, sizeof pages->hash);
  for (unsigned i = 0; i < pages->n_pages; i++)
    if (soft_page_owners (&pages->pages[i]) != 0)
      {
        for (unsigned c = 0; c < engine->parent.config.n_cpus; c++)
          soft_code_page_moved (engine->cpus[c], i, n);
        pages->pages[n] = pages->pages[i];
        insert (pages, n++);
      }
  pages->n_pages = n;
}

/* The world is stopped. */
static SoftCodePage *
add (SoftPages *pages, const uint8_t *page, Region *region)
{
  SoftEngine *engine = pages->engine;
  SoftCodePage *p = NULL;

  g_mutex_lock (&engine->code_mutex);
  if (pages->n_pages == SOFT_MAX_CODE_PAGES)
    compact (pages);
  if (pages->n_pages < SOFT_MAX_CODE_PAGES)
    {
      p = &pages->pages[pages->n_pages];
      p->host = page;
      p->owners = 0;
      insert (pages, pages->n_pages++);
    }
  g_mutex_unlock (&engine->code_mutex);
  if (p != NULL && !g_hash_table_contains (pages->regions, region))
    {
      g_hash_table_add (pages->regions, region_ref (region));
      region_set_written (region, soft_code_on_region_written, engine);
    }
  return p;
}

SoftCodePage *
soft_pages_claim (SoftCpu *cpu, const uint8_t *page, Region *region)
{
  SoftEngine *engine = cpu->engine;
  SoftPages *pages = engine->pages;
  SoftCodePage *p = soft_pages_find (pages, page);
  const uint64_t bit = 1ULL << cpu->n;

  if (p != NULL)
    {
      uint64_t owners = soft_page_owners (p);

      if ((owners & bit) != 0)
        return p;
      while (owners != 0)
        if (__atomic_compare_exchange_n (&p->owners, &owners, owners | bit, FALSE, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST))
          return p;
    }
  soft_world_stop (cpu);
  p = soft_pages_find (pages, page);
  if (p == NULL)
    p = add (pages, page, region);
  if (p != NULL)
    {
      if (soft_page_owners (p) == 0)
        for (unsigned n = 0; n < engine->parent.config.n_cpus; n++)
          {
            soft_window_protect (engine->cpus[n], page);
            soft_tlb_protect (engine->cpus[n], (uintptr_t)page);
          }
      __atomic_fetch_or (&p->owners, bit, __ATOMIC_SEQ_CST);
    }
  soft_world_go (cpu);
  if (p == NULL)
    for (unsigned i = 0; i < engine->parent.config.n_cpus; i++)
      soft_code_written_elsewhere (engine->cpus[i], NULL, 0);
  return p;
}

/* -- What was written there ---------------------------------------------------------------------------------------- */

GArray *
soft_code_written_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (WrittenRange));
}

/* Under the mutex. */
static void
push (SoftCpu *cpu, const uint8_t *host, uint64_t length)
{
  WrittenRange range = { host, length };

  if (cpu->written->len >= MAX_RANGES)
    {
      /* Too many to keep apart: drop all code. */
      g_array_set_size (cpu->written, 0);
      range.host = NULL;
    }
  if (cpu->written->len == 0 || g_array_index (cpu->written, WrittenRange, 0).host != NULL)
    g_array_append_val (cpu->written, range);
}

void
soft_code_written_elsewhere (SoftCpu *cpu, const uint8_t *host, uint64_t length)
{
  GMutex *mutex = &cpu->engine->code_mutex;

  g_mutex_lock (mutex);
  if (host == NULL)
    g_array_set_size (cpu->written, 0);
  push (cpu, host, length);
  g_mutex_unlock (mutex);
  soft_attend (cpu, SOFT_ATTENTION_CODE);
}

void
soft_code_take_written (SoftCpu *cpu)
{
  GMutex *mutex = &cpu->engine->code_mutex;
  WrittenRange ranges[MAX_RANGES];
  unsigned n;

  g_mutex_lock (mutex);
  n = MIN (cpu->written->len, G_N_ELEMENTS (ranges));
  if (n > 0)
    memcpy (ranges, cpu->written->data, n * sizeof ranges[0]);
  g_array_set_size (cpu->written, 0);
  g_mutex_unlock (mutex);
  for (unsigned i = 0; i < n; i++)
    {
      if (ranges[i].host == NULL)
        {
          soft_code_flush (cpu);
          return;
        }
      soft_code_drop (cpu, ranges[i].host, ranges[i].length);
    }
}

/* Who but `self` has decoded from these bytes, which lie in one page. */
static uint64_t
users_in_page (const SoftPages *pages, const SoftCodePage *p, const uint8_t *host, unsigned length,
               uint64_t self)
{
  uint64_t owners = soft_page_owners (p) & ~self, users = 0;
  unsigned index = soft_pages_index (pages, p);

  for (uint64_t left = owners; left != 0; left &= left - 1)
    {
      unsigned n = (unsigned)__builtin_ctzll (left);

      if (soft_code_uses (pages->engine->cpus[n], index, (unsigned)(host - p->host), length))
        users |= 1ULL << n;
    }
  return users;
}

static uint64_t
users_of (const SoftPages *pages, const uint8_t *host, uint64_t length, uint64_t self)
{
  uint64_t users = 0;

  if (length / 4096 > pages->n_pages)
    {
      for (unsigned i = 0; i < pages->n_pages; i++)
        {
          const SoftCodePage *p = &pages->pages[i];
          const uint8_t *first = MAX (p->host, host), *end = MIN (p->host + 4096, host + length);

          if (first < end)
            users |= users_in_page (pages, p, first, (unsigned)(end - first), self);
        }
      return users;
    }
  while (length > 0)
    {
      unsigned n = (unsigned)MIN (length, 4096 - ((uintptr_t)host & 0xfff));
      const SoftCodePage *p = soft_pages_find (pages, page_of (host));

      if (p != NULL)
        users |= users_in_page (pages, p, host, n, self);
      host += n;
      length -= n;
    }
  return users;
}

static void
tell_users (SoftEngine *engine, const uint8_t *host, uint64_t length, uint64_t self)
{
  uint64_t users;

  /* The bytes before the owners and granules. */
  soft_fence ();
  g_mutex_lock (&engine->code_mutex);
  users = users_of (engine->pages, host, length, self);
  for (uint64_t left = users; left != 0; left &= left - 1)
    push (engine->cpus[__builtin_ctzll (left)], host, length);
  g_mutex_unlock (&engine->code_mutex);
  for (uint64_t left = users; left != 0; left &= left - 1)
    soft_attend (engine->cpus[__builtin_ctzll (left)], SOFT_ATTENTION_CODE);
}

void
soft_code_stored (SoftCpu *cpu, const uint8_t *host, unsigned length)
{
  const SoftCodePage *p;
  uint64_t owners;

  if (cpu->engine->parent.config.n_cpus > 1)
    soft_fence ();
  p = soft_pages_find (cpu->engine->pages, page_of (host));
  if (p == NULL)
    return;
  owners = soft_page_owners (p);
  if ((owners & 1ULL << cpu->n) != 0)
    soft_code_drop (cpu, host, length);
  if ((owners & ~(1ULL << cpu->n)) != 0)
    tell_users (cpu->engine, host, length, 1ULL << cpu->n);
}

void
soft_code_written (SoftCpu *cpu, const uint8_t *host, uint64_t length)
{
  soft_code_drop (cpu, host, length);
  if (cpu->engine->parent.config.n_cpus > 1)
    tell_users (cpu->engine, host, length, 1ULL << cpu->n);
}

void
soft_code_on_region_written (Region *region, uint64_t offset, uint64_t length, void *opaque)
{
  SoftEngine *engine = opaque;
  const uint8_t *host = region_host (region) + offset;

  /* Whoever wrote: the processor itself on a slow path, or a device whose register it has just written. */
  if (soft_running != NULL && soft_running->engine == engine)
    soft_code_written (soft_running, host, length);
  else
    tell_users (engine, host, length, 0);
}
