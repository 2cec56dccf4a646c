/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A network card on virtio: packets both ways in buffers of any shape, what is left undone, filters, and drivers that do all of it wrongly.
 */
#include "virtio-hostile.h"

#include "../net/net-fixture.h"
#include "net/packet.h"
#include "virtio/net.h"

#define VERSION_1     VIRT_F_VERSION_1
#define CSUM          VIRT_FEATURE (0)
#define GUEST_CSUM    VIRT_FEATURE (1)
#define CTRL_OFFLOADS VIRT_FEATURE (2)
#define GUEST_TSO4    VIRT_FEATURE (7)
#define HOST_TSO4     VIRT_FEATURE (11)
#define MERGE         VIRT_FEATURE (15)
#define STATUS        VIRT_FEATURE (16)
#define CTRL          VIRT_FEATURE (17)
#define CTRL_RX       VIRT_FEATURE (18)
#define CTRL_VLAN     VIRT_FEATURE (19)
#define CTRL_EXTRA    VIRT_FEATURE (20)
#define ANNOUNCE      VIRT_FEATURE (21)
#define MQ            VIRT_FEATURE (22)
#define CTRL_MAC      VIRT_FEATURE (23)
#define CONTROLS      (CTRL | CTRL_RX | CTRL_VLAN | CTRL_EXTRA | CTRL_MAC | CTRL_OFFLOADS | STATUS)

#define RX 0
#define TX 1
#define CQ cq

#define RX_DATA     0x100000u /* 64 KiB a descriptor */
#define TX_DATA     0x200000u
#define CQ_DATA     0x300000u
#define NEEDS_RESET 64

static Driver d;
static NetFixture net;
static Device *card;
static unsigned n_pairs = 1, cq = 2; /* its control queue */

static void
begin_with (const NetPortConfig *config)
{
  g_autoptr (GError) error = NULL;

  driver_open (&d);
  vm_lock (d.vm);
  net_fixture_open (&net, d.vm, config);
  card = virt_net_new (d.vm, "net0", pci_root_bus (d.root), DRIVER_DEVFN, n_pairs, net.port, &error);
  g_assert_no_error (error);
  card->klass->reset (card);
  vm_unlock (d.vm);
  driver_map (&d);
  driver_pump ();
}

static void
begin (uint64_t features)
{
  begin_with (NULL);
  if (features != 0)
    driver_start (&d, features, 3);
  driver_pump ();
}

static void
end (void)
{
  driver_close (&d);
  net_fixture_close (&net);
}

/* Room for a packet at descriptor n. */
static void
give_room (unsigned n, uint32_t length)
{
  driver_describe (&d, driver_queue (RX), n, RX_DATA + 0x10000 * n, length, DESC_WRITE, 0);
  driver_put (&d, RX, n);
  driver_ring (&d, RX);
}

/* A packet behind its header, in pieces of at most `piece` bytes; the header is at TX_DATA. */
static void
put_packet (const uint8_t *header, size_t size, const uint8_t *packet, size_t length, size_t piece)
{
  uint64_t at = TX_DATA;
  size_t left = size + length;
  unsigned i = 0;

  memcpy (driver_ram (&d, at), header, size);
  memcpy (driver_ram (&d, at + size), packet, length);
  for (; left > piece; left -= piece, at += piece, i++)
    driver_describe (&d, driver_queue (TX), i, at, (uint32_t)piece, DESC_NEXT, i + 1);
  driver_describe (&d, driver_queue (TX), i, at, (uint32_t)left, 0, 0);
  driver_put (&d, TX, 0);
  driver_ring (&d, TX);
  driver_pump ();
}

static unsigned
command (unsigned class, unsigned what, const void *data, size_t length)
{
  const uint16_t before = driver_used (&d, CQ);

  driver_ram (&d, CQ_DATA)[0] = (uint8_t) class;
  driver_ram (&d, CQ_DATA)[1] = (uint8_t)what;
  if (length > 0)
    memcpy (driver_ram (&d, CQ_DATA + 2), data, length);
  *driver_ram (&d, CQ_DATA + 0x8000) = 0xee;
  driver_describe (&d, driver_queue (CQ), 0, CQ_DATA, (uint32_t)(2 + length), DESC_NEXT, 1);
  driver_describe (&d, driver_queue (CQ), 1, CQ_DATA + 0x8000, 1, DESC_WRITE, 0);
  driver_put (&d, CQ, 0);
  driver_ring (&d, CQ);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, CQ), ==, (uint16_t)(before + 1));
  return *driver_ram (&d, CQ_DATA + 0x8000);
}

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t no_header[12];

/* -- The device ------------------------------------------------------------------------------------ */

static void
test_identity (void)
{
  begin (0);
  g_assert_cmphex (driver_config_read (&d, 0, 4), ==, 0x10001af4);
  g_assert_cmphex (driver_config_read (&d, PCI_SUBSYSTEM_ID, 2), ==, 1);
  g_assert_cmphex (driver_config_read (&d, 8, 4) >> 8, ==, 0x020000);
  g_assert_cmpuint (driver_read (&d, DRIVER_N_QUEUES, 2), ==, 3);
  for (unsigned i = 0; i < 6; i++)
    g_assert_cmphex (driver_read (&d, DRIVER_CONFIG + i, 1), ==, net_fixture_mac.bytes[i]);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 6, 2), ==, 1);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 8, 2), ==, 1);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 10, 2), ==, 1500);
  /* The address is to be read. */
  driver_start (&d, VERSION_1, 3);
  driver_write (&d, DRIVER_CONFIG, 0xaa, 1);
  g_assert_cmphex (driver_read (&d, DRIVER_CONFIG, 1), ==, 0x52);
  end ();
}

