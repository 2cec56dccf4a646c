/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The library follows the disk: whatever makes, moves, edits or removes a folder, in this program or another, is seen the
 * same way.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/library.h"

#include "machine/edit.h"
#include "machine/folder-lock.h"
#include "machine/local-machine.h"
#include "machine/output-file.h"
#include "machine/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TRASH ".trash"
/* A machine while it is made. */
#define HIDDEN ".new-"
/* "-20261123-155000-123456" at the end of a trash entry */
#define STAMP_LENGTH 23
/* A folder is made in several steps; look when they are done. */
#define RESCAN_DELAY_MS 50

typedef struct
{
  VivLibrary *library; /* not owned */
  char *folder;
  VivMachine *machine; /* NULL: no machine.ini yet */
  GFileMonitor *monitor;
} Entry;

struct _VivLibrary
{
  GObject parent_instance;

  char *path;
  GPtrArray *machines; /* VivMachine, sorted: what the model shows */
  GHashTable *entries; /* folder → Entry */
  GFileMonitor *monitor, *runtime_monitor;
  guint rescan, probe; /* sources */
};

static void viv_library_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (VivLibrary, viv_library, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, viv_library_list_model_init))

/* -- List model --------------------------------------------------------------------------------------- */

static GType
get_item_type (GListModel *model)
{
  return VIV_TYPE_MACHINE;
}

static guint
get_n_items (GListModel *model)
{
  return VIV_LIBRARY (model)->machines->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  VivLibrary *self = VIV_LIBRARY (model);

  return position < self->machines->len ? g_object_ref (g_ptr_array_index (self->machines, position)) : NULL;
}

static void
viv_library_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static int
compare_machines (VivMachine *a, VivMachine *b)
{
  int order = g_utf8_collate (viv_machine_get_name (a), viv_machine_get_name (b));

  return order != 0 ? order : strcmp (viv_machine_get_folder (a), viv_machine_get_folder (b));
}

static void
show (VivLibrary *self, VivMachine *machine)
{
  guint at = 0;

  while (at < self->machines->len && compare_machines (g_ptr_array_index (self->machines, at), machine) < 0)
    at++;
  g_ptr_array_insert (self->machines, at, g_object_ref (machine));
  g_list_model_items_changed (G_LIST_MODEL (self), at, 0, 1);
}

static void
hide (VivLibrary *self, VivMachine *machine)
{
  guint at;

  if (!g_ptr_array_find (self->machines, machine, &at))
    return;
  g_ptr_array_remove_index (self->machines, at);
  g_list_model_items_changed (G_LIST_MODEL (self), at, 1, 0);
}

/* -- Following the disk ------------------------------------------------------------------------------- */

static void schedule_rescan (VivLibrary *self);

static void
on_name (VivMachine *machine, GParamSpec *pspec, VivLibrary *self)
{
  guint at;

  if (!g_ptr_array_find (self->machines, machine, &at)
      || ((at == 0 || compare_machines (g_ptr_array_index (self->machines, at - 1), machine) <= 0)
          && (at + 1 == self->machines->len
              || compare_machines (machine, g_ptr_array_index (self->machines, at + 1)) <= 0)))
    return;
  g_autoptr (VivMachine) keep = g_object_ref (machine);
  hide (self, machine);
  show (self, machine);
}

static void
on_definition_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                       Entry *entry)
{
  /* `file` may be a writer's temporary file, which has its name no more: that is no reason to look at all machines. */
  g_autofree char *definition = g_build_filename (entry->folder, "machine.ini", NULL);

  if (entry->machine == NULL || !g_file_test (definition, G_FILE_TEST_EXISTS))
    schedule_rescan (entry->library);
  else if (event == G_FILE_MONITOR_EVENT_CHANGES_DONE_HINT || event == G_FILE_MONITOR_EVENT_CREATED
           || event == G_FILE_MONITOR_EVENT_RENAMED || event == G_FILE_MONITOR_EVENT_MOVED_IN)
    viv_machine_reload (entry->machine);
}

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  if (entry->machine != NULL)
    {
      g_signal_handlers_disconnect_by_data (entry->machine, entry->library);
      hide (entry->library, entry->machine);
      g_object_unref (entry->machine);
    }
  if (entry->monitor != NULL)
    {
      g_signal_handlers_disconnect_by_data (entry->monitor, entry);
      g_file_monitor_cancel (entry->monitor);
      g_object_unref (entry->monitor);
    }
  g_free (entry->folder);
  g_free (entry);
}

