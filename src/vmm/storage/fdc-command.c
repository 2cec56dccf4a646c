/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands of the floppy controller: their table, and those that end at once or move the heads.  82077AA data sheet, chapters 5 and 6.
 */
#define G_LOG_DOMAIN "fdc"

#include "storage/fdc-internal.h"

#include <string.h>

enum
{
  ST3_TWO_SIDES = 0x08,
  ST3_TRACK0 = 0x10,
  ST3_READY = 0x20,
  ST3_WRITE_PROTECT = 0x40,
};

#define SEEK_DELAY_NS (100 * 1000)
#define STEP_NS       (10 * 1000)

/* -- Seeks --------------------------------------------------------------------------------------- */

void
fdc_on_seek_timer (void *opaque)
{
  FdcDrive *drive = opaque;
  Fdc *fdc = drive->fdc;

  if (!drive->seeking)
    return;
  drive->sense = TRUE;
  drive->sense_st0 = (uint8_t)(ST0_SEEK_END | drive->unit);
  if (drive->type == FDC_DRIVE_NONE)
    {
      drive->track = drive->seek_target;
      /* RECALIBRATE looks for a track 0 signal that never comes. */
      if (drive->seek_target == 0)
        drive->sense_st0 |= ST0_ABNORMAL | ST0_EQUIPMENT_CHECK;
    }
  else if (drive->track != drive->seek_target)
    {
      drive->track = MIN (drive->seek_target, FDC_MAX_TRACK);
      if (drive->format != NULL)
        drive->changed = FALSE; /* a step pulse with a disk in the drive */
    }
  fdc_raise (fdc);
}

static void
start_seek (Fdc *fdc, unsigned unit, unsigned target)
{
  FdcDrive *drive = &fdc->drive[unit & 3];
  unsigned steps = target > drive->track ? target - drive->track : drive->track - target;

  drive->seeking = TRUE;
  drive->sense = FALSE;
  drive->seek_target = (uint8_t)MIN (target, 255);
  vm_timer_arm (&drive->seek_timer,
                vm_clock_now (fdc->device.vm->clock) + SEEK_DELAY_NS + (int64_t)steps * STEP_NS);
  fdc_enter_command (fdc);
}

static void
sense_interrupt (Fdc *fdc)
{
  gboolean more = FALSE;
  FdcDrive *found = NULL;

  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    {
      FdcDrive *drive = &fdc->drive[i];
      if (!drive->sense)
        continue;
      if (found == NULL)
        found = drive;
      else if ((drive->sense_st0 & ST0_POLLING) != ST0_POLLING)
        more = TRUE;
    }
  if (found == NULL)
    {
      fdc_lower (fdc);
      fdc_result_byte (fdc, ST0_INVALID);
      return;
    }
  fdc->fifo[0] = found->sense_st0;
  fdc->fifo[1] = found->track;
  found->sense = found->seeking = FALSE;
  fdc_lower (fdc);
  fdc_result (fdc, 2, FALSE);
  if (more)
    fdc_raise (fdc);
}

/* -- Commands ------------------------------------------------------------------------------------ */

static void
sense_drive (Fdc *fdc)
{
  unsigned unit = fdc->fifo[1] & 3;
  FdcDrive *drive = &fdc->drive[unit];
  uint8_t st3 = (uint8_t)(unit | (fdc->fifo[1] & 4) | ST3_READY | ST3_TWO_SIDES);

  if (drive->type != FDC_DRIVE_NONE && drive->track == 0)
    st3 |= ST3_TRACK0;
  if (drive->port.block != NULL && block_read_only (drive->port.block))
    st3 |= ST3_WRITE_PROTECT;
  fdc_result_byte (fdc, st3);
}

static void
relative_seek (Fdc *fdc)
{
  unsigned unit = fdc->fifo[1] & 3;
  int distance = fdc->fifo[2], target = fdc->drive[unit].track;

  target += fdc->fifo[0] & 0x40 ? distance : -distance;
  start_seek (fdc, unit, (unsigned)CLAMP (target, 0, 255));
}

static void
dump_registers (Fdc *fdc)
{
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    fdc->fifo[i] = fdc->drive[i].track;
  fdc->fifo[4] = fdc->specify[0];
  fdc->fifo[5] = fdc->specify[1];
  fdc->fifo[6] = fdc->last_eot;
  fdc->fifo[7] = (uint8_t)(fdc->lock << 7 | (fdc->perpendicular & 0x3f));
  fdc->fifo[8] = fdc->config[1];
  fdc->fifo[9] = fdc->config[2];
  fdc_result (fdc, 10, FALSE);
}

static void
specify (Fdc *fdc)
{
  memcpy (fdc->specify, fdc->fifo + 1, 2);
  fdc_enter_command (fdc);
}

static void
recalibrate (Fdc *fdc)
{
  start_seek (fdc, fdc->fifo[1] & 3, 0);
}

static void
seek (Fdc *fdc)
{
  start_seek (fdc, fdc->fifo[1] & 3, fdc->fifo[2]);
}

