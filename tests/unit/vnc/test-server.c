/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The VNC server with our own client over loopback, and with clients that mean harm.
 */
#include "display/keymap.h"
#include "display/vnc-address.h"
#include "display/vnc-client.h"
#include "../vnc-local.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <linux/input-event-codes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* -- The machine's side -- */

typedef struct
{
  DisplayOutput *output;
  VncLocal local;
  VncServer *server;
  unsigned refreshes, watched;
  uint32_t want_width, want_height;
  GArray *events;
  char *clipboard;
  unsigned clients;
} Machine;

static void
on_refresh (void *opaque)
{
  ((Machine *)opaque)->refreshes++;
}

static void
on_watched (void *opaque, gboolean watched)
{
  ((Machine *)opaque)->watched = watched;
}

static void
on_resize (void *opaque, uint32_t width, uint32_t height)
{
  ((Machine *)opaque)->want_width = width;
  ((Machine *)opaque)->want_height = height;
}

static const DisplaySource source = { on_refresh, on_watched, NULL, on_resize };

static void
on_input (void *opaque, const InputEvent *event)
{
  g_array_append_vals (((Machine *)opaque)->events, event, 1);
}

static void
on_clipboard (void *opaque, const char *text)
{
  Machine *m = opaque;

  g_free (m->clipboard);
  m->clipboard = g_strdup (text);
}

static void
on_clients (void *opaque, unsigned n)
{
  ((Machine *)opaque)->clients = n;
}

static const VncServerFuncs server_funcs = { on_input, on_clipboard, on_clients };

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

#define wait_for(condition)                                           \
  G_STMT_START                                                        \
  {                                                                   \
    int64_t end_ = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND; \
    while (!(condition) && g_get_monotonic_time () < end_)            \
      {                                                               \
        g_main_context_iteration (NULL, FALSE);                       \
        g_usleep (200);                                               \
      }                                                               \
    g_assert_true (condition);                                        \
  }                                                                   \
  G_STMT_END

static void
paint (Machine *m, uint32_t width, uint32_t height, uint32_t seed)
{
  Framebuffer *fb = display_output_surface (m->output, width, height);

  for (uint32_t y = 0; y < height; y++)
    for (uint32_t x = 0; x < width; x++)
      ((uint32_t *)fb->pixels)[y * width + x] = ((x / 7) * 0x010305 + (y / 3) * 0x0b0d11 + seed) & 0xffffff;
  display_output_set_scanout (m->output, fb);
}

static void
machine_begin (Machine *m, const char *address, const char *password, gboolean view_only)
{
  VncServerConfig config = { .password = password, .name = "Tëst", .view_only = view_only };

  memset (m, 0, sizeof *m);
  m->output = display_output_new ("screen", &source, m);
  m->events = g_array_new (FALSE, FALSE, sizeof (InputEvent));
  paint (m, 320, 200, 1);
  vnc_local_begin (&m->local, m->output, address, &config, &server_funcs, m);
  m->server = m->local.server;
}

static void
machine_end (Machine *m)
{
  vnc_local_end (&m->local);
  display_output_free (m->output);
  g_array_unref (m->events);
  g_free (m->clipboard);
}

/* -- The viewer's side -- */

typedef struct
{
  VncClient *client;
  const char *password;
  char *name, *clipboard;
  const Framebuffer *fb;
  DisplayCursor cursor;
  unsigned scanouts, damages, cursors, closed, asked, leds;
  GError *error;
} Viewer;

static void
on_connected (void *opaque, const char *name)
{
  ((Viewer *)opaque)->name = g_strdup (name);
}

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  Viewer *v = opaque;

  v->fb = fb;
  v->scanouts++;
}

static void
on_damage (void *opaque, const Damage *damage)
{
  ((Viewer *)opaque)->damages++;
}

static void
on_cursor (void *opaque, const DisplayCursor *cursor)
{
  Viewer *v = opaque;

  g_free (v->cursor.pixels);
  v->cursor = *cursor;
  v->cursor.pixels = g_memdup2 (cursor->pixels, (gsize)cursor->width * cursor->height * 4);
  v->cursors++;
}

static void
on_text (void *opaque, const char *text)
{
  Viewer *v = opaque;

  g_free (v->clipboard);
  v->clipboard = g_strdup (text);
}

static void
on_password (void *opaque)
{
  Viewer *v = opaque;

  v->asked++;
  vnc_client_password (v->client, v->password);
}

static void
on_closed (void *opaque, const GError *error)
{
  Viewer *v = opaque;

  v->closed++;
  v->error = g_error_copy (error);
}

static void
on_leds (void *opaque, unsigned leds)
{
  ((Viewer *)opaque)->leds = leds;
}

