/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A screen over shared memory: both ends against each other, and each against a hostile peer.
 */
#include "display/memfd.h"
#include "display/shm-socket.h"
#include "display/shm.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

typedef struct
{
  DisplayOutput *output;
  unsigned watched;
  uint32_t want_width, want_height;

  unsigned scanouts, damages, cursors, closed;
  gboolean error, server_gone, check;
  const Framebuffer *fb;
  DisplayCursor cursor;
  Damage total;
  unsigned torn;
} World;

static void
on_watched (void *opaque, gboolean watched)
{
  ((World *)opaque)->watched = watched;
}

static void
on_resize (void *opaque, uint32_t width, uint32_t height)
{
  ((World *)opaque)->want_width = width;
  ((World *)opaque)->want_height = height;
}

static const DisplaySource source = { NULL, on_watched, NULL, on_resize };

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  World *w = opaque;

  w->scanouts++;
  w->fb = fb;
  damage_clear (&w->total);
}

static void
on_damage (void *opaque, const Damage *damage)
{
  World *w = opaque;

  w->damages++;
  for (unsigned i = 0; i < damage->n; i++)
    {
      const DisplayRect *r = &damage->rect[i];

      g_assert_true (r->x >= 0 && r->y >= 0 && r->x + r->width <= w->fb->width
                     && r->y + r->height <= w->fb->height);
      damage_add (&w->total, r, w->fb->width, w->fb->height);
    }
  /* Each mode of the load test is filled with its width: another colour is another mode's memory. */
  if (w->check)
    for (uint32_t y = 0; y < w->fb->height; y += 7)
      w->torn += *(uint32_t *)(w->fb->pixels + y * w->fb->stride + 4 * (y % w->fb->width)) != w->fb->width;
}

static void
on_cursor (void *opaque, const DisplayCursor *cursor)
{
  World *w = opaque;

  w->cursors++;
  g_free (w->cursor.pixels);
  w->cursor = *cursor;
  w->cursor.pixels = g_memdup2 (cursor->pixels, (gsize)cursor->width * cursor->height * 4);
}

static void
on_closed (void *opaque, const GError *error)
{
  World *w = opaque;

  w->closed++;
  w->error = error != NULL;
  if (error)
    g_test_message ("%s", error->message);
}

static const ShmViewerFuncs funcs = { on_scanout, on_damage, on_cursor, on_closed };

static void
on_server_gone (ShmServer *server, void *opaque)
{
  ((World *)opaque)->server_gone = TRUE;
}

/* At least so long, and as many turns of the loop as fit in there on an idle host: a loaded one may take all the time from a single
 * turn. */
static void
spin (unsigned ms)
{
  int64_t end = g_get_monotonic_time () + ms * 1000ll;

  for (unsigned turn = 0; turn < ms * 1000 / 300 || g_get_monotonic_time () < end; turn++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_usleep (300);
    }
}

static void
fill (Framebuffer *fb, uint32_t value)
{
  for (size_t i = 0; i < (size_t)fb->stride / 4 * fb->height; i++)
    ((uint32_t *)fb->pixels)[i] = value;
}

static ShmServer *
pair (World *w, int *other)
{
  int sv[2];

  w->output = display_output_new ("screen", &source, w);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), ==, 0);
  *other = sv[1];
  return shm_server_new (w->output, sv[0], on_server_gone, w);
}

