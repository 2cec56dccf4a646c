/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Start and end of a monitor.  It is detached from us: a session of its own, its output in the machine's log.  It says "ready"
 * on a pipe when its socket is served; if it ends before, the log's last lines are the error.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/folder-lock.h"
#include "machine/machine-private.h"
#include "machine/paths.h"
#include "machine/plain-text.h"
#include "machine/start-blame.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define START_TIMEOUT_S 60
#define QUIT_TIMEOUT_S  5
#define LOG_LINES       12
#define MOST_WORDS      3000 /* bytes */
/* The numbers under which the monitor finds its end of the pipe, the lock on its folder, and what tells that its owner is gone. */
#define READY_FD 3
#define LOCK_FD  4
#define OWNER_FD 5

/* -- The end ------------------------------------------------------------------------------------------ */

static void
complete_off_tasks (VivMachine *self)
{
  g_autoptr (GPtrArray) tasks = g_steal_pointer (&self->off_tasks);

  self->off_tasks = g_ptr_array_new_with_free_func (g_object_unref);
  g_clear_handle_id (&self->kill_timeout, g_source_remove);
  for (guint i = 0; i < tasks->len; i++)
    g_task_return_boolean (g_ptr_array_index (tasks, i), TRUE);
}

static char *
describe_exit (VivMachine *self)
{
  if (self->process != NULL && self->process_ended && g_subprocess_get_if_signaled (self->process))
    return g_strdup_printf (
        _ ("The machine crashed: its monitor was ended by a signal (%s). Its log follows; start it again."),
        g_strsignal (g_subprocess_get_term_sig (self->process)));
  if (self->process != NULL && self->process_ended && g_subprocess_get_if_exited (self->process)
      && g_subprocess_get_exit_status (self->process) != 0)
    return g_strdup_printf (
        _ ("The machine crashed: its monitor failed with status %d. Its log follows; start it again."),
        g_subprocess_get_exit_status (self->process));
  return g_strdup (_ ("The machine crashed: its monitor has vanished. Its log follows; start it again."));
}

