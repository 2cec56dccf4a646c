/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A VNC server that has been taken over, and a user who types meanwhile.
 *
 * Input: a byte that says how far the server is polite (HOW_…), a byte for the screen's size, then steps: a byte that says what (bits
 * 0-3) and how, and what belongs to it.  Zlib's streams are made here: no mutation makes one that can be read.
 */
#include "fuzz.h"

#include "display/vnc-client.h"

#include <gio/gio.h>
#include <linux/input-event-codes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

enum
{
  HOW_GREETED = 1 << 0,   /* the handshake is right, up to the screen's size; else only bytes are sent */
  HOW_PASSWORD = 1 << 1,  /* a password is asked for, */
  HOW_REFUSED = 1 << 2,   /* and found wrong; or the connection is refused with a reason */
  HOW_GIVE_UP = 1 << 3,   /* the user has none */
  HOW_OLD = 1 << 4,       /* protocol 3.3 */
  HOW_FREED = 1 << 5,     /* the client is freed before the server is done */
  HOW_DEEP = 1 << 6,      /* 16 bits a pixel */
  HOW_LONG_NAME = 1 << 7, /* of the desktop */
};

enum
{
  STEP_BYTES,
  STEP_UPDATE, /* header: number of rectangles */
  STEP_RECT,   /* header and plain bytes */
  STEP_ZLIB,   /* header and a zlib stream with its length */
  STEP_TIGHT,  /* header and a compression control byte */
  STEP_CURSOR,
  STEP_SIZE,
  STEP_CUT_TEXT,
  STEP_BELL,
  STEP_LEDS,
  STEP_MOTION,
  STEP_KEY, /* from here on the user */
  STEP_POINTER,
  STEP_CLIPBOARD,
  STEP_RESIZE,
  STEP_WAIT,
};

typedef struct
{
  VncClient *client;
  int fd;
  gboolean closed, give_up;
  unsigned width, height;
  z_stream streams[6];
  gboolean begun[6];
} Fuzz;

/* libvncclient never frees its JPEG decoder; we don't ask for JPEG, but a false server sends it all the same. */
const char *__lsan_default_suppressions (void);
const char *
__lsan_default_suppressions (void)
{
  return "leak:tjInitDecompress\n";
}

static volatile uint32_t seen;

static void
on_connected (void *opaque, const char *name)
{
  if (!g_utf8_validate (name, -1, NULL))
    abort ();
}

static void
look (const Framebuffer *fb, const DisplayRect *r)
{
  if (r->x < 0 || r->y < 0 || (uint32_t)(r->x + r->width) > fb->width
      || (uint32_t)(r->y + r->height) > fb->height)
    abort ();
  if (r->width > 0 && r->height > 0)
    seen += fb->pixels[(size_t)(r->y + r->height - 1) * fb->stride + (size_t)(r->x + r->width) * 4 - 1];
}

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
  if (fb != NULL)
    look (fb, &(DisplayRect){ 0, 0, (int)fb->width, (int)fb->height });
}

static void
on_damage (void *opaque, const Damage *damage)
{
  const Framebuffer *fb = vnc_client_framebuffer (((Fuzz *)opaque)->client);

  for (unsigned i = 0; i < damage->n; i++)
    look (fb, &damage->rect[i]);
}

static void
on_cursor (void *opaque, const DisplayCursor *cursor)
{
  if (cursor->width != 0)
    seen += cursor->pixels[(size_t)cursor->width * cursor->height - 1];
}

static void
on_clipboard (void *opaque, const char *text)
{
  if (!g_utf8_validate (text, -1, NULL))
    abort ();
}

static void
on_leds (void *opaque, unsigned leds)
{
  if (leds > 7)
    abort ();
}

static void
on_password (void *opaque)
{
  Fuzz *f = opaque;

  vnc_client_password (f->client, f->give_up ? NULL : "secret");
}

static void
on_closed (void *opaque, const GError *error)
{
  if (error == NULL || !g_utf8_validate (error->message, -1, NULL))
    abort ();
  ((Fuzz *)opaque)->closed = TRUE;
}