static void
test_receive (void)
{
  uint8_t frame[1514];

  begin (VERSION_1);
  for (unsigned n = 0; n < 40; n++)
    {
      const size_t length = 60 + 36 * n;
      net_fixture_frame (frame, everybody, 0x88b5, length, (uint8_t)n);
      give_room (n % 16, 2048);
      g_assert_true (net_fixture_give (&net, frame, length));
      driver_pump ();
      g_assert_cmpuint (driver_used (&d, RX), ==, n + 1);
      g_assert_cmpuint (driver_used_length (&d, RX, n), ==, 12 + length);
      g_assert_cmpmem (driver_ram (&d, RX_DATA + 0x10000 * (n % 16) + 12), length, frame, length);
      g_assert_cmpuint (driver_ram (&d, RX_DATA + 0x10000 * (n % 16))[10], ==, 1); /* n_buffers */
    }
  g_assert_cmpuint (d.n_interrupts, >, 0);
  end ();
}

/* Without room packets wait; and are not lost. */
static void
test_receive_later (void)
{
  uint8_t frame[100];

  begin (VERSION_1 | VIRT_F_EVENT_INDEX);
  for (uint8_t i = 0; i < 4; i++)
    {
      net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, i);
      g_assert_true (net_fixture_give (&net, frame, sizeof frame));
    }
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 0);
  for (uint8_t i = 0; i < 4; i++)
    {
      give_room (i, 2048);
      driver_pump ();
      g_assert_cmpuint (driver_used (&d, RX), ==, i + 1u);
      g_assert_cmpuint (driver_ram (&d, RX_DATA + 0x10000 * i)[12 + 14], ==, 14 + i);
    }
  end ();
}

static void
test_merged (void)
{
  uint8_t frame[1514];

  begin (VERSION_1 | MERGE);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 3);
  for (unsigned i = 0; i < 2; i++)
    give_room (i, 512);
  g_assert_true (net_fixture_give (&net, frame, sizeof frame));
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 0); /* all of it, or nothing */
  give_room (2, 512);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 3);
  g_assert_cmpuint (driver_ram (&d, RX_DATA)[10], ==, 3);
  g_autoptr (GByteArray) all = g_byte_array_new ();
  for (unsigned i = 0; i < 3; i++)
    {
      g_assert_cmpuint (driver_used_head (&d, RX, i), ==, i);
      g_byte_array_append (all, driver_ram (&d, RX_DATA + 0x10000 * i), driver_used_length (&d, RX, i));
    }
  g_assert_cmpmem (all->data + 12, all->len - 12, frame, sizeof frame);
  /* A ring of chains too small for it: dropped, not waited for. */
  for (unsigned i = 0; i < 16; i++)
    give_room (i, i == 0 ? 12 : 20);
  g_assert_true (net_fixture_give (&net, frame, sizeof frame));
  g_assert_true (net_fixture_give (&net, frame, 100));
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 3 + 6);
  g_assert_cmpuint (driver_ram (&d, RX_DATA)[10], ==, 6);
  end ();
}

/* A packet longer than its only buffer; buffers of no use. */
static void
test_receive_short (void)
{
  uint8_t frame[1514];

  begin (VERSION_1);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 3);
  for (uint32_t length = 1; length <= 16; length++)
    {
      give_room (length - 1, length);
      g_assert_true (net_fixture_give (&net, frame, sizeof frame));
    }
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 0);
  g_assert_cmpuint (driver_read (&d, DRIVER_STATUS, 1) & NEEDS_RESET, ==, 0);
  /* One that the device is to read. */
  end ();
  begin (VERSION_1 | MERGE);
  for (unsigned i = 0; i < 16; i++)
    {
      driver_describe (&d, driver_queue (RX), i, RX_DATA, 100, 0, 0);
      driver_put (&d, RX, i);
    }
  driver_ring (&d, RX);
  g_assert_true (net_fixture_give (&net, frame, sizeof frame));
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 0);
  end ();
}

static void
test_send (void)
{
  static const size_t pieces[] = { 4096, 1000, 333, 200, 12, 100 };
  uint8_t frame[1514], got[2048];

  begin (VERSION_1);
  for (unsigned n = 0; n < G_N_ELEMENTS (pieces); n++)
    {
      const size_t length = pieces[n] == 12 ? 180 : 1200 + n;
      net_fixture_frame (frame, everybody, 0x88b5, length, (uint8_t)n);
      put_packet (no_header, 12, frame, length, pieces[n]);
      g_assert_cmpuint (driver_used (&d, TX), ==, n + 1);
      g_assert_cmpuint (net_fixture_take (&net, got, sizeof got), ==, length);
      g_assert_cmpmem (got, length, frame, length);
    }
  end ();
}

/* A header alone, half of one, more pieces than the port takes, more bytes than a packet has. */
static void
test_send_odd (void)
{
  uint8_t frame[1514], got[2048];

  begin (VERSION_1 | VIRT_F_INDIRECT);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 3);
  for (size_t length = 1; length <= 12 + 13; length++)
    {
      driver_describe (&d, driver_queue (TX), 0, TX_DATA, (uint32_t)length, 0, 0);
      driver_put (&d, TX, 0);
      driver_ring (&d, TX);
      driver_pump ();
      g_assert_cmpuint (driver_used (&d, TX), ==, length);
      g_assert_cmpuint (net_fixture_take (&net, got, sizeof got), ==, 0);
    }
  memset (driver_ram (&d, TX_DATA), 0, 12);
  memcpy (driver_ram (&d, TX_DATA + 12), frame, 300);
  for (unsigned i = 0; i < 312; i++)
    driver_describe (&d, TX_DATA + 0x8000, i, TX_DATA + i, 1, i < 311 ? DESC_NEXT : 0, i + 1);
  driver_describe (&d, driver_queue (TX), 0, TX_DATA + 0x8000, 312 * 16, DESC_INDIRECT, 0);
  driver_put (&d, TX, 0);
  driver_ring (&d, TX);
  driver_pump ();
  g_assert_cmpuint (net_fixture_take (&net, got, sizeof got), ==, 300);
  g_assert_cmpmem (got, 300, frame, 300);
  driver_describe (&d, driver_queue (TX), 0, 0, DRIVER_RAM, 0, 0);
  driver_put (&d, TX, 0);
  driver_ring (&d, TX);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, TX), ==, 27);
  g_assert_cmpuint (net_fixture_take (&net, got, sizeof got), ==, 0);
  end ();
}

