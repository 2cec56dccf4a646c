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
  { "create", N_ ("[OPTION…]"), N_ ("Makes a machine and keeps it."),
    N_ ("“vivctl create --name Debian --cdrom debian-12.iso --disk-size 20G” makes a machine with an empty disk; memory, "
        "processors and the rest follow the operating system on the medium where it is recognised."),
    cli_create },
  { "clone", N_ ("NAME [NEW]"), N_ ("Makes a machine with what another one has."),
    N_ ("Its disks, UEFI variables and TPM are copied; UUID and addresses of network cards are new.  A medium in a drive, disks that are "
        "read-only or throw changes away, and images elsewhere that nobody writes to serve both.  NAME must be off."),
    cli_clone },
  { "run", N_ ("[OPTION…]"), N_ ("Runs a throw-away machine until it ends or Ctrl-C."),
    N_ ("Other commands reach it by its name while it lives.  Its folder goes with it; the images are yours and stay."),
    cli_run },
  { "list", "", N_ ("Lists all machines."), NULL, cli_list },
  { "show", N_ ("NAME [KEY]"), N_ ("Shows a machine's state and settings, or one setting."), NULL, cli_show },
  { "set", N_ ("NAME KEY=VALUE…"), N_ ("Changes settings."),
    N_ ("KEY is GROUP.KEY, such as machine.memory or cdrom0.path.  “cdrom1=” takes a drive out.  “vivctl show NAME” lists the "
        "keys in use, “vivctl set --keys” all that there are.  A running machine follows at its next start."),
    cli_set },
  { "device", N_ ("NAME list|add|remove|set …"), N_ ("Lists, adds, removes and changes devices."),
    N_ ("  list                          what there is, of a running machine also where\n"
        "  add KIND[,KEY=VALUE…]         such as disk,path=/images/b.img; a comma in a value is written twice\n"
        "  remove ID                     an image stays\n"
        "  set ID.KEY=VALUE…             such as cdrom0.path=/images/cd.iso; nothing behind the = empties it\n"
        "Relative paths begin here, other than those of “vivctl set”.  A running machine follows at once where it can, else "
        "at its next start, which is said."),
    cli_device },
  { "start", N_ ("NAME | --autostart"), N_ ("Starts a machine, or those that want to be."), NULL, cli_start },
  { "stop", N_ ("NAME"), N_ ("Presses the power button and waits for the end; --force pulls the plug."), NULL,
    cli_stop },
  { "reset", N_ ("NAME"), N_ ("Resets a running machine."), NULL, cli_reset },
  { "sleep", N_ ("NAME"), N_ ("Presses the sleep button; one more press wakes the machine."), NULL,
    cli_press_sleep },
  { "pause", N_ ("NAME"), N_ ("Pauses a running machine."), NULL, cli_pause },
  { "resume", N_ ("NAME"), N_ ("Lets a paused machine go on."), NULL, cli_resume },
  { "save", N_ ("NAME FILE"), N_ ("Pauses a machine and saves its memory, processors and devices to a file."),
    N_ ("“vivctl start NAME --load FILE” goes on from there, with the same definition and disks."),
    cli_save },
  { "delete", N_ ("NAME"), N_ ("Moves a machine to the trash folder; --undo takes it back."), NULL,
    cli_delete },
  { "screenshot", N_ ("NAME FILE.png"), N_ ("Writes a picture of the screen."), NULL, cli_screenshot },
  { "text", N_ ("NAME"), N_ ("Prints the text-mode screen."), NULL, cli_text },
  { "wait", N_ ("NAME"), N_ ("Waits for a text on the screen or the serial line, or for a state."),
    N_ ("The status is 1 after the timeout, and the last screen is printed."), cli_wait },
  { "type", N_ ("NAME TEXT"), N_ ("Types a text as a US keyboard would."),
    N_ ("\\n in TEXT is Enter, \\t Tab, \\e Escape, \\\\ a backslash."), cli_type },
  { "key", N_ ("NAME CHORD…"), N_ ("Presses keys: ctrl-alt-delete, f10, shift-a, ret …"), NULL, cli_key },
  { "pointer", N_ ("[--relative] NAME ACTION…"), N_ ("Moves and clicks the pointer."),
    N_ ("Actions, done in turn:\n"
        "  move X Y         to a pixel of the present mode\n"
        "  --relative, then move DX DY: by so many counts, as a mouse does\n"
        "  click BUTTON     left, middle, right, side, extra\n"
        "  down BUTTON, up BUTTON   hold and let go, within one command\n"
        "  wheel N          clicks, positive is towards the user\n"
        "  touch N X Y      finger 0 to 9 of a touchscreen comes to a pixel, or moves there\n"
        "  lift N           it leaves\n"
        "  sleep MS"),
    cli_pointer },
  { "media", N_ ("NAME [DRIVE [FILE]]"), N_ ("Lists the drives of a running machine, or changes a medium."),
    N_ ("An empty FILE (\"\") ejects."), cli_media },
  { "serial", N_ ("NAME"), N_ ("Connects the terminal to a serial port; Ctrl-] leaves."), NULL, cli_serial },
  { "console", N_ ("NAME"), N_ ("Connects the terminal to a virtio console; Ctrl-] leaves."),
    N_ ("A machine has one behind “vivctl device NAME add console”; its system shows it as hvc0."),
    cli_console },
  { "balloon", N_ ("NAME [SIZE]"), N_ ("Says how much memory the system has, or what it is to do with."),
    N_ ("SIZE is such as 512M; “all” gives it all back.  A machine has a balloon behind “vivctl device NAME add balloon”, and its "
        "system needs a driver for it."),
    cli_balloon },
  { "vsock", N_ ("NAME PORT"),
    N_ ("Connects standard input and output to a socket of the system’s (AF_VSOCK)."),
    N_ ("A machine has them behind “vivctl device NAME add vsock”.  The system reaches this computer as context 2."),
    cli_vsock },
  { "forward", N_ ("NAME [test]"), N_ ("Lists the ports of this computer that lead to a machine."),
    N_ ("With “test” it is asked whether the system answers there; the status is 1 if one doesn't.  “vivctl device NAME set "
        "net0.forward=tcp:127.0.0.1:2222-:22” changes them."),
    cli_forward },
  { "vnc", N_ ("NAME on|off|show"), N_ ("Serves the screen over VNC."), NULL, cli_vnc },
  { "usb", N_ ("list [NAME] | connect NAME DEVICE | disconnect NAME ID | rule DEVICE"),
    N_ ("Lists USB devices of this computer, or has a running machine use one."),
    N_ ("DEVICE is as “list” has it, VENDOR:PRODUCT or VENDOR:PRODUCT:SERIAL, or one of the machine's own such as usb1.  “vivctl "
        "device NAME add usb” and “vivctl set NAME usb1.host=DEVICE” have the machine use it from its next start on.  “rule” prints what gives you the "
        "right to open a device."),
    cli_usb },
  { "debug", N_ ("NAME"), N_ ("Lets gdb at a running machine, until Ctrl-C."),
    N_ ("Without --port or --socket it listens at a UNIX socket that only you can reach.  Processors are gdb's threads.  When "
        "gdb leaves, its breakpoints go and the machine runs on.  “vivctl run --gdb PORT --paused” stands at the first "
        "instruction."),
    cli_debug },
  { "monitor", N_ ("NAME"), N_ ("Looks into a running machine: registers, memory, page tables, devices."),
    N_ ("Without --command it reads commands until “quit”; “help” lists them.  Looking changes nothing."),
    cli_monitor },
  { "dump", N_ ("NAME FILE"), N_ ("Writes a machine's memory to a core file that gdb and crash read."),
    N_ ("A machine that runs stands meanwhile.  Memory is at its physical addresses and, of a system of 64 bits, where its "
        "kernel has it."),
    cli_dump },
  { "view", N_ ("NAME"), N_ ("Opens the machine's screen."), NULL, cli_view },
  { "os", N_ ("list | show ID"), N_ ("Lists operating systems, or says what a machine gets for one."),
    N_ ("ID is libosinfo's short name, such as debian12, or one from the list."), cli_os },
  { "log", N_ ("NAME"), N_ ("Prints the end of the machine's log."), NULL, cli_log },
  { "host", "", N_ ("Says what this host offers to machines, and how to mend what it lacks."), NULL,
    cli_host },
  { NULL },
};

static void
print_help (void)
{
  g_print (_ ("Usage: vivctl COMMAND [ARGUMENT…]\n\nMachines from the command line.\n\n"));
  for (const CliCommand *command = cli_commands; command->name != NULL; command++)
    g_print ("  %-11s %s\n", command->name, _ (command->summary));
  g_print (_ (
      "\n“vivctl COMMAND --help” says more.  Machines go by their name or the first letters of their UUID.\n"
      "The exit status is 0 for done, 1 for failed, 2 for a command that can't be understood.\n"));
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
  return cli_usage (_ ("there is no command “%s”; “vivctl --help” lists them"), argv[1]);
}