/* The end of the log, so much of it that a sentence before it and it are within VIV_PLAIN_MOST. */
static char *
last_words (VivMachine *self)
{
  g_autofree char *log = viv_machine_log_tail (self, LOG_LINES);
  const char *from = log + (strlen (log) > MOST_WORDS ? strlen (log) - MOST_WORDS : 0);

  return viv_plain_text (from, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
}

/* The monitor's process is gone. */
void
viv_machine_ended (VivMachine *self)
{
  gboolean orderly = self->was_killed || g_strcmp0 (self->vmm_state, "stopped") == 0;
  g_autofree char *why = NULL;

  if (self->process != NULL && self->process_ended && g_subprocess_get_if_exited (self->process)
      && g_subprocess_get_exit_status (self->process) == 0)
    orderly = TRUE;
  if (orderly)
    why = g_strdup (g_strcmp0 (self->vmm_state, "stopped") == 0 ? self->vmm_reason : "");
  else
    {
      g_autofree char *log = last_words (self);
      g_autofree char *exit = describe_exit (self);
      why = *log != '\0' ? g_strconcat (exit, "\n", log, NULL) : g_strdup (exit);
    }
  g_clear_object (&self->process);
  self->process_ended = FALSE;
  if (self->pidfd >= 0)
    close (self->pidfd);
  self->pidfd = -1;
  self->pid = 0;
  self->was_killed = FALSE;
  if (self->owner_fd >= 0)
    close (self->owner_fd);
  self->owner_fd = -1;
  g_clear_pointer (&self->vmm_state, g_free);
  g_clear_pointer (&self->vmm_reason, g_free);
  viv_machine_set_state (self, self->definition == NULL ? "broken" : orderly ? "off" : "crashed", why);
  g_signal_emit_by_name (self, "state-changed");
  complete_off_tasks (self);
}

/* Who made the socket, found without his help: the kernel answers for a process that is stopped, too.  0: nobody. */
static pid_t
find_socket_peer (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct ucred peer = { 0 };
  socklen_t length = sizeof (peer);

  if (path == NULL || strlen (path) >= sizeof (address.sun_path))
    return 0;
  strcpy (address.sun_path, path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  gboolean known = fd >= 0 && connect (fd, (struct sockaddr *)&address, sizeof (address)) == 0
                   && getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid ();
  if (fd >= 0)
    close (fd);
  return known && peer.pid != getpid () ? peer.pid : 0;
}

static gboolean
on_holder_gone (int fd, GIOCondition condition, gpointer data)
{
  VivMachine *self = data;

  self->pid_watch = 0;
  viv_machine_ended (self);
  return G_SOURCE_REMOVE;
}

/* A monitor that has our folder and does not answer.  Its number is the kernel's word, and is looked up again when a descriptor stands for
 * the process, so that no other process can have got it meanwhile. */
static gboolean
find_holder (VivMachine *self)
{
  if (self->pidfd >= 0)
    return TRUE;
  g_autofree char *path = self->definition != NULL
                              ? viv_socket_path (definition_text (self->definition, "machine.uuid"), NULL)
                              : NULL;
  for (unsigned way = 0; way < 2; way++)
    {
      pid_t pid = way == 0 ? find_socket_peer (path) : viv_folder_find_monitor (self->folder);
      int fd = pid > 0 && pid != getpid () ? syscall (SYS_pidfd_open, pid, 0) : -1;
      if (fd < 0)
        continue;
      if (pid == (way == 0 ? find_socket_peer (path) : viv_folder_find_monitor (self->folder)))
        {
          self->pid = pid;
          self->pidfd = fd;
          return TRUE;
        }
      close (fd);
    }
  return FALSE;
}

static void
kill_monitor (VivMachine *self)
{
  self->was_killed = TRUE;
  if (self->process != NULL)
    g_subprocess_force_exit (self->process);
  else if (find_holder (self))
    {
      /* The descriptor can't mean another process that got the number meanwhile. */
      syscall (SYS_pidfd_send_signal, self->pidfd, SIGKILL, NULL, 0);
      if (self->held && self->pid_watch == 0)
        {
          self->held = FALSE;
          viv_machine_cancel_connect (self);
          self->pid_watch = g_unix_fd_add (self->pidfd, G_IO_IN, on_holder_gone, self);
        }
    }
}

static gboolean
on_kill_timeout (gpointer data)
{
  VivMachine *self = data;

  self->kill_timeout = 0;
  kill_monitor (self);
  return G_SOURCE_REMOVE;
}

void
viv_machine_force_off (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_machine_force_off);
  if (!viv_machine_is_busy (self))
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }
  g_ptr_array_add (self->off_tasks, task);
  if (self->proxy != NULL)
    {
      viv_machine1_call_quit (self->proxy, NULL, NULL, NULL);
      if (self->kill_timeout == 0)
        self->kill_timeout = g_timeout_add_seconds (QUIT_TIMEOUT_S, on_kill_timeout, self);
    }
  else
    {
      kill_monitor (self);
      if (self->held)
        {
          g_autoptr (GPtrArray) tasks = g_steal_pointer (&self->off_tasks);

          self->off_tasks = g_ptr_array_new_with_free_func (g_object_unref);
          for (guint i = 0; i < tasks->len; i++)
            g_task_return_new_error (
                g_ptr_array_index (tasks, i), VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE,
                _ ("“%s” does not answer, and its process can't be found to end it"), self->name);
        }
    }
}

/* -- The start ---------------------------------------------------------------------------------------- */

static void
end_start (VivMachine *self)
{
  g_clear_handle_id (&self->start_timeout, g_source_remove);
  g_clear_object (&self->ready);
}

/* Also the end of a mere probe, which nobody waits for. */
void
viv_machine_fail_start (VivMachine *self, GError *error)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->start);

  end_start (self);
  viv_machine_clean_error (error);
  if (task == NULL)
    {
      g_debug ("%s: no monitor: %s", self->name, error->message);
      viv_machine_follow_holder (self);
      return;
    }
  /* A monitor that we can't talk to is of no use to anybody. */
  if (self->process != NULL && !self->process_ended)
    kill_monitor (self);
  else if (!viv_machine_is_busy (self))
    viv_machine_set_state (self, self->definition != NULL ? "off" : "broken", error->message);
  g_task_return_error (task, g_error_copy (error));
}

void
viv_machine_connected (VivMachine *self)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->start);

  end_start (self);
  if (task != NULL)
    g_task_return_boolean (task, TRUE);
}

/* The log without its notices ("vmm-Message: 17:15:13.613: …"): what remains is why the monitor ended. */
static char *
complaints (const char *log)
{
  g_autoptr (GRegex) notice
      = g_regex_new ("^\\S*-(Message|INFO|DEBUG): [0-9:.]+: .*(\\n|$)", G_REGEX_MULTILINE, 0, NULL);
  g_autofree char *rest = g_regex_replace_literal (notice, log, -1, 0, "", 0, NULL);

  return rest != NULL && *g_strstrip (rest) != '\0' ? g_steal_pointer (&rest) : g_strdup (log);
}

