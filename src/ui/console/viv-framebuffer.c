/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's screen as a GdkPaintable.
 */
#define G_LOG_DOMAIN "viv-framebuffer"

#include "ui/console/viv-framebuffer.h"

#include "display/shm.h"
#include "display/vnc-client.h"
#include "ui/console/viv-layer.h"
#include "ui/console/viv-pixels.h"

#define VIEW_INTERVAL      16   /* ms */
#define THUMBNAIL_INTERVAL 1000 /* ms */
/* A picture that takes longer to draw is followed by a rest, in which others are drawn, of so many times what it took above that. */
#define DEAR_US  8000
#define REST     2
#define N_LAYERS 3

struct _VivFramebuffer
{
  GObject parent_instance;

  ShmViewer *shm;
  VncClient *vnc;
  guint watches[VIV_N_WATCHES];
  unsigned interval;
  int factor;

  Framebuffer scanout; /* width 0: off; `memory` is our reference.  Stays, still, when the machine has gone */
  VivLayer *layers[N_LAYERS]; /* of the sizes that were drawn last: the viewer's, and thumbnails' */
  guint64 used[N_LAYERS], uses;

  GdkTexture *cursor;
  int hot_x, hot_y;
  gboolean cursor_visible;
  guint close_source;

  gint64 rest_end; /* µs */
  guint rest;      /* it has changed, and is drawn later */
};

enum
{
  PROP_0,
  PROP_LIVE,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

enum
{
  CURSOR_CHANGED,
  CONNECTED,
  PASSWORD,
  CLIPBOARD,
  CLOSED,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

static void paintable_init (GdkPaintableInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (VivFramebuffer, viv_framebuffer, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (GDK_TYPE_PAINTABLE, paintable_init))

/* -- What comes from the source -- */

static gboolean
on_rested (gpointer data)
{
  VivFramebuffer *self = data;

  self->rest = 0;
  gdk_paintable_invalidate_contents (GDK_PAINTABLE (self));
  return G_SOURCE_REMOVE;
}

/* A huge picture that changes all the time must not have the main loop to itself. */
static void
contents_changed (VivFramebuffer *self)
{
  gint64 rest = self->rest_end - g_get_monotonic_time ();

  if (rest <= 0)
    gdk_paintable_invalidate_contents (GDK_PAINTABLE (self));
  else if (!self->rest)
    self->rest = g_timeout_add ((guint)(rest / 1000) + 1, on_rested, self);
}

static void
note_cost (VivFramebuffer *self, gint64 took)
{
  if (took > DEAR_US)
    self->rest_end = g_get_monotonic_time () + REST * (took - DEAR_US);
}

static void
on_layer (gpointer data, gint64 took)
{
  note_cost (data, took);
  gdk_paintable_invalidate_contents (GDK_PAINTABLE (data));
}

static void
drop_layers (VivFramebuffer *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->layers); i++)
    viv_layer_clear (self->layers[i]);
}

/* NULL: off. */
static void
take_scanout (VivFramebuffer *self, const Framebuffer *fb)
{
  GBytes *old = self->scanout.memory;

  self->scanout = fb ? *fb : (Framebuffer){ 0 };
  self->scanout.fd = -1; /* the source's */
  if (self->scanout.memory)
    g_bytes_ref (self->scanout.memory);
  drop_layers (self);
  g_clear_pointer (&old, g_bytes_unref);
}

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  VivFramebuffer *self = opaque;
  const Framebuffer old = self->scanout;

  take_scanout (self, fb);
  if (self->scanout.width != old.width || self->scanout.height != old.height)
    gdk_paintable_invalidate_size (GDK_PAINTABLE (self));
  contents_changed (self);
}

static void
on_damage (void *opaque, const Damage *damage)
{
  VivFramebuffer *self = opaque;

  if (!self->scanout.width)
    return;
  for (unsigned i = 0; i < damage->n; i++)
    {
      const DisplayRect all = { 0, 0, self->scanout.width, self->scanout.height };
      DisplayRect rect;

      if (!display_rect_intersect (&damage->rect[i], &all, &rect))
        continue;
      for (guint l = 0; l < G_N_ELEMENTS (self->layers); l++)
        viv_layer_damage (self->layers[l], &rect);
    }
  contents_changed (self);
}

