/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's whole remote life, with the fake monitor: start, find again, ask, end, die.
 */
#include "config.h"

#include "machine/edit.h"
#include "machine/folder-lock.h"
#include "machine/liveness.h"
#include "machine/local-host.h"
#include "machine/local-machine.h"
#include "machine/machine-find.h"
#include "machine/paths.h"
#include "machine/picture.h"
#include "machine/plain-text.h"
#include "machine/space-check.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <linux/input-event-codes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utime.h>

static char *top;
static VivLocalHost *library;

static void
on_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static gboolean
on_late (gpointer data)
{
  g_error ("waited too long");
  return G_SOURCE_REMOVE;
}

/* With a time limit for whatever the loop waits for. */
#define WAIT_WHILE(condition)                                                                              \
  G_STMT_START                                                                                             \
  {                                                                                                        \
    guint timeout_ = g_timeout_add_seconds (20, on_late, NULL), tick_ = g_timeout_add (10, on_tick, NULL); \
    while (condition)                                                                                      \
      g_main_context_iteration (NULL, TRUE);                                                               \
    g_source_remove (timeout_);                                                                            \
    g_source_remove (tick_);                                                                               \
  }                                                                                                        \
  G_STMT_END

static gboolean
on_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

#define CALL(result, call)                \
  g_autoptr (GAsyncResult) result = NULL; \
  call;                                   \
  WAIT_WHILE (result == NULL)

static VivMachine *
create (const char *name, const char *behaviour)
{
  g_autoptr (MachineDefinition) definition = definition_new (name);
  g_autoptr (GError) error = NULL;

  definition_put (definition, "machine.append", behaviour);
  definition_add_drive (definition, DRIVE_CDROM, NULL);
  VivMachine *machine = viv_local_host_create (library, definition, NULL, 0, &error);
  g_assert_no_error (error);
  return machine;
}

static void
start (VivMachine *machine)
{
  g_autoptr (GError) error = NULL;

  CALL (result, viv_machine_start (machine, NULL, NULL, on_result, &result));
  g_assert_true (viv_machine_finish (machine, result, &error));
  g_assert_no_error (error);
  g_assert_true (viv_machine_is_live (machine));
  g_assert_cmpstr (viv_machine_get_state (machine), ==, "running");
}

static void
force_off (VivMachine *machine)
{
  g_autoptr (GError) error = NULL;

  CALL (result, viv_machine_force_off (machine, NULL, on_result, &result));
  g_assert_true (viv_machine_finish (machine, result, &error));
  g_assert_no_error (error);
  g_assert_false (viv_machine_is_busy (machine));
}

typedef void (*Simple) (VivMachine *, GCancellable *, GAsyncReadyCallback, gpointer);

static gboolean
simple (VivMachine *machine, Simple call, GError **error)
{
  CALL (result, call (machine, NULL, on_result, &result));
  return viv_machine_finish (machine, result, error);
}

