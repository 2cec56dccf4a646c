/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "card-fixture.h"
#include "rtl8139-driver.h"

#include "net/frame.h"
#include "net/rtl8139.h"
#include "sums.h"

static Device *
open_card (Card *c)
{
  return card_plug (c, &(CardPlan){ .make = rtl8139_new, .memory = 1, .ports = 0 });
}

static uint16_t
wire_read (Card *c, unsigned word)
{
  const unsigned command = 6u << 6 | word;
  uint16_t value = 0;

  rtl_out (c, RTL_9346CR, 0x80, 1);
  for (int bit = 8; bit >= 0; bit--)
    {
      rtl_out (c, RTL_9346CR, 0x88u | (command >> bit & 1) << 1, 1);
      rtl_out (c, RTL_9346CR, 0x8cu | (command >> bit & 1) << 1, 1);
    }
  for (unsigned i = 0; i < 16; i++)
    {
      rtl_out (c, RTL_9346CR, 0x88, 1);
      rtl_out (c, RTL_9346CR, 0x8c, 1);
      value = (uint16_t)(value << 1 | (rtl_in (c, RTL_9346CR, 1) & 1));
    }
  rtl_out (c, RTL_9346CR, 0, 1);
  return value;
}

static void
test_registers (void)
{
  Card c;

  open_card (&c);
  g_assert_cmphex (wire_read (&c, 0), ==, 0x8129);
  g_assert_cmphex (wire_read (&c, 7), ==, 0x5452);
  g_assert_cmphex (wire_read (&c, 9), ==, 0x5634);
  g_assert_cmphex (rtl_in (&c, RTL_IDR, 4), ==, 0x12005452);
  rtl_out (&c, RTL_IDR, 0, 4);
  rtl_out (&c, RTL_9346CR, 0x40, 1); /* as it was in the EEPROM */
  g_assert_cmphex (rtl_in (&c, RTL_IDR, 4), ==, 0x12005452);
  g_assert_cmphex (card_read (&c, RTL_TCR, 4) & 0x7cc00000, ==, 0x74800000);
  rtl_out (&c, RTL_CONFIG3, 0xff, 1);
  g_assert_cmphex (rtl_in (&c, RTL_CONFIG3, 1), ==, 0);
  rtl_out (&c, RTL_9346CR, 0xc0, 1);
  rtl_out (&c, RTL_CONFIG3, 0xff, 1);
  g_assert_cmphex (rtl_in (&c, RTL_CONFIG3, 1), ==, 0x71);
  for (unsigned i = 0; i < 256; i++)
    rtl_in (&c, i, 1);
  for (unsigned i = 0; i <= 252; i++)
    card_read (&c, i, 4);

  /* The link. */
  rtl_start (&c, 0);
  rtl_out (&c, RTL_IMR, ISR_LINK, 2);
  g_assert_cmphex (rtl_in (&c, RTL_MSR, 1) & 4, ==, 0);
  g_assert_true (rtl_in (&c, RTL_BMSR, 2) & 4);
  g_assert_cmphex (rtl_in (&c, RTL_CSCR, 2) & 0x0c08, ==, CSCR_LINK | CSCR_LINK_OK);
  card_set_link (&c, FALSE);
  g_assert_true (c.level);
  g_assert_cmphex (rtl_in (&c, RTL_CSCR, 2) & 0x0c08, ==, CSCR_LINK_CHANGED);
  g_assert_cmphex (rtl_in (&c, RTL_MSR, 1) & 4, ==, 4);
  g_assert_false (rtl_in (&c, RTL_BMSR, 2) & 4);
  g_assert_cmphex (rtl_in (&c, RTL_ISR, 2), ==, ISR_LINK);
  rtl_out (&c, RTL_ISR, ISR_LINK, 2);
  g_assert_false (c.level);
  g_assert_cmphex (rtl_in (&c, RTL_CSCR, 2) & 0x0c08, ==, 0);

  /* The timer: 33 ticks a microsecond, and again when it has gone round. */
  rtl_out (&c, RTL_IMR, ISR_TIMEOUT, 2);
  rtl_out (&c, RTL_TCTR, 1, 4);
  rtl_out (&c, RTL_TIMER_INT, 33000, 4);
  card_advance (&c, 999 * 1000);
  g_assert_false (c.level);
  card_advance (&c, 2 * 1000);
  g_assert_true (c.level);
  g_assert_cmpuint (rtl_in (&c, RTL_TCTR, 4), ==, 1001 * 33);
  rtl_out (&c, RTL_ISR, 0xffff, 2);
  card_advance (&c, 131 * NS_PER_SECOND);
  g_assert_true (c.level);
  card_close (&c);
}

