/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * serial, console: the terminal, or a script, on a serial port or a virtio console.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/plain-text.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE_BYTE 0x1d /* Ctrl-] */
/* A guest that never stops talking, or never reads, may not keep us for ever. */
#define DUMP_LIMIT (3 * G_USEC_PER_SEC)
#define SEND_LIMIT (8 * G_USEC_PER_SEC) /* in which nothing at all was taken */

/* So much of what was typed waits for a guest that does not read. */
#define MOST_WAITING (64 * 1024)

struct SerialBridge
{
  int socket;
  GByteArray *waiting; /* for the guest */
  guint to_guest;
  guint from_guest, from_us;
  gboolean raw, closed, input_ended;
  struct termios saved;
};

static gboolean on_us (int fd, GIOCondition condition, gpointer data);

static void
write_all (int fd, const char *data, size_t length)
{
  while (length > 0)
    {
      ssize_t written = write (fd, data, length);
      if (written > 0)
        {
          data += written;
          length -= written;
        }
      else if (errno == EAGAIN)
        {
          struct pollfd wait = { .fd = fd, .events = POLLOUT };
          poll (&wait, 1, -1);
        }
      else if (errno != EINTR)
        return;
    }
}

static gboolean
on_guest (int fd, GIOCondition condition, gpointer data)
{
  SerialBridge *bridge = data;
  char buffer[4096];
  ssize_t length = recv (fd, buffer, sizeof (buffer), MSG_DONTWAIT);

  if (length > 0)
    {
      write_all (STDOUT_FILENO, buffer, length);
      return G_SOURCE_CONTINUE;
    }
  if (length < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  bridge->from_guest = 0;
  bridge->closed = TRUE;
  return G_SOURCE_REMOVE;
}

static gboolean
on_room (int fd, GIOCondition condition, gpointer data)
{
  SerialBridge *bridge = data;
  ssize_t sent = send (fd, bridge->waiting->data, bridge->waiting->len, MSG_DONTWAIT | MSG_NOSIGNAL);

  if (sent > 0)
    g_byte_array_remove_range (bridge->waiting, 0, (guint)sent);
  else if (sent < 0 && errno != EAGAIN && errno != EINTR)
    g_byte_array_set_size (bridge->waiting, 0); /* its end is seen where it is read */
  if (bridge->waiting->len > 0)
    return G_SOURCE_CONTINUE;
  bridge->to_guest = 0;
  if (bridge->from_us == 0 && !bridge->input_ended)
    bridge->from_us = g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_us, bridge);
  return G_SOURCE_REMOVE;
}

/* Never waits: a guest that does not read its port must not take the way out with it. */
static void
send_to_guest (SerialBridge *bridge, const char *data, size_t length)
{
  size_t room = MOST_WAITING - MIN (bridge->waiting->len, MOST_WAITING);

  g_byte_array_append (bridge->waiting, (const guint8 *)data, (guint)MIN (length, room));
  if (bridge->waiting->len > 0 && bridge->to_guest == 0)
    bridge->to_guest = g_unix_fd_add (bridge->socket, G_IO_OUT, on_room, bridge);
}

static gboolean
on_us (int fd, GIOCondition condition, gpointer data)
{
  SerialBridge *bridge = data;
  char buffer[1024];
  ssize_t length = read (fd, buffer, sizeof (buffer));

  if (length < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  char *escape = bridge->raw && length > 0 ? memchr (buffer, ESCAPE_BYTE, length) : NULL;
  if (escape != NULL)
    {
      length = escape - buffer;
      bridge->closed = TRUE;
    }
  if (length > 0)
    send_to_guest (bridge, buffer, length);
  /* A file or a pipe can wait; keys are lost as at a port that nobody reads. */
  gboolean full = !bridge->raw && bridge->waiting->len >= MOST_WAITING / 2;
  if (escape == NULL && length > 0 && !full)
    return G_SOURCE_CONTINUE;
  /* The end of a file on stdin is not the end of the machine. */
  bridge->from_us = 0;
  bridge->input_ended = length <= 0;
  return G_SOURCE_REMOVE;
}

static int
attach (VivMachine *machine, unsigned port, gboolean history, GError **error)
{
  GAsyncResult *result = NULL;

  viv_machine_attach_serial (machine, port, history, NULL, cli_on_result, &result);
  g_autoptr (GAsyncResult) done = cli_wait_result (&result);
  return viv_machine_attach_serial_finish (machine, done, error);
}

SerialBridge *
serial_bridge_new (VivMachine *machine, unsigned port, gboolean history, GError **error)
{
  int fd = attach (machine, port, history, error);
  SerialBridge *bridge;

  if (fd < 0)
    return NULL;
  bridge = g_new0 (SerialBridge, 1);
  bridge->socket = fd;
  bridge->waiting = g_byte_array_new ();
  if (isatty (STDIN_FILENO) && tcgetattr (STDIN_FILENO, &bridge->saved) == 0)
    {
      struct termios raw = bridge->saved;
      cfmakeraw (&raw);
      raw.c_oflag |= OPOST;
      bridge->raw = tcsetattr (STDIN_FILENO, TCSANOW, &raw) == 0;
      g_printerr (_ ("connected to the serial line; Ctrl-] leaves\n"));
    }
  bridge->from_guest = g_unix_fd_add (fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_guest, bridge);
  bridge->from_us = g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_us, bridge);
  return bridge;
}

