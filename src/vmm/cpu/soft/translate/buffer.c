/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory of the translator.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/translate/generate.h"

#include "base/host-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENA_SIZE     (96u << 20)
#define HASH_SIZE      (1u << 17)
#define MAX_UNITS      (1u << 17)
#define PAGES_SIZE     (1u << 16)
#define MAX_PROCESSORS 64
#define START          64 /* offset 0 stands for "none" */

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#ifndef F_SEAL_FUTURE_WRITE /* Linux 5.1; older C libraries */
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* A confined process can make no memory that executes, so it has this from before, for each processor that there may be; main thread, until an engine is made. */
typedef struct
{
  uint8_t *write;
  const uint8_t *execute;
} Buffer;
static Buffer reserve[MAX_PROCESSORS];
static unsigned n_reserve;

static gboolean
wants_perf_map (void)
{
  return g_getenv ("VIVARIUM_PERF_MAP") != NULL;
}

/* The same of memory without a name: perf looks into its map only for such. */
static gboolean
map_nameless_views (size_t size, Buffer *buffer)
{
  void *write = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  void *execute = write != MAP_FAILED ? mremap (write, 0, size, MREMAP_MAYMOVE) : MAP_FAILED;

  if (execute == MAP_FAILED || mprotect (execute, size, PROT_READ | PROT_EXEC) != 0)
    return FALSE;
  buffer->write = write;
  buffer->execute = execute;
  return TRUE;
}

/* Two views of `size` bytes that are zero. */
static gboolean
map_views (size_t size, Buffer *buffer, GError **error)
{
  void *write = MAP_FAILED, *execute = MAP_FAILED;
  int fd, saved;

  if (wants_perf_map () && map_nameless_views (size, buffer))
    return TRUE;
  /* Kernels from 6.3 on want to be told; older ones don't know the flag. */
  fd = memfd_create ("vivarium-code", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0 && errno == EINVAL)
    fd = memfd_create ("vivarium-code", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd >= 0 && ftruncate (fd, (off_t)size) == 0)
    {
      write = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      /* Where this is known, what executes can't be made writable any more. */
      (void)fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE);
      if (write != MAP_FAILED)
        execute = mmap (NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    }
  saved = errno;
  if (fd >= 0)
    close (fd);
  if (execute == MAP_FAILED)
    {
      if (write != MAP_FAILED)
        munmap (write, size);
      g_set_error (error, G_FILE_ERROR, (gint)g_file_error_from_errno (saved),
                   "this system allows no memory for translated code (%s)", g_strerror (saved));
      return FALSE;
    }
  buffer->write = write;
  buffer->execute = execute;
  return TRUE;
}

static gboolean
map_buffer (SoftTranslator *translator, GError **error)
{
  Buffer buffer;

  if (n_reserve > 0)
    buffer = reserve[--n_reserve];
  else if (!map_views (SOFT_UNIT_BUFFER_SIZE, &buffer, error))
    return FALSE;
  translator->write = buffer.write;
  translator->execute = buffer.execute;
  return TRUE;
}

static void
unmap_views (const Buffer *buffer)
{
  munmap (buffer->write, SOFT_UNIT_BUFFER_SIZE);
  munmap ((void *)buffer->execute, SOFT_UNIT_BUFFER_SIZE);
}

static void
unmap_buffer (SoftTranslator *translator)
{
  const Buffer buffer = { translator->write, translator->execute };

  if (host_files_by_name () == FALSE && n_reserve < G_N_ELEMENTS (reserve))
    reserve[n_reserve++] = buffer;
  else
    unmap_views (&buffer);
}

void
soft_reserve (void)
{
  Buffer all;

  /* What isn't written takes no memory. */
  if (n_reserve > 0 || !map_views ((size_t)SOFT_UNIT_BUFFER_SIZE * MAX_PROCESSORS, &all, NULL))
    return;
  for (; n_reserve < MAX_PROCESSORS; n_reserve++)
    {
      const size_t at = (size_t)SOFT_UNIT_BUFFER_SIZE * (MAX_PROCESSORS - 1 - n_reserve);

      reserve[n_reserve].write = all.write + at;
      reserve[n_reserve].execute = all.execute + at;
    }
}

void
soft_forgo (void)
{
  while (n_reserve > 0)
    unmap_views (&reserve[--n_reserve]);
}

