/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Drives come and go, and what of one is saved.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-ata.h"
#include "storage/ide-atapi.h"

#include <gio/gio.h>

/* -- State --------------------------------------------------------------------------------------- */

#define MULTIPLE_MAX IDE_MAX_MULTIPLE

const StateField ide_drive_state[] = {
  STATE_U8 (IdeDrive, features),
  STATE_U8 (IdeDrive, count),
  STATE_U8 (IdeDrive, lba_low),
  STATE_U8 (IdeDrive, lba_mid),
  STATE_U8 (IdeDrive, lba_high),
  STATE_U8 (IdeDrive, device),
  STATE_U8 (IdeDrive, hob_features),
  STATE_U8 (IdeDrive, hob_count),
  STATE_U8 (IdeDrive, hob_lba_low),
  STATE_U8 (IdeDrive, hob_lba_mid),
  STATE_U8 (IdeDrive, hob_lba_high),
  STATE_U8 (IdeDrive, error),
  STATE_U8 (IdeDrive, status),
  STATE_U8 (IdeDrive, command),
  STATE_BOOL (IdeDrive, intrq),
  STATE_U32_MAX (IdeDrive, cur_cylinders, 65535),
  STATE_U32_MAX (IdeDrive, cur_heads, 16),
  STATE_U32_MAX (IdeDrive, cur_sectors, 255),
  STATE_U8_MAX (IdeDrive, multiple, MULTIPLE_MAX),
  STATE_U8_MAX (IdeDrive, pio_mode, 7),
  STATE_U8_MAX (IdeDrive, mwdma_mode, 15),
  STATE_U8_MAX (IdeDrive, udma_mode, 15),
  STATE_U8 (IdeDrive, apm),
  STATE_U8 (IdeDrive, power),
  STATE_BOOL (IdeDrive, write_cache),
  STATE_BOOL (IdeDrive, look_ahead),
  STATE_BOOL (IdeDrive, smart),
  STATE_U32_MAX (IdeDrive, task, IDE_TASK_LAST),
  STATE_U32_MAX (IdeDrive, xfer, IDE_XFER_LAST),
  STATE_U32_MAX (IdeDrive, io, IDE_IO_LAST),
  STATE_BUFFER (IdeDrive, buffer, IDE_BUFFER_SIZE),
  STATE_U32_MAX (IdeDrive, pos, IDE_BUFFER_SIZE),
  STATE_U32_MAX (IdeDrive, len, IDE_BUFFER_SIZE),
  STATE_U32_MAX (IdeDrive, drq_end, IDE_BUFFER_SIZE),
  STATE_U32_MAX (IdeDrive, drq_size, IDE_BUFFER_SIZE),
  STATE_U64 (IdeDrive, lba),
  STATE_U32 (IdeDrive, left),
  STATE_U32_MAX (IdeDrive, io_sectors, 65536),
  STATE_BOOL (IdeDrive, ext),
  STATE_BOOL (IdeDrive, fua),
  STATE_U32_MAX (IdeDrive, trim_next, IDE_BUFFER_SIZE / 8),
  STATE_U8_ARRAY (IdeDrive, cdb),
  STATE_U16 (IdeDrive, byte_limit),
  STATE_BOOL (IdeDrive, packet_dma),
  STATE_BOOL (IdeDrive, raw),
  STATE_U8 (IdeDrive, raw_flags),
  STATE_U8_MAX (IdeDrive, sense_key, 15),
  STATE_U8 (IdeDrive, asc),
  STATE_U8 (IdeDrive, ascq),
  STATE_BOOL (IdeDrive, tray_open),
  STATE_BOOL (IdeDrive, tray_locked),
  STATE_U8_MAX (IdeDrive, medium_change, 2),
  STATE_U8_MAX (IdeDrive, media_event, 15),
  STATE_U8_ARRAY (IdeDrive, error_page),
  STATE_ADDED,
  STATE_BOOL (IdeDrive, direct),
  STATE_END,
};

