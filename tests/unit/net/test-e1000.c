/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "card-fixture.h"
#include "e1000-driver.h"

#include "net/e1000.h"

static Device *
open_card_on (Card *c, unsigned takes)
{
  return card_plug (c, &(CardPlan){ .make = e1000_new, .memory = 0, .ports = 2, .takes = takes });
}

static Device *
open_card (Card *c)
{
  return open_card_on (c, 0);
}

/* -- EEPROM, PHY, link ------------------------------------------------------------------------------------- */

static void
wire (Card *c, uint32_t bits)
{
  gig_write (c, E1000_EECD, EECD_REQ | EECD_CS | bits);
  gig_write (c, E1000_EECD, EECD_REQ | EECD_CS | bits | EECD_SK);
  gig_write (c, E1000_EECD, EECD_REQ | EECD_CS | bits);
}

/* As drivers read it, bit by bit. */
static uint16_t
wire_read (Card *c, unsigned word)
{
  const unsigned command = 6u << 6 | word;
  uint16_t value = 0;

  gig_write (c, E1000_EECD, EECD_REQ);
  gig_write (c, E1000_EECD, EECD_REQ | EECD_CS);
  for (int bit = 8; bit >= 0; bit--)
    wire (c, command >> bit & 1 ? EECD_DI : 0);
  g_assert_cmphex (gig_read (c, E1000_EECD) & EECD_DO, ==, 0);
  for (unsigned i = 0; i < 16; i++)
    {
      gig_write (c, E1000_EECD, EECD_REQ | EECD_CS | EECD_SK);
      value = (uint16_t)(value << 1 | ((gig_read (c, E1000_EECD) & EECD_DO) != 0));
      gig_write (c, E1000_EECD, EECD_REQ | EECD_CS);
    }
  gig_write (c, E1000_EECD, 0);
  return value;
}

static void
test_eeprom (void)
{
  Card c;
  uint16_t sum = 0, sum_wire = 0;

  open_card (&c);
  for (unsigned i = 0; i < 64; i++)
    {
      gig_write (&c, E1000_EERD, i << EERD_ADDRESS_SHIFT | EERD_START);
      g_assert_true (gig_read (&c, E1000_EERD) & EERD_DONE);
      sum = (uint16_t)(sum + (gig_read (&c, E1000_EERD) >> EERD_DATA_SHIFT));
      sum_wire = (uint16_t)(sum_wire + wire_read (&c, i));
    }
  g_assert_cmphex (sum, ==, 0xbaba);
  g_assert_cmphex (sum_wire, ==, 0xbaba);
  g_assert_cmphex (wire_read (&c, 0), ==, 0x5452);
  g_assert_cmphex (wire_read (&c, 2), ==, 0x5634);
  g_assert_cmphex (gig_read (&c, E1000_RAL), ==, 0x12005452);
  g_assert_cmphex (gig_read (&c, E1000_RAL + 4), ==, 0x80005634);
  gig_write (&c, E1000_EECD, EECD_REQ);
  g_assert_true (gig_read (&c, E1000_EECD) & EECD_GNT);
  /* A word beyond the end. */
  gig_write (&c, E1000_EERD, 0xffffffff);
  g_assert_cmphex (gig_read (&c, E1000_EERD), ==, 0xff10);
  card_close (&c);
}

static uint16_t
phy_read (Card *c, unsigned n)
{
  gig_write (c, E1000_MDIC, MDIC_READ | 1u << MDIC_PHY_SHIFT | n << MDIC_REGISTER_SHIFT);
  g_assert_true (gig_read (c, E1000_MDIC) & MDIC_READY);
  g_assert_false (gig_read (c, E1000_MDIC) & MDIC_ERROR);
  return (uint16_t)gig_read (c, E1000_MDIC);
}

static void
phy_write (Card *c, unsigned n, uint16_t value)
{
  gig_write (c, E1000_MDIC, MDIC_WRITE | 1u << MDIC_PHY_SHIFT | n << MDIC_REGISTER_SHIFT | value);
}

