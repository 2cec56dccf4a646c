/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "card-fixture.h"
#include "pcnet-driver.h"

#include "net/frame.h"
#include "net/pcnet.h"

/* Width of the doors, shape of the descriptors. */
static const struct
{
  gboolean dwio;
  unsigned style;
} ways[] = { { FALSE, 0 }, { FALSE, 2 }, { TRUE, 2 }, { TRUE, 3 } };

static Device *
open_card (Card *c)
{
  return card_plug (c, &(CardPlan){ .make = pcnet_new, .memory = 1, .ports = 0 });
}

static void
test_registers (void)
{
  Card c;
  unsigned sum = 0;

  open_card (&c);
  g_assert_cmphex (card_in (&c, 0, 4), ==, 0x12005452);
  g_assert_cmphex (card_in (&c, 14, 2), ==, 0x5757);
  for (unsigned i = 0; i < 16; i++)
    sum += i == 12 || i == 13 ? 0 : card_in (&c, i, 1);
  g_assert_cmpuint (card_in (&c, 12, 2), ==, sum);
  /* As Linux finds it. */
  card_in (&c, 0x14, 2);
  g_assert_cmphex (pcn_csr_read (&c, FALSE, 0), ==, 4);
  card_out (&c, 0x12, 88, 2);
  g_assert_cmpuint (card_in (&c, 0x12, 2), ==, 88);
  g_assert_cmphex (pcn_csr_read (&c, FALSE, 88) | pcn_csr_read (&c, FALSE, 89) << 16, ==, 0x02621003);
  g_assert_cmphex (pcn_bcr_read (&c, FALSE, BCR_LINK), !=, 0x00c0);
  card_set_link (&c, FALSE);
  g_assert_cmphex (pcn_bcr_read (&c, FALSE, BCR_LINK), ==, 0x00c0);
  /* The other width, and back only by a reset of the machine. */
  card_out (&c, 0x10, 0, 4);
  g_assert_cmphex (card_in (&c, 0x10, 2), ==, 0xffff);
  g_assert_cmphex (pcn_csr_read (&c, TRUE, 0), ==, 4);
  card_in (&c, 0x18, 4);
  g_assert_cmphex (pcn_csr_read (&c, TRUE, 0), ==, 4);
  for (unsigned n = 0; n < 256; n++)
    {
      pcn_csr_read (&c, TRUE, n);
      pcn_bcr_read (&c, TRUE, n);
      pcn_bcr (&c, TRUE, n, 0xffff);
    }
  for (unsigned i = 0; i < 32; i++)
    for (unsigned size = 1; size <= 4 && i + size <= 32; size *= 2)
      card_read (&c, i, size);
  card_close (&c);
}

static void
test_send (void)
{
  Card c;
  CardPacket *packet;

  for (unsigned w = 0; w < G_N_ELEMENTS (ways); w++)
    {
      const gboolean dwio = ways[w].dwio;
      const unsigned style = ways[w].style;

      open_card (&c);
      pcn_start (&c, dwio, style, 0, 0);
      g_assert_cmphex (pcn_csr_read (&c, dwio, 0), ==,
                       CSR0_INIT | CSR0_STRT | CSR0_TXON | CSR0_RXON | CSR0_IENA);
      for (unsigned i = 0; i < 20; i++)
        {
          const unsigned length = 60 + 73 * i, n = 2 * i % PCN_N;

          card_fill (card_ram (&c, PCN_TX_AT), length, broadcast, i);
          pcn_describe (&c, style, PCN_TX, n + 1, PCN_TX_AT + 33, PCN_OWN | PCN_ENP, length - 33);
          pcn_send (&c, dwio);
          g_assert_null (card_sent (&c));
          pcn_describe (&c, style, PCN_TX, n, PCN_TX_AT, PCN_OWN | PCN_STP, 33);
          pcn_send (&c, dwio);
          packet = card_sent (&c);
          g_assert_cmpmem (packet->bytes, packet->length, card_ram (&c, PCN_TX_AT), length);
          g_free (packet);
          g_assert_cmphex (pcn_flags (&c, style, PCN_TX, n) & PCN_OWN, ==, 0);
          g_assert_cmphex (pcn_flags (&c, style, PCN_TX, n + 1) & PCN_OWN, ==, 0);
          g_assert_true (c.level);
          g_assert_true (pcn_csr_read (&c, dwio, 0) & CSR0_TINT);
          pcn_csr (&c, dwio, 0, CSR0_TINT | CSR0_IENA);
          g_assert_false (c.level);
        }
      /* No room, then room. */
      card_set_full (&c, TRUE);
      pcn_describe (&c, style, PCN_TX, 0, PCN_TX_AT, PCN_OWN | PCN_STP | PCN_ENP, 20);
      pcn_send (&c, dwio);
      g_assert_true (pcn_flags (&c, style, PCN_TX, 0) & PCN_OWN);
      card_set_full (&c, FALSE);
      card_advance (&c, 1000 * 1000);
      packet = card_sent (&c);
      g_assert_cmpuint (packet->length, ==, 60);
      g_free (packet);
      /* What begins nothing is passed over. */
      pcn_describe (&c, style, PCN_TX, 1, PCN_TX_AT, PCN_OWN, 20);
      pcn_send (&c, dwio);
      g_assert_false (pcn_flags (&c, style, PCN_TX, 1) & PCN_OWN);
      g_assert_null (card_sent (&c));
      card_close (&c);
    }
}