static void
version (Fdc *fdc)
{
  fdc_result_byte (fdc, 0x90); /* enhanced controller */
}

static void
perpendicular (Fdc *fdc)
{
  uint8_t value = fdc->fifo[1];

  fdc->perpendicular = value & 0x80 ? value & 0x3f : (uint8_t)((fdc->perpendicular & 0x3c) | (value & 3));
  fdc_enter_command (fdc);
}

static void
configure (Fdc *fdc)
{
  memcpy (fdc->config, fdc->fifo + 1, 3);
  fdc_enter_command (fdc);
}

static void
lock (Fdc *fdc)
{
  fdc->lock = fdc->fifo[0] >> 7;
  fdc_result_byte (fdc, (uint8_t)(fdc->lock << 4));
}

static void
powerdown (Fdc *fdc)
{
  fdc_result_byte (fdc, fdc->fifo[1]);
}

/* 82077AA, table 5-1.  `mask` leaves out the option bits that a command has.  `run`, or `op` for those that need the medium. */
typedef struct
{
  uint8_t mask, opcode, length; /* bytes, the opcode included */
  FdcOp op;
  void (*run) (Fdc *fdc);
} Command;

static const Command commands[] = {
  { 0x1f, 0x02, 9, FDC_OP_READ, NULL },  /* READ TRACK */
  { 0x1f, 0x05, 9, FDC_OP_WRITE, NULL }, /* WRITE DATA */
  { 0x1f, 0x06, 9, FDC_OP_READ, NULL },  /* READ DATA */
  { 0x1f, 0x09, 9, FDC_OP_WRITE, NULL }, /* WRITE DELETED DATA */
  { 0x1f, 0x0c, 9, FDC_OP_READ, NULL },  /* READ DELETED DATA */
  { 0x1f, 0x11, 9, FDC_OP_SCAN, NULL },  /* SCAN EQUAL */
  { 0x1f, 0x16, 9, FDC_OP_VERIFY, NULL },
  { 0x1f, 0x19, 9, FDC_OP_SCAN, NULL }, /* SCAN LOW OR EQUAL */
  { 0x1f, 0x1d, 9, FDC_OP_SCAN, NULL }, /* SCAN HIGH OR EQUAL */
  { 0xbf, 0x0a, 2, FDC_OP_READ_ID, NULL },
  { 0xbf, 0x0d, 6, FDC_OP_FORMAT, NULL },
  { 0xff, 0x03, 3, FDC_OP_NONE, specify },
  { 0xff, 0x04, 2, FDC_OP_NONE, sense_drive },
  { 0xff, 0x07, 2, FDC_OP_NONE, recalibrate },
  { 0xff, 0x08, 1, FDC_OP_NONE, sense_interrupt },
  { 0xff, 0x0e, 1, FDC_OP_NONE, dump_registers },
  { 0xff, 0x0f, 3, FDC_OP_NONE, seek },
  { 0xff, 0x8f, 3, FDC_OP_NONE, relative_seek },
  { 0xff, 0xcf, 3, FDC_OP_NONE, relative_seek },
  { 0xff, 0x10, 1, FDC_OP_NONE, version },
  { 0xff, 0x12, 2, FDC_OP_NONE, perpendicular },
  { 0xff, 0x13, 4, FDC_OP_NONE, configure },
  { 0xff, 0x14, 1, FDC_OP_NONE, lock }, /* UNLOCK */
  { 0xff, 0x94, 1, FDC_OP_NONE, lock },
  { 0xff, 0x17, 2, FDC_OP_NONE, powerdown }, /* of the later 82077SL */
};

/* NULL: invalid.  PART ID (0x18) too: that is how software knows an 82077AA from an 82078. */
static const Command *
find_command (uint8_t opcode)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    if ((opcode & commands[i].mask) == commands[i].opcode)
      return &commands[i];
  return NULL;
}

static void
forget_polling (Fdc *fdc)
{
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    if ((fdc->drive[i].sense_st0 & ST0_POLLING) == ST0_POLLING)
      fdc->drive[i].sense = FALSE;
}

void
fdc_command_byte (Fdc *fdc, uint8_t value)
{
  if (fdc->fifo_pos == 0 || fdc->fifo_len == 0)
    {
      const Command *command = find_command (value);
      fdc->fifo_pos = 0;
      fdc->fifo_len = command != NULL ? command->length : 0;
      if (command == NULL)
        {
          fdc_result_byte (fdc, ST0_INVALID);
          return;
        }
      /* Software that asks once after a reset must not meet the other three answers after its first seek. */
      if (value == 0x07 || value == 0x0f)
        forget_polling (fdc);
    }
  fdc->fifo[fdc->fifo_pos % FDC_FIFO_SIZE] = value;
  fdc->fifo_pos++;
  if (fdc->fifo_pos < fdc->fifo_len)
    return;
  const Command *command = find_command (fdc->fifo[0]);
  if (command == NULL)
    fdc_result_byte (fdc, ST0_INVALID); /* only a loaded state gets here */
  else if (command->run != NULL)
    command->run (fdc);
  else
    fdc_exec_start (fdc, command->op);
}
