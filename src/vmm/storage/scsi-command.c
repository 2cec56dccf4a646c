/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * SCSI disks.  Each answer is built in full and then cut at the allocation length.
 */
#define G_LOG_DOMAIN "scsi"

#include "storage/scsi-command.h"

#include "core/big-endian.h"

#include <string.h>

enum
{
  TEST_UNIT_READY = 0x00,
  REQUEST_SENSE = 0x03,
  READ_6 = 0x08,
  WRITE_6 = 0x0a,
  INQUIRY = 0x12,
  MODE_SENSE_6 = 0x1a,
  START_STOP_UNIT = 0x1b,
  PREVENT_ALLOW = 0x1e,
  READ_CAPACITY_10 = 0x25,
  READ_10 = 0x28,
  WRITE_10 = 0x2a,
  VERIFY_10 = 0x2f,
  SYNCHRONIZE_CACHE_10 = 0x35,
  WRITE_SAME_10 = 0x41,
  UNMAP = 0x42,
  MODE_SENSE_10 = 0x5a,
  READ_16 = 0x88,
  WRITE_16 = 0x8a,
  VERIFY_16 = 0x8f,
  SYNCHRONIZE_CACHE_16 = 0x91,
  WRITE_SAME_16 = 0x93,
  SERVICE_ACTION_IN_16 = 0x9e,
  REPORT_LUNS = 0xa0,
  READ_12 = 0xa8,
  WRITE_12 = 0xaa,
};
#define READ_CAPACITY_16 0x10 /* a service action */

/* Sense key, additional code and qualifier. */
#define NOT_SUPPORTED_UNIT 0x052500u
#define INVALID_OPCODE     0x052000u
#define INVALID_FIELD      0x052400u
#define INVALID_PARAMETER  0x052600u
#define PARAMETER_LENGTH   0x051a00u
#define OUT_OF_RANGE       0x052100u
#define NO_SAVED_PAGES     0x053900u
#define WRITE_PROTECTED    0x072700u
#define ATTENTION_RESET    0x062900u
#define MEDIUM_READ        0x031100u
#define MEDIUM_WRITE       0x030c00u

#define MOST_ZEROES (UINT32_MAX / SCSI_BLOCK_SIZE) /* blocks of WRITE SAME and UNMAP */

static uint64_t
get_be64 (const uint8_t *from)
{
  return (uint64_t)get_be32 (from) << 32 | get_be32 (from + 4);
}

static void
put_be64 (uint8_t *to, uint64_t value)
{
  put_be32 (to, (uint32_t)(value >> 32));
  put_be32 (to + 4, (uint32_t)value);
}

void
scsi_fill_sense (uint8_t *sense, uint32_t what)
{
  memset (sense, 0, SCSI_SENSE_SIZE);
  sense[0] = 0x70;
  sense[2] = (uint8_t)(what >> 16);
  sense[7] = SCSI_SENSE_SIZE - 8;
  sense[12] = (uint8_t)(what >> 8);
  sense[13] = (uint8_t)what;
}

void
scsi_check (ScsiTask *task, uint32_t what)
{
  task->action = SCSI_ANSWERED;
  task->status = SCSI_STATUS_CHECK;
  task->answer_length = 0;
  task->sense_length = SCSI_SENSE_SIZE;
  scsi_fill_sense (task->sense, what);
}

void
scsi_failed (ScsiTask *task, gboolean write)
{
  scsi_check (task, write ? MEDIUM_WRITE : MEDIUM_READ);
}

static void
answer (ScsiTask *task, uint32_t length, uint32_t allocation)
{
  task->answer_length = MIN (length, allocation);
}

static void
put_padded (uint8_t *to, const char *text, size_t n)
{
  memset (to, ' ', n);
  memcpy (to, text, MIN (strlen (text), n));
}

/* -- What it is ----------------------------------------------------------------------------------- */

