/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screens of a machine.
 */
#define G_LOG_DOMAIN "viv-screen"

#include "ui/machine/viv-screen.h"

#define RETRY_MS 2000

struct _VivScreen
{
  GObject parent_instance;

  VivMachine *machine; /* has us; NULL when it is gone */
  guint id;
  VivFramebuffer *framebuffer;
  GCancellable *attaching;
  guint retry;
};

G_DEFINE_FINAL_TYPE (VivScreen, viv_screen, G_TYPE_OBJECT)

static void update (VivScreen *screen);

static gboolean
on_retry (gpointer data)
{
  VivScreen *screen = data;

  screen->retry = 0;
  update (screen);
  return G_SOURCE_REMOVE;
}

static void
on_attached (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  int socket = viv_machine_attach_screen_finish (VIV_MACHINE (source), result, &error);
  VivScreen *screen = data;

  /* Cancelled: what was to be attached is off, or the screen is gone. */
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
stop (VivScreen *screen)
{
  g_clear_handle_id (&screen->retry, g_source_remove);
  if (screen->attaching)
    g_cancellable_cancel (screen->attaching);
  g_clear_object (&screen->attaching);
  viv_framebuffer_detach (screen->framebuffer);
}

static void
update (VivScreen *screen)
{
  if (!screen->machine || !viv_machine_is_live (screen->machine))
    {
      stop (screen);
      return;
    }
  if (screen->attaching || screen->retry || viv_framebuffer_is_live (screen->framebuffer))
    return;
  screen->attaching = g_cancellable_new ();
  viv_machine_attach_screen (screen->machine, screen->id, screen->attaching, on_attached, screen);
}

static void
on_framebuffer_live (VivScreen *screen)
{
  /* The connection broke while the machine lives on: try again, not at once. */
  if (screen->machine && !viv_framebuffer_is_live (screen->framebuffer)
      && viv_machine_is_live (screen->machine) && !screen->attaching && !screen->retry)
    screen->retry = g_timeout_add (RETRY_MS, on_retry, screen);
}

static void
viv_screen_dispose (GObject *object)
{
  VivScreen *self = VIV_SCREEN (object);

  g_signal_handlers_disconnect_by_data (self->framebuffer, self);
  stop (self);
  G_OBJECT_CLASS (viv_screen_parent_class)->dispose (object);
}

static void
viv_screen_finalize (GObject *object)
{
  g_object_unref (VIV_SCREEN (object)->framebuffer);
  G_OBJECT_CLASS (viv_screen_parent_class)->finalize (object);
}

static void
viv_screen_class_init (VivScreenClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_screen_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_screen_finalize;
}

static void
viv_screen_init (VivScreen *self)
{
  self->framebuffer = viv_framebuffer_new ();
  g_signal_connect_swapped (self->framebuffer, "notify::live", G_CALLBACK (on_framebuffer_live), self);
}

/* The machine is going. */
static void
let_go (gpointer data)
{
  VivScreen *self = data;

  self->machine = NULL;
  stop (self);
  g_object_unref (self);
}

VivScreen *
viv_screen_get (VivMachine *machine, guint id)
{
  GPtrArray *screens = g_object_get_data (G_OBJECT (machine), "viv-screens");
  VivScreen *screen;

  for (guint i = 0; screens && i < screens->len; i++)
    if (VIV_SCREEN (screens->pdata[i])->id == id)
      return screens->pdata[i];
  if (!screens)
    {
      screens = g_ptr_array_new_with_free_func (let_go);
      g_object_set_data_full (G_OBJECT (machine), "viv-screens", screens, (GDestroyNotify)g_ptr_array_unref);
    }
  screen = g_object_new (VIV_TYPE_SCREEN, NULL);
  screen->machine = machine;
  screen->id = id;
  g_ptr_array_add (screens, screen);
  g_signal_connect_object (machine, "notify::live", G_CALLBACK (update), screen, G_CONNECT_SWAPPED);
  update (screen);
  return screen;
}

guint
viv_screen_get_id (VivScreen *self)
{
  return self->id;
}

VivFramebuffer *
viv_screen_get_framebuffer (VivScreen *self)
{
  return self->framebuffer;
}

VivAspect
viv_screen_aspect (VivMachine *machine)
{
  const MachineDefinition *definition = machine ? viv_machine_get_definition (machine) : NULL;
  const char *aspect = definition ? definition_text (definition, "display0.aspect") : NULL;

  return g_strcmp0 (aspect, "square") == 0 ? VIV_ASPECT_SQUARE
         : g_strcmp0 (aspect, "4:3") == 0  ? VIV_ASPECT_4_3
                                           : VIV_ASPECT_AUTO;
}
