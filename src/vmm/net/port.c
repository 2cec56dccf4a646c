/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A port has one source on the device loop, which rests on the wire and can be woken from any thread (g_source_set_ready_time()); what it waits for at the wire
 * it alone says, at the end of each turn.
 */
#define G_LOG_DOMAIN "net"

#include "net/backend.h"

#include "base/ready-source.h"
#include "net/offload.h"
#include "net/rate.h"
#include "net/wire.h"

#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PACKETS_A_TURN  64u
#define TAGS_SIZE       8u /* that a frame may have beyond its MTU */
#define NO_WIRE_WAITING (-2)

/* A packet that waits. */
typedef struct
{
  NetOffload offload;
  size_t length;
  uint8_t bytes[];
} Held;

struct NetPort
{
  Device device;
  NetPortConfig config;

  GMutex lock;     /* for what follows */
  int wire;        /* -1: none */
  int next_wire;   /* that the source is to take; NO_WIRE_WAITING */
  gboolean broken; /* sending has found the wire's end */
  gboolean cable, paused;
  gboolean full;    /* the wire took no more, and has said nothing since */
  gboolean waiting; /* the card, for room() */
  GQueue to_wire;   /* Held: the rest of one packet */
  NetRate to_wire_rate, to_card_rate;
  NetStatistics statistics;
  uint8_t *sent; /* a packet that is being finished */

  gint takes; /* the card's; atomic */
  /* It has refused a packet; it has asked for it since.  Atomic: each side sets its own before it looks at the other's. */
  gint stalled, listening;

  /* The device loop's. */
  GSource *source;
  GSource *timer;      /* wakes it when a rate lets it go on; its time is set by any thread */
  gpointer tag;        /* of the wire in it; NULL */
  int watched;         /* the wire that it is */
  GIOCondition wanted; /* of it */
  const NetCard *card;
  void *card_opaque;
  gboolean told_link;
  GQueue to_card; /* Held: the rest of one packet */
  uint8_t *received;
};

static const StateField port_state[] = { STATE_END };

/* -- Packets that wait ----------------------------------------------------------------------------- */

static void
hold (GQueue *queue, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  Held *held = g_malloc (sizeof *held + length);

  held->offload = *offload;
  held->length = length;
  memcpy (held->bytes, packet, length);
  g_queue_push_tail (queue, held);
}

static void
forget (GQueue *queue, NetCount *count)
{
  count->dropped += g_queue_get_length (queue);
  g_queue_clear_full (queue, g_free);
}

static void
wake (NetPort *port)
{
  g_source_set_ready_time (port->source, 0);
}

/* The port's lock held: either way may wait for its rate. */
static void
wake_at (NetPort *port, gint64 when)
{
  const gint64 set = g_source_get_ready_time (port->timer);

  if (set < 0 || set > when)
    g_source_set_ready_time (port->timer, when);
}

/* -- To the wire: any thread, the port's lock held ------------------------------------------------- */

static gboolean
is_up (const NetPort *port)
{
  return port->cable && port->config.network;
}

static void
count_word (NetStatistics *statistics, WireWord word)
{
  statistics->accepted += word == WIRE_SAYS_ACCEPTED;
  statistics->refused += word == WIRE_SAYS_REFUSED;
}

/* FALSE: it is full.  Else the packet is sent or lost, and no more the card's affair. */
static gboolean
write_wire (NetPort *port, const NetOffload *offload, const struct iovec *iov, unsigned n, size_t length)
{
  NetCount *count = &port->statistics.sent;
  const WireResult result = net_wire_write (port->wire, &port->config.form, offload, iov, n);

  if (result == WIRE_FULL)
    {
      port->full = TRUE;
      wake (port);
      return FALSE;
    }
  if (result == WIRE_BROKEN && !port->broken)
    {
      port->broken = TRUE;
      wake (port);
    }
  if (result == WIRE_SENT)
    {
      count->packets++;
      count->bytes += length;
      count_word (&port->statistics, net_wire_word (iov, n, length));
      net_rate_take (&port->to_wire_rate, length);
      if (port->config.dump != NULL)
        net_dump_add (port->config.dump, iov, n, length);
    }
  else
    count->dropped++;
  return TRUE;
}

