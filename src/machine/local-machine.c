/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A folder, its monitor's process and the connection to it, put together; how that ends is local-machine-end.c.  What is known goes into
 * viv_local_machine_facts(), and what is shown comes out of machine/machine-state.h.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/local-machine-private.h"

#include "machine/control-socket.h"
#include "machine/edit.h"
#include "machine/folder-lock.h"
#include "machine/image-check.h"
#include "machine/monitor-log.h"
#include "machine/monitor-peer.h"
#include "machine/paths.h"
#include "machine/plain-text.h"
#include "machine/space-check.h"

#include <glib/gi18n.h>
#include <string.h>

/* What a monitor that answers needs, on a loaded host, to answer. */
#define CONNECT_TIMEOUT_S 8
/* From the end of the connection to the monitor's own. */
#define LEAVE_TIMEOUT_S 10
/* From a connection that failed to the end of a monitor that had said "ready": its guest was quick. */
#define QUICK_END_MS 2000
/* Between two looks at the room that is left. */
#define SPACE_TICK_S 20

unsigned viv_start_timeout_ms = 60000;

G_DEFINE_FINAL_TYPE (VivLocalMachine, viv_local_machine, VIV_TYPE_MACHINE)

const char *
viv_local_machine_folder (VivLocalMachine *self)
{
  return viv_machine_get_folder (VIV_MACHINE (self));
}

/* -- What is known -------------------------------------------------------------------------------------- */

VivMachineFacts
viv_local_machine_facts (VivLocalMachine *self)
{
  VivMachine *machine = VIV_MACHINE (self);

  return (VivMachineFacts){
    .link = viv_monitor_link_get_state (self->link),
    .start = self->start != NULL,
    .process = self->process != NULL && viv_monitor_process_is_alive (self->process),
    .leaving = self->pid_watch != 0,
    .held = self->held,
    .late = self->held && (self->never_answered || g_get_monotonic_time () - self->held_since > STARTING_US),
    .silent = self->silent,
    .crashed = self->crashed,
    .word = self->word,
    .word_why = self->word_why,
    .silent_why = self->silent_why,
    .end_why = self->end_why,
    .broken = viv_machine_get_definition (machine) == NULL ? viv_machine_get_error (machine) : NULL,
  };
}

static void
explain_silence (VivLocalMachine *self)
{
  pid_t pid = self->pid > 0 ? self->pid : viv_folder_find_monitor (viv_local_machine_folder (self));
  g_autofree char *who = pid > 0 ? g_strdup_printf (_ ("process %d"), (int)pid) : g_strdup (_ ("a process"));

  g_free (self->silent_why);
  self->silent_why = g_strdup_printf (_ ("Its monitor (%s) lives and does not answer. It may be at work and "
                                         "come back; else end it by force."),
                                      who);
}

/* Shows what is known.  `always`: what "live" or the like say has changed, if not the state. */
void
viv_local_machine_update (VivLocalMachine *self, gboolean always)
{
  VivMachineFacts known = viv_local_machine_facts (self);
  const char *reason;

  if (known.silent || known.late)
    {
      explain_silence (self);
      known.silent_why = self->silent_why;
    }
  const char *state = viv_machine_state (&known, &reason);
  viv_machine_set_state (VIV_MACHINE (self), state, reason, always);
}

static VivMachineActivity
viv_local_machine_activity (VivMachine *machine)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (machine);
  const VivMachineFacts known = viv_local_machine_facts (self);

  return (viv_machine_state_is_busy (&known) ? VIV_MACHINE_BUSY : 0)
         | (known.link == VIV_LINK_TRYING && !self->never_answered ? VIV_MACHINE_CONNECTING : 0)
         | (self->image_check != NULL ? VIV_MACHINE_CHECKING : 0);
}

static gboolean
is_busy (VivLocalMachine *self)
{
  return viv_machine_is_busy (VIV_MACHINE (self));
}

/* -- The connection ------------------------------------------------------------------------------------- */

static void
on_space (GObject *source, const char *low)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (source);

  self->space_checking = FALSE;
  viv_machine_set_low_space (VIV_MACHINE (self), self->space_watch != 0 ? low : NULL);
}

static gboolean
look_for_space (gpointer data)
{
  VivLocalMachine *self = data;
  const MachineDefinition *definition = viv_machine_get_definition (VIV_MACHINE (self));

  if (definition != NULL && !self->space_checking)
    {
      self->space_checking = TRUE;
      viv_space_check (G_OBJECT (self), definition, on_space);
    }
  return G_SOURCE_CONTINUE;
}