static void
test_phy (void)
{
  Card c;

  open_card (&c);
  g_assert_cmphex (phy_read (&c, PHY_ID1), ==, 0x0141);
  g_assert_cmphex (phy_read (&c, PHY_ID2) & 0xfff0, ==, 0x0c20);
  g_assert_true (phy_read (&c, PHY_STATUS) & PHY_STATUS_LINK);
  gig_write (&c, E1000_MDIC, MDIC_READ | 2u << MDIC_PHY_SHIFT);
  g_assert_true (gig_read (&c, E1000_MDIC) & MDIC_ERROR);

  gig_write (&c, E1000_IMS, ICR_LSC | ICR_MDAC);
  g_assert_false (gig_read (&c, E1000_STATUS) & STATUS_LU);
  gig_set (&c, E1000_CTRL, CTRL_SLU);
  g_assert_true (gig_read (&c, E1000_STATUS) & STATUS_LU);
  g_assert_true (c.level);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, ICR_LSC);
  g_assert_false (c.level);

  /* Negotiation takes its time, and tells its end. */
  phy_write (&c, PHY_CONTROL, 0x1340);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, ICR_LSC);
  g_assert_false (gig_read (&c, E1000_STATUS) & STATUS_LU);
  g_assert_false (phy_read (&c, PHY_STATUS) & PHY_STATUS_AUTO_DONE);
  card_advance (&c, NS_PER_SECOND);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, ICR_LSC);
  g_assert_true (phy_read (&c, PHY_STATUS) & PHY_STATUS_AUTO_DONE);
  g_assert_cmphex (phy_read (&c, PHY_SPECIFIC_STATUS) & 0xc000, ==, 0x8000);
  g_assert_cmphex (phy_read (&c, PHY_CONTROL), ==, 0x1140);

  /* The cable. */
  card_set_link (&c, FALSE);
  g_assert_true (c.level);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, ICR_LSC);
  g_assert_false (gig_read (&c, E1000_STATUS) & STATUS_LU);
  g_assert_false (phy_read (&c, PHY_STATUS) & PHY_STATUS_LINK);
  card_set_link (&c, TRUE);
  card_advance (&c, NS_PER_SECOND);
  g_assert_true (gig_read (&c, E1000_STATUS) & STATUS_LU);

  gig_write (&c, E1000_MDIC, MDIC_READ | MDIC_INTERRUPT | 1u << MDIC_PHY_SHIFT);
  g_assert_true (gig_read (&c, E1000_ICR) & ICR_MDAC);
  /* A reset of the MAC leaves the PHY's link alone. */
  gig_set (&c, E1000_CTRL, CTRL_RST);
  g_assert_false (gig_read (&c, E1000_CTRL) & CTRL_RST);
  g_assert_false (gig_read (&c, E1000_STATUS) & STATUS_LU);
  gig_set (&c, E1000_CTRL, CTRL_SLU);
  g_assert_true (gig_read (&c, E1000_STATUS) & STATUS_LU);
  card_close (&c);
}

static void
test_ports (void)
{
  Card c;

  open_card (&c);
  card_out (&c, 0, E1000_RAL, 4);
  g_assert_cmphex (card_in (&c, 4, 4), ==, 0x12005452);
  card_out (&c, 0, E1000_VET, 4);
  card_out (&c, 4, 0x88a8, 4);
  g_assert_cmphex (gig_read (&c, E1000_VET), ==, 0x88a8);
  card_out (&c, 0, 0x20000, 4);
  card_out (&c, 4, 0xffffffff, 4);
  g_assert_cmphex (card_in (&c, 4, 4), ==, 0);
  card_out (&c, 0, 0xfffffffc, 4);
  g_assert_cmphex (card_in (&c, 4, 4), ==, 0);
  g_assert_cmphex (card_in (&c, 8, 4), ==, 0);
  for (unsigned i = 0; i < 0x20000; i += 4)
    gig_read (&c, i);
  card_close (&c);
}

/* -- Sending ---------------------------------------------------------------------------------------------- */

static void
test_send (void)
{
  Card c;
  CardPacket *packet;

  open_card (&c);
  gig_start (&c, 0);
  gig_write (&c, E1000_IMS, ICR_TXDW | ICR_TXQE);
  card_fill (card_ram (&c, BUFFERS_TX), 200, broadcast, 1);
  gig_describe (&c, 0, BUFFERS_TX, 100 | TX_RS, 0);
  gig_describe (&c, 1, BUFFERS_TX + 100, 100 | TX_EOP | TX_RS, 0);
  gig_describe (&c, 2, BUFFERS_TX, 20 | TX_EOP, 0);
  /* Half of one stays where it is. */
  gig_send (&c, 1);
  g_assert_null (card_sent (&c));
  g_assert_cmpuint (gig_read (&c, E1000_TDH), ==, 0);
  gig_send (&c, 3);
  packet = card_sent (&c);
  g_assert_cmpmem (packet->bytes, packet->length, card_ram (&c, BUFFERS_TX), 200);
  g_free (packet);
  packet = card_sent (&c);
  g_assert_cmpuint (packet->length, ==, 60); /* filled up */
  g_free (packet);
  g_assert_cmpuint (gig_read (&c, E1000_TDH), ==, 3);
  g_assert_cmphex (card_get (&c, RING_TX + 12, 1), ==, TX_STATUS_DD);
  g_assert_cmphex (card_get (&c, RING_TX + 28, 1), ==, TX_STATUS_DD);
  g_assert_cmphex (card_get (&c, RING_TX + 44, 1), ==, 0);
  g_assert_true (c.level);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, ICR_TXDW | ICR_TXQE | ICR_LSC);
  g_assert_cmpuint (gig_read (&c, E1000_GPTC), ==, 2);
  g_assert_cmpuint (gig_read (&c, E1000_GPTC), ==, 0);
  g_assert_cmpuint (gig_read (&c, E1000_BPTC), ==, 2);
  g_assert_cmpuint (gig_read (&c, E1000_PTC64), ==, 1);
  g_assert_cmpuint (gig_read (&c, E1000_PTC64 + 8), ==, 1);
  g_assert_cmpuint (gig_read (&c, E1000_GOTCL), ==, 204 + 64);
  g_assert_cmpuint (gig_read (&c, E1000_GOTCH), ==, 0);
  g_assert_cmpuint (gig_read (&c, E1000_GOTCL), ==, 0);

  /* The network is full, then it isn't; the ring's end. */
  card_set_full (&c, TRUE);
  for (unsigned i = 3; i < 18; i++)
    gig_describe (&c, i % RING_SIZE, BUFFERS_TX, (60 + i) | TX_EOP | TX_RS, 0);
  gig_send (&c, 2);
  g_assert_cmpuint (gig_read (&c, E1000_TDH), ==, 3);
  card_set_full (&c, FALSE);
  card_advance (&c, 1000 * 1000);
  g_assert_cmpuint (gig_read (&c, E1000_TDH), ==, 2);
  for (unsigned i = 3; i < 18; i++)
    {
      packet = card_sent (&c);
      g_assert_cmpuint (packet->length, ==, 60 + i);
      g_free (packet);
    }
  /* Nothing goes while the link is down or the bus is another's. */
  gig_describe (&c, 2, BUFFERS_TX, 60 | TX_EOP, 0);
  card_set_link (&c, FALSE);
  gig_send (&c, 3);
  g_assert_null (card_sent (&c));
  card_set_link (&c, TRUE);
  card_config (&c, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
  card_advance (&c, NS_PER_SECOND);
  g_assert_null (card_sent (&c));
  card_map (&c, 0, 2);
  card_advance (&c, NS_PER_SECOND);
  g_free (card_sent (&c));
  g_assert_cmpuint (gig_read (&c, E1000_TDH), ==, 3);
  card_close (&c);
}