static Entry *
entry_new (VivLibrary *self, const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "machine.ini", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  Entry *entry = g_new0 (Entry, 1);

  entry->library = self;
  entry->folder = g_strdup (folder);
  entry->monitor = g_file_monitor_file (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (entry->monitor != NULL)
    {
      g_file_monitor_set_rate_limit (entry->monitor, 100);
      g_signal_connect (entry->monitor, "changed", G_CALLBACK (on_definition_changed), entry);
    }
  g_hash_table_insert (self->entries, entry->folder, entry);
  return entry;
}

static gboolean
is_gone (gpointer key, gpointer value, gpointer seen)
{
  return !g_hash_table_contains (seen, key);
}

void
viv_library_rescan (VivLibrary *self)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  const char *name;

  g_return_if_fail (VIV_IS_LIBRARY (self));

  g_clear_handle_id (&self->rescan, g_source_remove);
  g_autoptr (GDir) directory = g_dir_open (self->path, 0, NULL);
  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *folder = g_build_filename (self->path, name, NULL);
      if (name[0] != '.' && g_file_test (folder, G_FILE_TEST_IS_DIR))
        g_hash_table_add (seen, g_steal_pointer (&folder));
    }
  g_hash_table_foreach_remove (self->entries, is_gone, seen);

  GHashTableIter iter;
  gpointer folder;
  g_hash_table_iter_init (&iter, seen);
  while (g_hash_table_iter_next (&iter, &folder, NULL))
    {
      g_autofree char *file = g_build_filename (folder, "machine.ini", NULL);
      Entry *entry = g_hash_table_lookup (self->entries, folder);
      gboolean there = g_file_test (file, G_FILE_TEST_EXISTS);

      if (entry == NULL)
        entry = entry_new (self, folder);
      if (there && entry->machine == NULL)
        {
          entry->machine = viv_local_machine_new (folder);
          g_signal_connect (entry->machine, "notify::name", G_CALLBACK (on_name), self);
          show (self, entry->machine);
        }
      else if (there)
        viv_local_machine_reload_if_changed (VIV_LOCAL_MACHINE (entry->machine));
      else if (entry->machine != NULL)
        {
          g_autoptr (VivMachine) gone = g_steal_pointer (&entry->machine);
          g_signal_handlers_disconnect_by_data (gone, self);
          hide (self, gone);
        }
    }
}

static gboolean
on_rescan (gpointer data)
{
  VivLibrary *self = data;

  self->rescan = 0;
  viv_library_rescan (self);
  return G_SOURCE_REMOVE;
}

static void
schedule_rescan (VivLibrary *self)
{
  if (self->rescan == 0)
    self->rescan = g_timeout_add (RESCAN_DELAY_MS, on_rescan, self);
}

static gboolean
on_probe (gpointer data)
{
  VivLibrary *self = data;

  self->probe = 0;
  for (guint i = 0; i < self->machines->len; i++)
    viv_machine_probe (g_ptr_array_index (self->machines, i));
  return G_SOURCE_REMOVE;
}

static void
on_runtime_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                    VivLibrary *self)
{
  g_autofree char *name = g_file_get_basename (file);

  if (event == G_FILE_MONITOR_EVENT_CREATED && g_str_has_suffix (name, ".sock") && self->probe == 0)
    self->probe = g_timeout_add (RESCAN_DELAY_MS, on_probe, self);
}

static GFileMonitor *
watch_directory (VivLibrary *self, const char *path, GCallback callback)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  GFileMonitor *monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);

  if (monitor != NULL)
    g_signal_connect (monitor, "changed", callback, self);
  return monitor;
}

