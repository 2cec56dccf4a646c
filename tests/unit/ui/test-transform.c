/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Scale 1 and 2 × letterbox × fullscreen: where the picture lies, and what is under the pointer.
 */
#include "ui/console/viv-transform.h"

#include "display/input.h"

#include <math.h>

typedef struct
{
  const char *name;
  VivScaling scaling;
  int image_width, image_height;
  double view_width, view_height;
  int factor;
  double x, y, width, height;
  gboolean exact;
  VivAspect aspect;
} Row;

static const Row rows[] = {
  { "same size", VIV_SCALING_FIT, 640, 480, 640, 480, 1, 0, 0, 640, 480, TRUE },
  { "pillars", VIV_SCALING_FIT, 640, 480, 1000, 480, 1, 180, 0, 640, 480, TRUE },
  { "letterbox", VIV_SCALING_FIT, 640, 480, 640, 600, 1, 0, 60, 640, 480, TRUE },
  { "twice", VIV_SCALING_FIT, 640, 480, 1280, 1000, 1, 0, 20, 1280, 960, TRUE },
  { "half", VIV_SCALING_FIT, 640, 480, 320, 240, 1, 0, 0, 320, 240, FALSE },
  { "text mode on full HD", VIV_SCALING_FIT, 720, 400, 1920, 1080, 1, 0, 6, 1920, 1067, FALSE },
  { "odd pillars lie on the grid", VIV_SCALING_FIT, 640, 480, 1001, 480, 1, 180, 0, 640, 480, TRUE },
  { "two device pixels: fit", VIV_SCALING_FIT, 640, 480, 640, 480, 2, 0, 0, 640, 480, TRUE },
  { "two device pixels: odd half", VIV_SCALING_FIT, 640, 480, 640.5, 480, 2, 0, 0, 640, 480, TRUE },
  { "two device pixels: half a pixel is on the grid", VIV_SCALING_FIT, 640, 480, 641, 480, 2, 0.5, 0, 640,
    480, TRUE },
  { "two device pixels: fullscreen", VIV_SCALING_FIT, 1024, 768, 1920, 1080, 2, 240, 0, 1440, 1080, FALSE },
  { "exact in a larger view", VIV_SCALING_EXACT, 640, 480, 1000, 700, 1, 180, 110, 640, 480, TRUE },
  { "exact in a smaller view", VIV_SCALING_EXACT, 1920, 1080, 1000, 700, 1, 0, 0, 1920, 1080, TRUE },
  { "exact at two", VIV_SCALING_EXACT, 640, 480, 1000, 700, 2, 340, 230, 320, 240, TRUE },
  { "exact at two, odd image", VIV_SCALING_EXACT, 641, 481, 1000, 700, 2, 339.5, 229.5, 320.5, 240.5, TRUE },
  { "mode 13h", VIV_SCALING_FIT, 320, 200, 640, 480, 1, 0, 0, 640, 480, FALSE, VIV_ASPECT_AUTO },
  { "mode 13h, doubled", VIV_SCALING_FIT, 640, 400, 1000, 480, 1, 180, 0, 640, 480, FALSE, VIV_ASPECT_AUTO },
  { "text mode as on a tube", VIV_SCALING_FIT, 720, 400, 1920, 1080, 1, 240, 0, 1440, 1080, FALSE,
    VIV_ASPECT_AUTO },
  { "EGA", VIV_SCALING_FIT, 640, 350, 640, 600, 1, 0, 60, 640, 480, FALSE, VIV_ASPECT_AUTO },
  { "EGA in device pixels", VIV_SCALING_FIT, 640, 350, 641, 480, 2, 0.5, 0, 640, 480, FALSE,
    VIV_ASPECT_AUTO },
  { "mode X, narrow pixels", VIV_SCALING_FIT, 360, 480, 720, 540, 1, 0, 0, 720, 540, FALSE, VIV_ASPECT_AUTO },
  { "4:3 as it is", VIV_SCALING_FIT, 640, 480, 1280, 960, 1, 0, 0, 1280, 960, TRUE, VIV_ASPECT_AUTO },
  { "wide as it is", VIV_SCALING_FIT, 1280, 800, 1280, 800, 1, 0, 0, 1280, 800, TRUE, VIV_ASPECT_AUTO },
  { "always 4:3", VIV_SCALING_FIT, 1280, 800, 1280, 960, 1, 0, 0, 1280, 960, FALSE, VIV_ASPECT_4_3 },
  { "exact is not corrected", VIV_SCALING_EXACT, 720, 400, 1000, 700, 1, 140, 150, 720, 400, TRUE,
    VIV_ASPECT_AUTO },
  { "exact fullscreen", VIV_SCALING_EXACT, 1920, 1080, 1920, 1080, 1, 0, 0, 1920, 1080, TRUE },
};