static void
watch_space (VivLocalMachine *self, gboolean watch)
{
  g_clear_handle_id (&self->space_watch, g_source_remove);
  if (!watch)
    {
      viv_machine_set_low_space (VIV_MACHINE (self), NULL);
      return;
    }
  self->space_watch = g_timeout_add_seconds (SPACE_TICK_S, look_for_space, self);
  look_for_space (self);
}

/* What the monitor said last is what is so: it has answered. */
static void
read_word (VivLocalMachine *self, VivMachine1 *proxy)
{
  const char *reason = viv_machine1_get_state_reason (proxy);
  g_autofree char *why = viv_plain_text (reason != NULL ? reason : "", -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
  VivMonitorWord word = viv_monitor_word (viv_machine1_get_state (proxy));

  self->silent = FALSE;
  g_clear_pointer (&self->stopped_why, g_free);
  if (word == VIV_WORD_STOPPED)
    {
      self->stopped_why = g_steal_pointer (&why);
      return;
    }
  self->word = word;
  g_free (self->word_why);
  self->word_why = g_steal_pointer (&why);
}

static void
viv_local_machine_said (VivMachine *machine)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (machine);

  read_word (self, viv_machine_proxy (machine));
  viv_local_machine_update (self, FALSE);
}

static void
viv_local_machine_answered (VivMachine *machine, gboolean answered)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (machine);

  self->silent = !answered;
  viv_local_machine_update (self, FALSE);
}

/* Also the end of a mere probe, which nobody waits for. */
static void
fail_start (VivLocalMachine *self, const GError *cause)
{
  g_autoptr (GError) error = g_error_copy (cause);

  viv_local_machine_end_start (self);
  viv_machine_clean_error (error);
  if (self->start == NULL)
    {
      g_debug ("%s: no monitor: %s", viv_machine_get_name (VIV_MACHINE (self)), error->message);
      viv_local_machine_follow_holder (self);
      return;
    }
  self->start_error = g_steal_pointer (&error);
  if (self->process == NULL || !viv_monitor_process_is_alive (self->process))
    {
      self->crashed = FALSE;
      g_free (self->end_why);
      self->end_why = g_strdup (self->start_error->message);
      viv_local_machine_finish_start (self);
      return;
    }
  /* A monitor that we can't talk to is of no use to anybody.  What waits for the start may end with it, and its end with that. */
  viv_monitor_link_cancel (self->link);
  viv_local_machine_kill (self);
  viv_local_machine_update (self, FALSE);
}

static void
on_link_up (VivMonitorLink *link, VivLocalMachine *self)
{
  VivMachine *machine = VIV_MACHINE (self);
  VivMachine1 *proxy = viv_monitor_link_get_proxy (link);
  g_autoptr (GTask) task = g_steal_pointer (&self->start);

  viv_local_machine_end_start (self);
  viv_local_machine_forget_pid (self);
  self->pidfd = viv_monitor_peer (g_dbus_proxy_get_connection (G_DBUS_PROXY (proxy)), &self->pid);
  g_clear_handle_id (&self->leave_timeout, g_source_remove);
  self->was_killed = FALSE;
  self->held = FALSE;
  self->never_answered = FALSE;
  g_object_freeze_notify (G_OBJECT (self));
  read_word (self, proxy);
  viv_machine_set_proxy (machine, proxy, self->pid);
  viv_local_machine_update (self, TRUE);
  g_object_thaw_notify (G_OBJECT (self));
  watch_space (self, TRUE);
  if (task != NULL)
    g_task_return_boolean (task, TRUE);
}

static gboolean
on_quick_end_timeout (gpointer data)
{
  VivLocalMachine *self = data;
  g_autoptr (GError) error = g_steal_pointer (&self->start_error);

  self->start_timeout = 0;
  fail_start (self, error);
  return G_SOURCE_REMOVE;
}

static void
on_link_failed (VivMonitorLink *link, const GError *error, VivLocalMachine *self)
{
  if (self->start != NULL && self->process != NULL && viv_monitor_process_is_alive (self->process)
      && viv_monitor_process_was_ready (self->process))
    {
      viv_local_machine_end_start (self);
      self->start_error = g_error_copy (error);
      self->start_timeout = g_timeout_add (QUICK_END_MS, on_quick_end_timeout, self);
      return;
    }
  fail_start (self, error);
}