static void
on_library_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                    VivLibrary *self)
{
  if (event != G_FILE_MONITOR_EVENT_CHANGED && event != G_FILE_MONITOR_EVENT_CHANGES_DONE_HINT
      && event != G_FILE_MONITOR_EVENT_ATTRIBUTE_CHANGED)
    schedule_rescan (self);
}

static void
drop_monitor (VivLibrary *self, GFileMonitor **monitor)
{
  if (*monitor == NULL)
    return;
  g_signal_handlers_disconnect_by_data (*monitor, self);
  g_file_monitor_cancel (*monitor);
  g_clear_object (monitor);
}

static void
viv_library_dispose (GObject *object)
{
  VivLibrary *self = VIV_LIBRARY (object);

  g_clear_handle_id (&self->rescan, g_source_remove);
  g_clear_handle_id (&self->probe, g_source_remove);
  drop_monitor (self, &self->monitor);
  drop_monitor (self, &self->runtime_monitor);
  g_hash_table_remove_all (self->entries);
  G_OBJECT_CLASS (viv_library_parent_class)->dispose (object);
}

static void
viv_library_finalize (GObject *object)
{
  VivLibrary *self = VIV_LIBRARY (object);

  g_hash_table_unref (self->entries);
  g_ptr_array_unref (self->machines);
  g_free (self->path);
  G_OBJECT_CLASS (viv_library_parent_class)->finalize (object);
}

static void
viv_library_class_init (VivLibraryClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_library_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_library_finalize;
}

static void
viv_library_init (VivLibrary *self)
{
  self->machines = g_ptr_array_new_with_free_func (g_object_unref);
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
}

VivLibrary *
viv_library_new (const char *path)
{
  VivLibrary *self = g_object_new (VIV_TYPE_LIBRARY, NULL);
  g_autofree char *runtime = viv_runtime_dir (NULL);

  self->path = path != NULL ? g_canonicalize_filename (path, NULL) : viv_machines_dir ();
  if (g_mkdir_with_parents (self->path, 0700) != 0)
    g_message ("can't make %s: %s", self->path, g_strerror (errno));
  self->monitor = watch_directory (self, self->path, G_CALLBACK (on_library_changed));
  if (runtime != NULL)
    self->runtime_monitor = watch_directory (self, runtime, G_CALLBACK (on_runtime_changed));
  viv_library_rescan (self);
  return self;
}

const char *
viv_library_get_path (VivLibrary *self)
{
  return self->path;
}

/* -- Looking up --------------------------------------------------------------------------------------- */

/* In order: what is said more exactly wins over what is said less so. */
typedef enum
{
  BY_IDENTITY, /* the UUID, or the folder's path */
  BY_NAME,
  BY_FOLDER, /* its name */
  BY_UUID_PREFIX,
  N_WAYS
} SearchWay;

typedef struct
{
  const char *wanted;
  char *path;               /* what it is as a path */
  GPtrArray *found[N_WAYS]; /* folders */
} Search;

static void
search_begin (Search *search, const char *wanted)
{
  search->wanted = wanted;
  search->path = g_canonicalize_filename (wanted, NULL);
  for (unsigned i = 0; i < N_WAYS; i++)
    search->found[i] = g_ptr_array_new_with_free_func (g_free);
}

static void
search_consider (Search *search, const char *folder, const char *name, const char *uuid)
{
  const char *base = strrchr (folder, '/');
  const gboolean fits[N_WAYS] = {
    [BY_IDENTITY] = (uuid != NULL && g_ascii_strcasecmp (uuid, search->wanted) == 0)
                    || (strchr (search->wanted, '/') != NULL && g_str_equal (folder, search->path)),
    [BY_NAME] = g_strcmp0 (name, search->wanted) == 0,
    [BY_FOLDER] = base != NULL && g_str_equal (base + 1, search->wanted),
    [BY_UUID_PREFIX] = uuid != NULL && strlen (search->wanted) >= 4
                       && g_ascii_strncasecmp (uuid, search->wanted, strlen (search->wanted)) == 0,
  };

  for (unsigned i = 0; i < N_WAYS; i++)
    if (fits[i])
      g_ptr_array_add (search->found[i], g_strdup (folder));
}

