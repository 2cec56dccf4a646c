/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Damage against a bitmap of the screen; the output's tick, sleep and surfaces; PNG.
 */
#include "display/memfd.h"
#include "display/output.h"

#include <fcntl.h>
#include <png.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define W 97
#define H 61

static void
test_damage (void)
{
  for (unsigned round = 0; round < 300; round++)
    {
      g_autofree char *model = g_malloc0 (W * H);
      Damage damage = { 0 };
      unsigned adds = g_test_rand_int_range (0, 120);
      int big = g_test_rand_int_range (1, 12);

      for (unsigned i = 0; i < adds; i++)
        {
          DisplayRect r = { g_test_rand_int_range (-20, W + 20), g_test_rand_int_range (-20, H + 20),
                            g_test_rand_int_range (-2, big), g_test_rand_int_range (-2, big) };

          damage_add (&damage, &r, W, H);
          for (int y = MAX (r.y, 0); y < MIN (r.y + r.height, H); y++)
            for (int x = MAX (r.x, 0); x < MIN (r.x + r.width, W); x++)
              model[y * W + x] = 1;
          g_assert_cmpuint (damage.n, <=, DAMAGE_MAX);
        }
      for (unsigned i = 0; i < damage.n; i++)
        {
          DisplayRect *r = &damage.rect[i];
          gboolean useful = FALSE;

          g_assert_true (r->x >= 0 && r->y >= 0 && r->width > 0 && r->height > 0);
          g_assert_true (r->x + r->width <= W && r->y + r->height <= H);
          for (unsigned j = 0; j < i; j++)
            g_assert_false (display_rect_intersect (r, &damage.rect[j], NULL));
          for (int y = r->y; y < r->y + r->height; y++)
            for (int x = r->x; x < r->x + r->width; x++)
              {
                useful |= model[y * W + x];
                model[y * W + x] = 0;
              }
          g_assert_true (useful);
        }
      for (unsigned i = 0; i < W * H; i++)
        g_assert_false (model[i]);
    }
}

static void
test_damage_extremes (void)
{
  Damage damage = { 0 };
  DisplayRect out;

  damage_add (&damage, &(DisplayRect){ G_MAXINT, G_MAXINT, G_MAXINT, G_MAXINT }, 640, 480);
  damage_add (&damage, &(DisplayRect){ G_MININT, G_MININT, G_MAXINT, G_MAXINT }, 640, 480);
  damage_add (&damage, &(DisplayRect){ 0, 0, G_MININT, 10 }, 640, 480);
  damage_add (&damage, &(DisplayRect){ 0, 0, 10, 10 }, 0, 0);
  g_assert_cmpuint (damage.n, ==, 0);
  damage_add (&damage, &(DisplayRect){ -5, -5, G_MAXINT, G_MAXINT }, 640, 480);
  g_assert_cmpuint (damage.n, ==, 1);
  g_assert_cmpint (damage.rect[0].width, ==, 640);
  g_assert_cmpint (damage.rect[0].height, ==, 480);
  g_assert_false (
      display_rect_intersect (&(DisplayRect){ G_MAXINT, 0, 10, 10 }, &(DisplayRect){ 0, 0, 10, 10 }, &out));
  out = display_rect_union (&(DisplayRect){ G_MININT, 0, 1, 1 }, &(DisplayRect){ G_MAXINT - 1, 0, 1, 1 });
  g_assert_cmpint (out.width, ==, G_MAXINT);
}

typedef struct
{
  DisplayOutput *output;
  unsigned refreshes, watched, unwatched;
  unsigned scanouts, damages, cursors;
  uint32_t width, height;
  Damage last;
  gboolean paint;
  DisplayViewer *victim;
} World;

static void
on_refresh (void *opaque)
{
  World *w = opaque;

  w->refreshes++;
  if (w->paint)
    display_output_damage (w->output, 3, 4, 5, 6);
}

static void
on_watched (void *opaque, gboolean watched)
{
  World *w = opaque;

  if (watched)
    w->watched++;
  else
    w->unwatched++;
}

static char *
on_text (void *opaque)
{
  return g_strdup ("hello");
}

static void
on_resize (void *opaque, uint32_t width, uint32_t height)
{
  World *w = opaque;

  w->width = width;
  w->height = height;
}

static const DisplaySource source = { on_refresh, on_watched, on_text, on_resize };

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  World *w = opaque;

  w->scanouts++;
  w->width = fb ? fb->width : 0;
}

static void
on_damage (void *opaque, const Damage *damage)
{
  World *w = opaque;

  w->damages++;
  w->last = *damage;
  g_clear_pointer (&w->victim, display_viewer_detach);
}

