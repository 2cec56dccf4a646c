/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "virtio-vsock"

#include "virtio/vsock-connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING "CONNECT "
#define LONGEST  32 /* of it, with the port and its end */

static void
unwatch (VsockConnection *c)
{
  if (c->source != NULL)
    g_source_destroy (c->source);
  g_clear_pointer (&c->source, g_source_unref);
}

static void
close_end (VsockConnection *c)
{
  unwatch (c);
  if (c->fd >= 0)
    close (c->fd);
  c->fd = -1;
  c->readable = FALSE;
  g_byte_array_set_size (c->waiting, 0);
}

VsockConnection *
vsock_connection_new (Vm *vm, int fd, VsockState state, void (*changed) (VsockConnection *connection),
                      void *opaque)
{
  VsockConnection *c = g_new0 (VsockConnection, 1);

  c->vm = vm;
  c->fd = fd;
  c->state = state;
  c->changed = changed;
  c->opaque = opaque;
  c->waiting = g_byte_array_new ();
  return c;
}

void
vsock_connection_free (VsockConnection *c)
{
  close_end (c);
  g_byte_array_unref (c->waiting);
  g_free (c);
}

void
vsock_connection_drop (VsockConnection *c)
{
  close_end (c);
  c->state = VSOCK_ENDED;
  c->to_send = 0;
}

void
vsock_connection_reset (VsockConnection *c)
{
  const gboolean known = c->state != VSOCK_GREETING && !(c->to_send & 1u << VSOCK_REQUEST);

  vsock_connection_drop (c);
  if (known)
    c->to_send = 1u << VSOCK_RST;
}

/* -- The host's end -------------------------------------------------------------------------------- */

/* Both directions are over for the guest, and the host's end has all of it. */
static void
end_if_done (VsockConnection *c)
{
  if (c->state == VSOCK_CONNECTED && c->waiting->len == 0 && c->guest_ended == VSOCK_SHUTDOWN_BOTH)
    vsock_connection_reset (c);
}

static void
flush (VsockConnection *c)
{
  while (c->waiting->len > 0)
    {
      const ssize_t n = send (c->fd, c->waiting->data, c->waiting->len, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == EAGAIN)
        return;
      if (n <= 0)
        {
          vsock_connection_reset (c);
          return;
        }
      g_byte_array_remove_range (c->waiting, 0, (guint)n);
      c->forwarded += (uint32_t)n;
    }
  if (c->guest_ended & VSOCK_SHUTDOWN_SEND)
    shutdown (c->fd, SHUT_WR);
  /* Before it has to ask. */
  if (c->forwarded - c->told >= VSOCK_BUFFER / 2)
    c->to_send |= 1u << VSOCK_CREDIT_UPDATE;
  end_if_done (c);
}

/* "CONNECT PORT\n", and not a byte behind it; what has come of it is in `waiting`. */
static void
greet (VsockConnection *c)
{
  guint64 port;
  uint8_t byte = 0;
  ssize_t n;

  while (c->waiting->len < LONGEST && (n = recv (c->fd, &byte, 1, MSG_DONTWAIT)) == 1 && byte != '\n')
    g_byte_array_append (c->waiting, &byte, 1);
  if (byte != '\n' && c->waiting->len < LONGEST && n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  g_autofree char *line
      = c->waiting->len > 0 ? g_strndup ((const char *)c->waiting->data, c->waiting->len) : g_strdup ("");
  g_byte_array_set_size (c->waiting, 0);
  if (byte != '\n' || !g_str_has_prefix (line, GREETING)
      || !g_ascii_string_to_unsigned (line + strlen (GREETING), 10, 0, G_MAXUINT32 - 1, &port, NULL))
    {
      vsock_connection_drop (c);
      return;
    }
  c->guest_port = (uint32_t)port;
  c->state = VSOCK_REQUESTED;
  c->to_send = 1u << VSOCK_REQUEST;
}

static void
on_fd (int fd, GIOCondition condition, void *opaque)
{
  VsockConnection *c = opaque;

  /* It is watched again when it was looked at. */
  unwatch (c);
  if (c->state == VSOCK_GREETING)
    greet (c);
  else if (c->state == VSOCK_REQUESTED)
    vsock_connection_reset (c); /* it has left */
  else
    {
      c->readable |= (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)) != 0;
      if (c->waiting->len > 0)
        flush (c);
    }
  c->changed (c);
}

