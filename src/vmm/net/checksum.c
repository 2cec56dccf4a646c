/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sums over packets: the Internet's (RFC 1071), and the CRC of multicast filters.
 */
#include "net/net.h"

#include "net/packet.h"

#include <string.h>

uint32_t
net_checksum_add (uint32_t sum, const void *data, size_t length)
{
  const uint8_t *bytes = data;
  uint64_t wide = sum;
  uint64_t word;
  uint16_t pair;

  /* The sum's byte order is the data's, whatever the processor's: eight bytes at once make the same one, folded. */
  for (; length >= sizeof word; bytes += sizeof word, length -= sizeof word)
    {
      memcpy (&word, bytes, sizeof word);
      wide += word;
      wide += wide < word;
    }
  wide = (wide & 0xffffffffu) + (wide >> 32);
  for (; length >= sizeof pair; bytes += sizeof pair, length -= sizeof pair)
    {
      memcpy (&pair, bytes, sizeof pair);
      wide += pair;
    }
  if (length > 0)
    {
      pair = 0;
      memcpy (&pair, bytes, 1);
      wide += pair;
    }
  wide = (wide & 0xffffffffu) + (wide >> 32);
  return (uint32_t)((wide & 0xffffffffu) + (wide >> 32));
}

uint16_t
net_checksum_fold (uint32_t sum)
{
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

uint32_t
net_checksum_pseudo (const uint8_t *ip, gboolean is_ip6, uint8_t protocol, size_t length)
{
  /* RFC 9293, 3.1; RFC 8200, 8.1. */
  const uint8_t rest[8] = { (uint8_t)(length >> 24),
                            (uint8_t)(length >> 16),
                            (uint8_t)(length >> 8),
                            (uint8_t)length,
                            0,
                            0,
                            0,
                            protocol };
  const uint32_t addresses = is_ip6 ? net_checksum_add (0, ip + 8, 32) : net_checksum_add (0, ip + 12, 8);

  return net_checksum_add (addresses, rest, sizeof rest);
}

/* -- What receiving hardware says ----------------------------------------------------------------- */

/* RFC 8200, 4.1: the headers that lead to the upper layer's; that of fragments leads nowhere here.  0: it isn't reached. */
static unsigned
skip_ip6_headers (const uint8_t *packet, size_t end, unsigned at, uint8_t *protocol)
{
  enum
  {
    HOP_BY_HOP = 0,
    ROUTING = 43,
    DESTINATION = 60,
  };

  for (unsigned n = 0; n < 8; n++)
    {
      if (*protocol != HOP_BY_HOP && *protocol != ROUTING && *protocol != DESTINATION)
        return at;
      if (at + 8u > end)
        return 0;
      *protocol = packet[at];
      at += 8u + 8u * packet[at + 1];
    }
  return 0;
}

static void
look_at_l4 (const uint8_t *packet, size_t end, uint8_t protocol, NetSums *sums)
{
  const uint8_t *l4 = packet + sums->l4_offset, *ip = packet + sums->l3_offset;
  const size_t length = end - sums->l4_offset;
  uint32_t sum;

  if (protocol == NET_PROTOCOL_TCP && length >= NET_TCP_HEADER)
    sums->tcp = TRUE;
  else if (protocol == NET_PROTOCOL_UDP && length >= NET_UDP_HEADER)
    sums->udp = TRUE;
  else
    {
      sums->l4_offset = 0;
      return;
    }
  if (sums->udp && net_get16 (l4 + NET_UDP_SUM) == 0) /* there is none (RFC 768) */
    return;
  sum = net_checksum_pseudo (ip, sums->ip6, protocol, length);
  sums->l4_checked = TRUE;
  sums->l4_good = net_checksum_fold (net_checksum_add (sum, l4, length)) == 0;
}

static void
look_at_ip4 (const uint8_t *packet, size_t length, NetSums *sums)
{
  const uint8_t *ip = packet + sums->l3_offset;
  const size_t room = length - sums->l3_offset;
  size_t header, total;

  if (room < NET_IP4_HEADER || ip[0] >> 4 != 4)
    return;
  header = (ip[0] & 15u) * 4u;
  total = net_get16 (ip + NET_IP4_LENGTH);
  if (header < NET_IP4_HEADER || header > room)
    return;
  sums->ip4 = sums->ip_checked = TRUE;
  sums->ip_good = net_checksum_fold (net_checksum_add (0, ip, header)) == 0;
  /* Of a fragment there is no sum. */
  if (total < header || total > room || (net_get16 (ip + NET_IP4_FRAGMENT) & 0x3fff) != 0)
    return;
  sums->l4_offset = sums->l3_offset + (unsigned)header;
  look_at_l4 (packet, sums->l3_offset + total, ip[NET_IP4_PROTOCOL], sums);
}

static void
look_at_ip6 (const uint8_t *packet, size_t length, NetSums *sums)
{
  const uint8_t *ip = packet + sums->l3_offset;
  const size_t room = length - sums->l3_offset;
  uint8_t protocol;
  size_t end;

  if (room < NET_IP6_HEADER || ip[0] >> 4 != 6)
    return;
  sums->ip6 = TRUE;
  end = NET_IP6_HEADER + net_get16 (ip + NET_IP6_LENGTH);
  if (end > room)
    return;
  end += sums->l3_offset;
  protocol = ip[NET_IP6_NEXT];
  sums->l4_offset = skip_ip6_headers (packet, end, sums->l3_offset + NET_IP6_HEADER, &protocol);
  if (sums->l4_offset > end)
    sums->l4_offset = 0;
  if (sums->l4_offset != 0)
    look_at_l4 (packet, end, protocol, sums);
}

void
net_look_at_sums (const uint8_t *packet, size_t length, NetSums *sums)
{
  unsigned type;

  memset (sums, 0, sizeof *sums);
  sums->l3_offset = net_ether_payload (packet, length, &type);
  if (type == NET_TYPE_IP4)
    look_at_ip4 (packet, length, sums);
  else if (type == NET_TYPE_IP6)
    look_at_ip6 (packet, length, sums);
  if (!sums->ip4 && !sums->ip6)
    sums->l3_offset = 0;
}

unsigned
net_ether_payload (const uint8_t *packet, size_t length, unsigned *type)
{
  unsigned at = 12;

  *type = 0;
  for (unsigned tags = 0; length >= at + 2u; tags++, at += 4)
    {
      const unsigned found = net_get16 (packet + at);

      if ((found == NET_TYPE_VLAN || found == NET_TYPE_SERVICE_VLAN) && tags < NET_MOST_TAGS)
        continue;
      *type = found;
      return at + 2;
    }
  return 0;
}

uint32_t
net_crc_address (const uint8_t address[6], gboolean big)
{
  uint32_t crc = 0xffffffff, reversed = 0;

  /* IEEE 802.3, 3.2.9: each byte's least significant bit is first on the wire. */
  for (unsigned i = 0; i < 6; i++)
    for (unsigned bit = 0; bit < 8; bit++)
      {
        const gboolean carry = ((crc >> 31) ^ (address[i] >> bit)) & 1;

        crc = crc << 1 ^ (carry ? 0x04c11db7u : 0);
      }
  if (big)
    return crc;
  for (unsigned bit = 0; bit < 32; bit++)
    reversed |= (crc >> bit & 1) << (31 - bit);
  return reversed;
}
