/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Address spaces: mappings, the flat view made of them, and dispatch of accesses.
 */
#define G_LOG_DOMAIN "memory"

#include "core/region.h"
#include "core/vm.h"

#include <string.h>

struct Mapping
{
  AddressSpace *as;
  Region *region;
  uint64_t base, offset, size;
  int priority;
  unsigned order;
  gboolean enabled, readonly;
};

typedef struct
{
  const AddressSpaceListener *funcs;
  void *opaque;
} Listener;

struct AddressSpace
{
  Vm *vm;
  char *name;
  uint64_t size;               /* 0: 2^64 */
  AddressSpace *below, *above; /* address_space_new_over() */
  GPtrArray *mappings;
  GArray *listeners;
  unsigned next_order;
  unsigned depth;
  gboolean changed;

  GMutex publish; /* protects `view` against its replacement */
  FlatView *view;
  uint64_t generation; /* atomic; equals view->generation */
};

/* -- Flat views ----------------------------------------------------------------------------------- */

static FlatView *
flat_view_alloc (unsigned n)
{
  FlatView *view = g_malloc0 (sizeof (FlatView) + n * sizeof (FlatRange));

  view->refs = 1;
  view->n_ranges = n;
  return view;
}

void
flat_view_unref (FlatView *view)
{
  if (view == NULL || !g_atomic_int_dec_and_test (&view->refs))
    return;
  for (unsigned i = 0; i < view->n_ranges; i++)
    region_unref (view->ranges[i].region);
  g_free (view);
}

static int
compare_addresses (gconstpointer a, gconstpointer b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

  return x < y ? -1 : x > y;
}

static const Mapping *
top_mapping (const AddressSpace *as, uint64_t start, uint64_t end)
{
  const Mapping *best = NULL;

  if (as == NULL)
    return NULL;

  for (unsigned i = 0; i < as->mappings->len; i++)
    {
      const Mapping *m = as->mappings->pdata[i];

      if (!m->enabled || m->size == 0 || m->base > start || m->base + (m->size - 1) < end)
        continue;
      if (best == NULL || m->priority > best->priority
          || (m->priority == best->priority && m->order > best->order))
        best = m;
    }
  return best != NULL ? best : top_mapping (as->below, start, end);
}

/* Where mappings begin and end. */
static void
add_cuts (const AddressSpace *as, GArray *cuts)
{
  for (unsigned i = 0; i < as->mappings->len; i++)
    {
      const Mapping *m = as->mappings->pdata[i];
      uint64_t end = m->base + m->size;

      if (!m->enabled || m->size == 0)
        continue;
      g_array_append_val (cuts, m->base);
      if (end != 0)
        g_array_append_val (cuts, end);
    }
}

static gboolean
ranges_join (const FlatRange *a, const FlatRange *b)
{
  return a->mapping == b->mapping && a->start + a->size == b->start && a->offset + a->size == b->offset;
}

/* Cuts the space at each mapping's ends and asks, piece by piece, who is on top.  There are tens of mappings. */
static FlatView *
flatten (const AddressSpace *as)
{
  g_autoptr (GArray) cuts = g_array_new (FALSE, FALSE, sizeof (uint64_t));
  g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (FlatRange));
  FlatView *view;

  for (const AddressSpace *of = as; of != NULL; of = of->below)
    add_cuts (of, cuts);
  g_array_sort (cuts, compare_addresses);
  for (unsigned i = 0; i < cuts->len; i++)
    {
      uint64_t start = g_array_index (cuts, uint64_t, i);
      uint64_t last = i + 1 < cuts->len ? g_array_index (cuts, uint64_t, i + 1) - 1 : G_MAXUINT64;
      const Mapping *m;
      FlatRange range, *before;

      if (i + 1 < cuts->len && last + 1 == start)
        continue;
      if (as->size != 0 && start >= as->size)
        break;
      if (as->size != 0)
        last = MIN (last, as->size - 1);
      m = top_mapping (as, start, last);
      if (m == NULL)
        continue;
      range = (FlatRange){
        .start = start,
        .size = last - start + 1,
        .region = m->region,
        .offset = m->offset + (start - m->base),
        .readonly = m->readonly || region_is_rom (m->region),
        .mapping = (Mapping *)m,
      };
      before = ranges->len ? &g_array_index (ranges, FlatRange, ranges->len - 1) : NULL;
      if (before != NULL && ranges_join (before, &range))
        before->size += range.size;
      else
        g_array_append_val (ranges, range);
    }

  view = flat_view_alloc (ranges->len);
  if (ranges->len > 0)
    memcpy (view->ranges, ranges->data, ranges->len * sizeof (FlatRange));
  for (unsigned i = 0; i < view->n_ranges; i++)
    region_ref (view->ranges[i].region);
  return view;
}

