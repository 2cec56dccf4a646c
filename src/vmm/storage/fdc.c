/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Registers of the floppy controller, its command and result phases, seeks, reset, drives and media.
 * Intel 82077AA data sheet (1992), chapters 2 (registers), 5 and 6 (commands).
 */
#define G_LOG_DOMAIN "fdc"

#include "storage/fdc-internal.h"

#include <string.h>

enum
{
  REG_SRA = 0,
  REG_SRB = 1,
  REG_DOR = 2,
  REG_TDR = 3,
  REG_MSR = 4, /* DSR when written */
  REG_FIFO = 5,
};

enum
{
  MSR_CB = 0x10,
  MSR_NDM = 0x20,
  MSR_DIO = 0x40,
  MSR_RQM = 0x80,
};

enum
{
  DSR_RATE = 0x03,
  DSR_SOFTWARE_RESET = 0x80,
};

enum
{
  ST3_TWO_SIDES = 0x08,
  ST3_TRACK0 = 0x10,
  ST3_READY = 0x20,
  ST3_WRITE_PROTECT = 0x40,
};

#define RESET_DELAY_NS (20 * 1000)
#define SEEK_DELAY_NS  (100 * 1000)
#define STEP_NS        (10 * 1000)

/* -- Interrupt ----------------------------------------------------------------------------------- */

static void
update_irq (Fdc *fdc)
{
  gboolean level = fdc->irq_pending && (fdc->dor & DOR_DMA_GATE);

  if (level == fdc->irq_level)
    return;
  fdc->irq_level = level;
  irq_set (&fdc->irq, level);
}

void
fdc_raise (Fdc *fdc)
{
  fdc->irq_pending = TRUE;
  update_irq (fdc);
}

void
fdc_lower (Fdc *fdc)
{
  fdc->irq_pending = FALSE;
  update_irq (fdc);
}

/* -- Phases -------------------------------------------------------------------------------------- */

static void
enter_command_phase (Fdc *fdc)
{
  fdc->phase = FDC_PHASE_COMMAND;
  fdc->fifo_pos = fdc->fifo_len = 0;
}

void
fdc_result (Fdc *fdc, unsigned n_bytes, gboolean interrupt)
{
  fdc->phase = FDC_PHASE_RESULT;
  fdc->fifo_pos = 0;
  fdc->fifo_len = (uint8_t)MIN (n_bytes, FDC_FIFO_SIZE);
  if (interrupt)
    fdc_raise (fdc);
}

static void
result_byte (Fdc *fdc, uint8_t value)
{
  fdc->fifo[0] = value;
  fdc_result (fdc, 1, FALSE);
}

/* -- Seeks --------------------------------------------------------------------------------------- */

static void
on_seek_timer (void *opaque)
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
  enter_command_phase (fdc);
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
      result_byte (fdc, ST0_INVALID);
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

/* -- Reset --------------------------------------------------------------------------------------- */

static void
on_reset_timer (void *opaque)
{
  Fdc *fdc = opaque;

  if (fdc->in_reset)
    return;
  /* The drive-ready poll: one interrupt, four drives to ask about (6.2.4). */
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    {
      fdc->drive[i].sense = TRUE;
      fdc->drive[i].sense_st0 = (uint8_t)(ST0_POLLING | i);
    }
  fdc_raise (fdc);
}

/* What both resets do; `hard` forgets what LOCK protects, too. */
static void
reset_controller (Fdc *fdc, gboolean hard)
{
  fdc_exec_stop (fdc);
  vm_timer_cancel (&fdc->reset_timer);
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    {
      FdcDrive *drive = &fdc->drive[i];
      vm_timer_cancel (&drive->seek_timer);
      drive->seeking = drive->sense = FALSE;
      if (hard)
        drive->track = 0;
    }
  if (hard || !fdc->lock)
    {
      fdc->config[0] = fdc->config[2] = 0;
      fdc->config[1] = 0x20; /* FIFO off, polling on */
    }
  if (hard)
    {
      fdc->lock = 0;
      fdc->specify[0] = fdc->specify[1] = 0;
      fdc->rate = 2;
    }
  fdc->perpendicular &= 0x3c;
  enter_command_phase (fdc);
  fdc_lower (fdc);
}

