/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is asked of a running monitor: D-Bus calls on the control socket, as GTasks.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "block/block.h"
#include "display/layout.h"
#include "machine/edit.h"
#include "machine/liveness.h"
#include "machine/machine-private.h"
#include "machine/monitor-guard.h"
#include "machine/plain-text.h"

#include <gio/gunixfdlist.h>
#include <glib/gi18n.h>
#include <sys/socket.h>
#include <unistd.h>

/* Calls that end when the guest or the disk has done something take as long as that takes: machine/liveness.h. */
#define NO_TIMEOUT    G_MAXINT
#define TIMEOUT_MS    25000
#define LED_CAPS_LOCK 4u
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

static GError *
unresponsive_error (VivMachine *self)
{
  return g_error_new (VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE,
                      _ ("“%s” does not answer; it can be ended by force"), viv_machine_get_name (self));
}

GError *
viv_machine_note_reply (VivMachine *self, GTask *task, GDBusConnection *connection, GError *error)
{
  gboolean lost = viv_liveness_end (task);
  g_autofree char *complaint = error != NULL && !g_dbus_error_is_remote_error (error)
                                   ? viv_monitor_guard_complaint (connection)
                                   : NULL;

  if (complaint != NULL)
    {
      g_error_free (error);
      return g_error_new (VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE,
                          /* Translators: a machine's name, and a sentence */ _ ("“%s”: %s"),
                          viv_machine_get_name (self), complaint);
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED) && !g_dbus_error_is_remote_error (error))
    {
      g_error_free (error);
      return g_error_new (VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING,
                          _ ("the monitor of “%s” has closed the connection"), viv_machine_get_name (self));
    }
  if (error != NULL
      && (lost
          || (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
              && !g_dbus_error_is_remote_error (error))))
    {
      g_error_free (error);
      viv_machine_note_answer (self, FALSE);
      return unresponsive_error (self);
    }
  viv_machine_note_answer (self, TRUE);
  viv_machine_clean_error (error);
  return error;
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
  error = viv_machine_note_reply (self, task, G_DBUS_CONNECTION (source), error);
  if (reply->values != NULL)
    {
      gpointer tag = g_task_get_source_tag (task);
      GVariant *values = tag == viv_machine_text || tag == viv_machine_dump_state
                             ? viv_plain_variant (reply->values, VIV_GUARD_MOST_BYTES, VIV_PLAIN_DEFAULT)
                             : viv_plain_variant (reply->values, VIV_PLAIN_MOST, VIV_PLAIN_LINE);
      g_variant_unref (reply->values);
      reply->values = values;
      g_task_return_pointer (task, reply, reply_free);
      return;
    }
  reply_free (reply);
  g_task_return_error (task, error);
}

gboolean
viv_machine_check_live (VivMachine *self, GTask *task)
{
  if (viv_machine_proxy (self) != NULL)
    return TRUE;
  /* Somebody's monitor has it: it has not answered yet, or does not. */
  if (viv_machine_is_busy (self))
    g_task_return_error (task, unresponsive_error (self));
  else
    g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING, _ ("“%s” doesn't run"),
                             viv_machine_get_name (self));
  return FALSE;
}