static void
on_link_late (VivMonitorLink *link, VivLocalMachine *self)
{
  g_autoptr (VivLocalMachine) keep = g_object_ref (self);

  self->never_answered = TRUE;
  viv_local_machine_follow_holder (self);
  viv_local_machine_update (self, TRUE);
}

/* It has closed the connection, or has had it closed (machine/monitor-guard.h), and goes on living. */
static gboolean
on_leave_timeout (gpointer data)
{
  VivLocalMachine *self = data;

  self->leave_timeout = 0;
  self->silent = TRUE;
  viv_local_machine_update (self, TRUE);
  return G_SOURCE_REMOVE;
}

static void
on_link_closed (VivMonitorLink *link, VivLocalMachine *self)
{
  g_autoptr (VivLocalMachine) keep = g_object_ref (self);
  gboolean over = FALSE;

  watch_space (self, FALSE);
  g_object_freeze_notify (G_OBJECT (self));
  viv_machine_set_proxy (VIV_MACHINE (self), NULL, 0);
  if (self->process != NULL && viv_monitor_process_is_alive (self->process))
    ; /* its end comes next, with the exit status */
  else if (self->process == NULL && self->pidfd >= 0)
    viv_local_machine_watch_pid (self);
  else
    {
      over = TRUE;
      viv_local_machine_note_end (self);
    }
  if (!over && self->leave_timeout == 0)
    self->leave_timeout = g_timeout_add_seconds (LEAVE_TIMEOUT_S, on_leave_timeout, self);
  viv_local_machine_update (self, TRUE);
  g_object_thaw_notify (G_OBJECT (self));
  if (over)
    viv_local_machine_complete_off (self);
}

static void
viv_local_machine_probe (VivMachine *machine)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (machine);
  VivMachineFacts known = viv_local_machine_facts (self);
  const char *uuid = viv_machine_get_uuid (machine);

  known.held = FALSE;
  if (viv_machine_state_is_busy (&known) || known.link != VIV_LINK_NONE)
    return;
  viv_local_machine_follow_holder (self);
  g_autofree char *path = uuid != NULL ? viv_socket_path (uuid, NULL) : NULL;
  if (path == NULL)
    return;
  control_socket_sweep (path);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return;
  g_free (self->socket_path);
  self->socket_path = g_steal_pointer (&path);
  viv_monitor_link_connect (self->link, self->socket_path, CONNECT_TIMEOUT_S);
}

/* -- The start ------------------------------------------------------------------------------------------ */

static void
on_process_ready (VivMonitorProcess *process, VivLocalMachine *self)
{
  /* A start has a time limit of its own. */
  if (self->start != NULL && self->start_error == NULL)
    viv_monitor_link_connect (self->link, self->socket_path, 0);
}

static void
on_process_ended (VivMonitorProcess *process, VivLocalMachine *self)
{
  g_autoptr (VivLocalMachine) keep = g_object_ref (self);

  if (self->start != NULL && viv_monitor_process_was_ready (process)
      && viv_monitor_process_ended_well (process))
    {
      g_autoptr (GTask) task = g_steal_pointer (&self->start);

      /* It ran, and was off again before the connection stood. */
      viv_local_machine_end_start (self);
      viv_monitor_link_close (self->link);
      viv_local_machine_ended (self);
      g_task_return_boolean (task, TRUE);
    }
  else if (self->start != NULL)
    {
      g_autofree char *log = viv_monitor_log_last_words (viv_local_machine_folder (self));
      g_autofree char *why = viv_monitor_log_complaints (log);
      g_autofree char *how = viv_monitor_process_describe_end (process);
      g_autoptr (GError) error
          = self->was_killed && self->start_error != NULL
                ? g_steal_pointer (&self->start_error)
                : g_error_new (VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START, "%s", *why != '\0' ? why : how);

      viv_machine_set_start_blame (VIV_MACHINE (self), viv_monitor_process_get_blame (process));
      viv_monitor_link_close (self->link);
      viv_local_machine_drop_process (self);
      fail_start (self, error);
      viv_local_machine_complete_off (self);
    }
  /* With the connection still there, its end brings the last property changes first. */
  else if (viv_monitor_link_get_state (self->link) != VIV_LINK_UP)
    viv_local_machine_ended (self);
}