static void
test_send (void)
{
  Card c;
  CardPacket *packet;

  open_card (&c);
  rtl_start (&c, 0);
  rtl_out (&c, RTL_IMR, ISR_TOK, 2);
  for (unsigned i = 0; i < 9; i++)
    {
      const unsigned n = i % 4, length = 60 + 101 * i;

      card_fill (card_ram (&c, RTL_TX_DATA + 0x2000 * n), length, broadcast, i);
      rtl_send (&c, n, length);
      packet = card_sent (&c);
      g_assert_cmpmem (packet->bytes, packet->length, card_ram (&c, RTL_TX_DATA + 0x2000 * n), length);
      g_free (packet);
      g_assert_cmphex (rtl_in (&c, RTL_TSD + 4 * n, 4), ==, length | TSD_OWN | TSD_TOK);
      g_assert_true (rtl_in (&c, RTL_TSAD_ALL, 2) & 1u << (12 + n));
      g_assert_true (c.level);
      rtl_out (&c, RTL_ISR, ISR_TOK, 2);
      g_assert_false (c.level);
    }
  /* Each waits for its turn, and all for room. */
  card_set_full (&c, TRUE);
  rtl_send (&c, 2, 62);
  rtl_send (&c, 1, 61);
  card_set_full (&c, FALSE);
  card_advance (&c, 1000 * 1000);
  packet = card_sent (&c);
  g_assert_cmpuint (packet->length, ==, 61);
  g_free (packet);
  packet = card_sent (&c);
  g_assert_cmpuint (packet->length, ==, 62);
  g_free (packet);
  /* An address where there is no memory. */
  rtl_out (&c, RTL_TSAD + 12, CARD_RAM - 8, 4);
  rtl_out (&c, RTL_TSD + 12, 60, 4);
  card_advance (&c, 1000 * 1000);
  g_assert_null (card_sent (&c));
  g_assert_true (rtl_in (&c, RTL_TSD + 12, 4) & TSD_OWN);
  card_close (&c);
}

/* Reads the packet where CAPR is, as drivers do; moves on. */
static unsigned
take (Card *c, unsigned ring, uint8_t *packet, unsigned *status)
{
  unsigned at = (rtl_in (c, RTL_CAPR, 2) + 16) % ring, length;

  if (rtl_in (c, RTL_CR, 1) & CR_EMPTY)
    return 0;
  *status = (unsigned)card_get (c, RTL_RX_RING + at, 2);
  length = (unsigned)card_get (c, RTL_RX_RING + at + 2, 2);
  for (unsigned i = 0; i < length; i++)
    packet[i] = *card_ram (c, RTL_RX_RING + (at + 4 + i) % ring);
  at = (at + 4 + length + 3) & ~3u;
  rtl_out (c, RTL_CAPR, (at % ring) - 16, 2);
  card_pump ();
  return length;
}