static void
test_basic (void)
{
  World w = { 0 };
  g_autoptr (GError) error = NULL;
  ShmServer *server;
  ShmViewer *viewer;
  Framebuffer *fb;
  uint32_t cursor[4 * 2] = { 1, 2, 3, 4, 5, 6, 7, 0xff000008 };
  int other;

  server = pair (&w, &other);
  viewer = shm_viewer_new (other, &funcs, &w, &error);
  g_assert_no_error (error);
  spin (40);
  g_assert_cmpuint (w.scanouts, ==, 1);
  g_assert_null (w.fb);
  g_assert_cmpuint (w.cursors, ==, 1);

  fb = display_output_surface (w.output, 640, 480);
  fill (fb, 0x123456);
  display_output_set_scanout (w.output, fb);
  spin (40);
  g_assert_cmpuint (w.scanouts, ==, 2);
  g_assert_true (w.fb == shm_viewer_framebuffer (viewer));
  g_assert_cmpuint (w.fb->width, ==, 640);
  g_assert_cmphex (*(uint32_t *)(w.fb->pixels + 1000), ==, 0x123456);
  g_assert_cmpint (w.total.rect[0].height, ==, 480);
  /* The viewer has no way to write to it. */
  g_assert_true (mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, w.fb->fd, 0) == MAP_FAILED);
  g_assert_cmpint (pwrite (w.fb->fd, "x", 1, 0), ==, -1);
  g_assert_cmpint (fallocate (w.fb->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), ==, -1);

  damage_clear (&w.total);
  ((uint32_t *)fb->pixels)[640 * 10 + 20] = 0xabcdef;
  display_output_damage (w.output, 20, 10, 1, 1);
  spin (40);
  g_assert_cmpuint (w.total.n, ==, 1);
  g_assert_cmpint (w.total.rect[0].x, ==, 20);
  g_assert_cmpint (w.total.rect[0].width, ==, 1);
  g_assert_cmphex (((uint32_t *)w.fb->pixels)[640 * 10 + 20], ==, 0xabcdef); /* the same memory */

  display_output_set_cursor (w.output, &(DisplayCursor){ TRUE, 3, 1, 4, 2, cursor });
  spin (20);
  g_assert_cmpuint (w.cursor.width, ==, 4);
  g_assert_cmpint (w.cursor.hot_x, ==, 3);
  g_assert_cmpmem (w.cursor.pixels, 32, cursor, 32);

  shm_viewer_resize (viewer, 1024, 768);
  shm_viewer_set_interval (viewer, 0);
  spin (20);
  g_assert_cmpuint (w.want_width, ==, 1024);
  g_assert_false (w.watched);
  shm_viewer_set_interval (viewer, 16);
  spin (20);
  g_assert_true (w.watched);

  shm_server_free (server);
  spin (20);
  g_assert_cmpuint (w.closed, ==, 1);
  g_assert_false (w.error);
  shm_viewer_resize (viewer, 1, 1);
  shm_viewer_free (viewer);
  display_output_free (w.output);
  g_free (w.cursor.pixels);
}

static void
test_viewer_vanishes (void)
{
  World w = { 0 };
  int other;

  pair (&w, &other);
  g_assert_true (w.watched);
  close (other);
  spin (20);
  g_assert_true (w.server_gone);
  g_assert_false (w.watched);
  display_output_free (w.output);
}

static void
test_load (void)
{
  World w = { 0 };
  ShmViewer *viewer;
  ShmServer *server;
  int other;

  w.check = TRUE;
  server = pair (&w, &other);
  viewer = shm_viewer_new (other, &funcs, &w, NULL);
  for (unsigned i = 0; i < 600; i++)
    {
      uint32_t width = g_test_rand_int_range (16, 400), height = g_test_rand_int_range (16, 300);
      Framebuffer *fb = display_output_surface (w.output, width, height);

      fill (fb, width);
      display_output_set_scanout (w.output, fb);
      for (unsigned j = 0; j < 5; j++)
        display_output_damage (w.output, g_test_rand_int_range (0, 400), g_test_rand_int_range (0, 300), 9,
                               9);
      for (unsigned j = g_test_rand_int_range (0, 8); j > 0; j--)
        g_main_context_iteration (NULL, FALSE);
      if (i % 50 == 0)
        spin (20);
    }
  /* So many sizes come at the pace of one who changes them without end. */
  for (unsigned turn = 0; turn < 100 && w.fb->width != display_output_snapshot (w.output)->width; turn++)
    spin (20);
  spin (60);
  g_assert_cmpuint (w.torn, ==, 0);
  g_assert_cmpuint (w.closed, ==, 0);
  g_assert_cmpuint (w.fb->width, ==, display_output_snapshot (w.output)->width);
  g_assert_cmpuint (w.fb->height, ==, display_output_snapshot (w.output)->height);
  shm_viewer_free (viewer);
  shm_server_free (server);
  display_output_free (w.output);
}

