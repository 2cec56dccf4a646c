/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Open images: which driver, synchronous access, size.  Their requests are in block-queue.c.
 */
#define G_LOG_DOMAIN "block"

#include "block/block-private.h"
#include "block/block-testing.h"

#include <errno.h>
#include <string.h>

/* -- Open and close ------------------------------------------------------------------------------- */

static const BlockDriver *
find_driver (const BlockConfig *config, GError **error)
{
  g_autofree char *memory = block_test_word (config->test, "memory");
  const char *format = config->format;
  const BlockDriver *driver;

  if (memory != NULL)
    return &block_memory_driver;
  if (format == NULL)
    {
      format = block_image_probe (config->path, NULL, error);
      if (format == NULL)
        return NULL;
      /* What has no name of its own is a disk's bytes. */
      if (strcmp (format, "iso9660") == 0)
        format = "raw";
    }
  driver = block_find_driver (format, config->test != NULL);
  if (driver == NULL)
    g_set_error (
        error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
        "Can't open “%s”: the image format “%s” isn't supported. Convert the image to raw, or name the format "
        "“raw” if that is what it is.",
        config->path, format);
  return driver;
}

static void *
open_layers (const BlockConfig *config, const BlockDriver **driver, GError **error)
{
  BlockConfig below = *config;
  gboolean discard = (config->flags & BLOCK_DISCARD_CHANGES) != 0;

  below.flags &= ~BLOCK_DISCARD_CHANGES;
  if (discard)
    below.flags |= BLOCK_READ_ONLY;
  void *image = (*driver)->open (&below, discard, error);
  if (image != NULL && discard)
    {
      image = block_overlay_new (*driver, image, config->path, error);
      *driver = &block_overlay_driver;
    }
  // cppcheck-suppress returnDanglingLifetime ; drivers keep nothing of their configuration
  return image;
}

Block *
block_open (const BlockConfig *asked, GError **error)
{
  BlockConfig with_test = *asked, *config = &with_test;

  config->test = block_testing_words (asked);
  const BlockDriver *driver = find_driver (config, error);
  void *image = driver != NULL ? open_layers (config, &driver, error) : NULL;

  if (image != NULL && config->test != NULL)
    {
      image = block_faults_new (driver, image, config, error);
      driver = &block_faults_driver;
    }
  if (image == NULL)
    return NULL;
  Block *block = g_new0 (Block, 1);
  block->path = g_strdup (config->path);
  block->driver = driver;
  block->image = image;
  block->read_only = (config->flags & (BLOCK_READ_ONLY | BLOCK_SHARED_READ)) != 0;
  block->waiting_tail = &block->waiting;
  g_mutex_init (&block->lock);
  g_cond_init (&block->work);
  block->threads = g_ptr_array_new ();
  block->exited = g_ptr_array_new ();
  return block;
}

int
block_open_file (const char *path, BlockFlags flags, GError **error)
{
  const BlockConfig config = { .path = path, .flags = flags };
  uint64_t size;

  return block_file_open (&config, FALSE, &size, error);
}

void
block_close (Block *block)
{
  const BlockRequest flush = { .op = BLOCK_OP_FLUSH };

  if (block == NULL)
    return;
  g_return_if_fail (g_atomic_int_get (&block->n_queues) == 0);
  block_workers_stop (block);
  int code = block->read_only ? 0 : block->driver->run (block->image, &flush);
  if (code != 0)
    g_critical ("Data written to “%s” may not be on its disk: %s", block->path, g_strerror (code));
  block->driver->close (block->image);
  g_ptr_array_unref (block->threads);
  g_ptr_array_unref (block->exited);
  g_cond_clear (&block->work);
  g_mutex_clear (&block->lock);
  g_free (block->path);
  g_free (block);
}

/* -- Looking at it --------------------------------------------------------------------------------- */

const char *
block_path (const Block *block)
{
  return block->path;
}

const char *
block_format (const Block *block)
{
  return block->driver->format;
}

uint64_t
block_size (const Block *block)
{
  return block->driver->size (block->image);
}

gboolean
block_read_only (const Block *block)
{
  return block->read_only;
}

BlockFaults *
block_get_faults (Block *block)
{
  return block->driver == &block_faults_driver ? block->image : NULL;
}

void
block_get_stats (const Block *block, BlockStats *stats)
{
  Block *b = (Block *)block;

  g_mutex_lock (&b->lock);
  *stats = b->stats;
  g_mutex_unlock (&b->lock);
}

void
block_get_load (Block *block, BlockLoad *load)
{
  *load = (BlockLoad){ .queues = (unsigned)g_atomic_int_get (&block->n_queues) };
  g_mutex_lock (&block->lock);
  for (const BlockRequest *request = block->waiting; request != NULL; request = request->next)
    load->waiting++;
  load->workers = block->n_workers;
  load->idle = block->n_idle;
  g_mutex_unlock (&block->lock);
}

BlockExtentKind
block_status (Block *block, uint64_t offset, uint64_t *length)
{
  uint64_t size = block_size (block);

  *length = offset < size ? size - offset : 1;
  return block->driver->status != NULL && offset < size ? block->driver->status (block->image, offset, length)
                                                        : BLOCK_EXTENT_DATA;
}

/* -- Synchronous access ----------------------------------------------------------------------------- */

static gboolean
run_sync (Block *block, const BlockRequest *request, const char *what, GError **error)
{
  int code = block_check_range (block, request->op, request->offset, request->length);

  if (code == 0 && (request->length != 0 || request->op == BLOCK_OP_FLUSH))
    code = block->driver->run (block->image, request);
  if (code == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
               "Can't %s “%s” at byte %" G_GUINT64_FORMAT ": %s.", what, block->path,
               (guint64)request->offset, g_strerror (code));
  return FALSE;
}

gboolean
block_read_sync (Block *block, uint64_t offset, void *buffer, size_t length, GError **error)
{
  const struct iovec iov = { .iov_base = buffer, .iov_len = length };
  const BlockRequest request
      = { .op = BLOCK_OP_READ, .offset = offset, .iov = &iov, .n_iov = 1, .length = length };

  return run_sync (block, &request, "read", error);
}

gboolean
block_write_sync (Block *block, uint64_t offset, const void *buffer, size_t length, GError **error)
{
  const struct iovec iov = { .iov_base = (void *)buffer, .iov_len = length };
  const BlockRequest request
      = { .op = BLOCK_OP_WRITE, .offset = offset, .iov = &iov, .n_iov = 1, .length = length };

  return run_sync (block, &request, "write", error);
}

gboolean
block_flush_sync (Block *block, GError **error)
{
  const BlockRequest request = { .op = BLOCK_OP_FLUSH };

  return run_sync (block, &request, "flush", error);
}

gboolean
block_resize (Block *block, uint64_t size, GError **error)
{
  int code = block->read_only ? EROFS : block->driver->resize == NULL ? EOPNOTSUPP : 0;

  if (code == 0 && (size % BLOCK_SECTOR_SIZE != 0 || size < block_size (block) || size > G_MAXINT64))
    code = EINVAL;
  if (code == 0)
    code = block->driver->resize (block->image, size);
  if (code == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
               "Can't make “%s” %" G_GUINT64_FORMAT " bytes large: %s.", block->path, (guint64)size,
               g_strerror (code));
  return FALSE;
}
