/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Open images, their request queue and completions.
 *
 * A request goes to a pool of threads that all images share; its completion is put on the image's list and a source wakes the
 * main context.  Each completion is taken off the list by exactly one thread, with no lock held while it is called.
 */
#define G_LOG_DOMAIN "block"

#include "block/block-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_WORKERS 8
/* Reads up to this size are first tried without a thread. */
#define INLINE_READ_MAX (256 * 1024)

typedef struct BlockRequest
{
  Block *block;
  BlockOp op;
  uint64_t offset;
  void *buffer;
  size_t length;
  BlockDone done;
  void *opaque;
  int error;
  struct BlockRequest *next;
} BlockRequest;

struct Block
{
  gint refs;
  char *path;
  uint64_t size; /* whole sectors */
  gboolean read_only;
  BlockRaw raw;
  GSource *source;

  GMutex lock;
  GCond idle;
  unsigned working;                     /* at a worker; under lock */
  unsigned in_flight;                   /* not yet called back; under lock */
  BlockRequest *done_head, **done_tail; /* under lock */
  BlockStats stats;                     /* under lock */
  int injected_error;                   /* of tests; under lock */
  BlockOp injected_op;
  unsigned injected_left;
};

typedef struct
{
  GSource source;
  Block *block;
} BlockSource;

static Block *
block_ref (Block *block)
{
  g_atomic_int_inc (&block->refs);
  return block;
}

static void
block_unref (Block *block)
{
  if (!g_atomic_int_dec_and_test (&block->refs))
    return;
  g_mutex_clear (&block->lock);
  g_cond_clear (&block->idle);
  g_rw_lock_clear (&block->raw.overlay_lock);
  g_free (block->path);
  g_free (block);
}

/* -- Completions --------------------------------------------------------------------------------- */

static void
deliver_completions (Block *block)
{
  for (;;)
    {
      g_mutex_lock (&block->lock);
      BlockRequest *request = block->done_head;
      if (request != NULL)
        {
          block->done_head = request->next;
          if (block->done_head == NULL)
            block->done_tail = &block->done_head;
          block->in_flight--;
        }
      g_mutex_unlock (&block->lock);
      if (request == NULL)
        return;
      request->done (request->opaque, request->error);
      g_free (request);
    }
}

static gboolean
block_source_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  Block *block = block_ref (((BlockSource *)source)->block);

  /* Before the list is looked at, so that a completion that comes now wakes again. */
  g_source_set_ready_time (source, -1);
  deliver_completions (block);
  block_unref (block);
  return G_SOURCE_CONTINUE;
}

static void
block_source_finalize (GSource *source)
{
  block_unref (((BlockSource *)source)->block);
}

static GSourceFuncs block_source_funcs = {
  .dispatch = block_source_dispatch,
  .finalize = block_source_finalize,
};

static void
post_completion (BlockRequest *request, gboolean from_worker)
{
  Block *block = request->block;

  g_mutex_lock (&block->lock);
  request->next = NULL;
  *block->done_tail = request;
  block->done_tail = &request->next;
  if (request->error == 0)
    switch (request->op)
      {
      case BLOCK_OP_READ:
        block->stats.reads++;
        block->stats.read_bytes += request->length;
        break;
      case BLOCK_OP_WRITE:
        block->stats.writes++;
        block->stats.written_bytes += request->length;
        break;
      case BLOCK_OP_FLUSH:
        block->stats.flushes++;
        break;
      case BLOCK_OP_DISCARD:
        break;
      }
  /* Under the lock: block_close() destroys the source once nobody works any more. */
  g_source_set_ready_time (block->source, 0);
  if (from_worker && --block->working == 0)
    g_cond_broadcast (&block->idle);
  g_mutex_unlock (&block->lock);
}

/* -- Workers ------------------------------------------------------------------------------------- */

void
block_inject_error (Block *block, BlockOp op, int error, unsigned n)
{
  g_mutex_lock (&block->lock);
  block->injected_op = op;
  block->injected_error = error;
  block->injected_left = n;
  g_mutex_unlock (&block->lock);
}

