/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The viewer's end of a screen over shared memory.  The VMM may have been taken over by its guest: every number is checked
 * against the memory that came with it before a pixel is touched.
 */
#define G_LOG_DOMAIN "viv-shm"

#include "display/memfd.h"
#include "display/shm-socket.h"
#include "display/shm.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the VMM did not read yet waits here, the newest of a kind: without the last interval or an ACK the picture would stand still
 * for ever. */
enum
{
  SLOT_INTERVAL,
  SLOT_RESIZE,
  SLOT_ACK_SCANOUT,
  SLOT_ACK_CURSOR,
  N_SLOTS
};

/* How long a message of a kind that costs whoever shows it keeps the next one away, if it goes on like that: a picture of another size has a window
 * laid out and drawn anew.  So much may come at once. */
#define RESIZE_US  (100 * 1000)
#define MESSAGE_US (4 * 1000)
#define BURST_US   (400 * 1000)

struct ShmViewer
{
  ShmViewerFuncs funcs;
  void *opaque;
  int socket;
  GSource *watch;
  GSource *room;  /* NULL: nothing waits to be sent */
  GSource *pause; /* NULL: it is listened to */
  gint64 paid;    /* µs: until then it has said enough, but for a burst */
  ShmMessage unsent[N_SLOTS];
  gboolean closed, dispatching, freed, woken;

  ShmRing *ring;
  uint32_t tail; /* ours; ring->tail is only its copy */
  uint32_t serial;

  gboolean on;
  Framebuffer fb;
};

typedef struct
{
  void *map;
  size_t size;
} Mapping;

static void
unmap (gpointer data)
{
  Mapping *mapping = data;

  munmap (mapping->map, mapping->size);
  g_free (mapping);
}

/* Unmaps it when nobody has a reference any more. */
static GBytes *
keep_mapped (void *map, size_t size)
{
  Mapping mapping = { map, size };

  return g_bytes_new_with_free_func (map, size, unmap, g_memdup2 (&mapping, sizeof mapping));
}

static void
let_go (const Framebuffer *fb)
{
  if (fb->memory)
    g_bytes_unref (fb->memory);
  if (fb->fd >= 0)
    close (fb->fd);
}

static void
drop (GSource **source)
{
  if (*source)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
stop (ShmViewer *viewer)
{
  drop (&viewer->watch);
  drop (&viewer->room);
  drop (&viewer->pause);
}

static void
really_free (ShmViewer *viewer)
{
  stop (viewer);
  if (viewer->ring)
    munmap (viewer->ring, sizeof (ShmRing));
  let_go (&viewer->fb);
  close (viewer->socket);
  g_free (viewer);
}

static void
fail (ShmViewer *viewer, const GError *error)
{
  if (viewer->closed)
    return;
  viewer->closed = TRUE;
  stop (viewer);
  if (viewer->funcs.closed && !viewer->freed)
    viewer->funcs.closed (viewer->opaque, error);
}

static unsigned
slot_of (const ShmMessage *message)
{
  switch (message->type)
    {
    case SHM_INTERVAL:
      return SLOT_INTERVAL;
    case SHM_RESIZE:
      return SLOT_RESIZE;
    default:
      return message->value == SHM_SCANOUT ? SLOT_ACK_SCANOUT : SLOT_ACK_CURSOR;
    }
}

static gboolean
on_room (int fd, GIOCondition condition, void *data)
{
  ShmViewer *viewer = data;

  for (unsigned i = 0; i < N_SLOTS; i++)
    {
      if (viewer->unsent[i].type == 0)
        continue;
      if (shm_socket_send (viewer->socket, &viewer->unsent[i], NULL, 0) == SHM_SOCKET_AGAIN)
        return G_SOURCE_CONTINUE;
      viewer->unsent[i].type = 0; /* that it has gone is seen by the other watch */
    }
  drop (&viewer->room);
  return G_SOURCE_REMOVE;
}

static void
send_message (ShmViewer *viewer, const ShmMessage *message)
{
  g_autoptr (GMainContext) context = NULL;

  if (viewer->closed)
    return;
  /* Behind what waits: the order between kinds means nothing, but an older one of a kind must not come last. */
  if (viewer->room == NULL && shm_socket_send (viewer->socket, message, NULL, 0) != SHM_SOCKET_AGAIN)
    return;
  viewer->unsent[slot_of (message)] = *message;
  if (viewer->room != NULL)
    return;
  context = g_main_context_ref_thread_default ();
  viewer->room = g_unix_fd_source_new (viewer->socket, G_IO_OUT);
  g_source_set_priority (viewer->room, DISPLAY_PRIORITY_VIEWER);
  g_source_set_callback (viewer->room, G_SOURCE_FUNC (on_room), viewer, NULL);
  g_source_attach (viewer->room, context);
}

/* -- Damage -- */

static void
whole (ShmViewer *viewer, Damage *damage)
{
  damage_clear (damage);
  damage_add (damage, &(DisplayRect){ 0, 0, viewer->fb.width, viewer->fb.height }, viewer->fb.width,
              viewer->fb.height);
}

static void
drain (ShmViewer *viewer, Damage *damage)
{
  ShmRing *ring = viewer->ring;
  uint32_t head = atomic_load_explicit (&ring->head, memory_order_acquire);
  gboolean all = head - viewer->tail > SHM_RING_ENTRIES;

  for (; !all && viewer->tail != head; viewer->tail++)
    {
      /* Copied out once: the other side could change it between a check and a use. */
      volatile ShmDamage *slot = &ring->damage[viewer->tail % SHM_RING_ENTRIES];
      uint32_t serial = slot->serial;
      DisplayRect r = { slot->x, slot->y, slot->width, slot->height };

      if (serial == viewer->serial && viewer->on)
        damage_add (damage, &r, viewer->fb.width, viewer->fb.height);
    }
  viewer->tail = head;
  atomic_store_explicit (&ring->tail, head, memory_order_release);
  if (atomic_load (&ring->overflow) && atomic_exchange (&ring->overflow, 0))
    all = TRUE;
  if (all)
    whole (viewer, damage);
}

static void
look (ShmViewer *viewer)
{
  Damage damage = { 0 };

  viewer->woken = FALSE;
  drain (viewer, &damage);
  /* Ask to be woken, then look again: what came in between had nobody to wake. */
  atomic_store (&viewer->ring->waiting, 1);
  drain (viewer, &damage);
  if (damage.n > 0 && viewer->on && viewer->funcs.damage)
    viewer->funcs.damage (viewer->opaque, &damage);
}

/* -- Messages -- */

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               _ ("the machine's process sent a screen that is not valid (%s)"), why);
  return FALSE;
}

