/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What hangs on the card's wires: the EEPROM (a 93C46 of 64 words on a Microwire bus, which the driver drives bit by bit, or by EERD), the PHY (88E1011) on
 * MDIO, and the link that it negotiates.  8254x manual, chapter 5, 13.4.3-13.4.6; IEEE 802.3, clauses 22, 28 and 40.
 */
#define G_LOG_DOMAIN "e1000"

#include "net/e1000-private.h"

#define ROM_SUM 0xbaba /* of all words, 5.6.20 */

/* 5.6: words */
enum
{
  ROM_CONTROL1 = 0x0a,
  ROM_SUBSYSTEM = 0x0b,
  ROM_SUBSYSTEM_VENDOR = 0x0c,
  ROM_DEVICE = 0x0d,
  ROM_VENDOR = 0x0e,
  ROM_CONTROL2 = 0x0f,
  ROM_SUM_WORD = 0x3f,

  ROM_CONTROL1_VALUE = 0x4408,        /* valid, identities are here, the PHY's reset is over */
  ROM_CONTROL2_VALUE = 0xb30c,        /* APM off, auto-negotiation's defaults */
  ROM_MODERN_CONTROL2_VALUE = 0x0000, /* there is no firmware of its own */
};

#define PHY_ADDRESS      1u
#define PHY_ID_HIGH      0x0141 /* Marvell 88E1011, revision 4 */
#define PHY_ID_LOW       0x0c24
#define MODERN_ID_LOW    0x0cb1                /* 82574's own, revision 2 */
#define MODERN_PAGE      22                    /* which page registers 16 and more are of; 0 is here */
#define NEGOTIATION_TIME (500 * 1000 * 1000ll) /* ns; drivers enable interrupts after they have begun it */

/* -- EEPROM ------------------------------------------------------------------------------------------ */

void
e1000_rom_init (E1000 *e)
{
  const NetMac mac = net_port_mac (e->port);
  const uint8_t *config = e->pci.config;
  uint16_t sum = 0;

  memset (e->rom, 0xff, sizeof e->rom);
  for (unsigned i = 0; i < 3; i++)
    e->rom[i] = (uint16_t)(mac.bytes[2 * i] | mac.bytes[2 * i + 1] << 8);
  e->rom[3] = 0;
  e->rom[ROM_CONTROL1] = ROM_CONTROL1_VALUE;
  e->rom[ROM_SUBSYSTEM] = pci_get16 (config + PCI_SUBSYSTEM_ID);
  e->rom[ROM_SUBSYSTEM_VENDOR] = pci_get16 (config + PCI_SUBSYSTEM_VENDOR_ID);
  e->rom[ROM_DEVICE] = pci_get16 (config + PCI_DEVICE_ID);
  e->rom[ROM_VENDOR] = pci_get16 (config + PCI_VENDOR_ID);
  e->rom[ROM_CONTROL2] = e->modern ? ROM_MODERN_CONTROL2_VALUE : ROM_CONTROL2_VALUE;
  for (unsigned i = 0; i < ROM_SUM_WORD; i++)
    sum = (uint16_t)(sum + e->rom[i]);
  e->rom[ROM_SUM_WORD] = (uint16_t)(ROM_SUM - sum);
}

void
e1000_rom_load (E1000 *e)
{
  e1000_set (e, E1000_RAL, e->rom[0] | (uint32_t)e->rom[1] << 16);
  e1000_set (e, E1000_RAL + 4, e->rom[2] | RAH_VALID);
}

void
e1000_eecd_write (E1000 *e, uint32_t value)
{
  uint32_t now = EECD_PRES | (e->modern ? E1000E_EECD_READ_DONE : 0)
                 | (value & (EECD_SK | EECD_CS | EECD_DI | EECD_REQ | 0x30));

  if (value & EECD_REQ)
    now |= EECD_GNT;
  microwire_set (&e->wire, e->rom, (value & EECD_CS) != 0, (value & EECD_SK) != 0, (value & EECD_DI) != 0);
  if (microwire_out (&e->wire))
    now |= EECD_DO;
  e1000_set (e, E1000_EECD, now);
}

