/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * type, key and pointer: hands for scripts.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"

#include <linux/input-event-codes.h>
#include <string.h>

/* Between two chords: a keyboard's buffer holds sixteen bytes, and people's fingers are slow. */
#define KEY_PAUSE_MS 30

/* \n \t \e \\ ; anything else stays. */
static char *
unescape (const char *text)
{
  static const char letters[] = "nte\\", meanings[] = "\n\t\033\\";
  GString *out = g_string_new (NULL);

  for (const char *p = text; *p != '\0'; p++)
    {
      const char *found = p[0] == '\\' && p[1] != '\0' ? strchr (letters, p[1]) : NULL;
      if (found == NULL)
        {
          g_string_append_c (out, *p);
          continue;
        }
      g_string_append_c (out, meanings[found - letters]);
      p++;
    }
  return g_string_free (out, FALSE);
}

/* Typing stands still with the machine: say so rather than seem to hang. */
static void
on_type_state (VivMachine *machine, gpointer data)
{
  if (g_str_equal (viv_machine_get_state (machine), "paused"))
    g_printerr (_ ("vivctl: “%s” is paused; the rest is typed when it goes on\n"),
                viv_machine_get_name (machine));
}

int
cli_type (int argc, char **argv)
{
  g_autofree char *layout = NULL;
  const GOptionEntry entries[] = {
    { "layout", 'l', 0, G_OPTION_ARG_STRING, &layout,
      N_ ("Keyboard layout that the guest has set, such as us, de, de(nodeadkeys) (default: the setting input.layout)"),
      N_ ("NAME") },
    { NULL },
  };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 2, 2, &status))
    return status;
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  g_autofree char *text = unescape (argv[2]);
  if (!g_utf8_validate (text, -1, NULL))
    return cli_usage (_ ("the text is not UTF-8"));
  g_signal_connect (machine, "state-changed", G_CALLBACK (on_type_state), NULL);
  viv_machine_type_text (machine, text, layout, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  if (!viv_machine_type_text_finish (machine, done, &error))
    return cli_fail (error);
  return EXIT_DONE;
}

static void
send_key (VivMachine *machine, uint16_t code, gboolean down)
{
  InputEvent event = { .type = INPUT_EVENT_KEY, .code = code, .value = down };

  viv_machine_send_input (machine, &event, 1);
}

int
cli_key (int argc, char **argv)
{
  int hold = 0, status;
  const GOptionEntry entries[] = {
    { "hold", 0, 0, G_OPTION_ARG_INT, &hold, N_ ("Hold each chord down so long"), N_ ("MS") },
    { NULL },
  };
  GError *error = NULL;
  uint16_t codes[8];
  unsigned n;

  if (!cli_parse (entries, &argc, &argv, 2, -1, &status))
    return status;
  for (int i = 2; i < argc; i++)
    if (!input_parse_chord (argv[i], codes, &n, &error))
      {
        g_autoptr (GError) taken = error;
        return cli_usage ("%s", taken->message);
      }
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  for (int i = 2; i < argc; i++)
    {
      if (!input_parse_chord (argv[i], codes, &n, NULL))
        continue;
      for (unsigned k = 0; k < n; k++)
        send_key (machine, codes[k], TRUE);
      cli_sleep (MAX (hold, KEY_PAUSE_MS));
      for (unsigned k = n; k-- > 0;)
        send_key (machine, codes[k], FALSE);
      cli_sleep (KEY_PAUSE_MS);
    }
  return cli_flush (machine, &error) ? EXIT_DONE : cli_fail (error);
}

/* -- pointer ------------------------------------------------------------------------------------------ */

static gboolean
parse_button (const char *name, uint16_t *code)
{
  static const struct
  {
    const char *name;
    uint16_t code;
  } buttons[] = { { "left", BTN_LEFT },
                  { "right", BTN_RIGHT },
                  { "middle", BTN_MIDDLE },
                  { "side", BTN_SIDE },
                  { "extra", BTN_EXTRA } };

  for (unsigned i = 0; i < G_N_ELEMENTS (buttons); i++)
    if (g_strcmp0 (name, buttons[i].name) == 0)
      {
        *code = buttons[i].code;
        return TRUE;
      }
  return FALSE;
}

static gboolean
parse_number (const char *text, int *value)
{
  gint64 number;

  if (text == NULL
      || !g_ascii_string_to_signed (text, 10, -INPUT_ABSOLUTE_MAX, INPUT_ABSOLUTE_MAX, &number, NULL))
    return FALSE;
  *value = number;
  return TRUE;
}

/* The present mode's size, in pixels. */
static gboolean
screen_size (VivMachine *machine, unsigned *width, unsigned *height, GError **error)
{
  GAsyncResult *result = NULL;

  viv_machine_statistics (machine, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  g_autoptr (GVariant) values = viv_machine_statistics_finish (machine, done, error);
  if (values == NULL)
    return FALSE;
  if (g_variant_lookup (values, "width", "u", width) && g_variant_lookup (values, "height", "u", height)
      && *width > 1 && *height > 1)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("the screen is off"));
  return FALSE;
}

