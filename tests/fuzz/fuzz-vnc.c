/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * libFuzzer: what a VNC client sends, from the first byte or after the handshake, and then it hangs up.
 */
#include "display/vnc-server.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t length);

static DisplayOutput *output;
static VncServer *server;
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

static char socket_path[64];

static void
remove_socket (void)
{
  unlink (socket_path);
}

static void
once (void)
{
  g_autoptr (GError) error = NULL;
  char address[80];
  VncServerConfig config = { .address = address, .name = "fuzz" };

  if (server != NULL)
    return;
  g_snprintf (socket_path, sizeof socket_path, "/tmp/vivarium-fuzz-vnc-%d", (int)getpid ());
  g_snprintf (address, sizeof address, "unix:%s", socket_path);
  output = display_output_new ("fuzz", &source, NULL);
  display_output_set_scanout (
      output,
      &(Framebuffer){ .width = 320, .height = 200, .stride = 1280, .pixels = (uint8_t *)pixels, .fd = -1 });
  server = vnc_server_new (output, &config, &funcs, NULL, &error);
  if (server == NULL)
    g_error ("%s", error->message);
  atexit (remove_socket);
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

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gint64 end;
  int fd;

  if (length < 1)
    return 0;
  once ();
  g_strlcpy (address.sun_path, socket_path, sizeof address.sun_path);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect (fd, (struct sockaddr *)&address, sizeof address) < 0)
    abort ();
  if (data[0] & 1) /* version, no authentication, shared */
    put (fd, "RFB 003.008\n\1\1", 14);
  put (fd, data + 1, length - 1);
  end = g_get_monotonic_time () + 3000;
  while (g_get_monotonic_time () < end)
    {
      uint8_t drop[4096];

      g_main_context_iteration (NULL, FALSE);
      if (recv (fd, drop, sizeof drop, MSG_DONTWAIT) == 0)
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
