/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A screen of our own over shared memory, for tests of what looks at it.
 */
#pragma once

#include "display/shm.h"
#include "ui/console/viv-framebuffer.h"

#include <gtk/gtk.h>
#include <sys/socket.h>

#define WIDTH   600
#define HEIGHT  400
#define TIMEOUT 10 /* seconds */

typedef struct
{
  DisplayOutput *output;
  ShmServer *server;
  VivFramebuffer *framebuffer;
  Framebuffer *surface;
  gboolean watched;
} Fixture;

/* Garbage in the top byte, as a guest leaves it. */
static inline uint32_t
pattern (int x, int y)
{
  return (uint32_t)(x * 2654435761u) ^ (uint32_t)(y * 40503u + 7);
}

static inline void
paint (Fixture *f)
{
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      ((uint32_t *)(f->surface->pixels + y * f->surface->stride))[x] = pattern (x, y);
}

static inline void
on_refresh (void *opaque)
{
}

static inline void
on_watched (void *opaque, gboolean watched)
{
  ((Fixture *)opaque)->watched = watched;
}

static const DisplaySource source = { .refresh = on_refresh, .watched = on_watched };

static inline gboolean
wake (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/* Runs the main loop until `done` says so. */
static inline void
until (gboolean (*done) (gpointer data), gpointer data)
{
  gint64 end = g_get_monotonic_time () + TIMEOUT * G_USEC_PER_SEC;
  guint tick = g_timeout_add (10, wake, NULL);

  while (!done (data))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      g_main_context_iteration (NULL, TRUE);
    }
  g_source_remove (tick);
}

static inline gboolean
has_picture (gpointer data)
{
  int width, height;

  return viv_framebuffer_get_size (((Fixture *)data)->framebuffer, &width, &height) && width == WIDTH;
}

static inline void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int ends[2];

  f->output = display_output_new ("test", &source, f);
  f->surface = display_output_surface (f->output, WIDTH, HEIGHT);
  paint (f);
  display_output_set_scanout (f->output, f->surface);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
  f->server = shm_server_new (f->output, ends[0], NULL, NULL);
  f->framebuffer = viv_framebuffer_new ();
  viv_framebuffer_watch (f->framebuffer, VIV_WATCH_VIEW);
  g_assert_true (viv_framebuffer_attach_shm (f->framebuffer, ends[1], &error));
  g_assert_no_error (error);
  until (has_picture, f);
}

static inline gboolean
is_closed (gpointer data)
{
  return !viv_framebuffer_is_live (((Fixture *)data)->framebuffer);
}

static inline void
tear_down (Fixture *f, gconstpointer data)
{
  if (f->server)
    shm_server_free (f->server);
  f->server = NULL;
  until (is_closed, f);
  g_assert_finalize_object (f->framebuffer);
  display_output_free (f->output);
}

static inline gboolean
is_drawn (gpointer data)
{
  return gtk_widget_get_mapped (data) && gtk_widget_get_width (data) > 0;
}
