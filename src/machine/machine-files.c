/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a running monitor writes to files: saved machines, and dumps of memory.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/liveness.h"
#include "machine/machine-private.h"
#include "machine/output-file.h"

#include <gio/gunixfdlist.h>

/* They take as long as they take: machine/liveness.h. */
#define NO_TIMEOUT G_MAXINT

/* Calls that make a file: we open it, because a confined monitor may not, and put it in its place when it is whole. */
typedef struct
{
  char *path;
  VivOutputFile *file;
  gboolean resume; /* the machine ran, and goes on if this fails */
  GError *error;   /* why it did, while it is made to go on */
} IntoFile;

static void
into_file_free (gpointer data)
{
  IntoFile *into = data;

  viv_output_file_free (into->file);
  g_clear_error (&into->error);
  g_free (into->path);
  g_free (into);
}

static void
commit_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  IntoFile *into = data;
  GError *error = NULL;

  if (viv_output_file_commit (into->file, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_resumed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  IntoFile *into = g_task_get_task_data (task);

  viv_machine1_call_resume_finish (VIV_MACHINE1 (source), result, NULL);
  g_task_return_error (task, g_steal_pointer (&into->error));
}

static void
on_committed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  VivMachine *self = VIV_MACHINE (source);
  IntoFile *into = g_task_get_task_data (task);
  GError *error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    g_task_return_boolean (task, TRUE);
  else if (into->resume && viv_machine_proxy (self) != NULL)
    {
      /* Whoever hears that it failed may end at once, and the order with him. */
      into->error = error;
      viv_machine1_call_resume (viv_machine_proxy (self), NULL, on_resumed, g_steal_pointer (&task));
    }
  else
    g_task_return_error (task, error);
}

static void
on_into_file (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  VivMachine *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr (GVariant) values
      = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), NULL, result, &error);

  IntoFile *into = g_task_get_task_data (task);
  gboolean refused = error != NULL && g_dbus_error_is_remote_error (error);
  error = viv_machine_note_reply (self, task, G_DBUS_CONNECTION (source), error);
  if (values == NULL)
    {
      /* It may yet come to an end of it, when we have gone: then it is as after any save that failed. */
      g_clear_pointer (&into->file, viv_output_file_free);
      if (!refused && into->resume && viv_machine_proxy (self) != NULL)
        viv_machine1_call_resume (viv_machine_proxy (self), NULL, NULL, NULL);
      g_task_return_error (task, error);
      return;
    }
  /* The disk, or a FIFO's reader, may take its time. */
  g_autoptr (GTask) commit = g_task_new (self, NULL, on_committed, g_steal_pointer (&task));
  g_task_set_task_data (commit, into, NULL);
  g_task_run_in_thread (commit, commit_thread);
}

static void
call_into_file (VivMachine *self, gpointer tag, const char *method, const char *path, int mode,
                const char *reply, int timeout, GCancellable *cancellable, GAsyncReadyCallback callback,
                gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  IntoFile *into = g_new0 (IntoFile, 1);
  GError *error = NULL;

  g_task_set_source_tag (task, tag);
  g_task_set_task_data (task, into, into_file_free);
  if (!viv_machine_check_live (self, task))
    return;
  into->path = g_canonicalize_filename (path, NULL);
  into->resume = tag == viv_machine_save_state
                 && g_strcmp0 (viv_machine1_get_state (viv_machine_proxy (self)), "running") == 0;
  into->file = viv_output_file_new (into->path, mode, &error);
  if (into->file == NULL || g_unix_fd_list_append (fds, viv_output_file_fd (into->file), &error) < 0)
    {
      g_task_return_error (task, error);
      return;
    }
  g_dbus_connection_call_with_unix_fd_list (
      g_dbus_proxy_get_connection (G_DBUS_PROXY (viv_machine_proxy (self))), NULL, VIV_MACHINE_OBJECT_PATH,
      VIV_MACHINE_INTERFACE, method, g_variant_new ("(h)", 0), G_VARIANT_TYPE (reply), G_DBUS_CALL_FLAGS_NONE,
      timeout, fds,
      timeout == NO_TIMEOUT ? viv_liveness_watch (task, viv_output_file_fd (into->file)) : cancellable,
      on_into_file, g_object_ref (task));
}

void
viv_machine_save_state (VivMachine *self, const char *path, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer data)
{
  call_into_file (self, viv_machine_save_state, "SaveStateFile", path, 0600, "()", NO_TIMEOUT, cancellable,
                  callback, data);
}

void
viv_machine_dump_memory (VivMachine *self, const char *path, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer data)
{
  call_into_file (self, viv_machine_dump_memory, "DumpMemory", path, 0600, "()", NO_TIMEOUT, cancellable,
                  callback, data);
}
