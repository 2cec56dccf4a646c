/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A port between a card that the test is and a wire whose other end it has: packets, room on either side, what is left undone, and nonsense.
 */
#include "net-fixture.h"

#include "net/offload.h"
#include "net/packet.h"

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

typedef struct
{
  Vm *vm;
  NetFixture net;
  gboolean refuses;
  unsigned n_received, n_rooms, n_links;
  size_t length;
  NetOffload offload;
  uint8_t packet[NET_MAX_PACKET];
  GByteArray *payload; /* of all that came, behind `header` bytes */
  size_t header;
} Card;

static gboolean
on_receive (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  Card *card = opaque;

  if (card->refuses)
    return FALSE;
  card->n_received++;
  card->offload = *offload;
  card->length = length;
  memcpy (card->packet, packet, length);
  if (card->header > 0)
    g_byte_array_append (card->payload, packet + card->header, (guint)(length - card->header));
  return TRUE;
}

static void
on_room (void *opaque)
{
  ((Card *)opaque)->n_rooms++;
}

static void
on_link (void *opaque)
{
  Card *card = opaque;

  g_assert_true (vm_lock_held (card->vm));
  card->n_links++;
}

static const NetCard card_funcs = { on_receive, on_room, on_link };

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
begin (Card *card, const NetPortConfig *config)
{
  memset (card, 0, sizeof *card);
  card->vm = vm_new (NULL, TRUE);
  card->payload = g_byte_array_new ();
  vm_lock (card->vm);
  net_fixture_open (&card->net, card->vm, config);
  net_port_attach (card->net.port, &card_funcs, card);
  vm_unlock (card->vm);
  pump ();
}

static void
end (Card *card)
{
  vm_lock (card->vm);
  net_port_detach (card->net.port);
  net_port_free (card->net.port);
  vm_unlock (card->vm);
  net_fixture_close (&card->net);
  g_byte_array_unref (card->payload);
  vm_free (card->vm);
}

static gboolean
send_one (Card *card, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  static const NetOffload none;
  /* In two pieces, as guests do. */
  const size_t first = MIN (length, 33);
  const struct iovec iov[2] = { { (uint8_t *)packet, first }, { (uint8_t *)packet + first, length - first } };

  return net_port_send (card->net.port, offload != NULL ? offload : &none, iov, 2);
}

static NetStatistics
statistics (Card *card)
{
  NetStatistics all;

  net_port_statistics (card->net.port, &all);
  return all;
}

/* -- Both ways ------------------------------------------------------------------------------------ */

static void
test_both_ways (void)
{
  uint8_t frame[1514], got[2048];
  Card card;

  begin (&card, NULL);
  g_assert_true (net_port_link (card.net.port));
  g_assert_cmpuint (net_port_mtu (card.net.port), ==, 1500);
  for (size_t length = 14; length <= sizeof frame; length += 97)
    {
      net_fixture_frame (frame, everybody, 0x88b5, length, (uint8_t)length);
      g_assert_true (send_one (&card, NULL, frame, length));
      g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, length);
      g_assert_cmpmem (got, length, frame, length);
      g_assert_true (net_fixture_give (&card.net, frame, length));
      pump ();
      g_assert_cmpmem (card.packet, card.length, frame, length);
      g_assert_cmpuint (card.offload.flags, ==, 0);
    }
  g_assert_cmpuint (statistics (&card).sent.packets, ==, card.n_received);
  g_assert_cmpuint (statistics (&card).received.packets, ==, card.n_received);
  g_assert_cmpuint (statistics (&card).sent.bytes, ==, statistics (&card).received.bytes);
  end (&card);
}