/* Memory that can't be passed on: no descriptor, or one without the seal. */
static void
test_copy (void)
{
  World w = { 0 };
  ShmViewer *viewer;
  ShmServer *server;
  g_autofree uint32_t *pixels = g_new0 (uint32_t, 100 * 50);
  Framebuffer fb = { 90, 50, 400, (uint8_t *)pixels, -1, 0, 0 };
  int other;

  server = pair (&w, &other);
  viewer = shm_viewer_new (other, &funcs, &w, NULL);
  pixels[0] = 77;
  display_output_set_scanout (w.output, &fb);
  spin (40);
  g_assert_cmpuint (w.fb->width, ==, 90);
  g_assert_cmphex (*(uint32_t *)w.fb->pixels, ==, 77);
  pixels[100 * 20 + 30] = 88;
  display_output_damage (w.output, 30, 20, 1, 1);
  spin (40);
  g_assert_cmphex (*(uint32_t *)(w.fb->pixels + 20 * w.fb->stride + 30 * 4), ==, 88);
  {
    int fd = memfd_create ("unsealed", MFD_CLOEXEC);

    g_assert_cmpint (ftruncate (fd, 100 * 50 * 4), ==, 0);
    fb.fd = fd;
    fb.fd_size = 100 * 50 * 4;
    display_output_set_scanout (w.output, &fb);
    spin (40);
    g_assert_cmphex (*(uint32_t *)w.fb->pixels, ==, 77);
    fb.offset = G_MAXUINT64 - 100;
    display_output_set_scanout (w.output, &fb);
    spin (40);
    g_assert_cmphex (*(uint32_t *)w.fb->pixels, ==, 77);
    close (fd);
  }
  g_assert_cmpuint (w.closed, ==, 0);
  shm_viewer_free (viewer);
  shm_server_free (server);
  display_output_free (w.output);
}

/* The viewer doesn't read: the ring overflows, then all is damaged; no message piles up. */
static void
test_overflow (void)
{
  World w = { 0 };
  ShmServer *server;
  ShmViewer *viewer;
  int other;
  unsigned before;

  server = pair (&w, &other);
  display_output_set_scanout (w.output, display_output_surface (w.output, 800, 600));
  for (unsigned i = 0; i < 40; i++)
    {
      for (unsigned j = 0; j < 20; j++)
        display_output_damage (w.output, 40 * j, 20 * (i % 30), 1, 1);
      display_output_touch (w.output);
      g_main_context_iteration (NULL, FALSE);
    }
  viewer = shm_viewer_new (other, &funcs, &w, NULL);
  spin (40);
  g_assert_cmpuint (w.fb->width, ==, 800);
  before = w.damages;
  w.total.n = 0;
  display_output_damage (w.output, 5, 5, 1, 1);
  spin (40);
  g_assert_cmpuint (w.damages, >, before);
  g_assert_cmpint (w.total.rect[0].width, ==, 1);
  shm_viewer_free (viewer);
  spin (10);
  g_assert_true (w.server_gone);
  (void)server;
  display_output_free (w.output);
}

/* -- A hostile VMM -- */

typedef struct
{
  World w;
  ShmViewer *viewer;
  ShmRing *ring;
  int socket, others, ring_fd; /* others: the viewer's */
} Hostile;

static void
hostile_begin (Hostile *h, gboolean greet)
{
  int sv[2];

  memset (h, 0, sizeof *h);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), ==, 0);
  h->socket = sv[0];
  h->others = dup (sv[1]);
  h->viewer = shm_viewer_new (sv[1], &funcs, &h->w, NULL);
  h->ring_fd = display_memfd_new ("ring", sizeof (ShmRing), DISPLAY_MEMORY_COMMON, (void **)&h->ring, NULL);
  h->ring->magic = SHM_RING_MAGIC;
  h->ring->version = SHM_VERSION;
  h->ring->entries = SHM_RING_ENTRIES;
  if (greet)
    shm_socket_send (h->socket, &(ShmMessage){ .type = SHM_HELLO, .value = SHM_VERSION }, &h->ring_fd, 1);
}

