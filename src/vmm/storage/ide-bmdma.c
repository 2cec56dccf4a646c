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

static IdeChannel *
channel_of (const IdeDrive *drive)
{
  return (IdeChannel *)drive->cable;
}

/* -- Interrupts -------------------------------------------------------------------------------------- */

void
ide_update_irq (IdeChannel *channel)
{
  gboolean level = ide_selected (channel)->intrq && !(channel->control & ATA_CONTROL_NIEN);

  if (level == channel->irq_level)
    return;
  channel->irq_level = level;
  if (level)
    channel->bm_status |= BM_STATUS_INTERRUPT; /* the edge is latched */
  irq_set (&channel->irq, level);
}

static void
master_raise (IdeDrive *drive)
{
  drive->intrq = TRUE;
  ide_update_irq (channel_of (drive));
}

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
  IdeChannel *channel = channel_of (drive);

  if (channel->prd_last && channel->prd_left == 0)
    channel->bm_status &= (uint8_t)~BM_STATUS_ACTIVE;
}

/* -- The table --------------------------------------------------------------------------------------- */

static IdePrd
master_place (const IdeDrive *drive)
{
  const IdeChannel *channel = channel_of (drive);

  return (IdePrd){ channel->prd_next, channel->prd_addr, channel->prd_left, channel->prd_last };
}

static void
master_set_place (IdeDrive *drive, const IdePrd *prd)
{
  IdeChannel *channel = channel_of (drive);

  channel->prd_next = (uint32_t)prd->next;
  channel->prd_addr = (uint32_t)prd->addr;
  channel->prd_left = prd->left;
  channel->prd_last = prd->last;
}

static gboolean
master_next (IdeDrive *drive, IdePrd *prd)
{
  uint8_t entry[8];

  if (!dma_read (&drive->cable->dma, prd->next, entry, sizeof entry))
    return FALSE;
  uint32_t count = pci_get32 (entry + 4);
  prd->next = (uint32_t)(prd->next + sizeof entry);
  prd->addr = pci_get32 (entry) & ~1u;
  prd->left = count & 0xfffe;
  if (prd->left == 0)
    prd->left = 0x10000;
  prd->last = (count & PRD_END_OF_TABLE) != 0;
  return TRUE;
}

static gboolean
master_can_run (const IdeDrive *drive)
{
  IdeChannel *channel = channel_of (drive);

  return (channel->bm_status & BM_STATUS_ACTIVE) && drive == ide_selected (channel);
}

static void
master_failed (IdeDrive *drive)
{
  IdeChannel *channel = channel_of (drive);

  channel->bm_status = (uint8_t)((channel->bm_status | BM_STATUS_ERROR) & ~BM_STATUS_ACTIVE);
  drive->set->master_failed (drive);
}

/* The bus master stops, and no interrupt comes (SFF-8038i, 3.1); the drive is left ready. */
static void
master_exhausted (IdeDrive *drive)
{
  channel_of (drive)->bm_status &= (uint8_t)~BM_STATUS_ACTIVE;
  ide_drive_stop (drive);
  drive->status = ATA_DRDY | ATA_DSC;
}

void
ide_bmdma_settle (IdeChannel *channel)
{
  for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
    ide_master_settle (&channel->drive[unit]);
}

void
ide_bmdma_resume (IdeChannel *channel)
{
  for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
    ide_master_resume (&channel->drive[unit]);
}

/* -- Registers ------------------------------------------------------------------------------------------- */

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
      channel->cable.epoch++;
      channel->prd_next = channel->bm_table;
      channel->prd_left = 0;
      channel->prd_last = FALSE;
      ide_master_pump (ide_selected (channel));
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
  .raise = master_raise,
  .ended = master_ended,
  .place = master_place,
  .set_place = master_set_place,
  .next = master_next,
  .can_run = master_can_run,
  .failed = master_failed,
  .exhausted = master_exhausted,
};