/* The folder that was found; NULL and an error. */
static char *
search_end (Search *search, GError **error)
{
  g_autofree char *shown = g_utf8_make_valid (search->wanted, -1);
  char *folder = NULL;
  unsigned way = 0;

  while (way < N_WAYS && search->found[way]->len == 0)
    way++;
  if (way == N_WAYS)
    g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND, _ ("there is no machine “%s”"),
                 shown);
  else if (search->found[way]->len == 1)
    folder = g_strdup (g_ptr_array_index (search->found[way], 0));
  else
    {
      g_autoptr (GString) list = g_string_new (NULL);
      for (guint i = 0; i < search->found[way]->len && i < 5; i++)
        {
          g_autofree char *one = g_filename_display_name (g_ptr_array_index (search->found[way], i));
          g_string_append_printf (list, "%s%s", i > 0 ? ", " : "", one);
        }
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND,
                   _ ("“%s” could be one of %u machines: %s; give the folder or more of the UUID"), shown,
                   search->found[way]->len, list->str);
    }
  for (unsigned i = 0; i < N_WAYS; i++)
    g_ptr_array_unref (search->found[i]);
  g_free (search->path);
  return folder;
}

VivMachine *
viv_library_find (VivLibrary *self, const char *name, GError **error)
{
  Search search;

  search_begin (&search, name);
  for (guint i = 0; i < self->machines->len; i++)
    {
      VivMachine *machine = g_ptr_array_index (self->machines, i);
      search_consider (&search, viv_machine_get_folder (machine), viv_machine_get_name (machine),
                       viv_machine_get_uuid (machine));
    }
  g_autofree char *folder = search_end (&search, error);
  Entry *entry = folder != NULL ? g_hash_table_lookup (self->entries, folder) : NULL;
  return entry != NULL ? g_object_ref (entry->machine) : NULL;
}

static void
search_directory (Search *search, const char *path)
{
  g_autoptr (GDir) directory = path != NULL ? g_dir_open (path, 0, NULL) : NULL;
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *folder = g_build_filename (path, name, NULL);
      g_autofree char *file = g_build_filename (folder, "machine.ini", NULL);
      if (name[0] == '.' || !g_file_test (file, G_FILE_TEST_EXISTS))
        continue;
      g_autoptr (MachineDefinition) definition = definition_load (file, NULL);
      search_consider (search, folder,
                       definition != NULL ? definition_text (definition, "machine.name") : name,
                       definition != NULL ? definition_text (definition, "machine.uuid") : NULL);
    }
}

VivMachine *
viv_find_machine (const char *name, GError **error)
{
  g_autofree char *run = viv_run_dir (NULL), *library = viv_machines_dir ();
  Search search;

  search_begin (&search, name);
  search_directory (&search, run);
  search_directory (&search, library);
  g_autofree char *folder = search_end (&search, error);
  return folder != NULL ? viv_local_machine_new (folder) : NULL;
}

static gboolean
name_is_taken (VivLibrary *self, const char *name)
{
  for (guint i = 0; i < self->machines->len; i++)
    if (g_str_equal (viv_machine_get_name (g_ptr_array_index (self->machines, i)), name))
      return TRUE;
  return FALSE;
}

/* A folder's path for a machine of this name, where nothing is yet. */
static char *
free_folder (VivLibrary *self, const char *name)
{
  g_autofree char *base = viv_folder_name (name);

  for (unsigned i = 1;; i++)
    {
      g_autofree char *numbered = i == 1 ? g_strdup (base) : g_strdup_printf ("%s %u", base, i);
      char *folder = g_build_filename (self->path, numbered, NULL);
      if (!g_file_test (folder, G_FILE_TEST_EXISTS) && !g_file_test (folder, G_FILE_TEST_IS_SYMLINK))
        return folder;
      g_free (folder);
    }
}

