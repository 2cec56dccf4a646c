/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine object: its definition on the disk, its state, and the connection to a monitor that runs.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/folder-lock.h"
#include "machine/image-check.h"
#include "machine/machine-private.h"
#include "machine/paths.h"
#include "machine/plain-text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a monitor that answers needs, on a loaded host, to answer. */
#define CONNECT_TIMEOUT_S 8
/* A monitor that has its folder and no socket yet is starting, for so long. */
#define STARTING_US    (60 * G_USEC_PER_SEC)
#define HOLDER_TICK_MS 500

G_DEFINE_FINAL_TYPE (VivMachine, viv_machine, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_FOLDER,
  PROP_NAME,
  PROP_UUID,
  PROP_STATE,
  PROP_STATE_REASON,
  PROP_ERROR,
  PROP_LIVE,
  PROP_ENGINE,
  PROP_ENGINE_REASON,
  PROP_VNC_ADDRESS,
  PROP_ABSOLUTE_POINTER,
  PROP_LEDS,
  PROP_WIDTH,
  PROP_HEIGHT,
  PROP_SCREENS,
  PROP_THUMBNAIL,
  PROP_DEFINITION,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

enum
{
  STATE_CHANGED,
  MEDIA_CHANGED,
  NOTICE,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

/* -- State -------------------------------------------------------------------------------------------- */

void
viv_machine_set_state (VivMachine *self, const char *state, const char *reason)
{
  gboolean state_differs = g_strcmp0 (self->state, state) != 0,
           reason_differs = g_strcmp0 (self->reason, reason) != 0;

  if (!state_differs && !reason_differs)
    return;
  /* The new strings may come from the old ones. */
  char *new_state = g_strdup (state), *new_reason = g_strdup (reason != NULL ? reason : "");
  g_free (self->state);
  g_free (self->reason);
  self->state = new_state;
  self->reason = new_reason;
  g_object_freeze_notify (G_OBJECT (self));
  if (state_differs)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
  if (reason_differs)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE_REASON]);
  g_object_thaw_notify (G_OBJECT (self));
  g_signal_emit (self, signals[STATE_CHANGED], 0);
}

static void
notify_live (VivMachine *self)
{
  static const int live_props[]
      = { PROP_LIVE, PROP_ENGINE, PROP_ENGINE_REASON, PROP_VNC_ADDRESS, PROP_ABSOLUTE_POINTER,
          PROP_LEDS, PROP_WIDTH,  PROP_HEIGHT,        PROP_SCREENS };

  for (unsigned i = 0; i < G_N_ELEMENTS (live_props); i++)
    g_object_notify_by_pspec (G_OBJECT (self), props[live_props[i]]);
}

