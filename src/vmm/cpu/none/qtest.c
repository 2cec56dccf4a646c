/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The qtest line protocol.
 */
#define G_LOG_DOMAIN "qtest"

#include "cpu/none/qtest.h"

#include <gio/gio.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A transfer is one line: bounded, as the other side may be anything. */
#define MAX_TRANSFER (1u << 20)

struct Qtest
{
  Vm *vm;
  GSocketService *service;
  GSocketConnection *connection;
  GDataInputStream *input;
  char *path;
};

static gboolean
parse_number (const char *text, guint64 *value)
{
  char *end;

  if (text == NULL || text[0] == '\0')
    return FALSE;
  *value = g_ascii_strtoull (text, &end, 0);
  return *end == '\0';
}

static unsigned
width_of (char suffix)
{
  switch (suffix)
    {
    case 'b':
      return 1;
    case 'w':
      return 2;
    case 'l':
      return 4;
    case 'q':
      return 8;
    default:
      return 0;
    }
}

static char *
access_one (Vm *vm, AddressSpace *as, gboolean write, unsigned size, guint64 address, guint64 value)
{
  AccessCache cache = { 0 };
  char *answer;

  vm_lock (vm);
  if (write)
    {
      address_space_store (as, &cache, address, value, size, TRUE);
      answer = g_strdup ("OK\n");
    }
  else
    answer = g_strdup_printf ("OK 0x%04" G_GINT64_MODIFIER "x\n",
                              address_space_load (as, &cache, address, size, TRUE));
  vm_unlock (vm);
  access_cache_clear (&cache);
  return answer;
}

static char *
read_block (Vm *vm, guint64 address, guint64 size)
{
  AccessCache cache = { 0 };
  GString *answer = g_string_new ("OK 0x");

  vm_lock (vm);
  for (guint64 i = 0; i < size; i++)
    g_string_append_printf (answer, "%02x",
                            (unsigned)address_space_load (vm->memory, &cache, address + i, 1, TRUE));
  vm_unlock (vm);
  access_cache_clear (&cache);
  g_string_append_c (answer, '\n');
  return g_string_free (answer, FALSE);
}

/* `hex` NULL: fills with `byte`. */
static char *
write_block (Vm *vm, guint64 address, guint64 size, const char *hex, uint8_t byte)
{
  AccessCache cache = { 0 };

  if (hex != NULL && (!g_str_has_prefix (hex, "0x") || strlen (hex + 2) != size * 2))
    return g_strdup ("FAIL data and size differ\n");
  for (const char *p = hex != NULL ? hex + 2 : ""; *p != '\0'; p++)
    if (!g_ascii_isxdigit (*p))
      return g_strdup ("FAIL data is not hexadecimal\n");
  vm_lock (vm);
  for (guint64 i = 0; i < size; i++)
    {
      if (hex != NULL)
        byte = (uint8_t)(g_ascii_xdigit_value (hex[2 + 2 * i]) << 4 | g_ascii_xdigit_value (hex[3 + 2 * i]));
      address_space_store (vm->memory, &cache, address + i, byte, 1, TRUE);
    }
  vm_unlock (vm);
  access_cache_clear (&cache);
  return g_strdup ("OK\n");
}

static char *
clock_command (Vm *vm, gboolean set, const char *argument)
{
  int64_t now = vm_clock_now (vm->clock), next = vm_clock_next_deadline (vm->clock);
  guint64 value;

  if (argument == NULL)
    value = next > now ? (guint64)(next - now) : 0;
  else if (!parse_number (argument, &value) || value > G_MAXINT64 / 2)
    return g_strdup ("FAIL a number of nanoseconds is wanted\n");
  else if (set)
    value = (int64_t)value > now ? value - (guint64)now : 0;
  vm_lock (vm);
  vm_clock_advance (vm->clock, (int64_t)value);
  vm_unlock (vm);
  return g_strdup_printf ("OK %" G_GINT64_FORMAT "\n", vm_clock_now (vm->clock));
}