/* Sums by context and by the old descriptors, even and odd lengths. */
static void
test_sums (void)
{
  uint8_t whole[1514];
  Card c;

  open_card (&c);
  gig_start (&c, 0);
  for (unsigned length = 60, tail = 0; length < 1514; length += 97)
    {
      const gboolean tcp = length & 1;
      const uint8_t protocol = tcp ? NET_PROTOCOL_TCP : NET_PROTOCOL_UDP;
      const unsigned sum = 34u + (tcp ? (unsigned)NET_TCP_SUM : (unsigned)NET_UDP_SUM);
      uint8_t *bytes = card_ram (&c, BUFFERS_TX);
      CardPacket *packet;

      sums_make_ip4 (whole, length, protocol, TRUE);
      sums_make_ip4 (bytes, length, protocol, FALSE);
      gig_context (&c, tail, 14, 34, sum, tcp ? TX_CONTEXT_TCP | TX_CONTEXT_IP4 : TX_CONTEXT_IP4, 0, 0);
      gig_describe (&c, (tail + 1) % RING_SIZE, BUFFERS_TX, 33 | TX_DEXT | TX_TYPE_DATA,
                    TX_POPTS_IXSM | TX_POPTS_TXSM);
      gig_describe (&c, (tail + 2) % RING_SIZE, BUFFERS_TX + 33,
                    (length - 33) | TX_DEXT | TX_TYPE_DATA | TX_EOP, 0);
      tail = (tail + 3) % RING_SIZE;
      gig_send (&c, tail);
      packet = card_sent (&c);
      g_assert_cmpmem (packet->bytes, packet->length, whole, length);
      g_free (packet);

      /* The IP header's is in place then. */
      memcpy (bytes + 14, whole + 14, 20);
      gig_describe (&c, tail, BUFFERS_TX, length | TX_EOP | TX_IC | sum << TX_CSO_SHIFT, 34u << TX_CSS_SHIFT);
      tail = (tail + 1) % RING_SIZE;
      gig_send (&c, tail);
      packet = card_sent (&c);
      g_assert_cmpmem (packet->bytes, packet->length, whole, length);
      g_free (packet);
    }
  card_close (&c);
}

/* Where the network would rather do it. */
static void
test_sums_left (void)
{
  Card c;
  CardPacket *packet;

  open_card_on (&c, NET_CAN_CHECKSUM);
  gig_start (&c, 0);
  sums_make_ip4 (card_ram (&c, BUFFERS_TX), 101, NET_PROTOCOL_TCP, FALSE);
  gig_context (&c, 0, 14, 34, 50, TX_CONTEXT_TCP | TX_CONTEXT_IP4, 0, 0);
  gig_describe (&c, 1, BUFFERS_TX, 101 | TX_DEXT | TX_TYPE_DATA | TX_EOP | TX_VLE,
                TX_POPTS_IXSM | TX_POPTS_TXSM | 0x2064u << 16);
  gig_set (&c, E1000_CTRL, CTRL_VME);
  gig_write (&c, E1000_VET, NET_TYPE_VLAN);
  gig_send (&c, 2);
  packet = card_sent (&c);
  g_assert_cmpuint (packet->length, ==, 105);
  g_assert_cmphex (net_get32 (packet->bytes + 12), ==, 0x81002064);
  g_assert_cmpuint (packet->offload.flags, ==, NET_NEEDS_CHECKSUM);
  g_assert_cmpuint (packet->offload.checksum_start, ==, 38);
  g_assert_cmpuint (packet->offload.checksum_offset, ==, 16);
  g_free (packet);
  card_close (&c);
}

/* TCP segmentation, where the network does it (`takes`) and where the port must. */
static void
describe_segments (Card *c, unsigned length, unsigned header)
{
  sums_make_ip4 (card_ram (c, BUFFERS_TX), length, NET_PROTOCOL_TCP, FALSE);
  /* Linux leaves the length to the card. */
  net_put16 (card_ram (c, BUFFERS_TX + 14 + NET_IP4_LENGTH), 0);
  net_put16 (card_ram (c, BUFFERS_TX + 34 + NET_TCP_SUM), 0x4711);
  gig_context (c, 0, 14, 34, 50, TX_CONTEXT_TCP | TX_CONTEXT_IP4 | TX_TSE | (length - header), header, 1460);
  gig_describe (c, 1, BUFFERS_TX, header | TX_DEXT | TX_TYPE_DATA | TX_TSE, TX_POPTS_IXSM | TX_POPTS_TXSM);
  gig_describe (c, 2, BUFFERS_TX + header,
                (length - header) | TX_DEXT | TX_TYPE_DATA | TX_TSE | TX_EOP | TX_RS, 0);
}

