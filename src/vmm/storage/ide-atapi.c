/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packet devices: the PACKET protocol, sense data, unit attention, reads, tray and media.
 * ATA/ATAPI-6, 9.8 and 9.9; MMC-5; SPC-3; SFF-8020i for the byte count.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-atapi.h"
#include "storage/ide-packet.h"
#include "storage/mmc.h"

#include <string.h>

enum
{
  ASC_PARAMETER_LENGTH = 0x1a,
  ASC_NO_MEDIUM = 0x3a,
};

/* -- State --------------------------------------------------------------------------------------- */

static Mmc
state_of (IdeDrive *drive)
{
  Mmc mmc = { .serial = drive->serial,
              .revision = drive->revision,
              .atapi = TRUE,
              .loaded = drive->port.block != NULL,
              .sectors = ide_cd_sectors (drive),
              .tray_open = drive->tray_open,
              .tray_locked = drive->tray_locked,
              .medium_change = drive->medium_change,
              .media_event = drive->media_event,
              .cdb = drive->cdb,
              .buffer = drive->buffer };

  memcpy (mmc.error_page, drive->error_page, sizeof mmc.error_page);
  return mmc;
}

static void
keep_state (IdeDrive *drive, const Mmc *mmc)
{
  drive->tray_open = mmc->tray_open;
  drive->tray_locked = mmc->tray_locked;
  drive->medium_change = mmc->medium_change;
  drive->media_event = mmc->media_event;
  memcpy (drive->error_page, mmc->error_page, sizeof drive->error_page);
}

/* -- Endings ------------------------------------------------------------------------------------- */

static void
no_medium (IdeDrive *drive)
{
  ide_packet_check (drive, MMC_SENSE_NOT_READY, ASC_NO_MEDIUM, drive->tray_open ? 2 : 1);
}

/* -- Data phases --------------------------------------------------------------------------------- */

/* The next DRQ block of a PIO transfer to the guest: at most what it asked for, an even number unless it is the last,
 * and whole sectors where they fit. */
static void
next_block (IdeDrive *drive)
{
  uint32_t limit = drive->byte_limit == 0 || drive->byte_limit == 0xffff ? 0xfffe : drive->byte_limit;
  uint32_t n = drive->len - drive->pos;
  uint32_t sector = drive->raw ? MAX (mmc_raw_size (drive->raw_flags), 1) : CD_SECTOR_SIZE;

  if (n > limit)
    {
      n = MAX (limit & ~1u, 2);
      if (drive->task == IDE_TASK_CD_READ && n >= sector)
        n -= n % sector;
      n &= ~1u;
    }
  drive->drq_end = drive->pos + n;
  drive->count = ATAPI_IO;
  drive->lba_mid = (uint8_t)n;
  drive->lba_high = (uint8_t)(n >> 8);
  drive->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
  ide_raise (drive);
}

static void
take_parameters (IdeDrive *drive, uint32_t length)
{
  uint32_t limit = drive->byte_limit == 0 ? 0xfffe : drive->byte_limit;

  if (length == 0)
    ide_packet_done (drive);
  else if (!drive->packet_dma && length > limit)
    ide_packet_check (drive, MMC_SENSE_ILLEGAL_REQUEST, ASC_PARAMETER_LENGTH, 0);
  else if (drive->packet_dma)
    ide_take (drive, IDE_TASK_CD_SELECT, IDE_XFER_DMA_OUT, length);
  else
    {
      ide_take (drive, IDE_TASK_CD_SELECT, IDE_XFER_PIO_OUT, length);
      drive->count = 0;
      drive->lba_mid = (uint8_t)length;
      drive->lba_high = (uint8_t)(length >> 8);
      ide_raise (drive);
    }
}

/* -- Reads --------------------------------------------------------------------------------------- */

static void
start_read (IdeDrive *drive, const Mmc *mmc)
{
  drive->raw_flags = mmc->raw;
  drive->raw = mmc->raw != MMC_RAW_USER_DATA;
  drive->task = IDE_TASK_CD_READ;
  drive->xfer = drive->packet_dma ? IDE_XFER_DMA_IN : IDE_XFER_PIO_IN;
  drive->lba = mmc->lba;
  drive->left = mmc->n;
  ide_fetch (drive);
}

