/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packets come from the guest by the queue `transmit`, and are done within run().  For the guest they are made when it has a buffer for one, each from what its
 * connection has to send by then: nothing but 64 ports that nobody listens on waits outside of connections.
 */
#define G_LOG_DOMAIN "virtio-vsock"

#include "virtio/vsock.h"

#include "virtio/vsock-connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 5.10.2 */
enum
{
  QUEUE_RECEIVE,
  QUEUE_TRANSMIT,
  QUEUE_EVENT,
  N_QUEUES,
};
#define QUEUE_SIZE 128
/* 5.10.3, 5.10.4 */
#define F_STREAM    VIRT_FEATURE (0)
#define CONFIG_SIZE 8u

/* 5.10.6 */
typedef struct __attribute__ ((packed))
{
  uint64_t from_cid, to_cid;
  uint32_t from_port, to_port, length;
  uint16_t type, op;
  uint32_t flags, size, took;
} Header;
G_STATIC_ASSERT (sizeof (Header) == 44);
#define TYPE_STREAM 1
#define HOST_CID    2u
#define MOST_DATA   (64u << 10) /* in a packet */
/* 5.10.6.8 */
#define EVENT_TRANSPORT_RESET 0u

#define FIRST_PORT  0x40000000u /* of ours */
#define MOST_RESETS 64u

typedef struct
{
  uint32_t host_port, guest_port;
  uint16_t type;
} Reset;

typedef struct
{
  VirtDevice virt;
  VirtVsockConfig config;
  VirtChain chain, receive;
  GPtrArray *connections; /* VsockConnection */
  unsigned next;          /* whose turn it is to send */
  uint32_t next_port;
  Reset resets[MOST_RESETS]; /* for what has no connection */
  unsigned n_resets;
  gboolean reset_due; /* the guest is to hear that connections are gone */
  GSource *accepting;
  uint8_t data[MOST_DATA];
} VirtVsock;

static const StateField virt_vsock_state[] = {
  STATE_STRUCT (VirtVsock, virt, virt_device_state),
  STATE_BOOL (VirtVsock, reset_due),
  STATE_END,
};

static VsockConnection *
find (VirtVsock *vsock, uint32_t host_port, uint32_t guest_port)
{
  for (guint i = 0; i < vsock->connections->len; i++)
    {
      VsockConnection *c = vsock->connections->pdata[i];

      if (c->state != VSOCK_GREETING && c->host_port == host_port && c->guest_port == guest_port)
        return c;
    }
  return NULL;
}

/* After anything was done with it. */
static void
settle (VirtVsock *vsock, VsockConnection *c)
{
  if (vsock_connection_is_over (c))
    {
      g_ptr_array_remove (vsock->connections, c);
      return;
    }
  if (vsock_connection_next (c) != VSOCK_INVALID)
    virt_ring (&vsock->virt, QUEUE_RECEIVE);
  vsock_connection_watch (c);
}

static void
on_changed (VsockConnection *c)
{
  settle (c->opaque, c);
}

static VsockConnection *
add (VirtVsock *vsock, int fd, VsockState state)
{
  VsockConnection *c = vsock_connection_new (vsock->virt.pci.device.vm, fd, state, on_changed, vsock);

  g_ptr_array_add (vsock->connections, c);
  return c;
}

static gboolean
has_driver (const VirtVsock *vsock)
{
  return vsock->virt.queues[QUEUE_RECEIVE].enabled && vsock->virt.queues[QUEUE_TRANSMIT].enabled;
}

static void
on_client (int fd, GIOCondition condition, void *opaque)
{
  VirtVsock *vsock = opaque;
  const int client = accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (client < 0)
    return;
  if (!has_driver (vsock) || vsock->connections->len >= VSOCK_MAX_CONNECTIONS)
    {
      close (client);
      return;
    }
  VsockConnection *c = add (vsock, client, VSOCK_GREETING);
  do
    c->host_port = FIRST_PORT | (vsock->next_port++ & (FIRST_PORT - 1));
  while (find (vsock, c->host_port, c->guest_port) != NULL);
  settle (vsock, c);
}

/* -- To the guest ------------------------------------------------------------------------------------- */