static void
test_ring (void)
{
  uint8_t packet[1514], got[0x2000];
  unsigned status;
  Card c;

  open_card (&c);
  for (unsigned k = 0; k < 4; k++)
    {
      const unsigned ring = 8192u << k;

      rtl_start (&c, RCR_AB | k << RCR_LENGTH_SHIFT);
      rtl_out (&c, RTL_IMR, ISR_ROK, 2);
      for (unsigned i = 0; i < 200; i++)
        {
          const unsigned length = 14 + i * 37 % 1500, filled = MAX (length, 60);

          card_fill (packet, length, i & 1 ? broadcast : NULL, i);
          g_assert_true (card_offer (&c, packet, length));
          g_assert_true (c.level);
          rtl_out (&c, RTL_ISR, ISR_ROK, 2);
          const unsigned taken = take (&c, ring, got, &status);
          g_assert_cmpuint (taken, ==, filled + 4);
          g_assert_cmphex (status, ==, i & 1 ? 0x2001 : 0x4001);
          g_assert_cmpmem (got, length, packet, length);
          const uint32_t crc = net_frame_crc (got, filled, 0);
          g_assert_cmpmem (got + filled, 4, &crc, 4);
        }
      /* It fills, and never looks empty; what has no room waits. */
      unsigned n = 0;
      card_fill (packet, sizeof packet, NULL, 1);
      while (card_offer (&c, packet, sizeof packet))
        {
          n++;
          g_assert_cmpuint (n, <, 50);
        }
      g_assert_cmpuint (n, ==, (ring - 16) / 1524);
      g_assert_false (rtl_in (&c, RTL_CR, 1) & CR_EMPTY);
      /* What was acknowledged and not taken, as by a driver that only takes so many at a time, is said again. */
      for (unsigned i = 0; i < 3; i++)
        {
          rtl_out (&c, RTL_ISR, ISR_ROK, 2);
          card_pump ();
          g_assert_true (c.level);
        }
      for (unsigned i = 0; i < n + 1; i++)
        {
          const unsigned taken = take (&c, ring, got, &status);
          g_assert_cmpuint (taken, ==, 1518);
          g_assert_cmpmem (got, 1514, packet, 1514);
        }
      g_assert_cmpuint (take (&c, ring, got, &status), ==, 0);
      rtl_out (&c, RTL_ISR, ISR_ROK, 2);
      card_pump ();
      g_assert_false (c.level);
    }
  /* WRAP: the last packet goes on beyond the end. */
  rtl_start (&c, RCR_WRAP);
  for (unsigned i = 0; i < 6; i++)
    {
      const unsigned at = (rtl_in (&c, RTL_CAPR, 2) + 16) % 8192;

      g_assert_true (card_offer (&c, packet, sizeof packet));
      g_assert_cmpmem (card_ram (&c, RTL_RX_RING + at + 4), 1514, packet, 1514);
      rtl_out (&c, RTL_CAPR, ((at + 1524) & ~3u) % 8192 - 16, 2);
    }
  g_assert_true (card_offer (&c, packet, 13));
  g_assert_true (card_offer (&c, got, 5000));
  card_close (&c);
}

static gboolean
arrives (Card *c, uint32_t rcr, const uint8_t *to)
{
  uint8_t packet[60], got[0x2000];
  unsigned status;

  rtl_out (c, RTL_RCR, rcr, 4);
  card_fill (packet, sizeof packet, to, 1);
  g_assert_true (card_offer (c, packet, sizeof packet));
  return take (c, 8192, got, &status) > 0;
}

static void
test_filters (void)
{
  Card c;

  open_card (&c);
  rtl_start (&c, 0);
  g_assert_false (arrives (&c, 0, NULL));
  g_assert_true (arrives (&c, RCR_APM, NULL));
  g_assert_false (arrives (&c, RCR_APM, stranger));
  g_assert_true (arrives (&c, RCR_AAP, stranger));
  g_assert_true (arrives (&c, RCR_AAP, group));
  g_assert_false (arrives (&c, RCR_APM, broadcast));
  g_assert_true (arrives (&c, RCR_AB, broadcast));
  g_assert_false (arrives (&c, RCR_AM, group));
  const unsigned hash = net_crc_address (group, TRUE) >> 26;
  rtl_out (&c, RTL_MAR + 4 * (hash / 32), 1u << hash % 32, 4);
  g_assert_true (arrives (&c, RCR_AM, group));
  g_assert_false (arrives (&c, RCR_APM, group));
  rtl_out (&c, RTL_CR, CR_TE, 1);
  g_assert_false (arrives (&c, RCR_AAP, NULL));
  card_close (&c);
}