static void
test_lengths (void)
{
  g_autofree uint8_t *frame = g_malloc0 (NET_MAX_PACKET + 200);
  uint8_t got[2048];
  Card card;

  begin (&card, NULL);
  const size_t never[] = { 0, 1, 13, 1500 + 14 + 8 + 1, NET_MAX_PACKET, NET_MAX_PACKET + 1 };
  for (unsigned i = 0; i < G_N_ELEMENTS (never); i++)
    {
      g_assert_true (send_one (&card, NULL, frame, never[i]));
      g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, 0);
      g_assert_cmpuint (statistics (&card).sent.dropped, ==, i + 1);
      if (never[i] == 0)
        continue; /* is the wire's end: see below */
      g_assert_true (net_fixture_give (&card.net, frame, never[i]));
      pump ();
      g_assert_cmpuint (card.n_received, ==, 0);
      g_assert_cmpuint (statistics (&card).received.dropped, ==, i);
    }
  /* More pieces than there may be, of more bytes than a number holds. */
  struct iovec many[NET_MAX_PIECES + 1];
  static const NetOffload none;
  for (unsigned i = 0; i < G_N_ELEMENTS (many); i++)
    many[i] = (struct iovec){ frame, SIZE_MAX / 2 };
  g_assert_true (net_port_send (card.net.port, &none, many, 2));
  for (unsigned i = 0; i < G_N_ELEMENTS (many); i++)
    many[i] = (struct iovec){ frame, 1 };
  g_assert_true (net_port_send (card.net.port, &none, many, G_N_ELEMENTS (many)));
  g_assert_cmpuint (statistics (&card).sent.packets, ==, 0);
  g_assert_true (net_port_send (card.net.port, &none, many, NET_MAX_PIECES));
  g_assert_cmpuint (statistics (&card).sent.packets, ==, 1);
  end (&card);
}

static void
test_card_without_room (void)
{
  uint8_t frame[64];
  Card card;

  begin (&card, NULL);
  card.refuses = TRUE;
  for (uint8_t i = 0; i < 5; i++)
    {
      net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, i);
      g_assert_true (net_fixture_give (&card.net, frame, sizeof frame));
    }
  pump ();
  g_assert_cmpuint (card.n_received, ==, 0);
  /* Without being asked it offers nothing, and doesn't spin. */
  card.refuses = FALSE;
  pump ();
  g_assert_cmpuint (card.n_received, ==, 0);
  card.refuses = TRUE;
  net_port_listen (card.net.port);
  pump ();
  card.refuses = FALSE;
  net_port_listen (card.net.port);
  pump ();
  g_assert_cmpuint (card.n_received, ==, 5);
  g_assert_cmpuint (card.packet[14], ==, 4 + 14); /* the last, in order */
  g_assert_cmpuint (statistics (&card).received.dropped, ==, 0);
  end (&card);
}

/* The next card, in the same slot, hears what comes, whatever the one before has left. */
static void
test_next_card (void)
{
  uint8_t frame[64];
  Card card;

  begin (&card, NULL);
  card.refuses = TRUE;
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 0);
  g_assert_true (net_fixture_give (&card.net, frame, sizeof frame));
  pump ();
  vm_lock (card.vm);
  net_port_detach (card.net.port);
  vm_unlock (card.vm);
  pump ();
  card.refuses = FALSE;
  vm_lock (card.vm);
  net_port_attach (card.net.port, &card_funcs, &card);
  vm_unlock (card.vm);
  g_assert_true (net_fixture_give (&card.net, frame, sizeof frame));
  pump ();
  g_assert_cmpuint (card.n_received, ==, 1);
  end (&card);
}

static void
test_wire_without_room (void)
{
  uint8_t frame[1514], got[2048];
  unsigned n = 0;
  Card card;

  begin (&card, NULL);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 0);
  for (; send_one (&card, NULL, frame, sizeof frame); n++)
    g_assert_cmpuint (n, <, 100000);
  pump ();
  g_assert_cmpuint (card.n_rooms, ==, 0);
  g_assert_false (send_one (&card, NULL, frame, sizeof frame));
  while (net_fixture_take (&card.net, got, sizeof got) > 0)
    n--;
  g_assert_cmpuint (n, ==, 0);
  pump ();
  g_assert_cmpuint (card.n_rooms, ==, 1);
  g_assert_true (send_one (&card, NULL, frame, sizeof frame));
  g_assert_cmpuint (statistics (&card).sent.dropped, ==, 0);
  end (&card);
}

static void
test_pause (void)
{
  uint8_t frame[64], got[128];
  Card card;

  begin (&card, NULL);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 0);
  net_port_pause (card.net.port, TRUE);
  g_assert_true (net_fixture_give (&card.net, frame, sizeof frame));
  g_assert_false (send_one (&card, NULL, frame, sizeof frame));
  pump ();
  g_assert_cmpuint (card.n_received + card.n_rooms, ==, 0);
  g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, 0);
  net_port_pause (card.net.port, FALSE);
  pump ();
  g_assert_cmpuint (card.n_received, ==, 1);
  g_assert_cmpuint (card.n_rooms, ==, 1);
  end (&card);
}

