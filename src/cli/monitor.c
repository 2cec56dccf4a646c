/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * monitor, dump: looking into a running machine.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef HAVE_READLINE
#include <readline/history.h>
#include <readline/readline.h>
#endif

static char *
ask (VivMachine *machine, const char *line, gboolean json, GError **error)
{
  GAsyncResult *result = NULL;

  viv_machine_command (machine, line, json, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  return viv_machine_command_finish (machine, done, error);
}

static int
one_command (VivMachine *machine, const char *line, gboolean json)
{
  GError *error = NULL;
  g_autofree char *answer = ask (machine, line, json, &error);

  if (answer == NULL)
    return cli_fail (error);
  g_print ("%s", answer);
  return EXIT_DONE;
}

#ifdef HAVE_READLINE
/* readline has no data of the caller's. */
static VivMachine *asked;

static char *
complete (const char *text, int state)
{
  static GStrv found;
  static unsigned next;
  char *word = NULL;

  if (state == 0)
    {
      g_autofree char *before = g_strndup (rl_line_buffer, (gsize)rl_point);
      g_autofree char *line = g_strconcat ("complete ", before, NULL);
      g_autofree char *answer = ask (asked, line, FALSE, NULL);

      g_strfreev (found);
      found = g_strsplit (answer != NULL ? answer : "", "\n", -1);
      next = 0;
    }
  while (found[next] != NULL && word == NULL)
    {
      if (*found[next] != '\0')
        word = strdup (found[next]);
      next++;
    }
  return word;
}

static char *
read_line (void)
{
  return readline ("(vivarium) ");
}

#define MOST_HISTORY 500

static char *
history_file (void)
{
  return g_build_filename (g_get_user_state_dir (), "vivarium", "monitor-history", NULL);
}

static void
begin_prompt (VivMachine *machine)
{
  g_autofree char *file = history_file ();

  asked = machine;
  rl_readline_name = "vivctl";
  rl_completion_entry_function = complete;
  using_history ();
  stifle_history (MOST_HISTORY);
  if (isatty (STDIN_FILENO))
    read_history (file);
}

static void
end_prompt (void)
{
  g_autofree char *file = history_file (), *folder = g_path_get_dirname (file);

  /* For the next time; what can't be kept isn't worth a word. */
  if (isatty (STDIN_FILENO) && g_mkdir_with_parents (folder, 0700) == 0)
    write_history (file);
}

static void
remember (const char *line)
{
  add_history (line);
}
#else
static char *
read_line (void)
{
  char *line = NULL;
  size_t size = 0;
  ssize_t length;

  if (isatty (STDIN_FILENO))
    {
      printf ("(vivarium) ");
      fflush (stdout);
    }
  length = getline (&line, &size, stdin);
  if (length < 0)
    {
      free (line);
      return NULL;
    }
  return line;
}

static void
begin_prompt (VivMachine *machine)
{
}

static void
end_prompt (void)
{
}

static void
remember (const char *line)
{
}
#endif

static int
prompt (VivMachine *machine, gboolean json)
{
  int status = EXIT_DONE;
  char *line;

  begin_prompt (machine);
  while ((line = read_line ()) != NULL)
    {
      g_autofree char *command = g_strstrip (g_strdup (line));

      free (line);
      if (g_str_equal (command, "quit") || g_str_equal (command, "exit"))
        break;
      if (*command == '\0')
        continue;
      remember (command);
      status = one_command (machine, command, json);
      if (!viv_machine_is_busy (machine))
        break;
    }
  end_prompt ();
  return isatty (STDIN_FILENO) ? EXIT_DONE : status;
}

int
cli_monitor (int argc, char **argv)
{
  g_autofree char *command = NULL;
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "command", 'c', 0, G_OPTION_ARG_STRING, &command, N_ ("Only this command"), N_ ("COMMAND") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_ ("As JSON"), NULL },
    { NULL },
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 1, &status))
    return status;
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  return command != NULL ? one_command (machine, command, json) : prompt (machine, json);
}

static void
on_progress (VivMachine *machine, double fraction, gpointer data)
{
  if (isatty (STDERR_FILENO))
    fprintf (stderr, "\r%3.0f %%", fraction * 100);
}

int
cli_dump (int argc, char **argv)
{
  GAsyncResult *result = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (NULL, &argc, &argv, 2, 2, &status))
    return status;
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  gulong handler = g_signal_connect (machine, "save-progress", G_CALLBACK (on_progress), NULL);
  viv_machine_dump_memory (machine, argv[2], NULL, cli_on_result, &result);
  gboolean done = cli_finish (machine, &result, &error);
  g_signal_handler_disconnect (machine, handler);
  if (isatty (STDERR_FILENO))
    fprintf (stderr, "\r      \r");
  return done ? EXIT_DONE : cli_fail (error);
}
