/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Nothing is in flight here: a packet is sent or received under its queue's lock, whole, and a chain that can't be served now stays in the ring
 * (virt_queue_untake()).  So a reset waits for nothing, and a saved machine has no more than its registers and filters.
 */
#define G_LOG_DOMAIN "virtio-net"

#include "virtio/net-private.h"

#include "net/packet.h"

#include <string.h>

/* 5.1.6: before each packet.  Legacy drivers have the last field with F_MRG_RXBUF only. */
typedef struct
{
  uint8_t flags, gso_type;
  uint16_t header_length, gso_size, checksum_start, checksum_offset, n_buffers;
} Header;
G_STATIC_ASSERT (sizeof (Header) == 12);
#define SHORT_HEADER      10u
#define HEADER_DATA_VALID 2

static const StateField virt_net_state[] = {
  STATE_STRUCT (VirtNet, virt, virt_device_state),
  STATE_STRUCT (VirtNet, filters, net_filters_state),
  STATE_U64 (VirtNet, offloads),
  STATE_SINCE (2, 1),
  STATE_U16_MAX (VirtNet, pairs, NET_MOST_PAIRS),
  STATE_END,
};

static size_t
header_size (const VirtDevice *virt)
{
  return virt_has (virt, VIRT_F_VERSION_1 | F_MRG_RXBUF) ? sizeof (Header) : SHORT_HEADER;
}

/* -- Connections ------------------------------------------------------------------------------------ */

/* The same both ways. */
static unsigned
flow_of (const uint8_t *packet, size_t length)
{
  unsigned type, ports = 0;
  const unsigned at = net_ether_payload (packet, length, &type);
  uint32_t hash = 0;

  if (at != 0 && type == NET_TYPE_IP4 && at + NET_IP4_HEADER <= length)
    {
      hash = net_get32 (packet + at + 12) ^ net_get32 (packet + at + 16);
      if ((net_get16 (packet + at + NET_IP4_FRAGMENT) & 0x3fff) == 0)
        ports = at + (packet[at] & 0xfu) * 4;
    }
  else if (at != 0 && type == NET_TYPE_IP6 && at + NET_IP6_HEADER <= length)
    {
      for (unsigned i = 8; i < NET_IP6_HEADER; i += 4)
        hash ^= net_get32 (packet + at + i);
      ports = at + NET_IP6_HEADER;
    }
  if (ports != 0 && ports + 4 <= length)
    hash ^= net_get16 (packet + ports) ^ net_get16 (packet + ports + 2);
  hash ^= hash >> 16;
  return (hash ^ hash >> 8) % NET_FLOWS;
}

/* 5.1.6.2: a connection is received by the pair that it was last sent by. */
static unsigned
receive_pair (VirtNet *net, const uint8_t *packet, size_t length)
{
  const unsigned pairs = net_pairs (net);

  return pairs > 1 ? __atomic_load_n (&net->pair_of[flow_of (packet, length)], __ATOMIC_RELAXED) % pairs : 0;
}

/* -- Receiving: device loop ------------------------------------------------------------------------ */

static void
forget_received (VirtNet *net, unsigned queue, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    virt_chain_clear (&net->received[i]);
  virt_queue_untake (&net->virt.queues[queue], n);
}

/* Chains for `length` bytes.  How many; 0: there are too few now, `*never`: and never will be. */
static unsigned
take_room (VirtNet *net, unsigned queue, size_t length, gboolean *never)
{
  VirtDevice *virt = &net->virt;
  const unsigned most = virt_has (virt, F_MRG_RXBUF) ? MIN (virt->queues[queue].size, MOST_CHAINS) : 1;
  size_t room = 0;
  unsigned n = 0;

  *never = FALSE;
  while (room < length)
    {
      int code;

      if (n == most)
        {
          *never = TRUE;
          break;
        }
      if (n == net->n_made)
        virt_chain_init (&net->received[net->n_made++]);
      code = virt_queue_next (virt, queue, &net->received[n]);
      if (code <= 0)
        {
          *never = code < 0;
          break;
        }
      /* The first has at least its header. */
      if (n == 0 && net->received[0].in.length < header_size (virt))
        {
          n++;
          *never = TRUE;
          break;
        }
      room += net->received[n++].in.length;
    }
  if (room >= length && !*never)
    return n;
  forget_received (net, queue, n);
  return 0;
}

