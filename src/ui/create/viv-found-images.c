/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Images that a person may want to make a machine of.
 */
#include "config.h"

#include "ui/create/viv-found-images.h"

#include "ui/app/viv-look.h"

#include <string.h>

#define FOLDER_MOST 2000 /* entries that are looked at */

typedef struct
{
  GStrv uris, folders;
} Places;

static void
places_free (gpointer data)
{
  Places *places = data;

  g_strfreev (places->uris);
  g_strfreev (places->folders);
  g_free (places);
}

void
viv_found_image_free (VivFoundImage *image)
{
  g_free (image->path);
  g_free (image);
}

static gboolean
is_called_so (const char *name)
{
  static const char *const suffixes[] = { ".iso", ".img", ".ima", ".vfd", ".flp", ".dsk", ".raw" };
  g_autofree char *small = g_ascii_strdown (name, -1);

  for (unsigned i = 0; i < G_N_ELEMENTS (suffixes); i++)
    if (g_str_has_suffix (small, suffixes[i]))
      return TRUE;
  return FALSE;
}

static void
add (GPtrArray *images, const char *path)
{
  VivFoundImage *image;
  VivLook look;

  if (!is_called_so (path))
    return;
  viv_look (path, &look);
  if (!look.regular || look.size == 0)
    return;
  for (guint i = 0; i < images->len; i++)
    if (g_str_equal (((VivFoundImage *)images->pdata[i])->path, path))
      return;
  image = g_new0 (VivFoundImage, 1);
  image->path = g_strdup (path);
  image->size = look.size;
  image->changed = look.changed;
  g_ptr_array_add (images, image);
}

static void
add_folder (GPtrArray *images, const char *folder, GCancellable *cancellable)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  for (unsigned i = 0; dir && i < FOLDER_MOST && (name = g_dir_read_name (dir)); i++)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_cancellable_is_cancelled (cancellable))
        return;
      add (images, path);
    }
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const VivFoundImage *first = *(VivFoundImage *const *)a, *second = *(VivFoundImage *const *)b;

  if (first->changed != second->changed)
    return first->changed > second->changed ? -1 : 1;
  return strcmp (first->path, second->path);
}

static void
find (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Places *places = data;
  GPtrArray *images = g_ptr_array_new_with_free_func ((GDestroyNotify)viv_found_image_free);

  for (char **uri = places->uris; *uri; uri++)
    {
      g_autofree char *path = g_filename_from_uri (*uri, NULL, NULL);

      if (path)
        add (images, path);
    }
  for (char **folder = places->folders; *folder; folder++)
    add_folder (images, *folder, cancellable);
  g_ptr_array_sort (images, compare);
  if (images->len > VIV_FOUND_IMAGES_MAX)
    g_ptr_array_set_size (images, VIV_FOUND_IMAGES_MAX);
  g_task_return_pointer (task, images, (GDestroyNotify)g_ptr_array_unref);
}

void
viv_found_images_async (const char *const *uris, const char *const *folders, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);
  Places *places = g_new0 (Places, 1);

  places->uris = g_strdupv ((char **)uris);
  places->folders = g_strdupv ((char **)folders);
  g_task_set_task_data (task, places, places_free);
  viv_look_run (task, find);
}

GPtrArray *
viv_found_images_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
