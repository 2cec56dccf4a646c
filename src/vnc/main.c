/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-vnc: the screens of one machine over VNC.  The machine's monitor has it started and tells it the rest over a socket; people have no
 * use for it.
 */
#define G_LOG_DOMAIN "viv-vnc"

#include "confine/helper-start.h"
#include "vnc/vnc-helper.h"
#include "vnc/vnc-peer.h"

#include <errno.h>
#include <malloc.h>

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

/* Clipboards.  A converter is a library, which stays loaded while one is open. */
static void
warm_up_libraries (void)
{
  static GIConv converters[2];

  converters[0] = g_iconv_open ("ISO-8859-1", "UTF-8");
  converters[1] = g_iconv_open ("UTF-8", "ISO-8859-1");
  (void)converters;
  vnc_peer_warm_up ();
}

int
main (int argc, char **argv)
{
  const HelperProgram program
      = { .name = "vivarium-vnc", .starter = "monitor", .summary = "- the screens of a machine" };
  gboolean namespaces = TRUE;
  int socket;
  const int status = helper_begin (&program, argc, argv, &socket, &namespaces);

  if (status >= 0)
    return status;
  /* A thread a client: an arena for each would only spread memory. */
  mallopt (M_ARENA_MAX, 2);
  helper_warm_up ();
  warm_up_libraries ();
  /* Before its monitor is heard. */
  if (!helper_confine (&(SandboxConfig){ .helper = TRUE, .namespaces = namespaces }))
    {
      vnc_helper_refuse (socket, VNC_FAILURE_CONFINE, EPERM);
      return 1;
    }
  VncHelper *helper = vnc_helper_new (socket);
  return helper != NULL ? serve (helper) : 1;
}