static void
on_cursor (void *opaque, const DisplayCursor *cursor)
{
  VivFramebuffer *self = opaque;

  g_clear_object (&self->cursor);
  self->cursor_visible = !cursor || cursor->visible;
  if (cursor && cursor->width && cursor->height && cursor->width <= DISPLAY_MAX_CURSOR
      && cursor->height <= DISPLAY_MAX_CURSOR && cursor->pixels)
    {
      g_autoptr (GBytes) bytes = g_bytes_new (cursor->pixels, (gsize)cursor->width * cursor->height * 4);

      self->cursor = gdk_memory_texture_new (cursor->width, cursor->height, GDK_MEMORY_B8G8R8A8_PREMULTIPLIED,
                                             bytes, cursor->width * 4);
      self->hot_x = CLAMP (cursor->hot_x, 0, (int)cursor->width - 1);
      self->hot_y = CLAMP (cursor->hot_y, 0, (int)cursor->height - 1);
    }
  else if (cursor && !cursor->width)
    {
      /* None defined: whatever "visible" says, viewers show their own. */
      self->cursor_visible = TRUE;
    }
  g_signal_emit (self, signals[CURSOR_CHANGED], 0);
}

static gboolean
close_later (gpointer data)
{
  VivFramebuffer *self = data;

  self->close_source = 0;
  viv_framebuffer_detach (self);
  return G_SOURCE_REMOVE;
}

static void
on_closed (void *opaque, const GError *error)
{
  VivFramebuffer *self = opaque;

  if (error)
    g_debug ("The screen's connection ended: %s", error->message);
  /* The source still runs on its own stack here. */
  if (!self->close_source)
    self->close_source = g_idle_add (close_later, self);
  g_signal_emit (self, signals[CLOSED], 0, error ? error->message : NULL);
}

static void
on_vnc_connected (void *opaque, const char *name)
{
  g_signal_emit (opaque, signals[CONNECTED], 0, name ? name : "");
}

static void
on_vnc_clipboard (void *opaque, const char *text)
{
  g_signal_emit (opaque, signals[CLIPBOARD], 0, text);
}

static void
on_vnc_leds (void *opaque, unsigned leds)
{
}

static void
on_vnc_password (void *opaque)
{
  if (g_signal_has_handler_pending (opaque, signals[PASSWORD], 0, FALSE))
    g_signal_emit (opaque, signals[PASSWORD], 0);
  else
    viv_framebuffer_vnc_password (opaque, NULL);
}

static void
update_interval (VivFramebuffer *self)
{
  unsigned interval = self->watches[VIV_WATCH_VIEW]        ? VIEW_INTERVAL
                      : self->watches[VIV_WATCH_THUMBNAIL] ? THUMBNAIL_INTERVAL
                                                           : 0;

  if (self->interval == interval)
    return;
  self->interval = interval;
  if (self->shm)
    shm_viewer_set_interval (self->shm, interval);
}

/* -- Painting -- */

static GdkTexture *
make_texture (const Framebuffer *fb, const DisplayRect *rect, const VivLevel *level)
{
  g_autoptr (GBytes) bytes = NULL;
  int width, height;

  viv_level_size (level, rect->width, rect->height, &width, &height);
  bytes = viv_pixels_copy (fb, rect, level);
  return gdk_memory_texture_new (width, height, GDK_MEMORY_B8G8R8A8_PREMULTIPLIED, bytes, (gsize)width * 4);
}

/* The one of this size, else the one that nobody has drawn for longest. */
static guint
choose_layer (VivFramebuffer *self, const VivTransform *transform)
{
  guint chosen = 0;

  for (guint i = 0; i < N_LAYERS; i++)
    if (viv_layer_suits (self->layers[i], &self->scanout, transform))
      {
        chosen = i;
        break;
      }
    else if (self->used[i] < self->used[chosen])
      chosen = i;
  self->used[chosen] = ++self->uses;
  return chosen;
}