static gboolean
contains (const VivTransform *transform, double x, double y)
{
  return x >= transform->x && y >= transform->y && x < transform->x + transform->width
         && y < transform->y + transform->height;
}

static void
test_table (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const Row *row = &rows[i];
      VivTransform t;

      g_test_message ("%s", row->name);
      viv_transform_init (&t, row->scaling, row->aspect, row->image_width, row->image_height, row->view_width,
                          row->view_height, row->factor);
      g_assert_cmpfloat (t.x, ==, row->x);
      g_assert_cmpfloat (t.y, ==, row->y);
      g_assert_cmpfloat (t.width, ==, row->width);
      g_assert_cmpfloat (t.height, ==, row->height);
      g_assert_cmpint (viv_transform_is_exact (&t), ==, row->exact);
    }
}

/* Every pixel of the image, by its middle in the view and back. */
static void
test_pointer (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const Row *row = &rows[i];
      VivTransform t;

      g_test_message ("%s", row->name);
      viv_transform_init (&t, row->scaling, row->aspect, row->image_width, row->image_height, row->view_width,
                          row->view_height, row->factor);
      for (int pixel = 0; pixel < row->image_width; pixel++)
        {
          int line = MIN (pixel, row->image_height - 1);
          double x, y, image_x, image_y;

          viv_transform_from_image (&t, pixel + 0.5, line + 0.5, &x, &y);
          g_assert_true (contains (&t, x, y));
          viv_transform_to_image (&t, x, y, &image_x, &image_y);
          g_assert_cmpfloat_with_epsilon (image_x, pixel + 0.5, 1e-6);
          g_assert_cmpfloat_with_epsilon (image_y, line + 0.5, 1e-6);
        }
    }
}

/* What guests make of an absolute axis of 0 to 32767 on a screen of `size` pixels. */
static int
by_size (int value, int size)
{
  return (int)floor ((double)value * size
                     / (INPUT_ABSOLUTE_MAX + 1)); /* libinput for compositors; the X server from 21.1 on */
}

static int
by_last (int value, int size)
{
  return (int)floor ((double)value * (size - 1) / INPUT_ABSOLUTE_MAX); /* older X servers, firmware */
}

static int
by_last_rounded (int value, int size)
{
  return (int)round ((double)value * (size - 1) / INPUT_ABSOLUTE_MAX);
}

static int
by_xorg (int value, int size)
{
  /* xf86-input-libinput: libinput brings it to 0 to 65535, the server from there to the screen. */
  const double touch = (double)value * 0xffff / (INPUT_ABSOLUTE_MAX + 1);

  return (int)floor (touch * size / 0x10000);
}

static int
by_windows (int value, int size)
{
  /* To 0 to 65535, in whole numbers, and from there to the screen. */
  const int64_t normal = (int64_t)value * 65535 / INPUT_ABSOLUTE_MAX;

  return (int)(normal * size / 65536);
}

static int (*const guests[]) (int value, int size)
    = { by_size, by_last, by_last_rounded, by_xorg, by_windows };

static void
assert_arrives (int value, int pixel, int size)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (guests); i++)
    if (guests[i](value, size) != pixel)
      g_error ("pixel %d of %d is sent as %d, and the guest of kind %u has %d", pixel, size, value, i,
               guests[i](value, size));
}