static const VncClientFuncs client_funcs
    = { on_connected, on_scanout, on_damage, on_cursor, on_text, on_leds, on_password, on_closed };

static void
viewer_begin (Viewer *v, const char *address, const char *password)
{
  memset (v, 0, sizeof *v);
  v->password = password;
  v->client = vnc_client_new (address, &client_funcs, v);
}

static void
viewer_end (Viewer *v)
{
  vnc_client_free (v->client);
  g_free (v->name);
  g_free (v->clipboard);
  g_free (v->cursor.pixels);
  g_clear_error (&v->error);
}

static gboolean
same (Machine *m, Viewer *v)
{
  const Framebuffer *a = display_output_snapshot (m->output), *b = v->fb;

  if (b == NULL || a->width != b->width || a->height != b->height)
    return FALSE;
  for (uint32_t y = 0; y < a->height; y++)
    for (uint32_t x = 0; x < a->width; x++)
      if ((((uint32_t *)(a->pixels + (size_t)y * a->stride))[x]
           ^ ((uint32_t *)(b->pixels + (size_t)y * b->stride))[x])
          & 0xffffff)
        return FALSE;
  return TRUE;
}

static void
test_picture (void)
{
  Machine m;
  Viewer v, w;
  unsigned before;
  uint32_t shape[8 * 4];

  machine_begin (&m, "127.0.0.1:0", NULL, FALSE);
  wait_for (!m.watched);
  before = m.refreshes;
  spin (60);
  g_assert_cmpuint (m.refreshes, ==, before); /* nobody looks */
  g_assert_false (m.watched);
  viewer_begin (&v, m.local.address, NULL);
  wait_for (m.clients == 1 && same (&m, &v));
  g_assert_cmpstr (v.name, ==, "Tëst");
  wait_for (m.watched);
  g_assert_cmpuint (v.cursors, ==, 0); /* none defined: the viewer keeps its own */

  spin (150); /* waking damaged the whole once more */
  /* Damage alone travels. */
  ((uint32_t *)display_output_snapshot (m.output)->pixels)[320 * 100 + 50] = 0xff00ff;
  ((uint32_t *)display_output_snapshot (m.output)->pixels)[0] = 0x00ff00;
  display_output_damage (m.output, 50, 100, 1, 1);
  wait_for (((uint32_t *)v.fb->pixels)[320 * 100 + 50] << 8 == 0xff00ffu << 8);
  g_assert_cmphex (((uint32_t *)v.fb->pixels)[0] & 0xffffff, !=, 0x00ff00);
  display_output_damage (m.output, 0, 0, 1, 1);
  wait_for (same (&m, &v));

  /* Modes change, with two clients. */
  viewer_begin (&w, m.local.address, NULL);
  wait_for (m.clients == 2 && same (&m, &w));
  for (unsigned i = 0; i < 12; i++)
    {
      paint (&m, 64 + 97 * (i % 5), 48 + 61 * (i % 7), i * 0x123457);
      if (i % 3 == 0)
        wait_for (same (&m, &v) && same (&m, &w));
    }
  wait_for (same (&m, &v) && same (&m, &w));
  display_output_set_scanout (m.output, NULL);
  wait_for (((uint32_t *)v.fb->pixels)[100] << 8 == 0);
  paint (&m, 640, 480, 99);
  wait_for (same (&m, &v) && same (&m, &w));

  for (unsigned i = 0; i < G_N_ELEMENTS (shape); i++)
    shape[i] = i % 3 ? 0xff102030 + i : 0;
  display_output_set_cursor (m.output, &(DisplayCursor){ TRUE, 2, 3, 8, 4, shape });
  wait_for (v.cursors > 0);
  g_assert_cmpuint (v.cursor.width, ==, 8);
  g_assert_cmpint (v.cursor.hot_y, ==, 3);
  g_assert_true (v.cursor.visible);
  g_assert_cmpmem (v.cursor.pixels, sizeof shape, shape, sizeof shape);
  v.cursors = 0;
  display_output_set_cursor (m.output, &(DisplayCursor){ FALSE, 2, 3, 8, 4, shape });
  wait_for (v.cursors > 0);
  g_assert_false (v.cursor.visible);

  vnc_client_resize (v.client, 800, 600);
  wait_for (m.want_width == 800 && m.want_height == 600);

  viewer_end (&w);
  wait_for (m.clients == 1);
  machine_end (&m);
  wait_for (v.closed == 1);
  g_assert_nonnull (v.error);
  viewer_end (&v);
}

