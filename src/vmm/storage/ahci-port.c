/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A port of an AHCI controller: registers (3.3), its link, resets (10.4).
 */
#define G_LOG_DOMAIN "ahci"

#include "storage/ahci-private.h"

#define SIG_NONE     0xffffffffu
#define TFD_NONE     0x7fu
#define SPEED        2u /* 3 Gbit/s */
#define SSTS_ACTIVE  0x100u
#define SSTS_OFFLINE 0x004u
#define IE_BITS      0xfdc000ffu
#define CMD_BITS     (CMD_ST | CMD_FRE | CMD_ATAPI | CMD_DLAE)
#define CMD_ALWAYS   (CMD_SUD | CMD_POD)
#define SCTL_BITS    0xfffu
#define DET_NONE     0u
#define DET_COMRESET 1u
#define DET_OFFLINE  4u

/* -- Link ----------------------------------------------------------------------------------------- */

static gboolean
is_there (const AhciPort *port)
{
  return port->plugged && port->drive.kind != IDE_DRIVE_NONE;
}

static void
lose_link (AhciPort *port, uint32_t ssts)
{
  ahci_stop (port);
  port->soft_reset = FALSE;
  port->signature_due = FALSE;
  port->ssts = ssts;
  port->tfd = TFD_NONE;
  port->sig = SIG_NONE;
}

/* The drive has come out of its reset: PxSSTS, PxSERR.DIAG.X, the signature. */
static void
make_link (AhciPort *port)
{
  const uint32_t limit = (port->sctl & SCTL_SPD) >> 4;

  lose_link (port, 0);
  if (!is_there (port))
    return;
  port->drive.device = 0;
  ide_drive_signature (&port->drive);
  port->ssts = SSTS_ACTIVE | (limit != 0 ? MIN (limit, SPEED) : SPEED) << 4 | (uint32_t)SSTS_PRESENT;
  port->serr |= SERR_X;
  port->signature_due = TRUE;
  ahci_send_signature (port);
}

void
ahci_port_link (AhciPort *port)
{
  port->serr |= SERR_N;
  if (!is_there (port))
    lose_link (port, 0);
  else if ((port->sctl & SCTL_DET) == DET_NONE)
    make_link (port);
  ahci_update_irq (port->ahci);
}

void
ahci_port_reset (AhciPort *port)
{
  port->is = port->ie = port->serr = port->sctl = 0;
  port->cmd = CMD_ALWAYS;
  make_link (port);
}

static void
write_control (AhciPort *port, uint32_t value)
{
  const uint32_t old = port->sctl & SCTL_DET, det = value & SCTL_DET;

  port->sctl = value & SCTL_BITS;
  if (det == old)
    return;
  if (det == DET_COMRESET)
    lose_link (port, 0);
  else if (det == DET_OFFLINE)
    lose_link (port, SSTS_OFFLINE);
  else if (det == DET_NONE)
    make_link (port);
  ahci_update_irq (port->ahci);
}

/* -- The command register ------------------------------------------------------------------------- */

static void
write_command (AhciPort *port, uint32_t value)
{
  const uint32_t old = port->cmd;

  port->cmd = (value & CMD_BITS) | CMD_ALWAYS;
  if ((old & CMD_ST) != 0 && (value & CMD_ST) == 0)
    ahci_stop (port);
  if ((value & CMD_CLO) != 0 && (value & CMD_ST) == 0)
    port->tfd &= ~(uint32_t)(ATA_BSY | ATA_DRQ);
  if ((value & CMD_FRE) != 0)
    ahci_send_signature (port);
  if ((value & CMD_ST) != 0)
    ahci_look (port);
}

static uint32_t
read_command (const AhciPort *port)
{
  return port->cmd | (port->cmd & CMD_FRE ? CMD_FR : 0)
         | (port->cmd & CMD_ST ? CMD_CR | port->slot << CMD_CCS_SHIFT : 0);
}

/* -- Registers ------------------------------------------------------------------------------------ */

uint32_t
ahci_port_read (AhciPort *port, unsigned reg)
{
  switch (reg)
    {
    case PORT_CLB:
      return (uint32_t)port->clb;
    case PORT_CLBU:
      return (uint32_t)(port->clb >> 32);
    case PORT_FB:
      return (uint32_t)port->fb;
    case PORT_FBU:
      return (uint32_t)(port->fb >> 32);
    case PORT_IS:
      return ahci_port_status (port);
    case PORT_IE:
      return port->ie;
    case PORT_CMD:
      return read_command (port);
    case PORT_TFD:
      return port->tfd;
    case PORT_SIG:
      return port->sig;
    case PORT_SSTS:
      return port->ssts;
    case PORT_SCTL:
      return port->sctl;
    case PORT_SERR:
      return port->serr;
    case PORT_SACT:
      return port->sact;
    case PORT_CI:
      return port->ci;
    default:
      return 0;
    }
}

static void
set_half (uint64_t *address, gboolean high, uint32_t value)
{
  *address = high ? (*address & 0xffffffff) | (uint64_t)value << 32 : (*address & ~0xffffffffull) | value;
}

void
ahci_port_write (AhciPort *port, unsigned reg, uint32_t value)
{
  switch (reg)
    {
    case PORT_CLB:
    case PORT_CLBU:
      set_half (&port->clb, reg == PORT_CLBU, reg == PORT_CLB ? value & ~0x3ffu : value);
      break;
    case PORT_FB:
    case PORT_FBU:
      set_half (&port->fb, reg == PORT_FBU, reg == PORT_FB ? value & ~0xffu : value);
      break;
    case PORT_IS:
      port->is &= ~value;
      ahci_update_irq (port->ahci);
      break;
    case PORT_IE:
      port->ie = value & IE_BITS;
      ahci_update_irq (port->ahci);
      break;
    case PORT_CMD:
      write_command (port, value);
      break;
    case PORT_SCTL:
      write_control (port, value);
      break;
    case PORT_SERR:
      port->serr &= ~value;
      ahci_update_irq (port->ahci);
      break;
    /* Both only where the list runs: 3.3.13, 3.3.14. */
    case PORT_SACT:
      if ((port->cmd & CMD_ST) != 0)
        port->sact |= value;
      break;
    case PORT_CI:
      if ((port->cmd & CMD_ST) != 0)
        port->ci |= value;
      ahci_look (port);
      break;
    default:
      break;
    }
}
