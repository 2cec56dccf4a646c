/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * balloon: how much of its memory a machine's system is to do with.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"

#define TARGET_KEY "balloon0.target"

static int
show (VivMachine *machine)
{
  GAsyncResult *result = NULL;
  GError *error = NULL;
  guint64 actual, target;

  if (!viv_machine_is_live (machine))
    {
      g_autofree char *value = definition_get (viv_machine_get_definition (machine), TARGET_KEY, NULL);
      g_print ("%s\n", value);
      return EXIT_DONE;
    }
  viv_machine_statistics (machine, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  g_autoptr (GVariant) numbers = viv_machine_statistics_finish (machine, done, &error);
  if (numbers == NULL)
    return cli_fail (error);
  if (!g_variant_lookup (numbers, "balloon0.actual-bytes", "t", &actual)
      || !g_variant_lookup (numbers, "balloon0.target-bytes", "t", &target))
    {
      g_printerr (_ ("vivctl: “%s” was started without its balloon; it has it at its next start\n"),
                  viv_machine_get_name (machine));
      return EXIT_FAILED;
    }
  g_autofree char *has = definition_format_size (actual), *wanted = definition_format_size (target);
  /* Translators: sizes of memory, such as 512M. */
  g_print (_ ("%s, of which it is to keep %s\n"), has, wanted);
  return EXIT_DONE;
}

int
cli_balloon (int argc, char **argv)
{
  const GOptionEntry entries[] = { { NULL } };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  gboolean later = FALSE;
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 2, &status))
    return status;
  g_autoptr (VivMachine) machine = cli_find (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  cli_settle (machine);
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  if (definition == NULL)
    {
      g_printerr ("vivctl: %s\n", viv_machine_get_error (machine));
      return EXIT_FAILED;
    }
  if (definition_find (definition, "balloon0") == NULL)
    {
      g_printerr (_ ("vivctl: “%s” has no balloon; “vivctl device NAME add balloon” gives it one\n"),
                  viv_machine_get_name (machine));
      return EXIT_FAILED;
    }
  if (argc == 2)
    return show (machine);
  viv_machine_set_property (machine, TARGET_KEY, g_str_equal (argv[2], "all") ? "0" : argv[2], NULL,
                            cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  if (!viv_machine_set_property_finish (machine, done, &later, &error))
    return cli_fail (error);
  if (later)
    g_printerr (_ ("vivctl: “%s” runs; it follows at its next start\n"), viv_machine_get_name (machine));
  return EXIT_DONE;
}
