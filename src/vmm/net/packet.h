/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where things are in a packet: Ethernet (IEEE 802.3, 802.1Q), IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293), UDP (RFC 768).
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

#define NET_TYPE_IP4          0x0800u
#define NET_TYPE_IP6          0x86ddu
#define NET_TYPE_VLAN         0x8100u
#define NET_TYPE_SERVICE_VLAN 0x88a8u
#define NET_MOST_TAGS         2u

enum
{
  NET_IP4_HEADER = 20,
  NET_IP4_LENGTH = 2,
  NET_IP4_ID = 4,
  NET_IP4_FRAGMENT = 6,
  NET_IP4_PROTOCOL = 9,
  NET_IP4_SUM = 10,

  NET_IP6_HEADER = 40,
  NET_IP6_LENGTH = 4,
  NET_IP6_NEXT = 6,

  NET_PROTOCOL_TCP = 6,
  NET_TCP_HEADER = 20,
  NET_TCP_SEQUENCE = 4,
  NET_TCP_OFFSET = 12,
  NET_TCP_FLAGS = 13,
  NET_TCP_SUM = 16,

  NET_PROTOCOL_UDP = 17,
  NET_UDP_HEADER = 8,
  NET_UDP_LENGTH = 4,
  NET_UDP_SUM = 6,
};
enum
{
  NET_TCP_FIN = 0x01,
  NET_TCP_SYN = 0x02,
  NET_TCP_RST = 0x04,
  NET_TCP_PUSH = 0x08,
  NET_TCP_ACK = 0x10,
  NET_TCP_CWR = 0x80,
};

static inline uint16_t
net_get16 (const uint8_t *p)
{
  return (uint16_t)(p[0] << 8 | p[1]);
}
static inline void
net_put16 (uint8_t *p, unsigned value)
{
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}
static inline uint32_t
net_get32 (const uint8_t *p)
{
  return (uint32_t)net_get16 (p) << 16 | net_get16 (p + 2);
}
static inline void
net_put32 (uint8_t *p, uint32_t value)
{
  net_put16 (p, value >> 16);
  net_put16 (p + 2, value & 0xffff);
}

/* Where the Ethernet header ends, behind up to NET_MOST_TAGS tags, and the type there; 0: the packet ends before. */
unsigned net_ether_payload (const uint8_t *packet, size_t length, unsigned *type);
/* The sum of the pseudo header of TCP and UDP; `ip` has a whole header. */
uint32_t net_checksum_pseudo (const uint8_t *ip, gboolean is_ip6, uint8_t protocol, size_t length);

G_END_DECLS
