/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * os: what is known of operating systems.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/plan.h"

static int
list_all (gboolean json)
{
  g_auto (GStrv) list = os_profile_list ();
  GVariantBuilder all;

  g_variant_builder_init (&all, G_VARIANT_TYPE ("aa{sv}"));
  for (char **p = list; *p != NULL; p += 2)
    {
      if (json)
        {
          g_variant_builder_open (&all, G_VARIANT_TYPE ("a{sv}"));
          g_variant_builder_add (&all, "{sv}", "id", g_variant_new_string (p[0]));
          g_variant_builder_add (&all, "{sv}", "name", g_variant_new_string (p[1]));
          g_variant_builder_close (&all);
        }
      else
        g_print ("%-16s %s\n", p[0], _ (p[1]));
    }
  if (json)
    cli_print_json (g_variant_builder_end (&all));
  else
    g_variant_builder_clear (&all);
  return EXIT_DONE;
}

/* What a machine gets: all that plan_set_system() sets, and a disk. */
static int
show_one (const char *id, gboolean json)
{
  g_autoptr (OsProfile) profile = os_profile_lookup (id);
  g_autoptr (MachineDefinition) definition = plan_empty (profile->name);
  GVariantBuilder facts;

  plan_add_new_disk (definition);
  plan_set_system (definition, id);
  g_variant_builder_init (&facts, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&facts, "{sv}", "id", g_variant_new_string (profile->id));
  g_variant_builder_add (&facts, "{sv}", "name", g_variant_new_string (profile->name));
  g_variant_builder_add (&facts, "{sv}", "family", g_variant_new_string (profile->family));
  g_variant_builder_add (&facts, "{sv}", "lacks",
                         g_variant_new_strv ((const char *const *)profile->lacks, -1));
  if (!json)
    g_print ("%s (%s)\n", _ (profile->name), profile->id);
  for (guint i = 0; i < definition->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (definition->devices, i);
      gboolean told = FALSE;

      for (const DefinitionKey *key = device->kind->keys; key->name != NULL; key++)
        {
          g_autofree char *full = g_strconcat (device->id, ".", key->name, NULL);
          g_autofree char *value = definition_get (definition, full, NULL);

          if (g_str_equal (full, "machine.name") || g_str_equal (full, "machine.uuid")
              || g_strcmp0 (value, key->fallback) == 0 || value == NULL || *value == '\0')
            continue;
          told = TRUE;
          g_variant_builder_add (&facts, "{sv}", full, g_variant_new_string (value));
          if (!json)
            g_print ("  %-26s %s\n", full, value);
        }
      /* One that is as it comes. */
      if (told || device->kind->most == 0)
        continue;
      g_variant_builder_add (&facts, "{sv}", device->id, g_variant_new_boolean (TRUE));
      if (!json)
        g_print ("  %s\n", device->id);
    }
  for (char **lack = profile->lacks; *lack != NULL && !json; lack++)
    g_print ("%s\n", *lack);
  if (json)
    cli_print_json (g_variant_builder_end (&facts));
  else
    g_variant_builder_clear (&facts);
  return EXIT_DONE;
}

int
cli_os (int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("As JSON"), NULL },
    { NULL },
  };
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 2, &status))
    return status;
  if (argc == 2 && g_str_equal (argv[1], "list"))
    return list_all (json);
  if (argc == 3 && g_str_equal (argv[1], "show"))
    return show_one (argv[2], json);
  return cli_usage (_ ("usage: vivctl os list, or vivctl os show ID"));
}
