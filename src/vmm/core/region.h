/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to core/: what a Region is made of.
 */
#pragma once

#include "core/memory.h"

G_BEGIN_DECLS

struct Region
{
  gint refs;
  char *name;
  uint64_t size;
  uint8_t *host; /* NULL for I/O */
  int fd;
  RamFlags flags;
  const IoOps *ops; /* of a ROM: its stores', or NULL */
  void *opaque;

  guint dirty_on;                   /* bit a DirtyClient; atomic */
  uint64_t *dirty[N_DIRTY_CLIENTS]; /* atomic words */
  uint64_t dirty_words;
  RegionSyncDirty sync;
  void *sync_opaque;
  RegionWritten written;
  void *written_opaque;
  GPtrArray *spaces; /* AddressSpace *, once a mapping */

  /* Changed under the VM lock and this one, which stores take for as long as they write to an eventfd. */
  GMutex bell_lock;
  Doorbell *bells;
  guint n_bells; /* atomic, so that a store to a region without any takes no lock */
};

uint64_t region_io_read (Region *region, uint64_t offset, unsigned size);
void region_io_write (Region *region, uint64_t offset, uint64_t value, unsigned size);
/* A store that may hit a doorbell: TRUE if it did. */
gboolean region_ring (Region *region, uint64_t offset, uint64_t value, unsigned size);
typedef enum
{
  COPY_READ,
  COPY_WRITE,
  COPY_WRITE_ROM,
} CopyKind;
/* Memory only.  FALSE if some byte wasn't; see dma_read(). */
gboolean address_space_copy (AddressSpace *as, AccessCache *cache, uint64_t addr, uint8_t *buffer,
                             size_t length, CopyKind kind);
/* Tells the listeners that a region's dirty log went on or off, or that its doorbells changed. */
void address_space_region_changed (AddressSpace *as);

G_END_DECLS
