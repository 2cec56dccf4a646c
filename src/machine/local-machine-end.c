/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How a machine's monitor ends, or is ended; and somebody else's that has the folder.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/local-machine-private.h"

#include "machine/folder-lock.h"
#include "machine/monitor-log.h"
#include "machine/monitor-peer.h"
#include "machine/paths.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define QUIT_TIMEOUT_S 5
#define KILL_TIMEOUT_S 2
#define HOLDER_TICK_MS 500

/* -- The end -------------------------------------------------------------------------------------------- */

void
viv_local_machine_complete_off (VivLocalMachine *self)
{
  g_autoptr (GPtrArray) tasks = g_steal_pointer (&self->off_tasks);

  self->off_tasks = g_ptr_array_new_with_free_func (g_object_unref);
  g_clear_handle_id (&self->kill_timeout, g_source_remove);
  for (guint i = 0; i < tasks->len; i++)
    g_task_return_boolean (g_ptr_array_index (tasks, i), TRUE);
}

void
viv_local_machine_drop_process (VivLocalMachine *self)
{
  if (self->process != NULL)
    g_signal_handlers_disconnect_by_data (self->process, self);
  g_clear_object (&self->process);
}

void
viv_local_machine_forget_pid (VivLocalMachine *self)
{
  if (self->pidfd >= 0)
    close (self->pidfd);
  self->pidfd = -1;
  self->pid = 0;
}

void
viv_local_machine_note_end (VivLocalMachine *self)
{
  gboolean orderly = self->was_killed || self->stopped_why != NULL
                     || (self->process != NULL && viv_monitor_process_ended_well (self->process));

  g_free (self->end_why);
  if (orderly)
    self->end_why = g_steal_pointer (&self->stopped_why);
  else
    {
      g_autofree char *log = viv_monitor_log_last_words (viv_local_machine_folder (self));
      g_autofree char *how = viv_monitor_process_describe_end (self->process);
      self->end_why = *log != '\0' ? g_strconcat (how, "\n", log, NULL) : g_strdup (how);
    }
  self->crashed = !orderly;
  g_clear_handle_id (&self->leave_timeout, g_source_remove);
  viv_local_machine_drop_process (self);
  viv_local_machine_forget_pid (self);
  self->was_killed = FALSE;
  self->silent = FALSE;
  self->word = VIV_WORD_NONE;
  g_clear_pointer (&self->word_why, g_free);
  g_clear_pointer (&self->stopped_why, g_free);
}

void
viv_local_machine_ended (VivLocalMachine *self)
{
  /* Whoever hears of it may let go of the machine. */
  g_autoptr (VivLocalMachine) keep = g_object_ref (self);

  viv_local_machine_note_end (self);
  viv_local_machine_update (self, TRUE);
  viv_local_machine_complete_off (self);
}

static gboolean
on_pid_gone (int fd, GIOCondition condition, gpointer data)
{
  VivLocalMachine *self = data;

  self->pid_watch = 0;
  viv_local_machine_ended (self);
  return G_SOURCE_REMOVE;
}

void
viv_local_machine_watch_pid (VivLocalMachine *self)
{
  self->pid_watch = g_unix_fd_add (self->pidfd, G_IO_IN, on_pid_gone, self);
}

/* A monitor that has our folder and does not answer. */
static gboolean
find_holder (VivLocalMachine *self)
{
  const char *uuid = viv_machine_get_uuid (VIV_MACHINE (self));

  if (self->pidfd >= 0)
    return TRUE;
  g_autofree char *path = uuid != NULL ? viv_socket_path (uuid, NULL) : NULL;
  self->pidfd = viv_monitor_find (viv_local_machine_folder (self), path, &self->pid);
  return self->pidfd >= 0;
}

static void
kill_monitor (VivLocalMachine *self)
{
  int signal_number = self->was_killed ? SIGKILL : SIGQUIT;

  self->was_killed = TRUE;
  if (self->process != NULL)
    viv_monitor_process_kill (self->process, signal_number);
  else if (find_holder (self))
    {
      /* The descriptor can't mean another process that got the number meanwhile. */
      syscall (SYS_pidfd_send_signal, self->pidfd, signal_number, NULL, 0);
      if (self->held && self->pid_watch == 0)
        {
          self->held = FALSE;
          viv_monitor_link_cancel (self->link);
          viv_local_machine_watch_pid (self);
        }
    }
}

