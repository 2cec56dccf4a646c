/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A USB stick: a SCSI disk behind bulk pipes.  Universal Serial Bus Mass Storage Class, Bulk-Only Transport 1.0; commands are storage/scsi-command.h's, which
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

/* In no port yet.  Takes the image, also where it fails. */
UsbDevice *usb_storage_new (Vm *vm, const char *id, Block *block, const char *serial, GError **error);
Block *usb_storage_image (const UsbDevice *device);

G_END_DECLS