static void
leave_reset (Fdc *fdc)
{
  fdc->in_reset = FALSE;
  vm_timer_arm (&fdc->reset_timer, vm_clock_now (fdc->device.vm->clock) + RESET_DELAY_NS);
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
  result_byte (fdc, st3);
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

/* Bytes of a command, the opcode included; 0: invalid.  Option bits are cut off where the command has them. */
static unsigned
command_length (uint8_t opcode)
{
  switch (opcode & 0x1f)
    {
    case 0x02: /* READ TRACK */
    case 0x05: /* WRITE DATA */
    case 0x06: /* READ DATA */
    case 0x09: /* WRITE DELETED DATA */
    case 0x0c: /* READ DELETED DATA */
    case 0x11: /* SCAN EQUAL */
    case 0x16: /* VERIFY */
    case 0x19: /* SCAN LOW OR EQUAL */
    case 0x1d: /* SCAN HIGH OR EQUAL */
      return 9;
    default:
      break;
    }
  switch (opcode)
    {
    case 0x0a: /* READ ID */
    case 0x4a:
      return 2;
    case 0x0d: /* FORMAT TRACK */
    case 0x4d:
      return 6;
    case 0x03: /* SPECIFY */
    case 0x0f: /* SEEK */
    case 0x8f: /* RELATIVE SEEK, out and in */
    case 0xcf:
      return 3;
    case 0x04: /* SENSE DRIVE STATUS */
    case 0x07: /* RECALIBRATE */
    case 0x12: /* PERPENDICULAR MODE */
    case 0x17: /* POWERDOWN MODE, of the later 82077SL */
      return 2;
    case 0x08: /* SENSE INTERRUPT STATUS */
    case 0x0e: /* DUMPREG */
    case 0x10: /* VERSION */
    case 0x14: /* UNLOCK */
    case 0x94: /* LOCK */
      return 1;
    case 0x13: /* CONFIGURE */
      return 4;
    default:
      /* PART ID (0x18) too: that is how software knows an 82077AA from an 82078. */
      return 0;
    }
}

static gboolean
data_command (Fdc *fdc)
{
  switch (fdc->fifo[0] & 0x1f)
    {
    case 0x02:
    case 0x06:
    case 0x0c:
      fdc_exec_start (fdc, FDC_OP_READ);
      return TRUE;
    case 0x05:
    case 0x09:
      fdc_exec_start (fdc, FDC_OP_WRITE);
      return TRUE;
    case 0x11:
    case 0x19:
    case 0x1d:
      fdc_exec_start (fdc, FDC_OP_SCAN);
      return TRUE;
    case 0x16:
      fdc_exec_start (fdc, FDC_OP_VERIFY);
      return TRUE;
    case 0x0a:
      fdc_exec_start (fdc, FDC_OP_READ_ID);
      return TRUE;
    case 0x0d:
      fdc_exec_start (fdc, FDC_OP_FORMAT);
      return TRUE;
    default:
      return FALSE;
    }
}

static void
run_command (Fdc *fdc)
{
  const uint8_t *p = fdc->fifo;

  switch (p[0])
    {
    case 0x03:
      memcpy (fdc->specify, p + 1, 2);
      enter_command_phase (fdc);
      return;
    case 0x04:
      sense_drive (fdc);
      return;
    case 0x07:
      start_seek (fdc, p[1] & 3, 0);
      return;
    case 0x08:
      sense_interrupt (fdc);
      return;
    case 0x0e:
      dump_registers (fdc);
      return;
    case 0x0f:
      start_seek (fdc, p[1] & 3, p[2]);
      return;
    case 0x8f:
    case 0xcf:
      relative_seek (fdc);
      return;
    case 0x10:
      result_byte (fdc, 0x90); /* enhanced controller */
      return;
    case 0x12:
      fdc->perpendicular = p[1] & 0x80 ? p[1] & 0x3f : (uint8_t)((fdc->perpendicular & 0x3c) | (p[1] & 3));
      enter_command_phase (fdc);
      return;
    case 0x13:
      memcpy (fdc->config, p + 1, 3);
      enter_command_phase (fdc);
      return;
    case 0x14:
    case 0x94:
      fdc->lock = p[0] >> 7;
      result_byte (fdc, (uint8_t)(fdc->lock << 4));
      return;
    case 0x17:
      result_byte (fdc, p[1]);
      return;
    default:
      if (!data_command (fdc))
        result_byte (fdc, ST0_INVALID);
      return;
    }
}

static void
forget_polling (Fdc *fdc)
{
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    if ((fdc->drive[i].sense_st0 & ST0_POLLING) == ST0_POLLING)
      fdc->drive[i].sense = FALSE;
}

static void
command_byte (Fdc *fdc, uint8_t value)
{
  if (fdc->fifo_pos == 0 || fdc->fifo_len == 0)
    {
      fdc->fifo_pos = 0;
      fdc->fifo_len = (uint8_t)command_length (value);
      if (fdc->fifo_len == 0)
        {
          result_byte (fdc, ST0_INVALID);
          return;
        }
      /* Software that asks once after a reset must not meet the other three answers after its first seek. */
      if (value == 0x07 || value == 0x0f)
        forget_polling (fdc);
    }
  fdc->fifo[fdc->fifo_pos % FDC_FIFO_SIZE] = value;
  fdc->fifo_pos++;
  if (fdc->fifo_pos >= fdc->fifo_len)
    run_command (fdc);
}

/* -- Registers ----------------------------------------------------------------------------------- */

static void
write_fifo (Fdc *fdc, uint8_t value)
{
  if (fdc->in_reset)
    return;
  if (fdc->phase == FDC_PHASE_COMMAND)
    command_byte (fdc, value);
  else if (fdc->phase == FDC_PHASE_EXECUTE && fdc->non_dma)
    fdc_host_write (fdc, value);
}

static uint8_t
read_fifo (Fdc *fdc)
{
  if (fdc->in_reset)
    return 0;
  if (fdc->phase == FDC_PHASE_EXECUTE && fdc->non_dma)
    return fdc_host_read (fdc);
  if (fdc->phase != FDC_PHASE_RESULT)
    return 0;
  uint8_t value = fdc->fifo[fdc->fifo_pos % FDC_FIFO_SIZE];
  /* The interrupt of a result phase ends with its first byte; one that a seek has raised meanwhile stays. */
  if (fdc->fifo_pos == 0 && fdc->fifo_len == 7)
    fdc_lower (fdc);
  if (++fdc->fifo_pos >= fdc->fifo_len)
    enter_command_phase (fdc);
  return value;
}

static uint8_t
read_msr (Fdc *fdc)
{
  uint8_t msr = 0;

  if (fdc->in_reset)
    return 0;
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    if (fdc->drive[i].seeking)
      msr |= (uint8_t)(1 << i);
  if (fdc->phase == FDC_PHASE_RESULT)
    return msr | MSR_RQM | MSR_DIO | MSR_CB;
  if (fdc->phase == FDC_PHASE_COMMAND)
    return (uint8_t)(msr | MSR_RQM | (fdc->fifo_pos > 0 ? MSR_CB : 0));
  msr |= MSR_CB;
  if (fdc->non_dma && fdc->wait == FDC_WAIT_HOST)
    msr |= (uint8_t)(MSR_RQM | MSR_NDM | (fdc->op == FDC_OP_READ ? MSR_DIO : 0));
  return msr;
}

static void
write_dor (Fdc *fdc, uint8_t value)
{
  uint8_t old = fdc->dor;

  fdc->dor = value;
  if (!(value & DOR_NOT_RESET) && !fdc->in_reset)
    {
      reset_controller (fdc, FALSE);
      fdc->in_reset = TRUE;
    }
  else if ((value & DOR_NOT_RESET) && !(old & DOR_NOT_RESET))
    leave_reset (fdc);
  update_irq (fdc);
}

static void
write_dsr (Fdc *fdc, uint8_t value)
{
  fdc->rate = value & DSR_RATE;
  fdc->dsr = value & (uint8_t)~DSR_SOFTWARE_RESET;
  if ((value & DSR_SOFTWARE_RESET) && !fdc->in_reset)
    {
      reset_controller (fdc, FALSE);
      leave_reset (fdc);
    }
}

static uint64_t
fdc_read (void *opaque, uint64_t addr, unsigned size)
{
  Fdc *fdc = opaque;

  switch (addr)
    {
    case REG_SRA:
      return (fdc->irq_pending ? 0x80 : 0) | (fdc->drive[1].type == FDC_DRIVE_NONE ? 0x40 : 0)
             | (fdc->drive[fdc->dor & 3].track == 0 ? 0 : 0x10);
    case REG_SRB:
      return 0xc0u | (fdc->dor & DOR_SELECT ? 0 : 0x20) | (fdc->dor >> 4 & 3);
    case REG_DOR:
      return fdc->dor;
    case REG_TDR:
      return fdc->tdr | 0xfc;
    case REG_MSR:
      return read_msr (fdc);
    case REG_FIFO:
      return read_fifo (fdc);
    default:
      return 0xff;
    }
}

static void
fdc_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Fdc *fdc = opaque;

  switch (addr)
    {
    case REG_DOR:
      write_dor (fdc, (uint8_t)value);
      break;
    case REG_TDR:
      fdc->tdr = value & 3;
      break;
    case REG_MSR:
      write_dsr (fdc, (uint8_t)value);
      break;
    case REG_FIFO:
      write_fifo (fdc, (uint8_t)value);
      break;
    default:
      break;
    }
}