static void
wake (Hostile *h)
{
  g_assert_cmpint (shm_socket_send (h->socket, &(ShmMessage){ .type = SHM_WAKE }, NULL, 0), ==,
                   SHM_SOCKET_OK);
}

static void
hostile_end (Hostile *h, gboolean refused)
{
  spin (10);
  g_assert_cmpuint (h->w.closed, ==, refused ? 1 : 0);
  g_assert_cmpint (h->w.error, ==, refused);
  shm_viewer_free (h->viewer);
  munmap (h->ring, sizeof (ShmRing));
  close (h->ring_fd);
  close (h->others);
  close (h->socket);
  g_free (h->w.cursor.pixels);
}

static int
sealed (size_t size, int seals)
{
  int fd = memfd_create ("pixels", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  if (seals)
    g_assert_cmpint (fcntl (fd, F_ADD_SEALS, seals), ==, 0);
  return fd;
}

static void
test_hostile_messages (void)
{
#define S(...)                       \
  {                                  \
    .type = SHM_SCANOUT, __VA_ARGS__ \
  }
#define C(...)                      \
  {                                 \
    .type = SHM_CURSOR, __VA_ARGS__ \
  }
  static const struct
  {
    ShmMessage message;
    gboolean refused;
    unsigned n_fds;
    int seals;
  } cases[] = {
    { S (.width = 64, .height = 64, .stride = 256), FALSE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 64, .stride = 256), TRUE, 1, 0 },
    { S (.width = 64, .height = 64, .stride = 256), TRUE, 1, F_SEAL_GROW },
    { S (.width = 64, .height = 64, .stride = 256), TRUE, 0, F_SEAL_SHRINK },
    { S (.width = 64, .height = 64, .stride = 256), TRUE, 2, F_SEAL_SHRINK },
    { S (.width = 64, .height = 65, .stride = 256), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 64, .stride = 260), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 60, .height = 63, .stride = 260), FALSE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 64, .stride = 252), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 1, .stride = 0), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 2, .stride = 258), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 64, .stride = 0xffffff00), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 0x40000001, .height = 1, .stride = 4), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 0xffffffff, .height = 0xffffffff, .stride = 0xffffffff), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 0, .height = 64, .stride = 256), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 0, .stride = 256), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 32, .stride = 256, .offset = 8192), FALSE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 32, .stride = 256, .offset = 8196), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 32, .stride = 256, .offset = 4092), FALSE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 32, .stride = 256, .offset = 3), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 64, .stride = 256, .offset = ~0ull - 255), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 64, .height = 64, .stride = 256, .offset = 1ull << 63), TRUE, 1, F_SEAL_SHRINK },
    { S (.width = 0), FALSE, 0, F_SEAL_SHRINK },
    { C (.width = 32, .height = 32, .stride = 128), FALSE, 1, F_SEAL_SHRINK },
    { C (.width = 32, .height = 32, .stride = 128, .hot_x = 32), TRUE, 1, F_SEAL_SHRINK },
    { C (.width = 32, .height = 32, .stride = 128, .hot_y = -1), TRUE, 1, F_SEAL_SHRINK },
    { C (.width = 65535, .height = 65535, .stride = 262140), TRUE, 1, F_SEAL_SHRINK },
    { C (.width = 513, .height = 1, .stride = 2052), TRUE, 1, F_SEAL_SHRINK },
    { C (.width = 32, .height = 32, .stride = 128), TRUE, 0, F_SEAL_SHRINK },
    { C (.width = 64, .height = 128, .stride = 256), TRUE, 1, F_SEAL_SHRINK },
    { { .type = 99 }, TRUE, 0, 0 },
    { { .type = SHM_HELLO, .value = SHM_VERSION }, TRUE, 1, F_SEAL_SHRINK },
    { { .type = SHM_WAKE }, FALSE, 0, 0 },
    { { .type = SHM_WAKE }, TRUE, 1, F_SEAL_SHRINK },
    { { .type = SHM_ACK }, TRUE, 0, 0 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Hostile h;
      int fds[2];

      g_test_message ("case %u", i);
      hostile_begin (&h, TRUE);
      fds[0] = sealed (64 * 64 * 4, cases[i].seals);
      fds[1] = dup (fds[0]);
      shm_socket_send (h.socket, &cases[i].message, fds, cases[i].n_fds);
      spin (5);
      if (!cases[i].refused && h.w.fb)
        {
          /* The last pixel can be read. */
          uint32_t last = *(uint32_t *)(h.w.fb->pixels + (size_t)h.w.fb->stride * (h.w.fb->height - 1)
                                        + 4 * (h.w.fb->width - 1));
          g_assert_cmphex (last, ==, 0);
        }
      close (fds[0]);
      close (fds[1]);
      hostile_end (&h, cases[i].refused);
    }
}

