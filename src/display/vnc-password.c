/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The file with a VNC password.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "display/vnc-password.h"

#include "block/regular-file.h"

#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64 * 1024)

int
vnc_password_open (const char *path, GError **error)
{
  uint64_t size;
  int fd = regular_file_open (path, FILE_MAX, &size, error);

  if (fd < 0)
    {
      g_prefix_error (error, "%s ", _ ("The VNC password:"));
      return -1;
    }
  g_autofree char *password = vnc_password_read (fd);
  if (password == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   _ ("the VNC password file %s has no password in its first line"), path);
      close (fd);
      return -1;
    }
  explicit_bzero (password, strlen (password));
  return fd;
}

char *
vnc_password_read (int fd)
{
  char line[VNC_PASSWORD_BYTES + 2];
  struct stat info;
  char *password = NULL;

  if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode))
    return NULL;
  ssize_t n = pread (fd, line, sizeof line - 1, 0);
  if (n > 0)
    {
      line[n] = '\0';
      line[strcspn (line, "\r\n")] = '\0';
      if (strlen (line) > VNC_PASSWORD_BYTES)
        g_message ("only the first %d bytes of the VNC password count", VNC_PASSWORD_BYTES);
      password = *line != '\0' ? g_strndup (line, VNC_PASSWORD_BYTES) : NULL;
    }
  explicit_bzero (line, sizeof line);
  return password;
}