static const IoOps fdc_ops = { .read = fdc_read, .write = fdc_write, .impl_min = 1, .impl_max = 1 };

/* DIR: bit 7 follows the selected drive's DSKCHG while its motor turns; the others belong to the hard disk and float. */
static uint64_t
dir_read (void *opaque, uint64_t addr, unsigned size)
{
  Fdc *fdc = opaque;
  unsigned unit = fdc->dor & DOR_SELECT;
  const FdcDrive *drive = &fdc->drive[unit];
  gboolean on = fdc->dor & (DOR_MOTOR0 << unit);

  return on && drive->type != FDC_DRIVE_NONE && (drive->changed || drive->format == NULL) ? 0x80 : 0;
}

static void
ccr_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  ((Fdc *)opaque)->rate = value & DSR_RATE;
}

static const IoOps dir_ops = { .read = dir_read, .write = ccr_write, .impl_min = 1, .impl_max = 1 };

/* -- Life ---------------------------------------------------------------------------------------- */

/* The drive that reads the medium at power-on and most of what may come after it: 3.5" disks of 720K go into a 1.44M drive. */
static FdcDriveType
auto_type (const FdcDrive *drive)
{
  if (drive->format == NULL || drive->format->drive == FDC_DRIVE_720K)
    return FDC_DRIVE_1440K;
  return drive->format->drive;
}

