/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Changing the machines of this computer: made, renamed, put into the trash and taken out of it, there and then or in threads.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/local-host-private.h"

#include "machine/edit.h"
#include "machine/folder-lock.h"
#include "machine/import.h"

#include <errno.h>
#include <glib/gi18n.h>

/* A machine while it is made. */
#define HIDDEN VIV_HALF_MADE

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

      for (guint j = 0; other != NULL && j < other->devices->len; j++)
        {
          const MachineDevice *device = g_ptr_array_index (other->devices, j);
          g_autofree char *theirs
              = g_str_equal (device->kind->name, "net") ? definition_mac (other, device) : NULL;

          if (theirs != NULL && g_ascii_strcasecmp (theirs, mac) == 0)
            return TRUE;
        }
    }
  return FALSE;
}

/* A copy has addresses of its own, which its UUID gives it. */
static void
drop_taken_macs (VivLocalHost *self, MachineDefinition *definition)
{
  for (guint i = 0; i < definition->devices->len; i++)
    {
      MachineDevice *device = g_ptr_array_index (definition->devices, i);
      const char *mac = g_str_equal (device->kind->name, "net") ? machine_device_text (device, "mac") : NULL;

      if (mac != NULL && mac_is_taken (self, mac))
        machine_device_put (device, "mac", NULL);
    }
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
  drop_taken_macs (self, copy);
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

/* -- There and then, for programs without a main loop --------------------------------------------------- */

static VivMachine *
move_now (VivLocalHost *self, Move *prepared, GError **error)
{
  g_autoptr (Move) move = prepared;

  if (move == NULL)
    return NULL;
  if (move_run (move, error))
    return viv_local_host_take_in (self, move->to);
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

  gboolean moved = move != NULL && move_run (move, error);

  /* What failed half-way is seen as it is, too. */
  if (move != NULL)
    viv_local_host_rescan (self);
  return moved ? g_steal_pointer (&move->result) : NULL;
}

VivMachine *
viv_local_host_restore (VivLocalHost *self, const char *id, GError **error)
{
  return move_now (self, prepare_restore (self, id, error), error);
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
    g_task_return_pointer (task, viv_local_host_take_in (self, move->to), g_object_unref);
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

void
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
