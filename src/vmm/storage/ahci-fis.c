/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a drive sends by frames (Serial ATA 2.6, 10.3), and where the controller leaves it (AHCI 1.3, 4.2.1).
 */
#define G_LOG_DOMAIN "ahci"

#include "storage/ahci-private.h"

enum
{
  FIS_REGISTERS = 0x34,
  FIS_PIO_SETUP = 0x5f,
  FIS_DEVICE_BITS = 0xa1,

  FIS_INTERRUPT = 1 << 6,
  FIS_TO_HOST = 1 << 5,

  AT_PIO_SETUP = 0x20,
  AT_REGISTERS = 0x40,
  AT_DEVICE_BITS = 0x58,
};

/* FALSE: its driver has no place for it. */
static gboolean
leave (AhciPort *port, unsigned at, const uint8_t *fis, size_t length)
{
  if ((port->cmd & CMD_FRE) == 0)
    return FALSE;
  if (!dma_write (&port->cable.dma, port->fb + at, fis, length))
    ahci_event (port, IS_HBF);
  return TRUE;
}

static void
fill (const IdeDrive *drive, uint8_t *fis)
{
  fis[2] = drive->status;
  fis[3] = drive->error;
  fis[4] = drive->lba_low;
  fis[5] = drive->lba_mid;
  fis[6] = drive->lba_high;
  fis[7] = drive->device;
  fis[8] = drive->hob_lba_low;
  fis[9] = drive->hob_lba_mid;
  fis[10] = drive->hob_lba_high;
  fis[12] = drive->count;
  fis[13] = drive->hob_count;
}

static void
set_task_file (AhciPort *port)
{
  port->tfd = port->drive.status | (uint32_t)port->drive.error << 8;
}

void
ahci_send_registers (AhciPort *port, gboolean interrupt)
{
  uint8_t fis[20] = { FIS_REGISTERS, interrupt ? FIS_INTERRUPT : 0 };

  fill (&port->drive, fis);
  set_task_file (port);
  leave (port, AT_REGISTERS, fis, sizeof fis);
  ahci_event (port, (interrupt ? IS_DHR : 0) | (port->drive.status & ATA_ERR ? IS_TFE : 0));
}

/* Behind the data, with the status at their end. */
void
ahci_send_pio_setup (AhciPort *port)
{
  uint8_t fis[20] = { FIS_PIO_SETUP, FIS_INTERRUPT | FIS_TO_HOST };

  fill (&port->drive, fis);
  fis[2] |= ATA_DRQ;
  fis[15] = port->drive.status;
  pci_set16 (fis + 16, (uint16_t)port->cable.moved);
  set_task_file (port);
  leave (port, AT_PIO_SETUP, fis, sizeof fis);
  ahci_event (port, IS_PS);
}

void
ahci_send_device_bits (AhciPort *port, uint32_t tags, uint8_t status, uint8_t error)
{
  uint8_t fis[8] = { FIS_DEVICE_BITS, FIS_INTERRUPT, status, error };

  pci_set32 (fis + 4, tags);
  port->sact &= ~tags;
  port->tfd
      = (port->tfd & (ATA_BSY | ATA_DRQ)) | (status & ~(uint32_t)(ATA_BSY | ATA_DRQ)) | (uint32_t)error << 8;
  leave (port, AT_DEVICE_BITS, fis, sizeof fis);
  ahci_event (port, IS_SDB | (status & ATA_ERR ? IS_TFE : 0));
}

void
ahci_send_signature (AhciPort *port)
{
  const IdeDrive *drive = &port->drive;
  uint8_t fis[20] = { FIS_REGISTERS };

  if (!port->signature_due || port->ssts == 0)
    return;
  fill (drive, fis);
  set_task_file (port);
  if (!leave (port, AT_REGISTERS, fis, sizeof fis))
    return;
  port->signature_due = FALSE;
  port->sig = drive->count | (uint32_t)drive->lba_low << 8 | (uint32_t)drive->lba_mid << 16
              | (uint32_t)drive->lba_high << 24;
}
