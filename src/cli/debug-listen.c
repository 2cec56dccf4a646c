/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Listening for gdb.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/debug-listen.h"

#include "machine/folder.h"
#include "machine/paths.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gi18n.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct DebugListener
{
  VivMachine *machine;
  GSocketService *service;
  char *address, *path; /* `path`: of a UNIX socket that is ours */
  unsigned bits;
};

static void
on_attached (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!viv_machine_attach_debugger_finish (VIV_MACHINE (source), result, &error))
    g_printerr (_ ("vivctl: gdb was sent away: %s\n"), error->message);
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection, GObject *object, gpointer data)
{
  DebugListener *listener = data;
  GSocket *socket = g_socket_connection_get_socket (connection);

  if (listener->path == NULL)
    g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  viv_machine_attach_debugger (listener->machine, g_socket_get_fd (socket), listener->bits, NULL, on_attached,
                               NULL);
  return TRUE;
}

/* Of an earlier one that was killed: nobody listens there any more. */
static void
clear_path (const char *path)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) connection
      = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, &error);
  struct stat st;

  if (connection == NULL && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED)
      && lstat (path, &st) == 0 && S_ISSOCK (st.st_mode))
    unlink (path);
}

static GSocketAddress *
address_of (DebugListener *listener, const char *where, GError **error)
{
  guint64 port;

  if (where != NULL && strchr (where, '/') == NULL)
    {
      g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);

      if (!g_ascii_string_to_unsigned (where, 10, 1, 65535, &port, NULL))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       _ ("“%s” is neither a port (1 to 65535) nor a path with a /"), where);
          return NULL;
        }
      listener->address = g_strdup_printf ("127.0.0.1:%s", where);
      return g_inet_socket_address_new (loopback, (guint16)port);
    }
  if (where != NULL)
    listener->path = g_canonicalize_filename (where, NULL);
  else
    {
      g_autofree char *folder = viv_runtime_dir (error);
      g_autofree char *name = NULL;

      if (folder == NULL)
        return NULL;
      name = g_strdup_printf ("gdb-%.8s", viv_machine_get_uuid (listener->machine));
      listener->path = g_build_filename (folder, name, NULL);
    }
  clear_path (listener->path);
  listener->address = g_strdup (listener->path);
  return g_unix_socket_address_new (listener->path);
}

DebugListener *
debug_listener_new (VivMachine *machine, const char *where, unsigned bits, GError **error)
{
  DebugListener *listener = g_new0 (DebugListener, 1);
  g_autoptr (GSocketAddress) address = NULL;
  mode_t mask;
  gboolean listens;

  listener->machine = g_object_ref (machine);
  listener->bits = bits;
  listener->service = g_socket_service_new ();
  g_signal_connect (listener->service, "incoming", G_CALLBACK (on_incoming), listener);
  address = address_of (listener, where, error);
  /* Nobody else's, from its first moment on. */
  mask = umask (0177);
  listens
      = address != NULL
        && g_socket_listener_add_address (G_SOCKET_LISTENER (listener->service), address,
                                          G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL, error);
  umask (mask);
  if (!listens)
    {
      if (address != NULL)
        g_prefix_error (error, "%s: ", listener->address);
      g_clear_pointer (&listener->path, g_free); /* somebody else's */
      debug_listener_free (listener);
      return NULL;
    }
  return listener;
}

const char *
debug_listener_address (const DebugListener *listener)
{
  return listener->address;
}

void
debug_listener_free (DebugListener *listener)
{
  if (listener == NULL)
    return;
  g_socket_service_stop (listener->service);
  g_socket_listener_close (G_SOCKET_LISTENER (listener->service));
  g_object_unref (listener->service);
  if (listener->path != NULL)
    unlink (listener->path);
  g_object_unref (listener->machine);
  g_free (listener->address);
  g_free (listener->path);
  g_free (listener);
}
