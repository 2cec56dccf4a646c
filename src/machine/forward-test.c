/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/forward-test.h"

#include <gio/gio.h>
#include <string.h>

#define PATIENCE  (5 * G_TIME_SPAN_SECOND)
#define STEP_MS   200
#define CONNECT_S 5

typedef struct
{
  VivMachine *machine;
  char *accepted, *refused; /* of the statistics */
  NetForward forward;
  guint64 accepted_before, refused_before;
  gint64 deadline;
  GSocketConnection *connection; /* NULL: not yet */
  GCancellable *reading;
  char byte;
  gboolean closed, spoke; /* the other end */
} Test;

static void
test_free (gpointer data)
{
  Test *test = data;

  g_clear_object (&test->reading);
  g_clear_object (&test->connection);
  g_object_unref (test->machine);
  g_free (test->accepted);
  g_free (test->refused);
  g_free (test);
}

static void ask (GTask *task);

static gboolean
on_step (gpointer data)
{
  ask (data);
  return G_SOURCE_REMOVE;
}

/* Also when nobody waits for it any more: the task is its own. */
static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Test *test = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  const gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  test->spoke = n > 0;
  test->closed = n <= 0;
}

/* It holds the task. */
static void
stop_reading (Test *test)
{
  if (test->reading != NULL)
    g_cancellable_cancel (test->reading);
}

static void
finish (GTask *task, ForwardState state)
{
  stop_reading (g_task_get_task_data (task));
  g_task_return_int (task, state);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Test *test = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;

  test->connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);
  if (test->connection == NULL)
    {
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_task_return_error (task, g_steal_pointer (&error));
      else
        g_task_return_int (task, FORWARD_CLOSED);
      return;
    }
  test->deadline = g_get_monotonic_time () + PATIENCE;
  test->reading = g_cancellable_new ();
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (test->connection)), &test->byte, 1,
                             G_PRIORITY_DEFAULT, test->reading, on_read, g_object_ref (task));
  ask (task);
}

static void
begin_connection (GTask *task)
{
  static const uint8_t none[16];
  Test *test = g_task_get_task_data (task);
  const GSocketFamily family = test->forward.ip6 ? G_SOCKET_FAMILY_IPV6 : G_SOCKET_FAMILY_IPV4;
  const gsize size = test->forward.ip6 ? 16 : 4;
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  /* What is open on all addresses is on this computer's own. */
  g_autoptr (GInetAddress) address = memcmp (test->forward.host, none, size) == 0
                                         ? g_inet_address_new_loopback (family)
                                         : g_inet_address_new_from_bytes (test->forward.host, family);
  g_autoptr (GSocketAddress) place = g_inet_socket_address_new (address, test->forward.host_port);

  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_set_timeout (client, CONNECT_S);
  g_socket_client_connect_async (client, G_SOCKET_CONNECTABLE (place), g_task_get_cancellable (task),
                                 on_connected, g_object_ref (task));
}

static void
on_statistics (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Test *test = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) numbers = viv_machine_statistics_finish (test->machine, result, &error);
  guint64 accepted, refused;

  if (numbers == NULL || !g_variant_lookup (numbers, test->accepted, "t", &accepted)
      || !g_variant_lookup (numbers, test->refused, "t", &refused))
    {
      stop_reading (test);
      if (numbers == NULL)
        g_task_return_error (task, g_steal_pointer (&error));
      else
        g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                                 "the machine was started without this network adapter");
    }
  else if (test->connection == NULL)
    {
      test->accepted_before = accepted;
      test->refused_before = refused;
      begin_connection (task);
    }
  else if (test->spoke || accepted > test->accepted_before)
    finish (task, FORWARD_ANSWERS);
  else if (test->closed && refused > test->refused_before)
    finish (task, FORWARD_REFUSES);
  /* Who gives up for the guest is the network, for want of an answer. */
  else if (test->closed || g_get_monotonic_time () > test->deadline)
    finish (task, FORWARD_SILENT);
  else
    {
      g_autoptr (GSource) later = g_timeout_source_new (STEP_MS);

      g_task_attach_source (task, later, on_step);
    }
}

static void
ask (GTask *task)
{
  Test *test = g_task_get_task_data (task);

  viv_machine_statistics (test->machine, g_task_get_cancellable (task), on_statistics, g_object_ref (task));
}

void
forward_test_async (VivMachine *machine, const char *id, const NetForward *forward, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (machine, cancellable, callback, data);
  Test *test = g_new0 (Test, 1);

  test->machine = g_object_ref (machine);
  test->accepted = g_strconcat (id, ".accepted", NULL);
  test->refused = g_strconcat (id, ".refused", NULL);
  test->forward = *forward;
  g_task_set_task_data (task, test, test_free);
  if (forward->udp)
    g_task_return_int (task, FORWARD_UDP);
  else
    ask (task);
}

ForwardState
forward_test_finish (VivMachine *machine, GAsyncResult *result, GError **error)
{
  const gssize state = g_task_propagate_int (G_TASK (result), error);

  return state < 0 ? FORWARD_FAILED : (ForwardState)state;
}

const char *
forward_state_name (ForwardState state)
{
  static const char *const names[] = { "answers", "refuses", "silent", "closed", "udp", "failed" };

  return names[state];
}
