/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The viewer against a screen of our own over shared memory: what a device scans out is, pixel by pixel, what a widget draws;
 * damage arrives.
 */
#include "viewer-fixture.h"
#include "ui/console/viv-display-picture.h"
#include "ui/console/viv-layer.h"
#include "ui/console/viv-pixels.h"

#include <adwaita.h>
#include <string.h>

/* A widget's pixels as a renderer makes them. */
static uint32_t *
render (GtkWidget *widget, int width, int height)
{
  g_autoptr (GtkSnapshot) snapshot = gtk_snapshot_new ();
  GskRenderer *renderer = gtk_native_get_renderer (gtk_widget_get_native (widget));
  g_autoptr (GskRenderNode) node = NULL;
  g_autoptr (GdkTexture) texture = NULL;
  uint32_t *pixels = g_new0 (uint32_t, (gsize)width * height);

  GTK_WIDGET_GET_CLASS (widget)->snapshot (widget, snapshot);
  node = gtk_snapshot_to_node (snapshot);
  g_assert_nonnull (node);
  texture = gsk_renderer_render_texture (renderer, node, &GRAPHENE_RECT_INIT (0, 0, width, height));
  gdk_texture_download (texture, (guchar *)pixels, (gsize)width * 4);
  return pixels;
}

static GtkWidget *
show_picture (Fixture *f, GtkWidget *window, int width, int height)
{
  GtkWidget *picture = viv_display_picture_new ();

  viv_display_picture_set_framebuffer (VIV_DISPLAY_PICTURE (picture), f->framebuffer);
  gtk_widget_set_size_request (picture, width, height);
  gtk_widget_set_halign (picture, GTK_ALIGN_START);
  gtk_widget_set_valign (picture, GTK_ALIGN_START);
  gtk_widget_set_hexpand (picture, FALSE);
  gtk_widget_set_vexpand (picture, FALSE);
  gtk_window_set_decorated (GTK_WINDOW (window), FALSE);
  gtk_window_set_child (GTK_WINDOW (window), picture);
  gtk_window_present (GTK_WINDOW (window));
  until (is_drawn, picture);
  return picture;
}

static void
assert_exact (Fixture *f, GtkWidget *picture, int left, int top, int view_width, int view_height, int times)
{
  g_autofree uint32_t *pixels = render (picture, view_width, view_height);

  for (int y = 0; y < view_height; y++)
    for (int x = 0; x < view_width; x++)
      {
        int image_x = (x - left) / times, image_y = (y - top) / times;
        gboolean inside = x >= left && y >= top && image_x < WIDTH && image_y < HEIGHT;
        uint32_t wanted
            = inside ? ((uint32_t *)(f->surface->pixels + image_y * f->surface->stride))[image_x] : 0;

        g_assert_cmphex (pixels[y * view_width + x], ==, (wanted & 0xffffff) | 0xff000000);
      }
}

static void
test_exact (Fixture *f, gconstpointer data)
{
  GtkWidget *window = gtk_window_new ();
  GtkWidget *picture = show_picture (f, window, WIDTH, HEIGHT);

  g_assert_cmpint (gtk_widget_get_width (picture), ==, WIDTH);
  assert_exact (f, picture, 0, 0, WIDTH, HEIGHT, 1);
  gtk_window_destroy (GTK_WINDOW (window));
}

static void
test_letterbox (Fixture *f, gconstpointer data)
{
  GtkWidget *window = gtk_window_new ();
  GtkWidget *picture = show_picture (f, window, WIDTH + 101, HEIGHT);

  assert_exact (f, picture, 50, 0, WIDTH + 101, HEIGHT, 1);
  gtk_window_destroy (GTK_WINDOW (window));
}

static void
test_twice (Fixture *f, gconstpointer data)
{
  GtkWidget *window = gtk_window_new ();
  GtkWidget *picture = show_picture (f, window, WIDTH * 2, HEIGHT * 2);

  assert_exact (f, picture, 0, 0, WIDTH * 2, HEIGHT * 2, 2);
  gtk_window_destroy (GTK_WINDOW (window));
}

