/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pictures of a machine's screen, as files.  The monitor only shares the screen's memory, as with any viewer; copying, scaling and encoding
 * are done here, on a thread, so that neither the guest nor a window waits, and nobody decodes what a monitor has encoded.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/picture.h"

#include "block/regular-file.h"
#include "display/shm.h"
#include "machine/machine-private.h"
#include "machine/output-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WAIT_MS        10000 /* for the screen, after the monitor has answered */
#define THUMBNAIL      "screenshot.png"
#define LEFTOVER_AGE_S 60

typedef struct
{
  char *path;
  uint32_t max_width, max_height; /* averaged down to this; 0: as it is */
  ShmViewer *viewer;
  guint timer;
  Framebuffer fb; /* whose `fd` is a duplicate of our own; the thread maps it */
} Picture;

static void
picture_free (gpointer data)
{
  Picture *picture = data;

  g_clear_handle_id (&picture->timer, g_source_remove);
  g_clear_pointer (&picture->viewer, shm_viewer_free);
  if (picture->fb.fd >= 0)
    close (picture->fb.fd);
  g_free (picture->path);
  g_free (picture);
}

/* -- On the thread -- */

/* Squares of n × n pixels become one; those at the right and bottom edge may be smaller. */
static void
average (const Framebuffer *from, unsigned n, Framebuffer *to)
{
  for (uint32_t y = 0; y < to->height; y++)
    for (uint32_t x = 0; x < to->width; x++)
      {
        uint32_t right = MIN ((x + 1) * n, from->width), bottom = MIN ((y + 1) * n, from->height);
        uint32_t red = 0, green = 0, blue = 0, count = (right - x * n) * (bottom - y * n), mean;

        for (uint32_t v = y * n; v < bottom; v++)
          for (uint32_t u = x * n; u < right; u++)
            {
              uint32_t pixel;

              memcpy (&pixel, from->pixels + (size_t)v * from->stride + u * 4, 4);
              red += pixel >> 16 & 0xff;
              green += pixel >> 8 & 0xff;
              blue += pixel & 0xff;
            }
        mean = red / count << 16 | green / count << 8 | blue / count;
        memcpy (to->pixels + (size_t)y * to->stride + x * 4, &mean, 4);
      }
}

/* A copy, since encoding takes long and the guest draws on; NULL without memory. */
static uint8_t *
copy (const Picture *picture, Framebuffer *out, GError **error)
{
  const Framebuffer *fb = &picture->fb;
  uint64_t page = sysconf (_SC_PAGESIZE), start = fb->offset / page * page;
  size_t length = fb->offset - start + (size_t)fb->stride * (fb->height - 1) + fb->width * 4;
  uint8_t *map = mmap (NULL, length, PROT_READ, MAP_SHARED, fb->fd, start), *pixels;
  Framebuffer from = *fb;
  unsigned n = 1;

  if (map == MAP_FAILED)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), _ ("the screen can't be read: %s"),
                   g_strerror (errno));
      return NULL;
    }
  from.pixels = map + (fb->offset - start);
  while (picture->max_width
         && ((fb->width - 1) / n + 1 > picture->max_width || (fb->height - 1) / n + 1 > picture->max_height))
    n++;
  *out = (Framebuffer){ .width = (fb->width - 1) / n + 1, .height = (fb->height - 1) / n + 1, .fd = -1 };
  out->stride = out->width * 4;
  pixels = out->pixels = g_try_malloc ((size_t)out->stride * out->height);
  if (pixels == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, _ ("there is no memory for the picture"));
  else if (n > 1)
    average (&from, n, out);
  else
    for (uint32_t y = 0; y < out->height; y++)
      memcpy (pixels + (size_t)y * out->stride, from.pixels + (size_t)y * from.stride, out->stride);
  munmap (map, length);
  return pixels;
}

/* Not by VivOutputFile: a thumbnail that a power cut takes is no loss, and a disk should not be woken for it. */
static gboolean
write_thumbnail (const char *path, const Framebuffer *fb, GError **error)
{
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX", NULL), *folder = g_path_get_dirname (path);

  /* Of one that was killed; another program may be at the same work. */
  viv_sweep_leftovers (folder, THUMBNAIL, LEFTOVER_AGE_S);
  int fd = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, 0600);
  gboolean written;

  if (fd < 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), _ ("can't write %s: %s"), path,
                   g_strerror (errno));
      return FALSE;
    }
  written = display_write_png (fb, fd, error);
  close (fd);
  if (written && g_rename (temporary, path) == 0)
    return TRUE;
  if (written)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), _ ("can't write %s: %s"), path,
                 g_strerror (errno));
  g_unlink (temporary);
  return FALSE;
}

