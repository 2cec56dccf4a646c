/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivctl: machines from the command line.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/paths.h"

#include <locale.h>
#include <signal.h>

const CliCommand cli_commands[] = {
  { "create", "[OPTION…]", "Makes a machine and keeps it.",
    "“vivctl create --name Debian --cdrom debian-12.iso --disk-size 20G” makes a machine with an empty disk; memory, "
    "processors and the rest follow the operating system on the medium where it is recognised.",
    cli_create },
  { "run", "[OPTION…]", "Runs a throw-away machine until it ends or Ctrl-C.",
    "Other commands reach it by its name while it lives.  Its folder goes with it; the images are yours and stay.",
    cli_run },
  { "list", "", "Lists all machines.", NULL, cli_list },
  { "show", "NAME [KEY]", "Shows a machine's state and settings, or one setting.", NULL, cli_show },
  { "set", "NAME KEY=VALUE…", "Changes settings.",
    "KEY is GROUP.KEY, such as machine.memory or cdrom0.path.  “cdrom1=” takes a drive out.  “vivctl show NAME” lists the "
    "keys in use, “vivctl set --keys” all that there are.  A running machine follows at its next start.",
    cli_set },
  { "start", "NAME", "Starts a machine.", NULL, cli_start },
  { "stop", "NAME", "Presses the power button and waits for the end; --force pulls the plug.", NULL,
    cli_stop },
  { "reset", "NAME", "Resets a running machine.", NULL, cli_reset },
  { "pause", "NAME", "Pauses a running machine.", NULL, cli_pause },
  { "resume", "NAME", "Lets a paused machine go on.", NULL, cli_resume },
  { "save", "NAME FILE", "Pauses a machine and saves its memory, processors and devices to a file.",
    "“vivctl start NAME --load FILE” goes on from there, with the same definition and disks.", cli_save },
  { "delete", "NAME", "Moves a machine to the trash folder; --undo takes it back.", NULL, cli_delete },
  { "screenshot", "NAME FILE.png", "Writes a picture of the screen.", NULL, cli_screenshot },
  { "text", "NAME", "Prints the text-mode screen.", NULL, cli_text },
  { "wait", "NAME", "Waits for a text on the screen or the serial line, or for a state.",
    "The status is 1 after the timeout, and the last screen is printed.", cli_wait },
  { "type", "NAME TEXT", "Types a text as a US keyboard would.",
    "\\n in TEXT is Enter, \\t Tab, \\e Escape, \\\\ a backslash.", cli_type },
  { "key", "NAME CHORD…", "Presses keys: ctrl-alt-delete, f10, shift-a, ret …", NULL, cli_key },
  { "pointer", "[--relative] NAME ACTION…", "Moves and clicks the pointer.",
    "Actions, done in turn:\n"
    "  move X Y         to a pixel of the present mode\n"
    "  --relative, then move DX DY: by so many counts, as a mouse does\n"
    "  click BUTTON     left, middle, right, side, extra\n"
    "  down BUTTON, up BUTTON   hold and let go, within one command\n"
    "  wheel N          clicks, positive is towards the user\n"
    "  sleep MS",
    cli_pointer },
  { "media", "NAME [DRIVE [FILE]]", "Lists the drives of a running machine, or changes a medium.",
    "An empty FILE (\"\") ejects.", cli_media },
  { "serial", "NAME", "Connects the terminal to a serial port; Ctrl-] leaves.", NULL, cli_serial },
  { "vnc", "NAME on|off|show", "Serves the screen over VNC.", NULL, cli_vnc },
  { "view", "NAME", "Opens the machine's screen.", NULL, cli_view },
  { "log", "NAME", "Prints the end of the machine's log.", NULL, cli_log },
  { "host", "", "Says what this host offers to machines, and how to mend what it lacks.", NULL, cli_host },
  { NULL },
};

static void
print_help (void)
{
  g_print ("Usage: vivctl COMMAND [ARGUMENT…]\n\nMachines from the command line.\n\n");
  for (const CliCommand *command = cli_commands; command->name != NULL; command++)
    g_print ("  %-11s %s\n", command->name, command->summary);
  g_print (
      "\n“vivctl COMMAND --help” says more.  Machines go by their name or the first letters of their UUID.\n"
      "The exit status is 0 for done, 1 for failed, 2 for a command that can't be understood.\n");
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  viv_bind_text_domain ();
  cli_init_output ();
  signal (SIGPIPE, SIG_IGN);
  g_set_prgname ("vivctl");
  if (argc < 2)
    {
      print_help ();
      return EXIT_USAGE;
    }
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_help ();
      return EXIT_DONE;
    }
  if (g_str_equal (argv[1], "--version"))
    {
      g_print ("vivctl %s\n", PACKAGE_VERSION);
      return EXIT_DONE;
    }
  for (const CliCommand *command = cli_commands; command->name != NULL; command++)
    if (g_str_equal (command->name, argv[1]))
      return command->run (argc - 1, argv + 1);
  return cli_usage ("there is no command “%s”; “vivctl --help” lists them", argv[1]);
}