static void
send_packet (VirtVsock *vsock, VirtChain *chain, const Header *header, size_t length)
{
  size_t n = virt_chain_write (chain, 0, header, sizeof *header);

  n += virt_chain_write (chain, n, vsock->data, length);
  virt_give (&vsock->virt, QUEUE_RECEIVE, chain, (uint32_t)n);
}

static Header
header_for (const VirtVsock *vsock, uint32_t host_port, uint32_t guest_port, VsockOp op)
{
  return (Header){ .from_cid = GUINT64_TO_LE (HOST_CID),
                   .to_cid = GUINT64_TO_LE (vsock->config.cid),
                   .from_port = GUINT32_TO_LE (host_port),
                   .to_port = GUINT32_TO_LE (guest_port),
                   .type = GUINT16_TO_LE (TYPE_STREAM),
                   .op = GUINT16_TO_LE ((uint16_t)op) };
}

/* What one of the connections has to say, in turn; NULL: none has anything.  Data are in `data` then, `length` bytes of at most `most`. */
static VsockConnection *
next_to_send (VirtVsock *vsock, VsockOp *op, size_t most, size_t *length)
{
  const guint n = vsock->connections->len;

  for (guint i = 0; i < n; i++)
    {
      VsockConnection *c = vsock->connections->pdata[(vsock->next + i) % n];

      *length = 0;
      *op = vsock_connection_next (c);
      if (*op == VSOCK_RW)
        {
          *length = vsock_connection_read (c, vsock->data, most);
          if (*length == 0)
            *op = vsock_connection_next (c);
          if (*op == VSOCK_INVALID)
            vsock_connection_watch (c);
        }
      if (*op != VSOCK_INVALID)
        {
          vsock->next = (vsock->next + i + 1) % n;
          return c;
        }
    }
  return NULL;
}

static gboolean
has_something (VirtVsock *vsock)
{
  for (guint i = 0; i < vsock->connections->len; i++)
    if (vsock_connection_next (vsock->connections->pdata[i]) != VSOCK_INVALID)
      return TRUE;
  return vsock->n_resets > 0;
}

/* The guest has a buffer, and there may be something for it.  FALSE: there wasn't, and the chain is untouched. */
static gboolean
send_one (VirtVsock *vsock, VirtChain *chain)
{
  const size_t room = chain->in.length;
  size_t length = 0;
  Header header;
  VsockOp op;

  if (vsock->n_resets > 0)
    {
      const Reset reset = vsock->resets[--vsock->n_resets];

      header = header_for (vsock, reset.host_port, reset.guest_port, VSOCK_RST);
      header.type = GUINT16_TO_LE (reset.type);
      send_packet (vsock, chain, &header, 0);
      virt_ring (&vsock->virt, QUEUE_TRANSMIT);
      return TRUE;
    }
  VsockConnection *c = next_to_send (vsock, &op, MIN (room - sizeof header, MOST_DATA), &length);
  if (c == NULL)
    return FALSE;
  vsock_connection_sent (c, op);
  header = header_for (vsock, c->host_port, c->guest_port, op);
  header.length = GUINT32_TO_LE ((uint32_t)length);
  header.flags = GUINT32_TO_LE (op == VSOCK_SHUTDOWN ? c->to_shut_down : 0);
  header.size = GUINT32_TO_LE (VSOCK_BUFFER);
  header.took = GUINT32_TO_LE (c->forwarded);
  send_packet (vsock, chain, &header, length);
  settle (vsock, c);
  return TRUE;
}

/* -- From the guest ------------------------------------------------------------------------------------ */

static void
refuse (VirtVsock *vsock, const Header *header)
{
  /* There is room: see vsock_room(). */
  if (GUINT16_FROM_LE (header->op) != VSOCK_RST && vsock->n_resets < MOST_RESETS)
    vsock->resets[vsock->n_resets++]
        = (Reset){ GUINT32_FROM_LE (header->to_port), GUINT32_FROM_LE (header->from_port),
                   GUINT16_FROM_LE (header->type) };
  virt_ring (&vsock->virt, QUEUE_RECEIVE);
}