static void
tell (AddressSpace *as, const FlatView *old, const FlatView *new, gboolean commit)
{
  for (unsigned i = 0; i < as->listeners->len; i++)
    {
      const Listener *l = &g_array_index (as->listeners, Listener, i);
      AddressSpaceFunc func = commit ? l->funcs->commit : l->funcs->begin;

      if (func != NULL)
        func (as, old, new, l->opaque);
    }
}

static void touch (AddressSpace *as);

static void
publish (AddressSpace *as)
{
  FlatView *view = flatten (as), *old = as->view;

  view->generation = as->generation + 1;
  tell (as, old, view, FALSE);
  g_mutex_lock (&as->publish);
  as->view = view;
  __atomic_store_n (&as->generation, view->generation, __ATOMIC_RELEASE);
  g_mutex_unlock (&as->publish);
  tell (as, old, view, TRUE);
  flat_view_unref (old);
  if (as->above != NULL && address_space_is_used (as->above))
    touch (as->above);
}

void
address_space_begin (AddressSpace *as)
{
  as->depth++;
}

void
address_space_commit (AddressSpace *as)
{
  g_return_if_fail (as->depth > 0);
  if (--as->depth > 0 || !as->changed)
    return;
  as->changed = FALSE;
  publish (as);
}

static void
touch (AddressSpace *as)
{
  address_space_begin (as);
  as->changed = TRUE;
  address_space_commit (as);
}

void
address_space_region_changed (AddressSpace *as)
{
  tell (as, as->view, as->view, FALSE);
  tell (as, as->view, as->view, TRUE);
}

AddressSpace *
address_space_new (Vm *vm, const char *name, uint64_t size)
{
  AddressSpace *as = g_new0 (AddressSpace, 1);

  as->vm = vm;
  as->name = g_strdup (name);
  as->size = size;
  as->mappings = g_ptr_array_new ();
  as->listeners = g_array_new (FALSE, FALSE, sizeof (Listener));
  as->view = flat_view_alloc (0);
  as->generation = as->view->generation = 1;
  g_mutex_init (&as->publish);
  return as;
}

AddressSpace *
address_space_new_over (AddressSpace *below, const char *name)
{
  AddressSpace *as = address_space_new (below->vm, name, below->size);

  g_return_val_if_fail (below->above == NULL, as);
  as->below = below;
  below->above = as;
  return as;
}

gboolean
address_space_is_used (AddressSpace *as)
{
  return address_space_generation (as) > 1;
}

void
address_space_free (AddressSpace *as)
{
  if (as == NULL)
    return;
  if (as->below != NULL)
    as->below->above = NULL;
  as->depth++; /* no more views */
  while (as->mappings->len > 0)
    mapping_remove (as->mappings->pdata[as->mappings->len - 1]);
  flat_view_unref (as->view);
  g_ptr_array_unref (as->mappings);
  g_array_unref (as->listeners);
  g_mutex_clear (&as->publish);
  g_free (as->name);
  g_free (as);
}

void
address_space_add_listener (AddressSpace *as, const AddressSpaceListener *listener, void *opaque)
{
  Listener l = { listener, opaque };

  g_array_append_val (as->listeners, l);
  if (listener->begin != NULL)
    listener->begin (as, NULL, as->view, opaque);
  if (listener->commit != NULL)
    listener->commit (as, NULL, as->view, opaque);
}

void
address_space_remove_listener (AddressSpace *as, const AddressSpaceListener *listener, void *opaque)
{
  for (unsigned i = 0; i < as->listeners->len; i++)
    {
      Listener *l = &g_array_index (as->listeners, Listener, i);

      if (l->funcs == listener && l->opaque == opaque)
        {
          g_array_remove_index (as->listeners, i);
          return;
        }
    }
}

