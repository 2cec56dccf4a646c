/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * VNC clients that take places and give nothing, a false server that draws without end or answers without end, and clipboards that
 * are too long, both ways.
 */
#include "display/vnc-client.h"
#include "vnc/vnc-server-private.h"

#include "../vnc-local.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gio/gio.h>
#include <linux/input-event-codes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB      (1 << 20)
#define PATIENCE (60 * G_TIME_SPAN_SECOND)

#define wait_for(condition)                                \
  G_STMT_START                                             \
  {                                                        \
    gint64 end_ = g_get_monotonic_time () + PATIENCE;      \
    while (!(condition) && g_get_monotonic_time () < end_) \
      {                                                    \
        g_main_context_iteration (NULL, FALSE);            \
        g_usleep (200);                                    \
      }                                                    \
    g_assert_true (condition);                             \
  }                                                        \
  G_STMT_END

/* -- Our server -- */

typedef struct
{
  DisplayOutput *output;
  VncLocal local;
  VncServer *server;
  unsigned keys;
  size_t clipboard;
} Machine;

static void
on_input (void *opaque, const InputEvent *event)
{
  ((Machine *)opaque)->keys += event->type == INPUT_EVENT_KEY;
}

static void
on_clipboard (void *opaque, const char *text)
{
  ((Machine *)opaque)->clipboard = strlen (text);
}

static void
machine_begin (Machine *m, const char *password, unsigned handshake_ms)
{
  static const DisplaySource source = { NULL };
  static const VncServerFuncs funcs = { .input = on_input, .clipboard = on_clipboard };
  VncServerConfig config = { .password = password, .name = "limits", .handshake_ms = handshake_ms };

  memset (m, 0, sizeof *m);
  m->output = display_output_new ("screen", &source, m);
  display_output_set_scanout (m->output, display_output_surface (m->output, 64, 48));
  vnc_local_begin (&m->local, m->output, "127.0.0.1:0", &config, &funcs, m);
  m->server = m->local.server;
}

static void
machine_end (Machine *m)
{
  vnc_local_end (&m->local);
  display_output_free (m->output);
}

/* -- Our client -- */

typedef struct
{
  VncClient *client;
  unsigned scanouts, closed, damages;
  size_t clipboard;
  GError *error;
} Viewer;

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  ((Viewer *)opaque)->scanouts++;
}

static void
on_damage (void *opaque, const Damage *damage)
{
  ((Viewer *)opaque)->damages++;
}

static void
on_text (void *opaque, const char *text)
{
  ((Viewer *)opaque)->clipboard = strlen (text);
}

static void
on_password (void *opaque)
{
  vnc_client_password (((Viewer *)opaque)->client, "right");
}

static void
on_closed (void *opaque, const GError *error)
{
  Viewer *v = opaque;

  v->closed++;
  v->error = g_error_copy (error);
}

static void
viewer_begin (Viewer *v, const char *address)
{
  static const VncClientFuncs funcs = { .scanout = on_scanout,
                                        .damage = on_damage,
                                        .clipboard = on_text,
                                        .password = on_password,
                                        .closed = on_closed };

  memset (v, 0, sizeof *v);
  v->client = vnc_client_new (address, &funcs, v);
}

static void
viewer_end (Viewer *v)
{
  vnc_client_free (v->client);
  g_clear_error (&v->error);
}

/* -- Clients that mean harm -- */

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

/* Reads what there is; TRUE when the other end has hung up. */
static gboolean
hung_up (int fd)
{
  char buf[4096];
  ssize_t n = recv (fd, buf, sizeof buf, MSG_DONTWAIT);

  return n == 0 || (n < 0 && errno != EAGAIN);
}

static void
pause_main (unsigned ms)
{
  for (gint64 end = g_get_monotonic_time () + ms * 1000; g_get_monotonic_time () < end; g_usleep (300))
    g_main_context_iteration (NULL, FALSE);
}

