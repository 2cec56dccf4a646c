/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A USB stick, and a CD-ROM drive: SCSI behind bulk pipes.  Universal Serial Bus Mass Storage Class, Bulk-Only Transport 1.0; commands are storage/scsi-command.h's, which
 * knows neither queues nor virtio.
 *
 * One command at a time and one request to its image at a time, in pieces; while the image is at it both pipes say USB_NAK.
 *
 * Threads: all under the VM lock.
 */
#pragma once

#include "block/block.h"
#include "usb/usb.h"

G_BEGIN_DECLS

/* In no port yet.  `uas`: the host may choose USB Attached SCSI (storage-uas.c).  Takes the image, also where it fails. */
UsbDevice *usb_storage_new (Vm *vm, const char *id, Block *block, const char *serial, gboolean uas,
                            GError **error);
/* NULL: the drive is empty. */
Block *usb_storage_image (const UsbDevice *device);

/* A CD-ROM drive (storage/mmc.h).  `block` NULL: it is empty. */
UsbDevice *usb_cdrom_new (Vm *vm, const char *id, Block *block, const char *serial, GError **error);
/* The user changes the disc; NULL: takes it out.  FALSE and an error: the guest has locked the drive.  `*old` is the caller's then, as storage_port_set_block() has it. */
gboolean usb_cdrom_change_media (UsbDevice *device, Block *block, gboolean force, Block **old,
                                 GError **error);
gboolean usb_cdrom_tray_open (const UsbDevice *device);
/* `func` is called when the guest has moved the tray. */
void usb_cdrom_set_tray_func (UsbDevice *device, void (*func) (void *opaque), void *opaque);

G_END_DECLS
