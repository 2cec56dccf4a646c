/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-net: the network of one machine, behind this computer's address.  The machine's monitor has it started and tells it the rest over a socket; people have no
 * use for it.
 */
#define G_LOG_DOMAIN "viv-net"

#include "config.h"

#include "base/child.h"
#include "confine/sandbox.h"
#include "nat/nat-helper.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINES_A_MINUTE 20

/* What a guest can make the library say it can make it say without end. */
static void
on_library_log (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  static gint64 window;
  static unsigned n;
  const gint64 now = g_get_monotonic_time ();

  if (now - window > G_TIME_SPAN_MINUTE)
    {
      window = now;
      n = 0;
    }
  if (level & G_LOG_FLAG_FATAL)
    g_log_default_handler (domain, level, message, data);
  else if ((level & G_LOG_LEVEL_MASK) <= G_LOG_LEVEL_MESSAGE && n++ < LINES_A_MINUTE)
    g_message ("%s", message);
}

/* What libraries open at their first use and could not behind the walls. */
static void
warm_up (void)
{
  const char *charset;
  static GIConv converter; /* is a library, which stays loaded while it is open */

  g_setenv ("TZ", g_file_test ("/etc/localtime", G_FILE_TEST_EXISTS) ? ":/etc/localtime" : "UTC", FALSE);
  g_time_zone_unref (g_time_zone_new_local ());
  tzset ();
  if (!g_get_charset (&charset))
    converter = g_iconv_open (charset, "UTF-8");
  (void)converter;
  g_random_int ();
}

/* The host's name servers stand in a file that somebody else writes anew: where that has a folder of its own, the folder. */
static char *
resolver_folder (void)
{
  char real[PATH_MAX];

  if (realpath ("/etc/resolv.conf", real) == NULL || !g_str_has_prefix (real, "/run/"))
    return NULL;
  return g_path_get_dirname (real);
}

static gboolean
confine (const char *tftp)
{
  const char *environment = g_getenv ("VIVARIUM_SANDBOX");
  g_autofree char *folder = resolver_folder ();
  const char *readable[4] = { "/etc/resolv.conf" };
  unsigned n = 1;
  g_autoptr (GError) error = NULL;

  if (folder != NULL)
    readable[n++] = folder;
  if (tftp != NULL)
    readable[n] = tftp;
  const SandboxConfig config
      = { .network = TRUE, .readable = readable, .trap = g_strcmp0 (environment, "trap") == 0 };
  /* A sanitizer's report needs files. */
  if (sandbox_is_sanitized () && g_strcmp0 (environment, "0") == 0)
    return TRUE;
  if (sandbox_enter (&config, &error))
    return TRUE;
  g_printerr ("%s\n", error->message);
  return FALSE;
}

int
main (int argc, char **argv)
{
  guint64 socket = 0;
  char *tftp = NULL;
  gboolean no_namespaces = FALSE;
  const GOptionEntry entries[] = {
    { "tftp", 0, 0, G_OPTION_ARG_FILENAME, &tftp, "A folder that the guest may read by TFTP", "FOLDER" },
    { "no-namespaces", 0, 0, G_OPTION_ARG_NONE, &no_namespaces, "Has no meaning here", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- the network of a machine");

  /* What it says is for the log: no catalogues of translations. */
  setlocale (LC_CTYPE, "");
  if (argc == 2 && g_str_equal (argv[1], "--version"))
    {
      g_print ("vivarium-net %s\n", PACKAGE_VERSION);
      return 0;
    }
  if (argc < 3 || !g_str_equal (argv[1], "--socket")
      || !g_ascii_string_to_unsigned (argv[2], 10, CHILD_SOCKET, G_MAXINT, &socket, NULL))
    {
      g_printerr ("vivarium-net is started by a machine's monitor: vivarium-net --socket %d\n", CHILD_SOCKET);
      return 2;
    }
  argv[2] = argv[0];
  argc -= 2;
  argv += 2;
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, NULL) || argc != 1)
    return 2;
  /* It ends when the monitor does, which hears these itself. */
  signal (SIGPIPE, SIG_IGN);
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  warm_up ();
  g_log_set_handler ("Slirp", G_LOG_LEVEL_MASK | G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION, on_library_log,
                     NULL);
  /* Before its monitor is heard. */
  if (!confine (tftp))
    {
      nat_helper_fail ((int)socket, NET_FAILURE_CONFINE, EPERM);
      return 1;
    }
  return nat_helper_serve ((int)socket, tftp) ? 0 : 1;
}