static const VncClientFuncs funcs
    = { on_connected, on_scanout, on_damage, on_cursor, on_clipboard, on_leds, on_password, on_closed };

/* -- The server -- */

static void
pump (void)
{
  for (unsigned i = 0; i < 16 && g_main_context_iteration (NULL, FALSE); i++)
    ;
}

/* What the client says is thrown away. */
static void
drain (Fuzz *f)
{
  uint8_t drop[4096];

  while (f->fd >= 0)
    {
      ssize_t n = recv (f->fd, drop, sizeof drop, MSG_DONTWAIT);

      if (n > 0)
        continue;
      if (n == 0)
        {
          close (f->fd);
          f->fd = -1;
        }
      return;
    }
}

static void
put (Fuzz *f, const void *data, size_t length)
{
  const uint8_t *p = data;

  while (length > 0 && f->fd >= 0 && !f->closed)
    {
      struct pollfd poll_fd = { .fd = f->fd, .events = POLLOUT };
      ssize_t n;

      pump ();
      drain (f);
      if (f->fd < 0 || poll (&poll_fd, 1, 5) < 0)
        return;
      n = send (f->fd, p, length, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN)
        return;
      p += MAX (n, 0);
      length -= (size_t)MAX (n, 0);
    }
}

/* Waits for a byte from the client, which says where it is. */
static void
hear (Fuzz *f, size_t length)
{
  gint64 end = g_get_monotonic_time () + 200 * G_TIME_SPAN_MILLISECOND;
  uint8_t drop[64];

  while (length > 0 && f->fd >= 0 && !f->closed && g_get_monotonic_time () < end)
    {
      struct pollfd poll_fd = { .fd = f->fd, .events = POLLIN };
      ssize_t n;

      pump ();
      if (poll (&poll_fd, 1, 1) <= 0)
        continue;
      n = recv (f->fd, drop, MIN (length, sizeof drop), MSG_DONTWAIT);
      if (n <= 0)
        return;
      length -= (size_t)n;
    }
}