static gboolean
handle_hello (ShmViewer *viewer, const ShmMessage *message, int *fds, unsigned n_fds, GError **error)
{
  void *map;

  if (viewer->ring)
    return refuse (error, "two greetings");
  if (message->value != SHM_VERSION)
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
          _ ("the machine runs another version of Vivarium (screen protocol %u, here %u): restart the machine to see it"),
          message->value, SHM_VERSION);
      return FALSE;
    }
  if (n_fds != 1)
    return refuse (error, "a greeting without a damage ring");
  if (!display_memfd_is_safe (fds[0], sizeof (ShmRing)))
    return refuse (error, "the damage ring is too small or not sealed");
  map = mmap (NULL, sizeof (ShmRing), PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
  if (map == MAP_FAILED)
    return refuse (error, "the damage ring can't be mapped");
  viewer->ring = map;
  if (viewer->ring->magic != SHM_RING_MAGIC || viewer->ring->version != SHM_VERSION
      || viewer->ring->entries != SHM_RING_ENTRIES)
    return refuse (error, "the damage ring is of another kind");
  viewer->tail = 0;
  atomic_store (&viewer->ring->waiting, 1);
  return TRUE;
}

/* Maps `message`'s pixels.  The mapping starts at a page, the first pixel need not. */
static gboolean
map_pixels (const ShmMessage *message, int fd, uint32_t max, void **map, size_t *mapped, uint8_t **pixels,
            GError **error)
{
  uint64_t page = sysconf (_SC_PAGESIZE), start, size, last;

  if (message->width == 0 || message->height == 0 || message->width > max || message->height > max
      || (uint64_t)message->width * message->height > DISPLAY_MAX_PIXELS)
    return refuse (error, "its size");
  if (message->stride < message->width * 4 || message->stride > DISPLAY_MAX_SIZE * 16
      || message->stride % 4 != 0)
    return refuse (error, "its stride");
  /* At most 2^14 × 2^18: no overflow; the last row need not be padded. */
  size = (uint64_t)message->stride * (message->height - 1) + (uint64_t)message->width * 4;
  if (message->offset > (uint64_t)G_MAXINT64 - size || message->offset % 4 != 0)
    return refuse (error, "its offset");
  last = message->offset + size;
  if (!display_memfd_is_safe (fd, last))
    return refuse (error, "its memory is too small or could shrink");
  start = message->offset / page * page;
  *mapped = last - start;
  *map = mmap (NULL, *mapped, PROT_READ, MAP_SHARED, fd, start);
  if (*map == MAP_FAILED)
    {
      *map = NULL;
      return refuse (error, g_strerror (errno));
    }
  *pixels = (uint8_t *)*map + (message->offset - start);
  return TRUE;
}

