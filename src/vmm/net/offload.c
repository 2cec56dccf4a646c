/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/offload.h"

#include "net/packet.h"

#include <string.h>

/* Ethernet with two tags, IPv6 with its extensions, TCP with options: no header is longer. */
#define LONGEST_HEADER 512u

typedef struct
{
  unsigned l3, l4, header; /* offsets; `header`: where the payload begins */
  gboolean ip6, tcp;
  size_t payload;
  unsigned size; /* of the payload of a segment */
} Segments;

static gboolean
checksum_is_within (const NetOffload *offload, size_t length)
{
  const size_t at = (size_t)offload->checksum_start + offload->checksum_offset;

  return offload->checksum_start >= NET_ETHER_HEADER && at + 2 <= length;
}

static void
put_sum (uint8_t *at, uint16_t sum)
{
  /* 0 would say that there is none; both are the same number. */
  if (sum == 0)
    sum = 0xffff;
  memcpy (at, &sum, sizeof sum);
}

/* The field has the sum of the pseudo header. */
static void
fill_checksum (const NetOffload *offload, uint8_t *packet, size_t length)
{
  const uint8_t *from = packet + offload->checksum_start;
  const uint32_t sum = net_checksum_add (0, from, length - offload->checksum_start);

  put_sum (packet + offload->checksum_start + offload->checksum_offset, net_checksum_fold (sum));
}

/* -- Segments ------------------------------------------------------------------------------------- */

static unsigned
can_of (unsigned type)
{
  switch (type)
    {
    case NET_GSO_TCP4:
      return NET_CAN_TSO4;
    case NET_GSO_TCP6:
      return NET_CAN_TSO6;
    case NET_GSO_UDP_SEGMENTS:
      return NET_CAN_USO;
    default:
      return 0;
    }
}

static gboolean
look_at_ip (const uint8_t *packet, size_t length, unsigned protocol, Segments *segments)
{
  const uint8_t *ip = packet + segments->l3;
  const size_t room = length - segments->l3;

  if (segments->ip6)
    /* Behind its extensions, which the sender has counted. */
    return room >= NET_IP6_HEADER && ip[0] >> 4 == 6 && segments->l4 >= segments->l3 + NET_IP6_HEADER
           && room - NET_IP6_HEADER <= G_MAXUINT16
           && (segments->l4 > segments->l3 + NET_IP6_HEADER || ip[NET_IP6_NEXT] == protocol);
  return room >= NET_IP4_HEADER && ip[0] >> 4 == 4 && (ip[0] & 15u) * 4u >= NET_IP4_HEADER
         && segments->l4 == segments->l3 + (ip[0] & 15u) * 4u && ip[NET_IP4_PROTOCOL] == protocol
         && room <= G_MAXUINT16;
}

static gboolean
look_at_segments (const NetOffload *offload, const uint8_t *packet, size_t length, Segments *segments)
{
  const unsigned type = offload->gso_type & (unsigned)~NET_GSO_ECN;
  unsigned ether_type, l4_header;

  if (can_of (type) == 0 || !(offload->flags & NET_NEEDS_CHECKSUM) || offload->gso_size == 0)
    return FALSE;
  segments->tcp = type != NET_GSO_UDP_SEGMENTS;
  segments->l3 = net_ether_payload (packet, length, &ether_type);
  segments->l4 = offload->checksum_start;
  segments->ip6 = ether_type == NET_TYPE_IP6;
  if ((!segments->ip6 && ether_type != NET_TYPE_IP4) || (type == NET_GSO_TCP4 && segments->ip6)
      || (type == NET_GSO_TCP6 && !segments->ip6))
    return FALSE;
  if (offload->checksum_offset != (segments->tcp ? NET_TCP_SUM : NET_UDP_SUM)
      || !look_at_ip (packet, length, segments->tcp ? NET_PROTOCOL_TCP : NET_PROTOCOL_UDP, segments))
    return FALSE;
  if (segments->l4 + (segments->tcp ? NET_TCP_HEADER : NET_UDP_HEADER) > length)
    return FALSE;
  l4_header = segments->tcp ? (packet[segments->l4 + NET_TCP_OFFSET] >> 4) * 4u : (unsigned)NET_UDP_HEADER;
  segments->header = segments->l4 + l4_header;
  if (l4_header < (segments->tcp ? NET_TCP_HEADER : NET_UDP_HEADER) || segments->header >= length
      || segments->header > LONGEST_HEADER)
    return FALSE;
  segments->payload = length - segments->header;
  segments->size = offload->gso_size;
  return (segments->payload + segments->size - 1) / segments->size <= NET_MOST_SEGMENTS;
}