static void
on_cursor (void *opaque, const DisplayCursor *cursor)
{
  ((World *)opaque)->cursors++;
}

static const DisplayViewerFuncs viewer_funcs = { on_scanout, on_damage, on_cursor };

/* At least so long, and as many turns of the loop as fit in there on an idle host: a loaded one may take all the time from a single
 * turn.  Returns how long it was, in ms. */
static int64_t
spin (unsigned ms)
{
  int64_t start = g_get_monotonic_time (), end = start + ms * 1000ll;

  for (unsigned turn = 0; turn < ms * 1000 / 500 || g_get_monotonic_time () < end; turn++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_usleep (500);
    }
  return (g_get_monotonic_time () - start) / 1000;
}

/* Frames that a viewer of that interval can have had in so many ms: half an interval lies between two of them at least. */
static unsigned
most_frames (int64_t elapsed, unsigned interval)
{
  return 2 + (unsigned)(elapsed / (interval / 2));
}

static void
test_output_sleep (void)
{
  World w = { 0 };
  DisplayViewer *viewer, *other;
  unsigned before;
  int64_t elapsed;

  w.output = display_output_new ("screen", &source, &w);
  spin (60);
  g_assert_cmpuint (w.refreshes, ==, 0);
  g_assert_null (display_output_snapshot (w.output));
  g_assert_cmpuint (w.refreshes, ==, 1);
  g_assert_cmpuint (w.watched, ==, 1);
  g_assert_cmpuint (w.unwatched, ==, 1);

  viewer = display_output_attach (w.output, &viewer_funcs, &w);
  g_assert_cmpuint (w.scanouts, ==, 1);
  g_assert_cmpuint (w.cursors, ==, 1);
  g_assert_cmpuint (w.watched, ==, 2);
  display_output_set_scanout (w.output, display_output_surface (w.output, 640, 480));
  g_assert_cmpuint (w.width, ==, 640);
  elapsed = spin (100);
  g_assert_cmpuint (w.refreshes, >=, 4);
  g_assert_cmpuint (w.refreshes, <=, 1 + most_frames (elapsed, 16));
  g_assert_cmpuint (w.damages, ==, 1); /* the whole, once; then nothing changed */
  g_assert_cmpint (w.last.rect[0].width, ==, 640);
  w.paint = TRUE;
  spin (50);
  g_assert_cmpuint (w.last.n, ==, 1);
  g_assert_cmpint (w.last.rect[0].x, ==, 3);
  w.paint = FALSE;

  display_viewer_set_interval (viewer, 0);
  g_assert_cmpuint (w.unwatched, ==, 2);
  before = w.refreshes;
  display_output_touch (w.output);
  spin (60);
  g_assert_cmpuint (w.refreshes, ==, before);

  display_viewer_set_interval (viewer, 1000);
  elapsed = spin (300);
  g_assert_cmpuint (w.refreshes, >=, before + 1);
  g_assert_cmpuint (w.refreshes, <=, before + most_frames (elapsed, 1000));
  g_assert_cmpint (w.last.rect[0].width, ==, 640);
  before = w.refreshes;
  display_output_touch (w.output);
  spin (20);
  g_assert_cmpuint (w.refreshes, >=, before + 1);

  /* A viewer may go while another's damage is delivered. */
  display_viewer_set_interval (viewer, 16);
  other = display_output_attach (w.output, &viewer_funcs, &w);
  w.victim = other;
  w.paint = TRUE;
  spin (60);
  g_assert_null (w.victim);

  display_viewer_resize (viewer, 800, 600);
  g_assert_cmpuint (w.width, ==, 800);
  display_viewer_resize (viewer, 0, 600);
  display_viewer_resize (viewer, DISPLAY_MAX_SIZE + 1, 600);
  g_assert_cmpuint (w.width, ==, 800);
  g_free (display_output_text (w.output));
  display_output_free (w.output);
  display_viewer_set_interval (viewer, 16);
  display_viewer_detach (viewer);
}

