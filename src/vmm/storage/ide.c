/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The IDE function of the PIIX4: configuration space, legacy ports, the two drives of a cable, life cycle.
 * Intel 82371AB data sheet, chapter 5 (IDE configuration registers), ATA/ATAPI-6 chapter 7 (registers).
 */
#define G_LOG_DOMAIN "ide"

#include "storage/ide.h"

#include "storage/ide-atapi.h"
#include "storage/ide-bmdma.h"

#include <string.h>

enum
{
  PIIX_IDETIM = 0x40, /* 16 bits a channel */
  PIIX_IDETIM_DECODE = 0x8000,
  PIIX_IDETIM_MASK = 0xf3ff, /* all but the reserved bits */
  PIIX_SIDETIM = 0x44,       /* of the second drives, where IDETIM has their bit set */
  PIIX_UDMACTL = 0x48,       /* a bit a drive: Ultra DMA */
  PIIX_UDMACTL_MASK = 0x0f,
  PIIX_UDMATIM = 0x4a, /* a mode a drive, 0 to 2 */
  PIIX_UDMATIM_MASK = 0x3333,
};

#define PIIX3_IDE 0x7010 /* 82371SB: without Ultra DMA */
#define PIIX4_IDE 0x7111 /* 82371AB */

/* Command block. */
enum
{
  REG_DATA,
  REG_FEATURES, /* error when read */
  REG_COUNT,
  REG_LBA_LOW,
  REG_LBA_MID,
  REG_LBA_HIGH,
  REG_DEVICE,
  REG_COMMAND, /* status when read */
};

static const uint16_t command_ports[IDE_N_CHANNELS] = { 0x1f0, 0x170 };
static const uint16_t control_ports[IDE_N_CHANNELS] = { 0x3f6, 0x376 };

static gboolean
channel_empty (const IdeChannel *channel)
{
  return channel->drive[0].kind == IDE_DRIVE_NONE && channel->drive[1].kind == IDE_DRIVE_NONE;
}

/* -- Commands for every drive, and for the pair -------------------------------------------------- */

/* ATA/ATAPI-6, 8.9: device 0 answers for both. */
static void
execute_diagnostics (IdeChannel *channel)
{
  for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
    {
      IdeDrive *drive = &channel->drive[unit];
      ide_drive_stop (drive);
      drive->device = 0;
      ide_drive_signature (drive);
    }
  channel->selected = 0;
  if (channel->drive[0].kind == IDE_DRIVE_NONE)
    return;
  ide_raise (&channel->drive[0]);
}

static void
write_command (IdeChannel *channel, uint8_t command)
{
  IdeDrive *drive = ide_selected (channel);

  if (command == 0x90 && !channel_empty (channel))
    {
      execute_diagnostics (channel);
      return;
    }
  if (drive->kind == IDE_DRIVE_NONE || (channel->control & ATA_CONTROL_SRST))
    return;
  if (command == 0x08 && drive->kind == IDE_DRIVE_CDROM) /* DEVICE RESET works while busy, too */
    {
      ide_drive_stop (drive);
      ide_drive_signature (drive);
      drive->intrq = FALSE;
      ide_update_irq (channel);
      return;
    }
  if (drive->status & ATA_BSY)
    return;
  drive->intrq = FALSE;
  ide_update_irq (channel);
  ide_drive_stop (drive); /* a data phase that the guest gave up */
  drive->error = 0;
  drive->command = command;
  drive->set->command (drive, command);
}

/* ATA/ATAPI-6, 9.2: both drives, while the bit is set and again when it falls. */
static void
soft_reset (IdeChannel *channel, gboolean on)
{
  for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
    {
      IdeDrive *drive = &channel->drive[unit];
      ide_drive_stop (drive);
      drive->device = 0;
      ide_drive_signature (drive);
      drive->intrq = FALSE;
      if (on && drive->kind != IDE_DRIVE_NONE)
        drive->status = ATA_BSY;
    }
  channel->selected = 0;
  ide_update_irq (channel);
}

/* -- Registers ----------------------------------------------------------------------------------- */

