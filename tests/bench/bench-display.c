/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How long a damaged pixel takes to a viewer, and how many whole frames of 1920 × 1080 a second reach it, over shared memory and
 * over VNC on loopback, served by a process of its own as a machine's screens are.  Prints numbers; the viewer runs on the main loop of the screen.
 */
#include "base/child.h"
#include "control/vnc-link.h"
#include "display/shm.h"
#include "display/vnc-client.h"
#include "display/vnc-listen.h"

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

static void
on_ready (void *opaque)
{
}

static void
on_input (void *opaque, const InputEvent *event)
{
}

static void
on_gone (void *opaque, gboolean refused, const char *why)
{
  g_printerr ("%s\n", why);
  ((Bench *)opaque)->closed = TRUE;
}

static void
print_private (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/smaps_rollup", (int)pid), *text = NULL;
  const char *dirty;

  if (g_file_get_contents (path, &text, NULL, NULL) && (dirty = strstr (text, "Private_Dirty:")) != NULL)
    g_print ("               memory of the server's process: %.*s\n", (int)strcspn (dirty, "\n"), dirty);
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
    static const VncLinkFuncs link_funcs = { .ready = on_ready, .input = on_input, .gone = on_gone };
    static const VncClientFuncs funcs = { .scanout = on_scanout, .damage = on_damage, .closed = on_closed };
    g_auto (VncListeners) listeners = { 0 };
    pid_t pid;

    bench_begin (&b);
    int socket = child_start_helper (VIVARIUM_VNC, &pid, &error);
    if (socket < 0 || !vnc_listen ("127.0.0.1:0", 1, FALSE, &listeners, &error))
      {
        g_printerr ("%s\n", error->message);
        return 1;
      }
    VncLinkConfig config = { .name = "bench",
                             .screens = &b.output,
                             .listeners = listeners.fds,
                             .n_served = 1,
                             .n_screens = 1,
                             .password = -1 };
    VncLink *link = vnc_link_new (socket, &config, &link_funcs, &b);
    VncClient *client = vnc_client_new (listeners.addresses[0], &funcs, &b);
    measure (&b, "VNC loopback");
    print_private (pid);
    vnc_client_free (client);
    vnc_link_free (link);
    display_output_free (b.output);
  }
  return 0;
}