/* The network is slower than the guest. */
static void
test_send_later (void)
{
  uint8_t frame[1514], got[2048];
  unsigned n_sent = 0, n_got = 0;

  begin (VERSION_1);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 3);
  while (driver_used (&d, TX) == (uint16_t)n_sent)
    {
      g_assert_cmpuint (n_sent, <, 100000);
      put_packet (no_header, 12, frame, sizeof frame, 4096);
      n_sent++;
    }
  g_assert_cmpuint (driver_used (&d, TX), ==, (uint16_t)(n_sent - 1));
  while (net_fixture_take (&net, got, sizeof got) > 0)
    n_got++;
  g_assert_cmpuint (n_got, ==, n_sent - 1);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, TX), ==, (uint16_t)n_sent);
  g_assert_cmpuint (net_fixture_take (&net, got, sizeof got), ==, sizeof frame);
  g_assert_cmpuint (net_fixture_take (&net, got, sizeof got), ==, 0);
  end ();
}

/* -- What is left undone --------------------------------------------------------------------------- */

/* A TCP segment over IPv4; its length. */
static size_t
make_tcp (uint8_t *p, size_t payload)
{
  memset (p, 0, 54);
  net_fixture_frame (p, everybody, NET_TYPE_IP4, 14, 0);
  p[14] = 0x45;
  net_put16 (p + 16, (unsigned)(40 + payload));
  p[23] = 6;
  memset (p + 26, 10, 8);
  p[46] = 0x50;
  for (size_t i = 0; i < payload; i++)
    p[54 + i] = (uint8_t)(i * 13);
  const uint16_t ip = net_checksum_fold (net_checksum_add (0, p + 14, 20));
  memcpy (p + 24, &ip, 2);
  const uint16_t pseudo = (uint16_t)~net_checksum_fold (net_checksum_pseudo (p + 14, FALSE, 6, 20 + payload));
  memcpy (p + 50, &pseudo, 2);
  return 54 + payload;
}

static const uint8_t tso_header[12] = { 1, 1, 54, 0, 0xe8, 3, 34, 0, 16, 0 };

static void
test_offloads_out (void)
{
  static uint8_t packet[NET_MAX_PACKET], got[NET_MAX_PACKET];
  NetSums sums;
  unsigned n = 0;
  size_t part;

  begin (VERSION_1 | CSUM | HOST_TSO4);
  const size_t length = make_tcp (packet, 10500);
  put_packet (tso_header, 12, packet, length, 4096);
  for (; (part = net_fixture_take (&net, got, sizeof got)) > 0; n++)
    {
      g_assert_cmpuint (part, ==, n < 10 ? 1054 : 554);
      net_look_at_sums (got, part, &sums);
      g_assert_true (sums.tcp && sums.ip_good && sums.l4_good);
      g_assert_cmpmem (got + 54, part - 54, packet + 54 + 1000 * n, part - 54);
    }
  g_assert_cmpuint (n, ==, 11);
  end ();
  /* Not negotiated. */
  begin (VERSION_1 | CSUM);
  put_packet (tso_header, 12, packet, length, 4096);
  g_assert_cmpuint (net_fixture_take (&net, got, sizeof got), ==, 0);
  g_assert_cmpuint (driver_used (&d, TX), ==, 1);
  end ();
  begin (VERSION_1);
  put_packet (tso_header, 12, packet, length, 4096);
  const uint8_t sum_only[12] = { 1, 0, 0, 0, 0, 0, 34, 0, 16, 0 };
  put_packet (sum_only, 12, packet, 554, 4096);
  g_assert_cmpuint (net_fixture_take (&net, got, sizeof got), ==, 554);
  g_assert_cmpmem (got, 554, packet, 554); /* as it is */
  g_assert_cmpuint (net_fixture_take (&net, got, sizeof got), ==, 0);
  end ();
}

static void
test_offloads_in (void)
{
  static uint8_t message[10 + NET_MAX_PACKET];
  const NetPortConfig config
      = { .id = "net0", .mac = net_fixture_mac, .network = TRUE, .form = { .header = TRUE } };
  uint64_t offloads = 0;

  begin_with (&config);
  driver_start (&d, VERSION_1 | MERGE | GUEST_CSUM | GUEST_TSO4 | CONTROLS, 3);
  memcpy (message, tso_header, 10);
  const size_t length = make_tcp (message + 10, 10500);
  give_room (0, 0x10000);
  g_assert_true (net_fixture_give (&net, message, 10 + length));
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 1);
  g_assert_cmpmem (driver_ram (&d, RX_DATA), 10, tso_header, 10);
  g_assert_cmpmem (driver_ram (&d, RX_DATA + 12), length, message + 10, length);
  /* Switched off while it runs. */
  g_assert_cmpuint (command (5, 0, &offloads, 8), ==, 0);
  for (unsigned i = 0; i < 12; i++)
    give_room (1 + i, 2048);
  g_assert_true (net_fixture_give (&net, message, 10 + length));
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 1 + 11);
  g_assert_cmpuint (driver_ram (&d, RX_DATA + 0x10000)[0], ==, 0);
  offloads = VIRT_FEATURE (8); /* not negotiated */
  g_assert_cmpuint (command (5, 0, &offloads, 8), ==, 1);
  end ();
}

