/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a network card meets the network: a NetPort.  The card is on one side (e1000, virtio-net…), on the other a descriptor that carries packets
 * (a helper's socket, a tap, another machine's): net/backend.h.  Between them, for all cards and all networks alike, the port does what neither should
 * have to: link state, statistics, a rate, a copy of all packets for a file, and what one side leaves undone and the other can't do (checksums,
 * segmentation).
 *
 * A packet is an Ethernet frame (IEEE 802.3) without preamble and frame check sequence; frames shorter than 60 bytes are as short as they came, and a
 * card that must hand over 60 fills up.
 *
 * Threads: packets travel on the device loop.  net_port_send(), net_port_listen() may be called from any thread, VM lock held or not; the card's
 * functions say theirs.  The port's own lock comes behind a device's (3 in core/vm.h) and is never held while it calls.
 */
#pragma once

#include "core/vm.h"

#include <sys/uio.h>

G_BEGIN_DECLS

/* One packet, with what segmentation leaves undone: a TCP segment of 64 KiB with its headers. */
#define NET_MAX_PACKET   (65536u + 64u)
#define NET_MAX_PIECES   64u /* of one that is sent */
#define NET_SHORTEST     60u
#define NET_DEFAULT_MTU  1500u
#define NET_ETHER_HEADER 14u

typedef struct
{
  uint8_t bytes[6];
} NetMac;

/* What is left to be done to a packet.  VIRTIO 1.2, 5.1.6: the fields and values of struct virtio_net_hdr in the host's byte order; all zero: nothing. */
enum
{
  NET_NEEDS_CHECKSUM
  = 1, /* flags: the sum over [checksum_start, end) goes to checksum_start + checksum_offset */
  NET_CHECKSUM_GOOD = 2, /* flags: the sums were looked at */
};
enum
{
  NET_GSO_NONE = 0,
  NET_GSO_TCP4 = 1,
  NET_GSO_UDP = 3, /* fragments: never made, refused */
  NET_GSO_TCP6 = 4,
  NET_GSO_UDP_SEGMENTS = 5,
  NET_GSO_ECN = 0x80,
};
typedef struct
{
  uint8_t flags, gso_type;
  uint16_t header_length, gso_size, checksum_start, checksum_offset;
} NetOffload;

/* What a side takes undone. */
enum
{
  NET_CAN_CHECKSUM = 1,
  NET_CAN_TSO4 = 2,
  NET_CAN_TSO6 = 4,
  NET_CAN_USO = 8,
};

typedef struct NetPort NetPort;

typedef struct
{
  /* A packet for the guest, whole or as the card takes it undone (net_port_card_takes()).  FALSE: the card has no room for it now; it is offered
   * again, alone, after net_port_listen().  A card that drops it instead says TRUE.  Device loop, no lock held. */
  gboolean (*receive) (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length);
  /* net_port_send() said FALSE, and there is room again.  Device loop, no lock held. */
  void (*room) (void *opaque);
  /* The cable: net_port_link() has changed.  Device loop, VM lock held.  May be NULL. */
  void (*link) (void *opaque);
} NetCard;

/* -- The card's ---------------------------------------------------------------------------------------- */

/* In realize; until then what comes is dropped.  VM lock held. */
void net_port_attach (NetPort *port, const NetCard *card, void *opaque);
/* In unrealize: none of the card's functions runs any more when it returns.  VM lock held, on the device loop or before it runs. */
void net_port_detach (NetPort *port);
/* Sends; the bytes are copied or gone when it returns.  FALSE: the network has no room; the card keeps the packet until room().  What can never be sent (link
 * down, too long, no network, offload that makes no sense for this packet) is dropped, counted, and TRUE. */
gboolean net_port_send (NetPort *port, const NetOffload *offload, const struct iovec *iov, unsigned n);
/* receive() may be called again for the packet that it refused, and for more. */
void net_port_listen (NetPort *port);
/* NET_CAN_… of the card's driver at this time; 0 at first.  Any thread. */
void net_port_card_takes (NetPort *port, unsigned can);
/* What the card can leave undone at no cost of the port's.  Fixed while a machine runs. */
unsigned net_port_network_takes (NetPort *port);
/* Cable in, and a network there. */
gboolean net_port_link (NetPort *port);
NetMac net_port_mac (NetPort *port);
/* Bytes behind the Ethernet header (and VLAN tag) that the network carries: NET_DEFAULT_MTU or more. */
unsigned net_port_mtu (NetPort *port);
/* The guest is about to be saved or stands still: nothing more is received, nothing sent, until it is FALSE.  The machine's own doing: cards need not. */
void net_port_pause (NetPort *port, gboolean paused);

/* -- Help for cards that do in hardware what the port does for others ---------------------------------- */

/* The Internet checksum (RFC 1071) of `length` bytes, added to `sum`; fold it by net_checksum_fold(). */
uint32_t net_checksum_add (uint32_t sum, const void *data, size_t length);
uint16_t net_checksum_fold (uint32_t sum);
/* What receiving hardware says of a packet's sums (IPv4 header; TCP or UDP over either IP). */
typedef struct
{
  gboolean ip4, ip6, tcp, udp;
  gboolean ip_checked, ip_good, l4_checked, l4_good;
  unsigned l3_offset, l4_offset; /* bytes; 0: there is none */
} NetSums;
void net_look_at_sums (const uint8_t *packet, size_t length, NetSums *sums);
/* CRC-32 of Ethernet as multicast filters use it: over the 6 bytes of an address, most significant bit first (`big`), or least. */
uint32_t net_crc_address (const uint8_t address[6], gboolean big);

static inline gboolean
net_is_multicast (const uint8_t *packet)
{
  return (packet[0] & 1) != 0;
}

G_END_DECLS