static void
on_contents (GdkPaintable *paintable, gboolean *seen)
{
  *seen = TRUE;
}

static gboolean
is_set (gpointer data)
{
  return *(gboolean *)data;
}

/* A small change, then a large one: both ways to upload. */
static void
test_damage (Fixture *f, gconstpointer data)
{
  static const DisplayRect rects[] = { { 250, 250, 20, 10 }, { 0, 0, WIDTH, HEIGHT }, { 599, 399, 1, 1 } };
  GtkWidget *window = gtk_window_new ();
  GtkWidget *picture = show_picture (f, window, WIDTH, HEIGHT);
  gboolean seen = FALSE;
  gulong handler = g_signal_connect (f->framebuffer, "invalidate-contents", G_CALLBACK (on_contents), &seen);

  assert_exact (f, picture, 0, 0, WIDTH, HEIGHT, 1);
  g_assert_true (f->watched);
  for (unsigned i = 0; i < G_N_ELEMENTS (rects); i++)
    {
      const DisplayRect *r = &rects[i];

      for (int y = r->y; y < r->y + r->height; y++)
        for (int x = r->x; x < r->x + r->width; x++)
          ((uint32_t *)(f->surface->pixels + y * f->surface->stride))[x] = pattern (x + 77 * (i + 1), y);
      seen = FALSE;
      display_output_damage (f->output, r->x, r->y, r->width, r->height);
      until (is_set, &seen);
      assert_exact (f, picture, 0, 0, WIDTH, HEIGHT, 1);
    }
  g_signal_handler_disconnect (f->framebuffer, handler);
  gtk_window_destroy (GTK_WINDOW (window));
}

/* The last picture stays when the machine has gone. */
static void
test_still (Fixture *f, gconstpointer data)
{
  GtkWidget *window = gtk_window_new ();
  GtkWidget *picture = show_picture (f, window, WIDTH, HEIGHT);

  shm_server_free (f->server);
  f->server = NULL;
  until (is_closed, f);
  assert_exact (f, picture, 0, 0, WIDTH, HEIGHT, 1);
  gtk_window_destroy (GTK_WINDOW (window));
}

static gboolean
is_asleep (gpointer data)
{
  return !((Fixture *)data)->watched;
}

static void
test_sleep (Fixture *f, gconstpointer data)
{
  viv_framebuffer_unwatch (f->framebuffer, VIV_WATCH_VIEW);
  until (is_asleep, f);
  viv_framebuffer_watch (f->framebuffer, VIV_WATCH_THUMBNAIL);
}

/* -- Pixels -- */

static void
test_pixels (void)
{
  static const uint32_t image[] = { 0x00102030, 0xff304050, 0x00506070, 0x12708090, 0x0, 0xffffffff };
  const Framebuffer fb = { .width = 3, .height = 2, .stride = 12, .pixels = (uint8_t *)image, .fd = -1 };
  const DisplayRect all = { 0, 0, 3, 2 };
  g_autoptr (GBytes) twice = viv_pixels_copy (&fb, &all, &(VivLevel){ 2, 1 });
  g_autoptr (GBytes) half = viv_pixels_copy (&fb, &all, &(VivLevel){ 1, 2 });
  const uint32_t *pixels = g_bytes_get_data (twice, NULL);
  VivLevel level;

  g_assert_cmpuint (g_bytes_get_size (twice), ==, 6 * 4 * 4);
  g_assert_cmphex (pixels[0], ==, 0xff102030);
  g_assert_cmphex (pixels[7], ==, 0xff102030);
  g_assert_cmphex (pixels[23], ==, 0xffffffff);
  pixels = g_bytes_get_data (half, NULL);
  g_assert_cmpuint (g_bytes_get_size (half), ==, 2 * 4);
  g_assert_cmphex (pixels[0], ==, 0xff2c3844);
  g_assert_cmphex (pixels[1], ==, 0xffa7afb7);

  viv_level_choose (&level, 1.0, 1920, 1080, 4, 8192);
  g_assert_cmpint (level.multiply * level.divide, ==, 1);
  viv_level_choose (&level, 1.3, 1920, 1080, 4, 8192);
  g_assert_cmpint (level.multiply, ==, 2);
  viv_level_choose (&level, 3.5, 4000, 1080, 4, 8192);
  g_assert_cmpint (level.multiply, ==, 2);
  viv_level_choose (&level, 0.24, 1920, 1080, 4, 8192);
  g_assert_cmpint (level.divide, ==, 4);
  viv_level_choose (&level, 1e-9, 1920, 1080, 4, 8192);
  g_assert_cmpint (level.divide, ==, 64);
}

