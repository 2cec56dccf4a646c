/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * start stop reset pause resume save delete
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "cli/run-folder.h"
#include "machine/folder-lock.h"
#include "machine/paths.h"

#include <stdlib.h>

/* A call on a running machine that gives nothing back. */
typedef void (*SimpleCall) (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer data);

static int
simple (int argc, char **argv, SimpleCall call)
{
  GAsyncResult *result = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (NULL, &argc, &argv, 1, 1, &status))
    return status;
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  call (machine, NULL, cli_on_result, &result);
  return cli_finish (machine, &result, &error) ? EXIT_DONE : cli_fail (error);
}

int
cli_reset (int argc, char **argv)
{
  return simple (argc, argv, viv_machine_reset);
}

int
cli_press_sleep (int argc, char **argv)
{
  return simple (argc, argv, viv_machine_sleep_button);
}

int
cli_pause (int argc, char **argv)
{
  return simple (argc, argv, viv_machine_pause);
}

int
cli_resume (int argc, char **argv)
{
  return simple (argc, argv, viv_machine_resume);
}

/* All that ask for it and don't run yet; one that fails doesn't keep the others. */
static int
start_all (const VivStartOptions *options)
{
  g_autoptr (GPtrArray) machines = cli_library ();
  int status = EXIT_DONE;

  for (guint i = 0; i < machines->len; i++)
    {
      VivMachine *machine = g_ptr_array_index (machines, i);
      GAsyncResult *result = NULL;
      GError *error = NULL;

      const MachineDefinition *definition = viv_machine_get_definition (machine);

      if (definition == NULL || !definition_flag (definition, "machine.autostart"))
        continue;
      cli_settle (machine);
      if (viv_machine_is_busy (machine))
        continue;
      viv_machine_start (machine, options, NULL, cli_on_result, &result);
      if (!cli_finish (machine, &result, &error))
        {
          g_prefix_error (&error, "%s: ", viv_machine_get_name (machine));
          status = cli_fail (error);
        }
    }
  return status;
}

int
cli_start (int argc, char **argv)
{
  VivStartOptions start = { 0 };
  gboolean view = FALSE, autostart = FALSE;
  g_autofree char *engine = NULL, *load = NULL, *vnc = NULL, *password = NULL;
  const GOptionEntry entries[] = {
    { "paused", 0, 0, G_OPTION_ARG_NONE, &start.paused, N_ ("Power on, but run nothing yet"), NULL },
    { "engine", 0, 0, G_OPTION_ARG_STRING, &engine, N_ ("auto, kvm, software or none, for this time"),
      N_ ("NAME") },
    { "load", 0, 0, G_OPTION_ARG_FILENAME, &load, N_ ("Go on from a saved state"), N_ ("FILE") },
    { "vnc", 0, 0, G_OPTION_ARG_STRING, &vnc, N_ ("Serve the screen over VNC"), N_ ("ADDRESS:PORT") },
    { "vnc-password-file", 0, 0, G_OPTION_ARG_FILENAME, &password, N_ ("File with the VNC password"),
      N_ ("FILE") },
    { "view", 0, 0, G_OPTION_ARG_NONE, &view, N_ ("Open the screen"), NULL },
    { "autostart", 0, 0, G_OPTION_ARG_NONE, &autostart,
      N_ ("Instead of NAME: all machines with machine.autostart=true that are off"), NULL },
    { NULL },
  };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 0, 1, &status))
    return status;
  start.engine = engine;
  if (autostart && (argc > 1 || load != NULL || vnc != NULL || password != NULL || view))
    return cli_usage (_ ("--autostart goes with --paused and --engine alone"));
  if (autostart)
    return start_all (&start);
  if (argc < 2)
    return cli_usage (_ ("which machine?"));
  g_autoptr (VivMachine) machine = cli_find (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  start.load = load;
  start.vnc_address = vnc;
  start.vnc_password_file = password;
  viv_machine_start (machine, &start, NULL, cli_on_result, &result);
  if (!cli_finish (machine, &result, &error) || (view && !view_spawn (machine, &error)))
    return cli_fail (error);
  return EXIT_DONE;
}

