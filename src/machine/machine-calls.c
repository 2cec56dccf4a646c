/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is asked of a running monitor: D-Bus calls on the control socket, as GTasks.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/edit.h"
#include "machine/machine-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <unistd.h>

/* Calls that end when the guest or the disk has done something take as long as that takes. */
#define NO_TIMEOUT G_MAXINT
#define TIMEOUT_MS 25000
/* Of those that wait for nothing. */
#define QUICK_TIMEOUT_MS 8000

typedef struct
{
  GVariant *values;
  GUnixFDList *fds;
} Reply;

static void
reply_free (gpointer data)
{
  Reply *reply = data;

  g_clear_pointer (&reply->values, g_variant_unref);
  g_clear_object (&reply->fds);
  g_free (reply);
}

/* After each call: has it answered at all? */
static void
note_answer (VivMachine *self, const GError *error)
{
  if (self->proxy == NULL)
    return;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) && !g_dbus_error_is_remote_error (error))
    viv_machine_show_unresponsive (self);
  else if (g_str_equal (self->state, "unresponsive"))
    viv_machine_show_vmm_state (self);
}

static void
on_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  VivMachine *self = g_task_get_source_object (task);
  GError *error = NULL;
  Reply *reply = g_new0 (Reply, 1);

  reply->values = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), &reply->fds,
                                                                   result, &error);
  note_answer (self, error);
  if (reply->values != NULL)
    {
      g_task_return_pointer (task, reply, reply_free);
      return;
    }
  reply_free (reply);
  g_dbus_error_strip_remote_error (error);
  g_task_return_error (task, error);
}

static gboolean
check_live (VivMachine *self, GTask *task)
{
  if (self->proxy != NULL)
    return TRUE;
  if (self->held)
    g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE,
                             _ ("“%s” does not answer; it can be ended by force"), self->name);
  else
    g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING, _ ("“%s” doesn't run"),
                             self->name);
  return FALSE;
}

/* Sinks `parameters`. */
static void
call_with_fds (VivMachine *self, GTask *task, const char *method, GVariant *parameters, GUnixFDList *fds,
               int timeout)
{
  g_autoptr (GVariant) sunk = parameters != NULL ? g_variant_ref_sink (parameters) : NULL;

  if (!check_live (self, task))
    {
      g_object_unref (task);
      return;
    }
  g_dbus_connection_call_with_unix_fd_list (g_dbus_proxy_get_connection (G_DBUS_PROXY (self->proxy)), NULL,
                                            VIV_MACHINE_OBJECT_PATH, VIV_MACHINE_INTERFACE, method, sunk,
                                            NULL, G_DBUS_CALL_FLAGS_NONE, timeout, fds,
                                            g_task_get_cancellable (task), on_reply, task);
}

static void
call (VivMachine *self, const char *method, GVariant *parameters, int timeout, GCancellable *cancellable,
      GAsyncReadyCallback callback, gpointer data)
{
  call_with_fds (self, g_task_new (self, cancellable, callback, data), method, parameters, NULL, timeout);
}

/* The reply's values, checked to be of `type`. */
static Reply *
finish (VivMachine *self, GAsyncResult *result, const char *type, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  Reply *reply = g_task_propagate_pointer (G_TASK (result), error);
  if (reply != NULL && !g_variant_is_of_type (reply->values, G_VARIANT_TYPE (type)))
    {
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING,
                   _ ("the machine's monitor is of another version"));
      g_clear_pointer (&reply, reply_free);
    }
  return reply;
}

void
viv_machine_pause (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  call (self, "Pause", NULL, TIMEOUT_MS, cancellable, callback, data);
}

void
viv_machine_resume (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  call (self, "Resume", NULL, TIMEOUT_MS, cancellable, callback, data);
}

void
viv_machine_reset (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  call (self, "Reset", NULL, TIMEOUT_MS, cancellable, callback, data);
}

void
viv_machine_power_down (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer data)
{
  call (self, "PowerDown", NULL, QUICK_TIMEOUT_MS, cancellable, callback, data);
}

typedef struct
{
  char *drive, *path;
} MediaChange;

static void
media_change_free (gpointer data)
{
  MediaChange *change = data;

  g_free (change->drive);
  g_free (change->path);
  g_free (change);
}

/* So that the medium is still there the next time. */
static void
keep_medium (VivMachine *self, GTask *task)
{
  MediaChange *change = g_task_get_task_data (task);
  g_autofree char *key = g_strconcat (change->drive, ".path", NULL);
  const VivChange edit = { key, change->path };
  GError *error = NULL;

  /* A drive that the definition lost while the machine ran is not made anew. */
  if (self->definition == NULL || definition_find_drive (self->definition, change->drive) == NULL
      || viv_machine_edit (self, &edit, 1, &error))
    g_task_return_boolean (task, TRUE);
  else
    {
      g_prefix_error (&error,
                      _ ("the medium is changed until the machine is off, but not for its next start: "));
      g_task_return_error (task, error);
    }
}