/* What it said last: of its end we may know before that is read. */
static void
drain_ready (VivMachine *self)
{
  size_t have = strlen (self->ready_buffer);
  struct pollfd wait = { .events = POLLIN };

  if (self->ready == NULL)
    return;
  wait.fd = g_unix_input_stream_get_fd (G_UNIX_INPUT_STREAM (self->ready));
  if (poll (&wait, 1, 0) > 0 && (wait.revents & POLLIN) != 0
      && read (wait.fd, self->ready_buffer + have, sizeof (self->ready_buffer) - 1 - have) < 0)
    g_debug ("%s: the pipe can't be read", self->name);
}

static void
on_process_exit (GObject *source, GAsyncResult *result, gpointer data)
{
  GWeakRef *weak = data;
  g_autoptr (VivMachine) self = g_weak_ref_get (weak);

  g_weak_ref_clear (weak);
  g_free (weak);
  g_subprocess_wait_finish (G_SUBPROCESS (source), result, NULL);
  if (self == NULL || self->process != G_SUBPROCESS (source))
    return;
  self->process_ended = TRUE;
  if (self->start != NULL)
    {
      g_autofree char *log = last_words (self);
      g_autofree char *why = complaints (log);
      g_autofree char *exit = describe_exit (self);
      drain_ready (self);
      self->start_blame = viv_start_blame_parse (self->ready_buffer);
      g_autoptr (GError) error
          = g_error_new (VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START, "%s", *why != '\0' ? why : exit);
      viv_machine_cancel_connect (self);
      g_clear_object (&self->process);
      self->process_ended = FALSE;
      viv_machine_fail_start (self, error);
      complete_off_tasks (self);
      return;
    }
  /* With the connection still there, its end brings the last property changes first. */
  if (self->proxy == NULL)
    viv_machine_ended (self);
}

static void on_ready (GObject *source, GAsyncResult *result, gpointer data);

static void
read_ready (VivMachine *self)
{
  size_t have = strlen (self->ready_buffer);

  g_input_stream_read_async (self->ready, self->ready_buffer + have, sizeof (self->ready_buffer) - 1 - have,
                             G_PRIORITY_DEFAULT, NULL, on_ready, g_object_ref (self));
}

static void
on_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivMachine) self = data;
  gssize length = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  if (self->ready != G_INPUT_STREAM (source) || self->start == NULL)
    return;
  if (g_str_has_prefix (self->ready_buffer, "ready\n"))
    viv_machine_connect (self);
  else if (length > 0 && strlen (self->ready_buffer) < sizeof (self->ready_buffer) - 1)
    read_ready (self);
  /* else: it has closed the pipe; its end, or the timeout, says the rest */
}

static gboolean
on_start_timeout (gpointer data)
{
  VivMachine *self = data;
  g_autoptr (GError) error
      = g_error_new (VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START,
                     _ ("the machine's monitor said nothing for %d seconds and was ended"), START_TIMEOUT_S);

  self->start_timeout = 0;
  viv_machine_fail_start (self, error);
  return G_SOURCE_REMOVE;
}

/* vmm.log of this run; the two before are kept. */
static int
open_log (VivMachine *self, GError **error)
{
  g_autofree char *path = viv_machine_log_path (self);
  g_autofree char *older = g_strconcat (path, ".1", NULL), *oldest = g_strconcat (path, ".2", NULL);

  g_rename (older, oldest);
  g_rename (path, older);
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), _ ("can't write the log %s: %s"), path,
                 g_strerror (errno));
  return fd;
}

static void
detach (gpointer data)
{
  /* Between fork and exec: system calls only.  Ctrl-C in our terminal must not reach the machine. */
  setsid ();
  umask (077);
}

