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
  const IoOps *ops;
  void *opaque;

  guint dirty_on;                   /* bit a DirtyClient; atomic */
  uint64_t *dirty[N_DIRTY_CLIENTS]; /* atomic words */
  uint64_t dirty_words;
  RegionSyncDirty sync;
  void *sync_opaque;
  RegionWritten written;
  void *written_opaque;
  GPtrArray *spaces; /* AddressSpace *, once a mapping */
};

uint64_t region_io_read (Region *region, uint64_t offset, unsigned size);
void region_io_write (Region *region, uint64_t offset, uint64_t value, unsigned size);
/* Tells the listeners that a region's dirty log went on or off. */
void address_space_dirty_log_changed (AddressSpace *as);

G_END_DECLS