/* More silent clients than places: whoever knows the password gets in, and stays. */
static void
test_idle (void)
{
  int fds[40];
  Machine m;
  Viewer v;

  machine_begin (&m, "right", 0);
  for (unsigned i = 0; i < 20; i++)
    {
      fds[i] = raw_connect (&m);
      pause_main (2);
    }
  viewer_begin (&v, m.local.address);
  wait_for (v.scanouts > 0 || v.closed > 0);
  g_assert_cmpuint (v.closed, ==, 0);
  wait_for (vnc_server_n_clients (m.server) == 1);
  for (unsigned i = 20; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = raw_connect (&m);
      pause_main (2);
    }
  for (unsigned i = 0; i < 30; i++)
    wait_for (hung_up (fds[i]));
  g_assert_cmpuint (vnc_server_n_clients (m.server), ==, 1);
  g_assert_cmpuint (v.closed, ==, 0);
  viewer_end (&v);
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  machine_end (&m);
}

/* A stranger who has to go and gets ready in that moment: another has his place already, and with both there would be more than there may be. */
static void
test_hung_up_ready (void)
{
  Machine m;
  Viewer v;

  machine_begin (&m, NULL, 0);
  viewer_begin (&v, m.local.address);
  wait_for (vnc_server_n_clients (m.server) == 1);
  VncServerClient *client = m.server->clients->pdata[0];
  client->leaving = TRUE;
  g_assert_cmpuint (vnc_server_n_clients (m.server), ==, 0);
  client->leaving = FALSE;
  viewer_end (&v);
  machine_end (&m);
}

/* Silent at each stage, or a byte now and then: the deadline is for all of it. */
static void
test_deadline (void)
{
  static const struct
  {
    const char *text;
    size_t length;
  } said[] = { { "", 0 },
               { "RFB 003.00", 10 },
               { "RFB 003.008\n", 12 },
               { "RFB 003.008\n\2", 13 },
               { "RFB 003.008\n\2xxx", 16 } };
  Machine m;

  machine_begin (&m, "right", 300);
  for (unsigned i = 0; i < G_N_ELEMENTS (said); i++)
    {
      int fd = raw_connect (&m);

      g_test_message ("after %zu bytes", said[i].length);
      g_assert_cmpint (send (fd, said[i].text, said[i].length, MSG_NOSIGNAL), ==, said[i].length);
      wait_for (hung_up (fd));
      close (fd);
    }
  int fd = raw_connect (&m);
  const char *next = "RFB 003.008\n\2xxxxxxxxxxxxxxx";
  gint64 end = g_get_monotonic_time () + PATIENCE;
  while (!hung_up (fd))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      if (next[1] && send (fd, next, 1, MSG_NOSIGNAL) == 1)
        next++;
      pause_main (100);
    }
  close (fd);
  machine_end (&m);
}

static void
raw_read (int fd, void *buf, size_t n)
{
  for (size_t got = 0; got < n;)
    {
      ssize_t r = recv (fd, (char *)buf + got, n - got, MSG_DONTWAIT);

      g_assert_true (r > 0 || (r < 0 && errno == EAGAIN));
      if (r > 0)
        got += r;
      else
        pause_main (1);
    }
}

static void
send_all (int fd, const void *data, size_t length)
{
  const char *at = data;

  while (length > 0)
    {
      ssize_t n = send (fd, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);

      g_assert_true (n > 0 || errno == EAGAIN);
      if (n > 0)
        {
          at += n;
          length -= n;
        }
      else
        pause_main (1);
    }
}

static void
send_cut_text (int fd, uint8_t type, uint32_t length)
{
  g_autofree char *text = g_malloc (8 + (gsize)length);
  uint32_t big = GUINT32_TO_BE (length);

  memset (text, 0, 8);
  text[0] = type;
  memcpy (text + 4, &big, 4);
  memset (text + 8, 'x', length);
  send_all (fd, text, 8 + (gsize)length);
}

