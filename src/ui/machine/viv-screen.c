/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screen of a machine.
 */
#define G_LOG_DOMAIN "viv-screen"

#include "ui/machine/viv-screen.h"

#define RETRY_MS 2000

typedef struct
{
  VivMachine *machine; /* owns us */
  VivFramebuffer *framebuffer;
  GCancellable *attaching;
  guint retry;
} Screen;

static void update (Screen *screen);

static gboolean
on_retry (gpointer data)
{
  Screen *screen = data;

  screen->retry = 0;
  update (screen);
  return G_SOURCE_REMOVE;
}

static void
on_attached (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  int socket = viv_machine_attach_screen_finish (VIV_MACHINE (source), result, &error);
  Screen *screen = data;

  /* Cancelled: the screen is gone. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&screen->attaching);
  if (socket >= 0 && viv_framebuffer_attach_shm (screen->framebuffer, socket, &error))
    return;
  g_debug ("No screen of “%s”: %s", viv_machine_get_name (screen->machine),
           error ? error->message : "no socket");
  if (!screen->retry)
    screen->retry = g_timeout_add (RETRY_MS, on_retry, screen);
}

static void
update (Screen *screen)
{
  gboolean live = viv_machine_is_live (screen->machine);

  if (!live)
    {
      g_clear_handle_id (&screen->retry, g_source_remove);
      if (screen->attaching)
        g_cancellable_cancel (screen->attaching);
      g_clear_object (&screen->attaching);
      viv_framebuffer_detach (screen->framebuffer);
      return;
    }
  if (screen->attaching || screen->retry || viv_framebuffer_is_live (screen->framebuffer))
    return;
  screen->attaching = g_cancellable_new ();
  viv_machine_attach_screen (screen->machine, 0, screen->attaching, on_attached, screen);
}

static void
on_framebuffer_live (Screen *screen)
{
  /* The connection broke while the machine lives on: try again, not at once. */
  if (!viv_framebuffer_is_live (screen->framebuffer) && viv_machine_is_live (screen->machine)
      && !screen->attaching && !screen->retry)
    screen->retry = g_timeout_add (RETRY_MS, on_retry, screen);
}

static void
screen_free (gpointer data)
{
  Screen *screen = data;

  g_clear_handle_id (&screen->retry, g_source_remove);
  if (screen->attaching)
    g_cancellable_cancel (screen->attaching);
  g_clear_object (&screen->attaching);
  g_signal_handlers_disconnect_by_data (screen->framebuffer, screen);
  viv_framebuffer_detach (screen->framebuffer);
  g_object_unref (screen->framebuffer);
  g_free (screen);
}

VivFramebuffer *
viv_screen_for_machine (VivMachine *machine)
{
  Screen *screen = g_object_get_data (G_OBJECT (machine), "viv-screen");

  if (!screen)
    {
      screen = g_new0 (Screen, 1);
      screen->machine = machine;
      screen->framebuffer = viv_framebuffer_new ();
      g_signal_connect_swapped (screen->framebuffer, "notify::live", G_CALLBACK (on_framebuffer_live),
                                screen);
      g_signal_connect_swapped (machine, "notify::live", G_CALLBACK (update), screen);
      g_object_set_data_full (G_OBJECT (machine), "viv-screen", screen, screen_free);
      update (screen);
    }
  return screen->framebuffer;
}
