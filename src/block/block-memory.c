/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An image in memory, for tests: it never waits, so that it ends requests inside of block_submit().
 */
#define G_LOG_DOMAIN "block"

#include "block/block-testing.h"
#include "block/block-vector.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_MAX (UINT64_C (1) << 30)

typedef struct
{
  GMutex lock;
  uint8_t *bytes;
  uint64_t size;
} Memory;

static void
memory_close (void *image)
{
  Memory *memory = image;

  g_mutex_clear (&memory->lock);
  g_free (memory->bytes);
  g_free (memory);
}

static gboolean
load (Memory *memory, const BlockConfig *config, GError **error)
{
  BlockConfig reading = *config;
  uint64_t size;

  reading.flags |= BLOCK_READ_ONLY;
  int fd = block_file_open (&reading, FALSE, &size, error);
  if (fd < 0)
    return FALSE;
  memory->size = (size + BLOCK_SECTOR_SIZE - 1) & ~(uint64_t)(BLOCK_SECTOR_SIZE - 1);
  memory->bytes = memory->size <= MEMORY_MAX ? g_try_malloc0 (MAX (memory->size, 1)) : NULL;
  struct iovec whole = { .iov_base = memory->bytes, .iov_len = memory->size };
  int code = memory->bytes == NULL ? ENOMEM : block_file_read (fd, 0, &whole, 1);
  block_file_close (fd);
  if (code == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "Can't read “%s” into memory: %s.",
               config->path, g_strerror (code));
  return FALSE;
}

static void *
memory_open (const BlockConfig *config, gboolean discard, GError **error)
{
  g_autofree char *size = block_test_word (config->test, "memory");
  Memory *memory = g_new0 (Memory, 1);
  guint64 bytes = 0;
  gboolean ok;

  g_mutex_init (&memory->lock);
  if (size == NULL || *size == '\0')
    ok = load (memory, config, error);
  else
    {
      ok = g_ascii_string_to_unsigned (size, 10, BLOCK_SECTOR_SIZE, MEMORY_MAX, &bytes, error);
      memory->size = bytes & ~(guint64)(BLOCK_SECTOR_SIZE - 1);
      memory->bytes = g_malloc0 (MAX (memory->size, 1));
    }
  if (ok)
    return memory;
  memory_close (memory);
  return NULL;
}

static uint64_t
memory_size (void *image)
{
  return ((Memory *)image)->size;
}

static int
memory_run (void *image, const BlockRequest *request)
{
  Memory *memory = image;
  uint8_t *at = memory->bytes + request->offset;

  g_mutex_lock (&memory->lock);
  if (request->op == BLOCK_OP_READ)
    block_vector_put (request->iov, request->n_iov, 0, at, request->length);
  else if (request->op == BLOCK_OP_WRITE)
    block_vector_get (request->iov, request->n_iov, 0, at, request->length);
  else if (request->op == BLOCK_OP_WRITE_ZEROES)
    memset (at, 0, request->length);
  g_mutex_unlock (&memory->lock);
  return 0;
}

static gboolean
memory_start (void *image, BlockRequest *request)
{
  block_complete (request, memory_run (image, request));
  return TRUE;
}

static int
memory_resize (void *image, uint64_t size)
{
  Memory *memory = image;
  uint8_t *bytes = size <= MEMORY_MAX ? g_try_realloc (memory->bytes, size) : NULL;

  if (bytes == NULL)
    return ENOSPC;
  memset (bytes + memory->size, 0, size - memory->size);
  memory->bytes = bytes;
  memory->size = size;
  return 0;
}

const BlockDriver block_memory_driver = {
  .format = "memory",
  .testing = TRUE,
  .open = memory_open,
  .close = memory_close,
  .size = memory_size,
  .run = memory_run,
  .start = memory_start,
  .resize = memory_resize,
};
