/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Raw images: one file or host block device, optionally under a copy-on-write overlay that is lost at close.
 */
#define G_LOG_DOMAIN "block"

#include "block/block-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* The overlay's grain.  4 KiB keeps the copy at a partial write to one page; the bitmap of a 1 TiB disk is 32 MiB of
 * memory that stays untouched until it is used. */
#define OVERLAY_SHIFT 12
#define OVERLAY_GRAIN (1u << OVERLAY_SHIFT)

static int
read_all (int fd, uint64_t offset, uint8_t *buffer, size_t length)
{
  while (length > 0)
    {
      ssize_t n = pread (fd, buffer, length, (off_t)offset);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno;
      if (n == 0)
        {
          /* The last sector of a file that isn't whole sectors long, or one that somebody cut. */
          memset (buffer, 0, length);
          return 0;
        }
      buffer += n;
      offset += (uint64_t)n;
      length -= (size_t)n;
    }
  return 0;
}

static int
write_all (int fd, uint64_t offset, const uint8_t *buffer, size_t length)
{
  while (length > 0)
    {
      ssize_t n = pwrite (fd, buffer, length, (off_t)offset);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno;
      if (n == 0)
        return EIO;
      buffer += n;
      offset += (uint64_t)n;
      length -= (size_t)n;
    }
  return 0;
}

gboolean
block_raw_open_overlay (BlockRaw *raw, uint64_t size, GError **error)
{
  const char *dir = g_getenv ("TMPDIR");

  /* /var/tmp is on a disk where /tmp often is memory. */
  if (dir == NULL)
    dir = "/var/tmp";
  raw->overlay = open (dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (raw->overlay < 0)
    {
      g_autofree char *name = g_build_filename (dir, "vivarium-overlay-XXXXXX", NULL);
      raw->overlay = g_mkstemp_full (name, O_RDWR | O_CLOEXEC, 0600);
      if (raw->overlay >= 0)
        unlink (name);
    }
  if (raw->overlay < 0 || ftruncate (raw->overlay, (off_t)size) < 0)
    {
      int code = errno;
      g_set_error (
          error, G_IO_ERROR, g_io_error_from_errno (code),
          "Can't make a temporary file in “%s” for changes that aren't kept: %s. Set TMPDIR to a folder "
          "with free space.",
          dir, g_strerror (code));
      return FALSE;
    }
  size_t grains = (size_t)((size + OVERLAY_GRAIN - 1) >> OVERLAY_SHIFT);
  raw->bitmap = g_try_malloc0_n ((grains + 63) / 64 + 1, sizeof (uint64_t));
  if (raw->bitmap == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "There isn't enough memory to keep changes to this image apart.");
      return FALSE;
    }
  return TRUE;
}

static gboolean
in_overlay (const BlockRaw *raw, uint64_t offset)
{
  uint64_t grain = offset >> OVERLAY_SHIFT;
  return (raw->bitmap[grain / 64] >> (grain % 64)) & 1;
}

static void
set_in_overlay (BlockRaw *raw, uint64_t offset)
{
  uint64_t grain = offset >> OVERLAY_SHIFT;
  raw->bitmap[grain / 64] |= UINT64_C (1) << (grain % 64);
}

int
block_raw_read (BlockRaw *raw, uint64_t offset, void *buffer, size_t length)
{
  uint8_t *p = buffer;
  int error = 0;

  if (raw->overlay < 0)
    return read_all (raw->fd, offset, p, length);

  g_rw_lock_reader_lock (&raw->overlay_lock);
  while (length > 0 && error == 0)
    {
      gboolean over = in_overlay (raw, offset);
      size_t run = MIN (length, OVERLAY_GRAIN - (offset & (OVERLAY_GRAIN - 1)));
      while (run < length && in_overlay (raw, offset + run) == over)
        run += MIN (length - run, OVERLAY_GRAIN);
      error = read_all (over ? raw->overlay : raw->fd, offset, p, run);
      p += run;
      offset += run;
      length -= run;
    }
  g_rw_lock_reader_unlock (&raw->overlay_lock);
  return error;
}

int
block_raw_write (BlockRaw *raw, uint64_t offset, const void *buffer, size_t length)
{
  const uint8_t *p = buffer;
  int error = 0;

  if (raw->overlay < 0)
    return write_all (raw->fd, offset, p, length);

  g_rw_lock_writer_lock (&raw->overlay_lock);
  while (length > 0 && error == 0)
    {
      size_t start = offset & (OVERLAY_GRAIN - 1);
      size_t n = MIN (length, OVERLAY_GRAIN - start);
      if (n == OVERLAY_GRAIN || in_overlay (raw, offset))
        error = write_all (raw->overlay, offset, p, n);
      else
        {
          uint8_t grain[OVERLAY_GRAIN];
          error = read_all (raw->fd, offset - start, grain, sizeof grain);
          memcpy (grain + start, p, n);
          if (error == 0)
            error = write_all (raw->overlay, offset - start, grain, sizeof grain);
        }
      if (error == 0)
        set_in_overlay (raw, offset);
      p += n;
      offset += n;
      length -= n;
    }
  g_rw_lock_writer_unlock (&raw->overlay_lock);
  return error;
}

int
block_raw_flush (BlockRaw *raw)
{
  if (raw->overlay >= 0 || raw->read_only)
    return 0;
  while (fdatasync (raw->fd) < 0)
    {
      if (errno == EINTR)
        continue;
      /* Character devices and some special files have nothing to flush. */
      return errno == EINVAL || errno == EROFS ? 0 : errno;
    }
  return 0;
}

/* Space given back: what the guest reads there afterwards is unspecified, so a host that can't do it is no error. */
int
block_raw_discard (BlockRaw *raw, uint64_t offset, uint64_t length)
{
  if (raw->overlay >= 0)
    {
      /* Whole grains only. */
      uint64_t end = (offset + length) & ~(uint64_t)(OVERLAY_GRAIN - 1);
      g_rw_lock_writer_lock (&raw->overlay_lock);
      offset = (offset + OVERLAY_GRAIN - 1) & ~(uint64_t)(OVERLAY_GRAIN - 1);
      if (end > offset
          && fallocate (raw->overlay, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                        (off_t)(end - offset))
                 == 0)
        for (; offset < end; offset += OVERLAY_GRAIN)
          set_in_overlay (raw, offset);
      g_rw_lock_writer_unlock (&raw->overlay_lock);
      return 0;
    }
  while (fallocate (raw->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length) < 0)
    {
      if (errno == EINTR)
        continue;
      if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENODEV || errno == EINVAL)
        return 0;
      return errno;
    }
  return 0;
}

/* Reads without waiting for a disk: TRUE if all of it was in the host's cache. */
gboolean
block_raw_read_cached (BlockRaw *raw, uint64_t offset, void *buffer, size_t length)
{
  struct iovec part = { .iov_base = buffer, .iov_len = length };

  if (raw->overlay >= 0)
    return FALSE;
  return preadv2 (raw->fd, &part, 1, (off_t)offset, RWF_NOWAIT) == (ssize_t)length;
}

void
block_raw_close (BlockRaw *raw)
{
  if (raw->overlay >= 0)
    close (raw->overlay);
  if (raw->fd >= 0)
    close (raw->fd);
  raw->overlay = -1;
  raw->fd = -1;
  g_clear_pointer (&raw->bitmap, g_free);
}