static void
expect (Machine *m, unsigned n, const InputEvent *want)
{
  wait_for (m->events->len >= n);
  spin (30);
  g_assert_cmpuint (m->events->len, ==, n);
  for (unsigned i = 0; i < n; i++)
    {
      InputEvent *e = &g_array_index (m->events, InputEvent, i);

      g_test_message ("%u: type %d code %u value %d at %d,%d", i, e->type, e->code, e->value, e->x, e->y);
      g_assert_cmpint (e->type, ==, want[i].type);
      g_assert_cmpint (e->code, ==, want[i].code);
      g_assert_cmpint (e->value, ==, want[i].value);
      g_assert_cmpint (e->x, ==, want[i].x);
      g_assert_cmpint (e->y, ==, want[i].y);
    }
  g_array_set_size (m->events, 0);
}

#define EXPECT(m, ...) \
  expect (m, sizeof ((InputEvent[]){ __VA_ARGS__ }) / sizeof (InputEvent), (InputEvent[]){ __VA_ARGS__ })

static void
send_event (Viewer *v, InputEventType type, int code, int value, int x, int y)
{
  vnc_client_input (v->client, &(InputEvent){ type, code, value, x, y });
}

static void
test_input (void)
{
  Machine m;
  Viewer v;

  machine_begin (&m, "127.0.0.1:0", NULL, FALSE);
  viewer_begin (&v, m.local.address, NULL);
  wait_for (same (&m, &v));

  spin (200); /* the server's answer to the encodings comes after the picture */
  /* By scan code: keys that no US keysym names. */
  send_event (&v, INPUT_EVENT_KEY, KEY_RO, 1, 0, 0);
  send_event (&v, INPUT_EVENT_KEY, KEY_RO, 0, 0, 0);
  send_event (&v, INPUT_EVENT_KEY, KEY_RIGHTCTRL, 1, 0, 0);
  send_event (&v, INPUT_EVENT_KEY, KEY_KP7, 1, 0, 0);
  send_event (&v, INPUT_EVENT_KEY, KEY_KP7, 0, 0, 0);
  send_event (&v, INPUT_EVENT_KEY, KEY_RIGHTCTRL, 0, 0, 0);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_RO, 1 }, { INPUT_EVENT_KEY, KEY_RO, 0 },
          { INPUT_EVENT_KEY, KEY_RIGHTCTRL, 1 }, { INPUT_EVENT_KEY, KEY_KP7, 1 },
          { INPUT_EVENT_KEY, KEY_KP7, 0 }, { INPUT_EVENT_KEY, KEY_RIGHTCTRL, 0 });

  send_event (&v, INPUT_EVENT_ABSOLUTE, 0, 0, INPUT_ABSOLUTE_MAX, INPUT_ABSOLUTE_MAX);
  send_event (&v, INPUT_EVENT_BUTTON, BTN_LEFT, 1, 0, 0);
  send_event (&v, INPUT_EVENT_BUTTON, BTN_LEFT, 0, 0, 0);
  send_event (&v, INPUT_EVENT_WHEEL, 0, 0, 0, -1);
  send_event (&v, INPUT_EVENT_WHEEL, 0, 0, 1, 0);
  send_event (&v, INPUT_EVENT_BUTTON, BTN_SIDE, 1, 0, 0);
  send_event (&v, INPUT_EVENT_BUTTON, BTN_SIDE, 0, 0, 0);
  send_event (&v, INPUT_EVENT_ABSOLUTE, 0, 0, 0, 0);
  EXPECT (&m, { INPUT_EVENT_ABSOLUTE, 0, 0, INPUT_ABSOLUTE_MAX, INPUT_ABSOLUTE_MAX },
          { INPUT_EVENT_BUTTON, BTN_LEFT, 1 }, { INPUT_EVENT_BUTTON, BTN_LEFT, 0 },
          { INPUT_EVENT_WHEEL, 0, 0, 0, -1 }, { INPUT_EVENT_WHEEL, 0, 0, 1, 0 },
          { INPUT_EVENT_BUTTON, BTN_SIDE, 1 }, { INPUT_EVENT_BUTTON, BTN_SIDE, 0 },
          { INPUT_EVENT_ABSOLUTE, 0, 0, 0, 0 });

  /* The guest has only a mouse: the server says so, the client then sends movements. */
  vnc_server_set_absolute (m.server, FALSE);
  spin (100);
  send_event (&v, INPUT_EVENT_RELATIVE, 0, 0, -500, 7);
  send_event (&v, INPUT_EVENT_RELATIVE, 0, 0, 3, -900);
  send_event (&v, INPUT_EVENT_BUTTON, BTN_RIGHT, 1, 0, 0);
  EXPECT (&m, { INPUT_EVENT_RELATIVE, 0, 0, -500, 7 }, { INPUT_EVENT_RELATIVE, 0, 0, 3, -900 },
          { INPUT_EVENT_BUTTON, BTN_RIGHT, 1 });

  vnc_server_send_clipboard (m.server, "Grüße");
  wait_for (v.clipboard);
  g_assert_cmpstr (v.clipboard, ==, "Grüße");
  vnc_client_clipboard (v.client, "naïve");
  wait_for (m.clipboard);
  g_assert_cmpstr (m.clipboard, ==, "naïve");

  /* Held keys and buttons go up when the client vanishes. */
  send_event (&v, INPUT_EVENT_KEY, KEY_LEFTALT, 1, 0, 0);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_LEFTALT, 1 });
  viewer_end (&v);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_LEFTALT, 0 }, { INPUT_EVENT_BUTTON, BTN_RIGHT, 0 });
  wait_for (m.clients == 0);
  wait_for (!m.watched);
  machine_end (&m);
}