char *
viv_library_propose_name (VivLibrary *self, const char *base)
{
  g_autoptr (GString) clean = g_string_new (NULL);
  g_autofree char *valid = g_utf8_make_valid (base != NULL ? base : "", -1);

  for (const char *p = valid; *p != '\0' && clean->len < DEFINITION_MAX_NAME - 16; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      if (!g_unichar_iscntrl (c))
        g_string_append_unichar (clean, c);
    }
  g_autofree char *stripped = g_strstrip (g_strdup (clean->str));
  g_autofree char *name = g_strdup (definition_check_name (stripped, NULL) ? stripped : _ ("Machine"));
  if (!name_is_taken (self, name))
    return g_steal_pointer (&name);
  for (unsigned i = 2;; i++)
    {
      g_autofree char *numbered = g_strdup_printf ("%s %u", name, i);
      if (!name_is_taken (self, numbered))
        return g_steal_pointer (&numbered);
    }
}

/* -- Changing ----------------------------------------------------------------------------------------- */

static gboolean
mac_is_taken (VivLibrary *self, const char *mac)
{
  for (guint i = 0; i < self->machines->len; i++)
    {
      const MachineDefinition *other = viv_machine_get_definition (g_ptr_array_index (self->machines, i));
      if (other != NULL && definition_text (other, "net0.mac") != NULL
          && g_ascii_strcasecmp (definition_text (other, "net0.mac"), mac) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
check_free_name (VivLibrary *self, const char *name, GError **error)
{
  if (!definition_check_name (name, error))
    return FALSE;
  if (!name_is_taken (self, name))
    return TRUE;
  g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_EXISTS, _ ("there is a machine “%s” already"),
               name);
  return FALSE;
}

/* Both locks on the folder of a machine that is off, for who moves or removes it; -1 and an error. */
static int
lock_off (VivMachine *machine, GError **error)
{
  if (g_str_equal (viv_machine_get_state (machine), "unresponsive"))
    {
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE,
                   _ ("“%s” runs and does not answer; end it by force first"),
                   viv_machine_get_name (machine));
      return -1;
    }
  if (viv_machine_is_busy (machine))
    {
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING, _ ("“%s” runs; turn it off first"),
                   viv_machine_get_name (machine));
      return -1;
    }
  return viv_folder_lock (viv_machine_get_folder (machine), VIV_LOCK_RUN | VIV_LOCK_DEFINITION, error);
}

/* Never onto something that is there. */
static gboolean
move_folder (const char *from, const char *to, GError **error)
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

static VivMachine *
take_in (VivLibrary *self, const char *folder)
{
  viv_library_rescan (self);
  Entry *entry = g_hash_table_lookup (self->entries, folder);
  return entry != NULL && entry->machine != NULL ? g_object_ref (entry->machine)
                                                 : viv_local_machine_new (folder);
}

VivMachine *
viv_library_create (VivLibrary *self, MachineDefinition *definition, const VivNewImage *images,
                    unsigned n_images, GError **error)
{
  g_autoptr (MachineDefinition) copy = definition_copy (definition);
  g_autofree char *folder = NULL, *hidden = NULL, *scratch = NULL;

  if (!check_free_name (self, definition_text (copy, "machine.name"), error))
    return NULL;
  g_autofree char *uuid = g_uuid_string_random ();
  definition_put (copy, "machine.uuid", uuid);
  while (definition_text (copy, "net0.mac") == NULL
         || mac_is_taken (self, definition_text (copy, "net0.mac")))
    {
      g_autofree char *mac = definition_new_mac ();
      definition_put (copy, "net0.mac", mac);
    }
  g_clear_pointer (&copy->folder, g_free);

  viv_sweep_folders (self->path, HIDDEN);
  /* It appears whole, under its name, or not at all. */
  folder = free_folder (self, definition_text (copy, "machine.name"));
  hidden = g_strconcat (HIDDEN, definition_text (copy, "machine.uuid"), NULL);
  scratch = g_build_filename (self->path, hidden, NULL);
  if (!viv_create_machine_folder (scratch, copy, images, n_images, error))
    return NULL;
  if (!move_folder (scratch, folder, error))
    {
      viv_remove_tree (scratch, NULL);
      return NULL;
    }
  return take_in (self, folder);
}