static void
test_cable (void)
{
  uint8_t frame[64], got[128];
  Card card;

  begin (&card, NULL);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 0);
  net_port_plug_cable (card.net.port, FALSE);
  pump ();
  g_assert_cmpuint (card.n_links, ==, 1);
  g_assert_false (net_port_link (card.net.port));
  g_assert_true (send_one (&card, NULL, frame, sizeof frame));
  g_assert_true (net_fixture_give (&card.net, frame, sizeof frame));
  pump ();
  g_assert_cmpuint (card.n_received, ==, 0);
  g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, 0);
  net_port_plug_cable (card.net.port, TRUE);
  pump ();
  g_assert_cmpuint (card.n_links, ==, 2);
  g_assert_true (net_fixture_give (&card.net, frame, sizeof frame));
  pump ();
  g_assert_cmpuint (card.n_received, ==, 1);
  end (&card);
}

/* With a card that waits on either side. */
static void
test_cable_while_full (void)
{
  uint8_t frame[1514];
  Card card;

  begin (&card, NULL);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 0);
  while (send_one (&card, NULL, frame, sizeof frame))
    ;
  net_port_plug_cable (card.net.port, FALSE);
  pump ();
  g_assert_cmpuint (card.n_rooms, ==, 1);
  g_assert_true (send_one (&card, NULL, frame, sizeof frame)); /* dropped */
  end (&card);
}

static void
test_lost_wire (void)
{
  uint8_t frame[1514];
  Card card;

  begin (&card, NULL);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 0);
  while (send_one (&card, NULL, frame, sizeof frame))
    ;
  card.refuses = TRUE;
  g_assert_true (net_fixture_give (&card.net, frame, sizeof frame));
  pump ();
  net_fixture_close (&card.net);
  pump ();
  g_assert_cmpuint (card.net.n_lost, ==, 1);
  g_assert_cmpuint (card.n_rooms, ==, 1);
  /* The card doesn't see it. */
  g_assert_true (net_port_link (card.net.port));
  g_assert_true (send_one (&card, NULL, frame, sizeof frame));
  card.refuses = FALSE;
  net_port_listen (card.net.port);
  pump ();
  g_assert_cmpuint (card.n_received, ==, 1);
  net_fixture_connect (&card.net);
  pump ();
  g_assert_true (net_fixture_give (&card.net, frame, 100));
  pump ();
  g_assert_cmpuint (card.n_received, ==, 2);
  g_assert_cmpuint (card.net.n_lost, ==, 1);
  /* Found by who sends, and by an empty message. */
  net_fixture_close (&card.net);
  g_assert_true (send_one (&card, NULL, frame, sizeof frame));
  pump ();
  g_assert_cmpuint (card.net.n_lost, ==, 2);
  net_fixture_connect (&card.net);
  pump ();
  g_assert_true (net_fixture_give (&card.net, frame, 0));
  pump ();
  g_assert_cmpuint (card.net.n_lost, ==, 3);
  end (&card);
}

typedef struct
{
  gint called, gone, late, over; /* atomic */
} Listener;

static void
on_lost_slowly (void *opaque)
{
  Listener *listener = opaque;

  g_atomic_int_set (&listener->called, TRUE);
  g_usleep (20 * 1000);
  if (g_atomic_int_get (&listener->gone))
    g_atomic_int_set (&listener->late, TRUE);
}

static gpointer
turn_loop (gpointer data)
{
  while (!g_atomic_int_get (&((Listener *)data)->over))
    g_main_context_iteration (NULL, TRUE);
  return NULL;
}

/* Who is told of the end goes while the device loop tells it. */
static void
test_lost_by_other_thread (void)
{
  Listener listener = { 0 };
  Card card;

  begin (&card, NULL);
  net_port_set_lost_func (card.net.port, on_lost_slowly, &listener);
  GThread *loop = g_thread_new ("loop", turn_loop, &listener);
  net_fixture_close (&card.net);
  while (!g_atomic_int_get (&listener.called))
    g_usleep (100);
  net_port_set_lost_func (card.net.port, NULL, NULL);
  g_atomic_int_set (&listener.gone, TRUE);
  g_atomic_int_set (&listener.over, TRUE);
  g_main_context_wakeup (NULL);
  g_thread_join (loop);
  g_assert_false (listener.late);
  end (&card);
}

