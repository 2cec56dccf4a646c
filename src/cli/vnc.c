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
    { "address", 0, 0, G_OPTION_ARG_STRING, &address, N_ ("Where (127.0.0.1 and a free port from 5900 on)"),
      N_ ("ADDRESS:PORT") },
    { "password-file", 0, 0, G_OPTION_ARG_FILENAME, &password, N_ ("The password is its first line"),
      N_ ("FILE") },
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
    return cli_usage (_ ("“%s” is neither on nor off nor show"), argv[2]);
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  if (show)
    {
      if (*viv_machine_get_vnc_address (machine) == '\0')
        {
          g_printerr (_ ("vivctl: VNC is off\n"));
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

static void
on_notice (VivMachine *machine, const char *text, gpointer data)
{
  g_printerr ("vivctl: %s\n", text);
}

static int
change_medium (VivMachine *machine, const char *drive, const char *file, gboolean readonly, gboolean force)
{
  g_autofree char *path = *file != '\0' ? g_canonicalize_filename (file, NULL) : NULL;
  gulong handler = g_signal_connect (machine, "notice", G_CALLBACK (on_notice), NULL);
  GAsyncResult *result = NULL;
  GError *error = NULL;

  /* A CD is never written; of a floppy or disk people expect that it is. */
  if (!readonly && path != NULL && access (path, W_OK) != 0)
    {
      readonly = TRUE;
      if (!g_str_has_prefix (drive, "cdrom"))
        g_printerr (_ ("vivctl: %s can't be written, so it is write-protected\n"), path);
    }
  (force ? viv_machine_force_media : viv_machine_change_media) (machine, drive, path, readonly, NULL,
                                                                cli_on_result, &result);
  gboolean done = cli_finish (machine, &result, &error);
  g_signal_handler_disconnect (machine, handler);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PENDING))
    {
      /* Translators: %s is why the drive's tray stays shut */
      g_autofree char *text = g_strdup_printf (_ ("%s; --force opens it all the same"), error->message);

      g_free (error->message);
      error->message = g_steal_pointer (&text);
    }
  return done ? EXIT_DONE : cli_fail (error);
}

int
cli_media (int argc, char **argv)
{
  gboolean readonly = FALSE, force = FALSE;
  const GOptionEntry entries[] = {
    { "read-only", 0, 0, G_OPTION_ARG_NONE, &readonly, N_ ("The machine can't write to it"), NULL },
    { "force", 0, 0, G_OPTION_ARG_NONE, &force, N_ ("Open a CD drive that the guest has locked"), NULL },
    { NULL },
  };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 3, &status))
    return status;
  if (argc == 3)
    return cli_usage (_ ("give the FILE too; \"\" ejects"));
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  if (argc == 4)
    return change_medium (machine, argv[2], argv[3], readonly, force);
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
    {
      g_autofree char *bytes = definition_path_from_text (path);
      g_print ("%-9s %-10s %s\n", id, fixed ? _ ("read-only") : "", *bytes != '\0' ? bytes : _ ("(empty)"));
    }
  return EXIT_DONE;
}