/* -- What is drawn anew -- */

#define SHOWN_WIDTH  1070 /* no multiple: every edge is filtered */
#define SHOWN_HEIGHT 713

static GskRenderNode *
draw_layer (VivLayer *layer, GskRenderer *renderer, const Framebuffer *fb)
{
  const VivTransform transform = { .x = 7,
                                   .y = 3,
                                   .width = SHOWN_WIDTH,
                                   .height = SHOWN_HEIGHT,
                                   .scale = (double)SHOWN_WIDTH / WIDTH,
                                   .image_width = WIDTH,
                                   .image_height = HEIGHT,
                                   .factor = 1 };
  GtkSnapshot *snapshot = gtk_snapshot_new ();

  viv_layer_draw (layer, snapshot, renderer, fb, &transform);
  return gtk_snapshot_free_to_node (snapshot);
}

static guint
n_children (GskRenderNode *node)
{
  return gsk_render_node_get_node_type (node) == GSK_CONTAINER_NODE ? gsk_container_node_get_n_children (node)
                                                                    : 1;
}

static GskRenderNode *
child (GskRenderNode *node, guint i)
{
  return gsk_render_node_get_node_type (node) == GSK_CONTAINER_NODE ? gsk_container_node_get_child (node, i)
                                                                    : node;
}

static void
assert_same_pixels (GskRenderNode *a, GskRenderNode *b)
{
  GskRenderNode *nodes[] = { a, b };
  cairo_surface_t *surfaces[2];

  for (guint i = 0; i < 2; i++)
    {
      surfaces[i] = cairo_image_surface_create (CAIRO_FORMAT_RGB24, SHOWN_WIDTH + 20, SHOWN_HEIGHT + 20);
      cairo_t *cr = cairo_create (surfaces[i]);
      gsk_render_node_draw (nodes[i], cr);
      cairo_destroy (cr);
      cairo_surface_flush (surfaces[i]);
    }
  for (int y = 0; y < SHOWN_HEIGHT + 20; y++)
    for (int x = 0; x < (SHOWN_WIDTH + 20) * 4; x++)
      {
        int stride = cairo_image_surface_get_stride (surfaces[0]);
        int difference = cairo_image_surface_get_data (surfaces[0])[y * stride + x]
                         - cairo_image_surface_get_data (surfaces[1])[y * stride + x];

        if (x % 4 != 3 && ABS (difference) > 3)
          g_error ("row %d, byte %d differs by %d", y, x, difference);
      }
  cairo_surface_destroy (surfaces[0]);
  cairo_surface_destroy (surfaces[1]);
}

/* A cursor that blinks: nodes outside it stay what they were, by which GTK knows that there is nothing to draw there; and the picture is
 * the one that a whole new one would be. */