static void
set_plain (char **text, const char *value)
{
  g_free (*text);
  *text = viv_plain_text (value != NULL ? value : "", -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
}

/* What the monitor says of itself is not fit to be shown as it is. */
static void
read_live (VivMachine *self)
{
  set_plain (&self->engine, viv_machine1_get_engine (self->proxy));
  set_plain (&self->engine_reason, viv_machine1_get_engine_reason (self->proxy));
  set_plain (&self->vnc_address, viv_machine1_get_vnc_address (self->proxy));
  g_clear_pointer (&self->screens, g_ptr_array_unref);
  self->screens = viv_screens_read (self->proxy);
}

void
viv_machine_clean_error (GError *error)
{
  if (error == NULL)
    return;
  g_dbus_error_strip_remote_error (error);
  viv_plain_error (error);
}

void
viv_machine_show_vmm_state (VivMachine *self)
{
  const char *state = viv_machine1_get_state (self->proxy);

  /* For a person there is no difference: it stands still. */
  set_plain (&self->vmm_state, g_strcmp0 (state, "pausing") == 0 ? "paused" : state);
  set_plain (&self->vmm_reason, viv_machine1_get_state_reason (self->proxy));
  /* "stopped" shows as off when the process is gone, so that a new start finds the disks free. */
  if (!g_str_equal (self->vmm_state, "stopped"))
    viv_machine_set_state (self, self->vmm_state, self->vmm_reason);
}

void
viv_machine_show_unresponsive (VivMachine *self)
{
  pid_t pid = self->pid > 0 ? self->pid : viv_folder_find_monitor (self->folder);
  g_autofree char *who = pid > 0 ? g_strdup_printf (_ ("process %d"), (int)pid) : g_strdup (_ ("a process"));
  g_autofree char *why
      = g_strdup_printf (_ ("Its monitor (%s) lives and does not answer. It may be at work and come "
                            "back; else end it by force."),
                         who);

  viv_machine_set_state (self, "unresponsive", why);
}

static gboolean
on_holder_tick (gpointer data)
{
  VivMachine *self = data;

  self->holder_watch = 0;
  viv_machine_follow_holder (self);
  viv_machine_probe (self);
  return G_SOURCE_REMOVE;
}

/* Nobody has the folder any more, and we were not told how it ended. */
static void
holder_gone (VivMachine *self)
{
  self->held = FALSE;
  self->never_answered = FALSE;
  viv_machine_cancel_connect (self);
  self->was_killed = TRUE;
  viv_machine_ended (self);
}

void
viv_machine_follow_holder (VivMachine *self)
{
  gboolean ours = self->proxy != NULL || self->start != NULL || self->pid_watch != 0
                  || (self->process != NULL && !self->process_ended);
  /* Where there are no locks, a socket that was made and says nothing tells as much. */
  gboolean held
      = !ours && (viv_folder_is_running (self->folder) || (self->never_answered && self->connecting != NULL)),
      was_held = self->held;

  if (!held)
    {
      g_clear_handle_id (&self->holder_watch, g_source_remove);
      if (was_held && !ours)
        holder_gone (self);
      self->held = FALSE;
      return;
    }
  self->held = TRUE;
  if (!was_held)
    self->held_since = g_get_monotonic_time ();
  if (self->holder_watch == 0)
    self->holder_watch = g_timeout_add (HOLDER_TICK_MS, on_holder_tick, self);
  if (self->definition == NULL)
    ;
  else if (self->never_answered || g_get_monotonic_time () - self->held_since > STARTING_US)
    viv_machine_show_unresponsive (self);
  else if (self->connecting == NULL)
    viv_machine_set_state (self, "starting", "");
}

static void
on_vmm_properties (GDBusProxy *proxy, GVariant *changed, const char *const *invalidated, VivMachine *self)
{
  read_live (self);
  viv_machine_show_vmm_state (self);
  g_object_freeze_notify (G_OBJECT (self));
  notify_live (self);
  g_object_thaw_notify (G_OBJECT (self));
}

static void
on_vmm_notice (VivMachine1 *proxy, const char *text, VivMachine *self)
{
  g_autofree char *plain = viv_plain_text (text, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);

  g_signal_emit (self, signals[NOTICE], 0, plain);
}

static void
on_vmm_media (VivMachine1 *proxy, const char *drive, const char *path, VivMachine *self)
{
  g_autofree char *plain_drive = viv_plain_text (drive, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT),
                  *plain_path = viv_plain_text (path, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);

  g_signal_emit (self, signals[MEDIA_CHANGED], 0, plain_drive, plain_path);
}

/* -- Connection --------------------------------------------------------------------------------------- */

static void
disconnect (VivMachine *self)
{
  if (self->proxy == NULL)
    return;
  GDBusConnection *connection = g_dbus_proxy_get_connection (G_DBUS_PROXY (self->proxy));
  g_clear_signal_handler (&self->closed_handler, connection);
  g_clear_signal_handler (&self->properties_handler, self->proxy);
  g_clear_signal_handler (&self->media_handler, self->proxy);
  g_clear_signal_handler (&self->notice_handler, self->proxy);
  g_dbus_connection_close (connection, NULL, NULL, NULL);
  g_clear_object (&self->proxy);
  g_clear_pointer (&self->engine, g_free);
  g_clear_pointer (&self->engine_reason, g_free);
  g_clear_pointer (&self->vnc_address, g_free);
  g_clear_pointer (&self->screens, g_ptr_array_unref);
}

static gboolean
on_pid_gone (int fd, GIOCondition condition, gpointer data)
{
  VivMachine *self = data;

  self->pid_watch = 0;
  viv_machine_ended (self);
  return G_SOURCE_REMOVE;
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, VivMachine *self)
{
  g_autoptr (VivMachine) keep = g_object_ref (self);

  disconnect (self);
  if (self->process != NULL && !self->process_ended)
    ; /* its end comes next, with the exit status */
  else if (self->process == NULL && self->pidfd >= 0)
    self->pid_watch = g_unix_fd_add (self->pidfd, G_IO_IN, on_pid_gone, self);
  else
    viv_machine_ended (self);
  notify_live (self);
  g_signal_emit (self, signals[STATE_CHANGED], 0);
}

gboolean
viv_machine_is_other_folder (VivMachine *self, const char *folder)
{
  g_autofree char *there = definition_path_from_text (folder);
  g_autofree char *other = there != NULL ? g_build_filename (there, "machine.ini", NULL) : NULL;
  g_autofree char *ours = g_build_filename (self->folder, "machine.ini", NULL);
  struct stat a, b;

  /* A folder that was moved while its machine runs is ours still. */
  return other != NULL && *folder != '\0' && stat (other, &a) == 0 && stat (ours, &b) == 0
         && (a.st_ino != b.st_ino || a.st_dev != b.st_dev);
}

/* One try to connect.  It counts only as long as it is the object's present one, and doesn't keep the object: a monitor that never answers
 * would for ever. */
typedef struct
{
  GWeakRef self;
  GCancellable *cancellable;
} Attempt;

static void
attempt_free (Attempt *attempt)
{
  g_weak_ref_clear (&attempt->self);
  g_object_unref (attempt->cancellable);
  g_free (attempt);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Attempt, attempt_free)

void
viv_machine_cancel_connect (VivMachine *self)
{
  g_clear_handle_id (&self->connect_timeout, g_source_remove);
  if (self->connecting != NULL)
    g_cancellable_cancel (self->connecting);
  g_clear_object (&self->connecting);
}

static void
end_connecting (VivMachine *self)
{
  g_clear_handle_id (&self->connect_timeout, g_source_remove);
  g_clear_object (&self->connecting);
}

/* It has a socket and says nothing. */
static gboolean
on_connect_timeout (gpointer data)
{
  VivMachine *self = data;

  /* The attempt goes on: it may yet answer, and one that hangs need not be asked again. */
  self->connect_timeout = 0;
  self->never_answered = TRUE;
  viv_machine_follow_holder (self);
  g_signal_emit (self, signals[STATE_CHANGED], 0);
  return G_SOURCE_REMOVE;
}

/* Who made the socket, as the kernel says; what the monitor says of itself is not believed.  Sets pid and pidfd. */
static void
find_peer (VivMachine *self, GDBusConnection *connection)
{
  GIOStream *stream = g_dbus_connection_get_stream (connection);
  struct ucred peer = { 0 };
  socklen_t length = sizeof (peer);

  if (self->pidfd >= 0)
    close (self->pidfd);
  self->pidfd = -1;
  self->pid = 0;
  if (!G_IS_SOCKET_CONNECTION (stream))
    return;
  int fd = g_socket_get_fd (g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)));
  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.pid <= 0
      || peer.uid != geteuid ())
    return;
  self->pid = peer.pid;
