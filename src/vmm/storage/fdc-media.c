/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the controller and a drive make of a floppy's format.
 */
#define G_LOG_DOMAIN "fdc"

#include "block/floppy.h"
#include "storage/fdc-internal.h"

enum
{
  RATE_500K = 1 << 0,
  RATE_300K = 1 << 1,
  RATE_250K = 1 << 2,
  RATE_1M = 1 << 3,
  /* Double density at 5.25": 250 kbit/s in a drive at 300 rpm, 300 in a 1.2M drive at 360. */
  RATE_DD525 = RATE_250K | RATE_300K,
};

/* By tracks and their density: the least that reads such a medium. */
static void
choose_drive (FdcFormat *format)
{
  if (format->cylinders <= 43)
    {
      format->rates = RATE_DD525;
      format->drive = FDC_DRIVE_360K;
    }
  else if (format->sectors <= 10)
    {
      format->rates = RATE_250K;
      format->drive = FDC_DRIVE_720K;
    }
  else if (format->sectors == 15)
    {
      format->rates = RATE_500K;
      format->drive = FDC_DRIVE_1200K;
    }
  else
    {
      format->rates = format->sectors == 36 ? RATE_1M : RATE_500K;
      format->drive = format->sectors == 36 ? FDC_DRIVE_2880K : FDC_DRIVE_1440K;
    }
}

gboolean
fdc_format_of (Block *block, FdcFormat *format)
{
  uint64_t size = block_size (block);
  uint8_t boot[FDC_SECTOR_SIZE];
  gboolean readable = size >= sizeof boot && block_read_sync (block, 0, boot, sizeof boot, NULL);
  FloppyGeometry geometry;

  if (!floppy_geometry (readable ? boot : NULL, size, &geometry))
    return FALSE;
  format->cylinders = geometry.cylinders;
  format->heads = geometry.heads;
  format->sectors = geometry.sectors;
  choose_drive (format);
  return TRUE;
}