static void
fill_header (const VirtNet *net, const NetOffload *offload, unsigned n_buffers, Header *header)
{
  *header = (Header){ .n_buffers = GUINT16_TO_LE ((uint16_t)n_buffers) };
  if (offload->flags & NET_NEEDS_CHECKSUM)
    {
      header->flags = NET_NEEDS_CHECKSUM;
      header->checksum_start = GUINT16_TO_LE (offload->checksum_start);
      header->checksum_offset = GUINT16_TO_LE (offload->checksum_offset);
    }
  else if ((offload->flags & NET_CHECKSUM_GOOD) && (net->offloads & F_GUEST_CSUM))
    header->flags = HEADER_DATA_VALID;
  if (offload->gso_type != NET_GSO_NONE)
    {
      header->gso_type
          = net->offloads & F_GUEST_ECN ? offload->gso_type : offload->gso_type & (uint8_t)~NET_GSO_ECN;
      header->gso_size = GUINT16_TO_LE (offload->gso_size);
      header->header_length = GUINT16_TO_LE (offload->header_length);
    }
}

/* TRUE: the driver wants to hear of it. */
static gboolean
give_packet (VirtNet *net, VirtQueue *queue, unsigned n, const Header *header, const uint8_t *packet,
             size_t length)
{
  const size_t size = header_size (&net->virt);
  size_t done = 0;

  for (unsigned i = 0; i < n; i++)
    {
      VirtChain *chain = &net->received[i];
      const size_t before = i == 0 ? size : 0;
      const size_t part = MIN (length - done, chain->in.length - before);

      if (i == 0)
        virt_chain_write (chain, 0, header, size);
      virt_chain_write (chain, before, packet + done, part);
      virt_chain_clear (chain);
      virt_queue_fill (queue, chain->head, (uint32_t)(before + part));
      done += part;
    }
  /* At once: the driver looks for all of a packet's when it has seen the first. */
  return virt_queue_publish (queue);
}

static gboolean
on_receive (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  VirtNet *net = opaque;
  gboolean never = FALSE, interrupt = FALSE;
  VirtQueue *queue;
  unsigned n, number;
  Header header;

  if (!net_passes (net, packet, length))
    return TRUE;
  number = net_receive_queue (receive_pair (net, packet, length));
  queue = &net->virt.queues[number];
  g_mutex_lock (&queue->lock);
  n = take_room (net, number, header_size (&net->virt) + length, &never);
  if (n > 0)
    {
      fill_header (net, offload, n, &header);
      interrupt = give_packet (net, queue, n, &header, packet, length);
    }
  g_mutex_unlock (&queue->lock);
  if (interrupt)
    virt_interrupt_queue (&net->virt, number);
  return n > 0 || never;
}

/* -- Sending: device loop, the queue's lock held ---------------------------------------------------- */

/* FALSE: makes no sense with what was negotiated. */
static gboolean
read_header (const VirtDevice *virt, const VirtChain *chain, NetOffload *offload)
{
  const size_t size = header_size (virt);
  Header header;

  memset (offload, 0, sizeof *offload);
  if (chain->out.length <= size || virt_chain_read (chain, 0, &header, size) != size)
    return FALSE;
  if (!virt_has (virt, F_CSUM))
    return header.gso_type == NET_GSO_NONE;
  offload->flags = header.flags & NET_NEEDS_CHECKSUM;
  offload->gso_type = header.gso_type;
  offload->header_length = GUINT16_FROM_LE (header.header_length);
  offload->gso_size = GUINT16_FROM_LE (header.gso_size);
  offload->checksum_start = GUINT16_FROM_LE (header.checksum_start);
  offload->checksum_offset = GUINT16_FROM_LE (header.checksum_offset);
  switch (header.gso_type & ~NET_GSO_ECN)
    {
    case NET_GSO_NONE:
      return header.gso_type == NET_GSO_NONE;
    case NET_GSO_TCP4:
      return virt_has (virt, F_HOST_TSO4);
    case NET_GSO_TCP6:
      return virt_has (virt, F_HOST_TSO6);
    case NET_GSO_UDP_SEGMENTS:
      return virt_has (virt, F_HOST_USO);
    default:
      return FALSE;
    }
}