typedef struct
{
  VivMachine *machine; /* NULL: check the arguments only */
  gboolean relative;
} Pointer;

static void
send_event (Pointer *pointer, InputEventType type, uint16_t code, int value, int x, int y)
{
  InputEvent event = { .type = type, .code = code, .value = value, .x = x, .y = y };

  viv_machine_send_input (pointer->machine, &event, 1);
  cli_sleep (10);
}

/* Of a pixel within the present mode. */
static gboolean
to_absolute (Pointer *pointer, int *x, int *y, GError **error)
{
  unsigned width, height;

  if (!screen_size (pointer->machine, &width, &height, error))
    return FALSE;
  *x = (int)((gint64)CLAMP (*x, 0, (int)width - 1) * INPUT_ABSOLUTE_MAX / (width - 1));
  *y = (int)((gint64)CLAMP (*y, 0, (int)height - 1) * INPUT_ABSOLUTE_MAX / (height - 1));
  return TRUE;
}

static int
touch (Pointer *pointer, char **argv, int finger, GError **error)
{
  int x, y;

  if (finger < 0 || finger >= (int)INPUT_FINGERS)
    return 0;
  if (g_str_equal (argv[0], "lift"))
    {
      if (pointer->machine != NULL)
        send_event (pointer, INPUT_EVENT_TOUCH, (uint16_t)finger, 0, 0, 0);
      return 2;
    }
  if (!parse_number (argv[2], &x) || !parse_number (argv[3], &y))
    return 0;
  if (pointer->machine == NULL)
    return 4;
  if (!to_absolute (pointer, &x, &y, error))
    return -1;
  send_event (pointer, INPUT_EVENT_TOUCH, (uint16_t)finger, 1, x, y);
  return 4;
}

/* One action; returns how many arguments it took, 0: not understood, -1: an error. */
static int
act (Pointer *pointer, char **argv, GError **error)
{
  uint16_t code;
  int x, y;

  if (g_str_equal (argv[0], "move") && argv[1] != NULL && parse_number (argv[1], &x)
      && parse_number (argv[2], &y))
    {
      if (pointer->machine == NULL)
        return 3;
      if (pointer->relative)
        {
          send_event (pointer, INPUT_EVENT_RELATIVE, 0, 0, x, y);
          return 3;
        }
      if (!viv_machine_get_absolute_pointer (pointer->machine))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       _ ("the guest has no pointer that takes positions; use --relative"));
          return -1;
        }
      if (!to_absolute (pointer, &x, &y, error))
        return -1;
      send_event (pointer, INPUT_EVENT_ABSOLUTE, 0, 0, x, y);
      return 3;
    }
  if ((g_str_equal (argv[0], "click") || g_str_equal (argv[0], "down") || g_str_equal (argv[0], "up"))
      && parse_button (argv[1], &code))
    {
      if (pointer->machine == NULL)
        return 2;
      if (!g_str_equal (argv[0], "up"))
        send_event (pointer, INPUT_EVENT_BUTTON, code, 1, 0, 0);
      if (g_str_equal (argv[0], "click"))
        cli_sleep (40);
      if (!g_str_equal (argv[0], "down"))
        send_event (pointer, INPUT_EVENT_BUTTON, code, 0, 0, 0);
      return 2;
    }
  if ((g_str_equal (argv[0], "touch") || g_str_equal (argv[0], "lift")) && parse_number (argv[1], &x))
    return touch (pointer, argv, x, error);
  if ((g_str_equal (argv[0], "wheel") || g_str_equal (argv[0], "sleep")) && parse_number (argv[1], &y))
    {
      if (pointer->machine != NULL && g_str_equal (argv[0], "wheel"))
        send_event (pointer, INPUT_EVENT_WHEEL, 0, 0, 0, y);
      else if (pointer->machine != NULL && y > 0)
        cli_sleep (y);
      return 2;
    }
  return 0;
}

int
cli_pointer (int argc, char **argv)
{
  Pointer pointer = { 0 };
  const GOptionEntry entries[] = {
    { "relative", 'r', 0, G_OPTION_ARG_NONE, &pointer.relative, N_ ("Move by counts, as a mouse does"),
      NULL },
    { NULL },
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 2, -1, &status))
    return status;
  for (int i = 2; i < argc;)
    {
      int taken = act (&pointer, argv + i, NULL);
      if (taken == 0)
        return cli_usage (
            _ ("“%s” and what follows is no action of the pointer; see “vivctl pointer --help”"), argv[i]);
      i += taken;
    }
  g_autoptr (VivMachine) machine = pointer.machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  for (int i = 2; i < argc;)
    {
      int taken = act (&pointer, argv + i, &error);
      if (taken < 0)
        return cli_fail (error);
      i += taken;
    }
  return cli_flush (machine, &error) ? EXIT_DONE : cli_fail (error);
}
