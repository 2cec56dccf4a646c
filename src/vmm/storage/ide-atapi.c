/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packet devices: the PACKET protocol, sense data, unit attention, reads, tray and media.
 * ATA/ATAPI-6, 9.8 and 9.9; MMC-5; SPC-3; SFF-8020i for the byte count.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-atapi.h"
#include "storage/ide-mmc.h"
#include "storage/ide-packet.h"

#include <string.h>

/* Sense keys. */
enum
{
  SENSE_NOT_READY = 2,
  SENSE_ILLEGAL_REQUEST = 5,
  SENSE_UNIT_ATTENTION = 6,
};

/* Additional sense codes. */
enum
{
  ASC_INVALID_COMMAND = 0x20,
  ASC_LBA_OUT_OF_RANGE = 0x21,
  ASC_PARAMETER_LENGTH = 0x1a,
  ASC_MEDIUM_CHANGED = 0x28,
  ASC_NO_MEDIUM = 0x3a,
  ASC_REMOVAL_PREVENTED = 0x53,
  ASC_ILLEGAL_MODE_FOR_TRACK = 0x64,
};

/* READ CD, byte 9. */
enum
{
  RAW_SYNC = 0x80,
  RAW_HEADER = 0x20,
  RAW_USER_DATA = 0x10,
  RAW_EDC = 0x08,
};

/* -- Endings ------------------------------------------------------------------------------------- */

static void
no_medium (IdeDrive *drive)
{
  ide_packet_check (drive, SENSE_NOT_READY, ASC_NO_MEDIUM, drive->tray_open ? 2 : 1);
}

/* -- Data phases --------------------------------------------------------------------------------- */

static uint32_t
raw_size (const IdeDrive *drive)
{
  return (drive->raw_flags & RAW_SYNC ? 12u : 0) + (drive->raw_flags & RAW_HEADER ? 4u : 0)
         + (drive->raw_flags & RAW_USER_DATA ? CD_SECTOR_SIZE : 0) + (drive->raw_flags & RAW_EDC ? 288u : 0);
}

/* The next DRQ block of a PIO transfer to the guest: at most what it asked for, an even number unless it is the last,
 * and whole sectors where they fit. */
