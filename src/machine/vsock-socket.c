/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/vsock-socket.h"

#include "display/socket-place.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG     16
#define CONTROL_END ".sock"

char *
vsock_socket_path (const char *control)
{
  const size_t length
      = strlen (control) - (g_str_has_suffix (control, CONTROL_END) ? strlen (CONTROL_END) : 0);

  return g_strdup_printf ("%.*s.vsock", (int)length, control);
}

char *
vsock_socket_port_path (const char *path, unsigned port)
{
  return g_strdup_printf ("%s_%u", path, port);
}

int
vsock_socket_listen (const char *path, GError **error)
{
  int fd = -1;

  if (strlen (path) >= sizeof ((struct sockaddr_un *)NULL)->sun_path)
    errno = ENAMETOOLONG;
  else if (socket_place_look (path) == SOCKET_PLACE_TAKEN)
    errno = EADDRINUSE;
  else if ((unlink (path) == 0 || errno == ENOENT)
           && (fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) >= 0
           && !socket_place_listen (fd, path, BACKLOG))
    {
      const int code = errno;

      close (fd);
      fd = -1;
      errno = code;
    }
  if (fd < 0)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "can't listen on %s: %s", path,
                 g_strerror (errno));
  return fd;
}

int
vsock_socket_connect (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd;

  if (strlen (path) >= sizeof address.sun_path)
    {
      errno = ENAMETOOLONG;
      return -1;
    }
  strcpy (address.sun_path, path);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect (fd, (const struct sockaddr *)&address, sizeof address) < 0)
    {
      const int code = errno;

      close (fd);
      errno = code;
      return -1;
    }
  return fd;
}
