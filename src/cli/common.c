/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What vivctl's commands share: arguments, errors, waiting, JSON.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/local-machine.h"
#include "machine/paths.h"
#include "machine/plain-text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- Arguments ---------------------------------------------------------------------------------------- */

/* So long a look for a machine's images may take; then it is a server that is gone. */
#define IMAGES_US (2 * G_USEC_PER_SEC)

static const CliCommand *
find_command (const char *name)
{
  for (const CliCommand *command = cli_commands; command->name != NULL; command++)
    if (g_strcmp0 (command->name, name) == 0)
      return command;
  return NULL;
}

gboolean
cli_parse (const GOptionEntry *entries, int *argc, char ***argv, int least, int most, int *status)
{
  const CliCommand *command = find_command ((*argv)[0]);
  g_autofree char *program = g_strconcat ("vivctl ", (*argv)[0], NULL);
  /* Not of "", of which the translation is the catalogue's head. */
  g_autoptr (GOptionContext) context
      = g_option_context_new (*command->arguments != '\0' ? command->arguments : NULL);
  g_autoptr (GError) error = NULL;
  gboolean help = FALSE;
  const GOptionEntry help_entry[]
      = { { "help", 'h', 0, G_OPTION_ARG_NONE, &help, N_ ("Show this help"), NULL }, { NULL } };

  g_set_prgname (program);
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_translation_domain (context, GETTEXT_PACKAGE);
  /* Where arguments may begin with "-" (a text, a move to the left) the options come before them. */
  g_option_context_set_strict_posix (context, g_str_equal (command->name, "pointer")
                                                  || g_str_equal (command->name, "type"));
  g_option_context_set_summary (context, command->summary);
  g_option_context_set_description (context, command->more);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  g_option_context_add_main_entries (context, help_entry, GETTEXT_PACKAGE);
  if (!g_option_context_parse (context, argc, argv, &error))
    {
      *status = cli_usage ("%s", error->message);
      return FALSE;
    }
  if (help)
    {
      g_autofree char *text = g_option_context_get_help (context, TRUE, NULL);
      g_print ("%s", text);
      *status = EXIT_DONE;
      return FALSE;
    }
  /* "--" ends the options; g_option_context_parse() may leave it. */
  if (*argc > 1 && g_str_equal ((*argv)[1], "--"))
    {
      memmove (*argv + 1, *argv + 2, (*argc - 1) * sizeof (char *));
      (*argc)--;
    }
  if (*argc - 1 < least || (most >= 0 && *argc - 1 > most))
    {
      *status = cli_usage (_ ("usage: vivctl %s %s"), command->name,
                           *command->arguments != '\0' ? _ (command->arguments) : "");
      return FALSE;
    }
  return TRUE;
}

int
cli_fail (GError *error)
{
  g_printerr ("vivctl: %s\n", error->message);
  g_error_free (error);
  return EXIT_FAILED;
}

int
cli_usage (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_printerr ("vivctl: %s\n", text);
  return EXIT_USAGE;
}

/* -- Output ------------------------------------------------------------------------------------------- */

/* Whatever the locale, our text is UTF-8 and names are bytes: to another program they go as they are.  But a guest, a monitor and a
 * file's name do not speak to the terminal. */
static void
put (const char *text, FILE *stream)
{
  g_autofree char *plain = viv_plain_text (
      text, -1, G_MAXSSIZE, isatty (fileno (stream)) ? VIV_PLAIN_DEFAULT : VIV_PLAIN_KEEP_BYTES);

  fputs (plain, stream);
  fflush (stream);
}

static void
put_out (const char *text)
{
  put (text, stdout);
}

static void
put_error (const char *text)
{
  put (text, stderr);
}

void
cli_init_output (void)
{
  g_set_print_handler (put_out);
  g_set_printerr_handler (put_error);
}

/* -- Waiting ------------------------------------------------------------------------------------------ */