static void
write_register (IdeChannel *channel, unsigned reg, uint8_t value)
{
  /* Both drives of a cable hear each write. */
  channel->control &= (uint8_t)~ATA_CONTROL_HOB;
  if (reg == REG_COMMAND)
    {
      write_command (channel, value);
      return;
    }
  for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
    {
      IdeDrive *drive = &channel->drive[unit];
      switch (reg)
        {
        case REG_FEATURES:
          drive->hob_features = drive->features;
          drive->features = value;
          break;
        case REG_COUNT:
          drive->hob_count = drive->count;
          drive->count = value;
          break;
        case REG_LBA_LOW:
          drive->hob_lba_low = drive->lba_low;
          drive->lba_low = value;
          break;
        case REG_LBA_MID:
          drive->hob_lba_mid = drive->lba_mid;
          drive->lba_mid = value;
          break;
        case REG_LBA_HIGH:
          drive->hob_lba_high = drive->lba_high;
          drive->lba_high = value;
          break;
        case REG_DEVICE:
          drive->device = value;
          break;
        default:
          break;
        }
    }
  if (reg == REG_DEVICE)
    {
      channel->selected = (value & ATA_DEVICE_DEV) != 0;
      ide_update_irq (channel);
    }
}

/* One drive answers for its absent partner with zeros (ATA/ATAPI-6, 9.16.1).  Nothing on the cable: the host's pull-down of DD7 keeps BSY clear, so that
 * nobody waits for a drive that isn't there (UEFI's driver would, for half a minute); zeros, too, as no driver takes those for a drive. */
static gboolean
absent_answer (const IdeChannel *channel, uint8_t *value)
{
  *value = 0;
  return channel_empty (channel) || channel->drive[channel->selected & 1].kind == IDE_DRIVE_NONE;
}

static uint8_t
read_register (IdeChannel *channel, unsigned reg)
{
  IdeDrive *drive = ide_selected (channel);
  gboolean hob = channel->control & ATA_CONTROL_HOB;
  uint8_t value;

  if (absent_answer (channel, &value))
    return value;
  switch (reg)
    {
    case REG_FEATURES:
      value = hob ? drive->hob_features : drive->error;
      if (!hob)
        drive->error = 0; /* guests count on it: read once, gone */
      return value;
    case REG_COUNT:
      return hob ? drive->hob_count : drive->count;
    case REG_LBA_LOW:
      return hob ? drive->hob_lba_low : drive->lba_low;
    case REG_LBA_MID:
      return hob ? drive->hob_lba_mid : drive->lba_mid;
    case REG_LBA_HIGH:
      return hob ? drive->hob_lba_high : drive->lba_high;
    case REG_DEVICE:
      return drive->device | ATA_DEVICE_OBSOLETE;
    case REG_COMMAND:
      drive->intrq = FALSE;
      ide_update_irq (channel);
      return drive->status;
    default:
      return 0;
    }
}

static uint64_t
command_read (void *opaque, uint64_t addr, unsigned size)
{
  IdeChannel *channel = opaque;
  uint32_t value = 0;

  if (addr == REG_DATA && !channel_empty (channel))
    return ide_data_read (ide_selected (channel), size);
  for (unsigned i = 0; i < size; i++)
    value |= (uint32_t)read_register (channel, (unsigned)(addr + i) & 7) << (8 * i);
  return value;
}

static void
command_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  IdeChannel *channel = opaque;

  if (addr == REG_DATA)
    {
      ide_data_write (ide_selected (channel), (uint32_t)value, size);
      return;
    }
  for (unsigned i = 0; i < size; i++)
    write_register (channel, (unsigned)(addr + i) & 7, (uint8_t)(value >> (8 * i)));
}

static const IoOps command_ops = {
  .read = command_read,
  .write = command_write,
  .impl_min = 1,
  .impl_max = 4,
  .valid_max = 4,
};

static uint64_t
control_read (void *opaque, uint64_t addr, unsigned size)
{
  IdeChannel *channel = opaque;
  uint8_t value;

  if (absent_answer (channel, &value))
    return value;
  return ide_selected (channel)->status; /* alternate status: leaves the interrupt alone */
}

