/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's screen, small.
 */
#define G_LOG_DOMAIN "viv-thumbnail"

#include "ui/machine/viv-thumbnail.h"

#include "machine/picture.h"
#include "ui/app/viv-os.h"
#include "ui/machine/viv-screen.h"

#include <stdint.h>
#include <sys/stat.h>

#define WIDTH      232
#define HEIGHT     145
#define GLYPH_SIZE 64

struct _VivThumbnail
{
  GtkWidget parent_instance;

  GtkWidget *glyph;
  VivMachine *machine;
  VivFramebuffer *framebuffer; /* of its first screen */
  GdkPaintable *still;
  char *still_of; /* what `still` was made from: unchanged, it isn't decoded again */
  gboolean watching;
};

G_DEFINE_FINAL_TYPE (VivThumbnail, viv_thumbnail, GTK_TYPE_WIDGET)

static GdkPaintable *
current (VivThumbnail *self)
{
  int width, height;

  if (self->framebuffer && viv_framebuffer_get_size (self->framebuffer, &width, &height))
    return GDK_PAINTABLE (self->framebuffer);
  return self->still;
}

static void
update (VivThumbnail *self)
{
  gtk_widget_set_visible (self->glyph, current (self) == NULL);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* Which picture it is, and for which scale and shape; NULL: none. */
static char *
still_id (VivThumbnail *self)
{
  const char *path = self->machine ? viv_machine_get_thumbnail (self->machine) : NULL;
  struct stat info;

  if (!path || stat (path, &info) != 0)
    return NULL;
  return g_strdup_printf ("%s %ju %ju %jd.%09ld %d %d", path, (uintmax_t)info.st_ino, (uintmax_t)info.st_size,
                          (intmax_t)info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                          gtk_widget_get_scale_factor (GTK_WIDGET (self)), viv_screen_aspect (self->machine));
}

static void
on_size (GdkPixbufLoader *loader, int width, int height, VivThumbnail *self)
{
  int factor = gtk_widget_get_scale_factor (GTK_WIDGET (self));
  double tall = viv_aspect_kept_pixel_height (viv_screen_aspect (self->machine), width, height);
  double scale = MIN ((double)WIDTH * factor / width, (double)HEIGHT * factor / (height * tall));

  gdk_pixbuf_loader_set_size (loader, MAX (1, (int)(width * scale)), MAX (1, (int)(height * tall * scale)));
}

/* Scaled once, well, instead of at each frame by a filter that skips pixels; and only as large as it is shown: a library has many.  As a
 * PNG and nothing else: a monitor could have written it. */
static GdkPaintable *
decode (VivThumbnail *self)
{
  g_autoptr (GBytes) bytes = viv_thumbnail_read (viv_machine_get_thumbnail (self->machine), NULL);
  g_autoptr (GdkPixbufLoader) loader = bytes ? gdk_pixbuf_loader_new_with_type ("png", NULL) : NULL;
  gboolean good;

  if (!loader)
    return NULL;
  g_signal_connect (loader, "size-prepared", G_CALLBACK (on_size), self);
  good = gdk_pixbuf_loader_write_bytes (loader, bytes, NULL);
  good = gdk_pixbuf_loader_close (loader, NULL) && good;
  if (!good || !gdk_pixbuf_loader_get_pixbuf (loader))
    return NULL;
  return GDK_PAINTABLE (gdk_texture_new_for_pixbuf (gdk_pixbuf_loader_get_pixbuf (loader)));
}

/* Said to be new whenever a machine is read again. */
static void
load_still (VivThumbnail *self)
{
  g_autofree char *id = still_id (self);

  if (g_strcmp0 (id, self->still_of) == 0)
    return;
  g_free (self->still_of);
  self->still_of = g_steal_pointer (&id);
  g_clear_object (&self->still);
  if (self->still_of)
    self->still = decode (self);
  update (self);
}

static void
update_glyph (VivThumbnail *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (self->machine);

  gtk_image_set_from_icon_name (GTK_IMAGE (self->glyph),
                                viv_os_icon (definition ? definition_text (definition, "machine.os") : NULL));
}

static void
on_definition (VivThumbnail *self)
{
  update_glyph (self);
  load_still (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
watch (VivThumbnail *self, gboolean on)
{
  if (self->watching == on || !self->framebuffer)
    return;
  self->watching = on;
  if (on)
    viv_framebuffer_watch (self->framebuffer, VIV_WATCH_THUMBNAIL);
  else
    viv_framebuffer_unwatch (self->framebuffer, VIV_WATCH_THUMBNAIL);
}

static GtkSizeRequestMode
viv_thumbnail_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_CONSTANT_SIZE;
}

static void
viv_thumbnail_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                       int *natural, int *minimum_baseline, int *natural_baseline)
{
  *minimum = *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? WIDTH : HEIGHT;
}

static void
viv_thumbnail_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  VivThumbnail *self = VIV_THUMBNAIL (widget);

  gtk_widget_size_allocate (self->glyph, &(GtkAllocation){ 0, 0, width, height }, -1);
}