/* Each device pixel of a view across the picture, named by its corner as X servers do: the pixel of the image that is seen in its middle. */
static void
assert_all_device_pixels (const VivTransform *t)
{
  const int width = (int)round (t->width * t->factor), height = (int)round (t->height * t->factor);
  int last = -1;

  for (int i = 0; i < MAX (width, height); i++)
    {
      const double x = t->x + (double)MIN (i, width - 1) / t->factor;
      const double y = t->y + (double)MIN (i, height - 1) / t->factor;
      int absolute_x, absolute_y, pixel;

      viv_transform_to_absolute (t, x, y, &absolute_x, &absolute_y);
      pixel = by_size (absolute_x, t->image_width);
      assert_arrives (absolute_x, pixel, t->image_width);
      assert_arrives (absolute_y, by_size (absolute_y, t->image_height), t->image_height);
      if (i < width)
        {
          const double first = (double)i * t->image_width / width, end = (i + 1.0) * t->image_width / width;

          g_assert_cmpint (pixel, >=, last);
          last = pixel;
          if (width >= t->image_width)
            g_assert_cmpint (pixel, ==, (int)floor ((i + 0.5) * t->image_width / width));
          else
            g_assert_true (pixel + 1 > first - 1e-9 && pixel < end + 1e-9);
          if (i == 0)
            g_assert_cmpint (pixel, ==, width == 1 ? t->image_width / 2 : 0);
          if (i == width - 1 && width > 1)
            g_assert_cmpint (pixel, ==, t->image_width - 1);
        }
      /* Wherever in the device pixel a compositor says that it is. */
      for (double part = 0.25; part < 1; part += 0.25)
        {
          int again_x, again_y;

          viv_transform_to_absolute (t, x + part / t->factor, y + part / t->factor, &again_x, &again_y);
          g_assert_cmpint (again_x, ==, absolute_x);
          g_assert_cmpint (again_y, ==, absolute_y);
        }
    }
}

/* Sizes of screens, windows around them from half to thrice as large, and odd; scaled and not; with 4:3 and without. */
static void
test_device_pixels (void)
{
  static const int images[][2] = { { 1, 1 },     { 2, 3 },      { 320, 200 },  { 720, 400 },  { 640, 480 },
                                   { 801, 601 }, { 1024, 768 }, { 1366, 768 }, { 1920, 1080 } };
  static const double scales[] = { 0.5, 0.77, 1, 1.25, 1.333, 1.5, 2, 2.4 };
  static const int odd[][2] = { { 0, 0 }, { 1, 0 }, { 333, 1 }, { 2, 217 } };
  VivTransform t;

  for (unsigned i = 0; i < G_N_ELEMENTS (images); i++)
    for (unsigned s = 0; s < G_N_ELEMENTS (scales); s++)
      for (unsigned o = 0; o < G_N_ELEMENTS (odd); o++)
        for (int factor = 1; factor <= 2; factor++)
          for (VivAspect aspect = VIV_ASPECT_SQUARE; aspect <= VIV_ASPECT_AUTO; aspect++)
            {
              viv_transform_init (&t, VIV_SCALING_FIT, aspect, images[i][0], images[i][1],
                                  floor (images[i][0] * scales[s]) + odd[o][0],
                                  floor (images[i][1] * scales[s]) + odd[o][1], factor);
              if (t.width > 0)
                assert_all_device_pixels (&t);
            }
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      viv_transform_init (&t, rows[i].scaling, rows[i].aspect, rows[i].image_width, rows[i].image_height,
                          rows[i].view_width, rows[i].view_height, rows[i].factor);
      assert_all_device_pixels (&t);
    }
}

/* Each pixel of each width that a screen may have. */
static void
test_widths (void)
{
  VivTransform t;

  for (int width = 2; width <= 16384; width += width < 2100 ? 1 : 977)
    {
      viv_transform_init (&t, VIV_SCALING_EXACT, VIV_ASPECT_SQUARE, width, 1, width, 1, 1);
      for (int pixel = 0; pixel < width; pixel++)
        {
          int absolute_x, absolute_y;

          viv_transform_to_absolute (&t, pixel, 0, &absolute_x, &absolute_y);
          assert_arrives (absolute_x, pixel, width);
        }
    }
}

static void
test_edges (void)
{
  VivTransform t;
  int x, y;

  viv_transform_init (&t, VIV_SCALING_FIT, VIV_ASPECT_SQUARE, 640, 480, 1000, 480, 1);
  g_assert_false (contains (&t, 179.9, 10));
  g_assert_true (contains (&t, 180, 0));
  g_assert_false (contains (&t, 820, 10));
  /* In the bars the pointer sticks to the edge. */
  viv_transform_to_absolute (&t, -50, 1e9, &x, &y);
  g_assert_cmpint (x, ==, 0);
  g_assert_cmpint (y, ==, INPUT_ABSOLUTE_MAX);
  viv_transform_to_absolute (&t, 999, -3, &x, &y);
  g_assert_cmpint (x, ==, INPUT_ABSOLUTE_MAX);
  g_assert_cmpint (y, ==, 0);
}