static uint8_t
to_bcd (uint32_t value)
{
  return (uint8_t)((value / 10) << 4 | value % 10);
}

/* Builds the sectors that READ CD asked for in front of the 2048 byte ones they are made from (ECMA-130, 14).  The error
 * correction bytes are zeros. */
static void
expand_raw (IdeDrive *drive, uint32_t n)
{
  static const uint8_t sync[12] = { 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0 };
  uint8_t *out = drive->buffer;
  uint32_t first = (uint32_t)drive->lba - n;

  n = MIN (n, CD_RAW_CHUNK);
  for (uint32_t i = 0; i < n; i++)
    {
      uint32_t frame = first + i + 150;
      if (drive->raw_flags & MMC_RAW_SYNC)
        {
          memcpy (out, sync, sizeof sync);
          out += sizeof sync;
        }
      if (drive->raw_flags & MMC_RAW_HEADER)
        {
          *out++ = to_bcd (frame / (60 * 75) % 100);
          *out++ = to_bcd (frame / 75 % 60);
          *out++ = to_bcd (frame % 75);
          *out++ = 1; /* mode 1 */
        }
      if (drive->raw_flags & MMC_RAW_USER_DATA)
        {
          memmove (out, drive->buffer + CD_RAW_SOURCE + i * CD_SECTOR_SIZE, CD_SECTOR_SIZE);
          out += CD_SECTOR_SIZE;
        }
      if (drive->raw_flags & MMC_RAW_EDC)
        {
          memset (out, 0, 288);
          out += 288;
        }
    }
  drive->len = (uint32_t)(out - drive->buffer);
}

static void
request_sense (IdeDrive *drive)
{
  uint8_t *data = drive->buffer;

  if (drive->sense_key == 0 && drive->medium_change == 1)
    {
      drive->medium_change = 0;
      drive->sense_key = MMC_SENSE_UNIT_ATTENTION;
      drive->asc = MMC_ASC_MEDIUM_CHANGED;
      drive->ascq = 0;
    }
  memset (data, 0, 18);
  data[0] = 0x70;
  data[2] = drive->sense_key;
  data[7] = 10;
  data[12] = drive->asc;
  data[13] = drive->ascq;
  drive->sense_key = drive->asc = drive->ascq = 0;
  ide_packet_reply (drive, 18, drive->cdb[4]);
}

/* -- Tray ---------------------------------------------------------------------------------------- */

static void
tell_tray (IdeDrive *drive)
{
  IdeCable *cable = drive->cable;

  if (cable->tray_moved != NULL)
    cable->tray_moved (cable->tray_opaque, cable->index, drive->unit, drive->tray_open);
}

gboolean
ide_check_disc (const Block *block, GError **error)
{
  if (block == NULL || block_size (block) > 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               "The disc image “%s” is empty; was its download broken off? Choose another one.",
               block_path (block));
  return FALSE;
}

gboolean
ide_atapi_change_media (IdeDrive *drive, Block *block, gboolean force, Block **old, GError **error)
{
  gboolean had = drive->port.block != NULL && !drive->tray_open;
  Mmc mmc = state_of (drive);
  const gboolean may = mmc_may_change (&mmc, had, force, error);

  keep_state (drive, &mmc);
  if (!may)
    return FALSE;
  gboolean running = drive->task != IDE_TASK_NONE && drive->command == 0xa0;
  ide_drive_stop (drive);
  *old = storage_port_set_block (&drive->port, block);
  mmc_medium_changed (&mmc, block != NULL, had);
  keep_state (drive, &mmc);
  if (running)
    no_medium (drive);
  return TRUE;
}

/* -- Packets ------------------------------------------------------------------------------------- */

static void
end_packet (IdeDrive *drive, const Mmc *mmc)
{
  switch (mmc->outcome)
    {
    case MMC_DONE:
      ide_packet_done (drive);
      break;
    case MMC_REPLY:
      ide_packet_reply (drive, mmc->length, mmc->length);
      break;
    case MMC_CHECK:
      ide_packet_check (drive, mmc->key, mmc->asc, mmc->ascq);
      break;
    case MMC_READ:
      start_read (drive, mmc);
      break;
    case MMC_SELECT:
      take_parameters (drive, mmc->length);
      break;
    }
}