static int
take_injected (BlockRequest *request)
{
  Block *block = request->block;
  int error = 0;

  g_mutex_lock (&block->lock);
  if (block->injected_left > 0 && block->injected_op == request->op)
    {
      block->injected_left--;
      error = block->injected_error;
    }
  g_mutex_unlock (&block->lock);
  return error;
}

static int
run_request (BlockRequest *request)
{
  BlockRaw *raw = &request->block->raw;
  int injected = take_injected (request);

  if (injected != 0)
    return injected;

  switch (request->op)
    {
    case BLOCK_OP_READ:
      return block_raw_read (raw, request->offset, request->buffer, request->length);
    case BLOCK_OP_WRITE:
      return block_raw_write (raw, request->offset, request->buffer, request->length);
    case BLOCK_OP_FLUSH:
      return block_raw_flush (raw);
    case BLOCK_OP_DISCARD:
      return block_raw_discard (raw, request->offset, request->length);
    }
  return EINVAL;
}

static void
worker (gpointer data, gpointer unused)
{
  BlockRequest *request = data;
  Block *block = block_ref (request->block);

  request->error = run_request (request);
  post_completion (request, TRUE);
  block_unref (block);
}

static GThreadPool *
worker_pool (void)
{
  static gsize pool;

  if (g_once_init_enter (&pool))
    // cppcheck-suppress leakNoVarFunctionCall ; the pool lives as long as the process
    g_once_init_leave (&pool, (gsize)g_thread_pool_new (worker, NULL, MAX_WORKERS, FALSE, NULL));
  return (GThreadPool *)pool;
}

static int
check_range (const Block *block, BlockOp op, uint64_t offset, size_t length)
{
  if (op == BLOCK_OP_FLUSH)
    return 0;
  if (offset > block->size || length > block->size - offset)
    return EINVAL;
  return op != BLOCK_OP_READ && block->read_only ? EROFS : 0;
}

void
block_submit (Block *block, BlockOp op, uint64_t offset, void *buffer, size_t length, BlockDone done,
              void *opaque)
{
  BlockRequest *request = g_new0 (BlockRequest, 1);

  request->block = block;
  request->op = op;
  request->offset = offset;
  request->buffer = buffer;
  request->length = length;
  request->done = done;
  request->opaque = opaque;
  request->error = check_range (block, op, offset, length);
  gboolean finished = request->error != 0 || (length == 0 && op != BLOCK_OP_FLUSH)
                      || (op == BLOCK_OP_READ && length <= INLINE_READ_MAX
                          && block_raw_read_cached (&block->raw, offset, buffer, length));
  g_mutex_lock (&block->lock);
  block->in_flight++;
  if (!finished)
    block->working++;
  g_mutex_unlock (&block->lock);
  if (finished)
    post_completion (request, FALSE);
  else
    g_thread_pool_push (worker_pool (), request, NULL);
}

unsigned
block_in_flight (const Block *block)
{
  Block *b = (Block *)block;

  g_mutex_lock (&b->lock);
  unsigned n = b->in_flight;
  g_mutex_unlock (&b->lock);
  return n;
}

/* -- Synchronous access -------------------------------------------------------------------------- */

static gboolean
run_sync (Block *block, BlockOp op, uint64_t offset, void *buffer, size_t length, GError **error)
{
  BlockRequest request = { .block = block, .op = op, .offset = offset, .buffer = buffer, .length = length };
  int code = check_range (block, op, offset, length);

  if (code == 0)
    code = run_request (&request);
  if (code == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
               "Can't %s “%s” at byte %" G_GUINT64_FORMAT ": %s.", op == BLOCK_OP_READ ? "read" : "write",
               block->path, (guint64)offset, g_strerror (code));
  return FALSE;
}

gboolean
block_read_sync (Block *block, uint64_t offset, void *buffer, size_t length, GError **error)
{
  return run_sync (block, BLOCK_OP_READ, offset, buffer, length, error);
}

gboolean
block_write_sync (Block *block, uint64_t offset, const void *buffer, size_t length, GError **error)
{
  return run_sync (block, BLOCK_OP_WRITE, offset, (void *)buffer, length, error);
}

/* -- Open and close ------------------------------------------------------------------------------ */