/* -- C+ ----------------------------------------------------------------------------------------------------- */

static void
test_plus_send (void)
{
  uint8_t whole[1514];
  Card c;
  CardPacket *packet;

  open_card (&c);
  rtl_start_plus (&c, 0, 0);
  rtl_out (&c, RTL_IMR, ISR_TOK | ISR_NO_DESCRIPTOR, 2);
  for (unsigned i = 0, n = 0; i < 20; i++)
    {
      const unsigned length = 61 + i * 67;
      const gboolean tcp = i & 1;

      sums_make_ip4 (whole, length, tcp ? NET_PROTOCOL_TCP : NET_PROTOCOL_UDP, TRUE);
      sums_make_ip4 (card_ram (&c, RTL_TX_DATA), length, tcp ? NET_PROTOCOL_TCP : NET_PROTOCOL_UDP, FALSE);
      rtl_describe (&c, RTL_C_TX, (n + 1) % RTL_N, C_OWN | C_LAST | (length - 33), 0, RTL_TX_DATA + 33);
      rtl_describe (&c, RTL_C_TX, n, C_OWN | C_FIRST | 1 << 18 | (tcp ? 1 << 16 : 1 << 17) | 33, 0,
                    RTL_TX_DATA);
      rtl_poll (&c, POLL_NORMAL);
      packet = card_sent (&c);
      g_assert_cmpmem (packet->bytes, packet->length, whole, length);
      g_free (packet);
      g_assert_cmphex (card_get (&c, RTL_C_TX + 16 * n, 4) & C_OWN, ==, 0);
      g_assert_cmphex (card_get (&c, RTL_C_TX + 16 * ((n + 1) % RTL_N), 4) & C_OWN, ==, 0);
      g_assert_true (c.level);
      rtl_out (&c, RTL_ISR, 0xffff, 2);
      n = (n + 2) % RTL_N;
    }
  /* The high priority's ring, a tag, and the counters. */
  card_fill (card_ram (&c, RTL_TX_DATA), 60, NULL, 1);
  rtl_describe (&c, RTL_C_HIGH, 0, C_OWN | C_FIRST | C_LAST | 60, 1 << 17 | 0x6420, RTL_TX_DATA);
  rtl_poll (&c, POLL_HIGH);
  packet = card_sent (&c);
  g_assert_cmpuint (packet->length, ==, 64);
  g_assert_cmphex (net_get32 (packet->bytes + 12), ==, 0x81002064);
  g_free (packet);
  rtl_out (&c, RTL_TSD + 4, 0, 4);
  rtl_out (&c, RTL_TSD, 0x30000 | 8, 4);
  g_assert_cmphex (rtl_in (&c, RTL_TSD, 4), ==, 0x30000);
  g_assert_cmpuint (card_get (&c, 0x30000, 8), ==, 21);
  card_close (&c);
}

static void
test_plus_segments (void)
{
  const unsigned length = 20001, header = 54, size = 1460;
  Card c;
  g_autofree uint8_t *whole = g_malloc (length);

  open_card (&c);
  rtl_start_plus (&c, 0, 0);
  sums_make_ip4 (whole, length, NET_PROTOCOL_TCP, TRUE);
  sums_make_ip4 (card_ram (&c, RTL_TX_DATA), length, NET_PROTOCOL_TCP, FALSE);
  rtl_describe (&c, RTL_C_TX, 0, C_OWN | C_FIRST | C_LARGE | size << 16 | header, 0, RTL_TX_DATA);
  rtl_describe (&c, RTL_C_TX, 1, C_OWN | C_LAST | C_LARGE | size << 16 | (length - header), 0,
                RTL_TX_DATA + header);
  rtl_poll (&c, POLL_NORMAL);
  sums_check_segments (&c, whole, length, header, size);
  card_close (&c);
}

