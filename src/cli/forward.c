/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * forward: the ports of this computer that lead to a machine, and whether it answers there.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/forward-test.h"

static const char *
describe (ForwardState state)
{
  static const char *const words[] = {
    [FORWARD_ANSWERS] = N_ ("answers"),
    [FORWARD_REFUSES] = N_ ("the system refuses: no program listens there"),
    [FORWARD_SILENT] = N_ ("the system doesn't answer"),
    [FORWARD_CLOSED] = N_ ("this computer's port is not open"),
    [FORWARD_UDP] = N_ ("not tested: UDP answers nobody whom it doesn't know"),
    [FORWARD_FAILED] = N_ ("not tested"),
  };

  return _ (words[state]);
}

/* FALSE: it was asked and doesn't answer. */
static gboolean
test_one (VivMachine *machine, const char *id, const char *text, GVariantBuilder *all, gboolean json)
{
  g_autoptr (GArray) list = net_forwards_parse (text);
  GAsyncResult *result = NULL;
  g_autoptr (GError) error = NULL;
  ForwardState state;

  if (list == NULL || list->len != 1)
    return TRUE;
  forward_test_async (machine, id, &g_array_index (list, NetForward, 0), NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  state = forward_test_finish (machine, done, &error);
  if (error != NULL)
    g_printerr ("vivctl: %s\n", error->message);
  if (json)
    g_variant_builder_add_parsed (all, "{'device': <%s>, 'forward': <%s>, 'state': <%s>}", id, text,
                                  forward_state_name (state));
  else
    g_print ("%-5s %s  %s\n", id, text, describe (state));
  return state == FORWARD_ANSWERS || state == FORWARD_UDP;
}

static gboolean
each (VivMachine *machine, const MachineDevice *net, gboolean test, GVariantBuilder *all, gboolean json)
{
  const char *list = machine_device_text (net, "forward");
  g_auto (GStrv) texts = g_strsplit (list != NULL ? list : "", ",", -1);
  gboolean good = TRUE;

  for (char **text = texts; *text != NULL; text++)
    {
      g_strstrip (*text);
      if (**text == '\0')
        continue;
      if (test)
        good = test_one (machine, net->id, *text, all, json) && good;
      else if (json)
        g_variant_builder_add_parsed (all, "{'device': <%s>, 'forward': <%s>}", net->id, *text);
      else
        g_print ("%-5s %s\n", net->id, *text);
    }
  return good;
}

int
cli_forward (int argc, char **argv)
{
  gboolean json = FALSE, good = TRUE, test;
  const GOptionEntry entries[]
      = { { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("As JSON"), NULL }, { NULL } };
  g_autoptr (VivMachine) machine = NULL;
  GVariantBuilder all;
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 2, &status))
    return status;
  test = argc == 3;
  if (test && !g_str_equal (argv[2], "test"))
    return cli_usage (_ ("“%s” is nothing to do with ports; “test” is"), argv[2]);
  machine = test ? cli_find_live (argv[1], &error) : cli_find (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  if (!test)
    cli_settle (machine);
  g_autoptr (MachineDefinition) definition = viv_machine_get_definition (machine) != NULL
                                                 ? definition_copy (viv_machine_get_definition (machine))
                                                 : NULL;
  if (definition == NULL)
    {
      g_printerr ("vivctl: %s\n", viv_machine_get_error (machine));
      return EXIT_FAILED;
    }
  g_variant_builder_init (&all, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < definition->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (definition->devices, i);

      if (g_str_equal (device->kind->name, "net"))
        good = each (machine, device, test, &all, json) && good;
    }
  if (json)
    cli_print_json (g_variant_builder_end (&all));
  else
    g_variant_builder_clear (&all);
  return good ? EXIT_DONE : EXIT_FAILED;
}
