/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A monitor that has been taken over sends any messages, descriptors and damage to the viewer.
 *
 * Input: steps of 24 bytes { what, descriptors, fields… }.
 */
#include "fuzz.h"

#include "display/shm-protocol.h"
#include "display/shm-socket.h"
#include "display/shm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP 24

static volatile uint32_t seen;

static void
look (const Framebuffer *fb)
{
  for (uint32_t y = 0; y < fb->height; y += MAX (fb->height / 8, 1))
    {
      const uint8_t *row = fb->pixels + (size_t)y * fb->stride;

      seen += row[0] + row[(size_t)fb->width * 4 - 1];
    }
  seen += fb->pixels[(size_t)(fb->height - 1) * fb->stride + (size_t)fb->width * 4 - 1];
}

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  if (fb != NULL)
    look (fb);
}

static void
on_damage (void *opaque, const Damage *damage)
{
  const Framebuffer *fb = shm_viewer_framebuffer (*(ShmViewer **)opaque);

  for (unsigned i = 0; i < damage->n; i++)
    {
      const DisplayRect *r = &damage->rect[i];

      if (fb == NULL || r->x < 0 || r->y < 0 || (uint32_t)(r->x + r->width) > fb->width
          || (uint32_t)(r->y + r->height) > fb->height)
        abort ();
    }
}

static void
on_cursor (void *opaque, const DisplayCursor *cursor)
{
  if (cursor->width != 0)
    seen += cursor->pixels[(size_t)cursor->width * cursor->height - 1];
}

static void
on_closed (void *opaque, const GError *error)
{
}

