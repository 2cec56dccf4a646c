/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * DisplayOutput: one screen, its device and its viewers, and the frame tick between them.
 */
#define G_LOG_DOMAIN "viv-display"

#include "base/ready-source.h"
#include "display/memfd.h"
#include "display/output.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct DisplayViewer
{
  DisplayOutput *output; /* NULL once detached */
  DisplayViewerFuncs funcs;
  void *opaque;
  unsigned interval; /* ms, 0 asleep */
  int64_t due;       /* µs, monotonic */
  Damage damage;
};

typedef struct
{
  Framebuffer fb;
  size_t mapped;
} Surface;

struct DisplayOutput
{
  char *name;
  const DisplaySource *source;
  void *opaque;
  GSource *tick;
  GPtrArray *viewers; /* of DisplayViewer; detached ones are NULL while a walk goes on */
  unsigned walks;
  gboolean off, watched, refreshing;
  Framebuffer fb;
  DisplayCursor cursor;
  DisplayReadFunc read; /* how pixels come into the surface; NULL: the device's own memory is the scanout */
  void *read_opaque;
  struct Pages *pages; /* NULL: none */
  Surface *surface;
  GPtrArray *retired; /* of Surface: somebody may still look at them until the next scanout */
};

/* -- The tick -- */

static void
schedule (DisplayOutput *output)
{
  int64_t next = -1;

  for (unsigned i = 0; i < output->viewers->len; i++)
    {
      DisplayViewer *viewer = output->viewers->pdata[i];

      if (viewer && viewer->interval && (next < 0 || viewer->due < next))
        next = viewer->due;
    }
  g_source_set_ready_time (output->tick, next);
}

static void
end_walk (DisplayOutput *output)
{
  if (--output->walks > 0)
    return;
  for (unsigned i = output->viewers->len; i-- > 0;)
    if (output->viewers->pdata[i] == NULL)
      g_ptr_array_remove_index (output->viewers, i);
}

static void
set_watched (DisplayOutput *output, gboolean watched)
{
  if (output->watched == watched)
    return;
  output->watched = watched;
  if (output->source->watched)
    output->source->watched (output->opaque, watched);
}

static void
refresh (DisplayOutput *output)
{
  if (output->refreshing)
    return;
  output->refreshing = TRUE;
  if (output->source->refresh)
    output->source->refresh (output->opaque);
  output->refreshing = FALSE;
}

static gboolean
tick (gpointer data)
{
  DisplayOutput *output = data;
  int64_t now = g_get_monotonic_time ();

  refresh (output);
  output->walks++;
  for (unsigned i = 0; i < output->viewers->len; i++)
    {
      DisplayViewer *viewer = output->viewers->pdata[i];

      if (viewer == NULL || viewer->interval == 0 || viewer->due > now)
        continue;
      /* Keep the beat, but don't run after a tick that was missed. */
      viewer->due = MAX (viewer->due + viewer->interval * 1000ll, now + viewer->interval * 500ll);
      if (viewer->damage.n > 0)
        {
          Damage damage = viewer->damage;

          damage_clear (&viewer->damage);
          if (viewer->funcs.damage)
            viewer->funcs.damage (viewer->opaque, &damage);
        }
    }
  end_walk (output);
  schedule (output);
  return G_SOURCE_CONTINUE;
}

static void
damage_viewer (DisplayOutput *output, DisplayViewer *viewer, const DisplayRect *rect)
{
  if (!output->off)
    damage_add (&viewer->damage, rect, output->fb.width, output->fb.height);
}

static void
damage_whole (DisplayOutput *output, DisplayViewer *viewer)
{
  damage_clear (&viewer->damage);
  damage_viewer (output, viewer, &(DisplayRect){ 0, 0, output->fb.width, output->fb.height });
}

/* -- Pages -- */

typedef struct Pages
{
  unsigned n;
  struct iovec *page;
  uint64_t *start; /* of each, in bytes from the first one's begin */
  uint64_t size, offset;
  uint32_t stride;
} Pages;

static void
pages_free (Pages *pages)
{
  if (pages == NULL)
    return;
  g_free (pages->page);
  g_free (pages->start);
  g_free (pages);
}

static Pages *
pages_new (const struct iovec *page, unsigned n, uint64_t offset, uint32_t stride)
{
  Pages *pages = g_new0 (Pages, 1);

  pages->n = n;
  pages->page = g_memdup2 (page, (gsize)n * sizeof *page);
  pages->start = g_new (uint64_t, n);
  pages->offset = offset;
  pages->stride = stride;
  for (unsigned i = 0; i < n; i++)
    {
      pages->start[i] = pages->size;
      pages->size += page[i].iov_len;
    }
  return pages;
}

