/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * DMA.  See dma.h.
 */
#define G_LOG_DOMAIN "memory"

#include "core/dma.h"

#include "core/region.h"

#include <string.h>

void
dma_init (Dma *dma, AddressSpace *as)
{
  memset (dma, 0, sizeof *dma);
  dma->as = as;
  dma->device = dma;
}

void
dma_init_queue (Dma *dma, Dma *device)
{
  dma_init (dma, device->as);
  dma->device = device;
}

void
dma_clear (Dma *dma)
{
  access_cache_clear (&dma->cache);
}

void
dma_enable (Dma *dma, gboolean enabled)
{
  gboolean was = __atomic_exchange_n (&dma->enabled, enabled != FALSE, __ATOMIC_SEQ_CST);

  if (!was || enabled)
    return;
  while (__atomic_load_n (&dma->copying, __ATOMIC_SEQ_CST) > 0)
    g_thread_yield ();
  if (dma->quiesce != NULL)
    dma->quiesce (dma->opaque);
}

/* Both sides first say what they do and then look at the other, in one order for all. */
static gboolean
copy_begin (Dma *dma)
{
  __atomic_fetch_add (&dma->device->copying, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n (&dma->device->enabled, __ATOMIC_SEQ_CST))
    return TRUE;
  __atomic_fetch_sub (&dma->device->copying, 1, __ATOMIC_SEQ_CST);
  return FALSE;
}

static void
copy_end (Dma *dma)
{
  __atomic_fetch_sub (&dma->device->copying, 1, __ATOMIC_SEQ_CST);
}

/* -- Copies --------------------------------------------------------------------------------------- */

gboolean
dma_read (Dma *dma, uint64_t addr, void *buffer, size_t length)
{
  gboolean ok;

  if (!copy_begin (dma))
    {
      memset (buffer, 0xff, length);
      return FALSE;
    }
  ok = address_space_copy (dma->as, &dma->cache, addr, buffer, length, COPY_READ);
  copy_end (dma);
  return ok;
}

gboolean
dma_write (Dma *dma, uint64_t addr, const void *buffer, size_t length)
{
  gboolean ok;

  if (!copy_begin (dma))
    return FALSE;
  ok = address_space_copy (dma->as, &dma->cache, addr, (uint8_t *)buffer, length, COPY_WRITE);
  copy_end (dma);
  return ok;
}

uint16_t
dma_read16 (Dma *dma, uint64_t addr)
{
  uint16_t value;

  dma_read (dma, addr, &value, sizeof value);
  return GUINT16_FROM_LE (value);
}

uint32_t
dma_read32 (Dma *dma, uint64_t addr)
{
  uint32_t value;

  dma_read (dma, addr, &value, sizeof value);
  return GUINT32_FROM_LE (value);
}

uint64_t
dma_read64 (Dma *dma, uint64_t addr)
{
  uint64_t value;

  dma_read (dma, addr, &value, sizeof value);
  return GUINT64_FROM_LE (value);
}

gboolean
dma_write16 (Dma *dma, uint64_t addr, uint16_t value)
{
  value = GUINT16_TO_LE (value);
  return dma_write (dma, addr, &value, sizeof value);
}

gboolean
dma_write32 (Dma *dma, uint64_t addr, uint32_t value)
{
  value = GUINT32_TO_LE (value);
  return dma_write (dma, addr, &value, sizeof value);
}

/* ThreadSanitizer knows no fences, nor what guests do. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

void
dma_order_writes (void)
{
  __atomic_thread_fence (__ATOMIC_RELEASE);
}

/* -- Vectors --------------------------------------------------------------------------------------- */

void
dma_vector_init (DmaVector *vector)
{
  memset (vector, 0, sizeof *vector);
}

void
dma_vector_free (DmaVector *vector)
{
  dma_unmap_sg (vector, TRUE);
  g_clear_pointer (&vector->pieces, g_array_unref);
  g_clear_pointer (&vector->regions, g_array_unref);
}

static void
append (DmaVector *vector, Region *region, uint8_t *host, size_t length)
{
  struct iovec piece = { .iov_base = host, .iov_len = length };

  /* Pages that follow each other need one piece. */
  if (vector->pieces->len > 0)
    {
      struct iovec *last = &g_array_index (vector->pieces, struct iovec, vector->pieces->len - 1);
      if (g_array_index (vector->regions, Region *, vector->regions->len - 1) == region
          && (uint8_t *)last->iov_base + last->iov_len == host)
        {
          last->iov_len += length;
          return;
        }
    }
  region_ref (region);
  g_array_append_val (vector->pieces, piece);
  g_array_append_val (vector->regions, region);
}

/* All of it, or nothing is touched. */
static gboolean
can_map (Dma *dma, uint64_t addr, uint64_t length, gboolean to_memory, unsigned room)
{
  while (length > 0)
    {
      const FlatRange *r = access_cache_find (&dma->cache, dma->as, addr);

      if (r == NULL || r->region->host == NULL || (to_memory && r->readonly) || room-- == 0)
        return FALSE;
      uint64_t n = MIN (length, r->size - (addr - r->start));
      addr += n;
      length -= n;
    }
  return TRUE;
}

gboolean
dma_map_sg (Dma *dma, DmaVector *vector, uint64_t addr, uint64_t length, gboolean to_memory)
{
  if (!dma_enabled (dma) || !can_map (dma, addr, length, to_memory, DMA_MAX_PIECES - dma_vector_n (vector)))
    return FALSE;
  if (vector->pieces == NULL)
    {
      vector->pieces = g_array_new (FALSE, FALSE, sizeof (struct iovec));
      vector->regions = g_array_new (FALSE, FALSE, sizeof (Region *));
    }
  vector->to_memory = to_memory;
  vector->length += length;
  while (length > 0)
    {
      const FlatRange *r = access_cache_find (&dma->cache, dma->as, addr);
      uint64_t n = MIN (length, r->size - (addr - r->start));

      append (vector, r->region, r->region->host + r->offset + (addr - r->start), (size_t)n);
      addr += n;
      length -= n;
    }
  return TRUE;
}

void
dma_unmap_sg (DmaVector *vector, gboolean touched)
{
  for (unsigned i = 0; i < dma_vector_n (vector); i++)
    {
      const struct iovec *piece = &g_array_index (vector->pieces, struct iovec, i);
      Region *region = g_array_index (vector->regions, Region *, i);

      if (touched && vector->to_memory)
        region_mark_dirty (region, (uint64_t)((uint8_t *)piece->iov_base - region->host), piece->iov_len);
      region_unref (region);
    }
  if (vector->pieces != NULL)
    {
      g_array_set_size (vector->pieces, 0);
      g_array_set_size (vector->regions, 0);
    }
  vector->length = 0;
}
