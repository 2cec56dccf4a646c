/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "viv-switch"

#include "switch/switch.h"

#include "switch/addresses.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKETS_A_TURN 16u           /* of a member */
#define SEND_BUFFER    (1024 * 1024) /* bytes, as far as the host lets us: what waits for a member */
#define LENGTH_SIZE    4u            /* before each packet of a stream */
#define ACCEPTS_A_TURN 4u

typedef struct
{
  int fd; /* -1: there is none */
  SwitchKind kind;
  gboolean gone;            /* is taken out at the end of the turn */
  struct sockaddr_in group; /* SWITCH_GROUP */
  GByteArray *coming;       /* SWITCH_STREAM: what has come of it */
  GByteArray *waiting;      /* of a patient switch: a packet, or its rest, that it has no room for */
} Member;

struct Switch
{
  SwitchConfig config;
  Member members[SWITCH_MOST_MEMBERS];
  Addresses *addresses;
  int listener;
  SwitchKind listens_for;
  unsigned first; /* who is heard first in the next turn */
  gint64 now;
  uint8_t *packet;
};

/* -- Members --------------------------------------------------------------------------------------- */

Switch *
switch_new (const SwitchConfig *config)
{
  Switch *self = g_new0 (Switch, 1);

  self->config = *config;
  self->listener = -1;
  self->addresses = addresses_new (SWITCH_MOST_MEMBERS, SWITCH_MOST_ADDRESSES);
  self->packet = g_malloc (config->header + SWITCH_LONGEST);
  for (unsigned i = 0; i < SWITCH_MOST_MEMBERS; i++)
    self->members[i].fd = -1;
  return self;
}

static void
leave (Switch *self, unsigned number)
{
  Member *member = &self->members[number];

  addresses_forget (self->addresses, number);
  close (member->fd);
  g_byte_array_unref (member->coming);
  g_byte_array_unref (member->waiting);
  *member = (Member){ .fd = -1 };
}

void
switch_free (Switch *self)
{
  for (unsigned i = 0; i < SWITCH_MOST_MEMBERS; i++)
    if (self->members[i].fd >= 0)
      leave (self, i);
  if (self->listener >= 0)
    close (self->listener);
  addresses_free (self->addresses);
  g_free (self->packet);
  g_free (self);
}