static void
test_sums_good (void)
{
  const NetPortConfig config = { .id = "net0", .mac = net_fixture_mac, .network = TRUE, .sums_good = TRUE };
  uint8_t frame[100];

  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 0);
  for (unsigned i = 0; i < 2; i++)
    {
      begin_with (&config);
      driver_start (&d, VERSION_1 | (i == 0 ? GUEST_CSUM : 0), 3);
      give_room (0, 2048);
      g_assert_true (net_fixture_give (&net, frame, sizeof frame));
      driver_pump ();
      g_assert_cmpuint (driver_ram (&d, RX_DATA)[0], ==, i == 0 ? 2 : 0);
      end ();
    }
}

/* -- Commands -------------------------------------------------------------------------------------- */

static gboolean
passes (const uint8_t to[6], unsigned type)
{
  const uint16_t before = driver_used (&d, RX);
  uint8_t frame[64];

  net_fixture_frame (frame, to, type, sizeof frame, 0);
  frame[14] = 0;
  frame[15] = 7; /* of a VLAN */
  give_room (0, 2048);
  g_assert_true (net_fixture_give (&net, frame, sizeof frame));
  driver_pump ();
  return driver_used (&d, RX) != before;
}

static void
test_filters (void)
{
  static const uint8_t other[6] = { 0x02, 1, 2, 3, 4, 5 }, group[6] = { 0x33, 0x33, 0, 0, 0, 1 },
                       new_mac[6] = { 0x02, 9, 9, 9, 9, 9 };
  const uint8_t on = 1, off = 0;
  uint8_t tables[8 + 12] = { 1, 0, 0, 0, 0x02, 1, 2, 3, 4, 5, 1, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1 };
  const uint16_t vlan = 7, wrong = 4096;

  begin (VERSION_1 | CONTROLS);
  g_assert_true (passes (other, 0x88b5)); /* at first all */
  g_assert_cmpuint (command (0, 0, &off, 1), ==, 0);
  g_assert_false (passes (other, 0x88b5));
  g_assert_false (passes (group, 0x88b5));
  g_assert_true (passes (everybody, 0x88b5));
  g_assert_true (passes (net_fixture_mac.bytes, 0x88b5));
  g_assert_cmpuint (command (0, 1, &on, 1), ==, 0);
  g_assert_true (passes (group, 0x88b5));
  g_assert_cmpuint (command (0, 1, &off, 1), ==, 0);
  g_assert_cmpuint (command (0, 2, &on, 1), ==, 0);
  g_assert_true (passes (other, 0x88b5));
  g_assert_cmpuint (command (0, 2, &off, 1), ==, 0);
  g_assert_cmpuint (command (1, 0, tables, sizeof tables), ==, 0);
  g_assert_true (passes (other, 0x88b5));
  g_assert_true (passes (group, 0x88b5));
  g_assert_cmpuint (command (0, 3, &on, 1), ==, 0);
  g_assert_false (passes (group, 0x88b5));
  g_assert_cmpuint (command (0, 4, &on, 1), ==, 0);
  g_assert_false (passes (other, 0x88b5));
  g_assert_cmpuint (command (0, 5, &on, 1), ==, 0);
  g_assert_false (passes (everybody, 0x88b5));
  for (unsigned mode = 3; mode < 6; mode++)
    g_assert_cmpuint (command (0, mode, &off, 1), ==, 0);
  g_assert_cmpuint (command (0, 6, &off, 1), ==, 1);
  /* Addresses. */
  g_assert_cmpuint (command (1, 1, new_mac, 6), ==, 0);
  g_assert_true (passes (new_mac, 0x88b5));
  g_assert_false (passes (net_fixture_mac.bytes, 0x88b5));
  g_assert_cmpuint (command (1, 1, new_mac, 5), ==, 1);
  /* VLANs: none at first. */
  g_assert_false (passes (everybody, 0x8100));
  g_assert_cmpuint (command (2, 0, &vlan, 2), ==, 0);
  g_assert_true (passes (everybody, 0x8100));
  g_assert_cmpuint (command (2, 1, &vlan, 2), ==, 0);
  g_assert_false (passes (everybody, 0x8100));
  g_assert_cmpuint (command (2, 0, &wrong, 2), ==, 1);
  /* The next driver begins anew. */
  driver_start (&d, VERSION_1 | CONTROLS, 3);
  g_assert_true (passes (other, 0x88b5));
  end ();
}

