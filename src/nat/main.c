/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-net: the network of one machine, behind this computer's address.  The machine's monitor has it started and tells it the rest over a socket; people have no
 * use for it.
 */
#define G_LOG_DOMAIN "viv-net"

#include "confine/helper-start.h"
#include "nat/nat-helper.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

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
  g_autofree char *folder = resolver_folder ();
  const char *readable[4] = { "/etc/resolv.conf" };
  unsigned n = 1;

  if (folder != NULL)
    readable[n++] = folder;
  if (tftp != NULL)
    readable[n] = tftp;
  return helper_confine (&(SandboxConfig){ .network = TRUE, .readable = readable });
}

int
main (int argc, char **argv)
{
  g_autofree char *tftp = NULL;
  const GOptionEntry entries[] = {
    { "tftp", 0, 0, G_OPTION_ARG_FILENAME, &tftp, "A folder that the guest may read by TFTP", "FOLDER" },
    { NULL },
  };
  const HelperProgram program = {
    .name = "vivarium-net", .starter = "monitor", .summary = "- the network of a machine", .entries = entries
  };
  gboolean namespaces; /* the host's network is its work: it has none of its own */
  int socket;
  const int status = helper_begin (&program, argc, argv, &socket, &namespaces);

  if (status >= 0)
    return status;
  helper_warm_up ();
  g_log_set_handler ("Slirp", G_LOG_LEVEL_MASK | G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION, on_library_log,
                     NULL);
  /* Before its monitor is heard. */
  if (!confine (tftp))
    {
      nat_helper_fail (socket, NET_FAILURE_CONFINE, EPERM);
      return 1;
    }
  return nat_helper_serve (socket, tftp) ? 0 : 1;
}