gboolean
viv_library_rename (VivLibrary *self, VivMachine *machine, const char *name, GError **error)
{
  const MachineDefinition *definition = viv_machine_get_definition (machine);

  if (definition == NULL)
    {
      g_set_error_literal (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_BROKEN,
                           viv_machine_get_error (machine));
      return FALSE;
    }
  if (g_str_equal (name, definition_text (definition, "machine.name")))
    return TRUE;
  if (!check_free_name (self, name, error))
    return FALSE;
  int lock = lock_off (machine, error);
  if (lock < 0)
    return FALSE;

  g_autofree char *old_name = g_strdup (definition_text (definition, "machine.name"));
  g_autofree char *from = g_strdup (viv_machine_get_folder (machine));
  g_autofree char *base = viv_folder_name (name), *same = g_build_filename (self->path, base, NULL);
  g_autofree char *to = g_str_equal (same, from) ? g_strdup (from) : free_folder (self, name);
  const VivChange there = { "machine.name", name }, back = { "machine.name", old_name };
  gboolean done = viv_folder_edit (from, TRUE, &there, 1, error);
  if (done && !g_str_equal (from, to) && !move_folder (from, to, error))
    {
      viv_folder_edit (from, TRUE, &back, 1, NULL);
      done = FALSE;
    }
  viv_folder_unlock (lock);
  viv_library_rescan (self);
  return done;
}

static char *
trash_path (VivLibrary *self)
{
  return g_build_filename (self->path, TRASH, NULL);
}

char *
viv_library_delete (VivLibrary *self, VivMachine *machine, GError **error)
{
  g_autofree char *trash = trash_path (self), *base = NULL, *stamp = NULL, *entry = NULL, *to = NULL;
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();

  int lock = lock_off (machine, error);
  if (lock < 0)
    return NULL;
  if (g_mkdir_with_parents (trash, 0700) != 0)
    {
      int code = errno;
      viv_folder_unlock (lock);
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't make %s: %s"), trash,
                   g_strerror (code));
      return NULL;
    }
  base = g_path_get_basename (viv_machine_get_folder (machine));
  stamp = g_date_time_format (now, "%Y%m%d-%H%M%S");
  entry = g_strdup_printf ("%s-%s-%06d", base, stamp, g_date_time_get_microsecond (now));
  to = g_build_filename (trash, entry, NULL);
  gboolean moved = move_folder (viv_machine_get_folder (machine), to, error);
  viv_folder_unlock (lock);
  if (!moved)
    return NULL;
  viv_library_rescan (self);
  return g_steal_pointer (&entry);
}

static gboolean
set_errno_error (GError **error, int code, const char *format, const char *path)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), format, path, g_strerror (code));
#pragma GCC diagnostic pop
  return FALSE;
}

static void
trash_error (const char *entry, GError **error)
{
  g_autofree char *shown = g_utf8_make_valid (entry, -1);

  g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND, _ ("“%s” is not in the trash"), shown);
}

/* The entry's folder, or a link to one; an error if it is none. */
static char *
trash_entry (VivLibrary *self, const char *entry, GError **error)
{
  g_autofree char *trash = trash_path (self);
  g_autofree char *path = g_build_filename (trash, entry, NULL);

  if (strchr (entry, '/') == NULL && entry[0] != '.' && strlen (entry) > STAMP_LENGTH
      && (g_file_test (path, G_FILE_TEST_IS_SYMLINK) || g_file_test (path, G_FILE_TEST_IS_DIR)))
    return g_steal_pointer (&path);
  trash_error (entry, error);
  return NULL;
}

/* With both locks on `path` if `locked`.  Where it is then; NULL and an error. */
static char *
restore_folder (VivLibrary *self, const char *path, const char *entry, gboolean locked, GError **error)
{
  g_autofree char *file = g_build_filename (path, "machine.ini", NULL), *name = NULL, *folder = NULL;
  g_autoptr (MachineDefinition) definition = definition_load (file, NULL);
  g_autofree char *base = g_strndup (entry, strlen (entry) - STAMP_LENGTH);

  name = g_strdup (definition != NULL ? definition_text (definition, "machine.name") : base);
  if (name_is_taken (self, name))
    {
      g_autofree char *other = viv_library_propose_name (self, name);
      const VivChange change = { "machine.name", other };
      if (definition != NULL && !viv_folder_edit (path, locked, &change, 1, error))
        return NULL;
      g_free (name);
      name = g_steal_pointer (&other);
      folder = free_folder (self, name);
    }
  else
    folder = free_folder (self, base);
  return move_folder (path, folder, error) ? g_steal_pointer (&folder) : NULL;
}

