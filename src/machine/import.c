/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A copy of an image, made before the machine that it is for.
 */
#include "config.h"

#include "machine/import.h"

#include "machine/folder-lock.h"
#include "machine/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct VivImport
{
  char *folder, *path;
  int lock; /* somebody is at work here: viv_sweep_folders() */
};

static VivImport *
import_new (const char *machines, GError **error)
{
  VivImport *import = g_new0 (VivImport, 1);
  g_autofree char *uuid = g_uuid_string_random ();
  g_autofree char *name = g_strconcat (VIV_HALF_MADE, uuid, NULL);

  import->folder = g_build_filename (machines, name, NULL);
  import->path = g_build_filename (import->folder, "image", NULL);
  import->lock = -1;
  if (mkdir (import->folder, 0700) != 0)
    {
      int code = errno;

      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't make %s: %s"),
                   import->folder, g_strerror (code));
      g_clear_pointer (&import->folder, g_free);
    }
  else
    import->lock = viv_folder_lock (import->folder, VIV_LOCK_RUN, error);
  if (import->lock < 0)
    g_clear_pointer (&import, viv_import_free);
  return import;
}

VivImport *
viv_import_image (const char *machines, const char *from, GCancellable *cancellable, ImageCopyFunc progress,
                  gpointer data, GError **error)
{
  g_autoptr (VivImport) import = import_new (machines, error);
  int fd;
  gboolean done;

  if (import == NULL)
    return NULL;
  fd = open (import->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    {
      int code = errno;

      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't make %s: %s"), import->path,
                   g_strerror (code));
      return NULL;
    }
  done = image_copy (from, fd, cancellable, progress, data, error);
  close (fd);
  return done ? g_steal_pointer (&import) : NULL;
}

const char *
viv_import_get_path (const VivImport *import)
{
  return import->path;
}

void
viv_import_free (VivImport *import)
{
  if (import->folder != NULL)
    viv_remove_tree (import->folder, NULL);
  if (import->lock >= 0)
    viv_folder_unlock (import->lock);
  g_free (import->folder);
  g_free (import->path);
  g_free (import);
}