static void
control_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  IdeChannel *channel = opaque;
  uint8_t old = channel->control;

  channel->control = value & (ATA_CONTROL_NIEN | ATA_CONTROL_SRST | ATA_CONTROL_HOB);
  if ((old ^ channel->control) & ATA_CONTROL_SRST)
    soft_reset (channel, (channel->control & ATA_CONTROL_SRST) != 0);
  ide_update_irq (channel);
}

static const IoOps control_ops = {
  .read = control_read,
  .write = control_write,
  .impl_min = 1,
  .impl_max = 1,
};

/* -- Configuration space ------------------------------------------------------------------------- */

static void
update_decode (Ide *ide)
{
  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    {
      IdeChannel *channel = &ide->channel[i];
      gboolean on = (pci_get16 (ide->pci.config + PIIX_IDETIM + 2 * i) & PIIX_IDETIM_DECODE) != 0;
      if (channel->command_mapping == NULL || mapping_enabled (channel->command_mapping) == on)
        continue;
      mapping_set_enabled (channel->command_mapping, on);
      mapping_set_enabled (channel->control_mapping, on);
    }
}

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  if (offset < PIIX_IDETIM + 4 && offset + size > PIIX_IDETIM)
    update_decode ((Ide *)pci);
}

static void
quiesce (void *opaque)
{
  Ide *ide = opaque;

  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    ide_bmdma_settle (&ide->channel[i]);
}

/* -- Life ---------------------------------------------------------------------------------------- */

/* Machines that an earlier version saved have a PIIX3's function, and keep it: their guests have seen which it is. */
static void
become (Ide *ide, uint16_t part)
{
  const gboolean ultra = part == PIIX4_IDE;

  pci_set16 (ide->pci.config + PCI_DEVICE_ID, part);
  pci_set16 (ide->pci.reset_config + PCI_DEVICE_ID, part);
  ide->pci.write_mask[PIIX_UDMACTL] = ultra ? PIIX_UDMACTL_MASK : 0;
  pci_set16 (ide->pci.write_mask + PIIX_UDMATIM, ultra ? PIIX_UDMATIM_MASK : 0);
}

/* Nothing that a driver couldn't have written. */
static void
mask_timings (Ide *ide)
{
  uint8_t *config = ide->pci.config;

  for (unsigned i = PIIX_IDETIM; i < PIIX_UDMATIM + 2; i++)
    config[i] &= ide->pci.write_mask[i];
}

static gboolean
ide_realize (Device *device, GError **error)
{
  static const PciIdentity identity = {
    .vendor = 0x8086,
    .device = PIIX4_IDE,
    .revision = 1,
    .class_code = 0x010180, /* IDE, legacy ports, bus master */
  };
  Ide *ide = (Ide *)device;
  Vm *vm = device->vm;

  if (!pci_device_init (&ide->pci, ide->bus, ide->devfn, &identity, error))
    return FALSE;
  ide->pci.config_written = config_written;
  ide->pci.dma.quiesce = quiesce;
  ide->pci.dma.opaque = ide;
  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    {
      IdeChannel *channel = &ide->channel[i];
      dma_init_queue (&channel->cable.dma, &ide->pci.dma);
      /* The decode bits are set from the start, as firmware would: a kernel that is booted without any finds its disk. */
      pci_set16 (ide->pci.config + PIIX_IDETIM + 2 * i, PIIX_IDETIM_DECODE);
      pci_set16 (ide->pci.reset_config + PIIX_IDETIM + 2 * i, PIIX_IDETIM_DECODE);
      pci_set16 (ide->pci.write_mask + PIIX_IDETIM + 2 * i, PIIX_IDETIM_MASK);
      channel->command_region = region_new_io ("ide-command", 8, &command_ops, channel);
      channel->control_region = region_new_io ("ide-control", 1, &control_ops, channel);
      channel->command_mapping
          = address_space_map (vm->ports, channel->command_region, command_ports[i], 0, 8, 0);
      channel->control_mapping
          = address_space_map (vm->ports, channel->control_region, control_ports[i], 0, 1, 0);
    }
  ide->pci.write_mask[PIIX_SIDETIM] = 0xff;
  become (ide, PIIX4_IDE);
  ide->bm_region = region_new_io ("ide-bmdma", 16, &ide_bmdma_ops, ide);
  pci_device_add_bar (&ide->pci, 4, ide->bm_region, PCI_BAR_IO);
  return TRUE;
}

