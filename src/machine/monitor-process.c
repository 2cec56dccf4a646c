/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Starting a monitor, and hearing from it.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/monitor-process.h"

#include "machine/monitor-log.h"
#include "machine/paths.h"
#include "machine/start-blame.h"

#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The numbers under which the monitor finds its end of the pipe, the lock on its folder, and what tells that its owner is gone. */
#define READY_FD 3
#define LOCK_FD  4
#define OWNER_FD 5

struct _VivMonitorProcess
{
  GObject parent_instance;

  GSubprocess *process;
  gboolean ended;
  GInputStream *ready;
  GCancellable *reading;
  char said[VIV_START_BLAME_MAX]; /* on that pipe */
  char *blame;
  int pid_fd;   /* -1: it had ended before we could have one */
  gint64 asked; /* viv_monitor_process_has_worked(): when, */
  gint64 used;  /* and what was used by then; both in µs */
  int owner_fd; /* while it is open, a monitor that dies with its owner lives; -1: none */
};

enum
{
  READY,
  ENDED,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VivMonitorProcess, viv_monitor_process, G_TYPE_OBJECT)

/* -- Hearing from it -- */

static GWeakRef *
weak_new (VivMonitorProcess *self)
{
  GWeakRef *weak = g_new (GWeakRef, 1);

  g_weak_ref_init (weak, self);
  return weak;
}

static VivMonitorProcess *
weak_take (gpointer data)
{
  GWeakRef *weak = data;
  VivMonitorProcess *self = g_weak_ref_get (weak);

  g_weak_ref_clear (weak);
  g_free (weak);
  return self;
}

static void
hear (VivMonitorProcess *self, const char *data, gsize length)
{
  gsize have = strlen (self->said);

  length = MIN (length, sizeof (self->said) - 1 - have);
  memcpy (self->said + have, data, length);
  self->said[have + length] = '\0';
}

/* What it said last: of its end we may know before that is read. */
static void
drain (VivMonitorProcess *self)
{
  char buffer[sizeof (self->said)];
  struct pollfd wait
      = { .fd = g_unix_input_stream_get_fd (G_UNIX_INPUT_STREAM (self->ready)), .events = POLLIN };

  if (poll (&wait, 1, 0) <= 0 || (wait.revents & POLLIN) == 0)
    return;
  ssize_t length = read (wait.fd, buffer, sizeof (buffer));
  if (length > 0)
    hear (self, buffer, length);
}

static void
on_gone (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivMonitorProcess) self = weak_take (data);

  g_subprocess_wait_finish (G_SUBPROCESS (source), result, NULL);
  if (self == NULL)
    return;
  self->ended = TRUE;
  drain (self);
  self->blame = viv_start_blame_parse (self->said);
  g_signal_emit (self, signals[ENDED], 0);
}

static void on_said (GObject *source, GAsyncResult *result, gpointer data);

static void
read_more (VivMonitorProcess *self)
{
  g_input_stream_read_bytes_async (self->ready, sizeof (self->said), G_PRIORITY_DEFAULT, self->reading,
                                   on_said, weak_new (self));
}

static void
on_said (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivMonitorProcess) self = weak_take (data);
  g_autoptr (GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, NULL);

  if (self == NULL || bytes == NULL)
    return;
  hear (self, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  if (viv_monitor_process_was_ready (self))
    {
      if (!self->ended)
        g_signal_emit (self, signals[READY], 0);
    }
  else if (g_bytes_get_size (bytes) > 0 && strlen (self->said) < sizeof (self->said) - 1)
    read_more (self);
  /* else: it has closed the pipe; its end says the rest */
}

/* -- Starting it -- */

static void
detach (gpointer data)
{
  /* Between fork and exec: system calls only.  Ctrl-C in our terminal must not reach the machine. */
  setsid ();
  umask (077);
}

