/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "card-fixture.h"
#include "ne2000-driver.h"

#include "net/frame.h"
#include "net/ne2000.h"

static const uint8_t own[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static Device *
open_card (Card *c)
{
  return card_plug (c, &(CardPlan){ .make = ne2000_new, .memory = -1, .ports = 0 });
}

static void
check_prom (Card *c)
{
  uint8_t prom[32];

  ne_out (c, 14, 0x48);
  ne_read (c, 0, prom, 32, 1);
  for (unsigned i = 0; i < 6; i++)
    {
      g_assert_cmphex (prom[2 * i], ==, own[i]);
      g_assert_cmphex (prom[2 * i + 1], ==, own[i]);
    }
  g_assert_cmphex (prom[28], ==, 'W');
  g_assert_cmphex (prom[31], ==, 'W');
  /* In words, of which bytes are read: one of each two. */
  ne_out (c, 14, 0x49);
  ne_remote (c, 0, 32, NE_READ);
  for (unsigned i = 0; i < 6; i++)
    g_assert_cmphex (ne_in (c, NE_DATA), ==, own[i]);
}

static void
test_registers (void)
{
  Card c;
  uint8_t bytes[0x4000], back[0x4000];

  open_card (&c);
  g_assert_true (ne_in (&c, 7) & NE_RST);
  check_prom (&c);
  ne_start (&c, 4, 0x49);
  g_assert_cmphex (ne_in (&c, 10), ==, 'P');
  g_assert_cmphex (ne_in (&c, 11), ==, 'C');
  ne_out (&c, 7, 0xff);
  for (unsigned i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 31 + (i >> 8));
  for (unsigned width = 1; width <= 4; width *= 2)
    {
      ne_out (&c, 14, width == 1 ? 0x48 : 0x49);
      ne_out (&c, 1, 0x40);
      ne_write (&c, 0x4000, bytes, sizeof bytes, width);
      g_assert_true (ne_in (&c, 7) & NE_RDC);
      ne_read (&c, 0x4000, back, sizeof back, width);
      g_assert_cmpmem (back, sizeof back, bytes, sizeof bytes);
    }
  /* Beyond the count, beyond memory. */
  g_assert_cmphex (card_in (&c, NE_DATA, 4), ==, 0xffffffff);
  ne_read (&c, 0x8000, back, 16, 1);
  g_assert_cmphex (back[0], ==, 0xff);
  ne_write (&c, 0x0000, bytes, 32, 1);
  check_prom (&c);
  ne_remote (&c, 0xfff0, 0xffff, NE_WRITE);
  for (unsigned i = 0; i < 70000; i++)
    card_out (&c, NE_DATA, i, 4);
  /* The reset port. */
  ne_in (&c, NE_RESET);
  ne_out (&c, NE_RESET, 0);
  g_assert_true (ne_in (&c, 7) & NE_RST);
  for (unsigned page = 0; page < 4; page++)
    for (unsigned i = 0; i < 32; i++)
      {
        ne_out (&c, 0, page << 6 | NE_STA | NE_ABORT);
        ne_in (&c, i);
        card_in (&c, i & ~1u, 2);
        ne_out (&c, i, 0x55);
      }
  card_close (&c);
}

static void
test_send (void)
{
  uint8_t packet[1514];
  Card c;
  CardPacket *sent;

  open_card (&c);
  ne_start (&c, 4, 0x49);
  ne_out (&c, 15, NE_PTX);
  for (unsigned length = 60; length <= 1514; length += 97)
    {
      card_fill (packet, length, broadcast, length);
      ne_write (&c, NE_TX << 8, packet, length, 2);
      ne_send (&c, length);
      sent = card_sent (&c);
      g_assert_cmpmem (sent->bytes, sent->length, packet, length);
      g_free (sent);
      g_assert_cmphex (ne_in (&c, 4) & 1, ==, 1);
      g_assert_false (ne_in (&c, 0) & NE_TXP);
      g_assert_true (c.level);
      ne_out (&c, 7, NE_PTX);
      g_assert_false (c.level);
    }
  card_set_full (&c, TRUE);
  ne_send (&c, 60);
  g_assert_true (ne_in (&c, 0) & NE_TXP);
  g_assert_false (c.level);
  card_set_full (&c, FALSE);
  g_assert_false (ne_in (&c, 0) & NE_TXP);
  sent = card_sent (&c);
  g_assert_cmpuint (sent->length, ==, 60);
  g_free (sent);
  /* Any length; in a loop nothing goes out. */
  ne_send (&c, 0xffff);
  ne_send (&c, 0);
  while ((sent = card_sent (&c)) != NULL)
    g_free (sent);
  ne_out (&c, 13, 2);
  ne_send (&c, 60);
  g_assert_null (card_sent (&c));
  card_close (&c);
}

/* The packet behind BNRY, as Linux takes it. */
static unsigned
take (Card *c, uint8_t *packet)
{
  const unsigned page = ne_in (c, 3) + 1 >= NE_STOP ? NE_START : ne_in (c, 3) + 1;
  uint8_t header[4];
  unsigned length;

  if (page == ne_page1 (c, 7))
    return 0;
  ne_read (c, page << 8, header, 4, 2);
  g_assert_cmphex (header[0] & 1, ==, 1);
  length = (header[2] | header[3] << 8) - 4u;
  /* Remote reading goes round at the ring's end by itself. */
  ne_read (c, (page << 8) + 4, packet, length, 2);
  ne_out (c, 3, header[1] == NE_START ? NE_STOP - 1 : header[1] - 1u);
  card_pump ();
  return length;
}

static void
test_receive (void)
{
  uint8_t packet[1514], got[2048];
  unsigned n = 0;
  Card c;

  open_card (&c);
  ne_start (&c, 4, 0x49);
  ne_out (&c, 15, NE_PRX);
  g_assert_cmpuint (take (&c, got), ==, 0);
  for (unsigned i = 0; i < 200; i++)
    {
      const unsigned length = 14 + i * 37 % 1500, filled = MAX (length, 60);

      card_fill (packet, length, i & 1 ? broadcast : NULL, i);
      g_assert_true (card_offer (&c, packet, length));
      g_assert_true (c.level);
      ne_out (&c, 7, NE_PRX);
      const unsigned taken = take (&c, got);
      g_assert_cmpuint (taken, ==, filled);
      g_assert_cmpmem (got, length, packet, length);
    }
  /* 58 pages: nine packets of six. */
  card_fill (packet, sizeof packet, NULL, 1);
  while (card_offer (&c, packet, sizeof packet))
    {
      n++;
      g_assert_cmpuint (n, <, 20);
    }
  g_assert_cmpuint (n, ==, 9);
  for (unsigned i = 0; i < 10; i++)
    {
      const unsigned taken = take (&c, got);
      g_assert_cmpuint (taken, ==, 1514);
      g_assert_cmpmem (got, 1514, packet, 1514);
    }
  g_assert_cmpuint (take (&c, got), ==, 0);
  /* BNRY stands a page behind what is to be taken next, also where that is the ring's first page. */
  ne_out (&c, 0, 0x40 | NE_STA | NE_ABORT);
  ne_out (&c, 7, NE_START);
  ne_out (&c, 0, NE_STA | NE_ABORT);
  ne_out (&c, 3, NE_START - 1);
  card_fill (packet, sizeof packet, NULL, 3);
  for (n = 0; card_offer (&c, packet, sizeof packet); n++)
    g_assert_cmpuint (n, <, 20);
  g_assert_cmpuint (n, ==, 9);
  for (unsigned i = 0; i < 10; i++)
    g_assert_cmpuint (take (&c, got), ==, 1514);
  /* The chip's own command takes the packet at BNRY, and moves it on. */
  ne_out (&c, 3, ne_page1 (&c, 7));
  card_fill (packet, 60, NULL, 7);
  g_assert_true (card_offer (&c, packet, 60));
  ne_remote (&c, 0, 0, NE_SEND);
  for (unsigned i = 0; i < 4; i += 2)
    card_in (&c, NE_DATA, 2);
  for (unsigned i = 0; i < 60; i += 2)
    g_assert_cmphex (card_in (&c, NE_DATA, 2), ==, packet[i] | packet[i + 1] << 8);
  g_assert_cmphex (ne_in (&c, 3), ==, ne_page1 (&c, 7));
  card_close (&c);
}

/* Linux's driver takes ten packets at most and then acknowledges what came meanwhile.  Where the next one has no room nothing else would tell it of those that are still there. */
static void
test_acknowledged_unseen (void)
{
  uint8_t packet[1514], got[2048];
  unsigned n = 0;
  Card c;

  open_card (&c);
  ne_start (&c, 4, 0x49);
  ne_out (&c, 15, NE_PRX);
  card_fill (packet, sizeof packet, NULL, 1);
  while (card_offer (&c, packet, sizeof packet))
    n++;
  g_assert_cmpuint (n, ==, 9);
  for (unsigned i = 0; i < 3; i++)
    {
      ne_out (&c, 7, NE_PRX);
      card_pump ();
      g_assert_true (c.level);
    }
  for (unsigned i = 0; i < n + 1; i++)
    g_assert_cmpuint (take (&c, got), ==, 1514);
  ne_out (&c, 7, NE_PRX);
  card_pump ();
  g_assert_false (c.level);
  card_close (&c);
}

static gboolean
arrives (Card *c, unsigned rcr, const uint8_t *to)
{
  uint8_t packet[60], got[2048];

  ne_out (c, 12, rcr);
  card_fill (packet, sizeof packet, to, 1);
  g_assert_true (card_offer (c, packet, sizeof packet));
  return take (c, got) > 0;
}

static void
test_filters (void)
{
  const unsigned hash = net_crc_address (group, TRUE) >> 26;
  Card c;

  open_card (&c);
  ne_start (&c, 0, 0x49);
  g_assert_true (arrives (&c, 0, NULL));
  g_assert_false (arrives (&c, 0, broadcast));
  g_assert_true (arrives (&c, 4, broadcast));
  g_assert_false (arrives (&c, 0, stranger));
  g_assert_true (arrives (&c, 0x10, stranger));
  g_assert_false (arrives (&c, 8, group));
  ne_out (&c, 0, 0x40 | NE_STA | NE_ABORT);
  ne_out (&c, 8 + hash / 8, 1u << hash % 8);
  ne_out (&c, 0, NE_STA | NE_ABORT);
  g_assert_true (arrives (&c, 8, group));
  g_assert_false (arrives (&c, 0, group));
  /* Monitored, not stored. */
  g_assert_false (arrives (&c, 0x20, NULL));
  g_assert_cmpuint (ne_in (&c, 15), ==, 1);
  g_assert_cmpuint (ne_in (&c, 15), ==, 0);
  ne_out (&c, 0, NE_STP | NE_ABORT);
  g_assert_false (arrives (&c, 0x10, NULL));
  card_close (&c);
}

static void
test_trouble (void)
{
  static const uint8_t pages[] = { 0, 1, 0x40, 0x7f, 0x80, 0xff };
  uint8_t packet[1514];
  Card c;
  Device *device = open_card (&c);

  card_fill (packet, sizeof packet, NULL, 1);
  for (unsigned i = 0; i < 6 * 6 * 6 * 6; i++)
    {
      ne_start (&c, 0x1e, 0x49);
      ne_out (&c, 1, pages[i % 6]);
      ne_out (&c, 2, pages[i / 6 % 6]);
      ne_out (&c, 3, pages[i / 36 % 6]);
      ne_out (&c, 0, 0x40 | NE_STA | NE_ABORT);
      ne_out (&c, 7, pages[i / 216]);
      ne_out (&c, 0, NE_STA | NE_ABORT);
      card_offer (&c, packet, sizeof packet);
      ne_out (&c, 12, 0);
      card_pump ();
    }
  ne_start (&c, 4, 0x49);
  card_set_full (&c, TRUE);
  ne_send (&c, 60);
  vm_lock (c.vm);
  device->klass->reset (device);
  vm_unlock (c.vm);
  card_map (&c, -1, 0);
  card_set_full (&c, FALSE);
  g_assert_null (card_sent (&c));
  g_assert_false (ne_in (&c, 0) & NE_TXP);
  card_close (&c);
}

static void
test_saved (void)
{
  uint8_t packet[60], got[2048];
  Card c;
  Device *device = open_card (&c);

  card_fill (packet, sizeof packet, NULL, 1);
  ne_start (&c, 4, 0x49);
  ne_out (&c, 15, NE_PRX);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_true (card_save_and_load (&c, device));
  g_assert_true (c.level);
  const unsigned taken = take (&c, got);
  g_assert_cmpuint (taken, ==, 60);
  g_assert_cmpmem (got, 60, packet, 60);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  card_close (&c);
}

/* The ISA card: other ports, a wire. */
static void
on_irq (void *opaque, unsigned n, gboolean level)
{
  ((Card *)opaque)->level = level;
}

static void
test_isa (void)
{
  Card c;
  Device *device;

  card_open (&c, 0);
  vm_lock (c.vm);
  device = ne2000_isa_new (c.vm, "net0", IRQ_LINE (on_irq, &c, 9), c.net.port, NULL);
  device->klass->reset (device);
  vm_unlock (c.vm);
  address_space_store (c.vm->ports, &c.ports, NE2000_ISA_PORT, 0x22, 1, FALSE);
  g_assert_cmphex (address_space_load (c.vm->ports, &c.ports, NE2000_ISA_PORT, 1, FALSE), ==, 0x22);
  /* It has no identity. */
  g_assert_cmphex (address_space_load (c.vm->ports, &c.ports, NE2000_ISA_PORT + 10, 1, FALSE), ==, 0xff);
  address_space_store (c.vm->ports, &c.ports, NE2000_ISA_PORT + 15, NE_RDC, 1, FALSE);
  address_space_store (c.vm->ports, &c.ports, NE2000_ISA_PORT, 0x0a, 1,
                       FALSE); /* a reading of nothing ends at once */
  g_assert_true (c.level);
  g_assert_true (card_save_and_load (&c, device));
  g_assert_true (c.level);
  card_close (&c);
}

/* A command with neither STA nor STP leaves the chip as it is: so Linux turns pages when it sets the filter, behind which it may have nothing to send for long. */
static void
test_command_without_start (void)
{
  uint8_t packet[60];
  Card c;

  open_card (&c);
  ne_start (&c, 4, 0x49);
  card_fill (packet, sizeof packet, NULL, 1);
  ne_out (&c, 0, 0x60);
  ne_out (&c, 0, 0x20);
  g_assert_cmphex (ne_in (&c, 0) & 3, ==, 2);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_cmphex (ne_in (&c, 7) & 1, ==, 1);
  /* Stopped it stays stopped. */
  ne_out (&c, 0, 0x21);
  ne_out (&c, 7, 1);
  ne_out (&c, 0, 0x20);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_cmphex (ne_in (&c, 7) & 1, ==, 0);
  card_close (&c);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ne2000/registers", test_registers);
  g_test_add_func ("/ne2000/command-without-start", test_command_without_start);
  g_test_add_func ("/ne2000/send", test_send);
  g_test_add_func ("/ne2000/receive", test_receive);
  g_test_add_func ("/ne2000/acknowledged-unseen", test_acknowledged_unseen);
  g_test_add_func ("/ne2000/filters", test_filters);
  g_test_add_func ("/ne2000/trouble", test_trouble);
  g_test_add_func ("/ne2000/saved", test_saved);
  g_test_add_func ("/ne2000/isa", test_isa);
  return g_test_run ();
}