/* Each command cut at each length, tables that say more than there is, and none at all. */
static void
test_commands_wrong (void)
{
  uint8_t tables[4 + 65 * 6 + 4] = { 65 };
  const uint8_t lying[8] = { 0xff, 0xff, 0xff, 0xff };
  uint8_t bytes[64] = { 0 };

  begin (VERSION_1 | CONTROLS | ANNOUNCE);
  for (unsigned class = 0; class < 8; class ++)
    for (unsigned what = 0; what < 4; what++)
      for (size_t length = 0; length < 24; length++)
        g_assert_cmpuint (command (class, what, bytes, length), <=, 1);
  g_assert_cmpuint (command (1, 0, lying, 8), ==, 1);
  for (size_t length = 0; length < sizeof tables; length++)
    g_assert_cmpuint (command (1, 0, tables, length), ==, 1);
  g_assert_cmpuint (command (1, 0, tables, sizeof tables), ==, 0); /* more than it keeps: all pass */
  /* Nothing to say what, and no room for an answer. */
  for (uint32_t length = 1; length < 3; length++)
    {
      driver_describe (&d, driver_queue (CQ), length, CQ_DATA, length, 0, 0);
      driver_put (&d, CQ, length);
      driver_ring (&d, CQ);
    }
  driver_describe (&d, driver_queue (CQ), 3, CQ_DATA, 4, DESC_WRITE, 0);
  driver_put (&d, CQ, 3);
  driver_ring (&d, CQ);
  const uint16_t before = driver_used (&d, CQ);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, CQ), ==, (uint16_t)(before + 3));
  g_assert_cmpuint (driver_read (&d, DRIVER_STATUS, 1) & NEEDS_RESET, ==, 0);
  end ();
}

static void
test_link (void)
{
  begin (VERSION_1 | STATUS);
  const unsigned before = d.n_interrupts;
  net_port_plug_cable (net.port, FALSE);
  driver_pump ();
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 6, 2), ==, 0);
  g_assert_cmpuint (d.n_interrupts, ==, before + 1);
  g_assert_cmpuint (driver_read (&d, DRIVER_ISR, 1), ==, 2);
  net_port_plug_cable (net.port, TRUE);
  driver_pump ();
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 6, 2), ==, 1);
  end ();
}

/* -- Drivers from before 1.0 ----------------------------------------------------------------------- */

static uint64_t
port_read (unsigned at, unsigned size)
{
  return address_space_load (d.vm->ports, &d.ports, DRIVER_IO + at, size, FALSE);
}

static void
port_write (unsigned at, uint64_t value, unsigned size)
{
  address_space_store (d.vm->ports, &d.ports, DRIVER_IO + at, value, size, FALSE);
}

static void
test_legacy (void)
{
  uint8_t frame[64], *ring;
  const uint64_t page = 0x40000, available = page + 16 * 256;

  begin (0);
  port_write (0x12, 3, 1);
  port_write (0x04, (uint32_t)(VIRT_FEATURE (5) | STATUS), 4);
  for (unsigned i = 0; i < 6; i++)
    port_write (0x14 + i, 0x20 + i, 1);
  port_write (0x0e, 0, 2);
  g_assert_cmpuint (port_read (0x0c, 2), ==, 256);
  port_write (0x08, page >> 12, 4);
  port_write (0x12, 7, 1);
  g_assert_cmphex (port_read (0x14, 1), ==, 0x20);
  driver_describe (&d, page, 0, RX_DATA, 2048, DESC_WRITE, 0);
  ring = driver_ram (&d, available);
  ring[4] = 0;
  ring[2] = 1;
  port_write (0x10, 0, 2);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 0);
  g_assert_true (net_fixture_give (&net, frame, sizeof frame));
  driver_pump ();
  /* A header of ten bytes. */
  g_assert_cmpmem (driver_ram (&d, RX_DATA + 10), sizeof frame, frame, sizeof frame);
  end ();
}

/* -- Life ------------------------------------------------------------------------------------------ */

/* With packets that wait on either side. */
static void
test_reset (gconstpointer how)
{
  uint8_t frame[1514], got[2048];

  begin (VERSION_1 | VIRT_F_RING_RESET);
  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 3);
  for (unsigned n = 0; driver_used (&d, TX) == (uint16_t)n; n++)
    put_packet (no_header, 12, frame, sizeof frame, 4096);
  for (unsigned i = 0; i < 3; i++)
    g_assert_true (net_fixture_give (&net, frame, sizeof frame));
  driver_pump ();
  switch (GPOINTER_TO_INT (how))
    {
    case 0:
      driver_write (&d, DRIVER_STATUS, 0, 1);
      break;
    case 1:
      for (unsigned n = 0; n < 2; n++)
        {
          driver_write (&d, DRIVER_SELECT, n, 2);
          driver_write (&d, DRIVER_QUEUE_RESET, 1, 2);
          g_assert_cmpuint (driver_read (&d, DRIVER_ENABLE, 2), ==, 0);
        }
      break;
    case 2:
      vm_lock (d.vm);
      card->klass->reset (card);
      vm_unlock (d.vm);
      driver_map (&d);
      break;
    default:
      driver_config (&d, PCI_COMMAND, 0, 2);
      break;
    }
  /* What is in the ring's memory by now is somebody else's. */
  memset (driver_ram (&d, DRIVER_QUEUE), 0xcc, 0xc000);
  while (net_fixture_take (&net, got, sizeof got) > 0)
    ;
  driver_pump ();
  for (unsigned i = 0; i < 0xc000; i++)
    g_assert_cmphex (driver_ram (&d, DRIVER_QUEUE)[i], ==, 0xcc);
  driver_map (&d);
  driver_start (&d, VERSION_1, 3);
  driver_pump ();
  give_room (0, 2048);
  put_packet (no_header, 12, frame, 99, 4096);
  g_assert_cmpuint (net_fixture_take (&net, got, sizeof got), ==, 99);
  g_assert_true (net_fixture_give (&net, frame, 77));
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 1);
  end ();
}

