/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Regular files.  See regular-file.h.
 */
#define G_LOG_DOMAIN "block"

#include "block/regular-file.h"

#include "base/host-files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
set_errno_error (GError **error, const char *path, int code)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "Can't read “%s”: %s", path,
               g_strerror (code));
  return FALSE;
}

static gboolean
check (const char *path, const struct stat *info, uint64_t max, GError **error)
{
  if (!S_ISREG (info->st_mode))
    g_set_error (error, G_IO_ERROR,
                 S_ISDIR (info->st_mode) ? G_IO_ERROR_IS_DIRECTORY : G_IO_ERROR_NOT_REGULAR_FILE,
                 "“%s” is not a file. Choose another one.", path);
  else if (info->st_size == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "“%s” is empty. Choose another file.", path);
  else if ((uint64_t)info->st_size > max)
    {
      g_autofree char *limit = g_format_size_full (max, G_FORMAT_SIZE_IEC_UNITS);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "“%s” is larger than the %s that such a file may have. Choose another file.", path, limit);
    }
  else
    return TRUE;
  return FALSE;
}

int
regular_file_open (const char *path, uint64_t max, uint64_t *size, GError **error)
{
  struct stat info = { 0 };
  uint32_t mode;
  uint64_t length;

  /* Opening alone makes some devices act, so look first; and again, for somebody may have put another one there. */
  if (host_file_look (path, &mode, &length) != 0)
    {
      set_errno_error (error, path, errno);
      return -1;
    }
  info.st_mode = mode;
  info.st_size = (off_t)length;
  if (!check (path, &info, max, error))
    return -1;
  int fd = host_file_open (path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  if (fd < 0 || fstat (fd, &info) != 0)
    set_errno_error (error, path, errno);
  else if (check (path, &info, max, error))
    {
      *size = (uint64_t)info.st_size;
      return fd;
    }
  if (fd >= 0)
    close (fd);
  return -1;
}

gboolean
regular_file_read (const char *path, uint64_t max, char **data, gsize *length, GError **error)
{
  uint64_t size;
  int fd = regular_file_open (path, MIN (max, G_MAXSSIZE - 1), &size, error);
  gsize done = 0;
  int code = 0;

  if (fd < 0)
    return FALSE;
  g_autofree char *bytes = g_try_malloc (size + 1);
  if (bytes == NULL)
    code = ENOMEM;
  while (code == 0 && done < size)
    {
      ssize_t n = read (fd, bytes + done, size - done);
      if (n < 0 && errno != EINTR)
        code = errno;
      if (n == 0)
        break; /* it was cut meanwhile */
      if (n > 0)
        done += (gsize)n;
    }
  close (fd);
  if (code != 0)
    return set_errno_error (error, path, code);
  bytes[done] = '\0';
  *data = g_steal_pointer (&bytes);
  if (length != NULL)
    *length = done;
  return TRUE;
}
