/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A switch with members that the test is: who gets what, who comes and goes, and what one of them can do to the others.
 */
#include "switch/switch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEADER 10u
#define LENGTH 100u

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static void
address_of (unsigned member, uint8_t address[6])
{
  memcpy (address, (const uint8_t[]){ 2, 0, 0, 0, 1, (uint8_t)member }, 6);
}

/* Of LENGTH bytes behind its header. */
static void
make_packet (uint8_t *packet, unsigned header, const uint8_t to[6], const uint8_t from[6], uint8_t seed)
{
  memset (packet, seed, header + LENGTH);
  memcpy (packet + header, to, 6);
  memcpy (packet + header + 6, from, 6);
}

static int
add (Switch *self, SwitchKind kind)
{
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, kind == SWITCH_STREAM ? SOCK_STREAM : SOCK_SEQPACKET, 0, ends), ==,
                   0);
  g_assert_true (switch_add (self, ends[1], kind));
  return ends[0];
}

static void
turn (Switch *self)
{
  for (unsigned i = 0; i < 4; i++)
    switch_turn (self, 0);
}

static void
say (int fd, const uint8_t to[6], const uint8_t from[6], uint8_t seed)
{
  uint8_t packet[HEADER + LENGTH];

  make_packet (packet, HEADER, to, from, seed);
  g_assert_cmpint (send (fd, packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT), ==, sizeof packet);
}

/* The seed of the packet that has come; -1: none. */
static int
heard (int fd)
{
  uint8_t packet[HEADER + SWITCH_LONGEST];
  const ssize_t n = recv (fd, packet, sizeof packet, MSG_DONTWAIT);

  if (n <= 0)
    return -1;
  g_assert_cmpint (n, ==, HEADER + LENGTH);
  g_assert_cmpint (packet[0], ==, packet[HEADER + LENGTH - 1]);
  return packet[0];
}

/* Three machines that have said a word each. */
typedef struct
{
  Switch *self;
  int fds[3];
  uint8_t addresses[3][6];
} Three;

static void
begin (Three *t)
{
  t->self = switch_new (&(SwitchConfig){ .header = HEADER });
  for (unsigned i = 0; i < 3; i++)
    {
      t->fds[i] = add (t->self, SWITCH_PACKETS);
      address_of (i, t->addresses[i]);
    }
  for (unsigned i = 0; i < 3; i++)
    {
      say (t->fds[i], everybody, t->addresses[i], (uint8_t)(i + 1));
      turn (t->self);
      for (unsigned j = 0; j < 3; j++)
        g_assert_cmpint (heard (t->fds[j]), ==, i == j ? -1 : (int)i + 1);
    }
}

static void
end (Three *t)
{
  for (unsigned i = 0; i < 3; i++)
    if (t->fds[i] >= 0)
      close (t->fds[i]);
  switch_free (t->self);
}

static void
test_who_gets_it (void)
{
  static const uint8_t stranger[6] = { 2, 9, 9, 9, 9, 9 };
  Three t;

  begin (&t);
  say (t.fds[0], t.addresses[2], t.addresses[0], 7);
  turn (t.self);
  g_assert_cmpint (heard (t.fds[1]), ==, -1);
  g_assert_cmpint (heard (t.fds[2]), ==, 7);
  say (t.fds[0], stranger, t.addresses[0], 8);
  turn (t.self);
  g_assert_cmpint (heard (t.fds[1]), ==, 8);
  g_assert_cmpint (heard (t.fds[2]), ==, 8);
  /* To itself. */
  say (t.fds[0], t.addresses[0], t.addresses[0], 9);
  turn (t.self);
  for (unsigned i = 0; i < 3; i++)
    g_assert_cmpint (heard (t.fds[i]), ==, -1);
  end (&t);
}