static void
test_segments_left (void)
{
  const unsigned length = 20001, header = 54;
  Card c;
  CardPacket *packet;
  g_autofree uint8_t *whole = g_malloc (length);

  open_card_on (&c, NET_CAN_CHECKSUM | NET_CAN_TSO4);
  gig_start (&c, 0);
  sums_make_ip4 (whole, length, NET_PROTOCOL_TCP, TRUE);
  describe_segments (&c, length, header);
  gig_send (&c, 3);
  packet = card_sent (&c);
  g_assert_cmpuint (packet->length, ==, length);
  g_assert_cmpuint (packet->offload.gso_type, ==, NET_GSO_TCP4);
  g_assert_cmpuint (packet->offload.gso_size, ==, 1460);
  g_assert_cmpuint (packet->offload.header_length, ==, header);
  /* With its sum made there it is what it would have been in one piece. */
  const uint16_t sum = net_checksum_fold (net_checksum_add (0, packet->bytes + 34, length - 34));
  memcpy (packet->bytes + 50, &sum, sizeof sum);
  g_assert_cmpmem (packet->bytes, packet->length, whole, length);
  g_free (packet);
  card_close (&c);
}

static void
test_segments (void)
{
  const unsigned length = 20001, header = 54;
  Card c;
  g_autofree uint8_t *whole = g_malloc (length);

  open_card (&c);
  gig_start (&c, 0);
  sums_make_ip4 (whole, length, NET_PROTOCOL_TCP, TRUE);
  describe_segments (&c, length, header);
  gig_send (&c, 3);
  sums_check_segments (&c, whole, length, header, 1460);
  g_assert_cmphex (card_get (&c, RING_TX + 16 * 2 + 12, 1), ==, TX_STATUS_DD);
  g_assert_cmpuint (gig_read (&c, E1000_TSCTC), ==, 1);

  /* Contexts that make no sense cost the packet. */
  const unsigned wrong[][4] = {
    { 14, 34, 50, 20001 }, { 0, 34, 50, 54 }, { 14, 14, 30, 54 }, { 14, 34, 60, 54 }, { 14, 34, 50, 40 }
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      gig_write (&c, E1000_TDT, 0);
      gig_write (&c, E1000_TDH, 0);
      gig_context (&c, 0, wrong[i][0], wrong[i][1], wrong[i][2], TX_CONTEXT_TCP | TX_CONTEXT_IP4 | TX_TSE,
                   wrong[i][3], 1460);
      gig_send (&c, 3);
      g_assert_null (card_sent (&c));
      g_assert_cmpuint (gig_read (&c, E1000_TDH), ==, 3);
    }
  card_close (&c);
}

/* -- Receiving --------------------------------------------------------------------------------------------- */

static uint32_t
slow_crc (const uint8_t *bytes, size_t length)
{
  uint32_t crc = 0xffffffff;

  for (size_t i = 0; i < length; i++)
    for (unsigned bit = 0; bit < 8; bit++)
      {
        const gboolean one = (crc ^ (bytes[i] >> bit)) & 1;
        crc = crc >> 1 ^ (one ? 0xedb88320u : 0);
      }
  return ~crc;
}

static void
test_receive (void)
{
  uint8_t packet[1514];
  Card c;
  unsigned n = 0;

  open_card (&c);
  gig_start (&c, RCTL_BAM);
  gig_write (&c, E1000_IMS, ICR_RXT0);
  for (unsigned length = 14; length <= 1514; length += 125, n++)
    {
      const unsigned filled = MAX (length, 60);

      memset (gig_rx_buffer (&c, n), 0xee, 2048);
      card_fill (packet, length, n & 1 ? broadcast : NULL, n);
      g_assert_true (card_offer (&c, packet, length));
      g_assert_cmpuint (gig_rx_length (&c, n), ==, filled + 4);
      g_assert_cmphex (gig_rx_status (&c, n), ==, RX_STATUS_DD | RX_STATUS_EOP | RX_STATUS_IXSM);
      g_assert_cmpmem (gig_rx_buffer (&c, n), length, packet, length);
      g_assert_cmphex (card_get (&c, BUFFERS_RX + BUFFER_SIZE * n + filled, 4), ==,
                       slow_crc (gig_rx_buffer (&c, n), filled));
      g_assert_cmphex (gig_rx_buffer (&c, n)[filled + 4], ==, 0xee);
      g_assert_true (c.level);
      g_assert_true (gig_read (&c, E1000_ICR) & ICR_RXT0);
      g_assert_false (c.level);
    }
  g_assert_cmpuint (gig_read (&c, E1000_GPRC), ==, 13);
  g_assert_cmpuint (gig_read (&c, E1000_BPRC), ==, 6);
  g_assert_cmpuint (gig_read (&c, E1000_PRC64), ==, 1);
  /* Without its CRC; and too long a one. */
  gig_set (&c, E1000_RCTL, RCTL_SECRC);
  g_assert_true (card_offer (&c, packet, 1514));
  g_assert_cmpuint (gig_rx_length (&c, n), ==, 1514);
  g_assert_true (card_offer (&c, packet, 13));
  uint8_t longer[1515];
  card_fill (longer, 1515, NULL, 1);
  g_assert_true (card_offer (&c, longer, 1515));
  g_assert_cmpuint (gig_read (&c, E1000_ROC), ==, 1);
  g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, n + 1);
  card_close (&c);
}

