/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How a drive's command moves: image ↔ buffer ↔ guest, and how it ends.  ATA/ATAPI-6, chapter 9 (protocols).
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-core.h"

#include <errno.h>
#include <string.h>

static void on_io_done (void *opaque, int error);
static void on_io_idle (void *opaque);

IdeXfer
ide_xfer (IdeDrive *drive, IdeXfer xfer)
{
  if (!drive->cable->master->serial || (xfer != IDE_XFER_PIO_IN && xfer != IDE_XFER_PIO_OUT))
    return xfer;
  drive->pio = xfer == IDE_XFER_PIO_IN;
  return xfer == IDE_XFER_PIO_IN ? IDE_XFER_DMA_IN : IDE_XFER_DMA_OUT;
}

void
ide_drive_setup (IdeDrive *drive, IdeCable *cable, unsigned unit)
{
  drive->cable = cable;
  drive->unit = unit;
  drive->buffer = g_malloc0 (IDE_BUFFER_SIZE);
  dma_vector_init (&drive->vector);
  storage_port_init (&drive->port, cable->device->vm, on_io_done, on_io_idle, drive);
  ide_drive_defaults (drive);
}

void
ide_drive_clear (IdeDrive *drive)
{
  if (drive->buffer == NULL)
    return;
  ide_drive_stop (drive);
  storage_port_clear (&drive->port);
  dma_vector_free (&drive->vector);
  g_clear_pointer (&drive->buffer, g_free);
}

void
ide_drive_stop (IdeDrive *drive)
{
  storage_port_cancel (&drive->port, &drive->buffer, IDE_BUFFER_SIZE);
  ide_master_forget (drive);
  drive->task = IDE_TASK_NONE;
  drive->xfer = IDE_XFER_NONE;
  drive->io = IDE_IO_NONE;
  drive->pos = drive->len = drive->drq_end = 0;
  drive->left = drive->io_sectors = 0;
  drive->pio = FALSE;
}

/* ATA/ATAPI-6, 9.12. */
void
ide_drive_signature (IdeDrive *drive)
{
  drive->count = drive->lba_low = 1;
  drive->hob_count = drive->hob_lba_low = drive->hob_lba_mid = drive->hob_lba_high = drive->hob_features = 0;
  drive->features = 0;
  drive->device &= ATA_DEVICE_DEV;
  drive->error = 1;
  if (drive->kind == IDE_DRIVE_CDROM)
    {
      drive->lba_mid = 0x14;
      drive->lba_high = 0xeb;
      drive->status = 0; /* DRDY comes with the first command */
    }
  else
    {
      drive->lba_mid = drive->lba_high = 0;
      drive->status = ATA_DRDY | ATA_DSC;
    }
}

void
ide_drive_defaults (IdeDrive *drive)
{
  static const uint8_t error_page[8] = { 0x00, 0x05 }; /* five retries */

  drive->cur_cylinders = drive->cylinders;
  drive->cur_heads = drive->heads;
  drive->cur_sectors = drive->sectors;
  drive->multiple = IDE_MAX_MULTIPLE;
  drive->pio_mode = 0;
  drive->mwdma_mode = 2 | 8;
  drive->udma_mode = 0;
  drive->apm = 0;
  drive->power = 0xff;
  drive->write_cache = drive->look_ahead = drive->smart = TRUE;
  drive->tray_locked = FALSE;
  drive->sense_key = drive->asc = drive->ascq = 0;
  memcpy (drive->error_page, error_page, sizeof error_page);
}

uint32_t
ide_cd_sectors (const IdeDrive *drive)
{
  if (drive->port.block == NULL || drive->tray_open)
    return 0;
  uint64_t n = (block_size (drive->port.block) + CD_SECTOR_SIZE - 1) / CD_SECTOR_SIZE;
  return (uint32_t)MIN (n, G_MAXUINT32 - 1000);
}

/* -- Endings ------------------------------------------------------------------------------------- */

static void
end_command (IdeDrive *drive)
{
  gboolean dma = drive->xfer == IDE_XFER_DMA_IN || drive->xfer == IDE_XFER_DMA_OUT;

  drive->task = IDE_TASK_NONE;
  drive->xfer = IDE_XFER_NONE;
  drive->io = IDE_IO_NONE;
  drive->pos = drive->len = drive->drq_end = 0;
  drive->left = 0;
  if (dma)
    drive->cable->master->ended (drive);
}

static void
tell_over (IdeDrive *drive)
{
  if (drive->cable->master->over != NULL)
    drive->cable->master->over (drive);
}