/* SPC-4, 7.8; SBC-3, 6.6. */
static void
vital_page (const ScsiUnit *unit, const uint8_t *cdb, ScsiTask *task)
{
  static const uint8_t pages[] = { 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2 };
  const uint32_t serial = (uint32_t)MIN (strlen (unit->serial), 32);
  uint8_t *data = task->answer;
  uint32_t n;

  data[1] = cdb[2];
  switch (cdb[2])
    {
    case 0x00:
      n = sizeof pages;
      memcpy (data + 4, pages, n);
      break;
    case 0x80: /* serial number */
      n = serial;
      memcpy (data + 4, unit->serial, n);
      break;
    case 0x83: /* designator: by the maker's name and the serial number, ASCII */
      n = 4 + 8 + serial;
      data[4] = 2;
      data[5] = 1;
      data[7] = (uint8_t)(8 + serial);
      put_padded (data + 8, "Vivarium", 8);
      memcpy (data + 16, unit->serial, serial);
      break;
    case 0xb0: /* limits */
      n = 0x3c;
      data[5] = 0;                       /* no COMPARE AND WRITE */
      put_be16 (data + 6, 8);            /* best in pieces of 4 KiB */
      put_be32 (data + 20, MOST_ZEROES); /* blocks of UNMAP… */
      put_be32 (data + 24, 1);           /* …in one descriptor */
      put_be32 (data + 28, 8);           /* granularity */
      put_be64 (data + 36, MOST_ZEROES); /* blocks of WRITE SAME */
      break;
    case 0xb1: /* characteristics: nothing rotates */
      n = 0x3c;
      put_be16 (data + 4, 1);
      break;
    case 0xb2: /* provisioning: UNMAP, WRITE SAME of 16 and 10 bytes; thin */
      n = 4;
      data[5] = unit->readonly ? 0 : 0xe0;
      data[6] = unit->readonly ? 0 : 2;
      break;
    default:
      scsi_check (task, INVALID_FIELD);
      return;
    }
  put_be16 (data + 2, n);
  answer (task, n + 4, get_be16 (cdb + 3));
}

static void
inquiry (const ScsiUnit *unit, const uint8_t *cdb, ScsiTask *task)
{
  uint8_t *data = task->answer;

  if (unit->absent)
    data[0] = 0x7f; /* there is none, and can't be */
  if (cdb[1] & 1)
    {
      if (unit->absent)
        scsi_check (task, INVALID_FIELD);
      else
        vital_page (unit, cdb, task);
      return;
    }
  if (cdb[2] != 0)
    {
      scsi_check (task, INVALID_FIELD);
      return;
    }
  data[2] = 5;    /* SPC-3 */
  data[3] = 0x12; /* LUNs by levels; the format of this */
  data[4] = 31;
  data[7] = 2; /* takes several commands at a time */
  put_padded (data + 8, "Vivarium", 8);
  put_padded (data + 16, "Disk", 16);
  put_padded (data + 32, "1", 4);
  answer (task, 36, get_be16 (cdb + 3));
}

static void
report_luns (const uint8_t *cdb, ScsiTask *task)
{
  const uint32_t allocation = get_be32 (cdb + 6);

  if (cdb[2] > 2 || allocation < 16)
    {
      scsi_check (task, INVALID_FIELD);
      return;
    }
  /* LUN 0 alone, and no well-known one. */
  if (cdb[2] != 1)
    put_be32 (task->answer, 8);
  answer (task, cdb[2] != 1 ? 16 : 8, allocation);
}

static void
read_capacity_10 (const ScsiUnit *unit, ScsiTask *task)
{
  put_be32 (task->answer, unit->n_blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)unit->n_blocks - 1);
  put_be32 (task->answer + 4, SCSI_BLOCK_SIZE);
  answer (task, 8, 8);
}

static void
read_capacity_16 (const ScsiUnit *unit, const uint8_t *cdb, ScsiTask *task)
{
  if ((cdb[1] & 0x1f) != READ_CAPACITY_16)
    {
      scsi_check (task, INVALID_FIELD);
      return;
    }
  put_be64 (task->answer, unit->n_blocks - 1);
  put_be32 (task->answer + 8, SCSI_BLOCK_SIZE);
  task->answer[13] = 3; /* 2^3 blocks are one of the host's */
  task->answer[14] = unit->readonly ? 0 : 0x80;
  answer (task, 32, get_be32 (cdb + 10));
}

/* SPC-4, 7.5; SBC-3, 6.5. */
static uint32_t
mode_page (uint8_t page, unsigned control, uint8_t *data)
{
  uint32_t n;

  switch (page)
    {
    case 0x08: /* caching: written back; nothing of it can be changed */
      n = 18;
      if (control != 1)
        data[2] = 4;
      break;
    case 0x0a: /* control: commands may overtake each other */
      n = 10;
      if (control != 1)
        data[3] = 0x10;
      break;
    default:
      return 0;
    }
  data[0] = page;
  data[1] = (uint8_t)n;
  return n + 2;
}