static void
on_medium (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  VivMachine *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  note_answer (self, error);
  if (reply != NULL)
    {
      keep_medium (self, task);
      return;
    }
  g_dbus_error_strip_remote_error (error);
  g_task_return_error (task, error);
}

void
viv_machine_change_media (VivMachine *self, const char *drive, const char *path, gboolean readonly,
                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  MediaChange *change = g_new0 (MediaChange, 1);

  g_task_set_source_tag (task, viv_machine_change_media);
  change->drive = g_strdup (drive);
  change->path = path != NULL && *path != '\0' ? g_canonicalize_filename (path, self->folder) : NULL;
  g_task_set_task_data (task, change, media_change_free);
  if (!viv_machine_is_busy (self))
    {
      if (self->definition == NULL || definition_find_drive (self->definition, drive) == NULL)
        g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND,
                                 _ ("the machine has no %s"), drive);
      else
        keep_medium (self, task);
      return;
    }
  if (!check_live (self, task))
    return;
  /* The monitor first: what it refuses is not written. */
  g_dbus_connection_call (g_dbus_proxy_get_connection (G_DBUS_PROXY (self->proxy)), NULL,
                          VIV_MACHINE_OBJECT_PATH, VIV_MACHINE_INTERFACE, "ChangeMedia",
                          g_variant_new ("(ssb)", drive, change->path != NULL ? change->path : "", readonly),
                          NULL, G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, cancellable, on_medium,
                          g_steal_pointer (&task));
}

void
viv_machine_vnc_stop (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer data)
{
  call (self, "VncStop", NULL, TIMEOUT_MS, cancellable, callback, data);
}

gboolean
viv_machine_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  gpointer tag = g_task_get_source_tag (G_TASK (result));
  if (tag == viv_machine_start || tag == viv_machine_force_off || tag == viv_machine_screenshot
      || tag == viv_machine_save_state || tag == viv_machine_change_media)
    return g_task_propagate_boolean (G_TASK (result), error);
  Reply *reply = finish (self, result, "r", error);
  if (reply == NULL)
    return FALSE;
  reply_free (reply);
  return TRUE;
}

/* -- Screen and ports --------------------------------------------------------------------------------- */

static int
finish_fd (VivMachine *self, GAsyncResult *result, GError **error)
{
  Reply *reply = finish (self, result, "(h)", error);
  gint32 index;
  int fd = -1;

  if (reply == NULL)
    return -1;
  g_variant_get (reply->values, "(h)", &index);
  if (reply->fds != NULL && index >= 0 && index < g_unix_fd_list_get_length (reply->fds))
    fd = g_unix_fd_list_get (reply->fds, index, error);
  else
    g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING,
                 _ ("the monitor's answer came without a socket"));
  reply_free (reply);
  return fd;
}

void
viv_machine_attach_screen (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer data)
{
  call (self, "AttachScreen", g_variant_new ("(u)", 0), TIMEOUT_MS, cancellable, callback, data);
}

int
viv_machine_attach_screen_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  return finish_fd (self, result, error);
}

void
viv_machine_attach_serial (VivMachine *self, unsigned port, gboolean history, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer data)
{
  call (self, "AttachSerial", g_variant_new ("(ub)", port, history), TIMEOUT_MS, cancellable, callback, data);
}

int
viv_machine_attach_serial_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  return finish_fd (self, result, error);
}

/* Calls that make a file: we open it, because a confined monitor may not, under a temporary name until it is whole. */
typedef struct
{
  char *path, *temporary;
} IntoFile;

static void
into_file_free (gpointer data)
{
  IntoFile *into = data;

  if (into->temporary != NULL)
    unlink (into->temporary);
  g_free (into->temporary);
  g_free (into->path);
  g_free (into);
}

static void
on_into_file (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  IntoFile *into = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GVariant) values
      = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), NULL, result, &error);

  if (values == NULL)
    {
      g_dbus_error_strip_remote_error (error);
      g_task_return_error (task, error);
      return;
    }
  if (g_rename (into->temporary, into->path) != 0)
    {
      int code = errno;
      g_task_return_new_error (task, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't write %s: %s"),
                               into->path, g_strerror (code));
      return;
    }
  g_clear_pointer (&into->temporary, g_free);
  g_task_return_boolean (task, TRUE);
}