static void
test_hostile_hello (void)
{
  Hostile h;
  int small = sealed (100, F_SEAL_SHRINK), unsealed = sealed (sizeof (ShmRing), 0);
  int empty = sealed (sizeof (ShmRing), F_SEAL_SHRINK);
  const int rings[] = { small, unsealed, empty };

  for (unsigned i = 0; i < 3; i++)
    {
      hostile_begin (&h, FALSE);
      shm_socket_send (h.socket, &(ShmMessage){ .type = SHM_HELLO, .value = SHM_VERSION }, &rings[i], 1);
      hostile_end (&h, TRUE);
      close (rings[i]);
    }
  hostile_begin (&h, FALSE);
  shm_socket_send (h.socket, &(ShmMessage){ .type = SHM_HELLO, .value = 7 }, &h.ring_fd, 1);
  hostile_end (&h, TRUE);
  hostile_begin (&h, FALSE);
  shm_socket_send (h.socket, &(ShmMessage){ .type = SHM_HELLO, .value = SHM_VERSION }, NULL, 0);
  hostile_end (&h, TRUE);
  hostile_begin (&h, FALSE);
  shm_socket_send (h.socket, &(ShmMessage){ .type = SHM_HELLO, .value = SHM_VERSION },
                   (int[]){ h.ring_fd, h.ring_fd }, 2);
  hostile_end (&h, TRUE);
  hostile_begin (&h, FALSE);
  shm_socket_send (h.socket, &(ShmMessage){ .type = SHM_WAKE }, NULL, 0);
  hostile_end (&h, TRUE);
  hostile_begin (&h, FALSE);
  shm_socket_send (h.socket, &(ShmMessage){ .type = SHM_SCANOUT }, NULL, 0);
  hostile_end (&h, TRUE);
  hostile_begin (&h, FALSE);
  g_assert_cmpint (send (h.socket, "x", 1, 0), ==, 1);
  hostile_end (&h, TRUE);
  hostile_begin (&h, FALSE);
  {
    char big[1000] = { 0 };
    g_assert_cmpint (send (h.socket, big, sizeof big, 0), ==, sizeof big);
  }
  hostile_end (&h, TRUE);
}

/* What is handed over as the ring's memory and is none. */
static void
test_hostile_descriptor (void)
{
  int pipes[2], pair[2];

  g_assert_cmpint (pipe2 (pipes, O_CLOEXEC), ==, 0);
  g_assert_cmpint (write (pipes[1], "xxxxxxxx", 8), ==, 8);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  const int fds[] = { open ("/dev/zero", O_RDONLY | O_CLOEXEC),
                      open ("/dev/null", O_RDWR | O_CLOEXEC),
                      open ("/proc/self/maps", O_RDONLY | O_CLOEXEC),
                      pipes[0],
                      pair[0],
                      timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC),
                      epoll_create1 (EPOLL_CLOEXEC),
                      eventfd (1, EFD_CLOEXEC) };

  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      Hostile h;

      g_test_message ("case %u", i);
      g_assert_cmpint (fds[i], >=, 0);
      hostile_begin (&h, FALSE);
      shm_socket_send (h.socket, &(ShmMessage){ .type = SHM_HELLO, .value = SHM_VERSION }, &fds[i], 1);
      hostile_end (&h, TRUE);
      close (fds[i]);
    }
  close (pipes[1]);
  close (pair[1]);
}

