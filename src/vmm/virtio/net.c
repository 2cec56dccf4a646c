/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Nothing is in flight here: a packet is sent or received under its queue's lock, whole, and a chain that can't be served now stays in the ring
 * (virt_queue_untake()).  So a reset waits for nothing, and a saved machine has no more than its registers and filters.
 *
 * A queue has the lock of its ring; the filters have one of their own behind these, as a reset comes on a processor's thread.
 */
#define G_LOG_DOMAIN "virtio-net"

#include "virtio/net.h"

#include <string.h>

/* 5.1.3 */
#define F_CSUM                VIRT_FEATURE (0)
#define F_GUEST_CSUM          VIRT_FEATURE (1)
#define F_CTRL_GUEST_OFFLOADS VIRT_FEATURE (2)
#define F_MTU                 VIRT_FEATURE (3)
#define F_MAC                 VIRT_FEATURE (5)
#define F_GUEST_TSO4          VIRT_FEATURE (7)
#define F_GUEST_TSO6          VIRT_FEATURE (8)
#define F_GUEST_ECN           VIRT_FEATURE (9)
#define F_HOST_TSO4           VIRT_FEATURE (11)
#define F_HOST_TSO6           VIRT_FEATURE (12)
#define F_HOST_ECN            VIRT_FEATURE (13)
#define F_MRG_RXBUF           VIRT_FEATURE (15)
#define F_STATUS              VIRT_FEATURE (16)
#define F_CTRL_VQ             VIRT_FEATURE (17)
#define F_CTRL_RX             VIRT_FEATURE (18)
#define F_CTRL_VLAN           VIRT_FEATURE (19)
#define F_CTRL_RX_EXTRA       VIRT_FEATURE (20)
#define F_GUEST_ANNOUNCE      VIRT_FEATURE (21)
#define F_CTRL_MAC_ADDR       VIRT_FEATURE (23)
#define F_GUEST_USO4          VIRT_FEATURE (54)
#define F_GUEST_USO6          VIRT_FEATURE (55)
#define F_HOST_USO            VIRT_FEATURE (56)
#define F_OFFLOADS            (F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6 | F_GUEST_ECN | F_GUEST_USO4 | F_GUEST_USO6)
#define F_ALL                                                                                           \
  (F_OFFLOADS | F_CSUM | F_CTRL_GUEST_OFFLOADS | F_MTU | F_MAC | F_HOST_TSO4 | F_HOST_TSO6 | F_HOST_ECN \
   | F_MRG_RXBUF | F_STATUS | F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN | F_CTRL_RX_EXTRA | F_GUEST_ANNOUNCE  \
   | F_CTRL_MAC_ADDR | F_HOST_USO)

/* 5.1.4: offsets in the configuration. */
enum
{
  CONFIG_MAC = 0,
  CONFIG_STATUS = 6,
  CONFIG_PAIRS = 8,
  CONFIG_MTU = 10,
  CONFIG_SIZE = 12,
};
enum
{
  STATUS_LINK_UP = 1,
  STATUS_ANNOUNCE = 2,
};

/* 5.1.2 */
enum
{
  QUEUE_RECEIVE,
  QUEUE_SEND,
  QUEUE_CONTROL,
  N_QUEUES,
};

/* 5.1.6: before each packet.  Legacy drivers have the last field with F_MRG_RXBUF only. */
typedef struct
{
  uint8_t flags, gso_type;
  uint16_t header_length, gso_size, checksum_start, checksum_offset, n_buffers;
} Header;
G_STATIC_ASSERT (sizeof (Header) == 12);
#define SHORT_HEADER      10u
#define HEADER_DATA_VALID 2

/* 5.1.6.5: commands. */
enum
{
  CLASS_RX = 0,
  RX_PROMISCUOUS = 0,
  RX_ALL_MULTICAST = 1,
  RX_ALL_UNICAST = 2,
  RX_NO_MULTICAST = 3,
  RX_NO_UNICAST = 4,
  RX_NO_BROADCAST = 5,
  N_RX,

  CLASS_MAC = 1,
  MAC_TABLE_SET = 0,
  MAC_ADDRESS_SET = 1,

  CLASS_VLAN = 2,
  VLAN_ADD = 0,
  VLAN_DELETE = 1,