/* Who says another's address doesn't get what is for it, and who is gone gets nothing. */
static void
test_thief (void)
{
  Three t;

  begin (&t);
  say (t.fds[1], everybody, t.addresses[2], 5);
  turn (t.self);
  g_assert_cmpint (heard (t.fds[0]), ==, 5);
  g_assert_cmpint (heard (t.fds[2]), ==, 5);
  say (t.fds[0], t.addresses[2], t.addresses[0], 6);
  turn (t.self);
  g_assert_cmpint (heard (t.fds[1]), ==, -1);
  g_assert_cmpint (heard (t.fds[2]), ==, 6);
  close (t.fds[2]);
  t.fds[2] = -1;
  turn (t.self);
  g_assert_cmpuint (switch_n_members (t.self), ==, 2);
  say (t.fds[1], everybody, t.addresses[2], 5);
  turn (t.self);
  g_assert_cmpint (heard (t.fds[0]), ==, 5);
  say (t.fds[0], t.addresses[2], t.addresses[0], 6);
  turn (t.self);
  g_assert_cmpint (heard (t.fds[1]), ==, 6);
  end (&t);
}

/* One that reads nothing loses what is for it; the others don't notice. */
static void
test_slow_member (void)
{
  Three t;
  unsigned n = 0;

  begin (&t);
  for (unsigned i = 0; i < 20000; i++)
    {
      say (t.fds[0], everybody, t.addresses[0], (uint8_t)i);
      g_assert_true (switch_turn (t.self, 0));
      g_assert_cmpint (heard (t.fds[1]), ==, (uint8_t)i);
    }
  while (heard (t.fds[2]) >= 0)
    n++;
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpuint (n, <, 20000);
  say (t.fds[0], everybody, t.addresses[0], 77);
  turn (t.self);
  g_assert_cmpint (heard (t.fds[2]), ==, 77);
  end (&t);
}

/* One that says as much as there is room for has a part of each turn. */
static void
test_loud_member (void)
{
  uint8_t packet[HEADER + LENGTH];
  Three t;

  begin (&t);
  make_packet (packet, HEADER, everybody, t.addresses[1], 9);
  while (send (t.fds[1], packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
    ;
  say (t.fds[0], t.addresses[2], t.addresses[0], 7);
  g_assert_true (switch_turn (t.self, 0));
  gboolean found = FALSE;
  for (int seed; (seed = heard (t.fds[2])) >= 0;)
    found = found || seed == 7;
  g_assert_true (found);
  end (&t);
}

static void
test_nonsense (void)
{
  static uint8_t huge[HEADER + SWITCH_LONGEST + 1];
  uint8_t packet[HEADER + LENGTH];
  Three t;

  begin (&t);
  make_packet (packet, HEADER, everybody, t.addresses[0], 9);
  for (size_t n = 1; n < HEADER + SWITCH_SHORTEST; n++)
    g_assert_cmpint (send (t.fds[0], packet, n, 0), ==, n);
  memcpy (huge, packet, sizeof packet);
  if (send (t.fds[0], huge, sizeof huge, MSG_DONTWAIT) < 0)
    g_assert_cmpint (errno, ==, EAGAIN);
  /* From a group address. */
  make_packet (packet, HEADER, everybody, everybody, 9);
  g_assert_cmpint (send (t.fds[0], packet, sizeof packet, 0), ==, sizeof packet);
  turn (t.self);
  turn (t.self);
  g_assert_cmpint (heard (t.fds[1]), ==, -1);
  g_assert_cmpuint (switch_n_members (t.self), ==, 3);
  /* The longest that there may be goes through. */
  say (t.fds[0], t.addresses[1], t.addresses[0], 3);
  turn (t.self);
  g_assert_cmpint (heard (t.fds[1]), ==, 3);
  /* An empty message is the end of who sends it. */
  g_assert_cmpint (send (t.fds[0], packet, 0, 0), ==, 0);
  turn (t.self);
  g_assert_cmpuint (switch_n_members (t.self), ==, 2);
  end (&t);
}

static int
listen_somewhere (struct sockaddr_un *place, socklen_t *length)
{
  const int fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

  *place = (struct sockaddr_un){ .sun_family = AF_UNIX };
  *length = sizeof *place;
  g_assert_cmpint (bind (fd, (struct sockaddr *)place, sizeof (sa_family_t)), ==, 0);
  g_assert_cmpint (listen (fd, 100), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)place, length), ==, 0);
  return fd;
}