/* The page with byte `at`, which there is. */
static unsigned
pages_find (const Pages *pages, uint64_t at)
{
  unsigned low = 0, high = pages->n - 1;

  while (low < high)
    {
      unsigned middle = low + (high - low + 1) / 2;

      if (pages->start[middle] <= at)
        low = middle;
      else
        high = middle - 1;
    }
  return low;
}

static void
read_pages (void *opaque, const DisplayRect *rect, uint8_t *to, uint32_t stride)
{
  const Pages *pages = opaque;

  for (int y = 0; y < rect->height; y++)
    {
      uint64_t at = pages->offset + (uint64_t)(rect->y + y) * pages->stride + (uint64_t)rect->x * 4;
      size_t left = (size_t)rect->width * 4;
      uint8_t *row = to + (size_t)y * stride;

      for (unsigned i = pages_find (pages, at); left > 0; i++)
        {
          size_t skip = (size_t)(at - pages->start[i]), n = MIN (pages->page[i].iov_len - skip, left);

          memcpy (row, (const uint8_t *)pages->page[i].iov_base + skip, n);
          row += n;
          at += n;
          left -= n;
        }
    }
}

/* -- Life -- */

static void
surface_free (void *data)
{
  Surface *surface = data;

  if (surface->fb.pixels)
    munmap (surface->fb.pixels, surface->mapped);
  if (surface->fb.fd >= 0)
    close (surface->fb.fd);
  g_free (surface);
}

DisplayOutput *
display_output_new (const char *name, const DisplaySource *source, void *opaque)
{
  DisplayOutput *output = g_new0 (DisplayOutput, 1);
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  output->name = g_strdup (name);
  output->source = source;
  output->opaque = opaque;
  output->off = TRUE;
  output->fb.fd = -1;
  output->viewers = g_ptr_array_new ();
  output->retired = g_ptr_array_new_with_free_func (surface_free);
  output->tick = ready_source_new (context, G_PRIORITY_DEFAULT, "display tick", tick, output);
  return output;
}

void
display_output_free (DisplayOutput *output)
{
  if (output == NULL)
    return;
  /* Viewers outlive their screen as sleepers: their detach still has to work. */
  for (unsigned i = 0; i < output->viewers->len; i++)
    if (output->viewers->pdata[i])
      ((DisplayViewer *)output->viewers->pdata[i])->output = NULL;
  g_source_destroy (output->tick);
  g_source_unref (output->tick);
  g_ptr_array_unref (output->viewers);
  g_ptr_array_unref (output->retired);
  g_clear_pointer (&output->surface, surface_free);
  g_clear_pointer (&output->pages, pages_free);
  g_free (output->cursor.pixels);
  g_free (output->name);
  g_free (output);
}

const char *
display_output_name (DisplayOutput *output)
{
  return output->name;
}

/* -- The device's side -- */

static void
forget_reader (DisplayOutput *output)
{
  output->read = NULL;
  output->read_opaque = NULL;
  g_clear_pointer (&output->pages, pages_free);
}

static void
set_scanout (DisplayOutput *output, const Framebuffer *fb)
{
  gboolean off = fb == NULL || fb->pixels == NULL || fb->width == 0 || fb->height == 0
                 || fb->width > DISPLAY_MAX_SIZE || fb->height > DISPLAY_MAX_SIZE
                 || fb->stride < (uint64_t)fb->width * 4;
  g_autoptr (GPtrArray) retired = output->retired;

  output->retired = g_ptr_array_new_with_free_func (surface_free);
  output->off = off;
  if (off)
    output->fb = (Framebuffer){ .fd = -1 };
  else
    output->fb = *fb;
  /* A surface that the device set again is not to be thrown away. */
  for (unsigned i = retired->len; fb != NULL && !off && i-- > 0;)
    if (((Surface *)retired->pdata[i])->fb.pixels == fb->pixels)
      g_ptr_array_add (output->retired, g_ptr_array_steal_index (retired, i));

  output->walks++;
  for (unsigned i = 0; i < output->viewers->len; i++)
    {
      DisplayViewer *viewer = output->viewers->pdata[i];

      if (viewer == NULL)
        continue;
      damage_whole (output, viewer);
      if (viewer->funcs.scanout)
        viewer->funcs.scanout (viewer->opaque, off ? NULL : &output->fb);
    }
  end_walk (output);
}