/* Too long from a client: cut, and the client goes on. */
static void
test_client_text (void)
{
  static const uint32_t lengths[] = { 1, MIB, MIB + 1, 3 * MIB, 5 };
  Machine m;
  char buf[256];
  int fd;

  machine_begin (&m, NULL, 0);
  fd = raw_connect (&m);
  raw_read (fd, buf, 12);
  send_all (fd, "RFB 003.008\n\1\1", 14);
  raw_read (fd, buf, 2 + 4 + 24);
  raw_read (fd, buf, (uint8_t)buf[2 + 4 + 23]);
  for (unsigned i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      send_cut_text (fd, 6, lengths[i]);
      wait_for (m.clipboard == MIN (lengths[i], MIB));
      m.clipboard = 0;
    }
  send_all (fd, "\4\1\0\0\0\0\0a", 8);
  wait_for (m.keys == 1);
  close (fd);
  machine_end (&m);
}

/* Clipboards that the main loop has no time for fill no memory: the client is not read on. */
static void
test_text_flood (void)
{
  enum
  {
    MOST = 128 * MIB
  };
  g_autofree char *message = g_malloc0 (8 + MIB);
  size_t sent = 0;
  Machine m;
  char buf[256];
  int fd;

  machine_begin (&m, NULL, 0);
  fd = raw_connect (&m);
  raw_read (fd, buf, 12);
  send_all (fd, "RFB 003.008\n\1\1", 14);
  raw_read (fd, buf, 2 + 4 + 24);
  raw_read (fd, buf, (uint8_t)buf[2 + 4 + 23]);
  memcpy (message, "\6\0\0\0\0\20\0\0", 8);
  memset (message + 8, 'x', MIB);
  /* Until it takes no more, which is for good while nobody runs the main loop. */
  while (sent < MOST)
    {
      struct pollfd room = { fd, POLLOUT, 0 };
      size_t at = sent % (8 + MIB);
      ssize_t n;

      if (poll (&room, 1, 2000) == 0)
        break;
      n = send (fd, message + at, 8 + MIB - at, MSG_NOSIGNAL | MSG_DONTWAIT);
      g_assert_true (n > 0 || errno == EAGAIN);
      sent += MAX (n, 0);
    }
  g_test_message ("%zu bytes", sent);
  g_assert_cmpuint (sent, <, MOST);
  wait_for (m.clipboard == MIB);
  close (fd);
  machine_end (&m);
}

/* Too long from us, in both directions. */
static void
test_own_text (void)
{
  g_autofree char *text = g_strnfill (3 * MIB, 'y');
  Machine m;
  Viewer v;

  machine_begin (&m, NULL, 0);
  viewer_begin (&v, m.local.address);
  wait_for (v.scanouts > 0 && vnc_server_n_clients (m.server) == 1);
  vnc_server_send_clipboard (m.server, text);
  wait_for (v.clipboard == MIB || v.closed > 0);
  vnc_server_send_clipboard (m.server, "again");
  wait_for (v.clipboard == 5);
  vnc_client_clipboard (v.client, text);
  wait_for (m.clipboard == MIB || v.closed > 0);
  vnc_client_clipboard (v.client, "again");
  wait_for (m.clipboard == 5);
  g_assert_cmpuint (v.closed, ==, 0);
  viewer_end (&v);
  machine_end (&m);
}

/* -- A false server -- */

typedef enum
{
  FALSE_RRE,      /* subrectangles of the whole screen without end */
  FALSE_NOTHINGS, /* empty ones */
  FALSE_COPY,     /* the screen onto itself */
  FALSE_SIZES,    /* a new size with each rectangle */
  FALSE_TEXT,     /* a long clipboard, then a short one */
  FALSE_TARPIT,   /* a byte of a long name now and then */
  FALSE_ENDLESS,  /* clipboard */
  FALSE_HALVES,   /* an update in two halves, then nothing more */
} Falsehood;