static void
test_receive (void)
{
  uint8_t packet[1514];
  Card c;

  for (unsigned w = 0; w < G_N_ELEMENTS (ways); w++)
    {
      const gboolean dwio = ways[w].dwio;
      const unsigned style = ways[w].style;

      open_card (&c);
      pcn_start (&c, dwio, style, 0, 0);
      for (unsigned i = 0; i < 40; i++)
        {
          const unsigned length = 14 + 37 * i, filled = MAX (length, 60), n = i % PCN_N;
          const uint32_t flags = PCN_STP | PCN_ENP | (style == 0 ? 0 : i & 1 ? 1 << 20 : 1 << 22);

          card_fill (packet, length, i & 1 ? broadcast : NULL, i);
          g_assert_true (card_offer (&c, packet, length));
          g_assert_cmphex (pcn_flags (&c, style, PCN_RX, n) & 0xfff00000, ==, flags);
          g_assert_cmpuint (pcn_count (&c, style, n), ==, filled + 4);
          g_assert_cmpmem (card_ram (&c, PCN_RX_AT + 0x1000 * n), length, packet, length);
          const uint32_t crc = net_frame_crc (packet, length, filled - length);
          g_assert_cmpmem (card_ram (&c, PCN_RX_AT + 0x1000 * n + filled), 4, &crc, 4);
          g_assert_true (c.level);
          pcn_csr (&c, dwio, 0, CSR0_RINT | CSR0_IENA);
          pcn_describe (&c, style, PCN_RX, n, PCN_RX_AT + 0x1000 * n, PCN_OWN, 1536);
        }
      /* Over three descriptors. */
      for (unsigned n = 0; n < PCN_N; n++)
        pcn_describe (&c, style, PCN_RX, n, PCN_RX_AT + 600 * n, PCN_OWN, 600);
      card_fill (packet, sizeof packet, NULL, 1);
      g_assert_true (card_offer (&c, packet, sizeof packet));
      g_assert_cmphex (pcn_flags (&c, style, PCN_RX, 0) & 0xff000000, ==, PCN_STP);
      g_assert_cmphex (pcn_flags (&c, style, PCN_RX, 1) & 0xff000000, ==, 0);
      g_assert_cmphex (pcn_flags (&c, style, PCN_RX, 2) & 0xff000000, ==, PCN_ENP);
      g_assert_cmpuint (pcn_count (&c, style, 2), ==, 1518);
      g_assert_cmpmem (card_ram (&c, PCN_RX_AT), 1514, packet, 1514);
      /* It waits for descriptors, and looks again by itself. */
      g_assert_true (card_offer (&c, packet, sizeof packet));
      g_assert_false (card_offer (&c, packet, sizeof packet));
      pcn_describe (&c, style, PCN_RX, 0, PCN_RX_AT, PCN_OWN, 1536);
      pcn_describe (&c, style, PCN_RX, 6, PCN_RX_AT + 0x8000, PCN_OWN, 1536);
      card_advance (&c, 3 * 1000 * 1000);
      g_assert_cmphex (pcn_flags (&c, style, PCN_RX, 6) & 0xff000000, ==, PCN_STP | PCN_ENP);
      /* No ring has room for it. */
      for (unsigned n = 0; n < PCN_N; n++)
        pcn_describe (&c, style, PCN_RX, n, PCN_RX_AT, PCN_OWN, 64);
      g_assert_true (card_offer (&c, packet, sizeof packet));
      g_assert_true (pcn_csr_read (&c, dwio, 0) & CSR0_MISS);
      g_assert_cmpuint (pcn_csr_read (&c, dwio, CSR_MISSED), ==, 1);
      card_close (&c);
    }
}