static void
begin (VirtVsock *vsock, const Header *header)
{
  const uint32_t port = GUINT32_FROM_LE (header->to_port);
  const int fd = vsock->connections->len < VSOCK_MAX_CONNECTIONS
                     ? vsock->config.connect (vsock->config.opaque, port)
                     : -1;

  if (fd < 0)
    {
      refuse (vsock, header);
      return;
    }
  VsockConnection *c = add (vsock, fd, VSOCK_CONNECTED);
  c->host_port = port;
  c->guest_port = GUINT32_FROM_LE (header->from_port);
  c->to_send = 1u << VSOCK_RESPONSE;
  c->readable = TRUE;
  vsock_connection_credit (c, GUINT32_FROM_LE (header->size), GUINT32_FROM_LE (header->took));
  settle (vsock, c);
}

static void
hear (VirtVsock *vsock, VsockConnection *c, const Header *header, size_t length)
{
  vsock_connection_credit (c, GUINT32_FROM_LE (header->size), GUINT32_FROM_LE (header->took));
  switch (GUINT16_FROM_LE (header->op))
    {
    case VSOCK_RESPONSE:
      vsock_connection_answered (c);
      break;
    case VSOCK_RST:
      vsock_connection_drop (c);
      break;
    case VSOCK_SHUTDOWN:
      vsock_connection_shut_down (c, GUINT32_FROM_LE (header->flags));
      break;
    case VSOCK_RW:
      vsock_connection_take (c, vsock->data, length);
      break;
    case VSOCK_CREDIT_UPDATE:
      break;
    case VSOCK_CREDIT_REQUEST:
      c->to_send |= 1u << VSOCK_CREDIT_UPDATE;
      break;
    default:
      vsock_connection_reset (c);
      break;
    }
  settle (vsock, c);
}

static void
receive (VirtVsock *vsock, VirtChain *chain)
{
  Header header;
  const gboolean whole = virt_chain_read (chain, 0, &header, sizeof header) == sizeof header;
  const size_t length = whole ? GUINT32_FROM_LE (header.length) : 0;
  const gboolean sound = whole && length <= MOST_DATA
                         && virt_chain_read (chain, sizeof header, vsock->data, length) == length
                         && GUINT64_FROM_LE (header.from_cid) == vsock->config.cid;

  virt_give (&vsock->virt, QUEUE_TRANSMIT, chain, 0);
  if (!sound)
    return;
  VsockConnection *c = find (vsock, GUINT32_FROM_LE (header.to_port), GUINT32_FROM_LE (header.from_port));
  if (GUINT64_FROM_LE (header.to_cid) != HOST_CID || GUINT16_FROM_LE (header.type) != TYPE_STREAM)
    refuse (vsock, &header);
  else if (c != NULL && GUINT16_FROM_LE (header.op) != VSOCK_REQUEST)
    hear (vsock, c, &header, length);
  else if (c != NULL)
    {
      vsock_connection_reset (c);
      settle (vsock, c);
    }
  else if (GUINT16_FROM_LE (header.op) == VSOCK_REQUEST)
    begin (vsock, &header);
  else
    refuse (vsock, &header);
}

/* -- Queues ------------------------------------------------------------------------------------------- */

static VirtChain *
vsock_room (VirtDevice *virt, unsigned n)
{
  VirtVsock *vsock = (VirtVsock *)virt;

  if (n == QUEUE_EVENT)
    return vsock->reset_due ? &vsock->chain : NULL;
  if (n == QUEUE_TRANSMIT)
    return vsock->n_resets < MOST_RESETS ? &vsock->chain : NULL;
  return has_something (vsock) ? &vsock->receive : NULL;
}

static void
vsock_unused (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  virt_chain_clear (chain);
}

static void
vsock_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  VirtVsock *vsock = (VirtVsock *)virt;
  const uint32_t event = GUINT32_TO_LE (EVENT_TRANSPORT_RESET);

  if (n == QUEUE_TRANSMIT)
    receive (vsock, chain);
  else if (n == QUEUE_EVENT)
    {
      vsock->reset_due = FALSE;
      virt_give (virt, n, chain, (uint32_t)virt_chain_write (chain, 0, &event, sizeof event));
    }
  else if (chain->in.length <= sizeof (Header))
    virt_give (virt, n, chain, 0); /* none of a driver that makes sense */
  else if (!send_one (vsock, chain))
    {
      /* What there was to read is not there: the buffer waits for something else. */
      virt_chain_clear (chain);
      virt_queue_untake (&virt->queues[n], 1);
    }
}