void
e1000_eerd_write (E1000 *e, uint32_t value)
{
  const unsigned shift = e->modern ? (unsigned)E1000E_EERD_ADDRESS_SHIFT : (unsigned)EERD_ADDRESS_SHIFT;
  const uint32_t mask = e->modern ? 0x3fff : 0xff, done = e->modern ? E1000E_EERD_DONE : EERD_DONE;
  const unsigned word = value >> shift & mask;

  if (!(value & EERD_START))
    {
      e1000_set (e, E1000_EERD, value & ~done);
      return;
    }
  value = word << shift | done;
  if (word < E1000_ROM_WORDS)
    value |= (uint32_t)e->rom[word] << EERD_DATA_SHIFT;
  e1000_set (e, E1000_EERD, value);
}

/* -- Link -------------------------------------------------------------------------------------------- */

gboolean
e1000_phy_loops (const E1000 *e)
{
  return (e->phy[PHY_CONTROL] & PHY_CONTROL_LOOPBACK) != 0;
}

static gboolean
phy_link (const E1000 *e)
{
  if (e->phy[PHY_CONTROL] & (PHY_CONTROL_POWER_DOWN | PHY_CONTROL_ISOLATE))
    return FALSE;
  return e1000_phy_loops (e) || (net_port_link (e->port) && !vm_timer_armed (&e->negotiation));
}

gboolean
e1000_link (const E1000 *e)
{
  return (e1000_get (e, E1000_STATUS) & STATUS_LU) != 0;
}

void
e1000_link_update (E1000 *e)
{
  const gboolean up = phy_link (e), was = (e->phy[PHY_SPECIFIC_STATUS] & PHY_SPECIFIC_LINK) != 0;

  e->phy[PHY_STATUS] = 0x7949; /* what it can do: 10 and 100 MBit/s, both ways, extended status */
  e->phy[PHY_SPECIFIC_STATUS] = 0;
  e->phy[PHY_PARTNER] = e->phy[PHY_STATUS_1000] = e->phy[PHY_EXPANSION] = 0;
  if (up)
    {
      e->phy[PHY_STATUS] |= PHY_STATUS_LINK;
      e->phy[PHY_SPECIFIC_STATUS]
          = (uint16_t)(PHY_SPECIFIC_1000 | PHY_SPECIFIC_FULL | PHY_SPECIFIC_RESOLVED | PHY_SPECIFIC_LINK);
      if (e->phy[PHY_CONTROL] & PHY_CONTROL_AUTO)
        {
          e->phy[PHY_STATUS] |= PHY_STATUS_AUTO_DONE;
          e->phy[PHY_PARTNER] = 0xcde1; /* all speeds, flow control, acknowledged */
          e->phy[PHY_STATUS_1000] = 0x7c00;
          e->phy[PHY_EXPANSION] = 0x0001;
        }
    }
  if (up != was)
    e->phy[PHY_INTERRUPT_STATUS] |= PHY_INTERRUPT_LINK;

  const uint32_t speed = 2u << STATUS_SPEED_SHIFT | 2u << STATUS_ASDV_SHIFT | STATUS_FD;
  const uint32_t status = e1000_get (e, E1000_STATUS);
  const gboolean lu = up && (e1000_get (e, E1000_CTRL) & CTRL_SLU);

  e1000_set (e, E1000_STATUS, (status & ~(uint32_t)STATUS_LU) | speed | (lu ? STATUS_LU : 0));
  if (lu != ((status & STATUS_LU) != 0))
    e1000_interrupt (e, ICR_LSC);
  if (lu)
    {
      e1000_listen (e);
      e1000_kick (e);
    }
}

void
e1000_on_negotiated (void *opaque)
{
  E1000 *e = opaque;

  e->phy[PHY_INTERRUPT_STATUS] |= PHY_INTERRUPT_AUTO_DONE;
  e1000_link_update (e);
}

