/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SET FEATURES, of disks and of packet devices.  ATA/ATAPI-6, 8.46.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-core.h"

static gboolean
set_transfer_mode (IdeDrive *drive, uint8_t mode)
{
  uint8_t n = mode & 7;

  switch (mode >> 3)
    {
    case 0: /* PIO default; 1: without IORDY */
      if (n > 1)
        return FALSE;
      drive->pio_mode = 0;
      return TRUE;
    case 1:
      if (n > 4)
        return FALSE;
      drive->pio_mode = n;
      return TRUE;
    case 4:
      if (n > 2)
        return FALSE;
      drive->mwdma_mode = n | 8;
      drive->udma_mode = 0;
      return TRUE;
    case 8:
      if (n > 5)
        return FALSE;
      drive->udma_mode = n | 8;
      drive->mwdma_mode = 0;
      return TRUE;
    default:
      return FALSE;
    }
}

void
ide_set_features (IdeDrive *drive)
{
  gboolean known = TRUE;

  switch (drive->features)
    {
    case 0x02:
      drive->write_cache = TRUE;
      break;
    case 0x82:
      drive->write_cache = FALSE;
      if (drive->kind == IDE_DRIVE_DISK)
        {
          ide_flush (drive);
          return;
        }
      break;
    case 0x03:
      known = set_transfer_mode (drive, drive->count);
      break;
    case 0x05:
      known = drive->count != 0 && drive->count != 0xff;
      if (known)
        drive->apm = drive->count;
      break;
    case 0x85:
      drive->apm = 0;
      break;
    case 0x55:
      drive->look_ahead = FALSE;
      break;
    case 0xaa:
      drive->look_ahead = TRUE;
      break;
    case 0x42: /* acoustic management */
    case 0xc2:
    case 0x66: /* keep settings over a reset, or not: we always keep them */
    case 0xcc:
    case 0x31: /* media status notification */
    case 0x95:
    case 0x5d: /* release and service interrupts */
    case 0x5e:
    case 0xdd:
    case 0xde:
      break;
    default:
      known = FALSE;
      break;
    }
  if (known)
    ide_done (drive, TRUE);
  else
    ide_fail (drive, ATA_ABRT);
}
