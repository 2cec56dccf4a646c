/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who is connected to the control socket: handshakes, clients, those that read nothing, and the farewell.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"

#include "base/ready-source.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Each handshake occupies a thread of GLib's pool until it ends, so they are few, and short when others wait for their turn. */
#define MAX_HANDSHAKES     8
#define HANDSHAKE_MS       5000
#define HANDSHAKE_CROWD_MS 1000
/* A client that reads nothing for so long while there is something to read is sent away; at the end it is waited for less. */
#define STALLED_MS  30000
#define FAREWELL_MS 1000

ControlConnection *
control_service_connection (ControlService *service, GDBusConnection *connection)
{
  for (guint i = 0; i < service->connections->len; i++)
    {
      ControlConnection *c = g_ptr_array_index (service->connections, i);
      if (c->connection == connection)
        return c;
    }
  return NULL;
}

static void
connection_free (gpointer data)
{
  ControlConnection *c = data;
  ControlService *service = c->service;

  g_signal_handler_disconnect (c->connection, c->closed_handler);
  if (g_dbus_interface_skeleton_has_connection (G_DBUS_INTERFACE_SKELETON (service->skeleton), c->connection))
    g_dbus_interface_skeleton_unexport_from_connection (G_DBUS_INTERFACE_SKELETON (service->skeleton),
                                                        c->connection);
  if (c->sent_input && service->config.router != NULL)
    {
      vm_lock (service->config.vm);
      input_router_release_all (service->config.router);
      vm_unlock (service->config.vm);
    }
  g_object_unref (c->connection);
  g_free (c);
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, ControlConnection *c)
{
  g_ptr_array_remove (c->service->connections, c);
}

/* -- Handshakes --------------------------------------------------------------------------------------- */

typedef struct
{
  ControlService *service; /* NULL: it is gone */
  GCancellable *cancellable;
  gint64 start;
} Handshake;

/* Ends those that have had their time; arms the timer for the next. */
static void
check_handshakes (ControlService *service)
{
  gint64 now = g_get_monotonic_time (), limit = service->config.handshake_ms * G_TIME_SPAN_MILLISECOND;
  gboolean crowd = service->handshakes.length >= MAX_HANDSHAKES;
  Handshake *oldest = NULL;

  if (crowd)
    limit = MIN (limit, HANDSHAKE_CROWD_MS * G_TIME_SPAN_MILLISECOND);
  for (GList *l = service->handshakes.head; l != NULL && oldest == NULL; l = l->next)
    {
      Handshake *handshake = l->data;

      if (g_cancellable_is_cancelled (handshake->cancellable))
        continue;
      if (now - handshake->start >= limit)
        g_cancellable_cancel (handshake->cancellable);
      else
        oldest = handshake;
    }
  g_source_set_ready_time (service->handshake_timer, oldest != NULL ? oldest->start + limit : -1);
  if (crowd)
    g_socket_service_stop (service->listener); /* who comes now waits in the kernel's queue */
  else
    g_socket_service_start (service->listener);
}

static gboolean
on_handshake_timer (gpointer data)
{
  check_handshakes (data);
  return G_SOURCE_CONTINUE;
}

static void
accept_connection (ControlService *service, GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;

  g_dbus_connection_set_exit_on_close (connection, FALSE);
  /* One that closed before we listened for it would stay for ever. */
  if (g_dbus_connection_is_closed (connection))
    return;
  if (!g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (service->skeleton), connection,
                                         CONTROL_OBJECT_PATH, &error))
    {
      g_warning ("can't serve a client: %s", error->message);
      g_dbus_connection_close (connection, NULL, NULL, NULL);
      return;
    }
  ControlConnection *c = g_new0 (ControlConnection, 1);
  c->service = service;
  c->connection = g_object_ref (connection);
  c->closed_handler = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), c);
  g_ptr_array_add (service->connections, c);
  g_dbus_connection_start_message_processing (connection);
}

static void
on_handshake (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = g_dbus_connection_new_finish (result, &error);
  Handshake *handshake = data;
  ControlService *service = handshake->service;

  g_object_unref (handshake->cancellable);
  if (service != NULL)
    {
      g_queue_remove (&service->handshakes, handshake);
      check_handshakes (service);
      if (connection != NULL)
        accept_connection (service, connection);
      else /* GLib has no error where the stream ended early */
        g_debug ("a client gave up: %s", error != NULL ? error->message : "it hung up");
    }
  g_free (handshake);
}