void
cli_settle (VivMachine *machine)
{
  while (viv_machine_is_connecting (machine))
    g_main_context_iteration (NULL, TRUE);
  gint64 end = g_get_monotonic_time () + IMAGES_US;
  while (viv_machine_is_checking (machine) && g_get_monotonic_time () < end)
    cli_sleep (5);
}

static void
collect (const char *folder, gpointer machines)
{
  g_ptr_array_add (machines, viv_local_machine_new (folder));
}

void
cli_collect (const char *folder, GPtrArray *machines)
{
  viv_each_machine_folder (folder, FALSE, collect, machines);
}

GPtrArray *
cli_library (void)
{
  GPtrArray *machines = g_ptr_array_new_with_free_func (g_object_unref);
  g_autofree char *library = viv_machines_dir ();

  cli_collect (library, machines);
  return machines;
}

VivMachine *
cli_find (const char *name, GError **error)
{
  VivMachine *machine = viv_find_machine (name, error);

  if (machine != NULL)
    cli_settle (machine);
  return machine;
}

const char *
cli_state_word (const char *state)
{
  static const struct
  {
    const char *state, *word;
  } words[] = {
    { "off", N_ ("off") },         { "starting", N_ ("starting") }, { "running", N_ ("running") },
    { "paused", N_ ("paused") },   { "crashed", N_ ("crashed") },   { "unresponsive", N_ ("not answering") },
    { "broken", N_ ("unusable") },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (words[i].state, state))
      return _ (words[i].word);
  return state;
}

GError *
cli_not_live_error (VivMachine *machine)
{
  const char *name = viv_machine_get_name (machine), *state = viv_machine_get_state (machine);

  if (g_str_equal (state, "unresponsive"))
    return g_error_new (VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE,
                        _ ("“%s” does not answer. %s “vivctl stop --force” ends it."), name,
                        viv_machine_get_state_reason (machine));
  if (viv_machine_is_busy (machine))
    return g_error_new (VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_UNRESPONSIVE,
                        _ ("“%s” is starting; “vivctl wait --state running” waits for it"), name);
  return g_error_new (VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING,
                      _ ("“%s” doesn't run; start it with “vivctl start”"), name);
}

VivMachine *
cli_find_live (const char *name, GError **error)
{
  g_autoptr (VivMachine) machine = cli_find (name, error);

  if (machine == NULL || viv_machine_is_live (machine))
    return g_steal_pointer (&machine);
  g_propagate_error (error, cli_not_live_error (machine));
  return NULL;
}

void
cli_on_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

GAsyncResult *
cli_wait_result (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

gboolean
cli_finish (VivMachine *machine, GAsyncResult **result, GError **error)
{
  g_autoptr (GAsyncResult) done = cli_wait_result (result);

  *result = NULL;
  return viv_machine_finish (machine, done, error);
}

#define LAST_WORDS_MS 2000 /* of a machine that was switched off, until its processes are gone */

gboolean
cli_flush (VivMachine *machine, GError **error)
{
  g_autoptr (GError) failed = NULL;
  GAsyncResult *result = NULL;

  viv_machine_sync (machine, NULL, cli_on_result, &result);
  if (cli_finish (machine, &result, &failed))
    return TRUE;
  /* A key may have switched it off, and so was heard. */
  gboolean gone = g_error_matches (failed, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING);
  for (unsigned waited = 0; gone && waited < LAST_WORDS_MS && viv_machine_is_busy (machine); waited += 20)
    cli_sleep (20);
  if (gone && g_str_equal (viv_machine_get_state (machine), "off"))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&failed));
  return FALSE;
}