static void
put_16 (Fuzz *f, unsigned value)
{
  put (f, (const uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

static void
put_32 (Fuzz *f, uint32_t value)
{
  put_16 (f, value >> 16);
  put_16 (f, value & 0xffff);
}

static void
put_rect (Fuzz *f, FuzzBytes *bytes, int32_t encoding, unsigned how)
{
  unsigned x = fuzz_u8 (bytes), y = fuzz_u8 (bytes), width = fuzz_u8 (bytes), height = fuzz_u8 (bytes);

  if (how & 0x80) /* anywhere */
    {
      x *= 257;
      y *= 257;
      width *= 257;
      height *= 257;
    }
  else
    {
      x %= f->width;
      y %= f->height;
      width = 1 + width % (f->width - x);
      height = 1 + height % (f->height - y);
    }
  put_16 (f, x);
  put_16 (f, y);
  put_16 (f, width);
  put_16 (f, height);
  put_32 (f, (uint32_t)encoding);
}

/* `n` bytes of the input, repeated `times`. */
static GByteArray *
take (FuzzBytes *bytes, unsigned n, unsigned times)
{
  GByteArray *out = g_byte_array_new ();

  n = (unsigned)MIN (n, bytes->length);
  for (unsigned i = 0; i < times; i++)
    g_byte_array_append (out, bytes->data, n);
  bytes->data += n;
  bytes->length -= n;
  return out;
}

/* The next piece of stream `n`, which lasts as long as the connection does. */
static GByteArray *
deflated (Fuzz *f, unsigned n, const GByteArray *plain)
{
  GByteArray *out = g_byte_array_new ();
  z_stream *stream = &f->streams[n];

  if (!f->begun[n] && deflateInit (stream, 1) != Z_OK)
    abort ();
  f->begun[n] = TRUE;
  g_byte_array_set_size (out, plain->len + plain->len / 8 + 128);
  stream->next_in = plain->data;
  stream->avail_in = plain->len;
  stream->next_out = out->data;
  stream->avail_out = out->len;
  if (deflate (stream, Z_SYNC_FLUSH) != Z_OK && plain->len > 0)
    abort ();
  g_byte_array_set_size (out, out->len - stream->avail_out);
  return out;
}

static void
put_zlib (Fuzz *f, FuzzBytes *bytes, unsigned how)
{
  static const int32_t encodings[] = { 6, 16, 17, 6 };
  unsigned which = how >> 4 & 3, n = fuzz_u8 (bytes), times = 1 + fuzz_u8 (bytes);

  put_rect (f, bytes, encodings[which], how);
  g_autoptr (GByteArray) plain = take (bytes, n, times);
  g_autoptr (GByteArray) packed = deflated (f, 4 + (which & 1), plain);
  put_32 (f, packed->len);
  put (f, packed->data, packed->len);
}

static void
put_tight (Fuzz *f, FuzzBytes *bytes, unsigned how)
{
  uint8_t control = fuzz_u8 (bytes), filter = fuzz_u8 (bytes), n = fuzz_u8 (bytes),
          times = 1 + fuzz_u8 (bytes);
  unsigned stream = control >> 4 & 3;

  put_rect (f, bytes, 7, how);
  put (f, &control, 1);
  if (control >> 4 < 8 && control & 0x40)
    {
      put (f, &filter, 1);
      if (filter == 1) /* palette */
        {
          g_autoptr (GByteArray) palette = take (bytes, (unsigned)(n % 16 + 1) * 3, 1);
          const uint8_t colours = n % 16;

          put (f, &colours, 1);
          put (f, palette->data, palette->len);
        }
    }
  for (unsigned i = 0; i < 4; i++)
    if (control >> i & 1 && f->begun[i])
      {
        deflateEnd (&f->streams[i]);
        f->streams[i] = (z_stream){ 0 };
        f->begun[i] = FALSE;
      }
  g_autoptr (GByteArray) plain = take (bytes, n, times);
  if (control >> 4 < 8 && how & 0x40 && plain->len >= 12)
    {
      g_autoptr (GByteArray) packed = deflated (f, stream, plain);
      const uint8_t length[3] = { (uint8_t)(packed->len & 0x7f) | 0x80,
                                  (uint8_t)(packed->len >> 7 & 0x7f) | 0x80, (uint8_t)(packed->len >> 14) };

      put (f, length, 3);
      put (f, packed->data, packed->len);
    }
  else
    put (f, plain->data, plain->len);
}

static void
user_key (Fuzz *f, FuzzBytes *bytes, unsigned how)
{
  vnc_client_input (f->client,
                    &(InputEvent){ INPUT_EVENT_KEY, fuzz_u16 (bytes) & 0x3ff, how >> 4 & 1, 0, 0 });
}

static void
user_pointer (Fuzz *f, FuzzBytes *bytes, unsigned how)
{
  InputEvent event = { .type = (InputEventType)(how >> 4 & 7), .value = how >> 7 };

  event.code = (uint16_t)(BTN_LEFT + fuzz_u8 (bytes) % 8);
  event.x = (int32_t)fuzz_u32 (bytes);
  event.y = (int32_t)fuzz_u32 (bytes);
  vnc_client_input (f->client, &event);
}

static void
step (Fuzz *f, FuzzBytes *bytes)
{
  unsigned how = fuzz_u8 (bytes);

  switch (how & 15)
    {
    case STEP_BYTES:
    case STEP_CUT_TEXT:
      {
        unsigned n = fuzz_u8 (bytes);
        g_autoptr (GByteArray) plain = take (bytes, n, 1u << (how >> 4 & 7));

        if ((how & 15) == STEP_CUT_TEXT)
          {
            put (f, "\3\0\0\0", 4);
            put_32 (f, how & 0x80 ? plain->len << 8 : plain->len);
          }
        put (f, plain->data, plain->len);
        break;
      }
    case STEP_UPDATE:
      put (f, "\0\0", 2);
      put_16 (f, how >> 4 == 15 ? 0xffff : how >> 4);
      break;
    case STEP_RECT:
      {
        static const int32_t encodings[] = { 0, 1, 2, 4, 5, 7, -257, -261 };
        unsigned n = fuzz_u8 (bytes), times = 1 + fuzz_u8 (bytes);

        put_rect (f, bytes, encodings[how >> 4 & 7], how);
        g_autoptr (GByteArray) plain = take (bytes, n, times);
        put (f, plain->data, plain->len);
        break;
      }
    case STEP_ZLIB:
      put_zlib (f, bytes, how);
      break;
    case STEP_TIGHT:
      put_tight (f, bytes, how);
      break;
    case STEP_CURSOR:
      {
        unsigned width = fuzz_u8 (bytes), height = fuzz_u8 (bytes), scale = how & 0x80 ? 16 : 1;
        size_t bits = (size_t)(width * scale + 7) / 8 * height * scale;
        g_autoptr (GByteArray) plain
            = take (bytes, 16, 1 + (unsigned)(((size_t)width * height * scale * scale * 4 + bits) / 16));

        put_16 (f, fuzz_u8 (bytes));
        put_16 (f, fuzz_u8 (bytes));
        put_16 (f, width * scale);
        put_16 (f, height * scale);
        put_32 (f, (uint32_t)(how & 0x10 ? -240 : -239));
        put (f, plain->data, MIN (plain->len, (size_t)width * height * scale * scale * 4 + bits));
        break;
      }
    case STEP_SIZE:
      {
        unsigned width = fuzz_u8 (bytes), height = fuzz_u8 (bytes);

        put_16 (f, how >> 5 & 1);
        put_16 (f, 0);
        put_16 (f, how & 0x80 ? width * 257 : width);
        put_16 (f, how & 0x80 ? height * 257 : height);
        put_32 (f, (uint32_t)(how & 0x10 ? -308 : -223));
        if (how & 0x10)
          {
            g_autoptr (GByteArray) screens = take (bytes, 16, 1);

            put (f, (const uint8_t[]){ how >> 6 & 1, 0, 0, 0 }, 4);
            if (how >> 6 & 1)
              put (f, screens->data, screens->len);
          }
        if (!(how & 0x80) && width > 0 && height > 0)
          {
            f->width = width;
            f->height = height;
          }
        break;
      }
    case STEP_BELL:
      put (f, how & 0x10 ? "\1\0\0\0\0\1\0\1\0\2\0\3" : "\2", how & 0x10 ? 12 : 1);
      break;
    case STEP_LEDS:
      put (f, "\0\0\0\1\0\0\0\0\0\0\0\0", 12);
      put_32 (f, (uint32_t)(how & 0x80 ? -261 : -131071));
      put (f, (const uint8_t[]){ how >> 4 }, 1);
      break;
    case STEP_MOTION:
      put (f, "\0\0\0\1", 4);
      put_16 (f, how >> 4 & 1);
      put (f, "\0\0\0\0\0\0\xff\xff\xfe\xff", 10);
      break;
    case STEP_KEY:
      user_key (f, bytes, how);
      break;
    case STEP_POINTER:
      user_pointer (f, bytes, how);
      break;
    case STEP_CLIPBOARD:
      {
        g_autofree char *text = fuzz_text (bytes, how >> 4), *valid = g_utf8_make_valid (text, -1);

        vnc_client_clipboard (f->client, valid);
        break;
      }
    case STEP_RESIZE:
      vnc_client_resize (f->client, fuzz_u16 (bytes), fuzz_u16 (bytes));
      break;
    default:
      g_usleep (200u << (how >> 6));
      pump ();
      break;
    }
  drain (f);
}

static void
greet (Fuzz *f, unsigned how)
{
  gboolean old = (how & HOW_OLD) != 0;

  put (f, old ? "RFB 003.003\n" : "RFB 003.008\n", 12);
  hear (f, 12);
  if ((how & HOW_REFUSED) && !(how & HOW_PASSWORD))
    {
      put (f, "\0\0\0\0", old ? 4 : 1);
      put (f, "\0\0\0\7go away", 11);
      return;
    }
  if (old)
    put_32 (f, how & HOW_PASSWORD ? 2 : 1);
  else
    {
      put (f, how & HOW_PASSWORD ? "\1\2" : "\1\1", 2);
      hear (f, 1);
    }
  if (how & HOW_PASSWORD)
    {
      put (f, "0123456789abcdef", 16);
      hear (f, 16);
    }
  if (how & HOW_PASSWORD || !old)
    put_32 (f, (how & HOW_REFUSED) != 0);
  if (how & HOW_REFUSED)
    {
      put (f, "\0\0\0\7go away", 11);
      return;
    }
  hear (f, 1);
  put_16 (f, f->width);
  put_16 (f, f->height);
  if (how & HOW_DEEP)
    put (f, "\x10\x10\0\1\0\x1f\0\x3f\0\x1f\xb\5\0\0\0\0", 16);
  else
    put (f, "\x20\x18\0\1\0\xff\0\xff\0\xff\x10\x8\0\0\0\0", 16);
  if (how & HOW_LONG_NAME)
    put_32 (f, 0x7fffffff);
  else
    put_32 (f, 4);
  put (f, "fu\xfcz", 4);
}

static int listener = -1;
static char *socket_path;

static void
make_listener (void)
{
  static unsigned n;
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_free (socket_path);
  socket_path = g_strdup_printf ("%s/vnc-%u", fuzz_folder (), n++);
  g_strlcpy (address.sun_path, socket_path, sizeof address.sun_path);
  listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind (listener, (struct sockaddr *)&address, sizeof address) < 0
      || listen (listener, 4) < 0)
    abort ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  unsigned how = fuzz_u8 (&bytes), size = fuzz_u8 (&bytes);
  g_autofree char *address = NULL;
  Fuzz f = { .give_up = (how & HOW_GIVE_UP) != 0 };

  make_listener ();
  f.width = 1 + (size & 15) * 8;
  f.height = 1 + (size >> 4) * 4;
  address = g_strdup_printf ("unix:%s", socket_path);
  f.client = vnc_client_new (address, &funcs, &f);
  f.fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
  if (f.fd < 0)
    abort ();
  /* One connection each: who comes again isn't taken for the next input's client. */
  close (listener);
  unlink (socket_path);
  if (how & HOW_GREETED)
    greet (&f, how);
  for (unsigned i = 0; i < 64 && bytes.length > 0 && f.fd >= 0 && !f.closed; i++)
    step (&f, &bytes);
  if (!(how & HOW_FREED))
    {
      gint64 end = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;

      g_usleep (300);
      pump ();
      drain (&f);
      if (f.fd >= 0)
        shutdown (f.fd, SHUT_WR);
      while (!f.closed)
        {
          pump ();
          drain (&f);
          g_usleep (50);
          if (g_get_monotonic_time () > end)
            abort (); /* a server that is gone is waited for */
        }
    }
  vnc_client_free (f.client);
  if (f.fd >= 0)
    close (f.fd);
  for (unsigned i = 0; i < G_N_ELEMENTS (f.streams); i++)
    if (f.begun[i])
      deflateEnd (&f.streams[i]);
  return 0;
}

/* -- Seeds -- */

static GByteArray *program;

static void
begin (uint8_t how)
{
  g_byte_array_set_size (program, 0);
  g_byte_array_append (program, (const uint8_t[]){ how, 0x47 }, 2);
}

static void
add (const char *bytes, size_t length)
{
  g_byte_array_append (program, (const guint8 *)bytes, (guint)length);
}
#define ADD(text) add (text, sizeof text - 1)

static void
end (void)
{
  ADD ("\x4f");
  fuzz_seed (program->data, program->len);
}

static void
make (void)
{
  program = g_byte_array_new ();
  for (unsigned how = 0; how < 256; how += how < 32 ? 1 : 16)
    {
      begin ((uint8_t)(how | (how >= 32)));
      ADD ("\x11\x02\x04\xff\0\0\x10\x10\1\2\3\4");
      end ();
    }
  for (unsigned encoding = 0; encoding < 8; encoding++)
    {
      const char what[] = { (char)(0x02 | encoding << 4) };

      begin (HOW_GREETED);
      ADD ("\x11");
      add (what, 1);
      ADD ("\x20\x40\0\0\x10\x10"
           "\0\0\0\1\0\0\0\5\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10\0\0\0\0");
      ADD ("\x5f\x11");
      add (what, 1);
      ADD ("\x10\x01\1\1\2\2"
           "\x1f\1\2\3\4\5\6\7\10\1\1\x11\2\2\x22\3");
      end ();
    }
  for (unsigned which = 0; which < 3; which++)
    for (unsigned sub = 0; sub < 256; sub = sub < 18 ? sub + 1 : sub + 111)
      {
        const char what[] = { (char)(0x03 | which << 4), 24, 63, 0, 0, 15, 15, (char)sub };

        begin (HOW_GREETED);
        ADD ("\x21");
        add (what, sizeof what);
        ADD ("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27");
        add (what, sizeof what);
        ADD ("\0\2\3\1\5\6\2\0\11\1\13\0\15\16\0\20\21\0\23\1\25\26\0");
        end ();
      }
  for (unsigned control = 0; control < 256; control += 16)
    for (unsigned filter = 0; filter < 3; filter++)
      {
        const char what[] = { 0x44, (char)(control | (filter & 1)), (char)filter, 24, 31, 0, 0, 15, 15 };

        begin (HOW_GREETED);
        ADD ("\x21");
        add (what, sizeof what);
        ADD ("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30\1\2\3\4\5\6\7\10");
        add (what, sizeof what);
        ADD ("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30\1\2\3\4\5\6\7\10");
        end ();
      }
  begin (HOW_GREETED);
  ADD ("\x11\x05\x10\x10"
       "0123456789abcdef\3\4"
       "\x11\x15\x10\x10"
       "0123456789abcdef\3\4"
       "\x11\x05\0\0"
       "0123456789abcdef\0\0");
  ADD ("\x11\x85\x20\x20"
       "\xff\xff\xff\xff");
  end ();
  begin (HOW_GREETED);
  ADD ("\x11\x06\x30\x20"
       "\x11\x02\x04\xff\0\0\x10\x10\1\2\3\4"
       "\x11\x56\x40\x20"
       "0123456789abcdef"
       "\x1e\0\1\0\1"
       "\x11\x86\xff\xff");
  end ();
  begin (HOW_GREETED); /* larger than its pixels can be counted in 31 bits */
  ADD ("\x11\x86\xc6\xc6");
  end ();
  begin (HOW_GREETED);
  ADD ("\x07\x05hall\xf6"
       "\x97\x10zzz"
       "\x08\x18\x39\xf9\x09\x0a\x1a\xff"
       "\x07\x80text");
  end ();
  for (unsigned relative = 0; relative < 2; relative++)
    {
      begin (HOW_GREETED);
      if (relative)
        ADD ("\x0a");
      else
        ADD ("\x1a");
      ADD ("\x4f\x1b\x1e\0\x0b\x1e\0\x1b\x2a\0\x1b\x1e\0\x0b\x2a\0\x0b\x1e\0\x1b\xff\3\x1b\x67\0");
      ADD (
          "\x9c\0\0\0\0\0\0\0\0\0\x2c\0\5\0\0\0\xfb\xff\xff\xff\x3c\0\xff\x7f\0\0\1\0\0\0\x3c\0\0\0\0\0\1\0\0\0\x4c\0\3\0\0\0\xfe\xff\xff\xff\x1c\0\0\0\0\0\0\0\0\0");
      ADD ("\xdd"
           "text\xc3\xbc of u"
           "\x1e\x20\3\x58\2\x4f\x4f");
      end ();
    }
  begin (HOW_GREETED | HOW_FREED);
  ADD ("\xf1\x02\x04\xff\0\0\x10\x10\1\2\3\4");
  end ();
  for (unsigned i = 0; i < 3; i++)
    {
      begin (HOW_GREETED); /* draws without end */
      ADD ("\xf1");
      for (unsigned k = 0; k < 60; k++)
        ADD ("\x12\0\0\0\0\xff\xff");
      end ();
    }
}

const FuzzTarget fuzz_target
    = { "display/vnc-client.c display/vnc-client-draw.c display/vnc-client-text.c", 1024, make };