/* Sinks `parameters`. */
static void
call_with_fds (VivMachine *self, GTask *task, const char *method, GVariant *parameters, GUnixFDList *fds,
               int timeout)
{
  g_autoptr (GVariant) sunk = parameters != NULL ? g_variant_ref_sink (parameters) : NULL;

  if (!viv_machine_check_live (self, task))
    {
      g_object_unref (task);
      return;
    }
  g_dbus_connection_call_with_unix_fd_list (
      g_dbus_proxy_get_connection (G_DBUS_PROXY (viv_machine_proxy (self))), NULL, VIV_MACHINE_OBJECT_PATH,
      VIV_MACHINE_INTERFACE, method, sunk, NULL, G_DBUS_CALL_FLAGS_NONE, timeout, fds,
      timeout == NO_TIMEOUT ? viv_liveness_watch (task, -1) : g_task_get_cancellable (task), on_reply, task);
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

static char *
finish_text (VivMachine *self, GAsyncResult *result, GError **error)
{
  Reply *reply = finish (self, result, "(s)", error);
  char *text = NULL;

  if (reply == NULL)
    return NULL;
  g_variant_get (reply->values, "(s)", &text);
  reply_free (reply);
  return text;
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

void
viv_machine_sleep_button (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer data)
{
  call (self, "SleepButton", NULL, QUICK_TIMEOUT_MS, cancellable, callback, data);
}

typedef struct
{
  char *drive, *path;
  gboolean readonly, force;
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
  g_autofree char *text = definition_path_to_text (change->path);
  const VivChange edit = { key, text };
  GError *error = NULL;

  /* A drive that the definition lost while the machine ran is not made anew. */
  if (viv_machine_get_definition (self) == NULL
      || definition_find_drive (viv_machine_get_definition (self), change->drive) == NULL
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
  g_autoptr (GVariant) reply
      = g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), NULL, result, &error);

  error = viv_machine_note_reply (self, task, G_DBUS_CONNECTION (source), error);
  if (reply != NULL)
    keep_medium (self, task);
  else
    g_task_return_error (task, error);
}

/* The monitor first: what it refuses is not written.  `fds` has the medium; NULL: it is ejected. */
static void
send_medium (VivMachine *self, GTask *task, GUnixFDList *fds)
{
  MediaChange *change = g_task_get_task_data (task);
  g_autofree char *text = definition_path_to_text (change->path);

  if (!viv_machine_check_live (self, task))
    return;
  g_dbus_connection_call_with_unix_fd_list (
      g_dbus_proxy_get_connection (G_DBUS_PROXY (viv_machine_proxy (self))), NULL, VIV_MACHINE_OBJECT_PATH,
      VIV_MACHINE_INTERFACE, fds != NULL ? "InsertMedium" : "EjectMedium",
      fds != NULL ? g_variant_new ("(ssbbh)", change->drive, text, change->readonly, change->force, 0)
                  : g_variant_new ("(sb)", change->drive, change->force),
      NULL, G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, fds, g_task_get_cancellable (task), on_medium,
      g_object_ref (task));
}

static void
open_medium (GTask *opening, gpointer self, gpointer data, GCancellable *cancellable)
{
  const MediaChange *change = data;
  /* Drives have the names of their kinds. */
  BlockFlags flags = g_str_has_prefix (change->drive, "cdrom") ? BLOCK_READ_ONLY | BLOCK_SHARED_READ
                     : change->readonly                        ? BLOCK_READ_ONLY
                                                               : BLOCK_READ_WRITE;
  GError *error = NULL;
  int fd = block_open_file (change->path, flags, &error);

  if (fd < 0)
    g_task_return_error (opening, error);
  else
    g_task_return_pointer (opening, g_unix_fd_list_new_from_array (&fd, 1), g_object_unref);
}

static void
on_opened (GObject *self, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GUnixFDList) fds = g_task_propagate_pointer (G_TASK (result), &error);

  if (fds == NULL)
    g_task_return_error (task, error);
  else
    send_medium (VIV_MACHINE (self), task, fds);
}

static void
change_media (VivMachine *self, const char *drive, const char *path, gboolean readonly, gboolean force,
              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  MediaChange *change = g_new0 (MediaChange, 1);

  g_task_set_source_tag (task, viv_machine_change_media);
  change->drive = g_strdup (drive);
  change->path
      = path != NULL && *path != '\0' ? g_canonicalize_filename (path, viv_machine_get_folder (self)) : NULL;
  change->readonly = readonly;
  change->force = force;
  g_task_set_task_data (task, change, media_change_free);
  if (!viv_machine_is_busy (self))
    {
      if (viv_machine_get_definition (self) == NULL
          || definition_find_drive (viv_machine_get_definition (self), drive) == NULL)
        g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND,
                                 _ ("the machine has no %s"), drive);
      else
        keep_medium (self, task);
      return;
    }
  if (change->path == NULL || viv_machine_proxy (self) == NULL)
    {
      send_medium (self, task, NULL);
      return;
    }
  /* The monitor opens nothing by name; where the file lies may be slow to answer. */
  g_autoptr (GTask) opening = g_task_new (self, cancellable, on_opened, g_steal_pointer (&task));
  g_task_set_task_data (opening, change, NULL);
  g_task_run_in_thread (opening, open_medium);
}

void
viv_machine_change_media (VivMachine *self, const char *drive, const char *path, gboolean readonly,
                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  change_media (self, drive, path, readonly, FALSE, cancellable, callback, data);
}

void
viv_machine_force_media (VivMachine *self, const char *drive, const char *path, gboolean readonly,
                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  change_media (self, drive, path, readonly, TRUE, cancellable, callback, data);
}

gboolean
viv_machine_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  gpointer tag = g_task_get_source_tag (G_TASK (result));
  if (tag == viv_machine_start || tag == viv_machine_force_off || tag == viv_machine_screenshot
      || tag == viv_machine_save_state || tag == viv_machine_dump_memory || tag == viv_machine_change_media
      || tag == viv_machine_vnc_stop)
    return g_task_propagate_boolean (G_TASK (result), error);
  Reply *reply = finish (self, result, "r", error);
  if (reply == NULL)
    return FALSE;
  reply_free (reply);
  return TRUE;
}

/* -- Screen and ports --------------------------------------------------------------------------------- */

static gboolean
is_socket (int fd, int wanted)
{
  int type = 0, domain = 0;
  socklen_t length = sizeof (int);

  if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != wanted)
    return FALSE;
  length = sizeof (int);
  return getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