static void
ide_reset (Device *device)
{
  Ide *ide = (Ide *)device;

  pci_device_reset (&ide->pci);
  update_decode (ide);
  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    {
      IdeChannel *channel = &ide->channel[i];
      channel->control = 0;
      soft_reset (channel, FALSE);
      for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
        ide_drive_defaults (&channel->drive[unit]);
      ide_bmdma_reset (channel);
    }
}

static void
ide_pause (Device *device)
{
  Ide *ide = (Ide *)device;

  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    ide->channel[i].cable.paused = TRUE;
}

static gboolean
ide_drained (Device *device)
{
  Ide *ide = (Ide *)device;

  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
      if (!storage_port_drained (&ide->channel[i].drive[unit].port))
        return FALSE;
  return TRUE;
}

static void
ide_resume (Device *device)
{
  Ide *ide = (Ide *)device;

  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    {
      ide->channel[i].cable.paused = FALSE;
      ide_bmdma_resume (&ide->channel[i]);
      for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
        {
          storage_port_resume (&ide->channel[i].drive[unit].port);
          ide_io_kick (&ide->channel[i].drive[unit]);
        }
    }
}

static void
ide_unrealize (Device *device)
{
  Ide *ide = (Ide *)device;

  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    {
      IdeChannel *channel = &ide->channel[i];
      g_clear_pointer (&channel->command_mapping, mapping_remove);
      g_clear_pointer (&channel->control_mapping, mapping_remove);
      g_clear_pointer (&channel->command_region, region_unref);
      g_clear_pointer (&channel->control_region, region_unref);
      for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
        ide_drive_clear (&channel->drive[unit]);
      dma_clear (&channel->cable.dma);
    }
  pci_device_exit (&ide->pci);
  g_clear_pointer (&ide->bm_region, region_unref);
}

/* -- State --------------------------------------------------------------------------------------- */

static const StateField channel_state[] = {
  STATE_BOOL (IdeChannel, irq_level),      STATE_STRUCTS (IdeChannel, drive, IdeDrive, ide_drive_state),
  STATE_U32_MAX (IdeChannel, selected, 1), STATE_U8 (IdeChannel, control),
  STATE_U8 (IdeChannel, bm_command),       STATE_U8 (IdeChannel, bm_status),
  STATE_U32 (IdeChannel, bm_table),        STATE_U32 (IdeChannel, prd_next),
  STATE_U32 (IdeChannel, prd_addr),        STATE_U32_MAX (IdeChannel, prd_left, 0x10000),
  STATE_BOOL (IdeChannel, prd_last),       STATE_END,
};

static const StateField ide_state[] = {
  STATE_STRUCT (Ide, pci, pci_device_state),
  STATE_STRUCTS (Ide, channel, IdeChannel, channel_state),
  STATE_END,
};

static gboolean
ide_post_load (Device *device, GError **error)
{
  Ide *ide = (Ide *)device;
  const uint16_t part = pci_get16 (ide->pci.config + PCI_DEVICE_ID);

  if (part == PIIX3_IDE || part == PIIX4_IDE)
    become (ide, part);
  mask_timings (ide);
  if (!pci_device_post_load (&ide->pci, error))
    return FALSE;
  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
      if (!ide_drive_loaded (&ide->channel[i].drive[unit], error))
        return FALSE;
  update_decode (ide);
  return TRUE;
}

static const DeviceClass ide_class = {
  .name = "piix4-ide",
  .instance_size = sizeof (Ide),
  .state = ide_state,
  .realize = ide_realize,
  .reset = ide_reset,
  .pause = ide_pause,
  .drained = ide_drained,
  .resume = ide_resume,
  .post_load = ide_post_load,
  .unrealize = ide_unrealize,
};

