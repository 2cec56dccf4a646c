/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machines of this computer follow the disk: whatever makes, moves, edits or removes a folder, in this program or another, is seen the
 * same way.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/local-host.h"

#include "machine/edit.h"
#include "machine/folder-lock.h"
#include "machine/import.h"
#include "machine/local-machine.h"
#include "machine/machine-find.h"
#include "machine/paths.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

#define TRASH ".trash"
/* A machine while it is made. */
#define HIDDEN VIV_HALF_MADE
/* A folder is made in several steps; look when they are done. */
#define RESCAN_DELAY_MS 50

typedef struct
{
  VivLocalHost *host; /* not owned */
  char *folder;
  VivMachine *machine; /* NULL: no machine.ini yet */
  GFileMonitor *monitor;
} Entry;

struct _VivLocalHost
{
  GObject parent_instance;

  char *path, *trash;
  GPtrArray *machines; /* VivMachine, sorted: what the model shows */
  GHashTable *entries; /* folder → Entry */
  GFileMonitor *monitor, *runtime_monitor;
  guint rescan, probe; /* sources */
};

static void viv_local_host_list_model_init (GListModelInterface *iface);
static void viv_local_host_host_init (VivHostInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (VivLocalHost, viv_local_host, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, viv_local_host_list_model_init)
                                   G_IMPLEMENT_INTERFACE (VIV_TYPE_HOST, viv_local_host_host_init))

/* -- List model --------------------------------------------------------------------------------------- */

static GType
get_item_type (GListModel *model)
{
  return VIV_TYPE_MACHINE;
}

static guint
get_n_items (GListModel *model)
{
  return VIV_LOCAL_HOST (model)->machines->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  VivLocalHost *self = VIV_LOCAL_HOST (model);

  return position < self->machines->len ? g_object_ref (g_ptr_array_index (self->machines, position)) : NULL;
}

static void
viv_local_host_list_model_init (GListModelInterface *iface)
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
show (VivLocalHost *self, VivMachine *machine)
{
  guint at = 0;

  while (at < self->machines->len && compare_machines (g_ptr_array_index (self->machines, at), machine) < 0)
    at++;
  g_ptr_array_insert (self->machines, at, g_object_ref (machine));
  g_list_model_items_changed (G_LIST_MODEL (self), at, 0, 1);
}

static void
hide (VivLocalHost *self, VivMachine *machine)
{
  guint at;

  if (!g_ptr_array_find (self->machines, machine, &at))
    return;
  g_ptr_array_remove_index (self->machines, at);
  g_list_model_items_changed (G_LIST_MODEL (self), at, 1, 0);
}

/* -- Following the disk ------------------------------------------------------------------------------- */

static void schedule_rescan (VivLocalHost *self);

static void
on_name (VivMachine *machine, GParamSpec *pspec, VivLocalHost *self)
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
    schedule_rescan (entry->host);
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
      g_signal_handlers_disconnect_by_data (entry->machine, entry->host);
      hide (entry->host, entry->machine);
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
entry_new (VivLocalHost *self, const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "machine.ini", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  Entry *entry = g_new0 (Entry, 1);

  entry->host = self;
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

static void
on_folder (const char *folder, gpointer seen)
{
  g_hash_table_add (seen, g_strdup (folder));
}

void
viv_local_host_rescan (VivLocalHost *self)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  g_return_if_fail (VIV_IS_LOCAL_HOST (self));

  g_clear_handle_id (&self->rescan, g_source_remove);
  viv_each_machine_folder (self->path, TRUE, on_folder, seen);
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
  VivLocalHost *self = data;

  self->rescan = 0;
  viv_local_host_rescan (self);
  return G_SOURCE_REMOVE;
}

static void
schedule_rescan (VivLocalHost *self)
{
  if (self->rescan == 0)
    self->rescan = g_timeout_add (RESCAN_DELAY_MS, on_rescan, self);
}

static gboolean
on_probe (gpointer data)
{
  VivLocalHost *self = data;

  self->probe = 0;
  for (guint i = 0; i < self->machines->len; i++)
    viv_machine_probe (g_ptr_array_index (self->machines, i));
  return G_SOURCE_REMOVE;
}

