/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The PC: a chipset (board/chipsets.h), the AT's own parts, VGA, and the definition's devices.
 */
#define G_LOG_DOMAIN "board"

#include "board/pc.h"

#include "base/host-files.h"
#include "board/ahci.h"
#include "board/chipsets.h"
#include "board/firmware.h"
#include "board/slots.h"
#include "board/usb-hosts.h"
#include "board/usb.h"
#include "board/guard.h"
#include "board/ports.h"
#include "board/virtio.h"
#include "chipset/a20.h"
#include "chipset/debugcon.h"
#include "chipset/dma8237.h"
#include "chipset/ferr.h"
#include "chipset/gsi.h"
#include "chipset/hpet.h"
#include "chipset/ioapic.h"
#include "chipset/pic.h"
#include "chipset/parallel.h"
#include "chipset/pit.h"
#include "chipset/port92.h"
#include "chipset/rtc.h"
#include "chipset/uart.h"
#include "firmware/fw-cfg.h"
#include "firmware/vmcoreinfo.h"
#include "firmware/vmgenid.h"
#include "firmware/rom.h"
#include "input/i8042.h"
#include "machine/definition-files.h"
#include "machine/start-blame.h"
#include "net/ne2000.h"
#include "storage/fdc.h"
#include "storage/ide.h"
#include "storage/nvme.h"
#include "video/vga.h"
#include "virtio/blk.h"
#include "virtio/scsi.h"

#include <gio/gio.h>
#include <string.h>

#define FOUR_GIB 0x100000000ULL

#define VGA_DEVFN PCI_DEVFN (2, 0)

static gboolean
build_memory (Board *board, GError **error)
{
  Vm *vm = board->vm;
  const MachineDefinition *def = board->definition;
  gboolean huge = definition_flag (def, "machine.memory-huge")
                  || (vm->processor != NULL && vm->processor->wants_huge_pages);
  RamFlags flags = (huge ? RAM_HUGE : 0) | (definition_flag (def, "machine.memory-merge") ? RAM_MERGEABLE : 0)
                   | (definition_flag (def, "machine.memory-shared") ? RAM_SHARED : 0);
  uint64_t memory = definition_number (def, "machine.memory"),
           low = MIN (memory, board->chipset->low_ram_max);

  board->low_ram = region_new_ram ("ram", low, flags, error);
  if (board->low_ram == NULL)
    {
      viv_start_blame ("machine", "memory");
      return FALSE;
    }
  vm_add_ram (vm, board->low_ram);
  if (memory > low)
    {
      board->high_ram = region_new_ram ("ram-high", memory - low, flags, error);
      if (board->high_ram == NULL)
        {
          viv_start_blame ("machine", "memory");
          return FALSE;
        }
      vm_add_ram (vm, board->high_ram);
      address_space_map (vm->memory, board->high_ram, FOUR_GIB, 0, memory - low, 0);
    }

  return board_build_firmware (board, error);
}

/* -- Serial ports --------------------------------------------------------------------------------- */

/* COM1 to COM4: serial0 is COM1, whichever others there are. */
static const struct
{
  uint16_t base;
  uint8_t irq;
} com[BOARD_MAX_SERIALS] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } };

static gboolean
build_serial (Board *board, const MachineDevice *serial, GError **error)
{
  unsigned i = serial->number;
  Device *uart;

  if (i >= BOARD_MAX_SERIALS)
    return TRUE;
  if (g_strcmp0 (machine_device_text (serial, "bus"), "usb") == 0)
    return board_build_far_end (board, serial, i, error) && board_build_usb_serial (board, serial, error);
  uart = uart_new (board->vm, serial->id, com[i].base, gsi_line (board->gsi, com[i].irq), error);
  if (uart == NULL)
    return FALSE;
  board->uart[i] = uart;
  if (!board_build_far_end (board, serial, i, error))
    return FALSE;
  if (board->serial[i] != NULL)
    serial_port_connect_uart (board->serial[i], uart);
  return TRUE;
}

/* -- Drives --------------------------------------------------------------------------------------- */

static Block *
open_drive (Board *board, const MachineDevice *drive, const char *path, GError **error)
{
  BlockConfig config = { .path = path, .format = machine_device_text (drive, "format") };

  if (drive->kind->drive == DRIVE_CDROM)
    config.flags = BLOCK_READ_ONLY | BLOCK_SHARED_READ;
  else if (machine_device_flag (drive, "discard"))
    config.flags = BLOCK_DISCARD_CHANGES;
  else if (machine_device_flag (drive, "readonly"))
    config.flags = BLOCK_READ_ONLY;
  return block_open (&config, error);
}