static void
test_saved (void)
{
  static const uint8_t other[6] = { 0x02, 1, 2, 3, 4, 5 };
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  const uint8_t off = 0;
  uint8_t frame[64];

  begin (VERSION_1 | CONTROLS | ANNOUNCE | GUEST_CSUM);
  g_assert_cmpuint (command (0, 0, &off, 1), ==, 0);
  g_assert_cmpuint (command (1, 1, other, 6), ==, 0);
  vm_lock (d.vm);
  ((Device *)net.port)->klass->pause ((Device *)net.port);
  card->klass->pause (card);
  vm_unlock (d.vm);
  net_fixture_frame (frame, other, 0x88b5, sizeof frame, 0);
  give_room (0, 2048);
  g_assert_true (net_fixture_give (&net, frame, sizeof frame));
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 0);
  vm_lock (d.vm);
  state_save (card->klass->state, card, state);
  card->klass->reset (card);
  g_assert_true (state_load (card->klass->state, card, state->data, state->len, &error));
  g_assert_true (card->klass->post_load (card, &error));
  g_assert_no_error (error);
  ((Device *)net.port)->klass->resume ((Device *)net.port);
  card->klass->resume (card);
  vm_unlock (d.vm);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, RX), ==, 1); /* to the address that it has been given */
  g_assert_false (passes (net_fixture_mac.bytes, 0x88b5));
  /* It is to tell its neighbours, once. */
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 6, 2), ==, 3);
  g_assert_cmpuint (command (3, 0, NULL, 0), ==, 0);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 6, 2), ==, 1);
  end ();
}

static void
assert_loads (void)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  vm_lock (d.vm);
  card->klass->pause (card);
  state_save (card->klass->state, card, state);
  state_load (card->klass->state, card, state->data, state->len, &error);
  g_assert_no_error (error);
  card->klass->post_load (card, &error);
  g_assert_no_error (error);
  card->klass->resume (card);
  vm_unlock (d.vm);
}

/* Features that change while commands rest on them: behind DRIVER_OK, and before it, where old drivers may give commands. */
static void
test_features_late (void)
{
  const uint8_t none[8] = { 0 }, sums[8] = { 2 };

  for (unsigned i = 0; i < 2; i++)
    {
      begin (0);
      d.packed = FALSE; /* which such drivers don't know */
      port_write (0x12, 3, 1);
      port_write (0x04, (uint32_t)(CONTROLS | GUEST_CSUM), 4);
      driver_start_queue (&d, RX);
      driver_start_queue (&d, TX);
      driver_start_queue (&d, CQ);
      if (i == 0)
        g_assert_cmpuint (command (5, 0, sums, sizeof sums), ==, 1);
      else
        {
          port_write (0x12, 7, 1);
          g_assert_cmpuint (command (5, 0, sums, sizeof sums), ==, 0);
        }
      port_write (0x04, 0, 4);
      assert_loads ();
      if (i == 1)
        g_assert_cmpuint (command (5, 0, none, sizeof none), ==, 0);
      end ();
    }

  begin (0);
  driver_features (&d, VERSION_1 | CONTROLS | GUEST_CSUM | VIRT_FEATURE (62));
  driver_write (&d, DRIVER_STATUS, 7, 1);
  driver_write (&d, DRIVER_FEATURES_SELECT, 0, 4);
  driver_write (&d, DRIVER_FEATURES, 0, 4);
  assert_loads ();
  g_assert_cmphex (driver_read (&d, DRIVER_FEATURES, 4), ==, (uint32_t)(CONTROLS | GUEST_CSUM));
  driver_write (&d, DRIVER_FEATURES_SELECT, 1, 4);
  g_assert_cmphex (driver_read (&d, DRIVER_FEATURES, 4), ==,
                   (VERSION_1 | (d.packed ? VIRT_F_RING_PACKED : 0)) >> 32);
  end ();
}

/* Rings at memory's end, in registers, over each other; loops; chains that lead nowhere. */
static void
test_hostile (void)
{
  static const uint64_t places[] = { DRIVER_RAM - 16, 0xfee00000, DRIVER_BAR, UINT64_MAX - 4095, 0 };
  uint8_t frame[1514];

  net_fixture_frame (frame, everybody, 0x88b5, sizeof frame, 3);
  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    for (unsigned part = 0; part < 3; part++)
      for (unsigned queue = 0; queue < 3; queue++)
        {
          begin (0);
          driver_features (&d, VERSION_1 | MERGE | CONTROLS);
          for (unsigned n = 0; n < 3; n++)
            {
              driver_start_queue (&d, n);
              if (n != queue)
                continue;
              driver_write (&d, DRIVER_QUEUE_RESET, 1, 2);
              driver_write (&d, DRIVER_SELECT, n, 2);
              driver_write (&d, DRIVER_ADDRESSES + 8 * part, (uint32_t)places[i], 4);
              driver_write (&d, DRIVER_ADDRESSES + 8 * part + 4, (uint32_t)(places[i] >> 32), 4);
              driver_write (&d, DRIVER_ENABLE, 1, 2);
            }
          driver_write (&d, DRIVER_STATUS, 15, 1);
          give_room (0, 2048);
          put_packet (no_header, 12, frame, sizeof frame, 4096);
          driver_describe (&d, driver_queue (CQ), 0, CQ_DATA, 8, 0, 0);
          driver_put (&d, CQ, 0);
          driver_ring (&d, CQ);
          net_fixture_give (&net, frame, sizeof frame);
          driver_pump ();
          end ();
        }
  for (unsigned queue = 0; queue < 3; queue++)
    {
      begin (VERSION_1 | MERGE | CONTROLS | VIRT_F_INDIRECT);
      /* A ring of descriptors; a buffer in registers. */
      driver_describe (&d, driver_queue (queue), 0, RX_DATA, 64, DESC_NEXT | (queue == RX ? DESC_WRITE : 0),
                       1);
      driver_describe (&d, driver_queue (queue), 1, RX_DATA, 64, DESC_NEXT | (queue == RX ? DESC_WRITE : 0),
                       0);
      driver_put (&d, queue, 0);
      driver_ring (&d, queue);
      net_fixture_give (&net, frame, sizeof frame);
      driver_pump ();
      g_assert_cmpuint (driver_read (&d, DRIVER_STATUS, 1) & NEEDS_RESET, ==, NEEDS_RESET);
      driver_start (&d, VERSION_1 | CONTROLS, 3);
      driver_describe (&d, driver_queue (queue), 0, DRIVER_BAR, 64, queue == RX ? DESC_WRITE : 0, 0);
      driver_put (&d, queue, 0);
      driver_ring (&d, queue);
      net_fixture_give (&net, frame, sizeof frame);
      driver_pump ();
      g_assert_cmpuint (driver_read (&d, DRIVER_STATUS, 1) & NEEDS_RESET, ==, NEEDS_RESET);
      /* And others work, and then it does. */
      driver_start (&d, VERSION_1, 3);
      give_room (0, 2048);
      g_assert_true (net_fixture_give (&net, frame, sizeof frame));
      driver_pump ();
      g_assert_cmpuint (driver_used (&d, RX), ==, 1);
      end ();
    }
}

