/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vsock: standard input and output on a socket of the guest, or on one for it.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/paths.h"
#include "machine/vsock-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 65536

/* What was read of one end and not yet written to the other. */
typedef struct
{
  char data[PIECE];
  size_t length;
  gboolean ended; /* nothing comes any more */
} Way;

/* FALSE: nobody reads there. */
static gboolean
drain (Way *way, int to, gboolean is_socket)
{
  while (way->length > 0)
    {
      const ssize_t n = is_socket ? send (to, way->data, way->length, MSG_DONTWAIT | MSG_NOSIGNAL)
                                  : write (to, way->data, way->length);

      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return TRUE;
      if (n <= 0)
        return FALSE;
      memmove (way->data, way->data + n, way->length - (size_t)n);
      way->length -= (size_t)n;
    }
  return TRUE;
}

static void
fill (Way *way, int from)
{
  const ssize_t n = read (from, way->data, PIECE);

  if (n > 0)
    way->length = (size_t)n;
  else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    way->ended = TRUE;
}

/* Until the guest has said all that it has to say. */
static gboolean
bridge (int fd)
{
  g_autofree Way *out = g_new0 (Way, 1), *in = g_new0 (Way, 1);
  gboolean shut = FALSE;

  while (!in->ended || in->length > 0)
    {
      struct pollfd waits[] = {
        { out->ended || out->length > 0 ? -1 : STDIN_FILENO, POLLIN, 0 },
        { fd, (short)((in->length == 0 && !in->ended ? POLLIN : 0) | (out->length > 0 ? POLLOUT : 0)), 0 },
        { in->length > 0 ? STDOUT_FILENO : -1, POLLOUT, 0 },
      };

      if (poll (waits, G_N_ELEMENTS (waits), -1) < 0 && errno != EINTR)
        return FALSE;
      if (waits[0].revents != 0)
        fill (out, STDIN_FILENO);
      if (in->length == 0 && !in->ended && (waits[1].revents & (POLLIN | POLLHUP | POLLERR)))
        fill (in, fd);
      /* It reads no more: what it says is still of use. */
      if (!drain (out, fd, TRUE))
        {
          out->length = 0;
          out->ended = TRUE;
        }
      if (!drain (in, STDOUT_FILENO, FALSE))
        return FALSE;
      if (out->ended && out->length == 0 && !shut)
        shut = shutdown (fd, SHUT_WR) == 0 || TRUE;
    }
  return TRUE;
}

/* "OK PORT\n", and not a byte behind it. */
static gboolean
is_taken (int fd)
{
  char byte = '\0';
  g_autoptr (GString) line = g_string_new (NULL);

  while (line->len < 32 && recv (fd, &byte, 1, 0) == 1 && byte != '\n')
    g_string_append_c (line, byte);
  return byte == '\n' && g_str_has_prefix (line->str, "OK ");
}

static int
connect_to_guest (VivMachine *machine, const char *path, guint64 port)
{
  g_autofree char *line = g_strdup_printf ("CONNECT %u\n", (unsigned)port);
  int fd = vsock_socket_connect (path);

  if (fd < 0)
    {
      g_printerr (
          _ ("vivctl: “%s” has no sockets; “vivctl device NAME add vsock” gives it some, at its next start\n"),
          viv_machine_get_name (machine));
      return -1;
    }
  fcntl (fd, F_SETFL, 0);
  if (send (fd, line, strlen (line), MSG_NOSIGNAL) == (ssize_t)strlen (line) && is_taken (fd))
    return fd;
  g_printerr (_ ("vivctl: nobody in “%s” listens on port %u\n"), viv_machine_get_name (machine),
              (unsigned)port);
  close (fd);
  return -1;
}

static int
wait_for_guest (const char *path, guint64 port)
{
  g_autofree char *name = vsock_socket_port_path (path, (unsigned)port);
  g_autoptr (GError) error = NULL;
  int listener = vsock_socket_listen (name, &error), fd = -1;

  if (listener < 0)
    {
      g_printerr ("vivctl: %s\n", error->message);
      return -1;
    }
  fcntl (listener, F_SETFL, 0);
  while (fd < 0)
    {
      fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
      if (fd < 0 && errno != EINTR)
        break;
    }
  close (listener);
  unlink (name);
  if (fd < 0)
    g_printerr ("vivctl: %s\n", g_strerror (errno));
  return fd;
}

int
cli_vsock (int argc, char **argv)
{
  gboolean listen = FALSE;
  const GOptionEntry entries[] = { { "listen", 'l', 0, G_OPTION_ARG_NONE, &listen,
                                     N_ ("Wait until the guest connects to PORT of this computer"), NULL },
                                   { NULL } };
  g_autoptr (GError) error = NULL;
  guint64 port = 0;
  int status, fd;

  if (!cli_parse (entries, &argc, &argv, 2, 2, &status))
    return status;
  if (!g_ascii_string_to_unsigned (argv[2], 10, 0, G_MAXUINT32 - 1, &port, &error))
    return cli_usage (_ ("“%s” is no port"), argv[2]);
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (g_steal_pointer (&error));
  g_autofree char *uuid = definition_get (viv_machine_get_definition (machine), "machine.uuid", NULL);
  g_autofree char *control = uuid != NULL ? viv_socket_path (uuid, &error) : NULL;
  if (control == NULL)
    return cli_fail (g_steal_pointer (&error));
  g_autofree char *path = vsock_socket_path (control);
  fd = listen ? wait_for_guest (path, port) : connect_to_guest (machine, path, port);
  if (fd < 0)
    return EXIT_FAILED;
  const gboolean ok = bridge (fd);
  close (fd);
  return ok ? EXIT_DONE : EXIT_FAILED;
}