static void
on_runtime_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                    VivLocalHost *self)
{
  g_autofree char *name = g_file_get_basename (file);

  if (event == G_FILE_MONITOR_EVENT_CREATED && g_str_has_suffix (name, ".sock") && self->probe == 0)
    self->probe = g_timeout_add (RESCAN_DELAY_MS, on_probe, self);
}

static GFileMonitor *
watch_directory (VivLocalHost *self, const char *path, GCallback callback)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  GFileMonitor *monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);

  if (monitor != NULL)
    g_signal_connect (monitor, "changed", callback, self);
  return monitor;
}

static void
on_library_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                    VivLocalHost *self)
{
  if (event != G_FILE_MONITOR_EVENT_CHANGED && event != G_FILE_MONITOR_EVENT_CHANGES_DONE_HINT
      && event != G_FILE_MONITOR_EVENT_ATTRIBUTE_CHANGED)
    schedule_rescan (self);
}

static void
drop_monitor (VivLocalHost *self, GFileMonitor **monitor)
{
  if (*monitor == NULL)
    return;
  g_signal_handlers_disconnect_by_data (*monitor, self);
  g_file_monitor_cancel (*monitor);
  g_clear_object (monitor);
}

static void
viv_local_host_dispose (GObject *object)
{
  VivLocalHost *self = VIV_LOCAL_HOST (object);

  g_clear_handle_id (&self->rescan, g_source_remove);
  g_clear_handle_id (&self->probe, g_source_remove);
  drop_monitor (self, &self->monitor);
  drop_monitor (self, &self->runtime_monitor);
  g_hash_table_remove_all (self->entries);
  G_OBJECT_CLASS (viv_local_host_parent_class)->dispose (object);
}

static void
viv_local_host_finalize (GObject *object)
{
  VivLocalHost *self = VIV_LOCAL_HOST (object);

  g_hash_table_unref (self->entries);
  g_ptr_array_unref (self->machines);
  g_free (self->path);
  g_free (self->trash);
  G_OBJECT_CLASS (viv_local_host_parent_class)->finalize (object);
}

static void
viv_local_host_class_init (VivLocalHostClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_local_host_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_local_host_finalize;
}

static void
viv_local_host_init (VivLocalHost *self)
{
  self->machines = g_ptr_array_new_with_free_func (g_object_unref);
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
}

VivLocalHost *
viv_local_host_new (const char *path)
{
  VivLocalHost *self = g_object_new (VIV_TYPE_LOCAL_HOST, NULL);
  g_autofree char *runtime = viv_runtime_dir (NULL);

  self->path = path != NULL ? g_canonicalize_filename (path, NULL) : viv_machines_dir ();
  self->trash = g_build_filename (self->path, TRASH, NULL);
  if (g_mkdir_with_parents (self->path, 0700) != 0)
    g_message ("can't make %s: %s", self->path, g_strerror (errno));
  self->monitor = watch_directory (self, self->path, G_CALLBACK (on_library_changed));
  if (runtime != NULL)
    self->runtime_monitor = watch_directory (self, runtime, G_CALLBACK (on_runtime_changed));
  viv_local_host_rescan (self);
  return self;
}

/* -- Changing ----------------------------------------------------------------------------------------- */

/* A folder is made, or gets another name in its definition, and is moved: prepared on the main loop, done on any thread, looked at on the
 * main loop again. */
typedef struct
{
  MachineDefinition *definition; /* a folder with this is made; NULL: it is there */
  VivNewImage *images;
  unsigned n_images;
  char *name, *old_name; /* what the machine is to be called; NULL: as it is */
  char *from, *to;
  char *result; /* of a trashed one: the entry's id */
  int lock;     /* on `from`; -1: none */
} Move;

static void
move_free (gpointer data)
{
  Move *move = data;

  viv_folder_unlock (move->lock);
  g_clear_pointer (&move->definition, definition_unref);
  for (unsigned i = 0; i < move->n_images; i++)
    g_free ((char *)move->images[i].file);
  g_free (move->images);
  g_free (move->name);
  g_free (move->old_name);
  g_free (move->from);
  g_free (move->to);
  g_free (move->result);
  g_free (move);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Move, move_free)

