/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machines of this computer follow the disk: whatever makes, moves, edits or removes a folder, in this program or another, is seen the
 * same way.  What this program does to them is in local-host-change.c.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/local-host-private.h"

#include "machine/local-machine.h"
#include "machine/machine-find.h"
#include "machine/paths.h"

#include <errno.h>
#include <string.h>

#define TRASH ".trash"
/* A folder is made in several steps; look when they are done. */
#define RESCAN_DELAY_MS 50

typedef struct
{
  VivLocalHost *host; /* not owned */
  char *folder;
  VivMachine *machine; /* NULL: no machine.ini yet */
  GFileMonitor *monitor;
} Entry;

static void viv_local_host_list_model_init (GListModelInterface *iface);

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

const char *
viv_local_host_get_trash (VivLocalHost *self)
{
  return self->trash;
}

VivMachine *
viv_local_host_take_in (VivLocalHost *self, const char *folder)
{
  viv_local_host_rescan (self);
  Entry *entry = g_hash_table_lookup (self->entries, folder);
  return entry != NULL && entry->machine != NULL ? g_object_ref (entry->machine)
                                                 : viv_local_machine_new (folder);
}
