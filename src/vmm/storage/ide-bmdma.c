/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bus-master IDE: registers at BAR 4 and physical region descriptors.  SFF-8038i; 82371SB data sheet, 2.7.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-bmdma.h"

/* Registers of a channel, eight bytes each. */
enum
{
  BM_COMMAND = 0,
  BM_STATUS = 2,
  BM_TABLE = 4,
};
enum
{
  BM_COMMAND_START = 0x01,
  BM_COMMAND_TO_MEMORY = 0x08,
};
enum
{
  BM_STATUS_ACTIVE = 0x01,
  BM_STATUS_ERROR = 0x02,
  BM_STATUS_INTERRUPT = 0x04,
  BM_STATUS_DMA0 = 0x20,
  BM_STATUS_DMA1 = 0x40,
};

#define PRD_END_OF_TABLE 0x80000000u

void
ide_bmdma_reset (IdeChannel *channel)
{
  channel->bm_command = 0;
  channel->bm_status = 0;
  channel->bm_table = 0;
  channel->prd_next = channel->prd_addr = channel->prd_left = 0;
  channel->prd_last = FALSE;
}

/* Active falls when the table is used up; a table longer than the transfer leaves it up (SFF-8038i, 3.1). */
static void
master_ended (IdeDrive *drive)
{
  IdeChannel *channel = drive->channel;

  if (channel->prd_last && channel->prd_left == 0)
    channel->bm_status &= (uint8_t)~BM_STATUS_ACTIVE;
}

static void master_pump (IdeDrive *drive);

/* -- The table --------------------------------------------------------------------------------------- */

static IdePrd
place (const IdeChannel *channel)
{
  return (IdePrd){ channel->prd_next, channel->prd_addr, channel->prd_left, channel->prd_last };
}

static void
set_place (IdeChannel *channel, const IdePrd *prd)
{
  channel->prd_next = prd->next;
  channel->prd_addr = prd->addr;
  channel->prd_left = prd->left;
  channel->prd_last = prd->last;
}

static gboolean
next_prd (IdeChannel *channel, IdePrd *prd)
{
  uint8_t entry[8];

  if (!dma_read (&channel->dma, prd->next, entry, sizeof entry))
    return FALSE;
  uint32_t count = pci_get32 (entry + 4);
  prd->next += sizeof entry;
  prd->addr = pci_get32 (entry) & ~1u;
  prd->left = count & 0xfffe;
  if (prd->left == 0)
    prd->left = 0x10000;
  prd->last = (count & PRD_END_OF_TABLE) != 0;
  return TRUE;
}

/* -- Straight to and from guest memory ----------------------------------------------------------------- */

static uint32_t
sector_size (const IdeDrive *drive)
{
  return drive->kind == IDE_DRIVE_CDROM ? CD_SECTOR_SIZE : BLOCK_SECTOR_SIZE;
}

static void
master_forget (IdeDrive *drive)
{
  dma_unmap_sg (&drive->vector, TRUE);
  drive->direct = FALSE;
}

/* The memory that the table has for the next `n` sectors.  FALSE: what is there is no plain memory, too little, or in too many pieces;
 * by the buffer all of that comes to its proper end. */
static gboolean
map_sectors (IdeDrive *drive, uint32_t n)
{
  IdeChannel *channel = drive->channel;
  IdePrd prd = place (channel);
  uint64_t bytes = (uint64_t)n * sector_size (drive);

  while (bytes > 0)
    {
      if (prd.left == 0 && (prd.last || !next_prd (channel, &prd)))
        break;
      uint32_t part = (uint32_t)MIN (prd.left, bytes);
      if (!dma_map_sg (&channel->dma, &drive->vector, prd.addr, part, drive->xfer == IDE_XFER_DMA_IN))
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
  drive->after_epoch = channel->prd_epoch;
  return TRUE;
}

static gboolean
can_run (const IdeDrive *drive)
{
  return (drive->channel->bm_status & BM_STATUS_ACTIVE) && drive == ide_selected (drive->channel);
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

static void
master_next (IdeDrive *drive)
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
  /* Else it waits for the guest to start the bus master, which calls master_pump(). */
  if (can_run (drive))
    master_pump (drive);
}

/* The vector is still the bus master's: since it was made of the table the guest has neither stopped it nor taken mastering away. */
static gboolean
holds_memory (const IdeDrive *drive)
{
  const IdeChannel *channel = drive->channel;

  return (channel->bm_status & BM_STATUS_ACTIVE) && drive->after_epoch == channel->prd_epoch
         && dma_enabled (&channel->dma);
}

static gboolean
master_submit (IdeDrive *drive)
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

static void
master_completed (IdeDrive *drive)
{
  /* A guest that has started the bus master again is at the table's beginning. */
  if (drive->after_epoch == drive->channel->prd_epoch)
    set_place (drive->channel, &drive->after);
  master_forget (drive);
}

/* -- By the buffer ---------------------------------------------------------------------------------------- */

static void
dma_failed (IdeDrive *drive)
{
  IdeChannel *channel = drive->channel;

  channel->bm_status = (uint8_t)((channel->bm_status | BM_STATUS_ERROR) & ~BM_STATUS_ACTIVE);
  drive->set->master_failed (drive);
}

/* The table ended before the transfer: the bus master stops, and no interrupt comes (SFF-8038i, 3.1); the drive is left ready. */
static void
table_too_short (IdeDrive *drive)
{
  drive->channel->bm_status &= (uint8_t)~BM_STATUS_ACTIVE;
  ide_drive_stop (drive);
  drive->status = ATA_DRDY | ATA_DSC;
}

/* Moves what the buffer has or needs, as far as the bus master is started.  A descriptor moves at least two bytes, so
 * that a table without an end is bounded by the command's length. */
static void
master_pump (IdeDrive *drive)
{
  IdeChannel *channel = drive->channel;
  Dma *dma = &channel->dma;
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
      if (channel->prd_left == 0 && channel->prd_last)
        {
          table_too_short (drive);
          return;
        }
      IdePrd prd = place (channel);
      if (prd.left == 0 && !next_prd (channel, &prd))
        {
          dma_failed (drive);
          return;
        }
      set_place (channel, &prd);
      uint32_t n = MIN (channel->prd_left, drive->len - drive->pos);
      uint8_t *bytes = drive->buffer + drive->pos;
      if (!(in ? dma_write (dma, channel->prd_addr, bytes, n) : dma_read (dma, channel->prd_addr, bytes, n)))
        {
          dma_failed (drive);
          return;
        }
      channel->prd_addr += n;
      channel->prd_left -= n;
      drive->pos += n;
    }
  if (in)
    ide_buffer_empty (drive);
  else
    ide_buffer_full (drive);
}