#ifdef SO_PEERPIDFD
  length = sizeof (self->pidfd);
  if (getsockopt (fd, SOL_SOCKET, SO_PEERPIDFD, &self->pidfd, &length) == 0)
    return;
#endif
  /* The number is still the peer's, since the peer has just answered. */
  self->pidfd = syscall (SYS_pidfd_open, self->pid, 0);
}

static void
on_proxy (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Attempt) attempt = data;
  g_autoptr (VivMachine) self = g_weak_ref_get (&attempt->self);
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine1) proxy = viv_machine1_proxy_new_finish (result, &error);

  if (self == NULL || self->connecting != attempt->cancellable)
    return;
  end_connecting (self);
  if (proxy == NULL || viv_machine1_get_uuid (proxy) == NULL)
    {
      if (error == NULL)
        g_set_error (&error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START,
                     _ ("what answers at %s is no machine"), self->socket_path);
      viv_machine_fail_start (self, error);
      return;
    }
  if (viv_machine_is_other_folder (self, viv_machine1_get_folder (proxy)))
    {
      g_autofree char *folder
          = viv_plain_text (viv_machine1_get_folder (proxy), -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
      g_dbus_connection_close (g_dbus_proxy_get_connection (G_DBUS_PROXY (proxy)), NULL, NULL, NULL);
      g_clear_error (&error);
      g_set_error (
          &error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START,
          _ ("the machine in %s runs and has the same UUID, as a copy has; give this one a UUID of its own"),
          folder);
      viv_machine_fail_start (self, error);
      return;
    }

  GDBusConnection *connection = g_dbus_proxy_get_connection (G_DBUS_PROXY (proxy));
  self->proxy = g_steal_pointer (&proxy);
  find_peer (self, connection);
  self->was_killed = FALSE;
  self->held = FALSE;
  self->never_answered = FALSE;
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  self->properties_handler
      = g_signal_connect (self->proxy, "g-properties-changed", G_CALLBACK (on_vmm_properties), self);
  self->media_handler = g_signal_connect (self->proxy, "media-changed", G_CALLBACK (on_vmm_media), self);
  self->notice_handler = g_signal_connect (self->proxy, "notice", G_CALLBACK (on_vmm_notice), self);
  self->closed_handler = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), self);
  if (g_dbus_connection_is_closed (connection))
    {
      on_closed (connection, TRUE, NULL, self);
      return;
    }
  read_live (self);
  viv_machine_connected (self);
  viv_machine_show_vmm_state (self);
  notify_live (self);
  g_signal_emit (self, signals[STATE_CHANGED], 0);
}