static void
test_overflow (void)
{
  uint8_t packet[1514];
  Card c;

  open_card (&c);
  gig_start (&c, 1u << RCTL_RDMTS_SHIFT); /* a quarter */
  card_fill (packet, sizeof packet, NULL, 1);
  for (unsigned i = 0; i < RING_SIZE - 1; i++)
    {
      gig_read (&c, E1000_ICR);
      g_assert_true (card_offer (&c, packet, sizeof packet));
      g_assert_cmpint ((gig_read (&c, E1000_ICR) & ICR_RXDMT0) != 0, ==, i == 10);
    }
  g_assert_false (card_offer (&c, packet, sizeof packet));
  g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, RING_SIZE - 1);
  gig_write (&c, E1000_RDT, 2);
  card_pump ();
  g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, 0);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, 2);
  g_assert_false (card_offer (&c, packet, sizeof packet));
  /* Off means gone. */
  const uint64_t taken = card_taken (&c);
  gig_write (&c, E1000_RCTL, 0);
  card_pump ();
  g_assert_cmpuint (card_taken (&c), ==, taken + 1);
  card_close (&c);
}

/* One packet in many buffers, of each size. */
static void
test_jumbo (void)
{
  static const struct
  {
    uint32_t rctl;
    unsigned size;
  } sizes[] = { { 0, 2048 },
                { 1u << 16, 1024 },
                { 2u << 16, 512 },
                { 3u << 16, 256 },
                { 1u << 16 | RCTL_BSEX, 16384 },
                { 2u << 16 | RCTL_BSEX, 8192 },
                { 3u << 16 | RCTL_BSEX, 4096 } };
  uint8_t packet[9014], got[9100];
  Card c;

  open_card (&c);
  card_fill (packet, sizeof packet, NULL, 3);
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const unsigned length = MIN ((unsigned)sizeof packet, 14 * sizes[i].size - 4),
                     needed = (length + 4 + sizes[i].size - 1) / sizes[i].size;
      unsigned at = 0;

      gig_start (&c, RCTL_LPE | sizes[i].rctl);
      g_assert_true (card_offer (&c, packet, length));
      g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, needed);
      for (unsigned n = 0; n < needed; n++)
        {
          g_assert_cmphex (gig_rx_status (&c, n) & 3, ==, n + 1 == needed ? 3 : 1);
          memcpy (got + at, gig_rx_buffer (&c, n), gig_rx_length (&c, n));
          at += gig_rx_length (&c, n);
        }
      g_assert_cmpmem (got, at - 4, packet, length);
    }
  /* It can't fit into this ring: it is lost, not waited for. */
  gig_start (&c, RCTL_LPE | 3u << 16);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_cmpuint (gig_read (&c, E1000_MPC), ==, 1);
  card_close (&c);
}

static gboolean
arrives (Card *c, const uint8_t *to)
{
  const uint32_t before = gig_read (c, E1000_RDH);
  uint8_t packet[60];

  card_fill (packet, sizeof packet, to, 1);
  gig_write (c, E1000_RDT, (before + 15) % RING_SIZE);
  g_assert_true (card_offer (c, packet, sizeof packet));
  return gig_read (c, E1000_RDH) != before;
}

static void
test_filters (void)
{
  Card c;

  open_card (&c);
  gig_start (&c, 0);
  g_assert_true (arrives (&c, NULL));
  g_assert_false (arrives (&c, stranger));
  g_assert_false (arrives (&c, broadcast));
  g_assert_false (arrives (&c, group));
  gig_write (&c, E1000_RCTL, RCTL_EN | RCTL_BAM);
  g_assert_true (arrives (&c, broadcast));
  gig_write (&c, E1000_RCTL, RCTL_EN | RCTL_UPE);
  g_assert_true (arrives (&c, stranger));
  g_assert_cmphex (gig_rx_status (&c, (gig_read (&c, E1000_RDH) + 15) % RING_SIZE) & RX_STATUS_PIF, !=, 0);
  g_assert_false (arrives (&c, group));
  gig_write (&c, E1000_RCTL, RCTL_EN | RCTL_MPE);
  g_assert_true (arrives (&c, group));
  g_assert_true (arrives (&c, broadcast));
  g_assert_false (arrives (&c, stranger));
  /* The table, by each of its four choices of bits: 0x5634 in the address's last two bytes. */
  static const unsigned hashes[4] = { 0x563, 0xac6, 0x58d, 0x634 };
  for (unsigned mo = 0; mo < 4; mo++)
    {
      gig_write (&c, E1000_RCTL, RCTL_EN | mo << RCTL_MO_SHIFT);
      g_assert_false (arrives (&c, group));
      gig_write (&c, E1000_MTA + 4 * (hashes[mo] >> 5), 1u << (hashes[mo] & 31));
      g_assert_true (arrives (&c, group));
      gig_write (&c, E1000_MTA + 4 * (hashes[mo] >> 5), 0);
    }
  /* A second exact address; the last one. */
  gig_write (&c, E1000_RAL + 8 * 15, 0x99005452);
  gig_write (&c, E1000_RAL + 8 * 15 + 4, 0x00009999);
  g_assert_false (arrives (&c, stranger));
  gig_write (&c, E1000_RAL + 8 * 15 + 4, RAH_VALID | 0x9999);
  g_assert_true (arrives (&c, stranger));
  card_close (&c);
}