static void
test_output_surface (void)
{
  World w = { 0 };
  Framebuffer *fb, old;
  DisplayOutput *output = display_output_new ("screen", &source, &w);

  w.output = output;
  fb = display_output_surface (output, 320, 200);
  g_assert_cmpuint (fb->stride, ==, 1280);
  g_assert_true (display_memfd_is_safe (fb->fd, 320 * 200 * 4));
  g_assert_false (display_memfd_is_safe (fb->fd, fb->fd_size + 1));
  g_assert_cmpint (ftruncate (fb->fd, 0), ==, -1);
  g_assert_true (display_output_surface (output, 320, 200) == fb);
  display_output_set_scanout (output, fb);
  old = *fb;
  /* The old one stays readable until the device shows the new one. */
  fb = display_output_surface (output, 1024, 768);
  g_assert_true (fb->pixels != old.pixels);
  memset (old.pixels, 0x55, 320 * 200 * 4);
  memset (fb->pixels, 0x66, 1024 * 768 * 4);
  g_assert_cmpuint (display_output_snapshot (output)->width, ==, 320);
  display_output_set_scanout (output, fb);
  g_assert_cmpuint (display_output_snapshot (output)->width, ==, 1024);
  display_output_set_scanout (output, NULL);
  g_assert_null (display_output_snapshot (output));
  g_assert_cmpuint (display_output_surface (output, 0, 99999)->height, ==, DISPLAY_MAX_SIZE);
  /* A mode that can't be is no mode. */
  fb = display_output_surface (output, 64, 64);
  display_output_set_scanout (output, &(Framebuffer){ 64, 64, 100, fb->pixels, -1, 0, 0 });
  g_assert_null (display_output_snapshot (output));

  display_output_set_cursor (output, &(DisplayCursor){ TRUE, 5, 5, 1000, 1000, (uint32_t *)fb->pixels });
  g_assert_cmpuint (display_output_cursor (output)->width, ==, 0);
  display_output_set_cursor (output, &(DisplayCursor){ TRUE, 99, -1, 32, 16, (uint32_t *)fb->pixels });
  g_assert_cmpint (display_output_cursor (output)->hot_x, ==, 31);
  g_assert_cmpint (display_output_cursor (output)->hot_y, ==, 0);
  display_output_free (output);
  g_assert_cmpint (display_memfd_readonly (-1), ==, -1);
}

/* Whoever is given the memory of a screen can't write to it, by whatever way, nor change what holds; its owner can. */
static void
test_readonly (void)
{
  const DisplayMemory kinds[] = { DISPLAY_MEMORY_SHOWN, DISPLAY_MEMORY_COMMON };

  for (unsigned i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (GError) error = NULL;
      void *map, *seen;
      int fd = display_memfd_new ("t", 4096, kinds[i], &map, &error), ro;

      g_assert_no_error (error);
      ro = display_memfd_readonly (fd);
      g_assert_cmpint (ro, >=, 0);
      g_assert_true (display_memfd_is_safe (ro, 4096));
      g_assert_true (mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED);
      g_assert_cmpint (pwrite (ro, "x", 1, 0), ==, -1);
      g_assert_cmpint (ftruncate (ro, 0), ==, -1);
      g_assert_cmpint (fallocate (ro, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), ==, -1);
      g_assert_cmpint (fcntl (ro, F_ADD_SEALS, F_SEAL_WRITE), ==, -1);
      seen = mmap (NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
      g_assert_true (seen != MAP_FAILED);
      g_assert_cmpint (mprotect (seen, 4096, PROT_READ | PROT_WRITE), ==, -1);
      *(volatile char *)map = 7;
      g_assert_cmpint (*(volatile char *)seen, ==, 7);
      munmap (seen, 4096);
      munmap (map, 4096);
      close (ro);
      close (fd);
    }
}

static void
test_png (void)
{
  uint32_t pixels[2 * 3] = { 0xff112233, 0x00445566, 0xdeadbeef, 0x00ffffff, 0x00000000, 0xdeadbeef };
  Framebuffer fb = { 2, 2, 12, (uint8_t *)pixels, -1, 0, 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "viv-png-XXXXXX", NULL);
  int fd = g_mkstemp (path);
  png_image image = { .version = PNG_IMAGE_VERSION };
  uint8_t got[12];
  static const uint8_t want[12] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xff, 0xff, 0xff, 0, 0, 0 };
  int full;

  g_assert_true (display_write_png (&fb, fd, &error));
  g_assert_no_error (error);
  g_assert_true (png_image_begin_read_from_file (&image, path));
  g_assert_cmpuint (image.width, ==, 2);
  image.format = PNG_FORMAT_RGB;
  g_assert_true (png_image_finish_read (&image, NULL, got, 0, NULL));
  g_assert_cmpmem (got, 12, want, 12);
  close (fd);
  unlink (path);

  full = open ("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full >= 0)
    {
      g_assert_false (display_write_png (&fb, full, &error));
      g_assert_nonnull (error);
      g_clear_error (&error);
      close (full);
    }
  g_assert_false (display_write_png (NULL, 1, &error));
  g_assert_nonnull (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/display/damage/model", test_damage);
  g_test_add_func ("/display/damage/extremes", test_damage_extremes);
  g_test_add_func ("/display/output/sleep", test_output_sleep);
  g_test_add_func ("/display/output/surface", test_output_surface);
  g_test_add_func ("/display/readonly", test_readonly);
  g_test_add_func ("/display/png", test_png);
  return g_test_run ();
}