static void
test_life (void)
{
  g_autoptr (VivMachine) machine = create ("life", NULL);
  g_autoptr (GError) error = NULL;
  struct stat info;

  g_assert_false (simple (machine, viv_machine_pause, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING);
  g_clear_error (&error);
  start (machine);
  g_assert_cmpstr (viv_machine_get_engine (machine), ==, "none");
  g_assert_cmpint (viv_machine_get_pid (machine), >, 0);
  /* It has a session of its own, and a socket that is ours alone. */
  g_assert_cmpint (getsid (viv_machine_get_pid (machine)), ==, viv_machine_get_pid (machine));
  g_autofree char *socket_path = viv_socket_path (viv_machine_get_uuid (machine), NULL);
  g_assert_cmpint (stat (socket_path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);

  g_assert_true (simple (machine, viv_machine_pause, &error));
  WAIT_WHILE (!g_str_equal (viv_machine_get_state (machine), "paused"));
  g_assert_true (simple (machine, viv_machine_resume, &error));
  WAIT_WHILE (!g_str_equal (viv_machine_get_state (machine), "running"));
  g_assert_true (simple (machine, viv_machine_reset, &error));
  g_assert_no_error (error);

  /* Files of a running machine are left alone. */
  g_assert_null (viv_local_host_trash (library, machine, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING);
  g_clear_error (&error);
  g_assert_false (viv_local_host_rename (library, machine, "other", NULL));
  {
    CALL (result, viv_machine_start (machine, NULL, NULL, on_result, &result));
    g_assert_false (viv_machine_finish (machine, result, NULL));
  }
  g_assert_true (simple (machine, viv_machine_power_down, &error));
  WAIT_WHILE (viv_machine_is_busy (machine));
  g_assert_cmpstr (viv_machine_get_state (machine), ==, "off");
  g_assert_cmpstr (viv_machine_get_state_reason (machine), ==, "the guest turned itself off");
  g_assert_false (g_file_test (socket_path, G_FILE_TEST_EXISTS));

  start (machine);
  force_off (machine);
  g_assert_cmpstr (viv_machine_get_state (machine), ==, "off");
  g_autofree char *older = g_build_filename (viv_machine_get_folder (machine), "vmm.log.1", NULL);
  g_assert_true (g_file_test (older, G_FILE_TEST_EXISTS));
  g_autofree char *tail = viv_machine_log_tail (machine, 1);
  g_assert_true (g_str_has_prefix (tail, "fake monitor of"));
}

static void
test_found_again (void)
{
  VivMachine *machine = create ("again", NULL);
  g_autofree char *folder = g_strdup (viv_machine_get_folder (machine));
  g_autoptr (GError) error = NULL;

  start (machine);
  pid_t pid = viv_machine_get_pid (machine);

  /* Another program's view, at the same time and afterwards. */
  g_autoptr (VivMachine) second = viv_local_machine_new (folder);
  WAIT_WHILE (!viv_machine_is_live (second));
  g_assert_cmpint (viv_machine_get_pid (second), ==, pid);
  g_assert_true (simple (second, viv_machine_pause, &error));
  WAIT_WHILE (!g_str_equal (viv_machine_get_state (machine), "paused"));
  g_object_unref (machine);
  g_assert_true (viv_machine_is_live (second));

  /* A second monitor for it is refused, and harms nothing. */
  g_autofree char *broker = viv_find_program ("vivarium-broker", NULL);
  g_autofree char *file = g_build_filename (folder, "machine.ini", NULL), *complaint = NULL;
  g_autofree char *socket_path = viv_socket_path (viv_machine_get_uuid (second), NULL);
  const char *argv[] = { broker, "--definition", file, "--socket", socket_path, NULL };
  int status = 0;
  g_assert_true (g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                               &complaint, &status, NULL));
  g_assert_cmpint (status, !=, 0);
  g_assert_nonnull (strstr (complaint, "” runs; turn it off first"));
  g_assert_true (simple (second, viv_machine_resume, &error));
  g_assert_no_error (error);

  g_autoptr (VivMachine) found = viv_find_machine ("again", &error);
  WAIT_WHILE (!viv_machine_is_live (found));
  force_off (second);
  WAIT_WHILE (viv_machine_is_busy (found));
  g_assert_cmpstr (viv_machine_get_state (found), ==, "off");
}

static void
test_killed (void)
{
  g_autoptr (VivMachine) machine = create ("killed", NULL);
  g_autofree char *folder = g_strdup (viv_machine_get_folder (machine));

  start (machine);
  g_autoptr (VivMachine) second = viv_local_machine_new (folder);
  WAIT_WHILE (!viv_machine_is_live (second));
  g_assert_cmpint (kill (viv_machine_get_pid (machine), SIGKILL), ==, 0);
  WAIT_WHILE (viv_machine_is_busy (machine) || viv_machine_is_busy (second));
  g_assert_cmpstr (viv_machine_get_state (machine), ==, "crashed");
  g_assert_cmpstr (viv_machine_get_state (second), ==, "crashed");
  g_assert_nonnull (strstr (viv_machine_get_state_reason (machine), "fake monitor of"));
  /* The stale socket is no obstacle. */
  start (machine);
  force_off (machine);
}

static void
test_bad_monitors (void)
{
  g_autoptr (VivMachine) failing = create ("failing", "fail"), dying = create ("dying", "die"),
                         deaf = create ("deaf", "deaf"), hanging = create ("hanging", "hang");
  g_autoptr (GError) error = NULL;

  {
    CALL (result, viv_machine_start (failing, NULL, NULL, on_result, &result));
    g_assert_false (viv_machine_finish (failing, result, &error));
    g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START);
    g_assert_nonnull (strstr (error->message, "the firmware is missing"));
    g_assert_cmpstr (viv_machine_get_state (failing), ==, "off");
    g_assert_cmpstr (viv_machine_get_start_blame (failing), ==, "machine.firmware");
    g_clear_error (&error);
  }
  start (dying);
  g_assert_false (simple (dying, viv_machine_pause, NULL));
  WAIT_WHILE (viv_machine_is_busy (dying));
  g_assert_cmpstr (viv_machine_get_state (dying), ==, "crashed");
  start (deaf);
  force_off (deaf); /* after 5 s, by force */
  g_assert_cmpstr (viv_machine_get_state (deaf), ==, "off");
  {
    g_autoptr (GAsyncResult) started = NULL;
    viv_machine_start (hanging, NULL, NULL, on_result, &started);
    g_assert_cmpstr (viv_machine_get_state (hanging), ==, "starting");
    force_off (hanging);
    WAIT_WHILE (started == NULL);
    g_assert_false (viv_machine_finish (hanging, started, NULL));
    g_assert_cmpstr (viv_machine_get_state (hanging), ==, "off");
  }
}

/* One that says nothing is ended before anybody hears that it was given up: who asked may end as well.  One that works is waited for. */
static void
test_given_up (void)
{
  g_autoptr (VivMachine) hanging = create ("silent", "hang"), slow = create ("slow", "slow");
  const unsigned usual = viv_start_timeout_ms;
  g_autoptr (GError) error = NULL;

  viv_start_timeout_ms = 1000;
  {
    CALL (result, viv_machine_start (hanging, NULL, NULL, on_result, &result));
    g_assert_false (viv_folder_is_running (viv_machine_get_folder (hanging)));
    g_assert_false (viv_machine_finish (hanging, result, &error));
    g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START);
    g_assert_nonnull (strstr (error->message, "said nothing"));
    g_assert_cmpstr (viv_machine_get_state (hanging), ==, "off");
    g_assert_false (viv_machine_is_busy (hanging));
  }
  start (slow);
  force_off (slow);
  viv_start_timeout_ms = usual;
}

/* The monitor: the child of the broker, which is who others know. */
static pid_t
monitor_of (pid_t broker)
{
  g_autoptr (GDir) all = g_dir_open ("/proc", 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (all)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc", name, "stat", NULL);
      g_autofree char *text = NULL;
      int parent;

      /* proc(5): the name in parentheses may have any character. */
      if (g_ascii_isdigit (*name) && g_file_get_contents (path, &text, NULL, NULL)
          && sscanf (strrchr (text, ')'), ") %*c %d", &parent) == 1 && parent == broker)
        return (pid_t)atoi (name);
    }
  g_assert_not_reached ();
}

