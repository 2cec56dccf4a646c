/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bus-master IDE: registers at BAR 4 and physical region descriptors.  SFF-8038i; 82371SB data sheet, 2.7.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-internal.h"

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
void
ide_dma_ended (IdeDrive *drive)
{
  IdeChannel *channel = drive->channel;

  if (channel->prd_last && channel->prd_left == 0)
    channel->bm_status &= (uint8_t)~BM_STATUS_ACTIVE;
}

static gboolean
next_prd (IdeChannel *channel)
{
  uint8_t prd[8];
  Dma *dma = &channel->ide->pci.dma;

  if (!dma_read (dma, channel->prd_next, prd, sizeof prd))
    return FALSE;
  uint32_t count = pci_get32 (prd + 4);
  channel->prd_next += sizeof prd;
  channel->prd_addr = pci_get32 (prd) & ~1u;
  channel->prd_left = count & 0xfffe;
  if (channel->prd_left == 0)
    channel->prd_left = 0x10000;
  channel->prd_last = (count & PRD_END_OF_TABLE) != 0;
  return TRUE;
}

static void
dma_failed (IdeDrive *drive)
{
  IdeChannel *channel = drive->channel;

  channel->bm_status = (uint8_t)((channel->bm_status | BM_STATUS_ERROR) & ~BM_STATUS_ACTIVE);
  if (drive->kind == IDE_DRIVE_CDROM && drive->command == 0xa0)
    ide_atapi_check (drive, 4, 0x08, 0x03); /* hardware error, Ultra-DMA communication error */
  else
    ide_fail (drive, ATA_ABRT);
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
void
ide_dma_pump (IdeDrive *drive)
{
  IdeChannel *channel = drive->channel;
  Dma *dma = &drive->ide->pci.dma;
  gboolean in = drive->xfer == IDE_XFER_DMA_IN;

  if ((!in && drive->xfer != IDE_XFER_DMA_OUT) || drive->io != IDE_IO_NONE
      || !(channel->bm_status & BM_STATUS_ACTIVE) || drive != ide_selected (channel))
    return;
  while (drive->pos < drive->len)
    {
      if (channel->prd_left == 0 && channel->prd_last)
        {
          table_too_short (drive);
          return;
        }
      if (channel->prd_left == 0 && !next_prd (channel))
        {
          dma_failed (drive);
          return;
        }
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

static void
write_command (IdeChannel *channel, uint8_t value)
{
  gboolean was = channel->bm_command & BM_COMMAND_START;

  channel->bm_command = value & (BM_COMMAND_START | BM_COMMAND_TO_MEMORY);
  if (was && !(value & BM_COMMAND_START))
    channel->bm_status &= (uint8_t)~BM_STATUS_ACTIVE;
  if (!was && (value & BM_COMMAND_START))
    {
      channel->bm_status |= BM_STATUS_ACTIVE;
      channel->prd_next = channel->bm_table;
      channel->prd_left = 0;
      channel->prd_last = FALSE;
      ide_dma_pump (ide_selected (channel));
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
