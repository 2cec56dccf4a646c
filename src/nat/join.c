/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nat/join.h"

#include <string.h>

#define FEW_BYTES 1024u /* that a question has; more is a stream, which an acknowledgement keeps going */

/* Ethernet (IEEE 802.3), IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293). */
enum
{
  ETHER_HEADER = 14,
  ETHER_TYPE = 12,
  TYPE_IP4 = 0x0800,
  TYPE_IP6 = 0x86dd,

  IP4_HEADER = 20,
  IP4_LENGTH = 2,
  IP4_FRAGMENT = 6,
  IP4_HOPS = 8,
  IP4_PROTOCOL = 9,
  IP4_SUM = 10,
  IP4_ADDRESSES = 12,

  IP6_HEADER = 40,
  IP6_LENGTH = 4,
  IP6_NEXT = 6,
  IP6_HOPS = 7,
  IP6_ADDRESSES = 8,

  PROTOCOL_TCP = 6,
  TCP_HEADER = 20,
  TCP_SEQUENCE = 4,
  TCP_ACKNOWLEDGED = 8,
  TCP_OFFSET = 12,
  TCP_FLAGS = 13,
  TCP_WINDOW = 14,
  TCP_SUM = 16,
  FLAG_PUSH = 0x08,
  FLAG_ACK = 0x10,
};
/* struct virtio_net_hdr */
enum
{
  NEEDS_CHECKSUM = 1,
  GSO_TCP4 = 1,
  GSO_TCP6 = 4,
};

/* A segment of TCP without options, behind a plain header of IP. */
typedef struct
{
  gboolean ip6;
  unsigned tcp, header; /* where that begins, and its payload */
  uint32_t sequence, acknowledged;
  size_t payload;
} Segment;

struct Join
{
  JoinEmit emit;
  void *opaque;
  size_t length; /* 0: nothing waits */
  gint64 since;
  Segment first; /* of what waits; header 0: it is no segment */
  unsigned n, size;
  gboolean full;                               /* nothing may follow */
  uint8_t last[ETHER_HEADER + IP6_HEADER + 4]; /* of whose connection… */
  unsigned last_length;
  uint32_t acknowledged; /* …that was said before */
  gboolean few;          /* what waits acknowledges only a few bytes */
  uint8_t bytes[JOIN_LONGEST];
};

static unsigned
get16 (const uint8_t *p)
{
  return p[0] * 256u + p[1];
}

static void
put16 (uint8_t *p, unsigned value)
{
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}

static uint32_t
get32 (const uint8_t *p)
{
  return get16 (p) << 16 | get16 (p + 2);
}

static uint32_t
add (uint32_t sum, const uint8_t *p, size_t length)
{
  for (size_t i = 0; i + 1 < length; i += 2)
    sum += get16 (p + i);
  return sum;
}

