/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The VMM's end of a screen over shared memory: a DisplayViewer that hands out the memory itself.
 */
#define G_LOG_DOMAIN "viv-shm"

#include "display/memfd.h"
#include "display/shm-socket.h"
#include "display/shm.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct ShmServer
{
  DisplayOutput *output;
  DisplayViewer *viewer;
  int socket, ring_fd;
  GSource *watch;
  void (*closed) (ShmServer *server, void *opaque);
  void *opaque;

  ShmRing *ring;
  uint32_t head; /* ours; ring->head is only its copy */

  gboolean have_fb;
  Framebuffer fb;   /* as the output said; fd isn't ours */
  Framebuffer copy; /* where the pixels aren't in memory that can be shared: a copy of our own */
  size_t copy_size;
  uint32_t serial; /* of the scanout that was sent last */
  gboolean scanout_due, scanout_in_flight;
  uint32_t cursor_serial;
  gboolean cursor_due, cursor_in_flight;
  gboolean failed;
};

static void
copy_clear (ShmServer *server)
{
  if (server->copy.pixels)
    munmap (server->copy.pixels, server->copy_size);
  if (server->copy.fd >= 0)
    close (server->copy.fd);
  server->copy = (Framebuffer){ .fd = -1 };
}

static void
copy_damage (ShmServer *server, const Damage *damage)
{
  for (unsigned i = 0; i < damage->n; i++)
    {
      const DisplayRect *r = &damage->rect[i];

      for (int y = r->y; y < r->y + r->height; y++)
        memcpy (server->copy.pixels + (size_t)y * server->copy.stride + (size_t)r->x * 4,
                server->fb.pixels + (size_t)y * server->fb.stride + (size_t)r->x * 4, (size_t)r->width * 4);
    }
}

/* The peer's errors are dealt with by the watch, not inside a call of the output's.  It has to be told: a peer that only doesn't listen
 * any more makes nothing readable. */
static void
send_failed (ShmServer *server, ShmSocketResult result)
{
  if (result == SHM_SOCKET_OK)
    return;
  server->failed = TRUE;
  shm_socket_watch_wake (server->watch);
}

static gboolean
shareable (const Framebuffer *fb)
{
  uint64_t size = (uint64_t)fb->height * fb->stride;

  /* Both bounds together keep offset + size from wrapping. */
  return fb->fd >= 0 && fb->offset <= fb->fd_size && fb->fd_size <= G_MAXSIZE
         && fb->fd_size - fb->offset >= size && display_memfd_is_safe (fb->fd, fb->fd_size);
}

static gboolean
make_copy (ShmServer *server)
{
  g_autoptr (GError) error = NULL;

  server->copy_size = (size_t)server->fb.width * server->fb.height * 4;
  server->copy.fd = display_memfd_new ("screen copy", server->copy_size, DISPLAY_MEMORY_SHOWN,
                                       (void **)&server->copy.pixels, &error);
  if (server->copy.fd < 0)
    {
      g_warning ("a viewer sees no picture: %s", error->message);
      return FALSE;
    }
  server->copy.width = server->fb.width;
  server->copy.height = server->fb.height;
  server->copy.stride = server->fb.width * 4;
  server->copy.fd_size = server->copy_size;
  copy_damage (server, &(Damage){ 1, { { 0, 0, server->fb.width, server->fb.height } } });
  return TRUE;
}

static void
send_scanout (ShmServer *server)
{
  ShmMessage message = { .type = SHM_SCANOUT };
  const Framebuffer *fb = NULL;
  int fd = -1;

  if (!server->scanout_due || server->scanout_in_flight)
    return;
  copy_clear (server);
  if (server->have_fb)
    {
      fb = &server->fb;
      if (shareable (fb))
        fd = display_memfd_readonly (fb->fd); /* a viewer must not be able to write to the guest's memory */
      if (fd < 0 && make_copy (server))
        {
          fb = &server->copy;
          fd = display_memfd_readonly (fb->fd);
          if (fd < 0)
            fd = dup (fb->fd);
        }
    }
  message.serial = ++server->serial;
  if (fd >= 0)
    {
      message.width = fb->width;
      message.height = fb->height;
      message.stride = fb->stride;
      message.offset = fb->offset;
      message.size = fb->fd_size;
    }
  send_failed (server, shm_socket_send (server->socket, &message, &fd, fd >= 0 ? 1 : 0));
  if (fd >= 0)
    close (fd);
  server->scanout_due = FALSE;
  server->scanout_in_flight = TRUE;
}

static void
send_cursor (ShmServer *server)
{
  const DisplayCursor *cursor = display_output_cursor (server->output);
  ShmMessage message = { .type = SHM_CURSOR, .visible = cursor->visible };
  size_t size = (size_t)cursor->width * cursor->height * 4;
  g_autoptr (GError) error = NULL;
  void *map = NULL;
  int fd = -1;

  if (!server->cursor_due || server->cursor_in_flight)
    return;
  if (size > 0)
    {
      fd = display_memfd_new ("cursor", size, DISPLAY_MEMORY_SHOWN, &map, &error);
      if (fd < 0)
        g_warning ("a viewer sees no cursor: %s", error->message);
    }
  if (fd >= 0)
    {
      memcpy (map, cursor->pixels, size);
      munmap (map, size);
      message.width = cursor->width;
      message.height = cursor->height;
      message.stride = cursor->width * 4;
      message.size = size;
      message.hot_x = cursor->hot_x;
      message.hot_y = cursor->hot_y;
    }
  message.serial = ++server->cursor_serial;
  send_failed (server, shm_socket_send (server->socket, &message, &fd, fd >= 0 ? 1 : 0));
  if (fd >= 0)
    close (fd);
  server->cursor_due = FALSE;
  server->cursor_in_flight = TRUE;
}

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  ShmServer *server = opaque;

  server->have_fb = fb != NULL;
  if (fb)
    server->fb = *fb;
  server->scanout_due = TRUE;
  send_scanout (server);
}

