/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The network's side of a NetPort (net/net.h): a wire, which is a descriptor that carries packets.
 *
 * A wire is a socket of type SOCK_SEQPACKET (or a connected SOCK_DGRAM), or a network device of the host (net/wire.h), a packet a message; who is at its other end is not trusted.  It is read and
 * written without waiting by calls that say so themselves (MSG_DONTWAIT): a socket's flags are the other holder's, too.  The port keeps the packets that one side
 * can't take: one that the card refused, and what is left of one that was cut into segments.  All others stay where they are, so a slow guest slows the
 * network down, and a slow network the guest.
 *
 * Threads: each function says it.
 */
#pragma once

#include "net/dump.h"
#include "net/wire.h"

G_BEGIN_DECLS

typedef struct
{
  const char *id; /* of the device: "net0" */
  NetMac mac;
  unsigned mtu;       /* 0: NET_DEFAULT_MTU */
  unsigned takes;     /* NET_CAN_… of its wires; segments without NET_CAN_CHECKSUM: with their sums */
  gboolean network;   /* there is one, even if its wire isn't there now */
  gboolean sums_good; /* who is at the wire's other end has made or checked all sums */
  WireForm form;      /* of its wires */
  uint64_t rate;      /* bytes a second, each way; 0: no limit */
  NetDump *dump;      /* gets a copy of each packet, and is the port's; NULL: none */
  gboolean unplugged; /* the cable, at first */
  /* The wire has failed, or its other end is gone: it was closed, and what is sent is dropped until there is another one.  Device loop, the port's lock
   * held: it calls nothing of the port, and hands over what is to be done.  May be NULL. */
  void (*lost) (void *opaque);
  void *opaque;
} NetPortConfig;

typedef struct
{
  uint64_t packets, bytes;
  uint64_t dropped; /* with what made no sense */
} NetCount;
typedef struct
{
  NetCount sent, received;    /* by the guest */
  uint64_t accepted, refused; /* connections (TCP), by the guest */
  uint64_t dump_lost;         /* packets that its copy lacks */
} NetStatistics;

/* A device of the machine, which owns it and pauses it.  VM lock held. */
NetPort *net_port_new (Vm *vm, const NetPortConfig *config);
/* Before the machine has ended, behind its card.  VM lock held. */
void net_port_free (NetPort *port);

/* Takes `wire`, a socket as above, in place of the one that there was; -1: none.  Any thread. */
void net_port_connect (NetPort *port, int wire);
/* Puts the cable in, or pulls it out: then nothing goes either way.  Any thread; the card is told on the device loop. */
void net_port_plug_cable (NetPort *port, gboolean in);
gboolean net_port_cable (NetPort *port);
/* From now on; 0: no limit.  Any thread. */
void net_port_set_rate (NetPort *port, uint64_t bytes);
/* There is a network, or there is none any more, which the card takes for the same as a cable that is out.  Any thread. */
void net_port_set_network (NetPort *port, gboolean there);
/* As NetPortConfig.lost, for who comes later; NULL: nobody.  Any thread; the old one isn't called any more when it returns. */
void net_port_set_lost_func (NetPort *port, void (*lost) (void *opaque), void *opaque);
void net_port_statistics (NetPort *port, NetStatistics *statistics);

G_END_DECLS