  CLASS_ANNOUNCE = 3,
  ANNOUNCE_ACK = 0,

  CLASS_GUEST_OFFLOADS = 5,
  GUEST_OFFLOADS_SET = 0,
};
enum
{
  ACK_OK,
  ACK_ERROR,
};

#define QUEUE_SIZE  256
#define MOST_CHAINS QUEUE_SIZE /* of a packet that is received */
#define MOST_MACS   64u        /* in a table; with more all pass */
#define N_VLANS     4096u

typedef struct
{
  uint8_t mac[6];
  uint8_t modes[N_RX];
  uint8_t n_unicast, n_multicast; /* above MOST_MACS: too many */
  uint8_t unicast[MOST_MACS * 6], multicast[MOST_MACS * 6];
  uint8_t vlans[N_VLANS / 8];
} Filters;

typedef struct
{
  VirtDevice virt;
  NetPort *port;
  GMutex lock;
  Filters filters;   /* under it */
  uint64_t offloads; /* F_OFFLOADS that are on; under it */
  gboolean attached, loaded;

  /* Under the queues' locks. */
  VirtChain sent;
  gboolean full; /* the port took no more */
  uint8_t *copy; /* of a packet of more pieces than the port takes */
  VirtChain command;
  VirtChain received[MOST_CHAINS]; /* of which the first n_received are in use within a call */
  unsigned n_made;
} VirtNet;

static const StateField filters_state[] = {
  STATE_U8_ARRAY (Filters, mac),
  STATE_U8_ARRAY (Filters, modes),
  STATE_U8_MAX (Filters, n_unicast, MOST_MACS + 1),
  STATE_U8_MAX (Filters, n_multicast, MOST_MACS + 1),
  STATE_U8_ARRAY (Filters, unicast),
  STATE_U8_ARRAY (Filters, multicast),
  STATE_U8_ARRAY (Filters, vlans),
  STATE_END,
};
static const StateField virt_net_state[] = {
  STATE_STRUCT (VirtNet, virt, virt_device_state),
  STATE_STRUCT (VirtNet, filters, filters_state),
  STATE_U64 (VirtNet, offloads),
  STATE_END,
};

static size_t
header_size (const VirtDevice *virt)
{
  return virt_has (virt, VIRT_F_VERSION_1 | F_MRG_RXBUF) ? sizeof (Header) : SHORT_HEADER;
}

/* -- Filters --------------------------------------------------------------------------------------- */

/* 5.1.6.5.1: a device without a driver that says otherwise lets all pass. */
static void
reset_filters (VirtNet *net)
{
  const NetMac mac = net_port_mac (net->port);

  g_mutex_lock (&net->lock);
  memset (&net->filters, 0, sizeof net->filters);
  memcpy (net->filters.mac, mac.bytes, sizeof mac.bytes);
  net->filters.modes[RX_PROMISCUOUS] = TRUE;
  g_mutex_unlock (&net->lock);
}

