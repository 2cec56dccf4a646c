/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Finding a command, its words and numbers; help.
 */
#define G_LOG_DOMAIN "debug"

#include "debug/commands.h"

#include "debug/gdb-registers.h"

#include <gio/gio.h>
#include <string.h>

#define MOST_LINE 1024

CpuState *
debug_state (const DebugContext *context, GError **error)
{
  g_autofree CpuState *state = g_new0 (CpuState, 1);

  if (context->engine->klass->get_state == NULL
      || !context->engine->klass->get_state (context->engine, context->cpu, state))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "the engine “%s” has no processor with registers", context->engine->klass->name);
      return NULL;
    }
  return g_steal_pointer (&state);
}

static gboolean
parse_term (const DebugContext *context, const char *text, uint64_t *value, GError **error)
{
  static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                       "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

  if (text[0] == '$')
    {
      g_autofree CpuState *state = debug_state (context, error);

      if (state == NULL)
        return FALSE;
      if (g_str_equal (text + 1, "rip") || g_str_equal (text + 1, "pc"))
        *value = gdb_linear_pc (state);
      else if (g_str_equal (text + 1, "cr3"))
        *value = state->cr3;
      else
        for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
          if (g_str_equal (text + 1, names[i]))
            {
              *value = state->gpr[i];
              return TRUE;
            }
      if (g_str_equal (text + 1, "rip") || g_str_equal (text + 1, "pc") || g_str_equal (text + 1, "cr3"))
        return TRUE;
    }
  else
    {
      gboolean hex = g_ascii_strncasecmp (text, "0x", 2) == 0;

      if (g_ascii_string_to_unsigned (hex ? text + 2 : text, hex ? 16 : 10, 0, G_MAXUINT64, value, NULL))
        return TRUE;
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "“%s” is no number; write 4096, 0x1000, $rip, $rsp or a sum such as $rsp+0x20", text);
  return FALSE;
}

gboolean
debug_parse_number (const DebugContext *context, const char *text, uint64_t *value, GError **error)
{
  g_auto (GStrv) terms = g_strsplit (text, "+", 4);

  *value = 0;
  for (unsigned i = 0; terms[i] != NULL; i++)
    {
      uint64_t term;

      if (!parse_term (context, terms[i], &term, error))
        return FALSE;
      *value += term;
    }
  return TRUE;
}

static const DebugCommand *const groups[] = { debug_commands_processor, debug_commands_machine };

/* Calls `func` with each command's name, arguments and help. */
typedef void (*NameFunc) (const char *name, const char *arguments, const char *help, void *data);

static void
for_each_name (const DebugContext *context, NameFunc func, void *data)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (groups); i++)
    for (const DebugCommand *c = groups[i]; c->name != NULL; c++)
      func (c->name, c->arguments, c->help, data);
  for (const DebugView *v = context->views; v != NULL && v->name != NULL; v++)
    func (v->name, "", v->help, data);
}

/* How many of `words` are its name; 0: another's. */
static unsigned
matches (const char *command, char **words)
{
  g_auto (GStrv) name = g_strsplit (command, " ", -1);
  unsigned n = g_strv_length (name);

  for (unsigned i = 0; i < n; i++)
    if (words[i] == NULL || !g_str_equal (name[i], words[i]))
      return 0;
  return n;
}

static void
add_help_line (const char *name, const char *arguments, const char *help, void *report)
{
  debug_report_cell (report, "%s%s%s", name, *arguments != '\0' ? " " : "", arguments);
  debug_report_cell (report, "%s", help);
}

static void
add_help (const DebugContext *context, DebugReport *report)
{
  debug_report_table (report, "commands", "command help");
  for_each_name (context, add_help_line, report);
  if (context->gdb)
    debug_report_pair (
        report, "stop-at reset|triple-fault on|off",
        "The machine stands behind a reset, or at what can't be carried out, until gdb lets it go on.");
  debug_report_pair (report, "help", "This list.");
}

static char **
split (const char *line)
{
  g_auto (GStrv) parts = g_strsplit_set (line, " \t\r\n", -1);
  GPtrArray *words = g_ptr_array_new ();

  for (unsigned i = 0; parts[i] != NULL; i++)
    if (*parts[i] != '\0')
      g_ptr_array_add (words, g_strdup (parts[i]));
  g_ptr_array_add (words, NULL);
  return (char **)g_ptr_array_free (words, FALSE);
}