static gboolean
arrives (Card *c, unsigned mode, uint64_t filter, const uint8_t *to)
{
  uint8_t packet[60];

  pcn_start (c, FALSE, 2, mode, filter);
  card_fill (packet, sizeof packet, to, 1);
  g_assert_true (card_offer (c, packet, sizeof packet));
  return !(pcn_flags (c, 2, PCN_RX, 0) & PCN_OWN);
}

static void
test_filters (void)
{
  const uint64_t hash = 1ull << (net_crc_address (group, FALSE) >> 26);
  Card c;

  open_card (&c);
  g_assert_true (arrives (&c, 0, 0, NULL));
  g_assert_true (arrives (&c, 0, 0, broadcast));
  g_assert_false (arrives (&c, 0, 0, stranger));
  g_assert_false (arrives (&c, 0, 0, group));
  g_assert_true (arrives (&c, 0, hash, group));
  g_assert_false (arrives (&c, 0, ~hash, group));
  g_assert_false (arrives (&c, MODE_DRCVBC, 0, broadcast));
  g_assert_false (arrives (&c, MODE_DRCVPA, 0, NULL));
  g_assert_true (arrives (&c, MODE_PROM, 0, stranger));
  g_assert_true (arrives (&c, MODE_PROM, 0, group));
  g_assert_false (arrives (&c, MODE_PROM | MODE_DRX, 0, NULL));
  card_close (&c);
}

static void
test_interrupts (void)
{
  uint8_t packet[60];
  Card c;

  open_card (&c);
  card_fill (packet, sizeof packet, NULL, 1);
  pcn_start (&c, FALSE, 2, 0, 0);
  pcn_csr (&c, FALSE, 0, CSR0_STOP);
  pcn_csr (&c, FALSE, 3, CSR0_RINT);
  pcn_csr (&c, FALSE, 0, CSR0_INIT);
  pcn_csr (&c, FALSE, 0, CSR0_STRT | CSR0_IENA);
  g_assert_true (c.level);
  g_assert_true (pcn_csr_read (&c, FALSE, 0) & CSR0_INTR);
  pcn_csr (&c, FALSE, 0, CSR0_IDON | CSR0_IENA);
  g_assert_false (c.level);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_false (c.level);
  pcn_csr (&c, FALSE, 3, 0);
  g_assert_true (c.level);
  pcn_csr (&c, FALSE, 0, 0);
  g_assert_false (c.level);
  pcn_csr (&c, FALSE, 0, CSR0_RINT | CSR0_IENA);
  pcn_csr (&c, FALSE, 4, CSR4_UINTCMD);
  g_assert_true (c.level);
  pcn_csr (&c, FALSE, 4, CSR4_UINT);
  g_assert_false (c.level);
  /* Held up, and let go. */
  pcn_csr (&c, FALSE, 5, CSR5_SPND);
  g_assert_true (pcn_csr_read (&c, FALSE, 5) & CSR5_SPND);
  g_assert_false (card_offer (&c, packet, sizeof packet));
  pcn_csr (&c, FALSE, 5, 0);
  card_pump ();
  g_assert_false (pcn_flags (&c, 2, PCN_RX, 1) & PCN_OWN);
  /* TINT for some. */
  pcn_csr (&c, FALSE, 5, CSR5_LTINTEN);
  pcn_csr (&c, FALSE, 0, CSR0_CAUSES | CSR0_IENA);
  pcn_describe (&c, 2, PCN_TX, 0, PCN_TX_AT, PCN_OWN | PCN_STP | PCN_ENP, 60);
  pcn_send (&c, FALSE);
  g_assert_false (c.level);
  pcn_describe (&c, 2, PCN_TX, 1, PCN_TX_AT, PCN_OWN | PCN_STP | PCN_ENP | 1u << 28, 60);
  pcn_send (&c, FALSE);
  g_assert_true (c.level);
  card_close (&c);
}