/* `type`: SOCK_….  A file, a device or a pipe could hold up who reads it, and whoever talks to a socket of another family talks to
 * somebody else. */
static int
finish_fd (VivMachine *self, GAsyncResult *result, int type, GError **error)
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
  if (fd >= 0 && !is_socket (fd, type))
    {
      close (fd);
      fd = -1;
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING,
                   _ ("the monitor's answer came with something else than a socket"));
    }
  return fd;
}

void
viv_machine_attach_screen (VivMachine *self, unsigned screen, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer data)
{
  call (self, "AttachScreen", g_variant_new ("(u)", screen), TIMEOUT_MS, cancellable, callback, data);
}

int
viv_machine_attach_screen_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  return finish_fd (self, result, SOCK_SEQPACKET, error);
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
  return finish_fd (self, result, SOCK_STREAM, error);
}

/* -- Text, numbers ------------------------------------------------------------------------------------ */

static GVariant *
keys_of (VivMachine *self, const char *text, const char *layout_name, GError **error)
{
  const char *own = viv_machine_get_definition (self) != NULL
                        ? definition_text (viv_machine_get_definition (self), "input.layout")
                        : NULL;
  g_autoptr (KeyLayout) layout = key_layout_new (layout_name != NULL ? layout_name
                                                 : own != NULL       ? own
                                                                     : KEY_LAYOUT_DEFAULT,
                                                 error);
  g_autoptr (GArray) strokes = g_array_new (FALSE, FALSE, sizeof (KeyStroke));
  GVariantBuilder keys;

  if (layout == NULL
      || !key_layout_type (layout, text, (viv_machine_get_leds (self) & LED_CAPS_LOCK) != 0, strokes, error))
    return NULL;
  g_variant_builder_init (&keys, G_VARIANT_TYPE ("a(qb)"));
  for (guint i = 0; i < strokes->len; i++)
    {
      KeyStroke stroke = g_array_index (strokes, KeyStroke, i);
      g_variant_builder_add (&keys, "(qb)", stroke.code, stroke.down);
    }
  return g_variant_new ("(a(qb))", &keys);
}

void
viv_machine_type_text (VivMachine *self, const char *text, const char *layout, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer data)
{
  GError *error = NULL;
  GVariant *keys = keys_of (self, text, layout, &error);

  if (keys != NULL)
    call (self, "TypeKeys", keys, NO_TIMEOUT, cancellable, callback, data);
  else
    g_task_report_error (self, callback, data, viv_machine_type_text, error);
}

gboolean
viv_machine_type_text_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  return viv_machine_finish (self, result, error);
}

void
viv_machine_text (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_machine_text);
  call_with_fds (self, task, "Text", NULL, NULL, QUICK_TIMEOUT_MS);
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
viv_machine_dump_state (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_machine_dump_state);
  call_with_fds (self, task, "DumpState", NULL, NULL, TIMEOUT_MS);
}

char *
viv_machine_dump_state_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  return finish_text (self, result, error);
}

void
viv_machine_sync (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  if (!viv_machine_check_live (self, task))
    {
      g_object_unref (task);
      return;
    }
  g_dbus_connection_call_with_unix_fd_list (
      g_dbus_proxy_get_connection (G_DBUS_PROXY (viv_machine_proxy (self))), NULL, VIV_MACHINE_OBJECT_PATH,
      "org.freedesktop.DBus.Properties", "Get", g_variant_new ("(ss)", VIV_MACHINE_INTERFACE, "State"), NULL,
      G_DBUS_CALL_FLAGS_NONE, QUICK_TIMEOUT_MS, NULL, cancellable, on_reply, task);
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
  g_dbus_connection_send_message (g_dbus_proxy_get_connection (G_DBUS_PROXY (viv_machine_proxy (self))),
                                  message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}

/* A monitor that takes nothing gets nothing more, or all that is done before its screen would wait in our memory.  Keys that went up
 * meanwhile are let go of when it goes on. */
static gboolean
is_taken (VivMachine *self)
{
  GDBusProxy *proxy = G_DBUS_PROXY (viv_machine_proxy (self));
  gboolean stuck = viv_monitor_guard_is_stuck (g_dbus_proxy_get_connection (proxy));

  if (stuck)
    g_object_set_data (G_OBJECT (proxy), "input-lost", self);
  else if (g_object_steal_data (G_OBJECT (proxy), "input-lost") != NULL)
    send_without_reply (self, "ReleaseKeys", NULL);
  return !stuck;
}

void
viv_machine_send_input (VivMachine *self, const InputEvent *events, unsigned n)
{
  GVariantBuilder list;

  if (viv_machine_proxy (self) == NULL || n == 0 || !is_taken (self))
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
  if (viv_machine_proxy (self) != NULL && is_taken (self))
    send_without_reply (self, "ReleaseKeys", NULL);
}