static void
test_password (void)
{
  Machine m;
  Viewer v;

  machine_begin (&m, "127.0.0.1:0", "s3cret", FALSE);
  viewer_begin (&v, m.local.address, "s3cret");
  wait_for (same (&m, &v));
  g_assert_cmpuint (v.asked, ==, 1);
  viewer_end (&v);

  viewer_begin (&v, m.local.address, "s3cres");
  wait_for (v.closed == 1);
  g_assert_error (v.error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_null (v.fb);
  viewer_end (&v);

  viewer_begin (&v, m.local.address, NULL);
  wait_for (v.closed == 1);
  g_assert_error (v.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  viewer_end (&v);
  /* Freed while the answer is awaited. */
  viewer_begin (&v, m.local.address, "wrong");
  spin (150);
  viewer_end (&v);
  wait_for (m.clients == 0);
  machine_end (&m);
}

static void
test_parse (void)
{
  static const struct
  {
    const char *text, *host, *path;
    int port; /* -1: no address at all */
    int bare; /* the port with 5900 for a default; -1: none */
  } cases[] = {
    { "127.0.0.1:5901", "127.0.0.1", NULL, 5901, 5901 },
    { "localhost:0", "localhost", NULL, 0, 0 },
    { ":5901", "", NULL, 5901, 5901 },
    { "[::1]:5901", "::1", NULL, 5901, 5901 },
    { "[::1]", "::1", NULL, -1, 5900 },
    { "::1", "::1", NULL, -1, 5900 },
    { "example.org", "example.org", NULL, -1, 5900 },
    { "", "", NULL, -1, 5900 },
    { "unix:/run/x y", NULL, "/run/x y", 0, 0 },
    { "unix:", NULL, "", 0, 0 },
    { "host:", "", NULL, -1, -1 },
    { "host:65536", "", NULL, -1, -1 },
    { "host:-1", "", NULL, -1, -1 },
    { "host: 1", "", NULL, -1, -1 },
    { "ho st:1", "", NULL, -1, -1 },
    { "[::1", "", NULL, -1, -1 },
    { "[::1:5901", "", NULL, -1, -1 },
    { "]:5901", "", NULL, -1, -1 },
    { "[", "", NULL, -1, -1 },
    { "[]", "", NULL, -1, 5900 },
    { "[[::1]]:1", "", NULL, -1, -1 },
    { "[::1]x:1", "", NULL, -1, -1 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    for (unsigned with_default = 0; with_default < 2; with_default++)
      {
        g_auto (VncAddress) address = { 0 };
        int port = with_default ? cases[i].bare : cases[i].port;
        gboolean good = vnc_address_parse (cases[i].text, with_default ? 5900 : 0, &address);

        g_test_message ("%s", cases[i].text);
        g_assert_cmpint (good, ==, port >= 0);
        if (!good)
          continue;
        g_assert_cmpint (address.port, ==, port);
        g_assert_cmpstr (address.host, ==, cases[i].host);
        g_assert_cmpstr (address.path, ==, cases[i].path);
      }
}

static void
test_meeting (void)
{
  static const struct
  {
    const char *one, *other;
    gboolean meet;
  } cases[] = {
    { "127.0.0.1:5901", "127.0.0.1:5901", TRUE },
    { "127.0.0.1:5901", "127.0.0.1:5902", FALSE },
    { "localhost:5901", "127.0.0.1:5901", TRUE },
    { ":5901", "127.0.0.1:5901", TRUE },
    { "[::]:5901", "192.168.0.2:5901", TRUE },
    { "192.168.0.2:5901", "127.0.0.1:5901", FALSE },
    { "unix:/a", "unix:/a", TRUE },
    { "unix:/a", "unix:/b", FALSE },
    { "unix:/a", "127.0.0.1:5901", FALSE },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (VncAddress) one = { 0 }, other = { 0 };

      g_assert_true (vnc_address_parse (cases[i].one, 0, &one)
                     && vnc_address_parse (cases[i].other, 0, &other));
      g_assert_cmpint (vnc_address_meets (&one, &other), ==, cases[i].meet);
      g_assert_cmpint (vnc_address_meets (&other, &one), ==, cases[i].meet);
    }
}

static void
test_address (void)
{
  Machine m;
  Viewer v;
  g_autofree char *dir = g_dir_make_tmp ("viv-vnc-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "vnc", NULL);
  g_autofree char *address = g_strconcat ("unix:", path, NULL);

  machine_begin (&m, "0.0.0.0:0", "pass", FALSE);
  machine_end (&m);

  machine_begin (&m, address, NULL, FALSE);
  viewer_begin (&v, address, NULL);
  wait_for (same (&m, &v));
  viewer_end (&v);
  machine_end (&m);
  {
    int probe = socket (AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
    gboolean have = probe >= 0 && bind (probe, (struct sockaddr *)&in6, sizeof in6) == 0;

    if (probe >= 0)
      close (probe);
    if (have)
      {
        machine_begin (&m, "[::1]:0", NULL, TRUE);
        viewer_begin (&v, m.local.address, NULL);
        wait_for (same (&m, &v));
        /* View only. */
        send_event (&v, INPUT_EVENT_KEY, KEY_A, 1, 0, 0);
        send_event (&v, INPUT_EVENT_ABSOLUTE, 0, 0, 500, 500);
        vnc_client_clipboard (v.client, "no");
        spin (60);
        g_assert_cmpuint (m.events->len, ==, 0);
        g_assert_null (m.clipboard);
        viewer_end (&v);
        machine_end (&m);
      }
  }
  viewer_begin (&v, "127.0.0.1:1", NULL);
  wait_for (v.closed == 1);
  g_assert_nonnull (v.error);
  viewer_end (&v);
  g_rmdir (dir);
}

/* -- Raw clients -- */

static int
raw_connect (Machine *m)
{
  struct sockaddr_in in = { .sin_family = AF_INET };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  in.sin_port = htons (atoi (strrchr (m->local.address, ':') + 1));
  in.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (connect (fd, (struct sockaddr *)&in, sizeof in), ==, 0);
  return fd;
}

/* Reads `n` bytes while the server's main loop runs; FALSE if the server hangs up first. */
static gboolean
raw_read (int fd, void *buf, size_t n)
{
  int64_t end = g_get_monotonic_time () + 10 * G_TIME_SPAN_SECOND;
  size_t got = 0;

  while (got < n && g_get_monotonic_time () < end)
    {
      ssize_t r = recv (fd, (char *)buf + got, n - got, MSG_DONTWAIT);

      if (r == 0 || (r < 0 && errno != EAGAIN))
        return FALSE;
      if (r > 0)
        got += r;
      else
        spin (1);
    }
  g_assert_cmpuint (got, ==, n);
  return TRUE;
}

static void
raw_write (int fd, const void *buf, size_t n)
{
  if (send (fd, buf, n, MSG_NOSIGNAL) < 0)
    g_test_message ("write: %s", g_strerror (errno));
}

static void
raw_expect_closed (int fd)
{
  char buf[4096];
  int64_t end = g_get_monotonic_time () + 10 * G_TIME_SPAN_SECOND;
  ssize_t r = -1;

  while (g_get_monotonic_time () < end)
    {
      r = recv (fd, buf, sizeof buf, MSG_DONTWAIT);
      if (r == 0 || (r < 0 && errno != EAGAIN))
        break;
      spin (1);
    }
  g_assert_true (r == 0 || errno != EAGAIN);
  close (fd);
}

static int
raw_session (Machine *m)
{
  int fd = raw_connect (m);
  char buf[256];

  g_assert_true (raw_read (fd, buf, 12));
  g_assert_cmpmem (buf, 4, "RFB ", 4);
  raw_write (fd, "RFB 003.008\n", 12);
  g_assert_true (raw_read (fd, buf, 2));
  g_assert_cmpmem (buf, 2, "\1\1", 2);
  raw_write (fd, "\1", 1);
  g_assert_true (raw_read (fd, buf, 4));
  raw_write (fd, "\1", 1);
  g_assert_true (raw_read (fd, buf, 24));
  g_assert_true (raw_read (fd, buf + 24, (uint8_t)buf[23]));
  return fd;
}

static void
raw_key (int fd, uint32_t keysym, gboolean down)
{
  uint8_t message[8] = { 4, down, 0, 0, keysym >> 24, keysym >> 16, keysym >> 8, keysym };

  raw_write (fd, message, 8);
}

static void
test_keysyms (void)
{
  Machine m;
  int fd;

  machine_begin (&m, "127.0.0.1:0", NULL, FALSE);
  fd = raw_session (&m);
  raw_key (fd, 'a', TRUE);
  raw_key (fd, 'a', FALSE);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_A, 1 }, { INPUT_EVENT_KEY, KEY_A, 0 });
  /* "!" without Shift, as a French keyboard has it. */
  raw_key (fd, '!', TRUE);
  raw_key (fd, '!', FALSE);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_LEFTSHIFT, 1 }, { INPUT_EVENT_KEY, KEY_1, 1 },
          { INPUT_EVENT_KEY, KEY_LEFTSHIFT, 0 }, { INPUT_EVENT_KEY, KEY_1, 0 });
  /* "1" with Shift, likewise. */
  raw_key (fd, 0xffe1, TRUE);
  raw_key (fd, '1', TRUE);
  raw_key (fd, '1', FALSE);
  raw_key (fd, 'B', TRUE);
  raw_key (fd, 0xffe1, FALSE);
  raw_key (fd, 'b', FALSE);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_LEFTSHIFT, 1 }, { INPUT_EVENT_KEY, KEY_LEFTSHIFT, 0 },
          { INPUT_EVENT_KEY, KEY_1, 1 }, { INPUT_EVENT_KEY, KEY_LEFTSHIFT, 1 }, { INPUT_EVENT_KEY, KEY_1, 0 },
          { INPUT_EVENT_KEY, KEY_B, 1 }, { INPUT_EVENT_KEY, KEY_LEFTSHIFT, 0 },
          { INPUT_EVENT_KEY, KEY_B, 0 });
  /* Shift + F10 is left alone; unknown keysyms and releases of what isn't held make nothing. */
  raw_key (fd, 0xffe2, TRUE);
  raw_key (fd, 0xffc7, TRUE);
  raw_key (fd, 0xffffffff, TRUE);
  raw_key (fd, 'z', FALSE);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_RIGHTSHIFT, 1 }, { INPUT_EVENT_KEY, KEY_F10, 1 });
  close (fd);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_RIGHTSHIFT, 0 }, { INPUT_EVENT_KEY, KEY_F10, 0 });
  machine_end (&m);
}