/* A monitor that lives and says nothing: its files are left alone, and it can be ended. */
static void
test_stopped (void)
{
  g_autoptr (VivMachine) machine = create ("stopped", NULL);
  g_autofree char *folder = g_strdup (viv_machine_get_folder (machine));
  g_autofree char *log = viv_machine_log_path (machine);
  g_autoptr (GError) error = NULL;
  struct stat before, after;

  start (machine);
  pid_t broker = viv_machine_get_pid (machine), pid = monitor_of (broker);
  g_assert_true (viv_folder_is_running (folder));
  g_assert_cmpint (viv_folder_find_monitor (folder), ==, broker);
  g_assert_cmpint (stat (log, &before), ==, 0);
  g_assert_cmpint (kill (pid, SIGSTOP), ==, 0);

  /* As another program finds it. */
  g_autoptr (VivMachine) second = viv_local_machine_new (folder);
  g_assert_true (viv_machine_is_busy (second));
  WAIT_WHILE (viv_machine_is_connecting (second));
  g_assert_cmpstr (viv_machine_get_state (second), ==, "unresponsive");
  g_assert_nonnull (strstr (viv_machine_get_state_reason (second), "does not answer"));
  g_assert_true (viv_machine_is_busy (second));
  g_assert_false (simple (second, viv_machine_pause, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE);
  g_clear_error (&error);
  g_assert_null (viv_local_host_trash (library, second, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE);
  g_clear_error (&error);
  g_assert_false (viv_local_host_rename (library, second, "moved", &error));
  g_clear_error (&error);
  {
    CALL (result, viv_machine_start (second, NULL, NULL, on_result, &result));
    g_assert_false (viv_machine_finish (second, result, &error));
    g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING);
    g_clear_error (&error);
  }
  g_assert_cmpint (stat (log, &after), ==, 0);
  g_assert_cmpint (before.st_ino, ==, after.st_ino);

  /* It comes back. */
  g_assert_cmpint (kill (pid, SIGCONT), ==, 0);
  WAIT_WHILE (!viv_machine_is_live (second));
  g_assert_cmpstr (viv_machine_get_state (second), ==, "running");

  g_assert_cmpint (kill (pid, SIGSTOP), ==, 0);
  g_autoptr (VivMachine) third = viv_local_machine_new (folder);
  WAIT_WHILE (viv_machine_is_connecting (third));
  force_off (third);
  g_assert_cmpstr (viv_machine_get_state (third), ==, "off");
  WAIT_WHILE (viv_machine_is_busy (machine) || viv_machine_is_busy (second));
  g_assert_false (viv_folder_is_running (folder));
}

static void
on_over (VivMachine *machine, GParamSpec *pspec, VivMachine **held)
{
  if (!viv_machine_is_busy (machine))
    g_clear_object (held);
}

/* Whoever shows a machine lets go of it when he hears that it is off: the last one. */
static void
test_let_go (void)
{
  g_autoptr (VivMachine) machine = create ("let-go", NULL);
  VivMachine *second;
  gpointer there;

  start (machine);
  second = there = viv_local_machine_new (viv_machine_get_folder (machine));
  g_object_add_weak_pointer (G_OBJECT (second), &there);
  WAIT_WHILE (!viv_machine_is_live (second));
  g_signal_connect (second, "notify::state", G_CALLBACK (on_over), &second);
  g_assert_cmpint (kill (viv_machine_get_pid (machine), SIGKILL), ==, 0);
  WAIT_WHILE (there != NULL || viv_machine_is_busy (machine));
  g_assert_null (second);
}

/* What is deleted behind the library's back while its monitor is stopped: the purge is refused as well. */
static void
test_purge_of_running (void)
{
  g_autoptr (VivMachine) machine = create ("purged", NULL);
  g_autofree char *trash = g_build_filename (viv_host_get_folder (VIV_HOST (library)), ".trash", NULL);
  g_autofree char *entry = g_build_filename (trash, "purged-20260101-000000-000000", NULL);
  g_autoptr (GError) error = NULL;

  start (machine);
  g_mkdir (trash, 0700);
  g_assert_cmpint (g_rename (viv_machine_get_folder (machine), entry), ==, 0);
  g_assert_false (
      viv_trash_purge (viv_local_host_get_trash (library), "purged-20260101-000000-000000", &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING);
  g_clear_error (&error);
  g_assert_true (g_file_test (entry, G_FILE_TEST_IS_DIR));
  force_off (machine);
  g_assert_true (
      viv_trash_purge (viv_local_host_get_trash (library), "purged-20260101-000000-000000", &error));
  g_assert_no_error (error);
}

/* Whom a monitor says it is, is not whom we kill: this one says it was us. */
static void
test_liar (void)
{
  g_autoptr (VivMachine) machine = create ("liar", "liar");

  start (machine);
  g_assert_cmpint (viv_machine_get_pid (machine), >, 0);
  g_assert_cmpint (viv_machine_get_pid (machine), !=, getpid ());
  g_autoptr (VivMachine) second = viv_local_machine_new (viv_machine_get_folder (machine));
  WAIT_WHILE (!viv_machine_is_live (second));
  force_off (second);
  WAIT_WHILE (viv_machine_is_busy (machine));
}

/* However its owner ends; the object's end stands for the process's. */
static void
test_owned (void)
{
  VivMachine *machine = create ("owned", NULL);
  g_autofree char *folder = g_strdup (viv_machine_get_folder (machine));
  const VivStartOptions options = { .owned = TRUE };
  g_autoptr (GError) error = NULL;

  {
    CALL (result, viv_machine_start (machine, &options, NULL, on_result, &result));
    g_assert_true (viv_machine_finish (machine, result, &error));
    g_assert_no_error (error);
  }
  g_assert_true (viv_folder_is_running (folder));
  g_autoptr (VivMachine) second = viv_local_machine_new (folder);
  WAIT_WHILE (!viv_machine_is_live (second));
  g_autoptr (VivMachine) in_library = viv_host_find (VIV_HOST (library), "owned", NULL);
  g_assert_true (in_library != NULL);
  g_object_run_dispose (G_OBJECT (machine));
  g_object_unref (machine);
  WAIT_WHILE (viv_machine_is_busy (second));
  g_assert_false (viv_folder_is_running (folder));
}

/* What the monitor refuses is not written; what it takes is there at the next start. */
static void
test_medium_is_kept (void)
{
  g_autoptr (VivMachine) machine = create ("media", NULL);
  g_autoptr (GError) error = NULL;
  const char *const key = "cdrom0.path";

  start (machine);
  {
    CALL (result,
          viv_machine_change_media (machine, "cdrom0", "/nonexistent", TRUE, NULL, on_result, &result));
    g_assert_false (viv_machine_finish (machine, result, &error));
    g_clear_error (&error);
    g_autofree char *path = definition_get (viv_machine_get_definition (machine), key, NULL);
    g_assert_cmpstr (path, ==, "");
  }
  {
    CALL (result,
          viv_machine_change_media (machine, "cdrom0", "/etc/passwd", TRUE, NULL, on_result, &result));
    g_assert_true (viv_machine_finish (machine, result, &error));
    g_autofree char *path = definition_get (viv_machine_get_definition (machine), key, NULL);
    g_assert_cmpstr (path, ==, "/etc/passwd");
  }
  force_off (machine);
  {
    CALL (result, viv_machine_change_media (machine, "cdrom0", NULL, TRUE, NULL, on_result, &result));
    g_assert_true (viv_machine_finish (machine, result, &error));
    g_autofree char *path = definition_get (viv_machine_get_definition (machine), key, NULL);
    g_assert_cmpstr (path, ==, "");
  }
  {
    CALL (result, viv_machine_change_media (machine, "cdrom3", "/x", TRUE, NULL, on_result, &result));
    g_assert_false (viv_machine_finish (machine, result, NULL));
    g_assert_null (definition_find_drive (viv_machine_get_definition (machine), "cdrom3"));
  }
}

static void
on_save_progress (VivMachine *machine, double fraction, double *progress)
{
  g_assert_cmpfloat (fraction, >=, *progress);
  g_assert_cmpfloat (fraction, <=, 1);
  *progress = fraction;
}

static int space_asked, room; /* bytes that are left */

static gboolean
on_space_left (const char *path, guint64 *left, guint64 *size)
{
  *left = g_atomic_int_get (&room);
  *size = 1 << 30;
  g_atomic_int_inc (&space_asked);
  return TRUE;
}

/* Where a running machine's disk can't grow much more, that is said until it is off. */
static void
test_low_space (void)
{
  g_autoptr (MachineDefinition) definition = definition_new ("space");
  const VivNewImage image = { "disk0.img", 1 << 30 };
  g_autoptr (GError) error = NULL;

  definition_add_drive (definition, DRIVE_DISK, "disk0.img");
  g_autoptr (VivMachine) machine = viv_local_host_create (library, definition, &image, 1, &error);
  g_assert_no_error (error);
  g_atomic_int_set (&room, 100 << 20);
  g_assert_null (viv_machine_get_low_space (machine));
  start (machine);
  WAIT_WHILE (viv_machine_get_low_space (machine) == NULL);
  g_assert_nonnull (strstr (viv_machine_get_low_space (machine), "disk0.img"));
  g_assert_nonnull (strstr (viv_machine_get_low_space (machine), "100.0"));
  force_off (machine);
  g_assert_null (viv_machine_get_low_space (machine));
  g_assert_cmpint (g_atomic_int_get (&space_asked), >, 0);

  g_assert_true (viv_space_is_low ((512 << 20) - 1, 10 << 20));
  g_assert_false (viv_space_is_low (512 << 20, 10 << 20));
  g_assert_true (viv_space_is_low (G_GINT64_CONSTANT (1) << 30, G_GINT64_CONSTANT (100) << 30));
  g_assert_false (viv_space_is_low (G_GINT64_CONSTANT (2) << 30, G_GINT64_CONSTANT (100) << 30));
  g_assert_true (viv_space_is_low (G_GINT64_CONSTANT (3) << 30, G_GINT64_CONSTANT (10) << 40));
  g_assert_false (viv_space_is_low (G_GINT64_CONSTANT (4) << 30, G_GINT64_CONSTANT (10) << 40));
}

/* A save that comes to nothing leaves the machine running, whether the monitor or we could not write. */
static void
test_failed_save (void)
{
  g_autoptr (VivMachine) machine = create ("save", NULL);
  g_autofree char *path = g_build_filename (top, "state", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();

  start (machine);
  {
    CALL (result, viv_machine_save_state (machine, "/dev/full", NULL, on_result, &result));
    g_assert_false (viv_machine_finish (machine, result, &error));
    g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
    g_clear_error (&error);
    WAIT_WHILE (!g_str_equal (viv_machine_get_state (machine), "running"));
  }
  /* A descriptor that can't be written stands for a disk that is full. */
  int fd = open (path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
  g_assert_cmpint (g_unix_fd_list_append (fds, fd, &error), ==, 0);
  close (fd);
  g_autoptr (GVariant) reply = g_dbus_connection_call_with_unix_fd_list_sync (
      g_dbus_proxy_get_connection (viv_machine_get_proxy (machine)), NULL, "/org/vivarium/Machine",
      "org.vivarium.Machine1", "SaveStateFile", g_variant_new ("(h)", 0), NULL, G_DBUS_CALL_FLAGS_NONE, -1,
      fds, NULL, NULL, &error);
  g_assert_null (reply);
  g_clear_error (&error);
  WAIT_WHILE (!g_str_equal (viv_machine_get_state (machine), "running"));
  double progress = -1;
  g_signal_connect (machine, "save-progress", G_CALLBACK (on_save_progress), &progress);
  {
    CALL (result, viv_machine_save_state (machine, path, NULL, on_result, &result));
    g_assert_true (viv_machine_finish (machine, result, &error));
    WAIT_WHILE (!g_str_equal (viv_machine_get_state (machine), "paused"));
    WAIT_WHILE (progress != 1);
  }
  force_off (machine);
}

static gboolean
has_leftovers (const char *folder)
{
  g_autoptr (GDir) directory = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (directory)) != NULL)
    if (g_str_has_prefix (name, ".state"))
      return TRUE;
  return FALSE;
}

/* A call without a time limit takes as long as it takes, from a monitor that lives; one that hangs in the middle is given up, and what
 * comes of its call later does no harm. */
static void
test_hangs (void)
{
  g_autoptr (VivMachine) machine = create ("hangs", "mute");
  g_autofree char *path = g_build_filename (top, "state", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  const unsigned usual = viv_liveness_tick_ms;

  g_unlink (path);
  start (machine);
  pid_t pid = monitor_of (viv_machine_get_pid (machine));
  viv_liveness_tick_ms = 50;
  {
    /* Nobody takes the keys, and the monitor says that it lives: more looks than a silent one is given. */
    g_autoptr (GAsyncResult) typed = NULL;
    gint64 end = g_get_monotonic_time () + 4 * VIV_LIVENESS_MOST_SILENT * viv_liveness_tick_ms * 1000;
    viv_machine_type_text (machine, "for ever", NULL, cancellable, on_result, &typed);
    WAIT_WHILE (g_get_monotonic_time () < end);
    g_assert_null (typed);
    g_cancellable_cancel (cancellable);
    WAIT_WHILE (typed == NULL);
    g_assert_false (viv_machine_type_text_finish (machine, typed, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_clear_error (&error);
  }
  g_assert_cmpint (kill (pid, SIGSTOP), ==, 0);
  {
    CALL (typed, viv_machine_type_text (machine, "x", NULL, NULL, on_result, &typed));
    g_assert_false (viv_machine_type_text_finish (machine, typed, &error));
    g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE);
    g_assert_nonnull (strstr (error->message, "does not answer"));
    g_clear_error (&error);
    g_assert_cmpstr (viv_machine_get_state (machine), ==, "unresponsive");
  }
  {
    CALL (saved, viv_machine_save_state (machine, path, NULL, on_result, &saved));
    g_assert_false (viv_machine_finish (machine, saved, &error));
    g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE);
    g_clear_error (&error);
    g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
    g_assert_false (has_leftovers (top));
  }
  /* It comes back, does the save that nobody waits for, and goes on. */
  g_assert_cmpint (kill (pid, SIGCONT), ==, 0);
  WAIT_WHILE (g_str_equal (viv_machine_get_state (machine), "unresponsive"));
  {
    CALL (listed, viv_machine_list_drives (machine, NULL, on_result, &listed));
    g_autoptr (GVariant) drives = viv_machine_list_drives_finish (machine, listed, &error);
    g_assert_no_error (error);
  }
  WAIT_WHILE (!g_str_equal (viv_machine_get_state (machine), "running"));
  viv_liveness_tick_ms = usual;
  force_off (machine);
}

static void
assert_plain (const char *text)
{
  g_autofree char *plain = viv_plain_text (text, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);

  g_assert_cmpstr (plain, ==, text);
  g_assert_nonnull (strstr (text, "owned"));
}

static void
on_media (VivMachine *machine, const char *drive, const char *path, gpointer data)
{
  *(char **)data = g_strdup (path);
}

/* What a monitor says can be put before a terminal and before Pango. */
static void
test_rude (void)
{
  g_autoptr (VivMachine) machine = create ("rude", "rude");
  g_autofree char *inserted = NULL;
  g_autofree char *image = g_build_filename (top, "\033owned.iso", NULL);
  g_autofree char *bad = g_build_filename (top, "owned.bad", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (image, "x", 1, NULL));
  g_assert_true (g_file_set_contents (bad, "x", 1, NULL));
  start (machine);
  g_assert_cmpuint (strlen (viv_machine_get_engine_reason (machine)), >, VIV_PLAIN_MOST - 16);
  assert_plain (viv_machine_get_engine_reason (machine));
  g_autofree char *log = viv_machine_log_tail (machine, 10);
  assert_plain (log);
  {
    CALL (result, viv_machine_text (machine, NULL, on_result, &result));
    g_autofree char *text = viv_machine_text_finish (machine, result, &error);
    g_assert_no_error (error);
    assert_plain (text);
  }
  {
    CALL (result, viv_machine_change_media (machine, "cdrom0", bad, TRUE, NULL, on_result, &result));
    g_assert_false (viv_machine_finish (machine, result, &error));
    assert_plain (error->message);
    g_clear_error (&error);
  }
  g_signal_connect (machine, "media-changed", G_CALLBACK (on_media), &inserted);
  {
    CALL (result, viv_machine_change_media (machine, "cdrom0", image, TRUE, NULL, on_result, &result));
    viv_machine_finish (machine, result, NULL);
    WAIT_WHILE (inserted == NULL);
    assert_plain (inserted);
    CALL (listed, viv_machine_list_drives (machine, NULL, on_result, &listed));
    g_autoptr (GVariant) drives = viv_machine_list_drives_finish (machine, listed, &error);
    g_autofree char *printed = g_variant_print (drives, FALSE);
    assert_plain (printed);
  }
  g_assert_true (simple (machine, viv_machine_power_down, &error));
  WAIT_WHILE (viv_machine_is_busy (machine));
  g_assert_cmpstr (viv_machine_get_state (machine), ==, "off");
  assert_plain (viv_machine_get_state_reason (machine));
}

static char *
read_serial (int fd, const char *until)
{
  GString *text = g_string_new (NULL);
  char byte;

  while (strstr (text->str, until) == NULL)
    {
      WAIT_WHILE (recv (fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0);
      g_assert_cmpint (recv (fd, &byte, 1, 0), ==, 1);
      g_string_append_c (text, byte);
    }
  return g_string_free (text, FALSE);
}

static int
attach_serial (VivMachine *machine, gboolean history)
{
  g_autoptr (GError) error = NULL;

  CALL (result, viv_machine_attach_serial (machine, 0, history, NULL, on_result, &result));
  int fd = viv_machine_attach_serial_finish (machine, result, &error);
  g_assert_no_error (error);
  return fd;
}

#define CAPS_LOCK 4u /* of the lights, as the control interface counts them */

/* What is typed comes as it was meant, though the guest's Caps Lock is on: it turns letters' cases, and nothing else. */
static void
test_caps_lock (void)
{
  g_autoptr (VivMachine) machine = create ("capitals", "caps");
  g_autoptr (GError) error = NULL;

  start (machine);
  WAIT_WHILE ((viv_machine_get_leds (machine) & CAPS_LOCK) == 0);
  int fd = attach_serial (machine, FALSE);
  CALL (result, viv_machine_type_text (machine, "aB1", "us", NULL, on_result, &result));
  g_assert_true (viv_machine_type_text_finish (machine, result, &error));
  g_assert_no_error (error);
  static const unsigned keys[] = { KEY_LEFTSHIFT, KEY_A, KEY_A, KEY_LEFTSHIFT, KEY_B, KEY_B, KEY_1, KEY_1 };
  static const unsigned down[] = { 1, 1, 0, 0, 1, 0, 1, 0 };
  for (unsigned i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autofree char *line = read_serial (fd, "\n");
      g_autofree char *wanted = g_strdup_printf ("event 0 %u %u ", keys[i], down[i]);

      if (!g_str_has_prefix (line, "event 0 "))
        i--; /* reports */
      else
        g_assert_nonnull (strstr (line, wanted));
    }
  close (fd);
  force_off (machine);
}

static void
test_calls (void)
{
  g_autoptr (VivMachine) machine = create ("calls", NULL);
  g_autoptr (GError) error = NULL;

  start (machine);
  int fd = attach_serial (machine, TRUE);
  g_autofree char *history = read_serial (fd, "login:\r\n");
  g_assert_cmpstr (history, ==, "login:\r\n");
  g_assert_cmpint (send (fd, "hello\n", 6, 0), ==, 6);
  g_autofree char *echo = read_serial (fd, "HELLO\n");

  const InputEvent events[] = { { INPUT_EVENT_KEY, KEY_A, 7, 0, 0 },
                                { INPUT_EVENT_KEY, KEY_A, 0, 0, 0 },
                                { (InputEventType)77, 1, 1, 1, 1 },
                                { INPUT_EVENT_ABSOLUTE, 0, 0, 1 << 30, -5 } };
  viv_machine_send_input (machine, events, G_N_ELEMENTS (events));
  g_autofree char *seen = read_serial (fd, "event 3");
  g_autofree char *rest = read_serial (fd, "\n");
  g_assert_nonnull (strstr (seen, "event 0 30 1 "));
  g_assert_nonnull (strstr (seen, "event 0 30 0 "));
  g_assert_null (strstr (seen, "event 77"));
  g_assert_cmpstr (rest, ==, " 0 0 32767 0\r\n");

  {
    CALL (result, viv_machine_type_text (machine, "h\xc3\xa4", "de", NULL, on_result, &result));
    g_assert_true (viv_machine_type_text_finish (machine, result, &error));
  }
  {
    /* All or nothing, by the machine's own layout; not to one that is paused. */
    CALL (result, viv_machine_type_text (machine, "hi\xe4\xb8\xad", NULL, NULL, on_result, &result));
    g_assert_false (viv_machine_type_text_finish (machine, result, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    g_clear_error (&error);
    g_assert_true (simple (machine, viv_machine_pause, &error));
    CALL (paused, viv_machine_type_text (machine, "hi", NULL, NULL, on_result, &paused));
    g_assert_false (viv_machine_type_text_finish (machine, paused, &error));
    g_assert_nonnull (strstr (error->message, "paused"));
    g_clear_error (&error);
    g_assert_true (simple (machine, viv_machine_resume, &error));
  }
  {
    CALL (result, viv_machine_text (machine, NULL, on_result, &result));
    g_autofree char *text = viv_machine_text_finish (machine, result, &error);
    g_assert_no_error (error);
    g_assert_true (g_str_has_prefix (text, "fake machine\nkeys 3\n"));
  }
  {
    g_autofree char *png = g_build_filename (top, "shot.png", NULL), *data = NULL;
    gsize length;
    CALL (result, viv_machine_screenshot (machine, 0, png, NULL, on_result, &result));
    g_assert_true (viv_machine_finish (machine, result, &error));
    g_assert_true (g_file_get_contents (png, &data, &length, NULL));
    g_assert_cmpmem (data, 8, "\x89PNG\r\n\x1a\n", 8);
  }
  {
    CALL (result, viv_machine_screenshot (machine, 0, "/nonexistent/x.png", NULL, on_result, &result));
    g_assert_false (viv_machine_finish (machine, result, NULL));
  }
  g_assert_true (simple (machine, viv_machine_update_thumbnail, &error));
  g_assert_true (g_str_has_suffix (viv_machine_get_thumbnail (machine), "/screenshot.png"));
  {
    guint32 width;
    CALL (result, viv_machine_statistics (machine, NULL, on_result, &result));
    g_autoptr (GVariant) values = viv_machine_statistics_finish (machine, result, &error);
    guint64 resident;
    g_assert_true (g_variant_lookup (values, "memory-resident", "t", &resident));
    g_assert_cmpuint (resident, >, 4096);
    g_assert_true (g_variant_lookup (values, "width", "u", &width));
    g_assert_cmpuint (width, ==, 64);
  }
  {
    CALL (result,
          viv_machine_change_media (machine, "cdrom0", "/etc/passwd", TRUE, NULL, on_result, &result));
    g_assert_true (viv_machine_finish (machine, result, &error));
    CALL (listed, viv_machine_list_drives (machine, NULL, on_result, &listed));
    g_autoptr (GVariant) drives = viv_machine_list_drives_finish (machine, listed, &error);
    const char *id, *kind, *path;
    gboolean readonly;
    g_variant_get_child (drives, 0, "(&s&s&sb)", &id, &kind, &path, &readonly);
    g_assert_cmpstr (id, ==, "cdrom0");
    g_assert_cmpstr (path, ==, "/etc/passwd");
    CALL (bad, viv_machine_change_media (machine, "cdrom0", "/nonexistent", TRUE, NULL, on_result, &bad));
    g_assert_false (viv_machine_finish (machine, bad, &error));
    g_assert_nonnull (strstr (error->message, "“/nonexistent”"));
    g_clear_error (&error);
    CALL (worse, viv_machine_change_media (machine, "nodrive", NULL, TRUE, NULL, on_result, &worse));
    g_assert_false (viv_machine_finish (machine, worse, NULL));
  }
  {
    CALL (result, viv_machine_attach_screen (machine, 0, NULL, on_result, &result));
    int screen = viv_machine_attach_screen_finish (machine, result, &error);
    g_assert_cmpint (screen, >=, 0);
    close (screen);
  }

  /* A key that a client holds goes up when the client goes. */
  g_autoptr (VivMachine) other = viv_local_machine_new (viv_machine_get_folder (machine));
  WAIT_WHILE (!viv_machine_is_live (other));
  const InputEvent down = { INPUT_EVENT_KEY, KEY_B, 1, 0, 0 };
  viv_machine_send_input (other, &down, 1);
  g_autofree char *pressed = read_serial (fd, "event 0 48 1 ");
  g_clear_object (&other);
  g_autofree char *released = read_serial (fd, "event 0 48 0 ");

  close (fd);
  force_off (machine);
}

/* More than the history holds: the newest stays, and a client that doesn't read holds nobody up. */
static void
test_serial_history (void)
{
  g_autoptr (VivMachine) machine = create ("history", NULL);
  g_autofree char *block = g_strnfill (4096, 'x');

  start (machine);
  int writer = attach_serial (machine, FALSE), lazy = attach_serial (machine, FALSE);
  for (unsigned i = 0; i < 100; i++)
    {
      size_t sent = 0, got = 0;
      while (sent < 4096 || got < 4096)
        {
          char buffer[4096];
          ssize_t n = sent < 4096 ? send (writer, block + sent, 4096 - sent, MSG_DONTWAIT) : 0;
          sent += MAX (n, 0);
          n = recv (writer, buffer, sizeof buffer, MSG_DONTWAIT);
          got += MAX (n, 0);
        }
    }
  g_assert_cmpint (send (writer, "end\n", 4, 0), ==, 4);
  g_autofree char *echo = read_serial (writer, "END\n");
  int late = attach_serial (machine, TRUE);
  g_autofree char *history = read_serial (late, "END\n");
  g_assert_cmpuint (strlen (history), ==, 256 * 1024);
  close (writer);
  close (lazy);
  close (late);
  force_off (machine);
}

static guint32
png_number (const char *data, gsize at)
{
  guint32 value;

  memcpy (&value, data + at, 4);
  return GUINT32_FROM_BE (value);
}

/* The screen as it is now, though nobody looked till then; whole as a screenshot, small as a thumbnail; an error where it can't be
 * written, and the monitor has no part in it. */
static void
test_pictures (void)
{
  g_autoptr (VivMachine) machine = create ("pictures", "large");
  g_autofree char *png = g_build_filename (top, "large.png", NULL), *data = NULL, *again = NULL;
  g_autoptr (GError) error = NULL;
  gsize length, length_again;

  start (machine);
  {
    CALL (result, viv_machine_screenshot (machine, 0, png, NULL, on_result, &result));
    g_assert_true (viv_machine_finish (machine, result, &error));
  }
  g_assert_true (g_file_get_contents (png, &data, &length, NULL));
  g_assert_cmpuint (png_number (data, 16), ==, 1930);
  g_assert_cmpuint (png_number (data, 20), ==, 1085);
  {
    /* A key changes the picture. */
    const InputEvent press = { INPUT_EVENT_KEY, KEY_A, 1, 0, 0 };
    viv_machine_send_input (machine, &press, 1);
    CALL (result, viv_machine_screenshot (machine, 0, png, NULL, on_result, &result));
    g_assert_true (viv_machine_finish (machine, result, &error));
  }
  g_assert_true (g_file_get_contents (png, &again, &length_again, NULL));
  g_assert_false (length == length_again && memcmp (data, again, length) == 0);

  /* What one that was killed has left goes; what somebody may be writing stays. */
  g_autofree char *old = g_build_filename (viv_machine_get_folder (machine), "screenshot.png.AbC123", NULL),
                  *young = g_build_filename (viv_machine_get_folder (machine), "screenshot.png.x1Y2z3", NULL);
  const struct utimbuf hour_ago = { time (NULL) - 3600, time (NULL) - 3600 };
  g_assert_true (g_file_set_contents (old, "x", 1, NULL) && g_file_set_contents (young, "x", 1, NULL));
  g_assert_cmpint (utime (old, &hour_ago), ==, 0);
  g_assert_true (simple (machine, viv_machine_update_thumbnail, &error));
  g_assert_false (g_file_test (old, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (young, G_FILE_TEST_EXISTS));
  g_autoptr (GBytes) small = viv_thumbnail_read (viv_machine_get_thumbnail (machine), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (png_number (g_bytes_get_data (small, NULL), 16), ==, 386); /* a fifth */
  g_assert_cmpuint (png_number (g_bytes_get_data (small, NULL), 20), ==, 217);
  {
    CALL (result, viv_machine_screenshot (machine, 0, "/dev/full", NULL, on_result, &result));
    g_assert_false (viv_machine_finish (machine, result, &error));
    g_assert_nonnull (error);
    g_clear_error (&error);
  }
  g_assert_true (viv_machine_is_live (machine));
  force_off (machine);
  g_assert_false (simple (machine, viv_machine_update_thumbnail, NULL));
}

/* A monitor's socket at which nobody answers keeps no machine that nobody wants any more. */
static void
test_dropped (void)
{
  VivMachine *machine = create ("Dropped", NULL);
  g_autofree char *folder = g_strdup (viv_machine_get_folder (machine)),
                  *path = viv_socket_path (viv_machine_get_uuid (machine), NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 4), ==, 0);
  g_object_unref (machine);
  machine = viv_local_machine_new (folder);
  g_assert_true (viv_machine_is_connecting (machine));
  for (unsigned i = 0; i < 50; i++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_usleep (500);
    }
  g_assert_true (viv_machine_is_connecting (machine));
  g_assert_finalize_object (machine);
  for (unsigned i = 0; i < 50; i++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_usleep (500);
    }
  close (fd);
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  top = g_dir_make_tmp ("viv-XXXXXX", NULL);
  g_setenv ("XDG_RUNTIME_DIR", top, TRUE);
  g_setenv ("VIVARIUM_DATA_DIR", top, TRUE);
  g_setenv ("VIVARIUM_VMM", FAKE_VMM, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_autofree char *path = g_build_filename (top, "machines", NULL);
  g_setenv ("VIVARIUM_DATA_DIR", path, TRUE);
  viv_space_left = on_space_left;
  library = viv_local_host_new (NULL);
  g_test_add_func ("/launcher/stopped", test_stopped);
  g_test_add_func ("/launcher/dropped", test_dropped);
  g_test_add_func ("/launcher/let-go", test_let_go);
  g_test_add_func ("/launcher/purge-of-running", test_purge_of_running);
  g_test_add_func ("/launcher/failed-save", test_failed_save);
  g_test_add_func ("/launcher/low-space", test_low_space);
  g_test_add_func ("/launcher/hangs", test_hangs);
  g_test_add_func ("/launcher/rude", test_rude);
  g_test_add_func ("/launcher/liar", test_liar);
  g_test_add_func ("/launcher/owned", test_owned);
  g_test_add_func ("/launcher/medium-is-kept", test_medium_is_kept);
  g_test_add_func ("/launcher/life", test_life);
  g_test_add_func ("/launcher/found-again", test_found_again);
  g_test_add_func ("/launcher/killed", test_killed);
  g_test_add_func ("/launcher/calls", test_calls);
  g_test_add_func ("/launcher/caps-lock", test_caps_lock);
  g_test_add_func ("/launcher/pictures", test_pictures);
  g_test_add_func ("/launcher/serial-history", test_serial_history);
  g_test_add_func ("/launcher/bad-monitors", test_bad_monitors);
  g_test_add_func ("/launcher/given-up", test_given_up);
  int status = g_test_run ();
  g_object_unref (library);
  viv_remove_tree (top, NULL);
  g_free (top);
  return status;
}