static void
blink (GskRenderer *renderer)
{
  g_autofree uint32_t *pixels = g_new (uint32_t, WIDTH * HEIGHT);
  const Framebuffer fb
      = { .width = WIDTH, .height = HEIGHT, .stride = WIDTH * 4, .pixels = (uint8_t *)pixels, .fd = -1 };
  const DisplayRect cell = { 186, 190, 9, 16 }; /* over the corner of four tiles */
  VivLayer *layer = viv_layer_new ();
  GskRenderNode *last, *next;

  for (int i = 0; i < WIDTH * HEIGHT; i++)
    pixels[i] = pattern (i % WIDTH, i / WIDTH);
  last = draw_layer (layer, renderer, &fb);
  g_assert_cmpuint (n_children (last), ==, 1);
  for (guint i = 0; i < 4; i++)
    {
      VivLayer *fresh = viv_layer_new ();
      GskRenderNode *whole;
      double area = 0;

      for (int y = cell.y; y < cell.y + cell.height; y++)
        for (int x = cell.x; x < cell.x + cell.width; x++)
          pixels[y * WIDTH + x] ^= 0xffffff;
      viv_layer_damage (layer, &cell);
      next = draw_layer (layer, renderer, &fb);
      g_assert_cmpuint (viv_layer_n_patches (layer), ==, 4);
      g_assert_cmpuint (n_children (next), ==, 5);
      g_assert_true (child (next, 0) == child (last, 0));
      for (guint n = 1; n < n_children (next); n++)
        {
          graphene_rect_t bounds;

          gsk_render_node_get_bounds (child (next, n), &bounds);
          area += bounds.size.width * bounds.size.height;
        }
      g_assert_cmpfloat (area, <, SHOWN_WIDTH * SHOWN_HEIGHT / 8);
      whole = draw_layer (fresh, renderer, &fb);
      assert_same_pixels (whole, next);
      gsk_render_node_unref (whole);
      gsk_render_node_unref (last);
      viv_layer_free (fresh);
      last = next;
    }

  /* The guest writes what was there: nothing at all is new. */
  viv_layer_damage (layer, &cell);
  next = draw_layer (layer, renderer, &fb);
  for (guint n = 0; n < n_children (next); n++)
    {
      GskRenderNode *a = child (last, n), *b = child (next, n);

      if (n > 0)
        {
          a = gsk_clip_node_get_child (a);
          b = gsk_clip_node_get_child (b);
        }
      g_assert_true (a == b);
    }
  gsk_render_node_unref (last);

  /* Much has changed: one picture again. */
  viv_layer_damage (layer, &(DisplayRect){ 0, 0, WIDTH, HEIGHT });
  last = draw_layer (layer, renderer, &fb);
  g_assert_cmpuint (n_children (last), ==, 1);
  gsk_render_node_unref (last);
  gsk_render_node_unref (next);
  viv_layer_free (layer);
}

static void
test_blink (void)
{
  GskRenderer *renderer = gsk_cairo_renderer_new ();

  blink (NULL);
  blink (renderer);
  g_object_unref (renderer);
}

/* -- Pictures that are dear to copy -- */

#define DEAR_WIDTH  3000
#define DEAR_HEIGHT 2000

typedef struct
{
  Framebuffer fb;
  VivLayer *layer;
  VivTransform transform;
  gboolean copied, freed;
} Dear;

static void
on_memory_freed (gpointer data)
{
  g_atomic_int_set ((gint *)data, TRUE);
}

static void
on_dear_copied (gpointer data, gint64 took)
{
  *(gboolean *)data = TRUE;
}

static uint32_t *
dear_pixel (Dear *d, int x, int y)
{
  return (uint32_t *)(d->fb.pixels + (size_t)y * d->fb.stride) + x;
}

static void
dear_begin (Dear *d)
{
  gsize size = (gsize)DEAR_WIDTH * DEAR_HEIGHT * 4;
  uint8_t *pixels = g_malloc0 (size);

  *d = (Dear){ .layer = viv_layer_new () };
  d->fb = (Framebuffer){ .width = DEAR_WIDTH,
                         .height = DEAR_HEIGHT,
                         .stride = DEAR_WIDTH * 4,
                         .pixels = pixels,
                         .fd = -1,
                         .memory = g_bytes_new_with_free_func (pixels, size, on_memory_freed, &d->freed) };
  d->transform = (VivTransform){ .width = DEAR_WIDTH,
                                 .height = DEAR_HEIGHT,
                                 .scale = 1,
                                 .image_width = DEAR_WIDTH,
                                 .image_height = DEAR_HEIGHT,
                                 .factor = 1 };
  viv_layer_set_func (d->layer, on_dear_copied, &d->copied);
}

