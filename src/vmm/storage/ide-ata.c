/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands of ATA disks.  ATA/ATAPI-6 (T13/1410D) chapter 8; old aliases from ATA-1 to ATA-3; TRIM from ACS-2.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-ata.h"

#include <string.h>

#define LBA28_SECTORS   0x0fffffffu
#define TRIM_RANGES_MAX (IDE_BUFFER_SIZE / 8)

/* -- Addresses ----------------------------------------------------------------------------------- */

/* Reads address and count from the task file.  FALSE, and the command ended with IDNF, if they leave the disk. */
static gboolean
get_address (IdeDrive *drive, gboolean ext)
{
  uint64_t lba = (uint32_t)drive->lba_high << 16 | (uint32_t)drive->lba_mid << 8 | drive->lba_low;

  drive->ext = ext;
  drive->left = drive->count != 0 ? drive->count : 256;
  if (ext)
    {
      uint32_t count = (uint32_t)drive->hob_count << 8 | drive->count;
      lba |= (uint64_t)drive->hob_lba_high << 40 | (uint64_t)drive->hob_lba_mid << 32
             | (uint64_t)drive->hob_lba_low << 24;
      drive->left = count != 0 ? count : 65536;
    }
  else if (drive->device & ATA_DEVICE_LBA)
    lba |= (uint32_t)(drive->device & 0x0f) << 24;
  else
    {
      uint32_t cylinder = (uint32_t)drive->lba_high << 8 | drive->lba_mid;
      uint32_t head = drive->device & 0x0f;
      lba = ((uint64_t)cylinder * drive->cur_heads + head) * drive->cur_sectors + drive->lba_low - 1;
      if (drive->lba_low == 0 || drive->lba_low > drive->cur_sectors || head >= drive->cur_heads)
        lba = G_MAXUINT64 / 2;
    }
  drive->lba = lba;
  if (lba >= drive->n_sectors || drive->left > drive->n_sectors - lba)
    {
      ide_fail (drive, ATA_IDNF);
      return FALSE;
    }
  return TRUE;
}

/* The sector that the command ended at, in the form that it was given. */
static void
set_address (IdeDrive *drive, uint64_t lba)
{
  if (!drive->ext && !(drive->device & ATA_DEVICE_LBA))
    {
      uint32_t heads = MAX (drive->cur_heads, 1), sectors = MAX (drive->cur_sectors, 1);
      uint64_t cylinder = lba / (heads * sectors);
      uint32_t rest = (uint32_t)(lba % (heads * sectors));
      drive->lba_low = (uint8_t)(rest % sectors + 1);
      drive->device = (uint8_t)((drive->device & 0xf0) | ((rest / sectors) & 0x0f));
      drive->lba_mid = (uint8_t)cylinder;
      drive->lba_high = (uint8_t)(cylinder >> 8);
      return;
    }
  drive->lba_low = (uint8_t)lba;
  drive->lba_mid = (uint8_t)(lba >> 8);
  drive->lba_high = (uint8_t)(lba >> 16);
  if (drive->ext)
    {
      drive->hob_lba_low = (uint8_t)(lba >> 24);
      drive->hob_lba_mid = (uint8_t)(lba >> 32);
      drive->hob_lba_high = (uint8_t)(lba >> 40);
    }
  else
    drive->device = (uint8_t)((drive->device & 0xf0) | (lba >> 24 & 0x0f));
}

/* -- Reads and writes ---------------------------------------------------------------------------- */

static void
start_read (IdeDrive *drive, gboolean ext, IdeXfer xfer, uint32_t block)
{
  if (block == 0)
    {
      ide_fail (drive, ATA_ABRT); /* READ MULTIPLE while it is off */
      return;
    }
  if (!get_address (drive, ext))
    return;
  drive->task = IDE_TASK_READ;
  drive->xfer = ide_xfer (drive, xfer);
  drive->drq_size = block * BLOCK_SECTOR_SIZE;
  ide_fetch (drive);
}

static void
start_write (IdeDrive *drive, gboolean ext, IdeXfer xfer, uint32_t block, gboolean fua)
{
  if (block == 0 || block_read_only (drive->port.block))
    {
      ide_fail (drive, ATA_ABRT);
      return;
    }
  if (!get_address (drive, ext))
    return;
  drive->task = IDE_TASK_WRITE;
  drive->xfer = ide_xfer (drive, xfer);
  drive->fua = fua;
  drive->drq_size = block * BLOCK_SECTOR_SIZE;
  ide_start_write (drive, TRUE);
}

static void
verify (IdeDrive *drive, gboolean ext)
{
  if (!get_address (drive, ext))
    return;
  set_address (drive, drive->lba + drive->left - 1);
  ide_done (drive, TRUE);
}

