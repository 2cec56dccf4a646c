/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "viv-net"

#include "nat/nat.h"

#include "base/net-forward.h"
#include "base/net-messages.h"
#include "nat/fragments.h"
#include "nat/join.h"

#include <errno.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONGEST_PACKET 65600u /* a segment of 64 KiB with its headers */
#define PACKETS_A_TURN 64u
#define ENOUGH_WAITING \
  64u /* packets for the guest: until there are fewer nothing more is read from the network */
#define MOST_WAITING 2048u /* what connections answer on their own is dropped above */

typedef struct
{
  Nat *nat;
  SlirpTimerId id;
  void *opaque;
  int64_t at; /* ms; -1: not set */
} Timer;

/* With its header on the wire. */
typedef struct
{
  size_t length;
  uint8_t bytes[];
} Packet;

struct Nat
{
  Slirp *slirp;
  int wire;
  char *hostname, *bootfile, *tftp;
  GPtrArray *timers; /* Timer */
  GQueue waiting;    /* Packet, for the guest */
  gboolean lost;
  GArray *polls;    /* struct pollfd */
  GArray *forwards; /* NetForward that are open */
  Fragments *fragments;
  Join *join;
  uint8_t *packet; /* with its header */
};

/* -- For the library ------------------------------------------------------------------------------- */

static int64_t
clock_ns (void *opaque)
{
  return g_get_monotonic_time () * 1000;
}

static int64_t
clock_ms (void)
{
  return g_get_monotonic_time () / 1000;
}