/* -- What is left undone -------------------------------------------------------------------------- */

typedef struct
{
  gboolean ip6, udp;
  unsigned tags;
  size_t payload;
} Shape;

/* A segment of any length with its pseudo header's sum, as a guest hands it over; its length. */
static size_t
make (uint8_t *p, const Shape *shape, NetOffload *offload)
{
  const unsigned l3 = 14 + 4 * shape->tags, l4 = l3 + (shape->ip6 ? 40 : 20),
                 header = l4 + (shape->udp ? 8 : 20);
  const size_t length = header + shape->payload;
  const uint8_t protocol = shape->udp ? 17 : 6;

  memset (p, 0, header);
  net_fixture_frame (p, everybody, 0, 14, 0);
  for (unsigned i = 0; i < shape->tags; i++)
    net_put16 (p + 12 + 4 * i, NET_TYPE_VLAN);
  net_put16 (p + l3 - 2, shape->ip6 ? NET_TYPE_IP6 : NET_TYPE_IP4);
  if (shape->ip6)
    {
      p[l3] = 0x60;
      net_put16 (p + l3 + 4, (unsigned)(length - l4));
      p[l3 + 6] = protocol;
      memset (p + l3 + 8, 0xfe, 32);
    }
  else
    {
      p[l3] = 0x45;
      net_put16 (p + l3 + 2, (unsigned)(length - l3));
      net_put16 (p + l3 + 4, 0xfffe);
      p[l3 + 9] = protocol;
      memset (p + l3 + 12, 10, 8);
      const uint16_t sum = net_checksum_fold (net_checksum_add (0, p + l3, 20));
      memcpy (p + l3 + 10, &sum, 2);
    }
  if (shape->udp)
    net_put16 (p + l4 + 4, (unsigned)(length - l4));
  else
    {
      net_put32 (p + l4 + 4, 0xfffffff0);
      p[l4 + 12] = 0x50;
      p[l4 + 13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR, ACK, PSH, FIN */
    }
  for (size_t i = 0; i < shape->payload; i++)
    p[header + i] = (uint8_t)(i * 31 + i / 251);
  const uint16_t pseudo
      = (uint16_t)~net_checksum_fold (net_checksum_pseudo (p + l3, shape->ip6, protocol, length - l4));
  memcpy (p + l4 + (shape->udp ? 6 : 16), &pseudo, 2);
  *offload = (NetOffload){ .flags = NET_NEEDS_CHECKSUM,
                           .checksum_start = (uint16_t)l4,
                           .checksum_offset = shape->udp ? 6 : 16 };
  return length;
}

static unsigned
gso_of (const Shape *shape)
{
  return shape->udp ? NET_GSO_UDP_SEGMENTS : shape->ip6 ? NET_GSO_TCP6 : NET_GSO_TCP4;
}

static void
assert_sums (const uint8_t *packet, size_t length, const Shape *shape)
{
  NetSums sums;

  net_look_at_sums (packet, length, &sums);
  g_assert_true (sums.ip6 == shape->ip6 && sums.ip4 != shape->ip6);
  g_assert_true (sums.udp == shape->udp && sums.tcp != shape->udp);
  g_assert_true (sums.l4_checked && sums.l4_good);
  g_assert_true (sums.ip6 || (sums.ip_checked && sums.ip_good));
}

static const Shape shapes[] = {
  { FALSE, FALSE, 0, 1 },    { FALSE, FALSE, 1, 1001 },  { TRUE, FALSE, 0, 2 },     { TRUE, FALSE, 2, 999 },
  { FALSE, TRUE, 0, 3 },     { TRUE, TRUE, 1, 1024 },    { FALSE, FALSE, 0, 7000 }, { TRUE, FALSE, 1, 60001 },
  { FALSE, TRUE, 0, 33333 }, { FALSE, FALSE, 0, 65000 },
};

static void
test_checksums (void)
{
  static uint8_t packet[NET_MAX_PACKET], got[NET_MAX_PACKET];
  Card card;

  begin (&card, NULL);
  for (unsigned i = 0; i < 6; i++)
    {
      NetOffload offload;
      size_t length = make (packet, &shapes[i], &offload);

      g_assert_true (send_one (&card, &offload, packet, length));
      g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, length);
      assert_sums (got, length, &shapes[i]);
      got[length - 1] ^= 1;
      NetSums sums;
      net_look_at_sums (got, length, &sums);
      g_assert_true (sums.l4_checked && !sums.l4_good);
    }
  end (&card);
}