/* They come, as many as there may be, and go, and a switch without any goes on for who comes next. */
static void
test_coming_and_going (void)
{
  Switch *self = switch_new (&(SwitchConfig){ .header = HEADER });
  struct sockaddr_un place;
  socklen_t length;
  int fds[SWITCH_MOST_MEMBERS + 3];

  switch_listen (self, listen_somewhere (&place, &length), SWITCH_PACKETS);
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = socket (AF_UNIX, SOCK_SEQPACKET, 0);
      g_assert_cmpint (connect (fds[i], (struct sockaddr *)&place, length), ==, 0);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    g_assert_true (switch_turn (self, 0));
  g_assert_cmpuint (switch_n_members (self), ==, SWITCH_MOST_MEMBERS);
  char byte;
  g_assert_cmpint (recv (fds[SWITCH_MOST_MEMBERS], &byte, 1, MSG_DONTWAIT), ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  turn (self);
  g_assert_cmpuint (switch_n_members (self), ==, 0);
  g_assert_true (switch_turn (self, 0));
  fds[0] = socket (AF_UNIX, SOCK_SEQPACKET, 0);
  g_assert_cmpint (connect (fds[0], (struct sockaddr *)&place, length), ==, 0);
  turn (self);
  g_assert_cmpuint (switch_n_members (self), ==, 1);
  close (fds[0]);
  switch_free (self);
}

/* -- Between a card and a stream ------------------------------------------------------------------- */

static size_t
put_framed (uint8_t *at, const uint8_t to[6], const uint8_t from[6], uint8_t seed)
{
  const uint32_t length = htonl (LENGTH);

  memcpy (at, &length, 4);
  make_packet (at + 4, 0, to, from, seed);
  return 4 + LENGTH;
}

static void
test_stream (void)
{
  Switch *self = switch_new (&(SwitchConfig){ .patient = TRUE });
  const int card = add (self, SWITCH_PACKETS), stream = add (self, SWITCH_STREAM);
  uint8_t ours[6], theirs[6], packet[LENGTH], got[3 * (4 + LENGTH)];
  size_t n;

  address_of (0, ours);
  address_of (1, theirs);
  make_packet (packet, 0, theirs, ours, 5);
  g_assert_cmpint (send (card, packet, LENGTH, 0), ==, LENGTH);
  turn (self);
  g_assert_cmpint (recv (stream, got, sizeof got, MSG_DONTWAIT), ==, 4 + LENGTH);
  g_assert_cmpuint (got[3], ==, LENGTH);
  g_assert_cmpmem (got + 4, LENGTH, packet, LENGTH);
  /* Back: in pieces, and several at once. */
  n = put_framed (got, ours, theirs, 1);
  for (size_t i = 0; i < n; i++)
    {
      g_assert_cmpint (send (stream, got + i, 1, 0), ==, 1);
      turn (self);
      g_assert_cmpint (recv (card, packet, LENGTH, MSG_DONTWAIT), ==, i == n - 1 ? (int)LENGTH : -1);
    }
  for (uint8_t i = 0; i < 3; i++)
    put_framed (got + i * n, ours, theirs, i);
  g_assert_cmpint (send (stream, got, 3 * n, 0), ==, 3 * n);
  turn (self);
  for (uint8_t i = 0; i < 3; i++)
    {
      g_assert_cmpint (recv (card, packet, LENGTH, MSG_DONTWAIT), ==, LENGTH);
      g_assert_cmpuint (packet[LENGTH - 1], ==, i);
    }
  g_assert_true (switch_turn (self, 0));
  /* A length that can't be ends it. */
  memset (got, 0xff, 4);
  g_assert_cmpint (send (stream, got, 4, 0), ==, 4);
  turn (self);
  g_assert_false (switch_turn (self, 0));
  close (card);
  close (stream);
  switch_free (self);
}

/* Nothing is lost, in either direction, however slow one of them is. */
static void
test_patience (void)
{
  Switch *self = switch_new (&(SwitchConfig){ .patient = TRUE });
  const int card = add (self, SWITCH_PACKETS), stream = add (self, SWITCH_STREAM);
  uint8_t ours[6], theirs[6], packet[LENGTH], framed[4 + LENGTH];
  unsigned sent = 0, got = 0;

  address_of (0, ours);
  address_of (1, theirs);
  make_packet (packet, 0, theirs, ours, 0);
  for (unsigned i = 0; i < 100000; i++)
    {
      packet[LENGTH - 1] = (uint8_t)sent;
      if (send (card, packet, LENGTH, MSG_DONTWAIT) < 0)
        break;
      sent++;
      switch_turn (self, 0);
    }
  g_assert_cmpuint (sent, <, 100000);
  while (got < sent)
    {
      turn (self);
      while (got < sent && recv (stream, framed, sizeof framed, MSG_DONTWAIT | MSG_PEEK) == sizeof framed)
        {
          g_assert_cmpint (recv (stream, framed, sizeof framed, 0), ==, sizeof framed);
          g_assert_cmpuint (framed[sizeof framed - 1], ==, (uint8_t)got);
          got++;
        }
    }
  /* The other way. */
  for (sent = 0; sent < 100000; sent++)
    {
      put_framed (framed, ours, theirs, 0);
      framed[sizeof framed - 1] = (uint8_t)sent;
      const ssize_t n = send (stream, framed, sizeof framed, MSG_DONTWAIT);
      if (n < 0)
        break;
      g_assert_cmpint (n, ==, sizeof framed);
      switch_turn (self, 0);
    }
  g_assert_cmpuint (sent, <, 100000);
  for (got = 0; got < sent;)
    {
      turn (self);
      while (recv (card, packet, LENGTH, MSG_DONTWAIT) == LENGTH)
        g_assert_cmpuint (packet[LENGTH - 1], ==, (uint8_t)got++);
    }
  g_assert_cmpuint (got, ==, sent);
  close (card);
  close (stream);
  switch_free (self);
}

/* -- A group --------------------------------------------------------------------------------------- */

/* Two machines on this computer: each hears the other, and not itself. */
static void
test_group (void)
{
  Switch *selves[2];
  int cards[2];
  uint8_t addresses[2][6], packet[LENGTH];
  struct sockaddr_in place = { .sin_family = AF_INET, .sin_port = 0 };
  socklen_t length = sizeof place;

  inet_pton (AF_INET, "239.255.86.77", &place.sin_addr);
  for (unsigned i = 0; i < 2; i++)
    {
      const int fd = socket (AF_INET, SOCK_DGRAM, 0), one = 1;
      const struct ip_mreqn member
          = { .imr_multiaddr = place.sin_addr, .imr_address.s_addr = htonl (INADDR_LOOPBACK) };

      g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), ==, 0);
      g_assert_cmpint (bind (fd, (struct sockaddr *)&place, sizeof place), ==, 0);
      g_assert_cmpint (getsockname (fd, (struct sockaddr *)&place, &length), ==, 0);
      if (setsockopt (fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof member) != 0
          || setsockopt (fd, IPPROTO_IP, IP_MULTICAST_IF, &member, sizeof member) != 0)
        {
          g_test_skip ("this host has no multicast on its loopback interface");
          return;
        }
      selves[i] = switch_new (&(SwitchConfig){ .patient = TRUE });
      cards[i] = add (selves[i], SWITCH_PACKETS);
      g_assert_true (switch_add (selves[i], fd, SWITCH_GROUP));
      address_of (i, addresses[i]);
    }
  make_packet (packet, 0, everybody, addresses[0], 5);
  g_assert_cmpint (send (cards[0], packet, LENGTH, 0), ==, LENGTH);
  for (unsigned i = 0; i < 50 && recv (cards[1], packet, LENGTH, MSG_DONTWAIT | MSG_PEEK) < 0; i++)
    {
      switch_turn (selves[0], 0);
      switch_turn (selves[1], 20);
    }
  g_assert_cmpint (recv (cards[1], packet, LENGTH, MSG_DONTWAIT), ==, LENGTH);
  turn (selves[0]);
  g_assert_cmpint (recv (cards[0], packet, LENGTH, MSG_DONTWAIT), ==, -1);
  /* Datagrams that are no packets end nothing. */
  const int stranger = socket (AF_INET, SOCK_DGRAM, 0);
  const struct ip_mreqn over = { .imr_address.s_addr = htonl (INADDR_LOOPBACK) };
  setsockopt (stranger, IPPROTO_IP, IP_MULTICAST_IF, &over, sizeof over);
  for (size_t n = 0; n < 14; n++)
    g_assert_cmpint (sendto (stranger, packet, n, 0, (struct sockaddr *)&place, sizeof place), ==, n);
  turn (selves[0]);
  g_assert_cmpuint (switch_n_members (selves[0]), ==, 2);
  close (stranger);
  for (unsigned i = 0; i < 2; i++)
    {
      close (cards[i]);
      switch_free (selves[i]);
    }
}

