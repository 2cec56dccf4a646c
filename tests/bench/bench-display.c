/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How long a damaged pixel takes to a viewer, and how many whole frames of 1920 × 1080 a second reach it, over shared memory and
 * over VNC on loopback.  Prints numbers; the viewer runs in the same process and on the same main loop.
 */
#include "display/shm.h"
#include "display/vnc-client.h"
#include "display/vnc-server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define W       1920
#define H       1080
#define ROUNDS  200
#define SECONDS 3

typedef struct
{
  DisplayOutput *output;
  Framebuffer *fb;
  gboolean full; /* paint a whole new frame at each refresh */
  uint32_t colour;
  const Framebuffer *seen;
  unsigned frames;
  gboolean arrived, closed;
} Bench;

static void
on_refresh (void *opaque)
{
  Bench *b = opaque;

  if (!b->full)
    return;
  b->colour += 0x010203;
  /* A picture with some structure, cheap to make: a gradient that moves. */
  for (uint32_t y = 0; y < H; y++)
    {
      uint32_t *row = (uint32_t *)(b->fb->pixels + (size_t)y * b->fb->stride);
      uint32_t value = (b->colour + y * 0x000301) & 0xffffff;

      for (uint32_t x = 0; x < W; x++)
        row[x] = value + (x >> 6);
    }
  display_output_damage (b->output, 0, 0, W, H);
}

static const DisplaySource source = { .refresh = on_refresh };

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  ((Bench *)opaque)->seen = fb;
}

static void
on_damage (void *opaque, const Damage *damage)
{
  Bench *b = opaque;

  b->frames++;
  b->arrived
      = b->seen && b->seen->width == W && (*(uint32_t *)b->seen->pixels & 0xffffff) == (b->colour & 0xffffff);
}

static void
on_closed (void *opaque, const GError *error)
{
  ((Bench *)opaque)->closed = TRUE;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static void
spin (unsigned ms)
{
  int64_t end = g_get_monotonic_time () + ms * 1000ll;

  while (g_get_monotonic_time () < end)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (100);
}

static void
measure (Bench *b, const char *name)
{
  double latency[ROUNDS];
  int64_t start;
  double seconds;

  spin (1000);
  for (unsigned i = 0; i < ROUNDS && !b->closed; i++)
    {
      b->arrived = FALSE;
      b->colour = 0x400000 + i;
      *(uint32_t *)b->fb->pixels = b->colour;
      start = g_get_monotonic_time ();
      display_output_damage (b->output, 0, 0, 16, 16);
      display_output_touch (b->output);
      while (!b->arrived && !b->closed)
        g_main_context_iteration (NULL, TRUE);
      latency[i] = (g_get_monotonic_time () - start) / 1000.0;
      spin (1 + i % 3);
    }
  qsort (latency, ROUNDS, sizeof latency[0], compare);
  b->full = TRUE;
  spin (200);
  b->frames = 0;
  start = g_get_monotonic_time ();
  while (g_get_monotonic_time () - start < SECONDS * G_TIME_SPAN_SECOND && !b->closed)
    g_main_context_iteration (NULL, TRUE);
  seconds = (g_get_monotonic_time () - start) / 1e6;
  b->full = FALSE;
  g_print ("%-14s damage to viewer: median %.3f ms, 99%% %.3f ms; whole %d × %d frames: %.1f/s\n", name,
           latency[ROUNDS / 2], latency[ROUNDS * 99 / 100], W, H, b->frames / seconds);
}

static void
bench_begin (Bench *b)
{
  memset (b, 0, sizeof *b);
  b->output = display_output_new ("bench", &source, b);
  b->fb = display_output_surface (b->output, W, H);
  display_output_set_scanout (b->output, b->fb);
}

int
main (void)
{
  Bench b;
  g_autoptr (GError) error = NULL;
  int sv[2];

  {
    static const ShmViewerFuncs funcs = { on_scanout, on_damage, NULL, on_closed };
    ShmServer *server;
    ShmViewer *viewer;

    bench_begin (&b);
    if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
      return 1;
    server = shm_server_new (b.output, sv[0], NULL, NULL);
    viewer = shm_viewer_new (sv[1], &funcs, &b, &error);
    /* As fast as it goes, not at the pace of a screen. */
    shm_viewer_set_interval (viewer, 1);
    measure (&b, "shared memory");
    shm_viewer_free (viewer);
    shm_server_free (server);
    display_output_free (b.output);
  }
  {
    static const VncServerFuncs server_funcs = { NULL };
    static const VncClientFuncs funcs = { .scanout = on_scanout, .damage = on_damage, .closed = on_closed };
    VncServerConfig config = { .address = "127.0.0.1:0", .name = "bench" };
    VncServer *server;
    VncClient *client;

    bench_begin (&b);
    server = vnc_server_new (b.output, &config, &server_funcs, &b, &error);
    if (server == NULL)
      {
        g_printerr ("%s\n", error->message);
        return 1;
      }
    client = vnc_client_new (vnc_server_address (server), &funcs, &b);
    measure (&b, "VNC loopback");
    vnc_client_free (client);
    vnc_server_free (server);
    display_output_free (b.output);
  }
  return 0;
}