static uint16_t
fold (uint32_t sum)
{
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

Join *
join_new (JoinEmit emit, void *opaque)
{
  Join *join = g_new0 (Join, 1);

  join->emit = emit;
  join->opaque = opaque;
  return join;
}

void
join_free (Join *join)
{
  g_free (join);
}

/* FALSE: it is none. */
static gboolean
look_at (const uint8_t *packet, size_t length, Segment *segment)
{
  const uint8_t *ip = packet + ETHER_HEADER, *tcp;
  size_t all;

  if (length < ETHER_HEADER + IP4_HEADER + TCP_HEADER || length > JOIN_LONGEST)
    return FALSE;
  segment->ip6 = get16 (packet + ETHER_TYPE) == TYPE_IP6;
  if (segment->ip6)
    {
      all = IP6_HEADER + get16 (ip + IP6_LENGTH);
      if (ip[0] >> 4 != 6 || ip[IP6_NEXT] != PROTOCOL_TCP)
        return FALSE;
      segment->tcp = ETHER_HEADER + IP6_HEADER;
    }
  else
    {
      all = get16 (ip + IP4_LENGTH);
      if (get16 (packet + ETHER_TYPE) != TYPE_IP4 || ip[0] != 0x45 || ip[IP4_PROTOCOL] != PROTOCOL_TCP
          || (get16 (ip + IP4_FRAGMENT) & 0x3fff) != 0)
        return FALSE;
      segment->tcp = ETHER_HEADER + IP4_HEADER;
    }
  segment->header = segment->tcp + TCP_HEADER;
  /* What fills a frame up to the shortest isn't there on this way. */
  if (all != length - ETHER_HEADER || segment->header > length)
    return FALSE;
  tcp = packet + segment->tcp;
  if (tcp[TCP_OFFSET] != TCP_HEADER / 4 << 4 || (tcp[TCP_FLAGS] & ~FLAG_PUSH) != FLAG_ACK)
    return FALSE;
  segment->sequence = get32 (tcp + TCP_SEQUENCE);
  segment->acknowledged = get32 (tcp + TCP_ACKNOWLEDGED);
  segment->payload = length - segment->header;
  return TRUE;
}

/* The same connection, by packets that are treated alike on their way. */
static gboolean
is_of (const Segment *segment, const uint8_t *one, const uint8_t *other)
{
  const unsigned from = ETHER_HEADER + (segment->ip6 ? IP6_ADDRESSES : IP4_ADDRESSES),
                 alike = segment->ip6 ? 4 : 2, /* version, class, flow */
      hops = ETHER_HEADER + (segment->ip6 ? IP6_HOPS : IP4_HOPS);

  return memcmp (one, other, ETHER_HEADER + alike) == 0 && one[hops] == other[hops]
         && memcmp (one + from, other + from, segment->tcp + 4 - from) == 0;
}

/* -- What waits --------------------------------------------------------------------------------------------- */

/* Makes one packet of it, whose sum is that of the pseudo header, as the sum over the rest is made when it is cut. */
static void
finish (Join *join, uint8_t header[JOIN_HEADER])
{
  uint8_t *ip = join->bytes + ETHER_HEADER, *tcp = join->bytes + join->first.tcp;
  const unsigned l4 = (unsigned)(join->length - join->first.tcp);
  const uint16_t words[]
      = { (uint16_t)join->first.header, (uint16_t)join->size, (uint16_t)join->first.tcp, TCP_SUM };

  if (join->first.ip6)
    put16 (ip + IP6_LENGTH, l4);
  else
    {
      put16 (ip + IP4_LENGTH, IP4_HEADER + l4);
      put16 (ip + IP4_SUM, 0);
      put16 (ip + IP4_SUM, (uint16_t)~fold (add (0, ip, IP4_HEADER)));
    }
  put16 (tcp + TCP_SUM, fold (join->first.ip6 ? add (l4 + PROTOCOL_TCP, ip + IP6_ADDRESSES, 32)
                                              : add (l4 + PROTOCOL_TCP, ip + IP4_ADDRESSES, 8)));
  header[0] = NEEDS_CHECKSUM;
  header[1] = join->first.ip6 ? GSO_TCP6 : GSO_TCP4;
  memcpy (header + 2, words, sizeof words);
}

static void
emit (Join *join)
{
  uint8_t header[JOIN_HEADER] = { 0 };
  const size_t length = join->length;

  if (length == 0)
    return;
  if (join->n > 1)
    finish (join, header);
  if (join->first.header != 0)
    {
      join->acknowledged = join->first.acknowledged;
      join->last_length = join->first.tcp + 4;
      memcpy (join->last, join->bytes, join->last_length);
    }
  join->length = 0;
  join->emit (join->opaque, header, join->bytes, length);
}

static void
keep (Join *join, const Segment *segment, const uint8_t *packet, size_t length, gint64 now)
{
  memcpy (join->bytes, packet, length);
  join->length = length;
  join->since = now;
  join->first = *segment;
  join->n = 1;
  join->size = (unsigned)segment->payload;
  /* One that is to be looked at at once is the last, as cutting would move that. */
  join->full = (packet[segment->tcp + TCP_FLAGS] & FLAG_PUSH) != 0;
  join->few = join->last_length == segment->tcp + 4 && is_of (segment, join->last, packet)
              && segment->acknowledged - join->acknowledged - 1u < FEW_BYTES;
}

/* TRUE: what waits needn't be said. */
static gboolean
says_again (const Join *join, const Segment *segment)
{
  const uint32_t more = segment->acknowledged - join->first.acknowledged;

  return join->first.payload == 0 && segment->sequence == join->first.sequence && more < 1u << 30
         && (more > 0 || segment->payload > 0);
}

/* TRUE: it is at the end of what waits. */
static gboolean
append (Join *join, const Segment *segment, const uint8_t *packet)
{
  uint8_t *tcp = join->bytes + join->first.tcp;
  const size_t payload = join->length - join->first.header;

  if (join->full || join->first.payload == 0 || segment->payload == 0 || segment->payload > join->size
      || segment->sequence != join->first.sequence + (uint32_t)payload
      || segment->acknowledged != join->first.acknowledged
      || join->length + segment->payload > (segment->ip6
                                                ? ETHER_HEADER + IP6_HEADER + (size_t)G_MAXUINT16 - TCP_HEADER
                                                : ETHER_HEADER + (size_t)G_MAXUINT16)
      || join->length + segment->payload > sizeof join->bytes)
    return FALSE;
  memcpy (join->bytes + join->length, packet + segment->header, segment->payload);
  join->length += segment->payload;
  join->n++;
  memcpy (tcp + TCP_WINDOW, packet + segment->tcp + TCP_WINDOW, 2);
  tcp[TCP_FLAGS] |= packet[segment->tcp + TCP_FLAGS];
  /* So is a shorter one. */
  join->full = segment->payload < join->size || (tcp[TCP_FLAGS] & FLAG_PUSH) != 0;
  return TRUE;
}

void
join_packet (Join *join, const uint8_t *packet, size_t length, gint64 now)
{
  static const uint8_t none[JOIN_HEADER];
  Segment segment;

  if (!look_at (packet, length, &segment))
    {
      emit (join);
      join->emit (join->opaque, none, packet, length);
      return;
    }
  if (join->length > 0 && join->first.ip6 == segment.ip6 && is_of (&segment, join->bytes, packet))
    {
      if (says_again (join, &segment))
        join->length = 0;
      else if (append (join, &segment, packet))
        return;
    }
  emit (join);
  keep (join, &segment, packet, length, now);
}

gint64
join_flush (Join *join, gint64 now)
{
  const gint64 waited = now - join->since;

  if (join->length > 0 && join->first.payload == 0 && join->few && waited >= 0 && waited < JOIN_PATIENCE)
    return JOIN_PATIENCE - waited;
  emit (join);
  return -1;
}
