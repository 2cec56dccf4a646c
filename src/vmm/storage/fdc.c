/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Registers of the floppy controller, reset, life cycle, drives and media.  Intel 82077AA data sheet (1992), chapter 2.
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

#define RESET_DELAY_NS (20 * 1000)

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
  fdc_enter_command (fdc);
  fdc_lower (fdc);
}

static void
leave_reset (Fdc *fdc)
{
  fdc->in_reset = FALSE;
  vm_timer_arm (&fdc->reset_timer, vm_clock_now (fdc->device.vm->clock) + RESET_DELAY_NS);
}

/* -- Registers ----------------------------------------------------------------------------------- */

static void
write_fifo (Fdc *fdc, uint8_t value)
{
  if (fdc->in_reset)
    return;
  if (fdc->phase == FDC_PHASE_COMMAND)
    fdc_command_byte (fdc, value);
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
    fdc_enter_command (fdc);
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
  fdc_update_irq (fdc);
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

static void
fdc_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  aml_begin_device (aml, "FDC");
  aml_name_eisa_id (aml, "_HID", "PNP0700");
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, 0x3f0, 6);
  aml_res_io (aml, 0x3f7, 1);
  aml_res_irq (aml, 6);
  aml_res_dma (aml, 2);
  aml_end (aml);
  aml_end (aml);
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
  .acpi = fdc_acpi,
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
      vm_timer_init (&drive->seek_timer, vm->clock, fdc_on_seek_timer, drive);
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

static Block *
put_in (FdcDrive *drive, Block *block, const FdcFormat *format)
{
  Block *old = storage_port_set_block (&drive->port, block);
  drive->medium = *format;
  drive->format = block != NULL ? &drive->medium : NULL;
  drive->changed = TRUE;
  return old;
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
  block_close (put_in (drive, block, &format));
  return TRUE;
}

gboolean
fdc_change_media (Device *device, unsigned unit, Block *block, Block **old, GError **error)
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
  *old = put_in (drive, block, &format);
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