Device *
ide_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const IrqLine irq[IDE_N_CHANNELS])
{
  Ide *ide = device_new (vm, &ide_class, id);

  ide->bus = bus;
  ide->devfn = devfn;
  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    {
      IdeChannel *channel = &ide->channel[i];
      channel->ide = ide;
      channel->cable.device = &ide->pci.device;
      channel->cable.index = i;
      channel->cable.master = &ide_bus_master;
      channel->irq = irq[i];
      for (unsigned unit = 0; unit < IDE_N_UNITS; unit++)
        ide_drive_setup (&channel->drive[unit], &channel->cable, unit);
    }
  return &ide->pci.device;
}

/* -- Drives -------------------------------------------------------------------------------------- */

static IdeDrive *
get_drive (Device *device, unsigned channel, unsigned unit)
{
  g_return_val_if_fail (device->klass == &ide_class && channel < IDE_N_CHANNELS && unit < IDE_N_UNITS, NULL);
  return &((Ide *)device)->channel[channel].drive[unit];
}

gboolean
ide_attach (Device *device, unsigned channel, unsigned unit, const IdeDriveConfig *config, GError **error)
{
  IdeDrive *drive = get_drive (device, channel, unit);

  if (drive == NULL || drive->kind != IDE_DRIVE_NONE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "IDE drive %u.%u is there already.", channel, unit);
      return FALSE;
    }
  return ide_drive_plug (drive, config, error);
}

void
ide_detach (Device *device, unsigned channel, unsigned unit)
{
  IdeDrive *drive = get_drive (device, channel, unit);

  if (drive == NULL || drive->kind == IDE_DRIVE_NONE)
    return;
  ide_drive_unplug (drive);
  ide_update_irq ((IdeChannel *)drive->cable);
}

IdeDriveKind
ide_drive_kind (Device *device, unsigned channel, unsigned unit)
{
  IdeDrive *drive = get_drive (device, channel, unit);
  return drive != NULL ? (IdeDriveKind)drive->kind : IDE_DRIVE_NONE;
}

gboolean
ide_change_media (Device *device, unsigned channel, unsigned unit, Block *block, gboolean force, Block **old,
                  GError **error)
{
  IdeDrive *drive = get_drive (device, channel, unit);

  if (drive == NULL || drive->kind != IDE_DRIVE_CDROM)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "IDE drive %u.%u isn't a CD-ROM drive.", channel,
                   unit);
      return FALSE;
    }
  return ide_check_disc (block, error) && ide_atapi_change_media (drive, block, force, old, error);
}

Block *
ide_drive_media (Device *device, unsigned channel, unsigned unit)
{
  IdeDrive *drive = get_drive (device, channel, unit);
  return drive != NULL ? drive->port.block : NULL;
}

gboolean
ide_drive_locked (Device *device, unsigned channel, unsigned unit)
{
  IdeDrive *drive = get_drive (device, channel, unit);
  return drive != NULL && drive->tray_locked;
}

gboolean
ide_tray_open (Device *device, unsigned channel, unsigned unit)
{
  IdeDrive *drive = get_drive (device, channel, unit);
  return drive != NULL && drive->tray_open;
}

void
ide_set_tray_func (Device *device, IdeTrayFunc func, void *opaque)
{
  Ide *ide = (Ide *)device;

  for (unsigned i = 0; i < IDE_N_CHANNELS; i++)
    {
      ide->channel[i].cable.tray_moved = func;
      ide->channel[i].cable.tray_opaque = opaque;
    }
}

gboolean
ide_drive_geometry (Device *device, unsigned channel, unsigned unit, unsigned *cylinders, unsigned *heads,
                    unsigned *sectors)
{
  IdeDrive *drive = get_drive (device, channel, unit);

  if (drive == NULL || drive->kind != IDE_DRIVE_DISK)
    return FALSE;
  *cylinders = drive->cylinders;
  *heads = drive->heads;
  *sectors = drive->sectors;
  return TRUE;
}
