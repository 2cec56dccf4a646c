/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * run: a throw-away machine in the foreground.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "cli/debug-listen.h"
#include "cli/run-folder.h"
#include "machine/local-machine.h"
#include "machine/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define UNNAMED "machine" /* until it is known what names are taken */

typedef struct
{
  MachineOptions machine;
  gboolean headless, paused, exit_on_crash, detach;
  char *gdb; /* where it may come in; NULL: nowhere */
  DebugListener *debugger;
  int door;   /* run-folder.h; -1: it isn't ours */
  char *uuid; /* of the machine that was made */
  int told;   /* with --detach: the parent waits here for our status; -1: nobody does */
} RunOptions;

static gboolean interrupted;

static gboolean
on_signal (gpointer data)
{
  interrupted = TRUE;
  return G_SOURCE_CONTINUE;
}

/* -- In the background -------------------------------------------------------------------------------- */

/* With --detach a process of ours stays behind as the machine's owner: it ends with the machine and takes the folder along.  TRUE in
 * that one; in the first, which waits until the machine runs, *status is what to return. */
static gboolean
go_behind (RunOptions *o, int *status)
{
  int fds[2];
  guint8 said = EXIT_FAILED;
  pid_t child;

  if (pipe2 (fds, O_CLOEXEC) != 0 || (child = fork ()) < 0)
    {
      g_printerr ("vivctl: %s\n", g_strerror (errno));
      *status = EXIT_FAILED;
      return FALSE;
    }
  if (child == 0)
    {
      close (fds[0]);
      setsid ();
      o->told = fds[1];
      return TRUE;
    }
  close (fds[1]);
  /* What ends without a word has failed. */
  while (read (fds[0], &said, 1) < 0 && errno == EINTR)
    ;
  close (fds[0]);
  *status = said;
  return FALSE;
}

/* Lets the first process go, and its terminal or pipe. */
static void
tell_status (RunOptions *o, int status)
{
  guint8 byte = status;
  int null;

  if (o->told < 0)
    return;
  null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  if (write (o->told, &byte, 1) != 1)
    g_debug ("nobody waits for us");
  close (o->told);
  o->told = -1;
  for (int fd = 0; null >= 0 && fd < 3; fd++)
    dup2 (null, fd);
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
      g_autofree char *base_name = viv_folder_name (name);
      g_autofree char *folder = g_build_filename (run_dir, base_name, NULL);
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
  g_autoptr (VivMachine) old = viv_local_machine_new (folder);
  cli_settle (old);
  if (viv_machine_is_busy (old))
    {
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING, _ ("“%s” runs already"), name);
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
  /* Before the door: it looks at files, which may be on a server that is away. */
  g_autoptr (MachineDefinition) definition = machine_options_build (
      &o->machine, o->machine.name != NULL ? o->machine.name : UNNAMED, FALSE, error);
  if (definition == NULL)
    return NULL;
  o->door = run_door_lock ();
  /* Of those that were killed, and had nobody left to tidy up. */
  viv_sweep_folders (run, "");
  name = o->machine.name != NULL ? g_strdup (o->machine.name) : propose_run_name (&o->machine, run);
  /* Unless --set has given it another. */
  if (g_str_equal (definition_text (definition, "machine.name"), UNNAMED)
      && !definition_set (definition, "machine.name", name, error))
    return NULL;
  o->uuid = g_strdup (definition_text (definition, "machine.uuid"));
  g_autofree char *base = viv_folder_name (name);
  folder = g_build_filename (run, base, NULL);
  if (!clear_folder (folder, name, error) || !viv_create_machine_folder (folder, definition, NULL, 0, error))
    return NULL;
  return viv_local_machine_new (folder);
}

static void
open_viewer (VivMachine *machine, gboolean headless)
{
  g_autoptr (GError) error = NULL;

  if (headless || view_spawn (machine, &error))
    return;
  g_printerr (
      _ ("vivctl: no window (%s); the machine runs headless, see “vivctl text %s” and “vivctl vnc %s on”\n"),
      error->message, viv_machine_get_name (machine), viv_machine_get_name (machine));
}

