/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What e1000e has beyond e1000, whose tests are in test-e1000.c.
 */
#include "card-fixture.h"
#include "e1000-driver.h"

#include "net/e1000.h"

#define GIG_QUEUE 0x100u
#define TABLE_BAR 0xf1000000u

static unsigned n_messages, last_message;

static void
on_message (void *opaque, uint64_t address, uint32_t data)
{
  n_messages++;
  last_message = data;
}

static const VmProcessorOps processor = { .msi = on_message };

static Device *
open_card (Card *c)
{
  Device *device
      = card_plug (c, &(CardPlan){ .make = e1000e_new, .memory = 0, .ports = 2, .processor = &processor });

  card_config (c, PCI_BAR0 + 12, TABLE_BAR, 4);
  n_messages = 0;
  return device;
}

static unsigned
find_capability (Card *c, unsigned id)
{
  unsigned at = card_config_read (c, PCI_CAPABILITY_LIST, 1);

  while (at != 0 && card_config_read (c, at, 1) != id)
    at = card_config_read (c, at + 1, 1);
  g_assert_cmpuint (at, !=, 0);
  return at;
}

/* All five vectors, each with its number for data, and the causes as Linux wires them: 0 receive, 1 transmit, 2 other. */
static void
start_msix (Card *c)
{
  const unsigned cap = find_capability (c, PCI_CAP_MSIX);

  for (unsigned i = 0; i < 5; i++)
    {
      const uint32_t entry[4] = { 0xfee00000, 0, 0x40 + i, 0 };

      for (unsigned k = 0; k < 4; k++)
        address_space_store (c->vm->memory, &c->cache, TABLE_BAR + 16 * i + 4 * k, entry[k], 4, FALSE);
    }
  card_config (c, cap + 2, 0x8000, 2);
  gig_write (c, E1000E_IVAR, 8 | 9 << 8 | 10 << 16);
}

static void
test_rom (void)
{
  Card c;
  uint16_t sum = 0;

  open_card (&c);
  for (unsigned i = 0; i < 64; i++)
    {
      gig_write (&c, E1000_EERD, i << 2 | EERD_START);
      g_assert_true (gig_read (&c, E1000_EERD) & E1000E_EERD_DONE);
      sum = (uint16_t)(sum + (gig_read (&c, E1000_EERD) >> 16));
    }
  g_assert_cmphex (sum, ==, 0xbaba);
  gig_write (&c, E1000_MDIC, MDIC_READ | 1u << MDIC_PHY_SHIFT | PHY_ID2 << MDIC_REGISTER_SHIFT);
  g_assert_cmphex (gig_read (&c, E1000_MDIC) & 0xffff, ==, 0x0cb1);
  /* Another page of the PHY is not this one. */
  gig_write (&c, E1000_MDIC, MDIC_WRITE | 1u << MDIC_PHY_SHIFT | 22u << MDIC_REGISTER_SHIFT | 3);
  gig_write (&c, E1000_MDIC, MDIC_WRITE | 1u << MDIC_PHY_SHIFT | 16u << MDIC_REGISTER_SHIFT | 0xffff);
  gig_write (&c, E1000_MDIC, MDIC_WRITE | 1u << MDIC_PHY_SHIFT | 22u << MDIC_REGISTER_SHIFT | 0);
  gig_write (&c, E1000_MDIC, MDIC_READ | 1u << MDIC_PHY_SHIFT | 16u << MDIC_REGISTER_SHIFT);
  g_assert_cmphex (gig_read (&c, E1000_MDIC) & 0xffff, ==, 0x0068);
  g_assert_true (gig_read (&c, E1000_EECD) & E1000E_EECD_READ_DONE);
  g_assert_cmphex (gig_read (&c, E1000E_SWSM), ==, 0);
  g_assert_cmphex (gig_read (&c, E1000E_SWSM), ==, 1);
  gig_write (&c, E1000E_SWSM, 0);
  g_assert_cmphex (gig_read (&c, E1000E_SWSM), ==, 0);
  g_assert_true (gig_read (&c, E1000_STATUS) & E1000E_STATUS_MASTER_ENABLE);
  gig_set (&c, E1000_CTRL, E1000E_CTRL_MASTER_DISABLE);
  g_assert_false (gig_read (&c, E1000_STATUS) & E1000E_STATUS_MASTER_ENABLE);
  card_close (&c);
}

