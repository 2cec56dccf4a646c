/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "confine"

#include "config.h"

#include "confine/helper-start.h"

#include "base/child.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <time.h>

int
helper_begin (const HelperProgram *program, int argc, char **argv, int *socket, gboolean *namespaces)
{
  gboolean no_namespaces = FALSE;
  const GOptionEntry entries[] = {
    { "no-namespaces", 0, 0, G_OPTION_ARG_NONE, &no_namespaces, "Confine it without namespaces of its own",
      NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (program->summary);
  g_autoptr (GError) error = NULL;
  guint64 number;

  setlocale (LC_CTYPE, "");
  if (argc == 2 && g_str_equal (argv[1], "--version"))
    {
      g_print ("%s %s\n", program->name, PACKAGE_VERSION);
      return 0;
    }
  if (argc < 3 || !g_str_equal (argv[1], "--socket")
      || !g_ascii_string_to_unsigned (argv[2], 10, CHILD_SOCKET, G_MAXINT, &number, NULL))
    {
      g_printerr ("%s is started by a machine's %s: %s --socket %d\n", program->name, program->starter,
                  program->name, CHILD_SOCKET);
      return 2;
    }
  argv[2] = argv[0];
  argc -= 2;
  argv += 2;
  g_option_context_add_main_entries (context, entries, NULL);
  if (program->entries != NULL)
    g_option_context_add_main_entries (context, program->entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc != 1)
    {
      g_printerr ("%s: %s\n", program->name, error != NULL ? error->message : "what is this for?");
      return 2;
    }
  signal (SIGPIPE, SIG_IGN);
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  *socket = (int)number;
  *namespaces = !no_namespaces;
  return -1;
}

void
helper_warm_up (void)
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

gboolean
helper_confine (const SandboxConfig *config)
{
  const char *environment = g_getenv ("VIVARIUM_SANDBOX");
  SandboxConfig walls = *config;
  g_autoptr (GError) error = NULL;

  walls.trap = g_strcmp0 (environment, "trap") == 0;
  /* A sanitizer's report needs files. */
  if (sandbox_is_sanitized () && g_strcmp0 (environment, "0") == 0)
    return TRUE;
  if (sandbox_enter (&walls, &error))
    return TRUE;
  g_printerr ("%s: %s\n", program_invocation_short_name, error->message);
  return FALSE;
}