static gboolean
attach_ide (Board *board, MachineDrive *drive, Block *block, GError **error)
{
  IdeDriveConfig config = {
    .kind = drive->kind == DRIVE_DISK ? IDE_DRIVE_DISK : IDE_DRIVE_CDROM,
    .block = block,
    .wwn = drive->kind == DRIVE_DISK ? board_wwn (board, drive->id) : 0,
  };

  return ide_attach (board->ide, drive->channel, drive->unit, &config, error);
}

static void
make_ide (Board *board, unsigned devfn)
{
  const IrqLine irq[IDE_N_CHANNELS] = { gsi_line (board->gsi, 14), gsi_line (board->gsi, 15) };

  board->ide = ide_new (board->vm, "ide", pci_root_bus (board->root), devfn, irq);
  ide_set_tray_func (board->ide, board_tray_moved, board);
}

/* Disks take the first channel, CD-ROM drives the second; what finds no place there goes to the other. */
static gboolean
place_ide (Board *board, MachineDrive *drive, GError **error)
{
  static const uint8_t order[2][4] = { { 0, 1, 2, 3 }, { 2, 3, 1, 0 } };

  if (board->ide == NULL)
    {
      const unsigned slot = board_take_slot (board, "ide", error);

      if (slot == 0)
        return FALSE;
      make_ide (board, PCI_DEVFN (slot, 0));
    }
  for (unsigned i = 0; i < 4; i++)
    {
      unsigned place = order[drive->kind == DRIVE_CDROM][i];

      if (ide_drive_kind (board->ide, place / 2, place % 2) != IDE_DRIVE_NONE)
        continue;
      drive->channel = place / 2;
      drive->unit = place % 2;
      return TRUE;
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
               "%s: the IDE controller has room for four drives; take one away", drive->id);
  return FALSE;
}

/* A disk that is a PCI device of its own.  Takes the image. */
static gboolean
attach_function (Board *board, MachineDrive *drive, const MachineDevice *wanted, Block *block, GError **error)
{
  g_autofree char *serial = g_strdup_printf ("VIV-%s", drive->id);
  const unsigned n_queues = (unsigned)machine_device_number (wanted, "queues");
  const VirtBlockConfig virtio = { .block = block, .serial = serial, .n_queues = n_queues };
  /* UEFI's driver makes two of them, whatever it is told. */
  const unsigned least = definition_uefi (board->definition) != NULL ? 2 : 1;
  const NvmeConfig nvme = { .block = block,
                            .serial = serial,
                            .machine = definition_text (board->definition, "machine.uuid"),
                            .n_queues = MAX (n_queues, least) };
  PciBus *bus = pci_root_bus (board->root);
  const unsigned slot = board_take_slot (board, drive->id, error);

  if (slot == 0)
    {
      block_close (block);
      return FALSE;
    }
  drive->nvme = g_strcmp0 (machine_device_text (wanted, "bus"), "nvme") == 0;
  board->functions[slot]
      = drive->nvme ? nvme_new (board->vm, drive->id, bus, PCI_DEVFN (slot, 0), &nvme, error)
                    : virt_block_new (board->vm, drive->id, bus, PCI_DEVFN (slot, 0), &virtio, error);
  if (drive->nvme ? board->functions[slot] == NULL : !board_made_virtio (board, board->functions[slot]))
    return FALSE;
  drive->slot = slot;
  return TRUE;
}

/* Takes the image.  All drives that are to be on SCSI are on one controller, which comes with the first. */
static gboolean
attach_scsi (Board *board, MachineDrive *drive, const MachineDevice *wanted, Block *block, GError **error)
{
  g_autofree char *serial = g_strdup_printf ("VIV-%s", drive->id);
  int target = -1;

  if (board->scsi == NULL && !board_build_scsi (board, wanted, error))
    {
      if (block != NULL)
        block_close (block);
      return FALSE;
    }
  target = drive->kind == DRIVE_CDROM ? virt_scsi_add_cdrom (board->scsi, block, serial)
                                      : virt_scsi_add_disk (board->scsi, block, serial);
  if (target < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "%s: the SCSI controller has no target left; take a drive away", drive->id);
      if (block != NULL)
        block_close (block);
      return FALSE;
    }
  drive->scsi = TRUE;
  drive->unit = (unsigned)target;
  drive->slot = ((VirtDevice *)board->scsi)->pci.devfn >> 3;
  return TRUE;
}