static void
next_block (IdeDrive *drive)
{
  uint32_t limit = drive->byte_limit == 0 || drive->byte_limit == 0xffff ? 0xfffe : drive->byte_limit;
  uint32_t n = drive->len - drive->pos;
  uint32_t sector = drive->raw ? MAX (raw_size (drive), 1) : CD_SECTOR_SIZE;

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
    ide_packet_check (drive, SENSE_ILLEGAL_REQUEST, ASC_PARAMETER_LENGTH, 0);
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

static gboolean
check_extent (IdeDrive *drive, uint32_t lba, uint32_t n)
{
  uint32_t sectors = ide_cd_sectors (drive);

  if (lba <= sectors && n <= sectors - lba)
    return TRUE;
  ide_packet_check (drive, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
  return FALSE;
}

static void
start_read (IdeDrive *drive, uint32_t lba, uint32_t n)
{
  if (n == 0)
    {
      ide_packet_done (drive);
      return;
    }
  if (!check_extent (drive, lba, n))
    return;
  if (n > 65536 * 16)
    {
      ide_packet_invalid_field (
          drive); /* 2 GiB at once: no driver does, and it bounds the time of one command */
      return;
    }
  drive->task = IDE_TASK_CD_READ;
  drive->xfer = drive->packet_dma ? IDE_XFER_DMA_IN : IDE_XFER_PIO_IN;
  drive->lba = lba;
  drive->left = n;
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
      if (drive->raw_flags & RAW_SYNC)
        {
          memcpy (out, sync, sizeof sync);
          out += sizeof sync;
        }
      if (drive->raw_flags & RAW_HEADER)
        {
          *out++ = to_bcd (frame / (60 * 75) % 100);
          *out++ = to_bcd (frame / 75 % 60);
          *out++ = to_bcd (frame % 75);
          *out++ = 1; /* mode 1 */
        }
      if (drive->raw_flags & RAW_USER_DATA)
        {
          memmove (out, drive->buffer + CD_RAW_SOURCE + i * CD_SECTOR_SIZE, CD_SECTOR_SIZE);
          out += CD_SECTOR_SIZE;
        }
      if (drive->raw_flags & RAW_EDC)
        {
          memset (out, 0, 288);
          out += 288;
        }
    }
  drive->len = (uint32_t)(out - drive->buffer);
}

static void
read_cd (IdeDrive *drive, uint32_t lba, uint32_t n)
{
  uint8_t flags = drive->cdb[9] & 0xf8;
  uint8_t type = drive->cdb[1] >> 2 & 7;

  if ((drive->cdb[10] & 7) != 0 || (drive->cdb[9] & 6) != 0)
    {
      ide_packet_invalid_field (drive); /* subchannels and C2 pointers */
      return;
    }
  if (type != 0 && type != 2)
    {
      ide_packet_check (drive, SENSE_ILLEGAL_REQUEST, ASC_ILLEGAL_MODE_FOR_TRACK, 0);
      return;
    }
  drive->raw_flags = flags;
  drive->raw = flags != RAW_USER_DATA;
  if (raw_size (drive) == 0)
    n = 0;
  start_read (drive, lba, n);
}

static uint32_t
msf_to_lba (const uint8_t *msf)
{
  uint32_t frame = ((uint32_t)msf[0] * 60 + msf[1]) * 75 + msf[2];
  return frame >= 150 ? frame - 150 : G_MAXUINT32;
}

static void
read_cd_msf (IdeDrive *drive)
{
  uint32_t start = msf_to_lba (drive->cdb + 3), end = msf_to_lba (drive->cdb + 6);

  if (start > end || end == G_MAXUINT32)
    ide_packet_invalid_field (drive);
  else
    read_cd (drive, start, end - start);
}

static void
read_capacity (IdeDrive *drive)
{
  uint32_t last = ide_cd_sectors (drive) - 1;
  uint32_t answer[2] = { GUINT32_TO_BE (last), GUINT32_TO_BE (CD_SECTOR_SIZE) };

  memcpy (drive->buffer, answer, 8);
  ide_packet_reply (drive, 8, 8);
}

static void
request_sense (IdeDrive *drive)
{
  uint8_t *data = drive->buffer;

  if (drive->sense_key == 0 && drive->medium_change == 1)
    {
      drive->medium_change = 0;
      drive->sense_key = SENSE_UNIT_ATTENTION;
      drive->asc = ASC_MEDIUM_CHANGED;
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
  Ide *ide = drive->ide;

  if (ide->tray_moved != NULL)
    ide->tray_moved (ide->tray_opaque, drive->channel->index, drive->unit, drive->tray_open);
}

static void
start_stop_unit (IdeDrive *drive)
{
  gboolean start = drive->cdb[4] & 1, load_eject = drive->cdb[4] & 2;

  if ((drive->cdb[4] & 0xf0) != 0 || !load_eject)
    {
      ide_packet_done (drive);
      return;
    }
  if (!start && drive->tray_locked)
    {
      ide_packet_check (drive, SENSE_ILLEGAL_REQUEST, ASC_REMOVAL_PREVENTED, 2);
      return;
    }
  if (!start && !drive->tray_open)
    {
      drive->tray_open = TRUE;
      drive->medium_change = 0;
      drive->media_event = 3; /* medium removal */
      tell_tray (drive);
    }
  else if (start && drive->tray_open)
    {
      drive->tray_open = FALSE;
      if (drive->port.block != NULL)
        {
          drive->medium_change = 1;
          drive->media_event = 2; /* new medium */
        }
      tell_tray (drive);
    }
  ide_packet_done (drive);
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
  if (drive->tray_locked && had && !force)
    {
      drive->media_event = 1; /* eject request: a guest that listens unlocks and ejects */
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_PENDING,
          "The guest has locked the CD-ROM drive and was asked to release it. Eject the disc in the guest and "
          "try again, or change it by force.");
      return FALSE;
    }
  gboolean running = drive->task != IDE_TASK_NONE && drive->command == 0xa0;
  ide_drive_stop (drive);
  *old = storage_port_set_block (&drive->port, block);
  drive->tray_open = drive->tray_locked = FALSE;
  drive->media_event = block != NULL ? 2 : had ? 3 : 0;
  drive->medium_change = block == NULL ? 0 : had ? 2 : 1;
  if (running)
    no_medium (drive);
  return TRUE;
}

/* -- Packets ------------------------------------------------------------------------------------- */

enum
{
  NEEDS_MEDIUM = 1,
  IGNORES_ATTENTION = 2, /* MMC-5, 4.1.6.1 */
};

static const struct
{
  uint8_t opcode, flags;
} packet_commands[] = {
  { 0x00, NEEDS_MEDIUM },
  { 0x03, IGNORES_ATTENTION },
  { 0x08, NEEDS_MEDIUM },
  { 0x12, IGNORES_ATTENTION },
  { 0x15, 0 },
  { 0x1a, 0 },
  { 0x1b, 0 },
  { 0x1e, 0 },
  { 0x25, NEEDS_MEDIUM },
  { 0x28, NEEDS_MEDIUM },
  { 0x2b, NEEDS_MEDIUM },
  { 0x2f, NEEDS_MEDIUM },
  { 0x35, 0 },
  { 0x42, NEEDS_MEDIUM },
  { 0x43, NEEDS_MEDIUM },
  { 0x44, NEEDS_MEDIUM },
  { 0x45, NEEDS_MEDIUM },
  { 0x46, IGNORES_ATTENTION },
  { 0x47, NEEDS_MEDIUM },
  { 0x48, NEEDS_MEDIUM },
  { 0x4a, IGNORES_ATTENTION },
  { 0x4b, NEEDS_MEDIUM },
  { 0x4e, NEEDS_MEDIUM },
  { 0x51, NEEDS_MEDIUM },
  { 0x52, NEEDS_MEDIUM },
  { 0x55, 0 },
  { 0x5a, 0 },
  { 0xa5, NEEDS_MEDIUM },
  { 0xa8, NEEDS_MEDIUM },
  { 0xad, NEEDS_MEDIUM },
  { 0xb9, NEEDS_MEDIUM },
  { 0xbb, 0 },
  { 0xbd, 0 },
  { 0xbe, NEEDS_MEDIUM },
};

/* What stands in a packet's way: TRUE if it was answered already. */
static gboolean
refuse_packet (IdeDrive *drive)
{
  unsigned i;

  for (i = 0; i < G_N_ELEMENTS (packet_commands); i++)
    if (packet_commands[i].opcode == drive->cdb[0])
      break;
  if (i == G_N_ELEMENTS (packet_commands))
    {
      ide_packet_check (drive, SENSE_ILLEGAL_REQUEST, ASC_INVALID_COMMAND, 0);
      return TRUE;
    }
  uint8_t flags = packet_commands[i].flags;
  if (drive->medium_change == 2 && (flags & NEEDS_MEDIUM))
    {
      /* The old disc must be seen to go before the new one comes, or some guests keep what they have cached. */
      drive->medium_change = 1;
      ide_packet_check (drive, SENSE_NOT_READY, ASC_NO_MEDIUM, 1);
      return TRUE;
    }
  if (drive->medium_change == 1 && !(flags & IGNORES_ATTENTION))
    {
      drive->medium_change = 0;
      ide_packet_check (drive, SENSE_UNIT_ATTENTION, ASC_MEDIUM_CHANGED, 0);
      return TRUE;
    }
  if ((flags & NEEDS_MEDIUM) && ide_cd_sectors (drive) == 0)
    {
      no_medium (drive);
      return TRUE;
    }
  return FALSE;
}

static void
read_sub_channel (IdeDrive *drive)
{
  const uint8_t *cdb = drive->cdb;
  uint8_t *data = drive->buffer;
  gboolean sub_q = cdb[2] & 0x40;

  memset (data, 0, 24);
  data[1] = 0x15; /* no audio status to say */
  if (!sub_q)
    {
      ide_packet_reply (drive, 4, get_be16 (cdb + 7));
      return;
    }
  if (cdb[3] < 1 || cdb[3] > 3)
    {
      ide_packet_invalid_field (drive);
      return;
    }
  uint32_t length = cdb[3] == 1 ? 16 : 24;
  data[3] = (uint8_t)(length - 4);
  data[4] = cdb[3];
  if (cdb[3] == 1)
    {
      data[5] = 0x14;
      data[6] = data[7] = 1;
    }
  ide_packet_reply (drive, length, get_be16 (cdb + 7));
}

static void
read_header (IdeDrive *drive)
{
  uint32_t lba = get_be32 (drive->cdb + 2);
  uint8_t *data = drive->buffer;

  if (!check_extent (drive, lba, 1))
    return;
  memset (data, 0, 8);
  data[0] = 1; /* mode 1 */
  if (drive->cdb[1] & 2)
    {
      data[5] = (uint8_t)((lba + 150) / (60 * 75));
      data[6] = (uint8_t)((lba + 150) / 75 % 60);
      data[7] = (uint8_t)((lba + 150) % 75);
    }
  else
    memcpy (data + 4, drive->cdb + 2, 4);
  ide_packet_reply (drive, 8, get_be16 (drive->cdb + 7));
}

static gboolean
medium_packet (IdeDrive *drive)
{
  const uint8_t *cdb = drive->cdb;

  switch (cdb[0])
    {
    case 0x08: /* READ (6) */
      start_read (drive, (cdb[1] & 0x1fu) << 16 | get_be16 (cdb + 2), cdb[4] != 0 ? cdb[4] : 256);
      return TRUE;
    case 0x28:
      start_read (drive, get_be32 (cdb + 2), get_be16 (cdb + 7));
      return TRUE;
    case 0xa8:
      start_read (drive, get_be32 (cdb + 2), get_be32 (cdb + 6));
      return TRUE;
    case 0xbe: /* READ CD */
      read_cd (drive, get_be32 (cdb + 2), (uint32_t)cdb[6] << 16 | get_be16 (cdb + 7));
      return TRUE;
    case 0xb9:
      read_cd_msf (drive);
      return TRUE;
    case 0x25:
      read_capacity (drive);
      return TRUE;
    case 0x2b: /* SEEK (10) */
    case 0x2f: /* VERIFY (10) */
      if (check_extent (drive, get_be32 (cdb + 2), cdb[0] == 0x2f ? get_be16 (cdb + 7) : 1))
        ide_packet_done (drive);
      return TRUE;
    case 0x42:
      read_sub_channel (drive);
      return TRUE;
    case 0x43:
      ide_mmc_read_toc (drive);
      return TRUE;
    case 0x44:
      read_header (drive);
      return TRUE;
    case 0x45: /* PLAY AUDIO (10), MSF, TRACK/INDEX, (12): there are only data tracks */
    case 0x47:
    case 0x48:
    case 0xa5:
      ide_packet_check (drive, SENSE_ILLEGAL_REQUEST, ASC_ILLEGAL_MODE_FOR_TRACK, 0);
      return TRUE;
    case 0x4b: /* PAUSE/RESUME: nothing plays */
      ide_packet_check (drive, SENSE_ILLEGAL_REQUEST, 0x2c, 0);
      return TRUE;
    case 0x51:
      ide_mmc_disc_information (drive);
      return TRUE;
    case 0x52:
      ide_mmc_track_information (drive);
      return TRUE;
    case 0xad:
      ide_mmc_dvd_structure (drive);
      return TRUE;
    default:
      return FALSE;
    }
}

static void
run_packet (IdeDrive *drive)
{
  drive->raw = FALSE;
  if (drive->cdb[0] != 0x03)
    drive->sense_key = drive->asc = drive->ascq = 0;
  if (refuse_packet (drive) || medium_packet (drive))
    return;
  switch (drive->cdb[0])
    {
    case 0x03:
      request_sense (drive);
      break;
    case 0x12:
      ide_mmc_inquiry (drive);
      break;
    case 0x15: /* MODE SELECT (6) */
      take_parameters (drive, drive->cdb[4]);
      break;
    case 0x55:
      take_parameters (drive, get_be16 (drive->cdb + 7));
      break;
    case 0x1a: /* MODE SENSE (6) */
    case 0x5a:
      ide_mmc_mode_sense (drive);
      break;
    case 0x1b:
      start_stop_unit (drive);
      break;
    case 0x1e: /* PREVENT ALLOW MEDIUM REMOVAL */
      drive->tray_locked = drive->cdb[4] & 1;
      ide_packet_done (drive);
      break;
    case 0x46:
      ide_mmc_get_configuration (drive);
      break;
    case 0x4a:
      ide_mmc_get_event (drive);
      break;
    case 0xbd:
      ide_mmc_mechanism_status (drive);
      break;
    default:
      /* TEST UNIT READY, SYNCHRONIZE CACHE, SET CD SPEED, STOP PLAY. */
      ide_packet_done (drive);
      break;
    }
}

/* -- ATA commands of a packet device -------------------------------------------------------------- */

static void
atapi_command (IdeDrive *drive, uint8_t command)
{
  switch (command)
    {
    case 0xa0:
      drive->byte_limit = (uint16_t)(drive->lba_high << 8 | drive->lba_mid);
      drive->packet_dma = drive->features & 1;
      ide_take (drive, IDE_TASK_PACKET, IDE_XFER_PIO_OUT, IDE_CDB_SIZE);
      drive->count = ATAPI_CD;
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
    ide_mmc_mode_select (drive, drive->len);
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