static gboolean
on_timeout (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

void
cli_sleep (unsigned ms)
{
  gboolean over = FALSE;

  g_timeout_add (ms, on_timeout, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

gint64
cli_microseconds (double seconds)
{
  /* A century; what is no number is no time. */
  return seconds > 0 ? (gint64)(MIN (seconds, 3e9) * G_USEC_PER_SEC) : 0;
}

gboolean
cli_wait_off (VivMachine *machine, double seconds)
{
  gint64 end = g_get_monotonic_time () + cli_microseconds (seconds);

  while (viv_machine_is_busy (machine))
    {
      if (seconds > 0 && g_get_monotonic_time () >= end)
        return FALSE;
      cli_sleep (20);
    }
  return TRUE;
}

/* -- JSON --------------------------------------------------------------------------------------------- */

/* Bytes that are not UTF-8 become U+DC80 to U+DCFF, as Python's “surrogateescape” has it: text never has these, so nothing is
 * lost. */
static void
json_string (const char *text, GString *out)
{
  g_string_append_c (out, '"');
  for (const char *p = text; *p != '\0';)
    {
      gunichar c = g_utf8_get_char_validated (p, -1);
      if (c == (gunichar)-1 || c == (gunichar)-2)
        {
          g_string_append_printf (out, "\\udc%02x", (guchar)*p++);
          continue;
        }
      if (c == '"' || c == '\\')
        g_string_append_printf (out, "\\%c", (char)c);
      else if (c == '\n')
        g_string_append (out, "\\n");
      else if (g_unichar_iscntrl (c))
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_unichar (out, c);
      p = g_utf8_next_char (p);
    }
  g_string_append_c (out, '"');
}

static void
json_container (GVariant *value, gboolean object, GString *out)
{
  g_string_append_c (out, object ? '{' : '[');
  for (gsize i = 0; i < g_variant_n_children (value); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
      if (i > 0)
        g_string_append (out, ", ");
      if (object)
        {
          g_autoptr (GVariant) key = g_variant_get_child_value (child, 0),
                               content = g_variant_get_child_value (child, 1);
          const char *name = g_variant_get_string (key, NULL);
          gboolean raw = g_str_has_prefix (name, CLI_RAW_JSON);
          json_string (raw ? name + strlen (CLI_RAW_JSON) : name, out);
          g_string_append (out, ": ");
          if (raw)
            {
              g_autoptr (GVariant) inner = g_variant_get_variant (content);
              g_string_append (out, g_variant_get_string (inner, NULL));
            }
          else
            cli_json (content, out);
        }
      else
        cli_json (child, out);
    }
  g_string_append_c (out, object ? '}' : ']');
}

void
cli_json (GVariant *value, GString *out)
{
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_VARIANT:
      {
        g_autoptr (GVariant) inner = g_variant_get_variant (value);
        cli_json (inner, out);
        break;
      }
    case G_VARIANT_CLASS_STRING:
      json_string (g_variant_get_string (value, NULL), out);
      break;
    case G_VARIANT_CLASS_BOOLEAN:
      g_string_append (out, g_variant_get_boolean (value) ? "true" : "false");
      break;
    case G_VARIANT_CLASS_DOUBLE:
      {
        char number[G_ASCII_DTOSTR_BUF_SIZE];
        g_string_append (out,
                         g_ascii_formatd (number, sizeof (number), "%.6g", g_variant_get_double (value)));
        break;
      }
    case G_VARIANT_CLASS_ARRAY:
      if (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING))
        {
          json_string (g_variant_get_bytestring (value), out);
          break;
        }
      json_container (
          value, g_variant_type_is_dict_entry (g_variant_type_element (g_variant_get_type (value))), out);
      break;
    case G_VARIANT_CLASS_TUPLE:
      json_container (value, FALSE, out);
      break;
    default:
      {
        g_autofree char *number = g_variant_print (value, FALSE);
        g_string_append (out, number);
      }
    }
}

void
cli_print_json (GVariant *value)
{
  g_autoptr (GVariant) sunk = g_variant_ref_sink (value);
  g_autoptr (GString) out = g_string_new (NULL);

  cli_json (sunk, out);
  g_print ("%s\n", out->str);
}
