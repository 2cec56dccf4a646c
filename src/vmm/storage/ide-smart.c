/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SMART, and logs.  ATA/ATAPI-6, 8.48; logs of general purpose: ATA/ATAPI-7, 6.27 and annex A.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-core.h"

#include <string.h>

#define LOG_SECTOR 512u

/* ATA/ATAPI-7, table A.1 */
enum
{
  LOG_DIRECTORY = 0x00,
  LOG_SUMMARY_ERRORS = 0x01,
  LOG_ERRORS = 0x03,
  LOG_SELF_TESTS = 0x06,
  LOG_LONG_SELF_TESTS = 0x07,
  LOG_QUEUED_ERROR = 0x10,
};

enum
{
  SMART_KEY_MID = 0x4f,
  SMART_KEY_HIGH = 0xc2,
};

void
ide_put_checksum (uint8_t *data)
{
  uint8_t sum = 0;

  for (unsigned i = 0; i < 511; i++)
    sum += data[i];
  data[511] = (uint8_t)-sum;
}

typedef struct
{
  uint8_t id, flags, value, worst, threshold, raw;
} SmartAttribute;

static const SmartAttribute smart_attributes[] = {
  { 1, 0x03, 100, 100, 6, 0 },   /* read error rate */
  { 3, 0x03, 100, 100, 0, 0 },   /* spin-up time */
  { 4, 0x02, 100, 100, 20, 0 },  /* start/stop count */
  { 5, 0x03, 100, 100, 36, 0 },  /* reallocated sectors */
  { 9, 0x03, 100, 100, 0, 1 },   /* power-on hours */
  { 12, 0x03, 100, 100, 0, 1 },  /* power cycles */
  { 194, 0x02, 69, 69, 50, 31 }, /* temperature */
};

static void
put_data (uint8_t *data)
{
  memset (data, 0, 512);
  data[0] = 1;
  for (unsigned i = 0; i < G_N_ELEMENTS (smart_attributes); i++)
    {
      const SmartAttribute *attribute = &smart_attributes[i];
      uint8_t *entry = data + 2 + 12 * i;
      entry[0] = attribute->id;
      entry[1] = attribute->flags;
      entry[3] = attribute->value;
      entry[4] = attribute->worst;
      entry[5] = attribute->raw;
    }
  data[362] = 0x02; /* off-line collection completed */
  data[364] = 0x20; /* seconds it takes */
  data[367] = 0x01; /* off-line: execute immediate */
  data[368] = 0x03; /* SMART capability: saves attributes */
  data[370] = 0x01; /* error log */
  data[372] = 0x02; /* minutes of a short self-test */
  data[373] = 0x36; /* and of a long one */
  ide_put_checksum (data);
}

static void
put_thresholds (uint8_t *data)
{
  memset (data, 0, 512);
  data[0] = 1;
  for (unsigned i = 0; i < G_N_ELEMENTS (smart_attributes); i++)
    {
      data[2 + 12 * i] = smart_attributes[i].id;
      data[3 + 12 * i] = smart_attributes[i].threshold;
    }
  ide_put_checksum (data);
}

/* -- Logs ------------------------------------------------------------------------------------------ */

/* Sectors of a log; 0: there is none. */
static unsigned
log_size (unsigned log, gboolean general)
{
  switch (log)
    {
    case LOG_DIRECTORY:
      return 1;
    case LOG_SUMMARY_ERRORS:
    case LOG_SELF_TESTS:
      return general ? 0 : 1;
    case LOG_ERRORS:
    case LOG_LONG_SELF_TESTS:
    case LOG_QUEUED_ERROR:
      return general ? 1 : 0;
    default:
      return 0;
    }
}

/* Serial ATA 2.6, 13.7.4: of the queued command that has failed.  Reading it lets the drive forget. */
static void
put_queued_error (IdeDrive *drive, uint8_t *data)
{
  const uint64_t lba = drive->queued_lba;

  if (!drive->queued_failed)
    data[0] = 0x80; /* it was none that was queued */
  else
    {
      data[0] = drive->queued_tag;
      data[2] = ATA_DRDY | ATA_DSC | ATA_ERR;
      data[3] = drive->queued_error;
      for (unsigned i = 0; i < 3; i++)
        {
          data[4 + i] = (uint8_t)(lba >> (8 * i));
          data[8 + i] = (uint8_t)(lba >> (24 + 8 * i));
        }
      data[7] = ATA_DEVICE_LBA;
    }
  drive->queued_failed = FALSE;
}

/* One sector of one into the buffer.  FALSE: there is none such. */
static gboolean
put_log (IdeDrive *drive, unsigned log, unsigned page, gboolean general)
{
  uint8_t *data = drive->buffer;

  if (page >= log_size (log, general))
    return FALSE;
  memset (data, 0, LOG_SECTOR);
  if (log == LOG_QUEUED_ERROR)
    put_queued_error (drive, data);
  else
    data[0] = 1; /* version; of errors and of tests there were none */
  for (unsigned i = 1; i < 256 && log == LOG_DIRECTORY; i++)
    pci_set16 (data + 2 * i, (uint16_t)log_size (i, general));
  if (log != LOG_DIRECTORY)
    ide_put_checksum (data);
  return TRUE;
}

void
ide_read_log (IdeDrive *drive, gboolean dma)
{
  const unsigned count = (unsigned)drive->hob_count << 8 | drive->count;
  const unsigned page = (unsigned)drive->hob_lba_mid << 8 | drive->lba_mid;

  if (!drive->cable->master->serial || count != 1 || !put_log (drive, drive->lba_low, page, TRUE))
    {
      ide_fail (drive, ATA_ABRT);
      return;
    }
  drive->xfer = dma ? IDE_XFER_DMA_IN : IDE_XFER_PIO_IN;
  ide_reply (drive, LOG_SECTOR);
}

/* -- The command ----------------------------------------------------------------------------------- */

void
ide_smart (IdeDrive *drive)
{
  if (drive->lba_mid != SMART_KEY_MID || drive->lba_high != SMART_KEY_HIGH
      || (!drive->smart && drive->features != 0xd8))
    {
      ide_fail (drive, ATA_ABRT);
      return;
    }
  switch (drive->features)
    {
    case 0xd0: /* READ DATA */
      put_data (drive->buffer);
      ide_reply (drive, 512);
      break;
    case 0xd1: /* READ ATTRIBUTE THRESHOLDS */
      put_thresholds (drive->buffer);
      ide_reply (drive, 512);
      break;
    case 0xd5: /* READ LOG */
      if (put_log (drive, drive->lba_low, 0, FALSE))
        ide_reply (drive, LOG_SECTOR);
      else
        ide_fail (drive, ATA_ABRT);
      break;
    case 0xd6: /* WRITE LOG */
      ide_take (drive, IDE_TASK_SINK, IDE_XFER_PIO_OUT, 512);
      break;
    case 0xd2: /* attribute autosave */
    case 0xd3: /* save attribute values */
    case 0xd4: /* execute off-line: ends at once and well */
    case 0xdb: /* automatic off-line */
      ide_done (drive, TRUE);
      break;
    case 0xd8:
    case 0xd9:
      drive->smart = drive->features == 0xd8;
      ide_done (drive, TRUE);
      break;
    case 0xda: /* RETURN STATUS: the key unchanged says that all is well */
      ide_done (drive, TRUE);
      break;
    default:
      ide_fail (drive, ATA_ABRT);
      break;
    }
}