/* ACS-2, 7.10: each range is 48 bits of address and 16 of count. */
static void
data_set_management (IdeDrive *drive)
{
  uint32_t blocks = (uint32_t)drive->hob_count << 8 | drive->count;

  if (!(drive->features & 1) || blocks == 0 || blocks > IDE_BUFFER_SIZE / BLOCK_SECTOR_SIZE
      || block_read_only (drive->port.block))
    ide_fail (drive, ATA_ABRT);
  else
    ide_take (drive, IDE_TASK_TRIM, IDE_XFER_DMA_OUT, blocks * BLOCK_SECTOR_SIZE);
}

static void
trim_next (IdeDrive *drive)
{
  while (drive->trim_next < TRIM_RANGES_MAX && drive->trim_next * 8 + 8 <= drive->len)
    {
      const uint8_t *range = drive->buffer + drive->trim_next * 8;
      uint64_t lba = pci_get32 (range) | (uint64_t)pci_get16 (range + 4) << 32;
      uint32_t count = pci_get16 (range + 6);
      drive->trim_next++;
      if (count == 0)
        continue;
      if (lba >= drive->n_sectors || count > drive->n_sectors - lba)
        {
          ide_fail (drive, ATA_IDNF);
          return;
        }
      drive->lba = lba;
      drive->io_sectors = count;
      ide_start_io (drive, IDE_IO_DISCARD);
      return;
    }
  ide_done (drive, TRUE);
}

/* -- Settings ------------------------------------------------------------------------------------ */

/* ATA-5, 8.16: the guest's BIOS translation. */
static void
initialize_parameters (IdeDrive *drive)
{
  uint32_t heads = (drive->device & 0x0f) + 1u, sectors = drive->count;

  if (sectors == 0)
    {
      ide_fail (drive, ATA_ABRT);
      return;
    }
  drive->cur_heads = heads;
  drive->cur_sectors = sectors;
  drive->cur_cylinders = (uint32_t)MIN (drive->n_sectors / (heads * sectors), 65535);
  ide_done (drive, TRUE);
}

static void
set_multiple (IdeDrive *drive)
{
  uint8_t n = drive->count;

  if (n > IDE_MAX_MULTIPLE || (n & (n - 1)) != 0)
    {
      drive->multiple = 0;
      ide_fail (drive, ATA_ABRT);
      return;
    }
  drive->multiple = n;
  ide_done (drive, TRUE);
}

static void
read_native_max (IdeDrive *drive, gboolean ext)
{
  uint64_t last = drive->n_sectors - 1;

  drive->ext = ext;
  drive->device |= ATA_DEVICE_LBA;
  set_address (drive, ext ? last : MIN (last, LBA28_SECTORS - 1));
  ide_done (drive, TRUE);
}

/* -- Dispatch ------------------------------------------------------------------------------------ */