static void
emit_to_wire (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  NetPort *port = opaque;
  const struct iovec iov = { (uint8_t *)packet, length };

  if (!g_queue_is_empty (&port->to_wire) || !write_wire (port, offload, &iov, 1, length))
    hold (&port->to_wire, offload, packet, length);
}

static void
flush_to_wire (NetPort *port)
{
  Held *held;

  while (!port->full && (held = g_queue_peek_head (&port->to_wire)) != NULL)
    {
      const struct iovec iov = { held->bytes, held->length };

      if (!write_wire (port, &held->offload, &iov, 1, held->length))
        return;
      g_free (g_queue_pop_head (&port->to_wire));
    }
}

static size_t
longest_frame (const NetPort *port)
{
  return port->config.mtu + NET_ETHER_HEADER + TAGS_SIZE;
}

/* The packet's bytes are the guest's, who may change them: what is looked at is a copy. */
static gboolean
finish (NetPort *port, const NetOffload *offload, const struct iovec *iov, unsigned n, size_t length)
{
  size_t at = 0;

  if (port->sent == NULL)
    port->sent = g_malloc (NET_MAX_PACKET);
  for (unsigned i = 0; i < n; at += iov[i++].iov_len)
    memcpy (port->sent + at, iov[i].iov_base, iov[i].iov_len);
  if (!net_offload_finish (offload, port->sent, length, port->config.takes, emit_to_wire, port))
    port->statistics.sent.dropped++;
  return TRUE;
}

static gboolean
wait_for_room (NetPort *port)
{
  port->waiting = TRUE;
  return FALSE;
}

static gboolean
send_locked (NetPort *port, const NetOffload *offload, const struct iovec *iov, unsigned n, size_t length)
{
  gint64 when;

  if (!is_up (port) || length < NET_ETHER_HEADER || length > NET_MAX_PACKET || n > NET_MAX_PIECES
      || (offload->gso_type == NET_GSO_NONE && length > longest_frame (port)))
    {
      port->statistics.sent.dropped++;
      return TRUE;
    }
  if (port->paused || port->full || !g_queue_is_empty (&port->to_wire))
    return wait_for_room (port);
  if (port->wire < 0 || port->broken)
    {
      port->statistics.sent.dropped++;
      return TRUE;
    }
  when = net_rate_wait (&port->to_wire_rate);
  if (when != 0)
    {
      wake_at (port, when);
      return wait_for_room (port);
    }
  return (net_offload_any (offload) ? finish (port, offload, iov, n, length)
                                    : write_wire (port, offload, iov, n, length))
         || wait_for_room (port);
}

gboolean
net_port_send (NetPort *port, const NetOffload *offload, const struct iovec *iov, unsigned n)
{
  size_t length = 0;
  gboolean done;

  for (unsigned i = 0; i < n && length <= NET_MAX_PACKET; i++)
    length += MIN (iov[i].iov_len, NET_MAX_PACKET + 1);
  g_mutex_lock (&port->lock);
  done = send_locked (port, offload, iov, n, length);
  g_mutex_unlock (&port->lock);
  return done;
}

/* -- To the card: device loop, no lock held -------------------------------------------------------- */

static void
count_received (NetPort *port, size_t length)
{
  g_mutex_lock (&port->lock);
  if (length > 0)
    {
      port->statistics.received.packets++;
      port->statistics.received.bytes += length;
      net_rate_take (&port->to_card_rate, length);
    }
  else
    port->statistics.received.dropped++;
  g_mutex_unlock (&port->lock);
}

/* FALSE: it has refused it, and asks for it. */
static gboolean
offer (NetPort *port, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  g_atomic_int_set (&port->stalled, FALSE);
  g_atomic_int_set (&port->listening, FALSE);
  if (port->card == NULL)
    {
      count_received (port, 0);
      return TRUE;
    }
  if (port->card->receive (port->card_opaque, offload, packet, length))
    {
      count_received (port, length);
      return TRUE;
    }
  g_atomic_int_set (&port->stalled, TRUE);
  if (g_atomic_int_get (&port->listening))
    wake (port);
  return FALSE;
}

static void
emit_to_card (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  NetPort *port = opaque;

  if (!g_queue_is_empty (&port->to_card) || !offer (port, offload, packet, length))
    hold (&port->to_card, offload, packet, length);
}