/* With the one that is being built. */
static unsigned
count_floppies (Board *board)
{
  unsigned n = 0;

  for (guint i = 0; i < board->drives->len; i++)
    n += ((MachineDrive *)g_ptr_array_index (board->drives, i))->kind == DRIVE_FLOPPY;
  return n;
}

static gboolean
build_drive (Board *board, const MachineDevice *wanted, GError **error)
{
  MachineDrive *drive = g_new0 (MachineDrive, 1);
  Block *block = NULL;
  uint32_t mode;
  uint64_t size;
  gboolean ok;

  drive->id = g_strdup (wanted->id);
  drive->kind = wanted->kind->drive;
  drive->readonly = machine_device_flag (wanted, "readonly") || drive->kind == DRIVE_CDROM;
  g_ptr_array_add (board->drives, drive);
  drive->path = definition_resolve (board->definition, machine_device_text (wanted, "path"));
  if (drive->path != NULL)
    {
      if (drive->kind != DRIVE_DISK && host_file_look (drive->path, &mode, &size) != 0)
        {
          /* A disc that is gone leaves the drive empty; only a disk is worth stopping for. */
          g_message ("%s: %s is not there; the drive starts empty", drive->id, drive->path);
          g_clear_pointer (&drive->path, g_free);
        }
    }
  if (drive->path != NULL)
    {
      block = open_drive (board, wanted, drive->path, error);
      if (block == NULL)
        {
          g_prefix_error (error, "%s: ", drive->id);
          return FALSE;
        }
    }
  if (drive->kind == DRIVE_FLOPPY)
    {
      drive->unit = count_floppies (board) - 1;
      ok = fdc_attach (board->fdc, drive->unit, FDC_DRIVE_AUTO, block, error);
    }
  else if (drive->kind == DRIVE_DISK && block == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s has no image; set %s.path or remove the disk",
                   drive->id, drive->id);
      ok = FALSE;
    }
  else if (drive->kind == DRIVE_DISK
           && (g_strcmp0 (machine_device_text (wanted, "bus"), "virtio") == 0
               || g_strcmp0 (machine_device_text (wanted, "bus"), "nvme") == 0))
    return attach_function (board, drive, wanted, block, error);
  else if (drive->kind != DRIVE_FLOPPY
           && (g_strcmp0 (machine_device_text (wanted, "bus"), "ahci") == 0
               || (board->chipset->ide_devfn == 0
                   && g_strcmp0 (machine_device_text (wanted, "bus"), "auto") == 0)))
    ok = board_attach_ahci (board, drive, wanted, block, error);
  else if (drive->kind != DRIVE_FLOPPY && g_strcmp0 (machine_device_text (wanted, "bus"), "usb") == 0)
    return board_build_usb_disk (board, drive, block, error);
  else if (drive->kind != DRIVE_FLOPPY && g_strcmp0 (machine_device_text (wanted, "bus"), "scsi") == 0)
    return attach_scsi (board, drive, wanted, block, error);
  else
    ok = place_ide (board, drive, error) && attach_ide (board, drive, block, error);
  if (!ok && block != NULL)
    block_close (block);
  return ok;
}

/* The controllers, to which drives are attached before they are realized. */
static void
make_storage (Board *board, Device *dma8237)
{
  IrqLine fdc_irq = gsi_line (board->gsi, 6);
  IsaDmaOps dma = { .dma = dma8237, .set_dreq = dma8237_set_dreq, .transfer = dma8237_transfer };

  if (board->chipset->ide_devfn != 0)
    make_ide (board, board->chipset->ide_devfn);
  board->fdc = fdc_new (board->vm, "fdc", &fdc_irq, &dma, 2);
}

/* Also where a drive has failed (`ok` FALSE: the error is set): what the others hold is let go of when the devices are unrealized. */
static gboolean
realize_storage (Board *board, gboolean ok, GError **error)
{
  if (board->ide != NULL)
    ok = device_realize (board->ide, ok ? error : NULL) && ok;
  return device_realize (board->fdc, ok ? error : NULL) && ok;
}

/* -- Networks ------------------------------------------------------------------------------------- */