void
display_output_set_scanout (DisplayOutput *output, const Framebuffer *fb)
{
  forget_reader (output);
  set_scanout (output, fb);
}

static gboolean
is_size (uint32_t width, uint32_t height)
{
  return width > 0 && height > 0 && width <= DISPLAY_MAX_SIZE && height <= DISPLAY_MAX_SIZE;
}

static void
start_reading (DisplayOutput *output, uint32_t width, uint32_t height)
{
  Framebuffer *fb = display_output_surface (output, width, height);

  output->read (output->read_opaque, &(DisplayRect){ 0, 0, (int)width, (int)height }, fb->pixels, fb->stride);
  set_scanout (output, fb);
}

void
display_output_set_reader (DisplayOutput *output, uint32_t width, uint32_t height, DisplayReadFunc read,
                           void *opaque)
{
  forget_reader (output);
  if (!is_size (width, height))
    {
      set_scanout (output, NULL);
      return;
    }
  output->read = read;
  output->read_opaque = opaque;
  start_reading (output, width, height);
}

void
display_output_set_pages (DisplayOutput *output, uint32_t width, uint32_t height, uint32_t stride,
                          uint64_t offset, const struct iovec *pages, unsigned n)
{
  Pages *list;
  uint64_t needed;

  forget_reader (output);
  list = pages_new (pages, n, offset, stride);
  needed = (uint64_t)stride * (height - 1) + (uint64_t)width * 4;
  if (!is_size (width, height) || stride < (uint64_t)width * 4 || offset > list->size
      || list->size - offset < needed)
    {
      pages_free (list);
      set_scanout (output, NULL);
      return;
    }
  output->pages = list;
  output->read = read_pages;
  output->read_opaque = list;
  start_reading (output, width, height);
}

void
display_output_damage (DisplayOutput *output, int x, int y, int width, int height)
{
  DisplayRect rect = { x, y, width, height };

  if (output->read != NULL
      && display_rect_intersect (&rect, &(DisplayRect){ 0, 0, (int)output->fb.width, (int)output->fb.height },
                                 &rect))
    output->read (output->read_opaque, &rect,
                  output->fb.pixels + (size_t)rect.y * output->fb.stride + (size_t)rect.x * 4,
                  output->fb.stride);
  for (unsigned i = 0; i < output->viewers->len; i++)
    {
      DisplayViewer *viewer = output->viewers->pdata[i];

      /* A sleeper gets the whole picture when it wakes. */
      if (viewer && viewer->interval)
        damage_viewer (output, viewer, &rect);
    }
}

void
display_output_set_cursor (DisplayOutput *output, const DisplayCursor *cursor)
{
  DisplayCursor copy = { .visible = cursor->visible };

  if (cursor->pixels && cursor->width > 0 && cursor->height > 0 && cursor->width <= DISPLAY_MAX_CURSOR
      && cursor->height <= DISPLAY_MAX_CURSOR)
    {
      copy.width = cursor->width;
      copy.height = cursor->height;
      copy.hot_x = CLAMP (cursor->hot_x, 0, (int)cursor->width - 1);
      copy.hot_y = CLAMP (cursor->hot_y, 0, (int)cursor->height - 1);
      copy.pixels = g_memdup2 (cursor->pixels, (gsize)cursor->width * cursor->height * 4);
    }
  g_free (output->cursor.pixels);
  output->cursor = copy;
  output->walks++;
  for (unsigned i = 0; i < output->viewers->len; i++)
    {
      DisplayViewer *viewer = output->viewers->pdata[i];

      if (viewer && viewer->funcs.cursor)
        viewer->funcs.cursor (viewer->opaque, &output->cursor);
    }
  end_walk (output);
}

void
display_output_touch (DisplayOutput *output)
{
  int64_t now = g_get_monotonic_time ();

  if (!output->watched || output->refreshing)
    return;
  for (unsigned i = 0; i < output->viewers->len; i++)
    {
      DisplayViewer *viewer = output->viewers->pdata[i];

      if (viewer && viewer->interval)
        viewer->due = MIN (viewer->due, now);
    }
  schedule (output);
}