/* Caps Lock and Num Lock are the guest's: its lights say what a keysym takes, and are told to clients that ask. */
static void
test_lights (void)
{
  Machine m;
  Viewer v;
  int fd;

  machine_begin (&m, "127.0.0.1:0", NULL, FALSE);
  vnc_server_set_leds (m.server, 4);
  viewer_begin (&v, m.local.address, NULL);
  wait_for (v.leds == 4);
  vnc_server_set_leds (m.server, 3);
  wait_for (v.leds == 3);
  vnc_server_set_leds (m.server, 0);
  wait_for (v.leds == 0);
  viewer_end (&v);

  vnc_server_set_leds (m.server, 4); /* caps */
  fd = raw_session (&m);
  raw_key (fd, 'a', TRUE);
  raw_key (fd, 'a', FALSE);
  raw_key (fd, 'B', TRUE);
  raw_key (fd, 'B', FALSE);
  raw_key (fd, '1', TRUE);
  raw_key (fd, '1', FALSE);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_LEFTSHIFT, 1 }, { INPUT_EVENT_KEY, KEY_A, 1 },
          { INPUT_EVENT_KEY, KEY_LEFTSHIFT, 0 }, { INPUT_EVENT_KEY, KEY_A, 0 }, { INPUT_EVENT_KEY, KEY_B, 1 },
          { INPUT_EVENT_KEY, KEY_B, 0 }, { INPUT_EVENT_KEY, KEY_1, 1 }, { INPUT_EVENT_KEY, KEY_1, 0 });
  /* The keypad's 7 and Home, without and with Num Lock. */
  raw_key (fd, 0xffb7, TRUE);
  raw_key (fd, 0xffb7, FALSE);
  raw_key (fd, 0xff95, TRUE);
  raw_key (fd, 0xff95, FALSE);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_7, 1 }, { INPUT_EVENT_KEY, KEY_7, 0 }, { INPUT_EVENT_KEY, KEY_KP7, 1 },
          { INPUT_EVENT_KEY, KEY_KP7, 0 });
  vnc_server_set_leds (m.server, 2);
  raw_key (fd, 0xffb7, TRUE);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_KP7, 1 });
  vnc_server_set_leds (m.server, 0);
  raw_key (fd, 0xffb7, FALSE);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_KP7, 0 });
  vnc_server_set_leds (m.server, 2);
  raw_key (fd, 0xff95, TRUE);
  raw_key (fd, 0xff95, FALSE);
  EXPECT (&m, { INPUT_EVENT_KEY, KEY_HOME, 1 }, { INPUT_EVENT_KEY, KEY_HOME, 0 });
  close (fd);
  machine_end (&m);
}