/* A VMM that has kept the viewer's end, too. */
static Hostile *thief;
static unsigned stolen;

/* Behind the viewer's poll() and before its read: nothing is there any more, and O_NONBLOCK is gone. */
static int
poll_and_steal (GPollFD *fds, guint n, int timeout)
{
  int ready = g_poll (fds, n, timeout), taken[SHM_MAX_FDS];
  unsigned n_taken;
  ShmMessage message;

  while (shm_socket_receive (thief->others, &message, taken, &n_taken) == SHM_SOCKET_OK)
    stolen++;
  fcntl (thief->others, F_SETFL, 0);
  fcntl (thief->socket, F_SETFL, 0);
  return ready;
}

static void
test_hostile_thief (void)
{
  Hostile h;

  hostile_begin (&h, TRUE);
  spin (10);
  thief = &h;
  stolen = 0;
  g_main_context_set_poll_func (NULL, poll_and_steal);
  for (unsigned i = 0; i < 100; i++)
    {
      wake (&h);
      /* Fills the socket in the other direction. */
      for (unsigned j = 0; j < 20; j++)
        shm_viewer_resize (h.viewer, 100 + j, 100 + i);
      g_main_context_iteration (NULL, FALSE);
    }
  g_main_context_set_poll_func (NULL, NULL);
  g_assert_cmpuint (stolen, ==, 100);
  hostile_end (&h, FALSE);
}

static gboolean
on_idle (gpointer data)
{
  ++*(unsigned *)data;
  return G_SOURCE_CONTINUE;
}

/* Messages without end: redraw, and even idle work, get their turns. */
static void
test_hostile_noise (void)
{
  for (unsigned kind = 0; kind < 2; kind++)
    {
      ShmMessage noise = { .type = SHM_WAKE, .serial = 9 };
      int fd = sealed (64 * 64 * 4, F_SEAL_SHRINK);
      unsigned idles = 0, redraws = 0, i = 0;
      guint idle = g_idle_add (on_idle, &idles);
      guint redraw = g_idle_add_full (G_PRIORITY_HIGH_IDLE + 20, on_idle, &redraws, NULL);
      Hostile h;

      hostile_begin (&h, TRUE);
      if (kind == 1)
        noise = (ShmMessage){ .type = SHM_SCANOUT, .serial = 9, .width = 64, .height = 64, .stride = 256 };
      for (; i < 100000 && (redraws < 100 || idles < 100); i++)
        {
          for (unsigned j = 0; j < 8; j++)
            shm_socket_send (h.socket, &noise, &fd, kind);
          g_main_context_iteration (NULL, FALSE);
          if (redraws >= 100 && redraw != 0)
            {
              g_source_remove (redraw);
              redraw = 0;
            }
        }
      g_assert_cmpuint (redraws, >=, 100);
      g_assert_cmpuint (idles, >=, 100);
      g_source_remove (idle);
      close (fd);
      hostile_end (&h, FALSE);
    }
}

