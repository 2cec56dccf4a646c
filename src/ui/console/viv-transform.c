/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a machine's picture lies in a view.
 */
#define G_LOG_DOMAIN "viv-transform"

#include "ui/console/viv-transform.h"

#include "display/input.h"

#include <math.h>

/* What the registers of a VGA's CRT controller are set to in its modes.  A monitor of that time shows all of them on the same 4:3. */
static gboolean
is_vga_mode (int image_width, int image_height)
{
  static const int widths[] = { 320, 360, 640, 720 }, heights[] = { 200, 240, 350, 400, 480 };
  gboolean width = FALSE, height = FALSE;

  for (unsigned i = 0; i < G_N_ELEMENTS (widths); i++)
    width = width || widths[i] == image_width;
  for (unsigned i = 0; i < G_N_ELEMENTS (heights); i++)
    height = height || heights[i] == image_height;
  return width && height;
}

double
viv_aspect_pixel_height (VivAspect aspect, int image_width, int image_height)
{
  if (image_width <= 0 || image_height <= 0 || aspect == VIV_ASPECT_SQUARE
      || (aspect == VIV_ASPECT_AUTO && !is_vga_mode (image_width, image_height)))
    return 1;
  return image_width * 3.0 / (image_height * 4.0);
}

double
viv_aspect_kept_pixel_height (VivAspect aspect, int image_width, int image_height)
{
  int times = is_vga_mode (image_width, image_height) ? 1 : 2;

  return viv_aspect_pixel_height (aspect, image_width * times, image_height * times);
}

void
viv_transform_init (VivTransform *transform, VivScaling scaling, VivAspect aspect, int image_width,
                    int image_height, double view_width, double view_height, int factor)
{
  double device_width, device_height, scale, tall;

  factor = MAX (factor, 1);
  *transform = (VivTransform){ .image_width = image_width, .image_height = image_height, .factor = factor };
  if (image_width <= 0 || image_height <= 0 || view_width <= 0 || view_height <= 0)
    return;

  device_width = floor (view_width * factor);
  device_height = floor (view_height * factor);
  if (device_width < 1 || device_height < 1)
    return;

  scale = tall = 1;
  if (scaling == VIV_SCALING_FIT)
    {
      tall = viv_aspect_pixel_height (aspect, image_width, image_height);
      scale = MIN (device_width / image_width, device_height / (image_height * tall));
    }

  /* Edges on the device's grid: a half pixel off would blur every pixel of the picture. */
  double width = MAX (1, round (image_width * scale));
  double height = MAX (1, round (image_height * tall * scale));
  double x = MAX (0, floor ((device_width - width) / 2));
  double y = MAX (0, floor ((device_height - height) / 2));

  transform->scale = scale * MIN (tall, 1);
  transform->x = x / factor;
  transform->y = y / factor;
  transform->width = width / factor;
  transform->height = height / factor;
}

gboolean
viv_transform_is_exact (const VivTransform *transform)
{
  double width = transform->width * transform->factor;
  double height = transform->height * transform->factor;
  double times;

  if (transform->width <= 0)
    return FALSE;
  times = width / transform->image_width;
  return times >= 1 && times == floor (times) && height == times * transform->image_height;
}

void
viv_transform_to_image (const VivTransform *transform, double x, double y, double *image_x, double *image_y)
{
  if (transform->width <= 0 || transform->height <= 0)
    {
      *image_x = *image_y = 0;
      return;
    }
  *image_x = (x - transform->x) * transform->image_width / transform->width;
  *image_y = (y - transform->y) * transform->image_height / transform->height;
}

void
viv_transform_from_image (const VivTransform *transform, double image_x, double image_y, double *x, double *y)
{
  if (transform->image_width <= 0 || transform->image_height <= 0)
    {
      *x = *y = 0;
      return;
    }
  *x = transform->x + image_x * transform->width / transform->image_width;
  *y = transform->y + image_y * transform->height / transform->image_height;
}

/* GTK brings positions from one widget to the next in single precision: what comes out a little below a device pixel's edge is on it. */
#define EDGE (1.0 / 64)

/* The pixel, of `size`, that is seen at `position`: `offset` and `length` are the picture's along that axis, in view space. */
static int
seen_at (const VivTransform *transform, double position, double offset, double length, int size)
{
  const double n = round (length * transform->factor); /* device pixels */
  const double at = CLAMP (floor ((position - offset) * transform->factor + EDGE), 0, n - 1);

  /* What is drawn in a device pixel is what lies at its middle.  Where several pixels of the image share one, any of them is; those at the edges
   * are to be within reach, as that is where guests have corners to push the pointer into. */
  if (n >= size)
    return (int)CLAMP (floor ((at + 0.5) * size / n), 0, size - 1);
  return n < 2 ? size / 2 : (int)floor (at * (size - 1) / (n - 1));
}

/* The least position that is `pixel` to a guest that multiplies by the size less one and cuts off; so it is one to who rounds, and to who
 * multiplies by the size, whose pixels are a little narrower and begin a little earlier. */
static int
to_absolute (int pixel, int size)
{
  return size < 2 ? 0 : (int)(((int64_t)pixel * INPUT_ABSOLUTE_MAX + size - 2) / (size - 1));
}

void
viv_transform_to_absolute (const VivTransform *transform, double x, double y, int *absolute_x,
                           int *absolute_y)
{
  *absolute_x = *absolute_y = 0;
  if (transform->width <= 0 || transform->height <= 0)
    return;
  *absolute_x = to_absolute (seen_at (transform, x, transform->x, transform->width, transform->image_width),
                             transform->image_width);
  *absolute_y = to_absolute (seen_at (transform, y, transform->y, transform->height, transform->image_height),
                             transform->image_height);
}

void
viv_transform_natural_size (int image_width, int image_height, int factor, int *width, int *height)
{
  factor = MAX (factor, 1);
  *width = MAX (0, (image_width + factor - 1) / factor);
  *height = MAX (0, (image_height + factor - 1) / factor);
}
