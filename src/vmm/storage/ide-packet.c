/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How packet commands end and answer.  ATA/ATAPI-6, 9.8; SPC-3.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-packet.h"

#define SENSE_ILLEGAL_REQUEST 5

void
ide_packet_done (IdeDrive *drive)
{
  drive->count = ATAPI_IO | ATAPI_CD;
  ide_done (drive, TRUE);
}

void
ide_packet_check (IdeDrive *drive, uint8_t key, uint8_t asc, uint8_t ascq)
{
  drive->sense_key = key;
  drive->asc = asc;
  drive->ascq = ascq;
  drive->count = ATAPI_IO | ATAPI_CD;
  ide_abort_status (drive, (uint8_t)(key << 4 | (key == SENSE_ILLEGAL_REQUEST ? ATA_ABRT : 0)), 0);
}

void
ide_packet_invalid_field (IdeDrive *drive)
{
  ide_packet_check (drive, SENSE_ILLEGAL_REQUEST, 0x24, 0);
}

void
ide_packet_reply (IdeDrive *drive, uint32_t length, uint32_t allocation)
{
  length = MIN (length, allocation);
  if (length == 0)
    {
      ide_packet_done (drive);
      return;
    }
  drive->raw = FALSE;
  drive->xfer = drive->packet_dma ? IDE_XFER_DMA_IN : IDE_XFER_PIO_IN;
  ide_reply (drive, length);
}