/* -- Several queues -------------------------------------------------------------------------------------- */

static unsigned
set_pairs (uint16_t pairs)
{
  return command (4, 0, &pairs, sizeof pairs);
}

/* Sends by queue `tx` a packet of the connection of that port. */
static void
say_by (unsigned tx, uint8_t port)
{
  uint8_t *p = driver_ram (&d, TX_DATA + 0x4000), got[128];

  net_fixture_frame (p + 12, everybody, 0x0800, 60, 0);
  memset (p, 0, 12);
  memset (p + 12 + 14, 0, 60 - 14);
  p[12 + 14] = 0x45;
  p[12 + 23] = 17;
  memcpy (p + 12 + 26, "\x0a\0\2\x0f\x0a\0\2\2\0\5\0", 11);
  p[12 + 37] = port;
  driver_describe (&d, driver_queue (tx), 0, TX_DATA + 0x4000, 72, 0, 0);
  driver_put (&d, tx, 0);
  driver_ring (&d, tx);
  driver_pump ();
  g_assert_cmpint (net_fixture_take (&net, got, sizeof got), ==, 60);
}

/* The queue by which the answer comes; there is room in each that is given. */
static unsigned
answered_by (unsigned n, uint8_t port)
{
  uint16_t before[4];
  uint8_t p[60];
  unsigned by = G_MAXUINT;

  net_fixture_frame (p, everybody, 0x0800, sizeof p, 0);
  memset (p + 14, 0, sizeof p - 14);
  p[14] = 0x45;
  p[23] = 17;
  memcpy (p + 26, "\x0a\0\2\2\x0a\0\2\x0f\0\0\0\5", 12);
  p[35] = port;
  for (unsigned i = 0; i < n; i++)
    before[i] = driver_used (&d, 2 * i);
  g_assert_true (net_fixture_give (&net, p, sizeof p));
  driver_pump ();
  for (unsigned i = 0; i < n; i++)
    if (driver_used (&d, 2 * i) != before[i])
      {
        g_assert_cmpuint (by, ==, G_MAXUINT);
        by = 2 * i;
      }
  return by;
}

static void
fill_all (unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    for (unsigned j = 0; j < 8; j++)
      {
        driver_describe (&d, driver_queue (2 * i), j, RX_DATA + 0x1000 * (8 * i + j), 2048, DESC_WRITE, 0);
        driver_put (&d, 2 * i, j);
      }
}

static void
test_pairs (void)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  const uint8_t half = 1;

  n_pairs = 3;
  cq = 6;
  begin (VERSION_1);
  driver_start (&d, VERSION_1 | CONTROLS | MQ, 7);
  driver_pump ();
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 8, 2), ==, 3);
  g_assert_cmpuint (driver_read (&d, DRIVER_N_QUEUES, 2), ==, 7);
  fill_all (3);
  /* One at first, whatever the driver sends by. */
  say_by (5, 77);
  g_assert_cmpuint (answered_by (3, 77), ==, 0);
  g_assert_cmpuint (set_pairs (0), ==, 1);
  g_assert_cmpuint (set_pairs (4), ==, 1);
  g_assert_cmpuint (set_pairs (0xffff), ==, 1);
  g_assert_cmpuint (command (4, 0, &half, 1), ==, 1);
  g_assert_cmpuint (command (4, 1, (const uint8_t[2]){ 2 }, 2), ==, 1);
  g_assert_cmpuint (answered_by (3, 77), ==, 0);
  g_assert_cmpuint (set_pairs (3), ==, 0);
  say_by (5, 77);
  say_by (3, 78);
  g_assert_cmpuint (answered_by (3, 77), ==, 4);
  g_assert_cmpuint (answered_by (3, 78), ==, 2);
  g_assert_cmpuint (answered_by (3, 79), ==, 0);
  say_by (3, 77);
  g_assert_cmpuint (answered_by (3, 77), ==, 2);
  /* It is saved. */
  vm_lock (d.vm);
  card->klass->pause (card);
  state_save (card->klass->state, card, state);
  card->klass->reset (card);
  g_assert_true (state_load (card->klass->state, card, state->data, state->len, &error));
  g_assert_true (card->klass->post_load (card, &error));
  card->klass->resume (card);
  vm_unlock (d.vm);
  driver_pump ();
  say_by (5, 80);
  g_assert_cmpuint (answered_by (3, 80), ==, 4);
  /* Fewer again: the others' packets come by what is left. */
  g_assert_cmpuint (set_pairs (1), ==, 0);
  g_assert_cmpuint (answered_by (3, 80), ==, 0);
  /* A driver without the feature has one pair, and the third queue for commands. */
  driver_write (&d, DRIVER_STATUS, 0, 1);
  cq = 2;
  driver_start (&d, VERSION_1 | CONTROLS, 3);
  driver_pump ();
  give_room (0, 2048);
  g_assert_cmpuint (set_pairs (2), ==, 1);
  g_assert_cmpuint (command (0, 0, (const uint8_t[1]){ 1 }, 1), ==, 0);
  g_assert_cmpuint (answered_by (1, 77), ==, 0);
  end ();
  n_pairs = 1;
}