void
ide_bmdma_settle (IdeChannel *channel)
{
  for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
    if (channel->drive[unit].direct)
      storage_port_settle (&channel->drive[unit].port);
}

void
ide_bmdma_resume (IdeChannel *channel)
{
  for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
    {
      IdeDrive *drive = &channel->drive[unit];
      if (drive->direct && storage_port_busy (&drive->port) && !holds_memory (drive))
        storage_port_cancel (&drive->port, &drive->buffer, IDE_BUFFER_SIZE);
    }
}

static void
write_command (IdeChannel *channel, uint8_t value)
{
  gboolean was = channel->bm_command & BM_COMMAND_START;

  channel->bm_command = value & (BM_COMMAND_START | BM_COMMAND_TO_MEMORY);
  if (was && !(value & BM_COMMAND_START))
    {
      /* From here on the memory is the guest's again. */
      ide_bmdma_settle (channel);
      channel->bm_status &= (uint8_t)~BM_STATUS_ACTIVE;
    }
  if (!was && (value & BM_COMMAND_START))
    {
      channel->bm_status |= BM_STATUS_ACTIVE;
      channel->prd_epoch++;
      channel->prd_next = channel->bm_table;
      channel->prd_left = 0;
      channel->prd_last = FALSE;
      master_pump (ide_selected (channel));
    }
}

static uint64_t
bmdma_read (void *opaque, uint64_t addr, unsigned size)
{
  Ide *ide = opaque;
  IdeChannel *channel = &ide->channel[addr >> 3 & 1];
  uint32_t value = 0;

  for (unsigned i = 0; i < size; i++)
    {
      unsigned reg = (addr + i) & 7;
      uint8_t byte = 0;
      if (reg == BM_COMMAND)
        byte = channel->bm_command;
      else if (reg == BM_STATUS)
        byte = channel->bm_status;
      else if (reg >= BM_TABLE)
        byte = (uint8_t)(channel->bm_table >> (8 * (reg - BM_TABLE)));
      value |= (uint32_t)byte << (8 * i);
    }
  return value;
}

static void
bmdma_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Ide *ide = opaque;
  IdeChannel *channel = &ide->channel[addr >> 3 & 1];

  for (unsigned i = 0; i < size; i++)
    {
      unsigned reg = (addr + i) & 7;
      uint8_t byte = (uint8_t)(value >> (8 * i));
      if (reg == BM_COMMAND)
        write_command (channel, byte);
      else if (reg == BM_STATUS)
        channel->bm_status
            = (uint8_t)((byte & (BM_STATUS_DMA0 | BM_STATUS_DMA1))
                        | (channel->bm_status
                           & (BM_STATUS_ACTIVE | ((BM_STATUS_ERROR | BM_STATUS_INTERRUPT) & ~byte))));
      else if (reg >= BM_TABLE)
        {
          unsigned shift = 8 * (reg - BM_TABLE);
          channel->bm_table = ((channel->bm_table & ~(0xffu << shift)) | (uint32_t)byte << shift) & ~3u;
        }
    }
}

const IoOps ide_bmdma_ops = {
  .read = bmdma_read,
  .write = bmdma_write,
  .impl_min = 1,
  .impl_max = 4,
  .valid_max = 4,
};

const IdeMaster ide_bus_master = {
  .next = master_next,
  .pump = master_pump,
  .submit = master_submit,
  .completed = master_completed,
  .forget = master_forget,
  .ended = master_ended,
};