/* -- Completion ----------------------------------------------------------------------------------- */

static void
add_candidate (GPtrArray *found, const char *word, const char *begun)
{
  if (!g_str_has_prefix (word, begun))
    return;
  for (guint i = 0; i < found->len; i++)
    if (g_str_equal (found->pdata[i], word))
      return;
  g_ptr_array_add (found, g_strdup (word));
}

typedef struct
{
  GPtrArray *found;
  char **words;
  unsigned before; /* of them, those that are whole */
  const char *begun;
} Completion;

static void
complete_name (const char *command, const char *arguments, const char *help, void *data)
{
  const Completion *completion = data;
  g_auto (GStrv) name = g_strsplit (command, " ", -1);
  unsigned same = 0;

  while (same < completion->before && name[same] != NULL && g_str_equal (name[same], completion->words[same]))
    same++;
  if (same == completion->before && name[same] != NULL)
    add_candidate (completion->found, name[same], completion->begun);
}

/* What the last word of `line` may become, a line each. */
static char *
complete (const DebugContext *context, const char *line)
{
  g_auto (GStrv) all = split (line);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  const gboolean open = all[0] != NULL && !g_ascii_isspace (line[strlen (line) - 1]);
  /* "cpu N" stands in front of any command. */
  char **words = all[0] != NULL && all[1] != NULL && (all[2] != NULL || !open) && g_str_equal (all[0], "cpu")
                     ? all + 2
                     : all;
  const unsigned n = g_strv_length (words), before = open ? n - 1 : n;
  const char *begun = open ? words[n - 1] : "";

  for_each_name (context, complete_name, &(Completion){ found, words, before, begun });
  if (before == 0)
    add_candidate (found, "help", begun);
  if (before == 2 && g_str_equal (words[0], "info") && g_str_equal (words[1], "device"))
    {
      vm_lock (context->vm);
      for (guint i = 0; i < context->vm->devices->len; i++)
        add_candidate (found, ((Device *)context->vm->devices->pdata[i])->id, begun);
      vm_unlock (context->vm);
    }
  g_ptr_array_add (found, NULL);
  return g_strjoinv ("\n", (char **)found->pdata);
}

static gboolean
run (const DebugContext *context, char **words, DebugReport *report, GError **error)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (groups); i++)
    for (const DebugCommand *c = groups[i]; c->name != NULL; c++)
      {
        unsigned n = matches (c->name, words);

        if (n > 0)
          return c->run (context, words + n, report, error);
      }
  for (const DebugView *v = context->views; v != NULL && v->name != NULL; v++)
    if (matches (v->name, words) > 0)
      {
        v->tell (context->views_opaque, report);
        return TRUE;
      }
  if (g_strcmp0 (words[0], "help") == 0)
    {
      add_help (context, report);
      return TRUE;
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "there is no command “%s”; “help” lists them",
               words[0] != NULL ? words[0] : "");
  return FALSE;
}

char *
debug_command (const DebugContext *context, const char *line, gboolean json, GError **error)
{
  g_autoptr (DebugReport) report = debug_report_new ();
  g_auto (GStrv) words = NULL;
  DebugContext chosen = *context;
  unsigned skip = 0;

  if (strlen (line) > MOST_LINE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "a command has at most %d characters",
                   MOST_LINE);
      return NULL;
    }
  if (g_str_has_prefix (line, "complete "))
    return complete (context, line + strlen ("complete "));
  words = split (line);
  if (words[0] == NULL)
    return g_strdup (json ? "{}\n" : "");
  /* "cpu N COMMAND" */
  if (g_str_equal (words[0], "cpu") && words[1] != NULL && words[2] != NULL)
    {
      uint64_t n;

      if (!g_ascii_string_to_unsigned (words[1], 10, 0, 63, &n, NULL) || n >= context->vm->n_cpus)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       "there is no processor “%s”: they are 0 to %u", words[1], context->vm->n_cpus - 1);
          return NULL;
        }
      chosen.cpu = (unsigned)n;
      skip = 2;
    }
  if (!run (&chosen, words + skip, report, error))
    return NULL;
  return json ? debug_report_json (report) : debug_report_text (report);
}

char *
debug_command_text (const DebugContext *context, const char *line)
{
  g_autoptr (GError) error = NULL;
  char *text = debug_command (context, line, FALSE, &error);

  return text != NULL ? text : g_strconcat (error->message, "\n", NULL);
}
