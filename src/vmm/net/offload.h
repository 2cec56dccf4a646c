/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Does to a packet what its sender left undone.  What a packet and its NetOffload say is a guest's or a stranger's word: each offset is checked.
 *
 * Any thread; no state.
 */
#pragma once

#include "net/net.h"

G_BEGIN_DECLS

/* More segments than that are refused: a packet with a segment a byte is nobody's but an attacker's. */
#define NET_MOST_SEGMENTS 2048u

/* A packet, in memory that is good during the call. */
typedef void (*NetEmit) (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length);

/* Something is left to be done. */
static inline gboolean
net_offload_any (const NetOffload *offload)
{
  return (offload->flags & NET_NEEDS_CHECKSUM) != 0 || offload->gso_type != NET_GSO_NONE;
}

/* Calls `emit` once, or once a segment, with what `takes` (NET_CAN_…) has left to be left.  A side that takes segments but no checksums gets them whole with their
 * sums.  Writes to `packet`.  FALSE, and nothing was emitted: it makes no sense. */
gboolean net_offload_finish (const NetOffload *offload, uint8_t *packet, size_t length, unsigned takes,
                             NetEmit emit, void *opaque);

G_END_DECLS
