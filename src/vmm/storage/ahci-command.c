/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A port's command list: what a slot says goes to the drive.  AHCI 1.3, 4.2 (structures) and 5.3 (the port's states).
 */
#define G_LOG_DOMAIN "ahci"

#include "storage/ahci-private.h"

#include <string.h>

#define FIS_COMMAND    0x27
#define FIS_LENGTH     5u   /* in words of 32 bits */
#define FIS_IS_COMMAND 0x80 /* byte 1; else it is about the device control register */
#define HEADER_SIZE    32u
#define HEADER_PACKET  (1u << 5)
#define HEADER_CLEAR   (1u << 10) /* BSY, when the drive has got the FIS */
#define TABLE_PACKET   0x40u
#define TABLE_PRDS     0x80u
#define PRD_SIZE       16u

enum
{
  COMMAND_DEVICE_RESET = 0x08,
  COMMAND_DIAGNOSTIC = 0x90,
  COMMAND_READ_QUEUED = 0x60,
  COMMAND_WRITE_QUEUED = 0x61,
};

/* -- The table of memory --------------------------------------------------------------------------- */

gboolean
ahci_next_prd (AhciPort *port, uint64_t table, uint32_t n_prds, IdePrd *prd)
{
  uint8_t entry[PRD_SIZE];

  if (!dma_read (&port->cable.dma, table + TABLE_PRDS + prd->next * PRD_SIZE, entry, sizeof entry))
    return FALSE;
  prd->next++;
  prd->addr = (pci_get32 (entry) & ~1u) | (uint64_t)pci_get32 (entry + 4) << 32;
  prd->left = (pci_get32 (entry + 12) & 0x3fffff) + 1;
  prd->left += prd->left & 1;
  prd->last = prd->next >= n_prds;
  return TRUE;
}

static AhciPort *
port_of (const IdeDrive *drive)
{
  return (AhciPort *)drive->cable;
}

static IdePrd
master_place (const IdeDrive *drive)
{
  return port_of (drive)->place;
}

static void
master_set_place (IdeDrive *drive, const IdePrd *prd)
{
  port_of (drive)->place = *prd;
}

static gboolean
master_next (IdeDrive *drive, IdePrd *prd)
{
  AhciPort *port = port_of (drive);

  return ahci_next_prd (port, port->table, port->n_prds, prd);
}

static gboolean
master_can_run (const IdeDrive *drive)
{
  return port_of (drive)->running;
}

/* -- Endings -------------------------------------------------------------------------------------- */

void
ahci_fatal (AhciPort *port, uint32_t bits)
{
  port->halted = TRUE;
  ahci_event (port, bits);
}

static void
master_raise (IdeDrive *drive)
{
}

static void
master_ended (IdeDrive *drive)
{
}

static void
tell_moved (AhciPort *port)
{
  dma_write32 (&port->cable.dma, port->clb + port->slot * HEADER_SIZE + 4, (uint32_t)port->cable.moved);
}

static void
master_over (IdeDrive *drive)
{
  AhciPort *port = port_of (drive);
  const gboolean failed = (drive->status & ATA_ERR) != 0;

  if (!port->running)
    return;
  port->running = FALSE;
  tell_moved (port);
  /* 5.3.10, 6.2.2: after an error the slot stays, so that the driver sees which it was. */
  if (failed)
    port->halted = TRUE;
  else
    port->ci &= ~(1u << port->slot);
  if (drive->pio && !failed && port->cable.moved > 0)
    ahci_send_pio_setup (port);
  else
    ahci_send_registers (port, TRUE);
  ahci_look (port);
}

static void
master_failed (IdeDrive *drive)
{
  AhciPort *port = port_of (drive);

  port->running = FALSE;
  ide_drive_stop (drive);
  ahci_fatal (port, IS_HBF);
}

/* 6.1.5: what doesn't fit is dropped. */
static void
master_exhausted (IdeDrive *drive)
{
  ahci_event (port_of (drive), IS_OF);
  if (drive->task == IDE_TASK_REPLY)
    drive->set->finish (drive, TRUE);
  else
    drive->set->master_failed (drive);
}

const IdeMaster ahci_master = {
  .serial = TRUE,
  .raise = master_raise,
  .ended = master_ended,
  .over = master_over,
  .place = master_place,
  .set_place = master_set_place,
  .next = master_next,
  .can_run = master_can_run,
  .failed = master_failed,
  .exhausted = master_exhausted,
};

void
ahci_stop (AhciPort *port)
{
  port->running = port->halted = FALSE;
  ide_drive_stop (&port->drive);
  ahci_queued_drop (port);
  for (unsigned i = 0; i < AHCI_N_SLOTS; i++)
    port->tags[i].active = FALSE;
  port->ci = port->sact = 0;
  port->slot = 0;
}

/* -- Beginnings ----------------------------------------------------------------------------------- */

