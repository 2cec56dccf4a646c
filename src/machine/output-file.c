/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files written whole or not at all.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/output-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX_LENGTH 7 /* ".XXXXXX" */
#define MOST_LINKS    16

struct VivOutputFile
{
  char *target;    /* where it goes, links followed */
  char *temporary; /* beside it; NULL: a nameless one, copied into the target */
  int fd;
};

static gboolean
set_error (GError **error, int code, const char *path)
{
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't write %s: %s"), shown,
               g_strerror (code));
  return FALSE;
}

/* Follows links by hand, because the last target need not exist.  NULL and errno. */
static char *
follow_links (const char *path)
{
  g_autofree char *at = g_canonicalize_filename (path, NULL);

  for (unsigned i = 0; i < MOST_LINKS; i++)
    {
      char link[PATH_MAX];
      ssize_t length = readlink (at, link, sizeof (link) - 1);
      if (length < 0)
        return g_steal_pointer (&at);
      link[length] = '\0';
      g_autofree char *folder = g_path_get_dirname (at);
      char *next = g_canonicalize_filename (link, folder);
      g_free (at);
      at = next;
    }
  errno = ELOOP;
  return NULL;
}

static int
open_nameless (void)
{
  const char *folder = g_getenv ("TMPDIR");
  g_autofree char *path
      = g_build_filename (folder != NULL && *folder != '\0' ? folder : "/var/tmp", "vivarium-XXXXXX", NULL);
  int fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);

  if (fd >= 0)
    unlink (path);
  return fd;
}

VivOutputFile *
viv_output_file_new (const char *path, int mode, GError **error)
{
  g_autoptr (VivOutputFile) file = g_new0 (VivOutputFile, 1);
  struct stat there;
  gboolean exists;

  file->fd = -1;
  file->target = follow_links (path);
  if (file->target == NULL)
    {
      set_error (error, errno, path);
      return NULL;
    }
  exists = lstat (file->target, &there) == 0;
  if (exists && (S_ISDIR (there.st_mode) || S_ISSOCK (there.st_mode)))
    {
      set_error (error, S_ISDIR (there.st_mode) ? EISDIR : EINVAL, path);
      return NULL;
    }
  if (exists && !S_ISREG (there.st_mode))
    file->fd = open_nameless ();
  else
    {
      g_autofree char *folder = g_path_get_dirname (file->target), *base = g_path_get_basename (file->target);
      g_autofree char *name = g_strconcat (".", base, ".XXXXXX", NULL);
      file->temporary = g_build_filename (folder, name, NULL);
      file->fd = g_mkstemp_full (file->temporary, O_RDWR | O_CLOEXEC, mode);
      /* What the person gave the old file, the new one has. */
      if (file->fd >= 0 && exists && fchmod (file->fd, there.st_mode & 07777) != 0)
        g_debug ("%s: %s", file->temporary, g_strerror (errno));
    }
  if (file->fd < 0)
    {
      int code = errno;
      g_clear_pointer (&file->temporary, g_free);
      set_error (error, code, path);
      return NULL;
    }
  return g_steal_pointer (&file);
}

int
viv_output_file_fd (VivOutputFile *file)
{
  return file->fd;
}

static int
write_all (int fd, const char *data, gsize length)
{
  while (length > 0)
    {
      ssize_t done = write (fd, data, length);
      if (done < 0 && errno == EINTR)
        continue;
      if (done < 0)
        return errno;
      data += done;
      length -= done;
    }
  return 0;
}

/* Into a FIFO or device: 0 or errno. */
static int
copy_into_target (VivOutputFile *file)
{
  g_autofree char *buffer = g_malloc (65536);
  off_t offset = 0;
  ssize_t length;
  int code = 0;
  int out = open (file->target, O_WRONLY | O_CLOEXEC | O_NOCTTY);

  if (out < 0)
    return errno;
  while (code == 0 && (length = pread (file->fd, buffer, 65536, offset)) != 0)
    {
      if (length < 0)
        code = errno;
      else
        code = write_all (out, buffer, length);
      offset += MAX (length, 0);
    }
  if (close (out) != 0 && code == 0)
    code = errno;
  return code;
}

gboolean
viv_output_file_commit (VivOutputFile *file, GError **error)
{
  if (file->temporary == NULL)
    {
      int code = copy_into_target (file);
      return code == 0 || set_error (error, code, file->target);
    }
  if (fsync (file->fd) != 0 || g_rename (file->temporary, file->target) != 0)
    return set_error (error, errno, file->target);
  g_clear_pointer (&file->temporary, g_free);
  g_autofree char *folder = g_path_get_dirname (file->target);
  viv_sync_folder (folder);
  return TRUE;
}

void
viv_output_file_free (VivOutputFile *file)
{
  if (file == NULL)
    return;
  if (file->temporary != NULL)
    unlink (file->temporary);
  if (file->fd >= 0)
    close (file->fd);
  g_free (file->temporary);
  g_free (file->target);
  g_free (file);
}

gboolean
viv_write_file (const char *path, const void *data, gsize length, int mode, GError **error)
{
  g_autoptr (VivOutputFile) file = viv_output_file_new (path, mode, error);
  int code = file != NULL ? write_all (file->fd, data, length) : 0;

  if (code != 0)
    return set_error (error, code, path);
  return file != NULL && viv_output_file_commit (file, error);
}

void
viv_sync_folder (const char *folder)
{
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return;
  if (fsync (fd) != 0)
    g_debug ("no fsync of %s: %s", folder, g_strerror (errno));
  close (fd);
}

gboolean
viv_is_leftover (const char *name, const char *file)
{
  size_t length = strlen (file);

  /* The hidden ones are ours, the others GLib's g_file_set_contents(). */
  if (name[0] == '.')
    name++;
  if (strncmp (name, file, length) != 0 || strlen (name) != length + SUFFIX_LENGTH || name[length] != '.')
    return FALSE;
  for (const char *p = name + length + 1; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p))
      return FALSE;
  return TRUE;
}

void
viv_sweep_leftovers (const char *folder, const char *file, unsigned age)
{
  g_autoptr (GDir) directory = g_dir_open (folder, 0, NULL);
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  const char *name;
  struct stat info;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      if (viv_is_leftover (name, file) && lstat (path, &info) == 0 && S_ISREG (info.st_mode)
          && (age == 0 || now - info.st_mtime >= age))
        unlink (path);
    }
}