void
viv_framebuffer_draw (VivFramebuffer *self, GtkSnapshot *snapshot, GskRenderer *renderer,
                      const VivTransform *transform)
{
  const Framebuffer *fb = &self->scanout;

  if (transform->width <= 0 || !fb->width)
    return;
  guint chosen = choose_layer (self, transform);
  gint64 begun = g_get_monotonic_time ();
  gboolean drawn = viv_layer_draw (self->layers[chosen], snapshot, renderer, fb, transform);
  note_cost (self, g_get_monotonic_time () - begun);
  /* The same picture of another size, until this one is there. */
  for (guint i = 0; !drawn && i < N_LAYERS; i++)
    drawn = i != chosen && viv_layer_draw_old (self->layers[i], snapshot, renderer, fb, transform);
}

static void
viv_framebuffer_snapshot (GdkPaintable *paintable, GdkSnapshot *snapshot, double width, double height)
{
  VivFramebuffer *self = VIV_FRAMEBUFFER (paintable);
  VivTransform transform = { .width = width, .height = height, .factor = self->factor };

  if (!viv_framebuffer_get_size (self, &transform.image_width, &transform.image_height) || width <= 0)
    return;
  transform.scale = width * self->factor / transform.image_width;
  viv_framebuffer_draw (self, GTK_SNAPSHOT (snapshot), NULL, &transform);
}

static int
viv_framebuffer_get_intrinsic_width (GdkPaintable *paintable)
{
  int width, height;

  return viv_framebuffer_get_size (VIV_FRAMEBUFFER (paintable), &width, &height) ? width : 0;
}

static int
viv_framebuffer_get_intrinsic_height (GdkPaintable *paintable)
{
  int width, height;

  return viv_framebuffer_get_size (VIV_FRAMEBUFFER (paintable), &width, &height) ? height : 0;
}

static GdkPaintable *
viv_framebuffer_get_current_image (GdkPaintable *paintable)
{
  GdkTexture *texture = viv_framebuffer_dup_texture (VIV_FRAMEBUFFER (paintable));

  return texture ? GDK_PAINTABLE (texture) : gdk_paintable_new_empty (0, 0);
}

static void
paintable_init (GdkPaintableInterface *iface)
{
  iface->snapshot = viv_framebuffer_snapshot;
  iface->get_intrinsic_width = viv_framebuffer_get_intrinsic_width;
  iface->get_intrinsic_height = viv_framebuffer_get_intrinsic_height;
  iface->get_current_image = viv_framebuffer_get_current_image;
}

/* -- Object -- */

static void
viv_framebuffer_dispose (GObject *object)
{
  VivFramebuffer *self = VIV_FRAMEBUFFER (object);

  g_clear_handle_id (&self->close_source, g_source_remove);
  g_clear_handle_id (&self->rest, g_source_remove);
  g_clear_pointer (&self->shm, shm_viewer_free);
  g_clear_pointer (&self->vnc, vnc_client_free);
  take_scanout (self, NULL);
  g_clear_object (&self->cursor);
  G_OBJECT_CLASS (viv_framebuffer_parent_class)->dispose (object);
}

static void
viv_framebuffer_finalize (GObject *object)
{
  VivFramebuffer *self = VIV_FRAMEBUFFER (object);

  for (guint i = 0; i < G_N_ELEMENTS (self->layers); i++)
    viv_layer_free (self->layers[i]);
  G_OBJECT_CLASS (viv_framebuffer_parent_class)->finalize (object);
}

