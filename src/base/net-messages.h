/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a monitor and vivarium-net, which is a machine's user network, say to each other (base/message.h).  Packets go by a socket of their own, the wire: a
 * message each, behind NET_WIRE_HEADER bytes that say what is undone in it (struct virtio_net_hdr in the host's byte order); to the helper nothing is.
 *
 * A configuration is a sealed memfd with three texts, each with a 0 at its end: the guest's host name, the file that it boots from the network, and
 * the ports that lead to it (base/net-forward.h).  Each may be empty.
 */
#pragma once

#include "base/message.h"

G_BEGIN_DECLS

typedef enum
{
  /* Monitor → helper. */
  NET_MESSAGE_START = 1, /* first: descriptors of a configuration and of the wire; a: NET_START_… */
  NET_MESSAGE_FORWARDS, /* later: descriptor of another configuration, whose forwards are to be those from now on; `serial` */
  /* Helper → monitor. */
  NET_MESSAGE_READY, /* once: it carries packets; the forwards that there were no ports for were told before */
  NET_MESSAGE_REFUSED, /* a: which forward of the list, from 0; result: an errno */
  NET_MESSAGE_DONE,    /* `serial`: the answer to NET_MESSAGE_FORWARDS, behind what was refused */
  NET_MESSAGE_FAILED,  /* instead of READY; a: NetFailure */
} NetMessageOp;

typedef enum
{
  NET_FAILURE_MESSAGE, /* it didn't understand */
  NET_FAILURE_CONFINE,
  NET_FAILURE_NETWORK,
} NetFailure;

#define NET_START_RESTRICTED 1u /* the guest reaches nothing; ports lead to it */

#define NET_WIRE_HEADER 10u

#define NET_CONFIG_SIZE  16384u
#define NET_CONFIG_TEXTS 3u
/* Of DHCP: an option, and RFC 951's field with its end. */
#define NET_HOSTNAME_SIZE 63u
#define NET_BOOTFILE_SIZE 127u

/* A configuration; the descriptor is the caller's.  -1 and errno (E2BIG: too long). */
int net_config_new (const char *hostname, const char *bootfile, const char *forwards);

G_END_DECLS