static void
test_trouble (void)
{
  static const uint32_t rings[] = { CARD_RAM - 8, CARD_BAR, 0xfffffff0, PCN_BLOCK };
  uint8_t packet[1514];
  Card c;
  Device *device = open_card (&c);

  card_fill (packet, sizeof packet, NULL, 1);
  for (unsigned round = 0; round < 3; round++)
    {
      pcn_start (&c, FALSE, 2, MODE_PROM, 0);
      pcn_describe (&c, 2, PCN_TX, 0, PCN_TX_AT, PCN_OWN | PCN_STP | PCN_ENP, 60);
      pcn_csr (&c, FALSE, 0, CSR0_TDMD | CSR0_IENA);
      if (round == 0)
        card_in (&c, 0x14, 2);
      else if (round == 1)
        pcn_csr (&c, FALSE, 0, CSR0_STOP);
      else
        {
          vm_lock (c.vm);
          device->klass->reset (device);
          vm_unlock (c.vm);
          card_map (&c, 1, 0);
        }
      card_advance (&c, NS_PER_SECOND);
      g_assert_null (card_sent (&c));
      g_assert_true (card_offer (&c, packet, sizeof packet));
      g_assert_false (c.level);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (rings); i++)
    for (unsigned length = 0; length < 3; length++)
      {
        pcn_start (&c, FALSE, 2, MODE_PROM, 0);
        pcn_csr (&c, FALSE, 0, CSR0_STOP);
        for (unsigned k = 0; k < PCN_N; k++)
          pcn_describe (&c, 2, PCN_TX, k, PCN_TX_AT, PCN_OWN | PCN_STP, 0);
        for (unsigned csr = CSR_BADR; csr <= CSR_BADX; csr += 6)
          {
            pcn_csr (&c, FALSE, csr, rings[i] & 0xffff);
            pcn_csr (&c, FALSE, csr + 1, rings[i] >> 16);
          }
        pcn_csr (&c, FALSE, CSR_RCVRL, length == 2 ? 1 : -length & 0xffff);
        pcn_csr (&c, FALSE, CSR_XMTRL, length == 2 ? 1 : -length & 0xffff);
        pcn_csr (&c, FALSE, 0, CSR0_STRT | CSR0_TDMD);
        for (unsigned k = 0; k < 20; k++)
          card_offer (&c, packet, sizeof packet);
        card_advance (&c, 50 * 1000 * 1000);
        pcn_csr (&c, FALSE, 0, CSR0_STOP);
        card_pump ();
        for (CardPacket *sent; (sent = card_sent (&c)) != NULL;)
          g_free (sent);
      }
  /* An initialization block outside of memory. */
  pcn_csr (&c, FALSE, 1, 0xfffc);
  pcn_csr (&c, FALSE, 2, 0xffff);
  pcn_csr (&c, FALSE, 0, CSR0_INIT | CSR0_STRT);
  card_offer (&c, packet, sizeof packet);
  card_close (&c);
}

static void
test_saved (void)
{
  uint8_t packet[60];
  Card c;
  CardPacket *sent;
  Device *device = open_card (&c);

  card_fill (packet, sizeof packet, NULL, 1);
  pcn_start (&c, TRUE, 3, 0, 0);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  pcn_describe (&c, 3, PCN_TX, 0, PCN_TX_AT, PCN_OWN | PCN_STP | PCN_ENP, 77);
  pcn_csr (&c, TRUE, 0, CSR0_TDMD | CSR0_IENA);
  g_assert_true (card_save_and_load (&c, device));
  g_assert_true (c.level);
  card_advance (&c, 1000 * 1000);
  sent = card_sent (&c);
  g_assert_cmpuint (sent->length, ==, 77);
  g_free (sent);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_false (pcn_flags (&c, 3, PCN_RX, 1) & PCN_OWN);
  card_close (&c);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pcnet/registers", test_registers);
  g_test_add_func ("/pcnet/send", test_send);
  g_test_add_func ("/pcnet/receive", test_receive);
  g_test_add_func ("/pcnet/filters", test_filters);
  g_test_add_func ("/pcnet/interrupts", test_interrupts);
  g_test_add_func ("/pcnet/trouble", test_trouble);
  g_test_add_func ("/pcnet/saved", test_saved);
  return g_test_run ();
}
