/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * debug: a running machine for gdb.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "cli/debug-listen.h"

#include <glib-unix.h>
#include <signal.h>

static gboolean
on_signal (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_CONTINUE;
}

int
cli_debug (int argc, char **argv)
{
  g_autofree char *port = NULL, *path = NULL, *bits = NULL, *slashed = NULL;
  gboolean interrupted = FALSE;
  const GOptionEntry entries[] = {
    { "port", 0, 0, G_OPTION_ARG_STRING, &port,
      N_ ("Listen at this port of 127.0.0.1, where any user of this computer can connect"), N_ ("N") },
    { "socket", 0, 0, G_OPTION_ARG_FILENAME, &path, N_ ("Listen at this UNIX socket"), N_ ("PATH") },
    { "bits", 0, 0, G_OPTION_ARG_STRING, &bits,
      N_ ("Registers for gdb: 32 for code of 16 and 32 bits, 64, or auto (by what runs)"), N_ ("BITS") },
    { NULL },
  };
  GError *error = NULL;
  int status;
  guint64 n_bits = 0;

  if (!cli_parse (entries, &argc, &argv, 1, 1, &status))
    return status;
  if (port != NULL && path != NULL)
    return cli_usage (_ ("give one of --port and --socket"));
  if (bits != NULL && !g_str_equal (bits, "auto")
      && (!g_ascii_string_to_unsigned (bits, 10, 32, 64, &n_bits, NULL) || (n_bits != 32 && n_bits != 64)))
    return cli_usage (_ ("“%s” are no bits: 32, 64 or auto"), bits);
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  slashed = path != NULL ? g_canonicalize_filename (path, NULL) : NULL;
  DebugListener *listener
      = debug_listener_new (machine, slashed != NULL ? slashed : port, (unsigned)n_bits, &error);
  if (listener == NULL)
    return cli_fail (error);
  g_print ("gdb -ex 'target remote %s'\n", debug_listener_address (listener));
  g_printerr (_ (
      "vivctl: Ctrl-C ends listening.  For code of 16 bits: --bits 32 here, and “set architecture i8086” in "
      "gdb; “monitor help” there lists more commands.\n"));
  g_unix_signal_add (SIGINT, on_signal, &interrupted);
  g_unix_signal_add (SIGTERM, on_signal, &interrupted);
  g_unix_signal_add (SIGHUP, on_signal, &interrupted);
  while (!interrupted && viv_machine_is_busy (machine))
    g_main_context_iteration (NULL, TRUE);
  debug_listener_free (listener);
  return EXIT_DONE;
}