/* NULL: nothing is drawn. */
static GskRenderNode *
dear_draw (Dear *d)
{
  GtkSnapshot *snapshot = gtk_snapshot_new ();
  gboolean drawn = viv_layer_draw (d->layer, snapshot, NULL, &d->fb, &d->transform);
  GskRenderNode *node = gtk_snapshot_free_to_node (snapshot);

  g_assert_true (drawn == (node != NULL));
  return node;
}

/* As it is drawn, at this place. */
static void
assert_dear (Dear *d, int x, int y, uint32_t wanted)
{
  g_autoptr (GskRenderNode) node = dear_draw (d);
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, 1, 1);
  cairo_t *cr = cairo_create (surface);

  g_assert_nonnull (node);
  cairo_translate (cr, -x, -y);
  gsk_render_node_draw (node, cr);
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  g_assert_cmphex (*(uint32_t *)(void *)cairo_image_surface_get_data (surface) & 0xffffff, ==, wanted);
  cairo_surface_destroy (surface);
}

/* It is copied on a thread; what changes meanwhile is not lost, and the old picture is there until then. */
static void
test_dear (void)
{
  Dear d;

  dear_begin (&d);
  *dear_pixel (&d, 2500, 1500) = 0x112233;
  g_assert_null (dear_draw (&d));
  *dear_pixel (&d, 10, 20) = 0x445566;
  viv_layer_damage (d.layer, &(DisplayRect){ 10, 20, 1, 1 });
  until (is_set, &d.copied);
  assert_dear (&d, 2500, 1500, 0x112233);
  assert_dear (&d, 10, 20, 0x445566);

  d.copied = FALSE;
  *dear_pixel (&d, 2500, 1500) = 0x778899;
  viv_layer_damage (d.layer, &(DisplayRect){ 0, 0, DEAR_WIDTH, DEAR_HEIGHT });
  if (!d.copied)
    assert_dear (&d, 2500, 1500, 0x112233);
  until (is_set, &d.copied);
  assert_dear (&d, 2500, 1500, 0x778899);
  g_assert_cmpuint (viv_layer_n_patches (d.layer), ==, 0);

  /* Damaged whole by who changed nothing: nothing is new. */
  g_autoptr (GskRenderNode) before = dear_draw (&d);
  d.copied = FALSE;
  viv_layer_damage (d.layer, &(DisplayRect){ 0, 0, DEAR_WIDTH, DEAR_HEIGHT });
  gsk_render_node_unref (dear_draw (&d));
  until (is_set, &d.copied);
  g_autoptr (GskRenderNode) after = dear_draw (&d);
  g_assert_true (child (before, 0) == child (after, 0));
  viv_layer_free (d.layer);
  g_bytes_unref (d.fb.memory);
  g_free (d.fb.pixels);
}

/* Who looked goes, and the memory, while the thread is at it: it has its own hold. */
static void
test_dear_end (void)
{
  for (guint i = 0; i < 3; i++)
    {
      Dear d;

      dear_begin (&d);
      g_assert_null (dear_draw (&d));
      if (i == 1)
        viv_layer_clear (d.layer);
      if (i == 2) /* one is broken off, and another begun */
        {
          viv_layer_clear (d.layer);
          g_assert_null (dear_draw (&d));
          until (is_set, &d.copied);
        }
      viv_layer_free (d.layer);
      g_bytes_unref (d.fb.memory);
      until (is_set, &d.freed);
      g_free (d.fb.pixels);
    }
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  adw_init ();
  g_test_add_func ("/display/pixels", test_pixels);
  g_test_add_func ("/display/blink", test_blink);
  g_test_add_func ("/display/dear", test_dear);
  g_test_add_func ("/display/dear-end", test_dear_end);
  ADD ("/display/exact", test_exact);
  ADD ("/display/letterbox", test_letterbox);
  ADD ("/display/twice", test_twice);
  ADD ("/display/damage", test_damage);
  ADD ("/display/still", test_still);
  ADD ("/display/sleep", test_sleep);
  return g_test_run ();
}