static void
acknowledge (ShmViewer *viewer, const ShmMessage *message)
{
  send_message (viewer, &(ShmMessage){ .type = SHM_ACK, .serial = message->serial, .value = message->type });
}

static gboolean
handle_scanout (ShmViewer *viewer, const ShmMessage *message, int *fds, unsigned n_fds, GError **error)
{
  const Framebuffer old = viewer->fb;
  struct stat st;

  if (viewer->ring == NULL)
    return refuse (error, "no greeting");
  if (n_fds == 0 && message->width == 0)
    {
      viewer->on = FALSE;
      viewer->fb = (Framebuffer){ .fd = -1 };
    }
  else
    {
      void *map;
      size_t mapped;
      uint8_t *pixels;

      if (n_fds != 1)
        return refuse (error, "a picture without memory");
      if (!map_pixels (message, fds[0], DISPLAY_MAX_SIZE, &map, &mapped, &pixels, error))
        return FALSE;
      viewer->on = TRUE;
      viewer->fb = (Framebuffer){ .width = message->width,
                                  .height = message->height,
                                  .stride = message->stride,
                                  .pixels = pixels,
                                  .fd = fds[0],
                                  .offset = message->offset,
                                  .fd_size = fstat (fds[0], &st) == 0 ? st.st_size : 0,
                                  .memory = keep_mapped (map, mapped) };
      fds[0] = -1;
    }
  viewer->serial = message->serial;
  if (viewer->funcs.scanout)
    viewer->funcs.scanout (viewer->opaque, viewer->on ? &viewer->fb : NULL);
  let_go (&old);
  acknowledge (viewer, message);
  if (viewer->on && viewer->funcs.damage && !viewer->freed)
    {
      Damage damage;

      whole (viewer, &damage);
      viewer->funcs.damage (viewer->opaque, &damage);
    }
  return TRUE;
}

static gboolean
handle_cursor (ShmViewer *viewer, const ShmMessage *message, int *fds, unsigned n_fds, GError **error)
{
  DisplayCursor cursor = { .visible = message->visible != 0 };

  if (viewer->ring == NULL)
    return refuse (error, "no greeting");
  if (n_fds == 1)
    {
      void *map;
      size_t mapped;
      uint8_t *pixels;

      if (!map_pixels (message, fds[0], DISPLAY_MAX_CURSOR, &map, &mapped, &pixels, error))
        return FALSE;
      if (message->hot_x < 0 || message->hot_y < 0 || (uint32_t)message->hot_x >= message->width
          || (uint32_t)message->hot_y >= message->height)
        {
          munmap (map, mapped);
          return refuse (error, "the cursor's hot spot");
        }
      cursor.width = message->width;
      cursor.height = message->height;
      cursor.hot_x = message->hot_x;
      cursor.hot_y = message->hot_y;
      cursor.pixels = g_new (uint32_t, (gsize)cursor.width * cursor.height);
      for (uint32_t y = 0; y < cursor.height; y++)
        memcpy (cursor.pixels + (gsize)y * cursor.width, pixels + (gsize)y * message->stride,
                cursor.width * 4);
      munmap (map, mapped);
    }
  else if (n_fds != 0 || message->width != 0)
    return refuse (error, "a cursor without memory");
  if (viewer->funcs.cursor)
    viewer->funcs.cursor (viewer->opaque, &cursor);
  g_free (cursor.pixels);
  acknowledge (viewer, message);
  return TRUE;
}

static gboolean
handle_wake (ShmViewer *viewer, unsigned n_fds, GError **error)
{
  if (viewer->ring == NULL)
    return refuse (error, "no greeting");
  if (n_fds != 0)
    return refuse (error, "damage with descriptors");
  viewer->woken = TRUE;
  return TRUE;
}

static gboolean
handle (ShmViewer *viewer, const ShmMessage *message, int *fds, unsigned n_fds, GError **error)
{
  switch (message->type)
    {
    case SHM_HELLO:
      return handle_hello (viewer, message, fds, n_fds, error);
    case SHM_SCANOUT:
      return handle_scanout (viewer, message, fds, n_fds, error);
    case SHM_CURSOR:
      return handle_cursor (viewer, message, fds, n_fds, error);
    case SHM_WAKE:
      return handle_wake (viewer, n_fds, error);
    default:
      return refuse (error, "an unknown message");
    }
}

