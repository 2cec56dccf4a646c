/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Raw images: one file or host block device whose bytes are the disk's.
 */
#define G_LOG_DOMAIN "block"

#include "block/block-driver.h"
#include "block/block-vector.h"

#include <errno.h>
#include <unistd.h>

/* Reads up to this size are first tried without a worker. */
#define INLINE_READ_MAX (1024 * 1024)
#define INLINE_PIECES   64u

typedef struct
{
  int fd;
  gboolean read_only;
  uint64_t size; /* whole sectors */
} Raw;

static uint64_t
whole_sectors (uint64_t size)
{
  return (size + BLOCK_SECTOR_SIZE - 1) & ~(uint64_t)(BLOCK_SECTOR_SIZE - 1);
}

static void *
raw_open (const BlockConfig *config, gboolean discard, GError **error)
{
  uint64_t size;
  int fd = block_file_open (config, discard, &size, error);

  if (fd < 0)
    return NULL;
  Raw *raw = g_new0 (Raw, 1);
  raw->fd = fd;
  raw->read_only = discard || (config->flags & (BLOCK_READ_ONLY | BLOCK_SHARED_READ)) != 0;
  raw->size = whole_sectors (size);
  return raw;
}

static void
raw_close (void *image)
{
  Raw *raw = image;

  block_file_close (raw->fd);
  g_free (raw);
}

static uint64_t
raw_size (void *image)
{
  return ((Raw *)image)->size;
}

static int
raw_run (void *image, const BlockRequest *request)
{
  Raw *raw = image;

  switch (request->op)
    {
    case BLOCK_OP_READ:
      return block_file_read (raw->fd, request->offset, request->iov, request->n_iov);
    case BLOCK_OP_WRITE:
      return block_file_write (raw->fd, request->offset, request->iov, request->n_iov);
    case BLOCK_OP_FLUSH:
      return raw->read_only ? 0 : block_file_flush (raw->fd);
    case BLOCK_OP_DISCARD:
      return block_file_discard (raw->fd, request->offset, request->length);
    case BLOCK_OP_WRITE_ZEROES:
      return block_file_write_zeroes (raw->fd, request->offset, request->length,
                                      (request->flags & BLOCK_REQUEST_UNMAP) != 0);
    default:
      return EINVAL;
    }
}

/* Reads that the host has in its cache need no worker. */
static gboolean
raw_start (void *image, BlockRequest *request)
{
  Raw *raw = image;

  if (request->op != BLOCK_OP_READ || request->length > INLINE_READ_MAX || request->n_iov > INLINE_PIECES
      || preadv2 (raw->fd, request->iov, (int)request->n_iov, (off_t)request->offset, RWF_NOWAIT)
             != (ssize_t)request->length)
    return FALSE;
  block_complete (request, 0);
  return TRUE;
}

static BlockExtentKind
raw_status (void *image, uint64_t offset, uint64_t *length)
{
  return block_file_status (((Raw *)image)->fd, offset, length);
}

static int
raw_resize (void *image, uint64_t size)
{
  Raw *raw = image;

  if (ftruncate (raw->fd, (off_t)size) < 0)
    return errno;
  raw->size = size;
  return 0;
}

const BlockDriver block_raw_driver = {
  .format = "raw",
  .create = block_file_create,
  .open = raw_open,
  .close = raw_close,
  .size = raw_size,
  .run = raw_run,
  .start = raw_start,
  .status = raw_status,
  .resize = raw_resize,
};