void
ide_done (IdeDrive *drive, gboolean irq)
{
  end_command (drive);
  drive->status = ATA_DRDY | ATA_DSC;
  drive->error = 0;
  if (irq)
    ide_raise (drive);
  tell_over (drive);
}

void
ide_abort_status (IdeDrive *drive, uint8_t error, uint8_t extra_status)
{
  end_command (drive);
  drive->status = (uint8_t)(ATA_DRDY | ATA_DSC | ATA_ERR | extra_status);
  drive->error = error;
  ide_raise (drive);
  tell_over (drive);
}

void
ide_fail (IdeDrive *drive, uint8_t error)
{
  ide_abort_status (drive, error, 0);
}

/* -- Image requests ------------------------------------------------------------------------------ */

void
ide_start_io (IdeDrive *drive, IdeIo io)
{
  drive->io = io;
  drive->status = (uint8_t)((drive->status & ~(ATA_DRQ | ATA_ERR)) | ATA_BSY);
  ide_io_kick (drive);
}

void
ide_io_kick (IdeDrive *drive)
{
  uint32_t sector = drive->kind == IDE_DRIVE_CDROM ? CD_SECTOR_SIZE : BLOCK_SECTOR_SIZE;
  uint8_t *buffer = drive->buffer;
  BlockOp op;

  if (drive->io == IDE_IO_NONE || storage_port_busy (&drive->port) || drive->cable->paused)
    return;
  if (drive->port.block == NULL)
    {
      /* Only a loaded state can bring us here: a drive that lost its medium lost its command with it. */
      ide_fail (drive, ATA_ABRT);
      return;
    }
  if (drive->direct)
    {
      if (!ide_master_submit (drive))
        ide_master_next (drive);
      return;
    }
  switch ((IdeIo)drive->io)
    {
    case IDE_IO_READ:
      op = BLOCK_OP_READ;
      if (drive->kind == IDE_DRIVE_CDROM && drive->raw)
        buffer += CD_RAW_SOURCE;
      break;
    case IDE_IO_WRITE:
      op = BLOCK_OP_WRITE;
      break;
    case IDE_IO_FLUSH:
      op = BLOCK_OP_FLUSH;
      break;
    default:
      op = BLOCK_OP_DISCARD;
      break;
    }
  /* Refused while a request of before a reset is in flight: on_io_idle() comes back here. */
  storage_port_submit (&drive->port, op, drive->lba * sector, buffer,
                       op == BLOCK_OP_FLUSH ? 0 : (size_t)drive->io_sectors * sector);
}

static void
on_io_idle (void *opaque)
{
  ide_io_kick (opaque);
}

static void
data_in_ready (IdeDrive *drive)
{
  if (drive->xfer == IDE_XFER_DMA_IN)
    {
      drive->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
      ide_master_pump (drive);
      return;
    }
  drive->set->block_in (drive);
}

static void
on_io_done (void *opaque, int error)
{
  IdeDrive *drive = opaque;
  uint32_t n = drive->io_sectors;

  gboolean direct = drive->direct;

  drive->io = IDE_IO_NONE;
  if (direct)
    ide_master_completed (drive);
  if (error != 0)
    {
      device_log (drive->cable->device, "drive %u.%u: %s", drive->cable->index, drive->unit,
                  g_strerror (error));
      drive->set->image_failed (drive);
      return;
    }
  switch ((IdeTask)drive->task)
    {
    case IDE_TASK_READ:
    case IDE_TASK_CD_READ:
      drive->lba += n;
      drive->left -= MIN (n, drive->left);
      drive->pos = drive->len = 0;
      if (direct)
        {
          ide_buffer_empty (drive);
          break;
        }
      drive->len = n * (drive->task == IDE_TASK_READ ? BLOCK_SECTOR_SIZE : CD_SECTOR_SIZE);
      if (drive->set->sectors_read != NULL)
        drive->set->sectors_read (drive, n);
      data_in_ready (drive);
      break;
    case IDE_TASK_WRITE:
      drive->lba += n;
      drive->left -= MIN (n, drive->left);
      if (drive->left > 0)
        ide_start_write (drive, FALSE);
      else if (drive->fua || !drive->write_cache)
        ide_flush (drive);
      else
        drive->set->finish (drive, TRUE);
      break;
    case IDE_TASK_FLUSH:
      ide_done (drive, TRUE);
      break;
    case IDE_TASK_TRIM:
      drive->set->discarded (drive);
      break;
    default:
      ide_fail (drive, ATA_ABRT);
      break;
    }
}

/* -- Data phases --------------------------------------------------------------------------------- */

