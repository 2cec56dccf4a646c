/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vnc and media.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"

#include <unistd.h>

int
cli_vnc (int argc, char **argv)
{
  g_autofree char *address = NULL, *password = NULL, *password_path = NULL;
  const GOptionEntry entries[] = {
    { "address", 0, 0, G_OPTION_ARG_STRING, &address, "Where (127.0.0.1 and a free port from 5900 on)",
      "ADDRESS:PORT" },
    { "password-file", 0, 0, G_OPTION_ARG_FILENAME, &password, "The password is its first line", "FILE" },
    { NULL },
  };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 2, 2, &status))
    return status;
  gboolean on = g_str_equal (argv[2], "on"), off = g_str_equal (argv[2], "off"),
           show = g_str_equal (argv[2], "show");
  if (!on && !off && !show)
    return cli_usage ("“%s” is neither on nor off nor show", argv[2]);
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  if (show)
    {
      if (*viv_machine_get_vnc_address (machine) == '\0')
        {
          g_printerr ("vivctl: VNC is off\n");
          return EXIT_FAILED;
        }
      g_print ("%s\n", viv_machine_get_vnc_address (machine));
      return EXIT_DONE;
    }
  if (off)
    {
      viv_machine_vnc_stop (machine, NULL, cli_on_result, &result);
      return cli_finish (machine, &result, &error) ? EXIT_DONE : cli_fail (error);
    }
  password_path = password != NULL ? g_canonicalize_filename (password, NULL) : NULL;
  viv_machine_vnc_start (machine, address, password_path, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  g_autofree char *actual = viv_machine_vnc_start_finish (machine, done, &error);
  if (actual == NULL)
    return cli_fail (error);
  g_print ("%s\n", actual);
  return EXIT_DONE;
}

int
cli_media (int argc, char **argv)
{
  gboolean readonly = FALSE;
  const GOptionEntry entries[] = {
    { "read-only", 0, 0, G_OPTION_ARG_NONE, &readonly, "The machine can't write to it", NULL },
    { NULL },
  };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 3, &status))
    return status;
  if (argc == 3)
    return cli_usage ("give the FILE too; \"\" ejects");
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  if (argc == 4)
    {
      g_autofree char *path = *argv[3] != '\0' ? g_canonicalize_filename (argv[3], NULL) : NULL;
      viv_machine_change_media (machine, argv[2], path,
                                readonly || (path != NULL && access (path, W_OK) != 0), NULL, cli_on_result,
                                &result);
      return cli_finish (machine, &result, &error) ? EXIT_DONE : cli_fail (error);
    }
  viv_machine_list_drives (machine, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  g_autoptr (GVariant) drives = viv_machine_list_drives_finish (machine, done, &error);
  if (drives == NULL)
    return cli_fail (error);
  GVariantIter iter;
  const char *id, *kind, *path;
  gboolean fixed;
  g_variant_iter_init (&iter, drives);
  while (g_variant_iter_next (&iter, "(&s&s&sb)", &id, &kind, &path, &fixed))
    g_print ("%-9s %-10s %s\n", id, fixed ? "read-only" : "", *path != '\0' ? path : "(empty)");
  return EXIT_DONE;
}
