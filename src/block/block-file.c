/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files and block devices below an image: opening, whole transfers, space.  See block-driver.h.
 */
#define G_LOG_DOMAIN "block"

#include "block/block-driver.h"
#include "base/host-files.h"
#include "block/block-vector.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECES     64u          /* of a vector in one call */
#define CALL_MAX   (256u << 20) /* bytes in one call; the kernel stops at 2 GiB */
#define ZEROS_SIZE (64u * 1024)

BlockFileCalls block_file_calls
    = { .preadv = preadv, .pwritev = pwritev, .fallocate = fallocate, .fdatasync = fdatasync };

/* -- Opening -------------------------------------------------------------------------------------- */

static int
open_error (GError **error, const char *path, int code, gboolean writing)
{
  const char *hint = "";

  if (code == ENOENT)
    hint = " Choose the file again: it was moved or deleted.";
  else if (code == EACCES || code == EPERM)
    hint = writing ? " Change its permissions, or use it read-only or let its changes be discarded."
                   : " Change its permissions.";
  else if (code == EROFS)
    hint = " Use it read-only or let its changes be discarded, or copy it to a place that can be written.";
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "Can't open the image “%s”: %s.%s", path,
               g_strerror (code), hint);
  return -1;
}

/* What was opened as we would have. */
static int
take_passed (int fd, gboolean writing)
{
  int mode = fcntl (fd, F_GETFL);

  if (mode < 0)
    return -1;
  /* Writes behind the file's end, or in whole blocks only, are none of ours. */
  if ((mode & (O_PATH | O_APPEND | O_DIRECT)) != 0)
    errno = EINVAL;
  else if ((mode & O_ACCMODE) == O_WRONLY || (writing && (mode & O_ACCMODE) != O_RDWR))
    errno = EACCES;
  else
    return fcntl (fd, F_DUPFD_CLOEXEC, 0);
  return -1;
}

static int
no_image (GError **error, const char *path)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
               "“%s” is neither a file nor a block device. Choose a disk image.", path);
  return -1;
}

static int
open_by_name (const char *path, gboolean writing, GError **error)
{
  uint32_t mode;
  uint64_t size;

  /* Opening alone makes some devices act, so look first; the caller looks again, for somebody may have put another one there. */
  if (host_file_look (path, &mode, &size) != 0)
    return open_error (error, path, errno, writing);
  if (!S_ISREG (mode) && !S_ISBLK (mode))
    return no_image (error, path);
  /* O_NONBLOCK: a FIFO that has come meanwhile must not hang the open. */
  int fd = host_file_open (path, (writing ? O_RDWR : O_RDONLY) | O_NOCTTY | O_NONBLOCK);
  return fd >= 0 ? fd : open_error (error, path, errno, writing);
}

int
block_file_open (const BlockConfig *config, gboolean discard, uint64_t *size, GError **error)
{
  gboolean writing = !discard && (config->flags & (BLOCK_READ_ONLY | BLOCK_SHARED_READ)) == 0;
  struct stat st;
  int fd = config->passed ? take_passed (config->fd, writing) : open_by_name (config->path, writing, error);
  if (fd < 0)
    return config->passed ? open_error (error, config->path, errno, writing) : -1;
  gboolean ok = FALSE;
  if (fstat (fd, &st) < 0)
    open_error (error, config->path, errno, writing);
  else if (S_ISREG (st.st_mode))
    {
      *size = (uint64_t)st.st_size;
      ok = TRUE;
    }
  else if (!S_ISBLK (st.st_mode))
    no_image (error, config->path);
  else if (ioctl (fd, BLKGETSIZE64, size) < 0)
    open_error (error, config->path, errno, writing);
  else
    ok = TRUE;
  if (ok && block_lock (fd, config->path, writing, error))
    return fd;
  close (fd);
  return -1;
}

void
block_file_close (int fd)
{
  struct flock unlock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

  (void)fcntl (fd, F_OFD_SETLK, &unlock);
  close (fd);
}

static void
sync_folder_of (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return;
  if (fsync (fd) < 0)
    g_info ("Can't sync “%s”: %s", folder, g_strerror (errno));
  close (fd);
}

gboolean
block_file_create (const char *path, uint64_t size, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  int code = fd < 0 ? errno : 0;

  if (fd >= 0 && (ftruncate (fd, (off_t)size) < 0 || fsync (fd) < 0))
    {
      code = errno;
      unlink (path);
    }
  if (fd >= 0)
    close (fd);
  if (code != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "Can't create the image “%s”: %s.%s",
                   path, g_strerror (code),
                   code == EEXIST  ? " Choose another name, or delete that file first."
                   : code == EFBIG ? " This file system can't hold a file of that size."
                                   : "");
      return FALSE;
    }
  sync_folder_of (path);
  return TRUE;
}