void
vsock_connection_watch (VsockConnection *c)
{
  GIOCondition wanted = 0;
  const gboolean connected = c->state == VSOCK_CONNECTED;

  if (c->fd < 0)
    return;
  if (c->state == VSOCK_GREETING)
    wanted = G_IO_IN;
  else if (c->state == VSOCK_REQUESTED)
    wanted = G_IO_HUP;
  else if (connected && !c->readable && !c->host_ended && !(c->guest_ended & VSOCK_SHUTDOWN_RECEIVE))
    wanted = G_IO_IN;
  if (connected && c->waiting->len > 0)
    wanted |= G_IO_OUT;
  if (c->source != NULL && wanted == c->watched)
    return;
  unwatch (c);
  c->watched = wanted;
  if (wanted != 0)
    c->source = vm_watch_fd (c->vm, c->fd, wanted, on_fd, c);
}

/* -- From the guest -------------------------------------------------------------------------------- */

void
vsock_connection_credit (VsockConnection *c, uint32_t size, uint32_t took)
{
  c->peer_size = size;
  c->peer_took = took;
}

gboolean
vsock_connection_take (VsockConnection *c, const uint8_t *data, size_t length)
{
  if (c->state != VSOCK_CONNECTED || (c->guest_ended & VSOCK_SHUTDOWN_SEND)
      || length > VSOCK_BUFFER - c->waiting->len)
    {
      vsock_connection_reset (c);
      return FALSE;
    }
  g_byte_array_append (c->waiting, data, (guint)length);
  flush (c);
  return TRUE;
}

void
vsock_connection_shut_down (VsockConnection *c, unsigned flags)
{
  if (c->state != VSOCK_CONNECTED)
    {
      vsock_connection_reset (c);
      return;
    }
  c->guest_ended |= flags & VSOCK_SHUTDOWN_BOTH;
  if (c->guest_ended & VSOCK_SHUTDOWN_RECEIVE)
    shutdown (c->fd, SHUT_RD);
  flush (c);
}

void
vsock_connection_answered (VsockConnection *c)
{
  g_autofree char *line = g_strdup_printf ("OK %u\n", c->host_port);
  const ssize_t length = (ssize_t)strlen (line);

  if (c->state != VSOCK_REQUESTED || (c->to_send & 1u << VSOCK_REQUEST)
      || send (c->fd, line, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) != length)
    {
      vsock_connection_reset (c);
      return;
    }
  c->state = VSOCK_CONNECTED;
  c->readable = TRUE;
}

/* -- For the guest --------------------------------------------------------------------------------- */

static uint32_t
room_of_peer (const VsockConnection *c)
{
  const uint32_t on_its_way = c->sent - c->peer_took;

  return on_its_way < c->peer_size ? c->peer_size - on_its_way : 0;
}

VsockOp
vsock_connection_next (VsockConnection *c)
{
  static const VsockOp first[]
      = { VSOCK_RST, VSOCK_REQUEST, VSOCK_RESPONSE, VSOCK_CREDIT_UPDATE, VSOCK_SHUTDOWN };

  for (unsigned i = 0; i < G_N_ELEMENTS (first); i++)
    if (c->to_send & 1u << first[i])
      return first[i];
  return c->state == VSOCK_CONNECTED && c->readable && !c->host_ended && room_of_peer (c) > 0 ? VSOCK_RW
                                                                                              : VSOCK_INVALID;
}

size_t
vsock_connection_read (VsockConnection *c, uint8_t *data, size_t most)
{
  const ssize_t n = recv (c->fd, data, MIN (most, room_of_peer (c)), MSG_DONTWAIT);

  if (n > 0)
    {
      c->sent += (uint32_t)n;
      return (size_t)n;
    }
  c->readable = FALSE;
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (n < 0)
    {
      vsock_connection_reset (c);
      return 0;
    }
  struct pollfd look = { .fd = c->fd };
  c->host_ended = TRUE;
  c->to_send |= 1u << VSOCK_SHUTDOWN;
  c->to_shut_down
      = poll (&look, 1, 0) > 0 && (look.revents & POLLHUP) ? VSOCK_SHUTDOWN_BOTH : VSOCK_SHUTDOWN_SEND;
  return 0;
}

void
vsock_connection_sent (VsockConnection *c, VsockOp op)
{
  c->to_send &= ~(1u << op);
  if (op != VSOCK_RST)
    {
      c->told = c->forwarded;
      c->to_send &= ~(1u << VSOCK_CREDIT_UPDATE);
    }
}

gboolean
vsock_connection_is_over (const VsockConnection *c)
{
  return c->state == VSOCK_ENDED && c->to_send == 0;
}
