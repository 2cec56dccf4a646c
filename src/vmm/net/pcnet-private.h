/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the files of the card pcnet: its registers.  Am79C970A data sheet, "User Accessible Registers", "Initialization Block", "Receive Descriptors",
 * "Transmit Descriptors".  All under the VM lock; registers are the guest's and so is a saved state's: who uses one checks it there.
 */
#pragma once

#include "net/net.h"
#include "pci/pci.h"

G_BEGIN_DECLS

#define PCNET_N_CSR 128u
#define PCNET_N_BCR 32u
#define PCNET_FCS   4u

enum
{
  CSR0_INIT = 1 << 0,
  CSR0_STRT = 1 << 1,
  CSR0_STOP = 1 << 2,
  CSR0_TDMD = 1 << 3,
  CSR0_TXON = 1 << 4,
  CSR0_RXON = 1 << 5,
  CSR0_IENA = 1 << 6,
  CSR0_INTR = 1 << 7,
  CSR0_IDON = 1 << 8,
  CSR0_TINT = 1 << 9,
  CSR0_RINT = 1 << 10,
  CSR0_MISS = 1 << 12,
  CSR0_CAUSES = 0x7f00,
  CSR0_ERRORS = 0x7800, /* whose sum ERR is */
  CSR0_ERR = 1 << 15,

  CSR3_MASKS = 0x5f00,

  CSR4_UINTCMD = 1 << 7,
  CSR4_UINT = 1 << 6,
  CSR4_APAD = 1 << 11,
  CSR4_CAUSES = 0x026a, /* each masked by the bit below it, but for UINT */

  CSR5_SPND = 1 << 0,
  CSR5_LTINTEN = 1 << 14,
  CSR5_TOKINTD = 1 << 15,

  MODE_DRX = 1 << 0,
  MODE_DTX = 1 << 1,
  MODE_LOOP = 1 << 2,
  MODE_DRCVPA = 1 << 13,
  MODE_DRCVBC = 1 << 14,
  MODE_PROM = 1 << 15,
};
enum
{
  CSR_LADRF = 8,
  CSR_PADR = 12,
  CSR_MODE = 15,
  CSR_BADR = 24, /* the receive ring */
  CSR_BADX = 30, /* the transmit ring */
  CSR_STYLE = 58,
  CSR_RCVRL = 76,
  CSR_XMTRL = 78,
  CSR_ID = 88,
  CSR_MISSED = 112,

  BCR_MISC = 2,
  BCR_LINK = 4,
  BCR_BUS = 18,
  BCR_STYLE = 20,

  BUS_DWIO = 1 << 7,
  STYLE_SSIZE32 = 1 << 8,
};

typedef struct
{
  PciDevice pci;
  NetPort *port;
  Region *ports, *registers;
  uint16_t csr[PCNET_N_CSR], bcr[PCNET_N_BCR];
  uint16_t rap;
  uint8_t prom[16]; /* made anew at each start */
  uint16_t rx_position, tx_position;

  VmTimer work;
  int64_t next_work; /* ns: others on the loop come first */
  VmTimer retry;     /* no descriptor was free: nobody tells when one is */
  uint8_t packet[NET_MAX_PACKET];
} Pcnet;

static inline int64_t
pcnet_now (const Pcnet *p)
{
  return vm_clock_now (p->pci.device.vm->clock);
}
static inline gboolean
pcnet_is_wide (const Pcnet *p)
{
  return (p->bcr[BCR_STYLE] & STYLE_SSIZE32) != 0;
}

/* pcnet.c */
void pcnet_interrupt (Pcnet *p, unsigned causes);

/* pcnet-rings.c */
/* Reads the initialization block. */
void pcnet_initialize (Pcnet *p);
void pcnet_kick (Pcnet *p);
void pcnet_on_work (void *opaque);
/* FALSE: there is no room. */
gboolean pcnet_receive (Pcnet *p, const NetOffload *offload, const uint8_t *packet, size_t length);

G_END_DECLS