static void
test_icr (void)
{
  Card c;

  open_card (&c);
  gig_write (&c, E1000_ICS, ICR_LSC);
  gig_write (&c, E1000_IMS, ICR_RXT0);
  /* Nothing is asserted: reading leaves it. */
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, ICR_LSC | E1000E_ICR_OTHER);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, ICR_LSC | E1000E_ICR_OTHER);
  gig_write (&c, E1000_ICR, E1000E_ICR_OTHER);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, 0);
  gig_write (&c, E1000E_IAM, ICR_RXT0);
  gig_write (&c, E1000_CTRL_EXT, E1000E_CTRL_EXT_IAME);
  gig_write (&c, E1000_ICS, ICR_RXT0);
  g_assert_true (c.level);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, ICR_RXT0 | E1000E_ICR_RXQ0 | E1000E_ICR_ASSERTED);
  g_assert_false (c.level);
  g_assert_cmphex (gig_read (&c, E1000_IMS), ==, 0);
  g_assert_cmphex (gig_read (&c, E1000_ICR), ==, 0);

  /* One message for a cause, until it is read. */
  const unsigned cap = find_capability (&c, PCI_CAP_MSI);
  card_config (&c, cap + 4, 0xfee00000, 4);
  card_config (&c, cap + 12, 0x55, 2);
  card_config (&c, cap + 2, 1, 2);
  gig_write (&c, E1000_IMS, ICR_RXT0);
  gig_write (&c, E1000_ICS, ICR_RXT0);
  gig_write (&c, E1000_ICS, ICR_RXT0);
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_cmphex (last_message, ==, 0x55);
  g_assert_false (c.level);
  gig_read (&c, E1000_ICR);
  gig_write (&c, E1000_IMS, ICR_RXT0);
  gig_write (&c, E1000_ICS, ICR_RXT0);
  g_assert_cmpuint (n_messages, ==, 2);
  card_close (&c);
}

static void
test_msix (void)
{
  uint8_t packet[60];
  Card c;
  Device *device = open_card (&c);

  card_fill (packet, sizeof packet, NULL, 1);
  start_msix (&c);
  gig_write (&c, E1000E_EIAC, E1000E_ICR_RXQ0 | E1000E_ICR_TXQ0);
  gig_start (&c, 0);
  n_messages = 0;
  gig_write (&c, E1000_IMS, E1000E_ICR_RXQ0 | E1000E_ICR_TXQ0 | E1000E_ICR_OTHER | ICR_LSC);
  g_assert_cmpuint (n_messages, ==, 1);
  g_assert_cmphex (last_message, ==, 0x42);
  g_assert_true (gig_read (&c, E1000_ICR) & ICR_LSC);
  card_offer (&c, packet, sizeof packet);
  g_assert_cmpuint (n_messages, ==, 2);
  g_assert_cmphex (last_message, ==, 0x40);
  /* It has masked itself. */
  card_offer (&c, packet, sizeof packet);
  g_assert_cmpuint (n_messages, ==, 2);
  gig_write (&c, E1000_IMS, E1000E_ICR_RXQ0);
  g_assert_cmpuint (n_messages, ==, 3);
  gig_describe (&c, 0, BUFFERS_TX, 60 | TX_EOP | TX_RS, 0);
  gig_send (&c, 1);
  g_assert_cmpuint (n_messages, ==, 4);
  g_assert_cmphex (last_message, ==, 0x41);

  /* EITR of the first vector. */
  gig_write (&c, E1000E_EITR, 1000);
  gig_write (&c, E1000_IMS, E1000E_ICR_RXQ0);
  card_offer (&c, packet, sizeof packet);
  g_assert_cmpuint (n_messages, ==, 5);
  gig_write (&c, E1000_IMS, E1000E_ICR_RXQ0);
  card_offer (&c, packet, sizeof packet);
  g_assert_cmpuint (n_messages, ==, 5);
  g_assert_true (card_save_and_load (&c, device));
  card_advance (&c, 300 * 1000);
  g_assert_cmpuint (n_messages, ==, 6);
  card_close (&c);
}

