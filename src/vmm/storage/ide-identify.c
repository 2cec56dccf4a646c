/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * IDENTIFY DEVICE, IDENTIFY PACKET DEVICE.  ATA/ATAPI-6, 8.15 and 8.16; words of serial drives from Serial ATA 2.6, 13.2.
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide-core.h"

#include <string.h>

static void
put_word (uint8_t *data, unsigned word, uint32_t value)
{
  pci_set16 (data + 2 * word, (uint16_t)value);
}

static void
put_dword (uint8_t *data, unsigned word, uint32_t value)
{
  pci_set32 (data + 2 * word, value);
}

/* Two characters a word, the first one in the high byte; padded with spaces. */
static void
put_string (uint8_t *data, unsigned word, unsigned n_words, const char *text)
{
  size_t length = strlen (text);

  for (unsigned i = 0; i < 2 * n_words; i++)
    data[2 * word + (i ^ 1)] = i < length ? (uint8_t)text[i] : ' ';
}

static void
put_modes (IdeDrive *drive, uint8_t *data)
{
  put_word (data, 63, 0x07 | (drive->mwdma_mode & 8 ? 0x100u << (drive->mwdma_mode & 7) : 0));
  put_word (data, 64, 0x03); /* PIO 3 and 4 */
  for (unsigned word = 65; word <= 68; word++)
    put_word (data, word, 120); /* ns a cycle */
  put_word (data, 88, 0x3f | (drive->udma_mode & 8 ? 0x100u << (drive->udma_mode & 7) : 0));
  if (drive->cable->master->serial)
    {
      put_word (data, 76,
                (drive->kind == IDE_DRIVE_DISK ? 1 << 8 : 0) | 1 << 2 | 1 << 1); /* NCQ; 3 and 1.5 Gbit/s */
      put_word (data, 222, 0x101f);                                              /* Serial ATA, to 2.6 */
      return;
    }
  /* 80-conductor cable seen; the reset results of device 0 or 1. */
  put_word (data, 93, drive->unit == 0 ? 0x600b : 0x6b00);
}

void
ide_identify_disk (IdeDrive *drive, uint8_t *data)
{
  uint32_t current = drive->cur_cylinders * drive->cur_heads * drive->cur_sectors;
  const gboolean serial = drive->cable->master->serial;
  /* SMART's logs, FUA; logs of general purpose, a name. */
  const uint32_t extended = 0x4041u | (serial ? 0x20u : 0) | (drive->wwn != 0 ? 0x100u : 0);

  memset (data, 0, 512);
  put_word (data, 0, 0x0040);
  put_word (data, 1, drive->cylinders);
  put_word (data, 3, drive->heads);
  put_word (data, 4, drive->sectors * 512);
  put_word (data, 5, 512);
  put_word (data, 6, drive->sectors);
  put_string (data, 10, 10, drive->serial);
  put_word (data, 20, 3);
  put_word (data, 21, 512); /* buffer, in sectors */
  put_word (data, 22, 4);
  put_string (data, 23, 4, drive->revision);
  put_string (data, 27, 20, drive->model);
  put_word (data, 47, 0x8000 | IDE_MAX_MULTIPLE);
  put_word (data, 48, 1);      /* 32 bit data port */
  put_word (data, 49, 0x0f00); /* IORDY, LBA, DMA */
  put_word (data, 50, 0x4000);
  put_word (data, 51, 0x0200);
  put_word (data, 52, 0x0200);
  put_word (data, 53, 0x0007);
  put_word (data, 54, drive->cur_cylinders);
  put_word (data, 55, drive->cur_heads);
  put_word (data, 56, drive->cur_sectors);
  put_dword (data, 57, current);
  put_word (data, 59, drive->multiple != 0 ? 0x100u | drive->multiple : 0);
  put_dword (data, 60, (uint32_t)MIN (drive->n_sectors, 0x0fffffff));
  put_modes (drive, data);
  put_word (data, 80, 0x00f0); /* ATA/ATAPI-4 to -7 */
  put_word (data, 81, 0x0016);
  put_word (data, 82, 0x7069); /* NOP, buffers, look-ahead, write cache, power management, SMART */
  put_word (data, 83, 0x7408); /* FLUSH CACHE, EXT, 48 bit, APM */
  put_word (data, 84, extended);
  put_word (data, 85,
            0x7008u | (drive->look_ahead ? 0x40 : 0) | (drive->write_cache ? 0x20 : 0)
                | (drive->smart ? 1 : 0));
  put_word (data, 86, 0x3400u | (drive->apm != 0 ? 8 : 0));
  put_word (data, 87, extended);
  put_word (data, 91, drive->apm);
  if (serial)
    put_word (data, 75, 31); /* tags, less one */
  for (unsigned i = 0; i < 4 && drive->wwn != 0; i++)
    put_word (data, 108 + i, (uint32_t)(drive->wwn >> (48 - 16 * i)) & 0xffff);
  put_dword (data, 100, (uint32_t)drive->n_sectors);
  put_dword (data, 102, (uint32_t)(drive->n_sectors >> 32));
  put_word (data, 105, 8); /* blocks of TRIM ranges */
  put_word (data, 106, 0x4000);
  put_word (data, 169, 1); /* TRIM */
  put_word (data, 217, 1); /* doesn't rotate */
  data[510] = 0xa5;
  ide_put_checksum (data);
}

void
ide_identify_cdrom (IdeDrive *drive, uint8_t *data)
{
  memset (data, 0, 512);
  put_word (data, 0, 0x85c0); /* packet device, CD-ROM, removable, DRQ within 50 µs, 12 byte packets */
  put_string (data, 10, 10, drive->serial);
  put_word (data, 20, 3);
  put_word (data, 21, 512);
  put_word (data, 22, 4);
  put_string (data, 23, 4, drive->revision);
  put_string (data, 27, 20, drive->model);
  put_word (data, 48, 1);
  put_word (data, 49, 0x0f00);
  put_word (data, 51, 0x0200);
  put_word (data, 52, 0x0200);
  put_word (data, 53, 0x0006);
  put_modes (drive, data);
  put_word (data, 71, 30); /* ns until the bus is released, and until BSY falls after SERVICE */
  put_word (data, 72, 30);
  put_word (data, 80, drive->cable->master->serial ? 0x00f0 : 0x001e);
  put_word (data, 82, 0x0210); /* DEVICE RESET, PACKET */
  put_word (data, 83, 0x4000);
  put_word (data, 84, 0x4000);
  put_word (data, 85, 0x0210);
  put_word (data, 87, 0x4000);
}
