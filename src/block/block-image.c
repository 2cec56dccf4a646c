/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Image jobs: create, and say what a file looks like.
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
block_image_create (const char *path, const char *format, uint64_t size, GError **error)
{
  if (format == NULL || strcmp (format, "raw") != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "Can't create “%s”: the image format “%s” isn't supported. Use “raw”.", path,
                   format != NULL ? format : "");
      return FALSE;
    }
  if (size > G_MAXINT64 - BLOCK_SECTOR_SIZE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "Can't create “%s”: it would be too large.", path);
      return FALSE;
    }
  size = (size + BLOCK_SECTOR_SIZE - 1) & ~(uint64_t)(BLOCK_SECTOR_SIZE - 1);
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

static gboolean
has_magic (int fd, off_t offset, const void *magic, size_t length)
{
  uint8_t bytes[32];

  return pread (fd, bytes, length, offset) == (ssize_t)length && memcmp (bytes, magic, length) == 0;
}

static uint64_t
read_be64 (int fd, off_t offset)
{
  uint64_t value = 0;

  return pread (fd, &value, sizeof value, offset) == sizeof value ? GUINT64_FROM_BE (value) : 0;
}

static uint64_t
read_le64 (int fd, off_t offset)
{
  uint64_t value = 0;

  return pread (fd, &value, sizeof value, offset) == sizeof value ? GUINT64_FROM_LE (value) : 0;
}

static const char *
probe_fd (int fd, uint64_t *size)
{
  if (has_magic (fd, 0, "QFI\xfb", 4))
    {
      *size = read_be64 (fd, 24);
      return "qcow2";
    }
  if (has_magic (fd, 0, "KDMV", 4))
    {
      *size = read_le64 (fd, 12) * BLOCK_SECTOR_SIZE;
      return "vmdk";
    }
  if (has_magic (fd, 0, "# Disk DescriptorFile", 21))
    return "vmdk";
  if (has_magic (fd, 0x40, "\x7f\x10\xda\xbe", 4))
    {
      *size = read_le64 (fd, 0x170);
      return "vdi";
    }
  if (has_magic (fd, 0, "vhdxfile", 8))
    return "vhdx";
  if (has_magic (fd, 0, "conectix", 8) || (*size >= 512 && has_magic (fd, (off_t)*size - 512, "conectix", 8)))
    return "vpc";
  if (has_magic (fd, 32769, "CD001", 5) || has_magic (fd, 32769, "BEA01", 5))
    return "iso9660";
  if (has_magic (fd, 0,
                 "\xfd"
                 "7zXZ",
                 6)
      || has_magic (fd, 0, "\x1f\x8b", 2) || has_magic (fd, 0, "PK\x03\x04", 4)
      || has_magic (fd, 0, "\x28\xb5\x2f\xfd", 4))
    return "archive";
  return "raw";
}

const char *
block_image_probe (const char *path, uint64_t *size, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  uint64_t bytes = 0;

  if (fd < 0 || fstat (fd, &st) < 0)
    {
      int code = errno;
      if (fd >= 0)
        close (fd);
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "Can't read “%s”: %s.", path,
                   g_strerror (code));
      return NULL;
    }
  if (S_ISREG (st.st_mode))
    bytes = (uint64_t)st.st_size;
  else if (!S_ISBLK (st.st_mode) || ioctl (fd, BLKGETSIZE64, &bytes) < 0)
    {
      close (fd);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                   "“%s” is neither a file nor a block device. Choose a disk image.", path);
      return NULL;
    }
  const char *format = probe_fd (fd, &bytes);
  close (fd);
  if (size != NULL)
    *size = bytes;
  return format;
}