static void
note_pair (VirtNet *net, unsigned pair, const VirtChain *chain, size_t at)
{
  uint8_t head[128];
  const size_t length = virt_chain_read (chain, at, head, sizeof head);

  __atomic_store_n (&net->pair_of[flow_of (head, length)], (uint8_t)pair, __ATOMIC_RELAXED);
}

/* FALSE: later. */
static gboolean
send_chain (VirtNet *net, unsigned pair, const VirtChain *chain)
{
  const size_t size = header_size (&net->virt);
  struct iovec iov[NET_MAX_PIECES];
  NetOffload offload;
  unsigned n;

  if (!read_header (&net->virt, chain, &offload) || chain->out.length - size > NET_MAX_PACKET)
    return TRUE; /* dropped */
  const size_t length = chain->out.length - size;
  if (net_pairs (net) > 1)
    note_pair (net, pair, chain, size);
  if (dma_vector_n (&chain->out) <= NET_MAX_PIECES)
    n = virt_vector_cut (&chain->out, size, length, iov, NET_MAX_PIECES);
  else
    {
      if (net->copy == NULL)
        net->copy = g_malloc (NET_MAX_PACKET);
      virt_chain_read (chain, size, net->copy, length);
      iov[0] = (struct iovec){ net->copy, length };
      n = 1;
    }
  return net_port_send (net->port, &offload, iov, n);
}

static void
run_send (VirtNet *net, unsigned n, VirtChain *chain)
{
  VirtQueue *queue = &net->virt.queues[n];
  NetSender *sender = &net->senders[n / 2];

  sender->full = !send_chain (net, n / 2, chain);
  virt_chain_clear (chain);
  if (sender->full)
    virt_queue_untake (queue, 1);
  else if (virt_queue_give (queue, chain->head, 0))
    virt_interrupt_queue (&net->virt, n);
}

/* No lock held. */
static void
on_room (void *opaque)
{
  VirtNet *net = opaque;

  for (unsigned pair = 0; pair < net->n_pairs; pair++)
    {
      const unsigned n = net_send_queue (pair);
      VirtQueue *queue = &net->virt.queues[n];

      g_mutex_lock (&queue->lock);
      if (net->senders[pair].full || net->n_pairs == 1)
        {
          net->senders[pair].full = FALSE;
          virt_queue_look (&net->virt, n);
        }
      g_mutex_unlock (&queue->lock);
    }
}

/* -- Queues ---------------------------------------------------------------------------------------- */

static VirtChain *
net_room (VirtDevice *virt, unsigned n)
{
  VirtNet *net = (VirtNet *)virt;

  if (n == net_control_queue (virt))
    return &net->command;
  if (n % 2 == 1)
    return net->senders[n / 2].full ? NULL : &net->senders[n / 2].chain;
  /* There is room for packets: the one that waits is offered again, and takes its chains itself. */
  net_port_listen (net->port);
  return NULL;
}

/* A driver that changes what it has negotiated meanwhile has one of them take the other's chain, and that is all. */
static void
net_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  if (n == net_control_queue (virt))
    net_command ((VirtNet *)virt, n, chain);
  else
    run_send ((VirtNet *)virt, n, chain);
}

static void
net_unused (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  virt_chain_clear (chain);
}

