/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside of block/: what the request queue knows of an image's format and of locks.
 */
#pragma once

#include "block/block.h"

G_BEGIN_DECLS

/* A raw image.  Functions give 0 or a positive errno and may run in several threads at once. */
typedef struct
{
  int fd;
  gboolean read_only;
  int overlay;      /* -1: changes go to the image */
  uint64_t *bitmap; /* grains that the overlay has */
  GRWLock overlay_lock;
} BlockRaw;

gboolean block_raw_open_overlay (BlockRaw *raw, uint64_t size, GError **error);
int block_raw_read (BlockRaw *raw, uint64_t offset, void *buffer, size_t length);
int block_raw_write (BlockRaw *raw, uint64_t offset, const void *buffer, size_t length);
int block_raw_flush (BlockRaw *raw);
int block_raw_discard (BlockRaw *raw, uint64_t offset, uint64_t length);
gboolean block_raw_read_cached (BlockRaw *raw, uint64_t offset, void *buffer, size_t length);
void block_raw_close (BlockRaw *raw);

/* Takes an OFD lock over the whole of `fd`: shared, or exclusive for writing.  The error names the holder if it can be found. */
gboolean block_lock (int fd, const char *path, gboolean exclusive, GError **error);

/* For tests: the next `n` requests of the kind fail with `error` (a positive errno) before they touch the image. */
void block_inject_error (Block *block, BlockOp op, int error, unsigned n);

G_END_DECLS
