/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Locks on images: open file description locks (fcntl(2), F_OFD_SETLK), which live as long as the descriptor and are seen by
 * every other program that locks the file.
 */
#define G_LOG_DOMAIN "block"

#include "block/block-driver.h"
#include "base/host-files.h"
#include "block/block.h"
#include "block/regular-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEFINITION (1 << 20) /* bytes */

/* A line of /proc/PID/fdinfo/N: "lock:\t1: OFDLCK ADVISORY  WRITE -1 00:2d:4711 0 EOF". */
static gboolean
line_locks (const char *line, uint64_t at)
{
  g_auto (GStrv) words = NULL;
  guint64 from, to;
  guint n;

  if (!g_str_has_prefix (line, "lock:"))
    return FALSE;
  words = g_strsplit (line, " ", -1);
  n = g_strv_length (words);
  return n >= 2 && g_ascii_string_to_unsigned (words[n - 2], 10, 0, G_MAXUINT64, &from, NULL) && from <= at
         && (g_str_equal (words[n - 1], "EOF")
             || (g_ascii_string_to_unsigned (words[n - 1], 10, 0, G_MAXUINT64, &to, NULL) && at <= to));
}

/* /proc/locks says -1 for the owner of an OFD lock, so look for a process that has this file open with a lock on it. */
static gboolean
process_locks_file (const char *pid, const struct stat *file, uint64_t at)
{
  g_autofree char *fds = g_build_filename ("/proc", pid, "fd", NULL);
  g_autoptr (GDir) dir = g_dir_open (fds, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (fds, name, NULL);
      struct stat st;
      if (stat (path, &st) < 0 || st.st_dev != file->st_dev || st.st_ino != file->st_ino)
        continue;
      g_autofree char *info = g_build_filename ("/proc", pid, "fdinfo", name, NULL);
      g_autofree char *text = NULL;
      if (!g_file_get_contents (info, &text, NULL, NULL))
        continue;
      g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
      for (char **line = lines; *line != NULL; line++)
        if (line_locks (*line, at))
          return TRUE;
    }
  return FALSE;
}

pid_t
block_find_lock_holder (int fd, uint64_t at)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc", 0, NULL);
  const char *name;
  struct stat st;

  if (fstat (fd, &st) < 0)
    return 0;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_ascii_isdigit (name[0]) && process_locks_file (name, &st, at))
      return (pid_t)atoi (name);
  return 0;
}

static char *
name_in_definition (const char *path)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *text = NULL;
  gsize length;

  if (!regular_file_read (path, MAX_DEFINITION, &text, &length, NULL)
      || !g_key_file_load_from_data (file, text, length, G_KEY_FILE_NONE, NULL))
    return NULL;
  return g_key_file_get_string (file, "machine", "name", NULL);
}

/* What a monitor of ours runs, by its command line, in which another program may have written anything; NULL: it is none. */
static char *
name_machine (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/cmdline", (int)pid);
  g_autofree char *text = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, NULL))
    return NULL;
  for (const char *word = text; word < text + length; word += strlen (word) + 1)
    {
      const char *value = word + strlen (word) + 1;
      if (g_str_equal (word, "--definition") && value < text + length)
        return name_in_definition (value);
    }
  return NULL;
}

char *
block_describe_lock_holder (int fd)
{
  pid_t holder = block_find_lock_holder (fd, 0);

  if (holder == 0)
    return g_strdup ("another program");
  if (holder == getpid ())
    return g_strdup ("this machine itself, as another drive");
  g_autofree char *machine = name_machine (holder);
  if (machine != NULL)
    return g_strdup_printf ("the machine “%s”, which runs (process %d)", machine, (int)holder);
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
  g_autofree char *told = host_file_explain (path);
  g_autofree char *holder = told != NULL ? g_steal_pointer (&told) : block_describe_lock_holder (fd);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
               "“%s” is in use by %s. Stop that first, or make a copy of the image%s.", path, holder,
               exclusive ? ", or open it read-only or let its changes be discarded if the other only reads it"
                         : "");
  return FALSE;
}
