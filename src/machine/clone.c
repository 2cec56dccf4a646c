/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine with what another one has.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/clone.h"

#include "machine/definition-files.h"
#include "machine/folder-lock.h"
#include "machine/import.h"
#include "machine/machine-error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TPM "tpm"

typedef struct
{
  char *from, *to; /* a file, and its name in the new folder, below which a TPM's have one more */
  uint64_t size;
  struct timespec changed; /* as it was in the beginning */
} Item;

struct VivClone
{
  MachineDefinition *definition;
  char *folder;       /* where copies wait */
  int lock;           /* on that; -1: none */
  char *their_folder; /* of the machine that is copied */
  GArray *items;      /* Item */
  GArray *images;     /* VivNewImage, whose texts are in `texts` */
  GPtrArray *texts;
  /* While it copies. */
  uint64_t all, done, current;
  ImageCopyFunc progress;
  gpointer data;
};

static void
item_clear (gpointer data)
{
  Item *item = data;

  g_free (item->from);
  g_free (item->to);
}

static gboolean
cannot (GError **error, const char *path)
{
  int code = errno;

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't make %s: %s"), path,
               g_strerror (code));
  return FALSE;
}

/* Not locked for as long as copying takes: it would look as if it ran, and couldn't be started. */
static gboolean
is_off (const VivClone *clone, GError **error)
{
  int lock = viv_folder_lock (clone->their_folder, VIV_LOCK_RUN, error);

  viv_folder_unlock (lock);
  return lock >= 0;
}

/* Each file is as it was: the copies are of one moment. */
static gboolean
is_unchanged (const VivClone *clone, GError **error)
{
  for (guint i = 0; i < clone->items->len; i++)
    {
      const Item *item = &g_array_index (clone->items, Item, i);
      struct stat info;

      if (stat (item->from, &info) == 0 && info.st_mtim.tv_sec == item->changed.tv_sec
          && info.st_mtim.tv_nsec == item->changed.tv_nsec)
        continue;
      g_autofree char *name = g_filename_display_name (item->from);
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING,
                   _ ("%s has changed while it was copied; clone the machine again while it is off"), name);
      return FALSE;
    }
  return is_off (clone, error);
}

static gboolean
has_name (const VivClone *clone, const char *name)
{
  for (guint i = 0; i < clone->items->len; i++)
    if (g_str_equal (g_array_index (clone->items, Item, i).to, name))
      return TRUE;
  return FALSE;
}

/* One that no other file has. */
static char *
free_name (const VivClone *clone, const char *path)
{
  g_autofree char *base = g_path_get_basename (path), *name = viv_folder_name (base);

  for (unsigned i = 2; has_name (clone, name) || g_str_equal (name, TPM) || g_str_equal (name, "machine.ini");
       i++)
    {
      g_free (name);
      name = g_strdup_printf ("%u-%s", i, base);
    }
  return g_steal_pointer (&name);
}

/* The file's name in the new folder; NULL: it isn't there to be copied. */
static const char *
add (VivClone *clone, const char *from, const char *to)
{
  g_autofree char *name = NULL;
  struct stat info;

  for (guint i = 0; i < clone->items->len; i++)
    if (g_str_equal (g_array_index (clone->items, Item, i).from, from))
      return g_array_index (clone->items, Item, i).to;
  if (stat (from, &info) != 0)
    return NULL;
  name = to != NULL ? g_strdup (to) : free_name (clone, from);
  Item item = { g_strdup (from), g_steal_pointer (&name), S_ISREG (info.st_mode) ? (uint64_t)info.st_size : 0,
                info.st_mtim };
  g_array_append_val (clone->items, item);
  return item.to;
}

/* Paths that a definition gives without a folder are in the machine's own. */
static void
add_own (VivClone *clone, const MachineDefinition *theirs, const char *key)
{
  const char *path = definition_text (theirs, key), *name;

  if (path == NULL || *path == '\0' || g_path_is_absolute (path))
    return;
  g_autofree char *from = definition_resolve (theirs, path);
  name = add (clone, from, NULL);
  if (name != NULL)
    definition_put (clone->definition, key, name);
}

static void
add_drives (VivClone *clone, const MachineDefinition *theirs)
{
  for (unsigned i = 0; definition_drive (theirs, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (theirs, i);
      const char *path = machine_device_text (drive, "path"), *name;
      MachineDevice *mine = definition_find (clone->definition, drive->id);
      gboolean kept = drive->kind->drive == DRIVE_CDROM || machine_device_flag (drive, "readonly")
                      || machine_device_flag (drive, "discard");

      if (path == NULL || *path == '\0' || mine == NULL || (kept && g_path_is_absolute (path)))
        continue;
      g_autofree char *from = definition_resolve (theirs, path);
      name = add (clone, from, NULL);
      if (name != NULL)
        machine_device_put (mine, "path", name);
    }
}

static void
add_tpm (VivClone *clone, const MachineDefinition *theirs)
{
  g_autofree char *path = definition_resolve (theirs, TPM);
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *from = g_build_filename (path, name, NULL), *to = g_build_filename (TPM, name, NULL);
      if (g_file_test (from, G_FILE_TEST_IS_REGULAR) && !g_file_test (from, G_FILE_TEST_IS_SYMLINK)
          && name[0] != '.')
        add (clone, from, to);
    }
}