gboolean
switch_add (Switch *self, int fd, SwitchKind kind)
{
  const int wanted = SEND_BUFFER;

  for (unsigned i = 0; i < SWITCH_MOST_MEMBERS; i++)
    {
      Member *member = &self->members[i];
      socklen_t length = sizeof member->group;

      if (member->fd >= 0)
        continue;
      *member = (Member){ .fd = fd, .kind = kind };
      member->coming = g_byte_array_new ();
      member->waiting = g_byte_array_new ();
      if (kind == SWITCH_GROUP
          && (getsockname (fd, (struct sockaddr *)&member->group, &length) != 0
              || member->group.sin_family != AF_INET))
        member->gone = TRUE;
      setsockopt (fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
      return TRUE;
    }
  close (fd);
  return FALSE;
}

void
switch_listen (Switch *self, int listener, SwitchKind kind)
{
  self->listener = listener;
  self->listens_for = kind;
}

unsigned
switch_n_members (const Switch *self)
{
  unsigned n = 0;

  for (unsigned i = 0; i < SWITCH_MOST_MEMBERS; i++)
    n += self->members[i].fd >= 0;
  return n;
}

/* Nothing that comes or is refused ends it. */
static gboolean
is_datagrams (const Member *member)
{
  return member->kind == SWITCH_GROUP || member->kind == SWITCH_PAIR;
}

/* -- To members ------------------------------------------------------------------------------------ */

/* Bytes that it has taken; 0: it has no room.  Who is gone has taken all. */
static size_t
write_member (Member *member, struct iovec *iov, unsigned n, size_t length)
{
  struct msghdr message = { .msg_iov = iov, .msg_iovlen = n };
  ssize_t done;

  if (member->kind == SWITCH_GROUP)
    {
      message.msg_name = &member->group;
      message.msg_namelen = sizeof member->group;
    }
  do
    done = sendmsg (member->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (done < 0 && errno == EINTR);
  if (done >= 0)
    return (size_t)done;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
    return 0;
  /* A host whose network is away gets another packet later. */
  if (!is_datagrams (member) && errno != EMSGSIZE)
    member->gone = TRUE;
  return length;
}

static void
give (Switch *self, unsigned to, const uint8_t *packet, size_t length)
{
  Member *member = &self->members[to];
  const uint32_t prefix = GUINT32_TO_BE ((uint32_t)length);
  const gboolean stream = member->kind == SWITCH_STREAM;
  struct iovec iov[2] = { { (void *)&prefix, LENGTH_SIZE }, { (void *)packet, length } };
  const size_t all = length + (stream ? LENGTH_SIZE : 0);
  size_t done;

  if (member->gone || member->waiting->len > 0)
    return;
  done = write_member (member, stream ? iov : iov + 1, stream ? 2 : 1, all);
  /* A stream that has begun a packet must end it. */
  if (done >= all || member->gone || (!self->config.patient && done == 0))
    return;
  if (stream && done < LENGTH_SIZE)
    g_byte_array_append (member->waiting, (const guint8 *)&prefix + done, (guint)(LENGTH_SIZE - done));
  done = stream ? MAX (done, LENGTH_SIZE) - LENGTH_SIZE : 0;
  g_byte_array_append (member->waiting, packet + done, (guint)(length - done));
}

static void
give_waiting (Member *member)
{
  struct iovec iov = { member->waiting->data, member->waiting->len };
  const size_t done = write_member (member, &iov, 1, iov.iov_len);

  if (done > 0)
    g_byte_array_remove_range (member->waiting, 0, (guint)MIN (done, iov.iov_len));
}

/* -- From members ---------------------------------------------------------------------------------- */

/* A packet with its header. */
static void
carry (Switch *self, unsigned from, const uint8_t *packet, size_t length)
{
  const uint8_t *to = packet + self->config.header, *source = to + 6;
  int owner;

  if (length < self->config.header + SWITCH_SHORTEST || length > self->config.header + SWITCH_LONGEST
      || (source[0] & 1) != 0)
    return;
  owner = addresses_find (self->addresses, source);
  /* A group hears what it says itself. */
  if (self->members[from].kind == SWITCH_GROUP && owner >= 0 && (unsigned)owner != from)
    return;
  addresses_learn (self->addresses, from, source, self->now);
  owner = (to[0] & 1) != 0 ? -1 : addresses_find (self->addresses, to);
  for (unsigned i = 0; i < SWITCH_MOST_MEMBERS; i++)
    if (i != from && self->members[i].fd >= 0 && (owner < 0 || (unsigned)owner == i))
      give (self, i, packet, length);
}

static gboolean
must_wait (const Switch *self)
{
  for (unsigned i = 0; self->config.patient && i < SWITCH_MOST_MEMBERS; i++)
    if (self->members[i].fd >= 0 && self->members[i].waiting->len > 0)
      return TRUE;
  return FALSE;
}

static void
hear_packets (Switch *self, unsigned number)
{
  const size_t room = self->config.header + SWITCH_LONGEST;
  Member *member = &self->members[number];

  for (unsigned i = 0; i < PACKETS_A_TURN && !member->gone && !must_wait (self); i++)
    {
      const ssize_t n = recv (member->fd, self->packet, room, MSG_DONTWAIT | MSG_TRUNC);

      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
      if (n <= 0 && !is_datagrams (member))
        member->gone = TRUE;
      else if (n > 0 && (size_t)n <= room)
        carry (self, number, self->packet, (size_t)n);
    }
}

/* Those packets of a stream that are whole. */
static void
carry_coming (Switch *self, unsigned number)
{
  Member *member = &self->members[number];
  size_t at = 0;

  while (!member->gone && member->coming->len - at >= LENGTH_SIZE && !must_wait (self))
    {
      uint32_t length;

      memcpy (&length, member->coming->data + at, LENGTH_SIZE);
      length = GUINT32_FROM_BE (length);
      if (length < SWITCH_SHORTEST || length > SWITCH_LONGEST)
        member->gone = TRUE; /* where the next one begins nobody knows */
      else if (member->coming->len - at - LENGTH_SIZE < length)
        break;
      else
        {
          carry (self, number, member->coming->data + at + LENGTH_SIZE, length);
          at += LENGTH_SIZE + length;
        }
    }
  g_byte_array_remove_range (member->coming, 0, (guint)at);
}

static void
hear_stream (Switch *self, unsigned number)
{
  Member *member = &self->members[number];
  ssize_t n;

  if (member->coming->len < LENGTH_SIZE + SWITCH_LONGEST)
    {
      n = recv (member->fd, self->packet, LENGTH_SIZE + SWITCH_LONGEST - member->coming->len, MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
      if (n <= 0)
        member->gone = TRUE;
      else
        g_byte_array_append (member->coming, self->packet, (guint)n);
    }
  carry_coming (self, number);
}

static void
hear (Switch *self, unsigned number)
{
  if (self->members[number].kind == SWITCH_STREAM)
    hear_stream (self, number);
  else
    hear_packets (self, number);
}

static gboolean
has_place (const Switch *self)
{
  return self->listener >= 0 && (self->listens_for != SWITCH_STREAM || switch_n_members (self) < 2);
}

static void
let_in (Switch *self)
{
  for (unsigned i = 0; i < ACCEPTS_A_TURN && has_place (self); i++)
    {
      const int fd = accept4 (self->listener, NULL, NULL, SOCK_CLOEXEC);

      if (fd < 0)
        return;
      if (!switch_add (self, fd, self->listens_for))
        g_message ("there are %u machines on this network already", SWITCH_MOST_MEMBERS);
    }
}

/* -- Turns ----------------------------------------------------------------------------------------- */

gboolean
switch_turn (Switch *self, int timeout_ms)
{
  struct pollfd waits[SWITCH_MOST_MEMBERS + 1];
  const gboolean patience = must_wait (self);

  for (unsigned i = 0; i < SWITCH_MOST_MEMBERS; i++)
    {
      const Member *member = &self->members[i];
      const gboolean more = member->fd >= 0 && member->waiting->len > 0;

      waits[i] = (struct pollfd){ member->fd, (short)((patience ? 0 : POLLIN) | (more ? POLLOUT : 0)), 0 };
    }
  waits[SWITCH_MOST_MEMBERS] = (struct pollfd){ has_place (self) ? self->listener : -1, POLLIN, 0 };
  if (poll (waits, G_N_ELEMENTS (waits), timeout_ms) < 0 && errno != EINTR)
    return FALSE;
  self->now = g_get_monotonic_time ();
  for (unsigned i = 0; i < SWITCH_MOST_MEMBERS; i++)
    if (waits[i].revents & POLLOUT)
      give_waiting (&self->members[i]);
  for (unsigned i = 0; i < SWITCH_MOST_MEMBERS; i++)
    {
      const unsigned number = (self->first + i) % SWITCH_MOST_MEMBERS;
      Member *member = &self->members[number];

      if (member->fd < 0)
        continue;
      if (member->kind == SWITCH_STREAM && member->coming->len > 0)
        carry_coming (self, number);
      if (waits[number].revents & (POLLIN | POLLHUP | POLLERR))
        hear (self, number);
      /* It would be told again and again while nobody hears it. */
      if (patience && (waits[number].revents & (POLLHUP | POLLERR)) && !is_datagrams (member))
        member->gone = TRUE;
    }
  self->first = (self->first + 1) % SWITCH_MOST_MEMBERS;
  for (unsigned i = 0; i < SWITCH_MOST_MEMBERS; i++)
    if (self->members[i].fd >= 0 && self->members[i].gone)
      leave (self, i);
  if (waits[SWITCH_MOST_MEMBERS].revents & POLLIN)
    let_in (self);
  return self->listener >= 0 || switch_n_members (self) > 1;
}