static void
test_vlan (void)
{
  uint8_t packet[100], plain[96];
  Card c;

  open_card (&c);
  gig_start (&c, RCTL_VFE);
  gig_write (&c, E1000_VET, NET_TYPE_VLAN);
  card_fill (packet, sizeof packet, NULL, 1);
  net_put32 (packet + 12, 0x81002064);
  memcpy (plain, packet, 12);
  memcpy (plain + 12, packet + 16, 84);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, 0);
  gig_write (&c, E1000_VFTA + 4 * (0x64 >> 5), 1u << (0x64 & 31));
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_cmpmem (gig_rx_buffer (&c, 0), 100, packet, 100);
  g_assert_cmphex (gig_rx_status (&c, 0) & RX_STATUS_VP, ==, 0);
  gig_set (&c, E1000_CTRL, CTRL_VME);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_cmpuint (gig_rx_length (&c, 1), ==, 100);
  g_assert_cmpmem (gig_rx_buffer (&c, 1), 96, plain, 96);
  g_assert_cmphex (gig_rx_status (&c, 1) & RX_STATUS_VP, !=, 0);
  g_assert_cmphex (card_get (&c, RING_RX + 16 + 14, 2), ==, 0x2064);
  /* A packet without a tag passes. */
  g_assert_true (arrives (&c, NULL));
  /* A tag and nothing else. */
  g_assert_true (card_offer (&c, packet, 18));
  g_assert_true (card_offer (&c, packet, 16));
  card_close (&c);
}

static void
test_receive_sums (void)
{
  uint8_t packet[1514];
  Card c;

  open_card (&c);
  for (unsigned length = 61; length < 1514; length += 211)
    for (unsigned wrong = 0; wrong < 3; wrong++)
      {
        const uint8_t protocol = length & 2 ? NET_PROTOCOL_TCP : NET_PROTOCOL_UDP;

        gig_start (&c, 0);
        gig_write (&c, E1000_RXCSUM, RXCSUM_IP | RXCSUM_TCP_UDP | 14);
        sums_make_ip4 (packet, length, protocol, TRUE);
        packet[14 + 4] ^= wrong == 1 ? 1 : 0;
        packet[length - 1] ^= wrong == 2 ? 1 : 0;
        g_assert_true (card_offer (&c, packet, length));
        g_assert_cmphex (gig_rx_status (&c, 0), ==,
                         RX_STATUS_DD | RX_STATUS_EOP | RX_STATUS_IPCS | RX_STATUS_TCPCS);
        g_assert_cmphex (gig_rx_errors (&c, 0), ==,
                         wrong == 1   ? RX_ERROR_IPE
                         : wrong == 2 ? RX_ERROR_TCPE
                                      : 0);
        const uint16_t sum = (uint16_t)~net_checksum_fold (net_checksum_add (0, packet + 14, length - 14));
        g_assert_cmphex (card_get (&c, RING_RX + 10, 2), ==, GUINT16_FROM_BE (sum));
      }
  card_close (&c);
}

/* -- Interrupts --------------------------------------------------------------------------------------------- */

static void
test_interrupts (void)
{
  uint8_t packet[60];
  Card c;

  open_card (&c);
  gig_start (&c, 0);
  gig_read (&c, E1000_ICR);
  gig_write (&c, E1000_ICS, ICR_RXO);
  g_assert_false (c.level);
  g_assert_cmphex (gig_read (&c, E1000_ICS), ==, ICR_RXO);
  gig_write (&c, E1000_IMS, ICR_RXO | ICR_RXT0 | ICR_TXDW);
  g_assert_true (c.level);
  gig_write (&c, E1000_IMC, ICR_RXO);
  g_assert_false (c.level);
  g_assert_cmphex (gig_read (&c, E1000_IMS), ==, ICR_RXT0 | ICR_TXDW);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, ICR_RXO);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, 0);

  /* At most one in 1000 * 256 ns. */
  gig_write (&c, E1000_ITR, 1000);
  gig_write (&c, E1000_ICS, ICR_TXDW);
  g_assert_true (c.level);
  gig_read (&c, E1000_ICR);
  gig_write (&c, E1000_ICS, ICR_TXDW);
  g_assert_false (c.level);
  card_advance (&c, 255 * 1000);
  g_assert_false (c.level);
  card_advance (&c, 1000);
  g_assert_true (c.level);
  gig_read (&c, E1000_ICR);
  gig_write (&c, E1000_ITR, 0);
  card_advance (&c, NS_PER_SECOND);

  /* RDTR begins anew with each packet, RADV doesn't. */
  card_fill (packet, sizeof packet, NULL, 1);
  gig_write (&c, E1000_RDTR, 100);
  gig_write (&c, E1000_RADV, 150);
  card_offer (&c, packet, sizeof packet);
  card_advance (&c, 90 * 1024);
  card_offer (&c, packet, sizeof packet);
  g_assert_false (c.level);
  card_advance (&c, 59 * 1024);
  g_assert_false (c.level);
  card_advance (&c, 2 * 1024);
  g_assert_true (c.level);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, ICR_RXT0);
  card_offer (&c, packet, sizeof packet);
  g_assert_false (c.level);
  gig_write (&c, E1000_RDTR, 100 | DELAY_FLUSH);
  g_assert_true (c.level);
  gig_read (&c, E1000_ICR);

  gig_write (&c, E1000_TIDV, 2000);
  gig_write (&c, E1000_TADV, 0);
  gig_describe (&c, 0, BUFFERS_TX, 60 | TX_EOP | TX_RS | (uint32_t)TX_IDE, 0);
  gig_send (&c, 1);
  g_assert_cmphex (card_get (&c, RING_TX + 12, 1), ==, TX_STATUS_DD);
  g_assert_false (c.level);
  card_advance (&c, 2000 * 1024);
  g_assert_true (c.level);
  card_close (&c);
}