static void
test_hostile_ring (void)
{
  Hostile h;
  int fd = sealed (64 * 64 * 4, F_SEAL_SHRINK);

  hostile_begin (&h, TRUE);
  shm_socket_send (
      h.socket, &(ShmMessage){ .type = SHM_SCANOUT, .serial = 9, .width = 64, .height = 64, .stride = 256 },
      &fd, 1);
  spin (10);
  g_assert_cmpuint (h.w.damages, ==, 1);
  h.w.total.n = 0;
  /* Damage of another mode, out of bounds, empty. */
  h.ring->damage[0] = (ShmDamage){ 8, 0, 0, 64, 64 };
  h.ring->damage[1] = (ShmDamage){ 9, 65535, 65535, 65535, 65535 };
  h.ring->damage[2] = (ShmDamage){ 9, 0, 0, 0, 9 };
  h.ring->damage[3] = (ShmDamage){ 9, 60, 60, 65535, 65535 };
  h.ring->head = 4;
  wake (&h);
  spin (10);
  g_assert_cmpuint (h.w.total.n, ==, 1);
  g_assert_cmpint (h.w.total.rect[0].width, ==, 4);
  g_assert_cmpuint (h.ring->tail, ==, 4);
  /* A head from nowhere is an overflow. */
  for (unsigned i = 0; i < 20; i++)
    {
      h.w.total.n = 0;
      h.ring->head = 0x80000000u * (i & 1) + 1000 * i + 400;
      wake (&h);
      spin (10);
      g_assert_cmpint (h.w.total.rect[0].width, ==, 64);
    }
  close (fd);
  hostile_end (&h, FALSE);
}

/* -- A hostile viewer -- */

static void
test_hostile_viewer (void)
{
  World w = { 0 };
  ShmMessage message;
  ShmRing *ring;
  int other, fds[2];
  unsigned n;

  pair (&w, &other);
  display_output_set_scanout (w.output, display_output_surface (w.output, 320, 200));
  g_assert_cmpint (shm_socket_receive (other, &message, fds, &n), ==, SHM_SOCKET_OK);
  /* What both ends hold is memory: of anything else the viewer could clear O_NONBLOCK, empty or fill it, and hold the VMM in a read or a write. */
  for (unsigned i = 0; i < n; i++)
    g_assert_cmpint (fcntl (fds[i], F_GET_SEALS), >=, 0);
  g_assert_cmpuint (n, ==, 1);
  fcntl (other, F_SETFL, 0);
  ring = mmap (NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
  memset (ring, 0xff, sizeof *ring);
  for (unsigned i = 0; i < 2000; i++)
    {
      ring->tail = g_test_rand_int ();
      ring->waiting = 1;
      shm_socket_send (other, &(ShmMessage){ .type = SHM_ACK, .serial = i, .value = i % 5 }, NULL, 0);
      shm_socket_send (other, &(ShmMessage){ .type = SHM_RESIZE, .width = i * 99999, .height = i }, NULL, 0);
      shm_socket_send (other, &(ShmMessage){ .type = SHM_INTERVAL, .value = i % 3 ? 1 : 0 }, NULL, 0);
      display_output_damage (w.output, 1, 1, 5, 5);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_false (w.server_gone);
  shm_socket_send (other, &(ShmMessage){ .type = SHM_INTERVAL, .value = 1 }, NULL, 0);
  spin (40);
  shm_socket_send (other, &(ShmMessage){ .type = 12345 }, NULL, 0);
  spin (20);
  g_assert_true (w.server_gone);
  munmap (ring, sizeof *ring);
  close (fds[0]);
  close (other);
  display_output_free (w.output);
}

/* A viewer that has stopped listening, and says nothing either, isn't served for ever. */
static void
test_deaf_viewer (void)
{
  World w = { 0 };
  int other;

  pair (&w, &other);
  shm_socket_send (other, &(ShmMessage){ .type = SHM_ACK, .serial = 1, .value = SHM_SCANOUT }, NULL, 0);
  shm_socket_send (other, &(ShmMessage){ .type = SHM_ACK, .serial = 1, .value = SHM_CURSOR }, NULL, 0);
  spin (20);
  g_assert_cmpint (shutdown (other, SHUT_RD), ==, 0);
  spin (20);
  g_assert_false (w.server_gone);
  display_output_set_cursor (w.output, &(DisplayCursor){ .visible = TRUE });
  spin (20);
  g_assert_true (w.server_gone);
  close (other);
  display_output_free (w.output);
}

/* A VMM that doesn't read for a while gets what was said last all the same. */
static void
test_busy_server (void)
{
  World w = { 0 };
  int sv[2], fds[SHM_MAX_FDS];
  unsigned n, interval = 0, width = 0, n_messages = 0;
  ShmMessage message;
  ShmViewer *viewer;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), ==, 0);
  viewer = shm_viewer_new (sv[1], &funcs, &w, NULL);
  for (unsigned i = 1; i <= 20000; i++)
    {
      shm_viewer_set_interval (viewer, i);
      shm_viewer_resize (viewer, i, 1);
    }
  spin (10);
  for (unsigned quiet = 0; quiet < 100;)
    {
      if (shm_socket_receive (sv[0], &message, fds, &n) == SHM_SOCKET_OK)
        {
          n_messages++;
          quiet = 0;
          if (message.type == SHM_INTERVAL)
            interval = message.value;
          else if (message.type == SHM_RESIZE)
            width = message.width;
          continue;
        }
      g_main_context_iteration (NULL, FALSE);
      quiet++;
    }
  g_assert_cmpuint (n_messages, <, 40000); /* the socket was full, or this is no test */
  g_assert_cmpuint (interval, ==, 20000);
  g_assert_cmpuint (width, ==, 20000);
  shm_viewer_free (viewer);
  close (sv[0]);
}