static void
viv_thumbnail_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  static const GdkRGBA black = { 0, 0, 0, 1 };
  VivThumbnail *self = VIV_THUMBNAIL (widget);
  GdkPaintable *paintable = current (self);
  double width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);

  if (paintable)
    {
      double image_width = MAX (1, gdk_paintable_get_intrinsic_width (paintable));
      double image_height = MAX (1, gdk_paintable_get_intrinsic_height (paintable));
      /* A still is what it looks like already. */
      double tall = paintable == GDK_PAINTABLE (self->framebuffer) ? viv_aspect_pixel_height (
                        viv_screen_aspect (self->machine), (int)image_width, (int)image_height)
                                                                   : 1;
      double scale = MIN (width / image_width, height / (image_height * tall));
      double fitted_width = image_width * scale, fitted_height = image_height * tall * scale;

      gtk_snapshot_append_color (snapshot, &black, &GRAPHENE_RECT_INIT (0, 0, width, height));
      gtk_snapshot_save (snapshot);
      gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT ((int)((width - fitted_width) / 2),
                                                              (int)((height - fitted_height) / 2)));
      if (self->framebuffer)
        viv_framebuffer_set_scale_factor (self->framebuffer, gtk_widget_get_scale_factor (widget));
      gdk_paintable_snapshot (paintable, snapshot, fitted_width, fitted_height);
      gtk_snapshot_restore (snapshot);
    }
  gtk_widget_snapshot_child (widget, self->glyph, snapshot);
}

static void
viv_thumbnail_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (viv_thumbnail_parent_class)->map (widget);
  watch (VIV_THUMBNAIL (widget), TRUE);
}

static void
viv_thumbnail_unmap (GtkWidget *widget)
{
  watch (VIV_THUMBNAIL (widget), FALSE);
  GTK_WIDGET_CLASS (viv_thumbnail_parent_class)->unmap (widget);
}

static void
viv_thumbnail_dispose (GObject *object)
{
  VivThumbnail *self = VIV_THUMBNAIL (object);

  viv_thumbnail_set_machine (self, NULL);
  g_clear_pointer (&self->glyph, gtk_widget_unparent);
  G_OBJECT_CLASS (viv_thumbnail_parent_class)->dispose (object);
}

static void
viv_thumbnail_class_init (VivThumbnailClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = viv_thumbnail_dispose;
  widget_class->get_request_mode = viv_thumbnail_get_request_mode;
  widget_class->measure = viv_thumbnail_measure;
  widget_class->size_allocate = viv_thumbnail_size_allocate;
  widget_class->snapshot = viv_thumbnail_snapshot;
  widget_class->map = viv_thumbnail_map;
  widget_class->unmap = viv_thumbnail_unmap;
  gtk_widget_class_set_css_name (widget_class, "vivthumbnail");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
viv_thumbnail_init (VivThumbnail *self)
{
  self->glyph = gtk_image_new ();
  gtk_image_set_pixel_size (GTK_IMAGE (self->glyph), GLYPH_SIZE);
  gtk_widget_add_css_class (self->glyph, "glyph");
  gtk_widget_set_parent (self->glyph, GTK_WIDGET (self));
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  g_signal_connect (self, "notify::scale-factor", G_CALLBACK (load_still), NULL);
}

GdkPaintable *
viv_thumbnail_get_still (VivThumbnail *self)
{
  return self->still;
}

void
viv_thumbnail_set_machine (VivThumbnail *self, VivMachine *machine)
{
  if (self->machine == machine)
    return;
  if (self->machine)
    {
      watch (self, FALSE);
      g_signal_handlers_disconnect_by_data (self->machine, self);
      g_signal_handlers_disconnect_by_data (self->framebuffer, self);
      g_clear_object (&self->framebuffer);
    }
  g_set_object (&self->machine, machine);
  g_clear_object (&self->still);
  g_clear_pointer (&self->still_of, g_free);
  if (!machine)
    return;
  self->framebuffer = g_object_ref (viv_screen_get_framebuffer (viv_screen_get (machine, 0)));
  g_signal_connect_swapped (self->framebuffer, "invalidate-contents", G_CALLBACK (update), self);
  g_signal_connect_swapped (machine, "notify::thumbnail", G_CALLBACK (load_still), self);
  g_signal_connect_swapped (machine, "notify::definition", G_CALLBACK (on_definition), self);
  update_glyph (self);
  watch (self, gtk_widget_get_mapped (GTK_WIDGET (self)));
  load_still (self);
  update (self);
}
