/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A serial port's far end.  One ring holds what the guest has sent; each client is a position in it, so that a slow one costs
 * no memory of its own.
 */
#define G_LOG_DOMAIN "serial"

#include "serial/serial.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  SerialPort *port;
  int fd;
  uint64_t position; /* of the next byte to send, as counted by port->total */
  uint64_t seen;     /* `position` when the guest was held up */
  uint64_t lost;     /* bytes, since the log told */
  gboolean stalled;  /* it takes nothing: the guest doesn't wait for it */
  GSource *input, *output;
  gboolean blocked; /* the guest doesn't read: `input` waits for the end of the client only */
} SerialClient;

struct SerialPort
{
  Vm *vm;
  uint8_t *ring;
  uint64_t total; /* bytes the guest has ever sent; byte n is at ring[n % SERIAL_HISTORY] */
  GPtrArray *clients;
  SerialReceive receive;
  void *opaque;
  uint8_t pending[1024]; /* from clients, not yet taken by the device */
  size_t n_pending, pending_start;
  /* One turn of the loop is asked for at a time.  NULL: none. */
  GSource *flush;
  gboolean held; /* the device was told to wait */
  VmTimer stall_timer;
  VmFunc room;
  void *room_opaque;
};

/* Where a slow client begins to hold the guest up: some FIFOs before the ring comes round. */
#define HOLD_AT (SERIAL_HISTORY - 1024)

static void
drop_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
tell_loss (SerialClient *client)
{
  if (client->lost > 0)
    g_message ("a reader of a serial port that didn't keep up has lost %" G_GUINT64_FORMAT " bytes",
               (guint64)client->lost);
  client->lost = 0;
}

static void
client_free (gpointer data)
{
  SerialClient *client = data;

  tell_loss (client);

  drop_source (&client->input);
  drop_source (&client->output);
  close (client->fd);
  g_free (client);
}

static gboolean
all_follow (SerialPort *port)
{
  for (guint i = 0; i < port->clients->len; i++)
    {
      const SerialClient *client = g_ptr_array_index (port->clients, i);
      if (!client->stalled && port->total - client->position > HOLD_AT)
        return FALSE;
    }
  return TRUE;
}

/* Somebody has read, or is gone. */
static void
look_for_room (SerialPort *port)
{
  if (!port->held || !all_follow (port))
    return;
  port->held = FALSE;
  vm_timer_cancel (&port->stall_timer);
  if (port->room != NULL)
    port->room (port->room_opaque);
}

static void
watch_stall (SerialPort *port)
{
  for (guint i = 0; i < port->clients->len; i++)
    {
      SerialClient *client = g_ptr_array_index (port->clients, i);
      client->seen = client->position;
    }
  vm_timer_arm (&port->stall_timer, vm_clock_now (port->vm->clock) + SERIAL_STALL_NS);
}

static void
on_stall (void *opaque)
{
  SerialPort *port = opaque;

  for (guint i = 0; i < port->clients->len; i++)
    {
      SerialClient *client = g_ptr_array_index (port->clients, i);
      if (client->position == client->seen && port->total - client->position > HOLD_AT)
        client->stalled = TRUE;
    }
  watch_stall (port);
  look_for_room (port);
}

gboolean
serial_port_can_write (SerialPort *port)
{
  if (all_follow (port))
    return TRUE;
  if (!port->held)
    watch_stall (port);
  port->held = TRUE;
  return FALSE;
}

size_t
serial_port_room (SerialPort *port)
{
  size_t room = SERIAL_HISTORY;

  for (guint i = 0; i < port->clients->len; i++)
    {
      const SerialClient *client = g_ptr_array_index (port->clients, i);
      const uint64_t late = port->total - client->position;

      if (!client->stalled)
        room = MIN (room, late < SERIAL_HISTORY ? SERIAL_HISTORY - (size_t)late : 0);
    }
  return room;
}

