/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The place of a machine's control socket.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/control-socket.h"

#include "display/socket-place.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

struct ControlSocket
{
  char *path, *lock_path;
  int lock_fd;
  int fd; /* it listens; -1: not yet */
};

static gboolean
set_errno_error (GError **error, int code, const char *what, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s %s: %s", what, path, g_strerror (code));
  return FALSE;
}

/* Nobody but us may have a way to the socket. */
static gboolean
check_directory (const char *socket_path, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (socket_path);
  struct stat info;

  if (lstat (directory, &info) != 0)
    return set_errno_error (error, errno, "can't use the socket's directory", directory);
  if (!S_ISDIR (info.st_mode) || info.st_uid != geteuid () || (info.st_mode & 077) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   "%s must be a directory of yours with mode 0700, for the control socket's sake",
                   directory);
      return FALSE;
    }
  return TRUE;
}

/* Held as long as the process lives: the kernel lets go of it whatever becomes of us. */
static gboolean
take_lock (ControlSocket *place, GError **error)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  struct stat held, there;

  for (;;)
    {
      int fd = open (place->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (fd < 0)
        return set_errno_error (error, errno, "can't make", place->lock_path);
      if (fcntl (fd, F_OFD_SETLK, &lock) != 0)
        {
          char pid[32] = "";
          ssize_t length = errno == EAGAIN || errno == EACCES ? read (fd, pid, sizeof (pid) - 1) : 0;
          pid[MAX (length, 0)] = '\0';
          close (fd);
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                       "the machine runs already (process %s holds %s); two monitors would spoil its disks",
                       *g_strstrip (pid) != '\0' ? pid : "?", place->lock_path);
          return FALSE;
        }
      /* The last holder may have removed the file between our open() and the lock. */
      if (fstat (fd, &held) == 0 && stat (place->lock_path, &there) == 0 && held.st_ino == there.st_ino
          && held.st_dev == there.st_dev)
        {
          g_autofree char *pid = g_strdup_printf ("%d\n", (int)getpid ());
          if (ftruncate (fd, 0) != 0 || write (fd, pid, strlen (pid)) < 0)
            g_debug ("no process id in %s", place->lock_path);
          place->lock_fd = fd;
          return TRUE;
        }
      close (fd);
    }
}

/* A bound, listening socket; -1 on error. */
static int
bind_socket (const char *path, GError **error)
{
  const size_t longest = sizeof ((struct sockaddr_un *)NULL)->sun_path - 1;
  int fd;

  if (strlen (path) > longest)
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
          "%s is too long for a socket (at most %zu bytes); set XDG_RUNTIME_DIR to a shorter directory", path,
          longest);
      return -1;
    }
  /* We have the lock, so whoever made this is dead, or is something else that listens here. */
  switch (socket_place_look (path))
    {
    case SOCKET_PLACE_FREE:
      break;
    case SOCKET_PLACE_TAKEN:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE, "somebody listens on %s already", path);
      return -1;
    case SOCKET_PLACE_STALE:
      if (unlink (path) == 0 || errno == ENOENT)
        break;
      set_errno_error (error, errno, "can't remove the stale", path);
      return -1;
    }
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    {
      set_errno_error (error, errno, "can't make a socket for", path);
      return -1;
    }
  if (!socket_place_listen (fd, path, BACKLOG))
    {
      set_errno_error (error, errno, "can't listen on", path);
      close (fd);
      return -1;
    }
  return fd;
}

/* -- Life --------------------------------------------------------------------------------------------- */

ControlSocket *
control_socket_new (const char *path, GError **error)
{
  ControlSocket *place = g_new0 (ControlSocket, 1);

  place->path = g_canonicalize_filename (path, NULL);
  place->lock_path = g_strconcat (place->path, ".lock", NULL);
  place->lock_fd = place->fd = -1;
  if (check_directory (place->path, error) && take_lock (place, error))
    place->fd = bind_socket (place->path, error);
  if (place->fd >= 0)
    return place;
  control_socket_free (place);
  return NULL;
}

int
control_socket_fd (const ControlSocket *place)
{
  return place->fd;
}

void
control_socket_free (ControlSocket *place)
{
  if (place == NULL)
    return;
  if (place->fd >= 0)
    {
      unlink (place->path);
      close (place->fd);
    }
  if (place->lock_fd >= 0)
    {
      unlink (place->lock_path);
      close (place->lock_fd);
    }
  g_free (place->path);
  g_free (place->lock_path);
  g_free (place);
}