/* -- Trouble -------------------------------------------------------------------------------------------------- */

static void
test_reset (void)
{
  uint8_t packet[60];
  Card c;
  Device *device = open_card (&c);

  card_fill (packet, sizeof packet, NULL, 1);
  for (unsigned round = 0; round < 3; round++)
    {
      gig_start (&c, RCTL_BAM);
      gig_write (&c, E1000_IMS, ICR_ALL);
      gig_write (&c, E1000_RDTR, 100);
      gig_write (&c, E1000_TIDV, 100);
      for (unsigned i = 0; i < 8; i++)
        gig_describe (&c, i, BUFFERS_TX, 60 | TX_EOP | TX_RS | (uint32_t)TX_IDE, 0);
      gig_write (&c, E1000_TDT, 8);
      card_offer (&c, packet, sizeof packet);
      if (round == 0)
        gig_set (&c, E1000_CTRL, CTRL_RST);
      else
        {
          vm_lock (c.vm);
          device->klass->reset (device);
          vm_unlock (c.vm);
          if (round == 2)
            card_map (&c, 0, 2);
        }
      g_assert_false (c.level);
      card_advance (&c, NS_PER_SECOND);
      g_assert_null (card_sent (&c));
      g_assert_true (card_offer (&c, packet, sizeof packet));
      g_assert_false (c.level);
      if (round == 1)
        card_map (&c, 0, 2);
      g_assert_cmphex (gig_read (&c, E1000_IMS), ==, 0);
      g_assert_cmphex (gig_read (&c, E1000_TDT), ==, 0);
    }
  card_close (&c);
}

/* Rings where none can be; all of it ends. */
static void
test_hostile (void)
{
  static const uint32_t bases[]
      = { 0, CARD_RAM - 16, CARD_RAM, CARD_BAR + E1000_TDBAL, 0xfffffff0, 0xfee00000 };
  static const uint32_t lengths[] = { 0, 128, 200, 0xfff80, 0xffffffff };
  static const uint32_t ends[] = { 0, 1, 7, 8, 0xfff7, 0xffff };
  uint8_t packet[1514];
  Card c;

  open_card (&c);
  card_fill (packet, sizeof packet, NULL, 1);
  for (unsigned b = 0; b < G_N_ELEMENTS (bases); b++)
    for (unsigned l = 0; l < G_N_ELEMENTS (lengths); l++)
      for (unsigned e = 0; e < G_N_ELEMENTS (ends); e++)
        {
          gig_start (&c, RCTL_UPE | RCTL_LPE);
          gig_write (&c, E1000_TDBAL, bases[b]);
          gig_write (&c, E1000_TDLEN, lengths[l]);
          gig_write (&c, E1000_RDBAL, bases[b]);
          gig_write (&c, E1000_RDLEN, lengths[l]);
          gig_write (&c, E1000_RDT, ends[e]);
          gig_write (&c, E1000_TDT, ends[e]);
          gig_write (&c, E1000_RDH, ends[(e + 3) % G_N_ELEMENTS (ends)]);
          gig_write (&c, E1000_TDH, ends[(e + 3) % G_N_ELEMENTS (ends)]);
          card_offer (&c, packet, sizeof packet);
          card_advance (&c, 50 * 1000 * 1000);
          for (CardPacket *sent; (sent = card_sent (&c)) != NULL;)
            g_free (sent);
        }
  card_close (&c);
}

/* Packets that never end are skipped, to the descriptor that ends them; buffers outside of memory cost one packet. */
static void
test_endless (void)
{
  const unsigned size = 4096;
  Card c;
  CardPacket *packet;

  open_card (&c);
  gig_start (&c, 0);
  gig_write (&c, E1000_TDBAL, 0x40000);
  gig_write (&c, E1000_TDLEN, 16 * size);
  for (unsigned i = 0; i < 1000; i++)
    {
      card_put (&c, 0x40000 + 16 * i, BUFFERS_TX, 8);
      card_put (&c, 0x40000 + 16 * i + 8, 1 | TX_RS, 8);
    }
  card_put (&c, 0x40000 + 16 * 999 + 8, 1 | TX_EOP | TX_RS, 8);
  card_put (&c, 0x40000 + 16 * 1000, CARD_RAM - 30, 8);
  card_put (&c, 0x40000 + 16 * 1000 + 8, 60 | TX_EOP | TX_RS, 8);
  card_put (&c, 0x40000 + 16 * 1001, BUFFERS_TX, 8);
  card_put (&c, 0x40000 + 16 * 1001 + 8, TX_LENGTH | TX_EOP | TX_RS | TX_DEXT | TX_TYPE_DATA, 8);
  card_put (&c, 0x40000 + 16 * 1002, BUFFERS_TX, 8);
  card_put (&c, 0x40000 + 16 * 1002 + 8, 61 | TX_EOP | TX_RS, 8);
  gig_send (&c, 1003);
  packet = card_sent (&c);
  g_assert_cmpuint (packet->length, ==, 61);
  g_free (packet);
  g_assert_null (card_sent (&c));
  g_assert_cmpuint (gig_read (&c, E1000_TDH), ==, 1003);
  for (unsigned i = 0; i < 1003; i++)
    g_assert_cmphex (card_get (&c, 0x40000 + 16 * i + 12, 1), ==, TX_STATUS_DD);
  card_close (&c);
}