/* -- Mappings ------------------------------------------------------------------------------------- */

Mapping *
address_space_map (AddressSpace *as, Region *region, uint64_t base, uint64_t offset, uint64_t size,
                   int priority)
{
  Mapping *m = g_new0 (Mapping, 1);

  m->as = as;
  m->region = region_ref (region);
  m->base = base;
  m->offset = MIN (offset, region->size);
  m->size = MIN (size, region->size - m->offset);
  m->priority = priority;
  m->order = as->next_order++;
  m->enabled = TRUE;
  g_ptr_array_add (as->mappings, m);
  g_ptr_array_add (region->spaces, as);
  touch (as);
  return m;
}

void
mapping_remove (Mapping *m)
{
  AddressSpace *as;

  if (m == NULL)
    return;
  as = m->as;
  g_ptr_array_remove (as->mappings, m);
  g_ptr_array_remove_fast (m->region->spaces, as);
  if (m->enabled)
    touch (as);
  if (m->region->host == NULL && m->region->spaces->len == 0)
    region_disconnect (m->region);
  region_unref (m->region);
  g_free (m);
}

void
mapping_set_enabled (Mapping *m, gboolean enabled)
{
  if (m->enabled == (enabled != FALSE))
    return;
  m->enabled = enabled != FALSE;
  touch (m->as);
}

void
mapping_set_readonly (Mapping *m, gboolean readonly)
{
  if (m->readonly == (readonly != FALSE))
    return;
  m->readonly = readonly != FALSE;
  if (m->enabled)
    touch (m->as);
}

void
mapping_move (Mapping *m, uint64_t base)
{
  if (m->base == base)
    return;
  m->base = base;
  if (m->enabled)
    touch (m->as);
}

void
mapping_set_offset (Mapping *m, uint64_t offset, uint64_t size)
{
  offset = MIN (offset, m->region->size);
  size = MIN (size, m->region->size - offset);
  if (m->offset == offset && m->size == size)
    return;
  m->offset = offset;
  m->size = size;
  if (m->enabled)
    touch (m->as);
}

gboolean
mapping_enabled (const Mapping *m)
{
  return m->enabled;
}

uint64_t
mapping_base (const Mapping *m)
{
  return m->base;
}

/* -- Access --------------------------------------------------------------------------------------- */

FlatView *
address_space_ref_view (AddressSpace *as)
{
  FlatView *view;

  g_mutex_lock (&as->publish);
  view = as->view;
  g_atomic_int_inc (&view->refs);
  g_mutex_unlock (&as->publish);
  return view;
}

uint64_t
address_space_generation (AddressSpace *as)
{
  return __atomic_load_n (&as->generation, __ATOMIC_ACQUIRE);
}

static const FlatRange *
flat_view_find (const FlatView *view, uint64_t addr)
{
  unsigned low = 0, high = view->n_ranges;

  while (low < high)
    {
      unsigned mid = (low + high) / 2;
      const FlatRange *r = &view->ranges[mid];

      if (addr < r->start)
        high = mid;
      else if (addr - r->start >= r->size)
        low = mid + 1;
      else
        return r;
    }
  return NULL;
}

const FlatRange *
access_cache_find (AccessCache *cache, AddressSpace *as, uint64_t addr)
{
  const FlatRange *r;

  if (G_UNLIKELY (cache->view == NULL || cache->generation != address_space_generation (as)))
    {
      flat_view_unref (cache->view);
      cache->view = address_space_ref_view (as);
      cache->generation = cache->view->generation;
      cache->last = 0;
    }
  if (cache->last < cache->view->n_ranges)
    {
      r = &cache->view->ranges[cache->last];
      if (addr - r->start < r->size)
        return r;
    }
  r = flat_view_find (cache->view, addr);
  if (r != NULL)
    cache->last = (unsigned)(r - cache->view->ranges);
  return r;
}

void
access_cache_clear (AccessCache *cache)
{
  flat_view_unref (cache->view);
  memset (cache, 0, sizeof *cache);
}

static inline uint64_t
load_host (const uint8_t *p, unsigned size)
{
  uint64_t value = 0;

  memcpy (&value, p, size);
  return GUINT64_FROM_LE (value);
}