static void
mode_sense (const ScsiUnit *unit, const uint8_t *cdb, ScsiTask *task)
{
  const gboolean ten = cdb[0] == MODE_SENSE_10;
  const unsigned control = cdb[2] >> 6;
  const uint8_t page = cdb[2] & 0x3f, subpage = cdb[3];
  const uint32_t header = ten ? 8 : 4;
  const uint8_t device = (uint8_t)((unit->readonly ? 0x80 : 0) | 0x10); /* protected; DPO and FUA */
  uint8_t *data = task->answer;
  uint32_t length = header;

  if (control == 3)
    {
      scsi_check (task, NO_SAVED_PAGES);
      return;
    }
  if (page == 0x08 || page == 0x3f)
    length += mode_page (0x08, control, data + length);
  if (page == 0x0a || page == 0x3f)
    length += mode_page (0x0a, control, data + length);
  if (length == header || (subpage != 0 && subpage != 0xff))
    {
      scsi_check (task, INVALID_FIELD);
      return;
    }
  if (ten)
    {
      put_be16 (data, length - 2);
      data[3] = device;
    }
  else
    {
      data[0] = (uint8_t)(length - 1);
      data[2] = device;
    }
  answer (task, length, ten ? get_be16 (cdb + 7) : cdb[4]);
}

static void
request_sense (const ScsiUnit *unit, const uint8_t *cdb, ScsiTask *task)
{
  if (cdb[1] & 1)
    {
      scsi_check (task, INVALID_FIELD);
      return;
    }
  scsi_fill_sense (task->answer, unit->absent ? NOT_SUPPORTED_UNIT : 0);
  answer (task, SCSI_SENSE_SIZE, cdb[4]);
}

/* -- What is on it ---------------------------------------------------------------------------------- */

/* Where and how much, by the length of the command. */
static void
get_extent (const uint8_t *cdb, uint64_t *lba, uint64_t *n)
{
  switch (cdb[0] >> 5)
    {
    case 0:
      *lba = get_be32 (cdb) & 0x1fffff;
      *n = cdb[4] != 0 ? cdb[4] : 256;
      break;
    case 1:
    case 2:
      *lba = get_be32 (cdb + 2);
      *n = get_be16 (cdb + 7);
      break;
    case 5:
      *lba = get_be32 (cdb + 2);
      *n = get_be32 (cdb + 6);
      break;
    default:
      *lba = get_be64 (cdb + 2);
      *n = get_be32 (cdb + 10);
      break;
    }
}

static gboolean
is_within (const ScsiUnit *unit, const ScsiTask *task)
{
  return task->lba <= unit->n_blocks && task->n <= unit->n_blocks - task->lba;
}

static void
order (const ScsiUnit *unit, ScsiAction action, ScsiTask *task)
{
  if (action != SCSI_READ && unit->readonly)
    scsi_check (task, WRITE_PROTECTED);
  else if (!is_within (unit, task))
    scsi_check (task, OUT_OF_RANGE);
  else
    task->action = task->n > 0 ? action : SCSI_ANSWERED;
}

static void
transfer (const ScsiUnit *unit, const uint8_t *cdb, gboolean write, ScsiTask *task)
{
  const gboolean six = cdb[0] >> 5 == 0;

  get_extent (cdb, &task->lba, &task->n);
  if (!six && (cdb[1] & 0xe0) != 0) /* protection information */
    {
      scsi_check (task, INVALID_FIELD);
      return;
    }
  task->through = !six && (cdb[1] & 8);
  order (unit, write ? SCSI_WRITE : SCSI_READ, task);
}

static void
verify (const ScsiUnit *unit, const uint8_t *cdb, ScsiTask *task)
{
  get_extent (cdb, &task->lba, &task->n);
  if (cdb[1] & 6) /* comparing */
    scsi_check (task, INVALID_FIELD);
  else if (!is_within (unit, task))
    scsi_check (task, OUT_OF_RANGE);
}

