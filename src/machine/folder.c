/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Machine folders as such: making one whole or not at all, removing one without straying from it.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/folder.h"

#include "machine/folder-lock.h"
#include "machine/output-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH         32
#define MOST_FOLDER_BYTES 100
/* What is younger may be between two steps of its maker. */
#define SWEEP_AGE_S 60

static gboolean
set_file_error (GError **error, int code, const char *format, const char *path)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), format, path, g_strerror (code));
#pragma GCC diagnostic pop
  return FALSE;
}

/* Takes `fd`, a directory. */
static gboolean
empty_directory (int fd, dev_t device, unsigned depth, const char *path, GError **error)
{
  DIR *directory = fdopendir (fd);
  struct dirent *entry;
  gboolean done = TRUE;

  if (directory == NULL)
    {
      set_file_error (error, errno, _ ("can't read %s: %s"), path);
      close (fd);
      return FALSE;
    }
  while (done && (entry = readdir (directory)) != NULL)
    {
      struct stat info;

      if (g_str_equal (entry->d_name, ".") || g_str_equal (entry->d_name, ".."))
        continue;
      g_autofree char *child = g_build_filename (path, entry->d_name, NULL);
      if (fstatat (fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        done = set_file_error (error, errno, _ ("can't look at %s: %s"), child);
      else if (!S_ISDIR (info.st_mode))
        done = unlinkat (fd, entry->d_name, 0) == 0
               || set_file_error (error, errno, _ ("can't remove %s: %s"), child);
      else if (info.st_dev != device || depth == 0)
        done = set_file_error (error, EXDEV, _ ("%s is left alone, being another file system: %s"), child);
      else
        {
          int sub = openat (fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
          if (sub < 0)
            done = set_file_error (error, errno, _ ("can't open %s: %s"), child);
          else
            done = empty_directory (sub, device, depth - 1, child, error)
                   && (unlinkat (fd, entry->d_name, AT_REMOVEDIR) == 0
                       || set_file_error (error, errno, _ ("can't remove %s: %s"), child));
        }
    }
  closedir (directory);
  return done;
}

gboolean
viv_remove_tree (const char *path, GError **error)
{
  struct stat info;
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  if (fd < 0)
    return set_file_error (error, errno, _ ("can't open %s: %s"), path);
  if (fstat (fd, &info) != 0)
    {
      set_file_error (error, errno, _ ("can't look at %s: %s"), path);
      close (fd);
      return FALSE;
    }
  if (!empty_directory (fd, info.st_dev, MAX_DEPTH, path, error))
    return FALSE;
  return rmdir (path) == 0 || set_file_error (error, errno, _ ("can't remove %s: %s"), path);
}

static guint64
space_taken (const char *path, unsigned depth)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  guint64 sum = 0;
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      struct stat info;

      if (lstat (child, &info) != 0)
        continue;
      sum += (guint64)info.st_blocks * 512;
      if (S_ISDIR (info.st_mode) && depth > 0)
        sum += space_taken (child, depth - 1);
    }
  return sum;
}

guint64
viv_space_taken (const char *path)
{
  struct stat info;

  return lstat (path, &info) == 0 && S_ISDIR (info.st_mode) ? space_taken (path, MAX_DEPTH) : 0;
}

static gboolean
make_image (const char *folder, const VivNewImage *image, GError **error)
{
  g_autofree char *path = g_build_filename (folder, image->file, NULL);

  if (strchr (image->file, '/') != NULL || image->file[0] == '.' || image->file[0] == '\0')
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, _ ("“%s” can't be the name of an image"),
                   image->file);
      return FALSE;
    }
  if (image->ready != NULL)
    return rename (image->ready, path) == 0
           || set_file_error (error, errno, _ ("can't move %s: %s"), image->ready);
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate (fd, image->size) != 0 || fsync (fd) != 0)
    {
      set_file_error (error, errno, _ ("can't make the disk image %s: %s"), path);
      if (fd >= 0)
        close (fd);
      return FALSE;
    }
  close (fd);
  return TRUE;
}

gboolean
viv_create_machine_folder (const char *folder, MachineDefinition *definition, const VivNewImage *images,
                           unsigned n_images, GError **error)
{
  g_autofree char *file = g_build_filename (folder, "machine.ini", NULL);

  if (mkdir (folder, 0700) != 0)
    return set_file_error (error, errno, _ ("can't make the machine's folder %s: %s"), folder);
  /* Says that somebody is at work here: viv_sweep_folders(). */
  int lock = viv_folder_lock (folder, VIV_LOCK_RUN, error);
  gboolean done = lock >= 0;
  for (unsigned i = 0; done && i < n_images; i++)
    done = make_image (folder, &images[i], error);
  done = done && definition_save (definition, file, error);
  if (!done)
    viv_remove_tree (folder, NULL);
  viv_folder_unlock (lock);
  return done;
}

char *
viv_folder_name (const char *name)
{
  g_autofree char *valid = g_utf8_make_valid (name, -1);
  GString *folder = g_string_new (NULL);

  for (const char *p = valid; *p != '\0' && folder->len < MOST_FOLDER_BYTES; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      /* Also what other systems' file systems, on a stick say, refuse. */
      if (g_unichar_iscntrl (c) || (c < 128 && strchr ("/\\:*?\"<>|", (int)c) != NULL)
          || (c == '.' && folder->len == 0))
        g_string_append_c (folder, '_');
      else
        g_string_append_unichar (folder, c);
    }
  while (folder->len > 0 && strchr (". ", folder->str[folder->len - 1]) != NULL)
    g_string_truncate (folder, folder->len - 1);
  if (folder->len == 0)
    g_string_append (folder, "_");
  return g_string_free (folder, FALSE);
}

char *
viv_free_folder (const char *path, const char *name)
{
  g_autofree char *base = viv_folder_name (name);

  for (unsigned i = 1;; i++)
    {
      g_autofree char *numbered = i == 1 ? g_strdup (base) : g_strdup_printf ("%s %u", base, i);
      char *folder = g_build_filename (path, numbered, NULL);
      if (!g_file_test (folder, G_FILE_TEST_EXISTS) && !g_file_test (folder, G_FILE_TEST_IS_SYMLINK))
        return folder;
      g_free (folder);
    }
}

gboolean
viv_move_folder (const char *from, const char *to, GError **error)
{
  /* File systems without that flag: the check has to do. */
  if (renameat2 (AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0
      || (errno == EINVAL && !g_file_test (to, G_FILE_TEST_EXISTS) && rename (from, to) == 0))
    {
      g_autofree char *old_parent = g_path_get_dirname (from), *new_parent = g_path_get_dirname (to);
      viv_sync_folder (new_parent);
      if (!g_str_equal (old_parent, new_parent))
        viv_sync_folder (old_parent);
      return TRUE;
    }
  int code = errno;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't move %s to %s: %s"), from, to,
               g_strerror (code));
  return FALSE;
}

void
viv_sweep_folders (const char *path, const char *prefix)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  const char *name;
  struct stat info;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *folder = g_build_filename (path, name, NULL);
      if (!g_str_has_prefix (name, prefix) || lstat (folder, &info) != 0 || !S_ISDIR (info.st_mode)
          || now - info.st_mtime < SWEEP_AGE_S || viv_folder_is_running (folder))
        continue;
      /* Somebody may be quicker than we: who has the lock removes it. */
      int lock = viv_folder_lock (folder, VIV_LOCK_RUN, NULL);
      if (lock >= 0 && !viv_remove_tree (folder, NULL))
        g_debug ("%s can't be swept away", folder);
      viv_folder_unlock (lock);
    }
}
