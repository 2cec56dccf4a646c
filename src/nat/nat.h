/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A network of one guest behind this computer's address, by libslirp: NAT for IPv4 and IPv6, DHCP, name service, TFTP, and ports that lead to the guest.
 *
 *   10.0.2.0/24, fec0::/64    .2 this computer   .3 name server   .15 the guest, by DHCP
 *
 * Packets come and go by `wire` (vmm/net/backend.h).  Neither they nor what the monitor says is trusted.  A guest that sends faster than the network, and a network that
 * is faster than the guest, wait; nothing waits for the monitor.
 *
 * Threads: one.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  const char *hostname, *bootfile; /* "": none */
  const char *tftp;                /* folder; NULL: none */
  gboolean restricted;             /* nothing but DHCP, TFTP and what comes by forwards */
} NatConfig;

typedef struct Nat Nat;

/* Of a forward that couldn't be: its place in the list and an errno. */
typedef void (*NatRefused) (void *opaque, unsigned forward, int code);

/* Takes `wire`.  What `config` has is copied. */
Nat *nat_new (const NatConfig *config, int wire);
void nat_free (Nat *nat);
/* The ports are these from now on (NetForward, base/net-forward.h); those that were there before stay as they are. */
void nat_set_forwards (Nat *nat, const GArray *forwards, NatRefused refused, void *opaque);
/* Carries packets until there is something to read at `fd`, or its other end is gone: TRUE; FALSE: the wire's is. */
gboolean nat_run (Nat *nat, int fd);

G_END_DECLS