int
block_file_temporary (uint64_t size, GError **error)
{
  const char *dir = g_getenv ("TMPDIR") != NULL ? g_getenv ("TMPDIR") : "/var/tmp";
  int fd = host_file_temporary ();

  if (fd >= 0 && ftruncate (fd, (off_t)size) == 0)
    return fd;
  int code = errno;
  if (fd >= 0)
    close (fd);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
               "Can't make a temporary file in “%s” for changes that aren't kept: %s. Set TMPDIR to a folder "
               "with free space.",
               dir, g_strerror (code));
  return -1;
}

/* -- Transfers ------------------------------------------------------------------------------------ */

int
block_file_read (int fd, uint64_t offset, const struct iovec *iov, unsigned n_iov)
{
  size_t length = (size_t)block_vector_length (iov, n_iov), done = 0;
  struct iovec part[PIECES];

  while (done < length)
    {
      unsigned n = block_vector_slice (iov, n_iov, done, MIN (length - done, CALL_MAX), part, PIECES);
      ssize_t got = block_file_calls.preadv (fd, part, (int)n, (off_t)(offset + done));
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return errno;
      if (got == 0)
        {
          /* The last sector of a file that isn't whole sectors long, or one that somebody cut. */
          block_vector_fill (iov, n_iov, done, length - done, 0);
          return 0;
        }
      done += (size_t)got;
    }
  return 0;
}

int
block_file_write (int fd, uint64_t offset, const struct iovec *iov, unsigned n_iov)
{
  size_t length = (size_t)block_vector_length (iov, n_iov), done = 0;
  struct iovec part[PIECES];

  while (done < length)
    {
      unsigned n = block_vector_slice (iov, n_iov, done, MIN (length - done, CALL_MAX), part, PIECES);
      ssize_t got = block_file_calls.pwritev (fd, part, (int)n, (off_t)(offset + done));
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        return got < 0 ? errno : EIO;
      done += (size_t)got;
    }
  return 0;
}

int
block_file_flush (int fd)
{
  while (block_file_calls.fdatasync (fd) < 0)
    if (errno != EINTR)
      /* Character devices and some special files have nothing to flush. */
      return errno == EINVAL || errno == EROFS ? 0 : errno;
  return 0;
}

/* -- Space ---------------------------------------------------------------------------------------- */

/* The host, or the file system, doesn't know how: another way must do. */
static gboolean
not_offered (int code)
{
  return code == EOPNOTSUPP || code == ENOSYS || code == ENODEV || code == EINVAL || code == ENOTTY
         || code == EPERM;
}

static int
allocate (int fd, int mode, uint64_t offset, uint64_t length)
{
  while (block_file_calls.fallocate (fd, mode, (off_t)offset, (off_t)length) < 0)
    if (errno != EINTR)
      return errno;
  return 0;
}

static int
on_device (int fd, unsigned long command, uint64_t offset, uint64_t length)
{
  uint64_t range[2] = { offset, length };
  struct stat st;

  if (fstat (fd, &st) < 0 || !S_ISBLK (st.st_mode))
    return EOPNOTSUPP;
  return ioctl (fd, command, range) == 0 ? 0 : errno;
}

int
block_file_discard (int fd, uint64_t offset, uint64_t length)
{
  int code = allocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);

  if (not_offered (code))
    code = on_device (fd, BLKDISCARD, offset, length);
  return not_offered (code) ? 0 : code;
}

int
block_file_write_zeroes (int fd, uint64_t offset, uint64_t length, gboolean unmap)
{
  static const uint8_t zeros[ZEROS_SIZE];
  int code = EOPNOTSUPP;

  if (unmap)
    code = allocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
  if (not_offered (code))
    code = allocate (fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length);
  if (not_offered (code))
    code = on_device (fd, BLKZEROOUT, offset, length);
  if (!not_offered (code))
    return code;
  code = 0;
  while (length > 0 && code == 0)
    {
      struct iovec part = { .iov_base = (void *)zeros, .iov_len = MIN (length, ZEROS_SIZE) };
      code = block_file_write (fd, offset, &part, 1);
      offset += part.iov_len;
      length -= part.iov_len;
    }
  return code;
}

BlockExtentKind
block_file_status (int fd, uint64_t offset, uint64_t *length)
{
  off_t data = lseek (fd, (off_t)offset, SEEK_DATA);

  if (data < 0 && errno == ENXIO)
    return BLOCK_EXTENT_ZERO; /* a hole up to the end */
  if (data < 0)
    return BLOCK_EXTENT_DATA;
  if ((uint64_t)data > offset)
    {
      *length = MIN (*length, (uint64_t)data - offset);
      return BLOCK_EXTENT_ZERO;
    }
  off_t hole = lseek (fd, (off_t)offset, SEEK_HOLE);
  if (hole > (off_t)offset)
    *length = MIN (*length, (uint64_t)hole - offset);
  return BLOCK_EXTENT_DATA;
}
