/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What all boards share: drives and the life of a Board.
 */
#define G_LOG_DOMAIN "board"

#include "board/board.h"

#include "net/ne2000.h"
#include "storage/fdc.h"
#include "storage/ahci.h"
#include "storage/ide.h"
#include "storage/nvme.h"
#include "video/test-display.h"
#include "virtio/blk.h"
#include "virtio/scsi.h"

#include <gio/gio.h>

/* On bus 0, where the switch for tests puts it. */
#define TEST_DISPLAY_DEVFN PCI_DEVFN (0x1f, 0)

/* Behind what the chipset has. */
#define FIRST_SLOT 3

/* What a host gets to take the end of what was sent to a file. */
#define LAST_WORDS_MS 2000

static void
board_net_free (gpointer data)
{
  BoardNet *net = data;

  g_free (net->id);
  g_free (net);
}

Board *
board_alloc (Vm *vm, MachineDefinition *definition)
{
  Board *board = g_new0 (Board, 1);

  board->vm = vm;
  board->definition = definition_ref (definition);
  board->drives = g_ptr_array_new_with_free_func (machine_drive_free);
  board->outputs = g_ptr_array_new ();
  board->usb_disks = g_ptr_array_new ();
  board->usb_hubs = g_ptr_array_new ();
  board->usb_hosts = g_ptr_array_new ();
  board->usb_serials = g_ptr_array_new ();
  board->nets = g_ptr_array_new_with_free_func (board_net_free);
  return board;
}

gboolean
board_add_test_device (Board *board, TestDeviceExit exit, void *opaque, GError **error)
{
  Device *device;

  vm_lock (board->vm);
  device = test_device_new (board->vm, board->gsi, exit, opaque, error);
  vm_unlock (board->vm);
  return device != NULL;
}

gboolean
board_add_test_display (Board *board, GError **error)
{
  Device *device;

  vm_lock (board->vm);
  device
      = test_display_new (board->vm, pci_root_bus (board->root), TEST_DISPLAY_DEVFN, "test-display", error);
  vm_unlock (board->vm);
  if (device != NULL)
    g_ptr_array_add (board->outputs, test_display_output (device));
  return device != NULL;
}

void
board_free (Board *board)
{
  if (board == NULL)
    return;
  vm_lock (board->vm);
  if (board->tray_source != NULL)
    {
      g_source_destroy (board->tray_source);
      g_clear_pointer (&board->tray_source, g_source_unref);
    }
  /* Devices before what they are wired to, in reverse order of making. */
  while (board->vm->devices->len > 0)
    device_free (board->vm->devices->pdata[board->vm->devices->len - 1]);
  for (unsigned i = 0; i < G_N_ELEMENTS (board->serial); i++)
    {
      if (board->far_ends[i] != NULL)
        serial_port_finish (board->serial[i], LAST_WORDS_MS);
      serial_port_free (board->serial[i]);
      serial_far_end_free (board->far_ends[i]);
    }
  board_clear_far_ends (board);
  if (board->router != NULL)
    input_router_free (board->router);
  vm_unlock (board->vm);
  g_ptr_array_unref (board->drives);
  g_ptr_array_unref (board->nets);
  g_ptr_array_unref (board->outputs);
  g_ptr_array_unref (board->usb_disks);
  g_ptr_array_unref (board->usb_hubs);
  g_ptr_array_unref (board->usb_hosts);
  g_ptr_array_unref (board->usb_serials);
  region_unref (board->low_ram);
  region_unref (board->high_ram);
  region_unref (board->bios);
  definition_unref (board->definition);
  if (board->shares.free != NULL)
    board->shares.free (board->shares.opaque);
  g_free (board);
}

gboolean
board_power_button (Board *board)
{
  return board->power != NULL && acpi_pm_power_button (board->power);
}

gboolean
board_sleep_button (Board *board)
{
  return board->power != NULL && acpi_pm_sleep_button (board->power);
}

unsigned
board_take_slot (Board *board, const char *id, GError **error)
{
  const unsigned slot = MAX (board->next_slot, FIRST_SLOT);

  if (slot > board->last_slot)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "%s: the PCI bus has no slot left; take a device away", id);
      return 0;
    }
  board->next_slot = slot + 1;
  return slot;
}

static MachineDrive *
find_drive (Board *board, const char *id)
{
  for (unsigned i = 0; i < board->drives->len; i++)
    {
      MachineDrive *drive = board->drives->pdata[i];

      if (g_str_equal (drive->id, id))
        return drive;
    }
  return NULL;
}

char *
board_place (Board *board, const char *id)
{
  const MachineDrive *drive = find_drive (board, id);
  const MachineDevice *device = definition_find (board->definition, id);
  const BoardNet *net = board_find_net (board, id);

  if (drive != NULL && drive->usb)
    return board_usb_place (board, id);
  if (drive != NULL && drive->ahci)
    return board_ahci_place (board, drive);
  if (drive != NULL && drive->scsi)
    return g_strdup_printf ("pci 00:%02x.0 target %u", drive->slot, drive->unit);
  if (drive != NULL && drive->slot != 0)
    return g_strdup_printf ("pci 00:%02x.0", drive->slot);
  if (net != NULL && !net->in_slot)
    return net->slot != 0 ? g_strdup_printf ("pci 00:%02x.0", net->slot)
                          : g_strdup_printf ("isa %x irq %u", NE2000_ISA_PORT, NE2000_ISA_IRQ);
  if (drive != NULL)
    return drive->kind == DRIVE_FLOPPY ? g_strdup_printf ("floppy %u", drive->unit)
                                       : g_strdup_printf ("ide %u:%u", drive->channel, drive->unit);
  for (unsigned i = 0; i < G_N_ELEMENTS (board->functions); i++)
    if (board->functions[i] != NULL && g_str_equal (board->functions[i]->id, id))
      return g_strdup_printf ("pci 00:%02x.0", i);
  if (device != NULL && g_str_equal (device->kind->name, "usb"))
    return board_usb_place (board, id);
  return device != NULL ? board->place (board, device) : NULL;
}

