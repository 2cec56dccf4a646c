/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a SCSI disk makes of a command: SPC-4 (primary commands), SBC-3 (disks).  No queue, no thread, no memory of the guest's: a command and its
 * parameters come in, an answer or an order to the image comes out.
 */
#pragma once

#include "storage/mmc.h"

G_BEGIN_DECLS

#define SCSI_CDB_SIZE        16u  /* bytes of a command that are looked at */
#define SCSI_SENSE_SIZE      18u  /* of sense data in fixed format */
#define SCSI_ANSWER_SIZE     512u /* no answer is longer */
#define SCSI_PARAMETERS_SIZE 512u /* of what a command brings along, so much is looked at */
#define SCSI_BLOCK_SIZE      512u

/* SAM-5, 5.3. */
enum
{
  SCSI_STATUS_GOOD = 0x00,
  SCSI_STATUS_CHECK = 0x02,
};

typedef struct
{
  const char *serial;
  uint64_t n_blocks; /* of SCSI_BLOCK_SIZE */
  gboolean readonly;
  gboolean absent;      /* the target is there, this unit of it isn't */
  Mmc *disc;            /* it is a CD-ROM drive; NULL: a disk */
  uint8_t *disc_answer; /* MMC_ANSWER_SIZE bytes for what that says */
  gboolean attention;   /* it was reset: the next command but a few hears of it */
} ScsiUnit;

typedef enum
{
  SCSI_ANSWERED, /* it is over: `status`, the answer, the sense */
  SCSI_READ,     /* `lba`, `n` */
  SCSI_WRITE,
  SCSI_FLUSH,
  SCSI_DISCARD,
  SCSI_ZEROES,
} ScsiAction;

typedef struct
{
  ScsiAction action;
  uint8_t status;
  uint64_t lba, n;  /* blocks, within the disk; `n` is more than 0 */
  gboolean through; /* SCSI_WRITE: to stable storage */
  gboolean unmap;   /* SCSI_ZEROES: the space may be given back */
  uint8_t answer[SCSI_ANSWER_SIZE];
  const uint8_t *longer;  /* the answer is there instead; until the unit's next command */
  uint32_t answer_length; /* as the command allows */
  uint8_t sense[SCSI_SENSE_SIZE];
  uint32_t sense_length; /* 0: none */
} ScsiTask;

/* `cdb` has SCSI_CDB_SIZE bytes; `parameters` the first `length` (at most SCSI_PARAMETERS_SIZE) of those that came along.  May clear unit->attention. */
void scsi_command (ScsiUnit *unit, const uint8_t *cdb, const uint8_t *parameters, uint32_t length,
                   ScsiTask *task);
/* The same of a CD-ROM drive, but for REPORT LUNS and what stands before all commands: scsi-disc.c. */
void scsi_disc_command (ScsiUnit *unit, const uint8_t *cdb, const uint8_t *parameters, uint32_t length,
                        ScsiTask *task);
/* It ends with this sense: key, additional code, qualifier, a byte each. */
void scsi_check (ScsiTask *task, uint32_t what);
/* SCSI_SENSE_SIZE bytes.  SPC-4, 4.5.3: fixed format. */
void scsi_fill_sense (uint8_t *sense, uint32_t what);
/* What is left to say of an order that the image has refused. */
void scsi_failed (ScsiTask *task, gboolean write);

G_END_DECLS