/* A pointer that can't be told "relative" is watched for its movements. */
static void
test_deltas (void)
{
  Machine m;
  int fd;

  machine_begin (&m, "127.0.0.1:0", NULL, FALSE);
  vnc_server_set_absolute (m.server, FALSE);
  fd = raw_session (&m);
  raw_write (fd, "\5\0\0\x64\0\x64", 6);
  raw_write (fd, "\5\0\0\x6e\0\x5f", 6);
  raw_write (fd, "\5\4\0\x6e\0\x5f", 6);
  raw_write (fd, "\5\4\xff\xff\xff\xff", 6); /* outside: to the edge */
  EXPECT (&m, { INPUT_EVENT_RELATIVE, 0, 0, 10, -5 }, { INPUT_EVENT_BUTTON, BTN_RIGHT, 1 },
          { INPUT_EVENT_RELATIVE, 0, 0, 209, 104 });
  close (fd);
  EXPECT (&m, { INPUT_EVENT_BUTTON, BTN_RIGHT, 0 });
  machine_end (&m);
}

static void
test_old_client (void)
{
  Machine m;
  int fd;
  uint8_t update[16];
  g_autofree uint8_t *pixels = g_malloc (320 * 200 * 4);
  const Framebuffer *fb;

  /* Raw and nothing else; the mode grows, the client can't follow. */
  machine_begin (&m, "127.0.0.1:0", NULL, FALSE);
  fd = raw_session (&m);
  raw_write (fd, "\3\0\0\0\0\0\1\x40\0\xc8", 10);
  wait_for (m.watched);
  paint (&m, 640, 480, 7);
  spin (50);
  for (unsigned round = 0; round < 2; round++)
    {
      g_assert_true (raw_read (fd, update, 16));
      g_assert_cmpmem (update + 2, 2, "\0\1", 2);
      g_assert_cmpmem (update + 4, 12, "\0\0\0\0\1\x40\0\xc8\0\0\0\0", 12);
      g_assert_true (raw_read (fd, pixels, 320 * 200 * 4));
      raw_write (fd, "\3\0\0\0\0\0\1\x40\0\xc8", 10);
      spin (60);
    }
  g_assert_true (raw_read (fd, update, 16));
  g_assert_true (raw_read (fd, pixels, 320 * 200 * 4));
  fb = display_output_snapshot (m.output);
  for (unsigned y = 0; y < 200; y++)
    g_assert_cmpmem (pixels + y * 1280, 1280, fb->pixels + y * fb->stride, 1280);
  close (fd);
  machine_end (&m);
}

