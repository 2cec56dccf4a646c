/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * clone: a machine with what another one has.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/clone.h"

#include <unistd.h>

static void
on_progress (double fraction, gpointer data)
{
  g_printerr ("\r%3.0f %%", fraction * 100);
}

int
cli_clone (int argc, char **argv)
{
  gboolean new_tpm = FALSE;
  const GOptionEntry entries[] = {
    { "new-tpm", 0, 0, G_OPTION_ARG_NONE, &new_tpm,
      N_ ("The new machine's TPM begins empty; what the other one has sealed stays closed to it"), NULL },
    { NULL },
  };
  const gboolean terminal = isatty (STDERR_FILENO);
  g_autoptr (VivMachine) machine = NULL, made = NULL;
  GError *error = NULL;
  const VivNewImage *images;
  unsigned n;
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 2, &status))
    return status;
  g_autoptr (VivLocalHost) host = viv_local_host_new (NULL);
  machine = viv_host_find (VIV_HOST (host), argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  cli_settle (machine);
  if (viv_machine_get_definition (machine) == NULL)
    {
      g_printerr ("vivctl: %s\n", viv_machine_get_error (machine));
      return EXIT_FAILED;
    }
  g_autofree char *name = argc > 2 ? g_strdup (argv[2])
                                   : viv_host_propose_name (VIV_HOST (host), viv_machine_get_name (machine));
  if (!viv_host_check_name (VIV_HOST (host), name, NULL, &error))
    return cli_fail (error);
  g_autoptr (VivClone) clone = viv_clone_new (viv_host_get_folder (VIV_HOST (host)),
                                              viv_machine_get_definition (machine), name, new_tpm, &error);
  if (clone == NULL || !viv_clone_copy (clone, NULL, terminal ? on_progress : NULL, NULL, &error))
    return cli_fail (error);
  if (terminal)
    g_printerr ("\r     \r");
  images = viv_clone_images (clone, &n);
  made = viv_local_host_create (host, viv_clone_definition (clone), images, n, &error);
  if (made == NULL)
    return cli_fail (error);
  g_print ("%s\n", viv_machine_get_name (made));
  return EXIT_DONE;
}
