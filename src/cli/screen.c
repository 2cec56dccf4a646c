/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * screenshot, text and wait: what the machine shows.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/plain-text.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_MS 100
/* Of what a guest has sent so much is looked through; one that never stops must not fill our memory. */
#define MOST_SERIAL (1024 * 1024)
#define READS       64 /* at once, of 4 KiB */
/* A machine that is just being made, or started, in another process is waited for: so long on a loaded host. */
#define APPEAR_S 15

int
cli_screenshot (int argc, char **argv)
{
  int screen = 0, status;
  const GOptionEntry entries[] = {
    { "screen", 0, 0, G_OPTION_ARG_INT, &screen, N_ ("Which screen (0); “vivctl show --json” lists them"),
      N_ ("N") },
    { NULL },
  };
  GAsyncResult *result = NULL;
  GError *error = NULL;

  if (!cli_parse (entries, &argc, &argv, 2, 2, &status))
    return status;
  if (screen < 0)
    return cli_usage (_ ("a screen's number is 0 or more"));
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  viv_machine_screenshot (machine, screen, argv[2], NULL, cli_on_result, &result);
  return cli_finish (machine, &result, &error) ? EXIT_DONE : cli_fail (error);
}

/* NULL without an error: a graphical screen. */
static char *
screen_text (VivMachine *machine, GError **error)
{
  GAsyncResult *result = NULL;

  viv_machine_text (machine, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  return viv_machine_text_finish (machine, done, error);
}

int
cli_text (int argc, char **argv)
{
  GError *error = NULL;
  int status;

  if (!cli_parse (NULL, &argc, &argv, 1, 1, &status))
    return status;
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  g_autofree char *text = screen_text (machine, &error);
  if (error != NULL)
    return cli_fail (error);
  if (text == NULL)
    {
      g_printerr (_ ("vivctl: the screen is not in a text mode; “vivctl screenshot” shows it\n"));
      return EXIT_FAILED;
    }
  g_print ("%s%s", text, g_str_has_suffix (text, "\n") ? "" : "\n");
  return EXIT_DONE;
}

/* -- wait --------------------------------------------------------------------------------------------- */

typedef struct
{
  VivMachine *machine;
  GRegex *text, *serial;
  const char *state;
  int serial_fd, port;
  gboolean was_busy;    /* it ran at some time while we waited */
  gint64 appear_before; /* monotonic µs: until then it may yet be started */
  GString *serial_text;
  char *last_screen; /* NULL: graphical or not asked for */
} Wait;

static gboolean
attach_serial (Wait *wait, GError **error)
{
  GAsyncResult *result = NULL;

  viv_machine_attach_serial (wait->machine, wait->port, TRUE, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  wait->serial_fd = viv_machine_attach_serial_finish (wait->machine, done, error);
  return wait->serial_fd >= 0;
}

static void
read_serial (Wait *wait)
{
  char buffer[4096];
  ssize_t length;

  /* One that never stops is looked at between, or the time would never be over. */
  for (unsigned turn = 0; turn < READS; turn++)
    {
      if (wait->serial_fd < 0
          || (length = recv (wait->serial_fd, buffer, sizeof (buffer), MSG_DONTWAIT)) <= 0)
        return;
      for (ssize_t i = 0; i < length; i++)
        /* Patterns are over lines of text. */
        if (buffer[i] != '\0' && buffer[i] != '\r')
          g_string_append_c (wait->serial_text, buffer[i]);
      if (wait->serial_text->len > MOST_SERIAL)
        g_string_erase (wait->serial_text, 0, wait->serial_text->len - MOST_SERIAL / 2);
    }
}

/* TRUE: it is there.  An error: it can't come any more. */
static gboolean
look (Wait *wait, GError **error)
{
  if (wait->state != NULL && g_str_equal (viv_machine_get_state (wait->machine), wait->state))
    return TRUE;
  if (wait->serial != NULL && wait->serial_fd < 0 && viv_machine_is_live (wait->machine)
      && !attach_serial (wait, error))
    return FALSE;
  if (wait->serial != NULL)
    {
      read_serial (wait);
      g_autofree char *valid = g_utf8_make_valid (wait->serial_text->str, wait->serial_text->len);
      if (g_regex_match (wait->serial, valid, 0, NULL))
        return TRUE;
    }
  if (wait->text != NULL && viv_machine_is_live (wait->machine))
    {
      g_free (wait->last_screen);
      wait->last_screen = screen_text (wait->machine, NULL);
      if (wait->last_screen != NULL && g_regex_match (wait->text, wait->last_screen, 0, NULL))
        return TRUE;
    }
  if (viv_machine_is_busy (wait->machine))
    wait->was_busy = TRUE;
  else if (!wait->was_busy && g_get_monotonic_time () < wait->appear_before)
    {
      viv_machine_probe (wait->machine);
      return FALSE;
    }
  if (!viv_machine_is_busy (wait->machine) && (wait->state == NULL || g_str_equal (wait->state, "running")))
    g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING, _ ("the machine is %s%s%s"),
                 cli_state_word (viv_machine_get_state (wait->machine)),
                 *viv_machine_get_state_reason (wait->machine) != '\0' ? ": " : "",
                 viv_machine_get_state_reason (wait->machine));
  return FALSE;
}

static void
print_last (Wait *wait)
{
  if (wait->text != NULL)
    g_print ("%s\n", wait->last_screen != NULL ? wait->last_screen : _ ("(a graphical screen)"));
  if (wait->serial != NULL)
    {
      const char *from
          = wait->serial_text->str + (wait->serial_text->len > 4096 ? wait->serial_text->len - 4096 : 0);
      g_autofree char *plain = viv_plain_text (from, -1, 2 * VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);
      g_print ("%s\n", plain);
    }
}

/* NULL and an error when it has not appeared in time. */
static VivMachine *
wait_for_machine (const char *name, Wait *wait, GError **error)
{
  for (;;)
    {
      g_autoptr (GError) why = NULL;
      VivMachine *machine = cli_find (name, &why);
      if (machine != NULL)
        return machine;
      if (g_get_monotonic_time () >= wait->appear_before)
        {
          g_propagate_error (error, g_steal_pointer (&why));
          return NULL;
        }
      cli_sleep (POLL_MS);
    }
}

static GRegex *
compile (const char *pattern, GError **error)
{
  return g_regex_new (pattern, G_REGEX_MULTILINE | G_REGEX_OPTIMIZE, 0, error);
}

int
cli_wait (int argc, char **argv)
{
  g_autofree char *text = NULL, *serial = NULL, *state = NULL;
  double timeout = 60;
  int port = 0, status;
  const GOptionEntry entries[] = {
    { "text", 0, 0, G_OPTION_ARG_FILENAME, &text, N_ ("Until this is on the text screen"), N_ ("REGEX") },
    { "serial", 0, 0, G_OPTION_ARG_FILENAME, &serial, N_ ("Until this has come over the serial line"),
      N_ ("REGEX") },
    { "state", 0, 0, G_OPTION_ARG_STRING, &state, N_ ("Until the state is off, running, paused or crashed"),
      N_ ("STATE") },
    { "port", 0, 0, G_OPTION_ARG_INT, &port, N_ ("Which serial port (0)"), N_ ("N") },
    { "timeout", 't', 0, G_OPTION_ARG_DOUBLE, &timeout, N_ ("How long (60)"), N_ ("SECONDS") },
    { NULL },
  };
  GError *error = NULL;
  gboolean found = FALSE;

  if (!cli_parse (entries, &argc, &argv, 1, 1, &status))
    return status;
  if (text == NULL && serial == NULL && state == NULL)
    return cli_usage (_ ("say what to wait for: --text, --serial or --state"));
  gint64 start = g_get_monotonic_time (), end = start + cli_microseconds (timeout);
  Wait wait = { .state = state,
                .serial_fd = -1,
                .serial_text = g_string_new (NULL),
                .appear_before = MIN (end, start + APPEAR_S * G_USEC_PER_SEC) };
  if ((text != NULL && (wait.text = compile (text, &error)) == NULL)
      || (serial != NULL && (wait.serial = compile (serial, &error)) == NULL))
    return cli_usage ("%s", error->message);
  g_autoptr (VivMachine) machine = wait_for_machine (argv[1], &wait, &error);
  wait.machine = machine;
  wait.port = port;
  while (error == NULL && !(found = look (&wait, &error)) && error == NULL)
    {
      if (g_get_monotonic_time () >= end)
        {
          print_last (&wait);
          g_set_error (&error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _ ("waited %g seconds in vain"), timeout);
          break;
        }
      cli_sleep (POLL_MS);
    }
  if (wait.serial_fd >= 0)
    close (wait.serial_fd);
  g_clear_pointer (&wait.text, g_regex_unref);
  g_clear_pointer (&wait.serial, g_regex_unref);
  g_string_free (wait.serial_text, TRUE);
  g_free (wait.last_screen);
  return found ? EXIT_DONE : cli_fail (error);
}