/* A machine whose driver has gone, with all pairs in use, can be saved and loaded. */
static void
test_pairs_without_driver (void)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  n_pairs = 3;
  cq = 6;
  begin (VERSION_1);
  driver_start (&d, VERSION_1 | CONTROLS | MQ, 7);
  driver_pump ();
  g_assert_cmpuint (set_pairs (3), ==, 0);
  driver_write (&d, DRIVER_STATUS, 0, 1);
  vm_lock (d.vm);
  card->klass->pause (card);
  state_save (card->klass->state, card, state);
  card->klass->reset (card);
  g_assert_true (state_load (card->klass->state, card, state->data, state->len, &error));
  g_assert_true (card->klass->post_load (card, &error));
  g_assert_no_error (error);
  card->klass->resume (card);
  vm_unlock (d.vm);
  driver_start (&d, VERSION_1 | CONTROLS | MQ, 7);
  driver_pump ();
  fill_all (3);
  g_assert_cmpuint (answered_by (3, 77), ==, 0);
  g_assert_cmpuint (set_pairs (3), ==, 0);
  end ();
  n_pairs = 1;
  cq = 2;
}

/* A saved machine with more pairs than there are, or none, is refused. */
static void
test_pairs_not_there (void)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  n_pairs = 3;
  cq = 6;
  begin (VERSION_1);
  driver_start (&d, VERSION_1 | CONTROLS | MQ, 7);
  driver_pump ();
  g_assert_cmpuint (set_pairs (3), ==, 0);
  vm_lock (d.vm);
  card->klass->pause (card);
  state_save (card->klass->state, card, state);
  vm_unlock (d.vm);
  end ();
  n_pairs = 2;
  cq = 2;
  begin (0);
  vm_lock (d.vm);
  g_assert_true (state_load (card->klass->state, card, state->data, state->len, &error));
  g_assert_false (card->klass->post_load (card, &error));
  g_assert_error (error, STATE_ERROR, STATE_ERROR_RANGE);
  card->klass->reset (card);
  vm_unlock (d.vm);
  end ();
  n_pairs = 1;
}

/* What no driver of any device would do. */
static Device *
make_hostile (Driver *driver, GError **error)
{
  net_fixture_open (&net, driver->vm, NULL);
  return virt_net_new (driver->vm, "net0", pci_root_bus (driver->root), DRIVER_DEVFN, n_pairs, net.port,
                       error);
}

static void
close_hostile (Driver *driver)
{
  driver_close (driver);
  net_fixture_close (&net);
}

static void
test_hostile_any (void)
{
  static const Hostile hostile = { make_hostile, 3, MERGE | CONTROLS, close_hostile };
  static const Hostile pairs = { make_hostile, 5, MERGE | CONTROLS | MQ, close_hostile };

  hostile_chains (&hostile);
  hostile_rings (&hostile);
  hostile_shapes (&hostile);
  hostile_widths (&hostile);
  n_pairs = 2;
  hostile_chains (&pairs);
  hostile_rings (&pairs);
  n_pairs = 1;
}

int
main (int argc, char **argv)
{
  static const char *const resets[] = { "device", "queues", "machine", "bus-master" };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-net/identity", test_identity);
  g_test_add_func ("/virtio-net/receive", test_receive);
  g_test_add_func ("/virtio-net/receive-later", test_receive_later);
  g_test_add_func ("/virtio-net/merged", test_merged);
  g_test_add_func ("/virtio-net/receive-short", test_receive_short);
  g_test_add_func ("/virtio-net/send", test_send);
  g_test_add_func ("/virtio-net/send-odd", test_send_odd);
  g_test_add_func ("/virtio-net/send-later", test_send_later);
  g_test_add_func ("/virtio-net/offloads-out", test_offloads_out);
  g_test_add_func ("/virtio-net/offloads-in", test_offloads_in);
  g_test_add_func ("/virtio-net/sums-good", test_sums_good);
  g_test_add_func ("/virtio-net/filters", test_filters);
  g_test_add_func ("/virtio-net/commands-wrong", test_commands_wrong);
  g_test_add_func ("/virtio-net/link", test_link);
  g_test_add_func ("/virtio-net/legacy", test_legacy);
  for (unsigned i = 0; i < G_N_ELEMENTS (resets); i++)
    {
      g_autofree char *name = g_strconcat ("/virtio-net/reset/", resets[i], NULL);
      g_test_add_data_func (name, GINT_TO_POINTER (i), test_reset);
    }
  g_test_add_func ("/virtio-net/saved", test_saved);
  g_test_add_func ("/virtio-net/pairs", test_pairs);
  g_test_add_func ("/virtio-net/pairs-without-driver", test_pairs_without_driver);
  g_test_add_func ("/virtio-net/pairs-not-there", test_pairs_not_there);
  g_test_add_func ("/virtio-net/features-late", test_features_late);
  g_test_add_func ("/virtio-net/hostile", test_hostile);
  g_test_add_func ("/virtio-net/hostile-any", test_hostile_any);
  return g_test_run ();
}