/* What viv_host_create() takes: each file, and a TPM's as one folder. */
static void
list_images (VivClone *clone)
{
  gboolean tpm = FALSE;

  for (guint i = 0; i < clone->items->len; i++)
    {
      const char *to = g_array_index (clone->items, Item, i).to;
      gboolean is_tpm = g_str_has_prefix (to, TPM "/");
      VivNewImage image = { .file = is_tpm ? TPM : to };

      if (is_tpm && tpm)
        continue;
      tpm = tpm || is_tpm;
      image.ready = g_build_filename (clone->folder, image.file, NULL);
      g_ptr_array_add (clone->texts, (char *)image.ready);
      g_array_append_val (clone->images, image);
    }
}

VivClone *
viv_clone_new (const char *machines, const MachineDefinition *definition, const char *name, gboolean new_tpm,
               GError **error)
{
  g_autoptr (VivClone) clone = g_new0 (VivClone, 1);
  g_autofree char *uuid = g_uuid_string_random (), *hidden = g_strconcat (VIV_HALF_MADE, uuid, NULL);

  g_return_val_if_fail (definition->folder != NULL, NULL);
  clone->lock = -1;
  clone->items = g_array_new (FALSE, TRUE, sizeof (Item));
  g_array_set_clear_func (clone->items, item_clear);
  clone->images = g_array_new (FALSE, TRUE, sizeof (VivNewImage));
  clone->texts = g_ptr_array_new_with_free_func (g_free);
  clone->definition = definition_copy (definition);
  if (!definition_check_name (name, error))
    return NULL;
  definition_put (clone->definition, "machine.name", name);
  clone->their_folder = g_strdup (definition->folder);
  if (!is_off (clone, error))
    return NULL;
  g_autofree char *folder = g_build_filename (machines, hidden, NULL);
  if (mkdir (folder, 0700) != 0)
    {
      cannot (error, folder);
      return NULL;
    }
  clone->folder = g_steal_pointer (&folder);
  clone->lock = viv_folder_lock (clone->folder, VIV_LOCK_RUN, error);
  if (clone->lock < 0)
    return NULL;
  if (definition_uefi (definition) != NULL)
    {
      g_autofree char *variables = definition_uefi_variables (definition),
                      *base = g_path_get_basename (variables);
      add (clone, variables, base);
    }
  add_drives (clone, definition);
  add_own (clone, definition, "machine.kernel");
  add_own (clone, definition, "machine.initrd");
  if (!new_tpm && definition_find (definition, "tpm0") != NULL)
    add_tpm (clone, definition);
  list_images (clone);
  return g_steal_pointer (&clone);
}

static void
on_progress (double fraction, gpointer data)
{
  VivClone *clone = data;

  if (clone->progress != NULL && clone->all > 0)
    clone->progress (((double)clone->done + fraction * (double)clone->current) / (double)clone->all,
                     clone->data);
}

static gboolean
copy_item (VivClone *clone, const Item *item, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = g_build_filename (clone->folder, item->to, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  int fd;
  gboolean done;

  if (!g_str_equal (parent, clone->folder) && mkdir (parent, 0700) != 0 && errno != EEXIST)
    return cannot (error, parent);
  fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return cannot (error, path);
  clone->current = item->size;
  done = image_copy (item->from, fd, cancellable, on_progress, clone, error);
  close (fd);
  clone->done += item->size;
  return done;
}

gboolean
viv_clone_copy (VivClone *clone, GCancellable *cancellable, ImageCopyFunc progress, gpointer data,
                GError **error)
{
  clone->progress = progress;
  clone->data = data;
  for (guint i = 0; i < clone->items->len; i++)
    clone->all += g_array_index (clone->items, Item, i).size;
  for (guint i = 0; i < clone->items->len; i++)
    if (g_cancellable_set_error_if_cancelled (cancellable, error) || !is_off (clone, error)
        || !copy_item (clone, &g_array_index (clone->items, Item, i), cancellable, error))
      return FALSE;
  return is_unchanged (clone, error);
}

MachineDefinition *
viv_clone_definition (const VivClone *clone)
{
  return clone->definition;
}

const VivNewImage *
viv_clone_images (const VivClone *clone, unsigned *n)
{
  *n = clone->images->len;
  return (const VivNewImage *)(void *)clone->images->data;
}

void
viv_clone_free (VivClone *clone)
{
  if (clone->folder != NULL)
    viv_remove_tree (clone->folder, NULL);
  viv_folder_unlock (clone->lock);
  g_free (clone->their_folder);
  g_clear_pointer (&clone->definition, definition_unref);
  g_array_unref (clone->items);
  g_array_unref (clone->images);
  g_ptr_array_unref (clone->texts);
  g_free (clone->folder);
  g_free (clone);
}