static gboolean
on_incoming (GSocketService *listener, GSocketConnection *stream, GObject *source_object,
             ControlService *service)
{
  GSocket *socket = g_socket_connection_get_socket (stream);
  struct ucred peer = { 0 };
  socklen_t length = sizeof (peer);

  /* Before a byte of it is read: the directory's mode should have kept others out, this makes sure. */
  if (getsockopt (g_socket_get_fd (socket), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0
      || length != sizeof (peer) || peer.uid != geteuid ())
    {
      g_message ("refused a client of user %u on the control socket", (unsigned)peer.uid);
      g_io_stream_close (G_IO_STREAM (stream), NULL, NULL);
      return TRUE;
    }
  if (service->connections->len + service->handshakes.length >= CONTROL_MAX_CONNECTIONS)
    {
      g_debug ("too many clients on the control socket; one was sent away");
      g_io_stream_close (G_IO_STREAM (stream), NULL, NULL);
      return TRUE;
    }
  g_autofree char *guid = g_dbus_generate_guid ();
  Handshake *handshake = g_new0 (Handshake, 1);
  handshake->service = service;
  handshake->cancellable = g_cancellable_new ();
  handshake->start = g_get_monotonic_time ();
  g_queue_push_tail (&service->handshakes, handshake);
  g_dbus_connection_new (G_IO_STREAM (stream), guid,
                         G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER
                             | G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_REQUIRE_SAME_USER
                             | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                         NULL, handshake->cancellable, on_handshake, handshake);
  check_handshakes (service);
  return TRUE;
}

/* -- Clients that don't read -------------------------------------------------------------------------- */

static void
hang_up (GDBusConnection *connection)
{
  GIOStream *stream = g_dbus_connection_get_stream (connection);

  /* Whatever GDBus is at: a write that waits for room ends with an error. */
  if (G_IS_SOCKET_CONNECTION (stream))
    g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)), TRUE, TRUE, NULL);
}

static void
on_flushed (GObject *source, GAsyncResult *result, gpointer data)
{
  ControlConnection *c = NULL;

  g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  if (control_service_is_live (data))
    c = control_service_connection (data, G_DBUS_CONNECTION (source));
  if (c != NULL)
    c->flush_start = 0;
}

void
control_check_readers (ControlService *service)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < service->connections->len; i++)
    {
      ControlConnection *c = g_ptr_array_index (service->connections, i);

      if (c->flush_start == 0)
        {
          c->flush_start = now;
          g_dbus_connection_flush (c->connection, NULL, on_flushed, service);
        }
      else if (now - c->flush_start > STALLED_MS * G_TIME_SPAN_MILLISECOND)
        hang_up (c->connection);
    }
}

/* -- Life --------------------------------------------------------------------------------------------- */

void
control_connections_init (ControlService *service)
{
  if (service->config.handshake_ms == 0)
    service->config.handshake_ms = HANDSHAKE_MS;
  g_queue_init (&service->handshakes);
  service->handshake_timer = ready_source_new (g_main_context_get_thread_default (), G_PRIORITY_DEFAULT,
                                               "control handshakes", on_handshake_timer, service);
  service->connections = g_ptr_array_new_with_free_func (connection_free);
}

void
control_connections_listen (ControlService *service)
{
  g_signal_connect (service->listener, "incoming", G_CALLBACK (on_incoming), service);
  g_socket_service_start (service->listener);
}

void
control_connections_stop (ControlService *service)
{
  if (service->listener != NULL)
    {
      g_socket_service_stop (service->listener);
      g_socket_listener_close (G_SOCKET_LISTENER (service->listener));
      g_object_unref (service->listener);
    }
  for (GList *l = service->handshakes.head; l != NULL; l = l->next)
    {
      Handshake *handshake = l->data;
      handshake->service = NULL;
      g_cancellable_cancel (handshake->cancellable);
    }
  g_queue_clear (&service->handshakes);
  g_source_destroy (service->handshake_timer);
  g_source_unref (service->handshake_timer);
}

static void
on_farewell (GObject *source, GAsyncResult *result, gpointer data)
{
  g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  g_ptr_array_remove_fast (data, source);
}

/* Clients hear of the end, if they read at all: the disks are locked until we are gone. */
static void
say_farewell (ControlService *service)
{
  g_autoptr (GPtrArray) connections = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) waiting = g_ptr_array_new ();
  /* A context of its own: nothing else may run here. */
  g_autoptr (GMainContext) context = g_main_context_new ();
  gint64 end = g_get_monotonic_time () + FAREWELL_MS * G_TIME_SPAN_MILLISECOND;

  for (guint i = 0; i < service->connections->len; i++)
    {
      ControlConnection *c = g_ptr_array_index (service->connections, i);
      g_ptr_array_add (connections, g_object_ref (c->connection));
    }
  g_ptr_array_set_size (service->connections, 0);
  g_main_context_push_thread_default (context);
  for (guint i = 0; i < connections->len; i++)
    {
      g_ptr_array_add (waiting, connections->pdata[i]);
      g_dbus_connection_flush (connections->pdata[i], NULL, on_farewell, waiting);
    }
  GSource *timer = g_timeout_source_new (FAREWELL_MS);
  g_source_set_dummy_callback (timer);
  g_source_attach (timer, context);
  while (waiting->len > 0 && g_get_monotonic_time () < end)
    g_main_context_iteration (context, TRUE);
  g_source_destroy (timer);
  g_source_unref (timer);
  for (guint i = 0; i < waiting->len; i++)
    hang_up (waiting->pdata[i]);
  while (waiting->len > 0) /* each ends with an error now */
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  for (guint i = 0; i < connections->len; i++)
    g_dbus_connection_close_sync (connections->pdata[i], NULL, NULL);
}

void
control_connections_free (ControlService *service)
{
  say_farewell (service);
  g_ptr_array_unref (service->connections);
}

unsigned
control_service_n_connections (ControlService *service)
{
  return service->connections->len;
}