static gboolean
fdc_realize (Device *device, GError **error)
{
  Fdc *fdc = (Fdc *)device;

  fdc->region = region_new_io ("fdc", 6, &fdc_ops, fdc);
  fdc->dir_region = region_new_io ("fdc-dir", 1, &dir_ops, fdc);
  fdc->mapping = address_space_map (device->vm->ports, fdc->region, 0x3f0, 0, 6, 0);
  fdc->dir_mapping = address_space_map (device->vm->ports, fdc->dir_region, 0x3f7, 0, 1, 0);
  for (unsigned i = 0; i < FDC_N_DRIVES; i++)
    {
      FdcDrive *drive = &fdc->drive[i];
      if (drive->type == FDC_DRIVE_AUTO)
        drive->type = auto_type (drive);
    }
  return TRUE;
}

static void
fdc_reset (Device *device)
{
  Fdc *fdc = (Fdc *)device;

  fdc->dor = DOR_NOT_RESET | DOR_DMA_GATE;
  fdc->tdr = fdc->dsr = fdc->perpendicular = fdc->last_eot = 0;
  fdc->in_reset = FALSE;
  reset_controller (fdc, TRUE);
  fdc->config[1] = 0x20;
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    fdc->drive[i].changed = fdc->drive[i].type != FDC_DRIVE_NONE;
}

static void
fdc_pause (Device *device)
{
  ((Fdc *)device)->paused = TRUE;
}

static gboolean
fdc_drained (Device *device)
{
  Fdc *fdc = (Fdc *)device;

  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    if (!storage_port_drained (&fdc->drive[i].port))
      return FALSE;
  return TRUE;
}

static void
fdc_resume (Device *device)
{
  Fdc *fdc = (Fdc *)device;

  fdc->paused = FALSE;
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    storage_port_resume (&fdc->drive[i].port);
  fdc_image_kick (fdc);
}

static void
fdc_unrealize (Device *device)
{
  Fdc *fdc = (Fdc *)device;

  fdc_exec_stop (fdc);
  vm_timer_cancel (&fdc->reset_timer);
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    {
      vm_timer_cancel (&fdc->drive[i].seek_timer);
      storage_port_clear (&fdc->drive[i].port);
    }
  g_clear_pointer (&fdc->mapping, mapping_remove);
  g_clear_pointer (&fdc->dir_mapping, mapping_remove);
  g_clear_pointer (&fdc->region, region_unref);
  g_clear_pointer (&fdc->dir_region, region_unref);
  g_clear_pointer (&fdc->buffer, g_free);
  g_clear_pointer (&fdc->compare, g_free);
}