static void
test_saved (void)
{
  uint8_t packet[60];
  Card c;
  Device *device = open_card (&c);

  card_fill (packet, sizeof packet, NULL, 1);
  gig_start (&c, RCTL_BAM);
  gig_write (&c, E1000_IMS, ICR_RXT0 | ICR_TXDW);
  gig_write (&c, E1000_RDTR, 100);
  card_offer (&c, packet, sizeof packet);
  gig_context (&c, 0, 14, 34, 50, TX_CONTEXT_TCP | TX_CONTEXT_IP4, 0, 0);
  gig_send (&c, 1);
  sums_make_ip4 (card_ram (&c, BUFFERS_TX), 101, NET_PROTOCOL_TCP, FALSE);
  gig_describe (&c, 1, BUFFERS_TX, 101 | TX_DEXT | TX_TYPE_DATA | TX_EOP | TX_RS, TX_POPTS_TXSM);
  gig_write (&c, E1000_TDT, 2);
  gig_write (&c, E1000_RDTR, 2000);
  g_assert_true (gig_read (&c, E1000_ICR) & ICR_RXT0);
  card_offer (&c, packet, sizeof packet);
  g_assert_true (card_save_and_load (&c, device));
  g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, 2);
  g_assert_false (c.level);
  card_advance (&c, 1000 * 1000);
  CardPacket *sent = card_sent (&c);
  uint8_t whole[101];
  sums_make_ip4 (whole, 101, NET_PROTOCOL_TCP, TRUE);
  g_assert_cmpmem (sent->bytes + 34, 67, whole + 34, 67);
  g_free (sent);
  g_assert_true (c.level);
  g_assert_cmphex (gig_read (&c, E1000_ICR) & (ICR_TXDW | ICR_RXT0), ==, ICR_TXDW);
  card_advance (&c, 2 * 1000 * 1000);
  g_assert_cmphex (gig_read (&c, E1000_ICR) & (ICR_TXDW | ICR_RXT0), ==, ICR_RXT0);
  card_close (&c);
}

/* -- What wakes the machine ---------------------------------------------------------------------------------- */

static void
stop_waking (Card *c)
{
  g_assert_cmphex (gig_read (c, E1000_WUS) & WUFC_MAGIC, ==, WUFC_MAGIC);
  gig_write (c, E1000_WUC, 0);
}

static void
test_wake (void)
{
  Card c;

  open_card (&c);
  gig_start (&c, RCTL_BAM);
  gig_write (&c, E1000_WUFC, WUFC_MAGIC);
  gig_write (&c, E1000_WUC, WUC_PME_ENABLE);
  card_check_wake (&c, stop_waking);
  card_close (&c);
}

/* Diagnosis: what is sent comes back. */
static void
test_loopback (void)
{
  Card c;

  open_card (&c);
  gig_start (&c, 0);
  card_set_link (&c, FALSE);
  phy_write (&c, PHY_CONTROL, 0x4140);
  g_assert_true (gig_read (&c, E1000_STATUS) & STATUS_LU);
  card_fill (card_ram (&c, BUFFERS_TX), 100, NULL, 9);
  gig_describe (&c, 0, BUFFERS_TX, 100 | TX_EOP | TX_RS, 0);
  gig_send (&c, 1);
  g_assert_null (card_sent (&c));
  g_assert_cmpmem (gig_rx_buffer (&c, 0), 100, card_ram (&c, BUFFERS_TX), 100);
  card_close (&c);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/e1000/eeprom", test_eeprom);
  g_test_add_func ("/e1000/phy", test_phy);
  g_test_add_func ("/e1000/ports", test_ports);
  g_test_add_func ("/e1000/send", test_send);
  g_test_add_func ("/e1000/sums", test_sums);
  g_test_add_func ("/e1000/sums-left", test_sums_left);
  g_test_add_func ("/e1000/segments", test_segments);
  g_test_add_func ("/e1000/segments-left", test_segments_left);
  g_test_add_func ("/e1000/receive", test_receive);
  g_test_add_func ("/e1000/overflow", test_overflow);
  g_test_add_func ("/e1000/jumbo", test_jumbo);
  g_test_add_func ("/e1000/filters", test_filters);
  g_test_add_func ("/e1000/vlan", test_vlan);
  g_test_add_func ("/e1000/receive-sums", test_receive_sums);
  g_test_add_func ("/e1000/interrupts", test_interrupts);
  g_test_add_func ("/e1000/reset", test_reset);
  g_test_add_func ("/e1000/hostile", test_hostile);
  g_test_add_func ("/e1000/endless", test_endless);
  g_test_add_func ("/e1000/saved", test_saved);
  g_test_add_func ("/e1000/wake", test_wake);
  g_test_add_func ("/e1000/loopback", test_loopback);
  return g_test_run ();
}