static int
memory (size_t size, gboolean sealed)
{
  int fd = memfd_create ("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0 || ftruncate (fd, (off_t)size) < 0)
    abort ();
  if (sealed)
    fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  return fd;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  static const ShmViewerFuncs funcs = { on_scanout, on_damage, on_cursor, on_closed };
  ShmViewer *viewer;
  ShmRing *ring;
  int pair[2], ring_fd = memory (sizeof (ShmRing), TRUE);

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
    abort ();
  ring = mmap (NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
  *ring = (ShmRing){ .magic = SHM_RING_MAGIC, .version = SHM_VERSION, .entries = SHM_RING_ENTRIES };
  viewer = shm_viewer_new (pair[0], &funcs, &viewer, NULL);
  for (size_t i = 0; i + STEP <= length && i < 64 * STEP; i += STEP)
    {
      const uint8_t *s = data + i;
      ShmMessage m = { .serial = s[2], .value = SHM_VERSION, .visible = s[3] & 1 };
      uint32_t raw;
      int fds[2] = { -1, -1 };
      unsigned n = s[1] & 3;

      memcpy (&raw, s + 4, 4);
      m.width = s[0] & 0x80 ? raw : raw % 700;
      memcpy (&raw, s + 8, 4);
      m.height = s[0] & 0x80 ? raw : raw % 500;
      memcpy (&raw, s + 12, 4);
      m.stride = s[0] & 0x40 ? raw : m.width * 4 + (raw & 0x1c);
      memcpy (&raw, s + 16, 4);
      m.offset = s[0] & 0x20 ? (uint64_t)raw << 32 | raw : raw & 0x1fffc;
      m.hot_x = (int8_t)s[20];
      m.hot_y = (int8_t)s[21];
      m.size = sizeof *ring;
      switch (s[0] & 7)
        {
        case 0:
          m.type = SHM_HELLO;
          m.value = s[3] & 2 ? s[2] : SHM_VERSION;
          fds[0] = dup (ring_fd);
          n = s[1] & 4 ? n : 1;
          break;
        case 1:
        case 2:
          m.type = SHM_SCANOUT;
          break;
        case 3:
          m.type = SHM_CURSOR;
          m.width = s[0] & 0x80 ? m.width : m.width % 65;
          m.height = s[0] & 0x80 ? m.height : m.height % 65;
          break;
        case 4: /* damage, straight into the ring */
          for (unsigned k = 0; k <= (s[1] & 31u); k++)
            ring->damage[(s[2] + k) % SHM_RING_ENTRIES]
                = (ShmDamage){ s[3], (uint16_t)m.width, (uint16_t)m.height, (uint16_t)m.stride,
                               (uint16_t)m.offset };
          ring->head += s[20];
          ring->overflow = s[21];
          m.type = SHM_WAKE;
          n = s[1] & 0x20 ? n : 0;
          break;
        default:
          m.type = s[2];
          break;
        }
      n = MIN (n, SHM_MAX_FDS);
      for (unsigned k = 0; k < n; k++)
        if (fds[k] < 0)
          fds[k] = s[1] & 0x80   ? open ("/dev/null", O_RDWR | O_CLOEXEC)
                   : s[1] & 0x40 ? memory ((size_t)s[22] << 12, FALSE)
                                 : memory ((size_t)(s[22] | s[23] << 8) << 8, TRUE);
      shm_socket_send (pair[1], &m, fds, n);
      for (unsigned k = 0; k < 2; k++)
        if (fds[k] >= 0)
          close (fds[k]);
      if (s[0] & 0x10)
        shm_viewer_resize (viewer, m.width, m.height);
      for (unsigned k = 0; k < 8 && g_main_context_iteration (NULL, FALSE); k++)
        ;
    }
  for (unsigned k = 0; k < 32 && g_main_context_iteration (NULL, FALSE); k++)
    ;
  shm_viewer_free (viewer);
  munmap (ring, sizeof *ring);
  close (ring_fd);
  close (pair[1]);
  return 0;
}

typedef struct
{
  uint8_t what, descriptors, serial, flags;
  uint32_t width, height, stride, offset;
  int8_t hot_x, hot_y;
  uint8_t size_low, size_high; /* 256 bytes */
} Step;
G_STATIC_ASSERT (sizeof (Step) == STEP);

static void
make (void)
{
#define HELLO                 \
  {                           \
    0, 0, 0, 0, .size_low = 1 \
  }
#define SCREEN(serial)                                                \
  {                                                                   \
    1, 1, serial, 0, 320, 200, 0, 0, .size_low = 0xff, .size_high = 7 \
  }
#define DAMAGE(serial)                      \
  {                                         \
    4, 3, 0, serial, 10, 10, 100, 50, 20, 0 \
  }
  static const Step usual[]
      = { HELLO,      SCREEN (1),
          DAMAGE (1), { 3, 1, 2, 1, 32, 32, 0, 0, 3, 4, 0, 1 },
          DAMAGE (1), { 1, 1, 3, 0, 640, 400, 0, 0, .size_low = 0xff, .size_high = 0xf },
          DAMAGE (3), DAMAGE (1) };
  static const Step off[]
      = { HELLO, SCREEN (1), { 1, 0, 2 }, { 3, 0, 3 }, SCREEN (4), { 4, 9, 250, 4, 10, 10, 5, 5, 8, 1 } };
  static const Step wrong[][3] = {
    { { 0, 0, 7, 2 }, SCREEN (1), DAMAGE (1) },
    { { 0, 4 }, SCREEN (1), DAMAGE (1) },
    { { 0, 5 }, SCREEN (1), DAMAGE (1) },
    { HELLO, { 1, 0x81, 1, 0, 320, 200 }, DAMAGE (1) },
    { HELLO, { 1, 0x41, 1, 0, 320, 200, .size_low = 0xff }, DAMAGE (1) },
    { HELLO, { 0x81, 1, 1, 0, 0xffffffff, 200, .size_low = 0xff }, DAMAGE (1) },
    { HELLO, { 0x41, 1, 1, 0, 320, 200, 3, .size_low = 0xff, .size_high = 7 }, DAMAGE (1) },
    { HELLO, { 0x21, 1, 1, 0, 320, 200, 0, 0x7fffffff, .size_low = 0xff, .size_high = 7 }, DAMAGE (1) },
    { HELLO, { 3, 1, 1, 0, 64, 64, .size_low = 0x10 }, SCREEN (2) },
    { HELLO, { 0x83, 1, 1, 0, 65535, 65535, .size_low = 0x10 }, SCREEN (2) },
    { HELLO, HELLO, SCREEN (2) },
    { HELLO, { 5, 0, 18 }, { 5, 0, 99 } },
    { SCREEN (1), DAMAGE (1), HELLO },
    { HELLO, SCREEN (1), { 0x14, 31, 0, 1, 600, 400, 700, 900, .hot_x = -1, .hot_y = 1 } },
  };

  fuzz_seed (usual, sizeof usual);
  fuzz_seed (off, sizeof off);
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    fuzz_seed (wrong[i], sizeof wrong[i]);
}

const FuzzTarget fuzz_target = { "display/shm-viewer.c display/shm-socket.c", 64 * STEP, make };