static void
viv_framebuffer_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_LIVE:
      g_value_set_boolean (value, viv_framebuffer_is_live (VIV_FRAMEBUFFER (object)));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_framebuffer_class_init (VivFramebufferClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = viv_framebuffer_dispose;
  object_class->finalize = viv_framebuffer_finalize;
  object_class->get_property = viv_framebuffer_get_property;

  props[PROP_LIVE]
      = g_param_spec_boolean ("live", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  signals[CURSOR_CHANGED] = g_signal_new ("cursor-changed", VIV_TYPE_FRAMEBUFFER, G_SIGNAL_RUN_LAST, 0, NULL,
                                          NULL, NULL, G_TYPE_NONE, 0);
  signals[CONNECTED] = g_signal_new ("connected", VIV_TYPE_FRAMEBUFFER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                     NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[PASSWORD] = g_signal_new ("password", VIV_TYPE_FRAMEBUFFER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                    G_TYPE_NONE, 0);
  signals[CLIPBOARD] = g_signal_new ("clipboard", VIV_TYPE_FRAMEBUFFER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                     NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[CLOSED] = g_signal_new ("closed", VIV_TYPE_FRAMEBUFFER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
viv_framebuffer_init (VivFramebuffer *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->layers); i++)
    {
      self->layers[i] = viv_layer_new ();
      viv_layer_set_func (self->layers[i], on_layer, self);
    }
  self->factor = 1;
  self->cursor_visible = TRUE;
}

VivFramebuffer *
viv_framebuffer_new (void)
{
  return g_object_new (VIV_TYPE_FRAMEBUFFER, NULL);
}

gboolean
viv_framebuffer_attach_shm (VivFramebuffer *self, int socket, GError **error)
{
  static const ShmViewerFuncs funcs = { on_scanout, on_damage, on_cursor, on_closed };

  viv_framebuffer_detach (self);
  self->shm = shm_viewer_new (socket, &funcs, self, error);
  if (!self->shm)
    return FALSE;
  shm_viewer_set_interval (self->shm, self->interval);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIVE]);
  return TRUE;
}

void
viv_framebuffer_attach_vnc (VivFramebuffer *self, const char *address)
{
  static const VncClientFuncs funcs = { on_vnc_connected, on_scanout,  on_damage,       on_cursor,
                                        on_vnc_clipboard, on_vnc_leds, on_vnc_password, on_closed };

  viv_framebuffer_detach (self);
  self->vnc = vnc_client_new (address, &funcs, self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIVE]);
}

void
viv_framebuffer_detach (VivFramebuffer *self)
{
  g_clear_handle_id (&self->close_source, g_source_remove);
  g_clear_handle_id (&self->rest, g_source_remove);
  if (!self->shm && !self->vnc)
    return;
  g_clear_pointer (&self->shm, shm_viewer_free);
  g_clear_pointer (&self->vnc, vnc_client_free);
  on_cursor (self, NULL);
  gdk_paintable_invalidate_contents (GDK_PAINTABLE (self));
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIVE]);
}

gboolean
viv_framebuffer_is_live (VivFramebuffer *self)
{
  return (self->shm || self->vnc) && !self->close_source;
}

void
viv_framebuffer_vnc_password (VivFramebuffer *self, const char *password)
{
  if (self->vnc)
    vnc_client_password (self->vnc, password);
}

void
viv_framebuffer_vnc_clipboard (VivFramebuffer *self, const char *text)
{
  if (self->vnc)
    vnc_client_clipboard (self->vnc, text);
}

void
viv_framebuffer_input (VivFramebuffer *self, const InputEvent *event)
{
  if (self->vnc)
    vnc_client_input (self->vnc, event);
}

void
viv_framebuffer_watch (VivFramebuffer *self, VivWatch watch)
{
  g_return_if_fail (watch < VIV_N_WATCHES);
  self->watches[watch]++;
  update_interval (self);
}

void
viv_framebuffer_unwatch (VivFramebuffer *self, VivWatch watch)
{
  g_return_if_fail (watch < VIV_N_WATCHES && self->watches[watch] > 0);
  self->watches[watch]--;
  update_interval (self);
}

gboolean
viv_framebuffer_get_size (VivFramebuffer *self, int *width, int *height)
{
  *width = self->scanout.width;
  *height = self->scanout.height;
  return *width > 0;
}

void
viv_framebuffer_set_scale_factor (VivFramebuffer *self, int factor)
{
  self->factor = MAX (factor, 1);
}

GdkTexture *
viv_framebuffer_dup_texture (VivFramebuffer *self)
{
  const VivLevel level = { 1, 1 };
  const DisplayRect all = { 0, 0, self->scanout.width, self->scanout.height };

  return self->scanout.width ? make_texture (&self->scanout, &all, &level) : NULL;
}

GdkCursor *
viv_framebuffer_dup_cursor (VivFramebuffer *self, gboolean *visible)
{
  *visible = self->cursor_visible;
  return self->cursor ? gdk_cursor_new_from_texture (self->cursor, self->hot_x, self->hot_y, NULL) : NULL;
}
