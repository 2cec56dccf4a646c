/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Changes that aren't kept, over an image of any format: a temporary file without a name and a bitmap of the grains that it has.
 */
#define G_LOG_DOMAIN "block"

#include "block/block-driver.h"
#include "block/block-vector.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* 4 KiB keeps the copy at a partial write to one page; the bitmap of a 1 TiB disk is 32 MiB of memory that stays untouched until it
 * is used. */
#define GRAIN_SHIFT 12
#define GRAIN       (1u << GRAIN_SHIFT)

typedef struct
{
  const BlockDriver *driver;
  void *image;
  int fd;
  uint64_t size;
  uint64_t *bitmap;
  GRWLock lock; /* of the bitmap, and of what it says of the file */
} Overlay;

static gboolean
has_grain (const Overlay *overlay, uint64_t offset)
{
  uint64_t grain = offset >> GRAIN_SHIFT;
  return (overlay->bitmap[grain / 64] >> (grain % 64)) & 1;
}

static void
set_grains (Overlay *overlay, uint64_t offset, uint64_t length)
{
  for (uint64_t grain = offset >> GRAIN_SHIFT; grain << GRAIN_SHIFT < offset + length; grain++)
    overlay->bitmap[grain / 64] |= UINT64_C (1) << (grain % 64);
}

/* From `offset` on, up to `length`: bytes in grains that are all there or all not. */
static size_t
run_of (const Overlay *overlay, uint64_t offset, size_t length)
{
  gboolean there = has_grain (overlay, offset);
  size_t run = MIN (length, GRAIN - (offset & (GRAIN - 1)));

  while (run < length && has_grain (overlay, offset + run) == there)
    run += MIN (length - run, GRAIN);
  return run;
}

static int
read_below (Overlay *overlay, uint64_t offset, const struct iovec *iov, unsigned n)
{
  BlockRequest request = { .op = BLOCK_OP_READ, .offset = offset, .iov = iov, .n_iov = n };

  request.length = block_vector_length (iov, n);
  return overlay->driver->run (overlay->image, &request);
}

static int
overlay_read (Overlay *overlay, const BlockRequest *request)
{
  g_autofree struct iovec *part = g_new (struct iovec, request->n_iov);
  size_t done = 0;
  int error = 0;

  g_rw_lock_reader_lock (&overlay->lock);
  while (done < request->length && error == 0)
    {
      uint64_t offset = request->offset + done;
      size_t run = run_of (overlay, offset, (size_t)request->length - done);
      unsigned n = block_vector_slice (request->iov, request->n_iov, done, run, part, request->n_iov);
      error = has_grain (overlay, offset) ? block_file_read (overlay->fd, offset, part, n)
                                          : read_below (overlay, offset, part, n);
      done += run;
    }
  g_rw_lock_reader_unlock (&overlay->lock);
  return error;
}

/* A piece of a grain that isn't there yet: the rest of it comes from below. */
static int
write_piece (Overlay *overlay, uint64_t offset, const BlockRequest *request, size_t done, size_t length)
{
  uint8_t grain[GRAIN] = { 0 };
  uint64_t start = offset & ~(uint64_t)(GRAIN - 1);
  struct iovec below = { .iov_base = grain, .iov_len = (size_t)MIN (GRAIN, overlay->size - start) };
  struct iovec whole = { .iov_base = grain, .iov_len = GRAIN };
  int error = read_below (overlay, start, &below, 1);

  if (error != 0)
    return error;
  if (request->op == BLOCK_OP_WRITE)
    block_vector_get (request->iov, request->n_iov, done, grain + (offset - start), length);
  else
    memset (grain + (offset - start), 0, length);
  return block_file_write (overlay->fd, start, &whole, 1);
}

static int
overlay_write (Overlay *overlay, const BlockRequest *request)
{
  g_autofree struct iovec *part = g_new (struct iovec, request->n_iov + 1);
  size_t done = 0;
  int error = 0;

  g_rw_lock_writer_lock (&overlay->lock);
  while (done < request->length && error == 0)
    {
      uint64_t offset = request->offset + done;
      size_t left = (size_t)request->length - done, n = MIN (left, GRAIN - (offset & (GRAIN - 1)));
      if (n < GRAIN && !has_grain (overlay, offset))
        error = write_piece (overlay, offset, request, done, n);
      else
        {
          /* As many as can go at once: those that are there already, or are whole. */
          while (n < left && (left - n >= GRAIN || has_grain (overlay, offset + n)))
            n += MIN (left - n, GRAIN);
          unsigned pieces = block_vector_slice (request->iov, request->n_iov, done, n, part, request->n_iov);
          error = request->op == BLOCK_OP_WRITE ? block_file_write (overlay->fd, offset, part, pieces)
                                                : block_file_write_zeroes (overlay->fd, offset, n, TRUE);
        }
      if (error == 0)
        set_grains (overlay, offset, n);
      done += n;
    }
  g_rw_lock_writer_unlock (&overlay->lock);
  return error;
}

/* Whole grains only, which are zeros then. */
static int
overlay_discard (Overlay *overlay, uint64_t offset, uint64_t length)
{
  uint64_t end = (offset + length) & ~(uint64_t)(GRAIN - 1);

  offset = (offset + GRAIN - 1) & ~(uint64_t)(GRAIN - 1);
  if (end <= offset)
    return 0;
  g_rw_lock_writer_lock (&overlay->lock);
  int error = block_file_write_zeroes (overlay->fd, offset, end - offset, TRUE);
  if (error == 0)
    set_grains (overlay, offset, end - offset);
  g_rw_lock_writer_unlock (&overlay->lock);
  return error;
}

static int
overlay_run (void *image, const BlockRequest *request)
{
  switch (request->op)
    {
    case BLOCK_OP_READ:
      return overlay_read (image, request);
    case BLOCK_OP_WRITE:
    case BLOCK_OP_WRITE_ZEROES:
      return overlay_write (image, request);
    case BLOCK_OP_FLUSH:
      return 0;
    case BLOCK_OP_DISCARD:
      return overlay_discard (image, request->offset, request->length);
    default:
      return EINVAL;
    }
}

static uint64_t
overlay_size (void *image)
{
  return ((Overlay *)image)->size;
}

static void
overlay_close (void *image)
{
  Overlay *overlay = image;

  overlay->driver->close (overlay->image);
  if (overlay->fd >= 0)
    close (overlay->fd);
  g_rw_lock_clear (&overlay->lock);
  g_free (overlay->bitmap);
  g_free (overlay);
}

void *
block_overlay_new (const BlockDriver *driver, void *image, const char *path, GError **error)
{
  Overlay *overlay = g_new0 (Overlay, 1);

  overlay->driver = driver;
  overlay->image = image;
  overlay->size = driver->size (image);
  g_rw_lock_init (&overlay->lock);
  overlay->bitmap
      = g_try_malloc0_n (((overlay->size + GRAIN - 1) >> GRAIN_SHIFT) / 64 + 1, sizeof (uint64_t));
  overlay->fd = overlay->bitmap != NULL ? block_file_temporary (overlay->size, error) : -1;
  if (overlay->bitmap == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                 "There isn't enough memory to keep changes to “%s” apart.", path);
  if (overlay->fd >= 0)
    return overlay;
  overlay_close (overlay);
  return NULL;
}

const BlockDriver block_overlay_driver = {
  .format = "overlay",
  .testing = TRUE,
  .close = overlay_close,
  .size = overlay_size,
  .run = overlay_run,
};