static Surface *
surface_new (const char *name, uint32_t width, uint32_t height)
{
  Surface *surface = g_new0 (Surface, 1);
  size_t size = (size_t)width * height * 4;
  long page = sysconf (_SC_PAGESIZE);
  g_autoptr (GError) error = NULL;

  surface->mapped = (size + page - 1) / page * page;
  surface->fb.width = width;
  surface->fb.height = height;
  surface->fb.stride = width * 4;
  surface->fb.fd
      = display_memfd_new (name, surface->mapped, DISPLAY_MEMORY_SHOWN, (void **)&surface->fb.pixels, &error);
  if (surface->fb.fd < 0)
    {
      /* Shared memory is spent: private memory still serves VNC and screenshots, and local viewers by a copy. */
      g_warning ("%s", error->message);
      surface->fb.pixels = mmap (NULL, surface->mapped, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (surface->fb.pixels == MAP_FAILED)
        g_error ("no address space for a screen of %u × %u", width, height);
    }
  surface->fb.fd_size = surface->fb.fd < 0 ? 0 : surface->mapped;
  return surface;
}

Framebuffer *
display_output_surface (DisplayOutput *output, uint32_t width, uint32_t height)
{
  width = CLAMP (width, 1, DISPLAY_MAX_SIZE);
  height = CLAMP (height, 1, DISPLAY_MAX_SIZE);
  if (output->surface == NULL || output->surface->fb.width != width || output->surface->fb.height != height)
    {
      /* Never the same memory for another mode: whoever still shows the old one would see it torn. */
      if (output->surface)
        g_ptr_array_add (output->retired, output->surface);
      output->surface = surface_new (output->name, width, height);
    }
  return &output->surface->fb;
}

/* -- A viewer's side -- */

static void
update_watched (DisplayOutput *output)
{
  gboolean awake = FALSE;

  for (unsigned i = 0; i < output->viewers->len; i++)
    {
      DisplayViewer *viewer = output->viewers->pdata[i];

      awake |= viewer && viewer->interval;
    }
  set_watched (output, awake);
  schedule (output);
}

DisplayViewer *
display_output_attach (DisplayOutput *output, const DisplayViewerFuncs *funcs, void *opaque)
{
  DisplayViewer *viewer = g_new0 (DisplayViewer, 1);

  viewer->output = output;
  viewer->funcs = *funcs;
  viewer->opaque = opaque;
  g_ptr_array_add (output->viewers, viewer);
  display_viewer_set_interval (viewer, 16);
  if (funcs->scanout)
    funcs->scanout (opaque, output->off ? NULL : &output->fb);
  if (funcs->cursor)
    funcs->cursor (opaque, &output->cursor);
  return viewer;
}

void
display_viewer_detach (DisplayViewer *viewer)
{
  DisplayOutput *output;
  unsigned index;

  if (viewer == NULL)
    return;
  output = viewer->output;
  if (output && g_ptr_array_find (output->viewers, viewer, &index))
    {
      if (output->walks)
        output->viewers->pdata[index] = NULL;
      else
        g_ptr_array_remove_index (output->viewers, index);
      update_watched (output);
    }
  g_free (viewer);
}

void
display_viewer_set_interval (DisplayViewer *viewer, unsigned ms)
{
  DisplayOutput *output = viewer->output;
  gboolean waking = viewer->interval == 0 && ms > 0;

  if (output == NULL || viewer->interval == ms)
    return;
  viewer->interval = MIN (ms, 60 * 1000);
  if (waking)
    {
      viewer->due = g_get_monotonic_time ();
      damage_whole (output, viewer);
    }
  else
    viewer->due = MIN (viewer->due, g_get_monotonic_time () + viewer->interval * 1000ll);
  update_watched (output);
}

void
display_viewer_resize (DisplayViewer *viewer, uint32_t width, uint32_t height)
{
  DisplayOutput *output = viewer->output;

  if (output && output->source->resize && width > 0 && height > 0 && width <= DISPLAY_MAX_SIZE
      && height <= DISPLAY_MAX_SIZE)
    output->source->resize (output->opaque, width, height);
}

const Framebuffer *
display_output_snapshot (DisplayOutput *output)
{
  gboolean watched = output->watched;

  /* A device that isn't watched doesn't know what changed. */
  set_watched (output, TRUE);
  refresh (output);
  set_watched (output, watched);
  return output->off ? NULL : &output->fb;
}

void
display_output_size (DisplayOutput *output, uint32_t *width, uint32_t *height)
{
  const Framebuffer *fb;

  if (output->source->size)
    {
      output->source->size (output->opaque, width, height);
      return;
    }
  fb = display_output_snapshot (output);
  *width = fb ? fb->width : 0;
  *height = fb ? fb->height : 0;
}

char *
display_output_text (DisplayOutput *output)
{
  return output->source->text ? output->source->text (output->opaque) : NULL;
}

const DisplayCursor *
display_output_cursor (DisplayOutput *output)
{
  return &output->cursor;
}
