/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The content of an image into a new file.
 */
#include "config.h"

#include "machine/image-copy.h"

#include "block/regular-file.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CHUNK (1 << 20)
#define BLOCK 4096 /* what isn't written if it is all zeroes */

typedef struct
{
  const char *name;
  int from, to;
  uint64_t size;
  unsigned char *buffer;
  ImageCopyFunc progress;
  gpointer data;
  int told; /* percent */
} Copy;

static gboolean
failed (Copy *copy, int code, GError **error)
{
  /* Translators: a file, and what is wrong */
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("%s can't be copied: %s"), copy->name,
               g_strerror (code));
  return FALSE;
}

static void
tell (Copy *copy, uint64_t done)
{
  int percent = (int)(copy->size ? done * 100.0 / copy->size : 100);

  if (percent != copy->told && copy->progress != NULL)
    copy->progress (percent / 100.0, copy->data);
  copy->told = percent;
}

static gboolean
write_all (Copy *copy, const unsigned char *bytes, size_t length, uint64_t offset, GError **error)
{
  while (length > 0)
    {
      ssize_t n = pwrite (copy->to, bytes, length, (off_t)offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return failed (copy, n < 0 ? errno : ENOSPC, error);
      bytes += n;
      length -= (size_t)n;
      offset += (uint64_t)n;
    }
  return TRUE;
}

static gboolean
is_zero (const unsigned char *bytes, size_t length)
{
  return bytes[0] == 0 && memcmp (bytes, bytes + 1, length - 1) == 0;
}

/* Runs of blocks that aren't zeroes. */
static gboolean
write_data (Copy *copy, size_t length, uint64_t offset, GError **error)
{
  size_t start = 0;

  for (size_t at = 0; at < length; at += BLOCK)
    if (is_zero (copy->buffer + at, MIN (BLOCK, length - at)))
      {
        if (at > start && !write_all (copy, copy->buffer + start, at - start, offset + start, error))
          return FALSE;
        start = at + BLOCK;
      }
  return start >= length || write_all (copy, copy->buffer + start, length - start, offset + start, error);
}

static gboolean
copy_range (Copy *copy, uint64_t offset, uint64_t end, GCancellable *cancellable, GError **error)
{
  while (offset < end)
    {
      ssize_t n;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      n = pread (copy->from, copy->buffer, (size_t)MIN (CHUNK, end - offset), (off_t)offset);
      if (n < 0 && errno == EINTR)
        continue;
      /* Shorter than it was: somebody is at it. */
      if (n <= 0)
        return failed (copy, n < 0 ? errno : EIO, error);
      if (!write_data (copy, (size_t)n, offset, error))
        return FALSE;
      offset += (uint64_t)n;
      tell (copy, offset);
    }
  return TRUE;
}

static gboolean
copy_all (Copy *copy, GCancellable *cancellable, GError **error)
{
  uint64_t offset = 0;

  while (offset < copy->size)
    {
      off_t data = lseek (copy->from, (off_t)offset, SEEK_DATA), hole;

      if (data < 0 && errno == ENXIO)
        break; /* a hole to the end */
      if (data < 0)
        return copy_range (copy, offset, copy->size, cancellable, error);
      hole = lseek (copy->from, data, SEEK_HOLE);
      if (hole <= data || (uint64_t)hole > copy->size)
        hole = (off_t)copy->size;
      if (!copy_range (copy, (uint64_t)data, (uint64_t)hole, cancellable, error))
        return FALSE;
      offset = (uint64_t)hole;
    }
  return TRUE;
}

gboolean
image_copy (const char *from, int to, GCancellable *cancellable, ImageCopyFunc progress, gpointer data,
            GError **error)
{
  g_autofree char *name = g_filename_display_name (from);
  Copy copy = { .name = name, .to = to, .progress = progress, .data = data, .told = -1 };
  gboolean done;

  copy.from = regular_file_open (from, INT64_MAX, &copy.size, error);
  if (copy.from < 0)
    return FALSE;
  copy.buffer = g_malloc (CHUNK);
  done = ioctl (to, FICLONE, copy.from) == 0;
  if (!done)
    {
      done = (ftruncate (to, (off_t)copy.size) == 0 || failed (&copy, errno, error))
             && copy_all (&copy, cancellable, error);
      if (done && fsync (to) != 0)
        done = failed (&copy, errno, error);
    }
  if (done)
    tell (&copy, copy.size);
  g_free (copy.buffer);
  close (copy.from);
  return done;
}