static void
on_cursor (void *opaque, const DisplayCursor *cursor)
{
  ShmServer *server = opaque;

  server->cursor_due = TRUE;
  if (server->viewer) /* else attach() is still running and the cursor is sent after it */
    send_cursor (server);
}

static void
on_damage (void *opaque, const Damage *damage)
{
  ShmServer *server = opaque;
  ShmRing *ring = server->ring;

  /* A scanout that waits to be sent comes with all its pixels. */
  if (server->scanout_due || !server->have_fb)
    return;
  if (server->copy.pixels)
    copy_damage (server, damage);
  for (unsigned i = 0; i < damage->n; i++)
    {
      const DisplayRect *r = &damage->rect[i];
      uint32_t used = server->head - atomic_load_explicit (&ring->tail, memory_order_acquire);

      if (used >= SHM_RING_ENTRIES) /* full, or a tail that makes no sense */
        {
          atomic_store (&ring->overflow, 1);
          break;
        }
      ring->damage[server->head % SHM_RING_ENTRIES]
          = (ShmDamage){ server->serial, r->x, r->y, r->width, r->height };
      server->head++;
    }
  atomic_store (&ring->head, server->head);
  if (atomic_exchange (&ring->waiting, 0))
    {
      ShmSocketResult result = shm_socket_send (server->socket, &(ShmMessage){ .type = SHM_WAKE }, NULL, 0);

      /* One that reads nothing of all that lies there needs no more of it. */
      send_failed (server, result == SHM_SOCKET_AGAIN ? SHM_SOCKET_OK : result);
    }
}

static const DisplayViewerFuncs viewer_funcs = { on_scanout, on_damage, on_cursor };

static gboolean
handle (ShmServer *server, const ShmMessage *message)
{
  switch (message->type)
    {
    case SHM_INTERVAL:
      display_viewer_set_interval (server->viewer, message->value);
      return TRUE;
    case SHM_RESIZE:
      display_viewer_resize (server->viewer, message->width, message->height);
      return TRUE;
    case SHM_ACK:
      if (message->value == SHM_SCANOUT && server->scanout_in_flight && message->serial == server->serial)
        {
          server->scanout_in_flight = FALSE;
          send_scanout (server);
        }
      if (message->value == SHM_CURSOR && server->cursor_in_flight
          && message->serial == server->cursor_serial)
        {
          server->cursor_in_flight = FALSE;
          send_cursor (server);
        }
      return TRUE;
    default:
      g_debug ("a viewer sent a message of type %u", message->type);
      return FALSE;
    }
}

static gboolean
on_socket (int fd, GIOCondition condition, void *data)
{
  ShmServer *server = data;

  /* A bounded number a turn, so that a chattering viewer doesn't hold the main loop. */
  for (unsigned turn = 0; turn < 16 && !server->failed; turn++)
    {
      int fds[SHM_MAX_FDS];
      unsigned n_fds;
      ShmMessage message;
      ShmSocketResult result = shm_socket_receive (server->socket, &message, fds, &n_fds);

      while (n_fds > 0)
        close (fds[--n_fds]);
      if (result == SHM_SOCKET_AGAIN)
        return G_SOURCE_CONTINUE;
      if (result != SHM_SOCKET_OK || !handle (server, &message))
        server->failed = TRUE;
    }
  if (server->failed)
    {
      if (server->closed)
        server->closed (server, server->opaque);
      shm_server_free (server);
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

ShmServer *
shm_server_new (DisplayOutput *output, int socket, void (*closed) (ShmServer *server, void *opaque),
                void *opaque)
{
  ShmServer *server = g_new0 (ShmServer, 1);
  ShmMessage hello = { .type = SHM_HELLO, .value = SHM_VERSION, .size = sizeof (ShmRing) };
  g_autoptr (GError) error = NULL;

  server->output = output;
  server->socket = socket;
  server->closed = closed;
  server->opaque = opaque;
  server->copy.fd = -1;
  server->ring_fd = display_memfd_new ("damage ring", sizeof (ShmRing), DISPLAY_MEMORY_COMMON,
                                       (void **)&server->ring, &error);
  server->watch = shm_socket_watch (socket, G_PRIORITY_DEFAULT, on_socket, server);
  if (server->ring_fd < 0)
    {
      g_warning ("no screen for a viewer: %s", error->message);
      send_failed (server, SHM_SOCKET_BAD); /* as if the peer had gone */
      return server;
    }
  server->ring->magic = SHM_RING_MAGIC;
  server->ring->version = SHM_VERSION;
  server->ring->entries = SHM_RING_ENTRIES;
  send_failed (server, shm_socket_send (socket, &hello, &server->ring_fd, 1));
  server->viewer = display_output_attach (output, &viewer_funcs, server);
  send_cursor (server);
  return server;
}

void
shm_server_free (ShmServer *server)
{
  if (server == NULL)
    return;
  display_viewer_detach (server->viewer);
  g_source_destroy (server->watch);
  g_source_unref (server->watch);
  copy_clear (server);
  if (server->ring)
    munmap (server->ring, sizeof (ShmRing));
  if (server->ring_fd >= 0)
    close (server->ring_fd);
  close (server->socket);
  g_free (server);
}
