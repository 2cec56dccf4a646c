/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside of the AHCI controller.  Numbers of sections are those of Serial ATA AHCI 1.3.  All under the VM lock.
 *
 *   ahci.c          PCI, the controller's own registers, life, state
 *   ahci-port.c     a port's registers, link, what comes and goes
 *   ahci-command.c  its command list: what a slot says goes to the drive (ide-core.h) or becomes a queued command
 *   ahci-queued.c   queued reads and writes: a tag each, all at the image at once
 *   ahci-fis.c      what the drive sends: received FISes, interrupts
 *
 * One command that isn't queued runs at a time, in the drive; its memory is the IdeMaster's of ahci-command.c.
 */
#pragma once

#include "storage/ahci.h"
#include "storage/ide-core.h"

G_BEGIN_DECLS

#define AHCI_N_SLOTS 32u

/* 3.1 */
enum
{
  AHCI_CAP = 0x00,
  AHCI_GHC = 0x04,
  AHCI_IS = 0x08,
  AHCI_PI = 0x0c,
  AHCI_VS = 0x10,
  AHCI_PORTS = 0x100,
  AHCI_PORT_SIZE = 0x80,

  GHC_HR = 1 << 0,
  GHC_IE = 1 << 1,
};
#define GHC_AE (1u << 31)

/* 3.3 */
enum
{
  PORT_CLB = 0x00,
  PORT_CLBU = 0x04,
  PORT_FB = 0x08,
  PORT_FBU = 0x0c,
  PORT_IS = 0x10,
  PORT_IE = 0x14,
  PORT_CMD = 0x18,
  PORT_TFD = 0x20,
  PORT_SIG = 0x24,
  PORT_SSTS = 0x28,
  PORT_SCTL = 0x2c,
  PORT_SERR = 0x30,
  PORT_SACT = 0x34,
  PORT_CI = 0x38,

  IS_DHR = 1 << 0,  /* register FIS */
  IS_PS = 1 << 1,   /* PIO setup */
  IS_SDB = 1 << 3,  /* set device bits */
  IS_PC = 1 << 6,   /* port connect change: SERR_X */
  IS_PRC = 1 << 22, /* PhyRdy change: SERR_N */
  IS_OF = 1 << 24,  /* overflow */
  IS_IF = 1 << 27,  /* interface fatal */
  IS_HBF = 1 << 29, /* host bus fatal */
  IS_TFE = 1 << 30, /* task file error */

  CMD_ST = 1 << 0,
  CMD_SUD = 1 << 1,
  CMD_POD = 1 << 2,
  CMD_CLO = 1 << 3,
  CMD_FRE = 1 << 4,
  CMD_CCS_SHIFT = 8,
  CMD_FR = 1 << 14,
  CMD_CR = 1 << 15,
  CMD_ATAPI = 1 << 24,
  CMD_DLAE = 1 << 25,

  SSTS_DET = 0xf,
  SSTS_PRESENT = 0x3,
  SCTL_DET = 0xf,
  SCTL_SPD = 0xf0,
  SERR_N = 1 << 16,
  SERR_X = 1 << 26,
};

typedef struct Ahci Ahci;
typedef struct AhciPort AhciPort;
typedef struct AhciTransfer AhciTransfer;

/* A queued command that was accepted and hasn't ended. */
typedef struct
{
  AhciTransfer *transfer; /* what is at the image of it; NULL after a load */
  gboolean active, write, flush;
  uint64_t table; /* of commands */
  uint32_t n_prds;
  IdePrd place; /* of what comes next */
  uint64_t lba;
  uint32_t left;
} AhciTag;

struct AhciPort
{
  IdeCable cable; /* first */
  Ahci *ahci;
  IdeDrive drive;
  BlockQueue *queue; /* for queued commands; NULL: the drive has none */
  AhciTag tags[AHCI_N_SLOTS];
  unsigned n_transfers, n_parked; /* also of tags that were dropped */
  gboolean looking;

  gboolean plugged;
  uint64_t clb, fb;
  uint32_t is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;
  gboolean signature_due; /* the first FIS after a reset waits for a place in memory */
  gboolean soft_reset;    /* the drive's bit SRST */
  gboolean halted;        /* until the driver stops and starts it */

  /* The command that the drive has. */
  gboolean running;
  uint32_t slot;
  uint64_t table;
  uint32_t n_prds;
  IdePrd place;
};

struct Ahci
{
  PciDevice pci;
  Region *registers;
  AhciPort port[AHCI_N_PORTS];
  uint32_t ghc, is;
};

/* -- ahci.c -- */
/* Bits of PxIS that are new. */
void ahci_event (AhciPort *port, uint32_t bits);
/* After a change of PxIE, PxIS or PxSERR. */
void ahci_update_irq (Ahci *ahci);
/* PxIS with what mirrors PxSERR. */
uint32_t ahci_port_status (const AhciPort *port);

/* -- ahci-port.c -- */
uint32_t ahci_port_read (AhciPort *port, unsigned reg);
void ahci_port_write (AhciPort *port, unsigned reg, uint32_t value);
/* Power-on, or a reset of the controller: 10.4. */
void ahci_port_reset (AhciPort *port);
/* There is a drive at the other end now, or none any more; the driver is told. */
void ahci_port_link (AhciPort *port);

/* -- ahci-command.c -- */
extern const IdeMaster ahci_master;
/* Begins what the command list has, as far as the drive takes it. */
void ahci_look (AhciPort *port);
/* Forgets all commands; afterwards nothing touches memory. */
void ahci_stop (AhciPort *port);
/* The next entry of a table of commands. */
gboolean ahci_next_prd (AhciPort *port, uint64_t table, uint32_t n_prds, IdePrd *prd);
/* 6.1.8: the port stands until the driver stops and starts it. */
void ahci_fatal (AhciPort *port, uint32_t bits);

/* -- ahci-queued.c -- */
/* The port has a disk now. */
void ahci_queued_open (AhciPort *port);
void ahci_queued_begin (AhciPort *port, unsigned slot, const uint8_t *fis);
gboolean ahci_queued_any (const AhciPort *port);
/* Of tags that a state brought along, or that lost their transfers. */
void ahci_queued_resume (AhciPort *port);
/* Gives up the transfers, not the tags. */
void ahci_queued_drop (AhciPort *port);

/* -- ahci-fis.c -- */
void ahci_send_registers (AhciPort *port, gboolean interrupt);
void ahci_send_pio_setup (AhciPort *port);
/* Tags that have ended; `error` is the error register. */
void ahci_send_device_bits (AhciPort *port, uint32_t tags, uint8_t status, uint8_t error);
/* After a reset, as soon as there is a place for it. */
void ahci_send_signature (AhciPort *port);

G_END_DECLS