void
ide_reply (IdeDrive *drive, uint32_t length)
{
  drive->task = IDE_TASK_REPLY;
  drive->pos = 0;
  drive->len = MIN (length, IDE_BUFFER_SIZE);
  drive->left = 0;
  drive->xfer = ide_xfer (drive, drive->xfer == IDE_XFER_NONE ? IDE_XFER_PIO_IN : (IdeXfer)drive->xfer);
  drive->drq_size = drive->len;
  data_in_ready (drive);
}

void
ide_take (IdeDrive *drive, IdeTask task, IdeXfer xfer, uint32_t length)
{
  drive->task = task;
  drive->xfer = task == IDE_TASK_PACKET ? xfer : ide_xfer (drive, xfer);
  drive->pos = 0;
  drive->len = drive->drq_end = MIN (length, IDE_BUFFER_SIZE);
  drive->drq_size = drive->len;
  drive->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
  if (drive->xfer == IDE_XFER_DMA_OUT)
    ide_master_pump (drive);
}

void
ide_fetch (IdeDrive *drive)
{
  if (drive->xfer == IDE_XFER_DMA_IN)
    ide_master_next (drive);
  else
    ide_fetch_buffer (drive);
}

void
ide_fetch_buffer (IdeDrive *drive)
{
  uint32_t most = IDE_BUFFER_SIZE / BLOCK_SECTOR_SIZE;

  if (drive->task == IDE_TASK_CD_READ)
    most = drive->raw ? CD_RAW_CHUNK : CD_CHUNK_SECTORS;
  drive->io_sectors = MIN (drive->left, most);
  ide_start_io (drive, IDE_IO_READ);
}

void
ide_flush (IdeDrive *drive)
{
  drive->task = IDE_TASK_FLUSH;
  ide_start_io (drive, IDE_IO_FLUSH);
}

/* Asks the guest for the next piece of a write.  The first DRQ block of a PIO write comes without an interrupt. */
void
ide_start_write (IdeDrive *drive, gboolean first)
{
  drive->pos = 0;
  drive->len = MIN (drive->left * BLOCK_SECTOR_SIZE, IDE_BUFFER_SIZE);
  drive->io_sectors = drive->len / BLOCK_SECTOR_SIZE;
  drive->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
  if (drive->xfer == IDE_XFER_DMA_OUT)
    {
      ide_master_next (drive);
      return;
    }
  drive->drq_end = MIN (drive->drq_size, drive->len);
  if (!first)
    ide_raise (drive);
}

void
ide_buffer_empty (IdeDrive *drive)
{
  if (drive->left > 0 && (drive->task == IDE_TASK_READ || drive->task == IDE_TASK_CD_READ))
    ide_fetch (drive);
  else
    drive->set->finish (drive, drive->xfer == IDE_XFER_DMA_IN);
}

void
ide_buffer_full (IdeDrive *drive)
{
  switch ((IdeTask)drive->task)
    {
    case IDE_TASK_WRITE:
      ide_start_io (drive, IDE_IO_WRITE);
      break;
    case IDE_TASK_TRIM:
    case IDE_TASK_PACKET:
    case IDE_TASK_CD_SELECT:
      drive->set->taken (drive);
      break;
    default:
      ide_done (drive, TRUE);
      break;
    }
}

static void
drq_block_read (IdeDrive *drive)
{
  if (drive->pos < drive->len)
    data_in_ready (drive);
  else
    ide_buffer_empty (drive);
}

static void
drq_block_written (IdeDrive *drive)
{
  if (drive->pos >= drive->len)
    {
      ide_buffer_full (drive);
      return;
    }
  drive->drq_end = MIN (drive->pos + drive->drq_size, drive->len);
  ide_raise (drive);
}

/* The data register, one, two or four bytes at a time.  Outside of a data phase nothing moves. */
uint32_t
ide_data_read (IdeDrive *drive, unsigned size)
{
  uint32_t value = 0;

  if (drive->xfer != IDE_XFER_PIO_IN || !(drive->status & ATA_DRQ))
    return 0;
  for (unsigned i = 0; i < size; i++)
    if (drive->pos < drive->drq_end)
      value |= (uint32_t)drive->buffer[drive->pos++] << (8 * i);
  if (drive->pos >= drive->drq_end)
    drq_block_read (drive);
  return value;
}

void
ide_data_write (IdeDrive *drive, uint32_t value, unsigned size)
{
  if (drive->xfer != IDE_XFER_PIO_OUT || !(drive->status & ATA_DRQ))
    return;
  for (unsigned i = 0; i < size; i++)
    if (drive->pos < drive->drq_end)
      drive->buffer[drive->pos++] = (uint8_t)(value >> (8 * i));
  if (drive->pos >= drive->drq_end)
    drq_block_written (drive);
}