static GPtrArray *
command_line (const char *folder, const char *socket_path, const VivStartOptions *options, GError **error)
{
  g_autofree char *program = viv_find_program ("vivarium-broker", error);
  GPtrArray *argv;

  if (program == NULL)
    return NULL;
  argv = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (argv, g_steal_pointer (&program));
  g_ptr_array_add (argv, g_strdup ("--definition"));
  g_ptr_array_add (argv, g_build_filename (folder, "machine.ini", NULL));
  g_ptr_array_add (argv, g_strdup ("--folder"));
  g_ptr_array_add (argv, g_strdup (folder));
  g_ptr_array_add (argv, g_strdup ("--socket"));
  g_ptr_array_add (argv, g_strdup (socket_path));
  g_ptr_array_add (argv, g_strdup ("--ready-fd"));
  g_ptr_array_add (argv, g_strdup_printf ("%d", READY_FD));
  g_ptr_array_add (argv, g_strdup ("--lock-fd"));
  g_ptr_array_add (argv, g_strdup_printf ("%d", LOCK_FD));
  if (options->owned)
    {
      g_ptr_array_add (argv, g_strdup ("--owner-fd"));
      g_ptr_array_add (argv, g_strdup_printf ("%d", OWNER_FD));
    }
  if (options->paused)
    g_ptr_array_add (argv, g_strdup ("--paused"));
  const struct
  {
    const char *option, *value;
  } values[] = {
    { "--engine", options->engine },
    { "--load", options->load },
    { "--vnc", options->vnc_address },
    { "--vnc-password-file", options->vnc_password_file },
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
make_owner_pipe (VivMonitorProcess *self, GError **error)
{
  int fds[2];

  if (!g_unix_open_pipe (fds, FD_CLOEXEC, error))
    return -1;
  self->owner_fd = fds[1];
  return fds[0];
}

static gboolean
spawn (VivMonitorProcess *self, const char *folder, const char *socket_path, const VivStartOptions *options,
       int lock, GError **error)
{
  g_autoptr (GPtrArray) argv = command_line (folder, socket_path, options, error);
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDERR_MERGE);
  int pipe_fds[2], log, owner;

  g_subprocess_launcher_take_fd (launcher, lock, LOCK_FD);
  log = argv != NULL ? viv_monitor_log_begin (folder, error) : -1;
  if (log < 0)
    return FALSE;
  g_subprocess_launcher_take_stdout_fd (launcher, log);
  if (options->owned)
    {
      owner = make_owner_pipe (self, error);
      if (owner < 0)
        return FALSE;
      g_subprocess_launcher_take_fd (launcher, owner, OWNER_FD);
    }
  if (!g_unix_open_pipe (pipe_fds, FD_CLOEXEC, error))
    return FALSE;
  self->ready = g_unix_input_stream_new (pipe_fds[0], TRUE);
  g_subprocess_launcher_take_fd (launcher, pipe_fds[1], READY_FD);
  g_subprocess_launcher_set_cwd (launcher, folder);
  g_subprocess_launcher_set_child_setup (launcher, detach, NULL, NULL);
  self->process = g_subprocess_launcher_spawnv (launcher, (const char *const *)argv->pdata, error);
  /* Our copies of what the child has: the pipe must end when the child does. */
  g_subprocess_launcher_close (launcher);
  return self->process != NULL;
}

/* GSubprocess sends signals from a thread of its own, later; a program that ends when it has sent one, as vivctl does, would have sent none. */
static void
open_pid (VivMonitorProcess *self)
{
  const char *pid = g_subprocess_get_identifier (self->process);

  self->asked = g_get_monotonic_time ();
  if (pid == NULL)
    return;
  self->pid_fd = (int)syscall (SYS_pidfd_open, atoi (pid), 0);
  /* The number was its own for as long as nobody had waited for it. */
  if (self->pid_fd >= 0 && g_subprocess_get_identifier (self->process) == NULL)
    {
      close (self->pid_fd);
      self->pid_fd = -1;
    }
}

VivMonitorProcess *
viv_monitor_process_new (const char *folder, const char *socket_path, const VivStartOptions *options,
                         int lock, GError **error)
{
  static const VivStartOptions usual;
  g_autoptr (VivMonitorProcess) self = g_object_new (VIV_TYPE_MONITOR_PROCESS, NULL);

  if (!spawn (self, folder, socket_path, options != NULL ? options : &usual, lock, error))
    return NULL;
  open_pid (self);
  /* Weak, both: nobody has to keep an object because its machine runs. */
  g_subprocess_wait_async (self->process, NULL, on_gone, weak_new (self));
  read_more (self);
  return g_steal_pointer (&self);
}

gboolean
viv_monitor_process_is_alive (VivMonitorProcess *self)
{
  return !self->ended;
}

gboolean
viv_monitor_process_was_ready (VivMonitorProcess *self)
{
  return g_str_has_prefix (self->said, "ready\n");
}

void
viv_monitor_process_kill (VivMonitorProcess *self, int signal_number)
{
  if (self->pid_fd >= 0)
    syscall (SYS_pidfd_send_signal, self->pid_fd, signal_number, NULL, 0);
}

/* Of a process and its children, in µs; proc(5). */
static gint64
processor_time (int pid)
{
  g_autoptr (GDir) all = g_dir_open ("/proc", 0, NULL);
  gint64 ticks = 0;
  const char *name;

  while (all != NULL && (name = g_dir_read_name (all)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc", name, "stat", NULL);
      g_autofree char *text = NULL;
      unsigned long user, system;
      int parent;

      if (!g_ascii_isdigit (*name) || !g_file_get_contents (path, &text, NULL, NULL))
        continue;
      /* The name, which may have any character, ends with the last one of these. */
      const char *rest = strrchr (text, ')');
      if (rest != NULL
          && sscanf (rest, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &parent, &user, &system)
                 == 3
          && (parent == pid || atoi (name) == pid))
        ticks += (gint64)(user + system);
    }
  return ticks * G_USEC_PER_SEC / sysconf (_SC_CLK_TCK);
}

gboolean
viv_monitor_process_has_worked (VivMonitorProcess *self)
{
  const char *pid = g_subprocess_get_identifier (self->process);
  const gint64 now = g_get_monotonic_time (), used = pid != NULL ? processor_time (atoi (pid)) : 0;
  const gboolean worked = used - self->used > (now - self->asked) / 200;

  self->asked = now;
  self->used = used;
  return worked;
}

gboolean
viv_monitor_process_ended_well (VivMonitorProcess *self)
{
  return self->ended && g_subprocess_get_if_exited (self->process)
         && g_subprocess_get_exit_status (self->process) == 0;
}

char *
viv_monitor_process_describe_end (VivMonitorProcess *self)
{
  if (self != NULL && self->ended && g_subprocess_get_if_signaled (self->process))
    return g_strdup_printf (
        _ ("The machine crashed: its monitor was ended by a signal (%s). Its log follows; start it again."),
        g_strsignal (g_subprocess_get_term_sig (self->process)));
  if (self != NULL && self->ended && g_subprocess_get_if_exited (self->process)
      && g_subprocess_get_exit_status (self->process) != 0)
    return g_strdup_printf (
        _ ("The machine crashed: its monitor failed with status %d. Its log follows; start it again."),
        g_subprocess_get_exit_status (self->process));
  return g_strdup (_ ("The machine crashed: its monitor has vanished. Its log follows; start it again."));
}

const char *
viv_monitor_process_get_blame (VivMonitorProcess *self)
{
  return self->blame;
}

/* -- Object -- */

static void
viv_monitor_process_dispose (GObject *object)
{
  VivMonitorProcess *self = VIV_MONITOR_PROCESS (object);

  g_cancellable_cancel (self->reading);
  if (self->owner_fd >= 0)
    close (self->owner_fd);
  if (self->pid_fd >= 0)
    close (self->pid_fd);
  self->owner_fd = self->pid_fd = -1;
  G_OBJECT_CLASS (viv_monitor_process_parent_class)->dispose (object);
}

static void
viv_monitor_process_finalize (GObject *object)
{
  VivMonitorProcess *self = VIV_MONITOR_PROCESS (object);

  g_clear_object (&self->process);
  g_clear_object (&self->ready);
  g_clear_object (&self->reading);
  g_free (self->blame);
  G_OBJECT_CLASS (viv_monitor_process_parent_class)->finalize (object);
}

static void
viv_monitor_process_class_init (VivMonitorProcessClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_monitor_process_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_monitor_process_finalize;
  signals[READY] = g_signal_new ("ready", VIV_TYPE_MONITOR_PROCESS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 0);
  signals[ENDED] = g_signal_new ("ended", VIV_TYPE_MONITOR_PROCESS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 0);
}

static void
viv_monitor_process_init (VivMonitorProcess *self)
{
  self->owner_fd = self->pid_fd = -1;
  self->reading = g_cancellable_new ();
}
