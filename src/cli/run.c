/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * run: a throw-away machine in the foreground.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/paths.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>

typedef struct
{
  MachineOptions machine;
  gboolean headless, paused, exit_on_crash;
  char *serial;
} RunOptions;

static gboolean
on_signal (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_CONTINUE;
}

/* A name from what is run, so that other commands have something to call it by. */
static char *
propose_run_name (const MachineOptions *o, const char *run_dir)
{
  const char *what = o->kernel != NULL     ? o->kernel
                     : o->floppies != NULL ? o->floppies[0]
                     : o->cdroms != NULL   ? o->cdroms[0]
                     : o->disks != NULL    ? o->disks[0]
                                           : "machine";
  g_autofree char *base = g_path_get_basename (what);

  for (char *p = base; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && *p != '.' && *p != '-')
      *p = '_';
  if (base[0] == '.')
    base[0] = '_';
  if (strlen (base) > 40)
    base[40] = '\0';
  for (unsigned i = 1;; i++)
    {
      g_autofree char *name = i == 1 ? g_strdup (base) : g_strdup_printf ("%s-%u", base, i);
      g_autofree char *folder = g_build_filename (run_dir, name, NULL);
      if (!g_file_test (folder, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&name);
    }
}

/* The folder of the name, free to be made: what a run that was killed left there is removed. */
static gboolean
clear_folder (const char *folder, const char *name, GError **error)
{
  if (!g_file_test (folder, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autoptr (VivMachine) old = viv_machine_new (folder);
  cli_settle (old);
  if (viv_machine_is_busy (old))
    {
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING, "“%s” runs already", name);
      return FALSE;
    }
  return viv_remove_tree (folder, error);
}

static VivMachine *
make_machine (RunOptions *o, GError **error)
{
  g_autofree char *run = viv_run_dir (error);
  g_autofree char *name = NULL, *folder = NULL;

  if (run == NULL)
    return NULL;
  name = o->machine.name != NULL ? g_strdup (o->machine.name) : propose_run_name (&o->machine, run);
  g_autoptr (MachineDefinition) definition = machine_options_build (&o->machine, name, FALSE, error);
  if (definition == NULL)
    return NULL;
  folder = g_build_filename (run, name, NULL);
  if (!clear_folder (folder, name, error) || !viv_create_machine_folder (folder, definition, NULL, 0, error))
    return NULL;
  return viv_machine_new (folder);
}

static void
open_viewer (VivMachine *machine, gboolean headless)
{
  g_autoptr (GError) error = NULL;

  if (headless || view_spawn (machine, &error))
    return;
  g_printerr (
      "vivctl: no window (%s); the machine runs headless, see “vivctl text %s” and “vivctl vnc %s on”\n",
      error->message, viv_machine_get_name (machine), viv_machine_get_name (machine));
}

/* Until the machine is off, or somebody presses Ctrl-C. */
static int
stay (VivMachine *machine, SerialBridge *serial, const RunOptions *o)
{
  gboolean interrupted = FALSE, told = FALSE;
  guint sources[] = { g_unix_signal_add (SIGINT, on_signal, &interrupted),
                      g_unix_signal_add (SIGTERM, on_signal, &interrupted),
                      g_unix_signal_add (SIGHUP, on_signal, &interrupted) };
  GAsyncResult *result = NULL;
  gboolean crashed = FALSE;

  while (viv_machine_is_busy (machine) && !interrupted && !(serial != NULL && serial_bridge_closed (serial)))
    {
      if (!told && g_str_equal (viv_machine_get_state (machine), "crashed"))
        {
          told = TRUE;
          crashed = TRUE;
          g_printerr ("vivctl: the machine has crashed\n%s\n", viv_machine_get_state_reason (machine));
          if (o->exit_on_crash)
            break;
        }
      g_main_context_iteration (NULL, TRUE);
    }
  if (viv_machine_is_busy (machine))
    {
      viv_machine_force_off (machine, NULL, cli_on_result, &result);
      cli_finish (machine, &result, NULL);
    }
  else if (g_str_equal (viv_machine_get_state (machine), "crashed"))
    {
      crashed = TRUE;
      g_printerr ("vivctl: %s\n", viv_machine_get_state_reason (machine));
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  return crashed ? EXIT_FAILED : EXIT_DONE;
}

static int
run (VivMachine *machine, RunOptions *o)
{
  VivStartOptions start = { .paused = o->paused };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  SerialBridge *serial = NULL;

  viv_machine_start (machine, &start, NULL, cli_on_result, &result);
  if (!cli_finish (machine, &result, &error))
    return cli_fail (error);
  g_printerr ("%s: %s", viv_machine_get_name (machine), viv_machine_get_engine_reason (machine));
  if (*viv_machine_get_vnc_address (machine) != '\0')
    g_printerr ("; VNC at %s", viv_machine_get_vnc_address (machine));
  g_printerr ("\n");
  if (o->serial != NULL)
    {
      serial = serial_bridge_new (machine, 0, TRUE, &error);
      if (serial == NULL)
        g_printerr ("vivctl: no serial line: %s\n", error->message);
      g_clear_error (&error);
    }
  open_viewer (machine, o->headless);
  int status = stay (machine, serial, o);
  serial_bridge_free (serial);
  return status;
}

int
cli_run (int argc, char **argv)
{
  RunOptions o = { 0 };
  const GOptionEntry entries[] = {
    MACHINE_OPTION_ENTRIES (o.machine),
    { "name", 0, 0, G_OPTION_ARG_STRING, &o.machine.name, "What other commands call it", "NAME" },
    { "headless", 0, 0, G_OPTION_ARG_NONE, &o.headless, "Open no window", NULL },
    { "serial", 0, 0, G_OPTION_ARG_STRING, &o.serial, "stdio: connect this terminal to the serial port",
      "stdio" },
    { "paused", 0, 0, G_OPTION_ARG_NONE, &o.paused, "Power on, but run nothing yet", NULL },
    { "exit-on-crash", 0, 0, G_OPTION_ARG_NONE, &o.exit_on_crash,
      "End when the guest can't go on, with status 1", NULL },
    { NULL },
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 0, 0, &status))
    return status;
  if (o.serial != NULL && !g_str_equal (o.serial, "stdio"))
    return cli_usage ("--serial knows “stdio” only");
  g_autoptr (VivMachine) machine = make_machine (&o, &error);
  if (machine == NULL)
    status = cli_fail (error);
  else
    {
      status = run (machine, &o);
      viv_remove_tree (viv_machine_get_folder (machine), NULL);
    }
  machine_options_clear (&o.machine);
  g_free (o.serial);
  return status;
}