static gboolean
transfer_consistent (const IdeDrive *drive)
{
  uint64_t sectors = drive->kind == IDE_DRIVE_CDROM ? ide_cd_sectors (drive) : drive->n_sectors;
  uint32_t sector = drive->kind == IDE_DRIVE_CDROM ? CD_SECTOR_SIZE : BLOCK_SECTOR_SIZE;
  uint32_t room = IDE_BUFFER_SIZE / sector;
  gboolean moving = drive->xfer != IDE_XFER_NONE && drive->io == IDE_IO_NONE;
  gboolean reads = drive->task == IDE_TASK_READ || drive->task == IDE_TASK_CD_READ;

  if (drive->kind == IDE_DRIVE_NONE)
    return drive->task == IDE_TASK_NONE && drive->xfer == IDE_XFER_NONE && drive->io == IDE_IO_NONE;
  if (drive->pos > drive->drq_end && drive->xfer < IDE_XFER_DMA_IN && drive->xfer != IDE_XFER_NONE && moving)
    return FALSE;
  if (drive->pos > drive->len || drive->drq_end > drive->len)
    return FALSE;
  /* A DRQ block of nothing would never end; a read that waits for the bus master has nothing yet. */
  if (moving && drive->len == 0 && !(reads && drive->xfer == IDE_XFER_DMA_IN && drive->left > 0))
    return FALSE;
  if (drive->direct)
    {
      if (drive->raw || drive->io_sectors == 0
          || !((drive->xfer == IDE_XFER_DMA_IN && drive->io == IDE_IO_READ && reads)
               || (drive->xfer == IDE_XFER_DMA_OUT && drive->io == IDE_IO_WRITE
                   && drive->task == IDE_TASK_WRITE)))
        return FALSE;
      room = IDE_DIRECT_BYTES / sector;
    }
  if ((drive->xfer == IDE_XFER_PIO_IN || drive->xfer == IDE_XFER_PIO_OUT) && drive->drq_size == 0
      && drive->kind == IDE_DRIVE_DISK)
    return FALSE;
  if (drive->task == IDE_TASK_PACKET && drive->len != IDE_CDB_SIZE)
    return FALSE;
  if (drive->raw && room > CD_RAW_CHUNK)
    room = CD_RAW_CHUNK;
  if ((drive->io == IDE_IO_READ || drive->io == IDE_IO_WRITE || drive->task == IDE_TASK_WRITE)
      && drive->io_sectors > room)
    return FALSE;
  /* A write's buffer is the sectors that will be written. */
  if (drive->task == IDE_TASK_WRITE
      && (drive->kind != IDE_DRIVE_DISK || drive->io_sectors == 0
          || (moving && drive->len != drive->io_sectors * BLOCK_SECTOR_SIZE)))
    return FALSE;
  /* FLUSH and TRIM don't use the address: it may be what an earlier command was refused for. */
  return drive->left <= 65536 * 16
         && (drive->lba <= sectors || (drive->io != IDE_IO_READ && drive->io != IDE_IO_WRITE));
}

gboolean
ide_drive_loaded (IdeDrive *drive, GError **error)
{
  gboolean direct = drive->direct;

  storage_port_loaded (&drive->port, &drive->buffer, IDE_BUFFER_SIZE);
  ide_master_forget (drive);
  drive->direct = direct;
  if (!transfer_consistent (drive))
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE,
                   "The saved state of drive %u.%u of %s contradicts itself.", drive->cable->index,
                   drive->unit, drive->cable->device->id);
      return FALSE;
    }
  if (drive->kind == IDE_DRIVE_DISK && (drive->cur_heads == 0 || drive->cur_sectors == 0))
    {
      drive->cur_heads = MAX (drive->heads, 1);
      drive->cur_sectors = MAX (drive->sectors, 1);
    }
  return TRUE;
}

/* -- Drives -------------------------------------------------------------------------------------- */

/* What disks of this size have always said: 16 heads, 63 sectors, at most 16383 cylinders. */
static void
set_geometry (IdeDrive *drive)
{
  drive->heads = 16;
  drive->sectors = 63;
  if (drive->n_sectors < 16 * 63)
    {
      drive->heads = 1;
      drive->sectors = (uint32_t)CLAMP (drive->n_sectors, 1, 63);
    }
  drive->cylinders = (uint32_t)CLAMP (drive->n_sectors / (drive->heads * drive->sectors), 1, 16383);
}

static void
set_names (IdeDrive *drive, const IdeDriveConfig *config)
{
  unsigned place = drive->cable->index * 2 + drive->unit + 1;

  if (config->serial != NULL && *config->serial != '\0')
    g_strlcpy (drive->serial, config->serial, sizeof drive->serial);
  else
    g_snprintf (drive->serial, sizeof drive->serial, "VIV%05u", place);
  g_strlcpy (drive->model,
             config->model != NULL             ? config->model
             : config->kind == IDE_DRIVE_CDROM ? "Vivarium DVD-ROM"
                                               : "Vivarium disk",
             sizeof drive->model);
  g_strlcpy (drive->revision, config->revision != NULL ? config->revision : "1.0", sizeof drive->revision);
}

gboolean
ide_drive_plug (IdeDrive *drive, const IdeDriveConfig *config, GError **error)
{
  if (config->kind == IDE_DRIVE_CDROM && !ide_check_disc (config->block, error))
    return FALSE;
  if (config->kind == IDE_DRIVE_DISK && (config->block == NULL || block_size (config->block) == 0))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "The disk image “%s” is empty. Give it a size, or choose another image.",
                   config->block != NULL ? block_path (config->block) : "");
      return FALSE;
    }
  drive->kind = config->kind;
  drive->set = config->kind == IDE_DRIVE_DISK ? &ide_ata_set : &ide_atapi_set;
  set_names (drive, config);
  drive->n_sectors = config->kind == IDE_DRIVE_DISK ? block_size (config->block) / BLOCK_SECTOR_SIZE : 0;
  drive->wwn = config->wwn;
  drive->queued_failed = FALSE;
  set_geometry (drive);
  storage_port_set_block (&drive->port, config->block);
  ide_drive_defaults (drive);
  ide_drive_signature (drive);
  return TRUE;
}

void
ide_drive_unplug (IdeDrive *drive)
{
  ide_drive_stop (drive);
  block_close (storage_port_set_block (&drive->port, NULL));
  drive->kind = IDE_DRIVE_NONE;
  drive->set = NULL;
  drive->n_sectors = 0;
  drive->intrq = FALSE;
  drive->tray_open = drive->tray_locked = FALSE;
  drive->medium_change = drive->media_event = 0;
}
