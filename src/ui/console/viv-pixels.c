/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pixels of a guest made into pixels of a texture.
 */
#define G_LOG_DOMAIN "viv-pixels"

#include "ui/console/viv-pixels.h"

#include <math.h>
#include <string.h>

#define OPAQUE 0xff000000u /* the top byte of a guest's pixel has no meaning; in the texture it is alpha */

void
viv_level_choose (VivLevel *level, double scale, int width, int height, int max_multiple, int max_size)
{
  *level = (VivLevel){ 1, 1 };
  if (!(scale > 0))
    return;
  if (scale > 1)
    {
      /* The next whole multiple, then a linear filter down to the size: sharp pixels with soft edges. */
      int multiple = (int)CLAMP (ceil (scale - 1e-9), 1, max_multiple);

      while (multiple > 1 && (int64_t)MAX (width, height) * multiple > max_size)
        multiple--;
      level->multiply = multiple;
    }
  else if (scale <= 0.5)
    level->divide = (int)MIN (MIN (floor (1 / scale + 1e-9), 64), MAX (1, MIN (width, height)));
}

void
viv_level_size (const VivLevel *level, int width, int height, int *out_width, int *out_height)
{
  *out_width = (width * level->multiply + level->divide - 1) / level->divide;
  *out_height = (height * level->multiply + level->divide - 1) / level->divide;
}

static const uint32_t *
row_at (const Framebuffer *fb, int x, int y)
{
  return (const uint32_t *)(fb->pixels + (size_t)y * fb->stride) + x;
}

static void
copy_same (uint32_t *out, const Framebuffer *fb, const DisplayRect *rect)
{
  for (int y = 0; y < rect->height; y++)
    {
      const uint32_t *in = row_at (fb, rect->x, rect->y + y);

      for (int x = 0; x < rect->width; x++)
        out[x] = in[x] | OPAQUE;
      out += rect->width;
    }
}

static void
copy_multiplied (uint32_t *out, const Framebuffer *fb, const DisplayRect *rect, int n)
{
  size_t width = (size_t)rect->width * n;

  for (int y = 0; y < rect->height; y++)
    {
      const uint32_t *in = row_at (fb, rect->x, rect->y + y);
      uint32_t *first = out;

      for (int x = 0; x < rect->width; x++)
        {
          uint32_t pixel = in[x] | OPAQUE;

          for (int i = 0; i < n; i++)
            *out++ = pixel;
        }
      for (int i = 1; i < n; i++, out += width)
        memcpy (out, first, width * sizeof *out);
    }
}

static void
copy_divided (uint32_t *out, const Framebuffer *fb, const DisplayRect *rect, int n)
{
  int width = (rect->width + n - 1) / n;
  g_autofree uint32_t *sums = g_new (uint32_t, (size_t)width * 3);

  for (int y = 0; y < rect->height; y += n)
    {
      int rows = MIN (n, rect->height - y);

      memset (sums, 0, sizeof *sums * width * 3);
      for (int r = 0; r < rows; r++)
        {
          const uint32_t *in = row_at (fb, rect->x, rect->y + y + r);

          for (int x = 0, end = n; x < rect->width; end += n)
            {
              uint32_t *sum = &sums[x / n * 3], blue = 0, green = 0, red = 0;

              for (; x < MIN (end, rect->width); x++)
                {
                  blue += in[x] & 0xff;
                  green += in[x] >> 8 & 0xff;
                  red += in[x] >> 16 & 0xff;
                }
              sum[0] += blue;
              sum[1] += green;
              sum[2] += red;
            }
        }
      for (int x = 0; x < width; x++)
        {
          uint32_t count = MIN (n, rect->width - x * n) * rows;

          out[x]
              = OPAQUE | sums[x * 3 + 2] / count << 16 | sums[x * 3 + 1] / count << 8 | sums[x * 3] / count;
        }
      out += width;
    }
}

GBytes *
viv_pixels_copy (const Framebuffer *fb, const DisplayRect *rect, const VivLevel *level)
{
  uint32_t *out;
  size_t size;
  int width, height;

  viv_level_size (level, rect->width, rect->height, &width, &height);
  size = (size_t)width * height * sizeof *out;
  out = g_malloc (size);
  if (level->multiply > 1)
    copy_multiplied (out, fb, rect, level->multiply);
  else if (level->divide > 1)
    copy_divided (out, fb, rect, level->divide);
  else
    copy_same (out, fb, rect);
  return g_bytes_new_take (out, size);
}