static void
on_connection (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Attempt) attempt = data;
  g_autoptr (VivMachine) self = g_weak_ref_get (&attempt->self);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = g_dbus_connection_new_for_address_finish (result, &error);

  if (self == NULL || self->connecting != attempt->cancellable)
    return;
  if (connection == NULL)
    {
      end_connecting (self);
      viv_machine_fail_start (self, error);
      return;
    }
  viv_machine1_proxy_new (connection, G_DBUS_PROXY_FLAGS_NONE, NULL, VIV_MACHINE_OBJECT_PATH,
                          self->connecting, on_proxy, g_steal_pointer (&attempt));
}

/* Connects to socket_path; viv_machine_connected() or viv_machine_fail_start() follows. */
void
viv_machine_connect (VivMachine *self)
{
  g_autofree char *escaped = g_dbus_address_escape_value (self->socket_path);
  g_autofree char *address = g_strconcat ("unix:path=", escaped, NULL);

  viv_machine_cancel_connect (self);
  self->connecting = g_cancellable_new ();
  Attempt *attempt = g_new0 (Attempt, 1);
  g_weak_ref_init (&attempt->self, self);
  attempt->cancellable = g_object_ref (self->connecting);
  /* A start has a time limit of its own. */
  if (self->start == NULL)
    self->connect_timeout = g_timeout_add_seconds (CONNECT_TIMEOUT_S, on_connect_timeout, self);
  g_dbus_connection_new_for_address (address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL,
                                     self->connecting, on_connection, attempt);
}

void
viv_machine_probe (VivMachine *self)
{
  g_return_if_fail (VIV_IS_MACHINE (self));

  if (self->proxy != NULL || self->connecting != NULL || self->start != NULL || self->pid_watch != 0
      || (self->process != NULL && !self->process_ended))
    return;
  viv_machine_follow_holder (self);
  g_autofree char *path = self->definition != NULL
                              ? viv_socket_path (definition_text (self->definition, "machine.uuid"), NULL)
                              : NULL;
  if (path == NULL || !g_file_test (path, G_FILE_TEST_EXISTS))
    return;
  g_free (self->socket_path);
  self->socket_path = g_steal_pointer (&path);
  viv_machine_connect (self);
}

/* -- The folder --------------------------------------------------------------------------------------- */

static void
on_images (GObject *source, const char *missing)
{
  VivMachine *self = VIV_MACHINE (source);

  g_clear_object (&self->image_check);
  if (g_strcmp0 (self->error, missing) == 0)
    return;
  g_free (self->error);
  self->error = g_strdup (missing);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ERROR]);
}

/* What was known of the old definition's images stays till the new one's are looked at. */
static void
check_images (VivMachine *self)
{
  if (self->image_check != NULL)
    g_cancellable_cancel (self->image_check);
  g_clear_object (&self->image_check);
  if (self->definition == NULL)
    return;
  self->image_check = g_cancellable_new ();
  viv_image_check (G_OBJECT (self), self->definition, self->image_check, on_images);
}

