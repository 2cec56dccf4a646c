/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the files of the card rtl8139: its registers.  RTL8139C+ data sheet, chapter 6 (registers) and 9 (descriptors); RTL8139C data sheet for the ring
 * of bytes.  All under the VM lock; registers are the guest's and so is a saved state's: who uses one checks it there.
 */
#pragma once

#include "net/microwire.h"
#include "net/net.h"
#include "pci/pci.h"

G_BEGIN_DECLS

enum
{
  RTL_IDR = 0x00,
  RTL_MAR = 0x08,
  RTL_TSD = 0x10,  /* four; C+: the address for the counters */
  RTL_TSAD = 0x20, /* four; C+: normal and high priority descriptors */
  RTL_RBSTART = 0x30,
  RTL_CR = 0x37,
  RTL_CAPR = 0x38,
  RTL_CBR = 0x3a,
  RTL_IMR = 0x3c,
  RTL_ISR = 0x3e,
  RTL_TCR = 0x40,
  RTL_RCR = 0x44,
  RTL_TCTR = 0x48,
  RTL_MPC = 0x4c,
  RTL_9346CR = 0x50,
  RTL_CONFIG0 = 0x51,
  RTL_CONFIG1 = 0x52,
  RTL_TIMER_INT = 0x54,
  RTL_MSR = 0x58,
  RTL_CONFIG3 = 0x59,
  RTL_CONFIG4 = 0x5a,
  RTL_RERID = 0x5e,
  RTL_TSAD_ALL = 0x60,
  RTL_BMCR = 0x62,
  RTL_BMSR = 0x64,
  RTL_ANAR = 0x66,
  RTL_ANLPAR = 0x68,
  RTL_ANER = 0x6a,
  RTL_CSCR = 0x74,
  RTL_CONFIG5 = 0xd8,
  RTL_TPPOLL = 0xd9,
  RTL_CPCR = 0xe0,
  RTL_RDSAR = 0xe4,
  RTL_SIZE = 0x100,
};
enum
{
  CR_EMPTY = 1 << 0,
  CR_TE = 1 << 2,
  CR_RE = 1 << 3,
  CR_RST = 1 << 4,

  CSCR_LINK = 1 << 3,
  CSCR_LINK_OK = 1 << 10,
  CSCR_LINK_CHANGED = 1 << 11,

  ISR_ROK = 1 << 0,
  ISR_TOK = 1 << 2,
  ISR_LINK = 1 << 5,
  ISR_NO_DESCRIPTOR = 1 << 7,
  ISR_SOFTWARE = 1 << 8,
  ISR_TIMEOUT = 1 << 14,

  TSD_SIZE = 0x1fff,
  TSD_OWN = 1 << 13,
  TSD_TOK = 1 << 15,

  TCR_LOOPBACK = 3 << 17,
  TCR_GUEST = 0x03060ff1,
  TCR_VERSION = 0x74800000, /* 8139C+ */

  RCR_AAP = 1 << 0,
  RCR_APM = 1 << 1,
  RCR_AM = 1 << 2,
  RCR_AB = 1 << 3,
  RCR_WRAP = 1 << 7,
  RCR_LENGTH_SHIFT = 11,

  CPCR_TX = 1 << 0,
  CPCR_RX = 1 << 1,
  CPCR_RX_SUMS = 1 << 5,
  CPCR_RX_VLAN = 1 << 6,

  POLL_SOFTWARE = 1 << 0,
  POLL_NORMAL = 1 << 6,
  POLL_HIGH = 1 << 7,

  CONFIG3_MAGIC = 1 << 5,
  CONFIG5_UNICAST = 1 << 4,
  CONFIG5_MULTICAST = 1 << 5,
  CONFIG5_BROADCAST = 1 << 6,

  BMCR_AUTO = 1 << 12,
  BMCR_POWER_DOWN = 1 << 11,
};

#define RTL_CRC    4u
#define RTL_N_TX   4u
#define RTL_QUEUES 2u /* normal, high priority */

/* 6.3.1 of the C+: what DTCCR has written to memory. */
typedef struct
{
  uint64_t sent, received, unicast, broadcast;
  uint32_t multicast, missed;
} RtlCounters;

typedef struct
{
  PciDevice pci;
  NetPort *port;
  Region *registers, *ports;
  uint8_t reg[RTL_SIZE];
  uint16_t rom[MICROWIRE_WORDS]; /* made anew at each start */
  Microwire wire;
  VmTimer timer;
  int64_t timer_base; /* ns: where TCTR is 0 */
  RtlCounters counters;

  VmTimer work;
  int64_t next_work;             /* ns: others on the loop come first */
  uint8_t started;               /* transmit registers with a packet that wasn't sent yet, a bit each */
  uint8_t next_tx;               /* the register whose turn it is */
  uint8_t polled;                /* queues of descriptors to look at */
  uint32_t position[RTL_QUEUES]; /* in descriptors */

  uint32_t rx_position; /* in descriptors */
  VmTimer retry;        /* no descriptor was free: nobody tells when one is */
  uint8_t packet[NET_MAX_PACKET];
} Rtl8139;

static inline uint16_t
rtl_get16 (const Rtl8139 *r, unsigned offset)
{
  return pci_get16 (r->reg + offset);
}
static inline uint32_t
rtl_get32 (const Rtl8139 *r, unsigned offset)
{
  return pci_get32 (r->reg + offset);
}
static inline void
rtl_set16 (Rtl8139 *r, unsigned offset, unsigned value)
{
  pci_set16 (r->reg + offset, (uint16_t)value);
}
static inline void
rtl_set32 (Rtl8139 *r, unsigned offset, uint32_t value)
{
  pci_set32 (r->reg + offset, value);
}
static inline uint64_t
rtl_address (const Rtl8139 *r, unsigned offset)
{
  return rtl_get32 (r, offset) | (uint64_t)rtl_get32 (r, offset + 4) << 32;
}
static inline int64_t
rtl_now (const Rtl8139 *r)
{
  return vm_clock_now (r->pci.device.vm->clock);
}

/* rtl8139.c */
void rtl_interrupt (Rtl8139 *r, unsigned causes);

/* rtl8139-transmit.c */
void rtl_kick (Rtl8139 *r);
void rtl_on_work (void *opaque);

/* rtl8139-receive.c */
/* FALSE: there is no room. */
gboolean rtl_receive (Rtl8139 *r, const NetOffload *offload, const uint8_t *packet, size_t length);
gboolean rtl_is_empty (const Rtl8139 *r);

G_END_DECLS