static void
run_packet (IdeDrive *drive)
{
  Mmc mmc = state_of (drive);

  drive->raw = FALSE;
  if (drive->cdb[0] == 0x03)
    {
      request_sense (drive);
      return;
    }
  drive->sense_key = drive->asc = drive->ascq = 0;
  mmc_command (&mmc);
  keep_state (drive, &mmc);
  if (mmc.tray_moved)
    tell_tray (drive);
  end_packet (drive, &mmc);
}

static void
select_packet (IdeDrive *drive)
{
  Mmc mmc = state_of (drive);

  mmc_mode_select (&mmc, drive->len);
  keep_state (drive, &mmc);
  end_packet (drive, &mmc);
}

/* -- ATA commands of a packet device -------------------------------------------------------------- */

static void
atapi_command (IdeDrive *drive, uint8_t command)
{
  drive->pio = FALSE;
  switch (command)
    {
    case 0xa0:
      drive->byte_limit = (uint16_t)(drive->lba_high << 8 | drive->lba_mid);
      drive->packet_dma = (drive->features & 1) || drive->cable->master->serial;
      drive->count = ATAPI_CD;
      ide_take (drive, IDE_TASK_PACKET, IDE_XFER_PIO_OUT, IDE_CDB_SIZE);
      break;
    case 0xa1:
      ide_identify_cdrom (drive, drive->buffer);
      ide_reply (drive, 512);
      break;
    case 0x20: /* READ SECTORS and IDENTIFY DEVICE: refused with the signature in place */
    case 0xec:
      ide_drive_signature (drive);
      ide_fail (drive, ATA_ABRT);
      break;
    case 0xef:
      ide_set_features (drive);
      break;
    case 0x94 ... 0x97:
    case 0x99:
    case 0xe0 ... 0xe3:
    case 0xe6:
    case 0xe7:
      ide_done (drive, TRUE);
      break;
    case 0x98: /* CHECK POWER MODE */
    case 0xe5:
      drive->count = 0xff;
      ide_done (drive, TRUE);
      break;
    default:
      ide_fail (drive, ATA_ABRT);
      break;
    }
}

/* -- The table ----------------------------------------------------------------------------------- */

static void
block_in (IdeDrive *drive)
{
  if (drive->command == 0xa0)
    {
      next_block (drive);
      return;
    }
  drive->drq_end = MIN (drive->pos + drive->drq_size, drive->len);
  drive->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
  ide_raise (drive);
}

static void
sectors_read (IdeDrive *drive, uint32_t n)
{
  if (drive->task == IDE_TASK_CD_READ && drive->raw)
    expand_raw (drive, n);
}

static void
taken (IdeDrive *drive)
{
  if (drive->task == IDE_TASK_CD_SELECT)
    select_packet (drive);
  else if (drive->task == IDE_TASK_PACKET)
    {
      memcpy (drive->cdb, drive->buffer, IDE_CDB_SIZE);
      drive->xfer = IDE_XFER_NONE;
      drive->pos = drive->len = drive->drq_end = 0;
      drive->status = ATA_DRDY | ATA_DSC | ATA_BSY;
      run_packet (drive);
    }
  else
    ide_fail (drive, ATA_ABRT); /* only a loaded state has a CD-ROM drive trim */
}

static void
finish (IdeDrive *drive, gboolean irq)
{
  if (drive->command == 0xa0)
    ide_packet_done (drive);
  else
    ide_done (drive, irq);
}

static void
discarded (IdeDrive *drive)
{
  ide_fail (drive, ATA_ABRT);
}

static void
image_failed (IdeDrive *drive)
{
  ide_packet_check (drive, 3, 0x11, 0); /* medium error, unrecovered read error */
}

static void
master_failed (IdeDrive *drive)
{
  if (drive->command == 0xa0)
    ide_packet_check (drive, 4, 0x08, 0x03); /* hardware error, Ultra-DMA communication error */
  else
    ide_fail (drive, ATA_ABRT);
}

const IdeCommandSet ide_atapi_set = {
  .command = atapi_command,
  .block_in = block_in,
  .sectors_read = sectors_read,
  .taken = taken,
  .discarded = discarded,
  .finish = finish,
  .image_failed = image_failed,
  .master_failed = master_failed,
};