static void
flush_to_card (NetPort *port)
{
  Held *held;

  while ((held = g_queue_peek_head (&port->to_card)) != NULL
         && offer (port, &held->offload, held->bytes, held->length))
    g_free (g_queue_pop_head (&port->to_card));
}

void
net_port_listen (NetPort *port)
{
  g_atomic_int_set (&port->listening, TRUE);
  if (g_atomic_int_get (&port->stalled))
    wake (port);
}

static void
take_packet (NetPort *port, uint8_t *packet, size_t length)
{
  const unsigned takes = (unsigned)g_atomic_int_get (&port->takes);
  NetOffload offload = { 0 };

  if (port->config.form.header && length >= WIRE_HEADER)
    {
      net_wire_get_header (packet, &offload);
      packet += WIRE_HEADER;
      length -= WIRE_HEADER;
    }
  else if (port->config.form.header)
    length = 0;
  if (length < NET_ETHER_HEADER || length > NET_MAX_PACKET
      || (offload.gso_type == NET_GSO_NONE && length > longest_frame (port)))
    {
      count_received (port, 0);
      return;
    }
  if (port->config.dump != NULL)
    net_dump_add (port->config.dump, &(struct iovec){ packet, length }, 1, length);
  if (port->config.sums_good && !(offload.flags & NET_NEEDS_CHECKSUM))
    offload.flags |= NET_CHECKSUM_GOOD;
  if (!net_offload_any (&offload))
    emit_to_card (port, &offload, packet, length);
  else if (!net_offload_finish (&offload, packet, length, takes, emit_to_card, port))
    count_received (port, 0);
}

/* When packets may be taken from the wire again; 0: now. */
static gint64
rate_of_receiving (NetPort *port)
{
  gint64 when;

  g_mutex_lock (&port->lock);
  when = net_rate_wait (&port->to_card_rate);
  g_mutex_unlock (&port->lock);
  return when;
}

/* FALSE: the wire has ended. */
static gboolean
read_wire (NetPort *port)
{
  const size_t room = NET_MAX_PACKET + WIRE_HEADER;

  if (port->received == NULL)
    port->received = g_malloc (room);
  for (unsigned i = 0;
       i < PACKETS_A_TURN && g_queue_is_empty (&port->to_card) && rate_of_receiving (port) == 0; i++)
    {
      const ssize_t n = net_wire_read (port->watched, &port->config.form, port->received, room);

      if (n <= 0)
        return n == 0;
      if ((size_t)n > room || !net_port_link (port))
        count_received (port, 0);
      else
        take_packet (port, port->received, (size_t)n);
    }
  return TRUE;
}

/* -- The source: device loop, no lock held --------------------------------------------------------- */

static void
drop_wire (NetPort *port)
{
  if (port->tag != NULL)
    g_source_remove_unix_fd (port->source, port->tag);
  port->tag = NULL;
  if (port->wire >= 0)
    close (port->wire);
  port->wire = port->watched = -1;
  port->broken = port->full = FALSE;
  forget (&port->to_wire, &port->statistics.sent);
}

static void
take_next_wire (NetPort *port)
{
  if (port->next_wire == NO_WIRE_WAITING)
    return;
  drop_wire (port);
  port->wire = port->watched = port->next_wire;
  port->next_wire = NO_WIRE_WAITING;
  if (port->wire >= 0)
    port->tag = g_source_add_unix_fd (port->source, port->wire, port->wanted = G_IO_IN);
}

static void
lose_wire (NetPort *port)
{
  g_mutex_lock (&port->lock);
  drop_wire (port);
  if (port->config.lost != NULL)
    port->config.lost (port->config.opaque);
  g_mutex_unlock (&port->lock);
}

static void
tell_link (NetPort *port)
{
  const gboolean link = net_port_link (port);

  if (link == port->told_link)
    return;
  vm_lock (port->device.vm);
  port->told_link = link;
  if (port->card != NULL && port->card->link != NULL)
    port->card->link (port->card_opaque);
  vm_unlock (port->device.vm);
}