static void
net_stop (VirtDevice *virt, unsigned n)
{
  VirtNet *net = (VirtNet *)virt;

  if (n % 2 == 1)
    {
      g_mutex_lock (&virt->queues[n].lock);
      net->senders[n / 2].full = FALSE;
      g_mutex_unlock (&virt->queues[n].lock);
    }
  /* The next driver's are those that it negotiates. */
  if (n == net_control_queue (virt))
    {
      net_set_offloads (net, 0);
      net_set_pairs (net, 1);
    }
  /* A packet that waited for its driver is not the next one's. */
  else if (n % 2 == 0)
    net_port_listen (net->port);
}

/* Nothing is in flight. */
static void
net_settle (VirtDevice *virt, unsigned n)
{
}

/* -- Registers: VM lock held ------------------------------------------------------------------------ */

static void
show_address (VirtNet *net)
{
  g_mutex_lock (&net->lock);
  memcpy (net->virt.config + CONFIG_MAC, net->filters.mac, sizeof net->filters.mac);
  g_mutex_unlock (&net->lock);
}

/* 5.1.4.1: drivers from before 1.0 write their address there; to others it is to be read. */
static void
net_configured (VirtDevice *virt, unsigned offset, unsigned size)
{
  VirtNet *net = (VirtNet *)virt;

  if (virt_has (virt, VIRT_F_VERSION_1))
    {
      show_address (net);
      return;
    }
  g_mutex_lock (&net->lock);
  memcpy (net->filters.mac, virt->config + CONFIG_MAC, sizeof net->filters.mac);
  g_mutex_unlock (&net->lock);
}

static void
net_started (VirtDevice *virt)
{
  VirtNet *net = (VirtNet *)virt;

  net_reset_filters (net);
  net_configured (virt, CONFIG_MAC, 6);
  net_set_offloads (net, virt->features & F_OFFLOADS);
}

static void
on_link (void *opaque)
{
  VirtNet *net = opaque;

  if (net_port_link (net->port))
    __atomic_fetch_or (&net->virt.config[CONFIG_STATUS], STATUS_LINK_UP, __ATOMIC_RELAXED);
  else
    __atomic_fetch_and (&net->virt.config[CONFIG_STATUS], (uint8_t)~STATUS_LINK_UP, __ATOMIC_RELAXED);
  virt_config_changed (&net->virt);
}

static const VirtClass virt_net_class = {
  .type = VIRT_TYPE_NET,
  .transitional = 0x1000,
  .class_code = 0x020000, /* Ethernet */
  .features = F_ALL,
  .queue_size = QUEUE_SIZE,
  .config_size = CONFIG_SIZE,
  .room = net_room,
  .run = net_run,
  .unused = net_unused,
  .stop = net_stop,
  .settle = net_settle,
  .configured = net_configured,
  .started = net_started,
};

static const NetCard virt_net_card = { .receive = on_receive, .room = on_room, .link = on_link };

/* -- Life ------------------------------------------------------------------------------------------ */

static void
fill_config (VirtNet *net)
{
  uint8_t *config = net->virt.config;

  show_address (net);
  config[CONFIG_STATUS] = (uint8_t)((config[CONFIG_STATUS] & STATUS_ANNOUNCE)
                                    | (net_port_link (net->port) ? STATUS_LINK_UP : 0));
  config[CONFIG_STATUS + 1] = 0;
  pci_set16 (config + CONFIG_PAIRS, (uint16_t)net->n_pairs);
  pci_set16 (config + CONFIG_MTU, (uint16_t)MIN (net_port_mtu (net->port), G_MAXUINT16));
}

static gboolean
virt_net_realize (Device *device, GError **error)
{
  VirtNet *net = (VirtNet *)device;

  g_mutex_init (&net->lock);
  for (unsigned i = 0; i < G_N_ELEMENTS (net->senders); i++)
    virt_chain_init (&net->senders[i].chain);
  virt_chain_init (&net->command);
  net_reset_filters (net);
  memset (net->virt.writable + CONFIG_MAC, 0xff, 6);
  if (!virt_device_realize (&net->virt, &virt_net_class, 2 * net->n_pairs + 1,
                            net->n_pairs > 1 ? F_ALL : F_ALL & ~F_MQ, error))
    return FALSE;
  net_port_attach (net->port, &virt_net_card, net);
  net->attached = TRUE;
  fill_config (net);
  return TRUE;
}

