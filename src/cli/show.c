/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * list, show and log: what there is.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/control-socket.h"
#include "machine/local-machine.h"
#include "machine/os-profile.h"
#include "machine/paths.h"

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return g_utf8_collate (viv_machine_get_name (*(VivMachine *const *)a),
                         viv_machine_get_name (*(VivMachine *const *)b));
}

static GVariant *
summary (VivMachine *machine)
{
  GVariantBuilder values;
  const struct
  {
    const char *key, *value;
  } texts[] = {
    { "name", viv_machine_get_name (machine) },
    { "uuid", viv_machine_get_uuid (machine) },
    { "state", viv_machine_get_state (machine) },
    { "state-reason", viv_machine_get_state_reason (machine) },
    { "error", viv_machine_get_error (machine) },
    { "engine", viv_machine_get_engine (machine) },
    { "engine-reason", viv_machine_get_engine_reason (machine) },
    { "walls", viv_machine_get_walls (machine) },
    { "vnc-address", viv_machine_get_vnc_address (machine) },
  };

  g_variant_builder_init (&values, G_VARIANT_TYPE_VARDICT);
  for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++)
    if (texts[i].value != NULL)
      g_variant_builder_add (&values, "{sv}", texts[i].key, g_variant_new_string (texts[i].value));
  /* Bytes, not text. */
  g_variant_builder_add (&values, "{sv}", "folder",
                         g_variant_new_bytestring (viv_machine_get_folder (machine)));
  g_variant_builder_add (&values, "{sv}", "pid", g_variant_new_int32 (viv_machine_get_pid (machine)));
  return g_variant_builder_end (&values);
}

int
cli_list (int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("As JSON"), NULL },
    { NULL },
  };
  int status;

  if (!cli_parse (entries, &argc, &argv, 0, 0, &status))
    return status;
  g_autoptr (GPtrArray) machines = cli_library ();
  g_autofree char *run = viv_run_dir (NULL), *runtime = viv_runtime_dir (NULL);
  /* The throw-away machines, too. */
  cli_collect (run, machines);
  g_ptr_array_sort (machines, compare_names);
  for (guint i = 0; i < machines->len; i++)
    cli_settle (g_ptr_array_index (machines, i));
  if (runtime != NULL)
    control_socket_sweep_all (runtime);
  if (json)
    {
      GVariantBuilder list;
      g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
      for (guint i = 0; i < machines->len; i++)
        g_variant_builder_add_value (&list, summary (g_ptr_array_index (machines, i)));
      cli_print_json (g_variant_builder_end (&list));
      return EXIT_DONE;
    }
  for (guint i = 0; i < machines->len; i++)
    {
      VivMachine *machine = g_ptr_array_index (machines, i);
      const char *uuid = viv_machine_get_uuid (machine);
      g_print ("%-12s %.8s  %s\n", viv_machine_get_state (machine), uuid != NULL ? uuid : "-",
               viv_machine_get_name (machine));
    }
  return EXIT_DONE;
}

/* -- show --------------------------------------------------------------------------------------------- */

/* Calls `func` with each setting in use. */
static void
each_setting (const MachineDefinition *definition,
              void (*func) (const char *key, const char *value, gpointer data), gpointer data)
{
  for (guint i = 0; i < definition->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (definition->devices, i);

      for (const DefinitionKey *key = device->kind->keys; key->name != NULL; key++)
        {
          g_autofree char *full = g_strconcat (device->id, ".", key->name, NULL);
          g_autofree char *value = definition_get (definition, full, NULL);
          /* Of a drive also that it is empty. */
          if (*value != '\0' || key->spelled)
            func (full, value, data);
        }
    }
}

static void
print_setting (const char *key, const char *value, gpointer data)
{
  g_print ("  %-26s %s\n", key, value);
}

/* Every key of every device with its value, and whence it is: "set", "profile" (set, as the system's profile proposes) or "default". */
static GVariant *
keys_and_origins (const MachineDefinition *definition)
{
  g_autoptr (OsProfile) profile = os_profile_lookup (definition_text (definition, "machine.os"));
  GVariantBuilder keys;

  g_variant_builder_init (&keys, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < definition->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (definition->devices, i);

      for (unsigned k = 0; device->kind->keys[k].name != NULL; k++)
        {
          g_autofree char *full = g_strconcat (device->id, ".", device->kind->keys[k].name, NULL);
          g_autofree char *value = definition_get (definition, full, NULL);
          g_autofree char *proposed = os_profile_value (profile, full);
          const char *origin = device->values[k] == NULL          ? "default"
                               : g_strcmp0 (proposed, value) == 0 ? "profile"
                                                                  : "set";
          GVariantBuilder one;
          g_variant_builder_init (&one, G_VARIANT_TYPE ("a{ss}"));
          g_variant_builder_add (&one, "{ss}", "value", value);
          g_variant_builder_add (&one, "{ss}", "origin", origin);
          g_variant_builder_add (&keys, "{sv}", full, g_variant_builder_end (&one));
        }
    }
  return g_variant_builder_end (&keys);
}

static void
add_setting (const char *key, const char *value, gpointer data)
{
  g_variant_builder_add (data, "{ss}", key, value);
}