/* -- Trays that the guest moves ------------------------------------------------------------------- */

static gboolean
on_tray_news (gpointer data)
{
  Board *board = data;
  g_autoptr (GPtrArray) news = g_ptr_array_new ();

  vm_lock (board->vm);
  g_clear_pointer (&board->tray_source, g_source_unref);
  for (unsigned i = 0; i < board->drives->len; i++)
    {
      MachineDrive *drive = board->drives->pdata[i];
      gboolean open = drive->kind == DRIVE_CDROM
                      && (drive->usb    ? board_usb_tray_open (board, drive->id)
                          : drive->scsi ? virt_scsi_tray_open (board->scsi, drive->unit)
                          : drive->ahci ? ahci_tray_open (board->ahci, drive->unit)
                                        : ide_tray_open (board->ide, drive->channel, drive->unit));

      if (open == drive->ejected)
        continue;
      drive->ejected = open;
      if (drive->path != NULL)
        g_ptr_array_add (news, drive);
    }
  vm_unlock (board->vm);
  for (unsigned i = 0; i < news->len; i++)
    {
      const MachineDrive *drive = news->pdata[i];

      g_message (drive->ejected ? "%s: the guest has ejected %s" : "%s: the guest has drawn %s in again",
                 drive->id, drive->path);
      if (board->media_changed != NULL)
        board->media_changed (board->media_opaque, drive);
    }
  return G_SOURCE_REMOVE;
}

void
board_tray_moved (void *opaque, unsigned channel, unsigned unit, gboolean open)
{
  Board *board = opaque;

  if (board->tray_source != NULL)
    return;
  board->tray_source = g_idle_source_new ();
  g_source_set_callback (board->tray_source, on_tray_news, board, NULL);
  g_source_attach (board->tray_source, board->vm->control);
}

/* -- Media ---------------------------------------------------------------------------------------- */

Block *
board_drive_block (Board *board, const char *id)
{
  MachineDrive *drive = find_drive (board, id);

  if (drive == NULL)
    return NULL;
  if (drive->usb)
    return board_usb_image (board, id);
  if (drive->scsi)
    return virt_scsi_image (board->scsi, drive->unit);
  if (drive->ahci)
    return ahci_drive_media (board->ahci, drive->unit);
  if (drive->slot != 0)
    return drive->nvme ? nvme_image (board->functions[drive->slot])
                       : virt_block_image (board->functions[drive->slot]);
  return drive->kind == DRIVE_FLOPPY ? fdc_drive_media (board->fdc, drive->unit)
                                     : ide_drive_media (board->ide, drive->channel, drive->unit);
}

gboolean
board_change_media (Board *board, const char *id, const char *path, int fd, gboolean readonly, gboolean force,
                    GError **error)
{
  MachineDrive *drive = find_drive (board, id);
  Block *block = NULL, *old = NULL;
  uint8_t start[BLOCK_SECTOR_SIZE];
  gboolean ok = FALSE;

  if (drive == NULL || drive->kind == DRIVE_DISK)
    {
      g_set_error (error, G_IO_ERROR, drive == NULL ? G_IO_ERROR_NOT_FOUND : G_IO_ERROR_NOT_SUPPORTED,
                   drive == NULL ? "This machine has no drive “%s”" : "The medium of “%s” can't be changed",
                   id);
      return FALSE;
    }
  if (path != NULL)
    {
      BlockConfig config = {
        .path = path,
        .format = "raw",
        .flags = drive->kind == DRIVE_CDROM ? BLOCK_READ_ONLY | BLOCK_SHARED_READ
                                            : (readonly ? BLOCK_READ_ONLY : BLOCK_READ_WRITE),
        .passed = fd >= 0,
        .fd = fd,
      };

      block = block_open (&config, error);
      if (block == NULL)
        return FALSE;
      /* A drive looks at it with the lock held, and then finds it in the host's cache. */
      if (block_size (block) >= sizeof start)
        block_read_sync (block, 0, start, sizeof start, NULL);
    }
  if (drive->scsi)
    ok = virt_scsi_change_media (board->scsi, drive->unit, block, force, &old, error);
  vm_lock (board->vm);
  if (drive->usb)
    ok = board_usb_change_media (board, id, block, force, &old, error);
  else if (!drive->scsi)
    ok = drive->kind == DRIVE_FLOPPY ? fdc_change_media (board->fdc, drive->unit, block, &old, error)
         : drive->ahci
             ? ahci_change_media (board->ahci, drive->unit, block, force, &old, error)
             : ide_change_media (board->ide, drive->channel, drive->unit, block, force, &old, error);
  if (ok)
    drive->ejected = FALSE;
  vm_unlock (board->vm);
  old = ok ? old : block;
  if (old != NULL)
    block_close (old);
  if (!ok)
    return FALSE;
  g_free (drive->path);
  drive->path = g_strdup (path);
  drive->readonly = drive->kind == DRIVE_CDROM || (block != NULL ? block_read_only (block) : readonly);
  return TRUE;
}
