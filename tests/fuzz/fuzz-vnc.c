/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a VNC client sends, from the first byte or after the handshake, and then it hangs up.
 *
 * Input: a byte that says how far the target itself is polite (HOW_…), then what is sent.
 */
#include "fuzz.h"

#include "../unit/vnc-local.h"

#include <poll.h>
#include <rfb/rfb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum
{
  HOW_GREETED = 1 << 0,   /* version and security type are said */
  HOW_SECRET = 1 << 1,    /* the server with a password, */
  HOW_KNOWN = 1 << 2,     /* which the client knows: the answer to the challenge is right */
  HOW_PLAIN = 1 << 3,     /* nothing is read, as by a client that has died */
  HOW_CLIPBOARD = 1 << 4, /* the guest's side sends a text of its own */
};

static DisplayOutput *output;
static VncLocal locals[2];
static VncServer *server; /* open, with a password; the one of this input */
static uint32_t pixels[320 * 200];

static void
on_refresh (void *opaque)
{
  pixels[123]++;
  display_output_damage (output, 0, 0, 320, 10);
}

static void
on_resize (void *opaque, uint32_t width, uint32_t height)
{
}

static const DisplaySource source = { .refresh = on_refresh, .resize = on_resize };

static void
on_input (void *opaque, const InputEvent *event)
{
  if (event->type == INPUT_EVENT_ABSOLUTE
      && (event->x < 0 || event->x > INPUT_ABSOLUTE_MAX || event->y < 0 || event->y > INPUT_ABSOLUTE_MAX))
    abort ();
}

static void
on_clipboard (void *opaque, const char *text)
{
  if (!g_utf8_validate (text, -1, NULL))
    abort ();
}

static const VncServerFuncs funcs = { .input = on_input, .clipboard = on_clipboard };

static char *paths[2];

/* The last one's thread is still to be joined when the last input has been tried. */
static void
finish (void)
{
  for (unsigned i = 0; i < 2; i++)
    vnc_local_end (&locals[i]);
  g_clear_pointer (&output, display_output_free);
}

static void
once (void)
{
  if (output != NULL)
    return;
  output = display_output_new ("fuzz", &source, NULL);
  display_output_set_scanout (
      output,
      &(Framebuffer){ .width = 320, .height = 200, .stride = 1280, .pixels = (uint8_t *)pixels, .fd = -1 });
  for (unsigned i = 0; i < 2; i++)
    {
      g_autofree char *address = NULL;
      VncServerConfig config = { .name = "fuzz", .password = i == 1 ? "secret" : NULL };

      paths[i] = g_strdup_printf ("%s/vnc%u", fuzz_folder (), i);
      address = g_strdup_printf ("unix:%s", paths[i]);
      vnc_local_begin (&locals[i], output, address, &config, &funcs, NULL);
    }
  atexit (finish);
}

/* Waits for what the server says; FALSE: it is gone or says nothing. */
static gboolean
hear (int fd, void *data, size_t length)
{
  uint8_t *p = data;
  gint64 end = g_get_monotonic_time () + 2 * G_TIME_SPAN_SECOND;

  while (length > 0 && g_get_monotonic_time () < end)
    {
      struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
      ssize_t n;

      g_main_context_iteration (NULL, FALSE);
      if (poll (&poll_fd, 1, 1) <= 0)
        continue;
      n = recv (fd, p, length, MSG_DONTWAIT);
      if (n <= 0)
        return FALSE;
      p += n;
      length -= (size_t)n;
    }
  return length == 0;
}

static void
put (int fd, const void *data, size_t length)
{
  const uint8_t *p = data;

  while (length > 0)
    {
      struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT };
      uint8_t drop[4096];

      g_main_context_iteration (NULL, FALSE);
      if (poll (&poll_fd, 1, 50) <= 0)
        return;
      if (poll_fd.revents & POLLIN && recv (fd, drop, sizeof drop, MSG_DONTWAIT) <= 0)
        return;
      if (poll_fd.revents & POLLOUT)
        {
          ssize_t n = send (fd, p, MIN (length, 1024), MSG_DONTWAIT | MSG_NOSIGNAL);

          if (n <= 0)
            return;
          p += n;
          length -= (size_t)n;
        }
    }
}