static inline void
store_host (uint8_t *p, uint64_t value, unsigned size)
{
  value = GUINT64_TO_LE (value);
  memcpy (p, &value, size);
}

uint64_t
address_space_load (AddressSpace *as, AccessCache *cache, uint64_t addr, unsigned size, gboolean locked)
{
  const FlatRange *r = access_cache_find (cache, as, addr);
  uint64_t offset, value;

  if (r == NULL || addr - r->start + size > r->size)
    {
      if (size == 1)
        return 0xff;
      value = 0;
      for (unsigned i = 0; i < size; i++)
        value |= address_space_load (as, cache, addr + i, 1, locked) << (8 * i);
      return value;
    }
  offset = r->offset + (addr - r->start);
  if (r->region->host != NULL)
    return load_host (r->region->host + offset, size);
  if (locked)
    return region_io_read (r->region, offset, size);
  vm_lock (as->vm);
  value = region_io_read (r->region, offset, size);
  vm_unlock (as->vm);
  return value;
}

void
address_space_store (AddressSpace *as, AccessCache *cache, uint64_t addr, uint64_t value, unsigned size,
                     gboolean locked)
{
  const FlatRange *r = access_cache_find (cache, as, addr);
  uint64_t offset;

  if (r == NULL || addr - r->start + size > r->size)
    {
      if (size == 1)
        return;
      for (unsigned i = 0; i < size; i++)
        address_space_store (as, cache, addr + i, value >> (8 * i), 1, locked);
      return;
    }
  offset = r->offset + (addr - r->start);
  if (r->region->host != NULL && !(r->readonly && r->region->ops != NULL))
    {
      if (r->readonly)
        return;
      store_host (r->region->host + offset, value, size);
      region_mark_dirty (r->region, offset, size);
      return;
    }
  if (region_ring (r->region, offset, value, size))
    return;
  if (locked)
    {
      region_io_write (r->region, offset, value, size);
      return;
    }
  vm_lock (as->vm);
  region_io_write (r->region, offset, value, size);
  vm_unlock (as->vm);
}

/* -- Memory in bulk ------------------------------------------------------------------------------- */

/* Bytes from `addr`, which no range holds, to the next range; at most `length`. */
static size_t
hole_length (const FlatView *view, uint64_t addr, size_t length)
{
  for (unsigned i = 0; i < view->n_ranges; i++)
    if (view->ranges[i].start > addr)
      return MIN (length, view->ranges[i].start - addr);
  return addr != 0 ? MIN (length, 0 - addr) : length;
}

gboolean
address_space_copy (AddressSpace *as, AccessCache *cache, uint64_t addr, uint8_t *buffer, size_t length,
                    CopyKind kind)
{
  gboolean complete = TRUE;

  while (length > 0)
    {
      const FlatRange *r = access_cache_find (cache, as, addr);
      size_t n;

      if (r == NULL || r->region->host == NULL || (kind == COPY_WRITE && r->readonly))
        {
          /* Registers are never reached this way.  In one step: a guest may ask for gigabytes of nothing. */
          n = r == NULL ? hole_length (cache->view, addr, length) : MIN (length, r->size - (addr - r->start));
          if (kind == COPY_READ)
            memset (buffer, 0xff, n);
          complete = FALSE;
        }
      else
        {
          uint64_t offset = r->offset + (addr - r->start);

          n = MIN (length, r->size - (addr - r->start));
          if (kind == COPY_READ)
            memcpy (buffer, r->region->host + offset, n);
          else
            {
              memcpy (r->region->host + offset, buffer, n);
              region_mark_dirty (r->region, offset, n);
            }
        }
      addr += n;
      buffer += n;
      length -= n;
    }
  return complete;
}

gboolean
address_space_read_memory (AddressSpace *as, uint64_t addr, void *buffer, size_t length)
{
  AccessCache cache = { 0 };
  gboolean ok = address_space_copy (as, &cache, addr, buffer, length, COPY_READ);

  access_cache_clear (&cache);
  return ok;
}

gboolean
address_space_write_memory (AddressSpace *as, uint64_t addr, const void *buffer, size_t length)
{
  AccessCache cache = { 0 };
  gboolean ok = address_space_copy (as, &cache, addr, (uint8_t *)buffer, length, COPY_WRITE_ROM);

  access_cache_clear (&cache);
  return ok;
}
