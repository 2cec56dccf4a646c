/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The trash of machines.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/trash.h"

#include "machine/definition.h"
#include "machine/folder-lock.h"
#include "machine/folder.h"
#include "machine/machine-error.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#define STAMP_LENGTH (sizeof "-20261123-155000-123456" - 1)

G_DEFINE_BOXED_TYPE (VivTrashEntry, viv_trash_entry, viv_trash_entry_copy, viv_trash_entry_free)

VivTrashEntry *
viv_trash_entry_copy (const VivTrashEntry *entry)
{
  VivTrashEntry *copy = g_new (VivTrashEntry, 1);

  *copy = (VivTrashEntry){ g_strdup (entry->id), g_strdup (entry->name), entry->when };
  return copy;
}

void
viv_trash_entry_free (VivTrashEntry *entry)
{
  g_free (entry->id);
  g_free (entry->name);
  g_free (entry);
}

char *
viv_trash_id (const char *base)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *stamp = g_date_time_format (now, "%Y%m%d-%H%M%S");

  return g_strdup_printf ("%s-%s-%06d", base, stamp, g_date_time_get_microsecond (now));
}

VivTrashEntry *
viv_trash_entry_parse (const char *id)
{
  gsize length = strlen (id);
  int year, month, day, hour, minute, second;

  if (length <= STAMP_LENGTH || id[0] == '.' || strchr (id, '/') != NULL)
    return NULL;
  VivTrashEntry *entry = g_new0 (VivTrashEntry, 1);
  entry->id = g_strdup (id);
  entry->name = g_strndup (id, length - STAMP_LENGTH);
  if (sscanf (id + length - STAMP_LENGTH, "-%4d%2d%2d-%2d%2d%2d", &year, &month, &day, &hour, &minute,
              &second)
      == 6)
    {
      g_autoptr (GDateTime) when = g_date_time_new_utc (year, month, day, hour, minute, second);
      entry->when = when != NULL ? g_date_time_to_unix (when) : 0;
    }
  return entry;
}

void
viv_trash_error (const char *id, GError **error)
{
  g_autofree char *shown = g_utf8_make_valid (id, -1);

  g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND, _ ("“%s” is not in the trash"), shown);
}

char *
viv_trash_path (const char *trash, const char *id, GError **error)
{
  g_autoptr (VivTrashEntry) entry = viv_trash_entry_parse (id);
  g_autofree char *path = g_build_filename (trash, id, NULL);

  if (entry != NULL && (g_file_test (path, G_FILE_TEST_IS_SYMLINK) || g_file_test (path, G_FILE_TEST_IS_DIR)))
    return g_steal_pointer (&path);
  viv_trash_error (id, error);
  return NULL;
}

static int
compare_stamps (gconstpointer a, gconstpointer b)
{
  const char *x = (*(VivTrashEntry *const *)a)->id, *y = (*(VivTrashEntry *const *)b)->id;

  return strcmp (x + strlen (x) - STAMP_LENGTH, y + strlen (y) - STAMP_LENGTH);
}

GPtrArray *
viv_trash_list (const char *trash)
{
  GPtrArray *entries = g_ptr_array_new_with_free_func ((GDestroyNotify)viv_trash_entry_free);
  g_autoptr (GDir) directory = g_dir_open (trash, 0, NULL);
  const char *id;

  while (directory != NULL && (id = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = viv_trash_path (trash, id, NULL);
      if (path != NULL)
        g_ptr_array_add (entries, viv_trash_entry_parse (id));
    }
  g_ptr_array_sort (entries, compare_stamps);
  return entries;
}

static gboolean
is_called (const char *trash, const VivTrashEntry *entry, const char *name)
{
  g_autofree char *path = g_build_filename (trash, entry->id, "machine.ini", NULL);
  g_autoptr (MachineDefinition) definition = definition_load (path, NULL);

  return g_str_equal (entry->id, name) || g_str_equal (entry->name, name)
         || (definition != NULL
             && (g_str_equal (definition_text (definition, "machine.name"), name)
                 || g_ascii_strcasecmp (definition_text (definition, "machine.uuid"), name) == 0));
}

char *
viv_trash_find (const char *trash, const char *name, GError **error)
{
  g_autoptr (GPtrArray) entries = viv_trash_list (trash);
  const char *found = NULL;

  for (guint i = 0; i < entries->len; i++)
    if (g_str_equal (((VivTrashEntry *)entries->pdata[i])->id, name))
      return g_strdup (name);
  /* Oldest first: the last that fits is the newest. */
  for (guint i = 0; i < entries->len; i++)
    if (is_called (trash, entries->pdata[i], name))
      found = ((VivTrashEntry *)entries->pdata[i])->id;
  if (found == NULL)
    viv_trash_error (name, error);
  return g_strdup (found);
}

gboolean
viv_trash_purge (const char *trash, const char *id, GError **error)
{
  g_autofree char *path = viv_trash_path (trash, id, error);

  if (path == NULL)
    return FALSE;
  /* Of a machine that is elsewhere only the link was here. */
  if (g_file_test (path, G_FILE_TEST_IS_SYMLINK))
    {
      if (g_unlink (path) == 0)
        return TRUE;
      int code = errno;
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't remove %s: %s"), path,
                   g_strerror (code));
      return FALSE;
    }
  int lock = viv_folder_lock (path, VIV_LOCK_RUN, error);
  gboolean done = lock >= 0 && viv_remove_tree (path, error);
  viv_folder_unlock (lock);
  return done;
}