/* FALSE: the wire has no room. */
static gboolean
write_wire (Nat *nat, struct iovec *iov, unsigned n_pieces)
{
  const struct msghdr message = { .msg_iov = iov, .msg_iovlen = n_pieces };
  ssize_t n;

  do
    n = sendmsg (nat->wire, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    return FALSE;
  nat->lost = nat->lost || (n < 0 && (errno == EPIPE || errno == ECONNRESET));
  return TRUE;
}

static void
flush_waiting (Nat *nat)
{
  Packet *first;

  while ((first = g_queue_peek_head (&nat->waiting)) != NULL
         && write_wire (nat, &(struct iovec){ first->bytes, first->length }, 1))
    g_free (g_queue_pop_head (&nat->waiting));
}

static void
on_joined (void *opaque, const uint8_t header[JOIN_HEADER], const uint8_t *data, size_t length)
{
  struct iovec iov[] = { { (uint8_t *)header, JOIN_HEADER }, { (uint8_t *)data, length } };
  Nat *nat = opaque;
  Packet *packet;

  if (g_queue_is_empty (&nat->waiting) && write_wire (nat, iov, G_N_ELEMENTS (iov)))
    return;
  if (g_queue_get_length (&nat->waiting) >= MOST_WAITING)
    return;
  packet = g_malloc (sizeof *packet + JOIN_HEADER + length);
  packet->length = JOIN_HEADER + length;
  memcpy (packet->bytes, header, JOIN_HEADER);
  memcpy (packet->bytes + JOIN_HEADER, data, length);
  g_queue_push_tail (&nat->waiting, packet);
}

static ssize_t
on_packet (const void *data, size_t length, void *opaque)
{
  Nat *nat = opaque;

  if (length > 0 && length <= LONGEST_PACKET)
    join_packet (nat->join, data, length, clock_ns (nat));
  return (ssize_t)length;
}

/* What a guest does wrong it does as often as it likes. */
static void
on_guest_error (const char *message, void *opaque)
{
  g_debug ("%s", message);
}

static void *
timer_new (SlirpTimerId id, void *cb_opaque, void *opaque)
{
  Nat *nat = opaque;
  Timer *timer = g_new (Timer, 1);

  *timer = (Timer){ .nat = nat, .id = id, .opaque = cb_opaque, .at = -1 };
  g_ptr_array_add (nat->timers, timer);
  return timer;
}

static void
timer_free (void *timer, void *opaque)
{
  g_ptr_array_remove (((Nat *)opaque)->timers, timer);
}

static void
timer_mod (void *timer, int64_t at, void *opaque)
{
  ((Timer *)timer)->at = MAX (at, 0);
}

static void
on_poll_fd (int fd, void *opaque)
{
}

static void
on_notify (void *opaque)
{
}

static const SlirpCb callbacks = {
  .send_packet = on_packet,
  .guest_error = on_guest_error,
  .clock_get_ns = clock_ns,
  .timer_free = timer_free,
  .timer_mod = timer_mod,
  .register_poll_fd = on_poll_fd,
  .unregister_poll_fd = on_poll_fd,
  .notify = on_notify,
  .timer_new_opaque = timer_new,
};

/* -- Life ------------------------------------------------------------------------------------------ */

static struct in_addr
address (const char *text)
{
  struct in_addr result = { 0 };

  inet_pton (AF_INET, text, &result);
  return result;
}

static struct in6_addr
address6 (const char *text)
{
  struct in6_addr result = { 0 };

  inet_pton (AF_INET6, text, &result);
  return result;
}

Nat *
nat_new (const NatConfig *config, int wire)
{
  Nat *nat = g_new0 (Nat, 1);
  SlirpConfig slirp = {
    .version = 4,
    .in_enabled = true,
    .vnetwork = address ("10.0.2.0"),
    .vnetmask = address ("255.255.255.0"),
    .vhost = address ("10.0.2.2"),
    .vdhcp_start = address ("10.0.2.15"),
    .vnameserver = address ("10.0.2.3"),
    .in6_enabled = true,
    .vprefix_addr6 = address6 ("fec0::"),
    .vprefix_len = 64,
    .vhost6 = address6 ("fec0::2"),
    .vnameserver6 = address6 ("fec0::3"),
  };

  nat->wire = wire;
  nat->hostname = g_strdup (config->hostname);
  nat->bootfile = g_strdup (config->bootfile);
  nat->tftp = g_strdup (config->tftp);
  slirp.vhostname = nat->hostname[0] != '\0' ? nat->hostname : NULL;
  slirp.bootfile = nat->bootfile[0] != '\0' ? nat->bootfile : NULL;
  slirp.tftp_path = nat->tftp;
  slirp.restricted = config->restricted;
  nat->timers = g_ptr_array_new_with_free_func (g_free);
  nat->polls = g_array_new (FALSE, FALSE, sizeof (struct pollfd));
  nat->forwards = g_array_new (FALSE, FALSE, sizeof (NetForward));
  nat->packet = g_malloc (NET_WIRE_HEADER + LONGEST_PACKET);
  nat->fragments = fragments_new ();
  nat->join = join_new (on_joined, nat);
  g_queue_init (&nat->waiting);
  nat->slirp = slirp_new (&slirp, &callbacks, nat);
  if (nat->slirp != NULL)
    return nat;
  nat_free (nat);
  return NULL;
}

void
nat_free (Nat *nat)
{
  if (nat == NULL)
    return;
  if (nat->slirp != NULL)
    slirp_cleanup (nat->slirp);
  g_queue_clear_full (&nat->waiting, g_free);
  g_ptr_array_unref (nat->timers);
  g_array_unref (nat->polls);
  g_array_unref (nat->forwards);
  close (nat->wire);
  g_free (nat->hostname);
  g_free (nat->bootfile);
  g_free (nat->tftp);
  g_free (nat->packet);
  fragments_free (nat->fragments);
  join_free (nat->join);
  g_free (nat);
}

/* -- Forwards -------------------------------------------------------------------------------------- */

typedef union
{
  struct sockaddr any;
  struct sockaddr_in ip4;
  struct sockaddr_in6 ip6;
} Place;

static socklen_t
place_of (gboolean ip6, const uint8_t *bytes, uint16_t port, Place *place)
{
  memset (place, 0, sizeof *place);
  if (ip6)
    {
      place->ip6.sin6_family = AF_INET6;
      place->ip6.sin6_port = htons (port);
      memcpy (&place->ip6.sin6_addr, bytes, 16);
      return sizeof place->ip6;
    }
  place->ip4.sin_family = AF_INET;
  place->ip4.sin_port = htons (port);
  memcpy (&place->ip4.sin_addr, bytes, 4);
  return sizeof place->ip4;
}

static int
flags_of (const NetForward *forward)
{
  return (forward->udp ? SLIRP_HOSTFWD_UDP : 0) | (forward->ip6 ? SLIRP_HOSTFWD_V6ONLY : 0);
}

static void
close_forward (Nat *nat, const NetForward *forward)
{
  Place host;
  const socklen_t length = place_of (forward->ip6, forward->host, forward->host_port, &host);

  slirp_remove_hostxfwd (nat->slirp, &host.any, length, flags_of (forward));
}

/* 0 or an errno. */
static int
open_forward (Nat *nat, const NetForward *forward)
{
  Place host, guest;
  const socklen_t host_length = place_of (forward->ip6, forward->host, forward->host_port, &host),
                  guest_length = place_of (forward->ip6, forward->guest, forward->guest_port, &guest);

  errno = 0;
  if (slirp_add_hostxfwd (nat->slirp, &host.any, host_length, &guest.any, guest_length, flags_of (forward))
      >= 0)
    return 0;
  return errno != 0 ? errno : EADDRINUSE;
}

static gboolean
has_forward (const GArray *forwards, const NetForward *one)
{
  for (guint i = 0; i < forwards->len; i++)
    if (memcmp (&g_array_index (forwards, NetForward, i), one, sizeof *one) == 0)
      return TRUE;
  return FALSE;
}

void
nat_set_forwards (Nat *nat, const GArray *forwards, NatRefused refused, void *opaque)
{
  for (guint i = nat->forwards->len; i-- > 0;)
    {
      const NetForward *one = &g_array_index (nat->forwards, NetForward, i);

      if (has_forward (forwards, one))
        continue;
      close_forward (nat, one);
      g_array_remove_index (nat->forwards, i);
    }
  for (guint i = 0; i < forwards->len; i++)
    {
      const NetForward *one = &g_array_index (forwards, NetForward, i);
      const int code = has_forward (nat->forwards, one) ? 0 : open_forward (nat, one);

      if (code != 0)
        refused (opaque, i, code);
      else if (!has_forward (nat->forwards, one))
        g_array_append_val (nat->forwards, *one);
    }
}

/* -- Packets --------------------------------------------------------------------------------------- */

static int
add_poll (int fd, int events, void *opaque)
{
  Nat *nat = opaque;
  struct pollfd one = { .fd = fd };

  one.events = (short)((events & SLIRP_POLL_IN ? POLLIN : 0) | (events & SLIRP_POLL_OUT ? POLLOUT : 0)
                       | (events & SLIRP_POLL_PRI ? POLLPRI : 0));
  g_array_append_val (nat->polls, one);
  return (int)nat->polls->len - 1;
}

static int
get_events (int place, void *opaque)
{
  Nat *nat = opaque;
  short seen;

  if (place < 0 || (guint)place >= nat->polls->len)
    return 0;
  seen = g_array_index (nat->polls, struct pollfd, place).revents;
  return (seen & POLLIN ? SLIRP_POLL_IN : 0) | (seen & POLLOUT ? SLIRP_POLL_OUT : 0)
         | (seen & POLLPRI ? SLIRP_POLL_PRI : 0) | (seen & POLLERR ? SLIRP_POLL_ERR : 0)
         | (seen & POLLHUP ? SLIRP_POLL_HUP : 0);
}

static void
read_wire (Nat *nat)
{
  for (unsigned i = 0; i < PACKETS_A_TURN && !nat->lost; i++)
    {
      const uint8_t *packet = nat->packet + NET_WIRE_HEADER;
      ssize_t n = recv (nat->wire, nat->packet, NET_WIRE_HEADER + LONGEST_PACKET, MSG_DONTWAIT | MSG_TRUNC);

      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
      if (n <= 0)
        nat->lost = TRUE;
      n -= NET_WIRE_HEADER; /* which says nothing here: sums are made, and segments are packets of their own */
      if (n > 0 && (size_t)n <= LONGEST_PACKET
          && fragments_may_pass (nat->fragments, packet, (size_t)n, g_get_monotonic_time ()))
        slirp_input (nat->slirp, packet, (int)n);
    }
}

static uint32_t
time_left (const Nat *nat, uint32_t most)
{
  const int64_t now = clock_ms ();

  for (guint i = 0; i < nat->timers->len; i++)
    {
      const Timer *timer = nat->timers->pdata[i];

      if (timer->at >= 0)
        most = (uint32_t)MIN ((int64_t)most, MAX (timer->at - now, 0));
    }
  return most;
}

static void
run_timers (Nat *nat)
{
  const int64_t now = clock_ms ();

  for (guint i = 0; i < nat->timers->len; i++)
    {
      Timer *timer = nat->timers->pdata[i];

      if (timer->at < 0 || timer->at > now)
        continue;
      timer->at = -1;
      slirp_handle_timer (nat->slirp, timer->id, timer->opaque);
    }
}

/* As poll(); `ns` -1: for good. */
static int
wait_for (Nat *nat, gint64 ns)
{
  const struct timespec time = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };

  return ppoll ((struct pollfd *)(void *)nat->polls->data, nat->polls->len, ns >= 0 ? &time : NULL, NULL);
}