/* What is in the drives now: a medium may have been changed, ejected by the guest, or write-protected. */
static void
print_drives (VivMachine *machine)
{
  GAsyncResult *result = NULL;
  GVariantIter iter;
  const char *id, *kind, *path;
  gboolean readonly;

  if (!viv_machine_is_live (machine))
    return;
  viv_machine_list_drives (machine, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  g_autoptr (GVariant) drives = viv_machine_list_drives_finish (machine, done, NULL);
  if (drives == NULL || g_variant_n_children (drives) == 0)
    return;
  g_print ("drives:\n");
  g_variant_iter_init (&iter, drives);
  while (g_variant_iter_next (&iter, "(&s&s&sb)", &id, &kind, &path, &readonly))
    {
      g_autofree char *bytes = definition_path_from_text (path);
      g_print ("  %-9s %-10s %s\n", id, readonly ? "read-only" : "", *path != '\0' ? bytes : "(empty)");
    }
}

static GVariant *
statistics (VivMachine *machine)
{
  GAsyncResult *result = NULL;

  if (!viv_machine_is_live (machine))
    return NULL;
  viv_machine_statistics (machine, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  return viv_machine_statistics_finish (machine, done, NULL);
}

/* After statistics(), whose answer comes behind the news of sizes that nobody had asked for. */
static GVariant *
screens (VivMachine *machine)
{
  GPtrArray *list = viv_machine_get_screens (machine);
  GVariantBuilder values;

  g_variant_builder_init (&values, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < list->len; i++)
    {
      const VivScreenInfo *screen = g_ptr_array_index (list, i);

      g_variant_builder_open (&values, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&values, "{sv}", "id", g_variant_new_uint32 (screen->id));
      g_variant_builder_add (&values, "{sv}", "name", g_variant_new_string (screen->name));
      g_variant_builder_add (&values, "{sv}", "width", g_variant_new_uint32 (screen->width));
      g_variant_builder_add (&values, "{sv}", "height", g_variant_new_uint32 (screen->height));
      g_variant_builder_add (&values, "{sv}", "vnc-address", g_variant_new_string (screen->vnc_address));
      g_variant_builder_close (&values);
    }
  return g_variant_builder_end (&values);
}

static void
show_json (VivMachine *machine)
{
  g_autoptr (GVariant) base = g_variant_ref_sink (summary (machine)), numbers = statistics (machine);
  g_autoptr (GVariantDict) dict = g_variant_dict_new (base);
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  GVariantBuilder settings;

  g_variant_builder_init (&settings, G_VARIANT_TYPE ("a{ss}"));
  if (definition != NULL)
    each_setting (definition, add_setting, &settings);
  g_variant_dict_insert_value (dict, "settings", g_variant_builder_end (&settings));
  if (definition != NULL)
    g_variant_dict_insert_value (dict, "keys", keys_and_origins (definition));
  if (numbers != NULL)
    g_variant_dict_insert_value (dict, "statistics", numbers);
  if (viv_machine_is_live (machine))
    {
      g_variant_dict_insert_value (dict, "screens", screens (machine));
      g_variant_dict_insert (dict, "pointer-absolute", "b", viv_machine_get_absolute_pointer (machine));
      g_variant_dict_insert (dict, "leds", "u", viv_machine_get_leds (machine));
    }
  cli_print_json (g_variant_dict_end (dict));
}

static void
show_text (VivMachine *machine)
{
  g_autoptr (GVariant) base = g_variant_ref_sink (summary (machine)), numbers = statistics (machine);
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, base);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING) && *g_variant_get_string (value, NULL) != '\0')
      g_print ("%s: %s\n", key, g_variant_get_string (value, NULL));
    else if (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING))
      g_print ("%s: %s\n", key, g_variant_get_bytestring (value));
  if (definition != NULL)
    {
      g_print ("settings:\n");
      each_setting (definition, print_setting, NULL);
    }
  print_drives (machine);
  if (numbers == NULL)
    return;
  g_print ("statistics:\n");
  g_variant_iter_init (&iter, numbers);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    {
      g_autofree char *text = g_variant_print (value, FALSE);
      g_print ("  %-26s %s\n", key, text);
    }
}

int
cli_show (int argc, char **argv)
{
  gboolean json = FALSE, devices = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("As JSON"), NULL },
    { "devices", 0, 0, G_OPTION_ARG_NONE, &devices,
      N_ ("The state of all devices of a running machine, for debugging"), NULL },
    { NULL },
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 2, &status))
    return status;
  g_autoptr (VivMachine) machine = devices ? cli_find_live (argv[1], &error) : cli_find (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  if (devices)
    {
      GAsyncResult *result = NULL;

      viv_machine_dump_state (machine, NULL, cli_on_result, &result);
      g_autoptr (GAsyncResult) done = cli_wait_result (&result);
      g_autofree char *text = viv_machine_dump_state_finish (machine, done, &error);
      if (text == NULL)
        return cli_fail (error);
      g_print ("%s", text);
    }
  else if (argc == 3)
    {
      const MachineDefinition *definition = viv_machine_get_definition (machine);
      g_autofree char *value = definition != NULL ? definition_get (definition, argv[2], &error) : NULL;
      if (error != NULL)
        return cli_fail (error);
      if (value == NULL)
        {
          g_printerr ("vivctl: %s\n", viv_machine_get_error (machine));
          return EXIT_FAILED;
        }
      g_print ("%s\n", value);
    }
  else if (json)
    show_json (machine);
  else
    show_text (machine);
  return EXIT_DONE;
}

int
cli_log (int argc, char **argv)
{
  int lines = 40, status;
  const GOptionEntry entries[] = {
    { "lines", 'n', 0, G_OPTION_ARG_INT, &lines, N_ ("How many lines (40)"), N_ ("N") },
    { NULL },
  };
  GError *error = NULL;

  if (!cli_parse (entries, &argc, &argv, 1, 1, &status))
    return status;
  g_autoptr (VivMachine) machine = viv_find_machine (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  g_autofree char *tail = viv_machine_log_tail (machine, MAX (lines, 1));
  g_print ("%s%s", tail, *tail != '\0' ? "\n" : "");
  return EXIT_DONE;
}