static Move *
move_new (const char *from)
{
  Move *move = g_new0 (Move, 1);

  move->lock = -1;
  move->from = g_strdup (from);
  return move;
}

static gboolean
make_parent (const char *path, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path);

  if (g_mkdir_with_parents (parent, 0700) == 0)
    return TRUE;
  int code = errno;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't make %s: %s"), parent,
               g_strerror (code));
  return FALSE;
}

static gboolean
move_locked (Move *move, GError **error)
{
  const VivChange there = { "machine.name", move->name }, back = { "machine.name", move->old_name };
  const gboolean locked = move->lock >= 0;

  if (move->definition != NULL
      && !viv_create_machine_folder (move->from, move->definition, move->images, move->n_images, error))
    return FALSE;
  if (move->name != NULL && !viv_folder_edit (move->from, locked, &there, 1, error))
    return FALSE;
  if (g_str_equal (move->from, move->to)
      || (make_parent (move->to, error) && viv_move_folder (move->from, move->to, error)))
    return TRUE;
  if (move->definition != NULL)
    viv_remove_tree (move->from, NULL);
  else if (move->name != NULL)
    viv_folder_edit (move->from, locked, &back, 1, NULL);
  return FALSE;
}

static gboolean
move_run (Move *move, GError **error)
{
  gboolean done = move_locked (move, error);

  /* Who looks at it from now on is not to think that it runs. */
  viv_folder_unlock (move->lock);
  move->lock = -1;
  return done;
}

static gboolean
mac_is_taken (VivLocalHost *self, const char *mac)
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