static GPtrArray *
command_line (VivMachine *self, const VivStartOptions *options, GError **error)
{
  const gboolean owned = options != NULL && options->owned;
  g_autofree char *program = viv_find_program ("vivarium-vmm", error);
  GPtrArray *argv;

  if (program == NULL)
    return NULL;
  argv = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (argv, g_steal_pointer (&program));
  g_ptr_array_add (argv, g_strdup ("--definition"));
  g_ptr_array_add (argv, g_build_filename (self->folder, "machine.ini", NULL));
  g_ptr_array_add (argv, g_strdup ("--folder"));
  g_ptr_array_add (argv, g_strdup (self->folder));
  g_ptr_array_add (argv, g_strdup ("--socket"));
  g_ptr_array_add (argv, g_strdup (self->socket_path));
  g_ptr_array_add (argv, g_strdup ("--ready-fd"));
  g_ptr_array_add (argv, g_strdup_printf ("%d", READY_FD));
  g_ptr_array_add (argv, g_strdup ("--lock-fd"));
  g_ptr_array_add (argv, g_strdup_printf ("%d", LOCK_FD));
  if (owned)
    {
      g_ptr_array_add (argv, g_strdup ("--owner-fd"));
      g_ptr_array_add (argv, g_strdup_printf ("%d", OWNER_FD));
    }
  if (options != NULL && options->paused)
    g_ptr_array_add (argv, g_strdup ("--paused"));
  const struct
  {
    const char *option, *value;
  } values[] = {
    { "--engine", options != NULL ? options->engine : NULL },
    { "--load", options != NULL ? options->load : NULL },
    { "--vnc", options != NULL ? options->vnc_address : NULL },
    { "--vnc-password-file", options != NULL ? options->vnc_password_file : NULL },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (values); i++)
    if (values[i].value != NULL)
      {
        g_ptr_array_add (argv, g_strdup (values[i].option));
        g_ptr_array_add (argv, g_strdup (values[i].value));
      }
  g_ptr_array_add (argv, NULL);
  return argv;
}

/* The far end of the pipe that says whether we live; -1 and an error. */
static int
make_owner_pipe (VivMachine *self, GError **error)
{
  int fds[2];

  if (!g_unix_open_pipe (fds, FD_CLOEXEC, error))
    return -1;
  if (self->owner_fd >= 0)
    close (self->owner_fd);
  self->owner_fd = fds[1];
  return fds[0];
}

/* Takes `lock`, which goes to the monitor: so nobody can have the folder between us and it. */
static gboolean
spawn (VivMachine *self, const VivStartOptions *options, int lock, GError **error)
{
  g_autoptr (GPtrArray) argv = command_line (self, options, error);
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDERR_MERGE);
  int pipe_fds[2], log, owner = -1;

  g_subprocess_launcher_take_fd (launcher, lock, LOCK_FD);
  log = argv != NULL ? open_log (self, error) : -1;
  if (log < 0)
    return FALSE;
  g_subprocess_launcher_take_stdout_fd (launcher, log);
  if (options != NULL && options->owned)
    {
      owner = make_owner_pipe (self, error);
      if (owner < 0)
        return FALSE;
      g_subprocess_launcher_take_fd (launcher, owner, OWNER_FD);
    }
  if (!g_unix_open_pipe (pipe_fds, FD_CLOEXEC, error))
    return FALSE;
  g_subprocess_launcher_take_fd (launcher, pipe_fds[1], READY_FD);
  g_subprocess_launcher_set_cwd (launcher, self->folder);
  g_subprocess_launcher_set_child_setup (launcher, detach, NULL, NULL);
  self->process = g_subprocess_launcher_spawnv (launcher, (const char *const *)argv->pdata, error);
  /* Our copies of what the child has: the pipe must end when the child does. */
  g_subprocess_launcher_close (launcher);
  self->process_ended = FALSE;
  self->ready = g_unix_input_stream_new (pipe_fds[0], TRUE);
  if (self->process == NULL)
    {
      g_clear_object (&self->ready);
      return FALSE;
    }
  /* Weak: nobody has to keep an object because its machine runs. */
  GWeakRef *weak = g_new (GWeakRef, 1);
  g_weak_ref_init (weak, self);
  g_subprocess_wait_async (self->process, NULL, on_process_exit, weak);
  memset (self->ready_buffer, 0, sizeof (self->ready_buffer));
  g_clear_pointer (&self->start_blame, g_free);
  read_ready (self);
  return TRUE;
}

void
viv_machine_start (VivMachine *self, const VivStartOptions *options, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  GError *error = NULL;

  g_task_set_source_tag (task, viv_machine_start);
  if (!viv_machine_is_busy (self))
    viv_machine_reload (self);
  if (viv_machine_is_busy (self))
    {
      g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING, _ ("“%s” runs already"),
                               self->name);
      return;
    }
  if (self->definition == NULL)
    {
      g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_BROKEN, "%s", self->error);
      return;
    }
  viv_machine_cancel_connect (self);
  g_free (self->socket_path);
  self->socket_path = viv_socket_path (definition_text (self->definition, "machine.uuid"), &error);
  /* Before anything of the folder is touched, its log first of all. */
  int lock = self->socket_path != NULL ? viv_folder_lock (self->folder, VIV_LOCK_RUN, &error) : -1;
  if (lock < 0 || !spawn (self, options, lock, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  self->was_killed = FALSE;
  self->start = g_steal_pointer (&task);
  self->start_timeout = g_timeout_add_seconds (START_TIMEOUT_S, on_start_timeout, self);
  viv_machine_set_state (self, "starting", "");
}
