/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A port whose network is the other end of a socketpair, in the test's hands.  For tests and fuzzers of cards:
 *
 *   NetFixture net;
 *   net_fixture_open (&net, vm, NULL);              VM lock held; net.port is for the card
 *   net_fixture_give (&net, packet, length);        to the guest, when the loop is next turned
 *   net_fixture_take (&net, buffer, sizeof buffer)  what the guest has sent; 0: nothing
 *   net_fixture_close (&net);                       its end of the wire; the port goes with the machine
 */
#pragma once

#include "net/backend.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  NetPort *port;
  int wire;
  unsigned n_lost;
} NetFixture;

static const NetMac net_fixture_mac = { { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 } };

static inline void
net_fixture_on_lost (void *opaque)
{
  ((NetFixture *)opaque)->n_lost++;
}

static inline void
net_fixture_connect (NetFixture *net)
{
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
  net->wire = ends[0];
  net_port_connect (net->port, ends[1]);
}

/* `config` NULL: a card's usual network.  VM lock held. */
static inline void
net_fixture_open (NetFixture *net, Vm *vm, const NetPortConfig *config)
{
  NetPortConfig usual = { .id = "net0", .mac = net_fixture_mac, .network = TRUE };

  if (config != NULL)
    usual = *config;
  usual.lost = net_fixture_on_lost;
  usual.opaque = net;
  *net = (NetFixture){ .port = net_port_new (vm, &usual) };
  net_fixture_connect (net);
}

static inline void
net_fixture_close (NetFixture *net)
{
  if (net->wire >= 0)
    close (net->wire);
  net->wire = -1;
}

/* FALSE: the wire is full. */
static inline gboolean
net_fixture_give (NetFixture *net, const void *packet, size_t length)
{
  return send (net->wire, packet, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length;
}

static inline size_t
net_fixture_take (NetFixture *net, void *buffer, size_t size)
{
  ssize_t n = recv (net->wire, buffer, size, MSG_DONTWAIT);

  return n > 0 ? (size_t)n : 0;
}

/* A frame to `to` of `length` bytes in all; its payload counts from `seed`. */
static inline void
net_fixture_frame (uint8_t *frame, const uint8_t to[6], unsigned type, size_t length, uint8_t seed)
{
  static const uint8_t from[6] = { 0x02, 0, 0, 0, 0, 0x01 };

  memcpy (frame, to, 6);
  memcpy (frame + 6, from, 6);
  frame[12] = (uint8_t)(type >> 8);
  frame[13] = (uint8_t)type;
  for (size_t i = 14; i < length; i++)
    frame[i] = (uint8_t)(seed + i);
}
