/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Names of listening UNIX sockets.
 */
#define G_LOG_DOMAIN "viv-display"

#include "display/socket-place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENING   0x10000 /* __SO_ACCEPTCON of the kernel's net.h */
#define UNCONNECTED 1       /* SS_UNCONNECTED of linux/net.h */

static gboolean
same_name (const char *a, const char *b)
{
  g_autofree char *last_a = g_path_get_basename (a), *last_b = g_path_get_basename (b);

  return g_str_equal (last_a, last_b);
}

/* A line of /proc/net/unix, see proc_net_unix(5): number, references, protocol, flags, type, state, inode, name as it was bound.  It is held by who listens there,
 * by who has bound it and is about to, and by datagram sockets, which never listen; but not by connections that were accepted, which have the name, too. */
static gboolean
is_held_by (const char *line, const char *path, const struct stat *place)
{
  unsigned flags, type, state;
  int name = 0;
  struct stat st;

  if (sscanf (line, "%*[^:]: %*x %*x %x %x %x %*u %n", &flags, &type, &state, &name) != 3 || name == 0)
    return FALSE;
  line += name;
  if ((flags & LISTENING) == 0 && (type == SOCK_STREAM || type == SOCK_SEQPACKET) && state != UNCONNECTED)
    return FALSE;
  if (!same_name (line, path))
    return FALSE;
  /* What was bound from another folder can't be told apart. */
  return line[0] != '/'
         || (lstat (line, &st) == 0 && st.st_dev == place->st_dev && st.st_ino == place->st_ino);
}

/* The table has no sockets of other network namespaces (containers, Flatpak), so it is tried: nobody is there to hear it but one of these. */
static gboolean
is_refused (const char *path)
{
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  gboolean refused = FALSE;
  int fd;

  if (g_strlcpy (name.sun_path, path, sizeof name.sun_path) >= sizeof name.sun_path)
    return FALSE;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return FALSE;
  /* EPROTOTYPE: it is of another type, and so none of ours. */
  refused = connect (fd, (struct sockaddr *)&name, sizeof name) != 0 && errno == ECONNREFUSED;
  close (fd);
  return refused;
}

SocketPlace
socket_place_look (const char *path)
{
  g_autofree char *table = NULL;
  struct stat place;

  if (lstat (path, &place) != 0 || !S_ISSOCK (place.st_mode))
    return SOCKET_PLACE_FREE;
  if (!g_file_get_contents ("/proc/net/unix", &table, NULL, NULL))
    return SOCKET_PLACE_TAKEN;
  g_auto (GStrv) lines = g_strsplit (table, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    if (is_held_by (*line, path, &place))
      return SOCKET_PLACE_TAKEN;
  return is_refused (path) ? SOCKET_PLACE_STALE : SOCKET_PLACE_TAKEN;
}

gboolean
socket_place_listen (int fd, const char *path, int backlog)
{
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  int code;

  if (g_strlcpy (name.sun_path, path, sizeof name.sun_path) >= sizeof name.sun_path)
    {
      errno = ENAMETOOLONG;
      return FALSE;
    }
  mode_t mask = umask (0177);
  int result = bind (fd, (struct sockaddr *)&name, sizeof name);
  code = errno;
  umask (mask);
  errno = code;
  if (result != 0)
    return FALSE;
  if (listen (fd, backlog) == 0)
    return TRUE;
  code = errno;
  unlink (path);
  errno = code;
  return FALSE;
}