static void
test_plus_receive (void)
{
  uint8_t packet[1514];
  Card c;

  open_card (&c);
  rtl_start_plus (&c, RCR_AB, CPCR_RX_SUMS | CPCR_RX_VLAN);
  rtl_out (&c, RTL_IMR, ISR_ROK, 2);
  for (unsigned i = 0; i < 40; i++)
    {
      const unsigned n = i % RTL_N, length = 61 + 31 * i, wrong = i % 3;
      const gboolean tcp = i & 1;
      uint32_t status;

      sums_make_ip4 (packet, length, tcp ? NET_PROTOCOL_TCP : NET_PROTOCOL_UDP, TRUE);
      packet[14 + 4] ^= wrong == 1 ? 1 : 0;
      packet[length - 1] ^= wrong == 2 ? 1 : 0;
      g_assert_true (card_offer (&c, packet, length));
      status = (uint32_t)card_get (&c, RTL_C_RX + 16 * n, 4);
      g_assert_cmphex (status, ==,
                       C_FIRST | C_LAST | 1 << 26 | (tcp ? 1 << 17 : 2 << 17) | (length + 4)
                           | (n + 1 == RTL_N ? C_END : 0)
                           | (wrong == 1   ? 1 << 16
                              : wrong == 2 ? (tcp ? 1 << 14 : 1 << 15)
                                           : 0));
      g_assert_cmpmem (card_ram (&c, RTL_C_DATA + 0x2000 * n), length, packet, length);
      rtl_describe (&c, RTL_C_RX, n, C_OWN | 0x1800, 0, RTL_C_DATA + 0x2000 * n);
    }
  card_fill (packet, sizeof packet, broadcast, 1);
  net_put32 (packet + 12, 0x81002064);
  g_assert_true (card_offer (&c, packet, 100));
  g_assert_cmphex (card_get (&c, RTL_C_RX + 4, 4), ==, 1 << 16 | 0x6420);
  g_assert_cmpuint (card_get (&c, RTL_C_RX, 2) & 0x1fff, ==, 100);
  g_assert_cmpmem (card_ram (&c, RTL_C_DATA + 12), 84, packet + 16, 84);
  /* No descriptor: it waits, and is tried again when the driver looks for interrupts, or by itself. */
  net_put32 (packet + 12, 0x88b50000);
  for (unsigned i = 1; i < RTL_N; i++)
    g_assert_true (card_offer (&c, packet, 100));
  g_assert_false (card_offer (&c, packet, 100));
  rtl_describe (&c, RTL_C_RX, 0, C_OWN | 0x1800, 0, RTL_C_DATA);
  rtl_out (&c, RTL_IMR, ISR_ROK, 2);
  card_pump ();
  g_assert_false (card_get (&c, RTL_C_RX, 4) & C_OWN);
  g_assert_false (card_offer (&c, packet, 100));
  rtl_describe (&c, RTL_C_RX, 1, C_OWN | 0x1800, 0, RTL_C_DATA);
  card_advance (&c, 3 * 1000 * 1000);
  g_assert_false (card_get (&c, RTL_C_RX + 16, 4) & C_OWN);
  /* Too small a buffer costs the packet. */
  rtl_describe (&c, RTL_C_RX, 2, C_OWN | 50, 0, RTL_C_DATA);
  g_assert_true (card_offer (&c, packet, 100));
  g_assert_true (card_get (&c, RTL_C_RX + 32, 4) & C_OWN);
  card_close (&c);
}

/* -- Trouble -------------------------------------------------------------------------------------------------- */

