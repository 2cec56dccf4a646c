/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a driver tells the adapter.  See net-private.h.
 */
#define G_LOG_DOMAIN "virtio-net"

#include "virtio/net-private.h"
#include "virtio/virtio-private.h"

#include <string.h>

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

  CLASS_PAIRS = 4,
  PAIRS_SET = 0,

  CLASS_GUEST_OFFLOADS = 5,
  GUEST_OFFLOADS_SET = 0,
};
enum
{
  ACK_OK,
  ACK_ERROR,
};
G_STATIC_ASSERT (N_RX == NET_N_MODES);

const StateField net_filters_state[] = {
  STATE_U8_ARRAY (NetFilters, mac),
  STATE_U8_ARRAY (NetFilters, modes),
  STATE_U8_MAX (NetFilters, n_unicast, MOST_MACS + 1),
  STATE_U8_MAX (NetFilters, n_multicast, MOST_MACS + 1),
  STATE_U8_ARRAY (NetFilters, unicast),
  STATE_U8_ARRAY (NetFilters, multicast),
  STATE_U8_ARRAY (NetFilters, vlans),
  STATE_END,
};

/* -- NetFilters --------------------------------------------------------------------------------------- */

/* 5.1.6.5.1: a device without a driver that says otherwise lets all pass. */
void
net_reset_filters (VirtNet *net)
{
  const NetMac mac = net_port_mac (net->port);

  g_mutex_lock (&net->lock);
  memset (&net->filters, 0, sizeof net->filters);
  memcpy (net->filters.mac, mac.bytes, sizeof mac.bytes);
  net->filters.modes[RX_PROMISCUOUS] = TRUE;
  net->pairs = 1;
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
  const NetFilters *filters = &net->filters;

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

gboolean
net_passes (VirtNet *net, const uint8_t *packet, size_t length)
{
  gboolean result;

  g_mutex_lock (&net->lock);
  result = passes_locked (net, packet, length);
  g_mutex_unlock (&net->lock);
  return result;
}

unsigned
net_pairs (VirtNet *net)
{
  unsigned pairs;

  g_mutex_lock (&net->lock);
  pairs = net->pairs;
  g_mutex_unlock (&net->lock);
  return pairs;
}

void
net_set_pairs (VirtNet *net, unsigned pairs)
{
  g_mutex_lock (&net->lock);
  net->pairs = (uint16_t)pairs;
  g_mutex_unlock (&net->lock);
}

/* -- Commands: device loop, the queue's lock held --------------------------------------------------- */

void
net_tell_port (VirtNet *net)
{
  const uint64_t on = net->offloads;

  net_port_card_takes (net->port, on & F_GUEST_CSUM
                                      ? NET_CAN_CHECKSUM | (on & F_GUEST_TSO4 ? NET_CAN_TSO4 : 0u)
                                            | (on & F_GUEST_TSO6 ? NET_CAN_TSO6 : 0u)
                                            | ((on & F_GUEST_USO4) && (on & F_GUEST_USO6) ? NET_CAN_USO : 0u)
                                      : 0);
}

void
net_set_offloads (VirtNet *net, uint64_t offloads)
{
  g_mutex_lock (&net->lock);
  net->offloads = offloads;
  net_tell_port (net);
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
  NetFilters next = net->filters;

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
  net_tell_port (net);
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
set_pairs (VirtNet *net, const VirtChain *chain, size_t at)
{
  uint16_t pairs;

  if (!virt_has (&net->virt, F_MQ) || virt_chain_read (chain, at, &pairs, sizeof pairs) != sizeof pairs)
    return FALSE;
  pairs = GUINT16_FROM_LE (pairs);
  if (pairs == 0 || pairs > net->n_pairs)
    return FALSE;
  net->pairs = pairs;
  return TRUE;
}

static gboolean
carry_out (VirtNet *net, const VirtChain *chain)
{
  uint8_t what[2];
  const size_t at = sizeof what;

  /* Before that, features can change. */
  if (!(__atomic_load_n (&net->virt.status, __ATOMIC_RELAXED) & VIRT_STATUS_DRIVER_OK)
      || virt_chain_read (chain, 0, what, sizeof what) != sizeof what)
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
    case CLASS_PAIRS:
      return what[1] == PAIRS_SET && set_pairs (net, chain, at);
    case CLASS_GUEST_OFFLOADS:
      return what[1] == GUEST_OFFLOADS_SET && set_offloads (net, chain, at);
    default:
      return FALSE;
    }
}

void
net_command (VirtNet *net, unsigned n, VirtChain *chain)
{
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
  if (virt_queue_give (&net->virt.queues[n], chain->head, written))
    virt_interrupt_queue (&net->virt, n);
}