static const StateField fdc_drive_state[] = {
  STATE_U8 (FdcDrive, track),         STATE_BOOL (FdcDrive, changed),
  STATE_BOOL (FdcDrive, seeking),     STATE_U8 (FdcDrive, seek_target),
  STATE_TIMER (FdcDrive, seek_timer), STATE_BOOL (FdcDrive, sense),
  STATE_U8 (FdcDrive, sense_st0),     STATE_END,
};

static const StateField fdc_state[] = {
  STATE_STRUCTS (Fdc, drive, FdcDrive, fdc_drive_state),
  STATE_TIMER (Fdc, timer),
  STATE_TIMER (Fdc, reset_timer),
  STATE_U8 (Fdc, dor),
  STATE_U8_MAX (Fdc, tdr, 3),
  STATE_U8 (Fdc, dsr),
  STATE_U8_MAX (Fdc, rate, 3),
  STATE_BOOL (Fdc, irq_pending),
  STATE_BOOL (Fdc, irq_level),
  STATE_U8_ARRAY (Fdc, specify),
  STATE_U8_ARRAY (Fdc, config),
  STATE_U8_MAX (Fdc, lock, 1),
  STATE_U8 (Fdc, perpendicular),
  STATE_U8 (Fdc, last_eot),
  STATE_BOOL (Fdc, in_reset),
  STATE_U32_MAX (Fdc, phase, FDC_PHASE_LAST),
  STATE_U32_MAX (Fdc, wait, FDC_WAIT_LAST),
  STATE_U32_MAX (Fdc, op, FDC_OP_LAST),
  STATE_U8_ARRAY (Fdc, fifo),
  STATE_U8_MAX (Fdc, fifo_pos, FDC_FIFO_SIZE - 1),
  STATE_U8_MAX (Fdc, fifo_len, FDC_FIFO_SIZE),
  STATE_U8 (Fdc, command),
  STATE_U8_MAX (Fdc, unit, 3),
  STATE_U8_MAX (Fdc, head, 1),
  STATE_U8 (Fdc, c),
  STATE_U8 (Fdc, h),
  STATE_U8 (Fdc, r),
  STATE_U8 (Fdc, n),
  STATE_U8 (Fdc, eot),
  STATE_U8 (Fdc, step),
  STATE_U8 (Fdc, fill),
  STATE_U8 (Fdc, scan),
  STATE_U8 (Fdc, track),
  STATE_U8 (Fdc, st1),
  STATE_U8 (Fdc, st2),
  STATE_BOOL (Fdc, non_dma),
  STATE_BOOL (Fdc, terminal_count),
  STATE_U32_MAX (Fdc, piece, FDC_MAX_SECTORS),
  STATE_U32_MAX (Fdc, pos, FDC_BUFFER_SIZE),
  STATE_U32_MAX (Fdc, len, FDC_BUFFER_SIZE),
  STATE_BUFFER (Fdc, buffer, FDC_BUFFER_SIZE),
  STATE_BUFFER (Fdc, compare, FDC_SECTOR_SIZE),
  STATE_U32_MAX (Fdc, dma_retries, 100000),
  STATE_BOOL (Fdc, image_write),
  STATE_END,
};

static gboolean
fdc_post_load (Device *device, GError **error)
{
  Fdc *fdc = (Fdc *)device;
  gboolean running = fdc->wait == FDC_WAIT_IMAGE || fdc->wait == FDC_WAIT_HOST;

  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    storage_port_loaded (&fdc->drive[i].port, &fdc->buffer, FDC_BUFFER_SIZE);

  if ((fdc->phase == FDC_PHASE_EXECUTE) != (fdc->op != FDC_OP_NONE && fdc->wait != FDC_WAIT_NONE)
      || fdc->pos > fdc->len || (running && fdc_selected (fdc)->format == NULL)
      || (fdc->op == FDC_OP_SCAN && fdc->len > FDC_SECTOR_SIZE)
      || (fdc->phase == FDC_PHASE_RESULT && fdc->fifo_pos >= fdc->fifo_len))
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE,
                   "The saved state of the floppy controller contradicts itself.");
      return FALSE;
    }
  return TRUE;
}

