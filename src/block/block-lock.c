/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Locks on images: open file description locks (fcntl(2), F_OFD_SETLK), which live as long as the descriptor and are seen by
 * every other program that locks the file.
 */
#define G_LOG_DOMAIN "block"

#include "block/block-private.h"

#include <errno.h>
#include <stdio.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* /proc/locks says -1 for the owner of an OFD lock, so look for a process that has this file open with a lock on it. */
static gboolean
process_locks_file (const char *pid, const struct stat *image)
{
  g_autofree char *fds = g_build_filename ("/proc", pid, "fd", NULL);
  g_autoptr (GDir) dir = g_dir_open (fds, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (fds, name, NULL);
      struct stat st;
      if (stat (path, &st) < 0 || st.st_dev != image->st_dev || st.st_ino != image->st_ino)
        continue;
      g_autofree char *info = g_build_filename ("/proc", pid, "fdinfo", name, NULL);
      g_autofree char *text = NULL;
      if (g_file_get_contents (info, &text, NULL, NULL) && strstr (text, "lock:") != NULL)
        return TRUE;
    }
  return FALSE;
}

static pid_t
holder_from_proc_locks (const struct stat *image)
{
  g_autofree char *text = NULL;
  g_autofree char *wanted = g_strdup_printf ("%02x:%02x:%" G_GUINT64_FORMAT, major (image->st_dev),
                                             minor (image->st_dev), (guint64)image->st_ino);

  if (!g_file_get_contents ("/proc/locks", &text, NULL, NULL))
    return 0;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      char mode[16], place[64];
      int pid;
      if (sscanf (*line, "%*s %*s %*s %15s %d %63s", mode, &pid, place) == 3 && pid > 0
          && strcmp (place, wanted) == 0)
        return pid;
    }
  return 0;
}

static pid_t
find_holder (const struct stat *image)
{
  pid_t holder = holder_from_proc_locks (image);
  g_autoptr (GDir) dir = g_dir_open ("/proc", 0, NULL);
  const char *name;

  while (holder == 0 && dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_ascii_isdigit (name[0]) && process_locks_file (name, image))
      holder = (pid_t)atoi (name);
  return holder;
}

static char *
describe_holder (int fd)
{
  struct stat st;
  pid_t holder;

  if (fstat (fd, &st) < 0 || (holder = find_holder (&st)) == 0)
    return g_strdup ("another program");
  if (holder == getpid ())
    return g_strdup ("this machine itself, as another drive");
  g_autofree char *path = g_strdup_printf ("/proc/%d/comm", (int)holder);
  g_autofree char *name = NULL;
  if (!g_file_get_contents (path, &name, NULL, NULL))
    return g_strdup_printf ("process %d", (int)holder);
  return g_strdup_printf ("%s (process %d)", g_strstrip (name), (int)holder);
}

gboolean
block_lock (int fd, const char *path, gboolean exclusive, GError **error)
{
  struct flock lock = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };

  if (fcntl (fd, F_OFD_SETLK, &lock) == 0)
    return TRUE;
  if (errno != EAGAIN && errno != EACCES)
    {
      /* A file system without locks (some network and FUSE ones) is no reason not to run. */
      g_info ("No lock on “%s”: %s", path, g_strerror (errno));
      return TRUE;
    }
  g_autofree char *holder = describe_holder (fd);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
               "“%s” is in use by %s. Stop that first, or make a copy of the image%s.", path, holder,
               exclusive ? ", or open it read-only or as a snapshot if the other only reads it" : "");
  return FALSE;
}