static void
test_empty (void)
{
  static const int sizes[][4]
      = { { 0, 480, 10, 10 }, { 640, 0, 10, 10 }, { 640, 480, 0, 10 }, { 640, 480, 10, -1 } };
  VivTransform t;
  double image_x, image_y;
  int x, y;

  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      viv_transform_init (&t, VIV_SCALING_FIT, VIV_ASPECT_AUTO, sizes[i][0], sizes[i][1], sizes[i][2],
                          sizes[i][3], 1);
      g_assert_cmpfloat (t.width, ==, 0);
      g_assert_false (contains (&t, 0, 0));
      g_assert_false (viv_transform_is_exact (&t));
      viv_transform_to_image (&t, 5, 5, &image_x, &image_y);
      g_assert_cmpfloat (image_x, ==, 0);
      viv_transform_to_absolute (&t, 5, 5, &x, &y);
      g_assert_cmpint (x, >=, 0);
      g_assert_cmpint (y, >=, 0);
    }
  viv_transform_init (&t, VIV_SCALING_FIT, VIV_ASPECT_4_3, 1, 1, 10, 10, 0);
  viv_transform_to_absolute (&t, 5, 5, &x, &y);
  g_assert_cmpint (x, ==, 0);
}

static void
test_scale (void)
{
  VivTransform t;

  /* The lesser of the two: whoever chooses a smaller picture by it loses no line. */
  viv_transform_init (&t, VIV_SCALING_FIT, VIV_ASPECT_AUTO, 720, 400, 720, 540, 1);
  g_assert_cmpfloat (t.scale, ==, 1);
  viv_transform_init (&t, VIV_SCALING_FIT, VIV_ASPECT_AUTO, 360, 480, 720, 540, 1);
  g_assert_cmpfloat_with_epsilon (t.scale, 540 / 480.0, 1e-9);
}

static void
test_natural (void)
{
  int width, height;

  viv_transform_natural_size (641, 480, 2, &width, &height);
  g_assert_cmpint (width, ==, 321);
  g_assert_cmpint (height, ==, 240);
  viv_transform_natural_size (0, 0, 1, &width, &height);
  g_assert_cmpint (width, ==, 0);
}

/* What was kept small is told by its shape. */
static void
test_kept (void)
{
  static const struct
  {
    int width, height;
    double tall;
  } cases[] = { { 360, 200, 1.35 }, { 320, 200, 1.2 }, { 320, 240, 1 }, { 320, 175, 320 * 3 / (175 * 4.0) },
                { 320, 100, 2.4 },  { 400, 300, 1 },   { 342, 256, 1 }, { 480, 270, 1 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_cmpfloat_with_epsilon (
          viv_aspect_kept_pixel_height (VIV_ASPECT_AUTO, cases[i].width, cases[i].height), cases[i].tall,
          1e-9);
      g_assert_cmpfloat (viv_aspect_kept_pixel_height (VIV_ASPECT_SQUARE, cases[i].width, cases[i].height),
                         ==, 1);
    }
}

/* What GTK brings from widget to widget in single precision may lie a little before the pixel's edge. */
static void
test_single_precision (void)
{
  VivTransform t;

  viv_transform_init (&t, VIV_SCALING_EXACT, VIV_ASPECT_SQUARE, 720, 400, 1030, 663, 1);
  for (int line = 0; line < 400; line++)
    {
      const double y = nextafterf ((float)(t.y + line), -1e9f);
      int absolute_x, absolute_y;

      viv_transform_to_absolute (&t, t.x, y, &absolute_x, &absolute_y);
      g_assert_cmpint (absolute_y * 400 / (INPUT_ABSOLUTE_MAX + 1), ==, line);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ui/transform/table", test_table);
  g_test_add_func ("/ui/transform/pointer", test_pointer);
  g_test_add_func ("/ui/transform/device-pixels", test_device_pixels);
  g_test_add_func ("/ui/transform/widths", test_widths);
  g_test_add_func ("/ui/transform/edges", test_edges);
  g_test_add_func ("/ui/transform/empty", test_empty);
  g_test_add_func ("/ui/transform/scale", test_scale);
  g_test_add_func ("/ui/transform/natural", test_natural);
  g_test_add_func ("/transform/kept", test_kept);
  g_test_add_func ("/ui/transform/single-precision", test_single_precision);
  return g_test_run ();
}