static void
test_hostile (void)
{
  static const struct
  {
    const char *bytes;
    size_t n;
  } messages[] = {
#define M(s) { s, sizeof (s) - 1 }
    M ("\7\0\0\0\0\0\0\0\0\0\0\0"),                                     /* file transfer */
    M ("\x8\0\0\0"),                                                    /* scale by zero */
    M ("\x8\2\0\0"),                                                    /* scale */
    M ("\xf\0\0\0"),                                                    /* the other scale */
    M ("\xb\0\0\0\x7f\xff\xff\xff"),                                    /* chat */
    M ("\xfa\0\1\2"),                                                   /* xvp */
    M ("\xc8\0\0\0"),                                                   /* nothing at all */
    M ("\6\0\0\0\x7f\xff\xff\xff"),                                     /* a clipboard of 2 GiB */
    M ("\xff\1\0\0\0\0\0\0\0\0\0\0"),                                   /* QEMU's audio */
    M ("\0\0\0\0\x20\x18\0\1\0\xff\0\xff\0\xff\xff\xff\xff\0\0\0"),     /* shifts of 255 */
    M ("\0\0\0\0\x20\x18\0\1\0\0\0\0\0\0\0\0\0\0\0\0"),                 /* no colours */
    M ("\0\0\0\0\x07\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0\0\0\0"),       /* 7 bits */
    M ("\0\0\0\0\x20\x18\0\0\0\xff\0\xff\0\xff\x10\x08\0\0\0\0"),       /* 32-bit palette */
    M ("\0\0\0\0\x10\x18\0\1\xff\xff\xff\xff\xff\xff\x10\x08\0\0\0\0"), /* more than fits */
#undef M
  };
  static const char *const handshakes[]
      = { "",
          "R",
          "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
          "RFB 999.999\n",
          "RFB 003.003\n",
          "RFB 003.007\n",
          "RFB 003.889\n",
          "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
          "RFB -01.-08\n",
          "RFB 003.008\n\xff",
          "\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x03" };
  Machine m;
  Viewer v;
  int fd;

  machine_begin (&m, "127.0.0.1:0", NULL, FALSE);
  for (unsigned i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      g_test_message ("message %u", i);
      fd = raw_session (&m);
      raw_write (fd, messages[i].bytes, messages[i].n);
      raw_expect_closed (fd);
    }
  /* Connect, say something odd, vanish. */
  for (unsigned i = 0; i < G_N_ELEMENTS (handshakes); i++)
    {
      fd = raw_connect (&m);
      raw_write (fd, handshakes[i], strlen (handshakes[i]));
      spin (20);
      close (fd);
    }
  /* Encodings by the thousand, updates outside of the picture, in every encoding and at odd formats, then gone in the middle. */
  for (int encoding = 0; encoding < 24; encoding++)
    for (unsigned depth = 0; depth < 3; depth++)
      {
        static const char *const formats[] = { "\0\0\0\0\x20\x18\1\1\0\xff\0\xff\0\xff\0\x08\x10\0\0\0",
                                               "\0\0\0\0\x10\x10\0\1\0\x1f\0\x3f\0\x1f\x0b\5\0\0\0\0",
                                               "\0\0\0\0\x08\x08\0\1\0\7\0\7\0\3\0\3\6\0\0\0" };
        uint8_t encodings[4 + 8] = { 2, 0, 0, 2, 0, 0, 0, encoding, 0xff, 0xff, 0xff, 0x21 };

        fd = raw_session (&m);
        raw_write (fd, formats[depth], 20);
        raw_write (fd, encodings, sizeof encodings);
        raw_write (fd, "\3\0\xff\xff\xff\xff\xff\xff\xff\xff", 10);
        raw_write (fd, "\3\0\0\0\0\0\xff\xff\xff\xff", 10);
        raw_write (fd, "\3\1\1\x3f\0\xc7\0\1\0\1", 10);
        display_output_damage (m.output, encoding, depth, 100, 100);
        spin (encoding % 3 * 5);
        if (encoding == 7)
          paint (&m, 200 + 8 * depth, 150, depth);
        close (fd);
      }
  {
    g_autofree uint8_t *many = g_malloc0 (4 + 4 * 65535);

    many[0] = 2;
    many[2] = many[3] = 0xff;
    for (unsigned i = 0; i < 65535; i++)
      {
        uint32_t e = htonl (g_test_rand_int ());

        memcpy (many + 4 + 4 * i, &e, 4);
      }
    fd = raw_session (&m);
    raw_write (fd, many, 4 + 4 * 65535);
    spin (50);
    close (fd);
  }
  wait_for (m.clients == 0);
  /* A client that asks and never reads stalls nobody. */
  paint (&m, 1600, 1200, 3);
  fd = raw_session (&m);
  for (unsigned i = 0; i < 50; i++)
    raw_write (fd, "\3\0\0\0\0\0\x40\0\x40\0", 10);
  spin (50);
  viewer_begin (&v, m.local.address, NULL);
  wait_for (same (&m, &v));
  /* Nor the end, which doesn't wait for it to read. */
  machine_end (&m);
  close (fd);
  viewer_end (&v);
}