void
serial_port_set_room_func (SerialPort *port, VmFunc room, void *opaque)
{
  port->room = room;
  port->room_opaque = opaque;
}

static void on_output (int fd, GIOCondition condition, void *opaque);

/* Sends what the client can take.  FALSE: it is gone (and freed). */
static gboolean
client_send (SerialClient *client)
{
  SerialPort *port = client->port;

  if (port->total - client->position > SERIAL_HISTORY)
    {
      client->lost += port->total - SERIAL_HISTORY - client->position;
      client->position = port->total - SERIAL_HISTORY;
    }
  while (client->position < port->total)
    {
      size_t start = client->position % SERIAL_HISTORY;
      size_t length = MIN (port->total - client->position, SERIAL_HISTORY - start);
      ssize_t sent = send (client->fd, port->ring + start, length, MSG_NOSIGNAL | MSG_DONTWAIT);

      if (sent > 0)
        {
          client->position += sent;
          client->stalled = FALSE;
          tell_loss (client);
          continue;
        }
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        {
          g_ptr_array_remove (port->clients, client);
          return FALSE;
        }
      if (client->output == NULL)
        client->output
            = vm_watch_fd (port->vm, client->fd, G_IO_OUT | G_IO_HUP | G_IO_ERR, on_output, client);
      return TRUE;
    }
  drop_source (&client->output);
  return TRUE;
}

static void
on_output (int fd, GIOCondition condition, void *opaque)
{
  SerialPort *port = ((SerialClient *)opaque)->port;

  client_send (opaque);
  look_for_room (port);
}

/* Gives the device what waits.  TRUE if nothing is left. */
static gboolean
deliver (SerialPort *port)
{
  while (port->n_pending > 0)
    {
      size_t taken = port->receive != NULL
                         ? port->receive (port->opaque, port->pending + port->pending_start, port->n_pending)
                         : 0;

      if (taken == 0)
        return FALSE;
      taken = MIN (taken, port->n_pending);
      port->pending_start += taken;
      port->n_pending -= taken;
    }
  port->pending_start = 0;
  return TRUE;
}

static void
on_hangup (int fd, GIOCondition condition, void *opaque)
{
  SerialClient *client = opaque;
  int left = 0;

  /* What it left behind is still for the guest; on_flush() reads it when there is room. */
  if (ioctl (fd, FIONREAD, &left) == 0 && left > 0)
    drop_source (&client->input);
  else
    {
      SerialPort *port = client->port;
      g_ptr_array_remove (port->clients, client);
      look_for_room (port);
    }
}

/* The guest doesn't read: leave the bytes in the sockets, but see who goes. */
static void
block_input (SerialClient *client)
{
  drop_source (&client->input);
  client->input = vm_watch_fd (client->port->vm, client->fd, G_IO_HUP | G_IO_ERR, on_hangup, client);
  client->blocked = TRUE;
}

static void
on_input (int fd, GIOCondition condition, void *opaque)
{
  SerialClient *client = opaque;
  SerialPort *port = client->port;

  if (port->n_pending > 0 && !deliver (port))
    {
      block_input (client);
      return;
    }
  ssize_t got = recv (fd, port->pending, sizeof (port->pending), MSG_DONTWAIT);
  if (got > 0)
    {
      port->pending_start = 0;
      port->n_pending = got;
      deliver (port);
    }
  else if (got == 0 || (errno != EAGAIN && errno != EINTR && errno != EWOULDBLOCK))
    {
      g_ptr_array_remove (port->clients, client);
      look_for_room (port);
    }
}

static void
watch_input (SerialClient *client)
{
  if (client->blocked)
    drop_source (&client->input);
  client->blocked = FALSE;
  if (client->input == NULL)
    client->input
        = vm_watch_fd (client->port->vm, client->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, client);
}

