/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which formats there are; creating images; and what a file looks like, of formats that we have no driver for too.
 */
#define G_LOG_DOMAIN "block"

#include "base/host-files.h"
#include "block/block-driver.h"
#include "block/block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the order in which content is asked. */
static const BlockDriver *const block_drivers[] = { &block_raw_driver, &block_memory_driver };

const BlockDriver *
block_find_driver (const char *format, gboolean testing)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (block_drivers); i++)
    if (g_str_equal (block_drivers[i]->format, format) && (testing || !block_drivers[i]->testing))
      return block_drivers[i];
  return NULL;
}

gboolean
block_image_create (const char *path, const char *format, uint64_t size, GError **error)
{
  const BlockDriver *driver = format != NULL ? block_find_driver (format, FALSE) : NULL;

  if (driver == NULL || driver->create == NULL)
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
  return driver->create (path, size, error);
}

/* -- Content ---------------------------------------------------------------------------------------- */

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
  for (unsigned i = 0; i < G_N_ELEMENTS (block_drivers); i++)
    if (block_drivers[i]->probe != NULL && block_drivers[i]->probe (fd, size))
      return block_drivers[i]->format;
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
  int fd = host_file_open (path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
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