static gboolean
open_error (GError **error, const char *path, int code, gboolean writing)
{
  const char *hint = "";

  if (code == ENOENT)
    hint = " Choose the file again: it was moved or deleted.";
  else if (code == EACCES || code == EPERM)
    hint = writing ? " Change its permissions, or use it read-only or as a snapshot."
                   : " Change its permissions.";
  else if (code == EROFS)
    hint = " Use it read-only or as a snapshot, or copy it to a place that can be written.";
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "Can't open the image “%s”: %s.%s", path,
               g_strerror (code), hint);
  return FALSE;
}

static gboolean
open_file (Block *block, const BlockConfig *config, GError **error)
{
  gboolean writing = !block->read_only && !(config->flags & BLOCK_SNAPSHOT);
  struct stat st;
  uint64_t size;

  /* O_NONBLOCK: a FIFO in the image's place must not hang the open. */
  block->raw.fd = open (config->path, (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (block->raw.fd < 0 || fstat (block->raw.fd, &st) < 0)
    return open_error (error, config->path, errno, writing);
  if (S_ISREG (st.st_mode))
    size = (uint64_t)st.st_size;
  else if (S_ISBLK (st.st_mode))
    {
      if (ioctl (block->raw.fd, BLKGETSIZE64, &size) < 0)
        return open_error (error, config->path, errno, writing);
    }
  else
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                   "“%s” is neither a file nor a block device. Choose a disk image.", config->path);
      return FALSE;
    }
  block->size = (size + BLOCK_SECTOR_SIZE - 1) & ~(uint64_t)(BLOCK_SECTOR_SIZE - 1);
  if (!block_lock (block->raw.fd, config->path, writing, error))
    return FALSE;
  return !(config->flags & BLOCK_SNAPSHOT) || block_raw_open_overlay (&block->raw, block->size, error);
}

Block *
block_open (const BlockConfig *config, GError **error)
{
  if (config->format == NULL || strcmp (config->format, "raw") != 0)
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
          "Can't open “%s”: the image format “%s” isn't supported. Convert the image to raw, or name the format "
          "“raw” if that is what it is.",
          config->path, config->format != NULL ? config->format : "");
      return NULL;
    }
  Block *block = g_new0 (Block, 1);
  block->refs = 1;
  block->path = g_strdup (config->path);
  block->raw.fd = block->raw.overlay = -1;
  block->read_only = (config->flags & (BLOCK_READ_ONLY | BLOCK_SHARED_READ)) != 0;
  block->raw.read_only = block->read_only;
  block->done_tail = &block->done_head;
  g_mutex_init (&block->lock);
  g_cond_init (&block->idle);
  g_rw_lock_init (&block->raw.overlay_lock);
  if (!open_file (block, config, error))
    {
      block_raw_close (&block->raw);
      block_unref (block);
      return NULL;
    }
  block->source = g_source_new (&block_source_funcs, sizeof (BlockSource));
  ((BlockSource *)block->source)->block = block_ref (block);
  g_source_set_static_name (block->source, "block completions");
  /* Interrupts to the guest go before drawing and housekeeping. */
  g_source_set_priority (block->source, G_PRIORITY_HIGH);
  g_source_attach (block->source, config->context);
  return block;
}

void
block_close (Block *block)
{
  if (block == NULL)
    return;
  for (;;)
    {
      g_mutex_lock (&block->lock);
      while (block->working > 0)
        g_cond_wait (&block->idle, &block->lock);
      gboolean more = block->done_head != NULL;
      g_mutex_unlock (&block->lock);
      if (!more)
        break;
      deliver_completions (block);
    }
  g_source_destroy (block->source);
  int code = block_raw_flush (&block->raw);
  if (code != 0)
    g_critical ("Data written to “%s” may not be on its disk: %s", block->path, g_strerror (code));
  block_raw_close (&block->raw);
  g_source_unref (g_steal_pointer (&block->source));
  block_unref (block);
}

const char *
block_path (const Block *block)
{
  return block->path;
}

uint64_t
block_size (const Block *block)
{
  return block->size;
}

gboolean
block_read_only (const Block *block)
{
  return block->read_only;
}

void
block_get_stats (const Block *block, BlockStats *stats)
{
  Block *b = (Block *)block;

  g_mutex_lock (&b->lock);
  *stats = b->stats;
  g_mutex_unlock (&b->lock);
}
