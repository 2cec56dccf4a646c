/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The place of a machine's control socket.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/control-socket.h"

#include "display/socket-place.h"
#include "display/vnc-listen.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128
/* The bytes of the lock. */
#define LIFE_BYTE 0
#define DOOR_BYTE 1
/* Whoever is at the door is gone in a millisecond, unless he was stopped there. */
#define MOST_WAIT_US (10 * G_USEC_PER_SEC)
#define STEP_US      500
#define MOST_SCREENS 8
#define MOST_NOTES   65536
#define SOCKET_END   ".sock"
#define LOCK_END     ".lock"
#define FAMILY_END   ".family"

struct ControlSocket
{
  char *path, *lock_path, *family_path;
  int lock_fd, family_fd;
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

static struct flock
byte_lock (short type, off_t at)
{
  return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
}

static gboolean
try_byte (int fd, off_t at)
{
  struct flock lock = byte_lock (F_WRLCK, at);

  return fcntl (fd, F_OFD_SETLK, &lock) == 0;
}

/* A holder may have removed the file between our open() and the lock. */
static gboolean
is_there (int fd, const char *path)
{
  struct stat held, there;

  return fstat (fd, &held) == 0 && stat (path, &there) == 0 && held.st_ino == there.st_ino
         && held.st_dev == there.st_dev;
}

/* An open lock file with its door held; -1 and errno (EBUSY: somebody stands in it). */
static int
open_door (const char *lock_path)
{
  const gint64 end = g_get_monotonic_time () + MOST_WAIT_US;

  for (;;)
    {
      /* Others write notes there. */
      int fd = open (lock_path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (fd < 0)
        return -1;
      gboolean held = try_byte (fd, DOOR_BYTE);
      if (held && is_there (fd, lock_path))
        return fd;
      close (fd);
      if (!held && g_get_monotonic_time () >= end)
        {
          errno = EBUSY;
          return -1;
        }
      if (!held)
        g_usleep (STEP_US);
    }
}

static void
leave_door (int fd)
{
  struct flock lock = byte_lock (F_UNLCK, DOOR_BYTE);

  if (fcntl (fd, F_OFD_SETLK, &lock) != 0)
    g_debug ("a lock stays: %s", g_strerror (errno));
}

static gboolean
fail_busy (const char *lock_path, int fd, GError **error)
{
  char text[32] = "";
  ssize_t length = fd >= 0 ? read (fd, text, sizeof (text) - 1) : 0;
  int pid = 0;

  text[MAX (length, 0)] = '\0';
  g_autofree char *who = sscanf (text, "%d", &pid) == 1 ? g_strdup_printf ("%d", pid) : g_strdup ("?");
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
               "the machine runs already (process %s holds %s); two monitors would spoil its disks", who,
               lock_path);
  return FALSE;
}

/* Held as long as the process lives: the kernel lets go of it whatever becomes of us.  The door is held, too. */
static gboolean
take_lock (ControlSocket *place, GError **error)
{
  int fd;

  for (;;)
    {
      fd = open_door (place->lock_path);
      if (fd < 0)
        return errno == EBUSY ? fail_busy (place->lock_path, -1, error)
                              : set_errno_error (error, errno, "can't make", place->lock_path);
      if (!try_byte (fd, LIFE_BYTE))
        {
          fail_busy (place->lock_path, fd, error);
          close (fd);
          return FALSE;
        }
      /* The last one may have removed it since we looked, and only then let go. */
      if (is_there (fd, place->lock_path))
        break;
      close (fd);
    }
  g_autofree char *pid = g_strdup_printf ("%d\n", (int)getpid ());
  if (ftruncate (fd, 0) != 0 || write (fd, pid, strlen (pid)) < 0)
    g_debug ("no process id in %s", place->lock_path);
  place->lock_fd = fd;
  return TRUE;
}

/* A monitor ends with its broker, a moment later: until then it has the machine's images.  We are in the door. */
static gboolean
take_family (ControlSocket *place, GError **error)
{
  const gint64 end = g_get_monotonic_time () + MOST_WAIT_US;
  int fd = open (place->family_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    return set_errno_error (error, errno, "can't make", place->family_path);
  while (!try_byte (fd, LIFE_BYTE))
    {
      if (g_get_monotonic_time () >= end)
        {
          close (fd);
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                       "a process of this machine's last run doesn't end (it has %s open)",
                       place->family_path);
          return FALSE;
        }
      g_usleep (STEP_US);
    }
  place->family_fd = fd;
  return TRUE;
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
  place->lock_path = g_strconcat (place->path, LOCK_END, NULL);
  place->family_path = g_strconcat (place->path, FAMILY_END, NULL);
  place->lock_fd = place->family_fd = place->fd = -1;
  if (check_directory (place->path, error) && take_lock (place, error))
    {
      if (take_family (place, error))
        place->fd = bind_socket (place->path, error);
      leave_door (place->lock_fd);
    }
  if (place->fd >= 0)
    return place;
  control_socket_free (place);
  return NULL;
}

/* Lines: the process id, then what was noted. */
static GStrv
read_lines (int fd)
{
  g_autofree char *text = g_malloc (MOST_NOTES);
  ssize_t length = pread (fd, text, MOST_NOTES - 1, 0);

  text[MAX (length, 0)] = '\0';
  return g_strsplit (text, "\n", -1);
}

/* Each once, so that switching on and off for ever needs no room. */
static void
note (int fd, const char *address)
{
  g_auto (GStrv) lines = read_lines (fd);
  g_autofree char *line = g_strconcat (address, "\n", NULL);

  if (strchr (address, '\n') != NULL || g_strv_contains ((const char *const *)lines, address))
    return;
  if (write (fd, line, strlen (line)) < 0)
    g_debug ("an address is noted nowhere: %s", g_strerror (errno));
}

void
control_socket_note_vnc (ControlSocket *place, const char *address)
{
  note (place->lock_fd, address);
}

/* The lock file of a machine that runs, to read or to append to it. */
static int
open_notes (const char *path)
{
  g_autofree char *lock_path = g_strconcat (path, LOCK_END, NULL);

  return open (lock_path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

void
control_socket_note_vnc_at (const char *path, const char *address)
{
  int fd = open_notes (path);

  if (fd < 0)
    return;
  note (fd, address);
  close (fd);
}

int
control_socket_fd (const ControlSocket *place)
{
  return place->fd;
}

int
control_socket_family (const ControlSocket *place)
{
  return place->family_fd;
}

/* A screen's behind the first one's: vnc_listen_beside(). */
static void
tidy_vnc (const char *address)
{
  vnc_listen_tidy (address);
  for (unsigned screen = 1; screen < MOST_SCREENS; screen++)
    {
      g_autofree char *beside = g_strdup_printf ("%s.%u", address, screen);
      vnc_listen_tidy (beside);
    }
}

/* The lines behind the process id. */
static void
tidy_noted (int fd)
{
  g_auto (GStrv) lines = read_lines (fd);

  for (unsigned i = 1; i < g_strv_length (lines); i++)
    if (*lines[i] != '\0')
      tidy_vnc (lines[i]);
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
  if (place->family_fd >= 0)
    {
      unlink (place->family_path);
      close (place->family_fd);
    }
  if (place->lock_fd >= 0)
    {
      tidy_noted (place->lock_fd);
      unlink (place->lock_path);
      close (place->lock_fd);
    }
  g_free (place->path);
  g_free (place->lock_path);
  g_free (place->family_path);
  g_free (place);
}

/* -- What others left --------------------------------------------------------------------------------- */

void
control_socket_tidy_vnc (const char *path)
{
  int fd = open_notes (path);

  if (fd < 0)
    return;
  tidy_noted (fd);
  close (fd);
}

/* We are in the door. */
static void
sweep (int fd, const char *path, const char *lock_path)
{
  struct flock life = byte_lock (F_WRLCK, LIFE_BYTE);

  /* In this order: who ends removes the file first and lets go of it then.  So of a file that nobody has and that is there, its broker was killed, and
   * whoever comes next waits at our door. */
  if (fcntl (fd, F_OFD_GETLK, &life) != 0 || life.l_type != F_UNLCK || !is_there (fd, lock_path)
      || socket_place_look (path) == SOCKET_PLACE_TAKEN)
    return;
  tidy_noted (fd);
  g_autofree char *family = g_strconcat (path, FAMILY_END, NULL);
  if ((unlink (path) == 0 || errno == ENOENT) && (unlink (family) == 0 || errno == ENOENT))
    unlink (lock_path);
}

void
control_socket_sweep (const char *path)
{
  g_autofree char *lock_path = g_strconcat (path, LOCK_END, NULL);
  int fd = open (lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

  if (fd < 0)
    return;
  if (try_byte (fd, DOOR_BYTE))
    sweep (fd, path, lock_path);
  close (fd);
}

void
control_socket_sweep_all (const char *directory)
{
  const size_t end = strlen (SOCKET_END LOCK_END);
  g_autoptr (GDir) names = g_dir_open (directory, 0, NULL);
  const char *name;

  while (names != NULL && (name = g_dir_read_name (names)) != NULL)
    {
      if (!g_str_has_suffix (name, SOCKET_END LOCK_END))
        continue;
      /* Other programs may have locks there. */
      g_autofree char *uuid = g_strndup (name, strlen (name) - end);
      g_autofree char *file = g_strconcat (uuid, SOCKET_END, NULL);
      g_autofree char *path = g_build_filename (directory, file, NULL);
      if (g_uuid_string_is_valid (uuid))
        control_socket_sweep (path);
    }
}