/* TRUE: the card is to be told that there is room. */
static gboolean
make_room (NetPort *port)
{
  gboolean room;
  gint64 when;

  if (!is_up (port))
    forget (&port->to_wire, &port->statistics.sent);
  if (!port->paused)
    flush_to_wire (port);
  when = net_rate_wait (&port->to_wire_rate);
  if (when != 0 && port->waiting)
    wake_at (port, when);
  room = port->waiting && !port->paused && when == 0 && (!port->full || !is_up (port))
         && g_queue_is_empty (&port->to_wire);
  if (room)
    port->waiting = FALSE;
  return room;
}

static void
watch_wire (NetPort *port)
{
  GIOCondition wanted = 0;
  gint64 when;

  g_mutex_lock (&port->lock);
  when = net_rate_wait (&port->to_card_rate);
  if (when != 0)
    wake_at (port, when);
  else if (!port->paused && g_queue_is_empty (&port->to_card))
    wanted |= G_IO_IN;
  if (port->full)
    wanted |= G_IO_OUT;
  /* Each change wakes the loop once more. */
  if (port->tag != NULL && wanted != port->wanted)
    g_source_modify_unix_fd (port->source, port->tag, port->wanted = wanted);
  g_mutex_unlock (&port->lock);
}

static gboolean
on_turn (GSource *source, GSourceFunc callback, gpointer data)
{
  NetPort *port = data;
  GIOCondition seen;
  gboolean room, paused, lost;

  g_source_set_ready_time (source, -1);
  seen = port->tag != NULL ? g_source_query_unix_fd (source, port->tag) : 0;
  g_mutex_lock (&port->lock);
  if (port->next_wire != NO_WIRE_WAITING)
    seen = 0;
  take_next_wire (port);
  if (seen & G_IO_OUT)
    port->full = FALSE;
  lost = port->broken;
  room = make_room (port);
  paused = port->paused;
  g_mutex_unlock (&port->lock);

  tell_link (port);
  if (room && port->card != NULL)
    port->card->room (port->card_opaque);
  if (!paused
      && (!g_atomic_int_get (&port->stalled)
          || g_atomic_int_compare_and_exchange (&port->listening, TRUE, FALSE)))
    flush_to_card (port);
  if (!paused && port->watched >= 0 && (seen & (G_IO_IN | G_IO_HUP | G_IO_ERR))
      && g_queue_is_empty (&port->to_card))
    lost = !read_wire (port) || lost;
  else if (seen & (G_IO_HUP | G_IO_ERR))
    lost = TRUE; /* it would be told again and again */
  if (lost)
    lose_wire (port);
  watch_wire (port);
  return G_SOURCE_CONTINUE;
}

/* -- The card's ------------------------------------------------------------------------------------ */

void
net_port_attach (NetPort *port, const NetCard *card, void *opaque)
{
  port->card = card;
  port->card_opaque = opaque;
  port->told_link = net_port_link (port);
}

void
net_port_detach (NetPort *port)
{
  port->card = NULL;
  g_atomic_int_set (&port->takes, 0);
  g_mutex_lock (&port->lock);
  port->waiting = FALSE;
  forget (&port->to_card, &port->statistics.received);
  g_mutex_unlock (&port->lock);
  g_atomic_int_set (&port->stalled, FALSE);
  wake (port); /* or the wire, where a packet waited, stays unwatched for the next card */
}

void
net_port_card_takes (NetPort *port, unsigned can)
{
  g_atomic_int_set (&port->takes, (gint)can);
}

unsigned
net_port_network_takes (NetPort *port)
{
  return port->config.takes;
}

gboolean
net_port_link (NetPort *port)
{
  gboolean up;

  g_mutex_lock (&port->lock);
  up = is_up (port);
  g_mutex_unlock (&port->lock);
  return up;
}

NetMac
net_port_mac (NetPort *port)
{
  return port->config.mac;
}

unsigned
net_port_mtu (NetPort *port)
{
  return port->config.mtu;
}

void
net_port_pause (NetPort *port, gboolean paused)
{
  g_mutex_lock (&port->lock);
  port->paused = paused;
  g_mutex_unlock (&port->lock);
  wake (port);
}

/* -- The network's --------------------------------------------------------------------------------- */

void
net_port_connect (NetPort *port, int wire)
{
  int old;

  g_mutex_lock (&port->lock);
  old = port->next_wire;
  port->next_wire = wire;
  g_mutex_unlock (&port->lock);
  if (old >= 0)
    close (old);
  wake (port);
}