/* Nobody gets past the password by choosing another security type. */
static void
test_bypass (void)
{
  static const char *const tries[]
      = { "RFB 003.008\n\1\1", "RFB 003.007\n\1\1", "RFB 003.889\n\1\1", "RFB 003.003\n\1\1" };
  Machine m, open;

  machine_begin (&m, "127.0.0.1:0", "secret", FALSE);
  machine_begin (&open, "127.0.0.1:0", NULL, FALSE);
  for (unsigned i = 0; i < 12; i++)
    {
      int fd = raw_connect (&m), other = raw_connect (&open);
      char buf[64];

      spin (130);
      raw_write (other, "RFB 003.008\n", 12);
      raw_write (fd, tries[i % 4], 12);
      spin (5);
      raw_write (fd, tries[i % 4] + 12, 2);
      spin (30);
      raw_write (fd, "\3\0\0\0\0\0\x40\0\x40\0", 10);
      raw_write (fd, buf, 16);
      spin (30);
      g_assert_cmpuint (m.clients, ==, 0);
      close (fd);
      close (other);
    }
  machine_end (&m);
  machine_end (&open);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vnc/server/picture", test_picture);
  g_test_add_func ("/vnc/server/input", test_input);
  g_test_add_func ("/vnc/server/password", test_password);
  g_test_add_func ("/vnc/server/address", test_address);
  g_test_add_func ("/vnc/server/meeting", test_meeting);
  g_test_add_func ("/vnc/server/parse", test_parse);
  g_test_add_func ("/vnc/server/keysyms", test_keysyms);
  g_test_add_func ("/vnc/server/lights", test_lights);
  g_test_add_func ("/vnc/server/deltas", test_deltas);
  g_test_add_func ("/vnc/server/old-client", test_old_client);
  g_test_add_func ("/vnc/server/hostile", test_hostile);
  g_test_add_func ("/vnc/server/bypass", test_bypass);
  return g_test_run ();
}