/* The driver's connections went with its queues. */
static void
vsock_stop (VirtDevice *virt, unsigned n)
{
  VirtVsock *vsock = (VirtVsock *)virt;

  if (n == QUEUE_EVENT)
    {
      vsock->reset_due = FALSE;
      return;
    }
  g_ptr_array_set_size (vsock->connections, 0);
  vsock->n_resets = vsock->next = 0;
}

static const VirtClass virt_vsock_class = {
  .type = VIRT_TYPE_VSOCK,
  .class_code = 0x078000, /* communication, other */
  .features = F_STREAM,
  .queue_size = QUEUE_SIZE,
  .config_size = CONFIG_SIZE,
  .locked = TRUE,
  .room = vsock_room,
  .run = vsock_run,
  .unused = vsock_unused,
  .stop = vsock_stop,
};

/* -- Life --------------------------------------------------------------------------------------------- */

static void
fill_config (VirtVsock *vsock)
{
  pci_set32 (vsock->virt.config, (uint32_t)vsock->config.cid);
  pci_set32 (vsock->virt.config + 4, (uint32_t)(vsock->config.cid >> 32));
}

static void
connection_free (gpointer data)
{
  vsock_connection_free (data);
}

void
virt_vsock_serve (Device *device, int listener)
{
  VirtVsock *vsock = (VirtVsock *)device;

  g_return_if_fail (vsock->accepting == NULL);
  vsock->config.listener = listener;
  vsock->accepting = vm_watch_fd (device->vm, listener, G_IO_IN, on_client, vsock);
}

static gboolean
virt_vsock_realize (Device *device, GError **error)
{
  VirtVsock *vsock = (VirtVsock *)device;

  virt_chain_init (&vsock->chain);
  virt_chain_init (&vsock->receive);
  vsock->connections = g_ptr_array_new_with_free_func (connection_free);
  fill_config (vsock);
  if (!virt_device_realize (&vsock->virt, &virt_vsock_class, N_QUEUES, F_STREAM, error))
    return FALSE;
  if (vsock->config.listener >= 0)
    virt_vsock_serve (device, vsock->config.listener);
  return TRUE;
}

static gboolean
virt_vsock_post_load (Device *device, GError **error)
{
  VirtVsock *vsock = (VirtVsock *)device;

  fill_config (vsock);
  g_ptr_array_set_size (vsock->connections, 0);
  vsock->n_resets = vsock->next = 0;
  vsock->reset_due = vsock->virt.queues[QUEUE_EVENT].enabled;
  return virt_device_post_load (&vsock->virt, error);
}

static void
virt_vsock_unrealize (Device *device)
{
  VirtVsock *vsock = (VirtVsock *)device;

  if (vsock->accepting != NULL)
    g_source_destroy (vsock->accepting);
  g_clear_pointer (&vsock->accepting, g_source_unref);
  if (vsock->config.listener >= 0)
    close (vsock->config.listener);
  vsock->config.listener = -1;
  g_clear_pointer (&vsock->connections, g_ptr_array_unref);
  virt_device_unrealize (&vsock->virt);
  virt_chain_free (&vsock->chain);
  virt_chain_free (&vsock->receive);
}

static const DeviceClass virt_vsock_device_class = {
  .name = "virtio-vsock",
  .version = 1,
  .instance_size = sizeof (VirtVsock),
  .state = virt_vsock_state,
  .realize = virt_vsock_realize,
  .reset = virt_plain_reset,
  .pause = virt_plain_pause,
  .resume = virt_plain_resume,
  .post_load = virt_vsock_post_load,
  .unrealize = virt_vsock_unrealize,
};

Device *
virt_vsock_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const VirtVsockConfig *config,
                GError **error)
{
  VirtVsock *vsock = device_new (vm, &virt_vsock_device_class, id);

  vsock->virt.pci.bus = bus;
  vsock->virt.pci.devfn = (uint8_t)devfn;
  vsock->config = *config;
  if (device_realize (&vsock->virt.pci.device, error))
    return &vsock->virt.pci.device;
  device_free (&vsock->virt.pci.device);
  return NULL;
}