static gboolean
on_kill_timeout (gpointer data)
{
  VivLocalMachine *self = data;

  self->kill_timeout = 0;
  kill_monitor (self);
  /* Nobody waits for a process that the kernel is at. */
  if (self->start != NULL && self->start_error != NULL)
    viv_local_machine_finish_start (self);
  return G_SOURCE_REMOVE;
}

void
viv_local_machine_kill (VivLocalMachine *self)
{
  kill_monitor (self);
  if (self->kill_timeout == 0)
    self->kill_timeout = g_timeout_add_seconds (KILL_TIMEOUT_S, on_kill_timeout, self);
}

void
viv_local_machine_force_off (VivMachine *machine, GTask *task)
{
  VivLocalMachine *self = VIV_LOCAL_MACHINE (machine);
  VivMachine1 *proxy = viv_monitor_link_get_proxy (self->link);

  g_ptr_array_add (self->off_tasks, task);
  if (proxy != NULL)
    {
      viv_machine1_call_quit (proxy, NULL, NULL, NULL);
      if (self->kill_timeout == 0)
        self->kill_timeout = g_timeout_add_seconds (QUIT_TIMEOUT_S, on_kill_timeout, self);
      return;
    }
  viv_local_machine_kill (self);
  if (!self->held)
    return;
  g_autoptr (GPtrArray) tasks = g_steal_pointer (&self->off_tasks);
  self->off_tasks = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < tasks->len; i++)
    g_task_return_new_error (g_ptr_array_index (tasks, i), VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE,
                             _ ("“%s” does not answer, and its process can't be found to end it"),
                             viv_machine_get_name (machine));
}

/* -- A start that is over ------------------------------------------------------------------------------ */

void
viv_local_machine_end_start (VivLocalMachine *self)
{
  g_clear_handle_id (&self->start_timeout, g_source_remove);
  g_clear_error (&self->start_error);
}

/* A start that has failed with `start_error`, and whose monitor has ended, or has been sent what ends it in any case. */
void
viv_local_machine_finish_start (VivLocalMachine *self)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->start);
  GError *error = g_steal_pointer (&self->start_error);

  viv_local_machine_end_start (self);
  viv_local_machine_update (self, FALSE);
  g_task_return_error (task, error);
}

/* -- Somebody else's monitor ---------------------------------------------------------------------------- */

static gboolean
on_holder_tick (gpointer data)
{
  g_autoptr (VivLocalMachine) self = g_object_ref (data);

  self->holder_watch = 0;
  viv_local_machine_follow_holder (self);
  viv_machine_probe (VIV_MACHINE (self));
  return G_SOURCE_REMOVE;
}

void
viv_local_machine_follow_holder (VivLocalMachine *self)
{
  VivMachineFacts known = viv_local_machine_facts (self);
  gboolean was_held = self->held;

  known.held = FALSE;
  gboolean ours = viv_machine_state_is_busy (&known);
  /* Where there are no locks, a socket that was made and says nothing tells as much. */
  self->held = !ours
               && (viv_folder_is_running (viv_local_machine_folder (self))
                   || (self->never_answered && known.link == VIV_LINK_TRYING));
  if (self->held)
    {
      if (!was_held)
        self->held_since = g_get_monotonic_time ();
      if (self->holder_watch == 0)
        self->holder_watch = g_timeout_add (HOLDER_TICK_MS, on_holder_tick, self);
      viv_local_machine_update (self, FALSE);
      return;
    }
  g_clear_handle_id (&self->holder_watch, g_source_remove);
  if (!was_held || ours)
    return;
  /* Nobody has the folder any more, and we were not told how it ended. */
  self->never_answered = FALSE;
  viv_monitor_link_cancel (self->link);
  self->was_killed = TRUE;
  viv_local_machine_ended (self);
}
