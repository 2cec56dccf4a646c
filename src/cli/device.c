/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * device: a machine's devices, and how they are written on the command line.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"

#include <string.h>

/* -- Words -- */

static gboolean
check_text (const char *text, GError **error)
{
  if (g_utf8_validate (text, -1, NULL))
    return TRUE;
  g_autofree char *shown = g_utf8_make_valid (text, -1);
  g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX, _ ("“%s” is not UTF-8 text"), shown);
  return FALSE;
}

/* Paths on a command line begin where it is typed. */
static char *
value_of (const DefinitionKey *key, const char *value)
{
  if (key == NULL || key->type != KEY_PATH || *value == '\0' || g_path_is_absolute (value)
      || g_str_has_prefix (value, "file:")
      || (g_str_equal (key->name, "firmware") && strchr (value, '/') == NULL))
    return g_strdup (value);
  g_autofree char *absolute = g_canonicalize_filename (value, NULL);
  return definition_path_to_text (absolute);
}

gboolean
cli_split_setting (const char *text, char **key, char **value, GError **error)
{
  const char *equals = strchr (text, '=');

  if (equals == NULL || equals == text)
    {
      g_autofree char *shown = g_utf8_make_valid (text, -1);
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX,
                   _ ("“%s”: give ID.KEY=VALUE, such as machine.memory=2G or cdrom0.path=/images/cd.iso"),
                   shown);
      return FALSE;
    }
  *key = g_strndup (text, equals - text);
  const char *dot = strchr (*key, '.');
  g_autofree char *id = g_strndup (*key, dot != NULL ? (gsize)(dot - *key) : strlen (*key));
  *value = value_of (dot != NULL ? definition_find_key (id, dot + 1) : NULL, equals + 1);
  return check_text (*key, error) && check_text (*value, error);
}

/* The part up to the next single comma, with two of them made one; `*rest` is behind it, NULL at the end. */
static char *
next_part (const char *text, const char **rest)
{
  GString *part = g_string_new (NULL);

  for (; *text != '\0'; text++)
    {
      if (*text == ',' && text[1] != ',')
        break;
      if (*text == ',')
        text++;
      g_string_append_c (part, *text);
    }
  *rest = *text == ',' ? text + 1 : NULL;
  return g_string_free (part, FALSE);
}

void
cli_device_words_clear (CliDeviceWords *words)
{
  g_clear_pointer (&words->kind, g_free);
  g_clear_pointer (&words->names, g_ptr_array_unref);
  g_clear_pointer (&words->values, g_ptr_array_unref);
}

gboolean
cli_device_words (const char *text, CliDeviceWords *words, GError **error)
{
  const char *rest;

  words->names = g_ptr_array_new_with_free_func (g_free);
  words->values = g_ptr_array_new_with_free_func (g_free);
  words->kind = next_part (text, &rest);
  const DeviceKind *kind = device_kind_find (words->kind);
  if (kind == NULL || kind->most == 0)
    {
      g_autoptr (GString) kinds = g_string_new (NULL);
      g_autofree char *shown = g_utf8_make_valid (words->kind, -1);
      for (const DeviceKind *known = device_kinds; known->name != NULL; known++)
        if (known->most > known->present && !known->for_tests)
          g_string_append_printf (kinds, " %s", known->name);
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN,
                   _ ("there is no kind of device “%s” that could be added; the kinds are:%s"), shown,
                   kinds->str);
      return FALSE;
    }
  while (rest != NULL)
    {
      g_autofree char *part = next_part (rest, &rest);
      char *equals = strchr (part, '=');
      if (equals == NULL)
        {
          g_autofree char *shown = g_utf8_make_valid (part, -1);
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX, _ ("“%s”: give KEY=VALUE"), shown);
          return FALSE;
        }
      *equals = '\0';
      g_ptr_array_add (words->names, g_strdup (part));
      g_ptr_array_add (words->values, value_of (device_kind_key (kind, part), equals + 1));
      if (!check_text (part, error)
          || !check_text (g_ptr_array_index (words->values, words->values->len - 1), error))
        return FALSE;
    }
  return TRUE;
}

/* -- Commands -- */

static void
print_device (const char *id, const char *place, GVariant *keys)
{
  GVariantIter iter;
  const char *key, *value;

  g_print ("%-9s %-14s", id, place);
  g_variant_iter_init (&iter, keys);
  while (g_variant_iter_next (&iter, "{&s&s}", &key, &value))
    if (g_str_equal (key, "path"))
      {
        g_autofree char *bytes = definition_path_from_text (value);
        g_print (" %s", bytes);
      }
    else if (g_str_equal (key, "backend") || g_str_equal (key, "video") || g_str_equal (key, "mac")
             || g_str_equal (key, "card") || g_str_equal (key, "forward"))
      g_print (" %s", value);
  g_print ("\n");
}

