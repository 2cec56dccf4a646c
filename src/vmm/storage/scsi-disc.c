/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a CD-ROM drive on SCSI makes of a command: storage/mmc.h's answers as tasks of scsi-command.h.
 */
#define G_LOG_DOMAIN "scsi"

#include "storage/scsi-command.h"

#include "core/big-endian.h"

#include <string.h>

enum
{
  REQUEST_SENSE = 0x03,
};
#define INVALID_FIELD    0x052400u
#define PARAMETER_LENGTH 0x051a00u
/* Of SCSI_BLOCK_SIZE in a sector. */
#define BLOCKS (MMC_SECTOR_SIZE / SCSI_BLOCK_SIZE)

/* What waits to be said of the disc; else that there is nothing. */
static void
request_sense (Mmc *disc, const uint8_t *cdb, ScsiTask *task)
{
  uint32_t what = 0;

  if (disc->medium_change == 1)
    {
      disc->medium_change = 0;
      what = MMC_SENSE_UNIT_ATTENTION << 16 | MMC_ASC_MEDIUM_CHANGED << 8;
    }
  scsi_fill_sense (task->answer, what);
  task->answer_length = MIN (SCSI_SENSE_SIZE, cdb[4]);
}

static void
select_parameters (ScsiUnit *unit, const uint8_t *parameters, uint32_t length, ScsiTask *task)
{
  Mmc *disc = unit->disc;

  if (disc->length > length)
    {
      scsi_check (task, PARAMETER_LENGTH);
      return;
    }
  memcpy (unit->disc_answer, parameters, disc->length);
  mmc_mode_select (disc, disc->length);
  if (disc->outcome == MMC_CHECK)
    scsi_check (task, (uint32_t)disc->key << 16 | (uint32_t)disc->asc << 8 | disc->ascq);
}

void
scsi_disc_command (ScsiUnit *unit, const uint8_t *cdb, const uint8_t *parameters, uint32_t length,
                   ScsiTask *task)
{
  Mmc *disc = unit->disc;

  if (cdb[0] == REQUEST_SENSE)
    {
      request_sense (disc, cdb, task);
      return;
    }
  disc->cdb = cdb;
  disc->buffer = unit->disc_answer;
  mmc_command (disc);
  switch (disc->outcome)
    {
    case MMC_DONE:
      break;
    case MMC_REPLY:
      task->longer = unit->disc_answer;
      task->answer_length = disc->length;
      break;
    case MMC_CHECK:
      scsi_check (task, (uint32_t)disc->key << 16 | (uint32_t)disc->asc << 8 | disc->ascq);
      break;
    case MMC_READ:
      if (disc->raw != MMC_RAW_USER_DATA)
        {
          scsi_check (task, INVALID_FIELD); /* nobody reads raw sectors from here */
          break;
        }
      task->action = SCSI_READ;
      task->lba = (uint64_t)disc->lba * BLOCKS;
      task->n = (uint64_t)disc->n * BLOCKS;
      break;
    case MMC_SELECT:
      select_parameters (unit, parameters, length, task);
      break;
    }
}
