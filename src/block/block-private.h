/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside of block/: what images (block.c) and queues (block-queue.c) share.
 *
 * Lock order: an image's lock, then a queue's; neither is held while a driver, done() or a BlockErrorFunc runs.
 */
#pragma once

#include "block/block-driver.h"
#include "block/block.h"

G_BEGIN_DECLS

struct Block
{
  char *path;
  const BlockDriver *driver;
  void *image;
  gboolean read_only;
  unsigned n_queues; /* atomic */

  GMutex lock;
  BlockRequest *waiting, **waiting_tail;
  GCond work; /* `waiting` has something, or `closing` is set */
  unsigned n_workers, n_idle;
  GPtrArray *threads,
      *exited; /* GThread *: those of workers; those of workers that had nothing to do for long */
  gboolean closing;
  BlockStats stats;
};

/* block-queue.c: ends the workers. */
void block_workers_stop (Block *block);
/* 0, EINVAL or EROFS. */
int block_check_range (const Block *block, BlockOp op, uint64_t offset, uint64_t length);

G_END_DECLS