static gboolean on_socket (int fd, GIOCondition condition, void *data);

static gboolean
on_pause_end (gpointer data)
{
  ShmViewer *viewer = data;

  g_clear_pointer (&viewer->pause, g_source_unref);
  viewer->watch = shm_socket_watch (viewer->socket, DISPLAY_PRIORITY_VIEWER, on_socket, viewer);
  return G_SOURCE_REMOVE;
}

/* TRUE: it has said so much that the rest of this process must come to its own. */
static gboolean
rest (ShmViewer *viewer)
{
  gint64 ahead = viewer->paid - g_get_monotonic_time () - BURST_US;

  if (ahead <= 0)
    return FALSE;
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  drop (&viewer->watch);
  viewer->pause = g_timeout_source_new ((guint)(ahead / 1000) + 1);
  g_source_set_callback (viewer->pause, on_pause_end, viewer, NULL);
  g_source_attach (viewer->pause, context);
  return TRUE;
}

static void
pay (ShmViewer *viewer, gboolean other_size)
{
  viewer->paid = MAX (viewer->paid, g_get_monotonic_time ()) + (other_size ? RESIZE_US : MESSAGE_US);
}

static gboolean
on_socket (int fd, GIOCondition condition, void *data)
{
  ShmViewer *viewer = data;

  viewer->dispatching = TRUE;
  for (unsigned turn = 0; turn < 3 && !viewer->closed && !viewer->freed; turn++)
    {
      int fds[SHM_MAX_FDS] = { -1, -1 };
      unsigned n_fds;
      ShmMessage message;
      g_autoptr (GError) error = NULL;
      ShmSocketResult result = shm_socket_receive (viewer->socket, &message, fds, &n_fds);

      if (result == SHM_SOCKET_AGAIN)
        break;
      if (result == SHM_SOCKET_OK)
        {
          const uint32_t width = viewer->fb.width, height = viewer->fb.height;

          handle (viewer, &message, fds, n_fds, &error);
          if (message.type != SHM_WAKE) /* that one costs what is drawn, which the watch counts */
            pay (viewer, viewer->fb.width != width || viewer->fb.height != height);
        }
      else if (result == SHM_SOCKET_BAD)
        refuse (&error, "a truncated message");
      for (unsigned i = 0; i < n_fds; i++)
        if (fds[i] >= 0)
          close (fds[i]);
      if (result == SHM_SOCKET_CLOSED || error)
        fail (viewer, error);
    }
  if (viewer->woken && !viewer->closed && !viewer->freed)
    look (viewer);
  viewer->dispatching = FALSE;
  if (viewer->freed)
    {
      really_free (viewer);
      return G_SOURCE_REMOVE;
    }
  return viewer->closed || rest (viewer) ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

/* -- Public -- */

ShmViewer *
shm_viewer_new (int socket, const ShmViewerFuncs *funcs, void *opaque, GError **error)
{
  ShmViewer *viewer;
  int type = 0;
  socklen_t len = sizeof type;

  if (getsockopt (socket, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           _ ("what the machine sent is not a screen's socket"));
      if (socket >= 0)
        close (socket);
      return NULL;
    }
  viewer = g_new0 (ShmViewer, 1);
  viewer->funcs = *funcs;
  viewer->opaque = opaque;
  viewer->socket = socket;
  viewer->fb.fd = -1;
  viewer->watch = shm_socket_watch (socket, DISPLAY_PRIORITY_VIEWER, on_socket, viewer);
  return viewer;
}

void
shm_viewer_free (ShmViewer *viewer)
{
  if (viewer == NULL)
    return;
  viewer->freed = TRUE;
  if (viewer->dispatching)
    {
      viewer->closed = TRUE;
      stop (viewer);
    }
  else
    really_free (viewer);
}

void
shm_viewer_set_interval (ShmViewer *viewer, unsigned ms)
{
  send_message (viewer, &(ShmMessage){ .type = SHM_INTERVAL, .value = ms });
}

void
shm_viewer_resize (ShmViewer *viewer, uint32_t width, uint32_t height)
{
  send_message (viewer, &(ShmMessage){ .type = SHM_RESIZE, .width = width, .height = height });
}

const Framebuffer *
shm_viewer_framebuffer (ShmViewer *viewer)
{
  return viewer->on ? &viewer->fb : NULL;
}