static gboolean
is_in (const uint8_t *table, unsigned n, const uint8_t *address)
{
  if (n > MOST_MACS)
    return TRUE;
  for (unsigned i = 0; i < n; i++)
    if (memcmp (table + 6 * i, address, 6) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
passes_vlan (const VirtNet *net, const uint8_t *packet, size_t length)
{
  unsigned vlan;

  if (!virt_has (&net->virt, F_CTRL_VLAN) || length < 18 || packet[12] != 0x81 || packet[13] != 0x00)
    return TRUE;
  vlan = (packet[14] * 256u + packet[15]) % N_VLANS;
  return net->filters.vlans[vlan / 8] >> vlan % 8 & 1;
}

static gboolean
passes_locked (const VirtNet *net, const uint8_t *packet, size_t length)
{
  static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  const Filters *filters = &net->filters;

  if (!passes_vlan (net, packet, length))
    return FALSE;
  if (filters->modes[RX_PROMISCUOUS])
    return TRUE;
  if (memcmp (packet, everybody, 6) == 0)
    return !filters->modes[RX_NO_BROADCAST];
  if (net_is_multicast (packet))
    return !filters->modes[RX_NO_MULTICAST]
           && (filters->modes[RX_ALL_MULTICAST] || is_in (filters->multicast, filters->n_multicast, packet));
  return !filters->modes[RX_NO_UNICAST]
         && (filters->modes[RX_ALL_UNICAST] || memcmp (packet, filters->mac, 6) == 0
             || is_in (filters->unicast, filters->n_unicast, packet));
}

static gboolean
passes (VirtNet *net, const uint8_t *packet, size_t length)
{
  gboolean result;

  g_mutex_lock (&net->lock);
  result = passes_locked (net, packet, length);
  g_mutex_unlock (&net->lock);
  return result;
}

/* -- Receiving: device loop ------------------------------------------------------------------------ */

static void
forget_received (VirtNet *net, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    virt_chain_clear (&net->received[i]);
  virt_queue_untake (&net->virt.queues[QUEUE_RECEIVE], n);
}

/* Chains for `length` bytes.  How many; 0: there are too few now, `*never`: and never will be. */
static unsigned
take_room (VirtNet *net, size_t length, gboolean *never)
{
  VirtDevice *virt = &net->virt;
  const unsigned most
      = virt_has (virt, F_MRG_RXBUF) ? MIN (virt->queues[QUEUE_RECEIVE].size, MOST_CHAINS) : 1;
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
      code = virt_queue_next (virt, QUEUE_RECEIVE, &net->received[n]);
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
  forget_received (net, n);
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
give_packet (VirtNet *net, unsigned n, const Header *header, const uint8_t *packet, size_t length)
{
  VirtQueue *queue = &net->virt.queues[QUEUE_RECEIVE];
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
  VirtQueue *queue = &net->virt.queues[QUEUE_RECEIVE];
  gboolean never = FALSE, interrupt = FALSE;
  unsigned n;
  Header header;

  if (!passes (net, packet, length))
    return TRUE;
  g_mutex_lock (&queue->lock);
  n = take_room (net, header_size (&net->virt) + length, &never);
  if (n > 0)
    {
      fill_header (net, offload, n, &header);
      interrupt = give_packet (net, n, &header, packet, length);
    }
  g_mutex_unlock (&queue->lock);
  if (interrupt)
    virt_interrupt_queue (&net->virt, QUEUE_RECEIVE);
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

/* FALSE: later. */
static gboolean
send_chain (VirtNet *net, const VirtChain *chain)
{
  const size_t size = header_size (&net->virt);
  struct iovec iov[NET_MAX_PIECES];
  NetOffload offload;
  unsigned n;

  if (!read_header (&net->virt, chain, &offload) || chain->out.length - size > NET_MAX_PACKET)
    return TRUE; /* dropped */
  const size_t length = chain->out.length - size;
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
run_send (VirtNet *net, VirtChain *chain)
{
  VirtQueue *queue = &net->virt.queues[QUEUE_SEND];

  net->full = !send_chain (net, chain);
  virt_chain_clear (chain);
  if (net->full)
    virt_queue_untake (queue, 1);
  else if (virt_queue_give (queue, chain->head, 0))
    virt_interrupt_queue (&net->virt, QUEUE_SEND);
}

/* No lock held. */
static void
on_room (void *opaque)
{
  VirtNet *net = opaque;
  VirtQueue *queue = &net->virt.queues[QUEUE_SEND];

  g_mutex_lock (&queue->lock);
  net->full = FALSE;
  virt_queue_look (&net->virt, QUEUE_SEND);
  g_mutex_unlock (&queue->lock);
}

/* -- Commands: device loop, the queue's lock held --------------------------------------------------- */

static void
tell_port (VirtNet *net)
{
  const uint64_t on = net->offloads;

  net_port_card_takes (net->port, on & F_GUEST_CSUM
                                      ? NET_CAN_CHECKSUM | (on & F_GUEST_TSO4 ? NET_CAN_TSO4 : 0u)
                                            | (on & F_GUEST_TSO6 ? NET_CAN_TSO6 : 0u)
                                            | ((on & F_GUEST_USO4) && (on & F_GUEST_USO6) ? NET_CAN_USO : 0u)
                                      : 0);
}

static void
set_on (VirtNet *net, uint64_t offloads)
{
  g_mutex_lock (&net->lock);
  net->offloads = offloads;
  tell_port (net);
  g_mutex_unlock (&net->lock);
}

/* The filters' lock is held, too, from here on. */
static gboolean
set_mode (VirtNet *net, unsigned command, const VirtChain *chain, size_t at)
{
  const uint64_t feature = command <= RX_ALL_MULTICAST ? F_CTRL_RX : F_CTRL_RX_EXTRA;
  uint8_t on;

  if (command >= N_RX || !virt_has (&net->virt, feature) || virt_chain_read (chain, at, &on, 1) != 1)
    return FALSE;
  net->filters.modes[command] = on != 0;
  return TRUE;
}

/* One of the two tables; TRUE and where the next one begins. */
static gboolean
read_table (const VirtChain *chain, size_t *at, uint8_t *n, uint8_t table[MOST_MACS * 6])
{
  uint32_t count;

  if (virt_chain_read (chain, *at, &count, sizeof count) != sizeof count)
    return FALSE;
  count = GUINT32_FROM_LE (count);
  *at += sizeof count;
  if (count > chain->out.length / 6 || 6 * (size_t)count > chain->out.length - *at)
    return FALSE;
  *n = (uint8_t)MIN (count, MOST_MACS + 1);
  if (count <= MOST_MACS)
    virt_chain_read (chain, *at, table, 6 * (size_t)count);
  *at += 6 * (size_t)count;
  return TRUE;
}

static gboolean
set_tables (VirtNet *net, const VirtChain *chain, size_t at)
{
  Filters next = net->filters;

  if (!virt_has (&net->virt, F_CTRL_RX) || !read_table (chain, &at, &next.n_unicast, next.unicast)
      || !read_table (chain, &at, &next.n_multicast, next.multicast))
    return FALSE;
  net->filters = next;
  return TRUE;
}

/* VM lock not held: what the driver reads in the configuration stays as it was, as it knows what it has set. */
static gboolean
set_address (VirtNet *net, const VirtChain *chain, size_t at)
{
  uint8_t mac[6];

  if (!virt_has (&net->virt, F_CTRL_MAC_ADDR) || virt_chain_read (chain, at, mac, 6) != 6)
    return FALSE;
  memcpy (net->filters.mac, mac, sizeof mac);
  return TRUE;
}

static gboolean
set_vlan (VirtNet *net, unsigned command, const VirtChain *chain, size_t at)
{
  uint16_t vlan;

  if (!virt_has (&net->virt, F_CTRL_VLAN) || command > VLAN_DELETE
      || virt_chain_read (chain, at, &vlan, sizeof vlan) != sizeof vlan)
    return FALSE;
  vlan = GUINT16_FROM_LE (vlan);
  if (vlan >= N_VLANS)
    return FALSE;
  if (command == VLAN_ADD)
    net->filters.vlans[vlan / 8] |= (uint8_t)(1u << vlan % 8);
  else
    net->filters.vlans[vlan / 8] &= (uint8_t) ~(1u << vlan % 8);
  return TRUE;
}

static gboolean
set_offloads (VirtNet *net, const VirtChain *chain, size_t at)
{
  uint64_t wanted;

  if (!virt_has (&net->virt, F_CTRL_GUEST_OFFLOADS)
      || virt_chain_read (chain, at, &wanted, sizeof wanted) != sizeof wanted)
    return FALSE;
  wanted = GUINT64_FROM_LE (wanted);
  if ((wanted & ~(net->virt.features & F_OFFLOADS)) != 0)
    return FALSE;
  net->offloads = wanted;
  tell_port (net);
  return TRUE;
}

static gboolean
announced (VirtNet *net)
{
  if (!virt_has (&net->virt, F_GUEST_ANNOUNCE))
    return FALSE;
  __atomic_fetch_and (&net->virt.config[CONFIG_STATUS], (uint8_t)~STATUS_ANNOUNCE, __ATOMIC_RELAXED);
  return TRUE;
}

static gboolean
carry_out (VirtNet *net, const VirtChain *chain)
{
  uint8_t what[2];
  const size_t at = sizeof what;

  if (virt_chain_read (chain, 0, what, sizeof what) != sizeof what)
    return FALSE;
  switch (what[0])
    {
    case CLASS_RX:
      return set_mode (net, what[1], chain, at);
    case CLASS_MAC:
      return what[1] == MAC_TABLE_SET     ? set_tables (net, chain, at)
             : what[1] == MAC_ADDRESS_SET ? set_address (net, chain, at)
                                          : FALSE;
    case CLASS_VLAN:
      return set_vlan (net, what[1], chain, at);
    case CLASS_ANNOUNCE:
      return what[1] == ANNOUNCE_ACK && announced (net);
    case CLASS_GUEST_OFFLOADS:
      return what[1] == GUEST_OFFLOADS_SET && set_offloads (net, chain, at);
    default:
      return FALSE;
    }
}

static void
run_command (VirtNet *net, VirtChain *chain)
{
  VirtQueue *queue = &net->virt.queues[QUEUE_CONTROL];
  uint32_t written = 0;
  uint8_t ack;

  if (chain->in.length > 0)
    {
      g_mutex_lock (&net->lock);
      ack = carry_out (net, chain) ? ACK_OK : ACK_ERROR;
      g_mutex_unlock (&net->lock);
      written = (uint32_t)virt_chain_write (chain, 0, &ack, 1);
    }
  virt_chain_clear (chain);
  if (virt_queue_give (queue, chain->head, written))
    virt_interrupt_queue (&net->virt, QUEUE_CONTROL);
}

/* -- Queues ---------------------------------------------------------------------------------------- */

static VirtChain *
net_room (VirtDevice *virt, unsigned n)
{
  VirtNet *net = (VirtNet *)virt;

  switch (n)
    {
    case QUEUE_SEND:
      return net->full ? NULL : &net->sent;
    case QUEUE_CONTROL:
      return &net->command;
    default:
      /* There is room for packets: the one that waits is offered again, and takes its chains itself. */
      net_port_listen (net->port);
      return NULL;
    }
}

static void
net_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  if (n == QUEUE_SEND)
    run_send ((VirtNet *)virt, chain);
  else
    run_command ((VirtNet *)virt, chain);
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

  g_mutex_lock (&virt->queues[n].lock);
  if (n == QUEUE_SEND)
    net->full = FALSE;
  g_mutex_unlock (&virt->queues[n].lock);
  /* The next driver's are those that it negotiates. */
  if (n == QUEUE_CONTROL)
    set_on (net, 0);
  /* A packet that waited for its driver is not the next one's. */
  if (n == QUEUE_RECEIVE)
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

  reset_filters (net);
  net_configured (virt, CONFIG_MAC, 6);
  set_on (net, virt->features & F_OFFLOADS);
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
  pci_set16 (config + CONFIG_PAIRS, 1);
  pci_set16 (config + CONFIG_MTU, (uint16_t)MIN (net_port_mtu (net->port), G_MAXUINT16));
}

static gboolean
virt_net_realize (Device *device, GError **error)
{
  VirtNet *net = (VirtNet *)device;

  g_mutex_init (&net->lock);
  virt_chain_init (&net->sent);
  virt_chain_init (&net->command);
  reset_filters (net);
  memset (net->virt.writable + CONFIG_MAC, 0xff, 6);
  if (!virt_device_realize (&net->virt, &virt_net_class, N_QUEUES, F_ALL, error))
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
  reset_filters (net);
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
  if (!virt_device_post_load (&net->virt, error))
    return FALSE;
  tell_port (net);
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
  virt_chain_free (&net->sent);
  virt_chain_free (&net->command);
  for (unsigned i = 0; i < net->n_made; i++)
    virt_chain_free (&net->received[i]);
  net->n_made = 0;
  g_clear_pointer (&net->copy, g_free);
  g_mutex_clear (&net->lock);
}

static const DeviceClass virt_net_device_class = {
  .name = "virtio-net",
  .version = 1,
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

Device *
virt_net_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error)
{
  VirtNet *net = device_new (vm, &virt_net_device_class, id);

  net->virt.pci.bus = bus;
  net->virt.pci.devfn = (uint8_t)devfn;
  net->port = port;
  if (device_realize (&net->virt.pci.device, error))
    return &net->virt.pci.device;
  device_free (&net->virt.pci.device);
  return NULL;
}