static gboolean
transfer_command (IdeDrive *drive, uint8_t command)
{
  switch (command)
    {
    case 0x20: /* READ SECTORS; 21: without retry */
    case 0x21:
    case 0x24: /* EXT */
      start_read (drive, command == 0x24, IDE_XFER_PIO_IN, 1);
      return TRUE;
    case 0x29: /* READ MULTIPLE EXT */
    case 0xc4:
      start_read (drive, command == 0x29, IDE_XFER_PIO_IN, drive->multiple);
      return TRUE;
    case 0x25: /* READ DMA EXT */
    case 0xc8:
    case 0xc9:
      start_read (drive, command == 0x25, IDE_XFER_DMA_IN, 1);
      return TRUE;
    case 0x30: /* WRITE SECTORS */
    case 0x31:
    case 0x34:
    case 0x3c: /* WRITE VERIFY */
      start_write (drive, command == 0x34, IDE_XFER_PIO_OUT, 1, FALSE);
      return TRUE;
    case 0x39: /* WRITE MULTIPLE EXT */
    case 0xce: /* … FUA EXT */
    case 0xc5:
      start_write (drive, command != 0xc5, IDE_XFER_PIO_OUT, drive->multiple, command == 0xce);
      return TRUE;
    case 0x35: /* WRITE DMA EXT */
    case 0x3d: /* … FUA EXT */
    case 0xca:
    case 0xcb:
      start_write (drive, command == 0x35 || command == 0x3d, IDE_XFER_DMA_OUT, 1, command == 0x3d);
      return TRUE;
    case 0x40: /* READ VERIFY SECTORS */
    case 0x41:
    case 0x42:
      verify (drive, command == 0x42);
      return TRUE;
    case 0xe7: /* FLUSH CACHE */
    case 0xea:
      ide_flush (drive);
      return TRUE;
    case 0x06:
      data_set_management (drive);
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
power_command (IdeDrive *drive, uint8_t command)
{
  switch (command)
    {
    case 0x94: /* STANDBY IMMEDIATE */
    case 0x96: /* STANDBY */
    case 0xe0:
    case 0xe2:
      drive->power = 0x00;
      break;
    case 0x95: /* IDLE IMMEDIATE */
    case 0x97: /* IDLE */
    case 0xe1:
    case 0xe3:
      drive->power = 0x80;
      break;
    case 0x98: /* CHECK POWER MODE */
    case 0xe5:
      drive->count = drive->power;
      break;
    case 0x99: /* SLEEP: only a reset wakes a real one; ours answers */
    case 0xe6:
      drive->power = 0x00;
      break;
    default:
      return FALSE;
    }
  ide_done (drive, TRUE);
  return TRUE;
}

static void
ata_command (IdeDrive *drive, uint8_t command)
{
  drive->fua = drive->ext = drive->pio = FALSE;
  if (power_command (drive, command))
    return;
  if (transfer_command (drive, command))
    {
      drive->power = 0xff; /* spun up and active */
      return;
    }
  switch (command)
    {
    case 0x10 ... 0x1f: /* RECALIBRATE */
      drive->lba_mid = drive->lba_high = 0;
      ide_done (drive, TRUE);
      break;
    case 0x70 ... 0x7f: /* SEEK */
      drive->count = 1;
      if (get_address (drive, FALSE))
        ide_done (drive, TRUE);
      break;
    case 0x91:
      initialize_parameters (drive);
      break;
    case 0xb0:
      ide_smart (drive);
      break;
    case 0xc6:
      set_multiple (drive);
      break;
    case 0x2f:
    case 0x47:
      ide_read_log (drive, command == 0x47);
      break;
    case 0xe4: /* READ BUFFER */
      ide_reply (drive, 512);
      break;
    case 0xe8: /* WRITE BUFFER */
      ide_take (drive, IDE_TASK_SINK, IDE_XFER_PIO_OUT, 512);
      break;
    case 0xec: /* IDENTIFY DEVICE */
    case 0xee: /* IDENTIFY DEVICE DMA, from ATA-4 */
      ide_identify_disk (drive, drive->buffer);
      drive->xfer = command == 0xee ? IDE_XFER_DMA_IN : IDE_XFER_PIO_IN;
      ide_reply (drive, 512);
      break;
    case 0xef:
      ide_set_features (drive);
      break;
    case 0xf5: /* SECURITY FREEZE LOCK: firmware sends it to every disk */
      ide_done (drive, TRUE);
      break;
    case 0x27: /* READ NATIVE MAX ADDRESS EXT */
    case 0xf8:
      read_native_max (drive, command == 0x27);
      break;
    default:
      /* NOP, PACKET and IDENTIFY PACKET DEVICE too: that is how a disk says that it is none. */
      ide_fail (drive, ATA_ABRT);
      break;
    }
}

/* -- The table ----------------------------------------------------------------------------------- */

static void
block_in (IdeDrive *drive)
{
  drive->drq_end = MIN (drive->pos + drive->drq_size, drive->len);
  drive->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
  ide_raise (drive);
}

static void
taken (IdeDrive *drive)
{
  if (drive->task != IDE_TASK_TRIM)
    {
      ide_fail (drive, ATA_ABRT); /* only a loaded state has a disk take a packet */
      return;
    }
  drive->trim_next = 0;
  drive->status = (uint8_t)((drive->status & ~ATA_DRQ) | ATA_BSY);
  trim_next (drive);
}

static void
finish (IdeDrive *drive, gboolean irq)
{
  if ((drive->task == IDE_TASK_READ || drive->task == IDE_TASK_WRITE) && drive->lba > 0)
    set_address (drive, drive->lba - 1);
  ide_done (drive, irq);
}

static void
image_failed (IdeDrive *drive)
{
  if (drive->task == IDE_TASK_WRITE || drive->task == IDE_TASK_READ)
    {
      set_address (drive, drive->lba);
      ide_abort_status (drive, drive->task == IDE_TASK_READ ? ATA_UNC : ATA_ABRT, 0);
    }
  else
    ide_abort_status (drive, ATA_ABRT, ATA_DF);
}

static void
master_failed (IdeDrive *drive)
{
  ide_fail (drive, ATA_ABRT);
}

const IdeCommandSet ide_ata_set = {
  .command = ata_command,
  .block_in = block_in,
  .taken = taken,
  .discarded = trim_next,
  .finish = finish,
  .image_failed = image_failed,
  .master_failed = master_failed,
};