static gboolean
build_net (Board *board, const MachineDevice *net, GError **error)
{
  unsigned slot;

  if (machine_device_slot (net) > 0)
    return TRUE; /* board_fill_slots() does it */
  if (board_net_is_isa (net))
    return board_add_isa_net (board, net, gsi_line (board->gsi, NE2000_ISA_IRQ), error);
  slot = board_take_slot (board, net->id, error);
  return slot != 0 && board_add_net (board, net, pci_root_bus (board->root), slot, error);
}

/* -- Screen and input ----------------------------------------------------------------------------- */

static gboolean
build_display (Board *board, const MachineDevice *display, GError **error)
{
  const char *mib = machine_device_text (display, "video-memory");
  g_autofree char *rom = NULL;

  if (g_strcmp0 (machine_device_text (display, "video"), "none") == 0)
    return TRUE;
  rom = firmware_find ("vgabios-stdvga.bin", error);
  if (rom == NULL)
    return FALSE;
  board->vga = vga_new (board->vm, pci_root_bus (board->root), VGA_DEVFN, "vga");
  if (!device_set_property (board->vga, "romfile", rom, error)
      || !device_set_property (board->vga, "vram-mib", mib, error) || !device_realize (board->vga, error))
    return FALSE;
  g_ptr_array_add (board->outputs, vga_output (board->vga));
  return TRUE;
}

static gboolean
build_input (Board *board, Device *a20, GError **error)
{
  I8042Config config = {
    .keyboard_irq = gsi_line (board->gsi, 1),
    .mouse_irq = gsi_line (board->gsi, 12),
    .a20 = a20_line (a20),
    .a20_is_open = a20_is_open,
    .a20_opaque = a20,
  };

  board->router = input_router_new (board->vm);
  config.router = board->router;
  board->i8042 = i8042_new (board->vm, &config);
  return device_realize (board->i8042, error);
}

/* -- From the definition's devices ---------------------------------------------------------------- */

typedef gboolean (*Builder) (Board *board, const MachineDevice *device, GError **error);

/* By the names of device_kinds.  What isn't here is a part of the board, or says how it is used.  The order is that of making, which states of
 * older versions and the order of resets follow: a new kind comes last. */
/* The controller, or a device of this computer's. */
static gboolean
build_usb (Board *board, const MachineDevice *usb, GError **error)
{
  return usb->number == 0 ? board_build_usb (board, usb, error) : board_build_usb_host (board, usb, error);
}

static const struct
{
  const char *kind;
  Builder build;
} builders[] = {
  { "serial", build_serial },
  { "disk", build_drive },
  { "cdrom", build_drive },
  { "floppy", build_drive },
  { "display", build_display },
  { "rng", board_build_rng },
  { "balloon", board_build_balloon },
  { "console", board_build_console },
  { "input", board_build_input },
  { "net", build_net },
  { "usb", build_usb },
  { "input", board_build_usb_input },
  { "share", board_build_share },
  { "vsock", board_build_vsock },
  { "watchdog", board_build_watchdog },
  { "panic", board_build_panic },
  { "tpm", board_build_tpm },
  { "parallel", board_build_parallel },
};

