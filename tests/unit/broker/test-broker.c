/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The program, and a monitor that was taken over (false-child.c): what it says ends the family with words, and nothing of it stays.
 */
#include "base/family.h"
#include "machine/folder-lock.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  char *folder, *definition, *socket, *lock, *log;
  GPid broker;
  int ready; /* what the broker tells who started it */
} Fixture;

/* An earlier machine of this user had no namespaces. */
static gboolean known_before;

static void
begin (Fixture *f, const char *how)
{
  g_autoptr (GError) error = NULL;
  int pipe_fds[2], log;

  f->folder = g_dir_make_tmp ("viv-broker-XXXXXX", &error);
  g_assert_no_error (error);
  f->definition = g_build_filename (f->folder, "machine.ini", NULL);
  f->socket = g_build_filename (f->folder, "control", NULL);
  f->lock = g_strconcat (f->socket, ".lock", NULL);
  f->log = g_build_filename (f->folder, "log", NULL);
  g_assert_true (g_file_set_contents (
      f->definition, "[machine]\nname=Test\nuuid=6f9619ff-8b86-4d01-b42d-00cf4fc964ff\n", -1, NULL));
  g_autofree char *known = g_build_filename (f->folder, "no-namespaces", NULL);
  if (known_before)
    g_assert_true (g_file_set_contents (known, "", 0, NULL));
  g_assert_cmpint (pipe (pipe_fds), ==, 0);
  fcntl (pipe_fds[0], F_SETFD, FD_CLOEXEC);
  log = open (f->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  g_autofree char *number = g_strdup_printf ("%d", pipe_fds[1]);
  const char *argv[]
      = { BROKER, "--definition", f->definition, "--socket", f->socket, "--ready-fd", number, NULL };
  g_auto (GStrv) env = g_environ_setenv (g_get_environ (), "VIVARIUM_VMM", FALSE_CHILD, TRUE);

  g_autofree char *folder_lock = g_build_filename (f->folder, VIV_LOCK_FILE, NULL);
  env = g_environ_setenv (env, "VIVARIUM_VNC", FALSE_CHILD, TRUE);
  env = g_environ_setenv (env, "VIVARIUM_FALSE_CHILD", how, TRUE);
  env = g_environ_setenv (env, "VIVARIUM_FOLDER_LOCK", folder_lock, TRUE);
  env = g_environ_setenv (env, "SECRET_TOKEN", "abc", TRUE);
  env = g_environ_setenv (env, "LANG", "C.UTF-8", TRUE);
  g_spawn_async_with_pipes_and_fds (NULL, argv, (const char *const *)env, G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                                    NULL, -1, log, log, &pipe_fds[1], &pipe_fds[1], 1, &f->broker, NULL, NULL,
                                    NULL, &error);
  g_assert_no_error (error);
  close (pipe_fds[1]);
  close (log);
  f->ready = pipe_fds[0];
}

/* Until "ready" has come; FALSE: the broker ended before. */
static gboolean
wait_ready (Fixture *f)
{
  char text[16];

  return read (f->ready, text, sizeof text) == 6;
}

/* Its wait(2) status, and nothing is left but what the user has. */
static int
finish (Fixture *f, char **log)
{
  int status;

  g_assert_cmpint (waitpid (f->broker, &status, 0), ==, f->broker);
  g_assert_false (g_file_test (f->socket, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (f->lock, G_FILE_TEST_EXISTS));
  /* The child has the lock as long as it lives. */
  g_assert_false (viv_folder_is_running (f->folder));
  g_assert_true (g_file_get_contents (f->log, log, NULL, NULL));
  close (f->ready);
  g_autofree char *lock = g_build_filename (f->folder, VIV_LOCK_FILE, NULL);
  g_unlink (lock);
  g_unlink (f->definition);
  g_unlink (f->log);
  g_assert_cmpint (g_rmdir (f->folder), ==, 0);
  g_free (f->folder);
  g_free (f->definition);
  g_free (f->socket);
  g_free (f->lock);
  g_free (f->log);
  return status;
}

/* -- Each is ended, by words ---------------------------------------------------------------------- */

static void
test_liar (gconstpointer how)
{
  g_autofree char *log = NULL;
  Fixture f;

  begin (&f, how);
  int status = finish (&f, &log);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
  g_assert_nonnull (strstr (log, "what no monitor says"));
}

/* -- Ends ----------------------------------------------------------------------------------------- */

static void
test_signal (void)
{
  g_autofree char *log = NULL;
  Fixture f;

  begin (&f, "signal");
  int status = finish (&f, &log);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGSEGV);
}

/* One that hears nothing is ended at once by SIGQUIT. */
static void
test_deaf (void)
{
  g_autofree char *log = NULL;
  Fixture f;

  begin (&f, "deaf");
  g_assert_true (wait_ready (&f));
  g_assert_true (viv_folder_is_running (f.folder));
  g_assert_true (g_file_test (f.socket, G_FILE_TEST_EXISTS));
  g_assert_cmpint (kill (f.broker, SIGTERM), ==, 0);
  g_assert_cmpint (kill (f.broker, SIGQUIT), ==, 0);
  int status = finish (&f, &log);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
}

/* However a broker ends, its child does; what it leaves, the next one replaces. */
static void
test_killed (void)
{
  g_autofree char *log = NULL;
  Fixture f;
  int status;

  begin (&f, "deaf");
  g_assert_true (wait_ready (&f));
  g_assert_cmpint (kill (f.broker, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (f.broker, &status, 0), ==, f.broker);
  while (viv_folder_is_running (f.folder))
    g_usleep (1000);
  close (f.ready);
  const char *argv[] = { BROKER, "--definition", f.definition, "--socket", f.socket, NULL };
  g_auto (GStrv) env = g_environ_setenv (g_get_environ (), "VIVARIUM_VMM", FALSE_CHILD, TRUE);
  env = g_environ_setenv (env, "VIVARIUM_FALSE_CHILD", "signal", TRUE);
  g_assert_true (g_spawn_async (NULL, (char **)argv, env,
                                G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &f.broker,
                                NULL));
  f.ready = open ("/dev/null", O_RDONLY);
  status = finish (&f, &log);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGSEGV);
}

/* The child has looked for itself, and ends with 0 if all was as it should be. */
static void
finish_well (Fixture *f, char **log)
{
  int status = finish (f, log);

  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

/* -- Others --------------------------------------------------------------------------------------- */

/* The first start is in vain; the next one is told at once. */
static void
test_namespaces (void)
{
  g_autofree char *log = NULL;
  Fixture f;

  begin (&f, "namespaces");
  g_assert_true (wait_ready (&f));
  g_autofree char *known = g_build_filename (f.folder, "no-namespaces", NULL);
  g_assert_cmpint (g_unlink (known), ==, 0);
  finish_well (&f, &log);
}

static void
test_knows_namespaces (void)
{
  g_autofree char *log = NULL;
  Fixture f;

  known_before = TRUE;
  begin (&f, "told");
  known_before = FALSE;
  g_assert_true (wait_ready (&f));
  g_autofree char *known = g_build_filename (f.folder, "no-namespaces", NULL);
  g_assert_cmpint (g_unlink (known), ==, 0);
  finish_well (&f, &log);
}

/* "helpers": so many in a minute, and none outlives the machine; "stubborn": one that doesn't leave when it is told to is ended. */
static void
test_helpers (gconstpointer how)
{
  g_autofree char *log = NULL;
  Fixture f;

  begin (&f, how);
  g_assert_true (wait_ready (&f));
  finish_well (&f, &log);
}

/* The folder is the broker's as long as that lives, whatever its monitor does with what it has. */
static void
test_lock (void)
{
  g_autofree char *log = NULL;
  Fixture f;

  begin (&f, "looks");
  g_assert_true (wait_ready (&f));
  g_assert_true (viv_folder_is_running (f.folder));
  g_assert_cmpint (viv_folder_find_monitor (f.folder), ==, f.broker);
  int fd = viv_folder_lock (f.folder, VIV_LOCK_DEFINITION, NULL);
  g_assert_cmpint (fd, >=, 0);
  viv_folder_unlock (fd);
  g_assert_cmpint (kill (f.broker, SIGQUIT), ==, 0);
  int status = finish (&f, &log);
  g_assert_true (WIFSIGNALED (status));
}

static void
test_flood (void)
{
  g_autofree char *log = NULL;
  Fixture f;

  begin (&f, "flood");
  int status = finish (&f, &log);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpuint (strlen (log), >, 15u << 20);
  g_assert_cmpuint (strlen (log), <=, (16u << 20) + 4096);
  g_assert_nonnull (strstr (log, "The log ends here"));
}

/* One file of two was whole when the monitor ended. */
static void
test_snapshot (void)
{
  g_autofree char *log = NULL;
  Fixture f;

  begin (&f, "snapshot");
  g_assert_true (wait_ready (&f));
  g_autofree char *folder = g_build_filename (f.folder, "snapshots", NULL),
                  *picture = g_build_filename (folder, "00000000-picture", NULL);
  siginfo_t ended;
  g_assert_cmpint (waitid (P_PID, (id_t)f.broker, &ended, WEXITED | WNOWAIT), ==, 0);
  g_assert_cmpint (g_unlink (picture), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0); /* so nothing else was there */
  finish_well (&f, &log);
  g_assert_nonnull (strstr (log, "was not opened"));
}

int
main (int argc, char **argv)
{
  static const char *const liars[] = { "size", "unknown", "late", "many", "often", "descriptor", "unread" };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (liars); i++)
    {
      g_autofree char *path = g_strconcat ("/broker/liar/", liars[i], NULL);
      g_test_add_data_func (path, liars[i], test_liar);
    }
  g_test_add_func ("/broker/signal", test_signal);
  g_test_add_func ("/broker/deaf", test_deaf);
  g_test_add_func ("/broker/killed", test_killed);
  g_test_add_func ("/broker/namespaces", test_namespaces);
  g_test_add_func ("/broker/knows-namespaces", test_knows_namespaces);
  g_test_add_data_func ("/broker/helpers", "helpers", test_helpers);
  g_test_add_data_func ("/broker/stubborn", "stubborn", test_helpers);
  g_test_add_func ("/broker/snapshot", test_snapshot);
  g_test_add_func ("/broker/lock", test_lock);
  g_test_add_func ("/broker/flood", test_flood);
  return g_test_run ();
}
