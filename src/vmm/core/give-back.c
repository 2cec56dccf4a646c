/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory that goes back to the host.
 */
#define G_LOG_DOMAIN "memory"

#include "core/give-back.h"

#include "core/region.h"

#include <sys/mman.h>
#include <unistd.h>

uint64_t
region_give_back (Region *region, uint64_t offset, uint64_t length)
{
  const uint64_t page_size = (uint64_t)sysconf (_SC_PAGESIZE);
  const uint64_t start = (offset + page_size - 1) / page_size * page_size;
  const uint64_t end = (offset + length) / page_size * page_size;

  /* The sum may be anything, where the part is none of the region's. */
  if (region->host == NULL || offset > region->size || length > region->size - offset || start >= end
      || madvise (region->host + start, end - start, region->fd >= 0 ? MADV_REMOVE : MADV_DONTNEED) < 0)
    return 0;
  region_mark_dirty (region, start, end - start);
  return end - start;
}

uint64_t
dma_give_back_sg (DmaVector *vector)
{
  uint64_t given = 0;

  for (unsigned i = 0; vector->to_memory && i < dma_vector_n (vector); i++)
    {
      const struct iovec *piece = &g_array_index (vector->pieces, struct iovec, i);
      Region *region = g_array_index (vector->regions, Region *, i);

      given
          += region_give_back (region, (uint64_t)((uint8_t *)piece->iov_base - region->host), piece->iov_len);
    }
  dma_unmap_sg (vector, FALSE);
  return given;
}