static gboolean
build_kind (Board *board, unsigned builder, GError **error)
{
  const GPtrArray *devices = board->definition->devices;

  for (guint i = 0; i < devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (devices, i);
      if (g_str_equal (device->kind->name, builders[builder].kind)
          && !builders[builder].build (board, device, error))
        {
          if (builders[builder].build == build_drive)
            viv_start_blame (device->id, "path");
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
build_devices (Board *board, Device *dma8237, GError **error)
{
  gboolean ok = TRUE, storage = FALSE;

  for (unsigned i = 0; i < G_N_ELEMENTS (builders); i++)
    {
      gboolean drives = builders[i].build == build_drive;

      if (drives && !storage)
        make_storage (board, dma8237);
      if (!drives && storage && !realize_storage (board, ok, error))
        return FALSE;
      storage = drives;
      ok = ok && build_kind (board, i, error);
      if (!ok && !drives)
        return FALSE;
    }
  return ok;
}

static char *
place (Board *board, const MachineDevice *device)
{
  if (machine_device_slot (device) > 0)
    return board_slot_place (board, device);
  if (g_str_equal (device->kind->name, "serial") && device->number < BOARD_MAX_SERIALS
      && board->uart[device->number] == NULL)
    return board_usb_place (board, device->id);
  if (g_str_equal (device->kind->name, "serial") && device->number < BOARD_MAX_SERIALS)
    return g_strdup_printf ("isa 0x%x", com[device->number].base);
  if (g_str_equal (device->kind->name, "parallel"))
    return g_strdup_printf ("isa 0x%x", PARALLEL_LPT1);
  if (g_str_equal (device->kind->name, "display") && board->vga != NULL)
    return g_strdup_printf ("pci 00:%02x.%x", VGA_DEVFN >> 3, VGA_DEVFN & 7);
  return NULL;
}

/* -- The whole ------------------------------------------------------------------------------------ */

/* SeaBIOS resumes where the FACS says when it finds this in the AT's shutdown byte. */
#define CMOS_SHUTDOWN        0x0f
#define CMOS_SHUTDOWN_RESUME 0xfe

static void
on_wake (void *opaque)
{
  Board *board = opaque;

  rtc_set_cmos (board->rtc, CMOS_SHUTDOWN, CMOS_SHUTDOWN_RESUME);
}

/* The machine goes on from what was saved, and its guest is to hear of it. */
static void
on_generation (void *opaque)
{
  Board *board = opaque;

  board->chipset->raise_gpe (board, VMGENID_GPE);
}

static void
on_debug_line (void *opaque, const char *line)
{
  g_info ("firmware: %s", line);
}

static gboolean
build (Board *board, GError **error)
{
  Vm *vm = board->vm;
  gboolean localtime = g_strcmp0 (definition_text (board->definition, "machine.clock"), "localtime") == 0;
  Device *pic, *ioapic, *hpet, *pit, *dma8237, *a20;

  vm->catch_up = g_strcmp0 (definition_text (board->definition, "machine.clock-policy"), "catch-up") == 0;
  if (!build_memory (board, error))
    return FALSE;
  if (!board->chipset->make_host (board, error) || (pic = pic_new (vm, vm_intr_line (vm), error)) == NULL
      || (ioapic = ioapic_new (vm, IOAPIC_ADDRESS, error)) == NULL
      || (board->gsi = gsi_new (vm, pic, ioapic, error)) == NULL
      || !board->chipset->make_bridges (board, error) || (hpet = hpet_new (vm, board->gsi, error)) == NULL
      || (pit = pit_new (vm, hpet_legacy_line (hpet, 0), error)) == NULL
      || (board->rtc = rtc_new (vm, hpet_legacy_line (hpet, 1), localtime, error)) == NULL
      || (dma8237 = dma8237_new (vm, error)) == NULL || (a20 = a20_new (vm, board->low_ram, error)) == NULL
      || port92_new (vm, a20, error) == NULL || (board->fw_cfg = fw_cfg_new (vm, error)) == NULL
      || ferr_new (vm, gsi_line (board->gsi, 13), error) == NULL
      || (board->debugcon = debugcon_new (vm, error)) == NULL)
    return FALSE;
  pit_count_acknowledged (pit, board->gsi);
  rtc_set_alarm_line (board->rtc, acpi_pm_rtc_line (board->power));
  acpi_pm_set_wake_func (board->power, on_wake, board);
  debugcon_set_func (board->debugcon, on_debug_line, board);
  if (!build_input (board, a20, error) || !build_devices (board, dma8237, error)
      || vmgenid_new (vm, board->fw_cfg, on_generation, board, error) == NULL)
    return FALSE;
  vmcoreinfo_add (board->fw_cfg);
  return pc_tell_firmware (board, error);
}

Board *
pc_new (Vm *vm, MachineDefinition *definition, GError **error)
{
  Board *board = board_alloc (vm, definition);
  const char *chipset = definition_text (definition, "machine.chipset");
  gboolean ok;

  board->chipset = board_chipset (chipset != NULL ? chipset : "pc");
  if (board->chipset == NULL)
    {
      /* The definition lets no other through. */
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "There is no chipset “%s”", chipset);
      board_free (board);
      return NULL;
    }
  board->last_slot = board->chipset->last_slot;
  board->place = place;
  vm_lock (vm);
  address_space_begin (vm->memory);
  address_space_begin (vm->ports);
  ok = build (board, error);
  address_space_commit (vm->ports);
  address_space_commit (vm->memory);
  vm_unlock (vm);
  if (!ok || (board->chipset->finish != NULL && !board->chipset->finish (board, error)))
    g_clear_pointer (&board, board_free);
  return board;
}