/* The header at `segment`, of which `done` bytes of payload went before. */
static void
finish_header (const Segments *segments, uint8_t *segment, unsigned n, size_t done, size_t length)
{
  uint8_t *ip = segment + segments->l3, *l4 = segment + segments->l4;
  const size_t whole = segments->header + length;
  const gboolean last = done + length == segments->payload;
  uint16_t sum;

  if (segments->ip6)
    net_put16 (ip + NET_IP6_LENGTH, (unsigned)(whole - segments->l3 - NET_IP6_HEADER));
  else
    {
      net_put16 (ip + NET_IP4_LENGTH, (unsigned)(whole - segments->l3));
      net_put16 (ip + NET_IP4_ID, net_get16 (ip + NET_IP4_ID) + n);
      net_put16 (ip + NET_IP4_SUM, 0);
      sum = net_checksum_fold (net_checksum_add (0, ip, segments->l4 - segments->l3));
      memcpy (ip + NET_IP4_SUM, &sum, sizeof sum);
    }
  if (segments->tcp)
    {
      net_put32 (l4 + NET_TCP_SEQUENCE, net_get32 (l4 + NET_TCP_SEQUENCE) + (uint32_t)done);
      /* RFC 3168, 6.1.2: once for a window. */
      if (n > 0)
        l4[NET_TCP_FLAGS] &= (uint8_t)~NET_TCP_CWR;
      if (!last)
        l4[NET_TCP_FLAGS] &= (uint8_t) ~(NET_TCP_FIN | NET_TCP_PUSH);
      net_put16 (l4 + NET_TCP_SUM, 0);
    }
  else
    {
      net_put16 (l4 + NET_UDP_LENGTH, (unsigned)(whole - segments->l4));
      net_put16 (l4 + NET_UDP_SUM, 0);
    }
  const uint8_t protocol = segments->tcp ? NET_PROTOCOL_TCP : NET_PROTOCOL_UDP;
  const uint32_t pseudo = net_checksum_pseudo (ip, segments->ip6, protocol, whole - segments->l4);
  put_sum (l4 + (segments->tcp ? NET_TCP_SUM : NET_UDP_SUM),
           net_checksum_fold (net_checksum_add (pseudo, l4, whole - segments->l4)));
}

/* Each header is written over the end of the segment before, which has been sent. */
static void
cut (const Segments *segments, uint8_t *packet, NetEmit emit, void *opaque)
{
  uint8_t header[LONGEST_HEADER];
  const NetOffload none = { 0 };
  unsigned n = 0;

  memcpy (header, packet, segments->header);
  for (size_t done = 0; done < segments->payload; n++)
    {
      const size_t length = MIN (segments->size, segments->payload - done);
      uint8_t *segment = packet + done;

      memcpy (segment, header, segments->header);
      finish_header (segments, segment, n, done, length);
      emit (opaque, &none, segment, segments->header + length);
      done += length;
    }
}

/* -- All ------------------------------------------------------------------------------------------ */

gboolean
net_offload_finish (const NetOffload *offload, uint8_t *packet, size_t length, unsigned takes, NetEmit emit,
                    void *opaque)
{
  NetOffload left = { .flags = offload->flags & NET_CHECKSUM_GOOD };
  const gboolean undone = (offload->flags & NET_NEEDS_CHECKSUM) != 0;
  Segments segments = { 0 };

  if (undone && !checksum_is_within (offload, length))
    return FALSE;
  if (offload->gso_type != NET_GSO_NONE)
    {
      if (!look_at_segments (offload, packet, length, &segments))
        return FALSE;
      if (!(takes & can_of (offload->gso_type & (unsigned)~NET_GSO_ECN)))
        {
          cut (&segments, packet, emit, opaque);
          return TRUE;
        }
      left.gso_type = offload->gso_type;
      left.gso_size = offload->gso_size;
      left.header_length = (uint16_t)segments.header;
    }
  if (undone && (takes & NET_CAN_CHECKSUM))
    {
      left.flags = NET_NEEDS_CHECKSUM;
      left.checksum_start = offload->checksum_start;
      left.checksum_offset = offload->checksum_offset;
    }
  else if (undone)
    fill_checksum (offload, packet, length);
  emit (opaque, &left, packet, length);
  return TRUE;
}