static void
test_trouble (void)
{
  uint8_t packet[1514];
  Card c;
  Device *device = open_card (&c);

  card_fill (packet, sizeof packet, NULL, 1);
  /* Reset with work under way, by both doors. */
  for (unsigned round = 0; round < 4; round++)
    {
      rtl_start (&c, RCR_AAP);
      rtl_out (&c, RTL_IMR, 0xffff, 2);
      if (round & 1)
        rtl_start_plus (&c, 0, 0);
      rtl_describe (&c, RTL_C_TX, 0, C_OWN | C_FIRST | C_LAST | 60, 0, RTL_TX_DATA);
      rtl_out (&c, round & 1 ? RTL_TPPOLL : RTL_TSD, round & 1 ? POLL_NORMAL : 60, round & 1 ? 1 : 4);
      if (round < 2)
        rtl_out (&c, RTL_CR, CR_RST, 1);
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
  /* Endless packets, rings in registers and at the end of memory. */
  static const uint32_t rings[] = { RTL_C_TX, 0, CARD_RAM - 256, CARD_BAR, 0xffffff00 };
  for (unsigned i = 0; i < G_N_ELEMENTS (rings); i++)
    {
      rtl_start_plus (&c, RCR_AAP, 0);
      for (unsigned k = 0; k < RTL_N; k++)
        rtl_describe (&c, RTL_C_TX, k, C_OWN | 0xffff, 0, RTL_TX_DATA);
      rtl_out (&c, RTL_TSAD, rings[i], 4);
      rtl_out (&c, RTL_RDSAR, rings[i], 4);
      for (unsigned k = 0; k < 20; k++)
        rtl_poll (&c, POLL_NORMAL | POLL_HIGH);
      card_offer (&c, packet, sizeof packet);
      rtl_out (&c, RTL_CR, CR_RST, 1);
      card_pump ();
      g_assert_null (card_sent (&c));
      rtl_start (&c, RCR_AAP);
      rtl_out (&c, RTL_RBSTART, rings[i], 4);
      rtl_out (&c, RTL_CAPR, 0x1234, 2);
      for (unsigned k = 0; k < 20; k++)
        card_offer (&c, packet, sizeof packet);
      rtl_out (&c, RTL_CR, CR_RST, 1);
      card_pump ();
    }
  card_close (&c);
}

static void
test_saved (void)
{
  Card c;
  Device *device = open_card (&c);
  CardPacket *packet;
  uint8_t bytes[100];

  card_fill (bytes, sizeof bytes, NULL, 1);
  rtl_start (&c, 0);
  rtl_out (&c, RTL_IMR, ISR_ROK | ISR_TOK, 2);
  card_offer (&c, bytes, sizeof bytes);
  rtl_out (&c, RTL_TSAD, RTL_TX_DATA, 4);
  rtl_out (&c, RTL_TSD, 77, 4);
  g_assert_true (card_save_and_load (&c, device));
  g_assert_true (c.level);
  g_assert_cmphex (rtl_in (&c, RTL_ISR, 2), ==, ISR_ROK);
  card_advance (&c, 1000 * 1000);
  packet = card_sent (&c);
  g_assert_cmpuint (packet->length, ==, 77);
  g_free (packet);
  g_assert_false (rtl_in (&c, RTL_CR, 1) & CR_EMPTY);
  g_assert_cmphex (rtl_in (&c, RTL_ISR, 2), ==, ISR_ROK | ISR_TOK);
  card_close (&c);
}

/* -- What wakes the machine ---------------------------------------------------------------------------------- */

static void
stop_waking (Card *c)
{
  rtl_out (c, RTL_CONFIG3, 0, 1);
}

static void
test_wake (void)
{
  Card c;

  open_card (&c);
  rtl_start (&c, RCR_AB);
  rtl_out (&c, RTL_9346CR, 0xc0, 1);
  rtl_out (&c, RTL_CONFIG3, CONFIG3_MAGIC, 1);
  card_check_wake (&c, stop_waking);
  card_close (&c);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rtl8139/registers", test_registers);
  g_test_add_func ("/rtl8139/send", test_send);
  g_test_add_func ("/rtl8139/ring", test_ring);
  g_test_add_func ("/rtl8139/filters", test_filters);
  g_test_add_func ("/rtl8139/plus-send", test_plus_send);
  g_test_add_func ("/rtl8139/plus-segments", test_plus_segments);
  g_test_add_func ("/rtl8139/plus-receive", test_plus_receive);
  g_test_add_func ("/rtl8139/trouble", test_trouble);
  g_test_add_func ("/rtl8139/saved", test_saved);
  g_test_add_func ("/rtl8139/wake", test_wake);
  return g_test_run ();
}