static Move *
prepare_create (VivLocalHost *self, MachineDefinition *definition, const VivNewImage *images,
                unsigned n_images, GError **error)
{
  g_autoptr (MachineDefinition) copy = definition_copy (definition);

  if (!viv_host_check_name (VIV_HOST (self), definition_text (copy, "machine.name"), NULL, error))
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
  g_autofree char *hidden = g_strconcat (HIDDEN, uuid, NULL),
                  *scratch = g_build_filename (self->path, hidden, NULL);
  Move *move = move_new (scratch);
  move->to = viv_free_folder (self->path, definition_text (copy, "machine.name"));
  move->definition = g_steal_pointer (&copy);
  move->images = g_memdup2 (images, sizeof (*images) * n_images);
  move->n_images = n_images;
  for (unsigned i = 0; i < n_images; i++)
    move->images[i].file = g_strdup (images[i].file);
  return move;
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

static Move *
prepare_rename (VivLocalHost *self, VivMachine *machine, const char *name, GError **error)
{
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  const char *folder = viv_machine_get_folder (machine);

  if (definition == NULL)
    {
      g_set_error_literal (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_BROKEN,
                           viv_machine_get_error (machine));
      return NULL;
    }
  if (g_str_equal (name, definition_text (definition, "machine.name")))
    {
      Move *nothing = move_new (folder);
      nothing->to = g_strdup (folder);
      return nothing;
    }
  if (!viv_host_check_name (VIV_HOST (self), name, NULL, error))
    return NULL;
  int lock = lock_off (machine, error);
  if (lock < 0)
    return NULL;
  g_autofree char *base = viv_folder_name (name), *same = g_build_filename (self->path, base, NULL);
  Move *move = move_new (folder);
  move->lock = lock;
  move->name = g_strdup (name);
  move->old_name = g_strdup (definition_text (definition, "machine.name"));
  move->to = g_str_equal (same, folder) ? g_strdup (folder) : viv_free_folder (self->path, name);
  return move;
}

static Move *
prepare_trash (VivLocalHost *self, VivMachine *machine, GError **error)
{
  int lock = lock_off (machine, error);

  if (lock < 0)
    return NULL;
  g_autofree char *base = g_path_get_basename (viv_machine_get_folder (machine));
  Move *move = move_new (viv_machine_get_folder (machine));
  move->lock = lock;
  move->result = viv_trash_id (base);
  move->to = g_build_filename (self->trash, move->result, NULL);
  return move;
}

/* Both locks on a folder in the trash; of a machine that is elsewhere only the link is moved, and -1 is as good. */
static gboolean
lock_trashed (const char *path, const char *id, int *lock, GError **error)
{
  g_autoptr (GError) why = NULL;

  *lock = -1;
  if (g_file_test (path, G_FILE_TEST_IS_SYMLINK))
    return TRUE;
  *lock = viv_folder_lock (path, VIV_LOCK_RUN | VIV_LOCK_DEFINITION, &why);
  if (*lock >= 0)
    return TRUE;
  /* Nothing runs from the trash: it is just being removed for good. */
  if (g_error_matches (why, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING))
    viv_trash_error (id, error);
  else
    g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

static Move *
prepare_restore (VivLocalHost *self, const char *id, GError **error)
{
  g_autofree char *path = viv_trash_path (self->trash, id, error);
  int lock;

  if (path == NULL || !lock_trashed (path, id, &lock, error))
    return NULL;
  g_autofree char *file = g_build_filename (path, "machine.ini", NULL);
  g_autoptr (MachineDefinition) definition = definition_load (file, NULL);
  g_autoptr (VivTrashEntry) entry = viv_trash_entry_parse (id);
  const char *name = definition != NULL ? definition_text (definition, "machine.name") : entry->name;
  Move *move = move_new (path);

  move->lock = lock;
  if (!viv_host_has_name (VIV_HOST (self), name, NULL))
    {
      move->to = viv_free_folder (self->path, entry->name);
      return move;
    }
  g_autofree char *free_name = viv_host_propose_name (VIV_HOST (self), name);
  move->to = viv_free_folder (self->path, free_name);
  if (definition != NULL)
    {
      move->name = g_steal_pointer (&free_name);
      move->old_name = g_strdup (name);
    }
  return move;
}

/* The machine of a folder that has come. */
static VivMachine *
take_in (VivLocalHost *self, const char *folder)
{
  viv_local_host_rescan (self);
  Entry *entry = g_hash_table_lookup (self->entries, folder);
  return entry != NULL && entry->machine != NULL ? g_object_ref (entry->machine)
                                                 : viv_local_machine_new (folder);
}

/* -- There and then, for programs without a main loop --------------------------------------------------- */

static VivMachine *
move_now (VivLocalHost *self, Move *prepared, GError **error)
{
  g_autoptr (Move) move = prepared;

  if (move == NULL)
    return NULL;
  if (move_run (move, error))
    return take_in (self, move->to);
  viv_local_host_rescan (self);
  return NULL;
}

VivMachine *
viv_local_host_create (VivLocalHost *self, MachineDefinition *definition, const VivNewImage *images,
                       unsigned n_images, GError **error)
{
  return move_now (self, prepare_create (self, definition, images, n_images, error), error);
}

gboolean
viv_local_host_rename (VivLocalHost *self, VivMachine *machine, const char *name, GError **error)
{
  g_autoptr (VivMachine) renamed = move_now (self, prepare_rename (self, machine, name, error), error);

  return renamed != NULL;
}

char *
viv_local_host_trash (VivLocalHost *self, VivMachine *machine, GError **error)
{
  g_autoptr (Move) move = prepare_trash (self, machine, error);

  if (move == NULL || !move_run (move, error))
    return NULL;
  viv_local_host_rescan (self);
  return g_steal_pointer (&move->result);
}

VivMachine *
viv_local_host_restore (VivLocalHost *self, const char *id, GError **error)
{
  return move_now (self, prepare_restore (self, id, error), error);
}

const char *
viv_local_host_get_trash (VivLocalHost *self)
{
  return self->trash;
}

/* -- As a host: the same in threads ---------------------------------------------------------------------- */

static void
move_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Move *move = data;
  GError *error = NULL;

  if (move_run (move, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_moved (GObject *source, GAsyncResult *result, gpointer data)
{
  VivLocalHost *self = VIV_LOCAL_HOST (source);
  g_autoptr (GTask) task = data;
  Move *move = g_task_get_task_data (G_TASK (result));
  GError *error = NULL;
  gboolean done = g_task_propagate_boolean (G_TASK (result), &error);

  if (!done)
    {
      viv_local_host_rescan (self);
      g_task_return_error (task, error);
    }
  else if (move->result != NULL)
    {
      viv_local_host_rescan (self);
      g_task_return_pointer (task, g_steal_pointer (&move->result), g_free);
    }
  else
    g_task_return_pointer (task, take_in (self, move->to), g_object_unref);
}

/* Takes `task`, `move` (NULL: `error` says why) and `error`. */
static void
move_later (VivLocalHost *self, GTask *task, Move *move, GError *error)
{
  if (move == NULL)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  /* What has been begun is brought to its end. */
  g_autoptr (GTask) work = g_task_new (self, NULL, on_moved, task);
  g_task_set_task_data (work, move, move_free);
  g_task_run_in_thread (work, move_thread);
}

static void
host_create (VivHost *host, MachineDefinition *definition, const VivNewImage *images, unsigned n, GTask *task)
{
  GError *error = NULL;
  Move *move = prepare_create (VIV_LOCAL_HOST (host), definition, images, n, &error);

  move_later (VIV_LOCAL_HOST (host), task, move, error);
}

static void
host_rename (VivHost *host, VivMachine *machine, const char *name, GTask *task)
{
  GError *error = NULL;
  Move *move = prepare_rename (VIV_LOCAL_HOST (host), machine, name, &error);

  move_later (VIV_LOCAL_HOST (host), task, move, error);
}

static void
host_trash (VivHost *host, VivMachine *machine, GTask *task)
{
  GError *error = NULL;
  Move *move = prepare_trash (VIV_LOCAL_HOST (host), machine, &error);

  move_later (VIV_LOCAL_HOST (host), task, move, error);
}

static void
host_restore (VivHost *host, const char *id, GTask *task)
{
  GError *error = NULL;
  Move *move = prepare_restore (VIV_LOCAL_HOST (host), id, &error);

  move_later (VIV_LOCAL_HOST (host), task, move, error);
}

/* Of the host only `trash` is touched, which never changes. */
static void
purge_thread (GTask *task, gpointer source, gpointer id, GCancellable *cancellable)
{
  GError *error = NULL;

  if (viv_trash_purge (VIV_LOCAL_HOST (source)->trash, id, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
list_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, viv_trash_list (VIV_LOCAL_HOST (source)->trash),
                         (GDestroyNotify)g_ptr_array_unref);
}

static void
measure_thread (GTask *task, gpointer source, gpointer id, GCancellable *cancellable)
{
  GError *error = NULL;
  g_autofree char *path = viv_trash_path (VIV_LOCAL_HOST (source)->trash, id, &error);

  if (path != NULL)
    g_task_return_int (task, (gssize)viv_space_taken (path));
  else
    g_task_return_error (task, error);
}

static void
run_on_trash (GTask *taken, const char *id, GTaskThreadFunc func)
{
  g_autoptr (GTask) task = taken;

  g_task_set_task_data (task, g_strdup (id), g_free);
  g_task_run_in_thread (task, func);
}

static void
host_purge (VivHost *host, const char *id, GTask *task)
{
  run_on_trash (task, id, purge_thread);
}

static void
host_list_trash (VivHost *host, GTask *task)
{
  run_on_trash (task, NULL, list_thread);
}

static void
host_measure_trash (VivHost *host, const char *id, GTask *task)
{
  run_on_trash (task, id, measure_thread);
}

static const char *
host_get_folder (VivHost *host)
{
  return VIV_LOCAL_HOST (host)->path;
}

static void
viv_local_host_host_init (VivHostInterface *iface)
{
  iface->get_folder = host_get_folder;
  iface->create = host_create;
  iface->rename = host_rename;
  iface->trash = host_trash;
  iface->restore = host_restore;
  iface->purge = host_purge;
  iface->list_trash = host_list_trash;
  iface->measure_trash = host_measure_trash;
}