static void
virt_net_reset (Device *device)
{
  VirtNet *net = (VirtNet *)device;

  virt_device_reset (&net->virt);
  net->loaded = FALSE;
  net_reset_filters (net);
  net->virt.config[CONFIG_STATUS] = 0;
  fill_config (net);
}

static void
virt_net_pause (Device *device)
{
  virt_device_pause ((VirtDevice *)device);
}

static void
virt_net_resume (Device *device)
{
  VirtNet *net = (VirtNet *)device;

  /* The network is another one: where its packets go now is for the driver to say (5.1.6.5.4). */
  if (net->loaded)
    {
      if (virt_has (&net->virt, F_GUEST_ANNOUNCE))
        net->virt.config[CONFIG_STATUS] |= STATUS_ANNOUNCE;
      virt_config_changed (&net->virt);
    }
  net->loaded = FALSE;
  virt_device_resume (&net->virt);
}

static gboolean
virt_net_post_load (Device *device, GError **error)
{
  VirtNet *net = (VirtNet *)device;

  if ((net->offloads & ~(net->virt.features & F_OFFLOADS)) != 0)
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE, "%s: the saved offloads weren't negotiated",
                   device->id);
      return FALSE;
    }
  /* Older versions kept it behind a driver that has gone. */
  if (net->pairs != 0 && !virt_has (&net->virt, F_MQ))
    net->pairs = 1;
  if (net->pairs == 0 || net->pairs > net->n_pairs)
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE,
                   "%s: the saved machine has another number of queues", device->id);
      return FALSE;
    }
  if (!virt_device_post_load (&net->virt, error))
    return FALSE;
  net_tell_port (net);
  fill_config (net);
  net->loaded = TRUE;
  return TRUE;
}

static void
virt_net_unrealize (Device *device)
{
  VirtNet *net = (VirtNet *)device;

  if (net->attached)
    net_port_detach (net->port);
  net->attached = FALSE;
  virt_device_unrealize (&net->virt);
  for (unsigned i = 0; i < G_N_ELEMENTS (net->senders); i++)
    virt_chain_free (&net->senders[i].chain);
  virt_chain_free (&net->command);
  for (unsigned i = 0; i < net->n_made; i++)
    virt_chain_free (&net->received[i]);
  net->n_made = 0;
  g_clear_pointer (&net->copy, g_free);
  g_mutex_clear (&net->lock);
}

const DeviceClass virt_net_device_class = {
  .name = "virtio-net",
  .version = 2,
  .instance_size = sizeof (VirtNet),
  .state = virt_net_state,
  .optional = TRUE, /* machines of older versions have the definition and no card */
  .realize = virt_net_realize,
  .reset = virt_net_reset,
  .pause = virt_net_pause,
  .resume = virt_net_resume,
  .post_load = virt_net_post_load,
  .unrealize = virt_net_unrealize,
};

void
virt_net_prepare (Device *device, unsigned n_pairs, NetPort *port)
{
  VirtNet *net = (VirtNet *)device;

  net->port = port;
  net->n_pairs = CLAMP (n_pairs, 1, NET_MOST_PAIRS);
}

Device *
virt_net_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, unsigned n_pairs, NetPort *port,
              GError **error)
{
  VirtNet *net = device_new (vm, &virt_net_device_class, id);

  net->virt.pci.bus = bus;
  net->virt.pci.devfn = (uint8_t)devfn;
  virt_net_prepare (&net->virt.pci.device, n_pairs, port);
  if (device_realize (&net->virt.pci.device, error))
    return &net->virt.pci.device;
  device_free (&net->virt.pci.device);
  return NULL;
}