static const DeviceClass fdc_class = {
  .name = "fdc82077",
  .instance_size = sizeof (Fdc),
  .state = fdc_state,
  .realize = fdc_realize,
  .reset = fdc_reset,
  .pause = fdc_pause,
  .drained = fdc_drained,
  .resume = fdc_resume,
  .post_load = fdc_post_load,
  .unrealize = fdc_unrealize,
};

Device *
fdc_new (Vm *vm, const char *id, const IrqLine *irq, const IsaDmaOps *dma, unsigned dma_channel)
{
  Fdc *fdc = device_new (vm, &fdc_class, id);

  fdc->irq = *irq;
  fdc->dma = *dma;
  fdc->dma_channel = dma_channel;
  fdc->buffer = g_malloc0 (FDC_BUFFER_SIZE);
  fdc->compare = g_malloc0 (FDC_SECTOR_SIZE);
  vm_timer_init (&fdc->timer, vm->clock, fdc_on_timer, fdc);
  vm_timer_init (&fdc->reset_timer, vm->clock, on_reset_timer, fdc);
  for (unsigned i = 0; i < FDC_N_SELECTS; i++)
    {
      FdcDrive *drive = &fdc->drive[i];
      drive->fdc = fdc;
      drive->unit = i;
      vm_timer_init (&drive->seek_timer, vm->clock, on_seek_timer, drive);
      storage_port_init (&drive->port, vm, fdc_on_image_done, fdc_on_image_idle, drive);
    }
  return &fdc->device;
}

/* -- Drives and media ---------------------------------------------------------------------------- */

static FdcDrive *
get_drive (Device *device, unsigned unit)
{
  g_return_val_if_fail (device->klass == &fdc_class && unit < FDC_N_DRIVES, NULL);
  return &((Fdc *)device)->drive[unit];
}

static gboolean
check_medium (Block *block, FdcFormat *format, GError **error)
{
  if (block == NULL || fdc_format_of (block, format))
    return TRUE;
  g_set_error (
      error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
      "“%s” has the size of no floppy disk (160 KB to 2.88 MB). Attach it as a disk or CD-ROM instead.",
      block_path (block));
  return FALSE;
}

static void
put_in (FdcDrive *drive, Block *block, const FdcFormat *format)
{
  storage_port_set_block (&drive->port, block);
  drive->medium = *format;
  drive->format = block != NULL ? &drive->medium : NULL;
  drive->changed = TRUE;
}

gboolean
fdc_attach (Device *device, unsigned unit, FdcDriveType type, Block *block, GError **error)
{
  FdcFormat format = { 0 };

  if (unit >= FDC_N_DRIVES)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "The floppy controller has room for two drives; take one away.");
      return FALSE;
    }
  FdcDrive *drive = get_drive (device, unit);
  if (drive == NULL || !check_medium (block, &format, error))
    return FALSE;
  drive->type = type;
  put_in (drive, block, &format);
  return TRUE;
}

gboolean
fdc_change_media (Device *device, unsigned unit, Block *block, GError **error)
{
  FdcDrive *drive = unit < FDC_N_DRIVES ? get_drive (device, unit) : NULL;
  FdcFormat format = { 0 };

  if (drive == NULL || drive->type == FDC_DRIVE_NONE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "The machine has no floppy drive %u.", unit);
      return FALSE;
    }
  if (!check_medium (block, &format, error))
    return FALSE;
  Fdc *fdc = drive->fdc;
  if (fdc->phase == FDC_PHASE_EXECUTE && fdc->unit == unit)
    fdc_exec_medium_gone (fdc);
  put_in (drive, block, &format);
  return TRUE;
}

Block *
fdc_drive_media (Device *device, unsigned unit)
{
  FdcDrive *drive = get_drive (device, unit);
  return drive != NULL ? drive->port.block : NULL;
}

FdcDriveType
fdc_drive_type (Device *device, unsigned unit)
{
  FdcDrive *drive = get_drive (device, unit);

  if (drive == NULL)
    return FDC_DRIVE_NONE;
  if (drive->type == FDC_DRIVE_AUTO)
    return auto_type (drive);
  return (FdcDriveType)drive->type;
}

uint8_t
fdc_cmos_type (Device *device)
{
  return (uint8_t)(fdc_drive_type (device, 0) << 4 | fdc_drive_type (device, 1));
}