typedef struct
{
  Falsehood what;
  int listener;
  char *address;
  GThread *thread;
  int greeted; /* atomic: the client has said all that it says first */
  int done;    /* atomic: the client has hung up */
} FalseServer;

static gboolean
pour (int fd, const void *data, size_t length)
{
  for (const char *at = data; length > 0;)
    {
      ssize_t n = send (fd, at, length, MSG_NOSIGNAL);

      if (n <= 0)
        return FALSE;
      at += n;
      length -= n;
    }
  return TRUE;
}

static void
pour_for_ever (int fd, const void *data, size_t length)
{
  g_autofree char *block = g_malloc (length * 1000);

  for (unsigned i = 0; i < 1000; i++)
    memcpy (block + i * length, data, length);
  while (pour (fd, block, length * 1000))
    ;
}

static void *
run_false_server (void *data)
{
  FalseServer *s = data;
  char buf[4096];
  int fd = accept (s->listener, NULL, NULL);

  pour (fd, "RFB 003.008\n", 12);
  g_assert_cmpint (recv (fd, buf, 12, MSG_WAITALL), ==, 12);
  pour (fd, "\1\1", 2);
  g_assert_cmpint (recv (fd, buf, 1, MSG_WAITALL), ==, 1);
  pour (fd, "\0\0\0\0", 4);
  g_assert_cmpint (recv (fd, buf, 1, MSG_WAITALL), ==, 1);
  g_atomic_int_set (&s->greeted, 1);
  /* 1024 × 768, 32 bits */
  pour (fd, "\4\0\3\0\x20\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0\0\0\0", 20);
  if (s->what == FALSE_TARPIT)
    {
      pour (fd, "\0\0\x40\0", 4);
      while (pour (fd, "x", 1))
        g_usleep (20 * 1000);
    }
  pour (fd, "\0\0\0\1x", 5);
  switch (s->what)
    {
    case FALSE_RRE:
      pour (fd, "\0\0\0\1\0\0\0\0\4\0\3\0\0\0\0\2\xff\xff\xff\xff\0\0\0\0", 24);
      pour_for_ever (fd, "\1\2\3\4\0\0\0\0\4\0\3\0", 12);
      break;
    case FALSE_NOTHINGS:
      pour (fd, "\0\0\0\1\0\0\0\0\4\0\3\0\0\0\0\2\xff\xff\xff\xff\0\0\0\0", 24);
      pour_for_ever (fd, "\1\2\3\4\0\0\0\0\0\0\0\0", 12);
      break;
    case FALSE_COPY:
      pour (fd, "\0\0\xff\xfe", 4);
      pour_for_ever (fd, "\0\0\0\0\4\0\3\0\0\0\0\1\0\0\0\0", 16);
      break;
    case FALSE_SIZES:
      pour (fd, "\0\0\xff\xfe", 4);
      pour_for_ever (fd, "\0\0\0\0\4\0\4\0\xff\xff\xff\x21\0\0\0\0\4\0\3\0\xff\xff\xff\x21", 24);
      break;
    case FALSE_TEXT:
      {
        g_autofree char *text = g_strnfill (3 * MIB, 'z');

        pour (fd, "\3\0\0\0\0\x30\0\0", 8);
        pour (fd, text, 3 * MIB);
        pour (fd, "\3\0\0\0\0\0\0\3abc", 11);
        break;
      }
    case FALSE_ENDLESS:
      pour (fd, "\3\0\0\0\xff\xff\xff\xff", 8);
      pour_for_ever (fd, "0123456789", 10);
      break;
    case FALSE_HALVES:
      for (unsigned i = 0; i < 3; i++)
        {
          pour (fd, "\0\0\0\1\0\0\0\0\0\1\0\1\0\0\0\0", 16);
          g_usleep (30 * 1000); /* the client waits for the other half */
          pour (fd, "\1\2\3\4", 4);
          g_usleep (30 * 1000);
        }
      shutdown (fd, SHUT_WR);
      break;
    case FALSE_TARPIT:
      break;
    }
  while (recv (fd, buf, sizeof buf, 0) > 0)
    ;
  close (fd);
  g_atomic_int_set (&s->done, 1);
  return NULL;
}