/* Until the machine is off, or somebody presses Ctrl-C. */
static int
stay (VivMachine *machine, SerialBridge *serial, const RunOptions *o)
{
  GAsyncResult *result = NULL;
  gboolean crashed = FALSE, told = FALSE, paused = FALSE;

  while (viv_machine_is_busy (machine) && !interrupted && !(serial != NULL && serial_bridge_closed (serial)))
    {
      if (!told && g_str_equal (viv_machine_get_state (machine), "crashed"))
        {
          told = TRUE;
          crashed = TRUE;
          g_printerr (_ ("vivctl: the machine has crashed\n%s\n"), viv_machine_get_state_reason (machine));
          if (o->exit_on_crash)
            break;
        }
      /* Why it paused by itself; a pause that somebody asked for has no reason. */
      gboolean trouble = g_str_equal (viv_machine_get_state (machine), "paused")
                         && *viv_machine_get_state_reason (machine) != '\0' && o->debugger == NULL;
      if (trouble && !paused)
        g_printerr (_ ("vivctl: the machine is paused. %s (vivctl resume “%s”)\n"),
                    viv_machine_get_state_reason (machine), viv_machine_get_name (machine));
      paused = trouble;
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
  return crashed ? EXIT_FAILED : EXIT_DONE;
}

/* The serial port that this terminal goes to; -1: none. */
static int
stdio_port (const RunOptions *o)
{
  for (int i = 0; o->machine.serials != NULL && o->machine.serials[i] != NULL; i++)
    if (g_str_equal (o->machine.serials[i], "stdio"))
      return i;
  return -1;
}

static unsigned
count_stdio (const RunOptions *o)
{
  unsigned n = 0;

  for (unsigned i = 0; o->machine.serials != NULL && o->machine.serials[i] != NULL; i++)
    n += g_str_equal (o->machine.serials[i], "stdio");
  return n;
}

static int
run (VivMachine *machine, RunOptions *o)
{
  VivStartOptions start = { .paused = o->paused, .owned = TRUE };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  SerialBridge *serial = NULL;

  if (o->gdb != NULL && (o->debugger = debug_listener_new (machine, o->gdb, 0, &error)) == NULL)
    return cli_fail (error);
  viv_machine_start (machine, &start, NULL, cli_on_result, &result);
  run_door_open (&o->door);
  if (!cli_finish (machine, &result, &error))
    return cli_fail (error);
  g_printerr ("%s: %s", viv_machine_get_name (machine), viv_machine_get_engine_reason (machine));
  if (*viv_machine_get_vnc_address (machine) != '\0')
    g_printerr (_ ("; VNC at %s"), viv_machine_get_vnc_address (machine));
  g_printerr ("\n");
  int port = stdio_port (o);
  if (port >= 0)
    {
      serial = serial_bridge_new (machine, (unsigned)port, TRUE, &error);
      if (serial == NULL)
        g_printerr (_ ("vivctl: no serial line: %s\n"), error->message);
      g_clear_error (&error);
    }
  if (o->debugger != NULL)
    g_printerr ("gdb -ex 'target remote %s'\n", debug_listener_address (o->debugger));
  open_viewer (machine, o->headless);
  if (o->detach)
    g_print ("%s\n", viv_machine_get_name (machine));
  tell_status (o, EXIT_DONE);
  int status = stay (machine, serial, o);
  serial_bridge_free (serial);
  g_clear_pointer (&o->debugger, debug_listener_free);
  return status;
}

static void
run_options_clear (RunOptions *o)
{
  run_door_open (&o->door);
  machine_options_clear (&o->machine);
  debug_listener_free (o->debugger);
  g_free (o->gdb);
  g_free (o->uuid);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RunOptions, run_options_clear)

int
cli_run (int argc, char **argv)
{
  g_auto (RunOptions) o = { .door = -1, .told = -1 };
  const GOptionEntry entries[] = {
    MACHINE_OPTION_ENTRIES (o.machine),
    { "detach", 0, 0, G_OPTION_ARG_NONE, &o.detach,
      N_ ("Return when the machine runs, and print its name; it ends by “vivctl stop”, or of itself"), NULL },
    { "name", 0, 0, G_OPTION_ARG_FILENAME, &o.machine.name, N_ ("What other commands call it"), N_ ("NAME") },
    { "headless", 0, 0, G_OPTION_ARG_NONE, &o.headless, N_ ("Open no window"), NULL },
    { "paused", 0, 0, G_OPTION_ARG_NONE, &o.paused, N_ ("Power on, but run nothing yet"), NULL },
    { "gdb", 0, 0, G_OPTION_ARG_FILENAME, &o.gdb,
      N_ ("Let gdb in at this port of 127.0.0.1, or UNIX socket; see “vivctl debug --help”"), N_ ("PORT") },
    { "exit-on-crash", 0, 0, G_OPTION_ARG_NONE, &o.exit_on_crash,
      N_ ("End when the guest can't go on, with status 1"), NULL },
    { NULL },
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 0, 0, &status))
    return status;
  if (count_stdio (&o) > 1)
    return cli_usage (_ ("this terminal can be connected to one serial port only"));
  if (count_stdio (&o) > 0 && o.detach)
    return cli_usage (_ (
        "--serial=stdio needs a terminal that stays; “vivctl serial” connects to a machine that runs detached"));
  /* Before there are threads, and before anything is made. */
  if (o.detach && !go_behind (&o, &status))
    return status;
  g_unix_signal_add (SIGINT, on_signal, NULL);
  g_unix_signal_add (SIGTERM, on_signal, NULL);
  g_unix_signal_add (SIGHUP, on_signal, NULL);
  g_autoptr (VivMachine) machine = make_machine (&o, &error);
  if (machine == NULL)
    status = cli_fail (error);
  else
    {
      status = run (machine, &o);
      run_folder_remove (viv_machine_get_folder (machine), o.uuid);
    }
  tell_status (&o, status);
  return status;
}