/* One turn of the loop for all that was written since the last. */
static gboolean
on_flush (gpointer data)
{
  SerialPort *port = data;

  vm_lock (port->vm);
  drop_source (&port->flush);
  for (guint i = port->clients->len; i-- > 0;)
    client_send (g_ptr_array_index (port->clients, i));
  look_for_room (port);
  if (deliver (port))
    for (guint i = 0; i < port->clients->len; i++)
      watch_input (g_ptr_array_index (port->clients, i));
  vm_unlock (port->vm);
  return G_SOURCE_REMOVE;
}

static void
ask_for_flush (SerialPort *port)
{
  if (port->flush != NULL)
    return;
  port->flush = g_idle_source_new ();
  g_source_set_priority (port->flush, G_PRIORITY_DEFAULT);
  g_source_set_callback (port->flush, on_flush, port, NULL);
  g_source_attach (port->flush, port->vm->context);
}

SerialPort *
serial_port_new (Vm *vm)
{
  SerialPort *port = g_new0 (SerialPort, 1);

  port->vm = vm;
  port->ring = g_malloc (SERIAL_HISTORY);
  port->clients = g_ptr_array_new_with_free_func (client_free);
  vm_timer_init (&port->stall_timer, vm->clock, on_stall, port);
  return port;
}

void
serial_port_free (SerialPort *port)
{
  if (port == NULL)
    return;
  /* What the guest said last is what people look for. */
  for (guint i = port->clients->len; i-- > 0;)
    client_send (g_ptr_array_index (port->clients, i));
  drop_source (&port->flush);
  vm_timer_cancel (&port->stall_timer);
  g_ptr_array_unref (port->clients);
  g_free (port->ring);
  g_free (port);
}

void
serial_port_finish (SerialPort *port, unsigned ms)
{
  const gint64 end = g_get_monotonic_time () + (gint64)ms * 1000;
  gboolean late = TRUE;

  while (late && g_get_monotonic_time () < end)
    {
      late = FALSE;
      for (guint i = port->clients->len; i-- > 0;)
        {
          SerialClient *client = g_ptr_array_index (port->clients, i);
          struct pollfd poller = { .fd = client->fd, .events = POLLOUT };

          if (!client_send (client) || client->position == port->total)
            continue;
          late = TRUE;
          poll (&poller, 1, 10);
        }
    }
}

void
serial_port_connect (SerialPort *port, SerialReceive receive, void *opaque)
{
  port->receive = receive;
  port->opaque = opaque;
  ask_for_flush (port);
}

void
serial_port_write (SerialPort *port, const uint8_t *data, size_t length)
{
  while (length > 0)
    {
      size_t start = port->total % SERIAL_HISTORY;
      size_t chunk = MIN (length, SERIAL_HISTORY - start);

      memcpy (port->ring + start, data, chunk);
      port->total += chunk;
      data += chunk;
      length -= chunk;
    }
  if (port->clients->len > 0)
    ask_for_flush (port);
}

void
serial_port_ready (SerialPort *port)
{
  /* Clients whose watch was dropped have left bytes here first. */
  if (port->n_pending > 0)
    ask_for_flush (port);
}

int
serial_port_attach (SerialPort *port, gboolean history, GError **error)
{
  int fds[2];

  if (port->clients->len >= SERIAL_MAX_CLIENTS)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                   "the serial port has %u clients already; close one of them", SERIAL_MAX_CLIENTS);
      return -1;
    }
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    {
      int code = errno;
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                   "can't make a socket for the serial port: %s", g_strerror (code));
      return -1;
    }
  SerialClient *client = g_new0 (SerialClient, 1);
  client->port = port;
  client->fd = fds[0];
  client->position = !history ? port->total : port->total > SERIAL_HISTORY ? port->total - SERIAL_HISTORY : 0;
  g_ptr_array_add (port->clients, client);
  if (port->n_pending == 0)
    watch_input (client);
  else
    block_input (client);
  /* Now, not at the loop's next turn: who asks for what was sent so far shall not take a busy host for a silent guest. */
  client_send (client);
  return fds[1];
}

unsigned
serial_port_n_clients (SerialPort *port)
{
  return port->clients->len;
}
