/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packets on a wire (net/backend.h): a message a packet, with or without a header that says what is left undone.
 *
 * Any thread; no state.  Nothing waits.
 */
#pragma once

#include "net/net.h"

G_BEGIN_DECLS

#define WIRE_HEADER 10u

typedef struct
{
  gboolean
      header; /* each packet begins with WIRE_HEADER bytes: struct virtio_net_hdr in the host's byte order */
  gboolean device; /* a network device of the host (/dev/net/tun), opened with O_NONBLOCK, and no socket */
} WireForm;

typedef enum
{
  WIRE_SENT,
  WIRE_FULL,
  WIRE_REFUSED, /* this packet */
  WIRE_BROKEN,  /* its other end is gone */
} WireResult;

/* `n` up to NET_MAX_PIECES. */
WireResult net_wire_write (int wire, const WireForm *form, const NetOffload *offload, const struct iovec *iov,
                           unsigned n);
/* Its whole length, which is above `room` where it was cut; 0: there is none now; -1: its other end is gone. */
ssize_t net_wire_read (int wire, const WireForm *form, uint8_t *buffer, size_t room);
/* What a packet without its header says of a connection (TCP, RFC 9293). */
typedef enum
{
  WIRE_SAYS_NOTHING,
  WIRE_SAYS_ACCEPTED, /* SYN with ACK */
  WIRE_SAYS_REFUSED,  /* RST */
} WireWord;
WireWord net_wire_word (const struct iovec *iov, unsigned n, size_t length);
/* What a packet of WIRE_HEADER bytes or more begins with. */
void net_wire_get_header (const uint8_t *packet, NetOffload *offload);

G_END_DECLS