static void
test_segments_to_wire (void)
{
  static uint8_t packet[NET_MAX_PACKET], got[NET_MAX_PACKET];
  Card card;

  begin (&card, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (shapes); i++)
    for (unsigned size = 536; size <= 1440; size += 452)
      {
        const Shape *shape = &shapes[i];
        const size_t header = 14 + 4 * shape->tags + (shape->ip6 ? 40 : 20) + (shape->udp ? 8 : 20);
        const unsigned n_wanted = (unsigned)((shape->payload + size - 1) / size);
        g_autoptr (GByteArray) payload = g_byte_array_new ();
        NetOffload offload;
        unsigned n = 0;

        const size_t length = make (packet, shape, &offload);
        offload.gso_type = (uint8_t)gso_of (shape);
        offload.gso_size = (uint16_t)size;
        g_assert_true (send_one (&card, &offload, packet, length));
        /* The wire hasn't room for all of them at once. */
        while (n < n_wanted)
          {
            size_t part = net_fixture_take (&card.net, got, sizeof got);

            if (part == 0)
              {
                g_main_context_iteration (NULL, TRUE);
                continue;
              }
            assert_sums (got, part, shape);
            g_assert_cmpuint (part - header, <=, size);
            if (!shape->udp)
              {
                const uint8_t *tcp = got + header - 20;
                g_assert_cmphex (net_get32 (tcp + 4), ==, (uint32_t)(0xfffffff0 + payload->len));
                g_assert_cmphex (tcp[13] & 0x80, ==, n == 0 ? 0x80 : 0);
                g_assert_cmphex (tcp[13] & 0x09, ==, n == n_wanted - 1 ? 0x09 : 0);
              }
            if (!shape->ip6)
              g_assert_cmphex (net_get16 (got + 14 + 4 * shape->tags + 4), ==, (uint16_t)(0xfffe + n));
            g_byte_array_append (payload, got + header, (guint)(part - header));
            n++;
          }
        g_assert_cmpmem (payload->data, payload->len, packet + header, shape->payload);
        g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, 0);
        pump ();
      }
  g_assert_cmpuint (statistics (&card).sent.dropped, ==, 0);
  end (&card);
}

/* Who takes segments but no sums gets the segment whole, with them. */
static void
test_segments_taken (void)
{
  static uint8_t packet[NET_MAX_PACKET], got[NET_MAX_PACKET];
  const NetPortConfig config
      = { .id = "net0", .network = TRUE, .takes = NET_CAN_TSO4 | NET_CAN_TSO6, .sums_good = TRUE };
  const Shape shape = { FALSE, FALSE, 0, 50000 };
  NetOffload offload;
  Card card;

  begin (&card, &config);
  const size_t length = make (packet, &shape, &offload);
  offload.gso_type = NET_GSO_TCP4;
  offload.gso_size = 1400;
  g_assert_true (send_one (&card, &offload, packet, length));
  g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, length);
  assert_sums (got, length, &shape);
  g_assert_true (net_fixture_give (&card.net, got, 1000));
  pump ();
  g_assert_cmpuint (card.offload.flags, ==, NET_CHECKSUM_GOOD);
  end (&card);
}

