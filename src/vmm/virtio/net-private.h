/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the files of the network adapter: net.c has its packets and life, net-control.c what its driver tells it: filters, offloads, how many queues.
 *
 * A queue has the lock of its ring; the filters have one of their own behind these, as a reset comes on a processor's thread.
 */
#pragma once

#include "virtio/net.h"
#include "virtio/virtio.h"

G_BEGIN_DECLS

/* 5.1.3 */
#define F_CSUM                VIRT_FEATURE (0)
#define F_GUEST_CSUM          VIRT_FEATURE (1)
#define F_CTRL_GUEST_OFFLOADS VIRT_FEATURE (2)
#define F_MTU                 VIRT_FEATURE (3)
#define F_MAC                 VIRT_FEATURE (5)
#define F_GUEST_TSO4          VIRT_FEATURE (7)
#define F_GUEST_TSO6          VIRT_FEATURE (8)
#define F_GUEST_ECN           VIRT_FEATURE (9)
#define F_HOST_TSO4           VIRT_FEATURE (11)
#define F_HOST_TSO6           VIRT_FEATURE (12)
#define F_HOST_ECN            VIRT_FEATURE (13)
#define F_MRG_RXBUF           VIRT_FEATURE (15)
#define F_STATUS              VIRT_FEATURE (16)
#define F_CTRL_VQ             VIRT_FEATURE (17)
#define F_CTRL_RX             VIRT_FEATURE (18)
#define F_CTRL_VLAN           VIRT_FEATURE (19)
#define F_CTRL_RX_EXTRA       VIRT_FEATURE (20)
#define F_GUEST_ANNOUNCE      VIRT_FEATURE (21)
#define F_MQ                  VIRT_FEATURE (22)
#define F_CTRL_MAC_ADDR       VIRT_FEATURE (23)
#define F_GUEST_USO4          VIRT_FEATURE (54)
#define F_GUEST_USO6          VIRT_FEATURE (55)
#define F_HOST_USO            VIRT_FEATURE (56)
#define F_OFFLOADS            (F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6 | F_GUEST_ECN | F_GUEST_USO4 | F_GUEST_USO6)
#define F_ALL                                                                                           \
  (F_OFFLOADS | F_CSUM | F_CTRL_GUEST_OFFLOADS | F_MTU | F_MAC | F_HOST_TSO4 | F_HOST_TSO6 | F_HOST_ECN \
   | F_MRG_RXBUF | F_STATUS | F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN | F_CTRL_RX_EXTRA | F_GUEST_ANNOUNCE  \
   | F_CTRL_MAC_ADDR | F_HOST_USO | F_MQ)

/* 5.1.4: offsets in the configuration. */
enum
{
  CONFIG_MAC = 0,
  CONFIG_STATUS = 6,
  CONFIG_PAIRS = 8,
  CONFIG_MTU = 10,
  CONFIG_SIZE = 12,
};
enum
{
  STATUS_LINK_UP = 1,
  STATUS_ANNOUNCE = 2,
};

/* 5.1.2: a pair is a queue to receive by, and behind it one to send by; behind the last pair that the driver may use is the control queue. */
#define NET_MOST_PAIRS 8u

#define QUEUE_SIZE  256
#define MOST_CHAINS QUEUE_SIZE /* of a packet that is received */
#define NET_FLOWS   256u
#define NET_N_MODES 6u
#define MOST_MACS   64u /* in a table; with more all pass */
#define N_VLANS     4096u

typedef struct
{
  uint8_t mac[6];
  uint8_t modes[NET_N_MODES];
  uint8_t n_unicast, n_multicast; /* above MOST_MACS: too many */
  uint8_t unicast[MOST_MACS * 6], multicast[MOST_MACS * 6];
  uint8_t vlans[N_VLANS / 8];
} NetFilters;

typedef struct
{
  VirtChain chain;
  gboolean full; /* the port took no more */
} NetSender;

typedef struct
{
  VirtDevice virt;
  NetPort *port;
  unsigned n_pairs; /* that there are */
  GMutex lock;
  NetFilters filters; /* under it */
  uint64_t offloads;  /* F_OFFLOADS that are on; under it */
  uint16_t pairs;     /* in use; under it */
  gboolean attached, loaded;

  /* Under the queues' locks; the device loop's alone what more than one queue has. */
  NetSender
      senders[NET_MOST_PAIRS + 1]; /* by n / 2 of the queue; the last is the control queue's, and unused */
  uint8_t *copy;                   /* of a packet of more pieces than the port takes */
  VirtChain command;
  VirtChain received[MOST_CHAINS]; /* of which the first n_received are in use within a call */
  unsigned n_made;
  uint8_t pair_of[NET_FLOWS]; /* by which a connection's last packet was sent, and so is received */
} VirtNet;

static inline unsigned
net_receive_queue (unsigned pair)
{
  return 2 * pair;
}
static inline unsigned
net_send_queue (unsigned pair)
{
  return 2 * pair + 1;
}
static inline unsigned
net_control_queue (const VirtDevice *virt)
{
  return virt_has (virt, F_MQ) ? virt->n_queues - 1 : 2;
}

/* net-control.c: */
extern const StateField net_filters_state[];
/* As a driver finds them. */
void net_reset_filters (VirtNet *net);
/* Any thread. */
gboolean net_passes (VirtNet *net, const uint8_t *packet, size_t length);
unsigned net_pairs (VirtNet *net);
void net_set_pairs (VirtNet *net, unsigned pairs);
void net_set_offloads (VirtNet *net, uint64_t offloads);
/* The port hears what is on; the filters' lock held, or nobody else there yet. */
void net_tell_port (VirtNet *net);
/* A chain of queue `n`, which was that of control when it was taken: device loop, the queue's lock held. */
void net_command (VirtNet *net, unsigned n, VirtChain *chain);

G_END_DECLS