static void
encode (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Picture *picture = data;
  g_autofree uint8_t *pixels = NULL;
  g_autoptr (VivOutputFile) file = NULL;
  GError *error = NULL;
  Framebuffer fb;

  pixels = copy (picture, &fb, &error);
  if (pixels != NULL && picture->max_width != 0)
    write_thumbnail (picture->path, &fb, &error);
  else if (pixels != NULL && (file = viv_output_file_new (picture->path, 0666, &error)) != NULL
           && display_write_png (&fb, viv_output_file_fd (file), &error))
    viv_output_file_commit (file, &error);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

/* -- On the main loop -- */

static void
on_encoded (GObject *source, GAsyncResult *result, gpointer data)
{
  VivMachine *self = VIV_MACHINE (source);
  g_autoptr (GTask) task = data;
  const Picture *picture = g_task_get_task_data (G_TASK (result));
  GError *error = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (picture->max_width != 0)
    viv_machine_set_thumbnail (self, picture->path);
  g_task_return_boolean (task, TRUE);
}

/* The first thing that happens decides; what comes after it finds `picture` without a viewer. */
static void
stop_watching (Picture *picture)
{
  g_clear_handle_id (&picture->timer, g_source_remove);
  g_clear_pointer (&picture->viewer, shm_viewer_free);
}

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  GTask *task = opaque;
  Picture *picture = g_task_get_task_data (task);

  if (picture->viewer == NULL)
    return;
  if (fb != NULL)
    {
      picture->fb = *fb;
      picture->fb.fd = fcntl (fb->fd, F_DUPFD_CLOEXEC, 0);
    }
  stop_watching (picture);
  if (picture->fb.fd < 0)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _ ("the screen is off"));
      g_object_unref (task);
      return;
    }
  /* Task data of its own would be freed by whichever thread is last; so both share it, and the outer task owns it. */
  g_autoptr (GTask) work = g_task_new (g_task_get_source_object (task), NULL, on_encoded, task);
  g_task_set_task_data (work, picture, NULL);
  g_task_run_in_thread (work, encode);
}

static void
on_closed (void *opaque, const GError *error)
{
  GTask *task = opaque;
  Picture *picture = g_task_get_task_data (task);

  if (picture->viewer == NULL)
    return;
  stop_watching (picture);
  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING,
                             _ ("the machine has ended"));
  g_object_unref (task);
}

static gboolean
on_timeout (gpointer data)
{
  GTask *task = data;
  Picture *picture = g_task_get_task_data (task);

  picture->timer = 0;
  stop_watching (picture);
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                           _ ("the machine does not show its screen"));
  g_object_unref (task);
  return G_SOURCE_REMOVE;
}

static void
on_attached (GObject *source, GAsyncResult *result, gpointer data)
{
  static const ShmViewerFuncs funcs = { .scanout = on_scanout, .closed = on_closed };
  GTask *task = data;
  Picture *picture = g_task_get_task_data (task);
  GError *error = NULL;
  int socket = viv_machine_attach_screen_finish (VIV_MACHINE (source), result, &error);

  if (socket >= 0)
    picture->viewer = shm_viewer_new (socket, &funcs, task, &error);
  if (picture->viewer == NULL)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  picture->timer = g_timeout_add (WAIT_MS, on_timeout, task);
}

static void
take (VivMachine *self, unsigned screen, const char *path, gboolean thumbnail, GCancellable *cancellable,
      GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);
  Picture *picture = g_new0 (Picture, 1);

  g_task_set_source_tag (task, viv_machine_screenshot);
  picture->path = g_canonicalize_filename (path, NULL);
  picture->fb.fd = -1;
  if (thumbnail)
    {
      picture->max_width = VIV_THUMBNAIL_WIDTH;
      picture->max_height = VIV_THUMBNAIL_HEIGHT;
    }
  g_task_set_task_data (task, picture, picture_free);
  viv_machine_attach_screen (self, screen, cancellable, on_attached, task);
}

void
viv_machine_screenshot (VivMachine *self, unsigned screen, const char *path, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer data)
{
  take (self, screen, path, FALSE, cancellable, callback, data);
}

void
viv_machine_update_thumbnail (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer data)
{
  const char *folder = viv_machine_get_folder (self);
  g_autofree char *path = folder != NULL ? g_build_filename (folder, THUMBNAIL, NULL) : NULL;

  if (path == NULL)
    {
      g_task_report_new_error (self, callback, data, viv_machine_screenshot, G_IO_ERROR,
                               G_IO_ERROR_NOT_SUPPORTED, _ ("“%s” has no folder for a picture"),
                               viv_machine_get_name (self));
      return;
    }
  take (self, 0, path, TRUE, cancellable, callback, data);
}

/* -- Reading -- */

static uint32_t
big_endian (const char *at)
{
  uint32_t value;

  memcpy (&value, at, 4);
  return GUINT32_FROM_BE (value);
}

GBytes *
viv_thumbnail_read (const char *path, GError **error)
{
  /* PNG, 5.2 and 11.2.2: the signature, and IHDR as the first chunk. */
  static const char head[16] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
  g_autofree char *data = NULL;
  gsize length = 0;

  if (!regular_file_read (path, VIV_THUMBNAIL_MAX_BYTES, &data, &length, error))
    return NULL;
  if (length < sizeof head + 8 || memcmp (data, head, sizeof head) != 0
      || big_endian (data + 16) - 1 >= VIV_THUMBNAIL_MAX_SIZE
      || big_endian (data + 20) - 1 >= VIV_THUMBNAIL_MAX_SIZE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, _ ("%s is no picture of ours"), path);
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&data), length);
}