/* Each other size has a window laid out anew: who changes it without end is heard more and more slowly, and in the end in all. */
static void
test_restless (void)
{
  enum
  {
    SIZES = 12,
  };
  Hostile h;
  int fd = sealed (64 * 64 * 4, F_SEAL_SHRINK);

  hostile_begin (&h, TRUE);
  gint64 begun = g_get_monotonic_time ();
  for (uint32_t i = 0; i < SIZES; i++)
    shm_socket_send (
        h.socket,
        &(ShmMessage){ .type = SHM_SCANOUT, .serial = i, .width = 32 + i, .height = 64, .stride = 256 }, &fd,
        1);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  if (g_get_monotonic_time () - begun < G_USEC_PER_SEC / 2)
    g_assert_cmpuint (h.w.scanouts, <, SIZES);
  while (h.w.scanouts < SIZES)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (h.w.fb->width, ==, 32 + SIZES - 1);
  close (fd);
  hostile_end (&h, FALSE);
}

/* Huge pages are no memory for a screen: a hole in them may have nothing to fill it with. */
static void
test_huge_pages (void)
{
  int fd = memfd_create ("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);

  if (fd < 0 || ftruncate (fd, 2 << 20) != 0)
    {
      g_test_skip ("the system has no huge pages");
      return;
    }
  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK), ==, 0);
  g_assert_false (display_memfd_is_safe (fd, 2 << 20));
  close (fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/display/shm/basic", test_basic);
  g_test_add_func ("/display/shm/viewer-vanishes", test_viewer_vanishes);
  g_test_add_func ("/display/shm/load", test_load);
  g_test_add_func ("/display/shm/copy", test_copy);
  g_test_add_func ("/display/shm/overflow", test_overflow);
  g_test_add_func ("/display/shm/hostile-messages", test_hostile_messages);
  g_test_add_func ("/display/shm/hostile-hello", test_hostile_hello);
  g_test_add_func ("/display/shm/hostile-descriptor", test_hostile_descriptor);
  g_test_add_func ("/display/shm/hostile-thief", test_hostile_thief);
  g_test_add_func ("/display/shm/hostile-noise", test_hostile_noise);
  g_test_add_func ("/display/shm/hostile-ring", test_hostile_ring);
  g_test_add_func ("/display/shm/hostile-viewer", test_hostile_viewer);
  g_test_add_func ("/display/shm/deaf-viewer", test_deaf_viewer);
  g_test_add_func ("/display/shm/busy-server", test_busy_server);
  g_test_add_func ("/display/shm/restless", test_restless);
  g_test_add_func ("/display/shm/huge-pages", test_huge_pages);
  return g_test_run ();
}