/* ATA/ATAPI-7, 10.15: a software reset begins with the bit and ends without it. */
static void
write_device_control (AhciPort *port, uint8_t control, gboolean clear)
{
  const gboolean on = (control & ATA_CONTROL_SRST) != 0;

  port->ci &= ~(1u << port->slot);
  if (on == port->soft_reset)
    return;
  port->soft_reset = on;
  ide_drive_stop (&port->drive);
  port->drive.device = 0;
  ide_drive_signature (&port->drive);
  if (on)
    {
      port->drive.status = ATA_BSY;
      if (!clear)
        port->tfd |= ATA_BSY;
      return;
    }
  port->signature_due = TRUE;
  ahci_send_signature (port);
}

static void
load_registers (IdeDrive *drive, const uint8_t *fis)
{
  drive->features = fis[3];
  drive->lba_low = fis[4];
  drive->lba_mid = fis[5];
  drive->lba_high = fis[6];
  drive->device = fis[7];
  drive->hob_lba_low = fis[8];
  drive->hob_lba_mid = fis[9];
  drive->hob_lba_high = fis[10];
  drive->hob_features = fis[11];
  drive->count = fis[12];
  drive->hob_count = fis[13];
}

/* The drive has all it needs to know, but not its packet. */
static void
give_command (AhciPort *port, const uint8_t *fis, const uint8_t *packet)
{
  IdeDrive *drive = &port->drive;

  ide_drive_stop (drive);
  load_registers (drive, fis);
  drive->error = 0;
  drive->status = ATA_BSY;
  drive->command = fis[2];
  port->tfd = ATA_BSY;
  port->running = TRUE;
  port->cable.moved = 0;
  port->cable.epoch++;
  port->place = (IdePrd){ .last = port->n_prds == 0 };
  if (fis[2] == COMMAND_DIAGNOSTIC || (fis[2] == COMMAND_DEVICE_RESET && drive->kind == IDE_DRIVE_CDROM))
    {
      ide_drive_signature (drive);
      master_over (drive);
      return;
    }
  drive->set->command (drive, fis[2]);
  if (port->running && drive->task == IDE_TASK_PACKET)
    {
      memcpy (drive->buffer, packet, IDE_CDB_SIZE);
      drive->pos = drive->len;
      ide_buffer_full (drive);
    }
}

/* FALSE: the slot has to wait. */
static gboolean
begin (AhciPort *port, unsigned slot)
{
  Dma *dma = &port->cable.dma;
  uint8_t header[16], fis[4 * FIS_LENGTH], packet[IDE_CDB_SIZE] = { 0 };
  uint64_t table;
  uint32_t flags;
  gboolean queued;

  if (!dma_read (dma, port->clb + slot * HEADER_SIZE, header, sizeof header))
    {
      ahci_fatal (port, IS_HBF);
      return FALSE;
    }
  flags = pci_get32 (header);
  table = (pci_get32 (header + 8) & ~0x7fu) | (uint64_t)pci_get32 (header + 12) << 32;
  if (!dma_read (dma, table, fis, sizeof fis)
      || ((flags & HEADER_PACKET) != 0 && !dma_read (dma, table + TABLE_PACKET, packet, sizeof packet)))
    {
      ahci_fatal (port, IS_HBF);
      return FALSE;
    }
  if ((flags & 0x1f) < FIS_LENGTH || fis[0] != FIS_COMMAND)
    {
      ahci_fatal (port, IS_IF);
      return FALSE;
    }
  queued = (fis[1] & FIS_IS_COMMAND) != 0 && port->queue != NULL
           && (fis[2] == COMMAND_READ_QUEUED || fis[2] == COMMAND_WRITE_QUEUED);
  /* A drive would refuse it while it has queued ones, and forget those. */
  if (!queued && ahci_queued_any (port))
    return FALSE;
  port->slot = slot;
  port->table = table;
  port->n_prds = flags >> 16;
  if (queued)
    ahci_queued_begin (port, slot, fis);
  else if ((fis[1] & FIS_IS_COMMAND) != 0)
    give_command (port, fis, packet);
  else
    write_device_control (port, fis[15], (flags & HEADER_CLEAR) != 0);
  return TRUE;
}

/* 5.3.2: one after the other, none again before all others had their turn. */
static int
next_slot (const AhciPort *port)
{
  if (port->drive.kind == IDE_DRIVE_NONE || (port->ssts & SSTS_DET) != SSTS_PRESENT
      || (port->cmd & CMD_ST) == 0 || port->halted || port->running || port->cable.paused || port->ci == 0
      || (port->tfd & (ATA_BSY | ATA_DRQ)) != 0)
    return -1;
  for (unsigned i = 1; i <= AHCI_N_SLOTS; i++)
    {
      const unsigned slot = (port->slot + i) % AHCI_N_SLOTS;

      if ((port->ci >> slot & 1) != 0)
        return (int)slot;
    }
  return -1;
}

void
ahci_look (AhciPort *port)
{
  int slot;

  /* Commands that end at once lead here again. */
  if (port->looking)
    return;
  port->looking = TRUE;
  while ((slot = next_slot (port)) >= 0 && begin (port, (unsigned)slot))
    ;
  port->looking = FALSE;
}