int
cli_save (int argc, char **argv)
{
  gboolean force = FALSE;
  const GOptionEntry entries[] = {
    { "force", 'f', 0, G_OPTION_ARG_NONE, &force, N_ ("Replace a file that exists"), NULL },
    { NULL },
  };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 2, 2, &status))
    return status;
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  g_autofree char *path = g_canonicalize_filename (argv[2], NULL);
  /* A FIFO or a device is written to, and loses nothing. */
  if (!force && g_file_test (path, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (&error, G_FILE_ERROR, G_FILE_ERROR_EXIST, _ ("%s exists; --force replaces it"), path);
      return cli_fail (error);
    }
  viv_machine_save_state (machine, path, NULL, cli_on_result, &result);
  return cli_finish (machine, &result, &error) ? EXIT_DONE : cli_fail (error);
}

/* What `vivctl run` left behind, if its own process is gone. */
static void
remove_throw_away (VivMachine *machine)
{
  g_autofree char *run = viv_run_dir (NULL);
  g_autofree char *parent = g_path_get_dirname (viv_machine_get_folder (machine));

  if (g_strcmp0 (run, parent) == 0 && !viv_folder_is_running (viv_machine_get_folder (machine)))
    run_folder_remove (viv_machine_get_folder (machine), viv_machine_get_uuid (machine));
}

int
cli_stop (int argc, char **argv)
{
  gboolean force = FALSE;
  double timeout = 60;
  const GOptionEntry entries[] = {
    { "force", 'f', 0, G_OPTION_ARG_NONE, &force, N_ ("Pull the plug"), NULL },
    { "timeout", 't', 0, G_OPTION_ARG_DOUBLE, &timeout,
      N_ ("How long the guest may take (60; 0: don't wait for it)"), N_ ("SECONDS") },
    { NULL },
  };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 1, &status))
    return status;
  g_autoptr (VivMachine) machine = cli_find (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  if (!viv_machine_is_busy (machine))
    {
      remove_throw_away (machine);
      return EXIT_DONE;
    }
  if (!force && !viv_machine_is_live (machine))
    return cli_fail (cli_not_live_error (machine));
  if (force)
    viv_machine_force_off (machine, NULL, cli_on_result, &result);
  else
    viv_machine_power_down (machine, NULL, cli_on_result, &result);
  if (!cli_finish (machine, &result, &error))
    return cli_fail (error);
  if (timeout <= 0 && !force)
    return EXIT_DONE;
  if (!cli_wait_off (machine, timeout))
    {
      g_printerr (
          _ ("vivctl: “%s” didn't turn itself off within %g seconds; “vivctl stop --force” pulls the plug\n"),
          viv_machine_get_name (machine), timeout);
      return EXIT_FAILED;
    }
  remove_throw_away (machine);
  return EXIT_DONE;
}

int
cli_delete (int argc, char **argv)
{
  gboolean purge = FALSE, undo = FALSE, list = FALSE;
  const GOptionEntry entries[] = {
    { "purge", 0, 0, G_OPTION_ARG_NONE, &purge, N_ ("For good, without a way back"), NULL },
    { "undo", 0, 0, G_OPTION_ARG_NONE, &undo, N_ ("Take NAME (or an entry of --list) back"), NULL },
    { "list", 0, 0, G_OPTION_ARG_NONE, &list, N_ ("List what is in the trash"), NULL },
    { NULL },
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 0, 1, &status))
    return status;
  g_autoptr (VivLocalHost) host = viv_local_host_new (NULL);
  const char *trash = viv_local_host_get_trash (host);
  if (list)
    {
      g_autoptr (GPtrArray) deleted = viv_trash_list (trash);
      for (guint i = 0; i < deleted->len; i++)
        g_print ("%s\n", ((VivTrashEntry *)deleted->pdata[i])->id);
      return EXIT_DONE;
    }
  if (argc != 2)
    return cli_usage (_ ("usage: vivctl delete [--purge|--undo] NAME"));
  if (undo)
    {
      g_autofree char *found = viv_trash_find (trash, argv[1], &error);
      g_autoptr (VivMachine) back = found != NULL ? viv_local_host_restore (host, found, &error) : NULL;
      if (back == NULL)
        return cli_fail (error);
      g_print ("%s\n", viv_machine_get_name (back));
      return EXIT_DONE;
    }
  g_autoptr (VivMachine) machine = viv_host_find (VIV_HOST (host), argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  cli_settle (machine);
  g_autofree char *entry = viv_local_host_trash (host, machine, &error);
  if (entry == NULL || (purge && !viv_trash_purge (trash, entry, &error)))
    return cli_fail (error);
  return EXIT_DONE;
}