static gboolean
on_start_timeout (gpointer data)
{
  VivLocalMachine *self = data;

  /* Of one that is ready nothing is missing but an answer. */
  if (self->process != NULL && !viv_monitor_process_was_ready (self->process)
      && viv_monitor_process_has_worked (self->process))
    return G_SOURCE_CONTINUE;
  g_autoptr (GError) error
      = g_error_new (VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START,
                     _ ("the machine's monitor said nothing for %d seconds and was ended"),
                     (int)(viv_start_timeout_ms / 1000));
  self->start_timeout = 0;
  fail_start (self, error);
  return G_SOURCE_REMOVE;
}

static void
viv_local_machine_start (VivMachine *machine, const VivStartOptions *options, GTask *taken)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (machine);
  g_autoptr (GTask) task = taken;
  GError *error = NULL;

  if (!is_busy (self))
    viv_machine_reload (machine);
  if (is_busy (self))
    {
      g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING, _ ("“%s” runs already"),
                               viv_machine_get_name (machine));
      return;
    }
  if (viv_machine_get_definition (machine) == NULL)
    {
      g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_BROKEN, "%s",
                               viv_machine_get_error (machine));
      return;
    }
  viv_monitor_link_cancel (self->link);
  g_free (self->socket_path);
  self->socket_path = viv_socket_path (viv_machine_get_uuid (machine), &error);
  /* Before anything of the folder is touched, its log first of all. */
  int lock = self->socket_path != NULL
                 ? viv_folder_lock (viv_local_machine_folder (self), VIV_LOCK_RUN, &error)
                 : -1;
  viv_local_machine_drop_process (self);
  if (lock >= 0)
    self->process
        = viv_monitor_process_new (viv_local_machine_folder (self), self->socket_path, options, lock, &error);
  if (self->process == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_signal_connect (self->process, "ready", G_CALLBACK (on_process_ready), self);
  g_signal_connect (self->process, "ended", G_CALLBACK (on_process_ended), self);
  viv_machine_set_start_blame (machine, NULL);
  self->was_killed = FALSE;
  self->start = g_steal_pointer (&task);
  self->start_timeout = g_timeout_add (viv_start_timeout_ms, on_start_timeout, self);
  viv_local_machine_update (self, FALSE);
}

/* -- The folder ----------------------------------------------------------------------------------------- */

static void
on_images (GObject *source, const char *missing)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (source);

  g_clear_object (&self->image_check);
  viv_machine_set_error (VIV_MACHINE (self), missing);
}

static void
check_images (VivLocalMachine *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (VIV_MACHINE (self));

  if (self->image_check != NULL)
    g_cancellable_cancel (self->image_check);
  g_clear_object (&self->image_check);
  if (definition == NULL)
    return;
  self->image_check = g_cancellable_new ();
  viv_image_check (G_OBJECT (self), definition, self->image_check, on_images);
}

static void
viv_local_machine_reload (VivMachine *machine)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (machine);
  g_autofree char *path = g_build_filename (viv_local_machine_folder (self), "machine.ini", NULL),
                  *thumbnail = g_build_filename (viv_local_machine_folder (self), "screenshot.png", NULL),
                  *name = g_filename_display_basename (viv_local_machine_folder (self)), *wrong = NULL;
  g_autoptr (GError) error = NULL;
  gboolean was_broken = viv_machine_get_definition (machine) == NULL;

  /* Before it is read: a change in between shows as one the next time. */
  if (stat (path, &self->file) != 0)
    memset (&self->file, 0, sizeof (self->file));
  MachineDefinition *definition = definition_load (path, &error);
  if (definition == NULL)
    wrong = viv_plain_text (error->message, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);

  g_object_freeze_notify (G_OBJECT (self));
  viv_machine_take_definition (machine, definition, name, wrong);
  check_images (self);
  viv_machine_set_thumbnail (machine, g_file_test (thumbnail, G_FILE_TEST_IS_REGULAR) ? thumbnail : NULL);
  g_object_thaw_notify (G_OBJECT (self));

  /* How it ended when it was another file says nothing of this one. */
  if (definition != NULL && was_broken)
    {
      self->crashed = FALSE;
      g_clear_pointer (&self->end_why, g_free);
    }
  viv_local_machine_update (self, FALSE);
  viv_machine_probe (machine);
}