static void
test_extended (void)
{
  uint8_t packet[3000], got[3000];
  Card c;

  open_card (&c);
  card_fill (packet, sizeof packet, NULL, 1);
  gig_start (&c, RCTL_SECRC | RCTL_LPE);
  gig_write (&c, E1000E_RFCTL, E1000E_RFCTL_EXTENDED);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, 2);
  g_assert_cmphex (card_get (&c, RING_RX + 8, 4), ==, RX_STATUS_DD);
  g_assert_cmphex (card_get (&c, RING_RX + 12, 4), ==, 2048);
  g_assert_cmphex (card_get (&c, RING_RX + 24, 4), ==, RX_STATUS_DD | RX_STATUS_EOP | RX_STATUS_IXSM);
  g_assert_cmphex (card_get (&c, RING_RX + 28, 4), ==, 3000 - 2048);
  /* A wrong sum. */
  sums_make_ip4 (packet, 101, NET_PROTOCOL_TCP, TRUE);
  packet[100] ^= 1;
  gig_write (&c, E1000_RXCSUM, RXCSUM_IP | RXCSUM_TCP_UDP);
  g_assert_true (card_offer (&c, packet, 101));
  g_assert_cmphex (card_get (&c, RING_RX + 32 + 8, 4), ==,
                   RX_STATUS_DD | RX_STATUS_EOP | RX_STATUS_IPCS | RX_STATUS_TCPCS
                       | (uint32_t)RX_ERROR_TCPE << 24);

  /* Four buffers a descriptor. */
  gig_start (&c, RCTL_SECRC | RCTL_LPE | E1000E_RCTL_SPLIT_ON);
  gig_write (&c, E1000E_PSRCTL, 2 | 1 << 8 | 1 << 16 | 1 << 24);
  for (unsigned i = 0; i < 8; i++)
    for (unsigned k = 0; k < 4; k++)
      card_put (&c, RING_RX + 32 * i + 8 * k, BUFFERS_RX + BUFFER_SIZE * i + 0x1000 * k, 8);
  /* Head and tail go on counting in 16 bytes. */
  gig_write (&c, E1000_RDT, 2 * 7);
  card_fill (packet, sizeof packet, NULL, 9);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, 2);
  g_assert_cmpuint (card_get (&c, RING_RX + 12, 2), ==, 256);
  g_assert_cmpuint (card_get (&c, RING_RX + 18, 2), ==, 1024);
  g_assert_cmpuint (card_get (&c, RING_RX + 22, 2), ==, 3000 - 256 - 2048);
  memcpy (got, gig_rx_buffer (&c, 0), 256);
  memcpy (got + 256, gig_rx_buffer (&c, 0) + 0x1000, 1024);
  memcpy (got + 256 + 1024, gig_rx_buffer (&c, 0) + 0x2000, 1024);
  memcpy (got + 256 + 2048, gig_rx_buffer (&c, 0) + 0x3000, 3000 - 256 - 2048);
  g_assert_cmpmem (got, 3000, packet, 3000);
  for (unsigned i = 1; i < 7; i++)
    {
      g_assert_true (card_offer (&c, packet, sizeof packet));
      g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, 2 * (i + 1));
    }
  g_assert_false (card_offer (&c, packet, sizeof packet));
  gig_write (&c, E1000_RDT, 2 * 2);
  card_pump ();
  g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, 0);
  g_assert_cmpuint (card_get (&c, RING_RX + 32 * 7 + 12, 2), ==, 256);
  /* A head between two. */
  gig_write (&c, E1000_RDH, 2 * 7 + 1);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  g_assert_cmpuint (gig_read (&c, E1000_RDH), ==, 0);
  /* Buffers of no size, and no buffers. */
  gig_write (&c, E1000E_PSRCTL, 0);
  g_assert_true (card_offer (&c, packet, sizeof packet));
  card_close (&c);
}

static void
test_second_queue (void)
{
  Card c;
  CardPacket *packet;

  open_card (&c);
  gig_start (&c, 0);
  gig_write (&c, E1000_TDBAL + GIG_QUEUE, RING_TX);
  gig_write (&c, E1000_TDLEN + GIG_QUEUE, 16 * RING_SIZE);
  gig_describe (&c, 0, BUFFERS_TX, 77 | TX_EOP | TX_RS, 0);
  gig_write (&c, E1000_TDT + GIG_QUEUE, 1);
  card_advance (&c, 1000 * 1000);
  packet = card_sent (&c);
  g_assert_cmpuint (packet->length, ==, 77);
  g_free (packet);
  g_assert_cmpuint (gig_read (&c, E1000_TDH + GIG_QUEUE), ==, 1);
  g_assert_cmpuint (gig_read (&c, E1000_TDH), ==, 0);
  g_assert_cmphex (gig_read (&c, E1000_ICR) & (E1000E_ICR_TXQ0 | E1000E_ICR_TXQ1), ==, E1000E_ICR_TXQ1);
  card_close (&c);
}

/* What the receiver has not of the memory for packets the transmitter has, and drivers reckon with it. */
static void
test_packet_buffer (void)
{
  Card c;

  open_card (&c);
  g_assert_cmphex (gig_read (&c, E1000_PBA), ==, 0x140014);
  gig_write (&c, E1000_PBA, 0x20);
  g_assert_cmphex (gig_read (&c, E1000_PBA), ==, 0x80020);
  gig_write (&c, E1000_PBA, 0xffff0006);
  g_assert_cmphex (gig_read (&c, E1000_PBA), ==, 0x220006);
  gig_write (&c, E1000_PBA, 0xffff);
  g_assert_cmphex (gig_read (&c, E1000_PBA) >> 16, ==, 0);
  card_close (&c);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/e1000e/rom", test_rom);
  g_test_add_func ("/e1000e/icr", test_icr);
  g_test_add_func ("/e1000e/msix", test_msix);
  g_test_add_func ("/e1000e/extended", test_extended);
  g_test_add_func ("/e1000e/second-queue", test_second_queue);
  g_test_add_func ("/e1000e/packet-buffer", test_packet_buffer);
  return g_test_run ();
}
