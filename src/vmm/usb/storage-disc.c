/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * CD-ROM drives on USB: discs and trays.  What the drive says is storage/mmc.h's.
 */
#define G_LOG_DOMAIN "usb-storage"

#include "usb/storage-private.h"

#include <string.h>

#define NOT_READY_NO_MEDIUM 0x023a00u

void
usb_storage_look_at_disc (UsbStorage *s)
{
  const uint64_t sectors = s->port.block != NULL ? block_size (s->port.block) / MMC_SECTOR_SIZE : 0;

  s->mmc.loaded = s->port.block != NULL;
  s->mmc.sectors = s->mmc.tray_open ? 0 : (uint32_t)MIN (sectors, G_MAXUINT32 - 1000);
  /* What a transfer that was loaded may reach. */
  s->unit.n_blocks = sectors * (MMC_SECTOR_SIZE / SCSI_BLOCK_SIZE);
}

void
usb_storage_look_at_tray (UsbStorage *s)
{
  if (s->tray == s->mmc.tray_open)
    return;
  s->tray = s->mmc.tray_open;
  usb_storage_look_at_disc (s);
  if (s->tray_moved != NULL)
    s->tray_moved (s->tray_opaque);
}

UsbDevice *
usb_cdrom_new (Vm *vm, const char *id, Block *block, const char *serial, GError **error)
{
  static const uint8_t error_page[8] = { 0x00, 0x05 }; /* five retries */
  UsbStorage *s = usb_storage_make (vm, id, serial, TRUE);

  if (block != NULL)
    storage_port_set_block (&s->port, block);
  s->disc_answer = g_malloc0 (MMC_ANSWER_SIZE);
  s->mmc = (Mmc){ .serial = s->usb.serial, .revision = "1" };
  memcpy (s->mmc.error_page, error_page, sizeof error_page);
  s->unit.readonly = TRUE;
  s->unit.disc = &s->mmc;
  s->unit.disc_answer = s->disc_answer;
  usb_storage_look_at_disc (s);
  if (device_realize (&s->usb.device, error))
    return &s->usb;
  device_free (&s->usb.device);
  return NULL;
}

gboolean
usb_cdrom_tray_open (const UsbDevice *device)
{
  return ((const UsbStorage *)device)->tray;
}

void
usb_cdrom_set_tray_func (UsbDevice *device, void (*func) (void *opaque), void *opaque)
{
  UsbStorage *s = (UsbStorage *)device;

  s->tray_moved = func;
  s->tray_opaque = opaque;
}

gboolean
usb_cdrom_change_media (UsbDevice *device, Block *block, gboolean force, Block **old, GError **error)
{
  UsbStorage *s = (UsbStorage *)device;
  const gboolean had = s->port.block != NULL && !s->mmc.tray_open;

  if (!mmc_may_change (&s->mmc, had, force, error))
    return FALSE;
  usb_storage_abort (s, NOT_READY_NO_MEDIUM);
  *old = storage_port_set_block (&s->port, block);
  mmc_medium_changed (&s->mmc, block != NULL, had);
  s->tray = s->mmc.tray_open;
  usb_storage_look_at_disc (s);
  return TRUE;
}
