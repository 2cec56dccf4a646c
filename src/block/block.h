/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Disk images for guests.
 *
 *   Block         an open image: its format (block-driver.h), lock, workers.  Owned by who opened it.
 *   BlockQueue    one user's way to it; an image may have several.  Completions come on the queue's GMainContext.
 *   BlockRequest  embedded in what the caller keeps for a request; nothing is allocated for it here.
 *
 * Who calls whom, on which thread: a device calls block_submit() on any thread → the driver does it there if it needn't wait, else a
 * worker of the image does → the request is put on its queue's list → the thread that runs the queue's context calls done().  No lock of
 * block/ is held while done() or a BlockErrorFunc runs.
 *
 * The request, its vector and the memory that it names belong to the queue from block_submit() until done(), also when it is
 * cancelled.  Requests in flight together have no order: who needs one waits.  A flush promises those writes whose done() came before it
 * was submitted.
 *
 * The format is named by the caller, not guessed: a guest writes what it likes to the start of its disk.  An image is locked (OFD
 * lock) while open; a second writer is refused with an error that says who has it.
 */
#pragma once

#include "block/block-request.h"

#include <gio/gio.h>
#include <stdint.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* -- Images: any thread unless said otherwise ------------------------------------------------------ */

Block *block_open (const BlockConfig *config, GError **error);
/* Opens and locks the image for another process, which gets the descriptor (BlockConfig.passed) and then has the lock, too; -1 and an error, as
 * block_open()'s. */
int block_open_file (const char *path, BlockFlags flags, GError **error);
/* Flushes, unlocks; its queues have been freed before. */
void block_close (Block *block);
const char *block_path (const Block *block);
const char *block_format (const Block *block);
/* Bytes, rounded up to whole sectors of 512: behind the end of a file that stops inside a sector zeros are read. */
uint64_t block_size (const Block *block);
gboolean block_read_only (const Block *block);
/* Blocking, for loaders, tests and jobs. */
gboolean block_read_sync (Block *block, uint64_t offset, void *buffer, size_t length, GError **error);
gboolean block_write_sync (Block *block, uint64_t offset, const void *buffer, size_t length, GError **error);
gboolean block_flush_sync (Block *block, GError **error);
/* Whole sectors; larger only, with nothing in flight. */
gboolean block_resize (Block *block, uint64_t size, GError **error);

/* What is at `offset`, and for how many bytes it goes on (at least 1, within the image).  Blocking; a host that can't say says data. */
BlockExtentKind block_status (Block *block, uint64_t offset, uint64_t *length);

/* Bytes and operations since open. */
typedef struct
{
  uint64_t read_bytes, written_bytes, reads, writes, flushes;
} BlockStats;
void block_get_stats (const Block *block, BlockStats *stats);
/* At this moment.  Any thread. */
typedef struct
{
  unsigned queues, waiting, workers, idle; /* `waiting`: requests that no worker has taken yet */
} BlockLoad;
void block_get_load (Block *block, BlockLoad *load);

/* -- Queues --------------------------------------------------------------------------------------- */

/* `context` NULL: the default one.  The image must outlive the queue. */
BlockQueue *block_queue_new (Block *block, GMainContext *context);
/* Cancels, waits for what a worker or the driver has, and calls done() for all that is left, on this thread: the one that runs
 * the context, or another: then a done() that the first is just calling may return later than this. */
void block_queue_free (BlockQueue *queue);
Block *block_queue_image (const BlockQueue *queue);

/* Any thread.  Ranges past the end fail with EINVAL, changes to a read-only image with EROFS.  done() never comes before this
 * returns on the context's thread. */
void block_submit (BlockQueue *queue, BlockRequest *request);
/* The context's thread: for what ends between the two done() is called by the second, also of what is submitted then, and not by the context.  They don't nest. */
void block_begin_batch (BlockQueue *queue);
void block_end_batch (BlockQueue *queue);
/* Any thread.  What waits for a worker, or is parked, ends with ECANCELED; what has been begun ends as it would have. */
void block_cancel_all (BlockQueue *queue);
/* Any thread.  Returns when no worker and no driver touches memory of the queue's requests any more; done() may be yet to come.  Lasts
 * as long as the host takes for what has been begun. */
void block_settle (BlockQueue *queue);
/* The context's thread: block_settle(), and done() was called for all but what is parked. */
void block_drain (BlockQueue *queue);
/* Requests whose done() wasn't called, parked ones too. */
unsigned block_in_flight (BlockQueue *queue);

/* A request failed with `error`, on the context's thread, before done() would be called.  TRUE parks it: its owner knows that done() comes
 * only after block_retry(), which submits it again, or block_cancel_all().  For errors of the host that a person can put right.  Not
 * called for requests that were cancelled. */
typedef gboolean (*BlockErrorFunc) (void *opaque, const BlockRequest *request, int error);
void block_set_error_func (BlockQueue *queue, BlockErrorFunc func, void *opaque);
/* Any thread.  Also for a request whose BlockErrorFunc is just deciding. */
void block_retry (BlockQueue *queue);

/* -- Files ---------------------------------------------------------------------------------------- */

/* The process that has an OFD lock on byte `at` of the file behind `fd`; 0: none that we may look into.  Reads all of /proc. */
pid_t block_find_lock_holder (int fd, uint64_t at);
/* Who has one on the image behind `fd`, as a part of a sentence.  Transfer full. */
char *block_describe_lock_holder (int fd);

/* Image jobs (machine/, vivctl). */
gboolean block_image_create (const char *path, const char *format, uint64_t size, GError **error);
/* What a file is, for proposals to a person and for images that nobody has named a format for: "raw", "qcow2", "iso9660", "vmdk", … */
const char *block_image_probe (const char *path, uint64_t *size, GError **error);

G_END_DECLS