void
e1000_phy_restart (E1000 *e)
{
  e->phy[PHY_CONTROL] &= (uint16_t)~PHY_CONTROL_RESTART;
  if (net_port_link (e->port))
    vm_timer_arm (&e->negotiation, e1000_now (e) + NEGOTIATION_TIME);
  e1000_link_update (e);
}

/* As at power on, when it negotiates at once. */
void
e1000_phy_reset (E1000 *e)
{
  memset (e->phy, 0, sizeof e->phy);
  vm_timer_cancel (&e->negotiation);
  e->phy[PHY_CONTROL] = 0x1140;
  e->phy[PHY_ID1] = PHY_ID_HIGH;
  e->phy[PHY_ID2] = e->modern ? MODERN_ID_LOW : PHY_ID_LOW;
  e->phy[PHY_ADVERTISE] = 0x0de1;
  e->phy[PHY_NEXT_PAGE] = 0x2001;
  e->phy[PHY_CONTROL_1000] = 0x0e00;
  e->phy[PHY_EXTENDED_STATUS] = 0x3000;
  e->phy[PHY_SPECIFIC_CONTROL] = 0x0068;
  e->phy[PHY_EXTENDED_CONTROL] = 0x0d60;
  e1000_link_update (e);
}

/* -- MDIO -------------------------------------------------------------------------------------------- */

static gboolean
is_elsewhere (const E1000 *e, unsigned n)
{
  return e->modern && n >= PHY_SPECIFIC_CONTROL && n != MODERN_PAGE && e->phy[MODERN_PAGE] != 0;
}

static void
phy_write (E1000 *e, unsigned n, uint16_t value)
{
  if (is_elsewhere (e, n))
    return;
  switch (n)
    {
    case PHY_CONTROL:
      if (value & PHY_CONTROL_RESET)
        {
          /* Settings of speed and negotiation begin to count with it; the link is lost meanwhile. */
          e->phy[PHY_CONTROL] = value & 0x3140;
          e1000_phy_restart (e);
          break;
        }
      e->phy[PHY_CONTROL] = value & 0x7fc0;
      if ((value & PHY_CONTROL_AUTO) && (value & PHY_CONTROL_RESTART))
        e1000_phy_restart (e);
      else
        e1000_link_update (e);
      break;
    case PHY_ADVERTISE:
    case PHY_NEXT_PAGE:
    case PHY_CONTROL_1000:
    case PHY_SPECIFIC_CONTROL:
    case PHY_INTERRUPT_ENABLE:
    case PHY_EXTENDED_CONTROL:
    case PHY_EXTENDED_CONTROL + 2 ... PHY_N - 1:
      e->phy[n] = value;
      break;
    default:
      break;
    }
}

static uint16_t
phy_read (E1000 *e, unsigned n)
{
  const uint16_t value = is_elsewhere (e, n) ? 0 : e->phy[n];

  if (n == PHY_INTERRUPT_STATUS)
    e->phy[n] = 0;
  return value;
}

void
e1000_mdic_write (E1000 *e, uint32_t value)
{
  const unsigned n = value >> MDIC_REGISTER_SHIFT & (PHY_N - 1);
  const unsigned operation = value & (MDIC_READ | MDIC_WRITE);

  value &= ~(uint32_t)(MDIC_READY | MDIC_ERROR);
  if ((value >> MDIC_PHY_SHIFT & 31) != PHY_ADDRESS)
    value |= MDIC_ERROR | 0xffff;
  else if (operation == MDIC_READ)
    value = (value & ~0xffffu) | phy_read (e, n);
  else if (operation == MDIC_WRITE)
    phy_write (e, n, (uint16_t)value);
  else
    value |= MDIC_ERROR;
  e1000_set (e, E1000_MDIC, value | MDIC_READY);
  if (value & MDIC_INTERRUPT)
    e1000_interrupt (e, ICR_MDAC);
}