static void
false_begin (FalseServer *s, Falsehood what)
{
  struct sockaddr_in in = { .sin_family = AF_INET };
  socklen_t length = sizeof in;

  *s = (FalseServer){ .what = what, .listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
  in.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (bind (s->listener, (struct sockaddr *)&in, sizeof in), ==, 0);
  g_assert_cmpint (listen (s->listener, 1), ==, 0);
  g_assert_cmpint (getsockname (s->listener, (struct sockaddr *)&in, &length), ==, 0);
  s->address = g_strdup_printf ("127.0.0.1:%u", ntohs (in.sin_port));
  s->thread = g_thread_new ("false-server", run_false_server, s);
}

static void
false_end (FalseServer *s)
{
  wait_for (g_atomic_int_get (&s->done));
  g_thread_join (s->thread);
  close (s->listener);
  g_free (s->address);
}

/* What a message may draw has an end, whatever the encoding. */
static void
test_endless_drawing (void)
{
  for (Falsehood what = FALSE_RRE; what <= FALSE_SIZES; what++)
    {
      FalseServer s;
      Viewer v;

      g_test_message ("kind %u", what);
      false_begin (&s, what);
      viewer_begin (&v, s.address);
      wait_for (v.closed > 0);
      g_assert_error (v.error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
      viewer_end (&v);
      false_end (&s);
    }
}

/* Freed in the middle of something: the connection ends, so the thread was not held. */
static void
test_cancel (void)
{
  static const Falsehood whats[] = { FALSE_RRE, FALSE_COPY, FALSE_TARPIT, FALSE_ENDLESS };

  for (unsigned i = 0; i < G_N_ELEMENTS (whats); i++)
    {
      FalseServer s;
      Viewer v;

      g_test_message ("kind %u", whats[i]);
      false_begin (&s, whats[i]);
      viewer_begin (&v, s.address);
      wait_for (g_atomic_int_get (&s.greeted));
      pause_main (100);
      viewer_end (&v);
      false_end (&s);
    }
  /* Before and while it connects, and while it looks a name up. */
  for (unsigned i = 0; i < 20; i++)
    {
      Viewer v;

      viewer_begin (&v, i & 1 ? "name.invalid:1" : "127.0.0.1:1");
      pause_main (i / 4);
      viewer_end (&v);
    }
}

static void
test_server_text (void)
{
  FalseServer s;
  Viewer v;

  false_begin (&s, FALSE_TEXT);
  viewer_begin (&v, s.address);
  wait_for (v.clipboard == 3 || v.closed > 0);
  g_assert_cmpuint (v.closed, ==, 0);
  viewer_end (&v);
  false_end (&s);
}

/* The end of what a server says is the end, even if the client had to wait before: errno is then left from that. */
static void
test_server_gone (void)
{
  FalseServer s;
  Viewer v;

  false_begin (&s, FALSE_HALVES);
  viewer_begin (&v, s.address);
  wait_for (v.closed > 0);
  g_assert_error (v.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  viewer_end (&v);
  false_end (&s);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vnc/limits/idle", test_idle);
  g_test_add_func ("/vnc/limits/hung-up-ready", test_hung_up_ready);
  g_test_add_func ("/vnc/limits/deadline", test_deadline);
  g_test_add_func ("/vnc/limits/client-text", test_client_text);
  g_test_add_func ("/vnc/limits/text-flood", test_text_flood);
  g_test_add_func ("/vnc/limits/own-text", test_own_text);
  g_test_add_func ("/vnc/limits/endless-drawing", test_endless_drawing);
  g_test_add_func ("/vnc/limits/cancel", test_cancel);
  g_test_add_func ("/vnc/limits/server-text", test_server_text);
  g_test_add_func ("/vnc/limits/server-gone", test_server_gone);
  return g_test_run ();
}
