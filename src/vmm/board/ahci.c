/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Drives on the AHCI controller.  See ahci.h.
 */
#define G_LOG_DOMAIN "board"

#include "board/ahci.h"

#include "board/chipsets.h"
#include "storage/ahci.h"

#include <gio/gio.h>

uint64_t
board_wwn (Board *board, const char *id)
{
  const char *uuid = definition_text (board->definition, "machine.uuid");
  g_autofree char *text = g_strdup_printf ("%s %s", uuid != NULL ? uuid : "", id);
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);

  sum[15] = '\0';
  return 3ull << 60 | g_ascii_strtoull (sum, NULL, 16);
}

/* An ICH9 has a place for it; beside a PIIX3 it is a card in a slot. */
static gboolean
build_controller (Board *board, GError **error)
{
  unsigned devfn = board->chipset->ahci_devfn;

  if (devfn == 0)
    devfn = PCI_DEVFN (board_take_slot (board, "ahci", error), 0);
  if (devfn == 0)
    return FALSE;
  board->ahci = ahci_new (board->vm, "ahci", pci_root_bus (board->root), devfn, error);
  if (board->ahci != NULL)
    ahci_set_tray_func (board->ahci, board_tray_moved, board);
  return board->ahci != NULL;
}

gboolean
board_attach_ahci (Board *board, MachineDrive *drive, const MachineDevice *wanted, Block *block,
                   GError **error)
{
  g_autofree char *serial = g_strdup_printf ("VIV-%s", drive->id);
  const IdeDriveConfig config = {
    .kind = drive->kind == DRIVE_DISK ? IDE_DRIVE_DISK : IDE_DRIVE_CDROM,
    .block = block,
    .serial = serial,
    .wwn = drive->kind == DRIVE_DISK ? board_wwn (board, drive->id) : 0,
  };
  unsigned port = 0;

  if (board->ahci == NULL && !build_controller (board, error))
    return FALSE;
  while (port < AHCI_N_PORTS && ahci_drive_kind (board->ahci, port) != IDE_DRIVE_NONE)
    port++;
  if (port == AHCI_N_PORTS)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "%s: the AHCI controller has room for %u drives; take one away, or put it on another bus",
                   drive->id, AHCI_N_PORTS);
      return FALSE;
    }
  drive->ahci = TRUE;
  drive->unit = port;
  if (!ahci_attach (board->ahci, port, &config, error))
    return FALSE;
  if (drive->kind == DRIVE_DISK && !machine_device_flag (wanted, "plugged"))
    ahci_plug (board->ahci, port, FALSE);
  return TRUE;
}

static unsigned
function_of (Board *board)
{
  return ((const PciDevice *)board->ahci)->devfn;
}

char *
board_ahci_place (Board *board, const MachineDrive *drive)
{
  return g_strdup_printf ("pci 00:%02x.%x port %u", function_of (board) >> 3, function_of (board) & 7,
                          drive->unit);
}

char *
board_ahci_path (Board *board, const MachineDrive *drive)
{
  const unsigned devfn = function_of (board);
  g_autofree char *function = devfn & 7 ? g_strdup_printf (",%x", devfn & 7) : g_strdup ("");

  return g_strdup_printf ("/pci@i0cf8/pci8086,2922@%x%s/drive@%x/disk@0", devfn >> 3, function, drive->unit);
}

gboolean
board_ahci_plug (Board *board, const char *id, gboolean plugged)
{
  for (guint i = 0; i < board->drives->len; i++)
    {
      const MachineDrive *drive = g_ptr_array_index (board->drives, i);

      if (!drive->ahci || !g_str_equal (drive->id, id))
        continue;
      vm_lock (board->vm);
      ahci_plug (board->ahci, drive->unit, plugged);
      vm_unlock (board->vm);
      return TRUE;
    }
  return FALSE;
}