gboolean
soft_translator_possible (GError **error)
{
  SoftTranslator translator;

  if (!map_buffer (&translator, error))
    return FALSE;
  unmap_buffer (&translator);
  return TRUE;
}

/* For perf, which wants it just there. */
static void
open_perf_map (SoftTranslator *translator)
{
  g_autofree char *path = g_strdup_printf ("/tmp/perf-%d.map", (int)getpid ());

  if (wants_perf_map ())
    translator->perf_map = fopen (path, "we");
}

SoftTranslator *
soft_translator_new (SoftCpu *cpu, GError **error)
{
  SoftTranslator *translator = g_new0 (SoftTranslator, 1);
  size_t page = (size_t)sysconf (_SC_PAGESIZE);

  if (!map_buffer (translator, error))
    {
      g_free (translator);
      return NULL;
    }
  translator->cpu = cpu;
  translator->always = cpu->engine->translate_always;
  translator->check = cpu->engine->translate_check ? soft_check_new () : NULL;
  translator->arena
      = mmap (NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  translator->poll_page = mmap (NULL, 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (translator->arena == MAP_FAILED || translator->poll_page == MAP_FAILED)
    g_error ("no memory for a translator");
  (void)madvise (translator->arena, ARENA_SIZE, MADV_HUGEPAGE);
  translator->stop_page = (uint8_t *)translator->poll_page + page;
  mprotect (translator->stop_page, page, PROT_NONE);
  translator->hash = g_new0 (SoftUnit *, HASH_SIZE);
  translator->units = g_new0 (SoftUnit *, MAX_UNITS);
  translator->pages = g_new0 (SoftPageId, PAGES_SIZE);
  translator->generator = g_new0 (Gen, 1);
  translator->used = START;
  translator->arena_used = 8;
  open_perf_map (translator);
  soft_signal_add ();
  return translator;
}

void
soft_translator_report (const SoftTranslator *translator)
{
  g_debug ("translator: %" G_GUINT64_FORMAT " units of %" G_GUINT64_FORMAT " instructions, %" G_GUINT64_FORMAT
           " translated, %" G_GUINT64_FORMAT " left to the interpreter; %u bytes; %" G_GUINT64_FORMAT
           " flushes",
           translator->count.units, translator->count.insns, translator->count.native, translator->count.runs,
           translator->used, translator->count.flushes);
  g_debug ("translator: entered %" G_GUINT64_FORMAT ", links %" G_GUINT64_FORMAT
           ", not linked %" G_GUINT64_FORMAT ", guards missed and polls %" G_GUINT64_FORMAT
           ", instructions interpreted %" G_GUINT64_FORMAT ", slow accesses %" G_GUINT64_FORMAT
           " (%" G_GUINT64_FORMAT " loads not from RAM, %" G_GUINT64_FORMAT " interpreted)",
           translator->count.entered, translator->count.linked, translator->count.unlinked,
           translator->count.misses, translator->count.interpreted, translator->count.cold,
           translator->count.cold_bounce, translator->count.cold_runs);
}

void
soft_translator_free (SoftTranslator *translator)
{
  size_t page = (size_t)sysconf (_SC_PAGESIZE);

  soft_translator_report (translator);
  soft_signal_remove ();
  if (translator->perf_map != NULL)
    fclose (translator->perf_map);
  unmap_buffer (translator);
  munmap (translator->arena, ARENA_SIZE);
  munmap (translator->poll_page, 2 * page);
  soft_check_free (translator->check);
  g_free (translator->generator);
  g_free (translator->hash);
  g_free (translator->units);
  g_free (translator->pages);
  g_free (translator);
}

void
soft_translator_flush (SoftTranslator *translator)
{
  memset (translator->hash, 0, HASH_SIZE * sizeof *translator->hash);
  memset (translator->pages, 0, PAGES_SIZE * sizeof *translator->pages);
  translator->n_units = translator->n_pages = translator->n_classes = 0;
  translator->used = START;
  translator->arena_used = 8;
  translator->count.flushes++;
  soft_unit_forget (translator->cpu);
}

gboolean
soft_translator_full (const SoftTranslator *translator)
{
  return translator->used + SOFT_UNIT_MAX_CODE > SOFT_UNIT_BUFFER_SIZE
         || translator->arena_used + SOFT_UNIT_MAX_ARENA > ARENA_SIZE || translator->n_units == MAX_UNITS
         || translator->n_pages > PAGES_SIZE / 2;
}

void *
soft_translator_alloc (SoftTranslator *translator, size_t size)
{
  void *object = translator->arena + translator->arena_used;

  translator->arena_used += (size + 7) & ~(size_t)7;
  memset (object, 0, size);
  return object;
}

uint32_t
soft_translator_page_id (SoftTranslator *translator, uint64_t linear, const uint8_t *host)
{
  uint64_t page = (uintptr_t)host & SOFT_PAGE_MASK;
  unsigned h;

  linear &= SOFT_PAGE_MASK;
  h = (unsigned)(((linear >> 12) * 31 ^ page >> 12) * 0x9e3779b97f4a7c15ULL >> 40) % PAGES_SIZE;
  for (; translator->pages[h].id != 0; h = (h + 1) % PAGES_SIZE)
    if (translator->pages[h].linear == linear && translator->pages[h].host == page)
      return translator->pages[h].id;
  translator->pages[h].linear = linear;
  translator->pages[h].host = page;
  /* Never one that was in use before a flush. */
  translator->pages[h].id = ++translator->next_id;
  translator->n_pages++;
  return translator->next_id;
}

static SoftUnit **
hash_place (const SoftTranslator *translator, const uint8_t *host, uint64_t rip, uint32_t key)
{
  uint64_t h = ((uintptr_t)host ^ rip << 7 ^ (uint64_t)key << 40) * 0x9e3779b97f4a7c15ULL;

  return &translator->hash[h >> 40 & (HASH_SIZE - 1)];
}

SoftUnit *
soft_translator_find (const SoftTranslator *translator, const uint8_t *host, uint64_t rip)
{
  const SoftCpu *cpu = translator->cpu;
  SoftUnit *unit;

  for (unit = *hash_place (translator, host, rip, cpu->unit_key); unit != NULL; unit = unit->hash_next)
    if (unit->host == host && !unit->dead && soft_unit_fits (cpu, unit, rip))
      break;
  return unit;
}

static void
patch_entries (SoftTranslator *translator, const SoftUnit *unit, uint32_t guard, uint32_t rax, uint32_t flags)
{
  Emit e = { .start = translator->write };

  e.at = unit->guard;
  emit_jmp_to (&e, guard);
  e.at = unit->entry_rax;
  emit_jmp_to (&e, rax);
  e.at = unit->entry_flags;
  emit_jmp_to (&e, flags);
  translator->changed = TRUE;
}

void
soft_translator_add (SoftTranslator *translator, SoftUnit *unit)
{
  SoftUnit **place = hash_place (translator, unit->host, unit->rip, unit->key), **link;

  /* Whoever is still linked to one that was overwritten comes here from now on. */
  for (link = place; *link != NULL;)
    if ((*link)->dead && (*link)->host == unit->host && (*link)->rip == unit->rip && (*link)->key == unit->key
        && (*link)->cs_base == unit->cs_base && (*link)->cs_limit == unit->cs_limit)
      {
        patch_entries (translator, *link, unit->guard, soft_unit_entry (unit, FALSE), unit->entry_flags);
        *link = (*link)->hash_next;
      }
    else
      link = &(*link)->hash_next;
  unit->hash_next = *place;
  *place = unit;
  translator->units[translator->n_units++] = unit;
  if (translator->perf_map != NULL)
    {
      fprintf (translator->perf_map, "%lx %x guest_%lx\n", (unsigned long)(translator->execute + unit->start),
               unit->end - unit->start, (unsigned long)unit->rip);
      fflush (translator->perf_map);
    }
}

void
soft_unit_kill (SoftTranslator *translator, SoftUnit *unit)
{
  /* Whoever is linked to it finds the way out. */
  unit->dead = TRUE;
  patch_entries (translator, unit, unit->miss, unit->miss, unit->miss_flags);
}

const SoftUnit *
soft_translator_unit_at (const SoftTranslator *translator, uint32_t offset)
{
  unsigned low = 0, high = translator->n_units;

  while (low < high)
    {
      unsigned middle = (low + high) / 2;
      if (translator->units[middle]->end <= offset)
        low = middle + 1;
      else
        high = middle;
    }
  return low < translator->n_units && translator->units[low]->start <= offset ? translator->units[low] : NULL;
}
