/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/wire.h"

#include "net/packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
put_header (const NetOffload *offload, uint8_t header[WIRE_HEADER])
{
  header[0] = offload->flags & NET_NEEDS_CHECKSUM;
  header[1] = offload->gso_type;
  memcpy (header + 2, &offload->header_length, 2);
  memcpy (header + 4, &offload->gso_size, 2);
  memcpy (header + 6, &offload->checksum_start, 2);
  memcpy (header + 8, &offload->checksum_offset, 2);
}

void
net_wire_get_header (const uint8_t *packet, NetOffload *offload)
{
  offload->flags = packet[0] & (NET_NEEDS_CHECKSUM | NET_CHECKSUM_GOOD);
  offload->gso_type = packet[1];
  memcpy (&offload->header_length, packet + 2, 2);
  memcpy (&offload->gso_size, packet + 4, 2);
  memcpy (&offload->checksum_start, packet + 6, 2);
  memcpy (&offload->checksum_offset, packet + 8, 2);
}

WireResult
net_wire_write (int wire, const WireForm *form, const NetOffload *offload, const struct iovec *iov,
                unsigned n)
{
  struct iovec pieces[NET_MAX_PIECES + 1];
  uint8_t header[WIRE_HEADER];
  struct msghdr message = { .msg_iov = pieces };
  ssize_t done;

  if (form->header)
    {
      put_header (offload, header);
      pieces[message.msg_iovlen++] = (struct iovec){ header, sizeof header };
    }
  memcpy (pieces + message.msg_iovlen, iov, n * sizeof *iov);
  message.msg_iovlen += n;
  do
    done = form->device ? writev (wire, pieces, (int)message.msg_iovlen)
                        : sendmsg (wire, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (done < 0 && errno == EINTR);
  if (done >= 0)
    return WIRE_SENT;
  if (errno == EAGAIN || errno == EWOULDBLOCK)
    return WIRE_FULL;
  return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN || errno == EBADFD ? WIRE_BROKEN
                                                                                       : WIRE_REFUSED;
}

WireWord
net_wire_word (const struct iovec *iov, unsigned n, size_t length)
{
  const unsigned accepted = NET_TCP_SYN | NET_TCP_ACK;
  uint8_t head[128]; /* a packet with data is none */
  unsigned type, ip, tcp, flags;
  size_t at = 0;

  if (length > sizeof head)
    return WIRE_SAYS_NOTHING;
  for (unsigned i = 0; i < n; at += iov[i++].iov_len)
    memcpy (head + at, iov[i].iov_base, iov[i].iov_len);
  ip = net_ether_payload (head, length, &type);
  if (ip == 0)
    return WIRE_SAYS_NOTHING;
  if (type == NET_TYPE_IP4 && length >= ip + NET_IP4_HEADER
      && head[ip + NET_IP4_PROTOCOL] == NET_PROTOCOL_TCP)
    tcp = ip + (head[ip] & 0xfu) * 4;
  else if (type == NET_TYPE_IP6 && length >= ip + NET_IP6_HEADER
           && head[ip + NET_IP6_NEXT] == NET_PROTOCOL_TCP)
    tcp = ip + NET_IP6_HEADER;
  else
    return WIRE_SAYS_NOTHING;
  if (tcp + NET_TCP_HEADER > length)
    return WIRE_SAYS_NOTHING;
  flags = head[tcp + NET_TCP_FLAGS];
  return flags & NET_TCP_RST              ? WIRE_SAYS_REFUSED
         : (flags & accepted) == accepted ? WIRE_SAYS_ACCEPTED
                                          : WIRE_SAYS_NOTHING;
}

ssize_t
net_wire_read (int wire, const WireForm *form, uint8_t *buffer, size_t room)
{
  const ssize_t n
      = form->device ? read (wire, buffer, room) : recv (wire, buffer, room, MSG_DONTWAIT | MSG_TRUNC);

  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    return 0;
  /* An empty message looks like the end, and who sends such is no network. */
  return n > 0 ? n : -1;
}
