/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the network sends to the guest, in fewer packets: segments of one connection that follow each other become one, which says how it is to be cut again (VIRTIO 1.2, 5.1.6:
 * struct virtio_net_hdr), and an acknowledgement that a later one says again is left out.  One packet waits at most; who has nothing more to say flushes it.
 *
 * Packets are taken for a stranger's.  Threads: one.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define JOIN_HEADER  10u    /* bytes: struct virtio_net_hdr, in the host's byte order */
#define JOIN_LONGEST 65549u /* bytes of what is joined: Ethernet's header and the longest IPv4 packet */
/* How long the acknowledgement of a few bytes waits for the answer to them, ns. */
#define JOIN_PATIENCE (200 * 1000)

typedef struct Join Join;

/* A packet that is to go now. */
typedef void (*JoinEmit) (void *opaque, const uint8_t header[JOIN_HEADER], const uint8_t *packet,
                          size_t length);

Join *join_new (JoinEmit emit, void *opaque);
void join_free (Join *join);
/* The next packet; it is copied, or emitted before it returns. */
void join_packet (Join *join, const uint8_t *packet, size_t length, gint64 now);
/* Nothing follows at once.  How many ns what still waits may wait, at most JOIN_PATIENCE; -1: nothing does.  `now`: ns of a clock that doesn't go back. */
gint64 join_flush (Join *join, gint64 now);

G_END_DECLS