/* A wire that says what is undone, to cards that take it and to cards that don't. */
static void
test_segments_to_card (void)
{
  static uint8_t message[10 + NET_MAX_PACKET];
  const NetPortConfig config = {
    .id = "net0", .network = TRUE, .form = { .header = TRUE }, .takes = NET_CAN_CHECKSUM | NET_CAN_TSO4
  };
  const Shape shape = { FALSE, FALSE, 0, 30000 };
  const uint16_t size = 1460;
  NetOffload offload;
  Card card;

  begin (&card, &config);
  const size_t length = make (message + 10, &shape, &offload);
  message[0] = NET_NEEDS_CHECKSUM;
  message[1] = NET_GSO_TCP4;
  memcpy (message + 4, &size, 2);
  memcpy (message + 6, &offload.checksum_start, 2);
  memcpy (message + 8, &offload.checksum_offset, 2);
  net_port_card_takes (card.net.port, NET_CAN_CHECKSUM | NET_CAN_TSO4);
  g_assert_true (net_fixture_give (&card.net, message, 10 + length));
  pump ();
  g_assert_cmpuint (card.n_received, ==, 1);
  g_assert_cmpuint (card.offload.gso_type, ==, NET_GSO_TCP4);
  g_assert_cmpuint (card.offload.header_length, ==, 54);
  g_assert_cmpmem (card.packet, card.length, message + 10, length);
  /* Back the same way. */
  g_assert_true (send_one (&card, &card.offload, card.packet, card.length));
  static uint8_t got[10 + NET_MAX_PACKET];
  g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, 10 + length);
  g_assert_cmpmem (got + 10, length, message + 10, length);
  g_assert_cmpuint (got[1], ==, NET_GSO_TCP4);
  /* To one that takes nothing: cut, and some of it refused. */
  net_port_card_takes (card.net.port, 0);
  card.header = 54;
  card.refuses = TRUE;
  g_assert_true (net_fixture_give (&card.net, message, 10 + length));
  pump ();
  card.refuses = FALSE;
  net_port_listen (card.net.port);
  pump ();
  g_assert_cmpuint (card.n_received, ==, 1 + (30000 + 1459) / 1460);
  assert_sums (card.packet, card.length, &shape);
  g_assert_cmpmem (card.payload->data, card.payload->len, message + 10 + 54, 30000);
  /* Shorter than its header. */
  for (unsigned n = 1; n < 10 + 14; n++)
    g_assert_true (net_fixture_give (&card.net, message, n));
  pump ();
  g_assert_cmpuint (statistics (&card).received.dropped, ==, 23);
  end (&card);
}

static void
test_nonsense (void)
{
  static uint8_t packet[NET_MAX_PACKET], got[NET_MAX_PACKET];
  const Shape shape = { FALSE, FALSE, 0, 4000 };
  NetOffload good;
  Card card;

  begin (&card, NULL);
  const size_t length = make (packet, &shape, &good);
  good.gso_type = NET_GSO_TCP4;
  good.gso_size = 1000;
  const NetOffload bad[] = {
    { NET_NEEDS_CHECKSUM, NET_GSO_TCP4, 0, 0, 34, 16 },    /* no size */
    { NET_NEEDS_CHECKSUM, NET_GSO_TCP4, 0, 1, 34, 16 },    /* 4000 segments */
    { 0, NET_GSO_TCP4, 0, 1000, 34, 16 },                  /* with its sum */
    { NET_NEEDS_CHECKSUM, NET_GSO_UDP, 0, 1000, 34, 16 },  /* fragments */
    { NET_NEEDS_CHECKSUM, 7, 0, 1000, 34, 16 },            /* whatever that is */
    { NET_NEEDS_CHECKSUM, NET_GSO_ECN, 0, 1000, 34, 16 },  /* of nothing */
    { NET_NEEDS_CHECKSUM, NET_GSO_TCP6, 0, 1000, 34, 16 }, /* it isn't */
    { NET_NEEDS_CHECKSUM, NET_GSO_UDP_SEGMENTS, 0, 1000, 34, 6 },
    { NET_NEEDS_CHECKSUM, NET_GSO_TCP4, 0, 1000, 34, 6 },
    { NET_NEEDS_CHECKSUM, NET_GSO_TCP4, 0, 1000, 33, 16 },
    { NET_NEEDS_CHECKSUM, NET_GSO_TCP4, 0, 1000, 0, 16 },
    { NET_NEEDS_CHECKSUM, NET_GSO_TCP4, 0, 1000, 65535, 65535 },
    { NET_NEEDS_CHECKSUM, 0, 0, 0, 65535, 65535 },
    { NET_NEEDS_CHECKSUM, 0, 0, 0, 13, 0 },
    { NET_NEEDS_CHECKSUM, 0, 0, 0, 4053, 0 },
    { NET_NEEDS_CHECKSUM, 0, 0, 0, 14, 4039 },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_true (send_one (&card, &bad[i], packet, length));
      g_assert_cmpuint (statistics (&card).sent.dropped, ==, i + 1);
      g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, 0);
    }
  /* Cut at each length: what is left of the headers decides. */
  for (size_t cut = 14; cut < 200; cut++)
    {
      g_assert_true (send_one (&card, &good, packet, cut));
      while (net_fixture_take (&card.net, got, sizeof got) > 0)
        ;
      pump ();
    }
  /* Headers that say what isn't so. */
  for (unsigned at = 12; at < 54; at++)
    for (unsigned bit = 0; bit < 8; bit++)
      {
        packet[at] ^= (uint8_t)(1u << bit);
        g_assert_true (send_one (&card, &good, packet, length));
        packet[at] ^= (uint8_t)(1u << bit);
        while (net_fixture_take (&card.net, got, sizeof got) > 0)
          ;
        pump ();
      }
  g_assert_true (send_one (&card, &good, packet, length));
  g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, 1054);
  end (&card);
}