/* Of zeroes only: the one pattern that anybody writes so. */
static void
write_same (const ScsiUnit *unit, const uint8_t *cdb, const uint8_t *parameters, uint32_t length,
            ScsiTask *task)
{
  const gboolean without = cdb[0] == WRITE_SAME_16 && (cdb[1] & 1);
  uint8_t any = 0;

  get_extent (cdb, &task->lba, &task->n);
  for (uint32_t i = 0; !without && i < MIN (length, SCSI_BLOCK_SIZE); i++)
    any |= parameters[i];
  if ((!without && length < SCSI_BLOCK_SIZE) || any != 0 || (cdb[1] & 0xf0) != 0)
    {
      scsi_check (task, INVALID_FIELD);
      return;
    }
  if (task->n == 0 && task->lba <= unit->n_blocks) /* to the end */
    task->n = unit->n_blocks - task->lba;
  if (task->n > MOST_ZEROES)
    {
      scsi_check (task, INVALID_FIELD);
      return;
    }
  task->unmap = (cdb[1] & 8) != 0;
  order (unit, SCSI_ZEROES, task);
}

/* SBC-3, 5.28. */
static void
unmap (const ScsiUnit *unit, const uint8_t *cdb, const uint8_t *parameters, uint32_t length, ScsiTask *task)
{
  const uint32_t stated = get_be16 (cdb + 7);

  if (cdb[1] & 1) /* anchors */
    scsi_check (task, INVALID_FIELD);
  else if (stated == 0)
    return;
  else if (stated < 8 || length < 8)
    scsi_check (task, PARAMETER_LENGTH);
  else
    {
      const uint32_t descriptors = get_be16 (parameters + 2);

      if (descriptors < 16)
        return;
      if (descriptors >= 32)
        {
          scsi_check (task, INVALID_PARAMETER); /* more than there may be */
          return;
        }
      if (length < 24 || stated < 24)
        {
          scsi_check (task, PARAMETER_LENGTH);
          return;
        }
      task->lba = get_be64 (parameters + 8);
      task->n = get_be32 (parameters + 16);
      if (task->n > MOST_ZEROES)
        scsi_check (task, INVALID_PARAMETER);
      else
        order (unit, SCSI_DISCARD, task);
    }
}

void
scsi_command (ScsiUnit *unit, const uint8_t *cdb, const uint8_t *parameters, uint32_t length, ScsiTask *task)
{
  const uint8_t opcode = cdb[0];

  memset (task, 0, sizeof *task);
  if (unit->absent && opcode != INQUIRY && opcode != REPORT_LUNS && opcode != REQUEST_SENSE)
    {
      scsi_check (task, NOT_SUPPORTED_UNIT);
      return;
    }
  if (unit->attention && opcode != INQUIRY && opcode != REPORT_LUNS && opcode != REQUEST_SENSE)
    {
      unit->attention = FALSE;
      scsi_check (task, ATTENTION_RESET);
      return;
    }
  if (unit->disc != NULL && opcode != REPORT_LUNS)
    {
      scsi_disc_command (unit, cdb, parameters, length, task);
      return;
    }
  switch (opcode)
    {
    case TEST_UNIT_READY:
    case START_STOP_UNIT:
    case PREVENT_ALLOW:
      break;
    case REQUEST_SENSE:
      request_sense (unit, cdb, task);
      break;
    case INQUIRY:
      inquiry (unit, cdb, task);
      break;
    case MODE_SENSE_6:
    case MODE_SENSE_10:
      mode_sense (unit, cdb, task);
      break;
    case READ_CAPACITY_10:
      read_capacity_10 (unit, task);
      break;
    case SERVICE_ACTION_IN_16:
      read_capacity_16 (unit, cdb, task);
      break;
    case REPORT_LUNS:
      report_luns (cdb, task);
      break;
    case READ_6:
    case READ_10:
    case READ_12:
    case READ_16:
      transfer (unit, cdb, FALSE, task);
      break;
    case WRITE_6:
    case WRITE_10:
    case WRITE_12:
    case WRITE_16:
      transfer (unit, cdb, TRUE, task);
      break;
    case VERIFY_10:
    case VERIFY_16:
      verify (unit, cdb, task);
      break;
    case SYNCHRONIZE_CACHE_10:
    case SYNCHRONIZE_CACHE_16:
      task->action = SCSI_FLUSH;
      break;
    case WRITE_SAME_10:
    case WRITE_SAME_16:
      write_same (unit, cdb, parameters, length, task);
      break;
    case UNMAP:
      unmap (unit, cdb, parameters, length, task);
      break;
    default:
      scsi_check (task, INVALID_OPCODE);
      break;
    }
}
