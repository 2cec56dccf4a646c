/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packets with sums, and what becomes of them, for tests of cards.
 */
#pragma once

#include "card-driver.h"

/* IPv4 with TCP or UDP in `length` bytes, all but the payload's sums in place: 0 where they go, or (`whole`) as they should be. */
static inline void
sums_make_ip4 (uint8_t *packet, size_t length, uint8_t protocol, gboolean whole)
{
  uint8_t *ip = packet + NET_ETHER_HEADER, *l4 = ip + NET_IP4_HEADER;
  const size_t l4_length = length - NET_ETHER_HEADER - NET_IP4_HEADER;
  const unsigned sum_at = protocol == NET_PROTOCOL_TCP ? (unsigned)NET_TCP_SUM : (unsigned)NET_UDP_SUM;
  uint16_t sum;

  card_fill (packet, length, NULL, 5);
  net_put16 (packet + 12, NET_TYPE_IP4);
  memset (ip, 0, NET_IP4_HEADER);
  ip[0] = 0x45;
  net_put16 (ip + NET_IP4_LENGTH, (unsigned)(length - NET_ETHER_HEADER));
  net_put16 (ip + NET_IP4_ID, 0x1234);
  ip[8] = 64;
  ip[NET_IP4_PROTOCOL] = protocol;
  memcpy (ip + 12, "\x0a\x00\x02\x0f\x0a\x00\x02\x02", 8);
  if (protocol == NET_PROTOCOL_TCP)
    {
      memset (l4, 0, NET_TCP_HEADER);
      net_put16 (l4, 1000);
      net_put16 (l4 + 2, 80);
      net_put32 (l4 + NET_TCP_SEQUENCE, 0xfffff000);
      l4[NET_TCP_OFFSET] = 0x50;
      l4[NET_TCP_FLAGS] = 0x18;
    }
  else
    {
      net_put16 (l4, 1000);
      net_put16 (l4 + 2, 53);
      net_put16 (l4 + NET_UDP_LENGTH, (unsigned)l4_length);
      net_put16 (l4 + NET_UDP_SUM, 0);
    }
  sum = (uint16_t)~net_checksum_fold (net_checksum_pseudo (ip, FALSE, protocol, l4_length));
  memcpy (l4 + sum_at, &sum, sizeof sum);
  if (!whole)
    return;
  sum = net_checksum_fold (net_checksum_add (0, l4, l4_length));
  memcpy (l4 + sum_at, &sum, sizeof sum);
  sum = net_checksum_fold (net_checksum_add (0, ip, NET_IP4_HEADER));
  memcpy (ip + NET_IP4_SUM, &sum, sizeof sum);
}

/* What was sent is the segments of `whole`, with lengths, numbers, flags and sums of their own. */
static inline void
sums_check_segments (Card *c, const uint8_t *whole, unsigned length, unsigned header, unsigned size)
{
  for (unsigned at = header, n = 0; at < length; at += size, n++)
    {
      const unsigned part = MIN (size, length - at), l4 = part + header - 34;
      CardPacket *packet = card_sent (c);
      uint8_t *ip;

      g_assert_nonnull (packet);
      ip = packet->bytes + 14;
      g_assert_cmpmem (packet->bytes + header, packet->length - header, whole + at, part);
      g_assert_cmpuint (net_get16 (ip + NET_IP4_LENGTH), ==, part + header - 14);
      g_assert_cmphex (net_get16 (ip + NET_IP4_ID), ==, 0x1234 + n);
      g_assert_cmphex (net_get32 (ip + 20 + NET_TCP_SEQUENCE), ==, (uint32_t)(0xfffff000 + n * size));
      g_assert_cmphex (ip[20 + NET_TCP_FLAGS], ==, at + part == length ? 0x18 : 0x10);
      g_assert_cmphex (net_checksum_fold (net_checksum_add (0, ip, NET_IP4_HEADER)), ==, 0);
      g_assert_cmphex (net_checksum_fold (net_checksum_add (
                           net_checksum_pseudo (ip, FALSE, NET_PROTOCOL_TCP, l4), ip + 20, l4)),
                       ==, 0);
      g_free (packet);
    }
  g_assert_null (card_sent (c));
}