static int
list (VivMachine *machine, gboolean json)
{
  GAsyncResult *result = NULL;
  GError *error = NULL;
  GVariantBuilder out;
  GVariantIter iter;
  const char *id, *kind, *place;
  GVariant *keys;

  viv_machine_list_devices (machine, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  g_autoptr (GVariant) devices = viv_machine_list_devices_finish (machine, done, &error);
  if (devices == NULL)
    return cli_fail (error);
  g_variant_builder_init (&out, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_iter_init (&iter, devices);
  while (g_variant_iter_loop (&iter, "(&s&s&s@a{ss})", &id, &kind, &place, &keys))
    {
      if (!json)
        {
          print_device (id, place, keys);
          continue;
        }
      g_variant_builder_open (&out, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&out, "{sv}", "id", g_variant_new_string (id));
      g_variant_builder_add (&out, "{sv}", "kind", g_variant_new_string (kind));
      g_variant_builder_add (&out, "{sv}", "place", g_variant_new_string (place));
      g_variant_builder_add (&out, "{sv}", "keys", keys);
      g_variant_builder_close (&out);
    }
  g_autoptr (GVariant) all = g_variant_ref_sink (g_variant_builder_end (&out));
  if (json)
    cli_print_json (all);
  return EXIT_DONE;
}

static void
say_later (VivMachine *machine, gboolean later)
{
  if (later)
    g_printerr (_ ("vivctl: “%s” runs; it follows at its next start\n"), viv_machine_get_name (machine));
}

static int
add (VivMachine *machine, const char *text)
{
  GAsyncResult *result = NULL;
  GError *error = NULL;
  CliDeviceWords words;
  gboolean later = FALSE;

  if (!cli_device_words (text, &words, &error))
    {
      cli_device_words_clear (&words);
      return cli_fail (error);
    }
  g_autofree VivDeviceKey *keys = g_new0 (VivDeviceKey, words.names->len + 1);
  for (guint i = 0; i < words.names->len; i++)
    keys[i] = (VivDeviceKey){ g_ptr_array_index (words.names, i), g_ptr_array_index (words.values, i) };
  viv_machine_add_device (machine, words.kind, keys, words.names->len, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  g_autofree char *id = viv_machine_add_device_finish (machine, done, &later, &error);
  cli_device_words_clear (&words);
  if (error != NULL)
    return cli_fail (error);
  g_print ("%s\n", id != NULL ? id : "");
  say_later (machine, later);
  return EXIT_DONE;
}

static int
remove_one (VivMachine *machine, const char *id, gboolean force)
{
  GAsyncResult *result = NULL;
  GError *error = NULL;
  gboolean later = FALSE;

  viv_machine_remove_device (machine, id, force, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  if (!viv_machine_remove_device_finish (machine, done, &later, &error))
    return cli_fail (error);
  say_later (machine, later);
  return EXIT_DONE;
}

static int
set_one (VivMachine *machine, const char *text, gboolean *any_later)
{
  g_autofree char *key = NULL, *value = NULL;
  GAsyncResult *result = NULL;
  GError *error = NULL;
  gboolean later = FALSE;

  if (!cli_split_setting (text, &key, &value, &error))
    return cli_fail (error);
  viv_machine_set_property (machine, key, value, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  if (!viv_machine_set_property_finish (machine, done, &later, &error))
    return cli_fail (error);
  *any_later |= later;
  return EXIT_DONE;
}

int
cli_device (int argc, char **argv)
{
  gboolean json = FALSE, force = FALSE, later = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("With list: as JSON"), NULL },
    { "force", 0, 0, G_OPTION_ARG_NONE, &force,
      N_ ("With remove: take it out of the running machine without asking its system"), NULL },
    { NULL },
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 2, -1, &status))
    return status;
  gboolean is_list = g_str_equal (argv[2], "list"), is_add = g_str_equal (argv[2], "add"),
           is_remove = g_str_equal (argv[2], "remove"), is_set = g_str_equal (argv[2], "set");
  if (!is_list && !is_add && !is_remove && !is_set)
    return cli_usage (_ ("“%s” is none of list, add, remove and set"), argv[2]);
  if (is_list ? argc != 3 : is_set ? argc < 4 : argc != 4)
    return cli_usage (_ ("usage: vivctl device NAME list|add|remove|set …"));
  g_autoptr (VivMachine) machine = cli_find (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  cli_settle (machine);
  if (viv_machine_get_definition (machine) == NULL)
    {
      g_printerr ("vivctl: %s\n", viv_machine_get_error (machine));
      return EXIT_FAILED;
    }
  if (is_list)
    return list (machine, json);
  if (is_add)
    return add (machine, argv[3]);
  if (is_remove)
    return remove_one (machine, argv[3], force);
  for (int i = 3; i < argc; i++)
    if ((status = set_one (machine, argv[i], &later)) != EXIT_DONE)
      return status;
  say_later (machine, later);
  return EXIT_DONE;
}