VivMachine *
viv_library_restore (VivLibrary *self, const char *entry, GError **error)
{
  g_autofree char *path = trash_entry (self, entry, error);
  g_autoptr (GError) why = NULL;
  gboolean link;
  int lock = -1;

  if (path == NULL)
    return NULL;
  /* Of a machine that is elsewhere only the link is moved. */
  link = g_file_test (path, G_FILE_TEST_IS_SYMLINK);
  if (!link)
    lock = viv_folder_lock (path, VIV_LOCK_RUN | VIV_LOCK_DEFINITION, &why);
  if (!link && lock < 0)
    {
      /* Nothing runs from the trash: it is just being removed for good. */
      if (g_error_matches (why, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING))
        trash_error (entry, error);
      else
        g_propagate_error (error, g_steal_pointer (&why));
      return NULL;
    }
  g_autofree char *folder = restore_folder (self, path, entry, !link, error);
  viv_folder_unlock (lock);
  return folder != NULL ? take_in (self, folder) : NULL;
}

gboolean
viv_library_purge (VivLibrary *self, const char *entry, GError **error)
{
  g_autofree char *path = trash_entry (self, entry, error);

  if (path == NULL)
    return FALSE;
  /* Of a machine that is elsewhere only the link was in the library. */
  if (g_file_test (path, G_FILE_TEST_IS_SYMLINK))
    return g_unlink (path) == 0 || set_errno_error (error, errno, _ ("can't remove %s: %s"), path);
  int lock = viv_folder_lock (path, VIV_LOCK_RUN, error);
  gboolean done = lock >= 0 && viv_remove_tree (path, error);
  viv_folder_unlock (lock);
  return done;
}

static void
purge_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (viv_library_purge (source, data, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
viv_library_purge_async (VivLibrary *self, const char *entry, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, data);

  /* viv_library_purge() touches nothing of the library but its path, which never changes. */
  g_task_set_source_tag (task, viv_library_purge_async);
  g_task_set_task_data (task, g_strdup (entry), g_free);
  g_task_run_in_thread (task, purge_thread);
}

gboolean
viv_library_purge_finish (VivLibrary *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

char *
viv_library_find_trash (VivLibrary *self, const char *name, GError **error)
{
  g_auto (GStrv) entries = viv_library_list_trash (self);
  char *found = NULL;

  /* Oldest first: the last that fits is the newest. */
  for (char **entry = entries; *entry != NULL; entry++)
    {
      g_autofree char *path = g_build_filename (self->path, TRASH, *entry, "machine.ini", NULL);
      g_autofree char *base = g_strndup (*entry, strlen (*entry) - STAMP_LENGTH);
      g_autoptr (MachineDefinition) definition = definition_load (path, NULL);
      if (!g_str_equal (*entry, name) && !g_str_equal (base, name)
          && (definition == NULL
              || (!g_str_equal (definition_text (definition, "machine.name"), name)
                  && g_ascii_strcasecmp (definition_text (definition, "machine.uuid"), name) != 0)))
        continue;
      g_free (found);
      found = g_strdup (*entry);
      if (g_str_equal (found, name))
        break;
    }
  if (found == NULL)
    trash_error (name, error);
  return found;
}

static int
compare_stamps (gconstpointer a, gconstpointer b)
{
  const char *x = *(const char *const *)a, *y = *(const char *const *)b;

  return strcmp (x + strlen (x) - STAMP_LENGTH, y + strlen (y) - STAMP_LENGTH);
}

char **
viv_library_list_trash (VivLibrary *self)
{
  g_autofree char *trash = trash_path (self);
  g_autoptr (GDir) directory = g_dir_open (trash, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *name;

  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = trash_entry (self, name, NULL);
      if (path != NULL)
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_stamps);
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&names), FALSE);
}