char *
qtest_command (Vm *vm, const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 5);
  unsigned n = g_strv_length (words);
  const char *name = n > 0 ? words[0] : "";
  guint64 address = 0, value = 0;
  size_t length = strlen (name);
  unsigned size = length > 2 ? width_of (name[length - 1]) : 0;

  if (g_str_equal (name, "clock_step") || g_str_equal (name, "clock_set"))
    return clock_command (vm, g_str_equal (name, "clock_set"), n > 1 ? words[1] : NULL);
  if (g_str_equal (name, "endianness"))
    return g_strdup ("OK little\n");
  if (n < 2 || !parse_number (words[1], &address))
    return g_strdup ("FAIL unknown command or address\n");
  if (n > 2 && !parse_number (words[2], &value))
    return g_strdup ("FAIL not a number\n");

  if (size > 0 && n == 2 && length == 3 && size <= 4 && g_str_has_prefix (name, "in"))
    return access_one (vm, vm->ports, FALSE, size, address & 0xffff, 0);
  if (size > 0 && n == 3 && length == 4 && size <= 4 && g_str_has_prefix (name, "out"))
    return access_one (vm, vm->ports, TRUE, size, address & 0xffff, value);
  if (size > 0 && n == 2 && length == 5 && g_str_has_prefix (name, "read"))
    return access_one (vm, vm->memory, FALSE, size, address, 0);
  if (size > 0 && n == 3 && length == 6 && g_str_has_prefix (name, "write"))
    return access_one (vm, vm->memory, TRUE, size, address, value);
  if (n >= 3 && value > MAX_TRANSFER)
    return g_strdup ("FAIL more than 1 MiB at once\n");
  if (n == 3 && g_str_equal (name, "read"))
    return read_block (vm, address, value);
  if (n == 4 && g_str_equal (name, "write"))
    return write_block (vm, address, value, words[3], 0);
  if (n == 4 && g_str_equal (name, "memset") && parse_number (words[3], &address) && address < 256)
    {
      guint64 start = 0;

      parse_number (words[1], &start);
      return write_block (vm, start, value, NULL, (uint8_t)address);
    }
  return g_strdup ("FAIL unknown command\n");
}

/* -- Socket --------------------------------------------------------------------------------------- */

static void
drop_client (Qtest *qtest)
{
  g_clear_object (&qtest->input);
  g_clear_object (&qtest->connection);
}

static void
on_line (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree char *line
      = g_data_input_stream_read_line_finish (G_DATA_INPUT_STREAM (source), result, NULL, NULL);
  g_autofree char *answer = NULL;
  Qtest *qtest = g_object_get_data (source, "qtest");

  if (qtest == NULL)
    return;
  if (line == NULL)
    {
      drop_client (qtest);
      return;
    }
  answer = qtest_command (qtest->vm, line);
  if (!g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (qtest->connection)), answer,
                                  strlen (answer), NULL, NULL, NULL))
    {
      drop_client (qtest);
      return;
    }
  g_data_input_stream_read_line_async (qtest->input, G_PRIORITY_DEFAULT, NULL, on_line, NULL);
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
  Qtest *qtest = data;

  if (qtest->connection != NULL)
    return TRUE;
  qtest->connection = g_object_ref (connection);
  qtest->input = g_data_input_stream_new (g_io_stream_get_input_stream (G_IO_STREAM (connection)));
  g_object_set_data (G_OBJECT (qtest->input), "qtest", qtest);
  g_data_input_stream_read_line_async (qtest->input, G_PRIORITY_DEFAULT, NULL, on_line, NULL);
  return TRUE;
}

int
qtest_listen (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  gboolean ok = g_strlcpy (address.sun_path, path, sizeof address.sun_path) < sizeof address.sun_path;

  g_unlink (path);
  if (ok && fd >= 0 && bind (fd, (struct sockaddr *)&address, sizeof address) == 0 && listen (fd, 1) == 0)
    {
      chmod (path, 0600);
      return fd;
    }
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (ok ? errno : ENAMETOOLONG), "%s: %s", path,
               g_strerror (ok ? errno : ENAMETOOLONG));
  if (fd >= 0)
    close (fd);
  return -1;
}

Qtest *
qtest_new (Vm *vm, const char *path, int listener, GError **error)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (listener, error);
  Qtest *qtest;

  if (socket == NULL)
    return NULL;
  qtest = g_new0 (Qtest, 1);
  qtest->vm = vm;
  qtest->path = g_strdup (path);
  qtest->service = g_socket_service_new ();
  if (!g_socket_listener_add_socket (G_SOCKET_LISTENER (qtest->service), socket, NULL, error))
    {
      qtest_free (qtest);
      return NULL;
    }
  g_signal_connect (qtest->service, "incoming", G_CALLBACK (on_incoming), qtest);
  g_socket_service_start (qtest->service);
  return qtest;
}

void
qtest_free (Qtest *qtest)
{
  if (qtest == NULL)
    return;
  if (qtest->input != NULL)
    g_object_set_data (G_OBJECT (qtest->input), "qtest", NULL);
  if (qtest->connection != NULL)
    g_io_stream_close (G_IO_STREAM (qtest->connection), NULL, NULL);
  drop_client (qtest);
  g_socket_service_stop (qtest->service);
  g_socket_listener_close (G_SOCKET_LISTENER (qtest->service));
  g_object_unref (qtest->service);
  g_unlink (qtest->path);
  g_free (qtest->path);
  g_free (qtest);
}