/* VNC authentication, as one who knows the password or hasn't got it right.  Wrong ones make the next wait, so they are few. */
static void
authenticate (int fd, gboolean known)
{
  uint8_t challenge[16], greeting[12 + 2];
  char password[] = "secret";

  if (!hear (fd, greeting, sizeof greeting))
    return;
  put (fd, "\2", 1);
  if (!hear (fd, challenge, sizeof challenge))
    return;
  if (known)
    rfbEncryptBytes (challenge, password);
  put (fd, challenge, sizeof challenge);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gint64 end;
  int fd;

  if (length < 1)
    return 0;
  once ();
  server = locals[(data[0] & HOW_SECRET) != 0].server;
  g_strlcpy (address.sun_path, paths[(data[0] & HOW_SECRET) != 0], sizeof address.sun_path);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect (fd, (struct sockaddr *)&address, sizeof address) < 0)
    abort ();
  if ((data[0] & HOW_GREETED) && (data[0] & HOW_SECRET))
    {
      put (fd, "RFB 003.008\n", 12);
      authenticate (fd, (data[0] & HOW_KNOWN) != 0);
      put (fd, "\1", 1);
    }
  else if (data[0] & HOW_GREETED) /* version, no authentication, shared */
    put (fd, "RFB 003.008\n\1\1", 14);
  if (data[0] & HOW_CLIPBOARD)
    vnc_server_send_clipboard (server, "from the guest: \303\274");
  put (fd, data + 1, length - 1);
  end = g_get_monotonic_time () + 3000;
  while (g_get_monotonic_time () < end)
    {
      uint8_t drop[4096];

      g_main_context_iteration (NULL, FALSE);
      if (!(data[0] & HOW_PLAIN) && recv (fd, drop, sizeof drop, MSG_DONTWAIT) == 0)
        break;
    }
  close (fd);
  end = g_get_monotonic_time () + 15 * G_TIME_SPAN_SECOND;
  while (vnc_server_n_clients (server) > 0)
    {
      g_main_context_iteration (NULL, FALSE);
      g_usleep (100);
      if (g_get_monotonic_time () > end)
        abort (); /* a client that has gone is kept */
    }
  for (unsigned i = 0; i < 16 && g_main_context_iteration (NULL, FALSE); i++)
    ;
  return 0;
}

/* -- Seeds -- */

#define FORMAT \
  "\0\0\0\0"   \
  "\x20\x18\0\1\0\xff\0\xff\0\xff\x10\x8\0\0\0\0"
#define FORMAT_16 \
  "\0\0\0\0"      \
  "\x10\x10\0\1\0\x1f\0\x3f\0\x1f\xb\5\0\0\0\0"
#define FORMAT_8 \
  "\0\0\0\0"     \
  "\x8\x8\0\1\0\7\0\7\0\3\0\3\6\0\0\0"
#define ALL          \
  "\2\0\0\x10"       \
  "\0\0\0\0"         \
  "\0\0\0\1"         \
  "\0\0\0\2"         \
  "\0\0\0\4"         \
  "\0\0\0\5"         \
  "\0\0\0\6"         \
  "\0\0\0\7"         \
  "\0\0\0\x10"       \
  "\xff\xff\xff\x11" \
  "\xff\xff\xff\x18" \
  "\xff\xff\xff\x21" \
  "\xff\xff\xfe\xcc" \
  "\xff\xff\xfe\xff" \
  "\xff\xff\xfe\xfe" \
  "\xff\xff\xfe\xfb" \
  "\xff\xff\xff\x20"
