/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * view: the machine's screen in a window: the application's, or a bare one of SDL for a pointer that the guest wants relative.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "cli/sdl-viewer.h"
#include "machine/paths.h"

gboolean
view_spawn (VivMachine *machine, GError **error)
{
  g_autofree char *program = NULL;

  if (g_getenv ("WAYLAND_DISPLAY") == NULL && g_getenv ("DISPLAY") == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("there is no display"));
      return FALSE;
    }
  program = viv_find_program ("vivarium", error);
  if (program == NULL)
    return FALSE;
  const char *argv[] = { program, "--view", viv_machine_get_uuid (machine), NULL };
  return g_spawn_async (NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, error);
}

int
cli_view (int argc, char **argv)
{
  gboolean sdl = FALSE;
  const GOptionEntry entries[] = {
    { "sdl", 0, 0, G_OPTION_ARG_NONE, &sdl, N_ ("A bare window that can hold the pointer; Ctrl-Alt frees it"),
      NULL },
    { NULL },
  };
  GAsyncResult *result = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 1, 1, &status))
    return status;
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  if (!sdl)
    return view_spawn (machine, &error) ? EXIT_DONE : cli_fail (error);
  viv_machine_attach_screen (machine, 0, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  int socket = viv_machine_attach_screen_finish (machine, done, &error);
  if (socket < 0 || !sdl_viewer_run (machine, socket, &error))
    return cli_fail (error);
  return EXIT_DONE;
}