/* -- Help for cards ------------------------------------------------------------------------------- */

static uint16_t
slow_sum (const uint8_t *data, size_t length)
{
  uint32_t sum = 0;

  for (size_t i = 0; i < length; i++)
    sum += i % 2 == 0 ? data[i] * 256u : data[i];
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static void
test_sums (void)
{
  static uint8_t data[70000];

  for (size_t i = 0; i < sizeof data; i++)
    data[i] = (uint8_t)(i * 7 + i / 256);
  for (size_t length = 0; length < sizeof data; length = length * 5 / 4 + 1)
    for (unsigned from = 0; from < 3; from++)
      g_assert_cmphex (GUINT16_FROM_BE (net_checksum_fold (
                           net_checksum_add (0, data + from, length - MIN (length, from)))),
                       ==, slow_sum (data + from, length - MIN (length, from)));
  memset (data, 0xff, sizeof data);
  g_assert_cmphex (net_checksum_fold (net_checksum_add (0xffffffff, data, sizeof data)), ==, 0);
}

static void
test_look (void)
{
  uint8_t packet[200];
  NetSums sums;

  /* Nothing is read behind the end, whatever the packet says. */
  for (unsigned type = 0; type < 3; type++)
    for (size_t length = 0; length <= sizeof packet; length++)
      {
        const Shape shape = { type == 1, type == 2, length % 3, 60 };
        NetOffload offload;

        const size_t whole = make (packet, &shape, &offload);
        g_autofree uint8_t *exact = g_memdup2 (packet, MIN (length, whole));
        net_look_at_sums (exact, MIN (length, whole), &sums);
        g_assert_true (length >= whole || !sums.l4_checked);
      }
  /* A fragment has no sum. */
  const Shape shape = { FALSE, FALSE, 0, 60 };
  NetOffload offload;
  const size_t whole = make (packet, &shape, &offload);
  packet[14 + 6] = 0x20;
  net_look_at_sums (packet, whole, &sums);
  g_assert_true (sums.ip4 && !sums.ip_good && !sums.l4_checked);
}

static void
test_crc (void)
{
  /* IEEE 802.3: the check of “123456” is 0x0972d361 with each bit reversed and inverted at the end. */
  const uint8_t address[6] = { '1', '2', '3', '4', '5', '6' };
  const uint32_t small = net_crc_address (address, FALSE), big = net_crc_address (address, TRUE);
  uint32_t back = 0;

  g_assert_cmphex (~small, ==, 0x0972d361);
  for (unsigned i = 0; i < 32; i++)
    back |= (big >> i & 1) << (31 - i);
  g_assert_cmphex (back, ==, small);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/net/both-ways", test_both_ways);
  g_test_add_func ("/net/lengths", test_lengths);
  g_test_add_func ("/net/card-without-room", test_card_without_room);
  g_test_add_func ("/net/next-card", test_next_card);
  g_test_add_func ("/net/wire-without-room", test_wire_without_room);
  g_test_add_func ("/net/pause", test_pause);
  g_test_add_func ("/net/cable", test_cable);
  g_test_add_func ("/net/cable-while-full", test_cable_while_full);
  g_test_add_func ("/net/lost-wire", test_lost_wire);
  g_test_add_func ("/net/lost-by-other-thread", test_lost_by_other_thread);
  g_test_add_func ("/net/checksums", test_checksums);
  g_test_add_func ("/net/segments-to-wire", test_segments_to_wire);
  g_test_add_func ("/net/segments-taken", test_segments_taken);
  g_test_add_func ("/net/segments-to-card", test_segments_to_card);
  g_test_add_func ("/net/nonsense", test_nonsense);
  g_test_add_func ("/net/sums", test_sums);
  g_test_add_func ("/net/look", test_look);
  g_test_add_func ("/net/crc", test_crc);
  return g_test_run ();
}
