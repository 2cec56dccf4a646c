/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A framebuffer as a PNG file.
 */
#define G_LOG_DOMAIN "viv-png"

#include "display/output.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <png.h>
#include <unistd.h>

typedef struct
{
  int fd;
  int errsv;
  char message[128];
} PngFile;

static void
on_error (png_structp png, png_const_charp message)
{
  PngFile *file = png_get_error_ptr (png);

  g_strlcpy (file->message, message, sizeof file->message);
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png, png_const_charp message)
{
  g_debug ("%s", message);
}

static void
on_write (png_structp png, png_bytep data, size_t size)
{
  PngFile *file = png_get_io_ptr (png);

  while (size > 0)
    {
      ssize_t n = write (file->fd, data, size);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          file->errsv = n < 0 ? errno : ENOSPC;
          png_error (png, "write");
        }
      data += n;
      size -= n;
    }
}

static void
on_flush (png_structp png)
{
}

/* What longjmp may jump over is kept out of here: only libpng's own objects. */
static gboolean
write_rows (const Framebuffer *fb, png_structp png, png_infop info, uint8_t *row)
{
  if (setjmp (png_jmpbuf (png)))
    return FALSE;
  png_set_IHDR (png, info, fb->width, fb->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  /* A screenshot is taken while somebody waits: the fast level loses little on desktop pictures. */
  png_set_compression_level (png, 2);
  png_set_filter (png, 0, PNG_FILTER_NONE | PNG_FILTER_SUB | PNG_FILTER_UP);
  png_write_info (png, info);
  for (uint32_t y = 0; y < fb->height; y++)
    {
      const uint32_t *src = (const uint32_t *)(fb->pixels + (size_t)y * fb->stride);

      for (uint32_t x = 0; x < fb->width; x++)
        {
          uint32_t pixel = src[x];

          row[3 * x] = pixel >> 16;
          row[3 * x + 1] = pixel >> 8;
          row[3 * x + 2] = pixel;
        }
      png_write_row (png, row);
    }
  png_write_end (png, info);
  return TRUE;
}

gboolean
display_write_png (const Framebuffer *fb, int fd, GError **error)
{
  PngFile file = { .fd = fd };
  g_autofree uint8_t *row = NULL;
  png_structp png;
  png_infop info = NULL;
  gboolean ok = FALSE;

  if (fb == NULL || fb->pixels == NULL || fb->width == 0 || fb->height == 0 || fb->width > DISPLAY_MAX_SIZE
      || fb->height > DISPLAY_MAX_SIZE)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           _ ("the screen is off: there is no picture to save"));
      return FALSE;
    }
  row = g_malloc (3 * (size_t)fb->width);
  png = png_create_write_struct (PNG_LIBPNG_VER_STRING, &file, on_error, on_warning);
  if (png)
    info = png_create_info_struct (png);
  if (info)
    {
      png_set_write_fn (png, &file, on_write, on_flush);
      ok = write_rows (fb, png, info, row);
    }
  if (!ok)
    g_set_error (error, G_IO_ERROR, file.errsv ? g_io_error_from_errno (file.errsv) : G_IO_ERROR_FAILED,
                 _ ("cannot write the picture: %s"),
                 file.errsv        ? g_strerror (file.errsv)
                 : file.message[0] ? file.message
                                   : "out of memory");
  if (png)
    png_destroy_write_struct (&png, &info);
  return ok;
}