void
net_port_plug_cable (NetPort *port, gboolean in)
{
  g_mutex_lock (&port->lock);
  port->cable = in;
  g_mutex_unlock (&port->lock);
  wake (port);
}

gboolean
net_port_cable (NetPort *port)
{
  gboolean in;

  g_mutex_lock (&port->lock);
  in = port->cable;
  g_mutex_unlock (&port->lock);
  return in;
}

void
net_port_set_network (NetPort *port, gboolean there)
{
  g_mutex_lock (&port->lock);
  port->config.network = there;
  g_mutex_unlock (&port->lock);
  wake (port);
}

void
net_port_set_lost_func (NetPort *port, void (*lost) (void *opaque), void *opaque)
{
  g_mutex_lock (&port->lock);
  port->config.lost = lost;
  port->config.opaque = opaque;
  g_mutex_unlock (&port->lock);
}

void
net_port_statistics (NetPort *port, NetStatistics *statistics)
{
  g_mutex_lock (&port->lock);
  *statistics = port->statistics;
  g_mutex_unlock (&port->lock);
  if (port->config.dump != NULL)
    statistics->dump_lost = net_dump_lost (port->config.dump);
}

void
net_port_set_rate (NetPort *port, uint64_t bytes)
{
  g_mutex_lock (&port->lock);
  net_rate_set (&port->to_wire_rate, bytes);
  net_rate_set (&port->to_card_rate, bytes);
  g_mutex_unlock (&port->lock);
  wake (port);
}

/* -- Life ------------------------------------------------------------------------------------------ */

static gboolean
on_timer (gpointer data)
{
  wake (data);
  return G_SOURCE_CONTINUE;
}

static gboolean
port_realize (Device *device, GError **error)
{
  static GSourceFuncs funcs = { .dispatch = on_turn };
  NetPort *port = (NetPort *)device;

  port->source = g_source_new (&funcs, sizeof (GSource));
  source_stay_polled (port->source);
  g_source_set_callback (port->source, NULL, port, NULL);
  g_source_set_static_name (port->source, "net");
  g_source_attach (port->source, device->vm->context);
  port->timer = ready_source_new (device->vm->context, G_PRIORITY_DEFAULT, "net-rate", on_timer, port);
  return TRUE;
}

static void
port_pause (Device *device)
{
  net_port_pause ((NetPort *)device, TRUE);
}

static void
port_resume (Device *device)
{
  net_port_pause ((NetPort *)device, FALSE);
}

static void
port_unrealize (Device *device)
{
  NetPort *port = (NetPort *)device;

  g_source_destroy (port->source);
  g_clear_pointer (&port->source, g_source_unref);
  g_source_destroy (port->timer);
  g_clear_pointer (&port->timer, g_source_unref);
  net_dump_free (port->config.dump);
  if (port->wire >= 0)
    close (port->wire);
  if (port->next_wire >= 0)
    close (port->next_wire);
  g_queue_clear_full (&port->to_wire, g_free);
  g_queue_clear_full (&port->to_card, g_free);
  g_free (port->sent);
  g_free (port->received);
  g_mutex_clear (&port->lock);
}

static const DeviceClass port_class = {
  .name = "net-port",
  .instance_size = sizeof (NetPort),
  .state = port_state,
  .optional = TRUE,
  .realize = port_realize,
  .pause = port_pause,
  .resume = port_resume,
  .unrealize = port_unrealize,
};

NetPort *
net_port_new (Vm *vm, const NetPortConfig *config)
{
  g_autofree char *id = g_strconcat (config->id, "-port", NULL);
  NetPort *port = device_new (vm, &port_class, id);

  port->config = *config;
  port->config.id = NULL;
  if (port->config.mtu == 0)
    port->config.mtu = NET_DEFAULT_MTU;
  g_mutex_init (&port->lock);
  port->wire = port->watched = -1;
  port->next_wire = NO_WIRE_WAITING;
  port->cable = !config->unplugged;
  net_rate_set (&port->to_wire_rate, config->rate);
  net_rate_set (&port->to_card_rate, config->rate);
  g_queue_init (&port->to_wire);
  g_queue_init (&port->to_card);
  device_realize (&port->device, NULL);
  return port;
}

void
net_port_free (NetPort *port)
{
  if (port != NULL)
    device_free (&port->device);
}