static void
find_thumbnail (VivMachine *self)
{
  g_autofree char *path = g_build_filename (self->folder, "screenshot.png", NULL);

  g_clear_pointer (&self->thumbnail, g_free);
  if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
    self->thumbnail = g_steal_pointer (&path);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_THUMBNAIL]);
}

void
viv_machine_reload (VivMachine *self)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  g_return_if_fail (VIV_IS_MACHINE (self));

  path = g_build_filename (self->folder, "machine.ini", NULL);
  /* Before it is read: a change in between shows as one the next time. */
  if (stat (path, &self->file) != 0)
    memset (&self->file, 0, sizeof (self->file));
  MachineDefinition *definition = definition_load (path, &error);

  g_object_freeze_notify (G_OBJECT (self));
  if (definition == NULL || self->definition == NULL)
    g_clear_pointer (&self->error, g_free);
  g_clear_pointer (&self->definition, definition_unref);
  g_free (self->name);
  self->definition = definition;
  if (definition == NULL)
    self->error = viv_plain_text (error->message, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
  check_images (self);
  self->name = definition != NULL ? g_strdup (definition_text (definition, "machine.name"))
                                  : g_filename_display_basename (self->folder);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_DEFINITION]);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ERROR]);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_NAME]);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_UUID]);
  find_thumbnail (self);
  g_object_thaw_notify (G_OBJECT (self));

  if (viv_machine_is_busy (self) && !self->held)
    return;
  if (definition == NULL)
    viv_machine_set_state (self, "broken", self->error);
  else if (self->state == NULL || g_str_equal (self->state, "broken"))
    viv_machine_set_state (self, "off", "");
  viv_machine_probe (self);
}

void
viv_machine_reload_if_changed (VivMachine *self)
{
  g_autofree char *path = g_build_filename (self->folder, "machine.ini", NULL);
  struct stat now;

  if (stat (path, &now) == 0 && now.st_ino == self->file.st_ino && now.st_dev == self->file.st_dev
      && now.st_size == self->file.st_size && now.st_mtim.tv_sec == self->file.st_mtim.tv_sec
      && now.st_mtim.tv_nsec == self->file.st_mtim.tv_nsec)
    viv_machine_probe (self);
  else
    viv_machine_reload (self);
}

char *
viv_machine_log_path (VivMachine *self)
{
  return g_build_filename (self->folder, "vmm.log", NULL);
}

char *
viv_machine_log_tail (VivMachine *self, unsigned lines)
{
  enum
  {
    MOST = 64 * 1024
  };
  g_autofree char *path = viv_machine_log_path (self);
  g_autofree char *buffer = g_malloc (MOST + 1);
  struct stat info;

  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return g_strdup ("");
  off_t size = fstat (fd, &info) == 0 && S_ISREG (info.st_mode) ? info.st_size : 0;
  ssize_t length = pread (fd, buffer, MOST, MAX (size - MOST, 0));
  close (fd);
  length = MAX (length, 0);
  while (length > 0 && buffer[length - 1] == '\n')
    length--;
  buffer[length] = '\0';

  char *start = buffer + length;
  for (unsigned found = 0; start > buffer; start--)
    if (start[-1] == '\n' && ++found == lines)
      break;
  return viv_plain_text (start, buffer + length - start, VIV_PLAIN_MOST_LOG, VIV_PLAIN_DEFAULT);
}

gint64
viv_machine_get_last_used (VivMachine *self)
{
  g_autofree char *path = viv_machine_log_path (self);
  struct stat info;

  return stat (path, &info) == 0 ? info.st_mtim.tv_sec : 0;
}

/* -- Object ------------------------------------------------------------------------------------------- */