void
serial_bridge_free (SerialBridge *bridge)
{
  if (bridge == NULL)
    return;
  if (bridge->from_guest != 0)
    {
      /* What came last, of a port that does not go on for ever. */
      gint64 end = g_get_monotonic_time () + DUMP_LIMIT;
      while (!bridge->closed && g_get_monotonic_time () < end && g_main_context_iteration (NULL, FALSE))
        ;
    }
  if (bridge->raw)
    tcsetattr (STDIN_FILENO, TCSANOW, &bridge->saved);
  g_clear_handle_id (&bridge->from_guest, g_source_remove);
  g_clear_handle_id (&bridge->from_us, g_source_remove);
  g_clear_handle_id (&bridge->to_guest, g_source_remove);
  g_byte_array_unref (bridge->waiting);
  close (bridge->socket);
  g_free (bridge);
}

gboolean
serial_bridge_closed (SerialBridge *bridge)
{
  return bridge->closed;
}

#define MOST_DUMP (1024 * 1024)

/* The history, until the port is silent for a moment: as it is to a file or another program, but made plain for a terminal, which this
 * does not connect as the console does. */
static void
dump (int fd)
{
  g_autoptr (GString) text = isatty (STDOUT_FILENO) ? g_string_new (NULL) : NULL;
  struct pollfd wait = { .fd = fd, .events = POLLIN };
  gint64 end = g_get_monotonic_time () + DUMP_LIMIT;
  char buffer[4096];
  ssize_t length;

  while (g_get_monotonic_time () < end && poll (&wait, 1, 200) > 0
         && (length = recv (fd, buffer, sizeof (buffer), MSG_DONTWAIT)) > 0)
    if (text == NULL)
      write_all (STDOUT_FILENO, buffer, length);
    else if (text->len < MOST_DUMP)
      g_string_append_len (text, buffer, length);
  if (text != NULL)
    {
      g_autofree char *plain = viv_plain_text (text->str, text->len, MOST_DUMP, VIV_PLAIN_DEFAULT);
      g_print ("%s", plain);
    }
}

static gboolean
send_all (VivMachine *machine, int fd, const char *data, size_t length, GError **error)
{
  gint64 end = g_get_monotonic_time () + SEND_LIMIT;
  struct pollfd room = { .fd = fd, .events = POLLOUT };

  while (length > 0)
    {
      ssize_t sent = send (fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
      gboolean full = sent < 0 && (errno == EAGAIN || errno == EINTR);

      if (sent > 0)
        {
          data += sent;
          length -= (size_t)sent;
          end = g_get_monotonic_time () + SEND_LIMIT;
        }
      else if (!full || g_get_monotonic_time () >= end)
        {
          g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING,
                       full ? _ ("“%s” does not read its serial port; %zu bytes were not sent")
                            : _ ("“%s” has closed its serial port; %zu bytes were not sent"),
                       viv_machine_get_name (machine), length);
          return FALSE;
        }
      else
        poll (&room, 1, 200);
    }
  return TRUE;
}

/* `console`: of virtio, not COM1 to COM4. */
static int
run (int argc, char **argv, gboolean console)
{
  int port = 0, status;
  gboolean agent = FALSE, dump_only = FALSE, no_history = FALSE;
  g_autofree char *send_text = NULL;
  const GOptionEntry which_port
      = { "port", 'p', 0, G_OPTION_ARG_INT, &port, N_ ("Which port (0)"), N_ ("N") };
  const GOptionEntry which_console
      = { "agent", 'a', 0, G_OPTION_ARG_NONE, &agent, N_ ("The port for an agent, not the console"), NULL };
  const GOptionEntry entries[] = {
    console ? which_console : which_port,
    { "send", 's', 0, G_OPTION_ARG_STRING, &send_text, N_ ("Send this text (with \\n \\r \\t \\e) and leave"),
      N_ ("TEXT") },
    { "dump", 'd', 0, G_OPTION_ARG_NONE, &dump_only, N_ ("Print what the port has sent so far, and leave"),
      NULL },
    { "no-history", 0, 0, G_OPTION_ARG_NONE, &no_history, N_ ("Show only what comes from now on"), NULL },
    { NULL },
  };
  GError *error = NULL;

  if (!cli_parse (entries, &argc, &argv, 1, 1, &status))
    return status;
  g_autoptr (VivMachine) machine = cli_find_live (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  if (console)
    port = agent ? DEVICE_PORT_AGENT : DEVICE_PORT_CONSOLE;
  if (dump_only || send_text != NULL)
    {
      int fd = attach (machine, port, dump_only, &error);
      if (fd < 0)
        return cli_fail (error);
      if (send_text != NULL)
        {
          g_autofree char *escapes = g_strdup (send_text);
          g_autoptr (GString) with_escape = g_string_new (escapes);
          g_string_replace (with_escape, "\\e", "\\033", 0);
          g_autofree char *plain = g_strcompress (with_escape->str);
          if (!send_all (machine, fd, plain, strlen (plain), &error))
            {
              close (fd);
              return cli_fail (error);
            }
        }
      if (dump_only)
        dump (fd);
      close (fd);
      return EXIT_DONE;
    }
  SerialBridge *bridge = serial_bridge_new (machine, port, !no_history, &error);
  if (bridge == NULL)
    return cli_fail (error);
  while (!bridge->closed)
    g_main_context_iteration (NULL, TRUE);
  serial_bridge_free (bridge);
  return EXIT_DONE;
}

int
cli_serial (int argc, char **argv)
{
  return run (argc, argv, FALSE);
}

int
cli_console (int argc, char **argv)
{
  return run (argc, argv, TRUE);
}