gboolean
nat_run (Nat *nat, int fd)
{
  enum
  {
    MONITOR,
    WIRE,
    N_OURS,
  };

  while (!nat->lost)
    {
      const gboolean listening = g_queue_get_length (&nat->waiting) < ENOUGH_WAITING;
      const struct pollfd ours[N_OURS] = {
        [MONITOR] = { fd, POLLIN, 0 },
        [WIRE] = { nat->wire, (short)(POLLIN | (g_queue_is_empty (&nat->waiting) ? 0 : POLLOUT)), 0 },
      };
      uint32_t timeout = G_MAXINT;
      struct pollfd *seen;
      gint64 left;
      int n;

      g_array_set_size (nat->polls, 0);
      g_array_append_vals (nat->polls, ours, N_OURS);
      if (listening)
        slirp_pollfds_fill (nat->slirp, &timeout, add_poll, nat);
      timeout = time_left (nat, MIN (timeout, (uint32_t)G_MAXINT));
      left = join_flush (nat->join, clock_ns (nat));
      n = wait_for (nat, left >= 0 && timeout > 0        ? left
                         : timeout == (uint32_t)G_MAXINT ? -1
                                                         : (gint64)timeout * 1000000);
      if (n < 0 && errno != EINTR)
        return FALSE;
      if (listening)
        slirp_pollfds_poll (nat->slirp, n < 0, get_events, nat);
      run_timers (nat);
      seen = (struct pollfd *)(void *)nat->polls->data;
      if (n <= 0)
        continue;
      if (seen[WIRE].revents & POLLOUT)
        flush_waiting (nat);
      if (seen[WIRE].revents & (POLLIN | POLLHUP | POLLERR))
        read_wire (nat);
      if (seen[MONITOR].revents != 0)
        return TRUE;
    }
  return FALSE;
}
