/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium: the desktop application.
 */
#define G_LOG_DOMAIN "vivarium"

#include "config.h"

#include "machine/paths.h"
#include "ui/app/viv-application.h"

#include <locale.h>
#include <signal.h>

int
main (int argc, char **argv)
{
  g_autoptr (VivApplication) application = NULL;

  setlocale (LC_ALL, "");
  viv_bind_text_domain ();
  /* A program that reads from our clipboard, or a server, may go at any time. */
  signal (SIGPIPE, SIG_IGN);
  g_set_prgname (APP_ID);

  application = viv_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}