void
viv_local_machine_reload_if_changed (VivLocalMachine *self)
{
  g_autofree char *path = g_build_filename (viv_local_machine_folder (self), "machine.ini", NULL);
  struct stat now;

  if (stat (path, &now) == 0 && now.st_ino == self->file.st_ino && now.st_dev == self->file.st_dev
      && now.st_size == self->file.st_size && now.st_mtim.tv_sec == self->file.st_mtim.tv_sec
      && now.st_mtim.tv_nsec == self->file.st_mtim.tv_nsec)
    viv_machine_probe (VIV_MACHINE (self));
  else
    viv_machine_reload (VIV_MACHINE (self));
}

static gboolean
viv_local_machine_edit (VivMachine *machine, const VivChange *changes, unsigned n, GError **error)
{
  if (!viv_folder_edit (viv_machine_get_folder (machine), FALSE, changes, n, error))
    return FALSE;
  viv_machine_reload (machine);
  return TRUE;
}

/* -- Object --------------------------------------------------------------------------------------------- */

static VivMachineCapabilities
viv_local_machine_capabilities (VivMachine *machine)
{
  return VIV_MACHINE_CAN_START | VIV_MACHINE_CAN_EDIT | VIV_MACHINE_CAN_SAVE | VIV_MACHINE_CAN_SHARE
         | VIV_MACHINE_HAS_CONSOLE | VIV_MACHINE_HAS_FOLDER | VIV_MACHINE_CAN_LOOK;
}

static void
viv_local_machine_dispose (GObject *object)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (object);

  /* The monitor lives on; only our view of it ends. */
  g_clear_handle_id (&self->pid_watch, g_source_remove);
  g_clear_handle_id (&self->kill_timeout, g_source_remove);
  g_clear_handle_id (&self->start_timeout, g_source_remove);
  g_clear_handle_id (&self->holder_watch, g_source_remove);
  g_clear_handle_id (&self->leave_timeout, g_source_remove);
  g_clear_handle_id (&self->space_watch, g_source_remove);
  viv_monitor_link_close (self->link);
  viv_machine_set_proxy (VIV_MACHINE (self), NULL, 0);
  viv_local_machine_drop_process (self);
  viv_local_machine_forget_pid (self);
  if (self->image_check != NULL)
    g_cancellable_cancel (self->image_check);
  g_clear_object (&self->image_check);
  g_ptr_array_set_size (self->off_tasks, 0);
  G_OBJECT_CLASS (viv_local_machine_parent_class)->dispose (object);
}

static void
viv_local_machine_finalize (GObject *object)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (object);

  g_signal_handlers_disconnect_by_data (self->link, self);
  g_object_unref (self->link);
  g_ptr_array_unref (self->off_tasks);
  g_free (self->socket_path);
  g_free (self->word_why);
  g_free (self->stopped_why);
  g_free (self->silent_why);
  g_free (self->end_why);
  g_clear_error (&self->start_error);
  G_OBJECT_CLASS (viv_local_machine_parent_class)->finalize (object);
}

static void
viv_local_machine_class_init (VivLocalMachineClass *klass)
{
  VivMachineClass *machine_class = VIV_MACHINE_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_local_machine_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_local_machine_finalize;
  machine_class->capabilities = viv_local_machine_capabilities;
  machine_class->activity = viv_local_machine_activity;
  machine_class->reload = viv_local_machine_reload;
  machine_class->probe = viv_local_machine_probe;
  machine_class->start = viv_local_machine_start;
  machine_class->force_off = viv_local_machine_force_off;
  machine_class->edit = viv_local_machine_edit;
  machine_class->said = viv_local_machine_said;
  machine_class->answered = viv_local_machine_answered;
}

static void
viv_local_machine_init (VivLocalMachine *self)
{
  self->pidfd = -1;
  self->off_tasks = g_ptr_array_new_with_free_func (g_object_unref);
}

VivMachine *
viv_local_machine_new (const char *folder)
{
  VivLocalMachine *self = g_object_new (VIV_TYPE_LOCAL_MACHINE, NULL);
  g_autofree char *path = g_canonicalize_filename (folder, NULL);

  viv_machine_set_folder (VIV_MACHINE (self), path);
  self->link = viv_monitor_link_new (path);
  g_signal_connect (self->link, "up", G_CALLBACK (on_link_up), self);
  g_signal_connect (self->link, "failed", G_CALLBACK (on_link_failed), self);
  g_signal_connect (self->link, "late", G_CALLBACK (on_link_late), self);
  g_signal_connect (self->link, "closed", G_CALLBACK (on_link_closed), self);
  viv_machine_reload (VIV_MACHINE (self));
  return VIV_MACHINE (self);
}