#define ASK      "\3\0\0\0\0\0\1\x40\0\xc8"
#define ASK_MORE "\3\1\0\0\0\0\1\x40\0\xc8"
#define KEY            \
  "\4\1\0\0\0\0\0\x41" \
  "\4\0\0\0\0\0\0\x41"
#define QEMU_KEY                   \
  "\xff\0\0\1\0\0\0\x61\0\0\0\x1e" \
  "\xff\0\0\0\0\0\0\x61\0\0\0\x1e"
#define POINTER        \
  "\5\0\0\x10\0\x20"   \
  "\5\1\0\x11\0\x20"   \
  "\5\x18\1\x40\1\x40" \
  "\5\x60\0\0\0\0"     \
  "\5\0\0\0\0\0"
#define CUT "\6\0\0\0\0\0\0\5hall\xf6"
#define RESIZE             \
  "\xfb\0\3\x20\2\x58\1\0" \
  "\0\0\0\1\0\0\0\0\3\x20\2\x58\0\0\0\0"

static void
make (void)
{
#define SEED(how, text)        \
  {                            \
    text, sizeof text - 1, how \
  }
  static const struct
  {
    const char *text;
    size_t length;
    uint8_t how;
  } seeds[] = {
    SEED (0, "RFB 003.008\n\1\1" ASK),
    SEED (0, "RFB 003.003\n\1" ASK),
    SEED (0, "RFB 003.007\n\1\1" ASK),
    SEED (0, "GET / HTTP/1.0\r\n\r\n"),
    SEED (1, FORMAT ALL ASK KEY QEMU_KEY POINTER CUT RESIZE ASK_MORE),
    SEED (1, FORMAT_16 ALL ASK POINTER ASK_MORE),
    SEED (1, FORMAT_8 ALL ASK ASK_MORE KEY),
    SEED (1, ALL QEMU_KEY POINTER QEMU_KEY RESIZE RESIZE ASK),
    SEED (17, ALL ASK CUT ASK_MORE CUT),
    SEED (9, ALL ASK ASK ASK),
    SEED (1, "\6\0\0\0\0\x20\0\0"
             "long"),
    SEED (1, "\6\0\0\0\xff\xff\xff\xf8"
             "extended"),
    SEED (1, "\xff\1\0\2\0\0" ASK),
    SEED (1, "\xfa\0\0\1\0\0\0\0" ASK),
    SEED (1, "\x96\1\0\0\0\0\1\x40\0\xc8"),
    SEED (7, FORMAT ALL ASK KEY POINTER CUT),
    SEED (7, ALL ASK RESIZE),
    SEED (3, ASK),
    SEED (2, "RFB 003.008\n\2"
             "0123456789abcdef\1" ASK),
    SEED (2, "RFB 003.003\n"
             "0123456789abcdef\1" ASK),
  };

#define WORD(text) fuzz_word (text, sizeof text - 1)
  WORD ("RFB 003.008\n");
  WORD ("RFB 003.003\n");
  WORD (FORMAT);
  WORD (FORMAT_16);
  WORD (FORMAT_8);
  WORD (ALL);
  WORD (ASK);
  WORD (ASK_MORE);
  WORD (KEY);
  WORD (QEMU_KEY);
  WORD (POINTER);
  WORD (CUT);
  WORD (RESIZE);
  WORD ("\xff\xff\xfe\xff");
  WORD ("\xff\xff\xfe\xfe");
  WORD ("\xff\xff\xff\x21");
  for (unsigned i = 0; i < G_N_ELEMENTS (seeds); i++)
    {
      g_autofree char *seed = g_malloc (seeds[i].length + 1);

      seed[0] = (char)seeds[i].how;
      memcpy (seed + 1, seeds[i].text, seeds[i].length);
      fuzz_seed (seed, seeds[i].length + 1);
    }
}

const FuzzTarget fuzz_target = {
  "vnc/vnc-server.c vnc/vnc-server-input.c vnc/vnc-peer.c vnc/vnc-peer-screen.c vnc/vnc-peer-text.c vnc/vnc-guard.c",
  1024, make
};