static void
viv_machine_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VivMachine *self = VIV_MACHINE (object);

  switch (id)
    {
    case PROP_FOLDER:
      g_value_set_string (value, self->folder);
      break;
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_UUID:
      g_value_set_string (value, viv_machine_get_uuid (self));
      break;
    case PROP_STATE:
      g_value_set_string (value, self->state);
      break;
    case PROP_STATE_REASON:
      g_value_set_string (value, self->reason);
      break;
    case PROP_ERROR:
      g_value_set_string (value, self->error);
      break;
    case PROP_LIVE:
      g_value_set_boolean (value, self->proxy != NULL);
      break;
    case PROP_ENGINE:
      g_value_set_string (value, viv_machine_get_engine (self));
      break;
    case PROP_ENGINE_REASON:
      g_value_set_string (value, viv_machine_get_engine_reason (self));
      break;
    case PROP_VNC_ADDRESS:
      g_value_set_string (value, viv_machine_get_vnc_address (self));
      break;
    case PROP_ABSOLUTE_POINTER:
      g_value_set_boolean (value, viv_machine_get_absolute_pointer (self));
      break;
    case PROP_LEDS:
      g_value_set_uint (value, viv_machine_get_leds (self));
      break;
    case PROP_WIDTH:
      g_value_set_uint (value, viv_machine_get_width (self));
      break;
    case PROP_HEIGHT:
      g_value_set_uint (value, viv_machine_get_height (self));
      break;
    case PROP_SCREENS:
      g_value_set_pointer (value, viv_machine_get_screens (self));
      break;
    case PROP_THUMBNAIL:
      g_value_set_string (value, self->thumbnail);
      break;
    case PROP_DEFINITION:
      g_value_set_pointer (value, self->definition);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_machine_dispose (GObject *object)
{
  VivMachine *self = VIV_MACHINE (object);

  /* The monitor lives on; only our view of it ends. */
  g_clear_handle_id (&self->pid_watch, g_source_remove);
  g_clear_handle_id (&self->kill_timeout, g_source_remove);
  g_clear_handle_id (&self->start_timeout, g_source_remove);
  g_clear_handle_id (&self->connect_timeout, g_source_remove);
  g_clear_handle_id (&self->holder_watch, g_source_remove);
  disconnect (self);
  if (self->owner_fd >= 0)
    close (self->owner_fd);
  self->owner_fd = -1;
  if (self->pidfd >= 0)
    close (self->pidfd);
  self->pidfd = -1;
  viv_machine_cancel_connect (self);
  if (self->image_check != NULL)
    g_cancellable_cancel (self->image_check);
  g_clear_object (&self->image_check);
  g_clear_object (&self->process);
  g_clear_object (&self->ready);
  g_ptr_array_set_size (self->off_tasks, 0);
  G_OBJECT_CLASS (viv_machine_parent_class)->dispose (object);
}

static void
viv_machine_finalize (GObject *object)
{
  VivMachine *self = VIV_MACHINE (object);

  g_clear_pointer (&self->definition, definition_unref);
  g_ptr_array_unref (self->off_tasks);
  g_free (self->folder);
  g_free (self->name);
  g_free (self->error);
  g_free (self->thumbnail);
  g_free (self->state);
  g_free (self->reason);
  g_free (self->socket_path);
  g_free (self->vmm_state);
  g_free (self->vmm_reason);
  g_free (self->start_blame);
  G_OBJECT_CLASS (viv_machine_parent_class)->finalize (object);
}

static void
viv_machine_class_init (VivMachineClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  static const struct
  {
    int id;
    const char *name;
  } strings[] = {
    { PROP_FOLDER, "folder" },     { PROP_NAME, "name" },
    { PROP_UUID, "uuid" },         { PROP_STATE, "state" },
    { PROP_STATE_REASON, "state-reason" }, { PROP_ERROR, "error" },
    { PROP_ENGINE, "engine" },     { PROP_ENGINE_REASON, "engine-reason" },
    { PROP_VNC_ADDRESS, "vnc-address" }, { PROP_THUMBNAIL, "thumbnail" },
  }, numbers[] = { { PROP_LEDS, "leds" }, { PROP_WIDTH, "width" }, { PROP_HEIGHT, "height" } },
    flags_[] = { { PROP_LIVE, "live" }, { PROP_ABSOLUTE_POINTER, "absolute-pointer" } };

  object_class->get_property = viv_machine_get_property;
  object_class->dispose = viv_machine_dispose;
  object_class->finalize = viv_machine_finalize;
  for (unsigned i = 0; i < G_N_ELEMENTS (strings); i++)
    props[strings[i].id] = g_param_spec_string (strings[i].name, NULL, NULL, NULL, flags);
  for (unsigned i = 0; i < G_N_ELEMENTS (numbers); i++)
    props[numbers[i].id] = g_param_spec_uint (numbers[i].name, NULL, NULL, 0, G_MAXUINT, 0, flags);
  for (unsigned i = 0; i < G_N_ELEMENTS (flags_); i++)
    props[flags_[i].id] = g_param_spec_boolean (flags_[i].name, NULL, NULL, FALSE, flags);
  props[PROP_SCREENS] = g_param_spec_pointer ("screens", NULL, NULL, flags);
  props[PROP_DEFINITION] = g_param_spec_pointer ("definition", NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  signals[STATE_CHANGED] = g_signal_new ("state-changed", VIV_TYPE_MACHINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                         NULL, G_TYPE_NONE, 0);
  signals[MEDIA_CHANGED] = g_signal_new ("media-changed", VIV_TYPE_MACHINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                         NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
  signals[NOTICE] = g_signal_new ("notice", VIV_TYPE_MACHINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
viv_machine_init (VivMachine *self)
{
  self->pidfd = -1;
  self->owner_fd = -1;
  self->off_tasks = g_ptr_array_new_with_free_func (g_object_unref);
}

VivMachine *
viv_machine_new (const char *folder)
{
  VivMachine *self = g_object_new (VIV_TYPE_MACHINE, NULL);

  self->folder = g_canonicalize_filename (folder, NULL);
  viv_machine_reload (self);
  return self;
}

const char *
viv_machine_get_folder (VivMachine *self)
{
  return self->folder;
}

const char *
viv_machine_get_name (VivMachine *self)
{
  return self->name;
}

const char *
viv_machine_get_uuid (VivMachine *self)
{
  return self->definition != NULL ? definition_text (self->definition, "machine.uuid") : NULL;
}

const char *
viv_machine_get_state (VivMachine *self)
{
  return self->state;
}

const char *
viv_machine_get_state_reason (VivMachine *self)
{
  return self->reason;
}

const char *
viv_machine_get_error (VivMachine *self)
{
  return self->error;
}

gboolean
viv_machine_is_checking (VivMachine *self)
{
  return self->image_check != NULL;
}

gboolean
viv_machine_is_live (VivMachine *self)
{
  return self->proxy != NULL;
}

gboolean
viv_machine_is_connecting (VivMachine *self)
{
  return self->connecting != NULL && !self->never_answered;
}

gboolean
viv_machine_is_busy (VivMachine *self)
{
  return self->proxy != NULL || self->start != NULL || self->pid_watch != 0 || self->held
         || (self->process != NULL && !self->process_ended);
}

const char *
viv_machine_get_engine (VivMachine *self)
{
  return self->engine != NULL ? self->engine : "";
}

const char *
viv_machine_get_engine_reason (VivMachine *self)
{
  return self->engine_reason != NULL ? self->engine_reason : "";
}

const char *
viv_machine_get_vnc_address (VivMachine *self)
{
  return self->vnc_address != NULL ? self->vnc_address : "";
}

gboolean
viv_machine_get_absolute_pointer (VivMachine *self)
{
  return self->proxy != NULL && viv_machine1_get_absolute_pointer (self->proxy);
}

unsigned
viv_machine_get_leds (VivMachine *self)
{
  return self->proxy != NULL ? viv_machine1_get_leds (self->proxy) : 0;
}

unsigned
viv_machine_get_width (VivMachine *self)
{
  return self->proxy != NULL ? viv_machine1_get_width (self->proxy) : 0;
}

unsigned
viv_machine_get_height (VivMachine *self)
{
  return self->proxy != NULL ? viv_machine1_get_height (self->proxy) : 0;
}

GPtrArray *
viv_machine_get_screens (VivMachine *self)
{
  static GPtrArray *none;

  if (none == NULL)
    none = viv_screens_read (NULL);
  return self->screens != NULL ? self->screens : none;
}

pid_t
viv_machine_get_pid (VivMachine *self)
{
  return self->proxy != NULL ? self->pid : 0;
}

const char *
viv_machine_get_start_blame (VivMachine *self)
{
  return self->start_blame;
}

const char *
viv_machine_get_thumbnail (VivMachine *self)
{
  return self->thumbnail;
}

const MachineDefinition *
viv_machine_get_definition (VivMachine *self)
{
  return self->definition;
}

GDBusProxy *
viv_machine_get_proxy (VivMachine *self)
{
  return (GDBusProxy *)self->proxy;
}
