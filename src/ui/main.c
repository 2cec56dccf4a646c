/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium: the desktop application.
 */
#define G_LOG_DOMAIN "vivarium"

#include "config.h"

#include "ui/viv-application.h"

#include <glib/gi18n.h>

int
main (int argc, char **argv)
{
  g_autoptr (VivApplication) application = NULL;

  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_set_prgname (APP_ID);

  application = viv_application_new ();
  return g_application_run (G_APPLICATION (application), argc, argv);
}
