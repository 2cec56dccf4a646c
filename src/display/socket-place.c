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

#define LISTENING 0x10000 /* __SO_ACCEPTCON of the kernel's net.h */

static gboolean
same_name (const char *a, const char *b)
{
  g_autofree char *last_a = g_path_get_basename (a), *last_b = g_path_get_basename (b);

  return g_str_equal (last_a, last_b);
}

/* A line of /proc/net/unix, see proc_net_unix(5): number, references, protocol, flags, type, state, inode, name as it was bound. */
static gboolean
listens_there (const char *line, const char *path, const struct stat *place)
{
  unsigned flags;
  int name = 0;
  struct stat st;

  if (sscanf (line, "%*[^:]: %*x %*x %x %*x %*x %*u %n", &flags, &name) != 1 || name == 0)
    return FALSE;
  line += name;
  if ((flags & LISTENING) == 0 || !same_name (line, path))
    return FALSE;
  /* What was bound from another folder can't be told apart. */
  return line[0] != '/'
         || (lstat (line, &st) == 0 && st.st_dev == place->st_dev && st.st_ino == place->st_ino);
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
    if (listens_there (*line, path, &place))
      return SOCKET_PLACE_TAKEN;
  return SOCKET_PLACE_STALE;
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