/* -- Another computer ------------------------------------------------------------------------------ */

/* On the loopback interface, at a port that is free. */
static int
internet (int type, struct sockaddr_in *place)
{
  const int fd = socket (AF_INET, type | SOCK_NONBLOCK, 0);
  socklen_t length = sizeof *place;

  *place = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  g_assert_cmpint (bind (fd, (struct sockaddr *)place, sizeof *place), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)place, &length), ==, 0);
  return fd;
}

static void
assert_card_hears (Switch *self, int card, uint8_t seed)
{
  uint8_t packet[LENGTH + 1];

  for (unsigned i = 0; i < 50 && recv (card, packet, sizeof packet, MSG_DONTWAIT | MSG_PEEK) < 0; i++)
    switch_turn (self, 20);
  g_assert_cmpint (recv (card, packet, sizeof packet, MSG_DONTWAIT), ==, LENGTH);
  g_assert_cmpuint (packet[LENGTH - 1], ==, seed);
}

/* Datagrams: nobody else is heard, and one that isn't there, or talks nonsense, ends nothing. */
static void
test_pair (void)
{
  Switch *self = switch_new (&(SwitchConfig){ 0 });
  const int card = add (self, SWITCH_PACKETS);
  struct sockaddr_in here, there, elsewhere;
  const int ours = internet (SOCK_DGRAM, &here), stranger = internet (SOCK_DGRAM, &elsewhere);
  int theirs = internet (SOCK_DGRAM, &there);
  uint8_t addresses[2][6], packet[LENGTH], got[LENGTH + 1];

  g_assert_cmpint (connect (ours, (struct sockaddr *)&there, sizeof there), ==, 0);
  g_assert_true (switch_add (self, ours, SWITCH_PAIR));
  close (theirs);
  for (unsigned i = 0; i < 2; i++)
    address_of (i, addresses[i]);
  make_packet (packet, 0, everybody, addresses[0], 5);
  for (unsigned i = 0; i < 5; i++)
    {
      g_assert_cmpint (send (card, packet, LENGTH, 0), ==, LENGTH);
      turn (self);
    }
  g_assert_cmpuint (switch_n_members (self), ==, 2);
  theirs = socket (AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  g_assert_cmpint (bind (theirs, (struct sockaddr *)&there, sizeof there), ==, 0);
  g_assert_cmpint (send (card, packet, LENGTH, 0), ==, LENGTH);
  for (unsigned i = 0; i < 50 && recv (theirs, got, sizeof got, MSG_PEEK) < 0; i++)
    switch_turn (self, 20);
  g_assert_cmpint (recv (theirs, got, sizeof got, 0), ==, LENGTH);
  g_assert_cmpmem (got, LENGTH, packet, LENGTH);
  for (size_t n = 0; n < 14; n++)
    g_assert_cmpint (sendto (theirs, packet, n, 0, (struct sockaddr *)&here, sizeof here), ==, n);
  make_packet (packet, 0, everybody, addresses[1], 6);
  g_assert_cmpint (sendto (stranger, packet, LENGTH, 0, (struct sockaddr *)&here, sizeof here), ==, LENGTH);
  make_packet (packet, 0, everybody, addresses[1], 7);
  g_assert_cmpint (sendto (theirs, packet, LENGTH, 0, (struct sockaddr *)&here, sizeof here), ==, LENGTH);
  assert_card_hears (self, card, 7);
  close (card);
  close (theirs);
  close (stranger);
  switch_free (self);
}

static int
come (const struct sockaddr_in *place)
{
  const int fd = socket (AF_INET, SOCK_STREAM, 0);

  g_assert_cmpint (connect (fd, (const struct sockaddr *)place, sizeof *place), ==, 0);
  return fd;
}

/* Streams that come to a listener: one at a time, and the next one when that has gone. */
static void
test_one_at_a_time (void)
{
  Switch *self = switch_new (&(SwitchConfig){ 0 });
  const int card = add (self, SWITCH_PACKETS);
  struct sockaddr_in place;
  const int listener = internet (SOCK_STREAM, &place);
  uint8_t from[6], framed[4 + LENGTH];

  address_of (1, from);
  g_assert_cmpint (listen (listener, 4), ==, 0);
  switch_listen (self, listener, SWITCH_STREAM);
  g_assert_true (switch_turn (self, 0));
  const int first = come (&place), second = come (&place);
  put_framed (framed, everybody, from, 2);
  g_assert_cmpint (send (second, framed, sizeof framed, 0), ==, sizeof framed);
  put_framed (framed, everybody, from, 1);
  g_assert_cmpint (send (first, framed, sizeof framed, 0), ==, sizeof framed);
  assert_card_hears (self, card, 1);
  turn (self);
  g_assert_cmpuint (switch_n_members (self), ==, 2);
  g_assert_cmpint (recv (card, framed, sizeof framed, MSG_DONTWAIT), ==, -1);
  /* Who talks nonsense is as good as gone. */
  memset (framed, 0xff, 4);
  g_assert_cmpint (send (first, framed, 4, 0), ==, 4);
  assert_card_hears (self, card, 2);
  close (second);
  for (unsigned i = 0; i < 50 && switch_n_members (self) > 1; i++)
    g_assert_true (switch_turn (self, 20));
  g_assert_cmpuint (switch_n_members (self), ==, 1);
  g_assert_true (switch_turn (self, 0));
  close (first);
  close (card);
  switch_free (self);
}

/* A connection that nobody answers ends it; one that comes about carries packets from then on. */
static void
test_connecting (void)
{
  struct sockaddr_in place;
  const int listener = internet (SOCK_STREAM, &place);
  uint8_t addresses[2][6], packet[LENGTH], framed[4 + LENGTH];

  for (unsigned i = 0; i < 2; i++)
    address_of (i, addresses[i]);
  make_packet (packet, 0, everybody, addresses[0], 3);
  for (unsigned there = 0; there < 2; there++)
    {
      Switch *self = switch_new (&(SwitchConfig){ 0 });
      const int card = add (self, SWITCH_PACKETS), fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      gboolean goes_on = TRUE;

      if (there)
        g_assert_cmpint (listen (listener, 1), ==, 0);
      (void)!connect (fd, (struct sockaddr *)&place, sizeof place);
      g_assert_true (switch_add (self, fd, SWITCH_STREAM));
      g_assert_cmpint (send (card, packet, LENGTH, 0), ==, LENGTH);
      for (unsigned i = 0; i < 50 && goes_on && !there; i++)
        goes_on = switch_turn (self, 20);
      g_assert_cmpint (goes_on, ==, there);
      if (there)
        {
          int accepted = -1;

          for (unsigned i = 0; i < 50 && accepted < 0; i++)
            {
              accepted = accept4 (listener, NULL, NULL, SOCK_NONBLOCK);
              switch_turn (self, 20);
            }
          g_assert_cmpint (send (card, packet, LENGTH, 0), ==, LENGTH);
          for (unsigned i = 0; i < 50 && recv (accepted, framed, sizeof framed, MSG_PEEK) < 0; i++)
            switch_turn (self, 20);
          g_assert_cmpint (recv (accepted, framed, sizeof framed, 0), ==, sizeof framed);
          g_assert_cmpmem (framed + 4, LENGTH, packet, LENGTH);
          close (accepted);
        }
      close (card);
      switch_free (self);
    }
  close (listener);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/switch/who-gets-it", test_who_gets_it);
  g_test_add_func ("/switch/thief", test_thief);
  g_test_add_func ("/switch/slow-member", test_slow_member);
  g_test_add_func ("/switch/loud-member", test_loud_member);
  g_test_add_func ("/switch/nonsense", test_nonsense);
  g_test_add_func ("/switch/coming-and-going", test_coming_and_going);
  g_test_add_func ("/switch/stream", test_stream);
  g_test_add_func ("/switch/patience", test_patience);
  g_test_add_func ("/switch/group", test_group);
  g_test_add_func ("/switch/pair", test_pair);
  g_test_add_func ("/switch/one-at-a-time", test_one_at_a_time);
  g_test_add_func ("/switch/connecting", test_connecting);
  return g_test_run ();
}