static void
call_into_file (VivMachine *self, gpointer tag, const char *method, const char *path, int mode,
                const char *reply, int timeout, GCancellable *cancellable, GAsyncReadyCallback callback,
                gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  IntoFile *into = g_new0 (IntoFile, 1);

  g_task_set_source_tag (task, tag);
  g_task_set_task_data (task, into, into_file_free);
  if (!check_live (self, task))
    return;
  into->path = g_canonicalize_filename (path, NULL);
  into->temporary = g_strconcat (into->path, ".XXXXXX", NULL);
  int fd = g_mkstemp_full (into->temporary, O_RDWR | O_CLOEXEC, mode);
  if (fd < 0)
    {
      int code = errno;
      g_clear_pointer (&into->temporary, g_free);
      g_task_return_new_error (task, G_FILE_ERROR, g_file_error_from_errno (code), _ ("can't write %s: %s"),
                               into->path, g_strerror (code));
      return;
    }
  g_unix_fd_list_append (fds, fd, NULL);
  close (fd);
  g_dbus_connection_call_with_unix_fd_list (
      g_dbus_proxy_get_connection (G_DBUS_PROXY (self->proxy)), NULL, VIV_MACHINE_OBJECT_PATH,
      VIV_MACHINE_INTERFACE, method, g_variant_new ("(h)", 0), G_VARIANT_TYPE (reply), G_DBUS_CALL_FLAGS_NONE,
      timeout, fds, cancellable, on_into_file, g_steal_pointer (&task));
}

void
viv_machine_save_state (VivMachine *self, const char *path, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer data)
{
  call_into_file (self, viv_machine_save_state, "SaveStateFile", path, 0600, "()", NO_TIMEOUT, cancellable,
                  callback, data);
}

/* -- Text, VNC, numbers ------------------------------------------------------------------------------- */

void
viv_machine_type_text (VivMachine *self, const char *text, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer data)
{
  call (self, "TypeText", g_variant_new ("(s)", text), NO_TIMEOUT, cancellable, callback, data);
}

gboolean
viv_machine_type_text_finish (VivMachine *self, GAsyncResult *result, unsigned *skipped, GError **error)
{
  Reply *reply = finish (self, result, "(u)", error);

  if (reply == NULL)
    return FALSE;
  if (skipped != NULL)
    g_variant_get (reply->values, "(u)", skipped);
  reply_free (reply);
  return TRUE;
}

void
viv_machine_text (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  call (self, "Text", NULL, QUICK_TIMEOUT_MS, cancellable, callback, data);
}

char *
viv_machine_text_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  Reply *reply = finish (self, result, "(bs)", error);
  gboolean is_text;
  char *text;

  if (reply == NULL)
    return NULL;
  g_variant_get (reply->values, "(bs)", &is_text, &text);
  reply_free (reply);
  if (!is_text)
    g_clear_pointer (&text, g_free);
  return text;
}

void
viv_machine_vnc_start (VivMachine *self, const char *address, const char *password_file,
                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  call (self, "VncStart",
        g_variant_new ("(ss)", address != NULL ? address : "", password_file != NULL ? password_file : ""),
        TIMEOUT_MS, cancellable, callback, data);
}

char *
viv_machine_vnc_start_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  Reply *reply = finish (self, result, "(s)", error);
  char *address = NULL;

  if (reply == NULL)
    return NULL;
  g_variant_get (reply->values, "(s)", &address);
  reply_free (reply);
  return address;
}

static GVariant *
finish_first (VivMachine *self, GAsyncResult *result, const char *type, GError **error)
{
  Reply *reply = finish (self, result, type, error);

  if (reply == NULL)
    return NULL;
  GVariant *first = g_variant_get_child_value (reply->values, 0);
  reply_free (reply);
  return first;
}

void
viv_machine_statistics (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer data)
{
  call (self, "Statistics", NULL, QUICK_TIMEOUT_MS, cancellable, callback, data);
}

GVariant *
viv_machine_statistics_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  return finish_first (self, result, "(a{sv})", error);
}

void
viv_machine_list_drives (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer data)
{
  call (self, "ListDrives", NULL, QUICK_TIMEOUT_MS, cancellable, callback, data);
}

GVariant *
viv_machine_list_drives_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  return finish_first (self, result, "(a(sssb))", error);
}

/* -- Input -------------------------------------------------------------------------------------------- */

static void
send_without_reply (VivMachine *self, const char *method, GVariant *parameters)
{
  g_autoptr (GDBusMessage) message
      = g_dbus_message_new_method_call (NULL, VIV_MACHINE_OBJECT_PATH, VIV_MACHINE_INTERFACE, method);

  if (parameters != NULL)
    g_dbus_message_set_body (message, parameters);
  g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  /* A connection that is closing is noticed elsewhere. */
  g_dbus_connection_send_message (g_dbus_proxy_get_connection (G_DBUS_PROXY (self->proxy)), message,
                                  G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}

void
viv_machine_send_input (VivMachine *self, const InputEvent *events, unsigned n)
{
  GVariantBuilder list;

  if (self->proxy == NULL || n == 0)
    return;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(uqiii)"));
  for (unsigned i = 0; i < n; i++)
    g_variant_builder_add (&list, "(uqiii)", (guint32)events[i].type, (guint16)events[i].code,
                           events[i].value, events[i].x, events[i].y);
  send_without_reply (self, "Input", g_variant_new ("(a(uqiii))", &list));
}

void
viv_machine_release_keys (VivMachine *self)
{
  if (self->proxy != NULL)
    send_without_reply (self, "ReleaseKeys", NULL);
}
