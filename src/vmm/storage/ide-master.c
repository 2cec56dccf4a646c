/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a bus master moves: between the image and guest memory where that is plain and the data are as the image has them, else by the drive's
 * buffer.  Which memory it is says the table behind the drive's cable.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-core.h"

/* -- Straight to and from guest memory ----------------------------------------------------------------- */

static uint32_t
sector_size (const IdeDrive *drive)
{
  return drive->kind == IDE_DRIVE_CDROM ? CD_SECTOR_SIZE : BLOCK_SECTOR_SIZE;
}

void
ide_master_forget (IdeDrive *drive)
{
  dma_unmap_sg (&drive->vector, TRUE);
  drive->direct = FALSE;
}

/* The memory that the table has for the next `n` sectors.  FALSE: what is there is no plain memory, too little, or in too many pieces;
 * by the buffer all of that comes to its proper end. */
static gboolean
map_sectors (IdeDrive *drive, uint32_t n)
{
  IdeCable *cable = drive->cable;
  IdePrd prd = cable->master->place (drive);
  uint64_t bytes = (uint64_t)n * sector_size (drive);

  while (bytes > 0)
    {
      if (prd.left == 0 && (prd.last || !cable->master->next (drive, &prd)))
        break;
      uint32_t part = (uint32_t)MIN (prd.left, bytes);
      if (!dma_map_sg (&cable->dma, &drive->vector, prd.addr, part, drive->xfer == IDE_XFER_DMA_IN))
        break;
      prd.addr += part;
      prd.left -= part;
      bytes -= part;
    }
  if (bytes > 0)
    {
      dma_unmap_sg (&drive->vector, FALSE);
      return FALSE;
    }
  drive->after = prd;
  drive->after_epoch = cable->epoch;
  return TRUE;
}

static gboolean
can_run (const IdeDrive *drive)
{
  return drive->cable->master->can_run (drive);
}

static gboolean
begin_direct (IdeDrive *drive)
{
  uint32_t sector = sector_size (drive), n = MIN (drive->left, IDE_DIRECT_BYTES / sector);

  if (drive->raw || n == 0 || drive->port.block == NULL
      || drive->lba > block_size (drive->port.block) / sector
      || n > block_size (drive->port.block) / sector - drive->lba || !map_sectors (drive, n))
    return FALSE;
  drive->direct = TRUE;
  drive->pos = drive->len = 0;
  drive->io_sectors = n;
  ide_start_io (drive, drive->xfer == IDE_XFER_DMA_IN ? IDE_IO_READ : IDE_IO_WRITE);
  return TRUE;
}

void
ide_master_next (IdeDrive *drive)
{
  drive->direct = FALSE;
  drive->io = IDE_IO_NONE;
  drive->pos = drive->len = 0;
  if (drive->xfer == IDE_XFER_DMA_OUT)
    {
      drive->len = MIN (drive->left * BLOCK_SECTOR_SIZE, IDE_BUFFER_SIZE);
      drive->io_sectors = drive->len / BLOCK_SECTOR_SIZE;
    }
  drive->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
  /* Else it waits for the guest to start the bus master, which calls ide_master_pump(). */
  if (can_run (drive))
    ide_master_pump (drive);
}

/* The vector is still the bus master's: since it was made of the table the guest has neither stopped it nor taken mastering away. */
static gboolean
holds_memory (const IdeDrive *drive)
{
  const IdeCable *cable = drive->cable;

  return cable->master->can_run (drive) && drive->after_epoch == cable->epoch && dma_enabled (&cable->dma);
}

gboolean
ide_master_submit (IdeDrive *drive)
{
  BlockOp op = drive->io == IDE_IO_READ ? BLOCK_OP_READ : BLOCK_OP_WRITE;

  if (dma_vector_n (&drive->vector) > 0 && !holds_memory (drive))
    dma_unmap_sg (&drive->vector, FALSE);
  /* After a load the memory is where the table says, which the guest had no time to change. */
  if (dma_vector_n (&drive->vector) == 0 && (!can_run (drive) || !map_sectors (drive, drive->io_sectors)))
    return FALSE;
  /* Refused while a request of before a reset is in flight: ide_on_io_idle() leads here again. */
  storage_port_submit_vector (&drive->port, op, drive->lba * sector_size (drive),
                              dma_vector_iov (&drive->vector), dma_vector_n (&drive->vector));
  return TRUE;
}

void
ide_master_completed (IdeDrive *drive)
{
  /* A guest that has started the bus master again is at the table's beginning. */
  drive->cable->moved += drive->vector.length;
  if (drive->after_epoch == drive->cable->epoch)
    drive->cable->master->set_place (drive, &drive->after);
  ide_master_forget (drive);
}

/* -- By the buffer ---------------------------------------------------------------------------------------- */

static void
dma_failed (IdeDrive *drive)
{
  drive->cable->master->failed (drive);
}

/* Moves what the buffer has or needs, as far as the bus master is started.  A descriptor moves at least two bytes, so
 * that a table without an end is bounded by the command's length. */
void
ide_master_pump (IdeDrive *drive)
{
  IdeCable *cable = drive->cable;
  const IdeMaster *master = cable->master;
  gboolean in = drive->xfer == IDE_XFER_DMA_IN;
  gboolean reads = in && (drive->task == IDE_TASK_READ || drive->task == IDE_TASK_CD_READ);

  if ((!in && drive->xfer != IDE_XFER_DMA_OUT) || drive->io != IDE_IO_NONE || !can_run (drive))
    return;
  if (((reads && drive->len == 0) || (drive->task == IDE_TASK_WRITE && drive->pos == 0))
      && begin_direct (drive))
    return;
  if (reads && drive->len == 0)
    {
      ide_fetch_buffer (drive); /* and here again */
      return;
    }
  while (drive->pos < drive->len)
    {
      IdePrd prd = master->place (drive);
      if (prd.left == 0 && prd.last)
        {
          master->exhausted (drive);
          return;
        }
      if (prd.left == 0 && !master->next (drive, &prd))
        {
          dma_failed (drive);
          return;
        }
      uint32_t n = MIN (prd.left, drive->len - drive->pos);
      uint8_t *bytes = drive->buffer + drive->pos;
      if (!(in ? dma_write (&cable->dma, prd.addr, bytes, n) : dma_read (&cable->dma, prd.addr, bytes, n)))
        {
          dma_failed (drive);
          return;
        }
      prd.addr += n;
      prd.left -= n;
      master->set_place (drive, &prd);
      drive->pos += n;
      cable->moved += n;
    }
  if (in)
    ide_buffer_empty (drive);
  else
    ide_buffer_full (drive);
}

void
ide_master_settle (IdeDrive *drive)
{
  if (drive->direct)
    storage_port_settle (&drive->port);
}

void
ide_master_resume (IdeDrive *drive)
{
  if (drive->direct && storage_port_busy (&drive->port) && !holds_memory (drive))
    storage_port_cancel (&drive->port, &drive->buffer, IDE_BUFFER_SIZE);
}
