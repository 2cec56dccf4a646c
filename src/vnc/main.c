/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-vnc: the screens of one machine over VNC.  The machine's monitor has it started and tells it the rest over a socket; people have no
 * use for it.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "config.h"

#include "base/child.h"
#include "vnc/confine.h"
#include "vnc/vnc-helper.h"

#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>

static void
on_ended (void *opaque)
{
  g_main_loop_quit (opaque);
}

static int
serve (VncHelper *helper)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  int status = 1;

  if (vnc_helper_start (helper, on_ended, loop))
    {
      g_main_loop_run (loop);
      status = 0;
    }
  vnc_helper_free (helper);
  return status;
}

int
main (int argc, char **argv)
{
  guint64 socket = 0;

  /* What it says is for the log: no catalogues of translations. */
  setlocale (LC_CTYPE, "");
  if (argc == 2 && g_str_equal (argv[1], "--version"))
    {
      g_print ("vivarium-vnc %s\n", PACKAGE_VERSION);
      return 0;
    }
  if ((argc != 3 && argc != 4) || (argc == 4 && !g_str_equal (argv[3], "--no-namespaces"))
      || !g_str_equal (argv[1], "--socket")
      || !g_ascii_string_to_unsigned (argv[2], 10, CHILD_SOCKET, G_MAXINT, &socket, NULL))
    {
      g_printerr ("vivarium-vnc is started by a machine's monitor: vivarium-vnc --socket %d\n", CHILD_SOCKET);
      return 2;
    }
  /* A thread a client: an arena for each would only spread memory. */
  mallopt (M_ARENA_MAX, 2);
  /* It ends when the monitor does, which hears these itself. */
  signal (SIGPIPE, SIG_IGN);
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  confine_warm_up ();
  /* Before its monitor is heard. */
  const gboolean confined = confine_helper (argc == 3);
  if (!confined)
    {
      vnc_helper_refuse ((int)socket, VNC_FAILURE_CONFINE, EPERM);
      return 1;
    }
  VncHelper *helper = vnc_helper_new ((int)socket);
  return helper != NULL ? serve (helper) : 1;
}
